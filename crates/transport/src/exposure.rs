use std::net::{IpAddr, SocketAddr};

/// How a listener is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Callers must show a token.
    pub token: bool,
    /// The connection is TLS.
    pub tls: bool,
    /// The user said that the network is trusted.
    pub insecure: bool,
}

/// Whether it may listen at `address`; where not, what is missing and the remedy.
///
/// # Errors
/// Beyond loopback without both token and TLS, unless told `insecure`.
pub fn exposure(address: SocketAddr, how: Exposure) -> Result<(), String> {
    if address.ip().is_loopback() || how.insecure || (how.token && how.tls) {
        return Ok(());
    }
    let missing = match (how.token, how.tls) {
        (false, false) => "a token (`token_file`) and TLS (`tls_certificate`, `tls_key`)",
        (false, true) => "a token (`token_file`)",
        _ => "TLS (`tls_certificate`, `tls_key`)",
    };
    Err(format!(
        "`listen = \"{address}\"` is not loopback and lacks {missing}: set it, listen on 127.0.0.1, \
         or say `insecure = true` where the network is trusted"
    ))
}

/// Whether a URL's host (a name, an address, or one in brackets) is this host itself.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse();
    host == "localhost" || address.is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_loopback_both_are_needed_or_a_word() {
        let open = "0.0.0.0:4000".parse().unwrap();
        let none = Exposure::default();
        assert!(exposure("127.0.0.1:1".parse().unwrap(), none).is_ok());
        assert!(exposure("[::1]:1".parse().unwrap(), none).is_ok());
        assert!(exposure(open, Exposure { insecure: true, ..none }).is_ok());
        assert!(exposure(open, Exposure { token: true, tls: true, ..none }).is_ok());
        let lacks = |how| exposure(open, how).unwrap_err();
        assert!(lacks(none).contains("a token (`token_file`) and TLS"));
        assert!(lacks(Exposure { tls: true, ..none }).contains("lacks a token (`token_file`):"));
        assert!(lacks(Exposure { token: true, ..none }).contains("lacks TLS"));
    }
}

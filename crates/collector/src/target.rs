//! Where an agent is asked.

use std::fmt;
use std::sync::Arc;

/// The port where agents listen by default.
pub const PORT: u16 = 4000;

/// `http` or `https`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In the clear.
    #[default]
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// As it stands in a URL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// An agent's address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    key: Arc<str>,
    scheme: Scheme,
}

/// Text that is no agent's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no agent's address: write \"10.0.0.1:4000\", \"node-1\" or \"https://node-1:4000\""
)]
pub struct ParseTargetError(String);

impl Target {
    /// Reads an address; without a scheme it has `scheme`, without a port 4000.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str, scheme: Scheme) -> Result<Self, ParseTargetError> {
        let fault = || ParseTargetError(text.to_owned());
        let (scheme, rest) = match text.trim().split_once("://") {
            None => (scheme, text.trim()),
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(_) => return Err(fault()),
        };
        let (host, port) = split(rest.trim_end_matches('/')).ok_or_else(fault)?;
        Ok(Self { key: format!("{host}:{port}").to_lowercase().into(), scheme })
    }

    /// `HOST:PORT`: what servers share agents by, and what people see.
    #[must_use]
    pub fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// Whether nobody between can listen: TLS, or this host.
    #[must_use]
    pub fn is_private(&self) -> bool {
        let host = self.key.rsplit_once(':').map_or(&*self.key, |(host, _)| host);
        self.scheme == Scheme::Https || svcflow_transport::is_loopback(host)
    }

    /// A URL of this path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme.name(), self.key)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)
    }
}

/// Host and port of `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address.
pub(crate) fn split(text: &str) -> Option<(String, u16)> {
    if let Ok(address) = text.parse::<std::net::Ipv6Addr>() {
        return Some((format!("[{address}]"), PORT));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (format!("[{host}]"), port.strip_prefix(':').or_else(|| port.is_empty().then_some(""))?)
        }
        None => {
            let (host, port) = text.split_once(':').unwrap_or((text, ""));
            let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            if host.is_empty() || host.len() > 253 || !host.chars().all(usual) {
                return None;
            }
            (host.to_owned(), port)
        }
    };
    if port.is_empty() {
        return (!text.ends_with(':')).then_some((host, PORT));
    }
    port.parse().ok().filter(|port| *port != 0).map(|port| (host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_have_one_form() {
        for (text, key, url) in [
            ("10.0.0.1:4001", "10.0.0.1:4001", "http://10.0.0.1:4001/x"),
            ("Node-1", "node-1:4000", "http://node-1:4000/x"),
            ("https://a.b/", "a.b:4000", "https://a.b:4000/x"),
            ("::1", "[::1]:4000", "http://[::1]:4000/x"),
            ("[::1]:5", "[::1]:5", "http://[::1]:5/x"),
            (" http://[fd00::1] ", "[fd00::1]:4000", "http://[fd00::1]:4000/x"),
        ] {
            let target = Target::parse(text, Scheme::Http).unwrap();
            assert_eq!((&**target.key(), target.url("/x").as_str()), (key, url));
        }
        let private = |text| Target::parse(text, Scheme::Http).unwrap().is_private();
        assert!(private("127.0.0.1:4000") && private("[::1]") && private("https://node-1"));
        assert!(private("localhost:1") && !private("10.0.0.1:4000") && !private("node-1"));
        for wrong in
            ["", ":4000", "a:", "a:0", "a:70000", "ftp://a", "a b", "a/b", "[::1", "[x]:1", "a@b"]
        {
            assert!(Target::parse(wrong, Scheme::Http).is_err(), "{wrong}");
        }
    }
}

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A network: an address and how many of its bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr {
    /// Any address of the network.
    pub address: IpAddr,
    /// How many leading bits count.
    pub prefix: u8,
}

impl From<IpAddr> for Cidr {
    /// The network of one address.
    fn from(address: IpAddr) -> Self {
        Self { address, prefix: bits(address) }
    }
}

/// How many bits an address of this family has.
fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl Cidr {
    /// The network of the first `prefix` bits of `address`, the other bits cleared: equal networks are
    /// equal values. A prefix that the family doesn't have is cut to the whole address.
    #[must_use]
    pub fn of(address: IpAddr, prefix: u8) -> Self {
        let prefix = prefix.min(bits(address));
        let address = match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                Ipv4Addr::from_bits(v4.to_bits() & mask).into()
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                Ipv6Addr::from_bits(v6.to_bits() & mask).into()
            }
        };
        Self { address, prefix }
    }

    /// Whether it is one address.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.prefix == bits(self.address)
    }

    /// Whether `address` is of this network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(net), IpAddr::V4(address)) => {
                let differs = (net.to_bits() ^ address.to_bits()).leading_zeros();
                differs >= u32::from(self.prefix)
            }
            (IpAddr::V6(net), IpAddr::V6(address)) => {
                let differs = (net.to_bits() ^ address.to_bits()).leading_zeros();
                differs >= u32::from(self.prefix)
            }
            _ => false,
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Text that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network: write `10.1.1.0/24`, or one address")]
pub struct ParseCidrError(String);

impl FromStr for Cidr {
    type Err = ParseCidrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || ParseCidrError(text.to_owned());
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| fault())?;
        let most = bits(address);
        let prefix = prefix.map_or(Ok(most), str::parse).map_err(|_| fault())?;
        if prefix > most { Err(fault()) } else { Ok(Self { address, prefix }) }
    }
}

impl Serialize for Cidr {
    /// As text; one address without its prefix.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_single() {
            serializer.collect_str(&self.address)
        } else {
            serializer.collect_str(self)
        }
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        let net: Cidr = "10.1.1.7/24".parse().unwrap();
        assert!(net.contains("10.1.1.255".parse().unwrap()));
        assert!(!net.contains("10.1.2.0".parse().unwrap()));
        assert!(!net.contains("::1".parse().unwrap()));
        assert!("0.0.0.0/0".parse::<Cidr>().unwrap().contains("1.2.3.4".parse().unwrap()));
        assert!(!"10.1.1.1".parse::<Cidr>().unwrap().contains("10.1.1.2".parse().unwrap()));
        for wrong in ["10.1.1.1/33", "fd00::/129", "x/1", "1.1.1.1/", "1.1.1.1/-1", ""] {
            assert!(wrong.parse::<Cidr>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn equal_networks_are_equal_values() {
        let of = |text: &str, prefix| Cidr::of(text.parse().unwrap(), prefix).to_string();
        assert_eq!(of("10.1.1.7", 24), "10.1.1.0/24");
        assert_eq!(of("10.1.1.7", 0), "0.0.0.0/0");
        assert_eq!(of("10.1.1.7", 99), "10.1.1.7/32");
        assert_eq!(of("fd10:1:1::5", 48), "fd10:1:1::/48");
        assert_eq!(of("fd10::5", 0), "::/0");
    }

    #[test]
    fn json_reads_its_own_writing() {
        for text in ["\"10.1.1.0/24\"", "\"10.1.1.7\"", "\"fd10::/64\""] {
            let cidr: Cidr = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&cidr).unwrap(), text);
        }
        assert!(serde_json::from_str::<Cidr>("\"10.1.1.0/33\"").is_err());
    }
}

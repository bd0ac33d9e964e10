//! Ranges of IP addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses in CIDR notation, such as `192.0.2.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IpRange {
    network: IpAddr,
    length: u32,
}

impl IpRange {
    pub(crate) const fn v4(a: u8, b: u8, c: u8, d: u8, length: u32) -> Self {
        Self { network: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), length }
    }

    pub(crate) const fn v6(a: u16, b: u16, length: u32) -> Self {
        Self { network: IpAddr::V6(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0)), length }
    }

    /// Returns true if the address is in the range. An IPv4-mapped IPv6 address must be unwrapped first.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.network, ip) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => {
                (network.to_bits() ^ ip.to_bits()).leading_zeros() >= self.length
            }
            (IpAddr::V6(network), IpAddr::V6(ip)) => {
                (network.to_bits() ^ ip.to_bits()).leading_zeros() >= self.length
            }
            _ => false,
        }
    }
}

/// The reason why a text is not a range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a range such as 192.0.2.0/24, found {0:?}")]
pub struct IpRangeError(String);

impl FromStr for IpRange {
    type Err = IpRangeError;

    fn from_str(text: &str) -> Result<Self, IpRangeError> {
        let range = || {
            let (network, length) = text.split_once('/')?;
            let (network, length): (IpAddr, u32) = (network.parse().ok()?, length.parse().ok()?);
            let longest = if network.is_ipv4() { 32 } else { 128 };
            (length <= longest).then_some(Self { network, length })
        };
        range().ok_or_else(|| IpRangeError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_an_address_and_a_length() {
        let all: IpRange = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("8.8.8.8".parse().unwrap()) && !all.contains("::1".parse().unwrap()));
        let one: IpRange = "::1/128".parse().unwrap();
        assert!(one.contains("::1".parse().unwrap()) && !one.contains("::2".parse().unwrap()));
        for text in ["", "1.2.3.4", "1.2.3.4/33", "::/129", "a/8", "1.2.3.4/x"] {
            assert!(text.parse::<IpRange>().is_err(), "{text:?}");
        }
    }
}

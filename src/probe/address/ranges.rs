//! The address ranges that may be probed if an address comes from DNS records.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::domain::IpRange;

/// Ranges besides [`PRIVATE`] that are not globally reachable (RFC 6890, and IANA's registries of special-purpose addresses).
/// Outside of 2000::/3 there are no global unicast addresses.
const SPECIAL: &[IpRange] = &[
    IpRange::v4(0, 0, 0, 0, 8),
    IpRange::v4(100, 64, 0, 0, 10),
    IpRange::v4(192, 0, 0, 0, 24),
    IpRange::v4(192, 0, 2, 0, 24),
    IpRange::v4(192, 88, 99, 0, 24),
    IpRange::v4(198, 18, 0, 0, 15),
    IpRange::v4(198, 51, 100, 0, 24),
    IpRange::v4(203, 0, 113, 0, 24),
    // multicast, reserved and broadcast
    IpRange::v4(224, 0, 0, 0, 3),
    // a service of Azure for its own machines
    IpRange::v4(168, 63, 129, 16, 32),
    IpRange::v6(0x2001, 0, 23),
    IpRange::v6(0x2001, 0xdb8, 32),
    IpRange::v6(0x3fff, 0, 20),
];

/// Ranges that a configuration may admit: private networks (RFC 1918, RFC 4193), loopback and link-local.
const PRIVATE: &[IpRange] = &[
    IpRange::v4(10, 0, 0, 0, 8),
    IpRange::v4(127, 0, 0, 0, 8),
    IpRange::v4(169, 254, 0, 0, 16),
    IpRange::v4(172, 16, 0, 0, 12),
    IpRange::v4(192, 168, 0, 0, 16),
    IpRange::v6(0xfc00, 0, 7),
    IpRange::v6(0xfe80, 0, 10),
];

/// Cloudflare's own ranges as published in 2026, used until the API has returned them.
pub(super) const CLOUDFLARE: &[IpRange] = &[
    IpRange::v4(103, 21, 244, 0, 22),
    IpRange::v4(103, 22, 200, 0, 22),
    IpRange::v4(103, 31, 4, 0, 22),
    IpRange::v4(104, 16, 0, 0, 13),
    IpRange::v4(104, 24, 0, 0, 14),
    IpRange::v4(108, 162, 192, 0, 18),
    IpRange::v4(131, 0, 72, 0, 22),
    IpRange::v4(141, 101, 64, 0, 18),
    IpRange::v4(162, 158, 0, 0, 15),
    IpRange::v4(172, 64, 0, 0, 13),
    IpRange::v4(173, 245, 48, 0, 20),
    IpRange::v4(188, 114, 96, 0, 20),
    IpRange::v4(190, 93, 240, 0, 20),
    IpRange::v4(197, 234, 240, 0, 22),
    IpRange::v4(198, 41, 128, 0, 17),
    IpRange::v6(0x2400, 0xcb00, 32),
    IpRange::v6(0x2405, 0x8100, 32),
    IpRange::v6(0x2405, 0xb500, 32),
    IpRange::v6(0x2606, 0x4700, 32),
    IpRange::v6(0x2803, 0xf800, 32),
    IpRange::v6(0x2a06, 0x98c0, 29),
    IpRange::v6(0x2c0f, 0xf248, 32),
];

const UNICAST: IpRange = IpRange::v6(0x2000, 0, 3);

/// Returns true if the address is globally reachable. Probing it cannot reach anything inside the exporter's
/// own network.
pub fn is_public(ip: IpAddr) -> bool {
    let ip = unwrapped(ip);
    (ip.is_ipv4() || UNICAST.contains(ip)) && !is_private(ip) && !is_in(SPECIAL, ip)
}

/// Returns true if the address is private, loopback or link-local.
pub(super) fn is_private(ip: IpAddr) -> bool {
    is_in(PRIVATE, ip) || ip == Ipv6Addr::LOCALHOST
}

pub(super) fn is_in(ranges: &[IpRange], ip: IpAddr) -> bool {
    ranges.iter().any(|range| range.contains(ip))
}

/// Returns the IPv4 address in an IPv6 address (IPv4-mapped, RFC 4291; 6to4, RFC 3056; NAT64, RFC 6052), or
/// the address itself.
pub(super) fn unwrapped(ip: IpAddr) -> IpAddr {
    const MAPPED: u128 = 0xffff;
    const NAT64: u128 = 0x0064_ff9b << 64;
    let IpAddr::V6(v6) = ip else { return ip };
    let v4 = |shift: u32| {
        let bits = v6.to_bits() >> shift & u128::from(u32::MAX);
        IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or_default()))
    };
    match v6.to_bits() >> 32 {
        MAPPED | NAT64 => v4(0),
        _ if v6.segments()[0] == 0x2002 => v4(80),
        _ => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_globally_reachable_are_not_public() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "::7f00:1",
            "100::",
            "100::1",
            "64:ff9b:1::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "3fff::1",
            "3fff:fff::1",
            "4000::1",
            "5f00::1",
            // IPv4 addresses in IPv6 addresses
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2002:c0a8:101::",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn all_other_addresses_are_public() {
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "168.63.129.15",
            "168.63.129.17",
            "2000::1",
            "2001:200::1",
            "2606:4700::1",
            "2a00:1450::1",
            "2001:dc0::1",
            "3ffe::1",
            "3fff:1000::1",
            "2003::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }
}

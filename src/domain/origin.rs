//! Origins and their addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use super::Hostname;

/// One origin of a hostname.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginTarget {
    /// The hostname that Cloudflare serves from it.
    pub hostname: Hostname,
    /// The value of the label `origin`: a name, or the configured address. It is unique among the origins of a
    /// hostname.
    pub label: Arc<str>,
    /// The address that it listens on.
    pub address: OriginAddress,
    /// The server name of the TLS handshake and the HTTP request.
    pub server_name: Hostname,
    /// The path of the HTTP request.
    pub path: Arc<str>,
    /// True if the origin comes from DNS records, false if it is configured.
    pub from_dns: bool,
}

/// The address of an origin: `HOST[:PORT]`, with port 443 by default.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OriginAddress {
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Host {
    Ip(IpAddr),
    Name(Hostname),
}

impl OriginAddress {
    /// The default port.
    pub const PORT: u16 = 443;

    /// Returns the IP address, if the origin is given by one.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self.host {
            Host::Ip(ip) => Some(ip),
            Host::Name(_) => None,
        }
    }

    /// Returns the name, if the origin is given by one.
    pub const fn name(&self) -> Option<&Hostname> {
        match &self.host {
            Host::Ip(_) => None,
            Host::Name(name) => Some(name),
        }
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

/// Uses port 443.
impl From<IpAddr> for OriginAddress {
    fn from(ip: IpAddr) -> Self {
        Self { host: Host::Ip(ip), port: Self::PORT }
    }
}

impl From<std::net::SocketAddr> for OriginAddress {
    fn from(address: std::net::SocketAddr) -> Self {
        Self { host: Host::Ip(address.ip()), port: address.port() }
    }
}

/// The reason why a text is not the address of an origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected HOST or HOST:PORT such as 203.0.113.7, [2001:db8::7]:8443 or origin.example.com, found {0:?}"
)]
pub struct OriginAddressError(String);

impl FromStr for OriginAddress {
    type Err = OriginAddressError;

    fn from_str(text: &str) -> Result<Self, OriginAddressError> {
        parse(text).ok_or_else(|| OriginAddressError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<OriginAddress> {
    let address = |host, port| Some(OriginAddress { host, port });
    if let Ok(ip) = text.parse() {
        return address(Host::Ip(ip), OriginAddress::PORT);
    }
    // a bracketed IPv6 address may lack the port
    let (host, port) = match text.rsplit_once(':').filter(|_| !text.ends_with(']')) {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0)?),
        None => (text, OriginAddress::PORT),
    };
    if let Some(ip) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address(Host::Ip(IpAddr::V6(ip.parse().ok()?)), port);
    }
    if let Ok(ip) = host.parse() {
        return address(Host::Ip(IpAddr::V4(ip)), port);
    }
    let name: Hostname = host.parse().ok()?;
    // a number is not a top-level domain; some resolvers would read 203.0.113 as an address
    let last = name.as_str().rsplit('.').next()?;
    let is_name = !name.is_wildcard() && !last.bytes().all(|byte| byte.is_ascii_digit());
    is_name.then(|| address(Host::Name(name), port))?
}

/// Writes the port only if it is not 443.
impl fmt::Display for OriginAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Ip(IpAddr::V6(ip)) if self.port != Self::PORT => write!(f, "[{ip}]")?,
            Host::Ip(ip) => ip.fmt(f)?,
            Host::Name(name) => f.write_str(name.as_str())?,
        }
        if self.port != Self::PORT { write!(f, ":{}", self.port) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_without_the_default_port() {
        for (text, written) in [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7:443", "203.0.113.7"),
            ("203.0.113.7:8443", "203.0.113.7:8443"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:DB8::7]", "2001:db8::7"),
            ("[2001:db8::7]:8443", "[2001:db8::7]:8443"),
            ("Origin.Example.com.", "origin.example.com"),
            ("localhost:8443", "localhost:8443"),
        ] {
            let address: OriginAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), written);
            assert_eq!(written.parse(), Ok(address));
        }
    }

    #[test]
    fn invalid_addresses_are_refused() {
        for text in [
            "",
            ":443",
            "a:0",
            "a:65536",
            "a:b",
            "*.example.com",
            "203.0.113",
            "203.0.113.256",
            "[203.0.113.7]",
            "[::1",
            "https://a",
            "a b",
            "::1:x",
        ] {
            assert!(text.parse::<OriginAddress>().is_err(), "{text:?}");
        }
    }
}

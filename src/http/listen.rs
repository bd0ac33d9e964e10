//! The listen address: an IP address or host name with a port.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use tokio::net::{TcpListener, lookup_host};

/// A host and a port, such as `127.0.0.1:10219`, `localhost:10219` or `:10219`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// All IPv6 and IPv4 addresses of this machine.
    Any,
    Address(IpAddr),
    /// A host name in lower case without a trailing dot.
    Name(String),
}

/// The error for a text that is not a host and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address with a port, such as 127.0.0.1:10219, localhost:10219 or :10219")]
pub struct ListenError;

impl Listen {
    /// Returns the host name, or none if the host is omitted or an address.
    pub fn name(&self) -> Option<&str> {
        if let Host::Name(name) = &self.host { Some(name) } else { None }
    }

    /// Binds the first address of the host that can be bound, trying IPv4 before IPv6.
    ///
    /// # Errors
    /// Fails if the name has no address or none of its addresses can be bound.
    pub async fn bind(&self) -> io::Result<TcpListener> {
        match &self.host {
            Host::Address(address) => TcpListener::bind((*address, self.port)).await,
            Host::Any => match TcpListener::bind((Ipv6Addr::UNSPECIFIED, self.port)).await {
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                    // fall back to IPv4 if the machine has no IPv6
                    TcpListener::bind((Ipv4Addr::UNSPECIFIED, self.port)).await
                }
                result => result,
            },
            Host::Name(name) => {
                let mut addresses: Vec<_> = lookup_host((name.as_str(), self.port)).await?.collect();
                addresses.sort_by_key(SocketAddr::is_ipv6);
                TcpListener::bind(&*addresses).await
            }
        }
    }
}

impl<A: Into<SocketAddr>> From<A> for Listen {
    fn from(address: A) -> Self {
        let address = address.into();
        Self { host: Host::Address(address.ip()), port: address.port() }
    }
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        let (host, port) = text.rsplit_once(':').ok_or(ListenError)?;
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ListenError);
        }
        let port = port.parse().map_err(|_| ListenError)?;
        let host = if host.is_empty() { Host::Any } else { Host::Name(name(host).ok_or(ListenError)?) };
        Ok(Self { host, port })
    }
}

/// Normalizes a host name to lower case without a trailing dot. None if `text` is not a host name.
pub fn name(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    // a name whose last label is a number would be taken for an address
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_name =
        name.len() <= 253 && name.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit());
    is_name.then(|| name.to_ascii_lowercase())
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Any => write!(f, ":{}", self.port),
            Host::Address(address) => SocketAddr::new(*address, self.port).fmt(f),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_an_address_or_a_name_or_omitted() {
        for (text, name) in [
            ("127.0.0.1:10219", None),
            ("[::1]:80", None),
            (":10219", None),
            ("localhost:10219", Some("localhost")),
            ("aop_1.example.com:0", Some("aop_1.example.com")),
        ] {
            let listen: Listen = text.parse().unwrap();
            assert_eq!((listen.name(), listen.to_string()), (name, text.to_owned()));
        }
        assert_eq!("LocalHost.:1".parse::<Listen>().unwrap().to_string(), "localhost:1");
        for text in [
            "",
            ":",
            "localhost",
            "localhost:",
            "localhost:http",
            "a:+1",
            "a:65536",
            "::1:80",
            "1.2.3:80",
            "256.1.1.1:80",
            "a b:80",
            "http://a:80",
            "a..b:80",
            ".:80",
            "[::1:80",
        ] {
            assert_eq!(text.parse::<Listen>(), Err(ListenError), "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_binds_its_first_address_and_an_omitted_host_binds_all() {
        let bound =
            async |text: &str| text.parse::<Listen>().unwrap().bind().await.unwrap().local_addr().unwrap();
        assert_eq!(bound("localhost:0").await.ip(), Ipv4Addr::LOCALHOST);
        assert!(bound(":0").await.ip().is_unspecified());
        assert!("nowhere.invalid:0".parse::<Listen>().unwrap().bind().await.is_err());
    }
}

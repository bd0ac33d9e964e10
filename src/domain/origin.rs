//! Origins: where they are, and what they demand of a connection that presents no certificate.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::{AcceptedIssuers, Date, Hostname};

/// What an origin does with a connection that presents no certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Demand {
    /// It does not ask for one.
    None,
    /// It asks for one, and serves without.
    Optional,
    /// It asks for one, and refuses without.
    Required,
    /// The probe could not tell.
    #[default]
    Unknown,
}

impl Demand {
    /// Every demand, in the order in which they are exposed.
    pub const ALL: [Self; 4] = [Self::None, Self::Optional, Self::Required, Self::Unknown];

    /// The demand in a word, which is also the value of the label `demand`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Optional => "optional",
            Self::Required => "required",
            Self::Unknown => "unknown",
        }
    }
}

/// What a [`Demand`] was judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DemandReason {
    /// It asked, and ended the connection with this TLS alert.
    Refused(u8),
    /// It asked, and answered with an error that says that the certificate is missing.
    RefusedByAnswer(u16),
    /// It asked, and served the request with this status.
    Served(u16),
    /// It did not ask, and answered with this status.
    NotAsked(u16),
    /// It did not ask, and spoke HTTP/2.
    NotAskedHttp2,
    /// It asks only after it has read the request.
    AsksLate,
    /// It asked, and answered with a status that an application may give for other reasons; or it did not ask, and the
    /// status says that a certificate is missing.
    Unclear(u16),
    /// It asked, and spoke HTTP/2.
    UnclearHttp2,
    /// Its name has no address.
    NotResolved,
    /// It has only addresses that must not be probed.
    NotPublic,
    /// No connection could be made.
    NotReachable,
    /// It took too long.
    TimedOut,
    /// It ended the connection without an answer.
    Closed,
    /// It ended the connection with a TLS alert that has another cause than a missing certificate.
    Alert(u8),
    /// It does not speak TLS 1.2 or 1.3, or not correctly.
    NotTls,
    /// It resumed an earlier TLS session.
    Resumed,
    /// Its answer is not HTTP.
    NotHttp,
    /// The head of its answer is too long.
    HeadTooLong,
}

impl DemandReason {
    /// The reason in a word.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::RefusedByAnswer(_) => "refused_by_answer",
            Self::Served(_) => "served",
            Self::NotAsked(_) | Self::NotAskedHttp2 => "not_asked",
            Self::AsksLate => "asks_late",
            Self::Unclear(_) | Self::UnclearHttp2 => "unclear",
            Self::NotResolved => "not_resolved",
            Self::NotPublic => "not_public",
            Self::NotReachable => "not_reachable",
            Self::TimedOut => "timed_out",
            Self::Closed => "closed",
            Self::Alert(_) => "alert",
            Self::NotTls => "not_tls",
            Self::Resumed => "resumed",
            Self::NotHttp => "not_http",
            Self::HeadTooLong => "head_too_long",
        }
    }
}

/// The reason in words.
impl fmt::Display for DemandReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(alert) => {
                write!(f, "asks for a certificate and refuses without it (TLS alert {alert})")
            }
            Self::RefusedByAnswer(status) => {
                write!(f, "asks for a certificate and refuses without it (status {status})")
            }
            Self::Served(status) => {
                write!(f, "asks for a certificate and serves without it (status {status})")
            }
            Self::NotAsked(status) => write!(f, "does not ask for a certificate (status {status})"),
            Self::NotAskedHttp2 => f.write_str("does not ask for a certificate (answers in HTTP/2)"),
            Self::AsksLate => {
                f.write_str("asks for a certificate only after the request, for some paths perhaps")
            }
            Self::Unclear(status) => {
                write!(f, "answers with status {status}, which may or may not be about the certificate")
            }
            Self::UnclearHttp2 => f.write_str("asks for a certificate and answers in HTTP/2"),
            Self::NotResolved => f.write_str("the name has no address"),
            Self::NotPublic => f.write_str("the address is not public, or is Cloudflare's own"),
            Self::NotReachable => f.write_str("cannot connect"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Closed => f.write_str("closes the connection without an answer"),
            Self::Alert(alert) => write!(f, "ends the connection with TLS alert {alert}"),
            Self::NotTls => f.write_str("does not speak TLS 1.2 or 1.3"),
            Self::Resumed => f.write_str("resumed a TLS session"),
            Self::NotHttp => f.write_str("does not answer in HTTP/1.1"),
            Self::HeadTooLong => f.write_str("the head of the answer is longer than 16 KiB"),
        }
    }
}

/// What one probe of an origin found. Small, since there is one for each of up to 10,000 origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginReading {
    /// When the probe ended.
    pub read_at: Date,
    /// True if the handshake was completed, or ended by an alert after the origin asked for a certificate.
    pub is_up: bool,
    /// What the origin demands.
    pub demand: Demand,
    /// What that was judged by.
    pub reason: DemandReason,
    /// The authorities that it names, where it asked; equal ones share one allocation.
    pub accepted: Option<Arc<AcceptedIssuers>>,
    /// The end of its own certificate.
    pub certificate_not_after: Option<Date>,
    /// How long the probe took.
    pub took: Duration,
}

/// Where an origin listens: `HOST[:PORT]`, on port 443 unless given.
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
    /// The port where none is given.
    pub const PORT: u16 = 443;

    /// The IP address, if that is how the origin is given.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self.host {
            Host::Ip(ip) => Some(ip),
            Host::Name(_) => None,
        }
    }

    /// The name, if the origin is given by one.
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

impl From<std::net::SocketAddr> for OriginAddress {
    fn from(address: std::net::SocketAddr) -> Self {
        Self { host: Host::Ip(address.ip()), port: address.port() }
    }
}

/// Why a text is not the address of an origin.
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
    // a number is no top-level domain: some resolvers would read 203.0.113 as an address
    let last = name.as_str().rsplit('.').next()?;
    let is_name = !name.as_str().starts_with('*') && !last.bytes().all(|byte| byte.is_ascii_digit());
    is_name.then(|| address(Host::Name(name), port))?
}

/// The address as it is given, with the port only where that is not 443.
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
    fn addresses_are_read_and_written_with_their_port_where_it_is_not_443() {
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
    fn other_texts_are_no_addresses() {
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

    #[test]
    fn demands_have_the_names_of_the_contract() {
        assert_eq!(Demand::ALL.map(Demand::label), ["none", "optional", "required", "unknown"]);
    }

    #[test]
    fn a_reading_stays_small() {
        assert!(size_of::<OriginReading>() <= 64, "{}", size_of::<OriginReading>());
    }
}

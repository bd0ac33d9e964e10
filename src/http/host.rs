//! Validation of the `Host` header (RFC 9110, section 7.2), against DNS rebinding.
//!
//! In a DNS rebinding attack, a malicious site makes its own name resolve to this machine, and its pages then read this
//! server as if it were their own origin. Their requests carry that name in `Host`.

use std::net::{Ipv4Addr, Ipv6Addr};

use hyper::Version;
use hyper::header::{HOST, HeaderValue};
use hyper::http::request;

use super::listen::name;

/// The reason why the host of a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The request does not name exactly one valid host.
    Invalid,
    /// The host name does not belong to this server.
    Foreign(String),
}

/// A host without its port.
enum Host {
    Address,
    Name(String),
}

/// Checks that a request names exactly one valid host and that `is_own` accepts its name. HTTP/1.0 may omit the host.
pub(super) fn check(request: &request::Parts, is_own: impl Fn(&str) -> bool) -> Result<(), Refusal> {
    let mut headers = request.headers.get_all(HOST).iter();
    let header = match (headers.next(), headers.next()) {
        (None, _) if request.version == Version::HTTP_10 => None,
        (Some(header), None) => Some(header),
        _ => return Err(Refusal::Invalid),
    };
    let header = header.map(HeaderValue::as_bytes);
    // a request in absolute form also names a host in its target
    let target = request.uri.authority().map(|authority| authority.as_str().as_bytes());
    for host in header.into_iter().chain(target) {
        match std::str::from_utf8(host).ok().and_then(parse).ok_or(Refusal::Invalid)? {
            Host::Name(name) if name != "localhost" && !is_own(&name) => return Err(Refusal::Foreign(name)),
            Host::Name(_) | Host::Address => {}
        }
    }
    Ok(())
}

fn parse(text: &str) -> Option<Host> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            (Host::Address, port)
        }
        None => {
            let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            let is_address = host.parse::<Ipv4Addr>().is_ok();
            (if is_address { Host::Address } else { Host::Name(name(host)?) }, port)
        }
    };
    let is_port = match port.strip_prefix(':') {
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit())
                && (digits.is_empty() || digits.parse::<u16>().is_ok())
        }
        None => port.is_empty(),
    };
    is_port.then_some(host)
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn checked(version: Version, target: &str, hosts: &[&str]) -> Result<(), Refusal> {
        let mut request = Request::builder().version(version).uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let (request, ()) = request.body(()).unwrap().into_parts();
        check(&request, |name| name == "own.example.com")
    }

    #[test]
    fn a_valid_host_is_a_name_or_address_with_an_optional_port() {
        for host in [
            "127.0.0.1",
            "10.0.0.1:10219",
            "[::1]",
            "[2001:db8::1]:80",
            "localhost",
            "LOCALHOST:1",
            "localhost.",
            "own.example.com",
            "Own.Example.com.:443",
            "own.example.com:",
        ] {
            assert_eq!(checked(Version::HTTP_11, "/", &[host]), Ok(()), "{host}");
        }
        for host in [
            "",
            ":80",
            "a b",
            "a/b",
            "a@localhost",
            "localhost:http",
            "localhost:65536",
            "localhost:1:2",
            "::1",
            "[::1",
            "[::1]80",
            "[localhost]",
            "127.1",
            "1.2.3.4.5",
            "\u{fc}.example.com",
        ] {
            assert_eq!(checked(Version::HTTP_11, "/", &[host]), Err(Refusal::Invalid), "{host}");
        }
        for hosts in [&[] as &[_], &["localhost", "localhost"]] {
            assert_eq!(checked(Version::HTTP_11, "/", hosts), Err(Refusal::Invalid));
        }
        assert_eq!(checked(Version::HTTP_10, "/", &[]), Ok(()));
        assert_eq!(checked(Version::HTTP_10, "/", &["localhost", "localhost"]), Err(Refusal::Invalid));
    }

    #[test]
    fn a_foreign_name_is_refused_in_the_header_and_in_the_target() {
        let foreign = Err(Refusal::Foreign("evil.example".into()));
        assert_eq!(checked(Version::HTTP_11, "/", &["Evil.example.:10219"]), foreign);
        assert_eq!(checked(Version::HTTP_10, "/", &["evil.example"]), foreign);
        assert_eq!(checked(Version::HTTP_11, "http://evil.example/metrics", &["localhost"]), foreign);
        assert_eq!(checked(Version::HTTP_11, "http://localhost/metrics", &["localhost"]), Ok(()));
    }
}

//! The addresses of an origin: resolved once, checked, and connected to.

mod ranges;

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, PoisonError};

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::{End, Prober, Target};
use crate::domain::{IpRange, ProbeFailure};
pub use ranges::is_public;
use ranges::{CLOUDFLARE, is_in, is_private, unwrapped};

impl Prober {
    /// Returns true if an address from a DNS record may be probed.
    fn admits(&self, ip: IpAddr) -> bool {
        let unwrapped = unwrapped(ip);
        let is_admitted = is_public(ip) || self.options.private_addresses && is_private(unwrapped);
        let cloudflare = self.cloudflare.lock().unwrap_or_else(PoisonError::into_inner);
        is_admitted && !is_in(cloudflare.as_deref().unwrap_or(CLOUDFLARE), unwrapped)
    }

    /// Replaces the ranges of Cloudflare's own addresses, where its edge would answer instead of the origin.
    /// Until then, the built-in ranges apply.
    pub fn set_cloudflare(&self, ranges: Arc<[IpRange]>) {
        *self.cloudflare.lock().unwrap_or_else(PoisonError::into_inner) = Some(ranges);
    }

    /// Connects to the first address of the target that is reachable. The name is resolved once, so that the
    /// connection goes to an address that was checked.
    pub(super) async fn connect(
        &self,
        target: &Target,
        deadline: Instant,
    ) -> Result<(SocketAddr, TcpStream), End> {
        let port = target.address.port();
        let mut addresses = match target.address.ip() {
            Some(ip) => vec![SocketAddr::new(ip, port)],
            None => self.resolve(target).await?,
        };
        addresses.retain(|address| !target.only_public || self.admits(address.ip()));
        if addresses.is_empty() {
            return Err(End::Failed(ProbeFailure::NotPublic));
        }
        let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        for address in addresses {
            let now = Instant::now();
            let share = deadline.saturating_duration_since(now) / left;
            if let Ok(Ok(stream)) = timeout_at(now + share, TcpStream::connect(address)).await {
                // otherwise the request would wait for the acknowledgement of the handshake's last message
                let _ = stream.set_nodelay(true);
                return Ok((address, stream));
            }
            left -= 1;
        }
        Err(if Instant::now() < deadline {
            End::Failed(ProbeFailure::NotReachable)
        } else {
            End::Failed(ProbeFailure::TimedOut)
        })
    }

    async fn resolve(&self, target: &Target) -> Result<Vec<SocketAddr>, End> {
        let Some(name) = target.address.name() else { return Err(End::Failed(ProbeFailure::NotResolved)) };
        let (name, port) = (name.clone(), target.address.port());
        let permit = Arc::clone(&self.lookups).acquire_owned().await;
        let lookup = tokio::task::spawn_blocking(move || {
            // held by the lookup, which keeps its thread even if abandoned
            let _permit = permit;
            (name.as_str(), port).to_socket_addrs().map(Vec::from_iter)
        });
        match lookup.await {
            Ok(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
            _ => Err(End::Failed(ProbeFailure::NotResolved)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Options;

    #[test]
    fn excluded_ranges_are_excluded_in_any_form_of_an_address() {
        let ranges = ["173.245.48.0/20", "2606:4700::/32"].map(|range| range.parse().unwrap());
        let prober = |private_addresses| Prober::new(Options { private_addresses, ..Options::default() });
        let told = prober(false);
        told.set_cloudflare(ranges.into());
        for (text, admitted) in [
            ("173.245.47.255", true),
            ("173.245.48.0", false),
            ("173.245.63.255", false),
            ("173.245.64.0", true),
            ("::ffff:173.245.48.1", false),
            ("64:ff9b::173.245.48.1", false),
            ("2606:4700:ffff::1", false),
            ("2606:4701::1", true),
            ("10.0.0.1", false),
        ] {
            assert_eq!(told.admits(text.parse().unwrap()), admitted, "{text}");
        }
        // the built-in ranges no longer apply
        assert!(told.admits("104.16.0.1".parse().unwrap()));
        assert!(!prober(false).admits("104.16.0.1".parse().unwrap()));
    }

    #[test]
    fn a_configuration_may_admit_private_addresses_but_no_other_special_ranges() {
        let prober = |private_addresses| Prober::new(Options { private_addresses, ..Options::default() });
        for text in [
            "10.0.0.1",
            "127.0.0.1",
            "169.254.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "::1",
            "fd12:3456::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(prober(true).admits(text.parse().unwrap()), "{text}");
            assert!(!prober(false).admits(text.parse().unwrap()), "{text}");
        }
        for text in [
            "0.0.0.0",
            "100.64.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "100::",
            "ff02::1",
            "2001:db8::1",
            "173.245.48.1",
            "::ffff:173.245.48.1",
            "2606:4700::1",
        ] {
            assert!(!prober(true).admits(text.parse().unwrap()), "{text}");
        }
    }
}

//! Probes how an origin treats connections without the client certificate that Cloudflare presents.
//!
//! A probe is a TLS handshake followed by one request. It records whether the origin requests a certificate,
//! and which authorities the origin names. It sends nothing secret: no certificate, no token, no cookie.

mod address;
mod attempt;
mod fleet;
mod head;
mod observation;
mod offer;
mod rounds;
mod story;
mod stream;
mod tls;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::sign::CertifiedKey;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::domain::{
    AcceptedIssuers, Date, Demand, DemandReason, Hostname, IpRange, OriginAddress, OriginReading,
    OriginTarget, ProbeFailure,
};
use crate::panic::contained;
pub use address::is_public;
pub use head::{Head, Phrase, read_head};
pub use observation::{End, Observation, TlsVersion, verdict};
pub use offer::Offer;
pub use rounds::Rounds;
use tls::{Versions, Witness};

/// The target of a probe.
#[derive(Clone, Debug)]
pub struct Target {
    /// The address of the origin.
    pub address: OriginAddress,
    /// The server name in the handshake and the request.
    pub server_name: Hostname,
    /// The path of the request. It starts with `/`.
    pub path: Arc<str>,
    /// True if the address comes from an untrusted source, such as a DNS record. Then only public addresses are probed.
    pub only_public: bool,
}

impl Target {
    /// Returns the target of an origin. Its address is trusted unless it comes from a DNS record.
    pub fn of(origin: &OriginTarget) -> Self {
        Self {
            address: origin.address.clone(),
            server_name: origin.server_name.clone(),
            path: Arc::clone(&origin.path),
            only_public: origin.from_dns,
        }
    }
}

/// Returns true if the text is a valid path of a request (RFC 9112, section 3.2.1).
pub fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.len() <= 1024 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Options for probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The timeout of one probe.
    pub timeout: Duration,
    /// The maximum number of concurrent probes, not counting slow ones.
    pub max_concurrent: usize,
    /// True if addresses from DNS records may be private, loopback or link-local.
    pub private_addresses: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), max_concurrent: 16, private_addresses: false }
    }
}

/// The result of a probe.
#[derive(Clone, Debug)]
pub struct Probed {
    /// The address of the connection.
    pub address: Option<SocketAddr>,
    /// The observation of the last attempt.
    pub observation: Observation,
    /// The origin's demand for a client certificate.
    pub demand: Demand,
    /// The reason for that judgement.
    pub reason: DemandReason,
    /// True if the handshake was completed, or ended by an alert after the origin asked for a certificate.
    pub is_up: bool,
    /// The duration of the probe.
    pub took: Duration,
}

/// Probes origins.
#[derive(Debug)]
pub struct Prober {
    options: Options,
    /// The certificate to present; usually none.
    presented: Option<Arc<CertifiedKey>>,
    /// The limit on concurrent lookups. A running lookup cannot be cancelled.
    lookups: Arc<Semaphore>,
    /// Cloudflare's own address ranges, once they are known.
    cloudflare: Mutex<Option<Arc<[IpRange]>>>,
    /// The lists of authorities in use. Most origins of an account name the same ones.
    accepted: Mutex<HashSet<Arc<AcceptedIssuers>>>,
}

/// The maximum number of concurrent lookups. Each one blocks a thread.
const MOST_LOOKUPS: usize = 8;

impl Prober {
    /// Creates a prober that presents no certificate.
    pub fn new(options: Options) -> Self {
        let lookups = Arc::new(Semaphore::new(MOST_LOOKUPS));
        Self { options, presented: None, lookups, cloudflare: Mutex::default(), accepted: Mutex::default() }
    }

    /// Presents this certificate instead of none.
    #[must_use]
    pub fn presenting(self, certificate: Arc<CertifiedKey>) -> Self {
        Self { presented: Some(certificate), ..self }
    }

    /// Returns the options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Probes an origin once. A second attempt follows if the first is inconclusive.
    pub async fn probe(&self, target: &Target) -> Probed {
        let start = Instant::now();
        let deadline = start + self.options.timeout;
        let (mut address, mut seen) = self.observe(target, Versions::Both, deadline).await;
        let mut is_up = seen.is_up();
        // the name is resolved once, so that all attempts reach the same origin
        let target =
            &Target { address: address.map_or_else(|| target.address.clone(), Into::into), ..target.clone() };
        // in TLS 1.2, a reset may hide a refusal
        if seen.asked && seen.end == End::Failed(ProbeFailure::Closed) {
            (address, seen) = self.observe(target, Versions::Both, deadline).await;
            is_up |= seen.is_up();
        }
        // in TLS 1.3, a server cannot request a certificate after the handshake if the client did not offer
        // this, and answers 403
        if seen.may_ask_late() {
            let (_, again) = self.observe(target, Versions::Tls12, deadline).await;
            // if the origin does not support TLS 1.2, the first observation is all there is
            if again.is_up() {
                seen = again;
            }
        }
        let (demand, reason) = verdict(&seen);
        Probed { address, observation: seen, demand, reason, is_up, took: start.elapsed() }
    }

    /// Probes an origin once. If that panics, the demand is unknown.
    async fn probe_contained(&self, target: &Target) -> Probed {
        unless_it_panics(target, self.probe(target)).await
    }

    /// Returns the part of a result that is stored.
    pub fn reading(&self, probed: &Probed, read_at: Date) -> OriginReading {
        OriginReading {
            read_at,
            is_up: probed.is_up,
            demand: probed.demand,
            reason: probed.reason,
            accepted: probed.observation.accepted.as_ref().map(|accepted| self.intern(accepted)),
            certificate_not_after: probed.observation.certificate_not_after,
            took: probed.took,
        }
    }

    /// Returns the shared copy of equal lists.
    fn intern(&self, accepted: &AcceptedIssuers) -> Arc<AcceptedIssuers> {
        let mut known = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(accepted) {
            return Arc::clone(known);
        }
        if known.len() == known.capacity() {
            known.retain(|list| Arc::strong_count(list) > 1);
        }
        let list = Arc::new(accepted.clone());
        known.insert(Arc::clone(&list));
        list
    }

    async fn observe(
        &self,
        target: &Target,
        versions: Versions,
        deadline: Instant,
    ) -> (Option<SocketAddr>, Observation) {
        let (mut address, mut seen) = (None, Observation::new(End::Failed(ProbeFailure::TimedOut)));
        let witness = Arc::new(Witness::new(self.presented.clone()));
        let attempt = async {
            let stream = match self.connect(target, deadline).await {
                Ok((connected, stream)) => {
                    address = Some(connected);
                    stream
                }
                Err(end) => return seen.end = end,
            };
            attempt::attempt(target, stream, versions, &witness, &mut seen).await;
        };
        // an observation that is incomplete at the deadline is kept
        let _ = timeout_at(deadline, attempt).await;
        witness.report(&mut seen);
        (address, seen)
    }
}

/// Returns the result of a probe. If it panics, that is logged, and the demand is unknown.
async fn unless_it_panics(target: &Target, probing: impl Future<Output = Probed>) -> Probed {
    let start = Instant::now();
    contained(probing).await.unwrap_or_else(|panic| {
        tracing::error!(server_name = %target.server_name, error = %panic, "the probe panicked");
        let observation = Observation::new(End::Failed(ProbeFailure::Internal));
        let (demand, reason) = verdict(&observation);
        Probed { address: None, observation, demand, reason, is_up: false, took: start.elapsed() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panicking_probe_says_nothing_about_its_origin() {
        let target = Target {
            address: "203.0.113.7".parse().unwrap(),
            server_name: "app.example.com".parse().unwrap(),
            path: "/".into(),
            only_public: false,
        };
        let probed = unless_it_panics(&target, async { panic!("a probe") }).await;
        assert_eq!(probed.reason, DemandReason::Failed(ProbeFailure::Internal));
        assert_eq!((probed.demand, probed.is_up), (Demand::Unknown, false));
    }
}

//! Rotations through a proxy that breaks connections, streams and TLS, which no real server does on purpose. They use
//! HTTP/2, where one failure ends all requests of a connection. Complete but wrong responses are tested elsewhere, with the
//! simulator's effects, since reading them does not depend on the call.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use cloudflare_aop_exporter::change::{Progress, RotationPlan, Rotator, Step, WaitPolicy};
use cloudflare_aop_exporter::cloudflare::Client;
use cloudflare_aop_exporter::domain::Level;
use cloudflare_aop_exporter::telemetry::Endpoint;
use tokio_util::sync::CancellationToken;

use super::{Cases, Stage};
use crate::support::authority::Authority;
use crate::support::front::{Answer, Front, Honest, Once, Transport, Wrong};
use crate::support::harness::Asking;
use crate::support::wrongs::broken;

/// The calls of a rotation, each with the number of calls that succeed before one fails.
const CALLS: [(Endpoint, usize); 5] = [
    (Endpoint::CertificateList, 1),
    (Endpoint::HostnameList, 2),
    (Endpoint::CertificatePost, 0),
    (Endpoint::HostnamePut, 0),
    (Endpoint::CertificateDelete, 0),
];

/// Returns a proxy's own address, so that its port is still free when it listens again.
fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 77, 2, number)
}

fn authority() -> Arc<Authority> {
    let addresses: Vec<_> = (0..=9).map(|number| address(number).to_string()).collect();
    Arc::new(Authority::of(&addresses))
}

struct Fronted {
    stage: Stage,
    front: Front,
    client: Arc<Client>,
}

impl Fronted {
    async fn new(authority: &Arc<Authority>, number: u8) -> Self {
        let stage = Stage::new(Level::Hostname, 3).await;
        let front =
            Front::start(&Honest::changing(&stage.api.base_url), Transport::Tls, authority, address(number))
                .await;
        let mut asking = Asking::new(&front.base_url);
        asking.options.extra_ca = Some(authority.pem.clone().into_bytes());
        asking.options.timeout = Duration::from_secs(1);
        Self { stage, front, client: asking.build() }
    }

    /// Runs a rotation, and calls `at` at the start of each step. `None` if the rotation stops before its end.
    async fn run(&self, at: impl Fn(Step)) -> Option<RotationPlan> {
        let rotation = self.stage.rotation();
        let rotator = self.stage.rotator(&rotation, &self.client, CancellationToken::new());
        let policy = WaitPolicy { limit: Duration::from_millis(300), ..rotator.policy };
        let rotator = Rotator { policy, ..rotator };
        let (shown, _) = rotator.plan().await.ok()?;
        let ended = rotator.run(&shown, false, |progress| {
            if let Progress::Step(step, ..) = progress {
                at(step);
            }
        });
        ended.await.ok()
    }

    /// Clears the fault, runs the rotation to its end, and returns what is wrong, including more than one upload.
    async fn finish(mut self, name: &str) -> Vec<String> {
        self.front.mend().await;
        let mut wrong = self.stage.finish(name).await;
        // an upload is repeated only if the API did not carry out the first one
        let posts = self.stage.api.simulator.requests().count("POST", "");
        if posts != 1 {
            wrong.push(format!("{name}: {posts} uploads were carried out"));
        }
        wrong
    }
}

#[tokio::test]
async fn a_rotation_reaches_the_same_state_after_any_broken_connection() {
    let authority = authority();
    let mut cases = Cases::default();
    for (fault, answer) in broken() {
        for (endpoint, skip) in CALLS {
            for is_carried_out in [false, true] {
                let is_read = matches!(endpoint, Endpoint::CertificateList | Endpoint::HostnameList);
                // a cut response always belongs to a request that was carried out
                if is_carried_out && (is_read || matches!(answer, Answer::Cut { .. })) {
                    continue;
                }
                let (authority, answer) = (Arc::clone(&authority), answer.clone());
                let case = async move {
                    let fronted = Fronted::new(&authority, 0).await;
                    let name = format!("{fault} of {endpoint:?}, carried out: {is_carried_out}");
                    fronted.front.spoil_once(Once { endpoint, skip, answer, is_carried_out });
                    fronted.run(|_| ()).await;
                    let posts = fronted.front.posts();
                    let mut wrong = fronted.finish(&name).await;
                    if posts > 1 {
                        wrong.push(format!("{name}: {posts} uploads were sent"));
                    }
                    wrong
                };
                cases.start(case).await;
            }
        }
    }
    cases.finish().await;
}

#[tokio::test]
async fn a_rotation_recovers_after_a_failed_connection_at_any_step() {
    let authority = authority();
    let mut cases = Cases::default();
    let mut number = 0;
    for step in [Step::Upload, Step::Associate, Step::Delete] {
        for fault in [Wrong::Refused, Wrong::Untrusted, Wrong::Expired] {
            number += 1;
            let authority = Arc::clone(&authority);
            let case = async move {
                let fronted = Fronted::new(&authority, number).await;
                let at = |now| {
                    if now == step {
                        fronted.front.spoil_at_once(&fault);
                    }
                };
                let ended = fronted.run(at).await;
                let mut wrong = fronted.finish(&format!("{fault:?} at {step:?}")).await;
                if ended.is_some() {
                    wrong.push(format!("{fault:?} at {step:?}: the rotation continued"));
                }
                wrong
            };
            cases.start(case).await;
        }
    }
    cases.finish().await;
}

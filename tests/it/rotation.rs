//! Tests of rotations on the simulated API, killed at any request and with any fault. No hostname may ever be without a
//! valid certificate.

mod front;
mod halts;
mod uploads;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cloudflare_aop_exporter::change::{Halt, Old, Rotation, RotationPlan, Rotator, Step, WaitPolicy};
use cloudflare_aop_exporter::cloudflare::Client;
use cloudflare_aop_exporter::domain::{Association, CertId, Level, Status};
use cloudflare_aop_exporter::keypair::{KeyPair, PrivateKey};
use cloudflare_aop_exporter::simulator::{AssociationChange, Effect, Fault, Options, World};
use jiff::SignedDuration;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::harness::{self, hostname, now, soon};

/// Cases that run concurrently, with the errors found so far.
#[derive(Default)]
struct Cases {
    running: JoinSet<Vec<String>>,
    wrong: Vec<String>,
}

impl Cases {
    /// Starts a case. Waits for the end of another one if many are running.
    async fn start(&mut self, case: impl Future<Output = Vec<String>> + Send + 'static) {
        self.running.spawn(case);
        if self.running.len() >= 24 {
            self.wrong.extend(self.running.join_next().await.unwrap().unwrap());
        }
    }

    /// Waits for all cases and fails if one found an error.
    async fn finish(mut self) {
        self.wrong.extend(self.running.join_all().await.concat());
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
    }
}

/// A zone whose hostnames use one certificate, with every third hostname disabled, and a new certificate.
struct Stage {
    api: harness::Api,
    pair: KeyPair,
    old: CertId,
    level: Level,
    token: String,
    /// The timeout of a request.
    timeout: Duration,
}

impl Stage {
    async fn new(level: Level, hostnames: usize) -> Self {
        Self::deploying_in(Duration::from_millis(15), level, hostnames).await
    }

    async fn deploying_in(deployment_delay: Duration, level: Level, hostnames: usize) -> Self {
        let mut world = World::new(7, now()).unwrap();
        let zone = world.add_zone(&"example.com".parse().unwrap());
        zone.set_enabled(true);
        let old = zone.add_certificate_at(level, now() + SignedDuration::from_hours(24)).unwrap();
        for number in 0..if level == Level::Hostname { hostnames } else { 0 } {
            zone.associate(&hostname(&format!("h{number}.example.com")), &old, Some(number % 3 > 0)).unwrap();
        }
        let options = Options { deployment_delay, ..Options::default() };
        let api = harness::Api::start_with(world, &options).await;
        api.simulator.watch();
        Self { api, pair: pair(), old, level, token: options.token, timeout: Duration::from_secs(5) }
    }

    fn rotation(&self) -> Rotation {
        Rotation { level: self.level, old: self.old.clone(), delete_old: true }
    }

    fn client(&self) -> Arc<Client> {
        let mut asking = self.api.client();
        asking.options.timeout = self.timeout;
        asking.build()
    }

    async fn run(&self) -> Result<RotationPlan, Halt> {
        self.run_with(&self.client()).await
    }

    async fn run_with(&self, client: &Client) -> Result<RotationPlan, Halt> {
        let rotation = self.rotation();
        let rotator = self.rotator(&rotation, client, CancellationToken::new());
        let (shown, _) = rotator.plan().await?;
        rotator.run(&shown, false, |_| ()).await.map_err(|(halt, _)| halt)
    }

    fn rotator<'r>(
        &'r self,
        rotation: &'r Rotation,
        client: &'r Client,
        stop: CancellationToken,
    ) -> Rotator<'r> {
        let policy = WaitPolicy {
            first: Duration::from_millis(4),
            longest: Duration::from_millis(50),
            limit: Duration::from_secs(20),
            call: Duration::from_secs(10),
        };
        Rotator { client, zone: self.api.zone, rotation, new: Ok(&self.pair), policy, stop }
    }

    /// Runs the rotation until a request gets no response, and then kills it. Returns false if it completed before.
    async fn killed(&self) -> bool {
        let before = self.api.simulator.swallowed();
        let swallowed = async {
            while self.api.simulator.swallowed() == before {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            ended = self.run() => ended.map(|_| false).unwrap(),
            () = swallowed => true,
        }
    }

    /// Runs the rotation until it is complete, and returns the errors.
    async fn finish(&self, name: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        let client = self.client();
        if let Err(halt) = self.run_with(&client).await {
            wrong.push(format!("{name}: {halt}"));
        }
        let listed = client.certificates(self.api.zone, self.level, soon()).await.unwrap().rows;
        let left: Vec<_> =
            listed.iter().filter(|known| known.status != Some(Status::PendingDeletion)).collect();
        let new = left.first().map(|new| new.id.clone());
        if left.len() != 1 || new.as_ref() == Some(&self.old) {
            wrong.push(format!("{name}: {} certificates are left: {left:?}", left.len()));
        }
        let rows = client.associations(self.api.zone, soon(), |_| true).await.unwrap().unwrap().rows;
        for row in rows {
            let number: usize = row.hostname.as_str()[1..].split('.').next().unwrap().parse().unwrap();
            let is = (row.cert_id.clone(), row.association, row.status);
            let association =
                if number.is_multiple_of(3) { Association::Disabled } else { Association::Enabled };
            if is != (new.clone(), Some(association), Some(Status::Active)) {
                wrong.push(format!("{name}: {} is {is:?}", row.hostname));
            }
        }
        let dark = self.api.simulator.went_dark();
        if !dark.is_empty() {
            wrong.push(format!("{name}: went dark: {}", dark.join(", ")));
        }
        wrong
    }
}

/// Returns a certificate issued by its own authority.
fn pair() -> KeyPair {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
    KeyPair::new(&certificate.pem(), PrivateKey::parse(&key.serialize_pem()).unwrap(), now().into()).unwrap()
}

#[tokio::test]
async fn a_rotation_killed_at_any_request_can_be_resumed_to_the_same_state() {
    let mut wrong = Vec::new();
    for effect in [Effect::Hang, Effect::Lost] {
        for level in [Level::Hostname, Level::Zone] {
            for at in 0.. {
                let stage = Stage::new(level, 100).await;
                stage.api.simulator.add_fault(Fault::new(effect.clone()).after(at).times(1));
                let killed = stage.killed().await;
                stage.api.simulator.clear_faults();
                let name = format!("{} level, killed at request {at} ({effect:?})", level.label());
                wrong.extend(stage.finish(&name).await);
                if !killed {
                    assert!(at > 5, "{at} requests are not enough for a rotation");
                    break;
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_repeatedly_killed_rotation_uploads_once_and_deletes_last() {
    for effect in [Effect::Hang, Effect::Lost] {
        let stage = Stage::new(Level::Hostname, 100).await;
        for at in 0.. {
            stage.api.simulator.add_fault(Fault::new(effect.clone()).after(at).times(1));
            if !stage.killed().await {
                break;
            }
            stage.api.simulator.clear_faults();
        }
        stage.api.simulator.clear_faults();
        assert_eq!(stage.finish("killed again and again").await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_rotation_with_any_fault_of_a_call_ends_in_the_same_state() {
    let status = |status, code| Effect::Status { status, code, retry_after: Some("1".to_owned()) };
    let mut effects = vec![
        Effect::Hang,
        Effect::Lost,
        Effect::Cut { chunked: false },
        Effect::Cut { chunked: true },
        Effect::Garbage,
        Effect::NullResult,
        Effect::Delay { milliseconds: 300 },
        Effect::Unsuccessful { code: 1000 },
        Effect::ShortList { rows: 0 },
        Effect::RepeatedPage,
        Effect::Redirect { to: "http://127.0.0.1:9/".to_owned() },
        Effect::Json { status: 200, body: json!({"success": true, "result": {"id": "other"}}) },
    ];
    effects.extend([200, 204, 502].map(|status| Effect::Empty { status }));
    effects.extend([200, 403, 502].map(|status| Effect::Html { status }));
    effects.extend(
        [(400, 1400), (401, 10_000), (403, 10_000), (404, 7003), (408, 0), (409, 0), (429, 971)]
            .map(|(of, code)| status(of, code)),
    );
    effects.extend(
        [(400, 1406), (400, 1414), (400, 1433), (400, 1434), (500, 1000), (503, 0)]
            .map(|(of, code)| status(of, code)),
    );
    let calls = [
        ("GET", "/hostnames/certificates"),
        ("GET", "/hostnames?"),
        ("POST", "/hostnames/certificates"),
        ("PUT", "/hostnames"),
        ("DELETE", "/hostnames/certificates/"),
    ];
    let mut cases = Cases::default();
    for effect in effects {
        for (method, path) in calls {
            for after in if method == "GET" { 0..3 } else { 0..1 } {
                let effect = effect.clone();
                let case = async move {
                    let stage = Stage::new(Level::Hostname, 20).await;
                    let name = format!("{effect:?} of {method} {path} after {after}");
                    let fault = Fault::new(effect).on_method(method).on_path(path).after(after).times(1);
                    stage.api.simulator.add_fault(fault);
                    // the rotation may stop, but it must be possible to resume it
                    let _ = stage.run().await;
                    stage.api.simulator.clear_faults();
                    stage.finish(&name).await
                };
                cases.start(case).await;
            }
        }
    }
    cases.finish().await;
}

#[tokio::test]
async fn a_rotation_stops_after_the_current_request_and_can_be_resumed() {
    let stage = Stage::new(Level::Hostname, 3).await;
    let (rotation, client, stop) = (stage.rotation(), stage.client(), CancellationToken::new());
    let rotator = stage.rotator(&rotation, &client, stop.clone());
    let (shown, _) = rotator.plan().await.unwrap();
    let ended = rotator.run(&shown, false, |progress| {
        if let cloudflare_aop_exporter::change::Progress::Step(Step::Associate, ..) = progress {
            stop.cancel();
        }
    });
    let (halt, _) = ended.await.unwrap_err();
    assert!(matches!(halt, Halt::Interrupted), "{halt}");
    assert_eq!(stage.api.simulator.requests().count("PUT", "/hostnames"), 1, "the request was completed");
    assert_eq!(stage.api.simulator.requests().count("DELETE", ""), 0);
    assert_eq!(stage.finish("after the end").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_rotation_stops_if_its_hostnames_have_changed_since_the_confirmation() {
    let stage = Stage::new(Level::Hostname, 3).await;
    let (rotation, client) = (stage.rotation(), stage.client());
    let rotator = stage.rotator(&rotation, &client, CancellationToken::new());
    let (shown, _) = rotator.plan().await.unwrap();
    stage.api.simulator.with_world(|world| {
        let change = AssociationChange { enabled: Some(Some(false)), ..AssociationChange::default() };
        let zone = world.zone("example.com").unwrap();
        zone.change_association(&hostname("h1.example.com"), change, now()).unwrap();
    });
    let (halt, plan) = rotator.run(&shown, true, |_| ()).await.unwrap_err();
    assert!(matches!(halt, Halt::Changed), "{halt}");
    assert!(plan.new.is_some());
    assert_eq!(stage.api.simulator.requests().count("PUT", ""), 0);
}

#[tokio::test]
async fn one_command_goes_back_to_the_old_certificate() {
    let stage = Stage::new(Level::Hostname, 4).await;
    let (client, mut rotation) = (stage.client(), stage.rotation());
    rotation.delete_old = false;
    let rotator = stage.rotator(&rotation, &client, CancellationToken::new());
    let (shown, _) = rotator.plan().await.unwrap();
    let done = rotator.run(&shown, false, |_| ()).await.unwrap();
    let new = done.new.unwrap().id;
    let back = Rotation { old: new, ..rotation.clone() };
    let rotator =
        Rotator { new: Err(&rotation.old), ..stage.rotator(&back, &client, CancellationToken::new()) };
    let (shown, _) = rotator.plan().await.unwrap();
    assert_eq!(shown.moves.len(), 4);
    rotator.run(&shown, false, |_| ()).await.unwrap();
    let rows = client.associations(stage.api.zone, soon(), |_| true).await.unwrap().unwrap().rows;
    let found: BTreeMap<_, _> =
        rows.iter().map(|row| (row.hostname.to_string(), (row.cert_id.clone(), row.association))).collect();
    let enabled =
        |number: usize| if number.is_multiple_of(3) { Association::Disabled } else { Association::Enabled };
    let expected = (0..4)
        .map(|number| (format!("h{number}.example.com"), (Some(stage.old.clone()), Some(enabled(number)))));
    assert_eq!(found, expected.collect());
    assert_eq!(stage.api.simulator.went_dark(), Vec::<String>::new());
}

#[tokio::test]
async fn nothing_is_associated_or_deleted_until_a_slow_deployment_has_ended() {
    for level in [Level::Hostname, Level::Zone] {
        let stage = Stage::deploying_in(Duration::from_millis(700), level, 20).await;
        let ended = stage.run().await.map_err(|halt| halt.to_string()).unwrap();
        assert_eq!((ended.old, stage.api.simulator.went_dark()), (Old::Gone, Vec::new()));
    }
}

#[tokio::test]
async fn the_simulator_detects_hostnames_without_a_valid_certificate() {
    let stage = Stage::new(Level::Hostname, 2).await;
    let changes = [cloudflare_aop_exporter::cloudflare::Change {
        hostname: hostname("h1.example.com"),
        cert_id: stage.old.clone(),
        enabled: Some(false),
    }];
    stage.client().put_hostnames(stage.api.zone, &changes, soon()).await.unwrap();
    let deadline = soon();
    while stage.api.simulator.went_dark() != ["h1.example.com"] {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

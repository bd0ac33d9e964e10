//! Uploads whose response is lost. The certificate is never added twice, and never uploaded again once it was added.

use std::time::Duration;

use cloudflare_aop_exporter::change::{Halt, Progress};
use cloudflare_aop_exporter::domain::Level;
use cloudflare_aop_exporter::simulator::{Effect, Fault};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Stage;
use crate::support::harness::soon;

const STORE: &str = "/hostnames/certificates";

impl Stage {
    fn posts(&self) -> u64 {
        self.api.simulator.requests().count("POST", "")
    }

    fn fails_to_upload(&self, effect: Effect) {
        self.api.simulator.add_fault(Fault::new(effect).on_method("POST").times(1));
    }

    /// Returns the number of certificates in the store.
    async fn stored(&self) -> usize {
        let listed = self.client().certificates(self.api.zone, self.level, soon()).await.unwrap();
        listed.rows.len()
    }
}

fn refusal(status: u16, code: u32) -> Effect {
    Effect::Status { status, code, retry_after: None }
}

#[tokio::test]
async fn an_upload_with_a_lost_response_is_found_and_not_repeated() {
    for level in [Level::Hostname, Level::Zone] {
        for effect in
            [Effect::Lost, Effect::Cut { chunked: false }, Effect::Cut { chunked: true }, Effect::NullResult]
        {
            let stage = Stage { timeout: Duration::from_secs(1), ..Stage::new(level, 3).await };
            stage.fails_to_upload(effect.clone());
            let ended = stage.run().await;
            assert!(ended.is_ok(), "{effect:?}: {}", ended.unwrap_err());
            assert_eq!(stage.posts(), 1, "{effect:?}");
            assert_eq!(stage.finish(&format!("{effect:?}")).await, Vec::<String>::new());
            assert_eq!(stage.posts(), 1, "{effect:?}: a second run uploads nothing");
        }
    }
}

#[tokio::test]
async fn an_upload_that_succeeds_after_the_timeout_is_found_by_the_next_run() {
    let stage = Stage { timeout: Duration::from_secs(1), ..Stage::new(Level::Hostname, 3).await };
    stage.fails_to_upload(Effect::Delay { milliseconds: 1500 });
    let halt = stage.run().await.unwrap_err();
    assert!(matches!(halt, Halt::Api("uploading the certificate", _)), "{halt}");
    let deadline = soon();
    while stage.stored().await < 2 {
        assert!(tokio::time::Instant::now() < deadline);
    }
    assert_eq!(stage.finish("carried out late").await, Vec::<String>::new());
    assert_eq!(stage.posts(), 1);
}

#[tokio::test]
async fn an_upload_that_failed_is_retried_only_by_the_next_run() {
    for effect in
        [Effect::Hang, refusal(500, 1000), refusal(503, 0), Effect::Empty { status: 200 }, Effect::Garbage]
    {
        let stage = Stage { timeout: Duration::from_secs(1), ..Stage::new(Level::Hostname, 3).await };
        stage.fails_to_upload(effect.clone());
        let halt = stage.run().await.unwrap_err();
        assert!(matches!(halt, Halt::Api("uploading the certificate", _)), "{effect:?}: {halt}");
        assert_eq!((stage.posts(), stage.stored().await), (1, 1), "{effect:?}");
        assert_eq!(stage.finish(&format!("{effect:?}")).await, Vec::<String>::new());
        assert_eq!(stage.posts(), 2, "{effect:?}");
    }
}

#[tokio::test]
async fn an_upload_refused_with_409_or_429_is_retried_at_once() {
    for status in [409, 429] {
        let stage = Stage::new(Level::Hostname, 3).await;
        let retry_after = Some("1".to_owned());
        stage.fails_to_upload(Effect::Status { status, code: 0, retry_after });
        let ended = stage.run().await;
        assert!(ended.is_ok(), "{status}: {}", ended.unwrap_err());
        assert_eq!(stage.posts(), 2, "{status}");
    }
}

#[tokio::test]
async fn code_1406_is_a_success_if_the_zone_has_a_certificate_with_the_same_serial_number_and_issuer() {
    let stage = Stage::new(Level::Hostname, 3).await;
    let (rotation, client) = (stage.rotation(), stage.client());
    let rotator = stage.rotator(&rotation, &client, CancellationToken::new());
    let (shown, _) = rotator.plan().await.unwrap();
    let before = client.certificates(stage.api.zone, stage.level, soon()).await.unwrap().rows.len();
    // the list does not contain a concurrent upload yet
    let lagging = stage.raw_list().await;
    client.upload(stage.api.zone, stage.level, &stage.pair, soon()).await.unwrap();
    let lags =
        Fault::new(Effect::Json { status: 200, body: lagging }).on_method("GET").on_path(STORE).times(1);
    stage.api.simulator.add_fault(lags);
    let mut failures = Vec::new();
    let ended = rotator.run(&shown, false, |progress| {
        if let Progress::Failed(what, error) = progress {
            failures.push(format!("{what}: {error}"));
        }
    });
    ended.await.map_err(|(halt, _)| halt.to_string()).unwrap();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures[0].starts_with("uploading the certificate: HTTP status 400, code 1406"), "{failures:?}");
    assert_eq!((before, stage.posts()), (1, 2), "one of the test, one that was refused");
    assert_eq!(stage.finish("after 1406").await, Vec::<String>::new());
}

#[tokio::test]
async fn code_1406_is_a_failure_if_the_zone_has_no_such_certificate() {
    let stage = Stage::new(Level::Hostname, 3).await;
    stage.fails_to_upload(refusal(400, 1406));
    let halt = stage.run().await.unwrap_err();
    assert!(halt.to_string().contains("code 1406"), "{halt}");
    assert_eq!((stage.posts(), stage.stored().await), (1, 1));
    assert_eq!(stage.api.simulator.requests().count("PUT", ""), 0);
}

impl Stage {
    /// Returns the response to a request for the list of certificates.
    async fn raw_list(&self) -> Value {
        let url = format!("{}/zones/{}/origin_tls_client_auth{STORE}", self.api.base_url, self.api.zone);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = http.get(url).bearer_auth(&self.token).send().await.unwrap();
        let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!(body["success"], json!(true), "{body}");
        body
    }
}

//! Tests of the log of polls: a line when something starts to fail, and one when it works again.

use std::io::{self, Write};
use std::num::NonZeroU32;
use std::panic::{set_hook, take_hook};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::subscriber::{DefaultGuard, set_default};

use super::fake::{Failure, World, id, names, up, world, zone};
use super::stage::Stage;
use crate::cloudflare::RateLimit;
use crate::domain::{Extent, Strategy};
use crate::panic::is_contained;
use crate::poll::Setup;

const GET: Extent = Extent { strategy: Strategy::Get, ..Extent::PLAIN };
const LIST: Extent = Extent { strategy: Strategy::List, ..Extent::PLAIN };
const MINUTE: Duration = Duration::from_secs(60);

/// Captures what this thread logs at `info` and above.
struct Log {
    text: Arc<Mutex<Vec<u8>>>,
    _in_force: DefaultGuard,
}

#[derive(Clone, Default)]
struct Writer(Arc<Mutex<Vec<u8>>>);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn start() -> Self {
        let writer = Writer::default();
        let text = Arc::clone(&writer.0);
        let logs = tracing_subscriber::fmt().with_writer(move || writer.clone()).without_time();
        let logs = logs.with_target(false).with_ansi(false).finish();
        Self { text, _in_force: set_default(logs) }
    }

    /// Returns the lines since the last call.
    fn lines(&self) -> Vec<String> {
        let text = std::mem::take(&mut *self.text.lock().unwrap());
        String::from_utf8(text).unwrap().lines().map(|line| line.trim_start().to_owned()).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_zone_is_logged_once_and_again_when_it_is_readable() {
    let (log, all) = (Log::start(), names("h", 3));
    let stage = Stage::start(vec![zone(&all, GET)], world(&all), MINUTE, 1000).await;
    let refuse = |get| stage.world(|world| world.zones.get_mut(&id('1')).unwrap().get = get);
    refuse(Some(Failure(403, 10_000)));
    for _ in 0..3 {
        stage.tick().await;
    }
    let forbidden = "WARN the zone cannot be read; its last readings are kept account=a zone=example.com \
                     error=HTTP status 403, code 10000 (refused) advice=\"the token lacks the permission \
                     \\\"SSL and Certificates Read\\\" for this zone\"";
    assert_eq!(log.lines(), [forbidden]);
    refuse(None);
    for _ in 0..2 {
        stage.tick().await;
    }
    assert_eq!(log.lines(), ["INFO the zone is read again account=a zone=example.com after=3m 1s"]);
}

#[tokio::test(start_paused = true)]
async fn an_odd_row_of_a_list_is_logged_once_however_often_it_is_read() {
    let (log, all) = (Log::start(), names("h", 5));
    let stage = Stage::start(vec![zone(&all, LIST)], world(&all), MINUTE, 1000).await;
    stage.world(|world| world.zones.get_mut(&id('1')).unwrap().has_odd_certificate = true);
    for _ in 0..4 {
        stage.tick().await;
    }
    let lines = log.lines();
    let [line] = &*lines else { panic!("{lines:?}") };
    assert!(
        line.starts_with("WARN a list of the zone is read only in part account=a zone=example.com "),
        "{line}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_poll_is_contained_counted_and_logged_with_its_location() {
    let others = take_hook();
    set_hook(Box::new(move |panic| {
        if !is_contained(panic) {
            others(panic);
        }
    }));
    let (log, all) = (Log::start(), names("h", 3));
    let stage = Stage::start(vec![zone(&all, GET)], world(&all), MINUTE, 1000).await;
    stage.world(|world| world.panics_at = Some(all[1].clone()));
    for _ in 0..3 {
        stage.tick().await;
    }
    assert_eq!(up(&stage.keeper.snapshot()), (2, 3));
    assert_eq!((stage.errors("internal"), stage.errors("invalid_response")), (3.0, 0.0));
    let lines = log.lines();
    let [line] = &*lines else { panic!("{lines:?}") };
    assert!(line.starts_with("ERROR hostnames cannot be read; their last readings are kept"), "{line}");
    assert!(
        line.contains("hostname=h001.example.com error=this program panicked at src/poll/tests/fake.rs:")
    );
    stage.world(|world| world.panics_at = None);
    stage.tick().await;
    stage.tick().await;
    assert_eq!(up(&stage.keeper.snapshot()), (3, 3));
    assert_eq!(log.lines().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_insufficient_quota_is_logged_at_the_start_and_at_the_end() {
    let (log, all) = (Log::start(), names("h", 6));
    let stage = Stage::start(vec![zone(&all, GET)], world(&all), MINUTE, 2).await;
    for _ in 0..9 {
        stage.tick().await;
    }
    let lines = log.lines();
    let [line] = &*lines else { panic!("{lines:?}") };
    assert!(
        line.starts_with("WARN polls cannot keep to the schedule: 6 hostnames take 7 requests"),
        "{line}"
    );
    stage.setup.send_modify(|setup| {
        let accounts = setup.accounts.clone();
        accounts["a"].budget.set_limit(RateLimit { requests: NonZeroU32::new(100).unwrap(), per: MINUTE });
        *setup = Arc::new(Setup { accounts, gap: setup.gap });
    });
    for _ in 0..6 {
        stage.tick().await;
    }
    assert_eq!(log.lines(), ["INFO the rate limit suffices for the schedule again"]);
}

#[tokio::test(start_paused = true)]
async fn forbidden_dns_records_are_logged_once_with_the_permission_and_are_not_an_error() {
    let (log, all) = (Log::start(), names("h", 3));
    let dns_origins = Extent { dns_origins: true, ..GET };
    let world = World { dns_records: Some(Failure(403, 10_000)), ..world(&all) };
    let stage = Stage::start(vec![zone(&all, dns_origins)], world, MINUTE, 1000).await;
    for _ in 0..130 {
        stage.tick().await;
    }
    let lines = log.lines();
    assert!(stage.calls("dns_records") >= 2, "retried now and then");
    let [_, line] = &*lines else { panic!("{lines:?}") };
    assert!(line.starts_with("INFO the token may not read the DNS records of zones"), "{line}");
    assert!(line.contains(r#"advice="the token lacks the permission \"DNS Read\" for this zone""#), "{line}");
    assert_eq!(stage.errors("forbidden"), 0.0);
    let known = stage.keeper.snapshot();
    assert_eq!((known.zones()[0].is_up(), known.zones()[0].dns_records()), (true, None));
}

#[tokio::test(start_paused = true)]
async fn dns_records_are_read_hourly_and_kept_while_they_cannot_be_read() {
    let (log, all) = (Log::start(), names("h", 3));
    let stage =
        Stage::start(vec![zone(&all, Extent { dns_origins: true, ..GET })], world(&all), MINUTE, 1000).await;
    for _ in 0..111 {
        stage.tick().await;
    }
    let records = |stage: &Stage| stage.keeper.snapshot().zones()[0].dns_records().map(<[_]>::len);
    assert_eq!(records(&stage), Some(1));
    let calls = stage.calls("dns_records");
    assert!((1..=3).contains(&calls), "{calls} calls in two hours");
    // Cloudflare's own ranges are read at the same time
    assert_eq!(stage.calls("ip_ranges"), calls);
    let ranges = stage.keeper.snapshot().cloudflare().map(|ranges| ranges.to_vec());
    assert_eq!(ranges, Some(vec!["104.16.0.0/13".parse().unwrap()]));
    log.lines();
    stage.world(|world| world.dns_records = Some(Failure(500, 0)));
    for _ in 0..60 {
        stage.tick().await;
    }
    assert_eq!(records(&stage), Some(1));
    let lines = log.lines();
    let [line] = &*lines else { panic!("{lines:?}") };
    assert!(
        line.starts_with("WARN the zone's DNS records cannot be read; the known ones are kept"),
        "{line}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_setting_is_logged_and_again_when_it_is_readable() {
    let (log, all) = (Log::start(), names("h", 3));
    let zone_level = Extent { zone_level: true, ..GET };
    let world = World { settings: Some(Failure(500, 0)), ..world(&all) };
    let stage = Stage::start(vec![zone(&all, zone_level)], world, MINUTE, 1000).await;
    for _ in 0..3 {
        stage.tick().await;
    }
    let began = log.lines();
    assert_eq!(began.len(), 3, "{began:?}");
    assert!(
        began[0].starts_with("INFO 1 zone takes 8 requests, which rate_limit (1000 in 1m) spreads over 1s;")
    );
    assert!(began[1].starts_with("WARN the zone's global switch cannot be read; its last reading is kept"));
    assert!(began[2].starts_with("WARN the zone's SSL mode cannot be read; its last reading is kept"));
    stage.world(|world| world.settings = None);
    stage.tick().await;
    stage.tick().await;
    let ended: Vec<_> =
        log.lines().iter().map(|line| line.split(" account=").next().unwrap().to_owned()).collect();
    assert_eq!(
        ended,
        ["INFO the zone's global switch is read again", "INFO the zone's SSL mode is read again"]
    );
}

use super::*;
use crate::domain::{
    Association, Expectation, Hostname, HostnameTarget, Reading, Reason, ZoneId, ZoneTarget,
};

fn name(text: &str) -> Hostname {
    text.parse().unwrap()
}

fn zone(hostnames: &[&str]) -> ZoneTarget {
    let targets = hostnames
        .iter()
        .map(|hostname| HostnameTarget { hostname: name(hostname), expectation: Expectation::default() });
    ZoneTarget::named("a".into(), "example".parse().unwrap(), None).with_hostnames(targets.collect())
}

fn started(targets: &Targets) -> (Handle, CancellationToken) {
    let (keeper, handle) = Keeper::new(Snapshot::default().retarget(targets));
    let shutdown = CancellationToken::new();
    tokio::spawn(keeper.run(shutdown.clone()));
    (handle, shutdown)
}

fn read(hostname: &str) -> Outcome {
    let at = jiff::Timestamp::UNIX_EPOCH.into();
    Outcome::Read(name(hostname), Ok(Reading::bare(Association::Enabled, at)))
}

fn up(handle: &Handle) -> usize {
    let known = handle.snapshot();
    known.zones().iter().flat_map(|zone| zone.entries()).filter(|entry| entry.is_up()).count()
}

#[tokio::test(start_paused = true)]
async fn readings_are_published_together_and_everything_else_at_once() {
    let zone = zone(&["a.example", "b.example", "c.example"]);
    let key = zone.key().clone();
    let (handle, _shutdown) = started(&Targets::new([zone]));
    let mut published = handle.follow();
    let start = Instant::now();
    handle.report(key.clone(), read("a.example")).await;
    tokio::time::sleep(Duration::from_millis(900)).await;
    handle.report(key.clone(), read("b.example")).await;
    published.changed().await.unwrap();
    assert_eq!((start.elapsed(), up(&handle)), (PUBLISH_AFTER, 2));

    handle.report(key.clone(), read("c.example")).await;
    handle
        .report(key.clone(), Outcome::Ended { result: Ok(()), at: jiff::Timestamp::UNIX_EPOCH.into() })
        .await;
    published.changed().await.unwrap();
    assert_eq!((start.elapsed(), up(&handle)), (PUBLISH_AFTER, 3));
}

#[tokio::test(start_paused = true)]
async fn earlier_reports_are_published_before_the_targets_change() {
    let (handle, _shutdown) = started(&Targets::new([zone(&["a.example", "b.example"])]));
    let key = zone(&[]).key().clone();
    handle.report(key.clone(), read("a.example")).await;
    handle.retarget(Targets::new([zone(&["a.example"])])).await;
    assert_eq!(up(&handle), 1);
    handle.report(key, Outcome::Read(name("a.example"), Err(Reason::Timeout))).await;
    handle.published().await;
    assert_eq!(up(&handle), 0);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_publishes_all_earlier_reports() {
    let (handle, shutdown) = started(&Targets::new([zone(&["a.example"])]));
    handle.report(zone(&[]).key().clone(), read("a.example")).await;
    shutdown.cancel();
    let mut published = handle.follow();
    while published.changed().await.is_ok() {}
    assert_eq!(up(&handle), 1);
    // a stopped keeper does not block its callers
    handle.published().await;
}

#[test]
fn a_zone_that_is_configured_twice_is_named_with_the_account_that_reads_it() {
    let id: ZoneId = "023e105f4ecef8ad9ca31a8372d0c353".parse().unwrap();
    let targets = Targets::new([zone(&["a.example"]), ZoneTarget::identified("b".into(), id)]);
    let known = Snapshot::default().retarget(&targets);
    let known = known.fold([(zone(&[]).key().clone(), Outcome::Identified(id))]);
    assert_eq!(
        read_once(&known.zones()[0], &id.into()),
        "zone 023e105f4ecef8ad9ca31a8372d0c353 is the same zone as example: it is read once, as example through \
         account a"
    );
}

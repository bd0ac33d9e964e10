use super::*;
use crate::cloudflare::{ApiError, Error, Purpose};
use crate::domain::{Expectation, Hostname, HostnameTarget, Reason, Targets, ZoneName, ZoneTarget};

const ZONES: [&str; 5] = ["a.example", "b.example", "c.example", "d.example", "e.example"];

/// A story of five zones of one account. Polls start ten seconds apart and take one second.
struct Polls {
    story: Story,
    known: Snapshot,
    limited: BTreeMap<Arc<str>, Duration>,
    now: Instant,
}

fn hostname(zone: &str) -> Hostname {
    format!("www.{zone}").parse().unwrap()
}

fn targets(zones: &[&str]) -> Targets {
    Targets::new(zones.iter().map(|zone| {
        let hostname = HostnameTarget { hostname: hostname(zone), expectation: Expectation::default() };
        ZoneTarget::named("main".into(), zone.parse().unwrap(), None).with_hostnames(vec![hostname])
    }))
}

impl Polls {
    fn new() -> Self {
        let known = Snapshot::default().retarget(&targets(&ZONES));
        Self { story: Story::default(), known, limited: BTreeMap::new(), now: Instant::now() }
    }

    /// Polls these zones, and returns the log lines.
    fn poll_of(&mut self, zones: &[&str], met: impl Fn(&str, &mut Seen)) -> Vec<String> {
        let seen: Vec<_> = zones
            .iter()
            .map(|zone| {
                let mut seen = Seen::new(
                    "main".into(),
                    "api.test".into(),
                    Some((&zone.parse::<ZoneName>().unwrap()).into()),
                );
                seen.things.insert(Thing::Zone, Ok(()));
                met(zone, &mut seen);
                seen
            })
            .collect();
        let (started, ended) = (self.now, self.now + Duration::from_secs(1));
        self.now += Duration::from_secs(10);
        let polled = Polled { seen: &seen, limited: &self.limited, known: &self.known, started, ended };
        self.story.fold(&polled).iter().map(Line::to_string).collect()
    }

    fn poll(&mut self, met: impl Fn(&str, &mut Seen)) -> Vec<String> {
        self.poll_of(&ZONES, met)
    }

    /// Polls all zones. Each fails with its error, if any.
    fn failing(&mut self, error: impl Fn(&str) -> Option<Error>) -> Vec<String> {
        self.poll(|zone, seen| fail(seen, Thing::Zone, error(zone).as_ref()))
    }
}

fn fail(seen: &mut Seen, thing: Thing, error: Option<&Error>) {
    if let Some(error) = error {
        seen.things.insert(thing, Err(Trouble::new(error, Purpose::Read)));
    }
}

fn transport(reason: Reason, what: &str) -> Error {
    Error::Transport { reason, what: what.into() }
}

fn refused() -> Error {
    transport(Reason::Connect, "connection refused")
}

fn api(status: u16, code: i64) -> Error {
    let errors = vec![ApiError { code, message: "no".into() }];
    Error::Api { status, errors, ray: None, retry_after: None }
}

const NOTHING: [String; 0] = [];
const AWAY: &str =
    "WARN Cloudflare's API is not available; the last readings are kept error=api.test: connection refused";
const FORBIDDEN: &str = "WARN the zone cannot be read; its last readings are kept account=main zone=b.example \
                         error=HTTP status 403, code 10000 (no) \
                         advice=the token lacks the permission \"SSL and Certificates Read\" for this zone";

#[test]
fn an_outage_of_all_zones_is_one_line_when_it_starts_and_one_when_it_ends() {
    let mut polls = Polls::new();
    assert_eq!(polls.failing(|_| None), NOTHING);
    assert_eq!(polls.failing(|_| Some(refused())), [AWAY]);
    // changes during the outage are not reported
    assert_eq!(polls.failing(|_| Some(transport(Reason::Timeout, "timed out"))), NOTHING);
    assert_eq!(polls.failing(|zone| (zone > "c").then(refused)), NOTHING);
    assert_eq!(polls.failing(|_| None), ["INFO Cloudflare's API is available again after=31s"]);
    assert_eq!(polls.failing(|_| None), NOTHING);
}

#[test]
fn a_refused_connection_is_never_blamed_on_a_single_zone_or_hostname() {
    let mut polls = Polls::new();
    assert_eq!(polls.failing(|zone| (zone == "b.example").then(refused)), [AWAY]);
    let lines = Polls::new().poll(|zone, seen| {
        fail(seen, Thing::Hostname(hostname(zone)), (zone == "b.example").then(refused).as_ref());
    });
    assert_eq!(lines, [AWAY]);
}

#[test]
fn one_failing_zone_is_blamed_on_itself_and_two_on_the_api() {
    let mut polls = Polls::new();
    let error = || Some(api(502, 0));
    assert_eq!(
        polls.failing(|zone| error().filter(|_| zone == "b.example")),
        [
            "WARN the zone cannot be read; its last readings are kept account=main zone=b.example error=HTTP status 502, code 0 (no) advice=Cloudflare failed, which says nothing about the token: try again later, and look at https://www.cloudflarestatus.com"
        ]
    );
    assert_eq!(
        polls.failing(|zone| error().filter(|_| zone < "c")),
        [
            "WARN Cloudflare's API is not available; the last readings are kept error=api.test: HTTP status 502, code 0 (no) advice=Cloudflare failed, which says nothing about the token: try again later, and look at https://www.cloudflarestatus.com"
        ]
    );
    assert_eq!(
        polls.failing(|_| None),
        [
            "INFO Cloudflare's API is available again after=11s",
            "INFO the zone is read again account=main zone=b.example after=21s"
        ]
    );
}

#[test]
fn a_rejected_token_is_one_line_and_only_an_answer_ends_it() {
    let mut polls = Polls::new();
    let lines = polls.failing(|_| Some(api(401, 1000)));
    assert_eq!(
        lines,
        [
            "WARN Cloudflare does not accept the token; the last readings are kept account=main error=HTTP status 401, code 1000 (no) advice=the token is not valid: it was mistyped, rolled or deleted"
        ]
    );
    assert_eq!(polls.failing(|_| Some(api(401, 1000))), NOTHING);
    // a reload polls one of the zones
    let one = polls.poll_of(&ZONES[..1], |_, seen| fail(seen, Thing::Zone, Some(&api(401, 1000))));
    assert_eq!(one, NOTHING);
    assert_eq!(polls.failing(|_| Some(refused())), [AWAY]);
    assert_eq!(
        polls.failing(|_| None),
        [
            "INFO Cloudflare's API is available again after=11s",
            "INFO Cloudflare accepts the token again account=main after=41s"
        ]
    );
}

#[test]
fn a_forbidden_zone_is_one_line_with_the_permission_even_if_its_parts_fail() {
    let mut polls = Polls::new();
    let forbidden = |zone: &str, seen: &mut Seen| {
        if zone == "b.example" {
            for thing in [Thing::Zone, Thing::Lists, Thing::Switch] {
                fail(seen, thing, Some(&api(403, 10_000)));
            }
        }
    };
    assert_eq!(polls.poll(forbidden), [FORBIDDEN]);
    assert_eq!(polls.poll(forbidden), NOTHING);
    assert_eq!(
        polls.failing(|_| None),
        ["INFO the zone is read again account=main zone=b.example after=21s"]
    );
}

#[test]
fn a_new_reason_is_a_new_line() {
    let mut polls = Polls::new();
    polls.failing(|zone| (zone == "b.example").then(|| api(404, 7003)));
    assert_eq!(polls.failing(|zone| (zone == "b.example").then(|| api(403, 10_000))), [FORBIDDEN]);
    assert_eq!(polls.failing(|_| Some(refused())), [AWAY]);
    // after the outage it is still forbidden, which was already logged
    assert_eq!(
        polls.failing(|zone| (zone == "b.example").then(|| api(403, 10_000))),
        ["INFO Cloudflare's API is available again after=11s"]
    );
}

#[test]
fn zones_that_start_to_fail_alike_in_one_poll_share_a_line() {
    let mut polls = Polls::new();
    let all_but_one = |zone: &str| (zone != "e.example").then(|| api(400, 1));
    assert_eq!(
        polls.failing(all_but_one),
        [
            "WARN the zone cannot be read; its last readings are kept account=main zone=a.example, b.example, c.example, d.example error=HTTP status 400, code 1 (no)"
        ]
    );
    assert_eq!(
        polls.failing(|zone| all_but_one(zone).filter(|_| zone > "b")),
        ["INFO the zone is read again account=main zone=a.example after=11s"]
    );
}

#[test]
fn a_hostname_that_fails_is_named_with_its_zone() {
    let mut polls = Polls::new();
    let hangs = |zone: &str, seen: &mut Seen| {
        let error = (zone == "b.example").then(|| transport(Reason::Timeout, "timed out"));
        fail(seen, Thing::Hostname(hostname(zone)), error.as_ref());
    };
    assert_eq!(
        polls.poll(hangs),
        [
            "WARN hostnames cannot be read; their last readings are kept account=main zone=b.example hostname=www.b.example error=timed out"
        ]
    );
    assert_eq!(polls.poll(hangs), NOTHING);
    assert_eq!(
        polls.failing(|_| None),
        ["INFO hostnames are read again account=main zone=b.example hostname=www.b.example after=21s"]
    );
}

#[test]
fn an_unrequested_list_has_not_recovered() {
    let mut polls = Polls::new();
    let lists = |error: Option<&Error>| match error {
        Some(error) => Err(Trouble::new(error, Purpose::List)),
        None => Ok(()),
    };
    let lines = polls
        .poll_of(&ZONES[..1], |_, seen| drop(seen.things.insert(Thing::Lists, lists(Some(&api(405, 1))))));
    assert!(
        lines[0].starts_with("WARN the zone's lists cannot be read; its hostnames are read one by one"),
        "{lines:?}"
    );
    assert_eq!(polls.failing(|_| None), NOTHING);
    let lines = polls.poll_of(&ZONES[..1], |_, seen| drop(seen.things.insert(Thing::Lists, lists(None))));
    assert_eq!(lines, ["INFO the zone's lists are read again account=main zone=a.example after=21s"]);
}

#[test]
fn an_unwatched_zone_has_neither_failed_nor_recovered() {
    let mut polls = Polls::new();
    assert_eq!(polls.failing(|zone| (zone == "b.example").then(|| api(403, 10_000))), [FORBIDDEN]);
    polls.known = polls.known.retarget(&targets(&ZONES[..1]));
    assert_eq!(polls.poll_of(&ZONES[..1], |_, _| {}), NOTHING);
    polls.known = polls.known.retarget(&targets(&ZONES));
    assert_eq!(polls.failing(|_| None), NOTHING);
}

#[test]
fn a_rate_limit_is_reported_while_it_delays_requests_even_if_everything_was_read() {
    let mut polls = Polls::new();
    polls.limited = [("main".into(), Duration::from_secs(2))].into();
    assert_eq!(
        polls.failing(|_| None),
        [
            "WARN Cloudflare's rate limit holds requests back account=main error=HTTP status 429: requests wait for 2 s"
        ]
    );
    assert_eq!(polls.failing(|_| None), NOTHING);
    polls.limited.clear();
    assert_eq!(polls.failing(|_| Some(Error::Blocked(Duration::from_secs(1)))), NOTHING);
    assert_eq!(
        polls.failing(|_| None),
        ["INFO Cloudflare's rate limit no longer holds requests back account=main after=31s"]
    );
}

#[test]
fn a_panic_is_an_error_with_its_location() {
    let mut polls = Polls::new();
    let lines =
        polls.failing(|zone| (zone == "b.example").then(|| Error::Panicked("src/a.rs:7:3: oops".into())));
    let [line] = &*lines else { panic!("{lines:?}") };
    assert!(line.starts_with("ERROR the zone cannot be read"), "{line}");
    assert!(line.contains("src/a.rs:7:3: oops"), "{line}");
}

#[test]
fn repeatedly_overrunning_polls_are_reported_at_the_start_and_at_the_end() {
    let (mut story, now) = (Story::default(), Instant::now());
    let mut ticks = |skipped, is_planned, after| {
        let now = now + Duration::from_secs(after);
        story.ticks(skipped, is_planned, now).map(|line| line.to_string())
    };
    assert_eq!(ticks(1, false, 0), None, "a single slow poll");
    assert_eq!(ticks(0, false, 1), None);
    assert_eq!(ticks(2, false, 2), None);
    let begun = ticks(1, false, 3).unwrap();
    assert_eq!(begun, "WARN polls take longer than the schedule allows: 3 ticks were skipped so far");
    assert_eq!(ticks(1, false, 4), None);
    let ended = ticks(0, false, 8).unwrap();
    assert_eq!(ended, "INFO polls keep to the schedule again: 4 ticks were skipped after=5s");
    for after in 9..12 {
        assert_eq!(ticks(1, true, after), None, "already logged by the plan");
    }
}

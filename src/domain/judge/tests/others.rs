//! Findings about zones, certificates and accounts, and about stale readings.

use super::*;

#[test]
fn ignored_findings_come_last_and_do_not_count() {
    let ignoring = |of_zone: &[Finding], of_hostname: &[Finding]| {
        let ignored = of_hostname.iter().copied().collect();
        let expectation = Expectation { association: Expected::Disabled, ignored, ..Expectation::default() };
        let soon = Reading { certificate: Some(ending(DAY)), ..healthy() };
        let certificate = ZoneCertificate {
            id: "c".parse().unwrap(),
            level: Level::Hostname,
            status: None,
            since: None,
            uploaded_on: None,
            certificate: ending(DAY),
            hostnames: Some(91),
        };
        let outcomes = [
            Outcome::Read(name(), Ok(soon)),
            Outcome::Listed {
                hostnames: vec![],
                present: None,
                certificates: vec![certificate],
                at: at(NOW),
            },
            Outcome::ZoneLevel { enabled: Ok(false), certificates: Ok(vec![]), at: at(NOW) },
            Outcome::Settings { global: Ok(true), ssl_mode: Ok(SslMode::Off), at: at(NOW) },
            Outcome::Ended { result: Ok(()), at: at(NOW) },
        ];
        let known = known(expectation, outcomes);
        let target = known.zones()[0].target();
        let extent = Extent { ignored: of_zone.iter().copied().collect(), ..target.extent() };
        let target = ZoneTarget::clone(target).with_extent(extent);
        judge(known.retarget(&Targets::new([target])))
    };
    let told = |judge: &Judge| {
        let zone = &judge.snapshot().zones()[0];
        let all = [
            judge.tell_zone(zone),
            judge.tell_certificate(zone, &zone.certificates()[0]),
            judge.tell_hostname(zone, &zone.entries()[0]),
        ];
        all.map(|told| {
            let words = told.iter().map(|told| (told.finding.code(), told.ignored)).collect::<Vec<_>>();
            (Told::worst(&told), words)
        })
    };
    use Verdict::{Critical, Info, Ok as Fine, Warning};
    let heeded = ignoring(&[], &[]);
    let limit = "near_hostname_limit";
    let both = vec![("expires_very_soon", false), ("drifted", false)];
    assert_eq!(
        told(&heeded),
        [(Warning, vec![("ssl_mode", false)]), (Info, vec![(limit, false)]), (Critical, both)]
    );
    // findings ignored for a hostname still count for the zone and the certificate
    let of_hostname = ignoring(&[], &[Finding::ExpiresVerySoon]);
    let one = vec![("drifted", false), ("expires_very_soon", true)];
    assert_eq!(
        told(&of_hostname),
        [(Warning, vec![("ssl_mode", false)]), (Info, vec![(limit, false)]), (Critical, one)]
    );
    assert_eq!(of_hostname.verdict(), Critical);
    // findings ignored for a zone are also ignored for its hostnames and certificates
    let zone = [Finding::SslMode, Finding::NearHostnameLimit, Finding::ExpiresVerySoon];
    let of_both = ignoring(&zone, &[Finding::Drifted]);
    let none = vec![("expires_very_soon", true), ("drifted", true)];
    assert_eq!(told(&of_both), [(Fine, vec![("ssl_mode", true)]), (Fine, vec![(limit, true)]), (Fine, none)]);
    assert_eq!(of_both.verdict(), Fine);
    assert_eq!(of_both.hostnames_by_verdict(), [(Reverse(Fine), 1)].into());
    assert!(
        of_both
            .hostname(&of_both.snapshot().zones()[0], &of_both.snapshot().zones()[0].entries()[0])
            .is_empty()
    );
}

fn any() -> Expectation {
    Expectation { association: Expected::Any, ..Expectation::default() }
}

fn ended(seconds_ago: i64) -> Outcome {
    Outcome::Ended { result: Ok(()), at: at(NOW - seconds_ago) }
}

fn zone_level(enabled: bool, certificates: Vec<ZoneCertificate>, seconds_ago: i64) -> Outcome {
    Outcome::ZoneLevel { enabled: Ok(enabled), certificates: Ok(certificates), at: at(NOW - seconds_ago) }
}

fn read(seconds_ago: i64) -> Outcome {
    Outcome::Read(name(), Ok(Reading { read_at: at(NOW - seconds_ago), ..healthy() }))
}

fn planned(interval: i64, seconds_ago: i64) -> [Outcome; 4] {
    let interval = Duration::from_secs(interval.unsigned_abs());
    PartKind::ALL.map(|part| Outcome::Planned { part, interval, at: at(NOW - seconds_ago) })
}

/// Returns all findings, each with its subject.
fn everything(judge: &Judge) -> Vec<String> {
    let of = |subject: &str, told| {
        described(told).into_iter().map(|finding| format!("{subject} {finding}")).collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    for account in judge.snapshot().accounts() {
        all.extend(of("account", judge.tell_account(account)));
    }
    for zone in judge.snapshot().zones() {
        all.extend(of("zone", judge.tell_zone(zone)));
        for known in zone.certificates() {
            all.extend(of("certificate", judge.tell_certificate(zone, known)));
        }
        for entry in zone.entries() {
            all.extend(of("hostname", judge.tell_hostname(zone, entry)));
        }
    }
    all
}

fn found(outcomes: impl IntoIterator<Item = Outcome>) -> Vec<String> {
    everything(&judge(known(any(), outcomes)))
}

/// Returns a zone-level certificate.
fn of_zone(status: Status, certificate: Arc<Certificate>) -> ZoneCertificate {
    ZoneCertificate {
        id: "c".parse().unwrap(),
        level: Level::Zone,
        status: Some(status),
        since: None,
        uploaded_on: None,
        certificate,
        hostnames: None,
    }
}

fn with_certificate(enabled: bool, certificate: ZoneCertificate) -> Vec<String> {
    found([read(0), zone_level(enabled, vec![certificate], 0), ended(0)])
}

#[test]
fn a_zone_level_certificate_is_judged_while_the_switch_is_on_or_unknown() {
    for (certificate, expected) in [
        (of_zone(Status::Active, ending(-DAY)), "expired: expired 24 hours ago"),
        (of_zone(Status::Active, ending(DAY)), "expires_very_soon: expires in 24 hours"),
        (
            of_zone(Status::PendingDeletion, ending(90 * DAY)),
            "certificate_deleted: the certificate is being deleted",
        ),
        (of_zone(Status::Deleted, ending(90 * DAY)), "certificate_deleted: the certificate is deleted"),
        (
            of_zone(Status::DeploymentTimedOut, ending(90 * DAY)),
            "deployment_timed_out: deployment of the certificate timed out",
        ),
    ] {
        assert_eq!(with_certificate(true, certificate.clone()), [format!("certificate {expected}")]);
        assert_eq!(with_certificate(false, certificate.clone()), [] as [&str; 0]);
        let unknown = Outcome::ZoneLevel {
            enabled: Err(Reason::Forbidden),
            certificates: Ok(vec![certificate]),
            at: at(NOW),
        };
        assert!(found([read(0), unknown, ended(0)]).contains(&format!("certificate {expected}")));
    }
    let timed_out = of_zone(Status::DeletionTimedOut, ending(-DAY));
    let deletion = "certificate deletion_timed_out: deletion of the certificate timed out";
    assert_eq!(with_certificate(false, timed_out), [deletion], "presented or not");
}

#[test]
fn a_deleted_zone_level_certificate_is_in_use_only_if_it_is_the_last_one() {
    let id = |id: &str, row| ZoneCertificate { id: id.parse().unwrap(), ..row };
    let deleted = id("old", of_zone(Status::Deleted, ending(90 * DAY)));
    let rows = vec![deleted, id("new", of_zone(Status::Active, ending(90 * DAY)))];
    assert_eq!(found([read(0), zone_level(true, rows, 0), ended(0)]), [] as [&str; 0]);
}

#[test]
fn a_zone_level_certificate_is_pending_since_its_upload_or_its_first_reading() {
    let pending = |uploaded: Option<i64>| ZoneCertificate {
        uploaded_on: uploaded.map(|seconds| at(NOW - seconds)),
        ..of_zone(Status::PendingDeployment, ending(90 * DAY))
    };
    let for_an_hour = "certificate pending: certificate pending_deployment for 1 hour";
    assert_eq!(with_certificate(true, pending(Some(30 * MINUTE))), [] as [&str; 0]);
    assert_eq!(with_certificate(true, pending(Some(HOUR))), [for_an_hour]);
    assert_eq!(with_certificate(false, pending(Some(HOUR))), [] as [&str; 0]);
    let seen = |row: ZoneCertificate| {
        found([zone_level(true, vec![row.clone()], HOUR), read(0), zone_level(true, vec![row], 0), ended(0)])
    };
    assert_eq!(seen(pending(None)), [for_an_hour]);
    assert_eq!(seen(pending(Some(-DAY))), [for_an_hour]);
}

#[test]
fn a_certificate_of_the_hostname_store_is_near_its_limit_with_more_than_90_hostnames() {
    let listed = |hostnames| {
        let row = ZoneCertificate {
            level: Level::Hostname,
            hostnames: Some(hostnames),
            // findings about its status belong to the hostnames that use it
            ..of_zone(Status::DeploymentTimedOut, ending(-DAY))
        };
        let listed =
            Outcome::Listed { hostnames: Vec::new(), present: None, certificates: vec![row], at: at(NOW) };
        found([read(0), listed, zone_level(true, Vec::new(), 0), ended(0)])
    };
    assert_eq!(listed(90), [] as [&str; 0]);
    assert_eq!(listed(91), ["certificate near_hostname_limit: 91 of at most 100 hostnames"]);
}

#[test]
fn a_vanished_hostname_is_reported_for_an_hour() {
    let removed = |seconds_ago| {
        let zone = ZoneTarget::named("main".into(), "example".parse().unwrap(), None);
        let zone = zone.with_extent(Extent { discovered: Some(Expected::Any), ..Extent::default() });
        let gone = Outcome::Listed {
            hostnames: Vec::new(),
            present: Some(Default::default()),
            certificates: Vec::new(),
            at: at(NOW - seconds_ago),
        };
        let outcomes = [read(seconds_ago + 60), gone, ended(0)].map(|outcome| (key(), outcome));
        everything(&judge(Snapshot::default().retarget(&Targets::new([zone])).fold(outcomes)))
    };
    let message = "zone hostnames_removed: a discovered hostname vanished 59 minutes ago";
    assert_eq!(removed(HOUR - 1), [message]);
    assert_eq!(removed(HOUR), [] as [&str; 0]);
}

/// Returns an account with a pattern. `lists` has the results of reading its zone list, each with its age in seconds.
fn listing(lists: &[(i64, Result<&[&str], Reason>)]) -> Snapshot {
    let pattern = PatternTarget {
        account: "main".into(),
        pattern: "*".parse().unwrap(),
        only: None,
        exclude: Vec::new(),
        extent: Extent::default(),
    };
    let watching = Snapshot::default().retarget(&Targets::default().with_patterns(vec![pattern]));
    lists.iter().fold(watching, |known, (seconds_ago, result)| {
        let seen = |name: &&str| {
            let id = format!("{:032x}", name.as_bytes()[0]).parse().unwrap();
            FoundZone { name: name.parse().unwrap(), id }
        };
        let found = result.ok().map(|names| names.iter().map(seen).collect());
        let date = at(NOW - seconds_ago);
        known.with_list_wanted("main", date).with_zones("main", found, result.map(drop), date)
    })
}

/// Returns the findings about the account itself.
fn of_account(known: Snapshot) -> Vec<String> {
    let judge = judge(known);
    described(judge.tell_account(&judge.snapshot().accounts()[0]))
}

#[test]
fn a_vanished_zone_is_reported_for_an_hour() {
    let left = |seconds_ago| {
        of_account(listing(&[(2 * HOUR, Ok(&["a.example", "b.example"])), (seconds_ago, Ok(&["b.example"]))]))
    };
    let none_is_read = "not_read: none of its zones was read";
    let message = "zones_removed: a zone that matched a pattern vanished 59 minutes ago";
    assert_eq!(left(HOUR - 1), [message, none_is_read]);
    assert_eq!(left(HOUR), [none_is_read]);
}

#[test]
fn an_account_whose_zones_cannot_be_listed_is_not_read_and_is_stale_after_165_minutes() {
    let failed = |seconds_ago| of_account(listing(&[(seconds_ago, Ok(&[])), (0, Err(Reason::Forbidden))]));
    let not_listed = "not_read: its zones are not listed: the token lacks a permission";
    assert_eq!(failed(165 * MINUTE), [not_listed]);
    let stale = "stale: nothing has been read for too long";
    assert_eq!(failed(165 * MINUTE + 1), [stale, not_listed]);
    assert_eq!(of_account(listing(&[])), ["not_read: its zones are not listed yet"]);
    assert_eq!(of_account(listing(&[(0, Ok(&[]))])), [] as [&str; 0], "there is no zone to read");
}

#[test]
fn an_ssl_mode_without_tls_to_the_origin_is_found_while_a_certificate_is_enabled() {
    let with = |mode, enabled: bool, switch: bool, global: bool| {
        let association = if enabled { Association::Enabled } else { Association::Disabled };
        let reading = Reading { association, ..healthy() };
        let settings = Outcome::Settings { global: Ok(global), ssl_mode: Ok(mode), at: at(NOW) };
        found([Outcome::Read(name(), Ok(reading)), zone_level(switch, Vec::new(), 0), settings, ended(0)])
    };
    for (mode, word) in [(SslMode::Off, "off"), (SslMode::Flexible, "flexible")] {
        let told = format!("zone ssl_mode: the SSL mode is {word}: Cloudflare presents no certificate");
        for (enabled, switch, global) in [(true, false, false), (false, true, false), (false, false, true)] {
            assert_eq!(with(mode, enabled, switch, global), [told.as_str()], "{enabled} {switch} {global}");
        }
        assert_eq!(with(mode, false, false, false), [] as [&str; 0], "nothing is enabled");
    }
    for mode in [SslMode::Full, SslMode::Strict, SslMode::OriginPull, SslMode::Unknown] {
        assert_eq!(with(mode, true, true, true), [] as [&str; 0], "{mode:?}");
    }
    let unknown = found([read(0), zone_level(true, Vec::new(), 0), ended(0)]);
    assert_eq!(unknown, [] as [&str; 0], "the token may not read it");
}

#[test]
fn the_token_and_the_rate_limit_of_an_account_are_judged() {
    let facts = |token, rate_limited_at| {
        let known = known(any(), [read(0), zone_level(true, Vec::new(), 0), ended(0)]);
        everything(&judge(known.with_facts("main", AccountFacts { token, rate_limited_at }))).join(", ")
    };
    let token =
        |valid, expires: Option<i64>| TokenState { valid, expires: expires.map(|seconds| at(NOW + seconds)) };
    assert_eq!(facts(token(Some(true), Some(30 * DAY)), None), "");
    assert_eq!(
        facts(token(Some(true), Some(30 * DAY - 1)), None),
        "account token_expires_soon: the token expires in 29 days"
    );
    assert_eq!(facts(token(Some(false), Some(-DAY)), None), "account token_invalid: the token is not valid");
    assert_eq!(
        facts(TokenState::default(), Some(at(NOW - 15 * MINUTE + 1))),
        "account rate_limited: Cloudflare answered 429 14 minutes ago, and may block requests for minutes"
    );
    assert_eq!(facts(TokenState::default(), Some(at(NOW - 15 * MINUTE))), "");
}

#[test]
fn only_the_widest_stale_subject_is_reported() {
    // the limit of short intervals is 15 minutes
    let old = 15 * MINUTE + 1;
    let all = |zone, hostname| {
        found(planned(300, HOUR).into_iter().chain([
            read(hostname),
            zone_level(true, vec![], zone),
            ended(zone),
        ]))
    };
    assert_eq!(all(15 * MINUTE, 15 * MINUTE), [] as [&str; 0]);
    assert_eq!(all(0, old), ["hostname stale: last read 15 minutes ago"]);
    assert_eq!(all(old, old), ["account stale: nothing has been read for too long"]);

    let two = |account: &str| {
        let other = ZoneTarget::named(account.into(), "other".parse().unwrap(), None);
        let targets = Targets::new([ZoneTarget::clone(known(any(), []).zones()[0].target()), other]);
        let read =
            planned(300, HOUR).into_iter().chain([read(old), zone_level(true, vec![], old), ended(old)]);
        let other = ZoneKey::from(&"other".parse().unwrap());
        let outcomes = read.map(|outcome| (key(), outcome)).chain([(other, ended(0))]);
        everything(&judge(Snapshot::default().retarget(&targets).fold(outcomes)))
    };
    assert_eq!(two("main"), ["zone stale: last read 15 minutes ago"]);
    assert_eq!(two("second"), ["account stale: nothing has been read for too long"]);
}

#[test]
fn a_subject_with_a_long_interval_is_stale_after_three_intervals() {
    let all = |ago| {
        found(planned(HOUR, 5 * HOUR).into_iter().chain([
            read(ago),
            zone_level(true, vec![], ago),
            ended(ago),
        ]))
    };
    assert_eq!(all(3 * HOUR), [] as [&str; 0]);
    assert_eq!(all(3 * HOUR + 1), ["account stale: nothing has been read for too long"]);
}

#[test]
fn a_subject_that_was_never_read_is_stale_counted_from_the_first_attempt() {
    let unread = "not_read: not read yet";
    let never = |ago| found(planned(300, ago));
    let expected = [
        "account not_read: none of its zones was read",
        &format!("zone {unread}"),
        &format!("hostname {unread}"),
    ]
    .map(str::to_owned);
    assert_eq!(never(15 * MINUTE), expected);
    assert_eq!(never(16 * MINUTE)[0], "account stale: nothing has been read for too long");
    let hostname = found(planned(300, HOUR).into_iter().chain([zone_level(true, vec![], 0), ended(0)]));
    assert_eq!(hostname, ["hostname stale: never read", "hostname not_read: not read yet"]);
}

#[test]
fn one_stale_part_makes_its_zone_stale() {
    let old_switch =
        planned(300, HOUR).into_iter().chain([read(0), zone_level(true, vec![], HOUR), ended(0)]);
    assert_eq!(found(old_switch), ["zone stale: last read 1 hour ago"]);
}

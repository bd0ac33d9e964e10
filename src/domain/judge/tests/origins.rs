//! Findings about origins, which compare what Cloudflare presents with what the origins demand.

use super::*;
use crate::domain::{
    AcceptedIssuers, Demand, DemandReason, IssuerName, OriginReading, OriginTarget, ProbeFailure, SslMode,
};

fn issuer(name: &[u8]) -> IssuerName {
    IssuerName::from_der(name)
}

/// A certificate of these issuers.
fn issued_by(issuers: &[&[u8]]) -> Arc<Certificate> {
    let certificate = with_pem(-DAY, 90 * DAY, CertificateDetails::default());
    let issuers = issuers.iter().map(|name| issuer(name)).collect();
    let pem = certificate.pem().cloned().map(|pem| Pem { issuers, ..pem });
    Arc::new(Certificate::new(CertificateDetails::default(), pem))
}

fn origin(label: &str) -> OriginTarget {
    OriginTarget {
        hostname: name(),
        label: label.into(),
        address: "203.0.113.7".parse().unwrap(),
        server_name: name(),
        path: format!("/{label}").into(),
        from_dns: false,
    }
}

fn probed(label: &str, demand: Demand, accepted: &[&[u8]]) -> Outcome {
    probed_at(NOW, label, (demand, DemandReason::Resumed), accepted)
}

fn probed_at(
    time: i64,
    label: &str,
    (demand, reason): (Demand, DemandReason),
    accepted: &[&[u8]],
) -> Outcome {
    let accepted = AcceptedIssuers::from_ders(accepted.iter().copied());
    let reading = OriginReading {
        read_at: at(time),
        is_up: true,
        demand,
        reason,
        accepted: Some(Arc::new(accepted)),
        certificate_not_after: None,
        took: Duration::ZERO,
    };
    Outcome::Probed(origin(label), reading)
}

/// Returns the findings about origins of a hostname with two origins, after these outcomes.
fn found(outcomes: impl IntoIterator<Item = Outcome>) -> Vec<String> {
    let expectation = Expectation { association: Expected::Any, ..Expectation::default() };
    let zone = ZoneTarget::named("main".into(), "example".parse().unwrap(), None)
        .with_hostnames(vec![HostnameTarget { hostname: name(), expectation }])
        .with_origins(vec![origin("blue"), origin("green")])
        .with_extent(Extent { zone_level: true, ..Extent::default() });
    let unread = Snapshot::default().retarget(&Targets::new([zone]));
    let judge = judge(outcomes.into_iter().fold(unread, |known, outcome| known.fold([(key(), outcome)])));
    let zone = &judge.snapshot().zones()[0];
    let told = described(judge.tell_hostname(zone, &zone.entries()[0]));
    told.into_iter().filter(|told| told.starts_with("origin_")).collect()
}

fn read(association: Association, certificate: Option<Arc<Certificate>>) -> Outcome {
    Outcome::Read(name(), Ok(Reading { certificate, ..Reading::bare(association, at(NOW)) }))
}

fn switches(zone_level: Option<bool>, global: Option<bool>, mode: Option<SslMode>) -> [Outcome; 2] {
    let read = |on: Option<bool>| on.ok_or(Reason::Forbidden);
    [
        Outcome::ZoneLevel { enabled: read(zone_level), certificates: Ok(Vec::new()), at: at(NOW) },
        Outcome::Settings { global: read(global), ssl_mode: mode.ok_or(Reason::Forbidden), at: at(NOW) },
    ]
}

const NONE: [String; 0] = [];
const UNPROTECTED: &str = "origin_unprotected: Cloudflare presents a certificate, the origin blue ";
const DEMANDS: &str = "origin_demands_certificate: Cloudflare presents nothing ";
const REFUSES: &str = ", the origin blue refuses requests without a certificate";

#[test]
fn an_origin_that_serves_requests_without_the_presented_certificate_is_unprotected() {
    let with = |demand| found([read(Association::Enabled, None), probed("blue", demand, &[])]);
    assert_eq!(with(Demand::None), [format!("{UNPROTECTED}does not ask for one")]);
    let optional = format!("{UNPROTECTED}asks for one and serves requests without it");
    assert_eq!(with(Demand::Optional), [&*optional]);
    assert_eq!(with(Demand::Required), NONE);
    assert_eq!(with(Demand::Unknown), NONE);
    let both = [
        read(Association::Enabled, None),
        probed("blue", Demand::Optional, &[]),
        probed("green", Demand::None, &[]),
    ];
    assert_eq!(found(both), [format!("{optional}, the origin green does not ask for one")]);
    let one = [
        read(Association::Enabled, None),
        probed("blue", Demand::Optional, &[]),
        probed("green", Demand::Required, &[]),
    ];
    assert_eq!(found(one), [optional]);
}

#[test]
fn a_demand_is_found_only_if_cloudflare_is_known_to_present_nothing() {
    use Association::{Disabled, Enabled, None as Absent, Void};
    let off = "zone level and global switch off";
    let (yes, no, unknown) = (Some(true), Some(false), None);
    for (association, zone_level, global, mode, why) in [
        (Disabled, unknown, unknown, None, Some("disabled".to_owned())),
        (Disabled, yes, yes, None, Some("disabled".to_owned())),
        (Void, no, no, None, Some(format!("void, {off}"))),
        (Absent, no, no, None, Some(format!("no association, {off}"))),
        (Void, unknown, no, None, None),
        (Void, no, unknown, None, None),
        (Absent, yes, no, None, None),
        (Absent, no, yes, None, None),
        (Enabled, no, no, None, None),
        (Enabled, no, no, Some(SslMode::Full), None),
        (Enabled, no, no, Some(SslMode::Off), Some("SSL mode off".to_owned())),
        (Void, yes, yes, Some(SslMode::Flexible), Some("SSL mode flexible".to_owned())),
    ] {
        let presented = why.is_none() && (association == Enabled || zone_level == yes || global == yes);
        let with = |demand| {
            let outcomes = [read(association, None), probed("blue", demand, &[])];
            found(outcomes.into_iter().chain(switches(zone_level, global, mode)))
        };
        let context = format!("{association:?} {zone_level:?} {global:?} {mode:?}");
        let expected: Vec<_> = why.iter().map(|why| format!("{DEMANDS}({why}){REFUSES}")).collect();
        assert_eq!(with(Demand::Required), expected, "{context}");
        assert_eq!(with(Demand::None).len(), usize::from(presented), "{context}");
        assert_eq!(with(Demand::Unknown), NONE, "{context}");
    }
}

/// Returns the findings about a disabled hostname whose origin demanded a certificate `seconds` ago. Since then, the origin
/// gave these answers at intervals of a minute.
fn found_after(seconds: i64, answers: &[DemandReason]) -> Vec<String> {
    let demanded = (Demand::Required, DemandReason::Refused(116));
    let later = answers.iter().zip(1..).map(|(reason, minutes)| {
        probed_at(NOW - seconds + 60 * minutes, "blue", (Demand::Unknown, *reason), &[])
    });
    let earlier = [read(Association::Disabled, None), probed_at(NOW - seconds, "blue", demanded, &[])];
    found(earlier.into_iter().chain(later))
}

#[test]
fn the_last_answer_of_an_origin_holds_for_a_day_while_probes_fail() {
    use DemandReason::{AsksLate, Failed, Unclear};
    let refuses = format!("{DEMANDS}(disabled){REFUSES}");
    let held = |ago: &str, now: &str| [format!("{refuses} (as of {ago}; since then: {now})")];
    let hour = 3600;
    assert_eq!(found_after(2 * hour, &[]), [&*refuses]);
    for (failure, words) in [
        (ProbeFailure::NotResolved, "the name has no address"),
        (ProbeFailure::NotReachable, "cannot connect"),
        (ProbeFailure::TimedOut, "no answer in time"),
        (ProbeFailure::Closed, "closes the connection without an answer"),
        (ProbeFailure::Internal, "this program failed; see its log"),
    ] {
        assert_eq!(found_after(2 * hour, &[Failed(failure)]), held("2 hours ago", words));
    }
    let silent = Failed(ProbeFailure::TimedOut);
    assert_eq!(found_after(2 * hour, &[silent; 5]), held("2 hours ago", "no answer in time"));
    assert_eq!(found_after(24 * hour - 1, &[silent]).len(), 1);
    assert_eq!(found_after(24 * hour, &[silent]), NONE);
    // any answer ends the finding, even an inconclusive one
    for answer in [Unclear(503), AsksLate, Failed(ProbeFailure::NotTls), Failed(ProbeFailure::NotPublic)] {
        assert_eq!(found_after(2 * hour, &[answer]), NONE, "{answer:?}");
        assert_eq!(found_after(2 * hour, &[silent, answer, silent]), NONE, "{answer:?}");
    }
}

#[test]
fn the_origins_of_an_unread_hostname_have_no_findings_except_by_the_ssl_mode() {
    let required = || probed("blue", Demand::Required, &[]);
    assert_eq!(found([required()]), NONE);
    let flexible = switches(Some(false), Some(false), Some(SslMode::Flexible));
    let outcomes = [required()].into_iter().chain(flexible);
    assert_eq!(found(outcomes), [format!("{DEMANDS}(SSL mode flexible){REFUSES}")]);
}

#[test]
fn an_origin_that_accepts_only_other_authorities_may_reject_the_certificate() {
    let rejects = "origin_may_reject: Cloudflare presents a certificate, the origin blue names only CAs that did not \
                   issue it";
    let with = |issuers: &[&[u8]], demand, accepted: &[&[u8]]| {
        found([read(Association::Enabled, Some(issued_by(issuers))), probed("blue", demand, accepted)])
    };
    assert_eq!(with(&[b"ca"], Demand::Required, &[b"other"]), [rejects]);
    assert_eq!(with(&[b"ca"], Demand::Required, &[b"other", b"ca"]), NONE);
    assert_eq!(with(&[b"ca", b"root"], Demand::Required, &[b"root"]), NONE, "of an intermediate");
    // unknown
    assert_eq!(with(&[b"ca"], Demand::Required, &[]), NONE);
    assert_eq!(with(&[], Demand::Required, &[b"other"]), NONE);
    assert_eq!(with(&[b"ca"], Demand::Unknown, &[b"other"]), NONE);
    let optional = with(&[b"ca"], Demand::Optional, &[b"other"]);
    assert_eq!(optional[1..], [rejects]);
    let nothing = [
        read(Association::Disabled, Some(issued_by(&[b"ca"]))),
        probed("blue", Demand::Optional, &[b"other"]),
    ];
    assert_eq!(found(nothing), NONE);
}

#[test]
fn zone_level_certificates_are_compared_if_the_issuers_of_all_are_known() {
    let row = |id: &str, issuers: &[&[u8]]| ZoneCertificate {
        id: id.parse().unwrap(),
        level: Level::Zone,
        status: Some(Status::Active),
        since: None,
        uploaded_on: None,
        certificate: issued_by(issuers),
        hostnames: None,
    };
    let with = |rows: Vec<ZoneCertificate>| {
        let zone_level = Outcome::ZoneLevel { enabled: Ok(true), certificates: Ok(rows), at: at(NOW) };
        found([read(Association::Void, None), zone_level, probed("blue", Demand::Required, &[b"ca"])]).len()
    };
    assert_eq!(with(vec![row("a", &[b"other"])]), 1);
    assert_eq!(with(vec![row("a", &[b"other"]), row("b", &[b"ca"])]), 0);
    assert_eq!(with(vec![row("a", &[b"other"]), row("b", &[])]), 0);
    assert_eq!(with(Vec::new()), 0);
}

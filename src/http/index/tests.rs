use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::domain::{
    Association, Certificate, CertificateDetails, Date, Expectation, Expected, HostnameTarget, Outcome,
    Reading, Reason, Snapshot, Targets, Thresholds, ZoneTarget,
};
use crate::http::query::{Cursor, Query, Sort};

const DAY: i64 = 86_400;
const NOW: i64 = 20_000 * DAY;

fn at(second: i64) -> Date {
    jiff::Timestamp::from_second(second).unwrap().into()
}

fn certificate(id: &str, ends: Option<i64>) -> Arc<Certificate> {
    let details = CertificateDetails {
        id: id.parse().ok(),
        expires_on: ends.map(|days| at(NOW + days * DAY)),
        ..CertificateDetails::default()
    };
    Arc::new(Certificate::new(details, None))
}

/// Returns a reading of an enabled association whose certificate has this id and ends in `days` days.
fn enabled(id: &str, days: impl Into<Option<i64>>) -> Result<Reading, Reason> {
    let certificate = Some(certificate(id, days.into()));
    Ok(Reading { certificate, ..Reading::bare(Association::Enabled, at(NOW)) })
}

/// Zones: account, name, and the results of reading their hostnames.
type Zones<'a> = &'a [(&'a str, &'a str, &'a [(&'a str, Result<Reading, Reason>)])];

fn snapshot(zones: Zones<'_>) -> Snapshot {
    let targets = zones.iter().map(|(account, zone, hostnames)| {
        let targets = hostnames.iter().map(|(hostname, _)| HostnameTarget {
            hostname: hostname.parse().unwrap(),
            expectation: Expectation { association: Expected::Enabled, ..Expectation::default() },
        });
        ZoneTarget::named((*account).into(), zone.parse().unwrap(), None).with_hostnames(targets.collect())
    });
    let targets = Targets::new(targets);
    let outcomes = zones.iter().zip(0u128..).flat_map(|((_, zone, hostnames), number)| {
        let read = hostnames.iter();
        let read = read.map(|(hostname, read)| Outcome::Read(hostname.parse().unwrap(), read.clone()));
        let identified = Outcome::Identified(format!("{number:032x}").parse().unwrap());
        let ended = Outcome::Ended { result: Ok(()), at: at(NOW) };
        let key = targets.zones().iter().find(|target| target.key().as_str() == *zone).unwrap().key();
        [identified].into_iter().chain(read).chain([ended]).map(|outcome| (key.clone(), outcome))
    });
    Snapshot::default().retarget(&targets).fold(outcomes.collect::<Vec<_>>())
}

fn index(snapshot: Snapshot) -> Index {
    Index::new(Judge::new(Arc::new(snapshot), Thresholds::default(), at(NOW)))
}

fn some() -> Index {
    index(snapshot(&[
        (
            "main",
            "b.example",
            &[
                ("a.b.example", enabled("c1", 90)),
                ("m.b.example", enabled("c2", 3)),
                ("z.b.example", Ok(Reading::bare(Association::Void, at(NOW)))),
            ],
        ),
        (
            "other",
            "a.example",
            &[
                ("m.a.example", enabled("c3", -1)),
                ("n.a.example", enabled("c4", 20)),
                ("o.a.example", Err(Reason::Timeout)),
                ("p.a.example", enabled("c4", None)),
            ],
        ),
    ]))
}

fn query<T: Thing>(text: &str) -> Query {
    Query::parse(Some(text), Sort::Zone).unwrap()
}

/// Returns the names on the page that a query selects.
fn names(index: &Index, text: &str) -> String {
    let page = index.hostnames().page(index.judge(), &query::<Entry>(text));
    let names: Vec<_> = page.rows.iter().map(|row| row.thing.name()).collect();
    names.join(" ").replace(".example", "")
}

#[test]
fn hostnames_are_sorted_as_requested() {
    let index = some();
    for (sort, expected) in [
        ("zone", "m.a n.a o.a p.a a.b m.b z.b"),
        ("hostname", "a.b m.a m.b n.a o.a p.a z.b"),
        ("ends", "m.a m.b n.a a.b o.a p.a z.b"),
        ("verdict", "m.a m.b z.b n.a p.a o.a a.b"),
    ] {
        assert_eq!(names(&index, &format!("sort={sort}")), expected, "{sort}");
    }
}

#[test]
fn rows_match_all_filters_and_the_search() {
    let index = some();
    for (text, expected) in [
        ("zone=b.example", "a.b m.b z.b"),
        ("zone=00000000000000000000000000000001", "m.a n.a o.a p.a"),
        ("zone=c.example", ""),
        ("account=other", "m.a n.a o.a p.a"),
        ("hostname=m.b.example", "m.b"),
        ("verdict=critical", "m.a m.b z.b"),
        ("verdict=critical&account=main", "m.b z.b"),
        ("finding=expires_soon", "n.a"),
        ("finding=not_read", "o.a"),
        ("q=M.", "m.a m.b"),
        ("q=b.exam&verdict=ok", "a.b"),
        ("q=c4", "n.a p.a"),
        ("q=0000000001&verdict=critical", "m.a"),
        ("q=nothing", ""),
    ] {
        assert_eq!(names(&index, text), expected, "{text}");
        let expected = expected.split_whitespace().count();
        let query = query::<Entry>(text);
        let counts = index.hostnames().tally(index.judge(), &query);
        let count = query.verdict.map_or(counts.all(), |verdict| counts.of(verdict));
        assert_eq!(count, expected, "{text}");
    }
}

#[test]
fn certificates_and_zones_are_sorted_and_filtered() {
    let zone_level = Outcome::ZoneLevel { enabled: Ok(true), certificates: Ok(Vec::new()), at: at(NOW) };
    let known = some();
    let key = known.judge().snapshot().zones()[1].key().clone();
    let snapshot = known.judge().snapshot().fold([(key, zone_level)]);
    let index = index(snapshot);
    let certificates = |text: &str| {
        let page = index.certificates().page(index.judge(), &query::<ZoneCertificate>(text));
        page.rows.iter().map(|row| format!("{} ", row.thing.id)).collect::<String>()
    };
    assert_eq!(certificates(""), "c3 c4 c1 c2 ");
    assert_eq!(certificates("sort=ends&limit=2"), "c3 c2 ");
    assert_eq!(certificates("sort=hostname"), certificates("sort=zone"));
    assert_eq!(certificates("hostname=m.b.example"), "c2 ");
    assert_eq!(certificates("q=C4"), "c4 ");
    let zones = |text: &str| {
        let page = index.zones().page(index.judge(), &query::<ZoneState>(text));
        page.rows.iter().map(|row| format!("{} ", row.thing.key())).collect::<String>()
    };
    assert_eq!(zones(""), "a.example b.example ");
    assert_eq!(zones("account=main"), "b.example ");
    assert_eq!(zones("hostname=m.b.example"), "b.example ");
    assert_eq!(zones("sort=ends"), "a.example b.example ");
    assert_eq!(zones("sort=hostname"), zones("sort=zone"));
}

#[test]
fn verdicts_are_counted_in_total_and_by_zone() {
    let index = some();
    let counts = |counts: Counts| Verdict::ALL.map(|verdict| counts.of(verdict));
    assert_eq!(counts(index.hostnames().counts()), [3, 2, 1, 0, 1]);
    let zones: Vec<_> = index.zones().rows(index.judge(), Sort::Zone).collect();
    let by_zone = zones.iter().map(|row| counts(index.hostnames_of(row.zone_index)));
    assert_eq!(by_zone.collect::<Vec<_>>(), [[1, 2, 1, 0, 0], [2, 0, 0, 0, 1]]);
    assert_eq!(index.verdict(), Verdict::Critical);
    assert_eq!(index.verdict(), index.judge().verdict());
    assert_eq!(index.zones_of("main").all(), 1);
}

/// Returns the names on the page at the cursor, and the next cursor.
fn step(index: &Index, sort: Sort, limit: usize, cursor: Option<Cursor>) -> (Vec<String>, Option<Cursor>) {
    // passes through text, as with a client
    let cursor = cursor.map(|cursor| Cursor::parse(&cursor.to_string()).unwrap());
    let page = index.hostnames().page(index.judge(), &Query { limit, cursor, ..Query::all(sort) });
    let names = page.rows.iter().map(|row| format!("{} {}", row.zone.key(), row.thing.hostname()));
    (names.collect(), page.next)
}

proptest! {
    #[test]
    fn paging_shows_each_remaining_row_once_while_others_come_and_go(
        before in prop::collection::vec((0..3usize, 0..30u8, -40..40i64), 0..40),
        after in prop::collection::vec((0..3usize, 0..30u8, -40..40i64), 0..40),
        limit in 1..7usize,
        swap_at in 0..5usize,
        sort in prop::sample::select(&Sort::ALL[..]),
    ) {
        let made = |rows: &[(usize, u8, i64)]| {
            let mut zones = vec![Vec::new(); 3];
            for (zone, name, days) in rows {
                zones[*zone].push((format!("h{name}.z{zone}.example"), enabled("c", *days)));
            }
            let zones: Vec<Vec<_>> = zones.iter().map(|rows| {
                rows.iter().map(|(name, read)| (name.as_str(), read.clone())).collect()
            }).collect();
            index(snapshot(&[
                ("main", "z0.example", &zones[0]),
                ("main", "z1.example", &zones[1]),
                ("main", "z2.example", &zones[2]),
            ]))
        };
        let all = |index: &Index| step(index, sort, 1000, None).0;
        let (first, second) = (made(&before), made(&after));
        let (mut walked, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let index = if pages < swap_at { &first } else { &second };
            let (names, next) = step(index, sort, limit, cursor);
            prop_assert!(names.len() == limit || next.is_none());
            walked.extend(names);
            (cursor, pages) = (next, pages + 1);
            if cursor.is_none() {
                break;
            }
        }
        if pages <= swap_at {
            prop_assert_eq!(walked, all(&first));
        } else if matches!(sort, Sort::Zone | Sort::Hostname) {
            for name in all(&first).iter().filter(|name| all(&second).contains(name)) {
                prop_assert_eq!(walked.iter().filter(|walked| *walked == name).count(), 1);
            }
            let mut once = walked.clone();
            once.sort();
            once.dedup();
            prop_assert_eq!(once.len(), walked.len());
        }
    }
}

//! Tests that any snapshot survives being written to and read from a state file.

use std::sync::Arc;

use cloudflare_aop_exporter::domain::{
    Association, CertId, Certificate, CertificateDetails, Date, Expectation, Expected, Extent, Hostname,
    HostnameTarget, Judge, Level, Outcome, Pem, Reading, Reason, Snapshot, Status, Targets, Thresholds,
    ZoneCertificate, ZoneKey, ZoneState, ZoneTarget,
};
use cloudflare_aop_exporter::keeper::state_file;
use cloudflare_aop_exporter::metrics::{Format, Page, States};
use cloudflare_aop_exporter::telemetry::Telemetry;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const NOW: i64 = 1_800_000_000;
const ZONES: [&str; 3] = ["one.example", "two.example", "three.example"];

fn date(second: i64) -> Date {
    jiff::Timestamp::from_second(second).unwrap().into()
}

fn dates() -> impl Strategy<Value = Date> {
    (-377_705_023_201..=253_402_207_200_i64).prop_map(date)
}

fn past() -> impl Strategy<Value = Date> {
    (0..=NOW).prop_map(date)
}

fn texts() -> impl Strategy<Value = Box<str>> {
    ".{0,12}".prop_map(Into::into)
}

fn ids() -> impl Strategy<Value = CertId> {
    "[a-e]".prop_map(|id| id.parse().unwrap())
}

fn hostnames() -> impl Strategy<Value = Hostname> {
    "[a-f]".prop_map(|label| format!("{label}.example").parse().unwrap())
}

fn pems() -> impl Strategy<Value = Pem> {
    (dates(), dates(), vec(any::<u8>(), 0..20), texts(), texts()).prop_map(
        |(not_before, not_after, serial, subject, issuer)| Pem {
            not_before,
            not_after,
            serial: serial.into(),
            subject,
            issuer,
            issuers: Box::default(),
        },
    )
}

fn certificates() -> impl Strategy<Value = Arc<Certificate>> {
    let details = (
        option::of(ids()),
        option::of(texts()),
        option::of("[0-9]{1,30}"),
        option::of(texts()),
        option::of(dates()),
    );
    (details, option::of(pems())).prop_map(|((id, issuer, serial_number, signature, expires_on), pem)| {
        let serial_number = serial_number.map(Into::into);
        let details = CertificateDetails { id, issuer, serial_number, signature, expires_on };
        Arc::new(Certificate::new(details, pem))
    })
}

fn statuses() -> impl Strategy<Value = Option<Status>> {
    option::of(select(&Status::ALL[..]))
}

fn reasons() -> impl Strategy<Value = Reason> {
    select(&Reason::ALL[..])
}

/// The certificates shared by the readings of a case.
type Pool = Vec<Arc<Certificate>>;

fn readings(pool: &Pool) -> impl Strategy<Value = Reading> + use<> {
    let dates = (option::of(dates()), option::of(dates()), option::of(dates()), option::of(dates()));
    let associated =
        (select(&Association::ALL[..]), statuses(), statuses(), option::of(select(pool.clone())));
    (past(), associated, dates).prop_map(|(read_at, associated, dates)| Reading {
        read_at,
        association: associated.0,
        status: associated.1,
        certificate_status: associated.2,
        certificate: associated.3,
        created_at: dates.0,
        updated_at: dates.1,
        certificate_uploaded_on: dates.2,
        certificate_updated_at: dates.3,
    })
}

fn listed(pool: &Pool, level: Level) -> impl Strategy<Value = Vec<ZoneCertificate>> + use<> {
    let uploaded_on = option::of(past());
    let rows = (ids(), statuses(), uploaded_on, select(pool.clone()), option::of(any::<u32>()));
    vec(
        rows.prop_map(move |(id, status, uploaded_on, certificate, hostnames)| ZoneCertificate {
            id,
            level,
            status,
            since: None,
            uploaded_on,
            certificate,
            hostnames,
        }),
        0..4,
    )
}

/// Generates the outcomes of a part of a poll of one of these zones.
fn outcomes(pool: &Pool, targets: &Targets) -> impl Strategy<Value = Vec<(ZoneKey, Outcome)>> + use<> {
    let identified = any::<u128>().prop_map(|id| Outcome::Identified(format!("{id:032x}").parse().unwrap()));
    let rows = vec((hostnames(), readings(pool)), 0..6);
    let list = (rows, option::of(btree_set(hostnames(), 0..6)), listed(pool, Level::Hostname), past());
    let list = list.prop_map(|(hostnames, present, certificates, at)| Outcome::Listed {
        hostnames,
        present,
        certificates,
        at,
    });
    let read = (hostnames(), results(readings(pool)));
    let read = read.prop_map(|(hostname, result)| Outcome::Read(hostname, result));
    let ended = || (results(Just(())), past()).prop_map(|(result, at)| Outcome::Ended { result, at });
    let zone_level = (results(any::<bool>()), results(listed(pool, Level::Zone)), past());
    let zone_level =
        zone_level.prop_map(|(enabled, certificates, at)| Outcome::ZoneLevel { enabled, certificates, at });
    let outcomes = prop_oneof![
        1 => identified.prop_map(|id| vec![id]),
        2 => list.prop_map(|list| vec![list]),
        1 => Just(vec![Outcome::Unlisted]),
        6 => vec(read, 1..3),
        1 => reasons().prop_map(|reason| vec![Outcome::Failed(reason)]),
        2 => ended().prop_map(|ended| vec![ended]),
        2 => zone_level.prop_map(|zone_level| vec![zone_level]),
    ];
    (select(targets.zones().to_vec()), outcomes).prop_map(|(zone, mut outcomes)| {
        outcomes.retain(|outcome| match outcome {
            // a zone with a configured id is not looked up
            Outcome::Identified(_) => zone.id().is_none(),
            // a discovered hostname that was never read is forgotten until it is listed again
            Outcome::Read(hostname, Err(_)) => {
                zone.hostnames().iter().any(|target| target.hostname == *hostname)
            }
            _ => true,
        });
        outcomes.into_iter().map(|outcome| (zone.key().clone(), outcome)).collect()
    })
}

fn results<T: std::fmt::Debug>(good: impl Strategy<Value = T>) -> impl Strategy<Value = Result<T, Reason>> {
    prop_oneof![3 => good.prop_map(Ok), 1 => reasons().prop_map(Err)]
}

/// Generates zones of two accounts, with some configured hostnames and possibly discovery.
fn targets() -> impl Strategy<Value = Targets> {
    let zone =
        (btree_set(hostnames(), 0..5), option::of(select(&Expected::ALL[..])), option::of(any::<u128>()));
    vec(zone, 3).prop_map(|zones| {
        let zones = zones.into_iter().zip(ZONES).map(|((hostnames, discovered, id), name)| {
            let id = id.map(|id| format!("{id:032x}").parse().unwrap());
            let account = if name.starts_with('t') { "default" } else { "other" };
            let expectation = Expectation::default();
            let hostnames = hostnames
                .into_iter()
                .map(|hostname| HostnameTarget { hostname, expectation: expectation.clone() });
            ZoneTarget::named(account.into(), name.parse().unwrap(), id)
                .with_hostnames(hostnames.collect())
                .with_extent(Extent { discovered, zone_level: true, ..Extent::default() })
        });
        Targets::new(zones)
    })
}

fn cases() -> impl Strategy<Value = (Targets, Vec<(ZoneKey, Outcome)>)> {
    (targets(), vec(certificates(), 1..4)).prop_flat_map(|(targets, pool)| {
        let outcomes = vec(outcomes(&pool, &targets), 0..24).prop_map(|outcomes| outcomes.concat());
        (Just(targets), outcomes)
    })
}

/// Returns the page of hostnames, zones and certificates, without counters that start with the process.
fn page(snapshot: &Snapshot) -> String {
    let (mut text, snapshot) = (Vec::new(), Arc::new(snapshot.clone()));
    let judge = Judge::new(snapshot, Thresholds::default(), date(NOW));
    let mut page = Page::textfile(judge, Format::Text, States::All, &Telemetry::new().unwrap(), false);
    while page.fill(&mut text, usize::MAX) {}
    let text = String::from_utf8(text).unwrap();
    text.lines().filter(|line| !line.contains("_removed_total{")).collect::<Vec<_>>().join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn any_snapshot_gives_the_same_page_after_a_restart((targets, outcomes) in cases()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let mut known = Snapshot::default().retarget(&targets);
        for outcome in outcomes {
            known = known.fold([outcome]);
        }
        state_file::save(&path, &known).unwrap();
        let is_read = |zone: &ZoneState| zone.entries().iter().any(|entry| entry.reading().is_some());
        let is_anything_known = known.zones().iter().any(|zone| zone.is_tried() || is_read(zone));
        let loaded = state_file::load(&path, &targets);
        prop_assert_eq!(loaded.is_some(), is_anything_known);
        if let Some(loaded) = loaded {
            prop_assert_eq!(page(&loaded), page(&known));
            // and again
            state_file::save(&path, &loaded).unwrap();
            let again = state_file::load(&path, &targets).unwrap();
            prop_assert_eq!(format!("{:?}", again.zones()), format!("{:?}", loaded.zones()));
        }
        // no damaged file was set aside
        prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_file_causes_no_panic_and_is_not_lost((targets, outcomes) in cases(), at in any::<Index>(), byte: u8) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        state_file::save(&path, &Snapshot::default().retarget(&targets).fold(outcomes)).unwrap();
        let mut damaged = std::fs::read(&path).unwrap();
        let at = at.index(damaged.len());
        damaged[at] = byte;
        std::fs::write(&path, &damaged).unwrap();
        state_file::load(&path, &targets);
        let [left] = &std::fs::read_dir(folder.path()).unwrap().collect::<Vec<_>>()[..] else { panic!("one file") };
        prop_assert_eq!(std::fs::read(left.as_ref().unwrap().path()).unwrap(), damaged);
    }
}

mod damage;
mod keeping;

use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;

use tempfile::TempDir;

use super::*;
use crate::domain::{
    AcceptedIssuers, Association, Certificate, CertificateDetails, Date, Demand, DemandReason, Expectation,
    Extent, FoundZone, Hostname, HostnameTarget, IssuerName, Level, OriginReading, OriginTarget, Outcome,
    PartKind, PatternTarget, Pem, ProbeFailure, Reading, Reason, SslMode, Status, ZoneCertificate, ZoneKey,
    ZoneTarget,
};

const NOW: i64 = 1_800_000_000;

fn date(second: i64) -> Date {
    jiff::Timestamp::from_second(second).unwrap().into()
}

fn name(name: &str) -> Hostname {
    name.parse().unwrap()
}

fn zone(account: &str, id: Option<&str>, hostnames: &[&str]) -> ZoneTarget {
    let hostnames = hostnames
        .iter()
        .map(|hostname| HostnameTarget { hostname: name(hostname), expectation: Expectation::default() });
    let id = id.map(|digit| digit.repeat(32).parse().unwrap());
    let zone = ZoneTarget::named(account.into(), "example.com".parse().unwrap(), id);
    zone.with_hostnames(hostnames.collect()).with_extent(Extent { zone_level: true, ..Extent::default() })
}

fn watched() -> ZoneTarget {
    zone("default", None, &["a.example.com", "b.example.com", "c.example.com"])
}

/// Returns a state in which two hostnames share a certificate and the third failed. The zone failed after a
/// success.
fn known() -> Snapshot {
    let details = CertificateDetails {
        id: Some("cert-1".parse().unwrap()),
        issuer: Some("Example \"CA\"".into()),
        serial_number: Some("258".into()),
        signature: Some("ECDSAWithSHA256".into()),
        expires_on: Some(date(1_900_000_000)),
    };
    let pem = Pem {
        not_before: date(1_700_000_000),
        not_after: date(1_900_000_000),
        serial: [1, 2].into(),
        subject: "CN=aop".into(),
        issuer: "CN=ca".into(),
        issuers: Box::default(),
    };
    let certificate = Arc::new(Certificate::new(details, Some(pem)));
    let reading = |association| Reading {
        status: Some(Status::Active),
        certificate_status: Some(Status::Unknown),
        certificate: Some(Arc::clone(&certificate)),
        created_at: Some(date(-1)),
        ..Reading::bare(association, date(NOW - 60))
    };
    let targets = Targets::new([watched()]);
    let key = targets.zones()[0].key().clone();
    let certificates = vec![ZoneCertificate {
        id: "cert-1".parse().unwrap(),
        level: Level::Hostname,
        status: Some(Status::Active),
        since: None,
        uploaded_on: Some(date(NOW - 600)),
        certificate: Arc::clone(&certificate),
        hostnames: Some(2),
    }];
    let outcomes = [
        Outcome::Identified("1".repeat(32).parse().unwrap()),
        Outcome::Listed {
            hostnames: vec![
                (name("a.example.com"), reading(Association::Enabled)),
                (name("b.example.com"), reading(Association::Void)),
            ],
            present: None,
            certificates,
            at: date(NOW - 60),
        },
        Outcome::ZoneLevel { enabled: Ok(true), certificates: Ok(vec![]), at: date(NOW - 60) },
        Outcome::Settings { global: Ok(false), ssl_mode: Ok(SslMode::Strict), at: date(NOW - 50) },
        Outcome::Read(name("c.example.com"), Err(Reason::Timeout)),
        Outcome::Ended { result: Ok(()), at: date(NOW - 59) },
    ];
    folded(&Snapshot::default().retarget(&targets), &key, outcomes)
}

fn folded(known: &Snapshot, key: &ZoneKey, outcomes: impl IntoIterator<Item = Outcome>) -> Snapshot {
    known.fold(outcomes.into_iter().map(|outcome| (key.clone(), outcome)))
}

/// The content of the file for [`known`].
const STORED: &str = r#"{"format":"cloudflare-aop-exporter state","version":1,"accounts":[],"zones":[{"zone":"example.com","account":"default","configured_id":null,"id":"11111111111111111111111111111111","last_success":1799999941,"failure":null,"since":null,"removed_at":null,"zone_level_last_success":1799999940,"zone_level_failure":null,"zone_level_since":null,"zone_level_enabled":true,"settings_last_success":1799999950,"settings_failure":null,"settings_since":null,"global_enabled":false,"ssl_mode":"strict","listed_at":1799999940,"certificates":[{"id":"cert-1","issuer":"Example \"CA\"","serial_number":"258","signature":"ECDSAWithSHA256","expires_on":1900000000,"pem":{"not_before":1700000000,"not_after":1900000000,"serial":[1,2],"subject":"CN=aop","issuer":"CN=ca"}}],"listed":[{"id":"cert-1","status":"active","since":1799999940,"uploaded_on":1799999400,"certificate":0,"hostnames":2}],"zone_certificates":[],"hostnames":[{"hostname":"a.example.com","failure":null,"since":1799999940,"reading":{"read_at":1799999940,"association":"enabled","status":"active","certificate_status":"unknown","certificate":0,"created_at":-1,"updated_at":null,"certificate_uploaded_on":null,"certificate_updated_at":null}},{"hostname":"b.example.com","failure":null,"since":1799999940,"reading":{"read_at":1799999940,"association":"void","status":"active","certificate_status":"unknown","certificate":0,"created_at":-1,"updated_at":null,"certificate_uploaded_on":null,"certificate_updated_at":null}},{"hostname":"c.example.com","failure":"timeout","since":null,"reading":null}]}]}"#;

/// A directory with a state file.
struct Stored(TempDir);

impl Stored {
    fn new(content: impl AsRef<[u8]>) -> Self {
        let stored = Self(tempfile::tempdir().unwrap());
        fs::write(stored.path(), content).unwrap();
        stored
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("state.json")
    }

    fn load(&self, zones: impl IntoIterator<Item = ZoneTarget>) -> Option<Snapshot> {
        load(&self.path(), &Targets::new(zones))
    }

    /// Returns the other files of the directory with their content.
    fn others(&self) -> Vec<(String, String)> {
        let entries = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut others: Vec<_> = entries
            .filter(|path| *path != self.path())
            .map(|path| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, fs::read_to_string(&path).unwrap())
            })
            .collect();
        others.sort();
        others
    }
}

fn saved(known: &Snapshot) -> Stored {
    let stored = Stored::new("");
    save(&stored.path(), known).unwrap();
    stored
}

#[test]
fn a_restart_keeps_the_time_since_when_a_zone_is_unread() {
    let targets = Targets::new([watched()]);
    let key = targets.zones()[0].key().clone();
    let planned =
        |at| PartKind::ALL.map(|part| Outcome::Planned { part, interval: Duration::from_secs(60), at });
    let failed = [
        Outcome::ZoneLevel {
            enabled: Err(Reason::Timeout),
            certificates: Err(Reason::Timeout),
            at: date(NOW - 7199),
        },
        Outcome::Failed(Reason::Timeout),
        Outcome::Ended { result: Err(Reason::Timeout), at: date(NOW - 7199) },
    ];
    let before = folded(
        &Snapshot::default().retarget(&targets),
        &key,
        planned(date(NOW - 7200)).into_iter().chain(failed),
    );
    let after = saved(&before).load([watched()]).unwrap();
    let again = folded(&after, &key, planned(date(NOW)));
    let seen = |known: &Snapshot| known.zones()[0].parts().map(|(_, part)| part.seen()).collect::<Vec<_>>();
    assert_eq!(seen(&before), [Some(date(NOW - 7200)); 3]);
    assert_eq!(seen(&again), seen(&before));
}

#[test]
fn the_state_is_written_in_a_fixed_form_that_only_its_owner_can_read() {
    let stored = Stored::new("old");
    fs::set_permissions(stored.path(), fs::Permissions::from_mode(0o644)).unwrap();
    save(&stored.path(), &known()).unwrap();
    assert_eq!(fs::read_to_string(stored.path()).unwrap(), STORED);
    assert_eq!(fs::metadata(stored.path()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(stored.others(), []);
}

#[test]
fn a_written_state_is_read_back() {
    let read = Stored::new(STORED).load([watched()]).unwrap();
    assert_eq!(format!("{:?}", read.zones()), format!("{:?}", known().zones()));
}

#[test]
fn after_a_restart_a_failed_zone_is_down_with_the_time_of_its_last_success() {
    // the time of a failed attempt is not stored: it counts as just due
    let ended = Outcome::Ended { result: Err(Reason::Auth), at: date(NOW - 59) };
    let failed = folded(&known(), known().zones()[0].key(), [Outcome::Failed(Reason::Auth), ended]);
    let stored = Stored::new("");
    save(&stored.path(), &failed).unwrap();
    let read = stored.load([watched()]).unwrap();
    assert!(read.zones()[0].is_tried() && !read.zones()[0].is_up());
    assert_eq!(format!("{:?}", read.zones()), format!("{:?}", failed.zones()));
}

#[test]
fn hostnames_share_their_certificate_again_after_reading() {
    let read = Stored::new(STORED).load([watched()]).unwrap();
    let zone = &read.zones()[0];
    let of = |index: usize| zone.entries()[index].reading().unwrap().certificate.as_ref().unwrap();
    assert!(Arc::ptr_eq(of(0), of(1)));
    assert!(Arc::ptr_eq(of(0), &zone.certificates()[0].certificate));
}

#[test]
fn state_that_is_no_longer_watched_is_not_read() {
    let fewer = zone("default", None, &["b.example.com", "new.example.com"]).with_extent(Extent::default());
    let read = Stored::new(STORED).load([fewer]).unwrap();
    let zone_read = &read.zones()[0];
    let rows = zone_read.entries().iter().map(|entry| (entry.hostname().as_str(), entry.is_up()));
    assert_eq!(rows.collect::<Vec<_>>(), [("b.example.com", true), ("new.example.com", false)]);
    assert_eq!((zone_read.zone_level_enabled(), zone_read.removed()), (None, 0));

    let stored = Stored::new(STORED);
    for other in [zone("other", None, &["a.example.com"]), zone("default", Some("2"), &["a.example.com"])] {
        assert!(stored.load([other]).is_none(), "it is another zone");
    }
    assert!(stored.load([]).is_none());
    assert_eq!(stored.others(), [], "the file was valid");
}

#[test]
fn a_zone_with_only_zone_level_state_is_read_back() {
    let zone = || zone("default", None, &[]);
    let read = [
        Outcome::ZoneLevel { enabled: Ok(true), certificates: Ok(Vec::new()), at: date(NOW) },
        Outcome::Ended { result: Ok(()), at: date(NOW) },
    ];
    let known = folded(&Snapshot::default().retarget(&Targets::new([zone()])), zone().key(), read);
    let again = saved(&known).load([zone()]).unwrap();
    assert!(again.zones()[0].is_up());
    assert_eq!(again.zones()[0].zone_level_enabled(), Some(true));
}

#[test]
fn a_zone_configured_by_name_and_by_id_is_read_back_under_its_name() {
    let id = "023e105f4ecef8ad9ca31a8372d0c353";
    let twins = || {
        let by_id = ZoneTarget::identified("default".into(), id.parse().unwrap());
        let hostname = HostnameTarget { hostname: name("b.example"), expectation: Expectation::default() };
        [zone("default", None, &["a.example"]), by_id.with_hostnames(vec![hostname])]
    };
    let [by_name, _] = twins();
    let known = Snapshot::default().retarget(&Targets::new(twins()));
    let reading = Reading::bare(Association::Enabled, date(NOW));
    let known = folded(&known, by_name.key(), [Outcome::Identified(id.parse().unwrap())]);
    let known = folded(&known, by_name.key(), [Outcome::Read(name("b.example"), Ok(reading))]);
    let again = saved(&known).load(twins()).unwrap();
    assert_eq!(again.zones().len(), 1);
    assert!(again.zones()[0].entry(&name("b.example")).unwrap().is_up());
}

#[test]
fn a_clock_that_is_behind_at_startup_makes_no_reading_older() {
    // the file was written later than the current time of the clock
    let read = Stored::new(STORED).load([watched()]).unwrap();
    let stored = saved(&read);
    assert_eq!(fs::read_to_string(stored.path()).unwrap(), STORED);
}

#[test]
fn an_unusable_file_is_renamed_without_replacing_earlier_ones() {
    let stored = Stored::new("first");
    assert!(stored.load([watched()]).is_none());
    for content in ["second", "third"] {
        fs::write(stored.path(), content).unwrap();
        assert!(stored.load([watched()]).is_none());
    }
    let expected = [
        ("state.json.rejected", "first"),
        ("state.json.rejected.2", "second"),
        ("state.json.rejected.3", "third"),
    ];
    assert_eq!(stored.others(), expected.map(|(name, content)| (name.to_owned(), content.to_owned())));
    assert!(!stored.path().exists());

    assert!(stored.load([watched()]).is_none(), "the file is missing");
    save(&stored.path(), &known()).unwrap();
    assert!(stored.load([watched()]).is_some());
    assert_eq!(stored.others().len(), 3);
}

#[test]
fn a_directory_at_the_path_is_not_renamed() {
    let folder = tempfile::tempdir().unwrap();
    assert!(load(folder.path(), &Targets::new([watched()])).is_none());
    assert!(folder.path().is_dir());
}

#[test]
fn temporary_files_of_a_killed_process_are_removed() {
    let stored = Stored::new(STORED);
    fs::write(stored.0.path().join(".state.json.AbCdEf.tmp"), "{").unwrap();
    assert!(stored.load([watched()]).is_some());
    assert_eq!(stored.others(), []);
}

#[test]
fn zones_found_by_patterns_are_read_back() {
    let pattern = || PatternTarget {
        account: "default".into(),
        pattern: "*.example".parse().unwrap(),
        only: None,
        exclude: Vec::new(),
        extent: Extent::default(),
    };
    let targets = || Targets::default().with_patterns(vec![pattern()]);
    let zone = |name: &str, digit: &str| FoundZone {
        name: name.parse().unwrap(),
        id: digit.repeat(32).parse().unwrap(),
    };
    let found = vec![zone("a.example", "1"), zone("b.example", "2"), zone("other.test", "3")];
    let listed =
        Snapshot::default().retarget(&targets()).with_zones("default", Some(found), Ok(()), date(NOW - 9));
    let left = listed.with_zones("default", Some(vec![zone("a.example", "1")]), Ok(()), date(NOW - 5));
    let failed = left.with_zones("default", None, Err(Reason::Forbidden), date(NOW));
    let stored = Stored::new("");
    save(&stored.path(), &failed).unwrap();
    let read = read(fs::File::open(stored.path()).unwrap(), &targets()).unwrap();
    let zones: Vec<_> = read.zones().iter().map(|zone| (zone.key().as_str(), zone.id())).collect();
    assert_eq!(zones, [("a.example", Some("1".repeat(32).parse().unwrap()))]);
    let list = read.accounts()[0].zone_list().unwrap();
    assert_eq!((list.part.last_success, list.part.failure()), (Some(date(NOW - 5)), Some(Reason::Forbidden)));
    assert_eq!(list.removed_at, Some(date(NOW - 5)));
    let without = super::read(fs::File::open(stored.path()).unwrap(), &Targets::default()).unwrap();
    assert!(without.zones().is_empty() && without.accounts().is_empty(), "the pattern was removed");
}

#[test]
fn origins_with_unchanged_addresses_are_read_back_and_share_their_authorities() {
    let origin = |label: &str, address: &str| OriginTarget {
        hostname: name("a.example.com"),
        label: label.into(),
        address: address.parse().unwrap(),
        server_name: name("a.example.com"),
        path: "/".into(),
        from_dns: false,
    };
    let all =
        [origin("blue", "203.0.113.7"), origin("green", "[2001:db8::7]:8443"), origin("red", "a.example")];
    let watching = |origins: &[OriginTarget]| watched().with_origins(origins.to_vec());
    let accepted = Arc::new(AcceptedIssuers::from_ders([b"one".as_slice(), b"two"]));
    let reading = |demand, reason| OriginReading {
        read_at: date(NOW - 30),
        is_up: true,
        demand,
        reason,
        accepted: Some(Arc::clone(&accepted)),
        certificate_not_after: Some(date(1_900_000_000)),
        took: Duration::from_millis(20),
    };
    let probed = [
        Outcome::Probed(all[0].clone(), reading(Demand::Required, DemandReason::Refused(116))),
        Outcome::Probed(all[1].clone(), reading(Demand::Unknown, DemandReason::UnclearHttp2)),
        // the last answer is kept although the next probe got none
        Outcome::Probed(all[2].clone(), reading(Demand::Optional, DemandReason::Served(200))),
        Outcome::Probed(
            all[2].clone(),
            OriginReading {
                read_at: date(NOW - 10),
                ..reading(Demand::Unknown, DemandReason::Failed(ProbeFailure::TimedOut))
            },
        ),
    ];
    let before = folded(&known().retarget(&Targets::new([watching(&all)])), known().zones()[0].key(), probed);
    let stored = saved(&before);
    let read = stored.load([watching(&all)]).unwrap();
    assert_eq!(read.zones()[0].origins(), before.zones()[0].origins());
    let silent = &read.zones()[0].origins()[2];
    let answered = silent.answered().map(|answered| (answered.demand, answered.read_at));
    assert_eq!(answered, Some((Demand::Optional, date(NOW - 30))));
    let lists: Vec<_> = read.zones()[0].origins().iter().filter_map(|origin| origin.reading()).collect();
    let [Some(one), Some(other)] = [&lists[0].accepted, &lists[1].accepted] else { panic!("{lists:?}") };
    assert!(Arc::ptr_eq(one, other));

    let moved = stored.load([watching(&[origin("blue", "203.0.113.8")])]).unwrap();
    let moved = moved.zones()[0].origins();
    assert_eq!((moved.len(), moved[0].reading()), (1, None));
    let text = fs::read_to_string(stored.path()).unwrap().replace("unclear", "sulks");
    assert!(Stored::new(text).load([watched()]).is_none());
}

#[test]
fn the_issuers_of_a_certificate_are_read_back() {
    let issuers = [IssuerName::from_der(b"ca"), IssuerName::from_der(b"root")];
    let certificate =
        |known: &Snapshot| known.zones()[0].entries()[0].reading().unwrap().certificate.clone().unwrap();
    let before = certificate(&known());
    let pem = before.pem().cloned().map(|pem| Pem { issuers: issuers.into(), ..pem });
    let with = Arc::new(Certificate::new(before.details().clone(), pem));
    let reading = known().zones()[0].entries()[0].reading().cloned().unwrap();
    let reading = Reading { certificate: Some(with), ..reading };
    let known =
        folded(&known(), known().zones()[0].key(), [Outcome::Read(name("a.example.com"), Ok(reading))]);
    let again = saved(&known).load([watched()]).unwrap();
    assert_eq!(*certificate(&again).pem().unwrap().issuers, issuers);
}

//! The certificates from lists and readings.

use super::*;

/// Returns a reading at this second, with this certificate and status.
fn presenting(read_at: i64, certificate: &Arc<Certificate>, status: Status) -> Reading {
    Reading {
        certificate: Some(Arc::clone(certificate)),
        certificate_status: Some(status),
        ..enabled(read_at)
    }
}

#[test]
fn the_latest_reading_of_a_certificate_counts() {
    let certificate = |id: &str| {
        let details = CertificateDetails { id: id.parse().ok(), ..CertificateDetails::default() };
        Arc::new(Certificate::new(details, None))
    };
    let (one, other) = (certificate("1"), certificate("2"));
    let readings = [
        presenting(20, &other, Status::Initializing),
        // neighbours share one allocation, and the last hostname has an equal certificate of its own
        presenting(10, &one, Status::Initializing),
        presenting(30, &one, Status::Active),
        presenting(20, &one, Status::PendingDeployment),
        presenting(25, &certificate("1"), Status::PendingDeployment),
    ];
    let answers = readings.into_iter().zip(1..).map(|(reading, number)| (name(number), Ok(reading)));
    let snapshot = Snapshot::default().retarget(&targets(&(1..=5).collect())).fold(read(answers));
    let zone = &snapshot.zones()[0];
    assert!(zone.listed().is_none());
    let rows = zone.certificates().iter().map(|row| (row.id.as_str(), row.level.label(), row.status));
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [("1", "hostname", Some(Status::Active)), ("2", "hostname", Some(Status::Initializing))]
    );
    assert_eq!(zone.entry(&name(2)).unwrap().reading().unwrap().read_at, date(10));
    assert!(zone.entry(&name(6)).is_none());
}

#[test]
fn a_certificate_is_listed_once_with_its_latest_status_unless_it_is_deleted() {
    let reading = |id: &str, read_at, status| {
        let details = CertificateDetails { id: Some(id.parse().unwrap()), ..CertificateDetails::default() };
        Reading {
            certificate_status: Some(status),
            certificate: Some(Arc::new(Certificate::new(details, None))),
            ..enabled(read_at)
        }
    };
    let snapshot = Snapshot::default().retarget(&targets(&BTreeSet::from([1, 2, 3, 4])));
    let snapshot = snapshot.fold(read([
        (name(1), Ok(reading("b", 10, Status::Active))),
        (name(2), Ok(reading("b", 11, Status::PendingDeletion))),
        (name(3), Ok(reading("b", 10, Status::Initializing))),
        (name(4), Ok(reading("a", 10, Status::Deleted))),
    ]));
    let rows = snapshot.zones()[0].certificates().iter();
    let listed: Vec<_> = rows.map(|row| (row.id.as_str(), row.status)).collect();
    assert_eq!(listed, [("b", Some(Status::PendingDeletion))]);
}

#[test]
fn a_listed_certificate_has_the_status_of_the_latest_response() {
    let details = CertificateDetails { id: "1".parse().ok(), ..CertificateDetails::default() };
    let certificate = Arc::new(Certificate::new(details, None));
    let listed = |status, at| Outcome::Listed {
        hostnames: Vec::new(),
        present: None,
        certificates: vec![crate::domain::ZoneCertificate {
            id: "1".parse().unwrap(),
            level: crate::domain::Level::Hostname,
            status: Some(status),
            since: None,
            uploaded_on: None,
            certificate: Arc::clone(&certificate),
            hostnames: Some(7),
        }],
        at: date(at),
    };
    let shown = |snapshot: &Snapshot| {
        let rows = snapshot.zones()[0].certificates().iter();
        rows.map(|row| (row.status, row.hostnames)).collect::<Vec<_>>()
    };
    let by_get = |at, status| read([(name(1), Ok(presenting(at, &certificate, status)))]);
    let snapshot = Snapshot::default().retarget(&targets(&[1].into()));
    let snapshot = snapshot.fold(of_zone([listed(Status::Active, 10)])).fold(by_get(5, Status::Initializing));
    assert_eq!(shown(&snapshot), [(Some(Status::Active), Some(7))], "the list is later");
    let snapshot = snapshot.fold(by_get(15, Status::PendingDeletion));
    assert_eq!(shown(&snapshot), [(Some(Status::PendingDeletion), Some(7))], "the reading is later");
    assert_eq!(shown(&snapshot.fold(by_get(20, Status::Deleted))), [], "and says that it is deleted");
}

#[test]
fn fields_of_a_certificate_that_a_response_omits_are_kept() {
    let certificate = |id: &str, end: Option<i64>| {
        let details = CertificateDetails {
            id: id.parse().ok(),
            expires_on: end.map(date),
            ..CertificateDetails::default()
        };
        Arc::new(Certificate::new(details, None))
    };
    let ends = |snapshot: &Snapshot, number| {
        let entry = snapshot.zones()[0].entry(&name(number)).unwrap();
        entry.reading().unwrap().ends().map(Date::as_second)
    };
    let answer =
        |number, at, certificate| read([(name(number), Ok(presenting(at, &certificate, Status::Active)))]);
    let snapshot = Snapshot::default().retarget(&targets(&[1, 2].into()));
    let snapshot = snapshot.fold(answer(1, 1, certificate("1", Some(9))));
    let snapshot = snapshot.fold(answer(1, 2, certificate("1", None)));
    assert_eq!(ends(&snapshot, 1), Some(9), "known from the hostname's previous reading");
    let snapshot = snapshot.fold(answer(2, 3, certificate("1", None)));
    assert_eq!(ends(&snapshot, 2), Some(9), "known from another hostname's reading");
    let shared = [1, 2].map(|number| {
        snapshot.zones()[0].entry(&name(number)).unwrap().reading().unwrap().certificate.clone()
    });
    assert!(Arc::ptr_eq(shared[0].as_ref().unwrap(), shared[1].as_ref().unwrap()));
    let snapshot = snapshot.fold(answer(1, 4, certificate("2", None)));
    assert_eq!(ends(&snapshot, 1), None, "it is another certificate");
}

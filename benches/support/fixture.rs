//! Test data for a snapshot of many hostnames.

use std::sync::Arc;

use cloudflare_aop_exporter::domain::{
    Association, Certificate, CertificateDetails, Date, Expectation, HostnameTarget, Outcome, Pem, Reading,
    Status, Targets, ZoneKey, ZoneTarget,
};

pub(super) const NOW: i64 = 1_800_000_000;
const ZONE: usize = 1000;

/// Returns zones of a thousand enabled hostnames with complete readings. Each certificate is shared by a hundred.
pub(super) fn answers(hostnames: usize) -> (Targets, Vec<(ZoneKey, Outcome)>) {
    let zones = (0..hostnames.div_ceil(ZONE)).map(|number| {
        let name = format!("zone-{number:03}.example.com");
        let readings: Vec<_> = (0..ZONE.min(hostnames - number * ZONE))
            .map(|place| (format!("app-{place:04}.{name}").parse().unwrap(), place / 100))
            .collect();
        let certificates: Vec<_> = (0..ZONE / 100).map(|index| certificate(number * ZONE + index)).collect();
        let target = ZoneTarget::named("default".into(), name.parse().unwrap(), None).with_hostnames(
            readings
                .iter()
                .map(|(hostname, _)| HostnameTarget {
                    hostname: Clone::clone(hostname),
                    expectation: Expectation::default(),
                })
                .collect(),
        );
        let key = target.key().clone();
        let read = readings
            .into_iter()
            .map(|(hostname, place)| Outcome::Read(hostname, Ok(reading(Arc::clone(&certificates[place])))));
        let outcomes = std::iter::once(Outcome::Identified(format!("{number:032x}").parse().unwrap()))
            .chain(read)
            .chain([Outcome::Ended { result: Ok(()), at: date(NOW - 30) }]);
        let outcomes: Vec<_> = outcomes.map(|outcome| (key.clone(), outcome)).collect();
        (target, outcomes)
    });
    let (targets, outcomes): (Vec<_>, Vec<_>) = zones.unzip();
    (Targets::new(targets), outcomes.concat())
}

fn reading(certificate: Arc<Certificate>) -> Reading {
    Reading {
        status: Some(Status::Active),
        certificate_status: Some(Status::Active),
        certificate: Some(certificate),
        created_at: Some(date(NOW - 400 * 86_400)),
        updated_at: Some(date(NOW - 40 * 86_400)),
        certificate_uploaded_on: Some(date(NOW - 41 * 86_400)),
        certificate_updated_at: Some(date(NOW - 40 * 86_400)),
        ..Reading::bare(Association::Enabled, date(NOW - 60))
    }
}

fn certificate(number: usize) -> Arc<Certificate> {
    let pem = Pem {
        not_before: date(NOW - 41 * 86_400),
        not_after: date(NOW + 324 * 86_400),
        serial: number.to_be_bytes().into(),
        subject: "CN=origin-pull.example.com,O=Example Corp,C=US".into(),
        issuer: "CN=Example Corp Issuing CA 1,O=Example Corp,C=US".into(),
        issuers: Box::default(),
    };
    let details = CertificateDetails {
        id: Some(format!("2458ce5a-0c35-4c7f-82c7-{number:012x}").parse().unwrap()),
        issuer: Some("CN=Example Corp Issuing CA 1,O=Example Corp,C=US".into()),
        serial_number: Some(number.to_string().into()),
        signature: Some("SHA256WithRSA".into()),
        expires_on: Some(pem.not_after),
    };
    Arc::new(Certificate::new(details, Some(pem)))
}

fn date(second: i64) -> Date {
    jiff::Timestamp::from_second(second).unwrap().into()
}

use super::*;

/// The certificate in the API reference's example.
const REFERENCE: &str = include_str!("../../../tests/fixtures/reference.pem");

fn at(text: &str) -> Date {
    text.parse::<jiff::Timestamp>().unwrap().into()
}

fn certificate(expires_on: Option<&str>, serial_number: Option<&str>) -> Certificate {
    let details = CertificateDetails {
        expires_on: expires_on.map(at),
        serial_number: serial_number.map(Into::into),
        ..CertificateDetails::default()
    };
    Certificate::new(details, Pem::parse(REFERENCE).ok())
}

#[test]
fn the_fields_of_the_api_and_of_the_pem_are_kept_separately() {
    let certificate = certificate(None, Some("1"));
    assert_eq!(certificate.details().serial_number.as_deref(), Some("1"));
    assert_eq!(certificate.pem().unwrap().subject, Pem::parse(REFERENCE).unwrap().subject);
}

#[test]
fn the_expiry_date_is_the_apis_and_the_end_is_the_earlier_of_both_dates() {
    let later = certificate(Some("2100-01-01T05:20:00Z"), None);
    assert_eq!(later.expires(), Some(at("2100-01-01T05:20:00Z")));
    assert_eq!(later.ends(), Some(at("2016-11-22T16:43:01Z")));

    let earlier = certificate(Some("2016-01-01T00:00:00Z"), None);
    assert_eq!(earlier.ends(), Some(at("2016-01-01T00:00:00Z")));

    let silent = certificate(None, None);
    assert_eq!(silent.expires(), Some(at("2016-11-22T16:43:01Z")));
    assert_eq!(silent.ends(), silent.expires());
}

#[test]
fn metadata_match_means_the_same_second_and_the_same_integer() {
    let (date, serial) = (Some("2016-11-22T16:43:01.9Z"), Some("13961372106515542998"));
    assert_eq!(certificate(date, serial).metadata_match(), Some(true));
    assert_eq!(certificate(date, Some("0013961372106515542998")).metadata_match(), Some(true));
    assert_eq!(certificate(date, Some("13961372106515542999")).metadata_match(), Some(false));
    assert_eq!(certificate(Some("2016-11-22T16:43:02Z"), serial).metadata_match(), Some(false));
    assert_eq!(certificate(date, Some("0xc0c0")).metadata_match(), Some(false));
    assert_eq!(certificate(date, Some("-13961372106515542998")).metadata_match(), Some(false));
}

#[test]
fn metadata_match_is_unknown_if_a_field_is_missing() {
    let date = Some("2016-11-22T16:43:01Z");
    assert_eq!(certificate(None, Some("1")).metadata_match(), None);
    assert_eq!(certificate(date, None).metadata_match(), None);
    let without_pem = Certificate::new(certificate(date, Some("1")).details().clone(), None);
    assert_eq!(without_pem.metadata_match(), None);
}

fn described(id: Option<&str>, issuer: Option<&str>, serial_number: Option<&str>) -> CertificateDetails {
    CertificateDetails {
        id: id.map(|id| id.parse().unwrap()),
        issuer: issuer.map(Into::into),
        serial_number: serial_number.map(Into::into),
        signature: None,
        expires_on: None,
    }
}

#[test]
fn missing_fields_are_taken_from_an_earlier_state_of_the_same_certificate() {
    let known = CertificateDetails {
        signature: Some("SHA256WithRSA".into()),
        expires_on: Some(at("2030-01-01T00:00:00Z")),
        ..described(Some("one"), Some("CA"), Some("7"))
    };
    let known = Certificate::new(known, Pem::parse(REFERENCE).ok());
    let same = [
        described(Some("one"), None, None),
        described(Some("one"), Some("CA"), Some("7")),
        described(None, Some("CA"), Some("7")),
    ];
    for details in same {
        let completed = Certificate::new(details, None).completed_by(&known).unwrap();
        assert_eq!(completed, known);
        assert_eq!(completed.completed_by(&known), None, "nothing is missing");
    }
    let newer = CertificateDetails {
        expires_on: Some(at("2040-01-01T00:00:00Z")),
        ..described(Some("one"), Some("Other CA"), None)
    };
    let completed = Certificate::new(newer, None).completed_by(&known).unwrap();
    assert_eq!(completed.details().issuer.as_deref(), Some("Other CA"), "given fields are kept");
    assert_eq!(completed.ends(), Some(at("2016-11-22T16:43:01Z")));
    assert_eq!(completed.details().expires_on, Some(at("2040-01-01T00:00:00Z")));
}

#[test]
fn no_field_is_taken_from_another_certificate() {
    let known = Certificate::new(described(Some("one"), Some("CA"), Some("7")), Pem::parse(REFERENCE).ok());
    for other in [
        described(Some("two"), Some("CA"), Some("7")),
        described(Some("one"), Some("CA"), Some("8")),
        described(None, Some("CA"), Some("8")),
        described(None, Some("Other CA"), Some("7")),
        described(None, None, Some("7")),
        described(None, Some("CA"), None),
    ] {
        assert_eq!(Certificate::new(other.clone(), None).completed_by(&known), None, "{other:?}");
    }
    let mut pem = Pem::parse(REFERENCE).unwrap();
    pem.serial = Box::new([1]);
    let reissued = Certificate::new(described(Some("one"), None, None), Some(pem));
    assert_eq!(reissued.completed_by(&known), None, "it was reissued under the same id");
}

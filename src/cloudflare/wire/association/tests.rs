use super::*;
use crate::cloudflare::wire::Envelope;

const READ_AT: i64 = 1_800_000_000;

fn at(second: i64) -> Date {
    jiff::Timestamp::from_second(second).unwrap().into()
}

/// Reads this object as the response for `app.example.com`.
fn read(object: &str) -> Result<Reading, String> {
    read_noting(object).0
}

/// Reads this object, and also returns its odd fields.
fn read_noting(object: &str) -> (Result<Reading, String>, Vec<&'static str>) {
    let body = format!(r#"{{"success":true,"result":{object}}}"#);
    let hostname = "app.example.com".parse().unwrap();
    let envelope = Envelope::parse(body.as_bytes()).unwrap();
    let envelope = envelope.object(|object| reading(object, &hostname, at(READ_AT), &Interner::default()));
    (envelope.result.unwrap(), envelope.odd.into_iter().collect())
}

#[test]
fn the_response_in_the_api_reference_is_read_completely() {
    let body = include_bytes!("../../../../tests/fixtures/reference.json");
    let hostname = "app.example.com".parse().unwrap();
    let envelope = Envelope::parse(body).unwrap();
    let envelope = envelope.object(|object| reading(object, &hostname, at(READ_AT), &Interner::default()));
    assert_eq!(envelope.success, Some(true));
    assert!(envelope.odd.is_empty());
    let reading = envelope.result.unwrap().unwrap();

    assert_eq!(reading.association, Association::Enabled);
    assert_eq!(reading.status, Some(Status::Active));
    assert_eq!(reading.certificate_status, Some(Status::Active));
    assert_eq!(reading.certificate_uploaded_on, Some(at(1_572_286_283)));
    for date in [reading.created_at, reading.updated_at, reading.certificate_updated_at] {
        assert_eq!(date, Some(at(4_102_464_000)));
    }
    let certificate = reading.certificate.unwrap();
    let details = certificate.details();
    assert_eq!(details.id.as_ref().unwrap().as_str(), "023e105f4ecef8ad9ca31a8372d0c353");
    assert_eq!(details.issuer.as_deref(), Some("GlobalSign"));
    assert_eq!(details.serial_number.as_deref(), Some("6743787633689793699141714808227354901"));
    assert_eq!(details.signature.as_deref(), Some("SHA256WithRSA"));
    assert_eq!(details.expires_on, Some(at(4_102_464_000)));
    assert_eq!(certificate.pem().unwrap().not_after, at(1_479_832_981));
    assert_eq!(certificate.metadata_match(), Some(false));
}

#[test]
fn enabled_may_be_true_false_or_null_but_not_missing() {
    let association = |object| read(object).map(|reading| reading.association);
    assert_eq!(association(r#"{"enabled":true}"#), Ok(Association::Enabled));
    assert_eq!(association(r#"{"enabled":false}"#), Ok(Association::Disabled));
    assert_eq!(association(r#"{"enabled":null}"#), Ok(Association::Void));
    assert_eq!(association("{}"), Err("the field enabled is missing".to_owned()));
}

#[test]
fn a_deleted_association_is_none_without_other_fields() {
    let reading = read(r#"{"enabled":true,"status":"deleted","cert_id":"c1"}"#);
    assert_eq!(reading, Ok(Reading::bare(Association::None, at(READ_AT))));
}

#[test]
fn missing_null_and_empty_fields_are_unknown() {
    let bare = Ok(Reading::bare(Association::Enabled, at(READ_AT)));
    assert_eq!(read(r#"{"enabled":true}"#), bare);
    for value in ["null", "\"\""] {
        let object = format!(
            r#"{{"enabled":true,"cert_id":{value},"cert_status":{value},"cert_updated_at":{value},
                "cert_uploaded_on":{value},"certificate":{value},"created_at":{value},"expires_on":{value},
                "hostname":{value},"issuer":{value},"serial_number":{value},"signature":{value},
                "status":{value},"updated_at":{value}}}"#
        );
        assert_eq!(read(&object), bare, "{value}");
    }
}

#[test]
fn unknown_fields_are_ignored_and_an_unknown_status_is_kept_as_unknown() {
    let reading = read(r#"{"enabled":true,"status":"resting","new":{"a":[1]},"private_key":5}"#).unwrap();
    assert_eq!(reading.status, Some(Status::Unknown));
}

#[test]
fn an_unreadable_pem_leaves_the_fields_of_the_api() {
    let reading = read(r#"{"enabled":true,"certificate":"-----BEGIN","expires_on":"2030-01-01T00:00:00Z"}"#);
    let certificate = reading.unwrap().certificate.unwrap();
    assert_eq!(certificate.pem(), None);
    assert_eq!(certificate.expires(), Some(at(1_893_456_000)));
}

#[test]
fn a_field_of_another_type_or_form_counts_as_missing_and_affects_no_other() {
    let fields = [
        "cert_id",
        "cert_status",
        "cert_updated_at",
        "cert_uploaded_on",
        "certificate",
        "created_at",
        "expires_on",
        "issuer",
        "serial_number",
        "signature",
        "status",
        "updated_at",
    ];
    let body = include_str!("../../../../tests/fixtures/reference.json");
    let reference: serde_json::Value = serde_json::from_str(body).unwrap();
    for field in fields {
        for value in ["7.5", "1e999", "true", "[[]]", r#"{"a":1}"#, r#""\ud800""#] {
            let mut object = reference["result"].clone();
            object.as_object_mut().unwrap().remove(field);
            object["hostname"] = "app.example.com".into();
            let without = read(&object.to_string()).unwrap();
            let text = object.to_string();
            let with = format!(r#"{{"{field}":{value},{}"#, &text[1..]);
            assert_eq!(read_noting(&with), (Ok(without), vec![field]), "{field}: {value}");
        }
    }
}

#[test]
fn a_date_or_an_id_of_another_form_counts_as_missing() {
    let bare = Reading::bare(Association::Enabled, at(READ_AT));
    for field in ["created_at", "updated_at", "cert_uploaded_on", "cert_updated_at"] {
        let object = format!(r#"{{"enabled":true,"{field}":"once"}}"#);
        assert_eq!(read_noting(&object), (Ok(bare.clone()), vec![field]));
        let object = format!(r#"{{"enabled":true,"{field}":"0001-01-01T00:00:00Z"}}"#);
        assert_eq!(read_noting(&object), (Ok(bare.clone()), vec![]));
    }
    let (reading, odd) = read_noting(r#"{"enabled":true,"cert_id":"a b","issuer":"CA"}"#);
    assert_eq!(reading.unwrap().certificate.unwrap().id(), None);
    assert_eq!(odd, ["cert_id"]);
}

#[test]
fn without_a_valid_expiry_the_pem_decides() {
    let pem = include_str!("../../../../tests/fixtures/reference.pem").replace('\n', "\\n");
    for text in [r#""soon""#, "1893456000", r#""0001-01-01T00:00:00Z""#] {
        let object = format!(r#"{{"enabled":true,"expires_on":{text},"certificate":"{pem}"}}"#);
        let certificate = read(&object).unwrap().certificate.unwrap();
        assert_eq!(certificate.expires(), Some(at(1_479_832_981)), "{text}");
    }
    let certificate = read(r#"{"enabled":true,"expires_on":"2030-01-01 00:00:00 +0000 UTC"}"#);
    assert_eq!(certificate.unwrap().certificate.unwrap().expires(), Some(at(1_893_456_000)));
}

#[test]
fn a_serial_number_may_be_a_number_of_any_length() {
    for digits in ["7", "-5", "6743787633689793699141714808227354901"] {
        let (reading, odd) = read_noting(&format!(r#"{{"enabled":true,"serial_number":{digits}}}"#));
        let certificate = reading.unwrap().certificate.unwrap();
        assert_eq!(certificate.details().serial_number.as_deref(), Some(digits));
        assert!(odd.is_empty());
    }
}

#[test]
fn deciding_fields_must_have_the_right_type() {
    let enabled = "the field enabled is neither true, false nor null";
    for value in ["1", r#""true""#, "[]", "{}"] {
        assert_eq!(read(&format!(r#"{{"enabled":{value}}}"#)), Err(enabled.to_owned()), "{value}");
    }
    assert_eq!(read(r#"{"enabled":true,"enabled":false}"#), Err(enabled.to_owned()));
    let other = Err("the response is about another hostname".to_owned());
    assert_eq!(read(r#"{"enabled":true,"hostname":5}"#), other);
    for result in ["7", r#""app.example.com""#, "[]", r#"["app.example.com",true]"#] {
        assert_eq!(read(result), Err("the result is not an object".to_owned()), "{result}");
    }
}

#[test]
fn an_answer_about_another_hostname_is_not_trusted() {
    let named = |name: &str| read(&format!(r#"{{"enabled":true,"hostname":"{name}"}}"#)).is_ok();
    assert!(named("app.example.com"));
    assert!(named("APP.example.com."));
    assert!(!named("other.example.com"));
    assert!(!named("not a hostname"));
}

#[test]
fn only_the_start_of_long_text_is_kept() {
    let long = "é".repeat(100_000);
    let object =
        format!(r#"{{"enabled":true,"issuer":"{long}","serial_number":"{long}","signature":"{long}"}}"#);
    let certificate = read(&object).unwrap().certificate.unwrap();
    let details = certificate.details();
    for text in [&details.issuer, &details.serial_number, &details.signature] {
        assert_eq!(text.as_deref(), Some("é".repeat(128).as_str()));
    }
}

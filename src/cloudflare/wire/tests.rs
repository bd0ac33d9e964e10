use super::*;
use crate::domain::Reason;

const READ_AT: i64 = 1_800_000_000;

fn at(second: i64) -> Date {
    jiff::Timestamp::from_second(second).unwrap().into()
}

/// What is read of this object when `app.example.com` was asked for.
fn read(object: &str) -> Result<Reading, String> {
    let object: HostnameObject<'_> = serde_json::from_str(object).map_err(|error| error.to_string())?;
    object.reading(&"app.example.com".parse().unwrap(), at(READ_AT), &Interner::default())
}

#[test]
fn the_answer_in_the_api_reference_is_read_whole() {
    let body = include_bytes!("../../../tests/fixtures/reference.json");
    let envelope: Envelope<HostnameObject<'_>> = serde_json::from_slice(body).unwrap();
    assert_eq!(envelope.success, Some(true));
    let hostname = "app.example.com".parse().unwrap();
    let reading = envelope.result.unwrap().reading(&hostname, at(READ_AT), &Interner::default()).unwrap();

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
fn enabled_true_false_and_null_are_three_associations_and_its_absence_is_none_of_them() {
    let association = |object| read(object).map(|reading| reading.association);
    assert_eq!(association(r#"{"enabled":true}"#), Ok(Association::Enabled));
    assert_eq!(association(r#"{"enabled":false}"#), Ok(Association::Disabled));
    assert_eq!(association(r#"{"enabled":null}"#), Ok(Association::Void));
    assert_eq!(association("{}"), Err("it lacks the key enabled".to_owned()));
}

#[test]
fn a_deleted_association_is_none_and_says_nothing_else() {
    let reading = read(r#"{"enabled":true,"status":"deleted","cert_id":"c1"}"#);
    assert_eq!(reading, Ok(Reading::bare(Association::None, at(READ_AT))));
}

#[test]
fn missing_null_and_empty_fields_are_not_known() {
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
fn what_is_not_known_is_passed_over_and_an_unknown_status_is_kept_as_unknown() {
    let reading = read(r#"{"enabled":true,"status":"resting","new":{"a":[1]},"private_key":5}"#).unwrap();
    assert_eq!(reading.status, Some(Status::Unknown));
}

#[test]
fn a_pem_that_cannot_be_read_leaves_what_the_api_says() {
    let reading = read(r#"{"enabled":true,"certificate":"-----BEGIN","expires_on":"2030-01-01T00:00:00Z"}"#);
    let certificate = reading.unwrap().certificate.unwrap();
    assert_eq!(certificate.pem(), None);
    assert_eq!(certificate.expires(), Some(at(1_893_456_000)));
}

#[test]
fn dates_have_fractions_of_any_length_and_a_wrong_expiry_is_not_trusted() {
    let expires = |text: &str| {
        let reading = read(&format!(r#"{{"enabled":true,"expires_on":"{text}"}}"#))?;
        Ok(reading.certificate.and_then(|certificate| certificate.expires()).map(Date::as_second))
    };
    for text in [
        "2030-01-01T00:00:00Z",
        "2030-01-01T00:00:00.1Z",
        "2030-01-01T00:00:00.123456789Z",
        "2030-01-01T00:00:00.12345678901234567890Z",
        "2030-01-01T01:00:00.1234567890+01:00",
        "2030-01-01T01:00:00+01:00",
    ] {
        assert_eq!(expires(text), Ok(Some(1_893_456_000)), "{text}");
    }
    let never = "9999-12-31T23:59:59Z";
    assert_eq!(expires(never), Ok(Some(jiff::Timestamp::MAX.as_second())));
    assert!(expires("9999-13-31T23:59:59Z").is_err());
    assert_eq!(expires("soon"), Err("its expires_on is not a date of RFC 3339".to_owned()));
    let created = read(r#"{"enabled":true,"created_at":"once"}"#).unwrap();
    assert_eq!(created.created_at, None);
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
fn errors_are_read_with_their_chains_cut_and_cleaned() {
    let body = r#"{"success":false,"errors":[{"code":6003,"message":"bad\nheaders","error_chain":[{"code":6111}]},{}],
        "messages":null,"result":null}"#;
    let envelope: Envelope<HostnameObject<'_>> = serde_json::from_str(body).unwrap();
    let errors: Vec<_> = envelope.errors.iter().map(|error| (error.code, &*error.message)).collect();
    assert_eq!(errors, [(6003, "bad headers"), (6111, ""), (0, "")]);
    assert!(envelope.result.is_none());
    assert_eq!(&*printable("a\r\u{1b}[2J\u{85}\u{202e}b\u{2028}é"), "a  [2J  b é");
    assert_eq!(printable(&"x".repeat(1000)).len(), 256);
}

#[test]
fn of_many_errors_and_of_long_words_only_the_start_is_kept() {
    let body = format!(r#"{{"errors":[{}{{"code":9}}]}}"#, r#"{"code":1},"#.repeat(100_000));
    let envelope: Envelope<HostnameObject<'_>> = serde_json::from_str(&body).unwrap();
    assert_eq!(envelope.errors.iter().map(|error| error.code).collect::<Vec<_>>(), [1; 8]);

    let long = "é".repeat(100_000);
    let object =
        format!(r#"{{"enabled":true,"issuer":"{long}","serial_number":"{long}","signature":"{long}"}}"#);
    let certificate = read(&object).unwrap().certificate.unwrap();
    let details = certificate.details();
    for text in [&details.issuer, &details.serial_number, &details.signature] {
        assert_eq!(text.as_deref(), Some("é".repeat(128).as_str()));
    }
}

#[test]
fn nesting_is_read_on_a_small_stack_however_deep_it_is() {
    let deep = |before: &str, open: &str, close: &str, after: &str| {
        format!("{before}{}{}{after}", open.repeat(100_000), close.repeat(100_000))
    };
    let bodies = [
        deep("", "[", "]", ""),
        deep(r#"{"result":"#, "[", "]", "}"),
        deep(r#"{"result":{"enabled":"#, "[", "]", "}}"),
        deep(r#"{"errors":"#, r#"[{"error_chain":"#, "}]", "}"),
        deep(r#"{"errors":"#, "[", "", ""),
        // what nobody asked for is passed over, whatever its shape
        deep(r#"{"result":{"other":"#, "[", "]", "}}"),
        deep(r#"{"other":"#, "[", "]", "}"),
    ];
    let read = move || {
        let is_read = |body: &String| serde_json::from_str::<Envelope<HostnameObject<'_>>>(body).is_ok();
        bodies.iter().map(is_read).collect::<Vec<_>>()
    };
    let reader = std::thread::Builder::new().stack_size(256 << 10).spawn(read).unwrap();
    assert_eq!(reader.join().unwrap(), [false, false, false, false, false, true, true]);
}

#[test]
fn a_list_as_null_is_one_of_nothing_where_its_length_is_said_beside_it() {
    let result = |body: &str| {
        let envelope: Envelope<Vec<AssociationObject<'_>>> = serde_json::from_str(body).unwrap();
        envelope.listed().result.map(|rows| rows.len())
    };
    assert_eq!(result(r#"{"success":true,"result":null,"result_info":{"total_count":0}}"#), Some(0));
    assert_eq!(result(r#"{"success":true,"result":null,"result_info":{"total_count":1}}"#), None);
    assert_eq!(result(r#"{"success":true,"result":null}"#), None);
}

#[test]
fn null_lists_and_a_missing_result_are_no_errors_of_form() {
    for body in ["{}", r#"{"errors":null}"#, r#"{"success":null,"errors":[],"result_info":null}"#] {
        assert!(serde_json::from_str::<Envelope<Vec<Zone<'_>>>>(body).is_ok(), "{body}");
    }
}

#[test]
fn a_zone_is_a_name_in_small_letters_an_id_and_whether_it_is_active() {
    let zone: Zone<'_> = serde_json::from_str(
        r#"{"id":"023e105f4ecef8ad9ca31a8372d0c353","name":"Example.com","status":"active","type":"full"}"#,
    )
    .unwrap();
    let id = "023e105f4ecef8ad9ca31a8372d0c353".parse().unwrap();
    assert_eq!(zone.row(), Some(("example.com".parse().unwrap(), id, true)));
    let zone: Zone<'_> = serde_json::from_str(r#"{"id":"1","name":"example.com"}"#).unwrap();
    assert_eq!(zone.row(), None);
}

#[test]
fn every_reason_has_its_own_label() {
    let mut labels = Reason::ALL.map(Reason::label);
    labels.sort_unstable();
    assert!(labels.windows(2).all(|pair| pair[0] != pair[1]));
}

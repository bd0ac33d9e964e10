use super::*;
use crate::cloudflare::AssociationRow;
use crate::cloudflare::interner::Interner;
use crate::domain::{Association, CertificateDetails, Date, Reading, Reason, Status};

const READ_AT: i64 = 1_800_000_000;

fn at(second: i64) -> Date {
    jiff::Timestamp::from_second(second).unwrap().into()
}

/// What is read of this object when `app.example.com` was asked for.
fn read(object: &str) -> Result<Reading, String> {
    read_noting(object).0
}

/// The same, with the fields that were read as if they were missing.
fn read_noting(object: &str) -> (Result<Reading, String>, Vec<&'static str>) {
    let body = format!(r#"{{"success":true,"result":{object}}}"#);
    let hostname = "app.example.com".parse().unwrap();
    let envelope = Envelope::parse(body.as_bytes()).unwrap();
    let envelope = envelope.object(|object| reading(object, &hostname, at(READ_AT), &Interner::default()));
    (envelope.result.unwrap(), envelope.odd.into_iter().collect())
}

#[test]
fn the_answer_in_the_api_reference_is_read_whole() {
    let body = include_bytes!("../../../tests/fixtures/reference.json");
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
fn a_field_of_another_type_or_form_is_missing_and_harms_no_other() {
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
    let body = include_str!("../../../tests/fixtures/reference.json");
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
fn a_date_or_an_id_of_another_form_is_missing() {
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
fn an_expiry_that_is_no_date_gives_way_to_the_pem() {
    let pem = include_str!("../../../tests/fixtures/reference.pem").replace('\n', "\\n");
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
fn what_decides_has_to_be_of_its_type() {
    let enabled = "its key enabled is neither true nor false nor null";
    for value in ["1", r#""true""#, "[]", "{}"] {
        assert_eq!(read(&format!(r#"{{"enabled":{value}}}"#)), Err(enabled.to_owned()), "{value}");
    }
    assert_eq!(read(r#"{"enabled":true,"enabled":false}"#), Err(enabled.to_owned()));
    let other = Err("it is about another hostname".to_owned());
    assert_eq!(read(r#"{"enabled":true,"hostname":5}"#), other);
    for result in ["7", r#""app.example.com""#, "[]", r#"["app.example.com",true]"#] {
        assert_eq!(read(result), Err("its result is not an object".to_owned()), "{result}");
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

/// The errors of an answer, and whether it says that it succeeded.
fn errors(body: &str) -> (Vec<(i64, Box<str>)>, Option<bool>) {
    let envelope = Envelope::parse(body.as_bytes()).unwrap();
    let errors = envelope.errors.into_iter().map(|error| (error.code, error.message));
    (errors.collect(), envelope.success)
}

#[test]
fn errors_are_read_with_their_chains_cut_and_cleaned() {
    let body = r#"{"success":false,"errors":[{"code":6003,"message":"bad\nheaders","error_chain":[{"code":6111}]},{}],
        "messages":null,"result":null}"#;
    let expected = [(6003, "bad headers".into()), (6111, "".into()), (0, "".into())];
    assert_eq!(errors(body), (expected.to_vec(), Some(false)));
    assert_eq!(&*printable("a\r\u{1b}[2J\u{85}\u{202e}b\u{2028}é"), "a  [2J  b é");
    assert_eq!(printable(&"x".repeat(1000)).len(), 256);
}

#[test]
fn errors_of_another_type_lose_nothing_beside_them() {
    let errors = |errors: &str| errors_and_success(errors);
    assert_eq!(errors(r#"[{"code":"1553","message":7}]"#), [(1553, "".into())]);
    assert_eq!(errors(r#"[null,5,"no route",{"code":1553}]"#), [(0, "no route".into()), (1553, "".into())]);
    assert_eq!(errors(r#"{"code":1553,"error_chain":{"code":1}}"#), [(1553, "".into()), (1, "".into())]);
    assert_eq!(errors(r#"[{"code":99999999999999999999,"message":"large"}]"#), [(0, "large".into())]);
    assert_eq!(errors(r#""no route""#), [(0, "no route".into())]);
    assert_eq!(errors("7"), []);
}

/// The errors beside an honest result, which has to be read whatever they are.
fn errors_and_success(list: &str) -> Vec<(i64, Box<str>)> {
    let body = format!(r#"{{"errors":{list},"result_info":7,"success":true,"result":{{"enabled":false}}}}"#);
    let envelope = Envelope::parse(body.as_bytes()).unwrap();
    let read = envelope.object(switch);
    assert_eq!((read.success, read.result), (Some(true), Some(Ok(false))));
    errors(&body).0
}

#[test]
fn a_success_of_another_type_is_not_said_and_loses_no_error() {
    let said = |success: &str| errors(&format!(r#"{{"success":{success},"errors":[{{"code":1553}}]}}"#));
    for (success, expected) in
        [("\"true\"", Some(true)), ("\"false\"", Some(false)), ("0", None), ("[]", None)]
    {
        assert_eq!(said(success), (vec![(1553, "".into())], expected), "{success}");
    }
}

#[test]
fn of_many_errors_and_of_long_words_only_the_start_is_kept() {
    let body = format!(r#"{{"errors":[{}{{"code":9}}]}}"#, r#"{"code":1},"#.repeat(100_000));
    assert_eq!(errors(&body).0, vec![(1, "".into()); 8]);

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
        format!("{before}{}null{}{after}", open.repeat(100_000), close.repeat(100_000))
    };
    let bodies = [
        deep("", "[", "]", ""),
        deep(r#"{"errors":"#, "[", "", ""),
        // what nobody asked for is ignored, whatever its shape
        deep(r#"{"result":{"other":"#, "[", "]", "}}"),
        deep(r#"{"other":"#, "[", "]", "}"),
        deep(r#"{"result":"#, "[", "]", "}"),
        deep(r#"{"result":{"enabled":"#, "[", "]", "}}"),
        deep(r#"{"errors":"#, r#"[{"error_chain":"#, "}]", "}"),
    ];
    let read = move || {
        let is_read =
            |body: &String| Envelope::parse(body.as_bytes()).map(|envelope| envelope.object(switch)).is_ok();
        bodies.iter().map(is_read).collect::<Vec<_>>()
    };
    let reader = std::thread::Builder::new().stack_size(256 << 10).spawn(read).unwrap();
    assert_eq!(reader.join().unwrap(), [false, false, true, true, true, true, true]);
}

/// The rows of a list: the hostname of each, or what it says instead.
fn rows(result: &str) -> (Vec<Result<String, String>>, Vec<&'static str>) {
    let body = format!(r#"{{"success":true,"result":{result}}}"#);
    let envelope = Envelope::parse(body.as_bytes()).unwrap().rows(5, association);
    let row = |row: Result<AssociationRow, Box<str>>| {
        row.map(|row| row.hostname.to_string()).map_err(|said| said.to_string())
    };
    let rows = envelope.result.unwrap().unwrap().into_iter().map(row);
    (rows.collect(), envelope.odd.into_iter().collect())
}

#[test]
fn a_row_that_cannot_be_read_leaves_the_others_and_is_named() {
    let list = r#"[null,{"hostname":"a.example","updated_at":5},{"hostname":5},{"hostname":"b b.example"},
        {"hostname":"xn--a.example.com","enabled":true}]"#;
    let said = |said: &str| Err(said.to_owned());
    let expected = [
        said("not an object"),
        Ok("a.example".to_owned()),
        said("5"),
        said(r#""b b.example""#),
        Ok("xn--a.example.com".to_owned()),
    ];
    assert_eq!(rows(list), (expected.to_vec(), vec!["hostname", "updated_at"]));
    assert_eq!(rows(r#"[{},[{}],7]"#).0, ["no hostname", "not an object", "not an object"].map(said));
}

#[test]
fn no_more_rows_are_read_than_a_list_may_have() {
    let row = r#"{"hostname":"a.example"},"#;
    let (five, last) = (row.repeat(5), Err("all after the first 5".to_owned()));
    assert_eq!(rows(&format!("[{}]", five.trim_end_matches(','))).0, vec![Ok("a.example".to_owned()); 5]);
    let (many, odd) = rows(&format!("[{five}{}7]", "{},".repeat(1_400_000)));
    assert_eq!((many.len(), &many[5], odd.len()), (6, &last, 0));
}

#[test]
fn a_list_of_anything_else_is_not_trusted() {
    for result in ["7", "{}", r#""[]""#, "true"] {
        let body = format!(r#"{{"success":true,"result":{result}}}"#);
        let rows = Envelope::parse(body.as_bytes()).unwrap().rows(5, association);
        assert_eq!(rows.result, Some(Err("its result is not a list".to_owned())), "{result}");
    }
}

#[test]
fn a_certificate_of_a_list_is_read_without_the_fields_that_are_odd() {
    let list =
        r#"{"success":true,"result":[{"id":"one","serial_number":7,"issuer":[],"expires_on":5},{"id":5}]}"#;
    let certificates = Interner::default();
    let envelope = Envelope::parse(list.as_bytes()).unwrap().rows(5, |object| listed(object, &certificates));
    let rows = envelope.result.unwrap().unwrap();
    let first = rows[0].as_ref().unwrap();
    let details = CertificateDetails {
        id: Some("one".parse().unwrap()),
        serial_number: Some("7".into()),
        ..CertificateDetails::default()
    };
    assert_eq!((first.id.as_str(), first.certificate.details()), ("one", &details));
    assert_eq!(rows[1].as_ref().unwrap_err().as_ref(), "5");
    assert_eq!(envelope.odd.into_iter().collect::<Vec<_>>(), ["expires_on", "id", "issuer"]);
}

#[test]
fn a_list_as_null_is_empty_where_its_length_is_said_beside_it() {
    let result = |body: &str| {
        let rows = Envelope::parse(body.as_bytes()).unwrap().rows(5, association);
        rows.result.map(|rows| rows.unwrap().len())
    };
    assert_eq!(result(r#"{"success":true,"result":null,"result_info":{"total_count":0}}"#), Some(0));
    assert_eq!(result(r#"{"success":true,"result":null,"result_info":{"total_count":"0"}}"#), Some(0));
    assert_eq!(result(r#"{"success":true,"result":null,"result_info":{"total_count":1}}"#), None);
    assert_eq!(result(r#"{"success":true,"result":null}"#), None);
}

#[test]
fn the_length_of_a_list_is_not_known_where_it_is_no_number() {
    let info = |info: &str| {
        let body = format!(r#"{{"success":true,"result":[],"result_info":{info}}}"#);
        let envelope = Envelope::parse(body.as_bytes()).unwrap();
        (envelope.result_info.map(|info| (info.total_pages, info.total_count)), envelope.odd.len())
    };
    assert_eq!(info(r#"{"total_pages":2,"total_count":"70"}"#), (Some((Some(2), Some(70))), 0));
    assert_eq!(info(r#"{"total_pages":4294967296,"total_count":-1}"#), (Some((None, None)), 2));
    assert_eq!(info(r#"{"total_pages":1e999,"total_count":{}}"#), (Some((None, None)), 2));
    assert_eq!(info("null"), (None, 0));
    assert_eq!(info("[]"), (None, 1));
}

#[test]
fn a_zone_is_a_name_in_small_letters_an_id_and_whether_it_is_active() {
    let read = |object: &str| {
        let body = format!(r#"{{"result":[{object}]}}"#);
        let rows = Envelope::parse(body.as_bytes()).unwrap().rows(5, zone);
        rows.result.unwrap().unwrap().remove(0)
    };
    let id = "023e105f4ecef8ad9ca31a8372d0c353";
    let expected = |name: &str, active| Ok(Some((name.parse().unwrap(), id.parse().unwrap(), active)));
    let object = |more: &str| format!(r#"{{"id":"{id}","name":"Example.com"{more}}}"#);
    assert_eq!(read(&object(r#","status":"active","type":"full""#)), expected("example.com", true));
    assert_eq!(read(&object(r#","status":5,"type":[]"#)), expected("example.com", false));
    assert_eq!(read(&object(r#","status":"active","type":"internal""#)), Ok(None));
    let unicode = format!(r#"{{"id":"{id}","name":"bücher.example"}}"#);
    assert_eq!(read(&unicode), expected("xn--bcher-kva.example", false));
    assert_eq!(read(r#"{"id":"1","name":"example.com"}"#), Err(r#""example.com""#.into()));
}

#[test]
fn every_reason_has_its_own_label() {
    let mut labels = Reason::ALL.map(Reason::label);
    labels.sort_unstable();
    assert!(labels.windows(2).all(|pair| pair[0] != pair[1]));
}

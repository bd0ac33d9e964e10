use super::*;
use crate::cloudflare::interner::Interner;
use crate::cloudflare::{AssociationRow, ListedZone};
use crate::domain::CertificateDetails;

/// Returns the errors of a response, and its success flag.
fn errors(body: &str) -> (Vec<(i64, Box<str>)>, Option<bool>) {
    let envelope = Envelope::parse(body.as_bytes()).unwrap();
    let errors = envelope.errors.into_iter().map(|error| (error.code, error.message));
    (errors.collect(), envelope.success)
}

#[test]
fn errors_are_read_with_their_chains_truncated_and_cleaned() {
    let body = r#"{"success":false,"errors":[{"code":6003,"message":"bad\nheaders","error_chain":[{"code":6111}]},{}],
        "messages":null,"result":null}"#;
    let expected = [(6003, "bad headers".into()), (6111, "".into()), (0, "".into())];
    assert_eq!(errors(body), (expected.to_vec(), Some(false)));
    assert_eq!(&*printable("a\r\u{1b}[2J\u{85}\u{202e}b\u{2028}é"), "a  [2J  b é");
    assert_eq!(printable(&"x".repeat(1000)).len(), 256);
}

#[test]
fn errors_of_an_unexpected_type_affect_no_others() {
    let errors = |errors: &str| errors_and_success(errors);
    assert_eq!(errors(r#"[{"code":"1553","message":7}]"#), [(1553, "".into())]);
    assert_eq!(errors(r#"[null,5,"no route",{"code":1553}]"#), [(0, "no route".into()), (1553, "".into())]);
    assert_eq!(errors(r#"{"code":1553,"error_chain":{"code":1}}"#), [(1553, "".into()), (1, "".into())]);
    assert_eq!(errors(r#"[{"code":99999999999999999999,"message":"large"}]"#), [(0, "large".into())]);
    assert_eq!(errors(r#""no route""#), [(0, "no route".into())]);
    assert_eq!(errors("7"), []);
}

/// Returns the errors of a response with a valid result, which must be read despite them.
fn errors_and_success(list: &str) -> Vec<(i64, Box<str>)> {
    let body = format!(r#"{{"errors":{list},"result_info":7,"success":true,"result":{{"enabled":false}}}}"#);
    let envelope = Envelope::parse(body.as_bytes()).unwrap();
    let read = envelope.object(switch);
    assert_eq!((read.success, read.result), (Some(true), Some(Ok(false))));
    errors(&body).0
}

#[test]
fn a_success_flag_of_another_type_is_unknown_and_affects_no_error() {
    let said = |success: &str| errors(&format!(r#"{{"success":{success},"errors":[{{"code":1553}}]}}"#));
    for (success, expected) in
        [("\"true\"", Some(true)), ("\"false\"", Some(false)), ("0", None), ("[]", None)]
    {
        assert_eq!(said(success), (vec![(1553, "".into())], expected), "{success}");
    }
}

#[test]
fn only_the_first_of_many_errors_are_kept() {
    let body = format!(r#"{{"errors":[{}{{"code":9}}]}}"#, r#"{"code":1},"#.repeat(100_000));
    assert_eq!(errors(&body).0, vec![(1, "".into()); 8]);
}

#[test]
fn deep_nesting_is_read_on_a_small_stack() {
    let deep = |before: &str, open: &str, close: &str, after: &str| {
        format!("{before}{}null{}{after}", open.repeat(100_000), close.repeat(100_000))
    };
    let bodies = [
        deep("", "[", "]", ""),
        deep(r#"{"errors":"#, "[", "", ""),
        // unknown fields are ignored, whatever their type
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

/// Returns the rows of a list, each with its hostname or the text of its identity, and the odd fields.
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
fn an_unreadable_row_is_named_and_does_not_affect_others() {
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
fn no_more_than_the_maximum_number_of_rows_is_read() {
    let row = r#"{"hostname":"a.example"},"#;
    let (five, last) = (row.repeat(5), Err("all after the first 5".to_owned()));
    assert_eq!(rows(&format!("[{}]", five.trim_end_matches(','))).0, vec![Ok("a.example".to_owned()); 5]);
    let (many, odd) = rows(&format!("[{five}{}7]", "{},".repeat(1_400_000)));
    assert_eq!((many.len(), &many[5], odd.len()), (6, &last, 0));
}

#[test]
fn a_result_that_is_not_a_list_is_not_trusted() {
    for result in ["7", "{}", r#""[]""#, "true"] {
        let body = format!(r#"{{"success":true,"result":{result}}}"#);
        let rows = Envelope::parse(body.as_bytes()).unwrap().rows(5, association);
        assert_eq!(rows.result, Some(Err("the result is not a list".to_owned())), "{result}");
    }
}

#[test]
fn a_listed_certificate_is_read_without_its_odd_fields() {
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
fn a_null_list_is_empty_if_the_response_gives_its_length() {
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
fn the_length_of_a_list_is_unknown_if_it_is_not_a_number() {
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
fn a_zone_has_a_lower_case_name_an_id_and_flags_for_active_and_internal() {
    let read = |object: &str| {
        let body = format!(r#"{{"result":[{object}]}}"#);
        let rows = Envelope::parse(body.as_bytes()).unwrap().rows(5, zone);
        rows.result.unwrap().unwrap().remove(0)
    };
    let text = "023e105f4ecef8ad9ca31a8372d0c353";
    let expected = |name: &str, active, internal| {
        let id = text.parse().unwrap();
        Ok((id, Some(ListedZone { id, name: name.parse().unwrap(), active, internal })))
    };
    let object = |more: &str| format!(r#"{{"id":"{text}","name":"Example.com"{more}}}"#);
    assert_eq!(
        read(&object(r#","status":"active","type":"full""#)),
        expected("example.com", Some(true), false)
    );
    assert_eq!(read(&object(r#","status":5,"type":[]"#)), expected("example.com", None, false));
    assert_eq!(
        read(&object(r#","status":"moved","type":"internal""#)),
        expected("example.com", Some(false), true)
    );
    let unicode = format!(r#"{{"id":"{text}","name":"bücher.example"}}"#);
    assert_eq!(read(&unicode), expected("xn--bcher-kva.example", None, false));
    assert_eq!(read(r#"{"id":"1","name":"example.com"}"#), Err(r#""example.com""#.into()));
}

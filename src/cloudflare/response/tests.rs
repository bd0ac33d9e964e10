use proptest::prelude::*;
use reqwest::header::HeaderValue;

use super::*;
use crate::cloudflare::budget::Announcement;
use crate::cloudflare::wire::Object;
use crate::domain::Reason;

const NOW: &str = "2026-01-01T00:00:00Z";

fn now() -> jiff::Timestamp {
    NOW.parse().unwrap()
}

/// Judges a response with this status and body, whose result has a number `n`.
fn judged(status: u16, body: &str) -> Result<u8, Reason> {
    let number = |object: &mut Object<'_>| object.integer("n")?.parse().ok();
    let number = |object: &mut Object<'_>| number(object).ok_or_else(|| "it lacks n".to_owned());
    let decoded = Envelope::parse(body.as_bytes()).map(|envelope| envelope.object(number));
    let status = StatusCode::from_u16(status).unwrap();
    let judged = judge(status, &HeaderMap::new(), now(), decoded);
    judged.map(|(value, _)| value).map_err(|error| error.reason())
}

#[test]
fn a_response_is_judged_by_status_and_success() {
    assert_eq!(judged(200, r#"{"success":true,"result":{"n":7}}"#), Ok(7));
    assert_eq!(judged(200, r#"{"success":false,"result":{"n":7}}"#), Err(Reason::Rejected));
    assert_eq!(judged(200, r#"{"success":false,"errors":[{"code":1000}]}"#), Err(Reason::Auth));
    assert_eq!(judged(500, r#"{"success":true,"result":{"n":7}}"#), Err(Reason::ServerError));
    assert_eq!(judged(404, r#"{"success":false,"errors":[{"code":1551}]}"#), Err(Reason::NotFound));
    assert_eq!(judged(200, r#"{"success":"true","result":{"n":7}}"#), Ok(7));
    assert_eq!(judged(200, r#"{"success":"false","result":{"n":7}}"#), Err(Reason::Rejected));
}

#[test]
fn a_malformed_response_is_invalid_unless_its_status_is_an_error() {
    for body in [
        "",
        "null",
        "[]",
        "7",
        "<html>",
        r#"{"success":true}"#,
        r#"{"success":true,"result":null}"#,
        r#"{"result":{"n":7}}"#,
        r#"{"success":true,"result":"x"}"#,
        r#"{"success":true,"result":[]}"#,
        r#"{"success":"perhaps","result":{"n":7}}"#,
        r#"{"success":true,"success":true,"result":{"n":7}}"#,
    ] {
        assert_eq!(judged(200, body), Err(Reason::InvalidResponse), "{body}");
    }
    assert_eq!(judged(502, "<html>Bad gateway</html>"), Err(Reason::ServerError));
    assert_eq!(judged(429, "<html>Slow down</html>"), Err(Reason::RateLimited));
    for status in [400, 401, 403, 404] {
        for page in ["<html>Blocked</html>", "error code: 1020", "7"] {
            assert_eq!(judged(status, page), Err(Reason::InvalidResponse), "{status} {page}");
        }
    }
    assert_eq!(judged(403, ""), Err(Reason::Forbidden));
    assert_eq!(judged(403, r#"{"success":fa"#), Err(Reason::Forbidden));
    assert_eq!(judged(301, ""), Err(Reason::InvalidResponse));
}

#[test]
fn an_error_quotes_only_the_start_of_the_body() {
    let body = format!(r#""{}\u001b""#, "x".repeat(1_000_000));
    let decoded = Envelope::parse(body.as_bytes()).map(|envelope| envelope.map(|_| Ok(())));
    let error = judge(StatusCode::OK, &HeaderMap::new(), now(), decoded).unwrap_err().to_string();
    let expected = "HTTP status 200, and the JSON has an unexpected form: invalid type: string \"xxx";
    assert!(error.starts_with(expected) && error.len() < 320, "{error}");
}

#[test]
fn an_error_contains_the_ray_id() {
    let mut headers = HeaderMap::new();
    headers.insert("cf-ray", HeaderValue::from_static("8f1-FRA"));
    let decoded = Envelope::parse(b"{}").map(|envelope| envelope.map(|_| Ok(())));
    let error = judge(StatusCode::BAD_REQUEST, &headers, now(), decoded).unwrap_err();
    assert_eq!(error.to_string(), "HTTP status 400, ray 8f1-FRA");
}

#[test]
fn retry_after_is_parsed_as_seconds_or_a_date() {
    let read = |text| {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
        retry_after(&headers, now()).map(|time| time.as_secs())
    };
    assert_eq!(read("0"), Some(0));
    assert_eq!(read("300"), Some(300));
    assert_eq!(read("Thu, 01 Jan 2026 00:02:00 GMT"), Some(120));
    assert_eq!(read("Wed, 31 Dec 2025 23:00:00 GMT"), Some(0));
    for text in ["", "-1", "1.5", "soon"] {
        assert_eq!(read(text), None, "{text}");
    }
    assert_eq!(retry_after(&HeaderMap::new(), now()), None);
}

#[test]
fn a_429_blocks_for_its_retry_after_or_for_five_minutes_if_that_is_invalid() {
    let blocked = |text| {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
        block_time(&headers, now()).as_secs()
    };
    assert_eq!(["1", "300", "86400"].map(blocked), [1, 300, 600]);
    assert_eq!(blocked("Thu, 01 Jan 2026 00:02:00 GMT"), 120);
    for text in
        ["0", "Wed, 31 Dec 2025 23:00:00 GMT", "Thu, 01 Jan 2026 00:00:00 GMT", "", "-5", "1.5", "soon"]
    {
        assert_eq!(blocked(text), 300, "{text}");
    }
    assert_eq!(block_time(&HeaderMap::new(), now()).as_secs(), 300);
}

proptest! {
    #[test]
    fn parsing_rate_limit_headers_never_panics(
        retry in "[ -~]{0,20}|[0-9]{1,40}",
        limit in "[\"a-z;=,0-9 rt]{0,30}|\"d\";r=[0-9]{0,12};t=[0-9]{0,12}",
    ) {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::try_from(retry).unwrap());
        headers.insert("ratelimit", HeaderValue::try_from(limit).unwrap());
        let blocked = block_time(&headers, now());
        prop_assert!(!blocked.is_zero() && blocked <= LONGEST_BLOCK);
        if let Some(Announcement { reset, .. }) = Announcement::of(&headers) {
            prop_assert!(reset <= LONGEST_BLOCK);
        }
    }
}

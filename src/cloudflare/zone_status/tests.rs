use super::*;
use crate::cloudflare::ApiError;

const ZONE: &str = "0123456789abcdef0123456789abcdef";

fn read(result: &str) -> Result<Presence, String> {
    read_for(None, result)
}

/// Reads a response on behalf of an account with this id.
fn read_for(account: Option<&str>, result: &str) -> Result<Presence, String> {
    let body = format!(r#"{{"success":true,"result":{result}}}"#);
    let account = account.map(|id| id.parse().unwrap());
    decode(ZONE.parse().unwrap(), account, body.as_bytes()).unwrap().result.unwrap()
}

#[test]
fn only_an_active_zone_that_is_not_internal_can_be_watched() {
    let read = |status: &str, kind: &str| {
        read(&format!(r#"{{"id":"{ZONE}","name":"a.example","status":"{status}","type":"{kind}"}}"#))
    };
    for kind in ["full", "partial", "secondary", "new"] {
        assert_eq!(read("active", kind), Ok(Presence::Active), "{kind}");
    }
    assert_eq!(read("active", "internal"), Ok(Presence::Other));
    for status in ["initializing", "pending", "moved", "deactivated", "read only", "Active", "new"] {
        assert_eq!(read(status, "full"), Ok(Presence::Other), "{status}");
    }
}

#[test]
fn a_zone_of_another_account_cannot_be_watched() {
    let (ours, theirs) = ("1".repeat(32), "2".repeat(32));
    let active = |account: &str| format!(r#"{{"id":"{ZONE}","status":"active","account":{account}}}"#);
    let of = |id: &str| active(&format!(r#"{{"id":"{id}","name":"An account"}}"#));
    assert_eq!(read_for(Some(&ours), &of(&ours)), Ok(Presence::Active));
    assert_eq!(read_for(Some(&ours), &of(&theirs)), Ok(Presence::Other));
    assert_eq!(read_for(None, &of(&theirs)), Ok(Presence::Active), "no account is configured");
    for account in ["null", "{}", "7", r#"{"id":null}"#, r#"{"id":"theirs"}"#] {
        assert_eq!(read_for(Some(&ours), &active(account)), Ok(Presence::Active), "{account}");
    }
}

#[test]
fn a_response_without_a_status_or_about_another_zone_is_an_error() {
    let lacks = || Err("the field status is missing".to_owned());
    for result in ["{}", r#"{"status":null}"#, r#"{"status":7}"#, r#"{"status":""}"#] {
        assert_eq!(read(result), lacks(), "{result}");
    }
    for id in [r#""f123456789abcdef0123456789abcdef""#, r#""0""#, "7"] {
        let result = format!(r#"{{"id":{id},"status":"active"}}"#);
        assert_eq!(read(&result), Err("the response is about another zone".to_owned()), "{id}");
    }
    assert_eq!(read(r#"{"status":"active"}"#), Ok(Presence::Active));
}

fn refused(status: u16, errors: &[(i64, &str)]) -> bool {
    let errors = errors.iter().map(|(code, message)| ApiError { code: *code, message: (*message).into() });
    is_gone(&Error::Api { status, errors: errors.collect(), ray: None, retry_after: None })
}

#[test]
fn a_zone_is_gone_if_the_api_says_so() {
    for (status, code) in [(404, 7003), (400, 7003), (404, 1001), (403, 9109), (400, 9109), (403, 10_000)] {
        assert!(refused(status, &[(code, "Unauthorized to access requested resource")]), "{status} {code}");
    }
    assert!(refused(404, &[(7003, "Could not route"), (7000, "No route")]));
    assert!(refused(404, &[(0, "")]));
}

#[test]
fn a_refused_token_a_challenge_or_an_outage_does_not_mean_that_a_zone_is_gone() {
    for message in ["Invalid access token", "Cannot use the access token from location: 192.0.2.1"] {
        assert!(!refused(403, &[(9109, message)]), "{message}");
    }
    for (status, code) in [
        (401, 10_000),
        (403, 1000),
        (403, 6003),
        (404, 1000),
        (429, 7003),
        (500, 7003),
        (503, 10_000),
        (409, 1),
        (405, 10_405),
        (200, 1),
    ] {
        assert!(!refused(status, &[(code, "")]), "{status} {code}");
    }
    for status in [403, 404] {
        assert!(!refused(status, &[]), "a page of HTML with status {status}");
    }
    assert!(!is_gone(&Error::Deadline) && !is_gone(&Error::Oversized(1)));
}

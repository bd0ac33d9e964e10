use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::*;
use crate::cloudflare::ApiError;
use crate::cloudflare::response::judge;
use crate::cloudflare::wire::Envelope;
use crate::domain::Reason;

fn advice(status: u16, codes: &[i64], purpose: Purpose) -> String {
    let errors = codes.iter().map(|code| ApiError { code: *code, message: "".into() }).collect();
    let error = Error::Api { status, errors, ray: None, retry_after: None };
    error.advice(purpose).unwrap_or_default()
}

#[test]
fn every_unambiguous_code_has_its_advice() {
    for (status, code, sentence) in [
        (400, 1404, "the request needs the id of a certificate: give the one associated with the hostname"),
        (400, 1406, "the zone already has this certificate: use its existing id"),
        (400, 1408, "the certificate or its key cannot be read: upload both again in PEM"),
        (400, 1414, "the certificate is being deleted: upload it again or use another one"),
        (
            400,
            1415,
            "the certificate id is not one of this zone's hostname certificates, or was deleted (a zone-level certificate cannot be used for a hostname)",
        ),
        (400, 1433, "the certificate is in use: void its associations first"),
        (400, 1434, "the certificate is still being deployed: try again when its status is active"),
        (
            404,
            1551,
            "the zone has no such hostname certificate: take the id from the list of its certificates",
        ),
        (
            404,
            1552,
            "the zone has no such zone-level certificate: take the id from the list of its certificates",
        ),
        (404, 1553, "the hostname has no association: enable it with a certificate first"),
        (400, 1000, "the token is not valid: it was mistyped, rolled or deleted"),
        (
            400,
            6003,
            "the request's headers are not accepted: give only the token, without \"Bearer\" or quotes",
        ),
        (
            400,
            6103,
            "the header that carries the key is malformed: give an API token, not the Global API Key",
        ),
        (
            400,
            6111,
            "this is not an API token: the Global API Key was probably given as the token (create an API token instead), or the path of a file (name that with api_token_file); otherwise give only the token, without \"Bearer\" or quotes",
        ),
    ] {
        for purpose in [Purpose::FindZone, Purpose::Read, Purpose::Write] {
            assert_eq!(advice(status, &[code], purpose), sentence, "{code}");
        }
    }
}

#[test]
fn a_denied_request_names_the_permission_it_needs() {
    let permission = |purpose| advice(403, &[10_000], purpose);
    assert_eq!(
        permission(Purpose::Write),
        "the token lacks the permission \"SSL and Certificates Write\" for this zone"
    );
    assert_eq!(
        permission(Purpose::Read),
        "the token lacks the permission \"SSL and Certificates Read\" for this zone"
    );
    assert_eq!(permission(Purpose::FindZone), "the token lacks the permission \"Zone Read\" for this zone");
    assert_eq!(advice(403, &[], Purpose::Write), permission(Purpose::Write));
    assert_eq!(
        advice(401, &[10_000], Purpose::Read),
        "the token is not accepted: check that it is complete, active and not expired, and that it has the permission \"SSL and Certificates Read\" for this zone"
    );
    for status in [400, 403] {
        assert_eq!(
            advice(status, &[9109], Purpose::Write),
            "the token has no access to this zone: its permission \"SSL and Certificates Write\" must cover the zone, and its client IP address filter must allow this machine"
        );
    }
    for code in [7000, 7003] {
        assert_eq!(
            advice(404, &[code], Purpose::Read),
            "the token cannot see this zone: check the zone's id, and that the token's permission \"SSL and Certificates Read\" covers the zone"
        );
    }
}

#[test]
fn denied_settings_name_the_permission_to_read_settings() {
    assert_eq!(
        advice(403, &[10_000], Purpose::Settings),
        "the token lacks the permission \"Zone Settings Read\" for this zone"
    );
    assert_eq!(
        advice(403, &[9109], Purpose::Settings),
        "the token has no access to this zone: its permission \"Zone Settings Read\" must cover the zone, and its client IP address filter must allow this machine"
    );
}

#[test]
fn a_denied_list_of_zones_names_the_permission_for_all_of_them() {
    let advice = |status, codes: &[i64]| advice(status, codes, Purpose::ListZones);
    let lacks = "the token lacks the permission \"Zone Read\" for the zones to be watched";
    assert_eq!(advice(403, &[10_000]), lacks);
    assert_eq!(
        advice(401, &[]),
        "the token is not accepted: check that it is complete, active and not expired, and that it has the permission \"Zone Read\" for the zones to be watched"
    );
    assert_eq!(
        advice(403, &[9109]),
        "the token has no access to the zones to be watched: its permission \"Zone Read\" must cover them, and its client IP address filter must allow this machine"
    );
    for (status, codes) in [(404, vec![7000]), (400, vec![7003]), (404, vec![]), (405, vec![])] {
        assert_eq!(
            advice(status, &codes),
            "the API has no list of zones at this address: check base_url and the account's id"
        );
    }
}

#[test]
fn a_missing_list_may_be_missing_from_the_api_or_from_the_zone() {
    let both = "Cloudflare may not offer this list, which is newer than the rest of its API: use \"hostname get HOST\" to read single associations; or the token cannot see this zone: check the zone's id, and that the token's permission \"SSL and Certificates Read\" covers the zone";
    for (status, codes) in
        [(404, vec![7000]), (400, vec![7003]), (404, vec![]), (405, vec![10_405]), (405, vec![])]
    {
        assert_eq!(advice(status, &codes, Purpose::List), both, "{status} {codes:?}");
    }
    for (status, codes) in [(404, vec![10_000]), (403, vec![]), (429, vec![]), (500, vec![7003])] {
        let advice = |purpose| advice(status, &codes, purpose);
        assert_eq!(advice(Purpose::List), advice(Purpose::Read), "{status} {codes:?}");
    }
    assert_eq!(advice(404, &[], Purpose::Read), "");
}

#[test]
fn some_statuses_have_advice_without_a_code() {
    assert_eq!(
        advice(409, &[], Purpose::Write),
        "another change to this zone is in progress: try again in a minute"
    );
    assert_eq!(
        advice(429, &[971], Purpose::Read),
        "too many requests were sent on behalf of this user, including the dashboard's and other tools': try again in five minutes"
    );
    assert_eq!(advice(418, &[], Purpose::Read), "");
    assert_eq!(Error::Oversized(0).advice(Purpose::Read), None);
}

#[test]
fn the_more_specific_code_applies() {
    let malformed = advice(400, &[6111], Purpose::Read);
    assert_eq!(advice(400, &[6003, 6111], Purpose::Read), malformed);
}

/// Returns the reason and the advice for a response with this status and body.
fn told(status: u16, body: &str) -> (Reason, String) {
    let decoded = Envelope::parse(body.as_bytes()).map(|envelope| envelope.map(|_| Ok(())));
    let judged =
        judge(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), jiff::Timestamp::UNIX_EPOCH, decoded);
    let error = Error::Common(judged.unwrap_err().into());
    (error.reason(), error.advice(Purpose::Read).unwrap_or_default())
}

#[test]
fn advice_depends_on_status_then_code_and_for_html_pages_never_blames_the_token() {
    const TOKEN: &str = "the token is not valid:";
    const PERMISSION: &str = "the token lacks the permission";
    const HEADER: &str = "this is not an API token: the Global API Key was probably given";
    const REFUSED: &str = "the token is not accepted:";
    const ADDRESS: &str = "the token cannot see this zone:";
    const OUTAGE: &str = "Cloudflare failed, which says nothing about the token:";
    const LIMIT: &str = "too many requests";
    const PAGE: &str = "a proxy, a firewall or bot protection answered";
    let (auth, forbidden, missing) = (Reason::Auth, Reason::Forbidden, Reason::NotFound);
    let (failed, limited, timeout) = (Reason::ServerError, Reason::RateLimited, Reason::Timeout);
    let (odd, rejected) = (Reason::InvalidResponse, Reason::Rejected);
    // each row has the results for these codes, for an HTML page, and for an empty body
    let codes = [1000, 10_000, 6003, 7003, 9999];
    let none = "";
    for (status, by_code, page, empty) in [
        (
            400,
            [(auth, TOKEN), (forbidden, PERMISSION), (auth, HEADER), (missing, ADDRESS), (rejected, none)],
            (odd, PAGE),
            (rejected, none),
        ),
        (
            401,
            [(auth, TOKEN), (auth, REFUSED), (auth, HEADER), (auth, ADDRESS), (auth, REFUSED)],
            (odd, PAGE),
            (auth, REFUSED),
        ),
        (
            403,
            [
                (auth, TOKEN),
                (forbidden, PERMISSION),
                (auth, HEADER),
                (forbidden, ADDRESS),
                (forbidden, PERMISSION),
            ],
            (odd, PAGE),
            (forbidden, PERMISSION),
        ),
        (408, [(timeout, none); 5], (timeout, none), (timeout, none)),
        (429, [(limited, LIMIT); 5], (limited, LIMIT), (limited, LIMIT)),
        (302, [(odd, none); 5], (odd, none), (odd, none)),
        (500, [(failed, OUTAGE); 5], (failed, OUTAGE), (failed, OUTAGE)),
        (503, [(failed, OUTAGE); 5], (failed, OUTAGE), (failed, OUTAGE)),
    ] {
        let json = |code| {
            // Cloudflare's response to a malformed header
            let chain = if code == 6003 { r#","error_chain":[{"code":6111,"message":""}]"# } else { "" };
            format!(r#"{{"success":false,"errors":[{{"code":{code},"message":""{chain}}}],"result":null}}"#)
        };
        let bodies = codes
            .into_iter()
            .map(json)
            .chain(["<!DOCTYPE html><title>Just a moment...</title>".into(), String::new()]);
        for (body, (reason, start)) in bodies.zip(by_code.into_iter().chain([page, empty])) {
            let (found, advice) = told(status, &body);
            assert_eq!(found, reason, "{status} {body}");
            assert!(
                advice.starts_with(start) && advice.is_empty() == start.is_empty(),
                "{status} {body}: {advice}"
            );
        }
    }
}

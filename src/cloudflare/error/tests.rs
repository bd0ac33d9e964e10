use super::*;

fn api(status: u16, codes: &[i64]) -> Error {
    let errors = codes.iter().map(|code| ApiError { code: *code, message: "said so".into() });
    Error::Api { status, errors: errors.collect(), ray: Some("8f1".into()), retry_after: None }
}

#[test]
fn every_response_maps_to_a_reason() {
    for (status, codes, reason) in [
        (400, vec![6003, 6111], Reason::Auth),
        (400, vec![1000], Reason::Auth),
        (401, vec![10_000], Reason::Auth),
        (403, vec![10_000], Reason::Forbidden),
        (400, vec![9109], Reason::Forbidden),
        (403, vec![], Reason::Forbidden),
        (404, vec![], Reason::NotFound),
        (400, vec![7003, 7000], Reason::NotFound),
        (400, vec![1415], Reason::Rejected),
        (405, vec![], Reason::Rejected),
        (409, vec![], Reason::Rejected),
        (408, vec![], Reason::Timeout),
        (429, vec![], Reason::RateLimited),
        (502, vec![10_000], Reason::ServerError),
        (302, vec![], Reason::InvalidResponse),
        (200, vec![9109], Reason::Forbidden),
        (200, vec![1], Reason::Rejected),
    ] {
        assert_eq!(api(status, &codes).reason(), reason, "{status} {codes:?}");
    }
}

#[test]
fn a_message_contains_status_codes_and_ray() {
    assert_eq!(api(404, &[1551]).to_string(), "HTTP status 404, code 1551 (said so), ray 8f1");
}

#[test]
fn an_error_is_identified_by_status_and_code() {
    assert!(api(404, &[1, 1553]).is(404, 1553));
    assert!(!api(400, &[1553]).is(404, 1553));
    assert!(!api(404, &[1]).is(404, 1553));
    assert!(!Error::Oversized(0).is(404, 1553));
}

fn transport(reason: Reason) -> Error {
    Error::Transport { reason, what: "it broke".into() }
}

#[test]
fn failures_of_token_quota_and_network_affect_the_whole_account() {
    let all = [
        api(401, &[]),
        api(400, &[6003]),
        api(429, &[]),
        Error::Header,
        Error::Blocked(Duration::ZERO),
        Error::Exhausted(Duration::ZERO),
        Error::Deadline,
        transport(Reason::Connect),
        transport(Reason::Tls),
        transport(Reason::Timeout),
    ];
    let one = [
        api(403, &[]),
        api(404, &[7003]),
        api(408, &[]),
        api(500, &[]),
        api(200, &[1]),
        transport(Reason::InvalidResponse),
        Error::Oversized(1),
        Error::Panicked("src/a.rs:1".into()),
        Error::Invalid { status: 200, what: "it is odd".into(), ray: None },
        Error::NoZone("a.example".parse().unwrap()),
    ];
    for (errors, concerns_all) in [(Vec::from(all), true), (Vec::from(one), false)] {
        for error in errors {
            assert_eq!(error.concerns_all(), concerns_all, "{error}");
            let common = Error::Common(Arc::new(error));
            assert_eq!(common.concerns_all(), concerns_all, "{common}");
        }
    }
}

#[test]
fn a_request_without_token_time_or_quota_was_not_sent() {
    let unsent = [Error::Blocked, Error::Exhausted].map(|error| error(Duration::ZERO));
    for error in unsent.into_iter().chain([Error::Header, Error::Deadline]) {
        assert!(!error.was_sent(), "{error}");
        assert!(!Error::Common(Arc::new(error)).was_sent());
    }
    for error in [api(401, &[]), transport(Reason::Connect), Error::Oversized(1)] {
        assert!(error.was_sent(), "{error}");
    }
}

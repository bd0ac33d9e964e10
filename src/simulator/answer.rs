//! The API's response envelope, and the refusals in it.

use hyper::StatusCode;
use hyper::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER};
use serde::Serialize;

/// A complete response, before a fault alters it.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Vec<u8>,
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    success: bool,
    errors: &'a [Remark<'a>],
    messages: &'a [Remark<'a>],
    result: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_info: Option<PageInfo>,
}

/// An error or a message.
#[derive(Serialize)]
struct Remark<'a> {
    code: u32,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_chain: Option<[Link<'a>; 1]>,
}

#[derive(Serialize)]
struct Link<'a> {
    code: u32,
    message: &'a str,
}

/// The position of a page in its list.
#[derive(Clone, Copy, Serialize)]
pub(super) struct PageInfo {
    pub(super) page: usize,
    pub(super) per_page: usize,
    pub(super) count: usize,
    pub(super) total_count: usize,
    pub(super) total_pages: usize,
}

impl Answer {
    /// Builds a response of this JSON, without the envelope.
    pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).unwrap_or_default();
        Self { status, content_type: "application/json", headers: Vec::new(), body }
    }

    /// Builds a success.
    pub(super) fn result(result: impl Serialize) -> Self {
        Self::success(result, &[], None)
    }

    /// Builds a success with a message besides its result.
    pub(super) fn result_with_message(result: impl Serialize, code: u32, message: &str) -> Self {
        Self::success(result, &[Remark { code, message, error_chain: None }], None)
    }

    /// Builds one page of a list.
    pub(super) fn page(items: impl Serialize, info: PageInfo) -> Self {
        Self::success(items, &[], Some(info))
    }

    fn success(result: impl Serialize, messages: &[Remark<'_>], result_info: Option<PageInfo>) -> Self {
        let envelope = Envelope { success: true, errors: &[], messages, result, result_info };
        Self::json(StatusCode::OK, &envelope)
    }
}

/// An error response of the API.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: u32,
    pub(super) message: &'static str,
    chain: Option<(u32, &'static str)>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(super) const fn new(status: StatusCode, code: u32, message: &'static str) -> Self {
        Self { status, code, message, chain: None, header: None }
    }

    /// Creates a refusal whose code the API does not document.
    pub(super) const fn bad_request(message: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 1400, message)
    }

    pub(super) fn method_not_allowed(allow: &'static str) -> Self {
        let refusal = Self::new(StatusCode::METHOD_NOT_ALLOWED, 10405, "the path has no such method");
        Self { header: Some((ALLOW, HeaderValue::from_static(allow))), ..refusal }
    }

    pub(super) fn rate_limited(seconds: u64) -> Self {
        let refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, 971, "too many requests, come back later");
        Self { header: Some((RETRY_AFTER, HeaderValue::from(seconds))), ..refusal }
    }
}

/// The refusals that Cloudflare's API is known to send.
impl Refusal {
    pub(super) const NO_ASSOCIATION: Self =
        Self::new(StatusCode::NOT_FOUND, 1553, "the hostname has no setting");
    pub(super) const NO_HOSTNAME_CERTIFICATE: Self =
        Self::new(StatusCode::NOT_FOUND, 1551, "no such hostname certificate");
    pub(super) const NO_ZONE_CERTIFICATE: Self =
        Self::new(StatusCode::NOT_FOUND, 1552, "no such zone-level certificate");
    pub(super) const BAD_CERT_ID: Self =
        Self::new(StatusCode::BAD_REQUEST, 1415, "the certificate id is invalid or was deleted");
    pub(super) const CERT_ID_REQUIRED: Self =
        Self::new(StatusCode::BAD_REQUEST, 1404, "a certificate id is required");
    pub(super) const CERT_EXISTS: Self =
        Self::new(StatusCode::BAD_REQUEST, 1406, "the certificate exists already");
    pub(super) const CERT_UNPARSABLE: Self =
        Self::new(StatusCode::BAD_REQUEST, 1408, "the certificate or its key cannot be parsed");
    pub(super) const CERT_PENDING_DELETION: Self =
        Self::new(StatusCode::BAD_REQUEST, 1414, "the certificate is being deleted");
    pub(super) const CERT_IN_USE: Self =
        Self::new(StatusCode::BAD_REQUEST, 1433, "the certificate is in use");
    pub(super) const CERT_PENDING_DEPLOYMENT: Self =
        Self::new(StatusCode::BAD_REQUEST, 1434, "the certificate is being deployed");
    pub(super) const MALFORMED_BODY: Self =
        Self::new(StatusCode::BAD_REQUEST, 6007, "the body is not the JSON that was expected");
    pub(super) const NO_ROUTE_TO_OBJECT: Self =
        Self::new(StatusCode::NOT_FOUND, 7003, "no route: an identifier in the path is wrong");
    pub(super) const NO_ROUTE: Self = Self::new(StatusCode::NOT_FOUND, 7000, "no route for that path");
    pub(super) const NO_SETTING: Self =
        Self::new(StatusCode::BAD_REQUEST, 1006, "the zone has no such setting");
    pub(super) const MALFORMED_HEADER: Self = Self {
        status: StatusCode::BAD_REQUEST,
        code: 6003,
        message: "the request's headers are invalid",
        chain: Some((6111, "the header Authorization is malformed")),
        header: None,
    };
    pub(super) const NOT_AUTHENTICATED: Self =
        Self::new(StatusCode::UNAUTHORIZED, 10000, "the request is not authenticated");
    pub(super) const NO_PERMISSION: Self =
        Self::new(StatusCode::FORBIDDEN, 10000, "the token lacks the permission");
    pub(super) const NO_ACCESS: Self =
        Self::new(StatusCode::FORBIDDEN, 9109, "the token has no access to the resource");
    pub(super) const INVALID_TOKEN: Self = Self::new(StatusCode::UNAUTHORIZED, 1000, "the token is invalid");
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let Refusal { status, code, message, chain, header } = refusal;
        let error_chain = chain.map(|(code, message)| [Link { code, message }]);
        let errors = [Remark { code, message, error_chain }];
        let envelope =
            Envelope { success: false, errors: &errors, messages: &[], result: (), result_info: None };
        Self { headers: header.into_iter().collect(), ..Self::json(status, &envelope) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_and_a_refusal_have_the_same_envelope() {
        let text = |answer: Answer| String::from_utf8(answer.body).unwrap();
        assert_eq!(text(Answer::result([1])), r#"{"success":true,"errors":[],"messages":[],"result":[1]}"#);
        assert_eq!(
            text(Refusal::MALFORMED_HEADER.into()),
            concat!(
                r#"{"success":false,"errors":[{"code":6003,"message":"the request's headers are invalid","#,
                r#""error_chain":[{"code":6111,"message":"the header Authorization is malformed"}]}],"#,
                r#""messages":[],"result":null}"#
            )
        );
    }
}

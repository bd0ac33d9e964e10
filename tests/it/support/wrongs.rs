//! A table of faults of the API or an impostor, with the expected reasons.

use std::io::Write;

use bytes::Bytes;
use cloudflare_aop_exporter::domain::Reason;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::breakable::Break;
use crate::support::front::Answer;

/// One fault.
#[derive(Clone, Debug)]
pub struct Fault {
    pub name: &'static str,
    pub what: What,
    /// The reason why a call fails. None if it succeeds nevertheless.
    pub reason: Option<Reason>,
}

#[derive(Clone, Debug)]
pub enum What {
    /// This response of one endpoint.
    Answer(Answer),
    /// The port is closed.
    Refused,
    /// A certificate of an untrusted authority.
    Untrusted,
    /// An expired certificate.
    Expired,
    /// The API's host name has no address.
    Unresolvable,
    /// The wall clock is this many seconds off.
    Clock(i64),
}

impl Fault {
    /// Returns true if the API blocks all further requests for longer than a poll waits.
    pub fn blocks(&self) -> bool {
        self.reason == Some(Reason::RateLimited) && !self.name.ends_with(" soon")
    }

    /// Returns true if the failed call is retried, which takes time.
    pub fn is_slow(&self) -> bool {
        use Reason::{Connect, RateLimited, ServerError, Timeout};
        matches!(self.reason, Some(Connect | RateLimited | ServerError | Timeout))
    }

    /// Returns true if the fault is only noticed by a timeout.
    pub fn is_silent(&self) -> bool {
        matches!(self.what, What::Answer(Answer::Hang | Answer::Drip))
    }

    /// Returns true if the fault only exists with TLS.
    pub fn is_of_tls(&self) -> bool {
        matches!(self.what, What::Untrusted | What::Expired | What::Unresolvable)
    }

    /// Returns true if calls other than the affected one may fail too.
    pub fn spreads(&self, one_connection: bool) -> bool {
        let breaks = matches!(self.what, What::Answer(Answer::Broken(_)));
        self.reason == Some(Reason::RateLimited) || breaks && one_connection
    }
}

/// Returns all faults. Redirects lead to `elsewhere`.
pub fn faults(elsewhere: &str) -> Vec<Fault> {
    let answers = [statuses(), rate_limits(), redirects(elsewhere), bodies(), nestings(), streams()].concat();
    let answers = answers.into_iter().map(|(name, answer, reason)| (name, What::Answer(answer), reason));
    let others = [
        ("closed port", What::Refused, Some(Reason::Connect)),
        ("untrusted certificate", What::Untrusted, Some(Reason::Tls)),
        ("expired certificate", What::Expired, Some(Reason::Tls)),
        ("host name without an address", What::Unresolvable, Some(Reason::Connect)),
        ("clock a year ahead", What::Clock(31_536_000), None),
        ("clock a year behind", What::Clock(-31_536_000), None),
    ];
    answers.chain(others).map(|(name, what, reason)| Fault { name, what, reason }).collect()
}

/// Returns the responses that break their connection or stream.
pub fn broken() -> Vec<(&'static str, Answer)> {
    let streams = streams().into_iter().map(|(name, answer, _)| (name, answer));
    streams.filter(|(_, answer)| !matches!(answer, Answer::Whole(..) | Answer::Endless(..))).collect()
}

type Row = (&'static str, Answer, Option<Reason>);

fn statuses() -> Vec<Row> {
    let rows = [
        ("400", 400, 1415, Reason::Rejected),
        ("400 for the token", 400, 6003, Reason::Auth),
        ("401", 401, 10_000, Reason::Auth),
        ("403", 403, 10_000, Reason::Forbidden),
        ("404", 404, 7003, Reason::NotFound),
        ("405", 405, 10_405, Reason::Rejected),
        ("408", 408, 0, Reason::Timeout),
        ("409", 409, 0, Reason::Rejected),
        ("410", 410, 0, Reason::Rejected),
        ("418", 418, 0, Reason::Rejected),
        ("500", 500, 0, Reason::ServerError),
        ("502", 502, 0, Reason::ServerError),
        ("503", 503, 0, Reason::ServerError),
        ("504", 504, 0, Reason::ServerError),
        ("520", 520, 0, Reason::ServerError),
        ("200 without success", 200, 1, Reason::Rejected),
        ("200 without success for the token", 200, 1000, Reason::Auth),
    ];
    let mut rows: Vec<Row> = rows
        .into_iter()
        .map(|(name, status, code, reason)| (name, refusal(status, code, None), Some(reason)))
        .collect();
    rows.push(("503 for a day", refusal(503, 0, Some("86400")), Some(Reason::ServerError)));
    rows
}

fn rate_limits() -> Vec<Row> {
    // requests are sent at the start of 2026
    let rows = [
        ("429 for no time", Some("0")),
        ("429 until a date in the past", Some("Wed, 31 Dec 2025 23:00:00 GMT")),
        ("429 until soon", Some("1")),
        ("429 for a day", Some("86400")),
        ("429 until a date", Some("Thu, 01 Jan 2026 00:02:00 GMT")),
        ("429 until the end of time", Some("Fri, 31 Dec 9999 23:59:59 GMT")),
        ("429 for more seconds than a number can hold", Some("99999999999999999999999999")),
        ("429 for a negative time", Some("-5")),
        ("429 without a time", None),
    ];
    let row = |(name, asked)| (name, refusal(429, 971, asked), Some(Reason::RateLimited));
    rows.into_iter().map(row).collect()
}

fn redirects(elsewhere: &str) -> Vec<Row> {
    let to = |status| Answer::Whole(status, vec![("location", elsewhere.to_owned())], Bytes::new());
    let rows = [("301", to(301)), ("302", to(302)), ("307", to(307)), ("308", to(308))];
    rows.into_iter().map(|(name, answer)| (name, answer, Some(Reason::InvalidResponse))).collect()
}

fn bodies() -> Vec<Row> {
    let utf16 = r#"{"success":true,"result":[]}"#.encode_utf16().flat_map(u16::to_le_bytes);
    let page = "<html><h1>Something went wrong</h1></html>";
    let rows = [
        ("a page under 200", typed("text/html", page.into())),
        ("a page under 502", Answer::Whole(502, Vec::new(), page.into())),
        ("nothing under 200", json("")),
        ("204", Answer::Whole(204, Vec::new(), Bytes::new())),
        ("nothing under 503", Answer::Whole(503, Vec::new(), Bytes::new())),
        ("null", json("null")),
        ("a list of nothing", json("[]")),
        ("no result", json(r#"{"success":true}"#)),
        ("a result of null", json(r#"{"success":true,"errors":[],"result":null}"#)),
        ("a text as result", json(r#"{"success":true,"result":"app.example.com"}"#)),
        ("a number as result", json(r#"{"success":true,"result":7}"#)),
        ("success as text", json(r#"{"success":"perhaps","result":[]}"#)),
        ("success as null", json(r#"{"success":null,"result":[]}"#)),
        ("no success", json(r#"{"result":[]}"#)),
        ("success twice", json(r#"{"success":true,"success":true,"result":[]}"#)),
        ("errors as text", json(r#"{"success":true,"errors":"none","result":7}"#)),
        ("two documents", json(r#"{"success":true,"result":[]}{"success":true,"result":[]}"#)),
        ("half a document", json(r#"{"success":true,"result":["#)),
        (
            "an integer that is too large",
            json(r#"{"success":true,"errors":[{"code":99999999999999999999}],"result":7}"#),
        ),
        (
            "a number that is too large",
            json(r#"{"success":true,"result_info":{"total_pages":1e999},"result":7}"#),
        ),
        (
            "an infinite number of pages",
            json(r#"{"success":true,"result_info":{"total_pages":4294967296},"result":7}"#),
        ),
        (
            "a negative number of rows",
            json(r#"{"success":true,"result_info":{"total_count":-1},"result":7}"#),
        ),
        ("invalid UTF-8", json(&b"{\"success\":true,\"errors\":[{\"message\":\"\xff\xfe\"}]}"[..])),
        ("UTF-16", typed("application/json; charset=utf-16", utf16.collect())),
        ("a byte order mark", json("\u{feff}{\"success\":true,\"result\":[]}")),
    ];
    let reason = |answer: &Answer| match answer {
        Answer::Whole(500.., ..) => Reason::ServerError,
        _ => Reason::InvalidResponse,
    };
    rows.map(|(name, answer)| (name, answer.clone(), Some(reason(&answer)))).into()
}

/// Returns responses nested deeply enough to overflow the stack of a recursive parser.
fn nestings() -> Vec<Row> {
    const DEEP: usize = 20_000;
    let nested = |before: &str, open: &str, close: &str, after: &str| {
        json(format!("{before}{}{}{after}", open.repeat(DEEP), close.repeat(DEEP)))
    };
    let rows = [
        ("a result of deep lists", nested(r#"{"success":true,"result":{"a":"#, "[", "]", "}}")),
        ("a result of deep objects", nested(r#"{"success":true,"result":"#, r#"{"a":"#, "}", "}")),
        ("deep causes", nested(r#"{"success":false,"errors":"#, r#"[{"error_chain":"#, "}]", "}")),
        ("deep lists in an unknown field", nested(r#"{"success":true,"x":"#, "[", "]", "}")),
    ];
    rows.map(|(name, answer)| (name, answer, Some(Reason::InvalidResponse))).into()
}

fn streams() -> Vec<Row> {
    let gzip = || vec![("content-encoding", "gzip".to_owned())];
    let (connect, invalid) = (Some(Reason::Connect), Some(Reason::InvalidResponse));
    let mut honest = GzEncoder::new(Vec::new(), Compression::fast());
    honest.write_all(br#"{"success":true,"errors":[],"result":[]}"#).unwrap();
    let honest = Bytes::from(honest.finish().unwrap());
    vec![
        ("a gzip header without gzip", Answer::Whole(200, gzip(), r#"{"success":true}"#.into()), invalid),
        ("half of a gzip", Answer::Whole(200, gzip(), honest.slice(..honest.len() / 2)), invalid),
        ("a gzip bomb", Answer::bomb(), invalid),
        (
            "an endless body",
            Answer::Endless(Vec::new(), "{\"success\":".into(), " ".repeat(1 << 16).into()),
            invalid,
        ),
        ("half a body of a known length", Answer::Cut { announced: true }, connect),
        ("half a body of an unknown length", Answer::Cut { announced: false }, connect),
        ("a byte now and then", Answer::Drip, Some(Reason::Timeout)),
        ("silence", Answer::Hang, Some(Reason::Timeout)),
        ("no answer", Answer::Dropped, connect),
        ("a reset", Answer::Broken(Break::Reset), connect),
        (
            "garbage",
            Answer::Broken(Break::Raw(b"\x00\xffgarbage \r\n\r\n, and no HTTP of any version\r\n\r\n")),
            connect,
        ),
    ]
}

fn refusal(status: u16, code: i64, retry_after: Option<&str>) -> Answer {
    let body = format!(
        r#"{{"success":false,"errors":[{{"code":{code},"message":"told to fail"}}],"messages":[],"result":null}}"#
    );
    let headers = retry_after.map(|time| ("retry-after", time.to_owned()));
    Answer::Whole(status, headers.into_iter().collect(), body.into())
}

fn json(body: impl Into<Bytes>) -> Answer {
    typed("application/json", body.into())
}

fn typed(kind: &str, body: Bytes) -> Answer {
    Answer::Whole(200, vec![("content-type", kind.to_owned())], body)
}

//! Faults on demand.

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Answer;
use super::spoil::{Aim, shortened, without_result};

/// A fault that affects the requests it matches.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The method that it matches; any if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The call that it matches; any if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Aim>,
    /// The part of path and query that it matches; any if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The number of matching requests that pass before it takes effect.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skip: u64,
    /// The number of requests that it affects. If missing, it affects all requests until it is cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// The effect on a request.
    pub effect: Effect,
}

/// The effect of a fault. Unless stated otherwise, it replaces the API's response, and the API does nothing.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Answers with the API's error envelope.
    Status {
        /// The HTTP status.
        status: u16,
        /// The code of the error in the envelope.
        #[serde(default)]
        code: u32,
        /// The header `Retry-After`, verbatim.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// Delays the regular response.
    Delay {
        /// The delay.
        milliseconds: u64,
    },
    /// Sends no response, and keeps the connection open.
    Hang,
    /// Carries out the request, but sends no response and keeps the connection open.
    Lost,
    /// Sends half of the regular response, then closes the connection.
    Cut {
        /// True if the body is chunked instead of having an announced length.
        #[serde(default)]
        chunked: bool,
    },
    /// Answers 200 with a body that is not JSON.
    Garbage,
    /// Answers with a proxy's HTML page.
    Html {
        /// The HTTP status.
        status: u16,
    },
    /// Answers with a status and no body.
    Empty {
        /// The HTTP status.
        status: u16,
    },
    /// Answers 200 with `success: false`.
    Unsuccessful {
        /// The code of the error in the envelope.
        code: u32,
    },
    /// Replaces the result of the regular response with null.
    NullResult,
    /// Shortens the regular list to this many rows. Its totals still count all of them.
    ShortList {
        /// The number of rows that are left on the page.
        rows: usize,
    },
    /// Answers with the rows of the previous page under the requested page number.
    RepeatedPage,
    /// Answers with a 302.
    Redirect {
        /// The header `Location`.
        to: String,
    },
    /// Answers with this body.
    Json {
        /// The HTTP status; 200 if missing.
        #[serde(default = "ok")]
        status: u16,
        /// The body.
        body: Value,
    },
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn ok() -> u16 {
    200
}

impl Fault {
    /// Creates a fault of every request, until it is cleared.
    pub fn new(effect: Effect) -> Self {
        Self { method: None, call: None, path: None, skip: 0, times: None, effect }
    }

    /// Restricts it to requests with this method.
    #[must_use]
    pub fn on_method(self, method: &str) -> Self {
        Self { method: Some(method.into()), ..self }
    }

    /// Restricts it to this call.
    #[must_use]
    pub fn on_call(self, call: Aim) -> Self {
        Self { call: Some(call), ..self }
    }

    /// Restricts it to requests with this text in path and query.
    #[must_use]
    pub fn on_path(self, part: &str) -> Self {
        Self { path: Some(part.into()), ..self }
    }

    /// Lets this many matching requests pass first.
    #[must_use]
    pub fn after(self, skip: u64) -> Self {
        Self { skip, ..self }
    }

    /// Ends it after this many requests.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }

    fn matches(&self, method: &str, target: &str) -> bool {
        let left = self.times != Some(0);
        let method_fits = self.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method));
        let call_fits = self.call.is_none_or(|call| call.matches(target));
        left && method_fits
            && call_fits
            && self.path.as_ref().is_none_or(|part| target.contains(part.as_str()))
    }
}

impl Effect {
    /// Returns the response that replaces the API's, if any.
    pub(super) fn answer(&self) -> Option<Answer> {
        Some(match self {
            Self::Delay { .. } | Self::Hang | Self::Lost | Self::Cut { .. } => return None,
            Self::NullResult | Self::ShortList { .. } | Self::RepeatedPage => return None,
            Self::Status { status, code, retry_after } => {
                let retry_after = retry_after.as_ref().and_then(|text| header(RETRY_AFTER, text));
                let mut answer = Answer::json(status_code(*status), &failure(*code));
                answer.headers.extend(retry_after);
                answer
            }
            Self::Garbage => text(200, "application/json", "\u{1}{\"success\":true,\"resu"),
            Self::Html { status } => {
                text(*status, "text/html", "<html><h1>Something went wrong</h1></html>\n")
            }
            Self::Empty { status } => text(*status, "application/json", ""),
            Self::Unsuccessful { code } => Answer::json(StatusCode::OK, &failure(*code)),
            Self::Redirect { to } => {
                let mut answer = text(302, "text/html", "");
                answer.headers.extend(header(LOCATION, to));
                answer
            }
            Self::Json { status, body } => Answer::json(status_code(*status), body),
        })
    }

    /// Returns the regular response as altered by the effect.
    pub(super) fn spoil(&self, answer: Answer) -> Answer {
        match self {
            Self::NullResult => without_result(answer),
            Self::ShortList { rows } => shortened(answer, *rows),
            _ => answer,
        }
    }
}

fn failure(code: u32) -> Value {
    json!({
        "success": false,
        "errors": [{ "code": code, "message": "the simulator was told to fail" }],
        "messages": [],
        "result": null,
    })
}

fn text(status: u16, content_type: &'static str, body: &str) -> Answer {
    Answer { status: status_code(status), content_type, headers: Vec::new(), body: body.into() }
}

fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn header(name: HeaderName, text: &str) -> Option<(HeaderName, HeaderValue)> {
    HeaderValue::from_str(text).ok().map(|value| (name, value))
}

/// The active faults by number.
#[derive(Default)]
pub(super) struct Faults {
    next: u64,
    list: Vec<(u64, Fault)>,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) -> u64 {
        self.next += 1;
        self.list.push((self.next, fault));
        self.next
    }

    /// Removes a fault. Returns true if it existed.
    pub(super) fn remove(&mut self, number: u64) -> bool {
        let before = self.list.len();
        self.list.retain(|(other, _)| *other != number);
        self.list.len() < before
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    pub(super) fn list(&self) -> &[(u64, Fault)] {
        &self.list
    }

    /// Returns the effect on a request. If several faults match, the one added last applies.
    pub(super) fn strike(&mut self, method: &str, target: &str) -> Option<Effect> {
        let index = self.list.iter().rposition(|(_, fault)| fault.matches(method, target))?;
        if self.list[index].1.skip > 0 {
            self.list[index].1.skip -= 1;
            return None;
        }
        let fault = &mut self.list[index].1;
        fault.times = fault.times.map(|times| times - 1);
        let effect = fault.effect.clone();
        self.list.retain(|(_, fault)| fault.times != Some(0));
        Some(effect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_affects_matching_requests_the_given_number_of_times() {
        let mut faults = Faults::default();
        faults.add(Fault::new(Effect::Hang).on_method("get").on_path("/hostnames/").times(2));
        let mut strikes = |method, target| faults.strike(method, target).is_some();
        assert!(!strikes("PUT", "/zones/1/hostnames/a"));
        assert!(!strikes("GET", "/zones"));
        assert!(strikes("GET", "/zones/1/hostnames/a"));
        assert!(strikes("GET", "/zones/1/hostnames/b"));
        assert!(!strikes("GET", "/zones/1/hostnames/c"));
        faults.add(Fault::new(Effect::Hang).after(2).times(1));
        let struck = [(); 4].map(|()| faults.strike("GET", "/").is_some());
        assert_eq!(struck, [false, false, true, false]);
    }

    #[test]
    fn the_latest_fault_hides_earlier_ones_until_it_ends() {
        let mut faults = Faults::default();
        faults.add(Fault::new(Effect::Garbage));
        let number = faults.add(Fault::new(Effect::Hang));
        assert!(matches!(faults.strike("GET", "/"), Some(Effect::Hang)));
        assert!(faults.remove(number) && !faults.remove(number));
        assert!(matches!(faults.strike("GET", "/"), Some(Effect::Garbage)));
        faults.clear();
        assert!(faults.strike("GET", "/").is_none());
    }
}

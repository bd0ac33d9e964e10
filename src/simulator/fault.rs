//! What can go wrong on demand.

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::Answer;
use super::spoil::{Aim, shortened, without_result};

/// Something that goes wrong with the requests that it matches.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The method that it matches; any where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The call that it matches; any where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Aim>,
    /// A part of the path and query that it matches; any where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The number of matching requests that pass before it strikes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skip: u64,
    /// The number of requests that it strikes. None strikes all requests until it is cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// What goes wrong.
    pub effect: Effect,
}

/// What goes wrong. Unless it says otherwise, it answers in the API's place, which then does nothing.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The API's error envelope.
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
    /// The honest answer, late.
    Delay {
        /// By so much.
        milliseconds: u64,
    },
    /// No answer at all, while the connection stays open.
    Hang,
    /// The request is carried out, and no answer comes while the connection stays open.
    Lost,
    /// The honest answer up to its half; then the connection is closed.
    Cut {
        /// True if the body is chunked rather than announced by its length.
        #[serde(default)]
        chunked: bool,
    },
    /// A 200 that is no JSON.
    Garbage,
    /// A proxy's page.
    Html {
        /// The HTTP status.
        status: u16,
    },
    /// A status without a body.
    Empty {
        /// The HTTP status.
        status: u16,
    },
    /// `success: false` under a 200.
    Unsuccessful {
        /// The code of the error in the envelope.
        code: u32,
    },
    /// The honest answer with null in the place of its result.
    NullResult,
    /// The honest list up to so many rows, while its totals still count all of them.
    ShortList {
        /// The number of rows of the page that are left.
        rows: usize,
    },
    /// The honest list, but the rows of the page before under the number of the one that was asked for.
    RepeatedPage,
    /// A 302.
    Redirect {
        /// The header `Location`.
        to: String,
    },
    /// A body of the caller's own.
    Json {
        /// The HTTP status; 200 where there is none.
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
    /// A fault of every request, until it is cleared.
    pub fn new(effect: Effect) -> Self {
        Self { method: None, call: None, path: None, skip: 0, times: None, effect }
    }

    /// The same for requests with that method.
    #[must_use]
    pub fn on_method(self, method: &str) -> Self {
        Self { method: Some(method.into()), ..self }
    }

    /// The same for that call.
    #[must_use]
    pub fn on_call(self, call: Aim) -> Self {
        Self { call: Some(call), ..self }
    }

    /// The same for requests with that text in path and query.
    #[must_use]
    pub fn on_path(self, part: &str) -> Self {
        Self { path: Some(part.into()), ..self }
    }

    /// The same, after so many requests have passed.
    #[must_use]
    pub fn after(self, skip: u64) -> Self {
        Self { skip, ..self }
    }

    /// The same, over after so many requests.
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
    /// The answer that is given instead of the API's, where there is one.
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

    /// The honest answer as the effect leaves it.
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

/// The faults that are in force, by the number under which each was added.
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

    /// Returns true if there was one of that number.
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

    /// What goes wrong with a request: the fault that was added last and matches counts.
    pub(super) fn strike(&mut self, method: &str, target: &str) -> Option<Effect> {
        let place = self.list.iter().rposition(|(_, fault)| fault.matches(method, target))?;
        if self.list[place].1.skip > 0 {
            self.list[place].1.skip -= 1;
            return None;
        }
        let fault = &mut self.list[place].1;
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
    fn a_fault_strikes_what_it_matches_as_often_as_it_says() {
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
    fn the_latest_fault_counts_and_the_one_before_it_comes_back() {
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

//! The JSON forms of the API, which only this module knows. Parsing is lenient: any field may be missing,
//! null or of another type, and unknown fields are ignored.

mod account;
mod association;
mod certificate;
mod change;
mod date;
mod dns;
mod errors;
mod object;

use serde_json::value::RawValue;

pub(super) use account::{on_or_off, presence, ssl_mode, switch, token, zone};
pub(super) use association::{association, reading};
pub(super) use certificate::listed;
pub(super) use change::{Changes, upload};
pub(super) use dns::{dns_record, ip_ranges};
pub(super) use errors::printable;
use object::elements;
pub(super) use object::{Object, OddFields};

use super::ApiError;

/// The envelope of every response.
pub(super) struct Envelope<T> {
    pub(super) success: Option<bool>,
    pub(super) errors: Vec<ApiError>,
    pub(super) result: Option<T>,
    pub(super) result_info: Option<ResultInfo>,
    /// The fields with an unexpected type or form, which were read as if they were missing.
    pub(super) odd: OddFields,
}

impl<T> Envelope<T> {
    /// Returns the envelope with another result.
    pub(super) fn map<U>(self, map: impl FnOnce(T) -> U) -> Envelope<U> {
        let Self { success, errors, result, result_info, odd } = self;
        Envelope { success, errors, result: result.map(map), result_info, odd }
    }
}

/// The position of a page among the pages of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct ResultInfo {
    pub(super) total_pages: Option<u32>,
    pub(super) total_count: Option<u64>,
}

/// The rows of a list. An unreadable row is represented by the text of its identity.
pub(super) type Rows<R> = Vec<Result<R, Box<str>>>;

impl<'b> Envelope<&'b RawValue> {
    /// Parses the envelope of a response, but not its result.
    pub(super) fn parse(body: &'b [u8]) -> serde_json::Result<Self> {
        let text = str::from_utf8(body).map_err(serde::de::Error::custom)?;
        let mut object = Object::parse(text)?;
        let success = object.parsed("success", |raw| raw.get().trim_matches('"').parse().ok());
        let errors = object.raw("errors").map(errors::parse).unwrap_or_default();
        let result = object.raw("result");
        let mut odd = OddFields::new();
        let info = object.parsed("result_info", |raw| Object::parse(raw.get()).ok());
        let result_info = info.map(|mut info| {
            let (total_pages, total_count) = (info.number("total_pages"), info.number("total_count"));
            odd = info.into_odd();
            ResultInfo { total_pages, total_count }
        });
        odd.extend(object.into_odd());
        Ok(Self { success, errors, result, result_info, odd })
    }

    /// Parses the result as one object.
    pub(super) fn object<T>(
        self,
        read: impl FnOnce(&mut Object<'b>) -> Result<T, String>,
    ) -> Envelope<Result<T, String>> {
        let mut odd = OddFields::new();
        let result = self.result.map(|raw| match Object::parse(raw.get()) {
            Ok(mut object) => {
                let value = read(&mut object);
                odd = object.into_odd();
                value
            }
            Err(_) => Err("the result is not an object".to_owned()),
        });
        self.with(result, odd)
    }

    /// Parses the first `most` rows of a list. `read` returns a row, or the text of its identity if the row
    /// is unreadable.
    ///
    /// An empty list may be null, which is trusted if the response also gives its length.
    pub(super) fn rows<R>(
        self,
        most: usize,
        mut read: impl FnMut(&mut Object<'b>) -> Result<R, Box<str>>,
    ) -> Envelope<Result<Rows<R>, String>> {
        let mut odd = OddFields::new();
        let mut read_row = |element: &'b RawValue| {
            let mut object = Object::parse(element.get()).map_err(|_| "not an object")?;
            let row = read(&mut object);
            odd.extend(object.into_odd());
            row
        };
        let read_rows = |list| {
            let (first, has_more) = elements(list, most).ok_or("the result is not a list")?;
            let mut rows: Rows<R> = first.into_iter().map(&mut read_row).collect();
            if has_more {
                rows.push(Err(format!("all after the first {most}").into()));
            }
            Ok(rows)
        };
        let is_empty = self.result_info.is_some_and(|info| info.total_count == Some(0));
        let result = self.result.map(read_rows).or_else(|| is_empty.then(|| Ok(Rows::new())));
        self.with(result, odd)
    }

    /// Returns the envelope with this result.
    fn with<T>(self, result: Option<T>, odd: OddFields) -> Envelope<T> {
        let Self { success, errors, result_info, odd: mut all, .. } = self;
        all.extend(odd);
        Envelope { success, errors, result, result_info, odd: all }
    }
}

#[cfg(test)]
mod tests;

//! A JSON object whose fields may be missing, empty or of any type.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::date;
use crate::domain::Date;

/// More fields than any object of the API has. Further fields are ignored.
const MOST_FIELDS: usize = 64;

/// The names of fields with an unexpected type or form. Such a field is read as if it were missing.
pub(in crate::cloudflare) type OddFields = BTreeSet<&'static str>;

/// An object of a response, borrowed from its text. A field is parsed on access, so a field that is unknown
/// or of the wrong type does not affect others.
#[derive(Clone)]
pub(in crate::cloudflare) struct Object<'b> {
    fields: Vec<(Cow<'b, str>, &'b RawValue)>,
    odd: OddFields,
}

impl<'b> Object<'b> {
    /// Parses `text`. Fails unless it is an object.
    pub(super) fn parse(text: &'b str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// Returns the JSON of a field. None if it is missing or null. A field that occurs twice is odd.
    pub(super) fn raw(&mut self, name: &'static str) -> Option<&'b RawValue> {
        self.present(name).filter(|raw| raw.get() != "null")
    }

    /// Parses a field with `parse`. If that returns none, the field is odd.
    pub(super) fn parsed<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&'b RawValue) -> Option<T>,
    ) -> Option<T> {
        let value = parse(self.raw(name)?);
        self.or_odd(name, value)
    }

    /// Returns a text. None if it is missing or empty.
    pub(in crate::cloudflare) fn text(&mut self, name: &'static str) -> Option<Cow<'b, str>> {
        let text = self.parsed(name, parse_text)?;
        (!text.is_empty()).then_some(text)
    }

    /// Parses a text.
    pub(in crate::cloudflare) fn named<T: FromStr>(&mut self, name: &'static str) -> Option<T> {
        let value = self.text(name)?.parse().ok();
        self.or_odd(name, value)
    }

    /// Returns a date. None if it is missing or in the year 1, which means no date.
    pub(in crate::cloudflare) fn date(&mut self, name: &'static str) -> Option<Date> {
        let value = date::parse(&self.text(name)?);
        self.or_odd(name, value)?
    }

    /// Returns the digits of an integer of any length, given as a text or a number.
    pub(in crate::cloudflare) fn integer(&mut self, name: &'static str) -> Option<Cow<'b, str>> {
        let raw = self.raw(name)?.get();
        let digits = raw.strip_prefix('-').unwrap_or(raw);
        if digits.bytes().all(|byte| byte.is_ascii_digit()) { Some(raw.into()) } else { self.text(name) }
    }

    /// Returns a number, which may also be given as a text.
    pub(super) fn number<T: FromStr>(&mut self, name: &'static str) -> Option<T> {
        let value = self.integer(name)?.parse().ok();
        self.or_odd(name, value)
    }

    /// Returns a flag. The outer option is none unless the field is true, false or null.
    pub(in crate::cloudflare) fn flag(&mut self, name: &'static str) -> Option<Option<bool>> {
        let value = match self.present(name)?.get() {
            "true" => Some(Some(true)),
            "false" => Some(Some(false)),
            "null" => Some(None),
            _ => None,
        };
        self.or_odd(name, value)
    }

    /// Returns true if a field that was accessed had an unexpected type or form.
    pub(in crate::cloudflare) fn is_odd(&self, name: &'static str) -> bool {
        self.odd.contains(name)
    }

    /// Returns the odd fields among those that were accessed.
    pub(super) fn into_odd(self) -> OddFields {
        self.odd
    }

    /// Returns the JSON of a field, even if it is null.
    fn present(&mut self, name: &'static str) -> Option<&'b RawValue> {
        let mut given = self.fields.iter().filter(|(key, _)| key == name).map(|(_, raw)| *raw);
        let first = given.next();
        let twice = given.next().is_some();
        if twice {
            self.odd.insert(name);
        }
        first.filter(|_| !twice)
    }

    fn or_odd<T>(&mut self, name: &'static str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.odd.insert(name);
        }
        value
    }
}

/// Returns the text of a JSON string, or none if it is not one.
pub(super) fn parse_text(json: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str(json.get()).ok().map(|Text(text)| text)
}

/// Returns the first `most` elements of a list, and true if it has more. None if it is not a list.
pub(super) fn elements(json: &RawValue, most: usize) -> Option<(Vec<&RawValue>, bool)> {
    let mut elements = Elements { most, first: Vec::new() };
    let is_list = json.get().starts_with('[');
    let ended = serde_json::Deserializer::from_str(json.get()).deserialize_seq(&mut elements);
    // the JSON is well-formed, so an error means that the list has more elements
    is_list.then_some((elements.first, ended.is_err()))
}

struct Elements<'b> {
    most: usize,
    first: Vec<&'b RawValue>,
}

impl<'b> Visitor<'b> for &mut Elements<'b> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {} elements", self.most)
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(element) = list.next_element()? {
            if self.first.len() == self.most {
                return Err(de::Error::invalid_length(self.most + 1, &self));
            }
            self.first.push(element);
        }
        Ok(())
    }
}

/// A text, borrowed unless it contains escapes.
#[derive(Deserialize)]
struct Text<'b>(#[serde(borrow)] Cow<'b, str>);

impl<'b> Deserialize<'b> for Object<'b> {
    fn deserialize<D: Deserializer<'b>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Fields)
    }
}

struct Fields;

impl<'b> Visitor<'b> for Fields {
    type Value = Object<'b>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<Object<'b>, A::Error> {
        let mut fields = Vec::new();
        while let Some(Text(key)) = map.next_key()? {
            if fields.len() < MOST_FIELDS {
                fields.push((key, map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Object { fields, odd: OddFields::new() })
    }
}

//! A table of the file, from which each setting is taken once.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problems;
use super::{hints, keys, value};

/// A table from which settings are taken. [`Section::finish`] rejects the keys that were not taken.
pub(super) struct Section<'t> {
    problems: &'t Problems,
    /// The key of the table, preceded by the keys of its parent tables.
    path: String,
    offset: usize,
    /// `None` if the table is missing from the file.
    table: Option<&'t DeTable<'t>>,
    known: Vec<&'static str>,
}

type Value<'t> = Spanned<DeValue<'t>>;

impl<'t> Section<'t> {
    /// Returns the root table of the file.
    pub(super) fn root(problems: &'t Problems, table: &'t DeTable<'t>) -> Self {
        Self { problems, path: String::new(), offset: 0, table: Some(table), known: Vec::new() }
    }

    /// Returns a table in a list of this table.
    pub(super) fn element(&self, key: &str, offset: usize, table: &'t DeTable<'t>) -> Self {
        let path = self.name(key);
        Self { problems: self.problems, path, offset, table: Some(table), known: Vec::new() }
    }

    /// Marks `key` as known without taking it.
    pub(super) fn know(&mut self, key: &'static str) {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
    }

    /// Takes a string that `parse` accepts; rejects any other value with what was `expected`.
    pub(super) fn take<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(key)?;
        let parsed = value.get_ref().as_str().and_then(parse);
        if parsed.is_none() {
            self.reject(key, &format!("expected {expected}"));
        }
        parsed
    }

    /// Takes a string of a type whose error says what was expected; `None` if it is missing or invalid.
    pub(super) fn parse<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> Option<T> {
        let parsed = match self.value(key)?.get_ref().as_str() {
            Some(text) => text.parse().map_err(|error: T::Err| error.to_string()),
            None => Err("expected a string".into()),
        };
        parsed.map_err(|error| self.reject(key, &error)).ok()
    }

    /// Takes such a string, or the default if the key is missing; `None` if the string is invalid.
    pub(super) fn parse_or_default<T: FromStr<Err: Display> + Default>(
        &mut self,
        key: &'static str,
    ) -> Option<T> {
        if self.value(key).is_none() { Some(T::default()) } else { self.parse(key) }
    }

    /// Takes a whole number in `range`.
    pub(super) fn number(&mut self, key: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let number = value::number(self.value(key)?.get_ref()).filter(|number| range.contains(number));
        if number.is_none() {
            let (start, end) = range.into_inner();
            self.reject(key, &format!("expected a whole number of {start} to {end}"));
        }
        number
    }

    /// Takes true or false.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let flag = self.value(key)?.get_ref().as_bool();
        if flag.is_none() {
            self.reject(key, "expected true or false");
        }
        flag
    }

    /// Takes all keys, whatever their names. No error shows their values. An empty table is rejected with the message
    /// `nothing`.
    pub(super) fn secrets<T: FromStr<Err: Display>>(&mut self, nothing: &str) -> Vec<(String, T)> {
        let mut secrets = Vec::new();
        if self.table.is_some_and(|table| table.is_empty()) {
            self.reject_table(nothing);
        }
        for (key, value) in self.table.into_iter().flatten() {
            let parsed = value.get_ref().as_str().map(str::parse::<T>);
            match parsed {
                Some(Ok(secret)) => secrets.push((key.get_ref().clone().into_owned(), secret)),
                Some(Err(error)) => self.report(key.span().start, key.get_ref(), None, &error.to_string()),
                None => self.report(key.span().start, key.get_ref(), None, "expected a string"),
            }
        }
        secrets
    }

    /// Takes a table. A missing one reads like an empty one.
    pub(super) fn table(&mut self, key: &'static str) -> Self {
        let value = self.value(key);
        let table = value.and_then(|value| value.get_ref().as_table());
        if value.is_some() && table.is_none() {
            self.reject(key, &format!("expected a table, [{}]", self.name(key)));
        }
        let offset = value.map_or(self.offset, |value| value.span().start);
        Self { problems: self.problems, path: self.name(key), offset, table, known: Vec::new() }
    }

    /// Takes a list of at least one table.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Self> {
        let expected = format!("tables, each under [[{}]]", self.name(key));
        let items = self.items(key, &expected);
        if self.has_none(key) {
            self.reject_table(&format!("expected at least one [[{}]]", self.name(key)));
        }
        let mut tables = Vec::new();
        for item in items {
            match item.get_ref().as_table() {
                Some(table) => tables.push(self.element(key, item.span().start, table)),
                None => self.reject_item(key, item, &format!("expected {expected}")),
            }
        }
        tables
    }

    /// Takes a list.
    pub(super) fn items(&mut self, key: &'static str, expected: &str) -> &'t [Value<'t>] {
        let Some(value) = self.value(key) else { return &[] };
        if let Some(items) = value.get_ref().as_array() {
            return items;
        }
        self.reject(key, &format!("expected {expected}"));
        &[]
    }

    /// Returns the string of a key without taking it.
    pub(super) fn text(&self, key: &str) -> Option<&'t str> {
        self.table?.get(key)?.get_ref().as_str()
    }

    /// Returns true if the table has the key, valid or not.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Returns true if the list of the key is missing or empty.
    pub(super) fn has_none(&self, key: &str) -> bool {
        let value = self.table.and_then(|table| table.get(key));
        value.is_none_or(|value| value.get_ref().as_array().is_some_and(|items| items.is_empty()))
    }

    /// Returns true if the table itself is in the file.
    pub(super) fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// Returns the offset of the key in the file, or of the table if the key is missing.
    pub(super) fn offset(&self, key: &str) -> usize {
        let entry = self.table.and_then(|table| table.get_key_value(key));
        entry.map_or(self.offset, |(key, _)| key.span().start)
    }

    /// Returns the line of an offset, counted from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.problems.line(offset)
    }

    /// Rejects the value of a key.
    pub(super) fn reject(&self, key: &str, message: &str) {
        let value = self.table.and_then(|table| table.get(key));
        let shown = value.filter(|_| !keys::is_secret(key)).and_then(|value| value::shown(value.get_ref()));
        self.report(self.offset(key), key, shown, &self.with_hint(key, value, message));
    }

    /// Rejects one value in the list of a key.
    pub(super) fn reject_item(&self, key: &str, item: &Value<'_>, message: &str) {
        let message = self.with_hint(key, Some(item), message);
        self.report(item.span().start, key, value::shown(item.get_ref()), &message);
    }

    /// Adds the hint about a value to a message, if there is one.
    fn with_hint(&self, key: &str, value: Option<&Value<'_>>, message: &str) -> String {
        let hint = value.and_then(|value| hints::instead(&self.name(key), value.get_ref()));
        hint.map_or_else(|| message.to_owned(), |hint| format!("{message}; write {hint}"))
    }

    fn report(&self, offset: usize, key: &str, shown: Option<String>, message: &str) {
        let shown = shown.map(|shown| format!(" = {shown}")).unwrap_or_default();
        self.problems.value(offset, format!("{}{shown}: {message}", self.name(key)));
    }

    /// Rejects the table because something is missing from it.
    pub(super) fn reject_table(&self, message: &str) {
        let colon = if self.path.is_empty() { "" } else { ": " };
        self.problems.shape(self.offset, format!("{}{colon}{message}", self.path));
    }

    /// Rejects every key that was not taken.
    pub(super) fn finish(self) {
        for key in self.table.into_iter().flat_map(|table| table.keys()) {
            let key = key.get_ref().as_ref();
            if self.known.contains(&key) {
                continue;
            }
            let message = keys::unknown(key, &self.known);
            self.problems.shape(self.offset(key), format!("{}: {message}", self.name(key)));
        }
    }

    /// Returns the value of a key, and marks the key as known.
    pub(super) fn value(&mut self, key: &'static str) -> Option<&'t Value<'t>> {
        self.know(key);
        self.table?.get(key)
    }

    fn name(&self, key: &str) -> String {
        let key = value::key(key);
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }
}

//! A row: the series of one object in one family. It is empty if the value is unknown, and may have one series per
//! state.

use crate::domain::{Association, Date, Demand, Findings, SslMode, Status};
use crate::exposition;

use super::States;

/// A row to write. A family writes nothing if the value is unknown.
pub(super) struct Row<'a> {
    pub(super) out: &'a mut Vec<u8>,
    /// The name and the labels that identify the row, up to the opening quote of the last value.
    pub(super) head: &'a [u8],
    /// The value of the last label, a name that needs no escaping.
    pub(super) last: &'a str,
    pub(super) states: States,
}

/// The maximum length of free text in bytes. The rest is cut off.
const MAX_TEXT_LEN: usize = 256;

impl Row<'_> {
    /// Writes an integer.
    #[inline]
    pub(super) fn int(&mut self, value: impl itoa::Integer) {
        self.start();
        self.out.extend_from_slice(b"\"} ");
        exposition::integer(self.out, value);
        self.out.push(b'\n');
    }

    /// Writes 1 or 0.
    #[inline]
    pub(super) fn flag(&mut self, value: bool) {
        self.start();
        self.out.extend_from_slice(if value { b"\"} 1\n" } else { b"\"} 0\n" });
    }

    /// Writes a number.
    pub(super) fn float(&mut self, value: f64) {
        self.start();
        self.out.extend_from_slice(b"\"} ");
        exposition::float(self.out, value);
        self.out.push(b'\n');
    }

    /// Writes a date if there is one.
    #[inline]
    pub(super) fn date(&mut self, date: Option<Date>) {
        if let Some(date) = date {
            self.int(date.as_second());
        }
    }

    /// Writes an integer with one more label, if there is one.
    pub(super) fn labelled_int(&mut self, key: &str, label: &str, value: Option<impl itoa::Integer>) {
        if let Some(value) = value {
            self.start();
            self.out.extend_from_slice(b"\",");
            exposition::label(self.out, key, label);
            self.out.extend_from_slice(b"} ");
            exposition::integer(self.out, value);
            self.out.push(b'\n');
        }
    }

    /// Writes a series of value 1 for each finding.
    pub(super) fn findings(&mut self, findings: Findings) {
        if findings.is_empty() {
            return;
        }
        for (finding, severity) in findings.iter() {
            self.info(&[("finding", finding.code()), ("severity", severity.label())]);
        }
    }

    /// Writes a series of value 1 with more labels, whose values are free text.
    pub(super) fn info(&mut self, labels: &[(&str, &str)]) {
        self.start();
        self.out.push(b'"');
        for (key, value) in labels {
            self.out.push(b',');
            exposition::label(self.out, key, &value[..value.floor_char_boundary(MAX_TEXT_LEN)]);
        }
        self.out.extend_from_slice(b"} 1\n");
    }

    /// Writes the state of an association.
    pub(super) fn association(&mut self, current: Association) {
        self.state("\",association=\"", &Association::ALL, &ASSOCIATIONS, current);
    }

    /// Writes a status if there is one.
    pub(super) fn status(&mut self, current: Option<Status>) {
        if let Some(current) = current {
            self.state("\",status=\"", &Status::ALL, &STATUSES, current);
        }
    }

    /// Writes what an origin demands.
    pub(super) fn demand(&mut self, current: Demand) {
        self.state("\",demand=\"", &Demand::ALL, &DEMANDS, current);
    }

    /// Writes an SSL mode if there is one.
    pub(super) fn ssl_mode(&mut self, current: Option<SslMode>) {
        let Some(current) = current else { return };
        for mode in SslMode::ALL {
            if mode == current || self.states == States::All {
                self.labelled_int("mode", mode.label(), Some(u8::from(mode == current)));
            }
        }
    }

    #[inline]
    fn state<S: Copy + PartialEq>(&mut self, label: &str, states: &[S], tails: &[Tail], current: S) {
        let row = self.out.len();
        self.start();
        self.out.extend_from_slice(label.as_bytes());
        let head = row..self.out.len();
        // the first series uses this head, the others copy it
        let mut first = true;
        for (state, tail) in states.iter().zip(tails) {
            let on = *state == current;
            if !on && self.states == States::Current {
                continue;
            }
            if !first {
                self.out.extend_from_within(head.clone());
            }
            first = false;
            tail.write(self.out, on);
        }
    }

    #[inline]
    fn start(&mut self) {
        self.out.extend_from_slice(self.head);
        self.out.extend_from_slice(self.last.as_bytes());
    }
}

/// The end of a state's series, built at compile time. All tails have the same size, since copying 32 bytes is faster
/// than copying a variable length.
struct Tail {
    bytes: [u8; 32],
    length: usize,
}

impl Tail {
    /// Builds `label"} 0`. An overlong label does not compile.
    const fn new(label: &str) -> Self {
        let mut tail = Self { bytes: [0; 32], length: 0 };
        tail.append(label.as_bytes());
        tail.append(b"\"} 0\n");
        tail
    }

    const fn append(&mut self, text: &[u8]) {
        let mut index = 0;
        while index < text.len() {
            self.bytes[self.length] = text[index];
            self.length += 1;
            index += 1;
        }
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>, on: bool) {
        let end = out.len() + self.length;
        out.extend_from_slice(&self.bytes);
        out.truncate(end);
        if on {
            out[end - 2] = b'1';
        }
    }
}

const ASSOCIATIONS: [Tail; Association::ALL.len()] = {
    let mut tails = [const { Tail::new("") }; Association::ALL.len()];
    let mut index = 0;
    while index < tails.len() {
        tails[index] = Tail::new(Association::ALL[index].label());
        index += 1;
    }
    tails
};

const DEMANDS: [Tail; Demand::ALL.len()] = {
    let mut tails = [const { Tail::new("") }; Demand::ALL.len()];
    let mut index = 0;
    while index < tails.len() {
        tails[index] = Tail::new(Demand::ALL[index].label());
        index += 1;
    }
    tails
};

const STATUSES: [Tail; Status::ALL.len()] = {
    let mut tails = [const { Tail::new("") }; Status::ALL.len()];
    let mut index = 0;
    while index < tails.len() {
        tails[index] = Tail::new(Status::ALL[index].label());
        index += 1;
    }
    tails
};

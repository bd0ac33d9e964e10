//! What one family says of one thing: no series, one, or one for each state.

use crate::domain::{Association, Date, Status};
use crate::exposition;

use super::States;

/// A row that is to be written. Whoever writes nothing says that the value is not known.
pub(super) struct Row<'a> {
    pub(super) out: &'a mut Vec<u8>,
    /// The name and the labels that say what the row is about, up to the last one's opening quote.
    pub(super) head: &'a [u8],
    /// The last one's value, of a name, which needs no escaping.
    pub(super) last: &'a str,
    pub(super) states: States,
}

/// How much of a free text is shown, in octets.
const LONGEST: usize = 256;

impl Row<'_> {
    /// A whole number.
    #[inline]
    pub(super) fn int(&mut self, value: impl itoa::Integer) {
        self.start();
        self.out.extend_from_slice(b"\"} ");
        exposition::integer(self.out, value);
        self.out.push(b'\n');
    }

    /// 1 or 0.
    #[inline]
    pub(super) fn flag(&mut self, value: bool) {
        self.start();
        self.out.extend_from_slice(if value { b"\"} 1\n" } else { b"\"} 0\n" });
    }

    /// A point in time, where there is one.
    #[inline]
    pub(super) fn date(&mut self, date: Option<Date>) {
        if let Some(date) = date {
            self.int(date.as_second());
        }
    }

    /// A series with more labels, whose values are free text, and whose own value is 1.
    pub(super) fn info(&mut self, labels: &[(&str, &str)]) {
        self.start();
        self.out.push(b'"');
        for (key, value) in labels {
            self.out.push(b',');
            exposition::label(self.out, key, &value[..value.floor_char_boundary(LONGEST)]);
        }
        self.out.extend_from_slice(b"} 1\n");
    }

    /// The state of an association.
    pub(super) fn association(&mut self, current: Association) {
        self.state("\",association=\"", &Association::ALL, &ASSOCIATIONS, current);
    }

    /// A status, where there is one.
    pub(super) fn status(&mut self, current: Option<Status>) {
        if let Some(current) = current {
            self.state("\",status=\"", &Status::ALL, &STATUSES, current);
        }
    }

    #[inline]
    fn state<S: Copy + PartialEq>(&mut self, label: &str, states: &[S], tails: &[Tail], current: S) {
        let row = self.out.len();
        self.start();
        self.out.extend_from_slice(label.as_bytes());
        let head = row..self.out.len();
        // what the row starts with stands there already: the first series goes on, the others copy it
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

/// The end of a state's series, made when this is compiled, of one size: a copy of 32 octets costs less
/// than one whose length has to be looked at.
struct Tail {
    octets: [u8; 32],
    length: usize,
}

impl Tail {
    /// `label"} 0`; a label that is too long does not compile.
    const fn new(label: &str) -> Self {
        let mut tail = Self { octets: [0; 32], length: 0 };
        tail.append(label.as_bytes());
        tail.append(b"\"} 0\n");
        tail
    }

    const fn append(&mut self, text: &[u8]) {
        let mut place = 0;
        while place < text.len() {
            self.octets[self.length] = text[place];
            self.length += 1;
            place += 1;
        }
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>, on: bool) {
        let end = out.len() + self.length;
        out.extend_from_slice(&self.octets);
        out.truncate(end);
        if on {
            out[end - 2] = b'1';
        }
    }
}

const ASSOCIATIONS: [Tail; Association::ALL.len()] = {
    let mut tails = [const { Tail::new("") }; Association::ALL.len()];
    let mut place = 0;
    while place < tails.len() {
        tails[place] = Tail::new(Association::ALL[place].label());
        place += 1;
    }
    tails
};

const STATUSES: [Tail; Status::ALL.len()] = {
    let mut tails = [const { Tail::new("") }; Status::ALL.len()];
    let mut place = 0;
    while place < tails.len() {
        tails[place] = Tail::new(Status::ALL[place].label());
        place += 1;
    }
    tails
};

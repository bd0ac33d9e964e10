//! Cursors: the position in a list at which the next page begins.

use std::cmp::Ordering;
use std::cmp::Reverse;
use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::Sort;
use crate::domain::Verdict;

/// The sort key of a row, for every order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct SortKey<'a> {
    /// Its verdict.
    pub(in crate::http) verdict: Verdict,
    /// Its end in seconds; the maximum if unknown.
    pub(in crate::http) ends: i64,
    /// The key of its zone.
    pub(in crate::http) zone: &'a str,
    /// Its name in the zone.
    pub(in crate::http) name: &'a str,
    /// A text that tells apart two certificates with one id.
    pub(in crate::http) level: &'a str,
}

impl SortKey<'_> {
    /// Compares two keys in an order. No two rows of a list have equal keys.
    pub(in crate::http) fn compare(&self, other: &Self, sort: Sort) -> Ordering {
        let by_zone = |key: &Self| (key.zone, key.name, key.level);
        let zones = by_zone(self).cmp(&by_zone(other));
        match sort {
            Sort::Zone => zones,
            Sort::Hostname => self.name.cmp(other.name).then(zones),
            Sort::Ends => self.ends.cmp(&other.ends).then(zones),
            Sort::Verdict => {
                let worst_first = |key: &Self| (Reverse(key.verdict), key.ends);
                worst_first(self).cmp(&worst_first(other)).then(zones)
            }
        }
    }
}

/// The sort key of the last row of a page, in one order. Its text form is opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Cursor {
    sort: Sort,
    verdict: Verdict,
    ends: i64,
    /// The zone, the name and the level. None of them contains a space.
    names: [String; 3],
}

impl Cursor {
    /// Creates the cursor of the row with this key.
    pub(in crate::http) fn new(sort: Sort, key: &SortKey<'_>) -> Self {
        let SortKey { verdict, ends, .. } = *key;
        Self { sort, verdict, ends, names: [key.zone, key.name, key.level].map(str::to_owned) }
    }

    pub(in crate::http) fn parse(text: &str) -> Option<Self> {
        let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut words = text.split(' ');
        let mut next = || words.next();
        let (sort, verdict, ends) = (next()?, next()?, next()?.parse().ok()?);
        let names = [next()?, next()?, next()?].map(str::to_owned);
        let sort = Sort::ALL.into_iter().find(|known| known.label() == sort)?;
        let verdict = Verdict::ALL.into_iter().find(|known| known.label() == verdict)?;
        next().is_none().then_some(Self { sort, verdict, ends, names })
    }

    pub(in crate::http) fn sort(&self) -> Sort {
        self.sort
    }

    pub(in crate::http) fn sort_key(&self) -> SortKey<'_> {
        let [zone, name, level] = self.names.each_ref().map(String::as_str);
        SortKey { verdict: self.verdict, ends: self.ends, zone, name, level }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sort, verdict) = (self.sort.label(), self.verdict.label());
        let text = format!("{sort} {verdict} {} {}", self.ends, self.names.join(" "));
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(text))
    }
}

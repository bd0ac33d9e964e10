//! A cursor over the rows of one family.

use std::sync::Arc;

use crate::domain::{AccountState, Entry, Origin, ZoneCertificate, ZoneState};
use crate::exposition;

use super::States;
use super::row::Row;

/// The next row of a family to write.
#[derive(Default)]
pub(super) struct Cursor {
    zone: usize,
    row: usize,
}

/// The output of rows and the family they belong to.
pub(super) struct Target<'a> {
    pub(super) out: &'a mut Vec<u8>,
    /// The number of bytes at which to stop.
    pub(super) until: usize,
    /// The name of the family.
    pub(super) name: &'static str,
    /// Makes the account the first label of all series.
    pub(super) by_account: bool,
    pub(super) states: States,
}

impl Target<'_> {
    fn is_full(&self) -> bool {
        self.out.len() >= self.until
    }

    fn row<'a>(&'a mut self, head: &'a [u8], last: &'a str) -> Row<'a> {
        Row { out: self.out, head, last, states: self.states }
    }

    /// Writes the common start of a zone's series up to the value of `label`, or of the zone's own label if none.
    fn start(&self, head: &mut Vec<u8>, zone: &ZoneState, label: Option<&str>) {
        head.clear();
        head.extend_from_slice(self.name.as_bytes());
        head.push(b'{');
        if self.by_account {
            exposition::label(head, "account", zone.account());
            head.push(b',');
        }
        if let Some(label) = label {
            exposition::label(head, "zone", zone.key().as_str());
            head.push(b',');
            head.extend_from_slice(label.as_bytes());
        } else {
            head.extend_from_slice(b"zone");
        }
        head.extend_from_slice(b"=\"");
    }
}

impl Cursor {
    /// Continues with a row for each hostname. Returns true once all are written.
    pub(super) fn hostnames(
        &mut self,
        zones: &[Arc<ZoneState>],
        target: &mut Target<'_>,
        write: impl Fn(&ZoneState, &Entry, &mut Row<'_>),
    ) -> bool {
        let mut head = Vec::new();
        while let Some(zone) = zones.get(self.zone) {
            target.start(&mut head, zone, Some("hostname"));
            for entry in &zone.entries()[self.row..] {
                if target.is_full() {
                    return false;
                }
                write(zone, entry, &mut target.row(&head, entry.hostname().as_str()));
                self.row += 1;
            }
            self.zone += 1;
            self.row = 0;
        }
        true
    }

    /// Continues with a row for each zone. Returns true once all are written.
    pub(super) fn zones(
        &mut self,
        zones: &[Arc<ZoneState>],
        target: &mut Target<'_>,
        write: impl Fn(&ZoneState, &mut Row<'_>),
    ) -> bool {
        let mut head = Vec::new();
        for zone in &zones[self.zone..] {
            if target.is_full() {
                return false;
            }
            target.start(&mut head, zone, None);
            write(zone, &mut target.row(&head, zone.key().as_str()));
            self.zone += 1;
        }
        true
    }

    /// Continues with a row for each account. Returns true once all are written.
    pub(super) fn accounts(
        &mut self,
        accounts: &[AccountState],
        target: &mut Target<'_>,
        write: impl Fn(&AccountState, &mut Row<'_>),
    ) -> bool {
        for account in &accounts[self.row..] {
            if target.is_full() {
                return false;
            }
            let mut head = [target.name, "{account=\""].concat().into_bytes();
            exposition::escaped(&mut head, account.name());
            write(account, &mut target.row(&head, ""));
            self.row += 1;
        }
        true
    }

    /// Continues with a row for each certificate. Returns true once all are written.
    pub(super) fn certificates(
        &mut self,
        zones: &[Arc<ZoneState>],
        target: &mut Target<'_>,
        write: impl Fn(&ZoneState, &ZoneCertificate, &mut Row<'_>),
    ) -> bool {
        fn labels(certificate: &ZoneCertificate) -> [&str; 2] {
            [certificate.id.as_str(), certificate.level.label()]
        }
        self.by_two(zones, target, ["cert_id", "level"], ZoneState::certificates, labels, write)
    }

    /// Continues with a row for each origin. Returns true once all are written.
    pub(super) fn origins(
        &mut self,
        zones: &[Arc<ZoneState>],
        target: &mut Target<'_>,
        write: impl Fn(&ZoneState, &Origin, &mut Row<'_>),
    ) -> bool {
        fn labels(origin: &Origin) -> [&str; 2] {
            [origin.target().hostname.as_str(), &origin.target().label]
        }
        self.by_two(zones, target, ["hostname", "origin"], ZoneState::origins, labels, write)
    }

    /// Continues with a row for each item of a zone that two labels identify, in addition to the zone's
    /// labels.
    fn by_two<T>(
        &mut self,
        zones: &[Arc<ZoneState>],
        target: &mut Target<'_>,
        [first, last]: [&str; 2],
        things: fn(&ZoneState) -> &[T],
        labels: fn(&T) -> [&str; 2],
        write: impl Fn(&ZoneState, &T, &mut Row<'_>),
    ) -> bool {
        let mut head = Vec::new();
        while let Some(zone) = zones.get(self.zone) {
            target.start(&mut head, zone, Some(first));
            let common = head.len();
            for thing in &things(zone)[self.row..] {
                if target.is_full() {
                    return false;
                }
                let [value, last_value] = labels(thing);
                head.truncate(common);
                for part in [value, "\",", last, "=\""] {
                    head.extend_from_slice(part.as_bytes());
                }
                write(zone, thing, &mut target.row(&head, last_value));
                self.row += 1;
            }
            self.zone += 1;
            self.row = 0;
        }
        true
    }

    /// Continues with a row for each of `things`. Returns true once all are written.
    pub(super) fn each<T>(
        &mut self,
        things: &[T],
        out: &mut Vec<u8>,
        until: usize,
        write: impl Fn(&T, &mut Vec<u8>),
    ) -> bool {
        for thing in &things[self.row..] {
            if out.len() >= until {
                return false;
            }
            write(thing, out);
            self.row += 1;
        }
        true
    }
}

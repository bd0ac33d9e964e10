//! The status as JSON, written row by row: for 100,000 hostnames it has tens of megabytes.

mod rows;

use serde::Serialize;

use super::page::Fill;
use crate::domain::Judge;
pub use rows::Judged;
use rows::{AccountRow, CertificateRow, HostnameRow, ThresholdsRow, ZoneRow};

/// The status as JSON, written piece by piece.
pub(super) struct StatusJson {
    judge: Judge,
    cursor: Cursor,
}

/// What to write next.
#[derive(Clone, Copy)]
enum Cursor {
    Head,
    Certificate { zone: usize, row: usize, first: bool },
    Hostname { zone: usize, row: usize, first: bool },
}

impl StatusJson {
    /// All that `judge` judges.
    pub(super) fn new(judge: Judge) -> Self {
        Self { judge, cursor: Cursor::Head }
    }

    fn write_head(&self, out: &mut Vec<u8>) {
        let (judge, snapshot) = (&self.judge, self.judge.snapshot());
        out.extend_from_slice(b"{\"time\":");
        write(out, &rows::time(judge.now()));
        out.extend_from_slice(b",\"verdict\":");
        write(out, judge.verdict().label());
        out.extend_from_slice(b",\"thresholds\":");
        write(out, &ThresholdsRow::from(judge.thresholds()));
        out.extend_from_slice(b",\"accounts\":");
        let accounts = snapshot.accounts().iter().map(|account| AccountRow::new(judge, account));
        write(out, &accounts.collect::<Vec<_>>());
        out.extend_from_slice(b",\"zones\":");
        let zones = snapshot.zones().iter().map(|zone| ZoneRow::new(judge, zone));
        write(out, &zones.collect::<Vec<_>>());
        out.extend_from_slice(b",\"certificates\":[");
    }
}

impl Fill for StatusJson {
    fn fill(&mut self, out: &mut Vec<u8>, until: usize) -> bool {
        let judge = &self.judge;
        let zones = judge.snapshot().zones();
        loop {
            if out.len() >= until {
                return true;
            }
            self.cursor = match self.cursor {
                Cursor::Head => {
                    self.write_head(out);
                    Cursor::Certificate { zone: 0, row: 0, first: true }
                }
                Cursor::Certificate { zone, row, first } => {
                    let Some(state) = zones.get(zone) else {
                        out.extend_from_slice(b"],\"hostnames\":[");
                        self.cursor = Cursor::Hostname { zone: 0, row: 0, first: true };
                        continue;
                    };
                    match state.certificates().get(row) {
                        Some(known) => {
                            write_next(out, first, &CertificateRow::new(judge, state, known));
                            Cursor::Certificate { zone, row: row + 1, first: false }
                        }
                        None => Cursor::Certificate { zone: zone + 1, row: 0, first },
                    }
                }
                Cursor::Hostname { zone, row, first } => {
                    let Some(state) = zones.get(zone) else {
                        out.extend_from_slice(b"]}\n");
                        return false;
                    };
                    match state.entries().get(row) {
                        Some(entry) => {
                            write_next(out, first, &HostnameRow::new(judge, state, entry));
                            Cursor::Hostname { zone, row: row + 1, first: false }
                        }
                        None => Cursor::Hostname { zone: zone + 1, row: 0, first },
                    }
                }
            };
        }
    }
}

/// Appends a row of a list.
fn write_next(out: &mut Vec<u8>, first: bool, row: &impl Serialize) {
    if !first {
        out.push(b',');
    }
    write(out, row);
}

/// Appends `value`. Serialising it into memory cannot fail: it has no maps, and no type whose `Serialize` fails.
fn write(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{HostnameTarget, Snapshot, Targets, Thresholds, ZoneTarget};

    /// Unread zones with so many hostnames each.
    fn judge(zones: &[usize]) -> Judge {
        let zones = zones.iter().enumerate().map(|(zone, hostnames)| {
            let hostnames = (0..*hostnames).map(|number| HostnameTarget {
                hostname: format!("h{number}.z{zone}.example").parse().unwrap(),
                expectation: Default::default(),
            });
            let name = format!("z{zone}.example").parse().unwrap();
            ZoneTarget::named("default".into(), name, None).with_hostnames(hostnames.collect())
        });
        let snapshot = Arc::new(Snapshot::default().retarget(&Targets::new(zones)));
        Judge::new(snapshot, Thresholds::default(), jiff::Timestamp::UNIX_EPOCH.into())
    }

    /// The number of pieces, and of hostnames in them.
    fn written(zones: &[usize], until: usize) -> (usize, usize) {
        let mut json = StatusJson::new(judge(zones));
        let (mut pieces, mut all, mut piece) = (1, Vec::new(), Vec::new());
        while json.fill(&mut piece, until) {
            assert!(piece.len() >= until);
            pieces += 1;
            all.append(&mut piece);
        }
        all.append(&mut piece);
        let value: serde_json::Value = serde_json::from_slice(&all).unwrap();
        (pieces, value["hostnames"].as_array().unwrap().len())
    }

    #[test]
    fn pieces_make_one_document_with_every_hostname() {
        assert_eq!(written(&[], 1000), (1, 0));
        assert_eq!(written(&[0, 3, 0, 2, 0], 1), (8, 5));
        assert_eq!(written(&[0, 3, 0, 2, 0], 100_000), (1, 5));
        assert_eq!(written(&[2000], 64 * 1024).1, 2000);
    }
}

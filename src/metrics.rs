//! The families of a snapshot, as a page that is written piece by piece.

use std::sync::Arc;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::domain::Snapshot;
use crate::telemetry::Telemetry;

/// Which series a family of states has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum States {
    /// One for each state: 1 for the current one, 0 for the others.
    #[default]
    All,
    /// Only the one for the current state.
    Current,
}

/// In which format a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

/// Everything that a page is made from.
#[derive(Clone)]
pub struct Source {
    /// What is known.
    pub snapshot: watch::Receiver<Arc<Snapshot>>,
    /// What is counted.
    pub telemetry: Arc<Telemetry>,
    /// The time.
    pub clock: Clock,
    /// Which series a family of states has.
    pub states: States,
}

impl Source {
    /// A page of what is known now.
    pub fn page(&self, format: Format) -> Page {
        Page { format }
    }
}

/// A page that is written piece by piece, of one snapshot and one moment.
pub struct Page {
    format: Format,
}

impl Page {
    /// Appends whole rows to `out` until it holds at least `until` octets; false once the page has ended.
    pub fn fill(&mut self, out: &mut Vec<u8>, until: usize) -> bool {
        out.extend_from_slice(format!("{:?} {until}", self.format).as_bytes());
        false
    }
}

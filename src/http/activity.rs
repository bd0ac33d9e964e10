//! The daemon's activity, as the status shows it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::Date;

/// The daemon's activity.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    /// When the latest poll ended.
    pub last_poll: Option<Date>,
    /// When the next poll is due.
    pub next_poll: Option<Date>,
    /// How the configuration was last read; none without a daemon.
    pub reloads: Option<Reloads>,
    /// The path of the configuration in force; none where there is no file.
    pub config_file: Option<PathBuf>,
    /// The quotas of the accounts by name.
    pub quotas: BTreeMap<Arc<str>, Quota>,
}

/// How the configuration was last read.
#[derive(Clone, Debug)]
pub struct Reloads {
    /// When the configuration in force was read.
    pub in_force_since: Date,
    /// When a newer one was refused, and why.
    pub refused: Option<(Date, String)>,
}

/// The quota of an account.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// The most requests within any window of this length.
    pub requests: u32,
    /// The length of the window.
    pub per: Duration,
    /// The requests that may be sent now.
    pub left: usize,
}

/// Looks up what the daemon does at the moment.
pub type LookUp = Arc<dyn Fn() -> Activity + Send + Sync>;

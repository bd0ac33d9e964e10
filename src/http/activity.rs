//! The daemon's activity, for the status and the pages.

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
    /// The results of the latest reloads; none without a daemon.
    pub reloads: Option<Reloads>,
    /// The path of the configuration file in force; none without a file.
    pub config_file: Option<PathBuf>,
    /// The quotas of the accounts by name.
    pub quotas: BTreeMap<Arc<str>, Quota>,
}

/// The results of the latest reloads.
#[derive(Clone, Debug)]
pub struct Reloads {
    /// When the configuration in force was read.
    pub in_force_since: Date,
    /// When and why a newer configuration was refused.
    pub refused: Option<(Date, String)>,
}

/// The quota of an account.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// The maximum number of requests within any window of length `per`.
    pub requests: u32,
    /// The length of the window.
    pub per: Duration,
    /// The number of requests that may be sent now.
    pub left: usize,
}

/// Returns the daemon's current activity.
pub type LookUp = Arc<dyn Fn() -> Activity + Send + Sync>;

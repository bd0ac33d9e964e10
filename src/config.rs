//! The configuration file, parsed into settings or into all of its errors, each with its key and line.

mod account;
mod built_in;
mod files;
mod hints;
mod ignored;
mod keys;
mod pattern;
mod probe;
mod problem;
mod section;
mod server;
mod source;
mod syntax;
mod thresholds;
mod token;
mod value;
mod words;
mod zone;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use toml::de::DeTable;

pub use account::Account;
pub use files::Files;
pub use problem::ConfigErrors;
pub use source::{Source, variable};
pub use token::{TokenSource, TokenSourceError};
pub use value::span;
pub use words::Watched;

use crate::domain::Targets;
use crate::http;
use crate::metrics::{States, View};
use crate::schedule::Schedule;
use account::Accounts;
use problem::Problems;
use section::Section;
use server::Server;

/// The settings of a configuration file.
#[derive(Clone, Debug)]
pub struct Config {
    /// The listen address.
    pub listen: http::Listen,
    /// When to poll.
    pub schedule: Schedule,
    /// The maximum delay of a tick; shorter than the schedule's shortest gap.
    pub jitter: Duration,
    /// The file that keeps readings for a restart.
    pub state_file: Option<PathBuf>,
    /// Options for serving pages.
    pub serving: http::Options,
    /// When to probe origins.
    pub probe_schedule: Schedule,
    /// Options for probing origins.
    pub probe: crate::probe::Options,
    /// The accounts in the order of the file, with unique names.
    pub accounts: Vec<Account>,
    /// The zones of all accounts, and the patterns that find further zones.
    pub targets: Targets,
}

/// Selects which of the files and variables named by a configuration are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// Tokens, certificates and keys must exist.
    Check,
    /// Only `ca_file` is read: the token comes from elsewhere, and nothing is served.
    CaFiles,
    /// No file or variable is read, so that a configuration can be checked on another machine.
    Skip,
}

/// A lookup of environment variables.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

impl Config {
    /// Reads the file at `path`, and tokens from the environment of this process. Adds all files that it reads to
    /// `files`, even if it fails.
    ///
    /// # Errors
    /// Fails with everything that is wrong with the file.
    pub fn load(path: &Path, secrets: Secrets, files: &mut Files) -> Result<Self, ConfigErrors> {
        let text = files.read(path).map_err(|error| ConfigErrors::unreadable(path, &error))?;
        let text = String::from_utf8(text).map_err(|error| ConfigErrors::not_unicode(path, &error))?;
        Self::parse(&text, path, secrets, &token::process_environment, files)
    }

    /// Parses the text of the file at `path`. Relative paths are relative to its folder.
    ///
    /// # Errors
    /// Fails with everything that is wrong with the text.
    pub fn parse(
        text: &str,
        path: &Path,
        secrets: Secrets,
        environment: Environment<'_>,
        files: &mut Files,
    ) -> Result<Self, ConfigErrors> {
        let problems = Problems::new(text);
        let (root, errors) = DeTable::parse_recoverable(text);
        for (offset, what) in syntax::errors(text, &errors) {
            problems.syntax(offset, &what);
        }
        let folder = path.parent().unwrap_or(path);
        let surroundings = Surroundings { folder, secrets, environment, files };
        let config = config(Section::root(&problems, root.get_ref()), surroundings);
        let errors = problems.into_errors(path);
        if errors.is_empty() { Ok(config) } else { Err(errors) }
    }
}

/// The folder, environment and files that a configuration refers to.
struct Surroundings<'e> {
    folder: &'e Path,
    secrets: Secrets,
    environment: Environment<'e>,
    /// All files that were read so far.
    files: &'e mut Files,
}

impl Surroundings<'_> {
    /// Resolves a path relative to the folder of the configuration file; `None` if it is empty.
    fn path(&self, text: &str) -> Option<PathBuf> {
        (!text.is_empty()).then(|| self.folder.join(text))
    }

    /// Reads a file that the configuration names.
    fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        self.files.read(path)
    }
}

/// Reads all settings. An invalid setting is recorded as an error and replaced by its default, so that the remaining
/// settings are checked too. The caller discards the result if there are errors.
fn config(mut root: Section<'_>, mut surroundings: Surroundings<'_>) -> Config {
    let server = Server::read(root.table("server"), &mut surroundings);

    let mut poll = root.table("poll");
    let schedule: Option<Schedule> = poll.parse_or_default("schedule");
    let jitter = jitter(&mut poll, schedule.as_ref());
    let state_file = state_file(&mut poll, &surroundings);
    poll.finish();

    let mut metrics = root.table("metrics");
    let states = metrics.take("states", "\"all\" or \"current\"", |text| match text {
        "all" => Some(States::All),
        "current" => Some(States::Current),
        _ => None,
    });
    metrics.finish();

    let thresholds = thresholds::read(root.table("thresholds"));
    let view = View { states: states.unwrap_or_default(), thresholds };

    let (probe_schedule, probe) = probe::read(root.table("probe"));

    let mut accounts = Accounts::new(surroundings);
    for section in root.tables("account") {
        accounts.read(section);
    }
    root.finish();
    let (accounts, targets) = accounts.finish();
    Config {
        listen: server.listen,
        schedule: schedule.unwrap_or_default(),
        jitter,
        state_file,
        serving: http::Options { view, ..server.serving },
        probe_schedule,
        probe,
        accounts,
        targets,
    }
}

/// Reads the path of the state file, and rejects one whose folder is missing.
fn state_file(poll: &mut Section<'_>, surroundings: &Surroundings<'_>) -> Option<PathBuf> {
    const KEY: &str = "state_file";
    let path = poll.take(KEY, "the path of a file", |text| surroundings.path(text))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if surroundings.secrets == Secrets::Check {
        if path.is_dir() {
            poll.reject(KEY, "expected the path of a file, found a directory");
        } else if folder.metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            poll.reject(
                KEY,
                &format!("expected a file in a folder that exists: create {}", folder.display()),
            );
        }
    }
    Some(path)
}

/// Reads the jitter, and rejects one that could delay a tick beyond the next. The default is shorter than every gap.
fn jitter(poll: &mut Section<'_>, schedule: Option<&Schedule>) -> Duration {
    let gap = schedule.map_or(Duration::MAX, |schedule| schedule.shortest_gap(Timestamp::UNIX_EPOCH));
    let jitter = poll.take("jitter", "a duration of 0s to 24h, such as 20s", |text| {
        value::duration(text, Duration::ZERO, Duration::from_hours(24))
    });
    if jitter.is_some_and(|jitter| jitter >= gap) {
        let seconds = gap.as_secs();
        poll.reject(
            "jitter",
            &format!("expected less than the {seconds}s between two ticks of the schedule"),
        );
    }
    jitter.unwrap_or(Duration::from_secs(20).min(gap / 2))
}

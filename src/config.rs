//! The configuration file: exact settings, or everything that is wrong with it, each with its key and line.

mod account;
mod files;
mod problem;
mod section;
mod server;
mod token;
mod value;
mod zone;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use toml::de::DeTable;

pub use account::Account;
pub use files::Files;
pub use problem::ConfigErrors;
pub use token::{TokenSource, TokenSourceError};

use crate::domain::Targets;
use crate::http;
use crate::metrics::States;
use crate::schedule::Schedule;
use account::Accounts;
use problem::Problems;
use section::Section;
use server::Server;

/// Everything that the configuration file says, as each component wants it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where metrics are served.
    pub listen: SocketAddr,
    /// When is polled.
    pub schedule: Schedule,
    /// By how much at most each tick is delayed; shorter than the schedule's shortest gap.
    pub jitter: Duration,
    /// Where what is known is kept for a restart.
    pub state_file: Option<PathBuf>,
    /// How metrics are served.
    pub serving: http::Options,
    /// The accounts, in the order of the file; no two have one name.
    pub accounts: Vec<Account>,
    /// The zones of all accounts.
    pub targets: Targets,
}

/// Whether the files and variables that the configuration names are looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// Tokens and CA certificates have to be there.
    Check,
    /// They may be missing, because the file is checked elsewhere than where it is used; none is read.
    Skip,
}

/// How an environment variable is looked up.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

impl Config {
    /// Reads the file at `path`, and tokens from the environment of this process.
    ///
    /// # Errors
    /// With everything that is wrong with the file.
    pub fn load(path: &Path, secrets: Secrets) -> Result<Self, ConfigErrors> {
        Self::load_noting(path, secrets, &mut Files::default())
    }

    /// The same; all files that are read on the way are noted in `files`, whatever comes of it.
    ///
    /// # Errors
    /// With everything that is wrong with the file.
    pub fn load_noting(path: &Path, secrets: Secrets, files: &mut Files) -> Result<Self, ConfigErrors> {
        let text = files.read(path).map_err(|error| ConfigErrors::unreadable(path, &error))?;
        let text = String::from_utf8(text).map_err(|error| ConfigErrors::not_unicode(path, &error))?;
        Self::parse_noting(&text, path, secrets, &token::process_environment, files)
    }

    /// Reads the text of the file at `path`; relative paths in it start at that file's folder.
    ///
    /// # Errors
    /// With everything that is wrong with the text.
    pub fn parse(
        text: &str,
        path: &Path,
        secrets: Secrets,
        environment: Environment<'_>,
    ) -> Result<Self, ConfigErrors> {
        Self::parse_noting(text, path, secrets, environment, &mut Files::default())
    }

    fn parse_noting(
        text: &str,
        path: &Path,
        secrets: Secrets,
        environment: Environment<'_>,
        files: &mut Files,
    ) -> Result<Self, ConfigErrors> {
        let problems = Problems::new(text);
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            problems.syntax(error.span().map_or(0, |span| span.start), error.message());
        }
        let folder = path.parent().unwrap_or(path);
        let surroundings = Surroundings { folder, secrets, environment, files: &RefCell::new(files) };
        let config = config(Section::root(&problems, root.get_ref()), surroundings);
        let errors = problems.into_errors(path);
        // whatever could not be made has been complained about
        if errors.is_empty() { config.ok_or(errors) } else { Err(errors) }
    }
}

/// What a configuration refers to beyond its text.
#[derive(Clone, Copy)]
struct Surroundings<'e> {
    folder: &'e Path,
    secrets: Secrets,
    environment: Environment<'e>,
    /// All that were read so far.
    files: &'e RefCell<&'e mut Files>,
}

impl Surroundings<'_> {
    /// The path that a text means: a relative one starts at the folder of the configuration file.
    fn path(&self, text: &str) -> Option<PathBuf> {
        (!text.is_empty()).then(|| self.folder.join(text))
    }

    /// Reads a file that the configuration names.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files.borrow_mut().read(path)
    }
}

fn config(mut root: Section<'_>, surroundings: Surroundings<'_>) -> Option<Config> {
    let server = Server::read(root.table("server"), surroundings);

    let mut poll = root.table("poll");
    let schedule: Option<Schedule> = poll.parse_or("schedule", "0 */5 * * * *");
    let jitter = jitter(&mut poll, schedule.as_ref());
    let state_file = poll.take("state_file", "the path of a file", |text| surroundings.path(text));
    poll.finish();

    let mut metrics = root.table("metrics");
    let states = metrics.take("states", "\"all\" or \"current\"", |text| match text {
        "all" => Some(States::All),
        "current" => Some(States::Current),
        _ => None,
    });
    metrics.finish();

    let mut accounts = Accounts::new(surroundings);
    for section in root.tables("account") {
        accounts.read(section);
    }
    root.finish();
    let (accounts, targets) = accounts.finish();
    Some(Config {
        listen: server.listen,
        schedule: schedule?,
        jitter,
        state_file,
        serving: http::Options { states: states.unwrap_or_default(), ..server.serving },
        accounts,
        targets,
    })
}

/// A jitter that could carry one tick past the next is refused; the default gives way.
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

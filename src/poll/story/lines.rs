//! The log lines of a story. News that say the same about several zones or hostnames share a line.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tracing::Level;
use tracing::field::display;

use super::words::words;
use super::{News, Subject};
use crate::domain::{Reason, ZoneKey, listed};
use crate::poll::plan::shown;
use crate::poll::seen::{Class, Thing, Trouble};

/// A log line.
pub(in crate::poll) struct Line {
    level: Level,
    message: String,
    account: Option<Arc<str>>,
    zone: Option<String>,
    hostname: Option<String>,
    error: Option<Arc<str>>,
    advice: Option<Arc<str>>,
    after: Option<Duration>,
}

impl Line {
    fn new(level: Level, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            level,
            message,
            account: None,
            zone: None,
            hostname: None,
            error: None,
            advice: None,
            after: None,
        }
    }

    /// Creates the line for polls that take longer than the schedule allows.
    pub(super) fn overrun(ticks: usize) -> Self {
        Self::new(
            Level::WARN,
            format!("polls take longer than the schedule allows: {ticks} ticks were skipped so far"),
        )
    }

    /// Creates the line for polls that end in time again.
    pub(super) fn on_time(ticks: usize, after: Duration) -> Self {
        let line =
            Self::new(Level::INFO, format!("polls keep to the schedule again: {ticks} ticks were skipped"));
        Self { after: Some(after), ..line }
    }

    pub(in crate::poll) fn log(&self) {
        let Self { message, account, zone, hostname, error, advice, after, .. } = self;
        let (account, zone, hostname) =
            (account.as_ref().map(display), zone.as_ref().map(display), hostname.as_ref().map(display));
        let (error, after) = (error.as_ref().map(display), after.map(|after| display(shown(after))));
        let advice = advice.as_deref();
        match self.level {
            Level::ERROR => tracing::error!(account, zone, hostname, error, advice, after, "{message}"),
            Level::WARN => tracing::warn!(account, zone, hostname, error, advice, after, "{message}"),
            _ => tracing::info!(account, zone, hostname, error, advice, after, "{message}"),
        }
    }
}

/// Formats the line like the log.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.level, self.message)?;
        let after = self.after.map(shown);
        for (name, value) in [
            ("account", self.account.as_deref()),
            ("zone", self.zone.as_deref()),
            ("hostname", self.hostname.as_deref()),
            ("error", self.error.as_deref()),
            ("advice", self.advice.as_deref()),
            ("after", after.as_deref()),
        ] {
            if let Some(value) = value {
                write!(f, " {name}={value}")?;
            }
        }
        Ok(())
    }
}

/// News of zones share a line if they have this in common: the account, the zone for news about its
/// hostnames, the topic, and the failure's class and advice, or its duration.
type Common = (Arc<str>, Option<ZoneKey>, Topic, Option<(Class, Option<Arc<str>>)>, Option<Duration>);

/// Returns the lines for the news in their order, and for zones without an association.
pub(super) fn of<'s>(
    news: Vec<(Subject, News)>,
    empty: impl Iterator<Item = (&'s Arc<str>, &'s ZoneKey)>,
) -> Vec<Line> {
    let mut lines = Vec::new();
    // the index of each line, and the names in it
    let mut grouped: BTreeMap<Common, (usize, Vec<String>)> = BTreeMap::new();
    for (subject, news) in news {
        let (common, name) = match &subject {
            Subject::Zone(account, zone, thing) => {
                let topic = Topic::of(thing);
                let (of, name) = match thing {
                    Thing::Hostname(hostname) => (Some(zone.clone()), hostname.to_string()),
                    _ => (None, zone.to_string()),
                };
                let (failure, after) = match &news {
                    News::Began(trouble) => (Some((trouble.class, trouble.advice.clone())), None),
                    News::Ended(after) => (None, Some(*after)),
                };
                ((Arc::clone(account), of, topic, failure, after), name)
            }
            _ => {
                lines.push(line(&subject, news));
                continue;
            }
        };
        let (_, names) = grouped.entry(common).or_insert_with(|| {
            lines.push(line(&subject, news));
            (lines.len() - 1, Vec::new())
        });
        names.push(name);
    }
    for ((_, of, ..), (index, names)) in grouped {
        let names = Some(listed(&names));
        match of {
            Some(zone) => (lines[index].zone, lines[index].hostname) = (Some(zone.to_string()), names),
            None => lines[index].zone = names,
        }
    }
    let mut by_account: BTreeMap<&Arc<str>, Vec<String>> = BTreeMap::new();
    for (account, zone) in empty {
        by_account.entry(account).or_default().push(zone.to_string());
    }
    lines.extend(by_account.into_iter().map(|(account, zones)| Line {
        account: Some(Arc::clone(account)),
        zone: Some(listed(&zones)),
        ..Line::new(Level::INFO, "the zone has no association")
    }));
    lines
}

fn line(subject: &Subject, news: News) -> Line {
    let (began, ended) = words(subject);
    let line = match news {
        News::Began(Trouble { class, error, advice, .. }) => {
            let is_fault = class == Class::Answered(Reason::Internal);
            let level = match subject {
                Subject::Optional(..) => Level::INFO,
                _ if is_fault => Level::ERROR,
                _ => Level::WARN,
            };
            let error = match subject {
                Subject::Host(host) => format!("{host}: {error}").into(),
                _ => error,
            };
            Line { error: Some(error), advice, ..Line::new(level, began) }
        }
        News::Ended(after) => Line { after: Some(after), ..Line::new(Level::INFO, ended) },
    };
    match subject {
        Subject::Host(_) => line,
        Subject::Account(account, _)
        | Subject::List(account)
        | Subject::Optional(account, _)
        | Subject::Zone(account, ..) => Line { account: Some(Arc::clone(account)), ..line },
    }
}

/// The topic of a line, without names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    Zone,
    Id,
    Lists,
    Rows(&'static str),
    Switch,
    Certificates,
    GlobalSwitch,
    SslMode,
    DnsRecords,
    Hostname,
}

impl Topic {
    fn of(thing: &Thing) -> Self {
        match thing {
            Thing::Zone => Self::Zone,
            Thing::Id => Self::Id,
            Thing::Lists => Self::Lists,
            Thing::Rows(list) => Self::Rows(list),
            Thing::Switch => Self::Switch,
            Thing::Certificates => Self::Certificates,
            Thing::GlobalSwitch => Self::GlobalSwitch,
            Thing::SslMode => Self::SslMode,
            Thing::DnsRecords => Self::DnsRecords,
            Thing::Hostname(_) => Self::Hostname,
        }
    }
}

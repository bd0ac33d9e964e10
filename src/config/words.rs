//! A configuration in a sentence, for the log.

use std::fmt;

use super::Config;

/// What a configuration watches, and when: `3 named hostnames in 2 zones of account default, every 5 minutes`.
pub struct Watched<'c>(&'c Config);

impl Config {
    /// What it watches, in words.
    pub fn watched(&self) -> Watched<'_> {
        Watched(self)
    }
}

impl fmt::Display for Watched<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { targets, accounts, schedule, .. } = self.0;
        let zones = targets.zones();
        let discovering = zones.iter().filter(|zone| zone.extent().discovered.is_some()).count();
        write!(f, "{} in {}", count(targets.hostnames(), "named hostname"), count(zones.len(), "zone"))?;
        let names: Vec<_> = accounts.iter().map(|account| &*account.options.account).collect();
        match &*names {
            [name] => write!(f, " of account {name}")?,
            names => write!(f, " of {} accounts ({})", names.len(), names.join(", "))?,
        }
        if discovering > 0 {
            let all = count(discovering, "zone");
            write!(f, " and all hostnames that are discovered in {all}")?;
        }
        write!(f, ", {}", schedule.in_words())
    }
}

fn count(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

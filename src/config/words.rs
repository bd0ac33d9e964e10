//! Describes a configuration in a sentence, for the log.

use std::fmt;

use super::Config;

/// A description of what a configuration watches, and how often:
/// `2 zones of account default (3 named hostnames) every 5 minutes`.
pub struct Watched<'c>(&'c Config);

impl Config {
    /// Returns what the configuration watches, in words.
    pub fn watched(&self) -> Watched<'_> {
        Watched(self)
    }
}

impl fmt::Display for Watched<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { targets, accounts, schedule, .. } = self.0;
        let zones = targets.zones();
        let discovering = zones.iter().filter(|zone| zone.extent().discovered.is_some()).count();
        let patterns: Vec<_> = targets.patterns().iter().map(|target| target.pattern.as_str()).collect();
        match &*patterns {
            [] => f.write_str(&count(zones.len(), "zone"))?,
            _ if zones.is_empty() => write!(f, "all zones that match {}", patterns.join(", "))?,
            _ => write!(f, "{} and all that match {}", count(zones.len(), "zone"), patterns.join(", "))?,
        }
        let names: Vec<_> = accounts.iter().map(|account| &*account.options.account).collect();
        match &*names {
            [name] => write!(f, " of account {name}")?,
            names => write!(f, " of {} accounts ({})", names.len(), names.join(", "))?,
        }
        if !zones.is_empty() {
            write!(f, " ({}", count(targets.hostnames(), "named hostname"))?;
            if discovering > 0 {
                write!(f, ", and all that are discovered in {}", count(discovering, "zone"))?;
            }
            f.write_str(")")?;
        }
        write!(f, " {}", schedule.in_words())
    }
}

fn count(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Files, Secrets};

    fn watched(text: &str) -> String {
        let config = Config::parse(text, "a.toml".as_ref(), Secrets::Skip, &|_| None, &mut Files::default());
        config.unwrap().watched().to_string()
    }

    #[test]
    fn a_sentence_says_what_is_watched_and_when() {
        let one = "[[account]]\n[[account.zone]]\nname = \"a.example\"\nhostnames = [\"www.a.example\"]\n";
        assert_eq!(watched(one), "1 zone of account default (1 named hostname) every 5 minutes");
        let two = "[[account]]\nname = \"b\"\n[[account.zone]]\nname = \"b.example\"\ndiscover = true\n";
        assert_eq!(
            watched(&format!("[poll]\nschedule = \"0 9 * * *\"\n{one}{two}")),
            "2 zones of 2 accounts (default, b) (1 named hostname, and all that are discovered in 1 zone) \
             at 09:00 (UTC)"
        );
        let all = "[[account]]\n[[account.zone]]\nname = \"*\"\n";
        assert_eq!(watched(all), "all zones that match * of account default every 5 minutes");
    }
}

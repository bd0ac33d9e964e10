//! The zone that a command works on, and the account whose token it uses.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use clap::Args;
use tokio::time::Instant;

use super::access::{Access, names};
use crate::change::WaitPolicy;
use crate::clock::Clock;
use crate::cloudflare::{Client, Error, Purpose};
use crate::config::Account;
use crate::daemon::Accounts;
use crate::domain::{Hostname, NameError, PatternTarget, Thresholds, ZoneId, ZoneName, ZoneTarget};
use crate::telemetry::Telemetry;

/// The exit code of a change that is made but not in force yet.
pub(super) const NOT_YET: u8 = 3;

#[derive(Args)]
pub(super) struct Reach {
    /// Zone to work on.
    #[arg(long, value_name = "NAME_OR_ID")]
    pub(super) zone: ZoneArgument,
    #[command(flatten)]
    pub(super) access: Access,
}

/// A zone on the command line.
#[derive(Clone)]
pub(super) enum ZoneArgument {
    Name(ZoneName),
    Id(ZoneId),
}

impl FromStr for ZoneArgument {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        // 32 hexadecimal digits are always an id, since a zone name has at least two labels
        text.parse().map(Self::Id).or_else(|_| text.parse().map(Self::Name))
    }
}

/// A zone, and a client for it.
pub(super) struct Api {
    pub(super) client: Arc<Client>,
    pub(super) zone: ZoneId,
    /// The zone's name, if known.
    name: Option<ZoneName>,
    /// The zone as configured, or without any settings.
    pub(super) target: ZoneTarget,
    /// The thresholds of findings.
    pub(super) thresholds: Thresholds,
    pub(super) timeout: Duration,
}

impl Reach {
    pub(super) async fn api(&self, purpose: Purpose) -> anyhow::Result<Api> {
        let token = self.access.token()?;
        let (mut account, configured, thresholds) = self.account(purpose).await?;
        account.token = token.unwrap_or(account.token);
        let (name, id) = match &self.zone {
            ZoneArgument::Name(name) => (Some(name.clone()), None),
            ZoneArgument::Id(id) => (None, Some(*id)),
        };
        let account_name = Arc::clone(&account.options.account);
        let name = name.or_else(|| configured.as_ref().and_then(|zone| zone.name().cloned()));
        let id = id.or_else(|| configured.as_ref().and_then(ZoneTarget::id));

        let telemetry = Arc::new(Telemetry::new().context("metrics about the exporter")?);
        let accounts = Accounts::new(telemetry, Clock::system()).update(&[account])?;
        let client = accounts.into_values().next().context("no account")?.api;
        let zone = match (id, &name) {
            (Some(id), _) => id,
            (None, Some(name)) => {
                let found = client.zone_id(name, Instant::now() + self.access.timeout).await;
                found.map_err(|error| explained(name, &error, Purpose::FindZone))?
            }
            (None, None) => bail!("--zone: expected a zone"),
        };
        let target = configured.unwrap_or_else(|| match &name {
            Some(name) => ZoneTarget::named(account_name, name.clone(), Some(zone)),
            None => ZoneTarget::identified(account_name, zone),
        });
        Ok(Api { client, zone, name, target, thresholds, timeout: self.access.timeout })
    }

    /// Returns the account to use, the zone if it is configured, and the thresholds.
    async fn account(&self, purpose: Purpose) -> anyhow::Result<(Account, Option<ZoneTarget>, Thresholds)> {
        let (config, wanted) = (self.access.load(purpose).await?, self.access.account.as_ref());
        let is_wanted = |account: &str| wanted.is_none_or(|name| *name == *account);
        let zones = config.targets.zones().iter();
        let mut zones = zones.filter(|zone| self.zone.is(zone) && is_wanted(zone.account()));
        let zone = zones.next().map(|zone| ZoneTarget::clone(zone));
        ensure!(
            zones.next().is_none(),
            "--zone: the configuration has several zones of that name; give the id of one, or its --account"
        );
        let zone = zone.or_else(|| self.zone.found(config.targets.patterns(), is_wanted));
        let names = names(&config);
        let name = match (wanted, &zone, &config.accounts[..]) {
            (Some(name), ..) => name.clone(),
            (None, None, [account]) => account.options.account.to_string(),
            (None, Some(zone), _) => zone.account().to_string(),
            _ => bail!("--account: the configuration has several accounts; choose one of {names}"),
        };
        let account = config.accounts.into_iter().find(|account| *account.options.account == *name);
        let account = account
            .with_context(|| format!("--account: the configuration has no account {name}; it has {names}"))?;
        let thresholds = config.serving.view.thresholds;
        Ok((account, zone, thresholds))
    }
}

impl ZoneArgument {
    fn is(&self, zone: &ZoneTarget) -> bool {
        match self {
            Self::Name(name) => zone.name() == Some(name),
            Self::Id(id) => zone.id() == Some(*id),
        }
    }

    /// Returns the zone as its pattern would watch it, if patterns of only one account match its name.
    fn found(&self, patterns: &[PatternTarget], is_wanted: impl Fn(&str) -> bool) -> Option<ZoneTarget> {
        let Self::Name(name) = self else { return None };
        let mut patterns =
            patterns.iter().filter(|pattern| is_wanted(&pattern.account) && pattern.watches(name));
        let first = patterns.next()?;
        let target = || ZoneTarget::named(Arc::clone(&first.account), name.clone(), None);
        let is_only = patterns.all(|pattern| pattern.account == first.account);
        is_only.then(|| target().with_extent(first.extent))
    }
}

impl Api {
    /// Returns the deadline of `calls` calls, which includes the time that the budget delays them.
    pub(super) fn deadline(&self, calls: usize) -> Instant {
        Instant::now() + self.timeout + self.client.budget().time_for(calls)
    }

    /// Returns how to wait for a change, no longer than `limit`.
    pub(super) fn wait_policy(&self, limit: Duration) -> WaitPolicy {
        WaitPolicy {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(10),
            limit,
            call: self.timeout,
        }
    }

    /// Formats the zone for messages.
    pub(super) fn zone_name(&self) -> String {
        self.name.as_ref().map_or_else(|| self.zone.to_string(), |name| format!("{name} ({})", self.zone))
    }

    /// Refuses a hostname of another zone. The API would only answer that it has no association.
    pub(super) fn check_zone(&self, hostname: &Hostname) -> anyhow::Result<()> {
        if let Some(name) = &self.name {
            ensure!(hostname.is_in(name), "{hostname} is not in the zone {name}");
        }
        Ok(())
    }
}

/// Adds advice to an error of the API.
pub(super) fn explained(what: impl Display, error: &Error, purpose: Purpose) -> anyhow::Error {
    match error.advice(purpose) {
        Some(advice) => anyhow!("{what}: {advice} ({error})"),
        None => anyhow!("{what}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::configured::Configured;

    #[tokio::test]
    async fn a_zone_name_that_is_configured_twice_needs_an_account_or_an_id() {
        let folder = tempfile::tempdir().unwrap();
        let zone = |account: &str, id: &str| {
            format!(
                "[[account]]\nname = \"{account}\"\napi_token_file = \"token\"\n[[account.zone]]\n\
                 name = \"example.com\"\n{id}\nhostnames = [\"example.com\"]\n"
            )
        };
        let id = "f".repeat(32);
        let content = zone("one", "") + &zone("two", &format!("id = \"{id}\""));
        std::fs::write(folder.path().join("token"), "s3cret").unwrap();
        std::fs::write(folder.path().join("aop.toml"), content).unwrap();
        let account = async |zone: &str, account: Option<&str>| {
            let reach = Reach {
                zone: zone.parse().unwrap(),
                access: Access {
                    configured: Configured {
                        config: Some(folder.path().join("aop.toml")),
                        default_config: "/nonexistent".into(),
                    },
                    account: account.map(str::to_owned),
                    token_file: None,
                    token_env: None,
                    base_url: None,
                    timeout: Duration::from_secs(1),
                },
            };
            let (account, zone, _) = reach.account(Purpose::Read).await.map_err(|error| error.to_string())?;
            Ok::<_, String>(format!("{} {}", account.options.account, zone.unwrap().key()))
        };
        assert_eq!(
            account("example.com", None).await.unwrap_err(),
            "--zone: the configuration has several zones of that name; give the id of one, or its --account"
        );
        assert_eq!(account("example.com", Some("one")).await.unwrap(), "one example.com");
        assert_eq!(account("example.com", Some("two")).await.unwrap(), format!("two {id}"));
        assert_eq!(account(&id, None).await.unwrap(), format!("two {id}"));
    }
}

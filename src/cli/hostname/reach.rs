//! The zone to work on, and the account whose token may do so.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use clap::Args;
use tokio::time::Instant;

use crate::cli::configured::Configured;
use crate::clock::Clock;
use crate::cloudflare::{BaseUrl, Client, Error, Purpose};
use crate::config::{Account, Secrets, Source, TokenSource};
use crate::daemon::Accounts;
use crate::domain::{Hostname, NameError, Thresholds, ZoneId, ZoneName, ZoneTarget};
use crate::telemetry::Telemetry;

#[derive(Args)]
pub(super) struct Reach {
    /// The zone.
    #[arg(long, value_name = "NAME_OR_ID")]
    zone: ZoneArgument,
    #[command(flatten)]
    configured: Configured,
    /// Account of the configuration; needed only if there are several and none has this zone.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Read the API token from this file, in place of the token of the account that has the zone.
    #[arg(long, value_name = "FILE", conflicts_with = "token_env")]
    token_file: Option<PathBuf>,
    /// Read the API token from this environment variable, in place of the token of the account that has the zone.
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
    /// URL of the API; plain http is accepted for loopback addresses only.
    #[arg(long, value_name = "URL", conflicts_with_all = ["config", "account"])]
    base_url: Option<BaseUrl>,
    /// How long one call of the API may take, including retries, but without waiting for the account's rate_limit.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = crate::cli::duration)]
    timeout: Duration,
}

/// A zone on the command line.
#[derive(Clone)]
enum ZoneArgument {
    Name(ZoneName),
    Id(ZoneId),
}

impl FromStr for ZoneArgument {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        // 32 digits are an id, since no zone has a name of one label
        text.parse().map(Self::Id).or_else(|_| text.parse().map(Self::Name))
    }
}

/// A zone, and a client for it.
pub(super) struct Api {
    pub(super) client: Arc<Client>,
    pub(super) zone: ZoneId,
    /// The zone's name, if known.
    name: Option<ZoneName>,
    /// What is configured for the zone, if anything.
    pub(super) target: ZoneTarget,
    /// The spans that decide on findings.
    pub(super) thresholds: Thresholds,
    pub(super) timeout: Duration,
}

impl Reach {
    pub(super) async fn api(&self, purpose: Purpose) -> anyhow::Result<Api> {
        let token = self.token()?;
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
                let found = client.zone_id(name, Instant::now() + self.timeout).await;
                found.map_err(|error| explained(name, &error, Purpose::FindZone))?
            }
            (None, None) => bail!("--zone: expected a zone"),
        };
        let target = configured.unwrap_or_else(|| ZoneTarget::identified(account_name, zone));
        Ok(Api { client, zone, name, target, thresholds, timeout: self.timeout })
    }

    /// The token that the command line names, if it names one.
    fn token(&self) -> anyhow::Result<Option<TokenSource>> {
        let (option, source) = match (&self.token_file, &self.token_env) {
            (Some(path), _) => ("--token-file", TokenSource::File(path.clone())),
            (None, Some(name)) => ("--token-env", TokenSource::Env(name.clone())),
            (None, None) => return Ok(None),
        };
        Ok(Some(TokenSource::Given(source.read().context(option)?)))
    }

    /// The configuration to use.
    fn source(&self, purpose: Purpose) -> Source {
        match (&self.base_url, purpose) {
            (Some(_), _) => Source::BuiltIn,
            // the token of the default file is the daemon's, which may only read
            (None, Purpose::Write) => self.configured.named().map_or(Source::BuiltIn, Source::File),
            (None, _) => self.configured.source(),
        }
    }

    /// The account to use, the zone if it is configured, and the thresholds.
    async fn account(&self, purpose: Purpose) -> anyhow::Result<(Account, Option<ZoneTarget>, Thresholds)> {
        // the daemon's token may be readable by the daemon alone
        let is_token_given = self.token_file.is_some() || self.token_env.is_some();
        let secrets = if is_token_given { Secrets::CaFiles } else { Secrets::Check };
        let (config, _) = crate::cli::load(self.source(purpose), secrets).await?;
        let mut zones = config.targets.zones().iter().filter(|zone| {
            self.zone.is(zone) && self.account.as_ref().is_none_or(|name| **name == **zone.account())
        });
        let zone = zones.next();
        ensure!(
            zones.next().is_none(),
            "--zone: the configuration has several zones of that name, give the id of one, or its --account"
        );
        let names: Vec<_> =
            config.accounts.iter().map(|account| account.options.account.to_string()).collect();
        let name = match (&self.account, zone, names.as_slice()) {
            (Some(name), ..) | (None, None, [name]) => name.clone(),
            (None, Some(zone), _) => zone.account().to_string(),
            _ => bail!(
                "--account: the configuration has several accounts, say which one: {}",
                names.join(", ")
            ),
        };
        let account = config.accounts.into_iter().find(|account| *account.options.account == *name);
        let mut account = account.with_context(|| {
            format!("--account: the configuration has no account {name}, but {}", names.join(", "))
        })?;
        if let Some(url) = &self.base_url {
            account.options.base_url = url.clone();
        }
        let thresholds = config.serving.view.thresholds;
        Ok((account, zone.map(|zone| ZoneTarget::clone(zone)), thresholds))
    }
}

impl ZoneArgument {
    fn is(&self, zone: &ZoneTarget) -> bool {
        match self {
            Self::Name(name) => zone.name() == Some(name),
            Self::Id(id) => zone.id() == Some(*id),
        }
    }
}

impl Api {
    /// The deadline of so many calls from now on, including the time for which the budget delays them.
    pub(super) fn deadline(&self, calls: usize) -> Instant {
        Instant::now() + self.timeout + self.client.budget().time_for(calls)
    }

    /// The zone as it is shown.
    pub(super) fn zone_name(&self) -> String {
        self.name.as_ref().map_or_else(|| self.zone.to_string(), |name| format!("{name} ({})", self.zone))
    }

    /// Refuses a hostname of another zone. The API would just say that it has no association.
    pub(super) fn check_zone(&self, hostname: &Hostname) -> anyhow::Result<()> {
        if let Some(name) = &self.name {
            ensure!(hostname.is_in(name), "{hostname} is not in the zone {name}");
        }
        Ok(())
    }
}

/// An error of the API with what to do about it.
pub(super) fn explained(what: impl Display, error: &Error, purpose: Purpose) -> anyhow::Error {
    match error.advice(purpose) {
        Some(advice) => anyhow!("{what}: {advice} ({error})"),
        None => anyhow!("{what}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_two_configured_zones_have_needs_an_account_or_an_id() {
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
                configured: Configured {
                    config: Some(folder.path().join("aop.toml")),
                    default_config: "/nonexistent".into(),
                },
                account: account.map(str::to_owned),
                token_file: None,
                token_env: None,
                base_url: None,
                timeout: Duration::from_secs(1),
            };
            let (account, zone, _) = reach.account(Purpose::Read).await.map_err(|error| error.to_string())?;
            Ok::<_, String>(format!("{} {}", account.options.account, zone.unwrap().key()))
        };
        assert_eq!(
            account("example.com", None).await.unwrap_err(),
            "--zone: the configuration has several zones of that name, give the id of one, or its --account"
        );
        assert_eq!(account("example.com", Some("one")).await.unwrap(), "one example.com");
        assert_eq!(account("example.com", Some("two")).await.unwrap(), format!("two {id}"));
        assert_eq!(account(&id, None).await.unwrap(), format!("two {id}"));
    }
}

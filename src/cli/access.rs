//! The options that select the account, the token and the URL of the API.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use crate::cli::configured::Configured;
use crate::cloudflare::{BaseUrl, Purpose};
use crate::config::{Config, Secrets, Source, TokenSource};

#[derive(Args)]
pub(super) struct Access {
    #[command(flatten)]
    pub(super) configured: Configured,
    /// Configured account; needed only if there are several and none has this zone.
    #[arg(long, value_name = "NAME")]
    pub(super) account: Option<String>,
    /// Read the API token from this file instead of using the token of the zone's account.
    #[arg(long, value_name = "FILE", conflicts_with = "token_env")]
    pub(super) token_file: Option<PathBuf>,
    /// Read the API token from this environment variable instead of using the token of the zone's account.
    #[arg(long, value_name = "NAME")]
    pub(super) token_env: Option<String>,
    /// URL of the API; plain http is accepted for loopback addresses only.
    #[arg(long, value_name = "URL", conflicts_with_all = ["config", "account"])]
    pub(super) base_url: Option<BaseUrl>,
    /// Timeout of one API call, including retries, but without waiting for the account's rate_limit.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = crate::cli::duration)]
    pub(super) timeout: Duration,
}

/// The names of the configured accounts.
pub(super) fn names(config: &Config) -> String {
    let names = config.accounts.iter().map(|account| account.options.account.to_string());
    names.collect::<Vec<_>>().join(", ")
}

/// Quotes a word for a shell.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@".contains(&byte);
    let plain = !word.is_empty() && word.bytes().all(is_plain);
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

impl Access {
    /// Returns the token named on the command line, if any.
    pub(super) fn token(&self) -> anyhow::Result<Option<TokenSource>> {
        let (option, source) = match (&self.token_file, &self.token_env) {
            (Some(path), _) => ("--token-file", TokenSource::File(path.clone())),
            (None, Some(name)) => ("--token-env", TokenSource::Env(name.clone())),
            (None, None) => return Ok(None),
        };
        Ok(Some(TokenSource::Given(source.read().context(option)?)))
    }

    /// Loads the configuration. `--base-url` replaces the URL of the API.
    pub(super) async fn load(&self, purpose: Purpose) -> anyhow::Result<Config> {
        // the configured token may be readable by the daemon alone
        let is_token_given = self.token_file.is_some() || self.token_env.is_some();
        let secrets = if is_token_given { Secrets::CaFiles } else { Secrets::Check };
        let (mut config, _) = crate::cli::load(self.source(purpose), secrets).await?;
        if let Some(url) = &self.base_url {
            for account in &mut config.accounts {
                account.options.base_url = url.clone();
            }
        }
        Ok(config)
    }

    /// Formats these options as arguments, for a command line shown to the user.
    pub(super) fn words(&self) -> String {
        let paths = [("--config", &self.configured.config), ("--token-file", &self.token_file)];
        let paths = paths
            .into_iter()
            .filter_map(|(name, path)| path.as_ref().map(|path| (name, path.display().to_string())));
        let texts = [("--account", &self.account), ("--token-env", &self.token_env)];
        let texts = texts.into_iter().filter_map(|(name, text)| text.clone().map(|text| (name, text)));
        let url = self.base_url.as_ref().map(|url| ("--base-url", url.as_url().to_string()));
        paths.chain(texts).chain(url).map(|(name, value)| format!(" {name} {}", quoted(&value))).collect()
    }

    /// Returns where to load the configuration from.
    fn source(&self, purpose: Purpose) -> Source {
        match (&self.base_url, purpose) {
            (Some(_), _) => Source::BuiltIn,
            // the token of the default file is the daemon's, which may only read
            (None, Purpose::Write) => self.configured.named().map_or(Source::BuiltIn, Source::File),
            (None, _) => self.configured.source(),
        }
    }
}

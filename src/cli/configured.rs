//! The option `--config` and its defaults.

use std::path::PathBuf;

use clap::Args;

use crate::config::{self, Source};

const DEFAULT_FILE: &str = "/etc/cloudflare-aop-exporter/config.toml";

/// The options that select the configuration.
#[derive(Args)]
pub(super) struct Configured {
    /// Configuration file [env: AOP_CONFIG]. The default is /etc/cloudflare-aop-exporter/config.toml if it exists. Otherwise
    /// all zones visible to the token in CLOUDFLARE_API_TOKEN, or in the file CLOUDFLARE_API_TOKEN_FILE, are watched.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The default file, used if it exists. Only debug builds have this option, for tests.
    #[cfg_attr(debug_assertions, arg(long, hide = true, value_name = "FILE", default_value = DEFAULT_FILE))]
    #[cfg_attr(not(debug_assertions), arg(skip = DEFAULT_FILE))]
    pub(super) default_config: PathBuf,
}

impl Configured {
    /// Returns the configuration to use.
    pub(super) fn source(&self) -> Source {
        Source::find(self.named(), &self.default_config)
    }

    /// Returns the file named by the option or the environment.
    pub(super) fn named(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| config::variable("AOP_CONFIG"))
    }
}

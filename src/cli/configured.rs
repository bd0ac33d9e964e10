//! `--config`, and what is used without it.

use std::path::PathBuf;

use clap::Args;

use crate::config::{self, Source};

const DEFAULT_FILE: &str = "/etc/cloudflare-aop-exporter/config.toml";

/// Which configuration a command uses.
#[derive(Args)]
pub(super) struct Configured {
    /// Configuration file; without it /etc/cloudflare-aop-exporter/config.toml where that exists, else all zones that the
    /// token in CLOUDFLARE_API_TOKEN, or in the file CLOUDFLARE_API_TOKEN_FILE, sees [env: AOP_CONFIG].
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The file to use where it exists and none is named. Tests give another one; a release has no such option.
    #[cfg_attr(debug_assertions, arg(long, hide = true, value_name = "FILE", default_value = DEFAULT_FILE))]
    #[cfg_attr(not(debug_assertions), arg(skip = DEFAULT_FILE))]
    pub(super) default_config: PathBuf,
}

impl Configured {
    /// The configuration to use.
    pub(super) fn source(&self) -> Source {
        Source::find(self.named(), &self.default_config)
    }

    /// The file that is named by the option or the environment.
    pub(super) fn named(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| config::variable("AOP_CONFIG"))
    }
}

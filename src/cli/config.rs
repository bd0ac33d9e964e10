//! The command `config`, for configuration files.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::configured::Configured;
use crate::config::{Files, Secrets};

/// Checks a configuration.
#[derive(Subcommand)]
pub(super) enum Config {
    Check(Check),
}

/// Checks the configuration that `serve` would use and prints all errors. Exits with 0 if there are none, else with 1.
#[derive(Args)]
pub(super) struct Check {
    #[command(flatten)]
    configured: Configured,
    /// Do not check the files and environment variables of tokens and keys.
    #[arg(long)]
    no_secrets: bool,
}

impl Config {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Self::Check(check) = self;
        let secrets = if check.no_secrets { Secrets::Skip } else { Secrets::Check };
        let source = check.configured.source();
        let config = source.load(secrets, &mut Files::default())?;
        if check.configured.config.is_none() {
            super::print(&format!("configuration: {}\n", source.describe(&config)))?;
        }
        let (accounts, zones) = (config.accounts.len(), config.targets.zones().len());
        let hostnames = config.targets.hostnames();
        let patterns = match config.targets.patterns().len() {
            0 => String::new(),
            patterns => format!(", patterns: {patterns}"),
        };
        super::print(&format!(
            "ok: accounts: {accounts}, zones: {zones}{patterns}, hostnames: {hostnames}\n"
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}

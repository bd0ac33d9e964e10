//! `config`: commands about configuration files.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config::{Config as File, Files, Secrets};

/// Checks a configuration file.
#[derive(Subcommand)]
pub(super) enum Config {
    Check(Check),
}

/// Checks a configuration file and prints all errors; exits with 0 if there are none, else with 1.
#[derive(Args)]
pub(super) struct Check {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Do not check the files and variables of tokens and keys.
    #[arg(long)]
    no_secrets: bool,
}

impl Config {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Self::Check(check) = self;
        let secrets = if check.no_secrets { Secrets::Skip } else { Secrets::Check };
        let config = File::load(&check.config, secrets, &mut Files::default())?;
        let (accounts, zones) = (config.accounts.len(), config.targets.zones().len());
        let hostnames = config.targets.hostnames();
        super::print(&format!("ok: accounts: {accounts}, zones: {zones}, hostnames: {hostnames}\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}

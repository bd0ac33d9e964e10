//! `completions` and `man`: files that packages ship with the program.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;

const NAME: &str = "cloudflare-aop-exporter";

/// Prints completions for a shell.
#[derive(Args)]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the manual page.
#[derive(Args)]
pub(super) struct Man {}

impl Completions {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), NAME, &mut text);
        super::print(&String::from_utf8(text)?)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Man {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut text = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut text)?;
        super::print(&String::from_utf8(text)?)?;
        Ok(ExitCode::SUCCESS)
    }
}

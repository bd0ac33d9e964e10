//! The commands `completions` and `man`, which generate files for packages.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use crate::file;
use crate::telemetry::VERSION;

const NAME: &str = "cloudflare-aop-exporter";

/// Prints shell completions.
#[derive(Args)]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the manual page or writes one page for each command.
#[derive(Args)]
pub(super) struct Man {
    /// Write a page for each command into this directory. It is created if missing, and existing pages are replaced.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

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
        // `help` has no manual page
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        match &self.output {
            None => super::print(&String::from_utf8(page(&command, None)?)?)?,
            Some(folder) => {
                fs::create_dir_all(folder).with_context(|| format!("folder {}", folder.display()))?;
                write(folder, &command, None)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes the pages of a command and of all its subcommands.
fn write(folder: &Path, command: &Command, parent: Option<&str>) -> anyhow::Result<()> {
    let name = name(command);
    let path = folder.join(format!("{name}.1"));
    let page = page(command, parent)?;
    file::replace(&path, 0o644, |out| out.write_all(&page))
        .with_context(|| format!("file {} cannot be written", path.display()))?;
    for subcommand in command.get_subcommands() {
        write(folder, subcommand, Some(name))?;
    }
    Ok(())
}

/// Renders the page of a command.
fn page(command: &Command, parent: Option<&str>) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    // the header prints the title twice in one line, so it must be short; an empty date would be omitted, and the next
    // argument would be taken for the date
    let man = clap_mangen::Man::new(command.clone()).title(NAME).date(" ");
    man.source(format!("{NAME} {VERSION}")).manual("User Commands").render(&mut page)?;
    if let Some(parent) = parent {
        writeln!(page, ".SH SEE ALSO\n.BR {} (1)", parent.replace('-', "\\-"))?;
    }
    Ok(page)
}

/// Returns the name of a command's page, such as `cloudflare-aop-exporter-hostname-get`.
fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or(NAME)
}

//! The command line, one file per subcommand. Results go to stdout, logs and errors to stderr.

mod access;
mod certificate;
mod check;
mod columns;
mod config;
mod configured;
mod demo;
mod generate;
mod hostname;
mod logs;
mod polled;
mod print;
mod probe;
mod question;
mod reach;
mod serve;
mod simulate;

use std::ffi::OsStr;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread::Builder;

use anyhow::Context;
use clap::builder::Resettable;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::config::{Config as Settings, Files, Secrets, Source};
use crate::telemetry::{REVISION, RUSTC, VERSION};
use logs::Logs;

/// Watches the client certificates that Cloudflare presents to origins (Authenticated Origin Pulls).
///
/// They expire, get disabled, voided or stuck, and only Cloudflare's API shows it. This exporter polls that API and
/// serves the results to Prometheus.
#[derive(Parser)]
#[command(name = "cloudflare-aop-exporter", version = version(), max_term_width = 100, after_help = HOME)]
pub struct Cli {
    #[command(flatten)]
    logs: Logs,
    #[command(subcommand)]
    command: Command,
}

/// The last line of the help.
const HOME: &str = concat!("Documentation and issues: ", env!("CARGO_PKG_REPOSITORY"));

#[derive(Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    Check(check::Check),
    #[command(subcommand)]
    Hostname(hostname::Hostname),
    #[command(subcommand)]
    Certificate(certificate::Certificate),
    Probe(probe::Probe),
    #[command(subcommand)]
    Config(config::Config),
    #[command(subcommand)]
    Print(print::Print),
    Simulate(simulate::Simulate),
    Completions(generate::Completions),
    Man(generate::Man),
}

/// Version, revision and compiler. clap needs a string that lives as long as the process.
fn version() -> &'static str {
    Box::leak(format!("{VERSION} (revision {REVISION}, {RUSTC})").into_boxed_str())
}

impl Cli {
    /// Parses the command line and runs the command. Prints errors.
    pub fn main() -> ExitCode {
        let parsed = command().try_get_matches().and_then(|matches| Self::from_arg_matches(&matches));
        match parsed {
            Ok(cli) => cli.run(),
            Err(error) => {
                // without stdout and stderr, the error cannot be reported
                let _ = error.print();
                // as the exit code of a check, 2 would mean that something is critical
                let command = Self::command();
                let mut words = std::env::args_os().skip(1);
                match words.find(|word| command.find_subcommand(word).is_some()) {
                    Some(word) if (word == "check" || word == "probe") && error.use_stderr() => {
                        ExitCode::from(check::UNKNOWN)
                    }
                    _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(u8::MAX)),
                }
            }
        }
    }

    /// Runs the command. Prints errors.
    fn run(self) -> ExitCode {
        self.logs.start();
        let result = match self.command {
            Command::Serve(serve) => block_on(serve.run()),
            Command::Demo(demo) => block_on(demo.run()),
            Command::Check(check) => block_on(check.run()),
            Command::Hostname(hostname) => block_on(hostname.run()),
            Command::Certificate(certificate) => block_on(certificate.run()),
            Command::Probe(probe) => block_on(probe.run()),
            Command::Config(config) => config.run(),
            Command::Print(print) => print.run(),
            Command::Simulate(simulate) => block_on(simulate.run()),
            Command::Completions(completions) => completions.run(),
            Command::Man(man) => man.run(),
        };
        result.unwrap_or_else(|error| {
            print_error(&error);
            ExitCode::FAILURE
        })
    }
}

/// Builds the command line. An empty environment variable counts as unset.
fn command() -> clap::Command {
    fn without_empty(command: clap::Command) -> clap::Command {
        let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
        let command = command.mut_args(|arg| match arg.get_env().is_some_and(is_empty) {
            true => arg.env(Resettable::Reset),
            false => arg,
        });
        command.mut_subcommands(without_empty)
    }
    without_empty(Cli::command())
}

/// Runs a command on one thread, since commands wait far more than they compute.
fn block_on(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(command);
    // a hanging DNS lookup on a blocking thread must not delay the exit
    runtime.shutdown_background();
    result
}

/// Loads a configuration on a thread of its own, since reading from a dead network drive blocks.
async fn load(source: Source, secrets: Secrets) -> anyhow::Result<(Settings, Files)> {
    let (loaded, result) = oneshot::channel();
    let load = move || {
        let mut files = Files::default();
        let config = source.load(secrets, &mut files);
        // the receiver is gone if the program was told to stop
        let _ = loaded.send(config.map(|config| (config, files)));
    };
    // unlike `spawn_blocking`, this returns an error if no thread can be started
    Builder::new().stack_size(2 << 20).spawn(load).context("cannot start a thread")?;
    Ok(result.await.context("reading the configuration panicked")??)
}

/// Prints an error with its causes.
fn print_error(error: &anyhow::Error) {
    // without stderr, the error cannot be reported
    let _ = writeln!(io::stderr(), "error: {error:#}");
}

/// Formats a value as indented JSON.
fn json(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string_pretty(value).map(|text| text + "\n")
}

/// Prints a result.
fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // a reader such as head has closed the pipe
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// Parses a positive duration such as `30s` or `30d`.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    let expected = || format!("expected a duration such as 30s, 12h or 30d, found {text:?}");
    crate::config::span(text).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_may_be_given_in_days() {
        assert_eq!(duration("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("55s"), Ok(Duration::from_secs(55)));
        for text in ["", "30", "-1s", "soon", "1 month"] {
            let message = format!("expected a duration such as 30s, 12h or 30d, found {text:?}");
            assert_eq!(duration(text), Err(message));
        }
    }
}

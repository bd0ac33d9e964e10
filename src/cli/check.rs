//! `check`: polls once, prints the result, and exits with its verdict.

mod choice;
mod table;
mod unsent;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::Instant;

use super::configured::Configured;
use super::polled::Polled;
use crate::clock::Clock;
use crate::config::Secrets;
use crate::daemon::Accounts;
use crate::domain::{Hostname, Judge, Span, Thresholds, TokenState, Verdict};
use crate::file;
use crate::http;
use crate::metrics::{Format as TextFormat, Page, States, View};
use crate::probe::Rounds;
use crate::telemetry::Telemetry;
use choice::Choice;

/// Polls once, probes the origins of hostnames, and prints the result.
///
/// Exit code: 2 if anything is critical, else 1 if there is a warning, else 3 if something could not be read, else 0.
/// It is 3 as well if no check could be made.
#[derive(Args)]
pub(super) struct Check {
    #[command(flatten)]
    configured: Configured,
    /// Output format; `prometheus` is for the textfile collector.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Replace this file, in one step, instead of printing to stdout; follows symbolic links that root or you own.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Warn of a certificate or token that ends sooner than this; overrides `thresholds.warning`.
    #[arg(long, value_name = "DURATION", value_parser = super::duration)]
    warning: Option<Duration>,
    /// A certificate that ends sooner than this is critical; overrides `thresholds.critical`.
    #[arg(long, value_name = "DURATION", value_parser = super::duration)]
    critical: Option<Duration>,
    /// Interval at which this command runs; `--format prometheus` writes it, so that alerts notice an outdated file.
    #[arg(long, value_name = "DURATION", value_parser = super::duration)]
    every: Option<Duration>,
    /// Exit with 0 for every verdict, and with 3 only if no check could be made.
    #[arg(long)]
    exit_zero: bool,
    /// Give up after this time.
    #[arg(long, value_name = "DURATION", default_value = "55s", value_parser = super::duration)]
    timeout: Duration,
    /// Check only this zone, named as in the configuration; may be repeated.
    #[arg(long, value_name = "ZONE")]
    zone: Vec<String>,
    /// Check only this hostname, configured or discovered; may be repeated.
    #[arg(long, value_name = "HOSTNAME")]
    hostname: Vec<Hostname>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A table for people.
    Table,
    /// Everything that the daemon's JSON API serves, in one document.
    Json,
    /// The metrics of hostnames, zones, certificates and findings.
    Prometheus,
}

/// The exit code of a check that failed; 1 would be a warning.
pub(super) const UNKNOWN: u8 = 3;

/// The exit code of a verdict.
pub(super) fn exit_code(verdict: Verdict) -> ExitCode {
    ExitCode::from(match verdict {
        Verdict::Ok | Verdict::Info => 0,
        Verdict::Warning => 1,
        Verdict::Critical => 2,
        Verdict::Unknown => UNKNOWN,
    })
}

/// The mode of the output file: readable by all, since collectors run as other users.
const OUTPUT_MODE: u32 = 0o644;

impl Check {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let verdict = match self.check().await {
            Ok(_) if self.exit_zero => Verdict::Ok,
            Ok(verdict) => verdict,
            Err(error) => {
                super::print_error(&error);
                Verdict::Unknown
            }
        };
        Ok(exit_code(verdict))
    }

    async fn check(&self) -> anyhow::Result<Verdict> {
        let deadline = Instant::now() + self.timeout;
        let (config, _) = super::load(self.configured.source(), Secrets::Check).await?;
        let View { states, thresholds } = config.serving.view;
        let thresholds = self.thresholds(thresholds)?;
        let choice = Choice::new(&config.targets, &self.zone, &self.hostname)?;
        let (clock, telemetry) = (Clock::system(), Arc::new(Telemetry::new()?));
        let mut accounts = Accounts::new(Arc::clone(&telemetry), clock.clone()).update(&config.accounts)?;
        accounts.retain(|name, _| choice.targets().accounts().contains(name));
        let gap = self.every.unwrap_or(self.timeout);
        let polled = Polled::new(choice.targets(), accounts.clone(), gap, &telemetry, &clock);
        let mut polled = polled.narrowed(choice.is_narrowed());
        let verified = join_all(accounts.values().map(|account| account.api.verify_token(deadline)));
        let kept = polled.kept.clone();
        let mut rounds = Rounds::new(watch::channel(config.probe).1, kept.clone(), clock.clone());
        let (verified, unsent, ()) =
            tokio::join!(verified, polled.poll(deadline), rounds.probe_once(deadline));
        // the polls may have found origins in DNS records
        kept.published().await;
        rounds.probe_once(deadline).await;
        for ((name, account), verified) in accounts.into_iter().zip(verified) {
            // a token that was not accepted is verified again, since the responses to the poll show if it is at fault
            let unclear = !matches!(verified, Ok(TokenState { valid: Some(_), .. }));
            let verified = if unclear { account.api.verify_token(deadline).await } else { verified };
            account.api.learn_token(verified.unwrap_or_default());
            kept.report_account(name, *account.api.facts().borrow()).await;
        }
        kept.published().await;

        let (snapshot, missing) = choice.narrow(&kept.snapshot())?;
        let judge = Judge::new(Arc::new(snapshot), thresholds, clock.now().into());
        let verdict = judge.verdict();
        self.write(judge, states, &telemetry)?;
        let missing = (!missing.is_empty()).then(|| {
            let missing = choice::listed(&missing);
            format!("--hostname: no association of {missing} was found")
        });
        let incomplete = [unsent::line(&unsent), missing];
        let incomplete =
            incomplete.into_iter().flatten().map(|line| super::print_error(&anyhow::anyhow!(line)));
        Ok(if incomplete.count() > 0 { verdict.max(Verdict::Unknown) } else { verdict })
    }

    fn thresholds(&self, configured: Thresholds) -> anyhow::Result<Thresholds> {
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        let thresholds = Thresholds {
            warning: self.warning.map_or(configured.warning, seconds),
            critical: self.critical.map_or(configured.critical, seconds),
            ..configured
        };
        let Thresholds { warning, critical, .. } = thresholds;
        anyhow::ensure!(
            thresholds.is_ordered(),
            "--critical: expected at most the warning threshold of {}, found {}",
            Span(warning),
            Span(critical)
        );
        Ok(thresholds)
    }

    fn write(&self, judge: Judge, states: States, telemetry: &Telemetry) -> anyhow::Result<()> {
        let mut text = Vec::new();
        match self.format {
            Format::Table => {
                let colour = self.output.is_none() && super::logs::is_colourful(&std::io::stdout());
                text.extend_from_slice(table::table(&judge, colour).as_bytes());
            }
            Format::Json => text = http::everything(judge),
            Format::Prometheus => {
                let scheduled = self.every.is_some();
                let mut page = Page::textfile(judge, TextFormat::Text, states, telemetry, scheduled);
                while page.fill(&mut text, usize::MAX) {}
            }
        }
        match &self.output {
            Some(path) => file::replace(path, OUTPUT_MODE, |out| out.write_all(&text))
                .with_context(|| format!("--output: cannot write {}", path.display())),
            None => super::print(std::str::from_utf8(&text)?),
        }
    }
}

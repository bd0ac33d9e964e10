//! `check`: polls once, prints the result, and exits with its verdict.

mod table;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{Config, Files, Secrets};
use crate::daemon::Accounts;
use crate::domain::{Date, Hostname, Snapshot, Targets, Thresholds, Verdict, ZoneTarget};
use crate::file;
use crate::http::status_json;
use crate::keeper::Keeper;
use crate::metrics::{Format as TextFormat, Page, States};
use crate::poll::{Poller, Setup};
use crate::telemetry::Telemetry;

/// Polls once and prints the result.
///
/// Exit code: 2 for something critical (expired or nearly, not as expected, timed out), else 1 for a warning (expires
/// soon, PEM and metadata disagree), else 3 for something that could not be read, else 0.
#[derive(Args)]
pub(super) struct Check {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Output format; `prometheus` is for the textfile collector.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Replace this file, in one step, instead of printing to stdout.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Warn of a certificate that expires sooner than this.
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = super::duration)]
    warning: Duration,
    /// A certificate that expires sooner than this is critical.
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = super::duration)]
    critical: Duration,
    /// Give up after this time.
    #[arg(long, value_name = "DURATION", default_value = "55s", value_parser = super::duration)]
    timeout: Duration,
    /// Check only this zone, named as in the configuration; may be repeated.
    #[arg(long, value_name = "ZONE")]
    zone: Vec<String>,
    /// Check only this hostname; may be repeated.
    #[arg(long, value_name = "HOSTNAME")]
    hostname: Vec<Hostname>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A table for people.
    Table,
    /// The JSON of /api/v1/status.
    Json,
    /// The metrics of hostnames, zones and certificates.
    Prometheus,
}

/// The exit code of a check that failed; 1 would be a warning.
pub(super) const UNKNOWN: u8 = 3;

/// Readable by all, since collectors run as other users.
const OUTPUT_MODE: u32 = 0o644;

impl Check {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let verdict = self.check().await.unwrap_or_else(|error| {
            super::complain(&error);
            Verdict::Unknown
        });
        Ok(ExitCode::from(match verdict {
            Verdict::Ok => 0,
            Verdict::Warning => 1,
            Verdict::Critical => 2,
            Verdict::Unknown => UNKNOWN,
        }))
    }

    async fn check(&self) -> anyhow::Result<Verdict> {
        let deadline = Instant::now() + self.timeout;
        let config = Config::load(&self.config, Secrets::Check, &mut Files::default())?;
        let targets = self.chosen(&config.targets)?;
        let (clock, telemetry) = (Clock::system(), Arc::new(Telemetry::new()?));
        let accounts = Accounts::new(Arc::clone(&telemetry), clock.clone()).update(&config.accounts)?;
        let (_setup, setup) = watch::channel(Arc::new(Setup { accounts, gap: self.timeout }));
        let (keeper, kept) = Keeper::new(Snapshot::default().retarget(&targets));
        tokio::spawn(keeper.run(CancellationToken::new()));
        Poller::new(setup, kept.clone(), telemetry, clock.clone()).poll_once(deadline).await;

        let snapshot = kept.snapshot();
        let (thresholds, now) = (self.thresholds(), clock.now().into());
        self.write(&snapshot, config.serving.states, thresholds, now)?;
        let zones = snapshot.zones().iter();
        // an unread zone is unknown, even if it has no configured hostnames
        let unread = zones.clone().filter(|zone| !zone.is_up()).map(|_| Verdict::Unknown);
        let verdicts = zones.flat_map(|zone| zone.entries()).map(|entry| entry.verdict(thresholds, now));
        Ok(verdicts.chain(unread).max().unwrap_or(Verdict::Ok))
    }

    /// The targets to check: all, or those of the given zones and hostnames.
    fn chosen(&self, targets: &Targets) -> anyhow::Result<Targets> {
        let zones = targets.zones().iter();
        let zones =
            zones.filter(|zone| self.zone.is_empty() || self.zone.iter().any(|asked| is(zone, asked)));
        let chosen = zones.map(|zone| {
            let mut hostnames = zone.hostnames().to_vec();
            let mut extent = zone.extent();
            if !self.hostname.is_empty() {
                hostnames.retain(|target| self.hostname.contains(&target.hostname));
                // no other hostname is wanted
                extent.discovered = None;
            }
            ZoneTarget::clone(zone).with_hostnames(hostnames).with_extent(extent)
        });
        let chosen =
            Targets::new(chosen.filter(|zone| self.hostname.is_empty() || !zone.hostnames().is_empty()));
        // a check of nothing would always be ok
        for asked in &self.zone {
            let known = targets.zones().iter().any(|zone| is(zone, asked));
            anyhow::ensure!(known, "--zone: the configuration has no zone {asked}");
        }
        for asked in &self.hostname {
            let mut zones = chosen.zones().iter();
            let known = zones.any(|zone| zone.hostnames().iter().any(|target| target.hostname == *asked));
            anyhow::ensure!(known, "--hostname: the configuration has no hostname {asked} there");
        }
        Ok(chosen)
    }

    fn thresholds(&self) -> Thresholds {
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        Thresholds { warning: seconds(self.warning), critical: seconds(self.critical) }
    }

    fn write(
        &self,
        known: &Arc<Snapshot>,
        states: States,
        thresholds: Thresholds,
        now: Date,
    ) -> anyhow::Result<()> {
        let mut text = Vec::new();
        match self.format {
            Format::Table => {
                let colour = self.output.is_none() && super::logs::is_colourful(&std::io::stdout());
                text.extend_from_slice(table::table(known, thresholds, now, colour).as_bytes());
            }
            Format::Json => status_json(Arc::clone(known), thresholds, now, &mut text),
            Format::Prometheus => {
                let mut page = Page::textfile(Arc::clone(known), TextFormat::Text, states, now);
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

/// Whether the zone has that name or id.
fn is(zone: &ZoneTarget, asked: &str) -> bool {
    asked.parse().is_ok_and(|name| zone.name() == Some(&name))
        || asked.parse().is_ok_and(|id| zone.id() == Some(id))
}

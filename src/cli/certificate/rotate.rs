//! The command `certificate rotate`.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::origins::{Offers, Presented};
use super::pair::Files;
use super::pins::Known;
use super::{Hush, Store as Level, story};
use crate::change::{Halt, Progress, Rotation, RotationPlan, Rotator, Step};
use crate::cli::columns::columns;
use crate::cli::question;
use crate::cli::reach::{Api, NOT_YET, Reach, ZoneArgument, explained};
use crate::cloudflare::Purpose;
use crate::domain::{Association, CertId};
use crate::keypair::KeyPair;

/// Replaces a certificate with another one for all hostnames that use it.
///
/// It offers the new certificate to the origins that the configuration names or that DNS records give, uploads it, waits
/// until it is active, associates all hostnames with it in one request, each enabled or disabled as it was, waits until
/// they are active, and with `--delete-old` deletes the old one. It can be interrupted at any time; the same command resumes it.
#[derive(Args)]
pub(in crate::cli) struct Rotate {
    /// Certificate to replace.
    #[arg(value_name = "OLD_ID")]
    old: CertId,
    /// New certificate in PEM, followed by its intermediate certificates if origins need them.
    #[arg(long, value_name = "FILE", requires = "key", required_unless_present = "to")]
    cert: Option<PathBuf>,
    /// Private key of the new certificate in PEM, unencrypted; `-` reads standard input and requires `--yes`.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Accept a key file that other users may read.
    #[arg(long)]
    insecure_key_mode: bool,
    /// Use this certificate of the zone instead of uploading one.
    #[arg(long, value_name = "ID", conflicts_with_all = ["cert", "key"])]
    to: Option<CertId>,
    /// Store of the certificates.
    #[arg(long, value_enum, default_value_t = Level::Hostname)]
    level: Level,
    /// Delete the old certificate at the end. While it is kept, going back takes one command.
    #[arg(long)]
    delete_old: bool,
    /// Continue even if an origin refuses the new certificate, or names only CAs that did not issue it.
    #[arg(long)]
    force: bool,
    /// Maximum time to wait until a step is in force.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = crate::cli::duration)]
    wait_timeout: Duration,
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
    /// Print the plan, and change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    reach: Reach,
}

impl Rotate {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let files = self.cert.clone().zip(self.key.clone());
        let files = files.map(|(cert, key)| Files { cert, key, insecure_key_mode: self.insecure_key_mode });
        question::check(self.yes || self.dry_run, files.as_ref().is_some_and(Files::is_stdin))?;
        let pair = files.map(|files| files.read()).transpose()?;
        let hush = Hush(pair.as_ref().map(|pair| pair.key().clone()));
        self.rotate(pair.as_ref(), &hush).await.map_err(|error| hush.error(&error))
    }

    async fn rotate(&self, pair: Option<&KeyPair>, hush: &Hush) -> anyhow::Result<ExitCode> {
        let api = self.reach.api(Purpose::Write).await?;
        if let Some(pair) = pair {
            api.client.guard(pair.key());
        }
        let rotation =
            Rotation { level: self.level.into(), old: self.old.clone(), delete_old: self.delete_old };
        let new = match (pair, &self.to) {
            (Some(pair), _) => Ok(pair),
            (None, to) => {
                Err(to.as_ref().context("--cert and --key, or --to: expected a new certificate")?)
            }
        };
        let rotator = Rotator {
            client: &api.client,
            zone: api.zone,
            rotation: &rotation,
            new,
            policy: api.wait_policy(self.wait_timeout),
            stop: CancellationToken::new(),
        };
        let (plan, store) = rotator.plan().await.map_err(|halt| why(&halt).context("nothing was changed"))?;
        let known = Known::read(&self.reach.access, &api, &self.old).await;
        let offers = match pair {
            Some(pair) => Offers::make(pair, &api, &known, &self.presented(&api, &plan).await).await,
            None => Offers::default(),
        };
        let shown = story::Plan {
            api: &api,
            rotation: &rotation,
            pair,
            plan: &plan,
            store: &store,
            known: &known,
            offers: &offers,
        };
        let shown = shown.text();
        if self.dry_run {
            hush.print(&shown)?;
        } else {
            hush.tell(&shown);
        }
        let refusals = offers.refusals();
        if refusals > 0 && !self.force {
            bail!(
                "nothing was changed: {refusals} of {} origins would refuse the new certificate: first make them \
                 trust the CAs of both certificates, or give --force",
                offers.made.len()
            );
        }
        if self.dry_run || plan.step() == Step::Done {
            return Ok(ExitCode::SUCCESS);
        }
        if !self.yes {
            question::confirm()?;
        }
        stop_on_signals(&rotator.stop)?;
        let mut told = None;
        let ended = rotator.run(&plan, !self.yes, |progress| {
            tell(hush, &rotation, &mut told, &progress);
        });
        match ended.await {
            Ok(plan) => {
                hush.print(&ended_text(&rotation, &plan))?;
                hush.tell(&story::pins(&known, plan.new.as_ref().map(|new| &new.id)));
                Ok(ExitCode::SUCCESS)
            }
            Err((halt, plan)) => {
                let zone = match &self.reach.zone {
                    ZoneArgument::Name(name) => name.to_string(),
                    ZoneArgument::Id(id) => id.to_string(),
                };
                hush.tell(&story::halted(&rotation, &plan, &halt, &zone, &self.reach.access.words()));
                match halt {
                    Halt::TimedOut(_) => {
                        hush.tell(&format!("{halt}\n"));
                        Ok(ExitCode::from(NOT_YET))
                    }
                    halt => Err(why(&halt).context("the rotation stopped half-way")),
                }
            }
        }
    }

    /// Returns the hostnames whose origins will be presented the new certificate.
    async fn presented(&self, api: &Api, plan: &RotationPlan) -> Presented {
        if self.level != Level::Zone {
            let enabled = plan.moves.iter().filter(|(_, state)| state.association == Association::Enabled);
            let enabled = enabled.map(|(hostname, _)| hostname);
            return Presented { to: enabled.chain(&plan.pending).cloned().collect(), own: None };
        }
        // a hostname with a certificate of its own does not use the zone's
        let listed = api.client.associations(api.zone, api.deadline(1), |_| true).await;
        let rows = listed.ok().flatten().unwrap_or_default().rows.into_iter();
        let (own, others): (Vec<_>, Vec<_>) =
            rows.partition(|row| row.association == Some(Association::Enabled));
        let own: HashSet<_> = own.into_iter().map(|row| row.hostname).collect();
        Presented { to: others.into_iter().map(|row| row.hostname).collect(), own: Some(own) }
    }
}

/// Prints progress, each step once.
fn tell(hush: &Hush, rotation: &Rotation, told: &mut Option<Step>, progress: &Progress<'_>) {
    match progress {
        Progress::Step(step, plan, _) => {
            if told.replace(*step) != Some(*step) {
                hush.tell(&story::step(*step, rotation, plan));
            }
        }
        Progress::Uploaded(id) => hush.tell(&format!("Certificate {id} is uploaded\n")),
        Progress::Failed(what, error) => hush.tell(&format!("{what}: {error}; trying again\n")),
        Progress::Changed(plan) => {
            let names: Vec<_> = plan.moves.iter().map(|(hostname, _)| hostname.as_str()).collect();
            hush.tell(&format!(
                "The hostnames that use the old certificate have changed since they were shown: {}\n",
                if names.is_empty() { "none is left".to_owned() } else { names.join(", ") }
            ));
        }
    }
}

/// Stops the rotation on a signal, after the current request. A second signal exits at once.
fn stop_on_signals(stop: &CancellationToken) -> anyhow::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stop = stop.clone();
    tokio::spawn(async move {
        for is_first in [true, false] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if is_first {
                question::tell("Stopping after the current request\n");
                stop.cancel();
            }
        }
        std::process::exit(1);
    });
    Ok(())
}

fn why(halt: &Halt) -> anyhow::Error {
    match halt {
        Halt::Api(what, error) => {
            let is_reading = what.starts_with("list") || *what == "certificate" || *what == "association";
            explained(what, error, if is_reading { Purpose::List } else { Purpose::Write })
        }
        halt => anyhow::anyhow!("{halt}"),
    }
}

/// Formats the hostnames with their certificate, and says if the old one was deleted.
fn ended_text(rotation: &Rotation, plan: &RotationPlan) -> String {
    let new = plan.new.as_ref().map_or("-", |new| new.id.as_str());
    let rows = plan.done.iter().map(|name| vec![name.to_string(), "active".to_owned(), new.to_owned()]);
    let old = match plan.old {
        crate::change::Old::Present => "stays",
        crate::change::Old::Gone => "is deleted",
    };
    let table = columns(&["HOSTNAME", "STATUS", "CERTIFICATE"], rows);
    let table = if plan.done.is_empty() { format!("Certificate {new} is active.\n") } else { table };
    format!("{table}The old certificate {} {old}.\n", rotation.old)
}

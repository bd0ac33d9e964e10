//! A change, from its plan until it is in force.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::view;
use super::warning::warning;
use crate::change::{Awaited, Desired, Phase, Plan, State, wait};
use crate::cli::question;
use crate::cli::reach::{Api, NOT_YET, Reach, explained};
use crate::cloudflare::Purpose;
use crate::domain::{Hostname, Reading, Status};

#[derive(Args)]
pub(super) struct Apply {
    /// Hostnames to change; one request changes all of them or none.
    #[arg(value_name = "HOST", required = true)]
    hostnames: Vec<Hostname>,
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
    /// Print what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Wait until the change is in force.
    #[arg(long)]
    wait: bool,
    /// Maximum time to wait.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = crate::cli::duration)]
    wait_timeout: Duration,
    #[command(flatten)]
    reach: Reach,
}

impl Apply {
    pub(super) async fn run(mut self, desired: &Desired) -> anyhow::Result<ExitCode> {
        question::check(self.yes || self.dry_run, false)?;
        self.hostnames.sort();
        self.hostnames.dedup();
        let api = self.reach.api(Purpose::Write).await?;
        let (plan, readings) = self.plan(&api, desired).await?;
        let warning = warning(&api, desired, &plan).await;
        let shown = format!("Zone {}:\n{}{warning}", api.zone_name(), view::plan(&plan));
        if self.dry_run {
            crate::cli::print(&shown)?;
            return Ok(ExitCode::SUCCESS);
        }
        question::tell(&shown);
        let mut awaited = awaited(readings);
        if !plan.steps.is_empty() {
            if !self.yes {
                question::confirm()?;
                // another client may have changed something meanwhile
                let (again, _) = self.plan(&api, desired).await?;
                ensure!(
                    again == plan,
                    "nothing was changed: the associations have changed since the plan was shown"
                );
            }
            put(&api, &plan, &mut awaited).await?;
        }
        let code = if self.wait {
            // the response to a change is not yet what a GET returns
            for one in awaited.iter_mut().filter(|one| plan.is_changing(&one.hostname)) {
                one.reading = None;
            }
            self.wait(&api, desired, &mut awaited).await?
        } else {
            ExitCode::SUCCESS
        };
        crate::cli::print(&view::states(&awaited))?;
        Ok(code)
    }

    /// Returns the plan, and the readings that it is based on.
    async fn plan(&self, api: &Api, desired: &Desired) -> anyhow::Result<(Plan, Vec<(Hostname, Reading)>)> {
        let deadline = api.deadline(self.hostnames.len());
        let read = self.hostnames.iter().map(async |hostname| {
            api.check_zone(hostname)?;
            let reading = api.client.hostname(api.zone, hostname, deadline).await;
            let reading = reading.map_err(|error| explained(hostname, &error, Purpose::Read))?;
            Ok::<_, anyhow::Error>((hostname.clone(), reading))
        });
        let readings = try_join_all(read).await?;
        let plan = Plan::new(desired, &readings).map_err(|refusals| {
            let refusals: Vec<_> = refusals.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("nothing was changed: {}", refusals.join("\n       "))
        })?;
        check_cap(api, &plan).await?;
        Ok((plan, readings))
    }

    async fn wait(&self, api: &Api, desired: &Desired, awaited: &mut [Awaited]) -> anyhow::Result<ExitCode> {
        let policy = api.wait_policy(self.wait_timeout);
        let (start, progress, all) = (Instant::now(), question::Progress::new(), awaited.len());
        progress.show("Waiting until the change is in force");
        let waited = wait(&api.client, api.zone, desired, awaited, policy, |awaited| {
            let seconds = start.elapsed().as_secs();
            let done = awaited.iter().filter(|one| one.phase(desired) == Phase::InForce).count();
            progress.show(&format!("Waiting until the change is in force: {done} of {all}, {seconds} s"));
        });
        let waited = waited.await;
        drop(progress);
        waited.map_err(|(hostname, error)| {
            let error = explained(hostname, &error, Purpose::Read);
            error.context("the change is made, but it is unknown if it is in force")
        })?;
        let of = |phase| {
            let hostnames = awaited.iter().filter(|one| one.phase(desired) == phase);
            hostnames.map(|one| one.hostname.as_str()).collect::<Vec<_>>().join(", ")
        };
        let (given_up, pending) = (of(Phase::GivenUp), of(Phase::Pending));
        if !given_up.is_empty() {
            question::tell(&format!("The change timed out at Cloudflare, request it again: {given_up}\n"));
            return Ok(ExitCode::FAILURE);
        }
        if !pending.is_empty() {
            question::tell(&format!("The change is made but not yet in force: {pending}\n"));
            return Ok(ExitCode::from(NOT_YET));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Returns all hostnames that were read, to wait for their changes.
fn awaited(readings: Vec<(Hostname, Reading)>) -> Vec<Awaited> {
    let awaited = readings.into_iter();
    let awaited = awaited.map(|(hostname, reading)| Awaited {
        hostname,
        before: Some(State::from(&reading)),
        reading: Some(reading),
    });
    awaited.collect()
}

/// Refuses a plan that gives a certificate too many associations.
async fn check_cap(api: &Api, plan: &Plan) -> anyhow::Result<()> {
    let Some(cert_id) = plan.grows() else { return Ok(()) };
    let listed = api.client.associations(api.zone, api.deadline(1), |_| true).await;
    let unchecked = match &listed {
        Ok(Some(listed)) if listed.complete => None,
        Ok(_) => Some("the list of associations is not complete".to_owned()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(why) = unchecked {
        question::tell(&format!(
            "The number of associations of certificate {cert_id} could not be checked: {why}\n"
        ));
    }
    // without the list, only the associations that the plan adds are counted
    let rows = listed.ok().flatten().unwrap_or_default().rows;
    let present = rows.iter().filter(|row| row.status != Some(Status::Deleted));
    let present = present.filter(|row| row.cert_id.as_ref() == Some(cert_id)).map(|row| &row.hostname);
    plan.check_cap(present).map_err(|refusal| anyhow::anyhow!("nothing was changed: {refusal}"))
}

/// Requests the changes, and keeps the reading of each hostname in the response.
async fn put(api: &Api, plan: &Plan, awaited: &mut [Awaited]) -> anyhow::Result<()> {
    let changes = plan.changes();
    let answered = api.client.put_hostnames(api.zone, &changes, api.deadline(1)).await;
    let answered = answered.map_err(|error| {
        let what = if error.may_have_succeeded() {
            "it is unknown if the change was made"
        } else {
            "nothing was changed"
        };
        explained(what, &error, Purpose::Write)
    })?;
    for (change, reading) in changes.iter().zip(answered) {
        if reading.is_none() {
            question::tell(&format!("Cloudflare's response does not mention {}\n", change.hostname));
        }
        for one in awaited.iter_mut().filter(|one| one.hostname == change.hostname) {
            one.reading.clone_from(&reading);
        }
    }
    Ok(())
}

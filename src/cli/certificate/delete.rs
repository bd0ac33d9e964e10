//! The command `certificate delete`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{bail, ensure};
use clap::Args;
use tokio::time::{Instant, sleep};

use super::Store;
use crate::change::read_store;
use crate::cli::question::{self, tell};
use crate::cli::reach::{Api, NOT_YET, Reach, explained};
use crate::cloudflare::{ListedCertificate, Purpose};
use crate::domain::{CertId, Level, Status};

/// Deletes a certificate that no hostname uses. Waits until the certificate is deployed, since Cloudflare does not delete
/// it before.
///
/// The last active zone-level certificate is deleted only with `--force`, since Cloudflare would present none.
#[derive(Args)]
pub(in crate::cli) struct Delete {
    /// Certificate to delete.
    #[arg(value_name = "ID")]
    id: CertId,
    /// Store of the certificate.
    #[arg(long, value_enum, default_value_t = Store::Hostname)]
    level: Store,
    /// Delete even the last active zone-level certificate.
    #[arg(long)]
    force: bool,
    /// Maximum time to wait until the certificate is deployed.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = crate::cli::duration)]
    wait_timeout: Duration,
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
    /// Print what would be deleted, and delete nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    reach: Reach,
}

impl Delete {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        question::check(self.yes || self.dry_run, false)?;
        let (api, level) = (self.reach.api(Purpose::Write).await?, Level::from(self.level));
        let store = read_store(&api.client, api.zone, level, &[&self.id], || api.deadline(1)).await;
        let store = store.map_err(|(what, error)| explained(what, &error, Purpose::List))?;
        let (label, id) = (level.label(), &self.id);
        let Some(known) = store.certificate(id) else {
            bail!("the zone has no {label} certificate {id}: \"certificate list\" shows its certificates")
        };
        if known.is_gone() {
            tell("The certificate is already deleted or being deleted.\n");
            return Ok(ExitCode::SUCCESS);
        }
        let users: Vec<_> = store.users(id).map(|(hostname, _)| hostname.as_str()).collect();
        ensure!(
            users.is_empty(),
            "nothing was changed: certificate {id} is still associated with {}; \"certificate rotate\" gives them another \
             one, \"hostname void\" removes their associations",
            users.join(", ")
        );
        let mut others = store.certificates.iter().filter(|other| other.id != *id);
        let is_last = level == Level::Zone && !others.any(ListedCertificate::is_active);
        ensure!(
            !is_last || self.force,
            "nothing was changed: no other zone-level certificate is active, so Cloudflare would present none; \
             --force deletes it anyway"
        );
        tell(&format!("Zone {}:\ndelete  {label} certificate {id}\n", api.zone_name()));
        if self.dry_run {
            return Ok(ExitCode::SUCCESS);
        }
        if !self.yes {
            question::confirm()?;
        }
        if known.status.is_some_and(Status::is_pending) && !self.is_deployed(&api).await? {
            tell("Nothing was deleted: the certificate is still being deployed\n");
            return Ok(ExitCode::from(NOT_YET));
        }
        match api.client.delete_certificate(api.zone, level, id, api.deadline(1)).await {
            Ok(()) => Ok(ExitCode::SUCCESS),
            // an earlier attempt, whose response was lost, may have deleted it
            Err(error) => match api.client.certificate(api.zone, level, id, api.deadline(1)).await {
                Ok(Some(known)) if known.is_gone() => Ok(ExitCode::SUCCESS),
                _ => Err(explained("the certificate was not deleted", &error, Purpose::Write)),
            },
        }
    }

    /// Waits until the certificate is no longer being deployed; returns false if that takes too long.
    async fn is_deployed(&self, api: &Api) -> anyhow::Result<bool> {
        tell("Waiting until the certificate is deployed, since Cloudflare does not delete it before\n");
        let policy = api.wait_policy(self.wait_timeout);
        let (end, mut pause) = (Instant::now() + policy.limit, policy.first);
        while Instant::now() < end {
            sleep(pause.min(end.saturating_duration_since(Instant::now()))).await;
            pause = (pause * 2).min(policy.longest);
            let known = api.client.certificate(api.zone, self.level.into(), &self.id, api.deadline(1)).await;
            let known = known.map_err(|error| explained("certificate", &error, Purpose::Read))?;
            if !known.and_then(|known| known.status).is_some_and(Status::is_pending) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

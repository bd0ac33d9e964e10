//! The command `certificate upload`.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use super::pair::Files;
use super::{Hush, Store, story};
use crate::change::read_store;
use crate::cli::question;
use crate::cli::reach::{Api, Reach, explained};
use crate::cloudflare::Purpose;
use crate::domain::{CertId, Level};
use crate::keypair::KeyPair;

/// Uploads a certificate with its private key, after checking both, and prints its id.
///
/// A certificate that the zone already has, by serial number and issuer, is not uploaded again.
#[derive(Args)]
pub(in crate::cli) struct Upload {
    #[command(flatten)]
    files: Files,
    /// Store for the certificate.
    #[arg(long, value_enum, default_value_t = Store::Hostname)]
    level: Store,
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
    /// Print what would be uploaded, and upload nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    reach: Reach,
}

impl Upload {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        question::check(self.yes || self.dry_run, self.files.is_stdin())?;
        let pair = self.files.read()?;
        let hush = Hush(Some(pair.key().clone()));
        self.upload(&pair, &hush).await.map_err(|error| hush.error(&error))
    }

    async fn upload(&self, pair: &KeyPair, hush: &Hush) -> anyhow::Result<ExitCode> {
        let api = self.reach.api(Purpose::Write).await?;
        api.client.guard(pair.key());
        let level = self.level.into();
        if let Some(id) = find(&api, level, pair).await? {
            hush.tell("The zone has this certificate already: nothing was uploaded.\n");
            hush.print(&format!("{id}\n"))?;
            return Ok(ExitCode::SUCCESS);
        }
        hush.tell(&story::upload(&api, level, pair));
        if self.dry_run {
            return Ok(ExitCode::SUCCESS);
        }
        if !self.yes {
            question::confirm()?;
        }
        let id = match api.client.upload(api.zone, level, pair, api.deadline(1)).await {
            Ok(uploaded) => Some(uploaded.id),
            Err(error) if error.is_of_twin() || error.may_have_succeeded() => {
                // the response may be lost although the certificate was uploaded
                let found = find(&api, level, pair).await;
                let what =
                    "it is unknown if the certificate was uploaded; run the same command again to find out";
                found.map_err(|_| explained(what, &error, Purpose::Write))?.or_else(|| {
                    hush.tell(&format!("{:#}\n", explained("uploading", &error, Purpose::Write)));
                    None
                })
            }
            Err(error) => return Err(explained("nothing was uploaded", &error, Purpose::Write)),
        };
        let Some(id) = id else { bail!("the certificate was not uploaded: try again") };
        hush.print(&format!("{id}\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Returns the id of the certificate if the store has it. Fails if the store does not have it and is full.
async fn find(api: &Api, level: Level, pair: &KeyPair) -> anyhow::Result<Option<CertId>> {
    let store = read_store(&api.client, api.zone, level, &[], || api.deadline(1)).await;
    let store = store.map_err(|(what, error)| explained(what, &error, Purpose::List))?;
    match store.twin_of(pair.leaf()) {
        Some(twin) => Ok(Some(twin.id.clone())),
        None => store.check_room(level).map(|()| None).map_err(Into::into),
    }
}

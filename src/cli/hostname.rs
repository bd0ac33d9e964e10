//! The command `hostname`, which reads and changes associations.

mod apply;
mod every_zone;
mod judged;
mod rows;
mod view;
mod warning;

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use super::access::Access;
use super::question;
use super::reach::{self, Api, Reach, ZoneArgument};
use crate::change::Desired;
use crate::clock::Clock;
use crate::cloudflare::{Associations, Purpose};
use crate::domain::{CertId, Hostname as Name, Status};
use crate::poll;
use apply::Apply;
use judged::Judged;
use rows::Row;

/// Reads and changes the associations of hostnames with client certificates.
///
/// Unless a configuration is named, changes are made with the token in CLOUDFLARE_API_TOKEN, whether or not there is a
/// default configuration file: the exporter's own token should not be allowed to change anything.
///
/// Exit code: 0 on success, 1 if the command was refused or failed, 2 if the command line is invalid, 3 if the change
/// is made but not in force after `--wait-timeout`, or if `list` could not read all zones.
#[derive(Subcommand)]
pub(super) enum Hostname {
    Get(Get),
    List(List),
    Enable(Enable),
    Disable(Disable),
    Void(Void),
}

/// Shows the association of a hostname, its certificate, and what is wrong with them.
#[derive(Args)]
pub(super) struct Get {
    /// Hostname to show.
    #[arg(value_name = "HOST")]
    hostname: Name,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    reach: Reach,
}

/// Lists all associations, except deleted ones, with the ends of their certificates and what is wrong.
#[derive(Args)]
pub(super) struct List {
    /// Zone to list. Without it, all watched zones are read within `--timeout`.
    #[arg(long, value_name = "NAME_OR_ID")]
    zone: Option<ZoneArgument>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    access: Access,
}

/// Makes Cloudflare present a certificate to the origins of hostnames, instead of any other.
#[derive(Args)]
pub(super) struct Enable {
    /// Certificate to present, from the zone's certificates for hostnames.
    #[arg(long, value_name = "ID")]
    cert_id: CertId,
    #[command(flatten)]
    apply: Apply,
}

/// Makes Cloudflare present no certificate; the associations stay.
#[derive(Args)]
pub(super) struct Disable {
    /// Refuse unless the hostnames are associated with this certificate.
    #[arg(long, value_name = "ID")]
    cert_id: Option<CertId>,
    #[command(flatten)]
    apply: Apply,
}

/// Removes the associations of hostnames, which takes some minutes.
///
/// `--wait` waits until the API shows the association as void, or no longer shows it. Disabled counts as void if the
/// association was enabled before or has lost its certificate.
#[derive(Args)]
pub(super) struct Void {
    /// Refuse unless the hostnames are associated with this certificate.
    #[arg(long, value_name = "ID")]
    cert_id: Option<CertId>,
    #[command(flatten)]
    apply: Apply,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A table for people.
    Table,
    /// JSON for programs.
    Json,
}

impl Hostname {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Get(get) => get.run().await,
            Self::List(list) => list.run().await,
            Self::Enable(Enable { cert_id, apply }) => apply.run(&Desired::Enabled(cert_id)).await,
            Self::Disable(Disable { cert_id, apply }) => apply.run(&Desired::Disabled(cert_id)).await,
            Self::Void(Void { cert_id, apply }) => apply.run(&Desired::Void(cert_id)).await,
        }
    }
}

impl Get {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let api = self.reach.api(Purpose::Read).await?;
        api.check_zone(&self.hostname)?;
        let reading = api.client.hostname(api.zone, &self.hostname, api.deadline(1)).await;
        let reading = reading.map_err(|error| reach::explained(&self.hostname, &error, Purpose::Read))?;
        let judged = Judged::new(&api, vec![(self.hostname.clone(), reading.clone())]);
        super::print(&match self.format {
            Format::Table => view::details(&self.hostname, &reading, &judged),
            Format::Json => view::details_json(&self.hostname, &reading, &judged)?,
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let Some(zone) = self.zone else { return every_zone::list(&self.access, self.format).await };
        let api = Reach { zone, access: self.access }.api(Purpose::List).await?;
        let listed = api.client.associations(api.zone, api.deadline(1), |_| true).await;
        let listed =
            listed.map_err(|error| reach::explained("list of associations", &error, Purpose::List))?;
        let listed = listed.unwrap_or_default();
        let (complete, rows) = (listed.complete, listed.rows.iter());
        let mut rows: Vec<_> = rows.filter(|row| row.status != Some(Status::Deleted)).cloned().collect();
        rows.sort_by(|a, b| (&a.hostname, a.updated_at).cmp(&(&b.hostname, b.updated_at)));
        let judged = judged(&api, listed).await?;
        let rows: Vec<_> = rows.iter().map(|row| Row::listed(row, &judged)).collect();
        super::print(&match self.format {
            Format::Table => rows::table(&rows, judged.now(), false),
            Format::Json => rows::array(rows)?,
        })?;
        if !complete {
            question::tell("The list is not complete: it changed while it was read. Try again.\n");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Joins the associations with their certificates. Reads a hostname by itself if the lists do not suffice.
async fn judged(api: &Api, listed: Associations) -> anyhow::Result<Judged> {
    let certificates = api.client.hostname_certificates(api.zone, api.deadline(1)).await;
    let certificates =
        certificates.map_err(|error| reach::explained("list of certificates", &error, Purpose::List))?;
    let mut readings = Vec::new();
    for (hostname, reading) in poll::join(listed, &certificates.rows, Clock::system().now().into()).hostnames
    {
        let reading = match reading {
            Ok(reading) => reading,
            Err(_) => api
                .client
                .hostname(api.zone, &hostname, api.deadline(1))
                .await
                .map_err(|error| reach::explained(&hostname, &error, Purpose::Read))?,
        };
        readings.push((hostname, reading));
    }
    Ok(Judged::new(api, readings))
}

//! The commands `certificate list` and `certificate get`.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use super::Store;
use crate::change::CAP;
use crate::cli::columns::{columns, end, messages, printable};
use crate::cli::question;
use crate::cli::reach::{Api, Reach, explained};
use crate::clock::Clock;
use crate::cloudflare::Purpose;
use crate::domain::{
    CertId, Certificate, Extent, Judge, Level, Outcome, Snapshot, Status, Targets, Told, ZoneCertificate,
    ZoneState,
};
use crate::http::CertificateRow;
use crate::poll;

/// Lists the certificates of a zone, except deleted ones: when they end, how many hostnames use them, and what is
/// wrong.
#[derive(Args)]
pub(in crate::cli) struct List {
    /// Store to list [default: both].
    #[arg(long, value_enum)]
    level: Option<Store>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    reach: Reach,
}

/// Shows a certificate of either store, even a deleted one.
#[derive(Args)]
pub(in crate::cli) struct Get {
    /// Certificate to show.
    #[arg(value_name = "ID")]
    id: CertId,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A table for people.
    Table,
    /// JSON for programs, as in /api/v1/certificates.
    Json,
}

impl List {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let api = self.reach.api(Purpose::List).await?;
        let known = read(&api).await?;
        let judge = judge(&api, known);
        let zone = zone(&judge)?;
        let is_wanted =
            |known: &&ZoneCertificate| self.level.is_none_or(|level| Level::from(level) == known.level);
        let mut rows: Vec<_> = zone.certificates().iter().filter(is_wanted).collect();
        rows.sort_by_key(|known| (known.level, known.certificate.ends()));
        let header = ["VERDICT", "LEVEL", "CERTIFICATE", "STATUS", "HOSTNAMES", "ENDS", "ISSUER", "FINDINGS"];
        crate::cli::print(&match self.format {
            Format::Table => columns(&header, rows.into_iter().map(|known| cells(&judge, zone, known))),
            Format::Json => {
                let rows = rows.into_iter().map(|known| CertificateRow::new(&judge, zone, known));
                crate::cli::json(&rows.collect::<Vec<_>>())?
            }
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Get {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let api = self.reach.api(Purpose::Read).await?;
        let mut known = read(&api).await?;
        if known.iter().all(|known| known.id != self.id) {
            known.push(deleted(&api, &self.id).await?);
        }
        let asked = known.iter().find(|known| known.id == self.id).cloned().context("no certificate")?;
        let judge = judge(&api, known);
        let zone = zone(&judge)?;
        crate::cli::print(&match self.format {
            Format::Table => details(&judge, zone, &asked),
            Format::Json => crate::cli::json(&CertificateRow::new(&judge, zone, &asked))?,
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Reads all certificates of both stores, with the number of hostnames that use each, if known.
async fn read(api: &Api) -> anyhow::Result<Vec<ZoneCertificate>> {
    let mut known = Vec::new();
    for level in [Level::Hostname, Level::Zone] {
        let listed = api.client.certificates(api.zone, level, api.deadline(1)).await;
        let listed = listed.map_err(|error| {
            explained(format!("list of {}-level certificates", level.label()), &error, Purpose::List)
        })?;
        if !listed.complete {
            question::tell("The list is not complete: it changed while it was read. Try again.\n");
        }
        if level == Level::Zone {
            known.extend(listed.rows.iter().map(|row| row.at(level)));
            continue;
        }
        match api.client.associations(api.zone, api.deadline(1), |_| true).await {
            Ok(associations) => {
                let now = Clock::system().now().into();
                known.extend(poll::join(associations.unwrap_or_default(), &listed.rows, now).certificates);
            }
            Err(error) => {
                let why = explained("list of associations", &error, Purpose::List);
                question::tell(&format!("The number of hostnames that use them is unknown: {why}\n"));
                known.extend(listed.rows.iter().map(|row| row.at(level)));
            }
        }
    }
    Ok(known)
}

/// Reads a certificate that no list contains because it is deleted.
async fn deleted(api: &Api, id: &CertId) -> anyhow::Result<ZoneCertificate> {
    for level in [Level::Hostname, Level::Zone] {
        let found = api.client.certificate(api.zone, level, id, api.deadline(1)).await;
        if let Some(found) = found.map_err(|error| explained(id, &error, Purpose::Read))? {
            return Ok(found.at(level));
        }
    }
    bail!("the zone has no certificate {id}: \"certificate list\" shows its certificates")
}

/// Judges the certificates as the daemon does.
fn judge(api: &Api, known: Vec<ZoneCertificate>) -> Judge {
    let (hostname, zone): (Vec<_>, Vec<_>) =
        known.into_iter().partition(|known| known.level == Level::Hostname);
    let extent = Extent { zone_level: true, ..api.target.extent() };
    let target = api.target.clone().with_hostnames(Vec::new()).with_extent(extent);
    let (key, at) = (target.key().clone(), Clock::system().now().into());
    let listed = Outcome::Listed { hostnames: Vec::new(), present: None, certificates: hostname, at };
    let level = Outcome::ZoneLevel { enabled: Ok(true), certificates: Ok(zone), at };
    let outcomes = [listed, level].map(|outcome| (key.clone(), outcome));
    let snapshot = Snapshot::default().retarget(&Targets::new([target])).fold(outcomes);
    Judge::new(Arc::new(snapshot), api.thresholds, at)
}

fn zone(judge: &Judge) -> anyhow::Result<&ZoneState> {
    judge.snapshot().zones().first().map(|zone| &**zone).context("no zone")
}

fn hostnames(known: &ZoneCertificate) -> String {
    known.hostnames.map_or_else(|| "-".to_owned(), |hostnames| format!("{hostnames}/{CAP}"))
}

fn issuer(certificate: &Certificate) -> String {
    let issuer = certificate.details().issuer.as_deref();
    printable(issuer.or(certificate.pem().map(|pem| &*pem.issuer)).unwrap_or("-"))
}

fn cells(judge: &Judge, zone: &ZoneState, known: &ZoneCertificate) -> Vec<String> {
    let told = judge.tell_certificate(zone, known);
    vec![
        Told::worst(&told).label().to_owned(),
        known.level.label().to_owned(),
        known.id.to_string(),
        known.status.map_or("-", Status::label).to_owned(),
        hostnames(known),
        end(known.certificate.ends(), judge.now()),
        issuer(&known.certificate),
        messages(&told),
    ]
}

fn details(judge: &Judge, zone: &ZoneState, known: &ZoneCertificate) -> String {
    let (told, details) = (judge.tell_certificate(zone, known), known.certificate.details());
    let date = |date: Option<crate::domain::Date>| date.map(|date| jiff::Timestamp::from(date).to_string());
    let pem = known.certificate.pem();
    let rows = [
        ("certificate", Some(known.id.to_string())),
        ("verdict", Some(Told::worst(&told).label().to_owned())),
        ("findings", Some(messages(&told)).filter(|messages| !messages.is_empty())),
        ("level", Some(known.level.label().to_owned())),
        ("status", known.status.map(|status| status.label().to_owned())),
        ("hostnames", Some(hostnames(known))),
        ("issuer", Some(issuer(&known.certificate))),
        ("subject", pem.map(|pem| printable(&pem.subject))),
        ("serial number", details.serial_number.as_deref().map(printable)),
        ("signature", details.signature.as_deref().map(printable)),
        ("begins", date(pem.map(|pem| pem.not_before))),
        ("expires", date(details.expires_on)),
        ("PEM ends", date(pem.map(|pem| pem.not_after))),
        ("ends", Some(end(known.certificate.ends(), judge.now()))),
        ("uploaded", date(known.uploaded_on)),
    ];
    columns(&[], rows.into_iter().filter_map(|(name, value)| Some(vec![name.to_owned(), value?])))
}

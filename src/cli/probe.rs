//! The command `probe`, which tests what origins do with a connection that presents no certificate.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;

use super::check::exit_code;
use super::columns::{columns, end};
use super::configured::Configured;
use crate::clock::Clock;
use crate::config::Secrets;
use crate::domain::{Date, Demand, Hostname, OriginAddress, OriginTarget, Verdict};
use crate::probe::{self, Options, Probed, Prober, Target};

/// Tests what an origin does with a connection that presents no certificate.
///
/// It makes a TLS handshake and sends one GET request. Nothing secret is sent, and no Cloudflare account is needed. The
/// result is `required` (asks for a certificate and refuses without it), `optional` (asks, and serves without it),
/// `none` (does not ask) or `unknown`.
///
/// Exit code: 1 if an origin serves without a certificate, else 3 if one could not be judged or no probe could be made,
/// else 0.
#[derive(Args)]
pub(super) struct Probe {
    /// Hostnames to send in the TLS handshake and in the HTTP request.
    #[arg(required = true, value_name = "HOSTNAME")]
    hostnames: Vec<Hostname>,
    /// Address of the origin; the port defaults to 443. Without it, the configured origins are probed.
    #[arg(long, value_name = "HOST[:PORT]")]
    origin: Option<OriginAddress>,
    #[command(flatten)]
    configured: Configured,
    /// Path to request [default: the configured one, or /].
    #[arg(long, value_name = "PATH", value_parser = path)]
    path: Option<Arc<str>>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Give up on an origin after this time [default: probe.timeout, or 10s].
    #[arg(long, value_name = "DURATION", value_parser = super::duration)]
    timeout: Option<Duration>,
    /// Number of probes of each origin. For tests.
    #[arg(long, hide = true, value_name = "COUNT", default_value_t = 1)]
    repeat: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A table for people.
    Table,
    /// JSON.
    Json,
}

impl Probe {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let verdict = self.probe().await.unwrap_or_else(|error| {
            super::print_error(&error);
            Verdict::Unknown
        });
        Ok(exit_code(verdict))
    }

    async fn probe(&self) -> anyhow::Result<Verdict> {
        let (options, origins) = self.origins().await?;
        let options = Options { timeout: self.timeout.unwrap_or(options.timeout), ..options };
        let target = |origin: &OriginTarget| {
            let target = Target::of(origin);
            Target { path: self.path.clone().unwrap_or(target.path), ..target }
        };
        let origins: Vec<_> =
            origins.into_iter().flat_map(|origin| std::iter::repeat_n(origin, self.repeat)).collect();
        let targets: Vec<_> = origins.iter().map(target).collect();
        let mut found = Vec::with_capacity(targets.len());
        Prober::new(options).probe_all(&targets, |index, probed| found.push((index, probed))).await;
        found.sort_by_key(|(index, _)| *index);
        let rows = found.iter().map(|(index, probed)| (&origins[*index], probed));
        super::print(&match self.format {
            Format::Table => table(rows, Clock::system().now().into()),
            Format::Json => json(rows)?,
        })?;
        Ok(found.iter().map(|(_, probed)| verdict(probed.demand)).max().unwrap_or_default())
    }

    /// Returns the probe options, and the origins of the hostnames in the given order.
    async fn origins(&self) -> anyhow::Result<(Options, Vec<OriginTarget>)> {
        if let Some(address) = &self.origin {
            let origin = |hostname: &Hostname| {
                anyhow::ensure!(
                    !hostname.is_wildcard(),
                    "expected a name without *, such as app{}, found {hostname}",
                    &hostname.as_str()[1..]
                );
                Ok(OriginTarget {
                    hostname: hostname.clone(),
                    label: address.to_string().into(),
                    address: address.clone(),
                    server_name: hostname.clone(),
                    path: "/".into(),
                    from_dns: false,
                })
            };
            let origins: anyhow::Result<_> = self.hostnames.iter().map(origin).collect();
            return Ok((Options::default(), origins?));
        }
        let (config, _) = super::load(self.configured.source(), Secrets::Skip).await?;
        let mut origins = Vec::new();
        for hostname in &self.hostnames {
            let before = origins.len();
            let known = config.targets.zones().iter().flat_map(|zone| zone.origins());
            origins.extend(known.filter(|origin| origin.hostname == *hostname).cloned());
            anyhow::ensure!(
                origins.len() > before,
                "the configuration names no origin of {hostname}: give --origin, or write \
                 {{ name = \"{hostname}\", origin = \"203.0.113.7\" }}"
            );
        }
        Ok((config.probe, origins))
    }
}

const fn verdict(demand: Demand) -> Verdict {
    match demand {
        Demand::None | Demand::Optional => Verdict::Warning,
        Demand::Required => Verdict::Ok,
        Demand::Unknown => Verdict::Unknown,
    }
}

fn table<'a>(rows: impl Iterator<Item = (&'a OriginTarget, &'a Probed)>, now: Date) -> String {
    let header = ["VERDICT", "HOSTNAME", "ORIGIN", "DEMAND", "TLS", "ENDS", "ACCEPTS", "REASON"];
    let rows = rows.map(|(origin, probed)| {
        let seen = &probed.observation;
        let accepts = match seen.accepted_names.as_slice() {
            [] => "-".to_owned(),
            [name] => name.clone(),
            [name, others @ ..] => format!("{name} and {} more", others.len()),
        };
        vec![
            verdict(probed.demand).label().to_owned(),
            origin.hostname.to_string(),
            origin.label.to_string(),
            probed.demand.label().to_owned(),
            seen.version.map_or("-", |version| version.label()).to_owned(),
            end(seen.certificate_not_after, now),
            accepts,
            probed.reason.to_string(),
        ]
    });
    columns(&header, rows)
}

/// A row in JSON.
#[derive(Serialize)]
struct Row<'a> {
    hostname: &'a str,
    origin: &'a str,
    /// The address that was connected to.
    address: Option<String>,
    up: bool,
    demand: &'static str,
    reason: &'static str,
    message: String,
    tls: Option<&'static str>,
    accepted_issuers: &'a [String],
    server_certificate_not_after: Option<String>,
    duration_seconds: f64,
}

fn json<'a>(rows: impl Iterator<Item = (&'a OriginTarget, &'a Probed)>) -> anyhow::Result<String> {
    let rows: Vec<_> = rows
        .map(|(origin, probed)| Row {
            hostname: origin.hostname.as_str(),
            origin: &origin.label,
            address: probed.address.map(|address| address.to_string()),
            up: probed.is_up,
            demand: probed.demand.label(),
            reason: probed.reason.label(),
            message: probed.reason.to_string(),
            tls: probed.observation.version.map(|version| version.label()),
            accepted_issuers: &probed.observation.accepted_names,
            server_certificate_not_after: probed
                .observation
                .certificate_not_after
                .map(|end| Timestamp::from(end).to_string()),
            duration_seconds: probed.took.as_secs_f64(),
        })
        .collect();
    Ok(super::json(&rows)?)
}

/// Parses a path.
fn path(text: &str) -> Result<Arc<str>, String> {
    probe::is_path(text)
        .then(|| text.into())
        .ok_or_else(|| format!("expected a path such as /health, found {text:?}"))
}

//! `probe`: what origins do with a connection that presents no certificate.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;

use super::check::UNKNOWN;
use super::columns::{columns, end};
use crate::clock::Clock;
use crate::domain::{Date, Demand, Hostname, OriginAddress, Verdict};
use crate::probe::{Options, Probed, Prober, Target};

/// Probes what an origin does with a connection that presents no certificate.
///
/// It makes a TLS handshake and sends one GET request. Nothing secret is sent, and no Cloudflare account is needed. The
/// result is `required` (asks for a certificate and refuses without it), `optional` (asks, and serves without it), `none`
/// (does not ask) or `unknown`.
///
/// Exit code: 1 if an origin serves without a certificate, else 3 if one could not be judged, else 0.
#[derive(Args)]
pub(super) struct Probe {
    /// The hostnames to ask for, in the handshake and in the request.
    #[arg(required = true, value_name = "HOSTNAME", value_parser = plain)]
    hostnames: Vec<Hostname>,
    /// Where the origin listens; port 443 unless given.
    #[arg(long, value_name = "HOST[:PORT]")]
    origin: OriginAddress,
    /// The path to ask for.
    #[arg(long, value_name = "PATH", default_value = "/", value_parser = path)]
    path: Arc<str>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Give up on an origin after this time.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = super::duration)]
    timeout: Duration,
    /// Probe each so many times. For tests.
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
        let options = Options { timeout: self.timeout, ..Options::default() };
        let targets: Vec<_> = self
            .hostnames
            .iter()
            .flat_map(|name| std::iter::repeat_n(name, self.repeat))
            .map(|server_name| Target {
                address: self.origin.clone(),
                server_name: server_name.clone(),
                path: Arc::clone(&self.path),
                only_public: false,
            })
            .collect();
        let mut found = Vec::with_capacity(targets.len());
        Prober::new(options).probe_all(&targets, |place, probed| found.push((place, probed))).await;
        found.sort_by_key(|(place, _)| *place);
        let rows = found.iter().map(|(place, probed)| (&targets[*place], probed));
        super::print(&match self.format {
            Format::Table => table(rows, Clock::system().now().into()),
            Format::Json => json(rows)?,
        })?;
        let verdict = found.iter().map(|(_, probed)| verdict(probed.demand)).max().unwrap_or_default();
        Ok(ExitCode::from(match verdict {
            Verdict::Ok | Verdict::Info => 0,
            Verdict::Warning => 1,
            Verdict::Critical => 2,
            Verdict::Unknown => UNKNOWN,
        }))
    }
}

const fn verdict(demand: Demand) -> Verdict {
    match demand {
        Demand::None | Demand::Optional => Verdict::Warning,
        Demand::Required => Verdict::Ok,
        Demand::Unknown => Verdict::Unknown,
    }
}

fn table<'a>(rows: impl Iterator<Item = (&'a Target, &'a Probed)>, now: Date) -> String {
    let header = ["VERDICT", "HOSTNAME", "ORIGIN", "DEMAND", "TLS", "ENDS", "ACCEPTS", "REASON"];
    let rows = rows.map(|(target, probed)| {
        let seen = &probed.observation;
        let accepts = match seen.accepted_names.as_slice() {
            [] => "-".to_owned(),
            [name] => name.clone(),
            [name, others @ ..] => format!("{name} and {} more", others.len()),
        };
        vec![
            verdict(probed.demand).label().to_owned(),
            target.server_name.to_string(),
            target.address.to_string(),
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
    origin: String,
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

fn json<'a>(rows: impl Iterator<Item = (&'a Target, &'a Probed)>) -> anyhow::Result<String> {
    let rows: Vec<_> = rows
        .map(|(target, probed)| Row {
            hostname: target.server_name.as_str(),
            origin: target.address.to_string(),
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
    Ok(serde_json::to_string_pretty(&rows)? + "\n")
}

/// Parses a hostname that can be asked for.
fn plain(text: &str) -> Result<Hostname, String> {
    let name: Hostname = text.parse().map_err(|error: crate::domain::NameError| error.to_string())?;
    if name.as_str().starts_with('*') {
        return Err(format!("expected a name without *, such as app{}, found {name}", &name.as_str()[1..]));
    }
    Ok(name)
}

/// Parses a path that can stand in a request (RFC 9112, section 3.2.1).
fn path(text: &str) -> Result<Arc<str>, String> {
    if text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.into())
    } else {
        Err(format!("expected a path such as /health, found {text:?}"))
    }
}

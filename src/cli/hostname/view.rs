//! Associations as tables and JSON.

use jiff::Timestamp;
use serde::Serialize;

use super::judged::Judged;
use crate::change::{Awaited, Plan, State};
use crate::cli::columns::{columns, end, messages};
use crate::cloudflare::AssociationRow;
use crate::domain::{Association, Certificate, Date, Distance, Hostname, Reading, Status, Told};
use crate::http::{Judged as Findings, ReadingFields};

/// All about one hostname, as the daemon's JSON has it. Dates are RFC 3339; unknown values are null.
#[derive(Serialize)]
struct Details<'a> {
    hostname: &'a str,
    #[serde(flatten)]
    judged: Findings,
    #[serde(flatten)]
    reading: ReadingFields<'a>,
}

impl<'a> Details<'a> {
    fn new(hostname: &'a Hostname, reading: &'a Reading, told: Vec<Told>) -> Self {
        Self { hostname: hostname.as_str(), judged: told.into(), reading: Some(reading).into() }
    }
}

/// Formats all about one hostname, one value a line.
pub(super) fn details(hostname: &Hostname, reading: &Reading, judged: &Judged) -> String {
    let told = judged.tell(hostname).unwrap_or_default();
    let findings = Some(messages(&told)).filter(|messages| !messages.is_empty());
    let verdict = Told::worst(&told).label();
    let known = ReadingFields::from(Some(reading));
    let ends = reading
        .certificate
        .as_deref()
        .and_then(Certificate::ends)
        .map(|end| format!("{} ({})", Timestamp::from(end), Distance(end.seconds_from(judged.now()))));
    let date = |date: Option<Timestamp>| date.map(|date| date.to_string());
    let text = |text: Option<&str>| text.map(shown);
    let rows = [
        ("hostname", text(Some(hostname.as_str()))),
        ("verdict", text(Some(verdict))),
        ("findings", findings),
        ("association", text(known.association)),
        ("status", text(known.status)),
        ("certificate", text(known.cert_id)),
        ("certificate status", text(known.cert_status)),
        ("issuer", text(known.certificate.issuer)),
        ("serial number", text(known.certificate.serial_number)),
        ("signature", text(known.certificate.signature)),
        ("expires", date(known.certificate.expires_on)),
        ("PEM ends", date(known.certificate.pem_not_after)),
        ("ends", ends),
        ("associated", date(known.created_at)),
        ("changed", date(known.updated_at)),
        ("certificate uploaded", date(known.cert_uploaded_on)),
        ("certificate changed", date(known.cert_updated_at)),
    ];
    columns(&[], rows.into_iter().filter_map(|(name, value)| Some(vec![name.to_owned(), value?])))
}

/// Formats all about one hostname as an object.
pub(super) fn details_json(
    hostname: &Hostname,
    reading: &Reading,
    judged: &Judged,
) -> serde_json::Result<String> {
    json(&Details::new(hostname, reading, judged.tell(hostname).unwrap_or_default()))
}

/// One association of a list.
#[derive(Serialize)]
struct Row<'a> {
    hostname: &'a str,
    /// Null if the list does not say.
    association: Option<&'static str>,
    status: Option<&'static str>,
    cert_id: Option<&'a str>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    /// When the certificate ends; null, and without verdict and findings, where another row of the hostname counts.
    ends: Option<Timestamp>,
    #[serde(flatten)]
    judged: Option<Findings>,
}

/// What was found of a row's hostname, and when its certificate ends; none where another row of the hostname counts.
fn found(row: &AssociationRow, judged: &Judged) -> Option<(Vec<Told>, Option<Date>)> {
    let certificate = judged.reading(&row.hostname)?.certificate.as_deref();
    let counts = certificate.and_then(Certificate::id) == row.cert_id.as_ref();
    counts.then(|| Some((judged.tell(&row.hostname)?, certificate.and_then(Certificate::ends))))?
}

/// Formats one association a line.
pub(super) fn list(rows: &[AssociationRow], judged: &Judged) -> String {
    let rows = rows.iter().map(|row| {
        let (told, ends) = found(row, judged).map_or((None, None), |(told, ends)| (Some(told), ends));
        vec![
            told.as_deref().map_or("-", |told| Told::worst(told).label()).to_owned(),
            row.hostname.to_string(),
            row.association.map_or("-", Association::label).to_owned(),
            row.status.map_or("-", Status::label).to_owned(),
            row.cert_id.as_ref().map_or("-", |id| id.as_str()).to_owned(),
            end(ends, judged.now()),
            date(row.updated_at),
            told.as_deref().map(messages).unwrap_or_default(),
        ]
    });
    let header =
        ["VERDICT", "HOSTNAME", "ASSOCIATION", "STATUS", "CERTIFICATE", "ENDS", "CHANGED", "FINDINGS"];
    columns(&header, rows)
}

/// Formats the associations as an array of objects.
pub(super) fn list_json(rows: &[AssociationRow], judged: &Judged) -> serde_json::Result<String> {
    let rows = rows.iter().map(|row| {
        let (told, ends) = found(row, judged).map_or((None, None), |(told, ends)| (Some(told), ends));
        Row {
            hostname: row.hostname.as_str(),
            association: row.association.map(Association::label),
            status: row.status.map(Status::label),
            cert_id: row.cert_id.as_ref().map(|id| id.as_str()),
            created_at: row.created_at.map(Timestamp::from),
            updated_at: row.updated_at.map(Timestamp::from),
            ends: ends.map(Timestamp::from),
            judged: told.map(Findings::from),
        }
    });
    json(&rows.collect::<Vec<_>>())
}

/// Formats what a plan changes and keeps.
pub(super) fn plan(plan: &Plan) -> String {
    let steps = plan.steps.iter().map(|(from, change)| {
        let change_to = format!("{from} -> {}", State::from(change));
        vec!["change".to_owned(), change.hostname.to_string(), change_to]
    });
    let kept = plan
        .kept
        .iter()
        .map(|(hostname, state)| vec!["keep".to_owned(), hostname.to_string(), state.to_string()]);
    let text = columns(&[], steps.chain(kept));
    if plan.steps.is_empty() { format!("{text}Nothing has to be changed.\n") } else { text }
}

/// Formats the state of hostnames after a change.
pub(super) fn states(awaited: &[Awaited]) -> String {
    let rows = awaited.iter().map(|Awaited { hostname, reading, .. }| {
        let state = reading.as_ref().map(State::from);
        let cert_id = state.as_ref().and_then(|state| state.cert_id.as_ref());
        vec![
            hostname.to_string(),
            state.as_ref().map_or("-", |state| state.association.label()).to_owned(),
            state.as_ref().and_then(|state| state.status).map_or("-", Status::label).to_owned(),
            cert_id.map_or("-", |id| id.as_str()).to_owned(),
        ]
    });
    columns(&["HOSTNAME", "ASSOCIATION", "STATUS", "CERTIFICATE"], rows)
}

fn json(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string_pretty(value).map(|text| text + "\n")
}

fn date(date: Option<Date>) -> String {
    date.map_or_else(|| "-".to_owned(), |date| Timestamp::from(date).to_string())
}

/// Replaces control characters in a server's text, since a terminal would obey them.
fn shown(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

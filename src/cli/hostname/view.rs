//! Associations as tables and JSON.

use jiff::Timestamp;
use serde::Serialize;

use super::judged::Judged;
use crate::change::{Awaited, Plan, State};
use crate::cli::columns::{columns, messages, printable};
use crate::domain::{Certificate, Date, Distance, Hostname, Reading, Status, Told};
use crate::http::{Judged as Findings, ReadingFields};

/// All fields of one hostname, as in the daemon's JSON. Dates are RFC 3339; unknown values are null.
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

/// Formats all fields of one hostname, one per line.
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
    let text = |text: Option<&str>| text.map(printable);
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

/// Formats all fields of one hostname as a JSON object.
pub(super) fn details_json(
    hostname: &Hostname,
    reading: &Reading,
    judged: &Judged,
) -> serde_json::Result<String> {
    crate::cli::json(&Details::new(hostname, reading, judged.tell(hostname).unwrap_or_default()))
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
    if plan.steps.is_empty() { format!("{text}Nothing needs to change.\n") } else { text }
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

pub(super) fn date(date: Option<Date>) -> String {
    date.map_or_else(|| "-".to_owned(), |date| Timestamp::from(date).to_string())
}

//! The associations of hostnames.

use std::collections::HashMap;

use serde::Deserialize;

use super::answer::{Answer, PageInfo, Refusal};
use super::api::Call;
use super::association::given;
use super::presence::presented;
use super::progress::{DELETED, PENDING_DELETION, PENDING_DEPLOYMENT, Progress};
use super::view::{AssociationView, HostnameView};
use super::zone::{Row, Zone};
use super::zones::paged;
use crate::domain::{Hostname, Level};

/// The maximum number of associations of a certificate.
const CAP: usize = 100;

/// `GET …/hostnames/{hostname}`.
pub(super) fn get(zone: &Zone, hostname: &str, call: &Call<'_>) -> Result<Answer, Refusal> {
    let row = hostname.parse().ok().and_then(|hostname| zone.row(&hostname, call.now));
    let view = row.and_then(|row| HostnameView::new(zone, row, call.now));
    view.map(Answer::result).ok_or(Refusal::NO_ASSOCIATION)
}

/// `GET …/hostnames`.
pub(super) fn list(zone: &Zone, call: &Call<'_>) -> Result<Answer, Refusal> {
    let page = call.query.number("page", 1, 1, usize::MAX)?;
    let per_page = call.query.number("per_page", 50, 1, 1000)?;
    let status = call.query.get("status").unwrap_or_else(|| "active".into());
    let wanted: Vec<&str> = status.split(',').map(str::trim).collect();
    let all = wanted.contains(&"all");
    let rows = zone.rows().iter().filter(|row| all || wanted.contains(&row.progress.at(call.now)));
    Ok(paged(rows, page, per_page, |row| AssociationView::new(zone, row, call.now)))
}

#[derive(Deserialize)]
struct Change {
    config: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    cert_id: Option<String>,
    #[serde(default, deserialize_with = "given")]
    enabled: Option<Option<bool>>,
    hostname: Option<String>,
}

/// `PUT …/hostnames`: applies all changes or none.
pub(super) fn put(zone: &mut Zone, call: &Call<'_>, caps: bool) -> Result<Answer, Refusal> {
    let change: Change = serde_json::from_slice(call.body).map_err(|_| Refusal::MALFORMED_BODY)?;
    let rows = change.config.into_iter().map(|entry| changed(zone, entry, call));
    let rows = rows.collect::<Result<Vec<Row>, Refusal>>()?;
    if rows.is_empty() {
        return Err(Refusal::bad_request("the config names no hostname"));
    }
    if caps && exceeds_cap(zone, &rows, call) {
        return Err(Refusal::bad_request("a certificate has at most 100 associations"));
    }
    let changed: Vec<Hostname> = rows.iter().map(|row| row.hostname.clone()).collect();
    for row in rows {
        zone.put_row(row);
    }
    Ok(listing(zone, &changed, call))
}

/// Returns the row that an entry requests.
fn changed(zone: &Zone, entry: Entry, call: &Call<'_>) -> Result<Row, Refusal> {
    let hostname = entry.hostname.and_then(|name| name.parse::<Hostname>().ok());
    let hostname = hostname.ok_or(Refusal::bad_request("a hostname is missing or malformed"))?;
    if !belongs(&hostname, zone) {
        return Err(Refusal::bad_request("a hostname does not belong to the zone"));
    }
    let enabled = entry.enabled.ok_or(Refusal::bad_request("enabled is missing"))?;
    let present = zone.row(&hostname, call.now);
    let certificate = match (entry.cert_id, present) {
        (Some(id), _) => usable(zone, &id, call)?,
        (None, Some(row)) if enabled.is_some() => row.certificate,
        (None, _) => return Err(Refusal::CERT_ID_REQUIRED),
    };
    if enabled.is_none() {
        let row = present.ok_or(Refusal::NO_ASSOCIATION)?;
        if row.certificate != certificate {
            return Err(Refusal::BAD_CERT_ID);
        }
    }
    let status = if enabled.is_some() { PENDING_DEPLOYMENT } else { PENDING_DELETION };
    let progress = Progress::passing(status, call.now, call.delay);
    let created_at = present.map_or(call.time, |row| row.created_at);
    let before = present.and_then(|row| presented(zone, row, call.now));
    Ok(Row { hostname, certificate, enabled, before, progress, created_at, updated_at: call.time })
}

fn belongs(hostname: &Hostname, zone: &Zone) -> bool {
    let parent = hostname.as_str().strip_suffix(zone.name().as_str());
    parent.is_some_and(|parent| parent.is_empty() || parent.ends_with('.'))
}

/// Returns the index of a certificate that hostnames can be associated with.
fn usable(zone: &Zone, id: &str, call: &Call<'_>) -> Result<usize, Refusal> {
    let store = zone.store(Level::Hostname);
    let index = id.parse().ok().and_then(|id| store.index(&id)).ok_or(Refusal::BAD_CERT_ID)?;
    match store.at(index).map(|certificate| certificate.progress.at(call.now)) {
        Some(DELETED) | None => Err(Refusal::BAD_CERT_ID),
        Some(PENDING_DELETION) => Err(Refusal::CERT_PENDING_DELETION),
        Some(_) => Ok(index),
    }
}

fn exceeds_cap(zone: &Zone, rows: &[Row], call: &Call<'_>) -> bool {
    let mut indexes: HashMap<&Hostname, usize> = HashMap::new();
    let present = zone.rows().iter().filter(|row| row.progress.at(call.now) != DELETED);
    for row in present.chain(rows) {
        indexes.insert(&row.hostname, row.certificate);
    }
    let mut counts: HashMap<usize, usize> = HashMap::new();
    for index in indexes.into_values() {
        *counts.entry(index).or_default() += 1;
    }
    rows.iter().any(|row| row.enabled.is_some() && counts.get(&row.certificate).is_some_and(|n| *n > CAP))
}

/// Builds the response to a change, newest first: all associations of a small zone, or only the changed ones.
fn listing(zone: &Zone, changed: &[Hostname], call: &Call<'_>) -> Answer {
    let small = zone.rows().len() <= CAP;
    let all = || zone.rows().iter().rev().filter_map(|row| zone.row(&row.hostname, call.now));
    let rows: Vec<&Row> = if small {
        all().collect()
    } else {
        changed.iter().filter_map(|hostname| zone.row(hostname, call.now)).collect()
    };
    let views: Vec<_> = rows
        .into_iter()
        .filter_map(|row| HostnameView::new(zone, row, call.now).map(HostnameView::changed))
        .collect();
    let count = views.len();
    Answer::page(views, PageInfo { page: 1, per_page: count, count, total_count: count, total_pages: 1 })
}

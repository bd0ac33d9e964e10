//! The overview, worst first.

use std::collections::HashMap;

use askama::Template;

use super::facts::{self, Fact};
use super::layout::Layout;
use super::links::{Filter, Link, column, filters};
use super::notes::{Note, notes};
use super::rows::{HostnameRow, Marks};
use super::weeks::{Week, labels, weeks};
use super::words::{day, distance, plural, state};
use crate::domain::{Date, Reading, Verdict, ZoneKey, ZoneState};
use crate::http::activity::Activity;
use crate::http::index::{Counts, Index};
use crate::http::query::{Cursor, Query, Sort};

/// The maximum number of zones that are listed as fine.
const MOST_FINE: usize = 200;

/// The page.
#[derive(Template)]
#[template(path = "overview.html")]
pub(super) struct Page {
    layout: Layout,
    heading: String,
    notes: Vec<Note>,
    more_notes: usize,
    counts: Vec<Link>,
    filters: Vec<Filter>,
    weeks: Vec<Week>,
    labels: Vec<String>,
    marks: Marks,
    columns: Vec<Link>,
    rows_heading: String,
    rows: Vec<HostnameRow>,
    empty: Option<&'static str>,
    first: Option<String>,
    next: Option<String>,
    fine: Vec<Link>,
    more_fine: usize,
    facts: Vec<Fact>,
}

impl Page {
    pub(super) fn new(index: &Index, activity: &Activity, query: &Query) -> Self {
        let (judge, hostnames) = (index.judge(), index.hostnames());
        // without filters, hostnames that are fine are left out
        let is_plain = Query { cursor: None, limit: 0, ..query.clone() }
            == Query { limit: 0, ..Query::all(Sort::Verdict) };
        let is_start = query.cursor.is_none();
        let counts = if is_plain { hostnames.counts() } else { hostnames.tally(judge, query) };
        let mut page = hostnames.page(judge, query);
        if is_plain {
            page.rows.retain(|row| row.verdict > Verdict::Ok);
            page.next = page.next.filter(|next| is_more(index, query, next));
        }
        let (notes, more_notes) = if is_plain && is_start { notes(index, activity) } else { (Vec::new(), 0) };
        let (fine, more_fine) = if is_plain && is_start { fine(index) } else { (Vec::new(), 0) };
        let matching = query.verdict.map_or(counts.all(), |verdict| counts.of(verdict));
        let rows: Vec<_> = page.rows.iter().map(|row| HostnameRow::new(index, row)).collect();
        let is_empty = rows.is_empty() && !(is_plain && counts.all() > 0);
        Self {
            layout: Layout::new(index, "/").searching(query),
            heading: heading(index, activity),
            notes,
            more_notes,
            counts: by_verdict(counts, query),
            filters: filters(query, "/"),
            weeks: if is_plain && is_start { weeks(index) } else { Vec::new() },
            labels: labels(judge.now()),
            marks: judge.thresholds().into(),
            columns: columns(query),
            rows_heading: if is_plain {
                let count = counts.all() - counts.of(Verdict::Ok);
                if count == 0 { String::new() } else { plural(count, "hostname") + " to look at" }
            } else {
                plural(matching, "hostname")
            },
            rows,
            empty: is_empty.then(|| empty(index, is_plain)),
            first: (!is_start).then(|| link(&Query { cursor: None, ..query.clone() })),
            next: page.next.map(|cursor| link(&Query { cursor: Some(cursor), ..query.clone() })),
            fine,
            more_fine,
            facts: if is_start { facts::of_exporter(index, activity) } else { Vec::new() },
        }
    }
}

/// Returns true if a row after the cursor is not fine.
fn is_more(index: &Index, query: &Query, next: &Cursor) -> bool {
    let query = Query { cursor: Some(next.clone()), limit: 1, ..query.clone() };
    let page = index.hostnames().page(index.judge(), &query);
    page.rows.first().is_some_and(|row| row.verdict > Verdict::Ok)
}

/// Describes the worst verdict.
fn heading(index: &Index, activity: &Activity) -> String {
    let snapshot = index.judge().snapshot();
    let is_tried = |zone: &ZoneState| zone.is_tried();
    let is_listed = snapshot
        .accounts()
        .iter()
        .any(|account| account.zone_list().is_some_and(|list| list.part.latest.is_some()));
    if !is_listed && !snapshot.zones().iter().any(|zone| is_tried(zone)) {
        return "Nothing has been read yet".to_owned();
    }
    let verdict = index.verdict();
    if verdict == Verdict::Ok {
        let is_refused = activity.reloads.as_ref().is_some_and(|reloads| reloads.refused.is_some());
        return match (snapshot.zones().is_empty(), is_refused) {
            (true, _) => "No zone is watched",
            (false, true) => "All that is watched is fine, but the latest configuration was refused",
            (false, false) => "Everything is fine",
        }
        .to_owned();
    }
    let lists = [
        (index.hostnames().counts().of(verdict), "hostname"),
        (index.zones().counts().of(verdict), "zone"),
        (index.certificates().counts().of(verdict), "certificate"),
    ];
    let judge = index.judge();
    let accounts = snapshot.accounts().iter().filter(|account| judge.account(account).verdict() == verdict);
    let mut all = lists.into_iter().chain([(accounts.count(), "account")]);
    let (count, noun) = all.find(|(count, _)| *count > 0).unwrap_or((0, "thing"));
    format!("{} {}", plural(count, noun), state(verdict, count))
}

fn by_verdict(counts: Counts, query: &Query) -> Vec<Link> {
    let verdicts =
        Verdict::ALL.into_iter().filter(|verdict| counts.of(*verdict) > 0 || query.verdict == Some(*verdict));
    let links = verdicts.map(|verdict| {
        let target = Query { verdict: Some(verdict), cursor: None, ..query.clone() };
        Link {
            verdict: verdict.label(),
            is_current: query.verdict == Some(verdict),
            ..Link::new(link(&target), format!("{} {}", counts.of(verdict), verdict.label()))
        }
    });
    links.collect()
}

fn columns(query: &Query) -> Vec<Link> {
    let columns = [
        ("Verdict", Some(Sort::Verdict)),
        ("Hostname", Some(Sort::Hostname)),
        ("Zone", Some(Sort::Zone)),
        ("Findings", None),
        ("Certificate ends", Some(Sort::Ends)),
        ("Certificate", None),
        ("Read", None),
    ];
    columns.map(|(name, sort)| column(query, "/", name, sort)).into()
}

fn link(query: &Query) -> String {
    format!("/{query}")
}

/// Explains why there are no rows, and what to do.
fn empty(index: &Index, is_plain: bool) -> &'static str {
    let snapshot = index.judge().snapshot();
    let is_unread = index.zones().counts().of(Verdict::Unknown) > 0
        || snapshot.accounts().iter().any(|account| !index.judge().is_up(account));
    match (is_plain, is_unread) {
        (true, true) => "No hostname is known yet, since not everything could be read: see above.",
        (false, true) => {
            "No hostname matches. Some may be missing, since not everything could be read: the overview says why."
        }
        (true, false) if snapshot.zones().is_empty() => {
            "The patterns of the configuration match none of the zones that the token sees. Correct the patterns, or give \
             the token more zones."
        }
        (true, false) => {
            "No hostname has an association, and none is configured. Name hostnames in the configuration, or associate \
             one with a certificate: cloudflare-aop-exporter hostname enable."
        }
        (false, false) => "No hostname matches. Remove a filter above, or shorten the search.",
    }
}

/// Returns a line for each zone with fine hostnames, and the number of zones left out.
fn fine(index: &Index) -> (Vec<Link>, usize) {
    let judge = index.judge();
    let zones = index.zones().rows(judge, Sort::Zone);
    let fine = zones.filter(|row| index.hostnames_of(row.zone_index).of(Verdict::Ok) > 0);
    let mut lines: Vec<_> = fine.map(|row| (row.zone_index, row.zone.key())).collect();
    let more = lines.len().saturating_sub(MOST_FINE);
    lines.truncate(MOST_FINE);
    let ends = first_ends(index);
    let line = |(zone, key): (usize, &ZoneKey)| {
        let (key, verdict) = (key.as_str(), Some(Verdict::Ok));
        let query = Query { zone: key.parse().ok(), verdict, ..Query::all(Sort::Verdict) };
        let first = ends.get(&zone).map_or_else(String::new, |end| {
            format!("; the first certificate ends {} ({})", distance(*end, judge.now()), day(*end))
        });
        let count = plural(index.hostnames_of(zone).of(Verdict::Ok), "hostname");
        Link { more: format!(": {count}{first}"), ..Link::new(link(&query), key) }
    };
    (lines.into_iter().map(line).collect(), more)
}

/// Returns the earliest end of the certificates presented for fine hostnames, by zone position.
fn first_ends(index: &Index) -> HashMap<usize, Date> {
    let mut ends = HashMap::new();
    let rows = index.hostnames().rows(index.judge(), Sort::Ends);
    for row in rows.filter(|row| row.verdict == Verdict::Ok) {
        if let Some(end) = row.thing.reading().and_then(Reading::ends) {
            ends.entry(row.zone_index).or_insert(end);
        }
    }
    ends
}

//! Text in aligned columns, readable by people and `awk`.

use comfy_table::{Cell, ContentArrangement, Table, presets};
use jiff::Timestamp;

use crate::domain::{Date, Told};

/// Formats one line per row, after the header if there is one.
pub(super) fn columns<C: Into<Cell>>(header: &[&str], rows: impl IntoIterator<Item = Vec<C>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if !header.is_empty() {
        table.set_header(header);
    }
    table.add_rows(rows);
    // trim the padding of the last column
    let text = table.to_string();
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Formats the end of a certificate and the days until then.
pub(super) fn end(end: Option<Date>, now: Date) -> String {
    let Some(end) = end else { return "-".to_owned() };
    let days = end.seconds_from(now) / 86_400;
    format!("{} ({days} d)", Timestamp::from(end).strftime("%Y-%m-%d"))
}

/// Joins the messages of findings, and marks those that are ignored.
pub(super) fn messages(told: &[Told]) -> String {
    let messages: Vec<_> = told
        .iter()
        .map(|told| format!("{}{}", told.message, if told.ignored { " (ignored)" } else { "" }))
        .collect();
    messages.join("; ")
}

/// Replaces control characters in a server's text, since a terminal would interpret them.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

//! Text in columns, for people and `awk`.

use comfy_table::{Cell, ContentArrangement, Table, presets};

/// Formats one line a row, after the header if there is one.
pub(super) fn columns<C: Into<Cell>>(header: &[&str], rows: impl IntoIterator<Item = Vec<C>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if !header.is_empty() {
        table.set_header(header);
    }
    table.add_rows(rows);
    // without the padding of the last column
    let text = table.to_string();
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

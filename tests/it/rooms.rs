//! Checks the imports of every file against the table of rooms in ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room with its floor and the rooms it may import.
const ROOMS: &[(&str, u8, &[&str])] = &[
    ("domain", 0, &[]),
    ("clock", 0, &[]),
    ("exposition", 0, &[]),
    ("file", 0, &[]),
    ("panic", 0, &[]),
    ("telemetry", 1, &["domain"]),
    ("keypair", 1, &["domain"]),
    ("schedule", 1, &[]),
    ("listener", 1, &[]),
    ("keeper", 1, &["domain", "file"]),
    ("cloudflare", 2, &["domain", "clock", "keypair", "telemetry"]),
    ("probe", 2, &["domain", "clock", "keeper", "panic", "telemetry"]),
    ("poll", 3, &["domain", "clock", "cloudflare", "keeper", "panic", "telemetry"]),
    ("metrics", 3, &["domain", "clock", "exposition", "telemetry"]),
    ("change", 3, &["domain", "cloudflare", "keypair"]),
    ("http", 4, &["domain", "metrics", "listener"]),
    ("simulator", 4, &["domain", "clock", "listener"]),
    ("config", 5, &["domain", "file", "cloudflare", "metrics", "schedule", "http", "probe"]),
    (
        "daemon",
        6,
        &[
            "domain",
            "clock",
            "telemetry",
            "schedule",
            "listener",
            "cloudflare",
            "keeper",
            "poll",
            "metrics",
            "probe",
            "http",
            "config",
        ],
    ),
    (
        "cli",
        7,
        &[
            "domain",
            "clock",
            "file",
            "panic",
            "telemetry",
            "schedule",
            "cloudflare",
            "keeper",
            "keypair",
            "poll",
            "metrics",
            "change",
            "probe",
            "http",
            "simulator",
            "config",
            "daemon",
        ],
    ),
    // lib.rs only declares the rooms, and main.rs only calls the command line
    ("lib", 8, &[]),
    ("main", 8, &[]),
];

#[test]
fn every_room_may_only_import_from_floors_below_its_own() {
    let floors: BTreeMap<_, _> = ROOMS.iter().map(|(room, floor, _)| (*room, *floor)).collect();
    for (room, floor, imports) in ROOMS {
        for import in *imports {
            assert!(floors[import] < *floor, "{room} may import {import}, which is not below it");
        }
    }
}

#[test]
fn the_table_in_the_architecture_document_is_this_one() {
    let text = fs::read_to_string("ARCHITECTURE.md").unwrap();
    let rows = text.lines().filter_map(|line| {
        let [floor, room, _, imports] =
            line.strip_prefix("| ")?.strip_suffix('|')?.split('|').collect::<Vec<_>>()[..]
        else {
            return None;
        };
        Some((
            room.trim().trim_matches('`').to_owned(),
            floor.trim().parse::<u8>().ok()?,
            imports.trim().to_owned(),
        ))
    });
    let documented: BTreeMap<_, _> = rows.map(|(room, floor, imports)| (room, (floor, imports))).collect();
    for (room, floor, imports) in ROOMS.iter().filter(|(room, ..)| !["lib", "main"].contains(room)) {
        let (documented_floor, words) =
            documented.get(*room).unwrap_or_else(|| panic!("{room} is not in ARCHITECTURE.md"));
        assert_eq!(documented_floor, floor, "{room}");
        let named: BTreeSet<&str> = match words.strip_prefix("all below but ") {
            Some(others) => {
                let others: Vec<_> = listed(others).collect();
                let below = ROOMS.iter().filter(|(_, other, _)| other < floor).map(|(name, ..)| *name);
                below.filter(|name| !others.contains(name)).collect()
            }
            None => listed(words).collect(),
        };
        assert_eq!(named, imports.iter().copied().collect(), "{room}");
    }
}

/// Returns the names in "a, b and c".
fn listed(words: &str) -> impl Iterator<Item = &str> {
    words.split(", ").flat_map(|part| part.split(" and ")).filter(|name| !name.is_empty())
}

#[test]
fn every_file_imports_only_what_its_room_may() {
    let mut wrong = Vec::new();
    for file in files(Path::new("src")) {
        let room = room(&file);
        let allowed = ROOMS.iter().find(|(name, ..)| *name == room).map(|(.., imports)| *imports);
        let Some(allowed) = allowed else {
            wrong.push(format!("{}: {room} is not in the table of rooms", file.display()));
            continue;
        };
        for (number, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            let place = format!("{}:{}", file.display(), number + 1);
            if line.contains("super::super") {
                wrong.push(format!("{place}: super::super hides the imported room"));
            }
            for import in imports(line).filter(|import| *import != room && !allowed.contains(import)) {
                wrong.push(format!("{place}: {room} may not import {import}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_are_found_anywhere_in_a_line() {
    let line = "use crate::domain::Date; let x = crate::clock::Clock::system(); // mycrate::not";
    assert_eq!(imports(line).collect::<Vec<_>>(), ["domain", "clock"]);
    assert_eq!(imports("use crate::{domain::Date, clock::Clock};").collect::<Vec<_>>(), ["{"]);
}

/// Returns the rooms named after `crate::` in a line. A group of rooms yields `{`, which no room may import.
fn imports(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::").filter_map(move |(start, found)| {
        let before = line[..start].chars().next_back();
        if before.is_some_and(|char| char.is_alphanumeric() || char == '_') {
            return None;
        }
        let rest = &line[start + found.len()..];
        let end = rest.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(rest.len());
        Some(if end == 0 { rest.get(..1)? } else { &rest[..end] })
    })
}

/// Returns the room of a file. `src/http.rs` and everything in `src/http/` belong to the room `http`.
fn room(file: &Path) -> String {
    let first = file.components().nth(1).unwrap();
    Path::new(&first).file_stem().unwrap().to_str().unwrap().to_owned()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

//! Checks that all files name the repository that `Cargo.toml` names.

use std::fs;
use std::path::Path;

use crate::support::program::{run, text};

const HOME: &str = env!("CARGO_PKG_REPOSITORY");
const NAME: &str = env!("CARGO_PKG_NAME");

#[test]
fn all_files_name_the_repository_of_cargo_toml() {
    let path = HOME.strip_prefix("https://github.com/").unwrap();
    assert_eq!(env!("CARGO_PKG_HOMEPAGE"), HOME);
    let mut wrong = Vec::new();
    let mut found = 0;
    for root in [".github", "config.example.toml", "deploy", "docs"] {
        visit(Path::new(root), &mut |file, line| check(file, line, path, &mut found, &mut wrong));
    }
    for entry in fs::read_dir(".").unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "md") {
            visit(&file, &mut |file, line| check(file, line, path, &mut found, &mut wrong));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(found > 0);
}

/// Reports a line with a placeholder, or with a repository or image of the same name but another owner.
fn check(file: &Path, line: &str, path: &str, found: &mut usize, wrong: &mut Vec<String>) {
    let named = ["github.com/", "ghcr.io/"].iter().flat_map(|host| line.split(host).skip(1));
    for rest in named.filter(|rest| rest.split('/').nth(1).is_some_and(|name| name.starts_with(NAME))) {
        *found += 1;
        if !rest.starts_with(path) {
            wrong.push(format!("{}: {line}", file.display()));
        }
    }
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    if line.split(|char| !is_part(char)).any(|word| word == "OWNER") {
        wrong.push(format!("{}: {line}", file.display()));
    }
}

/// Calls `look` with every line of the text files at `path`. Missing files are skipped.
fn visit(path: &Path, look: &mut dyn FnMut(&Path, &str)) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            visit(&entry.unwrap().path(), look);
        }
    } else if let Ok(text) = fs::read_to_string(path) {
        text.lines().for_each(|line| look(path, line));
    }
}

#[test]
fn printed_texts_name_the_repository() {
    let help = run(&["--help"]);
    assert!(text(&help.stdout).ends_with(&format!("\nDocumentation and issues: {HOME}\n")), "{help:?}");
    let rules = run(&["print", "rules", "--runbook-url"]);
    let runbooks = format!("'{HOME}/blob/v{}/docs/alerts.md#cloudflareaop", env!("CARGO_PKG_VERSION"));
    let rules = text(&rules.stdout);
    assert_eq!(rules.matches("runbook_url: ").count(), rules.matches(&runbooks).count());
    assert!(rules.contains(&runbooks), "{rules}");
}

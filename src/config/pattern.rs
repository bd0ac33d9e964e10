//! The tables `account.zone` whose name is a pattern.

use std::sync::Arc;

use super::section::Section;
use crate::domain::{Extent, PatternTarget, ZonePattern};

const NAME: &str = "name";
const EXCLUDE: &str = "exclude";

/// Reads the patterns of all accounts, and rejects those that have no effect after an earlier one.
#[derive(Default)]
pub(super) struct Patterns {
    /// The patterns, each with the offset of its name in the file.
    found: Vec<(PatternTarget, usize)>,
}

impl Patterns {
    /// Returns true if the table is a pattern, which has a `*` in its name.
    pub(super) fn is_pattern(section: &Section<'_>) -> bool {
        section.text(NAME).is_some_and(|name| name.contains('*'))
    }

    /// Rejects `exclude`, which only a pattern may have.
    pub(super) fn reject_exclude(section: &mut Section<'_>) {
        section.know(EXCLUDE);
        if section.has(EXCLUDE) {
            section.reject(
                EXCLUDE,
                "expected only with a pattern, which is a name with *, such as name = \"*\"",
            );
        }
    }

    /// Reads the name and the keys that only patterns have. The caller reads the extent and finishes the section.
    pub(super) fn read(&mut self, section: &mut Section<'_>, account: &Arc<str>, extent: Extent) {
        let pattern: Option<ZonePattern> = section.parse(NAME);
        for (key, why) in [("id", "which finds zones by name"), ("hostnames", "which watches many zones")] {
            section.know(key);
            if section.has(key) {
                section.reject(key, &format!("expected no {key} with a pattern, {why}"));
            }
        }
        if extent.discovered.is_none() && !extent.zone_level {
            let message = "expected zone_level = true with discover = false, or nothing is read";
            section.reject("discover", message);
        }
        let exclude = exclude(section, pattern.as_ref());
        let Some(pattern) = pattern else { return };
        self.reject_useless(section, &pattern, account);
        let target = PatternTarget { account: Arc::clone(account), pattern, only: None, exclude, extent };
        self.found.push((target, section.offset(NAME)));
    }

    /// Returns the patterns in the order of the file.
    pub(super) fn finish(self) -> Vec<PatternTarget> {
        self.found.into_iter().map(|(target, _)| target).collect()
    }

    /// Rejects a pattern that the account already has, and any pattern listed after one that matches every zone.
    fn reject_useless(&self, section: &Section<'_>, pattern: &ZonePattern, account: &Arc<str>) {
        // pointers differ even for accounts of the same name, which is a separate error
        let mut earlier = self.found.iter().filter(|(target, _)| Arc::ptr_eq(&target.account, account));
        let matches_all =
            |target: &PatternTarget| target.pattern.as_str() == "*" && target.exclude.is_empty();
        let taken = earlier.find(|(target, _)| target.pattern == *pattern || matches_all(target));
        let Some((target, offset)) = taken else { return };
        let line = section.line(*offset);
        let message = if target.pattern == *pattern {
            format!("expected each pattern once per account; this one is already at line {line}")
        } else {
            format!("expected before the pattern * at line {line}, which matches all remaining zones")
        };
        section.reject(NAME, &message);
    }
}

/// Reads the patterns of zones to exclude.
fn exclude(section: &mut Section<'_>, pattern: Option<&ZonePattern>) -> Vec<ZonePattern> {
    let mut excluded: Vec<ZonePattern> = Vec::new();
    for item in section.items(EXCLUDE, "a list of names and patterns, such as [\"*.test\", \"parked-*\"]") {
        let parsed = match item.get_ref().as_str() {
            Some(text) => text.parse::<ZonePattern>().map_err(|error| error.to_string()),
            None => Err("expected a name or a pattern, such as \"*.test\"".into()),
        };
        let accepted = parsed.and_then(|parsed| {
            if excluded.contains(&parsed) {
                return Err("expected each name or pattern once".into());
            }
            if parsed.as_str() == "*" || Some(&parsed) == pattern {
                return Err("expected a pattern that leaves some zones to watch".into());
            }
            Ok(parsed)
        });
        match accepted {
            Ok(accepted) => excluded.push(accepted),
            Err(message) => section.reject_item(EXCLUDE, item, &message),
        }
    }
    excluded
}

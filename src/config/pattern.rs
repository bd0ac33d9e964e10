//! The tables `account.zone` whose name is a pattern.

use std::sync::Arc;

use super::section::Section;
use crate::domain::{Extent, PatternTarget, ZonePattern};

const NAME: &str = "name";
const EXCLUDE: &str = "exclude";

/// Reads the patterns of all accounts, and rejects those that an earlier one makes useless.
#[derive(Default)]
pub(super) struct Patterns {
    /// Each with the offset of its name.
    found: Vec<(PatternTarget, usize)>,
}

impl Patterns {
    /// Returns true if the table is a pattern: its name holds `*`.
    pub(super) fn is_pattern(section: &Section<'_>) -> bool {
        section.text(NAME).is_some_and(|name| name.contains('*'))
    }

    /// Rejects what only a pattern may have.
    pub(super) fn reject_exclude(section: &mut Section<'_>) {
        section.know(EXCLUDE);
        if section.has(EXCLUDE) {
            section.reject(EXCLUDE, "expected only beside a pattern, a name with *, such as name = \"*\"");
        }
    }

    /// Reads the name and what belongs to patterns alone. The caller reads the extent and finishes the section.
    pub(super) fn read(&mut self, section: &mut Section<'_>, account: &Arc<str>, extent: Extent) {
        let pattern: Option<ZonePattern> = section.parse(NAME);
        for (key, why) in
            [("id", "which finds zones by their names"), ("hostnames", "which watches many zones")]
        {
            section.know(key);
            if section.has(key) {
                section.reject(key, &format!("expected no {key} beside a pattern, {why}"));
            }
        }
        if extent.discovered.is_none() && !extent.zone_level {
            let complaint = "expected zone_level = true beside it: without either nothing is read";
            section.reject("discover", complaint);
        }
        let exclude = exclude(section, pattern.as_ref());
        let Some(pattern) = pattern else { return };
        self.reject_useless(section, &pattern, account);
        let target = PatternTarget { account: Arc::clone(account), pattern, only: None, exclude, extent };
        self.found.push((target, section.offset(NAME)));
    }

    /// The patterns in the order of the file.
    pub(super) fn finish(self) -> Vec<PatternTarget> {
        self.found.into_iter().map(|(target, _)| target).collect()
    }

    /// Rejects a pattern that the account has already, and one after a pattern that takes every zone.
    fn reject_useless(&self, section: &Section<'_>, pattern: &ZonePattern, account: &Arc<str>) {
        // even accounts of one name, which is an error of its own, are told apart by their pointers
        let mut earlier = self.found.iter().filter(|(target, _)| Arc::ptr_eq(&target.account, account));
        let takes_all = |target: &PatternTarget| target.pattern.as_str() == "*" && target.exclude.is_empty();
        let taken = earlier.find(|(target, _)| target.pattern == *pattern || takes_all(target));
        let Some((target, offset)) = taken else { return };
        let line = section.line(*offset);
        let complaint = if target.pattern == *pattern {
            format!("expected each pattern once in an account, this one is at line {line} too")
        } else {
            format!("expected before the pattern * at line {line}, which takes every zone that is left")
        };
        section.reject(NAME, &complaint);
    }
}

/// Reads the patterns of zones to leave out.
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
            Err(complaint) => section.reject_item(EXCLUDE, item, &complaint),
        }
    }
    excluded
}

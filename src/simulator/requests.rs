//! Counts of the requests.

use std::collections::BTreeMap;

/// The maximum number of distinct targets. Beyond it, the last segment of a target counts as `*`.
const MOST: usize = 10_000;

/// Counts by method and target (path and query).
#[derive(Clone, Debug, Default)]
pub struct Requests {
    counts: BTreeMap<String, u64>,
    total: u64,
}

impl Requests {
    /// Returns the number of requests with this method and this text in the target. An empty method matches
    /// any.
    pub fn count(&self, method: &str, part: &str) -> u64 {
        let fits = |line: &str| {
            let (other, target) = line.split_once(' ').unwrap_or((line, ""));
            (method.is_empty() || method.eq_ignore_ascii_case(other)) && target.contains(part)
        };
        self.counts.iter().filter(|(line, _)| fits(line)).map(|(_, count)| count).sum()
    }

    /// Returns the number of requests.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Returns every `METHOD target` with its count, sorted.
    ///
    /// Beyond 10,000 targets, the last segments of later ones read `*`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts.iter().map(|(line, count)| (line.as_str(), *count))
    }

    pub(super) fn record(&mut self, method: &str, target: &str) {
        self.total += 1;
        let mut line = format!("{method} {target}");
        if self.counts.len() >= MOST && !self.counts.contains_key(&line) {
            line.truncate(line.rfind('/').map_or(0, |slash| slash + 1));
            line.push('*');
        }
        *self.counts.entry(line).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_method_and_part_of_the_target() {
        let mut requests = Requests::default();
        for (method, target) in [("GET", "/zones?page=1"), ("GET", "/zones?page=1"), ("PUT", "/zones/1")] {
            requests.record(method, target);
        }
        assert_eq!(requests.count("get", "/zones"), 2);
        assert_eq!(requests.count("", "/zones"), 3);
        assert_eq!(requests.count("PUT", "page"), 0);
        assert_eq!(requests.total(), 3);
        let lines: Vec<_> = requests.iter().collect();
        assert_eq!(lines, [("GET /zones?page=1", 2), ("PUT /zones/1", 1)]);
    }

    #[test]
    fn targets_beyond_the_maximum_are_counted_together() {
        let mut requests = Requests::default();
        for number in 0..MOST + 5 {
            requests.record("GET", &format!("/hostnames/{number}"));
        }
        assert_eq!(requests.count("GET", "/hostnames/"), MOST as u64 + 5);
        assert_eq!(requests.count("GET", "/hostnames/*"), 5);
    }
}

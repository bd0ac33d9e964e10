//! Patterns of zone names.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{Extent, NameError, ZoneId, ZoneName};

/// A pattern of zone names. Each `*` matches any characters, including dots, and the pattern must match the whole name.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ZonePattern(Box<str>);

impl ZonePattern {
    /// Returns the pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if the pattern matches the whole name.
    pub fn matches(&self, name: &ZoneName) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else { return name.as_str() == &*self.0 };
        let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
        let name = name.as_str().strip_prefix(start).and_then(|name| name.strip_suffix(end));
        let Some(mut name) = name else { return false };
        // the leftmost match of each part leaves the most text for the others
        middle.split('*').all(|part| match name.find(part) {
            Some(at) => {
                name = &name[at + part.len()..];
                true
            }
            None => false,
        })
    }
}

impl FromStr for ZonePattern {
    type Err = NameError;

    /// Normalises a pattern like names: lower case, no trailing dot, labels without `*` mapped to ASCII. Several `*` in
    /// a row become one.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let label = |label: &str| match label {
            "" => Err(NameError::LabelLength(String::new())),
            wild if wild.contains('*') => {
                let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_*".contains(&byte);
                let lower = wild.to_ascii_lowercase();
                if wild.bytes().all(fits) { Ok(lower) } else { Err(NameError::LabelCharacter(lower)) }
            }
            plain => plain.parse::<ZoneName>().map(|name| name.as_str().to_owned()),
        };
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        let labels: Vec<_> = text.split('.').map(label).collect::<Result<_, _>>()?;
        let mut pattern = labels.join(".");
        while pattern.contains("**") {
            pattern = pattern.replace("**", "*");
        }
        Ok(Self(pattern.into()))
    }
}

impl fmt::Display for ZonePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ZonePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// The zones of an account that a pattern watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternTarget {
    /// The configured account whose token sees the zones.
    pub account: Arc<str>,
    /// The pattern that the names of the zones match.
    pub pattern: ZonePattern,
    /// Patterns of names to exclude.
    pub exclude: Vec<ZonePattern>,
    /// The only zone to watch, if a command asked for one by its id.
    pub only: Option<ZoneId>,
    /// The parts of each zone to read, and the way of reading them.
    pub extent: Extent,
}

impl PatternTarget {
    /// Returns true if the pattern watches a zone of this name.
    pub fn watches(&self, name: &ZoneName) -> bool {
        self.pattern.matches(name) && !self.exclude.iter().any(|pattern| pattern.matches(name))
    }

    /// Returns true if the pattern watches this zone.
    pub fn finds(&self, zone: &FoundZone) -> bool {
        self.watches(&zone.name) && self.only.is_none_or(|only| only == zone.id)
    }
}

/// An active zone, not an internal one, that is visible to a token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoundZone {
    /// The name of the zone.
    pub name: ZoneName,
    /// The id of the zone.
    pub id: ZoneId,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        pattern.parse::<ZonePattern>().unwrap().matches(&name.parse().unwrap())
    }

    #[test]
    fn a_star_matches_any_characters_and_the_pattern_matches_the_whole_name() {
        for (pattern, name) in [
            ("*", "example.com"),
            ("*.example.com", "a.b.example.com"),
            ("EXAMPLE.*.", "example.co.uk"),
            ("*-shop*.com", "my-shop.com"),
            ("a*b*c", "abc"),
            ("*ab*ab", "xabab"),
            ("*.bücher.example", "a.xn--bcher-kva.example"),
            ("example.com", "example.com"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*.example.com", "example.com"),
            ("example.*", "my.example.com"),
            ("a*a", "a"),
            ("*ab*ab", "xab"),
            ("a*b*c", "acb"),
            ("example.com", "example.com.au"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn several_stars_become_one() {
        assert_eq!("a.***.b**".parse::<ZonePattern>().unwrap().as_str(), "a.*.b*");
    }

    #[test]
    fn patterns_that_no_zone_name_can_match_are_refused() {
        for pattern in ["", ".", "a..b", "*..com", "exa mple.*", "http://*", "*/com", "bü*.example"] {
            assert!(pattern.parse::<ZonePattern>().is_err(), "{pattern}");
        }
    }
}

//! Writes the text formats that Prometheus reads: text 0.0.4 and OpenMetrics 1.0.0.
//!
//! Callers pass the name that the series have in text 0.0.4. A counter ends in `_total`, an info in `_info`.
//! In OpenMetrics, the names of these two families lack that suffix; the names of their series keep it.

mod number;
mod series;

pub use number::{float, integer};
pub use series::{Series, escaped, label};

/// The format of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Format {
    /// Returns the value of the header `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The kind of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that only grows. The name ends in `_total`.
    Counter,
    /// A value that may go up and down.
    Gauge,
    /// Observations counted in buckets.
    Histogram,
    /// A constant 1 that carries labels. The name ends in `_info`. Text 0.0.4 has no such type, so it is a gauge there.
    Info,
}

impl Kind {
    const fn label(self, format: Format) -> &'static str {
        match (self, format) {
            (Self::Counter, _) => "counter",
            (Self::Gauge, _) | (Self::Info, Format::Text) => "gauge",
            (Self::Histogram, _) => "histogram",
            (Self::Info, Format::OpenMetrics) => "info",
        }
    }

    /// Returns the name of the family in OpenMetrics.
    fn family(self, name: &str) -> &str {
        let suffix = match self {
            Self::Counter => "_total",
            Self::Info => "_info",
            Self::Gauge | Self::Histogram => return name,
        };
        debug_assert!(name.ends_with(suffix), "{name} does not end in {suffix}");
        name.strip_suffix(suffix).unwrap_or(name)
    }

    /// Returns the unit that ends the family's name in OpenMetrics. An info has none.
    fn unit(self, family: &str) -> Option<&'static str> {
        let has = |unit: &&str| family.strip_suffix(*unit).is_some_and(|rest| rest.ends_with('_'));
        ["seconds", "bytes"].into_iter().find(has).filter(|_| self != Self::Info)
    }
}

/// Writes the header of a family.
pub fn header(out: &mut Vec<u8>, format: Format, name: &str, help: &str, kind: Kind) {
    match format {
        Format::Text => {
            comment(out, "# HELP ", name, help, series::escaped_except_quotes);
            comment(out, "# TYPE ", name, kind.label(format), plain);
        }
        Format::OpenMetrics => {
            let family = kind.family(name);
            comment(out, "# TYPE ", family, kind.label(format), plain);
            if let Some(unit) = kind.unit(family) {
                comment(out, "# UNIT ", family, unit, plain);
            }
            comment(out, "# HELP ", family, help, escaped);
        }
    }
}

/// Writes the `# EOF` that ends an OpenMetrics page.
pub fn end(out: &mut Vec<u8>, format: Format) {
    if format == Format::OpenMetrics {
        out.extend_from_slice(b"# EOF\n");
    }
}

fn comment(out: &mut Vec<u8>, start: &str, name: &str, text: &str, write: fn(&mut Vec<u8>, &str)) {
    out.extend_from_slice(start.as_bytes());
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    write(out, text);
    out.push(b'\n');
}

fn plain(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format, name: &str, help: &str, kind: Kind) -> String {
        let mut out = Vec::new();
        header(&mut out, format, name, help, kind);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn openmetrics_strips_the_suffix_of_a_counter() {
        assert_eq!(
            written(Format::Text, "waited_seconds_total", "Time.", Kind::Counter),
            "# HELP waited_seconds_total Time.\n# TYPE waited_seconds_total counter\n"
        );
        assert_eq!(
            written(Format::OpenMetrics, "waited_seconds_total", "Time.", Kind::Counter),
            "# TYPE waited_seconds counter\n# UNIT waited_seconds seconds\n# HELP waited_seconds Time.\n"
        );
    }

    #[test]
    fn an_info_is_a_gauge_in_text_and_never_has_a_unit() {
        assert_eq!(
            written(Format::Text, "zone_info", "Labels.", Kind::Info),
            "# HELP zone_info Labels.\n# TYPE zone_info gauge\n"
        );
        assert_eq!(
            written(Format::OpenMetrics, "in_seconds_info", "Labels.", Kind::Info),
            "# TYPE in_seconds info\n# HELP in_seconds Labels.\n"
        );
    }

    #[test]
    fn a_unit_is_the_last_word_of_a_longer_name() {
        assert_eq!(Kind::Gauge.unit("memory_bytes"), Some("bytes"));
        assert_eq!(Kind::Histogram.unit("took_seconds"), Some("seconds"));
        for name in ["seconds", "milliseconds", "seconds_left"] {
            assert_eq!(Kind::Gauge.unit(name), None);
        }
    }

    #[test]
    fn quotes_in_help_are_escaped_only_in_openmetrics() {
        let help = "a\\b\n\"c\" é";
        assert_eq!(
            written(Format::Text, "up", help, Kind::Gauge),
            "# HELP up a\\\\b\\n\"c\" é\n# TYPE up gauge\n"
        );
        assert_eq!(
            written(Format::OpenMetrics, "up", help, Kind::Gauge),
            "# TYPE up gauge\n# HELP up a\\\\b\\n\\\"c\\\" é\n"
        );
    }

    #[test]
    fn only_openmetrics_pages_end_with_eof() {
        let ended = |format| {
            let mut out = Vec::new();
            end(&mut out, format);
            out
        };
        assert_eq!(ended(Format::Text), b"");
        assert_eq!(ended(Format::OpenMetrics), b"# EOF\n");
    }
}

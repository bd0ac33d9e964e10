//! A strict parser of the two text formats, independent of the code that writes them.

use std::collections::{BTreeMap, BTreeSet};

/// One sample of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// Parses the samples of a page in OpenMetrics 1.0.0 or else in text 0.0.4.
pub fn samples(page: &str, open_metrics: bool) -> Result<Vec<Sample>, String> {
    let (mut samples, mut families, mut family) = (Vec::new(), BTreeSet::new(), Family::default());
    let mut series = BTreeSet::new();
    let mut lines = page.strip_suffix('\n').ok_or("the last line does not end")?.split('\n').peekable();
    while let Some(line) = lines.next() {
        if open_metrics && line == "# EOF" {
            return if lines.peek().is_none() { Ok(samples) } else { Err("text after # EOF".into()) };
        }
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let [Some(kind), Some(name), Some(rest)] = [words.next(), words.next(), words.next()] else {
                return Err(format!("not a valid comment: {line:?}"));
            };
            if family.name != name {
                family = Family { name: name.to_owned(), ..Family::default() };
                if !is_name(name) || !families.insert(name.to_owned()) {
                    return Err(format!("invalid name, or that of an earlier family: {line:?}"));
                }
            }
            family.describe(kind, rest, open_metrics).map_err(|what| format!("{what}: {line:?}"))?;
        } else {
            let sample = sample(line).ok_or_else(|| format!("no sample: {line:?}"))?;
            if !family.has(&sample.name, open_metrics) {
                return Err(format!("not in the family {}: {line:?}", family.name));
            }
            if !series.insert((sample.name.clone(), sample.labels.clone())) {
                return Err(format!("duplicate: {line:?}"));
            }
            samples.push(sample);
        }
    }
    if open_metrics { Err("# EOF is missing".into()) } else { Ok(samples) }
}

/// A family as described by its comments.
#[derive(Default)]
struct Family {
    name: String,
    kind: Option<String>,
    helped: bool,
}

impl Family {
    fn describe(&mut self, kind: &str, rest: &str, open_metrics: bool) -> Result<(), &'static str> {
        match kind {
            "TYPE" if self.kind.is_none() => {
                let known =
                    ["counter", "gauge", "histogram"].contains(&rest) || open_metrics && rest == "info";
                self.kind = known.then(|| rest.to_owned());
                self.kind.as_ref().map(|_| ()).ok_or("invalid type")
            }
            "UNIT" if open_metrics && self.name.ends_with(&format!("_{rest}")) => Ok(()),
            "HELP" if !self.helped => {
                self.helped = true;
                let quotes = if open_metrics { "\"" } else { "" };
                unescaped(rest, &format!("\\{quotes}")).map(|_| ()).ok_or("invalid text")
            }
            _ => Err("invalid or duplicate comment"),
        }
    }

    fn has(&self, sample: &str, open_metrics: bool) -> bool {
        let Some(part) = sample.strip_prefix(self.name.as_str()) else { return false };
        match self.kind.as_deref() {
            Some("histogram") => ["_bucket", "_sum", "_count"].contains(&part),
            Some("counter") if open_metrics => part == "_total",
            Some("info") => part == "_info",
            kind => kind.is_some() && part.is_empty(),
        }
    }
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (key, quoted) = rest.split_once("=\"")?;
            let close = closing(quoted)?;
            let value = unescaped(&quoted[..close], "\\\"")?;
            let is_new = is_name(key) && !key.contains(':') && labels.insert(key.to_owned(), value).is_none();
            rest = quoted[close..].strip_prefix('"').filter(|_| is_new)?;
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => break rest = rest.strip_prefix('}')?,
            }
        }
    }
    let value = match rest.strip_prefix(' ')? {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        number => number.parse().ok().filter(|value: &f64| value.is_finite())?,
    };
    is_name(name).then(|| Sample { name: name.to_owned(), labels, value })
}

/// Returns the position of the quote that ends a label's value.
fn closing(quoted: &str) -> Option<usize> {
    let mut escaped = false;
    quoted.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

/// Unescapes a text in which only the characters of `special` and line feeds may be escaped.
fn unescaped(text: &str, special: &str) -> Option<String> {
    let (mut plain, mut characters) = (String::new(), text.chars());
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next()? {
                'n' => '\n',
                escaped => Some(escaped).filter(|escaped| special.contains(*escaped))?,
            },
            other => Some(other).filter(|other| *other != '\n' && !special.contains(*other))?,
        });
    }
    Some(plain)
}

fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte == b':';
    name.bytes().next().is_some_and(letter) && name.bytes().all(|byte| letter(byte) || byte.is_ascii_digit())
}

//! The names of certificate authorities, as sent by origins and as found in the issuer field of certificates.

use aws_lc_rs::digest::{SHA256, digest};
use x509_cert::der::Decode;
use x509_cert::name::RdnSequence;

/// The name of a certificate authority, stored as a hash of its bytes and a hash of its normalised form.
///
/// OpenSSL considers two names with equal normalised forms to be the same (RFC 5280, section 7.1). Servers in Go
/// compare the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IssuerName {
    exact: u64,
    normalised: u64,
}

impl IssuerName {
    /// Parses a DER `Name`. A malformed name equals only itself.
    pub fn from_der(der: &[u8]) -> Self {
        let exact = hash(der);
        Self { exact, normalised: normalise(der).map_or(exact, |normalised| hash(&normalised)) }
    }

    /// Returns true if OpenSSL considers both names to be the same.
    pub fn is_same(&self, other: &Self) -> bool {
        self.normalised == other.normalised
    }

    /// Returns the two hashes, for storage.
    pub const fn hashes(self) -> [u64; 2] {
        [self.exact, self.normalised]
    }

    /// Returns the name with these [hashes](Self::hashes).
    pub const fn from_hashes([exact, normalised]: [u64; 2]) -> Self {
        Self { exact, normalised }
    }

    /// Returns the name as text (RFC 4514), cut to 256 characters. It is empty if the name cannot be parsed.
    pub fn text(der: &[u8]) -> String {
        let text = RdnSequence::from_der(der).map(|name| name.to_string()).unwrap_or_default();
        text.chars().take(256).map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
    }
}

/// The result of looking for an issuer among the names that an origin sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IssuerMatch {
    /// No name matches an issuer.
    None,
    /// A name differs only in case, spaces or string types.
    Normalised,
    /// A name has the same bytes.
    Exact,
}

impl IssuerMatch {
    /// Returns the match in one word.
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Normalised => "normalised",
            Self::Exact => "exact",
        }
    }
}

/// The authorities that an origin names when it requests a certificate (RFC 8446, section 4.2.4).
///
/// They are a hint. An origin may accept certificates of other authorities, and may refuse some of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AcceptedIssuers {
    names: Box<[IssuerName]>,
    is_cut: bool,
}

impl AcceptedIssuers {
    /// The maximum number of names to keep.
    pub const MAX_NAMES: usize = 64;
    /// The maximum total size of the names to parse, in bytes.
    pub const MAX_BYTES: usize = 64 << 10;

    /// Parses DER names, up to [`AcceptedIssuers::MAX_NAMES`] names and [`AcceptedIssuers::MAX_BYTES`] bytes.
    pub fn from_ders<'d>(ders: impl IntoIterator<Item = &'d [u8]>) -> Self {
        let (mut names, mut size, mut is_cut) = (Vec::new(), 0, false);
        for der in ders {
            size += der.len();
            if names.len() == Self::MAX_NAMES || size > Self::MAX_BYTES {
                is_cut = true;
                break;
            }
            names.push(IssuerName::from_der(der));
        }
        names.sort_unstable();
        names.dedup();
        Self { names: names.into(), is_cut }
    }

    /// Restores a value from its [names](Self::names) and [`is_cut`](Self::is_cut).
    pub fn from_names(names: Vec<IssuerName>, is_cut: bool) -> Self {
        Self { names: names.into(), is_cut }
    }

    /// Returns true if some names were dropped.
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Returns the kept names, sorted and without duplicates.
    pub fn names(&self) -> &[IssuerName] {
        &self.names
    }

    /// Returns the best match of `issuers`; `None` if that is unknown because either side has no names, or because some
    /// were dropped.
    pub fn find(&self, issuers: &[IssuerName]) -> Option<IssuerMatch> {
        let has = |same: fn(&IssuerName, &IssuerName) -> bool| {
            self.names.iter().any(|name| issuers.iter().any(|issuer| same(name, issuer)))
        };
        if has(|name, issuer| name.exact == issuer.exact) {
            Some(IssuerMatch::Exact)
        } else if has(|name, issuer| name.normalised == issuer.normalised) {
            Some(IssuerMatch::Normalised)
        } else {
            let is_known = !self.names.is_empty() && !self.is_cut && !issuers.is_empty();
            is_known.then_some(IssuerMatch::None)
        }
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let digest = digest(&SHA256, bytes);
    digest.as_ref().iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

/// The X.690 tags that occur in names.
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;

/// Returns the normalised form of a `Name`, as computed for OpenSSL's `X509_NAME_hash`. Text is converted to UTF-8 and
/// lower case (ASCII only), trimmed, and each run of blanks replaced with one space. Sets are sorted.
fn normalise(mut der: &[u8]) -> Option<Vec<u8>> {
    let mut normalised = Vec::new();
    let (SEQUENCE, mut sets) = element(&mut der)? else { return None };
    while !sets.is_empty() {
        let (SET, mut attributes) = element(&mut sets)? else { return None };
        let mut set = Vec::new();
        while !attributes.is_empty() {
            let (SEQUENCE, mut attribute) = element(&mut attributes)? else { return None };
            let (OBJECT_IDENTIFIER, kind) = element(&mut attribute)? else { return None };
            let (tag, value) = element(&mut attribute)?;
            let value = text(tag, value)
                .map(|text| tidy(&text))
                .map_or_else(|| tagged(tag, value), |text| tagged(UTF8_STRING, text.as_bytes()));
            set.push([tagged(OBJECT_IDENTIFIER, kind), value].concat());
            attribute.is_empty().then_some(())?;
        }
        set.sort_unstable();
        normalised.extend(tagged(SET, &set.concat()));
    }
    der.is_empty().then_some(normalised)
}

/// Splits off the tag and value of the next element. Names contain no tags of more than one byte.
fn element<'d>(rest: &mut &'d [u8]) -> Option<(u8, &'d [u8])> {
    let (&[tag, first], after) = rest.split_first_chunk()?;
    let (length, after) = match first {
        0..=0x7f => (usize::from(first), after),
        0x81..=0x83 => {
            let (length, after) = after.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), after)
        }
        _ => return None,
    };
    let (value, after) = after.split_at_checked(length)?;
    *rest = after;
    Some((tag, value))
}

/// Encodes an element unambiguously, with a length of fixed size.
fn tagged(tag: u8, value: &[u8]) -> Vec<u8> {
    [&[tag], value.len().to_be_bytes().as_slice(), value].concat()
}

/// Decodes the string types that OpenSSL normalises. Like OpenSSL, it treats TeletexString as Latin-1.
fn text(tag: u8, value: &[u8]) -> Option<String> {
    const PRINTABLE_STRING: u8 = 0x13;
    const TELETEX_STRING: u8 = 0x14;
    const IA5_STRING: u8 = 0x16;
    const VISIBLE_STRING: u8 = 0x1a;
    const UNIVERSAL_STRING: u8 = 0x1c;
    const BMP_STRING: u8 = 0x1e;
    match tag {
        UTF8_STRING => str::from_utf8(value).ok().map(str::to_owned),
        PRINTABLE_STRING | TELETEX_STRING | IA5_STRING | VISIBLE_STRING => {
            Some(value.iter().copied().map(char::from).collect())
        }
        BMP_STRING => {
            let (units, []) = value.as_chunks() else { return None };
            char::decode_utf16(units.iter().map(|unit| u16::from_be_bytes(*unit)))
                .collect::<Result<_, _>>()
                .ok()
        }
        UNIVERSAL_STRING => {
            let (units, []) = value.as_chunks() else { return None };
            units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit))).collect()
        }
        _ => None,
    }
}

/// Normalises case and blanks. Blanks are the characters of C's `isspace`.
fn tidy(text: &str) -> String {
    let blank = |char: char| matches!(char, ' ' | '\t'..='\r');
    let words: Vec<_> = text.split(blank).filter(|word| !word.is_empty()).collect();
    words.join(" ").to_ascii_lowercase()
}

#[cfg(test)]
mod tests;

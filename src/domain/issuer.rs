//! The names of certificate authorities, as an origin sends them and as certificates name their issuers.

use aws_lc_rs::digest::{SHA256, digest};
use x509_cert::der::Decode;
use x509_cert::name::RdnSequence;

/// The name of a certificate authority, as two hashes: of its octets, and of its normalised form.
///
/// Two names with equal normalised forms are the same name to OpenSSL (RFC 5280, section 7.1). Servers in Go compare the
/// octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IssuerName {
    exact: u64,
    normalised: u64,
}

impl IssuerName {
    /// Reads a `Name` in DER. One that is malformed equals only itself.
    pub fn from_der(der: &[u8]) -> Self {
        let exact = hash(der);
        Self { exact, normalised: normalise(der).map_or(exact, |normalised| hash(&normalised)) }
    }

    /// Whether both are the same name to OpenSSL.
    pub fn is_same(&self, other: &Self) -> bool {
        self.normalised == other.normalised
    }

    /// Returns the name as text (RFC 4514), cut to 256 characters; empty if it cannot be read.
    pub fn text(der: &[u8]) -> String {
        let text = RdnSequence::from_der(der).map(|name| name.to_string()).unwrap_or_default();
        text.chars().take(256).map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
    }
}

/// How an issuer is found among the names that an origin sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IssuerMatch {
    /// No name is that of an issuer.
    None,
    /// A name differs in case, spaces or string types only.
    Normalised,
    /// A name has the same octets.
    Exact,
}

impl IssuerMatch {
    /// The match in a word.
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Normalised => "normalised",
            Self::Exact => "exact",
        }
    }
}

/// The authorities that an origin names when it asks for a certificate (RFC 8446, section 4.2.4).
///
/// They are a hint: an origin may accept others, and need not accept all that they issued.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AcceptedIssuers {
    names: Box<[IssuerName]>,
    is_cut: bool,
}

impl AcceptedIssuers {
    /// The most names that are kept.
    pub const MOST: usize = 64;
    /// The most octets of names that are read.
    pub const LARGEST: usize = 64 << 10;

    /// Reads names in DER, up to [`AcceptedIssuers::MOST`] of them and [`AcceptedIssuers::LARGEST`] octets.
    pub fn from_ders<'d>(ders: impl IntoIterator<Item = &'d [u8]>) -> Self {
        let (mut names, mut octets, mut is_cut) = (Vec::new(), 0, false);
        for der in ders {
            octets += der.len();
            if names.len() == Self::MOST || octets > Self::LARGEST {
                is_cut = true;
                break;
            }
            names.push(IssuerName::from_der(der));
        }
        names.sort_unstable();
        names.dedup();
        Self { names: names.into(), is_cut }
    }

    /// The names that were kept, sorted and without duplicates.
    pub fn names(&self) -> &[IssuerName] {
        &self.names
    }

    /// Returns how the origin names one of `issuers`; none if it names nobody, or more than were kept.
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

fn hash(octets: &[u8]) -> u64 {
    let digest = digest(&SHA256, octets);
    digest.as_ref().iter().take(8).fold(0, |hash, octet| hash << 8 | u64::from(*octet))
}

/// Tags of X.690 that names are made of.
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;

/// Returns the normalised form of a `Name`, as OpenSSL's `X509_NAME_hash` takes it: texts in UTF-8, in lower case (ASCII
/// only), without blanks around them, each run of blanks as one space; sets are sorted.
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

/// Splits the next element off: its tag and its value. Tags of more than one octet are in no name.
fn element<'d>(rest: &mut &'d [u8]) -> Option<(u8, &'d [u8])> {
    let (&[tag, first], after) = rest.split_first_chunk()?;
    let (length, after) = match first {
        0..=0x7f => (usize::from(first), after),
        0x81..=0x83 => {
            let (length, after) = after.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)), after)
        }
        _ => return None,
    };
    let (value, after) = after.split_at_checked(length)?;
    *rest = after;
    Some((tag, value))
}

/// An element that no other octets can be mistaken for; its length has a fixed size.
fn tagged(tag: u8, value: &[u8]) -> Vec<u8> {
    [&[tag], value.len().to_be_bytes().as_slice(), value].concat()
}

/// Decodes the string types that OpenSSL normalises; TeletexString as Latin-1, as it does.
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

/// Blanks are those of C's `isspace`.
fn tidy(text: &str) -> String {
    let blank = |char: char| matches!(char, ' ' | '\t'..='\r');
    let words: Vec<_> = text.split(blank).filter(|word| !word.is_empty()).collect();
    words.join(" ").to_ascii_lowercase()
}

#[cfg(test)]
mod tests;

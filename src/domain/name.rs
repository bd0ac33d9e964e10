//! Names, parsed once into types that cannot be wrong.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Why a text is not the name that it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A zone id has another length or other characters.
    #[error("expected a zone id of 32 hexadecimal digits")]
    ZoneId,
    /// A certificate id is empty, too long or has other characters.
    #[error("expected a certificate id of 1 to 36 letters, digits and hyphens")]
    CertId,
    /// A name has nothing in it.
    #[error("expected a name such as app.example.com, found nothing")]
    Empty,
    /// A name is longer than the DNS can carry (RFC 1035, section 2.3.4).
    #[error("expected at most 253 octets, found {0}")]
    TooLong(usize),
    /// A label is empty or longer than 63 octets.
    #[error("expected labels of 1 to 63 octets, found {0:?}")]
    LabelLength(String),
    /// A label has a character that no hostname has.
    #[error("expected labels of letters, digits, '-' and '_', found {0:?}")]
    LabelCharacter(String),
    /// A name cannot be turned into its ASCII form (UTS 46).
    #[error("expected an internationalised name that has an ASCII form")]
    Idna,
    /// A wildcard stands where none is allowed.
    #[error("expected no wildcard in the name of a zone")]
    Wildcard,
}

/// The identifier of a zone: 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ZoneId(u128);

impl FromStr for ZoneId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        // from_str_radix alone would let a sign pass
        let hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u128::from_str_radix(text, 16).ok().filter(|_| hex).map(Self).ok_or(NameError::ZoneId)
    }
}

impl fmt::Display for ZoneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for ZoneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Gives a text newtype its access, `Display` and `Debug`.
macro_rules! text {
    ($name:ident) => {
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

/// The identifier of a certificate: at most 36 characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CertId(Arc<str>);
text!(CertId);

impl FromStr for CertId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = (1..=36).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if fits { Ok(Self(text.into())) } else { Err(NameError::CertId) }
    }
}

/// A hostname in its one written form: ASCII, lower case, no trailing dot; its first label may be `*`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hostname(Arc<str>);
text!(Hostname);

impl Hostname {
    /// Whether it is the name of the zone, or one below that.
    pub fn is_in(&self, zone: &ZoneName) -> bool {
        let rest = self.as_str().strip_suffix(zone.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

impl FromStr for Hostname {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (wildcard, rest) = match text.strip_prefix("*.") {
            Some(rest) => ("*.", rest),
            None => ("", text),
        };
        let name = format!("{wildcard}{}", to_ascii(rest)?);
        if name.len() > 253 {
            return Err(NameError::TooLong(name.len()));
        }
        Ok(Self(name.into()))
    }
}

/// The name of a zone, in the same form as a [`Hostname`] and without a wildcard.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ZoneName(Arc<str>);
text!(ZoneName);

impl FromStr for ZoneName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.starts_with('*') {
            return Err(NameError::Wildcard);
        }
        to_ascii(text).map(|name| Self(name.into()))
    }
}

/// Maps a name to ASCII (UTS 46), drops one trailing dot and checks every label (RFC 1035, section 2.3.1, with `_`).
///
/// A name that is ASCII already is kept even if IDNA refuses it, since the DNS does not: `xn--a` is no valid A-label.
fn to_ascii(text: &str) -> Result<String, NameError> {
    let mapped = match idna::domain_to_ascii(text) {
        Ok(mapped) => mapped,
        Err(_) if text.is_ascii() => text.to_ascii_lowercase(),
        Err(_) => return Err(NameError::Idna),
    };
    let name = mapped.strip_suffix('.').unwrap_or(&mapped);
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > 253 {
        return Err(NameError::TooLong(name.len()));
    }
    for label in name.split('.') {
        if !(1..=63).contains(&label.len()) {
            return Err(NameError::LabelLength(label.to_owned()));
        }
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if !label.bytes().all(|byte| plain(byte) || byte == b'-' || byte == b'_') {
            return Err(NameError::LabelCharacter(label.to_owned()));
        }
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hostname(text: &str) -> Result<String, NameError> {
        text.parse().map(|name: Hostname| name.to_string())
    }

    #[test]
    fn a_hostname_is_lower_case_ascii_without_a_trailing_dot() {
        assert_eq!(hostname("App.Example.COM.").unwrap(), "app.example.com");
        assert_eq!(hostname("bücher.example").unwrap(), "xn--bcher-kva.example");
        assert_eq!(hostname("*.example.com").unwrap(), "*.example.com");
        assert_eq!(hostname("_acme.a-b.example").unwrap(), "_acme.a-b.example");
    }

    #[test]
    fn a_name_of_plain_characters_is_kept_though_idna_refuses_it() {
        assert_eq!(hostname("xn--a.example.com").unwrap(), "xn--a.example.com");
        assert_eq!(hostname("*.XN--A.example.com.").unwrap(), "*.xn--a.example.com");
        assert_eq!("xn--a.com".parse::<ZoneName>().unwrap().as_str(), "xn--a.com");
        assert_eq!(hostname("xn--a b.example"), Err(NameError::LabelCharacter("xn--a b".into())));
        assert_eq!(hostname("xn--a.bücher.example"), Err(NameError::Idna));
    }

    #[test]
    fn a_text_that_is_no_hostname_is_refused_with_what_is_wrong() {
        let long_label = "a".repeat(64);
        assert_eq!(hostname(""), Err(NameError::Empty));
        assert_eq!(hostname("."), Err(NameError::Empty));
        assert_eq!(hostname("*."), Err(NameError::Empty));
        assert_eq!(hostname("a..b"), Err(NameError::LabelLength(String::new())));
        assert_eq!(hostname("a b.example"), Err(NameError::LabelCharacter("a b".into())));
        assert_eq!(hostname("a.*.example"), Err(NameError::LabelCharacter("*".into())));
        assert_eq!(hostname("https://a.example"), Err(NameError::LabelCharacter("https://a".into())));
        assert_eq!(hostname(&format!("{long_label}.example")), Err(NameError::LabelLength(long_label)));
    }

    #[test]
    fn a_hostname_has_at_most_253_octets_its_wildcard_included() {
        let rest = format!("{}{}", "a.".repeat(94), "b".repeat(63)); // 251 octets
        assert!(hostname(&format!("*.{rest}")).is_ok());
        assert_eq!(hostname(&format!("*.a{rest}")), Err(NameError::TooLong(254)));
        assert!(hostname(&format!("cc{rest}")).is_ok());
        assert_eq!(hostname(&format!("ccc{rest}")), Err(NameError::TooLong(254)));
    }

    #[test]
    fn a_zone_has_no_wildcard() {
        assert_eq!("*.example.com".parse::<ZoneName>(), Err(NameError::Wildcard));
        assert_eq!("Example.com".parse::<ZoneName>().unwrap().as_str(), "example.com");
    }

    #[test]
    fn a_hostname_is_in_its_zone_and_in_no_other_that_ends_alike() {
        let zone: ZoneName = "example.com".parse().unwrap();
        let is_in = |name: &str| name.parse::<Hostname>().unwrap().is_in(&zone);
        assert!(is_in("example.com") && is_in("a.b.example.com") && is_in("*.example.com"));
        assert!(!is_in("badexample.com") && !is_in("example.com.org") && !is_in("com"));
    }

    #[test]
    fn a_zone_id_is_32_hexadecimal_digits() {
        let id: ZoneId = "023E105F4ECEF8AD9CA31A8372D0C353".parse().unwrap();
        assert_eq!(id.to_string(), "023e105f4ecef8ad9ca31a8372d0c353");
        for text in ["", "023e105f", "+23e105f4ecef8ad9ca31a8372d0c353", "g23e105f4ecef8ad9ca31a8372d0c353"] {
            assert_eq!(text.parse::<ZoneId>(), Err(NameError::ZoneId));
        }
    }

    #[test]
    fn a_certificate_id_is_up_to_36_letters_digits_and_hyphens() {
        for text in ["0", "023e105f4ecef8ad9ca31a8372d0c353", "2458ce5a-0c35-4c7f-82c7-8e9487d3ff60"] {
            assert_eq!(text.parse::<CertId>().unwrap().as_str(), text);
        }
        for text in ["", "a b", "a/b", &"a".repeat(37)] {
            assert_eq!(text.parse::<CertId>(), Err(NameError::CertId));
        }
    }

    proptest! {
        #[test]
        fn what_was_parsed_parses_to_itself_and_needs_no_escaping(text in "\\PC{0,40}") {
            if let Ok(name) = text.parse::<Hostname>() {
                prop_assert_eq!(name.as_str().parse(), Ok(name.clone()));
                prop_assert!(name.as_str().bytes().all(|byte| b"abcdefghijklmnopqrstuvwxyz0123456789._*-".contains(&byte)));
            }
        }
    }
}

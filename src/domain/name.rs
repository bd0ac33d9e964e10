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
    /// An account id has another length or other characters.
    #[error("expected an account id of 32 hexadecimal digits")]
    AccountId,
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

/// Gives an identifier of 32 hexadecimal digits its parsing, `Display` and `Debug`.
macro_rules! hexadecimal {
    ($name:ident) => {
        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                // from_str_radix alone would let a sign pass
                let hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
                u128::from_str_radix(text, 16).ok().filter(|_| hex).map(Self).ok_or(NameError::$name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

/// The identifier of a zone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ZoneId(u128);
hexadecimal!(ZoneId);

/// The identifier of a Cloudflare account.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(u128);
hexadecimal!(AccountId);

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
    /// True if its first label is `*`.
    pub fn is_wildcard(&self) -> bool {
        self.as_str().starts_with('*')
    }

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
mod tests;

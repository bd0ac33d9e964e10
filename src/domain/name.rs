//! Names and ids, parsed into types that cannot hold invalid values.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The reason why a text is not a valid name or id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A zone id does not consist of 32 hexadecimal digits.
    #[error("expected a zone id of 32 hexadecimal digits")]
    ZoneId,
    /// An account id does not consist of 32 hexadecimal digits.
    #[error("expected an account id of 32 hexadecimal digits")]
    AccountId,
    /// A certificate id is empty, too long, or has a character that is not allowed.
    #[error("expected a certificate id of 1 to 36 letters, digits and hyphens")]
    CertId,
    /// A name is empty.
    #[error("expected a name such as app.example.com, found nothing")]
    Empty,
    /// A name exceeds the limit of the DNS (RFC 1035, section 2.3.4).
    #[error("expected at most 253 octets, found {0}")]
    TooLong(usize),
    /// A label is empty or longer than 63 octets.
    #[error("expected labels of 1 to 63 octets, found {0:?}")]
    LabelLength(String),
    /// A label has a character that hostnames cannot have.
    #[error("expected labels of letters, digits, '-' and '_', found {0:?}")]
    LabelCharacter(String),
    /// A name has no ASCII form (UTS 46).
    #[error("expected an internationalized name that has an ASCII form")]
    Idna,
    /// The name of a zone contains a wildcard.
    #[error("expected a zone name without a wildcard")]
    Wildcard,
}

/// Implements parsing, `Display` and `Debug` for an id of 32 hexadecimal digits.
macro_rules! hexadecimal {
    ($name:ident) => {
        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                // from_str_radix alone would accept a sign
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

/// The id of a zone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ZoneId(u128);
hexadecimal!(ZoneId);

/// The id of a Cloudflare account.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(u128);
hexadecimal!(AccountId);

/// Implements access, `Display` and `Debug` for a text newtype.
macro_rules! text {
    ($name:ident) => {
        impl $name {
            /// Returns the name as text.
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

/// The id of a certificate, at most 36 characters.
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

/// A hostname in canonical form: ASCII, lower case, no trailing dot. The first label may be `*`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hostname(Arc<str>);
text!(Hostname);

impl Hostname {
    /// Returns true if the first label is `*`.
    pub fn is_wildcard(&self) -> bool {
        self.as_str().starts_with('*')
    }

    /// Returns true if this is the name of the zone or a name below it.
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

/// The name of a zone, in the same form as a [`Hostname`] but without a wildcard.
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

/// Maps a name to ASCII (UTS 46), drops one trailing dot and checks every label (RFC 1035, section 2.3.1, plus `_`).
///
/// An ASCII name is accepted even if IDNA refuses it, since the DNS does not. `xn--a`, for example, is not a valid A-label.
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

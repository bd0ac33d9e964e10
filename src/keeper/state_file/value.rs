//! Single values of the domain in the form of the file.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::{Association, Date, Demand, Reason, SslMode, Status};

/// A name in its display form.
pub(super) struct Text<T>(pub(super) T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(D::Error::custom)
    }
}

/// Seconds since the epoch.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(into = "i64", try_from = "i64")]
pub(super) struct Seconds(pub(super) Date);

impl From<Seconds> for i64 {
    fn from(Seconds(date): Seconds) -> Self {
        date.as_second()
    }
}

impl TryFrom<i64> for Seconds {
    type Error = jiff::Error;

    fn try_from(seconds: i64) -> Result<Self, jiff::Error> {
        jiff::Timestamp::from_second(seconds).map(|time| Self(time.into()))
    }
}

/// A value of a closed set, by its label.
pub(super) struct Label<T>(pub(super) T);

pub(super) trait Labelled: Copy + 'static {
    const ALL: &'static [Self];
    fn label(self) -> &'static str;
}

macro_rules! labelled {
    ($($name:ident),*) => {
        $(impl Labelled for $name {
            const ALL: &'static [Self] = &Self::ALL;
            fn label(self) -> &'static str {
                // the inherent method of the type
                Self::label(self)
            }
        })*
    };
}
labelled!(Association, Demand, Reason, SslMode, Status);

impl<T: Labelled> Serialize for Label<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.label())
    }
}

impl<'de, T: Labelled> Deserialize<'de> for Label<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let found = T::ALL.iter().find(|value| value.label() == text);
        found
            .map(|value| Self(*value))
            .ok_or_else(|| D::Error::custom(format_args!("unknown label {text:?}")))
    }
}

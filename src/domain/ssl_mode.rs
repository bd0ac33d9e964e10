//! The SSL mode of a zone.

/// The way Cloudflare connects to the origins of a zone (the zone setting `ssl`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SslMode {
    /// No TLS, for visitors either.
    Off,
    /// No TLS to the origin.
    Flexible,
    /// TLS, with any certificate of the origin accepted.
    Full,
    /// TLS, with the origin's certificate verified.
    Strict,
    /// Like [`SslMode::Strict`], even for visitors without TLS.
    OriginPull,
    /// A mode that this version does not know.
    Unknown,
}

impl SslMode {
    /// All modes, in the order of their series.
    pub const ALL: [Self; 6] =
        [Self::Off, Self::Flexible, Self::Full, Self::Strict, Self::OriginPull, Self::Unknown];

    /// Parses the API's name. Any other text is [`SslMode::Unknown`].
    pub fn from_api(name: &str) -> Self {
        Self::ALL.into_iter().find(|mode| mode.label() == name).unwrap_or(Self::Unknown)
    }

    /// Returns the API's name, which is also the value of the label `mode`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Flexible => "flexible",
            Self::Full => "full",
            Self::Strict => "strict",
            Self::OriginPull => "origin_pull",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_have_their_documented_labels() {
        let names = ["off", "flexible", "full", "strict", "origin_pull", "unknown"];
        assert_eq!(SslMode::ALL.map(SslMode::label), names);
    }

    #[test]
    fn every_mode_parses_from_its_label_and_other_text_is_unknown() {
        for mode in SslMode::ALL {
            assert_eq!(SslMode::from_api(mode.label()), mode);
        }
        for name in ["", "FULL", "full_strict"] {
            assert_eq!(SslMode::from_api(name), SslMode::Unknown);
        }
    }
}

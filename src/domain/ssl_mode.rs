//! The SSL mode of a zone.

/// How Cloudflare connects to the origins of a zone (the zone setting `ssl`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SslMode {
    /// Without TLS; visitors cannot use it either.
    Off,
    /// Without TLS.
    Flexible,
    /// With TLS; any certificate of the origin is accepted.
    Full,
    /// With TLS; the origin's certificate is verified.
    Strict,
    /// As [`SslMode::Strict`], even for visitors that come without TLS.
    OriginPull,
    /// A mode that this version does not know.
    Unknown,
}

impl SslMode {
    /// Every mode, in the order in which they are exposed.
    pub const ALL: [Self; 6] =
        [Self::Off, Self::Flexible, Self::Full, Self::Strict, Self::OriginPull, Self::Unknown];

    /// Reads the API's name; any other text is [`SslMode::Unknown`].
    pub fn from_api(name: &str) -> Self {
        Self::ALL.into_iter().find(|mode| mode.label() == name).unwrap_or(Self::Unknown)
    }

    /// The API's name, which is also the value of the label `mode`.
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
    fn modes_are_exposed_by_the_names_of_the_contract() {
        let names = ["off", "flexible", "full", "strict", "origin_pull", "unknown"];
        assert_eq!(SslMode::ALL.map(SslMode::label), names);
    }

    #[test]
    fn every_mode_of_the_api_is_read_back_and_any_other_is_unknown() {
        for mode in SslMode::ALL {
            assert_eq!(SslMode::from_api(mode.label()), mode);
        }
        for name in ["", "FULL", "full_strict"] {
            assert_eq!(SslMode::from_api(name), SslMode::Unknown);
        }
    }
}

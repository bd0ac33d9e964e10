//! Changes that scripts make to an association.

use serde::{Deserialize, Deserializer};

use super::certificate::CertificateChange;

/// A change of an association. Missing fields stay unchanged.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AssociationChange {
    /// True if it is enabled; null for a void association.
    #[serde(deserialize_with = "given")]
    pub enabled: Option<Option<bool>>,
    /// Its status, which then no longer changes by itself.
    pub status: Option<String>,
    /// The id of another certificate of the zone.
    pub cert_id: Option<String>,
    /// A change of its certificate, which affects every hostname that shares it.
    pub certificate: Option<CertificateChange>,
}

/// Distinguishes null from a missing field.
pub(super) fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<bool>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

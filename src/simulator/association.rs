//! What scripts change of an association.

use serde::{Deserialize, Deserializer};

use super::certificate::CertificateChange;

/// What a script changes of an association; what it leaves out stays.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AssociationChange {
    /// True if it is enabled; null is a void one.
    #[serde(deserialize_with = "given")]
    pub enabled: Option<Option<bool>>,
    /// Its status; one that is set so stays.
    pub status: Option<String>,
    /// Another certificate of the zone.
    pub cert_id: Option<String>,
    /// What changes of its certificate, and so of every hostname that shares it.
    pub certificate: Option<CertificateChange>,
}

/// Tells null from nothing.
pub(super) fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<bool>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

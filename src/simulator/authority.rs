//! The simulator's certificate authority, which signs real X.509 certificates.

use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, Error, IsCa, Issuer, KeyPair, SanType, SerialNumber,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// The name of the authority, in its certificates and in the API's `issuer`.
pub(super) const NAME: &str = "Simulated Origin Pull CA";
/// The API's name for the authority's signature algorithm.
pub(super) const SIGNATURE: &str = "ECDSAWithSHA256";

/// Signs client and server certificates. All share one key pair, so that a thousand of them cost little.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    leaf: KeyPair,
}

impl Authority {
    /// Creates an authority with new keys.
    pub(super) fn new() -> Result<Self, Error> {
        Self::named(NAME)
    }

    /// Creates an authority with this name and new keys.
    pub(super) fn named(name: &str) -> Result<Self, Error> {
        let (mut params, key) = (named(name), KeyPair::generate()?);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let certificate = params.self_signed(&key)?.der().clone();
        Ok(Self { issuer: Issuer::new(params, key), certificate, leaf: KeyPair::generate()? })
    }

    /// Returns its own certificate.
    pub(super) fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    /// Issues a server certificate for this name, with its key.
    pub(super) fn issue_server(
        &self,
        name: &str,
        not_before: Timestamp,
        not_after: Timestamp,
    ) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), Error> {
        let mut params = named(name);
        params.subject_alt_names = vec![SanType::DnsName(name.try_into()?)];
        params.not_before += since_epoch(not_before);
        params.not_after += since_epoch(not_after);
        let certificate = params.signed_by(&self.leaf, &self.issuer)?.der().clone();
        Ok((certificate, PrivatePkcs8KeyDer::from(self.leaf.serialize_der()).into()))
    }

    /// Issues a certificate in PEM.
    pub(super) fn issue(
        &self,
        common_name: &str,
        serial: u128,
        not_before: Timestamp,
        not_after: Timestamp,
    ) -> Result<String, Error> {
        let mut params = named(common_name);
        params.serial_number = Some(SerialNumber::from_slice(&serial.to_be_bytes()));
        params.not_before += since_epoch(not_before);
        params.not_after += since_epoch(not_after);
        Ok(params.signed_by(&self.leaf, &self.issuer)?.pem())
    }
}

/// Returns parameters with this name and with dates at the epoch.
fn named(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = rcgen::date_time_ymd(1970, 1, 1);
    params.not_after = params.not_before;
    params
}

/// Returns the time since the epoch. The simulator issues no certificate that was valid before 1970.
fn since_epoch(time: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(time.as_second()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Pem;

    #[test]
    fn an_issued_certificate_has_the_given_names_and_dates() {
        let from: Timestamp = "2020-02-29T01:02:03Z".parse().unwrap();
        let until: Timestamp = "2060-12-31T23:59:59Z".parse().unwrap();
        let text = Authority::new().unwrap().issue("app.example.com", 255 << 64, from, until).unwrap();
        let pem = Pem::parse(&text).unwrap();
        assert_eq!(pem.not_before, from.into());
        assert_eq!(pem.not_after, until.into());
        assert_eq!(&*pem.subject, "CN=app.example.com");
        assert_eq!(&*pem.issuer, "CN=Simulated Origin Pull CA");
        assert_eq!(*pem.serial, [0, 255, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}

//! Answers that somebody else fetched.

use super::{Change, Client, Error, associations, certificates, tokens, zones};
use crate::telemetry::Endpoint;

impl Client {
    /// Whether the body of a response with status 200 is one that this method answers; a change is `change` alone.
    ///
    /// # Errors
    /// Where it is not, with what is wrong with it.
    pub fn check(&self, endpoint: Endpoint, change: &Change, body: &[u8]) -> Result<(), Error> {
        match endpoint {
            Endpoint::HostnameGet => self.read_hostname(&change.hostname, body).map(drop),
            Endpoint::HostnameList => self.judge_success(associations::decode_page(body)).map(drop),
            Endpoint::HostnamePut => {
                self.judge_success(self.decode_changes(std::slice::from_ref(change), body)).map(drop)
            }
            Endpoint::CertificateList | Endpoint::ZoneCertificateList => {
                self.judge_success(self.decode_certificates(body)).map(drop)
            }
            Endpoint::ZoneSettings => self.judge_success(certificates::decode_switch(body)).map(drop),
            Endpoint::ZoneList => self.judge_success(zones::decode_page(body)).map(drop),
            Endpoint::TokenVerify => self.judge_success(tokens::decode(body)).map(drop),
        }
    }
}

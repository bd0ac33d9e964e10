//! The certificate that Cloudflare presents for zones whose global switch is on.

use jiff::Timestamp;

use super::ZoneState;
use crate::domain::Date;

/// The notAfter of the CA that issues the certificate, `origin-pull.cloudflare.net`. No API returns it. It comes from
/// the file `authenticated_origin_pull_ca.pem`, which origins are to trust according to Cloudflare's documentation of
/// zone-level origin pulls.
const SHARED_CA_ENDS: Timestamp = Timestamp::constant(1_888_246_800, 0);

impl ZoneState {
    /// Returns the end of the CA whose certificate Cloudflare shares among all zones, if the global switch is on.
    pub fn shared_ca_ends(&self) -> Option<Date> {
        (self.global_enabled == Some(true)).then(|| SHARED_CA_ENDS.into())
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::{Extent, Outcome, Reason, Snapshot, SslMode, Targets, ZoneTarget};

    #[test]
    fn the_end_of_the_shared_ca_is_known_while_the_global_switch_is_on() {
        let at = jiff::Timestamp::UNIX_EPOCH.into();
        let zone = ZoneTarget::named("main".into(), "example".parse().unwrap(), None);
        let zone = zone.with_extent(Extent { zone_level: true, ..Extent::default() });
        let key = zone.key().clone();
        let unread = Snapshot::default().retarget(&Targets::new([zone]));
        let ends = |global: &[Result<bool, Reason>]| {
            let read = |global: &_| Outcome::Settings { global: *global, ssl_mode: Ok(SslMode::Full), at };
            let known = unread.fold(global.iter().map(|global| (key.clone(), read(global))));
            known.zones()[0].shared_ca_ends().map(|end| jiff::Timestamp::from(end).to_string())
        };
        let end = Some("2029-11-01T17:00:00Z".to_owned());
        assert_eq!(ends(&[]), None);
        assert_eq!(ends(&[Err(Reason::Forbidden)]), None);
        assert_eq!(ends(&[Ok(true)]), end);
        assert_eq!(ends(&[Ok(true), Err(Reason::Timeout)]), end, "the last reading is kept");
        assert_eq!(ends(&[Ok(true), Ok(false)]), None);
    }
}

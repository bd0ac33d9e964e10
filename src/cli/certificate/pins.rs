//! The configured origins of a zone, and the lines of the configuration that pin a certificate.

use crate::cli::access::Access;
use crate::cli::reach::Api;
use crate::config::{Secrets, Source};
use crate::domain::{CertId, Hostname, OriginTarget};
use crate::file;
use crate::probe::Options;

/// The part of the configuration about a zone; empty without a configuration.
#[derive(Default)]
pub(super) struct Known {
    pub(super) origins: Vec<OriginTarget>,
    /// The hostnames that it names.
    pub(super) hostnames: Vec<Hostname>,
    /// True if DNS records give the origins of hostnames for which it names none.
    pub(super) has_dns_origins: bool,
    pub(super) probe: Options,
    /// `FILE:LINE: TEXT` for each line that names the certificate.
    pub(super) pins: Vec<String>,
    /// The error, if the configuration could not be read.
    pub(super) unread: Option<String>,
}

impl Known {
    /// Reads the configuration of `access`, even if the token comes from elsewhere.
    pub(super) async fn read(access: &Access, api: &Api, cert_id: &CertId) -> Self {
        let Source::File(path) = access.configured.source() else { return Self::default() };
        if access.base_url.is_some() {
            return Self::default();
        }
        let config = match crate::cli::load(Source::File(path.clone()), Secrets::Skip).await {
            Ok((config, _)) => config,
            Err(error) => {
                let unread = Some(format!("{}: {error:#}", path.display()));
                return Self { unread, ..Self::default() };
            }
        };
        let zones = config.targets.zones().iter();
        let zones: Vec<_> = zones
            .filter(|zone| {
                zone.id() == Some(api.zone) || zone.name().is_some() && zone.name() == api.target.name()
            })
            .collect();
        let origins = zones.iter().flat_map(|zone| zone.origins().to_vec()).collect();
        let hostnames = zones.iter().flat_map(|zone| zone.hostnames()).map(|target| target.hostname.clone());
        let hostnames = hostnames.collect();
        let found = || {
            let mut patterns = config.targets.patterns().iter();
            patterns.find(|pattern| api.target.name().is_some_and(|name| pattern.watches(name)))
        };
        let has_dns_origins = match zones.is_empty() {
            true => found().is_some_and(|pattern| pattern.extent.dns_origins),
            false => zones.iter().any(|zone| zone.extent().dns_origins),
        };
        let text = file::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines = text.lines().enumerate().filter(|(_, line)| {
            let names = |quote: char| line.contains(&format!("{quote}{cert_id}{quote}"));
            !line.trim_start().starts_with('#') && (names('"') || names('\''))
        });
        let pins = lines.map(|(number, line)| format!("{}:{}: {}", path.display(), number + 1, line.trim()));
        Self { origins, hostnames, has_dns_origins, probe: config.probe, pins: pins.collect(), unread: None }
    }
}

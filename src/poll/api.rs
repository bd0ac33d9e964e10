//! The API calls of a poll, as a trait, so that tests of several polls need no socket.

use std::time::Duration;

use tokio::time::Instant;

use crate::cloudflare::{
    Associations, Client, DnsRecords, Error, ListedCertificates, Presence, VisibleZones, ZoneList,
};
use crate::domain::{Hostname, IpRange, Reading, SslMode, ZoneId, ZoneName};

/// The API calls of a poll on behalf of one account. Each call ends by its deadline.
pub trait Api: Send + Sync + 'static {
    /// Returns the host of the API, with its port unless that is the default.
    fn host(&self) -> String;

    /// Looks up a zone's id by its name.
    fn zone_id(
        &self,
        name: &ZoneName,
        deadline: Instant,
    ) -> impl Future<Output = Result<ZoneId, Error>> + Send;

    /// Lists all zones that the token sees. None if that takes more than `most_pages`.
    fn visible_zones(
        &self,
        most_pages: usize,
        deadline: Instant,
    ) -> impl Future<Output = Result<Option<VisibleZones>, Error>> + Send;

    /// Reads the association of a hostname.
    fn hostname(
        &self,
        zone: ZoneId,
        hostname: &Hostname,
        deadline: Instant,
    ) -> impl Future<Output = Result<Reading, Error>> + Send;

    /// Lists a zone's associations. None if `proceed` returns false for the number of pages, which the first
    /// page contains.
    fn associations(
        &self,
        zone: ZoneId,
        deadline: Instant,
        proceed: impl Fn(u32) -> bool + Send + Sync,
    ) -> impl Future<Output = Result<Option<Associations>, Error>> + Send;

    /// Lists a zone's certificates for single hostnames.
    fn hostname_certificates(
        &self,
        zone: ZoneId,
        deadline: Instant,
    ) -> impl Future<Output = Result<ListedCertificates, Error>> + Send;

    /// Lists a zone's certificates for the whole zone.
    fn zone_certificates(
        &self,
        zone: ZoneId,
        deadline: Instant,
    ) -> impl Future<Output = Result<ListedCertificates, Error>> + Send;

    /// Reads the zone-level switch.
    fn zone_level_enabled(
        &self,
        zone: ZoneId,
        deadline: Instant,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Lists all zones that the token sees, whatever their status.
    fn all_zones(&self, deadline: Instant) -> impl Future<Output = Result<ZoneList, Error>> + Send;

    /// Asks for the presence of a zone.
    fn zone_status(
        &self,
        zone: ZoneId,
        deadline: Instant,
    ) -> impl Future<Output = Result<Presence, Error>> + Send;

    /// Reads the global switch of a zone.
    fn global_switch(
        &self,
        zone: ZoneId,
        deadline: Instant,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Reads the SSL mode of a zone.
    fn ssl_mode(
        &self,
        zone: ZoneId,
        deadline: Instant,
    ) -> impl Future<Output = Result<SslMode, Error>> + Send;

    /// Lists the proxied DNS records of a zone.
    fn dns_records(
        &self,
        zone: ZoneId,
        deadline: Instant,
    ) -> impl Future<Output = Result<DnsRecords, Error>> + Send;

    /// Lists Cloudflare's own address ranges.
    fn ip_ranges(&self, deadline: Instant) -> impl Future<Output = Result<Vec<IpRange>, Error>> + Send;

    /// Returns how long 429 responses have blocked requests since the last call.
    fn take_rate_limited(&self) -> Option<Duration>;

    /// Returns true if a response about the zone had an unreadable field since the last call.
    fn take_odd_fields(&self, zone: ZoneId) -> bool;
}

impl Api for Client {
    fn host(&self) -> String {
        self.host()
    }

    async fn zone_id(&self, name: &ZoneName, deadline: Instant) -> Result<ZoneId, Error> {
        self.zone_id(name, deadline).await
    }

    async fn visible_zones(
        &self,
        most_pages: usize,
        deadline: Instant,
    ) -> Result<Option<VisibleZones>, Error> {
        self.visible_zones(most_pages, deadline).await
    }

    async fn hostname(&self, zone: ZoneId, hostname: &Hostname, deadline: Instant) -> Result<Reading, Error> {
        self.hostname(zone, hostname, deadline).await
    }

    async fn associations(
        &self,
        zone: ZoneId,
        deadline: Instant,
        proceed: impl Fn(u32) -> bool + Send + Sync,
    ) -> Result<Option<Associations>, Error> {
        self.associations(zone, deadline, proceed).await
    }

    async fn hostname_certificates(
        &self,
        zone: ZoneId,
        deadline: Instant,
    ) -> Result<ListedCertificates, Error> {
        self.hostname_certificates(zone, deadline).await
    }

    async fn zone_certificates(&self, zone: ZoneId, deadline: Instant) -> Result<ListedCertificates, Error> {
        self.zone_certificates(zone, deadline).await
    }

    async fn zone_level_enabled(&self, zone: ZoneId, deadline: Instant) -> Result<bool, Error> {
        self.zone_level_enabled(zone, deadline).await
    }

    async fn all_zones(&self, deadline: Instant) -> Result<ZoneList, Error> {
        self.all_zones(deadline).await
    }

    async fn zone_status(&self, zone: ZoneId, deadline: Instant) -> Result<Presence, Error> {
        self.zone_status(zone, deadline).await
    }

    async fn global_switch(&self, zone: ZoneId, deadline: Instant) -> Result<bool, Error> {
        self.global_switch(zone, deadline).await
    }

    async fn ssl_mode(&self, zone: ZoneId, deadline: Instant) -> Result<SslMode, Error> {
        self.ssl_mode(zone, deadline).await
    }

    async fn dns_records(&self, zone: ZoneId, deadline: Instant) -> Result<DnsRecords, Error> {
        self.dns_records(zone, deadline).await
    }

    async fn ip_ranges(&self, deadline: Instant) -> Result<Vec<IpRange>, Error> {
        self.ip_ranges(deadline).await
    }

    fn take_rate_limited(&self) -> Option<Duration> {
        self.take_rate_limited()
    }

    fn take_odd_fields(&self, zone: ZoneId) -> bool {
        self.take_odd_fields(zone)
    }
}

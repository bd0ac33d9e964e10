//! The paths of the API and their methods.

use std::time::Duration;

use hyper::Method;
use jiff::Timestamp;
use tokio::time::Instant;

use super::answer::{Answer, Refusal};
use super::gate::Gate;
use super::query::{Query, decoded};
use super::scope::Permission;
use super::tokens::Tokens;
use super::world::World;
use super::zone::Zone;
use super::{certificates, dns, hostnames, zones};
use crate::domain::Level;

/// The prefix of all API paths.
pub(super) const PREFIX: &str = "/client/v4";

/// A request, and the context for answering it.
pub(super) struct Call<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) query: Query<'a>,
    pub(super) authorization: Option<&'a [u8]>,
    pub(super) body: &'a [u8],
    pub(super) now: Instant,
    /// The time of the request, which dates changes.
    pub(super) time: Timestamp,
    /// The duration of deployments and deletions.
    pub(super) delay: Duration,
    /// True if the token belongs to the account rather than to a user.
    pub(super) account_owned: bool,
}

/// Answers one request.
pub(super) fn answer(world: &mut World, tokens: &mut Tokens, call: &Call<'_>) -> Answer {
    let gate = tokens.of(call.authorization);
    let mut answer = routed(world, gate, call).unwrap_or_else(Answer::from);
    gate.tell(&mut answer, call.now);
    answer
}

fn routed(world: &mut World, gate: &mut Gate, call: &Call<'_>) -> Result<Answer, Refusal> {
    let segments: Vec<&str> = call.path.strip_prefix(PREFIX).unwrap_or("").split('/').skip(1).collect();
    let route = Route::of(&segments);
    let verifies = matches!(route, Some(Route::UserToken | Route::AccountToken(_)));
    gate.admit(call.authorization, verifies, call.now)?;
    let route = route.ok_or(Refusal::NO_ROUTE)?;
    let allow = route.allow();
    if !allow.split(", ").any(|method| method == call.method.as_str()) {
        return Err(Refusal::method_not_allowed(allow));
    }
    let gets = *call.method == Method::GET;
    if let Some((zone, wanted)) = route.wants(gets) {
        gate.scope.check(find(world, zone)?, wanted)?;
    }
    let caps = world.has_caps();
    match route {
        Route::UserToken => zones::verify(gate, !call.account_owned),
        Route::AccountToken(account) => {
            zones::verify(gate, call.account_owned && world.has_account(account) && gate.scope.sees(account))
        }
        Route::Zones => zones::list(world, &gate.scope, call),
        Route::Zone(zone) => zones::get(find(world, zone)?),
        Route::ZoneSetting(zone, id) => zones::setting(find(world, zone)?, id),
        Route::DnsRecords(zone) => dns::list(find(world, zone)?, call),
        Route::IpRanges => Ok(dns::ranges()),
        Route::Settings(zone) if gets => zones::settings(find(world, zone)?),
        Route::Settings(zone) => zones::change_settings(find(world, zone)?, call),
        Route::Hostname(zone, hostname) => hostnames::get(find(world, zone)?, &decoded(hostname), call),
        Route::Hostnames(zone) if gets => hostnames::list(find(world, zone)?, call),
        Route::Hostnames(zone) => hostnames::put(find(world, zone)?, call, caps),
        Route::Certificates(zone, level) if gets => certificates::list(find(world, zone)?, level, call),
        Route::Certificates(zone, level) => certificates::post(find(world, zone)?, level, call, caps),
        Route::Certificate(zone, level, id) if gets => certificates::get(find(world, zone)?, level, id, call),
        Route::Certificate(zone, level, id) => certificates::delete(find(world, zone)?, level, id, call),
    }
}

fn find<'a>(world: &'a mut World, id: &str) -> Result<&'a mut Zone, Refusal> {
    world.routed(id).ok_or(Refusal::NO_ROUTE_TO_OBJECT)
}

#[derive(Clone, Copy)]
enum Route<'a> {
    UserToken,
    AccountToken(&'a str),
    Zones,
    Zone(&'a str),
    ZoneSetting(&'a str, &'a str),
    DnsRecords(&'a str),
    IpRanges,
    Settings(&'a str),
    Hostnames(&'a str),
    Hostname(&'a str, &'a str),
    Certificates(&'a str, Level),
    Certificate(&'a str, Level, &'a str),
}

impl<'a> Route<'a> {
    fn of(segments: &[&'a str]) -> Option<Self> {
        const AOP: &str = "origin_tls_client_auth";
        Some(match *segments {
            ["user", "tokens", "verify"] => Self::UserToken,
            ["accounts", account, "tokens", "verify"] => Self::AccountToken(account),
            ["zones"] => Self::Zones,
            ["zones", zone] => Self::Zone(zone),
            ["ips"] => Self::IpRanges,
            ["zones", zone, "dns_records"] => Self::DnsRecords(zone),
            ["zones", zone, "settings", id] => Self::ZoneSetting(zone, id),
            ["zones", zone, AOP] => Self::Certificates(zone, Level::Zone),
            ["zones", zone, AOP, "settings"] => Self::Settings(zone),
            ["zones", zone, AOP, "hostnames"] => Self::Hostnames(zone),
            ["zones", zone, AOP, "hostnames", "certificates"] => Self::Certificates(zone, Level::Hostname),
            ["zones", zone, AOP, "hostnames", "certificates", id] => {
                Self::Certificate(zone, Level::Hostname, id)
            }
            ["zones", zone, AOP, "hostnames", hostname] => Self::Hostname(zone, hostname),
            ["zones", zone, AOP, id] => Self::Certificate(zone, Level::Zone, id),
            _ => return None,
        })
    }

    /// Returns the zone of the request, and the permission that it needs there.
    const fn wants(self, gets: bool) -> Option<(&'a str, Permission)> {
        Some(match self {
            Self::UserToken | Self::AccountToken(_) | Self::Zones | Self::IpRanges => return None,
            Self::Zone(zone) => (zone, Permission::ZoneRead),
            Self::ZoneSetting(zone, _) => (zone, Permission::SettingsRead),
            Self::DnsRecords(zone) => (zone, Permission::DnsRead),
            Self::Settings(zone)
            | Self::Hostnames(zone)
            | Self::Hostname(zone, _)
            | Self::Certificates(zone, _)
            | Self::Certificate(zone, ..) => {
                (zone, if gets { Permission::SslRead } else { Permission::SslEdit })
            }
        })
    }

    const fn allow(self) -> &'static str {
        match self {
            Self::UserToken | Self::AccountToken(_) | Self::IpRanges | Self::DnsRecords(_) => "GET",
            Self::Zones | Self::Zone(_) | Self::ZoneSetting(..) | Self::Hostname(..) => "GET",
            Self::Settings(_) | Self::Hostnames(_) => "GET, PUT",
            Self::Certificates(..) => "GET, POST",
            Self::Certificate(..) => "GET, DELETE",
        }
    }
}

//! The control routes, with which scripts change the world and add faults.

use std::time::Duration;

use hyper::StatusCode;
use hyper::http::request::Parts;
use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::fault::Fault;
use super::gate::{RateLimit, Standing};
use super::query::{Query, decoded};
use super::world::WorldError;
use super::zone::Zone;
use super::{AssociationChange, CertificateChange, DnsRecord, Simulator, ZoneChange};
use crate::domain::{CertId, Hostname, Level, ZoneId, ZoneName};

/// The prefix of all control routes.
pub(super) const PREFIX: &str = "/_simulator/";

/// The reason why a control request is refused.
#[derive(Debug, thiserror::Error)]
enum ControlError {
    #[error("expected a route of the simulator")]
    Route,
    #[error("the JSON has an unexpected form: {0}")]
    Body(#[from] serde_json::Error),
    #[error(transparent)]
    Name(#[from] crate::domain::NameError),
    #[error(transparent)]
    World(#[from] WorldError),
}

impl ControlError {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Route
            | Self::World(WorldError::NoZone | WorldError::NoCertificate | WorldError::NoAssociation) => {
                StatusCode::NOT_FOUND
            }
            Self::Body(_) | Self::Name(_) | Self::World(_) => StatusCode::BAD_REQUEST,
        }
    }
}

type Outcome = Result<Value, ControlError>;

impl Simulator {
    /// Answers a control request: 200 and JSON, or 400 or 404 and `{"error"}`.
    pub(super) fn control(&self, head: &Parts, body: &[u8]) -> Answer {
        let query = Query(head.uri.query().unwrap_or(""));
        match self.controlled(head.method.as_str(), head.uri.path(), query, body) {
            Ok(value) => Answer::json(StatusCode::OK, &value),
            Err(error) => Answer::json(error.status(), &json!({ "error": error.to_string() })),
        }
    }

    fn controlled(&self, method: &str, path: &str, query: Query<'_>, body: &[u8]) -> Outcome {
        let segments: Vec<String> = path.strip_prefix(PREFIX).unwrap_or("").split('/').map(decoded).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match (method, segments.as_slice()) {
            ("GET", ["zones"]) => Ok(self.with_world(|world| world.zones().map(summary).collect())),
            ("PUT", ["zones", zone]) => {
                let (change, now): (ZoneChange, _) = (parsed(body)?, self.clock.now());
                if zone.parse::<ZoneId>().is_ok() {
                    let change = ZoneChange { gone: Some(change.gone.unwrap_or(false)), ..change };
                    return self.change_zone(zone, change);
                }
                let name: ZoneName = zone.parse()?;
                self.with_world(|world| Ok(summary(world.put_zone(&name, change, now)?)))
            }
            ("PATCH", ["zones", zone]) => self.change_zone(zone, parsed(body)?),
            ("DELETE", ["zones", zone]) => done(self.with_world(|world| world.remove_zone(zone))),
            (_, ["zones", zone, "hostnames", hostname]) => {
                let hostname = hostname.parse()?;
                self.with_zone(zone, |zone| self.hostname(zone, method, &hostname, body))
            }
            ("POST", ["zones", zone, "certificates"]) => {
                self.with_zone(zone, |zone| self.new_certificate(zone, body))
            }
            ("PATCH", ["zones", zone, "certificates", id]) => {
                let (id, change): (CertId, CertificateChange) = (id.parse()?, parsed(body)?);
                self.with_zone(zone, |zone| done(zone.change_certificate(&id, change, self.clock.now())))
            }
            ("PUT", ["zones", zone, "dns_records"]) => {
                let records: Vec<DnsRecord> = parsed(body)?;
                self.with_zone(zone, |zone| {
                    zone.set_records(records);
                    Ok(json!({}))
                })
            }
            ("PUT", ["token"]) => {
                let Token { status, expires_on } = parsed(body)?;
                self.set_token(status, expires_on);
                Ok(json!({}))
            }
            ("PUT", ["tokens", token]) => {
                self.set_scope(token, parsed(body)?);
                Ok(json!({}))
            }
            ("DELETE", ["tokens", token]) => {
                self.revoke(token);
                Ok(json!({}))
            }
            ("PUT", ["rate-limit"]) => {
                self.set_rate_limit(Some(parsed::<Limit>(body)?.into()));
                Ok(json!({}))
            }
            ("DELETE", ["rate-limit"]) => {
                self.set_rate_limit(None);
                Ok(json!({}))
            }
            ("GET", ["requests"]) => Ok(self.counted(query)),
            ("DELETE", ["requests"]) => {
                self.forget_requests();
                Ok(json!({}))
            }
            (_, ["faults", ..]) => self.faults(method, &segments[1..], body),
            _ => Err(ControlError::Route),
        }
    }

    fn with_zone(&self, zone: &str, work: impl FnOnce(&mut Zone) -> Outcome) -> Outcome {
        self.with_world(|world| work(world.zone(zone).ok_or(WorldError::NoZone)?))
    }

    fn change_zone(&self, zone: &str, change: ZoneChange) -> Outcome {
        let now = self.clock.now();
        self.with_world(|world| world.change_zone(zone, change, now))?;
        self.with_zone(zone, |zone| Ok(summary(zone)))
    }

    fn hostname(&self, zone: &mut Zone, method: &str, hostname: &Hostname, body: &[u8]) -> Outcome {
        let now = self.clock.now();
        match method {
            "PUT" => {
                let change: AssociationChange = parsed(body)?;
                let cert_id = match &change.cert_id {
                    Some(id) => id.parse()?,
                    None => zone.add_certificate(now + SignedDuration::from_hours(365 * 24))?,
                };
                zone.associate(hostname, &cert_id, Some(true))?;
                done(zone.change_association(hostname, change, now))
            }
            "PATCH" => done(zone.change_association(hostname, parsed(body)?, now)),
            "DELETE" => done(zone.remove_association(hostname)),
            _ => Err(ControlError::Route),
        }
    }

    fn new_certificate(&self, zone: &mut Zone, body: &[u8]) -> Outcome {
        let NewCertificate { expires_in, zone_level } = parsed(body)?;
        let level = if zone_level { Level::Zone } else { Level::Hostname };
        let not_after = self.clock.now().checked_add(SignedDuration::from_secs(expires_in));
        let id = zone.add_certificate_at(level, not_after.map_err(|_| WorldError::NoDate)?)?;
        Ok(json!({ "id": id.as_str() }))
    }

    fn counted(&self, query: Query<'_>) -> Value {
        let requests = self.requests();
        let (method, path) = (query.get("method"), query.get("path"));
        let count = requests.count(&method.unwrap_or_default(), &path.unwrap_or_default());
        let all: Map<String, Value> = requests.iter().map(|(line, n)| (line.to_owned(), n.into())).collect();
        json!({ "count": count, "total": requests.total(), "requests": all })
    }

    fn faults(&self, method: &str, rest: &[&str], body: &[u8]) -> Outcome {
        match (method, rest) {
            ("GET", []) => Ok(self
                .state()
                .faults
                .list()
                .iter()
                .map(|(number, fault)| json!({ "number": number, "fault": fault }))
                .collect()),
            ("POST", []) => Ok(json!({ "number": self.add_fault(parsed::<Fault>(body)?) })),
            ("DELETE", []) => {
                self.clear_faults();
                Ok(json!({}))
            }
            ("DELETE", [number]) => {
                let number = number.parse().map_err(|_| ControlError::Route)?;
                Ok(json!({ "cleared": self.clear_fault(number) }))
            }
            _ => Err(ControlError::Route),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    status: Standing,
    expires_on: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    requests: u32,
    per_seconds: u64,
    block_seconds: u64,
}

impl From<Limit> for RateLimit {
    fn from(limit: Limit) -> Self {
        let Limit { requests, per_seconds, block_seconds } = limit;
        Self { requests, per: Duration::from_secs(per_seconds), block: Duration::from_secs(block_seconds) }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCertificate {
    expires_in: i64,
    #[serde(default)]
    zone_level: bool,
}

fn summary(zone: &Zone) -> Value {
    let hostnames: Vec<&str> = zone.rows().iter().map(|row| row.hostname.as_str()).collect();
    json!({
        "id": zone.id().to_string(),
        "name": zone.name().as_str(),
        "account": zone.account.id,
        "status": zone.facts.status,
        "type": zone.facts.kind,
        "gone": zone.is_gone(),
        "hostnames": hostnames,
    })
}

fn done(outcome: Result<(), WorldError>) -> Outcome {
    Ok(outcome.map(|()| json!({}))?)
}

/// Parses a JSON body. An empty body counts as an empty object.
fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, ControlError> {
    Ok(serde_json::from_slice(if body.is_empty() { b"{}" } else { body })?)
}

//! The types of Cloudflare's Authenticated Origin Pulls, and the state of everything that is watched.
//!
//! This module is pure: nothing in it reads a clock, a file or a socket.

mod account;
mod association;
mod certificate;
mod date;
mod demand;
mod dns;
mod entry;
mod expectation;
mod failure;
mod finding;
mod ignored;
mod ip_range;
mod issuer;
mod judge;
mod listed;
mod name;
mod origin;
mod outcome;
mod pattern;
mod pem;
mod reading;
mod snapshot;
mod span;
mod ssl_mode;
mod target;
mod zone;
mod zone_certificate;

pub use account::{AccountFacts, AccountState, LISTED_EVERY, TokenState, ZoneList};
pub use association::{Association, Status};
pub use certificate::{Certificate, CertificateDetails};
pub use date::Date;
pub use demand::{Demand, DemandReason, OriginReading, ProbeFailure};
pub use dns::{DnsIndex, DnsOrigins, DnsRecord, NoOrigin, RecordData};
pub use entry::Entry;
pub use expectation::{Expectation, Expected};
pub use failure::Reason;
pub use finding::{Finding, Findings, Subject, Verdict};
pub use ignored::Ignored;
pub use ip_range::{IpRange, IpRangeError};
pub use issuer::{AcceptedIssuers, IssuerMatch, IssuerName};
pub use judge::{Judge, Thresholds, Told};
pub use listed::listed;
pub use name::{AccountId, CertId, Hostname, NameError, ZoneId, ZoneName};
pub use origin::{OriginAddress, OriginAddressError, OriginTarget};
pub use outcome::Outcome;
pub use pattern::{FoundZone, PatternTarget, ZonePattern};
pub use pem::{ChainLink, KeyKind, Pem, PemError, PublicKey};
pub use reading::Reading;
pub use snapshot::Snapshot;
pub use span::{Distance, Span};
pub use ssl_mode::SslMode;
pub use target::{Extent, HostnameTarget, Strategy, Targets, ZoneKey, ZoneTarget};
pub use zone::{Origin, Part, PartKind, StoredHostname, StoredZone, ZoneState};
pub use zone_certificate::{Level, ZoneCertificate};

//! What a producer found out about one zone, in the parts in which it becomes known.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::{Date, DnsRecord, Hostname, PartKind, Reading, Reason, SslMode, ZoneCertificate, ZoneId};

/// One thing that was found out about a zone. A failure keeps the last known reading.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A part of it is to be read from now on.
    Planned {
        /// Which.
        part: PartKind,
        /// How often.
        interval: Duration,
        /// When.
        at: Date,
    },
    /// The zone has this id.
    Identified(ZoneId),
    /// The lists of associations and certificates were read.
    Listed {
        /// The readings that they give.
        hostnames: Vec<(Hostname, Reading)>,
        /// Every hostname that has an association, or may have one, where the list was complete. Discovered hostnames
        /// that it lacks have vanished.
        present: Option<BTreeSet<Hostname>>,
        /// All certificates of the hostname store.
        certificates: Vec<ZoneCertificate>,
        /// When.
        at: Date,
    },
    /// The zone is read without lists from now on: only readings tell of its certificates.
    Unlisted,
    /// One hostname was asked about.
    Read(Hostname, Result<Reading, Reason>),
    /// The zone-level switch and certificates were asked about.
    ZoneLevel {
        /// Whether the switch is on.
        enabled: Result<bool, Reason>,
        /// All zone-level certificates.
        certificates: Result<Vec<ZoneCertificate>, Reason>,
        /// When.
        at: Date,
    },
    /// The settings were asked about.
    Settings {
        /// Whether the global switch is on.
        global: Result<bool, Reason>,
        /// The SSL mode.
        ssl_mode: Result<SslMode, Reason>,
        /// When.
        at: Date,
    },
    /// The DNS records were asked about.
    DnsRecords {
        /// The proxied A, AAAA and CNAME records that can be read.
        records: Result<Arc<[DnsRecord]>, Reason>,
        /// When.
        at: Date,
    },
    /// No hostname of the zone could be read.
    Failed(Reason),
    /// The poll of the zone ended.
    Ended {
        /// Whether its associations could be read.
        result: Result<(), Reason>,
        /// When.
        at: Date,
    },
}

//! The results of a poll of one zone, reported one by one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Date, DnsRecord, Hostname, OriginReading, OriginTarget, PartKind, Reading, Reason, SslMode,
    ZoneCertificate, ZoneId,
};

/// One result about a zone. A failure keeps the last reading.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A part of the zone is about to be read.
    Planned {
        /// The part.
        part: PartKind,
        /// The poll interval of the part.
        interval: Duration,
        /// The time of this result.
        at: Date,
    },
    /// The zone's id was determined.
    Identified(ZoneId),
    /// The lists of associations and certificates were read.
    Listed {
        /// The readings from the lists.
        hostnames: Vec<(Hostname, Reading)>,
        /// All hostnames that have or may have an association, if the list was complete. Other discovered hostnames
        /// have vanished.
        present: Option<BTreeSet<Hostname>>,
        /// All hostname certificates.
        certificates: Vec<ZoneCertificate>,
        /// The time of this result.
        at: Date,
    },
    /// The zone is now read without lists, so its certificates are only known from readings of hostnames.
    Unlisted,
    /// One hostname was requested.
    Read(Hostname, Result<Reading, Reason>),
    /// An origin of one hostname was probed.
    Probed(OriginTarget, OriginReading),
    /// The zone-level switch and certificates were requested.
    ZoneLevel {
        /// The state of the switch, true if on.
        enabled: Result<bool, Reason>,
        /// All zone-level certificates.
        certificates: Result<Vec<ZoneCertificate>, Reason>,
        /// The time of this result.
        at: Date,
    },
    /// The zone settings were requested.
    Settings {
        /// The state of the global switch, true if on.
        global: Result<bool, Reason>,
        /// The SSL mode.
        ssl_mode: Result<SslMode, Reason>,
        /// The time of this result.
        at: Date,
    },
    /// The DNS records were requested.
    DnsRecords {
        /// The proxied A, AAAA and CNAME records that can be read.
        records: Result<Arc<[DnsRecord]>, Reason>,
        /// The time of this result.
        at: Date,
    },
    /// No hostname of the zone could be read.
    Failed(Reason),
    /// The poll of the zone ended.
    Ended {
        /// The result of reading the associations.
        result: Result<(), Reason>,
        /// The time of this result.
        at: Date,
    },
}

//! The vocabulary: what Cloudflare's Authenticated Origin Pulls are made of, and what is known of them.
//!
//! Pure: nothing here reads a clock, a file or a socket.

mod association;
mod certificate;
mod date;
mod failure;
mod name;
mod pem;
mod reading;
mod snapshot;
mod target;
mod verdict;
mod zone_state;

pub use association::{Association, Status};
pub use certificate::{Certificate, CertificateDetails};
pub use date::Date;
pub use failure::Reason;
pub use name::{AccountId, CertId, Hostname, NameError, ZoneId, ZoneName};
pub use pem::{Pem, PemError};
pub use reading::Reading;
pub use snapshot::{Certificates, Outcome, Snapshot};
pub use target::{Expectation, Expected, Extent, HostnameTarget, Strategy, Targets, ZoneKey, ZoneTarget};
pub use verdict::{Finding, Thresholds, Verdict};
pub use zone_state::{Entry, Level, ZoneCertificate, ZoneState};

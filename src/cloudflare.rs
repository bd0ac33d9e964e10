//! The client of Cloudflare's API. It has one method for each of the API's methods, and turns responses into
//! results in one place.

mod advice;
mod associations;
mod budget;
mod certificates;
mod connector;
mod dns;
mod error;
mod hostnames;
mod interner;
mod options;
mod pages;
mod proxy;
mod request;
mod response;
mod retry;
mod stores;
mod tokens;
mod transport;
mod wire;
mod zone_list;
mod zone_settings;
mod zone_status;
mod zones;

pub use advice::Purpose;
pub use associations::{AssociationRow, Associations};
pub use budget::{Budget, RateLimit};
pub use certificates::{ListedCertificate, ListedCertificates};
pub use dns::DnsRecords;
pub use error::{ApiError, BuildError, Error};
pub use hostnames::Change;
pub use options::{ApiToken, BaseUrl, BaseUrlError, Options, TokenError};
pub use proxy::{ProxyError, check_proxy};
pub use transport::Client;
pub use zone_list::{ListedZone, ZoneList};
pub use zone_status::Presence;
pub use zones::VisibleZones;

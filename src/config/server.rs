//! How metrics are served.

use std::net::SocketAddr;

use super::Surroundings;
use super::section::Section;
use crate::http::Options;

/// What the table says.
pub(super) struct Server {
    /// Where.
    pub(super) listen: SocketAddr,
    /// How; the states of a family are told elsewhere.
    pub(super) serving: Options,
}

impl Server {
    pub(super) fn read(mut section: Section<'_>, _surroundings: Surroundings<'_>) -> Self {
        let listen = section
            .take("listen", "an address with a port, such as 127.0.0.1:10219", |text| text.parse().ok());
        let lifecycle = section.flag("lifecycle").unwrap_or(false);
        section.finish();
        Self {
            listen: listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 10219))),
            serving: Options { lifecycle, ..Options::default() },
        }
    }
}

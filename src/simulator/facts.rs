//! Facts about a zone that do not concern its origin pulls: account, status, type and settings.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A Cloudflare account.
pub(super) struct Account {
    /// 32 hexadecimal digits.
    pub(super) id: String,
    pub(super) name: String,
}

/// A word of the API. Scripts may set any.
pub(super) type Word = Cow<'static, str>;

/// The type of zones that only resolvers inside a network see. One may have the name of a public zone.
pub(super) const INTERNAL: &str = "internal";

/// The status, the type and the settings of a zone.
pub(super) struct Facts {
    pub(super) status: Word,
    pub(super) kind: Word,
    settings: [Setting; 2],
}

/// A setting of a zone, as the API describes it.
#[derive(Serialize)]
pub(super) struct Setting {
    id: &'static str,
    value: Word,
    editable: bool,
    /// The time of the last change; none if it was never changed.
    modified_on: Option<Timestamp>,
}

impl Setting {
    const fn new(id: &'static str, value: &'static str) -> Self {
        Self { id, value: Word::Borrowed(value), editable: true, modified_on: None }
    }
}

impl Default for Facts {
    fn default() -> Self {
        let settings = [Setting::new("tls_client_auth", "off"), Setting::new("ssl", "full")];
        Self { status: "active".into(), kind: "full".into(), settings }
    }
}

/// A change of a zone. Missing fields stay unchanged.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ZoneChange {
    /// Its status: `active`, `pending`, `initializing`, `moved`, `deactivated`, or any other.
    pub status: Option<String>,
    /// Its type: `full`, `partial`, `secondary`, `internal`, or any other.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The id of its account: 32 hexadecimal digits.
    pub account: Option<String>,
    /// The zone's global switch, the setting `tls_client_auth`: `on`, `off`, or any other.
    pub tls_client_auth: Option<String>,
    /// The SSL mode, the setting `ssl`: `off`, `flexible`, `full`, `strict`, `origin_pull`, or any other.
    pub ssl: Option<String>,
    /// The zone-level switch.
    pub enabled: Option<bool>,
    /// Associates this many healthy hostnames, named `host-000000` and so on.
    pub hostnames: Option<usize>,
    /// True if the zone is gone.
    pub gone: Option<bool>,
}

impl Facts {
    /// Changes status, type and settings.
    pub(super) fn change(&mut self, change: ZoneChange, now: Timestamp) {
        for (word, value) in [(&mut self.status, change.status), (&mut self.kind, change.kind)] {
            *word = value.map_or_else(|| std::mem::take(word), Word::from);
        }
        for (setting, value) in self.settings.iter_mut().zip([change.tls_client_auth, change.ssl]) {
            if let Some(value) = value {
                setting.value = value.into();
                setting.modified_on = Some(now);
            }
        }
    }

    pub(super) fn setting(&self, id: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.id == id)
    }

    pub(super) fn is_internal(&self) -> bool {
        self.kind == INTERNAL
    }
}

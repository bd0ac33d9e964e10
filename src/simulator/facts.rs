//! What Cloudflare says of a zone beside its origin pulls: its account, its status and its type.

use std::borrow::Cow;

use serde::Deserialize;

/// A Cloudflare account.
pub(super) struct Account {
    /// 32 hexadecimal digits.
    pub(super) id: String,
    pub(super) name: String,
}

/// The API's word for something; scripts may set any.
pub(super) type Word = Cow<'static, str>;

/// The type of zones that only resolvers inside a network see; one may bear the name of a public zone.
pub(super) const INTERNAL: &str = "internal";

/// The status and the type of a zone.
pub(super) struct Facts {
    pub(super) status: Word,
    pub(super) kind: Word,
}

impl Default for Facts {
    fn default() -> Self {
        Self { status: "active".into(), kind: "full".into() }
    }
}

/// What a script changes of a zone; what it leaves out stays.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ZoneChange {
    /// Its status: `active`, `pending`, `initializing`, `moved`, `deactivated`, or any other.
    pub status: Option<String>,
    /// Its type: `full`, `partial`, `secondary`, `internal`, or any other.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The id of the account that it belongs to: 32 hexadecimal digits.
    pub account: Option<String>,
}

impl Facts {
    pub(super) fn change(&mut self, change: ZoneChange) {
        for (word, value) in [(&mut self.status, change.status), (&mut self.kind, change.kind)] {
            *word = value.map_or_else(|| std::mem::take(word), Word::from);
        }
    }

    pub(super) fn is_internal(&self) -> bool {
        self.kind == INTERNAL
    }
}

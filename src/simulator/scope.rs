//! What a token sees and may do.

use serde::Deserialize;

use super::answer::Refusal;
use super::zone::Zone;

/// What a token sees and may do: everything, unless it says otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    /// The ids of the accounts whose zones it sees; none stands for all of them.
    pub accounts: Option<Vec<String>>,
    /// What it may do in them.
    pub permissions: Vec<Permission>,
}

/// Something that a token may do, by Cloudflare's names for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Zone: Read.
    ZoneRead,
    /// Zone Settings: Read.
    SettingsRead,
    /// SSL and Certificates: Read.
    SslRead,
    /// SSL and Certificates: Edit, which reads too.
    SslEdit,
    /// DNS: Read.
    DnsRead,
}

impl Default for Scope {
    fn default() -> Self {
        use Permission::{DnsRead, SettingsRead, SslEdit, SslRead, ZoneRead};
        Self { accounts: None, permissions: vec![ZoneRead, SettingsRead, SslRead, SslEdit, DnsRead] }
    }
}

impl Scope {
    pub(super) fn sees(&self, account: &str) -> bool {
        self.accounts.as_ref().is_none_or(|accounts| accounts.iter().any(|id| id == account))
    }

    pub(super) fn may(&self, wanted: Permission) -> bool {
        let has = |permission| self.permissions.contains(&permission);
        has(wanted) || wanted == Permission::SslRead && has(Permission::SslEdit)
    }

    /// Refuses what the token may not do, or a zone that it does not see.
    pub(super) fn check(&self, zone: &Zone, wanted: Permission) -> Result<(), Refusal> {
        match wanted {
            _ if !self.sees(&zone.account.id) => Err(Refusal::NO_ACCESS),
            _ if self.may(wanted) => Ok(()),
            Permission::ZoneRead | Permission::SettingsRead => Err(Refusal::NO_ACCESS),
            Permission::SslRead | Permission::SslEdit | Permission::DnsRead => Err(Refusal::NO_PERMISSION),
        }
    }
}

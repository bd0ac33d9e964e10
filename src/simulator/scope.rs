//! The accounts and permissions of a token.

use serde::Deserialize;

use super::answer::Refusal;
use super::zone::Zone;

/// The accounts and permissions of a token; all of them by default.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    /// The ids of the accounts whose zones it sees; none for all accounts.
    pub accounts: Option<Vec<String>>,
    /// Its permissions in them.
    pub permissions: Vec<Permission>,
}

/// A permission of a token, by Cloudflare's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Zone: Read.
    ZoneRead,
    /// Zone Settings: Read.
    SettingsRead,
    /// SSL and Certificates: Read.
    SslRead,
    /// SSL and Certificates: Edit, which includes Read.
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

    /// Refuses the request if the token lacks the permission or does not see the zone.
    pub(super) fn check(&self, zone: &Zone, wanted: Permission) -> Result<(), Refusal> {
        match wanted {
            _ if !self.sees(&zone.account.id) => Err(Refusal::NO_ACCESS),
            _ if self.may(wanted) => Ok(()),
            Permission::ZoneRead | Permission::SettingsRead => Err(Refusal::NO_ACCESS),
            Permission::SslRead | Permission::SslEdit | Permission::DnsRead => Err(Refusal::NO_PERMISSION),
        }
    }
}

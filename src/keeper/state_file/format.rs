//! The JSON format of the state file.
//!
//! `{"format":"…","version":1,"accounts":[…],"zones":[…]}`: no token, no key and no PEM is part of it. Each zone has a
//! list of its certificates, and what has one of them gives its place in there.

use std::borrow::Cow;
use std::io::{self, BufReader, Read, Seek, Write};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::error::Category;

use super::account::AccountRow;
use super::hostname::HostnameRow;
use super::zone::ZoneRow;
use crate::domain::{Snapshot, Targets, ZoneState};

const FORMAT: &str = "cloudflare-aop-exporter state";
const VERSION: u32 = 1;

/// Why a file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It is JSON, and something else.
    #[error("it is no state file of this program")]
    Foreign,
    /// Another version of this program has written it.
    #[error("expected version {VERSION}, found {0}")]
    Version(u32),
    /// It is truncated or was changed. Its content is not shown, since it may hold a secret.
    #[error("{} at line {}, column {}", what(.0.classify()), .0.line(), .0.column())]
    Unsound(#[from] serde_json::Error),
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    /// It is a folder, a pipe or a device.
    #[error("expected a file, found something else of that name")]
    NoFile,
}

/// Writes the state, hostname by hostname.
///
/// # Errors
/// Where `out` takes no more.
pub fn write(known: &Snapshot, out: impl Write) -> serde_json::Result<()> {
    let accounts = known.accounts().iter().filter_map(AccountRow::new).collect();
    let zones = Zones(known.zones());
    serde_json::to_writer(out, &File { format: FORMAT.into(), version: VERSION, accounts, zones })
}

/// Reads what was known of `targets`; what it says of anything else is passed over.
///
/// # Errors
/// Where it is no sound state file of this version.
pub fn read(mut file: impl Read + Seek, targets: &Targets) -> Result<Snapshot, Unfit> {
    let read: Result<File<Vec<ZoneRow<Vec<HostnameRow>>>>, _> = parse(&mut file);
    match read {
        Ok(File { format, version, accounts, zones }) => {
            judge(Some(&format), Some(version))?;
            Ok(restore(accounts, zones, targets)?)
        }
        Err(error) if error.is_io() => Err(Unfit::Unreadable(error.into())),
        Err(error) => {
            file.rewind()?;
            if let Ok(Head { format, version }) = parse(&mut file) {
                judge(format.as_deref(), version)?;
            }
            Err(error.into())
        }
    }
}

fn what(category: Category) -> &'static str {
    match category {
        Category::Eof => "it ends",
        Category::Io | Category::Syntax => "it is no JSON",
        Category::Data => "there is something unexpected in it",
    }
}

fn parse<T: DeserializeOwned>(file: impl Read) -> serde_json::Result<T> {
    serde_json::from_reader(BufReader::with_capacity(1 << 16, file))
}

fn judge(format: Option<&str>, version: Option<u32>) -> Result<(), Unfit> {
    match (format, version) {
        (Some(FORMAT), Some(VERSION)) => Ok(()),
        (Some(FORMAT), Some(version)) => Err(Unfit::Version(version)),
        _ => Err(Unfit::Foreign),
    }
}

fn restore(
    accounts: Vec<AccountRow>,
    zones: Vec<ZoneRow<Vec<HostnameRow>>>,
    targets: &Targets,
) -> serde_json::Result<Snapshot> {
    let zones: Vec<_> = zones.into_iter().map(ZoneRow::stored).collect::<serde_json::Result<_>>()?;
    Ok(Snapshot::restored(zones, accounts.into_iter().map(AccountRow::stored)).retarget(targets))
}

/// What tells whose file it is.
#[derive(Deserialize)]
struct Head {
    format: Option<String>,
    version: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct File<Z> {
    format: Cow<'static, str>,
    version: u32,
    /// Those of which patterns watch zones.
    #[serde(default)]
    accounts: Vec<AccountRow>,
    zones: Z,
}

/// The rows of the zones, each made as it is written.
struct Zones<'a>(&'a [Arc<ZoneState>]);

impl Serialize for Zones<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|zone| ZoneRow::new(zone)))
    }
}

//! The JSON format of the state file.
//!
//! `{"format":"…","version":1,"accounts":[…],"zones":[…]}`. It contains no token, no private key and no PEM.
//! Each zone has a list of its certificates, to which other objects refer by index.

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

/// The reason why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The file is JSON, but not a state file.
    #[error("it is not a state file of this program")]
    Foreign,
    /// The file was written by another version of this program.
    #[error("expected version {VERSION}, found {0}")]
    Version(u32),
    /// The file is truncated or was changed. Its content is not shown, since it may hold a secret.
    #[error("{} at line {}, column {}", what(.0.classify()), .0.line(), .0.column())]
    Unsound(#[from] serde_json::Error),
    /// The file cannot be read.
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    /// The path is a directory, a pipe or a device.
    #[error("expected a regular file, found something else")]
    NoFile,
}

/// Writes the state, hostname by hostname.
///
/// # Errors
/// Fails if `out` cannot be written.
pub fn write(known: &Snapshot, out: impl Write) -> serde_json::Result<()> {
    let accounts = known.accounts().iter().filter_map(AccountRow::new).collect();
    let zones = Zones(known.zones());
    serde_json::to_writer(out, &File { format: FORMAT.into(), version: VERSION, accounts, zones })
}

/// Reads the state of `targets`, and ignores everything else in the file.
///
/// # Errors
/// Fails if it is not a valid state file of this version.
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
        Category::Eof => "the file ends early",
        Category::Io | Category::Syntax => "the file is not JSON",
        Category::Data => "the file has an unexpected value",
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

/// The fields that identify the format.
#[derive(Deserialize)]
struct Head {
    format: Option<String>,
    version: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct File<Z> {
    format: Cow<'static, str>,
    version: u32,
    /// The accounts whose zones are watched by patterns.
    #[serde(default)]
    accounts: Vec<AccountRow>,
    zones: Z,
}

/// The rows of the zones, each created while it is written.
struct Zones<'a>(&'a [Arc<ZoneState>]);

impl Serialize for Zones<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|zone| ZoneRow::new(zone)))
    }
}

//! The command `certificate`, for the two stores of certificates and for rotations.

mod delete;
mod list;
mod origins;
mod pair;
mod pins;
mod rotate;
mod story;
mod upload;

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};

use super::question;
use crate::domain::Level;
use crate::keypair::PrivateKey;

/// Lists, uploads, deletes and rotates certificates.
///
/// Unless a configuration is named, changes are made with the token in CLOUDFLARE_API_TOKEN, whether or not there is a
/// default configuration file: the exporter's own token should not be allowed to change anything.
///
/// Exit code: 0 on success, 1 if the command was refused or failed, 2 if the command line is invalid, 3 if a rotation
/// is not in force, or a certificate to delete is still being deployed, after `--wait-timeout`.
#[derive(Subcommand)]
pub(super) enum Certificate {
    List(list::List),
    Get(list::Get),
    Upload(upload::Upload),
    Delete(delete::Delete),
    Rotate(rotate::Rotate),
}

impl Certificate {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::List(list) => list.run().await,
            Self::Get(get) => get.run().await,
            Self::Upload(upload) => upload.run().await,
            Self::Delete(delete) => delete.run().await,
            Self::Rotate(rotate) => rotate.run().await,
        }
    }
}

/// One of the two stores.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Store {
    /// Certificates for single hostnames.
    Hostname,
    /// Certificates for the whole zone.
    Zone,
}

impl From<Store> for Level {
    fn from(store: Store) -> Self {
        match store {
            Store::Hostname => Self::Hostname,
            Store::Zone => Self::Zone,
        }
    }
}

/// Prints text without the private key, if the text repeats it.
struct Hush(Option<PrivateKey>);

impl Hush {
    fn hide(&self, text: &str) -> String {
        self.0.as_ref().map_or_else(|| text.to_owned(), |key| key.hidden_in(text).into_owned())
    }

    /// Prints a message to stderr.
    fn tell(&self, text: &str) {
        question::tell(&self.hide(text));
    }

    /// Prints a result to stdout.
    fn print(&self, text: &str) -> anyhow::Result<()> {
        super::print(&self.hide(text))
    }

    fn error(&self, error: &anyhow::Error) -> anyhow::Error {
        anyhow::anyhow!(self.hide(&format!("{error:#}")))
    }
}

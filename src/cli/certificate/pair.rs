//! The options `--cert` and `--key`.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::Args;
use secrecy::zeroize::Zeroizing;

use crate::clock::Clock;
use crate::file;
use crate::keypair::{KeyPair, PrivateKey};

/// The files of the certificate and its key.
#[derive(Args)]
pub(super) struct Files {
    /// Certificate in PEM, followed by its intermediate certificates if origins need them.
    #[arg(long, value_name = "FILE")]
    pub(super) cert: PathBuf,
    /// Private key of the certificate in PEM, unencrypted; `-` reads standard input and requires `--yes`.
    #[arg(long, value_name = "FILE")]
    pub(super) key: PathBuf,
    /// Accept a key file that other users may read.
    #[arg(long)]
    pub(super) insecure_key_mode: bool,
}

/// The size of the largest file of a key or of certificates that is read.
const MAX_SIZE: u64 = 64 << 10;

impl Files {
    /// Returns true if the key comes from standard input, so that no question can be asked.
    pub(super) fn is_stdin(&self) -> bool {
        self.key == Path::new("-")
    }

    /// Reads and checks the certificate and its key.
    pub(super) fn read(&self) -> anyhow::Result<KeyPair> {
        keep_out_of_core_dumps();
        let cert = || format!("--cert {}", self.cert.display());
        let certificate = self.certificate().with_context(cert)?;
        let key = self.key().with_context(|| format!("--key {}", self.key.display()))?;
        KeyPair::new(&certificate, key, Clock::system().now().into()).with_context(cert)
    }

    fn certificate(&self) -> anyhow::Result<String> {
        let mut text = Vec::new();
        file::open(&self.cert)?.take(MAX_SIZE + 1).read_to_end(&mut text)?;
        ensure!(
            text.len() as u64 <= MAX_SIZE,
            "expected a certificate with its chain, found more than 64 KiB"
        );
        String::from_utf8(text).ok().context("expected PEM, found binary data")
    }

    fn key(&self) -> anyhow::Result<PrivateKey> {
        // allocated once, so that growing leaves no copy of the key in freed memory
        let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(MAX_SIZE)? + 1));
        if self.is_stdin() {
            io::stdin().lock().take(MAX_SIZE + 1).read_to_end(&mut text)?;
        } else {
            let is_pipe = fs::metadata(&self.key).is_ok_and(|found| found.file_type().is_fifo());
            ensure!(
                !is_pipe,
                "a pipe is read from standard input only: give the key there, with --key - --yes"
            );
            let file = file::open(&self.key)?;
            let mode = file.metadata()?.mode() & 0o777;
            if mode & 0o077 != 0 && !self.insecure_key_mode {
                bail!(
                    "other users may read the file (mode {mode:04o}): \"chmod 600\" it, or give --insecure-key-mode"
                );
            }
            file.take(MAX_SIZE + 1).read_to_end(&mut text)?;
        }
        ensure!(text.len() as u64 <= MAX_SIZE, "expected a private key, found more than 64 KiB");
        let text = str::from_utf8(&text).ok().context("expected PEM, found binary data")?;
        Ok(PrivateKey::parse(text)?)
    }
}

/// Keeps the key out of core dumps, and out of reach of debuggers of the same user.
fn keep_out_of_core_dumps() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        tracing::debug!(%error, "core dumps cannot be prevented");
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn no_core_dump_is_made_once_a_key_is_read() {
        keep_out_of_core_dumps();
        let behavior = rustix::process::dumpable_behavior().unwrap();
        assert_eq!(behavior, rustix::process::DumpableBehavior::NotDumpable);
    }
}

//! The state file: the last known state, so that a restart does not lose it.

mod account;
mod certificate;
mod format;
mod hostname;
mod origin;
mod value;
mod zone;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::domain::{Entry, Snapshot, Targets};
use crate::file;
pub use format::{Unfit, read, write};

/// The minimum pause after each write.
const PAUSE: Duration = Duration::from_millis(500);
/// The pause after a failed write.
const RETRY: Duration = Duration::from_secs(10);

/// Returns the state of `targets` from the file at `path`. None if the file has nothing about them or does
/// not exist.
///
/// An unusable file is renamed. The result is logged, and no error is fatal.
pub fn load(path: &Path, targets: &Targets) -> Option<Snapshot> {
    // if the folder is not accessible, opening the file reports it
    let _ = file::remove_leftovers(path);
    let shown = path.display();
    match open(path, targets) {
        Ok(known) => {
            let entries = known.zones().iter().flat_map(|zone| zone.entries());
            let readings = entries.filter_map(Entry::reading).count();
            tracing::info!(file = %shown, readings, "the state file was read");
            let is_any = readings > 0 || known.zones().iter().any(|zone| zone.is_tried());
            return Some(known).filter(|_| is_any);
        }
        Err(Unfit::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => {
            tracing::info!(file = %shown, "there is no state file yet");
        }
        Err(error @ Unfit::NoFile) => tracing::warn!(file = %shown, %error, "the state file cannot be used"),
        Err(error) => match leave_aside(path) {
            Ok(aside) => {
                let aside = aside.display();
                tracing::warn!(file = %shown, %error, %aside, "the state file cannot be used and was renamed");
            }
            Err(left) => {
                tracing::warn!(file = %shown, %error, %left, "the state file can neither be used nor renamed");
            }
        },
    }
    None
}

/// Replaces the file at `path` with the current state. Only its owner can read it.
///
/// # Errors
/// Fails if it cannot be written. The previous file is then unchanged.
pub fn save(path: &Path, known: &Snapshot) -> io::Result<()> {
    file::replace(path, 0o600, |out| Ok(write(known, out)?))
}

/// Saves each snapshot as soon as it is published, or the latest one after a pause, until the poller has
/// ended.
///
/// At most a tenth of the time is spent on writing. The last snapshot before `shutdown` is saved without a
/// pause.
pub async fn keep(path: PathBuf, mut snapshot: watch::Receiver<Arc<Snapshot>>, shutdown: CancellationToken) {
    let mut failing: Option<Instant> = None;
    while snapshot.changed().await.is_ok() {
        let (started, known) = (Instant::now(), Arc::clone(&snapshot.borrow_and_update()));
        let to = path.clone();
        let saved = spawn_blocking(move || save(&to, &known)).await;
        let mut pause = PAUSE.max(9 * started.elapsed());
        match saved.unwrap_or_else(|error| Err(error.into())) {
            Ok(()) => {
                if let Some(since) = failing.take() {
                    let after = since.elapsed().as_secs();
                    tracing::info!(file = %path.display(), seconds = after, "the state file is written again");
                }
            }
            Err(error) => {
                if failing.is_none() {
                    failing = Some(started);
                    let file = path.display();
                    tracing::error!(%file, %error, "the state file cannot be written: a restart would lose all readings");
                }
                if !shutdown.is_cancelled() {
                    snapshot.mark_changed();
                    pause = pause.max(RETRY);
                }
            }
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

fn open(path: &Path, targets: &Targets) -> Result<Snapshot, Unfit> {
    // a directory is not renamed
    if !fs::metadata(path)?.is_file() {
        return Err(Unfit::NoFile);
    }
    read(file::open(path)?, targets)
}

/// Renames the file without replacing files renamed earlier.
fn leave_aside(path: &Path) -> io::Result<PathBuf> {
    let name = |end: &str| {
        let mut name = OsString::from(path);
        name.push(end);
        PathBuf::from(name)
    };
    let (mut aside, mut number) = (name(".rejected"), 1);
    while fs::symlink_metadata(&aside).is_ok() {
        number += 1;
        aside = name(&format!(".rejected.{number}"));
    }
    fs::rename(path, &aside)?;
    Ok(aside)
}

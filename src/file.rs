//! Regular files: opened without waiting for anybody, and replaced atomically, so that a reader finds either the old or
//! the new content, whole.

mod target;

use std::ffi::OsString;
use std::fs::{self, File, FileType, OpenOptions, Permissions};
use std::io::{self, BufWriter, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use tempfile::Builder;

/// The end of the name of an incomplete file, after its random characters.
const SUFFIX: &str = ".tmp";
const RANDOM: usize = 6;

/// Opens the regular file at `path` to read it; symbolic links are followed.
///
/// # Errors
/// Fails if the file cannot be opened, or is anything but a regular file: a FIFO would be waited for, and a device may
/// have no end.
pub fn open(path: &Path) -> io::Result<File> {
    // the open of a FIFO would wait for a writer
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    // a socket cannot even be opened
    let kind =
        opened.as_ref().map_or_else(|_| fs::metadata(path), File::metadata).map(|found| found.file_type());
    match kind {
        Ok(kind) if !kind.is_file() => {
            Err(io::Error::other(format!("expected a regular file, found {}", name(kind))))
        }
        _ => opened,
    }
}

/// Reads the regular file at `path`.
///
/// # Errors
/// Fails if [`open`] does, or the file cannot be read.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    open(path)?.read_to_end(&mut content)?;
    Ok(content)
}

fn name(kind: FileType) -> &'static str {
    match kind {
        _ if kind.is_dir() => "a directory",
        _ if kind.is_fifo() => "a FIFO",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

/// Replaces the file at `path` with what `write` writes, synced to disk and with that mode. Symbolic links of root and of
/// the user of this process are followed, and others refused.
///
/// # Errors
/// Fails if the file cannot be written, and then leaves the old one. If only the last sync fails, the new file is in place
/// but might not survive a loss of power.
pub fn replace(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> io::Result<()> {
    let path = &target::target(path)?;
    // renaming would replace a pipe or a device
    if let Some(kind) = fs::metadata(path).ok().map(|known| known.file_type()).filter(|kind| !kind.is_file())
    {
        return Err(io::Error::other(format!("expected a regular file, found {}", name(kind))));
    }
    let folder = folder(path);
    // until it has its mode, only its owner may open it
    let new = Builder::new().prefix(&prefix(path)).rand_bytes(RANDOM).suffix(SUFFIX).tempfile_in(folder)?;
    let mut out = BufWriter::with_capacity(1 << 16, new.as_file());
    write(&mut out)?;
    let file = out.into_inner()?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()?;
    new.persist(path)?;
    match File::open(folder)?.sync_all() {
        // some file systems cannot sync folders, and need not
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result,
    }
}

/// Removes incomplete files of processes that were killed while they replaced the file at `path`.
///
/// # Errors
/// Fails if the folder cannot be read, or a file in it cannot be removed.
pub fn remove_leftovers(path: &Path) -> io::Result<()> {
    let path = &target::target(path)?;
    let prefix = prefix(path);
    for entry in fs::read_dir(folder(path))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.len() == prefix.len() + RANDOM + SUFFIX.len()
            && name.starts_with(prefix.as_encoded_bytes())
            && name.ends_with(SUFFIX.as_bytes())
        {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn folder(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// The start of the name of an incomplete file for `path`.
fn prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    prefix
}

#[cfg(test)]
mod tests;

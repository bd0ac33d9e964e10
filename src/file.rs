//! Regular files. They are opened without blocking, and replaced atomically, so that a reader sees either the complete old
//! or the complete new content.

mod target;

use std::ffi::OsString;
use std::fs::{self, File, FileType, OpenOptions, Permissions};
use std::io::{self, BufWriter, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use tempfile::Builder;

/// The suffix of a temporary file's name, after its random characters.
const SUFFIX: &str = ".tmp";
const RANDOM: usize = 6;

/// Opens the regular file at `path` for reading. Symbolic links are followed.
///
/// # Errors
/// Fails if the file cannot be opened or is not a regular file. Opening a FIFO would block, and a device may have no end.
pub fn open(path: &Path) -> io::Result<File> {
    // without `NONBLOCK`, opening a FIFO waits for a writer
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    // a socket cannot be opened, so its kind comes from its metadata
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
/// Fails if [`open`] fails or the file cannot be read.
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

/// Replaces the file at `path` with what `write` writes. The new file has mode `mode` and is synced to disk. Symbolic links
/// are followed if root or this process's user owns them, and refused otherwise.
///
/// # Errors
/// Fails if the file cannot be written, which leaves the old file intact. If only the last sync fails, the new file is in
/// place but may not survive a power failure.
pub fn replace(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> io::Result<()> {
    let path = &target::target(path)?;
    // the rename would replace a FIFO or a device
    if let Some(kind) = fs::metadata(path).ok().map(|found| found.file_type()).filter(|kind| !kind.is_file())
    {
        return Err(io::Error::other(format!("expected a regular file, found {}", name(kind))));
    }
    let folder = folder(path);
    // only the owner may open it until `set_permissions` below
    let new = Builder::new().prefix(&prefix(path)).rand_bytes(RANDOM).suffix(SUFFIX).tempfile_in(folder)?;
    let mut out = BufWriter::with_capacity(1 << 16, new.as_file());
    write(&mut out)?;
    let file = out.into_inner()?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()?;
    new.persist(path)?;
    match File::open(folder)?.sync_all() {
        // some file systems cannot sync directories and do not need to
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result,
    }
}

/// Removes temporary files left by processes that were killed while replacing the file at `path`.
///
/// # Errors
/// Fails if the directory cannot be read or a file in it cannot be removed.
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

/// Returns the prefix of the names of temporary files for `path`.
fn prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    prefix
}

#[cfg(test)]
mod tests;

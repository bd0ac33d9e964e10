//! Files that are replaced atomically: a reader finds either the old or the new content, whole.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::Builder;

/// The end of the name of an incomplete file, after its random characters.
const SUFFIX: &str = ".tmp";
const RANDOM: usize = 6;

/// Replaces the file at `path` with what `write` writes, synced to disk and with that mode.
///
/// # Errors
/// Fails if the file cannot be written, and then leaves the old one. If only the last sync fails, the new file is in place
/// but might not survive a loss of power.
pub fn replace(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> io::Result<()> {
    // renaming would replace a pipe or a device
    if fs::metadata(path).is_ok_and(|known| !known.is_file()) {
        return Err(io::Error::other("expected a file, found something else of that name"));
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
mod tests {
    use std::io::Write;

    use super::*;

    fn names(folder: &Path) -> Vec<OsString> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_has_its_mode_whatever_the_old_one_had() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("aop.prom");
        for mode in [0o644, 0o600] {
            replace(&path, mode, |out| write!(out, "{mode:o}")).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{mode:o}"));
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
            assert_eq!(names(folder.path()), ["aop.prom"]);
        }
    }

    #[test]
    fn a_file_is_its_owners_alone_until_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        replace(&folder.path().join("aop.prom"), 0o644, |out| {
            assert_eq!(out.get_ref().metadata()?.permissions().mode() & 0o777, 0o600);
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn a_write_that_fails_leaves_the_file_before_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        fs::write(&path, "old").unwrap();
        let failed = replace(&path, 0o600, |out| {
            out.write_all(&[b'x'; 1 << 20])?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["state.json"]);
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device");
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        for path in [path.as_path(), folder.path()] {
            let error = replace(path, 0o600, |_| Ok(())).unwrap_err();
            assert_eq!(error.to_string(), "expected a file, found something else of that name");
        }
        assert_eq!(names(folder.path()), ["device"]);
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let others = [".other.json.AbCdEf.tmp", ".state.json.tmp", "state.json", "state.json.AbCdEf.tmp"];
        for name in others.iter().chain(&[".state.json.AbCdEf.tmp"]) {
            fs::write(folder.path().join(name), "").unwrap();
        }
        remove_leftovers(&folder.path().join("state.json")).unwrap();
        assert_eq!(names(folder.path()), others);
    }
}

//! A file that is replaced in one step: whoever reads it sees the old or the new one, whole.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;
use tempfile::NamedTempFile;

/// Writes `text` in place of the file at `path`, readable by all: collectors run as users of their own.
pub(super) fn replace(path: &Path, text: &[u8]) -> anyhow::Result<()> {
    let write = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(text)?;
        fs::set_permissions(file.path(), Permissions::from_mode(0o644))?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok::<_, std::io::Error>(())
    };
    write().with_context(|| format!("--output: cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_can_be_read_by_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("aop.prom");
        fs::write(&path, "old").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let error = replace(Path::new("/nonexistent/aop.prom"), b"").unwrap_err();
        assert_eq!(error.to_string(), "--output: cannot write /nonexistent/aop.prom");
    }
}

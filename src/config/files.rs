//! The files that a configuration was read from, to notice changes of them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use crate::file;

/// Files with digests of their contents; `None` for a file that could not be read.
///
/// Contents are compared because files that are mounted into a container are replaced in ways that neither a file watch
/// nor a timestamp shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<PathBuf, Option<u64>>);

impl Files {
    /// Reads a file, and records its digest.
    pub(super) fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        let content = file::read(path);
        let digest = content.as_ref().ok().map(|content| {
            let mut hasher = DefaultHasher::new();
            content.hash(&mut hasher);
            hasher.finish()
        });
        self.0.insert(path.to_owned(), digest);
        content
    }

    /// Adds these files, with their digests.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Reads the same files again.
    pub fn look_again(&self) -> Self {
        let mut files = Self::default();
        for path in self.0.keys() {
            // a file that cannot be read is recorded without a digest
            drop(files.read(path));
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_content_is_noticed_and_a_touch_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        std::fs::write(&one, "1").unwrap();
        let mut files = Files::default();
        assert_eq!(files.read(&one).unwrap(), b"1");
        assert!(files.read(&other).is_err());

        std::fs::write(&one, "1").unwrap();
        assert_eq!(files.look_again(), files);
        std::fs::write(&other, "").unwrap();
        assert_ne!(files.look_again(), files);
        std::fs::remove_file(&other).unwrap();
        assert_eq!(files.look_again(), files);
        std::fs::write(&one, "2").unwrap();
        assert_ne!(files.look_again(), files);
    }
}

//! The files that a configuration was made from, so that a change can be seen.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

/// Files, each with a digest of what was in it; none for one that could not be read.
///
/// Contents are compared, since files that are mounted into a container are exchanged in ways that neither a file
/// watch nor a time stamp shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<PathBuf, Option<u64>>);

impl Files {
    /// Reads a file and keeps in mind what was in it.
    pub(super) fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        let content = std::fs::read(path);
        let digest = content.as_ref().ok().map(|content| {
            let mut hasher = DefaultHasher::new();
            content.hash(&mut hasher);
            hasher.finish()
        });
        self.0.insert(path.to_owned(), digest);
        content
    }

    /// Has in mind these files too, as they were when they were read there.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The same files as they are now.
    pub fn look_again(&self) -> Self {
        let mut files = Self::default();
        for path in self.0.keys() {
            // what cannot be read is noted as such
            drop(files.read(path));
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_content_is_seen_and_a_touch_is_not() {
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

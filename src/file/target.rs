//! Where a path leads, by links that may be followed.

use std::collections::VecDeque;
use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;
use rustix::process::geteuid;

/// The most links that are followed, as in Linux.
const MOST_LINKS: usize = 40;

/// Follows the symbolic links on `path`. The result has none, and its last component need not exist.
///
/// A folder that everybody may write to, such as `/tmp`, may hold a link that a stranger has placed to aim the write of
/// another user, root say, at a file of that user. So links of strangers are refused. Whoever may exchange a whole folder
/// on the way can still aim a write: such a path is no place for root's files.
///
/// # Errors
/// Fails if a link belongs to neither root nor the user of this process, or a folder on the way is missing.
pub(super) fn target(path: &Path) -> io::Result<PathBuf> {
    let parts = |path: &Path| path.components().map(|part| part.as_os_str().to_owned()).collect::<Vec<_>>();
    let mut left = VecDeque::from(parts(path));
    let (mut reached, mut links) = (if path.is_absolute() { PathBuf::new() } else { env::current_dir()? }, 0);
    while let Some(part) = left.pop_front() {
        match Path::new(&part).components().next() {
            Some(Component::ParentDir) => {
                reached.pop();
                continue;
            }
            Some(Component::CurDir) => continue,
            _ => {}
        }
        // an absolute link starts anew
        let next = reached.join(&part);
        let found = match fs::symlink_metadata(&next) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && left.is_empty() => return Ok(next),
            found => found?,
        };
        if !found.is_symlink() {
            reached = next;
            continue;
        }
        if found.uid() != 0 && found.uid() != geteuid().as_raw() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!(
                    "{} is a symbolic link of user {}: only links of root, or of the user who writes, are followed",
                    next.display(),
                    found.uid()
                ),
            ));
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(Errno::LOOP.into());
        }
        for part in parts(&fs::read_link(&next)?).into_iter().rev() {
            left.push_front(part);
        }
    }
    Ok(reached)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{lchown, symlink};

    use super::*;
    use crate::file::replace;

    /// What is written through `name` in `folder`, whose other files are links.
    fn written(folder: &Path, name: &str, to: &str) {
        let links = || {
            let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
            entries.filter(|entry| entry.file_type().unwrap().is_symlink()).count()
        };
        let before = links();
        replace(&folder.join(name), 0o644, |out| io::Write::write_all(out, name.as_bytes())).unwrap();
        assert_eq!(fs::read_to_string(folder.join(to)).unwrap(), name);
        assert!(!fs::symlink_metadata(folder.join(to)).unwrap().is_symlink());
        assert_eq!(links(), before, "{name}: a link was replaced");
    }

    #[test]
    fn a_write_goes_to_where_the_users_own_links_lead_and_leaves_the_links() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::create_dir(folder.join("elsewhere")).unwrap();
        fs::write(folder.join("elsewhere/old.prom"), "old").unwrap();
        symlink("elsewhere/old.prom", folder.join("relative")).unwrap();
        symlink(folder.join("elsewhere/old.prom"), folder.join("absolute")).unwrap();
        symlink("./absolute", folder.join("chain")).unwrap();
        symlink("elsewhere/../elsewhere/new.prom", folder.join("dangling")).unwrap();
        symlink("elsewhere", folder.join("folder")).unwrap();
        for link in ["relative", "absolute", "chain"] {
            written(folder, link, "elsewhere/old.prom");
        }
        written(folder, "dangling", "elsewhere/new.prom");
        written(folder, "folder/old.prom", "elsewhere/old.prom");
        // nothing incomplete is left on either side
        assert_eq!(fs::read_dir(folder.join("elsewhere")).unwrap().count(), 2);
        assert_eq!(fs::read_dir(folder).unwrap().count(), 6);
    }

    #[test]
    fn the_incomplete_file_is_beside_the_target() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::create_dir(folder.join("elsewhere")).unwrap();
        symlink("elsewhere/aop.prom", folder.join("link")).unwrap();
        replace(&folder.join("link"), 0o644, |_| {
            assert_eq!(fs::read_dir(folder.join("elsewhere"))?.count(), 1);
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn a_link_that_leads_nowhere_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name| folder.path().join(name);
        symlink("other", of("one")).unwrap();
        symlink("one", of("other")).unwrap();
        symlink("missing/aop.prom", of("dangling")).unwrap();
        let failed = |name| target(&of(name)).unwrap_err();
        assert_eq!(failed("one").raw_os_error(), Some(Errno::LOOP.raw_os_error()));
        for name in ["dangling", "missing/aop.prom"] {
            assert_eq!(failed(name).kind(), io::ErrorKind::NotFound);
        }
    }

    #[test]
    fn a_strangers_link_aims_no_write() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str| folder.path().join(name);
        fs::write(of("precious"), "old").unwrap();
        symlink("precious", of("strangers")).unwrap();
        symlink("strangers", of("own")).unwrap();
        symlink(".", of("folder")).unwrap();
        for link in ["strangers", "folder"] {
            // only root can give a link away
            if lchown(of(link), Some(12345), None).is_err() {
                return;
            }
        }
        for path in ["strangers", "own", "folder/precious"] {
            let error = replace(&of(path), 0o644, |_| Ok(())).unwrap_err();
            let link = if path == "folder/precious" { of("folder") } else { of("strangers") };
            let expected = format!(
                "{} is a symbolic link of user 12345: only links of root, or of the user who writes, are followed",
                link.display()
            );
            assert_eq!(error.to_string(), expected, "{path}");
        }
        assert_eq!(fs::read_to_string(of("precious")).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }
}

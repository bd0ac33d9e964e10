//! Resolves the symbolic links of a path, as far as they can be trusted.

use std::collections::VecDeque;
use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;
use rustix::process::geteuid;

/// The maximum number of links to follow, as in Linux.
const MAX_LINKS: usize = 40;

/// Resolves the symbolic links of `path`. The last component need not exist.
///
/// In a world-writable directory such as `/tmp`, another user may plant a link that redirects a write of root to one of
/// root's files. Links owned by other users are therefore refused. A user who can replace a whole directory of the path
/// can still redirect the write, so such a path is unsafe for files of root.
///
/// # Errors
/// Fails if a link is owned by neither root nor this process's user, or a directory of the path is missing.
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
        // joining an absolute path replaces `reached`
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
                    "{} is a symbolic link owned by user {}; only links owned by root or the writing user are followed",
                    next.display(),
                    found.uid()
                ),
            ));
        }
        links += 1;
        if links > MAX_LINKS {
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

    /// Writes through `name` in `folder` and asserts that `to` has the content and all links remain.
    fn assert_written(folder: &Path, name: &str, to: &str) {
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
    fn a_write_follows_the_users_own_links_and_keeps_them() {
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
            assert_written(folder, link, "elsewhere/old.prom");
        }
        assert_written(folder, "dangling", "elsewhere/new.prom");
        assert_written(folder, "folder/old.prom", "elsewhere/old.prom");
        // no temporary file is left in either directory
        assert_eq!(fs::read_dir(folder.join("elsewhere")).unwrap().count(), 2);
        assert_eq!(fs::read_dir(folder).unwrap().count(), 6);
    }

    #[test]
    fn the_temporary_file_is_in_the_directory_of_the_target() {
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
    fn a_dangling_or_circular_link_is_an_error() {
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
    fn a_link_of_another_user_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str| folder.path().join(name);
        fs::write(of("precious"), "old").unwrap();
        symlink("precious", of("strangers")).unwrap();
        symlink("strangers", of("own")).unwrap();
        symlink(".", of("folder")).unwrap();
        for link in ["strangers", "folder"] {
            // only root can change the owner of a link
            if lchown(of(link), Some(12345), None).is_err() {
                return;
            }
        }
        for path in ["strangers", "own", "folder/precious"] {
            let error = replace(&of(path), 0o644, |_| Ok(())).unwrap_err();
            let link = if path == "folder/precious" { of("folder") } else { of("strangers") };
            let expected = format!(
                "{} is a symbolic link owned by user 12345; only links owned by root or the writing user are followed",
                link.display()
            );
            assert_eq!(error.to_string(), expected, "{path}");
        }
        assert_eq!(fs::read_to_string(of("precious")).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }
}

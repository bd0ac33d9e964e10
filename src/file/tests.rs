use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use super::*;

fn names(folder: &Path) -> Vec<OsString> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

#[test]
fn a_replaced_file_has_the_given_content_and_mode() {
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
fn a_temporary_file_is_readable_only_by_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    replace(&folder.path().join("aop.prom"), 0o644, |out| {
        assert_eq!(out.get_ref().metadata()?.permissions().mode() & 0o777, 0o600);
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_failed_write_keeps_the_old_file_and_leaves_no_temporary_file() {
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
fn a_device_or_directory_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("device");
    symlink("/dev/null", &path).unwrap();
    for (path, found) in [(path.as_path(), "a device"), (folder.path(), "a directory")] {
        let error = replace(path, 0o600, |_| Ok(())).unwrap_err();
        assert_eq!(error.to_string(), format!("expected a regular file, found {found}"));
    }
    assert_eq!(names(folder.path()), ["device"]);
}

#[test]
fn only_temporary_files_of_the_same_path_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let others = [".other.json.AbCdEf.tmp", ".state.json.tmp", "state.json", "state.json.AbCdEf.tmp"];
    for name in others.iter().chain(&[".state.json.AbCdEf.tmp"]) {
        fs::write(folder.path().join(name), "").unwrap();
    }
    remove_leftovers(&folder.path().join("state.json")).unwrap();
    assert_eq!(names(folder.path()), others);
}

#[test]
fn a_regular_file_is_read_directly_and_through_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("token"), folder.path().join("link"));
    fs::write(&path, "s3cret").unwrap();
    symlink("token", &link).unwrap();
    assert_eq!(read(&path).unwrap(), b"s3cret");
    assert_eq!(read(&link).unwrap(), b"s3cret");
    let missing = read(&folder.path().join("missing")).unwrap_err();
    assert_eq!(missing.kind(), io::ErrorKind::NotFound);
}

#[test]
fn reading_anything_but_a_regular_file_fails_at_once_and_names_its_kind() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name| folder.path().join(name);
    rustix::fs::mkfifoat(rustix::fs::CWD, of("fifo"), rustix::fs::Mode::RUSR).unwrap();
    symlink("fifo", of("link")).unwrap();
    let _socket = UnixListener::bind(of("socket")).unwrap();
    for (path, found) in [
        (of("fifo"), "a FIFO"),
        (of("link"), "a FIFO"),
        (of("socket"), "a socket"),
        (of(""), "a directory"),
        ("/dev/zero".into(), "a device"),
    ] {
        // in a thread, so that a read that blocks fails the test
        let (done, result) = std::sync::mpsc::channel();
        std::thread::spawn(move || done.send(read(&path)));
        let read = result.recv_timeout(std::time::Duration::from_secs(20)).expect("the read must not block");
        assert_eq!(read.unwrap_err().to_string(), format!("expected a regular file, found {found}"));
    }
}

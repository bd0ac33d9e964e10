//! Tests with FIFOs, devices and directories in place of files.

use rustix::fs::{CWD, Mode, mkfifoat};

use crate::support::program::{Folder, PROGRAM, program, text};

#[test]
fn a_secret_that_is_not_a_regular_file_is_refused_at_once_and_named() {
    let folder = Folder::new();
    mkfifoat(CWD, folder.path("fifo"), Mode::RUSR | Mode::WUSR).unwrap();
    std::fs::create_dir(folder.path("directory")).unwrap();
    folder.write("token", "s3cret");
    let zone = "[[account.zone]]\nname = \"example.com\"\nhostnames = [\"example.com\"]\n";
    for (name, found) in [("fifo", "a FIFO"), ("directory", "a directory"), ("/dev/zero", "a device")] {
        let path = folder.path(name);
        let path = path.display();
        let tls = format!("[server.tls]\ncert_file = \"token\"\nkey_file = \"{name}\"\n");
        let token = "[[account]]\napi_token_file = \"token\"\n";
        for (key, content) in [
            ("account.api_token_file", format!("[[account]]\napi_token_file = \"{name}\"\n{zone}")),
            ("account.ca_file", format!("{token}ca_file = \"{name}\"\n{zone}")),
            ("server.tls.key_file", format!("{tls}{token}{zone}")),
        ] {
            let config = folder.write("aop.toml", &content);
            for command in [&["serve"][..], &["check"], &["config", "check"]] {
                // the test ends a program that blocks on the FIFO
                let output = std::process::Command::new("timeout")
                    .args(["20", PROGRAM])
                    .args(command)
                    .args(["--config", &config])
                    .output()
                    .unwrap();
                let expected = format!("file {path} cannot be read: expected a regular file, found {found}");
                let told = text(&output.stderr);
                assert!(told.contains(key) && told.contains(&expected), "{command:?} {content}: {told}");
            }
        }
        let output = program(&["config", "check", "--config", path.to_string().as_str()]).output().unwrap();
        let expected = format!("error: {path}: cannot be read: expected a regular file, found {found}\n");
        assert_eq!(text(&output.stderr), expected);
    }
}

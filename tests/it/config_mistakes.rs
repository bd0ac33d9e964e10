//! The errors of plausible mistakes, in `tests/fixtures/config_mistakes.txt`, which people should read.
//!
//! `UPDATE_FIXTURES=1 cargo test config_mistakes` updates the messages.

use std::fs;
use std::path::Path;

use cloudflare_aop_exporter::config::{Config, Files, Secrets};

use crate::support::program::Folder;

const FIXTURE: &str = "tests/fixtures/config_mistakes.txt";
/// The separators before the title of each case, and before its output.
const CASE: &str = "\n=== ";
const OUTPUT: &str = "--- output:\n";

#[test]
fn errors_of_plausible_mistakes_say_where_they_are_and_what_to_write() {
    let folder = Folder::new();
    fs::create_dir(folder.path("folder")).unwrap();
    folder.write("token", "s3cret-token");
    folder.write("empty", "");
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    folder.write("tls.crt", &signed.cert.pem());
    folder.write("tls.key", &signed.signing_key.serialize_pem());
    let encrypted = signed.signing_key.serialize_pem().replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    folder.write("encrypted.key", &encrypted);
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011\n\nMIIE\n-----END RSA PRIVATE KEY-----\n";
    folder.write("legacy.key", legacy);

    let known = fs::read_to_string(FIXTURE).unwrap();
    let (preface, cases) = known.split_once(CASE).expect("a case");
    let (mut now, mut differences, mut count) = (preface.to_owned(), String::new(), 0);
    for case in cases.split(CASE) {
        let (input, expected) = case.split_once(OUTPUT).unwrap_or_else(|| panic!("no output of {case}"));
        let (title, text) = input.split_once('\n').expect("a title and a text");
        let found = check(&folder, text);
        if found != expected.trim_end() {
            let marked = |sign, text: &str| text.trim_end().replace("\n", &format!("\n{sign} "));
            let (expected, found) = (marked('-', expected), marked('+', &found));
            differences += &format!("\n=== {title}\n- {expected}\n+ {found}\n");
        }
        now += &format!("{CASE}{input}{OUTPUT}{found}\n");
        count += 1;
    }
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        fs::write(FIXTURE, now).unwrap();
        return;
    }
    assert!(count >= 40, "{count} cases");
    assert!(differences.is_empty(), "UPDATE_FIXTURES=1 updates {FIXTURE}:\n{differences}");
}

/// Returns the errors of a configuration, without the name of the folder.
fn check(folder: &Folder, text: &str) -> String {
    // characters that a fixture for people cannot show
    let text = text.replace("<BOM>", "\u{feff}").replace("<TAB>", "\t");
    let environment = |name: &str| match name {
        "CLOUDFLARE_API_TOKEN" => Some("s3cret-token".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    let path = folder.path("aop.toml");
    let parsed = Config::parse(&text, &path, Secrets::Check, &environment, &mut Files::default());
    let output = parsed.map_or_else(|errors| errors.to_string(), |_| "nothing is wrong".to_owned());
    assert!(!output.contains("s3cret"), "{output}");
    let cut = format!("{}/", Path::new(&folder.path("")).display().to_string().trim_end_matches('/'));
    output.replace(&cut, "")
}

//! What a newcomer is told of each mistake: `tests/fixtures/config_mistakes.txt`, to be read by people.
//!
//! `UPDATE_FIXTURES=1 cargo test config_mistakes` writes the messages anew.

use std::fs;
use std::path::Path;

use cloudflare_aop_exporter::config::{Config, Files, Secrets};

use crate::support::program::Folder;

const FIXTURE: &str = "tests/fixtures/config_mistakes.txt";
/// Before the title of each case, and before what is said of it.
const CASE: &str = "\n=== ";
const SAID: &str = "--- said:\n";

#[test]
fn every_plausible_mistake_is_told_with_its_place_and_what_to_write_instead() {
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
        let (input, expected) = case.split_once(SAID).unwrap_or_else(|| panic!("nothing is said of {case}"));
        let (title, text) = input.split_once('\n').expect("a title and a text");
        let found = said(&folder, text);
        if found != expected.trim_end() {
            let marked = |sign, text: &str| text.trim_end().replace("\n", &format!("\n{sign} "));
            let (expected, found) = (marked('-', expected), marked('+', &found));
            differences += &format!("\n=== {title}\n- {expected}\n+ {found}\n");
        }
        now += &format!("{CASE}{input}{SAID}{found}\n");
        count += 1;
    }
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        fs::write(FIXTURE, now).unwrap();
        return;
    }
    assert!(count >= 40, "{count} cases");
    assert!(differences.is_empty(), "UPDATE_FIXTURES=1 writes {FIXTURE} anew:\n{differences}");
}

/// What is said of a configuration, with the folder's name cut out.
fn said(folder: &Folder, text: &str) -> String {
    // what a fixture for people cannot show
    let text = text.replace("<BOM>", "\u{feff}").replace("<TAB>", "\t");
    let environment = |name: &str| match name {
        "CLOUDFLARE_API_TOKEN" => Some("s3cret-token".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    let path = folder.path("aop.toml");
    let parsed = Config::parse(&text, &path, Secrets::Check, &environment, &mut Files::default());
    let said = parsed.map_or_else(|errors| errors.to_string(), |_| "nothing is wrong".to_owned());
    assert!(!said.contains("s3cret"), "{said}");
    let cut = format!("{}/", Path::new(&folder.path("")).display().to_string().trim_end_matches('/'));
    said.replace(&cut, "")
}

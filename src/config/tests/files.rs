//! The configuration file, and the files that it names.

use super::*;

#[test]
fn a_file_with_invalid_content_is_reported_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content).unwrap();
    write("token", b"s3cret\n");
    write("empty", b"\n");
    write("ca.pem", include_bytes!("../../../tests/fixtures/reference.pem"));
    let load = |settings: &str| {
        write("config.toml", format!("[[account]]\n{settings}\n{REST}").as_bytes());
        let loaded = Config::load(&folder.path().join("config.toml"), Secrets::Check, &mut Files::default());
        loaded.map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "dir"))
    };

    let config = load("api_token_file = \"token\"\nca_file = \"ca.pem\"").unwrap();
    assert_eq!(config.accounts[0].token.read().unwrap(), "s3cret".parse().unwrap());
    assert!(config.accounts[0].options.extra_ca.is_some());
    assert!(!format!("{config:?}").contains("s3cret"));

    assert_eq!(
        load("api_token_file = \"empty\"\nca_file = \"token\"").unwrap_err(),
        "dir/config.toml:2: account.api_token_file: file dir/empty: expected an API token, found nothing\n\
         dir/config.toml:3: account.ca_file = \"token\": expected a certificate in PEM, file dir/token contains none"
    );
    assert_eq!(
        load("api_token_file = \".\"").unwrap_err(),
        "dir/config.toml:2: account.api_token_file: file dir/. cannot be read: expected a regular file, found a directory"
    );
}

#[test]
fn an_unreadable_configuration_file_is_reported_with_its_path() {
    let load =
        |path: &Path| Config::load(path, Secrets::Skip, &mut Files::default()).unwrap_err().to_string();
    assert_eq!(
        load(Path::new("missing.toml")),
        "missing.toml: cannot be read: No such file or directory (os error 2)"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"# one\n# \xff\n").unwrap();
    assert_eq!(load(file.path()), format!("{}:2: expected text in UTF-8", file.path().display()));
    std::fs::write(file.path(), b"\xff\xfe[\0").unwrap();
    let utf16 = "1: expected text in UTF-8, found UTF-16: save the file as UTF-8";
    assert_eq!(load(file.path()), format!("{}:{utf16}", file.path().display()));
}

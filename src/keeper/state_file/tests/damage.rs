//! Tests of files that cannot be used.

use super::*;

/// Returns the error for a file.
fn complaint(content: impl AsRef<[u8]>) -> String {
    let file = io::Cursor::new(content);
    read(file, &Targets::new([watched()])).unwrap_err().to_string()
}

#[test]
fn the_error_says_why_a_file_cannot_be_used() {
    let foreign = "it is not a state file of this program";
    assert_eq!(complaint("{}"), foreign);
    assert_eq!(complaint(r#"{"format":"another","version":1,"zones":[]}"#), foreign);
    let newer = STORED.replace("\"version\":1", "\"version\":2");
    assert_eq!(complaint(&newer), "expected version 1, found 2");
    assert_eq!(complaint(newer.replace("\"zones\":[", "\"zones\":[7,")), "expected version 1, found 2");

    assert_eq!(complaint(""), "the file ends early at line 1, column 0");
    assert_eq!(complaint([0xff, 0]), "the file is not JSON at line 1, column 1");
    assert_eq!(complaint([STORED, "}"].concat()), "the file is not JSON at line 1, column 1546");
    assert_eq!(complaint("\"a-secret\""), "the file has an unexpected value at line 1, column 10");
    for (from, to) in [
        ("\"enabled\"", "\"abled\""),
        ("\"read_at\":1799999940", "\"read_at\":1e99"),
        ("1799999941", "9223372036854775807"),
        ("\"certificate\":0,\"created", "\"certificate\":1,\"created"),
        ("a.example.com", "a..example.com"),
    ] {
        let complaint = complaint(STORED.replacen(from, to, 1));
        assert!(complaint.starts_with("the file has an unexpected value at "), "{to}: {complaint}");
    }
}

#[test]
fn a_truncated_file_is_reported_as_truncated() {
    for length in (0..STORED.len()).step_by(7) {
        assert!(complaint(&STORED[..length]).starts_with("the file ends early at "), "{}", &STORED[..length]);
    }
}

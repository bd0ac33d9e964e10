//! Tests of the checks before a release. It is a separate crate because the published crate contains neither the
//! workflow nor the script.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::process::{Command, Output};

const WORKFLOW: &str = include_str!("../.github/workflows/release.yml");
const SCRIPT: &str = include_str!("../.ci/release-version");

fn text(octets: &[u8]) -> &str {
    std::str::from_utf8(octets).unwrap()
}

#[test]
fn a_tag_that_differs_from_the_version_or_is_missing_in_the_changelog_is_refused() {
    let check = |variables: &[(&str, &str)], changelog: &str| -> Output {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let manifest = "[package]\nversion = \"1.2.3\"\n[dependencies]\nother = { version = \"9\" }\n";
        fs::create_dir(path(".ci")).unwrap();
        let script = path(".ci/release-version");
        for (path, text) in
            [(&script, SCRIPT), (&path("Cargo.toml"), manifest), (&path("CHANGELOG.md"), changelog)]
        {
            fs::write(path, text).unwrap();
        }
        let variables = variables.iter().copied();
        let output =
            Command::new("bash").arg(script).env_remove("GITHUB_REF_TYPE").envs(variables).output().unwrap();
        if output.status.success() {
            let notes = fs::read_to_string(path("target/notes.md")).unwrap();
            assert_eq!(notes.contains("New."), changelog.contains("[1.2.3]"), "{notes}");
            assert!(!notes.contains("Old."), "{notes}");
        }
        output
    };
    let tag = |name| [("GITHUB_REF_TYPE", "tag"), ("GITHUB_REF_NAME", name)];
    let released = "# Changelog\n\n## [1.2.3] – 2026-03-01\n\nNew.\n\n## [1.2.2]\n\nOld.\n";

    let output = check(&tag("v1.2.3"), released);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "1.2.3\n"));
    let output = check(&tag("v1.2.4"), released);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("the tag is v1.2.4, and Cargo.toml has the version 1.2.3"));
    for lacking in ["## [Unreleased]\n\nNew.\n", "## [1.2.3]\n\n## [1.2.2]\n\nOld.\n"] {
        let output = check(&tag("v1.2.3"), lacking);
        assert_eq!(output.status.code(), Some(1), "{lacking}");
        assert!(text(&output.stderr).contains("CHANGELOG.md has no section [1.2.3]"));
    }
    // a branch may be built before its changelog has a heading for the version
    let output = check(&[], "## [Unreleased]\n\nSoon.\n");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "1.2.3\n"));
}

#[test]
fn no_job_of_a_release_starts_before_tag_and_changelog_are_checked() {
    let jobs = WORKFLOW.split_once("\njobs:\n").unwrap().1;
    let is_name = |line: &&str| line.starts_with("  ") && line[2..].starts_with(char::is_alphabetic);
    let names: Vec<_> = jobs.lines().filter(is_name).map(|line| line.trim().trim_end_matches(':')).collect();
    assert_eq!(names, ["version", "test", "build", "publish"]);
    let job = |name: &str| {
        let rest = jobs.split_once(&format!("  {name}:\n")).unwrap().1;
        rest.lines().take_while(|line| !is_name(line)).collect::<Vec<_>>()
    };
    assert!(job("version").contains(&"        run: .ci/release-version"));
    assert!(!job("version").iter().any(|line| line.contains("needs:")));
    for name in ["test", "build"] {
        assert!(job(name).contains(&"    needs: version"), "{name}");
    }
    assert!(job("publish").contains(&"    needs: [test, build]"));
}

//! Checks that the tests named in SECURITY.md exist and run.

use std::fs;

#[test]
fn every_threat_has_a_test_and_every_named_test_runs() {
    let text = fs::read_to_string("SECURITY.md").unwrap();
    let (mut rows, mut wrong) = (0, Vec::new());
    for row in text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Threat ")) {
        rows += 1;
        let shown_by = row.trim_end_matches(" |").rsplit_once(" | ").unwrap().1;
        // the names of tests precede the file that contains them
        let mut names = Vec::new();
        for quoted in shown_by.split('`').skip(1).step_by(2) {
            if !quoted.contains(['/', '.']) {
                names.push(quoted);
                continue;
            }
            let content = fs::read_to_string(quoted).unwrap_or_default();
            for name in names.drain(..) {
                wrong.extend(problem(name, quoted, &content).map(|problem| format!("{problem} in {quoted}")));
            }
            wrong.extend(unlinked(quoted));
        }
        wrong.extend(names.iter().map(|name| format!("{name} in no file")));
        if !shown_by.contains('`') {
            wrong.push(row.to_owned());
        }
    }
    assert!(rows > 30, "{rows} rows");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns the problem if a name is missing from a file or is a test that does not run.
fn problem(name: &str, file: &str, content: &str) -> Option<String> {
    let is_rust = file.ends_with(".rs");
    if !is_rust && !file.ends_with(".py") {
        return (!content.contains(name)).then(|| format!("no {name}"));
    }
    let start = format!("{} {name}(", if is_rust { "fn" } else { "def" });
    let mut before: Vec<_> =
        content.lines().map(str::trim).take_while(|line| !line.contains(&start)).collect();
    if before.len() == content.lines().count() {
        return Some(format!("no {name}"));
    }
    let mark = if is_rust { "#[" } else { "@" };
    before.reverse();
    let attributes: Vec<_> = before.into_iter().take_while(|line| line.starts_with(mark)).collect();
    let has = |word: &str| attributes.iter().any(|attribute| attribute.contains(word));
    if is_rust && !has("test") || !is_rust && !name.starts_with("test_") {
        Some(format!("{name} is not a test"))
    } else if has("ignore") || has("skip") {
        Some(format!("{name} is ignored"))
    } else {
        None
    }
}

/// Returns a problem if a file is not a module of the integration tests.
fn unlinked(file: &str) -> Option<String> {
    let module = file.strip_prefix("tests/it/")?.strip_suffix(".rs")?;
    let main = fs::read_to_string("tests/it/main.rs").unwrap();
    (!main.contains(&format!("\nmod {module};\n"))).then(|| format!("{file} is not in tests/it/main.rs"))
}

#[test]
fn a_named_test_that_does_not_run_is_reported() {
    let rust = "#[test]\nfn a() {}\n\n#[tokio::test]\n#[ignore = \"slow\"]\nasync fn b() {}\n\nfn c() {}\n";
    let python =
        "    def test_a(self):\n        pass\n\n    @unittest.skip(\"slow\")\n    def test_b(self):\n";
    for (name, file, content, expected) in [
        ("a", "a.rs", rust, None),
        ("b", "a.rs", rust, Some("b is ignored")),
        ("c", "a.rs", rust, Some("c is not a test")),
        ("d", "a.rs", rust, Some("no d")),
        ("test_a", "a.py", python, None),
        ("test_b", "a.py", python, Some("test_b is ignored")),
        ("fuzz/smoke", "a/run", "step fuzz fuzz/smoke", None),
        ("fuzz/smoke", "a/run", "", Some("no fuzz/smoke")),
    ] {
        assert_eq!(problem(name, file, content).as_deref(), expected, "{name}");
    }
    assert_eq!(unlinked("tests/it/security.rs"), None);
    assert_eq!(
        unlinked("tests/it/nowhere.rs").as_deref(),
        Some("tests/it/nowhere.rs is not in tests/it/main.rs")
    );
}

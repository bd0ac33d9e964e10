//! Holds SECURITY.md to the tests that it names.

use std::fs;

#[test]
fn every_threat_has_a_test_and_every_test_that_is_named_exists() {
    let text = fs::read_to_string("SECURITY.md").unwrap();
    let (mut rows, mut missing) = (0, Vec::new());
    for row in text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Threat ")) {
        rows += 1;
        let shown_by = row.trim_end_matches(" |").rsplit_once(" | ").unwrap().1;
        // names stand before the file that has them
        let mut names = Vec::new();
        for quoted in shown_by.split('`').skip(1).step_by(2) {
            if !quoted.contains(['/', '.']) {
                names.push(quoted);
                continue;
            }
            let content = fs::read_to_string(quoted).unwrap_or_default();
            let found = |name: &str| {
                let is_test = [format!("fn {name}("), format!("def {name}(")];
                let is_code = quoted.ends_with(".rs") || quoted.ends_with(".py");
                if is_code {
                    is_test.iter().any(|test| content.contains(test))
                } else {
                    content.contains(name)
                }
            };
            missing.extend(
                names.drain(..).filter(|name| !found(name)).map(|name| format!("{name} in {quoted}")),
            );
        }
        missing.extend(names.iter().map(|name| format!("{name} in no file")));
        if !shown_by.contains('`') {
            missing.push(row.to_owned());
        }
    }
    assert!(rows > 30, "{rows} rows");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

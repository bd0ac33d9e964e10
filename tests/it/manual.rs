//! Tests of the manual pages.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use crate::support::program::{Folder, run, text};

const MAIN: &str = "cloudflare-aop-exporter";

/// Writes the pages and returns their names.
fn written(folder: &Path) -> BTreeSet<String> {
    let output = run(&["man", "--output", folder.to_str().unwrap()]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("", ""));
    assert_eq!(output.status.code(), Some(0));
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| name.strip_suffix(".1").unwrap_or_else(|| panic!("{name}")).to_owned()).collect()
}

fn page(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(format!("{name}.1"))).unwrap()
}

/// Returns the pages that a page refers to, as `name(1)` or `.BR name (1)`.
fn references(page: &str) -> BTreeSet<String> {
    let page = page.replace("\\-", "-").replace(" (1)", "(1)");
    let words = page.split_whitespace().filter_map(|word| word.strip_suffix("(1)"));
    words.map(str::to_owned).collect()
}

#[test]
fn every_command_has_a_page_and_pages_refer_only_to_each_other() {
    let folder = Folder::new();
    // creates the directory
    let pages = folder.path("share/man1");
    let names = written(&pages);
    let mut reached = BTreeSet::from([MAIN.to_owned()]);
    let mut next = vec![MAIN.to_owned()];
    while let Some(name) = next.pop() {
        assert!(names.contains(&name), "{name} is referred to but has no page");
        next.extend(references(&page(&pages, &name)).into_iter().filter(|name| reached.insert(name.clone())));
    }
    assert_eq!(reached, names);
    for name in
        ["", "-serve", "-check", "-hostname", "-hostname-get", "-print-rules", "-config-check", "-man"]
    {
        assert!(names.contains(&format!("{MAIN}{name}")), "{name}");
    }
    assert!(!names.iter().any(|name| name.contains("-help")), "{names:?}");
    let get = page(&pages, "cloudflare-aop-exporter-hostname-get").replace("\\-", "-");
    assert!(get.contains("\\fBcloudflare-aop-exporter hostname get\\fR ["), "{get}");
    assert!(get.ends_with(".SH SEE ALSO\n.BR cloudflare-aop-exporter-hostname (1)\n"), "{get}");

    // without --output, stdout gets the main page; existing pages are replaced
    assert_eq!(text(&run(&["man"]).stdout), page(&pages, MAIN));
    fs::write(pages.join("cloudflare-aop-exporter-man.1"), "old").unwrap();
    assert_eq!(written(&pages), names);
    assert!(page(&pages, "cloudflare-aop-exporter-man").contains(".SH NAME"));
}

#[test]
fn an_unwritable_page_is_an_error_that_names_it() {
    let folder = Folder::new();
    let file = folder.write("file", "");
    fs::create_dir(folder.path("cloudflare-aop-exporter.1")).unwrap();
    for (output, expected) in [
        (file.as_str(), format!("error: folder {file}: File exists")),
        (
            folder.path("").to_str().unwrap(),
            format!(
                "error: file {} cannot be written: expected a regular file, found a directory",
                folder.path("cloudflare-aop-exporter.1").display()
            ),
        ),
    ] {
        let output = run(&["man", "--output", output]);
        assert!(text(&output.stderr).starts_with(&expected), "{}", text(&output.stderr));
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn no_line_of_a_page_overlaps() {
    /// The width of a page without margins.
    const WIDTH: usize = 78;
    let folder = Folder::new();
    for name in written(&folder.path("man1")) {
        let page = page(&folder.path("man1"), &name);
        let title = page.lines().find_map(|line| line.strip_prefix(".TH ")).unwrap();
        // the title line can be checked without groff: name, section, empty date, source and manual
        let source = format!("{MAIN} {}", env!("CARGO_PKG_VERSION"));
        assert_eq!(title, format!("{MAIN} 1 \" \" \"{source}\" \"User Commands\""), "{name}");
        let title = format!("{MAIN}(1)").len();
        assert!(2 * title + "User Commands".len() + 2 < WIDTH && title + source.len() + 2 < WIDTH);

        // bold and underlined text is printed plainly, so a backspace means overlapping text
        let mut groff = Command::new("groff");
        groff.args(["-man", "-Tutf8", "-ww", "-P-cbu"]).arg(folder.path("man1").join(format!("{name}.1")));
        let output = match groff.output() {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            output => output.unwrap(),
        };
        assert_eq!(text(&output.stderr), "", "{name}");
        assert!(!text(&output.stdout).contains('\u{8}'), "{name}: {}", text(&output.stdout));
    }
}

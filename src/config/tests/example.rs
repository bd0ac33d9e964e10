//! The shipped example.

use super::*;

#[test]
fn the_example_shows_the_defaults() {
    let example = parse(EXAMPLE, Secrets::Skip).unwrap();
    let minimal = parse(
        "[[account]]\n[[account.zone]]\nname = \"example.com\"\n\
         hostnames = [\"app.example.com\", \"api.example.com\"]",
        Secrets::Skip,
    );
    assert_eq!(format!("{example:#?}"), format!("{:#?}", minimal.unwrap()));
}

#[test]
fn settings_commented_out_in_the_example_are_valid() {
    let setting = |line: &&str| {
        let shapes = [" = \"", " = [", "# {", "# ["];
        line.starts_with("# ") && shapes.iter().any(|shape| line.contains(shape))
    };
    let shown = EXAMPLE.lines().filter(|line| setting(&line.trim_start())).count();
    assert_eq!(shown, 25);
    let text = EXAMPLE.lines().map(|line| match line.trim_start().strip_prefix("# ") {
        Some(rest) if setting(&line.trim_start()) => rest,
        _ => line,
    });
    let text = text.collect::<Vec<_>>().join("\n").replace("api_token_env", "# api_token_env");
    let config = parse(&text.replace("discover = false", "discover = true"), Secrets::Skip).unwrap();
    assert_eq!(config.targets.hostnames(), 7);
    assert_eq!(config.targets.zones()[0].origins().len(), 3);
    let [pattern] = config.targets.patterns() else { panic!("one pattern") };
    assert_eq!((pattern.pattern.as_str(), pattern.exclude.len()), ("*", 2));
    assert_eq!(config.accounts[0].quota, "team");
    assert_eq!(config.state_file, Some("/var/lib/cloudflare-aop-exporter/state.json".into()));
}

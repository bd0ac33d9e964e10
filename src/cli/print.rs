//! The command `print`, which prints the files of `deploy/` for users to adapt. They are embedded in the program.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

const RULES: &str = include_str!("../../deploy/prometheus/rules.yml");
const SCRAPE: &str = include_str!("../../deploy/prometheus/scrape.yml");
const ALERTMANAGER: &str = include_str!("../../deploy/alertmanager/alertmanager.yml");
const DASHBOARD: &str = include_str!("../../deploy/grafana/dashboards/cloudflare-aop.json");
const CONFIG: &str = include_str!("../../config.example.toml");
const SCHEMA: &str = include_str!("../../deploy/config.schema.json");

/// The only occurrence of the job name in the rules.
const JOB: &str = r#"job="cloudflare-aop""#;

/// The URL of this version's runbooks.
const RUNBOOKS: &str =
    concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/v", env!("CARGO_PKG_VERSION"), "/docs/alerts.md");

const PROMETHEUS_RULE: &str = "\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: cloudflare-aop-exporter
  labels:
    app.kubernetes.io/name: cloudflare-aop-exporter
spec:
";

/// Prints the rules, the dashboard or an example configuration for this version.
#[derive(Subcommand)]
pub(super) enum Print {
    Rules(Rules),
    /// Prints an example configuration for Alertmanager.
    Alertmanager,
    /// Prints the Grafana dashboard.
    Dashboard,
    /// Prints a scrape configuration for Prometheus.
    Scrape,
    /// Prints an example configuration for this exporter.
    Config,
    /// Prints the JSON Schema of the configuration, for validation and completion in editors.
    Schema,
}

/// Prints the recording and alerting rules.
#[derive(Args)]
pub(super) struct Rules {
    /// Job name in the scrape configuration [default: cloudflare-aop].
    #[arg(long, value_name = "NAME", value_parser = job)]
    job: Option<String>,
    /// Add an annotation `runbook_url` to each alert, with the alert's name as fragment of this URL. The default URL is
    /// that of this version's runbooks.
    #[arg(long, value_name = "URL", value_parser = url, num_args = 0..=1, default_missing_value = RUNBOOKS)]
    runbook_url: Option<String>,
    /// Add an annotation `dashboard_url` to each alert, with the account and zone as variables in this URL.
    #[arg(long, value_name = "URL", value_parser = url)]
    dashboard_url: Option<String>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Prometheus)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A rule file for Prometheus.
    Prometheus,
    /// A resource for the Prometheus Operator.
    #[value(name = "prometheusrule")]
    PrometheusRule,
}

impl Print {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Rules(rules) => super::print(&rules.render()),
            Self::Alertmanager => super::print(ALERTMANAGER),
            Self::Dashboard => super::print(DASHBOARD),
            Self::Scrape => super::print(SCRAPE),
            Self::Config => super::print(CONFIG),
            Self::Schema => super::print(SCHEMA),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Rules {
    /// Returns the rules in the chosen format, with everything else as shipped.
    fn render(&self) -> String {
        let rules = self.linked();
        match self.format {
            Format::Prometheus => rules,
            Format::PrometheusRule => resource(&rules),
        }
    }

    /// Returns the rules with the job name and the links filled in.
    ///
    /// Edits lines instead of parsing YAML, to keep comments and layout.
    fn linked(&self) -> String {
        let mut text = String::with_capacity(2 * RULES.len());
        let mut alert = String::new();
        for line in RULES.split_inclusive('\n') {
            match &self.job {
                Some(job) => text.push_str(&line.replace(JOB, &format!(r#"job="{job}""#))),
                None => text.push_str(line),
            }
            let line = line.trim_end();
            if let Some(name) = line.strip_prefix("      - alert: ") {
                alert = name.to_lowercase();
            } else if line == "        annotations:" {
                self.link(&alert, &mut text);
            }
        }
        text
    }

    /// Appends the links of one alert. In Grafana, `$__all` selects "All" for a variable.
    fn link(&self, alert: &str, text: &mut String) {
        if let Some(url) = &self.runbook_url {
            text.push_str(&format!("          runbook_url: '{url}#{alert}'\n"));
        }
        if let Some(url) = &self.dashboard_url {
            let query = if url.contains('?') { '&' } else { '?' };
            let account = r#"var-account={{ or $labels.account "$__all" }}"#;
            let zone = r#"var-zone={{ or $labels.zone "$__all" }}"#;
            text.push_str(&format!("          dashboard_url: '{url}{query}{account}&{zone}'\n"));
        }
    }
}

/// Wraps a rule file into a `PrometheusRule`. The comment at the top of the file stays at the top.
fn resource(rules: &str) -> String {
    let mut text = String::with_capacity(2 * rules.len());
    let mut head = true;
    for line in rules.split_inclusive('\n') {
        if head && !line.starts_with('#') {
            text.push_str(PROMETHEUS_RULE);
            head = false;
        }
        if !head && !line.trim().is_empty() {
            text.push_str("  ");
        }
        text.push_str(line);
    }
    text
}

/// Parses a job name. The rules quote it in PromQL within a YAML block.
fn job(text: &str) -> Result<String, String> {
    // YAML 1.1 ends a line at U+2028 and U+2029
    let refused =
        |char: char| char.is_control() || matches!(char, '"' | '\'' | '\\' | '\u{2028}' | '\u{2029}');
    if text.is_empty() || text.contains(refused) {
        return Err("expected a job name without quotes, backslashes or control characters".to_owned());
    }
    Ok(text.to_owned())
}

/// Parses a URL. The rules quote it in YAML and append a fragment or a query.
///
/// Braces are refused because Prometheus expands annotations as templates.
fn url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
    let refused = |char: char| !char.is_ascii_graphic() || matches!(char, '\'' | '#' | '{' | '}');
    if host.is_empty() || text.contains(refused) {
        return Err(
            "expected an http or https URL in ASCII without spaces, single quotes, braces and #".to_owned()
        );
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Rules =
        Rules { job: None, runbook_url: None, dashboard_url: None, format: Format::Prometheus };

    #[test]
    fn without_options_the_rules_equal_the_shipped_file() {
        assert_eq!(PLAIN.render(), RULES);
        let job = Some("cloudflare-aop".to_owned());
        assert_eq!(Rules { job, ..PLAIN }.render(), RULES);
    }

    #[test]
    fn the_job_name_is_replaced() {
        assert_eq!(RULES.matches("job=").count(), 1);
        let job = Some("edge $1".to_owned());
        let text = Rules { job, ..PLAIN }.render();
        assert_eq!(text, RULES.replace(r#"{job="cloudflare-aop"}"#, r#"{job="edge $1"}"#));
        assert_ne!(text, RULES);
    }

    #[test]
    fn every_alert_gets_both_links() {
        let alerts = RULES.matches("- alert: ").count();
        assert!(alerts > 20);
        let runbook_url = Some("https://wiki.example/aop".to_owned());
        let dashboard_url = Some("https://grafana.example/d/aop".to_owned());
        let text = Rules { runbook_url, dashboard_url, ..PLAIN }.render();
        let links = r#"
        annotations:
          runbook_url: 'https://wiki.example/aop#cloudflareaoptokeninvalid'
          dashboard_url: 'https://grafana.example/d/aop?var-account={{ or $labels.account "$__all" }}&var-zone={{ or $labels.zone "$__all" }}'
          summary: "#;
        assert!(text.contains(links), "{text}");
        assert_eq!(text.matches("          runbook_url: ").count(), alerts);
        assert_eq!(text.matches("          dashboard_url: ").count(), alerts);
        let without = |line: &&str| !line.contains("_url: ");
        assert_eq!(text.split_inclusive('\n').filter(without).collect::<String>(), RULES);
    }

    #[test]
    fn the_runbook_url_and_the_dashboard_url_can_be_given_separately() {
        let url = Some("http://grafana.example/d/aop?orgId=2".to_owned());
        let text = Rules { dashboard_url: url.clone(), ..PLAIN }.render();
        assert!(text.contains("'http://grafana.example/d/aop?orgId=2&var-account={{"), "{text}");
        assert!(!text.contains("runbook_url"));
        assert!(!Rules { runbook_url: url, ..PLAIN }.render().contains("dashboard_url"));
    }

    #[test]
    fn a_resource_contains_the_indented_rules_below_their_comment() {
        let text = Rules { format: Format::PrometheusRule, ..PLAIN }.render();
        let (head, spec) = text.split_once(PROMETHEUS_RULE).unwrap_or_default();
        let dedent = |line| str::strip_prefix(line, "  ").unwrap_or(line);
        let dedented: String = spec.split_inclusive('\n').map(dedent).collect();
        assert!(head.lines().all(|line| line.starts_with('#')), "{head}");
        assert!(spec.starts_with("  groups:\n"), "{spec}");
        assert_eq!(format!("{head}{dedented}"), RULES);
        assert!(text.lines().all(|line| line.trim_end() == line));
    }

    #[test]
    fn values_that_would_break_quoting_are_refused() {
        for text in ["", "a\"b", "it's", "a\\b", "a\nb", "a\u{85}b", "a\u{2028}b"] {
            assert!(job(text).is_err(), "{text:?}");
        }
        for text in ["cloudflare-aop", "monitoring/aop 2", "Zürich"] {
            assert_eq!(job(text), Ok(text.to_owned()));
        }
        for text in [
            "",
            "wiki.example",
            "ftp://wiki.example",
            "https://",
            "http:///aop",
            "https://?aop",
            "javascript:alert(1)",
        ] {
            assert!(url(text).is_err(), "{text:?}");
        }
        for char in ["'", " ", "\n", "\t", "\u{7f}", "{{ . }}", "#top", "ü"] {
            assert!(url(&format!("https://wiki.example/{char}")).is_err(), "{char:?}");
        }
        for text in ["https://wiki.example", "http://[::1]:3000/d/aop?orgId=1", "https://wiki.example/a%20b"]
        {
            assert_eq!(url(text), Ok(text.to_owned()));
        }
    }
}

"""The files of the alerting kit, each by the tool that reads it, and what they say of each other."""

import re
import subprocess

from harness import ROOT, TEXT, Case, get

DEPLOY = ROOT / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
ALERTMANAGER = DEPLOY / "alertmanager/alertmanager.yml"
RULES = (PROMETHEUS / "rules.yml").read_text()
ALERTS = re.findall(r"^ +- alert: (\w+)$", RULES, re.MULTILINE)
RUNBOOKS = "https://github.com/OWNER/cloudflare-aop-exporter/blob/main/docs/alerts.md"
DASHBOARD = "https://grafana.example.com/d/cloudflare-aop"
# what a healthy demo does not show
IN_TROUBLE_OR_WHERE_ASKED_FOR = {
    "cloudflare_aop_api_token_expires_timestamp_seconds",
    "cloudflare_aop_certificate_hostnames",
    "cloudflare_aop_zone_level_enabled",
}


class Rules(Case):
    def test_the_tools_have_nothing_to_say(self):
        checks = [
            ["promtool", "check", "rules", "rules.yml"],
            ["promtool", "test", "rules", "rules_test.yml"],
            ["promtool", "check", "config", "prometheus.yml"],
            ["promtool", "check", "config", "scrape.yml"],
            ["amtool", "check-config", ALERTMANAGER],
        ]
        for severity, receiver in [("critical", "page"), ("warning", "ticket"), ("info", "notes")]:
            route = ["amtool", "config", "routes", "test", "--config.file", ALERTMANAGER]
            checks.append([*route, f"--verify.receivers={receiver}", "zone=example.com", f"severity={severity}"])
        for command in checks:
            with self.subTest(command):
                result = subprocess.run(command, cwd=PROMETHEUS, capture_output=True, text=True, timeout=120)
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_every_metric_of_a_rule_is_exported(self):
        _, page = get(self.demo(), "/metrics", Accept=TEXT)
        exported = set(re.findall(r"^# HELP (\S+)", page, re.MULTILINE))
        named = set(re.findall(r"\b(cloudflare_aop_\w+|process_\w+)\b(?!:)", expressions()))
        self.assertGreater(len(named), 20)
        self.assertEqual(named - exported - IN_TROUBLE_OR_WHERE_ASKED_FOR, set())
        readme = (ROOT / "README.md").read_text() + (ROOT / "src/metrics/families.rs").read_text()
        for name in IN_TROUBLE_OR_WHERE_ASKED_FOR:
            self.assertIn(name, readme)

    def test_every_alert_has_a_severity_links_and_a_runbook(self):
        runbooks = re.findall(r"^## (\w+)$", (ROOT / "docs/alerts.md").read_text(), re.MULTILINE)
        self.assertEqual(sorted(runbooks), sorted(ALERTS))
        for block in RULES.split("- alert: ")[1:]:
            name = block.split()[0]
            with self.subTest(name):
                self.assertTrue(name.startswith("CloudflareAop"))
                self.assertRegex(block, r"\n +severity: (critical|warning|info)\n")
                for annotation in ["summary", "description"]:
                    self.assertIn(f" {annotation}: ", block)
                self.assertIn(f" runbook_url: {RUNBOOKS}#{name.lower()}\n", block)
                self.assertIn(f" dashboard_url: {DASHBOARD}", block)

    def test_the_whole_configuration_scrapes_as_the_block_does(self):
        block = (PROMETHEUS / "scrape.yml").read_text().partition("scrape_configs:")[2]
        self.assertTrue((PROMETHEUS / "prometheus.yml").read_text().endswith(block))

    def test_every_alert_is_tested(self):
        tests = (PROMETHEUS / "rules_test.yml").read_text()
        for name in ALERTS:
            self.assertIn(f'alertname="{name}"', tests)


def expressions():
    """What is between `expr:` and the next key, of all rules, and what their annotations ask for."""
    asked = re.findall(r'printf "(\w.*?)" .*\| query', RULES)
    assert len(asked) == RULES.count("| query"), asked
    return "\n".join(asked + re.findall(r"^ +expr:(.*\n(?: {10}.*\n)*)", RULES, re.MULTILINE))

"""Checks that the rules and the dashboard of the chart are the shipped ones."""

import copy
import subprocess

import yaml

from chart import CHART, ROOT, RULES, SCHEMA, VALID, Case, one, rendered

DASHBOARD = ROOT / "deploy/grafana/dashboards/cloudflare-aop.json"
ALERTS = [rule["alert"] for rule in RULES["groups"][0]["rules"] if "alert" in rule]


class Rules(Case):
    def test_rules_and_dashboard_are_links_to_the_shipped_files(self):
        self.assertEqual((CHART / "files/rules.yml").resolve(), ROOT / "deploy/prometheus/rules.yml")
        self.assertEqual((CHART / "files/dashboard.json").resolve(), DASHBOARD)

    def test_the_resource_contains_the_shipped_rules(self):
        self.assertGreater(len(ALERTS), 20)
        for name in ("the rules", "the rules for a Prometheus", "everything"):
            self.assertEqual(spec(name), RULES)
        labels = one(rendered()["the rules for a Prometheus"], "PrometheusRule")["metadata"]["labels"]
        self.assertEqual(labels["release"], "kube-prometheus-stack")

    def test_single_alerts_can_be_changed_or_disabled(self):
        expected = copy.deepcopy(RULES)
        rules = {rule.get("alert"): rule for rule in expected["groups"][0]["rules"]}
        rules["CloudflareAopCertificateExpiresSoon"]["for"] = "1h"
        rules["CloudflareAopCertificateExpiresSoon"]["labels"]["severity"] = "info"
        rules["CloudflareAopRateLimited"]["for"] = "5m"
        rules["CloudflareAopReadingsStale"]["labels"]["severity"] = "page"
        expected["groups"][0]["rules"].remove(rules["CloudflareAopCertificateNearHostnameLimit"])
        self.assertEqual(spec("the rules changed"), expected)

    def test_runbook_links_equal_those_of_print_rules(self):
        expected = copy.deepcopy(RULES)
        for rule in expected["groups"][0]["rules"]:
            if "alert" in rule:
                rule["annotations"]["runbook_url"] = f"https://wiki.example/aop?a=1#{rule['alert'].lower()}"
        self.assertEqual(spec("the rules with a runbook"), expected)

    def test_promtool_accepts_the_rules(self):
        for name in ("the rules", "the rules with a runbook", "the rules changed"):
            file = self.folder() / "rules.yml"
            file.write_text(yaml.safe_dump(spec(name)))
            ended = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, timeout=60)
            self.assertEqual(ended.returncode, 0, ended.stderr)
            self.assertIn(f"SUCCESS: {len(spec(name)['groups'][0]['rules'])} rules found", ended.stdout)

    def test_each_alert_can_be_changed(self):
        self.assertEqual(list(SCHEMA["properties"]["prometheusRule"]["properties"]["alerts"]["properties"]), ALERTS)

    def test_the_dashboard_is_the_shipped_one(self):
        for name in ("the dashboard", "the dashboard in a folder", "the longest name"):
            config = [each for each in rendered()[name] if each["kind"] == "ConfigMap" and "cloudflare-aop.json" in each["data"]]
            self.assertEqual([each["data"]["cloudflare-aop.json"] for each in config], [DASHBOARD.read_text()], name)
        metadata = config_metadata("the dashboard")
        self.assertEqual(metadata["labels"]["grafana_dashboard"], "1")
        metadata = config_metadata("the dashboard in a folder")
        self.assertEqual((metadata["labels"]["dashboards"], metadata["labels"].get("grafana_dashboard")), ("mine", None))
        self.assertEqual(metadata["annotations"], VALID["the dashboard in a folder"]["dashboard"]["annotations"])


def spec(name):
    return one(rendered()[name], "PrometheusRule")["spec"]


def config_metadata(name):
    return one(rendered()[name], "ConfigMap")["metadata"]

"""Checks of the alerting files with their own tools and against each other."""

import json
import re
import subprocess

import _jsonnet
import yaml
from harness import ALERTMANAGER, ALERTS, DEPLOY, EXPORTER, PROMETHEUS, ROOT, RULES, TEXT, Case, get

RUNBOOKS_TEXT = (ROOT / "docs/alerts.md").read_text()
RUNBOOKS = "https://wiki.example/aop"
DASHBOARD = "https://grafana.example/d/cloudflare-aop"
OPTIONS = ["--job", "edge aop", "--runbook-url", RUNBOOKS, "--dashboard-url", DASHBOARD]
# metrics that a healthy demo does not have
ABSENT_FROM_A_HEALTHY_DEMO = {
    "cloudflare_aop_api_rate_limit_remaining",
    "cloudflare_aop_api_token_expires_timestamp_seconds",
    "cloudflare_aop_certificate_hostnames",
    "cloudflare_aop_zone_level_enabled",
}


class Rules(Case):
    def test_the_tools_accept_the_files(self):
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
        self.assertGreater(len(self.assert_exported(expressions())), 8)
        documented = (ROOT / "docs/metrics.md").read_text() + (ROOT / "src/metrics/families.rs").read_text()
        for name in ABSENT_FROM_A_HEALTHY_DEMO:
            self.assertIn(name, documented)

    def assert_exported(self, expressions):
        """Checks that every metric they name is exported and returns these metrics."""
        _, page = get(self.demo(), "/metrics", Accept=TEXT)
        exported = set(re.findall(r"^# HELP (\S+)", page, re.MULTILINE))
        for name in re.findall(r"^# TYPE (\S+) histogram$", page, re.MULTILINE):
            exported |= {f"{name}_sum", f"{name}_count", f"{name}_bucket"}
        named = set(re.findall(r"\b(cloudflare_aop_\w+|process_\w+)\b(?!:)", expressions))
        self.assertEqual(named - exported - ABSENT_FROM_A_HEALTHY_DEMO, set())
        return named

    def test_every_query_in_the_runbooks_is_valid_and_uses_exported_metrics(self):
        spans = re.findall(r"`([^`\n]*\bcloudflare_aop[_:][^`\n]*)`", RUNBOOKS_TEXT)
        blocks = "".join(re.findall(r"^```promql\n(.*?)^```$", RUNBOOKS_TEXT, re.MULTILINE | re.DOTALL)).splitlines()
        queries = spans + blocks
        self.assertGreater(len(queries), 40)
        path = self.folder() / "rules.yml"
        rules = [{"alert": f"Number{n}", "expr": query} for n, query in enumerate(queries)]
        # JSON is YAML
        path.write_text(json.dumps({"groups": [{"name": "runbooks", "rules": rules}]}))
        result = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, timeout=30)
        self.assertIn(f"SUCCESS: {len(queries)} rules found", result.stdout, result.stderr)
        self.assert_exported("\n".join(queries))
        recorded = set(re.findall(r"- record: (\S+)", RULES))
        self.assertEqual(set(re.findall(r"cloudflare_aop:[\w:]+", "\n".join(queries))) - recorded, set())

    def test_every_command_in_the_runbooks_is_valid(self):
        for block in re.findall(r"^```sh\n(.*?)^```$", RUNBOOKS_TEXT, re.MULTILINE | re.DOTALL):
            subprocess.run(["bash", "-n", "-c", block], check=True, timeout=30)
        commands = re.findall(r"(?<=cloudflare-aop-exporter )((?:check|config|hostname) [^`\n]*)", RUNBOOKS_TEXT)
        self.assertGreater(len(commands), 12)
        for command in commands:
            with self.subTest(command):
                words = command.split()
                ask = [EXPORTER, *words[: 1 if words[0] == "check" else 2], "--help"]
                result = subprocess.run(ask, capture_output=True, text=True, timeout=30)
                self.assertEqual(result.returncode, 0, result.stderr)
                for option in re.findall(r"--[\w-]+", command):
                    self.assertIn(f"{option} ", result.stdout.replace("\n", " "))
                # the token has no permission to change anything
                if words[1] in ["enable", "disable", "void"]:
                    self.assertNotIn("--config", command)

    def test_every_alert_has_a_severity_and_a_runbook_and_no_link(self):
        self.assertNotRegex(RULES, "OWNER|https?://|_url:")
        runbooks = re.findall(r"^## (\w+)$", RUNBOOKS_TEXT, re.MULTILINE)
        self.assertEqual(sorted(runbooks), sorted(ALERTS))
        for block in RULES.split("- alert: ")[1:]:
            name = block.split()[0]
            with self.subTest(name):
                self.assertTrue(name.startswith("CloudflareAop"))
                self.assertRegex(block, r"\n +severity: (critical|warning|info|'{{ or \$labels.severity \"critical\" }}')\n")
                for annotation in ["summary", "description"]:
                    self.assertIn(f" {annotation}: ", block)

    def test_the_rules_are_few_and_short(self):
        self.assertLessEqual(len(ALERTS), 24)
        self.assertLessEqual(RULES.count("- record: "), 4)
        for expression in re.findall(r"^ +expr: \|\n((?: {10}.*\n)+)", RULES, re.MULTILINE):
            self.assertLessEqual(len(expression.splitlines()), 5, expression)

    def test_printed_rules_are_valid_and_link_every_alert(self):
        printed = print_rules(*OPTIONS)
        resource = print_rules(*OPTIONS, "--format", "prometheusrule")
        self.assertEqual(resource["apiVersion"], "monitoring.coreos.com/v1")
        self.assertEqual(resource["kind"], "PrometheusRule")
        self.assertEqual(resource["metadata"]["name"], "cloudflare-aop-exporter")
        self.assertEqual(resource["spec"], printed)
        shipped = yaml.safe_load(RULES)
        folder = self.folder()
        for name, rules in [("rules", printed), ("resource", resource["spec"])]:
            path = folder / f"{name}.yml"
            path.write_text(yaml.safe_dump(rules))
            result = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, timeout=30)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            self.assertIn(f"SUCCESS: {len(shipped['groups'][0]['rules'])} rules found", result.stdout)
        alerts = [rule for rule in printed["groups"][0]["rules"] if "alert" in rule]
        self.assertEqual([rule["alert"] for rule in alerts], ALERTS)
        for rule in alerts:
            with self.subTest(rule["alert"]):
                self.assertEqual(rule["annotations"].pop("runbook_url"), f"{RUNBOOKS}#{rule['alert'].lower()}")
                self.assertTrue(rule["annotations"].pop("dashboard_url").startswith(f"{DASHBOARD}?var-account={{{{ "))
        # apart from that, only the job differs
        restored = json.dumps(printed).replace(r'job=\"edge aop\"', r'job=\"cloudflare-aop\"')
        self.assertEqual(json.loads(restored), shipped)

    def test_printed_links_lead_to_the_account_and_zone_of_the_alert(self):
        folder = self.folder()
        (folder / "rules.yml").write_text(run_print("rules", *OPTIONS))
        finding = 'cloudflare_aop_{}_up{{job="edge aop",instance="a",account="main"{}}}'
        series = [
            {"series": finding.format("account", ""), "values": "1x30"},
            {
                "series": 'cloudflare_aop_account_finding{job="edge aop",instance="a",account="main",'
                'finding="token_invalid",severity="critical"}',
                "values": "1x30",
            },
        ]
        test = {
            "interval": "1m",
            "input_series": series,
            "alert_rule_test": [
                {
                    "eval_time": "20m",
                    "alertname": "CloudflareAopTokenInvalid",
                    "exp_alerts": [
                        {
                            "exp_labels": {
                                "job": "edge aop",
                                "account": "main",
                                "finding": "token_invalid",
                                "severity": "critical",
                            },
                            "exp_annotations": {
                                **next(
                                    rule["annotations"]
                                    for rule in yaml.safe_load(RULES)["groups"][0]["rules"]
                                    if rule.get("alert") == "CloudflareAopTokenInvalid"
                                ),
                                "summary": "Cloudflare does not accept the API token of account main.",
                                "runbook_url": f"{RUNBOOKS}#cloudflareaoptokeninvalid",
                                "dashboard_url": f"{DASHBOARD}?var-account=main&var-zone=$__all",
                            },
                        }
                    ],
                }
            ],
        }
        (folder / "test.yml").write_text(json.dumps({"rule_files": ["rules.yml"], "tests": [test]}))
        result = subprocess.run(
            ["promtool", "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True, timeout=30
        )
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_the_mixin_equals_the_printed_files(self):
        settings = [
            ({}, []),
            ({"job": "edge aop", "runbookUrl": RUNBOOKS, "dashboardUrl": DASHBOARD}, OPTIONS),
            ({"dashboardUrl": f"{DASHBOARD}?orgId=2"}, ["--dashboard-url", f"{DASHBOARD}?orgId=2"]),
        ]
        for config, options in settings:
            with self.subTest(options):
                mixin = evaluate(config)
                self.assertEqual(mixin["alerts"], print_rules(*options))
                self.assertEqual(mixin["dashboards"], {"cloudflare-aop.json": json.loads(run_print("dashboard"))})

    def test_the_full_configuration_has_the_same_scrape_block(self):
        block = (PROMETHEUS / "scrape.yml").read_text().partition("scrape_configs:")[2]
        self.assertTrue((PROMETHEUS / "prometheus.yml").read_text().endswith(block))

    def test_every_alert_is_tested(self):
        tests = (PROMETHEUS / "rules_test.yml").read_text()
        for name in ALERTS:
            self.assertIn(f'alertname="{name}"', tests)


class Healthy(Case):
    def test_nothing_fires_at_any_scrape_interval_and_offset(self):
        tests = [healthy(interval) for interval in [5, 15, 60, 300]]
        self.assertEqual(self.promtool(tests), "")

    def test_a_missing_page_is_noticed(self):
        test = healthy(60)
        test["input_series"] = [each for each in test["input_series"] if "exporter_" not in each["series"]]
        self.assertIn("CloudflareAopExporterDown", self.promtool([test]))

    def promtool(self, tests):
        """Runs these tests of the shipped rules and returns promtool's output if they fail."""
        path = self.folder() / "healthy.yml"
        rules = {"rule_files": [str(PROMETHEUS / "rules.yml")], "evaluation_interval": "15s", "tests": tests}
        # JSON is YAML
        path.write_text(json.dumps(rules))
        result = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, timeout=120)
        return "" if result.returncode == 0 else result.stdout + result.stderr


def healthy(interval, step=5, end=2400):
    """Returns a test of eight healthy exporters scraped at this interval, each with a different offset."""
    series = []
    for number in range(8):
        offset = number * interval // 8 // step
        every = interval // step
        times = range(offset, end // step, every)

        def add(name, labels, value=lambda second: 1):
            gap = f" _x{every - 1}" if every > 1 else ""
            lead = f"_x{offset} " if offset else ""
            values = lead + " ".join(f"{value(time * step)}{gap}" for time in times)
            where = f'instance="a",job="cloudflare-aop",cluster="{number}"'
            series.append({"series": f"{name}{{{where}{labels}}}", "values": values})

        add("up", "")
        add("cloudflare_aop_exporter_threshold_seconds", ',threshold="warning"')
        add("cloudflare_aop_exporter_last_poll_timestamp_seconds", "", lambda second: second // 300 * 300)
        add("cloudflare_aop_exporter_poll_interval_seconds", "", lambda second: 300)
        add("cloudflare_aop_exporter_config_last_reload_successful", "")
        add("cloudflare_aop_account_up", ',account="m"')
        add("cloudflare_aop_zone_up", ',zone="z"')
        add("cloudflare_aop_zone_last_success_timestamp_seconds", ',zone="z"', lambda second: second // 300 * 300)
        add("cloudflare_aop_hostname_up", ',zone="z",hostname="h"')
    quiet = [
        {"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": f"{at}m", "exp_samples": []}
        for at in range(5, end // 60, 5)
    ]
    return {"interval": f"{step}s", "input_series": series, "promql_expr_test": quiet}


def run_print(*arguments):
    return subprocess.run(
        [EXPORTER, "print", *arguments], check=True, capture_output=True, text=True, timeout=30
    ).stdout


def print_rules(*options):
    return yaml.safe_load(run_print("rules", *options))


def evaluate(config):
    """Returns the rules and dashboards of the mixin with these settings."""
    mixin = f"(import '{DEPLOY}/mixin/mixin.libsonnet') + {{ _config+:: {json.dumps(config)} }}"
    shown = "{ alerts: mixin.prometheusAlerts, dashboards: mixin.grafanaDashboards }"
    return json.loads(_jsonnet.evaluate_snippet("test", f"local mixin = {mixin}; {shown}"))


def expressions():
    """Returns the expressions of all rules and the queries in their annotations."""
    asked = re.findall(r'printf "(\w.*?)" .*\| query', RULES)
    assert len(asked) == RULES.count("| query"), asked
    return "\n".join(asked + re.findall(r"^ +expr:(.*\n(?: {10}.*\n)*)", RULES, re.MULTILINE))

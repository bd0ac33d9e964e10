"""Checks of the README's statements."""

import json
import re
import shutil
import subprocess

from harness import ALERTS, EXPORTER, ROOT, TEXT, Case, ask, eventually, get, status

README = (ROOT / "README.md").read_text()


def block(language):
    return re.search(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)[1]


class Readme(Case):
    def test_every_family_is_in_its_tables(self):
        _, page = get(self.demo(), "/metrics", Accept=TEXT)
        families = dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE))
        self.assertGreater(len(families), 40)
        missing = [name for name in families if f"`{name}`" not in README]
        self.assertEqual(missing, [])
        for name, kind in families.items():
            kind = "info" if name.endswith("_info") else kind
            if name.startswith("cloudflare_aop_") and f"| `{name}` | {kind} |" not in README:
                self.fail(f"{name} is not in a table as {kind}")

    def test_its_configuration_is_valid(self):
        config = self.folder() / "aop.toml"
        config.write_text(block("toml"))
        command = [EXPORTER, "config", "check", "--no-secrets", "--config", config]
        result = subprocess.run(command, capture_output=True, text=True, timeout=30)
        self.assertEqual(result.stdout, "ok: accounts: 1, zones: 1, hostnames: 2\n", result.stderr)

    def test_its_scrape_block_is_the_shipped_one(self):
        shipped = (ROOT / "deploy/prometheus/scrape.yml").read_text().splitlines(keepends=True)
        lines = [line for line in shipped if not line.startswith("#")]
        self.assertEqual(block("yaml"), "".join(lines))

    def test_its_prometheus_scrapes_the_demo_loads_the_rules_and_its_first_alert_fires(self):
        demo = self.demo()
        shipped = self.folder() / "prometheus"
        shutil.copytree(ROOT / "deploy/prometheus", shipped)
        # replaces the README's port with the demo's, and minutes with seconds
        for name, replaced in [
            ("prometheus.yml", {"127.0.0.1:10219": demo.address, ": 1m": ": 1s"}),
            ("rules.yml", {"for: 3m": "for: 3s"}),
        ]:
            text = (shipped / name).read_text()
            for before, after in replaced.items():
                self.assertIn(before, text)
                text = text.replace(before, after)
            (shipped / name).write_text(text)
        self.assertIn("-- demo      # some minutes later: a simulated account on http://127.0.0.1:10219\n", README)
        [command] = re.findall(r"^\$ (prometheus --config.file=deploy/.*)$", README, re.MULTILINE)
        for before, after in {
            "=deploy/prometheus/": f"={shipped}/",
            "=target/": f"={self.folder()}/",
            ":19090": ":0",
        }.items():
            self.assertIn(before, command)
            command = command.replace(before, after)
        prometheus = self.start(*command.split())
        eventually(lambda: self.assertEqual(status(prometheus, "/-/ready"), 200))

        scraped = lambda: [(each["scrapeUrl"], each["health"]) for each in ask(prometheus, "targets")["activeTargets"]]
        eventually(lambda: self.assertEqual(scraped(), [(f"http://{demo.address}/metrics", "up")]))
        rules = [rule["name"] for group in ask(prometheus, "rules")["groups"] for rule in group["rules"]]
        self.assertLessEqual(set(ALERTS), set(rules))
        alerts = lambda: ask(prometheus, "alerts")["alerts"]
        self.assertIn("fourteen\nalerts are pending", README)
        eventually(lambda: self.assertEqual(len(alerts()), 14))
        self.assertIn("the first four fire: `CloudflareAopCertificateExpired`, for `intranet.example.com`", README)
        firing = lambda: [each["labels"] for each in alerts() if each["state"] == "firing"]
        named = lambda: [(labels["alertname"], labels["hostname"]) for labels in firing()]
        critical = [
            ("CloudflareAopCertificateExpired", "intranet.example.com"),
            ("CloudflareAopCertificateExpiresVerySoon", "docs.example.org"),
            ("CloudflareAopDeploymentTimedOut", "build.example.org"),
            ("CloudflareAopOriginDemandsCertificate", "legacy.example.com"),
        ]
        eventually(lambda: self.assertEqual(sorted(named()), critical))

    def test_its_expressions_are_valid_rules(self):
        expressions = re.split(r"\n(?=#)", block("promql").strip())
        rules = [{"alert": f"Number{n}", "expr": text} for n, text in enumerate(expressions)]
        path = self.folder() / "rules.yml"
        # JSON is YAML
        path.write_text(json.dumps({"groups": [{"name": "readme", "rules": rules}]}))
        command = ["promtool", "check", "rules", path]
        result = subprocess.run(command, capture_output=True, text=True, timeout=30)
        self.assertIn(f"SUCCESS: {len(expressions)} rules found", result.stdout, result.stderr)

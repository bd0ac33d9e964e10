"""What the README promises, where a machine can tell."""

import json
import re
import subprocess

from harness import EXPORTER, ROOT, TEXT, Case, eventually, get, status
from test_prometheus import ask

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

    def test_its_configuration_is_one(self):
        config = self.folder() / "aop.toml"
        config.write_text(block("toml"))
        command = [EXPORTER, "config", "check", "--no-secrets", "--config", config]
        result = subprocess.run(command, capture_output=True, text=True, timeout=30)
        self.assertEqual(result.stdout, "ok: accounts: 1, zones: 1, hostnames: 2\n", result.stderr)

    def test_its_scrape_block_is_what_is_shipped(self):
        shipped = (ROOT / "deploy/prometheus/scrape.yml").read_text().splitlines(keepends=True)
        lines = [line for line in shipped if not line.startswith("#")]
        self.assertEqual(block("yaml"), "".join(lines))

    def test_its_prometheus_loads_the_rules_and_scrapes_the_demo(self):
        [command] = re.findall(r"^\$ (prometheus .*)$", README, re.MULTILINE)
        command = command.replace("=deploy/", f"={ROOT}/deploy/").replace("=target/", f"={self.folder()}/")
        prometheus = self.start(*command.replace(":19090", ":0").split())
        eventually(lambda: self.assertEqual(status(prometheus, "/-/ready"), 200))
        rules = [rule["name"] for group in ask(prometheus, "rules")["groups"] for rule in group["rules"]]
        self.assertIn("CloudflareAopCertificateExpired", rules)
        scraped = lambda: [target["scrapeUrl"] for target in ask(prometheus, "targets")["activeTargets"]]
        eventually(lambda: self.assertEqual(scraped(), ["http://127.0.0.1:10219/metrics"]))

    def test_its_prometheus_has_thirteen_alerts_of_the_demo_and_the_first_fires(self):
        folder = self.folder()
        shipped = ROOT / "deploy/prometheus"
        address = self.demo().address
        # seconds for minutes
        config = (shipped / "prometheus.yml").read_text().replace("127.0.0.1:10219", address).replace(": 1m", ": 1s")
        (folder / "prometheus.yml").write_text(config)
        (folder / "rules.yml").write_text((shipped / "rules.yml").read_text().replace("for: 3m", "for: 3s"))
        prometheus = self.start_prometheus(folder / "prometheus.yml")
        alerts = lambda: ask(prometheus, "alerts")["alerts"]
        self.assertIn("thirteen\nalerts are pending", README)
        eventually(lambda: self.assertEqual(len(alerts()), 13))
        firing = lambda: [alert["labels"]["hostname"] for alert in alerts() if alert["state"] == "firing"]
        eventually(lambda: self.assertEqual(firing(), ["intranet.example.com"]))

    def test_its_expressions_are_rules(self):
        expressions = re.split(r"\n(?=#)", block("promql").strip())
        rules = [{"alert": f"Number{n}", "expr": text} for n, text in enumerate(expressions)]
        path = self.folder() / "rules.yml"
        # JSON is YAML
        path.write_text(json.dumps({"groups": [{"name": "readme", "rules": rules}]}))
        command = ["promtool", "check", "rules", path]
        result = subprocess.run(command, capture_output=True, text=True, timeout=30)
        self.assertIn(f"SUCCESS: {len(expressions)} rules found", result.stdout, result.stderr)

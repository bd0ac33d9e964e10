"""Checks of the statements of the README and of the book."""

import json
import re
import shutil
import socket
import subprocess

import test_origin
from harness import ALERTS, EXPORTER, ROOT, TEXT, Case, ask, eventually, get, status

README = (ROOT / "README.md").read_text()
FIRST_STEPS = (ROOT / "docs/getting-started.md").read_text()
WITHOUT_AN_ACCOUNT = (ROOT / "docs/without-an-account.md").read_text()
METRICS = (ROOT / "docs/metrics.md").read_text()


def block(language, text):
    return re.search(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]


def check_expressions(folder, expressions):
    """Checks PromQL expressions with promtool."""
    rules = [{"alert": f"Number{n}", "expr": text} for n, text in enumerate(expressions)]
    path = folder / "rules.yml"
    # JSON is YAML
    path.write_text(json.dumps({"groups": [{"name": "documents", "rules": rules}]}))
    return subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, timeout=30)


class Readme(Case):
    def test_every_family_is_in_its_tables(self):
        _, page = get(self.demo(), "/metrics", Accept=TEXT)
        families = dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE))
        self.assertGreater(len(families), 40)
        missing = [name for name in families if f"`{name}`" not in METRICS]
        self.assertEqual(missing, [])
        for name, kind in families.items():
            kind = "info" if name.endswith("_info") else kind
            if name.startswith("cloudflare_aop_") and f"| `{name}` | {kind} |" not in METRICS:
                self.fail(f"{name} is not in a table as {kind}")

    def test_every_family_has_a_query_that_uses_it(self):
        rows = re.findall(r"^\| `(cloudflare_aop_\w+)` \| .* \| `([^`]+)` \|$", METRICS, re.MULTILINE)
        self.assertEqual(len(rows), len(re.findall(r"^\| `cloudflare_aop_", METRICS, re.MULTILINE)))
        for name, query in rows:
            self.assertIn(name, query)
        result = check_expressions(self.folder(), [query for _, query in rows])
        self.assertIn(f"SUCCESS: {len(rows)} rules found", result.stdout, result.stderr)

    def test_the_documented_configuration_is_valid(self):
        config = self.folder() / "aop.toml"
        for text in [README, FIRST_STEPS]:
            config.write_text(block("toml", text))
            command = [EXPORTER, "config", "check", "--no-secrets", "--config", config]
            result = subprocess.run(command, capture_output=True, text=True, timeout=30)
            self.assertEqual(result.stdout, "ok: accounts: 1, zones: 1, hostnames: 2\n", result.stderr)

    def test_the_documented_scrape_block_is_the_shipped_one(self):
        shipped = (ROOT / "deploy/prometheus/scrape.yml").read_text().splitlines(keepends=True)
        lines = [line for line in shipped if not line.startswith("#")]
        for text in [README, FIRST_STEPS]:
            self.assertEqual(block("yaml", text), "".join(lines))

    def test_the_documented_prometheus_scrapes_the_demo_loads_the_rules_and_fires_an_alert(self):
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
        found = set()
        for text in [README, FIRST_STEPS]:
            self.assertIn("-- demo      # some minutes later: a simulated account on http://127.0.0.1:10219\n", text)
            found.update(re.findall(r"^\$ (prometheus --config.file=deploy/.*)$", text, re.MULTILINE))
        [command] = found
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
        self.assertIn("Within two minutes 14\nalerts are pending.", FIRST_STEPS)
        eventually(lambda: self.assertEqual(len(alerts()), 14))
        self.assertIn("Four of them fire within five minutes.", README)
        firing = lambda: [each["labels"] for each in alerts() if each["state"] == "firing"]
        named = lambda: [(labels["alertname"], labels["hostname"]) for labels in firing()]
        critical = [
            ("CloudflareAopCertificateExpired", "intranet.example.com"),
            ("CloudflareAopCertificateExpiresVerySoon", "docs.example.org"),
            ("CloudflareAopDeploymentTimedOut", "build.example.org"),
            ("CloudflareAopOriginDemandsCertificate", "legacy.example.com"),
        ]
        eventually(lambda: self.assertEqual(sorted(named()), critical))
        self.assertEqual(re.findall(r"^- `(CloudflareAop\w+)`, for `(.*)`$", FIRST_STEPS, re.MULTILINE), critical)

    def test_the_documented_requests_are_answered(self):
        demo = self.demo()
        eventually(lambda: self.assertEqual(status(demo, "/-/ready"), 200))
        asked = 0
        for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
            for command in re.findall(r"^(?:\$ )?(curl .*127\.0\.0\.1:10219/.*)$", path.read_text(), re.MULTILINE):
                with self.subTest(command):
                    command = command.replace("127.0.0.1:10219", demo.address)
                    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30)
                    self.assertEqual(result.returncode, 0, result.stderr)
                    self.assertTrue(result.stdout)
                    asked += 1
        self.assertGreater(asked, 3)

    def test_the_documented_local_origin_is_probed_as_shown(self):
        commands = re.findall(r"^\$ (openssl .*)$", WITHOUT_AN_ACCOUNT, re.MULTILINE)
        request, server = commands
        self.assertTrue(request.startswith("openssl req ") and server.startswith("openssl s_server "), commands)
        probe = r"^\$ cloudflare-aop-exporter (probe .* --origin 127\.0\.0\.1:18443)\n((?: .*\n)+)"
        shown = re.search(probe, WITHOUT_AN_ACCOUNT, re.MULTILINE)
        folder = self.folder()
        subprocess.run(request.split(), cwd=folder, check=True, capture_output=True, timeout=60)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        child = subprocess.Popen(server.replace("18443", str(port)).split(), cwd=folder, **streams)
        self.addCleanup(lambda: (child.kill(), child.wait()))
        eventually(lambda: self.assertTrue(test_origin.listens(port)))
        arguments = shown[1].replace("18443", str(port)).split()
        result = subprocess.run([EXPORTER, *arguments], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 0, result.stderr)
        # dates, and the width of the column that has the port
        plain = lambda text: re.sub(r" +", " ", re.sub(r"\d{4}-\d\d-\d\d \(\d+ d\)", "DATE", text))
        self.assertEqual(plain(result.stdout.replace(str(port), "18443")), plain(shown[2]))

    def test_the_documented_expressions_are_valid_rules(self):
        findings = (ROOT / "docs/findings.md").read_text()
        expressions = re.split(r"\n(?=#)", block("promql", findings).strip())
        result = check_expressions(self.folder(), expressions)
        self.assertIn(f"SUCCESS: {len(expressions)} rules found", result.stdout, result.stderr)

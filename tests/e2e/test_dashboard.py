"""The dashboard: it is what its generator writes, asks for what there is, and gets answers from a real Prometheus."""

import json
import math
import re
import subprocess
import sys

from harness import DEPLOY, ROOT, RULES, TEXT, Case, Simulator, eventually, get, query

DASHBOARD = json.loads((DEPLOY / "grafana/dashboards/cloudflare-aop.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [(panel["title"], target) for panel in PANELS for target in panel["targets"]]

# what Grafana puts there
VARIABLES = {"$zone": ".*", "$hostname": ".*", "$__rate_interval": "8s"}
# what has no answer here, by panel and a part of the query
EMPTY = {
    # the token of the simulated API never expires
    ("API tokens", "token_expires"),
    # the rules are not loaded, and nothing would fire so soon
    ("Alerts that fire", "ALERTS"),
    # nothing fails
    ("Failures by zone and reason", "> 0"),
}
# what Prometheus itself says
PROMETHEUS = {"up", "ALERTS", "ALERTS_FOR_STATE"}


class Dashboard(Case):
    def test_it_is_what_its_generator_writes(self):
        command = [sys.executable, ROOT / "tests/dashboard/dashboard.py", "--check"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=30)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_its_panels_do_not_overlap_and_fill_the_screen(self):
        taken = set()
        for panel in DASHBOARD["panels"]:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells
        height = max(y for _, y in taken) + 1
        self.assertEqual(len(taken), 24 * height)
        ids = [panel["id"] for panel in DASHBOARD["panels"]]
        self.assertEqual(len(set(ids)), len(ids))

    def test_every_query_has_an_answer_and_names_what_is_exported(self):
        exporters = [self.demo(), self.other()]
        prometheus = self.prometheus([exporter.address for exporter in exporters])
        # two scrapes with a poll in between
        eventually(lambda: self.assertTrue(query(prometheus, "min(cloudflare_aop_exporter_polls_total) > 1")))
        self.assertGreater(len(TARGETS), 60)
        empty = set()
        for title, target in TARGETS:
            with self.subTest(title, expr=target["expr"]):
                expected = [each for each in EMPTY if each[0] == title and each[1] in target["expr"]]
                if expected:
                    empty.update(expected)
                    self.assertEqual(answer(prometheus, target["expr"]), [])
                else:
                    # one without a value is a rate of nothing
                    look = lambda: self.assertTrue([v for v in answer(prometheus, target["expr"]) if not math.isnan(v)])
                    eventually(look, seconds=12)
        self.assertEqual(empty, EMPTY)

        exported = PROMETHEUS.union(*(samples(exporter) for exporter in exporters))
        # no page has it: see above
        exported.add("cloudflare_aop_api_token_expires_timestamp_seconds")
        variables = " ".join(json.dumps(variable["query"]) for variable in DASHBOARD["templating"]["list"])
        asked = set().union(*(names(target["expr"]) for _, target in TARGETS), names(variables))
        self.assertGreater(len(asked), 35)
        self.assertEqual(asked - exported, set())

    def test_each_alone_of_zone_and_hostname_is_answered_too(self):
        prometheus = self.prometheus([self.demo().address])
        eventually(lambda: self.assertTrue(query(prometheus, "cloudflare_aop_exporter_polls_total")))
        chosen = {"$zone": "example\\\\.org", "$hostname": "mirror\\\\.example\\\\.org"}
        [worst] = [target for title, target in TARGETS if title == "Status map"]
        [(labels, value)] = query(prometheus, substituted(worst["expr"], {**VARIABLES, **chosen}))
        self.assertEqual(labels, {"zone": "example.org", "hostname": "mirror.example.org"})
        shown = DASHBOARD["panels"]
        [panel] = [panel for panel in shown if panel["title"] == "Status map"]
        [mapping] = panel["fieldConfig"]["defaults"]["mappings"]
        self.assertEqual(mapping["options"][str(int(value))]["text"], "PEM disagrees")

    def test_every_verdict_of_the_demo_is_the_right_one(self):
        prometheus = self.prometheus([self.demo().address])
        eventually(lambda: self.assertTrue(query(prometheus, "cloudflare_aop_exporter_polls_total")))
        shown = self.verdicts(prometheus)
        expected = {
            "intranet.example.com": "expired",
            "docs.example.org": "ends within 3 days",
            "build.example.org": "timed out",
            "old.example.org": "timed out",
            "legacy.example.com": "not as expected",
            "staging.example.com": "not as expected",
            "admin.example.com": "ends within 14 days",
            "mirror.example.org": "PEM disagrees",
            "www.example.com": "ends within 30 days",
            "cart.shop.example": "pending",
            "search.shop.example": "pending",
            "retired.example.org": "pending",
        }
        self.assertEqual({name: text for name, text in shown.items() if text != "fine"}, expected)
        self.assertEqual(len(shown), 20)

    def test_what_the_demo_has_not_gets_its_verdict_too(self):
        api = Simulator(self.simulate())
        cases = {
            "early": ("not yet valid", {"certificate": {"expires_in": 400 * 86_400}}),
            "going": ("certificate deleted", {"certificate": {"status": "pending_deletion"}}),
            "late": ("timed out", {"certificate": {"status": "deployment_timed_out"}}),
            "new": ("pending", {"certificate": {"status": "initializing"}}),
        }
        for label, (_, change) in cases.items():
            path = f"zones/example.com/hostnames/{label}.example.com"
            api.ask("PUT", path, {})
            api.ask("PATCH", path, change)
        exporter = self.serve(api.address, "example.com", [f"{label}.example.com" for label in cases])
        prometheus = self.prometheus([exporter.address])
        eventually(lambda: self.assertTrue(query(prometheus, "cloudflare_aop_exporter_polls_total")))
        expected = {f"{label}.example.com": verdict for label, (verdict, _) in cases.items()}
        self.assertEqual(self.verdicts(prometheus), expected)

        # and none that cannot be scraped is left out
        [scraped] = [target for title, target in TARGETS if title == "Exporters" and "(up " in target["expr"]]
        exporter.stop()
        gone = lambda: self.assertEqual(answer(prometheus, scraped["expr"]), [0])
        eventually(gone)

    def test_whatever_fires_about_a_hostname_is_a_verdict(self):
        verdicts = {
            "CertificateExpired": "expired",
            "CertificateExpiresWithin3Days": "ends within 3 days",
            "CertificateExpiresWithin14Days": "ends within 14 days",
            "CertificateExpiresWithin30Days": "ends within 30 days",
            "CertificateNotYetValid": "not yet valid",
            "CertificateMetadataMismatch": "PEM disagrees",
            "HostnameDrifted": "not as expected",
            "DeploymentTimedOut": "timed out",
            "DeletionTimedOut": "timed out",
            "PendingTooLong": "pending",
            "CertificateDeletedInUse": "certificate deleted",
            "HostnameStale": "not read",
        }
        blocks = {block.split()[0]: block for block in RULES.split("- alert: ")[1:]}
        about = {name.removeprefix("CloudflareAop") for name, block in blocks.items() if "&var-hostname=" in block}
        self.assertEqual(about, set(verdicts))
        [panel] = [panel for panel in PANELS if panel["title"] == "Status map"]
        [mapping] = panel["fieldConfig"]["defaults"]["mappings"]
        shown = {option["text"] for option in mapping["options"].values()}
        self.assertEqual(shown, {*verdicts.values(), "fine"})

    def test_alerts_that_differ_are_lines_that_differ(self):
        [shown] = [target["expr"] for title, target in TARGETS if title == "Alerts that fire"]
        labels = set(re.search(r"max by \((.*?)\)", shown)[1].split(", "))
        named = set(re.findall(r"\$labels\.(\w+)", RULES))
        self.assertEqual(labels, named | {"alertname", "severity"})

    def verdicts(self, prometheus):
        """What the status map shows, by hostname."""
        [panel] = [panel for panel in PANELS if panel["title"] == "Status map"]
        [target] = panel["targets"]
        [mapping] = panel["fieldConfig"]["defaults"]["mappings"]
        return {
            labels["hostname"]: mapping["options"][str(int(value))]["text"]
            for labels, value in query(prometheus, substituted(target["expr"], VARIABLES))
        }

    def other(self):
        """A daemon that has what the demo has not: the zone level, associations that are read one by one, and an API
        that tells of its limit."""
        api = Simulator(self.simulate())
        api.ask("PUT", "rate-limit", {"requests": 100000, "per_seconds": 300, "block_seconds": 1})
        return self.daemon(
            f"""
            [poll]
            schedule = "* * * * * *"
            jitter = "0s"
            [[account]]
            base_url = "http://{api.address}/client/v4"
            rate_limit = {{ requests = 100000, per = "1m" }}
            [[account.zone]]
            name = "example.com"
            discover = true
            zone_level = true
            [[account.zone]]
            name = "example.org"
            hostnames = ["www.example.org"]
            strategy = "get"
            """
        )

    def prometheus(self, addresses):
        folder = self.folder()
        config = folder / "prometheus.yml"
        static = [{"targets": addresses}]
        job = {"job_name": "cloudflare-aop", "static_configs": static}
        # JSON is YAML
        config.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}))
        return self.start_prometheus(config)


def substituted(expression, variables):
    for name, value in variables.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression


def answer(prometheus, expression):
    return [value for _, value in query(prometheus, substituted(expression, VARIABLES))]


def names(expression):
    """The metrics that an expression names."""
    return set(re.findall(r"\b(?:cloudflare_aop|process)_\w+|\bup\b|\bALERTS\w*", expression))


def samples(exporter):
    _, page = get(exporter, "/metrics", Accept=TEXT)
    return set(re.findall(r"^([a-z_]+)[ {]", page, re.MULTILINE))

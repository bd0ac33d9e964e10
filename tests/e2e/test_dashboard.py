"""Checks that the dashboard equals its generator's output, is laid out correctly, and works with a real Prometheus."""

import json
import math
import re
import subprocess
import sys
import time

from harness import ALERTS, DEPLOY, ROOT, RULES, TEXT, Case, Simulator, eventually, get, query, scrape

TEXT_OF_DASHBOARD = (DEPLOY / "grafana/dashboards/cloudflare-aop.json").read_text()
DASHBOARD = json.loads(TEXT_OF_DASHBOARD)
ROWS = [panel for panel in DASHBOARD["panels"] if panel["type"] == "row"]
PANELS = [panel for each in DASHBOARD["panels"] for panel in (each["panels"] if each["type"] == "row" else [each])]
TARGETS = [(panel["title"], target) for panel in PANELS for target in panel["targets"]]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
RUNBOOKS = (ROOT / "docs/alerts.md").read_text()
DAY = 86_400

# The values that Grafana substitutes if nothing is selected
ALL = {name: ".*" for name in ("job", "account", "zone", "hostname", "severity")} | {"__rate_interval": "8s"}
# Queries without a result here, by panel title and a part of the query
EMPTY = {
    # no pattern among the zones
    # the rules are not loaded
    ("Firing alerts", "ALERTS"),
}
# Families that Prometheus generates itself
PROMETHEUS = {"up", "ALERTS", "ALERTS_FOR_STATE"}


class Layout(Case):
    def test_the_dashboard_equals_the_output_of_its_generator(self):
        command = [sys.executable, ROOT / "tests/dashboard/dashboard.py", "--check"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=30)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_rows_follow_each_other_and_only_the_first_two_are_expanded(self):
        self.assertEqual([row["collapsed"] for row in ROWS], [False] * 2 + [True] * (len(ROWS) - 2))
        self.assertEqual([bool(row["panels"]) for row in ROWS], [row["collapsed"] for row in ROWS])
        self.fills_the_screen(DASHBOARD["panels"], 0)

    def test_the_panels_of_a_collapsed_row_fill_the_screen_below_it(self):
        for row in ROWS:
            if row["collapsed"]:
                self.fills_the_screen(row["panels"], row["gridPos"]["y"] + 1)

    def fills_the_screen(self, panels, top):
        taken = set()
        for panel in panels:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells
        rows = {y for _, y in taken}
        self.assertEqual(rows, set(range(top, max(rows) + 1)))
        self.assertEqual(len(taken), 24 * len(rows))

    def test_ids_are_unique(self):
        ids = [panel["id"] for panel in ROWS + PANELS]
        self.assertEqual(len(set(ids)), len(ids))

    def test_every_query_has_a_unique_letter_and_the_selected_data_source(self):
        for panel in PANELS:
            letters = [target["refId"] for target in panel["targets"]]
            self.assertEqual(len(set(letters)), len(letters), panel["title"])
            for each in (panel, *panel["targets"]):
                self.assertEqual(each["datasource"], {"type": "prometheus", "uid": "${datasource}"})

    def test_overrides_name_a_query_or_a_column_that_exists(self):
        for panel in PANELS:
            letters = {target["refId"] for target in panel["targets"]}
            for override in panel["fieldConfig"]["overrides"]:
                if override["matcher"]["id"] == "byFrameRefID":
                    self.assertIn(override["matcher"]["options"], letters, panel["title"])
            for transformation in panel.get("transformations", []):
                renamed = transformation["options"].get("renameByName", {})
                values = {f"Value #{letter}" for letter in letters} if len(letters) > 1 else {"Value"}
                self.assertLessEqual(set(renamed), values, panel["title"])

    def test_the_dashboard_has_the_expected_variables_and_uses_each(self):
        expected = ["datasource", "job", "account", "zone", "hostname", "severity", "runbooks"]
        self.assertEqual(list(VARIABLES), expected)
        used = set(re.findall(r"\$\{?(\w+)", TEXT_OF_DASHBOARD))
        self.assertEqual(
            used - {"1", "__all", "__rate_interval", "__data", "__value", "__url_time_range"}, set(expected)
        )
        for name in ALL:
            if not name.startswith("__"):
                variable = VARIABLES[name]
                self.assertEqual((variable["multi"], variable["allValue"]), (True, ".*"), name)
                # "All" and multiple values are regular expressions
                self.assertNotRegex(TEXT_OF_DASHBOARD, rf'[a-z]=\\"\${name}')

    def test_every_query_about_the_exporter_is_limited_to_the_selected_jobs(self):
        for title, target in TARGETS:
            for name, matchers in re.findall(r"((?:cloudflare_aop|process)_\w+|\bup\b)(\{[^}]*\})?", target["expr"]):
                # the regular expression for several names ends here
                if not name.endswith("_"):
                    self.assertIn('job=~"$job"', matchers, f"{title}: {target['expr']}")

    def test_the_dashboard_has_no_thresholds_of_its_own(self):
        for panel in PANELS:
            for target in panel["targets"]:
                self.assertNotRegex(target["expr"], r"[<>]=? *(?:bool )?\(?(?:time\(\) \+ )?\d{2,}|864\d\d")
            for setting in settings(panel["fieldConfig"], "thresholds"):
                # a figure is coloured from 1 on
                self.assertLessEqual({step["value"] for step in setting["steps"]}, {None, 1}, panel["title"])


class Runbooks(Case):
    def test_links_need_a_real_base_url(self):
        self.assertEqual(VARIABLES["runbooks"]["type"], "constant")
        self.assertNotRegex(TEXT_OF_DASHBOARD, "OWNER|example|https?://")

    def test_every_link_leads_to_a_heading(self):
        headings = {heading.lower() for heading in re.findall(r"^## (\w+)$", RUNBOOKS, re.MULTILINE)}
        found = [panel for panel in PANELS if runbooks(panel)]
        self.assertEqual([panel["title"] for panel in found], [*TABLES, "Firing alerts"])
        for panel in found:
            mapping, url = runbooks(panel)
            self.assertTrue(url.startswith("${runbooks:raw}#") and url.endswith("${__value.text}"), url)
            prefix = url.removeprefix("${runbooks:raw}#").removesuffix("${__value.text}")
            self.assertEqual({prefix + anchor for anchor in mapping.values()} - headings, set(), panel["title"])

    def test_every_finding_has_the_runbook_of_the_alert_that_fires_for_it(self):
        mapping, _ = runbooks(panel("Hostnames"))
        alerts = {}
        for block in RULES.split("- alert: ")[1:]:
            name = block.split()[0].removeprefix("CloudflareAop").lower()
            for codes in re.findall(r'finding=~?"([\w|]+)"', block):
                alerts.update(dict.fromkeys(codes.split("|"), name))
        self.assertEqual(mapping, alerts)

    def test_every_alert_has_its_runbook(self):
        mapping, _ = runbooks(panel("Firing alerts"))
        names = [name.removeprefix("CloudflareAop") for name in ALERTS]
        self.assertEqual(mapping, {name: name.lower() for name in names})


class Answers(Case):
    def test_every_query_has_a_result_and_uses_exported_metrics(self):
        exporters = [self.demo(), self.other()]
        prometheus = self.prometheus(*exporters)
        # two scrapes with a poll in between
        eventually(lambda: self.assertTrue(query(prometheus, "min(cloudflare_aop_exporter_polls_total) > 1")))
        self.assertGreater(len(TARGETS), 80)
        empty = set()
        for title, target in TARGETS:
            with self.subTest(title, expr=target["expr"]):
                expected = [each for each in EMPTY if each[0] == title and each[1] in target["expr"]]
                if expected:
                    empty.update(expected)
                    self.assertEqual(answer(prometheus, target["expr"]), [])
                else:
                    # a ratio of zero rates is NaN
                    look = lambda: self.assertTrue(
                        [value for _, value in answer(prometheus, target["expr"]) if not math.isnan(value)]
                    )
                    eventually(look, seconds=12)
        self.assertEqual(empty, EMPTY)

        exported = PROMETHEUS.union(*(samples(exporter) for exporter in exporters))
        # exported only if zones are found by a pattern
        asked = set().union(*(names(target["expr"]) for _, target in TARGETS))
        asked |= set().union(*(names(json.dumps(variable["query"])) for variable in VARIABLES.values()))
        self.assertGreater(len(asked), 45)
        self.assertEqual(asked - exported, set())

    def test_findings_are_those_of_the_page_and_link_to_runbooks(self):
        exporters = [self.demo(), self.other()]
        prometheus = self.prometheus(*exporters)
        severities = mapped(panel("Hostnames"), "severity")
        for title, about in TABLES.items():
            with self.subTest(title):
                family = f"cloudflare_aop_{about}_finding"
                expr = panel(title)["targets"][0]["expr"]
                anchors, _ = runbooks(panel(title))

                def same():
                    pages = set()
                    for exporter in exporters:
                        pages |= {labels for name, labels in scrape(exporter) if name == family}
                    shown = set()
                    for labels, value in answer(prometheus, expr):
                        runbook = labels.pop("runbook", None)
                        self.assertEqual(runbook, None if labels["finding"] == "not_read" else labels["finding"])
                        self.assertTrue(runbook is None or runbook in anchors, runbook)
                        labels["severity"] = severities[str(int(value))]
                        shown.add(tuple(sorted(labels.items())))
                    self.assertTrue(pages)
                    self.assertEqual(shown, pages)

                eventually(same)

    def test_figures_count_findings_by_severity(self):
        exporter = self.demo()
        prometheus = self.prometheus(exporter)
        expected = dict.fromkeys(("critical", "warning", "unknown", "info"), 0)
        for name, labels in scrape(exporter):
            if name.endswith("_finding"):
                expected[dict(labels)["severity"]] += 1
        self.assertGreater(expected["critical"], 0)
        eventually(lambda: self.assertEqual(self.figures(prometheus, "Findings"), expected))

    def test_findings_of_other_severities_can_be_hidden(self):
        prometheus = self.prometheus(self.demo())
        [every, *_] = [target["expr"] for target in panel("Hostnames")["targets"]]
        eventually(lambda: self.assertTrue(answer(prometheus, every)))
        ranks = {value for _, value in answer(prometheus, every)}
        self.assertLessEqual({4, 3}, ranks)
        shown = answer(prometheus, every, severity="(critical|info)")
        self.assertEqual({value for _, value in shown}, ranks - {3, 2})

    def test_two_replicas_count_once(self):
        api = Simulator(self.simulate())
        replicas = [self.serve(api.address, "example.com", [], "discover = true") for _ in range(2)]
        alone, both = self.prometheus(replicas[0]), self.prometheus(*replicas)
        titles = ["Findings", "Watched", "Hostnames by association", "Findings over time"]
        exprs = [(title, target["expr"]) for title in titles for target in panel(title)["targets"]]
        for prometheus, replicas in ((alone, 1), (both, 2)):
            polled = (
                "count(cloudflare_aop_exporter_last_poll_timestamp_seconds and cloudflare_aop_exporter_polls_total)"
            )
            eventually(lambda: self.assertEqual([v for _, v in query(prometheus, polled)], [replicas]))
        for title, expr in exprs:
            with self.subTest(title, expr=expr):
                eventually(lambda: self.assertEqual(answers(alone, expr), answers(both, expr)))

    def test_each_zone_and_hostname_can_be_selected(self):
        prometheus = self.prometheus(self.demo())
        [verdict] = [target["expr"] for target in panel("Verdict")["targets"]]
        eventually(lambda: self.assertTrue(answer(prometheus, verdict)))
        # values in the form in which Grafana escapes them
        chosen = {"zone": "example\\\\.org", "hostname": "mirror\\\\.example\\\\.org"}
        [(labels, value)] = answer(prometheus, verdict, **chosen)
        self.assertEqual(labels, {"zone": "example.org", "hostname": "mirror.example.org"})
        self.assertEqual(mapped(panel("Verdict"))[str(int(value))], "warning")

    def test_a_selected_account_limits_every_query_to_its_zones(self):
        first, second = Simulator(self.simulate()), Simulator(self.simulate())
        accounts = [("first", first, "example.com"), ("second", second, "example.org")]
        exporter = self.daemon(SCHEDULE + "".join(f"""
                [[account]]
                name = "{name}"
                base_url = "http://{api.address}/client/v4"
                rate_limit = {{ requests = 100000, per = "1m" }}
                [[account.zone]]
                name = "{zone}"
                discover = true
                """ for name, api, zone in accounts))
        prometheus = self.prometheus(exporter)
        eventually(lambda: self.assertEqual(len(query(prometheus, "cloudflare_aop_zone_up == 1")), 2))
        for title, target in TARGETS:
            with self.subTest(title, expr=target["expr"]):
                shown = [labels for labels, _ in answer(prometheus, target["expr"], account="second")]
                self.assertLessEqual({labels["zone"] for labels in shown if "zone" in labels}, {"example.org"})
                self.assertLessEqual({labels["account"] for labels in shown if "account" in labels}, {"second"})
        watched = lambda: self.figures(prometheus, "Watched", account="second")
        self.assertEqual((watched()["accounts"], watched()["zones"]), (1, 1))

    def test_the_verdict_of_a_hostname_is_its_worst_severity(self):
        exporter = self.demo()
        prometheus = self.prometheus(exporter)
        order = ["ok", "info", "unknown", "warning", "critical"]

        def same():
            worst = {}
            for name, labels in scrape(exporter):
                labels = dict(labels)
                if name == "cloudflare_aop_hostname_up":
                    worst.setdefault(labels["hostname"], "ok")
                if name == "cloudflare_aop_hostname_finding":
                    known = worst.get(labels["hostname"], "ok")
                    worst[labels["hostname"]] = max(known, labels["severity"], key=order.index)
            shown = self.verdicts(prometheus)
            self.assertEqual(shown, worst)
            return shown

        shown = eventually(same)
        self.assertEqual(len(shown), 20)
        for name, verdict in {
            "intranet.example.com": "critical",
            "docs.example.org": "critical",
            "legacy.example.com": "critical",
            "www.example.com": "warning",
            "mirror.example.org": "warning",
        }.items():
            self.assertEqual(shown[name], verdict, name)

    def test_expiry_is_coloured_by_the_exporters_thresholds(self):
        prometheus = self.prometheus(self.demo())
        exprs = [target["expr"] for target in panel("Next to expire")["targets"]]
        ready = lambda: self.assertTrue(
            query(prometheus, "cloudflare_aop_hostname_certificate_expires_timestamp_seconds")
        )
        eventually(ready)
        limits = {
            labels["threshold"]: value
            for labels, value in query(prometheus, "cloudflare_aop_exporter_threshold_seconds")
        }
        self.assertEqual(set(limits), {"warning", "critical", "pending"})
        critical, warning, fine = ([value for _, value in answer(prometheus, expr)] for expr in exprs)
        self.assertTrue(critical and warning and fine)
        self.assertLess(max(critical), limits["critical"])
        self.assertTrue(all(limits["critical"] <= left < limits["warning"] for left in warning))
        self.assertGreaterEqual(min(fine), limits["warning"])
        self.assertEqual(len(critical + warning + fine), 15)
        lines = panel("Time left of what expires next")["targets"][1]["expr"]
        shown = {labels["threshold"]: value for labels, value in answer(prometheus, lines)}
        self.assertEqual(shown, {name: limits[name] for name in ("warning", "critical")})

    def test_an_unreachable_exporter_stays_in_its_table_but_not_in_the_figures(self):
        exporter = self.demo()
        prometheus = self.prometheus(exporter)
        [scraped] = [target["expr"] for target in panel("Exporters")["targets"] if "(up{" in target["expr"]]
        eventually(lambda: self.assertEqual(answers(prometheus, scraped), [1]))
        eventually(lambda: self.assertEqual(len(self.figures(prometheus, "Findings")), 4))
        exporter.stop()
        eventually(lambda: self.assertEqual(answers(prometheus, scraped), [0]))
        self.assertEqual(self.figures(prometheus, "Findings"), {})

    def test_firing_alerts_are_shown_with_their_runbooks(self):
        # alerts that fire at once instead of after minutes
        rules = [
            {
                "alert": f"CloudflareAop{name}",
                "expr": f'cloudflare_aop_hostname_finding{{finding="{finding}"}}',
                "labels": {"severity": "critical", "cluster": "blue"},
            }
            for name, finding in (("HostnameDrifted", "drifted"), ("CertificateExpired", "expired"))
        ]
        prometheus = self.prometheus(self.demo(), rules=rules)
        [shown] = [target["expr"] for target in panel("Firing alerts")["targets"]]
        fires = lambda **chosen: {
            (labels["hostname"], labels["runbook"], labels["severity"], labels["cluster"])
            for labels, _ in answer(prometheus, shown, **chosen)
        }
        expired = ("intranet.example.com", "CertificateExpired", "critical", "blue")
        drifted = ("legacy.example.com", "HostnameDrifted", "critical", "blue")
        eventually(lambda: self.assertLessEqual({expired, drifted}, fires()))
        self.assertEqual(fires(hostname="intranet\\\\.example\\\\.com"), {expired})
        self.assertEqual(fires(severity="warning"), set())
        [since, *_] = [value for _, value in answer(prometheus, shown)]
        self.assertAlmostEqual(since / 1000, time.time(), delta=60)

    def figures(self, prometheus, title, **chosen):
        """Returns the values of a panel by name."""
        found = {}
        for target in panel(title)["targets"]:
            for _, value in answer(prometheus, target["expr"], **chosen):
                found[target["legendFormat"]] = value
        return found

    def verdicts(self, prometheus):
        """Returns the verdict of each hostname."""
        [target] = panel("Verdict")["targets"]
        texts = mapped(panel("Verdict"))
        return {labels["hostname"]: texts[str(int(value))] for labels, value in answer(prometheus, target["expr"])}

    def other(self):
        """Starts a daemon with data that the demo lacks: findings about certificates, zones and accounts, the zone level,
        associations read by GETs, failures, and an API that announces its rate limit."""
        api = Simulator(self.simulate())
        api.ask("PUT", "rate-limit", {"requests": 100000, "per_seconds": 300, "block_seconds": 1})
        expires_on = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 10 * DAY))
        api.ask("PUT", "token", {"status": "active", "expires_on": expires_on})
        switched, failing = (api.ask("PUT", f"zones/{name}.example")["id"] for name in ("switched", "failing"))
        api.ask("PUT", f"zones/{switched}/origin_tls_client_auth/settings", {"enabled": True}, "/client/v4/")
        api.ask("POST", "zones/switched.example/certificates", {"expires_in": 5 * DAY, "zone_level": True})
        api.fault(f"{failing}/origin_tls_client_auth", {"status": {"status": 500}})
        return self.daemon(f"""
            {SCHEDULE}
            [[account]]
            base_url = "http://{api.address}/client/v4"
            rate_limit = {{ requests = 100000, per = "1m" }}
            [[account.zone]]
            name = "switched.example"
            discover = true
            zone_level = true
            [[account.zone]]
            name = "failing.example"
            discover = true
            [[account.zone]]
            name = "example.org"
            hostnames = ["www.example.org"]
            strategy = "get"
            """)

    def prometheus(self, *exporters, rules=()):
        """Starts a Prometheus that scrapes exporters and evaluates rules every second."""
        config = self.folder() / "prometheus.yml"
        (config.parent / "rules.yml").write_text(json.dumps({"groups": [{"name": "test", "rules": list(rules)}]}))
        static = [{"targets": [exporter.address for exporter in exporters]}]
        job = {"job_name": "cloudflare-aop", "honor_labels": True, "static_configs": static}
        # JSON is YAML
        every = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config.write_text(json.dumps({"global": every, "rule_files": ["rules.yml"], "scrape_configs": [job]}))
        return self.start_prometheus(config)


SCHEDULE = """
[poll]
schedule = "* * * * * *"
jitter = "0s"
"""
# The tables of findings, by kind of object
TABLES = {"Hostnames": "hostname", "Certificates": "certificate", "Zones": "zone", "Accounts": "account"}


def panel(title):
    [found] = [panel for panel in PANELS if panel["title"] == title]
    return found


def settings(config, name):
    """Returns all settings of one name in a field configuration."""
    if name in config["defaults"]:
        yield config["defaults"][name]
    for override in config["overrides"]:
        yield from (each["value"] for each in override["properties"] if each["id"] == name)


def properties(panel, field):
    """Returns the properties of a column."""
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"] == {"id": "byName", "options": field}:
            return {each["id"]: each["value"] for each in override["properties"]}
    return {}


def mapped(panel, field=None):
    """Returns the value mappings of a column or a whole panel."""
    config = properties(panel, field) if field else panel["fieldConfig"]["defaults"]
    [mapping] = config["mappings"]
    return {value: option["text"] for value, option in mapping["options"].items()}


def runbooks(panel):
    """Returns the texts of the column `runbook` by value and its link. None without such a column."""
    found = properties(panel, "runbook")
    return found and (mapped(panel, "runbook"), found["links"][0]["url"])


def answer(prometheus, expression, **chosen):
    """Returns the result of a query with these values selected and all values of other variables."""
    for name, value in {**ALL, **chosen}.items():
        expression = re.sub(rf"\${name}\b", lambda _: value, expression)
    assert "$" not in expression.replace('"$1', ""), expression
    return query(prometheus, expression)


def answers(prometheus, expression):
    return sorted(value for _, value in answer(prometheus, expression))


def names(expression):
    """Returns the families named in an expression."""
    text = re.sub(
        r'__name__=~\\?"(\w+)\(([\w|]+)\)(\w*)\\?"',
        lambda found: " ".join(found[1] + each + found[3] for each in found[2].split("|")),
        expression,
    )
    return set(re.findall(r"\b(?:cloudflare_aop|process)_\w+|\bup\b|\bALERTS\w*", text))


def samples(exporter):
    _, page = get(exporter, "/metrics", Accept=TEXT)
    return set(re.findall(r"^([a-z_]+)[ {]", page, re.MULTILINE))

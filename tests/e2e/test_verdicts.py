"""Checks that `check`, pages, JSON, metrics and alerts have the same verdict on each situation.

Everything runs once, for all situations of the table together: a mock of the API, one daemon, one Prometheus with the
rules that are shipped, `check` for everything and `check` for each zone.

Findings that depend on time are prepared by an earlier daemon: it reads what the API said before and leaves a state
file, in which the readings are then made older. `check` keeps no state. Where that matters the table says what it finds,
and only where it finds the same it is compared with the daemon. Seconds and minutes in messages run on, and compare as
equal.
"""

import html
import json
import re
import subprocess
import time
import urllib.parse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import yaml

from alerting import shortened
from cloudflare_mock import CloudflareMock
from harness import EXPORTER, PROMETHEUS, ROOT, RULES, TOKEN, Case, api_answers, ask, eventually, get, page_samples, scrape, status
from origins import Origin
from situations import ACTIVE, LEAVER, MAIN, NOW, SEVERITIES, SITUATIONS, seconds

ORDER = ["critical", "warning", "unknown", "info", "ok"]
EXIT_CODES = {"critical": 2, "warning": 1, "unknown": 3, "info": 0, "ok": 0}
# polls every five minutes, so that readings 15 minutes old are stale
SCHEDULE = '[poll]\nschedule = "0 */5 * * * *"\njitter = "0s"\n'
ZONES = {name: f"{name}.example" for name in SITUATIONS}
RULED = {
    rule["alert"]: rule["expr"]
    for group in yaml.safe_load(RULES)["groups"]
    for rule in group["rules"]
    if "alert" in rule
}
# the recording rule with the findings of each kind of object
FAMILIES = {"hostname": "hostname", "certificate": "zone", "zone": "zone", "account": "account"}
ABOUT_EXPORTERS = {f"CloudflareAop{name}" for name in ["ExporterDown", "ConfigReloadFailed", "RulesDoNotFit"]}
IDS = {name: f"{number:032x}" for number, name in enumerate(SITUATIONS, 1)}
OLD = [name for name, situation in SITUATIONS.items() if situation.before]
# the addresses of the origins, by mode
ORIGINS = {}
# a response that is only a status is an error, except the one for a missing association
GOT = [
    name
    for name, situation in SITUATIONS.items()
    # a command about hostnames probes no origin
    if isinstance(situation.answers.hostnames.get("app"), (dict, tuple)) and not situation.stumble and not situation.origin
]
LISTED = [name for name, situation in SITUATIONS.items() if situation.answers.lists]
CHECKED = [name for name, situation in SITUATIONS.items() if situation.is_checked]


class Verdicts(Case):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        case = Case()
        cls.addClassCleanup(case.doCleanups)
        cls.api = api = CloudflareMock()
        case.addCleanup(api.close)
        for mode in {situation.origin for situation in SITUATIONS.values() if situation.origin}:
            origin = Origin(case)
            origin.serve(mode)
            ORIGINS[mode] = {"origin": origin.address}
        folder = case.folder()
        state_file = folder / "state.json"
        file = f'state_file = "{state_file}"\n'

        say(api, {name: SITUATIONS[name].before for name in OLD})
        before = case.daemon(SCHEDULE + file + accounts(api, OLD))
        eventually(lambda: case.assertEqual(status(before, "/-/ready"), 200))
        eventually(lambda: case.assertIn(LEAVER, get(before, "/metrics")[1]))
        case.assertEqual(before.stop(), 0)
        grow_old(state_file)

        say(api, {name: situation.answers for name, situation in SITUATIONS.items()})
        for name, situation in SITUATIONS.items():
            if situation.stumble:
                api.stumble(name, situation.stumble)
        cls.daemon = case.daemon(SCHEDULE + file + accounts(api, SITUATIONS))
        expected = {name: situation.found for name, situation in SITUATIONS.items()}
        wait_for(lambda: cls.of_json() == expected, 20)
        answers = api_answers(cls.daemon)
        cls.json, cls.json_status = shown_json(answers), answers["status"]
        cls.overview = get(cls.daemon, "/")[1]
        cls.page = shown_pages(cls.daemon)
        cls.metrics = scrape(cls.daemon)

        def config(*names):
            """Returns a configuration of these situations' accounts with all their zones."""
            chosen = {SITUATIONS[name].account(name) for name in names}
            path = folder / f"{'-'.join(chosen) if len(chosen) == 1 else 'check'}.toml"
            path.write_text(SCHEDULE + accounts(api, [name for name in CHECKED if SITUATIONS[name].account(name) in chosen]))
            return path

        everything, alone = config(*CHECKED), {name: config(name) for name in CHECKED}
        cls.checked_json = shown_json(json.loads(run("check", everything, "--format", "json").stdout))
        cls.whole_check = run("check", everything)
        cls.checked_table = shown_table(cls.whole_check.stdout)
        cls.checked_metrics = page_samples(run("check", everything, "--format", "prometheus").stdout)
        with ThreadPoolExecutor(4) as pool:
            results = pool.map(lambda name: run("check", alone[name], "--zone", ZONES[name]), CHECKED)
            cls.checked_alone = dict(zip(CHECKED, results))
            results = pool.map(lambda name: get_hostname(alone[name], name), GOT)
            cls.got = dict(zip(GOT, results))
            results = pool.map(lambda name: list_hostnames(alone[name], name), LISTED)
            cls.listed = dict(zip(LISTED, results))
        cls.with_thresholds = {
            name: run("check", alone[name], "--zone", ZONES[name], "--warning", "40d", "--critical", "10d").returncode
            for name in ["not-soon", "not-very-soon", "healthy", "zone-level-not-soon", "token-not-soon"]
        }
        cls.alerts = cls.firing(case, folder)

    @classmethod
    def firing(cls, case, folder):
        """Returns the firing alerts once the expected ones fire, with their names, labels and objects."""
        text = (PROMETHEUS / "prometheus.yml").read_text()
        case.assertIn('"127.0.0.1:10219"', text)
        config = folder / "prometheus.yml"
        config.write_text(shortened(text.replace("127.0.0.1:10219", cls.daemon.address)))
        # the `for` durations are not tested here
        at_once = re.sub(r"\b(for|keep_firing_for): \S+", r"\1: 2s", shortened(RULES))
        (folder / "rules.yml").write_text(at_once)
        prometheus = case.start_prometheus(config, "--query.lookback-delta=5s")
        alerts = lambda: [alert for alert in ask(prometheus, "alerts")["alerts"] if alert["state"] == "firing"]
        expected = sum(len(severities(situation.found, told=True)) for situation in SITUATIONS.values())
        wait_for(lambda: len(alerts()) >= expected, 30)
        # by now, any other alert would fire, too
        time.sleep(4)
        return [alert["labels"] for alert in alerts()]

    @classmethod
    def of_json(cls):
        return found(shown_json(api_answers(cls.daemon)))

    def compare(self, names, compared):
        """Asserts for each situation that the two values returned by `compared` are equal."""
        for name in names:
            with self.subTest(name):
                self.assertEqual(*compared(name, SITUATIONS[name]))

    def test_the_json_has_the_findings_of_the_table(self):
        actual = found(self.json)
        self.compare(SITUATIONS, lambda name, situation: (actual[name], situation.found))

    def test_the_page_agrees_with_the_json(self):
        page, json = by_situation(self.page), by_situation(self.json)
        self.compare(SITUATIONS, lambda name, _: (page[name], without_codes(json[name])))

    def test_the_finding_families_have_the_findings_of_the_table_and_the_documented_severities(self):
        actual = of_families(self.metrics)
        self.assertLessEqual(actual.keys(), SITUATIONS.keys())
        self.compare(SITUATIONS, lambda name, situation: (actual.get(name, set()), severities(situation.found)))

    def test_the_finding_families_of_a_check_have_the_findings_of_the_table(self):
        actual = of_families(self.checked_metrics)
        self.compare(CHECKED, lambda name, situation: (actual.get(name, set()), severities(situation.check_found)))

    def test_hostname_get_has_the_findings_of_the_table(self):
        expected = lambda name: SITUATIONS[name].check_found.get(("hostname", "app"), ("ok", []))
        self.compare(GOT, lambda name, _: (self.got[name], expected(name)))

    def test_hostname_list_has_the_verdicts_and_findings_of_a_check(self):
        expected = by_situation(self.checked_json)
        self.assertGreater(len(LISTED), 5)

        def compared(name, _):
            rows = {key: (verdict, codes) for key, (verdict, codes, _) in expected[name].items() if key[0] == "hostname"}
            # the list also contains hostnames that are not configured
            return {key: found for key, found in self.listed[name].items() if key in rows}, rows

        self.compare(LISTED, compared)

    def test_every_rule_is_about_findings_and_every_finding_has_a_rule(self):
        """Checks the shipped rules. An alert that selects no finding must be about the exporter."""
        self.assertEqual({alert for alert in RULED if not selected(RULED[alert])}, ABOUT_EXPORTERS)
        every = {(FAMILIES[kind], code) for kind, codes in SEVERITIES.items() for code in codes if code != "not_read"}
        ruled = [pair for alert in RULED for pair in selected(RULED[alert])]
        self.assertEqual(sorted(ruled), sorted(every))
        source = (ROOT / "src/domain/finding.rs").read_text()
        codes = re.search(r"fn code\(.*?\n    \}\n", source, re.DOTALL)[0]
        self.assertEqual(set(re.findall(r'=> "(\w+)"', codes)), {code for codes in SEVERITIES.values() for code in codes})

    def test_the_alerts_that_fire_are_those_of_the_findings_in_the_table(self):
        actual = {}
        for labels in self.alerts:
            name, key = subject(kind_of(labels), labels)
            actual.setdefault(name, []).append((labels["alertname"], labels["severity"], key))
        expected = lambda situation: [
            (alert_of(key[0], code), severity, key) for key, code, severity in severities(situation.found, told=True)
        ]
        self.assertLessEqual(actual.keys(), SITUATIONS.keys())
        self.compare(SITUATIONS, lambda name, situation: (sorted(actual.get(name, [])), sorted(expected(situation))))

    def test_a_check_has_the_findings_of_the_table(self):
        actual = found(self.checked_json)
        self.compare(CHECKED, lambda name, situation: (actual[name], situation.check_found))

    def test_a_check_agrees_with_the_daemon(self):
        checked, daemon = by_situation(self.checked_json), by_situation(self.json)
        same = [name for name in CHECKED if SITUATIONS[name].check_found == SITUATIONS[name].found]
        self.compare(same, lambda name, _: (rows_of_table(checked[name]), rows_of_table(daemon[name])))

    def test_the_table_of_a_check_agrees_with_its_json(self):
        table, json = by_situation(self.checked_table), by_situation(self.checked_json)
        self.compare(CHECKED, lambda name, _: (table.get(name, {}), rows_of_table(json[name])))

    def test_a_check_of_one_zone_agrees_with_the_full_check(self):
        expected = by_situation(self.checked_json)
        tables = {name: by_situation(shown_table(result.stdout)) for name, result in self.checked_alone.items()}
        # if the only zone cannot be read, the account counts as unread, too
        self.compare(CHECKED, lambda name, _: (tables[name].keys() - {name, MAIN}, set()))
        self.compare(CHECKED, lambda name, _: (tables[name].get(name, {}), rows_of_table(expected[name])))

    def test_a_check_exits_with_the_verdict(self):
        codes = {name: result.returncode for name, result in self.checked_alone.items()}
        self.compare(CHECKED, lambda name, situation: (codes[name], EXIT_CODES[situation.check_verdict]))

    def test_the_verdict_is_that_of_the_worst_row(self):
        worst = lambda rows: min(["ok", *(verdict for verdict, _ in rows.values())], key=ORDER.index)
        self.compare(SITUATIONS, lambda _, situation: (worst(situation.found), situation.verdict))
        self.compare(SITUATIONS, lambda _, situation: (worst(situation.check_found), situation.check_verdict))

    def test_the_overall_verdict_is_the_same_everywhere_and_comes_first(self):
        self.assertEqual(self.json_status["verdict"], "critical")
        self.assertEqual(self.whole_check.returncode, EXIT_CODES["critical"])
        verdicts = Counter(verdict for (_, (kind, _)), (verdict, _, _) in self.json.items() if kind == "hostname")
        counts = {verdict: int(count) for count, verdict in re.findall(r"<li><a class=[^>]+>(\d+) (\w+)</a></li>", self.overview)}
        self.assertRegex(self.overview, "<h1>[0-9]+ hostnames are critical</h1>")
        self.assertEqual(counts, verdicts)
        self.assertEqual({verdict: count for verdict, count in self.json_status["hostnames"].items() if count}, verdicts)
        for shown in [self.page, self.checked_table]:
            ranks = {}
            for (_, (kind, _)), (verdict, *_) in shown.items():
                # the page has a table for each kind
                ranks.setdefault(kind if shown is self.page else "all", []).append(ORDER.index(verdict))
            for rank in ranks.values():
                self.assertEqual(rank, sorted(rank))

    def test_thresholds_of_the_command_line_decide(self):
        expected = {
            "not-soon": EXIT_CODES["warning"],
            "not-very-soon": EXIT_CODES["critical"],
            "healthy": EXIT_CODES["ok"],
            "zone-level-not-soon": EXIT_CODES["warning"],
            "token-not-soon": EXIT_CODES["warning"],
        }
        self.assertEqual(self.with_thresholds, expected)

    def test_the_families_about_readings_agree_with_the_findings(self):
        """Objects that are not up have the finding not_read, and drifted ones the finding drifted."""
        actual = {}
        for (family, labels), value in self.metrics.items():
            shown = re.fullmatch(r"cloudflare_aop_(hostname|zone|account)_(up|drifted)", family)
            if shown:
                name, key = subject(shown[1], dict(labels))
                code, holds = {"up": ("not_read", value == 0), "drifted": ("drifted", value == 1)}[shown[2]]
                if holds:
                    actual.setdefault(name, set()).add((key, code))
        expected = lambda situation: {
            (key, code) for key, code, _ in severities(situation.found) if code in ["not_read", "drifted"]
        }
        self.compare(SITUATIONS, lambda name, situation: (actual.get(name, set()), expected(situation)))

    def test_there_is_a_situation_for_each_finding_alone(self):
        self.assertGreaterEqual(len(SITUATIONS), 45)
        alone = {
            (next(iter(situation.found))[0], codes[0])
            for situation in SITUATIONS.values()
            if len(situation.found) == 1 and len(codes := next(iter(situation.found.values()))[1]) == 1
        }
        every = {(kind, code) for kind, codes in SEVERITIES.items() for code in codes}
        # if no zone of an account can be read, its zones have the finding, too
        self.assertEqual(every - alone, {("account", "not_read")})

    def test_the_mock_received_no_unexpected_request(self):
        self.assertEqual(self.api.unexpected, [])


def say(api, answers):
    """Configures the API's data of the zones by situation."""
    api.answers = {}
    for name, zone in answers.items():
        situation = SITUATIONS[name]
        account = situation.account(name)
        api.answers[account, "user/tokens/verify"] = ACTIVE if situation.token is None else situation.token
        for path, answer in zone.by_path(ZONES[name]).items():
            api.answers[account, f"zones/{IDS[name]}/{path}"] = answer
        for path, answer in zone.of_account(ZONES[name], IDS[name]).items():
            api.answers[account, path] = answer


def accounts(api, names):
    """Returns the configuration of these situations' accounts and their zones."""
    zones = {}
    for name in names:
        zones.setdefault(SITUATIONS[name].account(name), []).append(name)
    lines = []
    for account, names in zones.items():
        # hanging requests must not time out within the test
        lines += ["[[account]]", f'name = "{account}"', f'base_url = "{api.base_url(account)}"', 'timeout = "10m"']
        lines += ['rate_limit = { requests = 100000, per = "1m" }']
        for name in names:
            lines += ["[[account.zone]]", f'name = "{ZONES[name]}"', f'id = "{IDS[name]}"']
            situation = SITUATIONS[name]
            hostnames = [
                {"name": f"{label}.{ZONES[name]}", **situation.expect.get(label, {}), **ORIGINS.get(situation.origin, {})}
                for label in situation.answers.hostnames
            ]
            settings = {"hostnames": hostnames, "zone_level": situation.answers.zone_level is not None}
            lines += [f"{key} = {toml(value)}" for key, value in {**settings, **situation.settings}.items() if value]
            if situation.answers.has_left is not None:
                lines += ["[[account.zone]]", 'name = "*.gone"']
    return "\n".join(lines) + "\n"


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def grow_old(state_file):
    """Makes the readings in a state file as old as the situations define."""
    state = json.loads(state_file.read_text())
    names = {zone: name for name, zone in ZONES.items()}
    for zone in state["zones"]:
        if zone["zone"] == LEAVER:
            continue
        ages = {what: NOW - seconds(age) for what, age in SITUATIONS[names[zone["zone"]]].ages.items()}
        for what, prefix in [("zone", ""), ("zone_level", "zone_level_")]:
            if what in ages:
                zone[f"{prefix}since"] = ages[what]
                # hostnames never read stay unread
                zone[f"{prefix}last_success"] = zone[f"{prefix}last_success"] and ages[what]
        zone["removed_at"] = ages.get("removed", zone["removed_at"])
        for row in zone["hostnames"]:
            at = ages.get(row["hostname"].partition(".")[0])
            if at:
                row["since"] = at
                if row["reading"]:
                    row["reading"]["read_at"] = at
    state_file.write_text(json.dumps(state))


def wait_for(condition, limit):
    """Waits until the condition holds or the timeout passes. In the latter case, a test reports the difference."""
    deadline = time.monotonic() + limit
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.2)


def run(command, config, *arguments):
    command = [EXPORTER, *command.split(), "--config", config, "--timeout", "20s", *arguments]
    environment = {"CLOUDFLARE_API_TOKEN": TOKEN, "NO_PROXY": "127.0.0.1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)


def get_hostname(config, name):
    """Returns the verdict and findings of `app` from `hostname get`."""
    options = ["--zone", ZONES[name], "--format", "json", f"app.{ZONES[name]}"]
    got = json.loads(run("hostname get", config, *options).stdout)
    return got["verdict"], [finding["finding"] for finding in got["findings"]]


def list_hostnames(config, name):
    """Returns the verdict and findings of each hostname from `hostname list`."""
    rows = json.loads(run("hostname list", config, "--zone", ZONES[name], "--format", "json").stdout)
    return {
        subject("hostname", {**row, "zone": ZONES[name]})[1]: (
            row["verdict"],
            [finding["finding"] for finding in row["findings"]],
        )
        for row in rows
    }


def subject(kind, labels):
    """Returns the situation and the key of an object."""
    if kind == "account":
        return labels["account"], ("account", "")
    name = labels["zone"].removesuffix(".example")
    key = {"hostname": "hostname", "certificate": "cert_id"}.get(kind)
    return name, (kind, labels[key].removesuffix(f".{labels['zone']}") if key else "")


def level(name):
    return "zone" if SITUATIONS[name].answers.zone_level else "hostname"


def by_situation(rows):
    """Turns `{(situation, key): value}` into `{situation: {key: value}}`."""
    grouped = {}
    for (name, key), value in rows.items():
        grouped.setdefault(name, {})[key] = value
    return grouped


def found(rows):
    """Returns the verdicts and findings of all objects with findings, by situation."""
    return {
        name: {key: (verdict, codes) for key, (verdict, codes, _) in rows.items() if verdict != "ok" or codes}
        for name, rows in by_situation(rows).items()
        if name != MAIN
    }


def of_families(samples):
    """Returns the findings in the finding families with their severities, by situation."""
    found = {}
    for (family, labels), value in samples.items():
        kind = re.fullmatch(r"cloudflare_aop_(\w+)_finding", family)
        if kind:
            assert value == 1, family
            labels = dict(labels)
            name, key = subject(kind[1], labels)
            assert labels.get("level", level(name)) == level(name), labels
            found.setdefault(name, set()).add((key, labels["finding"], labels["severity"]))
    return found


def severities(rows, told=False):
    """Returns the findings of each object with the documented severities. With `told`, only those that have an alert."""
    found = {(key, code, SEVERITIES[key[0]][code]) for key, (_, codes) in rows.items() for code in codes}
    return {finding for finding in found if not told or finding[1] != "not_read"}


def selected(expression):
    """Returns the findings that an expression selects, each with its recording rule."""
    pairs = re.findall(r'cloudflare_aop:(\w+)_finding:active\{finding=(~?)"([\w|]+)"\}', expression)
    return [(family, code) for family, _, codes in pairs for code in codes.split("|")]


def alert_of(kind, code):
    """Returns the alert whose condition selects this finding for this kind of object."""
    (alert,) = [alert for alert in RULED if (FAMILIES[kind], code) in selected(RULED[alert])]
    return alert


def kind_of(labels):
    """Returns the object that an alert is about."""
    kinds = {"hostname": "hostname", "cert_id": "certificate", "zone": "zone"}
    return next((kind for label, kind in kinds.items() if label in labels), "account")


def without_codes(rows):
    return {key: (verdict, said) for key, (verdict, _, said) in rows.items()}


def rows_of_table(rows):
    """Returns the rows of a table that shows all hostnames, and other objects if they have findings."""
    return {key: row for key, row in without_codes(rows).items() if key[0] == "hostname" or row != ("ok", "")}


def lasting(text):
    return re.sub(r"\d+ (second|minute)s?", r"some \1s", text)


def shown_json(answers):
    """Returns the verdict, findings and messages of each object in the JSON."""
    rows = {}
    for kind, items in [
        ("hostname", answers["hostnames"]),
        ("certificate", answers["certificates"]),
        ("zone", answers["zones"]),
        ("account", answers["status"]["accounts"]),
    ]:
        for item in items:
            codes = [finding["finding"] for finding in item["findings"]]
            said = lasting("; ".join(finding["message"] for finding in item["findings"]))
            severities = [finding["severity"] for finding in item["findings"]]
            assert severities == [SEVERITIES[kind][code] for code in codes], item
            rows[subject(kind, item)] = (item["verdict"], codes, said)
    return rows


def shown_pages(process):
    """Returns the verdict and messages of each object on the pages."""
    rows = {}
    for path in ["/", "/?verdict=ok", "/certificates", "/zones"]:
        while path:
            _, page = get(process, path)
            for row in re.findall(r'<tr role="row"(?: id="[^"]+")?><td.*?</tr>', page, re.DOTALL):
                verdict = re.search(r'class="verdict (\w+)">', row)[1]
                messages = re.findall(r'<li><a href="/runbooks#[^"]+">(.*?)</a></li>', row)
                rows[of_link(row)] = (verdict, lasting(html.unescape("; ".join(messages))))
            following = re.search(r'<a href="([^"]+)" rel="next">', page)
            path = following and html.unescape(following[1])
    return rows


LINKS = {
    "hostname": r'href="/hostnames/(?P<zone>[^/"]+)/(?P<hostname>[^/"]+)"',
    "certificate": r'href="/certificates/(?P<zone>[^/"]+)/(?P<cert_id>[^/"]+)"',
    "zone": r'href="/\?zone=(?P<zone>[^"]+)"',
    "account": r'href="/zones\?account=(?P<account>[^"]+)"',
}


def of_link(row):
    """Returns the object that a row is about, from its link."""
    kind, found = next((kind, found) for kind, link in LINKS.items() if (found := re.search(link, row)))
    return subject(kind, {name: urllib.parse.unquote(value) for name, value in found.groupdict().items()})


def shown_table(text):
    """Returns the verdict and messages of each object in the table."""
    header, *lines = text.splitlines()
    assert header.split() == ["VERDICT", "SUBJECT", "ZONE", "NAME", "ASSOCIATION", "STATUS", "ENDS", "FINDINGS"]
    rows = {}
    for line in lines:
        verdict, kind, zone, name, *_, said = [*re.split(r" {2,}", line.strip(), maxsplit=7), ""][:8]
        labels = {"zone": zone, "hostname": name, "cert_id": name, "account": name}
        rows[subject(kind, labels)] = (verdict, lasting(said))
    return rows

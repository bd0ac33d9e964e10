"""From a fault at Cloudflare to the alert that reaches a person: a simulated API, two exporters, and a real Prometheus
and Alertmanager with the files that are shipped.

Of those files only times are changed, and all in the same way: a minute becomes a second (see `shortened`).
"""

import json
import re
import signal
import time
import urllib.parse
import urllib.request

from harness import ALERTMANAGER, EXPORTER, PROMETHEUS, RULES, TOKEN, Case, Simulator, ask, eventually, status, values
from webhook import Webhook

DAY = 86_400
RECEIVERS = {"critical": "page", "warning": "ticket", "info": "notes"}
# gaps alternate between one and two seconds; a poll may take as long as the longer one and skip a tick
SCHEDULE = "0-59/3,1-59/3 * * * * *"
# labels that both a target and our series may have
OURS = {"hostname", "zone"}
HEALTHY = {"enabled": True, "status": "active", "certificate": {"expires_in": 300 * DAY, "status": "active"}}
RECORDED = re.findall(r"^ +- record: (\S+)$", RULES, re.MULTILINE)


def shortened(text):
    """Divides every `for`, interval and range in the text by 60, except values compared with a date."""

    def divided(found):
        seconds = int(found[2]) * {"s": 1, "m": 60, "h": 3600, "d": DAY}[found[3]]
        return f"{found[1]}{seconds * 1000 // 60}ms"

    keys = r"((?:\bfor|keep_firing_for|\w*interval|group_wait): |\[|\boffset )(\d+)([smhd])\b"
    return re.sub(keys, divided, text)


class Scenario:
    """A fault and exactly the alerts that it causes."""

    # the exporter is restarted with a modified state file: see `grow_old` and `forget`
    ages = False
    # the exporter remembers the fault for a while unless it is restarted
    remembered = False

    def __init__(self, *expected):
        self.expected = set(expected)

    def prepare(self, world, name):
        """Adds the affected objects to the world and sets `about`, the labels of their alerts."""
        raise NotImplementedError

    def cause(self):
        raise NotImplementedError

    def mend(self):
        pass

    def grow_old(self, rows):
        """Makes the last readings of the subject old. `rows` are the zones and accounts of the state file by name."""

    def forget(self, rows):
        """Moves the times of the events of the subject back in these rows."""

    def amiss(self):
        """Returns the errors in what Prometheus shows. There must be none from the fault until the end of the test."""
        return set()

    def concerns(self, labels):
        return any(about.items() <= labels.items() for about in self.about)


class World:
    """A simulated account with two exporters, the Prometheus that scrapes them, and the Alertmanager behind it.

    `failures` collects all deviations by the name of their scenario, or under None if they belong to no scenario.
    """

    def __init__(self, labels=None):
        self.case, self.labels = Case(), labels or {}
        self.webhook = Webhook()
        self.case.addCleanup(self.webhook.close)
        self.files = self.case.folder()
        self.main = Simulator(self.case.simulate())
        self.accounts, self.zones, self.scenarios, self.failures = {}, [], {}, {}
        self.quota = '{ requests = 100000, per = "1m" }'
        self.main.ask("PUT", "zones/hosts.example")
        self.main.ask("PUT", "zones/alone.example")
        # hostnames that never have findings
        self.hostnames = [{"name": f"{label}.hosts.example"} for label in ["www", "api"]]
        for hostname in self.hostnames:
            self.main.ask("PUT", f"zones/hosts.example/hostnames/{hostname['name']}", HEALTHY)

    def close(self):
        self.case.doCleanups()

    def add(self, name, scenario):
        scenario.prepare(self, name)
        self.scenarios[name] = scenario

    def zone(self, name, **settings):
        """Adds a zone and returns its id."""
        self.zones.append((name, settings))
        return self.main.ask("PUT", f"zones/{name}")["id"]

    def account(self, name, pattern=None):
        """Adds an account with two zones and its own API. With a pattern, the zones are not configured by name."""
        simulator, zones = Simulator(self.case.simulate()), [f"one-{name}.example", f"two-{name}.example"]
        for zone in zones:
            simulator.ask("PUT", f"zones/{zone}")
            simulator.ask("PUT", f"zones/{zone}/hostnames/www.{zone}", {})
        named = [(zone, {"hostnames": [f"www.{zone}"]}) for zone in zones]
        self.accounts[name] = simulator, [(pattern, {"zone_level": True})] if pattern else named
        return simulator

    def start(self):
        """Starts everything that watches the account."""
        self.exporters = {name: self.exporter(name, "127.0.0.1:0") for name in ["main", "replica"]}
        self.started = time.monotonic()
        targets = '", "'.join(exporter.address for exporter in self.exporters.values())
        self.prometheus = self.monitoring(targets)

    def exporter(self, name, listen):
        path = self.files / f"{name}.toml"
        path.write_text(self.config(name))
        arguments = ["serve", "--config", str(path), "--listen", listen]
        exporter = self.case.start(EXPORTER, *arguments, env={"CLOUDFLARE_API_TOKEN": TOKEN})
        eventually(lambda: self.case.assertEqual(status(exporter, "/-/ready"), 200))
        return exporter

    def config(self, name):
        hosts = ("hosts.example", {"hostnames": self.hostnames, "strategy": "get"})
        if name == "replica":
            # the replica reads the same hostnames, so faults are seen twice but must be notified once
            return configured([("main", self.main, [hosts, ("alone.example", {"discover": True})])], self.quota)
        accounts = [("main", self.main, [hosts, *self.zones])]
        remembers = any(scenario.ages for scenario in self.scenarios.values())
        state_file = self.files / "state.json" if remembers else None
        accounts += [(account, simulator, zones) for account, (simulator, zones) in self.accounts.items()]
        return configured(accounts, self.quota, state_file)

    def reconfigure(self, more=""):
        (self.files / "main.toml").write_text(self.config("main") + more)
        self.exporters["main"].child.send_signal(signal.SIGHUP)

    def stop_exporter(self, name):
        self.case.assertEqual(self.exporters[name].stop(), 0)

    def start_exporter(self, name):
        self.exporters[name] = self.exporter(name, self.exporters[name].address)

    def restart_exporter(self, rewrite=None):
        """Restarts the main exporter. `rewrite` changes the zones and accounts in its state file."""
        self.stop_exporter("main")
        path = self.files / "state.json"
        if rewrite and path.exists():
            state = json.loads(path.read_text())
            rewrite({row.get("zone") or row["account"]: row for row in state["zones"] + state["accounts"]})
            path.write_text(json.dumps(state))
        self.start_exporter("main")

    def monitoring(self, targets):
        """Starts a Prometheus that scrapes `targets` and an Alertmanager that notifies the webhook."""
        text = ALERTMANAGER.read_text()
        self.case.assertIn("http://127.0.0.1:9099/", text)
        path = self.files / "alertmanager.yml"
        path.write_text(shortened(text.replace("127.0.0.1:9099", self.webhook.address)))
        alertmanager = self.case.start(
            "prometheus-alertmanager",
            f"--config.file={path}",
            f"--storage.path={self.files / 'alertmanager'}",
            "--web.listen-address=127.0.0.1:0",
            "--cluster.listen-address=",
        )
        text = (PROMETHEUS / "prometheus.yml").read_text()
        for address in ["127.0.0.1:9093", "127.0.0.1:10219"]:
            self.case.assertIn(f'"{address}"', text)
        # the shipped file with the addresses of this world
        self.scraping = text.replace("127.0.0.1:9093", alertmanager.address).replace("127.0.0.1:10219", targets)
        self.targets = f'"{targets}"'
        if self.labels:
            block = f"      - targets: [{self.targets}]\n"
            self.case.assertIn(block, self.scraping)
            labels = "".join(f"          {name}: {value}\n" for name, value in self.labels.items())
            self.scraping = self.scraping.replace(block, f"{block}        labels:\n{labels}")
        path = self.files / "prometheus.yml"
        path.write_text(shortened(self.scraping))
        # the lookback of 5m, shortened like everything else
        prometheus = self.case.start_prometheus(path, "--web.enable-lifecycle", "--query.lookback-delta=5s")
        # targets are discovered only after 5 s, which is not shortened; until then, the rules would miss them
        eventually(lambda: self.case.assertEqual(values(prometheus, "up"), [1, 1]))
        (self.files / "rules.yml").write_text(shortened(RULES))
        reload(prometheus)
        return prometheus

    def scrape(self, *changes):
        """Changes the scrape configuration of Prometheus by these pairs of old and new text."""
        text = self.scraping
        for before, after in changes:
            self.case.assertIn(before, text)
            text = text.replace(before, after)
        (self.files / "prometheus.yml").write_text(shortened(text))
        reload(self.prometheus)

    def play(self, names, restart):
        """Causes these scenarios at once, waits for their alerts, clears them, and waits until all have resolved."""
        chosen = {name: self.scenarios[name] for name in names}
        aged = [scenario for scenario in chosen.values() if scenario.ages]
        for scenario in chosen.values():
            scenario.cause()
        if aged:
            self.restart_exporter(lambda rows: [scenario.grow_old(rows) for scenario in aged])
        self.settle(chosen, 75, "did not fire", lambda scenario: scenario.expected - self.told_of(scenario))
        amiss = lambda scenario: scenario.amiss()
        self.settle(chosen, 10, "is wrong", amiss)
        self.quiet(5)
        if restart:
            # firing alerts must keep firing
            self.restart_exporter()
            self.quiet(8)
        self.settle(chosen, 0, "went wrong later", amiss)
        for scenario in chosen.values():
            scenario.mend()
        if aged or any(scenario.remembered for scenario in chosen.values()):
            self.restart_exporter(lambda rows: [scenario.forget(rows) for scenario in aged])
        self.settle(chosen, 120, "did not resolve", self.firing)
        self.settle(chosen, 10, "is wrong at the end", amiss)
        self.quiet(0)
        self.webhook.forget()

    def settle(self, chosen, seconds, what, left):
        """Waits until `left` is empty for every scenario. Anything left at the timeout is a failure."""

        def look():
            found = {name: left(scenario) for name, scenario in chosen.items()}
            found = {name: sorted(alerts) for name, alerts in found.items() if alerts}
            self.case.assertEqual(found, {})

        try:
            eventually(look, seconds)
        except AssertionError:
            for name, scenario in chosen.items():
                if left(scenario):
                    self.fail(name, f"{what}: {sorted(left(scenario))}")

    def quiet(self, seconds):
        """Waits and checks all notifications so far: only expected ones, to the right receiver, never twice."""
        time.sleep(seconds)
        for labels, states, receiver in self.webhook.told():
            alert = alert_name(labels)
            concerned = [key for key, scenario in self.scenarios.items() if scenario.concerns(labels)]
            theirs = {name: labels.get(name) for name in self.labels if name not in OURS}
            if theirs != {name: value for name, value in self.labels.items() if name not in OURS}:
                self.fail(concerned[0] if concerned else None, f"lacks labels of the target: {labels}")
            if not any(alert in self.scenarios[key].expected for key in concerned):
                self.fail(concerned[0] if concerned else None, f"unexpected: {labels}")
            if receiver != RECEIVERS[labels["severity"]]:
                self.fail(concerned[0] if concerned else None, f"sent to {receiver}: {labels}")
            if states != ["firing", "resolved"][: len(states)]:
                self.fail(concerned[0] if concerned else None, f"was {states}: {labels}")

    def fail(self, name, text):
        found = self.failures.setdefault(name, [])
        if text not in found:
            found.append(text)

    def told_of(self, scenario):
        """Returns all alerts received for a scenario."""
        return {alert_name(labels) for labels, _, _ in self.webhook.told() if scenario.concerns(labels)}

    def firing(self, scenario):
        told = self.webhook.told()
        return {alert_name(labels) for labels, states, _ in told if scenario.concerns(labels) and states[-1] == "firing"}

    def recorded(self):
        """Checks that every rule can be evaluated and returns the recording rules that ever had a result."""
        rules = [rule for group in ask(self.prometheus, "rules")["groups"] for rule in group["rules"]]
        self.case.assertEqual(len(rules), len(re.findall(r"^ +- (?:alert|record): ", RULES, re.MULTILINE)))
        broken = {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] != "ok"}
        self.case.assertEqual(broken, {})
        ever = {name: urllib.parse.quote(f"count_over_time({name}[1h])") for name in RECORDED}
        return {name for name in RECORDED if ask(self.prometheus, f"query?query={ever[name]}")["result"]}


def reload(prometheus):
    request = urllib.request.Request(f"http://{prometheus.address}/-/reload", method="POST")
    urllib.request.urlopen(request, timeout=10).close()


def alert_name(labels):
    return labels["alertname"].removeprefix("CloudflareAop")


def configured(accounts, quota, state_file=None):
    """Returns a configuration of accounts with names, APIs, zones and this quota."""
    lines = ["[poll]", f'schedule = "{SCHEDULE}"', 'jitter = "0s"']
    if state_file:
        lines.append(f'state_file = "{state_file}"')
    lines += ["[probe]", f'schedule = "{SCHEDULE}"', 'timeout = "1s"']
    # half an hour, shortened like everything else
    lines += ["[thresholds]", 'pending = "30s"']
    for account, simulator, zones in accounts:
        lines += ["[[account]]", f'name = "{account}"', f'base_url = "http://{simulator.address}/client/v4"']
        lines += [f"rate_limit = {quota}", "max_concurrent_requests = 32"]
        for zone, settings in zones:
            lines += ["[[account.zone]]", f'name = "{zone}"']
            lines += [f"{key} = {toml(value)}" for key, value in settings.items()]
    return "\n".join(lines) + "\n"


def toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)

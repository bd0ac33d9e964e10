"""From a fault at Cloudflare to the alert that reaches a person: a real Prometheus and Alertmanager with the files that
are shipped, the exporter, and the simulated API.

Of those files only times are changed, and all in the same way: a minute becomes a second (see `shortened`).
"""

import json
import re
import signal
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import EXPORTER, TOKEN, Case, eventually, get, status
from test_rules import ALERTMANAGER, ALERTS, PROMETHEUS, RULES

DAY = 86_400
RECEIVERS = {"critical": "page", "warning": "ticket", "info": "notes"}
# the exporter verifies a token no more often than this
VERIFIED_ANEW = 62
# one second, then two, again and again: a poll may take as long as the longer, and then it passes over a tick
SCHEDULE = "0-59/3,1-59/3 * * * * *"
HEALTHY = {"enabled": True, "status": "active", "certificate": {"expires_in": 300 * DAY, "status": "active"}}


def shortened(text):
    """The same with every waiting time, interval and range divided by 60; what is compared with a date stays."""

    def divided(found):
        seconds = int(found[2]) * {"s": 1, "m": 60, "h": 3600, "d": DAY}[found[3]]
        return f"{found[1]}{seconds * 1000 // 60}ms"

    keys = r"((?:\bfor|keep_firing_for|\w*interval|group_wait): |\[|\boffset )(\d+)([smhd])\b"
    # what a process has to be younger than
    young = r"(?<=process_start_time_seconds > time\(\) - )\d+"
    return re.sub(young, lambda found: str(int(found[0]) // 60), re.sub(keys, divided, text))


class Webhook:
    """What the receivers of the Alertmanager were told."""

    def __init__(self):
        self.alerts = {}
        self.lock = threading.Lock()
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                webhook.take(self.path.strip("/"), body["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, receiver, alerts):
        with self.lock:
            for alert in alerts:
                key = (receiver, *sorted(alert["labels"].items()))
                _, states, _ = self.alerts.setdefault(key, (alert["labels"], [], receiver))
                # whatever else happens in its group, it is told again
                if states[-1:] != [alert["status"]]:
                    states.append(alert["status"])

    def told(self):
        """The labels of every alert that ever came, what it was in turn, and who was told."""
        with self.lock:
            return [(labels, list(states), receiver) for labels, states, receiver in self.alerts.values()]


class Simulator:
    """The control routes of a simulated API."""

    def __init__(self, process):
        self.address = process.address

    def ask(self, method, path, body=None, prefix="/_simulator/"):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{self.address}{prefix}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def fault(self, path, effect, times=None):
        """Puts a fault in force; how to end it."""
        number = self.ask("POST", "faults", {"path": path, "times": times, "effect": effect})["number"]
        return lambda: self.ask("DELETE", f"faults/{number}")


class Row:
    """One scenario: what it is about, what is done, and exactly which alerts come of it."""

    def __init__(self, name, *expected, about, cause=None, mend=None):
        self.name, self.expected, self.about = name, set(expected), about
        self.cause, self.mend = cause or (lambda: None), mend or (lambda: None)

    def concerns(self, labels):
        return any(about.items() <= labels.items() for about in self.about)


def hostname_row(world, name, *expected, change, mended, expect="enabled"):
    """A row about a hostname of its own, whose association is changed and changed back."""
    zone = "hosts.example"
    hostname = f"{name.replace(' ', '-')}.{zone}"
    path = f"zones/{zone}/hostnames/{hostname}"
    world.hostnames.append({"name": hostname, "expect": expect})
    world.main.ask("PUT", path, mended)
    return Row(
        f"{name}",
        *expected,
        about=[{"hostname": hostname}],
        cause=lambda: world.main.ask("PATCH", path, change),
        mend=lambda: world.main.ask("PATCH", path, mended),
    )


def hostname_rows(world):
    """What can be the matter with a hostname."""
    healthy = HEALTHY
    for name, expected, seconds in [
        ("ends in 25 days", "CertificateExpiresWithin30Days", 25 * DAY),
        ("ends in 10 days", "CertificateExpiresWithin14Days", 10 * DAY),
        ("ends in 2 days", "CertificateExpiresWithin3Days", 2 * DAY),
        ("expired", "CertificateExpired", -3600),
        ("not yet valid", "CertificateNotYetValid", 400 * DAY),
    ]:
        yield hostname_row(world, name, expected, change={"certificate": {"expires_in": seconds}}, mended=healthy)
    for name, expected, change in [
        ("pem disagrees", ["CertificateMetadataMismatch"], {"certificate": {"expires_on": "2099-01-01T00:00:00Z"}}),
        (
            "expired whatever is promised",
            ["CertificateExpired", "CertificateMetadataMismatch"],
            {"certificate": {"expires_in": -3600, "expires_on": "2099-01-01T00:00:00Z"}},
        ),
        ("disabled", ["HostnameDrifted"], {"enabled": False}),
        ("voided", ["HostnameDrifted"], {"enabled": None}),
        ("deployment timed out", ["DeploymentTimedOut"], {"status": "deployment_timed_out"}),
        ("stuck", ["PendingTooLong"], {"status": "pending_deployment"}),
        ("certificate going", ["CertificateDeletedInUse"], {"certificate": {"status": "pending_deletion"}}),
        ("certificate gone", ["CertificateDeletedInUse"], {"certificate": {"status": "deleted"}}),
    ]:
        yield hostname_row(world, name, *expected, change=change, mended=healthy)

    off = {**healthy, "enabled": False}
    expired = {"certificate": {"expires_in": -3600}}
    yield hostname_row(world, "expired and switched off", change=expired, mended=off, expect="disabled")
    void = {**healthy, "enabled": None}
    stuck = {"status": "deletion_timed_out"}
    yield hostname_row(world, "deletion timed out", "DeletionTimedOut", change=stuck, mended=void, expect="void")

    missing = hostname_row(world, "missing", "HostnameDrifted", change={}, mended=healthy)
    route = "zones/hosts.example/hostnames/missing.hosts.example"
    missing.cause = lambda: world.main.ask("DELETE", route)
    missing.mend = lambda: world.main.ask("PUT", route, healthy)
    yield missing

    for name, expected, times in [("unreadable", ["HostnameStale"], None), ("unreadable once", [], 3)]:
        row = hostname_row(world, name, *expected, change={}, mended=healthy)
        path = f"/hostnames/{name.replace(' ', '-')}.hosts.example"
        faulted(row, world.main, path, {"status": {"status": 500}}, times)
        yield row


def faulted(row, simulator, path, effect, times=None):
    """Lets the cause of a row be a fault."""

    def cause():
        row.mend = simulator.fault(path, effect, times)

    row.cause = cause


def zone_rows(world):
    """What can be the matter with a zone."""
    main = world.main

    def zone(name, **settings):
        found = main.ask("PUT", f"zones/{name}")
        world.zones.append((name, settings))
        return found["id"]

    for name, expected, change in [
        ("ends-in-25-days.example", "ExpiresWithin30Days", {"expires_in": 25 * DAY}),
        ("ends-in-10-days.example", "ExpiresWithin14Days", {"expires_in": 10 * DAY}),
        ("ends-in-2-days.example", "ExpiresWithin3Days", {"expires_in": 2 * DAY}),
        ("expired.example", "Expired", {"expires_in": -3600}),
        ("timed-out.example", "DeploymentTimedOut", {"status": "deployment_timed_out"}),
        ("stuck.example", "PendingTooLong", {"status": "pending_deployment"}),
        ("going.example", "DeletedInUse", {"status": "pending_deletion"}),
    ]:
        zone_id = zone(name, zone_level=True)
        main.ask("PUT", f"zones/{zone_id}/origin_tls_client_auth/settings", {"enabled": True}, "/client/v4/")
        certificate = main.ask("POST", f"zones/{name}/certificates", {"expires_in": 300 * DAY, "zone_level": True})
        path = f"zones/{name}/certificates/{certificate['id']}"
        yield Row(
            f"zone certificate of {name}",
            f"ZoneCertificate{expected}",
            about=[{"zone": name}],
            cause=lambda path=path, change=change: main.ask("PATCH", path, change),
            mend=lambda path=path: main.ask("PATCH", path, HEALTHY["certificate"]),
        )

    zone("crowded.example", hostnames=["h0.crowded.example"], strategy="list")
    crowd = [f"zones/crowded.example/hostnames/h{number}.crowded.example" for number in range(95)]
    main.ask("PUT", crowd[0], {})
    shared = main.ask("POST", "zones/crowded.example/certificates", {"expires_in": 300 * DAY})["id"]
    yield Row(
        "95 of 100 associations",
        "CertificateNearHostnameLimit",
        about=[{"zone": "crowded.example"}],
        cause=lambda: [main.ask("PUT", path, {"cert_id": shared}) for path in crowd],
        mend=lambda: [main.ask("DELETE", path) for path in crowd[1:]],
    )

    zone("found.example", discover=True)
    for label in ["stays", "leaves"]:
        main.ask("PUT", f"zones/found.example/hostnames/{label}.found.example", {})
    yield Row(
        "discovered hostname removed",
        "HostnamesRemoved",
        about=[{"zone": "found.example"}],
        cause=lambda: main.ask("DELETE", "zones/found.example/hostnames/leaves.found.example"),
    )

    zone("gone.example", hostnames=["www.gone.example"])
    main.ask("PUT", "zones/gone.example/hostnames/www.gone.example", {})
    yield Row(
        "zone gone",
        "ZoneStale",
        about=[{"zone": "gone.example"}],
        cause=lambda: main.ask("DELETE", "zones/gone.example"),
        mend=lambda: main.ask("PUT", "zones/gone.example"),
    )

    zone("healthy.example", hostnames=["www.healthy.example", "api.healthy.example"])
    for label in ["www", "api"]:
        main.ask("PUT", f"zones/healthy.example/hostnames/{label}.healthy.example", {})
    yield Row("everything healthy", about=[{"zone": "healthy.example"}])


def account_rows(world):
    """What can be the matter with all that one account reads; each has a simulated API of its own."""
    limited = {"status": {"status": 429, "code": 971, "retry_after": "5"}}
    once = {"status": {"status": 429, "code": 971, "retry_after": "1"}}
    for account, name, expected, effect, times in [
        ("failing", "API answers 500", ["AccountStale"], {"status": {"status": 500}}, None),
        ("blocked", "API answers 429", ["AccountStale", "RateLimited"], limited, None),
        ("limited", "API answers 429 once", ["RateLimited"], once, 1),
        ("hanging", "API hangs", ["AccountStale", "PollsSkipped"], "hang", None),
    ]:
        row = Row(name, *expected, about=[{"account": account}])
        if account == "hanging":
            row.about.append({"alertname": "CloudflareAopPollsSkipped"})
        faulted(row, world.account(account), None, effect, times)
        yield row


def token_rows(world):
    """The token is verified at the start, hourly, after a refusal and until it is good, once a minute at most."""
    revoked, expiring = world.account("revoked"), world.account("expiring")
    yield Row(
        "token revoked",
        "TokenInvalid",
        about=[{"account": "revoked"}],
        cause=lambda: revoked.ask("PUT", "token", {"status": "revoked"}),
        mend=lambda: revoked.ask("PUT", "token", {"status": "active"}),
    )

    def expires(expires_on):
        expiring.ask("PUT", "token", {"status": "active", "expires_on": expires_on})
        expiring.fault("/hostnames/", {"status": {"status": 403}}, times=1)

    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 10 * DAY))
    yield Row(
        "token expires in 10 days",
        "TokenExpires",
        about=[{"account": "expiring"}],
        cause=lambda: expires(soon),
        mend=lambda: expires(None),
    )


class Walk:
    """One certificate that is not renewed until it has expired: each band fires as the one before has resolved."""

    def __init__(self, world):
        bands = [f"CertificateExpires{band}" for band in ["Within30Days", "Within14Days", "Within3Days"]]
        self.bands = list(zip([*bands, "CertificateExpired"], [25 * DAY, 10 * DAY, 2 * DAY, -3600]))
        self.row = hostname_row(world, "walks", *(name for name, _ in self.bands), change={}, mended=HEALTHY)
        self.patch = lambda seconds: world.main.ask(
            "PATCH", "zones/hosts.example/hostnames/walks.hosts.example", {"certificate": {"expires_in": seconds}}
        )

    def start(self, case):
        self.failure = None

        def work():
            try:
                self.walk(case)
            except Exception as failure:
                self.failure = failure

        self.thread = threading.Thread(target=work, daemon=True)
        self.thread.start()

    def walk(self, case):
        for name, seconds in self.bands:
            self.patch(seconds)
            eventually(lambda: case.assertEqual(case.names(self.row, firing=True), {name}), 40)
        self.patch(300 * DAY)
        eventually(lambda: case.assertEqual(case.names(self.row, firing=True), set()), 40)

    def end(self):
        """Waits until it is renewed, and tells what has gone wrong on the way."""
        self.thread.join()
        if self.failure:
            raise self.failure


class World:
    """The simulated APIs, and what the exporter is configured to read of them."""

    def __init__(self, case):
        self.case = case
        self.hostnames, self.zones, self.accounts = [], [], {}
        self.main = Simulator(case.simulate())
        self.main.ask("PUT", "zones/hosts.example")

    def account(self, name):
        """An account with two zones and an API of its own."""
        simulator = Simulator(self.case.simulate())
        for zone in [f"one-{name}.example", f"two-{name}.example"]:
            simulator.ask("PUT", f"zones/{zone}")
            simulator.ask("PUT", f"zones/{zone}/hostnames/www.{zone}", {})
        self.accounts[name] = simulator
        return simulator

    def replica(self):
        """Another exporter's configuration, which has the hostnames and a zone of its own."""
        self.main.ask("PUT", "zones/alone.example")
        hosts = ("hosts.example", {"hostnames": self.hostnames, "strategy": "get"})
        return configured([("main", self.main, [hosts, ("alone.example", {"discover": True})])])

    def config(self):
        zones = [("hosts.example", {"hostnames": self.hostnames, "strategy": "get"}), *self.zones]
        accounts = [("main", self.main, zones)]
        for name, simulator in self.accounts.items():
            names = [f"one-{name}.example", f"two-{name}.example"]
            accounts.append((name, simulator, [(zone, {"hostnames": [f"www.{zone}"]}) for zone in names]))
        return configured(accounts)


def configured(accounts):
    """A configuration of accounts, each with its name, its API and its zones."""
    lines = ["[poll]", f'schedule = "{SCHEDULE}"', 'jitter = "0s"']
    for name, simulator, zones in accounts:
        lines += ["[[account]]", f'name = "{name}"', f'base_url = "http://{simulator.address}/client/v4"']
        lines += ['rate_limit = { requests = 100000, per = "1m" }', "max_concurrent_requests = 32"]
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


class Alerts(Case):
    maxDiff = None

    def test_each_fault_reaches_a_person_by_its_own_alerts_and_by_no_others(self):
        self.webhook = Webhook()
        self.addCleanup(self.webhook.server.server_close)
        self.addCleanup(self.webhook.server.shutdown)
        world = World(self)
        first = [*hostname_rows(world), *zone_rows(world), *account_rows(world)]
        tokens = [*token_rows(world)]
        alone = Row("one of two stopped", "ZonesUnwatched", about=[{"alertname": "CloudflareAopZonesUnwatched"}])
        away = Row("exporters stopped", "ExporterDown", about=[{"alertname": "CloudflareAopExporterDown"}])
        unknown = Row("target missing", "ExporterMissing", about=[{"alertname": "CloudflareAopExporterMissing"}])
        refused = Row(
            "configuration refused",
            "ConfigReloadFailed",
            about=[{"alertname": "CloudflareAopConfigReloadFailed"}],
            cause=lambda: self.reconfigure(exporter, world.config() + "colour = 1\n"),
            mend=lambda: self.reconfigure(exporter, world.config()),
        )
        first.append(refused)
        walk = Walk(world)
        self.rows = [*first, *tokens, walk.row, alone, away, unknown]
        caused = {f"CloudflareAop{name}" for row in self.rows for name in row.expected}
        self.assertEqual(caused, set(ALERTS), "every alert is caused by some row")

        began = time.monotonic()
        exporter = self.exporter(world.config(), "127.0.0.1:0")
        # it reads the hostnames too: what is the matter with them is told once
        replica = self.exporter(world.replica(), "127.0.0.1:0")
        targets = f'{exporter.address}", "{replica.address}'
        verified = time.monotonic() + VERIFIED_ANEW
        prometheus = self.monitoring(targets)
        self.quiet(10)

        walk.start(self)
        self.cause(first)
        time.sleep(max(0, verified - time.monotonic()))
        self.cause(tokens)
        self.when_told(first + tokens)
        # what fires fires on
        self.assertEqual(exporter.stop(), 0)
        exporter = self.exporter(world.config(), exporter.address)
        self.quiet(8)
        self.mend(first + tokens)
        self.when_resolved(first + tokens)
        walk.end()

        self.assertEqual(replica.stop(), 0)
        self.when_told([alone])
        self.assertEqual(exporter.stop(), 0)
        self.when_told([away])
        exporter = self.exporter(world.config(), exporter.address)
        replica = self.exporter(world.replica(), replica.address)
        self.when_resolved([alone, away])

        self.configure(targets, '"127.0.0.1:10219"', "")
        self.reload(prometheus)
        self.when_told([unknown])
        self.configure(targets)
        self.reload(prometheus)
        self.when_resolved([unknown])
        self.quiet(5)
        self.expressions_have_answered(prometheus)
        self.assertEqual(exporter.stop(), 0)
        self.assertLess(time.monotonic() - began, 360)

    def exporter(self, config, listen):
        path = self.folder() / "config.toml"
        path.write_text(config)
        exporter = self.start(
            EXPORTER,
            "serve",
            "--config",
            str(path),
            "--listen",
            listen,
            env={"CLOUDFLARE_API_TOKEN": TOKEN},
        )
        exporter.config = path
        eventually(lambda: self.assertEqual(status(exporter, "/-/ready"), 200))
        return exporter

    def reconfigure(self, exporter, text):
        exporter.config.write_text(text)
        exporter.child.send_signal(signal.SIGHUP)

    def monitoring(self, target):
        """A Prometheus that scrapes `target`, and an Alertmanager that tells the webhook."""
        self.files = self.folder()
        text = ALERTMANAGER.read_text()
        self.assertIn("http://127.0.0.1:9099/", text)
        path = self.files / "alertmanager.yml"
        path.write_text(shortened(text.replace("127.0.0.1:9099", self.webhook.address)))
        alertmanager = self.start(
            "prometheus-alertmanager",
            f"--config.file={path}",
            f"--storage.path={self.files / 'alertmanager'}",
            "--web.listen-address=127.0.0.1:0",
            "--cluster.listen-address=",
        )
        self.alertmanager = alertmanager.address
        (self.files / "rules.yml").write_text(shortened(RULES))
        self.configure(target)
        return self.start_prometheus(
            self.files / "prometheus.yml",
            "--web.enable-lifecycle",
            # 5m, as everything else
            "--query.lookback-delta=5s",
        )

    def configure(self, target, *replaced):
        text = (PROMETHEUS / "prometheus.yml").read_text()
        for address in ["127.0.0.1:9093", "127.0.0.1:10219"]:
            self.assertIn(f'"{address}"', text)
        if replaced:
            text = text.replace(*replaced)
        text = text.replace("127.0.0.1:9093", self.alertmanager).replace("127.0.0.1:10219", target)
        (self.files / "prometheus.yml").write_text(shortened(text))

    def reload(self, prometheus):
        request = urllib.request.Request(f"http://{prometheus.address}/-/reload", method="POST")
        urllib.request.urlopen(request, timeout=10).close()

    def cause(self, rows):
        for row in rows:
            self.assertEqual(self.names(row), set(), row.name)
            row.cause()

    def mend(self, rows):
        for row in rows:
            row.mend()

    def names(self, row, *, firing=False):
        told = self.webhook.told()
        return {
            labels["alertname"].removeprefix("CloudflareAop")
            for labels, states, _ in told
            if row.concerns(labels) and (not firing or states[-1] == "firing")
        }

    def when_told(self, rows):
        """Waits until what is expected of these rows has come and fires, and sees that nothing else comes."""

        def told():
            now = {row.name: self.names(row, firing=True) for row in rows}
            # what is over by itself has come, and that is enough
            came = {row.name: self.names(row) for row in rows}
            missing = {row.name: row.expected - now[row.name] - came[row.name] for row in rows}
            self.assertEqual({name: left for name, left in missing.items() if left}, {})

        eventually(told, 75)
        self.quiet(5)

    def quiet(self, seconds):
        """Nothing comes in that time, nor has come before, but what some row expects, and nothing comes twice."""
        time.sleep(seconds)
        unexpected = {}
        for labels, states, receiver in self.webhook.told():
            self.assertEqual(receiver, RECEIVERS[labels["severity"]], labels)
            self.assertEqual(states, ["firing", "resolved"][: len(states)], labels)
            name = labels["alertname"].removeprefix("CloudflareAop")
            rows = [row for row in self.rows if row.concerns(labels)]
            if not any(name in row.expected for row in rows):
                unexpected.setdefault(rows[0].name if rows else "no row", []).append(labels)
        self.assertEqual(unexpected, {})

    def when_resolved(self, rows):
        def resolved():
            firing = {row.name: self.names(row, firing=True) for row in rows}
            self.assertEqual({name: left for name, left in firing.items() if left}, {})

        eventually(resolved, 120)
        self.quiet(0)

    def expressions_have_answered(self, prometheus):
        """Every expression evaluates, and did have an answer."""
        _, body = get(prometheus, "/api/v1/rules")
        rules = [rule for group in json.loads(body)["data"]["groups"] for rule in group["rules"]]
        self.assertEqual(len(rules), len(re.findall(r"^ +- (?:alert|record): ", RULES, re.MULTILINE)))
        for rule in rules:
            with self.subTest(rule["name"]):
                self.assertEqual((rule["health"], rule.get("lastError", "")), ("ok", ""))
                name = rule["name"] if rule["type"] == "recording" else f'ALERTS{{alertname="{rule["name"]}"}}'
                query = urllib.parse.quote(f"count_over_time({name}[1h])")
                _, body = get(prometheus, f"/api/v1/query?query={query}")
                self.assertGreater(len(json.loads(body)["data"]["result"]), 0)

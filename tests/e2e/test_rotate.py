"""A rotation with a real nginx that requires a certificate, observed with Cloudflare's SDK and a running daemon."""

import json
import os
import re
import socket
import subprocess
import threading

import cloudflare

from harness import CHILDREN, EXPORTER, TOKEN, Case, Simulator, eventually, scrape, walk
from test_origin import ask, certificates, listens

ZONE = "rotate.example"
NGINX = """daemon off; master_process on; worker_processes 1; pid {folder}/pid; error_log stderr;
events {{}}
http {{
access_log off;
{paths}
server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate server.pem;
    ssl_certificate_key server.key;
    ssl_client_certificate {ca};
    ssl_verify_client on;
    location / {{ return 200 "served\\n"; }}
}}
}}
"""
CONFIG = """
[poll]
schedule = "* * * * * *"
jitter = "0s"
[probe]
schedule = "* * * * * *"
[[account]]
base_url = "http://{api}/client/v4"
rate_limit = {{ requests = 100000, per = "1m" }}
[[account.zone]]
name = "{zone}"
hostnames = [
    {{ name = "app.{zone}", origin = "127.0.0.1:{port}", cert_id = "{old}" }},
    {{ name = "off.{zone}", expect = "disabled" }},
]
"""
FINDING = "cloudflare_aop_hostname_finding"


class Stage(Case):
    def setUp(self):
        self.files = self.folder()
        certificates(self.files)
        os.chmod(self.files / "client.key", 0o600)
        with socket.create_server(("127.0.0.1", 0)) as held:
            self.port = held.getsockname()[1]
        self.configure("ca.pem")
        command = ["nginx", "-e", "stderr", "-p", self.files, "-c", self.files / "nginx.conf"]
        self.nginx = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.addCleanup(self.nginx.wait)
        self.addCleanup(self.nginx.terminate)
        eventually(lambda: self.assertTrue(listens(self.port)))
        simulate = self.start(EXPORTER, "simulate", "--listen", "127.0.0.1:0")
        self.api = Simulator(simulate)
        zone = self.api.ask("PUT", f"zones/{ZONE}", {})["id"]
        self.old = self.api.ask("POST", f"zones/{zone}/certificates", {"expires_in": 86400 * 90})["id"]
        for name, enabled in [("app", True), ("off", False)]:
            self.api.ask("PUT", f"zones/{zone}/hostnames/{name}.{ZONE}", {"cert_id": self.old, "enabled": enabled})
        self.zone = zone
        self.config = self.files / "aop.toml"
        self.config.write_text(CONFIG.format(api=self.api.address, zone=ZONE, port=self.port, old=self.old))
        base_url = f"http://{self.api.address}/client/v4"
        self.sdk = cloudflare.Cloudflare(api_token=TOKEN, base_url=base_url, max_retries=0)
        self.addCleanup(self.sdk.close)

    def configure(self, ca):
        kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        paths = "".join(f"{kind}_temp_path {self.files}/{kind};\n" for kind in kinds)
        text = NGINX.format(folder=self.files, paths=paths, port=self.port, ca=ca)
        (self.files / "nginx.conf").write_text(text)

    def command(self, *arguments):
        command = [EXPORTER, "certificate", "rotate", self.old, "--zone", ZONE, "--cert", self.files / "other.pem"]
        return command + ["--key", self.files / "client.key", "--config", self.config, "--yes", *arguments]

    def rotate(self, *arguments):
        environment = {**os.environ, "CLOUDFLARE_API_TOKEN": TOKEN}
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=60, env=environment)

    def seen(self):
        """Returns what the SDK sees: the ids of all certificates, and each hostname's certificate."""
        store = self.sdk.origin_tls_client_auth.hostname_certificates
        ids = {known.id for known in store.list(zone_id=self.zone) if known.status != "pending_deletion"}
        read = self.sdk.origin_tls_client_auth.hostnames.get
        rows = [read(f"{name}.{ZONE}", zone_id=self.zone) for name in ["app", "off"]]
        return ids, [(row.cert_id, row.enabled, row.status) for row in rows]


class Rotation(Stage):
    def test_a_certificate_that_the_origin_does_not_trust_is_refused_until_it_trusts_both_authorities(self):
        before = self.seen()
        refused = self.rotate()
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertIn(f"origin 127.0.0.1:{self.port} of app.{ZONE} REFUSES the new certificate (HTTP status 400)", refused.stderr)
        self.assertIn("1 of 1 origins would refuse the new certificate", refused.stderr)
        self.assertIn(f"aop.toml:13: {{ name = \"app.{ZONE}\"", refused.stderr)
        self.assertEqual(self.seen(), before)

        both = "".join((self.files / f"{ca}.pem").read_text() for ca in ["ca", "elsewhere"])
        (self.files / "both.pem").write_text(both)
        self.configure("both.pem")
        reload = ["nginx", "-e", "stderr", "-p", self.files, "-c", self.files / "nginx.conf", "-s", "reload"]
        subprocess.run(reload, check=True, stderr=subprocess.DEVNULL)
        eventually(lambda: self.assertEqual(ask(self.files, self.port, "other"), 200))
        self.assertEqual(ask(self.files, self.port, "good"), 200)

        daemon = self.daemon(self.config.read_text().replace(f', cert_id = "{self.old}"', ""))
        # the old certificate was issued by the simulated authority, which the origin does not trust
        eventually(lambda: self.assertEqual([dict(labels)["finding"] for labels in self.findings(daemon)], ["origin_may_reject"]))
        done = self.rotate("--delete-old")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("accepts the new certificate (HTTP status 200)", done.stderr)
        ids, rows = self.seen()
        [new] = ids
        self.assertNotEqual(new, self.old)
        self.assertEqual(rows, [(new, True, "active"), (new, False, "active")])
        # the daemon's findings during the rotation and after it
        eventually(lambda: self.assertIn(new, str(scrape(daemon))))
        eventually(lambda: self.assertEqual(self.findings(daemon), []))

    def findings(self, daemon):
        samples = scrape(daemon)
        read = {dict(labels)["hostname"] for name, labels in samples if name == "cloudflare_aop_hostname_association"}
        self.assertEqual(read, {f"app.{ZONE}", f"off.{ZONE}"})
        return [labels for (name, labels), value in samples.items() if name == FINDING and value == 1]

    def test_the_old_certificate_is_kept_and_one_command_goes_back(self):
        forced = self.rotate("--force")
        self.assertEqual(forced.returncode, 0, forced.stderr)
        ids, rows = self.seen()
        [new] = ids - {self.old}
        self.assertEqual(rows, [(new, True, "active"), (new, False, "active")])
        back = [EXPORTER, "certificate", "rotate", new, "--to", self.old, "--zone", ZONE, "--config", self.config, "--yes"]
        environment = {**os.environ, "CLOUDFLARE_API_TOKEN": TOKEN}
        undone = subprocess.run(back, capture_output=True, text=True, timeout=60, env=environment)
        self.assertEqual(undone.returncode, 0, undone.stderr)
        self.assertEqual(self.seen()[1], [(self.old, True, "active"), (self.old, False, "active")])
        listing = [EXPORTER, "certificate", "list", "--zone", ZONE, "--config", self.config]
        shown = subprocess.run(listing, capture_output=True, text=True, timeout=60, env=environment)
        self.assertRegex(shown.stdout, rf"hostname +{self.old} +active +2/100")
        self.assertEqual(shown.returncode, 0, shown.stderr)


class Steps(Stage):
    """A rotation at normal speed, checked during each of its steps."""

    def setUp(self):
        super().setUp()
        # no origin is probed, since the origin of this test does not trust the new certificate
        both = {"app": "enabled", "off": "disabled"}
        watched = ", ".join(f'{{ name = "{name}.{ZONE}", expect = "{expect}" }}' for name, expect in both.items())
        config = CONFIG.format(api=self.api.address, zone=ZONE, port=self.port, old=self.old)
        head = config.partition("hostnames = [")[0].replace('[probe]\nschedule = "* * * * * *"\n', "")
        settings = 'zone_level = true\nstrategy = "list"'
        self.beside = self.daemon(f"{head}hostnames = [{watched}]\n{settings}\n")
        eventually(lambda: self.assertEqual(self.served()[0], self.states()))

    def states(self):
        """What the SDK sees: the status of each certificate, and each hostname's certificate, switch and status."""
        store = self.sdk.origin_tls_client_auth.hostname_certificates
        certificates = {known.id: known.status for known in store.list(zone_id=self.zone)}
        return certificates, dict(zip(["app", "off"], self.seen()[1]))

    def served(self):
        """Returns the same from the daemon's JSON API, and the daemon's findings."""
        certificates, hostnames = walk(self.beside, "/api/v1/certificates"), walk(self.beside, "/api/v1/hostnames")
        rows = {row["hostname"].split(".")[0]: (row["cert_id"], row["association"] == "enabled", row["status"]) for row in hostnames}
        findings = [finding for row in certificates + hostnames for finding in row["findings"]]
        return ({row["cert_id"]: row["status"] for row in certificates if row["level"] == "hostname"}, rows), findings

    def watch(self, until):
        """Scrapes the daemon until `until` is set. Stores what was wrong and the number of scrapes in `watched`."""
        wrong, scrapes = set(), 0
        while not until.is_set():
            samples, scrapes = scrape(self.beside), scrapes + 1
            for (name, labels), value in samples.items():
                if name.endswith(("_finding", "_drifted")) and value != 0:
                    wrong.add((name, labels))
                if name in ("cloudflare_aop_hostname_up", "cloudflare_aop_zone_up", "cloudflare_aop_account_up") and value != 1:
                    wrong.add((name, labels))
                if name == "cloudflare_aop_exporter_poll_errors_total" and value != 0:
                    wrong.add((name, labels))
            up = [labels for name, labels in samples if name == "cloudflare_aop_hostname_up"]
            drifted = [labels for name, labels in samples if name == "cloudflare_aop_hostname_drifted"]
            if len(up) != 2 or len(drifted) != 2:
                wrong.add(("hostnames", len(up), len(drifted)))
            until.wait(0.2)
        self.watched = wrong, scrapes

    def test_the_sdk_and_the_daemon_see_each_step_and_the_daemon_reports_no_findings(self):
        ended = threading.Event()
        watch = threading.Thread(target=self.watch, args=[ended])
        watch.start()
        self.addCleanup(watch.join)
        self.addCleanup(ended.set)
        environment = {**os.environ, "CLOUDFLARE_API_TOKEN": TOKEN}
        rotation = subprocess.Popen(
            self.command("--force", "--delete-old"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        CHILDREN.append(rotation)
        self.addCleanup(rotation.stderr.close)
        self.addCleanup(rotation.stdout.close)
        self.addCleanup(rotation.wait)
        self.addCleanup(rotation.kill)
        old, new, steps, told = self.old, None, [], []
        before = {"app": (old, True, "active"), "off": (old, False, "active")}
        for line in rotation.stderr:
            told.append(line)
            if found := re.match(r"Certificate (\S+) is uploaded", line):
                new = found[1]
            if line == f"Waiting until certificate {new} is active\n":
                self.both_see(({old: "active", new: "pending_deployment"}, before))
                steps.append("uploaded")
            if line == f"Waiting until 2 hostnames are active on {new}\n":
                pending = {"app": (new, True, "pending_deployment"), "off": (new, False, "pending_deployment")}
                self.both_see(({old: "active", new: "active"}, pending))
                steps.append("associated")
            if line == f"Deleting the old certificate {old}\n":
                # the request may be under way
                self.assertEqual(self.states()[1], {"app": (new, True, "active"), "off": (new, False, "active")})
                steps.append("active")
        self.assertEqual(rotation.wait(), 0, "".join(told))
        self.assertEqual(steps, ["uploaded", "associated", "active"], "".join(told))
        after = {"app": (new, True, "active"), "off": (new, False, "active")}
        self.both_see(({old: "pending_deletion", new: "active"}, after))
        self.both_see(({new: "active"}, after), seconds=30)
        ended.set()
        watch.join()
        wrong, scrapes = self.watched
        self.assertEqual(wrong, set())
        self.assertGreater(scrapes, 30)

    def both_see(self, expected, seconds=4):
        """Asserts that the SDK sees this now, and that the daemon does once it has polled."""
        if seconds < 5:
            self.assertEqual(self.states(), expected)
        eventually(lambda: self.assertEqual((self.states(), self.served()), (expected, (expected, []))), seconds)

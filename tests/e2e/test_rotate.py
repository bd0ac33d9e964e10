"""A rotation with a real nginx that requires a certificate, observed with Cloudflare's SDK and a running daemon."""

import os
import socket
import subprocess

import cloudflare

from harness import EXPORTER, TOKEN, Case, Simulator, eventually, scrape
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


class Rotation(Case):
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

    def rotate(self, *arguments):
        command = [EXPORTER, "certificate", "rotate", self.old, "--zone", ZONE, "--cert", self.files / "other.pem"]
        command += ["--key", self.files / "client.key", "--config", self.config, "--yes", *arguments]
        environment = {**os.environ, "CLOUDFLARE_API_TOKEN": TOKEN}
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)

    def seen(self):
        """Returns what the SDK sees: the ids of all certificates, and each hostname's certificate."""
        store = self.sdk.origin_tls_client_auth.hostname_certificates
        ids = {known.id for known in store.list(zone_id=self.zone) if known.status != "pending_deletion"}
        read = self.sdk.origin_tls_client_auth.hostnames.get
        rows = [read(f"{name}.{ZONE}", zone_id=self.zone) for name in ["app", "off"]]
        return ids, [(row.cert_id, row.enabled, row.status) for row in rows]

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

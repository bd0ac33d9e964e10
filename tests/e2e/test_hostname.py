"""Checks that Cloudflare's own SDK and the hostname commands see each other's changes in one simulated API."""

import json
import os
import subprocess

import cloudflare

from harness import EXPORTER, TOKEN, Case, eventually

ZONE = "example.com"
HOSTNAME = "api.example.com"


class Hostname(Case):
    def setUp(self):
        self.api = self.simulate()
        self.base_url = f"http://{self.api.address}/client/v4"
        client = cloudflare.Cloudflare(api_token=TOKEN, base_url=self.base_url, max_retries=0)
        self.addCleanup(client.close)
        [zone] = client.zones.list(name=ZONE)
        self.zone_id = zone.id
        self.aop = client.origin_tls_client_auth

    def test_the_sdk_sees_changes_of_the_commands(self):
        cert_id = self.hostname("get", HOSTNAME, "--format", "json")["cert_id"]
        self.assertEqual(self.sdk().cert_id, cert_id)
        self.hostname("disable", HOSTNAME, "--yes", "--wait")
        self.assertEqual((self.sdk().enabled, self.sdk().status), (False, "active"))
        self.hostname("enable", HOSTNAME, "--cert-id", cert_id, "--yes", "--wait")
        self.assertEqual((self.sdk().enabled, self.sdk().status), (True, "active"))
        self.hostname("void", HOSTNAME, "--yes", "--wait")
        with self.assertRaises(cloudflare.NotFoundError):
            self.sdk()

    def test_the_commands_see_changes_of_the_sdk(self):
        cert_id = self.sdk().cert_id
        for enabled, association in [(False, "disabled"), (True, "enabled"), (None, "void")]:
            config = [{"hostname": HOSTNAME, "cert_id": cert_id, "enabled": enabled}]
            self.aop.hostnames.update(zone_id=self.zone_id, config=config)
            found = self.hostname("get", HOSTNAME, "--format", "json")
            self.assertEqual((found["association"], found["cert_id"]), (association, cert_id))
            [listed] = [row for row in self.hostname("list", "--format", "json") if row["hostname"] == HOSTNAME]
            self.assertEqual(listed["association"], association)

        def is_gone():
            found = self.hostname("get", HOSTNAME, "--format", "json")
            self.assertEqual(found["association"], "none")

        eventually(is_gone)

    def sdk(self):
        return self.aop.hostnames.get(HOSTNAME, zone_id=self.zone_id)

    def hostname(self, *arguments):
        """Runs a command that must succeed and returns its JSON output, if any."""
        command = [EXPORTER, "hostname", *arguments, "--zone", ZONE, "--base-url", self.base_url]
        ran = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "CLOUDFLARE_API_TOKEN": TOKEN},
        )
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return json.loads(ran.stdout) if "json" in arguments else None

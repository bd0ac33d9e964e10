"""The program with only a token, without a configuration file and without names of zones or hostnames."""

import subprocess

from harness import EXPORTER, TOKEN, Case, Simulator, eventually, family, get, scrape, status


class TokenAlone(Case):
    def setUp(self):
        api = Simulator(self.start(EXPORTER, "simulate", "--listen", "127.0.0.1:0", "--zones", "60"))
        # the simulated API instead of Cloudflare's, and a free port instead of the default
        base_url = f"http://{api.address}/client/v4"
        self.variables = {"CLOUDFLARE_API_TOKEN": TOKEN, "CLOUDFLARE_BASE_URL": base_url, "AOP_LISTEN": "127.0.0.1:0"}
        zones = [zone for zone in api.ask("GET", "zones") if zone["status"] == "active" and zone["type"] != "internal"]
        self.zones = {zone["name"] for zone in zones}
        self.hostnames = {(zone["name"], hostname) for zone in zones for hostname in zone["hostnames"]}
        self.assertEqual((len(zones), len(self.zones), len(self.hostnames)), (57, 57, 31))

    def test_serve_watches_everything_and_says_so(self):
        daemon = self.start(EXPORTER, "serve", env=self.variables)
        first_poll = "first poll: read 31 of 31 hostnames in 57 of 57 zones: 3 critical, 4 warning, 24 ok verdict=critical"
        eventually(lambda: self.assertIn(first_poll, daemon.output()))
        self.assertEqual(status(daemon, "/-/ready"), 200)
        samples = scrape(daemon)
        shown = lambda name: {key: value for key, value in samples.items() if key[0] == f"cloudflare_aop_{name}"}
        up = {dict(labels)["zone"]: value for (_, labels), value in shown("zone_up").items()}
        self.assertEqual(up, dict.fromkeys(self.zones, 1))
        up = {(dict(labels)["zone"], dict(labels)["hostname"]): value for (_, labels), value in shown("hostname_up").items()}
        self.assertEqual(up, dict.fromkeys(self.hostnames, 1))
        # the first poll reads settings in three zones, later polls in all others
        parts = {tuple(value for _, value in sorted(labels)) for _, labels in shown("zone_poll_interval_seconds")}
        wanted = ["associations", "settings", "zone_level"]
        self.assertEqual(parts, {(part, zone) for part in wanted for zone in self.zones})
        self.assertEqual(sum(shown("zone_ssl_mode").values()), 3)
        self.assertEqual(family(samples, "account_zones"), {None: 57})
        page = get(daemon, "/?sort=hostname")[1]
        self.assertEqual({name for _, name in self.hostnames if name not in page}, set())
        self.assertIn("watching all zones that match * of account default every 5 minutes", daemon.output())
        self.assertIn("config=built in, token from CLOUDFLARE_API_TOKEN", daemon.output())
        self.assertIn("57 zones take 285 requests, which rate_limit (600 in 5m) spreads over", daemon.output())
        self.assertNotRegex(daemon.output(), "WARN|ERROR")

    def test_check_shows_every_hostname_and_the_worst_first(self):
        code, table = self.run_program("check")
        rows = [line.split() for line in table.splitlines()[1:]]
        self.assertEqual(sorted((zone, name) for _, _, zone, name, *_ in rows), sorted(self.hostnames))
        self.assertEqual((code, rows[0][0], rows[0][3]), (2, "critical", "intranet.example.com"))

    def test_hostname_list_shows_every_association(self):
        code, table = self.run_program("hostname", "list")
        rows = [line.split() for line in table.splitlines()[1:]]
        self.assertEqual([(zone, name) for _, zone, name, *_ in rows], sorted(self.hostnames))
        self.assertEqual(code, 0)

    def run_program(self, *arguments):
        """Returns the exit code and the output of a program that must not print errors."""
        command = [EXPORTER, *arguments]
        environment = {"PATH": "/usr/bin:/bin", "NO_PROXY": "127.0.0.1", **self.variables}
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
        self.assertEqual(result.stderr, "")
        return result.returncode, result.stdout

"""Discovery with the minimal configuration, a token and the name of a zone."""

from harness import Case, Simulator, eventually, family, get, scrape, status

# the minimal configuration, plus base_url to use the simulated API
CONFIG = """
[[account]]
base_url = "http://{}/client/v4"

[[account.zone]]
name = "{}"
discover = true
"""
ASSOCIATIONS = {True: "enabled", False: "disabled", None: "void"}


class Discovery(Case):
    def setUp(self):
        self.api = Simulator(self.simulate())

    def test_a_token_and_a_zone_name_show_everything_in_the_zone(self):
        zones = self.api.ask("GET", "zones")
        self.assertEqual([zone["name"] for zone in zones], ["example.com", "example.org", "shop.example"])
        for zone in zones:
            with self.subTest(zone["name"]):
                rows = self.has(zone, "?status=all&per_page=1000")
                certificates = self.has(zone, "/certificates")
                samples = scrape(self.discovering(zone["name"]))
                expected = {(row["hostname"], ASSOCIATIONS[row["enabled"]]) for row in rows}
                self.assertEqual(shown(samples, "hostname_association"), expected)
                self.assertEqual(shown(samples, "hostname_status"), {(row["hostname"], row["status"]) for row in rows})
                self.assertEqual(family(samples, "hostname_up"), {row["hostname"]: 1 for row in rows})
                dates = [name for name in samples if name[0] == "cloudflare_aop_certificate_expires_timestamp_seconds"]
                self.assertEqual({dict(labels)["cert_id"] for _, labels in dates}, {row["id"] for row in certificates})

    def test_a_zone_without_associations_says_so(self):
        self.api.ask("PUT", "zones/empty.example")
        daemon = self.discovering("empty.example")
        samples = scrape(daemon)
        self.assertEqual(family(samples, "zone_up"), {None: 1})
        self.assertEqual(family(samples, "zone_hostnames"), {None: 0})
        self.assertIn("No hostname has an association", get(daemon, "/")[1])
        eventually(lambda: self.assertIn("the zone has no association account=default zone=empty.example\n", daemon.output()))

    def has(self, zone, what):
        """Returns the API's data of a zone."""
        path = f"zones/{zone['id']}/origin_tls_client_auth/hostnames{what}"
        return self.api.ask("GET", path, prefix="/client/v4/")["result"]

    def discovering(self, zone):
        """Starts a daemon and waits for its first poll."""
        daemon = self.daemon(CONFIG.format(self.api.address, zone))
        eventually(lambda: self.assertEqual(status(daemon, "/-/ready"), 200))
        return daemon


def shown(samples, name):
    """Returns the state of each hostname."""
    return {state for state, value in family(samples, name).items() if value == 1}

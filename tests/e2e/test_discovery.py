"""What somebody sees who has a token and the name of a zone, and knows nothing else yet."""

from harness import Case, Simulator, eventually, family, get, scrape, status

# less is not possible; without base_url it is Cloudflare that is asked
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

    def test_a_token_and_the_name_of_a_zone_show_all_that_it_has(self):
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
        """What the API tells of a zone."""
        path = f"zones/{zone['id']}/origin_tls_client_auth/hostnames{what}"
        return self.api.ask("GET", path, prefix="/client/v4/")["result"]

    def discovering(self, zone):
        """A daemon whose first poll has ended."""
        daemon = self.daemon(CONFIG.format(self.api.address, zone))
        eventually(lambda: self.assertEqual(status(daemon, "/-/ready"), 200))
        return daemon


def shown(samples, name):
    """Each hostname with the state that it is in."""
    return {state for state, value in family(samples, name).items() if value == 1}

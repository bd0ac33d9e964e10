"""A daemon during and after an outage of Cloudflare's API."""

import time

from harness import Case, eventually, family, scrape, status

ZONE = "example.com"
# healthy, expired and without an association
HOSTNAMES = ["api.example.com", "intranet.example.com", "staging.example.com"]
COUNTDOWN = "hostname_certificate_expires_in_seconds"


class Outage(Case):
    def test_readings_survive_an_outage_and_are_refreshed_afterwards(self):
        api = self.simulate()
        daemon = self.serve(api.address, ZONE, HOSTNAMES)
        before = self.when_up(daemon, 1)
        self.assertEqual(api.stop(), 0)

        away = self.when_up(daemon, 0)
        self.assertEqual(values(away), values(before))
        time.sleep(2)
        later = scrape(daemon)
        self.assertEqual(values(later), values(before))
        self.assertEqual(read_at(later), read_at(away))
        for hostname in HOSTNAMES[:2]:
            self.assertLess(family(later, COUNTDOWN)[hostname], family(away, COUNTDOWN)[hostname])
        self.assertEqual(status(daemon, "/-/healthy"), 200)
        self.assertEqual(status(daemon, "/-/ready"), 200)

        self.simulate(api.address)
        back = self.when_up(daemon, 1)
        for hostname in HOSTNAMES:
            self.assertGreater(read_at(back)[hostname], read_at(away)[hostname])
        self.assertEqual(daemon.stop(), 0)

    def when_up(self, daemon, up):
        def look():
            samples = scrape(daemon)
            self.assertEqual(family(samples, "hostname_up"), dict.fromkeys(HOSTNAMES, up))
            self.assertEqual(family(samples, "zone_up"), {None: up})
            return samples

        return eventually(look)


def read_at(samples):
    return family(samples, "hostname_last_success_timestamp_seconds")


def values(samples):
    """Returns the readings of the hostnames without times and values that depend on the time."""
    return {
        (name, labels): value
        for (name, labels), value in samples.items()
        if name.startswith(("cloudflare_aop_hostname_", "cloudflare_aop_certificate_"))
        and not name.endswith(("_up", "_last_success_timestamp_seconds", "_expires_in_seconds"))
        and dict(labels).get("finding") != "not_read"
    }

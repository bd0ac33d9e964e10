"""Cloudflare's own SDK with the simulated API, and a daemon that sees its changes."""

import cloudflare

from harness import TOKEN, Case, eventually, family, scrape

ZONE = "example.com"
HOSTNAME = "api.example.com"


class Sdk(Case):
    def setUp(self):
        self.api = self.simulate()
        base_url = f"http://{self.api.address}/client/v4"
        client = cloudflare.Cloudflare(api_token=TOKEN, base_url=base_url, max_retries=0)
        self.addCleanup(client.close)
        [zone] = client.zones.list(name=ZONE)
        self.zone_id = zone.id
        self.aop = client.origin_tls_client_auth

    def test_the_sdk_reads_hostnames_and_certificates(self):
        found = self.aop.hostnames.get(HOSTNAME, zone_id=self.zone_id)
        self.assertEqual((found.hostname, found.enabled, found.status), (HOSTNAME, True, "active"))
        self.assertIn("BEGIN CERTIFICATE", found.certificate)
        certificates = list(self.aop.hostname_certificates.list(zone_id=self.zone_id))
        self.assertIn(found.cert_id, [certificate.id for certificate in certificates])
        with self.assertRaises(cloudflare.NotFoundError) as missing:
            self.aop.hostnames.get("staging.example.com", zone_id=self.zone_id)
        self.assertEqual([error.code for error in missing.exception.errors], [1553])

    def test_changes_by_the_sdk_are_seen_at_the_next_poll(self):
        daemon = self.serve(self.api.address, ZONE, [HOSTNAME])
        cert_id = self.aop.hostnames.get(HOSTNAME, zone_id=self.zone_id).cert_id

        def sees(association, enabled):
            def look():
                samples = scrape(daemon)
                states = family(samples, "hostname_association").items()
                self.assertEqual([state for (_, state), value in states if value == 1], [association])
                self.assertEqual(family(samples, "hostname_enabled"), {HOSTNAME: enabled})

            eventually(look)

        sees("enabled", 1)
        self.update(cert_id, False)
        sees("disabled", 0)
        self.update(cert_id, True)
        sees("enabled", 1)
        self.update(cert_id, None)
        sees("void", 0)
        # a void association disappears after a while
        sees("none", 0)

    def update(self, cert_id, enabled):
        config = [{"hostname": HOSTNAME, "cert_id": cert_id, "enabled": enabled}]
        changed = list(self.aop.hostnames.update(zone_id=self.zone_id, config=config))
        found = {association.hostname: association.enabled for association in changed}
        self.assertEqual(found[HOSTNAME], enabled)

"""Checks with the reference parsers that both text formats have the same content."""

import random

from harness import OPENMETRICS, TEXT, Case, Simulator, eventually, scrape


class Formats(Case):
    def test_both_formats_have_the_same_samples_plain_and_compressed(self):
        demo = self.demo()

        # a scrape is counted only after its response
        scrape(demo, TEXT)

        def compare():
            before = scrape(demo, TEXT)
            others = {
                (accept, encoding): scrape(demo, accept, encoding)
                for accept in [TEXT, OPENMETRICS]
                for encoding in ["identity", "gzip"]
            }
            after = scrape(demo, TEXT)
            # between two polls, only values that depend on the time change
            self.assertEqual(lasting(before), lasting(after), "a poll ran in between")
            return before, others

        page, others = eventually(compare)
        self.assertGreater(len(page), 800)
        for variant, other in others.items():
            with self.subTest(variant):
                self.assertEqual(other.keys(), page.keys())
                self.assertEqual(lasting(other), lasting(page))

    def test_certificate_text_from_the_api_survives_both_formats(self):
        chance = random.Random(20)
        pieces = ["\\", '"', "\n", "\\n", "é", "\u2028", "\u202e", "\x85", "\t", "{}", ",", "=", " ", "# EOF", "x"]
        texts = ["".join(chance.choices(pieces, k=chance.randrange(1, 30))) for _ in range(40)]
        api, zone = Simulator(self.simulate()), "zones/example.com"
        said = {}
        for text in texts:
            certificate = api.ask("POST", f"{zone}/certificates", {"expires_in": 3600})["id"]
            api.ask("PATCH", f"{zone}/certificates/{certificate}", {"serial_number": text})
            said[certificate] = text
        daemon = self.serve(api.address, "example.com", ["app.example.com"], 'strategy = "list"')

        def read(accept):
            samples = (dict(labels) for name, labels in scrape(daemon, accept) if name == "cloudflare_aop_certificate_info")
            return {labels["cert_id"]: labels["serial_number"] for labels in samples if labels["cert_id"] in said}

        eventually(lambda: self.assertEqual(read(TEXT), said))
        self.assertEqual(read(OPENMETRICS), said)


def lasting(samples):
    """Returns the samples that are the same in two scrapes a moment apart."""
    return {
        (name, labels): value
        for (name, labels), value in samples.items()
        if not name.startswith(("process_", "cloudflare_aop_exporter_http_")) and not name.endswith("_expires_in_seconds")
    }

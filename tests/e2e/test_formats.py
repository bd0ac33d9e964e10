"""Both text formats, read by the reference parsers, say the same."""

from harness import OPENMETRICS, TEXT, Case, eventually, scrape


class Formats(Case):
    def test_both_formats_hold_the_same_samples_plain_and_compressed(self):
        demo = self.demo()

        def compare():
            before = scrape(demo, TEXT)
            others = {
                (accept, encoding): scrape(demo, accept, encoding)
                for accept in [TEXT, OPENMETRICS]
                for encoding in ["identity", "gzip"]
            }
            after = scrape(demo, TEXT)
            # between two polls nothing changes but what the time itself does
            self.assertEqual(lasting(before), lasting(after), "a poll came in between")
            return before, others

        page, others = eventually(compare)
        self.assertGreater(len(page), 800)
        for variant, other in others.items():
            with self.subTest(variant):
                self.assertEqual(other.keys(), page.keys())
                self.assertEqual(lasting(other), lasting(page))


def lasting(samples):
    """What is the same in two scrapes a moment apart."""
    return {
        (name, labels): value
        for (name, labels), value in samples.items()
        if not name.startswith("process_") and not name.endswith("_expires_in_seconds")
    }

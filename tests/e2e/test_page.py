"""Checks of the demo's metrics page."""

import subprocess

from harness import OPENMETRICS, TEXT, Case, family, get, scrape


class Page(Case):
    def test_promtool_accepts_the_page(self):
        _, page = get(self.demo(), "/metrics", Accept=TEXT)
        command = ["promtool", "check", "metrics"]
        result = subprocess.run(command, input=page, capture_output=True, text=True, timeout=30)
        self.assertEqual((result.returncode, result.stdout + result.stderr), (0, ""))

    def test_every_kind_of_problem_is_shown(self):
        demo = self.demo()
        for accept in [TEXT, OPENMETRICS]:
            samples = scrape(demo, accept)
            self.assertEqual(shown(samples, "hostname_association"), {"enabled", "disabled", "void", "none"})
            self.assertGreaterEqual(len(shown(samples, "hostname_status")), 5)
            left = family(samples, "hostname_certificate_expires_in_seconds").values()
            self.assertLess(min(left), 0)
            self.assertGreater(max(left), 0)
            agree = list(family(samples, "hostname_certificate_metadata_match").values())
            self.assertEqual(agree.count(0), 1)
            self.assertEqual(set(family(samples, "hostname_up").values()), {1})
            self.assertEqual(len(family(samples, "hostname_up")), 20)


def shown(samples, name):
    """Returns the states that any hostname is in."""
    return {state for (_, state), value in family(samples, name).items() if value == 1}

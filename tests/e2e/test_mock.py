"""Prism mocks generated from our description of the API. They refuse requests that violate the description, and respond
with its examples or with random data. Every response must become a reading or a counted error."""

import json
from collections import Counter

from harness import ROOT, TOKEN, Case, eventually, scrape, status

DESCRIPTION = ROOT / "tests/e2e/openapi.yaml"
PRISM = ROOT / "target/e2e-node/node_modules/@stoplight/prism-cli/dist/index.js"
ACCOUNT = "0123456789abcdef0123456789abcdef"
# only the initial poll
ONCE = "0 0 0 1 1 *"
EVERY_SECOND = "* * * * * *"
HOSTNAMES = [f"app-{number}.example.com" for number in range(5)]


class Mock(Case):
    def test_requests_match_the_description_and_examples_are_read(self):
        api = self.prism()
        token = {"Authorization": f"Bearer {TOKEN}"}
        self.assertEqual(status(api, "/zones?per_page=50", **token), 200)
        self.assertEqual(status(api, "/zones?per_page=51", **token), 422, "the mock accepts anything")
        by_get = zone("example.com", hostnames=HOSTNAMES, strategy="get", zone_level=True)
        by_list = zone("example.org", hostnames=["api.example.org", "shop.example.org"], strategy="list")
        # the token is verified concurrently with the poll
        verified = lambda samples: totals(samples, "api_token_valid")
        samples = self.polled(api, ONCE, verified, default=[by_get, by_list])
        expected = {
            "hostname_get 200": len(HOSTNAMES),
            "hostname_list 200": 1,
            "certificate_list 200": 1,
            "zone_certificate_list 200": 1,
            "zone_settings 200": 1,
            "global_switch_get 200": 1,
            "ssl_mode_get 200": 1,
            "zone_list 200": 2,
            # tokens owned by a user and by an account
            "token_verify 200": 2,
        }
        self.assertEqual(totals(samples, "api_requests_total", "call", "code"), expected)
        self.assertEqual(totals(samples, "api_token_valid", "account"), {"default": 1})
        self.assertEqual(totals(samples, "exporter_poll_errors_total"), {"": 0})
        self.assertEqual(totals(samples, "hostname_up", "zone"), {"example.com": len(HOSTNAMES), "example.org": 2})
        enabled = totals(samples, "hostname_enabled", "hostname")
        self.assertEqual(enabled, dict.fromkeys([*HOSTNAMES, "api.example.org"], 1) | {"shop.example.org": 0})
        self.assertEqual(totals(samples, "zone_level_enabled", "zone"), {"example.com": 1})
        self.assertEqual(totals(samples, "certificate_info", "level"), {"hostname": 3, "zone": 1})

    def test_every_random_response_is_a_reading_or_a_counted_error(self):
        many = [f"app-{number}.example.com" for number in range(450)]
        ids = [f"{number:032x}" for number in range(41)]
        listed, levels, named = ids[1:21], ids[21:], [f"{number}.example" for number in range(5)]
        samples = self.polled(
            self.prism("--dynamic"),
            ONCE,
            get=[zone(id=ids[0], hostnames=many, strategy="get")],
            list=[zone(id=id, hostnames=HOSTNAMES, strategy="list") for id in listed],
            level=[zone(id=id, zone_level=True) for id in levels],
            name=[zone(name, zone_level=True) for name in named],
        )
        self.assertEqual(set(totals(samples, "api_requests_total", "code")), {"200"})
        answers = totals(samples, "api_requests_total", "account", "call")
        self.assertGreaterEqual(answers.total(), 500)
        errors = totals(samples, "exporter_poll_errors_total", "zone")
        zones_up = totals(samples, "zone_up", "zone")
        up = totals(samples, "hostname_up", "zone")

        self.assertEqual(answers["get hostname_get"], len(many))
        self.assertEqual(up[ids[0]] + errors[ids[0]], len(many))
        self.assertTrue(up[ids[0]] and errors[ids[0]], "the responses are not random")

        # hostnames missing from a list are requested by GET, and all of them if there is no list
        self.assertEqual(answers["list hostname_get"], len(listed) * len(HOSTNAMES))
        for id in listed:
            # an incomplete or missing list is a separate error, and so are fields of an unexpected form, once per zone
            failed = len(HOSTNAMES) - up[id]
            self.assertIn(errors[id] - failed, [0, 1, 2], id)

        self.assertEqual(answers["level zone_settings"], len(levels))
        # a random list may claim to have more pages
        self.assertGreaterEqual(answers["level zone_certificate_list"], len(levels))
        switches = totals(samples, "zone_level_enabled", "zone")
        for id in levels:
            # a list may be incomplete or have no trusted row
            without_switch = int(id not in switches)
            # a setting may be refused, too
            self.assertIn(errors[id] - without_switch, [0, 1, 2, 3], id)

        # no random zone has the requested name
        self.assertGreaterEqual(answers["name zone_list"], len(named))
        self.assertEqual([(errors[name], zones_up[name]) for name in named], [(1, 0)] * len(named))

    def test_many_polls_with_random_responses_break_nothing(self):
        # few random lists are complete, and the next one drops what they discovered
        ids = [f"{number:032x}" for number in range(40)]
        zones = [zone(id=id, hostnames=HOSTNAMES[:1], discover=True, zone_level=True) for id in ids]
        discoveries = []

        def enough(samples):
            discoveries.append(totals(samples, "zone_hostnames")[""] - len(zones))
            return max(discoveries) > 0 and totals(samples, "exporter_polls_total")[""] > 5

        self.polled(self.prism("--dynamic"), EVERY_SECOND, enough, default=zones)

    def prism(self, *options):
        return self.start("node", PRISM, "mock", "--port", "0", *options, DESCRIPTION)

    def polled(self, api, schedule, enough=lambda samples: True, **accounts):
        """Returns the page of a daemon that polls the zones of these accounts, after the first poll and once `enough` holds."""
        sections = [f'[poll]\nschedule = "{schedule}"\njitter = "0s"\n']
        for account, zones in accounts.items():
            keys = toml(name=account, id=ACCOUNT, base_url=f"http://{api.address}")
            sections += ["[[account]]\n", keys, 'rate_limit = { requests = 100000, per = "1s" }\n', *zones]
        daemon = self.daemon("".join(sections))

        def look():
            samples = scrape(daemon)
            self.assertTrue(totals(samples, "exporter_polls_total")[""] and enough(samples), daemon.output()[-2000:])
            return samples

        samples = eventually(look, seconds=180)
        self.assertEqual(daemon.stop(), 0)
        self.assertNotIn("panicked", daemon.output())
        return samples


def zone(name=None, **keys):
    return "[[account.zone]]\n" + toml(**({"name": name} if name else {}), **keys)


def toml(**keys):
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())


def totals(samples, name, *labels):
    """Returns the sums of the samples of one name by the values of these labels."""
    found = Counter()
    for (sample, values), value in samples.items():
        if sample == f"cloudflare_aop_{name}":
            values = dict(values)
            found[" ".join(values[label] for label in labels)] += value
    return found

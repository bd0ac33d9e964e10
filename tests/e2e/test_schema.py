"""Checks the JSON Schema of the configuration with valid configurations and with mistakes."""

import json
import re
import subprocess
import tomllib

import jsonschema

from harness import EXPORTER, ROOT, Case

SCHEMA = json.loads((ROOT / "deploy/config.schema.json").read_text())
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
EXAMPLE = (ROOT / "config.example.toml").read_text()
DOCUMENTS = "".join(path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))])
MISTAKES = (ROOT / "tests/fixtures/config_mistakes.txt").read_text()

# mistakes that the schema cannot detect, since most concern several entries, another file or arithmetic
BEYOND = {
    "A hostname of another zone",
    "A hostname twice",
    "An id as name",
    "A zone twice",
    "Two accounts without a name",
    "A jitter as long as the schedule",
    "Thresholds in the wrong order",
    "A variable that is not set, and one that is empty",
    "A missing token file",
    "A token file in the home folder",
    "An empty token file",
    "A folder as token file",
    "A state file in a missing folder",
    "A folder as state file",
    "An encrypted key",
    "Certificate and key swapped",
    "A Windows path whose backslash starts an escape",
    "A legacy encrypted key of openssl",
}

# configurations with a placeholder, each with valid and invalid values for it
ZONE = '[[account]]\n{}[[account.zone]]\nname = "example.com"\nhostnames = [{}]\n'
PLAIN = ZONE.format("", '"app.example.com"')
SPAN = (
    ["30s", "500ms", "+30s", "30 s", "30s ", "30secs", "1 minute", "59 seconds 1s500ms", "PT30S", "pt1.5s", "00:00:30"],
    ["", "30", "-30s", "30s ago", " 30s", "30S", "5M", "1mo", "2 months", "1y", "P1M", "P1Y", "PT", "1:00", "1m,30s",
     "30s 1m", "1.5m 3s", "1_0s", "1e1s"],
)
VALUES = {
    "[thresholds]\npending = {}\n" + PLAIN: (
        [*SPAN[0][:6], "30d", "2w", "1 day", "1d12h", "1h, 30m", "1h  30m", "1.5h", "1,5h", "P1W", "P1DT1H", "1d 01:00:00", "100µs"],
        [*SPAN[1], "1.5d", "1D", "P1DT"],
    ),
    '[poll]\nschedule = "0 0 * * * *"\njitter = {}\n' + PLAIN: (["0s", "59m", *SPAN[0][:2]], ["1d", "1w", "P1D", *SPAN[1]]),
    ZONE.format("timeout = {}\n", '"app.example.com"'): (["30s", "5m", "PT30S"], ["1d", "1mo", "P1D", *SPAN[1]]),
    ZONE.format("rate_limit = {{ requests = 600, per = {} }}\n", '"app.example.com"'): (["30s", "24h"], ["1d", "1mo", *SPAN[1]]),
    "[probe]\ntimeout = {}\n" + PLAIN: (["30s", "100ms"], ["1d", "1mo", *SPAN[1]]),
    ZONE.format("base_url = {}\n", '"app.example.com"'): (
        ["https://a.example", "HTTPS://a.example/", "https://a:443/b@c", "https://bücher.example/", "https://1.2.3.4/", "https://[::1]/",
         "http://localhost", "http://LOCALHOST:80/x", "HTTP://Localhost/", "http://127.0.0.1:1/", "http://127.1/", "http://[::1]:80/x",
         "http://[0:0:0:0:0:0:0:1]/"],
        ["", "a.example", "ftp://a/", "https://", "https://a b/", "https://a/?x", "https://a/#x", "https://u@a/", "https://a:99999/",
         "https://a:port/", "https://[::1/", "https://1.2.3.999/", "http://a.example/", "http://localhost.evil/", "http://localhostx",
         "http://localhost./", "http://u@localhost/", "http://127.evil/", "http://127.0.0.256/", "http://128.0.0.1/", "http://[::2]/",
         "http://127.0.0.1?x"],
    ),
    '[poll]\nschedule = {}\njitter = "0s"\n' + PLAIN: (
        ["0 */5 * * * *", "*/5 * * * *", " * * * * * ", "*\t* * * *", "1,2-9/3 * * * *", "00 * * * *", "0 0 0 L * *", "0 0 0 15,L * *",
         "0 0 0 1W * *", "0 0 0 ? * 1", "0 0 0 * jan-mar *", "0 0 0 * * MON-FRI", "0 0 0 * * SUN,2", "0 0 0 * * 7", "0 0 0 * * 5L",
         "0 0 0 * * 1#2"],
        ["", "* * * *", "* * * * * * *", "@hourly", "60 * * * *", "0 60 * * * *", "0 0 24 * * *", "0 0 0 32 * *", "0 0 0 0 * *",
         "0 0 0 * 13 *", "0 0 0 * 0 *", "0 0 0 * * 8", "a * * * *", "? * * * *", "*/0 * * * *", "0-70 * * * *", "1,,2 * * * *",
         "*-5 * * * *", "+5 * * * *", "0 0 0 LW * *", "0 0 0 1-L * *", "0 0 0 * January *", "0 0 0 * * Monday"],
    ),
    "[server]\nlisten = {}\n" + PLAIN: (
        ["127.0.0.1:1", "[::1]:1", "[fe80::1%1]:1", ":10219", ":65535", "localhost:0", "LOCALHOST.:1", "a_b:1", "1a:1"],
        ["", "1", "a:", ":65536", "a:+1", "::1:1", "[::1]", "[zz]:1", "256.0.0.1:1", "1.2.3:1", "a.1:1", "a b:1", "a..b:1", "*:1",
         "http://a:1", "bücher:1"],
    ),
    "[server]\nallowed_hosts = [{}]\n" + PLAIN: (
        ["a", "A.b.", "a_b", "localhost"], ["", "*.a", "1.2.3.4", "1.2.3", "[::1]", "a:1", "a..b", "bücher.example"]
    ),
    ZONE.format("", "{}"): (
        ["app.example.com", "APP.Example.com.", "*.example.com", "a_b.example.com", "bücher.example.com", "x" * 63 + ".example.com"],
        ["", "*", "a..example.com", ".example.com", "*a.example.com", "a.*.example.com", "a b.example.com", "a!.example.com",
         "a/b.example.com", "a.example.com..", "x" * 64 + ".example.com"],
    ),
    '[[account]]\n[[account.zone]]\nname = {}\ndiscover = true\n': (
        ["example.com", "com", "a.", "bücher.example", "*", "**", "*.example.com", "a*", "a_b*", "a.*.b"],
        ["", "a..b", ".a", "a!", "a b", "*!", "b*ü.example"],
    ),
    ZONE.format("", '{{ name = "app.example.com", origin = {} }}'): (
        ["203.0.113.7", "203.0.113.7:443", "[::1]", "[::1]:443", "::1", "a.example", "A.example.:8443", "bücher.example"],
        ["", "203.0.113.7:0", "203.0.113.7:65536", "203.0.113", "1.2.3.999", "*.a.example", "a..b", "https://a", "a:b", "a:",
         "[1.2.3.4]", "a b"],
    ),
}
# an origin of a wildcard needs a server_name
WILDCARD = '{{ name = "*.example.com", {} }}'
WILDCARDS = {
    'origin = { address = "203.0.113.7", server_name = "a.example.com" }': True,
    'origins = [{ address = "203.0.113.7", server_name = "a.example.com" }]': True,
    "origins = []": True,
    'expect = "any"': True,
    'origin = "203.0.113.7"': False,
    'origins = ["203.0.113.7"]': False,
    'origin = { address = "203.0.113.7" }': False,
    'origins = [{ address = "203.0.113.7" }]': False,
    'origin = { address = "203.0.113.7", server_name = "*.example.com" }': False,
    'expect = "any", cert_id = "a"': False,
}


class Schema(Case):
    def test_the_schema_is_valid(self):
        jsonschema.Draft7Validator.check_schema(SCHEMA)

    def test_valid_configurations_pass(self):
        shown = re.findall(r"```toml\n(# (?!bad)(?:in )?\w+\.toml\n.*?)```", DOCUMENTS, re.DOTALL)
        self.assertGreater(len(shown), 4)
        for text in [EXAMPLE, *shown]:
            with self.subTest(text):
                self.assert_right(text)

    def test_the_commented_out_parts_of_the_example_pass(self):
        lines = []
        for line in EXAMPLE.splitlines():
            setting = re.fullmatch(r" *# ((?:\w+ = ..*|\{.*|\[.*))", line)
            # only one way to name the token is allowed, and discovered_expect needs discover
            lines.append(setting[1] if setting and "api_token_file" not in line else line)
        text = "\n".join(lines).replace("discover = false", "discover = true")
        self.assertIn("\nexclude = ", text)
        self.assertIn("\n[server.tls]", text)
        self.assert_right(text)

    def test_the_schema_agrees_with_the_parser_on_every_kind_of_value(self):
        for template, values in VALUES.items():
            for right, texts in zip((True, False), values):
                for value in texts:
                    # JSON's strings are TOML's as well
                    self.assert_agreed(template.format(json.dumps(value, ensure_ascii=False)), right)
        for more, right in WILDCARDS.items():
            self.assert_agreed(ZONE.format("", WILDCARD.format(more)), right)

    def assert_agreed(self, text, right):
        path = self.folder() / "aop.toml"
        path.write_text(text)
        check = [EXPORTER, "config", "check", "--no-secrets", "--config", path]
        parsed = subprocess.run(check, capture_output=True, timeout=30).returncode == 0
        self.assertEqual((parsed, VALIDATOR.is_valid(tomllib.loads(text))), (right, right), text)

    def assert_right(self, text):
        path = self.folder() / "aop.toml"
        path.write_text(text)
        check = [EXPORTER, "config", "check", "--no-secrets", "--config", path]
        result = subprocess.run(check, capture_output=True, text=True, timeout=30)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(list(VALIDATOR.iter_errors(tomllib.loads(text))), [])

    def test_mistakes_that_the_schema_can_detect_do_not_pass(self):
        passed = set()
        cases = MISTAKES.split("\n=== ")[1:]
        for case in cases:
            title, text = case.split("--- output:\n")[0].split("\n", 1)
            try:
                config = tomllib.loads(text.replace("<TAB>", "\t"))
            except tomllib.TOMLDecodeError:
                continue
            if VALIDATOR.is_valid(config):
                passed.add(title)
        self.assertEqual(passed, BEYOND)

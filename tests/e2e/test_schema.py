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
    "A minute that no hour has",
    "A jitter as long as the schedule",
    "Thresholds in the wrong order",
    "An IPv6 address without brackets",
    "A variable that is not set, and one that is empty",
    "A token file that is missing",
    "A token file in the home folder",
    "A token file that is empty",
    "A folder as token file",
    "A state file in a folder that is missing",
    "A folder as state file",
    "An encrypted key",
    "Certificate and key exchanged",
    "A path of Windows whose backslash is a tabulator",
    "A legacy encrypted key of openssl",
}


class Schema(Case):
    def test_the_schema_is_valid(self):
        jsonschema.Draft7Validator.check_schema(SCHEMA)

    def test_configurations_that_are_right_pass(self):
        shown = re.findall(r"```toml\n(# \w+\.toml\n.*?)```", DOCUMENTS, re.DOTALL)
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
            title, text = case.split("--- said:\n")[0].split("\n", 1)
            try:
                config = tomllib.loads(text.replace("<TAB>", "\t"))
            except tomllib.TOMLDecodeError:
                continue
            if VALIDATOR.is_valid(config):
                passed.add(title)
        self.assertEqual(passed, BEYOND)

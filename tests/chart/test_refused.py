"""Checks the values that the chart refuses, and its messages."""

import re

from chart import REFUSED, SCHEMA, Case, helm


class Refused(Case):
    def test_invalid_values_are_refused_with_their_key_and_the_reason(self):
        for case in REFUSED:
            with self.subTest(case["says"]):
                code, text, errors = helm("template aop", values=case["values"])
                self.assertEqual((code, text), (1, ""))
                [said] = re.findall(r"^(?:Error: execution error at \(.*?\): )?(- at .*|(?<=: ).*)$", errors, re.MULTILINE)
                self.assertEqual(said, case["says"])

    def test_unknown_keys_are_refused_on_every_level(self):
        for path, schema in objects(SCHEMA):
            fixed = "properties" in schema
            self.assertEqual(schema.get("additionalProperties") is False, fixed, path)


def objects(schema, path=""):
    """Yields all schemas of objects within this one."""
    if schema.get("type") == "object":
        yield path, schema
    for key in ("properties", "definitions"):
        for name, each in schema.get(key, {}).items():
            yield from objects(each, f"{path}/{name}")
    # Kubernetes validates items that the schema does not describe
    if schema.get("items", {}).get("properties"):
        yield from objects(schema["items"], f"{path}/items")

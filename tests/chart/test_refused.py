"""What the chart refuses, and in which words."""

import re

from chart import REFUSED, SCHEMA, Case, helm


class Refused(Case):
    def test_values_that_cannot_be_meant_are_refused_with_their_key_and_what_is_wrong(self):
        for case in REFUSED:
            with self.subTest(case["says"]):
                code, text, errors = helm("template aop", values=case["values"])
                self.assertEqual((code, text), (1, ""))
                [said] = re.findall(r"^(?:Error: execution error at \(.*?\): )?(- at .*|(?<=: ).*)$", errors, re.MULTILINE)
                self.assertEqual(said, case["says"])

    def test_a_key_that_is_unknown_is_refused_on_every_level(self):
        for path, schema in objects(SCHEMA):
            fixed = "properties" in schema
            self.assertEqual(schema.get("additionalProperties") is False, fixed, path)


def objects(schema, path=""):
    """All schemas of objects that stand within this one."""
    if schema.get("type") == "object":
        yield path, schema
    for key in ("properties", "definitions"):
        for name, each in schema.get(key, {}).items():
            yield from objects(each, f"{path}/{name}")
    # an item is checked by Kubernetes, unless the schema says what it holds
    if schema.get("items", {}).get("properties"):
        yield from objects(schema["items"], f"{path}/items")

"""Renders the chart with Helm, and validates the result with schemas."""

import json
import re
import subprocess
import tempfile
import unittest
from functools import cache, wraps
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy/kubernetes"
CHART = KUBERNETES / "chart"
HELM = ROOT / "target/chart-venv/bin/helm"
NODE = ROOT / "target/chart-node"
RULES = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())
METADATA = yaml.safe_load((CHART / "Chart.yaml").read_text())
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
HERE = Path(__file__).parent
VALID = yaml.safe_load((HERE / "valid.yaml").read_text())
REFUSED = yaml.safe_load((HERE / "refused.yaml").read_text())


def helm(command, *options, values=None, chart=CHART):
    """Returns the exit code and the output of Helm, without its warnings about symbolic links in the chart."""
    command = [HELM, *command.split(), chart, *options]
    if values is not None:
        command += ["--values", "-"]
    ended = subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, timeout=60)
    errors = re.sub(r"^level=INFO msg=.found symbolic link.*\n", "", ended.stderr, flags=re.MULTILINE)
    return ended.returncode, ended.stdout, errors


def render(values, release="aop", chart=CHART):
    """Returns all objects that the chart renders with these values."""
    code, text, errors = helm(f"template {release} --namespace monitoring", values=values, chart=chart)
    assert (code, errors) == (0, ""), f"{values}: {errors}"
    return [each for each in yaml.safe_load_all(text) if each]


@cache
def rendered():
    """Returns the objects of each valid set of values, by the name of the set."""
    return {name: render(values) for name, values in VALID.items()}


def one(objects, kind):
    """Returns the only object of this kind."""
    [found] = [each for each in objects if each["kind"] == kind]
    return found


def pod(objects):
    return one(objects, "Deployment")["spec"]["template"]["spec"]


def is_of_the_operator(each):
    return each["apiVersion"].startswith("monitoring.coreos.com/")


def for_each_set(test):
    """Runs the test as a subtest for each valid set of values and its objects."""

    @wraps(test)
    def method(self):
        for name, objects in rendered().items():
            with self.subTest(name):
                test(self, VALID[name], objects)

    return method


class Case(unittest.TestCase):
    maxDiff = None

    def folder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return Path(folder.name)

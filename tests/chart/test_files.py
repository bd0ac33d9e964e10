"""The files around the templates: versions, the table of values, the manifest and the package."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import kubernetes_validate
import yaml

from chart import CHART, DEFAULTS, KUBERNETES, METADATA, ROOT, SCHEMA, VALID, Case, helm, pod, render, rendered

CARGO = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
MANIFEST = KUBERNETES / "manifest.yaml"


class Files(Case):
    def test_the_versions_equal_the_programs_version(self):
        self.assertEqual((METADATA["version"], METADATA["appVersion"]), (CARGO["version"], CARGO["version"]))

    def test_the_chart_and_the_image_name_the_repository_of_the_project(self):
        home = CARGO["repository"]
        self.assertEqual((METADATA["name"], METADATA["home"], METADATA["sources"]), (CARGO["name"], home, [home]))
        self.assertEqual(DEFAULTS["image"]["repository"], home.replace("https://github.com/", "ghcr.io/"))

    def test_the_table_of_values_matches_the_chart(self):
        table = re.findall(r"^\| `(.*?)` \| (.*?) ?\| (.*) \|$", (CHART / "README.md").read_text(), re.MULTILINE)
        expected = list(rows(DEFAULTS, SCHEMA))
        self.assertEqual([(key, default(text, value), means) for (key, text, means), (_, value, _) in zip(table, expected)], expected)
        self.assertEqual(len(table), len(expected))

    def test_the_documented_commands_install_the_chart(self):
        for file in (ROOT / "README.md", ROOT / "docs/installation.md", CHART / "README.md"):
            text = file.read_text().replace("\\\n", "")
            [options] = re.findall(r"^\$ helm install aop oci://ghcr\.io/\S+/charts/cloudflare-aop-exporter (.*)$", text, re.MULTILINE)
            code, said, errors = helm("template aop", *options.split())
            self.assertEqual((code, errors), (0, ""))
            kinds = {each["kind"] for each in yaml.safe_load_all(said)}
            self.assertEqual(kinds, {"Deployment", "Service", "ServiceAccount", "ServiceMonitor", "PrometheusRule"})
            [secret] = re.findall(r"^\$ kubectl create secret generic (\S+) .*--from-literal=token=", text, re.MULTILINE)
            self.assertIn(f"token.existingSecret={secret}", options)

    def test_the_manifest_is_generated_from_the_chart(self):
        made = self.folder() / "manifest.yaml"
        subprocess.run([ROOT / "tests/chart/manifest", made], check=True, timeout=60)
        self.assertEqual(MANIFEST.read_text(), made.read_text(), "run tests/chart/manifest")

    def test_the_manifest_is_valid_in_any_namespace_and_uses_the_secret_of_its_comment(self):
        objects = list(yaml.safe_load_all(MANIFEST.read_text()))
        self.assertEqual([each["kind"] for each in objects], ["ServiceAccount", "Service", "Deployment"])
        for each in objects:
            kubernetes_validate.validate(each, "1.37", strict=True)
        self.assertNotRegex(MANIFEST.read_text(), "namespace:|managed-by")
        [secret] = re.findall(r"create secret generic (\S+) --from-literal=token=", MANIFEST.read_text())
        self.assertEqual(pod(objects)["volumes"][0]["secret"]["secretName"], secret)

    def test_packages_are_identical_for_any_times_and_modes_of_the_files(self):
        copy = self.folder() / "copy"
        for part in (".ci", "deploy"):
            shutil.copytree(ROOT / part, copy / part, symlinks=True)
        file = copy / "deploy/kubernetes/chart/values.yaml"
        file.chmod(0o600)
        os.utime(file, (0, 0))
        packages = [package(root, self.folder()).read_bytes() for root in (ROOT, ROOT, copy)]
        self.assertEqual(packages, packages[:1] * 3)

    def test_the_package_renders_like_the_folder(self):
        made = package(ROOT, self.folder())
        self.assertEqual(made.name, f"{CARGO['name']}-{CARGO['version']}.tgz")
        code, _, errors = helm("lint --strict", values={"demo": True}, chart=made)
        self.assertEqual((code, errors), (0, ""))
        for name in ("a secret of the chart", "everything"):
            self.assertEqual(render(VALID[name], chart=made), rendered()[name])

    def test_helm_prints_only_the_remaining_steps(self):
        said = notes({"demo": True})
        self.assertIn("starts as aop-cloudflare-aop-exporter in the namespace monitoring", said)
        self.assertIn('targets: ["aop-cloudflare-aop-exporter.monitoring.svc:10219"]', said)
        [program] = re.findall(r'^ENTRYPOINT \["(.*)"\]$', (ROOT / "deploy/docker/Dockerfile").read_text(), re.MULTILINE)
        self.assertIn(f"exec deployment/aop-cloudflare-aop-exporter -- {program} print rules", said)
        for value in ("serviceMonitor.enabled=true", "prometheusRule.enabled=true", "dashboard.enabled=true"):
            self.assertIn(value, said)
        done = {name: {"enabled": True} for name in ("podMonitor", "prometheusRule", "dashboard")}
        self.assertNotIn("enabled=true", notes({"demo": True, **done}))


def rows(values, schema, path=""):
    """Yields the key, default and meaning of each value."""
    for name, value in values.items():
        each = schema["properties"][name]
        if "properties" in each and value:
            yield from rows(value, each, f"{path}{name}.")
        else:
            yield path + name, value, each["description"]


def default(text, value):
    """Returns the default as in the table, which omits nested values."""
    if text == "see `values.yaml`" and value and isinstance(value, dict):
        return value
    plain = text.strip("`")
    return plain if isinstance(value, str) else yaml.safe_load(plain)


def package(root, folder):
    """Packages the chart of this checkout into the folder."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    ended = subprocess.run([root / ".ci/chart", folder], env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    return Path(ended.stdout.strip())


def notes(values):
    _, text, _ = helm("install aop --dry-run=client --namespace monitoring", values=values)
    return text.partition("\nNOTES:\n")[2]

"""Validates every object of the chart with the schemas of Kubernetes and of the Prometheus Operator."""

import json
import shutil
import subprocess

import kubernetes_validate

from chart import HERE, NODE, Case, helm, is_of_the_operator, rendered


class Schemas(Case):
    def test_helm_lint_accepts_the_chart(self):
        code, text, errors = helm("lint --strict", values={"demo": True})
        self.assertEqual((code, errors), (0, ""), text)
        self.assertIn("1 chart(s) linted, 0 chart(s) failed", text)

    def test_objects_are_valid_in_the_oldest_and_the_newest_kubernetes(self):
        # many sets of values render equal objects
        distinct = {json.dumps(each): (name, each) for name, objects in rendered().items() for each in objects}
        for name, each in distinct.values():
            with self.subTest(name, kind=each["kind"]):
                if not is_of_the_operator(each):
                    for version in ("1.25", "1.37"):
                        kubernetes_validate.validate(each, version, strict=True)

    def test_objects_of_the_prometheus_operator_match_its_schemas_without_unknown_fields(self):
        objects = [each for objects in rendered().values() for each in objects if is_of_the_operator(each)]
        self.assertEqual({each["kind"] for each in objects}, {"ServiceMonitor", "PodMonitor", "PrometheusRule"})
        self.assertEqual(problems(objects), "")

    def test_an_invalid_field_of_the_prometheus_operator_is_detected(self):
        monitor = {"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {"name": "x"}}
        good = {**monitor, "spec": {"selector": {}, "endpoints": [{"port": "http"}]}}
        unknown = {**monitor, "spec": {"selector": {}, "endpoints": [{"prt": "http"}]}}
        mistyped = {**monitor, "spec": {"selector": {}, "endpoints": [{"honorLabels": "yes"}]}}
        self.assertEqual(problems([good]), "")
        self.assertIn("""'"prt"' does not exist in type 'IEndpoint'""", problems([unknown]))
        self.assertIn("honorLabels must be boolean", problems([mistyped]))


def problems(objects):
    """Returns the errors of the operator's types and schemas about these objects."""
    # TypeScript reports unknown properties only of literals
    lines = ['import type * as v1 from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";']
    lines += [f"export const _{n}: v1.I{each['kind']} = {json.dumps(each)};" for n, each in enumerate(objects)]
    (NODE / "objects.ts").write_text("\n".join(lines))
    (NODE / "objects.json").write_text(json.dumps(objects))
    shutil.copy(HERE / "operator.mjs", NODE)
    types = "node_modules/.bin/tsc --noEmit --strict --skipLibCheck --target es2022 --module esnext --moduleResolution bundler"
    said = ""
    for command in ([*types.split(), "objects.ts"], ["node", "operator.mjs"]):
        ended = subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=120)
        said += ended.stdout + ended.stderr if ended.returncode else ""
    return said

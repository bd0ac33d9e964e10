"""Checks that the Helm chart fits the program, with the pod's arguments, variables and files."""

import json
import subprocess

import yaml

from harness import EXPORTER, ROOT, TOKEN, Case, eventually, family, scrape, status

CHART = ROOT / "deploy/kubernetes/chart"
SETS = yaml.safe_load((ROOT / "tests/chart/valid.yaml").read_text())
CONFIG = "/etc/cloudflare-aop-exporter/config.toml"
HOST = "aop-cloudflare-aop-exporter.monitoring.svc:10219"


class Chart(Case):
    def test_the_program_accepts_every_configuration_of_the_charts_tests(self):
        configured = {name: values for name, values in SETS.items() if "config" in values}
        self.assertGreater(len(configured), 4)
        for name, values in configured.items():
            with self.subTest(name):
                pod = Pod(values, self.folder())
                command = [EXPORTER, "config", "check", "--no-secrets", "--config", pod.file(CONFIG)]
                ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
                self.assertEqual((ended.returncode, ended.stderr), (0, ""))

    def test_a_pod_with_only_a_token_becomes_ready_and_keeps_its_state(self):
        api = self.simulate()
        pod = self.pod({"token": {"value": TOKEN}}, CLOUDFLARE_BASE_URL=f"http://{api.address}/client/v4")
        self.assertIn("app.example.com", family(scrape(pod.process), "hostname_enabled"))
        eventually(lambda: self.assertTrue(pod.file("/var/lib/cloudflare-aop-exporter/state.json").exists()))

    def test_a_pod_uses_its_configuration_and_the_tokens_named_in_it(self):
        api = self.simulate()
        for name, line in (("in the variable", ""), ("in a file", 'api_token_file = "/run/secrets/cloudflare-aop-exporter/edge"')):
            with self.subTest(f"a token {name}"):
                token = {"value": TOKEN, "key": "edge"}
                config = f'[[account]]\n{line}\nbase_url = "http://{api.address}/client/v4"\n'
                config += 'zone = [{ name = "shop.example", discover = true }]'
                pod = self.pod({"token": token, "config": config})
                self.assertEqual(list(family(scrape(pod.process), "zone_up").values()), [1])

    def test_a_pod_serves_a_simulated_account(self):
        pod = self.pod({"demo": True, "log": {"level": "debug", "format": "json"}})
        self.assertIn("app.example.com", family(scrape(pod.process), "hostname_enabled"))
        self.assertTrue(any(line.startswith('{"') and "DEBUG" in line for line in pod.process.output().splitlines()))

    def pod(self, values, **variables):
        """Runs the program like its container and waits until it is healthy and ready, also under the Service's name."""
        pod = Pod(values, self.folder())
        pod.process = self.start(EXPORTER, *pod.container["args"], env={**pod.environment(), **variables})
        for probe in ("livenessProbe", "readinessProbe"):
            path = pod.container[probe]["httpGet"]["path"]
            eventually(lambda path=path: self.assertEqual(status(pod.process, path), 200))
        self.assertEqual(status(pod.process, "/metrics", Host=HOST), 200)
        return pod


class Pod:
    """The container of the chart, with its volumes in a directory."""

    def __init__(self, values, folder):
        command = [ROOT / "target/chart-venv/bin/helm", "template", "aop", CHART, "--namespace", "monitoring", "--values", "-"]
        made = subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, timeout=60, check=True)
        objects = [each for each in yaml.safe_load_all(made.stdout) if each]
        self.data = {each["metadata"]["name"]: each.get("data") for each in objects if each["kind"] == "ConfigMap"}
        self.secrets = {each["metadata"]["name"]: each["stringData"] for each in objects if each["kind"] == "Secret"}
        [spec] = [each["spec"]["template"]["spec"] for each in objects if each["kind"] == "Deployment"]
        [self.container] = spec["containers"]
        self.folder = folder
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        for mount in self.container["volumeMounts"]:
            self.fill(self.file(mount["mountPath"]), volumes[mount["name"]])

    def fill(self, path, volume):
        path.mkdir(parents=True)
        # Secrets not created by the chart are empty here
        files = self.secrets.get(volume.get("secret", {}).get("secretName"), {})
        if "configMap" in volume:
            files = self.data[volume["configMap"]["name"]]
        for name, text in files.items():
            (path / name).write_text(self.here(text))

    def file(self, path):
        """Returns the local path of a file in the container."""
        return self.folder / path.lstrip("/")

    def here(self, text):
        """Replaces the volumes' paths in a text with local ones."""
        for mount in self.container["volumeMounts"]:
            text = text.replace(mount["mountPath"], str(self.file(mount["mountPath"])))
        return text

    def environment(self):
        """Returns the container's variables. They name the default configuration file, which has another path here."""
        config = self.file(CONFIG)
        found = {"AOP_CONFIG": str(config)} if config.exists() else {}
        for each in self.container["env"]:
            reference = each.get("valueFrom", {}).get("secretKeyRef")
            value = self.secrets[reference["name"]][reference["key"]] if reference else self.here(each["value"])
            found[each["name"]] = value
        assert found["AOP_LISTEN"] == ":10219", found
        return {**found, "AOP_LISTEN": ":0"}

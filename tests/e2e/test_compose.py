"""Checks of the Dockerfile and the Compose file that need no container engine."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from harness import EXPORTER, ROOT, Case

DOCKER = ROOT / "deploy/docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
SERVICES = yaml.safe_load((DOCKER / "compose.yml").read_text())["services"]
SCHEMA = json.loads((ROOT / "tests/dashboard/package.json").read_text())["dependencies"]["@grafana/schema"]


class Compose(Case):
    def test_hadolint_accepts_the_dockerfile(self):
        hadolint = Path(sys.executable).parent / "hadolint"
        result = subprocess.run([hadolint, DOCKER / "Dockerfile"], capture_output=True, text=True, timeout=60)
        self.assertEqual((result.returncode, result.stdout + result.stderr), (0, ""))

    def test_the_program_accepts_the_arguments_of_the_image_and_the_service(self):
        image = json.loads(re.search(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)[1])
        listen = re.search(r"^ENV AOP_LISTEN=(.*)$", DOCKERFILE, re.MULTILINE)[1]
        self.assertEqual(listen, "0.0.0.0:10219")
        missing = str(self.folder() / "config.toml")
        environment = {"AOP_CONFIG": missing, "AOP_LISTEN": listen}
        result = subprocess.run([EXPORTER, *image], capture_output=True, text=True, timeout=30, env=environment)
        self.assertIn(f"{missing}: cannot be read: No such file", result.stderr)
        self.start(EXPORTER, *[a.replace("0.0.0.0:10219", "127.0.0.1:0") for a in SERVICES["exporter"]["command"]])

    def test_the_exporter_has_no_unneeded_privileges(self):
        self.assertIn("\nUSER 65532:65532\n", DOCKERFILE)
        exporter = SERVICES["exporter"]
        found = exporter["read_only"], exporter["cap_drop"], exporter["security_opt"]
        self.assertEqual(found, (True, ["ALL"], ["no-new-privileges:true"]))
        self.assertEqual(exporter.get("volumes", []), [])

    def test_mounted_files_exist_and_are_read_only(self):
        for name in SERVICES:
            for source, target, mode in mounts(name):
                self.assertTrue((DOCKER / source).exists(), source)
                self.assertEqual(mode, "ro", target)

    def test_images_have_versions_and_grafanas_matches_the_dashboard_check(self):
        images = [service["image"] for service in SERVICES.values() if "image" in service]
        images += [image for image in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) if image != "scratch"]
        self.assertEqual(len(images), len(SERVICES))
        for image in images:
            self.assertRegex(image, r"^[a-z/]+:v?\d+\.\d+\.\d+(-bookworm)?$")
        self.assertEqual(SERVICES["grafana"]["image"], f"grafana/grafana:{SCHEMA}")

    def test_ports_are_published_only_on_loopback(self):
        for name, service in SERVICES.items():
            for port in service["ports"]:
                self.assertRegex(port, r"^127\.0\.0\.1:(\d+):\1$", name)

    def test_configured_addresses_match_the_names_and_ports_of_the_services(self):
        datasource = (ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text()
        asked = re.findall(r'"([a-z]\w*):(\d+)"', (DOCKER / "prometheus.yml").read_text())
        asked += re.findall(r"url: http://(\w+):(\d+)$", datasource, re.MULTILINE)
        self.assertEqual({name for name, _ in asked}, {"alertmanager", "exporter", "prometheus"})
        for name, port in asked:
            self.assertEqual(SERVICES[name]["ports"], [f"127.0.0.1:{port}:{port}"])

    def test_prometheus_is_configured_as_shipped_except_for_the_names(self):
        shipped = (ROOT / "deploy/prometheus/prometheus.yml").read_text()
        named = shipped.replace("127.0.0.1:10219", "exporter:10219").replace("127.0.0.1:9093", "alertmanager:9093")
        self.assertEqual(without_comment((DOCKER / "prometheus.yml").read_text()), without_comment(named))

    def test_prometheus_finds_its_files_in_the_container(self):
        root = self.folder()
        for source, target, _ in mounts("prometheus"):
            inside = root / target.lstrip("/")
            inside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(DOCKER / source, inside)
        # the file that the image reads
        command = ["promtool", "check", "config", root / "etc/prometheus/prometheus.yml"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=30)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("1 rule files found", result.stdout)

    def test_grafana_finds_its_dashboards_in_the_container(self):
        provider = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/cloudflare-aop.yml").read_text())
        [dashboards] = [provider["options"]["path"] for provider in provider["providers"]]
        targets = [target for _, target, _ in mounts("grafana")]
        self.assertEqual(targets, ["/etc/grafana/provisioning", dashboards])


def mounts(name):
    return [volume.split(":") for volume in SERVICES[name].get("volumes", [])]


def without_comment(text):
    return text.partition("\nglobal:")[2]

"""Checks the contents of the chart's objects, and that they match each other."""

from chart import DEFAULTS, METADATA, VALID, Case, for_each_set, one, pod, render, rendered

NAME = "cloudflare-aop-exporter"
SELECTOR = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/instance": "aop"}


class Objects(Case):
    @for_each_set
    def test_every_object_has_a_unique_name_the_namespace_of_the_release_and_labels(self, values, objects):
        own = [each for each in objects if "extraObjects" not in values]
        names = [(each["kind"], each["metadata"]["name"]) for each in own]
        self.assertEqual(len(names), len(set(names)))
        for each in own:
            metadata = each["metadata"]
            self.assertRegex(metadata["name"], "^[a-z][a-z0-9-]{0,61}[a-z0-9]$")
            self.assertEqual(metadata["namespace"], "monitoring")
            self.assertLessEqual(SELECTOR.items(), metadata["labels"].items())

    @for_each_set
    def test_every_selector_matches_the_pod_or_the_service(self, _, objects):
        deployment = one(objects, "Deployment")
        template = deployment["spec"]["template"]["metadata"]["labels"]
        for selector in selectors(objects):
            self.assertEqual(selector, SELECTOR)
            self.assertLessEqual(selector.items(), template.items())
            self.assertLessEqual(selector.items(), one(objects, "Service")["metadata"]["labels"].items())

    @for_each_set
    def test_everything_that_the_pod_mounts_or_references_exists(self, values, objects):
        spec = pod(objects)
        [container] = spec["containers"]
        made = {(each["kind"], each["metadata"]["name"]) for each in objects}
        mounts = [mount["name"] for mount in container["volumeMounts"] or []]
        self.assertEqual(sorted(mounts), sorted(volume["name"] for volume in spec["volumes"] or []))
        given = values.get("token", {}).get("existingSecret"), values.get("state", {}).get("existingClaim"), "aop-tls", "own-token"
        for kind, name in named(spec):
            self.assertTrue((kind, name) in made or name in given, (kind, name))
        if values.get("serviceAccount", {}).get("create", True):
            self.assertIn(("ServiceAccount", spec["serviceAccountName"]), made)

    @for_each_set
    def test_pods_are_restricted_and_have_no_kubernetes_token(self, values, objects):
        spec = pod(objects)
        [container] = spec["containers"]
        user = None if values.get("podSecurityContext") else 65532
        context = spec["securityContext"]
        self.assertEqual((context["runAsNonRoot"], context.get("runAsUser")), (True, user))
        self.assertEqual(context["seccompProfile"], {"type": "RuntimeDefault"})
        restricted = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
        self.assertEqual(container["securityContext"], restricted)
        self.assertIs(spec["automountServiceAccountToken"], False)
        for each in objects:
            if each["kind"] == "ServiceAccount":
                self.assertIs(each["automountServiceAccountToken"], False)

    @for_each_set
    def test_one_pod_runs_and_is_recreated_on_update_only_if_it_has_a_volume_claim(self, values, objects):
        spec = one(objects, "Deployment")["spec"]
        claim = values.get("state", {}).get("type") == "persistentVolumeClaim"
        self.assertEqual((spec["replicas"], spec["strategy"]["type"]), (1, "Recreate" if claim else "RollingUpdate"))

    @for_each_set
    def test_only_the_secret_contains_the_token(self, values, objects):
        token = values.get("token", {}).get("value")
        if token:
            key = values["token"].get("key", "token")
            self.assertEqual(one(objects, "Secret")["stringData"], {key: token})
            others = [each for each in objects if each["kind"] != "Secret"]
            self.assertNotIn("s3cret", str(others))

    def test_the_token_is_a_file_and_with_a_configuration_also_a_variable(self):
        file = "/run/secrets/cloudflare-aop-exporter/token"
        alone = variables(rendered()["an existing secret"])
        self.assertEqual(alone["CLOUDFLARE_API_TOKEN_FILE"], file)
        self.assertNotIn("CLOUDFLARE_API_TOKEN", alone)
        reference = {"secretKeyRef": {"name": "cloudflare-api-token", "key": "token", "optional": True}}
        objects = rendered()["a configuration"]
        configured = variables(objects)
        self.assertEqual(configured["CLOUDFLARE_API_TOKEN"], reference)
        self.assertNotIn("CLOUDFLARE_API_TOKEN_FILE", configured)
        for each in rendered()["an existing secret"], objects:
            self.assertEqual(mounted(each)["/run/secrets/cloudflare-aop-exporter"]["secret"]["secretName"], "cloudflare-api-token")

    @for_each_set
    def test_the_configuration_is_passed_unchanged(self, values, objects):
        found = [each["data"] for each in objects if each["kind"] == "ConfigMap" and "config.toml" in each["data"]]
        config = values.get("config")
        self.assertEqual(found, [{"config.toml": config}] if config else [])
        if config:
            self.assertIn("configMap", mounted(objects)["/etc/cloudflare-aop-exporter"])

    def test_a_changed_configuration_or_token_creates_a_new_pod(self):
        seen = set()
        for token, config in (("a", ""), ("b", ""), ("a", "x"), ("a", "y"), ("", "x")):
            own = {"extraEnv": [{"name": "TOKEN", "value": "a"}]} if not token else {}
            objects = render({"token": {"value": token}, "config": config, **own, "podAnnotations": {"mine": "1"}})
            annotations = one(objects, "Deployment")["spec"]["template"]["metadata"]["annotations"]
            self.assertEqual(annotations["mine"], "1")
            seen.add(annotations["checksum/config"])
        self.assertEqual(len(seen), 5)

    def test_the_state_file_is_in_its_volume(self):
        kept = {"emptyDir": {"sizeLimit": "1Gi"}}, {"persistentVolumeClaim": {"claimName": f"aop-{NAME}"}}
        for case, volume in zip(("demo", "a claim"), kept):
            objects = rendered()[case]
            self.assertEqual(variables(objects)["AOP_STATE_FILE"], "/var/lib/cloudflare-aop-exporter/state.json")
            self.assertEqual(mounted(objects)["/var/lib/cloudflare-aop-exporter"], {"name": "state", **volume})
        self.assertNotIn("AOP_STATE_FILE", variables(rendered()["no state"]))
        self.assertNotIn("/var/lib/cloudflare-aop-exporter", mounted(rendered()["no state"]))
        self.assertNotIn("PersistentVolumeClaim", {each["kind"] for each in rendered()["an existing claim"]})

    @for_each_set
    def test_probes_and_monitors_use_the_scheme_of_the_server(self, values, objects):
        [container] = pod(objects)["containers"]
        scheme = values.get("scheme", "http")
        for probe, path in (("livenessProbe", "/-/healthy"), ("readinessProbe", "/-/ready")):
            self.assertEqual(container[probe]["httpGet"], {"path": path, "port": "http", "scheme": scheme.upper()})
        for endpoint in endpoints(objects):
            self.assertEqual((endpoint["scheme"], endpoint["port"]), (scheme, "http"))

    def test_the_image_has_the_version_of_the_chart_by_default(self):
        images = {name: pod(objects)["containers"][0]["image"] for name, objects in rendered().items()}
        repository = DEFAULTS["image"]["repository"]
        self.assertEqual(images.pop("another image"), "registry.example:5000/aop:v1")
        digest = VALID["an image by its digest"]["image"]["digest"]
        self.assertEqual(images.pop("an image by its digest"), f"{repository}@{digest}")
        self.assertEqual(set(images.values()), {f"{repository}:{METADATA['appVersion']}"})

    def test_a_monitor_keeps_the_exporters_labels_and_uses_the_job_name_of_the_rules(self):
        seen = 0
        for objects in rendered().values():
            for endpoint in endpoints(objects):
                seen += 1
                self.assertIs(endpoint["honorLabels"], True)
                self.assertEqual(endpoint["relabelings"][-1], {"targetLabel": "job", "replacement": "cloudflare-aop"})
        self.assertGreater(seen, 5)
        [endpoint] = endpoints(rendered()["a service monitor with all its values"])
        self.assertEqual((endpoint["interval"], endpoint["scrapeTimeout"]), ("1m30s", "10s"))
        self.assertEqual(endpoint["relabelings"][0]["targetLabel"], "machine")

    def test_a_network_policy_allows_access_to_the_pages_and_egress_to_dns_and_https(self):
        spec = one(rendered()["a network policy"], "NetworkPolicy")["spec"]
        self.assertEqual(spec["ingress"], [{"ports": [{"port": "http"}]}])
        out = [(port["port"], port.get("protocol", "TCP")) for port in spec["egress"][0]["ports"]]
        self.assertEqual((out, len(spec["egress"])), ([(53, "UDP"), (53, "TCP"), (5353, "UDP"), (5353, "TCP"), (443, "TCP")], 1))
        spec = one(rendered()["a network policy for Prometheus only"], "NetworkPolicy")["spec"]
        values = VALID["a network policy for Prometheus only"]["networkPolicy"]
        self.assertEqual(spec["ingress"][0]["from"], values["from"])
        self.assertEqual(spec["egress"][1:], values["extraEgress"])

    def test_extra_objects_may_use_templates(self):
        objects = rendered()["extra objects"]
        extra = one([each for each in objects if each["metadata"]["name"].endswith("-extra")], "ConfigMap")
        self.assertEqual((extra["metadata"]["name"], extra["metadata"]["namespace"]), ("aop-extra", "monitoring"))
        backend = one(objects, "Ingress")["spec"]["defaultBackend"]["service"]["name"]
        self.assertEqual(backend, one(objects, "Service")["metadata"]["name"])

    def test_the_name_of_the_service_is_valid_for_any_name_of_the_release(self):
        for release, name in {
            "123": "aop-123-cloudflare-aop-exporter",
            "a.b": "a-b-cloudflare-aop-exporter",
            "1.cloudflare-aop-exporter": "aop-1-cloudflare-aop-exporter",
            "a" * 53: "a" * 53 + "-cloudflar",
        }.items():
            objects = render({"demo": True}, release=release)
            self.assertEqual(one(objects, "Service")["metadata"]["name"], name[:63])

    def test_the_name_of_the_chart_is_not_repeated(self):
        names = {each["metadata"]["name"] for each in render({"demo": True}, release=f"my-{NAME}")}
        self.assertEqual(names, {f"my-{NAME}"})


def selectors(objects):
    for each in objects:
        spec = each.get("spec", {})
        selector = spec.get("selector") or spec.get("podSelector")
        if selector and each["kind"] != "PersistentVolumeClaim":
            yield selector.get("matchLabels", selector)


def named(spec):
    """Yields the objects that a pod references, with their kinds."""
    for volume in spec["volumes"] or []:
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
        elif "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        elif "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]


def variables(objects):
    [container] = pod(objects)["containers"]
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


def mounted(objects):
    """Returns the volumes of the container by mount path."""
    spec = pod(objects)
    volumes = {volume["name"]: volume for volume in spec["volumes"] or []}
    return {mount["mountPath"]: volumes[mount["name"]] for mount in spec["containers"][0]["volumeMounts"] or []}


def endpoints(objects):
    for each in objects:
        if each["kind"] in ("ServiceMonitor", "PodMonitor"):
            yield from each["spec"].get("endpoints") or each["spec"]["podMetricsEndpoints"]

"""Compares Cloudflare's own SDK with a daemon configured only with a pattern, on an account of 300 zones."""

import calendar
import re
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import cloudflare

from harness import EXPORTER, TOKEN, Case, Simulator, api_answers, eventually, scrape

CONFIG = """
[poll]
schedule = "*/10 * * * * *"
jitter = "0s"
[[account]]
base_url = "{}"
rate_limit = {{ requests = 100000, per = "1m" }}
max_concurrent_requests = 32
[[account.zone]]
name = "*"
zone_level = true
"""
STATUSES = ["initializing", "pending_deployment", "pending_deletion", "active", "deleted", "deployment_timed_out"]
STATUSES += ["deletion_timed_out", "unknown"]
ASSOCIATIONS = {True: "enabled", False: "disabled", None: "void"}
MODES = ["off", "flexible", "full", "strict", "origin_pull", "unknown"]
PARTS = ["associations", "zone_level", "settings"]
# metrics that do not come from Cloudflare's data but from the exporter
OWN = "_(up|last_success_timestamp_seconds|poll_interval_seconds|removed_total|finding|drifted|metadata_match|in_seconds"
OWN += "|global_certificate_not_after_timestamp_seconds)$"


class Account(Case):
    maxDiff = None

    def test_the_sdk_and_the_exporter_agree_on_every_zone_hostname_and_certificate(self):
        api = Simulator(self.start(EXPORTER, "simulate", "--listen", "127.0.0.1:0", "--zones", "300"))
        # many hostnames, and two zone-level certificates, one of which is being deployed
        crowd = api.ask("PUT", "zones/crowd.example", {"hostnames": 130, "enabled": True})["id"]
        for status in ["active", "pending_deployment"]:
            made = api.ask("POST", f"zones/{crowd}/certificates", {"expires_in": 5_000_000, "zone_level": True})
            api.ask("PATCH", f"zones/{crowd}/certificates/{made['id']}", {"status": status})
        base_url = f"http://{api.address}/client/v4"
        daemon = self.daemon(CONFIG.format(base_url))
        with cloudflare.Cloudflare(api_token=TOKEN, base_url=base_url, max_retries=0) as client:
            zones, unwatched = told_by(client)
        # the internal zone, the pending one and the moved one
        self.assertEqual(unwatched, ["zone-00000.example", "zone-00001.example", "zone-00002.example"])
        self.assertEqual(len(zones), 298)
        samples = eventually(lambda: self.read(daemon, zones), 60)
        self.check_page(zones, samples)
        self.check_json(zones, api_answers(daemon))

    def read(self, daemon, zones):
        """Returns the samples of a daemon that has read each part of each zone."""
        samples = scrape(daemon)
        read = [dict(labels) for name, labels in samples if name == "cloudflare_aop_zone_part_last_success_timestamp_seconds"]
        parts = {(zone["name"], part) for zone in zones for part in PARTS}
        self.assertEqual({(labels["zone"], labels["part"]) for labels in read}, parts)
        return samples

    def check_page(self, zones, samples):
        told = dict(metrics(zones))
        families = {name for name, _ in told}
        # lists lack this date, and single hostnames are requested only occasionally
        is_shown = lambda key: key in samples or key[0] != "cloudflare_aop_hostname_certificate_updated_timestamp_seconds"
        expected = {key: value for key, value in told.items() if is_shown(key)}
        about = {name for name, _ in samples if re.match("cloudflare_aop_(zone|hostname|certificate)_", name)}
        self.assertEqual({name for name in about - families if not re.search(OWN, name)}, set())
        shown = {key: value for key, value in samples.items() if key[0] in families}
        self.assertEqual(sorted(expected.items() ^ shown.items()), [])
        for thing, count in [("zone", len(zones)), ("hostname", sum(len(zone["hostnames"]) for zone in zones))]:
            up = [value for (name, _), value in samples.items() if name == f"cloudflare_aop_{thing}_up"]
            self.assertEqual(up, [1] * count)
        self.assertEqual(samples["cloudflare_aop_account_zones", (("account", "default"),)], len(zones))

    def check_json(self, zones, page):
        for rows, shown, told in [
            (
                page["zones"],
                lambda row: (row["zone"], row["zone_id"], sum(row["hostnames"].values()), row["zone_level_enabled"]),
                [(zone["name"], zone["id"], len(zone["hostnames"]), zone["enabled"]) for zone in zones],
            ),
            (
                page["certificates"],
                lambda row: (row["zone"], row["level"], row["cert_id"], row["status"], row["serial_number"]),
                [
                    (zone["name"], level, row.id, row.status, row.serial_number)
                    for zone in zones
                    for level in ["hostname", "zone"]
                    for row in zone[level]
                ],
            ),
            (
                page["hostnames"],
                lambda row: (row["zone"], row["hostname"], row["association"], row["cert_id"]),
                [
                    (zone["name"], row.hostname, ASSOCIATIONS[row.enabled], row.cert_id)
                    for zone in zones
                    for row in zone["hostnames"]
                ],
            ),
        ]:
            self.assertEqual(Counter(map(shown, rows)), Counter(told))


def told_by(client):
    """Returns the SDK's data of each active zone, and the names of all others."""
    listed = list(client.zones.list(per_page=50))
    used = [zone for zone in listed if zone.status == "active" and zone.type != "internal"]
    with ThreadPoolExecutor(4) as pool:
        zones = list(pool.map(lambda zone: whole(client, zone), used))
    return zones, sorted(zone.name for zone in listed if zone not in used)


def whole(client, zone):
    """Returns all of the SDK's data of a zone."""
    aop, of_zone = client.origin_tls_client_auth, {"zone_id": zone.id}
    # the SDK has no method for this list, so only the names are taken from it
    path = f"/zones/{zone.id}/origin_tls_client_auth/hostnames"
    rows = client.get(path, cast_to=object, options={"params": {"status": "all", "per_page": 1000}})["result"]
    return {
        "name": zone.name,
        "id": zone.id,
        "hostnames": [aop.hostnames.get(row["hostname"], **of_zone) for row in rows],
        "hostname": list(aop.hostname_certificates.list(**of_zone)),
        "zone": list(aop.zone_certificates.list(**of_zone)),
        "enabled": aop.settings.get(**of_zone).enabled,
        "global": client.zones.settings.get("tls_client_auth", **of_zone).value,
        "ssl": client.zones.settings.get("ssl", **of_zone).value,
    }


def metrics(zones):
    """Returns the samples that follow from the SDK's data."""
    certificates = [row for zone in zones for kind in ["hostnames", "hostname", "zone"] for row in zone[kind]]
    validity = validities({row.certificate for row in certificates})
    for zone in zones:
        of_zone = {"zone": zone["name"]}
        yield sample("zone_info", 1, **of_zone, zone_id=zone["id"], account="default")
        yield sample("zone_hostnames", len(zone["hostnames"]), **of_zone)
        yield sample("zone_level_enabled", zone["enabled"], **of_zone)
        yield sample("zone_global_enabled", zone["global"] == "on", **of_zone)
        yield from states("zone_ssl_mode", "mode", MODES, zone["ssl"], **of_zone)
        for row in zone["hostnames"]:
            labels = {**of_zone, "hostname": row.hostname}
            yield sample("hostname_enabled", row.enabled is True, **labels)
            associations = [*ASSOCIATIONS.values(), "none"]
            yield from states("hostname_association", "association", associations, ASSOCIATIONS[row.enabled], **labels)
            yield from states("hostname_status", "status", STATUSES, row.status, **labels)
            yield sample("hostname_created_timestamp_seconds", seconds(row.created_at), **labels)
            yield sample("hostname_updated_timestamp_seconds", seconds(row.updated_at), **labels)
            yield sample("hostname_certificate_uploaded_timestamp_seconds", seconds(row.cert_uploaded_on), **labels)
            yield sample("hostname_certificate_updated_timestamp_seconds", seconds(row.cert_updated_at), **labels)
            yield from certificate("hostname_certificate", row, row.cert_status, validity, labels, cert_id=row.cert_id)
        uses = Counter(row.cert_id for row in zone["hostnames"])
        for level in ["hostname", "zone"]:
            for row in zone[level]:
                labels = {**of_zone, "cert_id": row.id, "level": level}
                yield from certificate("certificate", row, row.status, validity, labels)
                if level == "hostname":
                    yield sample("certificate_hostnames", uses[row.id], **labels)


def certificate(name, row, status, validity, labels, **more):
    """Returns the samples of a certificate, or of a hostname's certificate."""
    yield from states(f"{name}_status", "status", STATUSES, status, **labels)
    yield sample(f"{name}_expires_timestamp_seconds", seconds(row.expires_on), **labels)
    not_before, not_after = validity[row.certificate]
    yield sample(f"{name}_pem_not_before_timestamp_seconds", not_before, **labels)
    yield sample(f"{name}_pem_not_after_timestamp_seconds", not_after, **labels)
    described = {"issuer": row.issuer, "serial_number": row.serial_number, "signature": row.signature}
    yield sample(f"{name}_info", 1, **labels, **more, **described)


def states(name, label, known, current, **labels):
    for state in known:
        yield sample(name, state == current, **labels, **{label: state})


def sample(name, value, **labels):
    return (f"cloudflare_aop_{name}", tuple(sorted(labels.items()))), float(value)


def seconds(date):
    return int(date.timestamp())


def validities(certificates):
    """Returns the validity period of each of these certificates, as read by openssl."""
    certificates = list(certificates)
    command = ["openssl", "storeutl", "-noout", "-text", "-certs", "/dev/stdin"]
    text = subprocess.run(command, input="".join(certificates), capture_output=True, text=True, check=True).stdout
    dates = re.findall(r"Not (?:Before|After ?): (.+) GMT", text)
    dates = [calendar.timegm(time.strptime(date, "%b %d %H:%M:%S %Y")) for date in dates]
    assert len(dates) == 2 * len(certificates), text
    return dict(zip(certificates, zip(dates[::2], dates[1::2])))

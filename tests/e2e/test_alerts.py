"""Checks that every fault causes exactly its own alerts.

Each scenario is a separate test. The scenarios of a class run at the same time in one shared world.
"""

import time

from alerting import DAY, HEALTHY, RECORDED, Scenario, World
from harness import ALERTS, TOKEN, Case, eventually, query
from origins import Origin

# the exporter's minimum interval between verifications of a token, in seconds
VERIFY_INTERVAL = 62


def set_back(row):
    """Makes all past dates in a row of a state file and its nested rows two hours older."""
    for key, value in row.items():
        if key in ["last_success", "read_at", "since"] and value is not None:
            row[key] -= 7200
    for inner in [row.get("reading"), *row.get("hostnames", [])]:
        if inner:
            set_back(inner)


class OnHostname(Scenario):
    """A hostname whose association is changed and changed back."""

    def __init__(self, *expected, change, mended=HEALTHY, expect="enabled"):
        super().__init__(*expected)
        self.change, self.mended, self.expect = change, mended, expect

    def prepare(self, world, name):
        hostname = f"{name.replace('_', '-')}.hosts.example"
        self.api, self.path, self.about = world.main, f"zones/hosts.example/hostnames/{hostname}", [{"hostname": hostname}]
        world.hostnames.append({"name": hostname, "expect": self.expect})
        self.api.ask("PUT", self.path, self.mended)

    def cause(self):
        self.api.ask("PATCH", self.path, self.change)

    def mend(self):
        self.api.ask("PATCH", self.path, self.mended)


class OnOrigin(OnHostname):
    """A hostname whose association stays as it is, while its origin changes from one mode to another and back."""

    def __init__(self, *expected, before, after, mended=HEALTHY, expect="enabled"):
        super().__init__(*expected, change={}, mended=mended, expect=expect)
        self.before, self.after = before, after

    def prepare(self, world, name):
        super().prepare(world, name)
        self.origin = Origin(world.case)
        world.hostnames[-1]["origin"] = self.origin.address
        self.origin.serve(self.before)

    def cause(self):
        self.origin.serve(self.after)

    def mend(self):
        self.origin.serve(self.before)


class Deleted(OnHostname):
    """A hostname whose association is deleted."""

    def cause(self):
        self.api.ask("DELETE", self.path)

    def mend(self):
        self.api.ask("PUT", self.path, self.mended)


class EndUnknown(OnHostname):
    """A hostname with another certificate, for which the API provides neither a date nor the PEM."""

    def cause(self):
        hostname = self.path.rpartition("/")[2]
        zone = next(zone["id"] for zone in self.api.ask("GET", "zones") if zone["name"] == "hosts.example")
        path = f"zones/{zone}/origin_tls_client_auth/hostnames/{hostname}"
        answer = self.api.ask("GET", path, prefix="/client/v4/")
        unknown = dict.fromkeys(["certificate", "expires_on", "serial_number", "issuer", "signature"])
        answer["result"].update({"cert_id": "without-dates", **unknown})
        self.mend = self.api.fault(f"/hostnames/{hostname}", {"json": {"body": answer}})


class Unreadable(OnHostname):
    """A hostname whose requests fail `times` times. It was last read long ago."""

    def __init__(self, *expected, times=None):
        super().__init__(*expected, change={})
        self.times = times
        self.ages = times is None

    def cause(self):
        part = self.path.removeprefix("zones/hosts.example")
        self.mend = self.api.fault(part, {"status": {"status": 500}}, self.times)

    def grow_old(self, rows):
        hostname = self.path.rpartition("/")[2]
        set_back(next(row for row in rows["hosts.example"]["hostnames"] if row["hostname"] == hostname))


class OnZoneCertificate(Scenario):
    """A zone-level certificate that is changed and changed back."""

    def __init__(self, *expected, change):
        super().__init__(*expected)
        self.change = change

    def prepare(self, world, name):
        zone = f"{name.replace('_', '-')}.example"
        zone_id = world.zone(zone, zone_level=True)
        world.main.ask("PUT", f"zones/{zone_id}/origin_tls_client_auth/settings", {"enabled": True}, "/client/v4/")
        made = world.main.ask("POST", f"zones/{zone}/certificates", {"expires_in": 300 * DAY, "zone_level": True})
        self.api, self.path, self.about = world.main, f"zones/{zone}/certificates/{made['id']}", [{"zone": zone}]

    def cause(self):
        self.api.ask("PATCH", self.path, self.change)

    def mend(self):
        self.api.ask("PATCH", self.path, HEALTHY["certificate"])


class Crowded(Scenario):
    """A certificate with 95 associated hostnames out of at most 100."""

    def prepare(self, world, _):
        self.api, self.about = world.main, [{"zone": "crowded.example"}]
        world.zone("crowded.example", hostnames=["h0.crowded.example"], strategy="list")
        self.paths = [f"zones/crowded.example/hostnames/h{number}.crowded.example" for number in range(95)]
        self.api.ask("PUT", self.paths[0], {})
        self.shared = self.api.ask("POST", "zones/crowded.example/certificates", {"expires_in": 300 * DAY})["id"]

    def cause(self):
        for path in self.paths:
            self.api.ask("PUT", path, {"cert_id": self.shared})

    def mend(self):
        for path in self.paths[1:]:
            self.api.ask("DELETE", path)


class DiscoveredRemoved(Scenario):
    """A discovered hostname that left its zone more than an hour ago."""

    ages = True

    def prepare(self, world, _):
        self.api, self.about = world.main, [{"zone": "found.example"}]
        world.zone("found.example", discover=True)
        for label in ["stays", "leaves"]:
            self.api.ask("PUT", f"zones/found.example/hostnames/{label}.found.example", {})

    def cause(self):
        self.api.ask("DELETE", "zones/found.example/hostnames/leaves.found.example")

    def forget(self, rows):
        rows["found.example"]["removed_at"] -= 7200


class ZoneGone(Scenario):
    """A zone that has been missing for a long time."""

    ages = True

    def prepare(self, world, _):
        self.api, self.about = world.main, [{"zone": "gone.example"}]
        world.zone("gone.example", hostnames=["www.gone.example"])
        self.api.ask("PUT", "zones/gone.example/hostnames/www.gone.example", {})

    def cause(self):
        self.api.ask("DELETE", "zones/gone.example")

    def grow_old(self, rows):
        set_back(rows["gone.example"])

    def mend(self):
        self.api.ask("PUT", "zones/gone.example")


class OnAccount(Scenario):
    """A separate account whose API fails. Without `times`, it was last read long ago."""

    def __init__(self, *expected, effect, times=None):
        super().__init__(*expected)
        self.effect, self.times = effect, times
        self.ages = "ReadingsStale" in expected
        self.remembered = "RateLimited" in expected

    def prepare(self, world, name):
        account = name.replace("_", "-")
        self.api, self.about = world.account(account), [{"account": account}]

    def cause(self):
        self.mend = self.api.fault(None, self.effect, self.times)

    def grow_old(self, rows):
        for row in rows.values():
            if row["account"] == self.about[0]["account"]:
                set_back(row)


class OnWholeAccount(Scenario):
    """An account whose zones are all watched by a pattern."""

    def prepare(self, world, name):
        self.name = name.replace("_", "-")
        self.world, self.about = world, [{"account": self.name}]
        self.api = world.account(self.name, pattern=f"*-{self.name}.example")

    def shown(self, names):
        """Returns the values of these families for the account's zones in Prometheus, by labels."""
        series = query(self.world.prometheus, f'{{__name__=~"cloudflare_aop_({names})",zone=~".*-{self.name}[.]example"}}')
        found = {tuple(sorted(labels.items())): value for labels, value in series}
        self.world.case.assertEqual(len(found), len(series))
        return found

    def watches(self, *zones):
        """Returns an error for each of these zones whose hostname was not read, and for each other zone shown."""
        labels = [(zone, f"www.{zone}") for zone in (f"{each}-{self.name}.example" for each in zones)]
        shown = {(dict(key)["zone"], dict(key)["hostname"]) for key, value in self.shown("hostname_up").items() if value}
        return {f"{zone} is missing or unexpected" for zone, _ in shown ^ set(labels)}


class ZoneArrives(OnWholeAccount):
    """A new zone in the account. A reload reads the list of zones at once."""

    def cause(self):
        zone = f"zones/new-{self.name}.example"
        self.api.ask("PUT", zone)
        self.api.ask("PUT", f"{zone}/hostnames/www.new-{self.name}.example", {})
        self.world.reconfigure()

    def amiss(self):
        return self.watches("one", "two", "new")


class ZoneLeaves(OnWholeAccount):
    """A zone that left the account more than an hour ago."""

    ages = True

    def cause(self):
        self.api.ask("DELETE", f"zones/two-{self.name}.example")
        self.world.reconfigure()

    def forget(self, rows):
        rows[self.name]["removed_at"] -= 7200

    def amiss(self):
        return self.watches("one")


class ZonesUnlisted(OnWholeAccount):
    """A token that can no longer list zones for longer than three list intervals. All readings are kept."""

    ages = True

    def cause(self):
        self.before = self.known()
        self.world.case.assertEqual(self.watches("one", "two"), set())
        self.lose()
        self.world.reconfigure()

    def grow_old(self, rows):
        for _ in range(2):
            set_back(rows[self.name])

    def known(self):
        known = self.shown("(certificate|hostname|zone)_.+")
        at = ("_last_success_timestamp_seconds", "_expires_in_seconds")
        return {key: None if dict(key)["__name__"].endswith(at) else value for key, value in known.items()}

    def amiss(self):
        return {f"{dict(key)} has changed" for key, _ in self.before.items() ^ self.known().items()}


class MayNotReadZones(ZonesUnlisted):
    """The token loses the permission Zone: Read, so the list is empty."""

    def lose(self):
        self.api.ask("PUT", f"tokens/{TOKEN}", {"permissions": ["settings_read", "ssl_read"]})

    def mend(self):
        self.api.ask("PUT", f"tokens/{TOKEN}", {})


class ListRefused(ZonesUnlisted):
    """The API refuses the list."""

    def lose(self):
        self.mend = self.api.fault("/zones?", {"status": {"status": 403, "code": 9109}})


class TokenRevoked(OnAccount):
    def __init__(self):
        super().__init__("TokenInvalid", effect=None)

    def cause(self):
        self.api.ask("PUT", "token", {"status": "revoked"})

    def mend(self):
        self.api.ask("PUT", "token", {"status": "active"})


class TokenExpires(OnAccount):
    def __init__(self):
        super().__init__("TokenExpiresSoon", effect=None)

    def cause(self):
        self.expires(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 10 * DAY)))

    def mend(self):
        self.expires(None)

    def expires(self, expires_on):
        self.api.ask("PUT", "token", {"status": "active", "expires_on": expires_on})
        # a refused request triggers the verification
        self.api.fault("/hostnames/", {"status": {"status": 403}}, times=1)


class OnExporters(Scenario):
    """A problem of the exporters themselves, reported by one alert."""

    def prepare(self, world, _):
        self.world = world
        self.about = [{"alertname": f"CloudflareAop{alert}"} for alert in self.expected]


class ReplicaStopped(OnExporters):
    def cause(self):
        self.world.stop_exporter("replica")

    def mend(self):
        self.world.start_exporter("replica")


class AllStopped(OnExporters):
    def cause(self):
        for exporter in self.world.exporters:
            self.world.stop_exporter(exporter)

    def mend(self):
        for exporter in self.world.exporters:
            self.world.start_exporter(exporter)


class TargetsMissing(OnExporters):
    def cause(self):
        self.world.scrape((self.world.targets, ""))

    def mend(self):
        self.world.scrape()


class LabelsCollide(OnExporters):
    """A target label that collides with a label of our series, with a scrape configuration that prefers the target's."""

    def cause(self):
        targets = f"[{self.world.targets}]\n"
        self.world.scrape(("honor_labels: true", "honor_labels: false"), (targets, f"{targets}        labels: {{zone: eu}}\n"))

    def mend(self):
        self.world.scrape()


class ConfigurationRefused(OnExporters):
    def cause(self):
        self.world.reconfigure("colour = 1\n")

    def mend(self):
        self.world.reconfigure()


class QuotaTooSmall(OnExporters):
    """A quota so small that a poll takes longer than the schedule allows."""

    def prepare(self, world, name):
        super().prepare(world, name)
        self.before = world.quota

    def cause(self):
        self.configure('{ requests = 4, per = "10s" }')

    def mend(self):
        self.configure(self.before)

    def configure(self, quota):
        self.world.quota = quota
        self.world.reconfigure()


class Alerts(Case):
    """The tests of `scenarios` in a shared world."""

    scenarios = {}
    chosen = []
    # recording rules that have a result in this world
    records = set()
    # seconds without any fault at the start
    healthy = 10
    # labels of the scrape target
    labels = {}
    # run in sequence without restarting the exporter in between
    one_by_one = False

    def __init__(self, method):
        super().__init__(method)
        # unittest creates an instance for each test that will run
        type(self).chosen = [*self.chosen, method.removeprefix("test_")]

    @classmethod
    def setUpClass(cls):
        cls.world = world = World(cls.labels)
        cls.addClassCleanup(world.close)
        names = [name for name in cls.scenarios if name in cls.chosen]
        for name in names:
            world.add(name, cls.scenarios[name])
        world.start()
        world.quiet(cls.healthy)
        for group in [[name] for name in names] if cls.one_by_one else [names]:
            world.play(group, restart=not cls.one_by_one)
        cls.recorded = world.recorded()
        assert None not in world.failures, world.failures[None]


def scenarios(**named):
    """Adds a test for each of these scenarios to a class, and one for their recording rules."""

    def decorated(cls):
        cls.scenarios = named
        for name in named:
            setattr(cls, f"test_{name}", lambda self, name=name: self.assertEqual(self.world.failures.get(name, []), []))
        cls.test_recording_rules_have_results = lambda self: self.assertLessEqual(self.records, self.recorded)
        return cls

    return decorated


DISABLED = {**HEALTHY, "enabled": False}
VOID = {**HEALTHY, "enabled": None}
EXPIRED = {"certificate": {"expires_in": -3600}}


@scenarios(
    ends_in_25_days=OnHostname("CertificateExpiresSoon", change={"certificate": {"expires_in": 25 * DAY}}),
    ends_in_10_days=OnHostname("CertificateExpiresSoon", change={"certificate": {"expires_in": 10 * DAY}}),
    ends_in_2_days=OnHostname("CertificateExpiresVerySoon", change={"certificate": {"expires_in": 2 * DAY}}),
    expired=OnHostname("CertificateExpired", change=EXPIRED),
    not_yet_valid=OnHostname("CertificateNotYetValid", change={"certificate": {"expires_in": 400 * DAY}}),
    pem_disagrees=OnHostname(
        "CertificateMetadataMismatch", change={"certificate": {"expires_on": "2099-01-01T00:00:00Z"}}
    ),
    expired_whatever_the_api_says=OnHostname(
        "CertificateExpired",
        "CertificateMetadataMismatch",
        change={"certificate": {"expires_in": -3600, "expires_on": "2099-01-01T00:00:00Z"}},
    ),
    disabled=OnHostname("HostnameDrifted", change={"enabled": False}),
    voided=OnHostname("HostnameDrifted", change={"enabled": None}),
    deleted=Deleted("HostnameDrifted", change={}),
    deployment_timed_out=OnHostname("DeploymentTimedOut", change={"status": "deployment_timed_out"}),
    deletion_timed_out=OnHostname(
        "DeletionTimedOut", change={"status": "deletion_timed_out"}, mended=VOID, expect="void"
    ),
    stuck=OnHostname("ChangePending", change={"status": "pending_deployment"}),
    certificate_being_deleted=OnHostname(
        "CertificateDeleted", "ChangePending", change={"certificate": {"status": "pending_deletion"}}
    ),
    certificate_deleted=OnHostname("CertificateDeleted", change={"certificate": {"status": "deleted"}}),
    end_unknown=EndUnknown("CertificateEndUnknown", change={}),
    expired_and_disabled=OnHostname(change=EXPIRED, mended=DISABLED, expect="disabled"),
    unreadable=Unreadable("ReadingsStale"),
    unreadable_three_times=Unreadable(times=3),
)
class Hostnames(Alerts):
    records = {"cloudflare_aop:hostname_finding:active"}


@scenarios(
    stops_demanding=OnOrigin("OriginUnprotected", before="required", after="none"),
    serves_without=OnOrigin("OriginUnprotected", before="required", after="optional"),
    demands_while_disabled=OnOrigin(
        "OriginDemandsCertificate", before="none", after="required", mended=DISABLED, expect="disabled"
    ),
    trusts_another_ca=OnOrigin("OriginMayReject", before="required", after="other-ca"),
    unreachable=OnOrigin(before="required", after="unreachable"),
)
class Origins(Alerts):
    records = {"cloudflare_aop:hostname_finding:active"}


@scenarios(
    ends_in_25_days=OnZoneCertificate("CertificateExpiresSoon", change={"expires_in": 25 * DAY}),
    ends_in_10_days=OnZoneCertificate("CertificateExpiresSoon", change={"expires_in": 10 * DAY}),
    ends_in_2_days=OnZoneCertificate("CertificateExpiresVerySoon", change={"expires_in": 2 * DAY}),
    expired=OnZoneCertificate("CertificateExpired", change={"expires_in": -3600}),
    deployment_timed_out=OnZoneCertificate("DeploymentTimedOut", change={"status": "deployment_timed_out"}),
    stuck=OnZoneCertificate("ChangePending", change={"status": "pending_deployment"}),
    being_deleted=OnZoneCertificate("CertificateDeleted", "ChangePending", change={"status": "pending_deletion"}),
    crowded=Crowded("CertificateNearHostnameLimit"),
    discovered_hostname_removed=DiscoveredRemoved("WatchedLess"),
    gone=ZoneGone("ReadingsStale"),
)
class Zones(Alerts):
    records = {"cloudflare_aop:zone_finding:active"}


@scenarios(
    zone_arrives=ZoneArrives(),
    zone_leaves=ZoneLeaves("WatchedLess"),
    may_not_read_zones=MayNotReadZones("ReadingsStale"),
    list_refused=ListRefused("ReadingsStale"),
    failing=OnAccount("ReadingsStale", effect={"status": {"status": 500}}),
    blocked=OnAccount("ReadingsStale", "RateLimited", effect={"status": {"status": 429, "code": 971, "retry_after": "5"}}),
    limited_once=OnAccount("RateLimited", effect={"status": {"status": 429, "code": 971, "retry_after": "1"}}, times=1),
    # each poll times out before the next tick, so that none is skipped
    hanging=OnAccount("ReadingsStale", effect="hang"),
)
class Accounts(Alerts):
    records = {"cloudflare_aop:account_finding:active"}


@scenarios(revoked=TokenRevoked(), expires_in_10_days=TokenExpires())
class Tokens(Alerts):
    """A token is verified at the start, hourly, after a refusal and until it is valid, but at most once a minute."""

    healthy = VERIFY_INTERVAL


@scenarios(quota_too_small=QuotaTooSmall())
class Polls(Alerts):
    pass


@scenarios(
    configuration_refused=ConfigurationRefused("ConfigReloadFailed"),
    one_of_two_stopped=ReplicaStopped("ExporterDown"),
    all_stopped=AllStopped("ExporterDown"),
    targets_missing=TargetsMissing("ExporterDown"),
    labels_collide=LabelsCollide("RulesDoNotFit"),
)
class Exporters(Alerts):
    records = {"cloudflare_aop:subject:known"}
    one_by_one = True


# labels that users put on targets, some of which collide with those of our series
LABELS = {"hostname": "vm-1", "zone": "eu-west-1", "cluster": "blue", "env": "live"}


@scenarios(
    hostname_expired=OnHostname("CertificateExpired", change=EXPIRED),
    hostname_expires_very_soon=OnHostname("CertificateExpiresVerySoon", change={"certificate": {"expires_in": 2 * DAY}}),
    hostname_expires_soon=OnHostname("CertificateExpiresSoon", change={"certificate": {"expires_in": 25 * DAY}}),
    hostname_not_yet_valid=OnHostname("CertificateNotYetValid", change={"certificate": {"expires_in": 400 * DAY}}),
    hostname_end_unknown=EndUnknown("CertificateEndUnknown", change={}),
    hostname_mismatch=OnHostname(
        "CertificateMetadataMismatch", change={"certificate": {"expires_on": "2099-01-01T00:00:00Z"}}
    ),
    hostname_certificate_deleted=OnHostname("CertificateDeleted", change={"certificate": {"status": "deleted"}}),
    hostname_disabled=OnHostname("HostnameDrifted", change={"enabled": False}),
    hostname_deployment=OnHostname("DeploymentTimedOut", change={"status": "deployment_timed_out"}),
    hostname_deletion=OnHostname(
        "DeletionTimedOut", change={"status": "deletion_timed_out"}, mended=VOID, expect="void"
    ),
    hostname_stuck=OnHostname("ChangePending", change={"status": "pending_deployment"}),
    hostname_unreadable=Unreadable("ReadingsStale"),
    zone_expired=OnZoneCertificate("CertificateExpired", change={"expires_in": -3600}),
    zone_expires_soon=OnZoneCertificate("CertificateExpiresSoon", change={"expires_in": 25 * DAY}),
    zone_deployment=OnZoneCertificate("DeploymentTimedOut", change={"status": "deployment_timed_out"}),
    zone_stuck=OnZoneCertificate("ChangePending", change={"status": "pending_deployment"}),
    zone_crowded=Crowded("CertificateNearHostnameLimit"),
    zone_hostname_removed=DiscoveredRemoved("WatchedLess"),
    zone_gone=ZoneGone("ReadingsStale"),
    account_failing=OnAccount("ReadingsStale", effect={"status": {"status": 500}}),
    account_limited=OnAccount("RateLimited", effect={"status": {"status": 429, "code": 971, "retry_after": "1"}}, times=1),
    token_revoked=TokenRevoked(),
    token_expires=TokenExpires(),
)
class TargetLabels(Alerts):
    """Alerts have our hostname and zone plus the other labels of the target."""

    labels = LABELS
    healthy = VERIFY_INTERVAL


@scenarios(
    configuration_refused=ConfigurationRefused("ConfigReloadFailed"),
    one_of_two_stopped=ReplicaStopped("ExporterDown"),
    all_stopped=AllStopped("ExporterDown"),
)
class TargetLabelsOfExporters(Alerts):
    labels = LABELS
    one_by_one = True


class Renewal(Case):
    def test_each_expiry_alert_fires_when_the_one_before_resolves(self):
        """A certificate that is not renewed until it has expired."""
        bands = {
            "CertificateExpiresSoon": 25 * DAY,
            "CertificateExpiresVerySoon": 2 * DAY,
            "CertificateExpired": -3600,
        }
        world = World()
        self.addCleanup(world.close)
        walk = OnHostname(*bands, change={})
        world.add("renewed_late", walk)
        world.start()
        world.quiet(10)
        for band, seconds in bands.items():
            walk.change = {"certificate": {"expires_in": seconds}}
            walk.cause()
            eventually(lambda: self.assertEqual(world.firing(walk), {band}), 40)
        walk.mend()
        eventually(lambda: self.assertEqual(world.firing(walk), set()), 40)
        world.quiet(5)
        self.assertEqual(world.failures, {})


class Coverage(Case):
    classes = [Hostnames, Origins, Zones, Accounts, Tokens, Polls, Exporters, TargetLabels, TargetLabelsOfExporters]

    # a scenario of test_verdicts raises these
    coming = {"SslModeDisablesPulls"}

    def test_every_alert_is_caused_by_a_scenario(self):
        caused = {name for each in self.classes for scenario in each.scenarios.values() for name in scenario.expected}
        self.assertEqual({f"CloudflareAop{name}" for name in caused | self.coming}, set(ALERTS))

    def test_every_recording_rule_has_a_result_in_some_class(self):
        self.assertEqual(set().union(*(each.records for each in self.classes)), set(RECORDED))

"""A table of situations at Cloudflare and the findings that the exporter must have in each.

Each situation has a zone of its own. What is found in it is written out, one line for each thing that has findings:
`hostname app: critical: expired, metadata_mismatch` is a hostname, its verdict, and its findings, the worst first.
Whatever has no line has no findings. All times are told from the moment when this module is loaded.
"""

import re
import time

from cloudflare_mock import HANG, NO_ASSOCIATION, pem

NOW = int(time.time())
UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
MAIN = "main"
# a zone that is found by a pattern and leaves its account
LEAVER, LEAVER_ID = "left.gone", "f" * 32
# the documented severity of each finding, by kind of object
SEVERITIES = {
    "hostname": {
        "expired": "critical",
        "expires_very_soon": "critical",
        "expires_soon": "warning",
        "not_yet_valid": "critical",
        "end_unknown": "warning",
        "certificate_deleted": "critical",
        "metadata_mismatch": "warning",
        "drifted": "critical",
        "deployment_timed_out": "critical",
        "deletion_timed_out": "warning",
        "pending": "warning",
        "not_read": "unknown",
        "stale": "warning",
        "origin_unprotected": "warning",
        "origin_demands_certificate": "critical",
        "origin_may_reject": "warning",
    },
    "certificate": {
        "expired": "critical",
        "expires_very_soon": "critical",
        "expires_soon": "warning",
        "not_yet_valid": "critical",
        "end_unknown": "warning",
        "certificate_deleted": "critical",
        "metadata_mismatch": "warning",
        "deployment_timed_out": "critical",
        "deletion_timed_out": "warning",
        "pending": "warning",
        "near_hostname_limit": "info",
    },
    "zone": {"not_read": "unknown", "stale": "warning", "hostnames_removed": "warning", "ssl_mode": "warning"},
    "account": {
        "not_read": "unknown",
        "stale": "critical",
        "token_invalid": "critical",
        "token_expires_soon": "warning",
        "rate_limited": "warning",
        "zones_removed": "warning",
    },
}


def seconds(span):
    """Returns the seconds of a duration such as `6d23h` or `-10m`."""
    total = sum(int(count) * UNITS[unit] for count, unit in re.findall(r"(\d+)([dhms])", span))
    return -total if span.startswith("-") else total


def date(span):
    return None if span is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW + seconds(span)))


def described(ends, begins="-65d", serial=4711, api_ends="", api_serial=None, with_pem=True):
    """Returns the API's data of a certificate. `api_…` override values of the certificate itself."""
    return {
        "certificate": pem(serial, NOW + seconds(begins), NOW + seconds(ends)) if with_pem else None,
        "expires_on": date(ends if api_ends == "" else api_ends),
        "issuer": "Mock CA",
        "serial_number": api_serial or str(serial),
        "signature": "ECDSAWithSHA256",
    }


def certificate(id="c1", ends="300d", status="active", uploaded="-60d", **more):
    """Returns a certificate as in a list."""
    return {"id": id, "status": status, "uploaded_on": date(uploaded), **described(ends, **more)}


def hostname(
    enabled=True,
    status="active",
    cert_status="active",
    cert_id="c1",
    ends="300d",
    updated="-60d",
    cert_uploaded="-60d",
    cert_updated="-60d",
    **more,
):
    """Returns the response about a hostname, except for its name."""
    return {
        "enabled": enabled,
        "status": status,
        "created_at": date("-60d"),
        "updated_at": date(updated),
        "cert_id": cert_id,
        "cert_status": cert_status,
        "cert_uploaded_on": date(cert_uploaded),
        "cert_updated_at": date(cert_updated),
        **described(ends, **more),
    }


def listed(count, *certificates, cert_id="c1"):
    """Returns the lists of a zone with this many hostnames on one certificate."""
    names = ["app", *(f"h{number}" for number in range(1, count))][:count]
    dates = {"created_at": date("-60d"), "updated_at": date("-60d")}
    rows = [{"hostname": name, "cert_id": cert_id, "enabled": True, "status": "active", **dates} for name in names]
    return rows, list(certificates) or [certificate()]


class Answers:
    """The API's data of a zone: `hostnames` by their labels, `lists`, and the zone level, which is its switch and its
    certificates. `has_left` is true if LEAVER has left the account; None if it is never requested."""

    def __init__(self, hostnames=None, lists=None, zone_level=None, ssl=None, has_left=None):
        self.hostnames, self.lists, self.zone_level, self.ssl = hostnames or {}, lists, zone_level, ssl
        self.has_left = has_left

    def by_path(self, zone):
        base = "origin_tls_client_auth"
        paths = {}
        for label, answer in self.hostnames.items():
            name = f"{label}.{zone}"
            paths[f"{base}/hostnames/{name}"] = {"hostname": name, **answer} if isinstance(answer, dict) else answer
        if self.lists:
            rows, certificates = self.lists
            paths[f"{base}/hostnames"] = [{**row, "hostname": f"{row['hostname']}.{zone}"} for row in rows]
            paths[f"{base}/hostnames/certificates"] = certificates
        if self.zone_level:
            switch, paths[base] = self.zone_level
            paths[f"{base}/settings"] = {"enabled": switch} if isinstance(switch, bool) else switch
        if self.ssl:
            paths["settings/ssl"] = {"id": "ssl", "value": self.ssl}
        return paths

    def of_account(self, zone, id):
        """Returns the API's data of the account's zones."""
        if self.has_left is None:
            return {}
        named = {id: zone} if self.has_left else {id: zone, LEAVER_ID: LEAVER}
        zones = [{"id": id, "name": name, "status": "active"} for id, name in named.items()]
        return {"zones": zones, f"zones/{LEAVER_ID}": 404, f"zones/{LEAVER_ID}/origin_tls_client_auth/hostnames": []}


class Situation:
    """The API's responses and the expected findings.

    `origin` is what the origin of `app` does without a certificate, by the modes of the module `origins`.
    `expect` holds what the configuration says of a hostname, `settings` more keys of the zone. `token` and `stumble`
    give the zone an account of its own: the answer about its token, and the status with which every second request
    fails. `before` is what the API said at first, and `ages` how long ago that was: of the zone, of its zone level, of
    hostnames by their labels; `removed` is when a hostname vanished.

    `check` knows nothing of an earlier reading. Where that matters `check_finds` is what it finds; None where it would
    not end, since the API hangs.
    """

    same = object()

    def __init__(
        self,
        verdict,
        *found,
        origin=None,
        expect=None,
        settings=None,
        token=None,
        stumble=None,
        own_account=False,
        before=None,
        ages=None,
        check_finds=same,
        **answers,
    ):
        self.verdict, self.found, self.origin = verdict, parsed(found), origin
        self.answers, self.before, self.ages = Answers(**answers), before, ages or {}
        self.expect, self.settings = expect or {}, settings or {}
        self.token, self.stumble = token, stumble
        self.has_account = own_account or token is not None or stumble is not None
        self.is_checked = check_finds is not None
        self.check_verdict, self.check_found = verdict, self.found
        if check_finds not in (None, self.same):
            self.check_verdict, *found = check_finds
            self.check_found = parsed(found)

    def account(self, name):
        return name if self.has_account else MAIN


def parsed(lines):
    """Parses the lines into `{(subject, name): (verdict, findings)}`. A zone or an account has no name here."""
    rows = {}
    for line in lines:
        subject, verdict, findings = line.split(": ")
        subject, _, name = subject.partition(" ")
        rows[subject, name] = (verdict, findings.split(", "))
    return rows


def app(**answer):
    """Returns the hostname `app`."""
    return {"app": hostname(**answer)}


def on(*certificates):
    """Returns a zone level whose switch is on."""
    return True, list(certificates)


ACTIVE = {"status": "active", "id": "t"}

ON_HOSTNAMES = {
    "healthy": Situation("ok", hostnames=app()),
    # time to expiry
    "expired": Situation("critical", "hostname app: critical: expired", hostnames=app(ends="-2d")),
    "just-expired": Situation("critical", "hostname app: critical: expired", hostnames=app(ends="-1m")),
    "not-quite-expired": Situation(
        "critical", "hostname app: critical: expires_very_soon", hostnames=app(ends="10m")
    ),
    "expires-very-soon": Situation(
        "critical", "hostname app: critical: expires_very_soon", hostnames=app(ends="6d23h50m")
    ),
    "not-very-soon": Situation("warning", "hostname app: warning: expires_soon", hostnames=app(ends="7d10m")),
    "expires-soon": Situation("warning", "hostname app: warning: expires_soon", hostnames=app(ends="29d23h50m")),
    "not-soon": Situation("ok", hostnames=app(ends="30d10m")),
    "ends-by-pem-alone": Situation(
        "critical", "hostname app: critical: expired", hostnames=app(ends="-2d", api_ends=None)
    ),
    "expired-but-disabled": Situation(
        "ok", hostnames=app(ends="-2d", enabled=False), expect={"app": {"expect": "disabled"}}
    ),
    "expired-but-void": Situation("ok", hostnames=app(ends="-2d", enabled=None), expect={"app": {"expect": "void"}}),
    # start of validity
    "not-yet-valid": Situation("critical", "hostname app: critical: not_yet_valid", hostnames=app(begins="5h20m")),
    "valid-since-now": Situation("ok", hostnames=app(begins="-10s")),
    "not-yet-valid-but-disabled": Situation(
        "ok", hostnames=app(begins="5h20m", enabled=False), expect={"app": {"expect": "disabled"}}
    ),
    # unknown expiry
    "end-unknown": Situation(
        "warning", "hostname app: warning: end_unknown", hostnames=app(with_pem=False, api_ends=None)
    ),
    "end-in-year-1": Situation(
        "warning",
        "hostname app: warning: end_unknown",
        hostnames={"app": {**hostname(with_pem=False), "expires_on": "0001-01-01T00:00:00Z"}},
    ),
    "end-known-by-pem": Situation("ok", hostnames=app(api_ends=None)),
    "end-known-by-api": Situation("ok", hostnames=app(with_pem=False)),
    "end-unknown-but-disabled": Situation(
        "ok",
        hostnames=app(with_pem=False, api_ends=None, enabled=False),
        expect={"app": {"expect": "disabled"}},
    ),
    "end-known-from-before": Situation(
        "ok",
        hostnames=app(with_pem=False, api_ends=None),
        before=Answers(app()),
        check_finds=("warning", "hostname app: warning: end_unknown"),
    ),
    # certificate deletion and metadata
    "certificate-being-deleted": Situation(
        "critical",
        "hostname app: critical: certificate_deleted",
        hostnames=app(cert_status="pending_deletion", cert_updated="-20m"),
    ),
    "certificate-deleted": Situation(
        "critical", "hostname app: critical: certificate_deleted", hostnames=app(cert_status="deleted")
    ),
    "certificate-deleted-but-disabled": Situation(
        "ok", hostnames=app(cert_status="deleted", enabled=False), expect={"app": {"expect": "disabled"}}
    ),
    "end-differs": Situation(
        "warning", "hostname app: warning: metadata_mismatch", hostnames=app(ends="300d", api_ends="301d")
    ),
    "serial-differs": Situation(
        "warning", "hostname app: warning: metadata_mismatch", hostnames=app(serial=4711, api_serial="4712")
    ),
    "end-differs-by-a-fraction": Situation(
        "ok", hostnames={"app": {**hostname(), "expires_on": date("300d").replace("Z", ".5Z")}}
    ),
    "mismatch-but-disabled": Situation(
        "ok", hostnames=app(api_ends="301d", enabled=False), expect={"app": {"expect": "disabled"}}
    ),
    # expectations
    "disabled": Situation("critical", "hostname app: critical: drifted", hostnames=app(enabled=False)),
    "void": Situation("critical", "hostname app: critical: drifted", hostnames=app(enabled=None)),
    "none": Situation("critical", "hostname app: critical: drifted", hostnames={"app": NO_ASSOCIATION}),
    "enabled": Situation(
        "critical", "hostname app: critical: drifted", hostnames=app(), expect={"app": {"expect": "disabled"}}
    ),
    "other-certificate": Situation(
        "critical", "hostname app: critical: drifted", hostnames=app(cert_id="c2"), expect={"app": {"cert_id": "c1"}}
    ),
    "expected-certificate": Situation("ok", hostnames=app(cert_id="c1"), expect={"app": {"cert_id": "c1"}}),
    "disabled-just-now": Situation(
        "ok", hostnames=app(enabled=False, status="pending_deployment", updated="-20m")
    ),
    "disabled-and-pending": Situation(
        "warning",
        "hostname app: warning: pending",
        hostnames=app(enabled=False, status="pending_deployment", updated="-5h20m"),
    ),
    "none-as-void": Situation("ok", hostnames={"app": NO_ASSOCIATION}, expect={"app": {"expect": "void"}}),
    "anything": Situation("ok", hostnames=app(enabled=False), expect={"app": {"expect": "any"}}),
    # deployment
    "deployment-timed-out": Situation(
        "critical", "hostname app: critical: deployment_timed_out", hostnames=app(status="deployment_timed_out")
    ),
    "certificate-deployment-timed-out": Situation(
        "critical", "hostname app: critical: deployment_timed_out", hostnames=app(cert_status="deployment_timed_out")
    ),
    "deletion-timed-out": Situation(
        "warning", "hostname app: warning: deletion_timed_out", hostnames=app(status="deletion_timed_out")
    ),
    "certificate-deletion-timed-out": Situation(
        "warning",
        "hostname app: warning: deletion_timed_out",
        "certificate c1: warning: deletion_timed_out",
        hostnames=app(cert_status="deletion_timed_out"),
    ),
    "unknown-status": Situation("ok", hostnames=app(status="a_new_one")),
    "pending": Situation(
        "warning", "hostname app: warning: pending", hostnames=app(status="pending_deployment", updated="-5h20m")
    ),
    "certificate-pending": Situation(
        "warning", "hostname app: warning: pending", hostnames=app(cert_status="initializing", cert_uploaded="-5h20m")
    ),
    "deletion-pending": Situation(
        "warning",
        "hostname app: warning: pending",
        hostnames=app(enabled=None, status="pending_deletion", updated="-5h20m"),
        expect={"app": {"expect": "void"}},
    ),
    "pending-for-20-minutes": Situation("ok", hostnames=app(status="pending_deployment", updated="-20m")),
    "certificate-pending-for-20-minutes": Situation(
        "ok", hostnames=app(cert_status="pending_deployment", cert_uploaded="-20m")
    ),
    "pending-since-seen": Situation(
        "warning",
        "hostname app: warning: pending",
        hostnames=app(status="pending_deployment", updated="5h20m"),
        before=Answers(app(status="pending_deployment", updated="5h20m")),
        ages={"app": "5h20m"},
        check_finds=("ok",),
    ),
    "pending-in-the-future": Situation("ok", hostnames=app(status="pending_deployment", updated="5h20m")),
    # failed and stale readings
    "not-read": Situation(
        "unknown",
        "hostname app: unknown: not_read",
        hostnames={"app": 403, "api": hostname()},
        settings={"strategy": "get"},
    ),
    "stale": Situation(
        "warning",
        "hostname app: warning: stale, not_read",
        hostnames={"app": 403, "api": hostname()},
        settings={"strategy": "get"},
        before=Answers({"app": hostname(), "api": hostname()}),
        ages={"app": "5h20m"},
        check_finds=("unknown", "hostname app: unknown: not_read"),
    ),
    "never-read": Situation(
        "warning",
        "hostname app: warning: stale, not_read",
        hostnames={"app": 403, "api": hostname()},
        settings={"strategy": "get"},
        before=Answers({"app": 403, "api": hostname()}),
        ages={"app": "5h20m"},
        check_finds=("unknown", "hostname app: unknown: not_read"),
    ),
    "not-yet-stale": Situation(
        "unknown",
        "hostname app: unknown: not_read",
        hostnames={"app": 403, "api": hostname()},
        settings={"strategy": "get"},
        before=Answers({"app": hostname(), "api": hostname()}),
        ages={"app": "13m"},
    ),
    "stale-while-the-api-hangs": Situation(
        "warning",
        "hostname app: warning: stale",
        own_account=True,
        hostnames={"app": HANG},
        before=Answers(app()),
        ages={"app": "5h20m"},
        check_finds=None,
    ),
}

ON_CERTIFICATES = {
    "zone-level-healthy": Situation("ok", zone_level=on(certificate())),
    "zone-level-expired": Situation(
        "critical", "certificate c1: critical: expired", zone_level=on(certificate(ends="-2d"))
    ),
    "zone-level-expires-very-soon": Situation(
        "critical", "certificate c1: critical: expires_very_soon", zone_level=on(certificate(ends="6d23h50m"))
    ),
    "zone-level-not-very-soon": Situation(
        "warning", "certificate c1: warning: expires_soon", zone_level=on(certificate(ends="7d10m"))
    ),
    "zone-level-not-soon": Situation("ok", zone_level=on(certificate(ends="30d10m"))),
    "zone-level-not-yet-valid": Situation(
        "critical", "certificate c1: critical: not_yet_valid", zone_level=on(certificate(begins="5h20m"))
    ),
    "zone-level-end-unknown": Situation(
        "warning",
        "certificate c1: warning: end_unknown",
        zone_level=on(certificate(with_pem=False, api_ends=None)),
    ),
    "zone-level-being-deleted": Situation(
        "critical",
        "certificate c1: critical: certificate_deleted",
        zone_level=on(certificate(status="pending_deletion")),
    ),
    "zone-level-deleted": Situation(
        "critical", "certificate c1: critical: certificate_deleted", zone_level=on(certificate(status="deleted"))
    ),
    "zone-level-deleted-and-replaced": Situation(
        "ok", zone_level=on(certificate(status="deleted"), certificate("c2"))
    ),
    "zone-level-end-differs": Situation(
        "warning", "certificate c1: warning: metadata_mismatch", zone_level=on(certificate(api_ends="301d"))
    ),
    "zone-level-serial-differs": Situation(
        "warning", "certificate c1: warning: metadata_mismatch", zone_level=on(certificate(api_serial="4712"))
    ),
    "ssl-mode-flexible": Situation("warning", "zone: warning: ssl_mode", zone_level=on(certificate()), ssl="flexible"),
    "ssl-mode-flexible-without-certificate": Situation("ok", zone_level=(False, []), ssl="flexible"),
    "zone-level-deployment-timed-out": Situation(
        "critical",
        "certificate c1: critical: deployment_timed_out",
        zone_level=on(certificate(status="deployment_timed_out")),
    ),
    "zone-level-deletion-timed-out": Situation(
        "warning",
        "certificate c1: warning: deletion_timed_out",
        zone_level=on(certificate(status="deletion_timed_out")),
    ),
    "zone-level-pending": Situation(
        "warning",
        "certificate c1: warning: pending",
        zone_level=on(certificate(status="pending_deployment", uploaded="-5h20m")),
    ),
    "zone-level-pending-for-20-minutes": Situation(
        "ok", zone_level=on(certificate(status="pending_deployment", uploaded="-20m"))
    ),
    "zone-level-off": Situation(
        "ok",
        zone_level=(
            False,
            [
                certificate("c1", ends="-2d"),
                certificate("c2", begins="5h20m"),
                certificate("c3", status="pending_deletion"),
                certificate("c4", status="deployment_timed_out"),
                certificate("c5", api_ends="301d"),
                certificate("c6", status="initializing", uploaded="-5h20m"),
            ],
        ),
    ),
    "zone-level-off-and-deletion-timed-out": Situation(
        "warning",
        "certificate c1: warning: deletion_timed_out",
        zone_level=(False, [certificate(status="deletion_timed_out")]),
    ),
    "zone-level-unknown": Situation(
        "critical",
        "zone: unknown: not_read",
        "certificate c1: critical: expired",
        zone_level=(403, [certificate(ends="-2d")]),
    ),
    "91-hostnames": Situation(
        "info",
        "certificate c1: info: near_hostname_limit",
        lists=listed(91),
        hostnames=app(),
        settings={"strategy": "list"},
    ),
    "90-hostnames": Situation("ok", lists=listed(90), hostnames=app(), settings={"strategy": "list"}),
    "unused-deletion-timed-out": Situation(
        "warning",
        "certificate c2: warning: deletion_timed_out",
        lists=listed(1, certificate(), certificate("c2", status="deletion_timed_out")),
        hostnames=app(),
        settings={"strategy": "list"},
    ),
    "unused-and-bad": Situation(
        "ok",
        lists=listed(
            1,
            certificate(),
            certificate("c2", ends="-2d"),
            certificate("c3", begins="5h20m"),
            certificate("c4", status="deployment_timed_out"),
            certificate("c5", status="pending_deletion"),
        ),
        hostnames=app(),
        settings={"strategy": "list"},
    ),
}

BEFORE = Answers(app())

ON_ZONES = {
    "zone-not-read": Situation(
        "unknown", "zone: unknown: not_read", "hostname app: unknown: not_read", hostnames={"app": 403}
    ),
    "zone-level-not-read": Situation(
        "unknown", "zone: unknown: not_read", hostnames=app(), zone_level=(False, 403)
    ),
    "zone-stale": Situation(
        "warning",
        "zone: warning: stale, not_read",
        "hostname app: unknown: not_read",
        hostnames={"app": 403},
        before=BEFORE,
        ages={"zone": "5h20m", "app": "5h20m"},
        check_finds=("unknown", "zone: unknown: not_read", "hostname app: unknown: not_read"),
    ),
    "zone-never-read": Situation(
        "warning",
        "zone: warning: stale, not_read",
        "hostname app: unknown: not_read",
        hostnames={"app": 403},
        before=Answers({"app": 403}),
        ages={"zone": "5h20m", "app": "5h20m"},
        check_finds=("unknown", "zone: unknown: not_read", "hostname app: unknown: not_read"),
    ),
    "zone-not-yet-stale": Situation(
        "unknown",
        "zone: unknown: not_read",
        "hostname app: unknown: not_read",
        hostnames={"app": 403},
        before=BEFORE,
        ages={"zone": "13m", "app": "13m"},
    ),
    "zone-level-stale": Situation(
        "warning",
        "zone: warning: stale, not_read",
        hostnames=app(),
        zone_level=(False, 403),
        before=Answers(app(), zone_level=(False, [])),
        ages={"zone_level": "5h20m"},
        check_finds=("unknown", "zone: unknown: not_read"),
    ),
    "zone-stale-while-the-api-hangs": Situation(
        "warning",
        "zone: warning: stale",
        own_account=True,
        hostnames={"app": HANG},
        zone_level=(HANG, HANG),
        before=Answers(app(), zone_level=(False, [])),
        ages={"zone": "5h20m", "app": "5h20m", "zone_level": "13m"},
        check_finds=None,
    ),
    "hostname-removed": Situation(
        "warning",
        "zone: warning: hostnames_removed",
        lists=listed(1),
        settings={"discover": True},
        before=Answers(lists=listed(2)),
        check_finds=("ok",),
    ),
    "hostname-removed-50-minutes-ago": Situation(
        "warning",
        "zone: warning: hostnames_removed",
        lists=listed(1),
        settings={"discover": True},
        before=Answers(lists=listed(1)),
        ages={"removed": "50m"},
        check_finds=("ok",),
    ),
    "hostname-removed-an-hour-ago": Situation(
        "ok",
        lists=listed(1),
        settings={"discover": True},
        before=Answers(lists=listed(1)),
        ages={"removed": "61m"},
    ),
}

ON_ACCOUNTS = {
    "account-healthy": Situation("ok", hostnames=app(), own_account=True),
    "account-not-read": Situation(
        "unknown",
        "account: unknown: not_read",
        "zone: unknown: not_read",
        "hostname app: unknown: not_read",
        own_account=True,
        hostnames={"app": 403},
    ),
    "account-stale": Situation(
        "critical",
        "account: critical: stale, not_read",
        "zone: unknown: not_read",
        "hostname app: unknown: not_read",
        own_account=True,
        hostnames={"app": 403},
        before=BEFORE,
        ages={"zone": "5h20m", "app": "5h20m"},
        check_finds=(
            "unknown",
            "account: unknown: not_read",
            "zone: unknown: not_read",
            "hostname app: unknown: not_read",
        ),
    ),
    "account-stale-while-the-api-hangs": Situation(
        "critical",
        "account: critical: stale",
        own_account=True,
        hostnames={"app": HANG},
        before=BEFORE,
        ages={"zone": "5h20m", "app": "5h20m"},
        check_finds=None,
    ),
    "token-invalid": Situation(
        "critical", "account: critical: token_invalid", hostnames=app(), token={**ACTIVE, "status": "disabled"}
    ),
    "token-refused": Situation(
        "critical",
        "account: critical: token_invalid, not_read",
        "zone: unknown: not_read",
        "hostname app: unknown: not_read",
        hostnames={"app": 401},
        token=401,
    ),
    "token-unverifiable": Situation("ok", hostnames=app(), token=401),
    "token-expires-soon": Situation(
        "warning",
        "account: warning: token_expires_soon",
        hostnames=app(),
        token={**ACTIVE, "expires_on": date("29d23h50m")},
    ),
    "token-not-soon": Situation("ok", hostnames=app(), token={**ACTIVE, "expires_on": date("30d10m")}),
    "token-expired": Situation(
        "critical",
        "account: critical: token_invalid",
        hostnames=app(),
        token={**ACTIVE, "status": "expired", "expires_on": date("-2d")},
    ),
    "rate-limited": Situation("warning", "account: warning: rate_limited", hostnames=app(), stumble=429),
    "failing-once": Situation("ok", hostnames=app(), stumble=503),
    "zone-removed": Situation(
        "warning",
        "account: warning: zones_removed",
        own_account=True,
        hostnames=app(),
        has_left=True,
        before=Answers(app(), has_left=False),
        check_finds=("ok",),
    ),
}

COMBINED = {
    "expired-whatever-the-api-says": Situation(
        "critical",
        "hostname app: critical: expired, metadata_mismatch",
        hostnames=app(ends="-2d", api_ends="300d"),
    ),
    "expired-by-the-api": Situation(
        "critical",
        "hostname app: critical: expired, metadata_mismatch",
        hostnames=app(ends="300d", api_ends="-2d"),
    ),
    "many-findings-on-one-hostname": Situation(
        "critical",
        "hostname app: critical: expires_very_soon, not_yet_valid, drifted, deployment_timed_out, "
        "metadata_mismatch, pending",
        hostnames=app(
            cert_id="c2",
            ends="6d23h50m",
            begins="5h20m",
            api_ends="300d",
            status="deployment_timed_out",
            cert_status="initializing",
            cert_uploaded="-5h20m",
        ),
        expect={"app": {"cert_id": "c1"}},
    ),
    "deleted-and-pending": Situation(
        "critical",
        "hostname app: critical: certificate_deleted, pending",
        hostnames=app(cert_status="pending_deletion", cert_updated="-5h20m"),
    ),
    "disabled-and-expired": Situation(
        "critical", "hostname app: critical: drifted", hostnames=app(enabled=False, ends="-2d")
    ),
    "three-hostnames-on-one-certificate": Situation(
        "critical",
        "hostname app: critical: expired",
        "hostname api: critical: expired",
        "hostname www: critical: expired",
        hostnames={label: hostname(ends="-2d") for label in ["app", "api", "www"]},
        settings={"strategy": "get"},
    ),
    "listed-on-one-certificate": Situation(
        "warning",
        "hostname app: warning: expires_soon",
        "hostname h1: warning: expires_soon",
        lists=listed(2, certificate(ends="20d5h")),
        settings={"discover": True},
    ),
    "good-and-bad-hostnames": Situation(
        "critical",
        "hostname api: critical: drifted",
        "hostname www: warning: pending",
        hostnames={
            "app": hostname(),
            "api": hostname(enabled=False),
            "www": hostname(status="initializing", updated="-5h20m"),
        },
        settings={"strategy": "get"},
    ),
    "zone-level-and-hostname": Situation(
        "critical",
        "certificate c9: critical: expired",
        "hostname app: warning: expires_soon",
        hostnames=app(ends="20d5h"),
        zone_level=on(certificate("c9", ends="-2d")),
    ),
    "zone-not-read-and-hostname-bad": Situation(
        "critical",
        "zone: unknown: not_read",
        "hostname app: critical: expired",
        hostnames=app(ends="-2d"),
        zone_level=(403, 403),
    ),
    "expired-and-no-longer-read": Situation(
        "critical",
        "hostname app: critical: expired, stale, not_read",
        hostnames={"app": 403, "api": hostname()},
        settings={"strategy": "get"},
        before=Answers({"app": hostname(ends="-2d"), "api": hostname()}),
        ages={"app": "5h20m"},
        check_finds=("unknown", "hostname app: unknown: not_read"),
    ),
    "crowded-and-expired": Situation(
        "critical",
        "certificate c1: info: near_hostname_limit",
        "hostname app: critical: expired",
        lists=listed(95, certificate(ends="-2d")),
        hostnames=app(ends="-2d"),
        settings={"strategy": "list"},
    ),
    "two-zone-level-certificates": Situation(
        "critical",
        "certificate c1: critical: expired, deployment_timed_out",
        "certificate c2: warning: end_unknown, pending",
        zone_level=on(
            certificate("c1", ends="-2d", status="deployment_timed_out"),
            certificate("c2", with_pem=False, api_ends=None, status="initializing", uploaded="-5h20m"),
        ),
    ),
    "token-expires-soon-and-limited": Situation(
        "critical",
        "account: warning: token_expires_soon, rate_limited",
        "hostname app: critical: drifted",
        hostnames=app(enabled=False),
        token={**ACTIVE, "expires_on": date("6d5h")},
        stumble=429,
    ),
}

UNPROTECTED = ("warning", "hostname app: warning: origin_unprotected")
DEMANDS = ("critical", "hostname app: critical: origin_demands_certificate")
AS_DISABLED, AS_VOID = {"app": {"expect": "disabled"}}, {"app": {"expect": "void"}}

WITH_ORIGINS = {
    "origin-none": Situation(*UNPROTECTED, hostnames=app(), origin="none"),
    "origin-optional": Situation(*UNPROTECTED, hostnames=app(), origin="optional"),
    "origin-required": Situation("ok", hostnames=app(), origin="required"),
    "origin-unreachable": Situation("ok", hostnames=app(), origin="unreachable"),
    "origin-of-another-ca": Situation(
        "warning", "hostname app: warning: origin_may_reject", hostnames=app(), origin="other-ca"
    ),
    "origin-of-another-ca-and-no-pem": Situation("ok", hostnames=app(with_pem=False), origin="other-ca"),
    "origin-required-while-disabled": Situation(
        *DEMANDS, hostnames=app(enabled=False), expect=AS_DISABLED, origin="required"
    ),
    "origin-none-while-disabled": Situation("ok", hostnames=app(enabled=False), expect=AS_DISABLED, origin="none"),
    "origin-required-while-void": Situation(
        *DEMANDS, hostnames=app(enabled=None), expect=AS_VOID, zone_level=(False, []), origin="required"
    ),
    "origin-required-while-void-and-zone-level-unknown": Situation(
        "ok", hostnames=app(enabled=None), expect=AS_VOID, origin="required"
    ),
    "origin-none-while-void-and-zone-level-on": Situation(
        *UNPROTECTED, hostnames=app(enabled=None), expect=AS_VOID, zone_level=on(certificate()), origin="none"
    ),
    "origin-required-while-flexible": Situation(
        "critical",
        "zone: warning: ssl_mode",
        "hostname app: critical: origin_demands_certificate",
        hostnames=app(),
        zone_level=(False, []),
        ssl="flexible",
        origin="required",
    ),
}

SITUATIONS = {**ON_HOSTNAMES, **ON_CERTIFICATES, **ON_ZONES, **ON_ACCOUNTS, **COMBINED, **WITH_ORIGINS}

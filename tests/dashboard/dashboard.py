#!/usr/bin/env python3
"""Generates deploy/grafana/dashboards/cloudflare-aop.json; with --check, fails if that file is outdated.

Each panel is one call. Panels are placed in the order of the lists below, from left to right in a grid 24 columns wide.
"""

import json
import sys
from pathlib import Path

TARGET = Path(__file__).parents[2] / "deploy/grafana/dashboards/cloudflare-aop.json"
UID = "cloudflare-aop"
# URL of a rendered docs/alerts.md, for the runbook links. A variable of the dashboard holds it, so users can set their
# own; while it is empty, the links do not work.
RUNBOOKS = ""

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
GREEN, YELLOW, ORANGE, RED, GREY, BLUE = "green", "yellow", "orange", "red", "#808080", "blue"

# --- Findings and their runbooks ---

# Severities from worst to best. The number orders them, in tables and if a subject has several.
SEVERITIES = [("critical", 4, RED), ("warning", 3, ORANGE), ("unknown", 2, "purple"), ("info", 1, BLUE)]
OK = ("ok", 0, GREEN)

# The alert for each finding. `not_read` has none.
ALERTS = {
    "expired": "CertificateExpired",
    "expires_very_soon": "CertificateExpiresVerySoon",
    "expires_soon": "CertificateExpiresSoon",
    "not_yet_valid": "CertificateNotYetValid",
    "end_unknown": "CertificateEndUnknown",
    "certificate_deleted": "CertificateDeleted",
    "metadata_mismatch": "CertificateMetadataMismatch",
    "drifted": "HostnameDrifted",
    "deployment_timed_out": "DeploymentTimedOut",
    "deletion_timed_out": "DeletionTimedOut",
    "pending": "ChangePending",
    "near_hostname_limit": "CertificateNearHostnameLimit",
    "stale": "ReadingsStale",
    "token_invalid": "TokenInvalid",
    "token_expires_soon": "TokenExpiresSoon",
    "rate_limited": "RateLimited",
    "hostnames_removed": "WatchedLess",
    "zones_removed": "WatchedLess",
    "ssl_mode": "SslModeDisablesPulls",
    "origin_unprotected": "OriginUnprotected",
    "origin_demands_certificate": "OriginDemandsCertificate",
    "origin_may_reject": "OriginMayReject",
}
# Alerts about the exporter itself, which belong to no finding.
EXPORTER_ALERTS = ["ExporterDown", "ConfigReloadFailed", "RulesDoNotFit"]
PREFIX = "CloudflareAop"

# --- Queries ---

# Several exporters may watch the same subjects. So every query first takes the maximum over exporters, and counts or
# sums only after that. The maximum of dates is the later one, since exporters differ after a renewal.

J = 'job=~"$job"'
A = f'{J}, account=~"$account"'
Z = f'{J}, zone=~"$zone"'
S = f'{Z}, hostname=~"$hostname"'
H, C = "cloudflare_aop_hostname", "cloudflare_aop_certificate"
# Most families only have the label of the zone; this one also has the account.
ZONE_INFO = f'cloudflare_aop_zone_info{{{A}, zone=~"$zone"}}'
OF_ACCOUNT = f"and on (job, instance, zone) {ZONE_INFO}"


def braced(*matchers):
    return "{" + ", ".join(matchers) + "}"


def of_account(expression):
    """Keeps the series whose zone belongs to a selected account."""
    return f"({expression} {OF_ACCOUNT})"


def zoned(family, *matchers):
    """Returns the selected series of a family with the label `zone`."""
    return of_account(family + braced(Z, *matchers))


def hosted(family, *matchers):
    """Returns the selected series of a family with the labels `zone` and `hostname`."""
    return of_account(f"{H}_{family}{braced(S, *matchers)}")


def selected(about, *matchers):
    """Returns the selected findings about `about`: hostname, certificate, zone, account, or several of them joined by `|`.

    A finding without a label is selected for any value of that variable, since an invalid token, for example, concerns
    every zone."""
    where = [A, 'zone=~"$zone|"', 'hostname=~"$hostname|"', *matchers]
    if "|" in about:
        return braced(f'__name__=~"cloudflare_aop_({about})_finding"', *where)
    return f"cloudflare_aop_{about}_finding{braced(*where)}"


def of_severity(severity):
    return f'severity="{severity}"'


def ranked(about, by, *matchers, least=None):
    """Returns the number of the worst severity among findings, by the labels in `by`.

    Subjects that have a series only in `least` have no finding and get 0."""
    terms = [f"{n} * {selected(about, of_severity(severity), *matchers)}" for severity, n, _ in SEVERITIES]
    if least is not None:
        terms.append(f"0 * {least}")
    return f"max by ({by}) (\n  " + "\n  or ".join(terms) + "\n)"


ALL = "hostname|certificate|zone|account"
KEY = "account, zone, hostname, cert_id, level, finding, severity"
SHOWN = 'severity=~"$severity"'


def earlier(api, pem):
    """Returns the earlier of two dates, or the only one."""
    return f"({api} < {pem} or {pem} or {api})"


# The end of the certificate that Cloudflare presents for a hostname
EXPIRES, PEM = (f"{H}_certificate_{date}_timestamp_seconds{{{S}}}" for date in ("expires", "pem_not_after"))
ENABLED = f"{H}_enabled{{{S}}} == 1"
ENDS = f"max by (zone, hostname) (({earlier(EXPIRES, PEM)} and {ENABLED}) {OF_ACCOUNT})"
LEFT = f"{ENDS} - time()"


def cert_ends(*matchers):
    """Returns the ends of certificates, presented or not."""
    where = braced(Z, *matchers)
    ends = earlier(f"{C}_expires_timestamp_seconds{where}", f"{C}_pem_not_after_timestamp_seconds{where}")
    return f"max by (zone, cert_id, level) ({ends} {OF_ACCOUNT})"


CERT_LEFT = f"{cert_ends()} - time()"


def named(by_zone):
    """Adds a label `hostname` to series about zones, to show them among hostnames."""
    return f'label_replace({by_zone}, "hostname", "$1, zone level", "zone", "(.*)")'


# The certificates that end next: those of hostnames, and zone-level ones unless the zone-level switch is off
OFF = f"max by (zone) (cloudflare_aop_zone_level_enabled{{{Z}}}) == 0"
ZONE_LEVEL = cert_ends('level="zone"') + f" unless on (zone) {OFF}"
NEXT = f"bottomk(15, ({ENDS} or {named(ZONE_LEVEL)}) - time())"


def threshold(name):
    """Returns a threshold of the configuration, as a number. If exporters differ, the longer one counts."""
    return f'scalar(max(cloudflare_aop_exporter_threshold_seconds{{{J}, threshold="{name}"}}))'


def with_runbook(expression):
    """Copies the finding to the label `runbook`, except `not_read`, which has no alert and thus no runbook.

    The table maps the copy to the anchor of the runbook."""
    copied = f'label_replace({expression}, "runbook", "$1", "finding", "(.*)")'
    return f'label_replace({copied}, "runbook", "", "finding", "not_read")'


def count(expression):
    """Returns the number of series: 0 if there are none but an exporter has polled, nothing if no exporter is scraped."""
    return f"count({expression}) or 0 * max(cloudflare_aop_exporter_last_poll_timestamp_seconds{{{J}}})"


def age(by, timestamps):
    return f"time() - max by ({by}) ({timestamps})"


def numbered(family, label, states):
    """Returns the number of the state whose series is 1. The states of a family are numbered from 1."""
    series = f"{H}_{family}{{{S}, {label}="
    terms = (f'{n} * ({series}"{state}"}} == 1)' for n, (state, _) in enumerate(states, 1))
    return "max by (zone, hostname) ((\n  " + "\n  or ".join(terms) + f"\n) {OF_ACCOUNT})"


def own(expression):
    """Selects the exporters' series of a metric that other targets also have.

    An exporter that can no longer be scraped is kept for a day."""
    exporters = f"last_over_time(cloudflare_aop_exporter_build_info{{{J}}}[1d])"
    return f"max by (job, instance) ({expression} and on (job, instance) {exporters})"


def exporter(family):
    """Returns a gauge of each exporter."""
    return f"max by (job, instance) (cloudflare_aop_exporter_{family}{{{J}}})"


# Readings are not summed over exporters, but activity is, since each exporter sends its own requests.


def rate(by, family, where=J):
    return f"sum by ({by}) (rate({family}{{{where}}}[$__rate_interval]))"


def quantile(q, by, family):
    return f"histogram_quantile({q}, sum by (le, {by}) (rate({family}_bucket{{{J}}}[$__rate_interval])))"


ERRORS = of_account(f"rate(cloudflare_aop_exporter_poll_errors_total{{{Z}}}[$__rate_interval])")

# --- Appearance ---

ASSOCIATIONS = [("enabled", GREEN), ("disabled", GREY), ("void", ORANGE), ("none", RED)]
STATUSES = [
    ("active", GREEN),
    ("initializing", BLUE),
    ("pending_deployment", BLUE),
    ("pending_deletion", BLUE),
    ("deployment_timed_out", RED),
    ("deletion_timed_out", RED),
    ("deleted", RED),
    ("unknown", GREY),
]


def mapped(values):
    """Value mappings from triples of value, text and colour."""
    options = {}
    for index, (value, text, color) in enumerate(values):
        options[str(value)] = {"text": text, "index": index, **({"color": color} if color else {})}
    return [{"type": "value", "options": options}]


def of_states(states):
    return mapped([(n, state, color) for n, (state, color) in enumerate(states, 1)])


def steps(*steps):
    """Threshold colours: the first one is the base, the others start at a value."""
    values = [{"value": None, "color": steps[0]}, *({"value": v, "color": c} for v, c in steps[1:])]
    return {"mode": "absolute", "steps": values}


YES_NO = mapped([(1, "yes", GREEN), (0, "no", RED)])
ON_OFF = mapped([(1, "on", BLUE), (0, "off", GREY)])
SEVERITY = mapped([(n, severity, color) for severity, n, color in [*SEVERITIES, OK]])
VERDICT = {"mappings": SEVERITY, "custom.cellOptions": {"type": "color-background", "mode": "basic"}}
COLOURED = {"custom.cellOptions": {"type": "color-background", "mode": "basic"}}
DATE = {"unit": "dateTimeAsIso"}
SECONDS = {"unit": "dtdurations"}


def target(expr, legend="", table=False, instant=False):
    kind = {"instant": True, "range": False} if table or instant else {"instant": False, "range": True}
    return {
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": expr,
        "format": "table" if table else "time_series",
        "legendFormat": legend or "__auto",
        **kind,
    }


def letter(place):
    """Returns the refId of the query at this index."""
    return chr(ord("A") + place)


def override(matcher, options, **properties):
    """Returns field properties for the fields that the matcher selects. `__` in a name stands for a dot."""
    settings = [{"id": name.replace("__", "."), "value": value} for name, value in properties.items()]
    return {"matcher": {"id": matcher, "options": options}, "properties": settings}


def fixed(color):
    return {"mode": "fixed", "fixedColor": color}


def panel(kind, title, width, height, targets, description="", options=None, overrides=(), **defaults):
    for place, each in enumerate(targets):
        each["refId"] = letter(place)
    made = {
        "type": kind,
        "title": title,
        "gridPos": {"w": width, "h": height, "x": 0, "y": 0},
        "datasource": DATASOURCE,
        "targets": targets,
        "options": options or {},
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
    }
    if description:
        made["description"] = description
    return made


def graph(title, width, targets, unit="short", height=8, stack=False, negative=False, **more):
    custom = {"lineWidth": 1, "fillOpacity": 30 if stack else 5, "showPoints": "never", "spanNulls": False}
    if stack:
        custom["stacking"] = {"mode": "normal", "group": "A"}
    options = {
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    if not negative:
        more["min"] = 0
    return panel("timeseries", title, width, height, targets, options=options, unit=unit, custom=custom, **more)


def time_left(title, width, expr, legend, **more):
    """Returns a graph of the time left, with the exporter's thresholds as dashed lines."""
    lines = f'max by (threshold) (cloudflare_aop_exporter_threshold_seconds{{{J}, threshold=~"warning|critical"}})'
    dashed = {"custom__lineStyle": {"fill": "dash", "dash": [10, 10]}, "custom__lineWidth": 2, "custom__fillOpacity": 0}
    return graph(
        title,
        width,
        [target(expr, legend), target(lines, "threshold: {{threshold}}")],
        "dtdurations",
        negative=True,
        overrides=[
            override("byName", "threshold: warning", color=fixed(ORANGE), **dashed),
            override("byName", "threshold: critical", color=fixed(RED), **dashed),
        ],
        **more,
    )


def figures(title, width, figures, height=4, **more):
    """Returns a panel of large figures, each with a query, a name, the colour from 1 on and the colour of 0."""
    options = {
        "colorMode": "background_solid",
        "graphMode": "none",
        "justifyMode": "center",
        "textMode": "value_and_name",
        "reduceOptions": {"calcs": ["lastNotNull"], "values": False, "fields": ""},
    }
    # instant, because the last value of a range would outlive the exporter
    targets = [target(expr, name, instant=True) for expr, name, _, _ in figures]
    overrides = [
        override("byFrameRefID", letter(place), thresholds=steps(none, (1, some)))
        for place, (_, _, some, none) in enumerate(figures)
    ]
    return panel("stat", title, width, height, targets, options=options, overrides=overrides, **more)


def timeline(title, width, expr, mappings, height=8, per_page=20, **more):
    options = {
        "showValue": "never",
        "mergeValues": True,
        "rowHeight": 0.8,
        "perPage": per_page,
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    custom = {"lineWidth": 0, "fillOpacity": 80}
    targets = [target(expr, "{{hostname}}")]
    return panel(
        "state-timeline", title, width, height, targets, options=options, mappings=mappings, custom=custom, **more
    )


def table(title, width, columns, height=10, first=(), sort=(), **more):
    """Returns a table with one row for each set of labels. A column has a name, a query and properties of its value.

    A query without a column name only adds its labels. Columns in `first`, by name or label, come first."""
    targets = [target(expr, table=True) for _, expr, _ in columns]
    values = [f"Value #{letter(place)}" if len(columns) > 1 else "Value" for place in range(len(columns))]
    overrides, names, excluded = [], {}, {"Time": True}
    for value, (name, _, shown) in zip(values, columns):
        if name is None:
            excluded[value] = True
            continue
        names[value] = name
        if shown:
            overrides.append(override("byName", name, **shown))
    overrides += more.pop("overrides", [])
    fields = {name: value for value, name in names.items()}
    order = {fields.get(name, name): place for place, name in enumerate(first)}
    options = {"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": n, "desc": d} for n, d in sort]}
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False}
    made = panel("table", title, width, height, targets, options=options, overrides=overrides, custom=custom, **more)
    organize = {"excludeByName": excluded, "renameByName": names, "indexByName": order}
    made["transformations"] = [{"id": "merge", "options": {}}, {"id": "organize", "options": organize}]
    return made


def links(field, *links):
    return override("byName", field, links=list(links))


def link(title, url, blank=False):
    return {"title": title, "url": url, "targetBlank": blank}


HERE = f"/d/{UID}?${{__url_time_range}}&${{datasource:queryparam}}&${{job:queryparam}}"
TO_ACCOUNT = link("Only this account", HERE + "&var-account=${__data.fields.account:percentencode}")
TO_ZONE = link("Only this zone", HERE + "&var-zone=${__data.fields.zone:percentencode}")
TO_HOSTNAME = link(
    "Only this hostname",
    HERE + "&var-zone=${__data.fields.zone:percentencode}&var-hostname=${__data.fields.hostname:percentencode}",
)
# A panel's `noValue` is shown if there are no rows, but also in empty cells, where it is overridden.
EMPTY_CELLS = [override("byType", kind, noValue="") for kind in ("string", "number")]
LINKED = [links("account", TO_ACCOUNT), links("zone", TO_ZONE), links("hostname", TO_HOSTNAME)]


def runbooks(anchors):
    """Shows the column `runbook` as an anchor without its prefix, linked to the runbook.

    Anchors are in lower case: unlike GitHub, other renderers of Markdown match the case. The cell shows the anchor
    rather than the alert's name, because a link can use the text of a cell but not change its case."""
    return override(
        "byName",
        "runbook",
        mappings=mapped([(value, alert.lower(), None) for value, alert in anchors.items()]),
        links=[link("Runbook", f"${{runbooks:raw}}#{PREFIX.lower()}${{__value.text}}", blank=True)],
    )


RUNBOOKS_HELP = "Links to runbooks need the dashboard's variable `runbooks`: the URL of a rendered docs/alerts.md."


def findings(title, about, labels, left=None, height=8, width=24):
    """Returns a table of findings, worst first. `left` is a query for the time left, preceded by its labels."""
    key = f"{labels}, finding"
    columns = [("severity", with_runbook(ranked(about, key, SHOWN)), VERDICT)]
    if left is not None:
        on, expression = left
        held = f"max by ({key}) ({selected(about, SHOWN)})"
        joined = f"0 * {held} + on ({on}) group_left () ({expression})"
        columns.append(("time left", joined, SECONDS))
    return table(
        title,
        width,
        columns,
        height=height,
        first=["severity", "finding", *reversed(labels.split(", "))],
        sort=[("severity", True), *([("time left", False)] if left else [])],
        description=RUNBOOKS_HELP,
        overrides=[*EMPTY_CELLS, *LINKED, runbooks(ALERTS)],
        noValue="None",
    )


# --- Panels ---

BY_SEVERITY = [
    (count(f"max by ({KEY}) ({selected(ALL, of_severity(severity))})"), severity, color, GREEN)
    for severity, _, color in SEVERITIES
]
WATCHED = [
    (ZONE_INFO, "account", "accounts"),
    (zoned("cloudflare_aop_zone_up"), "zone", "zones"),
    (hosted("up"), "zone, hostname", "hostnames"),
    (zoned(f"{C}_info"), "zone, cert_id, level", "certificates"),
]
FIRING = ", ".join(
    [f'alertname=~"{PREFIX}.+"', SHOWN, *(f'{each}=~"${each}|"' for each in ("job", "account", "zone", "hostname"))]
)

FINDINGS = [
    figures("Findings", 12, BY_SEVERITY, description="The variable `severity` selects rows below, but not here."),
    figures(
        "Watched",
        12,
        [(count(f"max by ({by}) ({series})"), name, "semi-dark-blue", GREY) for series, by, name in WATCHED],
    ),
    findings("Hostnames", "hostname", "account, zone, hostname", ("zone, hostname", LEFT), height=11),
    findings("Certificates", "certificate", "account, zone, level, cert_id", ("zone, cert_id, level", CERT_LEFT)),
    findings("Zones", "zone", "account, zone", width=12),
    findings("Accounts", "account", "account", width=12),
    graph(
        "Findings over time",
        24,
        [
            target(
                f"count by (severity, finding) (max by ({KEY}) ({selected(ALL, SHOWN)}))", "{{severity}}: {{finding}}"
            )
        ],
        stack=True,
        overrides=[
            override("byRegexp", f"/^{severity}: /", color={"mode": "shades", "fixedColor": color})
            for severity, _, color in SEVERITIES
        ],
    ),
    table(
        "Firing alerts",
        24,
        [
            (
                "since",
                f"label_replace(1000 * ALERTS_FOR_STATE{{{FIRING}}} and ignoring (alertstate)"
                f' ALERTS{{{FIRING}, alertstate="firing"}}, "runbook", "$1", "alertname", "{PREFIX}(.+)")',
                DATE,
            )
        ],
        height=7,
        first=["severity", "alertname", "hostname", "cert_id", "zone", "account"],
        sort=[("since", True)],
        description=f"Empty if nothing fires, or if Prometheus does not load the alerting rules. {RUNBOOKS_HELP}",
        overrides=[*EMPTY_CELLS, *LINKED, runbooks({name: name for name in [*ALERTS.values(), *EXPORTER_ALERTS]})],
        noValue="None",
    ),
]

EXPIRY = [
    panel(
        "bargauge",
        "Next to expire",
        8,
        12,
        [
            target(f"sort({NEXT} < {threshold('critical')})", "{{hostname}}", instant=True),
            target(f"sort({NEXT} >= {threshold('critical')} < {threshold('warning')})", "{{hostname}}", instant=True),
            target(f"sort({NEXT} >= {threshold('warning')})", "{{hostname}}", instant=True),
        ],
        description="Certificates that Cloudflare presents. The colours follow the thresholds of the configuration.",
        unit="dtdurations",
        overrides=[
            override("byFrameRefID", letter(place), color=fixed(color))
            for place, color in enumerate((RED, ORANGE, GREEN))
        ],
        options={
            "displayMode": "basic",
            "orientation": "horizontal",
            "showUnfilled": True,
            "reduceOptions": {"calcs": ["lastNotNull"], "values": False, "fields": ""},
        },
    ),
    time_left("Time left of what expires next", 16, NEXT, "{{hostname}}", height=12),
]

INTERVAL = "cloudflare_aop_zone_poll_interval_seconds"
ZONES = [
    table(
        "All accounts",
        24,
        [
            ("verdict", ranked("account", "account", least=ZONE_INFO), VERDICT),
            ("zones", f"count by (account) (max by (account, zone) ({ZONE_INFO}))", {}),
            ("zones listed", f"max by (account) (cloudflare_aop_account_up{{{A}}})", {"mappings": YES_NO}),
            ("token valid", f"min by (account) (cloudflare_aop_api_token_valid{{{A}}})", {"mappings": YES_NO}),
            (
                "token expires in",
                f"min by (account) (cloudflare_aop_api_token_expires_timestamp_seconds{{{A}}}) - time()",
                SECONDS,
            ),
        ],
        height=6,
        first=["verdict", "account"],
        sort=[("verdict", True)],
        description="`zones listed` needs a pattern among the zones, `token expires in` a token that expires.",
        overrides=LINKED,
    ),
    table(
        "All zones",
        24,
        [
            ("verdict", ranked("zone", "zone", least=zoned("cloudflare_aop_zone_up")), VERDICT),
            ("read", f"max by (zone) ({zoned('cloudflare_aop_zone_up')})", {"mappings": YES_NO}),
            ("age", age("zone", zoned("cloudflare_aop_zone_last_success_timestamp_seconds")), SECONDS),
            ("hostnames", f"max by (zone) ({zoned('cloudflare_aop_zone_hostnames')})", {}),
            ("next to expire", f"min by (zone) ({LEFT})", SECONDS),
            (
                "removed, 24 h",
                "max by (zone) " + of_account(f"increase(cloudflare_aop_zone_hostnames_removed_total{{{Z}}}[24h])"),
                {"decimals": 0},
            ),
            ("zone level", f"max by (zone) ({zoned('cloudflare_aop_zone_level_enabled')})", {"mappings": ON_OFF}),
            (None, f"max by (zone, zone_id, account) ({ZONE_INFO})", {}),
        ],
        first=["verdict", "zone", "account"],
        sort=[("verdict", True), ("next to expire", False)],
        overrides=LINKED,
    ),
    table(
        "Readings",
        12,
        [
            ("age", age("zone, part", zoned("cloudflare_aop_zone_part_last_success_timestamp_seconds")), SECONDS),
            ("interval", f"max by (zone, part) ({zoned(INTERVAL)})", SECONDS),
        ],
        height=8,
        first=["zone", "part"],
        sort=[("age", True)],
        description="When each part of a zone was last read, and how often the zone is due.",
        overrides=LINKED,
    ),
    graph(
        "Age of the readings, in intervals",
        12,
        [
            target(
                f"({age('zone', zoned('cloudflare_aop_zone_last_success_timestamp_seconds'))})"
                f""" / on (zone) max by (zone) ({zoned(INTERVAL, 'part=~"associations|"')})""",
                "{{zone}}",
            )
        ],
        "none",
        description="A zone is stale after three of its intervals, but not before 15 minutes.",
    ),
    graph(
        "Hostnames by association",
        12,
        [
            target(
                f"sum by (association) (max by (zone, hostname, association) ({hosted('association')}))",
                "{{association}}",
            )
        ],
        stack=True,
    ),
    graph(
        "Failures by zone and reason",
        12,
        [target(f"sum by (zone, reason) {ERRORS} > 0", "{{zone}}: {{reason}}")],
        "ops",
    ),
]


def dated(family, name):
    return (name, f"max by (zone, hostname) (1000 * {hosted(f'{family}_timestamp_seconds')})", DATE)


OF_HOSTNAME = ranked("hostname", "zone, hostname", least=hosted("up"))
HOSTNAMES = [
    table(
        "All hostnames",
        24,
        [
            ("verdict", OF_HOSTNAME, VERDICT),
            ("time left", LEFT, SECONDS),
            (None, f"max by (zone, hostname, association) ({hosted('association')} == 1)", {}),
            (None, f"max by (zone, hostname, status) ({hosted('status')} == 1)", {}),
            ("as expected", f"1 - max by (zone, hostname) ({hosted('drifted')})", {"mappings": YES_NO}),
            ("age", age("zone, hostname", hosted("last_success_timestamp_seconds")), SECONDS),
        ],
        height=12,
        first=["verdict", "hostname", "zone", "time left"],
        sort=[("verdict", True), ("time left", False)],
        description="The verdict is the worst severity among the findings about the hostname.",
        overrides=LINKED,
    ),
    timeline("Verdict", 12, OF_HOSTNAME, SEVERITY),
    timeline("Association", 12, numbered("association", "association", ASSOCIATIONS), of_states(ASSOCIATIONS)),
    timeline("Status of the association", 12, numbered("status", "status", STATUSES), of_states(STATUSES)),
    timeline("Status of the certificate", 12, numbered("certificate_status", "status", STATUSES), of_states(STATUSES)),
    time_left("Time left", 12, LEFT, "{{hostname}}"),
    graph(
        "Age of the reading",
        12,
        [target(age("zone, hostname", hosted("last_success_timestamp_seconds")), "{{hostname}}")],
        "dtdurations",
    ),
    table(
        "Certificate of each hostname",
        24,
        [
            (
                None,
                f"max by (zone, hostname, cert_id, issuer, serial_number, signature) ({hosted('certificate_info')})",
                {},
            ),
            dated("certificate_pem_not_before", "valid from"),
            dated("certificate_expires", "expires, API"),
            dated("certificate_pem_not_after", "expires, PEM"),
            (
                "API and PEM agree",
                f"min by (zone, hostname) ({hosted('certificate_metadata_match')})",
                {"mappings": YES_NO},
            ),
        ],
        first=["hostname", "zone", "cert_id"],
        overrides=LINKED,
    ),
    table(
        "Changes",
        24,
        [
            dated("created", "associated"),
            dated("updated", "association changed"),
            dated("certificate_uploaded", "certificate uploaded"),
            dated("certificate_updated", "certificate changed"),
        ],
        height=8,
        first=["hostname", "zone"],
        sort=[("association changed", True)],
        overrides=LINKED,
    ),
]


def of_certificates(family, scale=""):
    return f"max by (zone, cert_id, level) ({scale}{zoned(f'{C}_{family}')})"


CERTIFICATES = [
    table(
        "All certificates",
        24,
        [
            (
                "verdict",
                ranked("certificate", "zone, cert_id, level", least=zoned(f"{C}_info")),
                VERDICT,
            ),
            ("time left", CERT_LEFT, SECONDS),
            (None, f"max by (zone, cert_id, level, status) ({zoned(f'{C}_status')} == 1)", {}),
            ("hostnames", of_certificates("hostnames"), {}),
            ("valid from", of_certificates("pem_not_before_timestamp_seconds", "1000 * "), DATE),
            ("expires, API", of_certificates("expires_timestamp_seconds", "1000 * "), DATE),
            ("expires, PEM", of_certificates("pem_not_after_timestamp_seconds", "1000 * "), DATE),
            (
                "API and PEM agree",
                f"min by (zone, cert_id, level) ({zoned(f'{C}_metadata_match')})",
                {"mappings": YES_NO},
            ),
            (None, f"max by (zone, cert_id, level, issuer, serial_number) ({zoned(f'{C}_info')})", {}),
        ],
        height=12,
        first=["verdict", "zone", "level", "cert_id", "status", "time left"],
        sort=[("verdict", True), ("time left", False)],
        description="Findings about the end of a certificate are at the hostnames that use it, unless its level is zone."
        " A certificate holds at most 100 hostnames, counted where associations are listed.",
        overrides=LINKED,
    ),
]

REQUESTS = "cloudflare_aop_api_requests_total"
API = [
    graph("Requests by code", 12, [target(rate("code", REQUESTS, A), "{{code}}")], "reqps", stack=True),
    graph("Requests by call", 12, [target(rate("call", REQUESTS, A), "{{call}}")], "reqps", stack=True),
    graph(
        "Latency",
        12,
        [
            target(quantile(q, "call", "cloudflare_aop_api_request_duration_seconds"), f"{{{{call}}}} {q:.0%}")
            for q in (0.5, 0.99)
        ],
        "s",
    ),
    graph("Failures by reason", 12, [target(f"sum by (reason) {ERRORS}", "{{reason}}")], "ops", stack=True),
    graph(
        "Quota",
        12,
        [
            target(f"min by (account) (cloudflare_aop_api_rate_limit_remaining{{{A}}})", "{{account}}: remaining"),
            target(f"sum by (account) (increase({REQUESTS}{{{A}}}[5m]))", "{{account}}: sent in 5 minutes"),
        ],
        description="Cloudflare allows each user 1,200 requests in 5 minutes, over all tokens and programs.",
    ),
    graph(
        "Throttling and retries",
        12,
        [
            target(
                rate("account", "cloudflare_aop_api_throttled_seconds_total", A), "{{account}}: share of time throttled"
            ),
            target(
                rate("account, call", "cloudflare_aop_api_retries_total", A),
                "{{account}}: retries of {{call}} per second",
            ),
        ],
        "none",
    ),
]


def of_threshold(name):
    series = f'cloudflare_aop_exporter_threshold_seconds{{{J}, threshold="{name}"}}'
    return (f"{name} threshold", f"max by (job, instance) ({series})", SECONDS)


EXPORTERS = [
    table(
        "Exporters",
        24,
        [
            (None, f"max by (job, instance, version, revision, rustc) (cloudflare_aop_exporter_build_info{{{J}}})", {}),
            ("scraped", own(f"up{{{J}}}"), {"mappings": YES_NO, **COLOURED}),
            ("polls every", exporter("poll_interval_seconds"), SECONDS),
            ("last poll", f"time() - {exporter('last_poll_timestamp_seconds')}", SECONDS),
            of_threshold("warning"),
            of_threshold("critical"),
            of_threshold("pending"),
            ("started", own(f"1000 * process_start_time_seconds{{{J}}}"), DATE),
        ],
        height=6,
        first=["scraped", "job", "instance", "version"],
    ),
    graph(
        "Duration of a poll",
        12,
        [
            *(
                target(
                    quantile(q, "job, instance", "cloudflare_aop_exporter_poll_duration_seconds"),
                    f"{{{{instance}}}} {q:.0%}",
                )
                for q in (0.5, 0.99)
            ),
            target(exporter("poll_interval_seconds"), "{{instance}} interval"),
        ],
        "s",
    ),
    graph(
        "Polls in an hour",
        12,
        [
            target(
                f"sum by (job, instance) (increase(cloudflare_aop_exporter_polls{family}_total{{{J}}}[1h]))",
                f"{{{{instance}}}}: {name}",
            )
            for family, name in (("", "ended"), ("_skipped", "skipped"))
        ],
    ),
    graph("Memory", 6, [target(own(f"process_resident_memory_bytes{{{J}}}"), "{{instance}}")], "bytes"),
    graph(
        "Processor",
        6,
        [target(own(f"rate(process_cpu_seconds_total{{{J}}}[$__rate_interval])"), "{{instance}}")],
        "percentunit",
    ),
    graph(
        "Open files",
        6,
        [
            target(own(f"process_open_fds{{{J}}}"), "{{instance}}"),
            target(own(f"process_max_fds{{{J}}}"), "{{instance}} limit"),
        ],
    ),
    graph(
        "Configuration in force (1) or refused (0)",
        6,
        [
            target(
                f"min by (job, instance) (cloudflare_aop_exporter_config_last_reload_successful{{{J}}})", "{{instance}}"
            )
        ],
    ),
]

# Title, True if the row starts collapsed, and panels. Grafana queries the panels of a row when it is expanded.
ROWS = [
    ("Findings", False, FINDINGS),
    ("Expiry", False, EXPIRY),
    ("Accounts and zones", True, ZONES),
    ("Hostnames", True, HOSTNAMES),
    ("Certificates", True, CERTIFICATES),
    ("Cloudflare's API", True, API),
    ("Exporters", True, EXPORTERS),
]

# --- The dashboard ---

MULTIPLE = {
    "multi": True,
    "includeAll": True,
    "allValue": ".*",
    "current": {"text": ["All"], "value": ["$__all"]},
}
# Grafana's numbers for: reload the values when the time range changes, sort by name, hide the variable
ON_TIME_RANGE, BY_NAME, HIDDEN = 2, 1, 2


def variable(name, label, query):
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "refresh": ON_TIME_RANGE,
        "sort": BY_NAME,
        "regex": "",
        **MULTIPLE,
    }


VARIABLES = [
    {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "refresh": 1},
    variable("job", "Job", 'label_values({__name__=~"cloudflare_aop_(exporter_build_info|zone_info)"}, job)'),
    variable(
        "account",
        "Account",
        f'label_values({{__name__=~"cloudflare_aop_(zone_info|account_up|api_token_valid)", {J}}}, account)',
    ),
    variable("zone", "Zone", f"label_values(cloudflare_aop_zone_info{{{A}}}, zone)"),
    variable("hostname", "Hostname", f"label_values({H}_up{{{Z}}}, hostname)"),
    {
        "type": "custom",
        "name": "severity",
        "label": "Severity",
        "query": ",".join(severity for severity, _, _ in SEVERITIES),
        "options": [
            {"text": text, "value": value, "selected": value == "$__all"}
            for text, value in [("All", "$__all"), *((severity, severity) for severity, _, _ in SEVERITIES)]
        ],
        **MULTIPLE,
    },
    {
        "type": "constant",
        "name": "runbooks",
        "label": "URL of a rendered docs/alerts.md",
        "description": "Where the links to runbooks lead. They are of no use while this is empty.",
        "query": RUNBOOKS,
        "hide": HIDDEN,
        "skipUrlSync": True,
    },
]


def placed(rows):
    """Places the rows and their panels. The panels of a collapsed row are inside it, as Grafana stores them."""
    panels, top, number = [], 0, 0
    for title, collapsed, members in rows:
        number += 1
        row = {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": collapsed,
            "panels": [],
            "gridPos": {"w": 24, "h": 1, "x": 0, "y": top},
        }
        panels.append(row)
        x, y = 0, top + 1
        for member in members:
            number += 1
            member["id"] = number
            place = member["gridPos"]
            place["x"], place["y"] = x, y
            x += place["w"]
            if x >= 24:
                x, y = 0, y + place["h"]
        (row["panels"] if collapsed else panels).extend(members)
        top = top + 1 if collapsed else y
    return panels


def dashboard():
    return {
        "uid": UID,
        "title": "Cloudflare Authenticated Origin Pulls",
        "description": "Client certificates that Cloudflare presents to origins, and the exporters that watch them.",
        "tags": ["cloudflare", "tls"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "timezone": "",
        "links": [],
        "annotations": {"list": []},
        "templating": {"list": VARIABLES},
        "panels": placed(ROWS),
    }


def main():
    text = json.dumps(dashboard(), indent=1) + "\n"
    if sys.argv[1:] == ["--check"]:
        if TARGET.read_text() != text:
            sys.exit(f"{TARGET.name} is out of date: run tests/dashboard/dashboard.py")
    else:
        TARGET.write_text(text)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Generates deploy/grafana/dashboards/cloudflare-aop.json, or checks with --check that it is up to date.

A panel is one call. Its position follows from the order of the panels, in rows that are 24 wide.
"""

import json
import sys
from pathlib import Path

TARGET = Path(__file__).parents[2] / "deploy/grafana/dashboards/cloudflare-aop.json"
UID = "cloudflare-aop"
# where the runbooks are read: a variable of the dashboard, so that whoever keeps a copy changes it there
RUNBOOKS = "https://github.com/OWNER/cloudflare-aop-exporter/blob/main/docs/alerts.md"

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
DAY = 86_400
GREEN, YELLOW, ORANGE, RED, GREY, BLUE = "green", "yellow", "orange", "red", "#808080", "blue"

# --- What is asked ---

S = '{zone=~"$zone", hostname=~"$hostname"}'
Z = '{zone=~"$zone"}'
H = "cloudflare_aop_hostname"
EXPIRES, PEM = f"{H}_certificate_expires_timestamp_seconds{S}", f"{H}_certificate_pem_not_after_timestamp_seconds{S}"
BEGINS = f"{H}_certificate_pem_not_before_timestamp_seconds{S}"

# The earlier of what the API says and what the certificate says, where it is presented. Of several exporters that
# watch one hostname the one that says the later counts, which has seen a renewal; of states the worst, as in the rules.
ENDS = f"max by (zone, hostname) ((({EXPIRES} < {PEM}) or {PEM} or {EXPIRES}) and {H}_enabled{S} == 1)"
LEFT = f"{ENDS} - time()"


def selected(label, values):
    return f'{{zone=~"$zone", hostname=~"$hostname", {label}=~"{values}"}}'


def association(statuses):
    return f"{H}_status{selected('status', statuses)} == 1"


def certificate(statuses):
    return f"{H}_certificate_status{selected('status', statuses)} == 1"


def ends_within(days):
    return f"({ENDS} < time() + {days * DAY})"


# What may be the matter with a hostname, the worst first: the first that holds is its verdict.
VERDICTS = [
    ("expired", RED, f"({ENDS} < time())"),
    ("not yet valid", RED, f"(({BEGINS} and {H}_enabled{S} == 1) > time())"),
    (
        "certificate deleted",
        RED,
        f"({certificate('pending_deletion|deletion_timed_out|deleted')}"
        f" and on (job, instance, zone, hostname) {H}_enabled{S} == 1)",
    ),
    ("ends within 3 days", RED, ends_within(3)),
    ("timed out", RED, f"({association('.*_timed_out')} or {certificate('deployment_timed_out')})"),
    ("not as expected", RED, f"({H}_drifted{S} == 1)"),
    ("not read", ORANGE, f"({H}_up{S} == 0)"),
    ("ends within 14 days", ORANGE, ends_within(14)),
    ("PEM disagrees", YELLOW, f"({H}_certificate_metadata_match{S} == 0)"),
    ("ends within 30 days", YELLOW, ends_within(30)),
    (
        "pending",
        BLUE,
        f"({association('initializing|pending_.*')} or {certificate('initializing|pending_deployment')})",
    ),
    ("fine", GREEN, f"({H}_up{S} == 1)"),
]
RANKED = [(len(VERDICTS) - place, *verdict) for place, verdict in enumerate(VERDICTS)]
VERDICT = "max by (zone, hostname) (\n  " + "\n  or ".join(f"0 * {e} + {n}" for n, _, _, e in RANKED) + "\n)"

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


def numbered(family, label, states):
    """The number of the state that is 1; the states of a family are numbered from 1."""
    terms = (f"{n} * ({family}{selected(label, state)} == 1)" for n, (state, _) in enumerate(states, 1))
    return "max by (zone, hostname) (\n  " + "\n  or ".join(terms) + "\n)"


def age(family, by, where):
    return f"time() - max by ({by}) ({family}{where})"


def own(expression):
    """Of the exporters alone, in what every process or target has; also of one that cannot be scraped any more."""
    exporters = "last_over_time(cloudflare_aop_exporter_build_info[1d])"
    return f"max by (instance) ({expression} and on (instance, job) {exporters})"


def rate(family, by, where=""):
    return f"sum by ({by}) (rate({family}{where}[$__rate_interval]))"


def quantile(q, family, by=""):
    return f"histogram_quantile({q}, sum by (le{by}) (rate({family}_bucket[$__rate_interval])))"


# --- How it is shown ---


def mapped(states):
    options = {str(n): {"text": text, "color": color, "index": i} for i, (n, text, color) in enumerate(states)}
    return [{"type": "value", "options": options}]


def of_states(states):
    return mapped([(n, state, color) for n, (state, color) in enumerate(states, 1)])


def steps(*steps):
    """Colours from a value on; the first is for whatever is less."""
    values = [{"value": None, "color": steps[0]}, *({"value": v, "color": c} for v, c in steps[1:])]
    return {"mode": "absolute", "steps": values}


TIME_LEFT = steps(RED, (3 * DAY, ORANGE), (14 * DAY, YELLOW), (30 * DAY, GREEN))
YES_NO = mapped([(1, "yes", GREEN), (0, "no", RED)])
VERDICT_NAMES = mapped([(n, text, color) for n, text, color, _ in RANKED])


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


def panel(kind, title, width, height, targets, description="", options=None, overrides=(), **defaults):
    for place, each in enumerate(targets):
        each["refId"] = chr(ord("A") + place)
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


def figures(title, width, targets, height=4, text="value_and_name", **more):
    options = {
        "colorMode": "background_solid",
        "graphMode": "none",
        "justifyMode": "center",
        "textMode": text,
        "reduceOptions": {"calcs": ["lastNotNull"], "values": False, "fields": ""},
    }
    return panel("stat", title, width, height, targets, options=options, **more)


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


def table(title, width, columns, height=10, hidden=(), sort=(), **more):
    """A table of one line for each set of labels; a column is a name, a query, and how its value is shown.

    Where the column's name is None the query is there for its labels."""
    targets = [target(expr, table=True) for _, expr, _ in columns]
    values = [f"Value #{chr(ord('A') + place)}" if len(columns) > 1 else "Value" for place in range(len(columns))]
    overrides, names, excluded = [], {}, {"Time": True, **dict.fromkeys(hidden, True)}
    for value, (name, _, shown) in zip(values, columns):
        if name is None:
            excluded[value] = True
            continue
        names[value] = name
        properties = [{"id": key, "value": setting} for key, setting in shown.items()]
        if properties:
            overrides.append({"matcher": {"id": "byName", "options": name}, "properties": properties})
    overrides += more.pop("overrides", [])
    options = {"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": n, "desc": d} for n, d in sort]}
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False}
    made = panel("table", title, width, height, targets, options=options, overrides=overrides, custom=custom, **more)
    organize = {"excludeByName": excluded, "renameByName": names, "indexByName": {}}
    made["transformations"] = [{"id": "merge", "options": {}}, {"id": "organize", "options": organize}]
    return made


def link(title, url, blank=False):
    return {"title": title, "url": url, "targetBlank": blank}


def links(field, *links):
    return {"matcher": {"id": "byName", "options": field}, "properties": [{"id": "links", "value": list(links)}]}


COLOURED = {"custom.cellOptions": {"type": "color-background", "mode": "basic"}}
DATE = {"unit": "dateTimeAsIso"}
SECONDS = {"unit": "dtdurations"}
SECONDS_LEFT = {**SECONDS, "thresholds": TIME_LEFT, "custom.cellOptions": {"type": "color-text"}}
HERE = f"/d/{UID}?${{__url_time_range}}&${{datasource:queryparam}}&var-zone=${{__data.fields.zone}}"
TO_ZONE = link("Only this zone", HERE)
TO_HOSTNAME = link("Only this hostname", HERE + "&var-hostname=${__data.fields.hostname}")
TO_RUNBOOK = link("Runbook", "${runbooks}#${__data.fields.alertname}", blank=True)
TO_RUNBOOKS = link("Runbooks", "${runbooks}", blank=True)


def dated(family, name):
    return (name, f"max by (zone, hostname) (1000 * {H}_{family}_timestamp_seconds{S})", DATE)


# --- The dashboard ---


def band(below, above=None):
    less = f"sum({ENDS} < bool (time() + {below * DAY}))"
    return less if above is None else f"{less} - sum({ENDS} < bool (time() + {above * DAY}))"


def count(by_hostname):
    """How many hostnames a 0/1 expression is 1 for; nothing where there is nothing to count."""
    return f"sum(max by (zone, hostname) ({by_hostname}))"


def coloured(*colours):
    """The colour of each figure, by its query, once it is 1 or more."""
    return [
        {
            "matcher": {"id": "byFrameRefID", "options": chr(ord("A") + place)},
            "properties": [{"id": "thresholds", "value": steps(GREEN, (1, colour))}],
        }
        for place, colour in enumerate(colours)
    ]


OVERVIEW = [
    figures(
        "Certificates that are presented, by the time left",
        14,
        [
            target(band(0), "expired"),
            target(band(3, 0), "under 3 days"),
            target(band(14, 3), "3 to 14 days"),
            target(band(30, 14), "14 to 30 days"),
            target(f"count({ENDS} >= time() + {30 * DAY})", "30 days or more"),
        ],
        description="Where the association is enabled. The earlier of the API's date and the certificate's own counts.",
        overrides=[
            *coloured(RED, RED, ORANGE, YELLOW),
            {
                "matcher": {"id": "byFrameRefID", "options": "E"},
                "properties": [{"id": "thresholds", "value": steps(GREEN)}],
            },
        ],
    ),
    figures(
        "Hostnames that are",
        10,
        [
            target(count(f"{H}_up{S} >= bool 0"), "watched"),
            target(count(f"{H}_drifted{S}"), "not as expected"),
            target(count(f"{H}_status{selected('status', '.*_timed_out')}"), "timed out"),
            target(count(f"{H}_certificate_metadata_match{S} == bool 0"), "PEM disagrees"),
            target(count(f"{H}_up{S} == bool 0"), "not read"),
        ],
        overrides=[
            {
                "matcher": {"id": "byFrameRefID", "options": "A"},
                "properties": [{"id": "thresholds", "value": steps("semi-dark-blue")}],
            },
            *coloured(GREEN, RED, RED, YELLOW, ORANGE)[1:],
        ],
    ),
    table(
        "Worst first",
        24,
        [
            ("verdict", VERDICT, {"mappings": VERDICT_NAMES, **COLOURED}),
            ("time left", LEFT, SECONDS_LEFT),
            (None, f"max by (zone, hostname, association) ({H}_association{S} == 1)", {}),
            (None, f"max by (zone, hostname, status) ({H}_status{S} == 1)", {}),
            ("as expected", f"1 - max by (zone, hostname) ({H}_drifted{S})", {"mappings": YES_NO}),
            ("age of the reading", age(f"{H}_last_success_timestamp_seconds", "zone, hostname", S), SECONDS),
        ],
        height=12,
        sort=[("verdict", True), ("time left", False)],
        overrides=[links("hostname", TO_HOSTNAME), links("zone", TO_ZONE), links("verdict", TO_RUNBOOKS)],
    ),
    timeline("Status map", 16, VERDICT, VERDICT_NAMES, height=12, per_page=25),
    panel(
        "bargauge",
        "Next to expire",
        8,
        12,
        [target(f"bottomk(15, {LEFT})", "{{hostname}}", instant=True)],
        unit="dtdurations",
        thresholds=TIME_LEFT,
        color={"mode": "thresholds"},
        options={
            "displayMode": "basic",
            "orientation": "horizontal",
            "showUnfilled": True,
            "reduceOptions": {"calcs": ["lastNotNull"], "values": False, "fields": ""},
        },
    ),
    table(
        "Alerts that fire",
        24,
        [
            (
                "since",
                "max by (alertname, severity, account, zone, hostname, cert_id, job, instance) ("
                '1000 * ALERTS_FOR_STATE{alertname=~"CloudflareAop.+"}'
                ' and ignoring (alertstate) ALERTS{alertname=~"CloudflareAop.+", alertstate="firing"})',
                DATE,
            )
        ],
        height=7,
        description="Empty where nothing fires, or where the rules are not loaded.",
        overrides=[links("alertname", TO_RUNBOOK)],
    ),
]

ZONE = [
    table(
        "Zones",
        24,
        [
            ("read", f"max by (zone) (cloudflare_aop_zone_up{Z})", {"mappings": YES_NO, **COLOURED}),
            ("age", age("cloudflare_aop_zone_last_success_timestamp_seconds", "zone", Z), SECONDS),
            ("hostnames", f"max by (zone) (cloudflare_aop_zone_hostnames{Z})", {}),
            ("next to expire", f"min by (zone) ({LEFT})", SECONDS_LEFT),
            (
                "removed, 24 h",
                f"max by (zone) (increase(cloudflare_aop_zone_hostnames_removed_total{Z}[24h]))",
                {"decimals": 0},
            ),
            (
                "zone level on",
                f"max by (zone) (cloudflare_aop_zone_level_enabled{Z})",
                {"mappings": mapped([(1, "yes", BLUE), (0, "no", GREY)])},
            ),
            (None, f"max by (zone, zone_id, account) (cloudflare_aop_zone_info{Z})", {}),
        ],
        height=7,
        sort=[("next to expire", False)],
        overrides=[links("zone", TO_ZONE)],
    ),
    table(
        "Certificates",
        24,
        [
            (None, f"max by (zone, cert_id, level, status) (cloudflare_aop_certificate_status{Z} == 1)", {}),
            (
                "time left",
                f"max by (zone, cert_id, level) (cloudflare_aop_certificate_expires_timestamp_seconds{Z}) - time()",
                SECONDS_LEFT,
            ),
            (
                "hostnames",
                f"max by (zone, cert_id, level) (cloudflare_aop_certificate_hostnames{Z})",
                {"thresholds": steps(GREEN, (80, YELLOW), (95, RED)), "custom.cellOptions": {"type": "color-text"}},
            ),
            (None, f"max by (zone, cert_id, level, issuer, serial_number) (cloudflare_aop_certificate_info{Z})", {}),
        ],
        description="Hostnames are counted where associations are listed; a certificate holds 100 at the most.",
        sort=[("time left", False)],
    ),
    graph(
        "Hostnames by association",
        12,
        [
            target(
                f"sum by (association) (max by (zone, hostname, association) ({H}_association{S}))", "{{association}}"
            )
        ],
        stack=True,
    ),
    graph(
        "Failures by zone and reason",
        12,
        [target(f"{rate('cloudflare_aop_exporter_poll_errors_total', 'zone, reason', Z)} > 0", "{{zone}}: {{reason}}")],
        "ops",
    ),
]

HOSTNAME = [
    graph("Time left", 24, [target(LEFT, "{{hostname}}")], "dtdurations", thresholds=TIME_LEFT, negative=True),
    timeline("Association", 12, numbered(f"{H}_association", "association", ASSOCIATIONS), of_states(ASSOCIATIONS)),
    timeline("Status of the association", 12, numbered(f"{H}_status", "status", STATUSES), of_states(STATUSES)),
    timeline(
        "Status of the certificate", 12, numbered(f"{H}_certificate_status", "status", STATUSES), of_states(STATUSES)
    ),
    graph(
        "Age of the reading",
        12,
        [target(age(f"{H}_last_success_timestamp_seconds", "zone, hostname", S), "{{hostname}}")],
        "dtdurations",
    ),
    table(
        "Certificate",
        24,
        [
            (None, f"max by (zone, hostname, cert_id, issuer, serial_number, signature) ({H}_certificate_info{S})", {}),
            dated("certificate_expires", "ends, says the API"),
            dated("certificate_pem_not_after", "ends, says the certificate"),
            dated("certificate_pem_not_before", "begins"),
            ("they agree", f"min by (zone, hostname) ({H}_certificate_metadata_match{S})", {"mappings": YES_NO}),
        ],
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
        sort=[("association changed", True)],
    ),
]

INTERVAL = "cloudflare_aop_exporter_poll_interval_seconds"
EXPORTER = [
    table(
        "Exporters",
        24,
        [
            (None, "max by (instance, version, revision, rustc) (cloudflare_aop_exporter_build_info)", {}),
            ("scraped", own("up"), {"mappings": YES_NO, **COLOURED}),
            ("polls every", f"max by (instance) ({INTERVAL})", SECONDS),
            ("polled ago", "time() - max by (instance) (cloudflare_aop_exporter_last_poll_timestamp_seconds)", SECONDS),
            ("started", own("1000 * process_start_time_seconds"), DATE),
        ],
        height=5,
    ),
    table(
        "API tokens",
        12,
        [
            ("valid", "min by (account) (cloudflare_aop_api_token_valid)", {"mappings": YES_NO, **COLOURED}),
            (
                "time left",
                "min by (account) (cloudflare_aop_api_token_expires_timestamp_seconds) - time()",
                SECONDS_LEFT,
            ),
        ],
        height=6,
        description="No time is shown for a token that does not expire.",
    ),
    graph(
        "Age of the oldest reading, in poll intervals",
        12,
        [
            target(
                f"max by (zone) (time() - {H}_last_success_timestamp_seconds{Z}) / on () group_left () max({INTERVAL})",
                "{{zone}}",
            )
        ],
        "none",
        height=6,
        thresholds=steps(GREEN, (3, RED)),
    ),
    graph(
        "Requests by code",
        12,
        [target(rate("cloudflare_aop_api_requests_total", "code"), "{{code}}")],
        "reqps",
        stack=True,
    ),
    graph(
        "Requests by method",
        12,
        [target(rate("cloudflare_aop_api_requests_total", "endpoint"), "{{endpoint}}")],
        "reqps",
        stack=True,
    ),
    graph(
        "Latency of the API",
        12,
        [
            target(quantile(0.5, "cloudflare_aop_api_request_duration_seconds", ", endpoint"), "{{endpoint}} 50%"),
            target(quantile(0.99, "cloudflare_aop_api_request_duration_seconds", ", endpoint"), "{{endpoint}} 99%"),
        ],
        "s",
    ),
    graph(
        "Failures by reason",
        12,
        [target(rate("cloudflare_aop_exporter_poll_errors_total", "reason", Z), "{{reason}}")],
        "ops",
        stack=True,
    ),
    graph(
        "Budget",
        12,
        [
            target("min by (account) (cloudflare_aop_api_rate_limit_remaining)", "{{account}}: left, says Cloudflare"),
            target(
                "sum by (account) (increase(cloudflare_aop_api_requests_total[5m]))", "{{account}}: sent in 5 minutes"
            ),
        ],
        description="Cloudflare allows a user 1,200 requests in 5 minutes, whatever sends them.",
    ),
    graph(
        "Throttled and sent again",
        12,
        [
            target(
                rate("cloudflare_aop_api_throttled_seconds_total", "account"),
                "{{account}}: part of the time that Cloudflare forbade",
            ),
            target(
                rate("cloudflare_aop_api_retries_total", "account, endpoint"),
                "{{account}}: {{endpoint}} again, each second",
            ),
        ],
        "none",
    ),
    graph(
        "Duration of a poll",
        12,
        [
            target(quantile(0.5, "cloudflare_aop_exporter_poll_duration_seconds", ", instance"), "{{instance}} 50%"),
            target(quantile(0.99, "cloudflare_aop_exporter_poll_duration_seconds", ", instance"), "{{instance}} 99%"),
            target(f"max by (instance) ({INTERVAL})", "{{instance}} interval"),
        ],
        "s",
    ),
    graph(
        "Polls",
        12,
        [
            target(
                "sum by (instance) (increase(cloudflare_aop_exporter_polls_total[1h]))",
                "{{instance}}: ended in an hour",
            ),
            target(
                "sum by (instance) (increase(cloudflare_aop_exporter_polls_skipped_total[1h]))",
                "{{instance}}: skipped in an hour",
            ),
        ],
    ),
    graph("Memory", 6, [target(own("process_resident_memory_bytes"), "{{instance}}")], "bytes"),
    graph(
        "Processor",
        6,
        [target(own("rate(process_cpu_seconds_total[$__rate_interval])"), "{{instance}}")],
        "percentunit",
    ),
    graph(
        "Open files",
        6,
        [target(own("process_open_fds"), "{{instance}}"), target(own("process_max_fds"), "{{instance}} at most")],
    ),
    graph(
        "Configuration taken (1) or refused (0)",
        6,
        [target("min by (instance) (cloudflare_aop_exporter_config_last_reload_successful)", "{{instance}}")],
    ),
]


def variable(name, label, query):
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        # when the time range changes
        "refresh": 2,
        # by name
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def placed(rows):
    """The panels with their places, from left to right and from top to bottom."""
    panels, top = [], 0
    for title, members in rows:
        panels.append(
            {
                "type": "row",
                "title": title,
                "collapsed": False,
                "panels": [],
                "gridPos": {"w": 24, "h": 1, "x": 0, "y": top},
            }
        )
        x, top = 0, top + 1
        for number, member in enumerate(members):
            place = member["gridPos"]
            place["x"], place["y"] = x, top
            x += place["w"]
            after = members[number + 1]["gridPos"]["w"] if number + 1 < len(members) else 24
            if x + after > 24:
                x, top = 0, top + place["h"]
            panels.append(member)
    for number, each in enumerate(panels, 1):
        each["id"] = number
    return panels


def dashboard():
    return {
        "uid": UID,
        "title": "Cloudflare Authenticated Origin Pulls",
        "description": "The client certificates that Cloudflare presents to origins, and the exporter that reads about them.",
        "tags": ["cloudflare", "tls"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "timezone": "",
        "links": [
            {
                "type": "link",
                "title": "Runbooks",
                "url": "${runbooks}",
                "icon": "doc",
                "tooltip": "What each alert means and what to do",
                "tags": [],
                "asDropdown": False,
                "targetBlank": True,
                "includeVars": False,
                "keepTime": False,
            }
        ],
        "annotations": {"list": []},
        "templating": {
            "list": [
                {
                    "type": "datasource",
                    "name": "datasource",
                    "label": "Data source",
                    "query": "prometheus",
                    "refresh": 1,
                },
                variable("zone", "Zone", "label_values(cloudflare_aop_zone_up, zone)"),
                variable("hostname", "Hostname", 'label_values(cloudflare_aop_hostname_up{zone=~"$zone"}, hostname)'),
                {"type": "constant", "name": "runbooks", "query": RUNBOOKS, "hide": 2, "skipUrlSync": True},
            ]
        },
        "panels": placed([("Overview", OVERVIEW), ("Zone", ZONE), ("Hostname", HOSTNAME), ("Exporter", EXPORTER)]),
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

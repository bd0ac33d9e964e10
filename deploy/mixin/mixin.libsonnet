// A Prometheus mixin of the shipped rules and the dashboard. It reads them from ../prometheus and ../grafana, so vendor the
// whole directory deploy. It has the same options as `print rules` of the exporter:
//
//   (import 'deploy/mixin/mixin.libsonnet') + { _config+:: { job: 'aop', runbookUrl: 'https://wiki.example/aop' } }
//
// The recording rules are in prometheusAlerts, since the alerts depend on them and their group evaluates them first.
{
  _config+:: {
    job: 'cloudflare-aop',
    // without a URL, alerts have no such link
    runbookUrl: null,
    dashboardUrl: null,
  },

  local config = self._config,
  local query(url) = if std.member(url, '?') then '&' else '?',
  local links(alert) =
    (if config.runbookUrl == null then {} else {
       runbook_url: '%s#%s' % [config.runbookUrl, std.asciiLower(alert)],
     })
    + (if config.dashboardUrl == null then {} else {
         dashboard_url: config.dashboardUrl + query(config.dashboardUrl)
                        + 'var-account={{ or $labels.account "$__all" }}&var-zone={{ or $labels.zone "$__all" }}',
       }),
  local adapt(rule) =
    rule
    { expr: std.strReplace(rule.expr, 'job="cloudflare-aop"', 'job="%s"' % config.job) }
    + (if 'alert' in rule then { annotations+: links(rule.alert) } else {}),

  prometheusAlerts+:: {
    groups+: [
      group { rules: std.map(adapt, group.rules) }
      for group in std.parseYaml(importstr '../prometheus/rules.yml').groups
    ],
  },

  grafanaDashboards+:: {
    'cloudflare-aop.json': import '../grafana/dashboards/cloudflare-aop.json',
  },
}

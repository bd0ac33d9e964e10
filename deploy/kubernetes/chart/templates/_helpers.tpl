{{/* The name of most objects. The name of a Service has more rules than that of a release: no dot, and a letter at the start. */}}
{{- define "aop.fullname" -}}
{{- $release := regexReplaceAll "^([0-9])" (.Release.Name | replace "." "-") "aop-${1}" }}
{{- $both := printf "%s-%s" $release .Chart.Name }}
{{- $name := contains .Chart.Name $release | ternary $release $both }}
{{- .Values.fullnameOverride | default $name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "aop.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* The metadata of an object. Takes the root, and optionally name, labels and annotations. */}}
{{- define "aop.metadata" -}}
{{- $root := .root -}}
name: {{ .name | default (include "aop.fullname" $root) }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "aop.selectorLabels" $root | nindent 2 }}
  app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ $root.Release.Service }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "aop.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (.Values.serviceAccount.create | ternary (include "aop.fullname" .) "default") }}
{{- end }}

{{/* The Secret with the token, or nothing. */}}
{{- define "aop.secret" -}}
{{- .Values.token.existingSecret | default (and .Values.token.value (include "aop.fullname" .)) }}
{{- end }}

{{- define "aop.image" -}}
{{- with .Values.image }}
{{- .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* The endpoint of a monitor. Takes the root and the monitor's values. The job has the name that the rules use. */}}
{{- define "aop.endpoint" -}}
{{- $own := dict "port" "http" "scheme" .root.Values.scheme "honorLabels" true }}
{{- $job := dict "targetLabel" "job" "replacement" "cloudflare-aop" }}
{{- $relabelings := append (.monitor.endpoint.relabelings | default list) $job }}
{{- $_ := set $own "relabelings" $relabelings }}
{{- with .monitor.interval }}{{ $_ := set $own "interval" . }}{{ end }}
{{- toYaml (merge $own .monitor.endpoint) }}
{{- end }}

{{/* Refuses names that the chart itself sets. Takes the key of the values, the names found there, and the names that the chart sets. */}}
{{- define "aop.refuse" -}}
{{- range .found }}
{{- if has . $.set }}
{{- fail (printf "%s: expected no %s, which the chart sets" $.key .) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Refuses values that the schema cannot refuse. */}}
{{- define "aop.check" -}}
{{- with .Values }}
{{- if and .token.value .token.existingSecret }}
{{- fail "token.value and token.existingSecret: expected one of them, found both" }}
{{- end }}
{{- $chart := or .token.value .token.existingSecret }}
{{- $variable := false }}
{{- range .extraEnv }}
{{- if has .name (list "CLOUDFLARE_API_TOKEN" "CLOUDFLARE_API_TOKEN_FILE") }}{{ $variable = .name }}{{ end }}
{{- end }}
{{- if and $chart $variable }}
{{- fail (printf "extraEnv: expected no %s in addition to a token of the chart" $variable) }}
{{- end }}
{{- $own := and .config (or .extraEnv .extraVolumes) }}
{{- if not (or $chart $variable $own .demo) }}
{{- fail (printf "no API token: set token.existingSecret to a Secret that has it under the key %s, or token.value to the token (demo=true needs none)" .token.key) }}
{{- end }}
{{- if and .serviceMonitor.enabled .podMonitor.enabled }}
{{- fail "serviceMonitor.enabled and podMonitor.enabled: expected one of them, found both, and each page would be scraped twice" }}
{{- end }}
{{- if and (eq .scheme "https") (or .demo (not .config)) }}
{{- fail "scheme: expected http, found https: only a config with [server.tls] serves https" }}
{{- end }}
{{- $labels := list "app.kubernetes.io/name" "app.kubernetes.io/instance" }}
{{- $metadata := concat $labels (list "app.kubernetes.io/version" "app.kubernetes.io/managed-by") }}
{{- include "aop.refuse" (dict "key" "podLabels" "found" (keys .podLabels) "set" $labels) }}
{{- range $key := list "serviceMonitor" "podMonitor" "prometheusRule" "dashboard" }}
{{- $found := (index $.Values $key).labels | default dict | keys }}
{{- include "aop.refuse" (dict "key" (printf "%s.labels" $key) "found" $found "set" $metadata) }}
{{- end }}
{{- include "aop.refuse" (dict "key" "podAnnotations" "found" (keys .podAnnotations) "set" (list "checksum/config")) }}
{{- $variables := list "AOP_LISTEN" "AOP_LOG_LEVEL" "AOP_LOG_FORMAT" "AOP_STATE_FILE" }}
{{- range .extraEnv }}
{{- include "aop.refuse" (dict "key" "extraEnv" "found" (list .name) "set" $variables) }}
{{- end }}
{{- if and .state.existingClaim (ne .state.type "persistentVolumeClaim") }}
{{- fail (printf "state.existingClaim: expected state.type=persistentVolumeClaim with it, found %s" .state.type) }}
{{- end }}
{{- end }}
{{- end }}

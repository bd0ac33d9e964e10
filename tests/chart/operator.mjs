// Checks the objects of the Prometheus Operator in objects.json against its schemas. Run it where npm has installed
// them.
import { readFileSync } from "node:fs";
import { PodMonitor, PrometheusRule, ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";

const kinds = { PodMonitor, PrometheusRule, ServiceMonitor };
for (const object of JSON.parse(readFileSync("objects.json", "utf8"))) {
  new kinds[object.kind](object).validate();
}

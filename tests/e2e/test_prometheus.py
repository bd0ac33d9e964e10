"""A real Prometheus with the shipped scrape configuration."""

import subprocess

from harness import PROMETHEUS, Case, ask, eventually, query, values


class Prometheus(Case):
    def test_prometheus_scrapes_the_demo_as_openmetrics_and_answers_queries(self):
        shipped = (PROMETHEUS / "scrape.yml").read_text()
        self.assertIn('"127.0.0.1:10219"', shipped)
        block = shipped.replace("127.0.0.1:10219", self.demo().address)
        folder = self.folder()
        config = folder / "prometheus.yml"
        config.write_text(f"global: {{ scrape_interval: 1s }}\n{block}")
        subprocess.run(["promtool", "check", "config", str(config)], check=True, capture_output=True, timeout=30)
        prometheus = self.start_prometheus(config)

        eventually(lambda: self.assertEqual(values(prometheus, 'up{job="cloudflare-aop"}'), [1]))
        self.assertEqual(values(prometheus, "count(cloudflare_aop_hostname_enabled)"), [20])
        self.assertGreater(values(prometheus, "scrape_samples_scraped")[0], 800)
        expired = "cloudflare_aop_hostname_certificate_expires_timestamp_seconds < time()"
        hostnames = [series["hostname"] for series, _ in query(prometheus, expired)]
        self.assertEqual(hostnames, ["intranet.example.com"])
        # only OpenMetrics has the type info
        family = "cloudflare_aop_hostname_certificate"
        metadata = ask(prometheus, f"metadata?metric={family}")
        self.assertEqual(metadata[family][0]["type"], "info")

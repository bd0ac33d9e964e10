"""Checks that operations on a running exporter leave no gap in the graphs of a Prometheus that scrapes it over TLS."""

import json
import signal
import subprocess
import time
import urllib.parse

from harness import EXPORTER, TOKEN, Case, ask, eventually, values

HOSTNAME = 'cloudflare_aop_hostname_enabled{hostname="app.example.com"}'
RELOADED = "cloudflare_aop_exporter_config_last_reload_successful"


class Operator(Case):
    def test_operations_leave_no_gap_in_any_graph(self):
        self.files = self.folder()
        self.authority()
        self.certificate()
        (self.files / "token").write_text(TOKEN)
        api = self.simulate()
        self.configure(api)
        exporter = self.serve_file("127.0.0.1:0")
        prometheus = self.prometheus(exporter.address)
        eventually(lambda: self.assertEqual(values(prometheus, HOSTNAME), [1]))
        start = time.time()

        with self.subTest("the configuration is broken and repaired"):
            self.configure(api, "colour = 1")
            exporter.child.send_signal(signal.SIGHUP)
            eventually(lambda: self.assertEqual(values(prometheus, RELOADED), [0]))
            self.configure(api)
            exporter.child.send_signal(signal.SIGHUP)
            eventually(lambda: self.assertEqual(values(prometheus, RELOADED), [1]))

        with self.subTest("the token is replaced with an invalid one, then with a valid one"):
            for token, up in [("not-that-one", 0), (TOKEN, 1)]:
                (self.files / "token").write_text(token)
                exporter.child.send_signal(signal.SIGHUP)
                read = 'cloudflare_aop_hostname_up{hostname="app.example.com"}'
                eventually(lambda up=up, read=read: self.assertEqual(values(prometheus, read), [up]))

        with self.subTest("the certificate is replaced"):
            before = self.presented(exporter)
            self.certificate()
            exporter.child.send_signal(signal.SIGHUP)
            eventually(lambda: self.assertNotEqual(self.presented(exporter), before))

        with self.subTest("the exporter is restarted while the API is down"):
            self.assertEqual(api.stop(), 0)
            stale = 'cloudflare_aop_hostname_up{hostname="app.example.com"}'
            eventually(lambda: self.assertEqual(values(prometheus, stale), [0]))
            self.after_a_scrape(prometheus)
            self.assertEqual(exporter.stop(), 0)
            exporter = self.serve_file(exporter.address)
            restarted = values(prometheus, "process_start_time_seconds")
            eventually(lambda: self.assertNotEqual(values(prometheus, "process_start_time_seconds"), restarted))

        end = time.time()
        self.assertEqual(values(prometheus, 'min_over_time(up{job="aop"}[10m])'), [1], exporter.output())
        query = urllib.parse.urlencode({"query": HOSTNAME, "start": start, "end": end, "step": 0.5})
        (series,) = ask(prometheus, f"query_range?{query}")["result"]
        self.assertEqual(len(series["values"]), int((end - start) / 0.5) + 1)
        self.assertEqual({value for _, value in series["values"]}, {"1"})
        self.assertEqual(exporter.stop(), 0)

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.files, check=True, capture_output=True, timeout=30)

    def authority(self):
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        self.openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority")

    def certificate(self):
        """Replaces the exporter's certificate."""
        (self.files / "names").write_text("subjectAltName = IP:127.0.0.1\n")
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        self.openssl("req", *key, "-keyout", "new.key", "-out", "new.csr", "-subj", "/CN=exporter")
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names"]
        self.openssl("x509", "-req", "-in", "new.csr", *signed, "-out", "new.crt")
        for name in ["key", "crt"]:
            (self.files / f"new.{name}").replace(self.files / f"tls.{name}")

    def presented(self, exporter):
        """Returns the certificate that the exporter presents."""
        command = ["openssl", "s_client", "-connect", exporter.address]
        shown = subprocess.run(command, input="", capture_output=True, text=True, check=True, timeout=30).stdout
        return shown.partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0]

    def configure(self, api, more=""):
        (self.files / "config.toml").write_text(
            f"""
            {more}
            [server.tls]
            cert_file = "tls.crt"
            key_file = "tls.key"
            [poll]
            schedule = "* * * * * *"
            jitter = "0s"
            state_file = "state.json"
            [[account]]
            api_token_file = "token"
            base_url = "http://{api.address}/client/v4"
            rate_limit = {{ requests = 100000, per = "1m" }}
            [[account.zone]]
            name = "example.com"
            hostnames = ["app.example.com"]
            """
        )

    def serve_file(self, listen):
        return self.start(EXPORTER, "serve", "--config", str(self.files / "config.toml"), "--listen", listen)

    def prometheus(self, target):
        job = {
            "job_name": "aop",
            "scheme": "https",
            "tls_config": {"ca_file": str(self.files / "ca.pem")},
            "static_configs": [{"targets": [target]}],
        }
        config = self.files / "prometheus.yml"
        # JSON is YAML too
        config.write_text(json.dumps({"global": {"scrape_interval": "2s"}, "scrape_configs": [job]}))
        return self.start_prometheus(config)

    def after_a_scrape(self, prometheus):
        """Waits until just after the next scrape, which leaves two seconds for a restart of some milliseconds."""
        (last,) = values(prometheus, 'timestamp(up{job="aop"})')
        while values(prometheus, 'timestamp(up{job="aop"})') == [last]:
            time.sleep(0.02)

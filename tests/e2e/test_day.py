"""Checks the log of a day with an outage, a revoked token, a forbidden zone and two reloads."""

import json
import re
import signal
import socket
import threading
import unittest
from pathlib import Path

from harness import EXPORTER, TOKEN, Case, Simulator, eventually, scrape

STORY = Path(__file__).with_name("day.txt")
ZONES = ["bank.example", "blog.example", "mail.example", "shop.example", "wiki.example"]
LABELS = ["api", "app", "login", "www"]
POLLS = ("cloudflare_aop_exporter_polls_total", ())
MOST_LINES = 25


class Road:
    """Forwards its own port to an address while it is open."""

    def __init__(self, address):
        host, port = address.split(":")
        self.target, self.open_sockets = (host, int(port)), []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.serve()

    def serve(self):
        threading.Thread(target=self.accept, args=[self.listener], daemon=True).start()

    def accept(self, listener):
        try:
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(self.target)
                self.open_sockets += [client, server]
                for source, sink in [(client, server), (server, client)]:
                    threading.Thread(target=pump, args=[source, sink], daemon=True).start()
        except OSError:
            pass

    def close(self):
        """Refuses new connections and cuts open ones."""
        for each in [self.listener, *self.open_sockets]:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()
        self.open_sockets.clear()

    def reopen(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.serve()


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class Day(Case):
    maxDiff = None

    def test_the_log_of_a_day_tells_what_happened(self):
        self.api = Simulator(self.simulate())
        for zone in ZONES:
            self.api.ask("PUT", f"zones/{zone}")
            for label in LABELS:
                self.api.ask("PUT", f"zones/{zone}/hostnames/{label}.{zone}", {})
        self.road = Road(self.api.address)
        self.addCleanup(self.road.close)
        self.config = self.folder() / "config.toml"
        self.configure()
        token = {"CLOUDFLARE_API_TOKEN": TOKEN}
        arguments = ["serve", "--config", str(self.config), "--listen", "127.0.0.1:0"]
        self.daemon = self.start(EXPORTER, *arguments, env=token)
        self.after_polls(1)

        self.road.close()
        self.after_polls(3)
        self.road.reopen()
        self.says("is available again")

        self.api.ask("PUT", "token", {"status": "revoked"})
        self.after_polls(2)
        self.api.ask("PUT", "token", {"status": "active"})
        self.says("accepts the token again")

        ids = {zone["name"]: zone["id"] for zone in self.api.ask("GET", "zones")}
        path = f"zones/{ids['shop.example']}/"
        allow = self.api.fault(path, {"status": {"status": 403, "code": 10000}})
        self.after_polls(2)
        allow()
        self.says("the zone is read again")

        self.configure(more="colour = 1\n")
        self.daemon.child.send_signal(signal.SIGHUP)
        self.says("stays in force")
        self.configure(hostnames=[*LABELS, "new"])
        self.daemon.child.send_signal(signal.SIGHUP)
        self.says("the configuration is in force")
        self.after_polls(1)
        self.assertEqual(self.daemon.stop(), 0)

        story = self.story()
        self.assertLessEqual(len(story), MOST_LINES)
        self.assertEqual(story, STORY.read_text().splitlines(keepends=True), "".join(story))

    def configure(self, more="", hostnames=LABELS):
        """Configures four zones with named hostnames and one with discovered ones, polled every two seconds."""
        named = "".join(
            f"""
            [[account.zone]]
            name = "{zone}"
            hostnames = {json.dumps([f"{label}.{zone}" for label in hostnames])}
            """
            for zone in ZONES[:-1]
        )
        self.config.write_text(
            f"""
            {more}
            [poll]
            schedule = "*/2 * * * * *"
            jitter = "0s"
            [[account]]
            base_url = "http://127.0.0.1:{self.road.port}/client/v4"
            rate_limit = {{ requests = 100000, per = "1m" }}
            {named}
            [[account.zone]]
            name = "{ZONES[-1]}"
            discover = true
            """
        )

    def after_polls(self, count):
        """Waits until this many more polls have ended, so that the next one is not imminent."""
        polls = lambda: scrape(self.daemon)[POLLS]
        wanted = polls() + count
        eventually(lambda: self.assertGreaterEqual(polls(), wanted))

    def says(self, words):
        eventually(lambda: self.assertIn(words, self.daemon.output()))

    def story(self):
        """Returns the lines of the log without times and other varying parts."""
        text = self.daemon.output().replace(str(self.config.parent), "FOLDER")
        text = text.replace(self.daemon.address, "EXPORTER").replace(f"127.0.0.1:{self.road.port}", "CLOUDFLARE")
        text = re.sub(r"^\S+Z ", "", text, flags=re.MULTILINE)
        text = re.sub(r"ray [^\s,]+", "ray RAY", text)
        text = re.sub(r"seconds=[\d.]+", "seconds=S", text)
        text = re.sub(r"after=\d+s", "after=TIME", text)
        return text.splitlines(keepends=True)


if __name__ == "__main__":
    unittest.main()

"""The webhook receivers of the Alertmanager."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Webhook:
    """Records the notifications that the Alertmanager sends."""

    def __init__(self):
        self.alerts = {}
        self.lock = threading.Lock()
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                webhook.take(self.path.strip("/"), body["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, receiver, alerts):
        with self.lock:
            for alert in alerts:
                key = (receiver, *sorted(alert["labels"].items()))
                _, states, _ = self.alerts.setdefault(key, (alert["labels"], [], receiver))
                # an alert is repeated whenever another one of its group changes
                if states[-1:] != [alert["status"]]:
                    states.append(alert["status"])

    def told(self):
        """Returns the labels of every alert ever received, its sequence of states and its receiver."""
        with self.lock:
            return [(labels, list(states), receiver) for labels, states, receiver in self.alerts.values()]

    def forget(self):
        """Forgets resolved alerts."""
        with self.lock:
            self.alerts = {key: told for key, told in self.alerts.items() if told[1][-1] != "resolved"}

    def close(self):
        self.server.shutdown()
        self.server.server_close()

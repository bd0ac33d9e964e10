"""A mock of the API with configured responses, and certificates with any dates and serial number.

The simulator behaves like Cloudflare and so cannot return arbitrary responses. A mock can: it has no behaviour.
"""

import base64
import json
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# a response that never comes
HANG = "hang"
# the API's code for a hostname without an association
NO_ASSOCIATION = (404, 1553)
# default settings of a zone, which cause no finding
SETTINGS = {"/settings/tls_client_auth": "off", "/settings/ssl": "full"}


class CloudflareMock:
    """Serves `answers`, responses by account and path. The base URL of an account contains its name.

    An answer is what stands under `result`, or an HTTP status, or a status and a code, or HANG. A request that has no
    answer is kept in `unexpected`.
    """

    def __init__(self):
        self.answers, self.stumbling, self.unexpected = {}, {}, []
        self.lock, self.closing = threading.Lock(), threading.Event()
        mock = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_GET(self):
                status, body = mock.answer(urllib.parse.urlsplit(self.path).path)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                if status == 429:
                    self.send_header("Retry-After", "1")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def base_url(self, account):
        return f"http://127.0.0.1:{self.server.server_port}/{account}/client/v4"

    def stumble(self, account, status):
        """Makes every second request for a hostname of the account fail with this status, starting with the next."""
        self.stumbling[account] = (status, False)

    def answer(self, path):
        account, rest = path.strip("/").split("/client/v4/")
        answer = self.answers.get((account, rest))
        with self.lock:
            if account in self.stumbling and "/hostnames/" in rest:
                status, stumbled = self.stumbling[account]
                self.stumbling[account] = (status, not stumbled)
                answer = answer if stumbled else status
            if answer is None and rest.endswith(tuple(SETTINGS)):
                answer = self.setting(account, rest)
            if answer is None:
                self.unexpected.append(path)
                answer = 500
        if answer == HANG:
            self.closing.wait()
        if answer == HANG or isinstance(answer, int):
            answer = (answer if answer != HANG else 503, 0)
        if isinstance(answer, tuple):
            status, code = answer
            errors = [{"code": code, "message": "as the situation has it"}]
            return status, json.dumps({"success": False, "errors": errors, "messages": [], "result": None}).encode()
        body = {"success": True, "errors": [], "messages": [], "result": answer}
        if isinstance(answer, list):
            count = len(answer)
            body["result_info"] = {"page": 1, "per_page": 1000, "count": count, "total_count": count, "total_pages": 1}
        return 200, json.dumps(body).encode()

    def setting(self, account, rest):
        """Returns the response for an unconfigured setting of a zone. It fails if the zone level is configured to fail."""
        zone, name = rest.split("/settings/")
        switch = self.answers.get((account, f"{zone}/origin_tls_client_auth/settings"))
        return {"id": name, "value": SETTINGS[f"/settings/{name}"]} if isinstance(switch, dict) else switch

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()


def pem(serial, begins, ends):
    """Returns a PEM certificate valid between two times. Its signature is invalid and never verified."""
    sequence, integer, utf8, time_tag = 0x30, 0x02, 0x0C, 0x18
    digits = serial.to_bytes(serial.bit_length() // 8 + 1, "big")
    algorithm = der(sequence, bytes.fromhex("06082a8648ce3d040302"))
    name = der(sequence, der(0x31, der(sequence, bytes.fromhex("0603550403") + der(utf8, b"Mock CA"))))
    dates = [der(time_tag, time.strftime("%Y%m%d%H%M%SZ", time.gmtime(at)).encode()) for at in (begins, ends)]
    validity = der(sequence, b"".join(dates))
    version = der(0xA0, der(integer, b"\x02"))
    fields = der(sequence, version + der(integer, digits) + algorithm + name + validity + name)
    body = base64.encodebytes(der(sequence, fields + algorithm + der(0x03, b"\x00"))).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"


def der(tag, value):
    length = len(value)
    size = bytes([length]) if length < 0x80 else bytes([0x82]) + length.to_bytes(2, "big")
    return bytes([tag]) + size + value

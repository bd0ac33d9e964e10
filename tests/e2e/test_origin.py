"""Checks the runbooks' table of responses of an nginx that verifies Cloudflare's certificate."""

import re
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import ExitStack

from harness import ROOT, Case, eventually

RUNBOOKS = (ROOT / "docs/alerts.md").read_text()
MODES = ["on", "optional", "optional_no_ca", "off"]
SERVER = """
server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate server.pem;
    ssl_certificate_key server.key;
    ssl_client_certificate ca.pem;
    ssl_verify_client {mode};
    location / {{ return 200 "served\\n"; }}
}}
"""


class Nginx(Case):
    def test_the_table_in_the_runbooks_matches_nginx(self):
        folder = self.folder()
        certificates(folder)
        with ExitStack() as held:
            sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in MODES]
            ports = {mode: each.getsockname()[1] for mode, each in zip(MODES, sockets)}
        servers = "".join(SERVER.format(port=port, mode=mode) for mode, port in ports.items())
        paths = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
        config = folder / "nginx.conf"
        config.write_text(
            f"daemon off; master_process off; pid {folder}/pid; error_log stderr;\n"
            f"events {{}}\nhttp {{\naccess_log off;\n{paths}{servers}}}\n"
        )
        nginx = subprocess.Popen(["nginx", "-e", "stderr", "-p", folder, "-c", config], stderr=subprocess.DEVNULL)
        self.addCleanup(nginx.wait)
        self.addCleanup(nginx.terminate)
        answers = {}
        for mode, port in ports.items():
            eventually(lambda: self.assertTrue(listens(port)))
            answers[mode] = {name: ask(folder, port, name) for name in ["none", "good", "other", "expired"]}
        self.assertEqual(
            answers,
            {
                "on": {"none": 400, "good": 200, "other": 400, "expired": 400},
                # this setting does not help after expiry, since an expired certificate is still refused
                "optional": {"none": 200, "good": 200, "other": 400, "expired": 400},
                "optional_no_ca": {"none": 200, "good": 200, "other": 200, "expired": 400},
                "off": {"none": 200, "good": 200, "other": 200, "expired": 200},
            },
        )
        rows = re.findall(r"^\| nginx `(?:ssl_verify_client )?(on|optional\w*)` \| (\w+) \| (\w+) \| (\w+) \|$", RUNBOOKS, re.MULTILINE)
        shown = {mode: [{"served": 200, "400": 400}[cell] for cell in cells] for mode, *cells in rows}
        expected = {mode: [answers[mode][name] for name in ["none", "other", "expired"]] for mode in MODES[:3]}
        self.assertEqual(shown, expected)


def certificates(folder):
    """Creates a CA with a valid and an expired certificate, a certificate of another CA, and the server's."""
    for ca in ["ca", "elsewhere"]:
        openssl(folder, f"req -x509 -newkey rsa:2048 -nodes -keyout {ca}.key -out {ca}.pem -days 9 -subj /CN={ca}")
    openssl(folder, "req -x509 -newkey rsa:2048 -nodes -keyout server.key -out server.pem -days 9 -subj /CN=localhost")
    openssl(folder, "req -newkey rsa:2048 -nodes -keyout client.key -out client.csr -subj /CN=client")
    (folder / "index.txt").touch()
    (folder / "ca.conf").write_text(
        "[ca]\ndefault_ca = default\n[default]\ndatabase = index.txt\nnew_certs_dir = .\nrand_serial = yes\n"
        "unique_subject = no\ndefault_md = sha256\npolicy = any\n[any]\ncommonName = supplied\n"
    )
    year = time.gmtime().tm_year
    for name, ca, ends in [("good", "ca", year + 1), ("other", "elsewhere", year + 1), ("expired", "ca", year - 1)]:
        dates = f"-startdate 20200101000000Z -enddate {ends}0101000000Z"
        signed = f"-cert {ca}.pem -keyfile {ca}.key -in client.csr -out {name}.pem"
        openssl(folder, f"ca -batch -notext -config ca.conf {dates} {signed}")


def openssl(folder, arguments):
    result = subprocess.run(["openssl", *arguments.split()], cwd=folder, capture_output=True, text=True, timeout=30)
    assert result.returncode == 0, result.stderr


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def ask(folder, port, name):
    """Returns the status of the response to a request with this certificate."""
    context = ssl.create_default_context(cafile=folder / "server.pem")
    context.check_hostname = False
    if name != "none":
        context.load_cert_chain(folder / f"{name}.pem", folder / "client.key")
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), urllib.request.ProxyHandler({}))
    try:
        return opener.open(f"https://127.0.0.1:{port}/", timeout=20).status
    except urllib.error.HTTPError as error:
        return error.code

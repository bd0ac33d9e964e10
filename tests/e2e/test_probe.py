"""Checks `probe` against real servers and their handling of certificates."""

import json
import os
import shutil
import socket
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import test_origin
from harness import CHILDREN, EXPORTER, Case, eventually

NAME = "localhost"
VERSIONS = ["1.2", "1.3"]
STATUSES = [200, 401, 403, 404, 503]
# the number of consecutive probes of each server
TIMES = int(os.environ.get("PROBES", "500"))

# by the origin's demand and the status of its application; in TLS 1.3, a 403 alone does not show if it is about a
# certificate
SEEN = {
    "required": {status: "required" for status in STATUSES},
    "optional": {200: "optional", 401: "unknown", 403: "unknown", 404: "optional", 503: "unknown"},
    "none": {status: "none" for status in STATUSES},
}
# the origin's reaction to a certificate of the accepted CA, one of another CA, and an expired one
REFUSES, CHECKS, IGNORES, DATES = (200, "refused", "refused"), (200, 400, 400), (200, 200, 200), (200, 200, 400)


class Server:
    """Servers of one program. `modes` are their demands and their handling of certificates."""

    modes = {}

    def __init__(self, case, folder):
        self.folder = folder
        self.log = folder / "log"
        self.ports = {}
        kinds = [(mode, version) for mode in self.modes for version in VERSIONS]
        with ExitStack() as held:
            for kind in kinds:
                held_socket = held.enter_context(socket.create_server(("127.0.0.1", 0)))
                self.ports[kind] = held_socket.getsockname()[1]
        # Caddy stores its configuration there
        environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        for command in self.commands():
            with open(self.log, "ab") as log:
                streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": log}
                child = subprocess.Popen(command, cwd=folder, env=environment, **streams)
            CHILDREN.append(child)
            case.addCleanup(child.wait)
            case.addCleanup(child.terminate)
        for port in self.ports.values():
            eventually(lambda: case.assertTrue(test_origin.listens(port), self.log.read_text()))

    def each(self):
        return [(port, mode, version) for (mode, version), port in self.ports.items()]

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path


class Nginx(Server):
    modes = {
        "on": ("required", CHECKS),
        "optional": ("optional", CHECKS),
        "optional_no_ca": ("optional", DATES),
        "off": ("none", IGNORES),
    }

    def commands(self):
        answers = "".join(f"location = /{status} {{ return {status}; }}\n" for status in STATUSES)
        servers = "".join(
            f"""server {{ listen 127.0.0.1:{port} ssl; ssl_protocols TLSv{version}; ssl_verify_client {mode};
            ssl_certificate server.pem; ssl_certificate_key server.key; ssl_client_certificate ca.pem; {answers} }}\n"""
            for port, mode, version in self.each()
        )
        paths = "".join(f"{kind}_temp_path {self.folder}/{kind};\n" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
        config = self.write(
            "nginx.conf",
            f"daemon off; master_process off; pid {self.folder}/nginx.pid; error_log stderr;\n"
            f"events {{}}\nhttp {{\naccess_log off;\n{paths}{servers}}}\n",
        )
        return [["nginx", "-e", "stderr", "-p", self.folder, "-c", config]]


class Apache(Server):
    modes = {
        "require": ("required", REFUSES),
        "optional": ("optional", REFUSES),
        "optional_no_ca": ("optional", (200, 200, "refused")),
        "none": ("none", IGNORES),
    }

    def commands(self):
        modules = shutil.which("apache2") and "/usr/lib/apache2/modules"
        load = "".join(
            f"LoadModule {module}_module {modules}/mod_{module}.so\n"
            for module in ["mpm_event", "authz_core", "alias", "rewrite", "ssl"]
        )
        answers = "".join(f"Redirect {status} /{status}\n" for status in STATUSES if status != 200)
        servers = "".join(
            f"""Listen 127.0.0.1:{port}\n<VirtualHost 127.0.0.1:{port}>\nSSLEngine on\nSSLProtocol -all +TLSv{version}
            SSLCertificateFile {self.folder}/server.pem\nSSLCertificateKeyFile {self.folder}/server.key
            SSLCACertificateFile {self.folder}/ca.pem\nSSLVerifyClient {mode}\n{answers}
            <Location /private>\nSSLVerifyClient require\n</Location>\n</VirtualHost>\n"""
            for port, mode, version in self.each()
        )
        pages = self.folder / "pages"
        pages.mkdir()
        for page in ["200", "private"]:
            (pages / page).write_text("served\n")
        self.folder.chmod(0o755)
        user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
        config = self.write(
            "apache.conf",
            f"ServerRoot {self.folder}\nServerName {NAME}\nPidFile {self.folder}/apache.pid\nErrorLog /dev/stderr\n{load}{user}"
            f"Mutex pthread\nDefaultRuntimeDir {self.folder}\nStartServers 1\nThreadsPerChild 8\nServerLimit 2\nMaxRequestWorkers 16\n"
            f"DocumentRoot {pages}\n<Directory {pages}>\nRequire all granted\n</Directory>\n{servers}",
        )
        return [["apache2", "-D", "FOREGROUND", "-f", config]]


class Haproxy(Server):
    modes = {"required": ("required", REFUSES), "optional": ("optional", REFUSES), "none": ("none", IGNORES)}

    def commands(self):
        answers = "".join(f"  http-request return status {status} if {{ path /{status} }}\n" for status in STATUSES)
        both = (self.folder / "server.pem").read_text() + (self.folder / "server.key").read_text()
        self.write("haproxy.pem", both)
        servers = "".join(
            f"""frontend f{port}
  mode http
  bind 127.0.0.1:{port} ssl crt {self.folder}/haproxy.pem ca-file {self.folder}/ca.pem verify {mode} ssl-min-ver TLSv{version} ssl-max-ver TLSv{version}
{answers}"""
            for port, mode, version in self.each()
        )
        timeouts = "defaults\n  timeout client 10s\n  timeout connect 10s\n  timeout server 10s\n"
        return [["haproxy", "-db", "-f", self.write("haproxy.cfg", f"global\n  maxconn 100\n{timeouts}{servers}")]]


class Caddy(Server):
    modes = {
        "require_and_verify": ("required", REFUSES),
        "verify_if_given": ("optional", REFUSES),
        "require": ("required", IGNORES),
        "request": ("optional", IGNORES),
        "none": ("none", IGNORES),
    }

    def commands(self):
        answers = "\n".join(f"respond /{status} {status}" for status in STATUSES)
        servers = ""
        for port, mode, version in self.each():
            authorities = "" if mode in ["require", "request"] else f"trusted_ca_cert_file {self.folder}/ca.pem"
            client = "" if mode == "none" else f"client_auth {{\nmode {mode}\n{authorities}\n}}"
            servers += f"""https://{NAME}:{port} {{\nbind 127.0.0.1\n{answers}
            tls {self.folder}/server.pem {self.folder}/server.key {{\nprotocols tls{version} tls{version}\n{client}\n}}\n}}\n"""
        config = "{\nadmin off\nauto_https disable_redirects\n}\n"
        return [["caddy", "run", "--adapter", "caddyfile", "--config", self.write("Caddyfile", config + servers)]]


class SServer(Server):
    modes = {"-Verify": ("required", IGNORES), "-verify": ("optional", IGNORES), "none": ("none", IGNORES)}

    def commands(self):
        for status in STATUSES:
            self.write(str(status), f"HTTP/1.0 {status} Status\r\nContent-Length: 0\r\n\r\n")
        for port, mode, version in self.each():
            verify = [] if mode == "none" else [mode, "1"]
            tls = "-tls" + version.replace(".", "_")
            files = ["-cert", "server.pem", "-key", "server.key", "-CAfile", "ca.pem"]
            yield ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-HTTP", "-quiet", tls, *files, *verify]


class Probe(Case):
    def test_nginx(self):
        self.check(Nginx)

    def test_apache(self):
        server = self.check(Apache)
        for version in VERSIONS:
            for path, expected in [("/private", ("unknown", "asks_late")), ("/200", ("none", "not_asked"))]:
                self.assertEqual(probe(server.ports["none", version], path), {expected}, f"{path} in {version}")

    def test_haproxy(self):
        self.check(Haproxy)

    def test_caddy(self):
        self.check(Caddy)

    def test_openssl(self):
        self.check(SServer)

    def check(self, kind):
        """Compares the probes, and the servers' handling of certificates, with the tables."""
        folder = self.folder()
        test_origin.certificates(folder)
        server = kind(self, folder)
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda each: self.examine(server, *each), server.each()))
        self.assertEqual([result for result in results if result], [])
        return server

    def examine(self, server, port, mode, version):
        """Returns the deviations of one server."""
        demand, treatment = server.modes[mode]
        wrong = []
        for status in STATUSES:
            expected = SEEN[demand][status]
            if (demand, status, version) == ("none", 403, "1.3"):
                expected = "unknown"
            found = {demand for demand, _ in probe(port, f"/{status}", TIMES if status == 200 else 1)}
            if found != {expected}:
                wrong.append(f"{mode} in {version}, {status}: {found}, expected {expected}")
        treated = tuple(answer(server.folder, port, name) for name in ["good", "other", "expired"])
        if treated != treatment:
            wrong.append(f"{mode} in {version}: {treated}, expected {treatment}")
        return wrong


def probe(port, path, times=1):
    """Returns the results of this many probes as pairs of demand and reason."""
    arguments = ["probe", NAME, "--origin", f"127.0.0.1:{port}", "--path", path, "--format", "json", "--repeat", str(times)]
    result = subprocess.run([EXPORTER, *arguments], capture_output=True, text=True, timeout=120)
    assert result.stdout, result.stderr
    rows = json.loads(result.stdout)
    assert len(rows) == times
    return {(row["demand"], row["reason"]) for row in rows}


def answer(folder, port, name):
    """Returns the status of the response to a client with this certificate, or that the connection was refused."""
    context = ssl.create_default_context(cafile=folder / "server.pem")
    context.load_cert_chain(folder / f"{name}.pem", folder / "client.key")
    try:
        with socket.create_connection(("127.0.0.1", port), 20) as stream, context.wrap_socket(stream, server_hostname=NAME) as tls:
            tls.sendall(f"GET /200 HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
            return int(tls.recv(4096).split()[1])
    # the server refuses with an alert, which a reset may overtake in TLS 1.2
    except (ssl.SSLError, ConnectionError):
        return "refused"

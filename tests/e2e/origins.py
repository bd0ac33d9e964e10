"""Origins: TLS servers that may ask for a client certificate, and whose mode can be changed while they are probed."""

import socket
import subprocess

from harness import eventually
from test_origin import listens, openssl

# options of openssl, by the way an origin treats a connection that presents no certificate
MODES = {"none": [], "optional": ["-verify", "1"], "required": ["-Verify", "1"], "other-ca": ["-Verify", "1", "-CAfile", "other.pem"]}


class Origin:
    """An origin with a fixed address. Nothing listens there until it serves."""

    def __init__(self, case):
        self.folder, self.server = case.folder(), None
        for name, subject in [("server", "localhost"), ("other", "another-ca")]:
            openssl(self.folder, f"req -x509 -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.pem -days 9 -subj /CN={subject}")
        with socket.create_server(("127.0.0.1", 0)) as held:
            self.port = held.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        case.addCleanup(self.stop)

    def serve(self, mode):
        """Serves in this mode from now on; `unreachable` stops serving."""
        self.stop()
        if mode == "unreachable":
            return
        command = ["openssl", "s_server", "-accept", self.address, "-cert", "server.pem", "-key", "server.key", "-www"]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.server = subprocess.Popen([*command, *MODES[mode]], cwd=self.folder, **quiet)

        def ready():
            assert listens(self.port), f"openssl does not listen on {self.address}"

        eventually(ready)

    def stop(self):
        if self.server:
            self.server.kill()
            self.server.wait()
            self.server = None

"""Helpers shared by the scripts of this directory."""

import contextlib
import http.client
import json
import os
import pathlib
import socket
import statistics
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOKEN = "simulated-token"
ROUNDS = 5


def build():
    """Builds the program in release mode and returns its path."""
    command = ["cargo", "build", "--release", "--locked", "--message-format=json"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    built = [json.loads(line) for line in output.splitlines()]
    return next(message["executable"] for message in built if message.get("executable"))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def running(*command):
    """Runs a process and stops it at the end."""
    environment = {**os.environ, "CLOUDFLARE_API_TOKEN": TOKEN}
    process = subprocess.Popen([str(part) for part in command], env=environment, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def until_accepted(port, process=None):
    """Waits until a connection to the port is accepted and returns the seconds that took."""
    start = time.perf_counter()
    while process is None or process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return time.perf_counter() - start
        time.sleep(0.0005)
    raise SystemExit(f"the process ended with code {process.returncode}")


def get(port, path, **headers):
    """Returns the status and body of a response."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()


def samples(port):
    """Returns the value of each series of the page."""
    lines = get(port, "/metrics")[1].decode().splitlines()
    return {series: float(value) for series, _, value in (l.rpartition(" ") for l in lines if l[0] != "#")}


def until_polled(port):
    """Waits for the end of the first poll."""
    while get(port, "/-/ready")[0] != 200:
        time.sleep(0.02)


def memory(process, key="VmRSS"):
    """Returns the resident memory of a process in bytes, or with VmHWM its peak."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(key + ":"))
    return int(line.split()[1]) * 1024


def configuration(path, port, api, zones, schedule, states="all"):
    """Writes a configuration of `zones`, each with its name, id and hostnames, so that no lookup is needed."""
    lines = [
        f'[server]\nlisten = "127.0.0.1:{port}"',
        f'[poll]\nschedule = "{schedule}"\njitter = "0s"',
        f'[metrics]\nstates = "{states}"',
        f'[[account]]\nbase_url = "http://127.0.0.1:{api}/client/v4"',
        'max_concurrent_requests = 8\nrate_limit = { requests = 4000000, per = "1s" }',
    ]
    for name, identifier, hostnames in zones:
        lines.append(f'[[account.zone]]\nname = "{name}"\nid = "{identifier}"\nstrategy = "get"\nhostnames = [')
        lines.extend(f'    "{hostname}",' for hostname in hostnames)
        lines.append("]")
    pathlib.Path(path).write_text("\n".join(lines) + "\n")


class Figures:
    """Prints figures with their limits and records if one is missed."""

    def __init__(self):
        self.missed = False

    def most(self, what, values, limit, unit):
        self.show(what, values, limit, unit, "at most", statistics.median(values) <= limit)

    def least(self, what, values, limit, unit):
        self.show(what, values, limit, unit, "at least", statistics.median(values) >= limit)

    def show(self, what, values, limit, unit, bound, held):
        spread = f" ({min(values):,.2f} to {max(values):,.2f})" if len(values) > 1 else ""
        verdict = "" if held else "  MISSED"
        print(f"{what}: {statistics.median(values):,.2f} {unit}{spread}, {bound} {limit:,} {unit}{verdict}", flush=True)
        self.missed |= not held

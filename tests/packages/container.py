"""A container with its own systemd and only a loopback interface, which lasts for a `with` block."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

# files that systemd, dpkg and rpm write for themselves, and files of the test
NOTES = ("dev", "packages", "proc", "run", "sys", "tmp", "var/cache", "var/lib/dpkg", "var/lib/rpm", "var/lib/systemd", "var/log",
         "var/tmp")


def until(what, condition, seconds=20):
    """Waits until the condition returns a true value, and returns it. Fails with `what` after the timeout."""
    deadline = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


class Container:
    def __init__(self, root, *files):
        """Prepares a copy of the folder `root`, with these files in its folder /packages."""
        self.folder = tempfile.TemporaryDirectory(dir=root.parent, prefix="container-")
        self.root = pathlib.Path(self.folder.name) / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", root, self.root], check=True)
        (self.root / "packages").mkdir()
        for file in files:
            shutil.copy(file, self.root / "packages")

    def __enter__(self):
        self.leader = None
        self.log = open(pathlib.Path(self.folder.name) / "log", "w+")
        self.nspawn = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--boot", "--directory", self.root, "--register=no", "--keep-unit"]
            + ["--private-network", "--console=pipe", f"--machine={pathlib.Path(self.folder.name).name.replace('_', '0')}"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
        )
        try:
            until("systemd is started", self.is_started, 60)
        except AssertionError:
            print(pathlib.Path(self.log.name).read_text())
            if self.leader:
                print(self.run("systemctl", "--failed", code=None))
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # all processes end with the first one, and only then does systemd-nspawn clean up
        if self.leader:
            os.kill(int(self.leader), signal.SIGKILL)
        else:
            self.nspawn.terminate()
        self.nspawn.wait()
        self.log.close()
        self.folder.cleanup()

    def is_started(self):
        assert self.nspawn.poll() is None, f"systemd-nspawn has ended with {self.nspawn.returncode}"
        pid = self.nspawn.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not children:
            return False
        self.leader = children[-1]
        return self.run("systemctl", "is-system-running", code=None).strip() == "running"

    def run(self, *command, code=0, stdin=""):
        """Runs a command in the container and returns its output."""
        ran = subprocess.run(
            ["nsenter", "--target", self.leader, "--all", *command],
            input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        assert code in (None, ran.returncode), f"{command} ended with {ran.returncode}, not {code}:\n{ran.stdout}"
        return ran.stdout

    def get(self, url):
        """Returns the page, or an empty string if it is not served."""
        read = "import sys, urllib.request as r; print(r.build_opener(r.ProxyHandler({})).open(sys.argv[1]).read().decode())"
        ran = subprocess.run(
            ["nsenter", "--target", self.leader, "--net", "python3", "-c", read, url],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        return ran.stdout

    def show(self, unit, name):
        return self.run("systemctl", "show", "--value", "--property", name, unit).strip()

    def files(self):
        """Returns all paths except runtime files and those that systemd, dpkg and rpm write for themselves."""
        found = set()
        for folder, folders, files in os.walk(self.root):
            inside = pathlib.Path(folder).relative_to(self.root)
            folders[:] = [name for name in folders if str(inside / name) not in NOTES]
            found.update(str(inside / name) for name in folders + files)
        # systemd creates this folder for all services
        return found - {"var/lib/private"}


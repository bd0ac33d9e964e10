"""Runs test classes in parallel, each in its own process, and prints the output of each when it ends.

Usage: side_by_side.py [TEST...]     names for unittest; all tests unless given
"""

import subprocess
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor, as_completed

# more than the number of cores, since tests mostly wait
AT_ONCE = 8
# timeout of one class in seconds, a multiple of the slowest one's time
LIMIT = 600


def main():
    names = sys.argv[1:]
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(names) if names else loader.discover(".")
    classes = {}
    for test in flat(suite):
        classes.setdefault(type(test), []).append(test)
    assert classes, "no such test"
    failed, start = [], time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for ended in as_completed([pool.submit(run, *each) for each in classes.items()]):
            name, code, seconds, output = ended.result()
            print(f"\n--- {name}\n{output}--- {name}: {'FAILED' if code else 'passed'} in {seconds:.0f} s", flush=True)
            failed += [name] if code else []
    tests = sum(len(each) for each in classes.values())
    print(f"\n{tests} tests in {len(classes)} classes, in parallel, in {time.monotonic() - start:.0f} s")
    sys.exit(f"failed: {' '.join(failed)}" if failed else 0)


def flat(suite):
    for each in suite:
        if isinstance(each, unittest.TestSuite):
            yield from flat(each)
        else:
            yield each


def run(kind, tests):
    """Runs the tests of one class and returns its name, exit code, time and output."""
    start = time.monotonic()
    # unittest represents a module that cannot be imported as a test that fails with the reason
    ids = [test.id().removeprefix("unittest.loader._FailedTest.") for test in tests]
    command = [sys.executable, "-m", "unittest", "--verbose", *ids]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    child = subprocess.Popen(command, text=True, **pipes)
    # the class then stops its processes
    limit = threading.Timer(LIMIT, child.terminate)
    limit.start()
    output, _ = child.communicate()
    limit.cancel()
    return f"{kind.__module__}.{kind.__name__}", child.returncode, time.monotonic() - start, output


if __name__ == "__main__":
    main()

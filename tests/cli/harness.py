"""Runs the built program in a folder of its own and looks at what it says.

The program's path is in the environment variable MILLRACE; MILLRACE_STATE, where it is set, is the only kind
of state that runs get. Every case gets an empty folder, which is the program's working directory and so holds
its data directory.
"""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

STATES = [os.environ["MILLRACE_STATE"]] if "MILLRACE_STATE" in os.environ else ["rocksdb", "memory"]
HOUR_MS = 3600 * 1000
GRACE_MS = HOUR_MS

JOB = """\
job: cli
streams:
  events: {topic: events, key: string, value: json, time: {from: value.at, unit: ms}}
  hourly: {topic: hourly, key: string, value: json}
  late_events: {topic: events-late, key: string, value: json}
sources:
  lines:
    file: {path: in.jsonl, format: json}
    to: events
pipelines:
  counted:
    from: events
    steps:
      - rekey: value.origin
      - aggregate:
          window: {tumbling: 1h, grace: 60m, late: late_events, emit: final}
          store: by_origin
          fields: {origin: key, start: window.start, n: count(), delay: sum(value.delay)}
    to: hourly
sinks:
  rows:
    from: hourly
    file: {path: out.jsonl, format: json}
"""


class Result:
    def __init__(self, status, out, err):
        self.status = status
        self.out = out
        self.err = err

    def figure(self, name):
        """A number of the summary."""
        for line in self.err.splitlines():
            if line.startswith("millrace:   " + name + "  "):
                return float(line.rsplit(None, 1)[1])
        raise AssertionError("no figure %r in:\n%s" % (name, self.err))


def limit_file_size(size_bytes):
    """Files that cannot grow beyond it: a full disk that needs no disk of its own."""

    def apply():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))

    return apply


class Case(unittest.TestCase):
    def setUp(self):
        self.program = os.environ["MILLRACE"]
        self.folder = tempfile.mkdtemp(prefix="millrace-cli-")
        self.children = []

    def tearDown(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.communicate()
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write(text)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as text:
            return text.read()

    def start(self, *arguments, limit=None):
        if arguments[:1] == ("run",) and len(STATES) == 1:
            arguments += ("--state", STATES[0])
        child = subprocess.Popen(
            [self.program, *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=limit,
        )
        self.children.append(child)
        return child

    def finish(self, child, timeout=120):
        out, err = child.communicate(timeout=timeout)
        self.children.remove(child)
        self.assertNotIn("Sanitizer", err)
        return Result(child.returncode, out, err)

    def run_program(self, *arguments, limit=None, timeout=120):
        return self.finish(self.start(*arguments, limit=limit), timeout)

    def expect(self, status, *arguments, limit=None):
        result = self.run_program(*arguments, limit=limit)
        self.assertEqual(result.status, status, result.err + result.out)
        return result

    def wait_until(self, what, condition, timeout=120):
        end = time.monotonic() + timeout
        while not condition():
            self.assertLess(time.monotonic(), end, "waited in vain until " + what)
            time.sleep(0.02)

    def interrupt(self, child, number=signal.SIGINT):
        """Sends the signal; the seconds until the process was gone."""
        began = time.monotonic()
        child.send_signal(number)
        result = self.finish(child)
        return result, time.monotonic() - began


def events(count, seed=1):
    """Records about a few airports, over some days, here and there out of order, some of them late."""
    rng = random.Random(seed)
    at = 1000000000000
    rows = []
    for number in range(count):
        at += rng.randrange(0, 20 * 60 * 1000)
        jitter = rng.choice([0, 0, 0, rng.randrange(0, 5 * HOUR_MS)])
        rows.append(
            {
                "number": number,
                "at": at - jitter,
                "origin": rng.choice(["ATL", "ORD", "DFW", "LAX"]),
                "delay": rng.randrange(-30, 200),
                "noise": "%040x" % rng.getrandbits(160),
            }
        )
    return rows


def as_lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def hourly(rows):
    """What the job must give: (results as a set of tuples, late record numbers), by the rule of the
    language and nothing else: late is what comes when the greatest time before it has passed its
    window's end and grace."""
    results = {}
    late = []
    greatest = None
    for row in rows:
        greatest = row["at"] if greatest is None else max(greatest, row["at"])
        start = row["at"] // HOUR_MS * HOUR_MS
        if start + HOUR_MS + GRACE_MS <= greatest:
            late.append(row["number"])
            continue
        n, delay = results.get((row["origin"], start), (0, 0))
        results[(row["origin"], start)] = (n + 1, delay + row["delay"])
    return (
        {(origin, start, n, delay) for (origin, start), (n, delay) in results.items()},
        late,
    )


def results_of(text):
    rows = [json.loads(line) for line in text.splitlines()]
    return [(row["origin"], row["start"], row["n"], row["delay"]) for row in rows]


def main():
    unittest.main(verbosity=2)

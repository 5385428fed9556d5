"""kill -9 of the real program, over and over, in the middle of its work.

One job reads two files: one through a repartition into hourly windows and running counts on two
partitions, with a directory of files as its sink; one straight into a single file. It is killed
many times while it commits, its state directory is sometimes deleted, it is sometimes killed again
while it recovers. Then it runs to its end, and everything it wrote has to be what an uninterrupted
run of the same job writes, and what a naive reading of the input gives.

A kill counts when a decision of that very process was seen before it and work was left behind it.
The counts are printed; fewer than the least asked for is a failure.

Usage: kill_campaign.py MILLRACE [--kills N] [--seed N]
"""

import argparse
import glob
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

HOUR_MS = 3600 * 1000
GRACE_MS = HOUR_MS
AIRPORTS = ["ATL", "ORD", "DFW", "LAX", "JFK", "SFO", "DEN", "SEA", "MIA", "BOS", "PHX", "LAS"]
KILLS_MIN = 50
DELETED_MIN = 5
ANSWER_S_MAX = 300
DECISION_S_MAX = 300

JOB = """\
job: killed
streams:
  flights: {topic: flights, key: string, value: json, time: {from: value.at}, create: {partitions: 2}}
  hourly: {topic: hourly, key: string, value: json, create: {partitions: 2}}
  totals: {topic: totals, key: string, value: json, create: {partitions: 2}}
  late_flights: {topic: flights-late, key: string, value: json}
  notes: {topic: notes, key: string, value: json}
  long_notes: {topic: notes-long, key: string, value: json}
sources:
  flights_file:
    file: {path: flights.jsonl, format: json}
    to: flights
  notes_file:
    file: {path: notes.jsonl, format: json}
    to: notes
pipelines:
  per_hour:
    from: flights
    steps:
      - rekey: value.origin
      - aggregate:
          window: {tumbling: 1h, grace: 60m, late: late_flights, emit: final}
          store: by_hour
          fields: {origin: key, start: window.start, n: count(), delay: sum(value.delay), longest: max(value.delay)}
    to: hourly
  per_origin:
    from: flights
    steps:
      - rekey: value.origin
      - count: by_origin
      - map: {origin: key, n: value}
    to: totals
  long_ones:
    from: notes
    steps:
      - filter: value.length > 20
      - set: {twice: value.length * 2}
    to: long_notes
sinks:
  hourly_files:
    from: hourly
    file: {dir: out, rotate: {records: 200}}
  notes_out:
    from: long_notes
    file: {path: notes_out.jsonl}
"""

RUN = ["run", "job.yaml", "--workers", "2", "--commit-interval", "15ms", "--spill-bytes", "6kB",
       "--spill-age", "40ms"]


class Failed(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failed(text)


# ---- input, and what has to come of it ----


def make_flights(rng, count):
    at = 1000000000000
    rows = []
    for number in range(count):
        at += rng.randrange(0, 60 * 1000)
        late_by = rng.choice([0, 0, 0, 0, rng.randrange(0, 4 * HOUR_MS)])
        rows.append({"number": number, "at": at - late_by, "origin": rng.choice(AIRPORTS),
                     "delay": rng.randrange(-30, 200)})
    return rows


def make_notes(rng, count):
    return [{"number": number, "length": rng.randrange(0, 40)} for number in range(count)]


def naive(flights):
    """Windows and late records, with one running greatest time for each partition of the topic:
    records without a key go round the partitions by their number."""
    greatest = [None, None]
    windows = {}
    late = []
    for row in flights:
        partition = row["number"] % 2
        if greatest[partition] is None or row["at"] > greatest[partition]:
            greatest[partition] = row["at"]
        start = row["at"] // HOUR_MS * HOUR_MS
        if start + HOUR_MS + GRACE_MS <= greatest[partition]:
            late.append(row["number"])
            continue
        windows.setdefault((start, row["origin"]), []).append(row["delay"])
    results = {key: {"origin": key[1], "start": key[0], "n": len(delays), "delay": sum(delays),
                     "longest": max(delays)} for key, delays in windows.items()}
    return results, sorted(late)


# ---- the program ----


class World:
    """A folder with a job, its input and its data."""

    def __init__(self, program, folder, flights, notes):
        self.program = program
        self.folder = folder
        os.mkdir(folder)
        self.write("job.yaml", JOB)
        self.write("flights.jsonl", "".join(json.dumps(row) + "\n" for row in flights))
        self.write("notes.jsonl", "".join(json.dumps(row) + "\n" for row in notes))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write(text)

    def start(self, *options):
        with open(self.path("stderr"), "w", encoding="utf-8") as err:
            return subprocess.Popen([self.program, *RUN, *options], cwd=self.folder,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                    stderr=err)

    def said(self):
        with open(self.path("stderr"), encoding="utf-8") as text:
            return text.read()

    def ask(self, *arguments):
        return subprocess.run([self.program, *arguments], cwd=self.folder, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=ANSWER_S_MAX)

    def to_the_end(self):
        child = self.start("--until-end")
        check(child.wait(timeout=ANSWER_S_MAX) == 0, "the run to the end failed:\n" + self.said())
        return self.said()

    def consume(self, stream, *options):
        result = self.ask("consume", stream, "--job", "job.yaml", *options)
        check(result.returncode == 0, "consume %s: %s" % (stream, result.stderr))
        return [json.loads(line) for line in result.stdout.splitlines()]

    def stable_end(self):
        """Behind what is decided in the first partition of the source's topic."""
        result = self.ask("topics", "describe", "flights")
        rows = [line.split() for line in result.stdout.splitlines()]
        return max([int(row[2]) for row in rows if len(row) > 2 and row[0] == "0"], default=0)

    def decided_from(self, offset):
        """A committed record of the source at this offset or behind it: markers are none."""
        result = self.ask("consume", "flights", "--partition", "0", "--from", str(offset),
                          "--max", "1")
        return result.returncode == 0 and result.stdout != ""

    def changelog_records(self):
        result = self.ask("topics", "list", "--all")
        rows = [line.split() for line in result.stdout.splitlines()[1:]]
        return sum(int(row[4]) for row in rows if row[2] == "changelog")

    def rocksdb_files(self):
        return glob.glob(self.path("millrace-data/state/**/*.sst"), recursive=True)

    def sink_files(self):
        return sorted(os.path.basename(path) for path in glob.glob(self.path("out/*.jsonl")))

    def sink_rows(self, partition):
        """The concatenation of a partition's files, by their START; ranges that overlap are an
        error."""
        rows = []
        end_before = -1
        for name in self.sink_files():
            topic, number, start, end = name[: -len(".jsonl")].rsplit("-", 3)
            if int(number) != partition:
                continue
            check(int(start) > end_before, "%s begins inside the file before it" % name)
            end_before = int(end)
            with open(self.path("out/" + name), encoding="utf-8") as text:
                rows.extend(text.read().splitlines())
        return rows

    def notes_out(self):
        with open(self.path("notes_out.jsonl"), encoding="utf-8") as text:
            return text.read()


def figure(summary, name):
    for line in summary.splitlines():
        if line.startswith("millrace:   " + name + "  "):
            return float(line.rsplit(None, 1)[1])
    raise Failed("no figure %r in:\n%s" % (name, summary))


# ---- what is compared ----


def compare_with_input(world, flights, notes):
    expected, late = naive(flights)
    hourly = [record["value"] for record in world.consume("hourly")]
    check(len(hourly) == len(expected), "%d windows, not %d" % (len(hourly), len(expected)))
    for row in hourly:
        check(expected.get((row["start"], row["origin"])) == row, "wrong window %s" % row)
    files = [json.loads(line) for partition in (0, 1) for line in world.sink_rows(partition)]
    check(files == hourly, "the sink's files are not what the topic holds")
    have = sorted(record["value"]["number"] for record in world.consume("late_flights"))
    check(have == late, "%d late records, not %d" % (len(have), len(late)))
    compare_totals(world.consume("totals"), flights)
    for partition in (0, 1):
        numbers = [record["value"]["number"]
                   for record in world.consume("flights", "--partition", str(partition))]
        check(numbers == list(range(partition, len(flights), 2)),
              "partition %d of the source's topic does not hold the file" % partition)
    long_ones = [dict(row, twice=row["length"] * 2) for row in notes if row["length"] > 20]
    have = [json.loads(line) for line in world.notes_out().splitlines()]
    check(have == long_ones, "the one file: %d rows, not %d" % (len(have), len(long_ones)))
    return {"windows": len(hourly), "late": len(late), "totals": len(flights),
            "one-file rows": len(have)}


def compare_totals(totals, flights):
    """Running counts: each key counts from 1 to its last, nothing twice, nothing left out."""
    seen = {}
    for record in totals:
        row = record["value"]
        check(row["n"] == seen.get(row["origin"], 0) + 1,
              "the count of %s goes from %s to %d" % (row["origin"], seen.get(row["origin"]),
                                                      row["n"]))
        seen[row["origin"]] = row["n"]
    for origin in AIRPORTS:
        check(seen.get(origin, 0) == sum(row["origin"] == origin for row in flights),
              "the last count of %s is %s" % (origin, seen.get(origin)))


def murmur2(data):
    """As Kafka's Java client hashes keys."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at:at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    if whole < len(data):
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def task_of(origin):
    """The task that has this key: repartition topics carry it as JSON."""
    return (murmur2(json.dumps(origin).encode()) & 0x7FFFFFFF) % 2


def by_task(lines):
    tasks = {0: [], 1: []}
    for line in lines:
        tasks[task_of(json.loads(line)["origin"])].append(line)
    return tasks


def compare_with_run(world, other):
    """For each task and partition the same rows in the same order; how the tasks' rows lie between
    each other in a partition that both write is nobody's promise."""
    for partition in (0, 1):
        mine, theirs = by_task(world.sink_rows(partition)), by_task(other.sink_rows(partition))
        for task in (0, 1):
            rows = [json.loads(line) for line in mine[task]]
            places = [(row["start"], row["origin"]) for row in rows]
            check(places == sorted(places), "windows of task %d closed out of order" % task)
            check(mine[task] == theirs[task], "partition %d, task %d: the sink's files differ from "
                  "the uninterrupted run's" % (partition, task))
    check(world.notes_out() == other.notes_out(), "the one file differs from the uninterrupted run's")


# ---- one life ----


class Counts:
    def __init__(self):
        self.kills = 0           # between a first and a last decision
        self.kills_early = 0     # while it started or recovered
        self.deleted = 0
        self.with_rocksdb = 0    # lives after which RocksDB held files
        self.states_read = 0


class Pace:
    """How fast the source goes, so that it lasts for all lives however slow the machine is: what is left of the
    source is shared among the kills to come, each as long as those before it were."""

    RATE_MAX = 4000
    RATE_MIN = 50
    LAST_LIFE_ROWS = 2 * 2 * RATE_MAX  # twice what the last, longer life takes at most

    def __init__(self, rows):
        self.rows_left = rows
        self.began = time.monotonic()
        self.lives = 0

    def rate(self, kills_left):
        if self.lives == 0:
            return self.RATE_MAX
        life_s = (time.monotonic() - self.began) / self.lives
        share = (self.rows_left - self.LAST_LIFE_ROWS) / (kills_left + 1) / life_s
        return int(min(self.RATE_MAX, max(self.RATE_MIN, share)))

    def lived(self, rows_left):
        self.rows_left = rows_left
        self.lives += 1


def kill(child):
    child.kill()
    child.wait()


def kill_in_the_middle(world, seconds, counts, rate, flights_count):
    """Returns how many records of the source are left."""
    before = world.stable_end()
    child = world.start("--rate", str(rate))
    end = time.monotonic() + DECISION_S_MAX
    while not world.decided_from(before):
        check(child.poll() is None, "the job ended by itself:\n" + world.said())
        check(time.monotonic() < end, "no decision in %d s:\n%s" % (DECISION_S_MAX, world.said()))
    time.sleep(seconds)
    check(child.poll() is None, "the job ended by itself:\n" + world.said())
    kill(child)
    if len(world.rocksdb_files()) > 0:
        counts.with_rocksdb += 1
    left = source_left(world, flights_count)
    if left > 0:
        counts.kills += 1
    return left


def source_left(world, flights_count):
    """How many records the source has yet to read: what is left needs at least one decision more."""
    near = max(world.stable_end() - 500, 0)
    rows = world.consume("flights", "--partition", "0", "--from", str(near))
    return max(flights_count - 2 - rows[-1]["value"]["number"], 0)


def kill_early(world, rng, counts):
    child = world.start("--rate", "2000")
    time.sleep(rng.random() * 0.06)
    check(child.poll() is None, "the job ended by itself:\n" + world.said())
    kill(child)
    counts.kills_early += 1


def delete_state(world, rng, counts):
    """All of it, or one task's."""
    tasks = sorted(glob.glob(world.path("millrace-data/state/*/*")))
    if not tasks:
        return
    shutil.rmtree(world.path("millrace-data/state") if rng.random() < 0.5 else rng.choice(tasks))
    counts.deleted += 1


def compare_state(world, rng, counts):
    """A row of the last commit is the last count that was written with it."""
    origin = rng.choice(AIRPORTS)
    result = world.ask("state", "get", "by_origin", origin, "--job", "job.yaml")
    rows = [record["value"]["n"] for record in world.consume("totals")
            if record["value"]["origin"] == origin]
    if result.returncode != 0:
        check(not rows, "no state of %s: %s" % (origin, result.stderr))
        return
    check(json.loads(result.stdout) == rows[-1],
          "state of %s: %s, written: %s" % (origin, result.stdout, rows[-1:]))
    counts.states_read += 1


def campaign(world, rng, kills_wanted, flights_count):
    counts, pace = Counts(), Pace(flights_count)
    while counts.kills < kills_wanted:
        pace.lived(kill_in_the_middle(world, rng.random() * 0.12, counts,
                                      pace.rate(kills_wanted - counts.kills), flights_count))
        if pace.rows_left == 0:
            break
        if counts.kills % 4 == 0:
            kill_early(world, rng, counts)
        if counts.kills % 5 == 0:
            compare_state(world, rng, counts)
        if counts.kills % 6 == 0:
            delete_state(world, rng, counts)
    # A longer life, so that what was rebuilt is spilled: the last start replays a tail.
    if pace.rows_left > 0:
        kill_in_the_middle(world, 2.0, counts, Pace.RATE_MAX, flights_count)
    return counts


def run(program, folder, kills_wanted, seed):
    rng = random.Random(seed)
    flights = make_flights(rng, 60000)
    notes = make_notes(rng, 30000)
    calm = World(program, os.path.join(folder, "calm"), flights, notes)
    calm.to_the_end()
    compare_with_input(calm, flights, notes)

    world = World(program, os.path.join(folder, "killed"), flights, notes)
    counts = campaign(world, rng, kills_wanted, len(flights))
    summary = world.to_the_end()
    compared = compare_with_input(world, flights, notes)
    compare_with_run(world, calm)
    for origin in AIRPORTS:
        result = world.ask("state", "get", "by_origin", origin, "--job", "job.yaml")
        check(result.stdout.strip() == str(sum(row["origin"] == origin for row in flights)),
              "state of %s at the end: %s%s" % (origin, result.stdout, result.stderr))
    spilled = figure(summary, "rows spilled")
    history = world.changelog_records()
    print("kill campaign: %d kills between decisions, %d while starting, state deleted %d times, "
          "RocksDB held files after %d, state read %d times; last run: %d rows spilled, "
          "%d of %d changelog records replayed; compared: %s"
          % (counts.kills, counts.kills_early, counts.deleted, counts.with_rocksdb,
             counts.states_read, spilled, figure(summary, "records replayed"), history,
             ", ".join("%d %s" % (number, name) for name, number in compared.items())))
    check(counts.kills >= kills_wanted, "%d kills, %d are needed" % (counts.kills, kills_wanted))
    if kills_wanted >= KILLS_MIN:
        check(counts.deleted >= DELETED_MIN, "the state was deleted %d times" % counts.deleted)
        check(counts.kills_early >= 10, "%d kills while starting" % counts.kills_early)
    check(counts.with_rocksdb > counts.kills // 2, "RocksDB held files after too few kills")
    check(spilled > 0, "nothing was spilled")
    check(figure(summary, "records replayed") < history / 4,
          "the last start replayed the changelogs' history, not their tails")
    check(counts.states_read > 0, "no state was read")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--kills", type=int, default=KILLS_MIN)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="leave the folder when it fails")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="millrace-kill-")
    try:
        run(os.path.abspath(options.program), folder, options.kills, options.seed)
    except Failed as failure:
        print("FAILED (seed %d): %s" % (options.seed, failure))
        if options.keep:
            print("see " + folder)
            os._exit(1)
        shutil.rmtree(folder)
        sys.exit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()

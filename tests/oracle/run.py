#!/usr/bin/env python3
"""The campaign: random plans, run under many settings and with crashes, against the naive model.

    run.py --plans 100 --seed 1                     what `make test` runs
    run.py --first 4711 --plans 1 --keep            one plan again, its files kept

Each plan is run several times: with one and two workers, several commit intervals, transaction,
spill and fetch sizes, with crashes. Each run's topics are compared with the model's, and with those
of the plan's first run. Environment: MILLRACE, the program; SIM_JOB, the simulated runner (without
it every run is a real one).
"""
import argparse
import collections
import concurrent.futures
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import compare
import coverage
import job_text
import model
import plans

PLANS_MIN = 100
RUN_TIMEOUT_S = 300
SUMMARY = re.compile(r"^millrace:\s+([a-z/ ]+?)\s{2,}([0-9.]+)$")


class Tally:
    def __init__(self):
        self.counts = dict.fromkeys(
            ["plans", "runs", "real runs", "simulated runs", "records compared",
             "compared in order", "compared between runs", "sink rows compared", "windows compared", "late compared",
             "failed compared", "rows spilled", "crashes", "resets", "jobs stopped",
             "pieces of files", "silent runs", "marks of silence",
             "compared after a reset"], 0)
        self.features = collections.Counter()  # plans that had it

    def add(self, other):
        self.features += other.features
        for name, n in other.counts.items():
            self.counts[name] += n


class Settings:
    """How one run is done. Everything follows from the plan's seed and the run's number."""

    def __init__(self, plan, stops, number, simulated, broken):
        seed = plan["seed"]
        r = random.Random(f"{seed}/{number}")
        self.seed, self.number, self.simulated = r.randrange(1 << 31), number, simulated
        self.workers = 1 if number == 0 else r.choice([1, 2, 2])
        self.commit_ms = 100 if number == 0 else r.choice([1, 3, 10, 50, 300])
        self.txn_bytes = (1 << 20) if number == 0 else r.choice([500, 4000, 65536])
        self.spill_bytes = (1 << 26) if number == 0 else r.choice([1000, 10000, 1 << 20])
        self.fetch_bytes = (1 << 20) if number == 0 else r.choice([300, 3000, 65536])
        self.crashes = 0 if number == 0 else r.choice([0, 1, 2, 5])
        self.state = "rocksdb" if number != 1 else r.choice(["rocksdb", "memory"])
        self.reset = number > 0 and r.random() < (0.1 if simulated else 0.4)
        self.pieces = r.choice([2, 3, 6]) if number > 0 and plan["growing"] and not stops else 1
        self.stops = number > 0 and stops  # first as a job that an error stops
        self.silent, self.pause_ms = False, 0  # see silent()
        self.rng, self.broken = r, broken if number > 0 else None

    def __str__(self):
        kind = "simulated" if self.simulated else "real"
        return f"run {self.number} ({kind}): workers {self.workers}, commit {self.commit_ms} ms, " \
               f"transaction {self.txn_bytes}, spill {self.spill_bytes}, fetch " \
               f"{self.fetch_bytes}, crashes {self.crashes}, state {self.state}, " \
               f"reset {self.reset}, pieces {self.pieces}, stops {self.stops}"


def silent(seed, number):
    """How a run is done in which inputs fall silent, and which is reset and done again."""
    settings = Settings({"seed": seed, "growing": True}, False, number, True, None)
    settings.reset, settings.pieces = True, settings.rng.choice([6, 12])
    settings.silent, settings.pause_ms = True, settings.rng.choice([300, 3000])
    return settings


class Failed(Exception):
    pass


def write_input(plan, folder, stops):
    os.makedirs(folder)
    with open(os.path.join(folder, "silent.yaml"), "w", encoding="utf-8") as out:
        idle = random.Random(plan["seed"]).choice(["20ms", "100ms"])
        out.write(job_text.yaml_of(plan, idle=idle))
    with open(os.path.join(folder, "job.yaml"), "w", encoding="utf-8") as out:
        out.write(job_text.yaml_of(plan))
    if stops:
        with open(os.path.join(folder, "stops.yaml"), "w", encoding="utf-8") as out:
            out.write(job_text.yaml_of(plan, stops=True))
    for source in plan["sources"]:
        with open(os.path.join(folder, source["name"] + ".txt"), "wb") as out:
            out.write(job_text.input_bytes(source))


# ---- the real program ----

def real_command(settings, job, data):
    return [os.environ["MILLRACE"], "run", job, "--until-end", "--data", data,
            "--workers", str(settings.workers), "--commit-interval", f"{settings.commit_ms}ms",
            "--spill-bytes", str(settings.spill_bytes), "--state", settings.state]


def slowly(command, plan):
    """About a second for all of it, so that there is a middle to stop in."""
    return command + ["--rate", str(max(50, sum(len(s["lines"]) for s in plan["sources"])))]


def finish(command, log, well=(0, 3)):
    """Returns what it said."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=RUN_TIMEOUT_S)
    except subprocess.TimeoutExpired as late:
        raise Failed("it does not come to its end") from late
    with open(log, "ab") as out:
        out.write(done.stdout + done.stderr)
    if done.returncode not in well:
        raise Failed(f"exit status {done.returncode}")
    return done.stderr.decode()


def end_of(child, how):
    """Sends the signal if it still lives. True: it was killed."""
    killed = child.poll() is None and how == signal.SIGKILL
    child.send_signal(how)
    child.wait(timeout=RUN_TIMEOUT_S)
    # A process that has not begun yet dies of SIGTERM.
    if child.returncode not in (0, 3, -signal.SIGKILL, -signal.SIGTERM):
        raise Failed(f"exit status {child.returncode}")
    return killed


def stop_some(command, settings, log):
    """kill -9, or now and then SIGTERM, at random moments of its life. Returns how often it was
    killed."""
    killed = 0
    for _ in range(settings.crashes):
        with open(log, "ab") as out, subprocess.Popen(command, stdout=out, stderr=out) as child:
            try:
                child.wait(timeout=settings.rng.uniform(0.05, 0.8))
            except subprocess.TimeoutExpired:
                pass
            killed += end_of(child, settings.rng.choice([signal.SIGKILL, signal.SIGKILL,
                                                         signal.SIGTERM]))
    return killed


def grow(command, plan, settings, folder, log):
    """The sources' files come in pieces, cut anywhere, while it runs without an end or does not run.
    Returns how often it was killed."""
    paths = [os.path.join(folder, s["name"] + ".txt") for s in plan["sources"]]
    whole = [job_text.input_bytes(s) for s in plan["sources"]]
    cuts = [sorted(settings.rng.randint(0, len(w)) for _ in range(settings.pieces - 1)) + [len(w)]
            for w in whole]
    killed, child = 0, None
    for piece in range(settings.pieces):
        for path, content, ends in zip(paths, whole, cuts):
            with open(path, "wb" if piece == 0 else "ab") as out:
                out.write(content[ends[piece - 1] if piece > 0 else 0:ends[piece]])
        if child is None:
            with open(log, "ab") as out:
                child = subprocess.Popen(command, stdout=out, stderr=out)
        time.sleep(settings.rng.uniform(0.05, 0.4))
        if piece == settings.pieces - 1 or settings.rng.random() < 0.5:
            killed += end_of(child, settings.rng.choice([signal.SIGKILL, signal.SIGTERM]))
            child = None
    return killed


def read_summary(log):
    counts = {}
    with open(log, encoding="utf-8") as lines:
        for line in lines:
            found = SUMMARY.match(line)
            if found:
                counts[found[1]] = float(found[2].replace(",", ""))
    return counts


def consume(topic, job, data):
    command = [os.environ["MILLRACE"], "consume", topic, "--job", job, "--data", data]
    got = subprocess.run(command, capture_output=True, timeout=RUN_TIMEOUT_S)
    unused = got.returncode == 1 and b"has nothing yet" in got.stderr
    if got.returncode != 0 and not unused:
        raise Failed(f"consume {topic}: {got.stderr.decode()}")
    return [json.loads(line) for line in got.stdout.decode().splitlines()]


def run_real(plan, settings, job, folder):
    data, log = os.path.join(folder, "data"), os.path.join(folder, "log")
    shutil.copytree(os.path.dirname(job), os.path.join(folder, "job"))  # sinks write beside it
    job, stopped, killed = os.path.join(folder, "job", "job.yaml"), "", 0
    command = real_command(settings, job, data)
    if settings.stops:
        stopped = finish(real_command(settings, job.replace("job.yaml", "stops.yaml"), data), log,
                         (1,))
    if settings.pieces > 1:
        endless = [word for word in command if word != "--until-end"]
        killed += grow(endless, plan, settings, os.path.dirname(job), log)
    killed += stop_some(slowly(command, plan), settings, log)
    finish(command, log)
    if settings.reset:
        finish([os.environ["MILLRACE"], "reset", job, "--to", "earliest", "--yes", "--data", data],
               log)
        killed += stop_some(command, settings, log)
        finish(command, log)
    topics = {topic: consume(topic, job, data) for topic in plan["streams"]}
    counts = dict(read_summary(log), crashes=killed, stopped=stopped)  # of the last run alone
    return topics, os.path.join(folder, "job"), counts


# ---- the simulated one ----

def read_topics(plan, folder):
    topics = {}
    for topic, stream in plan["streams"].items():
        topics[topic] = []
        for part in range(stream["parts"]):
            path = os.path.join(folder, f"{topic}-{part}.jsonl")
            if os.path.exists(path):
                with open(path, encoding="utf-8") as lines:
                    topics[topic] += [json.loads(line) for line in lines]
    return topics



def run_simulated(plan, settings, job, folder):
    broken = ["--break", settings.broken] if settings.broken else []
    out, log = os.path.join(folder, "out"), os.path.join(folder, "log")
    more = ["--stopped", job.replace("job.yaml", "stops.yaml")] if settings.stops else []
    os.makedirs(out)
    finish([os.environ["SIM_JOB"], "--job", job, "--input", os.path.dirname(job), "--out", out,
            "--seed", str(settings.seed), "--workers", str(settings.workers),
            "--commit-ms", str(settings.commit_ms), "--txn-bytes", str(settings.txn_bytes),
            "--spill-bytes", str(settings.spill_bytes), "--fetch-bytes", str(settings.fetch_bytes),
            "--crashes", str(settings.crashes), "--pieces", str(settings.pieces),
            "--pause-ms", str(settings.pause_ms),
            "--resets", str(int(settings.reset))] + more + broken, log, (0,))
    topics = read_topics(plan, out)
    with open(os.path.join(out, "stats.json"), encoding="utf-8") as stats:
        return topics, out, json.load(stats)


# ---- one plan ----

def check_counts(wanted, counts):
    """Counts of a run that nothing disturbed; a crash makes it count again."""
    for name in ("late", "failed", "dropped", "windows closed"):
        got = counts.get(name, counts.get(name.replace(" ", "_")))
        if got is None:
            raise Failed(f"no '{name}' in the summary")
        if got != wanted.counts[name]:
            raise compare.Mismatch(f"{name}: {wanted.counts[name]} wanted, {got:.0f} counted")


def check_stopped(wanted, message):
    """It names a record that stops the job, and says how to go on. Where tasks run side by side
    nobody knows which one comes first."""
    found = re.search(r"fix the code, or set (?:on_error|late); the record is (\S+)", message)
    if found is None:
        raise compare.Mismatch(f"not how a job is stopped by a record: {message}")
    where = re.sub(r"@\d+$", "", found[1])
    places = {f"{name}[{at}]" for name, at in wanted.stops} | \
             {f"{name}.txt:{at}" for name, at in wanted.stops}
    computed = any(not isinstance(name, str) for name, _ in wanted.stops)
    if where not in places and not computed:
        raise compare.Mismatch(f"stopped by {where}, which stops nothing: {sorted(places)}")


def one_run(plan, wanted, settings, job, folder, first, tally):
    os.makedirs(folder)
    run = run_simulated if settings.simulated else run_real
    topics, files, counts = run(plan, settings, job, folder)
    forms, actuals = {t: s["value"] for t, s in plan["streams"].items()}, actuals_of(plan, topics)
    for topic, outs in wanted.topics.items():
        tally.counts["compared in order"] += compare.check_topic(topic, outs, actuals[topic],
                                                                 forms[topic])
        tally.counts["records compared"] += len(outs)
        if first is not None:
            tally.counts["compared between runs"] += compare.check_repeat(topic, outs, first[topic],
                                                                          actuals[topic])
    tally.counts["sink rows compared"] += compare.check_sink(
        plan["sink"], actuals[plan["sink"]["from"]], files, wanted.sink_rows)
    if settings.stops:
        check_stopped(wanted, counts["stopped"])
    elif not (settings.crashes or settings.reset or settings.pieces > 1):
        check_counts(wanted, counts)
    add_counts(tally, wanted, settings, counts)
    return actuals


def actuals_of(plan, topics):
    return {t: [compare.Actual(r, plan["streams"][t]["value"]) for r in rs]
            for t, rs in topics.items()}


def silent_run(plan, wanted, settings, job, folder, tally):
    """Where inputs fall silent, the wall clock has a say: no model knows the results, but the marks
    do, and a rerun after a reset obeys them."""
    os.makedirs(folder)
    topics, files, counts = run_simulated(plan, settings, job.replace("job.yaml", "silent.yaml"),
                                          folder)
    after = actuals_of(plan, topics)
    before = actuals_of(plan, read_topics(plan, os.path.join(files, "before")))
    one_task = all(plan["streams"][s["stream"]]["parts"] == 1 for s in plan["sources"])
    for topic, outs in wanted.topics.items():
        tally.counts["compared after a reset"] += compare.check_rerun(topic, outs, before[topic],
                                                                      after[topic], one_task)
    tally.counts["silent runs"] += 1
    tally.counts["crashes"] += counts["crashes"]
    tally.counts["marks of silence"] += counts["marks_of_silence"]
    if counts["marks_of_silence"] > 0:
        tally.features["inputs silent"] = 1
    if any(len(before[topic]) != len(outs) for topic, outs in wanted.topics.items()):
        tally.features["silence changed it"] = 1


def add_counts(tally, wanted, settings, counts):
    tally.counts["runs"] += 1
    tally.counts["simulated runs" if settings.simulated else "real runs"] += 1
    tally.counts["windows compared"] += wanted.counts["windows closed"]
    tally.counts["late compared"] += wanted.counts["late"]
    tally.counts["failed compared"] += wanted.counts["failed"]
    tally.counts["crashes"] += counts["crashes"]
    tally.counts["resets"] += settings.reset
    tally.counts["jobs stopped"] += settings.stops
    tally.counts["pieces of files"] += settings.pieces if settings.pieces > 1 else 0
    tally.counts["rows spilled"] += int(counts.get("rows spilled", counts.get("rows_spilled", 0)))
    for name, met in (("crashed", counts["crashes"]), ("reset", settings.reset)):
        if met:
            tally.features[name] = 1


def save(plan, wanted, settings, folder, why):
    with open(os.path.join(folder, "why.txt"), "w", encoding="utf-8") as out:
        out.write(f"{settings}\n{why}\n")
    for topic, outs in wanted.topics.items():
        with open(os.path.join(folder, f"wanted-{topic}.jsonl"), "w", encoding="utf-8") as out:
            for o in outs:
                out.write(json.dumps({n: getattr(o, n) for n in o.__slots__}, default=str,
                                     ensure_ascii=False) + "\n")


def runs_of(plan, wanted, args):
    simulated = bool(os.environ.get("SIM_JOB")) and not args.real
    for number in range(args.runs):
        settings = Settings(plan, bool(wanted.stops), number,
                            simulated and not (number == 1 and plan["seed"] % 8 == 0), args.broken)
        settings.state = args.state or settings.state
        yield settings
    # Marks about what the job wrote itself do not outlive a reset.
    if simulated and not args.broken and not plan["reads_back"]:
        yield silent(plan["seed"], args.runs)


def one_plan(seed, args, root):
    """Returns the tally, and None or what went wrong."""
    tally, folder = Tally(), os.path.join(root, str(seed))
    plan = plans.generate(seed)
    wanted = model.Model(plan).run()
    tally.features.update(coverage.of_plan(plan, wanted))
    write_input(plan, os.path.join(folder, "job"), wanted.stops)
    job, first, problem = os.path.join(folder, "job", "job.yaml"), None, None
    for settings in runs_of(plan, wanted, args):
        place = os.path.join(folder, f"run-{settings.number}")
        try:
            if settings.silent:
                silent_run(plan, wanted, settings, job, place, tally)
            else:
                got = one_run(plan, wanted, settings, job, place, first, tally)
                first = first or got
        except (compare.Mismatch, Failed) as error:
            problem = f"plan {seed}, {settings}:\n   {error}"
        except Exception:  # the campaign itself is at fault: told like any failure
            problem = f"plan {seed}, {settings}:\n   {traceback.format_exc()}"
        if problem:
            save(plan, wanted, settings, folder, problem)
            if args.broken and not settings.broken:
                raise SystemExit(f"oracle: it fails unbroken too: {problem}")
            break
    tally.counts["plans"] += 1
    if not problem and not args.keep:
        shutil.rmtree(folder)
    return tally, problem


def too_little(total, plans_min):
    """A campaign that hardly met what it is for has proved nothing."""
    counts = total.counts
    wanted = {"plans": plans_min, "runs": 3 * plans_min, "real runs": plans_min // 10,
              "records compared": 500 * plans_min, "windows compared": 100 * plans_min,
              "late compared": 5 * plans_min, "failed compared": 5 * plans_min,
              "compared in order": 200 * plans_min, "compared between runs": 200 * plans_min,
              "sink rows compared": 50 * plans_min, "rows spilled": 10 * plans_min, "resets": 1,
              "crashes": plans_min}
    short = [f"{name}: {counts[name]} of {n}" for name, n in wanted.items() if counts[name] < n]
    short += coverage.too_rare(total.features, plans_min)
    if short:
        print("oracle: too little: " + ", ".join(short))
    return bool(short)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plans", type=int, default=PLANS_MIN)
    parser.add_argument("--first", type=int, default=1, help="the first plan's seed")
    parser.add_argument("--runs", type=int, default=4, help="runs of each plan")
    parser.add_argument("--jobs", type=int, default=2, help="plans at a time")
    parser.add_argument("--minimum", type=int, default=0, help="less plans than this is a failure")
    parser.add_argument("--real", action="store_true", help="no simulated runs")
    parser.add_argument("--state", help="only this kind of state in real runs (the thread sanitizer knows no RocksDB)")
    parser.add_argument("--break", dest="broken",
                        help="break the simulated program on purpose, in all runs but each "
                        "plan's first: some plan must notice (a test build)")
    parser.add_argument("--keep", action="store_true", help="keep the files of good plans too")
    parser.add_argument("--out", help="where files go; default: a new temporary directory")
    args = parser.parse_args()
    root = args.out or tempfile.mkdtemp(prefix="oracle-")
    os.makedirs(root, exist_ok=True)
    began, total, problems = time.monotonic(), Tally(), []
    seeds = range(args.first, args.first + args.plans)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        results = pool.map(lambda seed: one_plan(seed, args, root), seeds)
        for seed, (tally, problem) in zip(seeds, results):
            total.add(tally)
            if problem:
                problems.append(seed)
            if problem and not args.broken:
                print(f"FAILED {problem}\n   files: {root}/{seed}\n   again: {sys.argv[0]} "
                      f"--first {seed} --plans 1 --runs {args.runs}"
                      f"{' --real' if args.real else ''} --keep", flush=True)
    for name, n in total.counts.items():
        print(f"{name:22} {n:>12,}")
    print(coverage.report(total.features))
    if args.broken:
        print(f"oracle: {args.broken} is caught by {len(problems)} of {len(seeds)} plans")
        if not args.keep and not args.out:
            shutil.rmtree(root)
        return 0 if problems else 1
    print(f"{'seconds':22} {time.monotonic() - began:>12.1f}")
    if problems:
        print(f"oracle: {len(problems)} of {len(seeds)} plans differ: {problems}")
        return 1
    if not args.keep and not args.out:
        shutil.rmtree(root)
    return 1 if args.minimum and too_little(total, args.minimum) else 0


if __name__ == "__main__":
    sys.exit(main())

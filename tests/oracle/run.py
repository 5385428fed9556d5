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
             "failed compared", "rows spilled", "crashes", "resets"], 0)

    def add(self, other):
        for name, n in other.counts.items():
            self.counts[name] += n


class Settings:
    """How one run is done. Everything follows from the plan's seed and the run's number."""

    def __init__(self, seed, number, simulated, broken):
        r = random.Random(f"{seed}/{number}")
        self.seed, self.number, self.simulated = r.randrange(1 << 31), number, simulated
        self.workers = 1 if number == 0 else r.choice([1, 2, 2])
        self.commit_ms = 100 if number == 0 else r.choice([1, 3, 10, 50, 300])
        self.txn_bytes = (1 << 20) if number == 0 else r.choice([500, 4000, 65536])
        self.spill_bytes = (1 << 26) if number == 0 else r.choice([1000, 10000, 1 << 20])
        self.fetch_bytes = (1 << 20) if number == 0 else r.choice([300, 3000, 65536])
        self.crashes = 0 if number == 0 else r.choice([0, 1, 2, 5])
        self.state = "rocksdb" if number != 1 else r.choice(["rocksdb", "memory"])
        self.reset = not simulated and number > 0 and r.random() < 0.4
        self.rng, self.broken = r, broken if number > 0 else None

    def __str__(self):
        kind = "simulated" if self.simulated else "real"
        return f"run {self.number} ({kind}): workers {self.workers}, commit {self.commit_ms} ms, " \
               f"transaction {self.txn_bytes}, spill {self.spill_bytes}, fetch " \
               f"{self.fetch_bytes}, crashes {self.crashes}, state {self.state}, " \
               f"reset {self.reset}"


class Failed(Exception):
    pass


def write_input(plan, folder):
    os.makedirs(folder)
    with open(os.path.join(folder, "job.yaml"), "w", encoding="utf-8") as out:
        out.write(plans.yaml_of(plan))
    for source in plan["sources"]:
        with open(os.path.join(folder, source["name"] + ".jsonl"), "w", encoding="utf-8") as out:
            out.write("".join(line + "\n" for line in source["lines"]))


# ---- the real program ----

def real_command(settings, job, data):
    return [os.environ["MILLRACE"], "run", job, "--until-end", "--data", data,
            "--workers", str(settings.workers), "--commit-interval", f"{settings.commit_ms}ms",
            "--spill-bytes", str(settings.spill_bytes), "--state", settings.state]


def slowly(command, plan):
    """About a second for all of it, so that there is a middle to stop in."""
    return command + ["--rate", str(max(50, sum(len(s["lines"]) for s in plan["sources"])))]


def finish(command, log):
    with open(log, "ab") as out:
        try:
            done = subprocess.run(command, stdout=out, stderr=out, timeout=RUN_TIMEOUT_S)
        except subprocess.TimeoutExpired as late:
            raise Failed("it does not come to its end") from late
    if done.returncode not in (0, 3):
        raise Failed(f"exit status {done.returncode}")


def stop_some(command, settings, log):
    """kill -9, or now and then SIGTERM, at random moments of its life. Returns how often it was
    killed."""
    killed = 0
    for _ in range(settings.crashes):
        with open(log, "ab") as out, subprocess.Popen(command, stdout=out, stderr=out) as child:
            try:
                child.wait(timeout=settings.rng.uniform(0.05, 0.8))
            except subprocess.TimeoutExpired:
                how = settings.rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
                child.send_signal(how)
                killed += how == signal.SIGKILL
            child.wait(timeout=RUN_TIMEOUT_S)
            # A process that has not begun yet dies of SIGTERM.
            if child.returncode not in (0, 3, -signal.SIGKILL, -signal.SIGTERM):
                raise Failed(f"exit status {child.returncode}")
    return killed


def read_summary(log):
    counts = {}
    with open(log, encoding="utf-8") as lines:
        for line in lines:
            found = SUMMARY.match(line)
            if found:
                counts[found[1]] = float(found[2].replace(",", ""))
    return counts


def run_real(plan, settings, job, folder):
    data, log = os.path.join(folder, "data"), os.path.join(folder, "log")
    shutil.copytree(os.path.dirname(job), os.path.join(folder, "job"))  # sinks write beside it
    job = os.path.join(folder, "job", "job.yaml")
    command = real_command(settings, job, data)
    killed = stop_some(slowly(command, plan), settings, log)
    finish(command, log)
    if settings.reset:
        finish([os.environ["MILLRACE"], "reset", job, "--to", "earliest", "--yes", "--data", data],
               log)
        killed += stop_some(command, settings, log)
        finish(command, log)
    topics = {}
    for topic in plan["streams"]:
        command = [os.environ["MILLRACE"], "consume", topic, "--job", job, "--data", data]
        got = subprocess.run(command, capture_output=True, timeout=RUN_TIMEOUT_S)
        unused = got.returncode == 1 and b"has nothing yet" in got.stderr
        if got.returncode != 0 and not unused:
            raise Failed(f"consume {topic}: {got.stderr.decode()}")
        topics[topic] = [json.loads(line) for line in got.stdout.decode().splitlines()]
    # The summary is of the last run alone.
    rows = os.path.join(folder, "job", "rows")
    whole = settings.crashes == 0 and not settings.reset
    return topics, rows, read_summary(log) if whole else None, killed


# ---- the simulated one ----

def run_simulated(plan, settings, job, folder):
    broken = ["--break", settings.broken] if settings.broken else []
    out, log = os.path.join(folder, "out"), os.path.join(folder, "log")
    os.makedirs(out)
    finish([os.environ["SIM_JOB"], "--job", job, "--input", os.path.dirname(job), "--out", out,
            "--seed", str(settings.seed), "--workers", str(settings.workers),
            "--commit-ms", str(settings.commit_ms), "--txn-bytes", str(settings.txn_bytes),
            "--spill-bytes", str(settings.spill_bytes), "--fetch-bytes", str(settings.fetch_bytes),
            "--crashes", str(settings.crashes)] + broken, log)
    topics = {}
    for topic, stream in plan["streams"].items():
        topics[topic] = []
        for part in range(stream["parts"]):
            path = os.path.join(out, f"{topic}-{part}.jsonl")
            if os.path.exists(path):
                with open(path, encoding="utf-8") as lines:
                    topics[topic] += [json.loads(line) for line in lines]
    with open(os.path.join(out, "stats.json"), encoding="utf-8") as stats:
        counts = json.load(stats)
    return topics, os.path.join(out, "rows"), counts, int(counts.get("crashes", 0))


# ---- one plan ----

def check_counts(wanted, counts, settings):
    """Counts of an uninterrupted run; a crash makes it count again."""
    for name in ("late", "failed", "dropped", "windows closed"):
        got = counts.get(name, counts.get(name.replace(" ", "_")))
        if got is None and not settings.simulated:
            raise Failed(f"no '{name}' in the summary")
        if got is not None and got != wanted.counts[name]:
            raise compare.Mismatch(f"{name}: {wanted.counts[name]} wanted, {got:.0f} counted")


def one_run(plan, wanted, settings, job, folder, first, tally):
    os.makedirs(folder)
    run = run_simulated if settings.simulated else run_real
    topics, rows, counts, crashes = run(plan, settings, job, folder)
    actuals = {t: [compare.Actual(r) for r in records] for t, records in topics.items()}
    for topic, outs in wanted.topics.items():
        tally.counts["compared in order"] += compare.check_topic(topic, outs, actuals[topic])
        tally.counts["records compared"] += len(outs)
        if first is not None:
            tally.counts["compared between runs"] += compare.check_repeat(topic, outs, first[topic],
                                                                          actuals[topic])
    sink = plan["sink"]["from"]
    tally.counts["sink rows compared"] += compare.check_sink(sink, actuals[sink], rows)
    if counts is not None and settings.crashes == 0:
        check_counts(wanted, counts, settings)
    tally.counts["runs"] += 1
    tally.counts["simulated runs" if settings.simulated else "real runs"] += 1
    tally.counts["windows compared"] += wanted.counts["windows closed"]
    tally.counts["late compared"] += wanted.counts["late"]
    tally.counts["failed compared"] += wanted.counts["failed"]
    tally.counts["crashes"] += crashes
    tally.counts["resets"] += settings.reset
    tally.counts["rows spilled"] += int((counts or {}).get("rows spilled",
                                                        (counts or {}).get("rows_spilled", 0)))
    return actuals


def save(plan, wanted, settings, folder, why):
    with open(os.path.join(folder, "why.txt"), "w", encoding="utf-8") as out:
        out.write(f"{settings}\n{why}\n")
    for topic, outs in wanted.topics.items():
        with open(os.path.join(folder, f"wanted-{topic}.jsonl"), "w", encoding="utf-8") as out:
            for o in outs:
                out.write(json.dumps({n: getattr(o, n) for n in o.__slots__}, default=str,
                                     ensure_ascii=False) + "\n")


def one_plan(seed, args, root):
    """Returns the tally, and None or what went wrong."""
    tally, folder = Tally(), os.path.join(root, str(seed))
    plan = plans.generate(seed)
    wanted = model.Model(plan).run()
    write_input(plan, os.path.join(folder, "job"))
    job, first, problem = os.path.join(folder, "job", "job.yaml"), None, None
    simulated = bool(os.environ.get("SIM_JOB")) and not args.real
    for number in range(args.runs):
        settings = Settings(seed, number, simulated and not (number == 1 and seed % 8 == 0),
                            args.broken)
        try:
            got = one_run(plan, wanted, settings, job, os.path.join(folder, f"run-{number}"), first,
                          tally)
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


def too_little(counts, plans_min):
    """A campaign that hardly met what it is for has proved nothing."""
    wanted = {"plans": plans_min, "runs": 3 * plans_min, "real runs": plans_min // 10,
              "records compared": 500 * plans_min, "windows compared": 100 * plans_min,
              "late compared": 5 * plans_min, "failed compared": 5 * plans_min,
              "crashes": plans_min}
    short = [f"{name}: {counts[name]} of {n}" for name, n in wanted.items() if counts[name] < n]
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
    return 1 if args.minimum and too_little(total.counts, args.minimum) else 0


if __name__ == "__main__":
    sys.exit(main())

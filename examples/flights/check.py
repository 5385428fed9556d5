"""What the example must give, worked out anew from its input: check.py MILLRACE DATA, in the folder it ran in.

Only the language's rules are used here: a record carries the greatest time read so far; it is late
when its window's end and the grace have passed by then; everything else counts."""

import datetime
import glob
import json
import subprocess
import sys

HOUR_MS = 3600 * 1000
GRACE_MS = 60 * 60 * 1000


def departure_ms(flight):
    day = datetime.datetime.strptime(flight["date"], "%Y/%m/%d %H:%M")
    day = day.replace(tzinfo=datetime.timezone.utc)
    return int(day.timestamp()) * 1000 + flight["delay"] * 60000


def iso(ms):
    return datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def windows_of(flights):
    """(rows by (start, origin), late ones), the naive way."""
    members, late, carried = {}, [], None
    for flight in flights:
        ts = departure_ms(flight)
        carried = ts if carried is None else max(carried, ts)
        start = ts // HOUR_MS * HOUR_MS
        if start + HOUR_MS + GRACE_MS <= carried:
            late.append(flight)
        else:
            members.setdefault((start, flight["origin"]), []).append(flight)
    rows = {}
    for (start, origin), flown in members.items():
        rows[start, origin] = {
            "origin": origin,
            "hour": iso(start),
            "flights": len(flown),
            "delayed": sum(f["delay"] > 15 for f in flown),
            "delay": sum(f["delay"] for f in flown) / len(flown),
            "longest": max(f["distance"] for f in flown),
            "destinations": len({f["destination"] for f in flown}),
        }
    return rows, late


def late_records(program, data):
    command = [program, "consume", "late_flights", "--job", "job.yaml", "--data", data]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line)["value"] for line in done.stdout.splitlines()]


def results():
    """The sink's rows: its files in the order of their names, which is that of their first records."""
    rows = []
    for path in sorted(glob.glob("out/*.jsonl")):
        with open(path, encoding="utf-8") as lines:
            rows += [json.loads(line) for line in lines]
    return rows


def main():
    program, data = sys.argv[1:]
    with open("flights.jsonl", encoding="utf-8") as lines:
        expected, late = windows_of([json.loads(line) for line in lines])
    rows = results()
    in_order = [expected[window] for window in sorted(expected)]
    problems = []
    if sorted(map(json.dumps, rows)) != sorted(map(json.dumps, in_order)):
        problems.append("the windows differ: %d there, %d expected" % (len(rows), len(in_order)))
    if [row["hour"] for row in rows] != [row["hour"] for row in in_order]:
        problems.append("the windows are not in the order in which they close")
    found_late = late_records(program, data)
    if found_late != late:
        problems.append("the late records differ: %d there, %d expected" % (len(found_late), len(late)))
    figures = (len(rows), sum(row["flights"] for row in rows), len(found_late))
    print("%d windows, %d flights counted, %d late" % figures)
    if figures != (14638, 16492, 3508):
        problems.append("expected 14638, 16492 and 3508")
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


main()

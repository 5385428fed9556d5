"""Results against the model's, and results of two runs against each other."""
import collections
import json
import os
import re

ASIDE = ("millrace-cause", "millrace-step", "millrace-line", "millrace-origin")


class Mismatch(Exception):
    pass


def frozen(v):
    """Hashable, and telling 1 from 1.0 from true; fields in their order."""
    if isinstance(v, dict):
        return ("object",) + tuple((k, frozen(x)) for k, x in v.items())
    if isinstance(v, list):
        return ("array",) + tuple(frozen(x) for x in v)
    return (type(v).__name__, v)


def row_of(key, value, ts, headers):
    return (frozen(key), frozen(value), ts, tuple(sorted(headers.items())))


def plain(v, form):
    """JSON as bytes is told from no other spelling of it."""
    if form == "bytes" and isinstance(v, str):
        try:
            return json.loads(v)
        except ValueError:
            return v
    return v


class Actual:
    """A printed record. row: what the model knows of it; whole: what two runs must agree on."""

    def __init__(self, record, form):
        headers = dict(record["headers"])
        self.part = record["partition"]
        self.aside = ASIDE[0] in headers
        # Who failed twice has them twice; the last ones tell.
        aside = [headers.pop(name, None) for name in ASIDE]
        aside = [x[-1] if isinstance(x, list) else x for x in aside]
        if self.aside and None in aside:
            raise Mismatch(f"headers are missing: {record}")
        # Offsets differ between runs: transaction markers take some too.
        origin = re.sub(r"@\d+$", "", aside[3]) if self.aside else None
        if self.aside:  # a message of Lua begins with the job's path
            aside[0] = re.sub(r"^\S*/(job|stops)\.yaml:", "job.yaml:", aside[0])
        from_file = origin is not None and "[" not in origin
        ts = None if from_file else record["ts"]
        self.record = {name: v for name, v in record.items() if name != "offset"}
        self.row = row_of(record["key"], plain(record["value"], form), ts, headers)
        self.whole = (self.row, self.aside, tuple(aside[:3]), origin)


def row_of_out(out, form):
    return row_of(out.key, plain(out.value, form), out.ts, out.headers)


def by_part(items):
    parts = collections.defaultdict(list)
    for item in items:
        parts[item.part].append(item)
    return parts


def is_sequence(outs):
    """One step of one task wrote all of them, in an order that is the same in every run."""
    return len({(o.site, o.task) for o in outs}) <= 1 and all(o.exact and not o.updates
                                                             for o in outs)


def is_repeatable(outs):
    """The tasks of one place wrote them: no model of their order, but every run has the same."""
    return len({(o.place, o.task) for o in outs}) <= 1 and all(o.exact and not o.updates
                                                              for o in outs)


def explain(where, want, got):
    for i, (a, b) in enumerate(zip(want, got)):
        if a != b:
            return f"{where}: record {i}\n   wanted {a}\n   got    {b}"
    return f"{where}: {len(want)} records wanted, {len(got)} got; the first extra one: " \
           f"{(want[len(got):] or got[len(want):])[0]}"


def check_bag(where, want, got):
    missing = collections.Counter(want) - collections.Counter(got)
    extra = collections.Counter(got) - collections.Counter(want)
    if missing or extra:
        raise Mismatch(f"{where}: {sum(missing.values())} missing, {sum(extra.values())} extra\n"
                       f"   missing {list(missing)[:2]}\n   extra   {list(extra)[:2]}")


def check_updates(where, outs, actuals, form):
    """Results that replace each other: as many, and the same last one for each key."""
    def last(rows):
        return {row[0]: row for row in rows}
    want, got = [row_of_out(o, form) for o in outs], [a.row for a in actuals]
    check_bag(where + " (keys)", [r[0] for r in want], [r[0] for r in got])
    check_bag(where + " (last of each key)", list(last(want).values()), list(last(got).values()))


def check_topic(topic, outs, actuals, form):
    """Returns the number of records compared in order."""
    for a in actuals:
        if a.aside and not any(o.aside for o in outs):
            raise Mismatch(f"{topic}: an error record where none is wanted: {a.whole}")
    if any(o.updates for o in outs):
        check_updates(topic, outs, actuals, form)
        return 0
    if any(o.part is None for o in outs):
        check_bag(topic, [(o.aside, row_of_out(o, form)) for o in outs],
                  [(a.aside, a.row) for a in actuals])
        return 0
    ordered, parts = 0, by_part(actuals)
    wanted = by_part(outs)
    for part in sorted(set(parts) | set(wanted)):
        where = f"{topic}[{part}]"
        want = [(o.aside, row_of_out(o, form)) for o in wanted[part]]
        got = [(a.aside, a.row) for a in parts[part]]
        if is_sequence(wanted[part]):
            if want != got:
                raise Mismatch(explain(where, want, got))
            ordered += len(want)
        else:
            check_bag(where, want, got)
    return ordered


def check_repeat(topic, outs, first, second):
    """Two runs of one plan: the same sequences where promise 3 says so."""
    if any(o.part is None for o in outs) and len({(o.place, o.task) for o in outs}) > 1:
        return 0
    wanted = by_part(outs)
    a, b, compared = by_part(first), by_part(second), 0
    for part in sorted(set(a) | set(b)):
        known = wanted[part] if all(o.part is not None for o in outs) else outs
        if not is_repeatable(known):
            continue
        one, two = [x.whole for x in a[part]], [x.whole for x in b[part]]
        if one != two:
            raise Mismatch(explain(f"{topic}[{part}]: two runs differ", one, two))
        compared += len(one)
    return compared


def check_rerun(topic, outs, before, after, one_task):
    """What a job gave, and what it gives again after a reset. outs: of the model, which says of what
    kind the topic's records are. Returns how many were compared."""
    if not outs:
        return 0
    if any(o.updates for o in outs):
        def last(actuals):
            return list({a.row[0]: a.row for a in actuals}.values())
        check_bag(topic + " (keys)", [a.row[0] for a in before], [a.row[0] for a in after])
        check_bag(topic + " (last of each key)", last(before), last(after))
        return len(before)
    a, b = by_part(before), by_part(after)
    known = all(o.part is not None for o in outs)
    for part in sorted(set(a) | set(b)) if known else [None]:
        one = [x.whole for x in (a[part] if known else before)]
        two = [x.whole for x in (b[part] if known else after)]
        if one_task and len({o.place for o in outs}) == 1 and one != two:
            raise Mismatch(explain(f"{topic}[{part}]: differs after a reset", one, two))
        check_bag(f"{topic}[{part}], after a reset", one, two)
    return len(before)


def rows_of_files(topic, folder):
    """What lies in a sink's directory: rows by partition."""
    rows = collections.defaultdict(list)
    for name in sorted(os.listdir(folder) if os.path.isdir(folder) else []):
        found = re.fullmatch(re.escape(topic) + r"-(\d+)-\d{20}-\d{20}\.jsonl", name)
        if found is None:
            if name.startswith("."):
                continue
            raise Mismatch(f"sink: a file of another name: {name}")
        with open(os.path.join(folder, name), encoding="utf-8") as lines:
            rows[int(found[1])] += [json.loads(line) for line in lines]
    return rows


def row_of_sink(sink, record, run_step):
    """What the sink writes for a record of its topic: a list of no or one row."""
    if sink["format"] == "record":
        return [record]
    return run_step(sink["steps"], record)


def check_sink(sink, actuals, folder, run_step):
    """A sink's files, by name, hold the topic's records in order, each once. Returns how many."""
    topic = sink["from"]
    if sink["one_file"]:
        path = os.path.join(folder, "rows.jsonl")
        with open(path, encoding="utf-8") as lines:
            rows = {0: [json.loads(line) for line in lines]}
    else:
        rows = rows_of_files(topic, os.path.join(folder, "rows"))
    compared, parts = 0, by_part(actuals)
    for part in sorted(set(parts) | set(rows)):
        want = [frozen(row) for a in parts[part] for row in row_of_sink(sink, a.record, run_step)]
        got = rows.get(part, [])
        for row in got if sink["format"] == "record" else []:
            row.pop("offset")
        got = [frozen(row) for row in got]
        if got != want:
            raise Mismatch(explain(f"sink of {topic}[{part}]", want, got))
        compared += len(want)
    return compared

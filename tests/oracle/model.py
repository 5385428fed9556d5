"""The naive model: what a plan must give for its inputs, by sorting, grouping and looping in memory.

A flow is a list of records in the order in which their task takes them. The model knows nothing of
commits, workers, time records or stores: whether a record is late is decided by the time it
carries, and a bounded run closes every window, so windows need no clock here.
"""
import base64
import collections
import json
import math
import re
import struct

from expressions import (INT_MAX, INT_MIN, NULL, LuaError, Scope, arithmetic, evaluate, is_number,
                         truth)

__all__ = ["Model", "Out"]

DISTINCT_MAX = 10000


# ---- keys ----

def murmur2(data):
    """Kafka's DefaultPartitioner."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i:i + 4], "little")
        k = (k * m) & mask
        k ^= k >> 24
        k = (k * m) & mask
        h = ((h * m) & mask) ^ k
    rest = data[whole:]
    if rest:
        h ^= int.from_bytes(rest, "little")
        h = (h * m) & mask
    h ^= h >> 13
    h = (h * m) & mask
    return h ^ (h >> 15)


def partition_of(data, partitions):
    return (murmur2(data) & 0x7FFFFFFF) % partitions


def canonical(v):
    """A key as internal topics carry it: sorted fields, 5.0 = 5."""
    if isinstance(v, float) and v == math.trunc(v) and abs(v) < 2.0 ** 63:
        return int(v)
    if isinstance(v, dict):
        return {k: canonical(v[k]) for k in sorted(v, key=str.encode)}
    if isinstance(v, list):
        return [canonical(x) for x in v]
    return v


def json_text(v):
    return json.dumps(v, separators=(",", ":"), ensure_ascii=False)


def store_key(v):
    return json_text(canonical(v)).encode()


def as_int(v):
    """A number without a fraction. LuaError: it is none."""
    if not is_number(v) or (isinstance(v, float) and not v.is_integer()) or \
            not INT_MIN <= v <= INT_MAX:
        raise LuaError("an int is wanted")
    return int(v)


def as_float(v):
    if not is_number(v) or float(v) != v:
        raise LuaError("a float is wanted")
    return float(v)


def held(v, form):
    """What a reader finds where v was written in this format. LuaError: it cannot hold it."""
    if v is None:
        return None
    if form == "string" and not isinstance(v, str):
        raise LuaError("not a string")
    if form == "bytes" and not isinstance(v, str):
        return json_text(v)
    return as_int(v) if form == "int" else as_float(v) if form == "float" else v


def key_bytes(key, key_format):
    """Of a key that its format holds. None: no key."""
    if key is None:
        return None
    if key_format in ("string", "bytes"):
        return key.encode()
    if key_format in ("int", "float"):
        return struct.pack(">q" if key_format == "int" else ">d", key)
    return json_text(key).encode()


def fits(v, kind, types):
    """A value of JSON and a type; nil stands for null and for what is missing."""
    kind, _, null = kind.partition("|")
    if v is None:
        return null == "null"
    if kind.startswith("["):
        return isinstance(v, list) and all(fits(x, kind[1:-1], types) for x in v)
    if kind in types:
        return isinstance(v, dict) and all(fits(v.get(name), k, types)
                                           for name, k in types[kind].items())
    if kind == "int":
        return is_number(v) and (isinstance(v, int) or v.is_integer())
    return {"string": isinstance(v, str), "number": is_number(v), "any": True,
            "bool": isinstance(v, bool)}[kind]


def printed(raw):
    """Bytes that no format could decode, as `consume` shows them."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}


# ---- records ----

class Rec:
    """aside: it has the headers of an error or late record. json_key: the key is JSON as it was read,
    whose bytes are kept."""
    __slots__ = ("key", "value", "ts", "carried", "window", "headers", "task", "origin", "aside",
                 "json_key")

    def __init__(self, key, value, ts, carried, task, origin, window=None, headers=None,
                 aside=False):
        self.key, self.value, self.ts, self.carried = key, value, ts, carried
        self.task, self.origin, self.window, self.headers = task, origin, window, headers or {}
        self.aside, self.json_key = aside, False

    def but(self, **changes):
        copy = Rec(self.key, self.value, self.ts, self.carried, self.task, self.origin,
                   self.window, self.headers, self.aside)
        copy.json_key = self.json_key and "key" not in changes
        for name, v in changes.items():
            setattr(copy, name, v)
        return copy

    def scope(self):
        return Scope(self.key, self.value, self.ts, self.window, self.headers)


class Out:
    """A record in a topic. part None: the model does not say; aside: with error headers; updates:
    its order is not known, only the last one of its key; place: where it was written."""
    __slots__ = ("key", "value", "ts", "headers", "part", "site", "task", "aside", "exact", "place",
                 "updates")

    def __init__(self, **fields):
        for name in self.__slots__:
            setattr(self, name, fields[name])


class Flow:
    """recs: in the order of their task, where that is the same in every run (exact). moved: keys are
    no longer where their hash says. times: of tasks whose input never ends, the last time; None: it
    ends. place: names the tasks. updates: results that replace each other, in an unknown order."""

    def __init__(self, recs, tasks, exact, place):
        self.recs, self.tasks, self.exact, self.place = recs, tasks, exact, place
        self.moved, self.times, self.updates = False, None, False

    def but(self, **changes):
        copy = Flow(self.recs, self.tasks, self.exact, self.place)
        copy.__dict__.update(self.__dict__)
        copy.__dict__.update(changes)
        return copy


# ---- aggregates ----

def check_finite(v):
    if isinstance(v, float) and not math.isfinite(v):
        raise LuaError("not finite")
    for x in v.values() if isinstance(v, dict) else v if isinstance(v, list) else ():
        check_finite(x)
    return v


class Field:
    """One leaf of `fields` over the records of one row."""

    def __init__(self, function):
        self.function, self.count, self.value, self.ts, self.seen = function, 0, None, 0, set()

    @staticmethod
    def check(function, arg):
        if arg is None:
            return
        if function in ("sum", "avg") and not is_number(arg):
            raise LuaError("a number is wanted")
        if function in ("min", "max") and not (is_number(arg) or isinstance(arg, str)):
            raise LuaError("a number or string is wanted")
        check_finite(arg)

    def added(self, arg, ts):
        """A changed copy; LuaError leaves the old one as it was."""
        new = Field(self.function)
        new.count, new.value, new.ts, new.seen = self.count, self.value, self.ts, self.seen
        function = self.function
        if function == "count":
            new.count += 1
        elif function == "count_if":
            new.count += 1 if truth(arg) else 0
        elif arg is not None:
            new.take(arg, ts)
        return new

    def take(self, arg, ts):
        function = self.function
        if function in ("sum", "avg"):
            total = arg if self.value is None else self.value + arg
            if isinstance(total, int) and not INT_MIN <= total <= INT_MAX:
                raise LuaError("beyond 64 bits")
            self.value, self.count = total, self.count + 1
        elif function in ("min", "max"):
            self.value = self.better(arg)
        elif function == "first":
            if self.value is None or ts < self.ts:
                self.value, self.ts = arg, ts
        elif function == "last":
            if self.value is None or ts >= self.ts:
                self.value, self.ts = arg, ts
        elif function == "distinct":
            entry = store_key(arg)
            if entry not in self.seen:
                if len(self.seen) >= DISTINCT_MAX:
                    raise LuaError("too many")
                self.seen = self.seen | {entry}

    def better(self, arg):
        old = self.value
        if old is None:
            return arg
        if isinstance(old, str) != isinstance(arg, str):
            raise LuaError("min and max of a string and a number")
        a, b = (arg.encode(), old.encode()) if isinstance(arg, str) else (arg, old)
        return arg if (a < b if self.function == "min" else a > b) else old

    def result(self):
        if self.function in ("count", "count_if"):
            return self.count
        if self.function == "distinct":
            return len(self.seen)
        if self.function == "avg":
            return None if self.value is None else float(self.value) / self.count
        return self.value


class Row:
    def __init__(self, fields):
        self.fields = [Field(f["fn"]) for f in fields]
        self.ts = None

    def add(self, args, ts):
        self.fields = [f.added(arg, ts) for f, arg in zip(self.fields, args)]
        self.ts = ts if self.ts is None else max(self.ts, ts)

    def result(self, step, key, window):
        if step["op"] == "count":
            return self.fields[0].result()
        out = {}
        for spec, field in zip(step["fields"], self.fields):
            v = {"key": lambda: key, "window.start": lambda: window[0],
                 "window.stop": lambda: window[1]}.get(spec["fn"], field.result)()
            at = out
            for name in spec["path"][:-1]:
                at = at.setdefault(name, {})
            if v is not None:
                at[spec["path"][-1]] = v
        return out


def windows_of(window, ts):
    """All [start, stop) that hold ts, aligned to the epoch, none below it."""
    size, advance = window["size"], window["advance"]
    start = ts - ts % advance
    starts = []
    while start >= 0 and start + size > ts:
        starts.append(start)
        start -= advance
    return [(s, s + size) for s in reversed(starts)]


# ---- the job ----

class Model:
    def __init__(self, plan):
        self.plan = plan
        self.topics = {name: [] for name in plan["streams"]}
        self.flows = {}
        self.counts = {"late": 0, "failed": 0, "dropped": 0, "windows closed": 0, "source": 0}
        self.keyless = {}
        self.stops = []  # origins of the records that `stop` a job
        self.met = collections.Counter()  # what was met on the way, for the campaign's counts

    def run(self):
        for source in self.plan["sources"]:
            self.run_source(source)
        for pipeline in self.plan["pipelines"]:
            self.run_pipeline(pipeline)
        return self

    # -- writing --

    def time_of(self, spec, rec):
        """The timestamp that a writer of this stream works out."""
        if spec["time"] is None:
            return rec.ts
        ts = evaluate(spec["time"], rec.scope())
        if not is_number(ts) or ts < 0:
            raise LuaError("time")
        return {"ms": ts, "s": ts * 1000, "us": ts // 1000}[spec["unit"]]

    def held(self, v, form, what):
        """As `held`, of types too, and counting."""
        try:
            if form in self.plan["types"] and v is not None:
                if not fits(v, form, self.plan["types"]):
                    raise LuaError("not of its type")
                self.met["typed records"] += 1
                return v
            return held(v, form)
        except LuaError:
            self.met["refused by " + ("a type" if form in self.plan["types"] else what)] += 1
            raise

    def emit(self, stream, rec, site, flow, aside=False):
        spec = self.plan["streams"][stream]
        key, value, ts = rec.key, rec.value, rec.ts
        if aside:
            fits_key = spec["key"] == "json" or key is None or isinstance(key, str)
            key = key if fits_key else json_text(key)
        else:
            ts = self.time_of(spec, rec)
            key = json_text(key) if rec.json_key and key is not None and spec["key"] == "bytes" else \
                self.held(key, spec["key"], "a key's format")
            value = self.held(value, spec["value"], "a value's format")
            self.met["tombstones"] += value is None
        data = key_bytes(key, spec["key"])
        if data is None:
            self.met["keyless records"] += 1
            writer = (stream, rec.task if rec.origin else None)
            part = self.keyless.get(writer, 0) % spec["parts"]
            self.keyless[writer] = self.keyless.get(writer, 0) + 1
            counted = spec["source"] or (flow.exact and not aside)  # one step counts them
            part = part if counted or spec["parts"] == 1 else None
        else:
            part = partition_of(data, spec["parts"])
        self.topics[stream].append(Out(key=key, value=value, ts=ts, headers=rec.headers,
                                       part=part, site=site, task=rec.task,
                                       aside=aside or rec.aside, exact=flow.exact,
                                       place=flow.place, updates=flow.updates and not aside))

    def fail(self, policy, rec, site, flow):
        if policy == "stop":
            self.stops.append(rec.origin)
        if policy in ("stop", "drop"):
            self.counts["dropped"] += 1
            return
        self.counts["failed"] += 1
        self.met["failed again"] += rec.aside
        self.emit(policy, rec, site, flow, aside=True)

    # -- steps without state --

    def template(self, items, rec):
        out = {}
        for name, code in items:
            v = evaluate(code, rec.scope())
            if v is not None:
                out[name] = None if v is NULL else v
        return check_finite(out)

    def stateless(self, step, rec):
        op = step["op"]
        if op == "filter":
            return [rec] if truth(evaluate(step["code"], rec.scope())) else []
        if op in ("map", "rekey"):
            v = (self.template(step["items"], rec) if "items" in step
                 else evaluate(step["code"], rec.scope()))
            if v is None:
                raise LuaError("nil")
            v = check_finite(None if v is NULL else v)
            return [rec.but(value=v) if op == "map" else rec.but(key=v)]
        if op == "set":
            return [rec.but(value=self.changed(step["items"], rec))]
        return self.flat_map(step, rec)

    @staticmethod
    def changed(items, rec):
        values = [(path, check_finite(evaluate(code, rec.scope()))) for path, code in items]
        if rec.value is not None and not isinstance(rec.value, dict):
            raise LuaError("not an object")
        out = json.loads(json.dumps(rec.value or {}))
        for path, v in values:
            at = out
            if len(path) == 2:
                outer = path[0]
                if out.get(outer) is None:
                    if all(x is None for p, x in values if p[0] == outer):
                        continue
                    out[outer] = {}
                at = out[outer]
                if not isinstance(at, dict):
                    raise LuaError("not an object")
            if v is None:
                at.pop(path[-1], None)
            else:
                at[path[-1]] = None if v is NULL else v
        return out

    def flat_map(self, step, rec):
        """The shapes that job_text.FLAT_MAPS prints."""
        value, shape = rec.value, step["shape"]
        if shape in ("words", "lengths"):
            if not isinstance(value, str):
                raise LuaError("method")
            return [rec.but(key=w if shape == "words" else len(w), value=len(w))
                    for w in re.findall("[A-Za-z]+", value)]
        if not isinstance(value, (dict, str, list)):
            raise LuaError("index")
        items = value.get("l") if isinstance(value, dict) else None
        if isinstance(items, bool) and items:
            raise LuaError("index")
        out = []
        for i, x in enumerate(items if isinstance(items, list) else [], 1):
            item = {"g": value.get("g"), "i": i, "x": x}
            if item["g"] is None:
                del item["g"]  # a Lua table has no field that is nil
            if shape == "headers":
                out.append(rec.but(headers={"h": "n" + str(i)}, aside=False))
            elif shape == "shift":
                ts = arithmetic("-", rec.ts, x)
                if ts < 0:
                    raise LuaError("negative")
                out.append(rec.but(ts=ts, value=item))
            else:
                key = arithmetic("%", x, 4)
                out.append(rec.but(key=key if shape == "numbered" else f"i{key}", value=item))
        return out

    # -- sources --

    def decoded(self, line, form):
        """A line's value. LuaError: its format cannot hold it."""
        if form == "lines":
            if isinstance(line, bytes):
                raise LuaError("not UTF-8")
            return line
        try:
            value = json.loads(line)
        except ValueError as error:
            raise LuaError("not JSON") from error
        if form != "json" and not fits(value, form, self.plan["types"]):
            self.met["refused by a type"] += 1
            raise LuaError("not of its type")
        return value

    def run_source(self, source):
        site, flow = ("source", source["name"]), Flow([], 1, True, (source["name"],))
        for number, line in enumerate(source["lines"], 1):
            if line == "" and source["format"] != "lines":
                continue
            self.counts["source"] += 1
            rec = Rec(None, None, None, None, 0, (source["name"], number))
            try:
                rec = rec.but(value=self.decoded(line, source["format"]))
            except LuaError:
                self.met["bad lines"] += 1
                raw = line if isinstance(line, bytes) else line.encode()
                try:
                    value = json.loads(raw)
                except ValueError:
                    value = printed(raw)
                self.fail(source["on_error"], rec.but(value=value), site, flow)
                continue
            self.take(source["steps"], 0, rec, site, source)
        self.flows[source["stream"]] = None

    def take(self, steps, at, rec, site, source):
        """A record through the steps of a source, depth first."""
        flow = Flow([], 1, True, (source["name"],))
        policy = source["on_error"]
        try:
            if at == len(steps):
                self.emit(source["stream"], rec, site, flow)
                return
            policy = steps[at].get("on_error") or policy
            outs = self.stateless(steps[at], rec)
        except LuaError:
            self.fail(policy, rec.but(ts=None), site + (at,), flow)
            return
        for out in outs:
            self.take(steps, at + 1, out, site, source)

    # -- sinks --

    def sink_rows(self, steps, record):
        """A record of a topic, as printed, through a sink's steps."""
        recs = [Rec(record["key"], record["value"], record["ts"], None, 0, None)]
        for step in steps:
            recs = [out for rec in recs for out in self.stateless(step, rec)]
        return [rec.value for rec in recs]

    # -- pipelines --

    def read(self, name):
        """A stream as a flow: each partition takes its time anew."""
        spec = self.plan["streams"][name]
        outs = self.topics[name]
        known = all(o.part is not None for o in outs)
        exact = known and len({(o.site, o.exact) for o in outs}) <= 1 and all(o.exact for o in outs)
        for p in range(spec["parts"]):
            exact = exact and len({o.task for o in outs if o.part == p}) <= 1
        flow, times = Flow([], spec["parts"], exact, (name,)), {}
        for p in range(spec["parts"]):
            time = None
            for o in outs:
                if (o.part if o.part is not None else 0) != p:
                    continue
                rec = Rec(o.key, o.value, o.ts, None, p, (name, p), headers=o.headers,
                          aside=o.aside)
                ahead = spec["max_ahead"]
                if ahead is not None and time is not None and o.ts - time > ahead:
                    self.fail(self.plan["on_error"], rec, ("input", name), flow)
                    continue
                time = o.ts if time is None else max(time, o.ts)
                rec.carried, rec.json_key = time, spec["key"] == "json"
                flow.recs.append(rec)
            times[p] = time
        flow.times = None if spec["source"] else times
        return flow

    def flow_of(self, name):
        if self.flows.get(name) is None:
            self.flows[name] = self.read(name)
        return self.flows[name]

    def merged(self, pipeline):
        names = pipeline["from"]
        flows = []
        for n in names:
            f = self.flow_of(n)
            if f not in flows:  # a pipeline without steps is what it reads: merged, it comes once
                flows.append(f)
        if len(flows) == 1:
            return flows[0]
        tasks = max(f.tasks for f in flows)
        recs = [(r.task, r.carried, i, n, r) for i, f in enumerate(flows)
                for n, r in enumerate(f.recs)]
        recs.sort(key=lambda x: x[:4])
        flow = Flow([r[4] for r in recs], tasks, pipeline["merge_exact"], tuple(names))
        flow.moved = pipeline["merge_moved"] or any(f.moved for f in flows)
        return flow

    def run_pipeline(self, pipeline):
        flow = self.merged(pipeline)
        for at, step in enumerate(pipeline["steps"]):
            site = (pipeline["name"], at)
            policy = step.get("on_error") or pipeline["on_error"]
            if step["op"] in ("count", "aggregate"):
                flow = self.keyed(step, flow, site, policy)
                continue
            recs = []
            for rec in flow.recs:
                try:
                    recs += self.stateless(step, rec)
                except LuaError:
                    self.fail(policy, rec, site, flow)
            moved = flow.moved or step["op"] in ("rekey", "flat_map")
            flow = flow.but(recs=recs, moved=moved)
        self.flows[pipeline["name"]] = flow
        if pipeline["to"] is None:
            return
        site = (pipeline["name"], "to")
        for rec in flow.recs:
            try:
                self.emit(pipeline["to"], rec, site, flow)
            except LuaError:
                self.fail(pipeline["on_error"], rec, site, flow)

    # -- keyed steps --

    def keyed(self, step, flow, site, policy):
        recs = []
        for rec in flow.recs:
            if rec.key is None:
                self.met["null keys"] += 1
                self.fail(policy, rec, site, flow)
            elif flow.moved:
                task = partition_of(store_key(rec.key), flow.tasks)
                recs.append(rec.but(key=canonical(rec.key), task=task))
            else:
                recs.append(rec.but(key=rec.key))
        exact = flow.exact and (not flow.moved or flow.tasks == 1)
        recs.sort(key=lambda r: r.task)
        place = (step["store"],) if flow.moved else flow.place
        after = flow.but(recs=recs, exact=exact, moved=False, place=place)
        return (self.windowed if step["window"] else self.plain)(step, after, site, policy)

    @staticmethod
    def arguments(step, rec):
        args = []
        for f in step["fields"]:
            arg = evaluate(f["code"], rec.scope()) if f.get("code") else None
            Field.check(f["fn"], arg)
            args.append(arg)
        return args

    def plain(self, step, flow, site, policy):
        rows, recs = {}, []
        for rec in flow.recs:
            at = store_key(rec.key)
            row = rows.get(at) or Row(step["fields"])
            try:
                row.add(self.arguments(step, rec), rec.ts)
            except LuaError:
                self.fail(policy, rec, site, flow)
                continue
            rows[at] = row
            key = canonical(rec.key)
            recs.append(rec.but(key=key, value=row.result(step, key, None), ts=row.ts,
                                carried=row.ts, window=None, headers={}, aside=False))
        return flow.but(recs=recs, updates=not flow.exact)

    def windowed(self, step, flow, site, policy):
        window, rows = step["window"], {}
        for rec in flow.recs:
            late = False
            try:
                args = self.arguments(step, rec)
                changed = {}
                for w in windows_of(window, rec.ts):
                    if w[1] + window["grace"] <= rec.carried:
                        late = True
                        continue
                    at = (rec.task, w, store_key(rec.key))
                    new = Row(step["fields"])
                    if at in rows:
                        new.fields, new.ts = rows[at].fields, rows[at].ts
                    new.add(args, rec.ts)
                    changed[at] = new
                rows.update(changed)
            except LuaError:
                self.fail(policy, rec, site, flow)
                continue
            if late:
                self.counts["late"] += 1
                if window["late"] == "stop":
                    self.stops.append(rec.origin)
                elif window["late"] != "drop":
                    self.emit(window["late"], rec, site + ("late",), flow, aside=True)
        recs = []
        for task, w, at in sorted(rows):
            if flow.times is not None and w[1] + window["grace"] > flow.times[task]:
                continue
            self.counts["windows closed"] += 1
            key = json.loads(at)
            recs.append(Rec(key, rows[(task, w, at)].result(step, key, w), w[1] - 1, w[1] - 1, task,
                            (site, task), window=w))
        # A task closes in the order (window, key), in whatever order its records came.
        return flow.but(recs=recs, exact=True)

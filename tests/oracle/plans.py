"""Random jobs over the operators of this version, with random inputs for them.

A plan is plain data: the model interprets it, `yaml_of` prints it. `Shape` is what the generator
knows about a flow while it builds one: which fields there are, and whether the order of its records
is the same in every run, so that steps that look at order stand only where it is.
"""
import json
import random

from expressions import FUNCTIONS_TEXT, text_of

FLAT_MAPS = {
    "spread": """local out = {}
for i, x in ipairs(value.l or {}) do
  out[#out + 1] = {key = "i" .. (x % 4), value = {i = i, x = x, g = value.g}}
end
return out
""",
    "shift": """local out = {}
for i, x in ipairs(value.l or {}) do
  out[#out + 1] = {ts = ts - x, value = {i = i, x = x, g = value.g}}
end
return out
""",
    "headers": """local out = {}
for i in ipairs(value.l or {}) do out[#out + 1] = {headers = {h = "n" .. i}} end
return out
""",
}

# "int?" may be missing or null.
INPUT = {"t": "int", "k": "str", "g": "str?", "n": "int?", "m": "int", "f": "float", "s": "str",
         "b": "bool", "o.x": "int", "l": "list"}


class Shape:
    def __init__(self, fields, tasks, exact, roots, key="str"):
        self.fields, self.tasks, self.exact, self.roots, self.key = fields, tasks, exact, roots, key
        self.moved, self.window, self.plain, self.windows = False, False, False, 0
        self.bare_merge = False

    def copy(self):
        other = Shape(self.fields, self.tasks, self.exact, self.roots, self.key)
        other.__dict__.update(self.__dict__)
        return other


class Generator:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.names = {}
        self.key_format = self.rng.choice(["json", "json", "string"])
        self.error = self.rng.choice(["failed", "failed", "drop"])
        self.streams, self.sources, self.pipelines, self.shapes = {}, [], [], {}
        self.seed = seed

    def chance(self, p):
        return self.rng.random() < p

    def name(self, prefix):
        self.names[prefix] = self.names.get(prefix, 0) + 1
        return f"{prefix}{self.names[prefix]}"

    # ---- expressions ----

    def fields_of(self, shape, kinds):
        if not isinstance(shape.fields, dict):
            return [("value",)] if shape.fields in kinds else []
        return [("field", tuple(name.split("."))) for name, kind in sorted(shape.fields.items())
                if kind in kinds]

    def number(self, shape, depth=2):
        """Ints mostly; the int? raw now and then: where it is nil, arithmetic is an error record."""
        r = self.rng
        if depth == 0 or self.chance(0.35):
            leaves = self.fields_of(shape, ("int", "float")) + [("lit", r.randint(-9, 40))]
            leaves += [("bin", "or", f, ("lit", 3)) for f in self.fields_of(shape, ("int?",))]
            if self.chance(0.1):
                leaves += self.fields_of(shape, ("int?",))
            if shape.window and self.chance(0.3):
                leaves += [("wstart",), ("wstop",)]
            return r.choice(leaves)
        kind = r.random()
        a = self.number(shape, depth - 1)
        if kind < 0.6:
            return ("bin", r.choice("+-*"), a, self.number(shape, depth - 1))
        if kind < 0.8:
            return ("bin", r.choice(["//", "%"]), a, ("lit", r.choice([2, 3, 7, -4])))
        if kind < 0.86:
            return ("call", "math.max", [a, self.number(shape, depth - 1)])
        if kind < 0.92:
            return ("call", "bucket", [a, ("lit", r.choice([2, 5]))])
        return ("neg", a)

    def whole(self, shape):
        ints = self.fields_of(shape, ("int",)) or [("lit", 7)]
        return self.rng.choice(ints)

    def string(self, shape):
        r = self.rng
        strings = self.fields_of(shape, ("str",))
        strings += [("bin", "or", f, ("lit", "none")) for f in self.fields_of(shape, ("str?",))]
        if not strings:
            return ("bin", "..", ("lit", "x"), ("bin", "%", self.whole(shape), ("lit", 5)))
        s = r.choice(strings)
        kind = r.random()
        if kind < 0.2:
            return ("method", s, "upper", []) if s[0] == "field" else s
        if kind < 0.4:
            return ("bin", "..", s, ("bin", "%", self.whole(shape), ("lit", 3)))
        return s

    def condition(self, shape, depth=2):
        r = self.rng
        kind = r.random()
        if depth > 0 and kind < 0.3:
            return ("bin", r.choice(["and", "or"]), self.condition(shape, depth - 1),
                    self.condition(shape, depth - 1))
        if depth > 0 and kind < 0.4:
            return ("not", self.condition(shape, depth - 1))
        maybe = self.fields_of(shape, ("int?", "str?", "bool"))
        if maybe and kind < 0.5:
            return ("bin", r.choice(["==", "~="]), r.choice(maybe), ("lit", None))
        if maybe and kind < 0.55:
            return r.choice(maybe)
        if kind < 0.65:
            return ("bin", r.choice(["==", "~=", "<", ">="]), self.string(shape), ("lit", "k2"))
        return ("bin", r.choice(["<", "<=", ">", ">=", "~="]), self.number(shape),
                ("lit", r.choice([-100, 0, 3, 12])))

    # ---- steps without state ----

    def rekey(self, shape):
        r = self.rng
        kind = r.random()
        shape.moved, shape.key = True, "str"
        if self.key_format == "json" and kind < 0.25:
            shape.key = "any"
            items = [["b", ("bin", "%", self.whole(shape), ("lit", 3))], ["a", self.string(shape)]]
            return {"op": "rekey", "items": items}
        if self.key_format == "json" and kind < 0.5:
            shape.key = "any"
            return {"op": "rekey", "code": ("bin", r.choice(["%", "//"]), self.number(shape, 1),
                                            ("lit", r.choice([3, 5, 2.0])))}
        nils = self.fields_of(shape, ("str?",))
        if nils and kind < 0.6:
            return {"op": "rekey", "code": r.choice(nils)}
        return {"op": "rekey", "code": self.string(shape)}

    def set(self, shape):
        fields = dict(shape.fields)
        items = []
        for _ in range(self.rng.randint(1, 3)):
            name = self.rng.choice(["m", "w1", "w2", "s", "f"])
            if any(path == [name] for path, _ in items):
                continue
            kind = self.rng.choice(["num", "str", "nil", "num"])
            code = {"num": lambda: self.number(shape), "str": lambda: self.string(shape),
                    "nil": lambda: ("lit", None)}[kind]()
            items.append(([name], code))
            fields.pop(name, None)
            if kind != "nil":
                fields[name] = "num" if kind == "num" else "str"
        if "o.x" in fields and self.chance(0.3):
            items.append((["o", "x"], self.number(shape)))
            fields["o.x"] = "num"
        shape.fields = fields
        return {"op": "set", "items": items}

    def map(self, shape):
        items, fields = [], {}
        for i in range(self.rng.randint(1, 4)):
            kind = self.rng.choice(["int", "str", "num", "nil"])
            name = f"c{i}"
            code = {"int": lambda: self.whole(shape), "str": lambda: self.string(shape),
                    "num": lambda: self.number(shape),
                    "nil": lambda: self.rng.choice(self.fields_of(shape, ("int?",))
                                                   or [("lit", 1)])}[kind]()
            items.append([name, code])
            fields[name] = {"nil": "int?"}.get(kind, kind)
        shape.fields = fields
        return {"op": "map", "items": items}

    def flat_map(self, shape):
        kind = self.rng.choice(sorted(FLAT_MAPS))
        shape.moved = True
        if kind == "spread":
            shape.key = "str"
        if kind != "headers":
            shape.fields = {"i": "int", "x": "int", "g": "str?"}
        return {"op": "flat_map", "shape": kind}

    def stateless(self, shape):
        full = isinstance(shape.fields, dict)
        kind = self.rng.random()
        if kind < 0.3 or not full:
            step = {"op": "filter", "code": self.condition(shape)}
        elif kind < 0.5:
            step = self.set(shape)
        elif kind < 0.6:
            step = self.map(shape)
        elif kind < 0.85 or "l" not in shape.fields:
            step = self.rekey(shape)
        else:
            step = self.flat_map(shape)
        if self.chance(0.15):
            step["on_error"] = self.rng.choice(["drop", "errors"])
        return step

    # ---- keyed steps ----

    def window(self):
        size = self.rng.choice([3000, 5000, 7000, 10000, 60000])
        advance = size if self.chance(0.5) else self.rng.choice([size // 2, size - 1000, 1000])
        return {"size": size, "advance": advance,
                "grace": self.rng.choice([0, 0, 1000, 2500, 20000]),
                "late": self.rng.choice(["late", "late", "drop"])}

    def fields(self, shape, windowed):
        r, fields, kinds = self.rng, [], {}
        order = shape.exact
        choices = ["count", "count_if", "sum", "sum", "avg", "min", "max", "distinct", "key"]
        choices += ["window.start", "window.stop"] if windowed else []
        choices += ["first", "last"] if order else []
        for i in range(r.randint(1, 6)):
            fn = r.choice(choices)
            name = f"a{i}"
            ints = self.fields_of(shape, ("int", "int?"))
            floats = self.fields_of(shape, ("float",))
            code, kind = None, "int"
            if fn == "count_if":
                code = self.condition(shape, 1)
            elif fn in ("sum", "avg"):
                code = self.number(shape, 1) if self.chance(0.4) else r.choice(ints or floats
                                                                               or [("lit", 1)])
                kind = "num"
            elif fn in ("min", "max"):
                code = r.choice(r.choice([x for x in (ints, floats, [self.string(shape)]) if x]))
                kind = "any"
            elif fn in ("first", "last", "distinct"):
                code = r.choice(ints + [self.string(shape), self.condition(shape, 0)])
                kind = "int" if fn == "distinct" else "any"
            elif fn == "key":
                kind = "any"
            path = ["deep", name] if self.chance(0.2) else [name]
            if "big" in (shape.fields if isinstance(shape.fields, dict) else ()) and order and \
                    fn == "sum" and self.chance(0.5):
                code = ("field", ("big",))
            fields.append({"path": path, "fn": fn, "code": code})
            kinds[".".join(path)] = kind
        # Mappings stand together in YAML, so nested fields come last.
        fields.sort(key=lambda f: len(f["path"]))
        return fields, kinds

    def keyed(self, shape, windowed):
        shape.exact = shape.exact and (not shape.moved or shape.tasks == 1)
        shape.moved, shape.key = False, "any" if shape.key == "any" else "str"
        step = {"op": "count" if self.chance(0.25) else "aggregate", "store": self.name("store"),
                "window": self.window() if windowed else None}
        if step["op"] == "count":
            step["fields"], shape.fields = [{"path": [], "fn": "count", "code": None}], "int"
        else:
            step["fields"], shape.fields = self.fields(shape, windowed)
        shape.window = windowed
        if windowed:
            shape.windows += 1
            shape.exact = True
        else:
            shape.plain = True
        return step

    # ---- the whole ----

    def add_stream(self, name, parts, time, source, key=None):
        self.streams[name] = {"parts": parts, "time": time, "source": source, "max_ahead": None,
                              "key": key or self.key_format}

    def add_source(self, parts):
        r = self.rng
        name, stream = self.name("src"), self.name("in")
        time = ("field", ("t",)) if self.chance(0.7) else ("bin", "+", ("field", ("t",)),
                                                            ("lit", 250))
        self.add_stream(stream, parts, time, True)
        shape = Shape(dict(INPUT), parts, True, {stream})
        if self.chance(0.3):
            shape.fields["big"] = "big"
        steps = []
        if self.chance(0.3):
            steps.append({"op": "filter", "code": self.condition(shape, 1)})
        keyed = self.chance(0.85)
        if keyed:
            steps.append({"op": "rekey", "code": ("field", ("k",))})
        if not keyed:
            shape.key = "none"
        self.sources.append({"name": name, "stream": stream, "steps": steps,
                             "on_error": r.choice(["drop", "bad"]),
                             "lines": self.lines("big" in shape.fields)})
        self.shapes[stream] = shape

    def lines(self, big):
        r, lines = self.rng, []
        t = r.choice([0, 3000, 1700000000000])
        step, spread = r.choice([100, 700, 3000]), r.choice([0, 500, 5000, 30000])
        keys, tick = r.choice([2, 6, 30]), r.choice([1, 1, 500, 1000])  # ticks meet window ends
        for _ in range(r.choice([0, 20, 90, 300]) + r.randint(1, 30)):
            t += r.randint(0, step) + (r.randint(0, 90000) if self.chance(0.01) else 0)
            at = max(0, t - r.randint(0, spread)) if self.chance(0.6) else t
            value = {"t": at - at % tick, "k": f"k{min(r.randrange(keys), r.randrange(keys))}",
                     "g": r.choice(["a", "b", "c", None]), "n": r.choice([None, 1, 2, 5, -7]),
                     "m": r.randint(-50, 50), "f": r.randint(-40, 40) / 4.0,
                     "s": r.choice(["x", "yy", "é", "k2", ""]), "b": self.chance(0.5),
                     "o": {"x": r.randint(0, 9)}, "l": [r.randint(0, 3000) for _ in
                                                        range(r.randint(0, 3))]}
            if big:
                value["big"] = r.choice([1, 2, (1 << 62), -(1 << 62), (1 << 61)])
            for name in ("n", "g"):
                if value[name] is None and self.chance(0.5):
                    del value[name]
            if self.chance(0.01):
                value["t"] = "when"
            lines.append(json.dumps(value, separators=(",", ":"), ensure_ascii=False))
        return lines

    def begin(self, at):
        """A pipeline's inputs: (names, shape, what a merge means for order and keys)."""
        r = self.rng
        raw = [s["stream"] for s in self.sources]
        pipes = [n for n, s in self.shapes.items()
                 if n not in self.streams and (s.exact or not s.plain)]
        if at > 0 and self.chance(0.35) and pipes:
            name = r.choice(pipes)
            return [name], self.shapes[name].copy(), {}
        pair = [n for n in raw + pipes if not self.shapes[n].window and not self.shapes[n].plain
                and self.shapes[n].fields == INPUT and not self.shapes[n].bare_merge]
        if len(pair) > 1 and self.chance(0.5):
            names = r.sample(pair, 2)
            shapes = [self.shapes[n] for n in names]
            shape = shapes[0].copy()
            apart = not (shapes[0].roots & shapes[1].roots)
            self.merges = getattr(self, "merges", 0) + 1
            shape.exact = apart and all(s.exact for s in shapes) and self.merges == 1
            shape.roots = shapes[0].roots | shapes[1].roots
            shape.tasks = max(s.tasks for s in shapes)
            moved = shapes[0].tasks != shapes[1].tasks
            shape.moved = moved or any(s.moved for s in shapes)
            return names, shape, {"merge_exact": shape.exact, "merge_moved": moved}
        name = r.choice(raw)
        return [name], self.shapes[name].copy(), {}

    def pipeline(self, at):
        r = self.rng
        names, shape, merge = self.begin(at)
        steps = []
        for _ in range(r.choice([0, 0, 1, 2])):
            steps.append(self.stateless(shape))
        for _ in range(r.choice([0, 1, 1, 1, 2])):
            if shape.plain or shape.windows > 2:
                break
            if shape.key == "none" and not shape.moved and self.chance(0.9):
                steps.append(self.rekey(shape))
            steps.append(self.keyed(shape, self.chance(0.8)))
            if shape.plain and not shape.exact:
                break  # what later steps see of updates depends on their order
            for _ in range(r.choice([0, 0, 1, 2])):
                steps.append(self.stateless(shape))
        self.finish(names, shape, steps, merge)

    def finish(self, names, shape, steps, merge):
        name, to = self.name("pipe"), None
        if not steps or self.chance(0.75):
            to = self.name("out")
            key = "json" if shape.key == "any" else self.key_format
            self.add_stream(to, self.rng.choice([shape.tasks, 1, 2, 8]), None, False, key)
        self.pipelines.append({"name": name, "from": names, "steps": steps, "to": to,
                               "on_error": self.error if self.chance(0.7) else "errors",
                               "merge_exact": False, "merge_moved": False, **merge})
        shape.bare_merge = (shape.bare_merge or len(names) > 1) and not steps
        self.shapes[name] = shape
        if to and shape.exact and shape.tasks == 1 and self.chance(0.4):
            self.read_back(to, shape)

    def read_back(self, stream, shape):
        """A named topic, read as a source is: it never ends, so its last windows stay open."""
        back = shape.copy()
        back.tasks, back.roots = self.streams[stream]["parts"], {stream}
        back.window, back.plain, back.windows, back.moved = False, False, 0, False
        if back.key == "none":
            return
        steps = [self.keyed(back, self.chance(0.7))]
        to = self.name("out")
        self.add_stream(to, self.rng.choice([back.tasks, 1]), None, False,
                        "json" if back.key == "any" else self.key_format)
        self.pipelines.append({"name": self.name("pipe"), "from": [stream], "steps": steps,
                               "to": to, "on_error": self.error, "merge_exact": False,
                               "merge_moved": False})

    def plan(self):
        r = self.rng
        for _ in range(r.choice([1, 1, 2, 3])):
            self.add_source(r.choice([1, 1, 2, 8]))
        for at in range(r.choice([1, 2, 3, 4])):
            self.pipeline(at)
        for name in ("late", "errors", "failed", "bad"):
            self.add_stream(name, r.choice([1, 2]), None, False)
        if self.chance(0.15):
            first = self.sources[0]["stream"]
            self.streams[first]["max_ahead"] = r.choice([2000, 60000])
            for pipeline in self.pipelines:
                pipeline["on_error"] = self.error
        written = sorted({p["to"] for p in self.pipelines if p["to"]} | {self.sources[0]["stream"]})
        sink = {"from": r.choice(written), "records": r.choice([3, 50, 1000])}
        return {"seed": self.seed, "on_error": self.error, "streams": self.streams,
                "sources": self.sources, "pipelines": self.pipelines, "sink": sink}


def generate(seed):
    return Generator(seed).plan()


# ---- as YAML ----

def quoted(code):
    return json.dumps(text_of(code), ensure_ascii=False)


def tree_of(items):
    tree = {}
    for path, text in items:
        at = tree
        for name in path[:-1]:
            at = at.setdefault(name, {})
        at[path[-1]] = text
    return tree


def flow_text(tree):
    """Leaves are quoted already."""
    inner = ", ".join(f"{k}: {flow_text(v) if isinstance(v, dict) else v}"
                      for k, v in tree.items())
    return "{" + inner + "}"


def field_call(field):
    fn, code = field["fn"], field.get("code")
    if fn in ("key", "window.start", "window.stop"):
        return json.dumps(fn)
    name = "count" if fn == "count_if" else fn
    return json.dumps(f"{name}({text_of(code) if code else ''})", ensure_ascii=False)


def window_text(window):
    size = f"tumbling: {window['size']}ms"
    if window["advance"] != window["size"]:
        size = f"hopping: {window['size']}ms, advance: {window['advance']}ms"
    return f"{{{size}, grace: {window['grace']}ms, late: {window['late']}, emit: final}}"


def step_lines(step):
    op = step["op"]
    if op == "flat_map":
        body = "".join(f"    {line}\n" for line in FLAT_MAPS[step["shape"]].splitlines())
        lines = ["flat_map: |\n" + body.rstrip("\n")]
    elif op == "set":
        lines = ["set: {" + ", ".join(f"{'.'.join(p)}: {quoted(c)}" for p, c in step["items"])
                 + "}"]
    elif op in ("count", "aggregate"):
        parts = {"store": step["store"]}
        if step["window"]:
            parts["window"] = window_text(step["window"])
        if op == "aggregate":
            parts["fields"] = flow_text(tree_of((f["path"], field_call(f)) for f in step["fields"]))
        lines = [f"{op}: {flow_text(parts)}"]
    elif "items" in step:
        lines = [f"{op}: {flow_text(tree_of(([n], quoted(c)) for n, c in step['items']))}"]
    else:
        lines = [f"{op}: {quoted(step['code'])}"]
    if step.get("on_error"):
        lines.append(f"on_error: {step['on_error']}")
    return lines


def steps_text(steps):
    text = ""
    for step in steps:
        lines = step_lines(step)
        text += f"      - {lines[0]}\n".replace("\n    ", "\n          ")
        text += "".join(f"        {line}\n" for line in lines[1:])
    return text


def yaml_of(plan):
    text = "job: oracle\n"
    text += f"defaults: {{value: json, on_error: {plan['on_error']}}}\nstreams:\n"
    for name, s in plan["streams"].items():
        time = f"from: {quoted(s['time'])}" if s["time"] else ""
        if s["max_ahead"] is not None:
            time += f", max_ahead: {s['max_ahead']}ms"
        time = f", time: {{{time}}}" if time else ""
        text += f"  {name}: {{topic: {name}, key: {s['key']}{time}, " \
                f"create: {{partitions: {s['parts']}}}}}\n"
    text += "functions: |\n" + "".join(f"  {x}\n" for x in FUNCTIONS_TEXT.splitlines())
    text += "sources:\n"
    for source in plan["sources"]:
        text += f"  {source['name']}:\n    file: {{path: {source['name']}.jsonl, format: json}}\n"
        text += f"    on_error: {source['on_error']}\n    to: {source['stream']}\n"
        if source["steps"]:
            text += "    steps:\n" + steps_text(source["steps"])
    text += "pipelines:\n"
    for pipeline in plan["pipelines"]:
        text += f"  {pipeline['name']}:\n    from: [{', '.join(pipeline['from'])}]\n"
        text += f"    on_error: {pipeline['on_error']}\n"
        if pipeline["steps"]:
            text += "    steps:\n" + steps_text(pipeline["steps"])
        text += f"    to: {pipeline['to'] or 'none'}\n"
    sink = plan["sink"]
    text += f"sinks:\n  rows:\n    from: {sink['from']}\n"
    text += f"    file: {{dir: rows, format: json, rotate: {{records: {sink['records']}}}}}\n"
    return text

"""Random jobs over the operators of this version, with random inputs for them.

A plan is plain data: the model interprets it, `job_text.yaml_of` prints it. `Shape` is what the
generator knows about a flow while it builds one: which fields there are, and whether the order of
its records is the same in every run, so that steps that look at order stand only where it is.
"""
import json
import random

# "int?" may be missing or null.
INPUT = {"t": "int", "k": "str", "g": "str?", "n": "int?", "m": "int", "f": "float", "s": "str",
         "b": "bool", "o.x": "int", "l": "list"}
INPUT_TYPES = {"In": {"t": "int", "k": "string", "g": "string|null", "n": "int|null", "m": "int",
                      "f": "number", "s": "string", "b": "bool", "o": "InO", "l": "[int]"},
               "InO": {"x": "int"}}
TYPES = {"int": "int", "str": "string", "int?": "int|null", "str?": "string|null",
         "float": "number", "bool": "bool", "list": "[int]", "big": "int"}
KEYS_OF_WORDS = ("json", "string", "bytes")
FOR_EVER = "1d"  # no input falls silent within a test


class Shape:
    def __init__(self, fields, tasks, exact, roots, key="str"):
        self.fields, self.tasks, self.exact, self.roots, self.key = fields, tasks, exact, roots, key
        self.moved, self.window, self.plain, self.windows = False, False, False, 0
        self.bare_merge, self.headers = False, False
        self.tombstones = False  # a value may be null
        self.null_keys = False   # a key may be, so that it matters who counts

    def copy(self):
        other = Shape(self.fields, self.tasks, self.exact, self.roots, self.key)
        other.__dict__.update(self.__dict__)
        return other


class Generator:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.names = {}
        self.key_format = self.rng.choice(["json"] * 4 + ["string"] * 2 + ["int", "float", "bytes"])
        self.wordy = self.key_format in KEYS_OF_WORDS
        self.input = dict(INPUT, k="str" if self.wordy else self.key_format)
        self.types = {name: dict(fields) for name, fields in INPUT_TYPES.items()}
        self.types["In"]["k"] = {"str": "string", "float": "number"}.get(self.input["k"], "int")
        self.followers = []  # streams of late and failed records that a pipeline reads
        self.following = False
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
            if self.chance(0.15):
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
        if shape.fields == "str":
            ints = [("len", ("value",))]
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
        if shape.tombstones and self.chance(0.3):
            return ("bin", r.choice(["==", "~="]), ("value",), ("lit", None))
        if shape.headers and self.chance(0.3):
            return ("bin", r.choice(["==", "~="]), ("header", "h"), ("lit", "n1"))
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
        shape.moved, shape.null_keys = True, False
        step = self.new_key(shape)
        if "code" in step and self.chance(0.15):
            shape.null_keys = True
            nothing = ("bin", "and", self.condition(shape, 0), ("null",))
            step["code"] = ("bin", "or", nothing, step["code"])
        return step

    def new_key(self, shape):
        r = self.rng
        kind = r.random()
        shape.key = "str"
        if not self.wordy:
            shape.key = "num"
            part = ("bin", "%", self.whole(shape), ("lit", r.choice([3, 5])))
            if kind < 0.3:
                part = ("bin", r.choice(["%", "//"]), self.number(shape, 1),
                        ("lit", r.choice([3, 5, 2.0])))
            half = self.key_format == "float" and kind < 0.7
            return {"op": "rekey", "code": ("bin", "/", part, ("lit", 2)) if half else part}
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
        if shape.headers and kind < 0.7:
            return {"op": "rekey", "code": ("header", "h")}
        return {"op": "rekey", "code": self.string(shape)}

    def set(self, shape):
        fields = dict(shape.fields)
        items = []
        for _ in range(self.rng.randint(1, 4)):
            name = self.rng.choice(["m", "w1", "w2", "s", "f", "p.q", "p.r"])
            if any(path == name.split(".") for path, _ in items):
                continue
            kind = self.rng.choice(["num", "num", "str", "null"] + ["nil"] * ("." not in name))
            code = {"num": lambda: self.number(shape), "str": lambda: self.string(shape),
                    "nil": lambda: ("lit", None), "null": lambda: ("null",)}[kind]()
            items.append((name.split("."), code))
            fields.pop(name, None)
            if kind in ("num", "str") and "." not in name:
                fields[name] = kind
        if "o.x" in fields and self.chance(0.3):
            items.append((["o", "x"], self.number(shape)))
            fields["o.x"] = "num"
        shape.fields = fields
        return {"op": "set", "items": items}

    def map(self, shape):
        if self.chance(0.25):
            kind = self.rng.choice(["str", "int", "num"])
            code = {"str": self.string, "int": self.whole, "num": self.number}[kind](shape)
            shape.fields = kind
            return {"op": "map", "code": code}
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

    def tombstone(self, shape):
        shape.tombstones = True
        nothing = ("bin", "and", self.condition(shape, 1), ("null",))
        return {"op": "map", "code": ("bin", "or", nothing, ("value",))}

    def flat_map(self, shape):
        shape.moved = True
        if shape.fields == "str":
            shape.key, shape.fields, shape.null_keys = "str" if self.wordy else "num", "int", False
            return {"op": "flat_map", "shape": "words" if self.wordy else "lengths"}
        kind = self.rng.choice(["headers", "shift", "spread"])
        if kind == "spread":
            kind = "spread" if self.wordy else "numbered"
            shape.key, shape.null_keys = "str" if self.wordy else "num", False
        if kind == "headers":
            shape.headers = True
        else:
            shape.fields = {"i": "int", "x": "int", "g": "str?"}
        return {"op": "flat_map", "shape": kind}

    def stateless(self, shape):
        full = isinstance(shape.fields, dict)
        kind = self.rng.random()
        before = shape.copy()
        if kind < 0.26:
            step = {"op": "filter", "code": self.condition(shape)}
        elif kind < 0.34:
            step = self.tombstone(shape)
        elif kind < 0.5 and full:
            step = self.set(shape)
        elif kind < 0.6:
            step = self.map(shape)
        elif (full and "l" in shape.fields or shape.fields == "str") and kind > 0.82:
            step = self.flat_map(shape)
        else:
            step = self.rekey(shape)
        if self.chance(0.2) and not self.following:
            step["on_error"] = self.followed("err", before)
        elif self.chance(0.15):
            step["on_error"] = self.rng.choice(["drop", "errors"])
        return step

    def followed(self, prefix, shape):
        """A stream of its own for one step's records, which a pipeline will read."""
        name = self.name(prefix)
        self.add_stream(name, self.rng.choice([1, 2]), None, False,
                        "json" if shape.key in ("any", "num") else "string")
        self.streams[name]["idle"] = FOR_EVER
        self.followers.append((name, shape))
        return name

    # ---- keyed steps ----

    def window(self):
        size = self.rng.choice([3000, 5000, 7000, 10000, 60000])
        advance = size if self.chance(0.5) else self.rng.choice([size // 2, size - 1000, 1000])
        grace = self.rng.choice([0, 0, 1000, 2500, 20000])
        return {"size": size, "advance": advance, "grace": grace,
                "says_grace": grace > 0 or self.chance(0.5),
                "late": self.rng.choice(["late", "late", "drop"])}

    def summand(self, shape, order):
        """Which record overflows a sum depends on the order: where that is open, none may."""
        code = self.number(shape, 1)
        return code if order else ("bin", "%", code, ("lit", 1000))

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
                code = self.summand(shape, order) if self.chance(0.4) else r.choice(
                    ints or floats or [("lit", 1)])
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
        shape.moved, shape.null_keys = False, False
        before = shape.copy()
        step = {"op": "count" if self.chance(0.25) else "aggregate", "store": self.name("store"),
                "window": self.window() if windowed else None}
        if step["op"] == "count":
            step["fields"], shape.fields = [{"path": [], "fn": "count", "code": None}], "int"
        else:
            step["fields"], shape.fields = self.fields(shape, windowed)
        if windowed and not self.following and self.chance(0.25):
            step["window"]["late"] = self.followed("late", before)
        elif self.chance(0.1) and not self.following:
            before.null_keys = True
            step["on_error"] = self.followed("err", before)
        shape.window, shape.tombstones, shape.headers = windowed, False, False
        if windowed:
            shape.windows += 1
            shape.exact = True
        else:
            shape.plain = True
        return step

    # ---- the whole ----

    def add_stream(self, name, parts, time, source, key, value="json"):
        self.streams[name] = {"parts": parts, "time": time, "unit": "ms", "source": source,
                              "max_ahead": None, "idle": None, "key": key, "value": value}

    def add_source(self, parts):
        r = self.rng
        name, stream = self.name("src"), self.name("in")
        words = self.chance(0.2)
        big = not words and self.chance(0.3)
        shape = Shape("str" if words else dict(self.input), parts, True, {stream})
        if big:
            shape.fields["big"] = "big"
            if self.chance(0.5):
                self.types["In"]["big"] = "int"
        steps = []
        if self.chance(0.3):
            steps.append({"op": "filter", "code": self.condition(shape, 1)})
        keyed = self.chance(0.85)
        if keyed:
            steps.append({"op": "rekey", "code": self.line_key() if words else ("field", ("k",))})
        shape.key = "none" if not keyed else "str" if self.wordy else "num"
        text = r.choice(["string", "string", "bytes", "json"])
        self.add_stream(stream, parts, None, True, self.key_format,
                        text if words else "In" if self.chance(0.25) else "json")
        self.streams[stream].update(self.line_time() if words else self.time())
        self.sources.append({"name": name, "stream": stream, "steps": steps,
                             "format": "lines" if words else r.choice(["In", "json", "json"]),
                             "on_error": r.choice(["drop", "bad"]), "bom": self.chance(0.1),
                             "crlf": self.chance(0.1), "cut": self.chance(0.2),
                             "lines": self.words() if words else self.lines(big)})
        self.shapes[stream] = shape

    def time(self):
        t = ("field", ("t",))
        return self.rng.choice([
            {"time": t}, {"time": t}, {"time": t}, {"time": ("bin", "+", t, ("lit", 250))},
            {"time": ("bin", "//", t, ("lit", 1000)), "unit": "s"},
            {"time": ("bin", "+", ("bin", "*", t, ("lit", 1000)), ("lit", 777)), "unit": "us"}])

    @staticmethod
    def line_time():
        return {"time": ("call", "tonumber", [("method", ("value",), "sub", [("lit", 1),
                                                                             ("lit", 8)])])}

    def line_key(self):
        if self.wordy:
            return ("method", ("value",), "sub", [("lit", 10), ("lit", 11)])
        digit = ("call", "tonumber", [("method", ("value",), "sub", [("lit", 11), ("lit", 11)])])
        return ("bin", "/", digit, ("lit", 2)) if self.key_format == "float" else digit

    def times(self):
        """About the event times of a source's lines."""
        r = self.rng
        t = r.choice([0, 3000, 1700000000000])
        step, spread = r.choice([100, 700, 3000]), r.choice([0, 500, 5000, 30000])
        tick = r.choice([1, 500, 1000, 1000])  # ticks meet window ends
        for _ in range(r.choice([0, 20, 90, 300]) + r.randint(1, 30)):
            t += r.randint(0, step) + (r.randint(0, 90000) if self.chance(0.01) else 0)
            at = max(0, t - r.randint(0, spread)) if self.chance(0.6) else t
            yield at - at % tick

    def words(self):
        r, lines = self.rng, []
        for t in self.times():
            text = " ".join(r.choice(["a", "bb", "the", "cat", "é", "k2", "-"])
                            for _ in range(r.randint(0, 5)))
            line = f"{t % 10 ** 8:08d} k{r.randrange(10)} {text}"
            odd = r.random()
            if odd < 0.01:
                line = line.encode() + b"\xff"
            elif odd < 0.03:
                line = r.choice(["", "no time", "12345 k", "\t"])
            lines.append(line)
        return lines + [f"{0:08d} k1 end"]

    def lines(self, big):
        r, lines = self.rng, []
        keys = r.choice([2, 6, 30])
        for t in self.times():
            key = min(r.randrange(keys), r.randrange(keys))
            value = {"t": t, "k": {"str": f"k{key}", "int": key, "float": key / 2}[self.input["k"]],
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
            if self.chance(0.02):
                value[r.choice("mksfolnb")] = r.choice([True, {"z": 1}, [7, "x"]])
            lines.append(json.dumps(value, separators=(",", ":"), ensure_ascii=False))
            if self.chance(0.02):
                lines.append(r.choice(["", "{oops", '{"t":1}}', "[1,2", b"\xff\xfe", "null", "5",
                                       '"text"', "[1]", "{}"]))
        return lines + ['{"t":0}']

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
                and self.shapes[n].fields in (self.input, "str") and not self.shapes[n].bare_merge]
        if pair:
            first = self.shapes[r.choice(pair)].fields
            pair = [n for n in pair if self.shapes[n].fields == first]
        if len(pair) > 1 and self.chance(0.6):
            return self.merge(r.sample(pair, min(len(pair), r.choice([2, 3]))))
        name = r.choice(raw)
        return [name], self.shapes[name].copy(), {}

    def merge(self, names):
        shapes = [self.shapes[n] for n in names]
        shape = shapes[0].copy()
        roots = [root for s in shapes for root in s.roots]
        self.merges = getattr(self, "merges", 0) + 1
        shape.exact = len(set(roots)) == len(roots) and all(s.exact for s in shapes) and \
            self.merges == 1
        shape.roots = set(roots)
        shape.tasks = max(s.tasks for s in shapes)
        moved = len({s.tasks for s in shapes}) > 1
        shape.moved = moved or any(s.moved for s in shapes)
        for flag in ("tombstones", "null_keys", "headers"):
            setattr(shape, flag, any(getattr(s, flag) for s in shapes))
        shape.key = next((k for k in ("none", "any") if any(s.key == k for s in shapes)), shape.key)
        return names, shape, {"merge_exact": shape.exact, "merge_moved": moved}

    def pipeline(self, at):
        r = self.rng
        names, shape, merge = self.begin(at)
        steps = []
        for _ in range(r.choice([0, 0, 1, 2])):
            steps.append(self.stateless(shape))
        for number in range(r.choice([0, 1, 1, 1, 2, 2, 3])):
            if shape.plain or shape.windows > 2:
                break
            unkeyed = shape.key == "none" and not shape.moved and self.chance(0.9)
            if unkeyed or (number > 0 and not shape.moved and self.chance(0.4)):
                steps.append(self.rekey(shape))
            steps.append(self.keyed(shape, self.chance(0.8)))
            if shape.plain and not shape.exact:
                break  # what later steps see of updates depends on their order
            for _ in range(r.choice([0, 0, 1, 2])):
                steps.append(self.stateless(shape))
        if self.chance(0.2) and (shape.exact or not shape.plain):
            steps.append(self.tombstone(shape))
        self.finish(names, shape, steps, merge)

    def key_format_of(self, shape):
        if shape.key == "any":
            return "json" if self.chance(0.95) else "string"
        if shape.key == "num":
            return "json" if self.chance(0.25) else self.key_format
        if shape.key == "none":
            return self.key_format
        return self.rng.choice([self.key_format] * 3 + list(KEYS_OF_WORDS))

    def value_format_of(self, shape):
        """What a stream that is written from this shape may hold; now and then a record does not
        fit. Of results that replace each other nobody knows which would."""
        r = self.rng
        if shape.plain and not shape.exact:
            return "json"
        if self.chance(0.05):
            return r.choice(["string", "int", "float"])  # most or all do not fit
        if not isinstance(shape.fields, dict):
            return r.choice({"int": ["json", "int", "int", "float", "bytes"],
                             "num": ["json", "float", "int"], "float": ["json", "float"],
                             "str": ["json", "string", "string", "bytes"]}[shape.fields])
        kind = r.random()
        return "json" if kind < 0.6 else "bytes" if kind < 0.68 else self.type_of(shape)

    def type_of(self, shape):
        name, fields = self.name("T"), {}
        for path, kind in shape.fields.items():
            named = TYPES.get(kind)
            if kind == "num":
                named = self.rng.choice(["number|null", "number|null", "number", "int|null"])
            if named is not None and "." in path:
                outer, inner = path.split(".")
                self.types.setdefault(name + outer, {})[inner] = named
                fields[outer] = f"{name}{outer}|null"
            elif named is not None:
                fields[path] = named
        if not fields:
            fields["none"] = "any|null"
        self.types[name] = fields
        return name

    def add_output(self, shape, parts):
        """A stream that a pipeline of this shape writes to."""
        name = self.name("out")
        ints = self.fields_of(shape, ("int",)) if isinstance(shape.fields, dict) else []
        time = ("bin", "+", ("lit", 1000), self.rng.choice(ints)) \
            if ints and self.chance(0.2) and (shape.exact or not shape.plain) else None
        self.add_stream(name, self.rng.choice(parts), time, False, self.key_format_of(shape),
                        self.value_format_of(shape))
        return name

    def add_pipeline(self, names, steps, to, on_error, merge=None):
        name = self.name("pipe")
        self.pipelines.append({"name": name, "from": names, "steps": steps, "to": to,
                               "on_error": on_error, "merge_exact": False, "merge_moved": False,
                               **(merge or {})})
        return name

    def finish(self, names, shape, steps, merge):
        to = None
        if not steps or self.chance(0.75):
            to = self.add_output(shape, [shape.tasks, 1, 2, 8])
        name = self.add_pipeline(names, steps, to, self.error if self.chance(0.7) else "errors",
                                 merge)
        shape.bare_merge = (shape.bare_merge or len(names) > 1) and not steps
        self.shapes[name] = shape
        if to and shape.exact and shape.tasks == 1 and self.chance(0.4):
            self.read_back(to, shape)

    def as_read(self, stream, shape):
        """The shape of a topic that was written from this one. None: nothing is to be done with
        it."""
        back, spec = shape.copy(), self.streams[stream]
        back.exact = shape.exact and shape.tasks == 1
        back.tasks, back.roots = spec["parts"], {stream}
        back.window, back.plain, back.windows, back.moved = False, False, 0, False
        kind = back.fields if isinstance(back.fields, str) else "object"
        if spec["value"] in ("bytes", "string", "int", "float") and kind in ("object", "int", "num") \
                and (kind, spec["value"]) not in (("int", "int"), ("int", "float"), ("num", "int"),
                                                  ("num", "float")):
            return None
        if not isinstance(back.fields, dict):
            back.fields = {"int": "int", "float": "float", "string": "str"}.get(spec["value"],
                                                                               back.fields)
        if spec["key"] in KEYS_OF_WORDS[1:]:
            back.key = "none" if back.key == "none" else "str"
        return back

    def read_back(self, stream, shape):
        """A named topic, read as a source is: it never ends, so its last windows stay open."""
        back = self.as_read(stream, shape)
        if back is None or back.key == "none" or back.null_keys:
            return
        self.streams[stream]["idle"] = FOR_EVER
        steps = [self.keyed(back, self.chance(0.7))]
        to = self.add_output(back, [back.tasks, 1])
        self.add_pipeline([stream], steps, to, self.error)

    def follow(self, stream, shape):
        """A pipeline over late or failed records."""
        back = self.as_read(stream, shape)
        self.following, steps = True, []
        if back.key == "none" or back.null_keys or self.chance(0.2):
            steps.append(self.rekey(back))
            back.exact = False
        if self.chance(0.4):
            steps.append(self.stateless(back))
        if self.chance(0.8) and back.key != "none":
            windowed = back.exact and (not back.moved or back.tasks == 1) and self.chance(0.6)
            steps.append(self.keyed(back, windowed))
        to = self.add_output(back, [back.tasks, 1])
        self.add_pipeline([stream], steps, to, self.error)
        self.following = False

    def stop_somewhere(self):
        """One place where an error, or a late record, stops the job."""
        places = [s for s in self.sources] + [p for p in self.pipelines]
        places += [s for p in self.pipelines for s in p["steps"]]
        place = self.rng.choice(places)
        if place.get("window") and self.chance(0.7):
            place = place["window"]
        place["late" if "late" in place else "on_error"] = "stop"

    def sink(self):
        r = self.rng
        written = sorted({p["to"] for p in self.pipelines if p["to"]} | {self.sources[0]["stream"]})
        name = r.choice(written)
        steps = []
        if self.chance(0.3):
            steps = [{"op": "filter", "code": ("bin", "~=", ("bin", "%", ("ts",), ("lit", 3)),
                                               ("lit", 0))},
                     {"op": "map", "items": [["k", ("key",)], ["v", ("value",)], ["at", ("ts",)]]}]
        return {"from": name, "records": r.choice([3, 50, 1000]), "steps": steps,
                "format": "json" if steps or self.chance(0.7) else "record",
                "one_file": self.streams[name]["parts"] == 1 and self.chance(0.4)}

    def plan(self):
        r = self.rng
        for _ in range(r.choice([1, 1, 2, 3])):
            self.add_source(r.choice([1, 1, 2, 8]))
        for at in range(r.choice([1, 2, 3, 4])):
            self.pipeline(at)
        for stream, shape in self.followers:
            self.follow(stream, shape)
        words = "string" if self.key_format == "string" else "json"
        for name in ("late", "errors", "failed", "bad"):
            self.add_stream(name, r.choice([1, 2]), None, False, words,
                            "bytes" if self.chance(0.3) else "json")
        ahead = self.chance(0.15)
        if ahead:
            first = self.sources[0]["stream"]
            self.streams[first]["max_ahead"] = r.choice([2000, 60000])
            for pipeline in self.pipelines:
                pipeline["on_error"] = self.error
        elif self.chance(0.5):
            self.stop_somewhere()
        growing = self.chance(0.3)
        for source in self.sources:
            self.streams[source["stream"]]["idle"] = FOR_EVER if growing else None
        return {"seed": self.seed, "on_error": self.error, "streams": self.streams,
                "types": self.types, "sources": self.sources, "pipelines": self.pipelines,
                "growing": growing, "sink": self.sink(),
                "reads_back": any(name in self.streams and not self.streams[name]["source"]
                                  for p in self.pipelines for name in p["from"])}


def generate(seed):
    return Generator(seed).plan()

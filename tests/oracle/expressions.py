"""Expressions of jobs: a small tree, printed as Lua text, and evaluated here with Lua's semantics.

Nodes are tuples: ("lit", v) ("null",) ("key",) ("ts",) ("wstart",) ("wstop",) ("value",) ("header", name)
("field", (names...)) ("bin", op, a, b) ("not", a) ("neg", a) ("len", a) ("method", obj, name, args)
("call", name, args). Python's None is nil, NULL is null. JSON objects are dicts in their order.
"""
import math

INT_MIN, INT_MAX = -(1 << 63), (1 << 63) - 1


class LuaError(Exception):
    """What makes a record an error record."""


class Null:
    """Lua's `null`: true as a condition, equal to itself alone."""

    def __repr__(self):
        return "null"


NULL = Null()


def wrap(n):
    return (n + (1 << 63)) % (1 << 64) - (1 << 63)


def is_number(v):
    return isinstance(v, (int, float)) and not isinstance(v, bool)


# ---- as Lua text ----

def lua_string(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def lua_literal(v):
    if v is None:
        return "nil"
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, str):
        return lua_string(v)
    return f"({v!r})" if v < 0 else repr(v)


def text_of(node):
    kind = node[0]
    if kind == "lit":
        return lua_literal(node[1])
    if kind in ("key", "ts", "value", "null"):
        return kind
    if kind == "header":
        return "headers." + node[1]
    if kind == "wstart":
        return "window.start"
    if kind == "wstop":
        return "window.stop"
    if kind == "field":
        return "value." + ".".join(node[1])
    if kind == "bin":
        return f"({text_of(node[2])} {node[1]} {text_of(node[3])})"
    if kind == "not":
        return f"(not {text_of(node[1])})"
    if kind == "neg":
        return f"(-{text_of(node[1])})"
    if kind == "len":
        return f"(#{text_of(node[1])})"
    args = ", ".join(text_of(a) for a in node[-1])
    if kind == "method":
        return f"{text_of(node[1])}:{node[2]}({args})"
    if kind == "call":
        return f"{node[1]}({args})"
    raise AssertionError(kind)


# ---- as a value ----

def truth(v):
    return v is not None and v is not False


def lua_equal(a, b):
    if is_number(a) and is_number(b):
        return a == b
    return type(a) is type(b) and a == b


def compare(op, a, b):
    both_numbers = is_number(a) and is_number(b)
    if not both_numbers and not (isinstance(a, str) and isinstance(b, str)):
        raise LuaError("compare")
    if not both_numbers:
        a, b = a.encode(), b.encode()
    return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[op]


def divide(a, b):
    a, b = float(a), float(b)
    if b != 0:
        return a / b
    if a == 0 or math.isnan(a):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def arithmetic(op, a, b):
    if not is_number(a) or not is_number(b):
        raise LuaError("arithmetic")
    if op == "/":
        return divide(a, b)
    ints = isinstance(a, int) and isinstance(b, int)
    if ints and op in ("//", "%") and b == 0:
        raise LuaError("zero")
    if ints:
        return wrap({"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b,
                     "//": lambda: a // b, "%": lambda: a % b}[op]())
    a, b = float(a), float(b)
    if op == "//":
        q = divide(a, b)
        return q if math.isinf(q) or math.isnan(q) else float(math.floor(q))
    if op == "%":
        if b == 0 or math.isinf(a):
            return math.nan
        rest = math.fmod(a, b)
        return rest + b if rest * b < 0 else rest
    return {"+": a + b, "-": a - b, "*": a * b}[op]


def concat(a, b):
    for v in (a, b):
        if isinstance(v, bool) or not isinstance(v, (str, int)):
            raise LuaError("concatenate")
    return str(a) + str(b)


def index(v, name):
    """Of a string Lua would look among its methods: no field of ours is called like one."""
    if isinstance(v, (str, list)):
        return None
    if not isinstance(v, dict):
        raise LuaError("index")
    return v.get(name)


def floor(v):
    if not is_number(v) or (isinstance(v, float) and not math.isfinite(v)):
        raise LuaError("floor")
    return math.floor(v)


def largest(a, b):
    if not is_number(a) or not is_number(b):
        raise LuaError("number expected")
    return b if a < b else a


def bucket(n, size):
    """The `functions` block of every job."""
    if n is None:
        return None
    return arithmetic("//", n, size)


FUNCTIONS_TEXT = """function bucket(n, size)
  if n == nil then return nil end
  return n // size
end
"""


def tonumber(v):
    """Of digits, or of what is none."""
    if is_number(v):
        return v
    return int(v) if isinstance(v, str) and v.isascii() and v.isdigit() else None


def time_floor(ts, unit):
    size = {"5s": 5000, "1m": 60000}[unit]
    return ts - ts % size


CALLS = {"math.floor": floor, "math.max": largest, "bucket": bucket, "time.floor": time_floor,
         "tonumber": tonumber}


def method(obj, name, args):
    if not isinstance(obj, str):
        raise LuaError("method")
    if name == "upper":
        return "".join(c.upper() if c < "\x7f" else c for c in obj)
    if name == "sub":
        return obj[args[0] - 1:args[1]]
    raise AssertionError(name)


class Scope:
    def __init__(self, key, value, ts, window, headers):
        self.key, self.value, self.ts, self.window = key, value, ts, window
        self.headers = headers


def evaluate(node, s):
    kind = node[0]
    if kind == "lit":
        return node[1]
    if kind == "null":
        return NULL
    if kind == "key":
        return s.key
    if kind == "header":
        return s.headers.get(node[1])
    if kind == "ts":
        return s.ts
    if kind == "value":
        return s.value
    if kind == "wstart":
        return s.window[0]
    if kind == "wstop":
        return s.window[1]
    if kind == "field":
        v = s.value
        for name in node[1]:
            v = index(v, name)
        return v
    if kind == "not":
        return not truth(evaluate(node[1], s))
    if kind == "neg":
        v = evaluate(node[1], s)
        if not is_number(v):
            raise LuaError("arithmetic")
        return wrap(-v) if isinstance(v, int) else -v
    if kind == "len":
        v = evaluate(node[1], s)
        if not isinstance(v, (str, list)):
            raise LuaError("length")
        return len(v.encode()) if isinstance(v, str) else len(v)
    if kind == "method":
        return method(evaluate(node[1], s), node[2], [evaluate(a, s) for a in node[3]])
    if kind == "call":
        return CALLS[node[1]](*[evaluate(a, s) for a in node[2]])
    return binary(node, s)


def binary(node, s):
    _, op, left, right = node
    a = evaluate(left, s)
    if op == "and":
        return evaluate(right, s) if truth(a) else a
    if op == "or":
        return a if truth(a) else evaluate(right, s)
    b = evaluate(right, s)
    if op == "==":
        return lua_equal(a, b)
    if op == "~=":
        return not lua_equal(a, b)
    if op == "..":
        return concat(a, b)
    if op in ("<", "<=", ">", ">="):
        return compare(op, a, b)
    return arithmetic(op, a, b)

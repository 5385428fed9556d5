"""Plans as job files."""
import json

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
    "numbered": """local out = {}
for i, x in ipairs(value.l or {}) do
  out[#out + 1] = {key = x % 4, value = {i = i, x = x, g = value.g}}
end
return out
""",
    "words": """local out = {}
for w in value:gmatch("%a+") do out[#out + 1] = {key = w, value = #w} end
return out
""",
    "lengths": """local out = {}
for w in value:gmatch("%a+") do out[#out + 1] = {key = #w, value = #w} end
return out
""",
    "headers": """local out = {}
for i in ipairs(value.l or {}) do out[#out + 1] = {headers = {h = "n" .. i}} end
return out
""",
}


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


def policy(word, stops):
    """stop, drop or a stream. A job that was stopped goes on with `drop` there."""
    return "drop" if word == "stop" and not stops else word


def window_text(window, stops):
    size = f"tumbling: {window['size']}ms"
    if window["advance"] != window["size"]:
        size = f"hopping: {window['size']}ms, advance: {window['advance']}ms"
    if window["says_grace"]:
        size += f", grace: {window['grace']}ms"
    return f"{{{size}, late: {policy(window['late'], stops)}, emit: final}}"


def step_lines(step, stops):
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
            parts["window"] = window_text(step["window"], stops)
        if op == "aggregate":
            parts["fields"] = flow_text(tree_of((f["path"], field_call(f)) for f in step["fields"]))
        lines = [f"{op}: {flow_text(parts)}"]
    elif "items" in step:
        lines = [f"{op}: {flow_text(tree_of(([n], quoted(c)) for n, c in step['items']))}"]
    else:
        lines = [f"{op}: {quoted(step['code'])}"]
    if step.get("on_error"):
        lines.append(f"on_error: {policy(step['on_error'], stops)}")
    return lines


def steps_text(steps, stops):
    text = ""
    for step in steps:
        lines = step_lines(step, stops)
        text += f"      - {lines[0]}\n".replace("\n    ", "\n          ")
        text += "".join(f"        {line}\n" for line in lines[1:])
    return text


def format_text(value):
    """A format, or the name of a type."""
    return value if value in ("json", "string", "bytes", "int", "float") else f"json({value})"


def stream_text(name, spec, idle):
    time = []
    if spec["time"]:
        time.append(f"from: {quoted(spec['time'])}")
    if spec["unit"] != "ms":
        time.append(f"unit: {spec['unit']}")
    if idle or spec["idle"]:
        time.append(f"idle: {idle or spec['idle']}")
    if spec["max_ahead"] is not None:
        time.append(f"max_ahead: {spec['max_ahead']}ms")
    time = f", time: {{{', '.join(time)}}}" if time else ""
    value = f", value: {format_text(spec['value'])}" if spec["value"] != "json" else ""
    return f"  {name}: {{topic: {name}, key: {spec['key']}{value}{time}, " \
           f"create: {{partitions: {spec['parts']}}}}}\n"


def source_text(source, stops):
    text = f"  {source['name']}:\n    file: {{path: {source['name']}.txt, " \
           f"format: {source['format'] if source['format'] == 'lines' else format_text(source['format'])}}}\n"
    text += f"    on_error: {policy(source['on_error'], stops)}\n    to: {source['stream']}\n"
    if source["steps"]:
        text += "    steps:\n" + steps_text(source["steps"], stops)
    return text


def pipeline_text(pipeline, stops):
    text = f"  {pipeline['name']}:\n    from: [{', '.join(pipeline['from'])}]\n"
    text += f"    on_error: {policy(pipeline['on_error'], stops)}\n"
    if pipeline["steps"]:
        text += "    steps:\n" + steps_text(pipeline["steps"], stops)
    return text + f"    to: {pipeline['to'] or 'none'}\n"


def sink_text(sink):
    text = f"sinks:\n  rows:\n    from: {sink['from']}\n"
    if sink["steps"]:
        text += "    steps:\n" + steps_text(sink["steps"], False)
    if sink["one_file"]:
        return text + f"    file: {{path: rows.jsonl, format: {sink['format']}}}\n"
    return text + f"    file: {{dir: rows, format: {sink['format']}, " \
                  f"rotate: {{records: {sink['records']}}}}}\n"


def yaml_of(plan, stops=False, idle=None):
    """stops: with `stop` where the plan has it; else with `drop` in its place. idle: of the streams,
    in place of the plan's."""
    text = "job: oracle\n"
    text += f"defaults: {{value: json, on_error: {plan['on_error']}}}\n"
    if plan["types"]:
        text += "types:\n"
        for name, fields in plan["types"].items():
            text += f"  {name}: {{" + ", ".join(f"{f}: '{k}'" for f, k in fields.items()) + "}\n"
    text += "streams:\n"
    text += "".join(stream_text(name, spec, idle) for name, spec in plan["streams"].items())
    text += "functions: |\n" + "".join(f"  {x}\n" for x in FUNCTIONS_TEXT.splitlines())
    text += "sources:\n" + "".join(source_text(s, stops) for s in plan["sources"])
    text += "pipelines:\n" + "".join(pipeline_text(p, stops) for p in plan["pipelines"])
    return text + sink_text(plan["sink"])


def input_bytes(source):
    """The source's file."""
    end = b"\r\n" if source["crlf"] else b"\n"
    lines = [x if isinstance(x, bytes) else x.encode() for x in source["lines"]]
    text = b"\xef\xbb\xbf" if source["bom"] else b""
    text += end.join(lines)
    return text + (end if lines and not source["cut"] else b"")

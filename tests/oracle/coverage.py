"""What a campaign has met: in how many plans each feature stood, or happened."""

# Of a hundred plans, at least so many have it.
LEAST = {
    "typed streams": 20, "typed lines": 5, "refused by a type": 10, "lines": 10, "bad lines": 20,
    "keys: string": 20, "keys: int": 5, "keys: float": 5, "keys: bytes": 10,
    "values: string": 5, "values: int": 4, "values: float": 2, "values: bytes": 10,
    "refused by a key's format": 5, "refused by a value's format": 3,
    "tombstones": 10, "null keys": 3, "keyless records": 20, "flat_map": 15, "headers": 3,
    "set of several fields": 15, "set a null": 5, "late read on": 5, "failed read on": 4,
    "failed again": 1, "on_error of a step": 20, "drop": 30, "stopped": 5, "late": 30,
    "tumbling": 30, "hopping": 30, "hopping, grace 0": 10, "no grace said": 10, "no window": 15,
    "repartitions in a row": 15, "merge of two": 10, "merge of three": 2, "topic read back": 5,
    "growing files": 15, "crashed": 60, "reset": 8, "one file": 4, "whole records": 8,
    "sink steps": 8, "inputs silent": 8, "silence changed it": 0, "time.unit": 15, "max_ahead": 4,
}


def of_steps(plan):
    """Features of single steps, and the repartitions of each pipeline with what it reads."""
    found, behind = set(), {}
    for pipeline in plan["pipelines"]:
        moved = False
        count = max([behind.get(name, 0) for name in pipeline["from"]])
        for step in pipeline["steps"]:
            op = step["op"]
            if op in ("rekey", "flat_map"):
                moved = True
            if op in ("count", "aggregate"):
                count, moved = count + moved, False
                found |= of_window(step["window"])
            if op == "set" and len(step["items"]) > 1:
                found.add("set of several fields")
            if op == "set" and any(code == ("null",) for _, code in step["items"]):
                found.add("set a null")
            if op == "flat_map":
                found |= {"flat_map"} | ({"headers"} if step["shape"] == "headers" else set())
            if step.get("on_error"):
                found.add("on_error of a step")
        behind[pipeline["name"]] = count
        if count > 1:
            found.add("repartitions in a row")
        if len(pipeline["from"]) > 1:
            found.add("merge of two" if len(pipeline["from"]) == 2 else "merge of three")
    return found


def of_window(window):
    if window is None:
        return {"no window"}
    found = {"tumbling" if window["advance"] == window["size"] else "hopping"}
    if not window["says_grace"]:
        found.add("no grace said")
    if "hopping" in found and window["grace"] == 0:
        found.add("hopping, grace 0")
    return found


def of_streams(plan, topics):
    found = set()
    for name, spec in plan["streams"].items():
        if topics[name]:
            found.add(f"keys: {spec['key']}")
            found.add(f"values: {spec['value']}" if spec["value"] not in plan["types"]
                      else "typed streams")
        if spec["unit"] != "ms":
            found.add("time.unit")
        if spec["max_ahead"] is not None:
            found.add("max_ahead")
    for pipeline in plan["pipelines"]:
        for name in pipeline["from"]:
            kind = {"late": "late read on", "err": "failed read on"}.get(name.rstrip("0123456789"))
            kind = kind or ("topic read back" if name.startswith("out") else None)
            if kind and topics[name]:
                found.add(kind)
    return found


def of_plan(plan, model):
    """What the plan has, and what the model met in it."""
    found = of_steps(plan) | of_streams(plan, model.topics)
    for source in plan["sources"]:
        found |= {"lines"} if source["format"] == "lines" else set()
        found |= {"typed lines"} if source["format"] in plan["types"] else set()
    sink = plan["sink"]
    found |= {name for name, has in [
        ("growing files", plan["growing"]), ("stopped", model.stops), ("one file", sink["one_file"]),
        ("whole records", sink["format"] == "record"), ("sink steps", sink["steps"]),
        ("late", model.counts["late"]), ("drop", model.counts["dropped"])] if has}
    return found | {name for name, n in model.met.items() if n > 0 and name in LEAST}


def report(counts):
    """counts: plans by feature."""
    names = sorted(LEAST)
    width = max(map(len, names)) + 1
    cells = [f"{name:{width}}{counts.get(name, 0):>5}" for name in names]
    rows = [cells[i:i + 3] for i in range(0, len(cells), 3)]
    return "plans with\n" + "\n".join("  " + "    ".join(row) for row in rows)


def too_rare(counts, plans):
    """What fewer plans had than should, of so many."""
    return [f"{name}: {counts.get(name, 0)} of {least * plans // 100}"
            for name, least in LEAST.items() if counts.get(name, 0) < least * plans // 100]

"""The source tree as the checks see it: files, includes, functions. No git needed."""

import os
import re

SKIPPED = {".git", "build", "__pycache__", "millrace-data", "out"}
CODE = (".c", ".h", ".cpp")

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def files(root, endings=None):
    """Paths relative to root, sorted; hidden files and what builds leave are left out."""
    found = []
    for folder, names, leaves in os.walk(root):
        names[:] = [n for n in names if n not in SKIPPED and (n == ".ci" or n[0] != ".")]
        for leaf in leaves:
            if leaf[0] != "." and (endings is None or leaf.endswith(endings)):
                found.append(os.path.relpath(os.path.join(folder, leaf), root))
    return sorted(found)


def lines(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as text:
        return text.read().split("\n")


def includes(root, path):
    """(line number, '"' or '<', header) of every include."""
    for number, line in enumerate(lines(root, path), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found.group(1), found.group(2)


def functions(root, path):
    """(name, first line, length) of every function. The code is formatted: a function's body ends at
    the first brace in column 0, and its head begins behind the last blank line, brace or comment."""
    head = []
    begin = None
    name = ""
    for number, line in enumerate(lines(root, path), 1):
        if begin is None:
            if not line or line[0] in "}#/*" or line.startswith(" *"):
                head = []
                continue
            head.append((number, line))
            text = " ".join(part for _, part in head)
            if line.endswith("{") and "(" in text and "=" not in text.split("(")[0]:
                if re.match(r"(typedef|struct|enum|union|extern \"C\"|namespace)\b[^(]*\{", text):
                    head = []
                    continue
                begin = head[0][0]
                called = re.search(r"(\w+)\s*\(", text)
                name = called.group(1) if called else "?"
            elif line.endswith((";", "{")):
                head = []
        elif line.startswith("}"):
            yield name, begin, number - begin + 1
            begin = None
            head = []

"""Checks on the source tree itself: tidy.py ROOT CHECK [arguments]. Prints what is wrong, a line each,
and the count of what was looked at; exit status 1 when something is wrong, 77 when a check cannot run."""

import concurrent.futures
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import rules
import tree

SKIP = 77


def folder_of(path, folders):
    """The longest of the folders that the path is in."""
    fitting = [f for f in folders if path.startswith(f + "/")]
    return max(fitting, key=len) if fitting else None


def direction_problem(path, home, header):
    target = folder_of(header, rules.MAY_INCLUDE)
    if target is None:
        return "no folder of the house"
    if target == home:
        return None
    allowed = rules.MAY_INCLUDE[home]
    if allowed == rules.EVERYTHING or target in allowed or header in allowed:
        return None
    return "%s must not see %s" % (home, target)


def check_includes(root):
    """Who may include whom; a third-party header in one folder only."""
    problems, looked = [], 0
    for path in tree.files(root, tree.CODE):
        home = folder_of(path, rules.MAY_INCLUDE)
        free = path.split("/")[0] in rules.FREE_FOLDERS
        if home is None and not free:
            problems.append("%s: a folder without a rule in tests/tidy/rules.py" % path)
            continue
        for number, kind, header in tree.includes(root, path):
            looked += 1
            problem = None
            if header in rules.THIRD_PARTY:
                if not free and home not in rules.THIRD_PARTY[header]:
                    problem = "belongs to %s" % " ".join(rules.THIRD_PARTY[header])
            elif kind == "<":
                if home == "connectors/api" or home == "connectors/file":
                    problem = None if header in rules.C_STANDARD else "not a C standard header"
                elif header not in rules.C_STANDARD | rules.SYSTEM:
                    problem = "unknown: say in tests/tidy/rules.py which folder it belongs to"
            elif not os.path.exists(os.path.join(root, header)):
                beside = os.path.join(root, os.path.dirname(path), header)
                problem = "include paths begin at the root"
                if path.startswith("tests/") and os.path.exists(beside):
                    problem = None
            elif not free:
                problem = direction_problem(path, home, header)
            if problem:
                problems.append("%s:%d: %s: %s" % (path, number, header, problem))
    return problems, "%d includes" % looked


def check_names(root):
    """File names that say nothing, words that say 'unfinished', headers without their guard."""
    problems, looked = [], 0
    words = re.compile(r"\b(%s)\b" % "|".join(rules.UNFINISHED))
    for path in tree.files(root):
        stem = os.path.splitext(os.path.basename(path))[0].lower()
        for part in re.split(r"[_\-.]", stem):
            if part in rules.EMPTY_NAMES:
                problems.append("%s: '%s' says nothing about its subject" % (path, part))
        guarded = path in rules.PORTABLE_HEADERS or "#pragma once" in tree.lines(root, path)
        if path.endswith(".h") and not guarded:
            problems.append("%s: no #pragma once" % path)
        if not path.endswith(rules.TEXT_ENDINGS) or path.startswith("tests/tidy/"):
            continue
        looked += 1
        for number, line in enumerate(tree.lines(root, path), 1):
            found = words.search(line)
            if found:
                problems.append("%s:%d: %s" % (path, number, found.group(1)))
    return problems, "%d files" % looked


def check_sizes(root):
    """Length of functions and files. What was longer when the check came may only shrink."""
    problems, functions, longest = [], 0, 0
    for path in tree.files(root, tree.CODE):
        count = len(tree.lines(root, path)) - 1
        if count > rules.FILE_LINES.get(path, rules.FILE_LINES_MAX):
            problems.append("%s: %d lines" % (path, count))
        for name, line, length in tree.functions(root, path):
            functions += 1
            longest = max(longest, length)
            allowed = rules.FUNCTION_LINES.get("%s:%s" % (path, name), rules.FUNCTION_LINES_MAX)
            if length > allowed:
                problems.append("%s:%d: %s has %d lines" % (path, line, name, length))
    return problems, "%d functions, the longest has %d lines" % (functions, longest)


def check_bools(root):
    """No bool parameters in what a header exports: an enum says at the call what is meant."""
    problems, looked = [], 0
    exported = re.compile(r"^(?!static|typedef|#| ?\*|/)[\w *]+\bmr_\w+\(([^;{]*)\)[^;{]*;", re.M)
    for path in tree.files(root, (".h",)):
        if path.startswith("tests/"):
            continue
        text = "\n".join(tree.lines(root, path))
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        for found in exported.finditer(text):
            looked += 1
            subject = re.search(r"\bmr_\w+(?=\()", found.group(0)).group(0)
            if subject in rules.BOOL_IS_THE_SUBJECT:
                continue
            if re.search(r"\bbool \w+\s*(,|$)", found.group(1)):
                problems.append("%s: %s" % (path, " ".join(found.group(0).split())))
    return problems, "%d declarations" % looked


def check_readmes(root):
    """Every folder with files of its own says what it is."""
    problems, looked = [], 0
    folders = {os.path.dirname(path) for path in tree.files(root)}
    for folder in sorted(folders - {".ci"}):
        looked += 1
        if not os.path.exists(os.path.join(root, folder, "README.md")):
            problems.append("%s: no README.md" % (folder or "."))
    return problems, "%d folders" % looked


def check_links(root):
    """Links in texts lead to files that are there."""
    problems, looked = [], 0
    for path in tree.files(root, (".md",)):
        for number, line in enumerate(tree.lines(root, path), 1):
            for target in re.findall(r"\]\(([^)#: ]+)(?:#[^)]*)?\)", line):
                looked += 1
                there = os.path.join(root, os.path.dirname(path), target)
                if not os.path.exists(there):
                    problems.append("%s:%d: %s is not there" % (path, number, target))
    return problems, "%d links" % looked


def check_texts(root):
    """Functions and files that texts for developers name are there: the way of one record must not rot."""
    problems, looked = [], 0
    words = set(rules.THIRD_PARTY)
    for path in tree.files(root, tree.CODE + (".py", ".yaml", ".cmake")):
        words.update(re.findall(r"\w+", "\n".join(tree.lines(root, path))))
        words.update([os.path.basename(path), os.path.splitext(os.path.basename(path))[0]])
    exported = re.compile(r"`(mr_\w+|\w+\.(?:c|h|cpp|py))`")
    static_too = re.compile(r"`(\w+\.(?:c|h|cpp|py)|[a-z]+(?:_[a-z0-9]+)+)`")
    for path in tree.files(root, (".md",)):
        if path.startswith("docs/"):
            continue
        named = static_too if path == "ARCHITECTURE.md" else exported
        for number, line in enumerate(tree.lines(root, path), 1):
            for name in named.findall(line):
                looked += 1
                if name not in words:
                    problems.append("%s:%d: `%s` is not there" % (path, number, name))
    return problems, "%d names" % looked


def check_format(root):
    """clang-format has nothing to change."""
    if not shutil.which("clang-format"):
        print("clang-format is not installed: skipped (`.ci/setup all` installs it)")
        sys.exit(SKIP)
    paths = tree.files(root, tree.CODE)
    done = subprocess.run(["clang-format", "--dry-run", "--Werror"] + paths, cwd=root, text=True,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    changed = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", done.stderr, re.M)))
    problems = ["%s: `make format` would change it" % path for path in changed]
    if done.returncode != 0 and not problems:
        problems = done.stderr.splitlines()
    return problems, "%d files" % len(paths)


def flags_by_folder(root, build):
    """Flags of one translation unit of each folder, as the build uses them."""
    flags = {}
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as text:
        for entry in json.load(text):
            path = os.path.relpath(entry["file"], root)
            if not path.endswith(".c"):
                continue
            words = shlex.split(entry["command"])
            kept = []
            for word, following in zip(words, words[1:]):
                if word == "-isystem":
                    kept += [word, following]
                elif re.match(r"-(I|D|std=|f|W|m)", word):
                    kept.append(word)
            flags.setdefault(os.path.dirname(path), kept)
    return flags


def check_headers(root, build, compiler):
    """Every header compiles as the only line of a file."""
    flags = flags_by_folder(root, build)
    paths = tree.files(root, (".h",))

    def run(path):
        own = flags.get(os.path.dirname(path), flags["runtime/app"])
        command = [compiler] + own + ["-I" + root, "-fsyntax-only", "-x", "c", "-"]
        done = subprocess.run(command, input='#include "%s"\n' % path, cwd=root, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return None if done.returncode == 0 else "%s:\n%s" % (path, done.stdout)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [p for p in pool.map(run, paths) if p]
    return problems, "%d headers" % len(paths)


def symbols(library):
    """(object file, section, symbol) of everything that a static library uses or defines."""
    done = subprocess.run(["objdump", "-t", library], stdout=subprocess.PIPE, text=True, check=True)
    member = ""
    for line in done.stdout.splitlines():
        if ":     file format" in line:
            member = line.split(":")[0]
        elif re.match(r"[0-9a-f]{16} ", line):
            section, rest = line[25:].split("\t")
            yield member, section, rest.split()[-1]


def is_mutable(section):
    """Constants that hold addresses stand in .data.rel.ro."""
    return section == "*COM*" or (re.match(r"\.(data|bss|tdata|tbss)", section)
                                  and not section.startswith(".data.rel.ro"))


def check_calls(root, build):
    """What must be the same in the simulator asks nobody for time, chance, files or threads, and
    keeps nothing between calls."""
    problems, looked = [], 0
    for library in rules.PURE_LIBRARIES:
        for member, section, symbol in symbols(os.path.join(build, library)):
            source = member[:-2]
            if source in rules.IMPURE_MEMBERS.get(library, ()):
                continue
            looked += 1
            if section == "*UND*" and rules.BANNED_CALL.match(symbol):
                problems.append("%s: %s calls %s" % (library, source, symbol))
            elif is_mutable(section) and not symbol.startswith("."):
                problems.append("%s: %s keeps %s between calls" % (library, source, symbol))
    return problems, "%d symbols" % looked


CHECKS = {name[6:]: value for name, value in list(globals().items()) if name.startswith("check_")}


def main():
    root, check = os.path.abspath(sys.argv[1]), sys.argv[2]
    problems, looked = CHECKS[check](root, *sys.argv[3:])
    for problem in problems:
        print(problem)
    print("%s: %s, %d wrong" % (check, looked, len(problems)))
    sys.exit(1 if problems else 0)


main()

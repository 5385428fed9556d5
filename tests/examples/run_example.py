"""Runs one example in a copy of its folder and lets it check what came out.

run_example.py MILLRACE EXAMPLE [options of run]. An example is a folder with job.yaml, its data and check.py,
which is started in the folder it ran in with the program and the data directory. Run twice: what is done is not
done again."""

import os
import shutil
import subprocess
import sys
import tempfile


def call(folder, *command):
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, timeout=300)
    if done.returncode != 0:
        sys.exit("%s: exit status %d" % (" ".join(command), done.returncode))


def snapshot(folder):
    """Name and content of all that the sinks wrote."""
    found = {}
    for path, _, names in os.walk(os.path.join(folder, "out")):
        for name in names:
            with open(os.path.join(path, name), "rb") as content:
                found[os.path.relpath(os.path.join(path, name), folder)] = content.read()
    return found


def main():
    program, example, options = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3:]
    with tempfile.TemporaryDirectory(prefix="millrace-example-") as parent:
        folder = os.path.join(parent, os.path.basename(example))
        shutil.copytree(example, folder)
        call(folder, program, "check", "job.yaml")
        data = os.path.join(parent, "data")
        run = [program, "run", "job.yaml", "--until-end", "--data", data]
        call(folder, *run, *options)
        call(folder, sys.executable, "check.py", program, data)
        before = snapshot(folder)
        call(folder, *run, *options)
        if snapshot(folder) != before:
            sys.exit("a second run, with nothing new to do, changed what the sinks wrote")

main()

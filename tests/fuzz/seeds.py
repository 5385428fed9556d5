"""Seeds for fuzz_yaml, so that it begins behind what a parser's luck would have to find: random jobs of the oracle's
generator, the examples, the bench, and the jobs of the language reference. Beside them a dictionary of their words.

    seeds.py DIR DICTIONARY"""

import glob
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "oracle"))

import job_text
import plans

RANDOM_JOBS = 40
JOBS_MIN = RANDOM_JOBS + 10
SETTINGS = "workers: 2\nspill: {bytes: 10MiB}\nroots: [a, b]\n"


def read(path):
    with open(path, encoding="utf-8") as text:
        return text.read()


def jobs():
    for seed in range(1, RANDOM_JOBS + 1):
        yield job_text.yaml_of(plans.generate(seed))
    for pattern in ("examples/*/job.yaml", "bench/jobs/*.yaml"):
        for path in sorted(glob.glob(os.path.join(ROOT, pattern))):
            yield read(path)
    for block in re.findall(r"^```yaml\n(.*?)^```", read(os.path.join(ROOT, "docs", "language.md")), re.M | re.S):
        yield block
    yield SETTINGS


def main():
    folder, dictionary = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    words, count = set(), 0
    for count, job in enumerate(jobs(), 1):
        words.update(re.findall(r"[a-z_]{3,}(?=:)|(?<=[: ])[a-z]{3,}(?=[,} \n])", re.sub(r"#.*", "", job)))
        with open(os.path.join(folder, "job-%d" % count), "w", encoding="utf-8") as out:
            out.write(job)
    with open(dictionary, "w", encoding="ascii") as out:
        out.write("".join('"%s"\n' % word for word in sorted(words)))
    print("%d jobs, %d words" % (count, len(words)))
    if count < JOBS_MIN:
        sys.exit("at least %d jobs are asked for" % JOBS_MIN)


main()

"""reset: shown before it is done, done as a whole, refused where others write."""

import os
import shutil

from harness import JOB, Case, as_lines, events, hourly, main, results_of


class Reset(Case):
    def setUp(self):
        super().setUp()
        self.rows = events(1500)
        self.write("job.yaml", JOB)
        self.write("in.jsonl", as_lines(self.rows))
        self.expect(0, "run", "job.yaml", "--until-end")

    def test_a_dry_run_says_what_would_be_done_and_does_nothing(self):
        before = self.read("out.jsonl")
        topics = self.expect(0, "topics", "list", "--all").out
        result = self.expect(0, "reset", "job.yaml", "--to", "earliest", "--dry-run")
        self.assertIn("hourly", result.out)
        self.assertIn("by_origin", result.out)
        self.assertEqual(self.read("out.jsonl"), before)
        self.assertEqual(self.expect(0, "topics", "list", "--all").out, topics)

    def test_a_rerun_gives_the_same_again(self):
        self.expect(0, "reset", "job.yaml", "--to", "earliest", "--yes")
        self.assertEqual(self.read("out.jsonl"), "")
        result = self.expect(0, "run", "job.yaml", "--until-end")
        self.assertEqual(result.figure("source records"), 0)
        results = results_of(self.read("out.jsonl"))
        expected, _ = hourly(self.rows)
        self.assertEqual(len(results), len(expected))
        self.assertEqual(set(results), expected)

    def test_appending_keeps_what_was_written(self):
        before = self.expect(0, "consume", "hourly").out.splitlines()
        self.expect(0, "reset", "job.yaml", "--to", "earliest", "--append", "--yes")
        self.expect(0, "run", "job.yaml", "--until-end")
        after = self.expect(0, "consume", "hourly").out.splitlines()
        self.assertEqual(after[: len(before)], before)
        self.assertEqual(len(after), 2 * len(before))

    def test_one_that_cannot_be_finished_names_the_place_and_shows_nothing_as_done(self):
        self.write("job.yaml", JOB.replace("path: out.jsonl", "dir: out"))
        self.expect(0, "reset", "job.yaml", "--to", "earliest", "--append", "--yes")
        self.expect(0, "run", "job.yaml", "--until-end")
        piece = [name for name in os.listdir(self.path("out")) if name.endswith(".jsonl")][0]
        os.unlink(self.path("out/" + piece))
        os.makedirs(self.path("out/%s/in_the_way" % piece))
        result = self.expect(1, "reset", "job.yaml", "--to", "earliest", "--yes")
        self.assertEqual(result.out, "")
        self.assertIn("cannot remove out/" + piece, result.err)
        shutil.rmtree(self.path("out/" + piece))
        self.expect(0, "reset", "job.yaml", "--to", "earliest", "--yes")
        self.expect(0, "run", "job.yaml", "--until-end")


if __name__ == "__main__":
    main()

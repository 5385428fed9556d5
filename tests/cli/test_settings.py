"""millrace.yaml: found, checked strictly, beaten by options."""

import os

from harness import JOB, Case, main


class Settings(Case):
    def setUp(self):
        super().setUp()
        self.write("job.yaml", JOB)
        self.write("in.jsonl", "")

    def test_all_errors_are_told_with_their_positions(self):
        self.write("millrace.yaml", "workrs: 2\nspill_age: soon\nrate: 5\n")
        result = self.expect(2, "run", "job.yaml", "--until-end")
        self.assertIn("millrace.yaml:1:1: error", result.err)
        self.assertIn("did you mean 'workers'", result.err)
        self.assertIn("millrace.yaml:2:", result.err)
        self.assertFalse(os.path.exists(self.path("millrace-data")))

    def test_a_value_out_of_range_has_its_position(self):
        self.write("millrace.yaml", "workers: 1000\n")
        result = self.expect(2, "topics", "list")
        self.assertIn("millrace.yaml:1:10: error", result.err)
        self.assertIn("from 1 to 256", result.err)

    def test_the_file_says_where_the_data_is_and_options_win(self):
        self.write("millrace.yaml", "data: here\nworkers: 1\n")
        self.expect(0, "run", "job.yaml", "--until-end")
        self.assertTrue(os.path.exists(self.path("here/FORMAT")))
        # Output knows the log it was written from: another data directory has its own.
        for name in ("out.jsonl", ".out.jsonl.chain"):
            os.unlink(self.path(name))
        self.expect(0, "run", "job.yaml", "--until-end", "--data", "there")
        self.assertTrue(os.path.exists(self.path("there/FORMAT")))

    def test_data_of_a_file_elsewhere_is_beside_it(self):
        os.mkdir(self.path("conf"))
        self.write("conf/node.yaml", "data: d\n")
        self.expect(0, "run", "job.yaml", "--until-end", "--config", "conf/node.yaml")
        self.assertTrue(os.path.exists(self.path("conf/d/FORMAT")))

    def test_a_file_that_was_asked_for_must_be_there(self):
        result = self.expect(2, "run", "job.yaml", "--config", "no.yaml")
        self.assertIn("no.yaml", result.err)


if __name__ == "__main__":
    main()

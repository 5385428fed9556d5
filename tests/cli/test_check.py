"""check, and what run does with a job that does not check."""

import os

from harness import JOB, Case, main

THREE_ERRORS = """\
job: wrong
streams:
  events: {topic: events, key: string, value: json}
pipelines:
  counted:
    from: event
    steps:
      - filter: value.delay >
      - aggregate:
          window: {tumbing: 1h, grace: 1m, late: drop, emit: final}
          store: by_key
          fields: {n: count()}
    to: none
"""


class Check(Case):
    def test_a_right_job_says_nothing(self):
        self.write("job.yaml", JOB)
        result = self.expect(0, "check", "job.yaml")
        self.assertEqual((result.out, result.err), ("", ""))
        self.assertEqual(os.listdir(self.folder), ["job.yaml"])

    def test_three_errors_are_told_together_with_their_positions(self):
        self.write("job.yaml", THREE_ERRORS)
        result = self.expect(1, "check", "job.yaml")
        errors = [line for line in result.err.splitlines() if ": error " in line]
        self.assertEqual(len(errors), 3, result.err)
        self.assertTrue(errors[0].startswith("job.yaml:6:11: error"), errors[0])
        self.assertIn("did you mean 'events'", errors[0])
        self.assertTrue(errors[1].startswith("job.yaml:8:"), errors[1])
        self.assertTrue(errors[2].startswith("job.yaml:10:20: error"), errors[2])
        self.assertIn("did you mean 'tumbling'", errors[2])
        self.assertIn("\n   10 |           window: {tumbing:", result.err)
        self.assertIn("^~~~~~~", result.err)

    def test_several_files_are_all_checked(self):
        self.write("right.yaml", JOB)
        self.write("wrong.yaml", THREE_ERRORS)
        self.write("worse.yaml", "jobb: x\n")
        result = self.expect(1, "check", "right.yaml", "wrong.yaml", "worse.yaml")
        self.assertIn("wrong.yaml:6:11", result.err)
        self.assertIn("worse.yaml:1:1", result.err)
        self.assertNotIn("right.yaml", result.err)

    def test_warnings_alone_leave_zero(self):
        self.write("job.yaml", JOB.replace(
            "sources:", "  unused: {topic: unused, key: string, value: json}\nsources:", 1))
        result = self.expect(0, "check", "job.yaml")
        self.assertIn("warning", result.err)
        self.assertIn("unused", result.err)

    def test_a_job_that_does_not_check_is_not_started(self):
        self.write("job.yaml", THREE_ERRORS)
        result = self.expect(1, "run", "job.yaml", "--until-end")
        self.assertEqual(result.err.count(": error "), 3)
        self.assertEqual(os.listdir(self.folder), ["job.yaml"])

    def test_two_files_with_one_name_are_refused(self):
        self.write("a.yaml", JOB)
        self.write("b.yaml", JOB)
        result = self.expect(1, "run", "a.yaml", "b.yaml", "--until-end")
        self.assertIn("both say `job: cli`", result.err)


if __name__ == "__main__":
    main()

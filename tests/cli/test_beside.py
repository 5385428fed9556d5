"""topics, consume and state: beside a running job, and without one."""

import json
import os

from harness import HOUR_MS, JOB, Case, as_lines, events, hourly, main

COUNTS = """\
job: counts
streams:
  events: {topic: events, key: string, value: json}
  totals: {topic: totals, key: string, value: json}
sources:
  lines:
    file: {path: in.jsonl, format: json}
    to: events
pipelines:
  counted:
    from: events
    steps:
      - rekey: value.origin
      - count: totals_by_origin
    to: totals
"""


class Beside(Case):
    def setUp(self):
        super().setUp()
        self.rows = events(2000)
        self.write("in.jsonl", as_lines(self.rows))

    def test_records_topics_and_state_can_be_read_while_the_job_runs(self):
        self.write("job.yaml", COUNTS)
        child = self.start("run", "job.yaml", "--rate", "300", "--spill-bytes", "10kB")
        seen = []

        def state_is_there():
            result = self.run_program("state", "get", "totals_by_origin", "ATL", "--job", "job.yaml")
            if result.status == 0:
                seen.append(json.loads(result.out))
            return len(seen) >= 5

        self.wait_until("the state was read five times", state_is_there)
        self.assertEqual(seen, sorted(seen))
        self.assertIn("events", self.expect(0, "topics", "list").out)
        consumed = self.expect(0, "consume", "events", "--job", "job.yaml").out.splitlines()
        rows = [json.loads(line) for line in consumed]
        self.assertEqual([row["value"] for row in rows], self.rows[: len(rows)])
        self.assertEqual([row["partition"] for row in rows], [0] * len(rows))
        self.assertIsNone(child.poll())
        self.interrupt(child)

    def test_the_state_is_that_of_the_last_commit(self):
        self.write("job.yaml", COUNTS)
        for options in (["--state", "memory"], ["--spill-bytes", "1kB", "--spill-age", "10ms"]):
            data = "data" + options[1]
            self.expect(0, "run", "job.yaml", "--until-end", "--data", data, *options)
            for origin in ("ATL", "ORD", "DFW", "LAX"):
                result = self.expect(0, "state", "get", "totals_by_origin", origin, "--job",
                                     "job.yaml", "--data", data)
                self.assertEqual(json.loads(result.out),
                                 sum(row["origin"] == origin for row in self.rows))
            result = self.expect(1, "state", "get", "totals_by_origin", "JFK", "--job", "job.yaml",
                                 "--data", data)
            self.assertIn("no row for the key JFK", result.err)
            result = self.expect(1, "state", "get", "totals_by_orign", "ATL", "--job", "job.yaml",
                                 "--data", data)
            self.assertIn("did you mean 'totals_by_origin'", result.err)

    def test_windows_are_there_until_they_close(self):
        self.write("job.yaml", JOB)
        child = self.start("run", "job.yaml")
        self.wait_until("all records were taken", self.all_taken)
        greatest = max(row["at"] for row in self.rows)
        expected, _ = hourly(self.rows)
        for origin in ("ATL", "ORD", "DFW", "LAX"):
            want = sorted((start, n) for o, start, n, _ in expected
                          if o == origin and start + 2 * HOUR_MS > greatest)
            result = self.run_program("state", "get", "by_origin", origin, "--job", "job.yaml")
            have = [json.loads(line) for line in result.out.splitlines()]
            self.assertEqual([(row["window"]["start"], row["value"]["n"]) for row in have], want)
            for row in have:
                self.assertEqual(row["window"]["stop"] - row["window"]["start"], HOUR_MS)
            if want:
                result = self.expect(0, "state", "get", "by_origin", '"%s"' % origin, "--job",
                                     "job.yaml", "--window", str(want[0][0]))
                self.assertEqual(json.loads(result.out)["n"], want[0][1])
        self.interrupt(child)

    def all_taken(self):
        """The last window that closes before the end of the input is there."""
        greatest = max(row["at"] for row in self.rows)
        expected, _ = hourly(self.rows)
        closed = sum(start + 2 * HOUR_MS <= greatest for _, start, _, _ in expected)
        result = self.run_program("consume", "hourly")
        return len(result.out.splitlines()) >= closed

    def test_consume_takes_streams_topics_offsets_and_counts(self):
        self.write("job.yaml", JOB)
        self.expect(0, "run", "job.yaml", "--until-end")
        by_stream = self.expect(0, "consume", "late_events", "--job", "job.yaml").out
        by_topic = self.expect(0, "consume", "events-late", "--job", "job.yaml").out
        self.assertEqual(by_stream, by_topic)
        without_job = self.expect(0, "consume", "events-late").out.splitlines()
        self.assertEqual(json.loads(json.loads(without_job[0])["value"]),
                         json.loads(by_topic.splitlines()[0])["value"])
        some = self.expect(0, "consume", "events", "--from", "100", "--max", "3").out.splitlines()
        offsets = [json.loads(line)["offset"] for line in some]
        self.assertEqual(len(offsets), 3)
        self.assertGreaterEqual(offsets[0], 100)
        self.assertIn("the partitions 0 to 0",
                      self.expect(2, "consume", "events", "--partition", "7").err)
        self.assertIn("--job FILE", self.expect(1, "consume", "late_events").err)

    def test_topics_are_listed_and_described(self):
        self.write("job.yaml", JOB)
        self.expect(0, "run", "job.yaml", "--until-end")
        listed = self.expect(0, "topics", "list").out
        names = [line.split()[0] for line in listed.splitlines()[1:]]
        self.assertEqual(names, ["events", "events-late", "hourly"])
        everything = self.expect(0, "topics", "list", "--all").out
        self.assertIn("__cluster_metadata", everything)
        self.assertIn("changelog", everything)
        described = self.expect(0, "topics", "describe", "events").out
        self.assertIn("kind        user", described)
        self.assertIn("did you mean 'events'?", self.expect(1, "topics", "describe", "event").err)

    def test_readers_write_nothing(self):
        self.write("job.yaml", JOB)
        self.expect(0, "run", "job.yaml", "--until-end", "--spill-bytes", "1kB")
        before = self.fingerprint()
        self.run_program("topics", "list")
        self.run_program("consume", "events", "--max", "5")
        self.run_program("state", "get", "by_origin", "ATL", "--job", "job.yaml")
        self.run_program("check", "job.yaml")
        self.assertEqual(self.fingerprint(), before)

    def fingerprint(self):
        found = {}
        for folder, _, names in os.walk(self.path("millrace-data")):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as content:
                    found[path] = (os.stat(path).st_mtime_ns, content.read())
        return found


if __name__ == "__main__":
    main()

"""What a newcomer gets wrong: input that is not what it should be, files that move, names that clash."""

import json
import os
import subprocess

from harness import Case, main

JOB = """\
job: mistakes
streams:
  events: {topic: events, key: string, value: json}
  copies: {topic: copies, key: string, value: json}
  bad: {topic: bad, key: bytes, value: bytes}
sources:
  lines:
    file: {path: in.jsonl, format: json}
    on_error: stop
    to: events
pipelines:
  copied:
    from: events
    on_error: bad
    steps:
      - set: {twice: value.n * 2}
    to: copies
sinks:
  rows:
    from: copies
    file: {path: out.jsonl, format: json}
"""

BAD_LINES = b'{"n":1}\nnot json\n{"n":3}\n[1,2\n\xff\xfe\n{"n":4}'


class Mistakes(Case):
    def setUp(self):
        super().setUp()
        self.write("job.yaml", JOB)
        self.write("in.jsonl", '{"n":1}\n{"n":2}\n')

    def write_bytes(self, name, content):
        with open(self.path(name), "wb") as out:
            out.write(content)

    def rows(self):
        return [json.loads(line)["n"] for line in self.read("out.jsonl").splitlines()]

    def stopped(self, *words):
        result = self.expect(1, "run", "job.yaml", "--until-end")
        for word in words:
            self.assertIn(word, result.err)

    def test_lines_that_are_no_json_stop_the_job_with_their_number(self):
        self.write_bytes("in.jsonl", BAD_LINES)
        self.stopped("job.yaml:7", "in.jsonl:2", "not JSON", "set on_error")

    def test_lines_that_are_no_json_are_dropped_and_counted(self):
        self.write("job.yaml", JOB.replace("on_error: stop", "on_error: drop"))
        self.write_bytes("in.jsonl", BAD_LINES)
        result = self.expect(0, "run", "job.yaml", "--until-end")
        self.assertEqual(result.figure("dropped"), 3)
        self.assertEqual(self.rows(), [1, 3, 4])

    def test_lines_that_are_no_json_go_to_a_stream_as_they_were(self):
        self.write("job.yaml", JOB.replace("on_error: stop", "on_error: bad"))
        self.write_bytes("in.jsonl", BAD_LINES)
        result = self.expect(3, "run", "job.yaml", "--until-end")
        self.assertEqual(result.figure("failed"), 3)
        self.assertEqual(self.rows(), [1, 3, 4])
        bad = [json.loads(line)
               for line in self.expect(0, "consume", "bad", "--job", "job.yaml").out.splitlines()]
        self.assertEqual([record["value"] for record in bad],
                         ["not json", "[1,2", {"base64": "//4="}])
        self.assertEqual([record["headers"]["millrace-origin"] for record in bad],
                         ["in.jsonl:2", "in.jsonl:4", "in.jsonl:5"])

    def test_files_of_other_systems_are_read(self):
        self.write_bytes("in.jsonl", b'\xef\xbb\xbf{"n":1}\r\n\r\n{"n":2}\r\n{"n":3}')
        self.expect(0, "run", "job.yaml", "--until-end")
        self.assertEqual(self.rows(), [1, 2, 3])

    def test_a_line_too_long_is_an_error_record(self):
        self.write("in.jsonl", '{"n":1,"t":"%s"}\n{"n":2}\n' % ("x" * 2000000))
        self.stopped("in.jsonl:1", "longer than max_record")

    def test_a_source_that_is_missing_or_was_cut_is_told(self):
        os.unlink(self.path("in.jsonl"))
        self.stopped("in.jsonl: no such file")
        self.write("in.jsonl", '{"n":1}\n{"n":2}\n')
        self.expect(0, "run", "job.yaml", "--until-end")
        self.write("in.jsonl", '{"n":1}\n')
        self.stopped("was truncated", "give the source another name")

    def test_output_that_was_taken_away_or_changed_is_never_added_to(self):
        self.expect(0, "run", "job.yaml", "--until-end")
        self.write("out.jsonl", "mine\n")
        self.stopped("out.jsonl", "cut or replaced", "reset")
        self.assertEqual(self.read("out.jsonl"), "mine\n")

    def test_records_behind_an_end_want_a_reset(self):
        self.expect(0, "run", "job.yaml", "--until-end")
        self.write("in.jsonl", '{"n":1}\n{"n":2}\n{"n":3}\n')
        self.stopped("new records after the input ended", "reset")
        self.expect(0, "reset", "job.yaml", "--to", "earliest", "--yes")
        self.expect(0, "run", "job.yaml", "--until-end")
        self.assertEqual(self.rows(), [1, 2, 3])

    def test_paths_that_leave_the_folder_are_told_by_check(self):
        for path in ("../in.jsonl", "/etc/passwd", "a/../../b", "./in.jsonl"):
            self.write("job.yaml", JOB.replace("in.jsonl", path))
            result = self.expect(1, "check", "job.yaml")
            self.assertIn("job.yaml:8:18: error", result.err)
            self.assertIn("must stay under the job's folder", result.err)

    def test_one_job_given_twice_is_refused(self):
        self.assertIn("a job's name is its identity",
                      self.expect(1, "run", "job.yaml", "job.yaml").err)

    def test_a_source_in_two_jobs_of_a_run_is_refused(self):
        self.write("other.yaml", JOB.replace("mistakes", "other").replace("copies", "others"))
        result = self.expect(1, "run", "job.yaml", "other.yaml", "--until-end")
        self.assertIn("job.yaml and other.yaml both have the source 'lines' to topic events",
                      result.err)
        self.assertFalse(os.path.exists(self.path("millrace-data")))

    def test_two_sinks_on_one_place_are_told(self):
        self.write("other.yaml", "job: other\nstreams:\n"
                   "  events: {topic: events, key: string, value: json}\n"
                   "sinks:\n  more: {from: events, file: {path: out.jsonl}}\n")
        result = self.expect(1, "run", "job.yaml", "other.yaml", "--until-end")
        self.assertIn("another sink, of this run or of another one, writes there", result.err)
        self.write("job.yaml", JOB + "  more:\n    from: events\n    file: {path: out.jsonl}\n")
        self.stopped("job.yaml:24:18: error", "'out.jsonl' is where the sink 'rows' writes")

    def test_a_data_directory_that_cannot_be_used_is_named(self):
        self.expect(0, "run", "job.yaml", "--until-end")
        self.write("millrace-data/FORMAT", "millrace log 99\n")
        for arguments in (["run", "job.yaml"], ["consume", "events"], ["topics", "list"]):
            self.assertIn("millrace-data: ", self.expect(1, *arguments).err)

    def test_a_partition_that_is_offline_says_why(self):
        self.expect(0, "run", "job.yaml", "--until-end")
        os.truncate(self.path("millrace-data/log/copies-0/00000000000000000000.log"), 10)
        result = self.expect(1, "consume", "copies")
        self.assertIn("offline: log/copies-0/00000000000000000000.log: a batch is broken",
                      result.err)

    def test_names_of_topics_and_streams_get_a_suggestion(self):
        self.expect(0, "run", "job.yaml", "--until-end")
        self.assertIn("did you mean 'copies'?", self.expect(1, "consume", "copis").err)
        self.assertIn("did you mean 'bad'?",
                      self.expect(1, "consume", "bd", "--job", "job.yaml").err)
        self.write("job.yaml", JOB.replace("topic: bad", "topic: worse"))
        self.assertIn("'bad' has nothing yet: its topic worse is made when the job runs",
                      self.expect(1, "consume", "bad", "--job", "job.yaml").err)

    def test_what_is_no_job_is_told_with_its_place(self):
        for content in (b"", b"just text", b"job: [", b"\x00\x01", b"job: x\n", b"\xff\xfe"):
            self.write_bytes("other.yaml", content)
            self.assertIn("other.yaml:", self.expect(1, "run", "other.yaml").err)
        self.assertIn("missing.yaml", self.expect(1, "run", "missing.yaml").err)
        self.assertFalse(os.path.exists(self.path("millrace-data")))

    def test_a_data_directory_that_is_a_file_is_told(self):
        self.write("millrace-data", "x")
        self.stopped("millrace-data")

    def test_a_reader_that_goes_away_is_no_trouble(self):
        self.write("in.jsonl", "".join('{"n":%d}\n' % n for n in range(20000)))
        self.expect(0, "run", "job.yaml", "--until-end")
        with subprocess.Popen([self.program, "consume", "events"], cwd=self.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            child.stdout.readline()
            child.stdout.close()
            self.assertEqual(child.stderr.read(), b"")
            child.wait(timeout=120)


if __name__ == "__main__":
    main()

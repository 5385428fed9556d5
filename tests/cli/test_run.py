"""run: to the end, interrupted, refused, stopped, over the edge of the disk."""

import json
import os
import pty
import signal
import subprocess
import time

from harness import JOB, STATES, Case, as_lines, events, hourly, limit_file_size, main, results_of

STOPS = """\
job: stops
streams:
  events: {topic: events, key: string, value: json}
  copies: {topic: copies, key: string, value: json}
sources:
  lines:
    file: {path: in.jsonl, format: json}
    to: events
pipelines:
  copied:
    from: events
    steps:
      - set: {twice: value.delay * 2}
    to: copies
"""

# A record takes some ten milliseconds.
SLOW = """\
job: slow
functions: |
  function slow()
    local i = 0
    while i < 1500000 do i = i + 1 end
    return true
  end
streams:
  events: {topic: events, key: string, value: json}
  copies: {topic: copies, key: string, value: json}
sources:
  lines:
    file: {path: in.jsonl, format: json}
    to: events
pipelines:
  copied:
    from: events
    steps: [{filter: slow()}]
    to: copies
"""

SLOW_SOURCE = SLOW.replace("    steps: [{filter: slow()}]\n", "").replace(
    "    to: events\n", "    steps: [{filter: slow()}]\n    to: events\n", 1)

# One key, so that one of the two partitions never gets a record.
ONE_SIDED = """\
job: one_sided
streams:
  events:
    topic: events
    key: string
    value: json
    time: {from: value.at, idle: 200ms}
    create: {partitions: 2}
  per_second: {topic: per-second, key: string, value: json}
sources:
  lines:
    file: {path: few.jsonl, format: json}
    steps: [{rekey: ("same")}]
    to: events
pipelines:
  counted:
    from: events
    steps:
      - rekey: value.name
      - count: {store: by_name, window: {tumbling: 1s, grace: 0s, late: drop, emit: final}}
    to: per_second
"""


class Run(Case):
    def setUp(self):
        super().setUp()
        self.rows = events(3000)
        self.expected, self.late = hourly(self.rows)
        self.assertGreater(len(self.late), 50)
        self.write("job.yaml", JOB)
        self.write("in.jsonl", as_lines(self.rows))

    def assert_right(self, text):
        results = results_of(text)
        self.assertEqual(len(results), len(self.expected))
        self.assertEqual(set(results), self.expected)

    def test_until_end_gives_every_window_and_says_so(self):
        for state in STATES:
            result = self.expect(
                0, "run", "job.yaml", "--until-end", "--data", state, "--state", state)
            self.assert_right(self.read("out.jsonl"))
            self.assertEqual(result.out, "")
            self.assertEqual(result.figure("late"), len(self.late))
            self.assertEqual(result.figure("windows closed"), len(self.expected))
            self.assertEqual(result.figure("source records"), len(self.rows))
            self.assertGreater(result.figure("commits"), 0)
            late = self.expect(0, "consume", "late_events", "--job", "job.yaml", "--data", state)
            self.assertEqual(
                [json.loads(line)["value"]["number"] for line in late.out.splitlines()], self.late)
            self.write("out.jsonl", "")
            for name in (".out.jsonl.chain", "out.jsonl"):
                self.remove_if_there(name)

    def remove_if_there(self, name):
        if os.path.exists(self.path(name)):
            os.unlink(self.path(name))

    def test_a_second_run_finds_nothing_left_to_do(self):
        self.expect(0, "run", "job.yaml", "--until-end")
        before = self.read("out.jsonl")
        result = self.expect(0, "run", "job.yaml", "--until-end")
        self.assertEqual(self.read("out.jsonl"), before)
        self.assertEqual(result.figure("source records"), 0)

    def test_a_second_process_is_refused_with_the_pid_of_the_first(self):
        child = self.start("run", "job.yaml", "--rate", "100")
        self.wait_until("the first holds the lock",
                        lambda: self.run_program("topics", "list").status == 0)
        result = self.expect(1, "run", "job.yaml")
        self.assertIn("is in use", result.err)
        self.assertIn("process %d" % child.pid, result.err)
        self.assertIn("process %d" % child.pid,
                      self.expect(1, "reset", "job.yaml", "--to", "earliest", "--yes").err)
        self.interrupt(child)

    def test_signals_commit_and_stop_within_a_second_and_the_next_run_goes_on(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            before = self.committed()
            child = self.start("run", "job.yaml", "--rate", "100")
            self.wait_until("more records are there", lambda: self.committed() > before)
            result, seconds = self.interrupt(child, number)
            self.assertEqual(result.status, 0, result.err)
            # One second is the promise; how near a loaded machine comes decides no test, only that it stops.
            print(f"stopped after {seconds:.2f} s")
            self.assertLess(seconds, 10.0)
        result = self.expect(0, "run", "job.yaml", "--until-end")
        self.assertLess(result.figure("source records"), len(self.rows))
        self.assert_right(self.read("out.jsonl"))

    def test_a_run_whose_messages_nobody_reads_any_more_still_commits(self):
        child = self.start("run", "job.yaml", "--rate", "100")
        self.wait_until("records are there", self.something_is_committed)
        child.stderr.close()
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(timeout=120), 0)
        child.stdout.close()
        self.children.remove(child)
        self.expect(0, "run", "job.yaml", "--until-end")
        self.assert_right(self.read("out.jsonl"))

    def test_on_a_terminal_one_line_is_rewritten_and_gone_at_the_end(self):
        try:
            terminal, stderr = pty.openpty()
        except OSError as error:
            self.skipTest(f"no terminal to be had here: {error}")
        child = subprocess.Popen([self.program, "run", "job.yaml", "--rate", "500", "--state", STATES[0]],
                                 cwd=self.folder, stdin=subprocess.DEVNULL, stderr=stderr)
        os.close(stderr)
        said = b""
        try:
            while b" records in (" not in said:
                said += os.read(terminal, 4096)
            child.send_signal(signal.SIGINT)
            while b"records/s" not in said:
                said += os.read(terminal, 4096)
            self.assertEqual(child.wait(timeout=120), 0)
        finally:
            child.kill()
            child.wait()
            os.close(terminal)
        clear = b"\r\x1b[K"
        shown = [part for part in said.split(clear) if b" records in (" in part]
        self.assertTrue(all(b"\n" not in part for part in shown), said)
        self.assertIn(clear + b"millrace: committing and stopping", said)

    def test_a_run_with_closed_standard_streams_writes_no_message_into_a_file_of_its_own(self):
        def close_all():
            for number in range(3):
                os.close(number)

        child = subprocess.Popen([self.program, "run", "job.yaml", "--until-end", "--state", STATES[0]],
                                 cwd=self.folder, preexec_fn=close_all)
        self.assertEqual(child.wait(timeout=120), 0)
        self.assert_right(self.read("out.jsonl"))
        for folder, _, names in os.walk(self.folder):
            for name in names:
                with open(os.path.join(folder, name), "rb") as content:
                    self.assertNotIn(b"millrace: ", content.read(), name)

    def assert_stops_in_the_middle_of(self, job):
        self.write("slow.yaml", job)
        self.write("in.jsonl", "".join('{"n":%d}\n' % n for n in range(5000)))
        child = self.start("run", "slow.yaml")
        self.wait_until("something is committed",
                        lambda: self.run_program("consume", "events", "--max", "1").out != "")
        time.sleep(0.2)
        result, _ = self.interrupt(child)
        self.assertEqual(result.status, 0, result.err)
        self.assertNotIn("left without the last commit", result.err)

    def test_a_signal_does_not_wait_for_a_slow_script_to_go_through_all_it_has(self):
        self.assert_stops_in_the_middle_of(SLOW)

    def test_a_signal_does_not_wait_for_a_slow_source_either(self):
        self.assert_stops_in_the_middle_of(SLOW_SOURCE)

    def test_a_partition_that_never_had_a_record_holds_no_window_open(self):
        self.write("one_sided.yaml", ONE_SIDED)
        self.write("few.jsonl", '{"name": "a", "at": 1000}\n{"name": "b", "at": 9000}\n')
        child = self.start("run", "one_sided.yaml")
        self.wait_until("both windows are closed", lambda: len(
            self.run_program("consume", "per-second").out.splitlines()) == 2)
        self.assertEqual(self.interrupt(child)[0].status, 0)

    def committed(self):
        return len(self.run_program("consume", "events").out.splitlines())

    def something_is_committed(self):
        return self.run_program("consume", "events", "--max", "1").out != ""

    def test_killed_and_run_again_gives_the_same(self):
        for _ in range(3):
            child = self.start("run", "job.yaml", "--rate", "800", "--spill-bytes", "20kB")
            self.wait_until("records are there", self.something_is_committed)
            child.kill()
            self.finish(child)
        self.expect(0, "run", "job.yaml", "--until-end", "--spill-bytes", "20kB")
        self.assert_right(self.read("out.jsonl"))

    def test_a_stopped_job_says_where_and_how_to_go_on(self):
        self.write("job.yaml", STOPS)
        rows = [{"delay": 1}, {"delay": "soon"}, {"delay": 3}]
        self.write("in.jsonl", as_lines(rows))
        result = self.expect(1, "run", "job.yaml", "--until-end")
        self.assertIn("job.yaml:13", result.err)
        self.assertIn("events[0]@1", result.err)
        self.assertIn("set on_error", result.err)
        self.write("job.yaml", STOPS.replace("value.delay * 2", "tonumber(value.delay) or 0"))
        self.expect(0, "run", "job.yaml", "--until-end")
        copies = self.expect(0, "consume", "copies", "--job", "job.yaml").out.splitlines()
        self.assertEqual([json.loads(line)["value"]["twice"] for line in copies], [1, 0, 3])

    def test_error_records_make_the_status_three(self):
        self.write("job.yaml", STOPS.replace(
            "streams:", "defaults: {on_error: wrong}\nstreams:\n"
                        "  wrong: {topic: wrong, key: bytes, value: bytes}", 1))
        self.write("in.jsonl", as_lines([{"delay": 1}, {"delay": "soon"}, {"delay": 3}]))
        result = self.expect(3, "run", "job.yaml", "--until-end")
        self.assertEqual(result.figure("failed"), 1)
        wrong = json.loads(self.expect(0, "consume", "wrong", "--job", "job.yaml").out)
        self.assertEqual(json.loads(wrong["value"]), {"delay": "soon"})
        self.assertEqual(wrong["headers"]["millrace-origin"], "events[0]@1")
        self.expect(0, "run", "job.yaml", "--until-end")

    def test_another_definition_is_refused_and_works_after_a_reset(self):
        self.expect(0, "run", "job.yaml", "--until-end")
        before = self.read("out.jsonl")
        self.write("job.yaml", JOB.replace("tumbling: 1h", "tumbling: 2h"))
        result = self.expect(1, "run", "job.yaml", "--until-end")
        self.assertIn("by_origin", result.err)
        self.assertIn("reset", result.err)
        self.assertEqual(self.read("out.jsonl"), before)
        self.expect(0, "reset", "job.yaml", "--to", "earliest", "--yes")
        self.expect(0, "run", "job.yaml", "--until-end")
        self.assertTrue(all(row[1] % 7200000 == 0 for row in results_of(self.read("out.jsonl"))))

    def test_a_full_disk_stops_cleanly_and_the_next_run_goes_on(self):
        result = self.expect(1, "run", "job.yaml", "--until-end", limit=limit_file_size(100000))
        self.assertIn("the disk is full", result.err)
        self.assertIn("nothing is lost", result.err)
        self.expect(0, "run", "job.yaml", "--until-end")
        self.assert_right(self.read("out.jsonl"))

    def test_an_unknown_format_of_the_data_directory_is_refused(self):
        self.expect(0, "run", "job.yaml", "--until-end")
        self.write("millrace-data/FORMAT", "millrace log 99\n")
        for arguments in (["run", "job.yaml", "--until-end"], ["topics", "list"]):
            self.assertIn("millrace log 99", self.expect(1, *arguments).err)


if __name__ == "__main__":
    main()

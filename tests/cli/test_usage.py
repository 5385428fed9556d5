"""Verbs and options: what is right, what is refused, and how it says so."""

from harness import Case, main

VERBS = ["run", "check", "topics", "consume", "state", "reset", "version", "help"]
LATER = [
    "annotate", "bench", "connectors", "dev", "dlq", "eval", "explain", "fmt", "graph", "groups",
    "import", "jobs", "lsp", "new", "produce", "repl", "schema", "serve", "sql", "tap", "test", "why",
]


class Usage(Case):
    def test_without_a_verb_the_help_is_printed_as_an_error(self):
        result = self.expect(2)
        self.assertEqual(result.out, "")
        for verb in VERBS:
            self.assertIn("  %s " % verb, result.err)

    def test_help_is_data(self):
        for arguments in (["help"], ["--help"], ["-h"]):
            result = self.expect(0, *arguments)
            self.assertIn("Verbs:", result.out)
            self.assertEqual(result.err, "")

    def test_each_verb_explains_itself(self):
        for verb in VERBS:
            for arguments in ([verb, "--help"], ["help", verb]):
                result = self.expect(0, *arguments)
                self.assertTrue(result.out.startswith("millrace %s" % verb), result.out)
                self.assertIn("--help", result.out)
        self.assertIn("--until-end", self.expect(0, "run", "--help").out)

    def test_an_unknown_verb_gets_a_suggestion(self):
        result = self.expect(2, "chek")
        self.assertEqual(result.err, "millrace: unknown verb 'chek', did you mean 'check'?\n")
        self.assertIn("unknown verb", self.expect(2, "help", "nothing_like_it").err)

    def test_verbs_of_later_versions_are_refused_by_name(self):
        for verb in LATER:
            result = self.expect(2, verb)
            self.assertEqual(result.err, "millrace: '%s' is not in this version\n" % verb)

    def test_options_of_later_versions_are_refused_by_name(self):
        for arguments in (
            ["run", "--reopen", "x.yaml"],
            ["run", "--log", "kafka://h:1", "x.yaml"],
            ["check", "--against", "t", "x.yaml"],
            ["check", "--json", "x.yaml"],
            ["reset", "--sources", "x.yaml"],
            ["reset", "x.yaml", "--to", "time"],
            ["state", "scan", "s"],
            ["state", "size", "s"],
            ["state", "get", "s", "k", "--at", "10:05"],
        ):
            result = self.expect(2, *arguments)
            self.assertIn("not in this version", result.err, arguments)

    def test_wrong_command_lines_say_what_is_wrong(self):
        for arguments, message in (
            (["run"], "something is missing"),
            (["run", "a.yaml", "--untl-end"], "did you mean --until-end?"),
            (["run", "a.yaml", "--workers"], "--workers needs a value"),
            (["run", "a.yaml", "--workers", "0"], "from 1 to 256"),
            (["run", "a.yaml", "--memory", "much"], "'much' is not a size from 32MiB on"),
            (["run", "a.yaml", "--commit-interval", "5"], "from 1ms to 1h"),
            (["run", "a.yaml", "--state", "paper"], "rocksdb or memory"),
            (["topics"], "something is missing"),
            (["topics", "lst"], "neither list nor describe"),
            (["topics", "describe"], "needs a topic's name"),
            (["topics", "describe", "t", "--all"], "--all goes with topics list"),
            (["run", "a.yaml", "--rate", "-5"], "not a whole number of source records per second"),
            (["consume"], "something is missing"),
            (["consume", "t", "--max", "-1"], "whole number"),
            (["state", "get", "s"], "needs a store and a key"),
            (["state", "get", "s", "k"], "--job FILE"),
            (["reset", "a.yaml"], "--to earliest"),
            (["reset", "a.yaml", "--to", "earliest"], "say --yes"),
            (["version", "x"], "one too many"),
        ):
            result = self.expect(2, *arguments)
            self.assertIn(message, result.err, arguments)
            self.assertEqual(result.out, "")

    def test_version_names_the_libraries(self):
        result = self.expect(0, "version")
        self.assertRegex(result.out, r"^millrace \d+\.\d+\.\d+\n")
        for library in ("libyaml", "lua", "libuv", "rocksdb", "simdjson", "zstd"):
            self.assertRegex(result.out, r"%s +\d" % library)

    def test_all_job_files_that_are_not_there_are_named(self):
        for verb in ("run", "check"):
            result = self.expect(1, verb, "no.yaml", "none.yaml")
            self.assertEqual(len(result.err.splitlines()), 2, result.err)
            self.assertIn("no.yaml", result.err)
            self.assertIn("none.yaml", result.err)

    def test_verbs_that_only_read_make_no_data_directory(self):
        for arguments in (["topics", "list"], ["consume", "t"]):
            self.assertIn("there is no data directory", self.expect(1, *arguments).err)


if __name__ == "__main__":
    main()

/* runtime/app/main.c - finds the verb and hands its command line over. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/app/messages.h"
#include "runtime/app/verbs.h"

static mr_exit print_help(const mr_verb *verb) {
    mr_buf text = {0};
    mr_verb_help(verb, &text);
    fputs(mr_buf_cstr(&text), stdout);
    mr_buf_deinit(&text);
    return MR_EXIT_OK;
}

static mr_exit run_verb(const mr_verb *verb, int argc, char **argv) {
    mr_arguments arguments;
    mr_err err = {0};
    mr_exit result = MR_EXIT_USAGE;
    if (mr_arguments_parse(verb, argc, argv, &arguments, &err) != MR_OK) {
        mr_say("%s: %s", verb->name, err.message);
    } else if (arguments.help) {
        result = print_help(verb);
    } else {
        result = verb->run(&arguments);
    }
    mr_arguments_deinit(&arguments);
    return result;
}

/* Where a standard stream was closed, the next file opened would have its number, and messages
 * would go into the log. What stands in for it cannot be written to, so that lost output is told.
 */
static void fill_closed_streams(void) {
    int fd;
    do {
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
}

/* The log and the stores bound what they hold open; the usual soft limit is lower than all of them
 * together in a job of many tasks. */
static void allow_files(void) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

int main(int argc, char **argv) {
    fill_closed_streams();
    allow_files();
    const char *word = argc > 1 ? argv[1] : NULL;
    if (!word) {
        mr_buf text = {0};
        mr_verbs_help(&text);
        mr_say_text(mr_buf_view(&text));
        mr_buf_deinit(&text);
        return MR_EXIT_USAGE;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        word = "help";
    } else if (strcmp(word, "--version") == 0) {
        word = "version";
    }
    const mr_verb *verb = mr_verb_find(word);
    mr_exit result = verb ? run_verb(verb, argc - 2, argv + 2) : mr_verb_refuse(word);
    if (fflush(stdout) != 0 && result == MR_EXIT_OK) {
        mr_say("writing to stdout failed");
        return MR_EXIT_STOPPED;
    }
    return result;
}

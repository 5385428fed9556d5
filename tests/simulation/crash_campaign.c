/* crash_campaign - every script stopped at every I/O operation, with every bounded subset of the
 * unsynced writes lost; and promises broken on purpose, to see that the checks notice.
 *
 *   crash_campaign [--script NAME] [--seed N] [--per-stop N] [--stop N] [--variant N]
 *   crash_campaign --broken NAME|all|NONE [--seed N]
 *
 * --per-stop: at most so many variants of each stop, evenly spread (default 3; 0: all).
 * Exit 0; 1: a promise was broken (or, with --broken, one broken on purpose was not noticed), or
 * fewer points than a script promises; 2: usage.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/app/breaks.h"
#include "runtime/base/prng.h"
#include "tests/simulation/crash_points.h"

#define PER_STOP 3
#define POINTS_MIN 5000

typedef struct campaign {
    const char *script; /* NULL: all */
    const char *broken; /* NULL: the crash campaign */
    uint64_t seed, per_stop;
    int64_t stop, variant; /* -1: all */
} campaign;

/* Where we are, for the message of an assertion that fails. */
static char whereabouts[256];

static void on_abort(int number) {
    (void)number;
    ssize_t wrote = write(STDERR_FILENO, whereabouts, strlen(whereabouts));
    (void)wrote;
    signal(SIGABRT, SIG_DFL);
    raise(SIGABRT);
}

static void note_where(const crash_image *image, uint64_t stop, uint64_t variant) {
    snprintf(whereabouts, sizeof whereabouts,
             "again: crash_campaign --script %s --seed %" PRIu64 " --stop %" PRIu64
             " --variant %" PRIu64 "\n",
             image->script->name, image->seed, stop, variant);
}

static bool tell(mr_buf *problem) {
    bool right = problem->len == 0;
    if (!right) {
        fprintf(stderr, "%s%s", mr_buf_cstr(problem), whereabouts);
    }
    mr_buf_deinit(problem);
    return right;
}

/* ---- the crash campaign ---- */

static bool try_stop(const campaign *c, const crash_image *image, uint64_t stop,
                     crash_counts *counts, bool *ended) {
    mr_buf problem = {0};
    crash_stopped stopped;
    note_where(image, stop, 0);
    crash_stop(image, stop, &stopped, counts, &problem);
    *ended = stopped.ended;
    bool right = tell(&problem);
    uint64_t all = stopped.variants + 1;
    uint64_t stride = c->per_stop > 0 && all > c->per_stop ? (all - 1) / (c->per_stop - 1) : 1;
    if (!stopped.ended) {
        counts->stops++;
    }
    /* The spread begins elsewhere at each stop; none, all and the kill are always among them. */
    counts->points += stopped.judged;
    for (uint64_t v = 0; v < all && right && !stopped.ended && !stopped.judged; v++) {
        bool chosen = v < 2 || v + 1 == all || (v + stop) % stride == 0;
        if (c->variant >= 0 ? v != (uint64_t)c->variant : !chosen) {
            continue;
        }
        note_where(image, stop, v);
        crash_try(image, &stopped, v, counts, &problem);
        right = tell(&problem);
    }
    crash_stopped_deinit(&stopped);
    return right;
}

static void tell_reached(const crash_script *script, const crash_reached *reached) {
    const char *before = "           reached: ";
    for (int kind = 0; kind < REACH_KINDS; kind++) {
        if (reached->of[kind] > 0 || script->reach_min.of[kind] > 0) {
            printf("%s%" PRIu64 " %s", before, reached->of[kind],
                   crash_reach_name((crash_reach)kind));
            before = ", ";
        }
    }
    printf("\n");
}

static bool reached_enough(const crash_script *script, const crash_reached *reached) {
    bool enough = true;
    for (int kind = 0; kind < REACH_KINDS; kind++) {
        if (reached->of[kind] < script->reach_min.of[kind]) {
            fprintf(stderr, "%s: %" PRIu64 " %s, at least %" PRIu64 " are asked for\n",
                    script->name, reached->of[kind], crash_reach_name((crash_reach)kind),
                    script->reach_min.of[kind]);
            enough = false;
        }
    }
    return enough;
}

static bool run_script(const campaign *c, const crash_script *script, crash_counts *counts) {
    mr_buf problem = {0};
    crash_image image = {0};
    crash_counts whole = {0};
    uint64_t seed = c->seed ? c->seed : script->options.seed;
    snprintf(whereabouts, sizeof whereabouts,
             "again: crash_campaign --script %s --seed %" PRIu64 "\n", script->name, seed);
    crash_image_make(script, seed, &image, &problem);
    if (problem.len == 0) {
        crash_run_whole(&image, &whole, &problem);
    }
    bool right = tell(&problem);
    if (right && c->stop >= 0) {
        bool ended;
        right = try_stop(c, &image, (uint64_t)c->stop, counts, &ended);
    }
    bool ended = false;
    for (uint64_t stop = 0; right && c->stop < 0 && !ended; stop++) {
        right = try_stop(c, &image, stop, counts, &ended);
    }
    crash_image_deinit(&image);
    printf("%-10s %6" PRIu64 " crash points at %4" PRIu64 " I/O operations; %" PRIu64
           " states checked, %" PRIu64 " rows spilled, replayed %" PRIu64 " (at most %" PRIu64
           " by one start)%s\n",
           script->name, counts->points, counts->stops, counts->states, counts->rows_spilled,
           counts->replayed, counts->replayed_most, right ? "" : "  FAILED");
    tell_reached(script, &counts->reached);
    fflush(stdout);
    if (right && c->stop < 0) {
        right = reached_enough(script, &counts->reached);
    }
    if (right && c->stop < 0 && counts->points < script->points_min) {
        fprintf(stderr, "%s: %" PRIu64 " crash points, at least %" PRIu64 " are asked for\n",
                script->name, counts->points, script->points_min);
        right = false;
    }
    return right;
}

static int run_campaign(const campaign *c) {
    uint64_t points = 0;
    bool right = true;
    for (size_t i = 0; i < crash_scripts_count; i++) {
        crash_counts counts = {0};
        if (!c->script || strcmp(c->script, crash_scripts[i].name) == 0) {
            right = run_script(c, &crash_scripts[i], &counts) && right;
            points += counts.points;
        }
    }
    printf("crash campaign: %" PRIu64 " crash points\n", points);
    if (!c->script && points < POINTS_MIN) {
        fprintf(stderr, "at least %d are asked for\n", POINTS_MIN);
        right = false;
    }
    return right ? 0 : 1;
}

/* ---- broken on purpose ---- */

/* In a process of its own: broken code may also run into an assertion, which is no proof of the
 * checks. Exit 0: nothing was noticed, 3: it was. */
static int try_broken(const crash_script *script, const mr_breaks *breaks, uint64_t run) {
    mr_buf problem = {0};
    crash_counts counts = {0};
    crash_image image = {.log_breaks = breaks->log,
                         .graph_breaks = breaks->graph,
                         .writeback_breaks = breaks->writeback};
    mr_prng prng = mr_prng_seeded(run);
    crash_image_make(script, run, &image, &problem);
    uint64_t mutations = crash_run_whole(&image, &counts, &problem);
    const char *when = problem.len > 0 ? "without a crash" : "behind a crash";
    for (int i = 0; i < 4 && problem.len == 0; i++) {
        crash_stopped stopped;
        crash_stop(&image, mr_prng_below(&prng, mutations), &stopped, &counts, &problem);
        for (int k = 0; k < 3 && problem.len == 0; k++) {
            crash_try(&image, &stopped, mr_prng_below(&prng, stopped.variants + 1), &counts,
                      &problem);
        }
        crash_stopped_deinit(&stopped);
    }
    bool noticed = problem.len > 0;
    if (noticed) {
        char *text = (char *)(uintptr_t)mr_buf_cstr(&problem);
        printf("   %s: %.*s\n", when, (int)strcspn(text, "\n"), text);
        fflush(stdout);
    }
    mr_buf_deinit(&problem);
    crash_image_deinit(&image);
    return noticed ? 3 : 0;
}

static int in_child(const crash_script *script, const mr_breaks *breaks, uint64_t run) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        _exit(try_broken(script, breaks, run));
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool run_broken(const campaign *c, const crash_break *one) {
    mr_breaks breaks = {0};
    mr_err err = {0};
    bool none = strcmp(one->name, "NONE") == 0;
    if (!none && mr_breaks_add(&breaks, one->name, &err) != MR_OK) {
        fprintf(stderr, "%s\n", err.message);
        return false;
    }
    const crash_script *script = crash_script_find(one->script);
    uint64_t stopped = 0;
    for (uint64_t run = 1; run <= one->runs_max; run++) {
        int noticed = in_child(script, &breaks, c->seed + run);
        stopped += noticed < 0;
        if (noticed == 3) {
            printf("%s: %s after %" PRIu64 " runs of %s\n", none ? "NOTICED" : "caught", one->name,
                   run, one->script);
            return !none;
        }
    }
    printf("%s: %s in %" PRIu32 " runs of %s (%" PRIu64 " ended by an assertion)\n",
           none ? "nothing noticed" : "NOT CAUGHT", one->name, one->runs_max, one->script, stopped);
    if (!none) {
        fprintf(stderr, "again: crash_campaign --broken %s --seed %" PRIu64 "\n", one->name,
                c->seed);
    }
    return none && stopped == 0;
}

static int run_all_broken(const campaign *c) {
    bool all = strcmp(c->broken, "all") == 0, right = true, found = false;
    for (size_t i = 0; i < crash_breaks_count; i++) {
        if (all || strcmp(c->broken, crash_breaks[i].name) == 0) {
            found = true;
            right = run_broken(c, &crash_breaks[i]) && right;
        }
    }
    if (all || strcmp(c->broken, "NONE") == 0) {
        found = true;
        right = run_broken(c, &(crash_break){"NONE", "spill", 20}) && right;
        right = run_broken(c, &(crash_break){"NONE", "decision", 20}) && right;
        right = run_broken(c, &(crash_break){"NONE", "chunks", 10}) && right;
    }
    return found ? (right ? 0 : 1) : 2;
}

/* ---- arguments ---- */

static bool take_argument(campaign *c, const char *name, const char *value) {
    char *end;
    uint64_t number = strtoull(value, &end, 10);
    bool is_number = *end == '\0' && end != value;
    if (strcmp(name, "--script") == 0) {
        c->script = value;
        return crash_script_find(value) != NULL;
    }
    if (strcmp(name, "--broken") == 0) {
        c->broken = value;
        return true;
    }
    if (strcmp(name, "--seed") == 0) {
        c->seed = number;
    } else if (strcmp(name, "--per-stop") == 0) {
        c->per_stop = number == 1 ? 2 : number;
    } else if (strcmp(name, "--stop") == 0) {
        c->stop = (int64_t)number;
    } else if (strcmp(name, "--variant") == 0) {
        c->variant = (int64_t)number;
    } else {
        return false;
    }
    return is_number;
}

int main(int argc, char **argv) {
    campaign c = {.per_stop = PER_STOP, .stop = -1, .variant = -1};
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc || !take_argument(&c, argv[i], argv[i + 1])) {
            fprintf(stderr, "crash_campaign: %s?\n", argv[i]);
            return 2;
        }
    }
    signal(SIGABRT, on_abort);
    return c.broken ? run_all_broken(&c) : run_campaign(&c);
}

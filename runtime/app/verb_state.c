#include <inttypes.h>
#include <stdio.h>

#include "runtime/app/messages.h"
#include "runtime/app/viewer.h"
#include "runtime/app/state_rows.h"
#include "runtime/app/verbs.h"
#include "runtime/base/alloc.h"
#include "runtime/engine/aggregate.h"
#include "runtime/engine/datum.h"
#include "statestore/changelog.h"
#include "statestore/store_rocksdb.h"
#include "statestore/window_key.h"

#define TASK_FAMILY 0

/* One question: which store, which key, which window. */
typedef struct question {
    const char *data;
    const mr_plan *plan;
    const mr_plan_store *store;
    int64_t generation;
    mr_log_view *view;
    mr_bytes key; /* canonical JSON */
    bool one_window;
    int64_t window_start_ms;
    size_t found;
} question;

/* ---- names ---- */

static mr_status find_store(const mr_plan *plan, const char *name, const mr_plan_store **out) {
    const char **names = mr_alloc_array(plan->stores_count, sizeof *names);
    *out = NULL;
    for (uint32_t i = 0; i < plan->stores_count; i++) {
        names[i] = plan->stores[i].name;
        if (strcmp(names[i], name) == 0) {
            *out = &plan->stores[i];
        }
    }
    const char *near = mr_suggest(name, names, plan->stores_count);
    if (!*out && near) {
        mr_say("%s has no store '%s', did you mean '%s'?", plan->file, name, near);
    } else if (!*out) {
        mr_say("%s has no store '%s'", plan->file, name);
    }
    mr_free(names);
    return *out ? MR_OK : MR_INVALID;
}

/* NULL: the topic is not there. */
static const mr_topic_description *changelog_of(const question *ask, const char *store) {
    mr_buf name = {0};
    mr_changelog_topic(&name, ask->plan->job, store, ask->generation);
    const mr_topic_description *topic = mr_log_view_topic(ask->view, mr_buf_cstr(&name));
    mr_buf_deinit(&name);
    return topic;
}

static const mr_topic_description *task_changelog_of(const question *ask) {
    const mr_plan_subtopology *sub = &ask->plan->subtopologies[ask->store->subtopology];
    mr_buf name = {0};
    mr_buf_printf(&name, "%s._task", sub->name);
    const mr_topic_description *topic = changelog_of(ask, mr_buf_cstr(&name));
    mr_buf_deinit(&name);
    return topic;
}

/* ---- one task's rows ---- */

/* *out NULL: nothing was spilled yet, or --state memory. */
static mr_status open_store(const question *ask, int32_t task, mr_store **out, mr_err *err) {
    const mr_plan_subtopology *sub = &ask->plan->subtopologies[ask->store->subtopology];
    const char **families = mr_alloc_array(sub->stores_count + 1, sizeof *families);
    families[TASK_FAMILY] = "_task";
    for (uint32_t i = 0; i < sub->stores_count; i++) {
        families[i + 1] = ask->plan->stores[sub->stores[i]].name;
    }
    mr_buf path = {0};
    mr_buf_printf(&path, "%s/", ask->data);
    mr_state_directory(&path, ask->plan->job, ask->generation, sub->name, task);
    *out = NULL;
    mr_status status =
        mr_rocksdb_open_read_only(mr_buf_cstr(&path), families, sub->stores_count + 1, out, err);
    mr_buf_deinit(&path);
    mr_free(families);
    return status == MR_NOT_FOUND ? MR_OK : status;
}

/* Rows with a key at or below the horizon have been closed. */
static mr_status read_horizon(const question *ask, mr_store *store, int32_t task, mr_buf *horizon,
                              mr_err *err) {
    const mr_topic_description *changelog = task_changelog_of(ask);
    if (!ask->store->windowed || !changelog) {
        return MR_OK;
    }
    mr_buf row_name = {0};
    mr_buf_printf(&row_name, "c/%s", ask->store->name);
    mr_state_filter filter = {MR_STATE_ROW, mr_buf_view(&row_name)};
    mr_state_rows rows;
    mr_state_rows_init(&rows);
    mr_status status =
        mr_state_rows_read(&rows, &filter, store, TASK_FAMILY, ask->view, changelog, task, err);
    const mr_buf *row = mr_map_get(rows.rows, filter.key);
    if (status == MR_OK && row) {
        mr_buf_put_bytes(horizon, mr_buf_view(row));
    }
    mr_state_rows_deinit(&rows);
    mr_buf_deinit(&row_name);
    return status;
}

static mr_status read_rows(const question *ask, mr_store *store, int32_t task, mr_state_rows *rows,
                           mr_err *err) {
    const mr_topic_description *changelog = changelog_of(ask, ask->store->name);
    if (!changelog || task >= changelog->partitions) {
        return MR_OK;
    }
    mr_buf row_key = {0};
    mr_state_filter filter = {MR_STATE_ROW, ask->key};
    if (ask->store->windowed && ask->one_window) {
        mr_window_key_put(&row_key, ask->window_start_ms, ask->key);
        filter.key = mr_buf_view(&row_key);
    } else if (ask->store->windowed) {
        filter.kind = MR_STATE_EVERY_WINDOW;
    }
    mr_status status = mr_state_rows_read(rows, &filter, store, ask->store->family, ask->view,
                                          changelog, task, err);
    mr_buf_deinit(&row_key);
    return status;
}

/* ---- printing ---- */

static mr_status put_result(const question *ask, mr_bytes row, const mr_window_bounds *window,
                            mr_buf *line, mr_err *err) {
    mr_arena *arena = mr_arena_create(4096);
    mr_datum result;
    mr_status status = mr_aggregate_result(&ask->plan->nodes[ask->store->node], row, ask->key,
                                           window, arena, &result, err);
    if (status == MR_OK) {
        status = mr_datum_put_json(&result, line, err);
    }
    mr_arena_destroy(arena);
    return status;
}

static mr_status print_row(question *ask, mr_bytes row_key, mr_bytes row, mr_err *err) {
    mr_window_bounds window = {0};
    mr_buf line = {0};
    mr_status status = MR_OK;
    if (ask->store->windowed) {
        mr_bytes key;
        status = mr_window_key_split(row_key, &window.start_ms, &key);
        window.present = true;
        window.stop_ms =
            window.start_ms + ask->plan->nodes[ask->store->node].aggregate.window.size_ms;
    }
    bool wrapped = window.present && !ask->one_window;
    if (wrapped) {
        mr_buf_printf(&line, "{\"window\":{\"start\":%" PRId64 ",\"stop\":%" PRId64 "},\"value\":",
                      window.start_ms, window.stop_ms);
    }
    if (status == MR_OK) {
        status = put_result(ask, row, &window, &line, err);
    }
    if (status == MR_OK) {
        mr_buf_put_text(&line, wrapped ? "}\n" : "\n");
        fputs(mr_buf_cstr(&line), stdout);
        ask->found++;
    }
    mr_buf_deinit(&line);
    return status;
}

/* In the order of their keys, so of their windows. Null: the last one was given. */
static mr_bytes next_key(const mr_state_rows *rows, mr_bytes after) {
    mr_bytes least = MR_BYTES_NULL, key;
    size_t cursor = 0;
    while (mr_map_next(rows->rows, &cursor, &key, NULL)) {
        if (mr_bytes_compare(key, after) > 0 &&
            (mr_bytes_is_null(least) || mr_bytes_compare(key, least) < 0)) {
            least = key;
        }
    }
    return least;
}

static mr_status print_rows(question *ask, const mr_state_rows *rows, mr_bytes horizon,
                            mr_err *err) {
    mr_status status = MR_OK;
    mr_bytes key = next_key(rows, horizon);
    while (status == MR_OK && !mr_bytes_is_null(key)) {
        const mr_buf *row = mr_map_get(rows->rows, key);
        status = print_row(ask, key, mr_buf_view(row), err);
        key = next_key(rows, key);
    }
    return status;
}

/* ---- the question ---- */

/* The store is opened before the log is looked at again, so that the changelog reaches beyond it.
 */
static mr_status ask_task(question *ask, int32_t task, mr_err *err) {
    mr_store *store = NULL;
    mr_log_view *before = ask->view;
    mr_status status = open_store(ask, task, &store, err);
    if (status == MR_OK && store) {
        status = mr_log_view_open(ask->data, &ask->view, err);
        if (status != MR_OK) {
            ask->view = before;
        }
    }
    mr_state_rows rows;
    mr_state_rows_init(&rows);
    mr_buf horizon = {0};
    if (status == MR_OK) {
        status = read_horizon(ask, store, task, &horizon, err);
    }
    if (status == MR_OK) {
        status = read_rows(ask, store, task, &rows, err);
    }
    if (status == MR_OK) {
        status =
            print_rows(ask, &rows, horizon.len > 0 ? mr_buf_view(&horizon) : MR_BYTES_NULL, err);
    }
    mr_buf_deinit(&horizon);
    mr_state_rows_deinit(&rows);
    mr_store_close(store);
    if (ask->view != before) {
        mr_log_view_close(ask->view);
        ask->view = before;
    }
    return status;
}

static mr_status ask_tasks(question *ask, mr_err *err) {
    int32_t tasks = ask->plan->subtopologies[ask->store->subtopology].tasks;
    mr_status status = MR_OK;
    for (int32_t task = 0; task < tasks && status == MR_OK; task++) {
        status = ask_task(ask, task, err);
    }
    return status;
}

/* The key's canonical JSON. MR_INVALID: the text is no JSON. */
static mr_status canonical_key(const char *text, mr_buf *out) {
    mr_json_parser *parser = mr_json_parser_create();
    mr_buf padded = {0};
    mr_buf_put_text(&padded, text);
    mr_buf_reserve(&padded, 0);
    mr_json root;
    mr_status status = mr_json_parse(parser, mr_buf_view(&padded), &root, NULL);
    if (status == MR_OK) {
        mr_json_put_canonical(out, root);
    }
    mr_buf_deinit(&padded);
    mr_json_parser_destroy(parser);
    return status;
}

/* A key is meant as JSON where it is JSON; if there is no such row, or it is none, as text. */
static mr_status ask_key(question *ask, const char *text, mr_err *err) {
    mr_buf key = {0};
    mr_status status = MR_OK;
    if (canonical_key(text, &key) == MR_OK) {
        ask->key = mr_buf_view(&key);
        status = ask_tasks(ask, err);
    }
    if (status == MR_OK && ask->found == 0) {
        mr_buf_clear(&key);
        status = mr_json_put_string(&key, mr_bytes_text(text));
        ask->key = mr_buf_view(&key);
        status =
            status == MR_OK ? ask_tasks(ask, err) : mr_err_set(err, status, "the key is not UTF-8");
    }
    mr_buf_deinit(&key);
    return status;
}

/* ---- the verb ---- */

static mr_exit get(const mr_arguments *arguments, const mr_viewer *viewer) {
    const mr_plan *plan = mr_viewer_plan(viewer);
    question ask = {.data = viewer->settings.data,
                    .plan = plan,
                    .view = viewer->view,
                    .one_window = mr_arguments_flag(arguments, "window"),
                    .window_start_ms = mr_arguments_int(arguments, "window", 0)};
    mr_err err = {0};
    if (find_store(plan, arguments->positionals[1], &ask.store) != MR_OK) {
        return MR_EXIT_STOPPED;
    }
    if (ask.one_window && !ask.store->windowed) {
        mr_say("--window: the store '%s' has no windows", ask.store->name);
        return MR_EXIT_USAGE;
    }
    mr_status status = mr_log_view_generation(ask.view, plan->job, &ask.generation, &err);
    if (status == MR_OK) {
        status = ask_key(&ask, arguments->positionals[2], &err);
    }
    if (status != MR_OK) {
        mr_say("%s", err.message);
        return MR_EXIT_STOPPED;
    }
    if (ask.found == 0) {
        mr_say("store '%s' has no row for the key %s%s", ask.store->name, arguments->positionals[2],
               ask.store->windowed ? " in an open window" : "");
        return MR_EXIT_STOPPED;
    }
    return MR_EXIT_OK;
}

static mr_status check_usage(const mr_arguments *arguments) {
    const char *what = arguments->positionals[0];
    if (strcmp(what, "scan") == 0 || strcmp(what, "size") == 0) {
        mr_say("'state %s' is not in this version", what);
    } else if (strcmp(what, "get") != 0) {
        mr_say("state: '%s' is not get", what);
    } else if (arguments->positionals_count != 3) {
        mr_say("state get needs a store and a key");
    } else if (!mr_arguments_text(arguments, "job")) {
        mr_say("state get needs the job's file: --job FILE");
    } else {
        return MR_OK;
    }
    return MR_INVALID;
}

static mr_exit run(const mr_arguments *arguments) {
    if (check_usage(arguments) != MR_OK) {
        return MR_EXIT_USAGE;
    }
    mr_viewer viewer;
    mr_exit result = mr_viewer_open(arguments, &viewer);
    if (result == MR_EXIT_OK) {
        result = get(arguments, &viewer);
    }
    mr_viewer_close(&viewer);
    return result;
}

static const mr_option options[] = {
    {.name = "job",
     .kind = MR_OPTION_TEXT,
     .value_name = "FILE",
     .help = "the job that the store belongs to"},
    {.name = "window",
     .kind = MR_OPTION_INT,
     .value_name = "START",
     .help = "only the window that starts here (ms since 1970)"},
    MR_OPTION_DATA,
    MR_OPTION_CONFIG,
    {.name = "at", .kind = MR_OPTION_LATER},
    MR_OPTIONS_END,
};

const mr_verb mr_verb_state = {
    .name = "state",
    .usage = "get STORE KEY --job FILE [options]",
    .summary = "a row of a store as of the last commit, as the step would give it out",
    .details =
        "KEY is JSON where it is JSON (a number, \"a string\", an object), else text. Of a window\n"
        "store every open window of the key is printed, one line each, or the one named.\n"
        "Takes no lock and writes nothing: it works beside a running job. Exit status 1: there\n"
        "is no such row.",
    .options = options,
    .positionals_min = 1,
    .positionals_max = 3,
    .run = run,
};

#include "connectors/api/conformance.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/api/conformance_host.h"

/* Offsets of the rows have gaps, as those of a filtered topic do. */
#define OFFSET_STEP 3
#define ROWS_PER_WRITE 2
#define WRITES_PER_PIECE 2
#define LINES_PER_READ 3
/* A plugin that cannot be opened so often in a row never will be. */
#define OPENS_MAX 5

typedef enum publish_mode {
    PUBLISH_ONCE,
    PUBLISH_TWICE,
    PUBLISH_LATER,
    PUBLISH_MODES
} publish_mode;

typedef struct kit_run {
    const mr_connector *plugin;
    const mr_conformance_world *world;
    const mr_connector_setting *settings;
    size_t settings_count;
    const char *const *lines;
    size_t lines_count;
    mr_conformance_counts *counts;
    char *message;
    size_t message_bytes;

    mr_conformance_host host;
    publish_mode publishing;
    int delayed; /* PUBLISH_LATER: the one delay was had */
    /* what the log would hold */
    char intent[MR_CONNECTOR_INTENT_BYTES_MAX];
    char position[MR_CONNECTOR_POSITION_BYTES_MAX];
    int committed;
    size_t taken_count;
} kit_run;

typedef enum run_outcome { OUTCOME_DONE, OUTCOME_BROKEN, OUTCOME_WRONG } run_outcome;

static int wrong(kit_run *kit, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int wrong(kit_run *kit, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(kit->message, kit->message_bytes, format, args);
    va_end(args);
    return OUTCOME_WRONG;
}

/* An error after the break is the break's; any other is the plugin's. */
static run_outcome error_of(kit_run *kit, const char *call, mr_connector_result result,
                            const char *err) {
    if (kit->host.dead) {
        return OUTCOME_BROKEN;
    }
    return (run_outcome)wrong(kit, "%s failed (%d) on its own: %s", call, (int)result, err);
}

/* ---- sinks ---- */

static int64_t offset_of(size_t line) {
    return (int64_t)line * OFFSET_STEP;
}

static run_outcome write_rows(kit_run *kit, void *self, size_t from, size_t count, int *full) {
    char err[256] = "";
    mr_connector_row rows[ROWS_PER_WRITE];
    for (size_t i = 0; i < count; i++) {
        rows[i] = (mr_connector_row){
            .offset = offset_of(from + i),
            .data = (const uint8_t *)kit->lines[from + i],
            .len = strlen(kit->lines[from + i]),
        };
    }
    mr_connector_result result = kit->plugin->sink_write(self, rows, count, full, err, sizeof err);
    return result == MR_CONNECTOR_OK ? OUTCOME_DONE : error_of(kit, "sink_write", result, err);
}

static run_outcome publish(kit_run *kit, void *self) {
    char err[256] = "";
    int times = kit->publishing == PUBLISH_TWICE ? 2 : 1;
    if (kit->publishing == PUBLISH_LATER && !kit->delayed) {
        kit->delayed = 1;
        return OUTCOME_BROKEN;
    }
    for (int i = 0; i < times; i++) {
        mr_connector_result result = kit->plugin->sink_publish(self, kit->intent, err, sizeof err);
        if (result != MR_CONNECTOR_OK) {
            return error_of(kit, "sink_publish", result, err);
        }
    }
    return OUTCOME_DONE;
}

static run_outcome make_good(kit_run *kit, void *self, const mr_connector_resume *resume,
                             size_t *next) {
    run_outcome outcome = OUTCOME_DONE;
    int full = 0;
    while (outcome == OUTCOME_DONE && *next < kit->lines_count &&
           offset_of(*next) <= resume->publish_offset) {
        outcome = write_rows(kit, self, (*next)++, 1, &full);
    }
    return outcome == OUTCOME_DONE ? publish(kit, self) : outcome;
}

/* One piece: rows, intent, commit, publish. It ends between two rows' offsets, as a piece may. */
static run_outcome one_piece(kit_run *kit, void *self, size_t *next) {
    char err[256] = "", intent[MR_CONNECTOR_INTENT_BYTES_MAX];
    int full = 0;
    for (int i = 0; i < WRITES_PER_PIECE && !full && *next < kit->lines_count; i++) {
        size_t left = kit->lines_count - *next;
        size_t count = left < ROWS_PER_WRITE ? left : ROWS_PER_WRITE;
        run_outcome outcome = write_rows(kit, self, *next, count, &full);
        if (outcome != OUTCOME_DONE) {
            return outcome;
        }
        *next += count;
    }
    mr_connector_result result = kit->plugin->sink_prepare(self, offset_of(*next) - 1, intent,
                                                           sizeof intent, err, sizeof err);
    if (result != MR_CONNECTOR_OK) {
        return error_of(kit, "sink_prepare", result, err);
    }
    memcpy(kit->intent, intent, sizeof intent); /* the commit */
    kit->committed = 1;
    return publish(kit, self);
}

static run_outcome run_sink(kit_run *kit) {
    char err[256] = "";
    void *self = NULL;
    const mr_connector_chain chain = {
        .struct_bytes = sizeof chain,
        .log_id = "log",
        .topic_id = "topic-id",
        .topic = "rows",
        .partitions = 1,
        .generation = 1,
    };
    mr_connector_resume resume = {.struct_bytes = sizeof resume, .publish_offset = -1};
    mr_connector_result result = kit->plugin->sink_open(
        &kit->host.host, kit->settings, kit->settings_count, &chain,
        kit->committed ? kit->intent : NULL, &resume, &self, err, sizeof err);
    if (result != MR_CONNECTOR_OK) {
        return error_of(kit, "sink_open", result, err);
    }
    size_t next = (size_t)((resume.next_offset + OFFSET_STEP - 1) / OFFSET_STEP);
    run_outcome outcome = OUTCOME_DONE;
    if (resume.publish_offset >= 0) {
        outcome = make_good(kit, self, &resume, &next);
    }
    while (outcome == OUTCOME_DONE && next < kit->lines_count) {
        outcome = one_piece(kit, self, &next);
    }
    kit->plugin->sink_close(self);
    return outcome;
}

static int check_output(kit_run *kit) {
    const char *at = kit->world->output(kit->world->self);
    for (size_t i = 0; i < kit->lines_count; i++) {
        size_t len = strlen(kit->lines[i]);
        if (strncmp(at, kit->lines[i], len) != 0 || at[len] != '\n') {
            return wrong(kit, "row %zu should be '%s', the output goes on with '%.60s'", i,
                         kit->lines[i], at);
        }
        at += len + 1;
        kit->counts->records++;
    }
    return *at == '\0' ? OUTCOME_DONE : wrong(kit, "behind the last row stands '%.60s'", at);
}

/* ---- sources ---- */

static run_outcome take_lines(kit_run *kit, const mr_connector_read *read) {
    for (size_t i = 0; i < read->records_count; i++) {
        const mr_connector_record *record = &read->records[i];
        if (kit->taken_count == kit->lines_count) {
            return (run_outcome)wrong(kit, "more records than lines: '%.*s'", (int)record->len,
                                      (const char *)record->data);
        }
        const char *line = kit->lines[kit->taken_count];
        if (record->problem != NULL || record->len != strlen(line) ||
            memcmp(record->data, line, record->len) != 0) {
            return (run_outcome)wrong(kit, "record %zu should be '%s', it is '%.*s' (%s)",
                                      kit->taken_count, line, (int)record->len,
                                      (const char *)record->data,
                                      record->problem ? record->problem : "no problem");
        }
        kit->taken_count++;
        kit->counts->records++;
    }
    memcpy(kit->position, read->position, sizeof kit->position);
    kit->committed = 1;
    return OUTCOME_DONE;
}

static run_outcome run_source(kit_run *kit) {
    char err[256] = "";
    void *self = NULL;
    mr_connector_result result =
        kit->plugin->source_open(&kit->host.host, kit->settings, kit->settings_count,
                                 kit->committed ? kit->position : NULL, &self, err, sizeof err);
    if (result != MR_CONNECTOR_OK) {
        return error_of(kit, "source_open", result, err);
    }
    run_outcome outcome = OUTCOME_DONE;
    while (outcome == OUTCOME_DONE) {
        mr_connector_read read = {
            .struct_bytes = sizeof read,
            .records_max = LINES_PER_READ,
            .bytes_max = 64,
            .take_rest = 1,
        };
        result = kit->plugin->source_read(self, &read, err, sizeof err);
        if (result == MR_CONNECTOR_END) {
            break;
        }
        outcome = result == MR_CONNECTOR_OK ? take_lines(kit, &read)
                                            : error_of(kit, "source_read", result, err);
    }
    kit->plugin->source_close(self);
    return outcome;
}

static int check_taken(kit_run *kit) {
    return kit->taken_count == kit->lines_count
               ? OUTCOME_DONE
               : wrong(kit, "%zu of %zu lines came", kit->taken_count, kit->lines_count);
}

/* ---- the campaign ---- */

typedef struct kit_side {
    run_outcome (*run)(kit_run *kit);
    int (*check)(kit_run *kit);
} kit_side;

static void forget(kit_run *kit) {
    kit->world->renew(kit->world->self);
    kit->committed = 0;
    kit->delayed = 0;
    kit->taken_count = 0;
}

/* One broken run, the crash, and runs until it is done. *reached: the break came; *crashed: there
 * is such a crash. */
static int broken_run(kit_run *kit, const kit_side *side, mr_conformance_break kind, uint64_t at,
                      uint32_t crash, int *reached, int *crashed) {
    forget(kit);
    mr_conformance_host_init(&kit->host, kit->world->host, kind, at);
    run_outcome outcome = side->run(kit);
    *reached = kit->host.dead;
    *crashed = 1;
    for (int i = 0; outcome == OUTCOME_BROKEN && i < OPENS_MAX; i++) {
        *crashed = kit->world->crash(kit->world->self, crash);
        if (!*crashed) {
            return OUTCOME_DONE;
        }
        mr_conformance_host_init(&kit->host, kit->world->host, MR_CONFORMANCE_KILL, UINT64_MAX);
        outcome = side->run(kit);
    }
    kit->counts->runs++;
    if (outcome == OUTCOME_BROKEN) {
        return wrong(kit, "it does not come to an end");
    }
    return outcome == OUTCOME_DONE ? side->check(kit) : (int)outcome;
}

static int broken_runs(kit_run *kit, const kit_side *side, mr_conformance_break kind) {
    int reached = 1;
    for (uint64_t at = 0; reached; at++) {
        int crashed = 1;
        for (uint32_t crash = 0; crashed && reached; crash++) {
            if (broken_run(kit, side, kind, at, crash, &reached, &crashed) != OUTCOME_DONE) {
                char why[512];
                snprintf(why, sizeof why, "%s", kit->message);
                return wrong(kit, "break %d at operation %" PRIu64 ", crash %u, publishing %d: %s",
                             (int)kind, at, crash, (int)kit->publishing, why);
            }
        }
        kit->counts->points += reached;
    }
    return OUTCOME_DONE;
}

static int campaign(kit_run *kit, const kit_side *side, publish_mode modes) {
    int result = OUTCOME_DONE;
    for (int p = 0; p < (int)modes && result == OUTCOME_DONE; p++) {
        kit->publishing = (publish_mode)p;
        for (int k = 0; k < MR_CONFORMANCE_BREAKS && result == OUTCOME_DONE; k++) {
            result = broken_runs(kit, side, (mr_conformance_break)k);
        }
    }
    return result;
}

int mr_conformance_sink(const mr_connector *plugin, const mr_conformance_world *world,
                        const mr_connector_setting *settings, size_t settings_count,
                        const char *const *lines, size_t lines_count, mr_conformance_counts *counts,
                        char *message, size_t message_bytes) {
    kit_run kit = {
        .plugin = plugin,
        .world = world,
        .settings = settings,
        .settings_count = settings_count,
        .lines = lines,
        .lines_count = lines_count,
        .counts = counts,
        .message = message,
        .message_bytes = message_bytes,
    };
    const kit_side side = {run_sink, check_output};
    return campaign(&kit, &side, PUBLISH_MODES);
}

int mr_conformance_source(const mr_connector *plugin, const mr_conformance_world *world,
                          const mr_connector_setting *settings, size_t settings_count,
                          const char *const *lines, size_t lines_count,
                          mr_conformance_counts *counts, char *message, size_t message_bytes) {
    kit_run kit = {
        .plugin = plugin,
        .world = world,
        .settings = settings,
        .settings_count = settings_count,
        .lines = lines,
        .lines_count = lines_count,
        .counts = counts,
        .message = message,
        .message_bytes = message_bytes,
    };
    const kit_side side = {run_source, check_taken};
    return campaign(&kit, &side, PUBLISH_TWICE);
}

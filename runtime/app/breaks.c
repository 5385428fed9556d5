#include "runtime/app/breaks.h"

#include "log/core/log_core.h"
#include "runtime/engine/graph.h"
#include "statestore/writeback.h"

typedef struct break_name {
    const char *name;
    mr_breaks bits;
} break_name;

static const break_name names[] = {
    {"markers-before-sync", {.log = MR_LOG_BREAK_MARKERS_BEFORE_SYNC}},
    {"decision-before-sync", {.log = MR_LOG_BREAK_DECISION_BEFORE_SYNC}},
    {"sync-leaves-one-out", {.log = MR_LOG_BREAK_SYNC_LEAVES_ONE_OUT}},
    {"purge-overtakes", {.log = MR_LOG_BREAK_PURGE_OVERTAKES}},
    {"spill-undecided", {.writeback = MR_WRITEBACK_BREAK_SPILL_UNDECIDED}},
    {"position-first", {.writeback = MR_WRITEBACK_BREAK_POSITION_FIRST}},
    {"window-end", {.graph = MR_GRAPH_BREAK_WINDOW_END}},
    {"late-outside", {.graph = MR_GRAPH_BREAK_LATE_OUTSIDE}},
    {"time-record-first", {.graph = MR_GRAPH_BREAK_TIME_RECORD_FIRST}},
};
#define NAMES_COUNT (sizeof names / sizeof names[0])

mr_status mr_breaks_add(mr_breaks *breaks, const char *name, mr_err *err) {
    mr_buf known = {0};
    for (size_t i = 0; i < NAMES_COUNT; i++) {
        if (strcmp(names[i].name, name) == 0) {
            breaks->log |= names[i].bits.log;
            breaks->writeback |= names[i].bits.writeback;
            breaks->graph |= names[i].bits.graph;
            mr_buf_deinit(&known);
            return MR_OK;
        }
        mr_buf_printf(&known, " %s", names[i].name);
    }
    mr_err_set(err, MR_INVALID, "--break: '%s' is none of%s", name, mr_buf_cstr(&known));
    mr_buf_deinit(&known);
    return MR_INVALID;
}

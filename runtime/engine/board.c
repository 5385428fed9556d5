#include "runtime/engine/board.h"

#include "runtime/base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void mr_board_init(mr_board *board, mr_run_until until, uint32_t sources_count) {
    memset(board, 0, sizeof *board);
    board->until = until;
    board->sources_count = sources_count;
    atomic_init(&board->furthest_ms, INT64_MIN);
    board->source_done = mr_alloc_array(sources_count + 1, sizeof *board->source_done);
    board->source_resting = mr_alloc_array(sources_count + 1, sizeof *board->source_resting);
    for (uint32_t i = 0; i < sources_count; i++) {
        atomic_init(&board->source_done[i], false);
        atomic_init(&board->source_resting[i], false);
    }
}

void mr_board_deinit(mr_board *board) {
    mr_free(board->source_done);
    mr_free(board->source_resting);
    board->source_done = NULL;
    board->source_resting = NULL;
}

void mr_board_say(mr_board *board, const char *format, ...) {
    uint32_t slot = atomic_fetch_add(&board->notices_claimed, 1);
    if (slot >= MR_NOTICES_MAX) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(board->notices[slot].text, MR_NOTICE_BYTES, format, arguments);
    va_end(arguments);
    atomic_store(&board->notices[slot].said, true);
}

const char *mr_board_heard(mr_board *board) {
    uint32_t next = board->notices_taken;
    if (next >= MR_NOTICES_MAX || !atomic_load(&board->notices[next].said)) {
        return NULL;
    }
    board->notices_taken++;
    return board->notices[next].text;
}

#include "runtime/engine/board.h"

#include "runtime/base/alloc.h"

#include <string.h>

void mr_board_init(mr_board *board, mr_run_until until, uint32_t sources_count) {
    memset(board, 0, sizeof *board);
    board->until = until;
    board->sources_count = sources_count;
    board->source_done = mr_alloc_array(sources_count + 1, sizeof *board->source_done);
    for (uint32_t i = 0; i < sources_count; i++) {
        atomic_init(&board->source_done[i], false);
    }
}

void mr_board_deinit(mr_board *board) {
    mr_free(board->source_done);
    board->source_done = NULL;
}

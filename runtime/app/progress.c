#include "runtime/app/progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "runtime/app/messages.h"
#include "runtime/base/alloc.h"

#define NS_PER_S 1e9
#define TERMINAL_EVERY_NS 200000000
#define LINES_EVERY_NS 10000000000
#define RESTORE_LINES_EVERY_NS 1000000000
#define CLEAR_LINE "\r\x1b[K"
/* A line longer than the terminal is wide is cut: of one that was wrapped only the end is cleared.
 */
#define WRAP_OFF "\x1b[?7l"
#define WRAP_ON "\x1b[?7h"

struct mr_progress {
    mr_progress_form form;
    int64_t started_ns;
    int64_t said_ns;
    mr_run_totals said;
    bool line_shown;   /* MR_PROGRESS_TERMINAL */
    bool restore_said; /* that a restore began */
};

static uint64_t load64(const _Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void mr_run_totals_add(mr_run_totals *totals, const mr_board *board) {
    totals->source_records += load64(&board->source_records);
    totals->records_in += load64(&board->records_in);
    totals->records_out += load64(&board->records_out);
    totals->records_late += load64(&board->records_late);
    totals->records_failed += load64(&board->records_failed);
    totals->records_dropped += load64(&board->records_dropped);
    totals->windows_closed += load64(&board->windows_closed);
    totals->sink_rows += load64(&board->sink_rows);
    totals->commits += load64(&board->commits);
    totals->rows_spilled += load64(&board->rows_spilled);
    totals->records_replayed += load64(&board->records_replayed);
    totals->restore_total += load64(&board->restore_total);
    totals->tasks_running += atomic_load(&board->tasks_running);
    totals->tasks_restoring += atomic_load(&board->tasks_restoring);
    totals->tasks_total += atomic_load(&board->tasks_total);
}

mr_progress *mr_progress_create(mr_progress_form form, mr_now now) {
    mr_progress *progress = mr_alloc(sizeof *progress);
    progress->form = form;
    progress->started_ns = now.mono_ns;
    progress->said_ns = now.mono_ns;
    return progress;
}

void mr_progress_destroy(mr_progress *progress) {
    mr_free(progress);
}

/* ---- while it runs ---- */

static bool is_restoring(const mr_run_totals *totals) {
    return totals->tasks_restoring > 0 && totals->restore_total > 0;
}

static void put_restore(const mr_run_totals *totals, mr_buf *out) {
    mr_buf_printf(out,
                  "restoring the state of %" PRIu32 " of %" PRIu32 " tasks: %" PRIu64 " of %" PRIu64
                  " changelog records",
                  totals->tasks_restoring, totals->tasks_total, totals->records_replayed,
                  totals->restore_total);
}

static void put_rates(const mr_progress *progress, const mr_run_totals *totals, mr_now now,
                      mr_buf *out) {
    double seconds = (double)(now.mono_ns - progress->said_ns) / NS_PER_S;
    seconds = seconds > 0 ? seconds : 1;
    mr_buf_printf(
        out, "%" PRIu64 " records in (%.0f/s), %" PRIu64 " out (%.0f/s)", totals->records_in,
        (double)(totals->records_in - progress->said.records_in) / seconds, totals->records_out,
        (double)(totals->records_out - progress->said.records_out) / seconds);
    if (totals->records_late > 0) {
        mr_buf_printf(out, ", %" PRIu64 " late", totals->records_late);
    }
    if (totals->records_failed > 0) {
        mr_buf_printf(out, ", %" PRIu64 " failed", totals->records_failed);
    }
    if (totals->records_dropped > 0) {
        mr_buf_printf(out, ", %" PRIu64 " dropped", totals->records_dropped);
    }
}

static void say_line(mr_progress *progress, const mr_run_totals *totals, mr_now now) {
    mr_buf line = {0};
    if (is_restoring(totals)) {
        put_restore(totals, &line);
    } else {
        put_rates(progress, totals, now, &line);
    }
    if (progress->form == MR_PROGRESS_TERMINAL) {
        mr_buf whole = {0};
        mr_buf_put_text(&whole, CLEAR_LINE WRAP_OFF);
        mr_buf_put_bytes(&whole, mr_buf_view(&line));
        mr_buf_put_text(&whole, WRAP_ON);
        mr_say_text(mr_buf_view(&whole));
        mr_buf_deinit(&whole);
        progress->line_shown = true;
    } else {
        mr_say("%s", mr_buf_cstr(&line));
    }
    mr_buf_deinit(&line);
    progress->said_ns = now.mono_ns;
    progress->said = *totals;
}

static int64_t pause_ns(const mr_progress *progress, const mr_run_totals *totals) {
    if (progress->form == MR_PROGRESS_TERMINAL) {
        return TERMINAL_EVERY_NS;
    }
    return is_restoring(totals) ? RESTORE_LINES_EVERY_NS : LINES_EVERY_NS;
}

void mr_progress_tick(mr_progress *progress, const mr_run_totals *totals, mr_now now) {
    if (is_restoring(totals) && !progress->restore_said) {
        progress->restore_said = true;
        say_line(progress, totals, now);
        return;
    }
    bool moved = totals->records_in != progress->said.records_in ||
                 totals->records_out != progress->said.records_out || is_restoring(totals);
    bool fade = progress->form == MR_PROGRESS_TERMINAL; /* rates must come down to 0 again */
    if ((moved || fade) && now.mono_ns - progress->said_ns >= pause_ns(progress, totals)) {
        say_line(progress, totals, now);
    }
}

void mr_progress_clear(mr_progress *progress) {
    if (progress->line_shown) {
        mr_say_text(mr_bytes_text(CLEAR_LINE));
        progress->line_shown = false;
    }
}

/* ---- the end ---- */

void mr_progress_summary(mr_progress *progress, const mr_run_totals *totals, mr_now now) {
    const struct {
        const char *name;
        uint64_t number;
    } figures[] = {
        {"source records", totals->source_records},
        {"records in", totals->records_in},
        {"records out", totals->records_out},
        {"late", totals->records_late},
        {"failed", totals->records_failed},
        {"dropped", totals->records_dropped},
        {"windows closed", totals->windows_closed},
        {"sink rows", totals->sink_rows},
        {"commits", totals->commits},
        {"rows spilled", totals->rows_spilled},
        {"records replayed", totals->records_replayed},
    };
    mr_progress_clear(progress);
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        mr_say("  %-18s%" PRIu64, figures[i].name, figures[i].number);
    }
    double seconds = (double)(now.mono_ns - progress->started_ns) / NS_PER_S;
    mr_say("  %-18s%.3f", "seconds", seconds);
    mr_say("  %-18s%.0f", "records/s", seconds > 0 ? (double)totals->records_in / seconds : 0.0);
}

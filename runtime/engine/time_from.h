/* runtime/engine/time_from.h - the number that `time.from` gives, as milliseconds.
 * Thread: any. */
#pragma once

#include "runtime/engine/datum.h"

/* MR_INVALID: not a number, negative, or beyond what milliseconds can hold. */
mr_status mr_time_of_datum(const mr_plan_stream *stream, const mr_datum *datum, int64_t *ts_ms,
                           mr_err *err) MR_CHECKED;

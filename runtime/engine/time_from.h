/* runtime/engine/time_from.h - event times: what is one, and the number that `time.from` gives, as
 * milliseconds. Thread: any. */
#pragma once

#include "runtime/engine/datum.h"

/* An event time is at most this, so that windows, graces and hold backs can be added to it, and so
 * that it is never taken for the end of all time. */
#define MR_EVENT_TIME_MS_MAX (INT64_MAX / 4)

/* MR_INVALID: negative, or beyond MR_EVENT_TIME_MS_MAX. what: "an item's ts". */
mr_status mr_time_check(const char *what, int64_t ts_ms, mr_err *err) MR_CHECKED;
/* The same of a stream's time. */
mr_status mr_time_check_stream(const mr_plan_stream *stream, int64_t ts_ms, mr_err *err) MR_CHECKED;
/* What is below a millisecond is cut off. MR_INVALID: not a number, negative, or out of range. */
mr_status mr_time_of_datum(const mr_plan_stream *stream, const mr_datum *datum, int64_t *ts_ms,
                           mr_err *err) MR_CHECKED;

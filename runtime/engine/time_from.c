#include "runtime/engine/time_from.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* 2^63 as double: the first value that does not fit. */
#define INT64_LIMIT 9223372036854775808.0

mr_status mr_time_check(const char *what, int64_t ts_ms, mr_err *err) {
    if (ts_ms < 0) {
        return mr_err_set(err, MR_INVALID, "%s is negative: %" PRId64, what, ts_ms);
    }
    if (ts_ms > MR_EVENT_TIME_MS_MAX) {
        return mr_err_set(err, MR_INVALID, "%s is out of range: %" PRId64, what, ts_ms);
    }
    return MR_OK;
}

mr_status mr_time_check_stream(const mr_plan_stream *stream, int64_t ts_ms, mr_err *err) {
    if (ts_ms >= 0 && ts_ms <= MR_EVENT_TIME_MS_MAX) {
        return MR_OK; /* without a name for it: this is asked for each record */
    }
    char what[300];
    snprintf(what, sizeof what, "time of stream '%s'", stream->name);
    return mr_time_check(what, ts_ms, err);
}

static mr_status from_int(const mr_plan_stream *stream, int64_t number, int64_t *ts_ms,
                          mr_err *err) {
    int64_t scaled;
    if (number < 0) {
        return mr_err_set(err, MR_INVALID, "time of stream '%s' is negative: %" PRId64,
                          stream->name, number);
    }
    if (__builtin_mul_overflow(number, stream->time_unit_ms_numerator, &scaled)) {
        return mr_err_set(err, MR_INVALID, "time of stream '%s' is out of range: %" PRId64,
                          stream->name, number);
    }
    *ts_ms = scaled / stream->time_unit_ms_denominator;
    return mr_time_check_stream(stream, *ts_ms, err);
}

static mr_status from_float(const mr_plan_stream *stream, double number, int64_t *ts_ms,
                            mr_err *err) {
    double numerator = (double)stream->time_unit_ms_numerator;
    double denominator = (double)stream->time_unit_ms_denominator;
    double scaled = number * numerator / denominator;
    /* 1234567.891 s are 1234567891 ms, though the product lies a little below. */
    double nearest = round(scaled);
    scaled = nearest * denominator / numerator == number ? nearest : floor(scaled);
    if (!(scaled >= 0 && scaled < INT64_LIMIT)) {
        return mr_err_set(err, MR_INVALID, "time of stream '%s' is negative or out of range: %.17g",
                          stream->name, number);
    }
    *ts_ms = (int64_t)scaled;
    return mr_time_check_stream(stream, *ts_ms, err);
}

mr_status mr_time_of_datum(const mr_plan_stream *stream, const mr_datum *datum, int64_t *ts_ms,
                           mr_err *err) {
    switch (datum->kind) {
    case MR_DATUM_INT:
        return from_int(stream, datum->integer, ts_ms, err);
    case MR_DATUM_FLOAT:
        return from_float(stream, datum->number, ts_ms, err);
    case MR_DATUM_NIL:
        return mr_err_set(err, MR_INVALID, "time of stream '%s' is nil", stream->name);
    default:
        return mr_err_set(err, MR_INVALID, "time of stream '%s' is not a number", stream->name);
    }
}

/* runtime/base/number.h - numbers and durations as text, in the C locale. Thread: any. */
#pragma once

#include "runtime/base/bytes.h"

#define MR_NUMBER_TEXT_MAX 40

/* Shortest text that reads back the same; "inf", "-inf", "nan" for those; a value without fraction
 * prints as Lua does ("5.0", "1e+300"). Returns the length; out has room for MR_NUMBER_TEXT_MAX. */
size_t mr_float_format(double value, char *out);
/* Whole text, decimal digits with optional sign. MR_INVALID: not one, or beyond int64. */
mr_status mr_int_parse(mr_bytes text, int64_t *out) MR_CHECKED;
/* "1h30m" of ms s m h d, whole numbers, at least one unit; MR_INVALID otherwise, beyond int64. */
mr_status mr_duration_parse(mr_bytes text, int64_t *ms_out) MR_CHECKED;
/* The shortest such text ("90m" prints "1h30m", 0 "0s"); room for MR_NUMBER_TEXT_MAX. */
size_t mr_duration_format(int64_t ms, char *out);
/* "64MiB", "10kB", "4096" (bytes). */
mr_status mr_size_parse(mr_bytes text, uint64_t *bytes_out) MR_CHECKED;

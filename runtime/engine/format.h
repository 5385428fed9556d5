/* runtime/engine/format.h - the formats of keys and values, one function each way; used by value.c.
 * Thread: owner task only. */
#pragma once

#include "runtime/engine/datum.h"

/* Decodes the value's RAW datum and checks its type; the value's parser is taken when needed.
 * MR_INVALID: the cause. */
mr_status mr_format_decode(mr_value *value, mr_datum *out, mr_err *err) MR_CHECKED;
/* Parses JSON text with the value's own parser (value.c). */
mr_status mr_value_parse(mr_value *value, mr_bytes text, mr_datum *out, mr_err *err) MR_CHECKED;
/* Checked JSON text without the white space around it. */
mr_bytes mr_json_trimmed(mr_bytes text);

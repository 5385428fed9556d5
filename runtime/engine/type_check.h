/* runtime/engine/type_check.h - does a decoded value have the type that a stream declares?
 * A field without `|null` must be there and not null; `any` takes every value, null too; `int`
 * takes a number without fraction within 64 bits, however written (5 and 5.0); unknown fields pass.
 * Thread: owner task only. */
#pragma once

#include "runtime/engine/datum.h"

/* root: of a JSON datum. MR_INVALID: the first place that does not fit, by path. */
mr_status mr_type_check(const mr_type *type, const mr_datum *datum, mr_json root,
                        mr_err *err) MR_CHECKED;

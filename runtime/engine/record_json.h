/* runtime/engine/record_json.h - a record as one line of JSON: what `consume` prints and `format:
 * record` writes.
 *
 *   {"key":"u17","value":{"a":1},"ts":1700000000000,"headers":{"trace":"x"},"partition":0,"offset":42}
 *
 * Decoded as the formats say; bytes that are not what their format says, or not text, are
 * {"base64":".."}. A null key or value is null. JSON values keep their bytes, less line ends
 * between tokens. A header given several times has the array of its values. Thread: any. Keys and
 * values need MR_BUF_PADDING readable bytes behind (fetched records have them).
 */
#pragma once

#include "log/record/record.h"
#include "runtime/base/json.h"
#include "topologies/plan.h"

/* Appends the line, without a newline. A format may be NULL: bytes. */
void mr_record_json_put(const mr_record *record, const mr_format *key, const mr_format *value,
                        int32_t partition, mr_buf *out);
/* The same with a parser of the caller's, for many records. */
void mr_record_json_put_with(mr_json_parser *parser, const mr_record *record, const mr_format *key,
                             const mr_format *value, int32_t partition, mr_buf *out);
/* The line with key and value as finished JSON texts; ts, headers and offset are the record's. */
void mr_record_json_put_parts(const mr_record *record, mr_bytes key_json, mr_bytes value_json,
                              int32_t partition, mr_buf *out);
/* Appends checked JSON text without the line ends between its tokens. */
void mr_json_put_one_line(mr_buf *out, mr_bytes json);
/* Appends {"base64":".."}. */
void mr_json_put_base64(mr_buf *out, mr_bytes bytes);

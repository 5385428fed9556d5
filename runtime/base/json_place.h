/* runtime/base/json_place.h - where a text stops being JSON, for messages only.
 * Thread: any. */
#pragma once

#include "runtime/base/bytes.h"

typedef struct mr_json_place {
    const char *cause; /* static; NULL: this reader found nothing wrong */
    size_t at;         /* byte, from 0; text.len where the text ends too early */
} mr_json_place;

/* Reads byte by byte and slowly: call it for a text that mr_json_parse refused. */
mr_json_place mr_json_place_of_error(mr_bytes text);

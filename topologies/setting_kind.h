/* topologies/setting_kind.h - what the text of a setting must look like: connectors' settings and
 * millrace.yaml. Inside this folder only. Thread: any. */
#pragma once

#include <stdbool.h>

/* kind: text, path, int, size, duration, choice; choices: "a|b", for a choice only. */
bool mr_setting_has_kind(const char *kind, const char *choices, const char *value);
/* "a whole number", "a size": what a setting of this kind wants. */
const char *mr_setting_kind_words(const char *kind);

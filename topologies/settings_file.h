/* topologies/settings_file.h - a flat YAML mapping of known keys (millrace.yaml), checked strictly.
 * Thread: owner only. */
#pragma once

#include "topologies/diagnostics.h"
#include "topologies/plan.h"

typedef struct mr_settings_key {
    const char *name; /* dotted for nested mappings: "spill.bytes" */
    const char *kind; /* text, int, size, duration, choice, text_list */
    const char *choices;
} mr_settings_key;

/* Values in the order written, texts owned by caller (mr_settings_list_free); lists repeat the
 * name. With MR_INVALID out holds those that are of their kind, so that the caller can go on
 * checking them. */
mr_status mr_settings_parse(mr_bytes text, const mr_settings_key *keys, size_t keys_count,
                            mr_diagnostics *diagnostics, mr_setting **out,
                            size_t *count_out) MR_CHECKED;
void mr_settings_list_free(mr_setting *settings, size_t count);

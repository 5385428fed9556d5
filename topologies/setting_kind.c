#include "topologies/setting_kind.h"

#include "runtime/base/number.h"

static bool is_choice(const char *choices, const char *value) {
    size_t length = strlen(value);
    for (const char *at = choices; at != NULL && length > 0; at = strchr(at, '|')) {
        at += *at == '|';
        if (strncmp(at, value, length) == 0 && (at[length] == '|' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

bool mr_setting_has_kind(const char *kind, const char *choices, const char *value) {
    int64_t number = 0;
    uint64_t size = 0;
    mr_bytes text = mr_bytes_text(value);
    if (strcmp(kind, "int") == 0) {
        return mr_int_parse(text, &number) == MR_OK;
    }
    if (strcmp(kind, "size") == 0) {
        return mr_size_parse(text, &size) == MR_OK;
    }
    if (strcmp(kind, "duration") == 0) {
        return mr_duration_parse(text, &number) == MR_OK;
    }
    if (strcmp(kind, "choice") == 0) {
        return is_choice(choices, value);
    }
    return value[0] != '\0';
}

const char *mr_setting_kind_words(const char *kind) {
    static const char *const words[][2] = {
        {"int", "a whole number"},
        {"size", "a size such as 64KiB"},
        {"duration", "a duration such as 1h30m"},
        {"choice", "a choice"},
        {"path", "a path"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i][0], kind) == 0) {
            return words[i][1];
        }
    }
    return "a text";
}

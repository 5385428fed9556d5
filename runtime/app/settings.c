#include "runtime/app/settings.h"

#include <stdio.h>
#include <uv.h>

#include "runtime/app/messages.h"
#include "runtime/app/text_file.h"
#include "runtime/base/alloc.h"
#include "runtime/base/number.h"

#define DEFAULT_DATA "./millrace-data"
#define DEFAULT_FILE "millrace.yaml"
#define FILE_BYTES_MAX 1048576
#define OPTION_NAME_MAX 64

typedef enum rule_kind { RULE_TEXT, RULE_INT, RULE_SIZE, RULE_DURATION, RULE_CHOICE } rule_kind;

typedef struct rule {
    const char *name;
    rule_kind kind;
    int64_t min;
    int64_t max;
    const char *range; /* what would be right, for messages */
    const char *choices;
} rule;

static const rule rules[] = {
    {.name = "data",
     .kind = RULE_TEXT,
     .range = "the name of a directory, written out without '~'"},
    {.name = "workers",
     .kind = RULE_INT,
     .min = 1,
     .max = 256,
     .range = "a whole number from 1 to 256"},
    {.name = "memory",
     .kind = RULE_SIZE,
     .min = 32 << 20,
     .max = INT64_C(1) << 46,
     .range = "a size from 32MiB on, like 512MiB or 4GiB"},
    {.name = "commit_interval",
     .kind = RULE_DURATION,
     .min = 1,
     .max = 3600000,
     .range = "a duration from 1ms to 1h, like 100ms"},
    {.name = "spill_bytes",
     .kind = RULE_SIZE,
     .min = 1,
     .max = INT64_C(1) << 46,
     .range = "a size above 0, like 128MiB"},
    {.name = "spill_age",
     .kind = RULE_DURATION,
     .min = 1,
     .max = INT64_C(1) << 40,
     .range = "a duration from 1ms on, like 60s"},
    {.name = "rate",
     .kind = RULE_INT,
     .min = 0,
     .max = INT64_C(1) << 40,
     .range = "a whole number of source records per second, 0 for no bound"},
    {.name = "state",
     .kind = RULE_CHOICE,
     .range = "rocksdb or memory",
     .choices = "rocksdb|memory"},
};
#define RULES_COUNT (sizeof rules / sizeof rules[0])

void mr_settings_init(mr_settings *settings, uint32_t cores) {
    *settings = (mr_settings){
        .data = mr_strdup(DEFAULT_DATA),
        .workers = cores < 1     ? 1
                   : cores > 256 ? 256
                                 : cores,
        .memory_bytes = UINT64_C(512) << 20,
        .commit_interval_ms = 100,
        .spill_bytes = UINT64_C(128) << 20,
        .spill_age_ms = 60000,
        .rate = 0,
        .state = MR_STATE_ROCKSDB,
    };
}

void mr_settings_deinit(mr_settings *settings) {
    mr_free(settings->data);
    settings->data = NULL;
}

/* ---- one setting ---- */

static const rule *find_rule(const char *name) {
    for (size_t i = 0; i < RULES_COUNT; i++) {
        if (strcmp(rules[i].name, name) == 0) {
            return &rules[i];
        }
    }
    return NULL;
}

static bool parse_number(const rule *one, const char *text, int64_t *out) {
    mr_bytes bytes = mr_bytes_text(text);
    uint64_t size = 0;
    mr_status status = MR_INVALID;
    if (one->kind == RULE_INT) {
        status = mr_int_parse(bytes, out);
    } else if (one->kind == RULE_DURATION) {
        status = mr_duration_parse(bytes, out);
    } else if (mr_size_parse(bytes, &size) == MR_OK && size <= INT64_MAX) {
        *out = (int64_t)size;
        status = MR_OK;
    }
    return status == MR_OK && *out >= one->min && *out <= one->max;
}

static void put_number(mr_settings *settings, const char *name, int64_t number) {
    if (strcmp(name, "workers") == 0) {
        settings->workers = (uint32_t)number;
    } else if (strcmp(name, "memory") == 0) {
        settings->memory_bytes = (uint64_t)number;
    } else if (strcmp(name, "commit_interval") == 0) {
        settings->commit_interval_ms = number;
    } else if (strcmp(name, "spill_bytes") == 0) {
        settings->spill_bytes = (uint64_t)number;
    } else if (strcmp(name, "spill_age") == 0) {
        settings->spill_age_ms = number;
    } else {
        settings->rate = (uint64_t)number;
    }
}

mr_status mr_settings_set(mr_settings *settings, const char *name, const char *text, mr_err *err) {
    const rule *one = find_rule(name);
    if (!one) {
        return mr_err_set(err, MR_INVALID, "there is no setting '%s'", name);
    }
    int64_t number = 0;
    bool right = false;
    if (one->kind == RULE_TEXT) {
        right = text[0] != '\0' && text[0] != '~'; /* nobody wants a directory named ~ */
        if (right) {
            mr_free(settings->data);
            settings->data = mr_strdup(text);
        }
    } else if (one->kind == RULE_CHOICE) {
        bool memory = strcmp(text, "memory") == 0;
        right = memory || strcmp(text, "rocksdb") == 0;
        if (right) {
            settings->state = memory ? MR_STATE_MEMORY : MR_STATE_ROCKSDB;
        }
    } else {
        right = parse_number(one, text, &number);
        if (right) {
            put_number(settings, name, number);
        }
    }
    return right ? MR_OK : mr_err_set(err, MR_INVALID, "'%s' is not %s", text, one->range);
}

/* ---- the file ---- */

static void fill_keys(mr_settings_key *keys) {
    static const char *const kinds[] = {
        [RULE_TEXT] = "text",         [RULE_INT] = "int",       [RULE_SIZE] = "size",
        [RULE_DURATION] = "duration", [RULE_CHOICE] = "choice",
    };
    for (size_t i = 0; i < RULES_COUNT; i++) {
        keys[i] = (mr_settings_key){
            .name = rules[i].name, .kind = kinds[rules[i].kind], .choices = rules[i].choices};
    }
}

/* `data` in a file is relative to the file's folder, wherever the command is started; '~' is
 * refused for what it is. */
static char *below_folder(const char *file, const char *path) {
    const char *slash = strrchr(file, '/');
    mr_buf joined = {0};
    if (path[0] != '/' && path[0] != '~' && slash) {
        mr_buf_put(&joined, file, (size_t)(slash - file) + 1);
    }
    mr_buf_put_text(&joined, path);
    char *text = mr_strdup(mr_buf_cstr(&joined));
    mr_buf_deinit(&joined);
    return text;
}

static void take_one(mr_settings *settings, const char *file, const mr_setting *one,
                     mr_diagnostics *diagnostics) {
    bool is_data = strcmp(one->name, "data") == 0;
    char *text = is_data ? below_folder(file, one->value) : mr_strdup(one->value);
    mr_err err = {0};
    if (mr_settings_set(settings, one->name, text, &err) != MR_OK) {
        mr_diagnostics_add(diagnostics, MR_SEVERITY_ERROR, "E208", one->place, 1, NULL, "%s: %s",
                           one->name, err.message);
    }
    mr_free(text);
}

mr_status mr_settings_take_file(mr_settings *settings, const char *file, mr_bytes text,
                                mr_buf *report) {
    mr_settings_key keys[RULES_COUNT];
    fill_keys(keys);
    mr_diagnostics *diagnostics = mr_diagnostics_create(file, text);
    mr_setting *list = NULL;
    size_t count = 0;
    mr_status status = mr_settings_parse(text, keys, RULES_COUNT, diagnostics, &list, &count);
    for (size_t i = 0; i < count; i++) {
        take_one(settings, file, &list[i], diagnostics);
    }
    mr_settings_list_free(list, count);
    if (mr_diagnostics_errors(diagnostics) > 0) {
        status = MR_INVALID;
    }
    mr_diagnostics_format(diagnostics, report);
    mr_diagnostics_destroy(diagnostics);
    return status;
}

/* ---- file and options ---- */

static mr_status load_file(const mr_arguments *arguments, mr_settings *settings) {
    const char *file = mr_arguments_text(arguments, "config");
    mr_buf text = {0}, report = {0};
    mr_err err = {0};
    mr_status status = mr_text_file_read(file ? file : DEFAULT_FILE, FILE_BYTES_MAX, &text, &err);
    if (status == MR_NOT_FOUND && !file) {
        return MR_OK;
    }
    if (status != MR_OK) {
        mr_say("%s", err.message);
        status = MR_INVALID;
    } else {
        status = mr_settings_take_file(settings, file ? file : DEFAULT_FILE, mr_buf_view(&text),
                                       &report);
        mr_say_text(mr_buf_view(&report));
    }
    mr_buf_deinit(&text);
    mr_buf_deinit(&report);
    return status;
}

static mr_status take_options(const mr_arguments *arguments, mr_settings *settings) {
    for (size_t i = 0; i < RULES_COUNT; i++) {
        char name[OPTION_NAME_MAX];
        snprintf(name, sizeof name, "%s", rules[i].name);
        for (char *at = name; *at; at++) {
            *at = *at == '_' ? '-' : *at;
        }
        const char *text = mr_arguments_text(arguments, name);
        mr_err err = {0};
        if (text && mr_settings_set(settings, rules[i].name, text, &err) != MR_OK) {
            mr_say("--%s: %s", name, err.message);
            return MR_INVALID;
        }
    }
    return MR_OK;
}

mr_status mr_settings_load(const mr_arguments *arguments, mr_settings *out) {
    mr_settings_init(out, (uint32_t)uv_available_parallelism());
    mr_status status = load_file(arguments, out);
    return status == MR_OK ? take_options(arguments, out) : status;
}

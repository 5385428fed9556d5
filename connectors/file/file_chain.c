#include "connectors/file/file_chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/file/file_text.h"

#define CHAIN_BYTES_MAX 1024
#define NAME_BYTES_MAX 300

/* What a chain file says. */
typedef struct chain_text {
    char log[64];
    char topic_id[64];
    char topic[NAME_BYTES_MAX];
    int64_t partition;
    int64_t partitions;
    int64_t generation;
} chain_text;

mr_connector_result mr_file_remove_if_there(const mr_connector_host *host, const char *path,
                                            char *err, size_t err_bytes) {
    mr_connector_result result = host->remove(host->self, path, err, err_bytes);
    return result == MR_CONNECTOR_MISSING ? MR_CONNECTOR_OK : result;
}

mr_connector_result mr_file_is_there(const mr_connector_host *host, const char *path, int *there,
                                     uint64_t *size_bytes, char *err, size_t err_bytes) {
    mr_connector_file_info info = {0};
    mr_connector_result result = host->info(host->self, path, &info, err, err_bytes);
    *there = result == MR_CONNECTOR_OK;
    if (*there && size_bytes != NULL) {
        *size_bytes = info.size_bytes;
    }
    return result == MR_CONNECTOR_MISSING ? MR_CONNECTOR_OK : result;
}

static mr_connector_result sync_parent(const mr_connector_host *host, const char *path, char *err,
                                       size_t err_bytes) {
    char *parent = mr_file_path_parent(path);
    if (parent == NULL) {
        return mr_file_fail(MR_CONNECTOR_FAILED, err, err_bytes, "out of memory");
    }
    mr_connector_result result = host->sync_dir(host->self, parent, err, err_bytes);
    free(parent);
    return result;
}

mr_connector_result mr_file_chain_lock(const mr_connector_host *host, const char *path,
                                       mr_connector_file **lock_out, char *err, size_t err_bytes) {
    char *lock_path = mr_file_path_join("", "%s.lock", path);
    if (lock_path == NULL) {
        return mr_file_fail(MR_CONNECTOR_FAILED, err, err_bytes, "out of memory");
    }
    mr_connector_result result = host->lock(host->self, lock_path, lock_out, err, err_bytes);
    free(lock_path);
    if (result == MR_CONNECTOR_INVALID) {
        return mr_file_wrap(result, err, err_bytes,
                            "another sink, of this run or of another one, writes there");
    }
    return result;
}

static mr_connector_result read_chain(const mr_connector_host *host, const char *path, int *there,
                                      chain_text *out, char *err, size_t err_bytes) {
    mr_connector_file *file = NULL;
    mr_connector_result result =
        host->open(host->self, path, MR_CONNECTOR_READ, &file, err, err_bytes);
    *there = result == MR_CONNECTOR_OK;
    if (result != MR_CONNECTOR_OK) {
        return result == MR_CONNECTOR_MISSING ? MR_CONNECTOR_OK : result;
    }
    char text[CHAIN_BYTES_MAX + 1];
    size_t got = 0;
    result = host->pread(host->self, file, text, CHAIN_BYTES_MAX, 0, &got, err, err_bytes);
    host->close(host->self, file);
    if (result != MR_CONNECTOR_OK) {
        return result;
    }
    text[got] = '\0';
    if (!mr_file_text_get_string(text, "log", out->log, sizeof out->log) ||
        !mr_file_text_get_string(text, "topic_id", out->topic_id, sizeof out->topic_id) ||
        !mr_file_text_get_string(text, "topic", out->topic, sizeof out->topic) ||
        !mr_file_text_get_int(text, "partition", &out->partition) ||
        !mr_file_text_get_int(text, "partitions", &out->partitions) ||
        !mr_file_text_get_int(text, "generation", &out->generation)) {
        return mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes,
                            "%s: is no chain file of a sink: move it away", path);
    }
    return MR_CONNECTOR_OK;
}

static mr_connector_result mismatch(const char *path, const chain_text *then,
                                    const mr_connector_chain *now, char *err, size_t err_bytes) {
    return mr_file_fail(
        MR_CONNECTOR_INVALID, err, err_bytes,
        "%s: what lies here was written from topic %s (%s) with %lld partitions in log %s, "
        "generation %lld; this sink reads topic %s (%s) with %d partitions in log %s, generation "
        "%lld: move the old output away together with this file, or write somewhere else",
        path, then->topic, then->topic_id, (long long)then->partitions, then->log,
        (long long)then->generation, now->topic, now->topic_id, (int)now->partitions, now->log_id,
        (long long)now->generation);
}

mr_connector_result mr_file_chain_check(const mr_connector_host *host, const char *path,
                                        const mr_connector_chain *chain, mr_file_chain_found *found,
                                        char *err, size_t err_bytes) {
    int there = 0;
    chain_text then = {0};
    *found = MR_FILE_CHAIN_NONE;
    mr_connector_result result = read_chain(host, path, &there, &then, err, err_bytes);
    if (result != MR_CONNECTOR_OK || !there) {
        return result;
    }
    int same_topic = strcmp(then.log, chain->log_id) == 0 &&
                     strcmp(then.topic, chain->topic) == 0 &&
                     strcmp(then.topic_id, chain->topic_id) == 0 &&
                     then.partition == chain->partition && then.partitions == chain->partitions;
    if (!same_topic || then.generation > chain->generation) {
        return mismatch(path, &then, chain, err, err_bytes);
    }
    if (then.generation < chain->generation) {
        return mr_file_fail(
            MR_CONNECTOR_INVALID, err, err_bytes,
            "%s: what lies here was written by generation %lld of the job, which is "
            "now at %lld: a reset was not finished; run `millrace reset` again",
            path, (long long)then.generation, (long long)chain->generation);
    }
    *found = MR_FILE_CHAIN_SAME;
    return MR_CONNECTOR_OK;
}

mr_connector_result mr_file_chain_check_reset(const mr_connector_host *host, const char *path,
                                              const mr_connector_chain *chain,
                                              mr_file_chain_found *found, char *err,
                                              size_t err_bytes) {
    int there = 0;
    chain_text then = {0};
    *found = MR_FILE_CHAIN_NONE;
    mr_connector_result result = read_chain(host, path, &there, &then, err, err_bytes);
    if (result != MR_CONNECTOR_OK || !there) {
        return result;
    }
    if (strcmp(then.log, chain->log_id) != 0 || strcmp(then.topic, chain->topic) != 0) {
        return mismatch(path, &then, chain, err, err_bytes);
    }
    *found = then.generation < chain->generation ? MR_FILE_CHAIN_OLDER : MR_FILE_CHAIN_SAME;
    return MR_CONNECTOR_OK;
}

static mr_connector_result write_new(const mr_connector_host *host, const char *path,
                                     const char *text, char *err, size_t err_bytes) {
    mr_connector_file *file = NULL;
    mr_connector_result result =
        host->open(host->self, path, MR_CONNECTOR_CREATE_NEW, &file, err, err_bytes);
    if (result != MR_CONNECTOR_OK) {
        return result;
    }
    result = host->pwrite(host->self, file, text, strlen(text), 0, err, err_bytes);
    if (result == MR_CONNECTOR_OK) {
        result = host->sync(host->self, file, err, err_bytes);
    }
    host->close(host->self, file);
    return result;
}

mr_connector_result mr_file_chain_write(const mr_connector_host *host, const char *path,
                                        const mr_connector_chain *chain, char *err,
                                        size_t err_bytes) {
    char content[CHAIN_BYTES_MAX];
    mr_file_text text = mr_file_text_begin(content, sizeof content - 1);
    mr_file_text_put_string(&text, "log", chain->log_id);
    mr_file_text_put_string(&text, "topic_id", chain->topic_id);
    mr_file_text_put_string(&text, "topic", chain->topic);
    mr_file_text_put_int(&text, "partition", chain->partition);
    mr_file_text_put_int(&text, "partitions", chain->partitions);
    mr_file_text_put_int(&text, "generation", chain->generation);
    if (!mr_file_text_end(&text)) {
        return mr_file_fail(MR_CONNECTOR_INVALID, err, err_bytes, "%s: the names are too long",
                            path);
    }
    memcpy(content + text.len, "\n", 2);
    char *temporary = mr_file_path_join("", "%s.tmp", path);
    if (temporary == NULL) {
        return mr_file_fail(MR_CONNECTOR_FAILED, err, err_bytes, "out of memory");
    }
    mr_connector_result result = mr_file_remove_if_there(host, temporary, err, err_bytes);
    if (result == MR_CONNECTOR_OK) {
        result = write_new(host, temporary, content, err, err_bytes);
    }
    if (result == MR_CONNECTOR_OK) {
        result = host->rename(host->self, temporary, path, err, err_bytes);
    }
    if (result == MR_CONNECTOR_OK) {
        result = sync_parent(host, path, err, err_bytes);
    }
    free(temporary);
    return result;
}

mr_connector_result mr_file_chain_remove(const mr_connector_host *host, const char *path, char *err,
                                         size_t err_bytes) {
    mr_connector_result result = mr_file_remove_if_there(host, path, err, err_bytes);
    return result == MR_CONNECTOR_OK ? sync_parent(host, path, err, err_bytes) : result;
}

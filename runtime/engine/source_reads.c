#include "runtime/engine/source_reads.h"

#include <inttypes.h>
#include <stdio.h>

#include "connectors/registry.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

/* ---- on the pool ---- */

static void copy_records(mr_source_batch *batch, const mr_connector_read *read) {
    if (batch->lines_cap < read->records_count) {
        batch->lines_cap = read->records_count;
        batch->lines = mr_realloc(batch->lines, batch->lines_cap * sizeof *batch->lines);
    }
    size_t problems_bytes = 0;
    for (size_t i = 0; i < read->records_count; i++) {
        problems_bytes += read->records[i].problem ? strlen(read->records[i].problem) + 1 : 0;
    }
    mr_buf_reserve(&batch->problems, problems_bytes + 1); /* so that it does not move below */
    for (size_t i = 0; i < read->records_count; i++) {
        const mr_connector_record *record = &read->records[i];
        mr_source_line *line = &batch->lines[batch->lines_count++];
        *line = (mr_source_line){.at = batch->bytes.len, .len = record->len, .line = record->line};
        mr_buf_put(&batch->bytes, record->data, record->len);
        if (record->problem != NULL) {
            line->problem = (const char *)batch->problems.data + batch->problems.len;
            mr_buf_put(&batch->problems, record->problem, strlen(record->problem) + 1);
        }
    }
    mr_buf_reserve(&batch->bytes, 1); /* the padding, also behind nothing */
}

static void run_open(mr_source_reads *reads) {
    mr_source_batch *batch = reads->batch;
    const char *position = reads->position.len > 0 ? (const char *)reads->position.data : NULL;
    batch->result = reads->plugin->source_open(mr_connector_host_of(reads->files), reads->settings,
                                               reads->settings_count, position, &reads->plugin_self,
                                               batch->error, sizeof batch->error);
}

static void run_read(mr_source_reads *reads) {
    mr_source_batch *batch = reads->batch;
    mr_connector_read read = {
        .struct_bytes = sizeof read,
        .records_max = reads->records_max,
        .bytes_max = reads->bytes_max,
        .take_rest = reads->take_rest,
    };
    batch->result =
        reads->plugin->source_read(reads->plugin_self, &read, batch->error, sizeof batch->error);
    if (batch->result != MR_CONNECTOR_OK && batch->result != MR_CONNECTOR_END) {
        return;
    }
    copy_records(batch, &read);
    memcpy(batch->position, read.position, sizeof batch->position);
    if (reads->origin.len == 0 && read.origin != NULL) {
        mr_buf_put_text(&reads->origin, read.origin);
        (void)mr_buf_cstr(&reads->origin);
    }
}

static void run(mr_work *work) {
    mr_source_reads *reads = (mr_source_reads *)work;
    if (reads->call == MR_SOURCE_OPEN) {
        run_open(reads);
    } else {
        run_read(reads);
    }
}

/* ---- on the worker ---- */

static void submit(mr_source_reads *reads, mr_source_call call, mr_source_batch *batch) {
    MR_ASSERT(!reads->outstanding);
    MR_ASSERT(!batch->full);
    batch->lines_count = 0;
    mr_buf_clear(&batch->bytes);
    mr_buf_clear(&batch->problems);
    batch->position[0] = '\0';
    batch->error[0] = '\0';
    reads->call = call;
    reads->batch = batch;
    reads->outstanding = true;
    reads->pool.submit(reads->pool.self, &reads->work.work);
}

void mr_source_reads_open(mr_source_reads *reads, const char *position, mr_source_batch *batch) {
    mr_buf_clear(&reads->position);
    if (position != NULL) {
        mr_buf_put_text(&reads->position, position);
        (void)mr_buf_cstr(&reads->position);
    }
    submit(reads, MR_SOURCE_OPEN, batch);
}

void mr_source_reads_read(mr_source_reads *reads, size_t records_max, size_t bytes_max,
                          int take_rest, mr_source_batch *batch) {
    MR_ASSERT(reads->plugin_self != NULL);
    reads->records_max = records_max;
    reads->bytes_max = bytes_max;
    reads->take_rest = take_rest;
    submit(reads, MR_SOURCE_READ, batch);
}

static bool has_setting(const mr_source_reads *reads, const char *name) {
    for (size_t i = 0; i < reads->settings_count; i++) {
        if (strcmp(reads->settings[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

mr_status mr_source_reads_init(mr_source_reads *reads, mr_member *member,
                               const mr_plan_source *source, mr_disk *disk, mr_mailbox *works,
                               mr_work_pool pool, mr_err *err) {
    *reads = (mr_source_reads){
        .work = {.work = {.run = run, .done = works}, .member = member},
        .pool = pool,
        .plugin = mr_connector_find(source->plugin),
    };
    if (reads->plugin == NULL || reads->plugin->source_fields == NULL) {
        return mr_err_set(err, MR_INVALID, "no connector '%s' for sources", source->plugin);
    }
    reads->files = mr_connector_host_create(disk);
    reads->settings = mr_connector_settings_of(source->settings, source->settings_count);
    reads->settings_count = source->settings_count;
    if (source->record_bytes_max > 0 && !has_setting(reads, "max_record")) {
        snprintf(reads->max_record, sizeof reads->max_record, "%" PRIu64, source->record_bytes_max);
        reads->settings =
            mr_realloc(reads->settings, (reads->settings_count + 1) * sizeof *reads->settings);
        reads->settings[reads->settings_count++] =
            (mr_connector_setting){"max_record", reads->max_record};
    }
    return MR_OK;
}

void mr_source_reads_deinit(mr_source_reads *reads) {
    if (reads->plugin_self != NULL) {
        reads->plugin->source_close(reads->plugin_self);
    }
    mr_connector_host_destroy(reads->files);
    mr_free(reads->settings);
    mr_buf_deinit(&reads->position);
    mr_buf_deinit(&reads->origin);
}

void mr_source_batch_deinit(mr_source_batch *batch) {
    mr_free(batch->lines);
    mr_buf_deinit(&batch->bytes);
    mr_buf_deinit(&batch->problems);
}

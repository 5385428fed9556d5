/* runtime/app/log_view.h - a data directory looked at: no lock, nothing written, also beside a
 * running job. What it shows is the last commit at the moment of opening. Thread: owner only. */
#pragma once

#include "log/core/recovery.h"
#include "runtime/app/catalog.h"

typedef struct mr_log_view mr_log_view;

/* MR_NOT_FOUND: there is no data directory, or no log in it yet. */
mr_status mr_log_view_open(const char *data, mr_log_view **out, mr_err *err) MR_CHECKED;
void mr_log_view_close(mr_log_view *view); /* NULL is fine */

/* Sorted by name; borrowed for life. */
const mr_topic_description *mr_log_view_topics(const mr_log_view *view, size_t *count);
const mr_topic_description *mr_log_view_topic(const mr_log_view *view, const char *name); /* NULL */
mr_status mr_log_view_offsets(const mr_log_view *view, mr_partition_id partition,
                              mr_log_offsets *out) MR_CHECKED;

/* One record; borrowed for the call. MR_NOT_FOUND ends the reading without an error. */
typedef mr_status (*mr_log_view_visit)(void *arg, const mr_record *record, mr_err *err);
/* The committed records of a partition from an offset on (or the first there is), in order. */
mr_status mr_log_view_each(mr_log_view *view, mr_partition_id partition, int64_t offset,
                           mr_log_view_visit visit, void *arg, mr_err *err) MR_CHECKED;

/* The job's newest generation. MR_NOT_FOUND: it never ran here. */
mr_status mr_log_view_generation(mr_log_view *view, const char *job, int64_t *out,
                                 mr_err *err) MR_CHECKED;
/* view: NULL counts nothing. */
mr_topic_counts mr_log_view_topic_counts(mr_log_view *view);

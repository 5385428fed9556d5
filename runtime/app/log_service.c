#include "runtime/app/log_service.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "log/io/disk_posix.h"
#include "runtime/app/io_pool.h"
#include "runtime/app/messages.h"
#include "runtime/app/text_file.h"
#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"

#define LOCK_PATH "LOCK"
#define IO_THREADS 4
#define PUMP_NS 100000000

struct mr_log_service {
    mr_clock clock;
    mr_disk *disk;
    mr_file *lock;
    mr_io_pool *pool;
    mr_log_thread *thread;
    mr_wakeup wakeup; /* of the control thread's client */
    mr_log_client *client;
    bool shut_down;
    bool stopped;
};

/* ---- opening ---- */

static uint64_t draw_seed(void) {
    uint64_t seed = 0;
    ssize_t got = getrandom(&seed, sizeof seed, 0);
    MR_ASSERT(got == (ssize_t)sizeof seed);
    return seed;
}

static mr_status lock_directory(mr_log_service *service, const char *data, mr_err *err) {
    mr_status status = mr_folder_make(data, err);
    if (status == MR_OK) {
        status = mr_disk_posix_open(data, &service->disk, err);
    }
    if (status == MR_OK) {
        status = mr_disk_lock(service->disk, LOCK_PATH, &service->lock, err);
    }
    if (status == MR_FENCED) {
        return mr_err_wrap(err, status, "the data directory %s is in use", data);
    }
    return status != MR_OK && service->disk ? mr_err_wrap(err, status, "%s", data) : status;
}

static void free_all(mr_log_service *service) {
    if (service->client) {
        mr_log_client_destroy(service->client);
    }
    mr_io_pool_destroy(service->pool);
    mr_log_thread_destroy(service->thread);
    if (service->lock) {
        mr_disk_unlock(service->lock);
    }
    mr_disk_posix_close(service->disk);
    mr_wakeup_deinit(&service->wakeup);
    mr_free(service);
}

static void start(mr_log_service *service, const mr_log_service_config *config,
                  const mr_log_core_config *core_config, mr_log_image *image) {
    service->pool = mr_io_pool_create(IO_THREADS);
    mr_log_core *core = mr_log_core_create(image, core_config);
    service->thread =
        mr_log_thread_create(&(mr_log_thread_config){.core = core,
                                                     .disk = service->disk,
                                                     .pool = mr_io_pool_of(service->pool),
                                                     .clock = config->clock,
                                                     .tell = config->tell,
                                                     .tell_arg = config->tell_arg});
    service->client = mr_log_client_create_embedded(mr_log_thread_requests(service->thread),
                                                    mr_wakeup_raise, &service->wakeup);
}

mr_status mr_log_service_open(const mr_log_service_config *config, mr_log_service **out,
                              mr_recovery_report *report, mr_err *err) {
    mr_log_service *service = mr_alloc(sizeof *service);
    service->clock = config->clock;
    mr_wakeup_init(&service->wakeup);
    mr_log_core_config core_config = {.breaks = config->breaks, .seed = draw_seed()};
    mr_log_image *image = NULL;
    mr_status status = lock_directory(service, config->data, err);
    if (status == MR_OK) {
        status = mr_log_recover(service->disk, MR_RECOVERY_REPAIR, mr_clock_now(&config->clock),
                                &core_config, &image, report, err);
        if (status != MR_OK) {
            mr_err_wrap(err, status, "%s", config->data);
        }
    }
    if (status != MR_OK) {
        free_all(service);
        return status;
    }
    start(service, config, &core_config, image);
    *out = service;
    return MR_OK;
}

/* ---- calls of the control thread ---- */

/* The answer's wake comes through the wakeup; the bound is for a log that failed in between. */
static void pump(void *arg) {
    mr_log_service *service = arg;
    mr_wakeup_wait(&service->wakeup, service->clock.mono_ns(service->clock.self) + PUMP_NS);
}

mr_log_caller mr_log_service_caller(mr_log_service *service) {
    return (mr_log_caller){.client = service->client, .pump = pump, .arg = service};
}

static int32_t topic_partitions(void *self, const char *topic) {
    mr_log_service *service = self;
    mr_log_request *request = mr_log_client_request(service->client, MR_LOG_DESCRIBE);
    snprintf(request->topic, sizeof request->topic, "%s", topic);
    mr_status status = mr_log_client_call(service->client, request, pump, service);
    int32_t partitions =
        status == MR_OK && request->status == MR_OK ? request->described.partitions : 0;
    mr_log_client_recycle(service->client, request);
    return partitions;
}

mr_topic_counts mr_log_service_topic_counts(mr_log_service *service) {
    return (mr_topic_counts){.partitions = topic_partitions, .self = service};
}

mr_mailbox *mr_log_service_requests(mr_log_service *service) {
    return mr_log_thread_requests(service->thread);
}

mr_work_pool mr_log_service_pool(mr_log_service *service) {
    return mr_io_pool_of(service->pool);
}

mr_disk *mr_log_service_disk(mr_log_service *service) {
    return service->disk;
}

const mr_err *mr_log_service_failure(const mr_log_service *service) {
    return mr_log_thread_failure(service->thread);
}

/* ---- the end ---- */

mr_status mr_log_service_shutdown(mr_log_service *service) {
    MR_ASSERT(!service->shut_down);
    service->shut_down = true;
    mr_log_request *request = mr_log_client_request(service->client, MR_LOG_SHUTDOWN);
    mr_status status = mr_log_client_call(service->client, request, pump, service);
    mr_log_client_recycle(service->client, request);
    return status;
}

void mr_log_service_stop(mr_log_service *service) {
    MR_ASSERT(!service->stopped);
    service->stopped = true;
    if (!service->shut_down) {
        mr_status status = mr_log_service_shutdown(service);
        (void)status; /* whatever was not synced is recovery's to settle */
    }
    mr_log_thread_join(service->thread, MR_LOG_THREAD_DRAIN);
    mr_io_pool_destroy(service->pool);
    service->pool = NULL;
}

void mr_log_service_close(mr_log_service *service) {
    if (!service) {
        return;
    }
    if (!service->stopped) {
        mr_log_service_stop(service);
    }
    free_all(service);
}

void mr_log_service_abandon(mr_log_service *service) {
    if (!service->shut_down && !mr_log_service_failure(service)) {
        mr_status status = mr_log_service_shutdown(service);
        (void)status;
    }
    mr_log_thread_join(service->thread, MR_LOG_THREAD_ABANDON);
}

void mr_recovery_report_say(const mr_recovery_report *report) {
    if (report->torn_bytes > 0 || report->transactions_aborted > 0 ||
        report->transactions_finished > 0) {
        mr_say("recovered after a crash: %" PRIu64 " undecided transactions taken back, %" PRIu64
               " decided ones finished, %" PRIu64 " torn bytes cut off",
               report->transactions_aborted, report->transactions_finished, report->torn_bytes);
    }
    if (report->message[0]) {
        mr_say("%s", report->message);
    }
}

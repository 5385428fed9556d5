#include "log/io/log_driver.h"

#include <errno.h>
#include <stdio.h>

#include "runtime/base/alloc.h"
#include "runtime/base/assert.h"
#include "runtime/base/map.h"

/* Messages on their way from clients: a bound on memory, far above what runs. */
#define REQUESTS_MAX (1u << 17)
/* Works outstanding are bounded by what clients have under way; this only sizes the way back. */
#define WORKS_MAX (1u << 20)

/* One effect on its way. */
typedef struct op {
    mr_log_effect effect; /* path and data are owned */
    mr_status status;
    int sys;
    mr_shared *read;
    struct op *next;
} op;

typedef struct driver_file {
    uint32_t number;
    char *path;
    mr_file *handle; /* NULL: closed, or being opened */
    op *queue;
    op *queue_last;
    bool exclusive;  /* a work runs that nothing may overlap with but shared ones begun before */
    size_t shared;   /* reads and syncs running */
    bool failed;     /* a write failed: what is in the file now is unknown */
    uint64_t writes; /* works with writes begun */
    uint64_t writes_synced;
    bool touched;
    bool holds;                /* one of the handles, open or being opened */
    struct driver_file *older; /* among those that hold one, by their last use */
    struct driver_file *newer;
    bool waits; /* for a handle, before its queue goes on */
    struct driver_file *waits_next;
} driver_file;

typedef struct driver_work {
    mr_work work; /* must be first */
    mr_disk *disk;
    driver_file *file; /* NULL: of no file */
    mr_file *handle;   /* the file's, or the one this work opened */
    bool refused;      /* the file failed before */
    bool exclusive;
    bool makes_room; /* a sync of the driver's own */
    uint64_t writes; /* of the file when this began */
    op *ops;
    struct driver_work *next;
    struct driver_work *previous;
} driver_work;

struct mr_log_driver {
    mr_log_core *core;
    mr_log_driver_config config;
    mr_mailbox *requests;
    mr_mailbox *done;
    mr_log_effects effects;
    mr_map *files; /* by number */
    driver_work *running;
    size_t running_count;
    driver_file **touched; /* got effects in this step */
    size_t touched_count;
    size_t touched_cap;
    size_t handles; /* held, at most MR_LOG_HANDLES_MAX */
    driver_file *oldest;
    driver_file *newest;
    driver_file *waiting;
    driver_file *waiting_last;
    size_t waiting_count;
    size_t rooms_coming; /* syncs under way whose files can be closed afterwards */
};

mr_log_driver *mr_log_driver_create(mr_log_core *core, const mr_log_driver_config *config) {
    mr_log_driver *driver = mr_alloc(sizeof(*driver));
    driver->core = core;
    driver->config = *config;
    driver->requests = mr_mailbox_create(REQUESTS_MAX, config->wake, config->wake_arg);
    driver->done = mr_mailbox_create(WORKS_MAX, config->wake, config->wake_arg);
    driver->files = mr_map_create();
    return driver;
}

mr_mailbox *mr_log_driver_requests(mr_log_driver *driver) {
    return driver->requests;
}

size_t mr_log_driver_outstanding(const mr_log_driver *driver) {
    return driver->running_count;
}

mr_log_core *mr_log_driver_core(mr_log_driver *driver) {
    return driver->core;
}

int64_t mr_log_driver_deadline_ns(const mr_log_driver *driver) {
    return mr_log_core_deadline_ns(driver->core);
}

/* ---- on the pool ---- */

static mr_status make_parent(mr_disk *disk, const char *path, mr_err *err) {
    const char *slash = strrchr(path, '/');
    MR_ASSERT(slash);
    char *parent = mr_strndup(path, (size_t)(slash - path));
    mr_status status = mr_disk_make_dir(disk, parent, err);
    mr_free(parent);
    return status;
}

static mr_status open_handle(driver_work *work, mr_disk_open_mode mode, mr_err *err) {
    if (work->handle) {
        return MR_OK;
    }
    return mr_disk_open(work->disk, work->file->path, mode, &work->handle, err);
}

static mr_status run_read(driver_work *work, op *o, mr_err *err) {
    mr_shared *read = mr_shared_create(o->effect.bytes_max);
    size_t got = 0;
    mr_status status =
        mr_disk_read_full(work->handle, read->data, o->effect.bytes_max, o->effect.at, &got, err);
    read->len = got;
    if (status != MR_OK) {
        mr_shared_unref(read);
        return status;
    }
    o->read = read;
    return MR_OK;
}

/* Neither the file nor its name is synced: a failed sync of the directory, which nobody would hear
 * of, could take the name of a new segment with it. */
static mr_status write_index(mr_disk *disk, const mr_log_effect *effect, mr_err *err) {
    mr_file *file = NULL;
    mr_status status = mr_disk_open(disk, effect->path, MR_DISK_CREATE, &file, err);
    if (status == MR_OK) {
        status = mr_disk_truncate(file, 0, err);
    }
    if (status == MR_OK) {
        status = mr_disk_write_full(file, effect->data->data + effect->data_at, effect->data_len, 0,
                                    err);
    }
    mr_file_close(file);
    return status;
}

static bool needs_handle(mr_log_effect_kind kind) {
    return kind == MR_LOG_EFFECT_WRITE || kind == MR_LOG_EFFECT_SYNC ||
           kind == MR_LOG_EFFECT_ALLOCATE || kind == MR_LOG_EFFECT_READ;
}

static mr_status run_effect(driver_work *work, op *o, mr_err *err) {
    mr_log_effect *effect = &o->effect;
    if (needs_handle(effect->kind)) {
        mr_status status = open_handle(work, MR_DISK_WRITE, err);
        if (status != MR_OK) {
            return status;
        }
    }
    mr_status status;
    switch (effect->kind) {
    case MR_LOG_EFFECT_OPEN:
        status = make_parent(work->disk, work->file->path, err);
        return status == MR_OK ? open_handle(work, MR_DISK_CREATE, err) : status;
    case MR_LOG_EFFECT_WRITE:
        return mr_disk_write_full(work->handle, effect->data->data + effect->data_at,
                                  effect->data_len, effect->at, err);
    case MR_LOG_EFFECT_SYNC:
        return mr_disk_sync(work->handle, err);
    case MR_LOG_EFFECT_ALLOCATE:
        return mr_disk_allocate(work->handle, effect->at, effect->bytes_max, err);
    case MR_LOG_EFFECT_READ:
        return run_read(work, o, err);
    case MR_LOG_EFFECT_SYNC_DIR:
        return mr_disk_sync_dir(work->disk, effect->path, err);
    case MR_LOG_EFFECT_REMOVE:
        return work->file ? mr_disk_remove(work->disk, effect->path, err)
                          : mr_disk_remove_tree(work->disk, effect->path, err);
    case MR_LOG_EFFECT_WRITE_FILE:
        return mr_disk_write_file(
            work->disk, effect->path,
            mr_bytes_of(effect->data->data + effect->data_at, effect->data_len), err);
    case MR_LOG_EFFECT_WRITE_INDEX:
        return write_index(work->disk, effect, err);
    case MR_LOG_EFFECT_CLOSE:
    case MR_LOG_EFFECT_REPLY:
    case MR_LOG_EFFECT_FAILED:
        break;
    }
    MR_UNREACHABLE();
}

static void run_work(mr_work *mail) {
    driver_work *work = (driver_work *)mail;
    bool failed = work->refused;
    for (op *o = work->ops; o; o = o->next) {
        mr_err err = {0};
        if (failed) {
            o->status = MR_UNAVAILABLE;
            o->sys = EIO;
            continue;
        }
        o->status = run_effect(work, o, &err);
        o->sys = err.sys;
        failed = o->status != MR_OK;
    }
}

/* ---- starting work ---- */

static void op_destroy(op *o) {
    mr_free(o->effect.path);
    mr_shared_unref(o->effect.data);
    mr_shared_unref(o->read);
    mr_free(o);
}

static mr_bytes key_of(const uint32_t *number) {
    return mr_bytes_of(number, sizeof(*number));
}

/* The file holds a handle from before it is opened until after it is closed. */
static void hold(mr_log_driver *driver, driver_file *file) {
    file->holds = true;
    file->newer = NULL;
    file->older = driver->newest;
    if (driver->newest) {
        driver->newest->newer = file;
    } else {
        driver->oldest = file;
    }
    driver->newest = file;
    driver->handles++;
}

static void release(mr_log_driver *driver, driver_file *file) {
    if (file->older) {
        file->older->newer = file->newer;
    } else {
        driver->oldest = file->newer;
    }
    if (file->newer) {
        file->newer->older = file->older;
    } else {
        driver->newest = file->older;
    }
    file->holds = false;
    driver->handles--;
}

static driver_work *submit(mr_log_driver *driver, driver_file *file, op *ops, bool exclusive) {
    driver_work *work = mr_alloc(sizeof(*work));
    work->work.run = run_work;
    work->work.done = driver->done;
    work->disk = driver->config.disk;
    work->file = file;
    work->exclusive = exclusive;
    work->ops = ops;
    if (file) {
        work->handle = file->handle;
        work->refused = file->failed;
        work->writes = file->writes;
        file->exclusive = file->exclusive || exclusive;
        file->shared += !exclusive;
        if (file->holds) {
            release(driver, file);
            hold(driver, file);
        }
    }
    work->next = driver->running;
    if (driver->running) {
        driver->running->previous = work;
    }
    driver->running = work;
    driver->running_count++;
    driver->config.pool.submit(driver->config.pool.self, &work->work);
    return work;
}

/* Takes the next work off the queue: one effect, or a run of writes. */
static op *take_ops(driver_file *file) {
    op *first = file->queue;
    op *last = first;
    while (first->effect.kind == MR_LOG_EFFECT_WRITE && last->next &&
           last->next->effect.kind == MR_LOG_EFFECT_WRITE) {
        last = last->next;
    }
    file->queue = last->next;
    if (!file->queue) {
        file->queue_last = NULL;
    }
    last->next = NULL;
    return first;
}

static void close_handle(mr_log_driver *driver, driver_file *file) {
    mr_file_close(file->handle);
    file->handle = NULL;
    if (file->holds) {
        release(driver, file);
    }
}

static void file_destroy(mr_log_driver *driver, driver_file *file) {
    close_handle(driver, file);
    while (file->queue) {
        op *next = file->queue->next;
        op_destroy(file->queue);
        file->queue = next;
    }
    mr_free(file->path);
    mr_free(file);
}

/* One handle more may be held, at the cost of the file that was idle longest. One with unsynced
 * writes is not closed, because its error would get lost: it is synced first, and whoever wants
 * the handle waits. Nothing else runs on that file meanwhile: a failed sync is told once, and a
 * second one beside it would succeed without the bytes. */
static bool make_room(mr_log_driver *driver) {
    if (driver->handles < MR_LOG_HANDLES_MAX) {
        return true;
    }
    driver_file *unsynced = NULL;
    for (driver_file *file = driver->oldest; file; file = file->newer) {
        if (file->queue || file->exclusive || file->shared > 0) {
            continue;
        }
        if (file->failed || file->writes == file->writes_synced) {
            close_handle(driver, file);
            return true;
        }
        unsynced = unsynced ? unsynced : file;
    }
    if (unsynced && driver->rooms_coming <= driver->waiting_count) {
        op *sync = mr_alloc(sizeof(*sync));
        sync->effect.kind = MR_LOG_EFFECT_SYNC;
        submit(driver, unsynced, sync, true)->makes_room = true;
        driver->rooms_coming++;
    }
    return false;
}

static void wait_for_room(mr_log_driver *driver, driver_file *file) {
    file->waits = true;
    file->waits_next = NULL;
    if (driver->waiting) {
        driver->waiting_last->waits_next = file;
    } else {
        driver->waiting = file;
    }
    driver->waiting_last = file;
    driver->waiting_count++;
}

static void start_file(mr_log_driver *driver, driver_file *file) {
    while (file->queue && !file->exclusive && !file->waits) {
        mr_log_effect_kind kind = file->queue->effect.kind;
        bool alone = kind == MR_LOG_EFFECT_REMOVE || kind == MR_LOG_EFFECT_CLOSE;
        if (alone && file->shared > 0) {
            return;
        }
        if (kind == MR_LOG_EFFECT_CLOSE) {
            (void)mr_map_remove(driver->files, key_of(&file->number));
            file_destroy(driver, file);
            return;
        }
        bool opens = !file->handle && (needs_handle(kind) || kind == MR_LOG_EFFECT_OPEN);
        bool exclusive =
            opens || alone || kind == MR_LOG_EFFECT_WRITE || kind == MR_LOG_EFFECT_ALLOCATE;
        if (opens && !make_room(driver)) {
            wait_for_room(driver, file);
            return;
        }
        if (opens) {
            hold(driver, file);
        }
        file->writes += kind == MR_LOG_EFFECT_WRITE;
        submit(driver, file, take_ops(file), exclusive);
    }
}

/* ---- effects ---- */

static driver_file *file_of(mr_log_driver *driver, mr_log_effect *effect) {
    uint32_t number = effect->file;
    if (number == 0) {
        return NULL;
    }
    driver_file *file = mr_map_get(driver->files, key_of(&number));
    if (!file) {
        MR_ASSERT(effect->kind == MR_LOG_EFFECT_OPEN);
        file = mr_alloc(sizeof(*file));
        file->number = number;
        file->path = mr_strdup(effect->path);
        (void)mr_map_put(driver->files, key_of(&number), file);
    }
    return file;
}

static void touch(mr_log_driver *driver, driver_file *file) {
    if (file->touched) {
        return;
    }
    file->touched = true;
    if (driver->touched_count == driver->touched_cap) {
        driver->touched_cap = driver->touched_cap ? driver->touched_cap * 2 : 64;
        driver->touched =
            mr_realloc(driver->touched, driver->touched_cap * sizeof(*driver->touched));
    }
    driver->touched[driver->touched_count++] = file;
}

static void queue_effect(mr_log_driver *driver, mr_log_effect *effect) {
    driver_file *file = file_of(driver, effect);
    if (effect->kind == MR_LOG_EFFECT_OPEN && effect->io == 0) {
        return; /* known now, opened when used */
    }
    op *o = mr_alloc(sizeof(*o));
    o->effect = *effect;
    effect->path = NULL;
    effect->data = NULL;
    if (!file) {
        submit(driver, NULL, o, false);
        return;
    }
    if (file->queue_last) {
        file->queue_last->next = o;
    } else {
        file->queue = o;
    }
    file->queue_last = o;
    touch(driver, file);
}

static void reply(mr_log_request *request) {
    mr_status status = mr_mailbox_push(request->reply_to, &request->mail);
    MR_ASSERT(status == MR_OK); /* a client's mailbox has room for all it asked */
}

static void step_core(mr_log_driver *driver, mr_now now, const mr_log_event *event) {
    mr_log_core_step(driver->core, now, event, &driver->effects);
    for (size_t i = 0; i < driver->effects.count; i++) {
        mr_log_effect *effect = &driver->effects.items[i];
        switch (effect->kind) {
        case MR_LOG_EFFECT_REPLY:
            reply(effect->request);
            break;
        case MR_LOG_EFFECT_FAILED:
            if (driver->config.failed) {
                driver->config.failed(driver->config.failed_arg, mr_log_core_failure(driver->core));
            }
            break;
        default:
            queue_effect(driver, effect);
            break;
        }
    }
    mr_log_effects_clear(&driver->effects);
}

/* Those that wait go on in the order they came, before others take what got free. */
static void start_waiting(mr_log_driver *driver) {
    while (driver->waiting && make_room(driver)) {
        driver_file *file = driver->waiting;
        driver->waiting = file->waits_next;
        driver->waiting_count--;
        file->waits = false;
        start_file(driver, file);
    }
}

static void start_touched(mr_log_driver *driver) {
    for (size_t i = 0; i < driver->touched_count; i++) {
        driver->touched[i]->touched = false;
        start_file(driver, driver->touched[i]);
    }
    driver->touched_count = 0;
}

/* ---- ended work ---- */

static void unlink_work(mr_log_driver *driver, driver_work *work) {
    if (work->previous) {
        work->previous->next = work->next;
    } else {
        driver->running = work->next;
    }
    if (work->next) {
        work->next->previous = work->previous;
    }
    driver->running_count--;
}

static void settle_file(mr_log_driver *driver, const driver_work *work) {
    driver_file *file = work->file;
    if (work->exclusive) {
        file->exclusive = false;
        file->handle = work->handle;
        if (file->holds && !file->handle) {
            release(driver, file); /* it could not be opened */
        }
    } else {
        file->shared--;
    }
    driver->rooms_coming -= work->makes_room;
    for (const op *o = work->ops; o; o = o->next) {
        if (o->effect.kind == MR_LOG_EFFECT_SYNC && o->status == MR_OK) {
            file->writes_synced = work->writes;
        }
        bool lost = o->effect.kind == MR_LOG_EFFECT_WRITE || o->effect.kind == MR_LOG_EFFECT_SYNC ||
                    o->effect.kind == MR_LOG_EFFECT_OPEN;
        file->failed = file->failed || (lost && o->status != MR_OK);
    }
    touch(driver, file);
}

static void finish_work(mr_log_driver *driver, mr_now now, driver_work *work) {
    unlink_work(driver, work);
    if (work->file) {
        settle_file(driver, work);
    }
    while (work->ops) {
        op *o = work->ops;
        work->ops = o->next;
        if (o->effect.io != 0) {
            mr_log_event event = {.kind = MR_LOG_EVENT_IO_DONE,
                                  .io = o->effect.io,
                                  .status = o->status,
                                  .sys = o->sys,
                                  .read = o->read};
            o->read = NULL;
            step_core(driver, now, &event);
        }
        op_destroy(o);
    }
    mr_free(work);
}

bool mr_log_driver_step(mr_log_driver *driver, mr_now now) {
    bool did = false;
    mr_mail *mail;
    while ((mail = mr_mailbox_pop(driver->done))) {
        finish_work(driver, now, (driver_work *)mail);
        did = true;
    }
    while ((mail = mr_mailbox_pop(driver->requests))) {
        mr_log_event event = {.kind = MR_LOG_EVENT_REQUEST, .request = (mr_log_request *)mail};
        step_core(driver, now, &event);
        did = true;
    }
    if (mr_log_core_deadline_ns(driver->core) <= now.mono_ns) {
        step_core(driver, now, &(mr_log_event){.kind = MR_LOG_EVENT_TICK});
        did = true;
    }
    start_waiting(driver);
    start_touched(driver);
    return did;
}

/* Everything that was asked is answered; works that never came back are dropped with their effects.
 */
void mr_log_driver_destroy(mr_log_driver *driver) {
    if (!driver) {
        return;
    }
    mr_now now = {0};
    mr_log_core_step(driver->core, now, &(mr_log_event){.kind = MR_LOG_EVENT_STOP},
                     &driver->effects);
    mr_mail *mail;
    while ((mail = mr_mailbox_pop(driver->requests))) {
        mr_log_event event = {.kind = MR_LOG_EVENT_REQUEST, .request = (mr_log_request *)mail};
        mr_log_core_step(driver->core, now, &event, &driver->effects);
    }
    for (size_t i = 0; i < driver->effects.count; i++) {
        if (driver->effects.items[i].kind == MR_LOG_EFFECT_REPLY) {
            reply(driver->effects.items[i].request);
        }
    }
    while (mr_mailbox_pop(driver->done)) {
    }
    while (driver->running) {
        driver_work *work = driver->running;
        unlink_work(driver, work);
        if (work->file && work->exclusive && !work->file->handle && work->handle) {
            mr_file_close(work->handle);
        }
        while (work->ops) {
            op *o = work->ops;
            work->ops = o->next;
            op_destroy(o);
        }
        mr_free(work);
    }
    size_t cursor = 0;
    void *file;
    while (mr_map_next(driver->files, &cursor, NULL, &file)) {
        file_destroy(driver, file);
    }
    mr_map_destroy(driver->files);
    mr_log_effects_deinit(&driver->effects);
    mr_log_core_destroy(driver->core);
    mr_mailbox_destroy(driver->requests);
    mr_mailbox_destroy(driver->done);
    mr_free(driver->touched);
    mr_free(driver);
}

#include "runtime/base/disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/base/alloc.h"

/* A disk of a few names in memory that does only a few bytes at a time, refuses on demand, and
 * writes down every call that changes something. */
#define NAMES_MAX 16
#define STEP_BYTES 3

typedef struct node {
    char name[40];
    bool used;
    bool is_dir;
    mr_buf content;
} node;

typedef struct toy_disk {
    mr_disk disk;
    node nodes[NAMES_MAX];
    mr_buf calls;
    const char *refused; /* the call that gives MR_FULL */
} toy_disk;

typedef struct toy_file {
    mr_file file;
    node *of;
} toy_file;

static toy_disk *toy_of(mr_disk *disk) {
    return (toy_disk *)disk;
}

static mr_status note(mr_disk *disk, const char *call, const char *name) {
    toy_disk *toy = toy_of(disk);
    mr_buf_printf(&toy->calls, "%s%s %s", toy->calls.len > 0 ? ", " : "", call, name);
    return toy->refused != NULL && strcmp(toy->refused, call) == 0 ? MR_FULL : MR_OK;
}

static node *find(mr_disk *disk, const char *name) {
    for (int i = 0; i < NAMES_MAX; i++) {
        node *at = &toy_of(disk)->nodes[i];
        if (at->used && strcmp(at->name, name) == 0) {
            return at;
        }
    }
    return NULL;
}

static node *add(mr_disk *disk, const char *name, const char *content) {
    for (int i = 0; i < NAMES_MAX; i++) {
        node *at = &toy_of(disk)->nodes[i];
        if (!at->used) {
            *at = (node){.used = true, .is_dir = content == NULL};
            strcpy(at->name, name);
            mr_buf_put_text(&at->content, content != NULL ? content : "");
            return at;
        }
    }
    fail_msg("no room for %s", name);
    return NULL;
}

static void drop(node *at) {
    mr_buf_deinit(&at->content);
    at->used = false;
}

static mr_status toy_open(mr_disk *disk, const char *path, mr_disk_open_mode mode, mr_file **out,
                          mr_err *err) {
    node *at = find(disk, path);
    if (at == NULL && mode == MR_DISK_READ) {
        return mr_err_set(err, MR_NOT_FOUND, "%s: not there", path);
    }
    toy_file *file = mr_alloc(sizeof *file);
    file->file.disk = disk;
    file->of = at != NULL ? at : add(disk, path, "");
    *out = &file->file;
    return MR_OK;
}

static void toy_close(mr_file *file) {
    mr_free(file);
}

static mr_status toy_pread(mr_file *file, void *data, size_t len, uint64_t at, size_t *got,
                           mr_err *err) {
    (void)err;
    mr_buf *content = &((toy_file *)file)->of->content;
    size_t left = at < content->len ? content->len - (size_t)at : 0;
    len = len < left ? len : left;
    *got = len < STEP_BYTES ? len : STEP_BYTES;
    memcpy(data, content->data + at, *got);
    return MR_OK;
}

static mr_status toy_pwrite(mr_file *file, const void *data, size_t len, uint64_t at, size_t *put,
                            mr_err *err) {
    (void)err;
    node *of = ((toy_file *)file)->of;
    if (toy_of(file->disk)->refused != NULL && strcmp(toy_of(file->disk)->refused, "none") == 0) {
        *put = 0;
        return MR_OK;
    }
    assert_int_equal(at, of->content.len);
    *put = len < STEP_BYTES ? len : STEP_BYTES;
    mr_buf_put(&of->content, data, *put);
    return MR_OK;
}

static mr_status toy_sync(mr_file *file, mr_err *err) {
    (void)err;
    return note(file->disk, "sync", ((toy_file *)file)->of->name);
}

static mr_status toy_truncate(mr_file *file, uint64_t len, mr_err *err) {
    (void)err;
    ((toy_file *)file)->of->content.len = (size_t)len;
    return MR_OK;
}

static mr_status toy_info(mr_disk *disk, const char *path, mr_disk_info *out, mr_err *err) {
    node *at = find(disk, path);
    if (at == NULL) {
        return mr_err_set(err, MR_NOT_FOUND, "%s: not there", path);
    }
    *out = (mr_disk_info){.size_bytes = at->content.len, .is_dir = at->is_dir};
    return MR_OK;
}

static mr_status toy_rename(mr_disk *disk, const char *from, const char *to,
                            mr_disk_rename_mode mode, mr_err *err) {
    (void)err;
    assert_int_equal(mode, MR_DISK_REPLACE);
    mr_status status = note(disk, "rename to", to);
    if (status == MR_OK) {
        node *old = find(disk, to);
        if (old != NULL) {
            drop(old);
        }
        strcpy(find(disk, from)->name, to);
    }
    return status;
}

static mr_status toy_remove(mr_disk *disk, const char *path, mr_err *err) {
    node *at = find(disk, path);
    if (at == NULL) {
        return mr_err_set(err, MR_NOT_FOUND, "%s: not there", path);
    }
    drop(at);
    return note(disk, "remove", path);
}

static mr_status toy_sync_dir(mr_disk *disk, const char *path, mr_err *err) {
    (void)err;
    return note(disk, "sync_dir", path);
}

static mr_status toy_list(mr_disk *disk, const char *path, mr_disk_visit visit, void *arg,
                          mr_err *err) {
    (void)err;
    size_t len = strlen(path);
    mr_status status = MR_OK;
    for (int i = 0; i < NAMES_MAX && status == MR_OK; i++) {
        node *at = &toy_of(disk)->nodes[i];
        if (at->used && strncmp(at->name, path, len) == 0 && at->name[len] == '/' &&
            strchr(at->name + len + 1, '/') == NULL) {
            status = visit(arg, at->name + len + 1);
        }
    }
    return status;
}

static const mr_disk_ops toy_ops = {
    .open = toy_open,
    .close = toy_close,
    .pread = toy_pread,
    .pwrite = toy_pwrite,
    .sync = toy_sync,
    .truncate = toy_truncate,
    .info = toy_info,
    .rename = toy_rename,
    .remove = toy_remove,
    .sync_dir = toy_sync_dir,
    .list = toy_list,
};

static int set_up(void **state) {
    toy_disk *toy = mr_alloc(sizeof *toy);
    toy->disk.ops = &toy_ops;
    *state = toy;
    return 0;
}

static int tear_down(void **state) {
    toy_disk *toy = *state;
    for (int i = 0; i < NAMES_MAX; i++) {
        mr_buf_deinit(&toy->nodes[i].content);
    }
    mr_buf_deinit(&toy->calls);
    mr_free(toy);
    return 0;
}

static const char *calls(toy_disk *toy) {
    return mr_buf_cstr(&toy->calls);
}

static void short_counts_are_made_whole(void **state) {
    toy_disk *toy = *state;
    mr_file *file;
    assert_int_equal(mr_disk_open(&toy->disk, "a", MR_DISK_CREATE, &file, NULL), MR_OK);
    assert_int_equal(mr_disk_write_full(file, "ten bytes.", 10, 0, NULL), MR_OK);
    char data[20] = {0};
    size_t got = 0;
    assert_int_equal(mr_disk_read_full(file, data, sizeof data, 0, &got, NULL), MR_OK);
    assert_int_equal(got, 10);
    assert_string_equal(data, "ten bytes.");
    assert_int_equal(mr_disk_read_full(file, data, 4, 2, &got, NULL), MR_OK);
    assert_int_equal(got, 4);
    assert_memory_equal(data, "n by", 4);
    mr_file_close(file);
    mr_file_close(NULL);
}

static void a_write_that_does_nothing_is_an_error_not_a_loop(void **state) {
    toy_disk *toy = *state;
    toy->refused = "none";
    mr_file *file;
    assert_int_equal(mr_disk_open(&toy->disk, "a", MR_DISK_CREATE, &file, NULL), MR_OK);
    assert_int_equal(mr_disk_write_full(file, "x", 1, 0, NULL), MR_UNAVAILABLE);
    mr_file_close(file);
}

static void a_small_file_is_written_durably_in_this_order(void **state) {
    toy_disk *toy = *state;
    add(&toy->disk, "d/a", "old");
    add(&toy->disk, "d/a.tmp", "left behind by a crash");
    assert_int_equal(mr_disk_write_file(&toy->disk, "d/a", mr_bytes_text("new text"), NULL), MR_OK);
    assert_string_equal(calls(toy), "sync d/a.tmp, rename to d/a, sync_dir d");
    assert_string_equal(mr_buf_cstr(&find(&toy->disk, "d/a")->content), "new text");
    assert_null(find(&toy->disk, "d/a.tmp"));
}

static void a_file_of_the_root_syncs_the_root(void **state) {
    toy_disk *toy = *state;
    assert_int_equal(mr_disk_write_file(&toy->disk, "a", mr_bytes_text(""), NULL), MR_OK);
    assert_string_equal(calls(toy), "sync a.tmp, rename to a, sync_dir ");
}

static void a_file_that_cannot_be_written_keeps_the_old_one(void **state) {
    toy_disk *toy = *state;
    add(&toy->disk, "a", "old");
    toy->refused = "sync";
    assert_int_equal(mr_disk_write_file(&toy->disk, "a", mr_bytes_text("new"), NULL), MR_FULL);
    assert_string_equal(calls(toy), "sync a.tmp, remove a.tmp");
    assert_string_equal(mr_buf_cstr(&find(&toy->disk, "a")->content), "old");
}

static void a_file_is_read_whole_up_to_its_limit(void **state) {
    toy_disk *toy = *state;
    node *large = add(&toy->disk, "large", "");
    for (int i = 0; i < 70000; i++) {
        mr_buf_put_u8(&large->content, (uint8_t)i);
    }
    mr_buf out = {0};
    mr_buf_put_text(&out, "goes away");
    assert_int_equal(mr_disk_read_file(&toy->disk, "large", 70000, &out, NULL), MR_OK);
    assert_int_equal(out.len, 70000);
    assert_memory_equal(out.data, large->content.data, 70000);
    mr_err err;
    assert_int_equal(mr_disk_read_file(&toy->disk, "large", 69999, &out, &err), MR_INVALID);
    assert_string_equal(err.message, "large has more than 69999 bytes");
    assert_int_equal(mr_disk_read_file(&toy->disk, "none", 1, &out, &err), MR_NOT_FOUND);
    add(&toy->disk, "empty", "");
    assert_int_equal(mr_disk_read_file(&toy->disk, "empty", 0, &out, &err), MR_OK);
    assert_int_equal(out.len, 0);
    assert_non_null(out.data);
    mr_buf_deinit(&out);
}

static void a_tree_is_removed_leaves_first(void **state) {
    toy_disk *toy = *state;
    add(&toy->disk, "t", NULL);
    add(&toy->disk, "t/a", "x");
    add(&toy->disk, "t/d", NULL);
    add(&toy->disk, "t/d/b", "y");
    add(&toy->disk, "other", "z");
    assert_int_equal(mr_disk_remove_tree(&toy->disk, "t", NULL), MR_OK);
    assert_string_equal(calls(toy), "remove t/a, remove t/d/b, remove t/d, remove t");
    assert_non_null(find(&toy->disk, "other"));
    assert_int_equal(mr_disk_remove_tree(&toy->disk, "t", NULL), MR_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(short_counts_are_made_whole),
        CASE(a_write_that_does_nothing_is_an_error_not_a_loop),
        CASE(a_small_file_is_written_durably_in_this_order),
        CASE(a_file_of_the_root_syncs_the_root),
        CASE(a_file_that_cannot_be_written_keeps_the_old_one),
        CASE(a_file_is_read_whole_up_to_its_limit),
        CASE(a_tree_is_removed_leaves_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

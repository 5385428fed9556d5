/* runtime/engine/task_state.h - the inside of a stream task, shared by task.c (member, order of
 * work), task_input.c (fetching, heads), task_time.c (times, marks), task_restore.c and
 * task_commit.c. Nobody else includes it. Thread: owner worker only. */
#pragma once

#include "log/client/fetch_reader.h"
#include "runtime/base/machine.h"
#include "runtime/engine/internal_header.h"
#include "runtime/engine/pace.h"
#include "runtime/engine/task.h"
#include "runtime/engine/task_broken.h"

/*   CREATED -> ENDS (changelog ends asked for) -> RESTORING (family by family, `_task` first) ->
 * MARKS -> RUNNING -> STOPPED and from everywhere FAILED */
enum {
    TASK_CREATED,
    TASK_ENDS,
    TASK_RESTORING,
    TASK_MARKS,
    TASK_RUNNING,
    TASK_STOPPED,
    TASK_FAILED,
    TASK_STATES
};

#define TASK_FETCHED_MAX 2 /* one being read, one ahead */

/* In a times row, beside the liveness: the record behind the position has moved the times already.
 */
#define TASK_HEAD_MOVED 0x80

typedef enum input_liveness { INPUT_LIVE = 0, INPUT_IDLE = 1, INPUT_ENDED = 2 } input_liveness;

typedef struct task_input {
    const mr_plan_input *plan;
    const mr_plan_stream *stream;           /* MR_INPUT_STREAM */
    const mr_plan_repartition *repartition; /* MR_INPUT_REPARTITION */
    const char *name;                       /* of the stream or repartition */
    const char *topic;
    mr_partition_id partition;
    int32_t partition_number;
    /* reading */
    int64_t position;        /* next offset to take */
    int64_t position_sealed; /* as in the sealed or last decided transaction */
    int64_t position_decided;
    int64_t fetch_offset;     /* next to ask for */
    mr_log_request *fetching; /* outstanding; NULL: none */
    mr_log_request *fetched[TASK_FETCHED_MAX];
    uint32_t fetched_count;
    mr_fetch_reader *reader;
    bool reading;            /* the reader is open */
    bool at_end;             /* an empty fetch said so, and nothing came since */
    int64_t silent_since_ns; /* of the wall clock's monotonic twin: when at_end began */
    bool bounded;            /* this run ends it when all of it was read */
    bool checking_end;       /* an OFFSETS request is under way */
    int64_t stable_known;    /* the log's stable end, of the last fetch */
    int64_t end_known;       /* the log's stable end when last asked; -1: never */
    bool purging;
    int64_t purged; /* position of the last purge */
    bool remade;    /* emptied by the reset that began this generation, and written anew */
    /* the head */
    bool has_head;
    bool head_is_time; /* a time record */
    bool head_moved;   /* its time has been taken in */
    bool head_resumed; /* the next head's time was taken in before a restart */
    bool moved_sealed; /* head_moved as `_task` has it */
    uint32_t head_upstream;
    int64_t head_time_ms;  /* a stream: its ts; else the carried time or the announced minimum */
    bool head_has_problem; /* it has no time: an error record when its turn comes */
    mr_err head_problem;
    int64_t head_offset;
    mr_flow head;
    char origin_topic[MR_TOPIC_NAME_MAX + 1]; /* of a repartitioned record */
    mr_format value_format;
    /* times */
    input_liveness liveness;
    int64_t *times_ms; /* by sub-stream; INT64_MIN: not heard */
    uint32_t times_count;
    bool times_moved; /* since the last seal */
} task_input;

typedef enum mark_kind { MARK_IDLE, MARK_AWAKE, MARK_TIME, MARK_END } mark_kind;

typedef struct task_mark {
    mark_kind kind;
    uint32_t input;     /* index; unused for MARK_TIME */
    int64_t time_ms;    /* MARK_TIME */
    int64_t *cursor;    /* by input */
    int64_t generation; /* of the job, when it was written */
    uint32_t number;    /* among all marks of this task, also of other shapes of the job */
} task_mark;

/* A changelogged table of the task: `_task` is family 0, the stores follow. */
typedef struct task_family {
    const char *name;
    mr_writeback *table;
    uint32_t store; /* plan store; MR_INDEX_NONE for `_task` */
    mr_partition_id changelog;
    uint8_t topic_id[16];
    int64_t changelog_last; /* offset of the last record that belongs to committed rows */
    int64_t restore_first;  /* where the changelog begins */
    int64_t restore_next;
    int64_t restore_end;
} task_family;

typedef struct mr_task {
    mr_member member;
    mr_task_config config;
    const mr_plan_subtopology *sub;
    mr_machine machine;
    char name[160];
    char directory[512];
    task_input *inputs;
    uint32_t inputs_count; /* those that have this partition */
    task_family *families;
    uint32_t families_count;
    const char **family_names;
    mr_store_slot slot;
    mr_writeback **tables; /* by plan store */
    mr_script *script;
    mr_value_pool *pool;
    mr_outbox *outbox;
    mr_graph *graph;
    uint32_t *stream_topics;
    uint32_t *repartition_topics;
    uint32_t *upstream_numbers;
    /* restore */
    uint32_t replies_awaited;
    uint32_t restoring; /* family */
    mr_fetch_reader *restore_reader;
    int64_t marks_next, marks_end;
    bool rebuilt; /* the store was thrown away once: no second time */
    /* times and marks */
    int64_t min_ms;      /* the task's minimum; INT64_MIN: none */
    int64_t furthest_ms; /* of the records of named topics; after a restart, of their sub-streams */
    bool due_checked;    /* nothing is due at min_ms */
    bool held;           /* the last step found nothing it may take */
    task_mark *marks;    /* of the log and not obeyed yet, or of this run and not sealed yet */
    uint32_t marks_count, marks_cap;
    uint32_t marks_applied;  /* of these */
    uint32_t marks_sealed;   /* of these, written to the log */
    uint32_t marks_numbered; /* all there ever were */
    uint32_t marks_passed;   /* those obeyed or passed over: a row of `_task` */
    int64_t marks_since;     /* marks of generations before this one say nothing about the inputs */
    bool marks_moved;        /* since the last seal */
    int64_t all_silent_since_ns; /* -1: not all are */
    int64_t idle_base_ms;        /* the minimum when all fell silent */
    int64_t idle_time_ms;        /* of the last time mark since then */
    int64_t look_ns;             /* when the clock may have something new to say */
    /* commit, spill */
    bool taken;  /* a record was taken since the last seal */
    bool sealed; /* part of the transaction under way */
    uint32_t spilling_family;
    int64_t spill_ns; /* of the last spill's end */
    mr_pace pace;
    int64_t spill_look_ns; /* when there may be something to spill; INT64_MAX: no more than now */
    bool spilling;
    bool stalled;
    uint64_t rows_spilled;
    mr_strays *strays; /* test builds only; NULL */
    mr_err err;
} mr_task;

static inline mr_task *task_of(mr_member *member) {
    return (mr_task *)member;
}

/* Fills failure from task->err. */
mr_status mr_task_fail(mr_task *task, mr_status status, mr_failure *failure) MR_CHECKED;

/* task_input.c */
void mr_task_input_init(mr_task *task, task_input *input, const mr_plan_input *plan);
void mr_task_input_deinit(mr_task *task, task_input *input);
/* Asks for more where there is room; MR_OK also when the client is full. */
void mr_task_input_fetch(mr_task *task, task_input *input);
mr_status mr_task_input_answer(mr_task *task, task_input *input, mr_log_request *request,
                               mr_now now, mr_failure *failure) MR_CHECKED;
/* Makes a head if there is none and bytes are there. */
mr_status mr_task_input_head(mr_task *task, task_input *input, mr_failure *failure) MR_CHECKED;
void mr_task_input_consume(mr_task *task, task_input *input);
/* Whether the head of a stream has a time that its sub-stream takes (max_ahead looks at the
 * sub-stream's time when the record's turn comes). Fills head_problem. */
bool mr_task_input_timely(task_input *input);

/* task_time.c */
int64_t mr_task_input_bound(const task_input *input); /* what future records of it carry at least */
int64_t mr_task_head_time(task_input *input); /* by which the head is ordered among the inputs */
/* Takes the head's time into its sub-stream and the minimum. */
void mr_task_time_move(mr_task *task, task_input *input);
void mr_task_time_minimum(mr_task *task);
/* Tells the board how far the records of this task's named topics have got: at each commit, and
 * when all are silent. What marks add is not told, else silence would never settle. */
void mr_task_time_tell(const mr_task *task);
/* The next mark of the log, if it is due at the present cursors; applied. */
bool mr_task_mark_replay(mr_task *task);
/* Whether the next mark is to be obeyed is not known before more was read: nothing may be taken.
 * Plans the next look. */
bool mr_task_mark_waits(mr_task *task, mr_now now);
bool mr_task_replaying(const mr_task *task);
/* Looks at the clock: writes idle, awake, time and end marks that are due. true: one was written.
 */
mr_status mr_task_mark_new(mr_task *task, mr_now now, bool *written,
                           mr_failure *failure) MR_CHECKED;
/* Before the first mark of the log is loaded; `_task` is restored. */
mr_status mr_task_marks_begin(mr_task *task) MR_CHECKED;
mr_status mr_task_mark_load(mr_task *task, const mr_record *record) MR_CHECKED;
/* After the last one. */
void mr_task_marks_loaded(mr_task *task);
/* What was obeyed and is sealed is not needed any more. */
void mr_task_marks_sealed(mr_task *task);
void mr_task_mark_encode(const mr_task *task, const task_mark *mark, mr_buf *key, mr_buf *value);
void mr_task_marks_deinit(mr_task *task);
/* The input is bounded in this run and not ended yet. */
bool mr_task_input_ends(const task_input *input);
/* A head whose time was taken in before a restart has not been read again yet: nothing else may
 * happen first. */
bool mr_task_resuming(const mr_task *task);

/* task_restore.c */
mr_status mr_task_restore_step(mr_task *task, mr_now now, mr_member_activity *activity,
                               mr_failure *failure) MR_CHECKED;
mr_status mr_task_restore_answer(mr_task *task, mr_log_request *request,
                                 mr_failure *failure) MR_CHECKED;
/* task.c: the write-back tables of all families, new and empty. */
void mr_task_make_tables(mr_task *task);

/* task_lag.c */
void mr_task_lag_tell(mr_task *task);
bool mr_task_lag_holds(const mr_task *task);

/* task_commit.c */
bool mr_task_dirty(const mr_member *member);
size_t mr_task_uncommitted_bytes(const mr_member *member);
void mr_task_seal(mr_member *member, mr_commit *commit, mr_now now);
void mr_task_decided(mr_member *member, const mr_commit *commit, mr_now now);
/* What a restore has gathered is spilled when it is as much as a restart may replay. *waits: there
 * is more to spill before more may be read. */
mr_status mr_task_spill_restored(mr_task *task, task_family *family, mr_now now, bool *waits,
                                 mr_failure *failure) MR_CHECKED;
mr_status mr_task_spill_step(mr_task *task, mr_now now, mr_member_activity *activity,
                             mr_failure *failure) MR_CHECKED;

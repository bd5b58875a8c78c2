/* One transaction of the store, and how much write-behind goes into it.
 *
 * A sweep visits the keys that were dirty when it began, in key order. When it has passed them all, every change up to
 * the group at which it began stands in the document table, so the log up to that group may go: from its front only,
 * since a log with holes would, replayed, raise the dead.
 *
 * The pace: while the log is below a quarter of its bound nothing is swept, so that repeated changes coalesce and one
 * leaf page takes several rows. From there the rows per group are such that the sweep ends when the log stands at three
 * quarters, at most 64. Above that they grow to 1024, and at the bound the commit itself sweeps until its row fits.
 *
 * What may go goes little by little too, and does not count as log meanwhile. SQLite reads every page of a row that it
 * deletes: trimmed as fast as 256 KiB a group, groups took four times as long for a tenth of a second, and in an open
 * loop that was the whole of the slowest hundredth of answers. */
#include "store/store_int.h"

#include <stdlib.h>

enum {
    ROWS_BATCH = 32, /* rows due are collected up to here: fewer, fuller transactions touch fewer pages */
    IDLE_ROWS = 256,
    ROOM_ROWS = STORE_SWEEP_ROWS_MAX,
};
#define TRIM_BYTES (UINT64_C(24) << 10) /* at least; the log shrinks as long as it is more than the group's own */
#define TRIM_TIMES 4
#define TRIM_BYTES_IDLE (UINT64_C(1) << 20)
#define TRIM_BYTES_ROOM (UINT64_C(8) << 20)

void store__sizes_push(store_log_sizes *z, uint32_t bytes) {
    if (z->n == z->cap) {
        size_t cap = z->cap ? z->cap * 2 : 256;
        uint32_t *at = jd_xmalloc(cap * sizeof *at);
        for (size_t i = 0; i < z->n; i++) at[i] = z->at[(z->head + i) & (z->cap - 1)];
        free(z->at);
        *z = (store_log_sizes){.at = at, .cap = cap, .n = z->n};
    }
    z->at[(z->head + z->n++) & (z->cap - 1)] = bytes;
}

static void sizes_drop(store_log_sizes *z, size_t rows) {
    z->head = (z->head + rows) & (z->cap - 1);
    z->n -= rows;
}

int store__run(jd_store *s, store_query which) {
    int rc = sqlite3_step(s->q[which]);
    sqlite3_reset(s->q[which]);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int put_group(jd_store *s, const jd_store_group *g) {
    sqlite3_stmt *q = s->q[STORE_Q_PUT_LOG];
    sqlite3_bind_int64(q, 1, (int64_t)g->number);
    int rc = sqlite3_bind_blob64(q, 2, s->row.p, s->row.n, SQLITE_STATIC);
    if (rc == SQLITE_OK) rc = store__run(s, STORE_Q_PUT_LOG);
    q = s->q[STORE_Q_PUT_SYMBOL];
    for (size_t i = 0; rc == SQLITE_OK && i < g->symbols_n; i++) {
        jd_str name = g->symbols[i].name;
        sqlite3_bind_int64(q, 1, g->symbols[i].number);
        rc = sqlite3_bind_text64(q, 2, name.n ? name.p : "", name.n, SQLITE_STATIC, SQLITE_UTF8);
        sqlite3_bind_int64(q, 3, store__symbol_crc(g->symbols[i].number, name));
        if (rc == SQLITE_OK) rc = store__run(s, STORE_Q_PUT_SYMBOL);
    }
    return rc;
}

static int write_behind(jd_store *s, size_t n) {
    for (size_t i = 0; i < n; i++) {
        jd_key key = s->keys[i];
        jd_str body = s->current(s->current_user, key);
        store_query which = body.p ? STORE_Q_PUT_DOCUMENT : STORE_Q_DEL_DOCUMENT;
        sqlite3_stmt *q = s->q[which];
        int rc = sqlite3_bind_int64(q, 1, key);
        if (body.p) {
            s->sealed.n = 0;
            store__seal_document(&s->sealed, key, s->group_last, body);
            rc = sqlite3_bind_blob64(q, 2, s->sealed.p, s->sealed.n, SQLITE_STATIC);
        }
        if (rc == SQLITE_OK) rc = store__run(s, which);
        if (rc != SQLITE_OK) return rc;
    }
    return SQLITE_OK;
}

void store__hold(jd_store *s, uint64_t group) {
    if (!s->hold) s->hold = group;
    s->log_only_last = group;
}

/* From which group on the log must stay, whatever is written behind; 0: from none. */
static uint64_t held_from(const jd_store *s) {
    if (!s->keep || (s->hold && s->hold < s->keep)) return s->hold;
    return s->keep;
}

/* Have documents allowed all the trimming that log-only changes and the owner allow? */
static int is_held(const jd_store *s) {
    uint64_t from = held_from(s);
    return from && s->trim_to + 1 >= from;
}

/* Log rows that neither documents nor log-only changes need. */
static size_t trim_due(const jd_store *s) {
    uint64_t to = is_held(s) ? held_from(s) - 1 : s->trim_to;
    return to > s->trimmed ? (size_t)(to - s->trimmed) : 0; /* what is gone cannot be kept */
}

static uint32_t size_of(const jd_store *s, uint64_t group) {
    return s->sizes.at[(s->sizes.head + (group - s->trimmed - 1)) & (s->sizes.cap - 1)];
}

/* What those rows are in bytes. The sum follows what is due, which goes back only when something new holds the log. */
uint64_t store__trim_due(jd_store *s) {
    uint64_t to = s->trimmed + trim_due(s);
    while (s->due_to < to) s->due_bytes += size_of(s, ++s->due_to);
    while (s->due_to > to) s->due_bytes -= size_of(s, s->due_to--);
    return s->due_bytes;
}

/* Log rows to trim: from the front, at least one when any is due, no more than `bytes` beyond it. */
static size_t trim_rows(const jd_store *s, uint64_t bytes, uint64_t *sum) {
    size_t due = trim_due(s), n = 0;
    *sum = 0;
    while (n < due && (n == 0 || *sum < bytes)) *sum += size_of(s, s->trimmed + ++n);
    return n;
}

static int trim(jd_store *s, size_t rows) {
    int64_t to = (int64_t)(s->trimmed + rows);
    sqlite3_bind_int64(s->q[STORE_Q_TRIM_LOG], 1, to);
    int rc = store__run(s, STORE_Q_TRIM_LOG);
    if (rc != SQLITE_OK) return rc;
    sqlite3_bind_int64(s->q[STORE_Q_SET_TRIMMED], 1, to);
    rc = store__run(s, STORE_Q_SET_TRIMMED);
    /* No group up to there has log-only changes that are not in rows: they count as sealed, so that a check can hold
     * the log's beginning against what is sealed. */
    if (rc != SQLITE_OK || (uint64_t)to <= s->sealed_to) return rc;
    sqlite3_bind_int64(s->q[STORE_Q_SET_SEALED], 1, to);
    return store__run(s, STORE_Q_SET_SEALED);
}

/* The transaction failed with rc, and *err says how. What is on disk now, and what will be there after a restart? */
static int settle(jd_store *s, int rc, int committing, jd_err *err) {
    if (!sqlite3_get_autocommit(s->db)) (void)store__run(s, STORE_Q_ROLLBACK);
    if (atomic_load(&s->vfs->sync_failed)) return store__die(s, err, "a sync failed");
    if (!sqlite3_get_autocommit(s->db)) return store__die(s, err, "a roll-back failed");
    if (!committing) return JD_STORE_REFUSED;
    /* Without a failed sync the file itself can be asked: a restart would find the group only if the WAL ends in a
     * commit later than the last one that we know. A full disk leaves frames without one, which the next group
     * overwrites. */
    uint64_t frames = 0, known = atomic_load(&s->vfs->wal_turns) == s->wal_turn ? s->wal_frames : 0;
    if (store__wal_scan(s->db, &frames) != 0) return store__die(s, err, "the write-ahead file cannot be read");
    if (frames > known) return store__die(s, err, sqlite3_errstr(rc));
    return JD_STORE_REFUSED;
}

/* The transaction is durable: memory follows. */
static void settled(jd_store *s, const store_work *w, size_t taken, int swept, size_t trimmed, uint64_t trimmed_bytes) {
    s->wal_turn = atomic_load(&s->vfs->wal_turns);
    store__dirty_take(&s->dirty, s->keys, taken);
    atomic_fetch_add(&s->written_behind, taken);
    if (swept) {
        store__dirty_end(&s->dirty);
        if (s->sweep_group > s->trim_to) s->trim_to = s->sweep_group;
    }
    (void)store__trim_due(s); /* so that what goes now is in the sum */
    sizes_drop(&s->sizes, trimmed);
    s->trimmed += trimmed;
    s->due_bytes -= trimmed_bytes;
    if (s->trimmed > s->sealed_to) s->sealed_to = s->trimmed;
    atomic_fetch_sub(&s->log_bytes, trimmed_bytes);
    if (w->seal || w->stale) store__rows_settled(s, w->seal);
    if (!w->group) return;
    for (size_t i = 0; i < w->group->changes_n; i++) {
        if (store__to_seal(s, w->group->changes[i].key))
            store__hold(s, w->group->number);
        else if (!store__log_only(s, w->group->changes[i].key))
            store__dirty_mark(&s->dirty, w->group->changes[i].key);
    }
    store__sizes_push(&s->sizes, (uint32_t)s->row.n);
    atomic_fetch_add(&s->log_bytes, s->row.n);
    atomic_fetch_add(&s->logged, s->row.n);
    atomic_fetch_add(&s->commits, 1);
    s->group_last = w->group->number;
    if (w->group->symbols_n) s->symbol_last = w->group->symbols[w->group->symbols_n - 1].number;
    s->group_bytes = s->group_bytes ? (s->group_bytes * 7 + s->row.n) / 8 : s->row.n;
}

int store__transact(jd_store *s, const store_work *w, jd_err *err) {
    uint64_t trim_bytes = 0;
    size_t rows = s->dirty.sweeping ? store__dirty_peek(&s->dirty, s->keys, w->rows) : 0;
    int swept = s->dirty.sweeping && rows == s->dirty.ahead;
    size_t trims = trim_rows(s, w->trim_bytes, &trim_bytes);
    const char *en = "cannot begin a transaction", *zh = "无法开始事务";
    int committing = 0, rc = store__run(s, STORE_Q_BEGIN);
    if (rc == SQLITE_OK && w->group) {
        en = "cannot append to the log", zh = "无法追加日志";
        rc = put_group(s, w->group);
    }
    if (rc == SQLITE_OK && (w->seal || w->stale)) {
        en = "cannot write rows", zh = "无法写入行";
        rc = store__rows_write(s, w->seal, w->stale - 1);
    }
    if (rc == SQLITE_OK && rows) {
        en = "cannot write documents behind", zh = "无法写入文档";
        rc = write_behind(s, rows);
    }
    if (rc == SQLITE_OK && trims) {
        en = "cannot trim the log", zh = "无法截短日志";
        rc = trim(s, trims);
    }
    if (rc == SQLITE_OK) {
        en = "cannot commit", zh = "无法提交";
        committing = 1;
        rc = store__run(s, STORE_Q_COMMIT);
    }
    if (rc == SQLITE_OK) {
        settled(s, w, rows, swept, trims, trim_bytes);
        return JD_STORE_OK;
    }
    store__sql_fail(s->db, rc, err, en, zh);
    return settle(s, rc, committing, err);
}

static void sweep_begin(jd_store *s) {
    store__dirty_begin(&s->dirty);
    s->sweep_group = s->group_last;
    s->rows_due = 0;
}

void store__plan(jd_store *s, uint64_t bytes, store_work *w) {
    uint64_t max = s->log_bytes_max, high = max / 4 * 3;
    uint64_t used = atomic_load(&s->log_bytes) - store__trim_due(s) + bytes;
    w->trim_bytes = bytes * TRIM_TIMES > TRIM_BYTES ? bytes * TRIM_TIMES : TRIM_BYTES;
    if (!s->current) return;
    if (!s->dirty.sweeping) {
        /* A sweep that would let nothing be trimmed waits for a while: what changes again is written once. */
        if (used < max / 4 || (used < high && is_held(s))) return;
        sweep_begin(s);
    }
    if (used >= high) {
        uint64_t over = used < max ? (used - high) * STORE_SWEEP_ROWS_MAX / (max - high) : STORE_SWEEP_ROWS_MAX;
        w->rows = over > STORE_SWEEP_ROWS ? (size_t)over : STORE_SWEEP_ROWS;
        return;
    }
    uint64_t average = s->group_bytes > bytes ? s->group_bytes : bytes, groups = (high - used) / average + 1;
    s->rows_due += s->dirty.ahead / groups + 1;
    if (s->rows_due < ROWS_BATCH && s->rows_due < s->dirty.ahead) return;
    w->rows = s->rows_due < STORE_SWEEP_ROWS ? (size_t)s->rows_due : STORE_SWEEP_ROWS;
    s->rows_due = 0;
}

/* A transaction without a group. 1: it did something, 0: nothing is to be done, else what transact returned. */
static int sweep_step(jd_store *s, size_t rows, uint64_t trim_bytes, jd_err *err) {
    if (s->current && !s->dirty.sweeping && s->dirty.total) sweep_begin(s);
    /* With nothing dirty no sweep comes, and the log may hold nothing but log-only changes. */
    if (!s->dirty.total) s->trim_to = s->group_last;
    if (!s->dirty.sweeping && trim_due(s) == 0) return 0;
    store_work w = {.rows = rows, .trim_bytes = trim_bytes};
    int rc = store__transact(s, &w, err);
    if (rc == JD_STORE_OK) store__wal_after(s);
    return rc == JD_STORE_OK ? 1 : rc;
}

int store__make_room(jd_store *s, uint64_t bytes, uint64_t beyond, jd_err *err) {
    while (s->sizes.n && atomic_load(&s->log_bytes) + bytes > s->log_bytes_max + beyond) {
        if (trim_due(s) == 0 && is_held(s)) {
            jd_fail(err, JD_E_BUSY,
                    "store: the log is full of changes that wait to be sealed into rows or told of, from group %llu",
                    "存储：日志已满，自组 %llu 起的变更尚待归档为行或通知", (unsigned long long)held_from(s));
            return JD_STORE_REFUSED;
        }
        int rc = sweep_step(s, ROOM_ROWS, TRIM_BYTES_ROOM, err);
        if (rc < 0) return rc;
        if (rc == 0) {
            jd_fail(err, JD_E_BUSY, "store: the log is full and nothing can be written behind",
                    "存储：日志已满，且没有可写入的文档");
            return JD_STORE_REFUSED;
        }
    }
    return JD_STORE_OK;
}

int jd_store_idle(jd_store *s, jd_err *err) {
    if (store__dead(s)) return store__refuse_dead(err), JD_STORE_UNKNOWN;
    int rc = s->loaded ? sweep_step(s, IDLE_ROWS, TRIM_BYTES_IDLE, err) : 0;
    if (rc == 0) rc = store__rows_clean(s, err);
    if (rc == 0) rc = store__wal_idle(s);
    store__publish(s);
    return rc;
}

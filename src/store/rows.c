/* Rows of runs: written in steps, seen when their run is whole, removed when it is gone.
 *
 * A step is planned on a copy of the runs. Its transaction writes those that it changes, and when that is durable the
 * copy is what memory holds; a refused step leaves both as they were. A run stands in its table from its first row to
 * its last, so every row belongs to a run that is known, whole or not. */
#include "store/store_int.h"

#include <stdlib.h>

/* --- the runs in memory --- */

static size_t place_of(const store_runs *r, int64_t id) {
    size_t from = 0, to = r->n;
    while (from < to) {
        size_t mid = (from + to) / 2;
        if (r->at[mid].id < id)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

static store_run *find(const store_runs *r, int64_t id) {
    size_t i = place_of(r, id);
    return i < r->n && r->at[i].id == id ? &r->at[i] : NULL;
}

static void reserve(store_runs *r, size_t n) {
    if (n <= r->cap) return;
    r->cap = n * 2;
    r->at = jd_xrealloc(r->at, r->cap * sizeof *r->at);
}

static store_run *find_or_add(store_runs *r, int64_t id) {
    size_t i = place_of(r, id);
    if (i < r->n && r->at[i].id == id) return &r->at[i];
    reserve(r, r->n + 1);
    memmove(&r->at[i + 1], &r->at[i], (r->n++ - i) * sizeof *r->at);
    r->at[i] = (store_run){.id = id, .state = STORE_RUN_OPEN, .changed = 1};
    return &r->at[i];
}

static void plan_from_now(jd_store *s) {
    reserve(&s->planned, s->runs.n + 1);
    if (s->runs.n) memcpy(s->planned.at, s->runs.at, s->runs.n * sizeof *s->runs.at);
    s->planned.n = s->runs.n;
}

static void publish(jd_store *s) {
    uint64_t rows = 0, bytes = 0;
    for (size_t i = 0; i < s->runs.n; i++) {
        if (s->runs.at[i].state != STORE_RUN_WHOLE) continue;
        rows += s->runs.at[i].rows;
        bytes += s->runs.at[i].bytes;
    }
    atomic_store(&s->rows, rows);
    atomic_store(&s->row_bytes, bytes);
    atomic_store(&s->row_last_seen, s->row_last);
    atomic_store(&s->run_last_seen, s->run_last);
}

/* --- planning a step: what the caller must hold to is refused when broken, since it would damage the file --- */

static int wrong(jd_err *err, const char *en, const char *zh, int64_t number) {
    return jd_fail(err, JD_E_INTERNAL, "store: wrong step: %1$s%2$.0s: %3$lld", "存储：步骤有误：%1$.0s%2$s：%3$lld",
                   en, zh, (long long)number);
}

static int plan_rows(jd_store *s, const jd_store_seal_step *step, uint64_t *bytes, jd_err *err) {
    *bytes = 0;
    for (size_t i = 0; i < step->rows_n; i++) {
        const jd_store_row *r = &step->rows[i];
        if (r->id <= 0 || r->id == INT64_MAX) return wrong(err, "row out of range", "行号超出范围", r->id);
        if (r->run <= 0 || r->run == INT64_MAX) return wrong(err, "run out of range", "批次号超出范围", r->run);
        if (r->head.n > STORE_HEAD_MAX) return wrong(err, "too long a head, row", "行头过长，行", r->id);
        *bytes += r->head.n + r->body.n;
        if (*bytes > STORE_GROUP_BYTES_MAX)
            return jd_fail(err, JD_E_TOO_LARGE, "store: a step is larger than %d bytes", "存储：一步超过 %d 字节",
                           STORE_GROUP_BYTES_MAX);
        store_run *run = find_or_add(&s->planned, r->run);
        if (run->state != STORE_RUN_OPEN) return wrong(err, "row for a run that is not open", "批次未打开", r->run);
        run->rows++;
        run->bytes += r->body.n;
    }
    return 0;
}

static int plan_states(jd_store *s, const jd_store_seal_step *step, jd_err *err) {
    if (step->whole) {
        if (step->whole < 0 || step->whole == INT64_MAX)
            return wrong(err, "run out of range", "批次号超出范围", step->whole);
        if (step->whole_note.n > STORE_HEAD_MAX)
            return wrong(err, "too long a note, run", "附注过长，批次", step->whole);
        store_run *run = find_or_add(&s->planned, step->whole);
        if (run->state != STORE_RUN_OPEN) return wrong(err, "whole, but not open, run", "批次未打开", step->whole);
        run->state = STORE_RUN_WHOLE;
        run->changed = 1;
    }
    for (size_t i = 0; i < step->gone_n; i++) {
        store_run *run = find(&s->planned, step->gone[i]);
        if (!run || run->state == STORE_RUN_GONE || run->state == STORE_RUN_STALE)
            return wrong(err, "gone, but not there, run", "批次不存在", step->gone[i]);
        run->state = STORE_RUN_GONE;
        run->changed = 1;
    }
    return 0;
}

static int plan_drops(jd_store *s, const jd_store_seal_step *step, jd_err *err) {
    if (step->drop_n > STORE_DROPS) return wrong(err, "too many rows to drop", "待删行过多", (int64_t)step->drop_n);
    sqlite3_stmt *q = s->q[STORE_Q_RUN_OF_ROW];
    for (size_t i = 0; i < step->drop_n; i++) {
        sqlite3_bind_int64(q, 1, step->drop[i]);
        int rc = sqlite3_step(q);
        const store_run *run = rc == SQLITE_ROW ? find(&s->planned, sqlite3_column_int64(q, 0)) : NULL;
        sqlite3_reset(q);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE) return store__sql_fail(s->db, rc, err, "cannot drop", "无法删除行");
        if (run && run->state != STORE_RUN_GONE && run->state != STORE_RUN_STALE)
            return wrong(err, "drop of a row whose run is not gone, row", "所属批次未废弃，行", step->drop[i]);
        s->drop_run[i] = run ? (size_t)(run - s->planned.at) : SIZE_MAX;
    }
    return 0;
}

int jd_store_seal(jd_store *s, const jd_store_seal_step *step, jd_err *err) {
    uint64_t bytes = 0;
    if (store__dead(s)) return store__refuse_dead(err), JD_STORE_REFUSED;
    if (!s->loaded) return jd_fail(err, JD_E_INTERNAL, "store: seal before load", "存储：尚未加载就归档");
    plan_from_now(s);
    if (plan_rows(s, step, &bytes, err) != 0 || plan_states(s, step, err) != 0 || plan_drops(s, step, err) != 0)
        return JD_STORE_REFUSED;
    if (step->sealed > s->group_last)
        return wrong(err, "sealed up to a group that is not there", "归档到不存在的组", (int64_t)step->sealed);
    /* What adds no rows makes room, and goes on like sweeps do. */
    if (step->rows_n && store__space(s, bytes, err) != 0) return JD_STORE_REFUSED;
    int rc = store__transact(s, &(store_work){.seal = step}, err);
    if (rc == JD_STORE_OK) store__wal_after(s);
    store__publish(s);
    return rc;
}

/* --- inside the transaction --- */

static int put_row(jd_store *s, const jd_store_row *r) {
    sqlite3_stmt *q = s->q[STORE_Q_PUT_ROW];
    jd_buf *b = &s->sealed;
    b->n = 0;
    store__seal_head(b, r->id, r->run, r->body.n, r->head);
    size_t head = b->n;
    store__seal_row(b, r->id, r->run, r->head, r->body);
    sqlite3_bind_int64(q, 1, r->id);
    sqlite3_bind_int64(q, 2, r->run);
    int rc = sqlite3_bind_blob64(q, 3, b->p, head, SQLITE_STATIC);
    if (rc == SQLITE_OK) rc = sqlite3_bind_blob64(q, 4, b->p + head, b->n - head, SQLITE_STATIC);
    return rc == SQLITE_OK ? store__run(s, STORE_Q_PUT_ROW) : rc;
}

static int drop_row(jd_store *s, int64_t id, size_t of) {
    sqlite3_bind_int64(s->q[STORE_Q_DEL_ROW], 1, id);
    int rc = store__run(s, STORE_Q_DEL_ROW);
    store_run *run = &s->planned.at[of];
    if (rc == SQLITE_OK && run->state == STORE_RUN_GONE) run->rows -= (uint64_t)sqlite3_changes(s->db);
    return rc;
}

static int del_run(jd_store *s, store_run *run) {
    run->leaves = 1;
    sqlite3_bind_int64(s->q[STORE_Q_DEL_RUN], 1, run->id);
    return store__run(s, STORE_Q_DEL_RUN);
}

static int put_run(jd_store *s, const store_run *run, jd_str note) {
    sqlite3_stmt *q = s->q[STORE_Q_PUT_RUN];
    store_run_sum sum = {.id = run->id, .state = run->state};
    /* Only of a whole run are they of use, and only then do they no longer change. */
    if (run->state == STORE_RUN_WHOLE) sum.rows = run->rows, sum.bytes = run->bytes;
    s->sealed.n = 0;
    store__seal_note(&s->sealed, &sum, note);
    sqlite3_bind_int64(q, 1, sum.id);
    sqlite3_bind_int64(q, 2, sum.state);
    sqlite3_bind_int64(q, 3, (int64_t)sum.rows);
    sqlite3_bind_int64(q, 4, (int64_t)sum.bytes);
    int rc = sqlite3_bind_blob64(q, 5, s->sealed.p, s->sealed.n, SQLITE_STATIC);
    return rc == SQLITE_OK ? store__run(s, STORE_Q_PUT_RUN) : rc;
}

static int write_runs(jd_store *s, const jd_store_seal_step *step) {
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < s->planned.n; i++) {
        store_run *run = &s->planned.at[i];
        if (run->state == STORE_RUN_GONE && run->rows == 0)
            rc = del_run(s, run);
        else if (run->changed)
            rc = put_run(s, run, run->id == step->whole ? step->whole_note : (jd_str){NULL, 0});
    }
    return rc;
}

static int remove_stale(jd_store *s, store_run *run) {
    sqlite3_stmt *q = s->q[STORE_Q_DEL_STALE];
    sqlite3_bind_int64(q, 1, run->id);
    sqlite3_bind_int64(q, 2, STORE_STALE_ROWS);
    int rc = store__run(s, STORE_Q_DEL_STALE);
    return rc == SQLITE_OK && sqlite3_changes(s->db) < STORE_STALE_ROWS ? del_run(s, run) : rc;
}

int store__rows_write(jd_store *s, const jd_store_seal_step *step, size_t stale) {
    int rc = SQLITE_OK;
    if (!step) return remove_stale(s, &s->planned.at[stale]);
    for (size_t i = 0; rc == SQLITE_OK && i < step->rows_n; i++) rc = put_row(s, &step->rows[i]);
    for (size_t i = 0; rc == SQLITE_OK && i < step->drop_n; i++)
        if (s->drop_run[i] != SIZE_MAX) rc = drop_row(s, step->drop[i], s->drop_run[i]);
    if (rc == SQLITE_OK) rc = write_runs(s, step);
    if (rc == SQLITE_OK && step->sealed > s->sealed_to) {
        sqlite3_bind_int64(s->q[STORE_Q_SET_SEALED], 1, (int64_t)step->sealed);
        rc = store__run(s, STORE_Q_SET_SEALED);
    }
    return rc;
}

void store__rows_settled(jd_store *s, const jd_store_seal_step *step) {
    store_runs was = s->runs;
    s->runs = s->planned;
    s->planned = was;
    size_t n = 0;
    for (size_t i = 0; i < s->runs.n; i++) {
        if (s->runs.at[i].leaves) continue;
        s->runs.at[n] = s->runs.at[i];
        s->runs.at[n++].changed = 0;
    }
    s->runs.n = n;
    if (step) {
        for (size_t i = 0; i < step->rows_n; i++) {
            if (step->rows[i].id > s->row_last) s->row_last = step->rows[i].id;
            if (step->rows[i].run > s->run_last) s->run_last = step->rows[i].run;
        }
        if (step->whole > s->run_last) s->run_last = step->whole;
        if (step->sealed > s->sealed_to) s->sealed_to = step->sealed;
        /* Which of the groups behind it is the next with log-only changes is not kept; holding one too early is safe.
         */
        if (s->hold && s->hold <= s->sealed_to) s->hold = s->log_only_last > s->sealed_to ? s->sealed_to + 1 : 0;
    }
    publish(s);
}

int store__rows_clean(jd_store *s, jd_err *err) {
    size_t i = 0;
    while (i < s->runs.n && s->runs.at[i].state != STORE_RUN_STALE) i++;
    if (i == s->runs.n) return 0;
    plan_from_now(s);
    int rc = store__transact(s, &(store_work){.stale = i + 1}, err);
    if (rc == JD_STORE_OK) store__wal_after(s);
    return rc == JD_STORE_OK ? 1 : rc;
}

/* --- at open, and for the owner's start --- */

/* The run that a query stands on: id, state, rows, bytes, note. */
static int read_run(sqlite3_stmt *q, store_run_sum *sum, jd_str *note, jd_err *err) {
    *sum = (store_run_sum){.id = sqlite3_column_int64(q, 0),
                           .state = sqlite3_column_int64(q, 1),
                           .rows = (uint64_t)sqlite3_column_int64(q, 2),
                           .bytes = (uint64_t)sqlite3_column_int64(q, 3)};
    store_bad bad = store__unseal_note(sum, store__blob(q, 4), note);
    if (!bad && (sum->id <= 0 || sum->state < STORE_RUN_OPEN || sum->state > STORE_RUN_GONE)) bad = STORE_BAD_SHAPE;
    return bad ? store__bad_fail(err, "run", sum->id, bad) : 0;
}

#define RUN_COLUMNS "SELECT id, state, rows, bytes, note FROM run"

int store__rows_survey(jd_store *s, jd_err *err) {
    sqlite3_stmt *q = NULL;
    int64_t sealed = 0;
    int rc = store__int(s->db, "SELECT value FROM meta WHERE name = 'sealed'", -1, &sealed);
    if (rc == SQLITE_OK && (sealed < (int64_t)s->trimmed || sealed > (int64_t)s->group_last))
        return jd_fail(err, JD_E_INTERNAL, "store: damaged: table meta, row 'sealed': %lld",
                       "存储：数据损坏：表 meta 的 sealed 行：%lld", (long long)sealed);
    s->sealed_to = (uint64_t)sealed;
    if (rc == SQLITE_OK) rc = store__int(s->db, "SELECT max(id) FROM chunk", 0, &s->row_last);
    if (rc == SQLITE_OK) rc = sqlite3_prepare_v2(s->db, RUN_COLUMNS " ORDER BY id", -1, &q, NULL);
    int bad = 0;
    while (rc == SQLITE_OK && !bad && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        store_run_sum sum;
        jd_str note;
        bad = read_run(q, &sum, &note, err) != 0;
        if (!bad) {
            store_run *run = find_or_add(&s->runs, sum.id);
            store_run_state state = sum.state == STORE_RUN_WHOLE ? STORE_RUN_WHOLE : STORE_RUN_STALE;
            *run = (store_run){.id = sum.id, .state = state, .rows = sum.rows, .bytes = sum.bytes};
            s->run_last = sum.id;
        }
        rc = SQLITE_OK;
    }
    sqlite3_finalize(q);
    publish(s);
    if (bad) return -1;
    return rc == SQLITE_DONE ? 0 : store__sql_fail(s->db, rc, err, "cannot read the runs", "无法读取批次");
}

/* Hands out the rows of a run. The index has all that is needed, and of the table only the bodies would be read. */
static int load_run(jd_store *s, const jd_store_row_loader *l, sqlite3_stmt *q, const store_run_sum *run, jd_err *err) {
    uint64_t rows = 0, bytes = 0;
    int rc;
    sqlite3_bind_int64(q, 1, run->id);
    while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(q, 0);
        jd_str head;
        uint64_t body = 0;
        store_bad bad = store__unseal_head(id, run->id, store__blob(q, 1), &head, &body);
        if (bad) return store__bad_fail(err, "chunk", id, bad);
        if (l->row && l->row(l->user, run->id, id, head, body, err)) return -1;
        rows++;
        bytes += body;
    }
    if (rc != SQLITE_DONE) return store__sql_fail(s->db, rc, err, "cannot load", "无法加载");
    if (rows != run->rows || bytes != run->bytes) return store__bad_fail(err, "run", run->id, STORE_BAD_ROWS);
    return 0;
}

int jd_store_load_rows(jd_store *s, const jd_store_row_loader *l, jd_err *err) {
    if (store__dead(s)) return store__refuse_dead(err);
    sqlite3_stmt *runs = NULL, *rows = NULL;
    int ok = 1, rc = sqlite3_prepare_v2(s->db, RUN_COLUMNS " WHERE state = 1 ORDER BY id", -1, &runs, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(s->db, "SELECT id, head FROM chunk INDEXED BY chunk_head WHERE run = ?1 ORDER BY id",
                                -1, &rows, NULL);
    while (rc == SQLITE_OK && ok && (rc = sqlite3_step(runs)) == SQLITE_ROW) {
        store_run_sum sum;
        jd_str note;
        ok = read_run(runs, &sum, &note, err) == 0 && !(l->run && l->run(l->user, sum.id, note, err)) &&
             load_run(s, l, rows, &sum, err) == 0;
        sqlite3_reset(rows);
        rc = SQLITE_OK;
    }
    if (ok && rc != SQLITE_DONE) ok = store__sql_fail(s->db, rc, err, "cannot load", "无法加载") == 0;
    sqlite3_finalize(runs);
    sqlite3_finalize(rows);
    return ok ? 0 : -1;
}

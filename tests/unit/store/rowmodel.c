#include "rowmodel.h"

#include <stdio.h>
#include <stdlib.h>

/* A record: event in the log (group, key; body), run (id; note), row (run, id; head and body), all behind its head. An
 * event inside a row's body is a length and its bytes. */
typedef struct record {
    int64_t a, b;
    uint32_t n, k; /* bytes behind the head: first part, second part */
} record;

static void add(jd_buf *b, int64_t x, int64_t y, jd_str first, jd_str second) {
    record r = {x, y, (uint32_t)first.n, (uint32_t)second.n};
    jd_buf_add(b, &r, sizeof r);
    jd_buf_str(b, first);
    jd_buf_str(b, second);
}

/* The record at *at, which moves behind it. 0: the end. */
static int next(const jd_buf *b, size_t *at, record *r, jd_str *first, jd_str *second) {
    if (*at >= b->n) return 0;
    memcpy(r, b->p + *at, sizeof *r);
    *first = (jd_str){b->p + *at + sizeof *r, r->n};
    *second = (jd_str){first->p + r->n, r->k};
    *at += sizeof *r + r->n + r->k;
    return 1;
}

static void copy(jd_buf *to, const jd_buf *from) {
    to->n = 0;
    jd_buf_add(to, from->p, from->n);
}

jd_key event_key(uint32_t i) {
    return (jd_key)3 << 48 | (jd_key)EVENT_KIND << 40 | (i + 1);
}
int is_event(jd_key key) {
    return (key >> 40 & 0xff) == EVENT_KIND;
}

static void sealer_fini(sealer *s) {
    jd_buf_fini(&s->content);
    jd_buf_fini(&s->pending);
    jd_buf_fini(&s->drops);
    *s = (sealer){0};
}

static void sealer_copy(sealer *to, const sealer *from) {
    jd_buf content = to->content, pending = to->pending, drops = to->drops;
    *to = *from;
    to->content = content, to->pending = pending, to->drops = drops;
    copy(&to->content, &from->content);
    copy(&to->pending, &from->pending);
    copy(&to->drops, &from->drops);
}

void rowmodel_fini(rowmodel *m) {
    jd_buf_fini(&m->log);
    jd_buf_fini(&m->runs);
    jd_buf_fini(&m->rows);
    sealer_fini(&m->sealer);
    m->events = 0;
}

void rowmodel_copy(rowmodel *to, const rowmodel *from) {
    to->events = from->events;
    copy(&to->log, &from->log);
    copy(&to->runs, &from->runs);
    copy(&to->rows, &from->rows);
    sealer_copy(&to->sealer, &from->sealer);
}

int rowmodel_differs(const rowmodel *a, const rowmodel *b, char *why, size_t cap) {
    const jd_buf *x[3] = {&a->log, &a->runs, &a->rows}, *y[3] = {&b->log, &b->runs, &b->rows};
    static const char *const what[3] = {"events in the log", "runs", "rows"};
    for (int i = 0; i < 3; i++) {
        if (jd_str_eq(jd_buf_view(x[i]), jd_buf_view(y[i]))) continue;
        snprintf(why, cap, "%s: %zu and %zu bytes", what[i], x[i]->n, y[i]->n);
        return 1;
    }
    return 0;
}

/* --- events --- */

void event_fill(rng *r, uint64_t number, char *p, size_t bytes) {
    memset(p, (int)rng_below(r, 256), bytes);
    memcpy(p, &number, sizeof number);
}

static uint64_t number_of(jd_str event) {
    uint64_t number = 0;
    if (event.n >= sizeof number) memcpy(&number, event.p, sizeof number);
    return number;
}

void rowmodel_event(rowmodel *m, uint64_t group, jd_key key, jd_str body) {
    add(&m->log, (int64_t)group, key, body, (jd_str){NULL, 0});
    m->events = number_of(body);
}

static void pack(jd_buf *to, jd_str event) {
    uint32_t n = (uint32_t)event.n;
    jd_buf_add(to, &n, sizeof n);
    jd_buf_str(to, event);
}

/* The event at *at of a packed body. 0: the end. */
static int unpack(jd_str from, size_t *at, jd_str *event) {
    uint32_t n;
    if (*at + sizeof n > from.n) return 0;
    memcpy(&n, from.p + *at, sizeof n);
    *event = (jd_str){from.p + *at + sizeof n, n};
    *at += sizeof n + n;
    return 1;
}

typedef struct tally {
    unsigned char *seen;
    uint64_t cap, most, count;
    int twice;
} tally;

static void count_event(tally *t, jd_str event) {
    uint64_t number = number_of(event);
    if (number >= t->cap) {
        uint64_t cap = number * 2 + 64;
        t->seen = jd_xrealloc(t->seen, cap);
        memset(t->seen + t->cap, 0, cap - t->cap);
        t->cap = cap;
    }
    t->twice |= t->seen[number];
    t->seen[number] = 1;
    t->count++;
    if (number > t->most) t->most = number;
}

int rowmodel_is_complete(rowmodel *m, jd_err *err) {
    tally t = {0};
    record r;
    jd_str first, second, event;
    for (size_t at = 0; next(&m->rows, &at, &r, &first, &second);)
        for (size_t in = 0; unpack(second, &in, &event);) count_event(&t, event);
    for (size_t at = 0; next(&m->log, &at, &r, &first, &second);) count_event(&t, first);
    free(t.seen);
    m->events = t.most;
    if (t.count == t.most && !t.twice) return 0;
    return jd_fail(err, JD_E_INTERNAL, "test: %llu events up to number %llu%s", "测试：共 %llu 个事件，最大编号 %llu%s",
                   (unsigned long long)t.count, (unsigned long long)t.most, t.twice ? ", one of them twice" : "");
}

/* --- loading --- */

typedef struct loading {
    rowmodel *m;
    jd_buf heads; /* rows with their body's length in front of the head */
} loading;

static int on_run(void *user, int64_t run, jd_str note, jd_err *err) {
    (void)err;
    add(&((loading *)user)->m->runs, run, 0, note, (jd_str){NULL, 0});
    return 0;
}

static int on_row(void *user, int64_t run, int64_t id, jd_str head, uint64_t bytes, jd_err *err) {
    (void)err;
    add(&((loading *)user)->heads, run, id, (jd_str){(const char *)&bytes, sizeof bytes}, head);
    return 0;
}

int rowmodel_load(jd_store *s, rowmodel *m, jd_err *err) {
    loading l = {.m = m};
    jd_buf body = {0};
    record r;
    jd_str bytes, head;
    int rc = jd_store_load_rows(s, &(jd_store_row_loader){&l, on_run, on_row}, err);
    for (size_t at = 0; rc == 0 && next(&l.heads, &at, &r, &bytes, &head);) {
        uint64_t want;
        memcpy(&want, bytes.p, sizeof want);
        body.n = 0;
        int there = jd_store_read_row(s, r.b, &body, err);
        if (there < 0 || (there == 1 && body.n == want))
            rc = there < 0 ? -1 : 0;
        else
            rc = jd_fail(err, JD_E_INTERNAL, "test: row %lld: %d", "测试：行 %lld：%d", (long long)r.b, there);
        if (rc == 0) add(&m->rows, r.a, r.b, head, jd_buf_view(&body));
    }
    jd_buf_fini(&body);
    jd_buf_fini(&l.heads);
    return rc;
}

void rowmodel_reopened(rowmodel *m, jd_store *s) {
    jd_store_stats st;
    jd_store_get_stats(s, &st);
    sealer_fini(&m->sealer);
    m->sealer.next_row = st.row_last + 1;
    m->sealer.next_run = st.run_last + 1;
}

/* --- the sealer --- */

/* What the next run is to hold: the events of the log up to some group, or of some runs. */
static void choose_job(rng *r, const rowmodel *m, uint64_t group, sealer *n) {
    record rec;
    jd_str first, second, event;
    n->open = n->next_run++;
    n->seal_to = 0;
    n->gone_n = n->content.n = n->pending.n = 0;
    if (rng_below(r, 3) == 0)
        for (size_t at = 0, max = 2 + rng_below(r, SEALER_GONE_MAX - 1); next(&m->runs, &at, &rec, &first, &second);)
            if (n->gone_n < max) n->gone[n->gone_n++] = rec.a;
    if (n->gone_n < 2) {
        n->gone_n = 0;
        n->seal_to = rng_below(r, 4) ? group : group - group / 8;
        for (size_t at = 0; next(&m->log, &at, &rec, &first, &second);)
            if ((uint64_t)rec.a <= n->seal_to) pack(&n->content, first);
        return;
    }
    for (size_t at = 0; next(&m->rows, &at, &rec, &first, &second);)
        for (size_t i = 0; i < n->gone_n; i++)
            for (size_t in = 0; rec.a == n->gone[i] && unpack(second, &in, &event);) pack(&n->content, event);
}

/* Takes up to `most` events off the content, into a row. */
static size_t draw_row(rng *r, sealer *n, size_t at, uint32_t most, model_step *out) {
    jd_str event, content = jd_buf_view(&n->content);
    size_t from = at;
    while (most-- && unpack(content, &at, &event)) {}
    char head[24];
    int head_n = snprintf(head, sizeof head, "%zu bytes, %u", at - from, rng_below(r, 1000));
    add(&out->bytes, n->open, n->next_row++, (jd_str){head, (size_t)head_n}, (jd_str){content.p + from, at - from});
    return at;
}

void step_draw(rng *r, const rowmodel *m, uint64_t group, model_step *out) {
    sealer *n = &out->next;
    size_t at = 0, rows = 1 + rng_below(r, STEP_ROWS_MAX);
    sealer_copy(n, &m->sealer);
    out->bytes.n = 0;
    out->s = (jd_store_seal_step){.rows = out->rows, .gone = out->gone};
    if (!n->open) choose_job(r, m, group, n);
    for (size_t i = 0; i < rows && at < n->content.n; i++) at = draw_row(r, n, at, 1 + rng_below(r, 12), out);
    n->content.n -= at;
    if (at && n->content.n) memmove(n->content.p, n->content.p + at, n->content.n);
    record rec;
    jd_str first, second;
    for (size_t i = 0; next(&out->bytes, &i, &rec, &first, &second);)
        out->rows[out->s.rows_n++] = (jd_store_row){.id = rec.b, .run = rec.a, .head = first, .body = second};
    jd_buf_add(&n->pending, out->bytes.p, out->bytes.n);
    if (!n->content.n) {
        snprintf(out->note, sizeof out->note, "up to %llu", (unsigned long long)n->seal_to);
        out->s.whole = n->open;
        out->s.whole_note = jd_str_of(out->note);
        out->s.sealed = n->seal_to;
        memcpy(out->gone, n->gone, n->gone_n * sizeof *n->gone);
        out->s.gone_n = n->gone_n;
    }
    while (n->drops.n && out->s.drop_n < 3) {
        n->drops.n -= sizeof(int64_t);
        memcpy(&out->s.drop[out->s.drop_n++], n->drops.p + n->drops.n, sizeof(int64_t));
    }
}

static int is_gone(const jd_store_seal_step *s, int64_t run) {
    for (size_t i = 0; i < s->gone_n; i++)
        if (s->gone[i] == run) return 1;
    return 0;
}

void step_apply(rowmodel *m, model_step *step) {
    jd_buf kept = {0};
    record r;
    jd_str first, second;
    sealer_fini(&m->sealer);
    m->sealer = step->next;
    step->next = (sealer){0};
    if (!step->s.whole) return;
    for (size_t at = 0; next(&m->rows, &at, &r, &first, &second);) {
        if (is_gone(&step->s, r.a))
            jd_buf_add(&m->sealer.drops, &r.b, sizeof r.b);
        else
            add(&kept, r.a, r.b, first, second);
    }
    jd_buf_add(&kept, m->sealer.pending.p, m->sealer.pending.n);
    copy(&m->rows, &kept);
    kept.n = 0;
    for (size_t at = 0; next(&m->runs, &at, &r, &first, &second);)
        if (!is_gone(&step->s, r.a)) add(&kept, r.a, 0, first, second);
    add(&kept, step->s.whole, 0, step->s.whole_note, (jd_str){NULL, 0});
    copy(&m->runs, &kept);
    kept.n = 0;
    for (size_t at = 0; next(&m->log, &at, &r, &first, &second);)
        if ((uint64_t)r.a > step->s.sealed) add(&kept, r.a, r.b, first, second);
    copy(&m->log, &kept);
    jd_buf_fini(&kept);
    m->sealer.open = 0;
    m->sealer.pending.n = 0;
}

void step_fini(model_step *step) {
    jd_buf_fini(&step->bytes);
    sealer_fini(&step->next);
}

/* One write on the overlay: conditions, the new version, what it leaves in history. */
#include "engine/overlay.h"
#include "model/doc_int.h"

#include <stdlib.h>

/* The writer's buffers serve all writes; a large one is not kept. */
static jd_buf spared(jd_buf b) {
    if (b.cap > (size_t)64 << 10) jd_buf_fini(&b);
    return b;
}

static void history_begin(remember *r, jd_engine *e, overlay *o, jd_time now) {
    remember_begin(r, e, &o->hist, now);
    r->skeleton = e->spare_skeleton;
    r->nums = e->spare_nums;
    r->times = e->spare_times;
    e->spare_skeleton = e->spare_nums = e->spare_times = (jd_buf){0};
}

static size_t history_end(remember *r) {
    r->e->spare_skeleton = spared(r->skeleton);
    r->e->spare_nums = spared(r->nums);
    r->e->spare_times = spared(r->times);
    r->skeleton = r->nums = r->times = (jd_buf){0};
    return remember_end(r);
}

static void keep_history(jd_engine *e, overlay *o, coll *c, uint32_t serial, remember *r) {
    if (r->latest > e->now_last) e->now_last = r->latest;
    size_t at = r->start, n = history_end(r);
    if (!n) return;
    hist_change h = {(uint64_t)key_of(c, serial), at, n};
    PUSH(o, hists, h);
    o->bytes += n + 16;
}

static int etag_matches(const char *header, uint64_t etag) {
    for (const char *p = header; *p; p++) {
        while (*p == ' ' || *p == ',' || *p == '\t') p++;
        if (*p == '*') return 1;
        if (p[0] == 'W' && p[1] == '/') p += 2;
        if (*p++ != '"') return 0;
        char *end;
        uint64_t v = strtoull(p, &end, 16);
        if (end - p == 16 && v == etag)
            return 1; /* what follows in the quotes tells the form of the answer, not the state */
        while (*end && *end != '"') end++;
        p = end;
        if (!*p) return 0;
    }
    return 0;
}

static uint64_t etag_of(jd_str bytes) {
    return jd_hash_fixed(bytes.p, bytes.n);
}

/* Results move from scratch into the job's arena. */
static void keep_results(jd_arena *a, jd_applied *r) {
    if (r->updated_n) {
        jd_sym *s = JD_NEWN(a, jd_sym, r->updated_n);
        memcpy(s, r->updated, r->updated_n * sizeof *s);
        r->updated = s;
    }
    if (r->not_updated_n) {
        jd_not_updated *s = JD_NEWN(a, jd_not_updated, r->not_updated_n);
        memcpy(s, r->not_updated, r->not_updated_n * sizeof *s);
        r->not_updated = s;
    }
}

/* History could not take an attribute with more numbers, when it is replaced one day. */
static int fits_history(jd_str bytes, jd_err *err) {
    jd_doc d;
    jd_attrview a;
    if (bytes.n <= JD_READING_NUMS_MAX) return 0; /* a number takes a byte at the least */
    jd_doc_open(&d, bytes);
    for (jd_bytes rest = d.attrs; jd_attr_next(&rest, d.created, &a);) {
        jd_buf skeleton = {0}, nums = {0};
        uint32_t n =
            (size_t)(a.record.end - a.record.p) > JD_READING_NUMS_MAX ? reading_of(&a, &skeleton, &nums).nums_n : 0;
        jd_buf_fini(&skeleton);
        jd_buf_fini(&nums);
        if (n > JD_READING_NUMS_MAX)
            return jd_fail(err, JD_E_TOO_LARGE, "an attribute holds %u numbers; at most %u",
                           "一个属性含 %u 个数，上限 %u", n, (unsigned)JD_READING_NUMS_MAX);
    }
    return 0;
}

static int within_limits(jd_engine *e, jd_write *w, size_t bytes) {
    if (w->applied.attrs_n > e->o.entity_attrs_max)
        return jd_fail(&w->err, JD_E_BAD_REQUEST_DATA,
                       "the entity would have %u attribute instances; at most %u (setting entity_attrs_max)",
                       "实体将有 %u 个属性实例，上限 %u（设置项 entity_attrs_max）", w->applied.attrs_n,
                       e->o.entity_attrs_max);
    if (bytes > e->o.entity_bytes_max)
        return jd_fail(&w->err, JD_E_TOO_LARGE,
                       "the entity would take %zu bytes; at most %zu (setting entity_bytes_max)",
                       "实体将占 %zu 字节，上限 %zu（设置项 entity_bytes_max）", bytes, e->o.entity_bytes_max);
    return 0;
}

/* The last gate before a document is promised: within its limits, and one that a start will take. */
static int fit_to_keep(jd_engine *e, jd_write *w, jd_str bytes) {
    if (within_limits(e, w, bytes.n)) return -1;
    if (jd_doc_check(bytes, jd_symtab_count(e->symbols), &w->err)) return -1;
    return fits_history(bytes, &w->err);
}

static int apply_entity(jd_engine *e, overlay *o, jd_tenant *t, jd_write *w, jd_arena *results, jd_time now) {
    coll *c = &t->entities;
    pending *p;
    uint32_t serial;
    const version *v = state_of(o, c, w->rq.id, &p, &serial);
    jd_doc doc, trimmed, *cur = NULL;
    jd_arena_reset(&e->scratch);
    if (v && !v->hidden) {
        jd_doc_open(&doc, (jd_str){v->bytes, v->n});
        cur = &doc;
        if (w->rq.op != JD_OP_EXPIRE) {
            int how = jd_doc_trim(&doc, now, e->symbols, &e->scratch, &trimmed);
            cur = how == 2 ? NULL : how == 1 ? &trimmed : &doc;
        }
    }
    if (w->if_match && (!cur || !etag_matches(w->if_match, etag_of(cur->bytes)))) {
        if (!cur && strcmp(w->if_match, "*"))
            return jd_fail(&w->err, JD_E_NOT_FOUND, "entity %.*s does not exist", "实体 %.*s 不存在",
                           JD_STR_ARG(w->rq.id));
        return jd_fail(&w->err, JD_E_PRECONDITION, "the entity changed since it was read (If-Match)",
                       "实体在读取之后已变化（If-Match）");
    }
    if (w->if_etag && cur && etag_of(cur->bytes) != w->if_etag)
        return jd_fail(&w->err, JD_E_PRECONDITION, "the entity changed meanwhile", "实体期间已变化");
    if (w->if_none_match_any && cur)
        return jd_fail(&w->err, JD_E_PRECONDITION, "the entity exists (If-None-Match: *)",
                       "实体已存在（If-None-Match: *）");
    jd_buf *out = &e->document;
    out->n = 0;
    if (jd_apply(&w->rq, cur, now, e->symbols, &e->scratch, out, &w->applied, &w->err)) {
        e->document = spared(e->document);
        return -1;
    }
    keep_results(results, &w->applied);
    if (!w->applied.gone && !w->applied.unchanged && fit_to_keep(e, w, jd_buf_view(out))) {
        e->document = spared(e->document);
        return -1;
    }
    if (!w->applied.unchanged) {
        jd_doc is;
        unsigned like = 0;
        remember r;
        history_begin(&r, e, o, now);
        if (w->applied.gone && remember_wanted(e, &doc)) {
            remember_change(&r, &doc, NULL, 0);
            hidden_doc(e, &doc, now, out);
        } else if (w->applied.gone) { /* its key may serve another one day: what was told of it goes with it */
            remember_mark(&r, 0, 0, JD_CLEAR_AT, JD_R_CLEAR);
        } else if (!w->applied.gone && v && !v->hidden) {
            jd_doc_open(&is, jd_buf_view(out));
            remember_change(&r, &doc, &is, w->rq.op == JD_OP_EXPIRE);
            like = jd_doc_like(&doc, &is);
        }
        serial = like ? state_follow(e, o, c, w->rq.id, p, serial, jd_buf_view(out), like)
                      : state_set(e, o, c, w->rq.id, p, serial, jd_buf_view(out), !out->n);
        keep_history(e, o, c, serial, &r);
    }
    e->document = spared(e->document);
    return 0;
}

static int too_many_readings(jd_engine *e, jd_write *w, size_t bytes) {
    return jd_fail(&w->err, JD_E_TOO_LARGE,
                   "the readings would take %zu bytes; at most %zu at once (setting history_write_max)",
                   "读数将占 %zu 字节，一次上限 %zu（设置项 history_write_max）", bytes, e->o.history_write_max);
}

/* Is it newer than what the entity has? A last write without a time of observation always is. */
static int is_news(const jd_write *w, const jd_doc *cur, const jd_attr *a) {
    jd_attrview v;
    if (!cur || a->observed == JD_TIME_NONE || !find_instance(cur, a->name, a->dataset, &v)) return 1;
    if (v.observed == JD_TIME_NONE || a->observed != v.observed) return a->observed > v.observed;
    return !told_again(w, &v);
}

static void newer_instances(const jd_write *w, const jd_doc *cur, jd_ent *out) {
    jd_attr *kept = out->attrs;
    out->attrs_n = 0;
    for (uint32_t i = 0; i < w->rq.ent->attrs_n; i++)
        if (is_news(w, cur, &w->rq.ent->attrs[i])) kept[out->attrs_n++] = w->rq.ent->attrs[i];
}

static jd_applied in_place(const jd_write *w, uint32_t attrs_n, jd_arena *results) {
    jd_applied r = {.attrs_n = attrs_n, .updated = JD_NEWN(results, jd_sym, w->ready_n)};
    for (uint32_t i = 0; i < w->ready_n; i++) /* series of one attribute stand side by side */
        if (!i || w->ready[i].name != w->ready[i - 1].name) r.updated[r.updated_n++] = w->ready[i].name;
    return r;
}

/* The most common write of all: each attribute that is told is there, and older. Only those records are replaced, and
 * what they were is history. 1; 0: it is not so simple; -1: w->err. */
int observed_in_place(jd_engine *e, const jd_doc *cur, jd_write *w, jd_arena *results, jd_time now, remember *r,
                      jd_buf *out) {
    jd_attrview was[READY_IN_PLACE];
    uint32_t attrs_n;
    if (!w->ready_n || w->ready_n > READY_IN_PLACE || w->moments) return 0;
    for (uint32_t i = 0; i < w->moment_types_n; i++)
        if (!jd_doc_has_type(cur, w->moment_types[i])) return 0;
    if (!jd_ready_put(cur, w->ready, w->ready_n, now, out, was, &attrs_n)) return 0;
    w->applied = in_place(w, attrs_n, results);
    if (within_limits(e, w, out->n)) return -1; /* the rest of fit_to_keep is known of records so short */
    if (remember_wanted(e, cur))
        for (uint32_t i = 0; i < w->ready_n; i++) remember_replaced(r, &was[i]);
    if (r->out->n - r->start > e->o.history_write_max) return too_many_readings(e, w, r->out->n - r->start);
    return 1;
}

static unsigned like_of(const jd_write *w) {
    unsigned like = JD_LIKE_FORM | JD_LIKE_PLACES;
    for (uint32_t i = 0; i < w->ready_n; i++)
        if ((w->ready[i].head & 15) == JD_GEOPROPERTY) like = JD_LIKE_FORM;
    return like;
}

/* What is newest becomes the entity's state, all else goes into its history. cur may be NULL. 0 or -1. */
int observed_whole(jd_engine *e, const jd_doc *cur, jd_write *w, jd_arena *results, jd_time now, remember *r,
                   jd_buf *out) {
    if (!w->rq.ent && observe_open(e, &e->scratch, w, &w->err)) return -1;
    jd_ent ent = *w->rq.ent;
    ent.attrs = JD_NEWN(&e->scratch, jd_attr, ent.attrs_n);
    newer_instances(w, cur, &ent);
    jd_change_req rq = w->rq;
    rq.op = JD_OP_CREATE;
    rq.flags = JD_AP_UPDATE_EXISTING;
    rq.ent = &ent;
    int rc = jd_apply(&rq, cur, now, e->symbols, &e->scratch, out, &w->applied, &w->err);
    if (!rc) keep_results(results, &w->applied);
    if (!rc && !w->applied.unchanged) rc = fit_to_keep(e, w, jd_buf_view(out));
    jd_doc is = cur ? *cur : (jd_doc){0};
    if (!rc && !w->applied.unchanged) {
        jd_doc_open(&is, jd_buf_view(out));
        if (cur) remember_change(r, cur, &is, 0);
    }
    if (!rc && remember_wanted(e, &is))
        for (size_t i = 0; i < w->moments_n; i++)
            remember_run(r, &w->moments[i], older_than_now(&w->moments[i], &is, now));
    if (!rc && r->out->n - r->start > e->o.history_write_max) rc = too_many_readings(e, w, r->out->n - r->start);
    return rc;
}

/* Readings of links and tables. */
static int apply_observed(jd_engine *e, overlay *o, jd_tenant *t, jd_write *w, jd_arena *results, jd_time now) {
    coll *c = &t->entities;
    pending *p;
    uint32_t serial;
    const version *v = state_of(o, c, w->rq.id, &p, &serial);
    jd_doc doc, *cur = NULL;
    jd_arena_reset(&e->scratch);
    if (v && !v->hidden) {
        jd_doc_open(&doc, (jd_str){v->bytes, v->n});
        cur = &doc;
    }
    jd_buf *out = &e->document;
    out->n = 0;
    remember r;
    history_begin(&r, e, o, now);
    int got = cur ? observed_in_place(e, cur, w, results, now, &r, out) : 0;
    int rc = got ? got < 0 ? -1 : 0 : observed_whole(e, cur, w, results, now, &r, out);
    if (rc) {
        o->hist.n = r.start;
        history_end(&r);
    } else {
        if (!w->applied.unchanged)
            serial = got ? state_follow(e, o, c, w->rq.id, p, serial, jd_buf_view(out), like_of(w))
                         : state_set(e, o, c, w->rq.id, p, serial, jd_buf_view(out), 0);
        keep_history(e, o, c, serial, &r);
    }
    e->document = spared(e->document);
    return rc;
}

/* ---- readings of one entity, write after write: a device's frames that were read at once ---- */

static int is_same_series(const jd_ready *r, jd_sym name, jd_str dataset) {
    return r->name == name && !r->dataset.p == !dataset.p && jd_str_eq(r->dataset, dataset);
}

static int is_plain(const jd_write *w) {
    if (w->kind != JD_K_ENTITY || w->rq.op != JD_OP_OBSERVE || w->moments) return 0;
    if (!w->ready_n || w->ready_n > READY_IN_PLACE) return 0;
    for (uint32_t i = 0; i < w->ready_n; i++)
        if (w->ready[i].observed == JD_TIME_NONE || w->ready[i].head & (JD_A_SUBS | JD_A_EXPIRES)) return 0;
    return 1;
}

/* Does b tell the same series of the same entity as a, all of them newer? */
static int follows(const jd_write *a, const jd_write *b) {
    if (!is_plain(b) || b->ready_n != a->ready_n || b->moment_types_n != a->moment_types_n) return 0;
    if (!jd_str_eq(a->rq.id, b->rq.id)) return 0;
    for (uint32_t i = 0; i < a->moment_types_n; i++)
        if (a->moment_types[i] != b->moment_types[i]) return 0;
    for (uint32_t i = 0; i < a->ready_n; i++) {
        const jd_ready *x = &a->ready[i], *y = &b->ready[i];
        if (!is_same_series(x, y->name, y->dataset) || (x->head ^ y->head) & 15 || y->observed <= x->observed) return 0;
    }
    return 1;
}

/* What each write but the last told, and what stood there before: history, recorded when it was told. */
static void remember_run_of(remember *r, const jd_write *w, uint32_t n, const jd_attrview *was, jd_time first) {
    for (uint32_t i = 0; i < w->ready_n; i++) {
        uint32_t k = 0;
        while (!is_same_series(&w->ready[k], was[i].name, was[i].dataset)) k++;
        remember_series(r, &was[i], w, k, n - 1, first);
    }
}

static int is_newer(const jd_write *w, const jd_attrview *was) {
    for (uint32_t i = 0; i < w->ready_n; i++)
        for (uint32_t k = 0; k < w->ready_n; k++)
            if (is_same_series(&w->ready[k], was[i].name, was[i].dataset) && w->ready[k].observed <= was[i].observed)
                return 0;
    return 1;
}

uint32_t change_apply_run(jd_engine *e, overlay *o, jd_tenant *t, jd_write *w, size_t most, jd_arena *results,
                          jd_time now) {
    coll *c = &t->entities;
    pending *p;
    uint32_t serial, n, attrs_n;
    jd_doc doc;
    jd_attrview was[READY_IN_PLACE];
    if (most < 2 || !is_plain(w) || !follows(&w[0], &w[1])) return 0;
    const version *v = state_of(o, c, w->rq.id, &p, &serial);
    if (!v || v->hidden) return 0;
    jd_doc_open(&doc, (jd_str){v->bytes, v->n});
    for (uint32_t i = 0; i < w->moment_types_n; i++)
        if (!jd_doc_has_type(&doc, w->moment_types[i])) return 0;
    /* what comes late mostly comes so in all its series: not worth looking through what follows */
    if (!find_instance(&doc, w->ready->name, w->ready->dataset, was) || was->observed >= w->ready->observed) return 0;
    for (n = 2; n < most && n < HIST_RUN_MAX && follows(&w[n - 1], &w[n]);) n++;
    jd_time first = now > e->now_last ? now : e->now_last + 1, last = first + n - 1;
    jd_buf *out = &e->document;
    out->n = 0;
    if (!jd_ready_put(&doc, w[n - 1].ready, w->ready_n, last, out, was, &attrs_n) || !is_newer(w, was)) return 0;
    /* where one of them could make it too large they go one by one, and that one says so */
    size_t more = 0;
    for (uint32_t i = 0; i < n * w->ready_n; i++) more += w[i / w->ready_n].ready[i % w->ready_n].record.n + 32;
    if (attrs_n > e->o.entity_attrs_max || out->n + more > e->o.entity_bytes_max) return 0;
    remember r;
    history_begin(&r, e, o, first);
    if (remember_wanted(e, &doc)) remember_run_of(&r, w, n, was, first);
    if (r.out->n - r.start > e->o.history_write_max) {
        o->hist.n = r.start;
        history_end(&r);
        return 0;
    }
    e->now_last = last;
    jd_applied applied = in_place(w, attrs_n, results);
    for (uint32_t i = 0; i < n; i++) {
        w[i].err.code = JD_E_OK;
        w[i].applied = applied;
    }
    serial = state_follow(e, o, c, w->rq.id, p, serial, jd_buf_view(out), like_of(w));
    keep_history(e, o, c, serial, &r);
    e->document = spared(e->document);
    return n;
}

/* What the temporal API writes (5.6.11-5.6.16): an entity that is not there is made as a hidden one. */
static int apply_temporal(jd_engine *e, overlay *o, jd_tenant *t, jd_write *w, jd_time now) {
    coll *c = &t->entities;
    pending *p;
    uint32_t serial;
    const version *v = state_of(o, c, w->rq.id, &p, &serial);
    jd_buf out = {0};
    w->applied = (jd_applied){.created = !v};
    if (!v && w->rq.op != JD_OP_T_UPSERT)
        return jd_fail(&w->err, JD_E_NOT_FOUND, "nothing is known of entity %.*s", "没有实体 %.*s 的任何记录",
                       JD_STR_ARG(w->rq.id));
    jd_arena_reset(&e->scratch);
    uint32_t mark = o->undo_n;
    int rc = 0;
    if (w->rq.op == JD_OP_T_DELETE && v->hidden) {
        serial = state_set(e, o, c, w->rq.id, p, serial, (jd_str){NULL, 0}, 1);
    } else if (w->rq.op == JD_OP_T_UPSERT || w->rq.op == JD_OP_T_APPEND) {
        if (temporal_doc(e, v, w, now, &out))
            rc = jd_fail(&w->err, JD_E_BAD_REQUEST_DATA, "an entity may have at most %d types",
                         "一个实体最多 %d 个类型", (int)JD_TYPES_MAX);
        if (!rc && out.n) serial = state_set(e, o, c, w->rq.id, p, serial, jd_buf_view(&out), 0);
    }
    remember r;
    history_begin(&r, e, o, now);
    int handled = 0;
    if (v && !v->hidden && w->rq.op >= JD_OP_T_ATTR_DELETE) {
        handled = temporal_present(e, v, w, now, &r, &out);
        if (out.n) rc = fit_to_keep(e, w, jd_buf_view(&out));
        if (out.n && !rc) serial = state_set(e, o, c, w->rq.id, p, serial, jd_buf_view(&out), 0);
        if (e->now_last <= now) e->now_last = now + 1; /* it may bear that time */
    }
    if (!rc && !handled) remember_temporal(&r, w);
    if (r.out->n - r.start > e->o.history_write_max) rc = too_many_readings(e, w, r.out->n - r.start);
    if (rc) {
        overlay_rewind(e, o, mark);
        o->hist.n = r.start;
        history_end(&r);
    } else {
        keep_history(e, o, c, serial, &r);
    }
    jd_buf_fini(&out);
    return rc;
}

static int apply_raw(jd_engine *e, overlay *o, jd_tenant *t, jd_write *w) {
    coll *c = tenant_coll(t, w->kind);
    pending *p;
    uint32_t serial;
    const version *v = state_of(o, c, w->rq.id, &p, &serial);
    w->applied = (jd_applied){.created = !v && w->raw_body.p, .gone = !w->raw_body.p};
    if (!v && !w->raw_body.p)
        return jd_fail(&w->err, JD_E_NOT_FOUND, "%.*s does not exist", "%.*s 不存在", JD_STR_ARG(w->rq.id));
    if (v && w->if_none_match_any)
        return jd_fail(&w->err, JD_E_ALREADY_EXISTS, "%.*s already exists", "%.*s 已存在", JD_STR_ARG(w->rq.id));
    jd_buf b = {0};
    if (w->raw_body.p) kind_body(&b, w->rq.id, w->raw_body);
    state_set(e, o, c, w->rq.id, p, serial, jd_buf_view(&b), !w->raw_body.p);
    jd_buf_fini(&b);
    return 0;
}

int change_apply(jd_engine *e, overlay *o, jd_tenant *t, jd_write *w, jd_arena *results, jd_time now) {
    if (now <= e->now_last) now = e->now_last + 1;
    e->now_last = now;
    w->err.code = JD_E_OK;
    if (w->kind == JD_K_ENTITY && w->rq.op >= JD_OP_T_UPSERT && w->rq.op <= JD_OP_T_GONE)
        return apply_temporal(e, o, t, w, now);
    if (w->kind == JD_K_ENTITY && w->rq.op == JD_OP_OBSERVE) return apply_observed(e, o, t, w, results, now);
    if (w->kind == JD_K_ENTITY) return apply_entity(e, o, t, w, results, now);
    return apply_raw(e, o, t, w);
}

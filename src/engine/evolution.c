/* What was, as a view sees it: the document's instances and those of history, joined, cleaned and cut to a window. */
#include "engine/evolution_int.h"

#include <stdlib.h>

int view_temporal(jd_view *v, jd_str id, jd_doc *out, int *hidden, uint64_t *entity) {
    if (!v->t) return 0;
    coll *c = &v->t->entities;
    pthread_rwlock_rdlock(&v->t->lock);
    uint32_t serial = coll_find(c, id);
    const version *ver = serial == SERIAL_NONE ? NULL : visible_or_hidden(c, serial, v->group);
    pthread_rwlock_unlock(&v->t->lock);
    if (!ver) return 0;
    *hidden = ver->hidden || !view_open(v, ver, out);
    if (*hidden) jd_doc_open(out, (jd_str){ver->bytes, ver->n});
    *entity = (uint64_t)key_of(c, serial);
    return 1;
}

int jd_view_get_temporal(jd_view *v, jd_str id, jd_doc *out, int *hidden) {
    uint64_t entity;
    return view_temporal(v, id, out, hidden, &entity);
}

/* ---- one series ---- */

enum { FEW_READINGS = 8192 }; /* about 200 us: what may be opened where others wait behind it */

int reader_begin(reader *k, jd_view *v, const jd_doc *d, const jd_window *win, jd_arena *a, jd_err *err) {
    *k = (reader){.v = v, .h = &v->e->history, .win = win, .a = a, .err = err, .d = d};
    coll *c = &v->t->entities;
    pthread_rwlock_rdlock(&v->t->lock);
    uint32_t serial = coll_find(c, d->id);
    pthread_rwlock_unlock(&v->t->lock);
    if (serial == SERIAL_NONE)
        return jd_fail(err, JD_E_INTERNAL, "history: the entity left while it was read", "历史：读取期间实体已消失");
    k->hidden = (jd_doc_flags(d->bytes) & JD_D_HIDDEN) != 0;
    k->entity = (uint64_t)key_of(c, serial);
    k->st = history_hold(k->h);
    row_patience(v->no_wait ? &v->would_wait : NULL);
    return hist_cleared(k->h, k->st, k->entity, a, &k->cleared, err);
}

void reader_end(reader *k) {
    row_patience(NULL);
    if (k->st) history_release(k->h, k->st);
}

int reader_too_much(reader *k, uint64_t n) {
    k->opened += n;
    if (k->v->no_wait && k->opened > FEW_READINGS) {
        k->v->would_wait = 1;
        return jd_fail(k->err, JD_E_BUSY, "this would take long", "此操作耗时较长");
    }
    if (k->opened <= k->v->e->o.history_read_max) return 0;
    return jd_fail(
        k->err, JD_E_TOO_COMPLEX_QUERY,
        "more than %u readings would be opened (setting history_read_max); narrow the time or the attributes",
        "将读取超过 %u 条读数（设置项 history_read_max）；请缩小时间范围或属性范围", k->v->e->o.history_read_max);
}

/* Only where times of observation are asked for do the times in the index say what may be in the window. */
void window_bounds(const jd_window *w, jd_time *from, jd_time *to) {
    *from = INT64_MIN + 1;
    *to = INT64_MAX;
    if (w->given && w->property == JD_TP_OBSERVED) *from = w->from, *to = w->to == INT64_MAX ? INT64_MAX : w->to - 1;
}

static jd_time shown_time(const shown *s, jd_timeprop p) {
    int deleted = s->r.flags & JD_R_DELETED;
    switch (p) {
    case JD_TP_OBSERVED: return s->r.flags & JD_R_OBSERVED ? s->r.at : JD_TIME_NONE;
    case JD_TP_CREATED: return deleted ? JD_TIME_NONE : s->created;
    case JD_TP_MODIFIED: return deleted ? JD_TIME_NONE : s->r.recorded;
    case JD_TP_DELETED: return deleted ? s->r.at : JD_TIME_NONE;
    }
    return JD_TIME_NONE;
}

static int in_window(const shown *s, const jd_window *w) {
    if (!w->given) return 1;
    jd_time t = shown_time(s, w->property);
    return t != JD_TIME_NONE && t >= w->from && t < w->to;
}

static int same_key(const jd_reading *a, const jd_reading *b) {
    return a->at == b->at && !((a->flags ^ b->flags) & JD_R_DELETED);
}

size_t readings_clean(const jd_reading *r, size_t n, jd_time cleared, const jd_reading *now, shown *out) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (r[i].flags & JD_R_CLEAR && r[i].recorded > cleared) cleared = r[i].recorded;
    for (size_t i = 0; i < n;) {
        size_t until = i;
        int have = 0;
        shown s = {0};
        for (; until < n && r[until].at == r[i].at; until++) {
            const jd_reading *x = &r[until];
            if (x->flags & JD_R_CLEAR || (cleared != JD_TIME_NONE && x->recorded <= cleared)) continue;
            if (x->flags & JD_R_VOID) {
                have = 0;
                continue;
            }
            if (have && !same_key(&s.r, x)) out[kept++] = s, have = 0; /* gone and back within a microsecond */
            if (!have) s.created = x->recorded;
            s.r = *x;
            s.current = now && x->recorded == now->recorded && same_reading(x, now);
            have = 1;
        }
        if (have) out[kept++] = s;
        i = until;
    }
    return kept;
}

static int newest_first(const void *a, const void *b) {
    const hist_part *x = a, *y = b;
    return (x->to < y->to) - (x->to > y->to);
}
static int oldest_first(const void *a, const void *b) {
    const hist_part *x = a, *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

/* How many of the readings lie beyond all that the parts from p on may hold. */
static size_t certain(const reader *k, const jd_reading *r, size_t n, const hist_part *p, int back) {
    size_t c = 0;
    for (size_t i = 0; i < n; i++)
        c += (r[i].flags & JD_R_OBSERVED || !k->win->given) && (back ? r[i].at > p->to : r[i].at < p->from) &&
             (k->cleared == JD_TIME_NONE || r[i].recorded > k->cleared);
    return c;
}

/* With *few set and last_n or first_n wanted, parts are read from that end until there are enough, twice as many as
 * wanted, since some may be repetitions and corrections; *few says after whether the others were left out, and *limit
 * where they begin. */
static int collect(reader *k, hist_part *p, size_t n, jd_time from, jd_time to, int *few, jd_time *limit,
                   jd_reading **out, size_t *out_n) {
    const jd_window *w = k->win;
    uint32_t most = w->last_n ? w->last_n : w->first_n;
    int back = w->last_n != 0, some = *few && most && w->property == JD_TP_OBSERVED;
    size_t total = 0, got = 0, cap = 0;
    jd_reading *all = NULL;
    for (size_t i = 0; i < n; i++) total += p[i].row ? p[i].c.count : p[i].n, some = some && !p[i].clears;
    if (some && n > 1) qsort(p, n, sizeof *p, back ? newest_first : oldest_first);
    *few = 0;
    if (!some && reader_too_much(k, total)) return -1;
    for (size_t i = 0; i < n; i++) {
        if (some && got && certain(k, all, got, &p[i], back) >= (size_t)most * 2 + 16) {
            *few = 1;
            *limit = back ? p[i].to : p[i].from;
            break;
        }
        jd_reading *r;
        size_t m;
        if (hist_part_read(k->h, &p[i], from, to, k->a, &r, &m, k->err)) return -1;
        if (some && reader_too_much(k, m)) return -1;
        if (got + m + 1 > cap) {
            cap = some ? (got + m + 1) * 2 : total + 1;
            jd_reading *more = jd_arena_alloc(k->a, cap * sizeof *more);
            if (got) memcpy(more, all, got * sizeof *more);
            all = more;
        }
        if (m) memcpy(all + got, r, m * sizeof *all);
        got += m;
    }
    if (!all) all = jd_arena_alloc(k->a, sizeof *all);
    *out = all;
    *out_n = got;
    return 0;
}

static _Thread_local const shown *sort_shown;
static _Thread_local jd_timeprop sort_property;
static int by_property(const void *a, const void *b) {
    jd_time x = shown_time(&sort_shown[*(const uint32_t *)a], sort_property),
            y = shown_time(&sort_shown[*(const uint32_t *)b], sort_property);
    return (x > y) - (x < y);
}
static int by_number(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Cuts to last_n or first_n by the property; what is left stays in order of time. */
static size_t keep_some(reader *k, shown *s, size_t n) {
    const jd_window *w = k->win;
    uint32_t most = w->last_n ? w->last_n : w->first_n;
    if (!most || n <= most) return n;
    if (w->property == JD_TP_OBSERVED) { /* they are in this order */
        if (w->last_n) memmove(s, s + n - most, most * sizeof *s);
        return most;
    }
    uint32_t *no = jd_arena_alloc(k->a, n * sizeof *no);
    for (uint32_t i = 0; i < n; i++) no[i] = i;
    sort_shown = s;
    sort_property = w->property;
    qsort(no, n, sizeof *no, by_property);
    if (w->last_n) no += n - most;
    qsort(no, most, sizeof *no, by_number);
    for (uint32_t i = 0; i < most; i++) s[i] = s[no[i]];
    return most;
}

static int series_read(reader *k, jd_sym attr, uint32_t dataset, const jd_attrview *v, int before, int *few,
                       shown **out, size_t *n) {
    jd_skey key = {.entity = k->entity, .attr = attr, .dataset = dataset};
    jd_time from, to;
    window_bounds(k->win, &from, &to);
    if (before) from = INT64_MIN + 1;
    hist_part *p;
    size_t parts, got;
    jd_reading *r, now;
    if (hist_parts(k->h, k->st, &key, from, to, k->a, &p, &parts, k->err)) return -1;
    jd_time limit = 0;
    if (collect(k, p, parts, from, to, few, &limit, &r, &got)) return -1;
    if (v) {
        jd_buf skeleton = {0}, nums = {0};
        now = reading_of(v, &skeleton, &nums);
        now.skeleton = jd_arena_dup(k->a, now.skeleton);
        now.nums = (const jd_num *)(const void *)jd_arena_dup(k->a, jd_buf_view(&nums)).p;
        jd_buf_fini(&skeleton);
        jd_buf_fini(&nums);
        if (now.at >= from && now.at <= to) r[got++] = now;
    }
    got = jd_readings_settle(r, got, k->cleared, JD_SETTLE_KEEP);
    shown *s = jd_arena_alloc(k->a, (got + 1) * sizeof *s);
    size_t all = readings_clean(r, got, k->cleared, v ? &now : NULL, s), kept = 0;
    if (before && k->win->given) { /* the last one before the window, unless it was deleted */
        size_t last = SIZE_MAX;
        for (size_t i = 0; i < all && s[i].r.at < k->win->from; i++) last = i;
        if (last != SIZE_MAX && !(s[last].r.flags & JD_R_DELETED) && !in_window(&s[last], k->win)) s[kept++] = s[last];
    }
    for (size_t i = kept; i < all; i++)
        if (in_window(&s[i], k->win)) s[kept++] = s[i];
    if (*few) { /* only what lies beyond the parts that were left out is certain */
        uint32_t most = k->win->last_n ? k->win->last_n : k->win->first_n;
        size_t sure = 0;
        for (size_t i = 0; i < kept; i++) sure += k->win->last_n ? s[i].r.at > limit : s[i].r.at < limit;
        if (sure < most) return 1;
    }
    *n = keep_some(k, s, kept);
    *out = s;
    return 0;
}

int reader_series(reader *k, jd_sym attr, uint32_t dataset, const jd_attrview *v, int before, shown **out, size_t *n) {
    int few = !before, rc = series_read(k, attr, dataset, v, before, &few, out, n);
    if (rc != 1) return rc;
    few = 0; /* too many of those that were read did not count */
    return series_read(k, attr, dataset, v, before, &few, out, n);
}

/* ---- instances ---- */

int reader_instance(reader *k, jd_sym attr, uint32_t dataset, const shown *s, const jd_attrview *v, jd_buf *records,
                    jd_inst *out) {
    *out = (jd_inst){.at = s->r.at,
                     .dataset = dataset,
                     .observed = (s->r.flags & JD_R_OBSERVED) != 0,
                     .deleted = (s->r.flags & JD_R_DELETED) != 0};
    records->n = 0;
    if (s->current && v) { /* as it stands: with what history does not keep */
        out->a = *v;
    } else {
        if (jd_inst_join(attr, &s->r, s->created, s->created, s->r.recorded, records))
            return jd_fail(k->err, JD_E_INTERNAL, "history: a reading of %.*s is damaged",
                           "历史：%.*s 的一条读数已损坏", JD_STR_ARG(k->d->id));
        jd_str kept = jd_arena_dup(k->a, jd_buf_view(records));
        jd_bytes rest = {(const unsigned char *)kept.p, (const unsigned char *)kept.p + kept.n};
        jd_attr_next(&rest, s->created, &out->a);
    }
    out->a.created = s->created;
    out->a.modified = s->r.recorded;
    return 0;
}

static int wanted_attr(const jd_wanted *w, jd_sym attr) {
    if (!w || !w->attrs) return 1;
    for (size_t i = 0; i < w->attrs_n; i++)
        if (w->attrs[i] == attr) return 1;
    return 0;
}

static int wanted_dataset(const jd_wanted *w, uint32_t dataset) {
    if (!w || !w->datasets) return 1;
    for (size_t i = 0; i < w->datasets_n; i++) {
        uint32_t no = jd_str_is(w->datasets[i], "@none") ? 0 : jd_inst_dataset_no(w->datasets[i]);
        if (no == dataset) return 1;
    }
    return 0;
}

/* The document's scopes as an instance since its creation, when they never changed. */
static int scope_of_doc(reader *k, jd_attrview *out) {
    const jd_doc *d = k->d;
    if (k->hidden || !d->scopes_n || jd_doc_flags(d->bytes) & JD_D_RESCOPED) return 0;
    jd_buf b = {0};
    remember r;
    remember_begin(&r, k->v->e, &b, d->created);
    jd_reading rd = scope_as_reading(&r, d, d->created, d->created);
    jd_buf record = {0};
    int rc = jd_inst_join(JD_SYM_SCOPE, &rd, d->created, d->created, d->created, &record);
    jd_str kept = jd_arena_dup(k->a, jd_buf_view(&record));
    remember_end(&r);
    jd_buf_fini(&record);
    jd_buf_fini(&b);
    if (rc) return 0;
    jd_bytes rest = {(const unsigned char *)kept.p, (const unsigned char *)kept.p + kept.n};
    return jd_attr_next(&rest, d->created, out);
}

int reader_slots(reader *k, const jd_wanted *w, reader_slot **out, size_t *n) {
    jd_skey *keys;
    size_t keys_n, attrs = 0, got = 0;
    if (hist_keys(k->h, k->st, k->entity, k->a, &keys, &keys_n, k->err)) return -1;
    jd_attrview v;
    if (!k->hidden)
        for (jd_bytes rest = k->d->attrs; jd_attr_next(&rest, k->d->created, &v);) attrs++;
    reader_slot *list = JD_NEWN(k->a, reader_slot, attrs + keys_n + 1);
    if (!k->hidden)
        for (jd_bytes rest = k->d->attrs; jd_attr_next(&rest, k->d->created, &v);) {
            uint32_t dataset = jd_inst_dataset_no(v.dataset);
            if (wanted_attr(w, v.name) && wanted_dataset(w, dataset))
                list[got++] = (reader_slot){v.name, dataset, 1, v};
        }
    size_t of_doc = got;
    if (wanted_attr(w, JD_SYM_SCOPE) && wanted_dataset(w, 0) && scope_of_doc(k, &v))
        list[got++] = (reader_slot){JD_SYM_SCOPE, 0, 1, v};
    for (size_t i = 0; i < keys_n; i++) {
        if (!keys[i].attr || !wanted_attr(w, keys[i].attr) || !wanted_dataset(w, keys[i].dataset)) continue;
        size_t j = 0;
        while (j < of_doc && (list[j].attr != keys[i].attr || list[j].dataset != keys[i].dataset)) j++;
        if (j == of_doc && !(keys[i].attr == JD_SYM_SCOPE && got > of_doc && list[of_doc].attr == JD_SYM_SCOPE))
            list[got++] = (reader_slot){.attr = keys[i].attr, .dataset = keys[i].dataset};
    }
    *out = list;
    *n = got;
    return 0;
}

static int inst_order(const void *a, const void *b) {
    const jd_inst *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return (x->dataset > y->dataset) - (x->dataset < y->dataset);
}

static int deleted_since(reader *k, jd_time *out) {
    shown *s;
    size_t n;
    jd_window all = {.property = JD_TP_DELETED};
    const jd_window *asked = k->win;
    k->win = &all;
    *out = JD_TIME_NONE;
    int rc = k->hidden ? reader_series(k, 0, 0, NULL, 0, &s, &n) : 0;
    k->win = asked;
    if (rc || !k->hidden) return rc;
    for (size_t i = 0; i < n; i++)
        if (s[i].r.flags & JD_R_DELETED) *out = s[i].r.at;
    return 0;
}

/* Instances of the same attribute follow each other in the list of slots only as far as the document has them so. */
static jd_tattr *attr_in(jd_evolution *e, jd_sym name) {
    for (size_t i = 0; i < e->attrs_n; i++)
        if (e->attrs[i].name == name) return &e->attrs[i];
    jd_tattr *t = &e->attrs[e->attrs_n++];
    *t = (jd_tattr){.name = name};
    return t;
}

static int evolve(reader *k, const jd_wanted *w, int scope_before, jd_evolution *out) {
    reader_slot *list;
    size_t n;
    if (reader_slots(k, w, &list, &n)) return -1;
    *out = (jd_evolution){.doc = *k->d, .attrs = JD_NEWN(k->a, jd_tattr, n + 1)};
    jd_buf records = {0};
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        shown *s;
        size_t m;
        const jd_attrview *v = list[i].has ? &list[i].v : NULL;
        rc = reader_series(k, list[i].attr, list[i].dataset, v, scope_before && list[i].attr == JD_SYM_SCOPE, &s, &m);
        if (rc || !m) continue;
        jd_tattr *t = attr_in(out, list[i].attr);
        jd_inst *inst = jd_arena_alloc(k->a, (t->n + m) * sizeof *inst);
        if (t->n) memcpy(inst, t->inst, t->n * sizeof *inst);
        for (size_t j = 0; j < m && !rc; j++)
            rc = reader_instance(k, t->name, list[i].dataset, &s[j], v, &records, &inst[t->n + j]);
        if (t->n) qsort(inst, t->n + m, sizeof *inst, inst_order);
        t->inst = inst;
        t->n += m;
        t->kind = inst[0].a.kind;
    }
    jd_buf_fini(&records);
    return rc ? -1 : deleted_since(k, &out->deleted);
}

int jd_view_evolution(jd_view *v, const jd_doc *d, const jd_wanted *w, const jd_window *win, int scope_before,
                      jd_arena *a, jd_evolution *out, jd_err *err) {
    reader k;
    int rc = reader_begin(&k, v, d, win, a, err);
    if (!rc) rc = evolve(&k, w, scope_before, out);
    reader_end(&k);
    return rc;
}

int jd_evolution_doc(jd_view *v, const jd_evolution *e, jd_arena *a, jd_doc *out, jd_err *err) {
    jd_buf b = {0};
    jd_sym types[JD_TYPES_MAX];
    jd_ent ent = {.id = e->doc.id,
                  .types = types,
                  .created = e->doc.created,
                  .modified = e->doc.modified,
                  .expires = JD_TIME_NONE,
                  .scopes_n = e->doc.scopes_n};
    jd_bytes rest = e->doc.types;
    while (ent.types_n < JD_TYPES_MAX && jd_syms_next(&rest, &types[ent.types_n])) ent.types_n++;
    if (ent.scopes_n) {
        ent.scopes = JD_NEWN(a, jd_str, ent.scopes_n);
        rest = e->doc.scopes;
        for (uint32_t i = 0; i < ent.scopes_n; i++) jd_strs_next(&rest, &ent.scopes[i]);
    }
    int rc = jd_doc_encode(&ent, v->e->symbols, &b, err);
    for (size_t i = 0; i < e->attrs_n && !rc; i++) {
        if (e->attrs[i].name == JD_SYM_SCOPE) continue;
        for (size_t k = 0; k < e->attrs[i].n; k++) {
            const jd_inst *in = &e->attrs[i].inst[k];
            jd_buf skeleton = {0}, nums = {0};
            if (in->deleted) continue;
            jd_reading r = reading_of(&in->a, &skeleton, &nums);
            rc = jd_inst_join(e->attrs[i].name, &r, e->doc.created, in->a.created, in->a.modified, &b);
            jd_buf_fini(&skeleton);
            jd_buf_fini(&nums);
        }
    }
    if (!rc) jd_doc_open(out, jd_arena_dup(a, jd_buf_view(&b)));
    jd_buf_fini(&b);
    return rc;
}

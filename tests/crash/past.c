#include "past.h"

#include <stdio.h>
#include <stdlib.h>

static const jd_time T0 = INT64_C(1600000000000000), STEP = 60000000;

/* ---- names ---- */

static jd_str entity_id(jd_arena *a, int i) {
    return jd_arena_printf(a, "urn:ngsi-ld:Station:%d", i);
}
static jd_sym name_sym(jd_engine *e, jd_arena *a, const char *name) {
    return jd_sym_intern(jd_engine_symbols(e), jd_arena_printf(a, JD_DEFAULT_VOCAB "%s", name), NULL);
}
static jd_sym attr_sym(jd_engine *e, jd_arena *a, int attr) {
    static const char *const names[PAST_ATTRS] = {"speed", "level"};
    return name_sym(e, a, attr < 0 ? "u" : names[attr]);
}
static jd_str dataset_of(int set) {
    return set ? JD_STR("urn:ngsi-ld:Dataset:x") : (jd_str){NULL, 0};
}
jd_str past_tenant(int entity) {
    return entity == PAST_ENTS - 1 ? JD_STR("side") : JD_STR("");
}

/* ---- reading ---- */

/* What a value is written as: a number, or a text; some texts are so long that runs have many rows. */
static jd_str text_of(jd_arena *a, int64_t v) {
    if (v % 10) return jd_arena_printf(a, "%lld", (long long)v);
    int n = v % 50 ? 20 : 1000;
    jd_buf b = {0};
    rng r = {(uint64_t)v};
    jd_buf_printf(&b, "s%lld:", (long long)v);
    while (n--) jd_buf_printf(&b, "%016llx", (unsigned long long)rng_next(&r));
    jd_str s = jd_arena_dup(a, jd_buf_view(&b));
    jd_buf_fini(&b);
    return s;
}

/* The number told, or 0: it is none. */
static int64_t value_of(jd_engine *e, const jd_attrview *v, jd_arena *a) {
    jd_attr at;
    jd_attr_decode(v, v->created, jd_engine_symbols(e), a, &at);
    if (at.value.type != JD_JNUM && at.value.type != JD_JSTR) return 0;
    jd_str is = {at.value.s, at.value.n};
    const char *digits = jd_arena_printf(a, "%.*s", JD_STR_ARG(is)).p;
    int64_t n = strtoll(digits + (digits[0] == 's'), NULL, 10);
    return jd_str_eq(text_of(a, n), is) ? n : 0;
}

typedef struct looking {
    jd_engine *e;
    jd_view v;
    jd_doc d;
    jd_arena a;
    int entity;
    char *why;
    size_t cap;
} looking;

static int wrong(looking *l, const char *what, long long n) {
    snprintf(l->why, l->cap, "entity %d: %s (%lld)", l->entity, what, n);
    return -1;
}

static int evolution(looking *l, jd_sym attr, int set, const jd_window *win, jd_evolution *out) {
    jd_str ds = set ? dataset_of(set) : JD_STR("@none");
    jd_wanted want = {.attrs = &attr, .attrs_n = 1, .datasets = &ds, .datasets_n = 1};
    jd_err err = {0};
    if (jd_view_evolution(&l->v, &l->d, &want, win, 0, &l->a, out, &err) == 0) return 0;
    snprintf(l->why, l->cap, "entity %d: evolution: %s (%s)", l->entity, err.en, err.place);
    return -1;
}

/* totalCount of one period over everything. */
static int64_t counted(looking *l, jd_sym attr, int set, jd_timeprop property) {
    jd_str ds = set ? dataset_of(set) : JD_STR("@none");
    jd_wanted want = {.attrs = &attr, .attrs_n = 1, .datasets = &ds, .datasets_n = 1};
    jd_window win = {.property = property, .given = 1, .from = INT64_MIN + 1, .to = INT64_MAX};
    jd_err err = {0};
    jd_taggr *g;
    size_t n;
    if (jd_view_aggregate(&l->v, &l->d, &want, &win, &(jd_period){0}, JD_TIME_NONE, JD_AGG_TOTAL, &l->a, &g, &n, &err))
        return wrong(l, err.en, -1);
    return n ? (int64_t)jd_acc_count(g[0].bucket[0].acc) : 0;
}

static int read_series(looking *l, int attr, int set, past_series *s) {
    jd_evolution ev;
    jd_sym sym = attr_sym(l->e, &l->a, attr);
    int64_t n = 0, last = 0;
    if (evolution(l, sym, set, &(jd_window){0}, &ev)) return -1;
    for (size_t i = 0; ev.attrs_n && i < ev.attrs[0].n; i++) {
        const jd_inst *in = &ev.attrs[0].inst[i];
        if (in->deleted) {
            s->gone++;
            continue;
        }
        int64_t t = (in->at - T0) / STEP;
        if (!in->observed || t < 0 || t >= PAST_TIMES || in->at != T0 + t * STEP)
            return wrong(l, "an instance at a time that none was told of", in->at);
        if (s->v[t]) return wrong(l, "a reading twice at time", t);
        s->v[t] = last = value_of(l->e, &in->a, &l->a);
        n++;
    }
    int64_t count = counted(l, sym, set, JD_TP_OBSERVED);
    if (count < 0) return -1;
    if (count != n) return wrong(l, "totalCount is not what the evolution holds", count);
    jd_window newest = {.given = 1, .from = INT64_MIN + 1, .to = INT64_MAX, .last_n = 1};
    if (evolution(l, sym, set, &newest, &ev)) return -1;
    if ((ev.attrs_n ? value_of(l->e, &ev.attrs[0].inst[0].a, &l->a) : 0) != last)
        return wrong(l, "lastN=1 is not the last of the evolution, which is", last);
    return 0;
}

static int read_told(looking *l, past_entity *p) {
    jd_evolution ev;
    jd_sym sym = attr_sym(l->e, &l->a, -1);
    int64_t n = 0;
    if (evolution(l, sym, 0, &(jd_window){0}, &ev)) return -1;
    for (size_t i = 0; ev.attrs_n && i < ev.attrs[0].n; i++) {
        const jd_inst *in = &ev.attrs[0].inst[i];
        if (p->told_n == PAST_TOLD) return wrong(l, "more instances of u than were told", PAST_TOLD);
        p->told[p->told_n++] = in->deleted ? -1 : value_of(l->e, &in->a, &l->a);
        n += !in->deleted;
    }
    int64_t count = counted(l, sym, 0, JD_TP_MODIFIED);
    if (count < 0) return -1;
    return count == n ? 0 : wrong(l, "totalCount of u is not what the evolution holds", count);
}

static int read_now(looking *l, past_entity *p) {
    jd_attrview v;
    jd_doc d;
    if (jd_view_get(&l->v, l->d.id, &d) != (p->known == 2)) return wrong(l, "there and not there", p->known);
    if (p->known != 2) return 0;
    for (jd_bytes rest = d.attrs; jd_attr_next(&rest, d.created, &v);) {
        int set = v.dataset.p != NULL, attr = PAST_ATTRS - 1;
        while (attr >= 0 && attr_sym(l->e, &l->a, attr) != v.name) attr--;
        if (attr < 0) {
            p->now_told = value_of(l->e, &v, &l->a);
            continue;
        }
        past_series *s = &p->s[attr][set];
        if (s->now_v) return wrong(l, "an attribute twice", attr);
        s->now_v = value_of(l->e, &v, &l->a);
        s->now_t = (int)((v.observed - T0) / STEP);
    }
    return 0;
}

static int read_entity(looking *l, past_entity *p) {
    int hidden = 0;
    jd_evolution ev;
    if (!jd_view_get_temporal(&l->v, entity_id(&l->a, l->entity), &l->d, &hidden)) return 0;
    p->known = hidden ? 1 : 2;
    for (int attr = 0; attr < PAST_ATTRS; attr++)
        for (int set = 0; set < PAST_SETS; set++)
            if (read_series(l, attr, set, &p->s[attr][set])) return -1;
    if (read_told(l, p) || read_now(l, p) || evolution(l, 0, 0, &(jd_window){0}, &ev)) return -1;
    p->deleted = ev.deleted != JD_TIME_NONE;
    return 0;
}

int past_read(jd_engine *e, past *out, char *why, size_t cap) {
    memset(out, 0, sizeof *out);
    looking l = {.e = e, .why = why, .cap = cap};
    int rc = 0;
    for (l.entity = 0; l.entity < PAST_ENTS && !rc; l.entity++) {
        int tenant = jd_tenant_find(e, past_tenant(l.entity));
        if (tenant < 0) continue;
        jd_arena_init(&l.a);
        jd_view_begin(&l.v, e, tenant, &l.a);
        rc = read_entity(&l, &out->e[l.entity]);
        jd_view_end(&l.v);
        jd_arena_fini(&l.a);
    }
    return rc;
}

static int series_differs(const past_series *x, const past_series *y, char *why, size_t cap) {
    for (int t = 0; t < PAST_TIMES; t++)
        if (x->v[t] != y->v[t])
            return snprintf(why, cap, "at time %d there is %lld instead of %lld", t, (long long)y->v[t],
                            (long long)x->v[t]),
                   1;
    if (x->gone != y->gone) return snprintf(why, cap, "%u deletions instead of %u", y->gone, x->gone), 1;
    if (x->now_t == y->now_t && x->now_v == y->now_v) return 0;
    snprintf(why, cap, "it is %lld since %d instead of %lld since %d", (long long)y->now_v, y->now_t,
             (long long)x->now_v, x->now_t);
    return 1;
}

static int entity_differs(const past_entity *x, const past_entity *y, char *why, size_t cap) {
    char what[120];
    if (x->known != y->known || x->deleted != y->deleted)
        return snprintf(why, cap, "known %d deleted %d instead of %d, %d", y->known, y->deleted, x->known, x->deleted),
               1;
    for (int i = 0; i < PAST_ATTRS * PAST_SETS; i++)
        if (series_differs(&x->s[0][0] + i, &y->s[0][0] + i, what, sizeof what))
            return snprintf(why, cap, "attribute %d, datasetId %d: %s", i / PAST_SETS, i % PAST_SETS, what), 1;
    for (uint32_t i = 0; i < PAST_TOLD; i++)
        if (x->told[i] != y->told[i])
            return snprintf(why, cap, "u: instance %u of %u is %lld instead of %lld (of %u)", i, y->told_n,
                            (long long)y->told[i], (long long)x->told[i], x->told_n),
                   1;
    if (x->told_n == y->told_n && x->now_told == y->now_told) return 0;
    snprintf(why, cap, "u is %lld instead of %lld", (long long)y->now_told, (long long)x->now_told);
    return 1;
}

int past_differs(const past *a, const past *b, char *why, size_t cap) {
    char what[200];
    for (int i = 0; i < PAST_ENTS; i++)
        if (entity_differs(&a->e[i], &b->e[i], what, sizeof what)) {
            snprintf(why, cap, "entity %d: %s", i, what);
            return 1;
        }
    return 0;
}

/* ---- what a write makes of it ---- */

static void told(past_entity *p, int64_t v) {
    p->told[p->told_n++] = v;
}

static void series_gone(past_series *s) {
    if (s->now_v) s->gone++;
    s->now_v = s->now_t = 0;
}

static void told_gone(past_entity *p) {
    if (p->now_told) told(p, -1);
    p->now_told = 0;
}

/* History begins anew with what is now. */
static void series_anew(past_series *s) {
    past_series is = {.now_t = s->now_t, .now_v = s->now_v};
    if (is.now_v) is.v[is.now_t] = is.now_v;
    *s = is;
}

static void told_anew(past_entity *p) {
    memset(p->told, 0, sizeof p->told);
    p->told_n = 0;
    if (p->now_told) told(p, p->now_told);
}

static int has_any(const past_series *s) {
    for (int t = 0; t < PAST_TIMES; t++)
        if (s->v[t]) return 1;
    return s->gone > 0;
}

/* ---- drawing ---- */

static jd_attr attr_of(past_draw *d, int attr, int set, int t, int64_t v) {
    jd_attr at = {.name = attr_sym(d->e, d->a, attr),
                  .kind = JD_PROPERTY,
                  .dataset = dataset_of(set),
                  .observed = t < 0 ? JD_TIME_NONE : T0 + t * STEP,
                  .expires = JD_TIME_NONE,
                  .created = JD_TIME_NONE,
                  .modified = JD_TIME_NONE,
                  .has_value = 1};
    jd_str s = text_of(d->a, v);
    at.value = (jd_jval){.type = s.p[0] == 's' ? JD_JSTR : JD_JNUM, .s = s.p, .n = (uint32_t)s.n};
    return at;
}

static jd_ent *ent_of(past_draw *d, int entity, uint32_t attrs) {
    jd_ent *ent = JD_NEW(d->a, jd_ent);
    jd_sym *type = JD_NEW(d->a, jd_sym);
    *type = name_sym(d->e, d->a, "Station");
    *ent = (jd_ent){.id = entity_id(d->a, entity), .types = type, .types_n = 1, .expires = JD_TIME_NONE};
    ent->attrs = JD_NEWN(d->a, jd_attr, attrs);
    return ent;
}

static void request(past_draw *d, jd_op op, int entity, jd_write *w) {
    *w = (jd_write){.rq = {.op = op, .id = entity_id(d->a, entity), .observed = JD_TIME_NONE}};
}

static void moments(past_draw *d, jd_op op, int entity, const jd_ent *ent, jd_write *w) {
    jd_err err = {0};
    request(d, op, entity, w);
    if (jd_moments_make(d->e, ent, d->a, w, &err)) abort();
    w->rq.op = op;
}

/* A run of readings of a series, in order of time; some stand there already. */
static void draw_run(past_draw *d, past_series *s, int attr, int set, int observe, jd_ent *ent) {
    int t = (int)rng_below(d->r, PAST_TIMES), n = rng_below(d->r, 3) ? 1 : 1 + (int)rng_below(d->r, 12);
    int last = -1;
    int64_t v = 0;
    for (; n-- > 0 && t < PAST_TIMES; t += 1 + (int)rng_below(d->r, 2)) {
        v = s->v[t] && rng_below(d->r, 4) == 0 ? s->v[t] : ++*d->value;
        if (s->now_v && s->now_t == t && rng_below(d->r, 8) == 0) v = s->now_v;
        ent->attrs[ent->attrs_n++] = attr_of(d, attr, set, t, v);
        s->v[t] = v;
        last = t;
    }
    if (observe && last >= 0 && (!s->now_v || last >= s->now_t)) s->now_t = last, s->now_v = v;
}

static int draw_tell(past_draw *d, past_entity *p, jd_op op, int entity, jd_write *w) {
    jd_ent *ent = ent_of(d, entity, 64);
    past_entity was = *p;
    uint32_t first = rng_below(d->r, PAST_ATTRS * PAST_SETS), n = 1 + rng_below(d->r, 2);
    for (uint32_t i = 0; i < n; i++) {
        int k = (int)((first + i) % (PAST_ATTRS * PAST_SETS)), attr = k / PAST_SETS, set = k % PAST_SETS;
        draw_run(d, &p->s[attr][set], attr, set, op == JD_OP_OBSERVE, ent);
    }
    if (op != JD_OP_OBSERVE && rng_below(d->r, 4) == 0)
        for (uint32_t i = 1 + rng_below(d->r, 3); i > 0 && p->told_n < PAST_TOLD - 8; i--) {
            ent->attrs[ent->attrs_n++] = attr_of(d, -1, 0, -1, ++*d->value);
            told(p, *d->value);
        }
    moments(d, op, entity, ent, w);
    if (op == JD_OP_T_APPEND && !was.known) {
        *p = was;
        return 0;
    }
    p->known = op == JD_OP_OBSERVE || was.known == 2 ? 2 : 1;
    if (p->known == 2) p->deleted = 0;
    return 1;
}

/* More than one write may give: nothing of it may stay. */
static int draw_too_much(past_draw *d, jd_op op, int entity, jd_write *w) {
    jd_ent *ent = ent_of(d, entity, PAST_TIMES);
    for (int t = 0; t < PAST_TIMES; t++) {
        jd_attr a = attr_of(d, 0, 0, t, 1);
        jd_buf text = {0};
        jd_buf_printf(&text, "s%d%0*d", t, PAST_WRITE_MAX / 20, 0);
        jd_str kept = jd_arena_dup(d->a, jd_buf_view(&text));
        a.value = (jd_jval){.type = JD_JSTR, .s = kept.p, .n = (uint32_t)kept.n};
        ent->attrs[ent->attrs_n++] = a;
        jd_buf_fini(&text);
    }
    moments(d, op, entity, ent, w);
    return 0;
}

/* The core API: attributes given become the entity's; with `replace` the others go. */
static int draw_update(past_draw *d, past_entity *p, int entity, int replace, jd_write *w) {
    jd_ent *ent = ent_of(d, entity, PAST_ATTRS * PAST_SETS + 1);
    past_entity was = *p;
    for (int attr = 0; attr < PAST_ATTRS; attr++)
        for (int set = 0; set < PAST_SETS; set++) {
            past_series *s = &p->s[attr][set];
            if (rng_below(d->r, 3)) {
                if (replace) series_gone(s);
                continue;
            }
            /* mostly a little later than it is, now and then a late one */
            int t = s->now_v && rng_below(d->r, 4) ? s->now_t + (int)rng_below(d->r, 3) : (int)rng_below(d->r, 30);
            if (t >= PAST_TIMES) t = 0;
            ent->attrs[ent->attrs_n++] = attr_of(d, attr, set, t, ++*d->value);
            s->v[t] = s->now_v = *d->value;
            s->now_t = t;
        }
    if (rng_below(d->r, 2) && p->told_n < PAST_TOLD - 8) {
        ent->attrs[ent->attrs_n++] = attr_of(d, -1, 0, -1, ++*d->value);
        p->now_told = *d->value;
        told(p, *d->value);
    } else if (replace) {
        told_gone(p);
    }
    request(d, JD_OP_CREATE, entity, w);
    w->rq.ent = ent;
    w->rq.flags = replace ? JD_AP_REPLACE_EXISTING : JD_AP_UPDATE_EXISTING;
    if (rng_below(d->r, 12) == 0) {
        w->rq.flags = 0;
        if (was.known == 2) {
            *p = was;
            return 0;
        }
    }
    p->known = 2;
    p->deleted = 0;
    return 1;
}

static int draw_delete(past_draw *d, past_entity *p, int entity, jd_write *w) {
    request(d, JD_OP_DELETE, entity, w);
    if (p->known != 2) return 0;
    for (int i = 0; i < PAST_ATTRS * PAST_SETS; i++) (&p->s[0][0])[i].now_t = (int)((&p->s[0][0])[i].now_v = 0);
    p->now_told = 0;
    p->known = 1;
    p->deleted = 1;
    return 1;
}

static int draw_attr_delete(past_draw *d, past_entity *p, int entity, jd_write *w) {
    int attr = (int)rng_below(d->r, PAST_ATTRS + 1) - 1, set = (int)rng_below(d->r, PAST_SETS);
    request(d, JD_OP_ATTR_DELETE, entity, w);
    w->rq.attr = attr_sym(d->e, d->a, attr);
    if (attr < 0) {
        int there = p->known == 2 && p->now_told;
        if (there) told_gone(p);
        return there;
    }
    w->rq.dataset = dataset_of(set);
    if (p->known != 2 || !p->s[attr][set].now_v) return 0;
    series_gone(&p->s[attr][set]);
    return 1;
}

static int draw_forget(past_draw *d, past_entity *p, int entity, jd_write *w) {
    request(d, JD_OP_T_DELETE, entity, w);
    if (!p->known) return 0;
    p->deleted = 0;
    if (p->known == 1) {
        memset(p, 0, sizeof *p);
        return 1;
    }
    for (int i = 0; i < PAST_ATTRS * PAST_SETS; i++) series_anew(&p->s[0][0] + i);
    told_anew(p);
    return 1;
}

static int draw_forget_attr(past_draw *d, past_entity *p, int entity, jd_write *w) {
    int attr = (int)rng_below(d->r, PAST_ATTRS + 1) - 1;
    static const jd_reading clear = {.at = JD_CLEAR_AT, .skeleton = {"", 0}, .flags = JD_R_CLEAR};
    jd_moments *list = JD_NEWN(d->a, jd_moments, PAST_SETS);
    request(d, JD_OP_T_ATTR_DELETE, entity, w);
    w->rq.attr = attr_sym(d->e, d->a, attr);
    w->rq.flags = JD_AP_DELETE_ALL;
    w->moments = list;
    if (!p->known) return 0;
    for (int set = 0; set < (attr < 0 ? 1 : PAST_SETS); set++) {
        if (attr < 0 ? !p->told_n : !has_any(&p->s[attr][set])) continue;
        list[w->moments_n++] = (jd_moments){w->rq.attr, jd_inst_dataset_no(dataset_of(set)), &clear, 1};
        if (attr < 0)
            told_anew(p);
        else
            series_anew(&p->s[attr][set]);
    }
    return 1;
}

/* One instance goes, or becomes another. */
static int draw_instance(past_draw *d, past_entity *p, int entity, int put, jd_write *w) {
    int attr = (int)rng_below(d->r, PAST_ATTRS), set = (int)rng_below(d->r, PAST_SETS);
    int t = (int)rng_below(d->r, PAST_TIMES), to = rng_below(d->r, 2) ? t : (int)rng_below(d->r, PAST_TIMES);
    past_series *s = &p->s[attr][set];
    for (int i = 0; i < PAST_TIMES && !s->v[t]; i++) t = (t + 1) % PAST_TIMES;
    put = put && s->v[t];
    if (put) {
        jd_ent *ent = ent_of(d, entity, 1);
        ent->attrs[ent->attrs_n++] = attr_of(d, attr, set, to, ++*d->value);
        moments(d, JD_OP_T_INST_PUT, entity, ent, w);
    } else {
        request(d, JD_OP_T_INST_DELETE, entity, w);
    }
    w->rq.attr = attr_sym(d->e, d->a, attr);
    w->inst_at = T0 + t * STEP;
    w->inst_dataset = jd_inst_dataset_no(dataset_of(set));
    w->inst_observed = 1;
    if (!p->known) return 0;
    int is_now = s->now_v && s->now_t == t;
    s->v[t] = 0;
    if (put) s->v[to] = *d->value;
    if (is_now) s->now_t = put ? to : 0, s->now_v = put ? *d->value : 0;
    return 1;
}

/* 5.6.5 on an entity that history alone knows. */
static int draw_gone(past_draw *d, past_entity *p, int entity, jd_write *w) {
    int attr = (int)rng_below(d->r, PAST_ATTRS);
    if (p->known != 1 || !has_any(&p->s[attr][0])) return draw_delete(d, p, entity, w);
    request(d, JD_OP_T_GONE, entity, w);
    w->rq.attr = attr_sym(d->e, d->a, attr);
    w->gone_kind = JD_PROPERTY;
    p->s[attr][0].gone++;
    return 1;
}

int past_draw_write(past_draw *d, int entity, jd_write *w) {
    past_entity *p = &d->m->e[entity];
    uint32_t dice = rng_below(d->r, 100);
    if (dice < 25) return draw_tell(d, p, JD_OP_T_UPSERT, entity, w);
    if (dice < 32) return draw_tell(d, p, JD_OP_T_APPEND, entity, w);
    if (dice < 50) return draw_tell(d, p, JD_OP_OBSERVE, entity, w);
    if (dice < 68) return draw_update(d, p, entity, 0, w);
    if (dice < 74) return draw_update(d, p, entity, 1, w);
    if (dice < 78) return draw_attr_delete(d, p, entity, w);
    if (dice < 82) return draw_delete(d, p, entity, w);
    if (dice < 84) return draw_gone(d, p, entity, w);
    if (dice < 86) return draw_forget(d, p, entity, w);
    if (dice < 89) return draw_forget_attr(d, p, entity, w);
    if (dice < 93) return draw_instance(d, p, entity, 1, w);
    if (dice < 97) return draw_instance(d, p, entity, 0, w);
    return draw_too_much(d, dice < 99 ? JD_OP_T_UPSERT : JD_OP_OBSERVE, entity, w);
}

int past_draw_again(past_draw *d, int entity, jd_write *w) {
    past_entity *p = &d->m->e[entity];
    if (p->known != 1) return 0;
    return draw_forget(d, p, entity, &w[0]) && draw_tell(d, p, JD_OP_T_UPSERT, entity, &w[1]);
}

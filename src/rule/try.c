/* A rule tried on history: every moment at which the entities of its type changed, in order, judged by judge.c under a
 * clock that stands at that moment, in a room of its own (jd_rules) that has no thread and writes nothing.
 *
 * Twice over the entities: first only times are gathered, the earliest `most` of all, which says how far it goes; then
 * each entity's course is judged up to there. So all are judged up to the same time, and one course at a time is in
 * memory. An attribute without observedAt holds from when it was recorded on; its first value also before that, as
 * readings are often told later than what they belong to. */
#include "rule/rule_int.h"

#include <stdlib.h>

enum { SECONDS_MAX = 60, LOOK_EACH = 256, EVIDENCE_BYTES_MAX = 16 << 20 };
static const jd_str none = {"@none", 5};

typedef struct step {
    jd_time at, came;
    jd_inst *inst;
    uint32_t attr; /* place among those of the trial */
} step;
typedef struct wake { /* what held the rule back ended: by the data, and when that was found out */
    jd_time at, found;
} wake;
typedef struct course { /* of one entity */
    jd_evolution is;    /* each attribute as it stands: one instance, or none */
    step *steps;
    size_t n, at;
    int known; /* at the beginning there was something to be judged */
    wake *wakes;
    size_t wakes_n;
    jd_alert_spell *spells; /* what held it back */
    size_t spells_n;
} course;

struct trial {
    jd_rules *real, own;
    rule *x;
    const jd_rule_trying *how;
    jd_sym attrs[2 * NAMES_MAX], name;
    unsigned char watched[2 * NAMES_MAX];
    size_t attrs_n;
    jd_time until, now, came, upto; /* upto: open alerts stand until then */
    uint64_t deadline_ns, looks;
    jd_time *moments; /* a heap: the latest of the earliest `most` + 1 comes first */
    size_t moments_n, most;
    jd_arena arena, docs[2];
    course c;
    jd_alert_courses causes;
    jd_buf *out, events; /* of the entity in hand */
    size_t evidence_bytes;
    unsigned events_n, alerts_n, entities_n, left_n;
    int evidence_cut;
    jd_time open_since, open_for;
};

/* ---- what judge.c asks and tells ---- */

uint64_t trial_ms(const trial *t) {
    return (uint64_t)(t->now / 1000);
}

jd_time trial_came(const trial *t) {
    return t->came;
}

int trial_is_suppressed(const trial *t) {
    for (size_t i = 0; i < t->c.spells_n; i++)
        if (t->c.spells[i].valid_from <= t->now && t->now < t->c.spells[i].valid_to) return 1;
    return 0;
}

static void time_json(jd_buf *b, jd_time t) {
    char s[JD_TIME_TEXT_MAX];
    size_t n = jd_time_print(t, -1, s);
    jd_json_write_str(b, (jd_str){s, n});
}

static void event(trial *t, const char *what, jd_time at, jd_severity severity) {
    jd_buf_z(&t->events, t->events_n++ ? ",{\"at\":" : "{\"at\":");
    time_json(&t->events, at);
    jd_buf_printf(&t->events, ",\"what\":\"%s\",\"severity\":\"%s\"", what, jd_severity_name(severity, 0));
}

void trial_raised(trial *t, const rule *x, judging *j, int level, int fresh) {
    if (fresh) t->open_since = j->now;
    event(t, fresh ? "raised" : "changed", j->now, x->levels[level].severity);
    if (t->evidence_bytes < EVIDENCE_BYTES_MAX) {
        size_t before = t->events.n;
        jd_buf_z(&t->events, ",\"evidence\":");
        alert_evidence_json(&t->events, j, j->end);
        t->evidence_bytes += t->events.n - before;
    } else {
        t->evidence_cut = 1;
    }
    jd_buf_c(&t->events, '}');
}

void trial_cleared(trial *t, const rule *x, int level, jd_time now) {
    event(t, "cleared", now, x->levels[level].severity);
    jd_buf_c(&t->events, '}');
    t->open_for += now - t->open_since;
}

/* ---- the course of an entity ---- */

static void want(trial *t, jd_sym attr) {
    if (!attr) return;
    for (size_t i = 0; i < t->attrs_n; i++)
        if (t->attrs[i] == attr) return;
    t->attrs[t->attrs_n++] = attr;
}

static void wanted(trial *t) {
    const rule *x = t->x;
    for (uint32_t i = 0; i < x->names_n; i++) want(t, x->names[i].via ? x->names[i].via : x->names[i].attr);
    for (size_t i = 0; i < t->attrs_n; i++)
        for (uint32_t k = 0; k < x->watched_n; k++) t->watched[i] |= x->watched[k] == t->attrs[i];
}

static jd_tattr *attr_of(const jd_evolution *e, jd_sym name) {
    for (size_t i = 0; i < e->attrs_n; i++)
        if (e->attrs[i].name == name && e->attrs[i].n) return &e->attrs[i];
    return NULL;
}

static int evolution(trial *t, const jd_doc *d, const jd_sym *attrs, size_t n, const jd_window *win, jd_evolution *out,
                     jd_err *err) {
    jd_wanted w = {.attrs = attrs, .attrs_n = n, .datasets = &none, .datasets_n = 1};
    *out = (jd_evolution){.attrs_n = 0};
    return n ? jd_view_evolution(&t->own.view, d, &w, win, 0, &t->arena, out, err) : 0;
}

static void add_step(course *c, jd_inst *i, uint32_t attr) {
    c->steps[c->n++] = (step){i->at, i->a.modified, i, attr};
}

static void stands(trial *t, uint32_t attr, jd_inst *i) {
    jd_tattr *to = &t->c.is.attrs[attr];
    to->inst = i;
    to->n = !i->deleted;
    to->kind = i->a.kind;
}

/* Of an attribute without observedAt: since when it is known, and its first value before that. */
static void untimed(trial *t, uint32_t attr, jd_tattr *e, jd_time until) {
    size_t first = 0;
    for (size_t i = 0; i < e->n && (e->inst[i].observed || e->inst[i].deleted); i++) first = i + 1;
    for (size_t i = first + 1; i < e->n && e->inst[i].at <= t->how->from; i++)
        if (!e->inst[i].observed) first = i;
    if (first >= e->n) return;
    stands(t, attr, &e->inst[first]);
    for (size_t i = first + 1; i < e->n; i++)
        if (!e->inst[i].observed && e->inst[i].at < until) add_step(&t->c, &e->inst[i], attr);
}

static int by_time(const void *a, const void *b) {
    const step *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return (x->attr > y->attr) - (x->attr < y->attr);
}

/* 1; 0: it is not to be judged; -1. */
static int course_load(trial *t, jd_str id, jd_time until, jd_err *err) {
    course *c = &t->c;
    jd_doc d;
    jd_attrview v;
    jd_evolution in, before, rest;
    jd_sym bare[2 * NAMES_MAX];
    size_t bare_n = 0, most = 0;
    int hidden;
    *c = (course){.n = 0};
    rules_view_end(&t->own);
    jd_arena_reset(&t->arena);
    rules_view(&t->own);
    if (!t->own.view.t || !jd_view_get_temporal(&t->own.view, id, &d, &hidden) || !jd_doc_has_type(&d, t->x->type))
        return 0;
    jd_window win = {.property = JD_TP_OBSERVED, .given = 1, .from = t->how->from, .to = until};
    jd_window last = {.property = JD_TP_OBSERVED, .given = 1, .from = INT64_MIN + 1, .to = win.from, .last_n = 1};
    if (evolution(t, &d, t->attrs, t->attrs_n, &win, &in, err) ||
        evolution(t, &d, t->attrs, t->attrs_n, &last, &before, err))
        return -1;
    for (size_t i = 0; i < t->attrs_n; i++)
        if (!attr_of(&in, t->attrs[i]) && !attr_of(&before, t->attrs[i]) &&
            (hidden || !jd_doc_attr(&d, t->attrs[i], &v, NULL) || v.observed == JD_TIME_NONE))
            bare[bare_n++] = t->attrs[i];
    jd_window all = {.property = JD_TP_MODIFIED};
    if (evolution(t, &d, bare, bare_n, &all, &rest, err)) return -1;
    for (size_t i = 0; i < in.attrs_n; i++) most += in.attrs[i].n;
    for (size_t i = 0; i < rest.attrs_n; i++) most += rest.attrs[i].n;
    c->is = (jd_evolution){.doc = d, .deleted = JD_TIME_NONE, .attrs_n = t->attrs_n};
    c->is.attrs = JD_NEWN(&t->arena, jd_tattr, t->attrs_n + 1);
    c->steps = JD_NEWN(&t->arena, step, most + 1);
    for (uint32_t i = 0; i < t->attrs_n; i++) {
        jd_tattr *e;
        c->is.attrs[i].name = t->attrs[i];
        if ((e = attr_of(&before, t->attrs[i]))) stands(t, i, &e->inst[e->n - 1]);
        if ((e = attr_of(&in, t->attrs[i])))
            for (size_t k = 0; k < e->n; k++) add_step(c, &e->inst[k], i);
        if ((e = attr_of(&rest, t->attrs[i]))) untimed(t, i, e, until);
        c->known |= t->watched[i] && c->is.attrs[i].n;
    }
    qsort(c->steps, c->n, sizeof *c->steps, by_time);
    return 1;
}

/* Steps of one moment become one, as they were one change. 1: something that the rule reads is among them. */
static int course_step(trial *t) {
    course *c = &t->c;
    jd_time at = c->steps[c->at].at;
    int judged = 0;
    t->came = JD_TIME_NONE;
    for (; c->at < c->n && c->steps[c->at].at == at; c->at++) {
        const step *s = &c->steps[c->at];
        stands(t, s->attr, s->inst);
        judged |= t->watched[s->attr];
        if (t->watched[s->attr] && s->came > t->came) t->came = s->came;
    }
    return judged;
}

/* The first moment of `every` behind that time. */
static jd_time tick_behind(const trial *t, jd_time since) {
    int64_t every = t->x->every_us, from = t->how->from;
    return every ? from + ((since - from) / every + 1) * every : INT64_MAX;
}

/* ---- first: how far it goes ---- */

static int is_full(const trial *t) {
    return t->moments_n > t->most;
}

static void sift(jd_time *v, size_t n, size_t i) {
    jd_time x = v[i];
    for (size_t k; (k = 2 * i + 1) < n; i = k) {
        if (k + 1 < n && v[k + 1] > v[k]) k++;
        if (v[k] <= x) break;
        v[i] = v[k];
    }
    v[i] = x;
}

static void moment(trial *t, jd_time at) {
    if (is_full(t)) {
        if (at >= t->moments[0]) return;
        t->moments[0] = at;
        sift(t->moments, t->moments_n, 0);
        return;
    }
    size_t i = t->moments_n++;
    for (; i && t->moments[(i - 1) / 2] < at; i = (i - 1) / 2) t->moments[i] = t->moments[(i - 1) / 2];
    t->moments[i] = at;
}

static jd_time limit(const trial *t) {
    return is_full(t) && t->moments[0] < t->how->to ? t->moments[0] : t->how->to;
}

static int look(trial *t, jd_err *err) {
    if (atomic_load(&t->real->quiet)) return jd_fail(err, JD_E_BUSY, "the program is stopping", "程序正在停止");
    return 0;
}

static int is_late(trial *t) {
    return jd_mono_ns() > t->deadline_ns;
}

static int gather(trial *t, jd_str id, jd_err *err) {
    if (look(t, err)) return -1;
    if (is_late(t))
        return jd_fail(err, JD_E_TOO_COMPLEX_QUERY,
                       "reading takes more than %d seconds: ask for less time, or for some entities",
                       "读取超过 %d 秒：请缩短时间范围，或指定部分实体", SECONDS_MAX);
    int rc = course_load(t, id, limit(t), err);
    if (rc <= 0) return rc;
    course *c = &t->c;
    jd_time first = c->known ? t->how->from : JD_TIME_NONE;
    if (c->known) moment(t, first);
    while (c->at < c->n) {
        jd_time at = c->steps[c->at].at;
        if (!course_step(t)) continue;
        if (first == JD_TIME_NONE) first = at;
        moment(t, at);
    }
    if (first == JD_TIME_NONE) return 0;
    for (jd_time at = tick_behind(t, first); at < limit(t); at += t->x->every_us) moment(t, at);
    return 0;
}

/* ---- then: what comes of it ---- */

static int by_wake(const void *a, const void *b) {
    const wake *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

/* The alerts of rules that hold this one back, as they were by the data. */
static int load_causes(trial *t, jd_str id, jd_err *err) {
    course *c = &t->c;
    const rule *x = t->x;
    for (uint32_t i = 0; i < x->unless_n; i++) {
        jd_doc d;
        jd_alert_spell *s;
        size_t n;
        if (!jd_view_get(&t->own.view, alert_id(x->unless[i], id, &t->arena), &d)) continue;
        if (jd_alert_course(&t->causes, &t->own.view, &d, &t->arena, &s, &n, err)) return -1;
        jd_alert_spell *all = JD_NEWN(&t->arena, jd_alert_spell, c->spells_n + n + 1);
        if (c->spells_n) memcpy(all, c->spells, c->spells_n * sizeof *all);
        if (n) memcpy(all + c->spells_n, s, n * sizeof *all);
        c->spells = all;
        c->spells_n += n;
    }
    c->wakes = JD_NEWN(&t->arena, wake, c->spells_n + 1);
    for (size_t i = 0; i < c->spells_n; i++)
        if (c->spells[i].valid_to > t->how->from && c->spells[i].valid_to < t->until)
            c->wakes[c->wakes_n++] = (wake){c->spells[i].valid_to, c->spells[i].cleared};
    qsort(c->wakes, c->wakes_n, sizeof *c->wakes, by_wake);
    return 0;
}

static int build(trial *t, int which, jd_doc *out, jd_err *err) {
    jd_arena_reset(&t->docs[which]);
    return jd_evolution_doc(&t->own.view, &t->c.is, &t->docs[which], out, err);
}

/* When a delay is over: judge.c rounds up to the next millisecond and one more. */
static jd_time due_at(const rstate *st) {
    return (jd_time)(st->due_ms - 1) * 1000;
}

static jd_time due(const trial *t) {
    const rstates *s = &t->own.states;
    if (!s->heap_n) return INT64_MAX;
    jd_time at = due_at(s->heap[1]);
    return at > t->now ? at : (t->now / 1000 + 1) * 1000;
}

static void at_time(trial *t, const jd_doc *is, jd_time now) {
    jd_rules *r = &t->own;
    t->now = t->came = now;
    while (r->states.heap_n && due_at(r->states.heap[1]) <= now) rstates_due(&r->states, r->states.heap[1], 0);
    judge_by_time(r, t->x, is, now, NULL);
}

/* 0; 1: the time for all is over; -1. */
static int judge_course(trial *t, jd_err *err) {
    course *c = &t->c;
    jd_rules *r = &t->own;
    jd_doc doc[2];
    int which = 0, there = c->known;
    uint64_t group = r->view.group;
    size_t woken = 0;
    jd_time tick = c->known ? tick_behind(t, t->how->from) : INT64_MAX;
    t->now = t->how->from;
    if (there) {
        if (build(t, which, &doc[which], err)) return -1;
        at_time(t, &doc[which], t->now);
    }
    for (;;) {
        const wake *w = there && woken < c->wakes_n ? &c->wakes[woken] : NULL;
        jd_time at = c->at < c->n ? c->steps[c->at].at : INT64_MAX, later = there ? due(t) : INT64_MAX;
        if (w && w->at < later) later = w->at;
        if (tick < later) later = tick;
        if (at >= t->until && later >= t->until) return 0;
        if (t->looks++ % LOOK_EACH == 0) {
            if (look(t, err)) return -1;
            if (is_late(t)) return 1;
        }
        /* what is derived of a reading comes behind what its cause says of that reading */
        if (later < at || (w && w->at == at && w->found < c->steps[c->at].came)) {
            woken += w && w->at == later;
            if (tick == later) tick += t->x->every_us;
            at_time(t, &doc[which], later);
            continue;
        }
        if (!course_step(t)) { /* what is only told of */
            if (there && build(t, which, &doc[which], err)) return -1;
            continue;
        }
        if (build(t, !which, &doc[!which], err)) return -1;
        found f = {.attrs_n = 0};
        t->now = at;
        if (t->came < at) t->came = at; /* its clock may have been ahead of ours */
        judge(r, t->x, there ? &doc[which] : NULL, &doc[!which], ++group, at, &f);
        which = !which;
        if (!there) tick = tick_behind(t, at);
        while (!there && woken < c->wakes_n && c->wakes[woken].at <= at) woken++;
        there = 1;
    }
}

static void name_json(trial *t) {
    jd_attrview v;
    jd_nodeiter it;
    jd_sym key;
    jd_str raw, name = {NULL, 0};
    jd_node item;
    if (t->name && jd_doc_attr(&t->c.is.doc, t->name, &v, NULL)) {
        if (v.kind == JD_PROPERTY && jd_node_type(v.value) == JD_N_STR) name = jd_node_str(v.value);
        if (v.kind == JD_LANGUAGEPROPERTY)
            for (it = jd_node_items(v.value); jd_node_member(&it, &key, &raw, &item);)
                if (jd_node_type(item) == JD_N_STR && (!name.p || jd_str_is(raw, "zh"))) name = jd_node_str(item);
    }
    jd_buf_z(t->out, ",\"name\":");
    if (name.p)
        jd_json_write_str(t->out, name);
    else
        jd_buf_z(t->out, "null");
}

static void told(trial *t, jd_str id) {
    const jd_rules *r = &t->own;
    int open = 0;
    for (size_t i = 0; i < r->states.cap; i++)
        for (const rstate *st = r->states.bucket[i]; st; st = st->next) open |= st->level >= 0;
    if (!t->events_n) return;
    if (open && t->upto > t->open_since) t->open_for += t->upto - t->open_since;
    jd_buf_z(t->out, t->alerts_n++ ? ",{\"entity\":" : "{\"entity\":");
    jd_json_write_str(t->out, id);
    name_json(t);
    jd_buf_z(t->out, ",\"events\":[");
    jd_buf_str(t->out, jd_buf_view(&t->events));
    jd_buf_printf(t->out, "],\"openFor\":%.15g,\"open\":%s}", (double)(t->open_for / 1000) / 1000,
                  open ? "true" : "false");
}

static int judge_entity(trial *t, jd_str id, jd_err *err) {
    if (is_late(t)) {
        t->left_n++;
        return 0;
    }
    int rc = course_load(t, id, t->until, err);
    if (rc <= 0) return rc;
    t->events.n = 0;
    t->events_n = 0;
    t->open_for = 0;
    if (!t->c.known && !t->c.n) return 0;
    t->entities_n++;
    rc = load_causes(t, id, err) ? -1 : judge_course(t, err);
    if (!rc) told(t, id);
    if (rc > 0) t->entities_n--, t->left_n++;
    rstates_fini(&t->own.states);
    return rc < 0 ? -1 : 0;
}

/* ---- which entities ---- */

typedef struct ids {
    trial *t;
    jd_arena arena;
    jd_str *v;
    size_t n;
} ids;

/* A device that nobody has claimed raises nothing. */
static int is_claimed(const jd_doc *d, jd_sym state) {
    jd_attrview v;
    return !state || !jd_doc_attr(d, state, &v, NULL) || jd_node_type(v.value) != JD_N_STR ||
           !jd_str_is(jd_node_str(v.value), "new");
}

static int take_id(void *user, const jd_doc *d) {
    ids *l = user;
    rule *x = l->t->x;
    if ((x->entity.p && !jd_str_eq(x->entity, d->id)) || !is_claimed(d, x->device_state)) return 0;
    if (l->n % 1024 == 0) l->v = jd_xrealloc(l->v, (l->n + 1024) * sizeof *l->v);
    l->v[l->n++] = jd_arena_dup(&l->arena, d->id);
    return 0;
}

static int named(trial *t, ids *l, jd_err *err) {
    for (size_t i = 0; i < t->how->entities_n; i++) {
        jd_str id = t->how->entities[i];
        jd_doc d;
        int hidden;
        if (!jd_view_get_temporal(&t->own.view, id, &d, &hidden) || !jd_doc_has_type(&d, t->x->type)) {
            jd_fail(err, JD_E_NOT_FOUND, "there is no %.*s of the rule's type", "没有该规则类型的实体 %.*s",
                    (int)(id.n > 150 ? 150 : id.n), id.p);
            return jd_fail_at(err, "entities[%zu]", i);
        }
        take_id(l, &d);
    }
    return 0;
}

static int find(trial *t, ids *l, jd_err *err) {
    jd_rules *r = &t->own;
    jd_arena a;
    jd_typeq *types;
    rules_view(r);
    if (!r->view.t) return 0;
    if (t->how->entities_n) return named(t, l, err);
    jd_arena_init(&a);
    jd_str type = jd_sym_name(jd_engine_symbols(r->o.engine), t->x->type);
    jd_names names = {.arena = &a, .ctx = jd_contexts_core(r->o.contexts), .symbols = jd_engine_symbols(r->o.engine)};
    int rc = jd_typeq_compile(&names, type, &types, err);
    if (!rc) {
        jd_question q = {.types = types, .limit = UINT64_MAX, .temporal = 1};
        rc = jd_view_query(&r->view, &q, l, take_id, NULL, NULL, err);
    }
    jd_arena_fini(&a);
    return rc;
}

/* ---- the whole ---- */

static int run(trial *t, jd_buf *out, jd_err *err) {
    ids l = {.t = t};
    jd_arena_init(&l.arena);
    int rc = find(t, &l, err);
    t->x->device_state = 0; /* who is claimed now counts as claimed all along */
    for (size_t i = 0; i < l.n && !rc && !(is_full(t) && t->moments[0] <= t->how->from); i++)
        rc = gather(t, l.v[i], err);
    int cut = is_full(t);
    t->until = limit(t);
    jd_time now = jd_now();
    t->upto = t->until < now ? t->until : now;
    jd_buf alerts = {0};
    t->out = &alerts;
    for (size_t i = 0; i < l.n && !rc && t->until > t->how->from; i++) rc = judge_entity(t, l.v[i], err);
    if (!rc) {
        const rule *x = t->x;
        jd_buf_printf(out, "{\"judged\":%llu,\"failed\":%llu,\"entities\":%u,\"alerts\":[",
                      (unsigned long long)atomic_load(&x->judged), (unsigned long long)atomic_load(&x->failures),
                      t->entities_n);
        jd_buf_str(out, jd_buf_view(&alerts));
        jd_buf_printf(out, "],\"cut\":%s,\"until\":", cut || t->left_n ? "true" : "false");
        time_json(out, t->until);
        if (t->left_n) jd_buf_printf(out, ",\"entitiesLeft\":%u", t->left_n);
        if (t->evidence_cut) jd_buf_z(out, ",\"evidenceCut\":true");
        if (x->why[0]) {
            jd_buf_z(out, ",\"lastFailure\":");
            jd_json_write_str(out, jd_str_of(x->why));
        }
        jd_buf_c(out, '}');
    }
    jd_buf_fini(&alerts);
    free(l.v);
    jd_arena_fini(&l.arena);
    return rc;
}

static void begin(trial *t, jd_rules *real, rule *x, const jd_rule_trying *how) {
    jd_rules *r = &t->own;
    *t = (trial){.real = real, .x = x, .how = how, .most = real->o.try_max};
    if (how->most && how->most < t->most) t->most = (size_t)how->most;
    t->moments = jd_xcalloc(t->most + 1, sizeof *t->moments);
    t->deadline_ns = jd_mono_ns() + (uint64_t)SECONDS_MAX * 1000000000;
    r->o = real->o;
    r->o.people = NULL;
    r->o.failures_max = UINT32_MAX; /* it is to be seen how often */
    r->alert_ctx = real->alert_ctx;
    r->trial = t;
    r->index = rindex_make();
    r->silences = silences_make();
    pthread_mutex_init(&r->lock, NULL);
    jd_arena_init(&r->arena);
    jd_arena_init(&r->view_arena);
    jd_arena_init(&t->arena);
    for (int i = 0; i < 2; i++) jd_arena_init(&t->docs[i]);
    wanted(t);
    jd_alert_courses_begin(r, INT64_MIN, &t->causes);
    t->causes.by_data = 1;
    jd_str name = jd_ctx_expand(x->ctx, &t->arena, JD_STR("name"));
    t->name = name.p ? jd_sym_find(jd_engine_symbols(r->o.engine), name) : 0;
}

static void end(trial *t) {
    jd_rules *r = &t->own;
    rules_view_end(r);
    rstates_fini(&r->states);
    rindex_free(r->index);
    silences_free(r->silences);
    pthread_mutex_destroy(&r->lock);
    jd_arena_fini(&r->arena);
    jd_arena_fini(&r->view_arena);
    jd_arena_fini(&t->arena);
    for (int i = 0; i < 2; i++) jd_arena_fini(&t->docs[i]);
    jd_buf_fini(&t->events);
    free(t->moments);
}

int jd_rule_try(jd_rules *r, jd_ruleset *s, const jd_rule_trying *how, jd_buf *out, jd_err *err) {
    int rc, none_yet = 0;
    if (!atomic_compare_exchange_strong(&r->trying, &none_yet, 1)) {
        rc = jd_fail(err, JD_E_BUSY, "another rule is being tried; try again later", "正在试用另一条规则，请稍后再试");
    } else {
        trial *t = jd_xmalloc(sizeof *t);
        begin(t, r, s->rules[0], how);
        rc = run(t, out, err);
        end(t);
        free(t);
        atomic_store(&r->trying, 0);
    }
    jd_ruleset_free(s);
    return rc;
}

/* Ordering (clause 4.23). Values of different kinds stand in the order of 4.23.2: numbers, strings, objects, arrays,
 * booleans, times of day, dates, DateTimes; what is null or not there comes last, in either direction. Without a
 * collation strings stand in the order of their UTF-8 bytes, which is that of their code points. */
#include "model/q_int.h"

#include <math.h>

enum { PARTS_MAX = 16 };

typedef enum rank {
    R_DISTANCE,
    R_NUMBER,
    R_STRING,
    R_OBJECT,
    R_ARRAY,
    R_BOOL,
    R_CLOCK,
    R_DATE,
    R_TIME,
    R_NULL,
    R_NONE
} rank;

typedef struct part {
    q_path path;
    int down, distance;
} part;

struct jd_order {
    part *parts;
    uint32_t n;
    int distance;
    jd_sym geo;
    q_collator *collator;
};

typedef struct value {
    rank rank;
    union {
        double num; /* distances and numbers */
        int64_t t;  /* booleans, times */
        jd_str text;
    };
} value;

struct jd_orderkey {
    value first; /* of as many as the order has parts */
};

/* ---- from text ---- */

static int parse_direction(q_scan *s, part *p) {
    static const struct {
        const char *name;
        int down, distance;
    } known[] = {{"dist-asc", 0, 1}, {"dist-desc", 1, 1}, {"asc", 0, 0}, {"desc", 1, 0}};
    if (!q_take(s, ';')) return 0;
    q_blanks(s);
    const char *at = s->p;
    jd_str word = q_name(s, Q_WHOLE_NAME);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!word.p || !jd_str_is(word, known[i].name)) continue;
        p->down = known[i].down;
        p->distance = known[i].distance;
        return 0;
    }
    return Q_EXPECTED(s, at, "asc, desc, dist-asc or dist-desc", "asc、desc、dist-asc 或 dist-desc");
}

int jd_order_compile(const jd_names *n, jd_str text, jd_str collation, jd_order **out, jd_err *err) {
    jd_order *o = JD_NEW(n->arena, jd_order);
    part parts[PARTS_MAX];
    jd_str geo = {NULL, 0};
    q_scan s;
    if (q_scan_init(&s, "orderBy", text, err)) return -1;
    do {
        q_blanks(&s);
        const char *at = s.p;
        if (o->n == PARTS_MAX)
            return Q_REFUSE(&s, at, JD_E_TOO_COMPLEX_QUERY, "more than %d members to order by", "排序项超过 %d 个",
                            (int)PARTS_MAX);
        part *p = &parts[o->n++];
        *p = (part){0};
        if (q_path_parse(&s, n, (jd_str){NULL, 0}, NULL, &p->path) || parse_direction(&s, p)) return -1;
        if (!p->distance) continue;
        if (!q_path_simple(&p->path))
            return Q_REFUSE(&s, at, JD_E_BAD_REQUEST_DATA, "distances are those of a whole attribute",
                            "距离只能取自整个属性");
        if (o->distance && !(geo.p && p->path.iri.p && jd_str_eq(geo, p->path.iri)))
            return Q_REFUSE(&s, at, JD_E_BAD_REQUEST_DATA, "only one attribute may be ordered by distance",
                            "只能按一个属性的距离排序");
        o->distance = 1;
        o->geo = p->path.steps[0];
        geo = p->path.iri;
    } while (q_take(&s, ','));
    if (!q_at_end(&s)) return Q_EXPECTED(&s, s.p, "';', ',' or the end", "“;”、“,”或结尾");
    o->parts = JD_NEWN(n->arena, part, o->n);
    memcpy(o->parts, parts, o->n * sizeof *parts);
    if (collation.p && q_collator_open(n->arena, collation, &o->collator, err)) return -1;
    *out = o;
    return 0;
}

void jd_order_fini(jd_order *o) {
    if (!o) return;
    q_collator_close(o->collator);
    o->collator = NULL;
}

int jd_order_by_distance(const jd_order *o) {
    return o->distance;
}

jd_sym jd_order_geo(const jd_order *o) {
    return o->geo;
}

/* ---- keys ---- */

typedef struct maker {
    const jd_order *o;
    const jd_symtab *symbols;
    jd_arena *arena;
    value *out;
} maker;

static value of_time(jd_time t) {
    return (value){.rank = R_TIME, .t = t};
}

static value of_text(const maker *m, jd_str s) {
    jd_time t;
    if (jd_time_parse(s, &t, NULL) == 0) return of_time(t);
    if (s.n < 36 && jd_timeofday_valid(s)) return (value){.rank = R_CLOCK, .t = q_clock(s)};
    if (jd_date_valid(s)) {
        char day[] = "YYYY-MM-DDT00:00:00Z";
        memcpy(day, s.p, 10);
        if (jd_time_parse((jd_str){day, 20}, &t, NULL) == 0) return (value){.rank = R_DATE, .t = t};
    }
    value v = {.rank = R_STRING};
    v.text = m->o->collator ? q_collator_key(m->o->collator, m->arena, s) : jd_arena_dup(m->arena, s);
    return v;
}

static int compare(const value *a, const value *b) {
    if (a->rank != b->rank) return a->rank < b->rank ? -1 : 1;
    switch (a->rank) {
    case R_DISTANCE:
    case R_NUMBER: return (a->num > b->num) - (a->num < b->num);
    case R_STRING: {
        int c = jd_str_cmp(a->text, b->text);
        return (c > 0) - (c < 0);
    }
    case R_BOOL:
    case R_CLOCK:
    case R_DATE:
    case R_TIME: return (a->t > b->t) - (a->t < b->t);
    default: return 0;
    }
}

static value of_node(const maker *m, jd_node n) {
    char scratch[JD_TIME_TEXT_MAX];
    switch (jd_node_type(n)) {
    case JD_N_NULL: return (value){.rank = R_NULL};
    case JD_N_BOOL: return (value){.rank = R_BOOL, .t = jd_node_bool(n)};
    case JD_N_NUM: return (value){.rank = R_NUMBER, .num = jd_node_num(n)};
    case JD_N_TIME: return of_time(jd_node_time(n, NULL));
    case JD_N_STR:
    case JD_N_IRI: return of_text(m, jd_node_text(n, m->symbols, scratch));
    case JD_N_ARR: return (value){.rank = R_ARRAY};
    default: {
        jd_nodeiter it = jd_node_items(n);
        jd_sym key;
        jd_str raw;
        jd_node inner;
        while (jd_node_member(&it, &key, &raw, &inner))
            if (!key && jd_str_is(raw, "@value") && jd_node_type(inner) != JD_N_OBJ) return of_node(m, inner);
        return (value){.rank = R_OBJECT};
    }
    }
}

/* Of several (types, scopes, languages) the least one counts. */
static void least(value *best, value v) {
    if (best->rank == R_NONE || compare(&v, best) < 0) *best = v;
}

static int take(void *user, const q_target *t) {
    const maker *m = user;
    value v = {.rank = R_NONE};
    jd_bytes rest = t->list;
    jd_sym s;
    jd_str text;
    switch (t->what) {
    case Q_T_NODE: v = of_node(m, t->node); break;
    case Q_T_TIME: v = of_time(t->time); break;
    case Q_T_TEXT: v = of_text(m, t->text); break;
    case Q_T_SYMS:
        while (jd_syms_next(&rest, &s)) least(&v, of_text(m, jd_sym_name(m->symbols, s)));
        break;
    case Q_T_STRS:
        while (jd_strs_next(&rest, &text)) least(&v, of_text(m, text));
        break;
    case Q_T_MAP: {
        jd_nodeiter it = jd_node_items(t->node);
        jd_node n;
        while (jd_node_member(&it, &s, &text, &n)) least(&v, of_node(m, n));
        if (v.rank == R_NONE) v.rank = R_OBJECT;
        break;
    }
    }
    *m->out = v;
    return 1; /* the first instance, which is the default one where there is one */
}

jd_orderkey *jd_order_key(const jd_order *o, const jd_doc *d, const jd_symtab *t, double dist, jd_arena *a) {
    value *v = JD_NEWN(a, value, o->n);
    for (uint32_t i = 0; i < o->n; i++) {
        const part *p = &o->parts[i];
        if (p->distance && !isnan(dist)) {
            v[i] = (value){.rank = R_DISTANCE, .num = dist};
            continue;
        }
        v[i].rank = R_NONE;
        maker m = {o, t, a, &v[i]};
        q_path_visit(&p->path, d, take, &m);
    }
    return (jd_orderkey *)(void *)v;
}

int jd_order_cmp(const jd_order *o, const jd_orderkey *a, const jd_orderkey *b) {
    for (uint32_t i = 0; i < o->n; i++) {
        const value *x = &a->first + i, *y = &b->first + i;
        int c = compare(x, y);
        /* null and missing stay behind, and what has no distance stays behind what has one */
        int turn = o->parts[i].down && x->rank < R_NULL && y->rank < R_NULL &&
                   (x->rank == R_DISTANCE) == (y->rank == R_DISTANCE);
        if (c) return turn ? -c : c;
    }
    return 0;
}

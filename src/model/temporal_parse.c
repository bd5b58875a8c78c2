/* The temporal representation as JSON to instances: normalized and concise (GS CIM 009 clauses 4.5.6-4.5.8, 5.2.20),
 * and the simplified form (4.5.9). What an instance is, entity.c knows; here is what makes many of them an evolution,
 * and a shorter way for the instance that sensors send. */
#include "model/entity_int.h"
#include "model/temporal_int.h"

#include <stdlib.h>

static const jd_attr blank = {
    .observed = JD_TIME_NONE, .expires = JD_TIME_NONE, .created = JD_TIME_NONE, .modified = JD_TIME_NONE};

static int is_scalar(const jd_jval *v) {
    return v->type == JD_JNUM || v->type == JD_JSTR || v->type == JD_JTRUE || v->type == JD_JFALSE;
}

static int read_time(const jd_jval *v, jd_attr *a) {
    if (v->type != JD_JSTR || jd_time_parse(jd_jstr(v), &a->observed, &a->observed_digits)) return -1;
    if (a->observed_digits > 6) a->observed_digits = 6;
    return 0;
}

/* ---- instances in a row ---- */

/* A Property with a number, a string or a boolean, and nothing but observedAt, datasetId and unitCode beside it. 0: it
 * is something else, or there is an error to tell, and ent_one has to look. dataset: of an instance before. */
static int simple_property(ent_parser *p, jd_sym name, const jd_jval *v, jd_str dataset, jd_attr *a) {
    if (v->type != JD_JOBJ || v->n > 5) return 0;
    *a = blank;
    for (uint32_t i = 0; i < v->n; i++) {
        const jd_jmember *m = &v->members[i];
        const jd_jval *x = &m->val;
        if (jd_str_eq(m->name, JD_STR("type"))) {
            if (x->type != JD_JSTR || !jd_str_eq(jd_jstr(x), JD_STR("Property"))) return 0;
            a->kind = JD_PROPERTY;
        } else if (jd_str_eq(m->name, JD_STR("value"))) {
            if (!is_scalar(x)) return 0;
            a->value = *x;
            a->has_value = 1;
        } else if (jd_str_eq(m->name, JD_STR("observedAt"))) {
            if (read_time(x, a)) return 0;
        } else if (jd_str_eq(m->name, JD_STR("datasetId"))) {
            if (x->type != JD_JSTR) return 0;
            a->dataset = jd_jstr(x);
            if (!jd_str_eq(a->dataset, dataset) && (!jd_uri_valid(a->dataset) || jd_jis(x, NGSI_NULL))) return 0;
        } else if (jd_str_eq(m->name, JD_STR("unitCode"))) {
            if (x->type != JD_JSTR || !x->n) return 0;
            a->unit = jd_jstr(x);
        } else {
            return 0;
        }
    }
    if (!a->kind || !a->has_value || ent_count(p, 1)) return 0;
    a->name = name;
    return 1;
}

/* ---- the simplified form: "values": [[value, time], ...] ---- */

const char *temporal_list(jd_kind k) {
    static const char *const lists[] = {[JD_PROPERTY] = "values",         [JD_RELATIONSHIP] = "objects",
                                        [JD_GEOPROPERTY] = "values",      [JD_LANGUAGEPROPERTY] = "languageMaps",
                                        [JD_VOCABPROPERTY] = "vocabs",    [JD_JSONPROPERTY] = "jsons",
                                        [JD_LISTPROPERTY] = "valueLists", [JD_LISTRELATIONSHIP] = "objectLists"};
    return lists[k];
}

/* The pairs, when v has this form; else NULL. */
static const jd_jval *pairs_of(const jd_jval *v, jd_kind *kind) {
    const jd_jval *type = jd_jget(v, "type");
    *kind = type ? ent_kind(type) : 0;
    if (!*kind || jd_jget(v, jd_kind_member(*kind))) return NULL;
    const jd_jval *list = jd_jget(v, temporal_list(*kind));
    return list && list->type == JD_JARR ? list : NULL;
}

/* Of these kinds the value stands in an object again (4.5.9). */
static const jd_jval *unwrapped(jd_kind kind, const jd_jval *v) {
    if (kind != JD_LANGUAGEPROPERTY && kind != JD_VOCABPROPERTY && kind != JD_JSONPROPERTY) return v;
    const jd_jval *inner = v->type == JD_JOBJ && v->n == 1 ? jd_jget(v, jd_kind_member(kind)) : NULL;
    return inner ? inner : v;
}

static int scope_value(ent_parser *p, const jd_jval *v, jd_attr *a);

static int pair(ent_parser *p, const jd_jval *v, jd_attr *a) {
    if (v->type != JD_JARR || v->n != 2)
        return FAIL(p, "a value and its time are expected, as [12.5, \"2026-01-31T08:00:00Z\"]",
                    "应为值与时间，如 [12.5, \"2026-01-31T08:00:00Z\"]");
    if (a->name == JD_SYM_SCOPE ? scope_value(p, &v->items[0], a) : ent_value(p, a, unwrapped(a->kind, &v->items[0])))
        return -1;
    if (a->name == JD_SYM_NGSILDPROOF && a->value.type != JD_JOBJ)
        return FAIL(p, "the value of ngsildproof must be an object", "ngsildproof 的值必须是对象");
    return ent_time(p, &v->items[1], &a->observed, &a->observed_digits, "the time");
}

static int pairs(ent_parser *p, jd_sym name, const jd_jval *v, jd_kind kind, const jd_jval *list, jd_ent *e) {
    jd_attr model = blank;
    model.name = name;
    model.kind = kind;
    if (ent_geo_only(name) && kind != JD_GEOPROPERTY) return ent_not_geo(p);
    for (uint32_t i = 0; i < v->n; i++) {
        jd_str member = v->members[i].name;
        if (jd_str_is(member, "type") || &v->members[i].val == list) continue;
        size_t was = ent_enter(p, member, -1);
        if (!jd_str_is(member, "datasetId") || name == JD_SYM_SCOPE)
            return FAIL(p, "%.*s does not belong to the simplified temporal form", "%.*s 不是简化时序表示的成员",
                        JD_STR_ARG(member));
        if (ent_dataset(p, &v->members[i].val, &model)) return -1;
        ent_leave(p, was);
    }
    size_t was = ent_enter(p, jd_str_of(temporal_list(kind)), -1);
    if (ent_count(p, list->n)) return -1;
    jd_attr *a = ent_room(p, e, list->n);
    int plain = kind == JD_PROPERTY && name != JD_SYM_SCOPE && name != JD_SYM_NGSILDPROOF;
    for (uint32_t i = 0; i < list->n; i++, a++) {
        const jd_jval *one = &list->items[i];
        *a = model;
        if (plain && one->type == JD_JARR && one->n == 2 && is_scalar(&one->items[0]) &&
            !read_time(&one->items[1], a)) {
            a->value = one->items[0];
            a->has_value = 1;
            continue;
        }
        size_t list_place = ent_enter(p, JD_STR(""), (int)i);
        if (pair(p, one, a)) return -1;
        ent_leave(p, list_place);
    }
    e->attrs_n += list->n;
    ent_leave(p, was);
    return 0;
}

/* ---- scope (4.18): plain, or with instances ---- */

/* [] and urn:ngsi-ld:null: from then on there was none. */
static int scope_value(ent_parser *p, const jd_jval *v, jd_attr *a) {
    jd_str *scopes;
    uint32_t n;
    a->value = *v;
    a->has_value = 1;
    if (jd_jis(v, NGSI_NULL)) a->value = (jd_jval){.type = JD_JARR};
    return a->value.type == JD_JARR && !a->value.n ? 0 : ent_scopes(p, v, &scopes, &n);
}

static int scope_instance(ent_parser *p, const jd_jval *v, int partial, jd_attr *a) {
    static const char *const generated[] = {"instanceId", "createdAt", "modifiedAt", "deletedAt"};
    *a = blank;
    a->name = JD_SYM_SCOPE;
    for (uint32_t i = 0; i < v->n; i++) {
        jd_str name = v->members[i].name;
        const jd_jval *m = &v->members[i].val;
        size_t was = ent_enter(p, name, -1), skip = 0;
        for (size_t k = 0; k < sizeof generated / sizeof *generated; k++) skip |= (size_t)jd_str_is(name, generated[k]);
        if (jd_str_is(name, "type")) {
            if (!jd_jis(m, "Property"))
                return FAIL(p, "a scope instance must be a Property", "scope 的实例必须是 Property");
        } else if (jd_str_is(name, "value")) {
            if (scope_value(p, m, a)) return -1;
        } else if (jd_str_is(name, "observedAt")) {
            if (ent_time(p, m, &a->observed, &a->observed_digits, "observedAt")) return -1;
        } else if (!skip) {
            return FAIL(p, "%.*s does not belong to a scope", "%.*s 不是 scope 的成员", JD_STR_ARG(name));
        }
        ent_leave(p, was);
    }
    if (a->has_value || !partial) a->kind = JD_PROPERTY;
    if (!a->has_value && !partial)
        return FAIL(p, "a %s must have the member \"%s\"", "%s 必须有成员“%s”", "Property", "value");
    return 0;
}

static int scope(ent_parser *p, const jd_jval *v, jd_ent *e) {
    jd_kind kind;
    const jd_jval *list = v->type == JD_JOBJ ? pairs_of(v, &kind) : NULL;
    if (list && kind == JD_PROPERTY) return pairs(p, JD_SYM_SCOPE, v, kind, list, e);
    int row = v->type == JD_JARR && (!v->n || v->items[0].type == JD_JOBJ);
    uint32_t n = row ? v->n : 1;
    if (ent_count(p, n)) return -1;
    if (!row && v->type != JD_JOBJ) { /* as in an entity */
        jd_attr *a = ent_room(p, e, 1);
        *a = blank;
        a->name = JD_SYM_SCOPE;
        a->kind = JD_PROPERTY;
        a->value = *v;
        a->has_value = 1;
        jd_str *scopes;
        e->attrs_n++;
        return ent_scopes(p, v, &scopes, &n);
    }
    jd_attr *a = ent_room(p, e, n);
    for (uint32_t i = 0; i < n; i++) {
        const jd_jval *one = row ? &v->items[i] : v;
        size_t was = row ? ent_enter(p, JD_STR(""), (int)i) : p->path_n;
        if (one->type != JD_JOBJ) return FAIL(p, "this is no instance of scope", "这不是 scope 的实例");
        if (scope_instance(p, one, 0, a + i)) return -1;
        ent_leave(p, was);
    }
    e->attrs_n += n;
    return 0;
}

/* ---- one member of the entity ---- */

static int instance(ent_parser *p, jd_sym name, const jd_jval *v, jd_ent *e) {
    jd_kind kind;
    const jd_jval *list = v->type == JD_JOBJ ? pairs_of(v, &kind) : NULL;
    if (list) return pairs(p, name, v, kind, list, e);
    jd_attr *a = ent_room(p, e, 1);
    if (ent_one(p, name, v, 0, a)) return -1;
    e->attrs_n++;
    return 0;
}

static int attribute(ent_parser *p, jd_sym name, const jd_jval *v, jd_ent *e) {
    if (v->type != JD_JARR || (v->n && !ent_is_instance(&v->items[0]))) return instance(p, name, v, e);
    jd_str dataset = {NULL, 0};
    int plain = !ent_geo_only(name) && name != JD_SYM_NGSILDPROOF;
    ent_room(p, e, v->n < ent_left(p) ? v->n : ent_left(p));
    for (uint32_t i = 0; i < v->n; i++) {
        const jd_jval *one = &v->items[i];
        jd_attr *a = ent_room(p, e, 1);
        if (plain && simple_property(p, name, one, dataset, a)) {
            if (a->dataset.p) dataset = a->dataset;
            e->attrs_n++;
            continue;
        }
        size_t was = ent_enter(p, JD_STR(""), (int)i);
        if (!ent_is_instance(one)) return FAIL(p, "this is no instance of an attribute", "这不是属性的实例");
        if (instance(p, name, one, e)) return -1;
        ent_leave(p, was);
    }
    return 0;
}

/* ---- order: by datasetId, the default one first, then by observedAt; those without one behind, as they came ---- */

typedef struct sort_key {
    int64_t at;
    uint32_t group, from;
} sort_key;

static int by_key(const void *a, const void *b) {
    const sort_key *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return (x->from > y->from) - (x->from < y->from);
}

static int64_t place_in_time(const jd_attr *a) {
    return a->observed == JD_TIME_NONE ? INT64_MAX : a->observed;
}

static int same_series(const jd_attr *a, const jd_attr *b) {
    return !a->dataset.p == !b->dataset.p && jd_str_eq(a->dataset, b->dataset);
}

static int in_order(const jd_attr *a, uint32_t n) {
    for (uint32_t i = 1; i < n; i++)
        if (!same_series(a + i, a + i - 1) || place_in_time(a + i) < place_in_time(a + i - 1)) return 0;
    return 1;
}

static void sort(jd_arena *arena, jd_attr *a, uint32_t n) {
    if (in_order(a, n)) return;
    sort_key *keys = jd_arena_alloc(arena, n * sizeof *keys);
    jd_strmap groups = {0};
    for (uint32_t i = 0; i < n; i++) {
        uint32_t group = 0;
        if (i && same_series(a + i, a + i - 1))
            group = keys[i - 1].group;
        else if (a[i].dataset.p)
            group = jd_strmap_add(&groups, a[i].dataset, groups.n + 1);
        keys[i] = (sort_key){place_in_time(a + i), group, i};
    }
    jd_strmap_fini(&groups);
    qsort(keys, n, sizeof *keys, by_key);
    for (uint32_t i = 0; i < n; i++) { /* each ring of places is turned by one; from == place: done */
        if (keys[i].from == i) continue;
        jd_attr first = a[i];
        uint32_t at = i;
        while (keys[at].from != i) {
            uint32_t from = keys[at].from;
            a[at] = a[from];
            keys[at].from = at;
            at = from;
        }
        a[at] = first;
        keys[at].from = at;
    }
}

static int evolution(ent_parser *p, jd_sym name, const jd_jval *v, jd_ent *e) {
    uint32_t from = e->attrs_n;
    if (name == JD_SYM_SCOPE ? scope(p, v, e) : attribute(p, name, v, e)) return -1;
    sort(p->in->arena, e->attrs + from, e->attrs_n - from);
    return 0;
}

int jd_temporal_parse(const jd_parse *in, const jd_jval *v, int whole, jd_str expect_id, jd_ent *out, jd_err *err) {
    ent_parser p = {.in = in, .err = err, .shape = whole ? JD_IN_ENTITY : JD_IN_FRAGMENT, .evolution = evolution};
    int rc = ent_entity(&p, v, expect_id, out);
    return ent_settle(&p, rc, out, out->attrs, rc ? 0 : out->attrs_n);
}

static jd_jval without_context(jd_arena *a, const jd_jval *v) {
    jd_jval out = *v;
    if (!jd_jget(v, "@context")) return out;
    out.members = JD_NEWN(a, jd_jmember, v->n);
    out.n = 0;
    for (uint32_t i = 0; i < v->n; i++)
        if (!jd_str_is(v->members[i].name, "@context")) out.members[out.n++] = v->members[i];
    return out;
}

int jd_temporal_instance_parse(const jd_parse *in, jd_sym name, const jd_jval *v, jd_attr **out, jd_err *err) {
    ent_parser p = {.in = in, .err = err, .shape = JD_IN_MERGE, .one_attr = 1, .evolution = evolution};
    int row = v->type == JD_JARR, rc = -1;
    jd_attr *a = JD_NEW(in->arena, jd_attr);
    if (row && v->n == 1) ent_enter(&p, JD_STR(""), 0);
    if (row) v = v->n == 1 ? v->items : NULL;
    if (!v || v->type != JD_JOBJ) {
        FAIL(&p, "exactly one attribute instance is expected", "应为恰好一个属性实例");
    } else {
        jd_jval body = without_context(in->arena, v);
        rc = name == JD_SYM_SCOPE ? scope_instance(&p, &body, 1, a) : ent_one(&p, name, &body, 1, a);
    }
    *out = a;
    return ent_settle(&p, rc, NULL, rc ? NULL : a, rc ? 0 : 1);
}

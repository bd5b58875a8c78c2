/* What a name in an expression is, and its value for an entity: the host of expressions. */
#include "rule/rule_int.h"

#include <math.h>

/* ---- when it is compiled ---- */

static int no_name(jd_err *err, const char *en, const char *zh, jd_str name) {
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s%.0s: %.*s", "%.0s%s：%.*s", en, zh, (int)(name.n > 100 ? 100 : name.n),
            name.p);
    return -1;
}

/* Names that every entity may have, whatever its model says. */
static int is_common(const naming *nm, jd_sym attr, jd_xtype *type) {
    static const struct {
        const char *name;
        jd_xtype is;
    } common[] = {{"name", JD_X_TEXT},
                  {"description", JD_X_TEXT},
                  {"deviceState", JD_X_TEXT},
                  {"observationSpace", JD_X_PLACE},
                  {"operationSpace", JD_X_PLACE}};
    if (attr == JD_SYM_LOCATION) {
        *type = JD_X_PLACE;
        return 1;
    }
    for (size_t i = 0; i < sizeof common / sizeof *common; i++) {
        jd_arena a;
        jd_arena_init(&a);
        jd_str iri = jd_ctx_expand(nm->x->ctx, &a, jd_str_of(common[i].name));
        int same = iri.p && jd_str_eq(iri, jd_sym_name(nm->symbols, attr));
        jd_arena_fini(&a);
        if (!same) continue;
        *type = common[i].is;
        return 1;
    }
    return 0;
}

static int model_type(const naming *nm, jd_sym attr, jd_xtype *type) {
    for (size_t i = 0; i < nm->model_n; i++)
        if (nm->model[i].type == nm->x->type && nm->model[i].attr == attr) {
            *type = nm->model[i].is;
            return 1;
        }
    return is_common(nm, attr, type);
}

static int intern(const naming *nm, jd_str name, jd_sym *out, jd_err *err) {
    jd_str iri = jd_ctx_expand(nm->x->ctx, &nm->x->arena, name);
    if (!iri.p) return no_name(err, "the @context gives this name no meaning", "@context 未给出此名称的含义", name);
    *out = jd_sym_intern(nm->symbols, iri, err);
    return *out ? 0 : -1;
}

static void watch(rule *x, jd_sym attr) {
    for (uint32_t i = 0; i < x->watched_n; i++)
        if (x->watched[i] == attr) return;
    if (x->watched_n < NAMES_MAX) x->watched[x->watched_n++] = attr;
}

/* "pm25.quality" at its first point; an IRI has none of its own. */
static jd_str split(jd_str path, jd_str *member) {
    const char *dot = memchr(path.p, '.', path.n);
    *member = (jd_str){NULL, 0};
    if (!dot || memchr(path.p, ':', path.n)) return path;
    *member = (jd_str){dot + 1, path.n - (size_t)(dot + 1 - path.p)};
    return (jd_str){path.p, (size_t)(dot - path.p)};
}

static int entitys_own(jd_str path, rule_name *n, jd_xtype *type) {
    static const struct {
        const char *name;
        name_kind kind;
        jd_xtype type;
    } own[] = {{"id", NAME_ID, JD_X_TEXT},
               {"type", NAME_TYPE, JD_X_TEXT},
               {"createdAt", NAME_CREATED, JD_X_TIME},
               {"modifiedAt", NAME_MODIFIED, JD_X_TIME}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (jd_str_is(path, own[i].name)) {
            n->kind = own[i].kind;
            *type = own[i].type;
            return 1;
        }
    return 0;
}

static int attribute(const naming *nm, const jd_xname *name, rule_name *n, jd_xtype *type, jd_err *err) {
    jd_str member, attr = split(name->path, &member);
    if (intern(nm, attr, &n->attr, err)) return -1;
    *type = JD_X_ANY;
    if (name->via.p) {
        if (intern(nm, name->via, &n->via, err)) return -1;
        if (!name->was) watch(nm->x, n->via);
    } else if (!model_type(nm, n->attr, type)) {
        return no_name(err, "no model says that this type has such an attribute", "模型中该类型没有此属性", attr);
    }
    n->kind = NAME_ATTR;
    if (!name->via.p && !name->was) watch(nm->x, n->attr);
    if (!member.p) return 0;
    static const struct {
        const char *name;
        name_kind kind;
        jd_xtype type;
    } of_attr[] = {{"observedAt", NAME_OBSERVED, JD_X_TIME},
                   {"unitCode", NAME_UNIT, JD_X_TEXT},
                   {"modifiedAt", NAME_ATTR_MODIFIED, JD_X_TIME}};
    *type = JD_X_ANY;
    n->kind = NAME_MEMBER;
    n->raw = jd_arena_dup(&nm->x->arena, member);
    for (size_t i = 0; i < sizeof of_attr / sizeof *of_attr; i++)
        if (jd_str_is(member, of_attr[i].name)) {
            n->kind = of_attr[i].kind;
            *type = of_attr[i].type;
            return 0;
        }
    return intern(nm, member, &n->member, err);
}

int naming_find(void *user, const jd_xname *name, uint32_t *number, jd_xtype *type, jd_err *err) {
    const naming *nm = user;
    rule *x = nm->x;
    rule_name n = {.was = name->was};
    if (!name->via.p && !name->was)
        for (uint32_t i = 0; i < x->lets_n; i++) {
            if (!jd_str_eq(x->lets[i].name, name->path)) continue;
            if (name->window)
                return no_name(err, "a window looks at an attribute, not at a name of `let`",
                               "窗口须取属性，而非 let 中的名称", name->path);
            n.kind = NAME_LET;
            n.index = i;
            *type = jd_expr_type(x->lets[i].x);
            goto keep;
        }
    if (!name->via.p && !name->window && entitys_own(name->path, &n, type)) goto keep;
    if (attribute(nm, name, &n, type, err)) return -1;
    if (name->window && (n.kind != NAME_ATTR || n.via || n.was))
        return no_name(err, "a window looks at an attribute of the entity itself", "窗口须取实体自身的属性",
                       name->path);
keep:
    if (x->names_n == NAMES_MAX)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "a rule uses at most %d names", "一条规则最多使用 %d 个名称",
                       NAMES_MAX);
    x->names[x->names_n] = n;
    *number = x->names_n++;
    return 0;
}

int naming_dear(void *user, uint32_t number) {
    const rule *x = ((const naming *)user)->x;
    const rule_name *n = &x->names[number];
    return n->kind == NAME_LET && jd_expr_is_dear(x->lets[n->index].x);
}

/* ---- when it is judged ---- */

const jd_attrview *found_attr(found *f, const jd_doc *d, int was, jd_sym name, jd_attrview *room) {
    for (uint32_t i = 0; f && i < f->attrs_n; i++)
        if (f->attrs[i].name == name && f->attrs[i].was == was) return f->attrs[i].there ? &f->attrs[i].v : NULL;
    int keep = f && f->attrs_n < FOUND_ATTRS;
    if (keep) room = &f->attrs[f->attrs_n].v;
    int there = jd_doc_attr(d, name, room, NULL);
    if (keep) {
        struct found_attr *to = &f->attrs[f->attrs_n++];
        to->name = name;
        to->was = was;
        to->there = there;
    }
    return there ? room : NULL;
}

static void place_of(judging *j, jd_node node, jd_xval *out) {
    jd_shape *s;
    jd_jval *tree = JD_NEW(j->a, jd_jval); /* the shape may point into it */
    *tree = jd_node_tree(node, j->x->symbols, j->a);
    if (jd_shape_reread(j->a, tree, &s, NULL)) return;
    out->type = JD_X_PLACE;
    out->place = s;
}

static void list_of(judging *j, jd_node node, jd_xval *out) {
    jd_nodeiter it = jd_node_items(node);
    double *nums = JD_NEWN(j->a, double, it.left);
    jd_str *texts = JD_NEWN(j->a, jd_str, it.left);
    uint32_t n = 0, numbers = 0, strings = 0;
    for (jd_node item; jd_node_next(&it, &item); n++) {
        jd_ntype t = jd_node_type(item);
        if (t == JD_N_NUM) nums[n] = jd_node_num(item), numbers++;
        if (t == JD_N_STR) texts[n] = jd_node_str(item), strings++;
    }
    out->n = n;
    if (n && numbers == n) out->type = JD_X_NUMS, out->nums = nums;
    if (n && strings == n) out->type = JD_X_TEXTS, out->texts = texts;
}

static void value_of(judging *j, jd_node node, jd_xval *out) {
    char *scratch;
    switch (jd_node_type(node)) {
    case JD_N_BOOL: *out = (jd_xval){.type = JD_X_BOOL, .yes = jd_node_bool(node)}; return;
    case JD_N_NUM:
        *out = (jd_xval){.type = JD_X_NUM, .num = jd_node_num(node)};
        if (!isfinite(out->num)) out->type = JD_X_NULL;
        return;
    case JD_N_TIME: *out = (jd_xval){.type = JD_X_TIME, .us = jd_node_time(node, NULL)}; return;
    case JD_N_STR:
    case JD_N_IRI:
        scratch = jd_arena_alloc(j->a, JD_TIME_TEXT_MAX);
        *out = (jd_xval){.type = JD_X_TEXT, .text = jd_node_text(node, j->x->symbols, scratch)};
        return;
    case JD_N_ARR: list_of(j, node, out); return;
    default: return;
    }
}

/* Of words in several languages those of the text that is being made, else the Chinese ones, else the first. */
static void words_of(const judging *j, jd_node node, jd_xval *out) {
    int best = 0;
    jd_nodeiter it = jd_node_items(node);
    jd_sym key;
    jd_str raw;
    jd_node item;
    while (jd_node_member(&it, &key, &raw, &item)) {
        if (jd_node_type(item) != JD_N_STR) continue;
        int fits = j->english && jd_str_is(raw, "en") ? 3 : jd_str_is(raw, "zh") ? 2 : 1;
        if (fits <= best) continue;
        best = fits;
        *out = (jd_xval){.type = JD_X_TEXT, .text = jd_node_str(item)};
    }
}

static void attr_value(judging *j, const jd_attrview *a, jd_xval *out) {
    if (a->kind == JD_GEOPROPERTY)
        place_of(j, a->value, out);
    else if (a->kind == JD_LANGUAGEPROPERTY)
        words_of(j, a->value, out);
    else
        value_of(j, a->value, out);
}

static void member_value(judging *j, const jd_doc *d, const jd_attrview *a, const rule_name *n, jd_xval *out) {
    jd_attrview sub;
    if (jd_node_type(a->value) == JD_N_OBJ) {
        jd_nodeiter it = jd_node_items(a->value);
        jd_sym key;
        jd_str raw;
        jd_node item;
        while (jd_node_member(&it, &key, &raw, &item))
            if (key ? key == n->member : jd_str_eq(raw, n->raw)) {
                value_of(j, item, out);
                return;
            }
    }
    if (jd_attr_sub(a, d->created, n->member, &sub, NULL)) attr_value(j, &sub, out);
}

/* The attribute of the entity, or of one that it is linked with. */
static const jd_attrview *attr_of(const judging *j, const jd_doc *d, jd_sym name, jd_attrview *room) {
    int own = d == j->is || d == j->was;
    return found_attr(own ? j->found : NULL, d, d != j->is, name, room);
}

static void of_entity(judging *j, const jd_doc *d, const rule_name *n, jd_xval *out) {
    jd_attrview room;
    switch (n->kind) {
    case NAME_ID: *out = (jd_xval){.type = JD_X_TEXT, .text = d->id}; return;
    case NAME_TYPE: {
        jd_bytes rest = d->types;
        jd_sym s;
        if (jd_syms_next(&rest, &s)) *out = (jd_xval){.type = JD_X_TEXT, .text = jd_ctx_compact(j->x->ctx, s)};
        return;
    }
    case NAME_CREATED: *out = (jd_xval){.type = JD_X_TIME, .us = d->created}; return;
    case NAME_MODIFIED: *out = (jd_xval){.type = JD_X_TIME, .us = d->modified}; return;
    default: break;
    }
    const jd_attrview *a = attr_of(j, d, n->attr, &room);
    if (!a || a->dataset.p) return;
    if (n->kind == NAME_ATTR) attr_value(j, a, out);
    if (n->kind == NAME_MEMBER) member_value(j, d, a, n, out);
    if (n->kind == NAME_OBSERVED && a->observed != JD_TIME_NONE) *out = (jd_xval){.type = JD_X_TIME, .us = a->observed};
    if (n->kind == NAME_ATTR_MODIFIED) *out = (jd_xval){.type = JD_X_TIME, .us = a->modified};
    if (n->kind == NAME_UNIT && a->unit.p) *out = (jd_xval){.type = JD_X_TEXT, .text = a->unit};
}

static int let_value(judging *j, uint32_t i, jd_xval *out, jd_err *err) {
    if (j->let_state[i] != 1) {
        if (jd_expr_eval(j->x->lets[i].x, &j->host, &j->let[i], err)) return -1;
        j->let_state[i] = 1;
    }
    *out = j->let[i];
    return 0;
}

static int linked(judging *j, const rule_name *n, jd_doc *out) {
    jd_attrview a;
    jd_xval id = {.type = JD_X_NULL};
    const jd_doc *d = n->was ? j->was : j->is;
    if (!d || !jd_doc_attr(d, n->via, &a, NULL) || a.kind != JD_RELATIONSHIP) return 0;
    value_of(j, a.value, &id);
    if (id.type == JD_X_TEXTS && id.n) id = (jd_xval){.type = JD_X_TEXT, .text = id.texts[0]};
    return id.type == JD_X_TEXT && j->view->t && jd_view_get(j->view, id.text, out);
}

static int host_value(void *user, uint32_t number, jd_xval *out, jd_err *err) {
    judging *j = user;
    const rule_name *n = &j->x->names[number];
    jd_doc other;
    *out = (jd_xval){.type = JD_X_NULL};
    if (n->kind == NAME_LET) return let_value(j, n->index, out, err);
    const jd_doc *d = n->was ? j->was : j->is;
    if (n->via) d = linked(j, n, &other) ? &other : NULL;
    if (d) of_entity(j, d, n, out);
    return 0;
}

/* Readings go by observedAt, those of attributes that have none by when they were written. */
static jd_timeprop time_of(const judging *j, jd_sym attr) {
    jd_attrview room;
    const jd_doc *d = j->is ? j->is : j->was;
    const jd_attrview *a = d ? attr_of(j, d, attr, &room) : NULL;
    return a && a->observed == JD_TIME_NONE ? JD_TP_MODIFIED : JD_TP_OBSERVED;
}

static const jd_str none = {"@none", 5};

static int evolution(judging *j, uint32_t number, jd_window win, jd_evolution *out, jd_err *err) {
    jd_doc d;
    int hidden;
    const jd_doc *of = j->is ? j->is : j->was;
    jd_sym attr = j->x->names[number].attr;
    jd_wanted w = {.attrs = &attr, .attrs_n = 1, .datasets = &none, .datasets_n = 1};
    win.property = time_of(j, attr);
    win.given = 1;
    *out = (jd_evolution){.attrs_n = 0};
    if (!j->view->t || !jd_view_get_temporal(j->view, of->id, &d, &hidden)) return 0;
    return jd_view_evolution(j->view, &d, &w, &win, 0, j->a, out, err);
}

static size_t add_readings(const jd_evolution *e, jd_timeprop p, jd_xreading *to) {
    size_t n = 0;
    for (size_t k = 0; k < e->attrs_n; k++)
        for (size_t i = 0; i < e->attrs[k].n; i++) {
            const jd_inst *inst = &e->attrs[k].inst[i];
            if (inst->deleted) continue;
            int num = inst->a.kind == JD_PROPERTY && jd_node_type(inst->a.value) == JD_N_NUM;
            to[n++] = (jd_xreading){jd_inst_time(inst, p), num ? jd_node_num(inst->a.value) : (double)NAN};
        }
    return n;
}

static size_t count_of(const jd_evolution *e) {
    size_t n = 0;
    for (size_t k = 0; k < e->attrs_n; k++) n += e->attrs[k].n;
    return n;
}

/* The short way to readings of a window, from < at <= to. 1; 0: evolutions and aggregates are to be asked; -1. */
static int samples(judging *j, jd_sym attr, jd_time from, jd_time to, int before, jd_samples *out, jd_err *err) {
    jd_str id = j->is ? j->is->id : j->was->id;
    if (time_of(j, attr) != JD_TP_OBSERVED) return 0;
    return jd_view_samples(j->view, id, attr, from + 1, to, before, j->a, out, err);
}

static jd_xreading reading_of_sample(const jd_sample *s) {
    return (jd_xreading){s->at, s->numeric ? jd_num_double(s->num) : (double)NAN};
}

static int too_many(size_t n, uint64_t max, jd_err *err) {
    if (n <= max) return 0;
    return jd_fail(err, JD_E_TOO_COMPLEX_QUERY, "a window of %zu readings, of which at most %llu may be read",
                   "窗口含 %zu 个读数，超过上限 %llu", n, (unsigned long long)max);
}

static int host_readings(void *user, uint32_t number, jd_time from, jd_time to, int before, uint64_t max,
                         jd_xreading **out, size_t *n, jd_err *err) {
    judging *j = user;
    jd_sym attr = j->x->names[number].attr;
    jd_timeprop p = time_of(j, attr);
    jd_evolution in = {.attrs_n = 0}, older = {.attrs_n = 0};
    jd_samples s;
    int rc = samples(j, attr, from, to, before, &s, err);
    if (rc < 0) return -1;
    if (!rc && evolution(j, number, (jd_window){.from = from + 1, .to = to + 1}, &in, err)) return -1;
    if (before && !(rc && s.complete) &&
        evolution(j, number, (jd_window){.from = INT64_MIN + 1, .to = from + 1, .last_n = 1}, &older, err))
        return -1;
    size_t all = count_of(&older) + (rc ? s.n : count_of(&in));
    if (too_many(all, max, err)) return -1;
    *out = JD_NEWN(j->a, jd_xreading, all);
    *n = add_readings(&older, p, *out);
    jd_time reach = *n ? (*out)[0].at : INT64_MIN + 1;
    if (!rc) *n += add_readings(&in, p, *out + *n);
    for (size_t i = 0; rc && i < s.n; i++) (*out)[(*n)++] = reading_of_sample(&s.p[i]);
    /* next time the one before the window is to be known, too */
    if (rc && before && !s.complete && samples(j, attr, reach - 1, to, 0, &s, err) < 0) return -1;
    return 0;
}

enum { FOLD_METHODS = JD_AGG_AVG | JD_AGG_SUM | JD_AGG_MIN | JD_AGG_MAX | JD_AGG_TOTAL | JD_AGG_STDDEV };

/* All folds of a window at once: getting at the readings is what costs. */
static int fold(judging *j, jd_sym attr, jd_time from, jd_time to, jd_xval value[JD_XFOLDS], jd_err *err) {
    static const unsigned methods[JD_XFOLDS] = {
        [JD_XF_AVG] = JD_AGG_AVG,  [JD_XF_SUM] = JD_AGG_SUM,     [JD_XF_LEAST] = JD_AGG_MIN,
        [JD_XF_MOST] = JD_AGG_MAX, [JD_XF_COUNT] = JD_AGG_TOTAL, [JD_XF_STDDEV] = JD_AGG_STDDEV};
    const jd_acc *acc = NULL;
    jd_samples s;
    for (int i = 0; i < JD_XFOLDS; i++) value[i] = (jd_xval){.type = i == JD_XF_COUNT ? JD_X_NUM : JD_X_NULL};
    if (!j->view->t) return 0;
    int rc = samples(j, attr, from, to, 0, &s, err);
    if (rc < 0) return -1;
    for (size_t i = 0; rc && i < s.n; i++) rc = s.p[i].numeric;
    if (rc) {
        jd_acc *sum = jd_acc_new(j->a, FOLD_METHODS);
        for (size_t i = 0; i < s.n; i++) jd_acc_add_num(sum, s.p[i].num);
        acc = sum;
    } else {
        jd_doc d;
        int hidden;
        jd_taggr *list;
        size_t n = 0;
        jd_wanted w = {.attrs = &attr, .attrs_n = 1, .datasets = &none, .datasets_n = 1};
        jd_window win = {.property = time_of(j, attr), .given = 1, .from = from + 1, .to = to + 1};
        if (!jd_view_get_temporal(j->view, j->is ? j->is->id : j->was->id, &d, &hidden)) return 0;
        if (jd_view_aggregate(j->view, &d, &w, &win, &(jd_period){0, 0}, JD_TIME_NONE, FOLD_METHODS, j->a, &list, &n,
                              err))
            return -1;
        if (n && list[0].n) acc = list[0].bucket[0].acc;
    }
    for (int i = 0; acc && i < JD_XFOLDS; i++)
        if (!jd_acc_number(acc, methods[i], &value[i].num)) value[i].type = JD_X_NUM;
    return 0;
}

/* Rules that look at the same window of a change share what it comes to. */
static int host_fold(void *user, uint32_t number, jd_time from, jd_time to, jd_xfold how, jd_xval *out, jd_err *err) {
    judging *j = user;
    jd_sym attr = j->x->names[number].attr;
    found *f = j->found;
    struct found_fold mine = {.attr = attr, .from = from, .to = to}, *x = &mine;
    uint32_t i = 0;
    while (f && i < f->folds_n && (f->folds[i].attr != attr || f->folds[i].from != from || f->folds[i].to != to)) i++;
    if (f && i < f->folds_n) {
        x = &f->folds[i];
    } else {
        if (fold(j, attr, from, to, mine.value, err)) return -1;
        if (f && f->folds_n < FOUND_FOLDS) f->folds[f->folds_n++] = mine;
    }
    *out = x->value[how];
    return 0;
}

static int host_area(void *user, jd_str id, jd_xval *out, jd_err *err) {
    judging *j = user;
    jd_doc d;
    jd_attrview a;
    (void)err;
    *out = (jd_xval){.type = JD_X_NULL};
    if (j->view->t && jd_view_get(j->view, id, &d) && jd_doc_attr(&d, JD_SYM_LOCATION, &a, NULL) &&
        a.kind == JD_GEOPROPERTY)
        place_of(j, a.value, out);
    return 0;
}

static int host_age(void *user, uint32_t number, jd_time *at, jd_err *err) {
    judging *j = user;
    jd_attrview a;
    (void)err;
    *at = JD_TIME_NONE;
    if (j->is && jd_doc_attr(j->is, j->x->names[number].attr, &a, NULL))
        *at = a.observed == JD_TIME_NONE ? a.modified : a.observed;
    return 0;
}

void judging_ready(judging *j) {
    memset(j->let_state, 0, sizeof j->let_state);
    j->host = (jd_xhost){.user = j,
                         .now = j->now,
                         .end = j->end,
                         .arena = j->a,
                         .readings_max = j->readings_max,
                         .value = host_value,
                         .readings = host_readings,
                         .fold = host_fold,
                         .area = host_area,
                         .age = host_age};
}

/* A pack's rules and derivations: from their JSON to compiled ones, all or none. Their form is held by
 * schemas/rule.schema.json as well; what is checked here is what the program relies on. */
#include "rule/rule_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ID_MAX = 64, EVERY_LEAST_US = 1000000, EVERY_DEFAULT_US = 60000000 };

typedef struct making {
    naming names;
    rule *x;
    const jd_jval *v;
    jd_err *err;
} making;

static int bad(making *m, const char *place, const char *en, const char *zh) {
    jd_fail(m->err, JD_E_BAD_REQUEST_DATA, "%s: %s%.0s", "%s：%.0s%s", place, en, zh);
    return jd_fail_at(m->err, "%s", place);
}

/* An expression's own place becomes part of the member's. */
static int at_member(making *m, const char *place) {
    char inner[sizeof m->err->place];
    memcpy(inner, m->err->place, sizeof inner);
    m->err->place[0] = 0;
    return inner[0] ? jd_fail_at(m->err, "%s, %.100s", place, inner) : jd_fail_at(m->err, "%s", place);
}

static int expression(making *m, const jd_jval *v, const char *place, jd_xtype want, jd_expr **out) {
    *out = NULL;
    if (!v) return 0;
    if (v->type != JD_JSTR) return bad(m, place, "must be an expression in a string", "须为字符串形式的表达式");
    jd_xnames names = {&m->names, naming_find, naming_dear};
    return jd_expr_compile(jd_jstr(v), &names, want, NULL, out, m->err) ? at_member(m, place) : 0;
}

static int template(making *m, const jd_jval *v, const char *place, jd_xtpl **out) {
    *out = NULL;
    if (!v) return 0;
    if (v->type != JD_JSTR) return bad(m, place, "must be a text", "须为文本");
    jd_xnames names = {&m->names, naming_find, naming_dear};
    return jd_xtpl_compile(jd_jstr(v), &names, out, m->err) ? at_member(m, place) : 0;
}

static int text(making *m, const jd_jval *v, const char *name, const char *place, int needed, jd_str *out) {
    const jd_jval *s = jd_jget(v, name);
    *out = (jd_str){NULL, 0};
    if (!s) return needed ? bad(m, place, "must be there", "必须给出") : 0;
    if (s->type != JD_JSTR || !s->n) return bad(m, place, "must be a text", "须为文本");
    *out = jd_arena_dup(&m->x->arena, jd_jstr(s));
    return 0;
}

/* A duration as expressions write it: "90s", "15min", "24h", "7d". */
static int duration(making *m, const jd_jval *v, const char *name, int64_t *out) {
    static const jd_xnames no_names = {.user = NULL};
    const jd_jval *s = jd_jget(v, name);
    jd_expr *x;
    jd_xval value;
    *out = 0;
    if (!s) return 0;
    if (s->type != JD_JSTR || s->n > 20 || s->s[0] < '0' || s->s[0] > '9' ||
        jd_expr_compile(jd_jstr(s), &no_names, JD_X_DURATION, NULL, &x, m->err))
        return bad(m, name, "must be a duration such as \"15min\"", "须为时长，如 \"15min\"");
    jd_arena a;
    jd_arena_init(&a);
    jd_xhost host = {.arena = &a};
    int rc = jd_expr_eval(x, &host, &value, m->err);
    jd_arena_fini(&a);
    jd_expr_free(x);
    if (rc || value.type != JD_X_DURATION || value.us <= 0 || value.us > (int64_t)366 * 86400 * 1000000)
        return bad(m, name, "must be a duration of more than nothing and at most 366 days",
                   "须为大于零且不超过 366 天的时长");
    *out = value.us;
    return 0;
}

static int boolean(making *m, const jd_jval *v, const char *name, const char *place, int absent, int *out) {
    const jd_jval *s = jd_jget(v, name);
    *out = absent;
    if (!s) return 0;
    if (s->type != JD_JTRUE && s->type != JD_JFALSE)
        return bad(m, place, "must be true or false", "须为 true 或 false");
    *out = s->type == JD_JTRUE;
    return 0;
}

static int words(making *m, const jd_jval *v, const char *name, int needed, jd_words *out) {
    const jd_jval *s = jd_jget(v, name);
    char zh[80], en[80];
    *out = (jd_words){{NULL, 0}, {NULL, 0}};
    if (!s) return needed ? bad(m, name, "must be there", "必须给出") : 0;
    snprintf(zh, sizeof zh, "%s.zh", name);
    snprintf(en, sizeof en, "%s.en", name);
    return text(m, s, "zh", zh, 1, &out->zh) || text(m, s, "en", en, 1, &out->en) ? -1 : 0;
}

/* ---- members ---- */

static int identity(making *m) {
    rule *x = m->x;
    jd_str type;
    if (text(m, m->v, "id", "id", 1, &x->id)) return -1;
    int ok = x->id.n <= ID_MAX;
    for (size_t i = 0; i < x->id.n; i++) {
        char c = x->id.p[i];
        ok = ok && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-');
    }
    if (!ok)
        return bad(m, "id", "must be of a-z, 0-9 and hyphens, at most 64",
                   "须由 a-z、0-9 与连字符组成，最多 64 个字符");
    x->key = jd_arena_printf(&x->arena, "%.*s/%.*s", JD_STR_ARG(x->pack), JD_STR_ARG(x->id));
    x->hash = jd_hash(x->key.p, x->key.n);
    if (text(m, m->v, "type", "type", 1, &type)) return -1;
    jd_str iri = jd_ctx_expand(x->ctx, &x->arena, type);
    if (!iri.p) return bad(m, "type", "the @context gives it no meaning", "@context 未给出其含义");
    if (!(x->type = jd_sym_intern(m->names.symbols, iri, m->err))) return at_member(m, "type");
    jd_str state = jd_ctx_expand(x->ctx, &x->arena, JD_STR("deviceState"));
    if (state.p && !(x->device_state = jd_sym_intern(m->names.symbols, state, m->err))) return -1;
    return text(m, m->v, "entity", "entity", 0, &x->entity);
}

/* Lets come first: what stands behind may use them. */
static int lets(making *m) {
    const jd_jval *l = jd_jget(m->v, "let");
    if (!l) return 0;
    if (l->type != JD_JOBJ || l->n > LETS_MAX)
        return bad(m, "let", "must be an object of at most 32", "须为对象，最多 32 项");
    for (uint32_t i = 0; i < l->n; i++) {
        char place[100];
        rule_let *to = &m->x->lets[i];
        snprintf(place, sizeof place, "let.%.*s", (int)(l->members[i].name.n > 64 ? 64 : l->members[i].name.n),
                 l->members[i].name.p);
        if (expression(m, &l->members[i].val, place, JD_X_ANY, &to->x)) return -1;
        to->name = jd_arena_dup(&m->x->arena, l->members[i].name);
        m->x->lets_n++; /* a later one may use it */
    }
    return 0;
}

static int levels(making *m) {
    const jd_jval *l = jd_jget(m->v, "levels");
    if (!l || l->type != JD_JARR || !l->n || l->n > LEVELS_MAX)
        return bad(m, "levels", "must be a list of one to five", "须为一到五项的列表");
    for (uint32_t i = 0; i < l->n; i++) {
        char place[40];
        rule_level *to = &m->x->levels[i];
        const jd_jval *s = jd_jget(&l->items[i], "severity"), *when = jd_jget(&l->items[i], "when");
        int severity = s && s->type == JD_JSTR ? jd_severity_find(jd_jstr(s)) : -1;
        snprintf(place, sizeof place, "levels[%u].severity", i);
        if (severity < 0)
            return bad(m, place, "must be red, orange, yellow, blue or info", "须为 red、orange、yellow、blue 或 info");
        if (i && severity <= (int)m->x->levels[i - 1].severity)
            return bad(m, place, "levels stand from the worst down", "级别须由重到轻排列");
        to->severity = (jd_severity)severity;
        m->x->levels_n++;
        snprintf(place, sizeof place, "levels[%u].when", i);
        if (!when) return bad(m, place, "must be there", "必须给出");
        if (expression(m, when, place, JD_X_BOOL, &to->when)) return -1;
        snprintf(place, sizeof place, "levels[%u].until", i);
        if (expression(m, jd_jget(&l->items[i], "until"), place, JD_X_BOOL, &to->until)) return -1;
    }
    return 0;
}

static int goes_by_time(const rule *x) {
    int yes = x->where && jd_expr_goes_by_time(x->where);
    for (uint32_t i = 0; i < x->lets_n; i++) yes |= jd_expr_goes_by_time(x->lets[i].x);
    for (uint32_t i = 0; i < x->levels_n; i++)
        yes |=
            jd_expr_goes_by_time(x->levels[i].when) || (x->levels[i].until && jd_expr_goes_by_time(x->levels[i].until));
    return yes;
}

static int times(making *m) {
    rule *x = m->x;
    const jd_jval *old = jd_jget(m->v, "old");
    const jd_jval *every = jd_jget(m->v, "every");
    int never = every && jd_jis(every, "never");
    if ((!never && duration(m, m->v, "every", &x->every_us)) || duration(m, m->v, "for", &x->for_us) ||
        duration(m, m->v, "clearAfter", &x->clear_us))
        return -1;
    if (x->every_us && x->every_us < EVERY_LEAST_US) return bad(m, "every", "is one second at least", "至少为一秒");
    if (!x->every_us && !never && goes_by_time(x)) x->every_us = EVERY_DEFAULT_US;
    if (!old) return 0;
    if (old->type != JD_JOBJ) return bad(m, "old", "must be an object", "须为对象");
    if (duration(m, old, "after", &x->old_us)) {
        m->err->place[0] = 0;
        return jd_fail_at(m->err, "old.after");
    }
    if (!x->old_us) return bad(m, "old.after", "must be there", "必须给出");
    return boolean(m, old, "count", "old.count", 0, &x->old_count);
}

static int unless(making *m) {
    rule *x = m->x;
    const jd_jval *l = jd_jget(m->v, "unless");
    if (!l) return 0;
    if (l->type != JD_JARR || l->n > UNLESS_MAX)
        return bad(m, "unless", "must be a list of at most 16", "须为列表，最多 16 项");
    for (uint32_t i = 0; i < l->n; i++) {
        if (l->items[i].type != JD_JSTR || !l->items[i].n) return bad(m, "unless", "must name rules", "须为规则名");
        jd_str s = jd_jstr(&l->items[i]);
        x->unless[x->unless_n++] = memchr(s.p, '/', s.n)
                                       ? jd_arena_dup(&x->arena, s)
                                       : jd_arena_printf(&x->arena, "%.*s/%.*s", JD_STR_ARG(x->pack), JD_STR_ARG(s));
    }
    return 0;
}

static int evidence(making *m) {
    rule *x = m->x;
    const jd_jval *l = jd_jget(m->v, "evidence");
    if (!l) return 0;
    if (l->type != JD_JARR || l->n > EVIDENCE_MAX)
        return bad(m, "evidence", "must be a list of at most 16", "须为列表，最多 16 项");
    for (uint32_t i = 0; i < l->n; i++) {
        char place[40];
        snprintf(place, sizeof place, "evidence[%u]", i);
        if (expression(m, &l->items[i], place, JD_X_ANY, &x->evidence[i].x)) return -1;
        x->evidence[i].name = jd_arena_dup(&x->arena, jd_jstr(&l->items[i]));
        x->evidence_n++;
    }
    return 0;
}

static int tells(making *m) {
    rule *x = m->x;
    const jd_jval *l = jd_jget(m->v, "tell");
    if (!l) return 0;
    if (l->type != JD_JARR || l->n > TELL_MAX)
        return bad(m, "tell", "must be a list of at most 16", "须为列表，最多 16 项");
    for (uint32_t i = 0; i < l->n; i++) {
        char place[40];
        rule_tell *t = &x->tell[x->tell_n];
        const jd_jval *least = jd_jget(&l->items[i], "atLeast");
        snprintf(place, sizeof place, "tell[%u]", i);
        if (text(m, &l->items[i], "contact", place, 0, &t->to.contact) ||
            text(m, &l->items[i], "roster", place, 0, &t->to.roster))
            return -1;
        if (!t->to.contact.p == !t->to.roster.p)
            return bad(m, place, "names a contact or a roster", "须给出 contact 或 roster 之一");
        int severity = !least ? JD_INFO : least->type == JD_JSTR ? jd_severity_find(jd_jstr(least)) : -1;
        snprintf(place, sizeof place, "tell[%u].atLeast", i);
        if (severity < 0)
            return bad(m, place, "must be red, orange, yellow, blue or info", "须为 red、orange、yellow、blue 或 info");
        t->at_least = (jd_severity)severity;
        x->tell_n++;
    }
    return 0;
}

static int commands(making *m) {
    rule *x = m->x;
    const jd_jval *c = jd_jget(m->v, "command"), *body;
    jd_buf b = {0};
    jd_str on;
    if (!c) return 0;
    if (c->type != JD_JOBJ) return bad(m, "command", "must be an object", "须为对象");
    if (text(m, c, "link", "command.link", 1, &x->command.link) ||
        template(m, jd_jget(c, "device"), "command.device", &x->command.device))
        return -1;
    if (!x->command.device) return bad(m, "command.device", "must be there", "必须给出");
    if (!(body = jd_jget(c, "body")) || body->type != JD_JOBJ)
        return bad(m, "command.body", "must be an object", "须为对象");
    jd_json_write(&b, body);
    x->command.body = jd_arena_dup(&x->arena, jd_buf_view(&b));
    jd_buf_fini(&b);
    if (text(m, c, "on", "command.on", 0, &on)) return -1;
    x->command.on_clear = on.p && jd_str_is(on, "clear");
    x->command.on_raise = !x->command.on_clear;
    return on.p && !jd_str_is(on, "raise") && !jd_str_is(on, "clear")
               ? bad(m, "command.on", "must be raise or clear", "须为 raise 或 clear")
               : 0;
}

static int a_rule(making *m) {
    rule *x = m->x;
    const jd_jval *said = jd_jget(m->v, "text");
    if (words(m, m->v, "title", 1, &x->title) || lets(m) ||
        expression(m, jd_jget(m->v, "where"), "where", JD_X_BOOL, &x->where) || levels(m))
        return -1;
    uint32_t judged = x->watched_n; /* what is only told of sets nothing off */
    if (times(m) || unless(m) || evidence(m) || tells(m) || commands(m) ||
        text(m, m->v, "category", "category", 0, &x->category.en))
        return -1;
    if (said && (template(m, jd_jget(said, "zh"), "text.zh", &x->text_zh) ||
                 template(m, jd_jget(said, "en"), "text.en", &x->text_en)))
        return -1;
    x->watched_n = judged;
    return 0;
}

static int a_derivation(making *m) {
    rule *x = m->x;
    jd_str attr;
    const jd_jval *value = jd_jget(m->v, "value");
    if (text(m, m->v, "attribute", "attribute", 1, &attr) || text(m, m->v, "unit", "unit", 0, &x->unit) || lets(m) ||
        expression(m, jd_jget(m->v, "where"), "where", JD_X_BOOL, &x->where))
        return -1;
    if (!value) return bad(m, "value", "must be there", "必须给出");
    if (expression(m, value, "value", JD_X_ANY, &x->levels[0].when)) return -1;
    x->levels_n = 1;
    jd_str iri = jd_ctx_expand(x->ctx, &x->arena, attr);
    if (!iri.p) return bad(m, "attribute", "the @context gives it no meaning", "@context 未给出其含义");
    if (!(x->derives = jd_sym_intern(m->names.symbols, iri, m->err))) return at_member(m, "attribute");
    return times(m);
}

void rule_free(rule *x) {
    if (!x) return;
    jd_expr_free(x->where);
    for (uint32_t i = 0; i < x->lets_n; i++) jd_expr_free(x->lets[i].x);
    for (uint32_t i = 0; i < LEVELS_MAX; i++) jd_expr_free(x->levels[i].when), jd_expr_free(x->levels[i].until);
    for (uint32_t i = 0; i < x->evidence_n; i++) jd_expr_free(x->evidence[i].x);
    jd_xtpl_free(x->text_zh);
    jd_xtpl_free(x->text_en);
    jd_xtpl_free(x->command.device);
    jd_ctx_unref(x->ctx);
    jd_arena_fini(&x->arena);
    free(x);
}

static rule *make_one(jd_engine *e, const jd_pack_rules *in, const jd_jval *v, jd_err *err) {
    rule *x = jd_xcalloc(1, sizeof *x);
    jd_buf b = {0};
    jd_arena_init(&x->arena);
    x->pack = jd_arena_dup(&x->arena, in->pack);
    x->ctx = jd_ctx_ref(in->ctx);
    x->symbols = jd_engine_symbols(e);
    making m = {{x, jd_engine_symbols(e), in->model, in->model_n}, x, v, err};
    jd_json_write(&b, v);
    x->text_hash = jd_hash_fixed(b.p, b.n);
    jd_buf_fini(&b);
    if (v->type != JD_JOBJ) {
        bad(&m, "rule", "must be an object", "须为对象");
    } else if (!identity(&m) && !(jd_jget(v, "derive") ? a_derivation(&m) : a_rule(&m))) {
        return x;
    }
    rule_free(x);
    return NULL;
}

/* ---- all of a pack: ids, circles ---- */

typedef struct whole {
    const jd_ruleset *s;
    jd_strmap keys;
    unsigned char *seen; /* 1: being looked at, 2: done */
} whole;

/* A rule stands behind those that it waits for. -1: they wait for each other. */
static int rank(whole *w, uint32_t i) {
    rule *x = w->s->rules[i];
    if (w->seen[i]) return w->seen[i] == 2 ? 0 : -1;
    w->seen[i] = 1;
    for (uint32_t k = 0; k < x->unless_n; k++) {
        uint32_t other = jd_strmap_get(&w->keys, x->unless[k]);
        if (other == JD_STRMAP_NONE) continue;
        if (rank(w, other)) return -1;
        if (w->s->rules[other]->rank >= x->rank) x->rank = w->s->rules[other]->rank + 1;
    }
    w->seen[i] = 2;
    return 0;
}

static int reads(const rule *x, jd_sym attr) {
    for (uint32_t i = 0; i < x->watched_n; i++)
        if (x->watched[i] == attr) return 1;
    return 0;
}

/* Does what rule i derives lead, by way of others, back to what it reads itself? */
static int in_a_circle(whole *w, uint32_t i) {
    const rule *x = w->s->rules[i];
    if (w->seen[i]) return w->seen[i] == 1;
    w->seen[i] = 1;
    for (size_t k = 0; k < w->s->n; k++) {
        const rule *next = w->s->rules[k];
        if (next->derives && next->type == x->type && reads(next, x->derives) && in_a_circle(w, (uint32_t)k)) return 1;
    }
    w->seen[i] = 2;
    return 0;
}

static int check_all(const jd_ruleset *s, const jd_pack_rules *in, size_t *at, jd_err *err) {
    whole w = {.s = s, .seen = jd_xcalloc(s->n + 1, 1)};
    int rc = 0;
    jd_strmap_init(&w.keys);
    for (uint32_t i = 0; i < s->n && !rc; i++) {
        making m = {{s->rules[i], NULL, NULL, 0}, s->rules[i], in->declarations[i], err};
        *at = i;
        if (jd_strmap_add(&w.keys, s->rules[i]->key, i) != i)
            rc = bad(&m, "id", "another one of this pack has it", "本包中已有同名的");
    }
    for (uint32_t i = 0; i < s->n && !rc; i++) {
        rule *x = s->rules[i];
        making m = {{x, NULL, NULL, 0}, x, in->declarations[i], err};
        *at = i;
        if (!x->derives && x->unless_n && rank(&w, i))
            rc = bad(&m, "unless", "these rules wait for each other", "这些规则互相等待");
        else if (x->derives && in_a_circle(&w, i))
            rc = bad(&m, "value", "derivations go in a circle", "派生关系成环");
    }
    jd_strmap_fini(&w.keys);
    free(w.seen);
    return rc;
}

int jd_ruleset_make(jd_engine *engine, const jd_pack_rules *in, jd_ruleset **out, size_t *at, jd_err *err) {
    jd_ruleset *s = jd_xcalloc(1, sizeof *s);
    s->pack = (jd_str){jd_xstrdup(in->pack), in->pack.n};
    s->rules = jd_xcalloc(in->n ? in->n : 1, sizeof *s->rules);
    int rc = 0;
    for (size_t i = 0; i < in->n && !rc; i++) {
        *at = i;
        s->rules[i] = make_one(engine, in, in->declarations[i], err);
        if (s->rules[i])
            s->n++;
        else
            rc = -1;
    }
    if (!rc) rc = check_all(s, in, at, err);
    if (rc) {
        jd_ruleset_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

int jd_ruleset_only(jd_ruleset *s, jd_str id) {
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (jd_str_eq(s->rules[i]->id, id) && !s->rules[i]->derives)
            s->rules[kept++] = s->rules[i];
        else
            rule_free(s->rules[i]);
    }
    s->n = kept;
    return kept == 1 ? 0 : -1;
}

void jd_ruleset_free(jd_ruleset *s) {
    if (!s) return;
    for (size_t i = 0; i < s->n; i++) rule_free(s->rules[i]);
    free(s->rules);
    free((char *)(uintptr_t)s->pack.p);
    free(s);
}

/* A value held against a compiled schema: all faults, each with what was expected. */
#include "json/schema_int.h"

#include <stdio.h>
#include <stdlib.h>

enum { RUN_DEPTH_MAX = 400, SHOWN = 60 };

/* ---- faults ---- */

void schema__fault(schema_run *r, const jd_jstep *at, const char *en, const char *zh, ...) {
    va_list args;
    jd_err text = {0};
    if (r->n >= JD_SCHEMA_FAULTS_MAX) return;
    va_start(args, zh);
    jd_failv(&text, JD_E_BAD_REQUEST_DATA, en, zh, args);
    va_end(args);
    jd_schema_fault *f = JD_NEW(r->a, jd_schema_fault);
    f->at = at;
    f->en = jd_arena_dup(r->a, jd_str_of(text.en)).p;
    f->zh = jd_arena_dup(r->a, jd_str_of(text.zh)).p;
    *r->last = f;
    r->last = &f->next;
    r->n++;
}

jd_schema_fault *schema__apart(schema_run *r, const schema_node *node, const jd_jval *v, const jd_jstep *at,
                               uint32_t *n) {
    schema_run own = {.s = r->s, .a = r->a, .depth = r->depth};
    own.last = &own.first;
    schema__check(&own, node, v, at);
    *n = own.n;
    return own.first;
}

static int fits(schema_run *r, const schema_node *node, const jd_jval *v, const jd_jstep *at) {
    jd_arena_mark mark = jd_arena_tell(r->a);
    uint32_t n;
    schema__apart(r, node, v, at, &n);
    jd_arena_rewind(r->a, mark);
    return n == 0;
}

static const jd_jstep *down(schema_run *r, const jd_jstep *up, jd_str name, uint32_t i) {
    jd_jstep *s = JD_NEW(r->a, jd_jstep);
    *s = (jd_jstep){up, name, i};
    return s;
}

/* ---- texts ---- */

jd_str schema__types_text(jd_arena *a, unsigned types, int zh) {
    static const char *const en[] = {"null",     "true or false", "a whole number", "a number",
                                     "a string", "an array",      "an object"};
    static const char *const cn[] = {"null", "true 或 false", "整数", "数字", "字符串", "数组", "对象"};
    jd_buf b = {0};
    int left = __builtin_popcount(types);
    for (unsigned i = 0; i < 7; i++) {
        if (!(types >> i & 1)) continue;
        jd_buf_z(&b, zh ? cn[i] : en[i]);
        if (--left) jd_buf_z(&b, left == 1 ? (zh ? "或" : " or ") : (zh ? "、" : ", "));
    }
    jd_str out = jd_arena_dup(a, jd_buf_view(&b));
    jd_buf_fini(&b);
    return out;
}

static void shown(jd_buf *b, const jd_jval *v) {
    jd_buf one = {0};
    jd_json_write(&one, v);
    size_t n = one.n;
    if (n > SHOWN) {
        n = SHOWN;
        while (n && ((unsigned char)one.p[n] & 0xC0) == 0x80) n--;
    }
    jd_buf_add(b, one.p, n);
    if (n < one.n) jd_buf_z(b, "...");
    jd_buf_fini(&one);
}

jd_str schema__values_text(jd_arena *a, const jd_jval *items, uint32_t n) {
    jd_buf b = {0};
    for (uint32_t i = 0; i < n; i++) {
        if (i) jd_buf_z(&b, ", ");
        shown(&b, &items[i]);
    }
    jd_str out = jd_arena_dup(a, jd_buf_view(&b));
    jd_buf_fini(&b);
    return out;
}

/* ---- types ---- */

static int is_whole(const jd_jval *v) {
    double d = jd_jnum(v);
    return d - d == 0 && (d > 9e15 || d < -9e15 || d == (double)(int64_t)d);
}

int schema__type_fits(unsigned types, const jd_jval *v) {
    switch (v->type) {
    case JD_JNULL: return (types & T_NULL) != 0;
    case JD_JFALSE:
    case JD_JTRUE: return (types & T_BOOLEAN) != 0;
    case JD_JDEC:
    case JD_JNUM: return types & T_NUMBER || (types & T_INTEGER && is_whole(v));
    case JD_JSTR: return (types & T_STRING) != 0;
    case JD_JARR: return (types & T_ARRAY) != 0;
    case JD_JOBJ: return (types & T_OBJECT) != 0;
    }
    return 0;
}

const schema_node *schema__follow(const schema_node *node) {
    for (int i = 0; i < 32 && node->ref && !node->types && !node->props_n && !node->one.v && !node->any.v; i++)
        node = node->ref;
    return node;
}

/* ---- by type of value ---- */

static void check_number(schema_run *r, const schema_node *n, const jd_jval *v, const jd_jstep *at) {
    double d = jd_jnum(v);
    if (n->has_least && (n->least_out ? !(d > n->least) : !(d >= n->least)))
        schema__fault(r, at, n->least_out ? "must be more than %.17g" : "must be at least %.17g",
                      n->least_out ? "须大于 %.17g" : "不得小于 %.17g", n->least);
    if (n->has_most && (n->most_out ? !(d < n->most) : !(d <= n->most)))
        schema__fault(r, at, n->most_out ? "must be less than %.17g" : "must be at most %.17g",
                      n->most_out ? "须小于 %.17g" : "不得大于 %.17g", n->most);
}

static void check_string(schema_run *r, const schema_node *n, const jd_jval *v, const jd_jstep *at) {
    uint32_t chars = 0;
    for (uint32_t i = 0; i < v->n; i++) chars += ((unsigned char)v->s[i] & 0xC0) != 0x80;
    if (chars < n->len_least) {
        if (n->len_least == 1)
            schema__fault(r, at, "must not be empty", "不能为空");
        else
            schema__fault(r, at, "must have at least %u characters", "至少须有 %u 个字符", n->len_least);
    }
    if (chars > n->len_most) schema__fault(r, at, "must have at most %u characters", "至多 %u 个字符", n->len_most);
    if (n->pattern && !r->s->re->test(n->pattern, jd_jstr(v)))
        schema__fault(r, at, "must match %.*s", "须符合 %.*s", (int)(n->pattern_text.n > 200 ? 200 : n->pattern_text.n),
                      n->pattern_text.p);
}

typedef struct hashed {
    uint64_t hash;
    uint32_t i;
} hashed;

/* Equal values have equal hashes: members count in any order, numbers by their value. */
static uint64_t value_hash(const jd_jval *v) {
    uint64_t h = (uint64_t)v->type * 0x9E3779B97F4A7C15u;
    if (v->type == JD_JNUM) {
        double d = jd_jnum(v) + 0.0; /* -0 and 0 are equal */
        uint64_t bits = 0;
        if (d - d == 0) memcpy(&bits, &d, sizeof bits);
        return h ^ bits * 0xC2B2AE3D27D4EB4Fu;
    }
    for (uint32_t i = 0; v->type == JD_JSTR && i < v->n; i++) h = (h ^ (unsigned char)v->s[i]) * 0x100000001B3u;
    for (uint32_t i = 0; v->type == JD_JARR && i < v->n; i++) h = (h ^ value_hash(&v->items[i])) * 0x100000001B3u;
    for (uint32_t i = 0; v->type == JD_JOBJ && i < v->n; i++) {
        jd_jval name = jd_jmake_str(v->members[i].name);
        h += (value_hash(&name) ^ value_hash(&v->members[i].val)) * 0x9E3779B97F4A7C15u;
    }
    return h;
}

static int by_hash(const void *x, const void *y) {
    const hashed *a = x, *b = y;
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    return a->i < b->i ? -1 : 1;
}

static void check_unique(schema_run *r, const jd_jval *v, const jd_jstep *at) {
    hashed *all = jd_xmalloc((v->n + 1) * sizeof *all);
    for (uint32_t i = 0; i < v->n; i++) all[i] = (hashed){value_hash(&v->items[i]), i};
    qsort(all, v->n, sizeof *all, by_hash);
    for (uint32_t i = 1; i < v->n; i++) {
        const hashed *a = &all[i - 1], *b = &all[i];
        if (a->hash != b->hash || !jd_jequal(&v->items[a->i], &v->items[b->i])) continue;
        schema__fault(r, down(r, at, (jd_str){NULL, 0}, b->i), "stands here twice (it is [%u] already)",
                      "重复（与 [%u] 相同）", a->i);
        break;
    }
    free(all);
}

static void check_array(schema_run *r, const schema_node *n, const jd_jval *v, const jd_jstep *at) {
    if (v->n < n->items_least)
        schema__fault(r, at, "must have at least %u elements", "至少须有 %u 个元素", n->items_least);
    if (v->n > n->items_most) schema__fault(r, at, "must have at most %u elements", "至多 %u 个元素", n->items_most);
    for (uint32_t i = 0; i < v->n; i++) {
        const schema_node *one = i < n->prefix.n ? n->prefix.v[i] : n->items;
        if (one) schema__check(r, one, &v->items[i], down(r, at, (jd_str){NULL, 0}, i));
    }
    if (n->unique) check_unique(r, v, at);
}

static jd_str known_names(schema_run *r, const schema_node *n) {
    jd_buf b = {0};
    for (uint32_t i = 0; i < n->props_n && b.n < 220; i++) {
        if (n->props[i].node->boolean < 0) continue;
        if (b.n) jd_buf_z(&b, ", ");
        jd_buf_str(&b, n->props[i].name);
    }
    if (b.n >= 220) jd_buf_z(&b, ", ...");
    jd_str out = jd_arena_dup(r->a, jd_buf_view(&b));
    jd_buf_fini(&b);
    return out;
}

static void check_member(schema_run *r, const schema_node *n, const jd_jmember *m, const jd_jstep *at) {
    int known = 0;
    if (n->names) {
        jd_jval name = jd_jmake_str(m->name);
        if (!fits(r, n->names, &name, at)) schema__fault(r, at, "is no name that may stand here", "名称不合要求");
    }
    for (uint32_t i = 0; i < n->props_n; i++) {
        if (!jd_str_eq(n->props[i].name, m->name)) continue;
        known = 1;
        schema__check(r, n->props[i].node, &m->val, at);
    }
    for (uint32_t i = 0; i < n->patterns_n; i++) {
        if (!r->s->re->test(n->patterns[i].re, m->name)) continue;
        known = 1;
        schema__check(r, n->patterns[i].node, &m->val, at);
    }
    if (known || !n->additional) return;
    if (n->additional->boolean >= 0) {
        schema__check(r, n->additional, &m->val, at);
        return;
    }
    jd_str names = known_names(r, n);
    schema__fault(r, at, "is not known here; known are: %.*s", "此处没有这一成员；可用的有：%.*s", JD_STR_ARG(names));
}

static void check_object(schema_run *r, const schema_node *n, const jd_jval *v, const jd_jstep *at) {
    if (v->n < n->members_least)
        schema__fault(r, at, "must have at least %u members", "至少须有 %u 个成员", n->members_least);
    if (v->n > n->members_most) schema__fault(r, at, "must have at most %u members", "至多 %u 个成员", n->members_most);
    for (uint32_t i = 0; n->required && i < n->required->n; i++) {
        jd_str name = jd_jstr(&n->required->items[i]);
        if (!jd_jget_str(v, name))
            schema__fault(r, at, "the member \"%.*s\" is missing", "缺少成员“%.*s”", JD_STR_ARG(name));
    }
    for (uint32_t i = 0; i < v->n; i++) check_member(r, n, &v->members[i], down(r, at, v->members[i].name, i));
}

/* ---- one node ---- */

static void check_values(schema_run *r, const schema_node *n, const jd_jval *v, const jd_jstep *at) {
    if (n->constant && !jd_jequal(n->constant, v)) {
        jd_str text = schema__values_text(r->a, n->constant, 1);
        schema__fault(r, at, "must be %.*s", "须为 %.*s", JD_STR_ARG(text));
    }
    int found = !n->enums;
    for (uint32_t i = 0; !found && i < n->enums->n; i++) found = jd_jequal(&n->enums->items[i], v);
    if (!found) {
        jd_str text = schema__values_text(r->a, n->enums->items, n->enums->n);
        schema__fault(r, at, "must be one of %.*s", "须为其中之一：%.*s", JD_STR_ARG(text));
    }
}

static void check_applied(schema_run *r, const schema_node *n, const jd_jval *v, const jd_jstep *at) {
    if (n->ref) schema__check(r, n->ref, v, at);
    for (uint32_t i = 0; i < n->all.n; i++) schema__check(r, n->all.v[i], v, at);
    if (n->any.v) schema__choice(r, &n->any, 0, v, at);
    if (n->one.v) schema__choice(r, &n->one, 1, v, at);
    if (n->no && fits(r, n->no, v, at)) schema__fault(r, at, "must not be like this", "不得如此");
    if (n->cond) {
        const schema_node *next = fits(r, n->cond, v, at) ? n->then : n->other;
        if (next) schema__check(r, next, v, at);
    }
}

void schema__check(schema_run *r, const schema_node *n, const jd_jval *v, const jd_jstep *at) {
    if (n->boolean > 0) return;
    if (n->boolean < 0) {
        schema__fault(r, at, "may not stand here", "此处不可有");
        return;
    }
    if (r->depth >= RUN_DEPTH_MAX) {
        schema__fault(r, at, "is nested too deep", "嵌套过深");
        return;
    }
    r->depth++;
    if (n->types && !schema__type_fits(n->types, v)) {
        jd_str en = schema__types_text(r->a, n->types, 0), zh = schema__types_text(r->a, n->types, 1);
        schema__fault(r, at, "must be %s%.0s", "须为%.0s%s", en.p, zh.p);
    } else {
        check_values(r, n, v, at);
        if (v->type == JD_JNUM) check_number(r, n, v, at);
        if (v->type == JD_JSTR) check_string(r, n, v, at);
        if (v->type == JD_JARR) check_array(r, n, v, at);
        if (v->type == JD_JOBJ) check_object(r, n, v, at);
        check_applied(r, n, v, at);
    }
    r->depth--;
}

const jd_schema_fault *jd_schema_check(const jd_schema *s, const jd_jval *v, jd_arena *a) {
    schema_run r = {.s = s, .a = a};
    r.last = &r.first;
    schema__check(&r, s->top, v, NULL);
    return r.first;
}

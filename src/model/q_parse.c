/* q (clause 4.9): from text to terms and jumps. */
#include "model/q_int.h"

#include <math.h>

enum { VALUES_MAX = 1000, TYPES_MAX = 32, REGEX_MAX = 1000 };

typedef struct compiler {
    const jd_names *n;
    jd_q *q;
    uint32_t regex_max, values, terms_cap, regexes_cap;
    q_list expand, json;
} compiler;

/* ---- operands ---- */

int64_t q_clock(jd_str s) {
    char text[48] = "1970-01-01T";
    size_t n = s.n < 36 ? s.n : 36;
    memcpy(text + 11, s.p, n);
    jd_time t;
    if (jd_time_parse((jd_str){text, 11 + n}, &t, NULL)) return 0;
    return t;
}

static int is_number(jd_str s) { /* RFC 8259, production number */
    size_t i = 0, n = s.n;
    const char *p = s.p;
#define DIGIT (i < n && p[i] >= '0' && p[i] <= '9')
    if (i < n && p[i] == '-') i++;
    if (!DIGIT) return 0;
    if (p[i++] != '0')
        while (DIGIT) i++;
    if (i < n && p[i] == '.') {
        i++;
        if (!DIGIT) return 0;
        while (DIGIT) i++;
    }
    if (i < n && (p[i] | 32) == 'e') {
        i++;
        if (i < n && (p[i] == '+' || p[i] == '-')) i++;
        if (!DIGIT) return 0;
        while (DIGIT) i++;
    }
#undef DIGIT
    return i == n;
}

static int looks_numeric(jd_str s) {
    return s.n && (s.p[0] == '-' || s.p[0] == '+' || s.p[0] == '.' || (s.p[0] >= '0' && s.p[0] <= '9'));
}

static int word_char(char c, int uri) {
    if ((unsigned char)c <= ' ' || c == 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' || c == '^' || c == '`')
        return 0;
    return uri || !strchr("=!~(){}[]", c);
}

/* What stands unquoted up to the next operator: a number, a boolean, a date or time, a URI, a word. */
static jd_str bare_token(q_scan *s) {
    const char *from = s->p;
    int depth = 0;
    for (; s->p < s->end; s->p++) {
        char c = *s->p;
        if (c == ' ' || c == ';' || c == '|' || c == ',') break;
        if (c == '(') depth++;
        if (c == ')' && depth-- == 0) break;
    }
    return (jd_str){from, (size_t)(s->p - from)};
}

static int text_value(compiler *c, jd_str text, int quoted, q_val *v) {
    *v = (q_val){.kind = Q_V_TEXT, .text = jd_arena_dup(c->n->arena, text)};
    if (quoted) v->is_time = jd_time_parse(v->text, &v->time, NULL) == 0;
    return 0;
}

static int bare_value(compiler *c, q_scan *s, jd_str t, q_val *v) {
    const char *at = t.p;
    *v = (q_val){0};
    if (jd_str_is(t, "true") || jd_str_is(t, "false")) {
        v->kind = Q_V_BOOL;
        v->num = t.n == 4;
        return 0;
    }
    if (is_number(t)) {
        jd_jval n = {.type = JD_JNUM, .n = (uint32_t)t.n, .s = t.p};
        v->kind = Q_V_NUM;
        v->num = jd_jnum(&n);
        return isfinite(v->num) ? 0 : Q_REFUSE(s, at, JD_E_BAD_REQUEST_DATA, "the number is too large", "数值过大");
    }
    if (jd_time_parse(t, &v->time, NULL) == 0) {
        v->kind = Q_V_TIME;
        v->is_time = 1;
        return 0;
    }
    if (jd_date_valid(t)) {
        v->kind = Q_V_DATE;
        v->text = jd_arena_dup(c->n->arena, t);
        return 0;
    }
    if (t.n < 36 && jd_timeofday_valid(t)) {
        v->kind = Q_V_CLOCK;
        v->time = q_clock(t);
        return 0;
    }
    const char *colon = memchr(t.p, ':', t.n);
    int uri = colon && !looks_numeric(t);
    size_t i = 0;
    while (i < t.n && word_char(t.p[i], uri)) i++;
    if (i < t.n || !t.n || (looks_numeric(t) && !uri))
        return Q_EXPECTED(s, at + i * (size_t)uri, "a number, a quoted string, true, false, a date or time, or a URI",
                          "数字、带引号的字符串、true、false、日期时间或 URI");
    return text_value(c, t, 0, v);
}

static int quoted_value(compiler *c, q_scan *s, q_val *v) {
    const char *from = s->p, *p = from + 1;
    while (p < s->end && *p != '"') p += *p == '\\' && p + 1 < s->end ? 2 : 1;
    jd_jval text;
    if (p >= s->end) {
        s->p = s->end;
        return Q_EXPECTED(s, s->end, "'\"'", "“\"”");
    }
    if (jd_json_parse(c->n->arena, (jd_str){from, (size_t)(p + 1 - from)}, NULL, &text, NULL))
        return Q_EXPECTED(s, from, "a string as JSON writes it", "符合 JSON 写法的字符串");
    s->p = p + 1;
    return text_value(c, jd_jstr(&text), 1, v);
}

/* One value, or a range when one may stand here and does. */
static int parse_value(compiler *c, q_scan *s, int may_range, q_val v[2], int *range) {
    *range = 0;
    q_blanks(s);
    const char *at = s->p, *dots = NULL;
    jd_str rest;
    if (s->p < s->end && *s->p == '"') {
        if (quoted_value(c, s, &v[0])) return -1;
        if (s->end - s->p < 2 || memcmp(s->p, "..", 2) != 0) return 0;
        dots = s->p;
    } else {
        jd_str t = bare_token(s);
        dots = memmem(t.p, t.n, "..", 2);
        if (dots && memchr(t.p, ':', (size_t)(dots - t.p)) && !looks_numeric(t)) dots = NULL; /* a URI */
        if (!dots) return bare_value(c, s, t, &v[0]);
        if (bare_value(c, s, (jd_str){t.p, (size_t)(dots - t.p)}, &v[0])) return -1;
        if (v[0].kind == Q_V_BOOL || v[0].kind == Q_V_TEXT)
            return Q_EXPECTED(s, at, "a range of numbers, quoted strings, dates or times",
                              "数字、带引号字符串、日期或时间的范围");
    }
    if (!may_range)
        return Q_REFUSE(s, dots, JD_E_BAD_REQUEST_DATA, "a range is only allowed behind == and !=, and not in a list",
                        "范围只能用在 == 和 != 之后，且不能放在列表中");
    s->p = dots + 2;
    if (s->p < s->end && *s->p == '"') {
        at = s->p;
        if (quoted_value(c, s, &v[1])) return -1;
    } else {
        rest = bare_token(s);
        at = rest.p;
        if (bare_value(c, s, rest, &v[1])) return -1;
    }
    if (v[0].kind != v[1].kind)
        return Q_REFUSE(s, at, JD_E_BAD_REQUEST_DATA, "both ends of a range must be of one kind",
                        "范围的两端必须是同一类值");
    *range = 1;
    return 0;
}

static int parse_values(compiler *c, q_scan *s, q_term *t) {
    int equality = t->op == Q_EQ || t->op == Q_NE;
    uint32_t cap = 0;
    q_val v[2];
    do {
        q_blanks(s);
        const char *at = s->p;
        int range;
        if (parse_value(c, s, equality && t->vals_n == 0, v, &range)) return -1;
        if (!equality && (v[0].kind == Q_V_BOOL || (v[0].kind == Q_V_TEXT && *at != '"')))
            return Q_EXPECTED(s, at, "a number, a quoted string, a date or a time behind this operator",
                              "该运算符之后应为数字、带引号的字符串、日期或时间");
        if ((c->values += 1u + (unsigned)range) > VALUES_MAX)
            return Q_REFUSE(s, at, JD_E_TOO_COMPLEX_QUERY, "there are more than %d values", "比较值超过 %d 个",
                            (int)VALUES_MAX);
        if (t->vals_n + 2 > cap) {
            cap = cap ? cap * 4 : 2;
            q_val *more = JD_NEWN(c->n->arena, q_val, cap);
            if (t->vals_n) memcpy(more, t->vals, t->vals_n * sizeof *more);
            t->vals = more;
        }
        t->vals[t->vals_n++] = v[0];
        if (range) t->vals[t->vals_n++] = v[1];
        t->range = range;
    } while (equality && !t->range && q_take(s, ','));
    return 0;
}

/* Types are terms for the asker, and so are the values of the attributes in expandValues. */
static void finish_values(compiler *c, q_term *t) {
    int expand = t->path.member == Q_TYPE || t->path.meta == Q_OBJECTTYPE || q_list_has(&c->expand, t->path.iri);
    for (uint32_t i = 0; i < t->vals_n; i++) {
        q_val *v = &t->vals[i];
        if (v->kind != Q_V_TEXT) continue;
        if (expand) {
            jd_str iri = jd_ctx_expand(c->n->ctx, c->n->arena, v->text);
            if (iri.p) v->text = jd_arena_dup(c->n->arena, iri);
        }
        v->sym = jd_sym_find(c->n->symbols, v->text);
    }
    t->quick = q_path_simple(&t->path) && t->vals_n && t->vals[0].kind == Q_V_NUM && (t->range || t->vals_n == 1) &&
               t->op <= Q_GE;
}

/* ---- patterns ---- */

static int parse_pattern(compiler *c, q_scan *s, q_term *t) {
    q_blanks(s);
    const char *from = s->p;
    jd_str pattern;
    if (from < s->end && *from == '"') {
        /* backslashes are the pattern's own: \" is a quote there too */
        for (from++, s->p++; s->p < s->end && *s->p != '"'; s->p++)
            if (*s->p == '\\' && s->p + 1 < s->end) s->p++;
        if (s->p >= s->end) return Q_EXPECTED(s, s->end, "'\"'", "“\"”");
        pattern = (jd_str){from, (size_t)(s->p++ - from)};
    } else {
        /* what the pattern brackets belongs to it */
        int depth = 0, set = 0;
        for (; s->p < s->end; s->p++) {
            char ch = *s->p;
            if (ch == '\\' && s->p + 1 < s->end) {
                s->p++;
            } else if (set) {
                if (ch == ']' && s->p > from + set) set = 0;
            } else if (ch == '[') {
                set = (int)(s->p - from) + 1 + (s->p + 1 < s->end && s->p[1] == '^');
            } else if (ch == '(') {
                depth++;
            } else if (depth == 0 && (ch == ';' || ch == '|' || ch == ')')) {
                break;
            } else if (ch == ')') {
                depth--;
            }
        }
        pattern = (jd_str){from, (size_t)(s->p - from)};
        if (!pattern.n) return Q_EXPECTED(s, from, "a pattern", "正则表达式");
    }
    jd_q *q = c->q;
    if (q->regexes_n == c->regexes_cap) {
        c->regexes_cap = c->regexes_cap ? c->regexes_cap * 2 : 4;
        jd_regex **more = JD_NEWN(c->n->arena, jd_regex *, c->regexes_cap);
        if (q->regexes_n) memcpy(more, q->regexes, q->regexes_n * sizeof *more);
        q->regexes = more;
    }
    size_t at;
    if (jd_regex_make(c->n->arena, pattern, c->regex_max, &t->regex, s->err, &at)) {
        q_mark(s, from);
        for (size_t i = 0; i < at; i++) s->column += ((unsigned char)pattern.p[i] & 0xC0) != 0x80;
        return q_place(s);
    }
    q->regexes[q->regexes_n++] = t->regex;
    return 0;
}

/* ---- terms ---- */

static int known_prefix(compiler *c, const char *p, const char *end) { /* is it a compact IRI in this context? */
    jd_str name = {p, (size_t)(end - p)};
    return !jd_str_eq(jd_ctx_expand(c->n->ctx, c->n->arena, name), name);
}

/* Where the type hint ends in "Device:humidity": both the type and the name may have a prefix of their own. NULL: no
 * hint. */
static const char *hint_end(compiler *c, const char *p, const char *end) {
    const char *first = memchr(p, ':', (size_t)(end - p));
    if (!first || memmem(p, (size_t)(end - p), "://", 3)) return NULL;
    const char *second = memchr(first + 1, ':', (size_t)(end - first - 1));
    if (!second) return known_prefix(c, p, end) ? NULL : first;
    if (!memchr(second + 1, ':', (size_t)(end - second - 1)) && known_prefix(c, first + 1, end)) return first;
    return second;
}

/* rel{...}: what stands behind the brace may begin with types. Leaves the first name of what follows in *first. */
static int parse_hints(compiler *c, q_scan *s, q_hop *hop, jd_str *first) {
    jd_sym types[TYPES_MAX];
    for (;;) {
        q_blanks(s);
        const char *at = s->p;
        jd_str name = q_name(s, Q_PATH_NAME);
        if (!name.p) return Q_EXPECTED(s, at, "an attribute or a type", "属性或类型名称");
        int more = q_take(s, ',');
        const char *end = more ? name.p + name.n : hint_end(c, name.p, name.p + name.n);
        if (!end && hop->types_n)
            return Q_EXPECTED(s, s->p, "':' and an attribute behind the types", "类型之后的“:”和属性名称");
        if (end) {
            if (hop->types_n == TYPES_MAX)
                return Q_REFUSE(s, at, JD_E_TOO_COMPLEX_QUERY, "there are more than %d types", "类型超过 %d 个",
                                (int)TYPES_MAX);
            jd_str iri = jd_ctx_expand(c->n->ctx, c->n->arena, (jd_str){name.p, (size_t)(end - name.p)});
            types[hop->types_n++] = iri.p ? jd_sym_find(c->n->symbols, iri) : 0;
        }
        if (more) continue;
        if (end) s->p = end + 1;
        *first = end ? q_name(s, Q_PATH_NAME) : name;
        if (!first->p) return Q_EXPECTED(s, s->p, "an attribute name", "属性名称");
        break;
    }
    hop->types = JD_NEWN(c->n->arena, jd_sym, hop->types_n);
    if (hop->types_n) memcpy(hop->types, types, hop->types_n * sizeof *types);
    return 0;
}

static int parse_target(compiler *c, q_scan *s, q_term *t) {
    q_hop hops[Q_LINKS_MAX];
    q_blanks(s);
    const char *at = s->p;
    jd_str first = q_name(s, Q_PATH_NAME);
    if (!first.p) return Q_EXPECTED(s, at, "an attribute name", "属性名称");
    while (s->p < s->end && *s->p == '{') {
        if (t->hops_n == Q_LINKS_MAX)
            return Q_REFUSE(s, s->p, JD_E_BAD_REQUEST_DATA, "relationships are followed %d deep at most",
                            "关联最多追踪 %d 层", (int)Q_LINKS_MAX);
        q_hop *hop = &hops[t->hops_n++];
        jd_str iri = jd_ctx_expand(c->n->ctx, c->n->arena, first);
        *hop = (q_hop){.rel = iri.p ? jd_sym_find(c->n->symbols, iri) : 0};
        s->p++;
        if (parse_hints(c, s, hop, &first)) return -1;
    }
    if (q_path_parse(s, c->n, first, &c->json, &t->path)) return -1;
    for (uint32_t i = 0; i < t->hops_n; i++)
        if (!q_take(s, '}')) return Q_EXPECTED(s, s->p, "'}'", "“}”");
    t->hops = JD_NEWN(c->n->arena, q_hop, t->hops_n);
    if (t->hops_n) memcpy(t->hops, hops, t->hops_n * sizeof *hops);
    return 0;
}

static int parse_operator(q_scan *s, q_op *op) {
    static const struct {
        const char *text;
        q_op op;
    } ops[] = {{"==", Q_EQ}, {"!~=", Q_UNMATCH}, {"!=", Q_NE}, {">=", Q_GE},
               {"<=", Q_LE}, {">", Q_GT},        {"<", Q_LT},  {"~=", Q_MATCH}};
    q_blanks(s);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        size_t n = strlen(ops[i].text);
        if ((size_t)(s->end - s->p) < n || memcmp(s->p, ops[i].text, n) != 0) continue;
        s->p += n;
        *op = ops[i].op;
        return 0;
    }
    if (s->p == s->end || *s->p == ';' || *s->p == '|' || *s->p == ')') {
        *op = Q_EXISTS;
        return 0;
    }
    return Q_EXPECTED(s, s->p, "an operator (== != > >= < <= ~= !~= ; |)", "运算符（== != > >= < <= ~= !~= ; |）");
}

static int parse_term(void *user, q_scan *s, uint32_t number) {
    compiler *c = user;
    jd_q *q = c->q;
    if (number == c->terms_cap) {
        c->terms_cap = c->terms_cap ? c->terms_cap * 2 : 4;
        q_term *more = JD_NEWN(c->n->arena, q_term, c->terms_cap);
        if (number) memcpy(more, q->terms, number * sizeof *more);
        q->terms = more;
    }
    q_term *t = &q->terms[number];
    *t = (q_term){0};
    int absent = q_take(s, '!');
    if (parse_target(c, s, t)) return -1;
    const char *at = s->p;
    if (parse_operator(s, &t->op)) return -1;
    if (absent) {
        if (t->op != Q_EXISTS)
            return Q_EXPECTED(s, at, "';', '|' or the end behind !name", "“!名称”之后的“;”、“|”或结尾");
        t->op = Q_ABSENT;
    }
    if (t->op == Q_MATCH || t->op == Q_UNMATCH) return parse_pattern(c, s, t);
    if (t->op >= Q_EQ && parse_values(c, s, t)) return -1;
    finish_values(c, t);
    return 0;
}

int jd_q_compile(const jd_names *n, jd_str text, const jd_qopts *opts, jd_q **out, jd_err *err) {
    static const jd_qopts none;
    if (!opts) opts = &none;
    const jd_qlimits *l = opts->limits;
    jd_q *q = JD_NEW(n->arena, jd_q);
    q->symbols = n->symbols;
    compiler c = {.n = n, .q = q, .regex_max = l && l->regex_max ? l->regex_max : REGEX_MAX};
    q_grammar g = {.arena = n->arena,
                   .user = &c,
                   .leaf = parse_term,
                   .depth_max = l && l->depth_max ? l->depth_max : Q_DEPTH_MAX,
                   .leaves_max = l && l->terms_max ? l->terms_max : Q_LEAVES_MAX};
    q_scan s;
    if (q_list_parse(n, "expandValues", opts->expand_values, &c.expand, err) ||
        q_list_parse(n, "jsonKeys", opts->json_keys, &c.json, err) ||
        q_scan_init(&s, opts->what ? opts->what : "q", text, err) || q_bool_parse(&s, &g, &q->prog)) {
        jd_q_fini(q);
        return -1;
    }
    *out = q;
    return 0;
}

void jd_q_fini(jd_q *q) {
    if (!q) return;
    for (uint32_t i = 0; i < q->regexes_n; i++) jd_regex_fini(q->regexes[i]);
    q->regexes_n = 0;
}

/* ---- what a compiled q says of itself ---- */

static int hint_of(const q_term *t, jd_qhint *h) {
    if (!q_path_simple(&t->path) || t->hops_n || t->op == Q_ABSENT) return 0;
    static const jd_qop ops[] = {
        [Q_EXISTS] = JD_Q_EXISTS, [Q_EQ] = JD_Q_EQ, [Q_NE] = JD_Q_NE,       [Q_LT] = JD_Q_LT,        [Q_LE] = JD_Q_LE,
        [Q_GT] = JD_Q_GT,         [Q_GE] = JD_Q_GE, [Q_MATCH] = JD_Q_OTHER, [Q_UNMATCH] = JD_Q_OTHER};
    *h = (jd_qhint){.attr = t->path.steps[0], .op = ops[t->op]};
    const q_val *v = t->vals;
    if (t->quick) {
        h->numeric = h->exact = 1;
        h->lo = v[0].num;
        h->hi = t->range ? v[1].num : v[0].num;
        if (t->range) h->op = t->op == Q_EQ ? JD_Q_RANGE : JD_Q_OTHER;
    } else if (t->op == Q_EXISTS) {
        h->exact = 1;
    } else if (t->op == Q_EQ && t->vals_n == 1 && v->kind == Q_V_TEXT && !v->is_time) {
        h->text = v->text;
        h->exact = 1;
    } else {
        h->op = JD_Q_OTHER;
    }
    if (h->op == JD_Q_OTHER) *h = (jd_qhint){.attr = h->attr, .op = JD_Q_OTHER};
    return 1;
}

size_t jd_q_hints(const jd_q *q, jd_qhint *out, size_t max, int *whole) {
    const q_node *root = q->prog.root, *k = root->op == Q_AND ? root->kids : root;
    size_t n = 0;
    int all = 1;
    for (; k; k = root->op == Q_AND ? k->next : NULL) {
        jd_qhint h;
        if (k->op != Q_LEAF || !hint_of(&q->terms[k->leaf], &h)) {
            all = 0;
            continue;
        }
        if (n == max || !h.exact) all = 0;
        if (n < max) out[n++] = h;
    }
    *whole = all;
    return n;
}

size_t jd_q_attrs(const jd_q *q, jd_sym *out, size_t max) {
    size_t n = 0;
    for (uint32_t i = 0; i < q->prog.n && n < max; i++) {
        const q_term *t = &q->terms[i];
        if (t->hops_n)
            out[n++] = t->hops[0].rel;
        else if (t->path.member == Q_ATTR)
            out[n++] = t->path.steps[0];
    }
    return n;
}

uint32_t jd_q_links(const jd_q *q) {
    uint32_t most = 0;
    for (uint32_t i = 0; i < q->prog.n; i++)
        if (q->terms[i].hops_n > most) most = q->terms[i].hops_n;
    return most;
}

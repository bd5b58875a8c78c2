/* Random questions on random entities, answered twice: by the compiled q on documents, and here, by reading clause 4.9
 * aloud over the JSON trees that the documents were made of. The second answer shares no code with the first, and no
 * parser: it starts from the question as it was thrown, not from its text. */
#include "query_test.h"

#include <regex.h>

enum { ENTITIES = 8, WORLDS = 60, QUESTIONS = 250, KEYS = 2, VALUES = 3 };

/* ---- throwing ---- */

static uint64_t seed;
static uint32_t dice(uint32_t sides) {
    return next_random(&seed) % sides;
}
#define PICK(list) list[dice(sizeof list / sizeof *list)]

static const char *const attr_names[] = {"a", "b", "speed", "属性"};
static const char *const sub_names[] = {"s", "name"};
static const char *const key_names[] = {"k", "m", "id", "speed"};
static const char *const languages[] = {"en", "fr", "zh-Hans"};
static const char *const words[] = {
    "", "a", "ab", "b", "京", "京口", "2026-01-01", "2026-01-02T00:00:00Z", "2026-01-02T00:00:00.000Z"};
static const char *const times[] = {"2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00.5Z"};
static const char *const numbers[] = {"-2", "0", "1", "1.0", "1.5", "2", "3e0", "64", "1000000000000000000000"};
static const char *const ids[ENTITIES] = {"urn:e:0", "urn:e:1", "urn:e:2", "urn:e:3",
                                          "urn:e:4", "urn:e:5", "urn:e:6", "urn:e:none"};
static const char *const types[] = {"T", "Vehicle"};
static const char *const patterns[] = {"a", "^a", "b$", "^a?b$", "京.", "2026-01", "^$", "(a|b)b"};

static void put_scalar(jd_buf *b) {
    switch (dice(6)) {
    case 0:
    case 1: jd_buf_z(b, PICK(numbers)); break;
    case 2:
    case 3: jd_buf_printf(b, "\"%s\"", PICK(words)); break;
    case 4: jd_buf_z(b, dice(2) ? "true" : "false"); break;
    default: jd_buf_printf(b, "\"%s\"", PICK(times));
    }
}

static void put_value(jd_buf *b, int depth);

static void put_array(jd_buf *b, int depth) {
    uint32_t n = dice(4);
    jd_buf_c(b, '[');
    for (uint32_t i = 0; i < n; i++) {
        if (i) jd_buf_c(b, ',');
        put_value(b, depth);
    }
    jd_buf_c(b, ']');
}

static void put_object(jd_buf *b, int depth) {
    unsigned used = 0;
    jd_buf_c(b, '{');
    for (uint32_t n = 1 + dice(3); n > 0; n--) {
        uint32_t k = dice(sizeof key_names / sizeof *key_names);
        if (used >> k & 1) continue;
        jd_buf_printf(b, "%s\"%s\":", used ? "," : "", key_names[k]);
        used |= 1u << k;
        put_value(b, depth);
    }
    jd_buf_c(b, '}');
}

static void put_value(jd_buf *b, int depth) {
    uint32_t kind = dice(10);
    if (kind < 6 || !depth)
        put_scalar(b);
    else if (kind < 8)
        put_array(b, depth - 1);
    else
        put_object(b, depth - 1);
}

static void put_list(jd_buf *b, const char *head, const char *const *list, uint32_t most, const char *tail) {
    uint32_t n = 1 + dice(2);
    jd_buf_c(b, '[');
    for (uint32_t i = 0; i < n; i++) jd_buf_printf(b, "%s%s\"%s\"%s", i ? "," : "", head, list[dice(most)], tail);
    jd_buf_c(b, ']');
}

static void put_attr(jd_buf *b, int depth, const char *dataset) {
    uint32_t kind = dice(9);
    jd_buf_c(b, '{');
    switch (kind) {
    case 0:
        jd_buf_z(b, "\"type\":\"Relationship\",\"object\":");
        if (dice(3))
            jd_buf_printf(b, "\"%s\"", PICK(ids));
        else
            put_list(b, "", ids, ENTITIES, "");
        break;
    case 1:
        jd_buf_z(b, "\"type\":\"ListRelationship\",\"objectList\":");
        if (dice(2))
            put_list(b, "", ids, ENTITIES, "");
        else
            put_list(b, "{\"object\":", ids, ENTITIES, "}");
        break;
    case 2: {
        unsigned used = 0;
        jd_buf_z(b, "\"type\":\"LanguageProperty\",\"languageMap\":{");
        for (uint32_t i = 1 + dice(3); i > 0; i--) {
            uint32_t k = dice(3);
            if (used >> k & 1) continue;
            jd_buf_printf(b, "%s\"%s\":", used ? "," : "", languages[k]);
            used |= 1u << k;
            if (dice(3))
                jd_buf_printf(b, "\"%s\"", PICK(words));
            else
                put_list(b, "", words, 6, "");
        }
        jd_buf_c(b, '}');
        break;
    }
    case 3:
        jd_buf_z(b, "\"type\":\"VocabProperty\",\"vocab\":");
        if (dice(2))
            jd_buf_printf(b, "\"%s\"", PICK(attr_names));
        else
            put_list(b, "", attr_names, 3, "");
        break;
    case 4:
        jd_buf_z(b, "\"type\":\"JsonProperty\",\"json\":");
        if (dice(3))
            put_object(b, 1);
        else
            put_array(b, 1);
        break;
    case 5:
        jd_buf_z(b, "\"type\":\"ListProperty\",\"valueList\":");
        put_array(b, 1);
        break;
    default: jd_buf_z(b, "\"type\":\"Property\",\"value\":"); put_value(b, 2);
    }
    if (dataset) jd_buf_printf(b, ",\"datasetId\":\"%s\"", dataset);
    if (!dice(3)) jd_buf_printf(b, ",\"observedAt\":\"%s\"", PICK(times));
    if (kind > 5 && dice(2)) jd_buf_printf(b, ",\"unitCode\":\"%s\"", dice(2) ? "CEL" : "KMH");
    for (int i = 0; i < 2 && depth; i++) {
        if (dice(3)) continue;
        jd_buf_printf(b, ",\"%s\":", sub_names[i]);
        put_attr(b, depth - 1, NULL);
    }
    jd_buf_c(b, '}');
}

static void put_entity(jd_buf *b, const char *id) {
    jd_buf_printf(b, "{\"id\":\"%s\",\"type\":\"%s\"", id, PICK(types));
    for (size_t i = 0; i < sizeof attr_names / sizeof *attr_names; i++) {
        if (!dice(4)) continue;
        jd_buf_printf(b, ",\"%s\":", attr_names[i]);
        if (dice(4)) {
            put_attr(b, 2, NULL);
            continue;
        }
        jd_buf_c(b, '[');
        put_attr(b, 1, dice(2) ? "urn:d:1" : NULL);
        jd_buf_c(b, ',');
        put_attr(b, 1, "urn:d:2");
        jd_buf_c(b, ']');
    }
    jd_buf_c(b, '}');
}

/* ---- questions ---- */

typedef enum kind { NUMBER, STRING, WORD, BOOLEAN, TIME, DATE } kind;
typedef struct operand {
    kind kind;
    const char *text; /* without quotes */
} operand;

typedef enum op { EXISTS, ABSENT, EQ, NE, LT, LE, GT, GE, MATCH, UNMATCH } op;
static const char *const op_text[] = {"", "", "==", "!=", "<", "<=", ">", ">=", "~=", "!~="};

typedef struct question {
    enum { LEAF, AND, OR } what;
    struct question *left, *right;
    op op;
    int range, values_n, keys_n, any_key, expand;
    operand values[VALUES];
    const char *rel, *hint, *hint2; /* rel{hint,hint2:...} */
    const char *attr, *sub, *meta, *keys[KEYS], *pattern;
} question;

static operand throw_operand(int comparable, int kind_wanted) {
    static const char *const dates[] = {"2026-01-01", "2026-01-02"};
    switch (kind_wanted >= 0 ? (uint32_t)kind_wanted : dice(comparable ? 4 : 6)) {
    case 0: return (operand){NUMBER, PICK(numbers)};
    case 1: return (operand){STRING, PICK(words)};
    case 2: return (operand){TIME, PICK(times)};
    case 3: return (operand){DATE, PICK(dates)};
    case 4: return (operand){BOOLEAN, dice(2) ? "true" : "false"};
    default: return dice(2) ? (operand){WORD, PICK(ids)} : (operand){WORD, PICK(attr_names)};
    }
}

static question *throw_question(jd_arena *a, int depth) {
    question *q = JD_NEW(a, question);
    if (depth && !dice(3)) {
        q->what = dice(2) ? AND : OR;
        q->left = throw_question(a, depth - 1);
        q->right = throw_question(a, depth - 1);
        return q;
    }
    if (!dice(6)) {
        q->rel = PICK(attr_names);
        if (dice(2)) q->hint = PICK(types);
        if (q->hint && !dice(3)) q->hint2 = "Building";
    }
    static const char *const metas[] = {"observedAt", "unitCode", "datasetId", "createdAt", "modifiedAt"};
    q->attr = PICK(attr_names);
    if (!dice(4)) q->sub = PICK(sub_names);
    if (!dice(6))
        q->meta = PICK(metas);
    else if (!dice(4)) {
        if (dice(2))
            q->keys[q->keys_n++] = PICK(languages);
        else if (dice(2))
            q->any_key = 1;
        else
            for (uint32_t n = 1 + dice(KEYS); n > 0; n--) q->keys[q->keys_n++] = PICK(key_names);
    }
    q->op = (op)dice(10);
    if (q->op == MATCH || q->op == UNMATCH) q->pattern = PICK(patterns);
    if (q->op == EQ || q->op == NE) {
        q->range = !dice(4);
        q->expand = !dice(4);
        if (q->range) {
            int both = (int)dice(4);
            q->values[0] = throw_operand(1, both);
            q->values[1] = throw_operand(1, both);
            q->values_n = 2;
        } else {
            q->values_n = dice(3) ? 1 : 1 + (int)dice(VALUES);
            for (int i = 0; i < q->values_n; i++) q->values[i] = throw_operand(0, -1);
        }
    } else if (q->op >= LT && q->op <= GE) {
        q->values_n = 1;
        q->values[0] = throw_operand(1, -1);
    }
    return q;
}

static void put_question(jd_buf *b, const question *q, int inner) {
    if (q->what != LEAF) {
        /* 'and' within 'or' may do without parentheses */
        int bare = !inner || (q->what == AND && inner == OR && dice(2));
        if (!bare) jd_buf_c(b, '(');
        put_question(b, q->left, (int)q->what);
        jd_buf_c(b, q->what == AND ? ';' : '|');
        put_question(b, q->right, (int)q->what);
        if (!bare) jd_buf_c(b, ')');
        return;
    }
    if (q->op == ABSENT) jd_buf_c(b, '!');
    if (q->rel) jd_buf_printf(b, "%s{", q->rel);
    if (q->hint) jd_buf_printf(b, "%s%s%s:", q->hint, q->hint2 ? "," : "", q->hint2 ? q->hint2 : "");
    jd_buf_z(b, q->attr);
    if (q->sub) jd_buf_printf(b, ".%s", q->sub);
    if (q->meta) jd_buf_printf(b, ".%s", q->meta);
    if (q->any_key) jd_buf_z(b, "[*]");
    for (int i = 0; i < q->keys_n; i++)
        jd_buf_printf(b, "%c%s%s", i ? '.' : '[', q->keys[i], i + 1 == q->keys_n ? "]" : "");
    if (q->rel) jd_buf_c(b, '}');
    if (!dice(8)) jd_buf_c(b, ' ');
    jd_buf_z(b, op_text[q->op]);
    if (q->pattern) jd_buf_printf(b, "\"%s\"", q->pattern);
    for (int i = 0; i < q->values_n; i++)
        jd_buf_printf(b, q->values[i].kind == STRING ? "%s\"%s\"" : "%s%s",
                      !i         ? ""
                      : q->range ? ".."
                                 : ",",
                      q->values[i].text);
}

/* ---- the plain answer ---- */

typedef struct plain {
    world *w;
    jd_jval entities[ENTITIES];
    const char *created;
} plain;

static jd_str iri_of(world *w, jd_str term) {
    return jd_ctx_expand(w->ctx, &w->arena, term);
}

static int datetime(jd_str s, jd_time *t) {
    return jd_time_parse(s, t, NULL) == 0;
}

/* -1, 0, 1 as the text is less, equal, greater; 2: of another kind */
static int text_against(plain *p, const question *q, jd_str s, const operand *o) {
    jd_time x, y;
    jd_str text = jd_str_of(o->text);
    int c;
    switch (o->kind) {
    case STRING:
        if (datetime(s, &x) && datetime(text, &y)) return (x > y) - (x < y);
        /* fall through */
    case WORD:
        if (q->expand) text = iri_of(p->w, text);
        c = jd_str_cmp(s, text);
        return (c > 0) - (c < 0);
    case TIME:
        if (!datetime(s, &x) || !datetime(text, &y)) return 2;
        return (x > y) - (x < y);
    case DATE:
        if (!jd_date_valid(s)) return 2;
        c = jd_str_cmp(s, text);
        return (c > 0) - (c < 0);
    default: return 2;
    }
}

static int value_against(plain *p, const question *q, const jd_jval *v, const operand *o) {
    if (v->type == JD_JNUM && o->kind == NUMBER) {
        double x = jd_jnum(v), y = strtod(o->text, NULL);
        return (x > y) - (x < y);
    }
    if ((v->type == JD_JTRUE || v->type == JD_JFALSE) && o->kind == BOOLEAN) {
        int x = v->type == JD_JTRUE, y = strcmp(o->text, "true") == 0;
        return x - y;
    }
    return v->type == JD_JSTR ? text_against(p, q, jd_jstr(v), o) : 2;
}

static int equals(plain *p, const question *q, const jd_jval *v) { /* value, list, or range, against one value */
    if (q->range) {
        int low = value_against(p, q, v, &q->values[0]), high = value_against(p, q, v, &q->values[1]);
        return (low == 0 || low == 1) && (high == 0 || high == -1);
    }
    for (int i = 0; i < q->values_n; i++)
        if (value_against(p, q, v, &q->values[i]) == 0) return 1;
    return 0;
}

static int matches(const char *pattern, jd_str s) {
    regex_t r;
    char *z = jd_xstrdup(s), *stop = z;
    assert_int_equal(regcomp(&r, pattern, REG_EXTENDED | REG_NOSUB), 0);
    int got = regexec(&r, stop, 0, NULL, 0) == 0;
    regfree(&r);
    free(z);
    return got;
}

/* Several target values (the elements of an array, the values of a languageMap) are given at once; array: they are one
 * value. */
static int holds(plain *p, const question *q, jd_jval *const *v, int n, int array, int relationship) {
    int some = 0, strings = 0;
    if (q->op == EXISTS || q->op == ABSENT) return 1;
    if (relationship && q->op != EQ && q->op != NE) return 0;
    switch (q->op) {
    case EQ:
    case NE:
        for (int i = 0; i < n; i++) some |= equals(p, q, v[i]);
        return q->op == EQ ? some : !some;
    case MATCH:
    case UNMATCH:
        for (int i = 0; i < n && !array; i++) {
            if (v[i]->type != JD_JSTR) continue;
            strings++;
            some |= matches(q->pattern, jd_jstr(v[i]));
        }
        return q->op == MATCH ? some : strings && !some;
    default:
        for (int i = 0; i < n && !array; i++) {
            int c = value_against(p, q, v[i], &q->values[0]);
            some |= c != 2 && (q->op == LT ? c < 0 : q->op == LE ? c <= 0 : q->op == GT ? c > 0 : c >= 0);
        }
        return some;
    }
}

static int one_value(plain *p, const question *q, jd_jval *v, int relationship) {
    jd_jval *list[16];
    if (v->type != JD_JARR) return holds(p, q, &v, 1, 0, relationship);
    for (uint32_t i = 0; i < v->n; i++) {
        list[i] = &v->items[i];
        if (relationship && v->items[i].type == JD_JOBJ) list[i] = &v->items[i].members[0].val;
    }
    return holds(p, q, list, (int)v->n, 1, relationship);
}

static jd_jval *member(const jd_jval *v, const char *name) {
    return (jd_jval *)(uintptr_t)jd_jget(v, name);
}

static int instance(plain *p, const question *q, const jd_jval *a) {
    if (q->meta) {
        jd_jval made = jd_jmake_str(jd_str_of(p->created)), *m = &made;
        if (strcmp(q->meta, "createdAt") != 0 && strcmp(q->meta, "modifiedAt") != 0) m = member(a, q->meta);
        return m && holds(p, q, &m, 1, 0, 0);
    }
    const jd_jval *type = jd_jget(a, "type");
    jd_jval *v = NULL;
    for (int k = JD_PROPERTY; k <= JD_LISTRELATIONSHIP && !v; k++)
        if (jd_jis(type, jd_kind_name((jd_kind)k))) v = member(a, jd_kind_member((jd_kind)k));
    assert_non_null(v);
    if (jd_jis(type, "LanguageProperty")) {
        if (q->keys_n > 1) return 0;
        if (q->keys_n == 1) {
            v = member(v, q->keys[0]);
            return v && one_value(p, q, v, 0);
        }
        jd_jval *list[16];
        int n = 0, inner = q->op == EQ || q->op == NE;
        for (uint32_t i = 0; i < v->n; i++) {
            jd_jval *of = &v->members[i].val;
            if (of->type != JD_JARR) list[n++] = of;
            for (uint32_t k = 0; inner && of->type == JD_JARR && k < of->n; k++) list[n++] = &of->items[k];
        }
        return holds(p, q, list, n, 0, 0);
    }
    if (q->any_key) return 0;
    for (int i = 0; i < q->keys_n; i++) {
        v = v->type == JD_JOBJ ? member(v, q->keys[i]) : NULL;
        if (!v) return 0;
    }
    if (jd_jis(type, "VocabProperty")) { /* compared as the context expands them */
        jd_jval *full = JD_NEW(&p->w->arena, jd_jval);
        *full = *v;
        if (v->type == JD_JSTR) *full = jd_jmake_str(iri_of(p->w, jd_jstr(v)));
        if (v->type == JD_JARR) {
            full->items = JD_NEWN(&p->w->arena, jd_jval, v->n);
            for (uint32_t i = 0; i < v->n; i++) full->items[i] = jd_jmake_str(iri_of(p->w, jd_jstr(&v->items[i])));
        }
        v = full;
    }
    return one_value(p, q, v, jd_jis(type, "Relationship") || jd_jis(type, "ListRelationship"));
}

static int any_instance(plain *p, const question *q, const jd_jval *owner, const char *name, int deeper) {
    const jd_jval *a = jd_jget(owner, name);
    if (!a) return 0;
    uint32_t n = a->type == JD_JARR ? a->n : 1;
    for (uint32_t i = 0; i < n; i++) {
        const jd_jval *one = a->type == JD_JARR ? &a->items[i] : a;
        if (deeper ? any_instance(p, q, one, q->sub, 0) : instance(p, q, one)) return 1;
    }
    return 0;
}

static int in_entity(plain *p, const question *q, const jd_jval *e) {
    return any_instance(p, q, e, q->attr, q->sub != NULL);
}

static int linked(plain *p, const question *q, const jd_jval *id) {
    for (int i = 0; i < ENTITIES - 1; i++) {
        const jd_jval *e = &p->entities[i];
        if (!jd_jequal(jd_jget(e, "id"), id)) continue;
        if (q->hint && !jd_jis(jd_jget(e, "type"), q->hint) && !(q->hint2 && jd_jis(jd_jget(e, "type"), q->hint2)))
            return 0;
        return in_entity(p, q, e);
    }
    return 0;
}

static int leaf(plain *p, const question *q, const jd_jval *e) {
    if (!q->rel) return in_entity(p, q, e);
    const jd_jval *r = jd_jget(e, q->rel);
    if (!r) return 0;
    for (uint32_t i = 0; i < (r->type == JD_JARR ? r->n : 1); i++) {
        const jd_jval *one = r->type == JD_JARR ? &r->items[i] : r;
        const jd_jval *object = jd_jget(one, "object"), *list = jd_jget(one, "objectList");
        if (list) object = list;
        if (!object) continue;
        for (uint32_t k = 0; k < (object->type == JD_JARR ? object->n : 1); k++) {
            const jd_jval *id = object->type == JD_JARR ? &object->items[k] : object;
            if (id->type == JD_JOBJ) id = jd_jget(id, "object");
            if (linked(p, q, id)) return 1;
        }
    }
    return 0;
}

static int answer(plain *p, const question *q, const jd_jval *e) {
    if (q->what == AND) return answer(p, q->left, e) && answer(p, q->right, e);
    if (q->what == OR) return answer(p, q->left, e) || answer(p, q->right, e);
    return leaf(p, q, e) != (q->op == ABSENT);
}

static void mark_expand(question *q, int on) {
    if (q->what != LEAF) {
        mark_expand(q->left, on);
        mark_expand(q->right, on);
    } else {
        q->expand = on && !q->sub && !q->meta && strcmp(q->attr, "a") == 0; /* expandValues=a */
    }
}

static void test_both_answers_agree(void **state) {
    (void)state;
    unsigned yes = 0, no = 0;
    for (int round = 0; round < WORLDS; round++) {
        world w;
        plain p = {.w = &w, .created = "2026-01-02T00:00:00Z"};
        world_begin(&w);
        seed = (uint64_t)round + 1;
        for (int i = 0; i < ENTITIES - 1; i++) {
            jd_buf b = {0};
            put_entity(&b, ids[i]);
            jd_buf_c(&b, 0);
            const char *json = jd_arena_dup(&w.arena, jd_buf_view(&b)).p;
            jd_buf_fini(&b);
            assert_int_equal(jd_json_parse(&w.arena, jd_str_of(json), NULL, &p.entities[i], &w.err), 0);
            jd_time t = time_at(p.created);
            doc_at(&w, json, t, t);
        }
        for (int k = 0; k < QUESTIONS; k++) {
            question *q = throw_question(&w.arena, 3);
            jd_qopts opts = {.expand_values = dice(4) ? (jd_str){NULL, 0} : JD_STR("a")};
            mark_expand(q, opts.expand_values.p != NULL);
            jd_buf b = {0};
            put_question(&b, q, 0);
            jd_buf_c(&b, 0);
            for (int i = 0; i < ENTITIES - 1; i++) {
                int want = answer(&p, q, &p.entities[i]), got = q_with(&w, &w.docs[i], b.p, &opts);
                if (got != want) {
                    jd_buf e = {0};
                    jd_json_write(&e, &p.entities[i]);
                    jd_buf_c(&e, 0);
                    fail_msg("round %d: q=%s%s gives %d, not %d %s\n%s", round, b.p,
                             opts.expand_values.p ? " (expandValues=a)" : "", got, want, got < 0 ? w.err.en : "", e.p);
                }
                yes += got == 1;
                no += got == 0;
            }
            jd_buf_fini(&b);
        }
        world_end(&w);
    }
    /* the throw must not be one-sided */
    assert_true(yes > (yes + no) / 10);
    assert_true(no > (yes + no) / 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_both_answers_agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The document form and the operations on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/entity.h"
#include "model/render.h"

#include <stdio.h>
#include <stdlib.h>

static jd_symtab *symbols;
static jd_contexts *contexts;
static jd_arena arena;

static int setup(void **state) {
    (void)state;
    symbols = jd_symtab_create(0);
    jd_contexts_opts o = {.no_fetch = 1};
    contexts = jd_contexts_create(symbols, &o, NULL);
    jd_arena_init(&arena);
    return contexts ? 0 : -1;
}
static int teardown(void **state) {
    (void)state;
    jd_contexts_destroy(contexts);
    jd_symtab_destroy(symbols);
    jd_arena_fini(&arena);
    return 0;
}

static jd_jval json(const char *text) {
    jd_jval v;
    jd_err err = {0};
    if (jd_json_parse(&arena, jd_str_of(text), NULL, &v, &err)) fail_msg("%s: %s", text, err.en);
    return v;
}

static jd_input input_of(jd_op op) {
    return op == JD_OP_MERGE    ? JD_IN_MERGE
           : op == JD_OP_UPDATE ? JD_IN_UPDATE
           : op == JD_OP_APPEND ? JD_IN_FRAGMENT
                                : JD_IN_ENTITY;
}

/* Applies to the document in *doc (none when empty) and puts the new one there. */
static jd_errcode apply(jd_buf *doc, jd_change_req rq, const char *fragment, jd_time now, jd_applied *res) {
    jd_parse p = {.arena = &arena, .ctx = jd_contexts_core(contexts), .symbols = symbols};
    jd_err err = {0};
    jd_ent ent;
    jd_attr *inst;
    uint32_t n;
    if (fragment) {
        jd_jval v = json(fragment);
        if (rq.op == JD_OP_ATTR_PATCH || rq.op == JD_OP_ATTR_PUT) {
            if (jd_attr_parse(&p, rq.attr, &v, rq.op == JD_OP_ATTR_PATCH, &inst, &n, &err)) return err.code;
            rq.instances = inst;
            rq.instances_n = n;
        } else {
            if (jd_ent_parse(&p, &v, input_of(rq.op), (jd_str){NULL, 0}, &ent, &err)) return err.code;
            rq.ent = &ent;
        }
    }
    rq.id = JD_STR("urn:x:1");
    jd_doc d;
    jd_buf out = {0};
    if (doc->n) jd_doc_open(&d, jd_buf_view(doc));
    if (jd_apply(&rq, doc->n ? &d : NULL, now, symbols, &arena, &out, res, &err)) {
        jd_buf_fini(&out);
        return err.code;
    }
    if (!res->unchanged) {
        jd_buf_fini(doc);
        *doc = out;
        if (!res->gone) assert_int_equal(jd_doc_check(jd_buf_view(doc), jd_symtab_count(symbols), NULL), 0);
    } else {
        jd_buf_fini(&out);
    }
    return JD_E_OK;
}

static const char *render(const jd_buf *doc, jd_format f, int sys) {
    static char text[8192];
    jd_doc d;
    jd_doc_open(&d, jd_buf_view(doc));
    jd_buf b = {0};
    jd_render r = {
        .ctx = jd_contexts_core(contexts), .symbols = symbols, .format = f, .sys_attrs = sys, .arena = &arena};
    jd_render_entity(&r, &d, &b);
    snprintf(text, sizeof text, "%.*s", (int)b.n, b.p);
    jd_buf_fini(&b);
    return text;
}

static jd_sym sym(const char *name) {
    jd_str iri = jd_ctx_expand(jd_contexts_core(contexts), &arena, jd_str_of(name));
    return jd_sym_intern(symbols, iri, NULL);
}

#define BASE "\"id\":\"urn:x:1\",\"type\":\"T\""

/* The bytes of an attribute do not tell whether its numbers came as texts. */
static void test_numbers_without_text(void **state) {
    (void)state;
    static const int64_t numbers[] = {0,     1,         63,        64,        -1,        127,        128, 8191,
                                      -8192, 999999999, INT32_MIN, INT64_MAX, INT64_MIN, 2147483648, 100, 50};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        for (unsigned scale = 0; scale <= 17; scale++)
            for (int64_t near = -1; near < 2; near++) {
                static const int64_t end = INT64_C(1000000000000000000);
                int64_t dec = i == sizeof numbers / sizeof *numbers - 1 ? end + near : numbers[i];
                char text[JD_DECIMAL_MAX];
                size_t n = jd_decimal_print(dec, scale, text);
                jd_jval both[2] = {jd_jmake_dec(dec, scale), {.type = JD_JNUM, .n = (uint32_t)n, .s = text}};
                jd_buf bytes[2] = {{0}, {0}};
                for (int k = 0; k < 2; k++) {
                    jd_attr a = {.name = 7,
                                 .kind = JD_PROPERTY,
                                 .observed = 1767225600000000,
                                 .expires = JD_TIME_NONE,
                                 .value = {.type = JD_JARR, .n = 1, .items = &both[k]},
                                 .has_value = 1};
                    assert_int_equal(jd_attr_encode(&a, 0, symbols, &bytes[k], NULL), 0);
                }
                assert_int_equal(bytes[0].n, bytes[1].n);
                assert_memory_equal(bytes[0].p, bytes[1].p, bytes[0].n);
                jd_buf_fini(&bytes[0]);
                jd_buf_fini(&bytes[1]);
            }
}

static void test_values_come_back_as_written(void **state) {
    (void)state;
    static const char *const values[] = {
        "0",
        "63",
        "64",
        "-1",
        "-0",
        "-0.0",
        "1.0",
        "0.50",
        "35.20",
        "123456789012345678",
        "1234567890123456789",
        "99999999999999999999",
        "1e3",
        "1E+5",
        "0.1e-7",
        "-273.15",
        "0.000000000000000001",
        "0.0000000000000000001",
        "true",
        "false",
        "\"\"",
        "\"2026-01-31T08:00:00Z\"",
        "\"2026-01-31T08:00:00.000Z\"",
        "\"2026-01-31T08:00:00.1234567Z\"",
        "\"2026-01-31T08:00:60Z\"",
        "\"2026-01-31T08:00:00,5Z\"",
        "\"2026-13-31T08:00:00Z\"",
        "\"0001-01-01T00:00:00Z\"",
        "\"9999-12-31T23:59:59.999999Z\"",
        "\"镇江\\u0000\\n\"",
        "[]",
        "[[],[1,[2.50]]]",
        "{\"type\":\"x\",\"id\":\"y\",\"a\":{\"b\":[1,{\"c\":null}]}}",
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        jd_buf doc = {0};
        jd_applied res;
        int has_null = strstr(values[i], "null") != NULL;
        jd_str text = jd_arena_printf(&arena, "{" BASE ",\"v\":{\"type\":\"%s\",\"%s\":%s}}",
                                      has_null ? "JsonProperty" : "Property", has_null ? "json" : "value", values[i]);
        assert_int_equal(apply(&doc, (jd_change_req){.op = JD_OP_CREATE, .observed = JD_TIME_NONE}, text.p, 1000, &res),
                         JD_E_OK);
        assert_string_equal(render(&doc, JD_NORMALIZED, 0), text.p);
        jd_buf_fini(&doc);
    }
}

typedef struct step {
    jd_op op;
    unsigned flags;
    const char *attr, *dataset, *fragment;
    jd_errcode code;
    const char *after; /* normalized, without id and type; NULL: gone or never there */
} step;

static void test_operations(void **state) {
    (void)state;
    static const step steps[] = {
        {JD_OP_MERGE, 0, NULL, NULL, "{" BASE "}", JD_E_NOT_FOUND, NULL},
        {JD_OP_CREATE, 0, NULL, NULL,
         "{" BASE
         ",\"s\":{\"type\":\"Property\",\"value\":1,\"unitCode\":\"KMH\",\"observedAt\":\"2026-01-01T00:00:00Z\"}}",
         JD_E_OK,
         "\"s\":{\"type\":\"Property\",\"value\":1,\"unitCode\":\"KMH\",\"observedAt\":\"2026-01-01T00:00:00Z\"}"},
        {JD_OP_CREATE, 0, NULL, NULL, "{" BASE "}", JD_E_ALREADY_EXISTS,
         "\"s\":{\"type\":\"Property\",\"value\":1,\"unitCode\":\"KMH\",\"observedAt\":\"2026-01-01T00:00:00Z\"}"},
        /* merge keeps what it does not name, update replaces the whole attribute */
        {JD_OP_MERGE, 0, NULL, NULL, "{" BASE ",\"s\":{\"value\":2}}", JD_E_OK,
         "\"s\":{\"type\":\"Property\",\"value\":2,\"unitCode\":\"KMH\",\"observedAt\":\"2026-01-01T00:00:00Z\"}"},
        {JD_OP_MERGE, 0, NULL, NULL,
         "{" BASE ",\"s\":{\"unitCode\":\"urn:ngsi-ld:null\",\"observedAt\":\"urn:ngsi-ld:null\"}}", JD_E_OK,
         "\"s\":{\"type\":\"Property\",\"value\":2}"},
        {JD_OP_UPDATE, 0, NULL, NULL, "{\"s\":{\"type\":\"Property\",\"value\":{\"a\":1,\"b\":{\"c\":2,\"d\":3}}}}",
         JD_E_OK, "\"s\":{\"type\":\"Property\",\"value\":{\"a\":1,\"b\":{\"c\":2,\"d\":3}}}"},
        {JD_OP_MERGE, 0, NULL, NULL, "{" BASE ",\"s\":{\"value\":{\"b\":{\"c\":\"urn:ngsi-ld:null\",\"e\":4}}}}",
         JD_E_OK, "\"s\":{\"type\":\"Property\",\"value\":{\"a\":1,\"b\":{\"d\":3,\"e\":4}}}"},
        /* instances by datasetId; the default one stands first */
        {JD_OP_APPEND, 0, NULL, NULL, "{\"s\":[{\"type\":\"Property\",\"value\":8,\"datasetId\":\"urn:d:1\"}]}",
         JD_E_OK,
         "\"s\":[{\"type\":\"Property\",\"value\":{\"a\":1,\"b\":{\"d\":3,\"e\":4}}},{\"type\":\"Property\",\"value\":"
         "8,\"datasetId\":\"urn:d:1\"}]"},
        {JD_OP_APPEND, JD_AP_NO_OVERWRITE, NULL, NULL,
         "{\"s\":{\"type\":\"Property\",\"value\":9},\"t\":{\"type\":\"Relationship\",\"object\":\"urn:y:1\"}}",
         JD_E_OK,
         "\"s\":[{\"type\":\"Property\",\"value\":{\"a\":1,\"b\":{\"d\":3,\"e\":4}}},{\"type\":\"Property\",\"value\":"
         "8,\"datasetId\":\"urn:d:1\"}],"
         "\"t\":{\"type\":\"Relationship\",\"object\":\"urn:y:1\"}"},
        {JD_OP_ATTR_DELETE, 0, "s", NULL, NULL, JD_E_OK,
         "\"s\":{\"type\":\"Property\",\"value\":8,\"datasetId\":\"urn:d:1\"},\"t\":{\"type\":\"Relationship\","
         "\"object\":\"urn:y:1\"}"},
        {JD_OP_ATTR_DELETE, 0, "s", NULL, NULL, JD_E_NOT_FOUND,
         "\"s\":{\"type\":\"Property\",\"value\":8,\"datasetId\":\"urn:d:1\"},\"t\":{\"type\":\"Relationship\","
         "\"object\":\"urn:y:1\"}"},
        {JD_OP_ATTR_PATCH, 0, "s", NULL, "{\"value\":5}", JD_E_NOT_FOUND,
         "\"s\":{\"type\":\"Property\",\"value\":8,\"datasetId\":\"urn:d:1\"},\"t\":{\"type\":\"Relationship\","
         "\"object\":\"urn:y:1\"}"},
        {JD_OP_ATTR_PATCH, 0, "s", NULL, "{\"datasetId\":\"urn:d:1\",\"q\":{\"type\":\"Property\",\"value\":0.7}}",
         JD_E_OK,
         "\"s\":{\"type\":\"Property\",\"value\":8,\"datasetId\":\"urn:d:1\",\"q\":{\"type\":\"Property\",\"value\":0."
         "7}},\"t\":{\"type\":\"Relationship\",\"object\":\"urn:y:1\"}"},
        {JD_OP_ATTR_PATCH, 0, "t", NULL, "{\"type\":\"Property\",\"value\":5}", JD_E_BAD_REQUEST_DATA,
         "\"s\":{\"type\":\"Property\",\"value\":8,\"datasetId\":\"urn:d:1\",\"q\":{\"type\":\"Property\",\"value\":0."
         "7}},\"t\":{\"type\":\"Relationship\",\"object\":\"urn:y:1\"}"},
        {JD_OP_ATTR_PUT, 0, "t", NULL,
         "{\"type\":\"LanguageProperty\",\"languageMap\":{\"zh\":\"河\",\"en\":[\"a\",\"b\"]}}", JD_E_OK,
         "\"s\":{\"type\":\"Property\",\"value\":8,\"datasetId\":\"urn:d:1\",\"q\":{\"type\":\"Property\",\"value\":0."
         "7}},"
         "\"t\":{\"type\":\"LanguageProperty\",\"languageMap\":{\"zh\":\"河\",\"en\":[\"a\",\"b\"]}}"},
        {JD_OP_ATTR_DELETE, 0, "s", "urn:d:1", NULL, JD_E_OK,
         "\"t\":{\"type\":\"LanguageProperty\",\"languageMap\":{\"zh\":\"河\",\"en\":[\"a\",\"b\"]}}"},
        {JD_OP_MERGE, 0, NULL, NULL, "{" BASE ",\"t\":\"urn:ngsi-ld:null\",\"n\":7}", JD_E_OK,
         "\"n\":{\"type\":\"Property\",\"value\":7}"},
        {JD_OP_REPLACE, 0, NULL, NULL, "{" BASE ",\"m\":\"x\"}", JD_E_OK,
         "\"m\":{\"type\":\"Property\",\"value\":\"x\"}"},
        {JD_OP_CREATE, JD_AP_UPDATE_EXISTING, NULL, NULL, "{" BASE ",\"k\":[1,2]}", JD_E_OK,
         "\"m\":{\"type\":\"Property\",\"value\":\"x\"},\"k\":{\"type\":\"Property\",\"value\":[1,2]}"},
        {JD_OP_CREATE, JD_AP_REPLACE_EXISTING, NULL, NULL, "{" BASE ",\"j\":{\"json\":{\"type\":\"t\"}}}", JD_E_OK,
         "\"j\":{\"type\":\"JsonProperty\",\"json\":{\"type\":\"t\"}}"},
    };
    jd_buf doc = {0};
    jd_time now = 1000000;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const step *s = &steps[i];
        jd_applied res;
        jd_change_req rq = {.op = s->op, .flags = s->flags, .observed = JD_TIME_NONE};
        if (s->attr) rq.attr = sym(s->attr);
        if (s->dataset) rq.dataset = jd_str_of(s->dataset);
        jd_errcode got = apply(&doc, rq, s->fragment, now += 1000000, &res);
        if (got != s->code) fail_msg("step %zu: code %d, expected %d", i, (int)got, (int)s->code);
        if (!s->after) continue;
        jd_str want = jd_arena_printf(&arena, "{" BASE ",%s}", s->after);
        assert_string_equal(render(&doc, JD_NORMALIZED, 0), want.p);
    }
    jd_buf_fini(&doc);
}

/* What is refused must be refused before it is a document: each of these once became one that no start would take. */
static void test_nothing_half_becomes_a_document(void **state) {
    (void)state;
    jd_buf doc = {0};
    jd_applied res;
    jd_change_req create = {.op = JD_OP_CREATE, .observed = JD_TIME_NONE},
                  merge = {.op = JD_OP_MERGE, .observed = JD_TIME_NONE};
    assert_int_equal(apply(&doc, create,
                           "{" BASE
                           ",\"a\":{\"type\":\"Property\",\"value\":1,\"q\":{\"type\":\"Property\",\"value\":2}}}",
                           1000, &res),
                     JD_E_OK);
    static const char *const patches[] = {
        "{" BASE ",\"n\":{\"type\":\"Property\",\"value\":1,\"s\":{\"observedAt\":\"2020-01-01T00:00:00Z\"}}}",
        "{" BASE ",\"n\":{\"observedAt\":\"2020-01-01T00:00:00Z\"}}",
        "{" BASE ",\"a\":{\"s\":{\"type\":\"ListRelationship\"}}}",
        "{" BASE ",\"a\":{\"s\":{\"unitCode\":\"X\"}}}",
        "{" BASE ",\"a\":{\"q\":{\"type\":\"Relationship\"}}}",
    };
    for (size_t i = 0; i < sizeof patches / sizeof *patches; i++)
        assert_int_equal(apply(&doc, merge, patches[i], 2000, &res), JD_E_BAD_REQUEST_DATA);
    /* another kind, with a null inside: the null goes */
    assert_int_equal(
        apply(&doc, merge, "{" BASE ",\"a\":{\"q\":{\"json\":{\"x\":1,\"y\":\"urn:ngsi-ld:null\"}}}}", 3000, &res),
        JD_E_OK);
    assert_string_equal(
        render(&doc, JD_NORMALIZED, 0),
        "{" BASE ",\"a\":{\"type\":\"Property\",\"value\":1,\"q\":{\"type\":\"JsonProperty\",\"json\":{\"x\":1}}}}");
    jd_buf_fini(&doc);
}

static void test_bare_values_fit_the_kind(void **state) {
    (void)state;
    jd_buf doc = {0};
    jd_applied res;
    apply(&doc, (jd_change_req){.op = JD_OP_CREATE, .observed = JD_TIME_NONE},
          "{" BASE ",\"p\":1,\"r\":{\"type\":\"ListRelationship\",\"objectList\":[\"urn:y:1\"]},\"g\":{\"type\":"
          "\"GeoProperty\",\"value\":{\"type\":"
          "\"Point\",\"coordinates\":[1,2]}},\"l\":{\"type\":\"LanguageProperty\",\"languageMap\":{\"zh\":\"河\"}},"
          "\"v\":{\"type\":\"VocabProperty\","
          "\"vocab\":\"a\"}}",
          1000, &res);
    static const struct {
        const char *patch;
        jd_errcode code;
    } cases[] = {
        {"{\"r\":\"urn:y:2\"}", JD_E_BAD_REQUEST_DATA},
        {"{\"r\":[\"urn:y:2\"]}", JD_E_OK},
        {"{\"g\":5}", JD_E_BAD_REQUEST_DATA},
        {"{\"g\":{\"type\":\"Point\",\"coordinates\":[3,4]}}", JD_E_OK},
        {"{\"l\":\"江\"}", JD_E_OK},
        {"{\"l\":5}", JD_E_BAD_REQUEST_DATA},
        {"{\"v\":[1]}", JD_E_BAD_REQUEST_DATA},
        {"{\"p\":{\"x\":2}}", JD_E_OK},
    };
    jd_parse p = {.arena = &arena, .ctx = jd_contexts_core(contexts), .symbols = symbols, .simplified = 1};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        jd_err err = {0};
        jd_ent ent;
        jd_jval v = json(cases[i].patch);
        jd_change_req rq = {
            .op = JD_OP_MERGE, .id = JD_STR("urn:x:1"), .ent = &ent, .observed = JD_TIME_NONE, .lang = JD_STR("zh")};
        jd_doc d;
        jd_buf out = {0};
        jd_doc_open(&d, jd_buf_view(&doc));
        int rc = jd_ent_parse(&p, &v, JD_IN_MERGE, (jd_str){NULL, 0}, &ent, &err) ||
                 jd_apply(&rq, &d, 2000, symbols, &arena, &out, &res, &err);
        assert_int_equal(rc ? err.code : JD_E_OK, cases[i].code);
        if (!rc) {
            assert_int_equal(jd_doc_check(jd_buf_view(&out), jd_symtab_count(symbols), NULL), 0);
            jd_buf_fini(&doc);
            doc = out;
        } else {
            jd_buf_fini(&out);
        }
    }
    assert_non_null(strstr(render(&doc, JD_SIMPLIFIED, 0), "\"zh\":\"江\""));
    jd_buf_fini(&doc);
}

static void test_refused_requests_leave_no_names(void **state) {
    (void)state;
    uint32_t before = jd_symtab_count(symbols);
    jd_parse p = {.arena = &arena, .ctx = jd_contexts_core(contexts), .symbols = symbols};
    jd_err err = {0};
    jd_ent ent;
    jd_jval v = json("{" BASE ",\"neverSeen1\":1,\"neverSeen2\":{\"type\":\"Property\",\"value\":1,\"neverSeen3\":2},"
                     "\"bad\":{\"type\":\"Property\"}}");
    assert_int_equal(jd_ent_parse(&p, &v, JD_IN_ENTITY, (jd_str){NULL, 0}, &ent, &err), -1);
    assert_int_equal(jd_symtab_count(symbols), before);
    v = json("{" BASE ",\"neverSeen1\":1,\"neverSeen2\":{\"type\":\"Property\",\"value\":1,\"neverSeen3\":2}}");
    assert_int_equal(jd_ent_parse(&p, &v, JD_IN_ENTITY, (jd_str){NULL, 0}, &ent, &err), 0);
    assert_int_equal(jd_symtab_count(symbols), before + 3);
    assert_int_equal(ent.attrs[1].subs[0].name, jd_sym_find(symbols, JD_STR(JD_DEFAULT_VOCAB "neverSeen3")));
}

static void test_times_of_attributes(void **state) {
    (void)state;
    jd_buf doc = {0};
    jd_applied res;
    apply(&doc, (jd_change_req){.op = JD_OP_CREATE, .observed = JD_TIME_NONE}, "{" BASE ",\"a\":1,\"b\":2}", 1000000,
          &res);
    apply(&doc, (jd_change_req){.op = JD_OP_MERGE, .observed = JD_TIME_NONE}, "{" BASE ",\"b\":3,\"c\":4}", 5000000,
          &res);
    assert_string_equal(render(&doc, JD_NORMALIZED, 1),
                        "{" BASE ",\"createdAt\":\"1970-01-01T00:00:01Z\",\"modifiedAt\":\"1970-01-01T00:00:05Z\","
                        "\"a\":{\"type\":\"Property\",\"value\":1,\"createdAt\":\"1970-01-01T00:00:01Z\","
                        "\"modifiedAt\":\"1970-01-01T00:00:01Z\"},"
                        "\"b\":{\"type\":\"Property\",\"value\":3,\"createdAt\":\"1970-01-01T00:00:01Z\","
                        "\"modifiedAt\":\"1970-01-01T00:00:05Z\"},"
                        "\"c\":{\"type\":\"Property\",\"value\":4,\"createdAt\":\"1970-01-01T00:00:05Z\","
                        "\"modifiedAt\":\"1970-01-01T00:00:05Z\"}}");
    jd_buf_fini(&doc);
}

static void test_expiry(void **state) {
    (void)state;
    jd_buf doc = {0};
    jd_applied res;
    apply(&doc, (jd_change_req){.op = JD_OP_CREATE, .observed = JD_TIME_NONE},
          "{" BASE ",\"expiresAt\":\"1970-01-01T00:01:00Z\",\"a\":{\"type\":\"Property\",\"value\":1,\"expiresAt\":"
          "\"1970-01-01T00:00:10Z\"},\"b\":2}",
          1000000, &res);
    jd_doc d, t;
    jd_doc_open(&d, jd_buf_view(&doc));
    assert_int_equal(jd_doc_trim(&d, 9999999, symbols, &arena, &t), 0);
    assert_int_equal(jd_doc_trim(&d, 10000000, symbols, &arena, &t), 1);
    jd_attrview v;
    assert_int_equal(jd_doc_attr(&t, sym("a"), &v, NULL), 0);
    assert_int_equal(jd_doc_attr(&t, sym("b"), &v, NULL), 1);
    assert_int_equal(jd_doc_trim(&d, 60000000, symbols, &arena, &t), 2);
    jd_buf_fini(&doc);
}

/* Damaged bytes are found or harmless: a checked document can be read whatever it was. */
static void test_damage(void **state) {
    (void)state;
    jd_buf doc = {0};
    jd_applied res;
    apply(&doc, (jd_change_req){.op = JD_OP_CREATE, .observed = JD_TIME_NONE},
          "{" BASE ",\"scope\":[\"/A\",\"/B/"
          "C\"],\"a\":[{\"type\":\"Property\",\"value\":{\"k\":[1,2.5,\"x\",\"2026-01-01T00:00:00Z\"]},"
          "\"sub\":{\"type\":\"Property\",\"value\":true}},"
          "{\"type\":\"Property\",\"value\":1e5,\"datasetId\":\"urn:d:1\"}],\"v\":{\"type\":\"VocabProperty\","
          "\"vocab\":[\"p\",\"q\"]}}",
          1000000, &res);
    uint64_t x = 88172645463325252u;
    int refused = 0;
    for (int i = 0; i < 20000; i++) {
        char *copy = malloc(doc.n); /* of exact size, for ASan */
        memcpy(copy, doc.p, doc.n);
        size_t n = doc.n;
        for (int k = 0; k < 1 + i % 3; k++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            copy[(x >> 16) % n] = (char)(x >> 40);
        }
        if (i % 5 == 0) n = (x >> 20) % n;
        if (jd_doc_check((jd_str){copy, n}, jd_symtab_count(symbols), NULL)) {
            refused++;
        } else {
            jd_buf out = {0};
            jd_doc d;
            jd_doc_open(&d, (jd_str){copy, n});
            jd_render r = {.ctx = jd_contexts_core(contexts), .symbols = symbols, .sys_attrs = 1, .arena = &arena};
            jd_render_entity(&r, &d, &out);
            jd_buf_fini(&out);
        }
        free(copy);
    }
    assert_true(refused > 5000);
    jd_buf_fini(&doc);
}

static void test_refusals_name_the_place(void **state) {
    (void)state;
    static const struct {
        const char *text, *place;
    } cases[] = {
        {"{\"type\":\"T\"}", ""},
        {"{\"id\":\"no uri\",\"type\":\"T\"}", "id"},
        {"{\"id\":\"urn:x:1\"}", ""},
        {"{" BASE ",\"s\":{\"type\":\"Property\"}}", "s"},
        {"{" BASE ",\"s\":{\"type\":\"Property\",\"value\":null}}", "s.value"},
        {"{" BASE ",\"s\":{\"type\":\"Property\",\"value\":{\"a\":\"urn:ngsi-ld:null\"}}}", "s.value"},
        {"{" BASE ",\"s\":{\"type\":\"Property\",\"value\":1,\"object\":\"urn:y:1\"}}", "s.object"},
        {"{" BASE ",\"s\":{\"type\":\"Relationship\",\"object\":\"no uri\"}}", "s.object"},
        {"{" BASE ",\"s\":{\"type\":\"Property\",\"value\":1,\"observedAt\":\"2026-01-01T00:00:00+08:00\"}}",
         "s.observedAt"},
        {"{" BASE ",\"s\":[{\"type\":\"Property\",\"value\":1},{\"type\":\"Property\",\"value\":2}]}", "s[1]"},
        {"{" BASE ",\"s\":{\"type\":\"Property\",\"value\":1,\"q\":{\"type\":\"Relationship\"}}}", "s.q"},
        {"{" BASE ",\"location\":{\"type\":\"GeoProperty\",\"value\":{\"type\":\"Point\",\"coordinates\":[200,0]}}}",
         "location.value.coordinates"},
        {"{" BASE ",\"scope\":\"9bad\"}", "scope"},
        {"{" BASE ",\"my attr\":1}", "my attr"},
        {"{" BASE ",\"l\":{\"type\":\"LanguageProperty\",\"languageMap\":{\"en\":5}}}", "l.languageMap"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        jd_jval v = json(cases[i].text);
        jd_ent e;
        jd_err err = {0};
        jd_parse p = {.arena = &arena, .ctx = jd_contexts_core(contexts), .symbols = symbols};
        assert_int_equal(jd_ent_parse(&p, &v, JD_IN_ENTITY, (jd_str){NULL, 0}, &e, &err), -1);
        assert_int_equal(err.code, JD_E_BAD_REQUEST_DATA);
        assert_string_equal(err.place, cases[i].place);
        assert_true(err.en[0] && err.zh[0] && strcmp(err.en, err.zh));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_half_becomes_a_document),
        cmocka_unit_test(test_bare_values_fit_the_kind),
        cmocka_unit_test(test_refused_requests_leave_no_names),
        cmocka_unit_test(test_values_come_back_as_written),
        cmocka_unit_test(test_numbers_without_text),
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_times_of_attributes),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_refusals_name_the_place),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

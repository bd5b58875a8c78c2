/* Smart Data Models' published normalized examples: every valid one goes in and comes out equal in all three forms;
 * each that is published invalid is refused with its place. Skipped where the examples are not beside the project. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/entity.h"
#include "model/render.h"

#include <stdio.h>
#include <stdlib.h>

static char *read_file(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    char *p = jd_xmalloc(1 << 20);
    *n = fread(p, 1, 1 << 20, f);
    fclose(f);
    return p;
}

static const jd_jval *member(const jd_jval *v, const char *name) {
    return jd_jget(v, name);
}

static int skipped_member(jd_str n) {
    return jd_str_is(n, "@context") || jd_str_is(n, "createdAt") || jd_str_is(n, "modifiedAt");
}

/* The value of an attribute object as the simplified form shows it, by clause 4.5.4; computed here from the input
 * alone. */
static jd_jval simple(jd_arena *a, const jd_jval *attr) {
    const jd_jval *t = member(attr, "type");
    static const char *const keep[] = {"languageMap", "vocab", "json"};
    for (int i = 0; i < 3; i++)
        if (member(attr, keep[i])) {
            jd_jval o = {.type = JD_JOBJ, .n = 1, .members = JD_NEW(a, jd_jmember)};
            o.members[0] = (jd_jmember){jd_str_of(keep[i]), *member(attr, keep[i])};
            return o;
        }
    const jd_jval *v = member(attr, t && jd_jis(t, "Relationship")   ? "object"
                                    : t && jd_jis(t, "ListProperty") ? "valueList"
                                                                     : "value");
    return v ? *v : jd_jmake_null();
}

static jd_jval concise(jd_arena *a, const jd_jval *attr) {
    const jd_jval *t = member(attr, "type"), *value = member(attr, "value");
    int geo = t && jd_jis(t, "GeoProperty");
    if (attr->n == 2 && value && (geo || value->type != JD_JOBJ)) return *value;
    jd_jval o = {.type = JD_JOBJ, .members = JD_NEWN(a, jd_jmember, attr->n)};
    for (uint32_t i = 0; i < attr->n; i++) {
        jd_str n = attr->members[i].name;
        if (jd_str_is(n, "type") || skipped_member(n)) continue;
        const jd_jval *m = &attr->members[i].val;
        int sub = m->type == JD_JOBJ && jd_jget(m, "type") && !jd_str_is(n, "value");
        o.members[o.n++] = (jd_jmember){n, sub ? concise(a, m) : *m};
    }
    return o;
}

static jd_jval expected(jd_arena *a, const jd_jval *in, jd_format f) {
    jd_jval o = {.type = JD_JOBJ, .members = JD_NEWN(a, jd_jmember, in->n)};
    for (uint32_t i = 0; i < in->n; i++) {
        jd_str n = in->members[i].name;
        const jd_jval *m = &in->members[i].val;
        if (skipped_member(n)) continue;
        int attr = m->type == JD_JOBJ && jd_jget(m, "type") && !jd_str_is(n, "id") && !jd_str_is(n, "type");
        o.members[o.n++] = (jd_jmember){n, !attr || f == JD_NORMALIZED ? *m
                                           : f == JD_SIMPLIFIED        ? simple(a, m)
                                                                       : concise(a, m)};
    }
    return o;
}

/* Invalid as published though the index's simple check saw nothing. */
static const struct {
    const char *type, *why;
} also_invalid[] = {
    {"Vehicle", "battery.observedAt 2016-08-22T19:20Z has no seconds (4.6.3)"},
    {"AgriGreenhouse", "co2.observedAt has an offset, not Z (4.6.3)"},
    {"CityWork", "a sub-attribute's type is \"Property \" with a blank"},
    {"SolarEnergy", "a Point whose coordinates are nested once too deep"},
    {"InverterDevice", "a Point whose coordinates are nested once too deep"},
    {"Vessel", "an attribute named observedAt (4.5.1)"},
    {"Distribution", "location is a Property, not a GeoProperty (4.7.1)"},
};

static int valid_by_index(const char *type, const char *defects) {
    for (size_t i = 0; i < sizeof also_invalid / sizeof *also_invalid; i++)
        if (!strcmp(type, also_invalid[i].type)) return 0;
    if (!*defects || *defects == '(') return 1;
    /* createdAt and modifiedAt as plain DateTimes are what the standard itself defines (4.8); the index's check was
     * stricter */
    return strstr(defects, "createdAt is not an attribute object") == defects && !strstr(defects, "type=");
}

static void test_examples(void **state) {
    (void)state;
    const char *shared = getenv("JINDU_SHARED");
    char root[600];
    snprintf(root, sizeof root, "%s/data/smart-data-models", shared ? shared : JINDU_SOURCE_ROOT "/../shared");
    char path[5000];
    snprintf(path, sizeof path, "%s/index.csv", root);
    FILE *index = fopen(path, "r");
    if (!index) {
        print_message("skipped: no %s\n", path);
        skip();
        return;
    }
    jd_symtab *symbols = jd_symtab_create(0);
    jd_err err = {0};
    jd_contexts_opts co = {.no_fetch = 1};
    jd_contexts *contexts = jd_contexts_create(symbols, &co, &err);
    assert_non_null(contexts);
    jd_context *core = jd_contexts_core(contexts);
    char line[2000];
    int good = 0, refused = 0, wrong = 0;
    while (fgets(line, sizeof line, index)) {
        char *cell[7] = {line};
        for (int i = 1; i < 7; i++) {
            cell[i] = strchr(cell[i - 1], ',');
            if (!cell[i]) break;
            *cell[i]++ = 0;
        }
        if (!cell[6] || !strcmp(cell[0], "subject")) continue;
        char *defects = cell[6];
        defects[strcspn(defects, "\r\n")] = 0;
        if (*defects == '"') defects++;
        snprintf(path, sizeof path, "%s/%s/%s/example-normalized.jsonld", root, cell[0], cell[1]);
        size_t n;
        char *text = read_file(path, &n);
        if (!text) continue;
        jd_arena a;
        jd_arena_init(&a);
        jd_jval in;
        jd_ent ent;
        jd_parse p = {.arena = &a, .ctx = core, .symbols = symbols};
        int valid = valid_by_index(cell[1], defects);
        err = (jd_err){0};
        int rc = jd_json_parse(&a, (jd_str){text, n}, NULL, &in, &err) ||
                 jd_ent_parse(&p, &in, JD_IN_ENTITY, (jd_str){NULL, 0}, &ent, &err);
        if (!valid) {
            if (!rc || !err.place[0])
                print_error("%s/%s: should be refused with a place (%s): %s\n", cell[0], cell[1], defects,
                            rc ? err.en : "taken"),
                    wrong++;
            else
                refused++;
        } else if (rc) {
            print_error("%s/%s: refused: %s at %s\n", cell[0], cell[1], err.en, err.place);
            wrong++;
        } else {
            jd_buf doc = {0};
            jd_applied res;
            jd_change_req rq = {.op = JD_OP_CREATE, .id = ent.id, .ent = &ent, .observed = JD_TIME_NONE};
            assert_int_equal(jd_apply(&rq, NULL, jd_now(), symbols, &a, &doc, &res, &err), 0);
            assert_int_equal(jd_doc_check(jd_buf_view(&doc), jd_symtab_count(symbols), &err), 0);
            jd_doc d;
            jd_doc_open(&d, jd_buf_view(&doc));
            for (jd_format f = JD_NORMALIZED; f <= JD_SIMPLIFIED; f++) {
                jd_buf out = {0};
                jd_render r = {.ctx = core, .symbols = symbols, .format = f, .arena = &a};
                jd_render_entity(&r, &d, &out);
                jd_jval got, want = expected(&a, &in, f);
                assert_int_equal(jd_json_parse(&a, jd_arena_dup(&a, jd_buf_view(&out)), NULL, &got, &err), 0);
                if (!jd_jequal(&got, &want)) {
                    jd_buf w = {0};
                    jd_json_write(&w, &want);
                    print_error("%s/%s differs in form %d\n got %.*s\nwant %.*s\n", cell[0], cell[1], (int)f,
                                (int)(out.n < 3000 ? out.n : 3000), out.p, (int)(w.n < 3000 ? w.n : 3000), w.p);
                    jd_buf_fini(&w);
                    wrong++;
                }
                jd_buf_fini(&out);
            }
            jd_buf_fini(&doc);
            good++;
        }
        jd_arena_fini(&a);
        free(text);
    }
    fclose(index);
    jd_contexts_destroy(contexts);
    jd_symtab_destroy(symbols);
    print_message("%d valid examples equal in three forms, %d invalid ones refused\n", good, refused);
    assert_int_equal(wrong, 0);
    assert_true(good >= 40 && refused >= 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

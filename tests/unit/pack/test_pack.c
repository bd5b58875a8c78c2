/* Versions, names of files, bundles: what is taken and what is refused. Schemas compile as they are in the program. */
#include "pack/pack_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void test_versions(void **state) {
    (void)state;
    /* each comes before the next (semver.org 2.0.0, 11) */
    static const char *const order[] = {
        "0.0.0",         "0.0.1",       "0.9.9",         "0.10.0",           "1.0.0-1",    "1.0.0-2",
        "1.0.0-10",      "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
        "1.0.0-beta.11", "1.0.0-rc.1",  "1.0.0",         "1.0.1-x",          "1.0.1",      "999999999.0.0"};
    enum { N = sizeof order / sizeof *order };
    for (size_t i = 0; i < N; i++) {
        if (!pack_version_valid(jd_str_of(order[i]))) fail_msg("%s", order[i]);
        for (size_t k = 0; k < N; k++) {
            int c = pack_version_cmp(jd_str_of(order[i]), jd_str_of(order[k]));
            if ((c > 0) - (c < 0) != (i > k) - (i < k)) fail_msg("%s %s: %d", order[i], order[k], c);
        }
    }
    static const char *const bad[] = {"",       "1",      "1.0",        "1.0.0.0",        "01.0.0", "1.00.0",
                                      "1.0.x",  "1.0.0-", "1.0.0-a..b", "1.0.0+b",        "v1.0.0", " 1.0.0",
                                      "1.0.0 ", "1,0,0",  "-1.0.0",     "1000000000.0.0", "1.0.0-ä"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (pack_version_valid(jd_str_of(bad[i]))) fail_msg("%s", bad[i]);
}

static void test_names(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int kind;
        const char *stem;
    } names[] = {{"pack.json", PACK_MANIFEST, "pack.json"},
                 {"models/A-b_1.json", PACK_MODEL, "A-b_1"},
                 {"links/x.json", PACK_LINK, "x"},
                 {"mappings/x.json", PACK_MAPPING, "x"},
                 {"rules/x.json", PACK_RULE, "x"},
                 {"views/x.json", PACK_VIEW, "x"},
                 {"proof/proof.json", PACK_PROOF, "proof/proof.json"},
                 {"links/.json", -1, NULL},
                 {"links/a.b.json", -1, NULL},
                 {"links/a/b.json", -1, NULL},
                 {"links/../pack.json", -1, NULL},
                 {"links/x.JSON", -1, NULL},
                 {"proof/other.json", -1, NULL},
                 {"Pack.json", -1, NULL},
                 {"", -1, NULL},
                 {"links/123456789012345678901234567890123456789012345678901234567890.json", PACK_LINK,
                  "123456789012345678901234567890123456789012345678901234567890"},
                 {"links/1234567890123456789012345678901234567890123456789012345678901.json", -1, NULL}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        jd_str stem;
        int kind = pack_kind_of(jd_str_of(names[i].name), &stem);
        if (kind != names[i].kind || (kind >= 0 && !jd_str_is(stem, names[i].stem)))
            fail_msg("%s: %d", names[i].name, kind);
    }
}

static void test_folder(void **state) {
    (void)state;
    char dir[] = "/tmp/jindu-unit-XXXXXX", path[100];
    static const char *const files[] = {"pack.json", "rules/b.json", "rules/.hidden", "rules/a.txt", "README.md"};
    jd_arena a;
    jd_bundle b;
    jd_err err = {0};
    jd_arena_init(&a);
    assert_non_null(mkdtemp(dir));
    assert_int_equal(jd_bundle_of_folder(dir, 0, 0, &a, &b, &err), -1); /* no manifest */
    assert_int_equal(err.code, JD_E_NOT_FOUND);
    snprintf(path, sizeof path, "%s/rules", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs("0123456789", f);
        fclose(f);
    }
    assert_int_equal(jd_bundle_of_folder(dir, 0, 0, &a, &b, &err), 0);
    assert_int_equal(b.n, 3); /* by name; what is hidden or not a declaration's place is not taken */
    assert_true(jd_str_is(b.files[0].name, "pack.json") && jd_str_is(b.files[1].name, "rules/a.txt") &&
                jd_str_is(b.files[2].name, "rules/b.json") && jd_str_is(b.files[2].text, "0123456789"));
    assert_int_equal(jd_bundle_of_folder(dir, 3, 30, &a, &b, &err), 0);
    assert_int_equal(jd_bundle_of_folder(dir, 2, 30, &a, &b, &err), -1);
    assert_int_equal(err.code, JD_E_TOO_LARGE);
    assert_int_equal(jd_bundle_of_folder(dir, 3, 29, &a, &b, &err), -1);
    assert_int_equal(err.code, JD_E_TOO_LARGE);
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/rules", dir);
    rmdir(path);
    rmdir(dir);
    jd_arena_fini(&a);
}

static void test_schemas(void **state) {
    (void)state;
    jd_schema *schemas[PACK_KINDS] = {0};
    jd_err err = {0};
    if (pack_schemas_open(schemas, &err)) fail_msg("%s (%s)", err.en, err.place);
    pack_schemas_close(schemas);
    assert_string_equal(jd_pack_schema_kind(PACK_MANIFEST), "pack");
    assert_string_equal(jd_pack_schema_kind(PACK_PROOF), "proof");
    assert_string_equal(jd_pack_schema_kind(PACK_KINDS), "console");
    assert_null(jd_pack_schema_kind(PACK_KINDS + 1));
    assert_null(jd_pack_schema(JD_STR("no")).p);
}

static void test_console(void **state) {
    (void)state;
    static const struct {
        const char *text, *path; /* of the first fault; NULL: none */
        unsigned line;
    } cases[] = {
        {"{\"console\":1,\"city\":{\"zh\":\"z\",\"en\":\"e\"}}", NULL, 0},
        {"{\"console\":1,\n\"city\":{\"zh\":\"z\",\"en\":\"e\"},\n\"box\":[2,0,1,1],\n\"zone\":\"Mars\"}", "box", 3},
        {"{\"console\":1,\n\"city\":{\"zh\":\"z\"}}", "city", 2},
        {"[]", "", 1},
        {"{\n", "", 2},
        {"", "", 1}};
    jd_pack_faults *faults = calloc(1, sizeof *faults);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        jd_arena a;
        jd_jval v;
        jd_arena_init(&a);
        int rc = jd_console_check(JD_STR("c.json"), jd_str_of(cases[i].text), &a, &v, faults);
        assert_int_equal(rc, cases[i].path ? -1 : 0);
        if (cases[i].path && !(faults->n && jd_str_is(faults->v[0].file, "c.json") &&
                               jd_str_is(faults->v[0].path, cases[i].path) && faults->v[0].line == cases[i].line))
            fail_msg("%zu: %zu faults, %.*s in line %u", i, faults->n, JD_STR_ARG(faults->v[0].path),
                     faults->v[0].line);
        jd_arena_fini(&a);
    }
    free(faults);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_versions), cmocka_unit_test(test_names),
                                       cmocka_unit_test(test_folder), cmocka_unit_test(test_schemas),
                                       cmocka_unit_test(test_console)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

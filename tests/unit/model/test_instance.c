/* An attribute taken apart and put together again is the same, bit for bit; so is an instanceId. */
#include "temporal_test.h"

#include "model/doc_int.h"

/* ---- split and join ---- */

static void apart_and_together(const jd_attrview *v, jd_time base) {
    jd_buf skeleton = {0}, nums = {0}, record = {0};
    int numeric = jd_inst_split(v, &skeleton, &nums);
    assert_int_equal(nums.n % sizeof(jd_num), 0);
    jd_reading r = {.at = v->observed,
                    .skeleton = jd_buf_view(&skeleton),
                    .nums = (const jd_num *)(const void *)nums.p,
                    .nums_n = (uint32_t)(nums.n / sizeof(jd_num)),
                    .flags = v->observed != JD_TIME_NONE ? JD_R_OBSERVED : 0,
                    .digits = (uint8_t)v->observed_digits};
    if (v->kind == JD_PROPERTY && jd_node_type(v->value) == JD_N_NUM && *v->value.p != JD_T_NUMTEXT) {
        assert_int_equal(numeric, 1);
        assert_true(jd_num_double(r.nums[0]) == jd_node_num(v->value));
    } else {
        assert_int_equal(numeric, 0);
    }
    jd_str dataset = jd_inst_dataset(r.skeleton);
    assert_int_equal(dataset.p == NULL, v->dataset.p == NULL);
    assert_true(jd_str_eq(dataset, v->dataset));
    jd_buf_z(&record, "before");
    assert_int_equal(jd_inst_join(v->name, &r, base, v->created, v->modified, &record), 0);
    size_t want = (size_t)(v->record.end - v->record.p), got = record.n - 6;
    if (got != want || memcmp(record.p + 6, v->record.p, want) != 0)
        fail_msg("attribute %.*s: %zu bytes became %zu", JD_STR_ARG(jd_sym_name(symbols, v->name)), want, got);

    /* a skeleton cut short, or one number too many or few, is told from a whole one */
    for (size_t cut = 1; cut <= skeleton.n && cut <= 40; cut++) {
        jd_reading bad = r;
        bad.skeleton.n -= cut;
        size_t n = record.n;
        assert_int_equal(jd_inst_join(v->name, &bad, base, v->created, v->modified, &record), -1);
        assert_int_equal(record.n, n);
    }
    if (r.nums_n) {
        r.nums_n--;
        assert_int_equal(jd_inst_join(v->name, &r, base, v->created, v->modified, &record), -1);
    }
    r.nums_n = (uint32_t)(nums.n / sizeof(jd_num)) + 1;
    static const jd_num more[1000];
    r.nums = more;
    if (r.nums_n < 1000) assert_int_equal(jd_inst_join(v->name, &r, base, v->created, v->modified, &record), -1);
    jd_buf_fini(&skeleton);
    jd_buf_fini(&nums);
    jd_buf_fini(&record);
}

/* Expiry is not kept in an instance, and times of sub-attributes become those of theirs: without and with them. */
static void plain_times(jd_attr *a, uint32_t n, jd_time created) {
    for (uint32_t i = 0; i < n; i++) {
        a[i].expires = JD_TIME_NONE;
        a[i].created = a[i].modified = created;
        plain_times(a[i].subs, a[i].subs_n, created);
    }
}

static int document(jd_ent *e) {
    jd_buf b = {0};
    jd_err err = {0};
    jd_doc d;
    int n = 0;
    e->created = e->modified = NOW;
    for (uint32_t i = 0; i < e->attrs_n; i++) {
        jd_attr *a = &e->attrs[i];
        plain_times(a, 1, NOW + (i % 3) * 1000);
        a->modified = a->created + (i % 2) * 12345;
    }
    assert_int_equal(jd_doc_encode(e, symbols, &b, &err), 0);
    jd_doc_open(&d, jd_buf_view(&b));
    jd_bytes rest = d.attrs;
    for (jd_attrview v; jd_attr_next(&rest, d.created, &v); n++) apart_and_together(&v, d.created);
    jd_buf_fini(&b);
    return n;
}

static void test_every_kind(void **state) {
    (void)state;
    jd_ent e =
        parsed("{" VEHICLE ",'a':1,'b':-0.50,'c':'2020-01-01T00:00:00.10Z','d':[1,[2.5,{'x':64,'https://y/z':[]}],'s'],"
               "'e':1e5,'f':123456789012345678901234567890,'g':true,'h':{'type':'Property',"
               "'value':{'@type':'T','@value':{}}},'i':{'type':'VocabProperty','vocab':['p','q']},"
               "'j':{'type':'JsonProperty','json':{'a':null,'b':[false,-1]}},'k':{'type':'ListProperty',"
               "'valueList':[[1],[2]]},'l':{'type':'ListRelationship','objectList':['urn:a:b'],"
               "'objectType':['A','B']},'m':{'type':'LanguageProperty','languageMap':{'en':['x','y']},"
               "'valueType':'langString'},'location':{'type':'GeoProperty','value':{'type':'Polygon',"
               "'coordinates':[[[0,0],[1,0],[1,1],[0,0]]]}},'n':{'type':'Property','value':5,"
               "'unitCode':'KMH','datasetId':'urn:d:1','observedAt':'2020-01-01T00:00:00.123Z',"
               "'valueType':'xsd:int','o':{'type':'Property','value':7.25,"
               "'observedAt':'1969-12-31T23:59:59.5Z','p':{'type':'Relationship','object':'urn:a:b',"
               "'q':[{'type':'Property','value':0},{'type':'Property','value':1,'datasetId':'urn:d:2'}]}},"
               "'r':{'type':'Property',"
               "'value':'a rather long text, longer than the hundred and twenty-seven bytes that a short string of a "
               "document may have, so that it gets a length of its own'}}}");
    assert_int_equal(document(&e), 15);
}

/* ---- random documents ---- */

static uint64_t rnd_state = 2463534242u;
static uint32_t rnd(uint32_t below) {
    rnd_state ^= rnd_state << 13;
    rnd_state ^= rnd_state >> 7;
    rnd_state ^= rnd_state << 17;
    return (uint32_t)(rnd_state >> 33) % below;
}

static void value(jd_buf *b, int depth) {
    static const char *const leaves[] = {"0",
                                         "63",
                                         "64",
                                         "-1",
                                         "999999999999999999",
                                         "0.000000000000000001",
                                         "1e-7",
                                         "-0",
                                         "1.0",
                                         "true",
                                         "false",
                                         "\"\"",
                                         "\"x\"",
                                         "12.5",
                                         "7",
                                         "\"2020-02-29T12:00:00Z\"",
                                         "\"2020-02-29T12:00:00.000001Z\"",
                                         "\"2020-02-29T12:00:00,5Z\"",
                                         "\"\\u00e9\\n\""};
    uint32_t kind = rnd(depth > 4 ? 6 : 8), n = rnd(4);
    if (kind < 6) {
        jd_buf_z(b, leaves[rnd(sizeof leaves / sizeof *leaves)]);
    } else if (kind == 6) {
        jd_buf_c(b, '[');
        for (uint32_t i = 0; i < n; i++) {
            if (i) jd_buf_c(b, ',');
            value(b, depth + 1);
        }
        jd_buf_c(b, ']');
    } else {
        jd_buf_c(b, '{');
        for (uint32_t i = 0; i < n; i++) {
            jd_buf_printf(b, "%s\"%s%u\":", i ? "," : "", rnd(2) ? "https://x/" : "@m", i);
            value(b, depth + 1);
        }
        jd_buf_c(b, '}');
    }
}

static void attribute(jd_buf *b, int depth) {
    jd_buf_z(b, "{\"type\":\"Property\",\"value\":");
    value(b, 0);
    if (rnd(2)) jd_buf_printf(b, ",\"observedAt\":\"20%02u-01-01T00:00:00.%uZ\"", rnd(100), rnd(1000));
    if (!rnd(3)) jd_buf_printf(b, ",\"unitCode\":\"U%u\"", rnd(9));
    if (!depth && !rnd(3)) jd_buf_printf(b, ",\"datasetId\":\"urn:d:%u\"", rnd(9));
    if (depth < 3)
        for (uint32_t i = 0, n = rnd(3); i < n; i++) {
            jd_buf_printf(b, ",\"sub%u\":", i);
            attribute(b, depth + 1);
        }
    jd_buf_c(b, '}');
}

static void test_random_documents(void **state) {
    (void)state;
    for (int i = 0; i < 3000; i++) {
        jd_arena_mark mark = jd_arena_tell(&arena);
        jd_buf b = {0};
        jd_buf_z(&b, "{" VEHICLE);
        for (uint32_t k = 0, n = rnd(6); k < n; k++) {
            jd_buf_printf(&b, ",\"attr%u\":", k);
            attribute(&b, 0);
        }
        jd_buf_add(&b, "}", 2);
        jd_ent e = parsed(b.p);
        document(&e);
        jd_buf_fini(&b);
        jd_arena_rewind(&arena, mark);
    }
}

/* Bytes of the store that were changed: an answer or an error, never a read beyond them (ASan tells), and what comes
 * out is a record. */
static void test_damaged_skeletons(void **state) {
    (void)state;
    for (int i = 0; i < 20000; i++) {
        jd_arena_mark mark = jd_arena_tell(&arena);
        jd_buf b = {0}, skeleton = {0}, nums = {0}, record = {0};
        jd_buf_z(&b, "{" VEHICLE ",\"a\":");
        attribute(&b, 0);
        jd_buf_add(&b, "}", 2);
        jd_evolution e = evolved(b.p);
        jd_inst_split(&e.attrs[0].inst[0].a, &skeleton, &nums);
        char *exact = jd_xmalloc(skeleton.n);
        memcpy(exact, skeleton.p, skeleton.n);
        for (uint32_t k = rnd(3) + 1; k--;) exact[rnd((uint32_t)skeleton.n)] = (char)rnd(256);
        jd_reading r = {.at = NOW,
                        .skeleton = {exact, skeleton.n},
                        .nums = (const jd_num *)(const void *)nums.p,
                        .nums_n = (uint32_t)(nums.n / sizeof(jd_num))};
        jd_inst_dataset(r.skeleton);
        if (jd_inst_join(e.attrs[0].name, &r, NOW, NOW, NOW, &record) == 0) {
            jd_bytes rest = {(const unsigned char *)record.p, (const unsigned char *)record.p + record.n};
            jd_attrview v;
            assert_true(jd_attr_next(&rest, NOW, &v));
            assert_true(rest.p == rest.end);
            assert_in_range(v.kind, JD_PROPERTY, JD_LISTRELATIONSHIP);
        } else {
            assert_int_equal(record.n, 0);
        }
        free(exact);
        jd_buf_fini(&b);
        jd_buf_fini(&skeleton);
        jd_buf_fini(&nums);
        jd_buf_fini(&record);
        jd_arena_rewind(&arena, mark);
    }
}

/* ---- every published example ---- */

static void test_smart_data_models(void **state) {
    (void)state;
    const char *shared = getenv("JINDU_SHARED");
    char root[600], path[5000], line[2000];
    snprintf(root, sizeof root, "%s/data/smart-data-models", shared ? shared : JINDU_SOURCE_ROOT "/../shared");
    snprintf(path, sizeof path, "%s/index.csv", root);
    FILE *index = fopen(path, "r");
    if (!index) {
        print_message("skipped: no %s\n", path);
        skip();
        return;
    }
    int models = 0, attrs = 0;
    char *text = jd_xmalloc(1 << 20);
    while (fgets(line, sizeof line, index)) {
        char *type = strchr(line, ','), *end = type ? strchr(type + 1, ',') : NULL;
        if (!end) continue;
        *type++ = *end = 0;
        snprintf(path, sizeof path, "%s/%s/%s/example-normalized.jsonld", root, line, type);
        FILE *f = fopen(path, "rb");
        if (!f) continue;
        jd_str body = {text, fread(text, 1, 1 << 20, f)};
        fclose(f);
        jd_parse p = parse_opts();
        jd_jval v;
        jd_ent e;
        if (jd_json_parse(&arena, body, NULL, &v, NULL) || jd_temporal_parse(&p, &v, 1, (jd_str){NULL, 0}, &e, NULL))
            continue;
        attrs += document(&e);
        models++;
    }
    fclose(index);
    free(text);
    print_message("%d attributes of %d examples\n", attrs, models);
    assert_true(models >= 40 && attrs >= 500);
}

/* ---- the numbers of datasets, and instanceIds ---- */

static void test_dataset_numbers(void **state) {
    (void)state;
    assert_int_equal(jd_inst_dataset_no((jd_str){NULL, 0}), 0);
    assert_int_not_equal(jd_inst_dataset_no(JD_STR("")), 0);
    assert_int_not_equal(jd_inst_dataset_no(JD_STR("urn:d:1")), 0);
    assert_int_not_equal(jd_inst_dataset_no(JD_STR("urn:d:1")), jd_inst_dataset_no(JD_STR("urn:d:2")));
}

static void test_instance_ids(void **state) {
    (void)state;
    const jd_time times[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, 1598961780000000, INT64_MAX};
    const uint32_t sets[] = {0, 1, 0x0fffffff, 0xdeadbeef, UINT32_MAX};
    for (size_t t = 0; t < sizeof times / sizeof *times; t++)
        for (size_t d = 0; d < sizeof sets / sizeof *sets; d++)
            for (int kind = 0; kind < 3; kind++) {
                jd_inst i = {.at = times[t], .dataset = sets[d], .observed = kind == 1, .deleted = kind == 2};
                char id[JD_INST_ID_MAX];
                size_t n = jd_inst_id_print(&i, id);
                jd_time time;
                uint32_t dataset;
                int observed;
                assert_true(n < sizeof id && jd_uri_valid((jd_str){id, n}));
                assert_int_equal(jd_inst_id_parse((jd_str){id, n}, &time, &dataset, &observed), 0);
                assert_int_equal(time, times[t]);
                assert_int_equal(dataset, sets[d]);
                assert_int_equal(observed, kind == 1);
                assert_int_equal(jd_inst_id_parse((jd_str){id, n - 1}, &time, &dataset, &observed), -1);
                for (size_t k = 0; k < n; k++) { /* every other text is another instance, or none */
                    char other[JD_INST_ID_MAX], again[JD_INST_ID_MAX];
                    memcpy(other, id, n);
                    other[k] = (char)(other[k] ^ 0x20);
                    if (jd_inst_id_parse((jd_str){other, n}, &time, &dataset, &observed)) continue;
                    jd_inst j = {
                        .at = time, .dataset = dataset, .observed = (uint8_t)observed, .deleted = other[21] == 'd'};
                    assert_int_equal(jd_inst_id_print(&j, again), n);
                    assert_memory_equal(again, other, n);
                    assert_memory_not_equal(again, id, n);
                }
            }
    static const char *const foreign[] = {"",
                                          "urn:ngsi-ld:01234567890123456789", /* 016_03: a URI, but none of ours */
                                          "urn:ngsi-ld:instance:",
                                          "urn:ngsi-ld:instance:o",
                                          "urn:ngsi-ld:instance:x0000000000000000-00000000",
                                          "urn:ngsi-ld:instance:o 000000000000000-00000000",
                                          "urn:ngsi-ld:instance:o0x00000000000000-00000000",
                                          "urn:ngsi-ld:instance:o-000000000000001-00000000",
                                          "urn:ngsi-ld:instance:o0000000000000000-0000000",
                                          "urn:ngsi-ld:instance:o0000000000000000-000000000",
                                          "urn:ngsi-ld:instance:o0000000000000000_00000000"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        jd_time time;
        uint32_t dataset;
        int observed;
        assert_int_equal(jd_inst_id_parse(jd_str_of(foreign[i]), &time, &dataset, &observed), -1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),        cmocka_unit_test(test_random_documents),
        cmocka_unit_test(test_damaged_skeletons), cmocka_unit_test(test_smart_data_models),
        cmocka_unit_test(test_dataset_numbers),   cmocka_unit_test(test_instance_ids),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

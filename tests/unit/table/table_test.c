#include "table_test.h"

void begin(bench *b) {
    static const jd_contexts_opts closed = {.no_fetch = 1};
    memset(b, 0, sizeof *b);
    jd_arena_init(&b->a);
    jd_arena_init(&b->moments);
    b->symbols = jd_symtab_create(0);
    b->contexts = jd_contexts_create(b->symbols, &closed, &b->err);
    assert_non_null(b->contexts);
}

void end(bench *b) {
    jd_contexts_destroy(b->contexts);
    jd_symtab_destroy(b->symbols);
    jd_arena_fini(&b->a);
    jd_arena_fini(&b->moments);
    jd_buf_fini(&b->out);
    jd_buf_fini(&b->refused);
    jd_buf_fini(&b->kept);
}

jd_map *compile(bench *b, const char *json) {
    jd_map *m = NULL;
    jd_context *ctx = NULL;
    b->err = (jd_err){0};
    if (jd_map_open(&m, "m.json", jd_str_of(json), &b->err)) return NULL;
    int rc = jd_contexts_get(b->contexts, jd_map_context(m), 1, &ctx, &b->err);
    if (!rc) rc = jd_map_compile(m, ctx, b->symbols, &b->err);
    if (ctx) jd_ctx_unref(ctx);
    if (!rc) return m;
    jd_map_free(m);
    return NULL;
}

/* ---- moments as text ---- */

static void put_attr(bench *b, const jd_attr *a) {
    static const char prefix[] = JD_DEFAULT_VOCAB;
    jd_str name = jd_sym_name(b->symbols, a->name);
    if (jd_str_starts(name, jd_str_of(prefix))) name.p += sizeof prefix - 1, name.n -= sizeof prefix - 1;
    if (jd_str_is(name, JD_NGSI "location")) name = JD_STR("location");
    jd_buf_c(&b->out, ' ');
    jd_buf_str(&b->out, name);
    if (a->dataset.p) jd_buf_printf(&b->out, "[%.*s]", JD_STR_ARG(a->dataset));
    jd_buf_c(&b->out, '=');
    if (a->kind != JD_PROPERTY) jd_buf_printf(&b->out, "%s:", jd_kind_name(a->kind));
    jd_json_write(&b->out, &a->value);
    if (a->unit.p) jd_buf_str(&b->out, a->unit);
    for (uint32_t i = 0; i < a->subs_n; i++) {
        jd_buf_z(&b->out, i ? "," : "{");
        put_attr(b, &a->subs[i]);
    }
    if (a->subs_n) jd_buf_c(&b->out, '}');
}

static int take(void *user, const jd_moment *m, jd_err *err) {
    bench *b = user;
    char at[JD_TIME_TEXT_MAX] = "-";
    size_t n = m->at == JD_TIME_NONE ? 1 : jd_time_print(m->at, m->digits, at);
    (void)err;
    jd_buf_printf(&b->out, "%.*s %.*s", JD_STR_ARG(m->id), (int)n, at);
    for (uint32_t i = 0; i < m->attrs_n; i++) {
        assert_true(m->at == JD_TIME_NONE ? m->attrs[i].observed == JD_TIME_NONE : m->attrs[i].observed == m->at);
        put_attr(b, &m->attrs[i]);
    }
    if (m->fixed_n) jd_buf_z(&b->out, " |");
    for (uint32_t i = 0; i < m->fixed_n; i++) {
        assert_true(m->fixed[i].observed == JD_TIME_NONE);
        put_attr(b, &m->fixed[i]);
    }
    jd_buf_c(&b->out, '\n');
    jd_arena_reset(&b->moments);
    return 0;
}

static void refuse(void *user, const jd_refusal *r) {
    bench *b = user;
    jd_buf_printf(&b->refused, "%llu:%llu %s%s: %s\n", (unsigned long long)r->line, (unsigned long long)r->column,
                  jd_refused_text(r->reason, 0), r->whole ? "!" : "", r->err->en);
    assert_true(r->err->zh[0] != 0);
    if (!r->first_of_row) return;
    if (!b->kept.n) jd_table_keep_head(r->table, &b->kept);
    jd_table_keep_row(r->table, r->row, b->report.touched_rows++ == 0, jd_str_of(r->err->en), &b->kept);
}

static int keep_end(void *user, const jd_table *t) {
    bench *b = user;
    (void)t;
    return b->err.code != JD_E_OK;
}

static void pass(bench *b, jd_feed *f, jd_feed_pass p, const char *file, jd_str table) {
    jd_feed_sink sink = {b, &b->moments, take, p == JD_FEED_GIVE ? refuse : NULL, keep_end};
    jd_source src = jd_source_text(&table);
    b->report.touched_rows = 0;
    jd_feed_begin(f, p, table.n);
    if (jd_feed_table(f, file, &src, &sink, &b->err) < 0) assert_true(b->err.code != JD_E_OK && b->err.place[0]);
}

void feed(bench *b, const char *json, const char *file, jd_str table) {
    jd_map *m = compile(b, json);
    b->out.n = b->refused.n = b->kept.n = 0;
    if (!m) fail_msg("%s: %s\n%s", b->err.place, b->err.en, json);
    jd_feed *f = jd_feed_new(m);
    pass(b, f, JD_FEED_LEARN, file, table);
    if (b->judge && b->err.code == JD_E_OK) jd_feed_judge(f, jd_map_refused_max(m), &b->err);
    if (b->err.code == JD_E_OK) pass(b, f, JD_FEED_GIVE, file, table);
    b->report = *jd_feed_get_report(f);
    b->report.attrs = NULL;
    jd_feed_free(f);
    jd_map_free(m);
    jd_buf_c(&b->out, 0);
    jd_buf_c(&b->refused, 0);
    jd_buf_c(&b->kept, 0);
}

static void same(const char *what, const char *got, const char *want, const char *json) {
    if (strcmp(got, want)) fail_msg("%s\n--- %s ---\n%s--- wanted ---\n%s---", json, what, got, want);
}

void must_give(bench *b, const char *json, const char *file, const char *table, const char *moments) {
    feed(b, json, file, jd_str_of(table));
    if (b->err.code != JD_E_OK) fail_msg("%s: %s\n%s", b->err.place, b->err.en, json);
    same("refused", b->refused.p, "", json);
    same("given", b->out.p, moments, json);
}

void must_refuse(bench *b, const char *json, const char *table, const char *refusals) {
    feed(b, json, "t.csv", jd_str_of(table));
    if (b->err.code != JD_E_OK) fail_msg("%s: %s\n%s", b->err.place, b->err.en, json);
    same("refused", b->refused.p, refusals, json);
}

const char *mapping(bench *b, const char *more) {
    static const char *const members[][2] = {{"\"entity\"", "{\"type\":\"T\",\"id\":\"urn:x:a\"}"},
                                             {"\"attributes\"", "{\"v\":\"v\"}"},
                                             {"\"time\"", "{\"column\":\"t\",\"zone\":\"UTC\"}"}};
    jd_buf t = {0};
    jd_buf_z(&t, "{\"mapping\":1");
    for (size_t i = 0; i < COUNT(members); i++) {
        jd_buf needle = {0};
        jd_buf_printf(&needle, "%s:", members[i][0]);
        jd_buf_c(&needle, 0);
        /* a member of its own stands at the front or behind "}," of the text given */
        const char *hit = strstr(more, needle.p);
        if (!hit) jd_buf_printf(&t, ",%s:%s", members[i][0], members[i][1]);
        jd_buf_fini(&needle);
    }
    if (*more) jd_buf_printf(&t, ",%s", more);
    jd_buf_c(&t, '}');
    jd_str s = jd_arena_dup(&b->a, jd_buf_view(&t));
    jd_buf_fini(&t);
    return s.p;
}

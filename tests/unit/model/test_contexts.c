/* The registry: fetching (from a small server in this process), the offline folder, hosting, what is kept. */
#include "context_server.h"

static jd_str at(bench *t, const char *path) {
    return jd_arena_printf(&t->a, "http://127.0.0.1:%d%s", server.port, path);
}

static int get(bench *t, const char *path, int may_block, jd_context **c) {
    t->err = (jd_err){0};
    return jd_contexts_get_url(t->r, at(t, path), may_block, c, &t->err);
}

static void assert_expands(bench *t, const char *path, const char *name, const char *iri) {
    jd_context *c;
    int rc = get(t, path, 1, &c);
    if (rc) print_error("%s: %s (%s)\n", path, t->err.en, t->err.place);
    assert_int_equal(rc, 0);
    assert_str(jd_ctx_expand(c, &t->a, jd_str_of(name)), iri);
    jd_ctx_unref(c);
}

static void assert_refused(bench *t, const char *path, jd_errcode code) {
    jd_context *c = NULL;
    assert_int_equal(get(t, path, 1, &c), -1);
    if (t->err.code != code) print_error("%s: %s (%s)\n", path, t->err.en, t->err.place);
    assert_int_equal(t->err.code, code);
    assert_true(t->err.en[0] && t->err.zh[0]);
    assert_null(c);
}

static const jd_contexts_opts open_opts = {.timeout_ms = 20000};

/* ---- fetching ---- */
static void test_fetch(void **state) {
    (void)state;
    bench t;
    begin(&t, &open_opts);
    routes_reset();
    put("/a", 200, LD, "{\"@context\":{\"A\":\"http://a/A\"}}");
    put("/json", 200, "Content-Type: application/json; charset=utf-8\r\n", "{\"@context\":{\"A\":\"http://json/\"}}");
    put("/plus", 200, "Content-Type: application/vnd.x+json\r\n", "{\"@context\":{\"A\":\"http://plus/\"}}");
    put("/text", 200, "Content-Type: text/plain; charset=utf-8\r\n", "{\"@context\":{\"A\":\"http://text/\"}}");
    put("/none", 200, "", "{\"@context\":{\"A\":\"http://none/\"}, \"other\":1}");
    put("/list", 200, LD, "{\"@context\":[\"" JD_CORE_CONTEXT_URL "\",\"a\",{\"B\":\"A\"}]}");
    put("/scoped", 200, LD, "{\"@context\":{\"A\":{\"@id\":\"http://a/A\",\"@context\":{\"x\":\"http://x/\"}}}}");
    assert_expands(&t, "/a", "A", "http://a/A");
    assert_non_null(strstr(server.last, "Accept: application/ld+json, application/json;q=0.9\r\n"));
    assert_expands(&t, "/a", "A", "http://a/A");
    assert_int_equal(hits("/a"), 1);
    assert_expands(&t, "/json", "A", "http://json/");
    assert_expands(&t, "/plus", "A", "http://plus/");
    assert_expands(&t, "/text", "A", "http://text/");
    assert_expands(&t, "/none", "A", "http://none/");
    assert_expands(&t, "/list", "B", "http://a/A");
    assert_expands(&t, "/scoped", "A", "http://a/A");
    assert_expands(&t, "/scoped", "x", DEFAULT "x");
    assert_int_equal(hits("/a"), 1); /* "/list" found it */
    end(&t);
}

static void test_not_available(void **state) {
    (void)state;
    bench t;
    begin(&t, &open_opts);
    routes_reset();
    put("/html", 200, "Content-Type: text/html\r\n", "<html></html>");
    put("/error", 500, LD, "{\"@context\":{}}");
    put("/empty204", 204, "", "");
    put("/large", 200, LD, NULL);
    put("/loop", 302, "Location: /loop\r\n", "");
    put("/file", 302, "Location: file:///etc/passwd\r\n", "");
    put("/nested", 200, LD, "{\"@context\":[{\"A\":\"http://a/\"},\"missing\"]}");
    assert_refused(&t, "/missing", JD_E_CONTEXT);
    assert_refused(&t, "/html", JD_E_CONTEXT);
    assert_refused(&t, "/error", JD_E_CONTEXT);
    assert_refused(&t, "/empty204", JD_E_CONTEXT);
    assert_refused(&t, "/large", JD_E_CONTEXT);
    assert_refused(&t, "/loop", JD_E_CONTEXT);
    assert_int_equal(hits("/loop"), 6); /* the first and 5 redirects */
    assert_refused(&t, "/file", JD_E_CONTEXT);
    assert_refused(&t, "/nested", JD_E_CONTEXT);
    static const char *const urls[] = {"http://127.0.0.1:1/nobody",     "ftp://127.0.0.1/x",
                                       "file:///etc/hostname",          "urn:x:y",
                                       "http://127.0.0.1:1/with space", "http://"};
    for (size_t i = 0; i < COUNT(urls); i++) {
        jd_context *c = NULL;
        assert_int_equal(jd_contexts_get_url(t.r, jd_str_of(urls[i]), 1, &c, &t.err), -1);
        assert_int_equal(t.err.code, JD_E_CONTEXT);
    }
    /* remembered: the server is not asked again, even when it has changed its mind */
    put("/error", 200, LD, "{\"@context\":{}}");
    assert_refused(&t, "/error", JD_E_CONTEXT);
    assert_int_equal(hits("/error"), 0);
    jd_ctxinfo *all;
    assert_int_equal(jd_contexts_list(t.r, &t.a, -1, &all), 1); /* only what could be had: /nested */
    end(&t);
}

static void test_invalid(void **state) {
    (void)state;
    bench t;
    begin(&t, &open_opts);
    routes_reset();
    put("/note", 200, LD, "{\"note\":\"no context member here\"}");
    put("/broken", 200, LD, "this is { not json");
    put("/array", 200, LD, "[{\"@context\":{}}]");
    put("/number", 200, LD, "{\"@context\":42}");
    put("/bad", 200, LD, "{\"@context\":{\"A\":{\"@id\":42}}}");
    put("/self", 200, LD, "{\"@context\":\"self\"}");
    put("/ping", 200, LD, "{\"@context\":[\"pong\"]}");
    put("/pong", 200, LD, "{\"@context\":{\"A\":\"http://a/\",\"@import\":\"/ping\"}}");
    static const char *const paths[] = {"/note", "/broken", "/array", "/number", "/bad", "/self", "/ping"};
    for (size_t i = 0; i < COUNT(paths); i++) {
        assert_refused(&t, paths[i], JD_E_BAD_REQUEST_DATA); /* clause 5.5.6: had, but not valid */
        assert_non_null(strstr(t.err.place, paths[i]));
    }
    assert_refused(&t, "/bad", JD_E_BAD_REQUEST_DATA);
    assert_int_equal(hits("/bad"), 1);
    assert_refused(&t, "/ping", JD_E_BAD_REQUEST_DATA);
    assert_non_null(strstr(t.err.en, "circle"));
    end(&t);
}

static void test_redirect_and_depth(void **state) {
    (void)state;
    bench t;
    jd_contexts_opts o = open_opts;
    o.depth_max = 3;
    begin(&t, &o);
    routes_reset();
    put("/moved", 301, "Location: /deep/er/here\r\n", "it went elsewhere");
    put("/deep/er/here", 200, LD, "{\"@context\":[\"../sister\",\"?x=1\"]}");
    put("/deep/sister", 200, LD, "{\"@context\":{\"A\":\"http://sister/\"}}");
    put("/deep/er/here?x=1", 200, LD, "{\"@context\":{\"B\":\"A\"}}");
    put("/1", 200, LD, "{\"@context\":\"2\"}");
    put("/2", 200, LD, "{\"@context\":\"3\"}");
    put("/3", 200, LD, "{\"@context\":\"4\"}");
    put("/4", 200, LD, "{\"@context\":{\"D\":\"http://d/\"}}");
    assert_expands(&t, "/moved", "B", "http://sister/"); /* relative to where the redirect led */
    assert_expands(&t, "/2", "D", "http://d/");
    assert_refused(&t, "/1", JD_E_BAD_REQUEST_DATA);
    end(&t);
}

static void test_import(void **state) {
    (void)state;
    bench t;
    begin(&t, &open_opts);
    routes_reset();
    put("/i", 200, LD, "{\"@context\":{\"ex\":\"http://i/\",\"A\":\"ex:A\",\"B\":\"ex:B\",\"@vocab\":\"http://iv/\"}}");
    put("/array", 200, LD, "{\"@context\":[{}]}");
    put("/again", 200, LD, "{\"@context\":{\"@import\":\"i\"}}");
    put("/twice", 200, LD, "{\"@context\":{\"@import\":\"again\"}}");
    const char *own =
        jd_arena_printf(&t.a, "{\"@import\":\"%s\",\"ex\":\"http://own/\",\"B\":\"mine\"}", at(&t, "/i").p).p;
    jd_context *c = must_get(&t, own);
    assert_str(jd_ctx_expand(c, &t.a, JD_STR("A")), "http://own/A"); /* as if it stood there, with "ex" replaced */
    assert_str(jd_ctx_expand(c, &t.a, JD_STR("B")), "http://iv/mine");
    jd_ctx_unref(c);
    assert_expands(&t, "/again", "A", "http://i/A");
    assert_refused(&t, "/twice", JD_E_BAD_REQUEST_DATA);
    own = jd_arena_printf(&t.a, "{\"@import\":\"%s\"}", at(&t, "/array").p).p;
    assert_int_equal(ask(&t, own, 1, &c), -1);
    assert_int_equal(t.err.code, JD_E_BAD_REQUEST_DATA);
    end(&t);
}

static void test_no_waiting(void **state) {
    (void)state;
    bench t;
    begin(&t, &open_opts);
    routes_reset();
    put("/a", 200, LD, "{\"@context\":{\"A\":\"http://a/A\"}}");
    put("/list", 200, LD, "{\"@context\":[\"a\"]}");
    jd_context *c = NULL;
    assert_int_equal(get(&t, "/list", 0, &c), 1);
    assert_null(c);
    assert_int_equal(hits("/list") + hits("/a"), 0);
    assert_expands(&t, "/a", "A", "http://a/A");
    assert_int_equal(get(&t, "/a", 0, &c), 0); /* now it is here */
    jd_ctx_unref(c);
    assert_int_equal(get(&t, "/list", 0, &c), 1);
    assert_expands(&t, "/list", "A", "http://a/A");
    assert_int_equal(get(&t, "/list", 0, &c), 0);
    jd_ctx_unref(c);
    assert_int_equal(get(&t, "/missing", 0, &c), 1);
    assert_refused(&t, "/missing", JD_E_CONTEXT);
    assert_int_equal(get(&t, "/missing", 0, &c), -1); /* known to be dead: told at once */
    assert_int_equal(t.err.code, JD_E_CONTEXT);
    end(&t);
}

static void test_allowed_prefixes(void **state) {
    (void)state;
    bench t;
    char open_part[64];
    snprintf(open_part, sizeof open_part, "http://127.0.0.1:%d/open/", server.port);
    const char *const allow[] = {"https://example.org/", open_part, NULL};
    jd_contexts_opts o = open_opts;
    o.allow = allow;
    begin(&t, &o);
    routes_reset();
    put("/open/a", 200, LD, "{\"@context\":{\"A\":\"http://a/A\"}}");
    put("/inside", 200, LD, "{\"@context\":{}}");
    put("/open/door", 302, "Location: /inside\r\n", "");
    assert_expands(&t, "/open/a", "A", "http://a/A");
    assert_refused(&t, "/inside", JD_E_CONTEXT);
    assert_refused(&t, "/open/door", JD_E_CONTEXT);
    assert_int_equal(hits("/inside"), 0);
    end(&t);
}

/* ---- many at once ---- */
typedef struct asker {
    bench *t;
    int id, rc;
    jd_context *c;
} asker;

static void *ask_slow(void *arg) {
    asker *q = arg;
    jd_err err;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/slow", server.port);
    q->rc = jd_contexts_get_url(q->t->r, jd_str_of(url), 1, &q->c, &err);
    return NULL;
}

static void test_one_fetch_for_all(void **state) {
    (void)state;
    enum { N = 8 };
    bench t;
    asker askers[N];
    pthread_t threads[N];
    begin(&t, &open_opts);
    routes_reset();
    put("/slow", 200, LD, "{\"@context\":{\"A\":\"http://a/A\"}}");
    gate(1);
    for (int i = 0; i < N; i++) {
        askers[i] = (asker){.t = &t, .id = i};
        assert_int_equal(pthread_create(&threads[i], NULL, ask_slow, &askers[i]), 0);
    }
    gate_reached();
    jd_context *c = NULL;
    assert_int_equal(get(&t, "/slow", 0, &c), 1); /* who may not wait does not */
    assert_null(c);
    usleep(50000); /* so that most of them are waiting; the counts below hold in any case */
    gate(0);
    for (int i = 0; i < N; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < N; i++) {
        assert_int_equal(askers[i].rc, 0);
        assert_ptr_equal(askers[i].c, askers[0].c);
    }
    for (int i = 0; i < N; i++) jd_ctx_unref(askers[i].c);
    assert_int_equal(hits("/slow"), 1);
    jd_ctxinfo info;
    assert_int_equal(jd_contexts_find(t.r, &t.a, at(&t, "/slow"), &info), 1);
    assert_int_equal(info.hits, N);
    end(&t);
}

/* Everything at the same time, for the thread sanitizer; each answer is checked. */
static void *churn(void *arg) {
    asker *q = arg;
    bench *t = q->t;
    jd_arena a;
    jd_err err;
    jd_arena_init(&a);
    for (int i = 0; i < 300 && !q->rc; i++) {
        jd_jval v;
        jd_context *c;
        int n = i % 7;
        jd_str json = n == 6 ? JD_STR("\"http://h/ngsi-ld/v1/jsonldContexts/one\"")
                             : jd_arena_printf(&a, "{\"ex\":\"http://e%d/\",\"A\":\"ex:A\"}", n);
        if (jd_json_parse(&a, json, NULL, &v, &err) || jd_contexts_get(t->r, &v, 0, &c, &err)) {
            q->rc = 1;
            break;
        }
        jd_str want = n == 6 ? JD_STR("http://one/") : jd_arena_printf(&a, "http://e%d/A", n);
        if (!jd_str_eq(jd_ctx_expand(c, &a, JD_STR("A")), want)) q->rc = 2;
        jd_str iri = jd_arena_printf(&a, DEFAULT "n%d", (i * 31 + q->id) % 700);
        jd_sym s = jd_sym_intern(t->symbols, iri, &err);
        if (!jd_str_eq(jd_ctx_expand(c, &a, jd_ctx_compact(c, s)), iri)) q->rc = 3;
        if (!jd_str_is(jd_ctx_compact(c, jd_sym_intern(t->symbols, want, &err)), "A")) q->rc = 4;
        jd_ctx_unref(c);
        jd_ctxinfo *all, info;
        if (q->id == 0 && i % 50 == 0 &&
            jd_contexts_host(t->r, JD_STR("one"), JD_CTX_HOSTED, JD_STR("{\"@context\":{\"A\":\"http://one/\"}}"), i,
                             &err))
            q->rc = 5;
        if (q->id == 1 && i % 40 == 0) jd_contexts_list(t->r, &a, -1, &all);
        if (q->id == 2 && !jd_contexts_find(t->r, &a, JD_STR("one"), &info)) q->rc = 6;
        jd_arena_reset(&a);
    }
    jd_arena_fini(&a);
    return NULL;
}

static void test_many_threads(void **state) {
    (void)state;
    enum { N = 4 };
    bench t;
    asker askers[N];
    pthread_t threads[N];
    jd_contexts_opts o = {.no_fetch = 1, .cached_max = 4}; /* fewer than are asked for, so that some go and come back */
    begin(&t, &o);
    jd_str one = JD_STR("{\"@context\":{\"A\":\"http://one/\"}}");
    assert_int_equal(jd_contexts_host(t.r, JD_STR("one"), JD_CTX_HOSTED, one, 1, &t.err), 0);
    for (int i = 0; i < N; i++) {
        askers[i] = (asker){.t = &t, .id = i};
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &askers[i]), 0);
    }
    for (int i = 0; i < N; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < N; i++) assert_int_equal(askers[i].rc, 0);
    end(&t);
}

/* ---- the offline folder ---- */
static char folder[64];

static void file(const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
}

static int folder_begin(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/jindu-contexts-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int folder_end(void **state) {
    (void)state;
    static const char *const files[] = {"index.json", "a.jsonld", "b.jsonld", "c.jsonld"};
    char path[128];
    for (size_t i = 0; i < COUNT(files); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static void test_offline(void **state) {
    (void)state;
    bench t;
    jd_contexts_opts o = {.offline_dir = folder, .no_fetch = 1};
    file("index.json", "{\"http://o/a\":\"a.jsonld\",\"http://o/sub/b\":\"b.jsonld\"}");
    file("a.jsonld", "{\"@context\":{\"A\":\"http://a/A\"}}");
    file("b.jsonld", "{\"@context\":[\"../a\",{\"B\":\"A\"}]}");
    begin(&t, &o);
    jd_context *c;
    assert_int_equal(jd_contexts_get_url(t.r, JD_STR("http://o/sub/b"), 0, &c, &t.err), 0); /* needs no waiting */
    assert_str(jd_ctx_expand(c, &t.a, JD_STR("B")), "http://a/A");
    jd_ctx_unref(c);
    assert_int_equal(jd_contexts_get_url(t.r, JD_STR("http://o/A"), 1, &c, &t.err), -1); /* whole URLs only */
    assert_int_equal(t.err.code, JD_E_CONTEXT);
    assert_int_equal(jd_contexts_get_url(t.r, JD_STR("http://o/a/x"), 1, &c, &t.err), -1);

    file("a.jsonld", "{\"@context\":{\"A\":\"http://new/A\"}}"); /* seen when asked for, not before */
    assert_int_equal(jd_contexts_get_url(t.r, JD_STR("http://o/sub/b"), 0, &c, &t.err), 0);
    assert_str(jd_ctx_expand(c, &t.a, JD_STR("B")), "http://a/A");
    assert_int_equal(jd_contexts_reload(t.r, JD_STR("http://o/a"), &t.err), 0);
    jd_context *newer;
    assert_int_equal(jd_contexts_get_url(t.r, JD_STR("http://o/sub/b"), 0, &newer, &t.err), 0);
    assert_str(jd_ctx_expand(newer, &t.a, JD_STR("B")), "http://new/A");
    assert_str(jd_ctx_expand(c, &t.a, JD_STR("B")), "http://a/A"); /* who holds the old one keeps it */
    jd_ctx_unref(newer);
    jd_ctx_unref(c);
    end(&t);
}

static void test_offline_errors(void **state) {
    (void)state;
    static const struct {
        const char *index, *text, *en, *place; /* parts of the detail and the place */
    } rows[] = {
        {NULL, "", "index.json", "index.json"},
        {"{", "", "JSON", "index.json"},
        {"[]", "", "an object of URLs and file names", "index.json"},
        {"{\"http://o/a\":7}", "", "\"http://o/a\" must name a file", ""},
        {"{\"http://o/a\":\"../a.jsonld\"}", "", "\"http://o/a\" must name a file", ""},
        {"{\"http://o/a\":\"/etc/passwd\"}", "", "\"http://o/a\" must name a file", ""},
        {"{\"http://o/a\":\"none.jsonld\"}", "", "none.jsonld: No such file", "none.jsonld"},
        {"{\"http://o/a\":\"a.jsonld\"}", "not json", "\"http://o/a\"", "a.jsonld: line 1 column"},
        {"{\"http://o/a\":\"a.jsonld\"}", "{}", "no object with @context", "a.jsonld"},
        {"{\"http://o/a\":\"a.jsonld\"}", "{\"@context\":{\"X\":{\"@id\":7}}}", "\"http://o/a\": term \"X\"",
         "a.jsonld: @context.X.@id"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        jd_contexts_opts o = {.offline_dir = folder};
        jd_err err = {0};
        char path[128];
        snprintf(path, sizeof path, "%s/index.json", folder);
        unlink(path);
        if (rows[i].index) file("index.json", rows[i].index);
        file("a.jsonld", rows[i].text);
        jd_symtab *symbols = jd_symtab_create(0);
        assert_null(jd_contexts_create(symbols, &o, &err));
        if (!strstr(err.en, rows[i].en) || !strstr(err.place, rows[i].place))
            print_error("%s (%s)\n", err.en, err.place);
        assert_non_null(strstr(err.en, rows[i].en));
        assert_non_null(strstr(err.place, rows[i].place));
        jd_symtab_destroy(symbols);
    }
}

static int listed(bench *t, const char *url) {
    jd_ctxinfo *all;
    size_t n = jd_contexts_list(t->r, &t->a, JD_CTX_CACHED, &all);
    for (size_t i = 0; i < n; i++)
        if (jd_str_is(all[i].url, url)) return 1;
    return 0;
}

static void test_least_recently_used_goes(void **state) {
    (void)state;
    bench t;
    jd_contexts_opts o = {.offline_dir = folder, .no_fetch = 1, .cached_max = 2};
    file("index.json", "{\"http://o/a\":\"a.jsonld\",\"http://o/b\":\"b.jsonld\",\"http://o/c\":\"c.jsonld\"}");
    file("a.jsonld", "{\"@context\":{\"A\":\"http://a/A\"}}");
    file("b.jsonld", "{\"@context\":{\"A\":\"http://b/A\"}}");
    file("c.jsonld", "{\"@context\":{\"A\":\"http://c/A\"}}");
    begin(&t, &o);
    jd_context *a = must_get(&t, "\"http://o/a\""), *b = must_get(&t, "\"http://o/b\""),
               *again = must_get(&t, "\"http://o/a\"");
    assert_ptr_equal(a, again);
    jd_context *c = must_get(&t, "\"http://o/c\"");
    assert_true(listed(&t, "http://o/a") && listed(&t, "http://o/c") && !listed(&t, "http://o/b"));
    jd_context *b2 = must_get(&t, "\"http://o/b\"");
    assert_ptr_not_equal(b, b2); /* it was let go and came back */
    assert_true(!listed(&t, "http://o/a") && listed(&t, "http://o/b"));
    jd_sym s = jd_sym_intern(t.symbols, JD_STR("http://a/A"), &t.err);
    assert_str(jd_ctx_compact(a, s), "A"); /* whoever holds one may go on */
    jd_context *kept[] = {a, again, b, b2, c};
    for (size_t i = 0; i < COUNT(kept); i++) jd_ctx_unref(kept[i]);
    end(&t);
}

static void test_bytes_max(void **state) {
    (void)state;
    bench t;
    jd_contexts_opts o = {.no_fetch = 1, .bytes_max = 1 << 20};
    begin(&t, &o);
    jd_context *first = must_get(&t, "{\"A\":\"http://a/0\"}"), *again;
    for (int i = 1; i < 200; i++) {
        again = must_get(&t, jd_arena_printf(&t.a, "{\"A\":\"http://a/%d\"}", i).p);
        jd_ctx_unref(again);
    }
    again = must_get(&t, "{\"A\":\"http://a/0\"}");
    assert_ptr_not_equal(again, first); /* half a megabyte does not hold 200 of them */
    jd_ctx_unref(again);
    jd_ctx_unref(first);
    end(&t);
}

/* ---- hosting ---- */
static void test_hosting(void **state) {
    (void)state;
    bench t;
    begin(&t, NULL);
    jd_ctxinfo info, *all;
    jd_str first = JD_STR("{\"@context\":{\"A\":\"http://one/A\"}}"),
           second = JD_STR("{\"@context\":{\"A\":\"http://two/A\"}}");
    assert_int_equal(jd_contexts_host(t.r, JD_STR("urn:x:1"), JD_CTX_HOSTED, first, 2000, &t.err), 0);
    assert_int_equal(jd_contexts_host(t.r, JD_STR("sub"), JD_CTX_IMPLICIT,
                                      JD_STR("{\"@context\":[\"http://o/x\"],\"z\":1}"), 1000, &t.err),
                     0);
    static const char *const urls[] = {"http://one/ngsi-ld/v1/jsonldContexts/urn:x:1",
                                       "https://[::1]:9090/ngsi-ld/v1/jsonldContexts/urn:x:1",
                                       "http://two:9090/ngsi-ld/v1/jsonldContexts/urn%3Ax%3a1?details=false"};
    for (size_t i = 0; i < COUNT(urls); i++) {
        jd_context *c;
        assert_int_equal(jd_contexts_get_url(t.r, jd_str_of(urls[i]), 0, &c, &t.err), 0);
        assert_str(jd_ctx_expand(c, &t.a, JD_STR("A")), "http://one/A");
        assert_str(jd_ctx_url(c), urls[i]);
        jd_ctx_unref(c);
    }
    static const char *const others[] = {"http://one/ngsi-ld/v1/jsonldContexts/urn:x:2",
                                         "http://one/x/jsonldContexts/urn:x:1", "http://one/ngsi-ld/v1/jsonldContexts/",
                                         "http://one", "urn:x:1x"};
    for (size_t i = 0; i < COUNT(others); i++) {
        jd_context *c;
        assert_int_equal(jd_contexts_get_url(t.r, jd_str_of(others[i]), 1, &c, &t.err), -1);
        assert_int_equal(t.err.code, JD_E_CONTEXT);
    }
    assert_int_equal(jd_contexts_find(t.r, &t.a, JD_STR("urn:x:1"), &info), 1);
    assert_int_equal(info.kind, JD_CTX_HOSTED);
    assert_int_equal(info.created, 2000);
    assert_int_equal(info.hits, 3);
    assert_true(info.last_used != JD_TIME_NONE);
    assert_null(info.url.p);
    assert_str(info.local_id, "urn:x:1");
    assert_true(jd_str_eq(info.body, first));
    assert_int_equal(jd_contexts_find(t.r, &t.a, JD_STR("http://h/ngsi-ld/v1/jsonldContexts/urn:x:1"), &info), 1);
    assert_int_equal(info.hits, 4); /* serving it was a use too */
    assert_int_equal(jd_contexts_find(t.r, &t.a, JD_STR("sub"), &info), 1);
    assert_int_equal(info.last_used, JD_TIME_NONE);
    assert_int_equal(jd_contexts_find(t.r, &t.a, JD_STR("none"), &info), 0);

    assert_int_equal(jd_contexts_list(t.r, &t.a, -1, &all), 2);
    assert_str(all[0].local_id, "sub"); /* created before the other */
    assert_str(all[1].local_id, "urn:x:1");
    assert_null(all[1].body.p); /* a thousand texts would be too much */
    assert_int_equal(jd_contexts_list(t.r, &t.a, JD_CTX_IMPLICIT, &all), 1);
    assert_str(all[0].local_id, "sub");
    assert_int_equal(jd_contexts_list(t.r, &t.a, JD_CTX_CACHED, &all), 0);

    jd_context *before, *after;
    assert_int_equal(jd_contexts_get_url(t.r, jd_str_of(urls[0]), 0, &before, &t.err), 0);
    assert_int_equal(jd_contexts_host(t.r, JD_STR("urn:x:1"), JD_CTX_HOSTED, second, 3000, &t.err), 0);
    assert_int_equal(jd_contexts_get_url(t.r, jd_str_of(urls[0]), 0, &after, &t.err), 0);
    assert_str(jd_ctx_expand(before, &t.a, JD_STR("A")), "http://one/A");
    assert_str(jd_ctx_expand(after, &t.a, JD_STR("A")), "http://two/A");
    jd_ctx_unref(before);
    jd_ctx_unref(after);
    assert_int_equal(jd_contexts_drop(t.r, JD_STR("urn:x:1")), 1);
    assert_int_equal(jd_contexts_drop(t.r, JD_STR("urn:x:1")), 0);
    assert_int_equal(jd_contexts_get_url(t.r, jd_str_of(urls[0]), 0, &after, &t.err), -1);
    end(&t);
}

static void test_hosting_refused(void **state) {
    (void)state;
    static const struct {
        const char *body;
        jd_errcode code;
    } rows[] = {
        {"{\"A1\":\"urn:x\" \"A2\":1}", JD_E_INVALID_REQUEST},
        {"{\"A1\":\"urn:ngsi-ld:attributes:A1\"}", JD_E_INVALID_REQUEST},
        {"[{\"@context\":{}}]", JD_E_INVALID_REQUEST},
        {"{\"@context\":42}", JD_E_BAD_REQUEST_DATA},
        {"{\"@context\":true}", JD_E_BAD_REQUEST_DATA},
        {"{\"@context\":[\"https://example.org/ctx.jsonld\",7]}", JD_E_BAD_REQUEST_DATA},
        {"{\"@context\":{\"A\":\"B\",\"B\":\"A\"}}", JD_E_BAD_REQUEST_DATA},
        {"{\"@context\":{\"A\":{\"@id\":\"http://a/\",\"@context\":{}}}}", JD_E_BAD_REQUEST_DATA},
    };
    bench t;
    begin(&t, NULL);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(jd_contexts_host(t.r, JD_STR("x"), JD_CTX_HOSTED, jd_str_of(rows[i].body), 1, &t.err), -1);
        assert_int_equal(t.err.code, rows[i].code);
    }
    jd_ctxinfo info;
    assert_int_equal(jd_contexts_find(t.r, &t.a, JD_STR("x"), &info), 0);
    /* what a reference gives is not known yet, so what leans on it is not an error */
    jd_str leaning = JD_STR("{\"@context\":[\"http://o/x\",{\"A\":\"ex:A\",\"ex:b\":{\"@id\":\"http://e/b\"}}]}");
    assert_int_equal(jd_contexts_host(t.r, JD_STR("x"), JD_CTX_HOSTED, leaning, 1, &t.err), 0);
    /* contexts that refer to themselves are found when they are used */
    jd_str self = JD_STR("{\"@context\":\"http://h/ngsi-ld/v1/jsonldContexts/self\"}");
    assert_int_equal(jd_contexts_host(t.r, JD_STR("self"), JD_CTX_HOSTED, self, 1, &t.err), 0);
    jd_context *c;
    assert_int_equal(ask(&t, "\"http://h/ngsi-ld/v1/jsonldContexts/self\"", 1, &c), -1);
    assert_int_equal(t.err.code, JD_E_BAD_REQUEST_DATA);
    end(&t);
}

/* Hosted, naming what is fetched: both are listed, and each use of the one counts for the other. */
static void test_hosted_names_cached(void **state) {
    (void)state;
    bench t;
    begin(&t, &open_opts);
    routes_reset();
    put("/a", 200, LD, "{\"@context\":{\"A\":\"http://a/A\"}}");
    jd_str body = jd_arena_printf(&t.a, "{\"@context\":[\"%s\"]}", at(&t, "/a").p);
    assert_int_equal(jd_contexts_host(t.r, JD_STR("h"), JD_CTX_HOSTED, body, 1, &t.err), 0);
    jd_ctxinfo info, *all;
    assert_int_equal(hits("/a"), 0);
    jd_context *c = must_get(&t, "\"http://localhost:9090/ngsi-ld/v1/jsonldContexts/h\"");
    assert_str(jd_ctx_expand(c, &t.a, JD_STR("A")), "http://a/A");
    jd_ctx_unref(c);
    assert_int_equal(jd_contexts_find(t.r, &t.a, at(&t, "/a"), &info), 1);
    assert_int_equal(info.kind, JD_CTX_CACHED);
    assert_int_equal(info.hits, 1);
    jd_ctxinfo by_id;
    assert_int_equal(jd_contexts_find(t.r, &t.a, info.local_id, &by_id), 1);
    assert_true(jd_str_eq(by_id.url, at(&t, "/a")));
    assert_int_equal(jd_contexts_list(t.r, &t.a, -1, &all), 2);
    assert_int_equal(jd_contexts_drop(t.r, at(&t, "/a")), 1);
    assert_int_equal(jd_contexts_find(t.r, &t.a, at(&t, "/a"), &info), 0);
    c = must_get(&t, "\"http://localhost:9090/ngsi-ld/v1/jsonldContexts/h\"");
    jd_ctx_unref(c);
    assert_int_equal(hits("/a"), 2); /* dropped, so fetched again */
    end(&t);
}

static void test_reload(void **state) {
    (void)state;
    bench t;
    begin(&t, &open_opts);
    routes_reset();
    put("/a", 200, LD, "{\"@context\":{\"A\":\"http://a/1\"}}");
    assert_expands(&t, "/a", "A", "http://a/1");
    put("/a", 200, LD, "{\"@context\":{\"A\":\"http://a/2\"}}");
    assert_expands(&t, "/a", "A", "http://a/1");
    assert_int_equal(jd_contexts_reload(t.r, at(&t, "/a"), &t.err), 0);
    assert_expands(&t, "/a", "A", "http://a/2");
    static const struct {
        int status;
        const char *body;
    } bad[] = {{500, "{\"@context\":{}}"}, {200, "not json"}, {200, "{}"}, {200, "{\"@context\":42}"}};
    for (size_t i = 0; i < COUNT(bad); i++) { /* clause 5.13.5.4: what was there stays */
        put("/a", bad[i].status, LD, bad[i].body);
        assert_int_equal(jd_contexts_reload(t.r, at(&t, "/a"), &t.err), -1);
        assert_int_equal(t.err.code, JD_E_CONTEXT);
        assert_int_equal(hits("/a"), 1); /* each time it was tried */
        assert_expands(&t, "/a", "A", "http://a/2");
    }
    jd_str body = JD_STR("{\"@context\":{}}");
    assert_int_equal(jd_contexts_host(t.r, JD_STR("h"), JD_CTX_IMPLICIT, body, 1, &t.err), 0);
    assert_int_equal(jd_contexts_reload(t.r, JD_STR("h"), &t.err), -1);
    assert_int_equal(t.err.code, JD_E_BAD_REQUEST_DATA);
    assert_int_equal(jd_contexts_reload(t.r, JD_STR("none"), &t.err), -1);
    assert_int_equal(t.err.code, JD_E_NOT_FOUND);
    assert_int_equal(jd_contexts_reload(t.r, JD_STR(JD_CORE_CONTEXT_URL), &t.err), 0);
    assert_int_equal(jd_contexts_drop(t.r, JD_STR(JD_CORE_CONTEXT_URL)), 0);
    end(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fetch),
        cmocka_unit_test(test_not_available),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_redirect_and_depth),
        cmocka_unit_test(test_import),
        cmocka_unit_test(test_no_waiting),
        cmocka_unit_test(test_allowed_prefixes),
        cmocka_unit_test(test_one_fetch_for_all),
        cmocka_unit_test(test_many_threads),
        cmocka_unit_test_setup_teardown(test_offline, folder_begin, folder_end),
        cmocka_unit_test_setup_teardown(test_offline_errors, folder_begin, folder_end),
        cmocka_unit_test_setup_teardown(test_least_recently_used_goes, folder_begin, folder_end),
        cmocka_unit_test(test_bytes_max),
        cmocka_unit_test(test_hosting),
        cmocka_unit_test(test_hosting_refused),
        cmocka_unit_test(test_hosted_names_cached),
        cmocka_unit_test(test_reload),
    };
    return cmocka_run_group_tests_name("model/contexts", tests, server_begin, server_end);
}

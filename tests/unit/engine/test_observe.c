/* Readings told from outside go into a document in two ways: in place, record by record, where that is all there is to
 * do, else by the tree. Random documents and writes: where the short way says that it is enough, it gives the same
 * bytes, the same history and the same results as the long one. And several writes in a row that one step takes leave
 * what they leave one after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "below.h"
#include "engine/engine_int.h"
#include "engine/history.h"
#include "engine/history_int.h"
#include "engine/overlay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ATTRS = 6, DATASETS = 2, ROUNDS = 40000 };

static jd_sym sym(jd_engine *e, const char *name, int i) {
    char text[64];
    int n = snprintf(text, sizeof text, JD_DEFAULT_VOCAB "%s%d", name, i);
    return jd_sym_intern(e->symbols, (jd_str){text, (size_t)n}, NULL);
}

static jd_jval text_value(jd_arena *a, jd_jtype type, const char *before, int64_t v, const char *behind) {
    jd_str s = jd_arena_printf(a, "%s%lld%s", before, (long long)v, behind);
    return (jd_jval){.type = type, .s = s.p, .n = (uint32_t)s.n};
}

static jd_jval object(jd_arena *a, const char *name, jd_jval v) {
    jd_jval o = {.type = JD_JOBJ, .n = 1, .members = JD_NEW(a, jd_jmember)};
    o.members[0] = (jd_jmember){jd_str_of(name), v};
    return o;
}

static const int64_t DECIMAL_END = INT64_C(1000000000000000000);

/* As links tell places; now and then not quite. */
static jd_jval point(jd_arena *a, int64_t x) {
    jd_jmember *m = JD_NEWN(a, jd_jmember, 2);
    jd_jval *both = JD_NEWN(a, jd_jval, 3), o = {.type = JD_JOBJ, .n = 2, .members = m};
    uint32_t odd = below(40), n = odd == 0 ? 3 : 2;
    for (uint32_t i = 0; i < n; i++) both[i] = (jd_jval){.type = JD_JDEC, .n = below(18), .dec = i ? below(70) : x};
    if (odd == 1) both[1] = text_value(a, JD_JNUM, "32.", x & 1023, "");
    m[0] = (jd_jmember){JD_STR("type"), jd_jmake_str(odd == 2 ? JD_STR("LineString") : JD_STR("Point"))};
    m[1] = (jd_jmember){JD_STR("coordinates"), {.type = JD_JARR, .n = n, .items = both}};
    if (odd == 3) {
        jd_jmember t = m[0];
        m[0] = m[1];
        m[1] = t;
    }
    return o;
}

static jd_jval value_of(jd_arena *a, jd_kind kind) {
    int64_t v = (int64_t)below(300) - 20;
    switch (kind) {
    case JD_RELATIONSHIP: return text_value(a, JD_JSTR, "urn:ngsi-ld:Thing:", v, "");
    case JD_VOCABPROPERTY: return text_value(a, JD_JSTR, "https://example.org/word-", v & 15, "");
    case JD_LANGUAGEPROPERTY: return object(a, "zh", text_value(a, JD_JSTR, "\xE5\x8F\xB7 ", v, ""));
    case JD_JSONPROPERTY: return object(a, "a", text_value(a, JD_JNUM, "", v, ""));
    case JD_GEOPROPERTY: {
        if (below(3)) return point(a, below(4) ? (int64_t)below(1000000000) - 500000000 : DECIMAL_END - 1 + below(2));
        jd_jval *both = JD_NEWN(a, jd_jval, 2), o = object(a, "coordinates", (jd_jval){.type = JD_JARR, .n = 2});
        both[0] = text_value(a, JD_JNUM, "119.", v + 20, "");
        both[1] = text_value(a, JD_JNUM, "32.", v + 20, "");
        o.members[0].val.items = both;
        return o;
    }
    default: break;
    }
    static const char *const behind[] = {"", ".50", ".123456", "e5", ".0"};
    uint32_t dice = below(24);
    if (dice == 12) return (jd_jval){.type = JD_JDEC, .dec = DECIMAL_END - below(2)};
    if (dice > 12) return (jd_jval){.type = JD_JDEC, .n = dice & 1 ? 0 : below(18), .dec = dice < 18 ? v : v * 1000003};
    if (dice < 8) return text_value(a, JD_JNUM, "", v, behind[dice % 5]);
    if (dice == 8) return text_value(a, JD_JSTR, "word ", v, "");
    if (dice == 9) return jd_jmake_str(JD_STR("2026-11-23T09:00:00Z"));
    if (dice == 10) return object(a, "https://example.org/deep", text_value(a, JD_JNUM, "", v, ""));
    return jd_jmake_bool((int)(v & 1));
}

static const jd_kind kinds[ATTRS] = {JD_PROPERTY,         JD_PROPERTY,     JD_GEOPROPERTY,
                                     JD_LANGUAGEPROPERTY, JD_JSONPROPERTY, JD_RELATIONSHIP};

static const jd_time T0 = INT64_C(1767225600000000);

/* One attribute; mostly plain, newer than what is there and of the kind that it always has. *plain: it is all that. */
static jd_attr attr_of(jd_engine *e, jd_arena *a, int i, int dataset, jd_time newest, int *plain) {
    jd_attr at = {.name = sym(e, "a", i),
                  .kind = kinds[i],
                  .dataset = dataset ? JD_STR("urn:ngsi-ld:Dataset:x") : (jd_str){NULL, 0},
                  .observed = newest + 1 + (jd_time)below(5),
                  .observed_digits = (int)below(4),
                  .expires = JD_TIME_NONE,
                  .created = JD_TIME_NONE,
                  .modified = JD_TIME_NONE,
                  .raw_expires = JD_TIME_NONE,
                  .has_value = 1};
    if (below(3) == 0) at.unit = JD_STR("GQ");
    if (below(40) == 0)
        at.unit = (jd_str){"a unit whose name is about as long as it may be, or longer", 16 + below(43)};
    uint32_t odd = below(60);
    if (odd == 0) at.kind = JD_VOCABPROPERTY;
    if (odd == 1) at.observed = newest;
    if (odd == 2) at.observed = newest - (jd_time)below(3);
    if (odd == 3) at.observed = JD_TIME_NONE;
    *plain &= odd > 3;
    at.value = value_of(a, at.kind);
    if (odd == 4) { /* a sub-attribute has times of its own */
        at.subs = JD_NEW(a, jd_attr);
        at.subs_n = 1;
        *at.subs = (jd_attr){.name = sym(e, "sub", 0),
                             .kind = JD_PROPERTY,
                             .observed = JD_TIME_NONE,
                             .expires = JD_TIME_NONE,
                             .created = JD_TIME_NONE,
                             .modified = JD_TIME_NONE,
                             .value = value_of(a, JD_PROPERTY),
                             .has_value = 1};
        *plain = 0;
    }
    if (odd == 7 && below(4) == 0) at.expires = INT64_C(4102444800000000), *plain = 0;
    if (odd == 5 && at.kind == JD_PROPERTY) at.value_type = JD_STR("xsd:decimal");
    if (odd == 6) {
        char *long_text = jd_arena_alloc(a, 300);
        memset(long_text, 'x', 300);
        at.kind = kinds[i];
        if (at.kind == JD_PROPERTY) at.value = jd_jmake_str((jd_str){long_text, 300}), *plain = 0;
    }
    return at;
}

typedef struct city {
    jd_engine *e;
    jd_arena a; /* of one write */
    jd_buf doc; /* what the entity is */
    jd_time now;
    int there[ATTRS][DATASETS];
    uint64_t in_place, whole;
    jd_time newest; /* told in a row */
} city;

/* Told of some attributes; *plain: the short way must do. */
static void draw(city *c, jd_write *w, int *plain) {
    jd_attr list[ATTRS * DATASETS * 2];
    jd_sym types[2] = {sym(c->e, "Type", 0), sym(c->e, "Type", 1)};
    jd_doc d;
    jd_err err = {0};
    uint32_t n = 0;
    if (c->doc.n) jd_doc_open(&d, jd_buf_view(&c->doc));
    *plain = c->doc.n && d.attr_expires == JD_TIME_NONE;
    for (int i = 0; i < ATTRS; i++)
        for (int k = 0; k < DATASETS; k++) {
            jd_attrview v;
            jd_str dataset = k ? JD_STR("urn:ngsi-ld:Dataset:x") : (jd_str){NULL, 0};
            int there = c->doc.n && find_instance(&d, sym(c->e, "a", i), dataset, &v);
            if (below(there ? 2 : 12)) continue;
            jd_time newest = there && v.observed != JD_TIME_NONE ? v.observed : T0;
            list[n++] = attr_of(c->e, &c->a, i, k, newest, plain);
            *plain &= there && (v.kind == list[n - 1].kind);
            if (below(40)) continue;
            list[n] = attr_of(c->e, &c->a, i, k, newest + 10, plain); /* two moments of one series */
            n++;
            *plain = 0;
        }
    for (uint32_t i = n; i > 1; i--) { /* in any order */
        uint32_t k = below(i);
        jd_attr t = list[i - 1];
        list[i - 1] = list[k];
        list[k] = t;
    }
    jd_told t = {.id = JD_STR("urn:ngsi-ld:Vehicle:1"), .types = types, .types_n = 1, .attrs = list, .attrs_n = n};
    if (below(50) == 0) t.types_n = 2, *plain &= c->doc.n && jd_doc_has_type(&d, types[1]);
    if (!n) *plain = 0;
    assert_int_equal(jd_observe_readings(c->e, &t, &c->a, w, &err), 0);
    memset(list, 0xA5, sizeof list); /* the write keeps nothing of it */
}

typedef int (*way)(jd_engine *e, const jd_doc *cur, jd_write *w, jd_arena *results, jd_time now, remember *r,
                   jd_buf *out);

static int go(city *c, way how, const jd_doc *cur, jd_write *w, jd_buf *out, jd_buf *hist) {
    remember r;
    remember_begin(&r, c->e, hist, c->now);
    int rc = how(c->e, cur, w, &c->a, c->now, &r, out);
    remember_end(&r);
    return rc;
}

static void same(const jd_buf *a, const jd_buf *b) {
    assert_int_equal(a->n, b->n);
    if (a->n) assert_memory_equal(a->p, b->p, a->n);
}

/* What the writer takes for granted of a document made in place, and what jd_doc_like says of any two. */
static void check_likeness(const jd_doc *was, jd_str bytes, const jd_write *w, int in_place) {
    jd_doc is;
    jd_bytes x = was->attrs, y;
    jd_attrview a, b;
    unsigned like, want = JD_LIKE_FORM | JD_LIKE_PLACES;
    jd_doc_open(&is, bytes);
    like = jd_doc_like(was, &is);
    y = is.attrs;
    for (int more = 1; more;) {
        more = jd_attr_next(&x, was->created, &a);
        if (more != jd_attr_next(&y, is.created, &b) || (more && (a.name != b.name || a.kind != b.kind))) want = 0;
        if (!want) break;
        size_t n = more ? (size_t)(a.record.end - a.value.p) : 0;
        int moved = more && a.kind == JD_GEOPROPERTY &&
                    (n != (size_t)(b.record.end - b.value.p) || memcmp(a.value.p, b.value.p, n) != 0);
        if (moved) want &= ~(unsigned)JD_LIKE_PLACES;
    }
    if (was->types_n != is.types_n) want = 0;
    assert_int_equal(like, want);
    if (!in_place) return;
    assert_true(like & JD_LIKE_FORM);
    int places = 0;
    for (uint32_t i = 0; i < w->ready_n; i++) places += (w->ready[i].head & 15) == JD_GEOPROPERTY;
    assert_true(places || like & JD_LIKE_PLACES);
}

static void one_round(city *c) {
    jd_write w, again;
    jd_doc d, *cur = NULL;
    jd_buf fast = {0}, fast_hist = {0}, slow = {0}, slow_hist = {0};
    int plain;
    jd_arena_init(&c->a);
    draw(c, &w, &plain);
    again = w;
    c->now += 1 + below(1000);
    if (c->doc.n) {
        if (below(20) == 0) jd_doc_flag(c->doc.p, JD_D_RESCOPED);
        jd_doc_open(&d, jd_buf_view(&c->doc));
        cur = &d;
    }
    int got = cur ? go(c, observed_in_place, cur, &w, &fast, &fast_hist) : 0;
    assert_true(got >= 0);
    if (plain) assert_int_equal(got, 1);
    if (!got) assert_int_equal(fast.n + fast_hist.n, 0);
    if (go(c, observed_whole, cur, &again, &slow, &slow_hist)) fail_msg("%s", again.err.en);
    if (got) {
        c->in_place++;
        assert_false(again.applied.unchanged);
        same(&fast, &slow);
        same(&fast_hist, &slow_hist);
        assert_int_equal(w.applied.attrs_n, again.applied.attrs_n);
        assert_int_equal(w.applied.created, again.applied.created);
        assert_int_equal(w.applied.updated_n, again.applied.updated_n);
        for (uint32_t i = 0; i < w.applied.updated_n; i++)
            assert_int_equal(w.applied.updated[i], again.applied.updated[i]);
    } else {
        c->whole++;
    }
    if (slow.n && cur) check_likeness(cur, jd_buf_view(&slow), &w, got);
    if (slow.n) {
        assert_int_equal(jd_doc_check(jd_buf_view(&slow), jd_symtab_count(c->e->symbols), NULL), 0);
        c->doc.n = 0;
        jd_buf_str(&c->doc, jd_buf_view(&slow));
    }
    if (below(500) == 0) c->doc.n = 0; /* another entity */
    jd_buf_fini(&fast);
    jd_buf_fini(&fast_hist);
    jd_buf_fini(&slow);
    jd_buf_fini(&slow_hist);
    jd_arena_fini(&c->a);
    jd_arena_reset(&c->e->scratch);
}

static void rounds(const jd_str *off, size_t off_n) {
    char dir[] = "/tmp/jindu-observe-XXXXXX", cmd[64];
    jd_err err = {0};
    assert_non_null(mkdtemp(dir));
    jd_engine_opts o = {.dir = dir, .manual = 1, .min_free = 1, .history_off = off, .history_off_n = off_n};
    city c = {.now = T0 + 1000};
    if (jd_engine_open(&c.e, &o, &err)) fail_msg("%s", err.en);
    for (int i = 0; i < ROUNDS; i++) one_round(&c);
    assert_true(c.in_place > ROUNDS / 4 && c.whole > ROUNDS / 20);
    jd_buf_fini(&c.doc);
    jd_engine_close(c.e);
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    assert_int_equal(system(cmd), 0);
}

/* ---- writes in a row ---- */

enum { RUN_ROUNDS = 15000, RUN = 7 };

static jd_attr mostly_plain(city *c, int i, int k, jd_time newest) {
    for (int tries = 0;; tries++) {
        int plain = 1;
        jd_attr a = attr_of(c->e, &c->a, i, k, newest, &plain);
        if (plain || tries == 2) return a;
    }
}

/* A device's next frames: the same series again and again; now and then something else. */
static uint32_t draw_run(city *c, jd_write *w) {
    jd_sym types[2] = {sym(c->e, "Type", 0), sym(c->e, "Type", 1)};
    uint32_t n = 1 + below(RUN);
    jd_time newest = c->newest += 1000;
    unsigned series = 1 + below((1 << ATTRS * DATASETS) - 1);
    for (uint32_t j = 0; j < n; j++) {
        jd_attr list[ATTRS * DATASETS];
        jd_err err = {0};
        uint32_t attrs = 0;
        int other = below(30) == 0;
        if (below(40) == 0) series = 1 + below((1 << ATTRS * DATASETS) - 1);
        newest += below(40) ? 20 : -50;
        for (int i = 0; i < ATTRS * DATASETS; i++)
            if (series >> i & 1) list[attrs++] = mostly_plain(c, i / DATASETS, i % DATASETS, newest);
        jd_told t = {.id = other ? JD_STR("urn:ngsi-ld:Vehicle:2") : JD_STR("urn:ngsi-ld:Vehicle:1"),
                     .types = types,
                     .types_n = below(50) ? 1 : 2,
                     .attrs = list,
                     .attrs_n = attrs};
        assert_int_equal(jd_observe_readings(c->e, &t, &c->a, &w[j], &err), 0);
    }
    return n;
}

typedef struct left_behind { /* by one way of applying the writes */
    jd_buf docs[2];
    heads *past;
} left_behind;

static void look(overlay *o, jd_tenant *t, uint32_t hists, left_behind *l) {
    static const char *const ids[2] = {"urn:ngsi-ld:Vehicle:1", "urn:ngsi-ld:Vehicle:2"};
    for (int i = 0; i < 2; i++) {
        pending *p;
        uint32_t serial;
        const version *v = state_of(o, &t->entities, jd_str_of(ids[i]), &p, &serial);
        l->docs[i].n = 0;
        if (v) jd_buf_add(&l->docs[i], v->bytes, v->n);
    }
    l->past = heads_new();
    for (uint32_t i = hists; i < o->hists_n; i++)
        assert_int_equal(
            heads_take(l->past, o->hists[i].entity, (jd_str){o->hist.p + o->hists[i].at, o->hists[i].n}, 1), 0);
}

static void same_past(city *c, const heads *x, const heads *y) {
    uint64_t *ex, *ey;
    size_t n = heads_entities(x, &ex);
    assert_int_equal(n, heads_entities(y, &ey));
    assert_int_equal(heads_readings(x), heads_readings(y));
    assert_int_equal(heads_latest(x), heads_latest(y));
    for (size_t i = 0; i < n; i++) {
        jd_skey *kx, *ky;
        assert_int_equal(ex[i], ey[i]);
        size_t keys = heads_keys(x, ex[i], &c->a, &kx);
        assert_int_equal(keys, heads_keys(y, ey[i], &c->a, &ky));
        for (size_t k = 0; k < keys; k++) {
            jd_reading rx[RUN + 2], ry[RUN + 2];
            assert_int_equal(jd_skey_cmp(&kx[k], &ky[k]), 0);
            size_t m = heads_copy(heads_find(x, &kx[k]), INT64_MIN, INT64_MAX, rx);
            assert_int_equal(m, heads_copy(heads_find(y, &ky[k]), INT64_MIN, INT64_MAX, ry));
            for (size_t j = 0; j < m; j++) {
                assert_true(same_reading(&rx[j], &ry[j]));
                assert_int_equal(rx[j].recorded, ry[j].recorded);
            }
        }
    }
    free(ex);
    free(ey);
}

static void one_run(city *c, jd_tenant *t, uint64_t *runs) {
    overlay *o = c->e->overlay;
    jd_write one[RUN], all[RUN];
    left_behind x = {0}, y = {0};
    jd_arena_init(&c->a);
    uint32_t n = draw_run(c, one), undo_to = o->undo_n, hists = o->hists_n;
    size_t hist = o->hist.n;
    jd_time last = c->e->now_last;
    memcpy(all, one, sizeof all);
    c->now += 1 + below(1000);
    for (uint32_t i = 0; i < n; i++) assert_int_equal(change_apply(c->e, o, t, &one[i], &c->a, c->now), 0);
    look(o, t, hists, &x);
    jd_time then = c->e->now_last;
    overlay_rewind(c->e, o, undo_to);
    o->hists_n = hists;
    o->hist.n = hist;
    c->e->now_last = last;
    for (uint32_t i = 0, done; i < n; i += done) {
        done = change_apply_run(c->e, o, t, &all[i], n - i, &c->a, c->now);
        assert_true(done != 1 && done <= n - i);
        *runs += done > 1;
        if (!done) assert_int_equal(change_apply(c->e, o, t, &all[i], &c->a, c->now), 0), done = 1;
    }
    look(o, t, hists, &y);
    assert_int_equal(c->e->now_last, then);
    for (int i = 0; i < 2; i++) {
        same(&x.docs[i], &y.docs[i]);
        jd_buf_fini(&x.docs[i]);
        jd_buf_fini(&y.docs[i]);
    }
    same_past(c, x.past, y.past);
    heads_unref(x.past);
    heads_unref(y.past);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(all[i].err.code, JD_E_OK);
        assert_int_equal(all[i].applied.attrs_n, one[i].applied.attrs_n);
        assert_int_equal(all[i].applied.updated_n, one[i].applied.updated_n);
    }
    jd_arena_fini(&c->a);
}

static void on_done(jd_job *job) {
    assert_int_equal(job->writes[0].err.code, JD_E_OK);
}

/* What the group has so far, with a write more, so that the next runs stand on documents of an earlier group. */
static void publish(city *c, const char *id) {
    jd_write w;
    jd_err err = {0};
    int plain = 1;
    jd_arena_init(&c->a);
    jd_sym type = sym(c->e, "Type", 0);
    jd_attr a = attr_of(c->e, &c->a, 0, 0, c->now, &plain);
    jd_told told = {.id = jd_str_of(id), .types = &type, .types_n = 1, .attrs = &a, .attrs_n = 1};
    assert_int_equal(jd_observe_readings(c->e, &told, &c->a, &w, &err), 0);
    jd_job job = {.arena = &c->a, .writes = &w, .n = 1, .done = on_done};
    assert_int_equal(jd_submit(c->e, &job, &err), 0);
    assert_int_equal(jd_engine_step(c->e), 1);
    assert_int_equal(c->e->overlay->n, 0);
    jd_arena_fini(&c->a);
}

static void runs(const jd_str *off, size_t off_n) {
    char dir[] = "/tmp/jindu-observe-XXXXXX", cmd[64];
    jd_err err = {0};
    assert_non_null(mkdtemp(dir));
    jd_engine_opts o = {.dir = dir, .manual = 1, .min_free = 1, .history_off = off, .history_off_n = off_n};
    city c = {.now = jd_now(), .newest = T0};
    uint64_t count = 0;
    if (jd_engine_open(&c.e, &o, &err)) fail_msg("%s", err.en);
    jd_tenant *t = tenant_by_name(c.e, JD_STR(""));
    assert_non_null(t);
    publish(&c, "urn:ngsi-ld:Vehicle:1"); /* a serial is not given twice within a group, even after a rewind */
    publish(&c, "urn:ngsi-ld:Vehicle:2");
    for (int i = 0; i < RUN_ROUNDS; i++) {
        one_run(&c, t, &count);
        if (below(10) == 0) publish(&c, "urn:ngsi-ld:Vehicle:3");
    }
    publish(&c, "urn:ngsi-ld:Vehicle:3"); /* so that nothing of a group is left over */
    assert_true(count > RUN_ROUNDS / 5);
    jd_engine_close(c.e);
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    assert_int_equal(system(cmd), 0);
}

static void writes_in_a_row(void **state) {
    (void)state;
    runs(NULL, 0);
}

static void writes_in_a_row_without_history(void **state) {
    static const jd_str off = {"*", 1};
    (void)state;
    runs(&off, 1);
}

static void both_ways_agree(void **state) {
    (void)state;
    rounds(NULL, 0);
}

static void both_ways_agree_without_history(void **state) {
    static const jd_str off = {"*", 1};
    (void)state;
    rounds(&off, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_agree),
        cmocka_unit_test(both_ways_agree_without_history),
        cmocka_unit_test(writes_in_a_row),
        cmocka_unit_test(writes_in_a_row_without_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

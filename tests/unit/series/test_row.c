/* Rows: readings of many series against themselves, heads against naive sums, seek against a walk, damaged bytes. */
#include "series_test.h"

#include <limits.h>

typedef struct line { /* one series */
    jd_skey key;
    jd_reading *r;
    size_t n;
} line;

typedef struct world {
    jd_arena a;
    line *line;
    size_t n;
    int quick; /* how its rows are made */
} world;

static jd_str text_of(jd_arena *a, uint64_t *r, unsigned kind) {
    switch (kind) {
    case 0: return (jd_str){"", 0};
    case 1: return jd_arena_printf(a, "{\"type\":\"Property\",\"value\":?,\"unitCode\":\"GQ\"}");
    case 2: return jd_arena_printf(a, "{\"type\":\"Property\",\"value\":\"%s\"}", below(r, 2) ? "open" : "closed");
    default: {
        size_t n = 1 + below(r, 200);
        char *p = jd_arena_alloc(a, n);
        for (size_t i = 0; i < n; i++) p[i] = (char)(kind == 3 ? "abcdefgh"[below(r, 8)] : (char)rnd(r));
        return (jd_str){p, n};
    }
    }
}

enum { PLAIN, JITTER, WILD, TEXTS, MANY_NUMS, EVENTS, KINDS };

static void fill(jd_arena *a, uint64_t *r, line *l, unsigned kind, size_t n) {
    l->r = JD_NEWN(a, jd_reading, n);
    l->n = n;
    jd_time at = 1700000000000000 + (int64_t)below(r, 1000) * 1000000, recorded = at + 5000000;
    int64_t m = 5000;
    uint32_t each = kind == MANY_NUMS ? below(r, 12) : 1;
    jd_str text = text_of(a, r, 1);
    for (size_t i = 0; i < n; i++) {
        jd_reading *x = &l->r[i];
        *x = (jd_reading){.skeleton = text, .flags = JD_R_OBSERVED | JD_R_NUMERIC, .digits = 0, .nums_n = each};
        at += kind == JITTER ? 59000000 + (int64_t)below(r, 2000000) : 3600000000 * (1 + (below(r, 30) == 0));
        recorded = kind == JITTER ? at + (int64_t)below(r, 900000) : i % 24 ? recorded : at + 77;
        m += (int64_t)below(r, 41) - 20;
        if (kind == WILD) {
            at = (int64_t)((uint64_t)at + (rnd(r) >> (2 + below(r, 60)))); /* may go past the end of time: see below */
            if (i && at < l->r[i - 1].at) at = l->r[i - 1].at;
            if (!i) at = INT64_MIN;
            recorded = (int64_t)rnd(r);
            x->flags = (uint8_t)below(r, 32);
            x->digits = (uint8_t)below(r, 7);
            x->skeleton = text_of(a, r, below(r, 5));
            x->nums_n = below(r, 4);
        } else if (kind == TEXTS) {
            x->skeleton = text_of(a, r, 3);
            x->nums_n = 0;
            x->flags = JD_R_OBSERVED;
        } else if (kind == EVENTS) {
            x->skeleton = text_of(a, r, 2);
            x->nums_n = 0;
            x->flags = below(r, 20) ? JD_R_OBSERVED : JD_R_OBSERVED | JD_R_DELETED;
        } else if (kind == MANY_NUMS && below(r, 2))
            x->nums_n = below(r, 12);
        x->at = at;
        x->recorded = recorded;
        jd_num *nums = JD_NEWN(a, jd_num, x->nums_n + 1);
        for (uint32_t k = 0; k < x->nums_n; k++)
            nums[k] = kind == WILD ? (jd_num){(int64_t)rnd(r) >> below(r, 64), (uint8_t)below(r, 19)}
                                   : (jd_num){m + (int64_t)k, (uint8_t)(kind == JITTER ? below(r, 3) : 1)};
        x->nums = nums;
    }
}

static world make_world(uint64_t *r, size_t lines, uint32_t readings_most) {
    world w = {.n = lines};
    jd_arena_init(&w.a);
    w.line = jd_xcalloc(lines, sizeof *w.line);
    jd_skey key = {1, 0, 0, 0};
    for (size_t i = 0; i < lines; i++) {
        if (below(r, 3) == 0) {
            key.entity += 1 + (below(r, 9) ? 0 : rnd(r) >> 20);
            key.attr = below(r, 3);
            key.dataset = key.tier = 0;
        } else if (below(r, 4))
            key.attr += 1 + below(r, 3);
        else if (below(r, 2))
            key.dataset += 1 + (uint32_t)(rnd(r) >> 40);
        else
            key.tier += 3600;
        w.line[i].key = key;
        fill(&w.a, r, &w.line[i], below(r, KINDS), 1 + below(r, below(r, 3) ? 1 + readings_most / 20 : readings_most));
    }
    return w;
}

static void world_free(world *w) {
    free(w->line);
    jd_arena_fini(&w->a);
}

static rows rows_of(const world *w, uint64_t *r) {
    rows out = {0};
    jd_rowmaker *m = jd_rowmaker_new(w->quick);
    jd_err err;
    for (size_t i = 0; i < w->n; i++) {
        const line *l = &w->line[i];
        size_t some = below(r, 2) ? l->n : below(r, (uint32_t)l->n + 1); /* in one call, or two */
        assert_int_equal(jd_rowmaker_add(m, &l->key, l->r, some, rows_take, &out, &err), 0);
        assert_int_equal(jd_rowmaker_add(m, &l->key, l->r + some, l->n - some, rows_take, &out, &err), 0);
    }
    assert_int_equal(jd_rowmaker_end(m, rows_take, &out, &err), 0);
    assert_int_equal(jd_rowmaker_end(m, rows_take, &out, &err), 0); /* nothing more */
    jd_rowmaker_free(m);
    return out;
}

static __int128 at_scale(jd_num v, uint8_t scale) {
    __int128 m = v.m;
    for (; v.scale < scale; v.scale++) m *= 10;
    return m;
}

/* The head says what the readings say. */
static void check_head(const jd_chunkhead *h, const jd_reading *x, size_t n) {
    jd_time from = INT64_MAX, to = INT64_MIN, rfrom = INT64_MAX, rto = INT64_MIN;
    int clears = 0, plain = 1;
    for (size_t i = 0; i < n; i++) {
        if (x[i].at != JD_CLEAR_AT && x[i].at < from) from = x[i].at;
        if (x[i].at != JD_CLEAR_AT && x[i].at > to) to = x[i].at;
        if (x[i].recorded < rfrom) rfrom = x[i].recorded;
        if (x[i].recorded > rto) rto = x[i].recorded;
        if (x[i].flags & JD_R_CLEAR) clears = 1;
        if (!(x[i].flags & JD_R_NUMERIC) || (x[i].flags & (JD_R_CLEAR | JD_R_DELETED | JD_R_VOID)) ||
            !jd_str_eq(x[i].skeleton, x[0].skeleton) || !x[i].nums_n || (i && x[i].at <= x[i - 1].at))
            plain = 0;
    }
    assert_int_equal(h->count, n);
    assert_int_equal(h->from, from);
    assert_int_equal(h->to, to);
    assert_int_equal(h->recorded_from, rfrom);
    assert_int_equal(h->recorded_to, rto);
    assert_int_equal(h->clears, clears);
    if (!h->clean) return;
    assert_true(plain);
    __int128 sum = 0, sumsq = 0, least = 0, most = 0;
    for (size_t i = 0; i < n; i++) {
        __int128 m = at_scale(x[i].nums[0], h->scale);
        sum += m;
        sumsq += m * m;
        if (!i || m < least) least = m;
        if (!i || m > most) most = m;
    }
    assert_true(h->sum == sum);
    assert_true(h->sumsq == sumsq);
    assert_true(at_scale(h->min, h->scale) == least);
    assert_true(at_scale(h->max, h->scale) == most);
    same_num(h->first, x[0].nums[0]);
    same_num(h->last, x[n - 1].nums[0]);
}

static void check_values(const jd_row *row, const jd_chunkhead *h, const jd_reading *x) {
    jd_time at[JD_CHUNK_MAX];
    double value[JD_CHUNK_MAX];
    jd_err err;
    assert_int_equal(jd_row_values(row, h, at, value, &err), 0);
    for (uint32_t i = 0; i < h->count; i++) {
        double want = jd_num_double(x[i].nums[0]);
        assert_int_equal(at[i], x[i].at);
        assert_memory_equal(&value[i], &want, sizeof want);
    }
}

typedef struct tally {
    size_t clean, chunks, bytes_most;
} tally;

static void check_world(const world *w, const rows *out, tally *t) {
    size_t li = 0, ri = 0, readings;
    jd_err err;
    for (size_t k = 0; k < out->n; k++) {
        jd_row row;
        assert_int_equal(jd_row_open(&row, jd_buf_view(&out->p[k]), &err), 0);
        assert_int_equal(row.chunks, out->head[k].chunks);
        if (out->p[k].n > t->bytes_most) t->bytes_most = out->p[k].n;
        readings = 0;
        jd_time from = INT64_MAX, to = INT64_MIN;
        int clears = 0;
        for (uint32_t c = 0; c < row.chunks; c++) {
            jd_chunkhead h;
            assert_int_equal(jd_row_chunk(&row, c, &h, &err), 0);
            if (ri == w->line[li].n) li++, ri = 0;
            const line *l = &w->line[li];
            assert_int_equal(jd_skey_cmp(&h.key, &l->key), 0);
            assert_true(h.count <= JD_CHUNK_MAX && ri + h.count <= l->n);
            if (c == 0) assert_int_equal(jd_skey_cmp(&out->head[k].first, &h.key), 0);
            if (c + 1 == row.chunks) assert_int_equal(jd_skey_cmp(&out->head[k].last, &h.key), 0);
            jd_arena a;
            jd_arena_init(&a);
            jd_reading *x;
            assert_int_equal(jd_row_readings(&row, &h, &a, &x, &err), 0);
            for (uint32_t i = 0; i < h.count; i++) same_reading(&x[i], &l->r[ri + i]);
            check_head(&h, x, h.count);
            if (h.clean) check_values(&row, &h, x);
            jd_arena_fini(&a);
            ri += h.count;
            readings += h.count;
            t->clean += h.clean != 0;
            t->chunks++;
            if (h.from < from) from = h.from;
            if (h.to > to) to = h.to;
            clears |= h.clears;
        }
        assert_int_equal(readings, out->head[k].readings);
        assert_int_equal(from, out->head[k].from);
        assert_int_equal(to, out->head[k].to);
        assert_int_equal(clears, out->head[k].clears);
    }
    assert_int_equal(li + 1, w->n);
    assert_int_equal(ri, w->line[li].n);
}

static void worlds_come_back(void **state) {
    (void)state;
    uint64_t r = 1;
    tally t = {0};
    for (unsigned round = 0; round < 30; round++) {
        world w = make_world(&r, 1 + below(&r, 300), round % 3 ? 200 : 3000);
        w.quick = round & 1;
        rows out = rows_of(&w, &r);
        check_world(&w, &out, &t);
        rows_free(&out);
        world_free(&w);
    }
    assert_true(t.clean > 200 && t.chunks > t.clean);
    assert_true(t.bytes_most < 4 * JD_ROW_BYTES);
}

static void chunks_are_cut_at_the_maximum(void **state) {
    (void)state;
    uint64_t r = 2;
    for (size_t n = JD_CHUNK_MAX - 1; n <= 2 * JD_CHUNK_MAX + 1; n += n == JD_CHUNK_MAX + 1 ? JD_CHUNK_MAX - 2 : 1) {
        world w = {.n = 1};
        jd_arena_init(&w.a);
        w.line = jd_xcalloc(1, sizeof *w.line);
        w.line[0].key = (jd_skey){9, 8, 7, 6};
        fill(&w.a, &r, &w.line[0], PLAIN, n);
        rows out = rows_of(&w, &r);
        tally t = {0};
        check_world(&w, &out, &t);
        assert_int_equal(out.n, 1);
        assert_true(t.chunks == (n + JD_CHUNK_MAX - 1) / JD_CHUNK_MAX ||
                    t.chunks == (n + JD_CHUNK_MAX - 1) / JD_CHUNK_MAX + 1);
        assert_int_equal(t.clean, t.chunks);
        rows_free(&out);
        world_free(&w);
    }
}

static void rows_are_about_as_long_as_they_should_be(void **state) {
    (void)state;
    uint64_t r = 3;
    world w = {.n = 100};
    jd_arena_init(&w.a);
    w.line = jd_xcalloc(w.n, sizeof *w.line);
    for (size_t i = 0; i < w.n; i++) {
        w.line[i].key = (jd_skey){i, 1, 0, 0};
        fill(&w.a, &r, &w.line[i], i % 4 == 3 ? TEXTS : PLAIN, 3000);
    }
    for (w.quick = 0; w.quick < 2; w.quick++) {
        rows out = rows_of(&w, &r);
        tally t = {0};
        check_world(&w, &out, &t);
        for (size_t k = 0; k + 1 < out.n; k++)
            assert_true(out.p[k].n > JD_ROW_BYTES / 2 && out.p[k].n < JD_ROW_BYTES * 2);
        rows_free(&out);
    }
    world_free(&w);
}

static void long_skeletons(void **state) {
    (void)state;
    uint64_t r = 4;
    world w = {.n = 2};
    jd_arena_init(&w.a);
    w.line = jd_xcalloc(w.n, sizeof *w.line);
    fill(&w.a, &r, &w.line[0], PLAIN, 40);
    fill(&w.a, &r, &w.line[1], PLAIN, 1500);
    w.line[0].key.entity = 1;
    w.line[1].key.entity = 2;
    for (size_t i = 0; i < 40; i++) { /* 1 MiB that nothing packs, now and then */
        if (i % 13) continue;
        char *p = jd_arena_alloc(&w.a, 1 << 20);
        for (size_t k = 0; k < 1 << 20; k++) p[k] = (char)rnd(&r);
        w.line[0].r[i].skeleton = (jd_str){p, 1 << 20};
    }
    for (size_t i = 0; i < 1500; i++) { /* 200 bytes, all of them different */
        char *p = jd_arena_alloc(&w.a, 200);
        for (size_t k = 0; k < 200; k++) p[k] = (char)('a' + below(&r, 16));
        w.line[1].r[i].skeleton = (jd_str){p, 200};
    }
    rows out = rows_of(&w, &r);
    tally t = {0};
    check_world(&w, &out, &t);
    rows_free(&out);
    world_free(&w);
}

static void one_reading_of_very_many_numbers(void **state) {
    (void)state;
    uint64_t r = 5;
    world w = {.n = 1};
    jd_arena_init(&w.a);
    w.line = jd_xcalloc(1, sizeof *w.line);
    fill(&w.a, &r, &w.line[0], PLAIN, 3);
    enum { N = 100000 };
    jd_num *nums = JD_NEWN(&w.a, jd_num, N);
    int64_t x = 119420000, y = 32190000;
    for (size_t i = 0; i < N; i += 2) { /* a track */
        nums[i] = (jd_num){x += (int64_t)below(&r, 100) - 40, 6};
        nums[i + 1] = (jd_num){y += (int64_t)below(&r, 100) - 60, 6};
    }
    w.line[0].r[1].nums = nums;
    w.line[0].r[1].nums_n = N;
    rows out = rows_of(&w, &r);
    tally t = {0};
    check_world(&w, &out, &t);
    assert_true(rows_bytes(&out) < N);
    rows_free(&out);
    world_free(&w);
}

static void seek_finds_what_a_walk_finds(void **state) {
    (void)state;
    uint64_t r = 6;
    jd_err err;
    for (unsigned round = 0; round < 10; round++) {
        world w = make_world(&r, 1 + below(&r, 500), 3);
        rows out = rows_of(&w, &r);
        for (size_t k = 0; k < out.n; k++) {
            jd_row row;
            assert_int_equal(jd_row_open(&row, jd_buf_view(&out.p[k]), &err), 0);
            jd_chunkhead *all = jd_xcalloc(row.chunks, sizeof *all);
            for (uint32_t c = 0; c < row.chunks;) { /* many at once say what one by one says */
                jd_chunkhead some[JD_ROW_STRIDE], one;
                uint32_t n;
                assert_int_equal(jd_row_chunks(&row, c, some, &n, &err), 0);
                assert_true(n > 0 && n <= JD_ROW_STRIDE);
                uint32_t pick = below(&r, n);
                assert_int_equal(jd_row_chunk(&row, c + pick, &one, &err), 0);
                assert_int_equal(one.at, some[pick].at);
                assert_int_equal(one.from, some[pick].from);
                assert_int_equal(one.clean, some[pick].clean);
                memcpy(all + c, some, n * sizeof *some);
                c += n;
            }
            for (unsigned q = 0; q < 400; q++) {
                jd_skey key = w.line[below(&r, (uint32_t)w.n)].key;
                switch (below(&r, 6)) {
                case 0: key.entity += (uint64_t)below(&r, 3) - 1; break;
                case 1: key.attr += below(&r, 3) - 1; break;
                case 2: key.dataset += 1; break;
                case 3: key.tier += 1; break;
                case 4: key = below(&r, 2) ? (jd_skey){0} : (jd_skey){UINT64_MAX, UINT32_MAX, 1, 1}; break;
                default: break;
                }
                uint32_t want = 0;
                while (want < row.chunks && jd_skey_cmp(&all[want].key, &key) < 0) want++;
                assert_int_equal(jd_row_seek(&row, &key), want);
            }
            free(all);
            jd_chunkhead h;
            assert_int_equal(jd_row_chunk(&row, row.chunks, &h, &err), -1);
        }
        rows_free(&out);
        world_free(&w);
    }
}

static void shared_times_cost_once(void **state) {
    (void)state;
    uint64_t r = 7;
    size_t bytes[2];
    for (unsigned same = 0; same < 2; same++) {
        world w = {.n = 8};
        jd_arena_init(&w.a);
        w.line = jd_xcalloc(w.n, sizeof *w.line);
        for (size_t i = 0; i < w.n; i++) {
            w.line[i].key = (jd_skey){1, (uint32_t)i, 0, 0};
            fill(&w.a, &r, &w.line[i], JITTER, 500);
            for (size_t k = 0; same && k < 500; k++) {
                w.line[i].r[k].at = w.line[0].r[k].at;
                w.line[i].r[k].recorded = w.line[0].r[k].recorded;
            }
        }
        rows out = rows_of(&w, &r);
        tally t = {0};
        check_world(&w, &out, &t);
        bytes[same] = rows_bytes(&out);
        rows_free(&out);
        w.quick = 1; /* longer, but not without measure */
        out = rows_of(&w, &r);
        check_world(&w, &out, &t);
        assert_true(rows_bytes(&out) > bytes[same] && rows_bytes(&out) < bytes[same] * 3);
        rows_free(&out);
        world_free(&w);
    }
    assert_true(bytes[1] + 7 * 500 * 4 < bytes[0]);
}

static void refusals(void **state) {
    (void)state;
    rows out = {0};
    jd_err err;
    jd_rowmaker *m = jd_rowmaker_new(0);
    jd_num fine = {1, 18}, wrong = {1, 19};
    jd_reading r[2] = {{.at = 5, .nums = &fine, .nums_n = 1}, {.at = 4, .nums = &fine, .nums_n = 1}};
    assert_int_equal(jd_rowmaker_add(m, &(jd_skey){2, 0, 0, 0}, r, 2, rows_take, &out, &err), -1);
    assert_int_equal(jd_rowmaker_add(m, &(jd_skey){2, 0, 0, 0}, r, 1, rows_take, &out, &err), 0);
    assert_int_equal(jd_rowmaker_add(m, &(jd_skey){2, 0, 0, 0}, r + 1, 1, rows_take, &out, &err), -1);
    assert_int_equal(jd_rowmaker_add(m, &(jd_skey){1, 9, 9, 9}, r, 1, rows_take, &out, &err), -1);
    r[1] = (jd_reading){.at = 6, .nums = &wrong, .nums_n = 1};
    assert_int_equal(jd_rowmaker_add(m, &(jd_skey){2, 0, 0, 0}, r + 1, 1, rows_take, &out, &err), -1);
    assert_int_equal(jd_rowmaker_end(m, rows_take, &out, &err), 0);
    assert_int_equal(out.n, 1);
    assert_int_equal(out.head[0].readings, 1);
    jd_row row;
    assert_int_equal(jd_row_open(&row, JD_STR(""), &err), -1);
    assert_int_equal(jd_row_open(&row, JD_STR("\x02xxxxxxxx"), &err), -1);
    assert_int_equal(err.code, JD_E_INTERNAL);
    for (size_t n = 0; n < out.p[0].n; n++) {
        char *part = jd_xmalloc(n);
        memcpy(part, out.p[0].p, n);
        if (!jd_row_open(&row, (jd_str){part, n}, &err)) {
            jd_chunkhead h;
            assert_int_equal(jd_row_chunk(&row, 0, &h, &err), -1);
        }
        free(part);
    }
    rows_free(&out);
    jd_rowmaker_free(m);
}

static void use(jd_str bytes) {
    jd_row row;
    jd_err err;
    if (jd_row_open(&row, bytes, &err)) return;
    jd_row_seek(&row, &(jd_skey){5, 5, 5, 5});
    for (uint32_t c = 0; c < row.chunks && c < 64; c++) {
        jd_chunkhead h;
        if (jd_row_chunk(&row, c, &h, &err)) continue;
        jd_arena a;
        jd_arena_init(&a);
        jd_reading *x;
        static jd_time at[JD_CHUNK_MAX];
        static double value[JD_CHUNK_MAX];
        if (!jd_row_readings(&row, &h, &a, &x, &err)) assert_true(h.count >= 1 && h.count <= JD_CHUNK_MAX);
        jd_row_values(&row, &h, at, value, &err);
        jd_arena_fini(&a);
    }
}

static void damaged_rows_do_no_harm(void **state) {
    (void)state;
    uint64_t r = 8;
    for (unsigned round = 0; round < 12; round++) {
        world w = make_world(&r, 1 + below(&r, 60), 120);
        rows out = rows_of(&w, &r);
        for (unsigned k = 0; k < 60; k++) {
            const jd_buf *b = &out.p[below(&r, (uint32_t)out.n)];
            size_t n = k % 3 ? b->n : below(&r, (uint32_t)b->n);
            char *bytes = jd_xmalloc(n);
            memcpy(bytes, b->p, n);
            for (unsigned f = 0; n && k % 3 && f < 1 + k % 5; f++) {
                /* often in the outline and the dictionary, where it hurts most */
                size_t at = below(&r, 2) ? below(&r, (uint32_t)n) : below(&r, (uint32_t)(n < 200 ? n : 200));
                if (at) bytes[at] ^= (char)(1 << below(&r, 8));
            }
            use((jd_str){bytes, n});
            free(bytes);
        }
        rows_free(&out);
        world_free(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worlds_come_back),
        cmocka_unit_test(chunks_are_cut_at_the_maximum),
        cmocka_unit_test(rows_are_about_as_long_as_they_should_be),
        cmocka_unit_test(long_skeletons),
        cmocka_unit_test(one_reading_of_very_many_numbers),
        cmocka_unit_test(seek_finds_what_a_walk_finds),
        cmocka_unit_test(shared_times_cost_once),
        cmocka_unit_test(refusals),
        cmocka_unit_test(damaged_rows_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Rows of bytes: hostile ones are refused or give some readings; what was read can be written again and says the same.
 */
#include "series/series.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok) {
    if (!ok) abort();
}

typedef struct again {
    const jd_reading *r;
    size_t n;
} again;

static int compare(void *user, const jd_rowhead *head, jd_str bytes, jd_err *err) {
    again *w = user;
    (void)head;
    jd_row row;
    must(!jd_row_open(&row, bytes, err));
    for (uint32_t c = 0; c < row.chunks; c++) {
        jd_chunkhead h;
        jd_arena a;
        jd_arena_init(&a);
        jd_reading *r;
        must(!jd_row_chunk(&row, c, &h, err) && !jd_row_readings(&row, &h, &a, &r, err));
        must(h.count <= w->n);
        for (uint32_t i = 0; i < h.count; i++) {
            const jd_reading *x = &w->r[i], *y = &r[i];
            must(x->at == y->at && x->recorded == y->recorded && x->flags == y->flags && x->digits == y->digits &&
                 x->nums_n == y->nums_n && jd_str_eq(x->skeleton, y->skeleton));
            for (uint32_t k = 0; k < x->nums_n; k++)
                must(x->nums[k].m == y->nums[k].m && x->nums[k].scale == y->nums[k].scale);
        }
        w->r += h.count;
        w->n -= h.count;
        jd_arena_fini(&a);
    }
    return 0;
}

static void write_again(const jd_chunkhead *h, const jd_reading *r, int quick) {
    for (uint32_t i = 1; i < h->count; i++)
        if (r[i].at < r[i - 1].at) return; /* no maker writes these */
    jd_rowmaker *m = jd_rowmaker_new(quick);
    jd_err err;
    again w = {r, h->count};
    if (!jd_rowmaker_add(m, &h->key, r, h->count, compare, &w, &err)) {
        must(!jd_rowmaker_end(m, compare, &w, &err));
        must(w.n == 0);
    }
    jd_rowmaker_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    jd_row row;
    jd_err err;
    if (jd_row_open(&row, (jd_str){(const char *)data, size}, &err)) return 0;
    jd_skey key = {1, 2, 3, 4};
    must(jd_row_seek(&row, &key) <= row.chunks);
    for (uint32_t c = 0; c < row.chunks && c < 8; c++) {
        jd_chunkhead h, some[JD_ROW_STRIDE];
        uint32_t n;
        if (c == 0 && !jd_row_chunks(&row, c, some, &n, &err)) must(n >= 1 && n <= JD_ROW_STRIDE);
        if (jd_row_chunk(&row, c, &h, &err)) continue;
        must(h.count >= 1 && h.count <= JD_CHUNK_MAX);
        static jd_time at[JD_CHUNK_MAX];
        static double value[JD_CHUNK_MAX];
        jd_row_values(&row, &h, at, value, &err);
        jd_arena a;
        jd_arena_init(&a);
        jd_reading *r;
        if (!jd_row_readings(&row, &h, &a, &r, &err)) {
            write_again(&h, r, 0);
            write_again(&h, r, 1);
            jd_readings_settle(r, h.count, JD_TIME_NONE, JD_SETTLE_SHOW);
        }
        jd_arena_fini(&a);
    }
    return 0;
}

/* series/maker.c - readings of many series, in order, into rows.
 *
 * Readings gather column by column until the chunk is cut; its bytes go to the row's data, its head to a list, its
 * words to the row's dictionary. The row is written when it is about long enough, which is only seen between chunks. */
#include "series/series_int.h"

#include <stdlib.h>

enum {
    HEAD_BYTES = 4,    /* about, of a small chunk's head */
    TEXT_SHRINKS = 3,  /* zstd's factor on skeletons, about */
    NUMS_CUT = 1 << 14 /* numbers that a chunk is not to exceed by more than a reading's */
};

struct jd_rowmaker {
    series__dict dict;
    jd_buf data;
    series__times seen;
    int quick;
    jd_chunkhead *heads;
    size_t heads_n, heads_cap;
    jd_rowhead row;
    /* the chunk that grows */
    int64_t at[JD_CHUNK_MAX], recorded[JD_CHUNK_MAX], shape[JD_CHUNK_MAX];
    jd_num *nums;
    size_t n, nums_n, nums_cap;
    jd_skey key;
    int open; /* there was a reading of `key`, the last one at `last` */
    jd_time last;
};

static void row_begin(jd_rowmaker *m) {
    series__dict_init(&m->dict);
    m->data.n = 0;
    series__times_begin(&m->seen);
    m->heads_n = 0;
    m->row = (jd_rowhead){.from = INT64_MAX, .to = INT64_MIN};
}

jd_rowmaker *jd_rowmaker_new(int quick) {
    jd_rowmaker *m = jd_xcalloc(1, sizeof *m);
    m->quick = quick;
    row_begin(m);
    return m;
}

void jd_rowmaker_free(jd_rowmaker *m) {
    if (!m) return;
    series__dict_fini(&m->dict);
    jd_buf_fini(&m->data);
    series__times_fini(&m->seen);
    free(m->heads);
    free(m->nums);
    free(m);
}

static void cut(jd_rowmaker *m) {
    if (!m->n) return;
    series__rows r = {.n = m->n,
                      .at = m->at,
                      .recorded = m->recorded,
                      .shape = m->shape,
                      .shapes = m->dict.shape,
                      .nums = m->nums,
                      .nums_n = m->nums_n};
    if (m->heads_n == m->heads_cap) {
        m->heads_cap = m->heads_cap ? 2 * m->heads_cap : 64;
        m->heads = jd_xrealloc(m->heads, m->heads_cap * sizeof *m->heads);
    }
    jd_chunkhead *h = &m->heads[m->heads_n++];
    *h = (jd_chunkhead){.key = m->key};
    series__chunk_put(&m->data, &m->seen, &r, m->quick, h);
    if (!m->row.chunks++) m->row.first = h->key;
    m->row.last = h->key;
    if (h->from < m->row.from) m->row.from = h->from;
    if (h->to > m->row.to) m->row.to = h->to;
    m->row.readings += h->count;
    m->row.clears |= h->clears;
    m->n = m->nums_n = 0;
}

static int hand_out(jd_rowmaker *m, jd_row_fn fn, void *user, jd_err *err) {
    if (!m->heads_n) return 0;
    jd_buf row = {0};
    series__row_put(&row, &m->dict, &m->data, m->heads, m->heads_n);
    int rc = fn(user, &m->row, jd_buf_view(&row), err);
    jd_buf_fini(&row);
    series__dict_fini(&m->dict);
    row_begin(m);
    return rc;
}

static size_t estimate(const jd_rowmaker *m) {
    return m->data.n + m->heads_n * HEAD_BYTES + m->dict.text_bytes / TEXT_SHRINKS + m->dict.shape_n;
}

static int check(const jd_rowmaker *m, const jd_skey *key, const jd_reading *r, size_t n, jd_err *err) {
    int order = m->open ? jd_skey_cmp(key, &m->key) : 1;
    if (order < 0) return jd_fail(err, JD_E_INTERNAL, "series come out of order", "序列次序颠倒");
    jd_time last = order ? INT64_MIN : m->last;
    for (size_t i = 0; i < n; i++) {
        if (r[i].at < last) return jd_fail(err, JD_E_INTERNAL, "readings come out of order", "读数次序颠倒");
        last = r[i].at;
        if (r[i].nums_n > SERIES__NUMS_MAX || r[i].skeleton.n > SERIES__DICT_MAX / 2)
            return jd_fail(err, JD_E_TOO_LARGE, "an attribute is too large for history", "属性过大，无法存入历史");
        for (uint32_t k = 0; k < r[i].nums_n; k++)
            if (r[i].nums[k].scale > 18)
                return jd_fail(err, JD_E_INTERNAL, "a number has more than 18 decimals", "数字的小数位超过 18 位");
    }
    return 0;
}

static void gather(jd_rowmaker *m, const jd_reading *r) {
    if (m->nums_cap - m->nums_n < r->nums_n) {
        m->nums_cap = 2 * m->nums_cap + r->nums_n;
        m->nums = jd_xrealloc(m->nums, m->nums_cap * sizeof *m->nums);
    }
    if (r->nums_n) memcpy(m->nums + m->nums_n, r->nums, r->nums_n * sizeof *r->nums);
    m->nums_n += r->nums_n;
    m->at[m->n] = r->at;
    m->recorded[m->n] = r->recorded;
    m->shape[m->n] = series__dict_add(&m->dict, r);
    m->n++;
}

int jd_rowmaker_add(jd_rowmaker *m, const jd_skey *key, const jd_reading *r, size_t n, jd_row_fn fn, void *user,
                    jd_err *err) {
    if (check(m, key, r, n, err)) return -1;
    if (!n) return 0;
    if (m->open && jd_skey_cmp(key, &m->key) != 0) {
        cut(m);
        if (estimate(m) >= JD_ROW_BYTES && hand_out(m, fn, user, err)) return -1;
    }
    m->key = *key;
    m->open = 1;
    /* As few chunks as there must be, of about the same length. */
    size_t total = m->n + n, chunks = (total + JD_CHUNK_MAX - 1) / JD_CHUNK_MAX, most = (total + chunks - 1) / chunks;
    for (size_t i = 0; i < n; i++) {
        int full = m->n && (estimate(m) >= JD_ROW_BYTES || m->dict.text_bytes + r[i].skeleton.n > SERIES__DICT_MAX);
        if (m->n >= most || full || (m->n && m->nums_n + r[i].nums_n > NUMS_CUT)) {
            cut(m);
            if (estimate(m) >= JD_ROW_BYTES && hand_out(m, fn, user, err)) return -1;
        }
        gather(m, &r[i]);
        m->last = r[i].at;
    }
    return 0;
}

int jd_rowmaker_end(jd_rowmaker *m, jd_row_fn fn, void *user, jd_err *err) {
    cut(m);
    m->open = 0;
    return hand_out(m, fn, user, err);
}

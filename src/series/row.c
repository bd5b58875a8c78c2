/* series/row.c - a row's outline: where chunks are, and their heads.
 *
 * Heads stand together in blocks of JD_ROW_STRIDE chunks, column by column: chunks of few readings, of which a sweep
 * writes millions, then cost a few bytes each. FORMAT.md draws it all. */
#include "series/series_int.h"

#include <stdlib.h>

enum { ENTITY, ATTR, DATASET, TIER, COUNT, SHAPE, FORM, STEP, AT, RECORDED, LANE, BYTES, COLUMNS };
enum { KEY = COUNT, LAG = 1, CHUNKS_MAX = 1 << 20 };

int jd_skey_cmp(const jd_skey *a, const jd_skey *b) {
    if (a->entity != b->entity) return a->entity < b->entity ? -1 : 1;
    if (a->attr != b->attr) return a->attr < b->attr ? -1 : 1;
    if (a->dataset != b->dataset) return a->dataset < b->dataset ? -1 : 1;
    return (a->tier > b->tier) - (a->tier < b->tier);
}

static int damaged(jd_err *err) {
    return jd_fail(err, JD_E_INTERNAL, "a row of history is damaged", "一行历史数据已损坏");
}

static int64_t add(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}
static int64_t sub(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

/* ---- writing ---- */

static void block_put(jd_buf *out, const jd_chunkhead *h, size_t n) {
    int64_t c[COLUMNS][JD_ROW_STRIDE], lag[JD_ROW_STRIDE];
    for (size_t i = 0; i < n; i++) {
        c[ENTITY][i] = (int64_t)h[i].key.entity;
        c[ATTR][i] = h[i].key.attr;
        c[DATASET][i] = h[i].key.dataset;
        c[TIER][i] = h[i].key.tier;
        c[COUNT][i] = h[i].count;
        c[SHAPE][i] = h[i].shape;
        c[FORM][i] = h[i].form;
        c[STEP][i] = h[i].step;
        c[AT][i] = h[i].first_at;
        c[RECORDED][i] = h[i].first_recorded;
        lag[i] = sub(h[i].first_recorded, h[i].first_at);
        c[LANE][i] = h[i].lane;
        c[BYTES][i] = h[i].bytes;
    }
    jd_buf a = {0}, b = {0};
    series__column_put(&a, c[RECORDED], n, SERIES__TIME, 0);
    series__column_put(&b, lag, n, SERIES__TIME, 0);
    int lags = b.n < a.n;
    jd_buf_varint(out, (uint64_t)h->at << 1 | (lags ? LAG : 0));
    for (unsigned k = 0; k < COLUMNS; k++) {
        if (k == RECORDED)
            jd_buf_str(out, jd_buf_view(lags ? &b : &a));
        else
            series__column_put(out, c[k], n, SERIES__ANY, 0);
    }
    jd_buf_fini(&a);
    jd_buf_fini(&b);
}

void series__row_put(jd_buf *out, const series__dict *dict, const jd_buf *data, const jd_chunkhead *h, size_t n) {
    jd_buf words = {0}, heads = {0}, index = {0};
    series__dict_put(dict, &words);
    for (size_t i = 0; i < n; i += JD_ROW_STRIDE) {
        uint32_t at = (uint32_t)heads.n;
        if (i) jd_buf_add(&index, &at, sizeof at);
        block_put(&heads, h + i, n - i < JD_ROW_STRIDE ? n - i : JD_ROW_STRIDE);
    }
    jd_buf_c(out, SERIES__FORMAT);
    jd_buf_varint(out, n);
    jd_buf_varint(out, words.n);
    jd_buf_varint(out, data->n);
    jd_buf_str(out, jd_buf_view(&words));
    jd_buf_str(out, jd_buf_view(data));
    jd_buf_str(out, jd_buf_view(&heads));
    jd_buf_str(out, jd_buf_view(&index));
    jd_buf_fini(&words);
    jd_buf_fini(&heads);
    jd_buf_fini(&index);
}

/* ---- reading ---- */

int jd_row_open(jd_row *r, jd_str bytes, jd_err *err) {
    series__at p = (series__at)bytes.p, end = p + bytes.n;
    if (bytes.n && *p > SERIES__FORMAT)
        return jd_fail(err, JD_E_INTERNAL, "a row of history has the format %d of a newer Jindu",
                       "一行历史数据的格式 %d 属于更新版本的 Jindu", (int)*p);
    if (!bytes.n || *p++ != SERIES__FORMAT) return damaged(err);
    uint64_t chunks = jd_varint_get(&p, end), words = jd_varint_get(&p, end), data = jd_varint_get(&p, end);
    if (!p || !chunks || chunks > CHUNKS_MAX) return damaged(err);
    uint64_t left = (uint64_t)(end - p), index = (chunks - 1) / JD_ROW_STRIDE * 4;
    if (words > left || data > left - words || index > left - words - data) return damaged(err);
    *r = (jd_row){.bytes = bytes,
                  .chunks = (uint32_t)chunks,
                  .dict = p,
                  .data = p + words,
                  .heads = p + words + data,
                  .index = end - index};
    return 0;
}

typedef struct block {
    size_t n;
    uint64_t at; /* of the first chunk, in the data */
    int lags;
    int64_t c[COLUMNS][JD_ROW_STRIDE];
} block;

/* The first `columns` columns of block k. */
static int block_get(const jd_row *r, uint32_t k, unsigned columns, block *b) {
    uint32_t at = 0, first = k * JD_ROW_STRIDE;
    if (k) memcpy(&at, r->index + (size_t)(k - 1) * sizeof at, sizeof at);
    if (at > (size_t)(r->index - r->heads)) return -1;
    series__at p = r->heads + at;
    uint64_t begin = jd_varint_get(&p, r->index);
    if (!p) return -1;
    b->n = r->chunks - first < JD_ROW_STRIDE ? r->chunks - first : JD_ROW_STRIDE;
    b->at = begin >> 1;
    b->lags = begin & LAG;
    for (unsigned c = 0; c < columns; c++)
        if (!(p = series__column_get(p, r->index, b->c[c], b->n))) return -1;
    for (size_t i = 0; i < b->n; i++)
        if ((uint64_t)b->c[ATTR][i] > UINT32_MAX || (uint64_t)b->c[DATASET][i] > UINT32_MAX ||
            (uint64_t)b->c[TIER][i] > UINT32_MAX)
            return -1;
    return 0;
}

static jd_skey key_of(const block *b, size_t i) {
    return (jd_skey){(uint64_t)b->c[ENTITY][i], (uint32_t)b->c[ATTR][i], (uint32_t)b->c[DATASET][i],
                     (uint32_t)b->c[TIER][i]};
}

uint32_t jd_row_seek(const jd_row *r, const jd_skey *key) {
    uint32_t lo = 0, hi = (r->chunks + JD_ROW_STRIDE - 1) / JD_ROW_STRIDE; /* the last block that begins below, or 0 */
    block b;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (block_get(r, mid, KEY, &b)) return r->chunks;
        jd_skey first = key_of(&b, 0);
        if (jd_skey_cmp(&first, key) < 0)
            lo = mid;
        else
            hi = mid;
    }
    if (block_get(r, lo, KEY, &b)) return r->chunks;
    uint32_t i = 0;
    for (; i < b.n; i++) {
        jd_skey at = key_of(&b, i);
        if (jd_skey_cmp(&at, key) >= 0) break;
    }
    return lo * JD_ROW_STRIDE + i;
}

/* Heads `from` to `to` of a block, without what the chunks themselves tell. */
static int heads_get(const jd_row *r, const block *b, size_t from, size_t to, jd_chunkhead *out) {
    uint64_t at = b->at, all = (uint64_t)(r->heads - r->data);
    for (size_t i = 0; i < to; i++) {
        uint64_t bytes = (uint64_t)b->c[BYTES][i], count = (uint64_t)b->c[COUNT][i];
        if (at > all || bytes > all - at || !count || count > JD_CHUNK_MAX) return -1;
        if (i >= from) {
            if ((uint64_t)b->c[SHAPE][i] > UINT32_MAX || (uint64_t)b->c[LANE][i] > UINT8_MAX ||
                (uint64_t)b->c[FORM][i] > UINT8_MAX)
                return -1;
            *out++ = (jd_chunkhead){.key = key_of(b, i),
                                    .count = (uint32_t)count,
                                    .at = (uint32_t)at,
                                    .bytes = (uint32_t)bytes,
                                    .shape = (uint32_t)b->c[SHAPE][i],
                                    .lane = (uint8_t)b->c[LANE][i],
                                    .form = (uint8_t)b->c[FORM][i],
                                    .step = b->c[STEP][i],
                                    .first_at = b->c[AT][i],
                                    .first_recorded = add(b->c[RECORDED][i], b->lags ? b->c[AT][i] : 0)};
        }
        at += bytes;
    }
    return 0;
}

static int tell(const jd_row *r, uint32_t i, jd_chunkhead *out, size_t most, size_t *n, jd_err *err) {
    block b;
    size_t from = i % JD_ROW_STRIDE;
    if (i >= r->chunks || block_get(r, i / JD_ROW_STRIDE, COLUMNS, &b)) return damaged(err);
    size_t count = b.n - from < most ? b.n - from : most;
    jd_chunkhead heads[JD_ROW_STRIDE];
    if (heads_get(r, &b, from, from + count, heads)) return damaged(err);
    jd_arena a;
    jd_arena_init(&a);
    series__words w = {0};
    int rc = 0, need = 0;
    for (size_t k = 0; k < count; k++) need |= !(heads[k].form & SERIES__TOTALS);
    if (need) rc = series__dict_get(r->dict, r->data, &a, 0, &w);
    for (size_t k = 0; !rc && k < count; k++) rc = series__chunk_tell(r->data, &heads[k], &w);
    jd_arena_fini(&a);
    if (rc) return damaged(err);
    memcpy(out, heads, count * sizeof *out);
    *n = count;
    return 0;
}

int jd_row_chunk(const jd_row *r, uint32_t i, jd_chunkhead *out, jd_err *err) {
    size_t n;
    return tell(r, i, out, 1, &n, err);
}

int jd_row_chunks(const jd_row *r, uint32_t i, jd_chunkhead *out, uint32_t *n, jd_err *err) {
    size_t count = 0;
    if (tell(r, i, out, JD_ROW_STRIDE, &count, err)) return -1;
    *n = (uint32_t)count;
    return 0;
}

int jd_row_readings(const jd_row *r, const jd_chunkhead *c, jd_arena *a, jd_reading **out, jd_err *err) {
    int64_t at[JD_CHUNK_MAX], recorded[JD_CHUNK_MAX], shape[JD_CHUNK_MAX];
    series__rows rows = {.at = at, .recorded = recorded, .shape = shape};
    series__words w;
    if (series__dict_get(r->dict, r->data, a, 1, &w) || series__chunk_get(r->data, c, &w, a, &rows))
        return damaged(err);
    jd_reading *list = jd_arena_alloc(a, rows.n * sizeof *list);
    const jd_num *nums = rows.nums;
    for (size_t i = 0; i < rows.n; i++) {
        const series__shape *s = &w.shape[shape[i]];
        list[i] = (jd_reading){.at = at[i],
                               .recorded = recorded[i],
                               .skeleton = w.text[s->skeleton],
                               .nums = nums,
                               .nums_n = s->nums_n,
                               .flags = s->flags,
                               .digits = s->digits};
        nums += s->nums_n;
    }
    *out = list;
    return 0;
}

int jd_row_values(const jd_row *r, const jd_chunkhead *c, jd_time *at, double *value, jd_err *err) {
    jd_arena a;
    jd_arena_init(&a);
    series__words w;
    int rc = series__dict_get(r->dict, r->data, &a, 0, &w);
    if (!rc) rc = series__chunk_values(r->data, c, &w, at, value);
    jd_arena_fini(&a);
    return rc ? damaged(err) : 0;
}

/* ---- a few readings of one series, without their words ---- */

struct jd_rowmemo {
    int64_t id; /* of the row that the rest is of; 0: none */
    jd_arena words_arena;
    series__words words;
    int has_words;
    uint32_t no; /* of the block */
    int has_block;
    block b;
};

jd_rowmemo *jd_rowmemo_new(void) {
    jd_rowmemo *m = jd_xcalloc(1, sizeof *m);
    jd_arena_init(&m->words_arena);
    return m;
}

void jd_rowmemo_free(jd_rowmemo *m) {
    if (!m) return;
    jd_arena_fini(&m->words_arena);
    free(m);
}

static void memo_on(jd_rowmemo *m, int64_t id) {
    if (m->id == id) return;
    jd_arena_reset(&m->words_arena);
    m->id = id;
    m->has_words = m->has_block = 0;
}

static int memo_block(jd_rowmemo *m, const jd_row *r, uint32_t no) {
    if (m->has_block && m->no == no) return 0;
    m->has_block = 0;
    if (block_get(r, no, COLUMNS, &m->b)) return -1;
    m->no = no;
    m->has_block = 1;
    return 0;
}

/* Whether the block that is there holds the first chunk not below `key`, and nothing before it can. */
static int memo_holds(const jd_rowmemo *m, const jd_skey *key) {
    if (!m->has_block) return 0;
    jd_skey first = key_of(&m->b, 0), last = key_of(&m->b, m->b.n - 1);
    return jd_skey_cmp(&first, key) < 0 && jd_skey_cmp(key, &last) <= 0;
}

/* Chunk number of the first whose key is not below `key`, its block in the memo; r->chunks: none; -1. */
static int64_t memo_seek(jd_rowmemo *m, const jd_row *r, const jd_skey *key) {
    uint32_t blocks = (r->chunks + JD_ROW_STRIDE - 1) / JD_ROW_STRIDE;
    int here = memo_holds(m, key);
    if (!here && m->has_block) { /* whoever asks in order comes into the next one by and by */
        jd_skey last = key_of(&m->b, m->b.n - 1);
        if (jd_skey_cmp(&last, key) < 0 && m->no + 1 < blocks) {
            if (memo_block(m, r, m->no + 1)) return -1;
            last = key_of(&m->b, m->b.n - 1);
            here = jd_skey_cmp(key, &last) <= 0;
        }
    }
    if (!here) {
        uint32_t at = jd_row_seek(r, key);
        if (at >= r->chunks) return r->chunks;
        return memo_block(m, r, at / JD_ROW_STRIDE) ? -1 : (int64_t)at;
    }
    size_t i = 0;
    for (; i < m->b.n; i++) {
        jd_skey at = key_of(&m->b, i);
        if (jd_skey_cmp(&at, key) >= 0) break;
    }
    return (int64_t)m->no * JD_ROW_STRIDE + (int64_t)i;
}

int jd_row_find(const jd_row *r, int64_t id, jd_rowmemo *m, const jd_skey *key, jd_skey *out, jd_err *err) {
    memo_on(m, id);
    int64_t at = memo_seek(m, r, key);
    if (at < 0) return damaged(err);
    if (at >= r->chunks) return 0;
    *out = key_of(&m->b, (size_t)at % JD_ROW_STRIDE);
    return 1;
}

static void point_add(jd_points *out, const jd_reading *r) {
    if (out->n == out->cap) {
        size_t cap = out->cap ? out->cap * 2 : 32;
        jd_reading *more = jd_arena_alloc(out->a, cap * sizeof *more);
        if (out->n) memcpy(more, out->p, out->n * sizeof *more);
        out->p = more;
        out->cap = cap;
    }
    out->p[out->n++] = *r;
}

static int chunk_points(jd_rowmemo *m, const jd_row *r, size_t i, jd_time from, jd_points *out) {
    jd_chunkhead h;
    if (heads_get(r, &m->b, i, i + 1, &h)) return -1;
    if (!m->has_words) {
        if (series__dict_get(r->dict, r->data, &m->words_arena, 0, &m->words)) return -1;
        m->has_words = 1;
    }
    if (h.form & SERIES__TOTALS) { /* it may be told by its times that there is nothing in it */
        jd_chunkhead told = h;
        if (series__chunk_tell(r->data, &told, &m->words)) return -1;
        if (!told.clears && told.to < from) return 0;
    }
    int64_t at[JD_CHUNK_MAX], recorded[JD_CHUNK_MAX], shape[JD_CHUNK_MAX];
    series__rows rows = {.at = at, .recorded = recorded, .shape = shape};
    if (series__chunk_get(r->data, &h, &m->words, out->a, &rows)) return -1;
    const jd_num *nums = rows.nums;
    for (size_t k = 0; k < rows.n; k++) {
        const series__shape *s = &m->words.shape[shape[k]];
        int numeric = s->flags & JD_R_NUMERIC && s->nums_n > 0;
        if (at[k] >= from || s->flags & JD_R_CLEAR)
            point_add(out, &(jd_reading){.at = at[k],
                                         .recorded = recorded[k],
                                         .flags = s->flags,
                                         .nums = numeric ? nums : NULL,
                                         .nums_n = numeric ? 1 : 0});
        nums += s->nums_n;
    }
    return 0;
}

int jd_row_points(const jd_row *r, int64_t id, jd_rowmemo *m, const jd_skey *key, jd_time from, jd_points *out,
                  jd_err *err) {
    memo_on(m, id);
    int64_t at = memo_seek(m, r, key);
    for (; at >= 0 && at < r->chunks; at++) {
        if (memo_block(m, r, (uint32_t)at / JD_ROW_STRIDE)) return damaged(err);
        size_t i = (size_t)at % JD_ROW_STRIDE;
        jd_skey here = key_of(&m->b, i);
        if (jd_skey_cmp(&here, key) != 0) break;
        if (chunk_points(m, r, i, from, out)) return damaged(err);
    }
    return at < 0 ? damaged(err) : 0;
}

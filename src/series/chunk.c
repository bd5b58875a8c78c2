/* series/chunk.c - one chunk's bytes: what its head does not say.
 *
 *   totals   when the form has TOTALS
 *   column   shapes, when the head says mixed
 *   varint   lanes, when the form has LANES; else as many as each reading has numbers (some have more than others: one)
 *   column   at, from the first, unless at a steady step } or a byte SAME and how far back in the row's data
 *   lanes    number i is in lane i modulo lanes; all    } the same column stands
 *            but the first begin with their head byte   }
 *   column   recorded or recorded - at, from the first, when the form says so
 *
 * One reading has only lanes: up to four, or two for pairs, or one. */
#include "series/series_int.h"

#include <stdlib.h>

enum { LANES_EACH = 4, SEEN_LOOK = 512 };

static int64_t sub(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a - (uint64_t)b);
}
static int64_t add(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static size_t lanes_of_one(size_t nums_n) {
    return nums_n <= LANES_EACH ? nums_n : nums_n % 2 ? 1 : 2;
}

/* How many readings ago the time of day was the same, when most are as far apart as that takes. */
static size_t day_of(const int64_t *at, size_t n) {
    int64_t step = 0;
    size_t votes = 0;
    for (size_t i = 1; i < n; i++) {
        int64_t d = sub(at[i], at[i - 1]);
        if (!votes) step = d;
        votes = d == step || !votes ? votes + 1 : votes - 1;
    }
    const int64_t day = INT64_C(86400) * 1000000;
    if (step <= 0 || day % step || !votes) return 0;
    return (size_t)(day / step) <= n / 2 ? (size_t)(day / step) : 0;
}

/* ---- columns of times that stand in the row already are pointed at ----
 * The attributes of one entity often share them. What they were made of is kept beside them, so that the same times are
 * found again without being encoded again. */

void series__times_begin(series__times *t) {
    t->n = 0;
    t->keys.n = 0;
}

void series__times_fini(series__times *t) {
    free(t->p);
    jd_buf_fini(&t->keys);
}

/* The column of n values that was made of these. */
static const struct series__seen *made_of(const series__times *seen, size_t n, const int64_t *key, size_t key_n) {
    for (size_t k = seen->n; k-- > 0 && seen->n - k <= SEEN_LOOK;) {
        const struct series__seen *s = &seen->p[k];
        if (s->n == n && s->key_n == key_n && memcmp(seen->keys.p + s->key, key, key_n * sizeof *key) == 0) return s;
    }
    return NULL;
}

/* The column, again: what is shorter of it and a pointer to it. */
static void point(jd_buf *data, const struct series__seen *s) {
    size_t back = data->n - s->at;
    if (1 + jd_varint_size(back) < s->bytes) {
        jd_buf_c(data, SERIES__SAME);
        jd_buf_varint(data, back);
    } else {
        jd_buf_room(data, s->bytes);
        jd_buf_add(data, data->p + s->at, s->bytes);
    }
}

/* A column of n values has been put behind `from`. */
static void times_seen(jd_buf *data, series__times *seen, size_t from, size_t n, const int64_t *key, size_t key_n,
                       unsigned form) {
    size_t bytes = data->n - from;
    for (size_t k = seen->n; k-- > 0 && seen->n - k <= SEEN_LOOK;) {
        const struct series__seen *s = &seen->p[k];
        if (s->n != n || s->bytes != bytes || memcmp(data->p + s->at, data->p + from, bytes) != 0) continue;
        data->n = from;
        point(data, s);
        return;
    }
    if (bytes < 4) return;
    if (seen->n == seen->cap) {
        seen->cap = seen->cap ? 2 * seen->cap : 64;
        seen->p = jd_xrealloc(seen->p, seen->cap * sizeof *seen->p);
    }
    seen->p[seen->n++] = (struct series__seen){n, from, bytes, seen->keys.n, key_n, form};
    jd_buf_add(&seen->keys, key, key_n * sizeof *key);
}

static void times_put(jd_buf *data, series__times *seen, const int64_t *v, size_t n, series__hint hint) {
    const struct series__seen *s = made_of(seen, n, v, n);
    if (s) {
        point(data, s);
        return;
    }
    size_t from = data->n;
    series__column_put(data, v, n, hint, 0);
    times_seen(data, seen, from, n, v, n, 0);
}

static series__at times_get(series__at data, series__at p, series__at end, int64_t *v, size_t n) {
    if (p == end || *p != SERIES__SAME) return series__column_get(p, end, v, n);
    series__at here = p++;
    uint64_t back = jd_varint_get(&p, end);
    if (!p || back > (uint64_t)(here - data)) return NULL;
    return series__column_get(here - back, here, v, n) ? p : NULL;
}

/* ---- writing ---- */

static void lanes_put(jd_buf *out, uint8_t *first, const series__rows *r, size_t lanes, series__hint hint, size_t lag) {
    for (size_t k = 0; k < lanes; k++) {
        size_t n = (r->nums_n - k + lanes - 1) / lanes, head_at = out->n;
        uint8_t head;
        if (k) jd_buf_c(out, 0);
        series__lane_put(out, &head, r->nums + k, n, lanes, hint, lag);
        if (k)
            out->p[head_at] = (char)head;
        else
            *first = head;
    }
}

/* Numbers that each reading has on its own, 0 when they differ. */
static size_t nums_each(const series__rows *r) {
    size_t each = r->shapes[r->shape[0]].nums_n;
    for (size_t i = 1; i < r->n; i++)
        if (r->shapes[r->shape[i]].nums_n != each) return 0;
    return each;
}

typedef struct numbers { /* the lanes, laid out in the best way */
    jd_buf bytes;
    size_t lanes;
    uint8_t head;
} numbers;

static numbers numbers_put(const series__rows *r, size_t each, series__hint hint, size_t lag) {
    int one_way = r->n == 1 || hint == SERIES__QUICK;
    numbers best = {.lanes = each ? each : 1};
    const size_t ways[] = {one_way && each ? lanes_of_one(each) : best.lanes, 2, 3, 1};
    size_t count = one_way || (each && each <= LANES_EACH) ? 1 : 4;
    for (size_t k = 0; r->nums_n && k < count; k++) {
        size_t lanes = ways[k];
        if (lanes > r->nums_n || (k == 0 && lanes > 4 * r->n && count > 1)) continue;
        numbers one = {.lanes = lanes};
        lanes_put(&one.bytes, &one.head, r, lanes, hint, lanes == each ? lag : 0);
        if (best.bytes.n && one.bytes.n >= best.bytes.n)
            jd_buf_fini(&one.bytes);
        else {
            jd_buf_fini(&best.bytes);
            best = one;
        }
    }
    return best;
}

/* Whether `recorded` can be told without a column. */
static unsigned recorded_form(const series__rows *r) {
    unsigned once = 1, after = 1;
    for (size_t i = 1; i < r->n; i++) {
        int64_t d = sub(r->recorded[i], r->recorded[0]);
        once &= d == 0;
        after &= d == sub(r->at[i], r->at[0]);
    }
    return once ? SERIES__AT_ONCE : after ? SERIES__AFTER : SERIES__RECORDED;
}

/* The column, from the first or from `at`; returns which of the two it is. */
static unsigned recorded_put(jd_buf *data, series__times *seen, const series__rows *r, series__hint hint) {
    size_t from = data->n, n = r->n;
    int64_t v[2 * JD_CHUNK_MAX], *lag = v + n;
    for (size_t i = 0; i < n; i++) {
        v[i] = sub(r->recorded[i], r->recorded[0]);
        lag[i] = sub(v[i], sub(r->at[i], r->at[0]));
    }
    const struct series__seen *s = made_of(seen, n, v, 2 * n);
    if (s) {
        point(data, s);
        return s->form;
    }
    unsigned form = SERIES__RECORDED;
    jd_buf other = {0};
    series__column_put(data, v, n, hint, 0);
    if (data->n - from > 3 && hint != SERIES__QUICK) series__column_put(&other, lag, n, SERIES__TIME, 0);
    if (other.n && other.n < data->n - from) {
        form = SERIES__LAG;
        data->n = from;
        jd_buf_str(data, jd_buf_view(&other));
    }
    jd_buf_fini(&other);
    times_seen(data, seen, from, n, v, 2 * n, form);
    return form;
}

static jd_time steady(const int64_t *at, size_t n) {
    if (n < 2 || at[0] == JD_CLEAR_AT) return 0;
    int64_t step = sub(at[1], at[0]);
    for (size_t i = 2; i < n; i++)
        if (sub(at[i], at[i - 1]) != step) return 0;
    return step > 0 && at[n - 1] > at[0] ? step : 0;
}

void series__chunk_put(jd_buf *data, series__times *seen, const series__rows *r, int quick, jd_chunkhead *h) {
    size_t n = r->n, begin = data->n, each = nums_each(r);
    series__hint times = quick ? SERIES__QUICK : SERIES__TIME;
    h->count = (uint32_t)n;
    h->first_at = r->at[0];
    h->first_recorded = r->recorded[0];
    h->shape = (uint32_t)r->shape[0] + 1;
    for (size_t i = 1; i < n; i++)
        if (r->shape[i] != r->shape[0]) h->shape = 0;
    numbers nums = numbers_put(r, each, quick ? SERIES__QUICK : SERIES__VALUE, n > 1 && !quick ? day_of(r->at, n) : 0);
    h->lane = nums.head;
    h->step = steady(r->at, n);
    series__totals(r, h);
    h->clean = h->clean && nums.lanes == each;
    h->form = n > 1 ? (uint8_t)recorded_form(r) : 0;
    if (n > 1 && nums.lanes != (each ? each : 1)) h->form |= SERIES__LANES;
    if (n >= SERIES__TOTALS_FROM) {
        h->form |= (uint8_t)(SERIES__TOTALS | (h->clean ? SERIES__CLEAN : 0) | (h->clears ? SERIES__CLEARS : 0));
        series__totals_put(data, h);
    }
    if (!h->shape) series__column_put(data, r->shape, n, quick ? SERIES__QUICK : SERIES__ANY, 0);
    if (h->form & SERIES__LANES) jd_buf_varint(data, nums.lanes);
    if (n > 1 && !h->step) {
        int64_t v[JD_CHUNK_MAX];
        for (size_t i = 0; i < n; i++) v[i] = sub(r->at[i], r->at[0]);
        times_put(data, seen, v, n, times);
    }
    jd_buf_str(data, jd_buf_view(&nums.bytes));
    jd_buf_fini(&nums.bytes);
    if ((h->form & SERIES__RECORDED_MASK) == SERIES__RECORDED) h->form |= (uint8_t)recorded_put(data, seen, r, times);
    h->at = (uint32_t)begin;
    h->bytes = (uint32_t)(data->n - begin);
}

/* ---- reading ---- */

typedef struct body { /* a chunk opened up to its times */
    series__at p, end;
    size_t lanes, nums_n, each;
} body;

/* Each reading's shape, checked; what they sum up to. */
static int shapes_get(body *b, const jd_chunkhead *h, const series__words *w, int64_t *shape) {
    size_t n = h->count;
    if (h->shape) {
        if (h->shape > w->shape_n) return -1;
        if (shape)
            for (size_t i = 0; i < n; i++) shape[i] = h->shape - 1;
        b->each = w->shape[h->shape - 1].nums_n;
        b->nums_n = n * b->each;
        return b->nums_n > SERIES__NUMS_MAX ? -1 : 0;
    }
    int64_t room[JD_CHUNK_MAX];
    if (!shape) shape = room;
    if (n < 2 || !(b->p = series__column_get(b->p, b->end, shape, n))) return -1;
    int alike = 1;
    for (size_t i = 0; i < n; i++) {
        if ((uint64_t)shape[i] >= w->shape_n) return -1;
        size_t nums_n = w->shape[shape[i]].nums_n;
        if (i == 0) b->each = nums_n;
        alike &= b->each == nums_n;
        b->nums_n += nums_n;
        if (b->nums_n > SERIES__NUMS_MAX) return -1;
    }
    if (!alike) b->each = 0;
    return 0;
}

/* Goes past what stands before the times. shape may be NULL. */
static int body_open(body *b, series__at data, const jd_chunkhead *h, const series__words *w, int64_t *shape) {
    *b = (body){.p = data + h->at, .end = data + h->at + h->bytes};
    jd_chunkhead told = *h;
    if (h->form & SERIES__TOTALS && !(b->p = series__totals_get(b->p, b->end, &told))) return -1;
    if (shapes_get(b, h, w, shape)) return -1;
    b->lanes = h->count == 1 ? lanes_of_one(b->nums_n) : b->each ? b->each : 1;
    if (h->form & SERIES__LANES) {
        uint64_t lanes = jd_varint_get(&b->p, b->end);
        if (!b->p || !lanes || lanes > b->nums_n) return -1;
        b->lanes = (size_t)lanes;
    }
    return 0;
}

static int at_get(body *b, series__at data, const jd_chunkhead *h, int64_t *at) {
    size_t n = h->count;
    if (n == 1 || h->step) {
        uint64_t x = (uint64_t)h->first_at, step = (uint64_t)h->step;
        for (size_t i = 0; i < n; i++, x += step) at[i] = (int64_t)x;
        return 0;
    }
    b->p = times_get(data, b->p, b->end, at, n);
    if (!b->p) return -1;
    for (size_t i = 0; i < n; i++) at[i] = add(at[i], h->first_at);
    return 0;
}

static int recorded_get(body *b, series__at data, const jd_chunkhead *h, const int64_t *at, int64_t *recorded) {
    size_t n = h->count;
    unsigned form = h->form & SERIES__RECORDED_MASK;
    int64_t first = h->first_recorded, lag = sub(first, h->first_at);
    if (form == SERIES__AT_ONCE)
        for (size_t i = 0; i < n; i++) recorded[i] = first;
    else if (form == SERIES__AFTER)
        for (size_t i = 0; i < n; i++) recorded[i] = add(at[i], lag);
    else {
        b->p = times_get(data, b->p, b->end, recorded, n);
        if (!b->p) return -1;
        for (size_t i = 0; i < n; i++) recorded[i] = add(recorded[i], form == SERIES__LAG ? add(at[i], lag) : first);
    }
    return 0;
}

static int lanes_get(body *b, const jd_chunkhead *h, jd_num *nums) {
    for (size_t k = 0; k < b->lanes && b->nums_n; k++) {
        uint8_t head = h->lane;
        if (k) {
            if (b->p == b->end) return -1;
            head = *b->p++;
        }
        b->p = series__lane_get(b->p, b->end, head, nums + k, (b->nums_n - k + b->lanes - 1) / b->lanes, b->lanes);
        if (!b->p) return -1;
    }
    return 0;
}

int series__chunk_get(series__at data, const jd_chunkhead *h, const series__words *w, jd_arena *a, series__rows *r) {
    body b;
    r->n = h->count;
    r->shapes = w->shape;
    if (body_open(&b, data, h, w, r->shape) || at_get(&b, data, h, r->at)) return -1;
    r->nums_n = b.nums_n;
    r->nums = jd_arena_alloc(a, b.nums_n * sizeof *r->nums);
    if (lanes_get(&b, h, r->nums) || recorded_get(&b, data, h, r->at, r->recorded)) return -1;
    return b.p == b.end ? 0 : -1;
}

int series__chunk_values(series__at data, const jd_chunkhead *h, const series__words *w, int64_t *at, double *v) {
    body b;
    if (body_open(&b, data, h, w, NULL) || !b.each || b.lanes != b.each || at_get(&b, data, h, at)) return -1;
    return series__lane_doubles(b.p, b.end, h->lane, v, h->count);
}

int series__chunk_tell(series__at data, jd_chunkhead *h, const series__words *w) {
    enum { FEW = SERIES__TOTALS_FROM };
    int64_t room[3 * JD_CHUNK_MAX];
    body b;
    if (h->form & SERIES__TOTALS) return series__totals_get(data + h->at, data + h->at + h->bytes, h) ? 0 : -1;
    size_t n = h->count;
    series__rows r = {.n = n, .at = room, .recorded = room + n, .shape = room + 2 * n, .shapes = w->shape};
    if (body_open(&b, data, h, w, r.shape) || at_get(&b, data, h, r.at)) return -1;
    jd_arena a;
    jd_arena_init(&a);
    r.nums_n = b.nums_n;
    r.nums = jd_arena_alloc(&a, (b.nums_n + 1) * sizeof *r.nums);
    int rc = lanes_get(&b, h, r.nums) || recorded_get(&b, data, h, r.at, r.recorded) || b.p != b.end ? -1 : 0;
    if (!rc) {
        series__totals(&r, h);
        h->clean = h->clean && b.lanes == b.each;
    }
    jd_arena_fini(&a);
    return rc;
}

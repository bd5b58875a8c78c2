/* Heads: the readings since the last sealing, by entity and series, runs of a series newest first. The writer appends
 * under history.lock; what stands in it never moves, so readers copy references and follow them without a lock. */
#include "base/hash.h"
#include "engine/history_int.h"

#include <stdlib.h>

typedef struct head_time {
    jd_time recorded, at;
} head_time;

struct head_run { /* readings of a series that came together and differ in times and numbers alone; mostly few */
    head_run *before;
    const head_time *times; /* of each; series of one frame share them */
    jd_str skeleton;
    uint32_t n, nums_n; /* readings; numbers of each */
    uint8_t flags, digits;
    jd_num nums[]; /* of each, as they came */
};

enum {
    IS_RUN = 128,           /* in the log's flags */
    RUN_NUMS_MOST = 1 << 14 /* numbers of a run, unless a reading alone has more */
};

enum { SERIES_AT_ONCE = 8 }; /* at most */

typedef struct head_entity {
    uint64_t entity; /* 0: empty cell */
    head_series *series;
    head_series *room; /* for room_n more, beside each other: what is told of an entity mostly comes at once */
    uint32_t room_n;
} head_entity;

struct heads {
    _Atomic int refs;
    jd_arena arena;
    head_entity *table; /* open addressing */
    uint32_t cap, n;
    uint64_t readings, upto, since_ns;
    jd_time latest;
};

/* ---- the log's form ---- */

void hist_body_begin(hist_body *h, jd_buf *b, jd_buf *times, jd_time base) {
    *h = (hist_body){.b = b, .base = base, .times = times};
    times->n = 0;
    jd_buf_varint(b, jd_zigzag(base));
}

static char *put_since(char *to, jd_time t, jd_time since) {
    return jd_varint_put(to, jd_zigzag((int64_t)((uint64_t)t - (uint64_t)since)));
}

/* What stands before the times, and room for n times and all behind. */
static char *put_series(hist_body *h, jd_sym attr, uint32_t dataset, const jd_reading *r, uint32_t n, unsigned flags) {
    char *to = jd_buf_room(h->b, 6 * JD_VARINT_MAX + 3 + r->skeleton.n +
                                     n * (2 * JD_VARINT_MAX + r->nums_n * (JD_VARINT_MAX + (size_t)1)));
    to = jd_varint_put(to, attr);
    to = jd_varint_put(to, dataset);
    *to++ = (char)(unsigned char)(r->flags | flags);
    *to++ = (char)r->digits;
    return to;
}

static char *put_skeleton(hist_body *h, char *to, const jd_reading *r) {
    int same = h->last.p && jd_str_eq(h->last, r->skeleton);
    to = jd_varint_put(to, same ? 0 : r->skeleton.n + 1);
    if (!same && r->skeleton.n) {
        memcpy(to, r->skeleton.p, r->skeleton.n);
        to += r->skeleton.n;
    }
    h->last = r->skeleton;
    return jd_varint_put(to, r->nums_n);
}

static char *put_numbers(char *to, const jd_reading *r) {
    for (uint32_t i = 0; i < r->nums_n; i++) {
        *to++ = (char)r->nums[i].scale;
        to = jd_varint_put(to, jd_zigzag(r->nums[i].m));
    }
    return to;
}

void hist_body_add(hist_body *h, jd_sym attr, uint32_t dataset, const jd_reading *r) {
    char *to = put_series(h, attr, dataset, r, 1, 0);
    to = put_since(to, r->recorded, h->base);
    to = put_since(to, r->at, r->recorded);
    to = put_numbers(put_skeleton(h, to, r), r);
    h->b->n = (size_t)(to - h->b->p);
}

/* The times, unless they are those of the run before. */
static char *put_times(hist_body *h, char *to, const jd_reading *r, uint32_t n) {
    const head_time *was = (const void *)h->times->p;
    uint32_t same = 0;
    if (h->times->n == n * sizeof *was)
        while (same < n && was[same].recorded == r[same].recorded && was[same].at == r[same].at) same++;
    *to++ = same < n;
    if (same == n) return to;
    h->times->n = 0;
    head_time *now = (void *)jd_buf_room(h->times, n * sizeof *now);
    jd_time recorded = h->base, at = r[0].recorded;
    for (uint32_t i = 0; i < n; i++) {
        to = put_since(to, r[i].recorded, recorded);
        to = put_since(to, r[i].at, at);
        recorded = r[i].recorded;
        at = r[i].at;
        now[i] = (head_time){recorded, at};
    }
    h->times->n = n * sizeof *now;
    return to;
}

static int alike(const jd_reading *a, const jd_reading *b) {
    return a->flags == b->flags && a->digits == b->digits && a->nums_n == b->nums_n &&
           jd_str_eq(a->skeleton, b->skeleton);
}

void hist_body_run(hist_body *h, jd_sym attr, uint32_t dataset, const jd_reading *r, uint32_t n) {
    for (uint32_t i = 0, end; i < n; i = end) {
        uint32_t most = r[i].nums_n > RUN_NUMS_MOST / HIST_RUN_MAX ? RUN_NUMS_MOST / r[i].nums_n : HIST_RUN_MAX;
        for (end = i + 1; end < n && end - i < most && alike(&r[i], &r[end]);) end++;
        if (end == i + 1) {
            hist_body_add(h, attr, dataset, &r[i]);
            continue;
        }
        char *to = put_series(h, attr, dataset, &r[i], end - i, IS_RUN);
        to = jd_varint_put(to, end - i);
        to = put_skeleton(h, put_times(h, to, &r[i], end - i), &r[i]);
        for (uint32_t k = i; k < end; k++) to = put_numbers(to, &r[k]);
        h->b->n = (size_t)(to - h->b->p);
    }
}

/* ---- the table ---- */

static uint32_t place(uint64_t entity) {
    entity ^= entity >> 33;
    entity *= UINT64_C(0xff51afd7ed558ccd);
    return (uint32_t)(entity >> 32);
}

static head_entity *cell_of(const heads *h, uint64_t entity) {
    uint32_t i = place(entity) & (h->cap - 1);
    while (h->table[i].entity && h->table[i].entity != entity) i = (i + 1) & (h->cap - 1);
    return &h->table[i];
}

static head_entity *entity_of(heads *h, uint64_t entity) {
    if ((h->n + 1) * 4 > h->cap * 3) {
        heads big = {.cap = h->cap * 2};
        big.table = jd_xcalloc(big.cap, sizeof *big.table);
        for (uint32_t i = 0; i < h->cap; i++)
            if (h->table[i].entity) *cell_of(&big, h->table[i].entity) = h->table[i];
        free(h->table);
        h->table = big.table;
        h->cap = big.cap;
    }
    head_entity *c = cell_of(h, entity);
    if (!c->entity) c->entity = entity, h->n++;
    return c;
}

void heads_ahead(const heads *h, uint64_t entity, int how_far) {
    const head_entity *c = &h->table[place(entity) & (h->cap - 1)];
    if (how_far) {
        __builtin_prefetch(c);
    } else if (c->entity == entity && c->series) { /* the newest made; the others stand mostly in front of it */
        for (uint32_t i = 0; i < 5; i++) __builtin_prefetch((const char *)c->series - (size_t)i * sizeof *c->series);
    }
}

static head_series *series_of(heads *h, head_entity *e, uint32_t attr, uint32_t dataset) {
    for (head_series *s = e->series; s; s = s->next)
        if (s->attr == attr && s->dataset == dataset) return s;
    if (!e->room_n) {
        e->room_n = 1; /* many have but one, or two: as many more as there are */
        for (const head_series *has = e->series; has && has->next && e->room_n < SERIES_AT_ONCE; has = has->next)
            e->room_n++;
        e->room = jd_arena_alloc(&h->arena, e->room_n * sizeof *e->room);
    }
    head_series *s = e->room++;
    e->room_n--;
    *s = (head_series){.next = e->series, .attr = attr, .dataset = dataset, .from = INT64_MAX, .to = INT64_MIN};
    e->series = s;
    return s;
}

heads *heads_new(void) {
    heads *h = jd_xcalloc(1, sizeof *h);
    h->refs = 1;
    h->cap = 64;
    h->table = jd_xcalloc(h->cap, sizeof *h->table);
    jd_arena_init(&h->arena);
    return h;
}

heads *heads_ref(heads *h) {
    atomic_fetch_add(&h->refs, 1);
    return h;
}

void heads_unref(heads *h) {
    if (!h || atomic_fetch_sub(&h->refs, 1) > 1) return;
    jd_arena_fini(&h->arena);
    free(h->table);
    free(h);
}

/* Is it whole? Looked at before anything of it is taken. */
static int well_formed(jd_str body) {
    const unsigned char *p = (const unsigned char *)body.p, *end = p + body.n;
    uint64_t shared = 0; /* times of the run before */
    jd_varint_get(&p, end);
    for (int first = 1; p && p < end; first = 0) {
        jd_varint_get(&p, end);
        jd_varint_get(&p, end);
        if (!p || end - p < 2) return 0;
        int is_run = *p & IS_RUN;
        uint64_t n = 1;
        p += 2;
        if (is_run) {
            n = jd_varint_get(&p, end);
            if (!p || p == end || *p > 1 || !n || n > HIST_RUN_MAX || (!*p && n != shared)) return 0;
            shared = n;
        }
        if (!is_run || *p++) {
            if (n > (uint64_t)(end - p)) return 0;
            for (uint64_t i = 0; i < 2 * n && p; i++) jd_varint_get(&p, end);
        }
        uint64_t len = jd_varint_get(&p, end);
        if (!p || (first && !len) || (len && len - 1 > (uint64_t)(end - p))) return 0;
        if (len) p += len - 1;
        uint64_t nums = jd_varint_get(&p, end);
        if (!p || nums > (uint64_t)(end - p) / n) return 0;
        for (uint64_t i = 0; i < n * nums && p; i++) {
            if (p >= end || *p > 18) return 0;
            p++;
            jd_varint_get(&p, end);
        }
    }
    return p == end;
}

int heads_take(heads *h, uint64_t entity, jd_str body, uint64_t group) {
    if (!well_formed(body)) return -1;
    heads_take_own(h, entity, body, group);
    return 0;
}

/* A body being taken; it is well formed. */
typedef struct taking {
    heads *h;
    const unsigned char *p, *end;
    jd_time base;
    jd_str skeleton;         /* of the reading before */
    const head_time *shared; /* of the run before */
} taking;

static jd_time take_since(taking *t, jd_time since) {
    return (jd_time)((uint64_t)since + (uint64_t)jd_unzigzag(jd_varint_get(&t->p, t->end)));
}

static const head_time *take_times(taking *t, uint32_t n, int is_run) {
    if (is_run && !*t->p++) return t->shared;
    head_time *times = jd_arena_alloc(&t->h->arena, n * sizeof *times);
    jd_time recorded = t->base, at = 0;
    for (uint32_t i = 0; i < n; i++) {
        recorded = take_since(t, recorded);
        at = take_since(t, i ? at : recorded);
        times[i] = (head_time){recorded, at};
    }
    if (is_run) t->shared = times;
    return times;
}

static jd_str take_skeleton(taking *t, const head_series *s) {
    uint64_t len = jd_varint_get(&t->p, t->end);
    if (!len) return t->skeleton;
    jd_str is = {(const char *)t->p, (size_t)len - 1};
    t->p += len - 1;
    /* readings of a sensor follow each other with one skeleton: kept once */
    t->skeleton = s->newest && jd_str_eq(s->skeleton, is) ? s->skeleton : jd_arena_dup(&t->h->arena, is);
    return t->skeleton;
}

static void take_run(taking *t, head_series *s) {
    heads *h = t->h;
    uint8_t flags = t->p[0], digits = t->p[1];
    int is_run = flags & IS_RUN;
    t->p += 2;
    uint32_t n = is_run ? (uint32_t)jd_varint_get(&t->p, t->end) : 1;
    const head_time *times = take_times(t, n, is_run);
    jd_str skeleton = take_skeleton(t, s);
    uint32_t nums_n = (uint32_t)jd_varint_get(&t->p, t->end);
    head_run *r = jd_arena_alloc(&h->arena, sizeof *r + (size_t)n * nums_n * sizeof *r->nums);
    *r = (head_run){.before = s->newest,
                    .times = times,
                    .skeleton = skeleton,
                    .n = n,
                    .nums_n = nums_n,
                    .flags = (uint8_t)(flags & ~IS_RUN),
                    .digits = digits};
    for (size_t i = 0; i < (size_t)n * nums_n; i++) {
        memset(&r->nums[i], 0, sizeof *r->nums); /* the padding too: equal numbers are equal bytes */
        r->nums[i].scale = *t->p++;
        r->nums[i].m = jd_unzigzag(jd_varint_get(&t->p, t->end));
    }
    int own_time = !(flags & (JD_R_OBSERVED | JD_R_VOID | JD_R_CLEAR));
    for (uint32_t i = 0; i < n; i++) {
        if (times[i].recorded > h->latest) h->latest = times[i].recorded;
        if (own_time && times[i].at > h->latest) h->latest = times[i].at;
        if (flags & JD_R_CLEAR) {
            s->clears = 1;
        } else {
            if (times[i].at < s->from) s->from = times[i].at;
            if (times[i].at > s->to) s->to = times[i].at;
        }
    }
    s->newest = r;
    s->skeleton = skeleton;
    s->n += n;
    h->readings += n;
}

void heads_take_own(heads *h, uint64_t entity, jd_str body, uint64_t group) {
    taking t = {.h = h, .p = (const unsigned char *)body.p, .end = (const unsigned char *)body.p + body.n};
    t.base = take_since(&t, 0);
    head_entity *e = entity_of(h, entity);
    head_series *s = NULL;
    while (t.p < t.end) {
        uint32_t attr = (uint32_t)jd_varint_get(&t.p, t.end), dataset = (uint32_t)jd_varint_get(&t.p, t.end);
        if (!s || s->attr != attr || s->dataset != dataset) s = series_of(h, e, attr, dataset);
        take_run(&t, s);
    }
    if (!h->since_ns) h->since_ns = jd_mono_ns();
    if (group > h->upto) h->upto = group;
}

size_t heads_bytes(const heads *h) {
    return h->arena.total + h->cap * sizeof *h->table;
}
uint64_t heads_readings(const heads *h) {
    return h->readings;
}
jd_time heads_latest(const heads *h) {
    return h->latest;
}
uint64_t heads_upto(const heads *h) {
    return h->upto;
}
uint64_t heads_since_ns(const heads *h) {
    return h->since_ns;
}

const head_series *heads_of(const heads *h, uint64_t entity) {
    return cell_of(h, entity)->series;
}

const head_series *heads_find(const heads *h, const jd_skey *key) {
    if (key->tier) return NULL;
    const head_series *s = heads_of(h, key->entity);
    while (s && (s->attr != key->attr || s->dataset != key->dataset)) s = s->next;
    return s;
}

size_t heads_copy(const head_series *s, jd_time from, jd_time to, jd_reading *out) {
    jd_reading *to_put = out + s->n; /* from behind: as they came */
    for (const head_run *r = s->newest; r; r = r->before)
        for (uint32_t i = r->n; i-- > 0;) {
            const head_time *t = &r->times[i];
            if (!(r->flags & JD_R_CLEAR) && (t->at < from || t->at > to)) continue;
            *--to_put = (jd_reading){.at = t->at,
                                     .recorded = t->recorded,
                                     .skeleton = r->skeleton,
                                     .nums = r->nums + (size_t)i * r->nums_n,
                                     .nums_n = r->nums_n,
                                     .flags = r->flags,
                                     .digits = r->digits};
        }
    size_t n = (size_t)(out + s->n - to_put);
    if (to_put > out) memmove(out, to_put, n * sizeof *out);
    return n;
}

/* By byte, from the last: numbers of entities differ in few of their bytes, and the others are passed over. */
size_t heads_entities(const heads *h, uint64_t **out) {
    uint64_t *k = jd_xmalloc((h->n + 1) * sizeof *k), *to = jd_xmalloc((h->n + 1) * sizeof *to), all = 0, any = 0;
    size_t n = 0;
    for (uint32_t i = 0; i < h->cap; i++)
        if (h->table[i].entity) k[n++] = h->table[i].entity, any |= k[n - 1], all = n == 1 ? any : all & k[n - 1];
    for (unsigned shift = 0; shift < 64; shift += 8) {
        if (((any ^ all) >> shift & 255) == 0) continue;
        size_t at[256] = {0}, sum = 0;
        for (size_t i = 0; i < n; i++) at[k[i] >> shift & 255]++;
        for (size_t i = 0; i < 256; i++) {
            size_t c = at[i];
            at[i] = sum;
            sum += c;
        }
        for (size_t i = 0; i < n; i++) to[at[k[i] >> shift & 255]++] = k[i];
        uint64_t *t = k;
        k = to;
        to = t;
    }
    free(to);
    *out = k;
    return n;
}

static int key_cmp(const void *a, const void *b) {
    return jd_skey_cmp(a, b);
}

size_t heads_keys(const heads *h, uint64_t entity, jd_arena *a, jd_skey **out) {
    size_t n = 0;
    for (const head_series *s = heads_of(h, entity); s; s = s->next) n++;
    jd_skey *k = jd_arena_alloc(a, n * sizeof *k);
    n = 0;
    for (const head_series *s = heads_of(h, entity); s; s = s->next)
        k[n++] = (jd_skey){.entity = entity, .attr = s->attr, .dataset = s->dataset};
    if (n > 1) qsort(k, n, sizeof *k, key_cmp);
    *out = k;
    return n;
}

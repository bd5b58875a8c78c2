/* Heads: the readings since the last sealing, by entity and series, each series newest first. The writer appends under
 * history.lock; what stands in it never moves, so readers copy references and follow them without a lock. */
#include "base/hash.h"
#include "engine/history_int.h"

#include <stdlib.h>

struct head_reading {
    head_reading *before;
    jd_time at, recorded;
    jd_str skeleton;
    uint32_t nums_n;
    uint8_t flags, digits;
    jd_num nums[];
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

void hist_body_begin(hist_body *h, jd_buf *b, jd_time base) {
    *h = (hist_body){.b = b, .base = base};
    jd_buf_varint(b, jd_zigzag(base));
}

void hist_body_add(hist_body *h, jd_sym attr, uint32_t dataset, const jd_reading *r) {
    jd_buf *b = h->b;
    int same = h->last.p && jd_str_eq(h->last, r->skeleton);
    char *to = jd_buf_room(b, 6 * JD_VARINT_MAX + 2 + r->skeleton.n + r->nums_n * (JD_VARINT_MAX + 1));
    to = jd_varint_put(to, attr);
    to = jd_varint_put(to, dataset);
    *to++ = (char)r->flags;
    *to++ = (char)r->digits;
    to = jd_varint_put(to, jd_zigzag((int64_t)((uint64_t)r->recorded - (uint64_t)h->base)));
    to = jd_varint_put(to, jd_zigzag((int64_t)((uint64_t)r->at - (uint64_t)r->recorded)));
    to = jd_varint_put(to, same ? 0 : r->skeleton.n + 1);
    if (!same && r->skeleton.n) {
        memcpy(to, r->skeleton.p, r->skeleton.n);
        to += r->skeleton.n;
    }
    h->last = r->skeleton;
    to = jd_varint_put(to, r->nums_n);
    for (uint32_t i = 0; i < r->nums_n; i++) {
        *to++ = (char)r->nums[i].scale;
        to = jd_varint_put(to, jd_zigzag(r->nums[i].m));
    }
    b->n = (size_t)(to - b->p);
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
    jd_varint_get(&p, end);
    for (int first = 1; p && p < end; first = 0) {
        jd_varint_get(&p, end);
        jd_varint_get(&p, end);
        if (!p || end - p < 2) return 0;
        p += 2;
        jd_varint_get(&p, end);
        jd_varint_get(&p, end);
        uint64_t len = jd_varint_get(&p, end);
        if (!p || (first && !len) || (len && len - 1 > (uint64_t)(end - p))) return 0;
        if (len) p += len - 1;
        uint64_t nums = jd_varint_get(&p, end);
        if (!p || nums > (uint64_t)(end - p)) return 0;
        for (uint64_t i = 0; i < nums && p; i++) {
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

void heads_take_own(heads *h, uint64_t entity, jd_str body, uint64_t group) {
    const unsigned char *p = (const unsigned char *)body.p, *end = p + body.n;
    uint64_t base = (uint64_t)jd_unzigzag(jd_varint_get(&p, end));
    jd_str skeleton = {NULL, 0};
    head_entity *e = entity_of(h, entity);
    head_series *s = NULL;
    while (p < end) {
        uint32_t attr = (uint32_t)jd_varint_get(&p, end), dataset = (uint32_t)jd_varint_get(&p, end);
        if (!s || s->attr != attr || s->dataset != dataset) s = series_of(h, e, attr, dataset);
        uint8_t flags = p[0], digits = p[1];
        p += 2;
        jd_time recorded = (jd_time)(base + (uint64_t)jd_unzigzag(jd_varint_get(&p, end)));
        jd_time at = (jd_time)((uint64_t)recorded + (uint64_t)jd_unzigzag(jd_varint_get(&p, end)));
        uint64_t len = jd_varint_get(&p, end);
        if (len) {
            skeleton = (jd_str){(const char *)p, (size_t)len - 1};
            /* readings of a sensor follow each other with one skeleton: kept once */
            if (s->newest && jd_str_eq(s->skeleton, skeleton))
                skeleton = s->skeleton;
            else
                skeleton = jd_arena_dup(&h->arena, skeleton);
            p += len - 1;
        }
        uint32_t nums = (uint32_t)jd_varint_get(&p, end);
        head_reading *r = jd_arena_alloc(&h->arena, sizeof *r + nums * sizeof *r->nums);
        *r = (head_reading){.before = s->newest,
                            .at = at,
                            .recorded = recorded,
                            .skeleton = skeleton,
                            .nums_n = nums,
                            .flags = flags,
                            .digits = digits};
        if (recorded > h->latest) h->latest = recorded;
        if (!(flags & (JD_R_OBSERVED | JD_R_VOID | JD_R_CLEAR)) && at > h->latest) h->latest = at;
        for (uint32_t i = 0; i < nums; i++) {
            memset(&r->nums[i], 0, sizeof *r->nums); /* the padding too: equal numbers are equal bytes */
            r->nums[i].scale = *p++;
            r->nums[i].m = jd_unzigzag(jd_varint_get(&p, end));
        }
        s->newest = r;
        s->skeleton = skeleton;
        s->n++;
        if (flags & JD_R_CLEAR) {
            s->clears = 1;
        } else {
            if (at < s->from) s->from = at;
            if (at > s->to) s->to = at;
        }
        h->readings++;
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
    size_t n = 0;
    for (const head_reading *r = s->newest; r; r = r->before) {
        if (!(r->flags & JD_R_CLEAR) && (r->at < from || r->at > to)) continue;
        out[n++] = (jd_reading){.at = r->at,
                                .recorded = r->recorded,
                                .skeleton = r->skeleton,
                                .nums = r->nums,
                                .nums_n = r->nums_n,
                                .flags = r->flags,
                                .digits = r->digits};
    }
    for (size_t i = 0; i < n / 2; i++) { /* as they came */
        jd_reading t = out[i];
        out[i] = out[n - 1 - i];
        out[n - 1 - i] = t;
    }
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

#include "engine/recent.h"

#include <stdlib.h>

enum {
    MOST = 4096,      /* readings of an entry */
    TOO_MANY = 16384, /* readings that one try may open */
    TRIES = 8,
    IDLE_SEALS = 16, /* not asked while heads were sealed so often: it goes where room is wanted */
    LOOK = 8,        /* entries looked at for one that may go */
    READING_MAX = 3 * JD_VARINT_MAX + 2,
    MEMOS = 64,
    OVERHEAD = 16 /* of an allocation */
};
enum { NUMBER = 0x80 }; /* with the scale: a number follows */

typedef struct entry {
    struct entry *next;         /* of the bucket */
    struct entry *left, *right; /* of the ring */
    uint64_t entity;
    uint32_t attr, n;
    uint32_t size, cap;  /* bytes */
    uint64_t used;       /* sealings there had been when it was last asked */
    jd_time from;        /* all readings with at >= from */
    jd_time deep;        /* questions from before it need not try: there are too many, or roll-ups */
    jd_time asked;       /* the earliest asked for since it was last cut; INT64_MAX: none */
    jd_time cleared;     /* series or entity; JD_TIME_NONE */
    jd_time folded;      /* hist_state.folded when it was built */
    jd_time first, last; /* `at` of the reading that comes first, and of the one put last */
    unsigned char data[];
} entry;

struct recent {
    pthread_mutex_t mutex;
    entry **bucket;
    size_t cap, n, bytes, max;
    entry *hand;
    uint64_t upto, seals;
    /* heads are being taken in: entities below `passed` have them, up to next_upto */
    int passing;
    uint64_t passed, next_upto;
    recent_figures f;

    pthread_mutex_t building;
    struct memo { /* of a run: where it was read last */
        int64_t run;
        jd_rowmemo *m;
    } memo[MEMOS];
    uint32_t memo_next;
};

recent *recent_new(size_t bytes, uint64_t upto) {
    recent *c = jd_xcalloc(1, sizeof *c);
    c->max = bytes;
    c->upto = upto;
    c->cap = 64;
    c->bucket = jd_xcalloc(c->cap, sizeof(entry *));
    c->bytes = c->cap * sizeof(entry *);
    pthread_mutex_init(&c->mutex, NULL);
    pthread_mutex_init(&c->building, NULL);
    return c;
}

/* ---- entries ---- */

static size_t weight(const entry *e) {
    return sizeof *e + e->cap + OVERHEAD;
}

static entry **bucket_of(recent *c, uint64_t entity) {
    uint64_t h = (entity ^ entity >> 33) * UINT64_C(0xff51afd7ed558ccd);
    return &c->bucket[(h >> 32) & (c->cap - 1)];
}

static entry **find(recent *c, uint64_t entity, uint32_t attr) {
    entry **at = bucket_of(c, entity);
    while (*at && ((*at)->entity != entity || (*at)->attr != attr)) at = &(*at)->next;
    return at;
}

static void link_in(recent *c, entry *e) {
    entry **at = bucket_of(c, e->entity);
    e->next = *at;
    *at = e;
    if (c->hand) {
        e->right = c->hand;
        e->left = c->hand->left;
        e->left->right = e->right->left = e;
    } else {
        c->hand = e->left = e->right = e;
    }
    c->n++;
    c->bytes += weight(e);
}

static void drop(recent *c, entry *e) {
    entry **at = bucket_of(c, e->entity);
    while (*at != e) at = &(*at)->next;
    *at = e->next;
    e->left->right = e->right;
    e->right->left = e->left;
    if (c->hand == e) c->hand = e->right == e ? NULL : e->right;
    c->n--;
    c->bytes -= weight(e);
    free(e);
}

void recent_free(recent *c) {
    if (!c) return;
    while (c->hand) drop(c, c->hand);
    for (size_t i = 0; i < MEMOS; i++) jd_rowmemo_free(c->memo[i].m);
    free(c->bucket);
    pthread_mutex_destroy(&c->mutex);
    pthread_mutex_destroy(&c->building);
    free(c);
}

/* Room for so many more bytes; an entry that was not asked for long goes for it. */
static int room(recent *c, size_t bytes, const entry *stays) {
    for (int i = 0; i < LOOK && c->hand && c->bytes + bytes > c->max; i++) {
        entry *e = c->hand;
        c->hand = e->right;
        if (e == stays || c->seals - e->used < IDLE_SEALS) continue;
        drop(c, e);
        c->f.evicted++;
    }
    return c->bytes + bytes <= c->max;
}

static void widen(recent *c) {
    size_t cap = c->cap * 2, more = c->cap * sizeof(entry *);
    if (c->n < c->cap || !room(c, more, NULL)) return;
    free(c->bucket);
    c->cap = cap;
    c->bucket = jd_xcalloc(cap, sizeof(entry *));
    c->bytes += more;
    entry *e = c->hand;
    for (size_t i = 0; i < c->n; i++, e = e->right) {
        entry **at = bucket_of(c, e->entity);
        e->next = *at;
        *at = e;
    }
}

/* ---- readings as bytes: each told from the one before ---- */

/* Differences of times must not wrap; no time that has a text comes near. */
static int sane(const jd_reading *r) {
    const int64_t far = INT64_C(1) << 60;
    return r->at > -far && r->at < far && r->recorded > -far && r->recorded < far;
}

static size_t written(const entry *e, const jd_reading *r, char out[READING_MAX]) {
    jd_time last = e->n ? e->last : r->at;
    char *to = jd_varint_put(out, jd_zigzag((int64_t)((uint64_t)r->at - (uint64_t)last)));
    to = jd_varint_put(to, jd_zigzag((int64_t)((uint64_t)r->recorded - (uint64_t)r->at)));
    *to++ = (char)r->flags;
    *to++ = (char)(r->nums_n ? NUMBER | r->nums[0].scale : 0);
    if (r->nums_n) to = jd_varint_put(to, jd_zigzag(r->nums[0].m));
    return (size_t)(to - out);
}

/* There is room. */
static void put(entry *e, const jd_reading *r, const char *bytes, size_t n) {
    memcpy(e->data + e->size, bytes, n);
    e->size += (uint32_t)n;
    if (!e->n++) e->first = r->at;
    e->last = r->at;
}

typedef struct taken {
    const unsigned char *p, *end;
    jd_time last;
} taken;

static taken beginning(const entry *e) {
    return (taken){e->data, e->data + e->size, e->first};
}

/* The next reading; its number is put into num. */
static int take(taken *t, jd_reading *r, jd_num *num) {
    if (t->p >= t->end) return 0;
    *r = (jd_reading){.at = (jd_time)((uint64_t)t->last + (uint64_t)jd_unzigzag(jd_varint_get(&t->p, t->end)))};
    r->recorded = (jd_time)((uint64_t)r->at + (uint64_t)jd_unzigzag(jd_varint_get(&t->p, t->end)));
    r->flags = *t->p++;
    unsigned scale = *t->p++;
    if (scale & NUMBER) {
        *num = (jd_num){.m = jd_unzigzag(jd_varint_get(&t->p, t->end)), .scale = (uint8_t)(scale & ~(unsigned)NUMBER)};
        r->nums = num;
        r->nums_n = 1;
    }
    t->last = r->at;
    return 1;
}

/* Only what lies at `from` or later stays. In place: a reading is never longer than it was, and the one that comes
 * first is told from itself. */
static void cut(entry *e, jd_time from) {
    taken t = beginning(e);
    jd_reading r;
    jd_num num;
    char bytes[READING_MAX];
    e->from = from;
    e->size = e->n = 0;
    while (take(&t, &r, &num))
        if (r.at >= from) put(e, &r, bytes, written(e, &r, bytes));
}

static int time_cmp(const void *a, const void *b) {
    const jd_time *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The older half goes, though it was asked for. 0: that cannot be done. */
static int halve(entry *e) {
    jd_time *at = jd_xmalloc(e->n * sizeof *at);
    taken t = beginning(e);
    jd_reading r;
    jd_num num;
    for (size_t n = 0; take(&t, &r, &num);) at[n++] = r.at;
    qsort(at, e->n, sizeof *at, time_cmp);
    jd_time mid = at[e->n / 2];
    free(at);
    if (mid <= e->from) return 0;
    cut(e, mid);
    e->deep = mid;
    return 1;
}

/* The entry with so many bytes more; NULL: there is no room, and it is gone. */
static entry *wider(recent *c, entry *e, size_t bytes) {
    size_t more = (bytes + e->size / 4 + 15) & ~(size_t)15;
    if (!room(c, more, e)) {
        drop(c, e);
        c->f.evicted++;
        return NULL;
    }
    entry **at = find(c, e->entity, e->attr);
    int alone = e->right == e, in_hand = c->hand == e;
    e = jd_xrealloc(e, sizeof *e + e->cap + more);
    e->cap += (uint32_t)more;
    c->bytes += more;
    *at = e;
    if (alone)
        e->left = e->right = e;
    else
        e->left->right = e->right->left = e;
    if (in_hand) c->hand = e;
    return e;
}

/* NULL: it is gone. */
static entry *add(recent *c, entry *e, const jd_reading *r) {
    char bytes[READING_MAX];
    if (!sane(r)) {
        drop(c, e);
        return NULL;
    }
    size_t n = written(e, r, bytes);
    if (e->n >= MOST || e->cap - e->size < n) {
        if (e->asked > e->from && e->asked != INT64_MAX) {
            cut(e, e->asked);
            e->asked = INT64_MAX;
        }
        if (e->n >= MOST && !halve(e)) {
            drop(c, e);
            return NULL;
        }
        if (r->at < e->from) return e;
        n = written(e, r, bytes);
        if (e->cap - e->size < n && !(e = wider(c, e, n))) return NULL;
    }
    put(e, r, bytes, n);
    return e;
}

/* ---- taking heads in ---- */

static jd_time newest_clear(const jd_reading *r, size_t n, jd_time newest) {
    for (size_t i = 0; i < n; i++)
        if (r[i].flags & JD_R_CLEAR && r[i].recorded > newest) newest = r[i].recorded;
    return newest;
}

/* The entry with what the heads have of it; NULL: it is gone. */
static entry *append(recent *c, entry *e, const heads *hs, jd_arena *a) {
    const head_series *s = heads_find(hs, &(jd_skey){.entity = e->entity, .attr = e->attr});
    const head_series *whole = heads_find(hs, &(jd_skey){.entity = e->entity});
    if (whole && whole->clears) {
        jd_reading *r = jd_arena_alloc(a, whole->n * sizeof *r);
        e->cleared = newest_clear(r, heads_copy(whole, INT64_MAX, INT64_MAX, r), e->cleared);
    }
    if (!s) return e;
    jd_reading *r = jd_arena_alloc(a, s->n * sizeof *r);
    size_t n = heads_copy(s, e->from, INT64_MAX, r);
    e->cleared = newest_clear(r, n, e->cleared);
    for (size_t i = 0; i < n && e; i++) {
        jd_reading x = reading_slim(&r[i]);
        if (!(x.flags & JD_R_CLEAR) && x.at >= e->from) e = add(c, e, &x);
    }
    return e;
}

static void absorb_one(recent *c, const heads *hs, uint64_t entity, jd_arena *a) {
    size_t n = 0;
    for (const entry *e = *bucket_of(c, entity); e; e = e->next) n += e->entity == entity;
    if (!n) return;
    uint32_t *attrs = jd_arena_alloc(a, n * sizeof *attrs); /* for one makes room by letting another go */
    n = 0;
    for (const entry *e = *bucket_of(c, entity); e; e = e->next)
        if (e->entity == entity) attrs[n++] = e->attr;
    for (size_t i = 0; i < n; i++) {
        entry *e = *find(c, entity, attrs[i]);
        if (e) append(c, e, hs, a);
    }
}

void recent_absorb(recent *c, const heads *hs, const uint64_t *entities, size_t n) {
    jd_arena a;
    uint64_t upto = heads_upto(hs);
    pthread_mutex_lock(&c->mutex);
    int had = c->upto >= upto; /* sealing failed, and this is another try */
    if (!had) {
        c->passing = 1;
        c->passed = 0;
        c->next_upto = upto;
        c->seals++;
    }
    pthread_mutex_unlock(&c->mutex);
    if (had) return;
    jd_arena_init(&a);
    for (size_t i = 0; i < n;) {
        pthread_mutex_lock(&c->mutex);
        for (size_t until = i + 32 < n ? i + 32 : n; i < until; i++) {
            absorb_one(c, hs, entities[i], &a);
            c->passed = entities[i] + 1;
        }
        pthread_mutex_unlock(&c->mutex);
        jd_arena_recycle(&a, 64 << 10);
    }
    jd_arena_fini(&a);
    pthread_mutex_lock(&c->mutex);
    c->upto = upto;
    c->passing = 0;
    pthread_mutex_unlock(&c->mutex);
}

static uint64_t upto_of(const recent *c, uint64_t entity) {
    return c->passing && entity < c->passed ? c->next_upto : c->upto;
}

/* ---- reading a series from its rows ---- */

static uint64_t sealed_upto(const hist_state *st) {
    return st->runs_n ? st->runs[0]->last_group : 0;
}

static jd_rowmemo *memo_of(recent *c, const run *r) {
    for (uint32_t i = 0; i < MEMOS; i++)
        if (c->memo[i].run == r->id) return c->memo[i].m;
    uint32_t i = c->memo_next++ % MEMOS;
    if (!c->memo[i].m) c->memo[i].m = jd_rowmemo_new();
    c->memo[i].run = r->id;
    return c->memo[i].m;
}

/* What a run has of the series from `from` on. */
static int run_points(history *h, const run *r, const jd_skey *key, jd_time from, jd_points *out, jd_err *err) {
    for (uint32_t i = run_seek(r, key); i < r->rows_n && jd_skey_cmp(&r->rows[i].head.first, key) <= 0; i++) {
        const run_row *row = &r->rows[i];
        if (!row->head.clears && row->head.to < from) continue;
        row_ref ref;
        if (row_get(h, row->id, &ref, err)) return -1;
        int rc = jd_row_points(&ref.row, row->id, memo_of(h->recent, r), key, from, out, err);
        row_put(h, &ref);
        if (rc) return jd_fail_at(err, "chunk %lld", (long long)row->id);
        if (out->n > TOO_MANY) return 0;
    }
    return 0;
}

/* Whether the series has roll-ups; only the oldest run can. */
static int has_tiers(history *h, const run *r, const jd_skey *key, jd_err *err) {
    jd_skey at = *key, last = *key, got;
    at.tier = 1;
    last.tier = UINT32_MAX;
    uint32_t i = run_seek(r, &at);
    if (i >= r->rows_n || jd_skey_cmp(&r->rows[i].head.first, &last) > 0) return 0;
    row_ref ref;
    if (row_get(h, r->rows[i].id, &ref, err)) return -1;
    int rc = jd_row_find(&ref.row, r->rows[i].id, memo_of(h->recent, r), &at, &got, err);
    row_put(h, &ref);
    if (rc < 0) return jd_fail_at(err, "chunk %lld", (long long)r->rows[i].id);
    return rc && jd_skey_cmp(&got, &last) <= 0;
}

/* From when on no roll-up speaks for the series; `from` or later. */
static int behind_tiers(history *h, hist_state *st, const jd_skey *key, jd_arena *a, jd_time *from, jd_err *err) {
    enum { TIERS = 8 };
    uint32_t tier[TIERS];
    size_t tiers, n;
    if (!st->runs_n) return 0;
    int rc = has_tiers(h, st->runs[st->runs_n - 1], key, err);
    if (rc <= 0) return rc;
    if (hist_tiers(h, st, key, tier, TIERS, &tiers, err)) return -1;
    jd_time since = *from;
    for (size_t i = 0; i < tiers; i++) {
        hist_part *p;
        jd_skey of = *key;
        of.tier = tier[i];
        if (hist_parts(h, st, &of, *from, INT64_MAX, a, &p, &n, err)) return -1;
        for (size_t k = 0; k < n; k++)
            if (p[k].to >= since) since = p[k].to + 1;
    }
    *from = since;
    return 0;
}

static jd_time earlier(jd_time t, int64_t by) {
    jd_time out;
    return __builtin_sub_overflow(t, by, &out) || out < INT64_MIN + 1 ? INT64_MIN + 1 : out;
}

/* All points from *from on; where these would be too many, from later on, and then *deep says so. */
static int gather(history *h, hist_state *st, const recent_wish *w, jd_points *all, jd_time *from, jd_time *deep,
                  jd_time *cleared, jd_err *err) {
    jd_skey key = {.entity = w->entity, .attr = w->attr}, whole = {.entity = w->entity};
    *deep = INT64_MIN;
    for (int i = 0; i < TRIES; i++) {
        all->n = 0;
        for (uint32_t k = st->runs_n; k-- > 0 && all->n <= TOO_MANY;)
            if (run_points(h, st->runs[k], &key, *from, all, err)) return -1;
        if (all->n <= TOO_MANY) break;
        uint64_t span = (uint64_t)w->to - (uint64_t)*from;
        if (i + 1 == TRIES || span < 8) return 0;
        *from = *deep = (jd_time)((uint64_t)w->to - span / 8);
    }
    jd_time since = *from;
    if (behind_tiers(h, st, &key, all->a, &since, err)) return -1;
    if (since != *from) *from = *deep = since;
    *cleared = newest_clear(all->p, all->n, JD_TIME_NONE);
    jd_points clears = {.a = all->a};
    for (uint32_t k = st->runs_n; k-- > 0;)
        if (run_points(h, st->runs[k], &whole, INT64_MAX, &clears, err)) return -1;
    *cleared = newest_clear(clears.p, clears.n, *cleared);
    all->n = jd_readings_settle(all->p, all->n, *cleared, JD_SETTLE_KEEP);
    for (size_t i = 0; i < all->n; i++)
        if (!(all->p[i].flags & JD_R_CLEAR) && !sane(&all->p[i])) return 0;
    return 1;
}

static entry *entry_of(const recent_wish *w, const jd_points *all, jd_time from, jd_time deep, jd_time cleared,
                       jd_time folded) {
    size_t n = 0, skip = 0, cap;
    for (size_t i = 0; i < all->n; i++) n += !(all->p[i].flags & JD_R_CLEAR) && all->p[i].at >= from;
    skip = n > MOST / 2 ? n - MOST / 2 : 0;
    cap = (n - skip) * READING_MAX;
    entry *e = jd_xcalloc(1, sizeof *e + cap);
    *e = (entry){.entity = w->entity, .attr = w->attr, .cap = (uint32_t)cap, .from = from, .deep = deep};
    e->cleared = cleared;
    e->folded = folded;
    e->asked = w->before ? from : w->from;
    for (size_t i = 0; i < all->n; i++) {
        const jd_reading *r = &all->p[i];
        char bytes[READING_MAX];
        if (r->flags & JD_R_CLEAR || r->at < from) continue;
        if (skip) { /* and all of the time of the last one that is left out */
            skip--;
            e->from = e->deep = r->at + 1;
            continue;
        }
        if (r->at >= e->from) put(e, r, bytes, written(e, r, bytes));
    }
    e->cap = (e->size + 15) & ~15u;
    if (e->cap < cap) e = jd_xrealloc(e, sizeof *e + e->cap);
    return e;
}

/* Kept, unless the heads that are sealed meanwhile make it too old already, or there is no room. */
static void keep(recent *c, hist_state *st, entry *e, jd_arena *a) {
    pthread_mutex_lock(&c->mutex);
    uint64_t upto = upto_of(c, e->entity);
    int fits = upto == sealed_upto(st), with_frozen = st->frozen && upto == heads_upto(st->frozen);
    entry *old = *find(c, e->entity, e->attr);
    if (old) drop(c, old);
    if ((fits || with_frozen) && room(c, weight(e), NULL)) {
        e->used = c->seals;
        widen(c);
        link_in(c, e);
        c->f.built++;
        if (!fits) append(c, e, st->frozen, a);
    } else {
        free(e);
        c->f.refused++;
    }
    pthread_mutex_unlock(&c->mutex);
}

static int build(history *h, hist_state *st, const recent_wish *w, jd_points *out, jd_time *cleared, jd_time *since,
                 jd_err *err) {
    jd_points all = {.a = out->a};
    jd_time from = w->before ? earlier(w->from, w->to - w->from) : w->from, deep, newest;
    int rc = gather(h, st, w, &all, &from, &deep, &newest, err);
    if (rc <= 0) return rc;
    entry *e = entry_of(w, &all, from, deep, newest, st->folded);
    from = e->from;
    keep(h->recent, st, e, out->a);
    if (from > w->from) return 0;
    out->p = all.p;
    out->cap = all.cap;
    for (size_t i = 0; i < all.n; i++) {
        const jd_reading *r = &all.p[i];
        if (r->flags & JD_R_CLEAR || r->at < from || r->at > w->to || (!w->before && r->at < w->from)) continue;
        out->p[out->n++] = *r;
    }
    if (newest > *cleared) *cleared = newest;
    *since = from;
    return 1;
}

/* ---- asking ---- */

enum { LONG_WAY, FOUND, NOT_THERE };

static void copy_out(entry *e, const recent_wish *w, jd_points *out) {
    taken t = beginning(e);
    jd_num *num = jd_arena_alloc(out->a, e->n * sizeof *num);
    jd_time before = e->from;
    out->cap = e->n;
    out->p = jd_arena_alloc(out->a, e->n * sizeof *out->p);
    for (jd_reading r; take(&t, &r, num);) {
        if (r.at < w->from && r.at > before) before = r.at;
        if (r.at > w->to || (!w->before && r.at < w->from)) continue;
        out->p[out->n++] = r;
        num++;
    }
    jd_time needed = w->before ? before : w->from;
    if (needed < e->asked) e->asked = needed;
}

static int look(recent *c, const hist_state *st, const recent_wish *w, jd_points *out, jd_time *cleared, int *frozen,
                jd_time *since) {
    entry *e = *find(c, w->entity, w->attr);
    uint64_t upto = upto_of(c, w->entity);
    c->f.asked++;
    if (!e) return NOT_THERE;
    e->used = c->seals;
    if (upto < sealed_upto(st)) return LONG_WAY;
    if (w->from < e->from) return w->from < e->deep ? LONG_WAY : NOT_THERE;
    if (e->folded != st->folded && (w->before ? e->from : w->from) < st->folded) return NOT_THERE;
    copy_out(e, w, out);
    if (e->cleared > *cleared) *cleared = e->cleared;
    *frozen = st->frozen && upto < heads_upto(st->frozen);
    *since = e->from;
    return FOUND;
}

int recent_read(history *h, hist_state *st, const recent_wish *w, jd_points *out, jd_time *cleared, int *frozen,
                jd_time *since, jd_err *err) {
    recent *c = h->recent;
    pthread_mutex_lock(&c->mutex);
    int rc = look(c, st, w, out, cleared, frozen, since);
    pthread_mutex_unlock(&c->mutex);
    if (rc != NOT_THERE) return rc == FOUND;
    pthread_mutex_lock(&c->building);
    rc = build(h, st, w, out, cleared, since, err);
    pthread_mutex_unlock(&c->building);
    *frozen = st->frozen != NULL;
    return rc;
}

void recent_tell(recent *c, recent_figures *out) {
    pthread_mutex_lock(&c->mutex);
    *out = c->f;
    out->bytes = c->bytes;
    out->series = c->n;
    pthread_mutex_unlock(&c->mutex);
}

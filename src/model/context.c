/* One context: names to IRIs and back. Everything but the memo is read-only once made.
 *
 * The guard of this file is that expanding what was compacted gives the same IRI: every candidate name is expanded
 * again before it is used, whatever the terms in its way. */
#include "model/context_int.h"

#include <stdlib.h>

#define VOCAB JD_STR(JD_DEFAULT_VOCAB)

static uint32_t hash_of(jd_str s) {
    return (uint32_t)jd_hash(s.p, s.n);
}

/* ---- words of JSON-LD ---- */
int ctx__keyword(jd_str s) {
    static const char *const words[] = {"@base",   "@container", "@context",   "@default",   "@direction",
                                        "@graph",  "@id",        "@import",    "@included",  "@index",
                                        "@json",   "@language",  "@list",      "@nest",      "@none",
                                        "@prefix", "@preserve",  "@propagate", "@protected", "@reverse",
                                        "@set",    "@type",      "@value",     "@version",   "@vocab"};
    if (s.n < 3 || s.p[0] != '@') return 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (jd_str_is(s, words[i])) return 1;
    return 0;
}

static int alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int ctx__keyword_like(jd_str s) {
    if (s.n < 2 || s.p[0] != '@') return 0;
    for (size_t i = 1; i < s.n; i++)
        if (!alpha(s.p[i])) return 0;
    return 1;
}

int ctx__scheme(jd_str s) {
    if (!s.n || !alpha(s.p[0])) return 0;
    for (size_t i = 1; i < s.n; i++)
        if (!alpha(s.p[i]) && !(s.p[i] >= '0' && s.p[i] <= '9') && s.p[i] != '+' && s.p[i] != '-' && s.p[i] != '.')
            return 0;
    return 1;
}

int ctx__shown(jd_str s, size_t max) {
    size_t n = s.n > max ? max : s.n;
    while (n && n < s.n && ((unsigned char)s.p[n] & 0xC0) == 0x80) n--;
    return (int)n;
}

/* URNs name most things here; were "urn" allowed to be a prefix, they could no longer be written down. */
int ctx__absolute(jd_str prefix, jd_str suffix) {
    return (suffix.n >= 2 && suffix.p[0] == '/' && suffix.p[1] == '/') || jd_str_is(prefix, "_") ||
           jd_str_is(prefix, "urn");
}

/* ---- tables ---- */
const ctx_term *ctx__find(const ctx_table *t, jd_str name, uint32_t hash) {
    for (uint32_t i = hash & t->mask;; i = (i + 1) & t->mask) {
        const ctx_slot *s = &t->slots[i];
        if (!s->t) return NULL;
        if (s->hash == hash && jd_str_eq(s->t->name, name)) return s->t;
    }
}

static const ctx_term *find_iri(const jd_context *c, jd_str iri, uint32_t hash) {
    for (uint32_t i = hash & c->by_iri.mask;; i = (i + 1) & c->by_iri.mask) {
        const ctx_slot *s = &c->by_iri.slots[i];
        if (!s->t) return NULL;
        if (s->hash == hash && jd_str_eq(s->t->iri, iri)) return s->t;
    }
}

/* The core's before the user's, then the shorter, then the alphabetically least. */
static int better(const ctx_term *a, const ctx_term *b) {
    if (a->core != b->core) return a->core;
    if (a->name.n != b->name.n) return a->name.n < b->name.n;
    return jd_str_cmp(a->name, b->name) < 0;
}

static void table_init(ctx_table *t, jd_arena *a, uint32_t n) {
    uint32_t cap = 16;
    while (cap < n * 2) cap *= 2;
    t->slots = JD_NEWN(a, ctx_slot, cap);
    t->mask = cap - 1;
}

/* Adds unless the name is there; the core's terms are added first. */
static int name_add(ctx_table *t, const ctx_term *term) {
    uint32_t i = term->hash & t->mask;
    for (; t->slots[i].t; i = (i + 1) & t->mask)
        if (t->slots[i].hash == term->hash && jd_str_eq(t->slots[i].t->name, term->name)) return 0;
    t->slots[i] = (ctx_slot){term, term->hash};
    return 1;
}

static void iri_add(ctx_table *t, const ctx_term *term) {
    uint32_t h = hash_of(term->iri), i = h & t->mask;
    for (; t->slots[i].t; i = (i + 1) & t->mask)
        if (t->slots[i].hash == h && jd_str_eq(t->slots[i].t->iri, term->iri)) {
            if (better(term, t->slots[i].t)) t->slots[i].t = term;
            return;
        }
    t->slots[i] = (ctx_slot){term, h};
}

static int by_iri_then_rank(const void *x, const void *y) {
    const ctx_prefix *a = x, *b = y;
    int c = jd_str_cmp(a->t->iri, b->t->iri);
    return c ? c : better(a->t, b->t) ? -1 : 1;
}

/* In order of bytes, what begins with a shorter one comes right behind it and its other children, so one chain of
 * "shorter" links from the last IRI not after x names every prefix of x. */
static void link_prefixes(jd_context *c) {
    qsort(c->prefixes, c->prefixes_n, sizeof *c->prefixes, by_iri_then_rank);
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->prefixes_n; i++)
        if (!n || !jd_str_eq(c->prefixes[n - 1].t->iri, c->prefixes[i].t->iri)) c->prefixes[n++] = c->prefixes[i];
    c->prefixes_n = n;
    for (uint32_t i = 1; i < n; i++) {
        uint32_t up = i;
        while (up && !jd_str_starts(c->prefixes[i].t->iri, c->prefixes[up - 1].t->iri))
            up = c->prefixes[up - 1].shorter;
        c->prefixes[i].shorter = up;
    }
}

static int adopt(jd_context *c, const ctx_term *t) {
    if (!name_add(&c->by_name, t)) return 0;
    if (t->iri.p) iri_add(&c->by_iri, t);
    return t->prefix;
}

jd_context *ctx__make(const jd_symtab *symbols, jd_context *core, jd_arena *arena, ctx_term *terms, uint32_t n,
                      jd_jval source, jd_str url) {
    jd_context *c = jd_xcalloc(1, sizeof *c);
    atomic_init(&c->refs, 1);
    c->symbols = symbols;
    c->core = core ? jd_ctx_ref(core) : c;
    c->arena = *arena;
    jd_arena_init(arena);
    jd_arena_init(&c->memo_arena);
    pthread_mutex_init(&c->memo_mutex, NULL);
    c->source = source;
    c->url = url;
    c->own = terms;
    c->own_n = n;
    c->vocab_memo = core ? core->vocab_memo : jd_xcalloc(CTX_VOCAB_MEMO, sizeof *c->vocab_memo);

    uint32_t core_n = core ? core->own_n : 0;
    table_init(&c->by_name, &c->arena, core_n + n);
    table_init(&c->by_iri, &c->arena, core_n + n);
    uint32_t prefixes = 0;
    for (uint32_t i = 0; i < core_n; i++) prefixes += core->own[i].prefix;
    for (uint32_t i = 0; i < n; i++) prefixes += terms[i].prefix;
    c->prefixes = JD_NEWN(&c->arena, ctx_prefix, prefixes + 1);
    for (uint32_t i = 0; i < core_n; i++)
        if (adopt(c, &core->own[i])) c->prefixes[c->prefixes_n++].t = &core->own[i];
    for (uint32_t i = 0; i < n; i++) {
        terms[i].hash = hash_of(terms[i].name);
        terms[i].core = !core;
        if (adopt(c, &terms[i])) c->prefixes[c->prefixes_n++].t = &terms[i];
    }
    link_prefixes(c);
    return c;
}

jd_context *jd_ctx_ref(jd_context *c) {
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void jd_ctx_unref(jd_context *c) {
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1) return;
    ctx_memo_dir *dir = atomic_load_explicit(&c->memo, memory_order_relaxed);
    for (uint32_t i = 0; dir && i < dir->n; i++) free(atomic_load_explicit(&dir->block[i], memory_order_relaxed));
    for (ctx_memo_dir *older; dir; dir = older) {
        older = dir->older;
        free(dir);
    }
    if (c->core == c)
        free(c->vocab_memo);
    else
        jd_ctx_unref(c->core);
    pthread_mutex_destroy(&c->memo_mutex);
    jd_arena_fini(&c->memo_arena);
    jd_arena_fini(&c->arena);
    free(c);
}

const jd_jval *jd_ctx_source(const jd_context *c) {
    return &c->source;
}
jd_str jd_ctx_url(const jd_context *c) {
    return c->url;
}
size_t ctx__bytes(const jd_context *c) {
    return sizeof *c + c->arena.total + atomic_load_explicit(&c->memo_bytes, memory_order_relaxed);
}

/* ---- expanding ---- */
/* The IRI as two pieces, so that nothing need be allocated to compare it. head.p == NULL: null. */
typedef struct pieces {
    jd_str head, tail;
} pieces;

static const jd_str NONE = {NULL, 0}, EMPTY = {"", 0};

static pieces expand_no_term(const jd_context *c, jd_str name) {
    if (name.n && name.p[0] == '@' && ctx__keyword_like(name)) return (pieces){ctx__keyword(name) ? name : NONE, EMPTY};
    const char *colon = name.n > 1 ? memchr(name.p + 1, ':', name.n - 1) : NULL;
    if (colon) {
        jd_str prefix = {name.p, (size_t)(colon - name.p)}, suffix = {colon + 1, name.n - prefix.n - 1};
        if (ctx__absolute(prefix, suffix)) return (pieces){name, EMPTY};
        const ctx_term *t = ctx__find(&c->by_name, prefix, hash_of(prefix));
        if (t && t->prefix) return (pieces){t->iri, suffix};
        if (ctx__scheme(prefix)) return (pieces){name, EMPTY};
    }
    return (pieces){VOCAB, name};
}

static int expands_to(const jd_context *c, jd_str name, jd_str iri) {
    const ctx_term *t = ctx__find(&c->by_name, name, hash_of(name));
    pieces p = t ? (pieces){t->iri, EMPTY} : expand_no_term(c, name);
    return p.head.p && p.head.n + p.tail.n == iri.n && jd_str_starts(iri, p.head) &&
           jd_str_eq((jd_str){iri.p + p.head.n, p.tail.n}, p.tail);
}

jd_str jd_ctx_expand(const jd_context *c, jd_arena *a, jd_str name) {
    uint32_t h = hash_of(name);
    const ctx_term *t = ctx__find(&c->by_name, name, h);
    if (t) return t->iri;
    _Atomic uint32_t *memo = &c->vocab_memo[h & (CTX_VOCAB_MEMO - 1)];
    jd_sym s = atomic_load_explicit(memo, memory_order_acquire);
    if (s) { /* only symbols of the vocabulary are kept there */
        jd_str iri = jd_sym_name(c->symbols, s);
        if (jd_str_eq((jd_str){iri.p + VOCAB.n, iri.n - VOCAB.n}, name)) return iri;
    }
    pieces p = expand_no_term(c, name);
    if (!p.tail.n) return p.head;
    size_t n = p.head.n + p.tail.n;
    char *to = jd_arena_alloc(a, n + 1);
    memcpy(to, p.head.p, p.head.n);
    memcpy(to + p.head.n, p.tail.p, p.tail.n);
    to[n] = 0;
    jd_str iri = {to, n};
    /* Names with a colon may be compact IRIs in another context. */
    if (p.tail.n == name.n && !memchr(name.p, ':', name.n) && (s = jd_sym_find(c->symbols, iri)) != 0)
        atomic_store_explicit(memo, s, memory_order_release);
    return iri;
}

/* ---- compacting ---- */
/* The longest prefix IRI that iri goes beyond, as 1 + index, or 0. */
static uint32_t prefix_before(const jd_context *c, jd_str iri) {
    uint32_t lo = 0, hi = c->prefixes_n;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (jd_str_cmp(c->prefixes[mid].t->iri, iri) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    while (lo && !jd_str_starts(iri, c->prefixes[lo - 1].t->iri)) lo = c->prefixes[lo - 1].shorter;
    return lo;
}

static jd_str join(jd_arena *a, jd_str prefix, jd_str suffix) {
    char *p = jd_arena_alloc(a, prefix.n + 1 + suffix.n);
    memcpy(p, prefix.p, prefix.n);
    p[prefix.n] = ':';
    memcpy(p + prefix.n + 1, suffix.p, suffix.n);
    return (jd_str){p, prefix.n + 1 + suffix.n};
}

/* Shortest, then alphabetically least, of the compact IRIs that say iri; p == NULL when there is none. */
static jd_str compact_with_prefix(const jd_context *c, jd_arena *a, jd_str iri) {
    jd_str best = NONE;
    for (uint32_t i = prefix_before(c, iri); i; i = c->prefixes[i - 1].shorter) {
        const ctx_term *t = c->prefixes[i - 1].t;
        jd_str suffix = {iri.p + t->iri.n, iri.n - t->iri.n};
        if (!suffix.n || (best.p && t->name.n + 1 + suffix.n > best.n)) continue;
        jd_arena_mark m = jd_arena_tell(a);
        jd_str name = join(a, t->name, suffix);
        if (expands_to(c, name, iri) && (!best.p || name.n < best.n || jd_str_cmp(name, best) < 0))
            best = name;
        else
            jd_arena_rewind(a, m);
    }
    return best;
}

/* The name is a term's, a part of iri, or in a. */
static jd_str compact(const jd_context *c, jd_arena *a, jd_str iri) {
    const ctx_term *t = find_iri(c, iri, hash_of(iri));
    if (t) return t->name;
    if (iri.n > VOCAB.n && jd_str_starts(iri, VOCAB)) {
        jd_str suffix = {iri.p + VOCAB.n, iri.n - VOCAB.n};
        if (expands_to(c, suffix, iri)) return suffix;
    }
    jd_str name = compact_with_prefix(c, a, iri);
    return name.p ? name : iri;
}

jd_str jd_ctx_compact_iri(jd_context *c, jd_arena *a, jd_str iri) {
    return compact(c, a, iri);
}

static ctx_memo_dir *memo_grow(jd_context *c, ctx_memo_dir *old, uint32_t block) {
    uint32_t n = old ? old->n : 8;
    while (n <= block) n *= 2;
    size_t size = sizeof *old + sizeof(old->block[0]) * n;
    ctx_memo_dir *dir = jd_xcalloc(1, size);
    dir->older = old;
    dir->n = n;
    for (uint32_t i = 0; old && i < old->n; i++)
        atomic_init(&dir->block[i], atomic_load_explicit(&old->block[i], memory_order_relaxed));
    atomic_store_explicit(&c->memo, dir, memory_order_release);
    atomic_fetch_add_explicit(&c->memo_bytes, size, memory_order_relaxed);
    return dir;
}

static jd_str memo_fill(jd_context *c, jd_sym s) {
    uint32_t block = s / CTX_MEMO_BLOCK;
    pthread_mutex_lock(&c->memo_mutex);
    ctx_memo_dir *dir = atomic_load_explicit(&c->memo, memory_order_relaxed);
    if (!dir || block >= dir->n) dir = memo_grow(c, dir, block);
    ctx_memo *slots = atomic_load_explicit(&dir->block[block], memory_order_relaxed);
    if (!slots) {
        slots = jd_xcalloc(CTX_MEMO_BLOCK, sizeof *slots);
        atomic_fetch_add_explicit(&c->memo_bytes, CTX_MEMO_BLOCK * sizeof *slots, memory_order_relaxed);
        atomic_store_explicit(&dir->block[block], slots, memory_order_release);
    }
    ctx_memo *slot = &slots[s % CTX_MEMO_BLOCK];
    const char *p = atomic_load_explicit(&slot->p, memory_order_relaxed);
    if (!p) {
        size_t before = c->memo_arena.total;
        jd_str name = compact(c, &c->memo_arena, jd_sym_name(c->symbols, s));
        atomic_fetch_add_explicit(&c->memo_bytes, c->memo_arena.total - before, memory_order_relaxed);
        p = name.p;
        slot->n = (uint32_t)name.n;
        atomic_store_explicit(&slot->p, p, memory_order_release);
    }
    jd_str name = {p, slot->n};
    pthread_mutex_unlock(&c->memo_mutex);
    return name;
}

jd_str jd_ctx_compact(jd_context *c, jd_sym s) {
    uint32_t block = s / CTX_MEMO_BLOCK;
    ctx_memo_dir *dir = atomic_load_explicit(&c->memo, memory_order_acquire);
    if (dir && block < dir->n) {
        ctx_memo *slots = atomic_load_explicit(&dir->block[block], memory_order_acquire);
        if (slots) {
            const char *p = atomic_load_explicit(&slots[s % CTX_MEMO_BLOCK].p, memory_order_acquire);
            if (p) return (jd_str){p, slots[s % CTX_MEMO_BLOCK].n};
        }
    }
    return memo_fill(c, s);
}

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static uint64_t read64(const unsigned char *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static uint64_t mix(uint64_t a, uint64_t b) {
    __extension__ typedef unsigned __int128 u128;
    u128 m = (u128)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Multiply-fold over 16-byte steps; the length is folded in last, so a zero tail differs from no tail. */
static uint64_t fold(const void *data, size_t n, uint64_t seed) {
    const uint64_t k0 = 0x9e3779b97f4a7c15u, k1 = 0xd6e8feb86659fd93u;
    const unsigned char *p = data;
    uint64_t h = seed ^ k0;
    size_t left = n;
    while (left >= 16) {
        h = mix(read64(p) ^ k1, read64(p + 8) ^ h);
        p += 16;
        left -= 16;
    }
    unsigned char tail[16] = {0};
    if (left) memcpy(tail, p, left);
    h = mix(read64(tail) ^ k1, read64(tail + 8) ^ h);
    return mix(h ^ k0, (uint64_t)n ^ k1);
}

static uint64_t seed;

__attribute__((constructor)) static void draw_seed(void) {
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
        seed = (uint64_t)time(NULL) * 0x2545F4914F6CDD1Du;
}

uint64_t jd_hash(const void *p, size_t n) {
    return fold(p, n, seed);
}
uint64_t jd_hash_fixed(const void *p, size_t n) {
    return fold(p, n, 0);
}

static uint32_t crc_table[256];
__attribute__((constructor)) static void make_crc_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? (c >> 1) ^ 0x82F63B78u : c >> 1;
        crc_table[i] = c;
    }
}

static uint32_t crc_soft(uint32_t c, const unsigned char *p, size_t n) {
    while (n--) c = (c >> 8) ^ crc_table[(c ^ *p++) & 0xff];
    return c;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_hard(uint32_t c, const unsigned char *p, size_t n) {
    uint64_t c64 = c;
    for (; n >= 8; n -= 8, p += 8) c64 = __builtin_ia32_crc32di(c64, read64(p));
    c = (uint32_t)c64;
    while (n--) c = __builtin_ia32_crc32qi(c, *p++);
    return c;
}
#endif

uint32_t jd_crc32c(uint32_t crc, const void *p, size_t n) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return ~crc_hard(~crc, p, n);
#endif
    return ~crc_soft(~crc, p, n);
}

struct jd_strmap_slot {
    uint32_t hash, value;
    jd_str key; /* p == NULL: never used; n == SIZE_MAX: deleted */
};

#define GONE SIZE_MAX

void jd_strmap_init(jd_strmap *m) {
    *m = (jd_strmap){0};
    jd_arena_init(&m->keys);
}

void jd_strmap_fini(jd_strmap *m) {
    free(m->slots);
    jd_arena_fini(&m->keys);
    *m = (jd_strmap){0};
}

static struct jd_strmap_slot *find(const jd_strmap *m, jd_str key, uint32_t h) {
    if (!m->cap) return NULL;
    for (uint32_t i = h & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct jd_strmap_slot *s = &m->slots[i];
        if (!s->key.p) return NULL;
        if (s->hash == h && s->key.n != GONE && jd_str_eq(s->key, key)) return s;
    }
}

uint32_t jd_strmap_get(const jd_strmap *m, jd_str key) {
    struct jd_strmap_slot *s = find(m, key, (uint32_t)jd_hash(key.p, key.n));
    return s ? s->value : JD_STRMAP_NONE;
}

static void rehash(jd_strmap *m) {
    uint32_t live = 0, old = m->cap;
    for (uint32_t i = 0; i < old; i++) live += m->slots[i].key.p && m->slots[i].key.n != GONE;
    uint32_t cap = 16;
    while (cap < live * 2 + 2) cap *= 2;
    struct jd_strmap_slot *was = m->slots;
    m->slots = jd_xcalloc(cap, sizeof *m->slots);
    m->cap = cap;
    m->n = live;
    for (uint32_t i = 0; i < old; i++) {
        if (!was[i].key.p || was[i].key.n == GONE) continue;
        uint32_t j = was[i].hash & (cap - 1);
        while (m->slots[j].key.p) j = (j + 1) & (cap - 1);
        m->slots[j] = was[i];
    }
    free(was);
}

static struct jd_strmap_slot *insert(jd_strmap *m, jd_str key, uint32_t h, uint32_t v) {
    if ((uint64_t)(m->n + 1) * 4 >= (uint64_t)m->cap * 3) rehash(m);
    uint32_t i = h & (m->cap - 1);
    while (m->slots[i].key.p) i = (i + 1) & (m->cap - 1);
    m->n++;
    m->slots[i] = (struct jd_strmap_slot){h, v, jd_arena_dup(&m->keys, key)};
    return &m->slots[i];
}

uint32_t jd_strmap_add(jd_strmap *m, jd_str key, uint32_t v) {
    uint32_t h = (uint32_t)jd_hash(key.p, key.n);
    struct jd_strmap_slot *s = find(m, key, h);
    return s ? s->value : insert(m, key, h, v)->value;
}

jd_str jd_strmap_put(jd_strmap *m, jd_str key, uint32_t v) {
    uint32_t h = (uint32_t)jd_hash(key.p, key.n);
    struct jd_strmap_slot *s = find(m, key, h);
    if (s)
        s->value = v;
    else
        s = insert(m, key, h, v);
    return s->key;
}

void jd_strmap_del(jd_strmap *m, jd_str key) {
    struct jd_strmap_slot *s = find(m, key, (uint32_t)jd_hash(key.p, key.n));
    if (s) s->key.n = GONE;
}

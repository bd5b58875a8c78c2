/* base/hash.h - a keyed string hash and the string table built on it.
 * The seed is drawn once per process, so that a stranger cannot choose colliding names. */
#ifndef JD_BASE_HASH_H
#define JD_BASE_HASH_H
#include "base/arena.h"

uint64_t jd_hash(const void *p, size_t n);                 /* keyed by the process's seed: memory only */
uint64_t jd_hash_fixed(const void *p, size_t n);           /* unkeyed, stable for ever: ETags, stored sums */
uint32_t jd_crc32c(uint32_t crc, const void *p, size_t n); /* start with 0; hardware where there is some */

/* string -> uint32_t. Keys are copied into the table's own arena. Not thread-safe. */
typedef struct jd_strmap {
    struct jd_strmap_slot *slots;
    uint32_t cap, n; /* cap is a power of two or 0 */
    jd_arena keys;
} jd_strmap;

#define JD_STRMAP_NONE UINT32_MAX
void jd_strmap_init(jd_strmap *m);
void jd_strmap_fini(jd_strmap *m);
uint32_t jd_strmap_get(const jd_strmap *m, jd_str key); /* JD_STRMAP_NONE when absent */
/* Sets key to v unless the key is there; returns the value that the key then has. */
uint32_t jd_strmap_add(jd_strmap *m, jd_str key, uint32_t v);
/* Sets or replaces. The copied key is returned. */
jd_str jd_strmap_put(jd_strmap *m, jd_str key, uint32_t v);
void jd_strmap_del(jd_strmap *m, jd_str key); /* the key's bytes stay until fini */
#endif

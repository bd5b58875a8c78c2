/* Member names of one object: a small hash index, and the search for repeated names. */
#include "base/hash.h"
#include "json/json_int.h"

#include <stdlib.h>

void json__index_init(json__index *x, const jd_jmember *members, uint32_t n) {
    size_t cap = 32;
    while (cap < (size_t)n * 2) cap *= 2;
    x->members = members;
    x->slots = jd_xcalloc(cap, sizeof *x->slots);
    x->mask = (uint32_t)(cap - 1);
}

void json__index_fini(json__index *x) {
    free(x->slots);
    *x = (json__index){0};
}

/* The slot that holds the name, or the empty one where it belongs. The hash is keyed, so that names cannot be chosen
 * to collide. */
static uint32_t *slot_of(const json__index *x, jd_str name) {
    for (uint32_t i = (uint32_t)jd_hash(name.p, name.n) & x->mask;; i = (i + 1) & x->mask) {
        uint32_t *s = &x->slots[i];
        if (!*s || jd_str_eq(x->members[*s - 1].name, name)) return s;
    }
}

uint32_t json__index_find(const json__index *x, jd_str name) {
    uint32_t held = *slot_of(x, name);
    return held ? held - 1 : JSON__NONE;
}

uint32_t json__index_add(json__index *x, uint32_t i) {
    uint32_t *s = slot_of(x, x->members[i].name);
    if (!*s) *s = i + 1;
    return *s - 1;
}

/* A cheap mark of a name: names with different marks differ. */
static uint64_t mark_of(jd_str name) {
    if (!name.n) return 1;
    unsigned k = (unsigned)name.n + 7u * (unsigned char)name.p[0] + 3u * (unsigned char)name.p[name.n - 1];
    return (uint64_t)1 << (k & 63);
}

uint32_t json__repeat(const jd_jmember *members, uint32_t n) {
    if (n <= JSON__FEW) {
        uint64_t seen = 0;
        for (uint32_t i = 0; i < n; i++) {
            uint64_t mark = mark_of(members[i].name);
            if (seen & mark)
                for (uint32_t j = 0; j < i; j++)
                    if (jd_str_eq(members[i].name, members[j].name)) return i;
            seen |= mark;
        }
        return JSON__NONE;
    }
    json__index x;
    uint32_t found = JSON__NONE;
    json__index_init(&x, members, n);
    for (uint32_t i = 0; i < n && found == JSON__NONE; i++)
        if (json__index_add(&x, i) != i) found = i;
    json__index_fini(&x);
    return found;
}

#include "model/symbol.h"

#include "base/hash.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { BLOCK = 1024, BLOCKS_MAX = 65536, NAME_MAX_BYTES = 2000 };

/* Open addressing; slots hold symbol numbers. Replaced whole on growth; old ones are kept until the end, because a
 * reader without a lock may still walk one (they double, so all of them together are no larger than the last). */
typedef struct table {
    struct table *older;
    uint32_t mask;
    _Atomic uint32_t slot[];
} table;

typedef struct entry {
    jd_str name;
    uint32_t hash;
} entry;

struct jd_symtab {
    _Atomic(table *) table;
    _Atomic(entry *) blocks[BLOCKS_MAX];
    _Atomic uint32_t count;
    uint32_t names_max;
    pthread_mutex_t mutex; /* writers only */
    jd_arena names;
};

static table *table_make(uint32_t size, table *older) {
    table *t = jd_xcalloc(1, sizeof *t + sizeof(t->slot[0]) * size);
    t->mask = size - 1;
    t->older = older;
    return t;
}

static entry *entry_of(const jd_symtab *t, jd_sym s) {
    entry *block = atomic_load_explicit(&((jd_symtab *)(uintptr_t)t)->blocks[s / BLOCK], memory_order_acquire);
    return &block[s % BLOCK];
}

static jd_sym lookup(const jd_symtab *t, jd_str name, uint32_t h) {
    table *tab = atomic_load_explicit(&((jd_symtab *)(uintptr_t)t)->table, memory_order_acquire);
    for (uint32_t i = h & tab->mask;; i = (i + 1) & tab->mask) {
        uint32_t s = atomic_load_explicit(&tab->slot[i], memory_order_acquire);
        if (!s) return 0;
        const entry *e = entry_of(t, s);
        if (e->hash == h && jd_str_eq(e->name, name)) return s;
    }
}

static void place(table *tab, jd_sym s, uint32_t h) {
    uint32_t i = h & tab->mask;
    while (atomic_load_explicit(&tab->slot[i], memory_order_relaxed)) i = (i + 1) & tab->mask;
    atomic_store_explicit(&tab->slot[i], s, memory_order_release);
}

static jd_sym add(jd_symtab *t, jd_str name, uint32_t h) {
    uint32_t n = atomic_load_explicit(&t->count, memory_order_relaxed) + 1;
    if (!atomic_load_explicit(&t->blocks[n / BLOCK], memory_order_relaxed))
        atomic_store_explicit(&t->blocks[n / BLOCK], (entry *)jd_xcalloc(BLOCK, sizeof(entry)), memory_order_release);
    *entry_of(t, n) = (entry){jd_arena_dup(&t->names, name), h};
    table *tab = atomic_load_explicit(&t->table, memory_order_relaxed);
    if ((uint64_t)n * 2 > tab->mask) {
        table *big = table_make((tab->mask + 1) * 2, tab);
        for (uint32_t s = 1; s < n; s++) place(big, s, entry_of(t, s)->hash);
        atomic_store_explicit(&t->table, big, memory_order_release);
        tab = big;
    }
    place(tab, n, h);
    atomic_store_explicit(&t->count, n, memory_order_release);
    return n;
}

jd_symtab *jd_symtab_create(uint32_t names_max) {
    jd_symtab *t = jd_xcalloc(1, sizeof *t);
    uint32_t most = (uint32_t)BLOCK * BLOCKS_MAX - 1;
    t->names_max = names_max == 0 ? 1000000 : names_max > most ? most : names_max;
    pthread_mutex_init(&t->mutex, NULL);
    jd_arena_init(&t->names);
    atomic_store(&t->table, table_make(1024, NULL));
#define X(id, iri) add(t, JD_STR(iri), (uint32_t)jd_hash(iri, sizeof(iri) - 1));
    JD_SYM_MAP(X)
#undef X
    return t;
}

void jd_symtab_destroy(jd_symtab *t) {
    if (!t) return;
    for (table *tab = atomic_load(&t->table), *older; tab; tab = older) {
        older = tab->older;
        free(tab);
    }
    for (uint32_t i = 0; i < BLOCKS_MAX; i++) free(atomic_load(&t->blocks[i]));
    jd_arena_fini(&t->names);
    pthread_mutex_destroy(&t->mutex);
    free(t);
}

jd_sym jd_sym_find(const jd_symtab *t, jd_str name) {
    return lookup(t, name, (uint32_t)jd_hash(name.p, name.n));
}

jd_sym jd_sym_intern(jd_symtab *t, jd_str name, jd_err *err) {
    uint32_t h = (uint32_t)jd_hash(name.p, name.n);
    jd_sym s = lookup(t, name, h);
    if (s) return s;
    if (name.n > NAME_MAX_BYTES) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "a name of %zu bytes is longer than the limit of %d",
                "名称有 %zu 字节，超过上限 %d", name.n, (int)NAME_MAX_BYTES);
        return 0;
    }
    pthread_mutex_lock(&t->mutex);
    s = lookup(t, name, h);
    if (!s && atomic_load_explicit(&t->count, memory_order_relaxed) < t->names_max) s = add(t, name, h);
    pthread_mutex_unlock(&t->mutex);
    if (!s)
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "no more than %u different names are kept (setting names_max)",
                "不同名称不得超过 %u 个（设置项 names_max）", t->names_max);
    return s;
}

jd_str jd_sym_name(const jd_symtab *t, jd_sym s) {
    return entry_of(t, s)->name;
}

uint32_t jd_symtab_count(const jd_symtab *t) {
    return atomic_load_explicit(&((jd_symtab *)(uintptr_t)t)->count, memory_order_acquire);
}

int jd_symtab_load(jd_symtab *t, uint32_t number, jd_str name, jd_err *err) {
    uint32_t n = jd_symtab_count(t);
    if (number >= 1 && number <= n && jd_str_eq(jd_sym_name(t, number), name)) return 0;
    if (number != n + 1 || jd_sym_find(t, name))
        return jd_fail(err, JD_E_INTERNAL, "symbol %u (%.*s) is out of order in the store",
                       "存储中的符号 %u（%.*s）次序有误", number, JD_STR_ARG(name));
    pthread_mutex_lock(&t->mutex);
    add(t, name, (uint32_t)jd_hash(name.p, name.n));
    pthread_mutex_unlock(&t->mutex);
    return 0;
}

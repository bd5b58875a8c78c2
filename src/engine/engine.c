/* Opening, loading, tenants, figures. */
#include "engine/engine_int.h"
#include "engine/history.h"
#include "engine/history_seal.h"

#include "base/log.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- versions ---- */

version *version_make(jd_engine *e, jd_str bytes, uint64_t group, int gone) {
    version *v = jd_xmalloc(sizeof *v + bytes.n);
    *v = (version){.group = group, .n = (uint32_t)bytes.n, .form = UINT32_MAX, .gone = (unsigned char)gone};
    if (bytes.n) memcpy(v->bytes, bytes.p, bytes.n);
    atomic_fetch_add_explicit(&e->doc_bytes, bytes.n, memory_order_relaxed);
    atomic_fetch_add_explicit(&e->versions, 1, memory_order_relaxed);
    return v;
}

void version_free(jd_engine *e, version *v) {
    atomic_fetch_sub_explicit(&e->doc_bytes, v->n, memory_order_relaxed);
    atomic_fetch_sub_explicit(&e->versions, 1, memory_order_relaxed);
    free(v);
}

/* ---- tenants ---- */

jd_tenant *tenant_make(jd_engine *e, uint32_t number, jd_str name) {
    jd_tenant *t = jd_xcalloc(1, sizeof *t);
    t->e = e;
    t->number = number;
    t->name = (jd_str){jd_xstrdup(name), name.n};
    pthread_rwlockattr_t attr; /* the default lets readers shut the writer out */
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&t->lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    coll_init(&t->entities, t, JD_K_ENTITY);
    for (int k = JD_K_CONTEXT; k < JD_K_COUNT; k++) coll_init(&t->kinds[k], t, (jd_dkind)k);
    indexes_init(&t->ix);
    return t;
}

void tenant_free(jd_tenant *t) {
    coll_fini(&t->entities);
    for (int k = JD_K_CONTEXT; k < JD_K_COUNT; k++) coll_fini(&t->kinds[k]);
    indexes_fini(&t->ix);
    pthread_rwlock_destroy(&t->lock);
    free((char *)(uintptr_t)t->name.p);
    free(t);
}

void tenant_publish(jd_engine *e, jd_tenant *t) {
    pthread_rwlock_wrlock(&e->tenants_lock);
    if (t->number >= e->tenants_cap) {
        uint32_t cap = t->number * 2 + 8;
        e->tenants = jd_xrealloc(e->tenants, cap * sizeof(jd_tenant *));
        memset(e->tenants + e->tenants_cap, 0, (cap - e->tenants_cap) * sizeof(jd_tenant *));
        e->tenants_cap = cap;
    }
    e->tenants[t->number] = t;
    if (t->number >= e->tenants_n) e->tenants_n = t->number + 1;
    jd_strmap_put(&e->tenant_names, t->name, t->number);
    pthread_rwlock_unlock(&e->tenants_lock);
}

jd_tenant *tenant_by_name(jd_engine *e, jd_str name) {
    pthread_rwlock_rdlock(&e->tenants_lock);
    uint32_t n = name.n ? jd_strmap_get(&e->tenant_names, name) : 0;
    jd_tenant *t = n == JD_STRMAP_NONE ? NULL : e->tenants[n];
    pthread_rwlock_unlock(&e->tenants_lock);
    return t;
}

coll *tenant_coll(jd_tenant *t, jd_dkind kind) {
    if (kind == JD_K_ENTITY) return &t->entities;
    if (kind == JD_K_TENANT) return &t->e->tenant_docs;
    return !kind_has_documents(kind) ? NULL : &t->kinds[kind];
}

int jd_tenant_find(jd_engine *e, jd_str name) {
    jd_tenant *t = tenant_by_name(e, name);
    return t ? (int)t->number : -1;
}

jd_str jd_tenant_name(jd_engine *e, int tenant) {
    pthread_rwlock_rdlock(&e->tenants_lock);
    const jd_tenant *t = tenant >= 0 && (uint32_t)tenant < e->tenants_n ? e->tenants[tenant] : NULL;
    pthread_rwlock_unlock(&e->tenants_lock);
    return t ? t->name : (jd_str){"", 0};
}

int jd_tenant_name_valid(jd_str name) {
    if (!name.n || name.n > 200) return 0;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!(((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9') || strchr("_-.:/", c)) || !c) return 0;
    }
    return 1;
}

size_t jd_tenants_list(jd_engine *e, jd_arena *a, jd_str **out) {
    pthread_rwlock_rdlock(&e->tenants_lock);
    *out = JD_NEWN(a, jd_str, e->tenants_n);
    size_t n = 0;
    for (uint32_t i = 0; i < e->tenants_n; i++)
        if (e->tenants[i]) (*out)[n++] = e->tenants[i]->name;
    pthread_rwlock_unlock(&e->tenants_lock);
    return n;
}

/* ---- opening ---- */

static jd_str current(void *user, jd_key key) {
    jd_engine *e = user;
    uint32_t serial = 0;
    coll *c = coll_of_key(e, key, &serial);
    if (!c || serial >= atomic_load(&c->slots)) return (jd_str){NULL, 0};
    const version *v = newest(c, serial);
    return v && !is_tombstone(v) ? (jd_str){v->bytes, v->n} : (jd_str){NULL, 0};
}

int jd_engine_open(jd_engine **out, const jd_engine_opts *opts, jd_err *err) {
    jd_engine *e = jd_xcalloc(1, sizeof *e);
    e->o = *opts;
    if (!e->o.tenants_max) e->o.tenants_max = 10000;
    if (e->o.tenants_max > 32767) e->o.tenants_max = 32767;
    if (!e->o.group_changes_max) e->o.group_changes_max = 1024;
    if (!e->o.group_bytes_max) e->o.group_bytes_max = 4u << 20;
    if (!e->o.queue_bytes_max) e->o.queue_bytes_max = 256u << 20;
    if (!e->o.slice_changes) e->o.slice_changes = 256;
    if (!e->o.entity_attrs_max) e->o.entity_attrs_max = 10000;
    if (!e->o.entity_bytes_max) e->o.entity_bytes_max = 16u << 20;
    if (!e->o.order_max) e->o.order_max = 1000000;
    if (!e->o.column_worth) e->o.column_worth = 4096;
    if (!e->o.query_scan_max) e->o.query_scan_max = 50000000;
    if (!e->o.history_write_max) e->o.history_write_max = (size_t)64 << 20;
    if (!e->o.history_read_max) e->o.history_read_max = 20000000;
    jd_store_opts so = {.dir = opts->dir,
                        .vfs = opts->vfs,
                        .log_bytes_max = opts->log_bytes_max,
                        .min_free = opts->min_free,
                        .create = 1,
                        .log_only = UINT64_C(1) << JD_K_HISTORY | UINT64_C(1) << JD_K_CHANGED,
                        .passing = UINT64_C(1) << JD_K_CHANGED};
    if (jd_store_open(&e->store, &so, err)) {
        free(e);
        return -1;
    }
    /* freed versions of many sizes come and go: few arenas keep the heap near what is in use */
    mallopt(M_ARENA_MAX, 4);
    /* and what a question or a batch took is not given back at once, only to be asked for again by the next: that was a
     * third of the time of long ones. The writer trims when it has nothing to do. */
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 128 << 20);
    mallopt(M_TOP_PAD, 1 << 20);
    e->symbols = jd_symtab_create(e->o.names_max);
    pthread_rwlock_init(&e->tenants_lock, NULL);
    jd_strmap_init(&e->tenant_names);
    pthread_mutex_init(&e->mutex, NULL);
    pthread_cond_init(&e->wake, NULL);
    jd_arena_init(&e->scratch);
    e->last = &e->first;
    jd_tenant *zero = tenant_make(e, 0, JD_STR(""));
    tenant_publish(e, zero);
    coll_init(&e->tenant_docs, zero, JD_K_TENANT);
    hist_opts ho = {.heads_bytes = opts->history_heads_bytes,
                    .heads_age_ms = opts->history_heads_age_ms,
                    .cache_bytes = opts->history_cache_bytes,
                    .recent_bytes = opts->history_recent_bytes,
                    .fan = opts->history_fan,
                    .manual = opts->manual};
    if (history_open(&e->history, e, e->store, &ho, err) || engine_load(e, err)) {
        e->o.manual = 1;
        jd_engine_close(e);
        return -1;
    }
    jd_store_set_current(e->store, current, e);
    history_start(&e->history);
    writer_start(e);
    *out = e;
    return 0;
}

void jd_engine_close(jd_engine *e) {
    if (!e) return;
    jd_engine_drain(e);
    history_close(&e->history);
    writer_free(e);
    for (uint32_t i = 0; i < e->tenants_n; i++)
        if (e->tenants[i]) tenant_free(e->tenants[i]);
    free(e->tenants);
    coll_fini(&e->tenant_docs);
    jd_store_close(e->store);
    jd_symtab_destroy(e->symbols);
    jd_strmap_fini(&e->tenant_names);
    pthread_rwlock_destroy(&e->tenants_lock);
    pthread_mutex_destroy(&e->mutex);
    pthread_cond_destroy(&e->wake);
    jd_arena_fini(&e->scratch);
    jd_buf_fini(&e->document);
    jd_buf_fini(&e->spare_skeleton);
    jd_buf_fini(&e->spare_nums);
    jd_buf_fini(&e->spare_times);
    free(e);
}

int jd_engine_backup(jd_engine *e, const char *path, jd_engine_progress progress, void *user, jd_err *err) {
    return jd_store_backup(e->store, path, progress, user, err);
}

int jd_engine_settle(jd_engine *e, jd_err *err) {
    if (history_settle(&e->history) == 0) {
        /* the log goes too, as far as nobody writes meanwhile */
        jd_store_stats s;
        struct timespec pause = {0, 2000000};
        for (int i = 0; i < 2500 && !e->o.manual; i++) {
            jd_store_get_stats(e->store, &s);
            if (!s.log_rows || s.dead) break;
            nanosleep(&pause, NULL);
        }
        return 0;
    }
    return jd_fail(err, JD_E_BUSY, "the program is stopping", "程序正在停止");
}

jd_symtab *jd_engine_symbols(jd_engine *e) {
    return e->symbols;
}

/* ---- figures ---- */

void jd_engine_get_stats(jd_engine *e, jd_engine_stats *out) {
    *out = (jd_engine_stats){0};
    out->groups = atomic_load(&e->groups);
    out->changes = atomic_load(&e->changes);
    out->refused = atomic_load(&e->refused);
    out->doc_bytes = atomic_load(&e->doc_bytes);
    out->versions_kept = atomic_load(&e->versions);
    out->symbols = jd_symtab_count(e->symbols);
    out->dead = atomic_load(&e->dead);
    pthread_rwlock_rdlock(&e->tenants_lock);
    for (uint32_t i = 0; i < e->tenants_n; i++) {
        jd_tenant *t = e->tenants[i];
        if (!t) continue;
        out->tenants++;
        out->entities += atomic_load(&t->entities.live);
    }
    pthread_rwlock_unlock(&e->tenants_lock);
    pthread_mutex_lock(&e->mutex);
    out->queue_bytes = e->queue_bytes;
    pthread_mutex_unlock(&e->mutex);
}

static uint64_t index_bytes(jd_engine *e) {
    uint64_t n = 0;
    pthread_rwlock_rdlock(&e->tenants_lock);
    for (uint32_t i = 0; i < e->tenants_n; i++) {
        jd_tenant *t = e->tenants[i];
        if (!t) continue;
        pthread_rwlock_rdlock(&t->lock);
        for (geo_entry *g = t->ix.geos; g; g = g->next) n += jd_geoindex_bytes(g->index);
        for (column *c = t->ix.columns; c; c = c->next) n += c->cap * sizeof(double);
        for (int k = 0; k < SHARDS; k++) n += t->entities.shards[k].cap * sizeof(*t->entities.shards[k].cell);
        pthread_rwlock_unlock(&t->lock);
    }
    pthread_rwlock_unlock(&e->tenants_lock);
    return n;
}

/* 0: the system does not tell it. */
static uint64_t resident_bytes(void) {
    unsigned long long size, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f) return 0;
    if (fscanf(f, "%llu %llu", &size, &resident) != 2) resident = 0;
    fclose(f);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

void jd_engine_metrics(jd_engine *e, jd_buf *out) {
    jd_engine_stats s;
    jd_store_stats d;
    jd_engine_get_stats(e, &s);
    jd_store_get_stats(e->store, &d);
    uint64_t least, log_most, room = jd_store_room(e->store, &least, &log_most);
    const struct {
        const char *name, *type, *help;
        uint64_t v;
    } rows[] = {
        {"jindu_entities", "gauge", "entities of all tenants", s.entities},
        {"jindu_tenants", "gauge", "tenants, the default one included", s.tenants},
        {"jindu_symbols", "gauge", "names kept", s.symbols},
        {"jindu_versions", "gauge", "document versions in memory", s.versions_kept},
        {"jindu_document_bytes", "gauge", "bytes of documents in memory", s.doc_bytes},
        {"jindu_index_bytes", "gauge", "bytes of indexes in memory", index_bytes(e)},
        {"jindu_queue_bytes", "gauge", "bytes of changes that wait for the writer", s.queue_bytes},
        {"jindu_groups_total", "counter", "commit groups made durable", s.groups},
        {"jindu_changes_total", "counter", "changes made durable", s.changes},
        {"jindu_queue_bytes_max", "gauge", "bytes of changes that may wait; beyond: 503", e->o.queue_bytes_max},
        {"jindu_groups_refused_total", "counter", "commit groups that the store refused", s.refused},
        {"jindu_store_log_bytes", "gauge", "bytes of log not yet trimmed", d.log_bytes},
        {"jindu_store_log_bytes_max", "gauge", "bound of it; at the bound writers wait", log_most},
        {"jindu_store_free_bytes", "gauge", "bytes that are free where the store lies", room},
        {"jindu_store_free_bytes_min", "gauge", "below it nothing is taken", least},
        {"jindu_store_log_rows", "gauge", "groups in the log", d.log_rows},
        {"jindu_store_dirty", "gauge", "documents to be written behind", d.dirty},
        {"jindu_store_wal_bytes", "gauge", "bytes of the write-ahead log", d.wal_bytes},
        {"jindu_store_file_bytes", "gauge", "bytes of the store file", d.file_bytes},
        {"jindu_store_written_behind_total", "counter", "documents written behind", d.written_behind},
        {"jindu_store_checkpoints_total", "counter", "checkpoints finished", d.checkpoints},
        {"jindu_store_dead", "gauge", "1 after a failed sync", (uint64_t)d.dead},
        {"process_resident_memory_bytes", "gauge", "memory of the process", resident_bytes()},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        jd_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", rows[i].name, rows[i].help, rows[i].name,
                      rows[i].type, rows[i].name, (unsigned long long)rows[i].v);
    jd_buf_printf(out,
                  "# HELP jindu_commit_seconds_total time that commits took, syncs included\n"
                  "# TYPE jindu_commit_seconds_total counter\njindu_commit_seconds_total %.6f\n",
                  (double)atomic_load(&e->commit_ns) / 1e9);
    history_metrics(&e->history, out);
}

uint64_t history_log_max(const history *h) {
    return h->e->o.log_bytes_max ? h->e->o.log_bytes_max : (uint64_t)256 << 20;
}

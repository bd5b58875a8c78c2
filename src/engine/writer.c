/* The one writer. It takes jobs in order, applies their changes on an overlay that only it sees, makes the group
 * durable, publishes, answers, in that order. A failed group drops its overlay: there is nothing to undo. */
#include "engine/overlay.h"

#include "base/log.h"

#include <malloc.h>
#include <stdlib.h>

/* ---- due times ---- */

void due_add(jd_engine *e, jd_time t, coll *c, uint32_t serial) {
    due *d = &e->due;
    if (d->n == d->cap) {
        d->cap = d->cap ? d->cap * 2 : 64;
        d->item = jd_xrealloc(d->item, d->cap * sizeof *d->item);
    }
    size_t i = d->n++;
    for (; i > 0 && d->item[(i - 1) / 2].t > t; i = (i - 1) / 2) d->item[i] = d->item[(i - 1) / 2];
    d->item[i] = (struct due_item){t, c, serial};
}

static struct due_item due_pop(due *d) {
    struct due_item top = d->item[0], last = d->item[--d->n];
    size_t i = 0;
    for (size_t k; (k = 2 * i + 1) < d->n; i = k) {
        if (k + 1 < d->n && d->item[k + 1].t < d->item[k].t) k++;
        if (last.t <= d->item[k].t) break;
        d->item[i] = d->item[k];
    }
    if (d->n) d->item[i] = last;
    return top;
}

static jd_time due_of(const version *v) {
    jd_doc d;
    jd_str bytes = {v->bytes, v->n};
    if (!jd_doc_may_expire(bytes)) return JD_TIME_NONE;
    jd_doc_open(&d, bytes);
    if (d.expires == JD_TIME_NONE) return d.attr_expires;
    return d.attr_expires != JD_TIME_NONE && d.attr_expires < d.expires ? d.attr_expires : d.expires;
}

/* One item of the heap stands for a version and those before it: a time that is put off is found out when the item
 * fires, and queued anew then; only an earlier one is queued at once. */
void due_add_doc(jd_engine *e, coll *c, uint32_t serial, const version *v, const version *was) {
    if (c->kind != JD_K_ENTITY || v->gone) return;
    jd_time t = due_of(v), before = was && !was->gone ? due_of(was) : JD_TIME_NONE;
    if (t == JD_TIME_NONE || (before != JD_TIME_NONE && before <= t)) return;
    due_add(e, t, c, serial);
}

/* ---- jobs ---- */

static jd_tenant *tenant_for(jd_engine *e, overlay *o, jd_job *job, jd_err *err) {
    jd_tenant *t = tenant_by_name(e, job->tenant);
    for (uint32_t i = 0; !t && i < o->tenants_n; i++)
        if (jd_str_eq(o->tenants[i]->name, job->tenant)) t = o->tenants[i];
    if (t) return t;
    if (!job->make_tenant) {
        jd_fail(err, JD_E_NO_TENANT, "tenant %.*s does not exist", "租户 %.*s 不存在", JD_STR_ARG(job->tenant));
        return NULL;
    }
    if (e->tenants_n + o->tenants_n >= e->o.tenants_max) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "no more than %u tenants (setting tenants_max)",
                "租户不得超过 %u 个（设置项 tenants_max）", e->o.tenants_max);
        return NULL;
    }
    pending *p;
    uint32_t serial;
    state_of(o, &e->tenant_docs, job->tenant, &p, &serial);
    jd_buf b = {0};
    kind_body(&b, job->tenant, JD_STR(""));
    state_set(e, o, &e->tenant_docs, job->tenant, p, serial, jd_buf_view(&b), 0);
    jd_buf_fini(&b);
    p = overlay_find(o, &e->tenant_docs, job->tenant);
    t = tenant_make(e, p->serial + 1, job->tenant);
    PUSH(o, tenants, t);
    return t;
}

/* Takes back what a job did to the overlay since its marks. */
static void forget(jd_engine *e, overlay *o, uint32_t undo_to, uint32_t writes, uint32_t tenants, uint32_t hists) {
    overlay_rewind(e, o, undo_to);
    if (o->hists_n > hists) o->hist.n = o->hists[hists].at;
    o->hists_n = hists;
    o->writes_n = writes;
    while (o->tenants_n > tenants) {
        jd_tenant *t = o->tenants[--o->tenants_n];
        while (o->n && o->p[o->n - 1].c->t == t) overlay_pop(o);
        tenant_free(t);
    }
}

enum { WRITES_AHEAD = 8 };

/* Applies a slice of a job. Returns 1 when the job is through. */
static int work_on(jd_engine *e, overlay *o, jd_job *job, jd_time now) {
    jd_err err = {0};
    uint32_t mark = o->undo_n, kept = o->writes_n, made = o->tenants_n, told = o->hists_n;
    jd_tenant *t = tenant_for(e, o, job, &err);
    if (!t) {
        for (size_t i = 0; i < job->n; i++) job->writes[i].err = err;
        job->failed = 1;
        job->at = job->n;
        return 1;
    }
    job->tenant_number = (int)t->number;
    size_t until = job->atomic ? job->n : job->at + (job->slice ? job->slice : e->o.slice_changes);
    if (until > job->n) until = job->n;
    size_t near = job->n > 1 ? job->at : until; /* up to here what writes ask for was brought near */
    size_t nearer = near;                       /* and up to here what they hold: another core has just written it */
    for (; job->at < until; job->at++) {
        jd_write *w = &job->writes[job->at];
        if (job->at >= near) {
            near = job->at + (until - job->at < COLL_AHEAD ? until - job->at : COLL_AHEAD);
            states_ahead(t, w, near - job->at);
        }
        while (nearer < near && nearer < job->at + WRITES_AHEAD) write_ahead(&job->writes[nearer++]);
        size_t done = change_apply_run(e, o, t, w, until - job->at, job->arena, now);
        if (!done) done = change_apply(e, o, t, w, job->arena, now) == 0;
        job->failed |= !done;
        for (size_t i = 0; i < done; i++) {
            struct outcome oc = {&w[i]};
            PUSH(o, writes, oc);
        }
        if (done) {
            job->at += done - 1;
        } else if (job->atomic) {
            forget(e, o, mark, kept, made, told);
            for (size_t i = 0; i < job->n; i++)
                if (i != job->at)
                    jd_fail(&job->writes[i].err, JD_E_CONFLICT, "not done, because change %zu of the set failed: %s",
                            "未执行：变更集中第 %zu 项失败：%s", job->at + 1, w->err.en);
            job->at = job->n;
            return 1;
        }
        if (!job->atomic && (o->n >= e->o.group_changes_max || o->bytes >= e->o.group_bytes_max)) {
            job->at++;
            break;
        }
    }
    if (o->tenants_n > made && o->writes_n == kept)
        forget(e, o, mark, kept, made, told); /* nothing landed in the new tenant */
    return job->at >= job->n;
}

/* ---- commit, publish, answer ---- */

enum { RECLAIM_SLICE = 256 };

static void reclaim(jd_engine *e) {
    uint64_t oldest = UINT64_MAX;
    atomic_thread_fence(memory_order_seq_cst);
    for (int i = 0; i < READERS; i++) {
        uint64_t g = atomic_load(&e->readers[i].group);
        if (g && g - 1 < oldest) oldest = g - 1;
    }
    limbo *l = &e->limbo;
    jd_tenant *locked = NULL;
    uint32_t done = 0;
    while (l->n && l->item[l->head].until <= oldest) {
        struct limbo_item *it = &l->item[l->head];
        jd_tenant *t = it->c->t;
        if (locked != t) {
            if (locked) pthread_rwlock_unlock(&locked->lock);
            pthread_rwlock_wrlock(&t->lock);
            locked = t;
        }
        version *top = newest(it->c, it->serial);
        if (it->v == top) { /* a tombstone that is still the newest: the serial is free again */
            coll_remove(it->c, version_id(it->c, top), it->serial);
            atomic_store(slot_of(it->c, it->serial), (version *)NULL);
            coll_give_serial(it->c, it->serial);
        } else {
            if (it->v->hidden && !top->hidden) bitset_del(&t->ix.hidden, it->serial);
            if (it->c->kind == JD_K_ENTITY) indexes_reclaim(t, it->serial, it->v, &it->left);
            it->v->newer->older = it->v->older;
            if (it->v->older) it->v->older->newer = it->v->newer;
        }
        version_free(e, it->v);
        l->head = (l->head + 1) % l->cap;
        l->n--;
        if (++done % RECLAIM_SLICE == 0) { /* readers get a turn */
            pthread_rwlock_unlock(&locked->lock);
            locked = NULL;
        }
    }
    if (locked) pthread_rwlock_unlock(&locked->lock);
}

static void limbo_add(limbo *l, struct limbo_item item) {
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 256;
        struct limbo_item *big = jd_xmalloc(cap * sizeof *big);
        for (size_t i = 0; i < l->n; i++) big[i] = l->item[(l->head + i) % l->cap];
        free(l->item);
        *l = (limbo){.item = big, .n = l->n, .cap = cap};
    }
    l->item[(l->head + l->n++) % l->cap] = item;
}

static void publish_one(jd_engine *e, pending *p, uint64_t group) {
    coll *c = p->c;
    version *was = newest(c, p->serial);
    p->v->group = group;
    p->v->older = was;
    if (was) was->newer = p->v;
    if (!was) coll_insert(c, version_id(c, p->v), p->serial);
    int was_there = was && !was->gone;
    if (!p->v->gone && !was_there) atomic_fetch_add(&c->live, 1);
    if (p->v->gone && was_there) atomic_fetch_sub(&c->live, 1);
    if (p->v->hidden) bitset_add(&c->t->ix.hidden, p->serial);
    box_left left = {0};
    if (c->kind == JD_K_ENTITY) indexes_publish(c->t, p->serial, p->v, was, &left);
    atomic_store_explicit(slot_of(c, p->serial), p->v, memory_order_release);
    /* a tombstone that is followed by a new version waits in limbo since its own group */
    if (was && !is_tombstone(was)) limbo_add(&e->limbo, (struct limbo_item){c, was, group, p->serial, left});
    if (is_tombstone(p->v)) limbo_add(&e->limbo, (struct limbo_item){c, p->v, group, p->serial, {0}});
    due_add_doc(e, c, p->serial, p->v, was);
}

static void publish(jd_engine *e, overlay *o, uint64_t group) {
    for (uint32_t i = 0; i < o->tenants_n; i++) tenant_publish(e, o->tenants[i]);
    /* forms are found before the lock is taken: making one takes it */
    for (uint32_t i = 0; i < o->n; i++) {
        pending *p = &o->p[i];
        if (!p->v || p->v->gone || p->c->kind != JD_K_ENTITY) continue;
        const version *was = newest(p->c, p->serial);
        int follows = was && !was->gone;
        p->v->same_places = (unsigned char)(follows && p->like & JD_LIKE_PLACES);
        if (follows && p->like & JD_LIKE_FORM) {
            p->v->form = was->form;
            p->c->t->ix.forms[was->form].refs++;
            continue;
        }
        jd_doc d;
        jd_doc_open(&d, (jd_str){p->v->bytes, p->v->n});
        p->v->form = form_of(p->c->t, &d);
    }
    jd_tenant *locked = NULL;
    for (uint32_t i = 0; i < o->n; i++) {
        pending *p = &o->p[i];
        if (!p->v) {
            if (p->fresh) coll_give_serial(p->c, p->serial);
            continue;
        }
        if (locked != p->c->t) {
            if (locked) pthread_rwlock_unlock(&locked->lock);
            locked = p->c->t;
            pthread_rwlock_wrlock(&locked->lock);
        }
        version *was = newest(p->c, p->serial);
        if (is_tombstone(p->v) && !was) { /* made and removed within the group: never was */
            version_free(e, p->v);
            coll_give_serial(p->c, p->serial);
            continue;
        }
        publish_one(e, p, group);
    }
    if (locked) pthread_rwlock_unlock(&locked->lock);
    /* before the group is: who sees its documents sees their past */
    history_publish(&e->history, o->hists, o->hists_n, o->hist.p, group);
    atomic_store(&e->published, group);
    changed_show(e, o, group); /* before reclaim: what was replaced is still there */
    for (uint32_t i = 0; i < o->n; i++)
        if (o->p[i].c->kind == JD_K_POLICY) history_policies_changed(&e->history);
    reclaim(e);
}

static void drop(jd_engine *e, overlay *o) {
    for (uint32_t i = 0; i < o->undo_n; i++)
        if (o->undo[i].was) version_free(e, o->undo[i].was);
    for (uint32_t i = 0; i < o->n; i++) {
        if (o->p[i].v) version_free(e, o->p[i].v);
        if (o->p[i].fresh) coll_give_serial(o->p[i].c, o->p[i].serial);
    }
    for (uint32_t i = 0; i < o->tenants_n; i++) tenant_free(o->tenants[i]);
}

static void die(jd_engine *e, const jd_err *err) {
    if (atomic_exchange(&e->dead, 1)) return;
    jd_log(JD_LOG_ERROR, "store.dead", "why=\"%s\"", err->en);
    if (e->o.on_dead) e->o.on_dead(e->o.on_dead_user, err->en);
}

/* The checkpoint helper may have met the failed sync: then the store only refuses. */
static int store_dead(jd_engine *e) {
    jd_store_stats s;
    jd_store_get_stats(e->store, &s);
    return s.dead;
}

static void commit(jd_engine *e, overlay *o) {
    jd_store_group g = {.number = atomic_load(&e->published) + 1};
    uint32_t symbols = jd_symtab_count(e->symbols);
    changed_note(e, o);
    uint32_t most = o->n + o->hists_n + o->wases_n;
    if (most > o->changes_cap) {
        o->changes_cap = most * 2;
        o->changes = jd_xrealloc(o->changes, o->changes_cap * sizeof *o->changes);
    }
    size_t n = 0;
    for (uint32_t i = 0; i < o->n; i++) {
        pending *p = &o->p[i];
        const version *was = newest(p->c, p->serial);
        if (!p->v || (is_tombstone(p->v) && !was)) continue;
        jd_store_change *c = &o->changes[n++];
        *c = (jd_store_change){.key = key_of(p->c, p->serial)};
        g.lets_go |= p->c->kind == JD_K_TOLD || p->c->kind == JD_K_RULED;
        if (!is_tombstone(p->v)) c->body = (jd_str){p->v->bytes, p->v->n};
        if (was && !is_tombstone(was)) c->base = (jd_str){was->bytes, was->n};
    }
    for (uint32_t i = 0; i < o->hists_n; i++)
        o->changes[n++] = (jd_store_change){.key = history_key(o->hists[i].entity),
                                            .body = {o->hist.p + o->hists[i].at, o->hists[i].n}};
    for (uint32_t i = 0; i < o->wases_n; i++)
        o->changes[n++] = (jd_store_change){.key = o->wases[i].key, .body = {o->was.p + o->wases[i].at, o->wases[i].n}};
    uint32_t more = symbols - e->symbols_stored;
    if (more > o->symbols_cap) {
        o->symbols_cap = more * 2;
        o->symbols = jd_xrealloc(o->symbols, o->symbols_cap * sizeof *o->symbols);
    }
    for (uint32_t i = 0; i < more; i++) {
        uint32_t s = e->symbols_stored + 1 + i;
        o->symbols[i] = (jd_store_symbol){s, jd_sym_name(e->symbols, s)};
    }
    g.changes = o->changes;
    g.changes_n = n;
    g.symbols = o->symbols;
    g.symbols_n = more;
    jd_err err = {0};
    int rc = JD_STORE_OK;
    if (atomic_load(&e->dead)) {
        rc = JD_STORE_REFUSED;
        jd_fail(&err, JD_E_INTERNAL, "the store stopped after a failed sync; restart the program",
                "存储在同步失败后已停止，请重启程序");
    } else if (n) {
        jd_store_keep(e->store, changed_keep(&e->changed));
        uint64_t began = jd_mono_ns();
        rc = jd_store_commit(e->store, &g, &err);
        atomic_fetch_add(&e->commit_ns, jd_mono_ns() - began);
    }
    if (rc == JD_STORE_OK && n) {
        e->symbols_stored = symbols;
        atomic_fetch_add(&e->groups, 1);
        atomic_fetch_add(&e->changes, n);
        /* the overlay's undo list holds versions that were overwritten within the group */
        for (uint32_t i = 0; i < o->undo_n; i++)
            if (o->undo[i].was) version_free(e, o->undo[i].was);
        publish(e, o, g.number);
    } else if (rc == JD_STORE_OK) {
        drop(e, o); /* nothing that lasts: made and removed within the group */
    } else {
        drop(e, o);
        atomic_fetch_add(&e->refused, 1);
        if (rc == JD_STORE_UNKNOWN) {
            jd_err why = err;
            jd_fail(&err, JD_E_UNKNOWN_OUTCOME,
                    "the disk did not confirm the change; it may or may not be there after a restart (%s)",
                    "磁盘未确认本次变更，重启后可能存在也可能不存在（%s）", why.en);
        }
        for (uint32_t i = 0; i < o->writes_n; i++) {
            o->writes[i].w->err = err;
            o->writes[i].w->applied = (jd_applied){0};
        }
        for (uint32_t i = 0; i < o->finished_n; i++) o->finished[i]->failed = 1;
        for (jd_job *job = o->turn; job; job = job->next) job->failed = 1; /* the part of it that was in the group */
    }
    size_t weight = 0;
    for (uint32_t i = 0; i < o->finished_n; i++) weight += o->finished[i]->bytes;
    pthread_mutex_lock(&e->mutex);
    e->queue_bytes -= weight;
    pthread_mutex_unlock(&e->mutex);
    for (uint32_t i = 0; i < o->finished_n; i++) o->finished[i]->done(o->finished[i]);
    overlay_clear(o);
    if (rc == JD_STORE_UNKNOWN || (rc == JD_STORE_REFUSED && store_dead(e))) die(e, &err);
}

/* ---- the loop ---- */

static int expire_due(jd_engine *e, overlay *o, jd_time now) {
    int n = 0;
    while (e->due.n && e->due.item[0].t <= now && n < 256) {
        struct due_item it = due_pop(&e->due);
        const version *v = it.serial < atomic_load(&it.c->slots) ? newest(it.c, it.serial) : NULL;
        if (!v || v->gone) continue;
        jd_time t = due_of(v);
        if (t == JD_TIME_NONE) continue;
        /* also when it goes now: should the group be refused, a second is waited and it is tried again */
        due_add(e, t > now ? t : now + 1000000, it.c, it.serial);
        if (t > now) continue;
        jd_arena results;
        jd_arena_init(&results);
        jd_str id = jd_arena_dup(&results, version_id(it.c, v));
        jd_write w = {.rq = {.op = JD_OP_EXPIRE, .id = id, .observed = JD_TIME_NONE}};
        change_apply(e, o, it.c->t, &w, &results, now);
        jd_arena_fini(&results);
        n++;
    }
    return n;
}

/* Jobs whose lane is busy leave the list and wait in their lane. */
static jd_job *without_waiting(jd_job *jobs) {
    jd_job *out = NULL, **tail = &out;
    for (jd_job *job = jobs, *next; job; job = next) {
        next = job->next;
        job->next = NULL;
        jd_lane *lane = job->lane;
        if (lane && lane->running) {
            if (!lane->first) lane->last = &lane->first;
            *lane->last = job;
            lane->last = &job->next;
            continue;
        }
        if (lane) lane->running = job;
        *tail = job;
        tail = &job->next;
    }
    return out;
}

/* The job is through: who waited behind it. */
static jd_job *lane_next(jd_job *done) {
    jd_lane *lane = done->lane;
    if (!lane) return NULL;
    jd_job *job = lane->running = lane->first;
    if (job) {
        lane->first = job->next;
        job->next = NULL;
    }
    return job;
}

/* Builds and commits one group from the jobs in work. A job that is not through goes behind the others, so that a
 * large batch does not hold up small ones. */
int writer_step(jd_engine *e, jd_job *jobs) {
    overlay *o = e->overlay;
    jd_job **tail = &o->turn;
    while (*tail) tail = &(*tail)->next;
    *tail = without_waiting(jobs);
    if (!o->turn && !e->due.n) return 0;
    jd_time now = jd_now();
    int worked = atomic_load(&e->changed.waits) ? 0 : expire_due(e, o, now);
    jobs_ahead(e, o->turn);
    jd_job *again = NULL, **again_tail = &again;
    while (o->turn && o->n < e->o.group_changes_max && o->bytes < e->o.group_bytes_max) {
        jd_job *job = o->turn;
        if (job->atomic && o->n && o->n + job->n > e->o.group_changes_max) break;
        o->turn = job->next;
        job->next = NULL;
        worked = 1;
        if (work_on(e, o, job, now)) {
            PUSH(o, finished, job);
            job = lane_next(job);
        }
        if (job) {
            *again_tail = job;
            again_tail = &job->next;
        }
    }
    tail = &o->turn;
    while (*tail) tail = &(*tail)->next;
    *tail = again;
    if (!worked) return 0;
    commit(e, o);
    return 1;
}

static jd_job *take_queue(jd_engine *e) {
    jd_job *jobs = e->first;
    e->first = NULL;
    e->last = &e->first;
    return jobs;
}

/* Between two groups the queue is empty for a moment even under full load: tidying up begins only after so long a
 * silence, because a group that arrives meanwhile waits for it. */
enum { QUIET_US = 4000, TICK_US = 1000000, IDLE_TURNS = 5 };

/* Waits for a job, for the next due time, or for `most` microseconds; the mutex is held. 1: something is there. */
static int wait_for_work(jd_engine *e, jd_time most) {
    jd_time until = jd_now() + most;
    for (;;) {
        jd_time now = jd_now();
        if (e->first || e->overlay->turn || e->stopping || e->woken || (e->due.n && e->due.item[0].t <= now)) return 1;
        if (now >= until || now < until - most) return 0; /* also when the clock was set back */
        jd_time wake = e->due.n && e->due.item[0].t < until ? e->due.item[0].t : until;
        struct timespec ts = {wake / 1000000, wake % 1000000 * 1000};
        pthread_cond_timedwait(&e->wake, &e->mutex, &ts);
    }
}

void writer_wake(jd_engine *e) {
    pthread_mutex_lock(&e->mutex);
    e->woken = 1;
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->mutex);
}

/* Rows of history are stored between groups. 1: something was done. */
static int history_work(jd_engine *e, int quiet, int *tidy_later) {
    jd_err err = {0};
    if (atomic_load(&e->dead)) return 0;
    int rc = history_turn(&e->history, quiet, &err);
    if (rc == JD_STORE_UNKNOWN || (rc < 0 && store_dead(e)))
        die(e, &err);
    else if (rc < 0 && !*tidy_later)
        jd_log(JD_LOG_WARN, "history.store", "why=\"%s\"", err.en);
    if (rc < 0) *tidy_later = 1;
    return rc == 1;
}

static void *writer_main(void *arg) {
    jd_engine *e = arg;
    int clean = 0, tidy_later = 0; /* nothing is left to be written behind; the last try failed */
    int idle = 0;                  /* turns with nothing to do; one takes TICK_US */
    for (;;) {
        pthread_mutex_lock(&e->mutex);
        int work = wait_for_work(e, clean ? TICK_US : QUIET_US);
        jd_job *jobs = take_queue(e);
        int stop = e->stopping && !jobs && !e->overlay->turn;
        e->woken = 0;
        pthread_mutex_unlock(&e->mutex);
        if (stop) break;
        int worked = work && writer_step(e, jobs);
        int sealed = history_work(e, !worked, &tidy_later);
        idle = worked || sealed || !clean ? 0 : idle + 1;
        if (idle == IDLE_TURNS) malloc_trim(0);
        if (worked || sealed) {
            clean = 0;
            continue;
        }
        reclaim(e); /* versions whose last reader has left since */
        jd_err err = {0};
        jd_store_keep(e->store, changed_keep(&e->changed));
        int rc = atomic_load(&e->dead) || (clean && !tidy_later) ? 0 : jd_store_idle(e->store, &err);
        tidy_later = 0;
        clean = rc != 1;
        if (rc == JD_STORE_UNKNOWN)
            die(e, &err);
        else if (rc < 0)
            jd_log(JD_LOG_WARN, "store.write-behind", "why=\"%s\" again_in_ms=%d", err.en, TICK_US / 1000);
        if (rc < 0 && rc != JD_STORE_UNKNOWN) tidy_later = 1;
    }
    return NULL;
}

int jd_engine_step(jd_engine *e) {
    pthread_mutex_lock(&e->mutex);
    jd_job *jobs = take_queue(e);
    pthread_mutex_unlock(&e->mutex);
    int tried = 0;
    if (writer_step(e, jobs)) return 1;
    if (history_work(e, 1, &tried)) return 1;
    reclaim(e);
    jd_err err = {0};
    jd_store_keep(e->store, changed_keep(&e->changed));
    int rc = atomic_load(&e->dead) ? 0 : jd_store_idle(e->store, &err);
    if (rc == JD_STORE_UNKNOWN) die(e, &err);
    return rc == 1;
}

void writer_start(jd_engine *e) {
    e->overlay = jd_xcalloc(1, sizeof *e->overlay);
    if (e->o.manual) return;
    if (pthread_create(&e->writer, NULL, writer_main, e)) abort();
    (void)pthread_setname_np(e->writer, "jd-writer");
}

void jd_engine_drain(jd_engine *e) {
    pthread_mutex_lock(&e->mutex);
    int first = !e->drained;
    e->stopping = e->drained = 1;
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->mutex);
    if (!first || !e->overlay) return;
    if (!e->o.manual) {
        pthread_join(e->writer, NULL);
    } else {
        pthread_mutex_lock(&e->mutex);
        jd_job *jobs = take_queue(e);
        pthread_mutex_unlock(&e->mutex);
        while (writer_step(e, jobs)) jobs = NULL;
    }
}

void writer_free(jd_engine *e) {
    overlay_free(e->overlay);
    changed_free(&e->changed);
    /* versions in limbo hang in their slots' chains and go with them, but for tombstones' predecessors already unlinked
     */
    free(e->limbo.item);
    free(e->due.item);
}

int jd_submit(jd_engine *e, jd_job *job, jd_err *err) {
    job->next = NULL;
    job->at = 0;
    job->failed = 0;
    if (atomic_load(&e->dead))
        return jd_fail(err, JD_E_INTERNAL, "the store stopped after a failed sync; restart the program",
                       "存储在同步失败后已停止，请重启程序");
    if (job->atomic && job->n > e->o.group_changes_max)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA,
                       "a change set may hold at most %u changes (setting group_changes_max)",
                       "一个变更集最多 %u 项变更（设置项 group_changes_max）", e->o.group_changes_max);
    pthread_mutex_lock(&e->mutex);
    int rc = 0;
    if (e->drained)
        rc = jd_fail(err, JD_E_BUSY, "the program is stopping", "程序正在停止");
    else if (e->queue_bytes && e->queue_bytes + job->bytes > e->o.queue_bytes_max)
        rc = jd_fail(err, JD_E_BUSY, "too many changes wait; try again later (setting queue_bytes_max)",
                     "等待写入的变更过多，请稍后再试（设置项 queue_bytes_max）");
    else {
        e->queue_bytes += job->bytes;
        *e->last = job;
        e->last = &job->next;
        pthread_cond_signal(&e->wake);
    }
    pthread_mutex_unlock(&e->mutex);
    return rc;
}

/* Queues of notifications: one an endpoint, in order and bounded; dead letters; which of them the store has. */
#include "told/letters.h"

#include <stdio.h>
#include <stdlib.h>

enum { CROWD_WAIT_MS = 100 };

letter *letters_make(const sub *s, jd_str id, uint64_t group, char *body, size_t n) {
    letter *l = jd_xcalloc(1, sizeof *l);
    *l = (letter){.body = body, .n = n, .s = sub_ref((sub *)(uintptr_t)s), .group = group, .since_ms = letters_ms()};
    snprintf(l->id, sizeof l->id, "%.*s", JD_STR_ARG(id));
    return l;
}

static void letter_free(letter *l) {
    sub_unref(l->s);
    free(l->body);
    free(l);
}

/* ---- which of them the store does not have as they are: in order of group, but for those that were saved once ---- */

void letters_open(deliveries *d, letter *l) {
    if (l->open) return;
    l->open = 1;
    d->open_bytes += l->n;
    if (!l->since_ms && d->open_first) { /* of an older group than others, and due: looked at first */
        l->open_prev = NULL;
        l->open_next = d->open_first;
        d->open_first->open_prev = l;
        d->open_first = l;
        return;
    }
    l->open_prev = d->open_last;
    l->open_next = NULL;
    if (d->open_last)
        d->open_last->open_next = l;
    else
        d->open_first = l;
    d->open_last = l;
}

void letters_close(deliveries *d, letter *l) {
    if (!l->open) return;
    l->open = 0;
    d->open_bytes -= l->n;
    if (l->open_prev)
        l->open_prev->open_next = l->open_next;
    else
        d->open_first = l->open_next;
    if (l->open_next)
        l->open_next->open_prev = l->open_prev;
    else
        d->open_last = l->open_prev;
}

void letters_erase(deliveries *d, uint64_t number) {
    if (d->erase_n == d->erase_cap) {
        d->erase_cap = d->erase_cap ? d->erase_cap * 2 : 64;
        d->erase = jd_xrealloc(d->erase, d->erase_cap * sizeof *d->erase);
    }
    d->erase[d->erase_n++] = number;
}

void letters_done(deliveries *d, letter *l) {
    letters_close(d, l);
    if (l->saving) { /* whoever saves it will see */
        l->gone = 1;
        return;
    }
    if (l->number) letters_erase(d, l->number);
    letter_free(l);
}

/* ---- queues ---- */

endpoint *letters_endpoint(deliveries *d, jd_str uri) {
    uint32_t i = jd_strmap_add(&d->by_uri, uri, d->n);
    if (i < d->n) return d->all[i];
    if (d->n == d->cap) {
        d->cap = d->cap ? d->cap * 2 : 16;
        d->all = jd_xrealloc(d->all, d->cap * sizeof(endpoint *));
    }
    endpoint *e = jd_xcalloc(1, sizeof *e);
    *e = (endpoint){.uri = {jd_xstrdup(uri), uri.n}, .d = d};
    e->last = &e->first;
    d->all[d->n++] = e;
    return e;
}

void letters_ready(deliveries *d, endpoint *e) {
    if (e->busy || e->queued || !e->first) return;
    e->queued = 1;
    e->next = NULL;
    d->fresh = 1;
    *d->ready_last = e;
    d->ready_last = &e->next;
}

void letters_put(deliveries *d, endpoint *e, letter *l) {
    l->next = NULL;
    l->e = e;
    *e->last = l;
    e->last = &l->next;
    e->waiting++;
    atomic_fetch_add(&d->waiting, 1);
    letters_ready(d, e);
}

static letter *unlink_at(deliveries *d, endpoint *e, letter **at) {
    letter *l = *at;
    *at = l->next;
    if (!*at) e->last = at;
    e->waiting--;
    atomic_fetch_sub(&d->waiting, 1);
    return l;
}

letter *letters_take_first(deliveries *d, endpoint *e) {
    return unlink_at(d, e, &e->first);
}

void letters_dead(deliveries *d, letter *l) {
    atomic_fetch_add(&d->dead, 1);
    l->dead = 1;
    l->next = NULL;
    *d->dead_last = l;
    d->dead_last = &l->next;
    d->dead_n++;
    letters_open(d, l);
    while (d->dead_n > d->r->o.dead_max) {
        letter *old = d->dead_first;
        d->dead_first = old->next;
        if (!d->dead_first) d->dead_last = &d->dead_first;
        d->dead_n--;
        letters_done(d, old);
    }
}

/* An endpoint that answers quickly is waited for; one that is slow, or fails, is not: its oldest letters die. Nor is
 * one of our own: what it waits for is the writer, who may be waiting for the matcher. */
int letters_crowded(const endpoint *e) {
    const jd_told_opts *o = &e->d->r->o;
    if (e->first && e->first->s->own_kind.p) return 0;
    int many = e->waiting >= o->crowd || (e->waiting && e->d->open_bytes > o->changes_bytes);
    return many && !e->failing && e->answer_ms <= o->quick_ms && !e->d->stopping;
}

int deliveries_add(deliveries *d, const sub *s, jd_str id, uint64_t group, int late, char *body, size_t n) {
    pthread_mutex_lock(&d->lock);
    if (group && group <= d->restored_to && jd_strmap_get(&d->restored, id) != JD_STRMAP_NONE) {
        pthread_mutex_unlock(&d->lock);
        free(body);
        return 0;
    }
    letter *l = letters_make(s, id, group, body, n);
    if (late) l->since_ms = 0;
    endpoint *e = letters_endpoint(d, s->uri);
    if (e->waiting >= d->r->o.queue_max) { /* its oldest goes, but for the one under way */
        letter **oldest = e->busy ? &e->first->next : &e->first;
        if (*oldest) letters_dead(d, unlink_at(d, e, oldest)), atomic_fetch_add(&d->dropped, 1);
    }
    letters_open(d, l);
    letters_put(d, e, l);
    int crowded = letters_crowded(e);
    pthread_mutex_unlock(&d->lock);
    if (atomic_load(&d->asleep)) deliveries_wake(d);
    return crowded;
}

int deliveries_crowded(deliveries *d, const sub *s) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += CROWD_WAIT_MS * 1000000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    pthread_mutex_lock(&d->lock);
    endpoint *e = letters_endpoint(d, s->uri);
    if (letters_crowded(e)) pthread_cond_timedwait(&d->room, &d->lock, &until);
    int yes = letters_crowded(e);
    pthread_mutex_unlock(&d->lock);
    return yes;
}

/* Its dead letters leave the list; what comes back hangs together by `next`. The lock is held. */
static letter *take_dead(deliveries *d, const sub *s) {
    letter *taken = NULL, **last = &taken;
    for (letter **at = &d->dead_first; *at;) {
        letter *l = *at;
        if (l->s->state != s->state) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        if (!*at) d->dead_last = at;
        d->dead_n--;
        l->next = NULL;
        *last = l;
        last = &l->next;
    }
    return taken;
}

void deliveries_forget(deliveries *d, const sub *s) {
    pthread_mutex_lock(&d->lock);
    for (letter *l = take_dead(d, s), *next; l; l = next) {
        next = l->next;
        letters_done(d, l);
    }
    pthread_mutex_unlock(&d->lock);
}

int deliveries_empty(deliveries *d) {
    pthread_mutex_lock(&d->lock);
    int yes = !d->ready && !d->under_way;
    pthread_mutex_unlock(&d->lock);
    return yes;
}

size_t deliveries_resend(deliveries *d, const sub *s) {
    size_t n = 0;
    pthread_mutex_lock(&d->lock);
    for (letter *l = take_dead(d, s), *next; l; l = next, n++) {
        next = l->next;
        l->dead = 0;
        l->tries = 0;
        letters_open(d, l);
        letters_put(d, letters_endpoint(d, s->uri), l);
    }
    pthread_mutex_unlock(&d->lock);
    if (n) deliveries_wake(d);
    return n;
}

void deliveries_show(deliveries *d, const sub *s, jd_buf *out) {
    uint32_t waiting = 0, shown = 0;
    pthread_mutex_lock(&d->lock);
    uint32_t i = jd_strmap_get(&d->by_uri, s->uri);
    if (i != JD_STRMAP_NONE)
        for (const letter *l = d->all[i]->first; l; l = l->next) waiting += l->s->state == s->state;
    jd_buf_printf(out, "\"waiting\":%u,\"dead\":[", waiting);
    for (const letter *l = d->dead_first; l; l = l->next) {
        if (l->s->state != s->state) continue;
        if (shown++) jd_buf_c(out, ',');
        jd_buf_str(out, (jd_str){l->body, l->n});
    }
    pthread_mutex_unlock(&d->lock);
    jd_buf_c(out, ']');
}

static void list_free(deliveries *d, letter *l) {
    for (letter *next; l; l = next) {
        next = l->next;
        letters_close(d, l);
        letter_free(l);
    }
}

void letters_free(deliveries *d) {
    for (uint32_t i = 0; i < d->n; i++) {
        list_free(d, d->all[i]->first);
        free((char *)(uintptr_t)d->all[i]->uri.p);
        free(d->all[i]);
    }
    list_free(d, d->dead_first);
    free(d->all);
    free(d->late);
    free(d->erase);
    jd_strmap_fini(&d->by_uri);
    jd_strmap_fini(&d->restored);
}

void deliveries_metrics(deliveries *d, jd_buf *out) {
    static const char *const names[] = {"sent", "failed", "dead", "dropped"};
    const _Atomic uint64_t *values[] = {&d->sent, &d->failed, &d->dead, &d->dropped};
    for (size_t i = 0; i < 4; i++)
        jd_buf_printf(out, "# TYPE jindu_notifications_%s_total counter\njindu_notifications_%s_total %llu\n", names[i],
                      names[i], (unsigned long long)atomic_load(values[i]));
    jd_buf_printf(out, "# TYPE jindu_notifications_waiting gauge\njindu_notifications_waiting %llu\n",
                  (unsigned long long)atomic_load(&d->waiting));
}

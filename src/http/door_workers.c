/* The threads on which a handler may wait. The queue is bounded; a call in it is suspended. */
#include "http/door_int.h"

#include <stdlib.h>

struct jd_workers {
    pthread_mutex_t lock;
    pthread_cond_t some;
    call *head, *tail; /* under lock, as all below */
    unsigned queued, queue_max;
    int stopping;
    unsigned threads_n;
    pthread_t threads[];
};

static void run(call *c) {
    jd_req *r = &c->r;
    r->may_block = 1;
    atomic_store(&c->turn, TURN_RUNNING);
    jd_turn turn = r->route->handler(r);
    if (turn == JD_LATER) {
        int was = TURN_RUNNING;
        if (atomic_compare_exchange_strong(&c->turn, &was, TURN_SUSPENDED)) return;
    } else if (turn == JD_MAY_BLOCK) {
        jd_err err;
        jd_fail(&err, JD_E_INTERNAL, "the handler asked for a worker on a worker",
                "处理程序在工作线程上再次要求工作线程");
        jd_req_fail(r, &err);
    } else if (turn == JD_TAKE) {
        jd_call_hand_over(c);
    }
    struct MHD_Connection *mhd = c->mhd;
    atomic_store(&c->turn, TURN_RESUMED);
    MHD_resume_connection(mhd);
}

static void *worker(void *arg) {
    jd_workers *w = arg;
    pthread_setname_np(pthread_self(), "jd-worker");
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->head && !w->stopping) pthread_cond_wait(&w->some, &w->lock);
        call *c = w->head;
        if (!c) break;
        w->head = c->next;
        if (!w->head) w->tail = NULL;
        w->queued--;
        pthread_mutex_unlock(&w->lock);
        run(c);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

jd_workers *jd_workers_start(unsigned threads, unsigned queue_max) {
    jd_workers *w = jd_xcalloc(1, sizeof *w + threads * sizeof *w->threads);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->some, NULL);
    w->queue_max = queue_max;
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&w->threads[w->threads_n], NULL, worker, w) == 0) w->threads_n++;
    if (w->threads_n) return w;
    jd_workers_stop(w);
    return NULL;
}

int jd_workers_push(jd_workers *w, call *c) {
    pthread_mutex_lock(&w->lock);
    if (w->queued >= w->queue_max || w->stopping) {
        pthread_mutex_unlock(&w->lock);
        return -1;
    }
    /* Suspended before a worker can see it: a worker may be done, and resume, at once. */
    MHD_suspend_connection(c->mhd);
    atomic_store(&c->turn, TURN_SUSPENDED);
    c->next = NULL;
    if (w->tail)
        w->tail->next = c;
    else
        w->head = c;
    w->tail = c;
    w->queued++;
    pthread_mutex_unlock(&w->lock);
    pthread_cond_signal(&w->some); /* outside, so that who wakes need not wait for the lock */
    return 0;
}

unsigned jd_workers_queued(jd_workers *w) {
    pthread_mutex_lock(&w->lock);
    unsigned n = w->queued;
    pthread_mutex_unlock(&w->lock);
    return n;
}

void jd_workers_stop(jd_workers *w) {
    if (!w) return;
    pthread_mutex_lock(&w->lock);
    w->stopping = 1;
    pthread_cond_broadcast(&w->some);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->threads_n; i++) pthread_join(w->threads[i], NULL);
    pthread_cond_destroy(&w->some);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

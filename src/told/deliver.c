/* Deliveries: one under way an endpoint, many endpoints at once. An endpoint that fails waits longer and longer and
 * holds up nobody else; after its last try a notification is a dead letter. How a try goes over HTTP stands here, over
 * MQTT in mqtt_out.c. */
#include "told/letters.h"

#include "base/log.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

enum { BACKOFF_MS = 500, BACKOFF_MOST_MS = 15000, STOP_MS = 500, POLL_MS = 1000, LISTEN_MS = 100, WHY_MAX = 120 };

struct transport {
    CURLM *multi;
    CURL **idle; /* kept, for they are costly to make */
    uint32_t idle_n, idle_cap;
    uint32_t posts; /* under way */
    mqtt_out *mqtt; /* those share a connection a broker */
};

/* ---- one try over HTTP ---- */

static size_t swallow(char *p, size_t size, size_t n, void *user) {
    (void)p, (void)user;
    return size * n;
}

static void add_header(struct curl_slist **list, jd_str name, jd_str value) {
    jd_buf b = {0};
    jd_buf_printf(&b, "%.*s: %.*s", JD_STR_ARG(name), JD_STR_ARG(value));
    jd_buf_c(&b, 0);
    if (!memchr(b.p, '\r', b.n) && !memchr(b.p, '\n', b.n)) *list = curl_slist_append(*list, b.p);
    jd_buf_fini(&b);
}

static struct curl_slist *headers_of(sub *s) {
    struct curl_slist *list = NULL;
    if (s->headers) return s->headers;
    jd_buf link = {0};
    add_header(&list, JD_STR("Content-Type"), jd_str_of(notice_type(s)));
    add_header(&list, JD_STR("Expect"), JD_STR(""));
    if (notice_link(s, (jd_str){NULL, 0}, &link)) add_header(&list, JD_STR("Link"), jd_buf_view(&link));
    jd_buf_fini(&link);
    jd_str tenant = notice_tenant(s);
    if (tenant.n) add_header(&list, JD_STR("NGSILD-Tenant"), tenant); /* 6.3.14 */
    for (uint32_t i = 0; i < s->receiver_n; i++) add_header(&list, s->receiver[i].name, s->receiver[i].value);
    return s->headers = list;
}

static uint32_t timeout_of(const deliveries *d, const letter *l) {
    return l->s->timeout_ms ? l->s->timeout_ms : d->r->o.timeout_ms;
}

/* What is the same for all. Buffers are smaller than libcurl's own: they are made anew for each transfer, and the
 * allocator tidies up behind every block of 64 KiB. */
static CURL *new_handle(const deliveries *d) {
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
    if (d->r->o.ca_file) curl_easy_setopt(easy, CURLOPT_CAINFO, d->r->o.ca_file);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 4096L);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
    return easy;
}

static void begin_http(deliveries *d, endpoint *e, const letter *l) {
    struct transport *t = d->http;
    CURL *easy = t->idle_n ? t->idle[--t->idle_n] : new_handle(d);
    jd_buf uri = {0};
    jd_buf_str(&uri, e->uri);
    jd_buf_c(&uri, 0);
    curl_easy_setopt(easy, CURLOPT_URL, uri.p);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)l->n);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, l->body);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_of(l->s));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_of(d, l));
    curl_easy_setopt(easy, CURLOPT_PRIVATE, e);
    jd_buf_fini(&uri);
    e->transport = easy;
    t->posts++;
    curl_multi_add_handle(t->multi, easy);
}

static void begin_mqtt(deliveries *d, endpoint *e, const letter *l) {
    jd_buf message = {0};
    size_t n;
    notice_mqtt(l->s, (jd_str){l->body, l->n}, &message);
    char *p = jd_buf_take(&message, &n);
    e->began_ms = letters_ms();
    mqtt_out_publish(d->http->mqtt, &l->s->mqtt, jd_str_of(l->id), p, n, timeout_of(d, l), e);
}

static void begin_own(deliveries *d, endpoint *e, const letter *l) {
    jd_told_handed h = sub_handed(l->s);
    h.id = jd_str_of(l->id);
    h.body = (jd_str){l->body, l->n};
    e->began_ms = letters_ms();
    atomic_load (&d->r->hand)(d->r->hand_user, &h, e);
}

static void keep_handle(struct transport *t, CURL *easy) {
    if (t->idle_n == t->idle_cap) {
        t->idle_cap = t->idle_cap ? t->idle_cap * 2 : 16;
        t->idle = jd_xrealloc(t->idle, t->idle_cap * sizeof(CURL *));
    }
    t->idle[t->idle_n++] = easy;
}

/* ---- what becomes of a try ---- */

static void note(deliveries *d, const letter *l, int ok, int status, uint32_t ms, const char *why) {
    jd_time now = jd_now();
    pthread_mutex_lock(&d->r->lock);
    sub_state *st = l->s->state;
    st->last_sent = now;
    st->failing = !ok;
    if (ok) {
        st->sent++;
        st->last_success = now;
    } else {
        st->failed++;
        st->last_failure = now;
    }
    uint32_t n = st->attempts; /* a full ring is 2.4 kB: it grows, by twos, as long as it is none */
    if (n < ATTEMPTS && !(n & (n - 1))) st->attempt = jd_xrealloc(st->attempt, (n ? 2 * n : 1) * sizeof *st->attempt);
    attempt *a = &st->attempt[st->attempts++ % ATTEMPTS];
    if (st->attempts == 2 * ATTEMPTS) st->attempts = ATTEMPTS; /* full is full: it must never come back to 0 */
    *a = (attempt){.at = now, .ms = ms, .status = status};
    snprintf(a->id, sizeof a->id, "%s", l->id);
    snprintf(a->why, sizeof a->why, "%s", why);
    state_dirty(d->r, l->s, STATE_COUNTS);
    pthread_mutex_unlock(&d->r->lock);
}

/* status: HTTP's, or 0; why: empty when it was taken; again: what went wrong may pass. */
static void ended(deliveries *d, endpoint *e, int status, uint32_t ms, const char *why, int again) {
    letter *l = e->first;
    int ok = !*why;
    again = !ok && again && l->tries < d->r->o.tries_max;
    atomic_fetch_add(ok ? &d->sent : &d->failed, 1);
    note(d, l, ok, status, ms, why);
    if (!ok) {
        jd_buf uri = {0};
        uri_shown(e->uri, &uri);
        jd_log(JD_LOG_WARN, "told.failed", "subscription=%.*s uri=%.*s try=%u status=%d why=\"%s\"",
               JD_STR_ARG(l->s->id), JD_STR_ARG(jd_buf_view(&uri)), l->tries, status, why);
        jd_buf_fini(&uri);
    }
    pthread_mutex_lock(&d->lock);
    d->under_way--;
    e->busy = 0;
    e->failing = !ok;
    e->answer_ms = e->answer_ms * 0.9 + ms * 0.1;
    if (again) {
        uint64_t wait = (uint64_t)BACKOFF_MS << (l->tries - 1);
        e->not_before_ms = letters_ms() + (wait < BACKOFF_MOST_MS ? wait : BACKOFF_MOST_MS);
    } else {
        letters_take_first(d, e);
        if (ok) {
            letters_done(d, l);
        } else {
            e->not_before_ms = letters_ms() + l->s->cooldown_ms;
            letters_dead(d, l);
        }
    }
    letters_ready(d, e);
    pthread_cond_signal(&d->room);
    pthread_mutex_unlock(&d->lock);
}

static void ended_http(deliveries *d, CURL *easy, CURLcode rc) {
    endpoint *e;
    long status = 0;
    curl_off_t us = 0;
    char why[WHY_MAX] = "";
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&e);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &us);
    curl_multi_remove_handle(d->http->multi, easy);
    keep_handle(d->http, easy);
    e->transport = NULL;
    d->http->posts--;
    if (rc != CURLE_OK)
        snprintf(why, sizeof why, "%s", curl_easy_strerror(rc));
    else if (status < 200 || status >= 300)
        snprintf(why, sizeof why, "the endpoint answered %ld", status);
    /* what the receiver refuses it will refuse again */
    int again = rc != CURLE_OK || status >= 500 || status == 408 || status == 429;
    ended(d, e, (int)status, (uint32_t)(us / 1000), why, again);
}

static void ended_mqtt(void *ctx, void *user, int ok, int passes, const char *why) {
    endpoint *e = user;
    ended(ctx, e, 0, (uint32_t)(letters_ms() - e->began_ms), ok ? "" : why, passes);
}

void jd_told_taken(jd_told_room *r, void *taken, int ok, int again, const char *why) {
    endpoint *e = taken;
    deliveries *d = r->out;
    pthread_mutex_lock(&d->taken_lock);
    e->taken_ok = ok;
    e->taken_again = again;
    snprintf(e->taken_why, sizeof e->taken_why, "%s", ok ? "" : why);
    e->taken_next = d->taken;
    d->taken = e;
    pthread_mutex_unlock(&d->taken_lock);
    deliveries_wake(d);
}

/* 1: some were over. */
static int ended_own(deliveries *d) {
    pthread_mutex_lock(&d->taken_lock);
    endpoint *e = d->taken;
    d->taken = NULL;
    pthread_mutex_unlock(&d->taken_lock);
    int any = e != NULL;
    for (endpoint *next; e; e = next) {
        next = e->taken_next;
        ended(d, e, 0, (uint32_t)(letters_ms() - e->began_ms), e->taken_ok ? "" : e->taken_why, e->taken_again);
    }
    return any;
}

/* ---- the thread ---- */

static void put_late(deliveries *d, endpoint *e) {
    if (d->late_n == d->late_cap) {
        d->late_cap = d->late_cap ? d->late_cap * 2 : 16;
        d->late = jd_xrealloc(d->late, d->late_cap * sizeof(endpoint *));
    }
    d->late[d->late_n++] = e;
}

/* Begins what is due; returns ms until the next is. */
static int begin_due(deliveries *d) {
    uint64_t now = letters_ms(), wait = POLL_MS;
    endpoint *held = NULL, **held_last = &held;
    pthread_mutex_lock(&d->lock);
    d->fresh = 0;
    for (uint32_t i = 0; i < d->late_n;) {
        endpoint *e = d->late[i];
        if (e->not_before_ms > now) {
            if (e->not_before_ms - now < wait) wait = e->not_before_ms - now;
            i++;
            continue;
        }
        d->late[i] = d->late[--d->late_n];
        e->queued = 0;
        letters_ready(d, e);
    }
    while (d->ready && !d->stopping) {
        endpoint *e = d->ready;
        d->ready = e->next;
        if (!d->ready) d->ready_last = &d->ready;
        while (e->first && atomic_load(&e->first->s->state->deleted)) letters_done(d, letters_take_first(d, e));
        int mqtt = e->first && e->first->s->mqtt.uri, own = e->first && e->first->s->own_kind.p;
        uint64_t free_ms = mqtt ? mqtt_out_ready_ms(d->http->mqtt, &e->first->s->mqtt) : 0;
        if (own && !atomic_load(&d->r->hand)) free_ms = now + LISTEN_MS; /* nobody listens yet */
        if (free_ms > e->not_before_ms) e->not_before_ms = free_ms;
        if (e->first && e->not_before_ms > now) {
            put_late(d, e);
            if (e->not_before_ms - now < wait) wait = e->not_before_ms - now;
            continue;
        }
        if (e->first && !mqtt && !own && d->http->posts >= d->r->o.at_once_max) { /* those of other ways go on */
            e->next = NULL;
            *held_last = e;
            held_last = &e->next;
            continue;
        }
        e->queued = 0;
        if (!e->first) continue;
        e->busy = 1;
        d->under_way++;
        e->first->tries++;
        (mqtt ? begin_mqtt : own ? begin_own : begin_http)(d, e, e->first);
    }
    if (held) {
        *held_last = d->ready;
        if (!d->ready) d->ready_last = held_last;
        d->ready = held;
    }
    pthread_mutex_unlock(&d->lock);
    return (int)wait;
}

void deliveries_wake(deliveries *d) {
    curl_multi_wakeup(d->http->multi);
}

static int has_ready(deliveries *d) {
    pthread_mutex_lock(&d->lock);
    int yes = d->fresh;
    pthread_mutex_unlock(&d->lock);
    return yes;
}

static void *deliver_main(void *user) {
    deliveries *d = user;
    uint64_t end = 0;
    for (;;) {
        int wait = begin_due(d), running, left;
        curl_multi_perform(d->http->multi, &running);
        for (CURLMsg *m; (m = curl_multi_info_read(d->http->multi, &left));) {
            if (m->msg != CURLMSG_DONE) continue;
            wait = 0;
            CURLcode rc = m->data.result;
            if (!mqtt_out_took(d->http->mqtt, m->easy_handle, rc)) ended_http(d, m->easy_handle, rc);
        }
        if (ended_own(d)) wait = 0;
        int mqtt_wait = mqtt_out_turn(d->http->mqtt);
        if (mqtt_wait < wait) wait = mqtt_wait;
        pthread_mutex_lock(&d->lock);
        int stopping = d->stopping, idle = !d->under_way;
        pthread_mutex_unlock(&d->lock);
        if (stopping && !end) end = letters_ms() + STOP_MS;
        if (stopping && (idle || letters_ms() >= end)) break;
        if (!wait) continue;
        /* whoever adds a letter looks at `asleep` after it stands in the queue, we at the queue after `asleep` is set
         */
        atomic_store(&d->asleep, 1);
        if (!has_ready(d)) {
            unsigned n;
            struct curl_waitfd *fds = mqtt_out_fds(d->http->mqtt, &n);
            curl_multi_poll(d->http->multi, fds, n, stopping && wait > 50 ? 50 : wait, NULL);
        }
        atomic_store(&d->asleep, 0);
    }
    return NULL;
}

deliveries *deliveries_start(jd_told_room *r, jd_err *err) {
    deliveries *d = jd_xcalloc(1, sizeof *d);
    d->r = r;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->room, NULL);
    pthread_mutex_init(&d->taken_lock, NULL);
    jd_strmap_init(&d->by_uri);
    jd_strmap_init(&d->restored);
    d->ready_last = &d->ready;
    d->dead_last = &d->dead_first;
    d->http = jd_xcalloc(1, sizeof *d->http);
    d->http->multi = curl_multi_init();
    if (d->http->multi) curl_multi_setopt(d->http->multi, CURLMOPT_MAXCONNECTS, (long)r->o.at_once_max * 4);
    d->http->mqtt = mqtt_out_new(&(mqtt_out_opts){.multi = d->http->multi,
                                                  .ca_file = r->o.ca_file,
                                                  .brokers_max = r->o.brokers_max,
                                                  .dial_ms = r->o.timeout_ms,
                                                  .done = ended_mqtt,
                                                  .ctx = d});
    int rc = d->http->multi ? pthread_create(&d->thread, NULL, deliver_main, d) : -1;
    if (rc) {
        jd_fail(err, JD_E_INTERNAL, "told: cannot start deliveries", "通知：无法启动投递线程");
        deliveries_stop(d);
        return NULL;
    }
    (void)pthread_setname_np(d->thread, "jd-deliver");
    d->started = 1;
    return d;
}

void deliveries_stop(deliveries *d) {
    if (!d) return;
    if (d->started) {
        pthread_mutex_lock(&d->lock);
        d->stopping = 1;
        pthread_cond_broadcast(&d->room);
        pthread_mutex_unlock(&d->lock);
        deliveries_wake(d);
        pthread_join(d->thread, NULL);
    }
    mqtt_out_free(d->http->mqtt);
    for (uint32_t i = 0; i < d->n; i++) {
        endpoint *e = d->all[i];
        if (!e->transport) continue;
        curl_multi_remove_handle(d->http->multi, e->transport);
        curl_easy_cleanup(e->transport);
    }
    for (uint32_t i = 0; i < d->http->idle_n; i++) curl_easy_cleanup(d->http->idle[i]);
    if (d->http->multi) curl_multi_cleanup(d->http->multi);
    free(d->http->idle);
    free(d->http);
    letters_free(d);
    pthread_cond_destroy(&d->room);
    pthread_mutex_destroy(&d->taken_lock);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

/* Deliveries: one queue an endpoint, in order, one under way at a time; many endpoints at once. An endpoint that fails
 * waits longer and longer and holds up nobody else; after its last try a notification is a dead letter. How a try goes
 * over HTTP stands here, over MQTT in mqtt_out.c. */
#include "told/told_int.h"

#include "base/log.h"

#include <curl/curl.h>
#include <stdlib.h>

enum { BACKOFF_MS = 500, BACKOFF_MOST_MS = 60000, STOP_MS = 2000, POLL_MS = 1000 };

typedef struct letter {
    struct letter *next;
    char *body;
    size_t n;
    sub *s;
    char id[80];
    unsigned tries;
} letter;

typedef struct endpoint {
    jd_str uri;
    letter *first, **last;
    uint32_t waiting;
    int busy;
    uint64_t not_before_ms;
    CURL *easy; /* kept: so is its connection */
    struct curl_slist *headers;
    struct deliveries *d;
} endpoint;

struct deliveries {
    jd_told_room *r;
    pthread_mutex_t lock;
    jd_strmap by_uri;
    endpoint **all;
    uint32_t n, cap;
    CURLM *multi;
    mqtt_out *mqtt;
    uint32_t under_way; /* of HTTP: those of MQTT share a connection a broker */
    int stopping, started;
    pthread_t thread;
    _Atomic uint64_t sent, failed, dead, dropped, waiting;
};

static uint64_t now_ms(void) {
    return jd_mono_ns() / 1000000;
}

static void letter_free(letter *l) {
    sub_unref(l->s);
    free(l->body);
    free(l);
}

/* ---- one try ---- */

static size_t swallow(char *p, size_t size, size_t n, void *user) {
    (void)p, (void)user;
    return size * n;
}

static void add_header(endpoint *e, jd_str name, jd_str value) {
    jd_buf b = {0};
    jd_buf_printf(&b, "%.*s: %.*s", JD_STR_ARG(name), JD_STR_ARG(value));
    jd_buf_c(&b, 0);
    if (!memchr(b.p, '\r', b.n) && !memchr(b.p, '\n', b.n)) e->headers = curl_slist_append(e->headers, b.p);
    jd_buf_fini(&b);
}

static void set_headers(endpoint *e, const letter *l) {
    const sub *s = l->s;
    curl_slist_free_all(e->headers);
    e->headers = NULL;
    jd_buf link = {0};
    add_header(e, JD_STR("Content-Type"), jd_str_of(notice_type(s)));
    add_header(e, JD_STR("Expect"), JD_STR(""));
    if (notice_link(s, (jd_str){NULL, 0}, &link)) add_header(e, JD_STR("Link"), jd_buf_view(&link));
    jd_buf_fini(&link);
    for (uint32_t i = 0; i < s->receiver_n; i++) add_header(e, s->receiver[i].name, s->receiver[i].value);
}

static uint32_t timeout_of(const deliveries *d, const letter *l) {
    return l->s->timeout_ms ? l->s->timeout_ms : d->r->o.timeout_ms;
}

static void begin_http(deliveries *d, endpoint *e) {
    letter *l = e->first;
    if (!e->easy) e->easy = curl_easy_init();
    curl_easy_reset(e->easy);
    set_headers(e, l);
    jd_buf uri = {0};
    jd_buf_str(&uri, e->uri);
    jd_buf_c(&uri, 0);
    curl_easy_setopt(e->easy, CURLOPT_URL, uri.p);
    curl_easy_setopt(e->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)l->n);
    curl_easy_setopt(e->easy, CURLOPT_POSTFIELDS, l->body);
    curl_easy_setopt(e->easy, CURLOPT_HTTPHEADER, e->headers);
    curl_easy_setopt(e->easy, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(e->easy, CURLOPT_TIMEOUT_MS, (long)timeout_of(d, l));
    if (d->r->o.ca_file) curl_easy_setopt(e->easy, CURLOPT_CAINFO, d->r->o.ca_file);
    curl_easy_setopt(e->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e->easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(e->easy, CURLOPT_PRIVATE, e);
    jd_buf_fini(&uri);
    d->under_way++;
    curl_multi_add_handle(d->multi, e->easy);
}

static void begin_mqtt(deliveries *d, endpoint *e) {
    letter *l = e->first;
    jd_buf message = {0};
    size_t n;
    notice_mqtt(l->s, (jd_str){l->body, l->n}, &message);
    char *p = jd_buf_take(&message, &n);
    mqtt_out_publish(d->mqtt, &l->s->mqtt, jd_str_of(l->id), p, n, timeout_of(d, l), e);
}

static void begin_try(deliveries *d, endpoint *e) {
    e->first->tries++;
    e->busy = 1;
    if (e->first->s->mqtt.uri)
        begin_mqtt(d, e);
    else
        begin_http(d, e);
}

static void note(deliveries *d, const sub *s, int ok) {
    jd_time now = jd_now();
    pthread_mutex_lock(&d->r->lock);
    sub_state *st = s->state;
    st->last_sent = now;
    st->failing = !ok;
    if (ok) {
        st->sent++;
        st->last_success = now;
    } else {
        st->failed++;
        st->last_failure = now;
    }
    pthread_mutex_unlock(&d->r->lock);
}

/* The lock is held. */
static void drop_first(deliveries *d, endpoint *e) {
    letter *l = e->first;
    e->first = l->next;
    if (!e->first) e->last = &e->first;
    e->waiting--;
    atomic_fetch_sub(&d->waiting, 1);
    letter_free(l);
}

/* What became of a try. passes: the same letter may yet be taken. */
static void ended(deliveries *d, endpoint *e, int ok, int passes, long status, const char *why) {
    letter *l = e->first;
    int again = !ok && passes && l->tries < d->r->o.tries_max;
    if (ok) atomic_fetch_add(&d->sent, 1);
    if (!ok) atomic_fetch_add(&d->failed, 1);
    note(d, l->s, ok);
    if (!ok) {
        jd_buf uri = {0};
        uri_shown(e->uri, &uri);
        jd_log(JD_LOG_WARN, "told.failed", "subscription=%.*s uri=%.*s try=%u status=%ld why=\"%s\"",
               JD_STR_ARG(l->s->id), JD_STR_ARG(jd_buf_view(&uri)), l->tries, status, why);
        jd_buf_fini(&uri);
    }
    pthread_mutex_lock(&d->lock);
    e->busy = 0;
    if (again) {
        uint64_t wait = (uint64_t)BACKOFF_MS << (l->tries - 1);
        e->not_before_ms = now_ms() + (wait < BACKOFF_MOST_MS ? wait : BACKOFF_MOST_MS);
    } else {
        if (!ok) {
            atomic_fetch_add(&d->dead, 1);
            e->not_before_ms = now_ms() + l->s->cooldown_ms;
        }
        drop_first(d, e);
    }
    pthread_mutex_unlock(&d->lock);
}

static void ended_http(deliveries *d, endpoint *e, CURLcode rc) {
    long status = 0;
    curl_easy_getinfo(e->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(d->multi, e->easy);
    d->under_way--;
    /* what the receiver refuses it will refuse again */
    ended(d, e, rc == CURLE_OK && status >= 200 && status < 300,
          rc != CURLE_OK || status >= 500 || status == 408 || status == 429, status,
          rc ? curl_easy_strerror(rc) : "refused");
}

static void ended_mqtt(void *ctx, void *user, int ok, int passes, const char *why) {
    ended(ctx, user, ok, passes, 0, why);
}

/* ---- the thread ---- */

/* When its first letter may be tried. */
static uint64_t due_ms(deliveries *d, const endpoint *e, uint64_t now) {
    if (e->not_before_ms > now) return e->not_before_ms;
    if (e->first->s->mqtt.uri) return mqtt_out_ready_ms(d->mqtt, &e->first->s->mqtt);
    return d->under_way < d->r->o.at_once_max ? 0 : now + POLL_MS;
}

/* Begins what is due; returns ms until the next is. */
static int begin_due(deliveries *d) {
    uint64_t now = now_ms(), wait = POLL_MS;
    pthread_mutex_lock(&d->lock);
    for (uint32_t i = 0; i < d->n; i++) {
        endpoint *e = d->all[i];
        if (e->busy || !e->first) continue;
        uint64_t due = due_ms(d, e, now);
        if (due <= now)
            begin_try(d, e);
        else if (due - now < wait)
            wait = due - now;
    }
    pthread_mutex_unlock(&d->lock);
    return (int)wait;
}

static void *deliver_main(void *user) {
    deliveries *d = user;
    uint64_t end = 0;
    for (;;) {
        int wait = begin_due(d), running, left;
        curl_multi_perform(d->multi, &running);
        for (CURLMsg *m; (m = curl_multi_info_read(d->multi, &left));) {
            endpoint *e;
            if (m->msg != CURLMSG_DONE) continue;
            CURLcode rc = m->data.result;
            wait = 0;
            if (mqtt_out_took(d->mqtt, m->easy_handle, rc)) continue;
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&e);
            ended_http(d, e, rc);
        }
        int mqtt_wait = mqtt_out_turn(d->mqtt);
        if (mqtt_wait < wait) wait = mqtt_wait;
        pthread_mutex_lock(&d->lock);
        int stopping = d->stopping, empty = !atomic_load(&d->waiting);
        pthread_mutex_unlock(&d->lock);
        if (stopping && !end) end = now_ms() + STOP_MS;
        if (stopping && (empty || now_ms() >= end)) break;
        if (!wait) continue;
        unsigned n;
        struct curl_waitfd *fds = mqtt_out_fds(d->mqtt, &n);
        curl_multi_poll(d->multi, fds, n, stopping && wait > 50 ? 50 : wait, NULL);
    }
    return NULL;
}

deliveries *deliveries_start(jd_told_room *r, jd_err *err) {
    deliveries *d = jd_xcalloc(1, sizeof *d);
    d->r = r;
    pthread_mutex_init(&d->lock, NULL);
    jd_strmap_init(&d->by_uri);
    d->multi = curl_multi_init();
    d->mqtt = mqtt_out_new(&(mqtt_out_opts){.multi = d->multi,
                                            .ca_file = r->o.ca_file,
                                            .brokers_max = r->o.brokers_max,
                                            .dial_ms = r->o.timeout_ms,
                                            .done = ended_mqtt,
                                            .ctx = d});
    int rc = d->multi ? pthread_create(&d->thread, NULL, deliver_main, d) : -1;
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
        pthread_mutex_unlock(&d->lock);
        curl_multi_wakeup(d->multi);
        pthread_join(d->thread, NULL);
    }
    mqtt_out_free(d->mqtt);
    for (uint32_t i = 0; i < d->n; i++) {
        endpoint *e = d->all[i];
        if (e->busy && e->easy) curl_multi_remove_handle(d->multi, e->easy);
        while (e->first) drop_first(d, e);
        if (e->easy) curl_easy_cleanup(e->easy);
        curl_slist_free_all(e->headers);
        free((char *)(uintptr_t)e->uri.p);
        free(e);
    }
    if (d->multi) curl_multi_cleanup(d->multi);
    free(d->all);
    jd_strmap_fini(&d->by_uri);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

static endpoint *endpoint_of(deliveries *d, jd_str uri) {
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

void deliveries_add(deliveries *d, const sub *s, jd_str id, char *body, size_t n) {
    letter *l = jd_xcalloc(1, sizeof *l), *oldest = NULL;
    *l = (letter){.body = body, .n = n, .s = sub_ref((sub *)(uintptr_t)s)};
    snprintf(l->id, sizeof l->id, "%.*s", JD_STR_ARG(id));
    pthread_mutex_lock(&d->lock);
    endpoint *e = endpoint_of(d, s->uri);
    if (e->waiting >= d->r->o.queue_max) { /* its oldest goes, but for the one under way */
        letter **at = e->busy ? &e->first->next : &e->first;
        oldest = *at;
        *at = oldest->next;
        if (!*at) e->last = at;
        e->waiting--;
        atomic_fetch_sub(&d->waiting, 1);
        atomic_fetch_add(&d->dropped, 1);
    }
    *e->last = l;
    e->last = &l->next;
    e->waiting++;
    atomic_fetch_add(&d->waiting, 1);
    int wake = !e->busy;
    pthread_mutex_unlock(&d->lock);
    if (oldest) letter_free(oldest);
    if (wake) curl_multi_wakeup(d->multi);
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

/* Many clients at once, well-behaved and not, for the sanitizers; at the end nothing may be left over. */
#include "http_test.h"

enum { CLIENTS = 6, ROUNDS = 60 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t some = PTHREAD_COND_INITIALIZER;
static jd_req *queue[10000];
static unsigned queue_n;
static int stopping;

static void *writer(void *arg) {
    (void)arg;
    static jd_req *group[10000];
    for (;;) {
        pthread_mutex_lock(&lock);
        while (!queue_n && !stopping) pthread_cond_wait(&some, &lock);
        unsigned n = queue_n;
        memcpy(group, queue, n * sizeof *group);
        queue_n = 0;
        int end = stopping && !n;
        pthread_mutex_unlock(&lock);
        if (end) return NULL;
        for (unsigned i = 0; i < n; i++) {
            jd_buf_printf(&group[i]->out, "%zu", group[i]->body.n);
            group[i]->status = 201;
            jd_req_resume(group[i]);
        }
    }
}

static void drain(void *app) {
    pthread_mutex_lock(&lock);
    stopping = 1;
    pthread_cond_signal(&some);
    pthread_mutex_unlock(&lock);
    pthread_join(*(pthread_t *)app, NULL);
}

static jd_turn later(jd_req *r) {
    pthread_mutex_lock(&lock);
    queue[queue_n++] = r;
    pthread_cond_signal(&some);
    pthread_mutex_unlock(&lock);
    return JD_LATER;
}

static jd_turn now(jd_req *r) {
    jd_buf_printf(&r->out, "%zu", r->body.n);
    r->status = 200;
    return JD_ANSWER;
}

static jd_turn block(jd_req *r) {
    if (!r->may_block) return JD_MAY_BLOCK;
    return r->body.n % 2 ? later(r) : now(r);
}

static const jd_route rows[] = {
    {JD_GET, "/now", now, "a", 0, NULL},
    {JD_POST, "/now", now, NULL, JD_R_BODY, NULL},
    {JD_POST, "/later", later, NULL, JD_R_BODY, NULL},
    {JD_POST, "/block", block, NULL, JD_R_BODY, NULL},
};

static char body[300000];

/* Each behaviour gets a connection of its own and what must hold is checked; -1 when the server ended it early. */
static void ask_one(client *c, const char *path, size_t n, int chunked) {
    jd_buf b = {0};
    jd_buf_printf(&b, "POST %s HTTP/1.1\r\nHost: a\r\n", path);
    if (chunked) {
        jd_buf_printf(&b, "Transfer-Encoding: chunked\r\n\r\n");
        for (size_t done = 0; done < n;) {
            size_t k = n - done < 7000 ? n - done : 7000;
            jd_buf_printf(&b, "%zx\r\n", k);
            jd_buf_add(&b, body + done, k);
            jd_buf_z(&b, "\r\n");
            done += k;
        }
        jd_buf_z(&b, "0\r\n\r\n");
    } else {
        jd_buf_printf(&b, "Content-Length: %zu\r\n\r\n", n);
        jd_buf_add(&b, body, n);
    }
    client_send(c, b.p, b.n);
    jd_buf_fini(&b);
}

static _Atomic int wrong;

static void expect(client *c, size_t n) {
    char text[24];
    snprintf(text, sizeof text, "%zu", n);
    reply r = client_read(c, 0);
    if ((r.status != 200 && r.status != 201) || strcmp(r.body, text) != 0) atomic_fetch_add(&wrong, 1);
    reply_free(&r);
}

static void keep_alive(const jd_door *d, unsigned seed) {
    static const char *const paths[] = {"/now", "/later", "/block"};
    client c = client_open(d);
    for (unsigned i = 0; i < 12; i++) {
        size_t n = (seed * 7919 + i * 104729) % (i % 4 ? 900 : sizeof body);
        ask_one(&c, paths[(seed + i) % 3], n, (int)(i & 1));
        expect(&c, n);
    }
    client_close(&c);
}

static void pipeline(const jd_door *d) {
    client c = client_open(d);
    for (unsigned i = 0; i < 8; i++) ask_one(&c, i & 1 ? "/later" : "/now", i, 0);
    client_put(&c, "GET /now?a=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    for (unsigned i = 0; i < 8; i++) expect(&c, i);
    expect(&c, 0);
    client_close(&c);
}

static void leave(const jd_door *d, unsigned seed) {
    client c = client_open(d);
    ask_one(&c, seed & 1 ? "/later" : "/block", seed % 5000, 0);
    if (seed & 2) {
        struct linger hard = {1, 0};
        setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
    if (seed & 4) shutdown(c.fd, SHUT_WR);
    client_close(&c);
}

static void half(const jd_door *d, unsigned seed) {
    static const char *const parts[] = {"G", "GET /now HTTP/1.1\r\nHo",
                                        "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc",
                                        "POST /now HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nab"};
    client c = client_open(d);
    client_put(&c, parts[seed % 4]);
    client_close(&c);
}

static void refused(const jd_door *d, unsigned seed) {
    static const struct {
        const char *text;
        int status;
    } shapes[] = {{"GET /now HTTP/1.1\r\n\r\n", 400},
                  {"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 404},
                  {"POST /now HTTP/1.1\r\nHost: a\r\nContent-Length: 90000000\r\n\r\nabc", 413},
                  {"POST /now HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", 400}};
    client c = client_open(d);
    client_put(&c, shapes[seed % 4].text);
    reply r = client_read(&c, 0);
    if (r.status != shapes[seed % 4].status) atomic_fetch_add(&wrong, 1);
    reply_free(&r);
    client_close(&c);
}

typedef struct storm {
    const jd_door *d;
    unsigned seed;
} storm;

static void *client_thread(void *arg) {
    storm *s = arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned n = s->seed * ROUNDS + i;
        switch (n % 6) {
        case 0: keep_alive(s->d, n); break;
        case 1: pipeline(s->d); break;
        case 2:
        case 3: leave(s->d, n / 6); break;
        case 4: half(s->d, n / 6); break;
        default: refused(s->d, n / 6); break;
        }
    }
    return NULL;
}

static void stands_a_storm(void **state) {
    (void)state;
    jd_log_level(JD_LOG_OFF);
    memset(body, 'x', sizeof body);
    pthread_t w, t[CLIENTS];
    assert_int_equal(pthread_create(&w, NULL, writer, NULL), 0);
    jd_door *d = door_open((jd_door_opts){.routes = rows, .routes_n = 4, .io_threads = 2, .workers = 2, .app = &w});
    storm s[CLIENTS];
    for (unsigned i = 0; i < CLIENTS; i++) {
        s[i] = (storm){d, i};
        assert_int_equal(pthread_create(&t[i], NULL, client_thread, &s[i]), 0);
    }
    for (int i = 0; i < CLIENTS; i++) pthread_join(t[i], NULL);
    assert_int_equal(atomic_load(&wrong), 0);
    for (int settled = 0, tries = 0; !settled; tries++) {
        reply m = get(d, "/metrics", "");
        settled = strstr(m.body, "jindu_http_requests_in_flight 1\n") &&
                  strstr(m.body, "jindu_http_requests_suspended 0\n") &&
                  strstr(m.body, "jindu_http_body_bytes_in_flight 0\n") && strstr(m.body, "jindu_http_jobs_queued 0\n");
        if (!settled && tries > 1000) fail_msg("left over: %s", strstr(m.body, "# HELP jindu_http_aborted"));
        reply_free(&m);
        if (!settled) nap_ms(10);
    }
    jd_door_stop(d, drain);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(stands_a_storm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

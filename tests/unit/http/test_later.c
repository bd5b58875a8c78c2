/* Answers that come later: from a writer's thread, from a worker, after the client has left, while the door closes. */
#include "http_test.h"

/* A writer as the engine has one: requests queue up, one thread answers them in groups. */
typedef struct app {
    pthread_mutex_t lock;
    pthread_cond_t some;
    jd_req *queue[4096];
    unsigned n;
    int stopping, held;
    pthread_t thread;
    _Atomic int gate; /* workers wait until it is open */
    _Atomic int in_worker, resumed;
} app;

static void answer(app *a, jd_req *r) {
    jd_buf_printf(&r->out, "later %.*s", JD_STR_ARG(r->body));
    r->status = 201;
    r->type = "text/plain";
    atomic_fetch_add(&a->resumed, 1);
    jd_req_resume(r);
}

static void *writer(void *arg) {
    app *a = arg;
    jd_req *group[4096];
    for (;;) {
        pthread_mutex_lock(&a->lock);
        while ((!a->n || a->held) && !a->stopping) pthread_cond_wait(&a->some, &a->lock);
        unsigned n = a->n;
        memcpy(group, a->queue, n * sizeof *group);
        a->n = 0;
        int stopping = a->stopping;
        pthread_mutex_unlock(&a->lock);
        for (unsigned i = 0; i < n; i++) answer(a, group[i]);
        if (stopping && !n) return NULL;
    }
}

static void submit(app *a, jd_req *r) {
    pthread_mutex_lock(&a->lock);
    a->queue[a->n++] = r;
    pthread_cond_signal(&a->some);
    pthread_mutex_unlock(&a->lock);
}

static unsigned queued(app *a) {
    pthread_mutex_lock(&a->lock);
    unsigned n = a->n;
    pthread_mutex_unlock(&a->lock);
    return n;
}

static void hold(app *a, int on) {
    pthread_mutex_lock(&a->lock);
    a->held = on;
    pthread_cond_signal(&a->some);
    pthread_mutex_unlock(&a->lock);
}

static void start(app *a) {
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->some, NULL);
    assert_int_equal(pthread_create(&a->thread, NULL, writer, a), 0);
}

/* As main gives it to jd_door_stop. */
static void drain(void *arg) {
    app *a = arg;
    pthread_mutex_lock(&a->lock);
    a->stopping = 1;
    pthread_cond_signal(&a->some);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
}

static jd_turn later(jd_req *r) {
    submit(r->app, r);
    return JD_LATER;
}

static jd_turn at_once(jd_req *r) {
    answer(r->app, r); /* resumed before the handler has returned */
    return JD_LATER;
}

static jd_turn now(jd_req *r) {
    jd_buf_z(&r->out, "now");
    r->status = 200;
    return JD_ANSWER;
}

static void wait_gate(app *a) {
    atomic_fetch_add(&a->in_worker, 1);
    while (!atomic_load(&a->gate)) nap_ms(1);
    atomic_fetch_sub(&a->in_worker, 1);
}

static jd_turn slow(jd_req *r) {
    if (!r->may_block) {
        r->state = jd_arena_dup(r->arena, JD_STR("kept")).p ? r : NULL;
        return JD_MAY_BLOCK;
    }
    assert_ptr_equal(r->state, r);
    wait_gate(r->app);
    jd_buf_z(&r->out, "from a worker");
    r->status = 200;
    return JD_ANSWER;
}

static jd_turn slow_later(jd_req *r) {
    if (!r->may_block) return JD_MAY_BLOCK;
    wait_gate(r->app);
    submit(r->app, r);
    return JD_LATER;
}

static jd_turn slow_at_once(jd_req *r) {
    if (!r->may_block) return JD_MAY_BLOCK;
    answer(r->app, r);
    return JD_LATER;
}

static jd_turn never_content(jd_req *r) {
    (void)r;
    return JD_MAY_BLOCK;
}

static const jd_route rows[] = {
    {JD_POST, "/later", later, NULL, JD_R_BODY, NULL},
    {JD_POST, "/at-once", at_once, NULL, JD_R_BODY, NULL},
    {JD_GET, "/now", now, NULL, 0, NULL},
    {JD_GET, "/slow", slow, NULL, 0, NULL},
    {JD_POST, "/slow-later", slow_later, NULL, JD_R_BODY, NULL},
    {JD_POST, "/slow-at-once", slow_at_once, NULL, JD_R_BODY, NULL},
    {JD_GET, "/never-content", never_content, NULL, 0, NULL},
};

static jd_door *open_with(app *a, unsigned workers, unsigned jobs_max) {
    jd_log_level(JD_LOG_OFF);
    start(a);
    return door_open((jd_door_opts){.routes = rows,
                                    .routes_n = sizeof rows / sizeof *rows,
                                    .app = a,
                                    .io_threads = 2,
                                    .workers = workers,
                                    .jobs_max = jobs_max});
}

#define POST(path, body) "POST " path " HTTP/1.1\r\nHost: a\r\nContent-Length: " #body "\r\n\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static void want(client *c, int status, const char *body) {
    reply r = client_read(c, 0);
    if (r.status != status || strcmp(r.body, body) != 0)
        fail_msg("status %d, body %s", r.status, r.body ? r.body : "(none)");
    reply_free(&r);
}

static void answers_in_order(void **state) {
    (void)state;
    app a = {.gate = 1};
    jd_door *d = open_with(&a, 2, 0);
    client c = client_open(d);
    for (int round = 0; round < 50; round++) {
        client_put(&c, POST("/later", 3) "abc" GET("/now") POST("/at-once", 1) "x" POST("/slow-later", 2) "zz" POST(
                           "/slow-at-once", 1) "y" GET("/slow") GET("/now"));
        want(&c, 201, "later abc");
        want(&c, 200, "now");
        want(&c, 201, "later x");
        want(&c, 201, "later zz");
        want(&c, 201, "later y");
        want(&c, 200, "from a worker");
        want(&c, 200, "now");
    }
    client_put(&c, GET("/never-content"));
    reply r = client_read(&c, 0);
    assert_int_equal(r.status, 500);
    reply_free(&r);
    client_close(&c);
    jd_door_stop(d, drain);
}

static void survives_clients_that_leave(void **state) {
    (void)state;
    app a = {0};
    jd_door *d = open_with(&a, 2, 0);
    for (int round = 0; round < 20; round++) {
        hold(&a, 1);
        int before = atomic_load(&a.resumed);
        client gone[6], stays = client_open(d);
        for (int i = 0; i < 6; i++) {
            gone[i] = client_open(d);
            client_put(&gone[i], POST("/later", 3) "abc" GET("/now"));
        }
        client_put(&stays, POST("/later", 1) "s");
        WAIT_FOR(queued(&a) == 7);
        for (int i = 0; i < 6; i++) {
            struct linger hard = {1, 0};
            if (i % 2) setsockopt(gone[i].fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard); /* RST */
            if (i % 3 == 0) shutdown(gone[i].fd, SHUT_WR);
            client_close(&gone[i]);
        }
        hold(&a, 0);
        want(&stays, 201, "later s");
        client_close(&stays);
        WAIT_FOR(atomic_load(&a.resumed) == before + 7);
    }
    jd_door_stop(d, drain);
}

static void bounds_the_queue(void **state) {
    (void)state;
    app a = {0};
    jd_door *d = open_with(&a, 1, 2);
    client c[3], more = client_open(d);
    for (int i = 0; i < 3; i++) {
        c[i] = client_open(d);
        client_put(&c[i], GET("/slow"));
        if (i == 0) WAIT_FOR(atomic_load(&a.in_worker) == 1);
    }
    reply r = {0};
    for (int tries = 0; r.status != 503; tries++) { /* the two may still be on their way into the queue */
        assert_true(tries < 1000);
        reply_free(&r);
        reply m = get(d, "/metrics", "");
        int full = strstr(m.body, "jindu_http_jobs_queued 2\n") != NULL;
        reply_free(&m);
        if (!full) {
            nap_ms(1);
            continue;
        }
        client_put(&more, GET("/slow") GET("/now"));
        r = client_read(&more, 0);
    }
    assert_string_equal(reply_header(&r, "Retry-After"), "1");
    reply_free(&r);
    want(&more, 200, "now"); /* the connection is as good as before */
    atomic_store(&a.gate, 1);
    for (int i = 0; i < 3; i++) {
        want(&c[i], 200, "from a worker");
        client_close(&c[i]);
    }
    client_close(&more);
    jd_door_stop(d, drain);
}

typedef struct stopper {
    jd_door *d;
    _Atomic int done;
} stopper;

static void *stop_door(void *arg) {
    stopper *s = arg;
    jd_door_stop(s->d, drain);
    atomic_store(&s->done, 1);
    return NULL;
}

static void stops_in_order(void **state) {
    (void)state;
    app a = {.held = 1};
    jd_door *d = open_with(&a, 1, 0);
    client waits = client_open(d), works = client_open(d), idle = client_open(d);
    client_put(&idle, GET("/now"));
    want(&idle, 200, "now");
    client_put(&waits, POST("/later", 3) "abc");
    client_put(&works, GET("/slow"));
    WAIT_FOR(queued(&a) == 1 && atomic_load(&a.in_worker) == 1);
    stopper s = {.d = d};
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, stop_door, &s), 0);
    /* From some moment on, new requests on an old connection are turned away, and it ends with that. */
    int status = 200;
    while (status == 200) {
        client_put(&idle, GET("/now"));
        reply r = client_read(&idle, 0);
        status = r.status;
        if (status == 503) assert_string_equal(reply_header(&r, "Connection"), "close");
        reply_free(&r);
    }
    assert_int_equal(status, 503);
    assert_true(client_ended(&idle));
    /* A new connection is told the same. */
    client late = client_open(d);
    client_put(&late, POST("/later", 1) "x");
    reply r = client_read(&late, 0);
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(r.body, "stopping"));
    reply_free(&r);
    assert_false(atomic_load(&s.done)); /* two are not answered yet */
    atomic_store(&a.gate, 1);
    want(&works, 200, "from a worker");
    want(&waits, 201, "later abc"); /* held until drain made the writer go on */
    pthread_join(t, NULL);
    assert_true(client_ended(&waits));
    client_close(&waits);
    client_close(&works);
    client_close(&idle);
    client_close(&late);
}

static void stops_with_clients_in_every_state(void **state) {
    (void)state;
    for (int round = 0; round < 5; round++) {
        app a = {.gate = 1};
        jd_door *d = open_with(&a, 2, 0);
        client fresh = client_open(d), half = client_open(d), kept = client_open(d), gone = client_open(d);
        client_put(&half, "GET /now HT");
        client_put(&kept, GET("/now"));
        want(&kept, 200, "now");
        client_put(&gone, POST("/later", 1) "x");
        client_close(&gone);
        jd_door_stop(d, drain);
        assert_true(client_ended(&fresh));
        assert_true(client_ended(&half));
        assert_true(client_ended(&kept));
        client_close(&fresh);
        client_close(&half);
        client_close(&kept);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_in_order),
        cmocka_unit_test(survives_clients_that_leave),
        cmocka_unit_test(bounds_the_queue),
        cmocka_unit_test(stops_in_order),
        cmocka_unit_test(stops_with_clients_in_every_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

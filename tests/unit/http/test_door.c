/* What a client sees: answers, errors, bodies, limits. */
#include "http_test.h"

static jd_turn echo(jd_req *r) {
    jd_buf_str(&r->out, r->body);
    r->status = 200;
    r->type = "text/plain";
    return JD_ANSWER;
}

static jd_turn show(jd_req *r) {
    jd_buf_printf(&r->out, "path=%.*s|target=%.*s|", JD_STR_ARG(r->path), JD_STR_ARG(r->target));
    for (int i = 0; i < 4 && r->parts[i].p; i++) jd_buf_printf(&r->out, "%.*s|", JD_STR_ARG(r->parts[i]));
    for (size_t i = 0; i < r->params_n; i++)
        jd_buf_printf(&r->out, "%.*s=%.*s|", JD_STR_ARG(r->params[i].name), JD_STR_ARG(r->params[i].value));
    jd_str link = jd_req_header(r, "link");
    jd_buf_printf(&r->out, "link=%.*s|zh=%d", JD_STR_ARG(link), r->zh);
    assert_null(jd_req_param(r, "absent").p);
    assert_null(jd_req_header(r, "X-Absent").p);
    jd_req_add_header(r, "X-One", JD_STR("1"));
    jd_req_add_header(r, "X-Two", jd_arena_printf(r->arena, "%d", 2));
    r->status = 200;
    r->type = "text/plain";
    return JD_ANSWER;
}

static jd_turn refusing(jd_req *r) {
    jd_err err;
    jd_fail(&err, JD_E_BAD_REQUEST_DATA, "value \"%s\" is wrong", "值 \"%s\" 有误", "x\ty");
    jd_fail_at(&err, "temperature.value");
    jd_buf_z(&r->out, "half an answer");
    jd_req_add_header(r, "NGSILD-Tenant", JD_STR("t"));
    return jd_req_fail(r, &err);
}

static jd_turn silent(jd_req *r) {
    (void)r;
    return JD_ANSWER;
}

enum { BIG = 3 * 1024 * 1024 };
static jd_turn big(jd_req *r) {
    memset(jd_buf_room(&r->out, BIG), 'b', BIG);
    r->out.n = BIG;
    r->status = 200;
    return JD_ANSWER;
}

static const jd_route rows[] = {
    {JD_POST, "/echo", echo, NULL, JD_R_BODY, NULL},
    {JD_POST, "/maybe", echo, NULL, 0, NULL},
    {JD_GET, "/show/{a}/x/{b}", show, "q limit", JD_R_SLASH, NULL},
    {JD_GET, "/fail", refusing, NULL, 0, NULL},
    {JD_GET, "/plain", refusing, NULL, JD_R_PLAIN_ERRORS, NULL},
    {JD_GET, "/silent", silent, NULL, 0, NULL},
    {JD_GET, "/big", big, NULL, 0, NULL},
    {JD_DELETE, "/big", silent, NULL, 0, NULL},
};
#define ROWS .routes = rows, .routes_n = sizeof rows / sizeof *rows

static int open_door(void **state) {
    jd_log_level(JD_LOG_OFF);
    *state = door_open((jd_door_opts){ROWS, .io_threads = 2, .body_max = 1 << 20, .bodies_max = 4 << 20});
    return 0;
}

static int close_door(void **state) {
    jd_door_stop(*state, NULL);
    return 0;
}

#define EXPECT(r, want_status, text)                                                    \
    do {                                                                                \
        if ((r).status != (want_status) || !(r).body || !strstr((r).body, text))        \
            fail_msg("status %d, body %s", (r).status, (r).body ? (r).body : "(none)"); \
    } while (0)

static void hands_requests_over(void **state) {
    reply r = get(*state, "/show/urn%3Aa%2Fb/x/%E9%95%87?q=a%3E1+b&limit=", "Link: <a>\r\nlink: <b>\r\n");
    EXPECT(r, 200,
           "path=/show/urn:a/b/x/镇|target=/show/urn%3Aa%2Fb/x/%E9%95%87?q=a%3E1+b&limit=|urn:a/b|镇|q=a>1 "
           "b|limit=|link=<a>, <b>|zh=0");
    assert_string_equal(reply_header(&r, "X-One"), "1");
    assert_string_equal(reply_header(&r, "X-Two"), "2");
    assert_string_equal(reply_header(&r, "Content-Type"), "text/plain");
    assert_non_null(reply_header(&r, "Date"));
    reply_free(&r);
    r = get(*state, "/show/a+b/x/c/", "Accept-Language: zh-CN\r\n");
    EXPECT(r, 200, "|a+b|c|link=|zh=1");
    reply_free(&r);
}

static void answers_errors_as_problem_details(void **state) {
    reply r = get(*state, "/fail", "");
    assert_int_equal(r.status, 400);
    assert_string_equal(
        r.body, "{\"type\":\"https://uri.etsi.org/ngsi-ld/errors/BadRequestData\",\"title\":\"Bad request data\","
                "\"detail\":\"value \\\"x\\ty\\\" is wrong\",\"status\":400,\"place\":\"temperature.value\"}");
    assert_string_equal(reply_header(&r, "Content-Type"), "application/json");
    assert_string_equal(reply_header(&r, "NGSILD-Tenant"), "t");
    reply_free(&r);
    r = get(*state, "/fail", "Accept-Language: zh\r\n");
    EXPECT(r, 400, "\"title\":\"请求数据有误\",\"detail\":\"值 \\\"x\\ty\\\" 有误\"");
    reply_free(&r);
    r = get(*state, "/plain", "");
    assert_int_equal(r.status, 400);
    assert_string_equal(r.body, "Bad request data: value \"x\ty\" is wrong @ temperature.value\n");
    reply_free(&r);
    r = get(*state, "/silent", "");
    EXPECT(r, 500, "errors/InternalError");
    reply_free(&r);
}

static void knows_its_routes(void **state) {
    reply r = get(*state, "/nowhere/at/all", "");
    EXPECT(r, 404, "errors/ResourceNotFound");
    reply_free(&r);
    r = get(*state, "/show/a/x/", "");
    assert_int_equal(r.status, 404);
    reply_free(&r);
    r = get(*state, "/echo", "");
    EXPECT(r, 405, "GET is not allowed here");
    assert_string_equal(reply_header(&r, "Allow"), "POST, OPTIONS");
    reply_free(&r);
    r = ask(*state, "OPTIONS /big HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(r.status, 204);
    assert_string_equal(reply_header(&r, "Allow"), "GET, HEAD, DELETE, OPTIONS");
    reply_free(&r);
    r = ask(*state, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(r.status, 204);
    reply_free(&r);
    r = ask(*state, "OPTIONS /nowhere HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(r.status, 404);
    reply_free(&r);
    r = ask(*state, "BREW /big HTTP/1.1\r\n" HOST "\r\n");
    EXPECT(r, 501, "errors/OperationNotSupported");
    reply_free(&r);
    r = ask(*state, "TRACE /big HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(r.status, 501);
    reply_free(&r);
    r = get(*state, "/show/a/x/b?limit=1&offset=2", "");
    EXPECT(r, 400, "\"place\":\"offset\"");
    assert_non_null(strstr(r.body, "errors/InvalidRequest"));
    reply_free(&r);
    r = get(*state, "/show/a/x/b?limit=1&li%6Dit=2", "");
    EXPECT(r, 400, "\"place\":\"limit\"");
    reply_free(&r);
    r = get(*state, "/fail?x", "");
    EXPECT(r, 400, "\"place\":\"x\"");
    reply_free(&r);
}

static void serves_head_from_get(void **state) {
    client c = client_open(*state);
    client_put(&c, "HEAD /big HTTP/1.1\r\n" HOST "\r\nGET /show/a/x/b HTTP/1.1\r\n" HOST "\r\n");
    reply r = client_read(&c, 1);
    assert_int_equal(r.status, 200);
    assert_string_equal(reply_header(&r, "Content-Length"), "3145728");
    reply_free(&r);
    r = client_read(&c, 0);
    EXPECT(r, 200, "path=/show/a/x/b");
    reply_free(&r);
    client_close(&c);
}

static void sends_large_answers(void **state) {
    client c = client_open(*state);
    for (int i = 0; i < 3; i++) {
        client_put(&c, "GET /big HTTP/1.1\r\n" HOST "\r\n");
        reply r = client_read(&c, 0);
        assert_int_equal(r.status, 200);
        assert_int_equal(r.body_n, BIG);
        assert_true(strspn(r.body, "b") == BIG);
        reply_free(&r);
    }
    client_close(&c);
}

static void takes_bodies(void **state) {
    client c = client_open(*state);
    static char body[700001];
    for (size_t i = 0; i < sizeof body - 1; i++) body[i] = (char)('a' + i % 23);
    size_t sizes[] = {0, 1, 100, 9000, 40000, sizeof body - 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char head[200];
        snprintf(head, sizeof head, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", sizes[i]);
        client_put(&c, head);
        client_send(&c, body, sizes[i]);
        reply r = client_read(&c, 0);
        assert_int_equal(r.status, 200);
        assert_int_equal(r.body_n, sizes[i]);
        assert_memory_equal(r.body, body, sizes[i]);
        reply_free(&r);
        client_put(&c, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
        for (size_t at = 0, step = 1; at < sizes[i]; at += step, step = step * 3 % 50021 + 1) {
            if (step > sizes[i] - at) step = sizes[i] - at;
            snprintf(head, sizeof head, "%zX;ext=1\r\n", step);
            client_put(&c, head);
            client_send(&c, body + at, step);
            client_put(&c, "\r\n");
        }
        client_put(&c, "0\r\nTrailer: x\r\n\r\n");
        r = client_read(&c, 0);
        assert_int_equal(r.status, 200);
        assert_int_equal(r.body_n, sizes[i]);
        assert_memory_equal(r.body, body, sizes[i]);
        reply_free(&r);
    }
    client_put(&c, "POST /maybe HTTP/1.1\r\n" HOST "\r\n");
    reply r = client_read(&c, 0);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body_n, 0);
    reply_free(&r);
    client_put(&c, "POST /echo HTTP/1.1\r\n" HOST "\r\n");
    r = client_read(&c, 0);
    EXPECT(r, 411, "Content-Length");
    reply_free(&r);
    client_put(&c, "POST /nowhere HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabcGET /fail HTTP/1.1\r\n" HOST "\r\n");
    r = client_read(&c, 0);
    assert_int_equal(r.status, 404);
    reply_free(&r);
    r = client_read(&c, 0);
    EXPECT(r, 400, "temperature"); /* the refused body was read, and the connection goes on */
    reply_free(&r);
    client_close(&c);
}

static void breaks_off_malformed_chunks(void **state) {
    static const char *const bad[] = {"x\r\nabc\r\n0\r\n\r\n",  "-1\r\n\r\n",
                                      "3 \r\nabc\r\n0\r\n\r\n", "\r\n\r\n",
                                      "3\r\nabcd\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFFF\r\n",
                                      "0x3\r\nabc\r\n0\r\n\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        client c = client_open(*state);
        client_put(&c, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
        client_put(&c, bad[i]);
        reply r = client_read(&c, 0);
        if (r.status != 400 && r.status != 413) fail_msg("chunk %s: %d", bad[i], r.status);
        assert_true(client_ended(&c));
        reply_free(&r);
        client_close(&c);
    }
}

static void minds_expect(void **state) {
    client c = client_open(*state);
    client_put(&c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    reply r = client_read(&c, 0);
    assert_int_equal(r.status, 100);
    reply_free(&r);
    client_put(&c, "abc");
    r = client_read(&c, 0);
    EXPECT(r, 200, "abc");
    reply_free(&r);
    /* over the limit, unknown path, wrong method: said before the body is sent */
    static const struct {
        const char *line;
        int status;
    } no[] = {{"POST /echo HTTP/1.1\r\nContent-Length: 1048577\r\n", 413},
              {"POST /nowhere HTTP/1.1\r\nContent-Length: 10\r\n", 404},
              {"PUT /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", 405}};
    client_close(&c);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        c = client_open(*state);
        client_put(&c, no[i].line);
        client_put(&c, HOST "Expect: 100-Continue\r\n\r\n");
        r = client_read(&c, 0);
        assert_int_equal(r.status, no[i].status);
        assert_string_equal(reply_header(&r, "Connection"), "close");
        assert_true(client_ended(&c));
        reply_free(&r);
        client_close(&c);
    }
}

/* Sends n bytes whether or not the server still reads them. */
static void pour(client *c, size_t n) {
    static char dust[65536];
    while (n) {
        size_t k = n < sizeof dust ? n : sizeof dust;
        if (client_send(c, dust, k)) return;
        n -= k;
    }
}

static void limits_bodies(void **state) {
    /* A client that does not look before it has sent all must still find the answer. */
    client c = client_open(*state);
    client_put(&c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5000000\r\n\r\n");
    pour(&c, 5000000);
    reply r = client_read(&c, 0);
    EXPECT(r, 413, "larger than 1048576 bytes");
    reply_free(&r);
    client_close(&c);
    c = client_open(*state);
    client_put(&c, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 40; i++) {
        client_put(&c, "10000\r\n");
        pour(&c, 65536);
        client_put(&c, "\r\n");
    }
    client_put(&c, "0\r\n\r\nGET /fail HTTP/1.1\r\n" HOST "\r\n");
    r = client_read(&c, 0);
    EXPECT(r, 413, "larger than 1048576 bytes");
    reply_free(&r);
    r = client_read(&c, 0);
    EXPECT(r, 400, "temperature");
    reply_free(&r);
    client_close(&c);
    c = client_open(*state);
    client_put(&c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n");
    r = client_read(&c, 0);
    assert_int_equal(r.status, 413);
    reply_free(&r);
    client_close(&c);
}

static void limits_bodies_in_flight(void **state) {
    client busy[4], c;
    for (int i = 0; i < 4; i++) {
        busy[i] = client_open(*state);
        client_put(&busy[i], "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1048576\r\nExpect: 100-continue\r\n\r\n");
        reply r = client_read(&busy[i], 0);
        assert_int_equal(r.status, 100);
        reply_free(&r);
    }
    c = client_open(*state);
    client_put(&c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx");
    reply r = client_read(&c, 0);
    EXPECT(r, 503, "in flight");
    assert_string_equal(reply_header(&r, "Retry-After"), "1");
    reply_free(&r);
    for (int i = 0; i < 4; i++) client_close(&busy[i]);
    for (int status = 503; status != 200;) { /* freed when the server has seen the ends */
        client_put(&c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx");
        r = client_read(&c, 0);
        status = r.status;
        assert_true(status == 200 || status == 503);
        reply_free(&r);
    }
    client_close(&c);
}

static void limits_heads(void **state) {
    static char text[60000];
    static const struct {
        size_t target, header, count;
        int status, ours;
    } rows_[] = {
        {8000, 0, 0, 404, 1},  {8300, 0, 0, 414, 1},  {50000, 0, 0, 414, 0},
        {10, 7000, 0, 404, 1}, {10, 9000, 0, 431, 1}, {10, 50000, 0, 431, 0},
        {10, 10, 99, 404, 1},  {10, 10, 101, 431, 1}, {10, 1, 3000, 431, 0},
    };
    for (size_t i = 0; i < sizeof rows_ / sizeof *rows_; i++) {
        jd_buf b = {0};
        memset(text, 'a', sizeof text);
        jd_buf_printf(&b, "GET /%.*s HTTP/1.1\r\n" HOST, (int)rows_[i].target, text);
        if (rows_[i].count == 0 && rows_[i].header) jd_buf_printf(&b, "X: %.*s\r\n", (int)rows_[i].header, text);
        for (size_t k = 0; k < rows_[i].count; k++) jd_buf_printf(&b, "X: %.*s\r\n", (int)rows_[i].header, text);
        jd_buf_z(&b, "\r\n");
        client c = client_open(*state);
        client_send(&c, b.p, b.n);
        reply r = client_read(&c, 0);
        if (r.status != rows_[i].status) fail_msg("row %zu: %d", i, r.status);
        if (rows_[i].ours) assert_non_null(strstr(r.body, "errors/"));
        if (r.status != 404) assert_true(client_ended(&c));
        reply_free(&r);
        client_close(&c);
        jd_buf_fini(&b);
    }
}

static void limits_connections(void **state) {
    (void)state;
    jd_door *d = door_open((jd_door_opts){ROWS, .io_threads = 2, .connections_max = 3});
    client c[3];
    for (int i = 0; i < 3; i++) {
        c[i] = client_open(d);
        client_put(&c[i], "GET /fail HTTP/1.1\r\n" HOST "\r\n");
        reply r = client_read(&c[i], 0);
        assert_int_equal(r.status, 400);
        reply_free(&r);
    }
    client more = client_open(d);
    client_put(&more, "GET /fail HTTP/1.1\r\n" HOST "\r\n");
    reply r = client_read(&more, 0);
    EXPECT(r, 503, "too many connections");
    assert_string_equal(reply_header(&r, "Retry-After"), "1");
    assert_true(client_ended(&more));
    reply_free(&r);
    client_close(&more);
    client_close(&c[0]);
    for (int status = 503; status != 400;) {
        r = get(d, "/fail", "");
        status = r.status;
        assert_true(status == 400 || status == 503);
        reply_free(&r);
    }
    for (int i = 1; i < 3; i++) client_close(&c[i]);
    jd_door_stop(d, NULL);
}

static void limits_connections_of_one_address(void **state) {
    (void)state;
    jd_door *d = door_open((jd_door_opts){ROWS, .io_threads = 1, .connections_per_ip_max = 2});
    client a = client_open(d), b = client_open(d), c;
    client_put(&a, "GET /fail HTTP/1.1\r\n" HOST "\r\n");
    client_put(&b, "GET /fail HTTP/1.1\r\n" HOST "\r\n");
    reply r = client_read(&a, 0);
    assert_int_equal(r.status, 400);
    reply_free(&r);
    r = client_read(&b, 0);
    assert_int_equal(r.status, 400);
    reply_free(&r);
    c = client_open(d);
    client_put(&c, "GET /fail HTTP/1.1\r\n" HOST "\r\n");
    assert_true(client_ended(&c));
    client_close(&a);
    client_close(&b);
    client_close(&c);
    jd_door_stop(d, NULL);
}

/* Each of these clients would hold its connection for ever; that the reads come back is the test. */
static void cuts_slow_clients(void **state) {
    (void)state;
    jd_door *d = door_open((jd_door_opts){ROWS, .io_threads = 1, .idle_ms = 300});
    client silent_one = client_open(d), half = client_open(d), head = client_open(d), body = client_open(d);
    client_put(&half, "GET /fail HT");
    client_put(&head, "GET /fail HTTP/1.1\r\n" HOST);
    client_put(&body, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n");
    int head_ends = 0, body_ends = 0;
    while (!head_ends || !body_ends) { /* a drop now and then, which the library takes for life */
        nap_ms(50);
        if (!head_ends) head_ends = client_put(&head, "X: y\r\n") != 0;
        if (!body_ends) body_ends = client_put(&body, "z") != 0;
    }
    assert_true(client_ended(&silent_one));
    assert_true(client_ended(&half));
    client_close(&silent_one);
    client_close(&half);
    client_close(&head);
    client_close(&body);
    reply r = get(d, "/metrics", "");
    const char *slow = strstr(r.body, "jindu_http_refused_total{reason=\"slow\"} ");
    assert_non_null(slow);
    assert_true(atoi(slow + strlen("jindu_http_refused_total{reason=\"slow\"} ")) >= 2);
    reply_free(&r);
    jd_door_stop(d, NULL);
}

static int unwell(void *app, jd_buf *out) {
    jd_buf_printf(out, ",\"store\":\"%s\"", (const char *)app);
    return 0;
}

static void own_metrics(void *app, jd_buf *out) {
    (void)app;
    jd_buf_z(out, "jindu_mine 7\n");
}

static void tells_how_it_is(void **state) {
    reply r = get(*state, "/health", "");
    EXPECT(r, 200, "{\"status\":\"ok\",\"uptimeSeconds\":");
    reply_free(&r);
    static char app[] = "full";
    jd_door *d = door_open((jd_door_opts){ROWS, .io_threads = 1, .health = unwell, .metrics = own_metrics, .app = app});
    r = get(d, "/health", "");
    EXPECT(r, 503, ",\"store\":\"full\"}");
    assert_non_null(reply_header(&r, "Retry-After"));
    reply_free(&r);
    r = get(d, "/fail", "");
    reply_free(&r);
    r = get(d, "/fail?x", "");
    reply_free(&r);
    r = get(d, "/nowhere", "");
    reply_free(&r);
    r = ask(d, "GET /fail HTTP/1.1\r\n\r\n");
    reply_free(&r);
    r = ask(d, "GET /fail HTTP/1.1\r\nHost\r\n\r\n"); /* the library's own refusal is counted too */
    reply_free(&r);
    client c = client_open(d);
    client_put(&c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
    r = client_read(&c, 0);
    reply_free(&r);
    client_put(&c, "GET /metrics HTTP/1.1\r\n" HOST "\r\n");
    r = client_read(&c, 0);
    EXPECT(r, 200, "jindu_http_requests_total{method=\"GET\",route=\"/fail\",status=\"400\"} 2\n");
    EXPECT(r, 200, "jindu_http_requests_total{method=\"POST\",route=\"/echo\",status=\"200\"} 1\n");
    EXPECT(r, 200, "jindu_http_requests_total{method=\"\",route=\"\",status=\"404\"} 1\n");
    EXPECT(r, 200, "jindu_http_refused_total{reason=\"malformed\"} 2\n");
    EXPECT(r, 200, "jindu_http_request_duration_seconds_bucket{le=\"+Inf\"} 6\n");
    EXPECT(r, 200, "jindu_http_request_duration_seconds_count 6\n");
    EXPECT(r, 200, "jindu_http_requests_in_flight 1\n");
    EXPECT(r, 200, "jindu_http_requests_suspended 0\n");
    EXPECT(r, 200, "jindu_http_body_bytes_in_flight 0\n");
    EXPECT(r, 200, "jindu_mine 7\n");
    reply_free(&r);
    client_close(&c);
    jd_door_stop(d, NULL);
}

static void says_why_it_cannot_open(void **state) {
    jd_door *d = NULL;
    jd_err err = {0};
    jd_door_opts o = {ROWS, .port = jd_door_port(*state)};
    assert_int_equal(jd_door_start(&d, &o, &err), -1);
    assert_null(d);
    assert_non_null(strstr(err.en, "cannot listen on 127.0.0.1 port"));
    o.port = 0;
    o.web_dir = "/nowhere/at/all";
    assert_int_equal(jd_door_start(&d, &o, &err), -1);
    assert_non_null(strstr(err.en, "/nowhere/at/all"));
    o.web_dir = NULL;
    static const jd_route twice[] = {{JD_GET, "/health", silent, NULL, 0, NULL}};
    o.routes = twice;
    o.routes_n = 1;
    assert_int_equal(jd_door_start(&d, &o, &err), -1);
    assert_non_null(strstr(err.en, "/health"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, open_door, close_door)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(hands_requests_over),
        T(answers_errors_as_problem_details),
        T(knows_its_routes),
        T(serves_head_from_get),
        T(sends_large_answers),
        T(takes_bodies),
        T(breaks_off_malformed_chunks),
        T(minds_expect),
        T(limits_bodies),
        T(limits_bodies_in_flight),
        T(limits_heads),
        cmocka_unit_test(limits_connections),
        cmocka_unit_test(limits_connections_of_one_address),
        cmocka_unit_test(cuts_slow_clients),
        T(tells_how_it_is),
        T(says_why_it_cannot_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

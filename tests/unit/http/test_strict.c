/* Shapes that two readers may read differently are refused, over a real socket: 400 and the end of the connection. */
#include "http_test.h"

static _Atomic int ran;

static jd_turn count(jd_req *r) {
    atomic_fetch_add(&ran, 1);
    jd_buf_printf(&r->out, "%zu", r->body.n);
    r->status = 200;
    r->type = "text/plain";
    return JD_ANSWER;
}

static const jd_route rows[] = {
    {JD_GET, "/x", count, "a", 0, NULL},
    {JD_POST, "/x", count, NULL, JD_R_BODY, NULL},
};

static int open_door(void **state) {
    jd_log_level(JD_LOG_OFF);
    *state = door_open((jd_door_opts){.routes = rows, .routes_n = 2, .io_threads = 1});
    return 0;
}

static int close_door(void **state) {
    jd_door_stop(*state, NULL);
    return 0;
}

typedef struct shape {
    const char *name, *bytes;
    size_t n;       /* 0: strlen */
    int by_library; /* refused by libmicrohttpd before our code is asked: its own text, sent twice for a bad length */
} shape;

#define H "Host: a\r\n"
static const shape bad[] = {
    {"Content-Length and Transfer-Encoding",
     "POST /x HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 0},
    {"Transfer-Encoding and Content-Length",
     "POST /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 0, 0},
    {"two Content-Lengths", "POST /x HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 0, 0},
    {"the same Content-Length twice", "POST /x HTTP/1.1\r\n" H "Content-Length: 3\r\ncontent-length: 3\r\n\r\nabc", 0,
     0},
    {"list in Content-Length", "POST /x HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\nabcde", 0, 1},
    {"plus in Content-Length", "POST /x HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nabcde", 0, 1},
    {"minus in Content-Length", "POST /x HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\nabcde", 0, 1},
    {"hexadecimal Content-Length", "POST /x HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\nabcde", 0, 1},
    {"space behind Content-Length", "POST /x HTTP/1.1\r\n" H "Content-Length: 5 \r\n\r\nabcde", 0, 1},
    {"space in Content-Length", "POST /x HTTP/1.1\r\n" H "Content-Length: 1 5\r\n\r\nabcde", 0, 1},
    {"empty Content-Length", "POST /x HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 0, 1},
    {"unknown coding", "POST /x HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n", 0, 0},
    {"list of codings", "POST /x HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 0, 0},
    {"identity", "POST /x HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc", 0, 0},
    {"chunked twice",
     "POST /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 0},
    {"chunked with a space behind", "POST /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n", 0, 0},
    {"chunked with a vertical tab", "POST /x HTTP/1.1\r\n" H "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", 0, 0},
    {"chunked in HTTP/1.0", "POST /x HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 0},
    {"space before the colon", "GET /x HTTP/1.1\r\n" H "Accept : */*\r\n\r\n", 0, 0},
    {"tab before the colon", "POST /x HTTP/1.1\r\n" H "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", 0, 0},
    {"space in a name", "GET /x HTTP/1.1\r\n" H "Acc ept: */*\r\n\r\n", 0, 0},
    {"no name", "GET /x HTTP/1.1\r\n" H ": */*\r\n\r\n", 0, 0},
    {"control character in a name",
     "GET /x HTTP/1.1\r\n" H "Acc\x01"
     "ept: */*\r\n\r\n",
     0, 0},
    {"byte above 127 in a name", "GET /x HTTP/1.1\r\n" H "Acc\xc3\xa9: */*\r\n\r\n", 0, 0},
    {"brackets in a name", "GET /x HTTP/1.1\r\n" H "A(b): */*\r\n\r\n", 0, 0},
    {"no colon", "GET /x HTTP/1.1\r\n" H "Accept\r\n\r\n", 0, 1},
    {"folded line", "GET /x HTTP/1.1\r\n" H "Accept: a\r\n b\r\n\r\n", 0, 0},
    {"folded first line", "GET /x HTTP/1.1\r\n Host: a\r\n\r\n", 0, 0},
    {"folded Transfer-Encoding", "POST /x HTTP/1.1\r\n" H "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 0, 0},
    {"control character in a value", "GET /x HTTP/1.1\r\n" H "Accept: a\x02z\r\n\r\n", 0, 0},
    {"bare CR in a value", "GET /x HTTP/1.1\r\n" H "Accept: a\rX: b\r\n\r\n", 0, 0},
    {"DEL in a value", "GET /x HTTP/1.1\r\n" H "Accept: a\x7f\r\n\r\n", 0, 0},
#define NUL_CASE(name, text, lib) \
    { name, text, sizeof(text) - 1, lib }
    NUL_CASE("NUL in a value", "GET /x HTTP/1.1\r\n" H "Accept: a\0b\r\n\r\n", 0),
    NUL_CASE("two NULs in a value", "GET /x HTTP/1.1\r\n" H "Accept: a\0\0B: c\r\n\r\n", 0),
    NUL_CASE("NULs that look like lines",
             "POST /x HTTP/1.1\r\n" H "A: a\0\0Transfer-Encoding\0chunked\r\nContent-Length: 3\r\n\r\nabc", 0),
    NUL_CASE("NULs that look like the end", "GET /x HTTP/1.1\r\n" H "A: a\0\0\0\0\r\n\r\n", 0),
    NUL_CASE("NUL in a name", "GET /x HTTP/1.1\r\n" H "Acc\0ept: b\r\n\r\n", 1),
    NUL_CASE("NUL in the target", "GET /x\0y HTTP/1.1\r\n" H "\r\n", 0),
    NUL_CASE("NUL behind the method", "GET\0 /x HTTP/1.1\r\n" H "\r\n", 0),
    {"bare LF behind the request line", "GET /x HTTP/1.1\n" H "\r\n", 0, 0},
    {"bare LF behind a header", "GET /x HTTP/1.1\r\nHost: a\nAccept: b\r\n\r\n", 0, 0},
    {"bare LF behind the last header", "GET /x HTTP/1.1\r\nHost: a\n\r\n", 0, 0},
    {"bare LF as the empty line", "GET /x HTTP/1.1\r\nHost: a\r\n\n", 0, 0},
    {"only bare LFs", "GET /x HTTP/1.1\nHost: a\n\n", 0, 0},
    {"no Host", "GET /x HTTP/1.1\r\nAccept: a\r\n\r\n", 0, 0},
    {"no header at all", "GET /x HTTP/1.1\r\n\r\n", 0, 0},
    {"two Hosts", "GET /x HTTP/1.1\r\n" H "Host: b\r\n\r\n", 0, 0},
    {"empty Host", "GET /x HTTP/1.1\r\nHost: \r\n\r\n", 0, 0},
    {"Host with a path", "GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n", 0, 0},
    {"Host with a user", "GET /x HTTP/1.1\r\nHost: u@a\r\n\r\n", 0, 0},
    {"Host with a space", "GET /x HTTP/1.1\r\nHost: a b\r\n\r\n", 0, 0},
    {"two spaces before the target", "GET  /x HTTP/1.1\r\n" H "\r\n", 0, 0},
    {"two spaces before the version", "GET /x  HTTP/1.1\r\n" H "\r\n", 0, 0},
    {"space in the target", "GET /x y HTTP/1.1\r\n" H "\r\n", 0, 0},
    {"tab in the target", "GET /x\ty HTTP/1.1\r\n" H "\r\n", 0, 0},
    {"fragment in the target", "GET /x#y HTTP/1.1\r\n" H "\r\n", 0, 0},
    {"target without a slash", "GET x HTTP/1.1\r\n" H "\r\n", 0, 0},
    {"asterisk for GET", "GET * HTTP/1.1\r\n" H "\r\n", 0, 0},
    {"bracket in the method", "GE(T /x HTTP/1.1\r\n" H "\r\n", 0, 0},
    {"no version", "GET /x\r\n" H "\r\n", 0, 1},
    {"small letters in the version", "GET /x http/1.1\r\n" H "\r\n", 0, 1},
    {"long version", "GET /x HTTP/1.11\r\n" H "\r\n", 0, 1},
    {"space behind the version", "GET /x HTTP/1.1 \r\n" H "\r\n", 0, 1},
    {"bad escape in the path", "GET /%zz HTTP/1.1\r\n" H "\r\n", 0, 0},
    {"NUL escape in the path", "GET /%00 HTTP/1.1\r\n" H "\r\n", 0, 0},
    {"bad UTF-8 in the path", "GET /%ff HTTP/1.1\r\n" H "\r\n", 0, 0},
    {"bad UTF-8 in a parameter", "GET /x?a=%c0%af HTTP/1.1\r\n" H "\r\n", 0, 0},
    {"bad escape in a parameter", "GET /x?a=%2 HTTP/1.1\r\n" H "\r\n", 0, 0},
};

/* What follows a refused request must never be run as a request: in all shapes but the last few (which are no framing
 * faults) the connection ends. */
static int ends_connection(const shape *s) {
    static const char *const harmless[] = {
        "target without a slash", "asterisk for GET",         "bad escape in the path",   "NUL escape in the path",
        "bad UTF-8 in the path",  "bad UTF-8 in a parameter", "bad escape in a parameter"};
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (!strcmp(s->name, harmless[i])) return 0;
    return 1;
}

static void read_to_end(client *c) {
    while (client_more(c)) {}
    jd_buf_c(&c->in, 0);
}

/* Before our code is asked the library answers by itself; then what matters is that nothing but a 400 leaves. */
static void check_library(client *c, const shape *s) {
    read_to_end(c);
    if (strncmp(c->in.p, "HTTP/1.1 400 ", 13) != 0 || !strstr(c->in.p, "\r\nConnection: close\r\n"))
        fail_msg("%s: %s", s->name, c->in.p);
    for (const char *p = c->in.p; (p = strstr(p, "HTTP/1.1 ")) != NULL; p++)
        if (strncmp(p, "HTTP/1.1 400 ", 13) != 0) fail_msg("%s: %s", s->name, c->in.p);
    if (strstr(c->in.p, "errors/InvalidRequest")) fail_msg("%s: is refused by us now, say so in the table", s->name);
}

static void check_ours(client *c, const shape *s) {
    reply r = client_read(c, 0);
    if (r.status != 400) fail_msg("%s: status %d", s->name, r.status);
    if (!strstr(r.body, "\"status\":400") || !strstr(r.body, "errors/InvalidRequest"))
        fail_msg("%s: answered with %s", s->name, r.body);
    if (ends_connection(s)) {
        if (!client_ended(c)) fail_msg("%s: the connection goes on with %s", s->name, c->in.p);
        const char *how = reply_header(&r, "Connection");
        if (!how || strcmp(how, "close") != 0) fail_msg("%s: no Connection: close", s->name);
    }
    reply_free(&r);
}

static void refuses_what_can_be_read_twice(void **state) {
    jd_door *d = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const shape *s = &bad[i];
        int before = atomic_load(&ran);
        client c = client_open(d);
        client_send(&c, s->bytes, s->n ? s->n : strlen(s->bytes));
        if (ends_connection(s)) client_put(&c, "GET /x HTTP/1.1\r\n" H "\r\n"); /* the smuggled one */
        if (s->by_library)
            check_library(&c, s);
        else
            check_ours(&c, s);
        if (atomic_load(&ran) != before) fail_msg("%s: the handler was run", s->name);
        client_close(&c);
    }
}

static void takes_what_is_right(void **state) {
    static const struct {
        const char *bytes, *body;
    } good[] = {
        {"GET /x HTTP/1.1\r\n" H "\r\n", "0"},
        {"GET /x HTTP/1.0\r\n\r\n", "0"},
        {"\r\nGET /x HTTP/1.1\r\n" H "\r\n", "0"},
        {"GET http://a/x HTTP/1.1\r\n" H "\r\n", "0"},
        {"GET /x HTTP/1.1\r\nhOsT:a:8080\r\n\r\n", "0"},
        {"GET /x HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "0"},
        {"GET /x HTTP/1.1\r\nHost:\t a \t\r\nAccept: \r\nX-Name: 镇江 \"q\"\r\n\r\n", "0"},
        {"GET /x?a=%E9%95%87+x HTTP/1.1\r\n" H "\r\n", "0"},
        {"GET /x?a=镇江 HTTP/1.1\r\n" H "\r\n", "0"},
        {"POST /x HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", "0"},
        {"POST /x HTTP/1.1\r\n" H "Content-Length: 003\r\n\r\nabc", "3"},
        {"POST /x HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nX: y\r\n\r\n", "3"},
        {"POST /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "0"},
        {"GET /x HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", "3"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        reply r = ask(*state, good[i].bytes);
        if (r.status != 200 || strcmp(r.body, good[i].body) != 0)
            fail_msg("%s: status %d, body %s", good[i].bytes, r.status, r.body ? r.body : "(none)");
        reply_free(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_what_can_be_read_twice, open_door, close_door),
        cmocka_unit_test_setup_teardown(takes_what_is_right, open_door, close_door),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

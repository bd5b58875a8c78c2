/* A door on a free port of the loopback, and a client that sends bytes as they are. */
#ifndef JD_HTTP_TEST_H
#define JD_HTTP_TEST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "http/door.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct client {
    int fd;
    jd_buf in; /* read and not yet used */
} client;

typedef struct reply {
    int status; /* 0: the connection ended without an answer */
    char *head; /* with the status line */
    char *body; /* NUL-terminated */
    size_t body_n;
} reply;

static inline int port_connect(unsigned port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct timeval patience = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline client client_open(const jd_door *d) {
    client c = {.fd = port_connect(jd_door_port(d))};
    assert_true(c.fd >= 0);
    return c;
}

static inline void client_close(client *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    jd_buf_fini(&c->in);
}

/* 0 when all was sent */
static inline int client_send(client *c, const void *p, size_t n) {
    const char *s = p;
    while (n) {
        ssize_t k = send(c->fd, s, n, MSG_NOSIGNAL);
        if (k <= 0) return -1;
        s += k;
        n -= (size_t)k;
    }
    return 0;
}

static inline int client_put(client *c, const char *z) {
    return client_send(c, z, strlen(z));
}

/* 1: more came; 0: the end */
static inline int client_more(client *c) {
    char piece[16384];
    ssize_t k = recv(c->fd, piece, sizeof piece, 0);
    if (k <= 0) return 0;
    jd_buf_add(&c->in, piece, (size_t)k);
    return 1;
}

static inline const char *reply_header(const reply *r, const char *name) {
    static _Thread_local char value[4096];
    size_t n = strlen(name);
    for (const char *s = strchr(r->head, '\n'); s && s[1]; s = strchr(s + 1, '\n')) {
        if (strncasecmp(s + 1, name, n) != 0 || s[1 + n] != ':') continue;
        snprintf(value, sizeof value, "%.*s", (int)strcspn(s + 3 + n, "\r"), s + 3 + n);
        return value;
    }
    return NULL;
}

static inline void reply_free(reply *r) {
    free(r->head);
    free(r->body);
    *r = (reply){0};
}

/* The next answer; no_body: of a HEAD request. */
static inline reply client_read(client *c, int no_body) {
    reply r = {0};
    const char *end = NULL;
    while (!c->in.n || (end = memmem(c->in.p, c->in.n, "\r\n\r\n", 4)) == NULL)
        if (!client_more(c)) return r;
    size_t head = (size_t)(end - c->in.p) + 4;
    r.head = jd_xstrdup((jd_str){c->in.p, head});
    r.status = atoi(r.head + 9);
    const char *length = reply_header(&r, "Content-Length");
    size_t n = length && !no_body && r.status >= 200 && r.status != 304 ? strtoul(length, NULL, 10) : 0;
    while (c->in.n < head + n)
        if (!client_more(c)) break;
    if (n > c->in.n - head) n = c->in.n - head;
    r.body = jd_xstrdup((jd_str){c->in.p + head, n});
    r.body_n = n;
    memmove(c->in.p, c->in.p + head + n, c->in.n - head - n);
    c->in.n -= head + n;
    return r;
}

/* Does the server end the connection, without a further byte? */
static inline int client_ended(client *c) {
    return c->in.n == 0 && !client_more(c);
}

/* One request on a fresh connection. */
static inline reply ask(const jd_door *d, const char *text) {
    client c = client_open(d);
    client_put(&c, text);
    reply r = client_read(&c, strncmp(text, "HEAD", 4) == 0);
    client_close(&c);
    return r;
}

#define HOST "Host: jindu.test\r\n"
static inline reply get(const jd_door *d, const char *target, const char *headers) {
    jd_buf b = {0};
    jd_buf_printf(&b, "GET %s HTTP/1.1\r\n" HOST "%s\r\n%c", target, headers, 0);
    reply r = ask(d, b.p);
    jd_buf_fini(&b);
    return r;
}

static inline void nap_ms(long ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Waits until the condition holds; the test fails after 20 seconds. */
#define WAIT_FOR(cond)                                            \
    do {                                                          \
        for (int tries = 0; !(cond); tries++) {                   \
            if (tries > 10000) fail_msg("never true: %s", #cond); \
            nap_ms(2);                                            \
        }                                                         \
    } while (0)

static inline jd_door *door_open(jd_door_opts o) {
    jd_door *d = NULL;
    jd_err err = {0};
    if (jd_door_start(&d, &o, &err)) fail_msg("%s", err.en);
    return d;
}
#endif

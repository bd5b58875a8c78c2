#include "http_link.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

void http_open(http_link *h, unsigned port) {
    *h = (http_link){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .port = port};
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    if (h->fd < 0 || connect(h->fd, (struct sockaddr *)&a, sizeof a)) bench_die("cannot connect to port %u", port);
    setsockopt(h->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void http_close(http_link *h) {
    if (h->fd > 0) close(h->fd);
    jd_buf_fini(&h->head);
    jd_buf_fini(&h->in);
    *h = (http_link){0};
}

static void send_all(http_link *h, jd_str body) {
    struct iovec v[2] = {{h->head.p, h->head.n}, {(void *)(uintptr_t)body.p, body.n}};
    int at = 0;
    while (at < 2) {
        if (!v[at].iov_len) {
            at++;
            continue;
        }
        ssize_t n = writev(h->fd, v + at, 2 - at);
        if (n <= 0) bench_die("port %u: a connection was closed while sending", h->port);
        for (size_t left = (size_t)n; left;) {
            size_t take = left < v[at].iov_len ? left : v[at].iov_len;
            v[at].iov_base = (char *)v[at].iov_base + take;
            v[at].iov_len -= take;
            left -= take;
            if (!v[at].iov_len && at < 1) at++;
        }
        if (!v[1].iov_len) return;
    }
}

static void more(http_link *h) {
    char *room = jd_buf_room(&h->in, 1 << 18);
    ssize_t n = read(h->fd, room, 1 << 18);
    if (n <= 0) bench_die("port %u: the connection was closed", h->port);
    h->in.n += (size_t)n;
}

/* The value of a header, p NULL when it is not there. */
static jd_str header(const http_link *h, size_t head_n, const char *name) {
    size_t n = strlen(name);
    for (size_t i = 0; i + n < head_n; i++) {
        if (h->in.p[i] != '\n' || strncasecmp(h->in.p + i + 1, name, n) != 0) continue;
        const char *p = h->in.p + i + 1 + n;
        while (*p == ' ' || *p == ':') p++;
        return (jd_str){p, (size_t)((const char *)memchr(p, '\r', (size_t)(h->in.p + head_n - p)) - p)};
    }
    return (jd_str){NULL, 0};
}

/* Chunks at `at` become one body in place. */
static void dechunk(http_link *h, size_t at) {
    size_t read_at = at, write_at = at;
    for (;;) {
        char *end;
        while (!(end = memchr(h->in.p + read_at, '\n', h->in.n - read_at))) more(h);
        size_t size = strtoul(h->in.p + read_at, NULL, 16), begin = (size_t)(end + 1 - h->in.p);
        while (h->in.n < begin + size + 2) more(h);
        memmove(h->in.p + write_at, h->in.p + begin, size);
        write_at += size;
        read_at = begin + size + 2;
        if (!size) break;
    }
    h->body = (jd_str){h->in.p + at, write_at - at};
}

int http_ask(http_link *h, const char *method, const char *target, const char *type, jd_str body) {
    h->head.n = h->in.n = 0;
    jd_buf_printf(&h->head, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n", method, target, h->port);
    if (type) jd_buf_printf(&h->head, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, body.n);
    jd_buf_z(&h->head, "\r\n");
    send_all(h, type ? body : (jd_str){NULL, 0});
    char *end;
    do more(h);
    while (!(end = memmem(h->in.p, h->in.n, "\r\n\r\n", 4)));
    size_t head_n = (size_t)(end - h->in.p) + 2, at = head_n + 2;
    h->status = atoi(h->in.p + 9);
    jd_str length = header(h, head_n, "content-length"), coding = header(h, head_n, "transfer-encoding");
    if (coding.p && jd_str_is(coding, "chunked")) {
        dechunk(h, at);
    } else {
        size_t n = length.p ? strtoul(length.p, NULL, 10) : 0;
        while (h->in.n < at + n) more(h);
        h->body = (jd_str){h->in.p + at, n};
    }
    return h->status;
}

void http_must(http_link *h, const char *method, const char *target, const char *type, jd_str body) {
    int status = http_ask(h, method, target, type, body);
    if (status < 200 || status > 299)
        bench_die("%s %.200s: %d %.*s", method, target, status, (int)(h->body.n < 500 ? h->body.n : 500), h->body.p);
}

void http_escape(jd_buf *out, const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-_.~", c))
            jd_buf_c(out, (char)c);
        else
            jd_buf_printf(out, "%%%02X", c);
    }
}

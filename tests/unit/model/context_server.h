/* A small HTTP server in the test's own process: routes by path, what was asked, and a gate that holds answers back. */
#ifndef CONTEXT_SERVER_H
#define CONTEXT_SERVER_H
#include "context_test.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct route {
    char path[64];
    int status;
    const char *headers, *body; /* headers: whole lines; body NULL: 2 MB of spaces */
    int hits;
} route;

enum { ROUTES_MAX = 64 };

static struct server {
    int fd, port, stop, closed, waiting; /* closed: while set, requests wait */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t opened;
    route routes[ROUTES_MAX];
    size_t n;
    char last[2048]; /* the last request as it came */
} server = {.mutex = PTHREAD_MUTEX_INITIALIZER, .opened = PTHREAD_COND_INITIALIZER};

static inline void send_all(int fd, const char *p, size_t n) {
    while (n) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k <= 0) return;
        p += k;
        n -= (size_t)k;
    }
}

static inline void answer(int fd) {
    char request[2048], path[256] = "", head[512];
    size_t got = 0;
    while (got < sizeof request - 1) {
        ssize_t k = recv(fd, request + got, sizeof request - 1 - got, 0);
        if (k <= 0) return;
        got += (size_t)k;
        request[got] = 0;
        if (strstr(request, "\r\n\r\n")) break;
    }
    sscanf(request, "GET %255s", path);
    pthread_mutex_lock(&server.mutex);
    memcpy(server.last, request, got + 1);
    server.waiting = server.closed;
    pthread_cond_broadcast(&server.opened);
    while (server.closed) pthread_cond_wait(&server.opened, &server.mutex);
    const route *r = NULL;
    for (size_t i = 0; i < server.n; i++)
        if (strcmp(server.routes[i].path, path) == 0) {
            server.routes[i].hits++;
            r = &server.routes[i];
        }
    route copy = r ? *r : (route){.status = 404, .headers = "", .body = ""};
    pthread_mutex_unlock(&server.mutex);
    size_t n = copy.body ? strlen(copy.body) : 2000000;
    int h = snprintf(head, sizeof head, "HTTP/1.1 %d X\r\n%sConnection: close\r\nContent-Length: %zu\r\n\r\n",
                     copy.status, copy.headers, n);
    send_all(fd, head, (size_t)h);
    if (copy.body) {
        send_all(fd, copy.body, n);
    } else {
        static char spaces[2000000];
        memset(spaces, ' ', sizeof spaces);
        send_all(fd, spaces, n);
    }
}

static inline void *serve(void *arg) {
    (void)arg;
    for (;;) {
        int fd = accept(server.fd, NULL, NULL);
        if (fd < 0) return NULL;
        pthread_mutex_lock(&server.mutex);
        int stop = server.stop;
        pthread_mutex_unlock(&server.mutex);
        if (!stop) answer(fd);
        shutdown(fd, SHUT_WR);
        close(fd);
        if (stop) return NULL;
    }
}

static inline int server_begin(void **state) {
    (void)state;
    static const char *const proxies[] = {"http_proxy", "https_proxy", "all_proxy",
                                          "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"};
    for (size_t i = 0; i < COUNT(proxies); i++) unsetenv(proxies[i]);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server.fd < 0 || bind(server.fd, (struct sockaddr *)&at, n) || listen(server.fd, 64)) return -1;
    if (getsockname(server.fd, (struct sockaddr *)&at, &n)) return -1;
    server.port = ntohs(at.sin_port);
    return pthread_create(&server.thread, NULL, serve, NULL);
}

static inline int server_end(void **state) {
    (void)state;
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)server.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    pthread_mutex_lock(&server.mutex);
    server.stop = 1;
    pthread_mutex_unlock(&server.mutex);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = connect(fd, (struct sockaddr *)&at, sizeof at);
    close(fd);
    pthread_join(server.thread, NULL);
    close(server.fd);
    return rc;
}

static inline void routes_reset(void) {
    pthread_mutex_lock(&server.mutex);
    server.n = 0;
    pthread_mutex_unlock(&server.mutex);
}

#define LD "Content-Type: application/ld+json\r\n"

static inline void put(const char *path, int status, const char *headers, const char *body) {
    pthread_mutex_lock(&server.mutex);
    route *r = NULL;
    for (size_t i = 0; i < server.n; i++)
        if (strcmp(server.routes[i].path, path) == 0) r = &server.routes[i];
    if (!r) r = &server.routes[server.n++];
    *r = (route){.status = status, .headers = headers, .body = body};
    snprintf(r->path, sizeof r->path, "%s", path);
    pthread_mutex_unlock(&server.mutex);
}

static inline int hits(const char *path) {
    int n = 0;
    pthread_mutex_lock(&server.mutex);
    for (size_t i = 0; i < server.n; i++)
        if (strcmp(server.routes[i].path, path) == 0) n = server.routes[i].hits;
    pthread_mutex_unlock(&server.mutex);
    return n;
}

static inline void gate(int closed) {
    pthread_mutex_lock(&server.mutex);
    server.closed = closed;
    server.waiting = 0;
    pthread_cond_broadcast(&server.opened);
    pthread_mutex_unlock(&server.mutex);
}

static inline void gate_reached(void) {
    pthread_mutex_lock(&server.mutex);
    while (!server.waiting) pthread_cond_wait(&server.opened, &server.mutex);
    pthread_mutex_unlock(&server.mutex);
}
#endif

/* Addresses, and readiness by the protocol of sd_notify(3): one datagram to the socket that $NOTIFY_SOCKET names. */
#include "cmd/listen.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int cmd_address_parse(const char *text, cmd_address *out, jd_err *err) {
    const char *colon = strrchr(text, ':'), *from = text, *to = colon;
    int bracketed = text[0] == '[';
    if (colon && bracketed) {
        from = text + 1;
        to = colon > text && colon[-1] == ']' ? colon - 1 : from;
    }
    int bare_ipv6 = to && !bracketed && memchr(from, ':', (size_t)(to - from)) != NULL;
    int bad = !colon || to <= from || bare_ipv6 || (size_t)(to - from) >= sizeof out->host || !colon[1];
    unsigned port = 0;
    for (const char *p = colon ? colon + 1 : ""; *p && !bad; p++) {
        if (*p < '0' || *p > '9') bad = 1;
        port = port * 10 + (unsigned)(*p - '0');
        if (port > 65535) bad = 1;
    }
    if (bad)
        return jd_fail(err, JD_E_INVALID_REQUEST, "\"%s\" is no address; it looks like 127.0.0.1:8080 or [::1]:8080",
                       "“%s”不是有效地址；应形如 127.0.0.1:8080 或 [::1]:8080", text);
    memcpy(out->host, from, (size_t)(to - from));
    out->host[to - from] = 0;
    out->port = port;
    return 0;
}

static int is_loopback(const struct sockaddr *sa) {
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, sa, sizeof v4);
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    if (sa->sa_family != AF_INET6) return 0;
    struct sockaddr_in6 v6;
    memcpy(&v6, sa, sizeof v6);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && v6.sin6_addr.s6_addr[12] == 127);
}

int cmd_address_is_loopback(const cmd_address *a) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list = NULL;
    if (getaddrinfo(a->host, NULL, &hints, &list)) return -1;
    int all = list != NULL;
    for (const struct addrinfo *i = list; i; i = i->ai_next) all = all && is_loopback(i->ai_addr);
    freeaddrinfo(list);
    return all;
}

void cmd_address_url(const cmd_address *a, unsigned port, char *out, size_t cap) {
    const char *open = strchr(a->host, ':') ? "[" : "", *close = *open ? "]" : "";
    snprintf(out, cap, "http://%s%s%s:%u", open, a->host, close, port);
}

void cmd_notify(const char *state) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    if (!n || n >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@')) return;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@') to.sun_path[0] = 0; /* an abstract name */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)(const void *)&to,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
    (void)sent; /* nobody there: then nobody waits for it */
    close(fd);
}

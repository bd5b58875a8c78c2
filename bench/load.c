#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct connection {
    int fd, busy;
    double due; /* when its request fell due */
    uint64_t number;
    jd_buf out;
    size_t sent;
    char in[65536];
    size_t in_n, need; /* need: bytes of the whole answer, 0 while its head is not complete */
    int status;
} connection;

static int dial(unsigned port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a)) {
        if (fd >= 0) close(fd);
        return -1;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

static void push(connection *c) {
    while (c->sent < c->out.n) {
        ssize_t n = write(c->fd, c->out.p + c->sent, c->out.n - c->sent);
        if (n < 0 && errno == EAGAIN) return; /* requests are small; the next event goes on */
        if (n <= 0) bench_die("load: a connection was closed while sending");
        c->sent += (size_t)n;
    }
}

static void ask(connection *c, const load_plan *plan, uint64_t number, double due) {
    c->busy = 1;
    c->number = number;
    c->due = due;
    c->out.n = c->sent = c->in_n = c->need = 0;
    plan->request(plan->user, &c->out);
    push(c);
}

/* 1 when the answer is whole. */
static int pull(connection *c) {
    for (;;) {
        if (c->in_n == sizeof c->in) bench_die("load: an answer is larger than 64 kB");
        ssize_t n = read(c->fd, c->in + c->in_n, sizeof c->in - c->in_n);
        if (n < 0 && errno == EAGAIN) return 0;
        if (n <= 0) bench_die("load: the server closed a connection");
        c->in_n += (size_t)n;
        if (!c->need) {
            char *end = memmem(c->in, c->in_n, "\r\n\r\n", 4);
            if (!end) continue;
            c->status = atoi(c->in + 9);
            char *length = memmem(c->in, (size_t)(end - c->in), "Content-Length: ", 16);
            c->need = (size_t)(end + 4 - c->in) + (length ? strtoul(length + 16, NULL, 10) : 0);
        }
        if (c->in_n >= c->need) return 1;
    }
}

void load_run(const load_plan *plan, load_result *out) {
    *out = (load_result){0};
    connection *cs = jd_xcalloc(plan->connections, sizeof *cs);
    int ep = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < plan->connections; i++) {
        cs[i].fd = dial(plan->port);
        if (cs[i].fd < 0) bench_die("load: cannot connect to port %u", plan->port);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &cs[i]};
        epoll_ctl(ep, EPOLL_CTL_ADD, cs[i].fd, &e);
    }
    double begin = bench_seconds(), last = begin, now = begin;
    uint64_t due_n = 0, asked = 0; /* requests that fell due, and that were sent, so far */
    /* who is free, in turn: requests spread over all connections, as they do over a city's clients */
    unsigned idle = 0, next = 0;
    connection **free_list = jd_xcalloc(plan->connections, sizeof(connection *));
    for (unsigned i = 0; i < plan->connections; i++) {
        if (plan->rate > 0)
            free_list[(next + idle++) % plan->connections] = &cs[i];
        else
            ask(&cs[i], plan, asked++, now);
    }
    unsigned busy = plan->rate > 0 ? 0 : plan->connections;
    int closing = 0;
    while (!closing || busy) {
        struct epoll_event ev[256];
        /* an open loop looks every 250 us at the most: spinning would take a core from the server */
        struct timespec wait = {0, plan->rate > 0 && !closing && idle ? 250000 : 100000000};
        int n = epoll_pwait2(ep, ev, 256, &wait, NULL);
        now = bench_seconds();
        if (now - begin >= plan->seconds) closing = 1;
        for (int i = 0; i < n; i++) {
            connection *c = ev[i].data.ptr;
            if (c->sent < c->out.n) push(c);
            if (!pull(c)) continue;
            if (now - last > out->longest_gap) out->longest_gap = now - last;
            last = now;
            if (c->status == plan->status) {
                out->answers++;
            } else if (!out->wrong++) {
                snprintf(out->first_wrong, sizeof out->first_wrong, "%.*s", (int)(c->in_n < 190 ? c->in_n : 190),
                         c->in);
            }
            if (plan->answered)
                plan->answered(plan->answered_user ? plan->answered_user : plan->user, c->number, c->due, now);
            if (plan->samples) bench_add(&out->latency, now - c->due);
            if (closing || plan->rate > 0) {
                c->busy = 0;
                busy--;
                free_list[(next + idle++) % plan->connections] = c;
            } else {
                ask(c, plan, asked++, now);
            }
        }
        while (plan->rate > 0 && !closing && idle && begin + (double)due_n / plan->rate <= now) {
            ask(free_list[next], plan, asked++, begin + (double)due_n / plan->rate);
            next = (next + 1) % plan->connections;
            idle--;
            busy++;
            due_n++;
        }
    }
    out->seconds = now - begin;
    out->per_second = (double)(out->answers + out->wrong) / out->seconds;
    for (unsigned i = 0; i < plan->connections; i++) {
        close(cs[i].fd);
        jd_buf_fini(&cs[i].out);
    }
    close(ep);
    free(free_list);
    free(cs);
}

pid_t server_start(const char *const argv[], unsigned port) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    for (int i = 0; i < 600; i++) {
        int status, fd = dial(port);
        if (fd >= 0) {
            close(fd);
            return pid;
        }
        if (waitpid(pid, &status, WNOHANG) == pid) bench_die("%s ended before it answered", argv[0]);
        usleep(100000);
    }
    bench_die("%s does not answer on port %u", argv[0], port);
}

void server_stop(pid_t pid) {
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

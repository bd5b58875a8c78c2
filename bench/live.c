/* Live readers while the city changes, load generator and readers on the same cores: how long after its update an event
 * is there, for all readers, beside a bare server that writes the same bytes to as many sockets; what a reader costs in
 * memory; what it is when each asks something else; and what open streams cost other requests.
 *
 *     live JINDU FOLDER [readers] [updates a second] [seconds]
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PORT = 19486, PORT_BARE = 19487, CITY = 1000, UPDATES_MAX = 1 << 20, CARRY = 1024, CONNECTIONS = 16 };

/* ---- readers: one thread, all sockets ---- */

typedef struct receipt {
    uint32_t update;
    float delay; /* from when the update fell due, s */
} receipt;

typedef struct reader {
    int fd;
    size_t n;
    char in[CARRY]; /* of a line that is not whole yet */
} reader;

typedef enum question { SAME, BOX_EACH, NOTHING } question;

typedef struct readers {
    unsigned port, n;
    question question;
    reader *r;
    int ep;
    pthread_t thread;
    atomic_int stop, begun; /* begun: said hello */
    atomic_ullong last_ns;  /* something came */
    uint64_t events, resets, bytes;
    receipt *got;
    size_t got_n, got_cap;
} readers;

static double *due; /* of updates, by their number; shared with the bare server */
static double *acked;

static void note(readers *rs, uint32_t update, double now) {
    if (rs->got_n == rs->got_cap) {
        rs->got_cap = rs->got_cap ? rs->got_cap * 2 : 1 << 16;
        rs->got = jd_xrealloc(rs->got, rs->got_cap * sizeof *rs->got);
    }
    rs->got[rs->got_n++] = (receipt){update, (float)(now - due[update])};
}

static void line(readers *rs, const char *p, size_t n, double now) {
    static const char hello[] = "event: hello", reset[] = "event: reset", value[] = "\"pm25\":";
    if (n == sizeof hello - 1 && !memcmp(p, hello, n)) atomic_fetch_add(&rs->begun, 1);
    if (n == sizeof reset - 1 && !memcmp(p, reset, n)) rs->resets++;
    if (n < 6 || memcmp(p, "data: ", 6)) return;
    const char *at = memmem(p, n, value, sizeof value - 1);
    if (!at) return;
    rs->events++;
    uint64_t update = strtoull(at + sizeof value - 1, NULL, 10);
    if (update < UPDATES_MAX && due[update] > 0) note(rs, (uint32_t)update, now);
}

static void take(readers *rs, reader *r) {
    char in[65536 + CARRY];
    memcpy(in, r->in, r->n);
    ssize_t got = read(r->fd, in + r->n, sizeof in - CARRY);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) bench_die("live: a stream ended");
    double now = bench_seconds();
    rs->bytes += (uint64_t)got;
    size_t n = r->n + (size_t)got, from = 0;
    for (const char *end; (end = memchr(in + from, '\n', n - from)) != NULL; from = (size_t)(end - in) + 1)
        line(rs, in + from, (size_t)(end - in) - from, now);
    r->n = n - from;
    if (r->n > CARRY) bench_die("live: a line is longer than %d bytes", CARRY);
    memcpy(r->in, in + from, r->n);
}

static void *read_all(void *user) {
    readers *rs = user;
    while (!atomic_load(&rs->stop)) {
        struct epoll_event ev[512];
        int n = epoll_wait(rs->ep, ev, 512, 50);
        for (int i = 0; i < n; i++) take(rs, ev[i].data.ptr);
        if (n > 0) atomic_store(&rs->last_ns, jd_mono_ns());
    }
    return NULL;
}

static int dial(unsigned port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a)) bench_die("live: cannot connect to port %u", port);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void ask_one(const readers *rs, unsigned i, jd_buf *out) {
    out->n = 0;
    jd_buf_z(out, "GET /api/live?type=AirQualityObserved&options=keyValues");
    double w = 119.1 - i * 1e-5; /* around the whole city */
    if (rs->question == NOTHING) jd_buf_z(out, "&id=urn:x:nobody");
    if (rs->question == BOX_EACH)
        jd_buf_printf(out,
                      "&georel=within&geometry=Polygon&coordinates=%%5B%%5B%%5B%.5f,31.9%%5D,%%5B119.8,31.9%%5D,"
                      "%%5B119.8,32.5%%5D,%%5B%.5f,32.5%%5D,%%5B%.5f,31.9%%5D%%5D%%5D",
                      w, w, w);
    jd_buf_z(out, " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
}

static void readers_open(readers *rs, unsigned port, unsigned n, question asked) {
    jd_buf ask = {0};
    *rs = (readers){.port = port, .n = n, .question = asked};
    rs->r = jd_xcalloc(n, sizeof *rs->r);
    rs->ep = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < n; i++) {
        reader *r = &rs->r[i];
        r->fd = dial(port);
        ask_one(rs, i, &ask);
        if (write(r->fd, ask.p, ask.n) != (ssize_t)ask.n) bench_die("live: cannot ask");
        fcntl(r->fd, F_SETFL, fcntl(r->fd, F_GETFL) | O_NONBLOCK);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = r};
        epoll_ctl(rs->ep, EPOLL_CTL_ADD, r->fd, &e);
    }
    jd_buf_fini(&ask);
    if (pthread_create(&rs->thread, NULL, read_all, rs)) bench_die("live: no thread");
    for (int i = 0; i < 3000 && atomic_load(&rs->begun) < (int)n; i++) usleep(10000);
    if (atomic_load(&rs->begun) < (int)n) bench_die("live: %d of %u were greeted", atomic_load(&rs->begun), n);
}

/* Nothing came for two seconds. */
static void readers_settle(readers *rs) {
    for (int i = 0; i < 600; i++) {
        usleep(100000);
        if (jd_mono_ns() - atomic_load(&rs->last_ns) > 2000000000u) return;
    }
}

static void readers_close(readers *rs) {
    atomic_store(&rs->stop, 1);
    pthread_join(rs->thread, NULL);
    for (unsigned i = 0; i < rs->n; i++) close(rs->r[i].fd);
    close(rs->ep);
    free(rs->r);
    free(rs->got);
}

/* ---- updates ---- */

typedef struct updates {
    uint64_t next, rng; /* number of the next update, which is the value that it writes */
    load_plan plan;
    load_result result;
    uint64_t first;
} updates;

static void update_one(void *user, jd_buf *out) {
    updates *u = user;
    char id[BENCH_ID_MAX], body[100];
    bench_id(id, bench_below(&u->rng, CITY));
    if (u->next >= UPDATES_MAX) bench_die("live: more updates than can be noted");
    int n =
        snprintf(body, sizeof body, "{\"pm25\":{\"type\":\"Property\",\"value\":%llu}}", (unsigned long long)u->next++);
    jd_buf_printf(out,
                  "PATCH /ngsi-ld/v1/entities/%s/attrs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
                  "application/json\r\nContent-Length: %d\r\n\r\n%s",
                  id, n, body);
    /* until the answer says when it fell due: an event may come before it */
    due[u->next - 1] = bench_seconds();
}

static void update_done(void *user, uint64_t number, double fell_due, double now) {
    const updates *u = user;
    (void)fell_due; /* at these rates a request goes out within a quarter of a millisecond of it */
    acked[u->first + number] = now;
}

static void updates_run(updates *u, double rate, double seconds) {
    u->first = u->next;
    u->plan = (load_plan){.port = PORT,
                          .connections = CONNECTIONS,
                          .seconds = seconds,
                          .rate = rate,
                          .request = update_one,
                          .answered = update_done,
                          .user = u,
                          .status = 204,
                          .samples = 1};
    load_run(&u->plan, &u->result);
    if (u->result.wrong) bench_die("live: an update was answered: %s", u->result.first_wrong);
}

static void *updates_main(void *user) {
    updates *u = user;
    updates_run(u, u->plan.rate, u->plan.seconds);
    return NULL;
}

static void make_city(void) {
    jd_buf body = {0}, ask = {0};
    char in[65536];
    jd_buf_c(&body, '[');
    for (uint32_t i = 0; i < CITY; i++) {
        if (i) jd_buf_c(&body, ',');
        bench_entity(&body, i, 1);
    }
    jd_buf_c(&body, ']');
    jd_buf_printf(&ask,
                  "POST /ngsi-ld/v1/entityOperations/create HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                  "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                  body.n);
    jd_buf_str(&ask, jd_buf_view(&body));
    int fd = dial(PORT);
    for (size_t at = 0; at < ask.n;) {
        ssize_t n = write(fd, ask.p + at, ask.n - at);
        if (n <= 0) bench_die("live: cannot make the city");
        at += (size_t)n;
    }
    size_t got = 0;
    for (ssize_t n; got < 12 && (n = read(fd, in + got, sizeof in - got)) > 0;) got += (size_t)n;
    if (got < 12 || memcmp(in + 9, "201", 3)) bench_die("live: the city was answered: %.*s", (int)got, in);
    close(fd);
    jd_buf_fini(&body);
    jd_buf_fini(&ask);
}

/* ---- the ceiling: a bare server of the same bytes ---- */

static int bare_listen(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(PORT_BARE), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 4096)) bench_die("live: cannot listen");
    return fd;
}

/* Writes an event to all sockets as it falls due, with nothing before it: no request, no store, no question. */
static void bare_serve(int ear, unsigned n, uint64_t first, double rate, double seconds, atomic_int *go) {
    int *fd = jd_xcalloc(n, sizeof *fd), on = 1;
    char dust[2048], event[400];
    for (unsigned i = 0; i < n; i++) {
        fd[i] = accept(ear, NULL, NULL);
        if (fd[i] < 0 || read(fd[i], dust, sizeof dust) <= 0) _exit(1);
        setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        fcntl(fd[i], F_SETFL, fcntl(fd[i], F_GETFL) | O_NONBLOCK);
        if (write(fd[i], "event: hello\n\n", 14) != 14) _exit(1);
    }
    while (!atomic_load(go)) usleep(1000);
    double begin = bench_seconds();
    uint64_t all = (uint64_t)(rate * seconds);
    for (uint64_t k = 0; k < all; k++) {
        double at = begin + (double)k / rate;
        while (bench_seconds() < at) usleep(200);
        due[first + k] = at;
        int size = snprintf(event, sizeof event,
                            "id: %llu-1-64a1b2c3d4e5f\nevent: entity\ndata: {\"id\":\"urn:ngsi-ld:AirQualityObserved:"
                            "bench:%llu\",\"type\":\"AirQualityObserved\",\"pm25\":%llu}\n\n",
                            (unsigned long long)k, (unsigned long long)(k % CITY), (unsigned long long)(first + k));
        for (unsigned i = 0; i < n; i++)
            if (send(fd[i], event, (size_t)size, MSG_NOSIGNAL) != size) _exit(1); /* nobody is that slow */
    }
    for (;;) pause();
}

/* ---- figures ---- */

typedef struct delays {
    double p50, p99, p999, acked_p50, acked_p99;
} delays;

static delays delays_of(const readers *rs) {
    bench_samples sent = {0}, answered = {0};
    for (size_t i = 0; i < rs->got_n; i++) {
        uint32_t u = rs->got[i].update;
        bench_add(&sent, (double)rs->got[i].delay);
        if (acked[u] > 0) bench_add(&answered, (double)rs->got[i].delay - (acked[u] - due[u]));
    }
    delays d = {0};
    if (sent.n)
        d.p50 = bench_quantile(&sent, 0.5), d.p99 = bench_quantile(&sent, 0.99), d.p999 = bench_quantile(&sent, 0.999);
    if (answered.n) d.acked_p50 = bench_quantile(&answered, 0.5), d.acked_p99 = bench_quantile(&answered, 0.99);
    bench_free(&sent);
    bench_free(&answered);
    return d;
}

static double watch_bare(uint64_t first, unsigned n, double rate, double seconds) {
    readers rs;
    atomic_int *go = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int ear = bare_listen();
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) bare_serve(ear, n, first, rate, seconds, go);
    close(ear);
    readers_open(&rs, PORT_BARE, n, SAME);
    atomic_store(go, 1);
    usleep((useconds_t)(seconds * 1e6));
    readers_settle(&rs);
    uint64_t wanted = (uint64_t)(rate * seconds) * n;
    delays d = delays_of(&rs);
    printf("  a bare server of the same bytes: %.0f%% of the events; p50 %.1f ms, p99 %.1f ms, p99.9 %.1f ms\n",
           100.0 * (double)rs.events / (double)wanted, d.p50 * 1e3, d.p99 * 1e3, d.p999 * 1e3);
    readers_close(&rs);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    munmap(go, 4096);
    return d.p99;
}

static double watch_city(updates *u, readers *rs, double rate, double seconds, const char *what) {
    uint64_t before = rs->events, bytes = rs->bytes;
    rs->got_n = 0;
    updates_run(u, rate, seconds);
    readers_settle(rs);
    delays d = delays_of(rs);
    uint64_t told = rs->events - before;
    printf("%s, %.0f updates/s acknowledged (p99 %.1f ms): %.0f events/s of %.0f bytes, %.2f%% of all\n", what,
           u->result.per_second, bench_quantile(&u->result.latency, 0.99) * 1e3, (double)told / u->result.seconds,
           told ? (double)(rs->bytes - bytes) / (double)told : 0,
           100.0 * (double)told / ((double)u->result.answers * rs->n));
    printf("  from sending the update: p50 %.1f ms, p99 %.1f ms, p99.9 %.1f ms; from its acknowledgement: p50 %.1f ms, "
           "p99 %.1f ms; resets %llu\n",
           d.p50 * 1e3, d.p99 * 1e3, d.p999 * 1e3, d.acked_p50 * 1e3, d.acked_p99 * 1e3,
           (unsigned long long)rs->resets);
    bench_free(&u->result.latency);
    return d.p99;
}

/* ---- other requests ---- */

static void get_one(void *user, jd_buf *out) {
    uint64_t *rng = user;
    char id[BENCH_ID_MAX];
    bench_id(id, bench_below(rng, CITY));
    jd_buf_printf(out, "GET /ngsi-ld/v1/entities/%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", id);
}

static void others(const char *what, updates *u, double seconds) {
    uint64_t rng = 5;
    load_plan get = {
        .port = PORT, .connections = 32, .seconds = seconds, .request = get_one, .user = &rng, .status = 200};
    load_result r;
    load_run(&get, &r);
    double gets = r.per_second;
    updates_run(u, 0, seconds);
    printf("  %-44s %8.0f retrieved/s, %8.0f updates/s\n", what, gets, u->result.per_second);
    bench_free(&u->result.latency);
}

static void others_while(const char *what, updates *u, double rate, double seconds) {
    pthread_t t;
    uint64_t rng = 5;
    u->plan.rate = rate;
    u->plan.seconds = seconds + 0.5;
    if (pthread_create(&t, NULL, updates_main, u)) bench_die("live: no thread");
    load_plan get = {
        .port = PORT, .connections = 32, .seconds = seconds, .request = get_one, .user = &rng, .status = 200};
    load_result r;
    load_run(&get, &r);
    pthread_join(t, NULL);
    printf("  %-44s %8.0f retrieved/s\n", what, r.per_second);
    bench_free(&u->result.latency);
}

/* ---- all of it ---- */

static void remove_folder(const char *folder) {
    jd_buf cmd = {0};
    jd_buf_printf(&cmd, "rm -rf '%s'", folder);
    jd_buf_c(&cmd, 0);
    if (system(cmd.p)) bench_die("cannot remove %s", folder);
    jd_buf_fini(&cmd);
}

static void one_view(updates *u, pid_t city, unsigned n, double rate, double seconds) {
    readers rs;
    double none = (double)bench_rss(city);
    readers_open(&rs, PORT, n, SAME);
    double idle = (double)bench_rss(city);
    printf("%u readers of one view: resident %.1f MB without, %.1f MB with them: %.2f kB each\n", n, none / 1e6,
           idle / 1e6, (idle - none) / 1e3 / n);
    double mine = 0;
    const double rates[] = {rate / 5, rate, rate * 2};
    for (int i = 0; i < 3; i++) {
        double p99 = watch_city(u, &rs, rates[i], seconds, "one view");
        double busy = (double)bench_rss(city);
        double bare = watch_bare(u->next, n, rates[i], seconds);
        u->next += (uint64_t)(rates[i] * seconds);
        if (i == 1) mine = p99;
        printf("  ratio of the p99s %.1f; resident %.1f MB, %.2f kB a reader\n", p99 / bare, busy / 1e6,
               (busy - none) / 1e3 / n);
    }
    printf("delay p99 at %.0f updates/s to %u readers: %.1f ms\n", rate, n, mine * 1e3);
    readers_close(&rs);
}

static void beside_others(updates *u, unsigned n, double rate) {
    readers rs;
    printf("what %u open streams cost other requests\n", n);
    for (int turn = 0; turn < 2; turn++) { /* the machine's moods fall on all of them */
        others("no stream", u, 3);
        readers_open(&rs, PORT, n, NOTHING);
        others("streams that hear nothing", u, 3);
        readers_close(&rs);
        others_while("no stream, updates beside", u, rate, 3);
        readers_open(&rs, PORT, n, SAME);
        others_while("streams that hear each update", u, rate, 3);
        readers_close(&rs);
        sleep(1);
    }
}

int main(int argc, char **argv) {
    if (argc < 3) bench_die("usage: live JINDU FOLDER [readers] [updates a second] [seconds]");
    unsigned n = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 2000;
    double rate = argc > 4 ? strtod(argv[4], NULL) : 50, seconds = argc > 5 ? strtod(argv[5], NULL) : 10;
    char port[40];
    snprintf(port, sizeof port, "127.0.0.1:%d", PORT);
    const char *const jindu[] = {argv[1],    "serve", "--open",      "--data", argv[2],
                                 "--listen", port,    "--log-level", "error",  NULL};
    struct rlimit l;
    if (!getrlimit(RLIMIT_NOFILE, &l)) l.rlim_cur = l.rlim_max, setrlimit(RLIMIT_NOFILE, &l);
    setvbuf(stdout, NULL, _IOLBF, 0);
    size_t bytes = UPDATES_MAX * sizeof *due;
    due = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    acked = jd_xcalloc(UPDATES_MAX, sizeof *acked);
    remove_folder(argv[2]);
    pid_t city = server_start(jindu, PORT);
    updates u = {.next = 1000, .rng = 3};
    make_city();
    one_view(&u, city, n, rate, seconds);

    readers rs;
    double none = (double)bench_rss(city);
    readers_open(&rs, PORT, n, BOX_EACH);
    printf("%u readers of as many views (a box each): %.2f kB each\n", n, ((double)bench_rss(city) - none) / 1e3 / n);
    watch_city(&u, &rs, rate / 5, seconds, "different views");
    watch_city(&u, &rs, rate, seconds, "different views");
    readers_close(&rs);
    beside_others(&u, n, rate);
    server_stop(city);
    remove_folder(argv[2]);
    return 0;
}

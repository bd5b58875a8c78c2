#include "link_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MARK = 0x7e, ESCAPE = 0x7d, FRAME_MOST = 160, ANSWER_MOST = 64, STEP_S = 10 };

typedef struct device {
    int fd, wants_out;
    uint64_t rng;
    unsigned char phone[6];
    uint16_t serial;
    time_t clock;
    double lat, lon;
    unsigned speed, heading, mileage, fuel; /* 0.1 km/h, degrees, 0.1 km, 0.1 l */
    jd_buf out;                             /* not yet taken by the socket, from `sent` on */
    size_t sent;
    double *due; /* of the frames that wait for an answer: a ring */
    uint32_t due_cap, due_at, due_n;
    unsigned char in[ANSWER_MOST]; /* an answer in part */
    unsigned in_n;
} device;

struct fleet {
    device *all;
    unsigned n, next;
    int ep;
    char read[64 << 10];
};

/* ---- what a terminal says ---- */

static unsigned char *put(unsigned char *p, uint32_t v, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++) p[i] = (unsigned char)(v >> 8 * (bytes - 1 - i));
    return p + bytes;
}

static unsigned char *put_item(unsigned char *p, unsigned id, uint32_t v, unsigned bytes) {
    *p++ = (unsigned char)id;
    *p++ = (unsigned char)bytes;
    return put(p, v, bytes);
}

static unsigned char bcd(int v) {
    return (unsigned char)(v / 10 % 10 << 4 | v % 10);
}

static unsigned char *put_time(unsigned char *p, time_t t) {
    struct tm m;
    time_t here = t + 8 * 3600;
    gmtime_r(&here, &m);
    const int parts[6] = {m.tm_year, m.tm_mon + 1, m.tm_mday, m.tm_hour, m.tm_min, m.tm_sec};
    for (int i = 0; i < 6; i++) *p++ = bcd(parts[i]);
    return p;
}

/* Ten seconds on: it keeps its way for a while, turns, stops, and stays within the city. */
static void drive(device *d) {
    static const struct {
        double lat, lon;
    } way[8] = {{1, 0}, {.7, .7}, {0, 1}, {-.7, .7}, {-1, 0}, {-.7, -.7}, {0, -1}, {.7, -.7}};
    uint32_t dice = bench_below(&d->rng, 100);
    if (dice < 10) d->heading = (d->heading + 45 + 270 * (dice & 1)) % 360;
    if (dice < 30) d->speed = bench_below(&d->rng, 700);
    if (d->lat > 32.4 || d->lat < 31.9 || d->lon > 119.8 || d->lon < 119.2) d->heading = (d->heading + 180) % 360;
    double metres = d->speed / 36.0 * STEP_S;
    d->lat += way[d->heading / 45].lat * metres / 111000;
    d->lon += way[d->heading / 45].lon * metres / 94000;
    d->mileage += (unsigned)(metres / 100 + bench_below(&d->rng, 100) / 100.0);
    if (dice == 99) d->fuel = d->fuel > 50 ? d->fuel - 1 : 600;
    d->clock += STEP_S;
    d->serial++;
}

/* 0200 of 2013, 79 bytes before escapes: mileage, fuel, recorder's speed, signals, IO, analog, network, satellites. */
static size_t encode(device *d, unsigned char out[FRAME_MOST]) {
    unsigned char raw[FRAME_MOST], *p = raw, sum = 0;
    enum { BODY = 28 + 6 + 4 + 4 + 6 + 4 + 6 + 3 + 3 };
    p = put(p, 0x0200, 2);
    p = put(p, BODY, 2);
    memcpy(p, d->phone, 6);
    p = put(p + 6, d->serial, 2);
    p = put(p, 0, 4);
    p = put(p, d->speed ? 3 : 2, 4);
    p = put(p, (uint32_t)(d->lat * 1e6), 4);
    p = put(p, (uint32_t)(d->lon * 1e6), 4);
    p = put(p, 10 + d->heading / 30, 2);
    p = put(p, d->speed, 2);
    p = put(p, d->heading, 2);
    p = put_time(p, d->clock);
    p = put_item(p, 0x01, d->mileage, 4);
    p = put_item(p, 0x02, d->fuel, 2);
    p = put_item(p, 0x03, d->speed, 2);
    p = put_item(p, 0x25, 0, 4);
    p = put_item(p, 0x2a, 0, 2);
    p = put_item(p, 0x2b, 0x00120034, 4);
    p = put_item(p, 0x30, 20 + d->heading / 60, 1);
    p = put_item(p, 0x31, 9 + d->heading / 90, 1);
    for (const unsigned char *c = raw; c < p; c++) sum ^= *c;
    *p++ = sum;
    unsigned char *o = out;
    *o++ = MARK;
    for (const unsigned char *c = raw; c < p; c++) {
        if (*c == MARK || *c == ESCAPE) {
            *o++ = ESCAPE;
            *o++ = *c == MARK ? 2 : 1;
        } else {
            *o++ = *c;
        }
    }
    *o++ = MARK;
    return (size_t)(o - out);
}

static void device_init(device *d, unsigned no) {
    *d = (device){.rng = no * 7919 + 1, .clock = 1767225600 /* 2026 began */, .fd = -1};
    const unsigned digits[6] = {1, 38, no / 1000000 % 100, no / 10000 % 100, no / 100 % 100, no % 100};
    for (int i = 0; i < 6; i++) d->phone[i] = bcd((int)digits[i]);
    d->lat = 31.95 + bench_below(&d->rng, 400000) / 1e6;
    d->lon = 119.25 + bench_below(&d->rng, 500000) / 1e6;
    d->mileage = 100000 + bench_below(&d->rng, 1000000);
    d->fuel = 100 + bench_below(&d->rng, 500);
    d->heading = 45 * bench_below(&d->rng, 8);
}

size_t fleet_frame(unsigned char out[FRAME_MOST]) {
    device d;
    device_init(&d, 1);
    for (int i = 0; i < 40; i++) drive(&d);
    return encode(&d, out);
}

/* ---- lines ---- */

fleet *fleet_open(unsigned port, unsigned devices) {
    fleet *f = jd_xcalloc(1, sizeof *f);
    f->all = jd_xcalloc(devices, sizeof *f->all);
    f->n = devices;
    f->ep = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < devices; i++) {
        device *d = &f->all[i];
        struct sockaddr_in a = {
            .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = d};
        int on = 1;
        device_init(d, i);
        d->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (d->fd < 0 || connect(d->fd, (struct sockaddr *)&a, sizeof a))
            bench_die("link: device %u cannot connect to port %u: %s", i, port, strerror(errno));
        setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        fcntl(d->fd, F_SETFL, fcntl(d->fd, F_GETFL) | O_NONBLOCK);
        epoll_ctl(f->ep, EPOLL_CTL_ADD, d->fd, &e);
    }
    return f;
}

void fleet_close(fleet *f) {
    for (unsigned i = 0; i < f->n; i++) {
        close(f->all[i].fd);
        jd_buf_fini(&f->all[i].out);
        free(f->all[i].due);
    }
    close(f->ep);
    free(f->all);
    free(f);
}

static void flush(fleet *f, device *d) {
    while (d->sent < d->out.n) {
        ssize_t n = write(d->fd, d->out.p + d->sent, d->out.n - d->sent);
        if (n < 0 && errno != EAGAIN) bench_die("link: a connection was closed while sending");
        if (n < 0) break;
        d->sent += (size_t)n;
    }
    int wants = d->sent < d->out.n;
    if (!wants) d->out.n = d->sent = 0;
    if (wants == d->wants_out) return;
    struct epoll_event e = {.events = EPOLLIN | (wants ? EPOLLOUT : 0), .data.ptr = d};
    epoll_ctl(f->ep, EPOLL_CTL_MOD, d->fd, &e);
    d->wants_out = wants;
}

static void say(device *d, double due) {
    drive(d);
    char *room = jd_buf_room(&d->out, FRAME_MOST);
    d->out.n += encode(d, (unsigned char *)room);
    if (d->due_n == d->due_cap) {
        uint32_t cap = d->due_cap ? d->due_cap * 2 : 16;
        double *all = jd_xmalloc(cap * sizeof *all);
        for (uint32_t i = 0; i < d->due_n; i++) all[i] = d->due[(d->due_at + i) % d->due_cap];
        free(d->due);
        d->due = all;
        d->due_cap = cap;
        d->due_at = 0;
    }
    d->due[(d->due_at + d->due_n++) % d->due_cap] = due;
}

/* ---- answers ---- */

typedef struct running {
    fleet *f;
    const fleet_plan *plan;
    fleet_result *out;
    double begin, now;
    uint64_t due_n; /* of an open loop: frames that fell due so far */
    uint64_t waiting;
    int closing;
} running;

/* 8001: ... result, check, the check escaped or not. Its marks are not among the bytes. */
static void answered(running *r, device *d) {
    unsigned n = d->in_n, behind = n > 2 && d->in[n - 2] == ESCAPE ? 2 : 1;
    if (!d->due_n || n < 18) bench_die("link: an answer of %u bytes that nobody asked for", n);
    double delay = r->now - d->due[d->due_at];
    d->due_at = (d->due_at + 1) % d->due_cap;
    d->due_n--;
    r->waiting--;
    r->out->answers++;
    r->out->refused += d->in[n - behind - 1] != 0;
    if (delay > r->out->slowest) r->out->slowest = delay;
    bench_add(&r->out->delay, delay);
}

/* How many answers came. */
static unsigned hear(running *r, device *d) {
    unsigned came = 0;
    for (;;) {
        ssize_t n = read(d->fd, r->f->read, sizeof r->f->read);
        if (n < 0 && errno == EAGAIN) return came;
        if (n <= 0) bench_die("link: the server closed a connection");
        for (ssize_t i = 0; i < n; i++) {
            unsigned char c = (unsigned char)r->f->read[i];
            if (c != MARK) {
                if (d->in_n == sizeof d->in) bench_die("link: an answer is too long");
                d->in[d->in_n++] = c;
            } else if (d->in_n) {
                answered(r, d);
                d->in_n = 0;
                came++;
            }
        }
        if ((size_t)n < sizeof r->f->read) return came;
    }
}

static int is_over(running *r) {
    uint64_t most = r->plan->frames_most;
    return r->now - r->begin >= r->plan->seconds || (most && r->out->frames >= most);
}

static void send_due(running *r) {
    fleet *f = r->f;
    while (!r->closing && r->begin + (double)r->due_n / r->plan->rate <= r->now) {
        device *d = &f->all[f->next];
        f->next = (f->next + 1) % f->n;
        say(d, r->begin + (double)r->due_n++ / r->plan->rate);
        r->out->frames++;
        r->waiting++;
        flush(f, d);
        if (r->plan->frames_most && r->out->frames >= r->plan->frames_most) r->closing = 1;
    }
}

static void oldest(running *r) {
    for (unsigned i = 0; i < r->f->n; i++) {
        const device *d = &r->f->all[i];
        if (d->due_n && r->now - d->due[d->due_at] > r->plan->answer_most) r->out->late = 1;
    }
}

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void fleet_run(fleet *f, const fleet_plan *plan, fleet_result *out) {
    *out = (fleet_result){0};
    running r = {.f = f, .plan = plan, .out = out, .begin = bench_seconds()};
    double cpu = cpu_seconds(), looked = r.begin;
    r.now = r.begin;
    for (unsigned i = 0; plan->rate <= 0 && i < f->n; i++) {
        for (unsigned k = 0; k < plan->outstanding; k++) say(&f->all[i], r.now);
        out->frames += plan->outstanding;
        r.waiting += plan->outstanding;
        flush(f, &f->all[i]);
    }
    while (!r.closing || r.waiting) {
        struct epoll_event ev[512];
        /* an open loop looks every 250 us at the most: spinning would take a core from the server */
        struct timespec wait = {0, plan->rate > 0 && !r.closing ? 250000 : 50000000};
        int n = epoll_pwait2(f->ep, ev, 512, &wait, NULL);
        r.now = bench_seconds();
        if (is_over(&r)) r.closing = 1;
        for (int i = 0; i < n; i++) {
            device *d = ev[i].data.ptr;
            unsigned came = ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? hear(&r, d) : 0;
            for (unsigned k = 0; plan->rate <= 0 && !r.closing && k < came; k++) {
                say(d, r.now);
                out->frames++;
                r.waiting++;
            }
            flush(f, d);
        }
        if (plan->rate > 0) send_due(&r);
        if (plan->answer_most > 0 && r.now - looked > 0.1) {
            looked = r.now;
            oldest(&r);
            if (out->late) break;
        }
    }
    out->seconds = r.now - r.begin;
    out->per_second = (double)out->answers / out->seconds;
    out->cpu_seconds = cpu_seconds() - cpu;
    if (plan->answer_most > 0 && out->slowest > plan->answer_most) out->late = 1;
}

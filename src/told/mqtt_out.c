/* Sessions with brokers: one connection each, letters under way on it, what the broker said of them. */
#include "told/mqtt_out.h"

#include "base/clock.h"
#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum {
    BACKOFF_MS = 500, /* behind a failed connection; doubles */
    BACKOFF_MOST_MS = 10000,
    KEEPALIVE_S = 60,
    PING_MS = 10000,   /* for the answer to PINGREQ */
    STALL_MS = 10000,  /* a socket that takes nothing for so long is dead */
    IDLE_MS = 600000,  /* a connection that nobody writes to is closed */
    SESSION_S = 3600,  /* MQTT 5.0: a broker keeps our session behind the connection's end */
    AT_ONCE_MAX = 256, /* tries under way on one connection */
    LEFT_MAX = 256,    /* exchanges whose try is over, of one connection */
    IN_MAX = 64 << 10, /* bytes of one packet of a broker's: to a publisher it has little to say */
    WAIT_MS = 1000
};

typedef enum phase { WAITS, SENT, RECEIVED, DONE } phase; /* RECEIVED: PUBREC came, PUBREL went (QoS 2) */

typedef struct exchange { /* one letter, from its first try to the broker's last word */
    struct exchange *next;
    void *user; /* whoever waits; NULL: its try is over */
    uint64_t letter, deadline_ms;
    jd_str topic;
    char *payload;
    size_t n;
    int qos;
    phase phase;
    uint16_t id;  /* of QoS 1 and 2, once sent */
    uint64_t end; /* QoS 0: it is out when the connection has sent so many bytes */
} exchange;

typedef struct session {
    struct session *next;
    jd_arena arena;
    jd_str key;
    mqtt_uri at; /* without topic */
    mqtt_version version;
    char client[24];
    enum { DOWN, DIALLING, GREETING, UP } state;
    uint64_t since_ms;
    CURL *easy;
    curl_socket_t fd;
    jd_buf out, in;
    size_t out_at;
    uint64_t sent, last_out_ms, pinged_ms, used_ms, not_before_ms;
    unsigned fails; /* connections in a row over which nothing went */
    int good;       /* over this one something did */
    int kept;       /* the broker may have our session still */
    exchange *first, **last;
    uint32_t tries, left, under_way; /* with a user; without; of QoS 1 and 2 without a last word */
    uint16_t next_id;
    mqtt_packet broker; /* its CONNACK */
} session;

struct mqtt_out {
    mqtt_out_opts o;
    session *first;
    uint32_t n;
    struct curl_waitfd *fds;
    unsigned fds_n, fds_cap;
    int ending, told; /* told: somebody, in this turn */
};

uint64_t mqtt_now_ms(void) {
    return jd_mono_ns() / 1000000;
}

/* ---- exchanges ---- */

static void exchange_free(exchange *x) {
    free((char *)(uintptr_t)x->topic.p);
    free(x->payload);
    free(x);
}

static int is_open(const exchange *x) { /* the broker counts it (3.3.4, Receive Maximum) */
    return x->qos && (x->phase == SENT || x->phase == RECEIVED);
}

/* Takes it out of the list and frees it. */
static void drop(session *s, exchange *x) {
    exchange **at = &s->first;
    while (*at != x) at = &(*at)->next;
    *at = x->next;
    if (!x->next) s->last = at;
    if (x->user)
        s->tries--;
    else
        s->left--;
    s->under_way -= (uint32_t)is_open(x);
    exchange_free(x);
}

static void leave(session *s, exchange *x) {
    x->user = NULL;
    s->tries--;
    s->left++;
}

static void tell(mqtt_out *m, exchange *x, int ok, int again, const char *why) {
    if (!x->user || m->ending) return;
    m->told = 1;
    m->o.done(m->o.ctx, x->user, ok, again, why);
}

/* The broker has it. Whoever waits is told; else it is kept for the next try of that letter. */
static void took_it(mqtt_out *m, session *s, exchange *x) {
    s->under_way -= (uint32_t)is_open(x);
    x->phase = DONE;
    s->good = 1;
    free(x->payload);
    x->payload = NULL;
    if (!x->user) return;
    tell(m, x, 1, 0, NULL);
    drop(s, x);
}

static void refused(mqtt_out *m, session *s, exchange *x, int again, const char *why) {
    tell(m, x, 0, again, why);
    drop(s, x);
}

/* ---- a connection's begin and end ---- */

static void hang_up(mqtt_out *m, session *s) {
    if (s->easy) {
        curl_multi_remove_handle(m->o.multi, s->easy);
        curl_easy_cleanup(s->easy);
    }
    s->easy = NULL;
    s->state = DOWN;
    s->out.n = s->out_at = s->in.n = 0;
    s->sent = s->pinged_ms = 0;
}

/* What was under way is told of. What the broker may have taken is kept as long as its session may be. */
static void lost(mqtt_out *m, session *s, int again, const char *why) {
    uint64_t now = mqtt_now_ms();
    s->fails = s->good ? 0 : s->fails + 1;
    hang_up(m, s);
    uint64_t wait = s->fails ? (uint64_t)BACKOFF_MS << (s->fails < 8 ? s->fails - 1 : 7) : 0;
    s->not_before_ms = now + (wait < BACKOFF_MOST_MS ? wait : BACKOFF_MOST_MS);
    for (exchange *x = s->first, *next; x; x = next) {
        next = x->next;
        if (x->phase == DONE) {
            took_it(m, s, x);
            continue;
        }
        tell(m, x, 0, again, why);
        if (!s->kept || !x->qos || x->phase == WAITS)
            drop(s, x);
        else if (x->user)
            leave(s, x);
    }
}

static void dial(mqtt_out *m, session *s) {
    jd_buf url = {0};
    jd_buf_printf(&url, "%s://%.*s:%u", s->at.tls ? "https" : "http", JD_STR_ARG(s->at.host), s->at.port);
    jd_buf_c(&url, 0);
    s->easy = curl_easy_init();
    curl_easy_setopt(s->easy, CURLOPT_URL, url.p);
    curl_easy_setopt(s->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(s->easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(s->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)m->o.dial_ms);
    curl_easy_setopt(s->easy, CURLOPT_SSL_ENABLE_ALPN, 0L); /* it is no HTTP */
    curl_easy_setopt(s->easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(s->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(s->easy, CURLOPT_NOPROXY, "*");
    if (m->o.ca_file) curl_easy_setopt(s->easy, CURLOPT_CAINFO, m->o.ca_file);
    curl_multi_add_handle(m->o.multi, s->easy);
    jd_buf_fini(&url);
    s->state = DIALLING;
    s->good = 0;
    s->since_ms = mqtt_now_ms();
}

/* Hands over what waits to be sent; -1: the connection is lost. */
static int flush(mqtt_out *m, session *s) {
    while (s->out_at < s->out.n) {
        size_t n = 0;
        CURLcode rc = curl_easy_send(s->easy, s->out.p + s->out_at, s->out.n - s->out_at, &n);
        if (rc == CURLE_AGAIN) return 0;
        if (rc) {
            lost(m, s, 1, "the connection to the broker broke");
            return -1;
        }
        s->out_at += n;
        s->sent += n;
        s->last_out_ms = mqtt_now_ms();
    }
    s->out.n = s->out_at = 0;
    return 0;
}

static void greet(mqtt_out *m, session *s) {
    mqtt_hello h = {.version = s->version,
                    .client = jd_str_of(s->client),
                    .user = s->at.user,
                    .password = s->at.password,
                    .keepalive_s = KEEPALIVE_S,
                    .clean = !s->kept,
                    .expiry_s = SESSION_S};
    curl_easy_getinfo(s->easy, CURLINFO_ACTIVESOCKET, &s->fd);
    s->state = GREETING;
    s->since_ms = s->last_out_ms = mqtt_now_ms();
    mqtt_put_connect(&s->out, &h);
    (void)flush(m, s);
}

int mqtt_out_took(mqtt_out *m, CURL *easy, CURLcode rc) {
    for (session *s = m->first; s; s = s->next) {
        if (s->easy != easy) continue;
        if (rc)
            lost(m, s, 1, curl_easy_strerror(rc));
        else
            greet(m, s);
        return 1;
    }
    return 0;
}

/* ---- sending ---- */

static uint16_t free_id(session *s) {
    for (;;) { /* far fewer are taken than there are */
        if (!++s->next_id) s->next_id = 1;
        const exchange *x = s->first;
        while (x && x->id != s->next_id) x = x->next;
        if (!x) return s->next_id;
    }
}

static void put(session *s, exchange *x, int again) {
    jd_str payload = {x->payload, x->n};
    mqtt_put_publish(&s->out, s->version, x->topic, payload, x->qos, x->id, again);
    x->end = s->sent + (s->out.n - s->out_at);
}

static const char *cannot(const session *s, const exchange *x) {
    if (x->n > MQTT_PAYLOAD_MAX) return "the notification is larger than a packet of MQTT";
    if (x->qos > s->broker.qos_max) return "the broker does not take that QoS";
    size_t n = mqtt_publish_size(s->version, x->topic, (jd_str){x->payload, x->n}, x->qos);
    return n > s->broker.most ? "the notification is larger than the broker takes" : NULL;
}

/* Sends what waits, as far as the broker lets us (Receive Maximum, 4.9). */
static void send_waiting(mqtt_out *m, session *s) {
    for (exchange *x = s->first, *next; x; x = next) {
        next = x->next;
        if (x->phase != WAITS || (x->qos && s->under_way >= s->broker.receive)) continue;
        const char *why = cannot(s, x);
        if (why) {
            refused(m, s, x, 0, why);
            continue;
        }
        if (x->qos) x->id = free_id(s);
        put(s, x, 0);
        x->phase = SENT;
        s->under_way += (uint32_t)is_open(x);
    }
}

/* QoS 0: what the socket took counts as taken. */
static void note_sent(mqtt_out *m, session *s) {
    for (exchange *x = s->first, *next; x; x = next) {
        next = x->next;
        if (!x->qos && x->phase == SENT && x->end <= s->sent) took_it(m, s, x);
    }
}

/* ---- what the broker says ---- */

/* The broker goes on with our session: all without a last word is sent again, in order (4.4). It does not: what
 * somebody waits for is sent as new, the rest is forgotten. */
static void resume(session *s, int has_session) {
    for (exchange *x = s->first, *next; x; x = next) {
        next = x->next;
        if (!is_open(x)) continue;
        if (has_session && x->phase == SENT) {
            put(s, x, 1);
        } else if (has_session) {
            mqtt_put_pubrel(&s->out, x->id);
        } else if (x->user) {
            s->under_way--;
            x->phase = WAITS;
            x->id = 0;
        } else {
            drop(s, x);
        }
    }
}

/* -1: the connection is lost. */
static int connack(mqtt_out *m, session *s, const mqtt_packet *p) {
    if (p->reason) {
        lost(m, s, mqtt_reason_passes(s->version, MQTT_CONNACK, p->reason),
             mqtt_reason(s->version, MQTT_CONNACK, p->reason));
        return -1;
    }
    s->state = UP;
    s->since_ms = mqtt_now_ms();
    s->broker = *p;
    s->kept = s->version == MQTT_5_0;
    resume(s, p->has_session && s->kept);
    return 0;
}

static exchange *by_id(session *s, uint16_t id, int qos) {
    for (exchange *x = s->first; x; x = x->next)
        if (x->id == id && x->qos == qos && is_open(x)) return x;
    return NULL;
}

static int answered(mqtt_out *m, session *s, const mqtt_packet *p) {
    exchange *x = by_id(s, p->id, p->type == MQTT_PUBACK ? 1 : 2);
    int no = p->reason >= 0x80 && p->type != MQTT_PUBCOMP; /* at PUBCOMP it has forgotten what it took */
    if (x && no)
        refused(m, s, x, mqtt_reason_passes(s->version, p->type, p->reason),
                mqtt_reason(s->version, p->type, p->reason));
    else if (p->type == MQTT_PUBREC && !no) {
        if (x) x->phase = RECEIVED;
        mqtt_put_pubrel(&s->out, p->id);
    } else if (x && (p->type == MQTT_PUBACK || x->phase == RECEIVED))
        took_it(m, s, x);
    return 0;
}

static int hear(mqtt_out *m, session *s, jd_str whole) {
    mqtt_packet p;
    if (mqtt_packet_read(s->version, whole, &p) ||
        (p.type != MQTT_DISCONNECT && (p.type == MQTT_CONNACK) != (s->state == GREETING))) {
        lost(m, s, 1, "the broker says what is no MQTT, or no part of this version");
        return -1;
    }
    switch (p.type) {
    case MQTT_CONNACK: return connack(m, s, &p);
    case MQTT_DISCONNECT:
        lost(m, s, mqtt_reason_passes(s->version, p.type, p.reason), mqtt_reason(s->version, p.type, p.reason));
        return -1;
    case MQTT_PINGRESP: s->pinged_ms = 0; return 0;
    default: return answered(m, s, &p);
    }
}

static int hear_all(mqtt_out *m, session *s) {
    size_t at = 0, head = 0, n = 0;
    while (at < s->in.n) {
        jd_str rest = {s->in.p + at, s->in.n - at};
        n = mqtt_packet_size(rest, IN_MAX, &head);
        if (!n) break;
        if (n == SIZE_MAX) {
            lost(m, s, 1, "the broker says what is no MQTT");
            return -1;
        }
        if (hear(m, s, (jd_str){rest.p, n})) return -1;
        at += n;
    }
    memmove(s->in.p, s->in.p + at, s->in.n - at);
    s->in.n -= at;
    return 0;
}

/* Reads until there is no more: what TLS has unpacked already no socket would tell of. -1: the connection is lost. */
static int hear_out(mqtt_out *m, session *s) {
    enum { PIECE = 4096 };
    for (;;) {
        size_t n = 0;
        CURLcode rc = curl_easy_recv(s->easy, jd_buf_room(&s->in, PIECE), PIECE, &n);
        if (rc == CURLE_AGAIN) return 0;
        if (rc || !n) {
            lost(m, s, 1,
                 s->state == GREETING ? "the broker closed the connection before it answered"
                                      : "the broker closed the connection");
            return -1;
        }
        s->in.n += n;
        if (hear_all(m, s)) return -1;
    }
}

/* ---- time ---- */

static void sooner(uint64_t *next, uint64_t at) {
    if (at < *next) *next = at;
}

/* Tries whose time is over, and exchanges that too many left behind. */
static void give_up(mqtt_out *m, session *s, uint64_t now, uint64_t *next_ms) {
    for (exchange *x = s->first, *next; x; x = next) {
        next = x->next;
        if (x->user && x->deadline_ms <= now) {
            int is_out = x->phase != WAITS;
            tell(m, x, 0, 1, s->state == UP ? "the broker did not answer in time" : "the broker cannot be reached");
            if (is_out)
                leave(s, x);
            else
                drop(s, x);
        } else if (x->user) {
            sooner(next_ms, x->deadline_ms);
        }
    }
    for (exchange *x = s->first, *next; x && s->left > LEFT_MAX; x = next) {
        next = x->next;
        if (!x->user && !is_open(x)) drop(s, x);
    }
    if (s->left <= LEFT_MAX) return;
    s->kept = 0; /* a broker that takes so much and answers nothing: begin anew */
    lost(m, s, 1, "the broker left too much without an answer");
}

/* -1: the connection is lost. */
static int keep_alive(mqtt_out *m, session *s, uint64_t now, uint64_t *next) {
    uint64_t every = (uint64_t)(s->broker.keepalive_s >= 0 ? s->broker.keepalive_s : KEEPALIVE_S) * 500;
    if (s->out_at < s->out.n && now - s->last_out_ms >= STALL_MS) {
        lost(m, s, 1, "the broker takes nothing more");
        return -1;
    }
    if (s->pinged_ms && now - s->pinged_ms >= PING_MS) {
        lost(m, s, 1, "the broker is silent");
        return -1;
    }
    if (every && !s->pinged_ms && now - s->last_out_ms >= every) {
        mqtt_put_pingreq(&s->out);
        s->pinged_ms = now;
    }
    if (s->pinged_ms) sooner(next, s->pinged_ms + PING_MS);
    if (every && !s->pinged_ms) sooner(next, s->last_out_ms + every);
    return 0;
}

static void look_after(mqtt_out *m, session *s, int readable, uint64_t now, uint64_t *next) {
    if (s->state >= GREETING && readable && hear_out(m, s)) return;
    if (s->state == GREETING && now - s->since_ms >= m->o.dial_ms) {
        lost(m, s, 1, "the broker does not answer CONNECT");
        return;
    }
    if (s->state == GREETING) sooner(next, s->since_ms + m->o.dial_ms);
    if (s->state == UP) {
        if (keep_alive(m, s, now, next)) return;
        send_waiting(m, s);
    }
    if (s->state >= GREETING) {
        if (flush(m, s)) return;
        note_sent(m, s);
    }
    give_up(m, s, now, next);
}

/* ---- sessions ---- */

static void take_leave(mqtt_out *m, session *s) {
    if (s->state == UP) {
        mqtt_put_disconnect(&s->out, s->version);
        size_t n = 0;
        (void)curl_easy_send(s->easy, s->out.p + s->out_at, s->out.n - s->out_at, &n);
    }
    hang_up(m, s);
}

static void session_free(mqtt_out *m, session *s) {
    session **at = &m->first;
    while (*at != s) at = &(*at)->next;
    *at = s->next;
    m->n--;
    take_leave(m, s);
    while (s->first) drop(s, s->first);
    jd_buf_fini(&s->out);
    jd_buf_fini(&s->in);
    jd_arena_fini(&s->arena);
    free(s);
}

static jd_str key_of(const mqtt_target *t, jd_buf *b) {
    const mqtt_uri *u = t->uri;
    jd_buf_printf(b, "%d %d %.*s:%u %d %zu ", u->tls, t->version, JD_STR_ARG(u->host), u->port, u->password.p != NULL,
                  u->user.p ? u->user.n + 1 : 0);
    jd_buf_str(b, u->user);
    jd_buf_str(b, u->password);
    return jd_buf_view(b);
}

static session *find(const mqtt_out *m, const mqtt_target *t) {
    jd_buf b = {0};
    jd_str key = key_of(t, &b);
    session *s = m->first;
    while (s && !jd_str_eq(s->key, key)) s = s->next;
    jd_buf_fini(&b);
    return s;
}

static session *begin(mqtt_out *m, const mqtt_target *t) {
    session *s = jd_xcalloc(1, sizeof *s);
    jd_buf b = {0};
    uint64_t n;
    jd_arena_init(&s->arena);
    s->key = jd_arena_dup(&s->arena, key_of(t, &b));
    jd_buf_fini(&b);
    s->at = (mqtt_uri){.host = jd_arena_dup(&s->arena, t->uri->host), .port = t->uri->port, .tls = t->uri->tls};
    if (t->uri->user.p) s->at.user = jd_arena_dup(&s->arena, t->uri->user);
    if (t->uri->password.p) s->at.password = jd_arena_dup(&s->arena, t->uri->password);
    s->version = t->version;
    s->last = &s->first;
    /* one of its own a process: two that shared one would throw each other out for ever */
    if (getrandom(&n, sizeof n, 0) != sizeof n) n = jd_mono_ns();
    snprintf(s->client, sizeof s->client, "jindu%016llx", (unsigned long long)n);
    s->next = m->first;
    m->first = s;
    m->n++;
    return s;
}

/* The one that nobody waits for and that was used longest ago goes. */
static int make_room(mqtt_out *m) {
    session *oldest = NULL;
    for (session *s = m->first; s; s = s->next)
        if (!s->tries && (!oldest || s->used_ms < oldest->used_ms)) oldest = s;
    if (oldest) session_free(m, oldest);
    return oldest != NULL;
}

uint64_t mqtt_out_ready_ms(mqtt_out *m, const mqtt_target *t) {
    const session *s = find(m, t);
    uint64_t now = mqtt_now_ms();
    if (!s) return m->n < m->o.brokers_max || make_room(m) ? 0 : now + WAIT_MS;
    if (s->tries >= AT_ONCE_MAX) return now + 1;
    return s->state == DOWN && s->not_before_ms > now ? s->not_before_ms : 0;
}

void mqtt_out_publish(mqtt_out *m, const mqtt_target *t, jd_str id, char *payload, size_t n, uint32_t timeout_ms,
                      void *user) {
    session *s = find(m, t);
    if (!s) s = begin(m, t);
    uint64_t letter = jd_hash(id.p, id.n), now = mqtt_now_ms();
    exchange *x = s->first;
    while (x && (x->user || x->letter != letter)) x = x->next;
    if (x) { /* an earlier try's: it goes on */
        free(payload);
        s->left--;
    } else {
        x = jd_xcalloc(1, sizeof *x);
        *x = (exchange){.letter = letter, .topic = {jd_xstrdup(t->uri->topic), t->uri->topic.n}, .payload = payload};
        x->n = n;
        x->qos = t->qos;
        *s->last = x;
        s->last = &x->next;
    }
    x->user = user;
    x->deadline_ms = now + timeout_ms;
    s->tries++;
    s->used_ms = now;
    if (s->state == DOWN) dial(m, s);
}

/* ---- all of them ---- */

mqtt_out *mqtt_out_new(const mqtt_out_opts *o) {
    mqtt_out *m = jd_xcalloc(1, sizeof *m);
    m->o = *o;
    return m;
}

void mqtt_out_free(mqtt_out *m) {
    if (!m) return;
    m->ending = 1;
    while (m->first) session_free(m, m->first);
    free(m->fds);
    free(m);
}

struct curl_waitfd *mqtt_out_fds(mqtt_out *m, unsigned *n) {
    if (m->fds_cap < m->n) {
        m->fds_cap = m->n * 2;
        m->fds = jd_xrealloc(m->fds, m->fds_cap * sizeof *m->fds);
    }
    m->fds_n = 0;
    for (session *s = m->first; s; s = s->next)
        if (s->state >= GREETING)
            m->fds[m->fds_n++] = (struct curl_waitfd){
                .fd = s->fd, .events = (short)(CURL_WAIT_POLLIN | (s->out_at < s->out.n ? CURL_WAIT_POLLOUT : 0))};
    *n = m->fds_n;
    return m->fds;
}

static int is_readable(const mqtt_out *m, const session *s) {
    for (unsigned i = 0; i < m->fds_n; i++)
        if (m->fds[i].fd == s->fd) return m->fds[i].revents & CURL_WAIT_POLLIN;
    return 1; /* not waited for yet */
}

/* A letter whose broker had it already when it was tried again. */
static void tell_done(mqtt_out *m, session *s) {
    for (exchange *x = s->first, *next; x; x = next) {
        next = x->next;
        if (x->user && x->phase == DONE) took_it(m, s, x);
    }
}

int mqtt_out_turn(mqtt_out *m) {
    uint64_t now = mqtt_now_ms(), next_ms = now + WAIT_MS;
    m->told = 0;
    for (session *s = m->first, *next; s; s = next) {
        next = s->next;
        tell_done(m, s);
        look_after(m, s, is_readable(m, s), now, &next_ms);
        if (!s->tries && now - s->used_ms >= IDLE_MS) session_free(m, s);
    }
    m->fds_n = 0;
    return !m->told && next_ms > now ? (int)(next_ms - now) : 0; /* who was told may have more */
}

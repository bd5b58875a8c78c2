/* One frame on its way in: bytes -> fields -> readings of entities -> writes in the batch that is being filled. */
#include "link/links_int.h"

#include "engine/history.h"

#include <stdlib.h>

enum {
    TOLD_MAX = 64,              /* entities that one frame may speak of */
    PARTS_MAX = 4096,           /* of one message */
    PARTS_S = 60,               /* they come within so many seconds, unless the protocol says otherwise */
    PARTS_BYTES_MAX = 2 << 20,  /* of messages that a connection has not yet told whole */
    PARTS_BYTES_ALL = 64 << 20, /* of all connections of a thread */
    MESSAGES_MAX = 256,         /* that a connection has begun */
    FRAME_KEEP = 256 << 10      /* of the memory that frames are read into */
};

/* ---- split messages: parts wait until all have come; none is answered before the whole is durable ---- */

typedef struct link_part {
    char *bytes; /* the frame, behind it its payload; NULL: it has not come */
    size_t n, payload_n;
} link_part;

/* Peers choose how many parts there are and in which order they come: what one more part costs must not grow with
 * those that wait. */
typedef struct link_message {
    struct link_message *next; /* the one begun before */
    char *key;                 /* NUL-terminated */
    uint64_t hash;             /* of the key: 256 messages are passed over without reading theirs */
    uint32_t parts, got;
    size_t weight;    /* bytes of all that is kept of it */
    uint64_t came_us; /* the newest part */
    link_part part[]; /* the first at 0 */
} link_message;

static void weigh(link_conn *c, link_message *m, size_t more, size_t less) {
    m->weight += more - less;
    c->parts_bytes += more - less;
    c->port->loop->parts_bytes += more - less;
}

/* Takes out the message at *at. */
static void message_free(link_conn *c, link_message **at) {
    link_message *m = *at;
    *at = m->next;
    weigh(c, m, 0, m->weight);
    for (uint32_t i = 0; i < m->parts; i++) free(m->part[i].bytes);
    free(m->key);
    free(m);
    c->messages_n--;
}

void link_parts_free(link_conn *c) {
    while (c->messages) message_free(c, &c->messages);
}

static link_message **message_of(link_conn *c, const jd_frame *f) {
    link_message **at = &c->messages;
    uint64_t hash = jd_hash(f->part_key.p, f->part_key.n);
    while (*at && !((*at)->hash == hash && (*at)->parts == f->parts && jd_str_is(f->part_key, (*at)->key)))
        at = &(*at)->next;
    return at;
}

/* What is too old belongs to an earlier message: some protocols use a key again soon. */
static void messages_expire(link_conn *c) {
    unsigned limit = c->port->decl->protocol->parts_s;
    uint64_t now = jd_mono_ns() / 1000, most = (uint64_t)(limit ? limit : PARTS_S) * 1000000;
    for (link_message **at = &c->messages; *at;)
        if (now - (*at)->came_us < most)
            at = &(*at)->next;
        else
            message_free(c, at);
}

/* Room for so many bytes more: messages begun long ago are given up. 0: there is none. */
static int messages_room(link_conn *c, size_t more) {
    for (;;) {
        int full = c->parts_bytes + more > PARTS_BYTES_MAX || c->messages_n >= MESSAGES_MAX ||
                   c->port->loop->parts_bytes + more > PARTS_BYTES_ALL;
        if (!full || !c->messages) return !full;
        link_message **last = &c->messages;
        while ((*last)->next) last = &(*last)->next;
        message_free(c, last);
    }
}

/* The message that the part belongs to, with it; NULL: there is no room. */
static link_message *part_keep(link_conn *c, const jd_frame *f) {
    size_t own = sizeof(link_message) + f->parts * sizeof(link_part) + f->part_key.n + 1, n = f->bytes.n + f->payload.n;
    messages_expire(c);
    if (!messages_room(c, own + n)) return NULL;
    link_message *m = *message_of(c, f);
    if (!m) {
        m = jd_xcalloc(1, sizeof *m + f->parts * sizeof *m->part);
        m->key = jd_xstrdup(f->part_key);
        m->hash = jd_hash(f->part_key.p, f->part_key.n);
        m->parts = f->parts;
        m->next = c->messages;
        c->messages = m;
        c->messages_n++;
        weigh(c, m, own, 0);
    }
    link_part *p = &m->part[f->part - 1];
    m->got += !p->bytes; /* told again: the later one counts */
    free(p->bytes);
    weigh(c, m, n, p->n + p->payload_n);
    *p = (link_part){.bytes = jd_xmalloc(n + 1), .n = f->bytes.n, .payload_n = f->payload.n};
    memcpy(p->bytes, f->bytes.p, f->bytes.n);
    if (f->payload.n) memcpy(p->bytes + f->bytes.n, f->payload.p, f->payload.n);
    m->came_us = jd_mono_ns() / 1000;
    return m;
}

/* ---- readings of one frame, by entity ---- */

typedef struct taking {
    link_port *port;
    link_batch *b;
    jd_arena *a; /* of this frame alone: what lasts is copied into the batch */
    jd_told told[TOLD_MAX];
    int fixed[TOLD_MAX];
    uint32_t cap[TOLD_MAX]; /* of attributes */
    uint32_t told_n;
    jd_time now, newest;
    jd_err refused; /* the first cell or row that the mapping could not take */
} taking;

static jd_told *told_of(taking *t, const jd_moment *m, int fixed) {
    for (uint32_t i = 0; i < t->told_n; i++)
        if (t->fixed[i] == fixed && jd_str_eq(t->told[i].id, m->id)) return &t->told[i];
    if (t->told_n == TOLD_MAX) return NULL;
    jd_told *x = &t->told[t->told_n];
    t->cap[t->told_n] = 0;
    t->fixed[t->told_n++] = fixed;
    *x = (jd_told){.id = m->id, .types_n = m->types_n};
    x->types = JD_NEWN(t->a, jd_sym, m->types_n);
    memcpy(x->types, m->types, m->types_n * sizeof *x->types);
    return x;
}

/* Room doubles: a message may tell ten thousands of moments of one entity. The first list is taken as it is. */
static void tell(taking *t, jd_told *x, jd_attr *attrs, uint32_t n) {
    uint32_t *cap = &t->cap[x - t->told];
    if (!*cap && n) {
        x->attrs = attrs;
        x->attrs_n = *cap = n;
        return;
    }
    if (x->attrs_n + n > *cap) {
        *cap = x->attrs_n + n > *cap * 2 ? x->attrs_n + n : *cap * 2;
        jd_attr *all = jd_arena_alloc(t->a, *cap * sizeof *all);
        if (x->attrs_n) memcpy(all, x->attrs, x->attrs_n * sizeof *all);
        x->attrs = all;
    }
    if (n) memcpy(x->attrs + x->attrs_n, attrs, n * sizeof *attrs);
    x->attrs_n += n;
}

static int on_moment(void *user, const jd_moment *m, jd_err *err) {
    taking *t = user;
    if (m->at != JD_TIME_NONE && m->at - t->now > (jd_time)t->port->decl->ahead_s * 1000000) /* it would pin "now" */
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "the time lies more than %u s ahead (aheadSeconds)",
                       "时间超前 %u 秒以上（aheadSeconds）", t->port->decl->ahead_s);
    if (m->at > t->newest) t->newest = m->at;
    for (int fixed = 0; fixed < 2; fixed++) {
        uint32_t timed = m->at == JD_TIME_NONE ? 0 : m->attrs_n, n = fixed ? m->fixed_n + m->attrs_n - timed : timed;
        if (!n) continue;
        jd_told *x = told_of(t, m, fixed);
        if (!x)
            return jd_fail(err, JD_E_TOO_LARGE, "a frame may speak of at most %d entities", "一帧最多涉及 %d 个实体",
                           TOLD_MAX);
        if (!fixed || !timed) tell(t, x, m->attrs, m->attrs_n);
        if (fixed) tell(t, x, m->fixed, m->fixed_n);
    }
    return 0;
}

static void on_refused(void *user, const jd_refusal *r) {
    taking *t = user;
    if (t->refused.code == JD_E_OK) t->refused = *r->err;
}

static void map_rows(taking *t, const jd_frame *f) {
    jd_feed_sink sink = {.user = t, .arena = t->a, .moment = on_moment, .refused = on_refused};
    link_decl *d = t->port->decl;
    jd_err err;
    for (size_t i = 0; i < f->rows_n; i++)
        for (size_t k = 0; k < d->maps_n; k++) {
            jd_err_none(&err);
            if (jd_feed_value(t->port->feeds[k], d->name, &f->rows[i], &sink, &err) < 0 && t->refused.code == JD_E_OK)
                t->refused = err;
        }
}

static void add_state(taking *t, jd_told *x) {
    jd_attr *state = JD_NEW(t->a, jd_attr);
    *state = (jd_attr){.name = t->port->decl->state_attr,
                       .kind = JD_PROPERTY,
                       .observed = JD_TIME_NONE,
                       .expires = JD_TIME_NONE,
                       .created = JD_TIME_NONE,
                       .modified = JD_TIME_NONE,
                       .value = jd_jmake_str(JD_STR("new")),
                       .has_value = 1};
    tell(t, x, state, 1);
}

/* The state of a device that was not known stands with what it tells first. */
static void mark_new(taking *t) {
    if (!t->told_n) return;
    const jd_told *first = &t->told[0];
    jd_moment m = {.id = first->id, .types = first->types, .types_n = first->types_n};
    jd_told *x = told_of(t, &m, 1);
    if (x) add_state(t, x);
}

static uint64_t write_told(taking *t, uint32_t *writes_n) {
    jd_engine *e = t->port->loop->links->o.engine;
    uint64_t readings = 0;
    jd_err err;
    for (uint32_t i = 0; i < t->told_n; i++) {
        jd_write *w = &t->b->writes[t->b->job.n];
        jd_err_none(&err);
        /* what an earlier frame told may be on its way: then what is published says nothing of what is new */
        uint16_t *flying = t->fixed[i] ? link_fixed_flying(t->b->loop, t->told[i].id) : NULL;
        int tenant = flying && !*flying ? jd_tenant_find(e, t->port->decl->tenant) : -1;
        int got = t->fixed[i] ? jd_observe_fixed(e, tenant, &t->told[i], &t->b->arena, w, &err)
                              : 1 - 2 * (jd_observe_readings(e, &t->told[i], &t->b->arena, w, &err) != 0);
        if (got < 0 && t->refused.code == JD_E_OK) t->refused = err;
        if (got <= 0) continue;
        t->b->job.n++;
        ++*writes_n;
        if (flying) ++*flying, t->b->fixed_n++;
        if (!t->fixed[i]) readings += t->told[i].attrs_n;
    }
    return readings;
}

/* ---- one frame ---- */

static void set_aside(link_port *p, const link_conn *c, jd_str device, jd_str bytes, const jd_err *why) {
    quarantine_add(p->set_aside, device, c->from, bytes, p->decl->protocol, why);
}

/* Into the arena of frames, which is emptied before each. */
static jd_frame *read_frame(link_conn *c, jd_str bytes, int *rc, jd_err *err) {
    const link_decl *d = c->port->decl;
    jd_arena *a = &c->port->loop->frame;
    jd_frame *f = JD_NEW(a, jd_frame);
    f->bytes = bytes;
    f->answers = -1;
    *rc = d->protocol->decode(&d->set, &c->peer, f->bytes, a, f, err);
    if (f->edition) c->peer.edition = f->edition;
    return f;
}

/* Keeps what is needed of a frame until it is answered. A frame is read into twenty times as much; were that kept,
 * batches would be full of it, and of its cache lines, before the writer had enough for a group. */
static void pend(link_conn *c, link_batch *b, const jd_frame *f, link_device *dev, int fresh, uint32_t write,
                 uint32_t n, jd_outcome outcome) {
    const jd_protocol *protocol = c->port->decl->protocol;
    link_pend *p = link_batch_pend(b);
    *p = (link_pend){.conn = c,
                     .bytes = jd_arena_dup(&b->arena, f->bytes),
                     .id = jd_arena_dup(&b->arena, f->device),
                     .own = protocol->keep ? protocol->keep(f, &b->arena) : NULL,
                     .edition = f->edition,
                     .device = dev,
                     .fresh = fresh,
                     .write = write,
                     .writes_n = n,
                     .outcome = outcome,
                     .arrived_us = c->port->loop->took_us};
    c->flying++;
}

/* All parts are there: reads the whole into the last frame, and lets the earlier ones be answered with it. */
static int join(link_conn *c, const link_message *m, jd_frame *f, jd_err *err) {
    const link_decl *d = c->port->decl;
    jd_arena *a = &c->port->loop->frame;
    jd_buf whole = {0};
    for (uint32_t i = 0; i < m->parts; i++) jd_buf_add(&whole, m->part[i].bytes + m->part[i].n, m->part[i].payload_n);
    jd_str payload = jd_arena_dup(a, jd_buf_view(&whole));
    jd_buf_fini(&whole);
    return d->protocol->decode_joined(&d->set, payload, a, f, err);
}

static void pend_parts(link_conn *c, link_batch *b, const jd_frame *last, link_device *dev, uint32_t write, uint32_t n,
                       jd_outcome outcome) {
    const link_message *m = *message_of(c, last);
    for (uint32_t i = 0; m && i < m->parts; i++) {
        jd_err err = {0};
        int rc;
        if (i + 1 != last->part)
            pend(c, b, read_frame(c, (jd_str){m->part[i].bytes, m->part[i].n}, &rc, &err), dev, 0, write, n, outcome);
    }
}

/* One part of a message: with it the message is whole (1; *f is what all parts say), or not yet (0). -1: *err. */
static int take_part(link_conn *c, jd_frame *f, jd_err *err) {
    if (f->part < 1 || f->part > f->parts || f->parts > PARTS_MAX || !c->port->decl->protocol->decode_joined)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "part %u of %u is not possible", "第 %u 部分（共 %u）不可能",
                       f->part, f->parts);
    const link_message *m = part_keep(c, f);
    if (!m)
        return jd_fail(err, JD_E_BUSY, "too many parts of messages wait for the rest", "等待其余部分的分包消息过多");
    if (m->got < m->parts) return 0; /* answered with the whole */
    return join(c, m, f, err) ? -1 : 1;
}

static void write_device(link_batch *b, registry *r, const link_decl *d, link_device *dev, jd_str id, jd_str entity) {
    b->writes[b->job.n++] = (jd_write){.kind = JD_K_DEVICE,
                                       .rq = {.id = registry_id(&b->arena, d->name, id), .observed = JD_TIME_NONE},
                                       .raw_body = registry_document(r, dev, "new", entity, &b->arena)};
}

/* What the mapping could not take is acknowledged, since sending it again would not help: so it is kept as it came. */
static jd_outcome keep_aside(link_conn *c, link_batch *b, jd_str device, const jd_frame *f, const jd_err *why,
                             uint32_t *writes_n) {
    link_port *p = c->port;
    jd_str id, body;
    if (!quarantine_document(p->set_aside, p->decl->protocol, p->decl->name, device, c->from, f->bytes, why, &b->arena,
                             &id, &body))
        return JD_OUT_BUSY;
    b->writes[b->job.n++] =
        (jd_write){.kind = JD_K_QUARANTINE, .rq = {.id = id, .observed = JD_TIME_NONE}, .raw_body = body};
    ++*writes_n;
    return JD_OUT_KEPT;
}

/* rc, err: of reading it. */
static void take_whole(link_conn *c, link_batch *b, jd_frame *f, int rc, jd_err *err) {
    link_port *port = c->port;
    link_decl *d = port->decl;
    registry *r = port->loop->links->devices;
    jd_time now = port->loop->took;
    jd_str id = f->device.n ? f->device : jd_str_of(c->peer.device);
    link_device *dev = NULL;
    if (c->poll) { /* what is asked belongs to the device that the link names, whatever its unit */
        int told = link_poll_answer(c, f, rc, err);
        id = d->poll_device;
        if (!rc && err->code != JD_E_OK) rc = -1;
        if (!rc && !told && (dev = registry_find(r, d->name, id)))
            link_command_answered(c, dev, f->answers, f->answer_ok);
        if (!rc && !told) return;
    }
    if (rc) {
        atomic_fetch_add(&port->counts->bad, 1);
        set_aside(port, c, id, f->bytes, err);
        dev = id.n ? registry_find(r, d->name, id) : NULL;
        if (dev) registry_heard(r, dev, d->protocol, f, now);
        pend(c, b, f, NULL, 0, 0, 0, err->code == JD_E_BUSY ? JD_OUT_BUSY : JD_OUT_REFUSED);
        return;
    }
    if (port->dial_tries) port->dial_tries = 1; /* who speaks is there */
    if (!id.n && !f->rows_n) {                  /* of the line itself: nobody speaks */
        if (f->answers >= 0) link_command_answered(c, NULL, f->answers, f->answer_ok);
        pend(c, b, f, NULL, 0, 0, 0, JD_OUT_KEPT);
        return;
    }
    dev = c->spoke;
    admission who = registry_admit(r, d, id, now, &dev, err);
    c->spoke = dev;
    if (who == ADMIT_REFUSED) {
        atomic_fetch_add(&port->counts->refused, 1);
        set_aside(port, c, id, f->bytes, err);
        pend(c, b, f, NULL, 0, 0, 0, JD_OUT_REFUSED);
        return;
    }
    taking t; /* five kilobytes, of which most frames need a tenth: not cleared */
    t.port = port;
    t.b = b;
    t.a = &port->loop->frame;
    t.told_n = 0;
    t.now = now;
    t.newest = JD_TIME_NONE;
    jd_err_none(&t.refused);
    map_rows(&t, f);
    uint32_t write = (uint32_t)b->job.n, n = 0;
    int fresh = who == ADMIT_NEW || (t.told_n && who == ADMIT_BLANK);
    if (fresh) {
        mark_new(&t);
        write_device(b, r, d, dev, id, t.told_n ? t.told[0].id : (jd_str){"", 0});
        n++;
    }
    uint64_t readings = write_told(&t, &n);
    jd_outcome outcome = JD_OUT_KEPT;
    b->job.bytes = b->arena.total;
    port->told += readings;
    registry_told(r, dev, d->protocol, f, now,
                  &(registry_frame){.device_time = t.newest,
                                    .line = d->protocol->encode ? c->id : 0,
                                    .loop = port->loop->no,
                                    .entity = t.told_n ? t.told[0].id : (jd_str){"", 0},
                                    .readings = readings});
    if (f->answers >= 0) link_command_answered(c, dev, f->answers, f->answer_ok);
    if (f->rows_n && !t.told_n && t.refused.code == JD_E_OK) atomic_fetch_add(&port->counts->ignored, 1);
    if (t.refused.code != JD_E_OK) {
        atomic_fetch_add(&port->counts->unmapped, 1);
        outcome = keep_aside(c, b, id, f, &t.refused, &n);
        set_aside(port, c, id, f->bytes, &t.refused);
    }
    if (f->parts > 1) pend_parts(c, b, f, dev, write, n, outcome);
    pend(c, b, f, dev, fresh, write, n, outcome);
}

static void take_frame(link_conn *c, jd_str bytes) {
    link_batch *b = c->port->loop->filling;
    jd_err err;
    int rc;
    jd_err_none(&err);
    jd_arena_recycle(&c->port->loop->frame, FRAME_KEEP);
    registry_ahead(c->spoke);
    jd_frame *f = read_frame(c, bytes, &rc, &err);
    c->port->taken++;
    if (rc || f->parts < 2) {
        take_whole(c, b, f, rc, &err);
        return;
    }
    int whole = take_part(c, f, &err);
    if (!whole) return; /* answered with the whole */
    take_whole(c, b, f, whole < 0 ? -1 : 0, &err);
    link_message **m = message_of(c, f);
    if (*m && (*m)->got == (*m)->parts)
        message_free(c, m); /* also when it could not be read: all parts are told again */
}

/* How many of the bytes were taken. */
static size_t take_frames(link_conn *c, jd_str s) {
    link_port *port = c->port;
    const link_decl *d = port->decl;
    size_t at = 0;
    port->loop->took_us = jd_mono_ns() / 1000;
    port->loop->took = jd_now();
    while (at < s.n) {
        jd_found found = {0};
        if (!link_batch_room(port->loop, d->tenant, 2 * TOLD_MAX + 2)) {
            link_pause(c);
            break;
        }
        d->protocol->find(&d->set, (jd_str){s.p + at, s.n - at}, &found);
        if (found.skip && found.junk) {
            jd_err why = {0};
            jd_fail(&why, JD_E_BAD_REQUEST_DATA, "%zu bytes that begin no frame", "%zu 字节不构成任何帧的开头",
                    found.skip);
            atomic_fetch_add(&port->counts->junk, found.skip);
            set_aside(port, c, jd_str_of(c->peer.device), (jd_str){s.p + at, found.skip}, &why);
        }
        at += found.skip;
        if (!found.n) {
            if (!found.skip) break;
            continue;
        }
        take_frame(c, (jd_str){s.p + at, found.n});
        at += found.n;
    }
    if (port->taken) atomic_fetch_add(&port->counts->frames, port->taken);
    if (port->told) atomic_fetch_add(&port->counts->readings, port->told);
    port->taken = port->told = 0;
    return at;
}

void link_take_all(link_conn *c) {
    size_t at = take_frames(c, jd_buf_view(&c->in));
    if (!at) return;
    memmove(c->in.p, c->in.p + at, c->in.n - at);
    c->in.n -= at;
}

void link_take_read(link_conn *c, jd_str s) {
    if (c->in.n || c->paused) {
        jd_buf_str(&c->in, s);
        if (!c->paused) link_take_all(c);
    } else { /* mostly whole frames: they are read where they came */
        size_t at = take_frames(c, s);
        jd_buf_add(&c->in, s.p + at, s.n - at);
    }
}

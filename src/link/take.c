/* One frame on its way in: bytes -> fields -> readings of entities -> writes in the batch that is being filled. */
#include "link/links_int.h"

#include "engine/history.h"

#include <stdlib.h>

enum {
    TOLD_MAX = 64,             /* entities that one frame may speak of */
    PARTS_BYTES_MAX = 1 << 20, /* of messages that a connection has not yet told whole */
    PARTS_MAX = 4096
};

/* ---- split messages: parts wait until all have come; none is answered before the whole is durable ---- */

typedef struct link_part {
    struct link_part *next;
    char *key; /* NUL-terminated */
    uint32_t part, parts;
    char *bytes;
    size_t n, payload_at, payload_n;
    uint64_t came_us;
} link_part;

static void part_free(link_conn *c, link_part *p) {
    c->parts_bytes -= p->n;
    free(p->key);
    free(p->bytes);
    free(p);
}

void link_parts_free(link_conn *c) {
    for (link_part *p = c->parts, *next; p; p = next) {
        next = p->next;
        part_free(c, p);
    }
    c->parts = NULL;
}

static int same_message(const link_part *p, const jd_frame *f) {
    return p->parts == f->parts && jd_str_is(f->part_key, p->key);
}

enum { PARTS_S = 60 };

/* What is too old belongs to an earlier message: some protocols use a key again soon. */
static void parts_expire(link_conn *c) {
    unsigned limit = c->port->decl->protocol->parts_s;
    uint64_t now = jd_mono_ns() / 1000, most = (uint64_t)(limit ? limit : PARTS_S) * 1000000;
    for (link_part **at = &c->parts; *at;) {
        link_part *p = *at;
        if (now - p->came_us < most) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        part_free(c, p);
    }
}

static void part_keep(link_conn *c, const jd_frame *f) {
    parts_expire(c);
    for (link_part **at = &c->parts; *at; at = &(*at)->next) /* told again: the later one counts */
        if (same_message(*at, f) && (*at)->part == f->part) {
            link_part *old = *at;
            *at = old->next;
            part_free(c, old);
            break;
        }
    while (c->parts && c->parts_bytes + f->bytes.n > PARTS_BYTES_MAX) { /* the oldest are given up */
        link_part **last = &c->parts;
        while ((*last)->next) last = &(*last)->next;
        part_free(c, *last);
        *last = NULL;
    }
    link_part *p = jd_xcalloc(1, sizeof *p);
    *p = (link_part){.next = c->parts,
                     .key = jd_xstrdup(f->part_key),
                     .part = f->part,
                     .parts = f->parts,
                     .bytes = jd_xmalloc(f->bytes.n + f->payload.n + 1),
                     .n = f->bytes.n,
                     .payload_at = f->bytes.n,
                     .payload_n = f->payload.n,
                     .came_us = jd_mono_ns() / 1000};
    memcpy(p->bytes, f->bytes.p, f->bytes.n);
    if (f->payload.n) memcpy(p->bytes + p->payload_at, f->payload.p, f->payload.n);
    c->parts = p;
    c->parts_bytes += p->n;
}

static link_part *part_find(const link_conn *c, const jd_frame *f, uint32_t no) {
    for (link_part *p = c->parts; p; p = p->next)
        if (same_message(p, f) && p->part == no) return p;
    return NULL;
}

/* ---- readings of one frame, by entity ---- */

typedef struct taking {
    link_port *port;
    link_batch *b;
    jd_told told[TOLD_MAX];
    int fixed[TOLD_MAX];
    uint32_t told_n;
    jd_time first_time;
    jd_err refused; /* the first cell or row that the mapping could not take */
} taking;

static jd_told *told_of(taking *t, const jd_moment *m, int fixed) {
    for (uint32_t i = 0; i < t->told_n; i++)
        if (t->fixed[i] == fixed && jd_str_eq(t->told[i].id, m->id)) return &t->told[i];
    if (t->told_n == TOLD_MAX) return NULL;
    jd_told *x = &t->told[t->told_n];
    t->fixed[t->told_n++] = fixed;
    *x = (jd_told){.id = m->id, .types_n = m->types_n};
    x->types = JD_NEWN(&t->b->arena, jd_sym, m->types_n);
    memcpy(x->types, m->types, m->types_n * sizeof *x->types);
    return x;
}

static void tell(taking *t, jd_told *x, const jd_attr *attrs, uint32_t n) {
    jd_attr *all = JD_NEWN(&t->b->arena, jd_attr, x->attrs_n + n);
    if (x->attrs_n) memcpy(all, x->attrs, x->attrs_n * sizeof *all);
    memcpy(all + x->attrs_n, attrs, n * sizeof *all);
    x->attrs = all;
    x->attrs_n += n;
}

static int on_moment(void *user, const jd_moment *m, jd_err *err) {
    taking *t = user;
    if (m->at != JD_TIME_NONE && t->first_time == JD_TIME_NONE) t->first_time = m->at;
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
    jd_feed_sink sink = {.user = t, .arena = &t->b->arena, .moment = on_moment, .refused = on_refused};
    link_decl *d = t->port->decl;
    for (size_t i = 0; i < f->rows_n; i++)
        for (size_t k = 0; k < d->maps_n; k++) {
            jd_err err = {0};
            if (jd_feed_value(t->port->feeds[k], d->name, &f->rows[i], &sink, &err) < 0 && t->refused.code == JD_E_OK)
                t->refused = err;
        }
}

static void add_state(taking *t, jd_told *x) {
    jd_attr state = {.name = t->port->decl->state_attr,
                     .kind = JD_PROPERTY,
                     .observed = JD_TIME_NONE,
                     .expires = JD_TIME_NONE,
                     .created = JD_TIME_NONE,
                     .modified = JD_TIME_NONE,
                     .value = jd_jmake_str(JD_STR("new")),
                     .has_value = 1};
    tell(t, x, &state, 1);
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
    for (uint32_t i = 0; i < t->told_n; i++) {
        jd_write *w = &t->b->writes[t->b->job.n];
        jd_err err = {0};
        int tenant = jd_tenant_find(e, t->port->decl->tenant);
        int got = t->fixed[i] ? jd_observe_fixed(e, tenant, &t->told[i], &t->b->arena, w, &err)
                              : 1 - 2 * (jd_observe_readings(e, &t->told[i], &t->b->arena, w, &err) != 0);
        if (got < 0 && t->refused.code == JD_E_OK) t->refused = err;
        if (got <= 0) continue;
        t->b->job.n++;
        ++*writes_n;
        if (!t->fixed[i]) readings += t->told[i].attrs_n;
    }
    return readings;
}

/* ---- one frame ---- */

static void set_aside(link_port *p, const link_conn *c, jd_str device, jd_str bytes, const jd_err *why) {
    quarantine_add(p->set_aside, device, c->from, bytes, p->decl->protocol->text, why);
}

static jd_frame *read_frame(link_conn *c, link_batch *b, jd_str bytes, int *rc, jd_err *err) {
    const link_decl *d = c->port->decl;
    jd_frame *f = JD_NEW(&b->arena, jd_frame);
    f->bytes = jd_arena_dup(&b->arena, bytes);
    f->answers = -1;
    *rc = d->protocol->decode(&d->set, &c->peer, f->bytes, &b->arena, f, err);
    if (f->edition) c->peer.edition = f->edition;
    return f;
}

static void pend(link_conn *c, link_batch *b, jd_frame *f, link_device *dev, int fresh, uint32_t write, uint32_t n,
                 jd_outcome outcome) {
    link_pend *p = link_batch_pend(b);
    *p = (link_pend){.conn = c,
                     .frame = f,
                     .device = dev,
                     .fresh = fresh,
                     .write = write,
                     .writes_n = n,
                     .outcome = outcome,
                     .arrived_us = jd_mono_ns() / 1000};
    c->flying++;
}

/* All parts are there: reads the whole into the last frame, and lets the earlier ones be answered with it. */
static int join(link_conn *c, link_batch *b, jd_frame *f, jd_err *err) {
    const link_decl *d = c->port->decl;
    jd_buf whole = {0};
    for (uint32_t i = 1; i <= f->parts; i++) {
        const link_part *p = part_find(c, f, i);
        jd_buf_add(&whole, p->bytes + p->payload_at, p->payload_n);
    }
    jd_str payload = jd_arena_dup(&b->arena, jd_buf_view(&whole));
    jd_buf_fini(&whole);
    return d->protocol->decode_joined(&d->set, payload, &b->arena, f, err);
}

static void pend_parts(link_conn *c, link_batch *b, const jd_frame *last, link_device *dev, uint32_t write, uint32_t n,
                       jd_outcome outcome) {
    for (uint32_t i = 1; i <= last->parts; i++) {
        link_part **at = &c->parts;
        while (*at && !(same_message(*at, last) && (*at)->part == i)) at = &(*at)->next;
        if (!*at) continue;
        link_part *p = *at;
        jd_err err = {0};
        int rc;
        if (i != last->part)
            pend(c, b, read_frame(c, b, (jd_str){p->bytes, p->n}, &rc, &err), dev, 0, write, n, outcome);
        *at = p->next;
        part_free(c, p);
    }
}

static int is_whole(link_conn *c, const jd_frame *f) {
    for (uint32_t i = 1; i <= f->parts; i++)
        if (!part_find(c, f, i)) return 0;
    return 1;
}

static void write_device(link_batch *b, registry *r, const link_decl *d, link_device *dev, jd_str id, jd_str entity) {
    b->writes[b->job.n++] = (jd_write){.kind = JD_K_DEVICE,
                                       .rq = {.id = registry_id(&b->arena, d->name, id), .observed = JD_TIME_NONE},
                                       .raw_body = registry_document(r, dev, "new", entity, &b->arena)};
}

void link_take(link_conn *c, jd_str bytes) {
    link_port *port = c->port;
    link_decl *d = port->decl;
    link_batch *b = port->loop->filling;
    registry *r = port->loop->links->devices;
    jd_err err = {0};
    int rc;
    jd_frame *f = read_frame(c, b, bytes, &rc, &err);
    jd_time now = jd_now();
    jd_str id = f->device.n ? f->device : jd_str_of(c->peer.device);
    atomic_fetch_add(&port->counts->frames, 1);
    if (!rc && f->parts > 1) {
        if (f->part < 1 || f->part > f->parts || f->parts > PARTS_MAX || !d->protocol->decode_joined) {
            rc = jd_fail(&err, JD_E_BAD_REQUEST_DATA, "part %u of %u is not possible", "第 %u 部分（共 %u）不可能",
                         f->part, f->parts);
        } else {
            part_keep(c, f);
            if (!is_whole(c, f)) return; /* answered with the whole */
            rc = join(c, b, f, &err);
        }
    }
    link_device *dev = NULL;
    if (c->poll) { /* what is asked belongs to the device that the link names, whatever its unit */
        int told = link_poll_answer(c, f, rc, &err);
        id = d->poll_device;
        if (!rc && err.code != JD_E_OK) rc = -1;
        if (!rc && !told && (dev = registry_find(r, d->name, id)))
            link_command_answered(port->loop, dev, f->answers, f->answer_ok);
        if (!rc && !told) return;
    }
    if (rc) {
        atomic_fetch_add(&port->counts->bad, 1);
        set_aside(port, c, id, f->bytes, &err);
        dev = id.n ? registry_find(r, d->name, id) : NULL;
        if (dev) registry_heard(r, dev, f, now, JD_TIME_NONE, 1);
        pend(c, b, f, NULL, 0, 0, 0, JD_OUT_REFUSED);
        return;
    }
    if (!id.n && !f->rows_n) { /* of the line itself: nobody speaks */
        pend(c, b, f, NULL, 0, 0, 0, JD_OUT_KEPT);
        return;
    }
    admission who = registry_admit(r, d, id, now, &dev, &err);
    if (who == ADMIT_REFUSED) {
        atomic_fetch_add(&port->counts->refused, 1);
        set_aside(port, c, id, f->bytes, &err);
        pend(c, b, f, NULL, 0, 0, 0, JD_OUT_REFUSED);
        return;
    }
    taking t = {.port = port, .b = b, .first_time = JD_TIME_NONE};
    map_rows(&t, f);
    uint32_t write = (uint32_t)b->job.n, n = 0;
    if (who == ADMIT_NEW) {
        mark_new(&t);
        write_device(b, r, d, dev, id, t.told_n ? t.told[0].id : (jd_str){"", 0});
        n++;
    }
    uint64_t readings = write_told(&t, &n);
    b->job.bytes = b->arena.total;
    atomic_fetch_add(&port->counts->readings, readings);
    registry_heard(r, dev, f, now, t.first_time, 0);
    if (d->protocol->encode) registry_set_line(r, dev, c->id, port->loop->no);
    if (f->answers >= 0) link_command_answered(port->loop, dev, f->answers, f->answer_ok);
    if (t.told_n) registry_readings(r, dev, t.told[0].id, readings);
    if (f->rows_n && !t.told_n && t.refused.code == JD_E_OK) atomic_fetch_add(&port->counts->ignored, 1);
    if (t.refused.code != JD_E_OK) {
        atomic_fetch_add(&port->counts->unmapped, 1);
        set_aside(port, c, id, f->bytes, &t.refused);
    }
    if (f->parts > 1) pend_parts(c, b, f, dev, write, n, JD_OUT_KEPT);
    pend(c, b, f, dev, who == ADMIT_NEW, write, n, JD_OUT_KEPT);
}

void link_take_all(link_conn *c) {
    link_port *port = c->port;
    const link_decl *d = port->decl;
    size_t at = 0;
    while (at < c->in.n) {
        jd_found found = {0};
        if (!link_batch_room(port->loop, d->tenant, 2 * TOLD_MAX + 1)) {
            if (!c->paused) {
                c->paused = 1;
                c->next_paused = port->loop->paused;
                port->loop->paused = c;
            }
            break;
        }
        d->protocol->find(&d->set, (jd_str){c->in.p + at, c->in.n - at}, &found);
        if (found.skip && found.junk) {
            jd_err why = {0};
            jd_fail(&why, JD_E_BAD_REQUEST_DATA, "%zu bytes that begin no frame", "%zu 字节不构成任何帧的开头",
                    found.skip);
            atomic_fetch_add(&port->counts->junk, found.skip);
            set_aside(port, c, jd_str_of(c->peer.device), (jd_str){c->in.p + at, found.skip}, &why);
        }
        at += found.skip;
        if (!found.n) {
            if (!found.skip) break;
            continue;
        }
        link_take(c, (jd_str){c->in.p + at, found.n});
        at += found.n;
    }
    if (at) {
        memmove(c->in.p, c->in.p + at, c->in.n - at);
        c->in.n -= at;
    }
}

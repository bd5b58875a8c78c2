/* Who speaks on the links: what is known of each device, how it is, and its last frames.
 *
 * What must last (that there is such a device, its entity, its state) is a document, written in the group of its first
 * frame; counters and times are memory. One lock for all: it is held for a look-up and some additions. */
#include "link/links_int.h"

#include <stdlib.h>

struct link_device {
    jd_str link, id;   /* never change */
    _Atomic int known; /* it is on record, not refused, and has told something: who finds it so needs no lock */
    char *entity;      /* NULL: it has told no readings yet */
    char state[16];    /* "new", "claimed", "refused" */
    int stored;        /* its document is durable, or on its way */
    jd_time first, last, device_time;
    uint64_t frames, bad, faults, readings, resent;
    int64_t clock_offset_ms; /* device's clock minus ours, of its last frame told at once */
    int has_offset;
    double every_ms; /* between frames: a moving average */
    /* frames: time, length, bytes; oldest first. When the newer half is full it becomes the older one, which goes. */
    jd_buf older, ring;
    char kind[24]; /* of the last frame */
    uint64_t line; /* the connection that it spoke on last, on which thread */
    unsigned loop;
};

typedef struct quota { /* new devices of a link in this hour */
    jd_str link;
    jd_time hour;
    uint32_t n;
} quota;

struct registry {
    pthread_mutex_t lock;
    jd_strmap by_id; /* document id -> index */
    link_device **all;
    uint32_t n, cap;
    quota *quotas;
    uint32_t quotas_n;
    size_t ring, rings, rings_max;
};

typedef struct ring_head {
    jd_time at;
    uint32_t n;
    uint16_t bad, protocol; /* jd_protocol_no: a link may be declared anew, with another */
} ring_head;

enum { RING_FRAME_MAX = 2048 }; /* bytes kept of one frame */
static const jd_time HOUR = INT64_C(3600) * 1000000;

registry *registry_new(size_t ring, size_t rings_max) {
    registry *r = jd_xcalloc(1, sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    jd_strmap_init(&r->by_id);
    r->ring = ring;
    r->rings_max = rings_max;
    return r;
}

void registry_free(registry *r) {
    if (!r) return;
    for (uint32_t i = 0; i < r->n; i++) {
        free(r->all[i]->entity);
        free((char *)(uintptr_t)r->all[i]->link.p);
        free((char *)(uintptr_t)r->all[i]->id.p);
        jd_buf_fini(&r->all[i]->older);
        jd_buf_fini(&r->all[i]->ring);
        free(r->all[i]);
    }
    for (uint32_t i = 0; i < r->quotas_n; i++) free((char *)(uintptr_t)r->quotas[i].link.p);
    free(r->quotas);
    free(r->all);
    jd_strmap_fini(&r->by_id);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

jd_str registry_id(jd_arena *a, jd_str link, jd_str id) {
    return jd_arena_printf(a, "%.*s/%.*s", JD_STR_ARG(link), JD_STR_ARG(id));
}

/* ---- the table; the lock is held ---- */

static jd_str keep(jd_str s) {
    return (jd_str){jd_xstrdup(s), s.n};
}

static link_device *find(registry *r, jd_str link, jd_str id) {
    char key[320];
    if (link.n + id.n + 1 > sizeof key) return NULL;
    memcpy(key, link.p, link.n);
    key[link.n] = '/';
    if (id.n) memcpy(key + link.n + 1, id.p, id.n);
    uint32_t at = jd_strmap_get(&r->by_id, (jd_str){key, link.n + id.n + 1});
    return at == JD_STRMAP_NONE ? NULL : r->all[at];
}

static link_device *add(registry *r, jd_str link, jd_str id) {
    jd_buf key = {0};
    jd_buf_printf(&key, "%.*s/%.*s", JD_STR_ARG(link), JD_STR_ARG(id));
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 64;
        r->all = jd_xrealloc(r->all, r->cap * sizeof *r->all);
    }
    link_device *d = jd_xcalloc(1, sizeof *d);
    *d = (link_device){.link = keep(link), .id = keep(id), .last = JD_TIME_NONE, .device_time = JD_TIME_NONE};
    jd_strmap_put(&r->by_id, jd_buf_view(&key), r->n);
    r->all[r->n++] = d;
    jd_buf_fini(&key);
    return d;
}

static void set_state(link_device *d, jd_str state) {
    size_t n = state.n < sizeof d->state - 1 ? state.n : sizeof d->state - 1;
    memcpy(d->state, state.p, n);
    d->state[n] = 0;
}

static int is_blank(const link_device *dev) {
    return !dev->entity && !strcmp(dev->state, "new");
}

/* After its state, its entity or `stored` changed. */
static void note_known(link_device *d) {
    atomic_store(&d->known, d->stored && strcmp(d->state, "refused") != 0 && !is_blank(d));
}

static jd_str member(const jd_jval *v, const char *name) {
    const jd_jval *m = jd_jget(v, name);
    return m && m->type == JD_JSTR ? jd_jstr(m) : (jd_str){"", 0};
}

void registry_load(registry *r, jd_str id, jd_str body) {
    jd_arena a;
    jd_jval v;
    jd_err err = {0};
    (void)id;
    jd_arena_init(&a);
    if (!jd_json_parse(&a, body, NULL, &v, &err) && member(&v, "link").n && member(&v, "device").n) {
        link_device *d = add(r, member(&v, "link"), member(&v, "device"));
        set_state(d, member(&v, "state"));
        if (member(&v, "entity").n) d->entity = jd_xstrdup(member(&v, "entity"));
        if (jd_time_parse(member(&v, "firstSeen"), &d->first, NULL)) d->first = JD_TIME_NONE;
        d->stored = 1;
        note_known(d);
    }
    jd_arena_fini(&a);
}

/* ---- frames ---- */

static int over_quota(registry *r, const link_decl *d, jd_time now) {
    quota *q = NULL;
    for (uint32_t i = 0; i < r->quotas_n && !q; i++)
        if (jd_str_eq(r->quotas[i].link, d->name)) q = &r->quotas[i];
    if (!q) {
        r->quotas = jd_xrealloc(r->quotas, (r->quotas_n + 1) * sizeof *r->quotas);
        q = &r->quotas[r->quotas_n++];
        *q = (quota){.link = keep(d->name)};
    }
    if (q->hour != now / HOUR) *q = (quota){.link = q->link, .hour = now / HOUR};
    if (q->n >= d->new_per_hour) return 1;
    q->n++;
    return 0;
}

static admission admit(registry *r, const link_decl *d, jd_str id, jd_time now, link_device **out, jd_err *err) {
    link_device *dev = *out; /* who spoke last on the line mostly speaks again; a device is never forgotten */
    if (!dev || !jd_str_eq(dev->id, id) || !jd_str_eq(dev->link, d->name)) dev = find(r, d->name, id);
    *out = dev;
    if (dev && !strcmp(dev->state, "refused")) {
        jd_fail(err, JD_E_NOT_SUPPORTED, "the device is refused", "该设备已被拒绝接入");
        return ADMIT_REFUSED;
    }
    if (dev && dev->stored) return is_blank(dev) ? ADMIT_BLANK : ADMIT_KNOWN;
    if (dev) {
        dev->stored = 1;
        return ADMIT_NEW;
    }
    if (id.n > 64 || !id.n) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "the device does not say who it is", "设备没有说明自己的标识");
        return ADMIT_REFUSED;
    }
    if (d->allow_list) {
        jd_fail(err, JD_E_NOT_SUPPORTED, "the device is not known, and the link takes only known ones",
                "设备未登记，而该链路只接受已登记的设备");
        return ADMIT_REFUSED;
    }
    if (over_quota(r, d, now)) {
        jd_fail(err, JD_E_NOT_SUPPORTED, "more than %u new devices in this hour (newPerHour)",
                "本小时新设备已超过 %u 台（newPerHour）", d->new_per_hour);
        return ADMIT_REFUSED;
    }
    dev = *out = add(r, d->name, id);
    set_state(dev, JD_STR("new"));
    dev->first = now;
    dev->stored = 1;
    return ADMIT_NEW;
}

void registry_ahead(const link_device *dev) {
    for (size_t at = 0; dev && at < sizeof *dev; at += 64) __builtin_prefetch((const char *)dev + at, 1);
}

admission registry_admit(registry *r, const link_decl *d, jd_str id, jd_time now, link_device **out, jd_err *err) {
    const link_device *dev = *out;
    if (dev && atomic_load(&dev->known) && jd_str_eq(dev->id, id) && jd_str_eq(dev->link, d->name)) return ADMIT_KNOWN;
    pthread_mutex_lock(&r->lock);
    admission got = admit(r, d, id, now, out, err);
    pthread_mutex_unlock(&r->lock);
    return got;
}

void registry_stored(registry *r, link_device *dev, int ok) {
    pthread_mutex_lock(&r->lock);
    dev->stored = ok;
    note_known(dev);
    pthread_mutex_unlock(&r->lock);
}

static void ring_add(registry *r, link_device *dev, const jd_protocol *p, jd_str bytes, jd_time now, int bad) {
    size_t n = bytes.n < RING_FRAME_MAX ? bytes.n : RING_FRAME_MAX, room = r->rings > r->rings_max ? 0 : r->ring;
    ring_head h = {.at = now, .n = (uint32_t)n, .bad = (uint16_t)bad, .protocol = (uint16_t)jd_protocol_no(p)};
    size_t more = sizeof h + n;
    r->rings -= dev->older.n + dev->ring.n;
    if (dev->ring.n + more > room / 2) {
        jd_buf gone = dev->older;
        dev->older = dev->ring;
        dev->ring = gone;
        dev->ring.n = 0;
    }
    if (dev->older.n + dev->ring.n + more > room) dev->older.n = 0;
    jd_buf_add(&dev->ring, &h, sizeof h);
    jd_buf_add(&dev->ring, bytes.p, n);
    r->rings += dev->older.n + dev->ring.n;
}

static void heard(registry *r, link_device *dev, const jd_protocol *p, const jd_frame *f, jd_time now,
                  jd_time device_time, int bad) {
    if (dev->last != JD_TIME_NONE && now > dev->last) {
        double ms = (double)(now - dev->last) / 1000;
        dev->every_ms = dev->every_ms > 0 ? dev->every_ms * 0.9 + ms * 0.1 : ms;
    }
    dev->last = now;
    dev->frames++;
    dev->bad += (uint64_t)(bad != 0);
    dev->faults += f->faults_n;
    dev->resent += (uint64_t)(f->resent != 0);
    if (device_time != JD_TIME_NONE && !f->resent) {
        dev->device_time = device_time;
        dev->clock_offset_ms = (device_time - now) / 1000;
        dev->has_offset = 1;
    }
    size_t n = f->kind.n < sizeof dev->kind - 1 ? f->kind.n : sizeof dev->kind - 1;
    if (n) memcpy(dev->kind, f->kind.p, n);
    dev->kind[n] = 0;
    ring_add(r, dev, p, f->bytes, now, bad);
}

void registry_heard(registry *r, link_device *dev, const jd_protocol *p, const jd_frame *f, jd_time now) {
    pthread_mutex_lock(&r->lock);
    heard(r, dev, p, f, now, JD_TIME_NONE, 1);
    pthread_mutex_unlock(&r->lock);
}

void registry_told(registry *r, link_device *dev, const jd_protocol *p, const jd_frame *f, jd_time now,
                   const registry_frame *told) {
    pthread_mutex_lock(&r->lock);
    heard(r, dev, p, f, now, told->device_time, 0);
    if (told->line) {
        dev->line = told->line;
        dev->loop = told->loop;
    }
    dev->readings += told->readings;
    if (!dev->entity && told->entity.n) {
        dev->entity = jd_xstrdup(told->entity);
        note_known(dev);
    }
    pthread_mutex_unlock(&r->lock);
}

/* ---- what is written, and what is asked ---- */

jd_str registry_document(registry *r, const link_device *dev, const char *state, jd_str entity, jd_arena *a) {
    jd_buf b = {0};
    char at[JD_TIME_TEXT_MAX];
    pthread_mutex_lock(&r->lock);
    size_t n = jd_time_print(dev->first == JD_TIME_NONE ? jd_now() : dev->first, 3, at);
    jd_buf_z(&b, "{\"link\":");
    jd_json_write_str(&b, dev->link);
    jd_buf_z(&b, ",\"device\":");
    jd_json_write_str(&b, dev->id);
    jd_buf_z(&b, ",\"entity\":");
    jd_json_write_str(&b, entity.n ? entity : jd_str_of(dev->entity ? dev->entity : ""));
    jd_buf_printf(&b, ",\"state\":\"%s\",\"firstSeen\":\"%.*s\"}", state, (int)n, at);
    pthread_mutex_unlock(&r->lock);
    jd_str out = jd_arena_dup(a, jd_buf_view(&b));
    jd_buf_fini(&b);
    return out;
}

link_device *registry_find(registry *r, jd_str link, jd_str id) {
    pthread_mutex_lock(&r->lock);
    link_device *d = find(r, link, id);
    pthread_mutex_unlock(&r->lock);
    return d;
}

uint64_t registry_line(registry *r, const link_device *dev, unsigned *loop) {
    pthread_mutex_lock(&r->lock);
    uint64_t line = dev->line;
    if (loop) *loop = dev->loop;
    pthread_mutex_unlock(&r->lock);
    return line;
}

uint64_t registry_count(registry *r, jd_str link) {
    uint64_t n = 0;
    pthread_mutex_lock(&r->lock);
    for (uint32_t i = 0; i < r->n; i++) n += (uint64_t)jd_str_eq(r->all[i]->link, link);
    pthread_mutex_unlock(&r->lock);
    return n;
}

jd_str registry_entity(registry *r, link_device *dev, jd_arena *a) {
    pthread_mutex_lock(&r->lock);
    jd_str s = dev->entity ? jd_arena_dup(a, jd_str_of(dev->entity)) : (jd_str){NULL, 0};
    pthread_mutex_unlock(&r->lock);
    return s;
}

void registry_set_state(registry *r, link_device *dev, const char *state) {
    pthread_mutex_lock(&r->lock);
    set_state(dev, jd_str_of(state));
    dev->stored = 1;
    note_known(dev);
    pthread_mutex_unlock(&r->lock);
}

/* ---- JSON; the lock is held ---- */

static void put_time(jd_buf *out, const char *name, jd_time t) {
    char text[JD_TIME_TEXT_MAX];
    if (t == JD_TIME_NONE) return;
    size_t n = jd_time_print(t, 3, text);
    jd_buf_printf(out, ",\"%s\":\"%.*s\"", name, (int)n, text);
}

/* "well"; "silent": heard of too long ago, or not since the start; "late": its clock is off by more than a minute. */
static const char *health(const link_device *d, uint32_t silence_s, jd_time now) {
    if (d->last == JD_TIME_NONE || now - d->last > (jd_time)silence_s * 1000000) return "silent";
    if (d->has_offset && (d->clock_offset_ms > 60000 || d->clock_offset_ms < -3600000)) return "clock";
    return "well";
}

static void summary(const link_device *d, uint32_t silence_s, jd_time now, jd_buf *out) {
    jd_buf_z(out, "{\"link\":");
    jd_json_write_str(out, d->link);
    jd_buf_z(out, ",\"device\":");
    jd_json_write_str(out, d->id);
    if (d->entity) {
        jd_buf_z(out, ",\"entity\":");
        jd_json_write_str(out, jd_str_of(d->entity));
    }
    jd_buf_printf(out, ",\"state\":\"%s\",\"health\":\"%s\",\"frames\":%llu,\"bad\":%llu,\"faults\":%llu", d->state,
                  health(d, silence_s, now), (unsigned long long)d->frames, (unsigned long long)d->bad,
                  (unsigned long long)d->faults);
    jd_buf_printf(out, ",\"readings\":%llu,\"resent\":%llu,\"everySeconds\":%.3f", (unsigned long long)d->readings,
                  (unsigned long long)d->resent, d->every_ms / 1000);
    if (d->has_offset) jd_buf_printf(out, ",\"clockOffsetSeconds\":%.3f", (double)d->clock_offset_ms / 1000);
    put_time(out, "firstSeen", d->first);
    put_time(out, "lastSeen", d->last);
    put_time(out, "lastTold", d->device_time);
    jd_buf_z(out, ",\"lastKind\":");
    jd_json_write_str(out, jd_str_of(d->kind));
}

void registry_list(registry *r, jd_str link, jd_str state, jd_str entity, uint64_t offset, uint64_t limit,
                   uint64_t *total, uint32_t (*silence)(void *user, jd_str link), void *user, jd_buf *out) {
    jd_time now = jd_now();
    uint64_t n = 0;
    jd_buf_c(out, '[');
    pthread_mutex_lock(&r->lock);
    for (uint32_t i = 0; i < r->n; i++) {
        const link_device *d = r->all[i];
        if ((link.p && !jd_str_eq(link, d->link)) || (state.p && !jd_str_is(state, d->state))) continue;
        if (entity.p && (!d->entity || !jd_str_is(entity, d->entity))) continue;
        if (n++ < offset || n - 1 >= offset + limit) continue;
        if (n - 1 > offset) jd_buf_c(out, ',');
        summary(d, silence(user, d->link), now, out);
        jd_buf_c(out, '}');
    }
    pthread_mutex_unlock(&r->lock);
    jd_buf_c(out, ']');
    *total = n;
}

static void frame_json(const link_decl *d, jd_str bytes, const ring_head *h, int zh, jd_buf *out) {
    char at[JD_TIME_TEXT_MAX];
    size_t n = jd_time_print(h->at, 3, at);
    jd_arena a;
    jd_arena_init(&a);
    jd_buf_printf(out, "{\"at\":\"%.*s\",\"hex\":\"", (int)n, at);
    jd_hex_add(out, jd_frame_shown(jd_protocol_of(h->protocol), bytes, &a));
    jd_buf_c(out, '"');
    if (d && d->protocol == jd_protocol_of(h->protocol)) {
        jd_frame f = {.bytes = bytes, .answers = -1};
        jd_err err = {0};
        jd_link_set set = d->set;
        set.rows_only = 0;
        int rc = d->protocol->decode(&set, &(jd_peer){0}, bytes, &a, &f, &err);
        if (f.fields.type == JD_JOBJ) {
            jd_fields_shown(&f.fields);
            jd_buf_z(out, ",\"fields\":");
            jd_json_write(out, &f.fields);
        }
        jd_buf_z(out, ",\"faults\":[");
        for (size_t i = 0; i < f.faults_n; i++) {
            if (i) jd_buf_c(out, ',');
            jd_json_write_str(out, zh ? f.faults[i].zh : f.faults[i].en);
        }
        jd_buf_c(out, ']');
        if (rc) {
            jd_buf_z(out, ",\"error\":");
            jd_json_write_str(out, jd_str_of(zh ? err.zh : err.en));
        }
    }
    jd_arena_fini(&a);
    jd_buf_c(out, '}');
}

void registry_show(registry *r, link_device *dev, const link_decl *d, uint32_t silence_s, int zh, jd_buf *out) {
    jd_buf ring = {0};
    pthread_mutex_lock(&r->lock);
    summary(dev, silence_s, jd_now(), out);
    jd_buf_str(&ring, jd_buf_view(&dev->older));
    jd_buf_str(&ring, jd_buf_view(&dev->ring));
    pthread_mutex_unlock(&r->lock);
    jd_buf_z(out, ",\"lastFrames\":[");
    for (size_t at = 0; at < ring.n;) {
        ring_head h;
        memcpy(&h, ring.p + at, sizeof h);
        if (at) jd_buf_c(out, ',');
        at += sizeof h;
        frame_json(d, (jd_str){ring.p + at, h.n}, &h, zh, out);
        at += h.n;
    }
    jd_buf_z(out, "]}");
    jd_buf_fini(&ring);
}

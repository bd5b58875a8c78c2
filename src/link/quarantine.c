/* Frames set aside, with why: the newest of a link, in a ring. */
#include "link/links_int.h"

#include <stdlib.h>

enum {
    KEPT_BYTES = 4096, /* of one frame; longer ones are cut */
    KEPT_A_SECOND = 50 /* documents of a link */
};

typedef struct aside {
    jd_time at;
    char device[64], from[64], en[200], zh[200];
    char *bytes;
    size_t n, whole;
    const jd_protocol *protocol; /* NULL: not known, or no frame */
} aside;

struct quarantine {
    pthread_mutex_t lock;
    aside *ring;
    uint32_t most;
    uint64_t n; /* ever */
    jd_time second;
    uint32_t in_second; /* documents made in it */
};

quarantine *quarantine_new(uint32_t most) {
    quarantine *q = jd_xcalloc(1, sizeof *q);
    q->most = most;
    q->ring = jd_xcalloc(most, sizeof *q->ring);
    pthread_mutex_init(&q->lock, NULL);
    return q;
}

void quarantine_free(quarantine *q) {
    if (!q) return;
    for (uint32_t i = 0; i < q->most; i++) free(q->ring[i].bytes);
    free(q->ring);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

static void keep(char *to, size_t room, jd_str s) {
    size_t n = s.n < room - 1 ? s.n : room - 1;
    while (n && n < s.n && ((unsigned char)s.p[n] & 0xC0) == 0x80) n--; /* whole characters */
    if (n) memcpy(to, s.p, n);
    to[n] = 0;
}

void quarantine_add(quarantine *q, jd_str device, const char *from, jd_str bytes, const jd_protocol *p,
                    const jd_err *why) {
    size_t n = bytes.n < KEPT_BYTES ? bytes.n : KEPT_BYTES;
    char *copy = jd_xmalloc(n + 1);
    if (n) memcpy(copy, bytes.p, n);
    pthread_mutex_lock(&q->lock);
    aside *a = &q->ring[q->n++ % q->most];
    free(a->bytes);
    *a = (aside){.at = jd_now(), .bytes = copy, .n = n, .whole = bytes.n, .protocol = p};
    keep(a->device, sizeof a->device, device);
    keep(a->from, sizeof a->from, jd_str_of(from));
    keep(a->en, sizeof a->en, jd_str_of(why->en));
    keep(a->zh, sizeof a->zh, jd_str_of(why->zh));
    pthread_mutex_unlock(&q->lock);
}

static int is_text(const aside *a) {
    int text = a->protocol && a->protocol->text;
    for (size_t i = 0; text && i < a->n; i++)
        if ((unsigned char)a->bytes[i] >= 0x7f) return 0;
    return text;
}

static void one(const aside *a, int zh, jd_buf *out) {
    char at[JD_TIME_TEXT_MAX];
    size_t n = jd_time_print(a->at, 3, at);
    jd_buf_printf(out, "{\"at\":\"%.*s\",\"device\":", (int)n, at);
    jd_json_write_str(out, jd_str_of(a->device));
    jd_buf_z(out, ",\"from\":");
    jd_json_write_str(out, jd_str_of(a->from));
    jd_buf_z(out, ",\"reason\":");
    jd_json_write_str(out, jd_str_of(zh ? a->zh : a->en));
    jd_buf_printf(out, ",\"bytes\":%zu,\"hex\":\"", a->whole);
    jd_arena room;
    jd_arena_init(&room);
    jd_str bytes = jd_frame_shown(a->protocol, (jd_str){a->bytes, a->n}, &room);
    jd_hex_add(out, bytes);
    jd_buf_c(out, '"');
    if (is_text(a)) {
        jd_buf_z(out, ",\"text\":");
        jd_json_write_str(out, bytes);
    }
    jd_buf_c(out, '}');
    jd_arena_fini(&room);
}

void quarantine_json(quarantine *q, uint32_t limit, int zh, jd_buf *out) {
    pthread_mutex_lock(&q->lock);
    uint64_t kept = q->n < q->most ? q->n : q->most;
    jd_buf_c(out, '[');
    for (uint64_t i = 0; i < kept && i < limit; i++) {
        if (i) jd_buf_c(out, ',');
        one(&q->ring[(q->n - 1 - i) % q->most], zh, out);
    }
    jd_buf_c(out, ']');
    pthread_mutex_unlock(&q->lock);
}

uint64_t quarantine_count(quarantine *q) {
    pthread_mutex_lock(&q->lock);
    uint64_t n = q->n;
    pthread_mutex_unlock(&q->lock);
    return n;
}

/* ---- what must last ---- */

int quarantine_document(quarantine *q, const jd_protocol *p, jd_str link, jd_str device, const char *from, jd_str bytes,
                        const jd_err *why, jd_arena *a, jd_str *id, jd_str *body) {
    jd_time now = jd_now();
    char at[JD_TIME_TEXT_MAX];
    pthread_mutex_lock(&q->lock);
    if (q->second != now / 1000000) {
        q->second = now / 1000000;
        q->in_second = 0;
    }
    int full = q->in_second >= KEPT_A_SECOND;
    q->in_second += (uint32_t)!full;
    unsigned slot = (unsigned)(q->n % q->most); /* the store holds no more of them than the ring */
    pthread_mutex_unlock(&q->lock);
    if (full) return 0;
    jd_buf b = {0};
    size_t n = jd_time_print(now, 6, at), kept = bytes.n < KEPT_BYTES ? bytes.n : KEPT_BYTES;
    jd_buf_z(&b, "{\"link\":");
    jd_json_write_str(&b, link);
    jd_buf_printf(&b, ",\"protocol\":\"%s\",\"at\":\"%.*s\",\"device\":", p->name, (int)n, at);
    jd_json_write_str(&b, device);
    jd_buf_z(&b, ",\"from\":");
    jd_json_write_str(&b, jd_str_of(from));
    jd_buf_z(&b, ",\"en\":");
    jd_json_write_str(&b, jd_str_of(why->en));
    jd_buf_z(&b, ",\"zh\":");
    jd_json_write_str(&b, jd_str_of(why->zh));
    jd_buf_printf(&b, ",\"bytes\":%zu,\"hex\":\"", bytes.n);
    jd_hex_add(&b, (jd_str){bytes.p, kept});
    jd_buf_z(&b, "\"}");
    *id = jd_arena_printf(a, "%.*s/%06u", JD_STR_ARG(link), slot);
    *body = jd_arena_dup(a, jd_buf_view(&b));
    jd_buf_fini(&b);
    return 1;
}

static jd_str text_of(const jd_jval *v, const char *name) {
    const jd_jval *m = jd_jget(v, name);
    return m && m->type == JD_JSTR ? jd_jstr(m) : (jd_str){"", 0};
}

void quarantine_load(quarantine *q, const jd_jval *v, const jd_protocol *declared) {
    jd_buf raw = {0};
    jd_err why = {0};
    char from[64];
    jd_time at;
    if (jd_hex_read(text_of(v, "hex"), &raw) || jd_time_parse(text_of(v, "at"), &at, NULL)) {
        jd_buf_fini(&raw);
        return;
    }
    keep(why.en, sizeof why.en, text_of(v, "en"));
    keep(why.zh, sizeof why.zh, text_of(v, "zh"));
    keep(from, sizeof from, text_of(v, "from"));
    const jd_protocol *p = jd_protocol_find(text_of(v, "protocol")); /* earlier documents do not say it */
    quarantine_add(q, text_of(v, "device"), from, jd_buf_view(&raw), p ? p : declared, &why);
    pthread_mutex_lock(&q->lock);
    q->ring[(q->n - 1) % q->most].at = at;
    pthread_mutex_unlock(&q->lock);
    jd_buf_fini(&raw);
}

/* Bytes of devices. Input: a byte that picks protocol and way of reading, then what a connection sends. Beyond not
 * falling over: a finder always moves on or waits, a refusal has its words, what is read prints as JSON that reads
 * back, faults have both languages, and an answer of ours is a sound frame of the same protocol. */
#include "link/fields.h"
#include "link/points.h"
#include "link/protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(what)                                                                    \
    do {                                                                              \
        if (!(what)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what); \
            abort();                                                                  \
        }                                                                             \
    } while (0)

static void is_json(jd_arena *a, const jd_jval *v) {
    jd_buf text = {0};
    jd_jval again;
    jd_err err = {0};
    jd_json_write(&text, v);
    MUST(jd_json_parse(a, jd_buf_view(&text), NULL, &again, &err) == 0);
    jd_buf_fini(&text);
}

static void look(jd_arena *a, const jd_frame *f, int rc, const jd_err *err) {
    if (rc) MUST(err->code > JD_E_OK && err->code < JD_E_COUNT && err->en[0] && err->zh[0]);
    if (f->fields.type == JD_JOBJ) is_json(a, &f->fields);
    MUST(f->faults_n <= JD_FAULTS_MAX);
    for (size_t i = 0; i < f->faults_n; i++) MUST(f->faults[i].en.n && f->faults[i].zh.n);
    for (size_t i = 0; i < f->rows_n; i++) {
        MUST(f->rows[i].type == JD_JOBJ);
        is_json(a, &f->rows[i]);
    }
    MUST(!rc || !f->rows_n);
}

/* The answer to what is kept of a frame is that to the frame itself. */
static void answer_kept(const jd_protocol *p, const jd_link_set *set, const jd_frame *f, jd_outcome o, jd_peer peer,
                        jd_str answer) {
    jd_arena a;
    jd_buf out = {0};
    jd_arena_init(&a);
    jd_frame kept = {.bytes = f->bytes, .device = f->device, .edition = f->edition, .answers = -1};
    if (p->keep) kept.own = p->keep(f, &a);
    p->reply(set, &kept, o, INT64_C(1793000000000000), &peer, &out);
    MUST(jd_str_eq(jd_buf_view(&out), answer));
    jd_buf_fini(&out);
    jd_arena_fini(&a);
}

static void answer(const jd_protocol *p, const jd_link_set *set, const jd_frame *f, int rc, jd_peer *peer) {
    jd_buf out = {0};
    if (!p->reply) return;
    for (int o = JD_OUT_KEPT; o <= JD_OUT_BUSY; o++) {
        if (rc && o == JD_OUT_KEPT) continue;
        out.n = 0;
        jd_peer before = *peer;
        p->reply(set, f, (jd_outcome)o, INT64_C(1793000000000000), peer, &out);
        answer_kept(p, set, f, (jd_outcome)o, before, jd_buf_view(&out));
        if (!out.n) continue;
        jd_found at = {0};
        p->find(set, jd_buf_view(&out), &at);
        MUST(at.n && at.skip + at.n <= out.n);
    }
    jd_buf_fini(&out);
}

/* What is not wanted of a frame changes nothing of the rest. */
static void rows_alone(const jd_protocol *p, const jd_link_set *set, const jd_peer *peer, const jd_frame *f, int rc) {
    jd_arena a;
    jd_err err = {0};
    jd_link_set lean = *set;
    jd_frame g = {.bytes = f->bytes, .answers = -1};
    jd_buf x = {0}, y = {0};
    lean.rows_only = 1;
    jd_arena_init(&a);
    MUST(p->decode(&lean, peer, g.bytes, &a, &g, &err) == rc);
    MUST(jd_str_eq(g.device, f->device) && jd_str_eq(g.kind, f->kind) && jd_str_eq(g.payload, f->payload));
    MUST(g.rows_n == f->rows_n && g.faults_n == f->faults_n && g.edition == f->edition && g.parts == f->parts);
    MUST(g.answers == f->answers && g.answer_ok == f->answer_ok && g.resent == f->resent);
    for (size_t i = 0; i < f->rows_n; i++) {
        jd_json_write(&x, &f->rows[i]);
        jd_json_write(&y, &g.rows[i]);
    }
    MUST(jd_str_eq(jd_buf_view(&x), jd_buf_view(&y)));
    jd_buf_fini(&x);
    jd_buf_fini(&y);
    jd_arena_fini(&a);
}

static void within(const jd_jval *few, const jd_jval *all, const jd_link_set *set) {
    for (uint32_t i = 0; i < few->n; i++) {
        const jd_jval *v = jd_jget_str(all, few->members[i].name);
        if (!set || jd_link_wants(set, few->members[i].name)) MUST(v && jd_jequal(v, &few->members[i].val));
    }
}

/* Of rows that are read for some names only, what has these names is there and the same. */
static void wanted_alone(const jd_protocol *p, const jd_link_set *set, const jd_peer *peer, const jd_frame *f, int rc) {
    static const char *const names[] = {"speed_kmh", "acc", "lat", "alarm_sos", "mileage_km", "time", "signal_horn"};
    jd_arena a;
    jd_err err = {0};
    jd_link_set lean = *set;
    jd_frame g = {.bytes = f->bytes, .answers = -1};
    lean.rows_only = 1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (f->bytes.n >> i & 1) lean.wanted |= jd_name_bit(jd_str_of(names[i]));
    jd_arena_init(&a);
    MUST(p->decode(&lean, peer, g.bytes, &a, &g, &err) == rc && g.rows_n == f->rows_n && g.faults_n == f->faults_n);
    for (size_t i = 0; i < f->rows_n; i++) {
        within(&g.rows[i], &f->rows[i], NULL);
        within(&f->rows[i], &g.rows[i], &lean);
    }
    jd_arena_fini(&a);
}

static void one(const jd_protocol *p, const jd_link_set *set, jd_peer *peer, jd_str bytes) {
    jd_arena a;
    jd_err err = {0};
    jd_arena_init(&a);
    char *copy = jd_xmalloc(bytes.n ? bytes.n : 1); /* of its exact size: a sanitizer sees a read beyond it */
    if (bytes.n) memcpy(copy, bytes.p, bytes.n);
    jd_frame f = {.bytes = {copy, bytes.n}, .answers = -1};
    int rc = p->decode(set, peer, f.bytes, &a, &f, &err);
    look(&a, &f, rc, &err);
    rows_alone(p, set, peer, &f, rc);
    wanted_alone(p, set, peer, &f, rc);
    if (!rc && f.parts > 1 && p->decode_joined) {
        jd_err why = {0};
        int joined = p->decode_joined(set, f.payload, &a, &f, &why);
        look(&a, &f, joined, &why);
    }
    answer(p, set, &f, rc, peer);
    free(copy);
    jd_arena_fini(&a);
}

static void map(jd_str text) {
    jd_arena a;
    jd_jval v;
    jd_err err = {0};
    jd_points *points;
    jd_arena_init(&a);
    if (!jd_json_parse(&a, text, NULL, &v, &err) && !jd_points_compile(&v, &a, &points, &err)) {
        const jd_ask *plan;
        size_t n = jd_points_plan(points, &plan);
        for (size_t i = 0; i < n; i++) {
            jd_fields row = jd_fields_new(&a);
            (void)jd_points_read(points, &plan[i], text, &a, &row, &err);
            jd_jval all = jd_fields_end(&row);
            is_json(&a, &all);
        }
    }
    jd_arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    jd_str bytes = {(const char *)data + 1, size - 1};
    if (data[0] == 255) {
        map(bytes);
        return 0;
    }
    size_t n = 0;
    while (jd_protocol_at(n)) n++;
    const jd_protocol *p = jd_protocol_at((data[0] & 31) % n);
    jd_link_set set = {.field = data[0] >> 7,
                       .modbus_crc = data[0] >> 6 & 1,
                       .answer_realtime = data[0] >> 5 & 1,
                       .rtu = data[0] >> 6 & 1};
    jd_peer peer = {.serial = 7};
    one(p, &set, &peer, bytes); /* as a vector: whatever it is */
    for (size_t turns = 0; bytes.n; turns++) {
        jd_found at = {0};
        p->find(&set, bytes, &at);
        MUST(at.skip <= bytes.n && at.n <= bytes.n - at.skip && at.n <= p->frame_max && turns <= size);
        if (!at.skip && !at.n) break;
        bytes.p += at.skip;
        bytes.n -= at.skip;
        if (at.n) one(p, &set, &peer, (jd_str){bytes.p, at.n});
        bytes.p += at.n;
        bytes.n -= at.n;
    }
    return 0;
}

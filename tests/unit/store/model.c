#include "model.h"

#include <stdio.h>

uint64_t rng_next(rng *r) {
    uint64_t z = (r->s += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint32_t rng_below(rng *r, uint32_t n) {
    return (uint32_t)(rng_next(r) % n);
}

static const struct {
    jd_key base, step;
} ranges[3] = {
    {(jd_key)1 << 48 | (jd_key)1 << 40 | 1, 1},
    {(jd_key)1 << 48 | (jd_key)2 << 40 | 1, 4099},
    {(jd_key)7 << 48 | 4000, 1},
};

jd_key model_key(uint32_t i) {
    return ranges[i % 3].base + (jd_key)(i / 3) * ranges[i % 3].step;
}

int model_index(jd_key key) {
    for (int r = 0; r < 3; r++) {
        jd_key at = key - ranges[r].base;
        if (at >= 0 && at % ranges[r].step == 0 && at / ranges[r].step < MODEL_KEYS / 3)
            return (int)(at / ranges[r].step) * 3 + r;
    }
    return -1;
}

void model_set(model *m, uint32_t i, jd_str body) {
    m->there[i] = body.p != NULL;
    m->body[i].n = 0;
    if (body.p) jd_buf_str(&m->body[i], body);
}

static jd_str body_of(const model *m, uint32_t i) {
    if (!m->there[i]) return (jd_str){NULL, 0};
    return (jd_str){m->body[i].p ? m->body[i].p : "", m->body[i].n};
}

void model_copy(model *to, const model *from) {
    for (uint32_t i = 0; i < MODEL_KEYS; i++) model_set(to, i, body_of(from, i));
    to->group = from->group;
    to->symbols = from->symbols;
    rowmodel_copy(&to->rows, &from->rows);
}

void model_fini(model *m) {
    for (uint32_t i = 0; i < MODEL_KEYS; i++) jd_buf_fini(&m->body[i]);
    rowmodel_fini(&m->rows);
    *m = (model){0};
}

jd_str model_current(void *user, jd_key key) {
    int i = model_index(key);
    return i < 0 ? (jd_str){NULL, 0} : body_of(user, (uint32_t)i);
}

int model_differs(const model *a, const model *b, char *why, size_t cap) {
    if (a->group != b->group || a->symbols != b->symbols) {
        snprintf(why, cap, "group %llu and %llu, symbols %u and %u", (unsigned long long)a->group,
                 (unsigned long long)b->group, a->symbols, b->symbols);
        return 1;
    }
    for (uint32_t i = 0; i < MODEL_KEYS; i++) {
        jd_str x = body_of(a, i), y = body_of(b, i);
        if ((x.p != NULL) == (y.p != NULL) && jd_str_eq(x, y)) continue;
        snprintf(why, cap, "key %lld: there %d and %d, bytes %zu and %zu", (long long)model_key(i), a->there[i],
                 b->there[i], x.n, y.n);
        return 1;
    }
    return rowmodel_differs(&a->rows, &b->rows, why, cap);
}

static void symbol_name(char out[32], uint32_t number) {
    snprintf(out, 32, "urn:test:symbol:%u", number);
}

static int on_symbol(void *user, uint32_t number, jd_str name, jd_err *err) {
    model *m = user;
    char want[32];
    symbol_name(want, number);
    if (number != m->symbols + 1 || !jd_str_is(name, want))
        return jd_fail(err, JD_E_INTERNAL, "test: symbol %u after %u", "测试：符号 %u 在 %u 之后", number, m->symbols);
    m->symbols = number;
    return 0;
}

static int on_document(void *user, jd_key key, jd_str body, jd_err *err) {
    int i = model_index(key);
    if (i < 0) return jd_fail(err, JD_E_INTERNAL, "test: key %lld", "测试：键 %lld", (long long)key);
    model_set(user, (uint32_t)i, body);
    return 0;
}

static int on_patch(void *user, uint64_t group, jd_key key, jd_str patch, jd_err *err) {
    model *m = user;
    int i = model_index(key);
    if (i < 0 || group < m->group)
        return jd_fail(err, JD_E_INTERNAL, "test: patch of key %lld", "测试：键 %lld 的补丁", (long long)key);
    m->group = group;
    if (!m->there[i]) {
        m->orphan[i] = 1;
        return 0;
    }
    jd_buf body = {0};
    int rc = jd_store_patch(key, body_of(m, (uint32_t)i), patch, &body, err);
    if (rc == 0) model_set(m, (uint32_t)i, (jd_str){body.p ? body.p : "", body.n});
    jd_buf_fini(&body);
    return rc;
}

static int on_change(void *user, uint64_t group, jd_key key, jd_str body, jd_err *err) {
    model *m = user;
    if (group < m->group)
        return jd_fail(err, JD_E_INTERNAL, "test: group %llu", "测试：组 %llu", (unsigned long long)group);
    m->group = group;
    if (!is_event(key) && !body.p && model_index(key) >= 0) m->orphan[model_index(key)] = 0;
    if (!is_event(key)) return on_document(user, key, body, err);
    rowmodel_event(&m->rows, group, key, body);
    return 0;
}

int model_load(jd_store *s, model *m, jd_err *err) {
    jd_store_loader l = {
        .user = m, .symbol = on_symbol, .document = on_document, .change = on_change, .patch = on_patch};
    uint64_t last = 0;
    if (jd_store_load(s, &l, &last, err) != 0) return -1;
    for (uint32_t i = 0; i < MODEL_KEYS; i++)
        if (m->orphan[i])
            return jd_fail(err, JD_E_INTERNAL, "test: key %u was patched while absent", "测试：键 %u 不存在却有补丁",
                           i);
    m->group = last; /* a group without changes is not seen by on_change */
    if (rowmodel_load(s, &m->rows, err) != 0 || rowmodel_is_complete(&m->rows, err) != 0) return -1;
    rowmodel_reopened(&m->rows, s);
    return 0;
}

/* Random bytes for a document. */
static void fill(rng *r, char *p, size_t n) {
    uint64_t word = 0;
    for (size_t k = 0; k < n; k++) {
        if (k % 8 == 0) word = rng_next(r);
        p[k] = (char)(unsigned char)(word >> (k % 8 * 8));
    }
}

/* Mostly what the key holds, with some bytes changed, put in or taken out. */
static void vary(rng *r, jd_str base, char *p, size_t n) {
    fill(r, p, n);
    size_t at = base.n ? rng_below(r, (uint32_t)base.n) : 0, head = at < n ? at : n;
    if (head) memcpy(p, base.p, head);
    size_t tail = base.n - at < n - head ? base.n - at : n - head;
    if (tail && rng_below(r, 2)) tail -= rng_below(r, (uint32_t)(tail < 9 ? tail : 9));
    if (tail) memcpy(p + n - tail, base.p + base.n - tail, tail);
}

void model_draw(rng *r, const model *m, const model_shape *shape, model_group *out) {
    size_t n = rng_below(r, shape->changes_max + 1), sizes[64];
    size_t events = shape->events_max ? rng_below(r, shape->events_max + 1) : 0;
    uint64_t last_event = m->rows.events;
    n += events;
    out->bytes.n = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t max = shape->body_max * (rng_below(r, 24) ? 1 : 20);
        int event = events && rng_below(r, (uint32_t)(n - i)) < events;
        events -= (size_t)event;
        sizes[i] = event || rng_below(r, 8) ? rng_below(r, max + 1) : SIZE_MAX;
        if (event) sizes[i] += 8;
        out->changes[i].key = event ? event_key(rng_below(r, EVENT_KEYS)) : model_key(rng_below(r, shape->keys));
        jd_str base = event ? (jd_str){NULL, 0} : model_current((void *)(uintptr_t)m, out->changes[i].key);
        for (size_t k = 0; k < i && base.p; k++)
            if (out->changes[k].key == out->changes[i].key) base.p = NULL;
        out->changes[i].base = base;
        if (sizes[i] == SIZE_MAX) continue;
        int like = base.p && rng_below(r, 3);
        if (like && rng_below(r, 2)) sizes[i] = base.n;
        char *p = jd_buf_room(&out->bytes, sizes[i]);
        if (event)
            event_fill(r, ++last_event, p, sizes[i]);
        else if (like)
            vary(r, base, p, sizes[i]);
        else
            fill(r, p, sizes[i]);
        out->bytes.n += sizes[i];
    }
    const char *at = out->bytes.p ? out->bytes.p : "";
    for (size_t i = 0; i < n; i++) {
        int gone = sizes[i] == SIZE_MAX;
        out->changes[i].body = gone ? (jd_str){NULL, 0} : (jd_str){at, sizes[i]};
        if (!gone) at += sizes[i];
    }
    size_t symbols = rng_below(r, 4) ? 0 : rng_below(r, 5);
    for (size_t i = 0; i < symbols; i++) {
        uint32_t number = m->symbols + 1 + (uint32_t)i;
        symbol_name(out->names[i], number);
        out->symbols[i] = (jd_store_symbol){number, jd_str_of(out->names[i])};
    }
    out->g = (jd_store_group){
        .number = m->group + 1, .changes = out->changes, .changes_n = n, .symbols = out->symbols, .symbols_n = symbols};
}

void model_apply(model *m, const jd_store_group *g) {
    for (size_t i = 0; i < g->changes_n; i++) {
        const jd_store_change *c = &g->changes[i];
        if (is_event(c->key))
            rowmodel_event(&m->rows, g->number, c->key, c->body);
        else
            model_set(m, (uint32_t)model_index(c->key), c->body);
    }
    for (size_t i = 0; i < g->symbols_n; i++) m->symbols = g->symbols[i].number;
    m->group = g->number;
}

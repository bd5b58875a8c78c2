#include "model/instance.h"

#include "base/hash.h"
#include "model/doc_int.h"

#include <stdio.h>

enum { KEPT = JD_A_DATASET | JD_A_UNIT | JD_A_OBJECTTYPE | JD_A_VALUETYPE | JD_A_SUBS };

/* ---- apart ---- */

typedef struct splitter {
    jd_buf *s, *nums;
} splitter;

static void number(splitter *w, int64_t m, unsigned scale) {
    jd_num n;
    memset(&n, 0, sizeof n); /* the padding too: equal numbers are equal bytes */
    n.m = m;
    n.scale = (uint8_t)scale;
    jd_buf_add(w->nums, &n, sizeof n);
}

static void split_node(splitter *w, jd_node n) {
    const unsigned char *p = n.p;
    unsigned char t = *p;
    if (t >= JD_T_SMALLINT && t < JD_T_SHORTSTR) {
        jd_buf_c(w->s, JD_T_HOLE);
        number(w, t - JD_T_SMALLINT, 0);
        return;
    }
    switch (t) {
    case JD_T_DEC: {
        unsigned scale = p[1];
        p += 2;
        jd_buf_c(w->s, JD_T_HOLE);
        number(w, jd_unzigzag(jd_varint_get(&p, n.end)), scale);
        return;
    }
    case JD_T_TIME: {
        jd_buf_c(w->s, JD_T_TIME);
        jd_buf_c(w->s, (char)p[1]);
        p += 2;
        number(w, jd_unzigzag(jd_varint_get(&p, n.end)), 0);
        return;
    }
    case JD_T_ARR: {
        jd_nodeiter it = jd_node_items(n);
        jd_node item;
        jd_buf_c(w->s, JD_T_ARR);
        jd_buf_varint(w->s, it.left);
        while (jd_node_next(&it, &item)) split_node(w, item);
        return;
    }
    case JD_T_OBJ: {
        jd_nodeiter it = jd_node_items(n);
        jd_node item;
        jd_sym key;
        jd_str raw;
        jd_buf_c(w->s, JD_T_OBJ);
        jd_buf_varint(w->s, it.left);
        while (jd_node_member(&it, &key, &raw, &item)) {
            jd_buf_varint(w->s, key);
            if (!key) jd_put_str(w->s, raw);
            split_node(w, item);
        }
        return;
    }
    default: jd_buf_add(w->s, p, (size_t)(jd_node_skip(p, n.end) - p));
    }
}

static void split(splitter *w, const jd_attrview *v, int sub) {
    unsigned head = (unsigned)v->kind;
    if (v->dataset.p) head |= JD_A_DATASET;
    if (sub && v->observed != JD_TIME_NONE) head |= JD_A_OBSERVED;
    if (v->unit.p) head |= JD_A_UNIT;
    if (v->object_type.p) head |= JD_A_OBJECTTYPE;
    if (v->value_type.p) head |= JD_A_VALUETYPE;
    if (v->subs.p) head |= JD_A_SUBS;
    jd_buf_c(w->s, (char)(unsigned char)(head & 0xff));
    jd_buf_c(w->s, (char)(unsigned char)(head >> 8));
    if (head & JD_A_DATASET) jd_put_str(w->s, v->dataset);
    if (head & JD_A_OBSERVED) {
        jd_buf_c(w->s, (char)v->observed_digits);
        number(w, v->observed, 0);
    }
    if (head & JD_A_UNIT) jd_put_str(w->s, v->unit);
    if (head & JD_A_OBJECTTYPE) {
        jd_bytes rest = v->object_type;
        jd_sym s;
        uint32_t n = 0;
        while (jd_syms_next(&rest, &s)) n++;
        jd_buf_varint(w->s, n);
        for (rest = v->object_type; jd_syms_next(&rest, &s);) jd_buf_varint(w->s, s);
    }
    if (head & JD_A_VALUETYPE) jd_put_str(w->s, v->value_type);
    split_node(w, v->value);
    if (head & JD_A_SUBS) {
        jd_bytes rest = v->subs;
        jd_attrview s;
        uint32_t n = 0;
        while (jd_attr_next(&rest, 0, &s)) n++;
        jd_buf_varint(w->s, n);
        for (rest = v->subs; jd_attr_next(&rest, 0, &s);) {
            jd_buf_varint(w->s, s.name);
            split(w, &s, 1);
        }
    }
}

int jd_inst_split(const jd_attrview *v, jd_buf *skeleton, jd_buf *nums) {
    splitter w = {skeleton, nums};
    split(&w, v, 0);
    return v->kind == JD_PROPERTY && jd_node_type(v->value) == JD_N_NUM && *v->value.p != JD_T_NUMTEXT;
}

int jd_inst_number(const jd_attrview *v, jd_num *out) {
    const unsigned char *p = v->value.p;
    if (v->kind != JD_PROPERTY || jd_node_type(v->value) != JD_N_NUM || *p == JD_T_NUMTEXT) return 0;
    *out = (jd_num){.m = 0};
    if (*p >= JD_T_SMALLINT) {
        out->m = *p - JD_T_SMALLINT;
        return 1;
    }
    out->scale = p[1];
    p += 2;
    out->m = jd_unzigzag(jd_varint_get(&p, v->value.end));
    return 1;
}

/* ---- together ---- */

typedef struct joiner {
    const unsigned char *p, *end; /* p NULL: the skeleton is malformed */
    const jd_num *nums;
    uint32_t left;
    jd_buf *b;
} joiner;

static const jd_num none;

static const jd_num *next(joiner *j) {
    if (!j->left || j->nums->scale > 18) {
        j->p = NULL;
        return &none;
    }
    j->left--;
    return j->nums++;
}

static unsigned byte(joiner *j) {
    if (!j->p || j->p >= j->end) {
        j->p = NULL;
        return 0;
    }
    return *j->p++;
}

static uint64_t varint(joiner *j) {
    return jd_varint_get(&j->p, j->end);
}

static void copy_str(joiner *j) {
    if (!j->p) return;
    jd_str s = jd_bytes_str(&j->p, j->end);
    if (j->p) jd_put_str(j->b, s);
}

static void join_node(joiner *j, int depth) {
    unsigned t = byte(j);
    if (depth > JD_DOC_DEPTH_MAX) j->p = NULL;
    if (!j->p) return;
    if (t == JD_T_HOLE) {
        const jd_num *n = next(j);
        if (n->scale == 0 && n->m >= 0 && n->m < 64) {
            jd_buf_c(j->b, (char)(JD_T_SMALLINT + n->m));
        } else {
            jd_buf_c(j->b, JD_T_DEC);
            jd_buf_c(j->b, (char)n->scale);
            jd_buf_varint(j->b, jd_zigzag(n->m));
        }
    } else if (t == JD_T_TIME) {
        jd_buf_c(j->b, JD_T_TIME);
        jd_buf_c(j->b, (char)(unsigned char)byte(j));
        jd_buf_varint(j->b, jd_zigzag(next(j)->m));
    } else if (t == JD_T_ARR || t == JD_T_OBJ) {
        jd_buf_c(j->b, (char)(unsigned char)t);
        size_t from = j->b->n;
        uint64_t n = varint(j);
        jd_buf_varint(j->b, n);
        for (uint64_t i = 0; i < n && j->p; i++) {
            if (t == JD_T_OBJ) {
                uint64_t key = varint(j);
                jd_buf_varint(j->b, key);
                if (!key) copy_str(j);
            }
            join_node(j, depth + 1);
        }
        jd_lead_with_length(j->b, from);
    } else { /* a leaf, as it stands */
        const unsigned char *start = j->p - 1, *q = start;
        if (t >= JD_T_SHORTSTR)
            q = start + 1 + (t - JD_T_SHORTSTR);
        else if (t == JD_T_STR || t == JD_T_NUMTEXT) {
            q = start + 1;
            jd_bytes_str(&q, j->end);
        } else if (t == JD_T_SYM) {
            q = start + 1;
            jd_varint_get(&q, j->end);
        } else if (t <= JD_T_FALSE) {
            q = start + 1;
        } else {
            q = NULL;
        }
        if (!q || q > j->end) {
            j->p = NULL;
            return;
        }
        jd_buf_add(j->b, start, (size_t)(q - start));
        j->p = q;
    }
}

typedef struct stamps {
    jd_time observed;
    int digits;
    uint64_t created, modified; /* since base, since created */
} stamps;

static void join(joiner *j, uint64_t name, stamps t, int depth) {
    jd_buf *b = j->b;
    jd_buf_varint(b, name);
    size_t from = b->n;
    unsigned low = byte(j), head = low | byte(j) << 8, sub_observed = head & JD_A_OBSERVED;
    unsigned kind = head & 15;
    if (depth > JD_DOC_DEPTH_MAX || (head & ~(15u | KEPT | JD_A_OBSERVED)) || !kind || kind > JD_LISTRELATIONSHIP)
        j->p = NULL;
    if (t.observed != JD_TIME_NONE) head |= JD_A_OBSERVED;
    if (t.created) head |= JD_A_CREATED;
    if (t.modified) head |= JD_A_MODIFIED;
    jd_buf_c(b, (char)(unsigned char)(head & 0xff));
    jd_buf_c(b, (char)(unsigned char)(head >> 8));
    if (head & JD_A_DATASET) copy_str(j);
    if (sub_observed) {
        t.digits = (int)byte(j);
        t.observed = next(j)->m;
    }
    if (head & JD_A_OBSERVED) {
        jd_buf_varint(b, jd_zigzag(t.observed));
        jd_buf_c(b, (char)t.digits);
    }
    if (head & JD_A_UNIT) copy_str(j);
    if (t.created) jd_buf_varint(b, t.created);
    if (t.modified) jd_buf_varint(b, t.modified);
    if (head & JD_A_OBJECTTYPE) {
        uint64_t n = varint(j);
        if (!n) j->p = NULL; /* a record has some, or no list */
        jd_buf_varint(b, n);
        for (uint64_t i = 0; i < n && j->p; i++) jd_buf_varint(b, varint(j));
    }
    if (head & JD_A_VALUETYPE) copy_str(j);
    /* the skeleton has the value before the sub-attributes, the record behind them */
    size_t value = b->n;
    join_node(j, 0);
    if (head & JD_A_SUBS) {
        size_t value_n = b->n - value, subs = b->n;
        uint64_t n = varint(j);
        for (uint64_t i = 0; i < n && j->p; i++) {
            uint64_t sub = varint(j);
            join(j, sub, (stamps){JD_TIME_NONE, 0, t.created, 0}, depth + 1);
        }
        jd_lead_with_length(b, subs);
        size_t subs_n = b->n - subs;
        char *at = jd_buf_room(b, value_n) - b->n + value; /* value | subs -> subs | value */
        memcpy(at + value_n + subs_n, at, value_n);
        memmove(at, at + value_n, subs_n + value_n);
    }
    jd_lead_with_length(b, from);
}

static uint64_t since(jd_time t, jd_time base) {
    return t > base ? (uint64_t)(t - base) : 0;
}

int jd_inst_join(jd_sym name, const jd_reading *r, jd_time base, jd_time created, jd_time modified, jd_buf *record) {
    const unsigned char *p = (const unsigned char *)r->skeleton.p;
    joiner j = {p, p + r->skeleton.n, r->nums, r->nums_n, record};
    size_t start = record->n;
    jd_time observed = r->flags & JD_R_OBSERVED ? r->at : JD_TIME_NONE;
    join(&j, name, (stamps){observed, r->digits, since(created, base), since(modified, created)}, 0);
    if (j.p == j.end && !j.left) return 0;
    record->n = start;
    return -1;
}

jd_str jd_inst_dataset(jd_str skeleton) {
    const unsigned char *p = (const unsigned char *)skeleton.p, *end = p + skeleton.n;
    if (skeleton.n < 2 || !(p[0] & JD_A_DATASET)) return (jd_str){NULL, 0};
    p += 2;
    return jd_bytes_str(&p, end);
}

uint32_t jd_inst_dataset_no(jd_str dataset) {
    if (!dataset.p) return 0;
    uint32_t h = (uint32_t)jd_hash_fixed(dataset.p, dataset.n);
    return h ? h : 1;
}

/* ---- instanceId ---- */

#define ID_HEAD "urn:ngsi-ld:instance:"

static char *hex(char *to, uint64_t v, int digits) {
    for (int i = digits; i--; v >>= 4) to[i] = "0123456789abcdef"[v & 15];
    return to + digits;
}

/* In every instance of an answer, so without printf. */
size_t jd_inst_id_print(const jd_inst *i, char out[JD_INST_ID_MAX]) {
    char *p = out + sizeof ID_HEAD - 1;
    memcpy(out, ID_HEAD, sizeof ID_HEAD - 1);
    *p++ = i->deleted ? 'd' : i->observed ? 'o' : 'r';
    p = hex(p, (uint64_t)i->at, 16);
    *p++ = '-';
    p = hex(p, i->dataset, 8);
    *p = 0;
    return (size_t)(p - out);
}

int jd_inst_id_parse(jd_str id, jd_time *at, uint32_t *dataset, int *observed) {
    unsigned long long t;
    unsigned d;
    char kind, z[JD_INST_ID_MAX], again[JD_INST_ID_MAX];
    if (id.n >= sizeof z) return -1;
    memcpy(z, id.p, id.n);
    z[id.n] = 0;
    if (sscanf(z, ID_HEAD "%c%16llx-%8x", &kind, &t, &d) != 3) return -1;
    jd_inst i = {.at = (jd_time)t, .dataset = d, .observed = kind == 'o', .deleted = kind == 'd'};
    if (jd_inst_id_print(&i, again) != id.n || memcmp(again, z, id.n) != 0) return -1;
    *at = i.at;
    *dataset = d;
    *observed = i.observed;
    return 0;
}

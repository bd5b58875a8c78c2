/* link/points.c - register maps (points.h): compiled once, planned into few reads, values out of answers and back into
 * commands. Words are big-endian on the wire (Modbus Application Protocol V1.1b3, 4.2); how two and more of them make a
 * value is no part of the standard, so each point says it.
 * Numbers are decimals from end to end: m / 10^scale in 128 bits, bounded when the map is compiled so that reading an
 * integer can never overflow. */
#include "link/points.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    POINTS_MAX = 4096,
    NAME_MAX_BYTES = 100,
    REGISTERS_MAX = 125, /* of one read */
    BITS_MAX = 2000,
    SCALE_MAX = 18 /* digits behind the point of factor, offset, least, most */
};

typedef enum kind { UINT, INT, FLOAT, BOOL, BITS } kind;

static const struct type {
    const char *name;
    kind kind;
    unsigned words;
} types[] = {{"uint16", UINT, 1}, {"int16", INT, 1},     {"uint32", UINT, 2},   {"int32", INT, 2}, {"uint64", UINT, 4},
             {"int64", INT, 4},   {"float32", FLOAT, 2}, {"float64", FLOAT, 4}, {"bool", BOOL, 1}, {"bits", BITS, 1}};

typedef struct dec { /* m / 10^scale */
    __int128 m;
    int scale;
} dec;

typedef struct limit { /* as the map has it, and as an integer of the point's scale */
    int set;
    double d;
    dec dec;
} limit;

typedef struct point {
    jd_str name;
    const struct type *type;
    unsigned unit, function, address, width; /* width: in registers or bits, as the function counts */
    unsigned bit, count;
    int words_swapped, bytes_swapped, write;
    int scaled;         /* factor or offset is given */
    dec factor, offset; /* both of the same scale */
    limit least, most;  /* of that scale too */
} point;

struct jd_points {
    point *p;
    size_t n;
    jd_ask *asks;
    uint32_t *first; /* of each ask: its points are p[first[i]] to p[first[i + 1]] */
    size_t asks_n;
    unsigned every_ms, timeout_ms;
};

/* ---- decimals ---- */

static int times_ten(__int128 *m, int n) {
    for (; n > 0; n--)
        if (__builtin_mul_overflow(*m, (__int128)10, m)) return -1;
    return 0;
}

static void trim(dec *d) {
    while (d->scale > 0 && d->m % 10 == 0) d->m /= 10, d->scale--;
    if (!d->m) d->scale = 0;
}

/* Of a JSON number; -1: more than 36 digits, or a power beyond 60. */
static int dec_read(jd_str s, dec *out) {
    __int128 m = 0;
    int digits = 0, scale = 0, behind = 0, power = 0;
    const char *p = s.p, *end = s.p + s.n;
    int minus = p < end && *p == '-', down = 0;
    for (p += minus; p < end && (*p | 32) != 'e'; p++) {
        if (*p == '.') {
            behind = 1;
            continue;
        }
        m = m * 10 + (*p - '0');
        scale += behind;
        if (m) digits++;
        if (digits > 36 || scale > 60) return -1;
    }
    if (p < end) p++; /* e */
    for (; p < end; p++) {
        if (*p == '-') down = 1;
        if (*p >= '0' && *p <= '9' && (power = power * 10 + (*p - '0')) > 60) return -1;
    }
    scale += down ? power : -power;
    if (scale < 0) {
        if (times_ten(&m, m ? -scale : 0)) return -1;
        scale = 0;
    }
    *out = (dec){minus ? -m : m, scale};
    trim(out);
    return 0;
}

static jd_jval dec_json(dec d, jd_arena *a) {
    char text[112], *p = text + sizeof text; /* 39 digits, or the scale of a float: at most 26, with its factor 44 */
    trim(&d);
    unsigned __int128 left = d.m < 0 ? -(unsigned __int128)d.m : (unsigned __int128)d.m;
    for (int i = 0; left || i <= d.scale; i++) {
        if (i == d.scale && i) *--p = '.';
        if (left >> 64) {
            *--p = (char)('0' + (int)(left % 10));
            left /= 10;
        } else { /* by far the faster division */
            uint64_t low = (uint64_t)left;
            *--p = (char)('0' + (int)(low % 10));
            left = low / 10;
        }
    }
    if (d.m < 0) *--p = '-';
    jd_str kept = jd_arena_dup(a, (jd_str){p, (size_t)(text + sizeof text - p)});
    return (jd_jval){.type = JD_JNUM, .n = (uint32_t)kept.n, .s = kept.p};
}

/* ---- compile ---- */

typedef struct compiling {
    jd_arena *a;
    jd_err *err;
    const jd_jval *of; /* the object whose members are read */
    char place[48];    /* in front of a member's name: "points[3]." */
    unsigned unit, gap;
} compiling;

#define BAD(c, member, en, zh, ...)                                               \
    (jd_fail((c)->err, JD_E_BAD_REQUEST_DATA, en, zh __VA_OPT__(, ) __VA_ARGS__), \
     jd_fail_at((c)->err, "%s%s", (c)->place, member))

/* A whole number; absent, it stays as *out says. */
static int read_whole(compiling *c, const char *name, unsigned least, unsigned most, unsigned *out) {
    const jd_jval *v = jd_jget(c->of, name);
    if (!v) return 0;
    double d = v->type == JD_JNUM ? jd_jnum(v) : -1;
    if (!(d >= least && d <= most && d == (double)(unsigned)d))
        return BAD(c, name, "a whole number from %u to %u is wanted", "应为 %u 至 %u 的整数", least, most);
    *out = (unsigned)d;
    return 0;
}

static int known_members(compiling *c, const char *const *names) {
    for (uint32_t i = 0; i < c->of->n; i++) {
        jd_str name = c->of->members[i].name;
        size_t k = 0;
        while (names[k] && !jd_str_is(name, names[k])) k++;
        if (names[k]) continue;
        jd_fail(c->err, JD_E_BAD_REQUEST_DATA, "there is no such member", "没有这个成员");
        return jd_fail_at(c->err, "%s%.*s", c->place, JD_STR_ARG(name));
    }
    return 0;
}

static int read_name(compiling *c, point *p) {
    const jd_jval *v = jd_jget(c->of, "name");
    if (!v || v->type != JD_JSTR || !v->n || v->n > NAME_MAX_BYTES)
        return BAD(c, "name", "a text of 1 to %d bytes is wanted", "应为 1 至 %d 字节的文本", NAME_MAX_BYTES);
    if (jd_jis(v, "out_of_range") || jd_jis(v, "not_a_number"))
        return BAD(c, "name", "rows keep that name for a list of names", "该名称已用于行中的名称列表");
    p->name = jd_arena_dup(c->a, jd_jstr(v));
    return 0;
}

static int read_type(compiling *c, point *p) {
    const jd_jval *v = jd_jget(c->of, "type");
    for (size_t i = 0; v && i < sizeof types / sizeof *types; i++)
        if (jd_jis(v, types[i].name)) p->type = &types[i];
    if (!p->type)
        return BAD(c, "type",
                   "one of uint16, int16, uint32, int32, uint64, int64, float32, float64, bool, bits is wanted",
                   "应为 uint16、int16、uint32、int32、uint64、int64、float32、float64、bool、bits 之一");
    if (p->function <= 2 && p->type->kind < BOOL)
        return BAD(c, "type", "functions 1 and 2 read bits: bool or bits is wanted",
                   "功能码 1、2 读取位：应为 bool 或 bits");
    return 0;
}

static int read_order(compiling *c, point *p) {
    static const char *const orders[] = {"ABCD", "CDAB", "BADC", "DCBA"};
    const jd_jval *v = jd_jget(c->of, "order");
    int k = 0;
    while (v && k < 4 && !jd_jis(v, orders[k])) k++;
    if (k == 4) return BAD(c, "order", "one of ABCD, CDAB, BADC, DCBA is wanted", "应为 ABCD、CDAB、BADC、DCBA 之一");
    if (v && p->function <= 2) return BAD(c, "order", "only registers have one", "只有寄存器才有字节序");
    p->words_swapped = k & 1;
    p->bytes_swapped = k >> 1;
    return 0;
}

/* How much is read, by type: needs function and type. */
static int read_width(compiling *c, point *p) {
    int registers = p->function >= 3, is_bits = p->type->kind == BITS;
    p->count = 16;
    if (!is_bits && jd_jget(c->of, "count")) return BAD(c, "count", "only bits have one", "只有 bits 才有");
    if (read_whole(c, "count", 1, BITS_MAX, &p->count)) return -1;
    int one_bit = registers && p->type->kind == BOOL;
    if (one_bit != (jd_jget(c->of, "bit") != NULL))
        return BAD(c, "bit", "it belongs to bool in a register, and only there",
                   "寄存器中的 bool 必须指明，其他情形不得出现");
    if (read_whole(c, "bit", 0, 15, &p->bit)) return -1;
    p->width = is_bits ? (registers ? (p->count + 15) / 16 : p->count) : p->type->words;
    if (p->address + p->width > 65536) return BAD(c, "address", "goes beyond 65535", "超出 65535");
    return 0;
}

static int read_dec(compiling *c, const point *p, const char *name, dec *out, int *set) {
    const jd_jval *v = jd_jget(c->of, name);
    if (!v) return 0;
    if (v->type != JD_JNUM) return BAD(c, name, "a number is wanted", "应为数字");
    if (p->type->kind >= BOOL) return BAD(c, name, "only numbers have one", "只有数值类型才有");
    if (dec_read(jd_jstr(v), out) || out->scale > SCALE_MAX)
        return BAD(c, name, "more than 18 digits behind the point, or 36 in all", "小数超过 18 位或总位数超过 36 位");
    *set = 1;
    return 0;
}

/* A float is compared as a double: its limits may be too large for a decimal. */
static int read_limit(compiling *c, const point *p, const char *name, limit *l) {
    const jd_jval *v = jd_jget(c->of, name);
    if (!v || v->type != JD_JNUM || p->type->kind != FLOAT) {
        if (read_dec(c, p, name, &l->dec, &l->set)) return -1;
    }
    if (v) l->d = jd_jnum(v);
    l->set = v != NULL;
    return 0;
}

/* 2^64 * 10^18 + 10^36 and 10^37 stay below 2^127: with these bounds neither scaling nor comparing can overflow. */
static int align(dec *d, int scale, int power_max) {
    __int128 most = 1;
    times_ten(&most, power_max);
    if (times_ten(&d->m, scale - d->scale) || d->m > most || d->m < -most) return -1;
    d->scale = scale;
    return 0;
}

static int read_scaling(compiling *c, point *p) {
    p->factor = (dec){1, 0};
    if (read_dec(c, p, "factor", &p->factor, &p->scaled) || read_dec(c, p, "offset", &p->offset, &p->scaled) ||
        read_limit(c, p, "least", &p->least) || read_limit(c, p, "most", &p->most))
        return -1;
    if (!p->factor.m) return BAD(c, "factor", "0 makes all values alike", "为 0 则所有值相同");
    const dec *all[] = {&p->factor, &p->offset, &p->least.dec, &p->most.dec};
    int scale = 0;
    for (size_t i = 0; i < 4; i++)
        if (all[i]->scale > scale) scale = all[i]->scale;
    if (align(&p->factor, scale, 18)) return BAD(c, "factor", "needs more than 18 digits", "超过 18 位数字");
    if (align(&p->offset, scale, 36)) return BAD(c, "offset", "needs more than 36 digits", "超过 36 位数字");
    if (align(&p->least.dec, scale, 37)) return BAD(c, "least", "needs more than 37 digits", "超过 37 位数字");
    if (align(&p->most.dec, scale, 37)) return BAD(c, "most", "needs more than 37 digits", "超过 37 位数字");
    if (p->least.set && p->most.set && (p->least.dec.m > p->most.dec.m || p->least.d > p->most.d))
        return BAD(c, "least", "is more than most", "大于 most");
    return 0;
}

static int read_write(compiling *c, point *p) {
    const jd_jval *v = jd_jget(c->of, "write");
    if (!v) return 0;
    if (v->type != JD_JTRUE && v->type != JD_JFALSE)
        return BAD(c, "write", "true or false is wanted", "应为 true 或 false");
    p->write = v->type == JD_JTRUE;
    if (p->write && p->function % 2 == 0)
        return BAD(c, "write", "functions 2 and 4 can only be read", "功能码 2、4 只能读取");
    if (p->write && p->type->kind == BITS && (p->function == 1 ? p->count > 1968 : p->count % 16 || p->width > 123))
        return BAD(c, "write", "whole registers, at most 123, or at most 1968 coils can be written at once",
                   "一次只能写整寄存器（至多 123 个）或至多 1968 个线圈");
    return 0;
}

static int compile_point(compiling *c, point *p) {
    static const char *const names[] = {"name",   "unit",  "function", "address", "type",  "order", "factor",
                                        "offset", "least", "most",     "bit",     "count", "write", NULL};
    static const char *const needed[] = {"function", "address"};
    if (known_members(c, names) || read_name(c, p)) return -1;
    for (size_t i = 0; i < 2; i++)
        if (!jd_jget(c->of, needed[i])) return BAD(c, needed[i], "is missing", "缺失");
    p->unit = c->unit;
    if (read_whole(c, "unit", 0, 255, &p->unit) || read_whole(c, "function", 1, 4, &p->function) ||
        read_whole(c, "address", 0, 65535, &p->address) || read_type(c, p) || read_order(c, p) || read_width(c, p) ||
        read_scaling(c, p))
        return -1;
    return read_write(c, p);
}

static int by_name(const void *a, const void *b) {
    const point *const *x = a, *const *y = b;
    return jd_str_cmp((*x)->name, (*y)->name);
}

/* Points still stand in the order of the map. */
static int names_differ(compiling *c, const jd_points *m) {
    const point **sorted = jd_arena_alloc(c->a, (m->n + 1) * sizeof *sorted);
    for (size_t i = 0; i < m->n; i++) sorted[i] = &m->p[i];
    qsort(sorted, m->n, sizeof *sorted, by_name);
    for (size_t i = 1; i < m->n; i++) {
        const point *a = sorted[i - 1], *b = sorted[i];
        if (!jd_str_eq(a->name, b->name)) continue;
        const point *later = a > b ? a : b, *earlier = a > b ? b : a;
        snprintf(c->place, sizeof c->place, "points[%zu].", (size_t)(later - m->p));
        return BAD(c, "name", "points[%zu] has it already", "与 points[%zu] 重名", (size_t)(earlier - m->p));
    }
    return 0;
}

/* By unit, function, address; equal ones stay in the order of names. */
static int by_address(const void *a, const void *b) {
    const point *x = a, *y = b;
    if (x->unit != y->unit) return x->unit < y->unit ? -1 : 1;
    if (x->function != y->function) return x->function < y->function ? -1 : 1;
    if (x->address != y->address) return x->address < y->address ? -1 : 1;
    return jd_str_cmp(x->name, y->name);
}

/* Can the point be read along with what is asked for so far? */
static int joins(const jd_ask *ask, const point *p, unsigned gap) {
    unsigned end = ask->start + ask->count, to = p->address + p->width;
    unsigned most = p->function <= 2 ? BITS_MAX : REGISTERS_MAX, hole = p->function <= 2 ? gap * 16 : gap;
    if (ask->unit != p->unit || ask->function != p->function || p->address > end + hole) return 0;
    return (to > end ? to : end) - ask->start <= most;
}

static void plan(jd_points *m, jd_arena *a, unsigned gap) {
    m->asks = jd_arena_alloc(a, (m->n + 1) * sizeof *m->asks);
    m->first = jd_arena_alloc(a, (m->n + 1) * sizeof *m->first);
    for (uint32_t i = 0; i < m->n; i++) {
        const point *p = &m->p[i];
        jd_ask *ask = m->asks_n ? &m->asks[m->asks_n - 1] : NULL;
        unsigned to = p->address + p->width;
        if (ask && joins(ask, p, gap)) {
            if (to > ask->start + ask->count) ask->count = to - ask->start;
            continue;
        }
        m->first[m->asks_n] = i;
        m->asks[m->asks_n++] = (jd_ask){p->unit, p->function, p->address, p->width};
    }
    m->first[m->asks_n] = (uint32_t)m->n;
}

static int compile_points(compiling *c, const jd_jval *list, jd_points *m) {
    if (!list || list->type != JD_JARR || !list->n || list->n > POINTS_MAX)
        return BAD(c, "points", "a list of 1 to %d points is wanted", "应为 1 至 %d 个点的列表", POINTS_MAX);
    m->n = list->n;
    m->p = JD_NEWN(c->a, point, m->n);
    for (uint32_t i = 0; i < list->n; i++) {
        c->of = &list->items[i];
        snprintf(c->place, sizeof c->place, "points[%u]", i);
        if (c->of->type != JD_JOBJ) return BAD(c, "", "an object is wanted", "应为对象");
        snprintf(c->place, sizeof c->place, "points[%u].", i);
        if (compile_point(c, &m->p[i])) return -1;
    }
    return names_differ(c, m);
}

int jd_points_compile(const jd_jval *map, jd_arena *a, jd_points **out, jd_err *err) {
    static const char *const names[] = {"unit", "every_ms", "timeout_ms", "gap", "points", NULL};
    compiling c = {.a = a, .err = err, .of = map, .unit = 1};
    if (map->type != JD_JOBJ) return jd_fail(err, JD_E_BAD_REQUEST_DATA, "a map is an object", "点表应为对象");
    jd_points *m = JD_NEW(a, jd_points);
    m->every_ms = 10000;
    m->timeout_ms = 1000;
    if (known_members(&c, names) || read_whole(&c, "unit", 0, 255, &c.unit) ||
        read_whole(&c, "every_ms", 100, 86400000, &m->every_ms) ||
        read_whole(&c, "timeout_ms", 10, 60000, &m->timeout_ms) ||
        read_whole(&c, "gap", 0, REGISTERS_MAX - 1, &c.gap) || compile_points(&c, jd_jget(map, "points"), m))
        return -1;
    qsort(m->p, m->n, sizeof *m->p, by_address);
    plan(m, a, c.gap);
    *out = m;
    return 0;
}

unsigned jd_points_every_ms(const jd_points *map) {
    return map->every_ms;
}

unsigned jd_points_timeout_ms(const jd_points *map) {
    return map->timeout_ms;
}

size_t jd_points_plan(const jd_points *map, const jd_ask **out) {
    *out = map->asks;
    return map->asks_n;
}

/* ---- read ---- */

/* The list of that name in the row, longer by one. Its room is the power of two that holds it, so that it doubles. */
static void list_name(jd_fields *row, const char *list, jd_str name, jd_arena *a) {
    uint32_t i = 0;
    while (i < row->n && !jd_str_is(row->m[i].name, list)) i++;
    if (i == row->n) jd_put(row, list, (jd_jval){.type = JD_JARR});
    jd_jval *v = &row->m[i].val;
    if (!(v->n & (v->n - 1))) {
        jd_jval *more = jd_arena_alloc(a, (v->n ? v->n * 2 : 1) * sizeof *more);
        if (v->n) memcpy(more, v->items, v->n * sizeof *more);
        v->items = more;
    }
    v->items[v->n++] = jd_jmake_str(name);
}

static unsigned register_of(const point *p, const char *data, unsigned k) {
    unsigned w = jd_be16(data + 2 * k);
    return p->bytes_swapped ? (w & 0xff) << 8 | w >> 8 : w;
}

static uint64_t raw_of(const point *p, const char *data) {
    uint64_t raw = 0;
    for (unsigned k = 0; k < p->width; k++)
        raw = raw << 16 | register_of(p, data, p->words_swapped ? p->width - 1 - k : k);
    return raw;
}

static __int128 integer_of(const point *p, uint64_t raw) {
    if (p->type->kind == UINT) return raw;
    unsigned unused = 64 - 16 * p->type->words;
    return (int64_t)(raw << unused) >> unused;
}

/* Fewest digits that read back as the same number: with 6 (15) a decimal of so many digits comes back as it was, but
 * not below the least normal number. */
static jd_str shortest(double v, int single, jd_arena *a) {
    char text[40];
    int precision = fabs(v) < (single ? (double)FLT_MIN : DBL_MIN) ? 1 : single ? FLT_DIG : DBL_DIG;
    for (;; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, v);
        if (single ? (double)strtof(text, NULL) == v : strtod(text, NULL) == v) break;
    }
    return jd_arena_dup(a, jd_str_of(text));
}

static jd_jval double_json(double v, int single, jd_arena *a) {
    jd_str text = shortest(v, single, a);
    return (jd_jval){.type = JD_JNUM, .n = (uint32_t)text.n, .s = text.p};
}

/* d * factor + offset; -1: beyond 128 bits */
static int scale_dec(const point *p, dec *d) {
    dec o = p->offset;
    if (!p->scaled) return 0;
    if (__builtin_mul_overflow(d->m, p->factor.m, &d->m)) return -1;
    if (o.m && (times_ten(&o.m, d->scale) || __builtin_add_overflow(d->m, o.m, &d->m))) return -1;
    d->scale += p->factor.scale;
    return 0;
}

static double dec_double(dec d) {
    double power = 1;
    for (int i = 0; i < d.scale; i++) power *= 10;
    return (double)d.m / power;
}

/* Its digits are scaled as a decimal; what is too large or too small to be written out goes through a double. */
static jd_jval float_json(const point *p, double v, jd_arena *a) {
    int single = p->type->words == 2;
    jd_jval text = double_json(v, single, a);
    dec d;
    int plain = v == 0 || (fabs(v) >= 1e-9 && fabs(v) < 1e21);
    if (plain && !dec_read(jd_jstr(&text), &d) && !scale_dec(p, &d)) return dec_json(d, a);
    if (!p->scaled) return text;
    return double_json(jd_jnum(&text) * dec_double(p->factor) + dec_double(p->offset), 0, a);
}

static void put_float(const point *p, uint64_t raw, jd_arena *a, jd_fields *row) {
    double v;
    if (p->type->words == 2) {
        float f;
        uint32_t half = (uint32_t)raw;
        memcpy(&f, &half, sizeof f);
        v = (double)f;
    } else {
        memcpy(&v, &raw, sizeof v);
    }
    double scaled = v * dec_double(p->factor) + dec_double(p->offset);
    if (!isfinite(v) || !isfinite(scaled)) {
        list_name(row, "not_a_number", p->name, a);
        return;
    }
    jd_jval value = float_json(p, v, a);
    double d = jd_jnum(&value);
    if ((p->least.set && d < p->least.d) || (p->most.set && d > p->most.d))
        list_name(row, "out_of_range", p->name, a);
    else
        jd_put_named(row, p->name, value);
}

static int beyond(const point *p, __int128 m) { /* m: of the point's scale */
    return (p->least.set && m < p->least.dec.m) || (p->most.set && m > p->most.dec.m);
}

static void put_integer(const point *p, uint64_t raw, jd_arena *a, jd_fields *row) {
    dec d = {integer_of(p, raw) * p->factor.m + p->offset.m, p->factor.scale};
    if (beyond(p, d.m))
        list_name(row, "out_of_range", p->name, a);
    else
        jd_put_named(row, p->name, dec_json(d, a));
}

static jd_jval bits_json(const point *p, const char *data, size_t at, jd_arena *a) {
    jd_list list = jd_list_new(a);
    for (unsigned i = 0; i < p->count; i++) {
        size_t k = at + i;
        unsigned on = p->function <= 2 ? (unsigned)(unsigned char)data[k / 8] >> k % 8
                                       : register_of(p, data, (unsigned)(k / 16)) >> k % 16;
        jd_list_add(&list, jd_jmake_bool(on & 1));
    }
    return jd_list_end(&list);
}

/* at: registers or bits in front of the point's */
static void put_point(const point *p, const char *data, size_t at, jd_arena *a, jd_fields *row) {
    if (p->function <= 2) {
        if (p->type->kind == BITS)
            jd_put_named(row, p->name, bits_json(p, data, at, a));
        else
            jd_put_named(row, p->name, jd_jmake_bool((unsigned char)data[at / 8] >> at % 8 & 1));
        return;
    }
    data += 2 * at;
    switch (p->type->kind) {
    case BITS: jd_put_named(row, p->name, bits_json(p, data, 0, a)); break;
    case BOOL: jd_put_named(row, p->name, jd_jmake_bool(register_of(p, data, 0) >> p->bit & 1)); break;
    case FLOAT: put_float(p, raw_of(p, data), a, row); break;
    case UINT:
    case INT: put_integer(p, raw_of(p, data), a, row); break;
    }
}

/* The data of an answer, or NULL. Exactly the bytes asked for must be there; then a wrong byte count (which decode has
 * named) does no harm. */
static const char *data_of(const jd_ask *ask, jd_str pdu, jd_err *err) {
    unsigned function = pdu.n ? (unsigned char)pdu.p[0] : 0;
    size_t want = ask->function <= 2 ? (ask->count + 7) / 8 : ask->count * 2;
    if (function == (ask->function | 0x80) && pdu.n > 1) {
        unsigned code = (unsigned char)pdu.p[1];
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "exception %u: %s", "异常 %u：%s", code, jd_modbus_reason(code, 0));
        if (err) snprintf(err->zh, sizeof err->zh, "异常 %u：%s", code, jd_modbus_reason(code, 1));
        return NULL;
    }
    if (function != ask->function) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "function %02x was asked, %02x answers", "请求功能码 %02x，应答为 %02x",
                ask->function, function);
        return NULL;
    }
    if (pdu.n != 2 + want) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "%zu bytes of data were asked for, %zu came",
                "请求 %zu 字节数据，收到 %zu 字节", want, pdu.n < 2 ? (size_t)0 : pdu.n - 2);
        return NULL;
    }
    return pdu.p + 2;
}

int jd_points_read(const jd_points *map, const jd_ask *ask, jd_str pdu, jd_arena *a, jd_fields *row, jd_err *err) {
    size_t k = 0;
    for (; k < map->asks_n; k++) {
        const jd_ask *known = &map->asks[k];
        if (known->unit == ask->unit && known->function == ask->function && known->start == ask->start &&
            known->count == ask->count)
            break;
    }
    if (k == map->asks_n) return jd_fail(err, JD_E_INTERNAL, "the map has no such read", "点表没有这个读取");
    const char *data = data_of(ask, pdu, err);
    if (!data) return -1;
    for (uint32_t i = map->first[k]; i < map->first[k + 1]; i++)
        put_point(&map->p[i], data, map->p[i].address - ask->start, a, row);
    return 0;
}

/* ---- write ---- */

typedef struct writing {
    const point *p;
    jd_arena *a;
    jd_err *err;
    jd_fields command;
} writing;

#define REFUSE(w, en, zh, ...)                                                    \
    (jd_fail((w)->err, JD_E_BAD_REQUEST_DATA, en, zh __VA_OPT__(, ) __VA_ARGS__), \
     jd_fail_at((w)->err, "%.*s", JD_STR_ARG((w)->p->name)))

static int is_bool(const jd_jval *v) {
    return v->type == JD_JTRUE || v->type == JD_JFALSE;
}

static unsigned to_wire(const point *p, unsigned w) {
    return p->bytes_swapped ? (w & 0xff) << 8 | w >> 8 : w;
}

static int write_bool(writing *w, const jd_jval *value) {
    const point *p = w->p;
    if (!is_bool(value)) return REFUSE(w, "true or false is wanted", "应为 true 或 false");
    if (p->function == 1) {
        jd_put_int(&w->command, "coil", p->address);
        jd_put(&w->command, "value", *value);
        return 0;
    }
    unsigned mask = to_wire(p, 1u << p->bit);
    jd_put_int(&w->command, "register", p->address);
    jd_put_int(&w->command, "and", 0xffff & ~mask);
    jd_put_int(&w->command, "or", value->type == JD_JTRUE ? mask : 0);
    return 0;
}

static int write_bits(writing *w, const jd_jval *value) {
    const point *p = w->p;
    int right = value->type == JD_JARR && value->n == p->count;
    for (uint32_t i = 0; right && i < value->n; i++) right = is_bool(&value->items[i]);
    if (!right) return REFUSE(w, "a list of %u times true or false is wanted", "应为 %u 个 true 或 false", p->count);
    if (p->function == 1) {
        jd_put_int(&w->command, "coil", p->address);
        jd_put(&w->command, "coils", *value);
        return 0;
    }
    jd_list list = jd_list_new(w->a);
    for (uint32_t k = 0; k < p->width; k++) {
        unsigned word = 0;
        for (uint32_t i = 0; i < 16; i++)
            if (value->items[k * 16 + i].type == JD_JTRUE) word |= 1u << i;
        jd_list_add(&list, jd_jint(to_wire(p, word)));
    }
    jd_put_int(&w->command, "register", p->address);
    jd_put(&w->command, "values", jd_list_end(&list));
    return 0;
}

static void put_words(writing *w, uint64_t raw) {
    const point *p = w->p;
    jd_list list = jd_list_new(w->a);
    for (unsigned k = 0; k < p->width; k++) {
        unsigned from = p->words_swapped ? k : p->width - 1 - k; /* words above it in raw: the last is the lowest */
        jd_list_add(&list, jd_jint(to_wire(p, (unsigned)(raw >> 16 * from & 0xffff))));
    }
    jd_put_int(&w->command, "register", p->address);
    if (p->width == 1)
        jd_put(&w->command, "value", list.v[0]);
    else
        jd_put(&w->command, "values", jd_list_end(&list));
}

static int write_integer(writing *w, const jd_jval *value) {
    const point *p = w->p;
    dec d;
    int scale = p->factor.scale;
    if (dec_read(jd_jstr(value), &d) || d.scale > scale || align(&d, scale, 37) || (d.m - p->offset.m) % p->factor.m)
        return REFUSE(w, "is no whole number of its raw counts", "不是原始计数的整数倍");
    if (beyond(p, d.m)) return REFUSE(w, "is outside least and most", "超出 least 与 most 的范围");
    __int128 raw = (d.m - p->offset.m) / p->factor.m, one = 1;
    unsigned bits = 16 * p->type->words;
    __int128 least = p->type->kind == INT ? -(one << (bits - 1)) : 0;
    __int128 most = (p->type->kind == INT ? one << (bits - 1) : one << bits) - 1;
    if (raw < least || raw > most) return REFUSE(w, "does not fit into %s", "超出 %s 的范围", p->type->name);
    put_words(w, (uint64_t)raw);
    return 0;
}

static int write_float(writing *w, const jd_jval *value) {
    const point *p = w->p;
    int single = p->type->words == 2;
    const char *text = jd_arena_dup(w->a, jd_jstr(value)).p;
    double d = jd_jnum(value);
    if ((p->least.set && d < p->least.d) || (p->most.set && d > p->most.d))
        return REFUSE(w, "is outside least and most", "超出 least 与 most 的范围");
    long double unscaled = ((long double)d - (long double)dec_double(p->offset)) / (long double)dec_double(p->factor);
    /* unscaled, it is rounded once, from its text */
    float f = p->scaled ? (float)unscaled : strtof(text, NULL);
    double wide = p->scaled ? (double)unscaled : d;
    if (single ? !isfinite(f) : !isfinite(wide))
        return REFUSE(w, "does not fit into %s", "超出 %s 的范围", p->type->name);
    uint64_t raw = 0;
    if (single) {
        uint32_t half;
        memcpy(&half, &f, sizeof half);
        raw = half;
    } else {
        memcpy(&raw, &wide, sizeof raw);
    }
    put_words(w, raw);
    return 0;
}

static int write_value(writing *w, const jd_jval *value) {
    kind k = w->p->type->kind;
    if (k == BOOL) return write_bool(w, value);
    if (k == BITS) return write_bits(w, value);
    if (value->type != JD_JNUM) return REFUSE(w, "a number is wanted", "应为数字");
    return k == FLOAT ? write_float(w, value) : write_integer(w, value);
}

int jd_points_write(const jd_points *map, jd_str name, const jd_jval *value, jd_arena *a, jd_jval *command,
                    jd_err *err) {
    size_t i = 0;
    while (i < map->n && !jd_str_eq(map->p[i].name, name)) i++;
    if (i == map->n) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "the map has no such point", "点表没有这个点");
        return jd_fail_at(err, "%.*s", JD_STR_ARG(name));
    }
    writing w = {.p = &map->p[i], .a = a, .err = err, .command = jd_fields_new(a)};
    if (!w.p->write) return REFUSE(&w, "may not be written", "不可写");
    jd_put_z(&w.command, "command", "write");
    jd_put_int(&w.command, "unit", w.p->unit);
    if (write_value(&w, value)) return -1;
    *command = jd_fields_end(&w.command);
    return 0;
}

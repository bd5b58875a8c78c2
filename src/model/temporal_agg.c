/* Aggregation (GS CIM 009 clause 4.5.19.1): what is eligible for which method, and exact arithmetic for it.
 *
 *                 counts  sum avg  min max  stddev sumsq
 *   number          x        x        x          x
 *   boolean         x        x        x          x        as 1 and 0
 *   array           x        x        x                   its size
 *   time of day     x       avg       x
 *   string, Date, DateTime  x         x                   in their order
 *   object, geometry, language map, URI, Relationship, vocab: counts alone
 *
 * Where a period holds several of these, a method answers for the highest one that came; counts are over all. What is
 * deleted, and urn:ngsi-ld:null, is no value. stddev is that of the values themselves (over n, not n - 1). */
#include "base/hash.h"
#include "model/doc_int.h"
#include "model/temporal_int.h"

#include <math.h>
#include <stdio.h>

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 uwide;

/* ---- numbers ---- */

static uwide ten(unsigned n) { /* 10^n, n <= 38 */
    uwide r = 1;
    for (uwide power = 10; n; n >>= 1, power *= power)
        if (n & 1) r *= power;
    return r;
}

static int bits(uwide v) {
    uint64_t high = (uint64_t)(v >> 64), low = (uint64_t)v;
    return high ? 128 - __builtin_clzll(high) : low ? 64 - __builtin_clzll(low) : 0;
}

/* a / b, correctly rounded; 0 < b < 2^127. */
static double ratio(wide m, uwide b) {
    uwide a = m < 0 ? -(uwide)m : (uwide)m;
    const uwide exact = (uwide)1 << 53;
    double d;
    if (!a) return 0;
    if (a <= exact && b <= exact) {
        d = (double)(uint64_t)a / (double)(uint64_t)b;
    } else {
        uwide q = a / b, r = a % b;
        int shift = 0, more;
        for (; bits(q) < 55; shift++) { /* one binary digit after the other */
            r <<= 1;
            q <<= 1;
            if (r >= b) r -= b, q |= 1;
        }
        more = bits(q) - 54;
        uint64_t top = (uint64_t)(q >> more); /* 53 digits and the half */
        int rest = r != 0 || (q & (((uwide)1 << more) - 1)) != 0;
        if (top & 1 && (rest || top & 2)) top += 2;
        d = ldexp((double)(top >> 1), more + 1 - shift);
    }
    return m < 0 ? -d : d;
}

typedef struct total { /* m / 10^scale, or d once that no longer fits */
    wide m;
    unsigned scale;
    int rounded;
    double d;
} total;

static double total_value(const total *t) {
    return t->rounded ? t->d : ratio(t->m, ten(t->scale));
}

static void total_round(total *t) {
    t->d = total_value(t);
    t->rounded = 1;
}

/* scale <= 36 */
static void total_add(total *t, wide m, unsigned scale) {
    wide a = t->m;
    if (!t->rounded) {
        wide b = m;
        unsigned common = scale > t->scale ? scale : t->scale;
        if ((scale == t->scale || (!__builtin_mul_overflow(a, (wide)ten(common - t->scale), &a) &&
                                   !__builtin_mul_overflow(b, (wide)ten(common - scale), &b))) &&
            !__builtin_add_overflow(a, b, &a)) {
            t->m = a;
            t->scale = common;
            return;
        }
        total_round(t);
    }
    t->d += ratio(m, ten(scale));
}

typedef struct number {
    jd_num n;    /* when text.p is NULL */
    double d;    /* of one that does not fit a jd_num */
    jd_str text; /* that one, as written */
} number;

static double number_value(const number *x) {
    return x->text.p ? x->d : jd_num_double(x->n);
}

static int number_cmp(const number *x, const number *y) {
    if (!x->text.p && !y->text.p) {
        if (x->n.scale == y->n.scale) return (x->n.m > y->n.m) - (x->n.m < y->n.m);
        wide a = (wide)x->n.m * (wide)ten(y->n.scale), b = (wide)y->n.m * (wide)ten(x->n.scale);
        return (a > b) - (a < b);
    }
    double a = number_value(x), b = number_value(y);
    return (a > b) - (a < b);
}

/* A number as text: with an exponent, or too many digits. 0: it is finite. */
static int number_of_text(jd_str s, number *out) {
    size_t i = s.n && s.p[0] == '-';
    int64_t m = 0;
    int scale = 0, digits = 0, point = 0, exponent = 0;
    for (; i < s.n && (s.p[i] == '.' || (s.p[i] >= '0' && s.p[i] <= '9')); i++) {
        if (s.p[i] == '.') {
            point = 1;
            continue;
        }
        if (m && ++digits >= 18) break;
        m = m * 10 + (s.p[i] - '0');
        scale += point;
    }
    if (i < s.n && (s.p[i] | 32) == 'e') {
        int minus = ++i < s.n && s.p[i] == '-';
        if (minus || (i < s.n && s.p[i] == '+')) i++;
        for (; i < s.n && exponent < 10000; i++) exponent = exponent * 10 + (s.p[i] - '0');
        if (minus) exponent = -exponent;
    }
    if (i == s.n) {
        scale -= exponent;
        for (; scale < 0 && scale > -18 && m < INT64_C(100000000000000000); scale++) m *= 10;
        for (; scale > 18 && m % 10 == 0 && m; scale--) m /= 10;
        if (m == 0) scale = 0;
        if (scale >= 0 && scale <= 18) {
            *out = (number){.n = {.m = s.p[0] == '-' ? -m : m, .scale = (uint8_t)scale}};
            return 0;
        }
    }
    jd_jval v = {.type = JD_JNUM, .n = (uint32_t)s.n, .s = s.p};
    *out = (number){.d = jd_jnum(&v), .text = s};
    return isfinite(out->d) ? 0 : -1;
}

/* ---- what is kept ---- */

typedef struct kept { /* a text; its memory is used again */
    char *p;
    size_t n, cap;
} kept;

static void keep(jd_arena *a, kept *k, jd_str s) {
    if (k->cap < s.n) {
        k->cap = s.n * 2;
        k->p = jd_arena_alloc(a, k->cap);
    }
    if (s.n) memcpy(k->p, s.p, s.n);
    k->n = s.n;
}

typedef struct tally { /* of numbers */
    uint64_t n;
    total sum, sumsq;
    number min, max;
    kept min_text, max_text;
} tally;

typedef struct moments { /* of DateTimes or times of day, as microseconds */
    uint64_t n;
    jd_time min, max;
    int min_digits, max_digits;
    wide sum;
} moments;

typedef struct texts {
    uint64_t n;
    kept min, max;
} texts;

typedef struct digest {
    uint64_t a, b;
} digest;

typedef struct others { /* all but numbers */
    tally booleans, sizes;
    moments instants, clocks;
    texts texts; /* DateTimes and times of day too */
} others;

struct jd_acc {
    jd_arena *arena;
    unsigned methods;
    uint64_t count;
    tally numbers;
    others *others;
    digest *seen; /* what is different: a table; {0, 0} is a free place */
    size_t seen_n, seen_cap;
};

jd_acc *jd_acc_new(jd_arena *a, unsigned methods) {
    jd_acc *c = JD_NEW(a, jd_acc);
    c->arena = a;
    c->methods = methods;
    return c;
}

uint64_t jd_acc_count(const jd_acc *c) {
    return c->count;
}

static void keep_number(jd_arena *a, number *to, kept *text, const number *x) {
    *to = *x;
    if (!x->text.p) return;
    keep(a, text, x->text);
    to->text = (jd_str){text->p, text->n};
}

static void extremes(jd_acc *c, tally *t, const number *least, const number *most) {
    if (c->methods & JD_AGG_MIN && (!t->n || number_cmp(least, &t->min) < 0))
        keep_number(c->arena, &t->min, &t->min_text, least);
    if (c->methods & JD_AGG_MAX && (!t->n || number_cmp(most, &t->max) > 0))
        keep_number(c->arena, &t->max, &t->max_text, most);
}

static void tally_add(jd_acc *c, tally *t, const number *x) {
    extremes(c, t, x, x);
    t->n++;
    if (x->text.p) {
        total_round(&t->sum);
        total_round(&t->sumsq);
        t->sum.d += x->d;
        t->sumsq.d += x->d * x->d;
        return;
    }
    if (c->methods & (JD_AGG_SUM | JD_AGG_AVG | JD_AGG_STDDEV)) total_add(&t->sum, x->n.m, x->n.scale);
    if (c->methods & (JD_AGG_SUMSQ | JD_AGG_STDDEV)) total_add(&t->sumsq, (wide)x->n.m * x->n.m, 2u * x->n.scale);
}

static void tally_int(jd_acc *c, tally *t, int64_t v) {
    tally_add(c, t, &(number){.n = {.m = v}});
}

static void moments_add(moments *t, jd_time at, int digits) {
    if (!t->n || at < t->min) t->min = at, t->min_digits = digits;
    if (!t->n || at > t->max) t->max = at, t->max_digits = digits;
    t->sum += at;
    t->n++;
}

static void texts_add(jd_acc *c, texts *t, jd_str s) {
    if (c->methods & JD_AGG_MIN && (!t->n || jd_str_cmp(s, (jd_str){t->min.p, t->min.n}) < 0))
        keep(c->arena, &t->min, s);
    if (c->methods & JD_AGG_MAX && (!t->n || jd_str_cmp(s, (jd_str){t->max.p, t->max.n}) > 0))
        keep(c->arena, &t->max, s);
    t->n++;
}

/* ---- distinct values: 128 bits of each, the same for equal JSON values ---- */

static uint64_t stir(uint64_t h) {
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
    return h ^ h >> 32;
}

static digest digest_of(unsigned kind, const void *p, size_t n) {
    return (digest){stir(jd_hash(p, n) + kind), stir(jd_hash_fixed(p, n) ^ ((uint64_t)kind << 56))};
}

static digest digest_join(digest x, digest y) {
    return (digest){stir(x.a * 3 + y.a), stir(x.b * 5 + y.b)};
}

static digest number_digest(const number *x) {
    if (x->text.p) return digest_of('d', &x->d, sizeof x->d);
    struct {
        int64_t m;
        uint64_t scale;
    } key = {x->n.m, x->n.scale};
    while (key.scale && key.m % 10 == 0) key.m /= 10, key.scale--;
    return digest_of('n', &key, sizeof key);
}

static int number_of_node(jd_node n, number *out) {
    const unsigned char *p = n.p + 1;
    if (*n.p >= JD_T_SMALLINT) {
        *out = (number){.n = {.m = *n.p - JD_T_SMALLINT}};
        return 0;
    }
    if (*n.p == JD_T_NUMTEXT) return number_of_text(jd_bytes_str(&p, n.end), out);
    uint8_t scale = *p++;
    *out = (number){.n = {.m = jd_unzigzag(jd_varint_get(&p, n.end)), .scale = scale}};
    return 0;
}

static digest node_digest(jd_node n) {
    jd_ntype type = jd_node_type(n);
    switch (type) {
    case JD_N_NUM: {
        number x;
        number_of_node(n, &x); /* the infinite ones are equal */
        return number_digest(&x);
    }
    case JD_N_STR: {
        jd_str s = jd_node_str(n);
        return digest_of('s', s.p, s.n);
    }
    case JD_N_TIME: {
        jd_time t = jd_node_time(n, NULL);
        return digest_of('t', &t, sizeof t);
    }
    case JD_N_IRI: {
        jd_sym s = jd_node_sym(n);
        return digest_of('i', &s, sizeof s);
    }
    case JD_N_ARR: {
        digest d = digest_of('[', NULL, 0);
        jd_nodeiter it = jd_node_items(n);
        for (jd_node item; jd_node_next(&it, &item);) d = digest_join(d, node_digest(item));
        return d;
    }
    case JD_N_OBJ: { /* members in any order */
        digest d = digest_of('{', NULL, 0);
        jd_nodeiter it = jd_node_items(n);
        jd_sym key;
        jd_str raw;
        for (jd_node item; jd_node_member(&it, &key, &raw, &item);) {
            digest k = key ? digest_of('k', &key, sizeof key) : digest_of('r', raw.p, raw.n);
            k = digest_join(k, node_digest(item));
            d.a += k.a;
            d.b += k.b;
        }
        return d;
    }
    default: return digest_of(type == JD_N_NULL ? '0' : jd_node_bool(n) ? '+' : '-', NULL, 0);
    }
}

static void place(digest *table, size_t cap, digest d, size_t *n) {
    size_t i = d.a & (cap - 1);
    for (; table[i].a | table[i].b; i = (i + 1) & (cap - 1))
        if (table[i].a == d.a && table[i].b == d.b) return;
    table[i] = d;
    ++*n;
}

static void see(jd_acc *c, digest d) {
    if (!(d.a | d.b)) d.a = 1;
    if (c->seen_n * 2 >= c->seen_cap) {
        size_t cap = c->seen_cap ? c->seen_cap * 4 : 16, n = 0;
        digest *more = JD_NEWN(c->arena, digest, cap);
        for (size_t i = 0; i < c->seen_cap; i++)
            if (c->seen[i].a | c->seen[i].b) place(more, cap, c->seen[i], &n);
        c->seen = more;
        c->seen_cap = cap;
    }
    place(c->seen, c->seen_cap, d, &c->seen_n);
}

/* ---- adding ---- */

void jd_acc_add_num(jd_acc *c, jd_num n) {
    number x = {.n = n};
    c->count++;
    tally_add(c, &c->numbers, &x);
    if (c->methods & JD_AGG_DISTINCT) see(c, number_digest(&x));
}

void jd_acc_add_chunk(jd_acc *c, const jd_chunkhead *h) {
    if (!h->count) return;
    tally *t = &c->numbers;
    c->count += h->count;
    extremes(c, t, &(number){.n = h->min}, &(number){.n = h->max});
    t->n += h->count;
    if (c->methods & (JD_AGG_SUM | JD_AGG_AVG | JD_AGG_STDDEV)) total_add(&t->sum, h->sum, h->scale);
    if (c->methods & (JD_AGG_SUMSQ | JD_AGG_STDDEV)) total_add(&t->sumsq, h->sumsq, 2u * h->scale);
}

/* {"@type": ..., "@value": v} is v (4.6.3). */
static jd_node typed(jd_node n) {
    if (jd_node_type(n) != JD_N_OBJ) return n;
    jd_nodeiter it = jd_node_items(n);
    jd_node item, value = n;
    jd_sym key;
    jd_str raw;
    int type = 0;
    if (it.left != 2) return n;
    while (jd_node_member(&it, &key, &raw, &item)) {
        if (jd_str_is(raw, "@value"))
            value = item;
        else
            type |= jd_str_is(raw, "@type");
    }
    return type ? value : n;
}

static int is_null_value(const jd_attrview *a) {
    jd_node n = a->value;
    if (jd_node_type(n) == JD_N_OBJ && a->kind == JD_LANGUAGEPROPERTY) { /* {"@none": null} */
        jd_nodeiter it = jd_node_items(n);
        jd_sym key;
        jd_str raw;
        if (it.left != 1 || !jd_node_member(&it, &key, &raw, &n) || !jd_str_is(raw, "@none")) return 0;
    }
    return jd_node_type(n) == JD_N_STR && jd_str_is(jd_node_str(n), NGSI_NULL);
}

static others *the_others(jd_acc *c) {
    if (!c->others) c->others = JD_NEW(c->arena, others);
    return c->others;
}

static void add_text(jd_acc *c, jd_node n, const jd_symtab *symbols) {
    char scratch[JD_TIME_TEXT_MAX], day[64] = "1970-01-01T";
    others *o = the_others(c);
    jd_str s = jd_node_text(n, symbols, scratch);
    jd_time at;
    int digits;
    if (jd_node_type(n) == JD_N_TIME) {
        at = jd_node_time(n, &digits);
        moments_add(&o->instants, at, digits);
    } else if (jd_time_parse(s, &at, &digits) == 0) {
        moments_add(&o->instants, at, digits > 6 ? 6 : digits);
    } else if (s.n < 40 && jd_timeofday_valid(s)) {
        memcpy(day + 11, s.p, s.n);
        if (jd_time_parse((jd_str){day, s.n + 11}, &at, &digits) == 0)
            moments_add(&o->clocks, at, digits > 6 ? 6 : digits);
    }
    texts_add(c, &o->texts, s);
}

static void add_value(jd_acc *c, jd_node n, const jd_symtab *symbols) {
    switch (jd_node_type(n)) {
    case JD_N_NUM: {
        number x;
        if (number_of_node(n, &x) == 0) tally_add(c, &c->numbers, &x);
        return;
    }
    case JD_N_BOOL: tally_int(c, &the_others(c)->booleans, jd_node_bool(n)); return;
    case JD_N_ARR: tally_int(c, &the_others(c)->sizes, jd_node_items(n).left); return;
    case JD_N_STR:
    case JD_N_TIME: add_text(c, n, symbols); return;
    default: return;
    }
}

void jd_acc_add(jd_acc *c, const jd_inst *i, const jd_symtab *symbols) {
    if (i->deleted || is_null_value(&i->a)) return;
    jd_node n = i->a.kind == JD_PROPERTY ? typed(i->a.value) : i->a.value;
    c->count++;
    if (c->methods & JD_AGG_DISTINCT) see(c, node_digest(n));
    if (i->a.kind == JD_PROPERTY || i->a.kind == JD_LISTPROPERTY || i->a.kind == JD_LISTRELATIONSHIP ||
        (i->a.kind == JD_JSONPROPERTY && jd_node_type(n) == JD_N_ARR))
        add_value(c, n, symbols);
}

/* ---- printing ---- */

static int print_double(jd_buf *b, double d) {
    char text[40];
    if (!isfinite(d)) return -1;
    if (d == 0) d = 0; /* no minus before it */
    int whole = fabs(d) < 1e15 && floor(d) == d;
    for (int precision = whole ? 17 : 15; precision <= 17; precision++) {
        jd_jval v = {.type = JD_JNUM, .s = text};
        v.n = (uint32_t)snprintf(text, sizeof text, "%.*g", precision, d);
        for (uint32_t i = 0; i < v.n; i++)
            if (!strchr("+-0123456789e", text[i])) text[i] = '.'; /* whatever the locale writes */
        if (precision == 17 || jd_jnum(&v) == d) break;
    }
    jd_buf_z(b, text);
    return 0;
}

static void print_exact(jd_buf *b, wide m, unsigned scale) {
    char text[48], *end = text + sizeof text, *p = end;
    uwide v = m < 0 ? -(uwide)m : (uwide)m;
    for (; scale && v % 10 == 0; scale--) v /= 10;
    for (unsigned digits = 0; v || digits <= scale; digits++, v /= 10) {
        if (digits == scale && scale) *--p = '.';
        *--p = (char)('0' + (int)(v % 10));
    }
    if (m < 0) *--p = '-';
    jd_buf_add(b, p, (size_t)(end - p));
}

static int print_total(jd_buf *b, const total *t) {
    if (t->rounded) return print_double(b, t->d);
    print_exact(b, t->m, t->scale);
    return 0;
}

static int print_number(jd_buf *b, const number *x) {
    char text[32];
    if (x->text.p)
        jd_buf_str(b, x->text);
    else
        jd_buf_add(b, text, jd_decimal_print(x->n.m, x->n.scale, text));
    return 0;
}

static double mean(const tally *t) {
    if (t->sum.rounded || t->n >> 60) return total_value(&t->sum) / (double)t->n;
    return ratio(t->sum.m, (uwide)t->n * ten(t->sum.scale));
}

/* x * y as two halves. */
static void product(uwide x, uwide y, uwide *high, uwide *low) {
    const uwide mask = UINT64_MAX;
    uwide a = (x & mask) * (y & mask), b = (x >> 64) * (y & mask), c = (x & mask) * (y >> 64),
          d = (x >> 64) * (y >> 64);
    uwide middle = (a >> 64) + (b & mask) + (c & mask);
    *low = (a & mask) | middle << 64;
    *high = d + (b >> 64) + (c >> 64) + (middle >> 64);
}

/* sqrt(n * sumsq - sum^2) / n, where the difference is exact: large values that differ little lose nothing. */
static double deviation(const tally *t) {
    double n = (double)t->n;
    if (t->sum.rounded || t->sumsq.rounded) {
        double mean = total_value(&t->sum) / n, v = total_value(&t->sumsq) / n - mean * mean;
        return v <= 0 ? 0 : sqrt(v); /* of no number there is none */
    }
    uwide s = t->sum.m < 0 ? -(uwide)t->sum.m : (uwide)t->sum.m, high, low, minus_high, minus_low;
    product((uwide)t->sumsq.m, t->n, &high, &low);
    product(s, s, &minus_high, &minus_low);
    high -= minus_high + (low < minus_low);
    low -= minus_low;
    double v = ldexp((double)high, 128) + (double)low;
    return sqrt(v) / n / (double)ten(t->sum.scale);
}

static int print_clock(jd_buf *b, jd_time at, int digits, size_t skip) {
    char text[JD_TIME_TEXT_MAX];
    size_t n = jd_time_print(at, digits, text);
    jd_buf_c(b, '"');
    jd_buf_add(b, text + skip, n - skip);
    jd_buf_c(b, '"');
    return 0;
}

static int print_text_end(const others *o, int greatest, jd_buf *b) {
    const moments *t = o->instants.n == o->texts.n ? &o->instants : o->clocks.n == o->texts.n ? &o->clocks : NULL;
    const kept *k = greatest ? &o->texts.max : &o->texts.min;
    if (t)
        return print_clock(b, greatest ? t->max : t->min, greatest ? t->max_digits : t->min_digits,
                           t == &o->clocks ? sizeof "1970-01-01T" - 1 : 0);
    jd_json_write_str(b, (jd_str){k->p, k->n});
    return 0;
}

/* What counts as numbers; NULL: nothing does. */
static const tally *tally_of(const jd_acc *c) {
    const others *o = c->others;
    return c->numbers.n ? &c->numbers : o && o->booleans.n ? &o->booleans : o && o->sizes.n ? &o->sizes : NULL;
}

int jd_acc_number(const jd_acc *c, unsigned method, double *out) {
    const tally *t = tally_of(c);
    int sizes = c->others && t == &c->others->sizes;
    if (method == JD_AGG_TOTAL) return *out = (double)c->count, c->count ? 0 : -1;
    if (!t) return -1;
    switch (method) {
    case JD_AGG_SUM: *out = total_value(&t->sum); break;
    case JD_AGG_AVG: *out = mean(t); break;
    case JD_AGG_MIN: *out = number_value(&t->min); break;
    case JD_AGG_MAX: *out = number_value(&t->max); break;
    case JD_AGG_STDDEV:
        if (sizes) return -1;
        *out = deviation(t);
        break;
    default: return -1;
    }
    if (*out == 0) *out = 0; /* no minus before it */
    return isfinite(*out) ? 0 : -1;
}

int jd_acc_print(const jd_acc *c, unsigned method, jd_buf *out) {
    const others *o = c->others;
    const tally *t = tally_of(c);
    int sizes = o && t == &o->sizes, text = o && !t && o->texts.n;
    if (!c->count) return -1;
    switch (method) {
    case JD_AGG_TOTAL: print_exact(out, (wide)c->count, 0); return 0;
    case JD_AGG_DISTINCT: print_exact(out, (wide)c->seen_n, 0); return 0;
    case JD_AGG_SUM: return t ? print_total(out, &t->sum) : -1;
    case JD_AGG_SUMSQ: return t && !sizes ? print_total(out, &t->sumsq) : -1;
    case JD_AGG_STDDEV: return t && !sizes ? print_double(out, deviation(t)) : -1;
    case JD_AGG_AVG:
        if (t) return print_double(out, mean(t));
        if (!text || o->clocks.n != o->texts.n) return -1;
        return print_clock(out, (jd_time)(o->clocks.sum / (wide)o->clocks.n), -1, sizeof "1970-01-01T" - 1);
    case JD_AGG_MIN: return t ? print_number(out, &t->min) : text ? print_text_end(o, 0, out) : -1;
    case JD_AGG_MAX: return t ? print_number(out, &t->max) : text ? print_text_end(o, 1, out) : -1;
    default: return -1;
    }
}

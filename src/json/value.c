/* Reading and comparing value trees. */
#include "json/json_int.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

const jd_jval *jd_jget_str(const jd_jval *v, jd_str name) {
    if (v->type != JD_JOBJ) return NULL;
    for (uint32_t i = 0; i < v->n; i++)
        if (jd_str_eq(v->members[i].name, name)) return &v->members[i].val;
    return NULL;
}

const jd_jval *jd_jget(const jd_jval *v, const char *name) {
    return jd_jget_str(v, jd_str_of(name));
}

jd_jval jd_jmake_str(jd_str s) {
    return (jd_jval){.type = JD_JSTR, .n = (uint32_t)s.n, .s = s.p};
}
jd_jval jd_jmake_bool(int on) {
    return (jd_jval){.type = on ? JD_JTRUE : JD_JFALSE};
}
jd_jval jd_jmake_null(void) {
    return (jd_jval){.type = JD_JNULL};
}

static int objects_equal(const jd_jval *a, const jd_jval *b) {
    json__index x = {0};
    int same = 1;
    for (uint32_t i = 0; i < a->n && same; i++) {
        const jd_jmember *m = &a->members[i];
        const jd_jval *other = NULL;
        if (jd_str_eq(m->name, b->members[i].name)) { /* mostly the order is the same */
            other = &b->members[i].val;
        } else if (b->n <= JSON__FEW) {
            other = jd_jget_str(b, m->name);
        } else {
            if (!x.slots) {
                json__index_init(&x, b->members, b->n);
                for (uint32_t k = 0; k < b->n; k++) json__index_add(&x, k);
            }
            uint32_t k = json__index_find(&x, m->name);
            if (k != JSON__NONE) other = &b->members[k].val;
        }
        same = other && jd_jequal(&m->val, other);
    }
    json__index_fini(&x);
    return same;
}

static int same_number(const jd_jval *a, const jd_jval *b) {
    double x = jd_jnum(a), y = jd_jnum(b);
    return isfinite(x) && x == y;
}

/* As deep as the trees, which the parser's depth limit bounds. */
int jd_jequal(const jd_jval *a, const jd_jval *b) {
    if (a->type != b->type) return jd_jis_num(a) && jd_jis_num(b) && same_number(a, b);
    switch (a->type) {
    case JD_JNULL:
    case JD_JFALSE:
    case JD_JTRUE: return 1;
    case JD_JSTR: return jd_str_eq(jd_jstr(a), jd_jstr(b));
    case JD_JNUM: return jd_str_eq(jd_jstr(a), jd_jstr(b)) || same_number(a, b);
    case JD_JDEC: return a->n == b->n ? a->dec == b->dec : same_number(a, b);
    case JD_JARR:
        if (a->n != b->n) return 0;
        for (uint32_t i = 0; i < a->n; i++)
            if (!jd_jequal(&a->items[i], &b->items[i])) return 0;
        return 1;
    case JD_JOBJ: return a->n == b->n && objects_equal(a, b);
    }
    return 0;
}

/* Whatever the process's locale, the decimal mark is a point. "C" is a constant of the C library: no memory needed. */
static double slow_num(jd_str s) {
    char few[64], *z = s.n < sizeof few ? few : jd_xmalloc(s.n + 1);
    if (s.n) memcpy(z, s.p, s.n);
    z[s.n] = 0;
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double d = strtod_l(z, NULL, c);
    freelocale(c);
    if (z != few) free(z);
    return d;
}

size_t jd_decimal_print(int64_t dec, unsigned scale, char out[JD_DECIMAL_MAX]) {
    char digits[24];
    size_t n = 0, at = 0;
    uint64_t m = dec < 0 ? 0 - (uint64_t)dec : (uint64_t)dec;
    do digits[n++] = (char)('0' + m % 10);
    while (m /= 10);
    while (n <= scale) digits[n++] = '0';
    if (dec < 0) out[at++] = '-';
    while (n > scale) out[at++] = digits[--n];
    if (scale) out[at++] = '.';
    while (n) out[at++] = digits[--n];
    return at;
}

/* Digits below 2^53 times or over a power of ten up to 10^22 are both exact doubles: one rounding, so the nearest. */
double jd_jnum(const jd_jval *v) {
    static const double ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (v->type == JD_JDEC) {
        char text[64]; /* as much as slow_num looks at */
        uint64_t size = v->dec < 0 ? 0 - (uint64_t)v->dec : (uint64_t)v->dec;
        if (FLT_EVAL_METHOD == 0 && size <= (uint64_t)1 << 53) return (double)v->dec / ten[v->n];
        return slow_num((jd_str){text, jd_decimal_print(v->dec, v->n, text)});
    }
    const char *p = v->s, *end = p + v->n;
    int minus = p < end && *p == '-', exp = 0;
    uint64_t digits = 0;
    if (FLT_EVAL_METHOD != 0 || v->n > 19) return slow_num(jd_jstr(v));
    p += minus;
    for (; p < end && *p >= '0' && *p <= '9'; p++) digits = digits * 10 + (uint64_t)(*p - '0');
    if (p < end && *p == '.')
        for (p++; p < end && *p >= '0' && *p <= '9'; p++, exp--) digits = digits * 10 + (uint64_t)(*p - '0');
    if (p < end || digits > (uint64_t)1 << 53) return slow_num(jd_jstr(v));
    double d = (double)digits;
    d = exp ? d / ten[-exp] : d;
    return minus ? -d : d;
}

/* Semantic versions: three numbers, and perhaps what comes before a release ("2.0.0-rc.1"). */
#include "pack/pack_int.h"

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

static int is_part(char c) {
    return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '-';
}

/* Takes the next part up to '.' or '-' (of numbers) or '.' (of what stands before a release). */
static jd_str part(jd_str *s, int release) {
    size_t n = 0;
    while (n < s->n && s->p[n] != '.' && !(release && s->p[n] == '-')) n++;
    jd_str one = {s->p, n};
    s->p += n, s->n -= n;
    return one;
}

static int is_number(jd_str s) {
    size_t n = 0;
    while (n < s.n && is_digit(s.p[n])) n++;
    return s.n && n == s.n && s.n <= 9 && (s.n == 1 || s.p[0] != '0');
}

int pack_version_valid(jd_str s) {
    if (s.n > 60) return 0;
    for (int i = 0; i < 3; i++) {
        if (i && (!s.n || s.p[0] != '.')) return 0;
        if (i) s.p++, s.n--;
        if (!is_number(part(&s, 1))) return 0;
    }
    if (!s.n) return 1;
    if (s.p[0] != '-') return 0;
    do {
        s.p++, s.n--;
        jd_str one = part(&s, 0);
        if (!one.n) return 0;
        for (size_t i = 0; i < one.n; i++)
            if (!is_part(one.p[i])) return 0;
    } while (s.n);
    return 1;
}

/* Numbers by value and before words, words by their bytes. */
static int cmp_part(jd_str a, jd_str b, int release) {
    int na = release || is_number(a), nb = release || is_number(b);
    if (na != nb) return na ? -1 : 1;
    if (na && a.n != b.n) return a.n < b.n ? -1 : 1;
    return jd_str_cmp(a, b);
}

int pack_version_cmp(jd_str a, jd_str b) {
    for (int i = 0; i < 3; i++) {
        if (i) a.p++, a.n--, b.p++, b.n--;
        int c = cmp_part(part(&a, 1), part(&b, 1), 1);
        if (c) return c;
    }
    if (!a.n || !b.n) return (b.n != 0) - (a.n != 0); /* a release comes behind what stands before it */
    while (a.n && b.n) {
        a.p++, a.n--, b.p++, b.n--;
        int c = cmp_part(part(&a, 0), part(&b, 0), 0);
        if (c) return c;
    }
    return (a.n != 0) - (b.n != 0);
}

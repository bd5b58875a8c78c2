#include "rule/cap_form.h"

static int blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
static int digit(char c) {
    return c >= '0' && c <= '9';
}
static int letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static int hex(char c) {
    return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static jd_str trimmed(jd_str s) {
    while (s.n && blank(s.p[0])) s.p++, s.n--;
    while (s.n && blank(s.p[s.n - 1])) s.n--;
    return s;
}

/* Takes the next of what stands between blanks off *s; n 0: there is none. */
static jd_str next(jd_str *s) {
    while (s->n && blank(s->p[0])) s->p++, s->n--;
    jd_str one = {s->p, 0};
    while (one.n < s->n && !blank(s->p[one.n])) one.n++;
    *s = (jd_str){s->p + one.n, s->n - one.n};
    return one;
}

/* Takes what stands before c off *s; all of it when there is no c. */
static jd_str until(jd_str *s, char c) {
    jd_str one = {s->p, 0};
    while (one.n < s->n && s->p[one.n] != c) one.n++;
    size_t gone = one.n < s->n ? one.n + 1 : one.n;
    *s = (jd_str){s->p + gone, s->n - gone};
    return one;
}

jd_str cap__shown(jd_str s) {
    enum { MOST = 60 };
    if (s.n <= MOST) return s;
    s.n = MOST;
    while (s.n && ((unsigned char)s.p[s.n] & 0xC0) == 0x80) s.n--;
    return s;
}

#define BAD(en, zh, s) jd_fail(err, JD_E_BAD_REQUEST_DATA, "\"%.*s\": " en, "“%.*s”：" zh, JD_STR_ARG(cap__shown(s)))

/* ---- times, 3.3.2 ---- */

static int two(const char *p) {
    return (p[0] - '0') * 10 + (p[1] - '0');
}

/* The schema's pattern and xs:dateTime: no fraction, no leap second, 24:00:00 is the day's end, offsets up to 14 hours.
 */
static int time_of(jd_str s, jd_time *t) {
    static const char form[] = "0000-00-00T00:00:00+00:00";
    if (s.n != sizeof form - 1) return -1;
    for (size_t i = 0; i < s.n; i++)
        if (form[i] == '0' ? !digit(s.p[i]) : form[i] == '+' ? s.p[i] != '+' && s.p[i] != '-' : s.p[i] != form[i])
            return -1;
    char z[] = "0000-00-00T00:00:00Z";
    memcpy(z, s.p, 19);
    int hours = two(s.p + 20), minutes = two(s.p + 23), midnight = !memcmp(s.p + 11, "24:00:00", 8);
    if (midnight) memcpy(z + 11, "00", 2);
    if (!memcmp(z, "0000", 4) || two(z + 17) > 59 || minutes > 59 || hours * 60 + minutes > 14 * 60) return -1;
    if (jd_time_parse((jd_str){z, 20}, t, NULL)) return -1;
    jd_time offset = (jd_time)(hours * 60 + minutes) * 60000000;
    *t += (s.p[19] == '-' ? offset : -offset) + (midnight ? 86400000000 : 0);
    return 0;
}

static int check_time(jd_str s, jd_time *t, jd_err *err) {
    if (!time_of(trimmed(s), t)) return 0;
    return BAD("a time is written 2002-05-24T16:49:00-07:00, with an offset and without Z or a fraction",
               "时间应写作 2002-05-24T16:49:00-07:00，带时差，不用 Z，也不带小数", s);
}

/* ---- names and lists of them ---- */

static int name_fits(jd_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (blank(s.p[i]) || s.p[i] == ',' || s.p[i] == '<' || s.p[i] == '&') return 0;
    return s.n > 0;
}

static int check_references(jd_str s, jd_err *err) {
    jd_time t;
    for (jd_str one; (one = next(&s)).n;) {
        jd_str rest = one, sender = until(&rest, ','), identifier = until(&rest, ',');
        if (!name_fits(sender) || !name_fits(identifier) || time_of(rest, &t))
            return BAD("a reference is written sender,identifier,sent", "引用应写作 sender,identifier,sent", one);
    }
    return 0;
}

/* A quote opens where a name begins, and closes where it ends. */
static int check_quoted(jd_str s, jd_err *err) {
    jd_str all = s;
    for (;;) {
        while (s.n && blank(s.p[0])) s.p++, s.n--;
        if (!s.n) return 0;
        if (s.p[0] != '"') {
            next(&s);
            continue;
        }
        s.p++, s.n--;
        int closes = memchr(s.p, '"', s.n) != NULL;
        until(&s, '"');
        if (!closes || (s.n && !blank(s.p[0])))
            return BAD("names stand between blanks, those with blanks in double quotes, and a quote here does not end",
                       "各项以空白分隔，含空白的放在双引号内；这里有未结束的引号", all);
    }
}

static int check_word(const cap__row *row, jd_str s, jd_err *err) {
    char words[160] = "";
    size_t n = 0;
    for (const char *const *w = row->words; *w; w++) {
        if (jd_str_is(s, *w)) return 0;
        size_t len = strlen(*w);
        if (n + len + 3 > sizeof words) continue;
        if (n) memcpy(words + n, ", ", 2), n += 2;
        memcpy(words + n, *w, len + 1);
        n += len;
    }
    return jd_fail(err, JD_E_BAD_REQUEST_DATA, "\"%.*s\" is not one of %s", "“%.*s”不在允许的取值之内：%s",
                   JD_STR_ARG(cap__shown(s)), words);
}

/* xs:language; none is "en-US" (3.2.2). */
static int language_fits(jd_str s) {
    if (!s.n) return 1;
    for (int first = 1; s.n || first; first = 0) {
        size_t before = s.n;
        jd_str part = until(&s, '-');
        if (!part.n || part.n > 8 || (before == part.n + 1 && !s.n)) return 0; /* or it ends in '-' */
        for (size_t i = 0; i < part.n; i++)
            if (!letter(part.p[i]) && (first || !digit(part.p[i]))) return 0;
    }
    return 1;
}

/* Characters of a URI (RFC 3986), and any beyond ASCII, which xs:anyURI takes; brackets are for hosts. */
static int uri_fits(jd_str s, int brackets) {
    int fragment = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c == 0x7f || strchr("<>\"\\^`{|}", c) || (!brackets && (c == '[' || c == ']'))) return 0;
        if (c == '#' && fragment++) return 0;
        if (c == '%' && (s.n - i < 3 || !hex(s.p[i + 1]) || !hex(s.p[i + 2]))) return 0;
    }
    return 1;
}

static int absolute(jd_str s) {
    size_t i = 0;
    if (!s.n || !letter(s.p[0])) return 0;
    while (i < s.n && (letter(s.p[i]) || digit(s.p[i]) || s.p[i] == '+' || s.p[i] == '-' || s.p[i] == '.')) i++;
    return i + 1 < s.n && s.p[i] == ':' && uri_fits(s, 1);
}

int cap__absolute(jd_str s) {
    return absolute(trimmed(s));
}
int cap__empty(jd_str s) {
    return trimmed(s).n == 0;
}

/* In groups of four, blanks between them as they like. */
static int base64_fits(jd_str s) {
    size_t n = 0, pads = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (blank(c)) continue;
        if (c == '=')
            pads++;
        else if (pads || (!letter(c) && !digit(c) && c != '+' && c != '/'))
            return 0;
        n++;
    }
    return pads <= 2 && n % 4 == 0;
}

/* ---- numbers and places ---- */

typedef struct number { /* without leading zeros before the point, without trailing ones behind it */
    int negative;
    jd_str whole, part;
} number;

/* xs:decimal. Kept as digits: two are the same exactly when their values are. */
static int number_of(jd_str s, number *x) {
    *x = (number){0};
    if (s.n && (s.p[0] == '-' || s.p[0] == '+')) {
        x->negative = s.p[0] == '-';
        s.p++, s.n--;
    }
    x->part = s;
    x->whole = until(&x->part, '.');
    if (!x->whole.n && !x->part.n) return -1;
    for (size_t i = 0; i < x->whole.n; i++)
        if (!digit(x->whole.p[i])) return -1;
    for (size_t i = 0; i < x->part.n; i++)
        if (!digit(x->part.p[i])) return -1;
    while (x->whole.n && x->whole.p[0] == '0') x->whole.p++, x->whole.n--;
    while (x->part.n && x->part.p[x->part.n - 1] == '0') x->part.n--;
    if (!x->whole.n && !x->part.n) x->negative = 0;
    return 0;
}

static int same_number(const number *a, const number *b) {
    return a->negative == b->negative && jd_str_eq(a->whole, b->whole) && jd_str_eq(a->part, b->part);
}

static int degrees(jd_str s, int most, number *x) {
    int whole = 0;
    if (number_of(s, x) || x->whole.n > 3) return -1;
    for (size_t i = 0; i < x->whole.n; i++) whole = whole * 10 + (x->whole.p[i] - '0');
    return whole < most || (whole == most && !x->part.n) ? 0 : -1;
}

typedef struct place {
    number latitude, longitude;
} place;

static int place_of(jd_str s, place *p, jd_err *err) {
    jd_str longitude = s, latitude = until(&longitude, ',');
    if (latitude.n < s.n && !degrees(latitude, 90, &p->latitude) && !degrees(longitude, 180, &p->longitude)) return 0;
    return BAD("a place is written latitude,longitude in decimal degrees", "位置应写作 纬度,经度（十进制度）", s);
}

static int check_polygon(jd_str s, jd_err *err) {
    enum { LEAST = 4 };
    jd_str all = trimmed(s);
    place first = {0}, last = {0};
    size_t n = 0;
    for (jd_str one; (one = next(&s)).n; n++) {
        if (place_of(one, &last, err)) return -1;
        if (!n) first = last;
    }
    if (n < LEAST)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "a polygon of %zu places; it takes at least %d",
                       "多边形只有 %zu 个位置，至少要有 %d 个", n, LEAST);
    if (!same_number(&first.latitude, &last.latitude) || !same_number(&first.longitude, &last.longitude))
        return BAD("the polygon's last place is not its first one", "多边形的最后一个位置与第一个不同", all);
    return 0;
}

static int check_circle(jd_str s, jd_err *err) {
    jd_str all = trimmed(s), middle = next(&s), radius = next(&s);
    place p;
    number r;
    if (middle.n && place_of(middle, &p, err)) return -1;
    if (!radius.n || next(&s).n || number_of(radius, &r) || r.negative)
        return BAD("a circle is written latitude,longitude radius, in kilometres", "圆应写作 纬度,经度 半径（千米）",
                   all);
    return 0;
}

static int integer_fits(jd_str s) {
    number x;
    return !memchr(s.p, '.', s.n) && !number_of(s, &x);
}

/* What the schema calls collapsed (and places likewise) is told without the blanks around it. */
static int is_text(cap__kind k) {
    return k == CAP__TEXT || k == CAP__FILLED || k == CAP__NAME || k == CAP__WORD || k == CAP__QUOTED;
}

int cap__check(const cap__row *row, jd_str *text, jd_time *time, jd_err *err) {
    number x;
    jd_str s = *text = is_text(row->kind) ? *text : trimmed(*text);
    switch (row->kind) {
    case CAP__TEXT:
    case CAP__GROUP: return 0;
    case CAP__FILLED:
        if (trimmed(s).n) return 0;
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "it says nothing, and is required", "必填，但内容为空");
    case CAP__NAME:
        if (name_fits(s)) return 0;
        return BAD("at least one character, and no blank, comma, < or &", "至少一个字符，且不含空白、逗号、< 或 &", s);
    case CAP__WORD: return check_word(row, s, err);
    case CAP__TIME: return check_time(s, time, err);
    case CAP__LANGUAGE:
        return language_fits(s) ? 0 : BAD("no language as RFC 3066 writes them", "不是 RFC 3066 的语言代码", s);
    case CAP__QUOTED: return check_quoted(s, err);
    case CAP__REFERENCES: return check_references(s, err);
    case CAP__URI: return absolute(s) || uri_fits(s, 0) ? 0 : BAD("no URI", "不是 URI", s);
    case CAP__LINK: return !s.n || absolute(s) ? 0 : BAD("no full, absolute URI", "不是完整的绝对 URI", s);
    case CAP__INTEGER: return integer_fits(s) ? 0 : BAD("no whole number", "不是整数", s);
    case CAP__DECIMAL: return !number_of(s, &x) ? 0 : BAD("no decimal number", "不是十进制数", s);
    case CAP__BASE64: return base64_fits(s) ? 0 : BAD("no base64", "不是 base64", s);
    case CAP__POLYGON: return check_polygon(s, err);
    case CAP__CIRCLE: return check_circle(s, err);
    }
    return 0;
}

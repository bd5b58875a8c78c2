#include "http/media.h"

#include <strings.h>

static int is_ows(char c) {
    return c == ' ' || c == '\t';
}

static int is_token(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && __builtin_strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static jd_str trim(jd_str s) {
    while (s.n && is_ows(s.p[0])) s.p++, s.n--;
    while (s.n && is_ows(s.p[s.n - 1])) s.n--;
    return s;
}

static int same(jd_str a, jd_str b) {
    return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

static int all_token(jd_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (!is_token(s.p[i])) return 0;
    return s.n > 0;
}

/* Cuts the part before the next `sep` that stands outside a quoted string; 0 when nothing is left. */
static int cut(jd_str *rest, char sep, jd_str *part) {
    if (!rest->p) return 0;
    size_t i = 0;
    int quoted = 0;
    for (; i < rest->n; i++) {
        char c = rest->p[i];
        if (quoted && c == '\\') {
            i++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (c == sep && !quoted) {
            break;
        }
    }
    if (i > rest->n) i = rest->n;
    *part = trim((jd_str){rest->p, i});
    if (i == rest->n) {
        rest->p = NULL;
    } else {
        rest->p += i + 1;
        rest->n -= i + 1;
    }
    return 1;
}

/* name=value of one parameter; quotes around the value are taken off, escapes inside stay. */
static int pair(jd_str part, jd_str *name, jd_str *value) {
    size_t i = 0;
    while (i < part.n && part.p[i] != '=') i++;
    if (i == part.n) return 0;
    *name = trim((jd_str){part.p, i});
    *value = trim((jd_str){part.p + i + 1, part.n - i - 1});
    if (!all_token(*name)) return 0;
    if (value->n >= 2 && value->p[0] == '"' && value->p[value->n - 1] == '"') {
        value->p++;
        value->n -= 2;
        return 1;
    }
    return all_token(*value);
}

/* qvalue = "0" [ "." 0*3DIGIT ] / "1" [ "." 0*3("0") ]; thousandths, or -1. */
static int qvalue(jd_str v) {
    if (v.n == 0 || v.n > 5 || (v.p[0] != '0' && v.p[0] != '1')) return -1;
    int q = (v.p[0] - '0') * 1000, unit = 100;
    if (v.n == 1) return q;
    if (v.p[1] != '.') return -1;
    for (size_t i = 2; i < v.n; i++, unit /= 10) {
        if (v.p[i] < '0' || v.p[i] > '9') return -1;
        q += (v.p[i] - '0') * unit;
    }
    return q <= 1000 ? q : -1;
}

/* The weight among the parameters of one list member: 1000 when there is none, -1 when it is malformed. */
static int weight(jd_str params) {
    jd_str part, name, value;
    int q = 1000;
    while (cut(&params, ';', &part)) {
        if (part.n == 0) continue;
        if (!pair(part, &name, &value)) return -1;
        if (name.n == 1 && (name.p[0] == 'q' || name.p[0] == 'Q')) {
            q = qvalue(value);
            if (q < 0) q = 1000; /* unreadable: as if there were none, so that it decides nothing */
        }
    }
    return q;
}

static int split_type(jd_str s, jd_str *type, jd_str *sub) {
    size_t i = 0;
    while (i < s.n && s.p[i] != '/') i++;
    if (i == s.n) return 0;
    *type = (jd_str){s.p, i};
    *sub = (jd_str){s.p + i + 1, s.n - i - 1};
    return all_token(*type) && all_token(*sub);
}

static jd_str head_of(jd_str member, jd_str *params) {
    jd_str head;
    *params = member;
    if (!cut(params, ';', &head)) return (jd_str){NULL, 0};
    return head;
}

/* 3: the very type, 2: type/..., 1: any, 0: no match. */
static int closeness(jd_str range, const char *offer) {
    jd_str type, sub, otype, osub;
    if (!split_type(range, &type, &sub) || !split_type(jd_str_of(offer), &otype, &osub)) return 0;
    if (same(type, otype) && same(sub, osub)) return 3;
    if (same(type, otype) && jd_str_is(sub, "*")) return 2;
    return jd_str_is(type, "*") && jd_str_is(sub, "*");
}

int jd_media_match(jd_str accept, const char *const *offers, int offers_n) {
    if (!accept.p) return offers_n > 0 ? 0 : -1;
    int best = -1, best_q = 0, formed = 0;
    for (int o = 0; o < offers_n; o++) /* most say just what they want */
        if (jd_str_is(accept, offers[o])) return o;
    for (int o = 0; o < offers_n; o++) {
        /* RFC 9110 12.5.1: the closest range decides, whatever its weight; ranges with parameters (profile, version)
         * still name the type that we have, so they count as the type itself. */
        int q = 0, near = 0;
        jd_str rest = accept, member, params;
        while (cut(&rest, ',', &member)) {
            jd_str head = head_of(member, &params), type, sub;
            if (!split_type(head, &type, &sub)) continue;
            int w = weight(params), c = closeness(head, offers[o]);
            if (w < 0) continue;
            formed = 1;
            if (c > near || (c == near && c && w > q)) near = c, q = w;
        }
        if (q > best_q) best = o, best_q = q;
    }
    if (!formed) return offers_n > 0 ? 0 : -1;
    return best;
}

jd_str jd_media_essence(jd_str content_type) {
    jd_str params, type, sub;
    if (!content_type.p) return (jd_str){NULL, 0};
    jd_str head = head_of(content_type, &params);
    return split_type(head, &type, &sub) ? head : (jd_str){NULL, 0};
}

int jd_media_is(jd_str content_type, const char *type) {
    jd_str e = jd_media_essence(content_type);
    return e.p && same(e, jd_str_of(type));
}

jd_str jd_media_param(jd_str content_type, const char *name) {
    jd_str params, part, key, value;
    if (!content_type.p) return (jd_str){NULL, 0};
    head_of(content_type, &params);
    while (cut(&params, ';', &part))
        if (pair(part, &key, &value) && same(key, jd_str_of(name))) return value;
    return (jd_str){NULL, 0};
}

int jd_media_coding(jd_str accept_encoding, const char *coding) {
    int identity = same(jd_str_of(coding), JD_STR("identity"));
    if (!accept_encoding.p) return identity ? 1000 : 0;
    int named = -1, star = -1;
    jd_str rest = accept_encoding, member, params;
    while (cut(&rest, ',', &member)) {
        jd_str head = head_of(member, &params);
        int w = weight(params);
        if (w < 0 || !all_token(head)) continue;
        if (same(head, jd_str_of(coding))) named = w;
        if (jd_str_is(head, "*")) star = w;
    }
    if (named >= 0) return named;
    if (star >= 0) return star;
    return identity ? 1 : 0; /* acceptable, but the last choice */
}

int jd_media_zh(jd_str accept_language) {
    int zh = 0, en = 0, first = 0, n = 0;
    jd_str rest = accept_language, member, params;
    while (cut(&rest, ',', &member)) {
        jd_str head = head_of(member, &params);
        int w = weight(params);
        if (w < 0 || !all_token(head)) continue;
        size_t primary = 0;
        while (primary < head.n && head.p[primary] != '-') primary++;
        jd_str lang = {head.p, primary};
        n++;
        if (same(lang, JD_STR("zh")) && w > zh) zh = w, first = first ? first : n;
        if (same(lang, JD_STR("en")) && w > en) en = w, first = first ? first : -n;
    }
    return zh > en || (zh && zh == en && first > 0);
}

/* Texts with columns in them: "urn:x:{station|lower}", "{code||parent}", "{@file:skab_*.csv}"; and patterns with '*'.
 */
#include "table/map_int.h"

int map__like(jd_str pattern, jd_str s, jd_str *star) {
    size_t i = 0, k = 0, last_star = SIZE_MAX, resume = 0, star_from = 0, star_to = 0;
    int stars = 0;
    while (k < s.n) {
        if (i < pattern.n && pattern.p[i] == '*') {
            if (!stars++) star_from = star_to = k;
            last_star = i++;
            resume = k;
        } else if (i < pattern.n && pattern.p[i] == s.p[k]) {
            i++, k++;
        } else if (last_star != SIZE_MAX) { /* the last star takes one byte more */
            i = last_star + 1;
            k = ++resume;
            if (stars == 1) star_to = resume;
        } else {
            return 0;
        }
    }
    while (i < pattern.n && pattern.p[i] == '*') {
        if (!stars++) star_from = star_to = k;
        i++;
    }
    if (i < pattern.n) return 0;
    if (star) *star = (jd_str){s.p + star_from, star_to - star_from};
    return 1;
}

static int filter(jd_map *m, map_part *part, jd_str name) {
    static const char *const names[] = {"lower", "upper", "slug", "uri"};
    if (part->filters_n == MAP_FILTERS_MAX)
        return MAP_FAIL(m, "at most %d filters behind one column", "一个列后最多 %d 个过滤器", (int)MAP_FILTERS_MAX);
    map_filter *f = &part->filters[part->filters_n++];
    for (int i = 0; i < 4; i++)
        if (jd_str_is(name, names[i])) {
            f->kind = (map_filter_kind)i;
            return 0;
        }
    if (jd_str_starts(name, JD_STR("pad:")) && name.n <= 6) {
        f->kind = FILTER_PAD;
        for (size_t i = 4; i < name.n && name.p[i] >= '0' && name.p[i] <= '9'; i++)
            f->n = f->n * 10 + (name.p[i] - '0');
        if (f->n) return 0;
    }
    return MAP_FAIL(m, "there is no filter \"%.*s\": lower, upper, slug, uri, pad:N",
                    "没有过滤器“%.*s”：lower、upper、slug、uri、pad:N", JD_STR_ARG(name));
}

/* What stands between the braces: alternatives parted by "||", then filters, each behind "|". */
static int columns(jd_map *m, jd_str s, int needed, map_part *part, map_tpl *tpl) {
    const char *p = s.p, *end = s.p + s.n;
    int alternatives = 1;
    while (p <= end) {
        const char *stop = memchr(p, '|', (size_t)(end - p));
        if (!stop) stop = end;
        jd_str one = {p, (size_t)(stop - p)};
        int or = stop + 1 < end && stop[0] == '|' && stop[1] == '|';
        if (alternatives) {
            if (part->alts_n == MAP_ALTS_MAX)
                return MAP_FAIL(m, "at most %d columns parted by ||", "|| 最多连接 %d 个列", (int)MAP_ALTS_MAX);
            map_ref *ref = &part->alts[part->alts_n++];
            if (jd_str_starts(one, JD_STR("@file:"))) {
                part->glob = (jd_str){one.p + 6, one.n - 6};
                if (!memchr(part->glob.p, '*', part->glob.n))
                    return MAP_FAIL(m, "@file: wants a pattern with *", "@file: 后应为含 * 的模式");
                *ref = REF_FILE;
            } else if (map__ref(m, one, needed, ref)) {
                return -1;
            }
            if (*ref == REF_CELL || *ref == REF_COLUMN) tpl->by_cell = 1;
            alternatives = or ;
        } else if (filter(m, part, one)) {
            return -1;
        }
        if (stop == end) break;
        p = stop + (or ? 2 : 1);
    }
    tpl->moves = 1;
    return 0;
}

int map__template(jd_map *m, const jd_jval *v, int needed, map_tpl *out) {
    jd_str s = jd_jstr(v);
    size_t cap = 1;
    for (size_t i = 0; i < s.n; i++) cap += s.p[i] == '{' ? 2 : s.p[i] == '}';
    *out = (map_tpl){.parts = JD_NEWN(&m->arena, map_part, cap)};
    jd_buf literal = {0};
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if ((c == '{' || c == '}') && i + 1 < s.n && s.p[i + 1] == c) {
            jd_buf_c(&literal, c);
            i++;
        } else if (c == '{') {
            const char *stop = memchr(s.p + i, '}', s.n - i);
            if (literal.n) out->parts[out->n++].literal = jd_arena_dup(&m->arena, jd_buf_view(&literal));
            literal.n = 0;
            jd_str inner = {s.p + i + 1, stop ? (size_t)(stop - s.p) - i - 1 : 0};
            if (!inner.n) {
                jd_buf_fini(&literal);
                return MAP_FAIL(m, "\"{\" wants a column and \"}\"; a brace itself is written twice",
                                "“{”之后应有列名和“}”；花括号本身写两遍");
            }
            if (columns(m, inner, needed, &out->parts[out->n++], out)) {
                jd_buf_fini(&literal);
                return -1;
            }
            i = (size_t)(stop - s.p);
        } else if (c == '}') {
            jd_buf_fini(&literal);
            return MAP_FAIL(m, "\"}\" without \"{\"; a brace itself is written twice", "“}”缺少“{”；花括号本身写两遍");
        } else {
            jd_buf_c(&literal, c);
        }
    }
    if (literal.n) out->parts[out->n++].literal = jd_arena_dup(&m->arena, jd_buf_view(&literal));
    jd_buf_fini(&literal);
    if (!out->n) return MAP_FAIL(m, "must not be empty", "不能为空");
    return 0;
}

/* One cell to one attribute. */
#include "table/feed_int.h"

#include "geo/geo.h"

#include <stdio.h>

static int shown(jd_str s) {
    return (int)(s.n > 60 ? 60 : s.n);
}

int feed__present(const jd_feed *f, const map_attr *a) {
    if (a->simple && feed__number(f, a->ref) && (a->as != AS_POINT || feed__number(f, a->lat))) return 1;
    if (a->tpl.n) return 1;
    if (!a->langs_n) {
        jd_table_cell c = feed__cell(f, a->ref);
        if (feed__is_missing(f, &a->missing, &c)) return 0;
        if (a->as != AS_POINT) return 1;
        c = feed__cell(f, a->lat);
        return !feed__is_missing(f, &a->missing, &c);
    }
    for (size_t i = 0; i < a->langs_n; i++) {
        jd_table_cell c = feed__cell(f, a->langs[i].ref);
        if (!feed__is_missing(f, &a->missing, &c)) return 1;
    }
    return 0;
}

/* ---- pieces ---- */

static jd_jval copy_value(jd_arena *to, const jd_jval *v) {
    jd_jval out = *v;
    if (v->type == JD_JSTR || v->type == JD_JNUM) {
        out.s = jd_arena_dup(to, jd_jstr(v)).p;
    } else if (v->type == JD_JARR) {
        out.items = JD_NEWN(to, jd_jval, v->n);
        for (uint32_t i = 0; i < v->n; i++) out.items[i] = copy_value(to, &v->items[i]);
    } else if (v->type == JD_JOBJ) {
        out.members = JD_NEWN(to, jd_jmember, v->n);
        for (uint32_t i = 0; i < v->n; i++) {
            out.members[i].name = jd_arena_dup(to, v->members[i].name);
            out.members[i].val = copy_value(to, &v->members[i].val);
        }
    }
    return out;
}

static jd_jval number_value(jd_arena *to, jd_str s) {
    s = jd_arena_dup(to, s);
    return (jd_jval){.type = JD_JNUM, .n = (uint32_t)s.n, .s = s.p};
}

static jd_str without_suffix(const map_attr *a, jd_str s) {
    for (size_t i = 0; i < a->suffix_n; i++) {
        jd_str x = a->suffix[i];
        if (s.n > x.n && jd_str_eq((jd_str){s.p + s.n - x.n, x.n}, x)) return table__trim((jd_str){s.p, s.n - x.n});
    }
    return s;
}

/* The text of a number, for messages. */
static jd_str number_text(const jd_jval *v, char text[JD_DECIMAL_MAX]) {
    if (v->type == JD_JDEC) return (jd_str){text, jd_decimal_print(v->dec, v->n, text)};
    return jd_jstr(v);
}

static int bounded(const map_attr *a, const jd_jval *number, map_ref ref, feed_fault *x) {
    char text[JD_DECIMAL_MAX];
    if (!a->has_least && !a->has_most) return 0;
    double v = jd_jnum(number);
    jd_str s = number_text(number, text);
    if (a->has_least && !(v >= a->least))
        return FEED_FAIL(x, BOUNDS, ref, "%.*s is below %.15g", "%.*s 小于 %.15g", shown(s), s.p, a->least);
    if (a->has_most && !(v <= a->most))
        return FEED_FAIL(x, BOUNDS, ref, "%.*s is above %.15g", "%.*s 大于 %.15g", shown(s), s.p, a->most);
    return 0;
}

/* The text as a number, scaled where that is asked for. -1: it is none. */
static int to_number(jd_feed *f, const map_attr *a, jd_str s, jd_str *out) {
    if (table__number(without_suffix(a, s), f->map->point, f->map->thousands, &f->scratch, out)) return -1;
    return a->scaled ? table__dec_apply(*out, &a->factor, &a->offset, &f->scratch, out) : 0;
}

static int number_of(jd_feed *f, const map_attr *a, const jd_table_cell *c, jd_arena *to, jd_jval *out, feed_fault *x) {
    jd_str n;
    const jd_jval *plain = feed__number(f, a->ref);
    if (plain) {
        *out = *plain;
        return bounded(a, out, a->ref, x);
    }
    int kind = !c->value || jd_jis_num(c->value) || c->value->type == JD_JSTR;
    if (!kind || to_number(f, a, c->text, &n)) {
        if (c->text.n)
            return FEED_FAIL(x, VALUE, a->ref, "\"%.*s\" is no number", "“%.*s”不是数字", shown(c->text), c->text.p);
        return FEED_FAIL(x, VALUE, a->ref, "there is no number", "此处不是数字");
    }
    *out = number_value(to, n);
    return bounded(a, out, a->ref, x);
}

static int is_one_of(const jd_str *list, size_t n, jd_str s) {
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        if (list[i].n != s.n) continue;
        while (k < s.n &&
               (list[i].p[k] == s.p[k] || (s.p[k] >= 'A' && s.p[k] <= 'Z' && list[i].p[k] == (s.p[k] | 32)) ||
                (list[i].p[k] >= 'A' && list[i].p[k] <= 'Z' && s.p[k] == (list[i].p[k] | 32))))
            k++;
        if (k == s.n) return 1;
    }
    return 0;
}

static jd_jval any_of(jd_feed *f, const map_attr *a, const jd_table_cell *c, jd_arena *to) {
    jd_str n;
    if (c->value) return copy_value(to, c->value);
    if (!to_number(f, a, c->text, &n)) return number_value(to, n);
    return jd_jmake_str(jd_arena_dup(to, c->text));
}

/* ---- places ---- */

static int coordinate(jd_feed *f, map_ref ref, double most, jd_arena *to, jd_jval *out, feed_fault *x) {
    jd_table_cell c = feed__cell(f, ref);
    char text[JD_DECIMAL_MAX];
    jd_str s;
    const jd_jval *plain = feed__number(f, ref);
    if (plain) {
        *out = *plain;
    } else {
        if (table__number(c.text, f->map->point, f->map->thousands, &f->scratch, &s))
            return FEED_FAIL(x, PLACE, ref, "\"%.*s\" is no number", "“%.*s”不是数字", shown(c.text), c.text.p);
        *out = number_value(to, s);
    }
    double v = jd_jnum(out);
    if (v >= -most && v <= most) return 0;
    s = number_text(out, text);
    return FEED_FAIL(x, PLACE, ref, "%.*s is not between -%.0f and %.0f degrees", "%.*s 不在 -%.0f 到 %.0f 度之间",
                     shown(s), s.p, most, most);
}

/* Degrees to the centimetre, no zeros behind. */
static jd_jval degrees(jd_arena *a, double v) {
    char text[40];
    int n = snprintf(text, sizeof text, "%.7f", v);
    while (n > 1 && text[n - 1] == '0') n--;
    if (n && text[n - 1] == '.') n--;
    return number_value(a, (jd_str){text, (size_t)n});
}

static jd_jval point_from(jd_jval *both, jd_arena *to) {
    jd_jmember *members = jd_arena_alloc(to, 2 * sizeof *members);
    members[0] = (jd_jmember){JD_STR("type"), jd_jmake_str(JD_STR("Point"))};
    members[1] = (jd_jmember){JD_STR("coordinates"), {.type = JD_JARR, .n = 2, .items = both}};
    return (jd_jval){.type = JD_JOBJ, .n = 2, .members = members};
}

static int point_of(jd_feed *f, const map_attr *a, jd_arena *to, jd_jval *out, feed_fault *x) {
    jd_jval *both = JD_NEWN(to, jd_jval, 2);
    if (coordinate(f, a->ref, 180, to, &both[0], x) || coordinate(f, a->lat, 90, to, &both[1], x)) return -1;
    if (a->datum != DATUM_WGS84) {
        double lon = jd_jnum(&both[0]), lat = jd_jnum(&both[1]);
        if (a->datum == DATUM_BD09) jd_bd09_to_gcj02(lon, lat, &lon, &lat);
        jd_gcj02_to_wgs84(lon, lat, &lon, &lat);
        both[0] = degrees(to, lon);
        both[1] = degrees(to, lat);
    }
    *out = point_from(both, to);
    return 0;
}

/* A cell that holds JSON, or is it. */
static int tree_of(jd_feed *f, const map_attr *a, const jd_table_cell *c, jd_arena *to, jd_jval *out, feed_fault *x) {
    jd_err why;
    jd_jval v;
    if (c->value && c->value->type != JD_JSTR) {
        *out = copy_value(to, c->value);
        return 0;
    }
    if (jd_json_parse(&f->scratch, c->text, NULL, &v, &why))
        return FEED_FAIL(x, VALUE, a->ref, "no JSON: %s%.0s", "不是 JSON：%.0s%s", why.en, why.zh);
    *out = copy_value(to, &v);
    return 0;
}

static int geometry_of(jd_feed *f, const map_attr *a, const jd_table_cell *c, jd_arena *to, jd_jval *out,
                       feed_fault *x) {
    jd_err why = {0};
    if (tree_of(f, a, c, to, out, x)) return -1;
    if (!jd_value_fits(JD_GEOPROPERTY, out, &f->scratch, &why)) return 0;
    return FEED_FAIL(x, PLACE, a->ref, "%s%.0s", "%.0s%s", why.en, why.zh);
}

/* ---- texts ---- */

/* The column's or the template's. 1, or 0: missing. */
static int text_of(jd_feed *f, const map_attr *a, const jd_table_cell *c, jd_str *out) {
    map_ref missing;
    *out = without_suffix(a, c->text);
    if (!a->tpl.n) return 1;
    if (!feed__template(f, &a->tpl, &f->text, &missing)) return 0;
    *out = jd_buf_view(&f->text);
    return 1;
}

static int languages_of(jd_feed *f, const map_attr *a, jd_arena *to, jd_jval *out, feed_fault *x) {
    jd_err why = {0};
    *out = (jd_jval){.type = JD_JOBJ, .members = JD_NEWN(to, jd_jmember, a->langs_n)};
    for (size_t i = 0; i < a->langs_n; i++) {
        jd_table_cell c = feed__cell(f, a->langs[i].ref);
        if (feed__is_missing(f, &a->missing, &c)) continue;
        out->members[out->n++] = (jd_jmember){a->langs[i].tag, jd_jmake_str(jd_arena_dup(to, c.text))};
    }
    if (!jd_value_fits(JD_LANGUAGEPROPERTY, out, &f->scratch, &why)) return 0;
    return FEED_FAIL(x, VALUE, a->langs[0].ref, "%s%.0s", "%.0s%s", why.en, why.zh);
}

static int plain_value(jd_feed *f, const map_attr *a, const jd_table_cell *c, jd_arena *to, jd_jval *out,
                       feed_fault *x) {
    jd_str s;
    switch (a->as) {
    case AS_NUMBER: return number_of(f, a, c, to, out, x) ? -1 : 1;
    case AS_ANY: *out = any_of(f, a, c, to); return jd_jis_num(out) && bounded(a, out, a->ref, x) ? -1 : 1;
    case AS_BOOLEAN: {
        int yes = is_one_of(a->yes, a->yes_n, c->text);
        if (!yes && !is_one_of(a->no, a->no_n, c->text))
            return FEED_FAIL(x, VALUE, a->ref, "\"%.*s\" means neither true nor false", "“%.*s”既非真也非假",
                             shown(c->text), c->text.p);
        *out = jd_jmake_bool(yes);
        return 1;
    }
    case AS_POINT: return point_of(f, a, to, out, x) ? -1 : 1;
    case AS_GEOMETRY: return geometry_of(f, a, c, to, out, x) ? -1 : 1;
    case AS_JSON: return tree_of(f, a, c, to, out, x) ? -1 : 1;
    case AS_LANGUAGES: return languages_of(f, a, to, out, x) ? -1 : 1;
    case AS_TEXT:
    case AS_RELATIONSHIP:
    case AS_VOCAB: break;
    }
    if (!a->tpl.n && c->value && (c->value->type == JD_JARR || c->value->type == JD_JOBJ))
        return FEED_FAIL(x, VALUE, a->ref, "an array or object is no text", "数组或对象不是文字");
    if (!text_of(f, a, c, &s)) return 0;
    if (a->as == AS_RELATIONSHIP && !jd_uri_valid(s))
        return FEED_FAIL(x, VALUE, a->ref, "\"%.*s\" is no URI", "“%.*s”不是 URI", shown(s), s.p);
    if (a->as == AS_VOCAB) s = jd_ctx_expand(f->map->ctx, to, s);
    if (a->as == AS_VOCAB && !s.p)
        return FEED_FAIL(x, VALUE, a->ref, "the @context has no such word", "@context 中没有此词");
    *out = jd_jmake_str(jd_arena_dup(to, s));
    return 1;
}

/* By the value table, when the mapping has one. 2: it says nothing, the cell itself counts. */
static int listed_value(jd_feed *f, const map_attr *a, const jd_table_cell *c, jd_arena *to, jd_jval *out,
                        feed_fault *x) {
    const jd_jval *v = jd_jget_str(a->values, c->text);
    if (v) {
        *out = copy_value(to, v);
        if (a->as == AS_VOCAB && v->type == JD_JSTR) {
            jd_str s = jd_ctx_expand(f->map->ctx, to, jd_jstr(v));
            if (s.p) *out = jd_jmake_str(jd_arena_dup(to, s));
        }
        return v->type != JD_JNULL;
    }
    if (a->other == OTHER_KEEP) return 2;
    if (a->other == OTHER_MISSING) return 0;
    return FEED_FAIL(x, WORD, a->ref, "\"%.*s\" is not among the values", "“%.*s”不在取值表中", shown(c->text),
                     c->text.p);
}

/* ---- beside the value ---- */

static int unit_of(const jd_feed *f, const map_attr *a, jd_arena *to, jd_str *out, feed_fault *x) {
    *out = a->unit;
    if (a->unit_ref == REF_NONE) return 0;
    jd_table_cell c = feed__cell(f, a->unit_ref);
    if (feed__is_missing(f, NULL, &c)) return 0;
    const jd_jval *code = a->unit_codes ? jd_jget_str(a->unit_codes, c.text) : NULL;
    if (a->unit_codes && !code)
        return FEED_FAIL(x, EXPECT, a->unit_ref, "\"%.*s\" is none of the units", "“%.*s”不在单位表中", shown(c.text),
                         c.text.p);
    *out = code ? jd_jstr(code) : jd_arena_dup(to, c.text);
    return 0;
}

static int expected(const jd_feed *f, const map_attr *a, feed_fault *x) {
    for (size_t i = 0; i < a->expect.n; i++) {
        map_cond one = {&a->expect.tests[i], 1};
        if (feed__cond(f, &one)) continue;
        map_ref ref = a->expect.tests[i].ref;
        jd_table_cell c = feed__cell(f, ref);
        return FEED_FAIL(x, EXPECT, ref, "\"%.*s\" is not what \"%.*s\" expects here", "此处“%.*s”不是“%.*s”所预期的值",
                         shown(c.text), c.text.p ? c.text.p : "", JD_STR_ARG(a->name));
    }
    return 0;
}

static int dataset_of(jd_feed *f, const map_attr *a, jd_arena *to, jd_str *out, feed_fault *x) {
    map_ref missing;
    if (!a->dataset.n) return 0;
    if (!a->dataset.moves) {
        *out = a->dataset.parts[0].literal;
        return 0;
    }
    if (!feed__template(f, &a->dataset, &f->text, &missing)) {
        jd_str name = feed__column(f, missing);
        return FEED_FAIL(x, ID, missing, "the datasetId lacks \"%.*s\"", "datasetId 缺少“%.*s”", JD_STR_ARG(name));
    }
    jd_str s = jd_buf_view(&f->text);
    if (!jd_uri_valid(s))
        return FEED_FAIL(x, ID, a->ref, "the datasetId \"%.*s\" is no URI", "datasetId“%.*s”不是 URI", shown(s), s.p);
    *out = jd_arena_dup(to, s);
    return 0;
}

static int subs_of(jd_feed *f, const map_attr *a, jd_arena *to, jd_attr *out, feed_fault *x) {
    out->subs = JD_NEWN(to, jd_attr, a->subs_n);
    for (size_t i = 0; i < a->subs_n; i++) {
        const map_attr *s = &a->subs[i];
        if (s->constant) {
            out->subs[out->subs_n++] = s->constant[0];
            continue;
        }
        if ((s->when.n && !feed__cond(f, &s->when)) || !feed__present(f, s)) continue;
        int got = feed__value(f, s, to, &out->subs[out->subs_n], x);
        if (got < 0) return -1;
        out->subs_n += (uint32_t)got;
    }
    return 0;
}

static const jd_attr none = {.observed = JD_TIME_NONE,
                             .expires = JD_TIME_NONE,
                             .created = JD_TIME_NONE,
                             .modified = JD_TIME_NONE,
                             .raw_expires = JD_TIME_NONE,
                             .has_value = 1};

int feed__simple_value(jd_feed *f, const map_attr *a, jd_arena *to, jd_attr *out) {
    const jd_jval *v = a->simple ? feed__number(f, a->ref) : NULL, *lat = NULL;
    if (!v) return 0;
    if (a->as == AS_POINT) {
        lat = feed__number(f, a->lat);
        if (!lat) return 0;
        double x = jd_jnum(v), y = jd_jnum(lat);
        if (!(x >= -180 && x <= 180 && y >= -90 && y <= 90)) return 0;
    } else if (a->has_least || a->has_most) {
        double x = jd_jnum(v);
        if ((a->has_least && !(x >= a->least)) || (a->has_most && !(x <= a->most))) return 0;
    }
    *out = none;
    out->name = a->sym;
    out->kind = a->kind;
    out->unit = a->unit;
    if (a->dataset.n) out->dataset = a->dataset.parts[0].literal;
    if (!lat) {
        out->value = *v;
        return 1;
    }
    jd_jval *both = jd_arena_alloc(to, 2 * sizeof *both);
    both[0] = *v;
    both[1] = *lat;
    out->value = point_from(both, to);
    return 1;
}

int feed__value(jd_feed *f, const map_attr *a, jd_arena *to, jd_attr *out, feed_fault *x) {
    jd_table_cell c = feed__cell(f, a->ref);
    *out = none;
    out->name = a->sym;
    out->kind = a->kind;
    if (expected(f, a, x)) return -1;
    int got = a->values ? listed_value(f, a, &c, to, &out->value, x) : 2;
    if (got == 2) got = plain_value(f, a, &c, to, &out->value, x);
    if (got <= 0) return got;
    if (unit_of(f, a, to, &out->unit, x) || dataset_of(f, a, to, &out->dataset, x)) return -1;
    return a->subs_n && subs_of(f, a, to, out, x) ? -1 : 1;
}

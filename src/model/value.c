/* What may stand as the value of an attribute, kind by kind (GS CIM 009 clauses 4.5.2-4.5.24, 4.6, 4.7). */
#include "model/entity.h"

#include "geo/geo.h"

/* Code points that have no place in an identifier because nobody can see them: controls, blanks, direction marks,
 * default-ignorables, fillers, noncharacters, surrogates' remains. */
static int invisible(uint32_t c) {
    static const uint32_t ranges[][2] = {
        {0x80, 0xA0},     {0xAD, 0xAD},     {0x34F, 0x34F},     {0x61C, 0x61C},   {0x115F, 0x1160}, {0x1680, 0x1680},
        {0x17B4, 0x17B5}, {0x180B, 0x180F}, {0x2000, 0x200F},   {0x2028, 0x202F}, {0x205F, 0x206F}, {0x2800, 0x2800},
        {0x3000, 0x3000}, {0x3164, 0x3164}, {0xE000, 0xF8FF},   {0xFDD0, 0xFDEF}, {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF},
        {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFF}, {0xE0000, 0x10FFFF}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1]) return 1;
    return (c & 0xFFFE) == 0xFFFE;
}

static int is_alpha(char c) {
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}
static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* What may not stand in a URI behind its scheme (1) and in a name (2); ids and names come with every request. */
static const unsigned char forbidden[256] = {
    [0 ... ' '] = 3, [0x7f] = 3, ['<'] = 3, ['>'] = 3, ['"'] = 3,  ['{'] = 3, ['}'] = 3,
    ['|'] = 3,       ['\\'] = 3, ['^'] = 3, ['`'] = 3, ['\''] = 2, ['='] = 2, [';'] = 2,
    ['('] = 2,       [')'] = 2,  [','] = 2, ['&'] = 2, ['['] = 2,  [']'] = 2};

int jd_uri_valid(jd_str s) {
    size_t i = 0;
    if (!s.n || !is_alpha(s.p[0])) return 0;
    while (i < s.n && s.p[i] != ':') {
        char c = s.p[i++];
        if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') return 0;
    }
    if (i + 1 >= s.n) return 0;
    for (i++; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (forbidden[c] & 1) return 0;
        if (c < 0xC0) continue; /* texts are checked UTF-8: a lead byte tells how many follow */
        uint32_t cp = c >= 0xF0 ? c & 7 : c >= 0xE0 ? c & 15 : c & 31;
        for (size_t k = i + 1; k < s.n && ((unsigned char)s.p[k] & 0xC0) == 0x80; k++)
            cp = cp << 6 | ((unsigned char)s.p[k] & 0x3F);
        if (invisible(cp)) return 0;
    }
    return 1;
}

int jd_name_valid(jd_str s) {
    if (!s.n || is_digit(s.p[0]) || strchr("-.@:", s.p[0])) return 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (forbidden[c] & 2) return 0;
    }
    return 1;
}

static int tag_valid(jd_str tag) {
    if (jd_str_is(tag, "@none")) return 1;
    for (size_t k = 0; k < tag.n; k++)
        if (!is_alpha(tag.p[k]) && !is_digit(tag.p[k]) && tag.p[k] != '-') return 0;
    return tag.n > 0;
}

/* A string, or an array of at least one string. */
static int strings(const jd_jval *v) {
    if (v->type == JD_JSTR) return 1;
    if (v->type != JD_JARR || !v->n) return 0;
    for (uint32_t i = 0; i < v->n; i++)
        if (v->items[i].type != JD_JSTR) return 0;
    return 1;
}

static int uris(const jd_jval *v, int least, const char *member, jd_err *err) {
    int ok = v->type == JD_JARR ? (int)v->n >= least : v->type == JD_JSTR && jd_uri_valid(jd_jstr(v));
    for (uint32_t i = 0; ok && v->type == JD_JARR && i < v->n; i++)
        ok = v->items[i].type == JD_JSTR && jd_uri_valid(jd_jstr(&v->items[i]));
    if (ok) return 0;
    return jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s must be a URI or an array of URIs", "%s 必须是 URI 或 URI 数组",
                   member);
}

int jd_value_fits(jd_kind kind, const jd_jval *v, jd_arena *scratch, jd_err *err) {
    switch (kind) {
    case JD_PROPERTY: return 0;
    case JD_GEOPROPERTY: {
        const jd_jval *type = jd_jget(v, "type");
        if (v->type != JD_JOBJ)
            return jd_fail(err, JD_E_BAD_REQUEST_DATA, "a GeoProperty's value must be a GeoJSON geometry",
                           "GeoProperty 的值必须是 GeoJSON 几何对象");
        if (type && jd_jis(type, "GeometryCollection"))
            return jd_fail(err, JD_E_BAD_REQUEST_DATA, "a GeometryCollection is not allowed",
                           "不允许 GeometryCollection");
        jd_shape *shape;
        return jd_shape_reread(scratch, v, &shape, err);
    }
    case JD_RELATIONSHIP: return uris(v, 1, "object", err);
    case JD_LISTRELATIONSHIP:
        if (v->type == JD_JARR) return uris(v, 0, "objectList", err);
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "objectList must be an array", "objectList 必须是数组");
    case JD_LANGUAGEPROPERTY:
        if (v->type != JD_JOBJ)
            return jd_fail(err, JD_E_BAD_REQUEST_DATA, "languageMap must be an object of language tags",
                           "languageMap 必须是以语言标签为成员的对象");
        for (uint32_t i = 0; i < v->n; i++)
            if (!tag_valid(v->members[i].name) || !strings(&v->members[i].val))
                return jd_fail(err, JD_E_BAD_REQUEST_DATA,
                               "languageMap.%.*s must be a language tag with a string or an array of strings",
                               "languageMap.%.*s 必须是语言标签，值为字符串或字符串数组",
                               JD_STR_ARG(v->members[i].name));
        return 0;
    case JD_VOCABPROPERTY:
        if (strings(v)) return 0;
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "vocab must be a string or an array of strings",
                       "vocab 必须是字符串或字符串数组");
    case JD_JSONPROPERTY:
        if (v->type == JD_JOBJ || v->type == JD_JARR) return 0;
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "json must be an object or an array", "json 必须是对象或数组");
    case JD_LISTPROPERTY:
        if (v->type == JD_JARR) return 0;
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "valueList must be an array", "valueList 必须是数组");
    }
    return jd_fail(err, JD_E_BAD_REQUEST_DATA, "a value without a kind", "有值但无法判定属性类别");
}

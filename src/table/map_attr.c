/* The mapping's "attributes" and "fixed". */
#include "table/map_int.h"

/* A member by itself, with its place in the document. */
static const jd_jval *member(jd_map *m, const jd_jval *v, const char *name, map_spot *was) {
    const jd_jval *p = jd_jget(v, name);
    if (p) *was = map__enter(m, jd_str_of(name), p);
    return p;
}

static int read_as(jd_map *m, const jd_jval *v, map_attr *a) {
    static const jd_kind kinds[] = {JD_PROPERTY,     JD_PROPERTY,        JD_PROPERTY,     JD_PROPERTY,
                                    JD_GEOPROPERTY,  JD_GEOPROPERTY,     JD_RELATIONSHIP, JD_VOCABPROPERTY,
                                    JD_JSONPROPERTY, JD_LANGUAGEPROPERTY};
    map_spot was;
    int word = jd_jget(v, "longitude")   ? AS_POINT
               : jd_jget(v, "languages") ? AS_LANGUAGES
               : jd_jget(v, "template")  ? AS_TEXT
                                         : AS_NUMBER;
    const jd_jval *p = member(m, v, "as", &was);
    if (p) {
        word = map__word(m, p, "number|text|any|boolean|point|geometry|relationship|vocab|json|languages");
        if (word < 0) return -1;
        map__leave(m, was);
    }
    a->as = (map_as)word;
    a->kind = kinds[word];
    int geo = a->sym == JD_SYM_LOCATION || a->sym == JD_SYM_OBSERVATION_SPACE || a->sym == JD_SYM_OPERATION_SPACE;
    if (geo && a->kind != JD_GEOPROPERTY)
        return MAP_FAIL(m, "this name is kept for a place: \"as\" must be point or geometry",
                        "此名称只用于位置：“as”应为 point 或 geometry");
    return 0;
}

static int read_languages(jd_map *m, const jd_jval *v, int needed, map_attr *a) {
    map_spot was = map__enter(m, JD_STR("languages"), v);
    if (!v->n) return MAP_FAIL(m, "must not be empty", "不能为空");
    a->langs = JD_NEWN(&m->arena, map_lang, v->n);
    for (uint32_t i = 0; i < v->n; i++) {
        if (v->members[i].val.type != JD_JSTR) return MAP_FAIL(m, "must hold names of columns", "应为列名");
        a->langs[i].tag = v->members[i].name;
        if (map__ref(m, jd_jstr(&v->members[i].val), needed, &a->langs[i].ref)) return -1;
        a->langs_n++;
    }
    map__leave(m, was);
    return 0;
}

/* Where the value comes from. */
static int read_source(jd_map *m, const jd_jval *v, map_attr *a) {
    const jd_jval *optional = jd_jget(v, "optional"), *p;
    int needed = !(optional && optional->type == JD_JTRUE);
    int ways = (jd_jget(v, "column") != NULL) + (jd_jget(v, "template") != NULL) + (jd_jget(v, "longitude") != NULL) +
               (jd_jget(v, "languages") != NULL);
    if (ways != 1)
        return MAP_FAIL(m, "wants one of column, template, longitude (with latitude), languages, constant",
                        "应有 column、template、longitude（与 latitude）、languages、constant 之一");
    a->ref = a->lat = REF_NONE;
    map_spot was;
    if ((p = jd_jget(v, "languages"))) {
        if (read_languages(m, p, needed, a)) return -1;
    } else if ((p = member(m, v, "template", &was))) {
        if (map__template(m, p, needed, &a->tpl)) return -1;
        map__leave(m, was);
    } else if (map__ref_member(m, v, jd_jget(v, "column") ? "column" : "longitude", needed, &a->ref) ||
               map__ref_member(m, v, "latitude", needed, &a->lat)) {
        return -1;
    }
    int point = jd_jget(v, "longitude") != NULL;
    if (point != (a->as == AS_POINT) || point != (a->lat != REF_NONE))
        return MAP_FAIL(m, "a point wants longitude and latitude, and nothing else does",
                        "point 需要 longitude 与 latitude，其他取值不能有");
    if ((a->langs_n != 0) != (a->as == AS_LANGUAGES))
        return MAP_FAIL(m, "\"languages\" and \"as\": \"languages\" belong together",
                        "“languages”与 as 为 languages 须同时使用");
    if (a->tpl.n && a->as != AS_TEXT && a->as != AS_RELATIONSHIP && a->as != AS_VOCAB)
        return MAP_FAIL(m, "a template gives a text, a relationship or a vocab",
                        "template 只用于 text、relationship、vocab");
    if ((p = member(m, v, "datum", &was))) {
        int word = map__word(m, p, "wgs84|gcj02|bd09");
        if (word < 0) return -1;
        if (!point) return MAP_FAIL(m, "goes with longitude and latitude", "只能配合 longitude 与 latitude");
        a->datum = (map_datum)word;
        map__leave(m, was);
    }
    return 0;
}

static int read_unit(jd_map *m, const jd_jval *v, map_attr *a) {
    map_spot was;
    const jd_jval *p = member(m, v, "unit", &was);
    a->unit_ref = REF_NONE;
    if (!p) return 0;
    if (a->kind != JD_PROPERTY) return MAP_FAIL(m, "only properties have a unit", "只有 Property 才有单位");
    if (p->type == JD_JSTR) {
        a->unit = jd_jstr(p);
        if (!p->n) return MAP_FAIL(m, "must not be empty", "不能为空");
    } else {
        if (map__object(m, p, "unit") || map__ref_member(m, p, "column", 1, &a->unit_ref)) return -1;
        a->unit_codes = jd_jget(p, "codes");
        for (uint32_t i = 0; a->unit_codes && i < a->unit_codes->n; i++)
            if (a->unit_codes->members[i].val.type != JD_JSTR)
                return MAP_FAIL(m, "codes must be strings", "单位代码应为字符串");
    }
    map__leave(m, was);
    return 0;
}

static int is_numeric(const map_attr *a) {
    return a->as == AS_NUMBER || a->as == AS_ANY;
}

static int read_scale(jd_map *m, const jd_jval *v, map_attr *a) {
    const jd_jval *f = jd_jget(v, "factor"), *o = jd_jget(v, "offset");
    a->factor = (table__dec){1, 0};
    a->offset = (table__dec){0, 0};
    a->scaled = f || o;
    if ((f && table__dec_read(jd_jstr(f), &a->factor)) || (o && table__dec_read(jd_jstr(o), &a->offset)))
        return MAP_FAIL(m, "factor or offset has too many digits", "factor 或 offset 的位数过多");
    if (a->scaled && !is_numeric(a))
        return MAP_FAIL(m, "factor and offset go with numbers", "factor 与 offset 只用于数字");
    const jd_jval *least = jd_jget(v, "least"), *most = jd_jget(v, "most");
    a->has_least = least != NULL;
    a->has_most = most != NULL;
    if (least) a->least = jd_jnum(least);
    if (most) a->most = jd_jnum(most);
    if ((least || most) && !is_numeric(a))
        return MAP_FAIL(m, "least and most go with numbers", "least 与 most 只用于数字");
    return 0;
}

static int read_values(jd_map *m, const jd_jval *v, map_attr *a) {
    map_spot was;
    a->values = member(m, v, "values", &was);
    if (a->values) {
        for (uint32_t i = 0; i < a->values->n; i++)
            if (a->values->members[i].val.type > JD_JSTR)
                return MAP_FAIL(m, "\"%.*s\" must become a string, a number, true, false or null",
                                "“%.*s”应对应字符串、数字、true、false 或 null",
                                JD_STR_ARG(a->values->members[i].name));
        if (a->kind != JD_PROPERTY && a->as != AS_VOCAB)
            return MAP_FAIL(m, "goes with properties and vocab", "只用于 Property 与 vocab");
        map__leave(m, was);
    }
    const jd_jval *p = member(m, v, "otherValues", &was);
    if (!p) return 0;
    int word = map__word(m, p, "refuse|keep|missing");
    if (word < 0) return -1;
    a->other = (map_other)word;
    map__leave(m, was);
    return 0;
}

static int read_words(jd_map *m, const jd_jval *v, map_attr *a) {
    static jd_str yes[] = {{"true", 4}, {"1", 1}, {"1.0", 3}, {"yes", 3}, {"y", 1}, {"t", 1}, {"是", sizeof "是" - 1}};
    static jd_str no[] = {{"false", 5}, {"0", 1}, {"0.0", 3}, {"no", 2}, {"n", 1}, {"f", 1}, {"否", sizeof "否" - 1}};
    map_spot was;
    a->yes = yes, a->yes_n = sizeof yes / sizeof *yes;
    a->no = no, a->no_n = sizeof no / sizeof *no;
    const jd_jval *p = member(m, v, "words", &was);
    if (!p) return 0;
    if (a->as != AS_BOOLEAN) return MAP_FAIL(m, "goes with \"as\": \"boolean\"", "只能配合 as 为 boolean");
    if (map__object(m, p, "words") || map__texts(m, jd_jget(p, "true"), &a->yes, &a->yes_n) ||
        map__texts(m, jd_jget(p, "false"), &a->no, &a->no_n))
        return -1;
    map__leave(m, was);
    return 0;
}

static int read_conditions(jd_map *m, const jd_jval *v, map_attr *a) {
    map_spot was;
    const jd_jval *p = member(m, v, "when", &was);
    if (p) {
        if (map__cond(m, p, 1, &a->when)) return -1;
        m->by_when = m->moving_identity = 1;
        map__leave(m, was);
    }
    if ((p = member(m, v, "expect", &was))) {
        if (map__cond(m, p, 1, &a->expect)) return -1;
        map__leave(m, was);
    }
    return 0;
}

static int read_attr(jd_map *m, jd_str name, const jd_jval *v, int level, map_attr *a);

static int read_subs(jd_map *m, const jd_jval *v, map_attr *a) {
    a->subs = JD_NEWN(&m->arena, map_attr, v->n);
    for (uint32_t i = 0; i < v->n; i++) {
        map_spot was = map__enter(m, v->members[i].name, &v->members[i].val);
        if (read_attr(m, v->members[i].name, &v->members[i].val, 2, &a->subs[i])) return -1;
        a->subs_n++;
        map__leave(m, was);
    }
    return 0;
}

static int read_constant(jd_map *m, const jd_jval *p, const jd_jval *whole, map_attr *a) {
    map_spot was = map__enter(m, JD_STR("constant"), p);
    if (whole->n != 1) return MAP_FAIL(m, "stands alone", "不能与其他成员同时使用");
    jd_parse how = {.arena = &m->arena, .ctx = m->ctx, .symbols = m->symbols};
    jd_err why = {0};
    jd_jval bare[1];
    jd_jmember value;
    if (p->type != JD_JOBJ && p->type != JD_JARR) { /* a bare value is a property's */
        value = (jd_jmember){JD_STR("value"), *p};
        bare[0] = (jd_jval){.type = JD_JOBJ, .n = 1, .members = &value};
        p = bare;
    }
    if (jd_attr_parse(&how, a->sym, p, 0, &a->constant, &a->constant_n, &why))
        return MAP_FAIL(m, "%s (%s)%.0s", "%.0s（%s）%s", why.en, why.place, why.zh);
    map__leave(m, was);
    return 0;
}

/* level 0: over time; 1: fixed; 2: a sub-attribute. */
static int read_attr(jd_map *m, jd_str name, const jd_jval *v, int level, map_attr *a) {
    const jd_jval *p;
    map_spot was;
    *a = (map_attr){.name = name, .ref = REF_NONE, .lat = REF_NONE, .unit_ref = REF_NONE};
    if (map__sym(m, name, &a->sym)) return -1;
    jd_str iri = jd_sym_name(m->symbols, a->sym);
    a->hash = jd_hash(iri.p, iri.n);
    if (v->type == JD_JSTR) { /* "pm25": "PM2.5" */
        a->kind = JD_PROPERTY;
        a->factor.m = 1;
        return map__ref(m, jd_jstr(v), 1, &a->ref);
    }
    if (map__object(m, v, "attribute")) return -1;
    if ((p = jd_jget(v, "constant"))) {
        if (level == 0) return MAP_FAIL(m, "a constant belongs to \"fixed\"", "constant 应放在“fixed”中");
        return read_constant(m, p, v, a);
    }
    if (read_as(m, v, a) || read_source(m, v, a) || read_unit(m, v, a) || read_scale(m, v, a) || read_values(m, v, a) ||
        read_words(m, v, a) || read_conditions(m, v, a))
        return -1;
    if ((p = member(m, v, "dataset", &was))) {
        if (level == 2) return MAP_FAIL(m, "sub-attributes have no dataset", "子属性没有 dataset");
        if (map__template(m, p, 1, &a->dataset)) return -1;
        if (a->dataset.moves)
            m->moving_identity = 1;
        else if (!jd_uri_valid(a->dataset.parts[0].literal))
            return MAP_FAIL(m, "must be a URI", "应为 URI");
        map__leave(m, was);
    }
    if ((p = member(m, v, "missing", &was))) {
        if (map__marks(m, p, &a->missing)) return -1;
        map__leave(m, was);
    }
    if ((p = member(m, v, "suffix", &was))) {
        if (map__texts(m, p, &a->suffix, &a->suffix_n)) return -1;
        map__leave(m, was);
    }
    if ((p = member(m, v, "refuse", &was))) {
        int word = map__word(m, p, "cell|row");
        if (word < 0) return -1;
        a->refuse_row = word;
        map__leave(m, was);
    }
    if ((p = member(m, v, "with", &was))) {
        if (level == 2) return MAP_FAIL(m, "sub-attributes have no further ones here", "子属性不能再有子属性");
        if (read_subs(m, p, a)) return -1;
        map__leave(m, was);
    }
    return 0;
}

int map__attrs(jd_map *m, const jd_jval *v, int fixed, map_attr **out, size_t *n) {
    size_t cap = 0;
    for (uint32_t i = 0; i < v->n; i++) cap += v->members[i].val.type == JD_JARR ? v->members[i].val.n : 1;
    *out = JD_NEWN(&m->arena, map_attr, cap ? cap : 1);
    for (uint32_t i = 0; i < v->n; i++) {
        const jd_jval *val = &v->members[i].val;
        map_spot was = map__enter(m, v->members[i].name, val);
        uint32_t many = val->type == JD_JARR ? val->n : 1;
        if (!many) return MAP_FAIL(m, "must not be empty", "不能为空");
        for (uint32_t k = 0; k < many; k++) {
            const jd_jval *one = val->type == JD_JARR ? &val->items[k] : val;
            map_spot item = val->type == JD_JARR ? map__enter_item(m, k, one) : was;
            map_attr *a = &(*out)[*n];
            if (read_attr(m, v->members[i].name, one, fixed, a)) return -1;
            a->report = m->lines_n++;
            ++*n;
            if (val->type == JD_JARR) map__leave(m, item);
        }
        map__leave(m, was);
    }
    return 0;
}

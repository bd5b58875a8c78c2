/* Request JSON to entity trees: the forms of clauses 4.5.1-4.5.5 (normalized, concise, simplified), told apart member
 * by member. */
#include "model/entity_int.h"

#include <stdio.h>

enum { ATTRS_MAX = 10000 };

typedef ent_parser parser;

/* On the path of every member, so without printf. Names are cut at 60 bytes. */
size_t ent_enter(parser *p, jd_str name, int index) {
    size_t was = p->path_n;
    char number[16];
    if (index >= 0) {
        name = (jd_str){number, (size_t)snprintf(number, sizeof number, "[%d]", index)};
    } else if (was && was + 1 < sizeof p->path) {
        p->path[p->path_n++] = '.';
    }
    size_t n = name.n > 60 ? 60 : name.n, room = sizeof p->path - 1 - p->path_n;
    if (n > room) n = room;
    memcpy(p->path + p->path_n, name.p, n);
    p->path_n += n;
    p->path[p->path_n] = 0;
    return was;
}
void ent_leave(parser *p, size_t was) {
    p->path_n = was;
    p->path[was] = 0;
}

/* A refused request must leave nothing behind: an unknown name gets a number for this tree alone, until settle. */
enum { FRESH = 1u << 31 };

static jd_sym fresh_name(parser *p, jd_str iri) {
    uint32_t n = p->fresh.n, no = jd_strmap_add(&p->fresh, iri, n);
    if (no == n) {
        if (n == p->fresh_cap) {
            p->fresh_cap = n ? n * 2 : 16;
            jd_str *more = JD_NEWN(p->in->arena, jd_str, p->fresh_cap);
            if (n) memcpy(more, p->fresh_names, n * sizeof *more);
            p->fresh_names = more;
        }
        p->fresh_names[n] = iri;
    }
    return (jd_sym)FRESH | no;
}

static void settle_syms(const jd_sym *real, jd_sym *s, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (s[i] & (jd_sym)FRESH) s[i] = real[s[i] & ~(jd_sym)FRESH];
}

static void settle_attrs(const jd_sym *real, jd_attr *a, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        settle_syms(real, &a[i].name, 1);
        settle_syms(real, a[i].object_types, a[i].object_types_n);
        settle_attrs(real, a[i].subs, a[i].subs_n);
    }
}

int ent_settle(parser *p, int rc, jd_ent *e, jd_attr *attrs, uint32_t attrs_n) {
    uint32_t n = p->fresh.n;
    if (n && !rc) {
        jd_sym *real = JD_NEWN(p->in->arena, jd_sym, n);
        for (uint32_t i = 0; i < n && !rc; i++) {
            real[i] = jd_sym_intern(p->in->symbols, p->fresh_names[i], p->err);
            if (!real[i]) rc = -1;
        }
        if (!rc && e) settle_syms(real, e->types, e->types_n);
        if (!rc) settle_attrs(real, attrs, attrs_n);
    }
    if (n) jd_strmap_fini(&p->fresh);
    return rc;
}

static jd_sym intern(parser *p, jd_str name) {
    if (!jd_name_valid(name))
        return FAIL(p, "\"%.*s\" is not a valid name", "“%.*s”不是有效的名称", JD_STR_ARG(name)), 0;
    jd_str iri = jd_ctx_expand(p->in->ctx, p->in->arena, name);
    if (!iri.p || (iri.n && iri.p[0] == '@'))
        return FAIL(p, "\"%.*s\" cannot be used as a name: the @context makes it %s",
                    "“%.*s”不能用作名称：@context 将其映射为 %s", JD_STR_ARG(name), iri.p ? "a keyword" : "null"),
               0;
    jd_sym s = jd_sym_find(p->in->symbols, iri);
    return s ? s : fresh_name(p, iri);
}

/* Members of Property values are names too (JSON-LD); id, type and keywords stay as written. */
static jd_jval expand_value(parser *p, const jd_jval *v, int vocab) {
    jd_jval out = *v;
    jd_arena *a = p->in->arena;
    if (v->type == JD_JARR) {
        out.items = JD_NEWN(a, jd_jval, v->n);
        for (uint32_t i = 0; i < v->n; i++) out.items[i] = expand_value(p, &v->items[i], vocab);
    } else if (v->type == JD_JOBJ) {
        out.members = JD_NEWN(a, jd_jmember, v->n);
        for (uint32_t i = 0; i < v->n; i++) {
            jd_str name = v->members[i].name;
            out.members[i].val = expand_value(p, &v->members[i].val, vocab);
            if (name.n && name.p[0] != '@' && !jd_str_is(name, "id") && !jd_str_is(name, "type")) {
                jd_str iri = jd_ctx_expand(p->in->ctx, a, name);
                if (iri.p && iri.n && iri.p[0] != '@') name = iri;
            }
            out.members[i].name = name;
        }
    } else if (vocab && v->type == JD_JSTR && !jd_jis(v, NGSI_NULL)) {
        jd_str iri = jd_ctx_expand(p->in->ctx, a, jd_jstr(v));
        if (iri.p) out = jd_jmake_str(iri);
    }
    return out;
}

/* The NGSI-LD null anywhere inside, or a JSON null in an array or as a member (JSON-LD drops those, so they could not
 * come back). */
static int has_null(const jd_jval *v) {
    if (v->type == JD_JNULL || jd_jis(v, NGSI_NULL)) return 1;
    if (v->type == JD_JARR)
        for (uint32_t i = 0; i < v->n; i++)
            if (has_null(&v->items[i])) return 1;
    if (v->type == JD_JOBJ)
        for (uint32_t i = 0; i < v->n; i++)
            if (has_null(&v->members[i].val)) return 1;
    return 0;
}

static int deletes(const parser *p) {
    return !p->evolution && (p->shape == JD_IN_MERGE || p->shape == JD_IN_UPDATE);
}

static int is_geometry(const jd_jval *v) {
    static const char *const kinds[] = {"Point",           "MultiPoint", "LineString",
                                        "MultiLineString", "Polygon",    "MultiPolygon"};
    const jd_jval *t = jd_jget(v, "type");
    if (!t || t->type != JD_JSTR) return 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (jd_jis(t, kinds[i])) return jd_jget(v, "coordinates") != NULL;
    return 0;
}

int ent_time(parser *p, const jd_jval *v, jd_time *t, int *digits, const char *what) {
    if (v->type != JD_JSTR || jd_time_parse(jd_jstr(v), t, digits))
        return FAIL(p, "%s must be a DateTime in UTC, as 2026-01-31T08:00:00Z",
                    "%s 必须是 UTC 的 DateTime，如 2026-01-31T08:00:00Z", what);
    if (*digits > 6) *digits = 6;
    return 0;
}

/* Puts the path before the place that a check inside the value gave. */
static int within(parser *p) {
    if (!p->err) return -1;
    char inner[sizeof p->err->place];
    memcpy(inner, p->err->place, sizeof inner);
    p->err->place[0] = 0;
    return jd_fail_at(p->err, "%s%s%s", p->path, *inner ? "." : "", inner);
}

/* The value of one attribute, by its kind. */
int ent_value(parser *p, jd_attr *a, const jd_jval *v) {
    a->has_value = 1;
    if (v->type == JD_JNULL)
        return FAIL(p, "null is not allowed as a value; use \"" NGSI_NULL "\" to delete",
                    "值不能为 null；如需删除请用“" NGSI_NULL "”");
    const jd_jval *none =
        a->kind == JD_LANGUAGEPROPERTY && v->type == JD_JOBJ && v->n == 1 ? jd_jget(v, "@none") : NULL;
    if ((deletes(p) || p->evolution) && (jd_jis(v, NGSI_NULL) || (none && jd_jis(none, NGSI_NULL)))) {
        a->null_value = deletes(p) != 0;
        a->value = *v;
        return 0;
    }
    if (a->kind != JD_JSONPROPERTY && !(p->shape == JD_IN_MERGE && !p->one_attr) && has_null(v))
        return FAIL(p, "null and \"" NGSI_NULL "\" are not allowed inside a value",
                    "值中不能有 null 或“" NGSI_NULL "”");
    a->value = *v;
    jd_jval parsed;
    const jd_jlimits shallow = {.depth_max = 8};
    if (a->kind == JD_GEOPROPERTY && v->type == JD_JSTR) { /* 4.7.1: the geometry may come as its JSON text */
        if (jd_json_parse(p->in->arena, jd_jstr(v), &shallow, &parsed, NULL) == 0) a->value = parsed;
    } else if (a->kind == JD_LISTRELATIONSHIP && v->type == JD_JARR) { /* kept as plain URIs */
        a->value.items = JD_NEWN(p->in->arena, jd_jval, v->n);
        for (uint32_t i = 0; i < v->n; i++) {
            const jd_jval *o = v->items[i].type == JD_JOBJ ? jd_jget(&v->items[i], "object") : &v->items[i];
            if (!o) return FAIL(p, "objectList[%u] has no object", "objectList[%u] 没有 object", i);
            a->value.items[i] = *o;
        }
    }
    if (jd_value_fits(a->kind, &a->value, p->in->arena, p->err)) return within(p);
    if (a->kind == JD_PROPERTY || a->kind == JD_LISTPROPERTY) a->value = expand_value(p, v, 0);
    if (a->kind == JD_VOCABPROPERTY) a->value = expand_value(p, v, 1);
    return 0;
}

jd_kind ent_kind(const jd_jval *t) {
    for (jd_kind k = JD_PROPERTY; k <= JD_LISTRELATIONSHIP; k++)
        if (jd_jis(t, jd_kind_name(k))) return k;
    return 0;
}

/* The kind that the members tell when no type does (concise, clause 4.5.2). */
static jd_kind kind_by_member(const jd_jval *v) {
    const jd_jval *value = jd_jget(v, "value");
    if (value) return is_geometry(value) ? JD_GEOPROPERTY : JD_PROPERTY;
    for (jd_kind k = JD_RELATIONSHIP; k <= JD_LISTRELATIONSHIP; k++)
        if (k != JD_GEOPROPERTY && jd_jget(v, jd_kind_member(k))) return k;
    return 0;
}

static int parse_instances(parser *p, jd_sym name, const jd_jval *v, int partial, jd_attr **out, uint32_t *n);

int ent_dataset(parser *p, const jd_jval *v, jd_attr *a) {
    if (jd_jis(v, "@none")) return 0;
    if (v->type != JD_JSTR || !jd_uri_valid(jd_jstr(v)) || jd_jis(v, NGSI_NULL))
        return FAIL(p, "datasetId must be a URI", "datasetId 必须是 URI");
    a->dataset = jd_jstr(v);
    return 0;
}

static int types_of(parser *p, const jd_jval *v, jd_sym **out, uint32_t *n, const char *what) {
    const jd_jval *items = v->type == JD_JARR ? v->items : v;
    uint32_t count = v->type == JD_JARR ? v->n : 1;
    if (!count || (v->type != JD_JARR && v->type != JD_JSTR))
        return FAIL(p, "%s must be a name or an array of names", "%s 必须是名称或名称数组", what);
    if (count > JD_TYPES_MAX) return FAIL(p, "at most %d types", "类型最多 %d 个", (int)JD_TYPES_MAX);
    jd_sym *s = JD_NEWN(p->in->arena, jd_sym, count);
    uint32_t k = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (items[i].type != JD_JSTR || !items[i].n)
            return FAIL(p, "%s must be a name or an array of names", "%s 必须是名称或名称数组", what);
        jd_sym one = intern(p, jd_jstr(&items[i]));
        if (!one) return -1;
        uint32_t j = 0;
        while (j < k && s[j] != one) j++;
        if (j == k) s[k++] = one;
    }
    *out = s;
    *n = k;
    return 0;
}

static int is_null(parser *p, const jd_jval *v) {
    return deletes(p) && jd_jis(v, NGSI_NULL);
}

/* Members that belong to some kinds alone (clauses 4.5.2-4.5.24, table by table). */
static int foreign_member(const jd_attr *a, jd_str name) {
    static const struct {
        jd_str name;
        unsigned kinds;
    } table[] = {
#define NAME(z) {z, sizeof(z) - 1}
        {NAME("value"), 1u << JD_PROPERTY | 1u << JD_GEOPROPERTY},
        {NAME("object"), 1u << JD_RELATIONSHIP},
        {NAME("languageMap"), 1u << JD_LANGUAGEPROPERTY},
        {NAME("vocab"), 1u << JD_VOCABPROPERTY},
        {NAME("json"), 1u << JD_JSONPROPERTY},
        {NAME("valueList"), 1u << JD_LISTPROPERTY},
        {NAME("objectList"), 1u << JD_LISTRELATIONSHIP},
        {NAME("unitCode"), 1u << JD_PROPERTY | 1u << JD_LISTPROPERTY},
        {NAME("objectType"), 1u << JD_RELATIONSHIP | 1u << JD_LISTRELATIONSHIP},
        {NAME("previousValue"), 0},
        {NAME("previousObject"), 0},
        {NAME("previousLanguageMap"), 0},
        {NAME("previousVocab"), 0},
        {NAME("previousJson"), 0},
        {NAME("previousValueList"), 0},
        {NAME("previousObjectList"), 0},
        {NAME("@context"), 0},
#undef NAME
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (jd_str_eq(name, table[i].name)) return a->kind ? !(table[i].kinds & 1u << a->kind) : !table[i].kinds;
    if (jd_str_is(name, "entityIdSealed") || jd_str_is(name, "entityTypeSealed")) return a->name != JD_SYM_NGSILDPROOF;
    return 0;
}

/* The sealed members of an ngsildproof (4.5.2.2) are bare strings; they are kept as sub-attributes. */
static int take_sealed(parser *p, jd_str name, const jd_jval *v, jd_attr *a) {
    int type = jd_str_is(name, "entityTypeSealed");
    if (v->type != JD_JSTR) return FAIL(p, "%.*s must be a string", "%.*s 必须是字符串", JD_STR_ARG(name));
    *a = (jd_attr){.name = type ? JD_SYM_ENTITY_TYPE_SEALED : JD_SYM_ENTITY_ID_SEALED,
                   .kind = type ? JD_VOCABPROPERTY : JD_PROPERTY,
                   .has_value = 1,
                   .observed = JD_TIME_NONE,
                   .expires = JD_TIME_NONE,
                   .created = JD_TIME_NONE,
                   .modified = JD_TIME_NONE};
    a->value = type ? expand_value(p, v, 1) : *v;
    return 0;
}

/* Room for n more sub-attributes behind subs_n; most attributes have none. */
static jd_attr *sub_room(parser *p, jd_attr *a, uint32_t *cap, uint32_t n) {
    if (a->subs_n + n > *cap) {
        *cap = a->subs_n ? (a->subs_n + n) * 2 : n;
        jd_attr *more = JD_NEWN(p->in->arena, jd_attr, *cap);
        if (a->subs_n) memcpy(more, a->subs, a->subs_n * sizeof *more);
        a->subs = more;
    }
    return a->subs + a->subs_n;
}

/* The members beside the value: metadata and sub-attributes. */
static int take_members(parser *p, jd_attr *a, const jd_jval *v, int partial) {
    const char *member = a->kind ? jd_kind_member(a->kind) : NULL;
    uint32_t cap = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        jd_str name = v->members[i].name;
        const jd_jval *m = &v->members[i].val;
        size_t was = ent_enter(p, name, -1);
        if (member && jd_str_is(name, member)) {
            if (ent_value(p, a, m)) return -1;
        } else if (foreign_member(a, name)) {
            return FAIL(p, "%.*s does not belong to a %s", "%.*s 不是 %s 的成员", JD_STR_ARG(name),
                        a->kind ? jd_kind_name(a->kind) : "attribute");
        } else if (jd_str_is(name, "type") || jd_str_is(name, "@type") || jd_str_is(name, "createdAt") ||
                   jd_str_is(name, "modifiedAt") || jd_str_is(name, "deletedAt") || jd_str_is(name, "instanceId") ||
                   jd_str_is(name, "entity") || jd_str_is(name, "entityList")) {
            /* generated by brokers; not for askers to set */
        } else if (a->name == JD_SYM_NGSILDPROOF &&
                   (jd_str_is(name, "entityIdSealed") || jd_str_is(name, "entityTypeSealed"))) {
            if (take_sealed(p, name, m, sub_room(p, a, &cap, 1))) return -1;
            a->subs_n++;
        } else if (jd_str_is(name, "observedAt")) {
            if (is_null(p, m))
                a->clear |= JD_CLEAR_OBSERVED;
            else if (ent_time(p, m, &a->observed, &a->observed_digits, "observedAt"))
                return -1;
        } else if (jd_str_is(name, "expiresAt")) {
            if (is_null(p, m))
                a->clear |= JD_CLEAR_EXPIRES;
            else if (ent_time(p, m, &a->expires, &a->expires_digits, "expiresAt"))
                return -1;
        } else if (jd_str_is(name, "unitCode")) {
            if (is_null(p, m))
                a->clear |= JD_CLEAR_UNIT;
            else if (m->type != JD_JSTR || !m->n)
                return FAIL(p, "unitCode must be a string", "unitCode 必须是字符串");
            else
                a->unit = jd_jstr(m);
        } else if (jd_str_is(name, "valueType")) {
            if (is_null(p, m))
                a->clear |= JD_CLEAR_VALUETYPE;
            else if (m->type != JD_JSTR || !m->n)
                return FAIL(p, "valueType must be a string", "valueType 必须是字符串");
            else if (a->kind == JD_LANGUAGEPROPERTY && !jd_jis(m, "langString") && !jd_jis(m, "rdf:langString"))
                return FAIL(p, "the valueType of a LanguageProperty can only be langString",
                            "LanguageProperty 的 valueType 只能是 langString");
            else
                a->value_type = jd_jstr(m);
        } else if (jd_str_is(name, "datasetId")) {
            if (ent_dataset(p, m, a)) return -1;
        } else if (jd_str_is(name, "objectType")) {
            if (is_null(p, m))
                a->clear |= JD_CLEAR_OBJECTTYPE;
            else if (types_of(p, m, &a->object_types, &a->object_types_n, "objectType"))
                return -1;
        } else if (!a->kind && (jd_str_is(name, "value") || jd_str_is(name, "object"))) {
            return FAIL(p, "a value without a kind", "有值但无法判定属性类别");
        } else {
            jd_sym sym = intern(p, name);
            if (!sym) return -1;
            jd_attr *inst;
            uint32_t n = 1;
            if (m->type != JD_JARR) {
                if (ent_one(p, sym, m, partial, sub_room(p, a, &cap, 1))) return -1;
            } else {
                if (parse_instances(p, sym, m, partial, &inst, &n)) return -1;
                memcpy(sub_room(p, a, &cap, n), inst, n * sizeof *inst);
            }
            a->subs_n += n;
        }
        ent_leave(p, was);
    }
    return 0;
}

/* What location, observationSpace and operationSpace may be (4.7.1). */
static int geo_or_null(const parser *p, const jd_jval *v) {
    const jd_jval *t = jd_jget(v, "type"), *value = jd_jget(v, "value");
    if (deletes(p) && (jd_jis(v, NGSI_NULL) || (value && jd_jis(value, NGSI_NULL)))) return 1;
    if (t && jd_jis(t, "GeoProperty")) return 1;
    if (is_geometry(v)) return 1;
    return v->type == JD_JOBJ && !t && (value ? is_geometry(value) : p->shape == JD_IN_MERGE);
}

int ent_geo_only(jd_sym name) {
    return name == JD_SYM_LOCATION || name == JD_SYM_OBSERVATION_SPACE || name == JD_SYM_OPERATION_SPACE;
}

int ent_not_geo(parser *p) {
    return FAIL(p, "this attribute can only be a GeoProperty", "该属性只能是 GeoProperty");
}

static uint32_t most(const parser *p) {
    return p->in->attrs_max ? p->in->attrs_max : ATTRS_MAX;
}

uint32_t ent_left(const parser *p) {
    return most(p) - p->attrs;
}

int ent_count(parser *p, uint32_t n) {
    if (n > ent_left(p))
        return FAIL(p, "an entity may have at most %u attribute instances (setting attrs_max)",
                    "一个实体最多 %u 个属性实例（设置项 attrs_max）", most(p));
    p->attrs += n;
    return 0;
}

int ent_one(parser *p, jd_sym name, const jd_jval *v, int partial, jd_attr *a) {
    *a = (jd_attr){.name = name,
                   .observed = JD_TIME_NONE,
                   .expires = JD_TIME_NONE,
                   .created = JD_TIME_NONE,
                   .modified = JD_TIME_NONE};
    if (ent_count(p, 1)) return -1;
    if (ent_geo_only(name) && !geo_or_null(p, v)) return ent_not_geo(p);
    if (v->type != JD_JOBJ) {
        a->kind = JD_PROPERTY;
        return ent_value(p, a, v);
    }
    const jd_jval *type = jd_jget(v, "type");
    if (!type) type = jd_jget(v, "@type");
    if (is_geometry(v) && !jd_jget(v, "value")) {
        a->kind = JD_GEOPROPERTY;
        return ent_value(p, a, v);
    }
    if (type) {
        a->kind = ent_kind(type);
        if (!a->kind) {
            jd_str t = type->type == JD_JSTR ? jd_jstr(type) : JD_STR("?");
            return FAIL(p,
                        "attribute type \"%.*s\" is none of Property, GeoProperty, Relationship, LanguageProperty, "
                        "VocabProperty, JsonProperty, ListProperty, "
                        "ListRelationship",
                        "属性类型“%.*s”不是 "
                        "Property、GeoProperty、Relationship、LanguageProperty、VocabProperty、JsonProperty、ListProper"
                        "ty、ListRelationship 之一",
                        (int)(t.n > 60 ? 60 : t.n), t.p);
        }
    } else {
        a->kind = kind_by_member(v);
    }
    if (!a->kind && !partial) {
        /* concise: an object without type, value or metadata is itself the value */
        static const char *const meta[] = {"observedAt", "unitCode",  "datasetId", "createdAt",
                                           "modifiedAt", "expiresAt", "objectType"};
        for (size_t i = 0; i < sizeof meta / sizeof *meta; i++)
            if (jd_jget(v, meta[i]))
                return FAIL(p, "the attribute has %s but no value", "该属性有 %s 却没有值", meta[i]);
        for (uint32_t i = 0; i < v->n; i++) {
            const jd_jval *t = jd_jget(&v->members[i].val, "type");
            if (t && ent_kind(t))
                return FAIL(p, "the attribute has sub-attributes but no value", "该属性有子属性却没有值");
        }
        a->kind = JD_PROPERTY;
        return ent_value(p, a, v);
    }
    if (take_members(p, a, v, partial)) return -1;
    if (a->name == JD_SYM_NGSILDPROOF && a->has_value && a->value.type != JD_JOBJ)
        return FAIL(p, "the value of ngsildproof must be an object", "ngsildproof 的值必须是对象");
    if (a->kind && !a->has_value && !partial)
        return FAIL(p, "a %s must have the member \"%s\"", "%s 必须有成员“%s”", jd_kind_name(a->kind),
                    jd_kind_member(a->kind));
    return 0;
}

int ent_is_instance(const jd_jval *v) {
    if (v->type != JD_JOBJ) return 0;
    const jd_jval *t = jd_jget(v, "type");
    return (t && ent_kind(t)) || kind_by_member(v) || jd_jget(v, "datasetId");
}

/* Is the datasetId among those of the k instances (the default one is the first)? names: those behind the FEW first. */
static int same_dataset(const jd_attr *list, uint32_t k, jd_str dataset, jd_strmap *names) {
    enum { FEW = 16 };
    if (!dataset.p) return k && !list->dataset.p;
    for (uint32_t i = 0; i < k && i <= FEW; i++) /* one may have moved behind the default one since */
        if (list[i].dataset.p && jd_str_eq(list[i].dataset, dataset)) return 1;
    return k >= FEW && jd_strmap_add(names, dataset, k) != k;
}

static int parse_instances(parser *p, jd_sym name, const jd_jval *v, int partial, jd_attr **out, uint32_t *n) {
    int several = v->type == JD_JARR && v->n > 0;
    for (uint32_t i = 0; several && i < v->n; i++) several = ent_is_instance(&v->items[i]);
    if (!several) {
        *out = JD_NEW(p->in->arena, jd_attr);
        *n = 1;
        return ent_one(p, name, v, partial, *out);
    }
    jd_attr *list = JD_NEWN(p->in->arena, jd_attr, v->n);
    jd_strmap names = {0};
    int rc = 0;
    uint32_t k = 0;
    for (uint32_t i = 0; i < v->n && !rc; i++) {
        size_t was = ent_enter(p, JD_STR(""), (int)i);
        jd_attr one;
        if ((rc = ent_one(p, name, &v->items[i], partial, &one))) break;
        if (same_dataset(list, k, one.dataset, &names)) {
            rc = FAIL(p, "two instances have the same datasetId", "两个实例的 datasetId 相同");
            break;
        }
        /* the default instance stands first */
        uint32_t at = one.dataset.p ? k : 0;
        memmove(list + at + 1, list + at, (k - at) * sizeof *list);
        list[at] = one;
        k++;
        ent_leave(p, was);
    }
    jd_strmap_fini(&names);
    *out = list;
    *n = k;
    return rc;
}

static int parse_bare(parser *p, jd_sym name, const jd_jval *v, jd_attr **out, uint32_t *n) {
    jd_attr *a = *out = JD_NEW(p->in->arena, jd_attr);
    *n = 1;
    *a = (jd_attr){.name = name,
                   .observed = JD_TIME_NONE,
                   .expires = JD_TIME_NONE,
                   .created = JD_TIME_NONE,
                   .modified = JD_TIME_NONE,
                   .has_value = 1,
                   .bare = v};
    if (v->type == JD_JNULL) return FAIL(p, "null is not allowed as a value", "值不能为 null");
    if (jd_jis(v, NGSI_NULL)) a->null_value = 1;
    a->kind = is_geometry(v) ? JD_GEOPROPERTY : JD_PROPERTY; /* when the entity has no such attribute yet */
    a->value = a->kind == JD_GEOPROPERTY ? *v : expand_value(p, v, 0);
    a->vocab = expand_value(p, v, 1);
    return a->kind == JD_GEOPROPERTY && jd_value_fits(a->kind, v, p->in->arena, p->err) ? within(p) : 0;
}

/* Levels of a scope begin with a letter and go on with letters, digits and '_' (4.18); any language's letters. */
static int scope_valid(jd_str s) {
    size_t i = s.n && s.p[0] == '/';
    if (i >= s.n) return 0;
    for (int first = 1; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        int letter = ((c | 32) >= 'a' && (c | 32) <= 'z') || c >= 0x80;
        if (c == '/' && !first && i + 1 < s.n) {
            first = 1;
            continue;
        }
        if (!letter && (first || !((c >= '0' && c <= '9') || c == '_'))) return 0;
        first = 0;
    }
    return 1;
}

int ent_scopes(parser *p, const jd_jval *v, jd_str **out, uint32_t *n_out) {
    const jd_jval *items = v->type == JD_JARR ? v->items : v;
    uint32_t n = v->type == JD_JARR ? v->n : 1;
    if (!n) return FAIL(p, "scope must not be empty", "scope 不能为空");
    if (n > JD_SCOPES_MAX) return FAIL(p, "at most %d scopes", "scope 最多 %d 个", (int)JD_SCOPES_MAX);
    jd_str *scopes = JD_NEWN(p->in->arena, jd_str, n);
    for (uint32_t i = 0; i < n; i++) {
        scopes[i] = items[i].type == JD_JSTR ? jd_jstr(&items[i]) : (jd_str){NULL, 0};
        if (!scope_valid(scopes[i]))
            return FAIL(p, "scope must be a path such as /Zhenjiang/Jingkou, or an array of paths",
                        "scope 必须是形如 /Zhenjiang/Jingkou 的路径或路径数组");
    }
    *out = scopes;
    *n_out = n;
    return 0;
}

static int take_scope(parser *p, const jd_jval *v, jd_ent *e) {
    e->has_scopes = 1;
    return is_null(p, v) ? 0 : ent_scopes(p, v, &e->scopes, &e->scopes_n);
}

jd_attr *ent_room(parser *p, jd_ent *e, uint32_t n) {
    if (e->attrs_n + n > p->room) {
        p->room = e->attrs_n ? (e->attrs_n + n) * 2 : n;
        jd_attr *more = jd_arena_alloc(p->in->arena, p->room * sizeof *more);
        if (e->attrs_n) memcpy(more, e->attrs, e->attrs_n * sizeof *more);
        e->attrs = more;
    }
    return e->attrs + e->attrs_n;
}

/* The names that were met, as a table of `cap` (a power of two) places with room to spare. */
typedef struct met {
    jd_sym *syms;
    uint32_t cap;
} met;

static int met_before(met *m, jd_sym s) {
    uint32_t i = s * 2654435761u;
    for (i = (i ^ i >> 15) & (m->cap - 1); m->syms[i]; i = (i + 1) & (m->cap - 1))
        if (m->syms[i] == s) return 1;
    m->syms[i] = s;
    return 0;
}

int ent_entity(parser *p, const jd_jval *v, jd_str expect_id, jd_ent *out) {
    const jd_parse *in = p->in;
    jd_input shape = p->shape;
    if (v->type != JD_JOBJ) return FAIL(p, "an entity must be a JSON object", "实体必须是 JSON 对象");
    *out = (jd_ent){.created = JD_TIME_NONE, .modified = JD_TIME_NONE, .expires = JD_TIME_NONE};
    const jd_jval *id = jd_jget(v, "id"), *type = jd_jget(v, "type");
    if (!id) id = jd_jget(v, "@id");
    if (!type) type = jd_jget(v, "@type");
    if (!id && shape == JD_IN_ENTITY) return FAIL(p, "the entity has no id", "实体没有 id");
    if (id) {
        size_t was = ent_enter(p, JD_STR("id"), -1);
        if (id->type != JD_JSTR || !jd_uri_valid(jd_jstr(id)) || jd_jis(id, NGSI_NULL))
            return FAIL(p, "id must be a URI", "id 必须是 URI");
        out->id = jd_jstr(id);
        if (expect_id.p && !jd_str_eq(expect_id, out->id))
            return FAIL(p, "id differs from the one in the URL", "id 与地址中的不一致");
        ent_leave(p, was);
    } else {
        out->id = expect_id;
    }
    if (!type && shape == JD_IN_ENTITY) return FAIL(p, "the entity has no type", "实体没有 type");
    if (type) {
        size_t was = ent_enter(p, JD_STR("type"), -1);
        if (types_of(p, type, &out->types, &out->types_n, "type")) return -1;
        ent_leave(p, was);
    }
    met names = {.cap = 16};
    while (names.cap < v->n * 2u) names.cap *= 2;
    names.syms = JD_NEWN(in->arena, jd_sym, names.cap);
    ent_room(p, out, v->n < 64 ? v->n + 1 : 64);
    for (uint32_t i = 0; i < v->n; i++) {
        jd_str name = v->members[i].name;
        const jd_jval *m = &v->members[i].val;
        if (jd_str_is(name, "id") || jd_str_is(name, "type") || jd_str_is(name, "@id") || jd_str_is(name, "@type") ||
            jd_str_is(name, "@context") || jd_str_is(name, "createdAt") || jd_str_is(name, "modifiedAt") ||
            jd_str_is(name, "deletedAt"))
            continue;
        size_t was = ent_enter(p, name, -1);
        int scope = jd_str_is(name, "scope");
        if (scope && !p->evolution) {
            if (take_scope(p, m, out)) return -1;
        } else if (jd_str_is(name, "expiresAt")) {
            out->has_expires = 1;
            if (!is_null(p, m) && ent_time(p, m, &out->expires, &out->expires_digits, "expiresAt")) return -1;
        } else {
            static const char *const reserved[] = {"datasetId", "instanceId", "observedAt"};
            for (size_t k = 0; k < sizeof reserved / sizeof *reserved; k++)
                if (jd_str_is(name, reserved[k]))
                    return FAIL(p, "%s cannot be the name of an attribute", "%s 不能用作属性名", reserved[k]);
            jd_sym sym = scope ? (jd_sym)JD_SYM_SCOPE : intern(p, name);
            if (!sym) return -1;
            jd_attr *inst;
            uint32_t n;
            if (p->evolution     ? p->evolution(p, sym, m, out)
                : in->simplified ? parse_bare(p, sym, m, &inst, &n)
                                 : parse_instances(p, sym, m, shape == JD_IN_MERGE, &inst, &n))
                return -1;
            if (met_before(&names, sym))
                return FAIL(p, "two members mean the same attribute", "两个成员指的是同一属性");
            if (!p->evolution) {
                memcpy(ent_room(p, out, n), inst, n * sizeof *inst);
                out->attrs_n += n;
            }
        }
        ent_leave(p, was);
    }
    return 0;
}

int jd_ent_parse(const jd_parse *in, const jd_jval *v, jd_input shape, jd_str expect_id, jd_ent *out, jd_err *err) {
    parser p = {.in = in, .err = err, .shape = shape};
    int rc = ent_entity(&p, v, expect_id, out);
    return ent_settle(&p, rc, out, out->attrs, rc ? 0 : out->attrs_n);
}

int jd_attr_parse(const jd_parse *in, jd_sym name, const jd_jval *v, int partial, jd_attr **out, uint32_t *n,
                  jd_err *err) {
    parser p = {.in = in, .err = err, .shape = partial ? JD_IN_MERGE : JD_IN_FRAGMENT, .one_attr = 1};
    int rc = in->simplified ? parse_bare(&p, name, v, out, n) : parse_instances(&p, name, v, partial, out, n);
    return ent_settle(&p, rc, NULL, rc ? NULL : *out, rc ? 0 : *n);
}

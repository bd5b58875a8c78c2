/* What types and attributes there are: clauses 5.7.5-5.7.10, resources 6.25-6.28. Ids are whole IRIs, names are
 * compacted. */
#include "http/api_int.h"

#include <stdlib.h>

static jd_str name_of(const api_ask *k, jd_sym s) {
    return jd_ctx_compact(k->ctx, s);
}

static jd_str iri_of(const api_ask *k, jd_sym s) {
    return jd_sym_name(jd_engine_symbols(k->app->engine), s);
}

static void names(api_ask *k, jd_buf *b, const char *member, const jd_sym *list, size_t n) {
    jd_buf_c(b, ',');
    jd_json_write_key(b, jd_str_of(member));
    jd_buf_c(b, '[');
    for (size_t i = 0; i < n; i++) {
        if (i) jd_buf_c(b, ',');
        jd_json_write_str(b, name_of(k, list[i]));
    }
    jd_buf_c(b, ']');
}

static void kinds(jd_buf *b, uint32_t set) {
    jd_buf_z(b, ",\"attributeTypes\":[");
    int first = 1;
    for (jd_kind kind = JD_PROPERTY; kind <= JD_LISTRELATIONSHIP; kind++) {
        if (!(set & 1u << kind)) continue;
        if (!first) jd_buf_c(b, ',');
        first = 0;
        jd_json_write_str(b, jd_str_of(jd_kind_name(kind)));
    }
    jd_buf_c(b, ']');
}

/* {"id":IRI,"type":kind,"<name>":short */
static void head(api_ask *k, jd_buf *b, jd_sym s, const char *kind, const char *name_member) {
    jd_buf_c(b, '{');
    api_str(b, "id", iri_of(k, s));
    jd_buf_c(b, ',');
    api_str(b, "type", jd_str_of(kind));
    jd_buf_c(b, ',');
    api_str(b, name_member, name_of(k, s));
}

static void tail(api_ask *k, jd_buf *b) {
    api_context_member(k, b);
    jd_buf_c(b, '}');
}

static void list_head(jd_buf *b, const char *kind, const char *id) {
    jd_buf_printf(b, "{\"id\":\"urn:ngsi-ld:%s:%s\",\"type\":\"%s\"", kind, id, kind);
}

/* What all four handlers begin with; *details may be NULL. */
static api_ask *begin(jd_req *r, int *details, jd_turn *turn) {
    api_ask *k = api_begin(r, API_READ, turn);
    if (!k) return NULL;
    if ((details && api_bool(k, "details", details)) || api_view_begin(k)) {
        *turn = api_fail(k);
        return NULL;
    }
    return k;
}

static jd_sym *attrs_of_type(api_ask *k, jd_sym type, size_t *n) {
    jd_attrinfo *list;
    *n = jd_view_attrs(&k->view, type, k->a, &list);
    jd_sym *out = JD_NEWN(k->a, jd_sym, *n + 1);
    for (size_t i = 0; i < *n; i++) out[i] = list[i].attr;
    return out;
}

jd_turn api_types_list(jd_req *r) {
    jd_turn turn;
    int details;
    api_ask *k = begin(r, &details, &turn);
    if (!k) return turn;
    jd_typeinfo *types;
    jd_buf *b = &r->out;
    size_t n = jd_view_types(&k->view, k->a, &types);
    if (!details) {
        jd_sym *list = JD_NEWN(k->a, jd_sym, n + 1);
        for (size_t i = 0; i < n; i++) list[i] = types[i].type;
        list_head(b, "EntityTypeList", "all");
        names(k, b, "typeList", list, n);
        tail(k, b);
        return api_answer(k, 200);
    }
    jd_buf_c(b, '[');
    for (size_t i = 0; i < n; i++) {
        size_t attrs_n;
        jd_sym *attrs = attrs_of_type(k, types[i].type, &attrs_n);
        if (i) jd_buf_c(b, ',');
        head(k, b, types[i].type, "EntityType", "typeName");
        names(k, b, "attributeNames", attrs, attrs_n);
        tail(k, b);
    }
    jd_buf_c(b, ']');
    return api_answer(k, 200);
}

static int no_such(api_ask *k, const char *en, const char *zh) {
    jd_str name = k->r->parts[0];
    return jd_fail(&k->err, JD_E_NOT_FOUND, "no entity has %s%.0s %.*s", "没有实体具有%.0s%s %.*s", en, zh,
                   (int)(name.n > 150 ? 150 : name.n), name.p);
}

jd_turn api_type_get(jd_req *r) {
    jd_turn turn;
    api_ask *k = begin(r, NULL, &turn);
    if (!k) return turn;
    jd_sym type;
    jd_typeinfo *types;
    if (api_known_name(k, r->parts[0], &type)) return api_fail(k);
    size_t n = type ? jd_view_types(&k->view, k->a, &types) : 0, at = 0;
    while (at < n && types[at].type != type) at++;
    if (at == n) return no_such(k, "type", "类型"), api_fail(k);
    jd_attrinfo *attrs;
    size_t attrs_n = jd_view_attrs(&k->view, type, k->a, &attrs);
    jd_buf *b = &r->out;
    head(k, b, type, "EntityTypeInfo", "typeName");
    jd_buf_printf(b, ",\"entityCount\":%llu,\"attributeDetails\":[", (unsigned long long)types[at].entities);
    for (size_t i = 0; i < attrs_n; i++) {
        if (i) jd_buf_c(b, ',');
        head(k, b, attrs[i].attr, "Attribute", "attributeName");
        kinds(b, attrs[i].kinds);
        jd_buf_c(b, '}');
    }
    jd_buf_c(b, ']');
    tail(k, b);
    return api_answer(k, 200);
}

jd_turn api_attributes_list(jd_req *r) {
    jd_turn turn;
    int details;
    api_ask *k = begin(r, &details, &turn);
    if (!k) return turn;
    jd_attrinfo *attrs;
    jd_buf *b = &r->out;
    size_t n = jd_view_attrs(&k->view, 0, k->a, &attrs);
    if (!details) {
        jd_sym *list = JD_NEWN(k->a, jd_sym, n + 1);
        for (size_t i = 0; i < n; i++) list[i] = attrs[i].attr;
        list_head(b, "AttributeList", "all");
        names(k, b, "attributeList", list, n);
        tail(k, b);
        return api_answer(k, 200);
    }
    jd_buf_c(b, '[');
    for (size_t i = 0; i < n; i++) {
        if (i) jd_buf_c(b, ',');
        head(k, b, attrs[i].attr, "Attribute", "attributeName");
        names(k, b, "typeNames", attrs[i].types, attrs[i].types_n);
        tail(k, b);
    }
    jd_buf_c(b, ']');
    return api_answer(k, 200);
}

/* Members of every entity are no attributes, whatever they are called. */
static int is_member(jd_str name) {
    static const char *const members[] = {"id", "type", "scope", "createdAt", "modifiedAt", "deletedAt", "expiresAt"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (jd_str_is(name, members[i])) return 1;
    return 0;
}

jd_turn api_attribute_get(jd_req *r) {
    jd_turn turn;
    api_ask *k = begin(r, NULL, &turn);
    if (!k) return turn;
    jd_sym attr = 0;
    jd_attrinfo *attrs;
    if (!is_member(r->parts[0]) && api_known_name(k, r->parts[0], &attr)) return api_fail(k);
    size_t n = attr ? jd_view_attrs(&k->view, 0, k->a, &attrs) : 0, at = 0;
    while (at < n && attrs[at].attr != attr) at++;
    if (at == n) return no_such(k, "attribute", "属性"), api_fail(k);
    jd_buf *b = &r->out;
    head(k, b, attr, "Attribute", "attributeName");
    jd_buf_printf(b, ",\"attributeCount\":%llu", (unsigned long long)attrs[at].instances);
    kinds(b, attrs[at].kinds);
    names(k, b, "typeNames", attrs[at].types, attrs[at].types_n);
    tail(k, b);
    return api_answer(k, 200);
}

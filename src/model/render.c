/* A document as JSON, straight from its bytes. */
#include "model/render_int.h"

#include "model/doc_int.h"

typedef rend_writer writer;

static void entity(writer *w, const jd_doc *d, int with_context);

void rend_name(writer *w, jd_sym s) {
    jd_json_write_str(w->b, jd_ctx_compact(w->r->ctx, s));
}

void rend_key(writer *w, const char *z) { /* of a member known to need no escaping */
    jd_buf_c(w->b, ',');
    jd_buf_c(w->b, '"');
    jd_buf_z(w->b, z);
    jd_buf_add(w->b, "\":", 2);
}

static void open_with(jd_buf *b, const char *before, const char *member) {
    jd_buf_z(b, before);
    jd_buf_z(b, member);
    jd_buf_add(b, "\":", 2);
}

void rend_time(jd_buf *b, jd_time t, int digits) {
    char text[JD_TIME_TEXT_MAX];
    jd_buf_c(b, '"');
    jd_buf_add(b, text, jd_time_print(t, digits, text));
    jd_buf_c(b, '"');
}

/* ---- values ---- */

void rend_node(writer *w, jd_node n) {
    jd_buf *b = w->b;
    const unsigned char *p = n.p;
    unsigned char t = *p++;
    if (t >= JD_T_SHORTSTR) {
        jd_json_write_str(b, (jd_str){(const char *)p, t - JD_T_SHORTSTR});
        return;
    }
    if (t >= JD_T_SMALLINT) {
        unsigned v = t - JD_T_SMALLINT;
        if (v >= 10) jd_buf_c(b, (char)('0' + v / 10));
        jd_buf_c(b, (char)('0' + v % 10));
        return;
    }
    switch (t) {
    case JD_T_NULL: jd_buf_add(b, "null", 4); return;
    case JD_T_TRUE: jd_buf_add(b, "true", 4); return;
    case JD_T_FALSE: jd_buf_add(b, "false", 5); return;
    case JD_T_DEC: {
        unsigned scale = *p++;
        char text[32];
        jd_buf_add(b, text, jd_decimal_print(jd_unzigzag(jd_varint_get(&p, n.end)), scale, text));
        return;
    }
    case JD_T_NUMTEXT: jd_buf_str(b, jd_bytes_str(&p, n.end)); return;
    case JD_T_STR: jd_json_write_str(b, jd_bytes_str(&p, n.end)); return;
    case JD_T_TIME: {
        int digits;
        jd_time v = jd_node_time(n, &digits);
        rend_time(b, v, digits);
        return;
    }
    case JD_T_SYM: rend_name(w, jd_node_sym(n)); return;
    case JD_T_ARR: {
        jd_nodeiter it = jd_node_items(n);
        jd_node item;
        jd_buf_c(b, '[');
        for (int first = 1; jd_node_next(&it, &item); first = 0) {
            if (!first) jd_buf_c(b, ',');
            rend_node(w, item);
        }
        jd_buf_c(b, ']');
        return;
    }
    default: {
        jd_nodeiter it = jd_node_items(n);
        jd_node item;
        jd_sym sym;
        jd_str raw;
        jd_buf_c(b, '{');
        for (int first = 1; jd_node_member(&it, &sym, &raw, &item); first = 0) {
            if (!first) jd_buf_c(b, ',');
            if (sym)
                rend_name(w, sym);
            else
                jd_json_write_str(b, raw);
            jd_buf_c(b, ':');
            rend_node(w, item);
        }
        jd_buf_c(b, '}');
    }
    }
}

static void object_list(writer *w, jd_node n) { /* normalized: objects with the member object (4.5.22) */
    jd_nodeiter it = jd_node_items(n);
    jd_node item;
    jd_buf_c(w->b, '[');
    for (int first = 1; jd_node_next(&it, &item); first = 0) {
        jd_buf_z(w->b, first ? "{\"object\":" : ",{\"object\":");
        rend_node(w, item);
        jd_buf_c(w->b, '}');
    }
    jd_buf_c(w->b, ']');
}

/* ---- languages (4.5.19, RFC 4647 look-up with quality values) ---- */

static int same_tag(jd_str a, jd_str b) {
    if (a.n != b.n) return 0;
    for (size_t i = 0; i < a.n; i++)
        if ((a.p[i] | 32) != (b.p[i] | 32)) return 0;
    return 1;
}

static int has_prefix_tag(jd_str tag, jd_str range) {
    return tag.n > range.n && tag.p[range.n] == '-' && same_tag((jd_str){tag.p, range.n}, range);
}

/* The member that answers one range: itself, a more special one, or what remains when the range is cut from behind. */
static int match_range(jd_node map, jd_str range, jd_str *tag, jd_node *value) {
    for (; range.n;) {
        for (int special = 0; special < 2; special++) {
            jd_nodeiter it = jd_node_items(map);
            jd_sym s;
            while (jd_node_member(&it, &s, tag, value))
                if (special ? has_prefix_tag(*tag, range) : same_tag(*tag, range)) return 1;
        }
        while (range.n && range.p[range.n - 1] != '-') range.n--;
        if (range.n) range.n--;
    }
    return 0;
}

static int choose_language(jd_node map, jd_str ranges, jd_str *tag, jd_node *value) {
    double best = 0;
    jd_str best_tag = {NULL, 0};
    jd_node best_value = {NULL, NULL};
    for (size_t i = 0; i <= ranges.n;) {
        size_t end = i;
        while (end < ranges.n && ranges.p[end] != ',') end++;
        jd_str one = {ranges.p + i, end - i};
        i = end + 1;
        double q = 1;
        const char *semi = one.n ? memchr(one.p, ';', one.n) : NULL;
        if (semi) {
            q = 0;
            double place = 1;
            int point = 0;
            for (const char *c = semi; c < one.p + one.n; c++) {
                if (*c == '.')
                    point = 1;
                else if (*c >= '0' && *c <= '9') {
                    if (point)
                        q += (*c - '0') * (place /= 10);
                    else
                        q = q * 10 + (*c - '0');
                }
            }
            one.n = (size_t)(semi - one.p);
        }
        while (one.n && one.p[0] == ' ') one.p++, one.n--;
        while (one.n && one.p[one.n - 1] == ' ') one.n--;
        if (q <= best) continue;
        if (jd_str_is(one, "*")) {
            jd_nodeiter it = jd_node_items(map);
            jd_sym s;
            if (jd_node_member(&it, &s, tag, value)) best = q, best_tag = *tag, best_value = *value;
        } else if (match_range(map, one, tag, value)) {
            best = q, best_tag = *tag, best_value = *value;
        }
    }
    if (!best_tag.p) { /* nothing asked for is there: @none, else any */
        jd_nodeiter it = jd_node_items(map);
        jd_sym s;
        jd_str t;
        jd_node v;
        while (jd_node_member(&it, &s, &t, &v))
            if (!best_tag.p || jd_str_is(t, "@none")) best_tag = t, best_value = v;
    }
    *tag = best_tag;
    *value = best_value;
    return best_tag.p != NULL;
}

/* ---- linked entities (4.5.23) ---- */

static int may_open(const writer *w, jd_str id) {
    for (int i = 0; i < w->chain_n; i++)
        if (jd_str_eq(w->chain[i], id)) return 0;
    for (size_t i = 0; i < w->r->contained_by_n; i++)
        if (jd_str_eq(w->r->contained_by[i], id)) return 0;
    return 1;
}

/* Writes the linked entity and returns 1, or nothing and 0. */
static int linked(writer *w, jd_sym rel, jd_str id) {
    jd_doc d;
    if (w->chain_n > REND_LINKS_MAX || !may_open(w, id)) return 0;
    if (w->r->links_left && (!*w->r->links_left || !--*w->r->links_left)) return 0;
    if (!w->r->linked(w->r->user, id, &d)) return 0;
    writer inner = *w;
    inner.level--;
    inner.proj = jd_proj_nested(w->proj, rel);
    inner.created = d.created;
    inner.chain[inner.chain_n++] = id;
    entity(&inner, &d, 0);
    return 1;
}

static int is_link(const jd_attrview *a) {
    return a->kind == JD_RELATIONSHIP || a->kind == JD_LISTRELATIONSHIP;
}

static int joins_inline(const writer *w, const jd_attrview *a) {
    return w->r->join == JD_JOIN_INLINE && w->level > 0 && w->r->linked && is_link(a);
}

static void linked_member(writer *w, const jd_attrview *a) {
    jd_buf *b = w->b;
    size_t start = b->n;
    if (jd_node_type(a->value) == JD_N_STR) {
        rend_key(w, "entity");
        if (!linked(w, a->name, jd_node_str(a->value))) b->n = start;
        return;
    }
    if (jd_node_type(a->value) != JD_N_ARR) return;
    rend_key(w, a->kind == JD_LISTRELATIONSHIP ? "entityList" : "entity");
    jd_buf_c(b, '[');
    jd_nodeiter it = jd_node_items(a->value);
    jd_node item;
    int any = 0;
    while (jd_node_next(&it, &item)) {
        if (jd_node_type(item) != JD_N_STR) continue;
        size_t before = b->n;
        if (any) jd_buf_c(b, ',');
        if (linked(w, a->name, jd_node_str(item)))
            any = 1;
        else
            b->n = before;
    }
    jd_buf_c(b, ']');
    if (!any) b->n = start;
}

/* Simplified and inline: the entity stands where its URI would. */
static void linked_or_uri(writer *w, const jd_attrview *a, jd_node n) {
    if (jd_node_type(n) == JD_N_ARR) {
        jd_nodeiter it = jd_node_items(n);
        jd_node item;
        jd_buf_c(w->b, '[');
        for (int first = 1; jd_node_next(&it, &item); first = 0) {
            if (!first) jd_buf_c(w->b, ',');
            linked_or_uri(w, a, item);
        }
        jd_buf_c(w->b, ']');
    } else if (jd_node_type(n) != JD_N_STR || !linked(w, a->name, jd_node_str(n))) {
        rend_node(w, n);
    }
}

/* ---- attributes ---- */

static void attributes(writer *w, jd_bytes records, int sub, int *first);

int rend_language(const writer *w, const jd_attrview *a, jd_str *tag, jd_node *value) {
    return w->r->lang.p && a->kind == JD_LANGUAGEPROPERTY && jd_node_type(a->value) == JD_N_OBJ &&
           choose_language(a->value, w->r->lang, tag, value);
}

static void simplified(writer *w, const jd_attrview *a) {
    jd_str tag;
    jd_node value;
    switch (a->kind) {
    case JD_LANGUAGEPROPERTY:
        if (rend_language(w, a, &tag, &value)) {
            rend_node(w, value);
            return;
        }
        break;
    case JD_RELATIONSHIP:
    case JD_LISTRELATIONSHIP:
        if (joins_inline(w, a))
            linked_or_uri(w, a, a->value);
        else
            rend_node(w, a->value);
        return;
    case JD_VOCABPROPERTY:
    case JD_JSONPROPERTY: break;
    default: rend_node(w, a->value); return;
    }
    open_with(w->b, "{\"", jd_kind_member(a->kind));
    rend_node(w, a->value);
    jd_buf_c(w->b, '}');
}

static int is_sealed(jd_sym s) {
    return s == JD_SYM_ENTITY_ID_SEALED || s == JD_SYM_ENTITY_TYPE_SEALED;
}

void rend_whole(writer *w, const jd_attrview *a) {
    jd_buf *b = w->b;
    int concise = w->r->format == JD_CONCISE;
    if (is_sealed(a->name)) {
        rend_node(w, a->value);
        return;
    }
    const jd_inst *inst = w->inst;
    w->inst = NULL; /* sub-attributes are none */
    int bare = concise && !inst && !a->dataset.p && a->observed == JD_TIME_NONE && !a->unit.p && !a->value_type.p &&
               !a->subs.p && !w->r->sys_attrs;
    if (bare && (a->kind == JD_GEOPROPERTY || (a->kind == JD_PROPERTY && jd_node_type(a->value) != JD_N_OBJ))) {
        rend_node(w, a->value);
        return;
    }
    jd_str tag = {NULL, 0};
    jd_node value = a->value;
    int spoken = rend_language(w, a, &tag, &value);
    const char *member = spoken ? "value" : jd_kind_member(a->kind);
    if (concise) {
        open_with(b, "{\"", member);
    } else {
        jd_buf_add(b, "{\"type\":\"", 9);
        jd_buf_z(b, jd_kind_name(spoken ? JD_PROPERTY : a->kind));
        open_with(b, "\",\"", member);
    }
    if (a->kind == JD_LISTRELATIONSHIP && jd_node_type(a->value) == JD_N_ARR)
        object_list(w, a->value);
    else
        rend_node(w, value);
    if (spoken) {
        rend_key(w, "lang");
        jd_json_write_str(b, tag);
    }
    if (a->object_type.p) {
        jd_bytes rest = a->object_type;
        jd_sym s, second;
        jd_syms_next(&rest, &s);
        rend_key(w, "objectType");
        if (!jd_syms_next(&rest, &second)) {
            rend_name(w, s);
        } else {
            jd_buf_c(b, '[');
            rend_name(w, s);
            do {
                jd_buf_c(b, ',');
                rend_name(w, second);
            } while (jd_syms_next(&rest, &second));
            jd_buf_c(b, ']');
        }
    }
    if (joins_inline(w, a)) linked_member(w, a);
    if (a->value_type.p && !spoken) rend_key(w, "valueType"), jd_json_write_str(b, a->value_type);
    if (a->unit.p) rend_key(w, "unitCode"), jd_json_write_str(b, a->unit);
    if (a->dataset.p) rend_key(w, "datasetId"), jd_json_write_str(b, a->dataset);
    if (a->observed != JD_TIME_NONE) rend_key(w, "observedAt"), rend_time(b, a->observed, a->observed_digits);
    if (inst) {
        char id[JD_INST_ID_MAX];
        size_t n = jd_inst_id_print(inst, id);
        rend_key(w, "instanceId");
        jd_buf_c(b, '"');
        jd_buf_add(b, id, n);
        jd_buf_c(b, '"');
    }
    if (w->r->sys_attrs) {
        if (a->expires != JD_TIME_NONE) rend_key(w, "expiresAt"), rend_time(b, a->expires, a->expires_digits);
        rend_key(w, "createdAt"), rend_time(b, a->created, -1);
        rend_key(w, "modifiedAt"), rend_time(b, a->modified, -1);
    }
    int first = 0;
    if (a->subs.p) attributes(w, a->subs, 1, &first);
    jd_buf_c(b, '}');
}

static void one(writer *w, const jd_attrview *a) {
    if (w->r->format == JD_SIMPLIFIED)
        simplified(w, a);
    else
        rend_whole(w, a);
}

static int wanted_instance(const writer *w, const jd_attrview *a) {
    if (!w->r->datasets_n) return 1;
    for (size_t i = 0; i < w->r->datasets_n; i++)
        if (a->dataset.p ? jd_str_eq(a->dataset, w->r->datasets[i]) : jd_str_is(w->r->datasets[i], "@none")) return 1;
    return 0;
}

static int same_bytes(jd_bytes a, jd_bytes b) {
    size_t n = (size_t)(a.end - a.p);
    return n == (size_t)(b.end - b.p) && (!n || !memcmp(a.p, b.p, n));
}

/* All instances of the attribute whose first is given; they stand side by side. */
static jd_bytes instances(const jd_attrview *first, jd_bytes rest, jd_time created) {
    jd_bytes all = first->record;
    jd_attrview next;
    while (jd_attr_next(&rest, created, &next) && next.name == first->name) all.end = next.record.end;
    return all;
}

/* Were all its instances there before, as they are? Records of what was not touched are equal as bytes. */
static int as_before(const writer *w, const jd_attrview *first, jd_bytes rest) {
    jd_attrview old;
    jd_bytes behind;
    if (w->was->created != w->created || !jd_doc_attr(w->was, first->name, &old, &behind)) return 0;
    return same_bytes(instances(first, rest, w->created), instances(&old, behind, w->created));
}

static int is_left_out(const writer *w, const jd_attrview *first, jd_bytes rest) {
    return !jd_proj_attr(w->proj, first->name) || (w->was && as_before(w, first, rest));
}

static void attr_name(writer *w, jd_sym s) { /* sealed ones are terms of ngsildproof alone */
    if (is_sealed(s))
        jd_buf_z(w->b, s == JD_SYM_ENTITY_ID_SEALED ? "\"entityIdSealed\"" : "\"entityTypeSealed\"");
    else
        rend_name(w, s);
}

static void attributes(writer *w, jd_bytes records, int sub, int *first) {
    jd_buf *b = w->b;
    jd_bytes rest = records;
    jd_attrview a;
    int have = jd_attr_next(&rest, w->created, &a);
    while (have) {
        jd_sym sym = a.name;
        jd_bytes ahead = rest;
        jd_attrview next;
        int more = jd_attr_next(&ahead, w->created, &next), several = more && next.name == sym;
        if (!sub && is_left_out(w, &a, rest)) {
            while (more && next.name == sym) rest = ahead, more = jd_attr_next(&ahead, w->created, &next);
        } else if (!several) {
            if (sub || wanted_instance(w, &a)) {
                if (!*first) jd_buf_c(b, ',');
                *first = 0;
                attr_name(w, sym);
                jd_buf_c(b, ':');
                one(w, &a);
            }
        } else { /* instances: an array, or by datasetId when simplified (4.5.5) */
            size_t start = b->n;
            int written = 0, simple = w->r->format == JD_SIMPLIFIED;
            if (!*first) jd_buf_c(b, ',');
            rend_name(w, sym);
            size_t behind = b->n;
            jd_buf_z(b, simple ? ":{\"dataset\":{" : ":[");
            size_t open = b->n - behind;
            for (;;) {
                if (sub || wanted_instance(w, &a)) {
                    if (written++) jd_buf_c(b, ',');
                    if (simple) {
                        jd_json_write_str(b, a.dataset.p ? a.dataset : JD_STR("@none"));
                        jd_buf_c(b, ':');
                    }
                    one(w, &a);
                }
                if (!more || next.name != sym) break;
                a = next;
                rest = ahead;
                more = jd_attr_next(&ahead, w->created, &next);
            }
            if (written == 0) {
                b->n = start;
            } else if (written == 1 && !simple) { /* one instance is an object */
                memmove(b->p + behind + 1, b->p + behind + open, b->n - behind - open);
                b->p[behind] = ':';
                b->n -= open - 1;
                *first = 0;
            } else {
                jd_buf_z(b, simple ? "}}" : "]");
                *first = 0;
            }
        }
        have = jd_attr_next(&rest, w->created, &a);
    }
}

/* ---- entities ---- */

void rend_comma(jd_buf *b, int *first) {
    if (!*first) jd_buf_c(b, ',');
    *first = 0;
}

void rend_types(writer *w, const jd_doc *d, int *first) {
    jd_bytes rest = d->types;
    jd_sym s;
    if (!d->types_n || !jd_proj_member(w->proj, JD_M_TYPE)) return;
    rend_comma(w->b, first);
    jd_buf_z(w->b, d->types_n == 1 ? "\"type\":" : "\"type\":[");
    for (int none = 1; jd_syms_next(&rest, &s); none = 0) {
        if (!none) jd_buf_c(w->b, ',');
        rend_name(w, s);
    }
    if (d->types_n != 1) jd_buf_c(w->b, ']');
}

void rend_times(writer *w, const jd_doc *d, int *first) {
    jd_buf *b = w->b;
    if (!w->r->sys_attrs) return;
    if (d->expires != JD_TIME_NONE && jd_proj_member(w->proj, JD_M_EXPIRES))
        rend_comma(b, first), jd_buf_z(b, "\"expiresAt\":"), rend_time(b, d->expires, d->expires_digits);
    if (jd_proj_member(w->proj, JD_M_CREATED))
        rend_comma(b, first), jd_buf_z(b, "\"createdAt\":"), rend_time(b, d->created, -1);
    if (jd_proj_member(w->proj, JD_M_MODIFIED))
        rend_comma(b, first), jd_buf_z(b, "\"modifiedAt\":"), rend_time(b, d->modified, -1);
}

static void scopes(writer *w, const jd_doc *d, int *first) {
    jd_buf *b = w->b;
    if (!d->scopes_n || !jd_proj_member(w->proj, JD_M_SCOPE)) return;
    jd_bytes rest = d->scopes;
    jd_str s;
    rend_comma(b, first);
    jd_buf_z(b, d->scopes_n == 1 ? "\"scope\":" : "\"scope\":[");
    for (int none = 1; jd_strs_next(&rest, &s); none = 0) {
        if (!none) jd_buf_c(b, ',');
        jd_json_write_str(b, s);
    }
    if (d->scopes_n != 1) jd_buf_c(b, ']');
}

static void members(writer *w, const jd_doc *d, int *first) {
    rend_types(w, d, first);
    scopes(w, d, first);
    rend_times(w, d, first);
    attributes(w, d->attrs, 0, first);
}

void jd_render_context(const jd_context *ctx, jd_buf *out) {
    jd_json_write(out, jd_ctx_source(ctx));
}

static void geometry(writer *w, const jd_doc *d) {
    jd_attrview a;
    jd_bytes rest = {NULL, NULL};
    jd_sym sym = w->r->geometry ? w->r->geometry : JD_SYM_LOCATION;
    jd_str want = w->r->geometry_dataset;
    int have = jd_doc_attr(d, sym, &a, &rest);
    while (have && !(a.kind == JD_GEOPROPERTY && !a.dataset.p == !want.p && jd_str_eq(a.dataset, want)))
        have = jd_attr_next(&rest, d->created, &a) && a.name == sym;
    if (have)
        rend_node(w, a.value);
    else
        jd_buf_add(w->b, "null", 4);
}

static void entity(writer *w, const jd_doc *d, int with_context) {
    jd_buf *b = w->b;
    int first = 1;
    jd_buf_c(b, '{');
    if (jd_proj_member(w->proj, JD_M_ID)) rend_comma(b, &first), jd_buf_z(b, "\"id\":"), jd_json_write_str(b, d->id);
    if (w->r->geojson) {
        rend_comma(b, &first);
        jd_buf_z(b, "\"type\":\"Feature\",\"geometry\":");
        geometry(w, d);
        jd_buf_z(b, ",\"properties\":{");
        int inner = 1;
        members(w, d, &inner);
        jd_buf_c(b, '}');
    } else {
        members(w, d, &first);
    }
    if (with_context) {
        rend_comma(b, &first);
        jd_buf_z(b, "\"@context\":");
        jd_render_context(w->r->ctx, b);
    }
    jd_buf_c(b, '}');
}

void jd_render_entity(const jd_render *r, const jd_doc *d, jd_buf *out) {
    writer w = {.r = r, .b = out, .created = d->created, .proj = r->proj, .level = r->join_level};
    w.chain[w.chain_n++] = d->id;
    entity(&w, d, r->with_context);
}

/* ---- what changed ---- */

static void gone_member(writer *w, int *first) { /* behind its name */
    jd_buf_z(w->b, ":\"urn:ngsi-ld:null\"");
    *first = 0;
}

static void gone_attributes(writer *w, const jd_doc *is, int *first) {
    jd_attrview a;
    jd_sym last = 0;
    for (jd_bytes rest = w->was->attrs; jd_attr_next(&rest, w->was->created, &a); last = a.name) {
        if (a.name == last || !jd_proj_attr(w->proj, a.name) || jd_doc_attr(is, a.name, &(jd_attrview){0}, NULL))
            continue;
        rend_comma(w->b, first);
        attr_name(w, a.name);
        gone_member(w, first);
    }
}

int jd_render_diff(const jd_render *r, const jd_doc *was, const jd_doc *is, jd_buf *out) {
    writer w = {.r = r, .b = out, .created = is->created, .proj = r->proj, .was = was};
    size_t start = out->n;
    int first = 0;
    jd_buf_z(out, "{\"id\":");
    jd_json_write_str(out, is->id);
    rend_types(&w, is, &first);
    size_t head = out->n;
    if (jd_proj_member(w.proj, JD_M_SCOPE) && !same_bytes(was->scopes, is->scopes)) {
        scopes(&w, is, &first);
        if (!is->scopes_n) jd_buf_z(out, ",\"scope\""), gone_member(&w, &first);
    }
    attributes(&w, is->attrs, 0, &first);
    gone_attributes(&w, is, &first);
    int expiry = r->sys_attrs && was->expires != is->expires;
    if (out->n == head && !expiry && same_bytes(was->types, is->types)) {
        out->n = start;
        return 0;
    }
    rend_times(&w, is, &first);
    if (expiry && is->expires == JD_TIME_NONE) jd_buf_z(out, ",\"expiresAt\""), gone_member(&w, &first);
    jd_buf_c(out, '}');
    return 1;
}

void jd_render_links(const jd_render *r, const jd_doc *d, void *user,
                     void (*each)(void *user, jd_str id, const jd_proj *proj)) {
    jd_bytes rest = d->attrs;
    jd_attrview a;
    while (jd_attr_next(&rest, d->created, &a)) {
        if (!is_link(&a) || !jd_proj_attr(r->proj, a.name)) continue;
        const jd_proj *nested = jd_proj_nested(r->proj, a.name);
        if (jd_node_type(a.value) == JD_N_STR) {
            each(user, jd_node_str(a.value), nested);
        } else if (jd_node_type(a.value) == JD_N_ARR) {
            jd_nodeiter it = jd_node_items(a.value);
            jd_node item;
            while (jd_node_next(&it, &item))
                if (jd_node_type(item) == JD_N_STR) each(user, jd_node_str(item), nested);
        }
    }
}

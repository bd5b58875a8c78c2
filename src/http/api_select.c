/* From the words of a question (URL or Query body) to what the engine and the renderer take:
 * clauses 4.9, 4.10, 4.17, 4.19, 4.21, 4.23, 5.7.2. */
#include "http/api_int.h"

#include <string.h>

enum { JOIN_LEVEL_MAX = 10, NO_SUCH_NAME = 0x7fffffff /* a symbol that no document has */ };

void api_texts_of_params(const api_ask *k, api_texts *t) {
    *t = (api_texts){.type = api_param(k, "type"), .q = api_param(k, "q"), .scope_q = api_param(k, "scopeQ")};
    t->id = api_param(k, "id");
    t->id_pattern = api_param(k, "idPattern");
    t->georel = api_param(k, "georel");
    t->geometry = api_param(k, "geometry");
    t->geoproperty = api_param(k, "geoproperty");
    t->coordinates = api_param(k, "coordinates");
    t->attrs = api_param(k, "attrs");
    t->pick = api_param(k, "pick");
    t->omit = api_param(k, "omit");
    t->csf = api_param(k, "csf");
    t->join = api_param(k, "join");
    t->order_by = api_param(k, "orderBy");
    t->collation = api_param(k, "collation");
    t->order_from = api_param(k, "orderFrom");
    t->order_geometry = api_param(k, "orderGeometry");
    t->expand_values = api_param(k, "expandValues");
    t->json_keys = api_param(k, "jsonKeys");
    t->lang = api_param(k, "lang");
    t->dataset_id = api_param(k, "datasetId");
    t->geometry_property = api_param(k, "geometryProperty");
    t->contained_by = api_param(k, "containedBy");
}

int api_bad(api_ask *k, const char *what, const char *en, const char *zh) {
    jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "%s %s%.0s", "%s %.0s%s", what, en, zh);
    return jd_fail_at(&k->err, "%s", what);
}

/* ---- which entities ---- */

static int compile_type(api_ask *k, jd_str text, const jd_typeq **out) {
    if (jd_str_is(text, "*")) return 0;
    jd_names n = api_names(k);
    jd_typeq *q;
    if (jd_typeq_compile(&n, text, &q, &k->err)) return -1;
    *out = q;
    return 0;
}

static int ids_of_value(api_ask *k, const jd_jval *v, api_selector *s) {
    const jd_jval *items = v->type == JD_JARR ? v->items : v;
    uint32_t n = v->type == JD_JARR ? v->n : 1;
    s->ids = JD_NEWN(k->a, jd_str, n);
    s->ids_n = n;
    for (uint32_t i = 0; i < n; i++) {
        if (items[i].type != JD_JSTR || !jd_uri_valid(jd_jstr(&items[i])))
            return api_bad(k, "entities.id", "must be a URI or an array of URIs", "必须是 URI 或 URI 数组");
        s->ids[i] = jd_jstr(&items[i]);
    }
    return n ? 0 : api_bad(k, "entities.id", "must name at least one URI", "至少要有一个 URI");
}

/* With ids a pattern says nothing more (clause 5.2.33). */
static int read_selector(api_ask *k, const jd_jval *v, api_selector *s) {
    const jd_jval *type = jd_jget(v, "type"), *id = jd_jget(v, "id"), *pattern = jd_jget(v, "idPattern");
    if (v->type != JD_JOBJ || !type || type->type != JD_JSTR)
        return api_bad(k, "entities", "must be selectors with a type", "的每一项必须是带有 type 的选择器");
    if (compile_type(k, jd_jstr(type), &s->types)) return -1;
    if (id) return ids_of_value(k, id, s);
    if (!pattern) return 0;
    if (pattern->type != JD_JSTR) return api_bad(k, "entities.idPattern", "must be a string", "必须是字符串");
    return jd_regex_compile(k->a, jd_jstr(pattern), &s->pattern, &k->err);
}

static int selected(const api_selector *s, const jd_doc *d) {
    if (s->types && !jd_typeq_test(s->types, d)) return 0;
    if (s->ids_n) {
        for (size_t i = 0; i < s->ids_n; i++)
            if (jd_str_eq(s->ids[i], d->id)) return 1;
        return 0;
    }
    return !s->pattern || jd_regex_test(s->pattern, d->id);
}

static int any_selected(void *user, const jd_doc *d) {
    const api_select *s = user;
    for (size_t i = 0; i < s->selectors_n; i++)
        if (selected(&s->selectors[i], d)) return 1;
    return 0;
}

/* Several selectors: each is tested, and what they have in common helps to choose an index. */
static int union_of(api_ask *k, const api_texts *t, api_select *s) {
    size_t ids = 0;
    int all_ids = 1, all_types = 1;
    for (size_t i = 0; i < s->selectors_n; i++) {
        ids += s->selectors[i].ids_n;
        all_ids &= s->selectors[i].ids_n > 0;
        all_types &= s->selectors[i].types != NULL;
    }
    s->question.also = any_selected;
    s->question.also_user = s;
    if (all_ids) {
        jd_str *list = JD_NEWN(k->a, jd_str, ids);
        s->question.ids = list;
        for (size_t i = 0; i < s->selectors_n; i++)
            for (size_t j = 0; j < s->selectors[i].ids_n; j++) list[s->question.ids_n++] = s->selectors[i].ids[j];
    }
    if (!all_types) return 0;
    jd_buf b = {0};
    for (uint32_t i = 0; i < t->entities->n; i++) {
        jd_buf_z(&b, i ? ",(" : "(");
        jd_buf_str(&b, jd_jstr(jd_jget(&t->entities->items[i], "type")));
        jd_buf_c(&b, ')');
    }
    jd_str text = jd_arena_dup(k->a, jd_buf_view(&b));
    jd_buf_fini(&b);
    return compile_type(k, text, &s->question.types);
}

static int make_selectors(api_ask *k, const api_texts *t, api_select *s) {
    uint32_t n = t->entities ? t->entities->n : 1;
    s->selectors = JD_NEWN(k->a, api_selector, n);
    s->selectors_n = n;
    if (t->entities) {
        for (uint32_t i = 0; i < n; i++)
            if (read_selector(k, &t->entities->items[i], &s->selectors[i])) return -1;
        if (n > 1) return union_of(k, t, s);
    } else {
        api_selector *one = s->selectors;
        if (t->id.p && api_uri_list(k, "id", t->id, &one->ids, &one->ids_n)) return -1;
        if (t->type.p && compile_type(k, t->type, &one->types)) return -1;
        if (t->id_pattern.p && jd_regex_compile(k->a, t->id_pattern, &one->pattern, &k->err)) return -1;
    }
    const api_selector *one = s->selectors;
    s->question.ids = one->ids;
    s->question.ids_n = one->ids_n;
    s->question.types = one->types;
    s->question.id_pattern = one->ids_n ? NULL : one->pattern;
    return 0;
}

static int make_geo(api_ask *k, const api_texts *t, api_select *s) {
    if (!t->georel.p) {
        if (t->geometry.p || t->coordinates.p)
            return api_bad(k, "georel", "must be there with geometry and coordinates",
                           "必须与 geometry 和 coordinates 一同给出");
        return 0;
    }
    if (!t->geometry.p || !t->coordinates.p)
        return api_bad(k, "georel", "needs geometry and coordinates", "需要 geometry 和 coordinates");
    if (jd_geoq_compile_params(k->a, t->georel, t->geometry, t->coordinates, &s->geo, &k->err)) return -1;
    s->question.geo = s->geo;
    s->question.geo_property = JD_SYM_LOCATION;
    return t->geoproperty.p ? api_known_name(k, t->geoproperty, &s->question.geo_property) : 0;
}

static int make_order(api_ask *k, const api_texts *t, api_select *s) {
    jd_names n = api_names(k);
    if (!t->order_by.p)
        return t->collation.p || t->order_from.p ? api_bad(k, "orderBy", "must be there with collation and orderFrom",
                                                           "必须与 collation、orderFrom 一同给出")
                                                 : 0;
    if (jd_order_compile(&n, t->order_by, t->collation, &s->order, &k->err)) return -1;
    s->question.order = s->order;
    if (!t->order_from.p)
        return jd_order_by_distance(s->order)
                   ? api_bad(k, "orderFrom", "must be there to order by distance", "按距离排序时必须给出")
                   : 0;
    /* a question whose relation does not matter: only its geometry is used */
    jd_str kind = t->order_geometry.p ? t->order_geometry : JD_STR("Point");
    if (jd_geoq_compile_params(k->a, JD_STR("near;maxDistance==1"), kind, t->order_from, &s->order_from, &k->err)) {
        k->err.place[0] = 0;
        return jd_fail_at(&k->err, "orderFrom");
    }
    if (!jd_order_by_distance(s->order)) return 0;
    s->question.order_from = s->order_from;
    s->question.order_geo = jd_order_geo(s->order);
    return 0;
}

static int make_join(api_ask *k, const api_texts *t, api_select *s) {
    jd_join join = JD_JOIN_NONE;
    uint64_t level = 1;
    if (t->join.p) {
        if (jd_str_is(t->join, "inline"))
            join = JD_JOIN_INLINE;
        else if (jd_str_is(t->join, "flat"))
            join = JD_JOIN_FLAT;
        else if (!jd_str_is(t->join, "@none"))
            return api_bad(k, "join", "must be flat, inline or @none", "必须为 flat、inline 或 @none");
    }
    if (t->has_join_level)
        level = t->join_level;
    else if (api_number(k, "joinLevel", 1, UINT32_MAX, &level))
        return -1;
    if (level < 1 || level > JOIN_LEVEL_MAX) return api_bad(k, "joinLevel", "must be from 1 to 10", "必须为 1 到 10");
    uint32_t deepest = join ? (uint32_t)level : 0;
    if (jd_proj_links(s->proj) > deepest)
        return api_bad(k, s->proj && t->omit.p && !t->pick.p ? "omit" : "pick",
                       "follows relationships further than join and joinLevel allow",
                       "所涉及的关系层数超过 join 和 joinLevel 所允许的");
    if (s->q && jd_q_links(s->q) > deepest)
        return api_bad(k, "q", "follows relationships further than join and joinLevel allow",
                       "所涉及的关系层数超过 join 和 joinLevel 所允许的");
    s->render.join = join;
    s->render.join_level = join ? (int)level : 0;
    return 0;
}

static int check_csf(api_ask *k, jd_str text) {
    if (!text.p) return 0;
    jd_names n = api_names(k);
    jd_q *q;
    if (jd_q_compile(&n, text, NULL, &q, &k->err)) {
        k->err.place[0] = 0;
        return jd_fail_at(&k->err, "csf");
    }
    jd_q_fini(q); /* there are no context sources to filter */
    return 0;
}

int api_select_make(api_ask *k, const api_texts *t, api_select *s) {
    jd_names n = api_names(k);
    if (make_selectors(k, t, s)) return -1;
    jd_scopeq *scopes;
    if (t->scope_q.p) {
        if (jd_scopeq_compile(&n, t->scope_q, &scopes, &k->err)) return -1;
        s->question.scopes = scopes;
    }
    jd_qopts qo = {.expand_values = t->expand_values, .json_keys = t->json_keys, .lang = t->lang};
    if (t->q.p && jd_q_compile(&n, t->q, &qo, &s->q, &k->err)) return -1;
    s->question.q = s->q;
    if (jd_proj_compile(&n, t->attrs, t->pick, t->omit, &s->proj, &k->err)) return -1;
    s->question.attrs = s->proj;
    return make_geo(k, t, s) || make_order(k, t, s) || make_join(k, t, s) || check_csf(k, t->csf) ? -1 : 0;
}

int api_paging(api_ask *k, api_select *s) {
    uint64_t limit, most = k->app->limit_max;
    jd_str text = api_param(k, "limit"), local = api_param(k, "local"), type = api_param(k, "type");
    if (api_bool(k, "count", &s->count) || api_bool(k, "local", &s->local) ||
        api_number(k, "offset", 0, UINT32_MAX, &s->offset) ||
        api_number(k, "limit", k->app->limit_default, UINT32_MAX, &limit))
        return -1;
    if (k->options & API_O_COUNT) s->count = 1;
    if (limit > most) {
        jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "limit may be at most %u (setting limit_max)",
                "limit 最大为 %u（设置项 limit_max）", k->app->limit_max);
        return jd_fail_at(&k->err, "limit");
    }
    if (text.p && !limit && !s->count)
        return api_bad(k, "limit", "can be 0 only with count=true", "只有 count=true 时才能为 0");
    if (jd_str_is(type, "*")) {
        if (local.p && !s->local)
            return api_bad(k, "type", "can be * only for a local question", "只有本地查询才能为 *");
        s->local = 1;
    }
    s->limit = limit;
    s->question.offset = s->offset;
    s->question.limit = limit;
    s->question.count = s->count;
    return 0;
}

int api_narrow_enough(api_ask *k, const api_texts *t, const api_select *s) {
    jd_sym one;
    int typed = t->entities ? t->entities->n > 0 : t->type.p != NULL;
    if (s->local || typed || s->geo || jd_proj_narrows(s->proj) || (s->q && jd_q_attrs(s->q, &one, 1) > 0)) return 0;
    return jd_fail(&k->err, JD_E_BAD_REQUEST_DATA,
                   "the question is too wide: give a type, an attribute (attrs, pick or q), georel, or local=true",
                   "查询范围过大：请给出 type、属性（attrs、pick 或 q）、georel 或 local=true");
}

/* ---- how they are shown ---- */

/* One answer opens at most so many linked entities: with arrays of relationships their number grows by the power. */
enum { LINKS_MAX = 20000 };

static int open_linked(void *user, jd_str id, jd_doc *out) {
    return jd_view_get(user, id, out);
}

int api_datasets(api_ask *k, jd_str text, const jd_str **out, size_t *n) {
    jd_str *list;
    *out = NULL;
    *n = 0;
    if (!text.p) return 0;
    int rc = api_split(k->a, text, &list, n);
    for (size_t i = 0; !rc && i < *n; i++) rc = !jd_str_is(list[i], "@none") && !jd_uri_valid(list[i]);
    if (rc) return api_bad(k, "datasetId", "must be a list of URIs or @none", "必须是 URI 或 @none 的列表");
    *out = list;
    return 0;
}

int api_links_ok(api_ask *k, const api_select *s) {
    if (s->links_left || s->render.join == JD_JOIN_NONE) return 0;
    k->r->out.n = 0;
    return jd_fail(&k->err, JD_E_TOO_COMPLEX_QUERY,
                   "the answer would join more than %d linked entities; lower joinLevel or the limit",
                   "结果将关联超过 %d 个实体；请降低 joinLevel 或 limit", (int)LINKS_MAX);
}

int api_render_make(api_ask *k, const api_texts *t, api_select *s) {
    jd_render *r = &s->render;
    r->ctx = k->ctx;
    r->symbols = jd_engine_symbols(k->app->engine);
    r->format = k->format;
    r->sys_attrs = k->sys_attrs;
    r->geojson = k->accept == API_GEOJSON;
    r->proj = s->proj;
    r->lang = t->lang;
    r->arena = k->a;
    r->user = &k->view;
    r->linked = open_linked;
    s->links_left = LINKS_MAX;
    r->links_left = &s->links_left;
    if (api_datasets(k, t->dataset_id, &r->datasets, &r->datasets_n)) return -1;
    if (t->contained_by.p) {
        jd_str *list;
        if (api_uri_list(k, "containedBy", t->contained_by, &list, &r->contained_by_n)) return -1;
        r->contained_by = list;
    }
    if (!t->geometry_property.p) return 0;
    if (!r->geojson)
        return api_bad(k, "geometryProperty", "is for GeoJSON answers (Accept: application/geo+json)",
                       "仅用于 GeoJSON 应答（Accept: application/geo+json）");
    if (api_known_name(k, t->geometry_property, &r->geometry)) return -1;
    if (!r->geometry) r->geometry = NO_SUCH_NAME;
    return 0;
}

void api_select_fini(api_select *s) {
    for (size_t i = 0; i < s->selectors_n; i++)
        if (s->selectors[i].pattern) jd_regex_fini(s->selectors[i].pattern);
    if (s->q) jd_q_fini(s->q);
    if (s->geo) jd_geoq_fini(s->geo);
    if (s->order_from) jd_geoq_fini(s->order_from);
    if (s->order) jd_order_fini(s->order);
    s->selectors_n = 0;
    s->q = NULL;
    s->geo = s->order_from = NULL;
    s->order = NULL;
}

int api_view_begin(api_ask *k) {
    if (k->tenant_no < 0)
        return jd_fail(&k->err, JD_E_NO_TENANT, "tenant %.*s does not exist", "租户 %.*s 不存在",
                       JD_STR_ARG(k->tenant));
    jd_view_begin(&k->view, k->app->engine, k->tenant_no, k->a);
    k->viewing = 1;
    return 0;
}

/* ---- join=flat ---- */

typedef struct flat_link {
    jd_str id;
    const jd_proj *proj;
    int level;
} flat_link;

struct api_flat {
    api_ask *k;
    jd_render render; /* of linked entities */
    jd_strmap seen;
    flat_link *links;
    size_t n, cap;
    int level; /* of links found now */
};

api_flat *api_flat_begin(api_ask *k, const api_select *s) {
    api_flat *f = JD_NEW(k->a, api_flat);
    f->k = k;
    f->render = s->render;
    f->render.with_context = 0;
    f->level = s->render.join_level;
    jd_strmap_init(&f->seen);
    for (size_t i = 0; i < s->render.contained_by_n; i++) jd_strmap_add(&f->seen, s->render.contained_by[i], 0);
    return f;
}

static void flat_found(void *user, jd_str id, const jd_proj *proj) {
    api_flat *f = user;
    if (jd_strmap_get(&f->seen, id) != JD_STRMAP_NONE) return;
    if (f->n == f->cap) {
        flat_link *more = JD_NEWN(f->k->a, flat_link, f->cap ? f->cap * 2 : 16);
        if (f->n) memcpy(more, f->links, f->n * sizeof *more);
        f->links = more;
        f->cap = f->cap ? f->cap * 2 : 16;
    }
    f->links[f->n++] = (flat_link){jd_arena_dup(f->k->a, id), proj, f->level - 1};
}

void api_flat_add(api_flat *f, const jd_doc *d) {
    jd_strmap_add(&f->seen, d->id, 0);
    jd_render_links(&f->render, d, f, flat_found);
}

size_t api_flat_write(api_flat *f, jd_buf *out) {
    size_t written = 0;
    for (size_t i = 0; i < f->n; i++) {
        flat_link l = f->links[i];
        jd_doc d;
        if (jd_strmap_get(&f->seen, l.id) != JD_STRMAP_NONE) continue;
        jd_strmap_add(&f->seen, l.id, 0);
        if (!*f->render.links_left || !--*f->render.links_left) break;
        if (!jd_view_get(&f->k->view, l.id, &d)) continue;
        f->render.proj = l.proj;
        f->level = l.level;
        jd_buf_c(out, ',');
        jd_render_entity(&f->render, &d, out);
        written++;
        if (l.level > 0) jd_render_links(&f->render, &d, f, flat_found);
    }
    return written;
}

void api_flat_end(api_flat *f) {
    jd_strmap_fini(&f->seen);
}

/* What a notification says (5.3.1, 5.8.6): entities as they are, and where it is asked, what changed in them:
 * attributes that went as null, and what stood there before (showChanges). */
#include "told/told_int.h"

#include <stdlib.h>

/* ---- small changes of JSON that was rendered ---- */

static jd_jval object(jd_arena *a, uint32_t room) {
    return (jd_jval){.type = JD_JOBJ, .members = jd_arena_alloc(a, room * sizeof(jd_jmember))};
}

/* Sets or appends; the tree is ours, but its arrays have no room: they are copied. */
static void put(jd_jval *o, jd_str name, jd_jval v, jd_arena *a) {
    for (uint32_t i = 0; i < o->n; i++)
        if (jd_str_eq(o->members[i].name, name)) {
            o->members[i].val = v;
            return;
        }
    jd_jmember *more = jd_arena_alloc(a, (o->n + 1) * sizeof *more);
    if (o->n) memcpy(more, o->members, o->n * sizeof *more);
    more[o->n++] = (jd_jmember){name, v};
    o->members = more;
}

static void put_time(jd_jval *o, const char *name, jd_time t, jd_arena *a) {
    char text[JD_TIME_TEXT_MAX];
    size_t n = jd_time_print(t, 6, text);
    put(o, jd_str_of(name), jd_jmake_str(jd_arena_dup(a, (jd_str){text, n})), a);
}

static jd_jval *member(jd_jval *o, jd_str name) {
    for (uint32_t i = 0; o->type == JD_JOBJ && i < o->n; i++)
        if (jd_str_eq(o->members[i].name, name)) return &o->members[i].val;
    return NULL;
}

static void append(jd_jval *list, jd_jval v, jd_arena *a) {
    jd_jval *more = jd_arena_alloc(a, (list->n + 1) * sizeof *more);
    if (list->n) memcpy(more, list->items, list->n * sizeof *more);
    more[list->n++] = v;
    list->items = more;
}

static int is_instance(const jd_jval *v, jd_str dataset) {
    const jd_jval *d = jd_jget(v, "datasetId");
    return dataset.p ? d && d->type == JD_JSTR && jd_str_eq(jd_jstr(d), dataset) : !d;
}

/* An attribute's instance in a rendered entity (normalized or concise). */
static jd_jval *instance(jd_jval *entity, jd_str name, jd_str dataset) {
    jd_jval *v = member(entity, name);
    if (!v) return NULL;
    if (v->type != JD_JARR) return is_instance(v, dataset) ? v : NULL;
    for (uint32_t i = 0; i < v->n; i++)
        if (is_instance(&v->items[i], dataset)) return &v->items[i];
    return NULL;
}

/* ---- attributes that went ---- */

static jd_jval null_of(jd_kind kind, jd_arena *a) {
    jd_jval null = jd_jmake_str(JD_STR("urn:ngsi-ld:null"));
    if (kind != JD_LANGUAGEPROPERTY) return null;
    jd_jval map = object(a, 1);
    put(&map, JD_STR("@none"), null, a);
    return map;
}

/* What stands for the instance that went: with its type, its member as null, and when it was there. */
static jd_jval gone_instance(const sub *s, const jd_attrview *was, jd_time now, jd_arena *a) {
    jd_jval v = object(a, 8);
    put(&v, JD_STR("type"), jd_jmake_str(jd_str_of(jd_kind_name(was->kind))), a);
    put(&v, jd_str_of(jd_kind_member(was->kind)), null_of(was->kind, a), a);
    if (was->dataset.p) put(&v, JD_STR("datasetId"), jd_jmake_str(jd_arena_dup(a, was->dataset)), a);
    if (!s->sys_attrs) return v;
    put_time(&v, "createdAt", was->created, a);
    put_time(&v, "modifiedAt", was->modified, a);
    put_time(&v, "deletedAt", now, a);
    return v;
}

static void add_gone_simple(jd_jval *entity, jd_str name, const jd_attrview *was, jd_arena *a) {
    jd_jval null = null_of(was->kind, a), *there = member(entity, name);
    if (was->kind == JD_LANGUAGEPROPERTY) {
        jd_jval map = object(a, 1);
        put(&map, JD_STR("languageMap"), null, a);
        null = map;
    }
    jd_str key = was->dataset.p ? jd_arena_dup(a, was->dataset) : JD_STR("@none");
    jd_jval *sets = there ? member(there, JD_STR("dataset")) : NULL;
    if (sets) {
        put(sets, key, null, a);
    } else if (there || was->dataset.p) { /* several instances: by datasetId (4.5.4) */
        jd_jval by_set = object(a, 2), whole = object(a, 1);
        if (there) put(&by_set, JD_STR("@none"), *there, a);
        put(&by_set, key, null, a);
        put(&whole, JD_STR("dataset"), by_set, a);
        put(entity, name, whole, a);
    } else {
        put(entity, name, null, a);
    }
}

static void add_gone(const sub *s, jd_jval *entity, jd_str name, const jd_attrview *was, jd_time now, jd_arena *a) {
    if (s->format == JD_SIMPLIFIED) {
        add_gone_simple(entity, name, was, a);
        return;
    }
    jd_jval v = gone_instance(s, was, now, a), *there = member(entity, name);
    if (!there) {
        put(entity, name, v, a);
    } else if (there->type == JD_JARR) {
        append(there, v, a);
    } else {
        jd_jval list = {.type = JD_JARR};
        append(&list, *there, a);
        append(&list, v, a);
        *there = list;
    }
}

/* ---- what stood there before ---- */

static void add_previous(jd_jval *now, const jd_jval *before, jd_kind kind, jd_arena *a) {
    const char *name = jd_kind_member(kind);
    const jd_jval *v = before ? jd_jget(before, name) : NULL;
    if (!now || !v || now->type != JD_JOBJ) return;
    jd_str previous = jd_arena_printf(a, "previous%c%s", name[0] & ~32, name + 1);
    put(now, previous, *v, a);
}

static int is_there(const jd_doc *d, jd_sym name) {
    jd_attrview a;
    return d && jd_doc_attr(d, name, &a, NULL);
}

/* The default instance stands first. */
static int has_default(const jd_doc *d, jd_sym name) {
    jd_attrview a;
    return jd_doc_attr(d, name, &a, NULL) && !a.dataset.p;
}

static jd_jval tree_of(const jd_render *show, const jd_doc *d, jd_arena *a) {
    jd_buf text = {0};
    jd_jval v = {.type = JD_JOBJ};
    jd_render_entity(show, d, &text);
    jd_json_parse(a, jd_arena_dup(a, jd_buf_view(&text)), NULL, &v, NULL);
    jd_buf_fini(&text);
    return v;
}

/* Every instance that the entity had: is it another one now, or gone? */
static void add_changes(const sub *s, const jd_render *show, jd_jval *entity, const jd_doc *was, const jd_doc *is,
                        jd_arena *a) {
    jd_render plain = *show;
    jd_attrview old, now_there;
    jd_time now = jd_now();
    plain.format = JD_NORMALIZED;
    plain.join = JD_JOIN_NONE;
    plain.with_context = 0;
    jd_jval before = s->show_changes ? tree_of(&plain, was, a) : (jd_jval){.type = JD_JOBJ};
    int tells_gone = s->show_changes || s->triggers & SUB_ATTR_DELETED;
    for (jd_bytes rest = was->attrs; jd_attr_next(&rest, was->created, &old);) {
        if (!sub_is_watched(s, old.name) || !jd_proj_attr(s->proj, old.name)) continue;
        jd_str name = jd_ctx_compact(s->ctx, old.name);
        if (is && sub_instance(is, &old, &now_there)) {
            if (!sub_same_record(&old, &now_there) && s->show_changes)
                add_previous(instance(entity, name, old.dataset), instance(&before, name, old.dataset), old.kind, a);
        } else if (tells_gone && (!old.dataset.p || is_there(is, old.name) || !has_default(was, old.name))) {
            if (!is_there(is, old.name)) old.dataset.p = NULL; /* all of them went: told once */
            add_gone(s, entity, name, &old, now, a);
            if (s->show_changes)
                add_previous(instance(entity, name, old.dataset), instance(&before, name, old.dataset), old.kind, a);
        }
    }
}

/* An entity that is gone: its id, its types, and when it went. */
static jd_jval gone_entity(const sub *s, const jd_doc *was, jd_arena *a) {
    jd_jval v = object(a, 8), types = {.type = JD_JARR};
    jd_sym type;
    put(&v, JD_STR("id"), jd_jmake_str(jd_arena_dup(a, was->id)), a);
    for (jd_bytes rest = was->types; jd_syms_next(&rest, &type);)
        append(&types, jd_jmake_str(jd_ctx_compact(s->ctx, type)), a);
    put(&v, JD_STR("type"), types.n == 1 ? types.items[0] : types, a);
    if (s->sys_attrs) {
        put_time(&v, "createdAt", was->created, a);
        put_time(&v, "modifiedAt", was->modified, a);
    }
    put_time(&v, "deletedAt", jd_now(), a);
    return v;
}

/* ---- linked entities (4.5.23) ---- */

static int open_linked(void *user, jd_str id, jd_doc *out) {
    return jd_view_get(user, id, out);
}

enum { FLAT_MAX = 200 };

typedef struct flat {
    jd_arena *a;
    jd_str id[FLAT_MAX];
    const jd_proj *proj[FLAT_MAX];
    int level[FLAT_MAX];
    uint32_t n;
    int now;
} flat;

static void found(void *user, jd_str id, const jd_proj *proj) {
    flat *f = user;
    for (uint32_t i = 0; i < f->n; i++)
        if (jd_str_eq(f->id[i], id)) return;
    if (f->n == FLAT_MAX) return;
    f->id[f->n] = jd_arena_dup(f->a, id);
    f->proj[f->n] = proj;
    f->level[f->n++] = f->now;
}

static void add_flat(const sub *s, jd_render *show, jd_view *v, const jd_doc *is, jd_buf *data) {
    flat *f = JD_NEW(show->arena, flat);
    f->a = show->arena;
    f->now = 1;
    found(f, is->id, NULL);
    jd_render_links(show, is, f, found);
    for (uint32_t i = 1; i < f->n; i++) {
        jd_doc d;
        if (!jd_view_get(v, f->id[i], &d)) continue;
        show->proj = f->proj[i];
        jd_buf_c(data, ',');
        jd_render_entity(show, &d, data);
        f->now = f->level[i] + 1;
        if (f->now <= s->join_level) jd_render_links(show, &d, f, found);
    }
}

void notice_entity(jd_told_room *r, const sub *s, const jd_doc *was, const jd_doc *is, jd_arena *a, jd_buf *data) {
    jd_view v;
    uint32_t links = 1000;
    jd_render show = {.ctx = s->ctx,
                      .symbols = jd_engine_symbols(r->o.engine),
                      .format = s->format,
                      .sys_attrs = s->sys_attrs,
                      .geojson = s->geojson,
                      .with_context = s->ld,
                      .proj = s->proj,
                      .lang = s->lang,
                      .datasets = s->datasets,
                      .datasets_n = s->datasets_n,
                      .join = s->join,
                      .join_level = s->join_level,
                      .links_left = &links,
                      .arena = a};
    int changed = was && was != is && !s->geojson && (!is || s->show_changes || s->triggers & SUB_ATTR_DELETED);
    if (s->join != JD_JOIN_NONE) {
        jd_view_begin(&v, r->o.engine, s->tenant, a);
        show.user = &v;
        show.linked = open_linked;
    }
    if (changed) {
        jd_jval entity = is ? tree_of(&show, is, a) : gone_entity(s, was, a);
        add_changes(s, &show, &entity, was, is, a);
        if (!is && s->ld) put(&entity, JD_STR("@context"), *jd_ctx_source(s->ctx), a);
        jd_json_write(data, &entity);
    } else if (is) {
        jd_render_entity(&show, is, data);
    }
    if (is && s->join == JD_JOIN_FLAT) add_flat(s, &show, &v, is, data);
    if (s->join != JD_JOIN_NONE) jd_view_end(&v);
}

void notice_wrap(const sub *s, jd_str id, jd_time at, const jd_buf *data, jd_buf *out) {
    char text[JD_TIME_TEXT_MAX];
    size_t n = jd_time_print(at, 6, text);
    jd_buf_z(out, "{\"id\":");
    jd_json_write_str(out, id);
    jd_buf_z(out, ",\"type\":\"Notification\",\"subscriptionId\":");
    jd_json_write_str(out, s->id);
    jd_buf_printf(out, ",\"notifiedAt\":\"%.*s\"", (int)n, text);
    jd_buf_z(out, s->geojson ? ",\"data\":{\"type\":\"FeatureCollection\",\"features\":[" : ",\"data\":[");
    jd_buf_str(out, jd_buf_view(data));
    jd_buf_z(out, s->geojson ? "]}" : "]");
    if (s->ld) {
        jd_buf_z(out, ",\"@context\":");
        jd_render_context(s->ctx, out);
    }
    jd_buf_c(out, '}');
}

/* ---- how it is sent ---- */

const char *notice_type(const sub *s) {
    return s->geojson ? "application/geo+json" : s->ld ? "application/ld+json" : "application/json";
}

int notice_link(const sub *s, jd_str otherwise, jd_buf *out) {
    const jd_jval *own = jd_jget(&s->doc, "jsonldContext");
    jd_str url = own ? jd_jstr(own) : jd_ctx_url(s->ctx);
    if (!url.p) url = otherwise;
    if (s->ld || !url.p) return 0;
    jd_buf_printf(out, "<%.*s>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"",
                  JD_STR_ARG(url));
    return 1;
}

jd_str notice_tenant(const sub *s) {
    static const char name[] = "NGSILD-Tenant";
    for (uint32_t i = 0; i < s->receiver_n; i++) {
        jd_str own = s->receiver[i].name;
        if (own.n == sizeof name - 1 && !strncasecmp(own.p, name, own.n)) return (jd_str){"", 0};
    }
    return s->tenant_name;
}

/* Whether an entry of that name stands there already: a JSON object has each once. */
static int is_said(const sub *s, uint32_t i) {
    jd_str name = s->receiver[i].name;
    for (uint32_t k = 0; k < i; k++)
        if (jd_str_eq(s->receiver[k].name, name)) return 1;
    return jd_str_is(name, "Content-Type") || (!s->ld && jd_str_is(name, "Link"));
}

void notice_mqtt(const sub *s, jd_str notification, jd_buf *out) {
    jd_buf link = {0};
    jd_buf_printf(out, "{\"metadata\":{\"Content-Type\":\"%s\"", notice_type(s));
    if (notice_link(s, JD_STR(JD_CORE_CONTEXT_URL), &link)) {
        jd_buf_z(out, ",\"Link\":");
        jd_json_write_str(out, jd_buf_view(&link));
    }
    jd_str tenant = notice_tenant(s);
    if (tenant.n) {
        jd_buf_z(out, ",\"NGSILD-Tenant\":");
        jd_json_write_str(out, tenant);
    }
    for (uint32_t i = 0; i < s->receiver_n; i++) {
        if (is_said(s, i)) continue;
        jd_buf_c(out, ',');
        jd_json_write_str(out, s->receiver[i].name);
        jd_buf_c(out, ':');
        jd_json_write_str(out, s->receiver[i].value);
    }
    jd_buf_z(out, "},\"body\":");
    jd_buf_str(out, notification);
    jd_buf_c(out, '}');
    jd_buf_fini(&link);
}

/* Retrieving and querying entities, and purging: clauses 5.7.1, 5.7.2, 5.6.21;
 * resources 6.4.3.2, 6.4.3.3, 6.5.3.1, 6.23. */
#include "base/hash.h"
#include "http/api_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- retrieve ---- */

static char *put_hex(char *p, uint64_t v, int digits) {
    while (digits--) *p++ = "0123456789abcdef"[v >> (4 * digits) & 15];
    return p;
}

/* What shapes the answer besides the document: form, parameters, @context. */
static jd_str etag_of(api_ask *k, const jd_doc *d) {
    const char *query = memchr(k->r->target.p, '?', k->r->target.n);
    jd_str url = jd_ctx_url(k->ctx);
    uint64_t form = url.n ? jd_hash_fixed(url.p, url.n) : 0;
    if (query) form = form * 31 + jd_hash_fixed(query, (size_t)(k->r->target.p + k->r->target.n - query));
    form = form * 31 + (unsigned)k->accept * 4 + (unsigned)k->prefer_json * 2 + (unsigned)k->prefer_minor * 16;
    char *text = jd_arena_alloc(k->a, 28), *p = text;
    *p++ = '"';
    p = put_hex(p, jd_doc_etag(d), 16);
    *p++ = '-';
    p = put_hex(p, form ^ form >> 32, 8);
    *p++ = '"';
    *p = 0;
    return (jd_str){text, (size_t)(p - text)};
}

static int listed(jd_str list, jd_str etag) {
    if (jd_str_is(list, "*")) return 1;
    return list.p && memmem(list.p, list.n, etag.p, etag.n) != NULL;
}

static int not_there(api_ask *k) {
    jd_str id = k->r->parts[0];
    return jd_fail(&k->err, JD_E_NOT_FOUND, "entity %.*s does not exist", "实体 %.*s 不存在",
                   (int)(id.n > 150 ? 150 : id.n), id.p);
}

static void write_flat(api_ask *k, api_select *s, const jd_doc *d) {
    jd_buf *out = &k->r->out;
    api_flat *f = api_flat_begin(k, s);
    int geo = s->render.geojson;
    jd_buf_z(out, geo ? "{\"type\":\"FeatureCollection\",\"features\":[" : "[");
    size_t head = out->n;
    s->render.with_context = k->accept != API_JSON && !geo;
    jd_render_entity(&s->render, d, out);
    size_t body = out->n;
    api_flat_add(f, d);
    if (api_flat_write(f, out)) {
        jd_buf_c(out, ']');
        if (geo) {
            api_context_member(k, out);
            jd_buf_c(out, '}');
        }
    } else { /* nothing is linked: the entity alone */
        memmove(out->p, out->p + head, body - head);
        out->n = body - head;
        if (geo) {
            out->n--;
            api_context_member(k, out);
            jd_buf_c(out, '}');
        }
    }
    api_flat_end(f);
}

static int retrieve(api_ask *k, api_select *s) {
    jd_doc d;
    api_texts t;
    api_texts_of_params(k, &t);
    jd_str type = t.type;
    t.type.p = NULL;
    if (api_select_make(k, &t, s) || api_render_make(k, &t, s)) return -1;
    jd_names n = api_names(k);
    jd_typeq *types = NULL;
    if (type.p && !jd_str_is(type, "*") && jd_typeq_compile(&n, type, &types, &k->err)) return -1;
    if (api_view_begin(k)) return -1;
    if (!jd_view_get(&k->view, k->r->parts[0], &d) || (types && !jd_typeq_test(types, &d))) return not_there(k);
    if (!jd_proj_keeps(s->proj, &d))
        return jd_fail(&k->err, JD_E_NOT_FOUND, "the entity has none of the members that were asked for",
                       "该实体没有所要求的任何成员");
    if (s->render.join == JD_JOIN_NONE) {
        jd_str etag = etag_of(k, &d), have = jd_req_header(k->r, "If-None-Match");
        jd_req_add_header(k->r, "ETag", etag);
        if (have.p && listed(have, etag)) {
            k->r->status = 304;
            return 0;
        }
    }
    if (s->render.join == JD_JOIN_FLAT) {
        write_flat(k, s, &d);
        return api_links_ok(k, s);
    }
    s->render.with_context = k->accept == API_LDJSON || (k->accept == API_GEOJSON && !k->prefer_json);
    jd_render_entity(&s->render, &d, &k->r->out);
    return api_links_ok(k, s);
}

int api_no_entity_map(api_ask *k) {
    int on;
    if (api_bool(k, "entityMap", &on)) return -1;
    if (on)
        return jd_fail(&k->err, JD_E_NOT_BUILT, "entity maps are not supported by this version",
                       "此版本不支持实体映射（entityMap）");
    return 0;
}

/* Answers with r->out, brought to the older version that was preferred. */
static jd_turn shown(api_ask *k) {
    if (k->r->status == 304) return api_done(k, 304);
    if (k->prefer_minor && api_downgrade(k)) return api_answer(k, 203);
    return api_answer(k, 200);
}

jd_turn api_entity_get(jd_req *r) {
    jd_turn turn;
    r->status = 0;
    api_ask *k = api_begin(r, API_READ | API_GEO | API_ID | API_O_FORMAT | API_O_SYSATTRS, &turn);
    if (!k) return turn;
    api_select *s = JD_NEW(k->a, api_select);
    int rc = api_no_entity_map(k) || retrieve(k, s) ? -1 : 0;
    api_select_fini(s);
    return rc ? api_fail(k) : shown(k);
}

/* ---- links to other pages (clause 6.3.10) ---- */

static int by_name(const void *a, const void *b) {
    const jd_param *x = a, *y = b;
    return jd_str_cmp(x->name, y->name);
}

/* Values stand decoded but for what a URI in <> or a header cannot hold, and for what would end a value. */
static void add_value(jd_buf *b, jd_str v) {
    for (size_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];
        if (c <= ' ' || c >= 0x7f || strchr("\"<>\\^`{|}%#&+", c))
            jd_buf_printf(b, "%%%02X", c);
        else
            jd_buf_c(b, (char)c);
    }
}

static void add_page_link(api_ask *k, const char *type, const char *rel, uint64_t offset, uint64_t limit) {
    const jd_req *r = k->r;
    jd_param *list = JD_NEWN(k->a, jd_param, r->params_n + 2);
    size_t n = 0;
    for (size_t i = 0; i < r->params_n; i++)
        if (!jd_str_is(r->params[i].name, "offset") && !jd_str_is(r->params[i].name, "limit")) list[n++] = r->params[i];
    list[n++] = (jd_param){JD_STR("limit"), jd_arena_printf(k->a, "%llu", (unsigned long long)limit)};
    list[n++] = (jd_param){JD_STR("offset"), jd_arena_printf(k->a, "%llu", (unsigned long long)offset)};
    qsort(list, n, sizeof *list, by_name);
    jd_buf b = {0};
    jd_str path = r->path;
    while (path.n > 1 && path.p[path.n - 1] == '/') path.n--;
    jd_buf_c(&b, '<');
    jd_buf_str(&b, path);
    for (size_t i = 0; i < n; i++) {
        jd_buf_c(&b, i ? '&' : '?');
        add_value(&b, list[i].name);
        jd_buf_c(&b, '=');
        add_value(&b, list[i].value);
    }
    jd_buf_printf(&b, ">;rel=\"%s\";type=\"%s\"", rel, type);
    jd_req_add_header(k->r, "Link", jd_arena_dup(k->a, jd_buf_view(&b)));
    jd_buf_fini(&b);
}

void api_page_links(api_ask *k, const api_select *s, int more, uint64_t total) {
    if (s->count)
        jd_req_add_header(k->r, "NGSILD-Results-Count", jd_arena_printf(k->a, "%llu", (unsigned long long)total));
    if (!s->limit) return;
    const char *type = s->page_type ? s->page_type : "application/json";
    if (s->offset) add_page_link(k, type, "prev", s->offset > s->limit ? s->offset - s->limit : 0, s->limit);
    if (more || (s->count && total > s->offset + s->limit))
        add_page_link(k, type, "next", s->offset + s->limit, s->limit);
}

/* ---- query ---- */

typedef struct page {
    api_ask *k;
    api_select *s;
    api_flat *flat;
    uint64_t n;
    int more;
} page;

static int show(void *user, const jd_doc *d) {
    page *p = user;
    jd_buf *out = &p->k->r->out;
    if (p->n == p->s->limit) {
        p->more = 1;
        return 0; /* not 1: the rest may have to be counted */
    }
    if (p->n++) jd_buf_c(out, ',');
    jd_arena_mark m = jd_arena_tell(p->k->a);
    jd_render_entity(&p->s->render, d, out);
    if (p->flat)
        api_flat_add(p->flat, d); /* keeps what it found in the arena */
    else
        jd_arena_rewind(p->k->a, m);
    return 0;
}

static int run_query(api_ask *k, api_select *s) {
    jd_buf *out = &k->r->out;
    page p = {.k = k, .s = s};
    uint64_t total = 0;
    s->render.with_context = k->accept == API_LDJSON;
    if (s->limit) s->question.limit = s->limit + 1; /* one more tells whether there is a next page */
    if (s->render.join == JD_JOIN_FLAT) p.flat = api_flat_begin(k, s);
    jd_buf_z(out, s->render.geojson ? "{\"type\":\"FeatureCollection\",\"features\":[" : "[");
    int rc = jd_view_query(&k->view, &s->question, &p, show, s->count ? &total : NULL, NULL, &k->err);
    if (p.flat) {
        if (!rc && p.n) api_flat_write(p.flat, out);
        api_flat_end(p.flat);
    }
    if (rc || api_links_ok(k, s)) return -1;
    jd_buf_c(out, ']');
    if (s->render.geojson) {
        api_context_member(k, out);
        jd_buf_c(out, '}');
    }
    api_page_links(k, s, p.more, total);
    return 0;
}

/* A question over many entities goes to a worker, so that an I/O thread never stands still for it. */
static int must_wait(api_ask *k, const api_select *s) {
    if (k->r->may_block) return 0;
    return jd_view_estimate(&k->view, &s->question) > k->app->fast_max || s->render.join != JD_JOIN_NONE;
}

static jd_turn ask(api_ask *k, const api_texts *t) {
    api_select *s = JD_NEW(k->a, api_select);
    int rc = api_no_entity_map(k) || api_paging(k, s) || api_select_make(k, t, s) || api_render_make(k, t, s) ||
             api_narrow_enough(k, t, s) || api_view_begin(k);
    int later = !rc && must_wait(k, s);
    if (!rc && !later) rc = run_query(k, s);
    api_select_fini(s);
    if (rc) return api_fail(k);
    return later ? api_wait(k) : shown(k);
}

jd_turn api_entities_query(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_READ | API_GEO | API_O_FORMAT | API_O_SYSATTRS | API_O_COUNT, &turn);
    if (!k) return turn;
    api_texts t;
    api_texts_of_params(k, &t);
    return ask(k, &t);
}

/* ---- Query bodies (5.2.23) ---- */

static int bad_member(api_ask *k, const char *name, const char *en, const char *zh) {
    jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "%s must be %s%.0s", "%s 必须是%.0s%s", name, en, zh);
    return jd_fail_at(&k->err, "%s", name);
}

int api_text_member(api_ask *k, const jd_jval *in, const char *name, jd_str *out) {
    const jd_jval *v = jd_jget(in, name);
    if (!v) return 0;
    if (v->type != JD_JSTR) return bad_member(k, name, "a string", "字符串");
    *out = jd_jstr(v);
    return 0;
}

/* An array of strings (or one string) as the comma-separated list that the parameter of that name would be. */
int api_list_member(api_ask *k, const jd_jval *in, const char *name, jd_str *out) {
    const jd_jval *v = jd_jget(in, name);
    if (!v) return 0;
    if (v->type == JD_JSTR) {
        *out = jd_jstr(v);
        return 0;
    }
    int ok = v->type == JD_JARR && v->n > 0;
    jd_buf b = {0};
    for (uint32_t i = 0; ok && i < v->n; i++) {
        ok = v->items[i].type == JD_JSTR && v->items[i].n > 0;
        if (i) jd_buf_c(&b, ',');
        if (ok) jd_buf_str(&b, jd_jstr(&v->items[i]));
    }
    *out = jd_arena_dup(k->a, jd_buf_view(&b));
    jd_buf_fini(&b);
    return ok ? 0 : bad_member(k, name, "an array of at least one string", "至少有一个元素的字符串数组");
}

/* Coordinates: an array, or its text. */
static int coordinates_member(api_ask *k, const jd_jval *in, const char *name, jd_str *out) {
    const jd_jval *v = jd_jget(in, name);
    if (!v || v->type == JD_JSTR) {
        if (v) *out = jd_jstr(v);
        return 0;
    }
    if (v->type != JD_JARR) return bad_member(k, name, "an array of coordinates", "坐标数组");
    jd_buf b = {0};
    jd_json_write(&b, v);
    *out = jd_arena_dup(k->a, jd_buf_view(&b));
    jd_buf_fini(&b);
    return 0;
}

static int parts_of_body(api_ask *k, api_texts *t) {
    const jd_jval *b = &k->body, *geo = jd_jget(b, "geoQ"), *order = jd_jget(b, "ordering"),
                  *level = jd_jget(b, "joinLevel");
    if (geo) {
        if (geo->type != JD_JOBJ) return bad_member(k, "geoQ", "an object", "对象");
        if (api_text_member(k, geo, "georel", &t->georel) || api_text_member(k, geo, "geometry", &t->geometry) ||
            api_text_member(k, geo, "geoproperty", &t->geoproperty) ||
            coordinates_member(k, geo, "coordinates", &t->coordinates))
            return -1;
        if (!t->georel.p) return bad_member(k, "geoQ.georel", "there", "给出的");
    }
    if (order) {
        const jd_jval *from = jd_jget(order, "coordinates");
        if (order->type != JD_JOBJ) return bad_member(k, "ordering", "an object", "对象");
        if (from && from->type != JD_JARR) return bad_member(k, "ordering.coordinates", "an array", "数组");
        if (api_list_member(k, order, "orderBy", &t->order_by) ||
            api_text_member(k, order, "geometry", &t->order_geometry) ||
            api_text_member(k, order, "collation", &t->collation) ||
            coordinates_member(k, order, "coordinates", &t->order_from))
            return -1;
    }
    if (level) {
        double v = level->type == JD_JNUM ? jd_jnum(level) : 0;
        if (!(v >= 1 && v <= 1000) || v != (double)(int)v)
            return bad_member(k, "joinLevel", "a positive integer", "正整数");
        t->has_join_level = 1;
        t->join_level = (uint64_t)v;
    }
    return 0;
}

int api_texts_of_body(api_ask *k, api_texts *t) {
    const jd_jval *b = &k->body, *type = jd_jget(b, "type");
    *t = (api_texts){.entities = jd_jget(b, "entities")};
    if (!type || !jd_jis(type, "Query")) return bad_member(k, "type", "\"Query\"", "“Query”");
    if (t->entities && (t->entities->type != JD_JARR || !t->entities->n))
        return bad_member(k, "entities", "an array of at least one selector", "至少有一个选择器的数组");
    if (api_list_member(k, b, "attrs", &t->attrs) || api_list_member(k, b, "pick", &t->pick) ||
        api_list_member(k, b, "omit", &t->omit) || api_list_member(k, b, "datasetId", &t->dataset_id) ||
        api_list_member(k, b, "containedBy", &t->contained_by) ||
        api_list_member(k, b, "expandValues", &t->expand_values) || api_list_member(k, b, "jsonKeys", &t->json_keys) ||
        api_text_member(k, b, "q", &t->q) || api_text_member(k, b, "scopeQ", &t->scope_q) ||
        api_text_member(k, b, "csf", &t->csf) || api_text_member(k, b, "lang", &t->lang) ||
        api_text_member(k, b, "join", &t->join) || api_text_member(k, b, "geometryProperty", &t->geometry_property))
        return -1;
    return parts_of_body(k, t);
}

jd_turn api_entities_query_post(jd_req *r) {
    jd_turn turn;
    api_ask *k =
        api_begin(r, API_READ | API_GEO | API_BODY | API_OBJECT | API_O_FORMAT | API_O_SYSATTRS | API_O_COUNT, &turn);
    if (!k) return turn;
    api_texts t;
    if (jd_jget(&k->body, "temporalQ")) {
        api_bad(k, "temporalQ", "is for temporal queries", "仅用于时态查询");
        return api_fail(k);
    }
    return api_texts_of_body(k, &t) ? api_fail(k) : ask(k, &t);
}

/* ---- purge ---- */

/* Ids are found on one snapshot and removed page by page, each only if it is still what was found: an entity that
 * changed meanwhile was not what the asker meant. */
enum { PURGE_PAGE = 2000 };

typedef struct purge {
    api_ask *k;
    jd_str *ids;
    uint64_t *etags;
    size_t n, cap, at; /* found; the first of the page at the writer */
    jd_change_req rq;
    jd_write *page; /* PURGE_PAGE writes */
    api_item *failed;
    size_t failed_n, failed_cap;
} purge;

static int keep_id(void *user, const jd_doc *d) {
    purge *f = user;
    if (f->n == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 256;
        f->ids = jd_xrealloc(f->ids, f->cap * sizeof *f->ids);
        f->etags = jd_xrealloc(f->etags, f->cap * sizeof *f->etags);
    }
    f->etags[f->n] = jd_doc_etag(d);
    f->ids[f->n++] = jd_arena_dup(f->k->a, d->id);
    return 0;
}

static int purge_page(purge *f) {
    jd_job *job = &f->k->job;
    job->n = f->n - f->at < PURGE_PAGE ? f->n - f->at : PURGE_PAGE;
    for (size_t i = 0; i < job->n; i++) {
        f->page[i] = (jd_write){.rq = f->rq, .if_etag = f->etags[f->at + i]};
        f->page[i].rq.id = f->ids[f->at + i];
    }
    job->writes = f->page;
    job->bytes = job->n * sizeof(jd_write);
    return job->n ? jd_submit(f->k->app->engine, job, &f->k->err) : 1;
}

static void purge_failed(purge *f, jd_str id, const jd_err *err) {
    if (f->failed_n == f->failed_cap) {
        f->failed_cap = f->failed_cap ? f->failed_cap * 2 : 64;
        f->failed = jd_xrealloc(f->failed, f->failed_cap * sizeof *f->failed);
    }
    jd_err *kept = JD_NEW(f->k->a, jd_err);
    *kept = *err;
    f->failed[f->failed_n++] = (api_item){.id = id, .err = kept};
}

static void purge_end(purge *f) {
    free(f->ids);
    free(f->etags);
    free(f->failed);
}

static void purged(jd_job *job) {
    api_ask *k = job->user;
    purge *f = k->r->state;
    for (size_t i = 0; i < job->n; i++) {
        const jd_err *e = &job->writes[i].err;
        if (e->code && e->code != JD_E_NOT_FOUND && e->code != JD_E_PRECONDITION) purge_failed(f, f->page[i].rq.id, e);
    }
    f->at += job->n;
    int rc = purge_page(f);
    if (rc == 0) return; /* the next page is on its way */
    if (rc < 0)
        for (; f->at < f->n; f->at++) purge_failed(f, f->ids[f->at], &k->err);
    jd_req *r = k->r;
    if (f->failed_n) { /* failures stand in the order of the ids */
        api_item *all = JD_NEWN(k->a, api_item, f->n);
        for (size_t i = 0, bad = 0; i < f->n; i++) {
            int is = bad < f->failed_n && jd_str_eq(f->failed[bad].id, f->ids[i]);
            all[i] = (api_item){.id = f->ids[i], .err = is ? f->failed[bad].err : NULL};
            bad += (size_t)is;
        }
        api_batch_result(k, all, f->n);
    }
    api_done(k, f->failed_n ? 207 : 204);
    purge_end(f);
    jd_req_resume(r);
}

static int purge_names(api_ask *k, jd_change_req *rq) {
    jd_str keep = api_param(k, "keep"), drop = api_param(k, "drop");
    if (!keep.p && !drop.p) return 0;
    if (keep.p && drop.p)
        return jd_fail(&k->err, JD_E_BAD_REQUEST_DATA, "keep and drop exclude each other", "keep 与 drop 不能同时给出");
    jd_sym *names;
    if (api_sym_list(k, keep.p ? keep : drop, &names, &rq->names_n)) return -1;
    rq->op = JD_OP_PURGE_ATTRS;
    rq->flags = keep.p ? JD_AP_KEEP : 0;
    rq->names = names;
    return 0;
}

static int find_purged(api_ask *k, purge *f) {
    api_texts t;
    api_texts_of_params(k, &t);
    api_select *s = JD_NEW(k->a, api_select);
    int rc = purge_names(k, &f->rq) || api_paging(k, s) || api_select_make(k, &t, s) || api_narrow_enough(k, &t, s) ||
             api_view_begin(k);
    s->question.offset = 0;
    s->question.limit = UINT64_MAX;
    s->question.order = NULL;
    if (!rc) rc = jd_view_query(&k->view, &s->question, f, keep_id, NULL, NULL, &k->err);
    api_select_fini(s);
    if (k->viewing) jd_view_end(&k->view);
    k->viewing = 0;
    return rc;
}

jd_turn api_entities_purge(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, 0, &turn);
    if (!k) return turn;
    if (!r->may_block) return api_wait(k); /* it may walk the whole store */
    purge *f = JD_NEW(k->a, purge);
    *f = (purge){.k = k, .rq = {.op = JD_OP_DELETE, .observed = JD_TIME_NONE}};
    int rc = find_purged(k, f);
    if (!rc && f->n) {
        r->state = f;
        f->page = JD_NEWN(k->a, jd_write, f->n < PURGE_PAGE ? f->n : PURGE_PAGE);
        k->job.done = purged;
        api_job_ready(k);
        rc = purge_page(f);
        if (!rc) return JD_LATER; /* from here on it belongs to the writer */
    }
    int none = !rc && !f->n;
    purge_end(f);
    return none ? api_done(k, 204) : api_fail(k);
}

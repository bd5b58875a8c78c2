/* Consumption of the temporal evolution of entities: clauses 5.7.3, 5.7.4; resources 6.18.3.2, 6.19.3.1, 6.24.
 * History may have to be read from the disk, so all of it is done on a worker. */
#include "http/api_temporal.h"

#include <stdlib.h>
#include <string.h>

enum { SORTED_MAX = 1000000 }; /* entities that one question may put in order */

static void write_evolution(api_tq *q, const jd_evolution *e) {
    api_ask *k = q->k;
    jd_trender r = {.base = q->s->render, .values = k->evolution == API_E_VALUES, .property = q->window.property};
    r.base.with_context = k->accept == API_LDJSON;
    jd_arena_mark m = jd_arena_tell(k->a);
    jd_render_evolution(&r, e, &k->r->out);
    jd_arena_rewind(k->a, m);
}

static int write_aggregated(api_tq *q, const jd_doc *d) {
    api_ask *k = q->k;
    jd_trender r = {.base = q->s->render, .property = q->window.property};
    jd_taggr *list;
    size_t n;
    r.base.with_context = k->accept == API_LDJSON;
    if (api_tq_aggregate(q, d, &list, &n)) return -1;
    jd_render_aggregated(&r, d, list, n, q->methods, &k->r->out);
    return 0;
}

static jd_turn answer(api_ask *k, int status) {
    if (k->prefer_minor && api_downgrade(k) && status == 200) status = 203;
    return api_answer(k, status);
}

/* ---- one entity ---- */

static int not_known(api_ask *k) {
    jd_str id = k->r->parts[0];
    return jd_fail(&k->err, JD_E_NOT_FOUND, "nothing is known of entity %.*s", "没有实体 %.*s 的任何记录",
                   (int)(id.n > 150 ? 150 : id.n), id.p);
}

/* An entity without what was asked for is not found, unless it has it at another time. */
static int has_ever(api_tq *q, const jd_doc *d) {
    api_ask *k = q->k;
    api_tq any = *q;
    if (!q->s->proj) return 1;
    any.window = (jd_window){.from = INT64_MIN + 1, .to = INT64_MAX, .property = q->window.property};
    int yes = api_tq_exists(&any, d);
    if (yes) return yes;
    return jd_fail(&k->err, JD_E_NOT_FOUND, "the entity has none of the members that were asked for",
                   "该实体没有所要求的任何成员");
}

static int retrieve(api_tq *q, int *status) {
    api_ask *k = q->k;
    jd_doc d;
    int hidden;
    *status = 200;
    if (api_view_begin(k)) return -1;
    k->view.no_wait = !k->r->may_block; /* what is in memory is answered at once */
    if (!jd_view_get_temporal(&k->view, k->r->parts[0], &d, &hidden)) return not_known(k);
    if (k->evolution == API_E_AGGREGATED) return has_ever(q, &d) < 0 ? -1 : write_aggregated(q, &d);
    api_tpage page;
    api_tpage_begin(&page, q);
    int rc = api_tpage_add(&page, &d, 1);
    if (rc == 0) rc = has_ever(q, &d);
    if (rc > 0) {
        *status = api_tpage_end(&page);
        write_evolution(q, page.ents);
    }
    api_tpage_fini(&page);
    return rc < 0 ? -1 : 0;
}

jd_turn api_temporal_get(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_READ | API_ID | API_O_TEMPORAL | API_O_SYSATTRS, &turn);
    if (!k) return turn;
    api_texts t;
    api_twords w;
    api_tq q;
    int status;
    api_select *s = JD_NEW(k->a, api_select);
    api_texts_of_params(k, &t);
    api_twords_of_params(k, &w);
    int rc = api_no_entity_map(k) || api_tq_make(k, &t, &w, 1, s, &q) || retrieve(&q, &status);
    api_select_fini(s);
    if (rc && k->view.would_wait) return api_wait(k);
    return rc ? api_fail(k) : answer(k, status);
}

/* ---- many ---- */

typedef struct asked {
    api_tq *q;
    api_tpage page;
    uint64_t matched, shown;
    int more, rc;
    jd_doc *docs; /* with orderBy */
    size_t docs_n, docs_cap;
} asked;

/* Behind the page there may be another, and the rest may have to be counted. */
static int enough(asked *x) {
    const api_select *s = x->q->s;
    if (x->matched > s->offset + s->limit) x->more = 1;
    return x->more && !s->count;
}

static int show_aggregated(asked *x, const jd_doc *d) {
    api_ask *k = x->q->k;
    int yes = api_tq_exists(x->q, d);
    if (yes <= 0) return yes;
    if (x->shown) jd_buf_c(&k->r->out, ',');
    return write_aggregated(x->q, d) ? -1 : 1;
}

static int candidate(void *user, const jd_doc *d) {
    asked *x = user;
    api_tq *q = x->q;
    jd_arena_mark m = jd_arena_tell(q->k->a);
    int on_page = x->matched >= q->s->offset && x->shown < q->s->limit;
    int yes = api_tq_test(q, d);
    if (yes > 0)
        yes = !on_page                              ? api_tq_exists(q, d)
              : q->k->evolution == API_E_AGGREGATED ? show_aggregated(x, d)
                                                    : api_tpage_add(&x->page, d, 0);
    if (yes <= 0 || !on_page || q->k->evolution == API_E_AGGREGATED) jd_arena_rewind(q->k->a, m);
    if (yes < 0) {
        x->rc = -1;
        return 1;
    }
    x->matched += (uint64_t)yes;
    x->shown += (uint64_t)(yes && on_page);
    return yes && enough(x);
}

static int collect(void *user, const jd_doc *d) {
    asked *x = user;
    if (x->docs_n == SORTED_MAX) {
        x->rc = jd_fail(&x->q->k->err, JD_E_TOO_COMPLEX_QUERY, "more than %d entities would have to be put in order",
                        "需要排序的实体超过 %d 个", (int)SORTED_MAX);
        return 1;
    }
    if (x->docs_n == x->docs_cap) {
        x->docs_cap = x->docs_cap ? x->docs_cap * 2 : 256;
        x->docs = jd_xrealloc(x->docs, x->docs_cap * sizeof *x->docs);
    }
    x->docs[x->docs_n++] = *d;
    return 0;
}

static int by_id(const void *a, const void *b) {
    const jd_doc *x = a, *y = b;
    return jd_str_cmp(x->id, y->id);
}

static int by_id_down(const void *a, const void *b) {
    return by_id(b, a);
}

static int look(asked *x) {
    api_tq *q = x->q;
    api_ask *k = q->k;
    q->s->question.offset = 0;
    q->s->question.limit = UINT64_MAX;
    q->s->question.count = 0;
    if (jd_view_query(&k->view, &q->s->question, x, q->by_id ? collect : candidate, NULL, NULL, &k->err)) return -1;
    if (x->rc || !q->by_id) return x->rc;
    if (x->docs_n) qsort(x->docs, x->docs_n, sizeof *x->docs, q->by_id > 0 ? by_id : by_id_down);
    for (size_t i = 0; i < x->docs_n; i++)
        if (candidate(x, &x->docs[i])) break;
    return x->rc;
}

static int run(api_tq *q, int *status) {
    api_ask *k = q->k;
    asked x = {.q = q};
    *status = 200;
    api_tpage_begin(&x.page, q);
    jd_buf_c(&k->r->out, '[');
    int rc = look(&x);
    if (!rc && k->evolution != API_E_AGGREGATED) {
        *status = api_tpage_end(&x.page);
        for (size_t i = 0; i < x.page.n; i++) {
            if (i) jd_buf_c(&k->r->out, ',');
            write_evolution(q, &x.page.ents[i]);
        }
    }
    jd_buf_c(&k->r->out, ']');
    api_tpage_fini(&x.page);
    free(x.docs);
    if (!rc) api_page_links(k, q->s, x.more, x.matched);
    return rc;
}

static jd_turn ask(api_ask *k, api_texts *t, const api_twords *w) {
    api_tq q;
    int status;
    api_select *s = JD_NEW(k->a, api_select);
    int rc = api_no_entity_map(k) || api_paging(k, s) || api_tq_make(k, t, w, 0, s, &q) || api_narrow_enough(k, t, s) ||
             api_view_begin(k) || run(&q, &status);
    api_select_fini(s);
    return rc ? api_fail(k) : answer(k, status);
}

jd_turn api_temporal_query(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_READ | API_O_TEMPORAL | API_O_SYSATTRS | API_O_COUNT, &turn);
    if (!k) return turn;
    if (!r->may_block) return api_wait(k);
    api_texts t;
    api_twords w;
    api_texts_of_params(k, &t);
    api_twords_of_params(k, &w);
    return ask(k, &t, &w);
}

jd_turn api_temporal_query_post(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_READ | API_BODY | API_OBJECT | API_O_TEMPORAL | API_O_SYSATTRS | API_O_COUNT, &turn);
    if (!k) return turn;
    if (!r->may_block) return api_wait(k);
    api_texts t;
    api_twords w;
    if (api_texts_of_body(k, &t) || api_twords_of_body(k, &w)) return api_fail(k);
    return ask(k, &t, &w);
}

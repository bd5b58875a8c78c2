/* http/api_temporal.h - what the api_temporal*.c files share: a question about evolutions, compiled (5.7.3, 5.7.4).
 * Everything lives in the request's arena; a page also in memory of its own until api_tpage_fini. */
#ifndef JD_HTTP_API_TEMPORAL_H
#define JD_HTTP_API_TEMPORAL_H
#include "engine/history.h"
#include "http/api_int.h"

typedef struct api_twords { /* TemporalQuery and AggregationParams (5.2.21) as texts; p NULL: not given */
    jd_str timerel, time_at, end_time_at, timeproperty, last_n, aggr_methods, aggr_period;
} api_twords;

typedef enum api_timerel { API_ALWAYS, API_BEFORE, API_AFTER, API_BETWEEN } api_timerel;

typedef struct api_tq {
    api_ask *k;
    api_select *s;
    api_timerel rel;
    jd_time at, end;
    jd_window window;
    const jd_scopeq *scopes;
    jd_wanted wanted; /* what may be shown: attrs or pick, and datasetId */
    jd_wanted tested; /* what q and the geo-query are about */
    unsigned methods; /* of aggregated answers, with */
    jd_period period;
    int by_id; /* orderBy: 1 ascending, -1 descending, 0 not asked for */
} api_tq;

/* ---- words (api_temporal_words.c) ---- */
void api_twords_of_params(const api_ask *k, api_twords *w);
int api_twords_of_body(api_ask *k, api_twords *w); /* temporalQ and aggrParams of a Query; 0 or -1 */
/* Compiles what is asked; about_one: of one entity, which needs no temporal query. t->order_by is taken out of *t.
 * 0 or -1. */
int api_tq_make(api_ask *k, api_texts *t, const api_twords *w, int about_one, api_select *s, api_tq *q);

/* ---- one entity (api_temporal_find.c) ---- */
/* Do q and the geo-query hold for instances in the window? 1, 0, -1. */
int api_tq_test(api_tq *q, const jd_doc *d);
/* What is shown of an entity in that window: scopes, datasetId, projection, then the last n. 0 or -1. */
int api_tq_fetch(api_tq *q, const jd_doc *d, const jd_window *w, jd_evolution *out);
/* Is an entity of which that is shown an answer? 1, 0, -1. */
int api_tq_kept(api_tq *q, const jd_doc *d, const jd_evolution *e);
/* Would it be an answer? Reads no more than it must. 1, 0, -1. */
int api_tq_exists(api_tq *q, const jd_doc *d);
int api_tq_aggregate(api_tq *q, const jd_doc *d, jd_taggr **out, size_t *n);
/* Where an instance stands in time for the question. */
jd_time api_tq_time(const api_tq *q, const jd_inst *i);

/* ---- pages (api_temporal_page.c) ---- */
typedef struct api_tpage { /* the entities of an answer, of which at most so many instances are shown at once */
    api_tq *q;
    jd_evolution *ents;
    size_t n, cap;
    size_t held;   /* instances */
    int cut;       /* something was left out: 206 */
    jd_time bound; /* what lies beyond it is on a later page; JD_TIME_NONE: not known yet */
} api_tpage;
void api_tpage_begin(api_tpage *p, api_tq *q);
/* even_bare: takes an entity of which nothing is shown too. 1 or 0 as api_tq_kept, or -1. */
int api_tpage_add(api_tpage *p, const jd_doc *d, int even_bare);
/* Cuts what is too much, and says so in Content-Range (6.3.10). The answer's status. */
int api_tpage_end(api_tpage *p);
void api_tpage_fini(api_tpage *p);
#endif

/* engine/history.h - what was: the evolution of entities over time, as a view sees it.
 *
 * A view's document holds the newest instance of each attribute, history those it replaced and what was only told to
 * the temporal API; both are joined here. An entity that was deleted, or is known only from the temporal API, lives on
 * as a hidden document (id and types) that ordinary views do not see. Memory: results live in the given arena and in
 * the view. Threads: any; these functions may read the disk, so they run on workers. Fails: JD_E_INTERNAL (a damaged
 * row, its place), JD_E_TOO_COMPLEX_QUERY (more readings than engine option history_read_max). */
#ifndef JD_ENGINE_HISTORY_H
#define JD_ENGINE_HISTORY_H
#include "engine/engine.h"
#include "model/temporal.h"

/* Opens an entity for its history: also a hidden one. *hidden: it is not there for ordinary views. 1 or 0. */
int jd_view_get_temporal(jd_view *v, jd_str id, jd_doc *out, int *hidden);

typedef struct jd_window {
    jd_timeprop property;
    int given;        /* instances must have the property (and lie in the window); 0: all instances */
    jd_time from, to; /* from <= t < to; INT64_MIN + 1 and INT64_MAX: open */
    /* with `given` 0 and observedAt: by their place in time */
    uint32_t last_n;  /* of each (attribute, datasetId) those latest by the property; 0: all */
    uint32_t first_n; /* with last_n 0: those earliest; 0: all */
} jd_window;

typedef struct jd_wanted { /* which series */
    const jd_sym *attrs;   /* any of these; NULL: all. 0 in it: a name the store does not know */
    size_t attrs_n;
    const jd_str *datasets; /* "@none": the default one; NULL: all */
    size_t datasets_n;
} jd_wanted;

/* Attributes that have an instance in the window, in order of first appearance in the document, then by symbol;
 * instances oldest first. `out->deleted` is filled. d: from jd_view_get_temporal or a temporal question of the same
 * view. The scope is one of the attributes (JD_SYM_SCOPE), wanted when attrs is NULL or names it; its last instance
 * before the window counts as in it when scope_before is set. */
int jd_view_evolution(jd_view *v, const jd_doc *d, const jd_wanted *w, const jd_window *win, int scope_before,
                      jd_arena *a, jd_evolution *out, jd_err *err);

/* The evolution aggregated: from whole chunks where it can. Periods are counted from origin (JD_TIME_NONE: the earliest
 * instance of each attribute and datasetId); of a period of no length there is one, over the window, or where that is
 * open from the first to the last instance. */
int jd_view_aggregate(jd_view *v, const jd_doc *d, const jd_wanted *w, const jd_window *win, const jd_period *p,
                      jd_time origin, unsigned methods, jd_arena *a, jd_taggr **out, size_t *n, jd_err *err);

/* The default instance of one attribute by observedAt, for whoever asks for the same short time again and again
 * (rules): what counts of `from` <= t <= `to`, oldest first, in the arena; before: and the last one before that, where
 * it is known. As jd_view_evolution has it, without its documents. 1; 0: ask that; -1. */
typedef struct jd_sample {
    jd_time at;
    jd_num num;
    int numeric; /* else it is of another kind than number */
} jd_sample;
typedef struct jd_samples {
    jd_sample *p;
    size_t n;
    int before;   /* p[0] lies before the window */
    int complete; /* else there may be one before the window that is not known here */
} jd_samples;
int jd_view_samples(jd_view *v, jd_str id, jd_sym attr, jd_time from, jd_time to, int before, jd_arena *a,
                    jd_samples *out, jd_err *err);

/* A document with the id, types and scopes of d and the given instances as instances of their attributes: what a q or a
 * geo-query over time is asked of. */
int jd_evolution_doc(jd_view *v, const jd_evolution *e, jd_arena *a, jd_doc *out, jd_err *err);

/* ---- writing: jd_write.rq.op is one of JD_OP_T_*, jd_write.moments what it writes ---- */
/* Takes apart what was parsed (jd_temporal_parse), on the submitter's thread; the result and what it points to live in
 * the arena. With op JD_OP_OBSERVE (entities as links and tables tell them) rq->ent becomes the newest instance of each
 * attribute, which the current entity takes when it is newer than what it has. */
int jd_moments_make(jd_engine *e, const jd_ent *ent, jd_arena *a, jd_write *w, jd_err *err);

typedef struct jd_told { /* what tables and links tell of one entity, in any order */
    jd_str id;
    jd_sym *types;
    uint32_t types_n;
    jd_attr *attrs; /* put in order here */
    uint32_t attrs_n;
} jd_told;
/* Readings, each with its time: *w becomes a JD_OP_OBSERVE, which lives in the arena and keeps nothing of t. */
int jd_observe_readings(jd_engine *e, const jd_told *t, jd_arena *a, jd_write *w, jd_err *err);
/* What is told without a time: *w becomes a write of what the entity does not say already, which lives in the arena
 * and keeps nothing of t. tenant: -1 when it is not there yet. 1; 0: nothing is new; -1. */
int jd_observe_fixed(jd_engine *e, int tenant, const jd_told *t, jd_arena *a, jd_write *w, jd_err *err);

/* For JD_OP_T_ATTR_DELETE: fills w->moments so that all readings of the series that e holds go (e: an evolution of all
 * the instances that are to go, however many). */
void jd_moments_clear(const jd_evolution *e, jd_arena *a, jd_write *w);

/* Seals and merges all that is in memory into one run; returns when it is on the disk. */
int jd_engine_settle(jd_engine *e, jd_err *err);
#endif

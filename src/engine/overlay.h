/* engine/overlay.h - what the group being built has changed, before anybody sees it. Writer only. */
#ifndef JD_ENGINE_OVERLAY_H
#define JD_ENGINE_OVERLAY_H
#include "engine/engine_int.h"

typedef struct pending {
    coll *c;
    uint32_t serial;
    uint32_t hash;
    version *v;    /* newest of this group; NULL after an undo of the first change */
    int fresh;     /* the serial was taken for this group */
    unsigned like; /* JD_LIKE_*: how all that the group made of it is like what is published */
} pending;

typedef struct undo {
    uint32_t entry;
    version *was;
} undo;

typedef struct overlay {
    pending *p;
    uint32_t n, cap;
    uint32_t *table; /* open addressing over p: number + 1 */
    uint32_t table_cap;
    undo *undo;
    uint32_t undo_n, undo_cap;
    jd_tenant **tenants; /* made in this group */
    uint32_t tenants_n, tenants_cap;
    size_t bytes;
    struct outcome { /* writes whose answer hangs on the group */
        jd_write *w;
    } * writes;
    uint32_t writes_n, writes_cap;
    jd_job **finished; /* jobs to answer after the group */
    uint32_t finished_n, finished_cap;
    jd_store_change *changes;
    jd_store_symbol *symbols;
    uint32_t changes_cap, symbols_cap;
    jd_job *turn; /* jobs in work, in order */
    jd_buf hist;  /* change sets of history, of */
    hist_change *hists;
    uint32_t hists_n, hists_cap;
    jd_buf was; /* what stood there before: of */
    struct was_entry {
        jd_key key;
        size_t at, n;
    } * wases;
    uint32_t wases_n, wases_cap;
} overlay;

#define PUSH(o, list, item)                                                          \
    do {                                                                             \
        if ((o)->list##_n == (o)->list##_cap) {                                      \
            (o)->list##_cap = (o)->list##_cap ? (o)->list##_cap * 2 : 64;            \
            (o)->list = jd_xrealloc((o)->list, (o)->list##_cap * sizeof *(o)->list); \
        }                                                                            \
        (o)->list[(o)->list##_n++] = (item);                                         \
    } while (0)

/* The group's entry of an id, or NULL. */
pending *overlay_find(overlay *o, const coll *c, jd_str id);
void overlay_pop(overlay *o); /* the newest entry goes; its serials belong to a tenant that goes too */
void overlay_clear(overlay *o);
void overlay_free(overlay *o);
/* Back to a mark, for a change set of which one part failed. Fresh serials stay with the overlay until the group ends.
 */
void overlay_rewind(jd_engine *e, overlay *o, uint32_t undo_to);
/* The state that the next change of this group sees, hidden documents too; NULL: not there. */
const version *state_of(overlay *o, coll *c, jd_str id, pending **p, uint32_t *serial);
/* What these writes will ask for; the first n of them. */
void states_ahead(jd_tenant *t, const jd_write *w, size_t n);
/* What a write holds will be looked at very soon. */
void write_ahead(const jd_write *w);
/* The same of jobs of one write each. */
void jobs_ahead(jd_engine *e, const jd_job *jobs);
/* Returns the serial that the state has. */
uint32_t state_set(jd_engine *e, overlay *o, coll *c, jd_str id, pending *p, uint32_t serial, jd_str bytes, int gone);
/* The same, of a document that is there; like: how it is like the state that it follows (JD_LIKE_*). */
uint32_t state_follow(jd_engine *e, overlay *o, coll *c, jd_str id, pending *p, uint32_t serial, jd_str bytes,
                      unsigned like);

/* change.c: one write, applied to the overlay. 0, or -1 with w->err. */
int change_apply(jd_engine *e, overlay *o, jd_tenant *t, jd_write *w, jd_arena *results, jd_time now);
/* The same for the first n (returned, 2 or more) of `most` writes, where each tells newer readings of the same series
 * of one entity, which has them: one new version instead of n, and the same history. 0: they are not so. */
uint32_t change_apply_run(jd_engine *e, overlay *o, jd_tenant *t, jd_write *w, size_t most, jd_arena *results,
                          jd_time now);
#endif

/* engine/recent.h - newest sealed readings of the series that windows ask about, kept as a few bytes each, so that a
 * question about the last hour opens no row. Inside the engine: history_int.h says who moves what.
 *
 * Rows never change, so what was read of them stays right; what sealing adds is taken in from the heads before their
 * run is whole (recent_absorb). An entry has all readings of its series with at >= `from` that were sealed up to the
 * group `upto`, or more of them, never fewer; whatever is doubtful is asked the long way. Bounded in bytes: who is in
 * stays while it is asked, who comes to a full house is answered and not kept.
 *
 * Locks: recent.mutex, for one look at an entry; recent.building, for one series that is read from rows; this
 * one first. history.lock may be taken inside neither. */
#ifndef JD_ENGINE_RECENT_H
#define JD_ENGINE_RECENT_H
#include "engine/history_int.h"

typedef struct recent recent;
recent *recent_new(size_t bytes, uint64_t upto);
void recent_free(recent *c);

/* Historian: frozen heads, before their run is whole. entities: theirs, ascending. */
void recent_absorb(recent *c, const heads *hs, const uint64_t *entities, size_t n);

/* A reading without what only its text needs. */
static inline jd_reading reading_slim(const jd_reading *r) {
    int number = r->flags & JD_R_NUMERIC && r->nums_n > 0;
    return (jd_reading){.at = r->at,
                        .recorded = r->recorded,
                        .flags = r->flags,
                        .nums = number ? r->nums : NULL,
                        .nums_n = number ? 1 : 0};
}

typedef struct recent_wish {
    uint64_t entity;
    uint32_t attr;
    jd_time from, to; /* of `at`, both within */
    int before;       /* what lies before `from` is wanted, as far as it is known: *since says from when on */
} recent_wish;
/* Appends what is sealed, and what is in st->frozen where *frozen becomes 0, in no order; CLEARs are not among it:
 * *cleared is raised to the newest. 1; 0: it is to be asked the long way; -1. */
int recent_read(history *h, hist_state *st, const recent_wish *w, jd_points *out, jd_time *cleared, int *frozen,
                jd_time *since, jd_err *err);

typedef struct recent_figures {
    uint64_t bytes, series, asked, built, refused, evicted;
} recent_figures;
void recent_tell(recent *c, recent_figures *out);
#endif

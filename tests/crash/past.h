/* What a few entities were and are, kept naively, and the writes that make it so: for the crash tests of the engine.
 * Every value told is a new number, so that a reading is known wherever it turns up, and turning up twice is seen. */
#ifndef CRASH_PAST_H
#define CRASH_PAST_H
#include "../unit/store/model.h"
#include "engine/history.h"

enum { PAST_ENTS = 5, PAST_ATTRS = 2, PAST_SETS = 2, PAST_TIMES = 40, PAST_TOLD = 192 };

typedef struct past_series { /* readings with a time of observation */
    int64_t v[PAST_TIMES];   /* by time; 0: none */
    uint32_t gone;           /* deletions told of */
    int now_t;               /* the entity's own instance; now_v 0: none */
    int64_t now_v;
} past_series;
typedef struct past_entity {
    int known;   /* 0: not at all; 1: its history alone; 2: it is there */
    int deleted; /* known 1: it was there once */
    past_series s[PAST_ATTRS][PAST_SETS];
    int64_t told[PAST_TOLD]; /* the attribute `u`, whose instances have no time of observation, in order; -1: deleted */
    uint32_t told_n;
    int64_t now_told; /* the entity's own; 0: none */
} past_entity;
typedef struct past {
    past_entity e[PAST_ENTS];
} past;

/* Reads all of it back through views: evolutions, last instances, counts of aggregates, the entities themselves. -1:
 * `why` says what cannot be, or what failed. */
int past_read(jd_engine *e, past *out, char *why, size_t cap);
int past_differs(const past *a, const past *b, char *why, size_t cap); /* 0: the same */

/* ---- writes drawn at random ---- */
typedef struct past_draw {
    rng *r;
    jd_engine *e;
    jd_arena *a;
    past *m;        /* what is before the write, and after it */
    int64_t *value; /* the last one told */
} past_draw;
enum { PAST_WRITE_MAX = 32000 }; /* the engine's history_write_max must be this */
/* A write on the entity. 1: it must be done, *m is what comes of it; 0: it must be refused. */
int past_draw_write(past_draw *d, int entity, jd_write *w);
/* Forgets the entity and tells of it anew: two writes of one group. 0: there is nothing to forget. */
int past_draw_again(past_draw *d, int entity, jd_write *w);
jd_str past_tenant(int entity);
#endif

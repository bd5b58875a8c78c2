/* A naive store for the tests to compare with: an array of keys with their newest bodies. Slow and obvious on purpose.
 * Also the seeded numbers and groups that all store tests draw from. */
#ifndef STORE_TEST_MODEL_H
#define STORE_TEST_MODEL_H
#include "rowmodel.h"

enum { MODEL_KEYS = 600 };
typedef struct model {
    jd_buf body[MODEL_KEYS];
    int there[MODEL_KEYS];
    int orphan[MODEL_KEYS]; /* while loading: patched while absent, so a removal is to follow */
    uint64_t group;
    uint32_t symbols; /* numbers 1 .. symbols */
    rowmodel rows;
} model;

/* Keys of two tenants and three kinds; some lie close together, some each on a bitmap page of its own. */
jd_key model_key(uint32_t i);
int model_index(jd_key key); /* -1: no key of the model */
void model_set(model *m, uint32_t i, jd_str body);
void model_copy(model *to, const model *from);
void model_fini(model *m);
/* A jd_store_current_fn; user is the model. */
jd_str model_current(void *user, jd_key key);
/* 0 when both hold the same; else says in `why` what differs. */
int model_differs(const model *a, const model *b, char *why, size_t cap);
/* Fills an empty model from a store's load. -1: the load failed, or gave what no group can have written. */
int model_load(jd_store *s, model *m, jd_err *err);

/* A group drawn at random, with everything that it points to. */
typedef struct model_group {
    jd_store_group g;
    jd_store_change changes[64];
    jd_store_symbol symbols[4];
    char names[4][32];
    jd_buf bytes;
} model_group;
typedef struct model_shape {
    uint32_t changes_max; /* 0 .. changes_max changes; at most 64 */
    uint32_t keys;        /* of the first so many keys; at most MODEL_KEYS */
    uint32_t body_max;    /* bytes; one body in 24 is up to 20 times longer, so that it needs overflow pages */
    uint32_t events_max;  /* log-only changes among them, 0 .. events_max more; at most 64 with the others */
} model_shape;
/* The group that follows m. Its bytes live until the next draw into the same model_group. */
void model_draw(rng *r, const model *m, const model_shape *shape, model_group *out);
void model_apply(model *m, const jd_store_group *g);
#endif

/* A cheap guess at how many documents a question will look at, so that the asker can choose a thread for it. */
#include "engine/engine_int.h"

enum { TYPES_MAX = 16 };

uint64_t jd_view_estimate(jd_view *v, const jd_question *q) {
    if (!v->t) return 0;
    if (q->ids_n) return q->ids_n;
    jd_sym types[TYPES_MAX];
    int types_n = q->types ? jd_typeq_any_of(q->types, types, TYPES_MAX) : -1;
    jd_box boxes[2];
    int boxes_n = q->geo && q->geo_property ? jd_geoq_boxes(q->geo, boxes) : 0;
    uint64_t least = atomic_load(&v->t->entities.live), typed = 0, near = 0;
    pthread_rwlock_rdlock(&v->t->lock);
    for (int i = 0; i < types_n; i++) {
        const bitset *b = types[i] ? index_type(&v->t->ix, types[i]) : NULL;
        typed += b ? b->count : 0;
    }
    const jd_geoindex *g = boxes_n ? index_geo(&v->t->ix, q->geo_property) : NULL;
    for (int i = 0; g && i < boxes_n; i++) near += jd_geoindex_estimate(g, boxes[i]);
    pthread_rwlock_unlock(&v->t->lock);
    if (types_n >= 0 && typed < least) least = typed;
    if (boxes_n && near < least) least = near;
    return least;
}

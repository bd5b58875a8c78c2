/* Geo-queries (4.10) on the GeoProperties of a document. */
#include "model/query.h"

/* Distance-ordering and geo tests look at every instance of the GeoProperty; one that matches is enough. */
int jd_doc_geo(const jd_doc *d, jd_sym attr, const jd_geoq *g, const jd_symtab *symbols, jd_arena *scratch,
               double *dist) {
    jd_attrview a;
    jd_bytes rest = {NULL, NULL};
    int yes = 0;
    if (!jd_doc_attr(d, attr, &a, &rest)) return 0;
    do {
        if (a.kind != JD_GEOPROPERTY) continue;
        jd_arena_mark m = jd_arena_tell(scratch);
        jd_jval tree = jd_node_tree(a.value, symbols, scratch);
        jd_shape *s;
        if (jd_shape_reread(scratch, &tree, &s, NULL) == 0) {
            if (dist) {
                double m2 = jd_geoq_distance(g, s);
                if (!yes || m2 < *dist) *dist = m2;
                yes = 1;
            } else {
                yes = jd_geoq_test(g, s);
            }
        }
        jd_arena_rewind(scratch, m);
    } while ((dist || !yes) && jd_attr_next(&rest, d->created, &a) && a.name == attr);
    return yes;
}

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

/* A point, which is what most are, is read without building anything. */
int jd_node_box(jd_node n, const jd_symtab *symbols, jd_arena *scratch, jd_box *box) {
    jd_nodeiter it = jd_node_items(n);
    jd_sym key;
    jd_str raw;
    jd_node m, kind = {NULL, NULL}, at = {NULL, NULL};
    while (jd_node_member(&it, &key, &raw, &m)) {
        if (jd_str_is(raw, "type")) kind = m;
        if (jd_str_is(raw, "coordinates")) at = m;
    }
    if (kind.p && at.p && jd_node_type(kind) == JD_N_STR && jd_str_is(jd_node_str(kind), "Point") &&
        jd_node_type(at) == JD_N_ARR) {
        jd_node lon, lat;
        jd_nodeiter c = jd_node_items(at);
        if (!jd_node_next(&c, &lon) || !jd_node_next(&c, &lat)) return 0;
        box->w = box->e = jd_node_num(lon);
        box->s = box->n = jd_node_num(lat);
        return 1;
    }
    jd_arena_mark mark = jd_arena_tell(scratch);
    jd_jval tree = jd_node_tree(n, symbols, scratch);
    jd_shape *s;
    int ok = jd_shape_reread(scratch, &tree, &s, NULL) == 0;
    if (ok) *box = jd_shape_box(s);
    jd_arena_rewind(scratch, mark);
    return ok;
}

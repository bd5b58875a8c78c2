/* model/render.h - a document as JSON in the asker's words, in one pass (GS CIM 009 clauses 4.5.4-4.5.5
 * simplified, 4.5.0/C.2.2 normalized and concise, 4.5.16 GeoJSON, 4.5.19 language filter, 4.5.23 linked entities). */
#ifndef JD_MODEL_RENDER_H
#define JD_MODEL_RENDER_H
#include "model/query.h"

typedef enum jd_format { JD_NORMALIZED, JD_CONCISE, JD_SIMPLIFIED } jd_format;
typedef enum jd_join { JD_JOIN_NONE, JD_JOIN_INLINE, JD_JOIN_FLAT } jd_join;

typedef struct jd_render {
    jd_context *ctx;
    const jd_symtab *symbols;
    jd_format format;
    int sys_attrs;           /* createdAt, modifiedAt */
    int geojson;             /* a Feature: properties hold the rest */
    jd_sym geometry;         /* geometryProperty; 0: location */
    jd_str geometry_dataset; /* which instance; p NULL: default */
    int with_context;        /* put "@context" into the entity (ld+json, one entity) */
    const jd_proj *proj;
    jd_str lang;            /* p NULL: none; else a language range list as in the parameter */
    const jd_str *datasets; /* datasetId filter; n 0: none; "@none" is the default instance */
    size_t datasets_n;
    jd_join join;
    int join_level; /* levels of linked entities still to go down */
    /* For join: opens an entity of the asker's snapshot; 1 or 0. For inline the render recurses; a chain never returns
     * to an entity it is in (contained_by and the chain itself). */
    void *user;
    int (*linked)(void *user, jd_str id, jd_doc *out);
    const jd_str *contained_by; /* ids that must not be opened */
    size_t contained_by_n;
    uint32_t *links_left; /* linked entities that the whole answer may still open; at 0 no more are. NULL: no bound */
    jd_arena *arena;      /* scratch */
} jd_render;

/* Appends one entity (or Feature). */
void jd_render_entity(const jd_render *r, const jd_doc *d, jd_buf *out);
/* Appends what a change did to an entity: id, types, and of the rest only what is another than before: attributes whole
 * (all their instances), those that went as "urn:ngsi-ld:null" (so that it is a fragment to be merged, 5.5.12). With
 * sys_attrs its times too. geojson, join and with_context do not matter. 1; or 0 and nothing appended: of what is shown
 * nothing changed. */
int jd_render_diff(const jd_render *r, const jd_doc *was, const jd_doc *is, jd_buf *out);
/* One value tree of the context member; appended as it is. */
void jd_render_context(const jd_context *ctx, jd_buf *out);
/* For join=flat: calls back with every entity that a relationship of d points to (with the nested projection). */
void jd_render_links(const jd_render *r, const jd_doc *d, void *user,
                     void (*each)(void *user, jd_str id, const jd_proj *proj));
#endif

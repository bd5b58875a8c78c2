/* model/render_int.h - what render.c shares with temporal_render.c. Nobody else includes it. */
#ifndef JD_MODEL_RENDER_INT_H
#define JD_MODEL_RENDER_INT_H
#include "model/instance.h"
#include "model/render.h"

enum { REND_LINKS_MAX = 10 };

typedef struct rend_writer {
    const jd_render *r;
    jd_buf *b;
    jd_time created;                  /* the entity's */
    const jd_proj *proj;              /* of this level */
    int level;                        /* of linked entities still to go down */
    jd_str chain[REND_LINKS_MAX + 2]; /* entities that are being written, outermost first */
    int chain_n;
    const jd_doc *was;   /* jd_render_diff: attributes that are the same there are left out; NULL: none are */
    const jd_inst *inst; /* rend_whole: the next attribute is this moment of it; never without braces */
} rend_writer;

void rend_comma(jd_buf *b, int *first);
void rend_key(rend_writer *w, const char *z); /* ,"z": */
void rend_name(rend_writer *w, jd_sym s);     /* in the asker's words */
void rend_time(jd_buf *b, jd_time t, int digits);
void rend_node(rend_writer *w, jd_node n);
/* `lang` turns a LanguageProperty into a Property in one language: 1, its tag and text; or 0. */
int rend_language(const rend_writer *w, const jd_attrview *a, jd_str *tag, jd_node *value);
/* One attribute instance with its metadata and sub-attributes, normalized or concise. */
void rend_whole(rend_writer *w, const jd_attrview *a);
/* Entity members, as far as the projection shows them: type; expiresAt, createdAt, modifiedAt when asked for. */
void rend_types(rend_writer *w, const jd_doc *d, int *first);
void rend_times(rend_writer *w, const jd_doc *d, int *first);
#endif

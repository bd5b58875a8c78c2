/* model/context.h - JSON-LD @context as NGSI-LD uses it (GS CIM 009 clauses 4.4, 5.5.7, 5.13, annex B; JSON-LD 1.1
 * API).
 *
 * A jd_context is immutable and counted: the user's context followed by the core context, whose terms cannot be
 * overridden (clause 5.5.7). Terms are looked up core first. Compaction is remembered per context and symbol.
 * The registry resolves what a request names (URL, object, array of both), keeps contexts by URL, and holds those that
 * are hosted here (clause 5.13). Threads: any. */
#ifndef JD_MODEL_CONTEXT_H
#define JD_MODEL_CONTEXT_H
#include "base/clock.h"
#include "json/json.h"
#include "model/symbol.h"

#define JD_CORE_CONTEXT_URL "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"

typedef struct jd_context jd_context;
typedef struct jd_contexts jd_contexts;

/* ---- one context ---- */
jd_context *jd_ctx_ref(jd_context *c); /* returns c */
void jd_ctx_unref(jd_context *c);

/* A name relative to the vocabulary (types, attributes, vocab values, members of values): exact term, compact IRI
 * (prefix:suffix), absolute IRI as is, else the vocabulary before it. Terms that are aliases of keywords give the
 * keyword ("id" -> "@id"). A term mapped to null gives p == NULL. The result lives in the context or in the arena. */
jd_str jd_ctx_expand(const jd_context *c, jd_arena *a, jd_str name);
/* The shortest name of an IRI: exact term (alphabetically least on a tie, core first), vocabulary-relative suffix when
 * no term of that name is in the way, compact IRI, else the IRI. The result lives as long as the context. */
jd_str jd_ctx_compact(jd_context *c, jd_sym s);
/* The same for an IRI that may not be interned (values); the result lives in the context, in the arena, or in iri. */
jd_str jd_ctx_compact_iri(jd_context *c, jd_arena *a, jd_str iri);
/* What goes into an ld+json answer's "@context" and, when it is one single URL, into a json answer's Link header:
 * the user's context as given (a URL string, an object, an array), or the core URL when the user gave none. */
const jd_jval *jd_ctx_source(const jd_context *c);
/* The single URL of the context, or p == NULL when it is an object or an array of several. */
jd_str jd_ctx_url(const jd_context *c);

/* ---- the registry ---- */
typedef struct jd_contexts_opts {
    const char *offline_dir; /* folder with index.json {"<whole URL>": "<file>"}; NULL: none. Whole URLs only. */
    size_t body_max;         /* bytes of one remote context; 0: 1 MiB */
    uint32_t timeout_ms;     /* of one fetch; 0: 5000 */
    uint32_t cached_max;     /* remote contexts kept (least recently used goes); 0: 1000 */
    uint32_t depth_max;      /* contexts referring to contexts; 0: 8 */
    int no_fetch;            /* never go out: what is not offline, cached or hosted is JD_E_CONTEXT */
    size_t bytes_max;        /* memory of everything cached and built; 0: 256 MiB */
    const char *const
        *allow; /* only URLs with one of these prefixes are fetched; ends in NULL, outlives the registry */
} jd_contexts_opts;
jd_contexts *jd_contexts_create(jd_symtab *symbols, const jd_contexts_opts *opts, jd_err *err);
void jd_contexts_destroy(jd_contexts *r);
/* Each text of offline_dir, in the order of its index; text is the callee's to copy. 0 or -1. */
int jd_contexts_offline(jd_contexts *r, void (*each)(void *user, jd_str url, jd_str text), void *user, jd_err *err);
jd_context *jd_contexts_core(jd_contexts *r); /* the core context alone; borrowed, lives as long as the registry */

/* Resolves a context value (string URL, object, array; JSON null or NULL: the core). A new reference is returned in
 * *out. may_block == 0: when a fetch would be needed returns 1 and does nothing else, so that the caller may go to a
 * thread that may wait. Returns 0 or -1: JD_E_CONTEXT (504) when a remote one cannot be had (nobody answers, no 200, no
 * JSON by its media type, too large, not allowed), JD_E_BAD_REQUEST_DATA (400) when one is malformed, sent or fetched
 * (clause 5.5.6: cyclic, a term with a bad definition, a value of the wrong kind, a document without "@context"), or
 * when one that was sent has a scoped context (clause 5.5.7). Same inline text and same URL give the same object
 * (cached), so building is not repeated per request. A URL that failed is not tried again for 10 seconds. */
int jd_contexts_get(jd_contexts *r, const jd_jval *value, int may_block, jd_context **out, jd_err *err);
int jd_contexts_get_url(jd_contexts *r, jd_str url, int may_block, jd_context **out, jd_err *err);

/* Hosting (clause 5.13, 6.29-6.30). The caller keeps hosted contexts durable and hands them in again on start. */
typedef enum jd_ctxkind { JD_CTX_CACHED, JD_CTX_HOSTED, JD_CTX_IMPLICIT } jd_ctxkind;
typedef struct jd_ctxinfo {
    jd_str url;      /* whole URL for cached; for hosted and implicit p may be NULL (the door makes it from the id) */
    jd_str local_id; /* of hosted and implicit; for cached one made here, stable while cached */
    jd_ctxkind kind;
    jd_time created, last_used; /* JD_TIME_NONE when never used */
    uint64_t hits;
    jd_str body; /* JSON text {"@context": ...}; in a list p is NULL */
} jd_ctxinfo;
/* Adds or replaces. Nothing is fetched: what the context refers to is looked at when it is used. JD_E_INVALID_REQUEST
 * when body is no JSON object with "@context" (other members do no harm), else checked like an inline one. */
int jd_contexts_host(jd_contexts *r, jd_str local_id, jd_ctxkind kind, jd_str body, jd_time created, jd_err *err);
int jd_contexts_drop(jd_contexts *r, jd_str id_or_url); /* 1 dropped, 0 not there, or the core */
/* Fetches a cached one again; what was there stays when that fails (JD_E_CONTEXT). May block. Nothing is done for the
 * core; JD_E_BAD_REQUEST_DATA for a hosted one, JD_E_NOT_FOUND for one that is not here. */
int jd_contexts_reload(jd_contexts *r, jd_str id_or_url, jd_err *err);
/* 1 and *info (strings copied into a) or 0. To be served is a use: it counts as a hit, after what is told here. */
int jd_contexts_find(jd_contexts *r, jd_arena *a, jd_str id_or_url, jd_ctxinfo *info);
/* All of one kind (kind < 0: all but the built-in core), in order of creation. */
size_t jd_contexts_list(jd_contexts *r, jd_arena *a, int kind, jd_ctxinfo **out);
/* URLs that begin with this (http://host:port/ngsi-ld/v1/jsonldContexts/) are our own and are answered from here. A
 * path "/ngsi-ld/v1/jsonldContexts/<local id>" of any host whose id is hosted here is treated likewise. A local id that
 * is itself a path ("/api/packs/air/context.jsonld") stands for the URLs of that path. */
#endif

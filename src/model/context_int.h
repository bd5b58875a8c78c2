/* model/context_int.h - what the files of @context share. Nobody else includes it.
 *
 *   core_context.c  the facts of the core context -> JSON text
 *   ctx_build.c     context values (JSON) -> a term table          (JSON-LD 1.1 API, context processing)
 *   context.c       a term table -> expanding and compacting
 *   ctx_fetch.c     a URL -> bytes
 *   contexts.c      the registry: who is asked for which text, and what is kept */
#ifndef JD_MODEL_CONTEXT_INT_H
#define JD_MODEL_CONTEXT_INT_H
#include "base/hash.h"
#include "model/context.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- terms ---- */
typedef struct ctx_term {
    jd_str name, iri; /* iri.p == NULL: mapped to null */
    uint32_t hash;    /* low half of jd_hash(name) */
    uint8_t prefix;   /* may begin a compact IRI */
    uint8_t core;
} ctx_term;

typedef struct ctx_slot { /* open addressing; t == NULL: free */
    const ctx_term *t;
    uint32_t hash;
} ctx_slot;

typedef struct ctx_table {
    ctx_slot *slots;
    uint32_t mask;
} ctx_table;

/* ---- one context ---- */
enum { CTX_MEMO_BLOCK = 128, CTX_VOCAB_MEMO = 4096 };

typedef struct ctx_memo { /* p is published last and never changes */
    _Atomic(const char *) p;
    uint32_t n;
} ctx_memo;

/* Blocks by symbol number. Replaced whole on growth; the old ones stay until the end, because a reader without a lock
 * may still look into one (they double, so all of them together are no larger than the last). */
typedef struct ctx_memo_dir {
    struct ctx_memo_dir *older;
    uint32_t n;
    _Atomic(ctx_memo *) block[];
} ctx_memo_dir;

typedef struct ctx_prefix {
    const ctx_term *t;
    uint32_t shorter; /* 1 + index of the longest other prefix IRI that this one begins with; 0: none */
} ctx_prefix;

struct jd_context {
    _Atomic uint32_t refs;
    const jd_symtab *symbols;
    jd_context *core;     /* counted; itself in the core */
    ctx_table by_name;    /* the user's terms and the core's, the core's winning */
    ctx_table by_iri;     /* the best term of each IRI */
    ctx_prefix *prefixes; /* sorted by IRI */
    uint32_t prefixes_n;
    ctx_term *own; /* terms defined here */
    uint32_t own_n;
    jd_jval source;
    jd_str url;
    jd_arena arena; /* terms, tables, source; read-only once built */
    /* Which symbol a name outside every term stands for: one table for all, as the vocabulary is always the core's. */
    _Atomic uint32_t *vocab_memo; /* CTX_VOCAB_MEMO numbers, owned by the core */
    _Atomic(ctx_memo_dir *) memo;
    pthread_mutex_t memo_mutex; /* whoever fills memo */
    jd_arena memo_arena;        /* guarded by memo_mutex */
    _Atomic size_t memo_bytes;
};

/* Makes the tables from the terms; core NULL makes the core itself. Takes the arena over, in which the terms and the
 * source live, and all that they point to. The caller has the only reference. */
jd_context *ctx__make(const jd_symtab *symbols, jd_context *core, jd_arena *arena, ctx_term *terms, uint32_t n,
                      jd_jval source, jd_str url);
size_t ctx__bytes(const jd_context *c); /* memory held, tables and memo */
const ctx_term *ctx__find(const ctx_table *t, jd_str name, uint32_t hash);
/* "@type", "@id"...: a keyword of JSON-LD 1.1; and whether a name merely looks like one ("@" and letters). */
int ctx__keyword(jd_str s);
int ctx__keyword_like(jd_str s);
/* prefix:suffix that is never a compact IRI: blank nodes, scheme://..., and urn:... */
int ctx__absolute(jd_str prefix, jd_str suffix);
int ctx__scheme(jd_str s); /* ALPHA *(ALPHA / DIGIT / "+" / "-" / ".") */
/* Bytes of s to show in an error: at most max, whole UTF-8 characters. For "%.*s". */
int ctx__shown(jd_str s, size_t max);

/* ---- building ---- */
typedef struct ctx_loaded { /* one document, as the loader hands it out */
    jd_str text;            /* {"@context": ...} */
    jd_str base;            /* where it lies, for what it names itself */
    void *hold;             /* given to unload */
} ctx_loaded;

typedef struct ctx_loader {
    void *arg;
    /* 0; 1: not without waiting; -1 and *err. load NULL: references count as empty contexts (for checking). */
    int (*load)(void *arg, jd_str url, ctx_loaded *out, jd_err *err);
    void (*unload)(void *arg, void *hold);
    uint32_t depth_max;
} ctx_loader;

/* Processes an "@context" value as a client sends it, given as its JSON text, on top of the core. Returns 0, 1 or -1 as
 * load does; JD_E_BAD_REQUEST_DATA for what is malformed, also in a document that load gave (clause 5.5.6). */
int ctx__build(const jd_symtab *symbols, jd_context *core, const ctx_loader *l, jd_str text, jd_context **out,
               jd_err *err);
jd_context *ctx__build_core(const jd_symtab *symbols, jd_str text, jd_err *err);
/* Is the document usable, as far as can be told without fetching what it names? JD_E_INVALID_REQUEST: it is no JSON
 * object with "@context"; JD_E_BAD_REQUEST_DATA: its context is malformed. */
int ctx__check_document(jd_context *core, jd_str text, int remote, jd_err *err);
/* ref as seen from base (RFC 3986 clause 5); p == NULL when base is none and ref is relative. */
jd_str ctx__resolve(jd_arena *a, jd_str base, jd_str ref);

/* ---- core ---- */
void ctx__core_text(jd_buf *b); /* {"@context": {...}} */
int ctx__is_core_url(jd_str url);

/* ---- fetching ---- */
typedef struct ctx_fetched {
    jd_buf body;
    jd_str url; /* where the last redirect led; in the arena given */
} ctx_fetched;
typedef struct ctx_fetch_opts {
    size_t body_max;
    uint32_t timeout_ms;
    const char *const *allow; /* URL prefixes, NULL-terminated; NULL: all */
} ctx_fetch_opts;
int ctx__fetch(const ctx_fetch_opts *o, jd_arena *a, jd_str url, ctx_fetched *out, jd_err *err);
#endif

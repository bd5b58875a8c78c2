/* pack/pack.h - packs: a city's systems as folders of declarations, installed, changed and removed whole while it runs
 * (docs/packs.md).
 *
 * A bundle is what a pack declares: its files' names and texts, without its data and proofs. It is checked by the
 * schemas and by its meaning; an install is one change set - the pack's document (kind JD_K_PACK), its links, mappings
 * and retention policies, and the end of those that the version before had - and is applied once that is durable.
 * Packs belong to the default tenant. Threads: everything here may be called from any thread; what checks, installs
 * and removes waits (for contexts, for the disk), and one of them runs at a time. */
#ifndef JD_PACK_PACK_H
#define JD_PACK_PACK_H
#include "engine/engine.h"
#include "link/links.h"
#include "model/context.h"
#include "rule/rule.h"

typedef struct jd_packs jd_packs;
typedef struct jd_packs_opts {
    jd_engine *engine;
    jd_contexts *contexts;
    jd_rules *rules;    /* NULL: rules are checked, and nobody follows them */
    uint32_t packs_max; /* 0: 1,000 */
    uint32_t files_max; /* of one bundle; 0: 1,000 */
    size_t bytes_max;   /* of one bundle's texts; 0: 4 MiB */
    uint32_t group_max; /* the engine's group_changes_max, to which a change set is bound; 0: its default */
    /* After each change of the packs' @contexts (not for those that are there at the start), by one thread at a time,
     * before whoever made the change is answered; may be NULL. It must not check, install or remove. */
    void (*changed)(void *user);
    void *changed_user;
} jd_packs_opts;

/* Reads the packs that are kept, and applies their rules; one that does not compile any more is `failed` and says why.
 * Before the first write, behind jd_rules_start. */
int jd_packs_start(jd_packs **out, const jd_packs_opts *opts, jd_err *err);
/* Where links are opened; NULL: nowhere (any more). */
void jd_packs_links(jd_packs *p, jd_links *links);
/* From now on entities are migrated. */
int jd_packs_go(jd_packs *p, jd_err *err);
void jd_packs_quiet(jd_packs *p); /* no more migrations; before the engine is drained. NULL is fine, also below. */
void jd_packs_stop(jd_packs *p);

/* ---- bundles ---- */
typedef struct jd_bundle_file {
    jd_str name, text; /* "models/AirQualityObserved.json" */
} jd_bundle_file;
typedef struct jd_bundle {
    jd_bundle_file *files; /* by name */
    size_t n;
} jd_bundle;
/* {"files": {NAME: TEXT}}; strings stay where they are. JD_E_BAD_REQUEST_DATA. */
int jd_bundle_of_json(const jd_jval *v, jd_arena *a, jd_bundle *out, jd_err *err);
/* The declarations of a folder, into the arena. bytes_max and files_max 0: as above. JD_E_NOT_FOUND, JD_E_TOO_LARGE. */
int jd_bundle_of_folder(const char *dir, uint32_t files_max, size_t bytes_max, jd_arena *a, jd_bundle *out,
                        jd_err *err);

/* ---- faults ---- */
typedef struct jd_pack_fault {
    jd_str file;
    unsigned line, column; /* from 1; column in characters */
    jd_str path;           /* of the member; n 0: the whole */
    jd_str en, zh;
} jd_pack_fault;
enum { JD_PACK_FAULTS_MAX = 100 };
typedef struct jd_pack_faults { /* by file and place, in the arena */
    jd_arena *a;
    jd_pack_fault v[JD_PACK_FAULTS_MAX];
    size_t n;
    int more; /* there are more */
} jd_pack_faults;
/* As a JSON array. */
void jd_pack_faults_json(const jd_pack_faults *f, int zh, jd_buf *out);

/* ---- check, install, remove ---- */
/* Everything but whether its names and addresses are free. 0, or -1: *faults has some. */
int jd_packs_check(jd_packs *p, const jd_bundle *b, jd_pack_faults *faults);
typedef enum jd_pack_made { JD_PACK_SAME, JD_PACK_CHANGED, JD_PACK_NEW } jd_pack_made;
/* force: also an older version, or the same with other files. -1: *faults has some (JD_E_BAD_REQUEST_DATA), or n is 0
 * and *err says why: JD_E_CONFLICT (version, a name or address that is somebody else's), JD_E_NOT_FOUND ... Nothing is
 * changed then; but JD_E_UNKNOWN_OUTCOME. *name (may be NULL) is the pack's, in the faults' arena. */
int jd_packs_install(jd_packs *p, const jd_bundle *b, int force, jd_pack_made *made, jd_str *name,
                     jd_pack_faults *faults, jd_err *err);
/* JD_E_NOT_FOUND; JD_E_CONFLICT while another pack needs it. Entities stay. */
int jd_packs_remove(jd_packs *p, jd_str name, jd_err *err);

/* The rule whose JSON stands in `text` (blanks before it make its lines and columns those of a larger text), compiled
 * as if the installed pack had it, in the place of one of that id: *out holds it alone. -1: *faults has some, or n is 0
 * and *err says why: JD_E_NOT_FOUND, JD_E_CONFLICT (the pack failed), JD_E_BAD_REQUEST_DATA (it is no rule). */
int jd_packs_rule(jd_packs *p, jd_str name, jd_str text, jd_ruleset **out, jd_pack_faults *faults, jd_err *err);

/* ---- what is to be seen ---- */
void jd_packs_list(jd_packs *p, int zh, jd_buf *out);             /* an array */
int jd_packs_show(jd_packs *p, jd_str name, int zh, jd_buf *out); /* 0: there is no such pack */
/* The declaration of one rule or derivation, as the pack has it; 0: there is none. */
int jd_packs_declared(jd_packs *p, jd_str name, jd_str id, jd_buf *out);
int jd_packs_context(jd_packs *p, jd_str name, jd_buf *out); /* {"@context": ...}; 0: likewise */
/* The @contexts of all packs as elements of a JSON array, each with a comma before it, the last pack by name first, so
 * that of two that give one name two meanings the first has it. */
void jd_packs_contexts(jd_packs *p, jd_buf *out);
/* The pack that owns a link, a mapping or a policy of that name, in the arena; p NULL: none does. */
jd_str jd_packs_owner(jd_packs *p, jd_dkind kind, jd_str id, jd_arena *a);

/* ---- the published schemas ---- */
/* The text of one; p NULL: there is none. Kinds: pack, model, link, mapping, rule, view, proof, console. */
jd_str jd_pack_schema(jd_str kind);
/* The i-th kind; NULL behind the last. */
const char *jd_pack_schema_kind(size_t i);

/* ---- settings of the console (docs/console.md) ---- */
/* Of the file `name`, by their schema and by their meaning. 0: *out, in the arena and in the text; -1: *faults has
 * some. */
int jd_console_check(jd_str name, jd_str text, jd_arena *a, jd_jval *out, jd_pack_faults *faults);
#endif

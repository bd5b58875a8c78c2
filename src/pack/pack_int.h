/* pack/pack_int.h - what the files of this room share. */
#ifndef JD_PACK_INT_H
#define JD_PACK_INT_H
#include "json/schema.h"
#include "pack/pack.h"

#include <pthread.h>

/* ---- bundle.c ---- */
typedef enum pack_kind { /* in the order of schemas.c */
                         PACK_MANIFEST,
                         PACK_MODEL,
                         PACK_LINK,
                         PACK_MAPPING,
                         PACK_RULE,
                         PACK_VIEW,
                         PACK_PROOF,
                         PACK_KINDS /* behind them: the schema of the console's settings, which are no part of a pack */
} pack_kind;
/* What a file of that name is, and its stem; -1: it has no place in a pack. */
int pack_kind_of(jd_str name, jd_str *stem);
int pack_name_valid(jd_str s); /* letters, digits, - and _; 1 to 60 */

/* ---- version.c: semantic versions (semver.org 2.0.0, without build metadata) ---- */
int pack_version_valid(jd_str s);
int pack_version_cmp(jd_str a, jd_str b); /* <0, 0, >0; both are valid */

/* ---- a pack that was checked: immutable ---- */
typedef struct pack_file {
    pack_kind kind;
    jd_str name, stem, text;
    jd_jval v;
    int bad; /* something was wrong with it */
} pack_file;
typedef struct pack_type {
    jd_str name;
    jd_sym sym;
    const pack_file *file;
    const jd_jval *attributes;
} pack_type;
typedef struct pack_doc { /* a document beside the pack's own */
    jd_dkind kind;
    jd_str id, body;
    const jd_jval *v; /* of links: the declaration that the body says */
} pack_doc;
typedef struct pack {
    jd_arena arena;
    jd_str name, version;
    pack_file *files; /* by name */
    size_t files_n;
    const jd_jval *manifest, *context;
    jd_context *ctx;
    pack_type *types;
    jd_modelattr *attrs; /* of all its types */
    pack_doc *docs;
    const jd_jval **rules; /* each rule or derivation, and the file in which it stands */
    const pack_file **rules_in;
    const jd_jstep **rules_at;
    size_t types_n, attrs_n, docs_n, rules_n, views_n;
    jd_ruleset *ruleset; /* until it is applied */
} pack;
void pack_free(pack *k); /* NULL is fine */

typedef struct pack_entry { /* one pack of the city */
    struct pack_entry *next;
    jd_arena arena; /* of the document, and the reasons */
    jd_jval doc;    /* the pack's document (kept.c) */
    jd_str name, version, installed;
    pack *pack;    /* NULL: it failed */
    jd_str en, zh; /* why */
} pack_entry;

struct jd_packs {
    jd_packs_opts o;
    jd_links *links;
    pthread_mutex_t changing; /* one check, install or removal at a time */
    pthread_mutex_t lock;     /* the list below: written while `changing` is held */
    pack_entry *entries;
    const pack_entry *trying; /* what checks see in the place of the pack of that name; while `changing` is held */
    jd_schema *schemas[PACK_KINDS];
    struct pack_migrating *migrating;
};
/* As checks see it; NULL: there is none. */
const pack_entry *pack_entry_of(const jd_packs *p, jd_str name);
/* Does the pack say that it needs that one? */
int pack_needs(const pack *k, jd_str other);
/* Does it need that one, itself or through others that are there? */
int pack_leans_on(const jd_packs *p, const pack *k, jd_str other);

/* ---- check.c ---- */
typedef struct pack_check {
    jd_packs *p;
    pack *k;
    jd_arena *a;
    jd_pack_faults *faults;
} pack_check;
/* The pack of a bundle, or NULL: there are faults. others: what else is known; a pack of the same name is passed over.
 */
pack *pack_make(jd_packs *p, const jd_bundle *b, jd_pack_faults *faults);
/* A fault of a file at a member; at NULL: the whole. The formats take the same arguments. */
void pack_fault(pack_check *c, pack_file *f, const jd_jstep *at, const char *en, const char *zh, ...)
    __attribute__((format(printf, 4, 6), format(printf, 5, 6)));
/* The same at a line and column that are known. */
void pack_fault_at(pack_check *c, pack_file *f, unsigned line, unsigned column, jd_str path, const char *en,
                   const char *zh);
/* What an error says of a member of `in` (which stands at `at`): its place is a path in it, or "NAME:LINE:COLUMN" of
 * the file's text. */
void pack_fault_err(pack_check *c, pack_file *f, const jd_jval *in, const jd_jstep *at, const jd_err *err);
void pack_faults_sort(jd_pack_faults *f);
/* What the JSON parser says of the file's text. */
void pack_fault_json(pack_check *c, pack_file *f, const jd_err *err);
/* All that a schema says of the file's value. */
void pack_fault_schema(pack_check *c, pack_file *f, const jd_schema *schema);
/* The same of an error of the @context in `in`. */
void pack_fault_context(pack_check *c, pack_file *f, const jd_jval *in, const jd_jstep *at, const jd_err *err);
const jd_jstep *pack_step(pack_check *c, const jd_jstep *up, const jd_jval *object, const char *member);
/* `down`, which begins at the value that `up` leads to, from the root. */
const jd_jstep *pack_behind(pack_check *c, const jd_jstep *up, const jd_jstep *down);
const jd_jstep *pack_item(pack_check *c, const jd_jstep *up, uint32_t i);

/* ---- names.c: models, and whatever names their types and attributes ---- */
void pack_models(pack_check *c);
void pack_views(pack_check *c);
/* The type by its name, of this pack or of one that it needs; NULL: there is none. */
const pack_type *pack_type_of(pack_check *c, jd_str name);
/* The same of member `type` or `to`; it is told when there is none, unless a model is at fault, which may be it. */
const pack_type *pack_type_wanted(pack_check *c, pack_file *f, const jd_jstep *at, const jd_jval *v,
                                  const char *member);
/* All attributes that rules may name: its own and those of the packs that it needs. */
const jd_modelattr *pack_all_attrs(pack_check *c, size_t *n);
/* Each pack that it needs and that is there. */
const pack *pack_needed(pack_check *c, size_t i); /* NULL behind the last */

/* ---- lines.c: mappings and links ---- */
void pack_mappings(pack_check *c);
void pack_links(pack_check *c);

/* ---- rules.c ---- */
void pack_rules(pack_check *c);

/* ---- schemas.c ---- */
int pack_schema_open(size_t i, jd_schema **out, jd_err *err);
int pack_schemas_open(jd_schema *schemas[PACK_KINDS], jd_err *err);
void pack_schemas_close(jd_schema *schemas[PACK_KINDS]);

/* ---- kept.c: the pack's document, {"name", "version", "installed", "owns": {"links": [...], ...}, "files": {...}}
 * ---- */
jd_str pack_body(const pack *k, jd_time installed, jd_arena *a);
/* An entry of a document; it has no pack yet. NULL: it is no such document. */
pack_entry *pack_entry_read(jd_str body);
void pack_entry_free(pack_entry *e); /* and its pack; NULL is fine */
void pack_entry_failed(pack_entry *e, const jd_pack_faults *f);
jd_bundle pack_entry_bundle(const pack_entry *e, jd_arena *a);
/* Names of what it owns of a kind (LINK, MAPPING, POLICY), as an array; NULL: none. */
const jd_jval *pack_entry_owns(const pack_entry *e, jd_dkind kind);
int pack_entry_owns_it(const pack_entry *e, jd_dkind kind, jd_str id);
extern const jd_dkind pack_owned[3];

/* ---- packs.c ---- */
/* Packs that failed are looked at again, for what they wanted may be there now (an @context, a pack). How many are
 * left; while `changing` is held. */
int pack_retry(jd_packs *p);
void pack_host_context(jd_packs *p, const pack_entry *e);
void pack_drop_context(jd_packs *p, jd_str name);
void pack_contexts_changed(const jd_packs *p); /* tells whoever wants to know; while `changing` is held */

/* ---- install.c ---- */
void pack_apply_rules(jd_packs *p, pack *k); /* its ruleset goes to whoever follows rules, if anybody does */
/* Waits until the job is done; 0, or -1: *err of the first write that was refused. */
int pack_commit(jd_packs *p, jd_write *w, size_t n, jd_arena *a, jd_err *err);

/* ---- migrate.c: entities that a newer version calls by other names ---- */
/* What is to be done behind an install, as one more write; or none. */
void pack_migrate_write(jd_packs *p, const pack *k, const pack_entry *old, jd_arena *a, jd_write *w, size_t *n);
/* The write that forgets what was still to be done; or none. */
void pack_migrate_forget(jd_str name, jd_view *v, jd_arena *a, jd_write *w, size_t *n);
int pack_migrate_start(jd_packs *p, jd_err *err);
void pack_migrate_stop(jd_packs *p);
void pack_migrate_wake(jd_packs *p);
int pack_migrate_of(jd_packs *p, jd_str name); /* is there something to be done? */
void pack_migrate_free(jd_packs *p);
#endif

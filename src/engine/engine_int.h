/* engine/engine_int.h - what the files of this room share. Nobody else includes it.
 *
 * Ownership: a version is made by the writer, belongs to its slot's chain once published, and is freed by the writer
 * when no announced snapshot can see it. Lock order: tenant list lock, then a tenant's lock. The writer alone changes
 * slots, tables and indexes: it reads them without a lock and takes the tenant's lock for writing only while it
 * publishes; readers hold it for reading while they look up an id or walk a slice of candidates. */
#ifndef JD_ENGINE_INT_H
#define JD_ENGINE_INT_H
#include "base/hash.h"
#include "engine/engine.h"
#include "engine/history_int.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- versions and slots ---- */

typedef struct version {
    uint64_t group;
    struct version *older;     /* still needed by some reader, or NULL */
    struct version *newer;     /* writer only */
    uint32_t n;                /* bytes */
    uint32_t form;             /* of entities: see forms; UINT32_MAX while gone */
    unsigned char gone;        /* not there for readers: a tombstone whose bytes are the id, or */
    unsigned char hidden;      /* a document that history alone knows */
    unsigned char same_places; /* as the version that it replaced */
    unsigned char stale; /* replaced by one of another form: index entries of it may remain until it is reclaimed */
    char bytes[];
} version;

enum { SLOTS_PER_CHUNK = 4096, CHUNKS_MAX = 1 << 18, SHARDS = 256, READERS = 512, SERIAL_NONE = UINT32_MAX };

typedef struct chunk {
    _Atomic(version *) slot[SLOTS_PER_CHUNK];
} chunk;

typedef struct shard { /* open addressing: part of the id's hash, and the serial */
    struct {
        uint32_t tag, serial; /* serial SERIAL_NONE: empty; SERIAL_NONE - 1: deleted */
    } * cell;
    uint32_t cap, n; /* n counts deleted cells too */
} shard;

/* All documents of one kind of one tenant. */
typedef struct coll {
    struct jd_tenant *t;
    jd_dkind kind;
    _Atomic(chunk *) *chunks; /* CHUNKS_MAX pointers, reserved address space */
    _Atomic uint32_t slots;   /* serials given out are below */
    uint32_t *freed;          /* serials to use again */
    uint32_t freed_n, freed_cap;
    shard shards[SHARDS];
    _Atomic uint64_t live;
} coll;

static inline _Atomic(version *) *slot_of(const coll *c, uint32_t serial) {
    return &atomic_load_explicit(&c->chunks[serial / SLOTS_PER_CHUNK], memory_order_acquire)
                ->slot[serial % SLOTS_PER_CHUNK];
}
static inline version *newest(const coll *c, uint32_t serial) {
    return atomic_load_explicit(slot_of(c, serial), memory_order_acquire);
}
/* The version that a reader of this group sees, or NULL. */
static inline const version *visible(const coll *c, uint32_t serial, uint64_t group) {
    const version *v = newest(c, serial);
    while (v && v->group > group) v = v->older;
    return v && !v->gone ? v : NULL;
}
/* The same, hidden documents too. */
static inline const version *visible_or_hidden(const coll *c, uint32_t serial, uint64_t group) {
    const version *v = newest(c, serial);
    while (v && v->group > group) v = v->older;
    return v && (!v->gone || v->hidden) ? v : NULL;
}
static inline int is_tombstone(const version *v) {
    return v->gone && !v->hidden;
}
jd_str version_id(const coll *c, const version *v);
jd_key key_of(const coll *c, uint32_t serial);

void coll_init(coll *c, struct jd_tenant *t, jd_dkind kind);
void coll_fini(coll *c);
uint32_t coll_find(const coll *c, jd_str id); /* serial whose chain bears the id (maybe a tombstone), or SERIAL_NONE */
/* These ids will be looked up soon: their documents are brought into the cache, so many of them at once, where one
 * look- up after the other would wait for memory four times each. At most COLL_AHEAD of them count. */
enum { COLL_AHEAD = 64 };
void coll_ahead(const coll *c, const jd_str *ids, uint32_t n);
uint32_t coll_take_serial(coll *c);
void coll_give_serial(coll *c, uint32_t serial);
void coll_reserve(coll *c, uint32_t serial); /* makes the slot's chunk; raises slots while loading */
void coll_insert(coll *c, jd_str id, uint32_t serial);
void coll_remove(coll *c, jd_str id, uint32_t serial);

/* ---- indexes ---- */

typedef struct bitset { /* pages of 4096 bits, made on demand */
    uint64_t **pages;
    uint32_t pages_n;
    uint32_t count;
} bitset;
void bitset_fini(bitset *b);
void bitset_add(bitset *b, uint32_t i);
void bitset_del(bitset *b, uint32_t i);
static inline int bitset_has(const bitset *b, uint32_t i) {
    uint32_t p = i >> 12;
    return p < b->pages_n && b->pages[p] && (b->pages[p][(i >> 6) & 63] >> (i & 63) & 1);
}
uint32_t bitset_next(const bitset *b, uint32_t from); /* least member >= from, or UINT32_MAX */

/* A column holds one number per serial for one attribute: the newest version's default instance, when that is one plain
 * number and the attribute has no other instance; else NaN, and `odd` says that the document must be asked. */
typedef struct column {
    struct column *next;
    jd_sym attr;
    double *v;
    uint32_t cap;
    bitset odd;
    int ready;              /* filled; questions may use it */
    _Atomic uint64_t used;  /* for choosing the one to drop */
    _Atomic uint32_t users; /* questions that are in it: it stays until they are through */
    double *lo, *hi;        /* per block of COLUMN_BLOCK cells: may be wider than the truth, never narrower */
    uint64_t *block_group;  /* newest group that changed a cell of the block */
} column;
enum { COLUMN_BLOCK = 1024, COLUMNS_MAX = 32, SCOPES_INDEXED = 4096 };

typedef struct form { /* types, attributes and their kinds: entities that look alike share one */
    uint64_t count;   /* entities whose newest version has it */
    uint64_t refs;    /* versions that have it, old ones included */
    uint32_t hash;
    uint32_t types_n, attrs_n;
    jd_sym *types; /* sorted */
    struct {
        jd_sym name;
        uint32_t kinds;
    } * attrs; /* sorted by name */
} form;

typedef struct geo_entry {
    struct geo_entry *next;
    jd_sym attr;
    jd_geoindex *index;
} geo_entry;

typedef struct indexes {
    bitset *types;
    jd_strmap type_no; /* a symbol's bytes -> position in types */
    uint32_t types_n, types_cap;
    jd_strmap scope_no;
    jd_str *scope_names; /* keys of scope_no */
    bitset *scopes;
    uint32_t scopes_n, scopes_cap;
    int scopes_off; /* more scopes than SCOPES_INDEXED: questions look at documents */
    geo_entry *geos;
    column *columns;
    form *forms;
    uint32_t forms_n, forms_cap;
    uint32_t *forms_freed; /* places to use again */
    uint32_t forms_freed_n;
    _Atomic uint64_t uses; /* ticks when a column is used */
    uint64_t stale;        /* versions in limbo whose type entries may be wrong for the newest */
    bitset hidden;         /* serials of which a version in the chain is hidden */
    uint64_t transient;    /* newest versions that have an expiresAt */
    uint32_t *form_table;  /* open addressing over forms: number + 1 */
    uint32_t form_table_cap;
} indexes;

typedef struct jd_tenant {
    jd_engine *e;
    uint32_t number;
    jd_str name;
    pthread_rwlock_t lock;
    coll entities;
    coll kinds[JD_K_COUNT]; /* of reserved kinds, by kind */
    indexes ix;
} jd_tenant;

void indexes_init(indexes *x);
void indexes_fini(indexes *x);
/* The one box that a version has and its successor has not: known when it is replaced, and of use when it is freed. */
typedef struct box_left {
    jd_sym attr; /* 0: not so simple */
    jd_box box;
} box_left;
/* Under the tenant's write lock (or while loading). add: the version became the newest of the slot; was: the one before
 * (NULL, or gone). left may be NULL. */
void indexes_publish(jd_tenant *t, uint32_t serial, const version *now, version *was, box_left *left);
/* The version is about to be freed: entries that it alone bears go. left: from when it was replaced; may be NULL. */
void indexes_reclaim(jd_tenant *t, uint32_t serial, const version *gone, const box_left *left);
uint32_t form_of(jd_tenant *t, const jd_doc *d);       /* finds or makes; writer only */
uint32_t index_type_no(const indexes *x, jd_sym type); /* JD_STRMAP_NONE when no entity ever had it */
const bitset *index_type(const indexes *x, jd_sym type);
jd_geoindex *index_geo(const indexes *x, jd_sym attr);
column *index_column(const indexes *x, jd_sym attr);
/* Makes the column when there is none yet; takes the tenant's lock itself, in slices. 0: somebody else is still making
 * it. */
int column_ready(jd_tenant *t, jd_sym attr);
void column_release(jd_tenant *t, jd_sym attr); /* after column_ready gave 1 */

static inline int kind_has_documents(jd_dkind kind) {
    return kind != JD_K_HISTORY && kind != JD_K_CHANGED && kind < JD_K_COUNT;
}

/* ---- changed.c: who waits for changes ---- */
typedef struct watching {
    struct {
        _Atomic(jd_watcher) watcher; /* the last that is set: whoever sees it sees the others */
        jd_watch_wants wants;
        void *user;
        _Atomic uint64_t keep; /* see jd_engine_keep */
    } by[JD_WATCHERS];
    _Atomic int waits; /* there is something to be told of, and nobody watches yet: nothing expires meanwhile */
    jd_seen *seen;     /* the writer's */
    size_t seen_cap;
    struct missed { /* what the log held at the start, in its order */
        uint64_t group;
        jd_key key;
        jd_str body; /* ours; p NULL: it was not there */
    } * missed;
    size_t missed_n, missed_cap;
} watching;

/* ---- engine ---- */

typedef struct limbo { /* replaced versions, oldest first */
    struct limbo_item {
        coll *c;
        version *v;
        uint64_t until; /* may go when no reader is older than this group */
        uint32_t serial;
        box_left left;
    } * item;
    size_t head, n, cap;
} limbo;

typedef struct due { /* min-heap by time */
    struct due_item {
        jd_time t;
        coll *c;
        uint32_t serial;
    } * item;
    size_t n, cap;
} due;

struct jd_engine {
    jd_engine_opts o;
    jd_store *store;
    jd_symtab *symbols;
    uint32_t symbols_stored;    /* highest number that is durable; writer only */
    _Atomic uint64_t published; /* group that new views see */
    struct {
        _Atomic uint64_t group; /* 0: free */
        char pad[56];
    } readers[READERS];

    pthread_rwlock_t tenants_lock;
    jd_tenant **tenants; /* by number; NULL: gap */
    uint32_t tenants_n, tenants_cap;
    jd_strmap tenant_names;
    coll tenant_docs; /* kind TENANT, of tenant 0 */

    pthread_mutex_t mutex; /* the queue */
    pthread_cond_t wake;
    jd_job *first, **last;
    size_t queue_bytes;
    int stopping, drained, woken;
    pthread_t writer;
    _Atomic int dead;
    watching changed;

    history history;

    /* the writer's own */
    struct overlay *overlay;
    jd_time now_last; /* of writes: each has a time of its own, later than all before it, whatever the clock does */
    limbo limbo;
    due due;
    jd_arena scratch;
    jd_buf document;                                /* the one that a write makes */
    jd_buf spare_skeleton, spare_nums, spare_times; /* remember's, between writes */
    _Atomic uint64_t groups, changes, doc_bytes, versions, refused, commit_ns;
};

/* Keys of an entity's document and of its changes of history differ in the kind alone. */
static inline jd_key history_key(uint64_t entity) {
    return (jd_key)(entity | (uint64_t)JD_K_HISTORY << 40);
}
static inline uint64_t entity_key(jd_key key) {
    return (uint64_t)key & ~((uint64_t)0xff << 40);
}
struct overlay;
/* Notes in the group's buffer what stood there before its changes, where the watcher wants that. */
void changed_note(jd_engine *e, struct overlay *o);
/* Tells the watcher of a published group; before what was replaced is freed. */
void changed_show(jd_engine *e, struct overlay *o, uint64_t group);
void changed_load(watching *c, uint64_t group, jd_key key, jd_str body);
uint64_t changed_first(const watching *c); /* group of the first that was loaded, 0: none */
uint64_t changed_keep(const watching *c);  /* the log stays from this group on, 0: it may go */
void changed_free(watching *c);
static inline jd_str version_bytes(const version *v) { /* p NULL: readers see nothing there */
    return v && !v->gone && !v->hidden ? (jd_str){v->bytes, v->n} : (jd_str){NULL, 0};
}
int engine_load(jd_engine *e, jd_err *err);
/* The collection of a stored key, and the serial in it; NULL when the key is of no known kind. Makes the tenant while
 * loading. */
coll *coll_of_key(jd_engine *e, jd_key key, uint32_t *serial);
jd_tenant *tenant_make(jd_engine *e, uint32_t number, jd_str name); /* not yet in the list */
void tenant_free(jd_tenant *t);
void tenant_publish(jd_engine *e, jd_tenant *t);
jd_tenant *tenant_by_name(jd_engine *e, jd_str name);
coll *tenant_coll(jd_tenant *t, jd_dkind kind);

version *version_make(jd_engine *e, jd_str bytes, uint64_t group, int gone);
void version_free(jd_engine *e, version *v);

void writer_start(jd_engine *e);
void writer_free(jd_engine *e);
int writer_step(jd_engine *e, jd_job *jobs); /* 1 when there was something to do */
void due_add(jd_engine *e, jd_time t, coll *c, uint32_t serial);
void due_add_doc(jd_engine *e, coll *c, uint32_t serial, const version *v, const version *was);

/* Opens a version for a view; attributes past their expiry are not in it. 0: the entity itself is past it. */
int view_open(jd_view *v, const version *ver, jd_doc *out);

/* ---- remember.c: what a change of an entity leaves in its history ---- */
typedef struct remember {
    jd_engine *e;
    jd_time now;
    jd_buf *out;  /* change sets of the group, one after the other */
    size_t start; /* of this one */
    hist_body body;
    int begun;
    jd_time latest;               /* of readings without observedAt that follow each other from now on */
    jd_buf skeleton, nums, times; /* scratch */
} remember;
void remember_begin(remember *r, jd_engine *e, jd_buf *out, jd_time now);
size_t remember_end(remember *r); /* bytes of the change set; 0: nothing is to be remembered */
int remember_wanted(const jd_engine *e, const jd_doc *d);
/* was -> now (NULL: deleted). expired: what is not in `now` went because its time was over. */
void remember_change(remember *r, const jd_doc *was, const jd_doc *now, int expired);
void remember_reading(remember *r, jd_sym attr, uint32_t dataset, const jd_reading *rd);
/* The first n readings of a series as they are, recorded now. */
void remember_run(remember *r, const jd_moments *m, size_t n);
/* A document's scopes as a reading of the attribute `scope`; its skeleton is the remember's scratch. */
jd_reading scope_as_reading(remember *r, const jd_doc *d, jd_time at, jd_time recorded);
/* The attribute is deleted from now on. */
void remember_gone(remember *r, jd_sym attr, jd_kind kind, jd_str dataset);
void remember_mark(remember *r, jd_sym attr, uint32_t dataset, jd_time at, unsigned flags); /* VOID, CLEAR, DELETED */
/* The reading that an attribute of a document is: skeleton and numbers are appended to the buffers. */
jd_reading reading_of(const jd_attrview *v, jd_buf *skeleton, jd_buf *nums);
int same_reading(const jd_reading *a, const jd_reading *b); /* value, skeleton, key */
int find_instance(const jd_doc *d, jd_sym name, jd_str dataset, jd_attrview *out);
/* Is the newest reading told of an instance what the entity has already? */
int told_again(const jd_write *w, const jd_attrview *has);
/* How many readings of a series are history: all but the last, when the entity has taken that. */
size_t older_than_now(const jd_moments *m, const jd_doc *is, jd_time now);
/* Which readings a temporal write leaves. */
void remember_temporal(remember *r, const jd_write *w);
void remember_replaced(remember *r, const jd_attrview *old);
/* An instance, and what n writes, fewer than HIST_RUN_MAX, told of it since, each the k-th that it has ready: none of
 * them is the present one. They were recorded at `first` and the moments behind it. */
void remember_series(remember *r, const jd_attrview *was, const jd_write *w, uint32_t k, uint32_t n, jd_time first);
/* What a temporal deletion or modification means for the present state of an entity that is there: the new document, or
 * nothing when it stays. 1: the instance that is named was the present one, and that is all there is to do. */
int temporal_present(jd_engine *e, const version *v, const jd_write *w, jd_time now, remember *r, jd_buf *out);
/* The hidden document that a temporal write makes, or the present one with more types; nothing when it stays. */
int temporal_doc(jd_engine *e, const version *v, const jd_write *w, jd_time now, jd_buf *out);
/* A hidden document with the id and types of d. */
void hidden_doc(jd_engine *e, const jd_doc *d, jd_time now, jd_buf *out);

/* ---- change.c, observe.c: readings told from outside; for tests both ways are to be seen ---- */
enum { READY_IN_PLACE = 32 }; /* attributes that one write may replace without a tree */
int observed_in_place(jd_engine *e, const jd_doc *cur, jd_write *w, jd_arena *results, jd_time now, remember *r,
                      jd_buf *out);
int observed_whole(jd_engine *e, const jd_doc *cur, jd_write *w, jd_arena *results, jd_time now, remember *r,
                   jd_buf *out);
/* w->ready as the tree and the moments that the long way takes, in the arena. 0 or -1. */
int observe_open(jd_engine *e, jd_arena *a, jd_write *w, jd_err *err);

/* Bodies of kinds other than entities: len id | id | body. */
void kind_body(jd_buf *out, jd_str id, jd_str body);
#endif

/* The packs of the city: what is there, read at the start, and what is to be seen. */
#include "pack/pack_int.h"

#include "base/log.h"

#include <stdlib.h>

/* ---- the list ---- */

static pack_entry *named(const jd_packs *p, jd_str name) {
    pack_entry *e = p->entries;
    while (e && !jd_str_eq(e->name, name)) e = e->next;
    return e;
}

const pack_entry *pack_entry_of(const jd_packs *p, jd_str name) {
    return p->trying && jd_str_eq(p->trying->name, name) ? p->trying : named(p, name);
}

int pack_needs(const pack *k, jd_str other) {
    const jd_jval *needs = jd_jget(k->manifest, "needs"), *packs = needs ? jd_jget(needs, "packs") : NULL;
    return packs && jd_jget_str(packs, other) != NULL;
}

static int leans(const jd_packs *p, const pack *k, jd_str other, uint32_t depth) {
    const jd_jval *needs = jd_jget(k->manifest, "needs"), *packs = needs ? jd_jget(needs, "packs") : NULL;
    if (!packs || packs->type != JD_JOBJ || depth > 64) return depth > 64;
    if (jd_jget_str(packs, other)) return 1;
    for (uint32_t i = 0; i < packs->n; i++) {
        const pack_entry *e = pack_entry_of(p, packs->members[i].name);
        if (e && e->pack && e->pack != k && leans(p, e->pack, other, depth + 1)) return 1;
    }
    return 0;
}

int pack_leans_on(const jd_packs *p, const pack *k, jd_str other) {
    return leans(p, k, other, 0);
}

/* ---- start and stop ---- */

static void take_entry(void *user, jd_str id, jd_str body) {
    jd_packs *p = user;
    if (memchr(id.p, '#', id.n)) return; /* how far a migration is */
    pack_entry *e = pack_entry_read(body);
    if (!e) return;
    e->next = p->entries;
    p->entries = e;
}

/* Does it wait for one that has not been looked at yet? By its document, since it has no pack. */
static int waits(const jd_packs *p, const pack_entry *e, const unsigned char *done, jd_arena *a) {
    jd_bundle b = pack_entry_bundle(e, a);
    jd_jval v;
    jd_err ignored = {0};
    for (size_t i = 0; i < b.n; i++) {
        if (!jd_str_is(b.files[i].name, "pack.json") || jd_json_parse(a, b.files[i].text, NULL, &v, &ignored)) continue;
        const jd_jval *needs = jd_jget(&v, "needs"), *packs = needs ? jd_jget(needs, "packs") : NULL;
        size_t at = 0;
        for (const pack_entry *o = p->entries; packs && o; o = o->next, at++)
            if (!done[at] && o != e && jd_jget_str(packs, o->name)) return 1;
    }
    return 0;
}

/* So that a Link header with the URL of a pack's context needs no request to ourselves, and sees a change at once. */
static jd_str context_id(jd_arena *a, jd_str name) {
    return jd_arena_printf(a, "/api/packs/%.*s/context.jsonld", JD_STR_ARG(name));
}

static void write_context(const pack *k, jd_buf *out) {
    jd_buf_z(out, "{\"@context\":");
    if (k->context)
        jd_json_write(out, k->context);
    else
        jd_json_write_str(out, JD_STR(JD_CORE_CONTEXT_URL));
    jd_buf_c(out, '}');
}

void pack_host_context(jd_packs *p, const pack_entry *e) {
    jd_arena a;
    jd_buf text = {0};
    jd_err err = {0};
    jd_arena_init(&a);
    write_context(e->pack, &text);
    if (jd_contexts_host(p->o.contexts, context_id(&a, e->name), JD_CTX_HOSTED, jd_buf_view(&text), jd_now(), &err))
        jd_log(JD_LOG_WARN, "pack.context", "pack=%.*s why=\"%s\"", JD_STR_ARG(e->name), err.en);
    jd_buf_fini(&text);
    jd_arena_fini(&a);
}

void pack_drop_context(jd_packs *p, jd_str name) {
    jd_arena a;
    jd_arena_init(&a);
    jd_contexts_drop(p->o.contexts, context_id(&a, name));
    jd_arena_fini(&a);
}

static void begin(jd_packs *p, pack_entry *e) {
    jd_pack_faults *faults = jd_xcalloc(1, sizeof *faults);
    jd_arena a;
    jd_arena_init(&a);
    faults->a = &a;
    jd_bundle b = pack_entry_bundle(e, &a);
    pack *k = pack_make(p, &b, faults);
    int first = !e->en.n;
    pthread_mutex_lock(&p->lock);
    e->pack = k;
    if (!k && first) pack_entry_failed(e, faults);
    pthread_mutex_unlock(&p->lock);
    if (k) {
        pack_host_context(p, e);
        pack_apply_rules(p, k);
        if (!first) {
            pack_contexts_changed(p);
            jd_log(JD_LOG_INFO, "pack.back", "pack=%.*s", JD_STR_ARG(e->name));
        }
    } else if (first) {
        jd_log(JD_LOG_ERROR, "pack.failed", "pack=%.*s why=\"%.*s\"", JD_STR_ARG(e->name), JD_STR_ARG(e->en));
    }
    jd_arena_fini(&a);
    free(faults);
}

int pack_retry(jd_packs *p) {
    int left = 0;
    for (pack_entry *e = p->entries; e; e = e->next) {
        if (!e->pack) begin(p, e);
        left += !e->pack;
    }
    return left;
}

/* Each behind those that it needs. */
static void begin_all(jd_packs *p) {
    size_t n = 0, left;
    for (const pack_entry *e = p->entries; e; e = e->next) n++;
    unsigned char *done = jd_xcalloc(n + 1, 1);
    left = n;
    for (int any = 1, force = 0; left; force = !any) {
        size_t at = 0;
        any = 0;
        for (pack_entry *e = p->entries; e; e = e->next, at++) {
            jd_arena a;
            jd_arena_init(&a);
            int now = !done[at] && (force || !waits(p, e, done, &a));
            jd_arena_fini(&a);
            if (!now) continue;
            begin(p, e);
            done[at] = 1;
            left--;
            any = 1;
        }
    }
    free(done);
}

int jd_packs_start(jd_packs **out, const jd_packs_opts *opts, jd_err *err) {
    jd_packs *p = jd_xcalloc(1, sizeof *p);
    jd_arena a;
    jd_view v;
    p->o = *opts;
    if (!p->o.packs_max) p->o.packs_max = 1000;
    if (!p->o.group_max) p->o.group_max = 1024;
    pthread_mutex_init(&p->changing, NULL);
    pthread_mutex_init(&p->lock, NULL);
    if (pack_schemas_open(p->schemas, err)) {
        jd_packs_stop(p);
        return -1;
    }
    jd_arena_init(&a);
    jd_view_begin(&v, p->o.engine, 0, &a);
    jd_view_each_kind(&v, JD_K_PACK, p, take_entry);
    jd_view_end(&v);
    jd_arena_fini(&a);
    begin_all(p);
    *out = p;
    return 0;
}

void jd_packs_links(jd_packs *p, jd_links *links) {
    if (!p) return;
    pthread_mutex_lock(&p->changing);
    p->links = links;
    pthread_mutex_unlock(&p->changing);
}

int jd_packs_go(jd_packs *p, jd_err *err) {
    return pack_migrate_start(p, err);
}

void jd_packs_quiet(jd_packs *p) {
    if (p) pack_migrate_stop(p);
}

void jd_packs_stop(jd_packs *p) {
    if (!p) return;
    jd_packs_quiet(p);
    pack_migrate_free(p);
    for (pack_entry *e = p->entries, *next; e; e = next) {
        next = e->next;
        pack_entry_free(e);
    }
    pack_schemas_close(p->schemas);
    pthread_mutex_destroy(&p->changing);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* ---- what is to be seen ---- */

static size_t docs_of(const pack *k, jd_dkind kind) {
    size_t n = 0;
    for (size_t i = 0; i < k->docs_n; i++) n += k->docs[i].kind == kind;
    return n;
}

static void counts(const pack *k, jd_buf *out) {
    size_t derivations = 0;
    for (size_t i = 0; i < k->rules_n; i++) derivations += jd_jget(k->rules[i], "derive") != NULL;
    jd_buf_printf(out,
                  ",\"counts\":{\"types\":%zu,\"links\":%zu,\"mappings\":%zu,\"policies\":%zu,\"rules\":%zu,"
                  "\"derivations\":%zu,\"views\":%zu}",
                  k->types_n, docs_of(k, JD_K_LINK), docs_of(k, JD_K_MAPPING), docs_of(k, JD_K_POLICY),
                  k->rules_n - derivations, derivations, k->views_n);
}

static void member(const jd_jval *v, const char *name, jd_buf *out) {
    const jd_jval *m = v ? jd_jget(v, name) : NULL;
    if (!m) return;
    jd_buf_c(out, ',');
    jd_json_write_key(out, jd_str_of(name));
    jd_json_write(out, m);
}

/* Without the closing brace. */
static void head(jd_packs *p, const pack_entry *e, int zh, jd_buf *out) {
    const char *state = e->pack ? pack_migrate_of(p, e->name) ? "migrating" : "installed" : "failed";
    jd_buf_z(out, "{\"name\":");
    jd_json_write_str(out, e->name);
    jd_buf_z(out, ",\"version\":");
    jd_json_write_str(out, e->version);
    jd_buf_z(out, ",\"installed\":");
    jd_json_write_str(out, e->installed);
    jd_buf_printf(out, ",\"state\":\"%s\"", state);
    if (!e->pack) {
        jd_buf_z(out, ",\"reason\":");
        jd_json_write_str(out, zh ? e->zh : e->en);
        return;
    }
    member(e->pack->manifest, "title", out);
    counts(e->pack, out);
}

void jd_packs_list(jd_packs *p, int zh, jd_buf *out) {
    int n = 0;
    jd_buf_c(out, '[');
    pthread_mutex_lock(&p->lock);
    for (const pack_entry *e = p->entries; e; e = e->next) {
        if (n++) jd_buf_c(out, ',');
        head(p, e, zh, out);
        jd_buf_c(out, '}');
    }
    pthread_mutex_unlock(&p->lock);
    jd_buf_c(out, ']');
}

static void documents(const pack *k, pack_kind kind, const char *name, jd_buf *out) {
    int n = 0;
    jd_buf_printf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < k->files_n; i++) {
        if (k->files[i].kind != kind) continue;
        if (n++) jd_buf_c(out, ',');
        jd_json_write(out, &k->files[i].v);
    }
    jd_buf_c(out, ']');
}

int jd_packs_show(jd_packs *p, jd_str name, int zh, jd_buf *out) {
    static const char *const told[] = {"description", "system", "clause", "owner", "proves", "needs"};
    pthread_mutex_lock(&p->lock);
    const pack_entry *e = named(p, name);
    if (!e) {
        pthread_mutex_unlock(&p->lock);
        return 0;
    }
    head(p, e, zh, out);
    member(&e->doc, "owns", out);
    const jd_jval *files = jd_jget(&e->doc, "files");
    jd_buf_z(out, ",\"files\":[");
    for (uint32_t i = 0; files && files->type == JD_JOBJ && i < files->n; i++) {
        if (i) jd_buf_c(out, ',');
        jd_json_write_str(out, files->members[i].name);
    }
    jd_buf_c(out, ']');
    if (e->pack) {
        for (size_t i = 0; i < sizeof told / sizeof *told; i++) member(e->pack->manifest, told[i], out);
        documents(e->pack, PACK_MODEL, "models", out);
        documents(e->pack, PACK_VIEW, "views", out);
        documents(e->pack, PACK_PROOF, "proofs", out);
    }
    jd_buf_z(out, ",\"rules\":");
    if (p->o.rules)
        jd_rules_list(p->o.rules, e->name, out);
    else
        jd_buf_z(out, "[]");
    jd_buf_c(out, '}');
    pthread_mutex_unlock(&p->lock);
    return 1;
}

int jd_packs_declared(jd_packs *p, jd_str name, jd_str id, jd_buf *out) {
    int found = 0;
    pthread_mutex_lock(&p->lock);
    const pack_entry *e = named(p, name);
    for (size_t i = 0; e && e->pack && i < e->pack->rules_n && !found; i++) {
        const jd_jval *own = jd_jget(e->pack->rules[i], "id");
        if (!own || own->type != JD_JSTR || !jd_str_eq(jd_jstr(own), id)) continue;
        jd_json_write(out, e->pack->rules[i]);
        found = 1;
    }
    pthread_mutex_unlock(&p->lock);
    return found;
}

int jd_packs_context(jd_packs *p, jd_str name, jd_buf *out) {
    pthread_mutex_lock(&p->lock);
    const pack_entry *e = named(p, name);
    int found = e && e->pack;
    if (found) write_context(e->pack, out);
    pthread_mutex_unlock(&p->lock);
    return found;
}

static int by_name_backwards(const void *x, const void *y) {
    const pack_entry *const *a = x, *const *b = y;
    return jd_str_cmp((*b)->name, (*a)->name);
}

/* An array within an array is none in JSON-LD, and null would take away what stands before it. */
static void context_elements(const jd_jval *v, jd_buf *out) {
    for (uint32_t i = 0; v->type == JD_JARR && i < v->n; i++) context_elements(&v->items[i], out);
    if (v->type == JD_JARR || v->type == JD_JNULL) return;
    jd_buf_c(out, ',');
    jd_json_write(out, v);
}

void jd_packs_contexts(jd_packs *p, jd_buf *out) {
    const pack_entry **all;
    size_t n = 0, have = 0;
    pthread_mutex_lock(&p->lock);
    for (const pack_entry *e = p->entries; e; e = e->next) n++;
    all = jd_xcalloc(n + 1, sizeof(const pack_entry *));
    for (const pack_entry *e = p->entries; e; e = e->next)
        if (e->pack && e->pack->context) all[have++] = e;
    qsort(all, have, sizeof *all, by_name_backwards);
    for (size_t i = 0; i < have; i++) {
        const jd_jval *v = all[i]->pack->context;
        context_elements(v, out);
        /* its vocabulary ends with it; that of a document cannot be seen from here */
        if (v->type != JD_JOBJ || jd_jget(v, "@vocab") || jd_jget(v, "@import")) jd_buf_z(out, ",{\"@vocab\":null}");
    }
    pthread_mutex_unlock(&p->lock);
    free(all);
}

void pack_contexts_changed(const jd_packs *p) {
    if (p->o.changed) p->o.changed(p->o.changed_user);
}

jd_str jd_packs_owner(jd_packs *p, jd_dkind kind, jd_str id, jd_arena *a) {
    jd_str out = {NULL, 0};
    pthread_mutex_lock(&p->lock);
    for (const pack_entry *e = p->entries; e && !out.p; e = e->next)
        if (pack_entry_owns_it(e, kind, id)) out = jd_arena_dup(a, e->name);
    pthread_mutex_unlock(&p->lock);
    return out;
}

/* Mappings and links of a pack, as they will be kept: names in the pack's @context, maps in the place of their names.
 */
#include "pack/pack_int.h"

#include "table/map.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- mappings ---- */

/* What an error of the mapping says: "PATH: reason", and the place "NAME:LINE:COLUMN". */
static void map_fault(pack_check *c, pack_file *f, const jd_jstep *at, const jd_err *err) {
    const char *colon = strrchr(err->place, ':'), *before = colon;
    while (before && before > err->place && before[-1] != ':') before--;
    unsigned line = 1, column = 1;
    if (before) sscanf(before, "%u:%u", &line, &column);
    jd_buf path = {0};
    jd_jpath_write(&path, at);
    size_t n = strcspn(err->en, ": ");
    int has_path = err->en[n] == ':' && !strncmp(err->zh, err->en, n) && !strncmp(err->zh + n, "：", 3);
    if (has_path && !(n == 7 && !strncmp(err->en, "mapping", n))) {
        if (path.n && err->en[0] != '[') jd_buf_c(&path, '.');
        jd_buf_add(&path, err->en, n);
    }
    pack_fault_at(c, f, line, column, jd_buf_view(&path), has_path ? err->en + n + 2 : err->en,
                  has_path ? err->zh + n + 3 : err->zh);
    jd_buf_fini(&path);
}

/* The text with everything but the span at `at` blank: what stands in it keeps its line and column. */
static jd_str alone(pack_check *c, const pack_file *f, const jd_jstep *at) {
    jd_str span = jd_jspan(f->text, at, NULL);
    jd_buf b = {0};
    for (const char *p = f->text.p; p < span.p; p++)
        if (*p == '\n')
            jd_buf_c(&b, '\n');
        else if (((unsigned char)*p & 0xC0) != 0x80)
            jd_buf_c(&b, ' ');
    jd_buf_str(&b, span);
    jd_str out = jd_arena_dup(c->a, jd_buf_view(&b));
    jd_buf_fini(&b);
    return out;
}

/* v: the mapping, which stands at `at`; live: it is a link's. */
static void compile_map(pack_check *c, pack_file *f, const jd_jval *v, const jd_jstep *at, int live) {
    jd_err err = {0};
    jd_map *m = NULL;
    jd_context *own = NULL;
    if (jd_map_open(&m, "", at ? alone(c, f, at) : f->text, &err)) {
        map_fault(c, f, at, &err);
        return;
    }
    const jd_jval *context = jd_map_context(m);
    if (context && jd_contexts_get(c->p->o.contexts, context, 1, &own, &err))
        pack_fault_context(c, f, v, at, &err);
    else if (jd_map_compile(m, own ? own : c->k->ctx, jd_engine_symbols(c->p->o.engine), &err))
        map_fault(c, f, at, &err);
    else if (live && !jd_map_is_live(m))
        pack_fault(c, f, at, "\"each\" is for tables; frames come one by one", "“each”仅用于表格；帧是逐条到来的");
    if (own) jd_ctx_unref(own);
    jd_map_free(m);
}

/* As its author wrote it, so that lines in later messages are those that he sees; the pack's @context goes in front. */
static jd_str with_context(pack *k, const pack_file *f) {
    if (!k->context || jd_jget(&f->v, "@context")) return f->text;
    const char *open = memchr(f->text.p, '{', f->text.n);
    jd_buf b = {0};
    jd_buf_add(&b, f->text.p, (size_t)(open + 1 - f->text.p));
    jd_buf_z(&b, "\"@context\":");
    jd_json_write(&b, k->context);
    if (f->v.n) jd_buf_c(&b, ',');
    jd_buf_add(&b, open + 1, (size_t)(f->text.p + f->text.n - open - 1));
    jd_str out = jd_arena_dup(&k->arena, jd_buf_view(&b));
    jd_buf_fini(&b);
    return out;
}

void pack_mappings(pack_check *c) {
    pack *k = c->k;
    for (size_t i = 0; i < k->files_n; i++) {
        pack_file *f = &k->files[i];
        if (f->kind != PACK_MAPPING || f->bad) continue;
        compile_map(c, f, &f->v, NULL, 0);
        if (!f->bad) k->docs[k->docs_n++] = (pack_doc){JD_K_MAPPING, f->stem, with_context(k, f), NULL};
    }
}

/* ---- links ---- */

static pack_file *mapping_file(pack_check *c, jd_str name) {
    for (size_t i = 0; i < c->k->files_n; i++)
        if (c->k->files[i].kind == PACK_MAPPING && jd_str_eq(c->k->files[i].stem, name)) return &c->k->files[i];
    return NULL;
}

static int is_tables(const jd_jval *v) {
    const jd_jval *protocol = jd_jget(v, "protocol");
    return protocol && jd_jis(protocol, "tables");
}

static void no_mapping(pack_check *c, pack_file *f, const jd_jstep *at, jd_str name) {
    pack_fault(c, f, at, "the pack has no mappings/%.*s.json", "本包没有 mappings/%.*s.json",
               (int)(name.n > 60 ? 60 : name.n), name.p);
}

/* A map: one of the pack's mappings by its name, or a document on the spot. 0: *out may be put in its place. */
static int one_map(pack_check *c, pack_file *f, const jd_jstep *at, const jd_jval *v, jd_jval *out) {
    *out = *v;
    if (v->type == JD_JSTR) {
        pack_file *m = mapping_file(c, jd_jstr(v));
        if (!m) no_mapping(c, f, at, jd_jstr(v));
        if (!m || m->bad) return -1;
        *out = m->v;
        return 0;
    }
    int was = f->bad;
    f->bad = 0;
    const jd_schema_fault *fault = jd_schema_check(c->p->schemas[PACK_MAPPING], v, c->a);
    for (; fault; fault = fault->next) {
        const jd_jstep *where = pack_behind(c, at, fault->at); /* its steps stand below ours */
        pack_fault(c, f, where, "%s%.0s", "%.0s%s", fault->en, fault->zh);
    }
    if (!f->bad) compile_map(c, f, v, at, 1);
    int rc = f->bad ? -1 : 0;
    f->bad |= was;
    return rc;
}

/* The declaration with its maps in it, and the pack's @context where it has none. 0 or -1. */
static int whole_link(pack_check *c, pack_file *f, jd_jval *out) {
    pack *k = c->k;
    int rc = 0, add = k->context && !is_tables(&f->v) && !jd_jget(&f->v, "@context");
    *out = f->v;
    out->members = JD_NEWN(&k->arena, jd_jmember, f->v.n + 1);
    memcpy(out->members, f->v.members, f->v.n * sizeof *out->members);
    if (add) out->members[out->n++] = (jd_jmember){JD_STR("@context"), *k->context};
    for (uint32_t i = 0; i < f->v.n; i++) {
        jd_jval *maps = &out->members[i].val;
        if (!jd_str_is(out->members[i].name, "maps")) continue;
        const jd_jstep *at = pack_step(c, NULL, &f->v, "maps");
        jd_jval *items = JD_NEWN(&k->arena, jd_jval, maps->n + 1);
        for (uint32_t m = 0; m < maps->n; m++) rc |= one_map(c, f, pack_item(c, at, m), &maps->items[m], &items[m]);
        maps->items = items;
    }
    return rc;
}

/* Two that listen at one address would share its connections by chance. */
static void same_address(pack_check *c, pack_file *f) {
    const jd_jval *listen = jd_jget(&f->v, "listen");
    for (size_t i = 0; listen && i < c->k->docs_n; i++) {
        const pack_doc *d = &c->k->docs[i];
        const jd_jval *other = d->kind == JD_K_LINK ? jd_jget(d->v, "listen") : NULL;
        if (other && jd_jequal(other, listen))
            pack_fault(c, f, pack_step(c, NULL, &f->v, "listen"), "links/%.*s.json has this address already",
                       "links/%.*s.json 已使用该地址", JD_STR_ARG(d->id));
    }
}

static void link(pack_check *c, pack_file *f) {
    pack *k = c->k;
    jd_err err = {0};
    jd_jval *v = JD_NEW(&k->arena, jd_jval);
    const jd_jval *mapping = is_tables(&f->v) ? jd_jget(&f->v, "mapping") : NULL;
    if (mapping && !mapping_file(c, jd_jstr(mapping))) {
        no_mapping(c, f, pack_step(c, NULL, &f->v, "mapping"), jd_jstr(mapping));
        return;
    }
    if (whole_link(c, f, v)) return;
    jd_str coming = mapping ? jd_jstr(mapping) : (jd_str){"", 0};
    jd_links_coming with = {.mappings = &coming, .mappings_n = mapping ? 1 : 0};
    if (jd_link_check(c->p->o.engine, c->p->o.contexts, f->stem, v, &with, &err)) {
        pack_fault_err(c, f, &f->v, NULL, &err);
        return;
    }
    same_address(c, f);
    jd_buf text = {0};
    jd_json_write(&text, v);
    k->docs[k->docs_n++] = (pack_doc){JD_K_LINK, f->stem, jd_arena_dup(&k->arena, jd_buf_view(&text)), v};
    jd_buf_fini(&text);
}

void pack_links(pack_check *c) {
    for (size_t i = 0; i < c->k->files_n; i++)
        if (c->k->files[i].kind == PACK_LINK && !c->k->files[i].bad) link(c, &c->k->files[i]);
}

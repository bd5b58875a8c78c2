/* A pack's document, and what is in memory of it. */
#include "pack/pack_int.h"

#include <stdlib.h>

const jd_dkind pack_owned[3] = {JD_K_LINK, JD_K_MAPPING, JD_K_POLICY};
static const char *const owned_names[3] = {"links", "mappings", "policies"};

static void owns(const pack *k, jd_buf *b) {
    jd_buf_c(b, '{');
    for (size_t i = 0; i < 3; i++) {
        int n = 0;
        jd_buf_printf(b, "%s\"%s\":[", i ? "," : "", owned_names[i]);
        for (size_t d = 0; d < k->docs_n; d++) {
            if (k->docs[d].kind != pack_owned[i]) continue;
            if (n++) jd_buf_c(b, ',');
            jd_json_write_str(b, k->docs[d].id);
        }
        jd_buf_c(b, ']');
    }
    jd_buf_c(b, '}');
}

jd_str pack_body(const pack *k, jd_time installed, jd_arena *a) {
    char at[JD_TIME_TEXT_MAX];
    jd_buf b = {0};
    size_t n = jd_time_print(installed, 3, at);
    jd_buf_z(&b, "{\"name\":");
    jd_json_write_str(&b, k->name);
    jd_buf_z(&b, ",\"version\":");
    jd_json_write_str(&b, k->version);
    jd_buf_printf(&b, ",\"installed\":\"%.*s\",\"owns\":", (int)n, at);
    owns(k, &b);
    jd_buf_z(&b, ",\"files\":{");
    for (size_t i = 0; i < k->files_n; i++) {
        if (i) jd_buf_c(&b, ',');
        jd_json_write_key(&b, k->files[i].name);
        jd_json_write_str(&b, k->files[i].text);
    }
    jd_buf_z(&b, "}}");
    jd_str out = jd_arena_dup(a, jd_buf_view(&b));
    jd_buf_fini(&b);
    return out;
}

static jd_str text_of(const jd_jval *v, const char *member) {
    const jd_jval *m = jd_jget(v, member);
    return m && m->type == JD_JSTR ? jd_jstr(m) : (jd_str){"", 0};
}

pack_entry *pack_entry_read(jd_str body) {
    jd_err ignored = {0};
    pack_entry *e = jd_xcalloc(1, sizeof *e);
    jd_arena_init(&e->arena);
    if (jd_json_parse(&e->arena, jd_arena_dup(&e->arena, body), NULL, &e->doc, &ignored) || e->doc.type != JD_JOBJ) {
        pack_entry_free(e);
        return NULL;
    }
    e->name = text_of(&e->doc, "name");
    e->version = text_of(&e->doc, "version");
    e->installed = text_of(&e->doc, "installed");
    if (!pack_version_valid(e->version)) e->version = JD_STR("0.0.0");
    return e;
}

void pack_entry_free(pack_entry *e) {
    if (!e) return;
    pack_free(e->pack);
    jd_arena_fini(&e->arena);
    free(e);
}

void pack_entry_failed(pack_entry *e, const jd_pack_faults *f) {
    const jd_pack_fault *v = &f->v[0];
    jd_str colon[2] = {v->path.n ? JD_STR(": ") : JD_STR(""), v->path.n ? JD_STR("：") : JD_STR("")};
    e->en = jd_arena_printf(&e->arena, "%.*s:%u:%u: %.*s%.*s%.*s", JD_STR_ARG(v->file), v->line, v->column,
                            JD_STR_ARG(v->path), JD_STR_ARG(colon[0]), JD_STR_ARG(v->en));
    e->zh = jd_arena_printf(&e->arena, "%.*s:%u:%u：%.*s%.*s%.*s", JD_STR_ARG(v->file), v->line, v->column,
                            JD_STR_ARG(v->path), JD_STR_ARG(colon[1]), JD_STR_ARG(v->zh));
}

jd_bundle pack_entry_bundle(const pack_entry *e, jd_arena *a) {
    const jd_jval *files = jd_jget(&e->doc, "files");
    jd_bundle b = {0};
    if (!files || files->type != JD_JOBJ) return b;
    b.files = JD_NEWN(a, jd_bundle_file, files->n + 1);
    for (uint32_t i = 0; i < files->n; i++)
        if (files->members[i].val.type == JD_JSTR)
            b.files[b.n++] = (jd_bundle_file){files->members[i].name, jd_jstr(&files->members[i].val)};
    return b;
}

const jd_jval *pack_entry_owns(const pack_entry *e, jd_dkind kind) {
    const jd_jval *all = jd_jget(&e->doc, "owns"), *list = NULL;
    for (size_t i = 0; all && i < 3; i++)
        if (pack_owned[i] == kind) list = jd_jget(all, owned_names[i]);
    return list && list->type == JD_JARR ? list : NULL;
}

int pack_entry_owns_it(const pack_entry *e, jd_dkind kind, jd_str id) {
    const jd_jval *list = pack_entry_owns(e, kind);
    for (uint32_t i = 0; list && i < list->n; i++)
        if (list->items[i].type == JD_JSTR && jd_str_eq(jd_jstr(&list->items[i]), id)) return 1;
    return 0;
}

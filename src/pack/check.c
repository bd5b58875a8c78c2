/* A bundle held against the schemas and against what it means; all that is wrong with it is listed. */
#include "pack/pack_int.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILES_MAX = 1000 };
#define BYTES_MAX ((size_t)4 << 20)

/* ---- faults ---- */

static jd_str dup(const pack_check *c, const char *z) {
    return jd_arena_dup(c->a, jd_str_of(z));
}

static void add(pack_check *c, pack_file *f, jd_pack_fault fault) {
    jd_pack_faults *x = c->faults;
    if (f) f->bad = 1;
    if (x->n == JD_PACK_FAULTS_MAX) {
        x->more = 1;
        return;
    }
    fault.file = jd_arena_dup(c->a, fault.file);
    x->v[x->n++] = fault;
}

void pack_fault_at(pack_check *c, pack_file *f, unsigned line, unsigned column, jd_str path, const char *en,
                   const char *zh) {
    add(c, f, (jd_pack_fault){f->name, line, column, jd_arena_dup(c->a, path), dup(c, en), dup(c, zh)});
}

static void fault_step(pack_check *c, pack_file *f, const jd_jstep *at, const char *en, const char *zh) {
    jd_buf path = {0};
    unsigned line, column;
    jd_jpath_write(&path, at);
    jd_jplace_of(f->text, at, &line, &column);
    pack_fault_at(c, f, line, column, jd_buf_view(&path), en, zh);
    jd_buf_fini(&path);
}

void pack_fault(pack_check *c, pack_file *f, const jd_jstep *at, const char *en, const char *zh, ...) {
    jd_err text = {0};
    va_list args;
    va_start(args, zh);
    jd_failv(&text, JD_E_BAD_REQUEST_DATA, en, zh, args);
    va_end(args);
    fault_step(c, f, at, text.en, text.zh);
}

/* A path ends where something begins that is none: ", line 1 column 5", ":3:7". */
static jd_str path_in(const char *place) {
    size_t n = 0;
    while (place[n] && place[n] != ',' && place[n] != ':') n++;
    return (jd_str){place, n};
}

/* Many errors begin with the member's path, which the fault has beside its text. */
static const char *without_path(const char *text, const char *place, const char *colon) {
    jd_str path = path_in(place);
    size_t n = strlen(colon);
    if (path.n && !strncmp(text, path.p, path.n) && !strncmp(text + path.n, colon, n)) return text + path.n + n;
    return text;
}

const jd_jstep *pack_behind(pack_check *c, const jd_jstep *up, const jd_jstep *down) {
    if (!down) return up;
    jd_jstep *s = JD_NEW(c->a, jd_jstep);
    *s = (jd_jstep){pack_behind(c, up, down->up), down->name, down->i};
    return s;
}

void pack_fault_err(pack_check *c, pack_file *f, const jd_jval *in, const jd_jstep *at, const jd_err *err) {
    jd_str path = path_in(err->place);
    const jd_jstep *down = jd_jsteps(c->a, in, path), *whole = pack_behind(c, at, down);
    const char *en = without_path(err->en, err->place, ": "), *zh = without_path(err->zh, err->place, "：");
    const char *inside = strstr(err->place, ", line ");
    unsigned line, column;
    if (!inside || sscanf(inside, ", line %u column %u", &line, &column) != 2) {
        fault_step(c, f, whole, en, zh);
        return;
    }
    jd_str span = jd_jspan(f->text, whole, NULL);
    if (!span.n || span.p[0] != '"') {
        fault_step(c, f, whole, en, zh);
        return;
    }
    jd_buf text = {0};
    jd_jpath_write(&text, whole);
    jd_jplace(f->text, jd_jspan_char(span, line, column), &line, &column);
    pack_fault_at(c, f, line, column, jd_buf_view(&text), en, zh);
    jd_buf_fini(&text);
}

/* Of one that stands in the file the place is a path that begins with @context; of another one it is something else. */
void pack_fault_context(pack_check *c, pack_file *f, const jd_jval *in, const jd_jstep *at, const jd_err *err) {
    int here = !strncmp(err->place, "@context", 8) && jd_jsteps(c->a, in, path_in(err->place)) != NULL;
    if (here)
        pack_fault_err(c, f, in, at, err);
    else
        fault_step(c, f, pack_step(c, at, in, "@context"), err->en, err->zh);
}

void pack_fault_json(pack_check *c, pack_file *f, const jd_err *err) {
    unsigned line, column;
    if (sscanf(err->place, "line %u column %u", &line, &column) != 2) line = column = 1;
    pack_fault_at(c, f, line, column, (jd_str){"", 0}, err->en, err->zh);
}

void pack_fault_schema(pack_check *c, pack_file *f, const jd_schema *schema) {
    const jd_schema_fault *fault = jd_schema_check(schema, &f->v, c->a);
    for (; fault; fault = fault->next) fault_step(c, f, fault->at, fault->en, fault->zh);
}

static int by_place(const void *x, const void *y) {
    const jd_pack_fault *a = x, *b = y;
    int by_file = jd_str_cmp(a->file, b->file);
    if (by_file) return by_file;
    if (a->line != b->line) return a->line < b->line ? -1 : 1;
    return a->column < b->column ? -1 : a->column > b->column;
}

void pack_faults_sort(jd_pack_faults *f) {
    qsort(f->v, f->n, sizeof *f->v, by_place);
}

void jd_pack_faults_json(const jd_pack_faults *f, int zh, jd_buf *out) {
    jd_buf_c(out, '[');
    for (size_t i = 0; i < f->n; i++) {
        const jd_pack_fault *v = &f->v[i];
        jd_buf_z(out, i ? ",{\"file\":" : "{\"file\":");
        jd_json_write_str(out, v->file);
        jd_buf_printf(out, ",\"line\":%u,\"column\":%u,\"path\":", v->line, v->column);
        jd_json_write_str(out, v->path);
        jd_buf_z(out, ",\"reason\":");
        jd_json_write_str(out, zh ? v->zh : v->en);
        jd_buf_c(out, '}');
    }
    jd_buf_c(out, ']');
}

/* ---- steps ---- */

const jd_jstep *pack_step(pack_check *c, const jd_jstep *up, const jd_jval *object, const char *member) {
    for (uint32_t i = 0; object->type == JD_JOBJ && i < object->n; i++) {
        if (!jd_str_is(object->members[i].name, member)) continue;
        jd_jstep *s = JD_NEW(c->a, jd_jstep);
        *s = (jd_jstep){up, object->members[i].name, i};
        return s;
    }
    return up;
}

const jd_jstep *pack_item(pack_check *c, const jd_jstep *up, uint32_t i) {
    jd_jstep *s = JD_NEW(c->a, jd_jstep);
    *s = (jd_jstep){up, {NULL, 0}, i};
    return s;
}

/* ---- files ---- */

static void read_file(pack_check *c, pack_file *f) {
    jd_err err = {0};
    if (jd_json_parse(&c->k->arena, f->text, NULL, &f->v, &err)) {
        f->v = jd_jmake_null();
        pack_fault_json(c, f, &err);
        return;
    }
    pack_fault_schema(c, f, c->p->schemas[f->kind]);
}

/* Texts as the pack's own: they outlive the request. Files without a place are named, and left out. */
static void take_files(pack_check *c, const jd_bundle *b) {
    pack *k = c->k;
    k->files = JD_NEWN(&k->arena, pack_file, b->n + 1);
    for (size_t i = 0; i < b->n; i++) {
        jd_str stem;
        int kind = pack_kind_of(b->files[i].name, &stem);
        pack_file *f = &k->files[k->files_n];
        f->name = jd_arena_dup(&k->arena, b->files[i].name);
        if (kind < 0) {
            pack_fault_at(c, f, 1, 1, (jd_str){"", 0},
                          "has no place in a pack: pack.json, models/NAME.json, links/NAME.json, mappings/NAME.json, "
                          "rules/NAME.json, views/NAME.json, proof/proof.json; NAME of letters, digits, - and _",
                          "不属于系统包：应为 pack.json、models/名称.json、links/名称.json、mappings/名称.json、"
                          "rules/名称.json、views/名称.json 或 proof/proof.json；名称由字母、数字、- 与 _ 组成");
            continue;
        }
        pack_kind_of(f->name, &f->stem);
        f->kind = (pack_kind)kind;
        f->text = jd_arena_dup(&k->arena, b->files[i].text);
        k->files_n++;
    }
    for (size_t i = 0; i < k->files_n; i++) read_file(c, &k->files[i]);
}

/* ---- the manifest ---- */

static jd_str text_of(const jd_jval *v, const char *member) {
    const jd_jval *m = jd_jget(v, member);
    return m && m->type == JD_JSTR ? jd_jstr(m) : (jd_str){"", 0};
}

static void need_packs(pack_check *c, pack_file *f, const jd_jval *needs) {
    const jd_jval *packs = jd_jget(needs, "packs");
    const jd_jstep *at = pack_step(c, pack_step(c, NULL, &f->v, "needs"), needs, "packs");
    for (uint32_t i = 0; packs && packs->type == JD_JOBJ && i < packs->n; i++) {
        jd_str name = packs->members[i].name, least = jd_jstr(&packs->members[i].val);
        jd_jstep here = {at, name, i};
        const pack_entry *e = pack_entry_of(c->p, name);
        if (packs->members[i].val.type != JD_JSTR || !pack_version_valid(least)) continue;
        if (jd_str_eq(name, c->k->name))
            pack_fault(c, f, &here, "a pack does not need itself", "系统包不能依赖自身");
        else if (!e || !e->pack)
            pack_fault(c, f, &here, "the pack \"%.*s\" is not installed", "系统包“%.*s”尚未安装", JD_STR_ARG(name));
        else if (pack_version_cmp(e->version, least) < 0)
            pack_fault(c, f, &here, "the pack \"%.*s\" is there in version %.*s", "系统包“%.*s”的版本是 %.*s",
                       JD_STR_ARG(name), JD_STR_ARG(e->version));
        else if (pack_leans_on(c->p, e->pack, c->k->name))
            pack_fault(c, f, &here, "the pack \"%.*s\" needs this one: they would need each other",
                       "系统包“%.*s”依赖本包，不能互相依赖", JD_STR_ARG(name));
    }
}

static void need_links(pack_check *c, pack_file *f, const jd_jval *needs) {
    static const char *const known[] = {"hj212", "jt808", "gb32960", "sl651", "modbus", "ais", "mqtt", "tables"};
    const jd_jval *links = jd_jget(needs, "links");
    const jd_jstep *at = pack_step(c, pack_step(c, NULL, &f->v, "needs"), needs, "links");
    for (uint32_t i = 0; links && links->type == JD_JARR && i < links->n; i++) {
        size_t k = 0;
        while (k < sizeof known / sizeof *known && !jd_jis(&links->items[i], known[k])) k++;
        if (k < sizeof known / sizeof *known || links->items[i].type != JD_JSTR) continue;
        pack_fault(c, f, pack_item(c, at, i), "this Jindu speaks no protocol \"%.*s\"", "此版本的津渡不支持协议“%.*s”",
                   JD_STR_ARG(jd_jstr(&links->items[i])));
    }
}

/* 0: the rest can be looked at. */
static int manifest(pack_check *c) {
    pack *k = c->k;
    pack_file *f = NULL;
    jd_err err = {0};
    for (size_t i = 0; i < k->files_n; i++)
        if (k->files[i].kind == PACK_MANIFEST) f = &k->files[i];
    if (!f) {
        pack_file missing = {.name = JD_STR("pack.json")};
        pack_fault_at(c, &missing, 1, 1, (jd_str){"", 0}, "is missing", "缺少此文件");
        return -1;
    }
    k->manifest = &f->v;
    k->name = text_of(&f->v, "name");
    k->version = text_of(&f->v, "version");
    if (!pack_version_valid(k->version)) k->version = JD_STR("0.0.0"); /* the schema has said so */
    k->context = jd_jget(&f->v, "@context");
    if (jd_contexts_get(c->p->o.contexts, k->context, 1, &k->ctx, &err)) {
        pack_fault_context(c, f, &f->v, NULL, &err);
        return -1;
    }
    const jd_jval *needs = jd_jget(&f->v, "needs");
    if (needs) need_packs(c, f, needs), need_links(c, f, needs);
    return 0;
}

static void migrations(pack_check *c) {
    const jd_jval *list = jd_jget(c->k->manifest, "migrate");
    pack_file *f = c->k->files;
    while (f->kind != PACK_MANIFEST) f++;
    if (f->bad || !list) return;
    const jd_jstep *at = pack_step(c, NULL, &f->v, "migrate");
    for (uint32_t i = 0; i < list->n; i++) {
        const jd_jval *v = &list->items[i], *type = jd_jget(v, "type");
        const jd_jstep *here = pack_item(c, at, i);
        const pack_type *t = pack_type_of(c, jd_jstr(type));
        if (!t || t->file < c->k->files || t->file >= c->k->files + c->k->files_n)
            pack_fault(c, f, pack_step(c, here, v, "type"), "is no type of this pack", "不是本包的类型");
        if (!jd_jget(v, "rename") && !jd_jget(v, "drop"))
            pack_fault(c, f, here, "neither rename nor drop is there", "rename 与 drop 至少须有一个");
    }
}

/* ---- the whole ---- */

static int too_large(pack_check *c, const jd_bundle *b) {
    size_t bytes = 0, files_max = c->p->o.files_max ? c->p->o.files_max : FILES_MAX;
    size_t bytes_max = c->p->o.bytes_max ? c->p->o.bytes_max : BYTES_MAX;
    pack_file whole = {.name = JD_STR("pack.json")};
    char en[120], zh[120];
    for (size_t i = 0; i < b->n; i++) bytes += b->files[i].text.n;
    if (b->n > files_max) {
        snprintf(en, sizeof en, "a pack has at most %zu declarations", files_max);
        snprintf(zh, sizeof zh, "一个系统包至多 %zu 个声明文件", files_max);
    } else if (bytes > bytes_max) {
        snprintf(en, sizeof en, "the declarations of a pack have at most %zu bytes", bytes_max);
        snprintf(zh, sizeof zh, "一个系统包的声明不得超过 %zu 字节", bytes_max);
    } else {
        return 0;
    }
    pack_fault_at(c, &whole, 1, 1, (jd_str){"", 0}, en, zh);
    return 1;
}

pack *pack_make(jd_packs *p, const jd_bundle *b, jd_pack_faults *faults) {
    pack *k = jd_xcalloc(1, sizeof *k);
    pack_check c = {p, k, faults->a, faults};
    jd_arena_init(&k->arena);
    faults->n = 0;
    faults->more = 0;
    if (!too_large(&c, b)) {
        take_files(&c, b);
        if (!manifest(&c)) {
            pack_models(&c);
            pack_views(&c);
            pack_mappings(&c);
            pack_links(&c);
            pack_rules(&c);
            migrations(&c);
        }
    }
    if (!faults->n) return k;
    pack_faults_sort(faults);
    pack_free(k);
    return NULL;
}

void pack_free(pack *k) {
    if (!k) return;
    jd_ruleset_free(k->ruleset);
    if (k->ctx) jd_ctx_unref(k->ctx);
    jd_arena_fini(&k->arena);
    free(k);
}

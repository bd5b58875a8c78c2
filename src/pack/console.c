/* Settings of the console: by their schema, and what a schema cannot say. */
#include "pack/pack_int.h"

#include "base/zone.h"

#define OWN_CONTEXT "/api/console/context.jsonld"

static void check_zone(pack_check *c, pack_file *f) {
    const jd_jval *name = jd_jget(&f->v, "zone");
    jd_zone *z = name ? jd_zone_open(jd_jstr(name), 0) : NULL;
    if (name && !z) pack_fault(c, f, pack_step(c, NULL, &f->v, "zone"), "there is no such time zone", "没有这个时区");
    jd_zone_close(z);
}

static void check_box(pack_check *c, pack_file *f) {
    const jd_jval *box = jd_jget(&f->v, "box");
    if (!box ||
        (jd_jnum(&box->items[0]) < jd_jnum(&box->items[2]) && jd_jnum(&box->items[1]) < jd_jnum(&box->items[3])))
        return;
    pack_fault(c, f, pack_step(c, NULL, &f->v, "box"), "must be west, south, east, north", "须依次为西、南、东、北");
}

/* The console's @context is made of these: it cannot be one of them. */
static void check_contexts(pack_check *c, pack_file *f) {
    const jd_jval *list = jd_jget(&f->v, "contexts");
    const jd_jstep *at = pack_step(c, NULL, &f->v, "contexts");
    size_t n = sizeof OWN_CONTEXT - 1;
    for (uint32_t i = 0; list && i < list->n; i++) {
        jd_str url = jd_jstr(&list->items[i]);
        if (url.n >= n && !memcmp(url.p + url.n - n, OWN_CONTEXT, n))
            pack_fault(c, f, pack_item(c, at, i), "is the console's own", "是控制台自身的 @context");
    }
}

static void check_ids(pack_check *c, pack_file *f, const char *member) {
    const jd_jval *list = jd_jget(&f->v, member);
    const jd_jstep *at = pack_step(c, NULL, &f->v, member);
    for (uint32_t i = 0; list && i < list->n; i++)
        for (uint32_t k = 0; k < i; k++) {
            if (!jd_jequal(jd_jget(&list->items[i], "id"), jd_jget(&list->items[k], "id"))) continue;
            pack_fault(c, f, pack_step(c, pack_item(c, at, i), &list->items[i], "id"), "is there twice", "重复");
            break;
        }
}

int jd_console_check(jd_str name, jd_str text, jd_arena *a, jd_jval *out, jd_pack_faults *faults) {
    pack_file f = {.name = name, .text = text};
    pack_check c = {.a = a, .faults = faults};
    jd_schema *schema = NULL;
    jd_err err = {0};
    faults->a = a;
    faults->n = 0;
    faults->more = 0;
    if (jd_json_parse(a, text, NULL, &f.v, &err)) {
        pack_fault_json(&c, &f, &err);
        return -1;
    }
    if (pack_schema_open(PACK_KINDS, &schema, &err)) {
        pack_fault(&c, &f, NULL, "%s%.0s", "%.0s%s", err.en, err.zh);
        return -1;
    }
    pack_fault_schema(&c, &f, schema);
    jd_schema_free(schema);
    if (!faults->n) {
        check_zone(&c, &f);
        check_box(&c, &f);
        check_contexts(&c, &f);
        check_ids(&c, &f, "views");
        check_ids(&c, &f, "figures");
    }
    pack_faults_sort(faults);
    *out = f.v;
    return faults->n ? -1 : 0;
}

/* A rule compiled as an install of its pack would compile it: the pack's own files are checked once more with this rule
 * among them, in the place of the one of the same id. */
#include "pack/pack_int.h"

static const char file_name[] = "rules/tried.json";

static int has_id(const jd_jval *v, jd_str id) {
    const jd_jval *m = jd_jget(v, "id");
    return m && m->type == JD_JSTR && jd_str_eq(jd_jstr(m), id);
}

/* A file of rules without the one of that id; n 0: nothing is left of it. */
static jd_str without(jd_str text, jd_str id, jd_arena *a) {
    jd_jval v;
    jd_buf b = {0};
    uint32_t kept = 0;
    if (jd_json_parse(a, text, NULL, &v, NULL)) return text;
    if (v.type != JD_JARR) return has_id(&v, id) ? (jd_str){"", 0} : text;
    for (uint32_t i = 0; i < v.n; i++)
        if (!has_id(&v.items[i], id)) v.items[kept++] = v.items[i];
    if (kept == v.n) return text;
    v.n = kept;
    jd_json_write(&b, &v);
    text = jd_arena_dup(a, jd_buf_view(&b));
    jd_buf_fini(&b);
    return kept ? text : (jd_str){"", 0};
}

static int no_rule(jd_err *err) {
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "rule must be a rule, with an id; a derivation cannot be tried",
            "rule 须为带 id 的规则；派生属性不能试用");
    return jd_fail_at(err, "rule");
}

/* The files of the pack, and the rule. */
static int bundle_of(const pack_entry *e, jd_str text, jd_arena *a, jd_bundle *out, jd_str *id, jd_err *err) {
    jd_bundle was = pack_entry_bundle(e, a);
    jd_jval v;
    jd_str stem;
    if (jd_json_parse(a, text, NULL, &v, err)) return -1;
    const jd_jval *m = jd_jget(&v, "id");
    if (jd_jget(&v, "derive") || !m || m->type != JD_JSTR) return no_rule(err);
    *id = jd_jstr(m);
    *out = (jd_bundle){.files = JD_NEWN(a, jd_bundle_file, was.n + 1)};
    jd_str name = jd_str_of(file_name);
    for (size_t i = 0; i < was.n; i++) { /* the pack may have a file of that name */
        if (!jd_str_eq(was.files[i].name, name)) continue;
        name = jd_arena_printf(a, "rules/tried-%.*s", (int)name.n - 6, name.p + 6);
        i = (size_t)-1;
    }
    out->files[out->n++] = (jd_bundle_file){name, text};
    for (size_t i = 0; i < was.n; i++) {
        jd_bundle_file f = was.files[i];
        if (pack_kind_of(f.name, &stem) == PACK_RULE) f.text = without(f.text, *id, a);
        if (f.text.n) out->files[out->n++] = f;
    }
    return 0;
}

int jd_packs_rule(jd_packs *p, jd_str name, jd_str text, jd_ruleset **out, jd_pack_faults *faults, jd_err *err) {
    jd_bundle b;
    jd_str id;
    int rc = -1;
    faults->n = 0;
    pthread_mutex_lock(&p->changing);
    const pack_entry *e = pack_entry_of(p, name);
    if (!e || !e->pack) {
        jd_fail(err, e ? JD_E_CONFLICT : JD_E_NOT_FOUND, e ? "the pack %.*s failed" : "there is no pack %.*s",
                e ? "系统包 %.*s 已失效" : "没有系统包 %.*s", (int)(name.n > 100 ? 100 : name.n), name.p);
        jd_fail_at(err, "pack");
    } else if (!bundle_of(e, text, faults->a, &b, &id, err)) {
        pack *k = pack_make(p, &b, faults);
        if (!k) {
            jd_fail(err, JD_E_BAD_REQUEST_DATA, "the rule has %zu faults", "规则中有 %zu 处错误", faults->n);
        } else if (!k->ruleset || jd_ruleset_only(k->ruleset, id)) {
            no_rule(err);
        } else {
            *out = k->ruleset;
            k->ruleset = NULL;
            rc = 0;
        }
        pack_free(k);
    }
    pthread_mutex_unlock(&p->changing);
    return rc;
}

/* Rules and derivations of a pack. Each names a type that a model declares; the rest is checked where they are compiled
 * (rule/). All that are wrong are found: the one at fault is left out, and the others are compiled again. */
#include "pack/pack_int.h"

#include <stdlib.h>

static void take(pack_check *c, pack_file *f, const jd_jval *v, const jd_jstep *at) {
    pack *k = c->k;
    k->rules[k->rules_n] = v;
    k->rules_in[k->rules_n] = f;
    k->rules_at[k->rules_n++] = at;
}

static void collect(pack_check *c) {
    pack *k = c->k;
    size_t n = 0;
    for (size_t i = 0; i < k->files_n; i++)
        if (k->files[i].kind == PACK_RULE) n += k->files[i].v.type == JD_JARR ? k->files[i].v.n : 1;
    k->rules = JD_NEWN(&k->arena, const jd_jval *, n + 1);
    k->rules_in = JD_NEWN(&k->arena, const pack_file *, n + 1);
    k->rules_at = JD_NEWN(c->a, const jd_jstep *, n + 1);
    for (size_t i = 0; i < k->files_n; i++) {
        pack_file *f = &k->files[i];
        if (f->kind != PACK_RULE || f->bad) continue;
        if (f->v.type != JD_JARR) take(c, f, &f->v, NULL);
        for (uint32_t r = 0; f->v.type == JD_JARR && r < f->v.n; r++) take(c, f, &f->v.items[r], pack_item(c, NULL, r));
    }
}

static jd_str id_of(const jd_jval *v) {
    return jd_jstr(jd_jget(v, "id"));
}

static int has_rule(const pack *k, jd_str id) {
    for (size_t i = 0; i < k->rules_n; i++)
        if (jd_jget(k->rules[i], "rule") && jd_str_eq(id_of(k->rules[i]), id)) return 1;
    return 0;
}

/* Also those of files that are at fault themselves: what names them is not wrong for that. */
static int perhaps_has_rule(const pack_check *c, jd_str id) {
    for (size_t i = 0; i < c->k->files_n; i++) {
        const pack_file *f = &c->k->files[i];
        if (f->kind == PACK_RULE && f->bad) return 1;
    }
    return has_rule(c->k, id);
}

static void unless(pack_check *c, pack_file *f, const jd_jval *v, const jd_jstep *at) {
    const jd_jval *list = jd_jget(v, "unless");
    const jd_jstep *all = pack_step(c, at, v, "unless");
    for (uint32_t i = 0; list && i < list->n; i++) {
        jd_str name = jd_jstr(&list->items[i]);
        const char *slash = memchr(name.p, '/', name.n);
        jd_str in = slash ? (jd_str){name.p, (size_t)(slash - name.p)} : c->k->name;
        jd_str id = slash ? (jd_str){slash + 1, name.n - in.n - 1} : name;
        const pack *other = NULL;
        for (size_t n = 0; slash && (other = pack_needed(c, n)) && !jd_str_eq(other->name, in);) n++;
        if (jd_str_eq(in, c->k->name) ? perhaps_has_rule(c, id) : other && has_rule(other, id)) continue;
        pack_fault(c, f, pack_item(c, all, i), "there is no rule \"%.*s\" here", "此处没有规则“%.*s”",
                   JD_STR_ARG(name));
    }
}

static int has_link(const pack *k, jd_str name) {
    for (size_t i = 0; i < k->files_n; i++)
        if (k->files[i].kind == PACK_LINK && jd_str_eq(k->files[i].stem, name)) return 1;
    return 0;
}

static void command(pack_check *c, pack_file *f, const jd_jval *v, const jd_jstep *at) {
    const jd_jval *m = jd_jget(v, "command"), *link = m ? jd_jget(m, "link") : NULL;
    const pack *k = c->k;
    if (!link) return;
    for (size_t i = 0; k; k = pack_needed(c, i++))
        if (has_link(k, jd_jstr(link))) return;
    pack_fault(c, f, pack_step(c, pack_step(c, at, v, "command"), m, "link"),
               "neither this pack nor one that it needs has the link \"%.*s\"", "本包及其依赖的包都没有链路“%.*s”",
               JD_STR_ARG(jd_jstr(link)));
}

static void references(pack_check *c, size_t i) {
    pack *k = c->k;
    pack_file *f = &k->files[k->rules_in[i] - k->files];
    const jd_jval *v = k->rules[i], *attr = jd_jget(v, "attribute");
    const jd_jstep *at = k->rules_at[i];
    for (size_t o = 0; o < i; o++) {
        if (!jd_str_eq(id_of(k->rules[o]), id_of(v))) continue;
        pack_fault(c, f, pack_step(c, at, v, "id"), "%.*s has this id already", "%.*s 已使用该 id",
                   JD_STR_ARG(k->rules_in[o]->name));
        break;
    }
    const pack_type *t = pack_type_wanted(c, f, at, v, "type");
    if (t && attr && !jd_jget_str(t->attributes, jd_jstr(attr)))
        pack_fault(c, f, pack_step(c, at, v, "attribute"), "the type %.*s has no attribute \"%.*s\"",
                   "类型 %.*s 没有属性“%.*s”", JD_STR_ARG(t->name), JD_STR_ARG(jd_jstr(attr)));
    unless(c, f, v, at);
    command(c, f, v, at);
}

/* A rule that was left out may be named by another one: that is not a fault of that other one. */
static int is_follow_up(const jd_err *err, int left_out) {
    return left_out && !strncmp(err->place, "unless", 6);
}

static void compile(pack_check *c, int whole) {
    pack *k = c->k;
    const jd_jval **list = JD_NEWN(c->a, const jd_jval *, k->rules_n + 1);
    size_t *which = JD_NEWN(c->a, size_t, k->rules_n + 1), n = 0;
    jd_pack_rules in = {.pack = k->name, .ctx = k->ctx, .declarations = list};
    in.model = pack_all_attrs(c, &in.model_n);
    for (size_t i = 0; i < k->rules_n; i++) {
        if (k->rules_in[i]->bad) continue;
        list[n] = k->rules[i];
        which[n++] = i;
    }
    while (c->faults->n < JD_PACK_FAULTS_MAX) {
        size_t at = n;
        jd_err err = {0};
        in.n = n;
        if (!jd_ruleset_make(c->p->o.engine, &in, &k->ruleset, &at, &err)) return;
        if (at >= n) at = n ? n - 1 : 0;
        if (!n) {
            pack_fault(c, &k->files[0], NULL, "%s%.0s", "%.0s%s", err.en, err.zh);
            return;
        }
        size_t i = which[at];
        pack_file *f = &k->files[k->rules_in[i] - k->files];
        if (!is_follow_up(&err, n < k->rules_n || !whole)) pack_fault_err(c, f, k->rules[i], k->rules_at[i], &err);
        memmove(list + at, list + at + 1, (n - at - 1) * sizeof *list);
        memmove(which + at, which + at + 1, (n - at - 1) * sizeof *which);
        n--;
    }
}

void pack_rules(pack_check *c) {
    pack *k = c->k;
    int whole = 1;
    collect(c);
    for (size_t i = 0; i < k->files_n; i++) whole &= !(k->files[i].kind == PACK_RULE && k->files[i].bad);
    for (size_t i = 0; i < k->rules_n; i++) references(c, i);
    compile(c, whole);
    if (c->faults->n && k->ruleset) {
        jd_ruleset_free(k->ruleset);
        k->ruleset = NULL;
    }
    k->rules_at = NULL; /* they do not outlive the check */
}

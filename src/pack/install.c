/* Installing and removing: one change set, and what follows from it once it is durable. */
#include "pack/pack_int.h"

#include "base/log.h"

#include <stdlib.h>

/* ---- writing ---- */

typedef struct waiting {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int done;
} waiting;

static void written(jd_job *job) {
    waiting *w = job->user;
    pthread_mutex_lock(&w->mutex);
    w->done = 1;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->mutex);
}

int pack_commit(jd_packs *p, jd_write *w, size_t n, jd_arena *a, jd_err *err) {
    waiting wait = {.mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
    jd_job job = {.make_tenant = 1, .atomic = 1, .writes = w, .n = n, .arena = a, .done = written, .user = &wait};
    for (size_t i = 0; i < n; i++) job.bytes += w[i].raw_body.n + 256;
    if (jd_submit(p->o.engine, &job, err)) return -1;
    pthread_mutex_lock(&wait.mutex);
    while (!wait.done) pthread_cond_wait(&wait.cond, &wait.mutex);
    pthread_mutex_unlock(&wait.mutex);
    for (size_t i = 0; i < n; i++) {
        if (w[i].err.code == JD_E_OK) continue;
        *err = w[i].err;
        return -1;
    }
    return 0;
}

/* ---- one install under way ---- */

typedef struct install {
    jd_packs *p;
    pack *k;
    const pack_entry *old; /* NULL: a new pack */
    int force;
    jd_arena *a;
    jd_err *err;
    jd_write *writes;
    jd_link_ready **ready; /* one a document; NULL: it is no link, or as it was */
    size_t writes_n, writes_cap;
    struct dependent {
        pack_entry *entry;
        pack *pack;
    } * dependents;
    size_t dependents_n;
} install;

static int conflict(install *x, const char *en, const char *zh, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));
static int conflict(install *x, const char *en, const char *zh, ...) {
    va_list args;
    va_start(args, zh);
    jd_failv(x->err, JD_E_CONFLICT, en, zh, args);
    va_end(args);
    return -1;
}

static int same_files(const pack *k, const pack_entry *old) {
    const jd_jval *files = jd_jget(&old->doc, "files");
    if (!files || files->type != JD_JOBJ || files->n != k->files_n) return 0;
    for (size_t i = 0; i < k->files_n; i++) {
        const jd_jval *t = jd_jget_str(files, k->files[i].name);
        if (!t || t->type != JD_JSTR || !jd_str_eq(jd_jstr(t), k->files[i].text)) return 0;
    }
    return 1;
}

static int version_fits(install *x) {
    int newer = x->old ? pack_version_cmp(x->k->version, x->old->version) : 1;
    if (newer > 0 || x->force) return 0;
    if (newer == 0)
        return conflict(x,
                        "version %.*s of the pack is there with other declarations; a change needs a newer version, or "
                        "force",
                        "该系统包的 %.*s 版已安装，且声明不同；变更须用更高的版本号，或指定 force",
                        JD_STR_ARG(x->k->version));
    return conflict(x, "version %.*s of the pack is there, which is newer than %.*s; force installs it all the same",
                    "已安装较新的 %.*s 版，而提交的是 %.*s 版；指定 force 可强制安装", JD_STR_ARG(x->old->version),
                    JD_STR_ARG(x->k->version));
}

static const char *kind_word(jd_dkind kind, int zh) {
    if (kind == JD_K_LINK) return zh ? "链路" : "link";
    return kind == JD_K_MAPPING ? (zh ? "映射" : "mapping") : (zh ? "保留策略" : "policy");
}

/* A name that somebody else has is not taken away. Under no view: `is` is what the store has of it, p NULL: nothing. */
static int is_free(install *x, const pack_doc *d, jd_str is) {
    if (!is.p || (x->old && pack_entry_owns_it(x->old, d->kind, d->id))) return 0;
    for (const pack_entry *e = x->p->entries; e; e = e->next)
        if (e != x->old && pack_entry_owns_it(e, d->kind, d->id))
            return conflict(x, "the %s%.0s \"%.*s\" belongs to the pack \"%.*s\"", "%.0s%s“%.*s”属于系统包“%.*s”",
                            kind_word(d->kind, 0), kind_word(d->kind, 1), JD_STR_ARG(d->id), JD_STR_ARG(e->name));
    return conflict(x, "the %s%.0s \"%.*s\" is there already, declared by the operator",
                    "%.0s%s“%.*s”已存在，由运维人员声明", kind_word(d->kind, 0), kind_word(d->kind, 1),
                    JD_STR_ARG(d->id));
}

static jd_write *write_of(install *x, jd_dkind kind, jd_str id, jd_str body) {
    jd_write *w = &x->writes[x->writes_n++];
    *w = (jd_write){.kind = kind, .rq = {.id = id}, .raw_body = body};
    return w;
}

static int has_doc(const pack *k, jd_dkind kind, jd_str id) {
    for (size_t i = 0; i < k->docs_n; i++)
        if (k->docs[i].kind == kind && jd_str_eq(k->docs[i].id, id)) return 1;
    return 0;
}

/* Documents of the version before that this one (NULL: none) does not have. */
static void gone(install *x, jd_view *v, const pack_entry *old, const pack *k) {
    for (size_t i = 0; i < 3; i++) {
        const jd_jval *list = pack_entry_owns(old, pack_owned[i]);
        for (uint32_t n = 0; list && n < list->n; n++) {
            jd_str id = jd_jstr(&list->items[n]), is;
            if ((k && has_doc(k, pack_owned[i], id)) || !jd_view_get_kind(v, pack_owned[i], id, &is)) continue;
            write_of(x, pack_owned[i], jd_arena_dup(x->a, id), (jd_str){NULL, 0});
        }
    }
}

static size_t owned_count(const pack_entry *e) {
    size_t n = 0;
    for (size_t i = 0; e && i < 3; i++) {
        const jd_jval *list = pack_entry_owns(e, pack_owned[i]);
        n += list ? list->n : 0;
    }
    return n;
}

/* Links that are new or changed are opened before anything is written. */
static int prepare(install *x, jd_view *v, const jd_links_coming *coming) {
    const pack *k = x->k;
    for (size_t i = 0; i < k->docs_n; i++) {
        const pack_doc *d = &k->docs[i];
        jd_str is = {NULL, 0};
        if (!jd_view_get_kind(v, d->kind, d->id, &is)) is = (jd_str){NULL, 0};
        if (is_free(x, d, is)) return -1;
        if (is.p && jd_str_eq(is, d->body) && !x->force) continue; /* as it was */
        jd_write *w = write_of(x, d->kind, d->id, d->body);
        w->if_none_match_any = !is.p; /* nobody may come in between */
        if (d->kind == JD_K_LINK && x->p->links &&
            jd_links_prepare_with(x->p->links, d->id, d->v, coming, &x->ready[i], x->err)) {
            jd_err why = *x->err;
            jd_fail(x->err, why.code, "links/%.*s.json: %s%.0s", "links/%.*s.json：%.0s%s", JD_STR_ARG(d->id), why.en,
                    why.zh);
            return jd_fail_at(x->err, "links/%.*s.json", JD_STR_ARG(d->id));
        }
    }
    return 0;
}

static int change_set(install *x, jd_time now) {
    const pack *k = x->k;
    jd_view v;
    jd_links_coming coming = {0};
    jd_str *mappings = JD_NEWN(x->a, jd_str, k->docs_n + 1);
    for (size_t i = 0; i < k->docs_n; i++)
        if (k->docs[i].kind == JD_K_MAPPING) mappings[coming.mappings_n++] = k->docs[i].id;
    coming.mappings = mappings;
    const jd_jval *links = x->old ? pack_entry_owns(x->old, JD_K_LINK) : NULL;
    jd_str *gone_links = JD_NEWN(x->a, jd_str, links ? links->n + 1 : 1);
    for (uint32_t i = 0; links && i < links->n; i++)
        if (!has_doc(k, JD_K_LINK, jd_jstr(&links->items[i]))) gone_links[coming.gone_n++] = jd_jstr(&links->items[i]);
    coming.gone = gone_links;
    x->writes_cap = k->docs_n + owned_count(x->old) + 2;
    x->writes = JD_NEWN(x->a, jd_write, x->writes_cap);
    x->ready = JD_NEWN(x->a, jd_link_ready *, k->docs_n + 1);
    jd_view_begin(&v, x->p->o.engine, 0, x->a);
    int rc = prepare(x, &v, &coming);
    if (!rc && x->old) gone(x, &v, x->old, k);
    jd_view_end(&v);
    if (rc) return -1;
    write_of(x, JD_K_PACK, k->name, pack_body(k, now, x->a));
    pack_migrate_write(x->p, k, x->old, x->a, &x->writes[x->writes_n], &x->writes_n);
    if (x->writes_n <= x->p->o.group_max) return 0;
    return jd_fail(x->err, JD_E_BAD_REQUEST_DATA,
                   "the pack makes %zu documents, and a change set has at most %u (--group-changes-max)",
                   "该系统包产生 %zu 个文档，而一次变更至多 %u 个（--group-changes-max）", x->writes_n,
                   x->p->o.group_max);
}

/* ---- packs that need this one ---- */

static int dependents(install *x, const pack_entry *trying) {
    jd_packs *p = x->p;
    jd_pack_faults *faults = JD_NEW(x->a, jd_pack_faults);
    size_t n = 0;
    int rc = 0;
    for (const pack_entry *e = p->entries; e; e = e->next) n++;
    x->dependents = JD_NEWN(x->a, struct dependent, n + 1);
    p->trying = trying;
    for (pack_entry *e = p->entries; e && !rc; e = e->next) {
        if (jd_str_eq(e->name, trying->name) || !e->pack || !pack_needs(e->pack, trying->name)) continue;
        faults->a = x->a;
        jd_bundle b = pack_entry_bundle(e, x->a);
        pack *k = pack_make(p, &b, faults);
        if (k)
            x->dependents[x->dependents_n++] = (struct dependent){e, k};
        else
            rc = conflict(x, "the pack \"%.*s\", which needs this one, would not fit it: %.*s:%u:%u: %s%.0s",
                          "依赖本包的系统包“%.*s”将与之不符：%.*s:%u:%u：%.0s%s", JD_STR_ARG(e->name),
                          JD_STR_ARG(faults->v[0].file), faults->v[0].line, faults->v[0].column, faults->v[0].en.p,
                          faults->v[0].zh.p);
    }
    p->trying = NULL;
    return rc;
}

/* ---- behind the write ---- */

void pack_apply_rules(jd_packs *p, pack *k) {
    if (p->o.rules)
        jd_rules_apply(p->o.rules, k->ruleset);
    else
        jd_ruleset_free(k->ruleset);
    k->ruleset = NULL;
}

static void apply_links(install *x) {
    for (size_t i = 0; x->p->links && i < x->writes_n; i++)
        if (x->writes[i].kind == JD_K_LINK && !x->writes[i].raw_body.p)
            jd_links_remove(x->p->links, x->writes[i].rq.id);
    for (size_t i = 0; i < x->k->docs_n; i++)
        if (x->ready[i]) jd_links_apply(x->p->links, x->ready[i]);
}

static void put_entry(jd_packs *p, pack_entry *e) {
    pack_entry **at = &p->entries, *was;
    pthread_mutex_lock(&p->lock);
    while (*at && !jd_str_eq((*at)->name, e->name)) at = &(*at)->next;
    was = *at;
    e->next = was ? was->next : NULL;
    *at = e;
    pthread_mutex_unlock(&p->lock);
    pack_entry_free(was);
}

static void put_pack(jd_packs *p, pack_entry *e, pack *k) {
    pthread_mutex_lock(&p->lock);
    pack *was = e->pack;
    e->pack = k;
    pthread_mutex_unlock(&p->lock);
    pack_free(was);
}

static void forget(install *x) {
    for (size_t i = 0; x->ready && i < x->k->docs_n; i++) jd_links_forget(x->ready[i]);
    for (size_t i = 0; i < x->dependents_n; i++) pack_free(x->dependents[i].pack);
}

/* The pack is x->k; its entry, or NULL: *x->err. */
static pack_entry *write_all(install *x) {
    jd_packs *p = x->p;
    jd_time now = jd_now();
    pack_entry *e = pack_entry_read(pack_body(x->k, now, x->a));
    e->pack = x->k;
    if (dependents(x, e) || change_set(x, now) || pack_commit(p, x->writes, x->writes_n, x->a, x->err)) {
        if (x->err->code == JD_E_ALREADY_EXISTS || x->err->code == JD_E_PRECONDITION)
            conflict(x, "a link, mapping or policy of the pack was declared by somebody else meanwhile",
                     "本包的某个链路、映射或策略刚刚被他人声明");
        e->pack = NULL; /* the caller's */
        pack_entry_free(e);
        forget(x);
        return NULL;
    }
    return e;
}

static int install_checked(install *x, jd_pack_made *made) {
    jd_packs *p = x->p;
    uint32_t n = 0;
    for (const pack_entry *e = p->entries; e; e = e->next) n++;
    x->old = p->entries;
    while (x->old && !jd_str_eq(x->old->name, x->k->name)) x->old = x->old->next;
    *made = x->old ? JD_PACK_CHANGED : JD_PACK_NEW;
    if (x->old && x->old->pack && same_files(x->k, x->old) && !x->force) {
        *made = JD_PACK_SAME;
        pack_free(x->k);
        return 0;
    }
    if (!x->old && n >= p->o.packs_max) {
        jd_fail(x->err, JD_E_TOO_MANY_RESULTS, "there are %u packs, which is as many as may be",
                "已有 %u 个系统包，达到上限", n);
        pack_free(x->k);
        return -1;
    }
    pack_entry *e = (x->old && !same_files(x->k, x->old) && version_fits(x)) ? NULL : write_all(x);
    if (!e) {
        pack_free(x->k);
        return -1;
    }
    apply_links(x);
    pack_apply_rules(p, x->k);
    for (size_t i = 0; i < x->dependents_n; i++) {
        pack_apply_rules(p, x->dependents[i].pack);
        put_pack(p, x->dependents[i].entry, x->dependents[i].pack);
    }
    jd_log(JD_LOG_INFO, "pack.installed", "pack=%.*s version=%.*s", JD_STR_ARG(e->name), JD_STR_ARG(e->version));
    pack_host_context(p, e);
    put_entry(p, e);
    pack_contexts_changed(p);
    pack_migrate_wake(p);
    return 0;
}

int jd_packs_check(jd_packs *p, const jd_bundle *b, jd_pack_faults *faults) {
    pthread_mutex_lock(&p->changing);
    pack *k = pack_make(p, b, faults);
    pthread_mutex_unlock(&p->changing);
    int rc = k ? 0 : -1;
    pack_free(k);
    return rc;
}

int jd_packs_install(jd_packs *p, const jd_bundle *b, int force, jd_pack_made *made, jd_str *name,
                     jd_pack_faults *faults, jd_err *err) {
    pthread_mutex_lock(&p->changing);
    install x = {.p = p, .force = force, .a = faults->a, .err = err, .k = pack_make(p, b, faults)};
    if (x.k && name) *name = jd_arena_dup(faults->a, x.k->name);
    int rc = x.k ? install_checked(&x, made)
                 : jd_fail(err, JD_E_BAD_REQUEST_DATA, "the pack has %zu faults", "系统包中有 %zu 处错误", faults->n);
    pthread_mutex_unlock(&p->changing);
    return rc;
}

/* ---- removing ---- */

static int may_go(install *x) {
    for (const pack_entry *e = x->p->entries; e; e = e->next)
        if (e != x->old && e->pack && pack_needs(e->pack, x->old->name))
            return conflict(x, "the pack \"%.*s\" needs it", "系统包“%.*s”依赖它", JD_STR_ARG(e->name));
    return 0;
}

static int remove_old(install *x) {
    jd_packs *p = x->p;
    jd_view v;
    x->writes = JD_NEWN(x->a, jd_write, owned_count(x->old) + 2);
    jd_view_begin(&v, p->o.engine, 0, x->a);
    gone(x, &v, x->old, NULL);
    write_of(x, JD_K_PACK, jd_arena_dup(x->a, x->old->name), (jd_str){NULL, 0});
    pack_migrate_forget(x->old->name, &v, x->a, &x->writes[x->writes_n], &x->writes_n);
    jd_view_end(&v);
    return pack_commit(p, x->writes, x->writes_n, x->a, x->err);
}

static void take_out(jd_packs *p, const pack_entry *e) {
    pack_entry **at = &p->entries, *was;
    pthread_mutex_lock(&p->lock);
    while (*at != e) at = &(*at)->next;
    was = *at;
    *at = was->next;
    pthread_mutex_unlock(&p->lock);
    pack_entry_free(was);
}

int jd_packs_remove(jd_packs *p, jd_str name, jd_err *err) {
    jd_arena a;
    jd_arena_init(&a);
    pthread_mutex_lock(&p->changing);
    install x = {.p = p, .a = &a, .err = err, .old = p->entries};
    while (x.old && !jd_str_eq(x.old->name, name)) x.old = x.old->next;
    int rc =
        !x.old ? jd_fail(err, JD_E_NOT_FOUND, "there is no such pack", "没有这个系统包") : may_go(&x) || remove_old(&x);
    if (!rc) {
        for (size_t i = 0; p->links && i < x.writes_n; i++)
            if (x.writes[i].kind == JD_K_LINK) jd_links_remove(p->links, x.writes[i].rq.id);
        if (p->o.rules) jd_rules_remove(p->o.rules, name);
        jd_log(JD_LOG_INFO, "pack.removed", "pack=%.*s", JD_STR_ARG(name));
        pack_drop_context(p, name);
        take_out(p, x.old);
        pack_contexts_changed(p);
        pack_migrate_wake(p);
    }
    pthread_mutex_unlock(&p->changing);
    jd_arena_fini(&a);
    return rc ? -1 : 0;
}

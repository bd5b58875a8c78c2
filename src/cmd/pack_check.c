/* jindu pack check: packs are installed into an empty city in a folder of its own, which is thrown away - so what is
 * checked is what an install checks, but for who else is there and whether addresses are free. */
#include "cmd/pack.h"

#include "base/log.h"
#include "pack/pack.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct checked {
    struct checked *next;
    char *dir;
    jd_arena arena;
    jd_bundle bundle;
    jd_str name;
    const jd_jval *needs; /* names of packs; NULL: none */
    int asked, done;      /* asked: its folder was given, it was not only found beside one that needs it */
} checked;

typedef struct checking {
    const packing *s;
    char dir[4096]; /* of the city */
    jd_engine *engine;
    jd_contexts *contexts;
    jd_packs *packs;
    checked *first;
    int code;
} checking;

/* ---- the city ---- */

static int open_city(checking *x, jd_err *err) {
    const char *tmp = getenv("TMPDIR");
    snprintf(x->dir, sizeof x->dir, "%s/jindu-check-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(x->dir)) return jd_fail(err, JD_E_INTERNAL, "%s: %s", "%s：%s", x->dir, strerror(errno));
    jd_engine_opts eo = {.dir = x->dir, .min_free = 1, .group_changes_max = 65536};
    jd_contexts_opts co = {.offline_dir = x->s->contexts, .no_fetch = x->s->no_fetch};
    if (jd_engine_open(&x->engine, &eo, err)) return -1;
    x->contexts = jd_contexts_create(jd_engine_symbols(x->engine), &co, err);
    if (!x->contexts) return -1;
    jd_packs_opts po = {.engine = x->engine, .contexts = x->contexts, .group_max = 65536, .packs_max = 100000};
    return jd_packs_start(&x->packs, &po, err);
}

static void close_city(checking *x) {
    jd_packs_stop(x->packs);
    if (x->engine) jd_engine_drain(x->engine);
    if (x->contexts) jd_contexts_destroy(x->contexts);
    if (x->engine) jd_engine_close(x->engine);
    DIR *d = opendir(x->dir);
    for (const struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) unlinkat(dirfd(d), e->d_name, 0);
    if (d) closedir(d);
    rmdir(x->dir);
}

/* ---- folders ---- */

static checked *add(checking *x, const char *dir, int asked, jd_err *err) {
    checked *c = jd_xcalloc(1, sizeof *c);
    jd_arena_init(&c->arena);
    c->dir = jd_xstrdup(jd_str_of(dir));
    for (size_t n = strlen(c->dir); n > 1 && c->dir[n - 1] == '/'; n--) c->dir[n - 1] = 0;
    c->asked = asked;
    checked **at = &x->first;
    while (*at) at = &(*at)->next;
    *at = c;
    if (jd_bundle_of_folder(c->dir, 0, 0, &c->arena, &c->bundle, err)) return NULL;
    jd_jval *v = JD_NEW(&c->arena, jd_jval);
    for (size_t i = 0; i < c->bundle.n; i++) {
        if (!jd_str_is(c->bundle.files[i].name, "pack.json")) continue;
        jd_err later = {0}; /* the check will say so */
        if (jd_json_parse(&c->arena, c->bundle.files[i].text, NULL, v, &later)) continue;
        const jd_jval *name = jd_jget(v, "name"), *needs = jd_jget(v, "needs");
        if (name && name->type == JD_JSTR) c->name = jd_jstr(name);
        c->needs = needs ? jd_jget(needs, "packs") : NULL;
        if (c->needs && c->needs->type != JD_JOBJ) c->needs = NULL;
    }
    return c;
}

static checked *named(const checking *x, jd_str name) {
    checked *c = x->first;
    while (c && !(c->name.n && jd_str_eq(c->name, name))) c = c->next;
    return c;
}

/* A pack that is needed may stand beside the one that needs it. */
static void find_beside(checking *x, const checked *c) {
    for (uint32_t i = 0; c->needs && i < c->needs->n; i++) {
        jd_str name = c->needs->members[i].name;
        char path[4096];
        if (named(x, name) || !name.n || memchr(name.p, '/', name.n) || name.p[0] == '.') continue;
        snprintf(path, sizeof path, "%s/../%.*s/pack.json", c->dir, JD_STR_ARG(name));
        if (access(path, R_OK)) continue;
        path[strlen(path) - sizeof "/pack.json" + 1] = 0;
        jd_err ignored = {0};
        add(x, path, 0, &ignored);
    }
}

/* ---- one pack ---- */

static void say_fault(const checked *c, const jd_pack_fault *f) {
    jd_str why = cmd_zh() ? f->zh : f->en;
    printf("%s/%.*s:%u:%u: %.*s%s%.*s\n", c->dir, JD_STR_ARG(f->file), f->line, f->column, JD_STR_ARG(f->path),
           f->path.n ? ": " : "", JD_STR_ARG(why));
}

static void check_one(checking *x, checked *c) {
    jd_pack_faults *faults = jd_xcalloc(1, sizeof *faults);
    jd_pack_made made;
    jd_err err = {0};
    faults->a = &c->arena;
    c->done = 1;
    int rc = jd_packs_install(x->packs, &c->bundle, 1, &made, NULL, faults, &err);
    for (size_t i = 0; rc && i < faults->n; i++) say_fault(c, &faults->v[i]);
    if (rc && faults->more) cmd_tell("%s: there are more", "%s：还有更多", c->dir);
    if (rc && !faults->n) {
        jd_fail_at(&err, "%s", c->dir);
        cmd_say_err(&err);
    }
    if (rc) x->code = CMD_DATA;
    if (!rc && c->asked) {
        jd_buf shown = {0};
        jd_jval v;
        jd_packs_show(x->packs, c->name, cmd_zh(), &shown);
        if (!jd_json_parse(&c->arena, jd_arena_dup(&c->arena, jd_buf_view(&shown)), NULL, &v, &err)) {
            const jd_jval *version = jd_jget(&v, "version");
            cmd_tell("%s: %.*s %.*s is in order", "%s：%.*s %.*s 无误", c->dir, JD_STR_ARG(c->name), (int)version->n,
                     version->s);
        }
        jd_buf_fini(&shown);
    }
    free(faults);
}

static int waits(const checking *x, const checked *c) {
    for (uint32_t i = 0; c->needs && i < c->needs->n; i++) {
        const checked *o = named(x, c->needs->members[i].name);
        if (o && o != c && !o->done) return 1;
    }
    return 0;
}

static void check_all(checking *x) {
    for (int any = 1, left = 1; left;) {
        int force = !any;
        any = left = 0;
        for (checked *c = x->first; c; c = c->next) {
            if (c->done || (!force && waits(x, c))) {
                left |= !c->done;
                continue;
            }
            check_one(x, c);
            any = 1;
        }
    }
}

int pack_check_run(const packing *s, const char *const *dirs, int n) {
    checking *x = jd_xcalloc(1, sizeof *x);
    jd_err err = {0};
    x->s = s;
    jd_log_level(JD_LOG_ERROR);
    int rc = open_city(x, &err);
    for (int i = 0; !rc && i < n; i++) rc = add(x, dirs[i], 1, &err) ? 0 : -1;
    for (const checked *c = x->first; !rc && c; c = c->next) find_beside(x, c); /* the list grows */
    if (rc) {
        cmd_say_err(&err);
        x->code = CMD_FAILED;
    } else {
        check_all(x);
    }
    close_city(x);
    for (checked *c = x->first, *next; c; c = next) {
        next = c->next;
        jd_arena_fini(&c->arena);
        free(c->dir);
        free(c);
    }
    int code = x->code;
    free(x);
    return code;
}

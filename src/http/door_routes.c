/* The route table, compiled at start into a tree with one node a path part. A literal child is tried before the
 * parameter child; where the literal leads nowhere, the parameter is tried.
 * An empty part ("entities//attrs") can only be a parameter; its handler says what is missing. */
#include "http/door_int.h"

#include <stdlib.h>

enum { METHODS = 7, PARTS_MAX = 4, PARAMS_MAX = 64 };

typedef struct node {
    jd_str name; /* of the literal that leads here */
    struct node *children, *sibling, *param;
    const jd_route *rows[METHODS]; /* by bit of the method */
    unsigned methods, slash;       /* all methods; those whose row ignores a trailing slash */
} node;

typedef struct accepts {
    int any;
    unsigned n;
    jd_str *names;
} accepts;

struct jd_routes {
    jd_arena arena;
    node *root;
    const jd_route *rows;
    accepts *accepts; /* by row */
};

static unsigned method_bit(jd_method m) {
    return (unsigned)__builtin_ctz((unsigned)m);
}

static node *child(jd_routes *t, node *at, jd_str part) {
    if (part.n >= 2 && part.p[0] == '{') {
        if (!at->param) at->param = JD_NEW(&t->arena, node);
        return at->param;
    }
    node **end = &at->children;
    for (; *end; end = &(*end)->sibling)
        if (jd_str_eq((*end)->name, part)) return *end;
    *end = JD_NEW(&t->arena, node);
    (*end)->name = part;
    return *end;
}

static int add_row(jd_routes *t, const jd_route *row, jd_err *err) {
    unsigned m = (unsigned)row->method;
    if (!row->path || row->path[0] != '/' || !row->handler || m == 0 || m > JD_OPTIONS || (m & (m - 1)))
        return jd_fail(err, JD_E_INTERNAL, "route %s: path, method or handler is wrong",
                       "路由 %s 的路径、方法或处理函数有误", row->path ? row->path : "(none)");
    node *at = t->root;
    int parts = 0;
    const char *s = row->path + 1;
    while (*s) {
        const char *end = strchrnul(s, '/');
        jd_str part = {s, (size_t)(end - s)};
        int opens = part.n && part.p[0] == '{', closes = part.n && part.p[part.n - 1] == '}';
        parts += opens;
        if (part.n == 0 || opens != closes || parts > PARTS_MAX)
            return jd_fail(err, JD_E_INTERNAL, "route %s is malformed", "路由 %s 格式有误", row->path);
        at = child(t, at, part);
        s = *end ? end + 1 : end;
    }
    unsigned bit = method_bit(row->method);
    if (at->rows[bit]) return jd_fail(err, JD_E_INTERNAL, "route %s is there twice", "路由 %s 重复", row->path);
    at->rows[bit] = row;
    at->methods |= m;
    if (row->flags & JD_R_SLASH) at->slash |= m;
    return 0;
}

static int add_params(jd_routes *t, const jd_route *row, accepts *a, jd_err *err) {
    const char *s = row->params ? row->params : "";
    if (!strcmp(s, "*")) {
        a->any = 1;
        return 0;
    }
    unsigned cap = 1;
    for (const char *p = s; *p; p++) cap += *p == ' ';
    if (cap > PARAMS_MAX)
        return jd_fail(err, JD_E_INTERNAL, "route %s has too many parameters", "路由 %s 的参数过多", row->path);
    a->names = JD_NEWN(&t->arena, jd_str, cap);
    while (*s) {
        const char *end = strchrnul(s, ' ');
        if (end > s) a->names[a->n++] = (jd_str){s, (size_t)(end - s)};
        s = *end ? end + 1 : end;
    }
    return 0;
}

int jd_routes_make(jd_routes **out, const jd_route *rows, size_t n, jd_err *err) {
    jd_routes *t = jd_xcalloc(1, sizeof *t);
    jd_arena_init(&t->arena);
    t->root = JD_NEW(&t->arena, node);
    t->rows = rows;
    t->accepts = JD_NEWN(&t->arena, accepts, n ? n : 1);
    for (size_t i = 0; i < n; i++)
        if (add_row(t, &rows[i], err) || add_params(t, &rows[i], &t->accepts[i], err)) {
            jd_routes_free(t);
            return -1;
        }
    *out = t;
    return 0;
}

void jd_routes_free(jd_routes *t) {
    if (!t) return;
    jd_arena_fini(&t->arena);
    free(t);
}

typedef struct walk {
    jd_arena *scratch;
    jd_found *found;
} walk;

static const node *seek(walk *w, const node *at, jd_str rest, int parts, int *slashed) {
    if (rest.n == 0) return at->methods ? at : NULL;
    /* rest begins with '/' */
    rest.p++, rest.n--;
    if (rest.n == 0) {
        if (!at->slash) return NULL;
        *slashed = 1;
        return at;
    }
    const char *end = memchr(rest.p, '/', rest.n);
    jd_str part = {rest.p, end ? (size_t)(end - rest.p) : rest.n}, plain = part;
    rest.p += part.n, rest.n -= part.n;
    if (memchr(part.p, '%', part.n) && jd_target_decode(w->scratch, part, 0, &plain, NULL)) return NULL;
    for (const node *c = part.n ? at->children : NULL; c; c = c->sibling)
        if (jd_str_eq(c->name, plain)) {
            const node *hit = seek(w, c, rest, parts, slashed);
            if (hit) return hit;
            break;
        }
    if (!at->param || parts == PARTS_MAX) return NULL;
    const node *hit = seek(w, at->param, rest, parts + 1, slashed);
    if (!hit) return NULL;
    w->found->parts[parts] = part;
    if (w->found->parts_n < parts + 1) w->found->parts_n = parts + 1;
    return hit;
}

void jd_routes_find(const jd_routes *t, jd_arena *scratch, jd_str path, jd_method m, jd_found *out) {
    *out = (jd_found){0};
    int slashed = 0;
    walk w = {scratch, out};
    if (path.n == 1) path.n = 0; /* "/" is the root itself, not a root with a trailing slash */
    const node *hit = seek(&w, t->root, path, 0, &slashed);
    if (!hit) return;
    out->methods = slashed ? hit->slash : hit->methods;
    if (m == JD_HEAD && !(out->methods & JD_HEAD)) m = JD_GET;
    if (out->methods & (unsigned)m) out->route = hit->rows[method_bit(m)];
}

const jd_param *jd_routes_stranger(const jd_routes *t, const jd_route *route, const jd_param *params, size_t n) {
    const accepts *a = &t->accepts[route - t->rows];
    if (a->any) return NULL;
    for (size_t i = 0; i < n; i++) {
        unsigned k = 0;
        while (k < a->n && !jd_str_eq(a->names[k], params[i].name)) k++;
        if (k == a->n) return &params[i];
    }
    return NULL;
}

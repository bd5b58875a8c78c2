/* A link's declaration: JSON checked member by member, its mappings compiled (docs/links.md is the manual). */
#include "link/links_int.h"
#include "link/points.h"
#include "link/sources.h"

#include <stdlib.h>

enum { NEW_PER_HOUR = 1000, IDLE_S = 600, SILENCE_S = 900, AHEAD_S = 86400, CONNECTIONS = 20000 };

static int bad(jd_err *err, const char *place, const char *en, const char *zh) {
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s: %s%.0s", "%s：%.0s%s", place, en, zh);
    return jd_fail_at(err, "%s", place);
}

static int known_members(const jd_jval *v, const char *const *known, const char *in, jd_err *err) {
    for (uint32_t i = 0; i < v->n; i++) {
        size_t k = 0;
        while (known[k] && !jd_str_is(v->members[i].name, known[k])) k++;
        if (known[k]) continue;
        jd_str name = v->members[i].name;
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s has no member \"%.*s\"", "%s 没有成员“%.*s”", in,
                (int)(name.n > 60 ? 60 : name.n), name.p);
        return jd_fail_at(err, "%.*s", (int)(name.n > 60 ? 60 : name.n), name.p);
    }
    return 0;
}

static int number(const jd_jval *v, const char *name, uint32_t least, uint32_t most, uint32_t *out, jd_err *err) {
    const jd_jval *n = jd_jget(v, name);
    if (!n) return 0;
    double d = n->type == JD_JNUM ? jd_jnum(n) : -1;
    if (n->type != JD_JNUM || d < least || d > most || d != (double)(uint32_t)d) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s: must be a whole number from %u to %u", "%s：须为 %u 到 %u 的整数",
                name, least, most);
        return jd_fail_at(err, "%s", name);
    }
    *out = (uint32_t)d;
    return 0;
}

static int flag(const jd_jval *v, const char *name, int *out, jd_err *err) {
    const jd_jval *b = jd_jget(v, name);
    if (!b) return 0;
    if (b->type != JD_JTRUE && b->type != JD_JFALSE)
        return bad(err, name, "must be true or false", "须为 true 或 false");
    *out = b->type == JD_JTRUE;
    return 0;
}

static int address(link_decl *d, const jd_jval *v, const char *name, jd_err *err) {
    jd_str s = v->type == JD_JSTR ? jd_jstr(v) : (jd_str){"", 0};
    const char *colon = s.n ? memrchr(s.p, ':', s.n) : NULL;
    uint32_t port = 0;
    if (!colon || colon == s.p) return bad(err, name, "must be HOST:PORT", "须为 主机:端口");
    for (const char *p = colon + 1; p < s.p + s.n; p++) {
        if (*p < '0' || *p > '9' || port > 65535) return bad(err, name, "must be HOST:PORT", "须为 主机:端口");
        port = port * 10 + (uint32_t)(*p - '0');
    }
    if (port > 65535 || colon + 1 == s.p + s.n) return bad(err, name, "must be HOST:PORT", "须为 主机:端口");
    d->host = jd_arena_dup(&d->arena, (jd_str){s.p, (size_t)(colon - s.p)});
    d->port = port;
    return 0;
}

static int options(link_decl *d, const jd_jval *v, jd_err *err) {
    static const char *const known[] = {"strict",   "modbusCrc", "answerRealtime", "rtu",    "clientId",
                                        "username", "password",  "topics",         "device", NULL};
    int strict = 0;
    d->set.field = 1;
    d->set.rows_only = 1; /* who wants to see a frame's fields has it read again */
    if (!v) return 0;
    if (v->type != JD_JOBJ) return bad(err, "options", "must be an object", "须为对象");
    if (known_members(v, known, "options", err) || flag(v, "strict", &strict, err) ||
        flag(v, "modbusCrc", &d->set.modbus_crc, err) || flag(v, "answerRealtime", &d->set.answer_realtime, err) ||
        flag(v, "rtu", &d->set.rtu, err))
        return -1;
    d->set.field = !strict;
    jd_buf text = {0}; /* the request's tree does not last */
    jd_jval *own = JD_NEW(&d->arena, jd_jval);
    jd_json_write(&text, v);
    int rc = jd_json_parse(&d->arena, jd_arena_dup(&d->arena, jd_buf_view(&text)), NULL, own, err);
    jd_buf_fini(&text);
    d->set.options = own;
    return rc;
}

static int one_map(jd_links *l, link_decl *d, const jd_jval *v, uint32_t i, jd_err *err) {
    jd_symtab *symbols = jd_engine_symbols(l->o.engine);
    jd_str name = jd_arena_printf(&d->arena, "maps[%u]", i);
    jd_buf text = {0};
    jd_json_write(&text, v);
    int rc = jd_map_open(&d->maps[d->maps_n], name.p, jd_buf_view(&text), err);
    jd_buf_fini(&text);
    if (rc) return -1;
    jd_map *m = d->maps[d->maps_n++];
    const jd_jval *own = jd_map_context(m);
    jd_context *ctx = NULL;
    if (own ? jd_contexts_get(l->o.contexts, own, 1, &ctx, err) : 0) return -1;
    rc = jd_map_compile(m, own ? ctx : d->ctx, symbols, err);
    if (own) jd_ctx_unref(ctx);
    if (!rc && !jd_map_is_live(m))
        return bad(err, name.p, "\"each\" is for tables; frames come one by one", "“each”仅用于表格；帧是逐条到来的");
    return rc;
}

/* A column is a member's name, or a path that begins with one. */
static void want_columns(link_decl *d, const jd_map *m) {
    jd_str name;
    for (size_t i = 0; (name = jd_map_column(m, i)).n; i++) {
        const char *dot = memchr(name.p, '.', name.n);
        d->set.wanted |= jd_name_bit(name);
        if (dot) d->set.wanted |= jd_name_bit((jd_str){name.p, (size_t)(dot - name.p)});
    }
}

static int maps(jd_links *l, link_decl *d, const jd_jval *v, jd_err *err) {
    if (!v || v->type != JD_JARR || v->n > LINK_MAPS_MAX)
        return bad(err, "maps", "must be an array of at most 32 mapping documents", "须为至多 32 个映射文档的数组");
    for (uint32_t i = 0; i < v->n; i++)
        if (one_map(l, d, &v->items[i], i, err)) return -1;
    for (size_t i = 0; i < d->maps_n; i++) want_columns(d, d->maps[i]);
    return 0;
}

int link_decl_is_tables(const jd_jval *v) {
    const jd_jval *protocol = jd_jget(v, "protocol");
    return protocol && jd_jis(protocol, "tables");
}

static int compile(jd_links *l, link_decl *d, const jd_jval *v, jd_err *err) {
    static const char *const known[] = {"protocol",     "listen",      "dial",           "maps",   "options",
                                        "unknown",      "newPerHour",  "connectionsMax", "tenant", "idleSeconds",
                                        "@context",     "description", "silenceSeconds", "origin", "points",
                                        "aheadSeconds", NULL};
    if (v->type != JD_JOBJ) return bad(err, "", "a link must be an object", "链路声明须为对象");
    if (link_decl_is_tables(v)) {
        d->tables = 1;
        return 0; /* sources.c checks it */
    }
    if (known_members(v, known, "a link", err)) return -1;
    const jd_jval *protocol = jd_jget(v, "protocol"), *listen = jd_jget(v, "listen"), *dial = jd_jget(v, "dial");
    const jd_jval *unknown = jd_jget(v, "unknown"), *tenant = jd_jget(v, "tenant");
    d->protocol = protocol && protocol->type == JD_JSTR ? jd_protocol_find(jd_jstr(protocol)) : NULL;
    if (!d->protocol)
        return bad(err, "protocol", "must be hj212, jt808, gb32960, sl651, modbus, ais, mqtt or tables",
                   "须为 hj212、jt808、gb32960、sl651、modbus、ais、mqtt 或 tables");
    if (!listen == !dial)
        return bad(err, "listen", "either listen or dial must be there", "listen 与 dial 须且只须有一个");
    d->dial = dial != NULL;
    if (address(d, dial ? dial : listen, dial ? "dial" : "listen", err)) return -1;
    if (unknown && !jd_jis(unknown, "new") && !jd_jis(unknown, "refuse"))
        return bad(err, "unknown", "must be \"new\" or \"refuse\"", "须为 “new” 或 “refuse”");
    d->allow_list = unknown && jd_jis(unknown, "refuse");
    if (tenant && (tenant->type != JD_JSTR || (tenant->n && !jd_tenant_name_valid(jd_jstr(tenant)))))
        return bad(err, "tenant", "must be a tenant's name", "须为租户名");
    d->tenant = tenant ? jd_arena_dup(&d->arena, jd_jstr(tenant)) : (jd_str){"", 0};
    if (number(v, "newPerHour", 0, 10000000, &d->new_per_hour, err) ||
        number(v, "connectionsMax", 1, 1000000, &d->connections_max, err) ||
        number(v, "idleSeconds", 1, 86400 * 7, &d->idle_s, err) ||
        number(v, "silenceSeconds", 1, 86400 * 366, &d->silence_s, err) ||
        number(v, "aheadSeconds", 0, 86400 * 366, &d->ahead_s, err) || options(d, jd_jget(v, "options"), err))
        return -1;
    if (jd_contexts_get(l->o.contexts, jd_jget(v, "@context"), 1, &d->ctx, err)) return -1;
    jd_str iri = jd_ctx_expand(d->ctx, &d->arena, JD_STR("deviceState"));
    d->state_attr = jd_sym_intern(jd_engine_symbols(l->o.engine), iri, err);
    if (!d->state_attr) return -1;
    const jd_jval *points = jd_jget(v, "points");
    if ((points != NULL) != (d->protocol == &jd_modbus) || (points && !d->dial))
        return bad(err, "points", "a register map belongs to modbus, which is dialled",
                   "寄存器表仅用于拨出的 modbus 链路");
    if (points && jd_points_compile(points, &d->arena, &d->points, err)) return -1;
    const jd_jval *device = d->set.options ? jd_jget(d->set.options, "device") : NULL;
    d->poll_device = device && device->type == JD_JSTR ? jd_jstr(device) : d->name;
    return maps(l, d, jd_jget(v, "maps"), err);
}

/* The members as a copy, once. */
static jd_jmember *own_members(jd_arena *a, const jd_jval *v, const jd_jval *now) {
    if (now->members != v->members) return now->members;
    jd_jmember *m = jd_arena_alloc(a, v->n * sizeof *m);
    memcpy(m, v->members, v->n * sizeof *m);
    return m;
}

jd_str link_decl_shown(jd_arena *a, const jd_jval *v) {
    jd_jval whole = *v, opts;
    jd_buf text = {0};
    for (uint32_t i = 0; v->type == JD_JOBJ && i < v->n; i++) {
        const jd_jval *m0 = &v->members[i].val;
        if (link_decl_is_tables(v) && m0->type == JD_JSTR && jd_source_is_secret(jd_jstr(m0))) {
            whole.members = own_members(a, v, &whole);
            whole.members[i].val = jd_jmake_str(JD_STR("***"));
            continue;
        }
        if (!jd_str_is(v->members[i].name, "options") || v->members[i].val.type != JD_JOBJ) continue;
        whole.members = own_members(a, v, &whole);
        opts = v->members[i].val;
        jd_jmember *m = jd_arena_alloc(a, (opts.n + 1) * sizeof *m);
        if (opts.n) memcpy(m, opts.members, opts.n * sizeof *m);
        for (uint32_t k = 0; k < opts.n; k++)
            if (jd_str_is(m[k].name, "password")) m[k].val = jd_jmake_str(JD_STR("***"));
        opts.members = m;
        whole.members[i].val = opts;
    }
    jd_json_write(&text, &whole);
    jd_str out = jd_arena_dup(a, jd_buf_view(&text));
    jd_buf_fini(&text);
    return out;
}

int link_decl_compile(jd_links *l, jd_str name, const jd_jval *v, link_decl **out, jd_err *err) {
    if (!name.n || name.n > 60) return bad(err, "name", "must have 1 to 60 characters", "须为 1 到 60 个字符");
    for (size_t i = 0; i < name.n; i++)
        if (!(((name.p[i] | 32) >= 'a' && (name.p[i] | 32) <= 'z') || (name.p[i] >= '0' && name.p[i] <= '9') ||
              name.p[i] == '-' || name.p[i] == '_'))
            return bad(err, "name", "letters, digits, - and _ only", "只能含字母、数字、- 与 _");
    link_decl *d = jd_xcalloc(1, sizeof *d);
    jd_arena_init(&d->arena);
    atomic_store(&d->refs, 1);
    d->name = jd_arena_dup(&d->arena, name);
    d->new_per_hour = NEW_PER_HOUR;
    d->connections_max = CONNECTIONS;
    d->idle_s = IDLE_S;
    d->silence_s = SILENCE_S;
    d->ahead_s = AHEAD_S;
    d->text = link_decl_shown(&d->arena, v);
    if (compile(l, d, v, err)) {
        link_decl_unref(d);
        return -1;
    }
    *out = d;
    return 0;
}

link_decl *link_decl_ref(link_decl *d) {
    atomic_fetch_add(&d->refs, 1);
    return d;
}

void link_decl_unref(link_decl *d) {
    if (!d || atomic_fetch_sub(&d->refs, 1) != 1) return;
    for (size_t i = 0; i < d->maps_n; i++) jd_map_free(d->maps[i]);
    if (d->ctx) jd_ctx_unref(d->ctx);
    jd_arena_fini(&d->arena);
    free(d);
}

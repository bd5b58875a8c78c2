/* Who we are (clause 5.17, resource 6.34), older versions of NGSI-LD on request (6.3.18), and what is not there yet. */
#include "http/api_int.h"

/* An alias is a token (RFC 9110 5.6.2), and each tenant has its own. */
static jd_str alias_of(api_ask *k) {
    if (!k->tenant.n) return k->app->alias;
    jd_str s = jd_arena_printf(k->a, "%.*s-%.*s-%04x", JD_STR_ARG(k->app->alias), JD_STR_ARG(k->tenant),
                               (unsigned)(jd_hash_fixed(k->tenant.p, k->tenant.n) & 0xffff));
    char *p = (char *)(uintptr_t)s.p;
    for (size_t i = 0; i < s.n; i++)
        if (p[i] == '/' || p[i] == ':') p[i] = '_';
    return s;
}

static jd_str duration(jd_arena *a, jd_time us) {
    long long s = us > 0 ? us / 1000000 : 0;
    if (s < 86400) return jd_arena_printf(a, "PT%lldS", s);
    return jd_arena_printf(a, "P%lldDT%lldS", s / 86400, s % 86400);
}

jd_turn api_source_identity(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_READ | API_ANY_TENANT, &turn);
    if (!k) return turn;
    jd_buf *b = &r->out;
    jd_str alias = alias_of(k);
    jd_time now = jd_now();
    char text[JD_TIME_TEXT_MAX];
    size_t n = jd_time_print(now, -1, text);
    jd_buf_printf(b, "{\"id\":\"urn:ngsi-ld:ContextSourceIdentity:%.*s\",\"type\":\"ContextSourceIdentity\",",
                  JD_STR_ARG(alias));
    api_str(b, "contextSourceAlias", alias);
    jd_buf_c(b, ',');
    api_str(b, "contextSourceUptime", duration(k->a, now - k->app->started));
    jd_buf_c(b, ',');
    api_str(b, "contextSourceTimeAt", (jd_str){text, n});
    api_context_member(k, b);
    jd_buf_c(b, '}');
    return api_answer(k, 200);
}

jd_turn api_unbuilt(jd_req *r) {
    jd_turn turn;
    api_ask *k = api_begin(r, API_ANY_TENANT, &turn);
    if (!k) return turn;
    jd_fail(&k->err, JD_E_NOT_BUILT,
            "this version of Jindu serves entities, their evolution, batches, discovery, contexts and subscriptions; "
            "%s is not among them yet",
            "此版本的津渡提供实体、时态、批量、发现、@context 与订阅接口，尚不包含 %s", r->route->path);
    return api_fail(k);
}

/* ---- older versions ---- */

static const char *older_member(const jd_jval *type,
                                int minor) { /* of kinds that came later than 1.<minor>; NULL: none of them */
    static const struct {
        jd_kind kind;
        int since;
    } newer[] = {{JD_VOCABPROPERTY, 7}, {JD_JSONPROPERTY, 8}, {JD_LISTPROPERTY, 8}};
    for (size_t i = 0; i < sizeof newer / sizeof *newer; i++)
        if (minor < newer[i].since && jd_jis(type, jd_kind_name(newer[i].kind))) return jd_kind_member(newer[i].kind);
    return NULL;
}

static int older_attr(jd_jval *v, int minor) {
    int changed = 0;
    if (v->type == JD_JARR)
        for (uint32_t i = 0; i < v->n; i++) changed |= older_attr(&v->items[i], minor);
    const jd_jval *type = jd_jget(v, "type");
    if (!type || type->type != JD_JSTR) return changed;
    const char *member = older_member(type, minor);
    for (uint32_t i = 0; i < v->n; i++) {
        jd_jmember *m = &v->members[i];
        if (member && jd_str_is(m->name, "type"))
            m->val = jd_jmake_str(JD_STR("Property"));
        else if (member && jd_str_is(m->name, member))
            m->name = JD_STR("value");
        else if (!jd_str_is(m->name, "value") && !jd_str_is(m->name, "json"))
            changed |= older_attr(&m->val, minor);
    }
    return changed || member;
}

static int older_entity(jd_jval *v, int minor) {
    int changed = 0;
    if (v->type == JD_JARR)
        for (uint32_t i = 0; i < v->n; i++) changed |= older_entity(&v->items[i], minor);
    if (v->type != JD_JOBJ) return changed;
    for (uint32_t i = 0; i < v->n; i++) {
        jd_jmember *m = &v->members[i];
        if (jd_str_is(m->name, "features"))
            changed |= older_entity(&m->val, minor);
        else if (jd_str_is(m->name, "properties") && jd_jget(v, "geometry"))
            changed |= older_entity(&m->val, minor);
        else if (!jd_str_is(m->name, "@context"))
            changed |= older_attr(&m->val, minor);
    }
    return changed;
}

int api_downgrade(api_ask *k) {
    jd_jval tree;
    jd_buf *b = &k->r->out;
    jd_str text = jd_arena_dup(k->a, jd_buf_view(b));
    if (k->format != JD_NORMALIZED || jd_json_parse(k->a, text, NULL, &tree, NULL) ||
        !older_entity(&tree, k->prefer_minor))
        return 0;
    b->n = 0;
    jd_json_write(b, &tree);
    return 1;
}

/* Subscriptions (5.2.12-5.2.15, 5.2.22, 5.8.1, 5.8.2): checked member by member, kept with names as IRIs, compiled. */
#include "told/told_int.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

static int bad(jd_err *err, const char *place, const char *en, const char *zh) {
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s %s%.0s", "%s%.0s %s", place, en, zh);
    return jd_fail_at(err, "%s", place);
}

static int is_str(const jd_jval *v) {
    return v && v->type == JD_JSTR && v->n;
}

static jd_str str_of(const jd_jval *v, const char *name) {
    const jd_jval *m = jd_jget(v, name);
    return m && m->type == JD_JSTR ? jd_jstr(m) : (jd_str){NULL, 0};
}

static int is_null(const jd_jval *v) {
    return v->type == JD_JNULL || jd_jis(v, "urn:ngsi-ld:null");
}

/* ---- names to IRIs, and back ---- */

typedef jd_str (*rename_fn)(void *user, jd_str name);

static int is_entity_member(jd_str name) {
    static const char *const own[] = {"id", "type", "scope", "createdAt", "modifiedAt", "expiresAt"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (jd_str_is(name, own[i])) return 1;
    return 0;
}

static void rename_list(jd_jval *list, rename_fn fn, void *user, jd_arena *a) {
    if (list->type != JD_JARR) return;
    jd_jval *items = jd_arena_alloc(a, list->n * sizeof *items + 1);
    for (uint32_t i = 0; i < list->n; i++) {
        items[i] = list->items[i];
        if (items[i].type == JD_JSTR && !is_entity_member(jd_jstr(&items[i])))
            items[i] = jd_jmake_str(fn(user, jd_jstr(&items[i])));
    }
    list->items = items;
}

/* A copy of an object whose members may be changed. */
static jd_jval copy_object(const jd_jval *v, jd_arena *a) {
    jd_jval c = *v;
    c.members = jd_arena_alloc(a, (v->n + 4) * sizeof *c.members);
    if (v->n) memcpy(c.members, v->members, v->n * sizeof *c.members);
    return c;
}

static void put(jd_jval *o, const char *name, jd_jval v) { /* o has room: see copy_object */
    for (uint32_t i = 0; i < o->n; i++)
        if (jd_str_is(o->members[i].name, name)) {
            o->members[i].val = v;
            return;
        }
    o->members[o->n++] = (jd_jmember){jd_str_of(name), v};
}

static void rename_type(jd_jval *o, rename_fn fn, void *user) {
    for (uint32_t i = 0; i < o->n; i++) {
        jd_jval *v = &o->members[i].val;
        if (jd_str_is(o->members[i].name, "type") && v->type == JD_JSTR && !jd_jis(v, "*") && jd_name_valid(jd_jstr(v)))
            *v = jd_jmake_str(fn(user, jd_jstr(v)));
    }
}

/* The subscription with every name of a type or attribute renamed. */
static jd_jval renamed(const jd_jval *v, rename_fn fn, void *user, jd_arena *a) {
    jd_jval out = copy_object(v, a);
    for (uint32_t i = 0; i < out.n; i++) {
        jd_str name = out.members[i].name;
        jd_jval *m = &out.members[i].val;
        if (jd_str_is(name, "watchedAttributes")) rename_list(m, fn, user, a);
        if (jd_str_is(name, "entities") && m->type == JD_JARR) {
            jd_jval *items = jd_arena_alloc(a, m->n * sizeof *items + 1);
            for (uint32_t k = 0; k < m->n; k++) {
                items[k] = m->items[k].type == JD_JOBJ ? copy_object(&m->items[k], a) : m->items[k];
                if (items[k].type == JD_JOBJ) rename_type(&items[k], fn, user);
            }
            m->items = items;
        }
        if (jd_str_is(name, "notification") && m->type == JD_JOBJ) {
            *m = copy_object(m, a);
            for (uint32_t k = 0; k < m->n; k++) {
                jd_str part = m->members[k].name;
                if (jd_str_is(part, "attributes") || jd_str_is(part, "pick") || jd_str_is(part, "omit"))
                    rename_list(&m->members[k].val, fn, user, a);
            }
        }
        if (jd_str_is(name, "geoQ") && m->type == JD_JOBJ) {
            *m = copy_object(m, a);
            for (uint32_t k = 0; k < m->n; k++)
                if (jd_str_is(m->members[k].name, "geoproperty") && m->members[k].val.type == JD_JSTR)
                    m->members[k].val = jd_jmake_str(fn(user, jd_jstr(&m->members[k].val)));
        }
    }
    return out;
}

typedef struct renamer {
    jd_context *ctx;
    jd_arena *a;
} renamer;

static jd_str expand(void *user, jd_str name) {
    const renamer *r = user;
    jd_str iri = jd_ctx_expand(r->ctx, r->a, name);
    return iri.p && iri.n ? iri : name;
}

static jd_str compact(void *user, jd_str iri) {
    const renamer *r = user;
    return jd_ctx_compact_iri(r->ctx, r->a, iri);
}

/* ---- checks ---- */

static int names(const jd_jval *v, const char *place, jd_err *err) {
    if (!v) return 0;
    if (v->type != JD_JARR || !v->n)
        return bad(err, place, "must be an array of at least one name", "须为非空的名称数组");
    for (uint32_t i = 0; i < v->n; i++)
        if (!is_str(&v->items[i]) || !jd_name_valid(jd_jstr(&v->items[i])))
            return bad(err, place, "holds what is no name of an attribute", "含有不能用作属性名的值");
    return 0;
}

static int entities(const jd_jval *v, jd_err *err) {
    if (!v) return 0;
    if (v->type != JD_JARR || !v->n)
        return bad(err, "entities", "must be an array of at least one selector", "须为非空的选择器数组");
    for (uint32_t i = 0; i < v->n; i++) {
        const jd_jval *e = &v->items[i], *id = jd_jget(e, "id"), *pattern = jd_jget(e, "idPattern"),
                      *type = jd_jget(e, "type");
        if (e->type != JD_JOBJ || !is_str(type)) return bad(err, "entities", "each needs a type", "每项都须有 type");
        if (id && (!is_str(id) || !jd_uri_valid(jd_jstr(id))))
            return bad(err, "entities.id", "must be a URI", "须为 URI");
        if (pattern && !is_str(pattern))
            return bad(err, "entities.idPattern", "must be a regular expression", "须为正则表达式");
    }
    return 0;
}

static int above_zero(const jd_jval *v, const char *place, jd_err *err) {
    if (!v || (v->type == JD_JNUM && jd_jnum(v) > 0 && jd_jnum(v) < 1e9)) return 0;
    return bad(err, place, "must be a number above 0", "须为大于 0 的数");
}

static int flag(const jd_jval *v, const char *place, jd_err *err) {
    if (!v || v->type == JD_JTRUE || v->type == JD_JFALSE) return 0;
    return bad(err, place, "must be true or false", "须为 true 或 false");
}

static int word(const jd_jval *v, const char *place, const char *const *words, jd_err *err) {
    if (!v) return 0;
    for (size_t i = 0; words[i]; i++)
        if (jd_jis(v, words[i])) return 0;
    return bad(err, place, "has a value that is not allowed", "的取值不被允许");
}

static int pairs(const jd_jval *v, const char *place, jd_err *err) {
    if (!v) return 0;
    if (v->type != JD_JARR) return bad(err, place, "must be an array of key and value", "须为键值数组");
    for (uint32_t i = 0; i < v->n; i++)
        if (!is_str(jd_jget(&v->items[i], "key")) || !jd_jget(&v->items[i], "value") ||
            jd_jget(&v->items[i], "value")->type != JD_JSTR)
            return bad(err, place, "must be an array of key and value", "须为键值数组");
    return 0;
}

/* What notifierInfo says of MQTT (table 7.2-1). Of a key that stands there twice the last counts. */
static int mqtt_info(const jd_jval *one, mqtt_target *out, jd_err *err) {
    jd_str key = str_of(one, "key"), value = str_of(one, "value");
    if (jd_str_is(key, "MQTT-Version")) {
        if (!jd_str_is(value, "mqtt3.1.1") && !jd_str_is(value, "mqtt5.0"))
            return bad(err, "notification.endpoint.notifierInfo.MQTT-Version", "must be mqtt3.1.1 or mqtt5.0",
                       "须为 mqtt3.1.1 或 mqtt5.0");
        out->version = jd_str_is(value, "mqtt5.0") ? MQTT_5_0 : MQTT_3_1_1;
    } else if (jd_str_is(key, "MQTT-QoS")) {
        if (value.n != 1 || value.p[0] < '0' || value.p[0] > '2')
            return bad(err, "notification.endpoint.notifierInfo.MQTT-QoS", "must be 0, 1 or 2", "须为 0、1 或 2");
        out->qos = value.p[0] - '0';
    }
    return 0;
}

static int mqtt_infos(const jd_jval *list, mqtt_target *out, jd_err *err) {
    *out = (mqtt_target){.version = MQTT_5_0};
    for (uint32_t i = 0; list && i < list->n; i++)
        if (mqtt_info(&list->items[i], out, err)) return -1;
    return 0;
}

static int endpoint(const jd_jval *v, jd_err *err) {
    static const char *const accepts[] = {"application/json", "application/ld+json", "application/geo+json", NULL};
    mqtt_target mqtt;
    if (!v || v->type != JD_JOBJ) return bad(err, "notification.endpoint", "must be an object", "须为对象");
    jd_str uri = str_of(v, "uri");
    if (!uri.n || !jd_uri_valid(uri)) return bad(err, "notification.endpoint.uri", "must be a URI", "须为 URI");
    if (!mqtt_uri_is(uri) && !jd_str_starts(uri, JD_STR("http://")) && !jd_str_starts(uri, JD_STR("https://")) &&
        !jd_str_starts(uri, JD_STR("jindu:")))
        return bad(err, "notification.endpoint.uri", "must begin with http://, https://, mqtt://, mqtts:// or jindu:",
                   "须以 http://、https://、mqtt://、mqtts:// 或 jindu: 开头");
    return word(jd_jget(v, "accept"), "notification.endpoint.accept", accepts, err) ||
           above_zero(jd_jget(v, "timeout"), "notification.endpoint.timeout", err) ||
           above_zero(jd_jget(v, "cooldown"), "notification.endpoint.cooldown", err) ||
           pairs(jd_jget(v, "receiverInfo"), "notification.endpoint.receiverInfo", err) ||
           pairs(jd_jget(v, "notifierInfo"), "notification.endpoint.notifierInfo", err) ||
           (mqtt_uri_is(uri) && mqtt_infos(jd_jget(v, "notifierInfo"), &mqtt, err));
}

static int notification(const jd_jval *v, jd_err *err) {
    static const char *const formats[] = {"normalized", "concise", "keyValues", "simplified", NULL};
    static const char *const joins[] = {"flat", "inline", "@none", NULL};
    if (!v || v->type != JD_JOBJ) return bad(err, "notification", "must be there, as an object", "必须给出，且为对象");
    if (jd_jget(v, "attributes") && (jd_jget(v, "pick") || jd_jget(v, "omit")))
        return bad(err, "notification.attributes", "does not go with pick or omit", "不能与 pick、omit 同用");
    const jd_jval *changes = jd_jget(v, "showChanges"), *format = jd_jget(v, "format");
    if (changes && changes->type == JD_JTRUE && format && (jd_jis(format, "keyValues") || jd_jis(format, "simplified")))
        return bad(err, "notification.showChanges", "does not go with simplified values", "不能与简化格式同用");
    return names(jd_jget(v, "attributes"), "notification.attributes", err) ||
           names(jd_jget(v, "pick"), "notification.pick", err) || names(jd_jget(v, "omit"), "notification.omit", err) ||
           word(jd_jget(v, "format"), "notification.format", formats, err) ||
           word(jd_jget(v, "join"), "notification.join", joins, err) ||
           flag(jd_jget(v, "sysAttrs"), "notification.sysAttrs", err) ||
           flag(jd_jget(v, "showChanges"), "notification.showChanges", err) || endpoint(jd_jget(v, "endpoint"), err);
}

const char *const trigger_names[] = {"entityCreated",
                                     "entityUpdated",
                                     "entityDeleted",
                                     "attributeCreated",
                                     "attributeUpdated",
                                     "attributeDeleted",
                                     NULL};

static int triggers(const jd_jval *v, jd_err *err) {
    if (!v) return 0;
    if (v->type != JD_JARR || !v->n)
        return bad(err, "notificationTrigger", "must be an array of triggers", "须为触发条件数组");
    for (uint32_t i = 0; i < v->n; i++)
        if (word(&v->items[i], "notificationTrigger", trigger_names, err)) return -1;
    return 0;
}

static int expiry(const jd_jval *v, jd_time now, jd_err *err) {
    jd_time t;
    if (!v) return 0;
    if (v->type != JD_JSTR || jd_time_parse(jd_jstr(v), &t, NULL))
        return bad(err, "expiresAt", "must be a DateTime", "须为 DateTime");
    return t > now ? 0 : bad(err, "expiresAt", "lies in the past", "已是过去的时间");
}

static int check(const jd_jval *v, jd_time now, jd_err *err) {
    static const char *const types[] = {"Subscription", NULL};
    const jd_jval *id = jd_jget(v, "id"), *interval = jd_jget(v, "timeInterval");
    if (!jd_jget(v, "type")) return bad(err, "type", "must be \"Subscription\"", "须为“Subscription”");
    if (id && (!is_str(id) || !jd_uri_valid(jd_jstr(id)))) return bad(err, "id", "must be a URI", "须为 URI");
    if (word(jd_jget(v, "type"), "type", types, err) || entities(jd_jget(v, "entities"), err) ||
        names(jd_jget(v, "watchedAttributes"), "watchedAttributes", err) ||
        notification(jd_jget(v, "notification"), err) || triggers(jd_jget(v, "notificationTrigger"), err) ||
        above_zero(interval, "timeInterval", err) || above_zero(jd_jget(v, "throttling"), "throttling", err) ||
        flag(jd_jget(v, "isActive"), "isActive", err) || expiry(jd_jget(v, "expiresAt"), now, err))
        return -1;
    if (!jd_jget(v, "entities") && !jd_jget(v, "watchedAttributes"))
        return bad(err, "entities", "or watchedAttributes must be there", "与 watchedAttributes 至少须有一个");
    if (interval && (jd_jget(v, "watchedAttributes") || jd_jget(v, "throttling")))
        return bad(err, "timeInterval", "goes with neither watchedAttributes nor throttling",
                   "不能与 watchedAttributes 或 throttling 同用");
    for (uint32_t i = 0; i < v->n; i++) {
        static const char *const texts[] = {"subscriptionName", "description", "q", "scopeQ", "csf", "lang", NULL};
        for (size_t k = 0; texts[k]; k++)
            if (jd_str_is(v->members[i].name, texts[k]) && !is_str(&v->members[i].val))
                return bad(err, texts[k], "must be a string", "须为字符串");
    }
    return 0;
}

/* ---- what is kept: {"subscription": ..., "context": ..., "createdAt": ..., "modifiedAt": ...} ---- */

static jd_jval time_value(jd_time t, jd_arena *a) {
    char text[JD_TIME_TEXT_MAX];
    size_t n = jd_time_print(t, 6, text);
    return jd_jmake_str(jd_arena_dup(a, (jd_str){text, n}));
}

static jd_jval merged(const jd_jval *old, const jd_jval *patch, jd_arena *a) {
    jd_jval out = {.type = JD_JOBJ};
    out.members = jd_arena_alloc(a, (old->n + patch->n + 1) * sizeof *out.members);
    for (uint32_t i = 0; i < old->n; i++)
        if (!jd_jget_str(patch, old->members[i].name)) out.members[out.n++] = old->members[i];
    for (uint32_t i = 0; i < patch->n; i++)
        if (!is_null(&patch->members[i].val)) out.members[out.n++] = patch->members[i];
    return out;
}

static jd_jval without_outcome(const jd_jval *n, jd_arena *a) {
    static const char *const ours[] = {"status",      "timesSent",   "timesFailed", "lastNotification",
                                       "lastSuccess", "lastFailure", NULL};
    jd_jval out = copy_object(n, a);
    out.n = 0;
    for (uint32_t i = 0; i < n->n; i++) {
        size_t k = 0;
        while (ours[k] && !jd_str_is(n->members[i].name, ours[k])) k++;
        if (!ours[k]) out.members[out.n++] = n->members[i];
    }
    return out;
}

const char *const sub_members[] = {"id",
                                   "type",
                                   "subscriptionName",
                                   "description",
                                   "entities",
                                   "watchedAttributes",
                                   "notificationTrigger",
                                   "q",
                                   "geoQ",
                                   "csf",
                                   "isActive",
                                   "scopeQ",
                                   "expiresAt",
                                   "throttling",
                                   "temporalQ",
                                   "lang",
                                   "timeInterval",
                                   "notification",
                                   "datasetId",
                                   "jsonldContext",
                                   "splitEntities",
                                   "expandValues",
                                   "jsonKeys",
                                   "localOnly",
                                   NULL};

/* Members of 5.2.12 alone are kept; those that the server says are not. */
static jd_jval stripped(const jd_jval *v, jd_arena *a) {
    jd_jval out = copy_object(v, a);
    out.n = 0;
    for (uint32_t i = 0; i < v->n; i++) {
        size_t k = 0;
        while (sub_members[k] && !jd_str_is(v->members[i].name, sub_members[k])) k++;
        if (!sub_members[k]) continue;
        out.members[out.n] = v->members[i];
        jd_jval *m = &out.members[out.n++].val;
        if (jd_str_is(v->members[i].name, "notification") && m->type == JD_JOBJ) *m = without_outcome(m, a);
    }
    return out;
}

static jd_str made_id(jd_arena *a) {
    uint64_t n[2] = {(uint64_t)jd_now(), jd_mono_ns()}, h = jd_hash(n, sizeof n);
    return jd_arena_printf(a, "urn:ngsi-ld:Subscription:%016llx", (unsigned long long)h);
}

/* A change that leaves the endpoint as it is (a pause) does not ask again whether it is there. */
static int same_endpoint(const jd_jval *old, const jd_jval *new) {
    jd_buf was = {0}, is = {0};
    const jd_jval *a = old ? jd_jget(jd_jget(old, "notification"), "endpoint") : NULL,
                  *b = jd_jget(jd_jget(new, "notification"), "endpoint");
    if (a) jd_json_write(&was, a);
    if (b) jd_json_write(&is, b);
    int same = jd_str_eq(jd_buf_view(&was), jd_buf_view(&is));
    jd_buf_fini(&was);
    jd_buf_fini(&is);
    return same;
}

int jd_sub_check(jd_told_room *r, const jd_jval *v, jd_context *ctx, jd_str old, jd_time now, jd_arena *a, jd_str *id,
                 jd_str *body, jd_err *err) {
    renamer names_of = {ctx, a};
    jd_jval was, created = time_value(now, a), context;
    if (v->type != JD_JOBJ) return bad(err, "", "a subscription must be an object", "订阅须为对象");
    jd_jval named = renamed(v, expand, &names_of, a), own = stripped(&named, a);
    context = *jd_ctx_source(ctx);
    if (old.p) {
        if (jd_json_parse(a, old, NULL, &was, err)) return -1;
        jd_jval fragment = own;
        own = merged(jd_jget(&was, "subscription"), &fragment, a);
        created = *jd_jget(&was, "createdAt");
        if (!jd_jget(v, "q") && !jd_jget(v, "jsonldContext")) context = *jd_jget(&was, "context");
        *id = str_of(jd_jget(&was, "subscription"), "id");
    }
    if (check(&own, now, err)) return -1;
    if (!old.p) *id = str_of(&own, "id");
    if (!id->p) *id = made_id(a);
    jd_jval room = copy_object(&own, a);
    put(&room, "id", jd_jmake_str(*id));
    jd_jmember members[4] = {{JD_STR("subscription"), room},
                             {JD_STR("context"), context},
                             {JD_STR("createdAt"), created},
                             {JD_STR("modifiedAt"), time_value(now, a)}};
    jd_jval whole = {.type = JD_JOBJ, .n = 4, .members = members};
    jd_buf text = {0};
    jd_json_write(&text, &whole);
    *body = jd_arena_dup(a, jd_buf_view(&text));
    jd_buf_fini(&text);
    sub *trial; /* q, geoQ, patterns: what compiling alone finds */
    if (sub_compile(r, -1, *id, *body, &trial, err)) return -1;
    int rc = same_endpoint(old.p ? jd_jget(&was, "subscription") : NULL, &own) ? 0 : sub_own_check(r, trial, 0, err);
    sub_unref(trial);
    return rc;
}

/* ---- compiling ---- */

static jd_str joined(const jd_jval *list, jd_arena *a) {
    jd_buf b = {0};
    if (!list) return (jd_str){NULL, 0};
    for (uint32_t i = 0; i < list->n; i++) {
        if (i) jd_buf_c(&b, ',');
        jd_buf_str(&b, jd_jstr(&list->items[i]));
    }
    jd_str out = jd_arena_dup(a, jd_buf_view(&b));
    jd_buf_fini(&b);
    return out;
}

static int compile_selectors(sub *s, const jd_names *n, const jd_jval *list, jd_err *err) {
    if (!list) return 0;
    s->selectors = JD_NEWN(&s->arena, sub_selector, list->n);
    for (uint32_t i = 0; i < list->n; i++) {
        const jd_jval *e = &list->items[i];
        sub_selector *x = &s->selectors[s->selectors_n++];
        jd_str type = str_of(e, "type"), pattern = str_of(e, "idPattern");
        jd_sym any[8];
        x->id = str_of(e, "id");
        if (!x->id.p && pattern.p && jd_regex_compile(&s->arena, pattern, &x->pattern, err)) return -1;
        if (jd_str_is(type, "*")) continue;
        if (jd_typeq_compile(n, type, &x->types, err)) {
            err->place[0] = 0;
            return jd_fail_at(err, "entities.type");
        }
        int k = jd_typeq_any_of(x->types, any, 8);
        for (int j = 0; j < k; j++) s->names_open |= !any[j];
        s->names_open |= k < 0;
    }
    return 0;
}

static int compile_geo(sub *s, const jd_jval *g, const jd_symtab *symbols, jd_err *err) {
    if (!g) return 0;
    const jd_jval *coordinates = jd_jget(g, "coordinates");
    jd_str georel = str_of(g, "georel"), geometry = str_of(g, "geometry"), property = str_of(g, "geoproperty");
    if (g->type != JD_JOBJ || !georel.p || !geometry.p || !coordinates)
        return bad(err, "geoQ", "needs georel, geometry and coordinates", "须有 georel、geometry 与 coordinates");
    jd_buf text = {0};
    if (coordinates->type == JD_JSTR)
        jd_buf_str(&text, jd_jstr(coordinates));
    else
        jd_json_write(&text, coordinates);
    int rc =
        jd_geoq_compile_params(&s->arena, georel, geometry, jd_arena_dup(&s->arena, jd_buf_view(&text)), &s->geo, err);
    jd_buf_fini(&text);
    s->geo_property = property.p ? jd_sym_find(symbols, property) : JD_SYM_LOCATION;
    s->names_open |= !s->geo_property;
    return rc ? (err->place[0] = 0, jd_fail_at(err, "geoQ")) : 0;
}

static unsigned triggers_of(const jd_jval *v) {
    unsigned bits = 0;
    if (!v) return SUB_ENTITY_CREATED | SUB_ATTR_CREATED | SUB_ATTR_UPDATED;
    for (uint32_t i = 0; i < v->n; i++)
        for (unsigned k = 0; trigger_names[k]; k++)
            if (jd_jis(&v->items[i], trigger_names[k])) bits |= 1u << k;
    /* an entity is updated when one of its attributes comes, changes or goes (5.2.12) */
    if (bits & SUB_ENTITY_UPDATED) bits |= SUB_ATTR_CREATED | SUB_ATTR_UPDATED | SUB_ATTR_DELETED;
    return bits;
}

static int compile_notification(jd_told_room *r, sub *s, const jd_names *n, const jd_jval *v, jd_err *err) {
    const jd_jval *e = jd_jget(v, "endpoint"), *info = jd_jget(e, "receiverInfo"), *timeout = jd_jget(e, "timeout"),
                  *cooldown = jd_jget(e, "cooldown");
    jd_str format = str_of(v, "format"), accept = str_of(e, "accept");
    if (jd_proj_compile(n, joined(jd_jget(v, "attributes"), &s->arena), joined(jd_jget(v, "pick"), &s->arena),
                        joined(jd_jget(v, "omit"), &s->arena), &s->proj, err))
        return -1;
    s->format = jd_str_is(format, "concise")                                        ? JD_CONCISE
                : jd_str_is(format, "keyValues") || jd_str_is(format, "simplified") ? JD_SIMPLIFIED
                                                                                    : JD_NORMALIZED;
    s->sys_attrs = jd_jget(v, "sysAttrs") && jd_jget(v, "sysAttrs")->type == JD_JTRUE;
    s->show_changes = jd_jget(v, "showChanges") && jd_jget(v, "showChanges")->type == JD_JTRUE;
    const jd_jval *level = jd_jget(v, "joinLevel");
    jd_str join = str_of(v, "join");
    s->join = jd_str_is(join, "flat") ? JD_JOIN_FLAT : jd_str_is(join, "inline") ? JD_JOIN_INLINE : JD_JOIN_NONE;
    s->join_level = s->join == JD_JOIN_NONE ? 0 : level ? (int)jd_jnum(level) : 1;
    s->geojson = jd_str_is(accept, "application/geo+json");
    s->ld = jd_str_is(accept, "application/ld+json");
    s->uri = str_of(e, "uri");
    if (mqtt_uri_is(s->uri)) {
        mqtt_uri *at = JD_NEW(&s->arena, mqtt_uri);
        if (mqtt_uri_parse(&s->arena, s->uri, at, err) || mqtt_infos(jd_jget(e, "notifierInfo"), &s->mqtt, err))
            return -1;
        s->mqtt.uri = at;
    }
    if (timeout) s->timeout_ms = (uint32_t)jd_jnum(timeout);
    if (cooldown) s->cooldown_ms = (uint32_t)jd_jnum(cooldown);
    if (info) s->receiver = jd_arena_alloc(&s->arena, info->n * sizeof *s->receiver + 1);
    for (uint32_t i = 0; info && i < info->n; i++)
        s->receiver[s->receiver_n++] =
            (struct sub_header){str_of(&info->items[i], "key"), str_of(&info->items[i], "value")};
    return jd_str_starts(s->uri, JD_STR("jindu:")) ? sub_own_compile(r, s, err) : 0;
}

static int hex_pair(const char *p, char *out) {
    int v = 0;
    for (int i = 0; i < 2; i++) {
        char c = (char)(p[i] | 32);
        if (p[i] >= '0' && p[i] <= '9')
            v = v * 16 + (p[i] - '0');
        else if (c >= 'a' && c <= 'f')
            v = v * 16 + (c - 'a' + 10);
        else
            return -1;
    }
    *out = (char)(unsigned char)v;
    return v ? 0 : -1;
}

/* In a URL a q is percent-encoded; some write it so in a body too (ETSI 046_05). */
static jd_str unescaped(jd_arena *a, jd_str s) {
    char *out = jd_arena_alloc(a, s.n + 1);
    size_t n = 0;
    char c;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%' && i + 2 < s.n && !hex_pair(s.p + i + 1, &c)) {
            out[n++] = c;
            i += 2;
        } else {
            out[n++] = s.p[i];
        }
    }
    return jd_utf8_bad(out, n) < n ? s : (jd_str){out, n};
}

static int compile_datasets(sub *s, const jd_jval *v, jd_err *err) {
    if (!v) return 0;
    uint32_t n = v->type == JD_JARR ? v->n : 1;
    jd_str *list = JD_NEWN(&s->arena, jd_str, n);
    for (uint32_t i = 0; i < n; i++) {
        const jd_jval *one = v->type == JD_JARR ? &v->items[i] : v;
        if (!is_str(one) || (!jd_jis(one, "@none") && !jd_uri_valid(jd_jstr(one))))
            return bad(err, "datasetId", "must be URIs or @none", "须为 URI 或 @none");
        list[i] = jd_jstr(one);
    }
    s->datasets = list;
    s->datasets_n = n;
    return 0;
}

static int compile(jd_told_room *r, sub *s, jd_err *err) {
    jd_symtab *symbols = jd_engine_symbols(r->o.engine);
    jd_jval whole;
    if (jd_json_parse(&s->arena, s->body, NULL, &whole, err)) return -1;
    const jd_jval *v = jd_jget(&whole, "subscription");
    s->doc = *v;
    jd_str own = str_of(v, "jsonldContext");
    /* one that was kept here for it may have been deleted since; what it said stands in the document, too */
    int implicit = own.n && memmem(own.p, own.n, "/jsonldContexts/implicit-", 25) != NULL;
    int rc = own.n && !implicit ? jd_contexts_get_url(r->o.contexts, own, 1, &s->ctx, err)
                                : jd_contexts_get(r->o.contexts, jd_jget(&whole, "context"), 1, &s->ctx, err);
    if (rc) return -1;
    jd_names n = {&s->arena, s->ctx, symbols};
    const jd_jval *watched = jd_jget(v, "watchedAttributes"), *active = jd_jget(v, "isActive"),
                  *interval = jd_jget(v, "timeInterval"), *throttling = jd_jget(v, "throttling");
    jd_str q = str_of(v, "q"), scope = str_of(v, "scopeQ"), expires = str_of(v, "expiresAt");
    if (compile_selectors(s, &n, jd_jget(v, "entities"), err)) return -1;
    if (watched) s->watched = JD_NEWN(&s->arena, jd_sym, watched->n);
    for (uint32_t i = 0; watched && i < watched->n; i++) {
        jd_sym sym = jd_sym_find(symbols, jd_jstr(&watched->items[i]));
        s->watched[s->watched_n++] = sym;
        s->names_open |= !sym;
    }
    if (q.p) {
        s->q_text = q = unescaped(&s->arena, q);
        jd_sym attrs[16];
        jd_qopts qo = {0};
        if (jd_q_compile(&n, q, &qo, &s->q, err)) return -1;
        size_t k = jd_q_attrs(s->q, attrs, 16);
        for (size_t i = 0; i < k && i < 16; i++) s->names_open |= !attrs[i];
        s->names_open |= k >= 16;
    }
    jd_str csf = str_of(v, "csf");
    if (csf.p) { /* there are no context sources to filter, but it must be one */
        jd_q *filter;
        if (jd_q_compile(&n, csf, NULL, &filter, err)) {
            err->place[0] = 0;
            return jd_fail_at(err, "csf");
        }
        jd_q_fini(filter);
    }
    if (scope.p && jd_scopeq_compile(&n, scope, &s->scopes, err)) return -1;
    if (compile_geo(s, jd_jget(v, "geoQ"), symbols, err)) return -1;
    s->triggers = triggers_of(jd_jget(v, "notificationTrigger"));
    s->interval_s = interval ? (int64_t)jd_jnum(interval) : 0;
    s->throttling_s = throttling ? (int64_t)jd_jnum(throttling) : 0;
    s->active = !active || active->type != JD_JFALSE;
    s->lang = str_of(v, "lang");
    if (compile_datasets(s, jd_jget(v, "datasetId"), err)) return -1;
    s->created = JD_TIME_NONE;
    (void)jd_time_parse(str_of(&whole, "createdAt"), &s->created, NULL);
    s->expires = JD_TIME_NONE;
    if (expires.p) (void)jd_time_parse(expires, &s->expires, NULL);
    return compile_notification(r, s, &n, jd_jget(v, "notification"), err);
}

int sub_compile(jd_told_room *r, int tenant, jd_str id, jd_str body, sub **out, jd_err *err) {
    sub *s = jd_xcalloc(1, sizeof *s);
    jd_arena_init(&s->arena);
    atomic_store(&s->refs, 1);
    s->tenant = tenant;
    s->tenant_name = jd_tenant_name(r->o.engine, tenant);
    s->id = jd_arena_dup(&s->arena, id);
    s->body = jd_arena_dup(&s->arena, body);
    if (compile(r, s, err)) {
        sub_unref(s);
        return -1;
    }
    *out = s;
    return 0;
}

sub *sub_ref(sub *s) {
    atomic_fetch_add(&s->refs, 1);
    return s;
}

void sub_unref(sub *s) {
    if (!s || atomic_fetch_sub(&s->refs, 1) != 1) return;
    for (uint32_t i = 0; i < s->selectors_n; i++)
        if (s->selectors[i].pattern) jd_regex_fini(s->selectors[i].pattern);
    if (s->q) jd_q_fini(s->q);
    if (s->geo) jd_geoq_fini(s->geo);
    if (s->ctx) jd_ctx_unref(s->ctx);
    state_unref(s->state);
    curl_slist_free_all(s->headers);
    jd_arena_fini(&s->arena);
    free(s);
}

sub_state *state_make(void) {
    sub_state *st = jd_xcalloc(1, sizeof *st);
    atomic_store(&st->refs, 1);
    st->last_sent = st->last_success = st->last_failure = st->told_at = JD_TIME_NONE;
    st->gathered_last = &st->gathered;
    return st;
}

void state_gathered_clear(sub_state *st) {
    for (struct gathered *g = st->gathered, *next; g; g = next) {
        next = g->next;
        free(g);
    }
    st->gathered = NULL;
    st->gathered_last = &st->gathered;
    st->gathered_n = 0;
}

void state_unref(sub_state *st) {
    if (!st || atomic_fetch_sub(&st->refs, 1) != 1) return;
    state_gathered_clear(st);
    free(st->attempt);
    free(st);
}

/* ---- as the asker sees it ---- */

static jd_jval number_value(uint64_t n, jd_arena *a) {
    jd_str s = jd_arena_printf(a, "%llu", (unsigned long long)n);
    return (jd_jval){.type = JD_JNUM, .n = (uint32_t)s.n, .s = s.p};
}

static const char *status_of(const jd_jval *v, jd_time now) {
    const jd_jval *active = jd_jget(v, "isActive");
    jd_str expires = str_of(v, "expiresAt");
    jd_time t;
    if (expires.p && !jd_time_parse(expires, &t, NULL) && t <= now) return "expired";
    return active && active->type == JD_JFALSE ? "paused" : "active";
}

static jd_jval with_outcome(const jd_jval *n, const sub_state *st, jd_arena *a) {
    jd_jval out = {.type = JD_JOBJ};
    out.members = jd_arena_alloc(a, (n->n + 8) * sizeof *out.members);
    memcpy(out.members, n->members, n->n * sizeof *out.members);
    out.n = n->n;
    if (!st->sent && !st->failed) return out;
    put(&out, "status", jd_jmake_str(st->failing ? JD_STR("failed") : JD_STR("ok")));
    put(&out, "timesSent", number_value(st->sent, a));
    if (st->failed) put(&out, "timesFailed", number_value(st->failed, a));
    if (st->last_sent != JD_TIME_NONE) put(&out, "lastNotification", time_value(st->last_sent, a));
    if (st->last_success != JD_TIME_NONE) put(&out, "lastSuccess", time_value(st->last_success, a));
    if (st->last_failure != JD_TIME_NONE) put(&out, "lastFailure", time_value(st->last_failure, a));
    return out;
}

static jd_jval default_triggers(jd_arena *a) {
    jd_jval list = {.type = JD_JARR, .n = 2, .items = jd_arena_alloc(a, 2 * sizeof(jd_jval))};
    list.items[0] = jd_jmake_str(JD_STR("attributeCreated"));
    list.items[1] = jd_jmake_str(JD_STR("attributeUpdated"));
    return list;
}

void jd_sub_render(jd_told_room *r, int tenant, jd_str id, jd_str body, jd_context *ctx, int sys_attrs, jd_arena *a,
                   jd_buf *out) {
    renamer names_of = {ctx, a};
    jd_jval whole;
    sub_state st = {.last_sent = JD_TIME_NONE, .last_success = JD_TIME_NONE, .last_failure = JD_TIME_NONE};
    if (jd_json_parse(a, body, NULL, &whole, NULL)) return;
    sub *own = told_find(r, tenant, id);
    if (own) {
        pthread_mutex_lock(&r->lock);
        st = *own->state;
        pthread_mutex_unlock(&r->lock);
        sub_unref(own);
    }
    jd_jval v = renamed(jd_jget(&whole, "subscription"), compact, &names_of, a);
    jd_jval shown = {.type = JD_JOBJ};
    shown.members = jd_arena_alloc(a, (v.n + 8) * sizeof *shown.members);
    memcpy(shown.members, v.members, v.n * sizeof *shown.members);
    shown.n = v.n;
    put(&shown, "status", jd_jmake_str(jd_str_of(status_of(&v, jd_now()))));
    if (!jd_jget(&v, "notificationTrigger") && !jd_jget(&v, "timeInterval"))
        put(&shown, "notificationTrigger", default_triggers(a));
    put(&shown, "notification", with_outcome(jd_jget(&v, "notification"), &st, a));
    if (sys_attrs) {
        put(&shown, "createdAt", *jd_jget(&whole, "createdAt"));
        put(&shown, "modifiedAt", *jd_jget(&whole, "modifiedAt"));
    }
    jd_json_write(out, &shown);
}

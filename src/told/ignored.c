/* What a subscription says and nobody reads. The standard lets unknown members pass when one is made; a dry run names
 * them, for most are a slip of the pen. */
#include "told/told_int.h"

typedef struct ignoring {
    jd_buf *out;
    int n;
} ignoring;

static int is_one_of(jd_str name, const char *const *names) {
    for (size_t i = 0; names[i]; i++)
        if (jd_str_is(name, names[i])) return 1;
    return 0;
}

static void add(ignoring *g, const char *place, jd_str name) {
    jd_buf path = {0};
    if (name.n > 200) name.n = 200;
    jd_buf_printf(&path, "%s%s%.*s", place, *place ? "." : "", JD_STR_ARG(name));
    if (g->n++) jd_buf_c(g->out, ',');
    jd_json_write_str(g->out, jd_buf_view(&path));
    jd_buf_fini(&path);
}

static void look(ignoring *g, const jd_jval *v, const char *place, const char *const *known) {
    if (!v || v->type != JD_JOBJ) return;
    for (uint32_t i = 0; i < v->n; i++)
        if (!is_one_of(v->members[i].name, known)) add(g, place, v->members[i].name);
}

/* Keys of receiverInfo or notifierInfo. */
static void look_at_keys(ignoring *g, const jd_jval *list, const char *place, const char *const *known) {
    if (!list || list->type != JD_JARR) return;
    for (uint32_t i = 0; i < list->n; i++) {
        const jd_jval *key = jd_jget(&list->items[i], "key");
        if (key && key->type == JD_JSTR && !is_one_of(jd_jstr(key), known)) add(g, place, jd_jstr(key));
    }
}

static void look_at_endpoint(ignoring *g, const jd_jval *e) {
    static const char *const known[] = {"uri", "accept", "timeout", "cooldown", "receiverInfo", "notifierInfo", NULL};
    static const char *const people[] = {"severity", "title", "text", "group", NULL};
    static const char *const mqtt[] = {"MQTT-Version", "MQTT-QoS", NULL}, *const none[] = {NULL};
    const jd_jval *uri = e ? jd_jget(e, "uri") : NULL;
    jd_str at = uri && uri->type == JD_JSTR ? jd_jstr(uri) : JD_STR("");
    look(g, e, "notification.endpoint", known);
    if (!e || e->type != JD_JOBJ) return;
    if (jd_str_starts(at, JD_STR("jindu:"))) /* elsewhere they are headers, of any name */
        look_at_keys(g, jd_jget(e, "receiverInfo"), "notification.endpoint.receiverInfo", people);
    look_at_keys(g, jd_jget(e, "notifierInfo"), "notification.endpoint.notifierInfo",
                 jd_str_starts(at, JD_STR("mqtt")) ? mqtt : none);
}

void jd_sub_ignored(const jd_jval *v, jd_buf *out) {
    static const char *const selector[] = {"id", "idPattern", "type", NULL};
    static const char *const notification[] = {"attributes", "pick",     "omit",        "format",   "join",
                                               "joinLevel",  "sysAttrs", "showChanges", "endpoint", NULL};
    static const char *const geo[] = {"georel", "geometry", "coordinates", "geoproperty", NULL};
    const jd_jval *entities = jd_jget(v, "entities"), *n = jd_jget(v, "notification");
    ignoring g = {.out = out};
    jd_buf_c(out, '[');
    for (uint32_t i = 0; i < v->n; i++) {
        jd_str name = v->members[i].name;
        if (!is_one_of(name, sub_members) && !jd_str_is(name, "@context")) add(&g, "", name);
    }
    for (uint32_t i = 0; entities && entities->type == JD_JARR && i < entities->n; i++) {
        char place[32];
        snprintf(place, sizeof place, "entities[%u]", i);
        look(&g, &entities->items[i], place, selector);
    }
    look(&g, jd_jget(v, "geoQ"), "geoQ", geo);
    look(&g, n, "notification", notification);
    if (n && n->type == JD_JOBJ) look_at_endpoint(&g, jd_jget(n, "endpoint"));
    jd_buf_c(out, ']');
}

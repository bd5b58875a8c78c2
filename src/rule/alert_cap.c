/* Alerts as messages of the Common Alerting Protocol 1.2 and back (rule/cap.h has the protocol itself). What comes in
 * becomes an alert like those of rules, of the pack "cap"; an Update or Cancel clears those that it refers to. */
#include "rule/cap.h"
#include "rule/rule_int.h"

#include <stdio.h>

#define CAP_ID "urn:ngsi-ld:Alert:cap:"

static const char *const severities[] = {"Extreme", "Severe", "Moderate", "Minor", "Unknown"};
static const char *const urgencies[] = {"Immediate", "Immediate", "Expected", "Future", "Unknown"};

/* ---- out ---- */

static jd_str text_of(const jd_rules *r, const jd_doc *d, const char *name, jd_arena *a) {
    jd_attrview v;
    jd_sym s = alert_sym(r, name);
    if (!s || !jd_doc_attr(d, s, &v, NULL)) return (jd_str){NULL, 0};
    jd_ntype t = jd_node_type(v.value);
    if (t != JD_N_STR && t != JD_N_IRI && t != JD_N_TIME) return (jd_str){NULL, 0};
    return jd_arena_dup(a, jd_node_text(v.value, jd_engine_symbols(r->o.engine), jd_arena_alloc(a, JD_TIME_TEXT_MAX)));
}

static jd_time time_of(const jd_rules *r, const jd_doc *d, const char *name, jd_arena *a) {
    jd_time t;
    jd_str s = text_of(r, d, name, a);
    return s.p && !jd_time_parse(s, &t, NULL) ? t : JD_TIME_NONE;
}

/* Our categories where CAP has one, else Other. */
static jd_str category_of(jd_str own) {
    static const struct {
        const char *own, *cap;
    } map[] = {{"environment", "Env"},
               {"airPollution", "Env"},
               {"waterPollution", "Env"},
               {"health", "Health"},
               {"transport", "Transport"},
               {"traffic", "Transport"},
               {"fire", "Fire"},
               {"weather", "Met"},
               {"flood", "Met"},
               {"geophysical", "Geo"},
               {"safety", "Safety"},
               {"security", "Security"},
               {"infrastructure", "Infra"},
               {"energy", "Infra"},
               {"chemical", "CBRNE"},
               {"rescue", "Rescue"}};
    static const char *const cap[] = {"Geo",    "Met", "Safety",    "Security", "Rescue", "Fire",
                                      "Health", "Env", "Transport", "Infra",    "CBRNE"};
    for (size_t i = 0; own.p && i < sizeof map / sizeof *map; i++)
        if (jd_str_is(own, map[i].own)) return jd_str_of(map[i].cap);
    for (size_t i = 0; own.p && i < sizeof cap / sizeof *cap; i++)
        if (jd_str_is(own, cap[i])) return own;
    return JD_STR("Other");
}

static jd_cap_area *area_of(const jd_doc *d, jd_str desc, const jd_symtab *symbols, jd_arena *a) {
    jd_attrview v;
    jd_shape *s;
    double lon, lat;
    jd_cap_area *area = JD_NEW(a, jd_cap_area);
    area->desc = desc.p ? desc : JD_STR("-");
    if (!jd_doc_attr(d, JD_SYM_LOCATION, &v, NULL) || v.kind != JD_GEOPROPERTY) return area;
    jd_jval tree = jd_node_tree(v.value, symbols, a);
    jd_str *text = JD_NEW(a, jd_str);
    if (!jd_shape_reread(a, &tree, &s, NULL) && jd_shape_point(s, &lon, &lat)) {
        *text = jd_arena_printf(a, "%.6f,%.6f 0", lat, lon);
        area->circles = text;
        area->circles_n = 1;
    } else if (jd_jis(jd_jget(&tree, "type"), "Polygon")) {
        const jd_jval *ring = &jd_jget(&tree, "coordinates")->items[0];
        jd_buf b = {0};
        for (uint32_t i = 0; i < ring->n; i++)
            jd_buf_printf(&b, "%s%.6f,%.6f", i ? " " : "", jd_jnum(&ring->items[i].items[1]),
                          jd_jnum(&ring->items[i].items[0]));
        *text = jd_arena_dup(a, jd_buf_view(&b));
        jd_buf_fini(&b);
        area->polygons = text;
        area->polygons_n = 1;
    }
    return area;
}

static int level_of(const jd_rules *r, const jd_doc *d) {
    jd_attrview v;
    jd_sym s = alert_sym(r, "level");
    int level = s && jd_doc_attr(d, s, &v, NULL) && jd_node_type(v.value) == JD_N_NUM ? (int)jd_node_num(v.value) : 5;
    return level < 1 || level > 5 ? 4 : level - 1;
}

/* The title of one language: the other one's where it has none. */
static jd_str said(jd_words w, int zh) {
    jd_str s = zh ? w.zh : w.en;
    return s.p ? s : zh ? w.en : w.zh;
}

void jd_alert_to_cap(jd_rules *r, const jd_doc *d, jd_str sender, jd_arena *a, jd_buf *out) {
    int level = level_of(r, d);
    jd_words title = alert_words(r, d, "title", a), text = alert_words(r, d, "description", a);
    jd_time issued = time_of(r, d, "dateIssued", a), cleared = time_of(r, d, "dateCleared", a),
            last = time_of(r, d, "dateLast", a);
    int over = jd_str_is(text_of(r, d, "status", a), "cleared") && cleared != JD_TIME_NONE;
    jd_str source = text_of(r, d, "alertSource", a), *category = JD_NEW(a, jd_str);
    *category = category_of(text_of(r, d, "category", a));
    jd_cap_pair *more = JD_NEWN(a, jd_cap_pair, 3);
    size_t n = 0;
    more[n++] = (jd_cap_pair){JD_STR("severity"), jd_str_of(jd_severity_name((jd_severity)level, 0))};
    jd_str pack = text_of(r, d, "pack", a), id = text_of(r, d, "rule", a);
    if (pack.p) more[n++] = (jd_cap_pair){JD_STR("pack"), pack};
    if (id.p) more[n++] = (jd_cap_pair){JD_STR("rule"), id};
    jd_cap_info *info = JD_NEWN(a, jd_cap_info, 2);
    for (int zh = 0; zh < 2; zh++)
        info[zh] = (jd_cap_info){.language = zh ? JD_STR("zh-CN") : JD_STR("en-US"),
                                 .categories = category,
                                 .categories_n = 1,
                                 .event = said(title, zh).p ? said(title, zh) : JD_STR("Alert"),
                                 .urgency = over ? JD_STR("Past") : jd_str_of(urgencies[level]),
                                 .severity = jd_str_of(severities[level]),
                                 .certainty = JD_STR("Observed"),
                                 .effective = issued,
                                 .onset = time_of(r, d, "validFrom", a),
                                 .expires = over ? cleared : JD_TIME_NONE,
                                 .headline = said(title, zh),
                                 .description = said(text, zh),
                                 .parameters = more,
                                 .parameters_n = n,
                                 .areas = area_of(d, source, jd_engine_symbols(r->o.engine), a),
                                 .areas_n = 1};
    char first[JD_TIME_TEXT_MAX];
    jd_time sent = over ? cleared : last != JD_TIME_NONE ? last : issued;
    if (issued == JD_TIME_NONE) issued = d->created;
    size_t k = jd_time_print(issued, 0, first);
    jd_str episode = jd_arena_printf(a, "%.*s.%lld", JD_STR_ARG(d->id), (long long)(issued / 1000000));
    jd_cap c = {.identifier = over ? jd_arena_printf(a, "%.*s.over", JD_STR_ARG(episode)) : episode,
                .sender = sender,
                .sent = over ? sent : issued,
                .status = JD_STR("Actual"),
                .msg_type = over ? JD_STR("Cancel") : JD_STR("Alert"),
                .scope = JD_STR("Public"),
                .infos = info,
                .infos_n = 2};
    if (over)
        c.references =
            jd_arena_printf(a, "%.*s,%.*s,%.*s-00:00", JD_STR_ARG(sender), JD_STR_ARG(episode), (int)k - 1, first);
    jd_cap_write(&c, out);
}

/* ---- in ---- */

/* What may stand in an id of ours; all else is a hyphen. */
static jd_str cap_id(jd_str sender, jd_str identifier, jd_arena *a) {
    jd_str id = jd_arena_printf(a, CAP_ID "%.*s:%.*s", JD_STR_ARG(sender), JD_STR_ARG(identifier));
    char *p = (char *)(uintptr_t)id.p;
    for (size_t i = sizeof CAP_ID - 1; i < id.n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c <= ' ' || c == 127 || c == '<' || c == '>' || c == '"' || c == '\\' || c == '%' || c == '{' || c == '}')
            p[i] = '-';
    }
    return id;
}

static int level_in(jd_str severity) {
    for (int i = 0; i < 5; i++)
        if (jd_str_is(severity, severities[i])) return i;
    return 4;
}

static int is_chinese(jd_str language) {
    return language.p && language.n >= 2 && (language.p[0] | 32) == 'z' && (language.p[1] | 32) == 'h';
}

/* "lat,lon lat,lon ..." as a ring of GeoJSON. */
static void ring_of(jd_str s, jd_buf *b) {
    jd_arena a;
    jd_arena_init(&a);
    jd_str copy = jd_arena_dup(&a, s);
    char *save = NULL;
    jd_buf_z(b, "{\"type\":\"Polygon\",\"coordinates\":[[");
    size_t n = 0;
    for (char *p = strtok_r((char *)(uintptr_t)copy.p, " \t\r\n", &save); p; p = strtok_r(NULL, " \t\r\n", &save)) {
        char *comma = strchr(p, ',');
        if (!comma) continue;
        *comma = 0;
        jd_buf_printf(b, "%s[%s,%s]", n++ ? "," : "", comma + 1, p);
    }
    jd_buf_z(b, "]]}");
    jd_arena_fini(&a);
}

/* "lat,lon radius": its middle. */
static void middle_of(jd_str s, jd_buf *b) {
    jd_arena a;
    jd_arena_init(&a);
    jd_str copy = jd_arena_dup(&a, s);
    char *comma = strchr(copy.p, ','), *blank = strchr(copy.p, ' ');
    if (comma && blank) {
        *comma = *blank = 0;
        jd_buf_printf(b, "{\"type\":\"Point\",\"coordinates\":[%s,%s]}", comma + 1, copy.p);
    }
    jd_arena_fini(&a);
}

static void location_in(const jd_cap_info *info, jd_buf *b) {
    for (size_t i = 0; i < info->areas_n; i++) {
        const jd_cap_area *area = &info->areas[i];
        if (!area->polygons_n && !area->circles_n) continue;
        jd_buf_z(b, ",\"location\":{\"type\":\"GeoProperty\",\"value\":");
        if (area->polygons_n)
            ring_of(area->polygons[0], b);
        else
            middle_of(area->circles[0], b);
        jd_buf_c(b, '}');
        return;
    }
}

static void words_in(const jd_cap *c, const char *name, int headline, jd_buf *b) {
    jd_str zh = {NULL, 0}, en = {NULL, 0};
    for (size_t i = 0; i < c->infos_n; i++) {
        const jd_cap_info *info = &c->infos[i];
        jd_str s = headline ? (info->headline.n ? info->headline : info->event) : info->description;
        if (!s.n) continue;
        if (is_chinese(info->language) && !zh.p) zh = s;
        if (!is_chinese(info->language) && !en.p) en = s;
    }
    if (!zh.p && !en.p) return;
    alert_words_json(b, name, zh.p ? zh : en, en.p ? en : zh);
}

static void make_json(const jd_cap *c, jd_str id, jd_time now, jd_buf *b) {
    static const jd_cap_info none = {.effective = JD_TIME_NONE, .onset = JD_TIME_NONE, .expires = JD_TIME_NONE};
    const jd_cap_info *info = c->infos_n ? &c->infos[0] : &none;
    int level = level_in(info->severity);
    jd_buf_z(b, "{\"id\":");
    jd_json_write_str(b, id);
    jd_buf_printf(b, ",\"type\":\"Alert\",\"status\":\"open\",\"severity\":\"%s\",\"level\":%d,\"times\":1",
                  jd_severity_name((jd_severity)level, 0), level + 1);
    alert_text_json(b, "pack", JD_STR("cap"));
    alert_text_json(b, "rule", c->sender);
    if (info->categories_n) alert_text_json(b, "category", info->categories[0]);
    words_in(c, "title", 1, b);
    words_in(c, "description", 0, b);
    alert_time_json(b, "dateIssued", c->sent);
    alert_time_json(b, "dateLast", now);
    alert_time_json(b, "validFrom",
                    info->onset != JD_TIME_NONE       ? info->onset
                    : info->effective != JD_TIME_NONE ? info->effective
                                                      : c->sent);
    if (info->expires != JD_TIME_NONE) alert_time_json(b, "validTo", info->expires);
    location_in(info, b);
    jd_buf_z(b, ",\"cap\":{\"type\":\"JsonProperty\",\"json\":{\"identifier\":");
    jd_json_write_str(b, c->identifier);
    alert_text_json(b, "sender", c->sender);
    alert_text_json(b, "msgType", c->msg_type);
    if (c->references.n) alert_text_json(b, "references", c->references);
    jd_buf_z(b, "}}}");
}

/* The alerts that a message refers to, as far as they are here. */
static size_t earlier(jd_view *v, const jd_cap *c, jd_arena *a, jd_str *ids, size_t max) {
    size_t n = 0;
    jd_str all = jd_arena_dup(a, c->references.p ? c->references : JD_STR(""));
    char *save = NULL;
    for (char *p = strtok_r((char *)(uintptr_t)all.p, " \t\r\n", &save); p && n < max;
         p = strtok_r(NULL, " \t\r\n", &save)) {
        char *one = strchr(p, ','), *two = one ? strchr(one + 1, ',') : NULL;
        jd_doc d;
        if (!two) continue;
        jd_str id = cap_id((jd_str){p, (size_t)(one - p)}, (jd_str){one + 1, (size_t)(two - one - 1)}, a);
        if (v->t && jd_view_get(v, id, &d)) ids[n++] = id;
    }
    return n;
}

int jd_alert_from_cap(jd_rules *r, jd_view *v, jd_str xml, jd_arena *a, jd_write **w, size_t *n, jd_str *id,
                      jd_err *err) {
    enum { EARLIER_MAX = 100 };
    jd_cap c;
    jd_str before[EARLIER_MAX];
    jd_buf b = {0};
    jd_time now = jd_now();
    if (jd_cap_read(xml, a, &c, err)) return -1;
    int cancels = jd_str_is(c.msg_type, "Cancel"), updates = jd_str_is(c.msg_type, "Update");
    if (!jd_str_is(c.status, "Actual"))
        return jd_fail(err, JD_E_NOT_SUPPORTED, "only messages of status Actual become alerts",
                       "仅 status 为 Actual 的消息可成为告警"),
               jd_fail_at(err, "status");
    if (!cancels && !updates && !jd_str_is(c.msg_type, "Alert"))
        return jd_fail(err, JD_E_NOT_SUPPORTED, "Ack and Error are not taken", "不接受 Ack 与 Error 消息"),
               jd_fail_at(err, "msgType");
    size_t earlier_n = earlier(v, &c, a, before, EARLIER_MAX);
    if (cancels && !earlier_n)
        return jd_fail(err, JD_E_NOT_FOUND, "none of the messages that it refers to is here", "所引用的消息均不在此"),
               jd_fail_at(err, "references");
    *w = JD_NEWN(a, jd_write, 2 * earlier_n + 1);
    *n = 0;
    for (size_t i = 0; i < earlier_n; i++) {
        jd_buf_z(&b, "{\"status\":\"cleared\"");
        alert_text_json(&b, "clearedBy", c.identifier);
        alert_time_json(&b, "dateCleared", now);
        alert_time_json(&b, "validTo", c.sent);
        jd_buf_c(&b, '}');
        if (alert_to_write(r, JD_OP_APPEND, 0, JD_IN_FRAGMENT, before[i], &b, a, &(*w)[(*n)++], err) ||
            silence_off_write(r, before[i], a, &(*w)[(*n)++], err))
            return -1;
        *id = before[i];
    }
    if (cancels) return 0;
    *id = cap_id(c.sender, c.identifier, a);
    make_json(&c, *id, now, &b);
    return alert_to_write(r, JD_OP_CREATE, JD_AP_REPLACE_EXISTING, JD_IN_ENTITY, *id, &b, a, &(*w)[(*n)++], err);
}

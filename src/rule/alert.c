/* Alerts as entities: type Alert of the Smart Data Models, one for each rule and entity (docs/packs.md). */
#include "rule/rule_int.h"

#include <stdio.h>

#define SDM "https://smartdatamodels.org/dataModel.Alert/"
#define OWN "urn:jindu:def:"

const char jd_alert_context[] =
    "{\"Alert\":\"" SDM "Alert\",\"severity\":\"" SDM "severity\",\"category\":\"" SDM
    "category\",\"alertSource\":\"" SDM
    "alertSource\",\"dateIssued\":\"https://smartdatamodels.org/dateIssued\",\"validFrom\":\"" SDM
    "validFrom\",\"validTo\":\"" SDM "validTo\",\"level\":\"" OWN "level\",\"rule\":\"" OWN "rule\",\"pack\":\"" OWN
    "pack\",\"evidence\":\"" OWN "evidence\",\"dateLast\":\"" OWN "dateLast\",\"dateCleared\":\"" OWN
    "dateCleared\",\"clearedBy\":\"" OWN "clearedBy\",\"times\":\"" OWN "times\",\"acknowledgedBy\":\"" OWN
    "acknowledgedBy\",\"dateAcknowledged\":\"" OWN "dateAcknowledged\",\"comments\":\"" OWN "comments\",\"cap\":\"" OWN
    "cap\",\"silencedBy\":\"" OWN "silencedBy\",\"silenceReason\":\"" OWN "silenceReason\",\"silencedUntil\":\"" OWN
    "silencedUntil\"}";

enum { READINGS_MAX = 16, COMMENTS_MAX = 100, COMMENT_BYTES_MAX = 2000 };
#define ID_START "urn:ngsi-ld:Alert:"

/* ---- ids: PACK/RULE becomes PACK:RULE, and neither has a colon ---- */

jd_str alert_id(jd_str rule_key, jd_str entity, jd_arena *a) {
    const char *slash = memchr(rule_key.p, '/', rule_key.n);
    int pack = (int)(slash - rule_key.p);
    return jd_arena_printf(a, ID_START "%.*s:%.*s:%.*s", pack, rule_key.p, (int)rule_key.n - pack - 1, slash + 1,
                           JD_STR_ARG(entity));
}

int alert_id_split(jd_str id, jd_str *rule_key, jd_str *entity, jd_arena *a) {
    if (!jd_str_starts(id, JD_STR(ID_START))) return 0;
    jd_str rest = {id.p + sizeof ID_START - 1, id.n - (sizeof ID_START - 1)};
    const char *one = memchr(rest.p, ':', rest.n);
    const char *two = one ? memchr(one + 1, ':', rest.n - (size_t)(one + 1 - rest.p)) : NULL;
    if (!two) return 0;
    *rule_key = jd_arena_printf(a, "%.*s/%.*s", (int)(one - rest.p), rest.p, (int)(two - one - 1), one + 1);
    *entity = (jd_str){two + 1, rest.n - (size_t)(two + 1 - rest.p)};
    return 1;
}

/* ---- pieces of its JSON ---- */

void alert_text_json(jd_buf *b, const char *name, jd_str s) {
    jd_buf_printf(b, ",\"%s\":", name);
    jd_json_write_str(b, s);
}

static void time_json(jd_buf *b, jd_time t) {
    char s[JD_TIME_TEXT_MAX];
    size_t n = jd_time_print(t, -1, s);
    jd_json_write_str(b, (jd_str){s, n});
}

void alert_time_json(jd_buf *b, const char *name, jd_time t) {
    jd_buf_printf(b, ",\"%s\":", name);
    time_json(b, t);
}

void alert_words_json(jd_buf *b, const char *name, jd_str zh, jd_str en) {
    jd_buf_printf(b, ",\"%s\":{\"languageMap\":{\"zh\":", name);
    jd_json_write_str(b, zh);
    jd_buf_z(b, ",\"en\":");
    jd_json_write_str(b, en);
    jd_buf_z(b, "}}");
}

static void value_json(jd_buf *b, const jd_xval *v) {
    jd_buf text = {0};
    switch (v->type) {
    case JD_X_NULL: jd_buf_z(b, "null"); return;
    case JD_X_BOOL: jd_buf_z(b, v->yes ? "true" : "false"); return;
    case JD_X_NUM: jd_xval_text(v, b); return;
    default:
        jd_xval_text(v, &text);
        jd_json_write_str(b, jd_buf_view(&text));
        jd_buf_fini(&text);
    }
}

static void reading_json(jd_buf *b, const rule *x, const jd_attrview *v, jd_arena *a) {
    jd_jval tree = jd_node_tree(v->value, x->symbols, a);
    jd_buf_z(b, "{\"attribute\":");
    jd_json_write_str(b, jd_ctx_compact(x->ctx, v->name));
    jd_buf_z(b, ",\"value\":");
    jd_json_write(b, &tree);
    if (v->observed != JD_TIME_NONE) jd_buf_z(b, ",\"observedAt\":"), time_json(b, v->observed);
    if (v->unit.p) jd_buf_z(b, ",\"unitCode\":"), jd_json_write_str(b, v->unit);
    jd_buf_c(b, '}');
}

void alert_evidence_json(jd_buf *b, judging *j, jd_time at) {
    const rule *x = j->x;
    unsigned n = 0;
    jd_attrview v;
    jd_buf_z(b, "{\"at\":");
    time_json(b, at);
    jd_buf_z(b, ",\"readings\":[");
    for (uint32_t i = 0; i < x->watched_n && n < READINGS_MAX; i++) {
        if (!jd_doc_attr(j->is, x->watched[i], &v, NULL)) continue;
        if (n++) jd_buf_c(b, ',');
        reading_json(b, x, &v, j->a);
    }
    jd_buf_z(b, "],\"values\":{");
    for (uint32_t i = 0; i < x->evidence_n; i++) {
        jd_xval value = {.type = JD_X_NULL};
        if (jd_expr_eval(x->evidence[i].x, &j->host, &value, NULL)) value.type = JD_X_NULL;
        if (i) jd_buf_c(b, ',');
        jd_json_write_key(b, x->evidence[i].name);
        value_json(b, &value);
    }
    jd_buf_z(b, "}}");
}

static void said(judging *j, const jd_xtpl *t, jd_str otherwise, jd_buf *out) {
    if (t)
        jd_xtpl_write(t, &j->host, out);
    else
        jd_buf_str(out, otherwise);
}

static void location_attr(jd_buf *b, judging *j) {
    jd_attrview v;
    if (!jd_doc_attr(j->is, JD_SYM_LOCATION, &v, NULL) || v.kind != JD_GEOPROPERTY) return;
    jd_jval tree = jd_node_tree(v.value, j->x->symbols, j->a);
    jd_buf_z(b, ",\"location\":{\"type\":\"GeoProperty\",\"value\":");
    jd_json_write(b, &tree);
    jd_buf_c(b, '}');
}

/* ---- writes ---- */

int alert_to_write(jd_rules *r, jd_op op, unsigned flags, jd_input shape, jd_str id, jd_buf *json, jd_arena *a,
                   jd_write *w, jd_err *err) {
    jd_jval *v = JD_NEW(a, jd_jval);
    jd_ent *ent = JD_NEW(a, jd_ent);
    jd_parse p = {.arena = a, .ctx = r->alert_ctx, .symbols = jd_engine_symbols(r->o.engine)};
    int rc =
        jd_json_parse(a, jd_arena_dup(a, jd_buf_view(json)), NULL, v, err) || jd_ent_parse(&p, v, shape, id, ent, err);
    jd_buf_fini(json);
    if (rc) return -1;
    *w = (jd_write){.rq = {.op = op, .flags = flags, .id = id, .ent = ent, .observed = JD_TIME_NONE}};
    return 0;
}

int alert_write(jd_rules *r, const rule *x, judging *j, jd_str entity, const alert_say *say, jd_arena *a, jd_write *w,
                jd_err *err) {
    const rule_level *l = &x->levels[say->level];
    jd_buf b = {0}, zh = {0}, en = {0};
    jd_str id = alert_id(x->key, entity, a);
    jd_buf_z(&b, "{\"id\":");
    jd_json_write_str(&b, id);
    jd_buf_z(&b, ",\"type\":\"Alert\"");
    alert_text_json(&b, "severity", jd_str_of(jd_severity_name(l->severity, 0)));
    jd_buf_printf(&b, ",\"level\":%d", (int)l->severity + 1);
    said(j, x->text_zh, x->title.zh, &zh);
    j->english = 1;
    said(j, x->text_en, x->title.en, &en);
    j->english = 0;
    alert_words_json(&b, "description", jd_buf_view(&zh), jd_buf_view(&en));
    jd_buf_fini(&zh);
    jd_buf_fini(&en);
    alert_time_json(&b, "dateLast", say->now);
    jd_buf_z(&b, ",\"evidence\":{\"type\":\"JsonProperty\",\"json\":");
    alert_evidence_json(&b, j, say->at);
    jd_buf_c(&b, '}');
    if (say->fresh) {
        alert_text_json(&b, "status", JD_STR("open"));
        alert_words_json(&b, "title", x->title.zh, x->title.en);
        alert_text_json(&b, "rule", x->id);
        alert_text_json(&b, "pack", x->pack);
        if (x->category.en.p) alert_text_json(&b, "category", x->category.en);
        jd_buf_z(&b, ",\"alertSource\":{\"object\":");
        jd_json_write_str(&b, entity);
        jd_buf_c(&b, '}');
        alert_time_json(&b, "dateIssued", say->now);
        alert_time_json(&b, "validFrom", say->at);
        jd_buf_printf(&b, ",\"times\":%u", say->times);
        location_attr(&b, j);
    }
    jd_buf_c(&b, '}');
    return say->fresh ? alert_to_write(r, JD_OP_CREATE, JD_AP_REPLACE_EXISTING, JD_IN_ENTITY, id, &b, a, w, err)
                      : alert_to_write(r, JD_OP_APPEND, 0, JD_IN_FRAGMENT, id, &b, a, w, err);
}

int alert_close_write(jd_rules *r, jd_str rule_key, jd_str entity, jd_time now, jd_time at, const char *why,
                      jd_arena *a, jd_write *w, jd_err *err) {
    jd_buf b = {0};
    jd_str id = alert_id(rule_key, entity, a);
    jd_buf_z(&b, "{\"status\":\"cleared\"");
    alert_text_json(&b, "clearedBy", jd_str_of(why));
    alert_time_json(&b, "dateCleared", now);
    alert_time_json(&b, "validTo", at);
    jd_buf_c(&b, '}');
    return alert_to_write(r, JD_OP_APPEND, 0, JD_IN_FRAGMENT, id, &b, a, w, err);
}

/* ---- what people do ---- */

jd_sym alert_sym(const jd_rules *r, const char *name) {
    jd_arena a;
    jd_arena_init(&a);
    jd_str iri = jd_ctx_expand(r->alert_ctx, &a, jd_str_of(name));
    jd_sym s = jd_sym_find(jd_engine_symbols(r->o.engine), iri);
    jd_arena_fini(&a);
    return s;
}

jd_words alert_words(const jd_rules *r, const jd_doc *d, const char *name, jd_arena *a) {
    jd_attrview v;
    jd_words w = {{NULL, 0}, {NULL, 0}};
    jd_sym key;
    jd_str raw;
    jd_node item;
    jd_sym sym = alert_sym(r, name);
    if (!sym || !jd_doc_attr(d, sym, &v, NULL) || v.kind != JD_LANGUAGEPROPERTY) return w;
    for (jd_nodeiter it = jd_node_items(v.value); jd_node_member(&it, &key, &raw, &item);) {
        if (jd_node_type(item) != JD_N_STR) continue;
        if (jd_str_is(raw, "zh")) w.zh = jd_arena_dup(a, jd_node_str(item));
        if (jd_str_is(raw, "en")) w.en = jd_arena_dup(a, jd_node_str(item));
    }
    return w;
}

static jd_str status_of(const jd_rules *r, const jd_doc *d) {
    jd_attrview v;
    if (!jd_doc_attr(d, alert_sym(r, "status"), &v, NULL) || jd_node_type(v.value) != JD_N_STR) return JD_STR("");
    return jd_node_str(v.value);
}

int alert_is(const jd_rules *r, const jd_doc *d, const char *status) {
    return jd_str_is(status_of(r, d), status);
}

/* The comments so far, the oldest beyond COMMENTS_MAX left out, and one more. */
static void comments_attr(jd_rules *r, const jd_doc *d, const jd_alert_ticket *t, const char *what, jd_time now,
                          jd_arena *a, jd_buf *b) {
    jd_attrview v;
    jd_buf_z(b, ",\"comments\":{\"type\":\"JsonProperty\",\"json\":[");
    if (jd_doc_attr(d, alert_sym(r, "comments"), &v, NULL) && jd_node_type(v.value) == JD_N_ARR) {
        jd_jval old = jd_node_tree(v.value, jd_engine_symbols(r->o.engine), a);
        for (uint32_t i = old.n >= COMMENTS_MAX ? old.n - COMMENTS_MAX + 1 : 0; i < old.n; i++) {
            jd_json_write(b, &old.items[i]);
            jd_buf_c(b, ',');
        }
    }
    jd_buf_printf(b, "{\"what\":\"%s\",\"at\":", what);
    time_json(b, now);
    if (t->by.p) alert_text_json(b, "by", t->by);
    if (t->comment.p) alert_text_json(b, "comment", t->comment);
    jd_buf_z(b, "}]}");
}

int alert_act_write(jd_rules *r, jd_view *v, const jd_alert_ticket *t, jd_time now, jd_arena *a, jd_write *w,
                    jd_err *err) {
    static const char *const what[] = {"acknowledged", "comment", "cleared", "silenced", "unsilenced"};
    jd_doc d;
    jd_buf b = {0};
    if (t->comment.n > COMMENT_BYTES_MAX) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "a comment has at most %d bytes", "意见最多 %d 字节", COMMENT_BYTES_MAX);
        return jd_fail_at(err, t->act == JD_ALERT_SILENCE ? "reason" : "comment");
    }
    if (!v->t || !jd_view_get(v, t->id, &d) || !jd_doc_has_type(&d, alert_sym(r, "Alert")))
        return jd_fail(err, JD_E_NOT_FOUND, "there is no alert %.*s", "没有告警 %.*s",
                       (int)(t->id.n > 200 ? 200 : t->id.n), t->id.p);
    if (t->act != JD_ALERT_COMMENT && jd_str_is(status_of(r, &d), "cleared"))
        return jd_fail(err, JD_E_CONFLICT, "the alert is cleared already", "该告警已解除");
    if (silence_check(r, t, now, err)) return -1;
    jd_buf_c(&b, '{');
    if (t->act == JD_ALERT_ACK) {
        jd_buf_z(&b, "\"status\":\"acknowledged\"");
        if (t->by.p) alert_text_json(&b, "acknowledgedBy", t->by);
        alert_time_json(&b, "dateAcknowledged", now);
    } else if (t->act == JD_ALERT_CLEAR) {
        jd_buf_z(&b, "\"status\":\"cleared\"");
        alert_text_json(&b, "clearedBy", t->by.p ? t->by : JD_STR("hand"));
        alert_time_json(&b, "dateCleared", now);
        alert_time_json(&b, "validTo", now);
    } else {
        jd_buf_z(&b, "\"type\":\"Alert\"");
    }
    if (t->act == JD_ALERT_SILENCE) {
        alert_text_json(&b, "silencedBy", t->by);
        alert_text_json(&b, "silenceReason", t->comment);
        alert_time_json(&b, "silencedUntil", t->until);
    }
    comments_attr(r, &d, t, what[t->act], now, a, &b);
    jd_buf_c(&b, '}');
    return alert_to_write(r, JD_OP_APPEND, 0, JD_IN_FRAGMENT, jd_arena_dup(a, t->id), &b, a, w, err);
}

jd_context *jd_alert_names(jd_rules *r) {
    return r->alert_ctx;
}

jd_str jd_alert_names_text(void) {
    return jd_str_of(jd_alert_context);
}

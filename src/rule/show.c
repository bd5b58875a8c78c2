/* Rules as they may be seen: a list, and what one says of an entity. */
#include "rule/rule_int.h"

static void one(const rule *x, jd_buf *out) {
    jd_buf_z(out, "{\"pack\":");
    jd_json_write_str(out, x->pack);
    jd_buf_z(out, ",\"id\":");
    jd_json_write_str(out, x->id);
    jd_buf_printf(out, ",\"kind\":\"%s\",\"type\":", x->derives ? "derivation" : "rule");
    jd_json_write_str(out, jd_ctx_compact(x->ctx, x->type));
    if (x->title.zh.p) {
        jd_buf_z(out, ",\"title\":{\"zh\":");
        jd_json_write_str(out, x->title.zh);
        jd_buf_z(out, ",\"en\":");
        jd_json_write_str(out, x->title.en);
        jd_buf_c(out, '}');
    }
    jd_buf_printf(out, ",\"state\":\"%s\",\"everySeconds\":%lld,\"judged\":%llu,\"failures\":%llu",
                  x->off ? "off" : "on", (long long)(x->every_us / 1000000),
                  (unsigned long long)atomic_load(&x->judged), (unsigned long long)atomic_load(&x->failures));
    if (!x->derives)
        jd_buf_printf(out, ",\"raised\":%llu,\"cleared\":%llu,\"open\":%llu",
                      (unsigned long long)atomic_load(&x->raised), (unsigned long long)atomic_load(&x->cleared),
                      (unsigned long long)atomic_load(&x->open));
    if (x->why[0]) {
        jd_buf_z(out, ",\"lastFailure\":");
        jd_json_write_str(out, jd_str_of(x->why));
    }
    jd_buf_c(out, '}');
}

void jd_rules_list(jd_rules *r, jd_str pack, jd_buf *out) {
    size_t n = 0;
    jd_buf_c(out, '[');
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->rules_n; i++) {
        if (pack.p && !jd_str_eq(pack, r->rules[i]->pack)) continue;
        if (n++) jd_buf_c(out, ',');
        one(r->rules[i], out);
    }
    pthread_mutex_unlock(&r->lock);
    jd_buf_c(out, ']');
}

static void said(judging *j, const jd_expr *x, const char *what, jd_buf *out) {
    jd_xval v;
    jd_err err = {0};
    jd_buf text = {0};
    if (!x) return;
    if (out->p[out->n - 1] != '[') jd_buf_c(out, ',');
    jd_buf_printf(out, "{\"what\":\"%s\",\"expression\":", what);
    jd_json_write_str(out, jd_expr_text(x));
    if (jd_expr_eval(x, &j->host, &v, &err)) {
        jd_buf_z(out, ",\"failed\":");
        jd_json_write_str(out, jd_str_of(err.en));
    } else if (v.type == JD_X_NULL) {
        jd_buf_z(out, ",\"value\":null");
    } else {
        jd_xval_text(&v, &text);
        jd_buf_z(out, ",\"value\":");
        jd_json_write_str(out, jd_buf_view(&text));
        jd_buf_fini(&text);
    }
    jd_buf_c(out, '}');
}

int jd_rule_explain(jd_rules *r, jd_str pack, jd_str id, const jd_doc *d, jd_buf *out) {
    jd_arena a;
    jd_view v;
    const rule *x = NULL;
    jd_arena_init(&a);
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->rules_n && !x; i++)
        if (jd_str_eq(r->rules[i]->pack, pack) && jd_str_eq(r->rules[i]->id, id)) x = r->rules[i];
    if (x) {
        jd_view_begin(&v, r->o.engine, 0, &a);
        judging j = {.e = r->o.engine, .x = x, .is = d, .view = &v, .a = &a, .by_time = 1};
        j.now = j.end = jd_now();
        j.readings_max = r->o.readings_max;
        judging_ready(&j);
        jd_buf_z(out, "{\"rule\":");
        one(x, out);
        jd_buf_printf(out, ",\"typeMatches\":%s,\"claimed\":%s,\"expressions\":[",
                      jd_doc_has_type(d, x->type) ? "true" : "false",
                      judge_is_unclaimed(x, d, NULL) ? "false" : "true");
        said(&j, x->where, "where", out);
        for (uint32_t i = 0; i < x->lets_n; i++) said(&j, x->lets[i].x, "let", out);
        for (uint32_t i = 0; i < x->levels_n; i++) {
            said(&j, x->levels[i].when, x->derives ? "value" : jd_severity_name(x->levels[i].severity, 0), out);
            said(&j, x->levels[i].until, "until", out);
        }
        jd_buf_z(out, "]}");
        jd_view_end(&v);
    }
    pthread_mutex_unlock(&r->lock);
    jd_arena_fini(&a);
    return x != NULL;
}

void jd_rules_metrics(jd_rules *r, jd_buf *out) {
    if (!r) return;
    jd_buf_printf(
        out,
        "# HELP jindu_rules Rules and derivations of installed packs.\n# TYPE jindu_rules gauge\n"
        "jindu_rules %u\n"
        "# HELP jindu_rule_changes_total Changes that rules looked at.\n"
        "# TYPE jindu_rule_changes_total counter\njindu_rule_changes_total %llu\n"
        "# HELP jindu_rule_judgements_total Rules judged on a change.\n"
        "# TYPE jindu_rule_judgements_total counter\njindu_rule_judgements_total %llu\n"
        "# HELP jindu_alerts_raised_total Alerts raised.\n# TYPE jindu_alerts_raised_total counter\n"
        "jindu_alerts_raised_total %llu\n"
        "# HELP jindu_alerts_cleared_total Alerts cleared.\n# TYPE jindu_alerts_cleared_total counter\n"
        "jindu_alerts_cleared_total %llu\n"
        "# HELP jindu_rules_pending Edits of the list, walks over all entities, and writes that are not durable yet.\n"
        "# TYPE jindu_rules_pending gauge\njindu_rules_pending %u\n"
        "# HELP jindu_rules_behind_groups Commit groups that are not judged yet.\n"
        "# TYPE jindu_rules_behind_groups gauge\njindu_rules_behind_groups %llu\n",
        atomic_load(&r->wanted), (unsigned long long)atomic_load(&r->changes),
        (unsigned long long)atomic_load(&r->judgements), (unsigned long long)atomic_load(&r->raised),
        (unsigned long long)atomic_load(&r->cleared), atomic_load(&r->pending) + atomic_load(&r->edits),
        (unsigned long long)(jd_engine_group(r->o.engine) - atomic_load(&r->judged_to)));
}

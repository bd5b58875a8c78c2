/* What an alert was: each time that it stood, from its own history. Raising and clearing are one write each, so what
 * was recorded with a dateIssued, and up to the next one, belongs together. */
#include "rule/rule_int.h"

void jd_alert_courses_begin(jd_rules *r, jd_time since, jd_alert_courses *c) {
    *c = (jd_alert_courses){.symbols = jd_engine_symbols(r->o.engine),
                            .status = alert_sym(r, "status"),
                            .severity = alert_sym(r, "severity"),
                            .issued = alert_sym(r, "dateIssued"),
                            .cleared = alert_sym(r, "dateCleared"),
                            .valid_from = alert_sym(r, "validFrom"),
                            .valid_to = alert_sym(r, "validTo"),
                            .times = alert_sym(r, "times"),
                            .since = since};
}

static jd_time time_in(const jd_alert_courses *c, const jd_attrview *v) {
    char scratch[JD_TIME_TEXT_MAX];
    jd_time t;
    jd_ntype type = jd_node_type(v->value);
    if (type == JD_N_TIME) return jd_node_time(v->value, NULL);
    if (type != JD_N_STR || jd_time_parse(jd_node_text(v->value, c->symbols, scratch), &t, NULL)) return JD_TIME_NONE;
    return t;
}

static jd_time time_of(const jd_alert_courses *c, const jd_doc *d, jd_sym name) {
    jd_attrview v;
    return name && jd_doc_attr(d, name, &v, NULL) ? time_in(c, &v) : JD_TIME_NONE;
}

static int severity_in(const jd_attrview *v) {
    return jd_node_type(v->value) == JD_N_STR ? jd_severity_find(jd_node_str(v->value)) : -1;
}

static const jd_tattr *attr_of(const jd_evolution *e, jd_sym name) {
    for (size_t i = 0; i < e->attrs_n; i++)
        if (e->attrs[i].name == name) return &e->attrs[i];
    return NULL;
}

/* The last one recorded in from <= t < to; NULL: none, or it was deleted by then. */
static const jd_inst *last_in(const jd_tattr *t, jd_time from, jd_time to) {
    const jd_inst *last = NULL;
    for (size_t i = 0; t && i < t->n; i++)
        if (t->inst[i].at >= from && t->inst[i].at < to) last = &t->inst[i];
    return last && !last->deleted ? last : NULL;
}

static void severities(const jd_tattr *t, jd_time from, jd_time to, jd_alert_spell *s, jd_arena *a) {
    const jd_inst *first = last_in(t, INT64_MIN, from + 1);
    int was = first ? severity_in(&first->a) : -1;
    s->steps = JD_NEWN(a, jd_alert_step, (t ? t->n : 0) + 1);
    s->steps[s->steps_n++] = (jd_alert_step){s->issued, was < 0 ? JD_INFO : (jd_severity)was};
    for (size_t i = 0; t && i < t->n; i++) {
        int is = t->inst[i].deleted ? -1 : severity_in(&t->inst[i].a);
        if (t->inst[i].at <= from || t->inst[i].at >= to || is < 0 || is == was) continue;
        s->steps[s->steps_n++] = (jd_alert_step){t->inst[i].at, (jd_severity)is};
        was = is;
    }
}

static int from_history(const jd_alert_courses *c, jd_view *v, const jd_doc *d, jd_arena *a, jd_alert_spell **out,
                        size_t *n, jd_err *err) {
    jd_doc t;
    jd_evolution e;
    int hidden;
    jd_sym names[] = {c->severity, c->issued, c->cleared, c->valid_from, c->valid_to};
    jd_wanted w = {.attrs = names, .attrs_n = c->by_data ? 5 : 3};
    jd_window all = {.property = JD_TP_MODIFIED};
    if (!jd_view_get_temporal(v, d->id, &t, &hidden)) return 0;
    if (jd_view_evolution(v, &t, &w, &all, 0, a, &e, err)) return -1;
    const jd_tattr *issued = attr_of(&e, c->issued);
    *out = JD_NEWN(a, jd_alert_spell, (issued ? issued->n : 0) + 1);
    for (size_t i = 0; issued && i < issued->n; i++) {
        const jd_inst *in = &issued->inst[i], *x;
        if (in->deleted) continue;
        size_t next = i + 1;
        while (next < issued->n && issued->inst[next].deleted) next++;
        jd_time to = next < issued->n ? issued->inst[next].at : INT64_MAX;
        jd_alert_spell *s = &(*out)[*n];
        *s = (jd_alert_spell){.issued = time_in(c, &in->a), .cleared = INT64_MAX, .valid_to = INT64_MAX};
        if (s->issued == JD_TIME_NONE) continue;
        s->valid_from = s->issued;
        if ((x = last_in(attr_of(&e, c->valid_from), INT64_MIN, in->at + 1))) s->valid_from = time_in(c, &x->a);
        if ((x = last_in(attr_of(&e, c->cleared), in->at, to))) s->cleared = time_in(c, &x->a);
        if (s->cleared != INT64_MAX && (x = last_in(attr_of(&e, c->valid_to), in->at, to)))
            s->valid_to = time_in(c, &x->a);
        if (s->cleared == INT64_MAX && to != INT64_MAX) s->cleared = s->valid_to = to; /* it was deleted in between */
        severities(attr_of(&e, c->severity), in->at, to, s, a);
        ++*n;
    }
    return 0;
}

int jd_alert_course(const jd_alert_courses *c, jd_view *v, const jd_doc *d, jd_arena *a, jd_alert_spell **out,
                    size_t *n, jd_err *err) {
    jd_attrview issued, severity, x;
    *n = 0;
    if (!c->issued || !jd_doc_attr(d, c->issued, &issued, NULL) || !jd_doc_attr(d, c->severity, &severity, NULL))
        return 0;
    int over = jd_doc_attr(d, c->status, &x, NULL) && jd_node_type(x.value) == JD_N_STR &&
               jd_str_is(jd_node_str(x.value), "cleared");
    jd_time from = time_in(c, &issued), to = over ? time_of(c, d, c->cleared) : INT64_MAX;
    int once = jd_doc_attr(d, c->times, &x, NULL) && jd_node_type(x.value) == JD_N_NUM && jd_node_num(x.value) <= 1;
    if (from == JD_TIME_NONE || (over && to < c->since)) return 0;
    if ((!once && from > c->since) || severity.modified != issued.modified)
        return from_history(c, v, d, a, out, n, err);
    /* all that there is to be said stands in the alert */
    jd_alert_spell *s = *out = JD_NEW(a, jd_alert_spell);
    int is = severity_in(&severity);
    *s = (jd_alert_spell){.issued = from, .cleared = to, .valid_from = time_of(c, d, c->valid_from), .steps_n = 1};
    s->valid_to = over ? time_of(c, d, c->valid_to) : INT64_MAX;
    s->steps = JD_NEW(a, jd_alert_step);
    *s->steps = (jd_alert_step){from, is < 0 ? JD_INFO : (jd_severity)is};
    *n = 1;
    return 0;
}

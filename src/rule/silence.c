/* Silences: alerts of which nobody is told for a while. Each is a document of kind RULED, "silence/ALERT", beside the
 * attributes of the alert that say so; both come and go in one change set. It ends at its time by the wall clock or by
 * the steady one, whichever comes first, so that a clock that is set back keeps nobody waiting. */
#include "rule/rule_int.h"

#include <stdlib.h>

enum { ENDED_A_TURN = 200, DAYS_MAX = 30, FORGET = 1024 };
#define DAY_US ((int64_t)86400 * 1000000)
#define OF_KIND "silence/"

typedef struct silence {
    char *id; /* of the alert */
    jd_time until;
    uint64_t until_ms; /* on the steady clock */
    int severity;      /* of the alert when it became silent */
    int held;          /* a message was held back */
} silence;
struct silences {
    silence *v;
    size_t n, cap;
    jd_strmap by_id; /* -> place in v */
    size_t gone;     /* names in it that are none any more */
    jd_time next;    /* the first that ends */
    uint64_t next_ms;
};

silences *silences_make(void) {
    silences *s = jd_xcalloc(1, sizeof *s);
    jd_strmap_init(&s->by_id);
    return s;
}

void silences_free(silences *s) {
    if (!s) return;
    for (size_t i = 0; i < s->n; i++) free(s->v[i].id);
    free(s->v);
    jd_strmap_fini(&s->by_id);
    free(s);
}

static silence *find(const silences *s, jd_str id) {
    uint32_t i = s->n ? jd_strmap_get(&s->by_id, id) : JD_STRMAP_NONE;
    return i == JD_STRMAP_NONE ? NULL : &s->v[i];
}

static void due_by(silences *s, const silence *x) {
    if (s->n == 1 || x->until < s->next) s->next = x->until;
    if (s->n == 1 || x->until_ms < s->next_ms) s->next_ms = x->until_ms;
}

static silence *put(silences *s, jd_str id, jd_time until, int severity) {
    silence *x = find(s, id);
    jd_time now = jd_now();
    if (!x) {
        if (s->n == s->cap) {
            s->cap = s->cap ? s->cap * 2 : 16;
            s->v = jd_xrealloc(s->v, s->cap * sizeof *s->v);
        }
        jd_strmap_put(&s->by_id, id, (uint32_t)s->n);
        x = &s->v[s->n++];
        *x = (silence){.id = jd_xstrdup(id)};
    }
    x->until = until;
    x->until_ms = rules_ms() + (until > now ? (uint64_t)((until - now) / 1000) : 0);
    x->severity = severity;
    due_by(s, x);
    return x;
}

static void drop(silences *s, silence *x) {
    jd_strmap_del(&s->by_id, jd_str_of(x->id));
    free(x->id);
    *x = s->v[--s->n];
    if (x != &s->v[s->n]) jd_strmap_put(&s->by_id, jd_str_of(x->id), (uint32_t)(x - s->v));
    if (s->gone++ < s->n + FORGET) return;
    jd_strmap_fini(&s->by_id); /* it keeps the bytes of names that went */
    jd_strmap_init(&s->by_id);
    for (size_t i = 0; i < s->n; i++) jd_strmap_put(&s->by_id, jd_str_of(s->v[i].id), (uint32_t)i);
    s->gone = 0;
}

/* ---- documents ---- */

static void keep(jd_rules *r, const silence *x, int there) {
    jd_arena *a = effects_arena(r->out);
    jd_write *w = effects_add(r->out);
    *w = (jd_write){.kind = JD_K_RULED, .rq = {.id = jd_arena_printf(a, OF_KIND "%s", x->id)}};
    w->rq.observed = JD_TIME_NONE;
    if (there)
        w->raw_body = jd_arena_printf(a, "{\"until\":%lld,\"severity\":%d,\"held\":%d}", (long long)x->until,
                                      x->severity, x->held);
}

void silence_load(jd_rules *r, jd_str id, const jd_jval *v) {
    const jd_jval *until = jd_jget(v, "until"), *severity = jd_jget(v, "severity"), *held = jd_jget(v, "held");
    if (!jd_str_starts(id, JD_STR(OF_KIND)) || !until || until->type != JD_JNUM || !severity ||
        severity->type != JD_JNUM)
        return;
    jd_str alert = {id.p + sizeof OF_KIND - 1, id.n - (sizeof OF_KIND - 1)};
    silence *x = put(r->silences, alert, (jd_time)jd_jnum(until), (int)jd_jnum(severity));
    x->held = held && held->type == JD_JNUM && jd_jnum(held) > 0;
}

/* ---- the alert ---- */

int silence_off_write(jd_rules *r, jd_str id, jd_arena *a, jd_write *w, jd_err *err) {
    jd_buf b = {0};
    jd_buf_z(&b, "{\"silencedBy\":\"urn:ngsi-ld:null\",\"silenceReason\":\"urn:ngsi-ld:null\","
                 "\"silencedUntil\":\"urn:ngsi-ld:null\"}");
    return alert_to_write(r, JD_OP_MERGE, 0, JD_IN_MERGE, id, &b, a, w, err);
}

/* Room for two writes was made. */
static void off(jd_rules *r, silence *x) {
    jd_arena *a = effects_arena(r->out);
    jd_err err = {0};
    jd_write w;
    if (!silence_off_write(r, jd_arena_dup(a, jd_str_of(x->id)), a, &w, &err)) *effects_add(r->out) = w;
    keep(r, x, 0);
    drop(r->silences, x);
}

static silence *of(jd_rules *r, jd_str rule_key, jd_str entity) {
    jd_arena a;
    if (!r->silences->n) return NULL;
    jd_arena_init(&a);
    silence *x = find(r->silences, alert_id(rule_key, entity, &a));
    jd_arena_fini(&a);
    return x;
}

int silence_keeps(jd_rules *r, const rstate *st, jd_severity severity) {
    silence *x = of(r, st->rule, st->entity);
    if (!x) return 0;
    if ((int)severity < x->severity) {
        off(r, x);
        return 0;
    }
    if (!x->held) {
        x->held = 1;
        keep(r, x, 1);
    }
    return 1;
}

void silence_over(jd_rules *r, jd_str rule_key, jd_str entity) {
    silence *x = of(r, rule_key, entity);
    if (x) off(r, x);
}

/* Whoever is to be told of it is told again. Room for its state was made. */
static void tell_again(jd_rules *r, rstate *st) {
    if (!st || st->level < 0) return;
    st->tell_due = 1;
    st->tells++;
    effects_state(r->out, st);
}

static int bad_until(jd_err *err, const char *en, const char *zh) {
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "until %s%.0s", "until %.0s%s", en, zh);
    return jd_fail_at(err, "until");
}

int silence_check(jd_rules *r, const jd_alert_ticket *t, jd_time now, jd_err *err) {
    if (t->act == JD_ALERT_UNSILENCE && !find(r->silences, t->id))
        return jd_fail(err, JD_E_NOT_FOUND, "the alert is not silenced", "该告警未被静默");
    if (t->act != JD_ALERT_SILENCE) return 0;
    if (t->until <= now) return bad_until(err, "must be later than now", "须晚于当前时间");
    if (t->until - now > DAYS_MAX * DAY_US) return bad_until(err, "must be at most 30 days ahead", "不得超过 30 天");
    return 0;
}

void silence_act(jd_rules *r, const jd_doc *d, const jd_alert_ticket *t, rstate *st) {
    if (t->act == JD_ALERT_SILENCE) {
        jd_attrview v;
        const rule *x = st ? rules_find(r, st->rule) : NULL;
        /* what is about to be written is newer than what is to be seen */
        int severity = x && st->level >= 0 && st->level < (int)x->levels_n ? (int)x->levels[st->level].severity : -1;
        if (severity < 0 && jd_doc_attr(d, alert_sym(r, "severity"), &v, NULL) && jd_node_type(v.value) == JD_N_STR)
            severity = jd_severity_find(jd_node_str(v.value));
        silence *s = put(r->silences, t->id, t->until, severity < 0 ? JD_INFO : severity);
        if (st && st->tell_due && !st->busy) {
            st->tell_due = 0;
            s->held = 1;
            effects_state(r->out, st);
        }
        keep(r, s, 1);
    } else {
        silence *s = find(r->silences, t->id);
        int held = s && s->held;
        if (s) off(r, s);
        if (held && t->act == JD_ALERT_UNSILENCE) tell_again(r, st);
    }
}

/* ---- its end ---- */

static void ended(jd_rules *r, silence *x) {
    jd_doc d;
    effects_room(r->out, 3);
    rules_view(r);
    rstate *st = rules_state(r, jd_str_of(x->id));
    if (jd_view_get(&r->view, jd_str_of(x->id), &d)) {
        int open = alert_is(r, &d, "open");
        off(r, x);
        if (open) tell_again(r, st);
    } else { /* somebody deleted it */
        keep(r, x, 0);
        drop(r->silences, x);
    }
}

void silences_due(jd_rules *r, uint64_t ms) {
    silences *s = r->silences;
    jd_time now = jd_now();
    if (!s->n || (ms < s->next_ms && now < s->next)) return;
    int left = ENDED_A_TURN;
    s->next = INT64_MAX;
    s->next_ms = UINT64_MAX;
    for (size_t i = s->n; i-- > 0;) { /* from behind: the last one takes the place of one that goes */
        silence *x = &s->v[i];
        if ((ms >= x->until_ms || now >= x->until) && left-- > 0) {
            ended(r, x);
        } else {
            if (x->until < s->next) s->next = x->until;
            if (x->until_ms < s->next_ms) s->next_ms = x->until_ms;
        }
    }
}

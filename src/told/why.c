/* Why was (not) told: which condition fails, what became of each try, what lies dead. */
#include "told/told_int.h"
#include "told/unknown.h"

/* ---- explain: each condition, and what stands beside them ---- */

static void put_names(jd_buf *out, const char *name, const jd_str *list, size_t n) {
    jd_buf_printf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        if (i) jd_buf_c(out, ',');
        jd_json_write_str(out, list[i]);
    }
    jd_buf_c(out, ']');
}

static void put_when(jd_buf *out, const char *name, jd_time t) {
    char text[JD_TIME_TEXT_MAX];
    if (t != JD_TIME_NONE) jd_buf_printf(out, ",\"%s\":\"%.*s\"", name, (int)jd_time_print(t, 3, text), text);
}

/* What decides beside the entity as it is: whether the change is one that is watched, and when it is told. */
static void put_beside(jd_told_room *r, const sub *s, jd_buf *out) {
    const jd_jval *watched = jd_jget(&s->doc, "watchedAttributes");
    jd_arena a;
    int n = 0;
    jd_arena_init(&a);
    if (watched) {
        jd_str *list = JD_NEWN(&a, jd_str, watched->n);
        for (uint32_t i = 0; i < watched->n; i++) list[i] = jd_ctx_compact_iri(s->ctx, &a, jd_jstr(&watched->items[i]));
        put_names(out, "watches", list, watched->n);
    }
    jd_buf_z(out, ",\"triggers\":[");
    for (unsigned k = 0; !s->interval_s && trigger_names[k]; k++)
        if (s->triggers >> k & 1) jd_buf_printf(out, "%s\"%s\"", n++ ? "," : "", trigger_names[k]);
    jd_buf_c(out, ']');
    if (s->interval_s) jd_buf_printf(out, ",\"timeInterval\":%lld", (long long)s->interval_s);
    pthread_mutex_lock(&r->lock);
    const sub_state *st = s->state;
    put_when(out, "throttledUntil", st ? state_throttled(s, jd_now()) : JD_TIME_NONE);
    if (st && (st->sent || st->failed)) jd_buf_printf(out, ",\"endpointStatus\":\"%s\"", st->failing ? "failed" : "ok");
    pthread_mutex_unlock(&r->lock);
    jd_arena_fini(&a);
}

static jd_str local_of(jd_str iri) {
    for (size_t i = iri.n; i; i--)
        if (iri.p[i - 1] == '/' || iri.p[i - 1] == '#' || iri.p[i - 1] == ':') return (jd_str){iri.p + i, iri.n - i};
    return iri;
}

/* Full names on both sides: short ones look the same where the @context is another. */
static void why_selector(jd_told_room *r, const sub *s, const jd_doc *d, int zh, jd_buf *because, jd_buf *more) {
    const jd_jval *list = jd_jget(&s->doc, "entities");
    jd_symtab *symbols = jd_engine_symbols(r->o.engine);
    jd_sym type;
    int n = 0, alike = 0;
    jd_buf_z(more, ",\"entityTypes\":[");
    for (jd_bytes rest = d->types; jd_syms_next(&rest, &type);) {
        jd_str iri = jd_sym_name(symbols, type);
        if (n++) jd_buf_c(more, ',');
        jd_json_write_str(more, iri);
        for (uint32_t i = 0; list && i < list->n; i++) {
            const jd_jval *t = jd_jget(&list->items[i], "type");
            alike |= t && !jd_str_eq(jd_jstr(t), iri) && jd_str_eq(local_of(jd_jstr(t)), local_of(iri));
        }
    }
    jd_buf_z(more, "],\"selects\":");
    if (list) jd_json_write(more, list);
    if (alike)
        jd_buf_z(because, zh ? "；类型名称相同，但 @context 不同：创建实体与订阅时是否用了同一个 Link 头？"
                             : "; the types are spelt alike, but are not of the same @context: were entity and "
                               "subscription made with the same Link header?");
}

/* The first term that does not hold, and what the entity has there. */
static void why_q(jd_told_room *r, const sub *s, const jd_doc *d, int zh, jd_buf *because, jd_buf *more) {
    enum { TERMS_MAX = 32, ATTRS_MAX = 16 };
    jd_str term[TERMS_MAX], q = s->q_text;
    jd_symtab *symbols = jd_engine_symbols(r->o.engine);
    jd_arena a;
    jd_err err = {0};
    jd_arena_init(&a);
    jd_names names = {&a, s->ctx, symbols};
    size_t n = q_terms(q, term, TERMS_MAX), i = 0;
    jd_q *one = NULL;
    for (; i < n; i++) {
        if (jd_q_compile(&names, term[i], NULL, &one, &err)) break;
        if (!q_holds(s, one, d, r->o.engine)) break;
        jd_q_fini(one);
        one = NULL;
    }
    if (one) {
        jd_sym attrs[ATTRS_MAX];
        jd_buf pick = {0};
        jd_proj *proj = NULL;
        size_t k = jd_q_attrs(one, attrs, ATTRS_MAX);
        for (size_t j = 0; j < k && j < ATTRS_MAX; j++) {
            if (!attrs[j]) continue;
            if (pick.n) jd_buf_c(&pick, ',');
            jd_buf_str(&pick, jd_ctx_compact(s->ctx, attrs[j]));
        }
        jd_str none = {NULL, 0};
        jd_buf_printf(because, zh ? "：%.*s" : ": %.*s", JD_STR_ARG(term[i]));
        jd_buf_z(more, ",\"found\":");
        if (pick.n && !jd_proj_compile(&names, none, jd_buf_view(&pick), none, &proj, &err))
            jd_render_entity(
                &(jd_render){.ctx = s->ctx, .symbols = symbols, .format = JD_SIMPLIFIED, .proj = proj, .arena = &a}, d,
                more);
        else
            jd_buf_z(more, "{}");
        jd_buf_fini(&pick);
        jd_q_fini(one);
    }
    jd_arena_fini(&a);
}

static void why_not(jd_told_room *r, const sub *s, const jd_doc *d, sub_condition why, int zh, jd_buf *out) {
    static const char *const words[][2] = {
        {"it is paused (isActive is false)", "订阅已暂停（isActive 为 false）"},
        {"the entity is none of those selected", "实体不在所选范围内"},
        {"it has none of the watched attributes", "没有所关注的属性"},
        {"scopeQ does not hold", "scopeQ 不成立"},
        {"geoQ does not hold", "geoQ 不成立"},
        {"q does not hold", "q 不成立"},
        {"it has none of the attributes that the notification holds", "没有通知所含的属性"},
    };
    jd_buf because = {0}, more = {0};
    if (why == COND_ACTIVE && s->active)
        jd_buf_z(&because, zh ? "订阅已过期" : "it is expired"), put_when(&more, "expiresAt", s->expires);
    else
        jd_buf_z(&because, words[why][zh]);
    if (why == COND_SELECTOR) why_selector(r, s, d, zh, &because, &more);
    if (why == COND_Q) why_q(r, s, d, zh, &because, &more);
    jd_buf_z(out, ",\"because\":");
    jd_json_write_str(out, jd_buf_view(&because));
    jd_buf_str(out, jd_buf_view(&more));
    jd_buf_fini(&because);
    jd_buf_fini(&more);
}

void jd_sub_explain(jd_told_room *r, int tenant, jd_str id, const jd_doc *d, int zh, jd_buf *out) {
    sub_condition why = COND_ACTIVE;
    sub *s = told_find(r, tenant, id);
    if (!s) return;
    sub *anew;
    jd_err err = {0};
    if (s->names_open && !sub_compile(r, tenant, s->id, s->body, &anew, &err)) { /* names learnt since */
        anew->state = s->state;
        if (s->state) atomic_fetch_add(&s->state->refs, 1);
        sub_unref(s);
        s = anew;
    }
    sub as_if; /* as if the entity came now, whatever triggers it */
    memcpy(&as_if, s, sizeof as_if);
    as_if.triggers = SUB_ENTITY_CREATED;
    int yes = sub_matches(&as_if, NULL, d, jd_now(), r->o.engine, &why), reaches = !sub_own_check(r, s, 1, &err);
    jd_buf_printf(out, "{\"matches\":%s", yes && reaches ? "true" : "false");
    if (!yes) {
        why_not(r, s, d, why, zh != 0, out);
    } else if (!reaches) {
        jd_buf_z(out, ",\"because\":");
        jd_json_write_str(out, jd_str_of(zh ? err.zh : err.en));
    }
    put_beside(r, s, out);
    jd_buf_c(out, '}');
    sub_unref(s);
}

void sub_unknown(const jd_told_room *r, const sub *s, jd_buf *out) {
    unknown u;
    const jd_jval *list = jd_jget(&s->doc, "entities"), *watched = jd_jget(&s->doc, "watchedAttributes"),
                  *geo = jd_jget(&s->doc, "geoQ"), *property = geo ? jd_jget(geo, "geoproperty") : NULL;
    unknown_init(&u, jd_engine_symbols(r->o.engine), s->ctx);
    for (uint32_t i = 0; list && i < list->n; i++) unknown_types(&u, jd_jstr(jd_jget(&list->items[i], "type")));
    for (uint32_t i = 0; watched && i < watched->n; i++) unknown_name(&u, jd_jstr(&watched->items[i]));
    unknown_q(&u, s->q_text);
    if (property && property->type == JD_JSTR) unknown_name(&u, jd_jstr(property));
    unknown_write(&u, out);
    unknown_fini(&u);
}

/* ---- attempts ---- */

int jd_sub_attempts(jd_told_room *r, int tenant, jd_str id, jd_buf *out) {
    sub *s = told_find(r, tenant, id);
    if (!s) return 0;
    jd_buf_z(out, "{\"attempts\":[");
    pthread_mutex_lock(&r->lock);
    const sub_state *st = s->state;
    uint32_t n = st->attempts < ATTEMPTS ? st->attempts : ATTEMPTS;
    for (uint32_t i = 0; i < n; i++) {
        const attempt *a = &st->attempt[(st->attempts - 1 - i) % ATTEMPTS];
        char text[JD_TIME_TEXT_MAX];
        size_t k = jd_time_print(a->at, 3, text);
        jd_buf_printf(out, "%s{\"at\":\"%.*s\",\"notification\":\"%s\",\"ok\":%s,\"answerMs\":%u", i ? "," : "", (int)k,
                      text, a->id, *a->why ? "false" : "true", a->ms);
        if (a->status) jd_buf_printf(out, ",\"status\":%d", a->status); /* HTTP's; without an answer there is none */
        if (*a->why) {
            jd_buf_z(out, ",\"why\":");
            jd_json_write_str(out, jd_str_of(a->why));
        }
        jd_buf_c(out, '}');
    }
    jd_buf_printf(out, "],\"gathered\":%u,\"gatheredLost\":%llu,", st->gathered_n,
                  (unsigned long long)st->gathered_lost);
    pthread_mutex_unlock(&r->lock);
    deliveries_show(r->out, s, out);
    jd_buf_c(out, '}');
    sub_unref(s);
    return 1;
}

int64_t jd_sub_resend(jd_told_room *r, int tenant, jd_str id) {
    sub *s = told_find(r, tenant, id);
    if (!s) return -1;
    size_t n = deliveries_resend(r->out, s);
    sub_unref(s);
    return (int64_t)n;
}

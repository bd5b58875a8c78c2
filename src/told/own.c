/* Endpoints of our own (jindu:KIND/NAME): what whoever takes them is handed, and who names one. */
#include "told/told_int.h"

static jd_str text_of(const jd_jval *v, const char *name) {
    const jd_jval *m = jd_jget(v, name);
    return m && m->type == JD_JSTR ? jd_jstr(m) : (jd_str){NULL, 0};
}

static jd_str own_info(const jd_told_handed *h, const char *key) {
    const sub *s = h->sub;
    for (uint32_t i = 0; i < s->receiver_n; i++)
        if (jd_str_is(s->receiver[i].name, key)) return s->receiver[i].value;
    return (jd_str){NULL, 0};
}

static int list_has(const jd_jval *list, jd_str iri) {
    for (uint32_t i = 0; i < list->n; i++)
        if (jd_str_eq(jd_jstr(&list->items[i]), iri)) return 1;
    return 0;
}

static int own_tells(const jd_told_handed *h, jd_str attr) {
    const sub *s = h->sub;
    const jd_jval *n = jd_jget(&s->doc, "notification"), *only = jd_jget(n, "attributes"), *omit = jd_jget(n, "omit");
    jd_arena a;
    jd_arena_init(&a);
    jd_str iri = jd_ctx_expand(s->ctx, &a, attr);
    if (!only) only = jd_jget(n, "pick");
    int yes = iri.p && (!only || list_has(only, iri)) && (!omit || !list_has(omit, iri));
    jd_arena_fini(&a);
    return yes;
}

jd_told_handed sub_handed(const sub *s) {
    jd_str name = text_of(&s->doc, "subscriptionName");
    return (jd_told_handed){.kind = s->own_kind,
                            .name = s->own_name,
                            .subscription = s->id,
                            .title = name.p ? name : text_of(&s->doc, "description"),
                            .info = own_info,
                            .watched = s->own_watched,
                            .watched_n = s->own_watched_n,
                            .tells = own_tells,
                            .sub = s};
}

/* What it is about: the watched attributes, else those of its q. */
static void own_about(const jd_told_room *r, sub *s) {
    enum { ABOUT_MAX = 16 };
    const jd_jval *watched = jd_jget(&s->doc, "watchedAttributes");
    jd_sym of_q[ABOUT_MAX];
    size_t n = watched ? watched->n : s->q ? jd_q_attrs(s->q, of_q, ABOUT_MAX) : 0;
    if (n > ABOUT_MAX) n = ABOUT_MAX;
    jd_str *list = JD_NEWN(&s->arena, jd_str, n + 1);
    for (size_t i = 0; i < n; i++) {
        jd_str iri = watched   ? jd_jstr(&watched->items[i])
                     : of_q[i] ? jd_sym_name(jd_engine_symbols(r->o.engine), of_q[i])
                               : (jd_str){NULL, 0};
        if (iri.n) list[s->own_watched_n++] = jd_ctx_compact_iri(s->ctx, &s->arena, iri);
    }
    s->own_watched = list;
}

/* jindu:KIND/NAME: whoever takes it says whether it is there, but only when a subscription begins to name it. */
int sub_own_compile(const jd_told_room *r, sub *s, jd_err *err) {
    jd_str rest = {s->uri.p + 6, s->uri.n - 6};
    const char *slash = memchr(rest.p, '/', rest.n);
    if (slash) {
        s->own_kind = (jd_str){rest.p, (size_t)(slash - rest.p)};
        s->own_name = (jd_str){slash + 1, rest.n - s->own_kind.n - 1};
    }
    if (!slash || !s->own_name.n)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "notification.endpoint.uri must be jindu:KIND/NAME",
                       "notification.endpoint.uri 须为 jindu:类别/名称"),
               jd_fail_at(err, "notification.endpoint.uri");
    own_about(r, s);
    return 0;
}

int sub_own_check(jd_told_room *r, const sub *s, int reach, jd_err *err) {
    if (!s->own_kind.p || !atomic_load(&r->hand)) return 0; /* at the start nobody listens yet */
    jd_told_handed h = sub_handed(s);
    h.reach = reach;
    return r->hand_check(r->hand_user, &h, err);
}

void jd_told_hand_to(jd_told_room *r, jd_told_hand hand, int (*check)(void *user, const jd_told_handed *h, jd_err *err),
                     void *user) {
    r->hand_user = user;
    r->hand_check = check;
    atomic_store(&r->hand, hand);
}

jd_str jd_told_names(jd_told_room *r, jd_str kind, jd_str name, jd_arena *a) {
    jd_str id = {NULL, 0};
    pthread_mutex_lock(&r->lock);
    for (uint32_t i = 0; i < r->subs_end && !id.p; i++) {
        const sub *s = r->subs[i];
        if (s && s->own_kind.p && jd_str_eq(s->own_kind, kind) && jd_str_eq(s->own_name, name))
            id = jd_arena_dup(a, s->id);
    }
    pthread_mutex_unlock(&r->lock);
    return id;
}

/* Subscriptions that tell people: endpoints jindu:contact/ID and jindu:roster/ID. A notification becomes a telling of
 * one group, so that a storm of them is few messages; its id is the message's, so that one that comes twice does no
 * harm. receiverInfo says severity, title, text, group; what it does not say is made of the subscription's name. */
#include "people/people_int.h"
#include "told/told.h"

#include <stdlib.h>

typedef struct handed {
    jd_ticket ticket;
    jd_told_room *told;
    void *taken;
    jd_arena arena;
} handed;

static int is_there(jd_people *p, const jd_told_handed *h) {
    jd_arena a;
    jd_view v;
    jd_str body;
    jd_dkind kind = jd_str_is(h->kind, "roster") ? JD_K_ROSTER : JD_K_CONTACT;
    jd_arena_init(&a);
    jd_view_begin(&v, p->o.engine, 0, &a);
    int yes = jd_view_get_kind(&v, kind, h->name, &body);
    jd_view_end(&v);
    jd_arena_fini(&a);
    return yes;
}

static int check(void *user, const jd_told_handed *h, jd_err *err) {
    jd_str severity = h->info(h, "severity");
    if (!jd_str_is(h->kind, "roster") && !jd_str_is(h->kind, "contact")) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "an endpoint jindu: is contact/ID or roster/ID",
                "jindu: 端点须为 contact/标识 或 roster/标识");
        return jd_fail_at(err, "notification.endpoint.uri");
    }
    if (severity.p && jd_severity_find(severity) < 0) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "severity is red, orange, yellow, blue or info",
                "severity 须为 red、orange、yellow、blue 或 info");
        return jd_fail_at(err, "notification.endpoint.receiverInfo.severity");
    }
    if (!is_there(user, h)) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "there is no %.*s %.*s", "没有 %.*s %.*s", JD_STR_ARG(h->kind),
                (int)(h->name.n > 100 ? 100 : h->name.n), h->name.p);
        return jd_fail_at(err, "notification.endpoint.uri");
    }
    return 0;
}

static void kept(jd_ticket *t) {
    handed *x = t->user;
    int ok = t->err.code == JD_E_OK;
    int again = t->err.code != JD_E_BAD_REQUEST_DATA && t->err.code != JD_E_NOT_FOUND;
    jd_told_taken(x->told, x->taken, ok, again, t->err.en);
    jd_arena_fini(&x->arena);
    free(x);
}

/* The first entity that it tells of, and how many there are. */
static jd_str first_entity(jd_str body, jd_arena *a, uint32_t *n) {
    jd_jval v;
    *n = 0;
    if (jd_json_parse(a, jd_arena_dup(a, body), NULL, &v, NULL)) return (jd_str){NULL, 0};
    const jd_jval *data = jd_jget(&v, "data");
    if (data && data->type == JD_JOBJ) data = jd_jget(data, "features");
    if (!data || data->type != JD_JARR || !data->n) return (jd_str){NULL, 0};
    *n = data->n;
    const jd_jval *id = jd_jget(&data->items[0], "id");
    return id && id->type == JD_JSTR ? jd_jstr(id) : (jd_str){NULL, 0};
}

static void hand(void *user, const jd_told_handed *h, void *taken) {
    jd_people *p = user;
    handed *x = jd_xcalloc(1, sizeof *x);
    jd_err err = {0};
    jd_str id;
    int joined;
    uint32_t n;
    x->told = p->listens;
    x->taken = taken;
    jd_arena_init(&x->arena);
    jd_str about = first_entity(h->body, &x->arena, &n), severity = h->info(h, "severity"), title = h->info(h, "title"),
           text = h->info(h, "text"), group = h->info(h, "group");
    if (!title.p) title = h->title.p ? h->title : h->subscription;
    if (!text.p) text = jd_arena_printf(&x->arena, "%.*s (%u)", JD_STR_ARG(about), n);
    int on_duty = jd_str_is(h->kind, "roster");
    jd_receiver to = {.contact = on_duty ? (jd_str){NULL, 0} : h->name,
                      .roster = on_duty ? h->name : (jd_str){NULL, 0}};
    jd_telling t = {.id = h->id,
                    .severity = severity.p ? (jd_severity)jd_severity_find(severity) : JD_ORANGE,
                    .title = {title, title},
                    .text = {text, text},
                    .about = about,
                    .group = group.p ? group : h->subscription,
                    .to = &to,
                    .to_n = 1};
    jd_ticket_begin(&x->ticket, kept, x);
    if (jd_people_tell(p, &t, &x->ticket, &x->arena, &id, &joined, &err)) x->ticket.err = err;
    jd_ticket_end(p, &x->ticket);
}

void jd_people_listen(jd_people *p, jd_told_room *told) {
    p->listens = told;
    jd_told_hand_to(told, hand, check, p);
}

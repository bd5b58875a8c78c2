/* Subscriptions that tell people: endpoints jindu:contact/ID and jindu:roster/ID. A notification becomes a telling of
 * one group, so that a storm of them is few messages; its id is the message's, so that one that comes twice does no
 * harm. receiverInfo says severity, title, text, group, which may hold values of the entity ({{waterLevel}}); what it
 * does not say is made of the subscription's name and the entities (wording.c). */
#include "people/people_int.h"
#include "people/wording.h"
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

static int no_way(jd_err *err, const char *en, const char *zh, jd_str who) {
    return jd_fail(err, JD_E_CONFLICT, "%s %.*s%.0s", "%.0s%.*s：%s", en, JD_STR_ARG(who), zh);
}

/* Would somebody get a message of that severity if it came now? The room's lock is held. */
static int reaches(jd_people *p, const jd_told_handed *h, jd_severity severity, jd_err *err) {
    jd_str who = h->name;
    if (jd_str_is(h->kind, "roster")) {
        const roster *r = people_roster(p, h->name);
        const duty *d = r ? roster_duty(r, people_zone(p, r->zone_name), jd_now()) : NULL;
        if (!d) return no_way(err, "nobody is on duty by roster", "现在无人值班", h->name);
        who = d->contact;
    }
    const person *to = people_person(p, who);
    for (size_t i = 0; to && to->c && i < to->c->addresses_n; i++)
        if (to->c->addresses[i].severities >> severity & 1) return 0;
    return no_way(err, "no address takes this severity, of contact", "没有接收此级别的地址", who);
}

static int severity_of(const jd_told_handed *h) {
    jd_str text = h->info(h, "severity");
    return text.p ? jd_severity_find(text) : (int)JD_ORANGE;
}

static int check(void *user, const jd_told_handed *h, jd_err *err) {
    jd_people *p = user;
    int severity = severity_of(h);
    if (!jd_str_is(h->kind, "roster") && !jd_str_is(h->kind, "contact")) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "an endpoint jindu: is contact/ID or roster/ID",
                "jindu: 端点须为 contact/标识 或 roster/标识");
        return jd_fail_at(err, "notification.endpoint.uri");
    }
    if (severity < 0) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "severity is red, orange, yellow, blue or info",
                "severity 须为 red、orange、yellow、blue 或 info");
        return jd_fail_at(err, "notification.endpoint.receiverInfo.severity");
    }
    if (!is_there(user, h)) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "there is no %.*s %.*s", "没有 %.*s %.*s", JD_STR_ARG(h->kind),
                (int)(h->name.n > 100 ? 100 : h->name.n), h->name.p);
        return jd_fail_at(err, "notification.endpoint.uri");
    }
    if (!h->reach)
        return wording_check(h, "title", err) || wording_check(h, "text", err) || wording_check(h, "group", err) ? -1
                                                                                                                 : 0;
    pthread_mutex_lock(&p->lock);
    int rc = reaches(p, h, (jd_severity)severity, err);
    pthread_mutex_unlock(&p->lock);
    return rc;
}

static void kept(jd_ticket *t) {
    handed *x = t->user;
    int ok = t->err.code == JD_E_OK;
    int again = t->err.code != JD_E_BAD_REQUEST_DATA && t->err.code != JD_E_NOT_FOUND;
    jd_told_taken(x->told, x->taken, ok, again, t->err.en);
    jd_arena_fini(&x->arena);
    free(x);
}

static jd_words both(jd_str text, const wording *w, size_t max, jd_arena *a) {
    return (jd_words){wording_fill(w, text, 1, max, a), wording_fill(w, text, 0, max, a)};
}

static void hand(void *user, const jd_told_handed *h, void *taken) {
    jd_people *p = user;
    handed *x = jd_xcalloc(1, sizeof *x);
    jd_arena *a = &x->arena;
    jd_err err = {0};
    wording w;
    jd_str id;
    int joined, severity = severity_of(h);
    x->told = p->listens;
    x->taken = taken;
    jd_arena_init(a);
    wording_read(&w, h->body, a);
    jd_str title = h->info(h, "title"), text = h->info(h, "text"), group = h->info(h, "group");
    if (!title.p) title = h->title.p ? h->title : h->subscription;
    int on_duty = jd_str_is(h->kind, "roster");
    jd_receiver to = {.contact = on_duty ? (jd_str){NULL, 0} : h->name,
                      .roster = on_duty ? h->name : (jd_str){NULL, 0}};
    jd_telling t = {.id = h->id,
                    .severity = severity < 0 ? JD_ORANGE : (jd_severity)severity,
                    .title = both(title, &w, PEOPLE_TITLE_MAX, a),
                    .about = wording_about(&w),
                    .group = group.p ? wording_fill(&w, group, 1, PEOPLE_GROUP_MAX, a) : h->subscription,
                    .to = &to,
                    .to_n = 1};
    if (text.p)
        t.text = both(text, &w, PEOPLE_TEXT_MAX, a);
    else
        t.text = (jd_words){wording_text(&w, h, 1, PEOPLE_TEXT_MAX, a), wording_text(&w, h, 0, PEOPLE_TEXT_MAX, a)};
    jd_ticket_begin(&x->ticket, kept, x);
    if (jd_people_tell(p, &t, &x->ticket, a, &id, &joined, &err)) x->ticket.err = err;
    jd_ticket_end(p, &x->ticket);
}

void jd_people_listen(jd_people *p, jd_told_room *told) {
    p->listens = told;
    jd_told_hand_to(told, hand, check, p);
}

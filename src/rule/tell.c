/* Messages to people and commands to devices that a durable state says are due. Both are at least once: the state says
 * so until it is known that they left, and a message that comes again bears the same id. */
#include "rule/rule_int.h"

#include "base/log.h"

#include <stdlib.h>

enum { AGAIN_MS = 1000, TELLINGS_MAX = 1000 };

typedef struct rtelling {
    jd_ticket ticket;
    struct rtelling *next;
    jd_rules *r;
    rstate *st;
    jd_arena arena;
} rtelling;

static void done_with(jd_rules *r, rstate *st, int command) {
    if (command)
        st->command_due = 0;
    else
        st->tell_due = 0;
    effects_room(r->out, 1);
    effects_state(r->out, st);
}

/* ---- messages ---- */

/* From any thread. */
static void told(jd_ticket *ticket) {
    rtelling *t = ticket->user;
    pthread_mutex_lock(&t->r->lock);
    t->next = t->r->told;
    t->r->told = t;
    pthread_mutex_unlock(&t->r->lock);
}

static void came_back(jd_rules *r, rtelling *t) {
    const jd_err *err = &t->ticket.err;
    t->st->busy = 0;
    if (err->code == JD_E_BUSY || err->code == JD_E_STORAGE_FULL) {
        t->st->again_ms = rules_ms() + AGAIN_MS;
        rules_todo(r, t->st);
    } else {
        if (err->code != JD_E_OK) {
            rule *x = rules_find(r, t->st->rule);
            jd_log(JD_LOG_ERROR, "rule.tell", "rule=%.*s why=\"%s\"", JD_STR_ARG(t->st->rule), err->en);
            if (x) rule_failed(r, x, t->st->entity, err);
        }
        done_with(r, t->st, 0);
    }
    jd_arena_fini(&t->arena);
    free(t);
}

static void tell(jd_rules *r, rstate *st, const rule *x) {
    jd_doc d;
    jd_err err = {0};
    jd_severity severity = x->levels[st->level].severity;
    rtelling *t = jd_xcalloc(1, sizeof *t);
    jd_receiver to[TELL_MAX];
    size_t n = 0;
    jd_arena_init(&t->arena);
    t->r = r;
    t->st = st;
    jd_str id = alert_id(st->rule, st->entity, &t->arena);
    for (uint32_t i = 0; i < x->tell_n; i++)
        if (severity <= x->tell[i].at_least) to[n++] = x->tell[i].to;
    rules_view(r);
    if (!n || !r->o.people || !jd_view_get(&r->view, id, &d)) {
        jd_arena_fini(&t->arena);
        free(t);
        done_with(r, st, 0);
        return;
    }
    jd_telling what = {.id = jd_arena_printf(&t->arena, "alert-%016llx-%u-%d-%u",
                                             (unsigned long long)jd_hash_fixed(id.p, id.n), st->times, st->level,
                                             st->tells),
                       .severity = severity,
                       .title = alert_words(r, &d, "title", &t->arena),
                       .text = alert_words(r, &d, "description", &t->arena),
                       .about = st->entity,
                       .group = st->rule,
                       .to = to,
                       .to_n = n};
    jd_str message;
    int joined;
    st->busy = 1;
    jd_ticket_begin(&t->ticket, told, t);
    int rc = jd_people_tell(r->o.people, &what, &t->ticket, &t->arena, &message, &joined, &err);
    if (rc) t->ticket.err = err;
    jd_ticket_end(r->o.people, &t->ticket);
}

/* ---- commands ---- */

static void no_command(jd_rules *r, rstate *st, const jd_err *err) {
    jd_log(JD_LOG_ERROR, "rule.command", "rule=%.*s entity=%.*s why=\"%s\"", JD_STR_ARG(st->rule),
           JD_STR_ARG(st->entity), err->en);
    rule *x = rules_find(r, st->rule);
    if (x) rule_failed(r, x, st->entity, err);
    done_with(r, st, 1);
}

/* The device's id, as the rule's text makes it of the entity as it is now. */
static int device_of(jd_rules *r, const rule *x, jd_str entity, jd_arena *a, jd_str *out) {
    jd_doc d;
    jd_buf b = {0};
    rules_view(r);
    if (!jd_view_get(&r->view, entity, &d)) return 0;
    judging j = {.e = r->o.engine, .x = x, .is = &d, .view = &r->view, .a = a, .by_time = 1};
    j.now = j.end = jd_now();
    j.readings_max = r->o.readings_max;
    judging_ready(&j);
    jd_xtpl_write(x->command.device, &j.host, &b);
    *out = jd_arena_dup(a, jd_buf_view(&b));
    jd_buf_fini(&b);
    return 1;
}

static void command(jd_rules *r, rstate *st, const rule *x) {
    jd_err err = {0};
    jd_jval v;
    pthread_mutex_lock(&r->lock);
    jd_links *links = r->links;
    pthread_mutex_unlock(&r->lock);
    if (!links) { /* they are not there yet, or not any more: a start goes on */
        st->again_ms = rules_ms() + AGAIN_MS;
        rules_todo(r, st);
        return;
    }
    effects_room(r->out, 3);
    jd_arena *a = effects_arena(r->out);
    rcommand *c = JD_NEW(a, rcommand);
    *c = (rcommand){.st = st, .link = x->command.link, .text = jd_arena_dup(a, x->command.body)};
    c->at = jd_now() / 1000 * 1000;
    if (!device_of(r, x, st->entity, a, &c->device)) {
        done_with(r, st, 1);
        return;
    }
    if (jd_json_parse(a, c->text, NULL, &v, &err) || jd_links_command_check(links, c->link, c->device, &v, &err)) {
        no_command(r, st, &err);
        return;
    }
    c->entity = jd_device_entity(links, c->link, c->device, a);
    if (!c->entity.p) {
        jd_fail(&err, JD_E_CONFLICT, "the device has told no reading yet", "该设备尚无读数");
        no_command(r, st, &err);
        return;
    }
    jd_write w;
    if (jd_links_command_write(links, c->link, c->entity, &v, c->at, a, &w, &err)) {
        no_command(r, st, &err);
        return;
    }
    *effects_add(r->out) = w;
    st->busy = 1;
    effects_command(r->out, c);
}

enum { COMMAND_TIMEOUT_S = 30 };

void tell_command_sent(jd_rules *r, const rcommand *c) {
    pthread_mutex_lock(&r->lock);
    jd_links *links = r->links;
    if (links) jd_links_command(links, c->link, c->device, c->entity, c->text, c->at, COMMAND_TIMEOUT_S);
    pthread_mutex_unlock(&r->lock);
    c->st->busy = 0;
    if (links) done_with(r, c->st, 1);
}

/* ---- the thread's turn ---- */

static rtelling *take_told(jd_rules *r) {
    pthread_mutex_lock(&r->lock);
    rtelling *all = r->told;
    r->told = NULL;
    pthread_mutex_unlock(&r->lock);
    return all;
}

void tell_turn(jd_rules *r) {
    for (rtelling *t = take_told(r), *next; t; t = next) {
        next = t->next;
        came_back(r, t);
    }
    rstate *all = r->todo;
    r->todo = NULL;
    uint64_t ms = rules_ms();
    for (unsigned n = 0; all; n++) {
        rstate *st = all;
        all = st->todo;
        st->listed = 0;
        if (st->busy || st->dirty) continue; /* it comes back, or is written once more first */
        if (st->again_ms > ms || n >= TELLINGS_MAX) {
            rules_todo(r, st);
            continue;
        }
        const rule *x = rules_find(r, st->rule);
        if (st->tell_due && x && st->level >= 0 && st->level < (int)x->levels_n)
            tell(r, st, x);
        else if (st->tell_due)
            done_with(r, st, 0);
        else if (st->command_due && x && x->command.link.p)
            command(r, st, x);
        else if (st->command_due)
            done_with(r, st, 1);
    }
}

void tell_free(jd_rules *r) {
    for (rtelling *t = take_told(r), *next; t; t = next) {
        next = t->next;
        jd_arena_fini(&t->arena);
        free(t);
    }
}

/* Who is told when: quiet hours, grouping, pace, and going on to deputies. All of it under the room's lock. */
#include "people/people_int.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum { NOBODY_AGAIN_US = 60 * 1000000, LATE_US = 60 * 1000000 };
#define MINUTE_NS UINT64_C(60000000000)

/* ---- what a person was sent in the last hour ---- */

static send_mark *mark_of(const person *to, uint64_t ident) { /* its place, or the free one where it would be */
    uint32_t i = (uint32_t)ident & (to->marks_cap - 1);
    while (to->marks[i].at != JD_TIME_NONE && to->marks[i].ident != ident) i = (i + 1) & (to->marks_cap - 1);
    return &to->marks[i];
}

/* Grows; what is older than an hour is forgotten on the way. */
static void marks_grow(person *to, jd_time now) {
    send_mark *old = to->marks;
    uint32_t n = to->marks_cap, live = 0;
    for (uint32_t i = 0; i < n; i++) live += old[i].at != JD_TIME_NONE && old[i].at > now - WHEN_HOUR_US;
    to->marks_cap = 8;
    while (to->marks_cap < live * 2 + 2) to->marks_cap *= 2;
    to->marks = jd_xmalloc(to->marks_cap * sizeof *to->marks);
    for (uint32_t i = 0; i < to->marks_cap; i++) to->marks[i].at = JD_TIME_NONE;
    to->marks_n = live;
    for (uint32_t i = 0; i < n; i++)
        if (old[i].at != JD_TIME_NONE && old[i].at > now - WHEN_HOUR_US) *mark_of(to, old[i].ident) = old[i];
    free(old);
}

void plan_mark(person *to, jd_time at, uint64_t ident) {
    if ((to->marks_n + 1) * 4 > to->marks_cap * 3) marks_grow(to, at);
    send_mark *m = mark_of(to, ident);
    to->marks_n += m->at == JD_TIME_NONE;
    if (m->at == JD_TIME_NONE || m->at < at) *m = (send_mark){at, ident};
    uint32_t old = 0, i = to->times_n;
    while (i && to->times[i - 1] > at) i--;
    if (i && to->times[i - 1] == at) return; /* one sending of many messages */
    if (to->times_n == to->times_cap) {
        to->times_cap = to->times_cap ? to->times_cap * 2 : 8;
        to->times = jd_xrealloc(to->times, to->times_cap * sizeof *to->times);
    }
    memmove(to->times + i + 1, to->times + i, (to->times_n - i) * sizeof *to->times);
    to->times[i] = at;
    to->times_n++;
    while (old < to->times_n && to->times[old] <= at - WHEN_HOUR_US) old++;
    memmove(to->times, to->times + old, (to->times_n - old) * sizeof *to->times);
    to->times_n -= old;
}

/* ---- when one person may be told of one message ---- */

static jd_time due_of(jd_people *p, const person *to, const entry *e, jd_time now) {
    const contact *c = to->c;
    jd_time t = now;
    const send_mark *m = to->marks_cap ? mark_of(to, e->m->ident) : NULL;
    if (m && m->at != JD_TIME_NONE && m->at + c->window_us > t) t = m->at + c->window_us;
    if (e->m->severity == JD_RED) return t;
    return when_quiet_until(people_zone(p, c->zone_name), c->quiet, c->quiet_n, t);
}

static uint32_t may(const person *to, jd_time now, int red, jd_time *next) {
    if (next) *next = when_next(&to->c->pace, to->times, to->times_n, now, red);
    return when_may(&to->c->pace, to->times, to->times_n, now, red);
}

static void sooner(jd_people *p, person *to, jd_time t) {
    if (t < to->due) to->due = t;
    if (t < p->next_due) p->next_due = t;
}

static void arm(receiver *r, jd_time due, jd_time now) {
    r->due = due;
    r->due_ns = jd_mono_ns() + (uint64_t)(due > now ? due - now : 0) * 1000;
}

/* The person is no contact any more: it cannot be told, and the message says so. Whoever is on duty now is, if anybody
 * is: at once. */
static void give_up(jd_people *p, entry *e, jd_time now) {
    message *m = e->m;
    if (e->gone) return;
    e->gone = 1;
    if ((uint32_t)e->receiver < m->to_n && m->to[e->receiver].due == JD_TIME_NONE) arm(&m->to[e->receiver], now, now);
    people_dirty(p, m);
    plan_hurry(m);
}

void plan_enlist(jd_people *p, entry *e, jd_time now) {
    message *m = e->m;
    if (e->listed || e->sending || !m->saved || e->told >= m->count || m->read_at != JD_TIME_NONE) return;
    person *to = people_person(p, e->contact);
    if (!to || !to->c) {
        give_up(p, e, now);
        return;
    }
    e->gone = 0; /* it is a contact again */
    jd_time next;
    (void)may(to, now, m->severity == JD_RED, &next);
    e->due = due_of(p, to, e, now);
    e->listed = 1;
    e->next = to->waiting;
    to->waiting = e;
    sooner(p, to, e->due > next ? e->due : next);
}

void plan_unlist(jd_people *p, entry *e) {
    if (!e->listed) return;
    person *to = people_person(p, e->contact);
    for (entry **at = &to->waiting; *at; at = &(*at)->next) {
        if (*at != e) continue;
        *at = e->next;
        break;
    }
    e->listed = 0;
}

void plan_again(jd_people *p, person *to, jd_time now) {
    entry *all = to->waiting;
    to->waiting = NULL;
    to->due = INT64_MAX;
    for (entry *e = all, *next; e; e = next) {
        next = e->next;
        e->listed = 0;
        plan_enlist(p, e, now);
    }
}

/* ---- one person's turn ---- */

static int earlier(const void *a, const void *b) {
    const message *x = (*(entry *const *)a)->m, *y = (*(entry *const *)b)->m;
    if (x->severity != y->severity) return x->severity < y->severity ? -1 : 1;
    return (x->created > y->created) - (x->created < y->created);
}

/* What is due goes one by one while it may; when it is more than may go, it becomes one sending. */
static size_t tell(jd_people *p, person *to, entry **due, size_t n, jd_time now, int red) {
    uint32_t left = n ? may(to, now, red, NULL) : 0;
    if (!left) return 0;
    if (n > left) {
        letter_send(p, to, due, n, now);
    } else {
        for (size_t i = 0; i < n; i++) letter_send(p, to, due + i, 1, now);
    }
    return n;
}

static void one_person(jd_people *p, person *to, jd_time now) {
    size_t n = 0, reds = 0, cap = 16;
    entry **due = jd_xmalloc(cap * sizeof(entry *));
    for (entry *e = to->waiting; e; e = e->next) {
        if (e->due > now) continue;
        if (n == cap) due = jd_xrealloc(due, (cap *= 2) * sizeof(entry *));
        due[n++] = e;
        reds += e->m->severity == JD_RED;
    }
    qsort(due, n, sizeof(entry *), earlier);
    /* when not even the red ones may go one by one, all that is due goes with them */
    uint32_t left = reds ? may(to, now, 1, NULL) : 0;
    size_t done = left && reds > left ? tell(p, to, due, n, now, 1) : tell(p, to, due, reds, now, 1);
    if (done < n) tell(p, to, due + done, n - done, now, done < reds);
    free(due);
    to->due = INT64_MAX;
    jd_time next_red = now, next = now;
    if (to->waiting) {
        (void)may(to, now, 1, &next_red);
        (void)may(to, now, 0, &next);
    }
    for (const entry *e = to->waiting; e; e = e->next) {
        jd_time gate = e->m->severity == JD_RED ? next_red : next;
        sooner(p, to, e->due > gate ? e->due : gate);
    }
}

void plan_persons(jd_people *p, jd_time now) {
    if (now < p->next_due) return;
    p->next_due = INT64_MAX;
    for (uint32_t i = 0; i < p->persons_n; i++) {
        person *to = p->persons[i];
        if (!to->waiting) continue;
        if (to->due <= now) one_person(p, to, now);
        if (to->waiting && to->due < p->next_due) p->next_due = to->due;
    }
}

/* ---- going on to the next ---- */

static const duty *chain_of(jd_people *p, const receiver *r, jd_time now, const escalation **e) {
    *e = NULL;
    if (r->roster.p) {
        const roster *o = people_roster(p, r->roster);
        if (!o) return NULL;
        *e = &o->escalation;
        return roster_duty(o, people_zone(p, o->zone_name), now);
    }
    const person *to = people_person(p, r->contact);
    if (!to || !to->c) return NULL;
    *e = &to->c->escalation;
    return &to->c->chain;
}

static int is_told(const message *m, jd_str who) {
    for (uint32_t i = 0; i < m->people_n; i++)
        if (jd_str_eq(m->people[i]->contact, who)) return 1;
    return 0;
}

/* The first of the chain who does not know yet; p NULL: all do. */
static jd_str next_of(const message *m, const duty *d) {
    if (!is_told(m, d->contact)) return d->contact;
    for (size_t i = 0; i < d->deputies_n; i++)
        if (!is_told(m, d->deputies[i])) return d->deputies[i];
    return (jd_str){NULL, 0};
}

static int has_entry(const message *m, int to) {
    for (uint32_t i = 0; i < m->people_n; i++)
        if (m->people[i]->receiver == to) return 1;
    return 0;
}

/* Goes on behind `from`: at that instant plus the minutes that are stated. */
static void arm_next(message *m, receiver *r, const escalation *e, jd_time from, jd_time now) {
    int after = e ? e->after_min[m->severity] : 0;
    r->due = JD_TIME_NONE;
    if (after && r->step < PEOPLE_STEPS_MAX) arm(r, from + (jd_time)after * WHEN_MINUTE_US, now);
}

void plan_first(jd_people *p, message *m, jd_time now) {
    for (uint32_t i = 0; i < m->to_n; i++) {
        const escalation *e;
        const duty *d = chain_of(p, &m->to[i], now, &e);
        if (!d) { /* nobody is on duty: as soon as somebody is */
            arm(&m->to[i], now + NOBODY_AGAIN_US, now);
            continue;
        }
        if (!is_told(m, d->contact)) message_add(m, d->contact, (int)i, 0);
        arm_next(m, &m->to[i], e, now, now);
    }
}

void plan_arm(message *m, jd_time now) {
    for (uint32_t i = 0; i < m->to_n; i++) {
        receiver *r = &m->to[i];
        if (r->due != JD_TIME_NONE) arm(r, r->due, now);
    }
}

/* One step of one receiver: it is counted, and somebody else is told, in one change of the document. */
static void go_on(jd_people *p, message *m, uint32_t i, jd_time now) {
    receiver *r = &m->to[i];
    const escalation *e;
    const duty *d = chain_of(p, r, now, &e);
    int first = !has_entry(m, (int)i) && !r->step;
    jd_str next = d ? next_of(m, d) : (jd_str){NULL, 0};
    jd_time was = r->due;
    if (!d) {
        if (e)
            arm(r, now + NOBODY_AGAIN_US, now); /* nobody is on duty now */
        else
            r->due = JD_TIME_NONE; /* the roster or the contact went */
        if (!e) people_dirty(p, m);
        return;
    }
    if (!next.p) {
        r->due = JD_TIME_NONE;
        people_dirty(p, m);
        if (first) return; /* told for another receiver already */
        atomic_fetch_add(&p->exhausted, 1);
        jd_log(JD_LOG_WARN, "people.unread", "message=%.*s severity=%s why=\"nobody is left to be told\"",
               JD_STR_ARG(m->id), jd_severity_name(m->severity, 0));
        return;
    }
    if (!first) r->step++;
    entry *to = message_add(m, next, (int)i, r->step);
    /* a step that comes late (the program was down) does not pull the next one along */
    arm_next(m, r, e, !first && now - was < LATE_US && was <= now ? was : now, now);
    people_dirty(p, m);
    plan_enlist(p, to, now);
    if (!first) atomic_fetch_add(&p->escalated, 1);
    jd_log(JD_LOG_INFO, "people.goes_on", "message=%.*s step=%d to=%.*s", JD_STR_ARG(m->id), r->step, JD_STR_ARG(next));
}

void plan_hurry(message *m) {
    for (uint32_t i = 0; i < m->to_n; i++)
        if (m->to[i].due != JD_TIME_NONE) m->to[i].due_ns = 0;
}

int plan_over(const jd_people *p, const message *m, jd_time now) {
    (void)p;
    if (m->dirty || m->saving || m->pins || m->waiters || !m->saved) return 0;
    if (m->read_at != JD_TIME_NONE) return 1;
    for (uint32_t i = 0; i < m->to_n; i++)
        if (m->to[i].due != JD_TIME_NONE) return 0;
    for (uint32_t i = 0; i < m->people_n; i++)
        if (m->people[i]->sending || m->people[i]->listed || entry_waits(m->people[i])) return 0;
    return !m->group.p || now - m->latest > WHEN_HOUR_US || now < m->created; /* no window is longer */
}

/* Due is what the wall clock says, or the steady clock, whichever comes first: a clock that is set back delays nothing,
 * and one that is set forward is believed. */
void plan_timers(jd_people *p, jd_time now) {
    uint64_t ns = jd_mono_ns();
    for (message *m = p->first, *next; m; m = next) {
        next = m->next;
        if (m->read_at != JD_TIME_NONE || !m->saved) continue;
        for (uint32_t i = 0; i < m->to_n; i++)
            if (m->to[i].due != JD_TIME_NONE && (m->to[i].due <= now || m->to[i].due_ns <= ns)) go_on(p, m, i, now);
    }
}

/* ---- the clock was set; the program was started ---- */

void plan_step(jd_people *p, int64_t step_us) {
    jd_time now = jd_now();
    jd_log(JD_LOG_WARN, "people.clock", "step_ms=%lld", (long long)(step_us / 1000));
    for (uint32_t i = 0; i < p->persons_n; i++) {
        person *to = p->persons[i];
        for (uint32_t k = 0; k < to->times_n; k++) to->times[k] += step_us; /* so long ago it was in truth */
        for (uint32_t k = 0; k < to->marks_cap; k++)
            if (to->marks[k].at != JD_TIME_NONE) to->marks[k].at += step_us;
        plan_again(p, to, now);
    }
}

void plan_marks(jd_people *p, entry *e, jd_time now) {
    person *to = people_person(p, e->contact);
    for (uint32_t i = 0; to && i < e->sends_n; i++) {
        jd_time at = e->sends[i] < now ? e->sends[i] : now; /* the clock was set back while we were down */
        if (at > now - WHEN_HOUR_US) plan_mark(to, at, e->m->ident);
    }
}

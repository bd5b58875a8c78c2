/* What judging leads to, gathered into change sets: alerts, derived attributes, states, and the position up to which
 * groups were judged. A set is durable whole or not at all, and the next one goes out when it is: so after a crash
 * every group is judged again whose effects are not there, and none whose are. */
#include "rule/rule_int.h"

#include "base/log.h"

#include <stdlib.h>

enum { TURN_MS = 10, MOVE_MS = 1000, WRITES_MAX = 1000, AGAIN_MS = 200 };

typedef struct set {
    jd_arena arena;
    jd_job job;
    rstate **states;
    size_t n, states_n;
    uint64_t to; /* the position that it brings */
    jd_alert_ticket *tickets;
    rcommand *commands;
} set;

struct effects {
    jd_rules *r;
    set two[2], *fill, *sent; /* sent NULL: nothing is under way */
    jd_lane lane;
    size_t most;
    uint64_t last_ms, moved_ms, again_ms;
    pthread_mutex_t lock;
    pthread_cond_t is_done;
    int done; /* the one that was sent came back */
    int failing;
};

static void begin(effects *f, set *s) {
    jd_arena_reset(&s->arena);
    s->job = (jd_job){.writes = JD_NEWN(&s->arena, jd_write, f->most + 1), .atomic = 1, .arena = &s->arena};
    s->states = JD_NEWN(&s->arena, rstate *, f->most + 1);
    s->n = s->states_n = 0;
    s->to = 0;
    s->tickets = NULL;
    s->commands = NULL;
}

effects *effects_make(jd_rules *r) {
    effects *f = jd_xcalloc(1, sizeof *f);
    f->r = r;
    f->most = r->o.group_max && r->o.group_max <= WRITES_MAX ? r->o.group_max - 1 : WRITES_MAX;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->is_done, NULL);
    for (int i = 0; i < 2; i++) jd_arena_init(&f->two[i].arena);
    f->fill = &f->two[0];
    begin(f, f->fill);
    return f;
}

void effects_free(effects *f) {
    if (!f) return;
    pthread_mutex_lock(&f->lock);
    while (f->sent && !f->done) pthread_cond_wait(&f->is_done, &f->lock); /* it is the writer's until then */
    pthread_mutex_unlock(&f->lock);
    for (int i = 0; i < 2; i++) jd_arena_fini(&f->two[i].arena);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->is_done);
    free(f);
}

jd_arena *effects_arena(effects *f) {
    return &f->fill->arena;
}

/* ---- filling ---- */

jd_write *effects_add(effects *f) {
    return &f->fill->job.writes[f->fill->n++];
}

void effects_state(effects *f, rstate *st) {
    if (!f || st->dirty) return;
    st->dirty = 1;
    f->fill->states[f->fill->states_n++] = st;
}

void effects_ticket(effects *f, jd_alert_ticket *t) {
    t->next = f->fill->tickets;
    f->fill->tickets = t;
}

void effects_command(effects *f, rcommand *c) {
    c->next = f->fill->commands;
    f->fill->commands = c;
}

/* ---- going out, and coming back ---- */

/* On the writer's thread. */
static void came_back(jd_job *job) {
    effects *f = job->user;
    pthread_mutex_lock(&f->lock);
    f->done = 1;
    pthread_cond_signal(&f->is_done);
    pthread_mutex_unlock(&f->lock);
    pthread_mutex_lock(&f->r->queue);
    pthread_cond_signal(&f->r->come);
    pthread_mutex_unlock(&f->r->queue);
}

static void submit(effects *f, set *s) {
    jd_err err = {0};
    f->sent = s;
    f->done = 0;
    s->job.done = came_back;
    s->job.user = f;
    s->job.lane = &f->lane;
    s->job.bytes = s->arena.total;
    if (!jd_submit(f->r->o.engine, &s->job, &err)) return;
    for (size_t i = 0; i < s->job.n; i++) s->job.writes[i].err = err;
    f->done = 1;
}

static void add_own(set *s, jd_str id, jd_str body) {
    s->job.writes[s->n++] =
        (jd_write){.kind = JD_K_RULED, .rq = {.id = id, .observed = JD_TIME_NONE}, .raw_body = body};
}

static void send(effects *f) {
    set *s = f->fill;
    for (size_t i = 0; i < s->states_n; i++) {
        jd_str id, body;
        s->states[i]->dirty = 0;
        rstate_write(s->states[i], &s->arena, &id, &body);
        add_own(s, id, body);
    }
    uint64_t position = atomic_load(&f->r->position);
    s->to = atomic_load(&f->r->judged_to);
    if (s->to < position) s->to = position;
    add_own(s, JD_STR("position"), jd_arena_printf(&s->arena, "{\"group\":%llu}", (unsigned long long)s->to));
    s->job.n = s->n;
    f->last_ms = rules_ms();
    if (s->to > position) f->moved_ms = f->last_ms;
    f->fill = s == &f->two[0] ? &f->two[1] : &f->two[0];
    begin(f, f->fill);
    submit(f, s);
}

static void durable(effects *f, set *s) {
    jd_rules *r = f->r;
    f->failing = 0;
    atomic_store(&r->position, s->to);
    if (atomic_load(&r->wanted)) jd_engine_keep(r->o.engine, JD_WATCH_RULES, s->to + 1);
    for (jd_alert_ticket *t = s->tickets, *next; t; t = next) {
        next = t->next;
        t->done(t);
    }
    s->tickets = NULL; /* a stop must not answer them again */
    for (const rcommand *c = s->commands; c; c = c->next) tell_command_sent(r, c);
    for (size_t i = 0; i < s->states_n; i++)
        if (s->states[i]->tell_due || s->states[i]->command_due) rules_todo(r, s->states[i]);
}

/* A write that can never be taken, of an alert too large say, goes; the rest is tried again. */
static int drop_the_bad(set *s) {
    size_t kept = 0, bad = 0;
    for (size_t i = 0; i < s->job.n; i++) {
        jd_write *w = &s->job.writes[i];
        int own = w->err.code != JD_E_OK && w->err.code != JD_E_BUSY && w->err.code != JD_E_STORAGE_FULL &&
                  w->err.code != JD_E_UNKNOWN_OUTCOME && w->err.code != JD_E_INTERNAL && w->err.code != JD_E_CONFLICT;
        if (own && w->kind == JD_K_ENTITY) {
            jd_log(JD_LOG_ERROR, "rule.effect", "entity=%.*s why=\"%s\"", JD_STR_ARG(w->rq.id), w->err.en);
            bad++;
            continue;
        }
        s->job.writes[kept++] = *w;
    }
    s->job.n = s->n = kept;
    return bad > 0;
}

/* The set that was sent is back: 1 when it is durable, or gone for good. */
static int settle(effects *f) {
    set *s = f->sent;
    int failed = 0;
    for (size_t i = 0; i < s->job.n; i++) failed |= s->job.writes[i].err.code != JD_E_OK;
    if (!failed) {
        f->sent = NULL;
        durable(f, s);
        return 1;
    }
    if (drop_the_bad(s)) {
        for (size_t i = 0; i < s->job.n; i++) jd_err_none(&s->job.writes[i].err);
        submit(f, s);
        return 0;
    }
    if (atomic_load(&f->r->quiet)) { /* it is judged again, after a start; but who asked is waiting */
        for (jd_alert_ticket *t = s->tickets, *next; t; t = next) {
            next = t->next;
            t->err = s->job.writes[0].err;
            t->done(t);
        }
        s->tickets = NULL;
    }
    if (!f->failing) jd_log(JD_LOG_WARN, "rule.keep", "why=\"%s\"", s->job.writes[0].err.en);
    f->failing = 1;
    f->again_ms = rules_ms() + AGAIN_MS;
    return 0;
}

/* While this thread waits for the writer, the writer must not wait for it. */
static void block(jd_rules *r, int on) {
    pthread_mutex_lock(&r->queue);
    r->blocked = on;
    pthread_cond_broadcast(&r->gone);
    pthread_mutex_unlock(&r->queue);
}

static int is_back(effects *f, int wait) {
    if (wait) block(f->r, 1);
    pthread_mutex_lock(&f->lock);
    while (wait && !f->done && !atomic_load(&f->r->stopping)) pthread_cond_wait(&f->is_done, &f->lock);
    int back = f->done;
    pthread_mutex_unlock(&f->lock);
    if (wait) block(f->r, 0);
    return back;
}

/* 1: nothing is under way. */
static int look(effects *f, int wait) {
    if (!f->sent) return 1;
    if (f->again_ms) { /* it was refused: once more, after a while */
        if (rules_ms() < f->again_ms) {
            if (!wait) return 0;
            nanosleep(&(struct timespec){0, AGAIN_MS * 1000000L / 4}, NULL);
            return 0;
        }
        f->again_ms = 0;
        for (size_t i = 0; i < f->sent->job.n; i++) jd_err_none(&f->sent->job.writes[i].err);
        submit(f, f->sent);
    }
    return is_back(f, wait) ? settle(f) : 0;
}

static int is_full(const effects *f, size_t writes) {
    return f->fill->n + f->fill->states_n + writes + 1 > f->most;
}

void effects_room(effects *f, size_t writes) {
    while (f && is_full(f, writes)) {
        if (look(f, 1)) {
            /* what became durable may have led to a set of its own */
            if (!f->sent && is_full(f, writes)) send(f);
        } else if (atomic_load(&f->r->stopping)) {
            f->fill->n = f->fill->states_n = 0; /* what is not written is judged again */
        }
    }
}

int effects_idle(effects *f) {
    return !f->sent && !f->fill->n && !f->fill->states_n && !f->fill->tickets;
}

uint32_t effects_count(effects *f) {
    return (uint32_t)(f->fill->n + f->fill->states_n + (f->sent ? f->sent->n : 0));
}

void effects_wake(effects *f) {
    pthread_mutex_lock(&f->lock);
    pthread_cond_broadcast(&f->is_done);
    pthread_mutex_unlock(&f->lock);
}

void effects_turn(effects *f, int now) {
    jd_rules *r = f->r;
    if (!look(f, 0) || f->sent) return;
    uint64_t ms = rules_ms(), position = atomic_load(&r->position), to = atomic_load(&r->judged_to);
    int any = f->fill->n || f->fill->states_n || f->fill->tickets;
    if (any && (now || ms - f->last_ms >= TURN_MS || f->fill->tickets)) {
        send(f);
        return;
    }
    if (any || !atomic_load(&r->wanted)) return;
    /* a group of our own is no reason for another */
    if (to > position && ms - f->moved_ms >= MOVE_MS && (atomic_load(&r->seen_to) > position || to - position > 1))
        send(f);
}

void effects_drop_tickets(effects *f, const jd_err *err) {
    for (int i = 0; i < 2; i++) {
        for (jd_alert_ticket *t = f->two[i].tickets, *next; t; t = next) {
            next = t->next;
            t->err = *err;
            t->done(t);
        }
        f->two[i].tickets = NULL;
    }
}

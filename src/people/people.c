/* The room of messages to people: what is declared, what is open, how it becomes durable, and the thread that tells. */
#include "people/people_int.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    TABLE = 1 << 16,  /* buckets of open messages */
    QUIET_MS = 3000,  /* what is under way gets so long when the program ends */
    STEP_US = 1000000 /* a difference between the clocks that is a step */
};
#define LOOK_NS UINT64_C(500000000) /* timers are looked at so often */

/* ---- small things ---- */

void people_random(void *to, size_t n) {
    char *p = to;
    while (n) {
        ssize_t k = getrandom(p, n, 0);
        if (k <= 0) continue;
        p += k;
        n -= (size_t)k;
    }
}

void people_wake(jd_people *p) {
    if (p->multi) curl_multi_wakeup(p->multi);
}

static int64_t wall_minus_mono(void) {
    return jd_now() - (int64_t)(jd_mono_ns() / 1000);
}

/* ---- open messages; the lock is held ---- */

static message **id_slot(jd_people *p, jd_str id) {
    message **at = &p->by_id[jd_hash(id.p, id.n) & (TABLE - 1)];
    while (*at && !jd_str_eq((*at)->id, id)) at = &(*at)->next_id;
    return at;
}

message *people_open(jd_people *p, jd_str id) {
    return *id_slot(p, id);
}

void people_open_add(jd_people *p, message *m) {
    m->next_id = NULL;
    *id_slot(p, m->id) = m;
    m->next_group = p->by_group[m->ident & (TABLE - 1)];
    p->by_group[m->ident & (TABLE - 1)] = m;
    m->prev = p->last;
    m->next = NULL;
    *(p->last ? &p->last->next : &p->first) = m;
    p->last = m;
    p->open++;
}

void people_open_remove(jd_people *p, message *m) {
    *id_slot(p, m->id) = m->next_id;
    message **at = &p->by_group[m->ident & (TABLE - 1)];
    while (*at != m) at = &(*at)->next_group;
    *at = m->next_group;
    *(m->prev ? &m->prev->next : &p->first) = m->next;
    *(m->next ? &m->next->prev : &p->last) = m->prev;
    for (uint32_t i = 0; i < m->people_n; i++) plan_unlist(p, m->people[i]);
    p->open--;
    message_free(m);
}

/* ---- telling ---- */

static jd_str new_id(jd_people *p, jd_arena *a, jd_time now) {
    uint32_t bits;
    people_random(&bits, sizeof bits);
    p->ids = (uint64_t)now > p->ids ? (uint64_t)now : p->ids + 1;
    return jd_arena_printf(a, "m%014llx-%08x", (unsigned long long)p->ids, bits);
}

static int receivers_known(jd_people *p, const jd_telling *t, jd_err *err) {
    for (size_t i = 0; i < t->to_n; i++) {
        char place[40];
        jd_str r = t->to[i].roster;
        snprintf(place, sizeof place, "to[%zu].%s", i, r.p ? "roster" : "contact");
        if (!r.p && people_no_contact(p, t->to[i].contact, place, err)) return -1;
        if (!r.p || people_roster(p, r)) continue;
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s: there is no roster %.*s", "%s：没有值班表 %.*s", place, JD_STR_ARG(r));
        return jd_fail_at(err, "%s", place);
    }
    return 0;
}

/* One that takes this telling too: of the same group, not read, not a day old. */
static message *joinable(jd_people *p, const jd_telling *t, jd_arena *a, jd_time now) {
    if (!t->group.p) return NULL;
    receiver *to = JD_NEWN(a, receiver, t->to_n);
    for (size_t i = 0; i < t->to_n; i++) to[i] = (receiver){.contact = t->to[i].contact, .roster = t->to[i].roster};
    uint64_t ident = message_ident(t->severity, t->group, (jd_str){NULL, 0}, to, (uint32_t)t->to_n);
    for (message *m = p->by_group[ident & (TABLE - 1)]; m; m = m->next_group)
        if (m->ident == ident && m->group.p && jd_str_eq(m->group, t->group) && m->read_at == JD_TIME_NONE &&
            now - m->created < PLAN_JOIN_MAX_S * INT64_C(1000000))
            return m;
    return NULL;
}

static void join(jd_people *p, message *m, const jd_telling *t, jd_time now) {
    message_latest(m, t, now);
    if (t->id.p) message_joined(m, t->id);
    people_dirty(p, m);
    for (uint32_t i = 0; i < m->people_n; i++) plan_enlist(p, m->people[i], now);
    atomic_fetch_add(&p->joined, 1);
}

static int is_kept(jd_people *p, jd_str id) {
    jd_arena a;
    jd_view v;
    jd_str body;
    jd_arena_init(&a);
    jd_view_begin(&v, p->o.engine, 0, &a);
    int there = jd_view_get_kind(&v, JD_K_MESSAGE, id, &body);
    jd_view_end(&v);
    jd_arena_fini(&a);
    return there;
}

int jd_people_tell(jd_people *p, const jd_telling *t, jd_ticket *ticket, jd_arena *a, jd_str *id, int *joined,
                   jd_err *err) {
    jd_time now = jd_now();
    int rc = 0;
    *joined = 1;
    pthread_mutex_lock(&p->lock);
    message *m = t->id.p ? people_open(p, t->id) : NULL;
    if (m) { /* a repeat */
        keep_wait(m, ticket);
    } else if (t->id.p && is_kept(p, t->id)) {
        *id = jd_arena_dup(a, t->id);
        pthread_mutex_unlock(&p->lock);
        return 0;
    } else if (p->stopping) {
        rc = jd_fail(err, JD_E_BUSY, "the program is stopping", "程序正在停止");
    } else if (!receivers_known(p, t, err)) {
        m = joinable(p, t, a, now);
        if (m && t->id.p && message_has_joined(m, t->id)) { /* a repeat */
            keep_wait(m, ticket);
        } else if (m) {
            join(p, m, t, now);
            keep_wait(m, ticket);
        } else if (p->open >= p->o.open_max) {
            rc = jd_fail(err, JD_E_BUSY, "%u messages wait to be told; try again later",
                         "已有 %u 条消息等待送达，请稍后再试", p->o.open_max);
        } else {
            *joined = 0;
            m = message_make(t, t->id.p ? t->id : new_id(p, a, now), now);
            people_open_add(p, m);
            plan_first(p, m, now);
            p->kept++;
            people_dirty(p, m);
            keep_wait(m, ticket);
        }
        if (!rc) atomic_fetch_add(&p->told, 1);
    } else {
        rc = -1;
    }
    if (!rc) *id = jd_arena_dup(a, m->id);
    pthread_mutex_unlock(&p->lock);
    return rc;
}

/* ---- reading ---- */

/* Brings back one of which nothing was to be done any more. The lock is held. */
static message *bring_back(jd_people *p, jd_str id, jd_err *err) {
    jd_arena a;
    jd_view v;
    jd_str body;
    message *m = NULL;
    jd_arena_init(&a);
    jd_view_begin(&v, p->o.engine, 0, &a);
    if (jd_view_get_kind(&v, JD_K_MESSAGE, id, &body))
        m = message_parse(id, body, err);
    else
        jd_fail(err, JD_E_NOT_FOUND, "there is no message %.*s", "没有消息 %.*s", (int)(id.n > 100 ? 100 : id.n), id.p);
    jd_view_end(&v);
    jd_arena_fini(&a);
    if (m) people_open_add(p, m);
    return m;
}

static const entry *entry_of(const message *m, jd_str who) {
    for (uint32_t i = 0; i < m->people_n; i++)
        if (jd_str_eq(m->people[i]->contact, who)) return m->people[i];
    return NULL;
}

static void mark_read(jd_people *p, message *m, jd_str by, jd_time now) {
    if (m->read_at != JD_TIME_NONE) return;
    m->read_at = now;
    m->read_by = str_keep(by);
    for (uint32_t i = 0; i < m->to_n; i++) m->to[i].due = JD_TIME_NONE;
    for (uint32_t i = 0; i < m->people_n; i++) plan_unlist(p, m->people[i]);
    people_dirty(p, m);
}

/* Who followed the link of one sending has read all that stood in it. */
static void read_with(jd_people *p, const message *m, jd_str by, jd_time now) {
    const entry *e = entry_of(m, by);
    jd_time at = e && e->sends_n ? e->sends[e->sends_n - 1] : JD_TIME_NONE;
    for (message *o = p->first; o && at != JD_TIME_NONE; o = o->next) {
        const entry *x = o == m || o->read_at != JD_TIME_NONE ? NULL : entry_of(o, by);
        if (x && x->sends_n && x->sends[x->sends_n - 1] == at && x->told == o->count) mark_read(p, o, by, now);
    }
}

int jd_people_read(jd_people *p, jd_str id, jd_str by, jd_str key, jd_ticket *ticket, jd_err *err) {
    jd_time now = jd_now();
    pthread_mutex_lock(&p->lock);
    message *m = people_open(p, id);
    int rc = -1;
    if (!m) m = bring_back(p, id, err);
    const entry *e = m ? entry_of(m, by) : NULL;
    const person *to = people_person(p, by);
    if (!m) {
        rc = -1;
    } else if (key.p && !(e && key.n == PEOPLE_KEY_LEN && jd_str_eq(jd_str_of(e->key), key))) {
        rc = jd_fail(err, JD_E_NOT_FOUND, "there is no such link", "没有这个链接");
    } else if (!key.p && !e && !(to && to->c)) {
        people_bad(err, "by", "must be the id of a contact", "须为联系人的标识");
    } else {
        rc = 0;
        if (key.p) read_with(p, m, by, now);
        mark_read(p, m, by, now);
        keep_wait(m, ticket);
    }
    pthread_mutex_unlock(&p->lock);
    return rc;
}

/* ---- a trial of a channel ---- */

int jd_people_try(jd_people *p, jd_str id, jd_str to, jd_str text, void *user,
                  void (*done)(void *user, const jd_err *err, jd_str answer), jd_err *err) {
    enum { TRIALS_MAX = 16 };
    pthread_mutex_lock(&p->lock);
    const channel_slot *s = people_channel(p, id);
    unsigned n = 0;
    for (const letter *l = p->trials; l; l = l->next) n++;
    int rc = 0;
    if (!s || !s->c)
        rc = jd_fail(err, JD_E_NOT_FOUND, "there is no channel %.*s", "没有渠道 %.*s", JD_STR_ARG(id));
    else if (p->stopping || n >= TRIALS_MAX)
        rc = jd_fail(err, JD_E_BUSY, "there are %d trials already", "已有 %d 个测试在进行", (int)TRIALS_MAX);
    if (!rc) {
        letter *l = jd_xcalloc(1, sizeof *l);
        l->at = jd_now();
        letter_clock(l, people_zone(p, JD_STR("Asia/Shanghai"))); /* as of a contact that names no zone */
        jd_buf b = {0};
        jd_buf_printf(&b, "trial.%llx", (unsigned long long)l->at);
        l->id = str_keep(jd_buf_view(&b));
        jd_buf_fini(&b);
        l->title = str_keep(JD_STR("津渡测试 / Jindu test"));
        l->text = str_keep(text.p ? text : JD_STR("津渡测试消息。This is a test of Jindu."));
        l->name = str_keep(JD_STR(""));
        l->link = str_keep(JD_STR(""));
        l->severity = JD_INFO;
        l->zh = 1;
        l->count = 1;
        l->lines = jd_xcalloc(1, sizeof *l->lines);
        l->lines_n = l->left = 1;
        l->lines[0] = (post_line){.l = l, .channel = str_keep(id), .address = str_keep(to)};
        l->tried = done;
        l->user = user;
        l->next = p->trials;
        p->trials = l;
    }
    pthread_mutex_unlock(&p->lock);
    people_wake(p);
    return rc;
}

/* ---- the thread ---- */

static void evict(jd_people *p, jd_time now) {
    for (message *m = p->first, *next; m; m = next) {
        next = m->next;
        if (plan_over(p, m, now)) people_open_remove(p, m);
    }
}

static void look_at_clock(jd_people *p) {
    int64_t is = wall_minus_mono(), step = is - p->wall_mono_us;
    if (step < STEP_US && step > -STEP_US) {
        if (step > STEP_US / 2 || step < -STEP_US / 2) p->wall_mono_us = is; /* slewed, little by little */
        return;
    }
    p->wall_mono_us = is;
    plan_step(p, step);
}

/* What is due, what is written, what is sent; ms until there is more. */
static int turn(jd_people *p, keep_over *o) {
    jd_time now = jd_now();
    uint64_t ns = jd_mono_ns();
    look_at_clock(p);
    if (ns >= p->look_ns) {
        p->look_ns = ns + LOOK_NS;
        plan_timers(p, now);
        evict(p, now);
        keep_trim(p, o);
    }
    if (!p->stopping) plan_persons(p, now);
    keep_flush(p, o);
    int wait = p->stopping ? 20 : post_begin(p);
    if (wait > 500) wait = 500;
    if (p->dirty && !p->saving && wait > 50) wait = 50;
    if (p->next_due != INT64_MAX && p->next_due - now < (int64_t)wait * 1000)
        wait = p->next_due > now ? (int)((p->next_due - now) / 1000) + 1 : 1;
    return wait;
}

static void *people_main(void *user) {
    jd_people *p = user;
    uint64_t end = 0;
    for (;;) {
        keep_over o = {0};
        int running;
        pthread_mutex_lock(&p->lock);
        int wait = turn(p, &o);
        uint64_t ms = jd_mono_ns() / 1000000;
        if (p->stopping && !end) end = ms + QUIET_MS;
        int kept = !p->saving && !p->dirty;
        int over_now = p->stopping && kept && (!p->under_way || ms >= end);
        if (p->stopping && !p->saving && ms >= end + QUIET_MS) over_now = 1; /* the store takes nothing */
        pthread_mutex_unlock(&p->lock);
        keep_call(&o);
        if (over_now) break;
        curl_multi_perform(p->multi, &running);
        post_take(p);
        curl_multi_poll(p->multi, NULL, 0, wait, NULL);
    }
    return NULL;
}

/* ---- start and stop ---- */

typedef struct loading {
    jd_people *p;
    jd_people_kind kind;
    entry **under_way; /* when the program ended */
    size_t n, cap;
    jd_time now;
} loading;

static void load_declared(void *user, jd_str id, jd_str body) {
    const loading *l = user;
    jd_people_changed(l->p, l->kind, id, body);
}

/* It was read while it was on its way: it goes no further. */
static void stop_sending(jd_people *p, entry *e) {
    e->sending = 0;
    for (uint32_t i = 0; i < e->lines_n; i++)
        if (e->lines[i].state == LINE_WAITING) e->lines[i].state = LINE_STOPPED;
    people_dirty(p, e->m);
}

static void load_message(void *user, jd_str id, jd_str body) {
    loading *l = user;
    jd_people *p = l->p;
    jd_err err = {0};
    p->kept++;
    message *m = message_parse(id, body, &err);
    if (!m) {
        jd_log(JD_LOG_WARN, "people.message", "id=%.*s why=\"%s\"", JD_STR_ARG(id), err.en);
        return;
    }
    for (uint32_t i = 0; i < m->people_n; i++) {
        entry *e = m->people[i];
        plan_marks(p, e, l->now);
        if (!e->sending) continue;
        if (m->read_at != JD_TIME_NONE) {
            stop_sending(p, e);
            continue;
        }
        if (l->n == l->cap)
            l->under_way = jd_xrealloc(l->under_way, (l->cap = l->cap ? l->cap * 2 : 16) * sizeof(entry *));
        l->under_way[l->n++] = e;
    }
    people_open_add(p, m);
    plan_arm(m, l->now);
    if (plan_over(p, m, l->now)) {
        people_open_remove(p, m);
        return;
    }
    for (uint32_t i = 0; i < m->people_n; i++) plan_enlist(p, m->people[i], l->now);
}

static int by_sending(const void *a, const void *b) {
    const entry *x = *(entry *const *)a, *y = *(entry *const *)b;
    jd_time at = x->sends_n ? x->sends[x->sends_n - 1] : 0, bt = y->sends_n ? y->sends[y->sends_n - 1] : 0;
    int who = jd_str_cmp(x->contact, y->contact);
    if (who) return who;
    if (at != bt) return at < bt ? -1 : 1;
    return (x->m->severity > y->m->severity) - (x->m->severity < y->m->severity);
}

static int same_sending(const entry *x, const entry *y) {
    return jd_str_eq(x->contact, y->contact) && x->sends_n && y->sends_n &&
           x->sends[x->sends_n - 1] == y->sends[y->sends_n - 1];
}

static void resume(loading *l) {
    if (l->n) qsort(l->under_way, l->n, sizeof(entry *), by_sending);
    for (size_t i = 0, n; i < l->n; i += n) {
        for (n = 1; i + n < l->n && same_sending(l->under_way[i], l->under_way[i + n]); n++) {}
        letter_resume(l->p, people_person_made(l->p, l->under_way[i]->contact), l->under_way + i, n);
    }
    free(l->under_way);
}

static void load_all(jd_people *p) {
    jd_arena a;
    jd_view v;
    loading l = {.p = p, .now = jd_now()};
    jd_arena_init(&a);
    jd_view_begin(&v, p->o.engine, 0, &a);
    for (int k = JD_PEOPLE_CONTACT; k <= JD_PEOPLE_CHANNEL; k++) {
        l.kind = (jd_people_kind)k;
        jd_view_each_kind(&v, jd_people_dkind(l.kind), &l, load_declared);
    }
    jd_view_each_kind(&v, JD_K_MESSAGE, &l, load_message);
    jd_view_end(&v);
    resume(&l);
    jd_arena_fini(&a);
}

int jd_people_start(jd_people **out, const jd_people_opts *opts, jd_err *err) {
    jd_people *p = jd_xcalloc(1, sizeof *p);
    p->o = *opts;
    if (!p->o.open_max) p->o.open_max = 200000;
    if (!p->o.kept_max) p->o.kept_max = 500000;
    if (!p->o.contacts_max) p->o.contacts_max = 100000;
    if (!p->o.queue_max) p->o.queue_max = 100;
    if (!p->o.at_once_max) p->o.at_once_max = 32;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    pthread_mutex_init(&p->lock, NULL);
    jd_strmap_init(&p->person_by);
    jd_strmap_init(&p->roster_by);
    jd_strmap_init(&p->channel_by);
    jd_strmap_init(&p->zone_by);
    p->by_id = jd_xcalloc(TABLE, sizeof(message *));
    p->by_group = jd_xcalloc(TABLE, sizeof(message *));
    p->dirty_last = &p->dirty;
    p->next_due = INT64_MAX;
    p->wall_mono_us = wall_minus_mono();
    p->multi = curl_multi_init();
    load_all(p);
    if (!p->multi || pthread_create(&p->thread, NULL, people_main, p)) {
        jd_people_stop(p);
        return jd_fail(err, JD_E_INTERNAL, "people: cannot start the thread", "消息：无法启动线程");
    }
    (void)pthread_setname_np(p->thread, "jd-people");
    p->started = 1;
    *out = p;
    return 0;
}

void jd_people_quiet(jd_people *p) {
    if (!p || !p->started) return;
    pthread_mutex_lock(&p->lock);
    p->stopping = 1;
    pthread_mutex_unlock(&p->lock);
    people_wake(p);
    pthread_join(p->thread, NULL);
    p->started = 0;
}

void jd_people_stop(jd_people *p) {
    if (!p) return;
    jd_people_quiet(p);
    post_stop(p);
    while (p->first) {
        message *m = p->first;
        p->first = m->next;
        message_free(m);
    }
    for (uint32_t i = 0; i < p->persons_n; i++) {
        person *to = p->persons[i];
        contact_free(to->c);
        str_drop(&to->id);
        free(to->marks);
        free(to->times);
        free(to);
    }
    for (uint32_t i = 0; i < p->rosters_n; i++) roster_free(p->rosters[i]);
    for (uint32_t i = 0; i < p->channels_n; i++) {
        channel_free(p->channels[i]->c);
        str_drop(&p->channels[i]->id);
        free(p->channels[i]->minute);
        free(p->channels[i]);
    }
    for (uint32_t i = 0; i < p->zones_n; i++) jd_zone_close(p->zones[i]);
    if (p->multi) curl_multi_cleanup(p->multi);
    free(p->persons);
    free(p->rosters);
    free(p->channels);
    free(p->zones);
    free(p->by_id);
    free(p->by_group);
    jd_strmap_fini(&p->person_by);
    jd_strmap_fini(&p->roster_by);
    jd_strmap_fini(&p->channel_by);
    jd_strmap_fini(&p->zone_by);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void jd_people_metrics(jd_people *p, jd_buf *out) {
    if (!p) return;
    const struct {
        const char *name;
        const _Atomic uint64_t *v;
    } rows[] = {{"tellings", &p->told},        {"joined", &p->joined},    {"sent", &p->sent},
                {"failed_tries", &p->failed},  {"given_up", &p->dropped}, {"escalated", &p->escalated},
                {"nobody_left", &p->exhausted}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        jd_buf_printf(out, "# TYPE jindu_people_%s_total counter\njindu_people_%s_total %llu\n", rows[i].name,
                      rows[i].name, (unsigned long long)atomic_load(rows[i].v));
    pthread_mutex_lock(&p->lock);
    jd_buf_printf(out, "# TYPE jindu_people_open gauge\njindu_people_open %u\n", p->open);
    jd_buf_printf(out, "# TYPE jindu_people_kept gauge\njindu_people_kept %llu\n", (unsigned long long)p->kept);
    jd_buf_printf(out, "# TYPE jindu_people_sendings_waiting gauge\njindu_people_sendings_waiting %u\n", p->letters_n);
    pthread_mutex_unlock(&p->lock);
}

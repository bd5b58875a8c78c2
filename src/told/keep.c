/* What is to outlive the process: how far the matcher is, notifications that wait longer than a moment, dead letters,
 * what became of each subscription. All are documents of kind TOLD of the default tenant, written some at a time in one
 * change set, which is all or nothing: "cursor" says behind which group all is to be matched again after a start, and
 * every notification of the groups up to it is delivered, or in the store. What is quickly delivered is never written.
 * So a notification may come twice after a crash, under the same id, and never not at all. */
#include "told/letters.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    TURN_MS = 50,   /* between two writes, and */
    SOON_MS = 20,   /* when the matcher has nothing else to do */
    SAVE_MS = 1000, /* a notification waits so long before it is written, unless its endpoint fails */
    COUNTS_MS = 10000,
    LETTERS_MAX = 512, /* of one write */
    LETTERS_BYTES = 2 << 20,
    JOB_BYTES = 16 << 20,
    STATES_MAX = 256,
    WRITES_MAX = 1000,
    LOOK_MAX = 8192, /* letters that are looked at */
    MOVE_MS = 1000,  /* the cursor follows groups that hold nothing for us, lest the log be held */
};

struct keeper {
    jd_told_room *r;
    jd_job job;
    jd_arena arena;
    jd_lane lane;
    _Atomic int busy;
    uint64_t last_ms, counts_ms, moved_ms;
    _Atomic uint64_t position; /* durable */
    uint64_t writing;          /* position of the write under way */
    size_t most;               /* writes of one job */
    int left;                  /* of this turn: something is due that it could not take */
    int ok, failing;           /* the last write; failing: was told of */
    sub **stated;              /* whose states the write under way has; counted */
    unsigned *stated_what;
    size_t stated_n;
    letter **saved; /* of the write under way */
    kept *as;
    size_t saved_n;
    uint64_t *erased;
    size_t erased_n;
    char **forget; /* ids of documents of deleted subscriptions' states */
    size_t forget_n, forget_cap;
    size_t forgetting; /* so many of them are in the write under way */
};

keeper *keep_make(jd_told_room *r) {
    keeper *k = jd_xcalloc(1, sizeof *k);
    k->r = r; /* its settings are whole by now */
    k->most = r->o.group_max && r->o.group_max <= WRITES_MAX ? r->o.group_max - 1 : WRITES_MAX;
    jd_arena_init(&k->arena);
    return k;
}

void keep_free(keeper *k) {
    if (!k) return;
    for (size_t i = 0; i < k->forget_n; i++) free(k->forget[i]);
    for (size_t i = 0; i < k->r->telling.n; i++) sub_unref(k->r->telling.s[i]);
    for (size_t i = 0; i < k->r->counts.n; i++) sub_unref(k->r->counts.s[i]);
    free(k->r->telling.s);
    free(k->r->counts.s);
    free(k->forget);
    jd_arena_fini(&k->arena);
    free(k);
}

void state_dirty(jd_told_room *r, const sub *s, unsigned what) {
    struct dirty *list = what == STATE_COUNTS ? &r->counts : &r->telling;
    if (s->state->dirty & what) return;
    s->state->dirty |= what;
    if (list->n == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 64;
        list->s = jd_xrealloc(list->s, list->cap * sizeof(sub *));
    }
    list->s[list->n++] = sub_ref((sub *)(uintptr_t)s);
}

static jd_str state_id(const sub *s, jd_arena *a) {
    return jd_arena_printf(a, "state/%d/%.*s", s->tenant, JD_STR_ARG(s->id));
}

void keep_forget(keeper *k, const sub *s) {
    jd_arena a;
    jd_arena_init(&a);
    if (k->forget_n == k->forget_cap) {
        k->forget_cap = k->forget_cap ? k->forget_cap * 2 : 16;
        k->forget = jd_xrealloc(k->forget, k->forget_cap * sizeof(char *));
    }
    k->forget[k->forget_n++] = jd_xstrdup(state_id(s, &a));
    jd_arena_fini(&a);
}

/* ---- what is written ---- */

static void write_one(keeper *k, jd_str id, jd_str body) {
    jd_write *w = &k->job.writes[k->job.n++];
    *w = (jd_write){.kind = JD_K_TOLD, .rq = {.id = id, .observed = JD_TIME_NONE}, .raw_body = body};
    k->job.bytes += id.n + body.n;
}

static void write_buf(keeper *k, jd_str id, jd_buf *b) {
    write_one(k, id, jd_arena_dup(&k->arena, jd_buf_view(b)));
    jd_buf_fini(b);
}

static jd_str letter_doc(uint64_t number, jd_arena *a) {
    return jd_arena_printf(a, "letter/%llu", (unsigned long long)number);
}

static void write_letter(keeper *k, const letter *l) {
    jd_buf b = {0};
    jd_buf_printf(&b,
                  "{\"tenant\":%d,\"group\":%llu,\"dead\":%s,\"notification\":\"%s\",\"subscription\":", l->s->tenant,
                  (unsigned long long)l->group, l->dead ? "true" : "false", l->id);
    jd_json_write_str(&b, l->s->id);
    jd_buf_z(&b, ",\"body\":");
    jd_buf_str(&b, (jd_str){l->body, l->n});
    jd_buf_c(&b, '}');
    write_buf(k, letter_doc(l->number, &k->arena), &b);
}

static void time_member(jd_buf *b, const char *name, jd_time t) {
    if (t != JD_TIME_NONE) jd_buf_printf(b, ",\"%s\":%lld", name, (long long)t);
}

/* The room's lock is held. */
static void write_state(keeper *k, const sub *s) {
    const sub_state *st = s->state;
    jd_buf b = {0};
    jd_buf_printf(&b, "{\"sent\":%llu,\"failed\":%llu,\"failing\":%s", (unsigned long long)st->sent,
                  (unsigned long long)st->failed, st->failing ? "true" : "false");
    time_member(&b, "lastSent", st->last_sent);
    time_member(&b, "lastSuccess", st->last_success);
    time_member(&b, "lastFailure", st->last_failure);
    time_member(&b, "toldAt", st->told_at);
    if (st->gathered_n) {
        jd_buf_printf(&b, ",\"group\":%llu,\"gathered\":[", (unsigned long long)st->gathered_group);
        for (const struct gathered *g = st->gathered; g; g = g->next) {
            if (g != st->gathered) jd_buf_c(&b, ',');
            jd_buf_z(&b, "{\"id\":");
            jd_json_write_str(&b, g->id);
            jd_buf_z(&b, ",\"data\":");
            jd_buf_str(&b, g->data);
            jd_buf_c(&b, '}');
        }
        jd_buf_c(&b, ']');
    }
    jd_buf_c(&b, '}');
    write_buf(k, state_id(s, &k->arena), &b);
}

static void write_states(keeper *k, struct dirty *list, unsigned what) {
    size_t n = 0;
    pthread_mutex_lock(&k->r->lock);
    for (; n < list->n && n < STATES_MAX && k->job.n < k->most && k->job.bytes < JOB_BYTES; n++) {
        sub *s = list->s[n];
        s->state->dirty &= ~what;
        jd_buf key = {0};
        told_key(s->tenant, s->id, &key);
        uint32_t there = jd_strmap_get(&k->r->places, jd_buf_view(&key));
        jd_buf_fini(&key);
        /* one that was deleted meanwhile leaves nothing, also when another bears its id */
        if (there != JD_STRMAP_NONE && k->r->subs[there]->state == s->state) write_state(k, s);
        k->stated[k->stated_n] = s;
        k->stated_what[k->stated_n++] = what;
    }
    if (n) memmove(list->s, list->s + n, (list->n - n) * sizeof *list->s);
    list->n -= n;
    k->left |= what == STATE_TELLING && list->n;
    pthread_mutex_unlock(&k->r->lock);
}

/* Letters that are to be written go into the job; returns the group behind which all that are not are. */
static uint64_t write_letters(keeper *k) {
    deliveries *d = k->r->out;
    /* what is matched to here stands in the queues already: read before they are looked at */
    uint64_t to = atomic_load(&k->r->matched_to), now = letters_ms();
    size_t looked = 0, bytes = 0;
    int bounded = 0;
    k->saved = JD_NEWN(&k->arena, letter *, LETTERS_MAX);
    k->as = JD_NEWN(&k->arena, kept, LETTERS_MAX);
    k->saved_n = 0;
    pthread_mutex_lock(&d->lock);
    letter *l = d->open_first;
    for (; l && looked++ < LOOK_MAX; l = l->open_next) {
        int due = l->dead || now - l->since_ms >= SAVE_MS || l->e->failing;
        if (due && k->saved_n < LETTERS_MAX && k->job.n < k->most && bytes < LETTERS_BYTES) {
            if (!l->number) l->number = ++d->numbers;
            l->saving = 1;
            k->as[k->saved_n] = l->dead ? KEPT_DEAD : KEPT_WAITING;
            k->saved[k->saved_n++] = l;
            bytes += l->n;
            write_letter(k, l);
        } else if (l->group && l->kept == KEPT_NOT && !bounded) {
            bounded = 1; /* in order of group: this is the oldest */
            if (l->group - 1 < to) to = l->group - 1;
        }
        k->left |= due && !l->saving;
    }
    k->left |= l && !bounded; /* who was not looked at may be older than all that were */
    size_t n = d->erase_n < STATES_MAX ? d->erase_n : STATES_MAX;
    if (n > k->most - k->job.n) n = k->most - k->job.n;
    k->erased = JD_NEWN(&k->arena, uint64_t, n + 1);
    k->erased_n = n;
    for (size_t i = 0; i < n; i++) {
        k->erased[i] = d->erase[--d->erase_n];
        write_one(k, letter_doc(k->erased[i], &k->arena), (jd_str){NULL, 0});
    }
    pthread_mutex_unlock(&d->lock);
    return to;
}

/* Without subscriptions there is nothing that the log would have to remember. */
static void hold(keeper *k, uint64_t from) {
    pthread_mutex_lock(&k->r->lock); /* the first subscription is listed, and the log held for it, under the same */
    jd_engine_keep(k->r->o.engine, JD_WATCH_TOLD, atomic_load(&k->r->subs_n) ? from : 0);
    pthread_mutex_unlock(&k->r->lock);
}

static void settle(keeper *k, const jd_err *err) {
    deliveries *d = k->r->out;
    int ok = err->code == JD_E_OK;
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < k->saved_n; i++) {
        letter *l = k->saved[i];
        l->saving = 0;
        if (ok) l->kept = k->as[i];
        if (ok && (l->kept == KEPT_DEAD) == l->dead) letters_close(d, l);
        if (!ok && l->kept == KEPT_NOT) l->number = 0;
        if (l->gone) letters_done(d, l);
    }
    for (size_t i = 0; i < k->erased_n && !ok; i++) letters_erase(d, k->erased[i]);
    pthread_mutex_unlock(&d->lock);
    pthread_mutex_lock(&k->r->lock);
    for (size_t i = 0; i < k->stated_n && !ok; i++) state_dirty(k->r, k->stated[i], k->stated_what[i]);
    pthread_mutex_unlock(&k->r->lock);
    for (size_t i = 0; i < k->stated_n; i++) sub_unref(k->stated[i]);
    k->stated_n = 0;
    if (ok) {
        atomic_store(&k->position, k->writing);
        hold(k, k->writing + 1);
    } else if (!k->failing) {
        jd_log(JD_LOG_WARN, "told.keep", "why=\"%s\"", err->en);
    }
    k->failing = !ok;
    k->ok = ok;
    atomic_store(&k->busy, 0);
}

/* On the writer's thread: the write is durable, or refused. */
static void written(jd_job *job) {
    keeper *k = job->user;
    const jd_err *err = &job->writes[0].err;
    /* a log that is full because of us would never let us write again: what a crash now loses is said */
    if (err->code == JD_E_BUSY) {
        jd_log(JD_LOG_ERROR, "told.released", "why=\"%s\"", err->en);
        hold(k, 0);
    }
    settle(k, err);
}

/* What was written of those to be forgotten is forgotten. */
static void forgotten(keeper *k) {
    size_t n = k->ok ? k->forgetting : 0;
    for (size_t i = 0; i < n; i++) free(k->forget[i]);
    if (n) memmove(k->forget, k->forget + n, (k->forget_n - n) * sizeof *k->forget);
    k->forget_n -= n;
    k->forgetting = 0;
}

/* States of deleted subscriptions, where there are any. */
static void write_forgotten(keeper *k) {
    jd_view v;
    jd_str body;
    jd_arena a;
    if (!k->forget_n) return;
    jd_arena_init(&a);
    jd_view_begin(&v, k->r->o.engine, 0, &a);
    while (k->forgetting < k->forget_n && k->job.n < k->most) {
        jd_str id = jd_arena_dup(&k->arena, jd_str_of(k->forget[k->forgetting++]));
        size_t same = 0; /* one that bears the id again has written anew */
        while (same < k->job.n && !jd_str_eq(k->job.writes[same].rq.id, id)) same++;
        if (same == k->job.n && jd_view_get_kind(&v, JD_K_TOLD, id, &body)) write_one(k, id, (jd_str){NULL, 0});
    }
    jd_view_end(&v);
    jd_arena_fini(&a);
}

void keep_turn(keeper *k, int now) {
    jd_told_room *r = k->r;
    uint64_t ms = letters_ms();
    jd_err err = {0};
    if (ms - k->last_ms < (now || k->saved_n == LETTERS_MAX ? SOON_MS : TURN_MS) || atomic_load(&k->busy)) return;
    k->last_ms = ms;
    forgotten(k);
    jd_arena_reset(&k->arena);
    k->left = 0;
    k->stated = JD_NEWN(&k->arena, sub *, STATES_MAX * 2);
    k->stated_what = JD_NEWN(&k->arena, unsigned, STATES_MAX * 2);
    k->job = (jd_job){.writes = JD_NEWN(&k->arena, jd_write, WRITES_MAX + 1), .atomic = 1};
    k->job.arena = &k->arena;
    k->job.lane = &k->lane;
    k->job.done = written;
    k->job.user = k;
    uint64_t to = write_letters(k), old = atomic_load(&k->position);
    if (!k->left) write_states(k, &r->telling, STATE_TELLING); /* not before what they told of is kept */
    if (ms - k->counts_ms >= COUNTS_MS) {
        k->counts_ms = ms;
        write_states(k, &r->counts, STATE_COUNTS);
    }
    write_forgotten(k);
    if (k->left) to = old; /* never past what this write does not hold */
    /* a group of our own is no reason for another */
    int moves = to > old && (atomic_load(&r->wanted_to) > old || (to - old > 1 && ms - k->moved_ms >= MOVE_MS));
    if (!atomic_load(&r->subs_n)) hold(k, 0), moves = 0;
    if (!k->job.n && !moves) {
        k->ok = 1; /* what was to be forgotten was not there, nor what states were of */
        for (size_t i = 0; i < k->stated_n; i++) sub_unref(k->stated[i]);
        k->stated_n = 0;
        return;
    }
    if (moves) k->moved_ms = ms;
    k->writing = to > old ? to : old;
    jd_buf b = {0};
    jd_buf_printf(&b, "{\"group\":%llu}", (unsigned long long)k->writing);
    write_buf(k, JD_STR("cursor"), &b);
    atomic_store(&k->busy, 1);
    if (jd_submit(r->o.engine, &k->job, &err)) {
        settle(k, &err);
    }
}

int keep_clean(keeper *k) {
    deliveries *d = k->r->out;
    if (atomic_load(&k->busy) || atomic_load(&k->r->wanted_to) > atomic_load(&k->position)) return 0;
    pthread_mutex_lock(&d->lock);
    int clean = !d->open_first && !d->erase_n;
    pthread_mutex_unlock(&d->lock);
    pthread_mutex_lock(&k->r->lock);
    clean = clean && !k->r->telling.n;
    pthread_mutex_unlock(&k->r->lock);
    return clean;
}

/* ---- after a start ---- */

typedef struct kept_letter {
    uint64_t number;
    jd_str body;
} kept_letter;

typedef struct loading {
    keeper *k;
    jd_arena arena;
    kept_letter *l;
    size_t n, cap;
    uint64_t cursor;
} loading;

static uint64_t number_of(const jd_jval *v, const char *name) {
    const jd_jval *m = jd_jget(v, name);
    return m && m->type == JD_JNUM ? (uint64_t)jd_jnum(m) : 0;
}

static jd_time time_of(const jd_jval *v, const char *name) {
    const jd_jval *m = jd_jget(v, name);
    return m && m->type == JD_JNUM ? (jd_time)jd_jnum(m) : JD_TIME_NONE; /* us: exact below 2^53, the year 2255 */
}

static int is_true(const jd_jval *v, const char *name) {
    const jd_jval *m = jd_jget(v, name);
    return m && m->type == JD_JTRUE;
}

static void load_state(loading *l, jd_str id, const jd_jval *v) {
    const char *slash = memchr(id.p, '/', id.n);
    if (!slash) return;
    jd_str name = {slash + 1, id.n - (size_t)(slash + 1 - id.p)};
    sub *s = told_find(l->k->r, (int)strtol(id.p, NULL, 10), name);
    if (!s) return;
    sub_state *st = s->state;
    st->sent = number_of(v, "sent");
    st->failed = number_of(v, "failed");
    st->failing = is_true(v, "failing");
    st->last_sent = time_of(v, "lastSent");
    st->last_success = time_of(v, "lastSuccess");
    st->last_failure = time_of(v, "lastFailure");
    st->told_at = time_of(v, "toldAt");
    st->gathered_group = number_of(v, "group");
    const jd_jval *list = jd_jget(v, "gathered");
    for (uint32_t i = 0; list && i < list->n; i++) {
        const jd_jval *gid = jd_jget(&list->items[i], "id"), *data = jd_jget(&list->items[i], "data");
        jd_buf b = {0};
        if (!gid || !data) continue;
        jd_json_write(&b, data);
        struct gathered *g = jd_xmalloc(sizeof *g + gid->n + b.n);
        char *p = (char *)(g + 1);
        memcpy(p, jd_jstr(gid).p, gid->n);
        memcpy(p + gid->n, b.p, b.n);
        *g = (struct gathered){NULL, {p, gid->n}, {p + gid->n, b.n}};
        *st->gathered_last = g;
        st->gathered_last = &g->next;
        st->gathered_n++;
        jd_buf_fini(&b);
    }
    sub_unref(s);
}

static void load_one(void *user, jd_str id, jd_str body) {
    loading *l = user;
    jd_jval v;
    if (jd_str_starts(id, JD_STR("letter/"))) {
        if (l->n == l->cap) {
            l->cap = l->cap ? l->cap * 2 : 64;
            l->l = jd_xrealloc(l->l, l->cap * sizeof *l->l);
        }
        jd_str copy = jd_arena_dup(&l->arena, id); /* ends in NUL */
        l->l[l->n++] = (kept_letter){strtoull(copy.p + 7, NULL, 10), jd_arena_dup(&l->arena, body)};
        return;
    }
    if (jd_json_parse(&l->arena, jd_arena_dup(&l->arena, body), NULL, &v, NULL)) return;
    if (jd_str_is(id, "cursor")) l->cursor = number_of(&v, "group");
    if (jd_str_starts(id, JD_STR("state/"))) /* the copy ends in NUL */
        load_state(l, jd_arena_dup(&l->arena, (jd_str){id.p + 6, id.n - 6}), &v);
}

static int by_number(const void *x, const void *y) {
    const kept_letter *a = x, *b = y;
    return (a->number > b->number) - (a->number < b->number);
}

static int has_subscription(loading *l, int tenant, jd_str id) {
    jd_view v;
    jd_str body;
    jd_view_begin(&v, l->k->r->o.engine, tenant, &l->arena);
    int yes = v.t && jd_view_get_kind(&v, JD_K_SUBSCRIPTION, id, &body);
    jd_view_end(&v);
    return yes;
}

static void load_letter(loading *l, const kept_letter *kl) {
    deliveries *d = l->k->r->out;
    jd_jval v;
    jd_buf text = {0};
    size_t n;
    if (kl->number > d->numbers) d->numbers = kl->number;
    int bad = jd_json_parse(&l->arena, kl->body, NULL, &v, NULL);
    const jd_jval *id = bad ? NULL : jd_jget(&v, "subscription"), *name = bad ? NULL : jd_jget(&v, "notification"),
                  *body = bad ? NULL : jd_jget(&v, "body");
    sub *s = id && name && body ? told_find(l->k->r, (int)number_of(&v, "tenant"), jd_jstr(id)) : NULL;
    if (!s && id && name && body && !has_subscription(l, (int)number_of(&v, "tenant"), jd_jstr(id))) {
        letters_erase(d, kl->number); /* its subscription was deleted */
        return;
    }
    if (!s) { /* it cannot be had now, its @context is away say: it waits for another start */
        jd_log(JD_LOG_WARN, "told.letter", "number=%llu why=\"its subscription cannot be read now\"",
               (unsigned long long)kl->number);
        return;
    }
    jd_json_write(&text, body);
    char *p = jd_buf_take(&text, &n);
    letter *one = letters_make(s, jd_jstr(name), number_of(&v, "group"), p, n);
    one->number = kl->number;
    int dead = is_true(&v, "dead");
    one->dead = (unsigned char)(dead != 0);
    one->kept = dead ? KEPT_DEAD : KEPT_WAITING;
    jd_strmap_put(&d->restored, jd_jstr(name), 1);
    if (one->group > d->restored_to) d->restored_to = one->group;
    if (dead) {
        letters_dead(d, one);
        letters_close(d, one);
    } else {
        letters_put(d, letters_endpoint(d, s->uri), one);
    }
    sub_unref(s);
}

uint64_t keep_load(keeper *k) {
    jd_view v;
    loading l = {.k = k};
    jd_arena_init(&l.arena);
    jd_view_begin(&v, k->r->o.engine, 0, &l.arena);
    jd_view_each_kind(&v, JD_K_TOLD, &l, load_one);
    jd_view_end(&v);
    if (l.n) qsort(l.l, l.n, sizeof *l.l, by_number);
    pthread_mutex_lock(&k->r->out->lock);
    for (size_t i = 0; i < l.n; i++) load_letter(&l, &l.l[i]);
    pthread_mutex_unlock(&k->r->out->lock);
    if (l.n) deliveries_wake(k->r->out);
    atomic_store(&k->position, l.cursor);
    free(l.l);
    jd_arena_fini(&l.arena);
    return l.cursor;
}

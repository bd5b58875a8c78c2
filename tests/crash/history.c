/* The engine with its history on a disk that fails: updates, readings told late or corrected, deletions of all kinds,
 * sealed and merged all the time.
 *
 *     history [--seed N] [--steps N] [--faults N] [--no-sync]
 *
 * Power cuts: at a large sample of the requests to the disk the power is cut (or the process killed) on a copy, which
 * is opened and read back whole (past.h). Acknowledged writes are there, each reading once; refused ones are not; of a
 * job on its way there are the groups up to some point, each whole; check finds nothing. From some of the images the
 * load goes on and is cut again, so that what was opened half sealed or half merged is sealed and merged on. Faults: in
 * N runs of a shorter load one request fails, is done by half, is done but reported as failed, or finds the disk full.
 * What was refused is absent at once and later; after a failed sync the engine takes nothing more, and the next start
 * decides. With --no-sync the disk only pretends to sync, and the test must then fail.
 *
 * The clock is the test's: it creeps, and between two starts it is now and then set back. */
#include "past.h"
#include "verify.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

enum { IMAGES_MAX = 512, STATES_MAX = 8, FAILURES_MAX = 4, GROUP_MAX = 4 };

jd_time __real_jd_now(void);
jd_time __wrap_jd_now(void);
static jd_time clock_us = INT64_C(1750000000000000);
static rng clock_rng = {99};

/* As jd_now: sometimes no microsecond has passed since the last group. */
jd_time __wrap_jd_now(void) {
    return clock_us += rng_below(&clock_rng, 3) ? rng_below(&clock_rng, 3000) : 0;
}

typedef struct image {
    disk *d;
    uint64_t point;
    disk_op op;
} image;

typedef struct city { /* an engine on a disk, and what must be in it */
    struct trial *t;
    disk *d;
    const char *dir;
    jd_engine *e;
    past states[STATES_MAX]; /* [0]: before the last job or step; [n - 1]: what it must come to */
    uint32_t n;
    int64_t value;
    int founded;
    uint64_t merges, rows;
} city;

typedef struct trial {
    uint64_t seed;
    int steps, no_sync;
    uint32_t faults;
    rng r;   /* of the load */
    rng cut; /* of the images */
    char *dir, *dir2;
    image images[IMAGES_MAX];
    size_t images_n;
    uint64_t jobs, writes, refused, busy, rows, merges, cuts, kills, second, by_op[DISK_OPS];
    uint64_t fault_runs, fault_refused, fault_full, fault_unknown, fault_idle, fault_open, fault_unseen;
    int failures;
} trial;

static void fail_at(trial *t, const char *what, uint64_t point, const char *op, const char *why) {
    printf("FAIL seed %llu, %s at point %llu (%s): %s\n", (unsigned long long)t->seed, what, (unsigned long long)point,
           op, why);
    t->failures++;
}

/* ---- opening and looking ---- */

static int open_engine(city *c, jd_err *err) {
    jd_engine_opts o = {.dir = c->dir,
                        .vfs = disk_vfs(c->d),
                        .manual = 1,
                        .min_free = 1,
                        .log_bytes_max = 256 << 10,
                        .group_changes_max = GROUP_MAX,
                        .history_heads_bytes = 1, /* whatever is there when the writer has a moment */
                        .history_cache_bytes = 128 << 10,
                        .history_fan = 2 + (uint32_t)(c->t->seed & 1),
                        .history_write_max = PAST_WRITE_MAX};
    if (rng_below(&clock_rng, 4) == 0) clock_us -= 60000000; /* set back while nobody was here */
    return jd_engine_open(&c->e, &o, err);
}

static uint64_t figure(jd_engine *e, const char *name) {
    jd_buf b = {0}, head = {0};
    jd_engine_metrics(e, &b);
    jd_buf_c(&b, 0);
    jd_buf_printf(&head, "\n%s %c", name, 0);
    const char *at = strstr(b.p, head.p);
    uint64_t n = at ? strtoull(at + head.n - 1, NULL, 10) : 0;
    jd_buf_fini(&b);
    jd_buf_fini(&head);
    return n;
}

static void close_engine(city *c) {
    if (!c->e) return;
    c->t->rows += figure(c->e, "jindu_history_rows_written_total");
    c->t->merges += figure(c->e, "jindu_history_merges_total");
    jd_engine_close(c->e);
    c->e = NULL;
}

/* 0: the engine holds one of the city's states, which is then the only one. */
static int look(city *c, char *why, size_t cap) {
    past found;
    char other[200];
    if (past_read(c->e, &found, why, cap)) return -1;
    for (uint32_t i = c->n; i-- > 0;) {
        if (past_differs(&c->states[i], &found, i == c->n - 1 ? why : other, i == c->n - 1 ? cap : sizeof other))
            continue;
        c->states[0] = found;
        c->n = 1;
        return 0;
    }
    if (c->n > 1) {
        strncat(why, "; and from what was before: ", cap - strlen(why) - 1);
        strncat(why, other, cap - strlen(why) - 1);
    }
    return -1;
}

/* Opens the city's disk as a start would, and looks. Leaves the engine open. */
static int start_and_look(city *c, char *why, size_t cap) {
    jd_err err = {0};
    if (c->founded && crash_check(c->d, why, cap)) return -1;
    if (open_engine(c, &err)) {
        snprintf(why, cap, "open: %s (%s)", err.en, err.place);
        return -1;
    }
    return look(c, why, cap);
}

/* ---- the load ---- */

static void mark_done(jd_job *job) {
    *(int *)job->user = 1;
}

typedef struct job { /* what was asked, and what must come of it */
    jd_write w[STATES_MAX];
    int expect[STATES_MAX];
    past after[STATES_MAX]; /* if it and all before it are done */
    uint32_t n;
    int atomic, entity;
} job;

static void draw_job(city *c, jd_arena *a, job *j) {
    trial *t = c->t;
    past now = c->states[c->n - 1];
    past_draw d = {&t->r, c->e, a, &now, &c->value};
    uint32_t dice = rng_below(&t->r, 12);
    *j = (job){.n = 1, .entity = (int)rng_below(&t->r, PAST_ENTS)};
    int alone = j->entity == PAST_ENTS - 1; /* of its tenant */
    if (dice == 0 && past_draw_again(&d, j->entity, j->w)) {
        j->n = 2;
        j->expect[0] = j->expect[1] = 1;
        j->atomic = 1;
        j->after[0] = j->after[1] = now;
        return;
    }
    if (dice < 4 && !alone) {
        j->atomic = dice == 3;
        j->n = j->atomic ? 2 + rng_below(&t->r, GROUP_MAX - 2) : 2 + rng_below(&t->r, PAST_ENTS - 2);
    }
    past was = now;
    int refused = 0;
    for (uint32_t i = 0; i < j->n; i++) {
        int entity = alone ? j->entity : (j->entity + (int)i) % (PAST_ENTS - 1);
        j->expect[i] = past_draw_write(&d, entity, &j->w[i]);
        refused |= !j->expect[i];
        j->after[i] = now;
    }
    if (!j->atomic || !refused) return;
    for (uint32_t i = 0; i < j->n; i++) j->expect[i] = 0, j->after[i] = was;
}

/* The states that a cut during the job may leave, the last one what it comes to. */
static void may_become(city *c, const job *j) {
    c->states[0] = c->states[c->n - 1];
    c->n = 1;
    for (uint32_t i = 0; i < j->n; i++)
        if (!j->atomic || i == j->n - 1) c->states[c->n++] = j->after[i];
}

static int run_job(city *c, job *j, jd_arena *a) {
    int done = 0;
    jd_err err = {0};
    jd_job asked = {.tenant = past_tenant(j->entity),
                    .make_tenant = 1,
                    .writes = j->w,
                    .n = j->n,
                    .atomic = j->atomic,
                    .arena = a,
                    .done = mark_done,
                    .user = &done};
    if (jd_submit(c->e, &asked, &err)) return -1;
    while (!done) jd_engine_step(c->e);
    c->t->jobs++;
    c->t->writes += j->n;
    return 0;
}

/* Without faults every write has its expected outcome, but that a full log refuses. */
static int judge(city *c, const job *j, char *why, size_t cap) {
    int busy = 0;
    for (uint32_t i = 0; i < j->n; i++) {
        const jd_write *w = &j->w[i];
        busy |= w->err.code == JD_E_BUSY;
        c->t->refused += w->err.code != JD_E_OK;
        if ((w->err.code == JD_E_OK) == j->expect[i] || w->err.code == JD_E_BUSY) continue;
        snprintf(why, cap, "write %u of %u (operation %d on %.*s): expected %s, got \"%s\"", i + 1, j->n, w->rq.op,
                 JD_STR_ARG(w->rq.id), j->expect[i] ? "success" : "refusal", w->err.code ? w->err.en : "success");
        return -1;
    }
    c->t->busy += (uint64_t)busy;
    return busy ? look(c, why, cap) : 0;
}

/* One thing happens to the city: a job, some work between jobs, an end and a start. -1: `why`. */
static int act(city *c, char *why, size_t cap) {
    trial *t = c->t;
    jd_err err = {0};
    uint32_t dice = rng_below(&t->r, 100);
    c->states[0] = c->states[c->n - 1];
    c->n = 1;
    if (!c->e) {
        if (open_engine(c, &err) == 0) return 0;
        snprintf(why, cap, "open: %s (%s)", err.en, err.place);
        return -1;
    }
    if (dice < 55) {
        jd_arena a;
        jd_arena_init(&a);
        static job j;
        draw_job(c, &a, &j);
        may_become(c, &j);
        int rc = run_job(c, &j, &a);
        if (rc)
            snprintf(why, cap, "a job was not taken");
        else
            rc = judge(c, &j, why, cap);
        jd_arena_fini(&a);
        return rc;
    }
    if (dice < 58) jd_engine_settle(c->e, &err); /* asked for; the steps do it */
    if (dice >= 96)
        close_engine(c);
    else
        for (uint32_t i = 1 + rng_below(&t->r, 4); i > 0; i--) jd_engine_step(c->e);
    return 0;
}

/* ---- power cuts ---- */

static void take_image(void *user, disk *d, uint64_t point, disk_op op) {
    trial *t = user;
    int wanted = op != DISK_WRITE || rng_below(&t->cut, 8) == 0;
    if (!wanted || t->images_n == IMAGES_MAX) return;
    int killed = rng_below(&t->cut, 8) == 0;
    t->images[t->images_n++] = (image){killed ? disk_kill(d) : disk_cut(d, rng_next(&t->cut)), point, op};
    t->cuts += !killed;
    t->kills += (uint64_t)killed;
    t->by_op[op]++;
}

typedef struct second_cut {
    uint64_t at, seed;
    disk *image;
} second_cut;

static void take_second(void *user, disk *d, uint64_t point, disk_op op) {
    (void)op;
    second_cut *c = user;
    if (point == c->at) c->image = disk_cut(d, c->seed);
}

/* Goes on from an image for a while, with another cut in it. The load's own numbers are left as they were. */
static int go_on(city *c, char *why, size_t cap) {
    trial *t = c->t;
    rng kept = t->r;
    t->r.s = rng_next(&t->cut);
    second_cut cut = {.at = disk_points(c->d) + rng_below(&t->cut, 150), .seed = rng_next(&t->cut)};
    disk_set_watch(c->d, take_second, &cut);
    int rc = 0;
    for (int i = 0; i < 12 && !rc && !cut.image; i++) rc = act(c, why, cap);
    disk_set_watch(c->d, NULL, NULL);
    if (!rc && c->e && !cut.image) rc = look(c, why, cap);
    close_engine(c);
    t->r = kept;
    if (!cut.image) return rc;
    t->second++;
    disk *first = c->d;
    c->d = cut.image;
    if (!rc) rc = start_and_look(c, why, cap);
    close_engine(c);
    c->d = first;
    disk_free(cut.image);
    return rc;
}

static void settle_images(city *load) {
    static city c;
    trial *t = load->t;
    for (size_t i = 0; i < t->images_n; i++) {
        image *im = &t->images[i];
        char why[800] = "";
        if (t->failures < FAILURES_MAX) {
            c = *load;
            c.d = im->d;
            c.e = NULL;
            c.dir = t->dir2;
            c.value += 1000000; /* what goes on from here is told apart */
            int rc = start_and_look(&c, why, sizeof why);
            c.founded = 1;
            if (rc) fail_at(t, "cut", im->point, disk_op_names[im->op], why);
            if (!rc && rng_below(&t->cut, 4) == 0 && go_on(&c, why, sizeof why))
                fail_at(t, "going on after the cut", im->point, disk_op_names[im->op], why);
            close_engine(&c);
        }
        disk_free(im->d);
    }
    t->images_n = 0;
}

/* At the end all becomes one run, and is one still after a start: nothing that was merged comes back. */
static int end_as_one_run(city *c, char *why, size_t cap) {
    jd_err err = {0};
    if (!c->e && open_engine(c, &err)) return -1;
    jd_engine_settle(c->e, &err);
    for (int i = 0; i < 400; i++) jd_engine_step(c->e);
    int rc = look(c, why, cap);
    for (int again = 0; again < 2 && !rc; again++) {
        uint64_t runs = figure(c->e, "jindu_history_runs");
        if (runs > 1) rc = snprintf(why, cap, "%llu runs are left of all", (unsigned long long)runs);
        close_engine(c);
        if (!rc) rc = start_and_look(c, why, cap);
    }
    return rc;
}

static void cut_rounds(trial *t) {
    static city c;
    c = (city){.t = t, .d = disk_new(t->seed), .dir = t->dir, .n = 1};
    char why[800] = "";
    int rc = 0;
    disk_lies_about_sync(c.d, t->no_sync);
    disk_set_watch(c.d, take_image, t);
    for (int i = 0; i < t->steps && !rc && t->failures < FAILURES_MAX; i++) {
        rc = act(&c, why, sizeof why);
        settle_images(&c);
        if (!rc && c.e && i % 4 == 0) rc = look(&c, why, sizeof why); /* and in memory? */
        c.founded |= c.e != NULL;
    }
    disk_set_watch(c.d, NULL, NULL);
    if (!rc && !t->failures) rc = end_as_one_run(&c, why, sizeof why);
    if (rc) fail_at(t, "the load itself", disk_points(c.d), "-", why);
    close_engine(&c);
    disk_free(c.d);
    int idle = t->merges < 10 || t->rows < 50 || t->refused < 10 || t->second < 50;
    if (idle && !t->failures && t->steps >= 180) fail_at(t, "the load", 0, "-", "did too little");
    printf("seed %llu: jobs %llu, writes %llu (refused %llu, log full %llu), rows sealed %llu, merges %llu\n",
           (unsigned long long)t->seed, (unsigned long long)t->jobs, (unsigned long long)t->writes,
           (unsigned long long)t->refused, (unsigned long long)t->busy, (unsigned long long)t->rows,
           (unsigned long long)t->merges);
    printf("seed %llu: kills %llu, cuts %llu (create %llu, write %llu, truncate %llu, sync %llu, delete %llu), second "
           "cuts %llu, failures %d\n",
           (unsigned long long)t->seed, (unsigned long long)t->kills, (unsigned long long)t->cuts,
           (unsigned long long)t->by_op[DISK_CREATE], (unsigned long long)t->by_op[DISK_WRITE],
           (unsigned long long)t->by_op[DISK_TRUNCATE], (unsigned long long)t->by_op[DISK_SYNC],
           (unsigned long long)t->by_op[DISK_DELETE], (unsigned long long)t->second, t->failures);
}

/* ---- faults ---- */

static const char *const fault_names[DISK_FAULTS] = {"none", "fails", "half", "done", "full"};

typedef struct fault {
    uint64_t point;
    disk_fault kind;
    disk_op op;
    int saw, refusals;
} fault;

static int is_dead(city *c) {
    jd_engine_stats st;
    jd_engine_get_stats(c->e, &st);
    return st.dead;
}

/* What is on the disk after a cut now, or after the process was killed; with `adopt` the city goes on from there. */
static int cut_now(city *c, int adopt, char *why, size_t cap) {
    static city copy;
    copy = *c;
    disk *left = rng_below(&c->t->cut, 2) ? disk_kill(c->d) : disk_cut(c->d, rng_next(&c->t->cut));
    copy.e = NULL;
    copy.dir = c->t->dir2;
    copy.d = disk_kill(left); /* looking at it writes */
    int rc = start_and_look(&copy, why, cap);
    close_engine(&copy);
    disk_free(copy.d);
    if (adopt && !rc) {
        disk_free(c->d);
        c->d = left;
        c->states[0] = copy.states[0];
        c->n = 1;
        disk_set_watch(c->d, NULL, NULL);
    } else {
        disk_free(left);
    }
    return rc;
}

/* A job after which some writes may have been refused or unknown: the states are what may be found from here on. */
static int judge_faulty(city *c, fault *f, const job *j, const past *was, char *why, size_t cap) {
    uint32_t done = 0, refused = 0, unknown = 0;
    for (uint32_t i = 0; i < j->n; i++) {
        jd_errcode code = j->w[i].err.code;
        if (!j->expect[i]) continue;
        done += code == JD_E_OK;
        unknown += code == JD_E_UNKNOWN_OUTCOME;
        refused += code != JD_E_OK && code != JD_E_UNKNOWN_OUTCOME;
        c->t->fault_full += code == JD_E_STORAGE_FULL;
    }
    if (!refused && !unknown) {
        c->states[0] = j->after[j->n - 1];
        c->n = 1;
        return 0;
    }
    if (!disk_fault_met(c->d)) {
        snprintf(why, cap, "no fault so far, but: %s", j->w[0].err.en);
        return -1;
    }
    f->saw = 1;
    c->t->fault_refused += refused > 0;
    c->t->fault_unknown += unknown > 0;
    if (refused && f->op == DISK_SYNC && !is_dead(c)) {
        snprintf(why, cap, "a failed sync was only a refusal");
        return -1;
    }
    /* A job of one group: nothing of it, or all or nothing. One of two groups: what was answered OK is there. */
    c->states[0] = done ? j->after[done - 1] : *was;
    c->n = 1;
    if (unknown) c->states[c->n++] = j->after[done + unknown - 1];
    return 0;
}

/* The job of a fault run: all its writes succeed, but for the fault, so that what was done is a prefix of it. */
static int faulty_job(city *c, fault *f, char *why, size_t cap) {
    static job j;
    static past was;
    jd_arena a;
    int rc, good = 1;
    jd_arena_init(&a);
    was = c->states[0];
    draw_job(c, &a, &j);
    for (uint32_t i = 0; i < j.n; i++) good &= j.expect[i];
    may_become(c, &j);
    rc = good || j.n == 1 ? run_job(c, &j, &a) : 0;
    if (!good && j.n > 1)
        c->n = 1;
    else if (rc)
        snprintf(why, cap, "a job was not taken");
    else
        rc = judge_faulty(c, f, &j, &was, why, cap);
    jd_arena_fini(&a);
    return rc;
}

static int fault_step(city *c, fault *f, char *why, size_t cap) {
    trial *t = c->t;
    jd_err err = {0};
    uint32_t dice = rng_below(&t->r, 100);
    int rc = 0;
    if (!c->e) {
        if (open_engine(c, &err)) {
            if (!disk_fault_met(c->d)) {
                snprintf(why, cap, "open: %s (%s)", err.en, err.place);
                return -1;
            }
            f->saw = 1;
            t->fault_open++;
            disk_give_room(c->d);
            return cut_now(c, 0, why, cap);
        }
        c->founded = 1;
        return look(c, why, cap);
    }
    if (dice < 55)
        rc = faulty_job(c, f, why, cap);
    else if (dice < 96)
        for (uint32_t i = 1 + rng_below(&t->r, 4); i > 0 && !is_dead(c); i--) jd_engine_step(c->e);
    else
        close_engine(c);
    if (rc || !c->e || !disk_fault_met(c->d)) return rc;
    if (f->op == DISK_SYNC && !is_dead(c)) { /* a checkpoint met it: the next who calls the store is told */
        rc = rng_below(&t->r, 2) ? faulty_job(c, f, why, cap) : jd_engine_step(c->e) < 0;
        if (!rc && !is_dead(c)) jd_engine_step(c->e);
        if (rc) return rc;
    }
    if (is_dead(c)) {
        t->fault_idle += dice >= 55;
        f->saw = 1;
        close_engine(c);
        return cut_now(c, 1, why, cap);
    }
    rc = look(c, why, cap); /* in memory: what was refused is not there, all else is */
    if (!rc && f->refusals++ < 2) rc = cut_now(c, 0, why, cap);
    if (f->refusals == 12) disk_give_room(c->d);
    return rc;
}

static void fault_run(trial *t, fault *f, int steps, void (*watch)(void *, disk *, uint64_t, disk_op)) {
    static city c;
    char why[800] = "";
    int rc = 0;
    t->r.s = t->seed * 1000003;
    clock_rng.s = t->seed;
    clock_us = INT64_C(1750000000000000);
    c = (city){.t = t, .d = disk_new(t->seed), .dir = t->dir, .n = 1};
    if (watch) disk_set_watch(c.d, watch, t);
    if (f->kind) disk_set_fault(c.d, f->point, f->kind);
    for (int i = 0; i < steps && !rc; i++) rc = fault_step(&c, f, why, sizeof why);
    disk_give_room(c.d);
    while (!rc && !c.e) rc = fault_step(&c, f, why, sizeof why);
    /* A dead store that nobody has called since is noticed by the next one who does. */
    for (int i = 0; i < 40 && !rc && !is_dead(&c); i++) jd_engine_step(c.e);
    int dead = c.e && is_dead(&c); /* then it reads no rows */
    f->saw |= dead;
    if (!rc && !dead) rc = look(&c, why, sizeof why);
    close_engine(&c);
    if (!rc) rc = cut_now(&c, 0, why, sizeof why);
    if (rc) {
        char what[80];
        snprintf(what, sizeof what, "fault \"%s\"", fault_names[f->kind]);
        fail_at(t, what, f->point, disk_op_names[f->op], why);
    }
    t->fault_unseen += !f->saw;
    disk_free(c.d);
}

enum { POINTS_MAX = 1 << 14 };
static unsigned char op_at[POINTS_MAX];
static uint64_t points;

static void note_op(void *user, disk *d, uint64_t point, disk_op op) {
    (void)user;
    (void)d;
    if (point >= POINTS_MAX) return;
    op_at[point] = (unsigned char)op;
    points = point + 1;
}

static void fault_rounds(trial *t) {
    enum { STEPS = 70 };
    fault_run(t, &(fault){0}, STEPS, note_op);
    for (uint32_t i = 0; i < t->faults && t->failures < FAILURES_MAX && points; i++) {
        /* mostly syncs and writes; of the others there are few */
        fault f = {0};
        for (int k = 0; k < 16; k++) {
            f.point = rng_below(&t->cut, (uint32_t)points);
            f.op = (disk_op)op_at[f.point];
            if (i % 8 == 7 || f.op == (i % 2 ? DISK_SYNC : DISK_WRITE)) break;
        }
        f.kind = f.op == DISK_WRITE ? (disk_fault)(DISK_FAIL + i / 2 % (DISK_FAULTS - DISK_FAIL)) : DISK_FAIL;
        fault_run(t, &f, STEPS, NULL);
        t->fault_runs++;
    }
    printf(
        "seed %llu: points %llu, fault runs %llu: refused %llu (disk full %llu), unknown %llu, dead while sealing or "
        "tidying %llu, open failed %llu, unseen %llu, failures %d\n",
        (unsigned long long)t->seed, (unsigned long long)points, (unsigned long long)t->fault_runs,
        (unsigned long long)t->fault_refused, (unsigned long long)t->fault_full, (unsigned long long)t->fault_unknown,
        (unsigned long long)t->fault_idle, (unsigned long long)t->fault_open, (unsigned long long)t->fault_unseen,
        t->failures);
    int little = !t->fault_refused || !t->fault_full || !t->fault_unknown || !t->fault_idle;
    if (little && !t->failures && t->faults >= 50) fail_at(t, "the faults", 0, "-", "met too little");
}

int main(int argc, char **argv) {
    trial *t = jd_xcalloc(1, sizeof *t);
    t->seed = 1;
    t->steps = 180;
    t->faults = 50;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--no-sync"))
            t->no_sync = 1;
        else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
            t->seed = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--steps") && i + 1 < argc)
            t->steps = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--faults") && i + 1 < argc)
            t->faults = (uint32_t)atoi(argv[++i]);
        else
            return fprintf(stderr, "usage: history [--seed N] [--steps N] [--faults N] [--no-sync]\n"), 2;
    }
    t->r.s = t->seed;
    t->cut.s = t->seed + 7;
    clock_rng.s = t->seed;
    jd_log_level(JD_LOG_OFF);
    t->dir = crash_folder();
    t->dir2 = crash_folder();
    if (t->steps) cut_rounds(t);
    if (t->faults && !t->failures && !t->no_sync) fault_rounds(t);
    crash_folder_gone(t->dir);
    crash_folder_gone(t->dir2);
    int failures = t->failures;
    free(t);
    return failures != 0;
}

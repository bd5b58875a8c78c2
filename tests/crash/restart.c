/* The restart test: a process that died of a failed sync, or was killed before it, is started again on a machine that
 * stayed up. The kernel then shows it bytes that are not on the disk and, after a failed sync, never will be. What the
 * new process finds it may tell the world, so from there on no power cut may take it back, nor tear the database.
 *
 * For every sync of a short load, and several fates of what that sync should have written: restart, and cut the power
 * at every point of the recovery, of the groups after it and of closing. Recoveries that are killed are restarted
 * likewise.
 *
 *     restart [--seed N] [--fates N] */
#include "verify.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 11, POINTS_MAX = 2048, IMAGES_MAX = 1024, FAILURES_MAX = 5, DEPTH = 2 };

typedef struct trial {
    uint64_t seed, fate;
    rng r;
    char *dirs[DEPTH + 1]; /* one for each store that may be open at a time: the last for looking at images */
    unsigned char op[POINTS_MAX];
    uint64_t points, at; /* of the load; `at`: the sync that fails or is not reached */
    uint64_t restarts, cuts, kills;
    int failures;
} trial;

static const model_shape shape = {.changes_max = 6, .keys = 30, .body_max = 120, .events_max = 3};

static int failed(trial *t, const char *what, const char *why) {
    printf("FAIL seed %llu, sync at point %llu, fate %llu: %s: %s\n", (unsigned long long)t->seed,
           (unsigned long long)t->at, (unsigned long long)t->fate, what, why);
    t->failures++;
    return -1;
}

/* Images of a disk, taken at each of its points while a call runs. */
typedef struct camera {
    trial *t;
    disk *cut[IMAGES_MAX], *kill[IMAGES_MAX];
    size_t cuts, kills;
    unsigned kill_one_in; /* 0: none */
} camera;

static void shoot(void *user, disk *d, uint64_t point, disk_op op) {
    (void)point, (void)op;
    camera *c = user;
    for (int i = 0; i < 2 && c->cuts < IMAGES_MAX; i++) c->cut[c->cuts++] = disk_cut(d, rng_next(&c->t->r));
    if (c->kill_one_in && c->kills < IMAGES_MAX && rng_below(&c->t->r, c->kill_one_in) == 0)
        c->kill[c->kills++] = disk_kill(d);
}

static int restart(trial *t, disk *d, const crash_opts *may_be, int depth);

/* Every image must be what `o` allows. */
static int develop(trial *t, camera *c, const crash_opts *o, const char *what, int depth) {
    char why[400] = "";
    int rc = 0;
    for (size_t i = 0; i < c->cuts; i++) {
        if (rc == 0 && crash_verify(c->cut[i], o, NULL, why, sizeof why) != 0) rc = failed(t, what, why);
        disk_free(c->cut[i]);
        t->cuts++;
    }
    for (size_t i = 0; i < c->kills; i++) {
        if (rc == 0) rc = restart(t, c->kill[i], o, depth - 1);
        disk_free(c->kill[i]);
        t->kills++;
    }
    c->cuts = c->kills = 0;
    return rc;
}

/* Opens the disk as the next process would, goes on for a while, and cuts the power everywhere. */
static int restart(trial *t, disk *d, const crash_opts *may_be, int depth) {
    camera *c = jd_xcalloc(1, sizeof *c);
    *c = (camera){.t = t, .kill_one_in = depth > 0 ? 6 : 0};
    model now = {0}, before = {0};
    model_group g = {0};
    model_step step = {0};
    jd_err err = {0};
    jd_store *s = NULL;
    char why[400] = "";
    crash_opts o = {.dir = t->dirs[DEPTH], .founded = 1, .before = &before};
    t->restarts++;
    disk_set_watch(d, shoot, c);
    jd_store_opts opts = crash_store_opts(t->dirs[depth], d, 0);
    int rc = jd_store_open(&s, &opts, &err);
    if (rc == 0) rc = model_load(s, &now, &err);
    if (rc != 0)
        rc = failed(t, "restart", err.en);
    else if (model_differs(may_be->before, &now, why, sizeof why) != 0 &&
             (!may_be->after || model_differs(may_be->after, &now, why, sizeof why) != 0))
        rc = failed(t, "restart finds", why);
    int ok = rc == 0;
    if (s) jd_store_set_current(s, model_current, &now);
    /* While it was being opened, nobody had been told anything. */
    if (develop(t, c, may_be, "cut in a restart", depth) != 0) ok = 0;
    c->kill_one_in = 0;
    for (int i = 0; ok && i < 5; i++) {
        model_copy(&before, &now);
        o.after = NULL;
        if (i == 2) {
            rc = jd_store_idle(s, &err) < 0 ? -1 : 0;
        } else if (i == 4) {
            jd_store_close(s);
            s = NULL;
        } else if (i == 1) {
            step_draw(&t->r, &now.rows, now.group, &step);
            rc = jd_store_seal(s, &step.s, &err);
            if (rc == 0) step_apply(&now.rows, &step);
            o.after = &now;
        } else {
            model_draw(&t->r, &now, &shape, &g);
            rc = jd_store_commit(s, &g.g, &err);
            if (rc == 0) model_apply(&now, &g.g);
            o.after = &now;
        }
        if (rc != 0) ok = failed(t, "after a restart", err.en) == 0;
        if (develop(t, c, &o, "cut after a restart", 0) != 0) ok = 0;
    }
    jd_store_close(s);
    disk_set_watch(d, NULL, NULL);
    model_copy(&before, &now);
    o.after = NULL;
    for (int i = 0; ok && i < 4; i++) {
        shoot(c, d, 0, DISK_SYNC);
        if (develop(t, c, &o, "cut after closing", 0) != 0) ok = 0;
    }
    model_fini(&now);
    model_fini(&before);
    jd_buf_fini(&g.bytes);
    step_fini(&step);
    free(c);
    return ok ? 0 : -1;
}

/* Takes the disk as it was when the process was killed. */
typedef struct killer {
    uint64_t at;
    disk *d;
} killer;
static void kill_at(void *user, disk *d, uint64_t point, disk_op op) {
    (void)op;
    killer *k = user;
    if (point == k->at) k->d = disk_kill(d);
}

static void note_op(void *user, disk *d, uint64_t point, disk_op op) {
    (void)d;
    trial *t = user;
    if (point < POINTS_MAX) t->op[point] = (unsigned char)op;
}

/* The load, up to its end or to the trouble at t->at. kills: the process dies there before the sync. */
static void load(trial *t, disk_watch watch, void *user, int kills) {
    rng r = {t->seed};
    disk *d = disk_new(t->seed * 1000 + t->fate);
    model now = {0}, before = {0};
    model_group g = {0};
    model_step step = {0};
    jd_err err = {0};
    jd_store *s = NULL;
    killer k = {.at = t->at};
    disk_set_watch(d, kills ? kill_at : watch, kills ? (void *)&k : user);
    if (!watch && !kills) disk_set_fault(d, t->at, DISK_FAIL);
    jd_store_opts opts = crash_store_opts(t->dirs[0], d, 1);
    opts.log_bytes_max = 6 << 10; /* writes behind from the start */
    opts.wal_bytes = 96 << 10;
    int rc = jd_store_open(&s, &opts, &err), founded = rc == 0 && !k.d, commits = 0;
    if (s) jd_store_set_current(s, model_current, &now);
    if (s) rowmodel_reopened(&now.rows, s);
    for (int i = 0; i < STEPS && rc == 0 && founded && !k.d; i++) {
        model_copy(&before, &now);
        commits = i % 5 != 4;
        if (i % 5 >= 2 && commits) {
            step_draw(&r, &now.rows, now.group, &step);
            rc = jd_store_seal(s, &step.s, &err);
            step_apply(&now.rows, &step);
        } else if (commits) {
            model_draw(&r, &now, &shape, &g);
            rc = jd_store_commit(s, &g.g, &err);
            model_apply(&now, &g.g); /* `now` is what may be there */
        } else {
            rc = jd_store_idle(s, &err) < 0 ? -1 : 0;
        }
        jd_store_stats st;
        jd_store_get_stats(s, &st);
        if (st.dead) rc = -1;
    }
    t->points = disk_points(d);
    jd_store_close(s);
    if (founded && (rc != 0 || k.d)) {
        crash_opts o = {.dir = t->dirs[DEPTH], .founded = 1, .before = &before, .after = commits ? &now : NULL};
        if (!k.d) k.d = disk_kill(d);
        restart(t, k.d, &o, DEPTH - 1);
    }
    disk_free(k.d);
    disk_free(d);
    model_fini(&now);
    model_fini(&before);
    jd_buf_fini(&g.bytes);
    step_fini(&step);
}

int main(int argc, char **argv) {
    trial *t = jd_xcalloc(1, sizeof *t);
    uint64_t fates = 4;
    t->seed = 1;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--seed") && i + 1 < argc)
            t->seed = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--fates") && i + 1 < argc)
            fates = strtoull(argv[++i], NULL, 10);
        else
            return fprintf(stderr, "usage: restart [--seed N] [--fates N]\n"), 2;
    }
    t->r.s = t->seed;
    jd_log_level(JD_LOG_OFF);
    for (int i = 0; i <= DEPTH; i++) t->dirs[i] = crash_folder();
    t->at = UINT64_MAX;
    load(t, note_op, t, 0);
    uint64_t points = t->points < POINTS_MAX ? t->points : POINTS_MAX, syncs = 0;
    for (uint64_t p = 0; p < points && t->failures < FAILURES_MAX; p++) {
        if (t->op[p] != DISK_SYNC) continue;
        syncs++;
        t->at = p;
        for (t->fate = 0; t->fate <= fates && t->failures < FAILURES_MAX; t->fate++)
            load(t, NULL, NULL, t->fate == fates); /* the last one is killed instead */
    }
    printf("seed %llu: syncs %llu, restarts %llu, cuts %llu, kills %llu, failures %d\n", (unsigned long long)t->seed,
           (unsigned long long)syncs, (unsigned long long)t->restarts, (unsigned long long)t->cuts,
           (unsigned long long)t->kills, t->failures);
    for (int i = 0; i <= DEPTH; i++) crash_folder_gone(t->dirs[i]);
    int bad = t->failures != 0 || !t->restarts;
    free(t);
    return bad;
}

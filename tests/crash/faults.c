/* The fault test: a mixed load with one fault, once for every point of the load and every fault that fits it: a request
 * that fails, a write that does half and fails, one that is done and reported as failed, a sync that fails, a disk that
 * is full from there on until room is made. After each the promises are held to: acknowledged: found on every later
 * disk; refused: on none, at once and at the end; unknown: whole or absent, and the store takes nothing more until it
 * is opened again; a failed sync never ends in an acknowledgement. The load is groups and seal steps.
 *
 *     faults [--seed N] [--steps N] */
#include "verify.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

enum { POINTS_MAX = 4096, FAILURES_MAX = 5 };

typedef struct trial {
    uint64_t seed;
    int steps;
    char *dir, *dir2;
    unsigned char op[POINTS_MAX]; /* of each point of the load without faults */
    uint64_t points, runs;
    uint64_t refused, refused_full, unknown, unknown_full, idle_failed, open_failed;
    uint64_t steps_refused, steps_unknown; /* of `refused` and `unknown`, those of seal steps */
    uint64_t hidden;                       /* the caller saw nothing of it */
    int failures;
} trial;

/* One run of the load. */
typedef struct load {
    trial *t;
    rng r;
    disk *d;
    jd_store *s;
    model now, before;
    model_group g;
    model_step step;
    uint64_t point;
    disk_fault fault;
    int founded, saw, refusals;
    disk_op op;
} load;

static const char *const fault_names[DISK_FAULTS] = {"none", "fails", "half", "done", "full"};

static int fail_with(load *l, const char *what, const char *why) {
    printf("FAIL seed %llu, %s at point %llu (%s): %s: %s\n", (unsigned long long)l->t->seed, fault_names[l->fault],
           (unsigned long long)l->point, disk_op_names[l->op], what, why);
    l->t->failures++;
    return -1;
}

/* The power goes now, or with `adopt` perhaps only the process dies: what is found must be `before`, or `after` where
 * that is given. With `adopt` the image becomes the load's disk, with what was found on it. */
static int cut(load *l, const model *after, int adopt) {
    char why[400] = "";
    model found = {0};
    disk *image = adopt && rng_below(&l->r, 2) ? disk_kill(l->d) : disk_cut(l->d, rng_next(&l->r));
    disk *same = disk_kill(image); /* looking at an image changes it: recovery writes */
    crash_opts o = {.dir = l->t->dir2, .founded = l->founded, .before = &l->before, .after = after};
    int rc = crash_verify(same, &o, &found, why, sizeof why) == 0 ? 0 : fail_with(l, "after a cut", why);
    disk_free(same);
    if (adopt && rc == 0) {
        disk_free(l->d);
        l->d = image;
        model_copy(&l->now, &found);
    } else {
        disk_free(image);
    }
    model_fini(&found);
    return rc;
}

/* A dead store refuses everything; then it is closed, and a cut decides what the group's outcome was. */
static int bury(load *l, const model *after) {
    model_group g = {0};
    jd_buf out = {0};
    jd_err err = {0};
    jd_store_stats st;
    l->saw = 1;
    jd_store_get_stats(l->s, &st);
    model_draw(&l->r, &l->before, &(model_shape){.changes_max = 2, .keys = 9, .body_max = 9}, &g);
    int quiet = st.dead && jd_store_commit(l->s, &g.g, &err) == JD_STORE_REFUSED &&
                jd_store_idle(l->s, &err) == JD_STORE_UNKNOWN && jd_store_read(l->s, 1, &out, &err) == -1;
    jd_store_close(l->s);
    l->s = NULL;
    jd_buf_fini(&out);
    jd_buf_fini(&g.bytes);
    if (!quiet) return fail_with(l, "dead store", "it still takes calls");
    return cut(l, after, 1);
}

/* What a store call said, other than success. 0: go on. */
static int trouble(load *l, int rc, const model *after, const jd_err *err) {
    l->saw = 1;
    if (!disk_fault_met(l->d)) return fail_with(l, "no fault so far, but", err->en);
    if (rc == JD_STORE_UNKNOWN) {
        l->t->unknown++;
        l->t->unknown_full += l->fault == DISK_FAIL_FULL;
        return bury(l, after);
    }
    jd_store_stats st;
    jd_store_get_stats(l->s, &st);
    if (st.dead) return bury(l, NULL); /* a checkpoint after the last call met it: this group was not even begun */
    if (l->op == DISK_SYNC) return fail_with(l, "a failed sync was only a refusal", err->en);
    if (err->code == JD_E_STORAGE_FULL) l->t->refused_full++;
    if (++l->refusals == 3) disk_give_room(l->d);
    return cut(l, NULL, 0);
}

static int step_open(load *l) {
    jd_err err = {0};
    jd_store_opts opts = crash_store_opts(l->t->dir, l->d, !l->founded);
    model seen = {0};
    char why[400] = "";
    int rc = jd_store_open(&l->s, &opts, &err);
    if (rc != 0) {
        l->t->open_failed++;
        l->saw = 1;
        if (!disk_fault_met(l->d)) return fail_with(l, "open", err.en);
        disk_give_room(l->d);
        return cut(l, NULL, 0); /* the next step opens again */
    }
    l->founded = 1;
    rc = model_load(l->s, &seen, &err);
    if (rc != 0)
        rc = fail_with(l, "load", err.en);
    else if (model_differs(&l->now, &seen, why, sizeof why))
        rc = fail_with(l, "after opening", why);
    model_fini(&seen);
    jd_store_set_current(l->s, model_current, &l->now);
    rowmodel_reopened(&l->now.rows, l->s);
    return rc;
}

static int step_seal(load *l) {
    jd_err err = {0};
    model after = {0};
    step_draw(&l->r, &l->now.rows, l->now.group, &l->step);
    int rc = jd_store_seal(l->s, &l->step.s, &err);
    model_copy(&after, &l->now);
    step_apply(&after.rows, &l->step);
    if (rc == JD_STORE_OK) {
        model_copy(&l->now, &after);
    } else {
        if (rc == JD_STORE_REFUSED) l->t->refused++, l->t->steps_refused++;
        if (rc == JD_STORE_UNKNOWN) l->t->steps_unknown++;
        rc = trouble(l, rc, &after, &err);
    }
    model_fini(&after);
    return rc;
}

static int step_commit(load *l) {
    static const model_shape shape = {.changes_max = 8, .keys = 60, .body_max = 160, .events_max = 4};
    jd_err err = {0};
    model after = {0};
    model_draw(&l->r, &l->now, &shape, &l->g);
    int rc = jd_store_commit(l->s, &l->g.g, &err);
    model_copy(&after, &l->now);
    model_apply(&after, &l->g.g);
    if (rc == JD_STORE_OK) {
        model_copy(&l->now, &after);
    } else {
        if (rc == JD_STORE_REFUSED) l->t->refused++;
        rc = trouble(l, rc, &after, &err);
    }
    model_fini(&after);
    return rc;
}

static int step(load *l) {
    uint32_t dice = rng_below(&l->r, 100);
    jd_err err = {0};
    int rc = 0;
    model_copy(&l->before, &l->now);
    if (!l->s) return step_open(l);
    if (dice < 22 || crash_seal_due(l->s)) return step_seal(l);
    if (dice < 76) return step_commit(l);
    if (dice < 93) {
        rc = jd_store_idle(l->s, &err);
        if (rc >= 0) return 0;
        l->t->idle_failed++;
        return trouble(l, rc, NULL, &err);
    }
    jd_store_stats st;
    jd_store_get_stats(l->s, &st);
    int met = disk_fault_met(l->d);
    jd_store_close(l->s);
    l->s = NULL;
    l->saw |= st.dead || met != disk_fault_met(l->d); /* closing reports nothing: it is as safe as a cut */
    return 0;
}

static int run(trial *t, uint64_t point, disk_fault fault, void (*watch)(void *, disk *, uint64_t, disk_op)) {
    load *l = jd_xcalloc(1, sizeof *l);
    *l = (load){
        .t = t, .r = {t->seed}, .d = disk_new(t->seed), .point = point, .fault = fault, .op = (disk_op)t->op[point]};
    if (watch) disk_set_watch(l->d, watch, t);
    if (fault) disk_set_fault(l->d, point, fault);
    int rc = 0;
    for (int i = 0; i < t->steps && rc == 0; i++) rc = step(l);
    /* What only a look at a copy has found is promised to nobody before this disk itself has been opened. */
    while (rc == 0 && !l->s) rc = step(l);
    /* The end: a dead store that nobody has called since is noticed here, and the last image must hold all of it. */
    model_copy(&l->before, &l->now);
    jd_store_stats st = {0};
    if (rc == 0 && l->s) {
        jd_store_get_stats(l->s, &st);
        l->saw |= st.dead;
    }
    int sync_hidden = fault && l->op == DISK_SYNC && !l->saw && l->s && disk_fault_met(l->d);
    jd_store_close(l->s);
    if (rc == 0 && sync_hidden) rc = fail_with(l, "a failed sync", "went unnoticed");
    if (rc == 0) rc = cut(l, NULL, 0);
    if (!l->saw) t->hidden++;
    t->points = disk_points(l->d);
    disk_free(l->d);
    model_fini(&l->now);
    model_fini(&l->before);
    jd_buf_fini(&l->g.bytes);
    step_fini(&l->step);
    free(l);
    return rc;
}

static void note_op(void *user, disk *d, uint64_t point, disk_op op) {
    (void)d;
    trial *t = user;
    if (point < POINTS_MAX) t->op[point] = (unsigned char)op;
}

int main(int argc, char **argv) {
    trial *t = jd_xcalloc(1, sizeof *t);
    t->seed = 1;
    t->steps = 32;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--seed") && i + 1 < argc)
            t->seed = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--steps") && i + 1 < argc)
            t->steps = atoi(argv[++i]);
        else
            return fprintf(stderr, "usage: faults [--seed N] [--steps N]\n"), 2;
    }
    jd_log_level(JD_LOG_OFF);
    t->dir = crash_folder();
    t->dir2 = crash_folder();
    run(t, 0, DISK_OK, note_op);
    uint64_t points = t->points < POINTS_MAX ? t->points : POINTS_MAX;
    for (uint64_t p = 0; p < points && t->failures < FAILURES_MAX; p++) {
        int writes = t->op[p] == DISK_WRITE;
        for (disk_fault f = DISK_FAIL; f < DISK_FAULTS; f++) {
            if (!writes && f != DISK_FAIL) continue;
            run(t, p, f, NULL);
            t->runs++;
        }
    }
    printf(
        "seed %llu: points %llu, runs %llu: refused %llu (steps %llu, disk full %llu), unknown %llu (steps %llu, disk"
        " full %llu), idle failed %llu, open failed %llu, unseen %llu, failures %d\n",
        (unsigned long long)t->seed, (unsigned long long)points, (unsigned long long)t->runs,
        (unsigned long long)t->refused, (unsigned long long)t->steps_refused, (unsigned long long)t->refused_full,
        (unsigned long long)t->unknown, (unsigned long long)t->steps_unknown, (unsigned long long)t->unknown_full,
        (unsigned long long)t->idle_failed, (unsigned long long)t->open_failed, (unsigned long long)t->hidden,
        t->failures);
    crash_folder_gone(t->dir);
    crash_folder_gone(t->dir2);
    int bad = t->failures || !t->refused || !t->refused_full || !t->unknown || !t->steps_refused || !t->steps_unknown;
    free(t);
    return bad;
}

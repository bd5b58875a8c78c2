/* The power-cut test: a mixed load on the disk of disk.h; before every single write, sync, truncation, creation and
 * deletion the power is cut on a copy, and what is left is opened, checked and compared with the model. From some of
 * the images the load goes on and loses power again, so recovery itself is cut too.
 *
 *     power_cut [--seed N] [--steps N] [--no-sync]
 *
 * What must hold: no acknowledged group or step is missing, one on its way is whole or absent, nothing else is there,
 * each log-only change is in a whole run or in the log and not in both, check finds nothing. With --no-sync the disk
 * only pretends to sync, and the test must then fail: it is a test of the test.
 */
#include "verify.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

enum { IMAGES_MAX = 4096, FAILURES_MAX = 5 };

typedef struct image {
    disk *d;
    uint64_t point;
    disk_op op;
} image;

typedef struct trial {
    uint64_t seed;
    int steps, no_sync;
    rng r;
    char *dir, *dir2;
    image images[IMAGES_MAX]; /* taken during the running call */
    size_t images_n;
    uint64_t behind, checkpoints, trimmed, steps_sealed, wholes, gone, dropped; /* what the load made the store do */
    uint64_t cuts, kills, second, by_op[DISK_OPS];
    int failures;
} trial;

static void take_image(void *user, disk *d, uint64_t point, disk_op op) {
    trial *t = user;
    if (t->images_n == IMAGES_MAX) abort();
    unsigned killed = rng_below(&t->r, 8) == 0;
    t->images[t->images_n++] = (image){killed ? disk_kill(d) : disk_cut(d, rng_next(&t->r)), point, op};
    t->cuts += !killed;
    t->kills += killed;
    t->by_op[op]++;
}

static void fail_at(trial *t, const char *what, uint64_t point, const char *op, const char *why) {
    printf("FAIL seed %llu, %s at point %llu (%s): %s\n", (unsigned long long)t->seed, what, (unsigned long long)point,
           op, why);
    t->failures++;
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

/* Goes on from an image: recovery and a few groups, with another cut somewhere in it. m0 is what recovery will find;
 * until it has returned, it may also still be what `was` allows. */
static void go_on(trial *t, const image *from, const model *m0, const crash_opts *was) {
    static const model_shape shape = {.changes_max = 6, .keys = 60, .body_max = 150, .events_max = 4};
    model m = {0}, before = {0};
    model_group g = {0};
    model_step step = {0};
    jd_err err = {0};
    char why[400] = "";
    model_copy(&m, m0);
    second_cut cut = {.at = disk_points(from->d) + rng_below(&t->r, 120), .seed = rng_next(&t->r)};
    disk_set_watch(from->d, take_second, &cut);
    jd_store_opts opts = crash_store_opts(t->dir2, from->d, !was->founded);
    jd_store *s = NULL;
    int rc = jd_store_open(&s, &opts, &err), in_open = cut.image != NULL;
    uint64_t last;
    if (rc == 0) rc = jd_store_load(s, &(jd_store_loader){0}, &last, &err);
    if (rc == 0) jd_store_set_current(s, model_current, &m);
    if (rc == 0) rowmodel_reopened(&m.rows, s);
    model_copy(&before, &m);
    for (int i = 0; rc == 0 && !cut.image && i < 8; i++) {
        model_copy(&before, &m);
        if (i % 3 == 2) {
            rc = jd_store_idle(s, &err) < 0 ? -1 : 0;
        } else if (i % 3 == 1 || crash_seal_due(s)) {
            step_draw(&t->r, &m.rows, m.group, &step);
            rc = jd_store_seal(s, &step.s, &err);
            if (rc == 0) step_apply(&m.rows, &step);
        } else {
            model_draw(&t->r, &m, &shape, &g);
            rc = jd_store_commit(s, &g.g, &err);
            if (rc == 0) model_apply(&m, &g.g);
        }
    }
    if (rc != 0) fail_at(t, "going on after the cut", from->point, disk_op_names[from->op], err.en);
    jd_store_close(s);
    disk_set_watch(from->d, NULL, NULL);
    if (cut.image) {
        t->second++;
        crash_opts o = {.dir = t->dir2, .founded = 1, .before = &before, .after = &m};
        if (crash_verify(cut.image, in_open ? was : &o, NULL, why, sizeof why) != 0)
            fail_at(t, "second cut after the cut", from->point, disk_op_names[from->op], why);
        disk_free(cut.image);
    }
    model_fini(&m);
    model_fini(&before);
    jd_buf_fini(&g.bytes);
    step_fini(&step);
}

/* Verifies what was taken during the last call: `before` it, or `after` it. */
static void settle_images(trial *t, int founded, const model *before, const model *after) {
    for (size_t i = 0; i < t->images_n; i++) {
        image *im = &t->images[i];
        char why[400] = "";
        model found = {0};
        crash_opts o = {.dir = t->dir2, .founded = founded, .before = before, .after = after};
        if (t->failures < FAILURES_MAX) {
            /* Looking at an image recovers it; what goes on must do that itself. */
            disk *same = rng_below(&t->r, 3) == 0 ? disk_kill(im->d) : NULL;
            if (crash_verify(im->d, &o, &found, why, sizeof why) != 0)
                fail_at(t, "cut", im->point, disk_op_names[im->op], why);
            else if (same)
                go_on(t, &(image){same, im->point, im->op}, &found, &o);
            disk_free(same);
        }
        model_fini(&found);
        disk_free(im->d);
    }
    t->images_n = 0;
}

/* Adds what the store has done since *last. */
static void note_work(trial *t, jd_store *s, jd_store_stats *last) {
    jd_store_stats now;
    jd_store_get_stats(s, &now);
    t->behind += now.written_behind - last->written_behind;
    t->checkpoints += now.checkpoints - last->checkpoints;
    t->trimmed += now.log_rows < last->log_rows ? last->log_rows - now.log_rows : 0;
    *last = now;
}

static void run(trial *t) {
    static const model_shape shape = {.changes_max = 8, .keys = 60, .body_max = 160, .events_max = 5};
    disk *d = disk_new(t->seed);
    model now = {0}, before = {0};
    model_group g = {0};
    model_step step = {0};
    jd_err err = {0};
    jd_store *s = NULL;
    uint64_t last;
    jd_store_stats st = {0};
    int founded = 0, rc = 0;
    disk_lies_about_sync(d, t->no_sync);
    disk_set_watch(d, take_image, t);
    for (int i = 0; i < t->steps && rc == 0 && t->failures < FAILURES_MAX; i++) {
        model_copy(&before, &now);
        uint32_t dice = rng_below(&t->r, 100);
        int commits = 0;
        if (!s) {
            jd_store_opts opts = crash_store_opts(t->dir, d, !founded);
            rc = jd_store_open(&s, &opts, &err);
            if (rc == 0) rc = jd_store_load(s, &(jd_store_loader){0}, &last, &err);
            if (rc == 0) jd_store_set_current(s, model_current, &now);
            if (rc == 0) rowmodel_reopened(&now.rows, s);
        } else if (dice < 20 || crash_seal_due(s)) {
            step_draw(&t->r, &now.rows, now.group, &step);
            rc = jd_store_seal(s, &step.s, &err);
            t->steps_sealed++;
            t->wholes += step.s.whole != 0;
            t->gone += step.s.gone_n;
            t->dropped += step.s.drop_n;
            if (rc == 0) step_apply(&now.rows, &step);
            commits = 1;
        } else if (dice < 80) {
            model_draw(&t->r, &now, &shape, &g);
            rc = jd_store_commit(s, &g.g, &err);
            if (rc == 0) model_apply(&now, &g.g);
            commits = 1;
        } else if (dice < 92) {
            rc = jd_store_idle(s, &err) < 0 ? -1 : 0;
        } else if (dice < 97) {
            jd_buf out = {0};
            rc = jd_store_read(s, model_key(rng_below(&t->r, 60)), &out, &err) < 0 ? -1 : 0;
            jd_buf_fini(&out);
        } else {
            jd_store_close(s);
            s = NULL;
            st = (jd_store_stats){0};
        }
        settle_images(t, founded, &before, commits ? &now : NULL);
        founded |= s != NULL;
        if (s) note_work(t, s, &st);
    }
    if (rc != 0) fail_at(t, "the load itself", disk_points(d), "-", err.en);
    /* A load that does not sweep, trim and turn the WAL would prove little. */
    int idle = t->behind < 50 || t->checkpoints < 10 || t->trimmed < 20 || t->wholes < 10 || t->gone < 4 ||
               t->steps_sealed < t->wholes + 8 || t->dropped < 4;
    if (idle && rc == 0 && t->failures == 0 && t->steps >= 100) fail_at(t, "the load", 0, "-", "did too little");
    jd_store_close(s);
    settle_images(t, founded, &now, NULL);
    disk_free(d);
    printf("seed %llu: steps %llu, whole runs %llu, gone %llu, rows dropped %llu\n", (unsigned long long)t->seed,
           (unsigned long long)t->steps_sealed, (unsigned long long)t->wholes, (unsigned long long)t->gone,
           (unsigned long long)t->dropped);
    printf("seed %llu: groups %llu, kills %llu, cuts %llu (create %llu, write %llu, truncate %llu, sync %llu, delete "
           "%llu), second cuts"
           " %llu, failures %d\n",
           (unsigned long long)t->seed, (unsigned long long)now.group, (unsigned long long)t->kills,
           (unsigned long long)t->cuts, (unsigned long long)t->by_op[DISK_CREATE],
           (unsigned long long)t->by_op[DISK_WRITE], (unsigned long long)t->by_op[DISK_TRUNCATE],
           (unsigned long long)t->by_op[DISK_SYNC], (unsigned long long)t->by_op[DISK_DELETE],
           (unsigned long long)t->second, t->failures);
    model_fini(&now);
    model_fini(&before);
    jd_buf_fini(&g.bytes);
    step_fini(&step);
}

int main(int argc, char **argv) {
    trial *t = jd_xcalloc(1, sizeof *t);
    t->seed = 1;
    t->steps = 200;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--no-sync"))
            t->no_sync = 1;
        else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
            t->seed = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--steps") && i + 1 < argc)
            t->steps = atoi(argv[++i]);
        else
            return fprintf(stderr, "usage: power_cut [--seed N] [--steps N] [--no-sync]\n"), 2;
    }
    t->r.s = t->seed;
    jd_log_level(JD_LOG_OFF); /* hundreds of stores die here, by intent */
    t->dir = crash_folder();
    t->dir2 = crash_folder();
    run(t);
    crash_folder_gone(t->dir);
    crash_folder_gone(t->dir2);
    int failures = t->failures;
    free(t);
    return failures != 0;
}

/* The upkeep test: the two jobs that rewrite a store, migration from format 1 and compaction, with the power cut, the
 * process killed, or a request failing at every single point. What is found after must be the whole store, as it was:
 * readable in its old format or its new one, from its old file or its new one; and the job, done again, must succeed.
 *
 *     upkeep [--seed N] [--no-sync] */
#include "verify.h"

#include "base/log.h"
#include "store/store_int.h"

#include <stdio.h>
#include <stdlib.h>

enum { POINTS_MAX = 4096, FAILURES_MAX = 5, CUTS_PER_POINT = 3 };

typedef struct trial {
    uint64_t seed;
    int no_sync;
    rng r;
    char *dir, *dir2;
    model m; /* what the store holds, all the time */
    const char *what;
    int (*job)(struct trial *t, disk *d, jd_err *err);
    unsigned char op[POINTS_MAX];
    uint64_t first, points; /* of the job without faults */
    uint64_t cuts, kills, faults, failed_jobs;
    int failures;
} trial;

static int fail_with(trial *t, const char *how, uint64_t point, const char *why) {
    printf("FAIL seed %llu, %s, %s at point %llu (%s): %s\n", (unsigned long long)t->seed, t->what, how,
           (unsigned long long)point, point < POINTS_MAX ? disk_op_names[t->op[point]] : "-", why);
    t->failures++;
    return -1;
}

/* --- the jobs --- */

static int migrate(trial *t, disk *d, jd_err *err) {
    jd_store *s = NULL;
    jd_store_opts opts = crash_store_opts(t->dir, d, 0);
    int rc = jd_store_open(&s, &opts, err);
    jd_store_close(s);
    return rc;
}

static int compact(trial *t, disk *d, jd_err *err) {
    return store__compact(t->dir, disk_vfs(d), NULL, NULL, err);
}

/* --- the store they meet --- */

static void sql(disk *d, const char *text) {
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(STORE_DB_NAME, &db, SQLITE_OPEN_READWRITE, disk_vfs(d));
    if (rc == SQLITE_OK) rc = sqlite3_exec(db, text, NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        fprintf(stderr, "upkeep: %s: %s\n", text, sqlite3_errmsg(db));
        abort();
    }
    sqlite3_close(db);
}

/* Documents that came and went, a log, and (in format 2) runs and events. */
static disk *make(trial *t, int format) {
    model_shape shape = {.changes_max = 8, .keys = 60, .body_max = 200, .events_max = format == 1 ? 0 : 4};
    disk *d = disk_new(t->seed);
    model_group g = {0};
    model_step step = {0};
    jd_err err = {0};
    jd_store *s = NULL;
    jd_store_opts opts = crash_store_opts(t->dir, d, 1);
    int rc = jd_store_open(&s, &opts, &err);
    model_fini(&t->m);
    if (rc == 0) jd_store_set_current(s, model_current, &t->m);
    if (rc == 0) rowmodel_reopened(&t->m.rows, s);
    for (int i = 0; i < 60 && rc == 0; i++) {
        if (i == 50) shape.body_max = 20; /* leaves free pages */
        if (format > 1 && (i % 3 == 2 || crash_seal_due(s))) {
            step_draw(&t->r, &t->m.rows, t->m.group, &step);
            rc = jd_store_seal(s, &step.s, &err);
            step_apply(&t->m.rows, &step);
        } else {
            model_draw(&t->r, &t->m, &shape, &g);
            rc = jd_store_commit(s, &g.g, &err);
            model_apply(&t->m, &g.g);
        }
        if (i % 20 == 19) rc = jd_store_idle(s, &err) < 0 ? -1 : rc;
    }
    if (rc != 0) {
        fprintf(stderr, "upkeep: %s\n", err.en);
        abort();
    }
    jd_store_close(s);
    if (format == 1)
        sql(d, "BEGIN; DROP TABLE chunk; DROP TABLE run; DELETE FROM meta WHERE name = 'sealed';"
               "PRAGMA user_version = 1; COMMIT");
    jd_buf_fini(&g.bytes);
    step_fini(&step);
    return d;
}

/* --- trouble --- */

static int found_whole(trial *t, disk *image, const char *how, uint64_t point) {
    char why[400] = "";
    crash_opts o = {.dir = t->dir2, .founded = 1, .before = &t->m};
    return crash_verify(image, &o, NULL, why, sizeof why) == 0 ? 0 : fail_with(t, how, point, why);
}

/* The process is gone; the next one does the job, and it is done. */
static int again(trial *t, disk *image, const char *how, uint64_t point) {
    jd_err err = {0};
    if (t->job(t, image, &err) != 0) return fail_with(t, how, point, err.en);
    if (disk_has(image, STORE_DB_NAME STORE_NEW_SUFFIX)) return fail_with(t, how, point, "the new file is left over");
    disk *cut = disk_cut(image, rng_next(&t->r));
    int rc = found_whole(t, cut, how, point);
    disk_free(cut);
    return rc;
}

typedef struct camera {
    trial *t;
    disk *cut[POINTS_MAX * CUTS_PER_POINT], *kill[POINTS_MAX];
    uint64_t point[POINTS_MAX];
    size_t n;
} camera;

static void shoot(void *user, disk *d, uint64_t point, disk_op op) {
    camera *c = user;
    if (c->n == POINTS_MAX) abort();
    if (point < POINTS_MAX) c->t->op[point] = (unsigned char)op;
    for (size_t i = 0; i < CUTS_PER_POINT; i++) c->cut[c->n * CUTS_PER_POINT + i] = disk_cut(d, rng_next(&c->t->r));
    c->kill[c->n] = disk_kill(d);
    c->point[c->n++] = point;
}

/* Cuts and kills at each point, and after the end. */
static void cut_everywhere(trial *t, disk *base) {
    camera *c = jd_xcalloc(1, sizeof *c);
    c->t = t;
    jd_err err = {0};
    disk *d = disk_kill(base);
    disk_lies_about_sync(d, t->no_sync);
    disk_set_watch(d, shoot, c);
    t->first = disk_points(d);
    if (t->job(t, d, &err) != 0) fail_with(t, "without trouble", POINTS_MAX, err.en);
    t->points = disk_points(d);
    disk_set_watch(d, NULL, NULL);
    shoot(c, d, t->points, DISK_SYNC);
    for (size_t i = 0; i < c->n; i++) {
        for (size_t k = 0; k < CUTS_PER_POINT; k++) {
            disk *image = c->cut[i * CUTS_PER_POINT + k], *same = k == 0 ? disk_kill(image) : NULL;
            if (t->failures < FAILURES_MAX && found_whole(t, image, "cut", c->point[i]) == 0 && same)
                again(t, same, "again after a cut", c->point[i]);
            disk_free(same);
            disk_free(image);
            t->cuts++;
        }
        if (t->failures < FAILURES_MAX) again(t, c->kill[i], "again after a kill", c->point[i]);
        disk_free(c->kill[i]);
        t->kills++;
    }
    disk_free(d);
    free(c);
}

/* Each request in turn fails; a job that says it failed has changed nothing that counts. */
static void fail_everywhere(trial *t, disk *base) {
    for (uint64_t p = t->first; p < t->points && t->failures < FAILURES_MAX; p++) {
        for (disk_fault f = DISK_FAIL; f < DISK_FAULTS; f++) {
            if (f != DISK_FAIL && (p >= POINTS_MAX || t->op[p] != DISK_WRITE)) continue;
            jd_err err = {0};
            disk *d = disk_kill(base);
            disk_set_fault(d, p, f);
            t->failed_jobs += t->job(t, d, &err) != 0;
            disk_give_room(d);
            disk *cut = disk_cut(d, rng_next(&t->r)), *killed = disk_kill(d);
            if (found_whole(t, cut, "cut after a fault", p) == 0) again(t, killed, "again after a fault", p);
            disk_free(cut);
            disk_free(killed);
            disk_free(d);
            t->faults++;
        }
    }
}

static void run(trial *t, const char *what, int format, int (*job)(trial *t, disk *d, jd_err *err)) {
    t->what = what;
    t->job = job;
    disk *base = make(t, format);
    disk *settled = disk_cut(base, 0); /* long after: all of it is on the disk, and points count from 0 */
    disk_free(base);
    t->cuts = t->kills = t->faults = t->failed_jobs = 0;
    cut_everywhere(t, settled);
    if (!t->no_sync) fail_everywhere(t, settled);
    disk_free(settled);
    printf("seed %llu: %s: points %llu, cuts %llu, kills %llu, faults %llu (jobs failed %llu), failures %d\n",
           (unsigned long long)t->seed, what, (unsigned long long)(t->points - t->first), (unsigned long long)t->cuts,
           (unsigned long long)t->kills, (unsigned long long)t->faults, (unsigned long long)t->failed_jobs,
           t->failures);
    if (!t->no_sync && !t->failed_jobs) fail_with(t, "all faults", POINTS_MAX, "none was noticed");
}

int main(int argc, char **argv) {
    trial *t = jd_xcalloc(1, sizeof *t);
    t->seed = 1;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--no-sync"))
            t->no_sync = 1;
        else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
            t->seed = strtoull(argv[++i], NULL, 10);
        else
            return fprintf(stderr, "usage: upkeep [--seed N] [--no-sync]\n"), 2;
    }
    t->r.s = t->seed;
    jd_log_level(JD_LOG_OFF);
    t->dir = crash_folder();
    t->dir2 = crash_folder();
    run(t, "migration", 1, migrate);
    run(t, "compaction", 2, compact);
    model_fini(&t->m);
    crash_folder_gone(t->dir);
    crash_folder_gone(t->dir2);
    int failures = t->failures;
    free(t);
    return failures != 0;
}

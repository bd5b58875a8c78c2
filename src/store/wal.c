/* Checkpoints. SQLite's WAL only returns to its start when every frame of it is in the database file and no reader
 * needs it, and while groups keep coming a checkpoint in another thread never sees that moment. So the helper runs
 * PASSIVE checkpoints, which stop nobody and bring the database file near the WAL's end, and the writer runs the last,
 * short one between two groups; its next group then begins the WAL anew. RESTART or TRUNCATE in the helper would make
 * the same, but with the writer locked out meanwhile.
 *
 * The longer the WAL has grown beyond its soft limit, the longer a last piece the writer takes upon itself, so the file
 * stays bounded even where the helper cannot keep up. */
#include "store/store_int.h"

#include "base/log.h"

#include <stdlib.h>
#include <time.h>

enum {
    WAKE_FRAMES = 1024, /* the helper starts when so much waits: each pass costs two syncs */
    LAST_FRAMES = 256,  /* what the writer finishes itself: about a millisecond of copying and one sync */
    RETRY_FRAMES = 64,
};

/* Under helper_lock. Frames of the present turn that the database file has. */
static uint64_t filled(const jd_store *s) {
    return s->filled_turn == atomic_load(&s->vfs->wal_turns) ? s->filled : 0;
}

/* One passive pass on a connection that no other thread uses meanwhile. */
static void pass(jd_store *s, sqlite3 *db) {
    int frames = 0, done = 0;
    uint64_t turn = atomic_load(&s->vfs->wal_turns);
    int rc = sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_PASSIVE, &frames, &done);
    atomic_fetch_add(&s->checkpoints, 1);
    pthread_mutex_lock(&s->helper_lock);
    /* BUSY: the other side is at it. An error is tried again after the next groups; a failed sync has been noted below.
     */
    if (rc != SQLITE_OK && rc != SQLITE_BUSY && rc != s->helper_rc)
        jd_log(JD_LOG_WARN, "store.checkpoint", "sqlite=%d text=\"%s\"", rc, sqlite3_errstr(rc));
    s->helper_rc = rc;
    if (rc == SQLITE_OK && done >= 0) {
        s->filled_turn = turn;
        s->filled = (uint64_t)done;
    }
    pthread_mutex_unlock(&s->helper_lock);
}

static void *helper_main(void *user) {
    jd_store *s = user;
    pthread_mutex_lock(&s->helper_lock);
    for (;;) {
        while (!s->helper_want && !s->helper_stop) pthread_cond_wait(&s->helper_wake, &s->helper_lock);
        if (s->helper_stop) break;
        s->helper_want = 0;
        s->helper_busy = 1;
        pthread_mutex_unlock(&s->helper_lock);
        pass(s, s->ckpt);
        pthread_mutex_lock(&s->helper_lock);
        s->helper_busy = 0;
        pthread_cond_broadcast(&s->helper_done);
    }
    pthread_mutex_unlock(&s->helper_lock);
    return NULL;
}

int store__wal_start(jd_store *s, jd_err *err) {
    s->ckpt = store__connect(s->path, s->vfs->name, SQLITE_OPEN_READWRITE, 256, err);
    if (!s->ckpt) return -1;
    if (s->step) return 0;
    int rc = pthread_create(&s->helper, NULL, helper_main, s);
    if (rc != 0)
        return jd_fail(err, JD_E_INTERNAL, "store: cannot start a thread: %s", "存储：无法启动线程：%s", strerror(rc));
    s->helper_runs = 1;
    (void)pthread_setname_np(s->helper, "jd-checkpoint");
    return 0;
}

void store__wal_stop(jd_store *s) {
    if (!s->helper_runs) return;
    pthread_mutex_lock(&s->helper_lock);
    s->helper_stop = 1;
    pthread_cond_signal(&s->helper_wake);
    pthread_mutex_unlock(&s->helper_lock);
    pthread_join(s->helper, NULL);
    s->helper_runs = 0;
}

/* The writer's last pass. When a reader holds frames back, it is not tried again at once. */
static void last_pass(jd_store *s) {
    pass(s, s->db);
    pthread_mutex_lock(&s->helper_lock);
    int held = filled(s) < s->wal_frames;
    pthread_mutex_unlock(&s->helper_lock);
    s->wal_retry = held ? s->wal_frames + RETRY_FRAMES : 0;
}

void store__wal_after(jd_store *s) {
    uint64_t frames = s->wal_frames;
    if (frames < s->wal_retry && frames + RETRY_FRAMES >= s->wal_retry) return;
    if (s->step) {
        if (frames < s->wal_soft) return;
        pass(s, s->ckpt);
        last_pass(s);
        return;
    }
    pthread_mutex_lock(&s->helper_lock);
    uint64_t left = frames - filled(s), over = frames > s->wal_soft ? frames - s->wal_soft : 0;
    /* Four times the soft limit: the whole rest, after the helper has finished what it is at. */
    int must = frames >= s->wal_soft * 4;
    while (must && s->helper_busy) pthread_cond_wait(&s->helper_done, &s->helper_lock);
    int mine = !s->helper_busy && frames >= s->wal_soft && (must || left <= LAST_FRAMES + over / 8) && left > 0;
    if (!mine && left >= WAKE_FRAMES && !s->helper_busy) {
        s->helper_want = 1;
        pthread_cond_signal(&s->helper_wake);
    }
    if (mine) s->helper_want = 0;
    pthread_mutex_unlock(&s->helper_lock);
    if (mine) last_pass(s);
}

int store__wal_idle(jd_store *s) {
    pthread_mutex_lock(&s->helper_lock);
    uint64_t left = s->wal_frames - filled(s);
    int mine = left && !s->helper_busy && (s->step || left <= WAKE_FRAMES);
    if (left && !mine) {
        /* Waiting here keeps a caller that asks again at once from spinning. */
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 2000000;
        if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
        if (!s->helper_busy) {
            s->helper_want = 1;
            pthread_cond_signal(&s->helper_wake);
        }
        pthread_cond_timedwait(&s->helper_done, &s->helper_lock, &until);
    }
    pthread_mutex_unlock(&s->helper_lock);
    if (mine && s->wal_frames >= s->wal_retry) last_pass(s);
    return left != 0 && s->wal_retry == 0;
}

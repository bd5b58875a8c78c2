/* Checkpoints. SQLite's WAL only returns to its start when every frame of it is in the database file and no reader
 * needs it, and while groups keep coming a checkpoint in another thread never sees that moment. So the helper runs
 * PASSIVE checkpoints, which stop nobody and bring the database file near the WAL's end, and the writer runs the last,
 * short one between two groups; its next group then begins the WAL anew. RESTART or TRUNCATE in the helper would make the
 * same, but with the writer locked out meanwhile.
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
    /* BUSY: the other side is at it. An error is tried again after the next groups; a failed sync has been noted below. */
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

/* --- reading the WAL file as recovery does --- */

static uint32_t be32(const unsigned char *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void wal_sum(int big, const unsigned char *p, size_t n, uint32_t sum[2]) {
    for (size_t i = 0; i < n; i += 8) {
        uint32_t a = be32(p + i), b = be32(p + i + 4);
        if (!big) a = __builtin_bswap32(a), b = __builtin_bswap32(b);
        sum[0] += a + sum[1];
        sum[1] += b + sum[0];
    }
}

static int sum_is(const uint32_t sum[2], const unsigned char *p) {
    return sum[0] == be32(p) && sum[1] == be32(p + 4);
}

int store__wal_scan(sqlite3 *db, uint64_t *frames) {
    /* https://www.sqlite.org/fileformat2.html#walformat: header of 32 bytes, then frames of 24 bytes and a page. */
    enum { HEAD = 32, FRAME_HEAD = 24 };
    sqlite3_file *f = NULL;
    sqlite3_int64 size = 0;
    unsigned char head[HEAD], *frame;
    *frames = 0;
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &f) != SQLITE_OK || !f) return -1;
    if (!f->pMethods) return 0; /* not opened: there is no WAL */
    if (f->pMethods->xFileSize(f, &size) != SQLITE_OK) return -1;
    if (size < HEAD) return 0;
    if (f->pMethods->xRead(f, head, HEAD, 0) != SQLITE_OK) return -1;
    int big = be32(head) & 1;
    uint32_t sum[2] = {0, 0};
    wal_sum(big, head, 24, sum);
    if ((be32(head) & ~1u) != 0x377f0682 || be32(head + 8) != STORE_PAGE || !sum_is(sum, head + 24)) return 0;
    frame = jd_xmalloc(STORE_FRAME);
    int rc = 0;
    uint64_t n = 0;
    for (sqlite3_int64 at = HEAD; at + STORE_FRAME <= size; at += STORE_FRAME) {
        if (f->pMethods->xRead(f, frame, STORE_FRAME, at) != SQLITE_OK) {
            rc = -1;
            break;
        }
        wal_sum(big, frame, 8, sum);
        wal_sum(big, frame + FRAME_HEAD, STORE_PAGE, sum);
        if (memcmp(frame + 8, head + 16, 8) != 0 || !be32(frame) || !sum_is(sum, frame + 16)) break;
        n++;
        if (be32(frame + 4)) *frames = n; /* the size of the database after a commit */
    }
    free(frame);
    return rc;
}

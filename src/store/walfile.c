/* The WAL file itself, below SQLite: reading it as recovery does, and settling what an earlier process left in it.
 *
 * Why settling: recovery believes what the kernel shows. But the process may have died of a failed sync, after which
 * the kernel goes on showing bytes that it will never write again, or it was killed before the sync. A checkpoint of
 * such a transaction would change the database file on the strength of a WAL that is not on the disk: the next power
 * cut would then find pages of it in the one and nothing in the other, a torn database. So the last transaction (all
 * before it were synced, or nothing would have followed them) is first written again, and synced, before SQLite sees
 * the file.
 *
 * Writing in place what may already be safe puts it at risk of a torn sector, so it goes into a file of its own before,
 * the tail. A tail whose WAL shows that very transaction broken is put back. It is deleted, durably, when its
 * transaction stands in the database file and before any other begins, so a tail that is found is never older than the
 * database. */
#include "store/store_int.h"

#include "base/hash.h"

#include <stdlib.h>

/* https://www.sqlite.org/fileformat2.html#walformat: a header of 32 bytes, then frames of 24 bytes and a page. */
enum { HEAD = 32, FRAME_HEAD = 24, SALTS_AT = 16, SALTS = 8 };

/* The tail: magic, the WAL's salts, offset and length (8 bytes each, low first), CRC-32C of these and the bytes; bytes.
 */
enum { TAIL_HEAD = 8 + SALTS + 8 + 8 + 4 };
static const char tail_magic[9] = "JDTAIL01";

typedef struct wal_view {
    unsigned char salts[SALTS];
    uint64_t frames;      /* up to the last whole commit */
    sqlite3_int64 end;    /* of that commit; 0: there is none */
    sqlite3_int64 synced; /* end of the commit before it, without its repeated frames */
} wal_view;

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

/* To end a commit on a sector of its own, SQLite repeats its last frame: the same page with the same contents. */
static int repeats(const unsigned char *frame, const unsigned char *before) {
    return memcmp(frame, before, 8) == 0 && memcmp(frame + FRAME_HEAD, before + FRAME_HEAD, STORE_PAGE) == 0;
}

static int wal_read(sqlite3_file *f, wal_view *v) {
    sqlite3_int64 size = 0;
    unsigned char head[HEAD];
    *v = (wal_view){0};
    if (f->pMethods->xFileSize(f, &size) != SQLITE_OK) return -1;
    if (size < HEAD) return 0;
    if (f->pMethods->xRead(f, head, HEAD, 0) != SQLITE_OK) return -1;
    int big = be32(head) & 1, rc = 0, commit_before = 0;
    sqlite3_int64 commit_end = 0;
    uint32_t sum[2] = {0, 0};
    wal_sum(big, head, 24, sum);
    if ((be32(head) & ~1u) != 0x377f0682 || be32(head + 8) != STORE_PAGE || !sum_is(sum, head + 24)) return 0;
    memcpy(v->salts, head + SALTS_AT, SALTS);
    unsigned char *both = jd_xmalloc(2 * STORE_FRAME), *frame = both, *before = both + STORE_FRAME;
    uint64_t n = 0;
    for (sqlite3_int64 at = HEAD; at + STORE_FRAME <= size; at += STORE_FRAME) {
        if (f->pMethods->xRead(f, frame, STORE_FRAME, at) != SQLITE_OK) {
            rc = -1;
            break;
        }
        wal_sum(big, frame, 8, sum);
        wal_sum(big, frame + FRAME_HEAD, STORE_PAGE, sum);
        if (memcmp(frame + 8, v->salts, SALTS) != 0 || !be32(frame) || !sum_is(sum, frame + 16)) break;
        n++;
        int commit = be32(frame + 4) != 0; /* the size of the database after it */
        if (commit) {
            if (!commit_before || !repeats(frame, before)) {
                v->synced = commit_end;
                commit_end = at + STORE_FRAME;
            }
            v->end = at + STORE_FRAME;
            v->frames = n;
        }
        commit_before = commit;
        unsigned char *other = before;
        before = frame;
        frame = other;
    }
    free(both);
    return rc;
}

int store__wal_scan(sqlite3 *db, uint64_t *frames) {
    sqlite3_file *f = NULL;
    wal_view v;
    *frames = 0;
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &f) != SQLITE_OK || !f) return -1;
    if (!f->pMethods) return 0; /* not opened: there is no WAL */
    if (wal_read(f, &v) != 0) return -1;
    *frames = v.frames;
    return 0;
}

/* --- files of any size --- */

/* SQLite's own VFS takes no more than 128 KiB at a time (it keeps 17 bits of the length) and calls the rest a full
 * disk. */
enum { PIECE = 64 * 1024 };

static int file_read(sqlite3_file *f, char *p, size_t n, sqlite3_int64 at) {
    int rc = SQLITE_OK;
    for (size_t done = 0, k; rc == SQLITE_OK && done < n; done += k) {
        k = n - done < PIECE ? n - done : PIECE;
        rc = f->pMethods->xRead(f, p + done, (int)k, at + (sqlite3_int64)done);
    }
    return rc;
}

static int file_write(sqlite3_file *f, const char *p, size_t n, sqlite3_int64 at) {
    int rc = SQLITE_OK;
    for (size_t done = 0, k; rc == SQLITE_OK && done < n; done += k) {
        k = n - done < PIECE ? n - done : PIECE;
        rc = f->pMethods->xWrite(f, p + done, (int)k, at + (sqlite3_int64)done);
    }
    return rc == SQLITE_OK ? f->pMethods->xSync(f, SQLITE_SYNC_NORMAL) : rc;
}

/* --- the tail --- */

static void put64(char *p, uint64_t v) {
    for (int i = 0; i < 8; i++) p[i] = (char)(unsigned char)(v >> (8 * i));
}
static uint64_t get64(const char *p) {
    uint64_t v = 0;
    for (int i = 8; i-- > 0;) v = v << 8 | (unsigned char)p[i];
    return v;
}
static uint32_t tail_crc(const jd_buf *b) {
    uint32_t crc = jd_crc32c(0, b->p, TAIL_HEAD - 4);
    return jd_crc32c(crc, b->p + TAIL_HEAD, b->n - TAIL_HEAD);
}

/* Reads the tail and puts its bytes back, when they are of this WAL and the WAL has lost them. */
static int tail_put_back(sqlite3_vfs *vfs, const char *name, sqlite3_file *wal, const wal_view *v) {
    int rc;
    sqlite3_int64 size = 0;
    jd_buf b = {0};
    sqlite3_file *f = store__file_open(vfs, name, SQLITE_OPEN_SUPER_JOURNAL, &rc);
    if (!f) return rc;
    rc = f->pMethods->xFileSize(f, &size);
    if (rc == SQLITE_OK && size > TAIL_HEAD && size <= (sqlite3_int64)INT32_MAX) {
        jd_buf_room(&b, (size_t)size);
        b.n = (size_t)size;
        rc = file_read(f, b.p, b.n, 0);
        uint64_t at = get64(b.p + 16), n = get64(b.p + 24), crc = tail_crc(&b);
        char sum[8];
        put64(sum, crc);
        /* The first transaction of a WAL shares its sector with the header, which then is in the tail too. */
        int ours = !memcmp(b.p + 8, v->salts, SALTS) || at == 0;
        if (rc == SQLITE_OK && ours && !memcmp(b.p, tail_magic, 8) && n == b.n - TAIL_HEAD &&
            !memcmp(b.p + 32, sum, 4) && (uint64_t)v->end < at + n)
            rc = file_write(wal, b.p + TAIL_HEAD, n, (sqlite3_int64)at);
    }
    store__file_close(f);
    jd_buf_fini(&b);
    return rc;
}

static int tail_write(sqlite3_vfs *vfs, const char *name, const jd_buf *b) {
    int rc;
    /* A new file, not the old one written over: that may be the one whose sync failed. */
    if (store__file_there(vfs, name)) (void)vfs->xDelete(vfs, name, 0);
    sqlite3_file *f = store__file_open(vfs, name, SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_CREATE, &rc);
    if (!f) return rc;
    rc = f->pMethods->xTruncate(f, 0);
    if (rc == SQLITE_OK) rc = file_write(f, b->p, b->n, 0);
    store__file_close(f);
    return rc;
}

/* Writes the last transaction of the WAL into the tail, then again where it stands. */
static int write_again(sqlite3_vfs *vfs, const char *tail, sqlite3_file *wal, const wal_view *v) {
    /* From the sector behind the commit before: SQLite's sync ends there, in the middle of the repeated frame. */
    sqlite3_int64 sector = wal->pMethods->xSectorSize(wal), at = v->synced;
    if (sector < 32) sector = 512; /* as SQLite reads it */
    if (at % sector) at += sector - at % sector;
    jd_buf b = {0};
    size_t n = (size_t)(v->end - at);
    jd_buf_room(&b, TAIL_HEAD + n);
    b.n = TAIL_HEAD + n;
    memcpy(b.p, tail_magic, 8);
    memcpy(b.p + 8, v->salts, SALTS);
    put64(b.p + 16, (uint64_t)at);
    put64(b.p + 24, n);
    int rc = file_read(wal, b.p + TAIL_HEAD, n, at);
    char sum[8];
    put64(sum, tail_crc(&b));
    memcpy(b.p + 32, sum, 4);
    if (rc == SQLITE_OK) rc = tail_write(vfs, tail, &b);
    if (rc == SQLITE_OK) rc = file_write(wal, b.p + TAIL_HEAD, n, at);
    jd_buf_fini(&b);
    return rc;
}

static int settle(sqlite3_vfs *vfs, const char *path, int again, jd_err *err) {
    char *name = store__file_name(path, "-wal"), *tail = store__file_name(path, STORE_TAIL_SUFFIX);
    int rc = SQLITE_OK, with_tail = store__file_there(vfs, tail);
    if (store__file_there(vfs, name) && (again || with_tail)) {
        wal_view v;
        sqlite3_file *wal = store__file_open(vfs, name, SQLITE_OPEN_WAL, &rc);
        if (wal && wal_read(wal, &v) != 0) rc = SQLITE_IOERR_READ;
        if (rc == SQLITE_OK && with_tail) rc = tail_put_back(vfs, tail, wal, &v);
        if (rc == SQLITE_OK && with_tail && wal_read(wal, &v) != 0) rc = SQLITE_IOERR_READ;
        if (rc == SQLITE_OK && again && v.end) rc = write_again(vfs, tail, wal, &v);
        store__file_close(wal);
    }
    free(name);
    free(tail);
    return rc == SQLITE_OK ? 0
                           : store__sql_fail(NULL, rc, err, "cannot settle the write-ahead file", "无法落实预写文件");
}

int store__wal_settle(jd_store *s, jd_err *err) {
    return settle(&s->vfs->base, s->path, 1, err);
}

int store__wal_mend(sqlite3_vfs *vfs, const char *path, jd_err *err) {
    return settle(vfs, path, 0, err);
}

int store__wal_settled(jd_store *s, jd_err *err) {
    sqlite3_vfs *vfs = &s->vfs->base;
    char *tail = store__file_name(s->path, STORE_TAIL_SUFFIX);
    int rc = store__file_there(vfs, tail) ? vfs->xDelete(vfs, tail, 1) : SQLITE_OK;
    free(tail);
    return rc == SQLITE_OK ? 0
                           : store__sql_fail(NULL, rc, err, "cannot settle the write-ahead file", "无法落实预写文件");
}

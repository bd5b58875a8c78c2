/* DATA/tables: reports and rows set aside, the newest so many. A report is what makes a table visible; what lies there
 * without one is from a program that ended half-way. */
#include "link/tables_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *tables_path(const jd_tables *t, const char *id, const char *end) {
    jd_buf b = {0};
    size_t n;
    jd_buf_printf(&b, "%s/%s%s", t->dir, id, end);
    jd_buf_c(&b, 0);
    return jd_buf_take(&b, &n);
}

static int cannot_write(const char *path, jd_err *err) {
    return jd_fail(err, errno == ENOSPC ? JD_E_STORAGE_FULL : JD_E_INTERNAL, "cannot write %s: %s", "无法写入 %s：%s",
                   path, strerror(errno));
}

static int sync_folder(const jd_tables *t, jd_err *err) {
    int fd = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) ? cannot_write(t->dir, err) : 0;
    if (fd >= 0) close(fd);
    return rc;
}

/* ---- ids: microseconds, so that their order is that of time ---- */

static int is_id(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (s[i] < '0' || s[i] > '9') return 0;
    return n >= 16 && n < TABLE_ID_MAX;
}

void tables_new_id(jd_tables *t, char id[TABLE_ID_MAX]) {
    pthread_mutex_lock(&t->lock);
    jd_time now = jd_now();
    t->last_id = now > t->last_id ? now : t->last_id + 1;
    snprintf(id, TABLE_ID_MAX, "%016lld", (long long)t->last_id);
    pthread_mutex_unlock(&t->lock);
}

static void remove_one(const jd_tables *t, const char *id) {
    static const char *const ends[] = {".json", ".refused"};
    for (size_t i = 0; i < 2; i++) {
        char *path = tables_path(t, id, ends[i]);
        unlink(path); /* it may have none */
        free(path);
    }
}

/* Under the lock. */
static void add_id(jd_tables *t, const char *id) {
    size_t at = t->ids_n;
    t->ids = jd_xrealloc(t->ids, (t->ids_n + 1) * sizeof *t->ids);
    while (at && strcmp(t->ids[at - 1], id) > 0) at--;
    memmove(t->ids + at + 1, t->ids + at, (t->ids_n - at) * sizeof *t->ids);
    snprintf(t->ids[at], TABLE_ID_MAX, "%s", id);
    t->ids_n++;
    jd_time v = strtoll(id, NULL, 10);
    if (v > t->last_id) t->last_id = v;
}

static void trim(jd_tables *t) {
    while (t->ids_n > t->o.kept) {
        remove_one(t, t->ids[0]);
        memmove(t->ids, t->ids + 1, --t->ids_n * sizeof *t->ids);
    }
}

static int is_kept(const jd_tables *t, const char *id) {
    for (size_t i = 0; i < t->ids_n; i++)
        if (!strcmp(t->ids[i], id)) return 1;
    return 0;
}

/* Both passes: reports make ids known; then what belongs to none goes. */
static int look_through(jd_tables *t, int sweep, jd_err *err) {
    DIR *d = opendir(t->dir);
    if (!d) return cannot_write(t->dir, err);
    for (struct dirent *e; (e = readdir(d));) {
        const char *dot = strchr(e->d_name, '.');
        size_t n = dot ? (size_t)(dot - e->d_name) : 0;
        char id[TABLE_ID_MAX] = "";
        if (dot && is_id(e->d_name, n)) memcpy(id, e->d_name, n);
        if (!sweep && *id && !strcmp(dot, ".json")) add_id(t, id);
        if (!sweep || !*id || (is_kept(t, id) && (!strcmp(dot, ".json") || !strcmp(dot, ".refused")))) continue;
        char *path = tables_path(t, e->d_name, "");
        unlink(path);
        free(path);
    }
    closedir(d);
    return 0;
}

int tables_folder_open(jd_tables *t, jd_err *err) {
    jd_buf b = {0};
    size_t n;
    jd_buf_printf(&b, "%s/tables", t->o.data_dir);
    jd_buf_c(&b, 0);
    t->dir = jd_buf_take(&b, &n);
    if (mkdir(t->dir, 0700) && errno != EEXIST) return cannot_write(t->dir, err);
    if (look_through(t, 0, err) || look_through(t, 1, err)) return -1;
    trim(t);
    return 0;
}

/* ---- reports ---- */

static int write_file(const char *path, jd_str text, jd_err *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int rc = fd < 0 ? -1 : 0;
    while (!rc && text.n) {
        ssize_t k = write(fd, text.p, text.n);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) rc = -1;
        if (k > 0) text.p += k, text.n -= (size_t)k;
    }
    if (!rc) rc = fsync(fd);
    if (rc) cannot_write(path, err);
    if (fd >= 0) close(fd);
    return rc;
}

int tables_keep(jd_tables *t, const char *id, jd_str report, jd_err *err) {
    char *part = tables_path(t, id, ".json.part"), *path = tables_path(t, id, ".json");
    int rc = write_file(part, report, err);
    if (!rc && rename(part, path)) rc = cannot_write(path, err);
    if (!rc) rc = sync_folder(t, err);
    free(part);
    free(path);
    if (rc) return -1;
    pthread_mutex_lock(&t->lock);
    add_id(t, id);
    trim(t);
    pthread_mutex_unlock(&t->lock);
    return 0;
}

/* 1; 0: there is no such file. */
static int read_file(const char *path, jd_buf *out) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    for (;;) {
        ssize_t k = read(fd, jd_buf_room(out, 64 << 10), 64 << 10);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) break;
        out->n += (size_t)k;
    }
    close(fd);
    return 1;
}

static int read_kept(jd_tables *t, jd_str id, const char *end, jd_buf *out) {
    if (!is_id(id.p, id.n)) return 0; /* never a path of somebody's choice */
    char *z = jd_xstrdup(id), *path = tables_path(t, z, end);
    int there = read_file(path, out);
    free(path);
    free(z);
    return there;
}

int jd_tables_show(jd_tables *t, jd_str id, jd_buf *out) {
    return read_kept(t, id, ".json", out);
}

int jd_tables_refused(jd_tables *t, jd_str id, jd_buf *out) {
    return read_kept(t, id, ".refused", out);
}

void jd_tables_list(jd_tables *t, jd_buf *out) {
    pthread_mutex_lock(&t->lock);
    size_t n = t->ids_n;
    char(*ids)[TABLE_ID_MAX] = jd_xmalloc((n + 1) * sizeof *ids);
    if (n) memcpy(ids, t->ids, n * sizeof *ids);
    pthread_mutex_unlock(&t->lock);
    int some = 0;
    jd_buf_c(out, '[');
    while (n--) {
        jd_buf text = {0};
        if (read_kept(t, jd_str_of(ids[n]), ".json", &text)) {
            if (some++) jd_buf_c(out, ',');
            tables_report_brief(jd_buf_view(&text), out);
        }
        jd_buf_fini(&text);
    }
    jd_buf_c(out, ']');
    free(ids);
}

static int ends_in(jd_str s, const char *end) {
    size_t n = strlen(end);
    return s.n > n && !memcmp(s.p + s.n - n, end, n);
}

/* The table's own name, so that who mends the rows knows them; without what was packed. */
jd_str jd_tables_refused_name(jd_str id, jd_str name, jd_arena *a) {
    if (!name.n) return jd_arena_printf(a, "%.*s", JD_STR_ARG(id));
    if (ends_in(name, ".gz")) name.n -= 3;
    return jd_arena_printf(a, "%.*s%s", JD_STR_ARG(name), ends_in(name, ".xlsx") ? ".csv" : "");
}

/* ---- rows set aside ---- */

static void put(tables_aside *s, const jd_buf *b) {
    s->bytes += b->n;
    if (b->n && fwrite(b->p, 1, b->n, s->f) != b->n) s->is_bad = 1;
}

static int open_aside(tables_aside *s, const jd_table *table) {
    char *path = tables_path(s->t, s->id, ".refused.part");
    s->f = fopen(path, "we");
    free(path);
    if (!s->f) {
        s->is_bad = 1;
        return -1;
    }
    jd_buf head = {0}, coded = {0};
    jd_table_keep_head(table, &head);
    jd_table_encode(table, jd_buf_view(&head), &coded);
    put(s, &coded);
    head.n = 0;
    jd_table_keep_end(table, &head);
    jd_table_encode(table, jd_buf_view(&head), &s->tail);
    jd_buf_fini(&head);
    jd_buf_fini(&coded);
    return 0;
}

void tables_aside_take(tables_aside *s, const jd_refusal *r, int zh) {
    if (s->bytes >= s->t->o.refused_bytes) {
        s->cut++;
        return;
    }
    int first = !s->f;
    if (s->is_bad || (first && open_aside(s, r->table))) return;
    jd_buf row = {0}, coded = {0};
    jd_table_keep_row(r->table, r->row, first, jd_str_of(zh ? r->err->zh : r->err->en), &row);
    jd_table_encode(r->table, jd_buf_view(&row), &coded);
    put(s, &coded);
    s->rows++;
    jd_buf_fini(&row);
    jd_buf_fini(&coded);
}

int tables_aside_end(tables_aside *s, jd_err *err) {
    if (!s->f && !s->is_bad) return 0;
    char *part = tables_path(s->t, s->id, ".refused.part"), *path = tables_path(s->t, s->id, ".refused");
    if (s->f) {
        put(s, &s->tail);
        if (fflush(s->f) || fsync(fileno(s->f))) s->is_bad = 1;
        fclose(s->f);
        s->f = NULL;
        if (!s->is_bad && rename(part, path)) s->is_bad = 1;
    }
    int rc = s->is_bad ? cannot_write(path, err) : 0;
    free(part);
    free(path);
    return rc;
}

/* Of a table that was not taken after all. */
void tables_aside_drop(tables_aside *s) {
    jd_buf_fini(&s->tail);
    if (!s->f) return;
    fclose(s->f);
    s->f = NULL;
    char *part = tables_path(s->t, s->id, ".refused.part");
    unlink(part);
    free(part);
}

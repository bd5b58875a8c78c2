/* Tables that are fetched: over HTTP, only when they changed; from PostgreSQL as what a query gives. Both go into a
 * file without a name, because a table is read twice. */
#include "link/sources_int.h"

#include <curl/curl.h>
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { CONNECT_S = 15, WHOLE_S = 900, SLOW_S = 60, REDIRECTS = 5, POLL_MS = 250 };

typedef struct fetch {
    jd_tables *t;
    int fd, is_bad; /* errno of a write that failed */
    uint64_t bytes, hash;
    char etag[256], modified[64];
} fetch;

static int put(fetch *f, const char *p, size_t n) {
    f->bytes += n;
    if (f->bytes > SOURCE_BYTES_MAX) return -1;
    for (size_t i = 0; i < n; i++) f->hash = (f->hash ^ (unsigned char)p[i]) * 0x100000001B3u; /* FNV-1a */
    while (n) {
        ssize_t k = write(f->fd, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) {
            f->is_bad = errno;
            return -1;
        }
        p += k, n -= (size_t)k;
    }
    return 0;
}

static int too_large(jd_err *err) {
    return jd_fail(err, JD_E_TOO_LARGE, "the table is larger than %d MiB", "表大于 %d MiB", SOURCE_BYTES_MAX >> 20);
}

/* ---- HTTP ---- */

static size_t on_body(char *p, size_t size, size_t n, void *user) {
    return put(user, p, size * n) ? 0 : size * n;
}

static void keep_header(jd_str line, const char *name, char *to, size_t room) {
    size_t n = strlen(name);
    if (line.n <= n || strncasecmp(line.p, name, n)) return;
    line.p += n, line.n -= n;
    while (line.n && (*line.p == ' ' || *line.p == '\t')) line.p++, line.n--;
    while (line.n && (unsigned char)line.p[line.n - 1] <= ' ') line.n--;
    if (line.n < room) snprintf(to, room, "%.*s", JD_STR_ARG(line));
}

static size_t on_header(char *p, size_t size, size_t n, void *user) {
    fetch *f = user;
    jd_str line = {p, size * n};
    if (line.n > 5 && !strncasecmp(p, "HTTP/", 5)) f->etag[0] = f->modified[0] = 0; /* of a redirect */
    keep_header(line, "ETag:", f->etag, sizeof f->etag);
    keep_header(line, "Last-Modified:", f->modified, sizeof f->modified);
    return size * n;
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(&((fetch *)user)->t->stop);
}

static struct curl_slist *conditions(const jd_table_source *s) {
    char line[320];
    struct curl_slist *list = NULL;
    if (s->etag[0]) {
        snprintf(line, sizeof line, "If-None-Match: %s", s->etag);
        list = curl_slist_append(list, line);
    }
    if (s->modified[0]) {
        snprintf(line, sizeof line, "If-Modified-Since: %s", s->modified);
        list = curl_slist_append(list, line);
    }
    return list;
}

static void set_up(CURL *c, const jd_table_source *s, fetch *f, struct curl_slist *headers) {
    curl_easy_setopt(c, CURLOPT_URL, s->where);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)WHOLE_S);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)SLOW_S);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "Jindu");
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, f);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, f);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, f);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
}

static source_turn judge(jd_table_source *s, const fetch *f, CURLcode rc, long status, jd_err *err) {
    if (f->bytes > SOURCE_BYTES_MAX) {
        too_large(err);
    } else if (f->is_bad) {
        jd_fail(err, JD_E_INTERNAL, "the table cannot be kept: %s", "无法保存该表：%s", strerror(f->is_bad));
    } else if (rc) {
        jd_fail(err, JD_E_INTERNAL, "nothing was fetched: %s", "下载失败：%s", curl_easy_strerror(rc));
    } else if (status == 304) {
        return TURN_UNCHANGED;
    } else if (status != 200) {
        jd_fail(err, JD_E_INTERNAL, "the other side answers %ld", "对方答复 %ld", status);
    } else {
        memcpy(s->etag, f->etag, sizeof s->etag);
        memcpy(s->modified, f->modified, sizeof s->modified);
        return TURN_DONE;
    }
    return TURN_FAILED;
}

/* The same bytes as last time are not read again, whatever the other side says of them. */
static source_turn is_new(jd_table_source *s, const fetch *f) {
    if (s->has_hash && s->hash == f->hash) return TURN_UNCHANGED;
    s->hash = f->hash;
    s->has_hash = 1;
    return TURN_DONE;
}

source_turn source_pull(jd_tables *t, jd_table_source *s, int fd, jd_err *err) {
    fetch f = {.t = t, .fd = fd};
    long status = 0;
    CURL *c = curl_easy_init();
    if (!c) {
        jd_fail(err, JD_E_INTERNAL, "libcurl cannot be started", "无法启动 libcurl");
        return TURN_FAILED;
    }
    struct curl_slist *headers = conditions(s);
    set_up(c, s, &f, headers);
    CURLcode rc = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(c);
    source_turn turn = judge(s, &f, rc, status, err);
    return turn == TURN_DONE ? is_new(s, &f) : turn;
}

/* ---- PostgreSQL ---- */

static int pg_fail(PGconn *c, jd_err *err) {
    const char *why = PQerrorMessage(c);
    size_t n = strlen(why);
    while (n && (unsigned char)why[n - 1] <= ' ') n--;
    return jd_fail(err, JD_E_INTERNAL, "PostgreSQL: %.*s", "PostgreSQL：%.*s", (int)(n > 300 ? 300 : n), why);
}

/* Until the connection has something to say; -1 when the program stops, or nothing came for too long. */
static int wait_for(fetch *f, PGconn *c, jd_err *err) {
    for (int i = 0; i < WHOLE_S * 1000 / POLL_MS; i++) {
        struct pollfd p = {.fd = PQsocket(c), .events = POLLIN};
        if (atomic_load(&f->t->stop)) return jd_fail(err, JD_E_BUSY, "the program is stopping", "程序正在停止");
        int n = poll(&p, 1, POLL_MS);
        if (n > 0) return PQconsumeInput(c) ? 0 : pg_fail(c, err);
        if (n < 0 && errno != EINTR) return jd_fail(err, JD_E_INTERNAL, "poll: %s", "poll：%s", strerror(errno));
    }
    return jd_fail(err, JD_E_INTERNAL, "PostgreSQL did not answer in time", "PostgreSQL 未及时答复");
}

static int result(fetch *f, PGconn *c, PGresult **out, jd_err *err) {
    while (PQisBusy(c))
        if (wait_for(f, c, err)) return -1;
    *out = PQgetResult(c);
    return 0;
}

static int copy_out(fetch *f, PGconn *c, jd_err *err) {
    for (;;) {
        char *line = NULL;
        int n = PQgetCopyData(c, &line, 1);
        if (n == 0 && wait_for(f, c, err)) return -1;
        if (n == -1) return 0;
        if (n == -2) return pg_fail(c, err);
        if (n <= 0) continue;
        int bad = put(f, line, (size_t)n);
        PQfreemem(line);
        if (bad && f->is_bad)
            return jd_fail(err, JD_E_INTERNAL, "the table cannot be kept: %s", "无法保存该表：%s", strerror(f->is_bad));
        if (bad) return too_large(err);
    }
}

/* The extended protocol takes one statement alone, and the transaction is read-only: the query can but ask. */
static int ask(fetch *f, PGconn *c, const char *query, jd_err *err) {
    PGresult *r = PQexec(c, "BEGIN TRANSACTION READ ONLY");
    int ok = PQresultStatus(r) == PGRES_COMMAND_OK;
    PQclear(r);
    if (!ok) return pg_fail(c, err);
    jd_buf sql = {0};
    jd_buf_printf(&sql, "COPY (%s\n) TO STDOUT WITH (FORMAT csv, HEADER)", query);
    jd_buf_c(&sql, 0);
    ok = PQsendQueryParams(c, sql.p, 0, NULL, NULL, NULL, NULL, 0);
    jd_buf_fini(&sql);
    if (!ok) return pg_fail(c, err);
    if (result(f, c, &r, err)) return -1;
    int copying = PQresultStatus(r) == PGRES_COPY_OUT;
    int rc = copying ? copy_out(f, c, err) : pg_fail(c, err);
    PQclear(r);
    if (rc) return -1;
    if (result(f, c, &r, err)) return -1;
    ok = PQresultStatus(r) == PGRES_COMMAND_OK; /* an error in the middle comes behind the rows */
    PQclear(r);
    return ok ? 0 : pg_fail(c, err);
}

source_turn source_query(jd_tables *t, jd_table_source *s, int fd, jd_err *err) {
    fetch f = {.t = t, .fd = fd};
    const char *const names[] = {"dbname", "connect_timeout", "client_encoding", "fallback_application_name", NULL};
    const char *const values[] = {s->where, "15", "UTF8", "jindu", NULL};
    PGconn *c = PQconnectdbParams(names, values, 1);
    int rc = PQstatus(c) == CONNECTION_OK ? ask(&f, c, s->query, err) : pg_fail(c, err);
    PQfinish(c);
    return rc ? TURN_FAILED : is_new(s, &f);
}

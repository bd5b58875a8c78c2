#include "history_peers.h"

#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

const char pg_settings[] = "PostgreSQL: fsync on, synchronous_commit on, full_page_writes on, shared_buffers 4GB, "
                           "effective_cache_size 16GB, work_mem 64MB, maintenance_work_mem 1GB, max_wal_size 8GB, "
                           "random_page_cost 1.1, the rest as Debian ships it";

static const char *pg_bin(const char *name) {
    static char path[128];
    for (int v = 20; v >= 12; v--) {
        snprintf(path, sizeof path, "/usr/lib/postgresql/%d/bin/%s", v, name);
        if (!access(path, X_OK)) return path;
    }
    return NULL;
}

/* Can the other user come down to `folder`? */
static int reachable(const char *folder) {
    if (!peer_user()) return 1;
    char path[1024];
    snprintf(path, sizeof path, "%s", folder);
    for (char *p = path + 1; *p; p++)
        if (*p == '/') {
            struct stat st;
            *p = 0;
            if (stat(path, &st) || !(st.st_mode & S_IXOTH)) return 0;
            *p = '/';
        }
    return 1;
}

const char *pg_missing(const char *folder) {
    if (!pg_bin("postgres") || !pg_bin("initdb")) return "PostgreSQL is not installed";
    if (geteuid() == 0 && !peer_user()) return "PostgreSQL does not run as root";
    return reachable(folder) ? NULL : "PostgreSQL's user may not enter the folder";
}

static PGconn *conn(pg_server *s) {
    return (PGconn *)(void *)s->c;
}

static PGresult *must(pg_server *s, PGresult *r, ExecStatusType want) {
    if (PQresultStatus(r) != want) bench_die("PostgreSQL: %s", PQerrorMessage(conn(s)));
    return r;
}

void pg_make(pg_server *s, const char *folder) {
    *s = (pg_server){0};
    snprintf(s->folder, sizeof s->folder, "%s/postgresql", folder);
    peer_folder(s->folder);
    char data[600], log[600], conf[640];
    snprintf(data, sizeof data, "%s/data", s->folder);
    snprintf(log, sizeof log, "%s.log", s->folder);
    const char *const argv[] = {pg_bin("initdb"), "-D",         data, "-A",   "trust", "-U",
                                "bench",          "--locale=C", "-E", "UTF8", "-N",    NULL};
    int status;
    pid_t pid = peer_run(argv, log, 1);
    if (waitpid(pid, &status, 0) != pid || status) bench_die("initdb failed: see %s", log);
    snprintf(conf, sizeof conf, "%s/postgresql.conf", data);
    FILE *f = fopen(conf, "a");
    if (!f) bench_die("cannot write %s", conf);
    fprintf(f,
            "listen_addresses='127.0.0.1'\nport=%d\nunix_socket_directories=''\nfsync=on\nsynchronous_commit=on\n"
            "full_page_writes=on\nshared_buffers='4GB'\neffective_cache_size='16GB'\nwork_mem='64MB'\n"
            "maintenance_work_mem='1GB'\nmax_wal_size='8GB'\nrandom_page_cost=1.1\ntimezone='UTC'\n",
            PG_PORT);
    fclose(f);
}

static int join(pg_server *s) {
    char where[96];
    snprintf(where, sizeof where, "host=127.0.0.1 port=%d user=bench dbname=postgres", PG_PORT);
    PGconn *c = PQconnectdb(where);
    s->c = (struct pg_conn *)(void *)c;
    s->last = NULL;
    if (PQstatus(c) == CONNECTION_OK) return 1;
    PQfinish(c);
    return 0;
}

void pg_join(pg_server *other, const pg_server *s) {
    *other = *s;
    if (!join(other)) bench_die("PostgreSQL takes no second connection");
}

void pg_leave(pg_server *other) {
    PQclear((PGresult *)(void *)other->last);
    PQfinish(conn(other));
}

void pg_start(pg_server *s) {
    char data[600], log[600];
    snprintf(data, sizeof data, "%s/data", s->folder);
    snprintf(log, sizeof log, "%s.log", s->folder);
    const char *const argv[] = {pg_bin("postgres"), "-D", data, NULL};
    s->pid = peer_run(argv, log, 1);
    for (int i = 0; i < 6000; i++) {
        if (join(s)) {
            pg_do(s, "SET client_min_messages = warning");
            return;
        }
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid) bench_die("PostgreSQL ended: see %s", log);
        usleep(10000);
    }
    bench_die("PostgreSQL does not answer: see %s", log);
}

void pg_stop(pg_server *s) {
    pg_leave(s);
    peer_end(s->pid, SIGINT); /* fast shutdown, with a checkpoint */
}

void pg_do(pg_server *s, const char *sql) {
    PGresult *r = PQexec(conn(s), sql);
    if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
        bench_die("PostgreSQL: %s: %s", sql, PQerrorMessage(conn(s)));
    PQclear(r);
}

int64_t pg_int(pg_server *s, const char *sql) {
    PGresult *r = must(s, PQexec(conn(s), sql), PGRES_TUPLES_OK);
    int64_t v = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    return v;
}

void pg_copy_begin(pg_server *s, const char *sql) {
    PQclear(must(s, PQexec(conn(s), sql), PGRES_COPY_IN));
}
void pg_copy_more(pg_server *s, jd_str text) {
    if (PQputCopyData(conn(s), text.p, (int)text.n) != 1) bench_die("PostgreSQL: %s", PQerrorMessage(conn(s)));
}
void pg_copy_end(pg_server *s) {
    if (PQputCopyEnd(conn(s), NULL) != 1) bench_die("PostgreSQL: %s", PQerrorMessage(conn(s)));
    PGresult *r;
    while ((r = PQgetResult(conn(s)))) PQclear(must(s, r, PGRES_COMMAND_OK));
}
void pg_copy(pg_server *s, const char *sql, jd_str text) {
    pg_copy_begin(s, sql);
    pg_copy_more(s, text);
    pg_copy_end(s);
}

void pg_prepare(pg_server *s, const char *name, const char *sql) {
    PQclear(must(s, PQprepare(conn(s), name, sql, 0, NULL), PGRES_COMMAND_OK));
}

void pg_ask(pg_server *s, const char *name, int n, const char *const *params) {
    PQclear((PGresult *)(void *)s->last);
    PGresult *r = must(s, PQexecPrepared(conn(s), name, n, params, NULL, NULL, 0), PGRES_TUPLES_OK);
    s->last = (struct pg_result *)(void *)r;
}

void pg_answer(pg_server *s, uint64_t *rows, double *sum) {
    const PGresult *r = (const PGresult *)(const void *)s->last;
    int n = PQntuples(r), column = PQnfields(r) - 1;
    *rows = (uint64_t)n;
    *sum = 0;
    for (int i = 0; i < n; i++) *sum += strtod(PQgetvalue(r, i, column), NULL);
}

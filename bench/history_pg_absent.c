/* Stands in for history_pg.c where libpq is not installed: PostgreSQL is then missing, and nothing else is called. */
#include "history_peers.h"

const char pg_settings[] = "";

const char *pg_missing(const char *folder) {
    (void)folder;
    return "PostgreSQL's client library is not installed";
}
static _Noreturn void no_pg(void) {
    bench_die("built without libpq");
}
void pg_make(pg_server *s, const char *folder) {
    (void)s, (void)folder;
    no_pg();
}
void pg_start(pg_server *s) {
    (void)s;
    no_pg();
}
void pg_stop(pg_server *s) {
    (void)s;
    no_pg();
}
void pg_do(pg_server *s, const char *sql) {
    (void)s, (void)sql;
    no_pg();
}
int64_t pg_int(pg_server *s, const char *sql) {
    (void)s, (void)sql;
    no_pg();
}
void pg_copy(pg_server *s, const char *sql, jd_str text) {
    (void)s, (void)sql, (void)text;
    no_pg();
}
void pg_copy_begin(pg_server *s, const char *sql) {
    (void)s, (void)sql;
    no_pg();
}
void pg_copy_more(pg_server *s, jd_str text) {
    (void)s, (void)text;
    no_pg();
}
void pg_copy_end(pg_server *s) {
    (void)s;
    no_pg();
}
void pg_join(pg_server *other, const pg_server *s) {
    (void)other, (void)s;
    no_pg();
}
void pg_leave(pg_server *other) {
    (void)other;
    no_pg();
}
void pg_prepare(pg_server *s, const char *name, const char *sql) {
    (void)s, (void)name, (void)sql;
    no_pg();
}
void pg_ask(pg_server *s, const char *name, int n, const char *const *params) {
    (void)s, (void)name, (void)n, (void)params;
    no_pg();
}
void pg_answer(pg_server *s, uint64_t *rows, double *sum) {
    (void)s, (void)rows, (void)sum;
    no_pg();
}

/* bench/history_peers.h - PostgreSQL and InfluxDB 1.x as private instances: own folders below a scratch folder,
 * loopback only, ended by their own process id. PostgreSQL refuses root: then it runs as the user `postgres` (or
 * `nobody`). */
#ifndef JD_BENCH_HISTORY_PEERS_H
#define JD_BENCH_HISTORY_PEERS_H
#include "http_link.h"

#include <pwd.h>

enum { PG_PORT = 19490, INFLUX_PORT = 19491, INFLUX_RPC_PORT = 19492, JINDU_PORT = 19493 };

/* Removes and makes the folder; peers' folders lie in it. */
void scratch_make(const char *folder);
void scratch_remove(const char *folder);
uint64_t folder_bytes(const char *folder); /* of all files below; their lengths */
void folder_warm(const char *folder);      /* reads all files once, so that the page cache has them */

/* Durable as Jindu is: each commit synced, each write request's WAL synced. Printed with the figures. */
extern const char pg_settings[], influx_settings[];

/* ---- what both need ---- */
const struct passwd *peer_user(void);                                 /* NULL: this one */
void peer_folder(const char *folder);                                 /* makes it, and gives it to that user */
pid_t peer_run(const char *const argv[], const char *log, int other); /* other: as that user */
void peer_end(pid_t pid, int sig);                                    /* and waits */
int peer_answers(pid_t pid, unsigned port); /* waits until the port is open; 0: the process ended */
/* `jindu serve --open` on JINDU_PORT, ready. */
pid_t jindu_start(const char *program, const char *data, const char *log);

/* ---- PostgreSQL (history_pg.c; history_pg_absent.c where libpq is not installed) ---- */
typedef struct pg_server {
    char folder[512];
    pid_t pid;
    struct pg_conn *c; /* a PGconn */
    struct pg_result *last;
} pg_server;
/* NULL: it can be run; else why not ("PostgreSQL is not installed"). */
const char *pg_missing(const char *folder);
void pg_make(pg_server *s, const char *folder); /* initdb */
void pg_start(pg_server *s);                    /* and connects */
void pg_stop(pg_server *s);
void pg_do(pg_server *s, const char *sql); /* or ends the program */
int64_t pg_int(pg_server *s, const char *sql);
/* COPY ... FROM STDIN of one text; returns when it is committed. */
void pg_copy(pg_server *s, const char *sql, jd_str text);
void pg_copy_begin(pg_server *s, const char *sql);
void pg_copy_more(pg_server *s, jd_str text);
void pg_copy_end(pg_server *s);
/* A second connection to a running server, for another thread; pg_leave ends it. */
void pg_join(pg_server *other, const pg_server *s);
void pg_leave(pg_server *other);
/* A prepared statement with text parameters, answered in text; the answer is kept until the next. */
void pg_prepare(pg_server *s, const char *name, const char *sql);
void pg_ask(pg_server *s, const char *name, int n, const char *const *params);
/* Of the last answer: its rows, and the sum of its last column. */
void pg_answer(pg_server *s, uint64_t *rows, double *sum);

/* ---- InfluxDB ---- */
typedef struct influx_server {
    char folder[512];
    pid_t pid;
    http_link http;
} influx_server;
const char *influx_missing(void);
/* settle: shards that nothing was written to for a second are compacted fully (else: Debian's defaults, 4 hours). */
void influx_start(influx_server *s, const char *folder, int settle);
void influx_stop(influx_server *s);
void influx_do(influx_server *s, const char *q);
/* Starts it with settle and waits until every shard of `db` is one file and its WAL is empty (or until nothing has
 * moved for 20 s); stops it. Returns the bytes of its shards. */
uint64_t influx_settle(const char *folder, const char *db);
#endif

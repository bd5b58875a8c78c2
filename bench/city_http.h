/* bench/city_http.h - the bench city (bench_entity) over HTTP: a server in an empty folder, its entities, and the
 * requests that more than one program sends. */
#ifndef JD_BENCH_CITY_HTTP_H
#define JD_BENCH_CITY_HTTP_H
#include "load.h"

typedef struct asker { /* the user of a load's requests; each takes of it what it needs */
    uint64_t rng;
    uint32_t first, n; /* entities from first on, n a request */
    uint32_t i;        /* requests so far */
} asker;

/* An open server on 127.0.0.1:port; what the folder held is removed. */
pid_t city_start(const char *jindu, const char *folder, unsigned port);
void city_remove(const char *folder);

/* Whole requests. path: under /ngsi-ld/v1/; body: JSON. */
void city_post(jd_buf *out, const char *path, jd_str body);
void city_patch(jd_buf *out, const char *id, const char *attr, const char *body);
/* For load_plan.request, user an asker: the next n entities in one upsert. */
void city_upsert_next(void *user, jd_buf *out);
/* Entities first..first+n-1, at most 1,000 a request. */
void city_fill(unsigned port, uint32_t first, uint32_t n);

/* As load_run; ends the program when an answer was another one. */
load_result city_run(const load_plan *p);
/* One request after the other until so many are answered. */
void city_times(unsigned port, void (*request)(void *, jd_buf *), void *user, int status, uint32_t n);
/* Of a result with samples. */
void city_rate_line(const char *what, const load_result *r);
#endif

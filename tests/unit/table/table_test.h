/* What the tests of tables share: short ways to read a table, and to send one through a mapping, as text that can be
 * compared. */
#ifndef TABLE_TEST_H
#define TABLE_TEST_H
#include "table/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

typedef struct bench {
    jd_symtab *symbols;
    jd_contexts *contexts;
    jd_arena a;
    jd_buf out;     /* moments, one a line */
    jd_buf refused; /* LINE:COLUMN reason[!]: text; ! for whole rows */
    jd_buf kept;    /* the rows set aside */
    jd_feed_report report;
    jd_err err; /* code JD_E_OK: everything went through */
    jd_arena moments;
    const jd_map *map;
    int judge; /* the first pass must not refuse more than the mapping allows */
} bench;

void begin(bench *b);
void end(bench *b);
jd_map *compile(bench *b, const char *json); /* NULL: b->err */
/* Sends the table through both passes. */
void feed(bench *b, const char *json, const char *file, jd_str table);
/* The same, and the moments must be these lines ("" between them a line's end). */
void must_give(bench *b, const char *json, const char *file, const char *table, const char *moments);
void must_refuse(bench *b, const char *json, const char *table, const char *refusals);
/* {"mapping":1, "entity": {"type":"T","id":"urn:x:a"}, "attributes": {"v":"v"}, "time": iso UTC column t} with the
 * members of `more` in place of or beside them (a JSON object's inner text). */
const char *mapping(bench *b, const char *more);
#endif

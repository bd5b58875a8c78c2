/* json/json_int.h - what the files of this room share; nobody else includes it. */
#ifndef JD_JSON_INT_H
#define JD_JSON_INT_H
#include "json/json.h"

/* fault.c: refusals that name the place `at` inside text. All return -1. */
int json__refuse(jd_err *err, jd_str text, const char *at, const char *en, const char *zh);
/* "en was expected, but there is ..." with what stands at `at`. */
int json__expected(jd_err *err, jd_str text, const char *at, const char *en, const char *zh);
int json__over(jd_err *err, jd_str text, const char *at, const char *en, const char *zh, uint32_t limit);
/* The k-th member (from 0) of the object that opens at `open` repeats an earlier name. */
int json__repeated(jd_err *err, jd_str text, const char *open, uint32_t k, jd_str name);

/* names.c: member names of one object. */
#define JSON__NONE UINT32_MAX
enum { JSON__FEW = 32 }; /* up to here a plain scan beats a hash table: with 16, an entity of 19 cost 17 % more */
typedef struct json__index {
    const jd_jmember *members;
    uint32_t *slots; /* member number + 1, or 0 */
    uint32_t mask;
} json__index;
void json__index_init(json__index *x, const jd_jmember *members, uint32_t n); /* empty, with room for n */
void json__index_fini(json__index *x);
uint32_t json__index_find(const json__index *x, jd_str name);
/* Adds member i unless its name is there; returns the member that now bears the name. */
uint32_t json__index_add(json__index *x, uint32_t i);
/* The first member whose name an earlier one bears, or JSON__NONE. Linear in n. */
uint32_t json__repeat(const jd_jmember *members, uint32_t n);
#endif

/* What a mapping document may hold, as tables: unknown members are refused, and the published schema is held to them.
 */
#include "table/map_int.h"

#include <stdio.h>

enum { S = 1, N = 2, B = 4, A = 8, O = 16, Z = 32, ANY = 31 };

typedef struct member {
    const char *name;
    unsigned types;
    int needed;
} member;

static const member mapping[] = {{"mapping", N, 1},
                                 {"title", S | O, 0},
                                 {"description", S | O, 0},
                                 {"@context", S | O | A, 0},
                                 {"table", O, 0},
                                 {"missing", S | N | A, 0},
                                 {"time", O, 0},
                                 {"entity", O, 1},
                                 {"each", O, 0},
                                 {"attributes", O, 0},
                                 {"fixed", O, 0},
                                 {"skip", O | A, 0},
                                 {"repeat", S, 0},
                                 {"refusedMax", N, 0},
                                 {NULL, 0, 0}};
static const member table[] = {{"format", S, 0},       {"encoding", S, 0},   {"separator", S, 0}, {"quote", S, 0},
                               {"header", B | A, 0},   {"skipLines", N, 0},  {"comment", S, 0},   {"short", S, 0},
                               {"decimal", S, 0},      {"thousands", S, 0},  {"path", S, 0},      {"sheet", S | N, 0},
                               {"otherColumns", S, 0}, {"ignore", S | A, 0}, {NULL, 0, 0}};
static const member time_[] = {{"column", S, 0},    {"columns", A, 0},      {"parts", O, 0},       {"form", S, 0},
                               {"zone", S, 0},      {"repeatedHour", S, 0}, {"skippedHour", S, 0}, {"midnight", S, 0},
                               {"standsFor", S, 0}, {"addYears", N, 0},     {"notBefore", S, 0},   {"notAfter", S, 0},
                               {NULL, 0, 0}};
static const member parts[] = {{"year", S | N, 1},   {"month", S | N, 0},  {"day", S | N, 0}, {"hour", S | N, 0},
                               {"minute", S | N, 0}, {"second", S | N, 0}, {NULL, 0, 0}};
static const member entity[] = {{"type", S | A, 1}, {"id", S, 1}, {NULL, 0, 0}};
static const member each[] = {{"columns", S | A, 1}, {"except", S | A, 0}, {NULL, 0, 0}};
static const member attribute[] = {
    {"column", S, 0},          {"template", S, 0},   {"longitude", S, 0},   {"latitude", S, 0}, {"datum", S, 0},
    {"languages", O, 0},       {"constant", ANY, 0}, {"as", S, 0},          {"unit", S | O, 0}, {"dataset", S, 0},
    {"missing", S | N | A, 0}, {"values", O, 0},     {"otherValues", S, 0}, {"words", O, 0},    {"factor", N, 0},
    {"offset", N, 0},          {"suffix", S | A, 0}, {"least", N, 0},       {"most", N, 0},     {"refuse", S, 0},
    {"optional", B, 0},        {"when", O, 0},       {"expect", O, 0},      {"with", O, 0},     {NULL, 0, 0}};
static const member unit[] = {{"column", S, 1}, {"codes", O, 0}, {NULL, 0, 0}};
static const member words[] = {{"true", S | N | A, 1}, {"false", S | N | A, 1}, {NULL, 0, 0}};
static const member test[] = {
    {"is", S | N | A, 0}, {"like", S | A, 0}, {"not", S | N | A, 0}, {"missing", B, 0}, {NULL, 0, 0}};

static const struct {
    const char *object;
    const member *members;
} objects[] = {{"mapping", mapping}, {"table", table},         {"time", time_}, {"parts", parts}, {"entity", entity},
               {"each", each},       {"attribute", attribute}, {"unit", unit},  {"words", words}, {"test", test}};

static const member *members_of(const char *object) {
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++)
        if (!strcmp(objects[i].object, object)) return objects[i].members;
    return NULL;
}

static void type_words(unsigned types, char out[64]) {
    static const char *const names[] = {"string", "number", "boolean", "array", "object"};
    size_t n = 0;
    out[0] = 0;
    for (int i = 0; i < 5; i++)
        if (types & 1u << i) n += (size_t)snprintf(out + n, 64 - n, "%s%s", n ? "|" : "", names[i]);
}

const char *jd_map_member(const char *object, size_t i, char types[64], int *needed) {
    const member *m = members_of(object);
    if (!m) return NULL;
    for (size_t k = 0; k < i && m->name; k++) m++;
    if (!m->name) return NULL;
    type_words(m->types, types);
    *needed = m->needed;
    return m->name;
}

static unsigned type_of(const jd_jval *v) {
    switch (v->type) {
    case JD_JSTR: return S;
    case JD_JNUM: return N;
    case JD_JTRUE:
    case JD_JFALSE: return B;
    case JD_JARR: return A;
    case JD_JOBJ: return O;
    default: return Z;
    }
}

/* ---- the member that was meant ---- */

enum { NEAR_MAX = 24 };

/* Edit distance of two short names. */
static size_t distance(jd_str a, const char *z) {
    size_t n = strlen(z), row[NEAR_MAX + 1];
    if (a.n > NEAR_MAX || n > NEAR_MAX) return NEAR_MAX;
    for (size_t j = 0; j <= n; j++) row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t d = corner + (a.p[i - 1] != z[j - 1]);
            corner = row[j];
            if (row[j] + 1 < d) d = row[j] + 1;
            if (row[j - 1] + 1 < d) d = row[j - 1] + 1;
            row[j] = d;
        }
    }
    return row[n];
}

static int unknown(jd_map *m, const member *list, jd_str name) {
    const char *near = NULL;
    size_t least = name.n / 3 + 2;
    for (; list->name; list++) {
        size_t d = distance(name, list->name);
        if (d < least) {
            least = d;
            near = list->name;
        }
    }
    if (near) return MAP_FAIL(m, "no such member; did you mean \"%s\"?", "没有此成员；是否想用“%s”？", near);
    return MAP_FAIL(m, "no such member", "没有此成员");
}

int map__object(jd_map *m, const jd_jval *v, const char *object) {
    const member *list = members_of(object);
    if (v->type != JD_JOBJ) return MAP_FAIL(m, "must be an object", "应为对象");
    for (uint32_t i = 0; i < v->n; i++) {
        map_spot was = map__enter(m, v->members[i].name, &v->members[i].val);
        const member *known = list;
        while (known->name && !jd_str_is(v->members[i].name, known->name)) known++;
        if (!known->name) return unknown(m, list, v->members[i].name);
        if (!(known->types & type_of(&v->members[i].val))) {
            char types[64];
            type_words(known->types, types);
            return MAP_FAIL(m, "must be of type %s", "类型应为 %s", types);
        }
        map__leave(m, was);
    }
    for (; list->name; list++)
        if (list->needed && !jd_jget(v, list->name)) return MAP_FAIL(m, "\"%s\" is missing", "缺少“%s”", list->name);
    return 0;
}

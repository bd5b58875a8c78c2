/* model/temporal.h - the temporal representation of entities (GS CIM 009 clauses 4.5.6-4.5.9, 4.5.19, 5.2.20, C.5):
 * JSON to instances, instances to JSON, and aggregation. Pure; memory as in entity.h and render.h. */
#ifndef JD_MODEL_TEMPORAL_H
#define JD_MODEL_TEMPORAL_H
#include "model/entity.h"
#include "model/instance.h"
#include "model/render.h"

/* ---- in ---- */

/* An EntityTemporal (whole: id and type must be there) or a fragment of one. As jd_ent_parse, but an attribute may be
 * an array with several instances of one (name, datasetId), which follow each other in out->attrs in order of
 * observedAt (those without one behind, as they came); members instanceId, createdAt, modifiedAt, deletedAt of
 * instances are skipped; urn:ngsi-ld:null is taken as a value. The simplified temporal form ("values": [[value, time],
 * ...] and its sisters) is taken too. scope, plain or temporal, becomes instances of the attribute JD_SYM_SCOPE: a
 * Property whose value is a string or an array of strings; out->has_scopes stays 0. expiresAt as urn:ngsi-ld:null is
 * JD_E_BAD_REQUEST_DATA. */
int jd_temporal_parse(const jd_parse *p, const jd_jval *v, int whole, jd_str expect_id, jd_ent *out, jd_err *err);
/* The body of PATCH on one instance: the instance, or an array of one; it may be partial (5.6.14). */
int jd_temporal_instance_parse(const jd_parse *p, jd_sym name, const jd_jval *v, jd_attr **out, jd_err *err);

/* ---- evolutions ---- */

typedef enum jd_timeprop { JD_TP_OBSERVED, JD_TP_CREATED, JD_TP_MODIFIED, JD_TP_DELETED } jd_timeprop;
typedef struct jd_tattr {         /* one attribute, all its datasetIds */
    jd_sym name;                  /* JD_SYM_SCOPE: the entity's scope */
    jd_inst *inst;                /* by time, oldest first */
    size_t n;                     /* 0: it has instances in the window, but none on this page */
    const jd_str *pages_datasets; /* with n == 0: whose series those are (p NULL: default); for "values": [] */
    size_t pages_datasets_n;
    jd_kind kind; /* with n == 0 */
} jd_tattr;
typedef struct jd_evolution {
    jd_doc doc;      /* id, types, createdAt, modifiedAt; its attributes are not looked at */
    jd_time deleted; /* the entity was deleted then and has not come back; JD_TIME_NONE: it is there */
    jd_tattr *attrs;
    size_t attrs_n;
} jd_evolution;
/* The time of an instance by a property; JD_TIME_NONE: it has none. */
jd_time jd_inst_time(const jd_inst *i, jd_timeprop p);

/* ---- aggregation (4.5.19) ---- */
enum {
    JD_AGG_AVG = 1,
    JD_AGG_DISTINCT = 2,
    JD_AGG_MAX = 4,
    JD_AGG_MIN = 8,
    JD_AGG_STDDEV = 16,
    JD_AGG_SUM = 32,
    JD_AGG_SUMSQ = 64,
    JD_AGG_TOTAL = 128,
    JD_AGG_ALL = 255
};
/* Comma-separated names of clause 4.5.19.1 -> a set; JD_E_BAD_REQUEST_DATA whose text holds the word aggrMethods. */
int jd_agg_methods(jd_str text, unsigned *out, jd_err *err);
/* ISO 8601 duration of clause 4.5.19: calendar months (years are twelve) and microseconds; both 0: one period over all.
 * The error's text holds the word aggrPeriodDuration. */
typedef struct jd_period {
    int64_t months, us;
} jd_period;
int jd_period_parse(jd_str text, jd_period *out, jd_err *err);
/* Start of the k-th period from origin (months by the calendar, clipped to the last day of a month). k may be negative.
 */
jd_time jd_period_start(const jd_period *p, jd_time origin, int64_t k);
/* Number of the period that t is in. */
int64_t jd_period_of(const jd_period *p, jd_time origin, jd_time t);

/* What has been seen of one period. Numbers are summed exactly as scaled integers (an overflow goes on as doubles). */
typedef struct jd_acc jd_acc;
jd_acc *jd_acc_new(jd_arena *a, unsigned methods);
/* Strings, numbers, booleans, arrays, objects, DateTimes, URIs as the table of 4.5.19.1 has them; what a method is not
 * eligible for does not count in it. */
void jd_acc_add(jd_acc *c, const jd_inst *i, const jd_symtab *t);
void jd_acc_add_num(jd_acc *c, jd_num n);
/* A whole clean chunk: only for methods without JD_AGG_DISTINCT. */
void jd_acc_add_chunk(jd_acc *c, const jd_chunkhead *h);
uint64_t jd_acc_count(const jd_acc *c);
/* Appends the value of one method as JSON; 0: appended; -1: the method is not eligible for what came. Doubles are
 * written as short as they can be read back; exact sums exactly. */
int jd_acc_print(const jd_acc *c, unsigned method, jd_buf *out);
/* The same as a number: what the text reads back as. AVG, SUM, MIN, MAX, STDDEV, TOTAL; -1: it is none, or there is
 * none. */
int jd_acc_number(const jd_acc *c, unsigned method, double *out);

typedef struct jd_tbucket {
    jd_time start, end;
    jd_acc *acc;
} jd_tbucket;
typedef struct jd_taggr { /* one attribute and datasetId */
    jd_sym name;
    jd_kind kind;
    jd_str dataset;     /* p NULL: default */
    jd_tbucket *bucket; /* in time, none empty */
    size_t n;
} jd_taggr;

/* ---- out ---- */
typedef struct jd_trender {
    jd_render base;       /* ctx, symbols, format (normalized, concise), sys_attrs, proj, lang, with_context, arena */
    int values;           /* the simplified temporal form */
    jd_timeprop property; /* whose times stand in "values" */
} jd_trender;
/* Appends one entity: every attribute of e that base.proj shows. */
void jd_render_evolution(const jd_trender *r, const jd_evolution *e, jd_buf *out);
/* The aggregated form: attributes of the list follow each other by name; `methods` in the order of the set. */
void jd_render_aggregated(const jd_trender *r, const jd_doc *d, const jd_taggr *list, size_t n, unsigned methods,
                          jd_buf *out);
#endif

/* model/instance.h - one moment of an attribute, taken apart for history and put together again.
 *
 * A skeleton is the attribute's record (doc.h) without its name, its own times and its expiry, every decimal number and
 * DateTime in it taken out: readings of a sensor share one skeleton and differ in a few numbers. Form, numbers LEB128:
 *   u16 little-endian head (kind, JD_A_DATASET, _UNIT, _OBJECTTYPE, _VALUETYPE, _SUBS; _OBSERVED of sub-attributes) |
 *   [len datasetId] [observedAt's u8 digits] [len unitCode] [objectType: n symbols] [len valueType] | value node |
 *   [n sub-attributes, each symbol | skeleton]
 * where in nodes 0a stands for a number, 08 u8 digits for a DateTime, and arrays and objects have no length in bytes.
 * The value's numbers come first; a sub-attribute's observedAt comes before its value's. Sub-attributes' createdAt and
 * modifiedAt are not kept: they become those of the instance. */
#ifndef JD_MODEL_INSTANCE_H
#define JD_MODEL_INSTANCE_H
#include "model/doc.h"
#include "series/series.h"

/* Appends the skeleton to *skeleton and the numbers, in order, to *nums (an array of jd_num). 1 when the first of them
 * is the value of a Property, else 0. */
int jd_inst_split(const jd_attrview *v, jd_buf *skeleton, jd_buf *nums);
/* That first number alone. 1; 0: the value is none. */
int jd_inst_number(const jd_attrview *v, jd_num *out);
/* Appends the record again, as jd_attr_next reads it with entity_created = base <= created <= modified. Of the reading
 * its skeleton, numbers, digits and (when it is OBSERVED) `at` are taken. 0, or -1 when skeleton and numbers do not fit
 * each other (they come from the store: it is damaged). */
int jd_inst_join(jd_sym name, const jd_reading *r, jd_time base, jd_time created, jd_time modified, jd_buf *record);
/* The datasetId in a skeleton; p NULL: default instance. */
jd_str jd_inst_dataset(jd_str skeleton);
/* The number under which a series of that datasetId goes: 0 for the default instance, never 0 else. */
uint32_t jd_inst_dataset_no(jd_str dataset);

/* One attribute instance of the temporal representation (4.5.6), with its identity. */
typedef struct jd_inst {
    jd_attrview a;    /* created, modified: when this instance was; expires not kept */
    jd_time at;       /* its key: observedAt, else when it was recorded */
    uint32_t dataset; /* number of its series */
    uint8_t observed; /* `at` is its observedAt */
    uint8_t deleted;  /* the attribute was deleted at `at`: a has a name and kind only */
} jd_inst;
/* instanceId (4.5.6): computed from what identifies the instance within its attribute, and read back from there. */
enum { JD_INST_ID_MAX = 64 };
size_t jd_inst_id_print(const jd_inst *i, char out[JD_INST_ID_MAX]);
int jd_inst_id_parse(jd_str id, jd_time *at, uint32_t *dataset, int *observed); /* 0 or -1 */
#endif

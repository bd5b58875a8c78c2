/* model/temporal_int.h - what the temporal_*.c files share. Nobody else includes it. */
#ifndef JD_MODEL_TEMPORAL_INT_H
#define JD_MODEL_TEMPORAL_INT_H
#include "model/temporal.h"

#define NGSI_NULL "urn:ngsi-ld:null"

/* The member that holds a kind's list in the simplified form (4.5.9): "values", "objects", ... */
const char *temporal_list(jd_kind k);
/* The name of one JD_AGG_*: "avg", ... */
const char *temporal_method(unsigned method);
#endif

/* engine/retention.h - how long readings are kept as they came, and as what they are kept after (declared per type).
 *
 * A policy is a document of kind POLICY of a tenant, as JSON: {"types": [IRI, ...], "raw": "P90D", "rollups":
 * [{"period": "PT1H", "keep": "P5Y"}, {"period": "P1D"}], "utcOffset": "+08:00"}. Readings whose value is a number and
 * that are older than `raw` are folded into roll-ups, then go; older than `keep` a roll-up goes too. Periods are whole
 * seconds, each a multiple of the one before; a day of one begins at midnight of utcOffset. Other readings stay.
 * Folding happens when the oldest runs are merged: by and by, or asked for (jd_engine_settle). A roll-up is a series of
 * its own (tier: the period in seconds), which answers aggregates whose periods are made of its own. */
#ifndef JD_ENGINE_RETENTION_H
#define JD_ENGINE_RETENTION_H
#include "json/json.h"
#include "model/temporal.h"

enum { JD_TIERS_MAX = 6, JD_POLICY_TYPES_MAX = 64 };

typedef struct jd_policy {
    jd_str types[JD_POLICY_TYPES_MAX]; /* IRIs */
    uint32_t types_n;
    jd_period raw;
    struct jd_tier {
        uint32_t seconds;
        jd_period keep; /* both 0: for ever */
    } tier[JD_TIERS_MAX];
    uint32_t tiers_n;
    jd_time offset; /* us east of UTC */
} jd_policy;
/* Strings point into v. JD_E_BAD_REQUEST_DATA with the member named. */
int jd_policy_parse(const jd_jval *v, jd_policy *out, jd_err *err);
/* The boundary of tiers at or before t. */
jd_time jd_policy_floor(const jd_policy *p, uint32_t seconds, jd_time t);
/* What is older than this is folded: now - raw, down to a boundary of the longest tier. */
jd_time jd_policy_horizon(const jd_policy *p, jd_time now);

/* ---- roll-ups as readings ---- */
typedef struct jd_fold { /* of one tier's period */
    jd_time at;
    jd_str skeleton;  /* of a reading in it: tells kind, unit and datasetId */
    jd_time recorded; /* of the newest reading in it: what was cleared later takes it along */
    jd_chunkhead h;   /* count, scale, sum, sumsq, min, max, first, last */
} jd_fold;
/* 0, or -1: sum or sumsq would overflow; nothing was added. */
int jd_fold_num(jd_fold *f, jd_num n);
int jd_fold_add(jd_fold *f, const jd_chunkhead *h);
enum { JD_FOLD_NUMS = 9 };
/* nums: JD_FOLD_NUMS of them, the caller's. */
jd_reading jd_fold_reading(const jd_fold *f, jd_num *nums);
int jd_fold_read(const jd_reading *r, jd_fold *out); /* 0 or -1 */
#endif

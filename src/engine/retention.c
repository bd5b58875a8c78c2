#include "engine/retention.h"

#include <string.h>

/* ---- policies ---- */

static int bad(jd_err *err, const char *place, const char *en, const char *zh) {
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s%.0s", "%.0s%s", en, zh);
    return jd_fail_at(err, "%s", place);
}

static int duration(const jd_jval *v, const char *place, jd_period *out, jd_err *err) {
    if (v->type != JD_JSTR || jd_period_parse(jd_jstr(v), out, err))
        return bad(err, place, "must be an ISO 8601 duration such as P90D", "须为 ISO 8601 时长，如 P90D");
    return 0;
}

static int types(const jd_jval *v, jd_policy *p, jd_err *err) {
    if (!v || v->type != JD_JARR || !v->n || v->n > JD_POLICY_TYPES_MAX)
        return bad(err, "types", "must be an array of 1 to 64 entity types", "须为 1 到 64 个实体类型的数组");
    for (uint32_t i = 0; i < v->n; i++) {
        if (v->items[i].type != JD_JSTR || !v->items[i].n)
            return bad(err, "types", "must be names of entity types", "须为实体类型名");
        p->types[p->types_n++] = jd_jstr(&v->items[i]);
    }
    return 0;
}

static int tiers(const jd_jval *v, jd_policy *p, jd_err *err) {
    if (!v) return 0;
    if (v->type != JD_JARR || v->n > JD_TIERS_MAX)
        return bad(err, "rollups", "must be an array of at most 6 roll-ups", "须为至多 6 个汇总的数组");
    for (uint32_t i = 0; i < v->n; i++) {
        const jd_jval *period = jd_jget(&v->items[i], "period"), *keep = jd_jget(&v->items[i], "keep");
        jd_period t;
        struct jd_tier *tier = &p->tier[p->tiers_n];
        if (!period || duration(period, "rollups.period", &t, err) ||
            (keep && duration(keep, "rollups.keep", &tier->keep, err)))
            return period ? -1 : bad(err, "rollups.period", "is missing", "缺少");
        if (t.months || t.us < 1000000 || t.us % 1000000 || t.us / 1000000 > 366 * 86400)
            return bad(err, "rollups.period", "must be whole seconds, at most 366 days", "须为整秒，至多 366 天");
        tier->seconds = (uint32_t)(t.us / 1000000);
        if (p->tiers_n && tier->seconds % tier[-1].seconds)
            return bad(err, "rollups.period", "must be a multiple of the one before", "须为前一个汇总周期的整数倍");
        p->tiers_n++;
    }
    return 0;
}

static int offset(const jd_jval *v, jd_policy *p, jd_err *err) {
    if (!v) return 0;
    const char *s = v->s;
    if (v->type != JD_JSTR || v->n != 6 || (s[0] != '+' && s[0] != '-') || s[3] != ':')
        return bad(err, "utcOffset", "must look like +08:00", "须形如 +08:00");
    int n[4] = {s[1] - '0', s[2] - '0', s[4] - '0', s[5] - '0'};
    for (int i = 0; i < 4; i++)
        if (n[i] < 0 || n[i] > 9) return bad(err, "utcOffset", "must look like +08:00", "须形如 +08:00");
    int minutes = (n[0] * 10 + n[1]) * 60 + n[2] * 10 + n[3];
    if (minutes > 14 * 60 || n[2] > 5) return bad(err, "utcOffset", "is out of range", "超出范围");
    p->offset = (jd_time)minutes * 60000000 * (s[0] == '-' ? -1 : 1);
    return 0;
}

int jd_policy_parse(const jd_jval *v, jd_policy *out, jd_err *err) {
    static const char *const known[] = {"types", "raw", "rollups", "utcOffset", "@context", "id"};
    *out = (jd_policy){0};
    if (v->type != JD_JOBJ) return bad(err, "", "a policy must be an object", "保留策略须为对象");
    for (uint32_t i = 0; i < v->n; i++) {
        size_t k = 0;
        while (k < sizeof known / sizeof *known && !jd_str_is(v->members[i].name, known[k])) k++;
        if (k == sizeof known / sizeof *known)
            return jd_fail(err, JD_E_BAD_REQUEST_DATA, "a policy has no member %.*s", "保留策略没有成员 %.*s",
                           (int)(v->members[i].name.n > 60 ? 60 : v->members[i].name.n), v->members[i].name.p);
    }
    const jd_jval *raw = jd_jget(v, "raw");
    if (!raw) return bad(err, "raw", "is missing", "缺少");
    if (types(jd_jget(v, "types"), out, err) || duration(raw, "raw", &out->raw, err) ||
        tiers(jd_jget(v, "rollups"), out, err) || offset(jd_jget(v, "utcOffset"), out, err))
        return -1;
    if (!out->raw.months && !out->raw.us) return bad(err, "raw", "must not be 0", "不得为 0");
    return 0;
}

jd_time jd_policy_floor(const jd_policy *p, uint32_t seconds, jd_time t) {
    int64_t us = (int64_t)seconds * 1000000, local = t + p->offset, past = local % us;
    return t - (past < 0 ? past + us : past);
}

jd_time jd_policy_horizon(const jd_policy *p, jd_time now) {
    jd_time t = jd_period_start(&p->raw, now, -1);
    return p->tiers_n ? jd_policy_floor(p, p->tier[p->tiers_n - 1].seconds, t) : t;
}

/* ---- folding ---- */

static int rescale(__int128 *v, unsigned by) {
    while (by--)
        if (__builtin_mul_overflow(*v, 10, v)) return -1;
    return 0;
}

int jd_fold_add(jd_fold *f, const jd_chunkhead *h) {
    if (!f->h.count) {
        f->h = *h;
        return 0;
    }
    unsigned scale = f->h.scale > h->scale ? f->h.scale : h->scale;
    __int128 a = f->h.sum, b = h->sum, aa = f->h.sumsq, bb = h->sumsq;
    if (rescale(&a, scale - f->h.scale) || rescale(&b, scale - h->scale) || rescale(&aa, 2 * (scale - f->h.scale)) ||
        rescale(&bb, 2 * (scale - h->scale)) || __builtin_add_overflow(a, b, &a) || __builtin_add_overflow(aa, bb, &aa))
        return -1;
    f->h.sum = a;
    f->h.sumsq = aa;
    f->h.scale = (uint8_t)scale;
    f->h.count += h->count;
    if (jd_num_double(h->min) < jd_num_double(f->h.min)) f->h.min = h->min;
    if (jd_num_double(h->max) > jd_num_double(f->h.max)) f->h.max = h->max;
    f->h.last = h->last;
    return 0;
}

int jd_fold_num(jd_fold *f, jd_num n) {
    jd_chunkhead one = {.count = 1, .scale = n.scale, .sum = n.m, .min = n, .max = n, .first = n, .last = n};
    if (__builtin_mul_overflow((__int128)n.m, (__int128)n.m, &one.sumsq)) return -1;
    return jd_fold_add(f, &one);
}

static jd_num half(__int128 v, int high, uint8_t scale) {
    jd_num n;
    memset(&n, 0, sizeof n);
    n.m = high ? (int64_t)(v >> 64) : (int64_t)(uint64_t)v;
    n.scale = scale;
    return n;
}

jd_reading jd_fold_reading(const jd_fold *f, jd_num *nums) {
    nums[0] = half(f->h.count, 0, 0);
    nums[1] = half(f->h.sum, 1, 0);
    nums[2] = half(f->h.sum, 0, f->h.scale);
    nums[3] = half(f->h.sumsq, 1, 0);
    nums[4] = half(f->h.sumsq, 0, 0);
    nums[5] = f->h.min;
    nums[6] = f->h.max;
    nums[7] = f->h.first;
    nums[8] = f->h.last;
    return (jd_reading){.at = f->at,
                        .recorded = f->recorded,
                        .skeleton = f->skeleton,
                        .nums = nums,
                        .nums_n = JD_FOLD_NUMS,
                        .flags = JD_R_OBSERVED};
}

static __int128 whole(jd_num high, jd_num low) {
    return (__int128)((unsigned __int128)(uint64_t)high.m << 64 | (uint64_t)low.m);
}

int jd_fold_read(const jd_reading *r, jd_fold *out) {
    if (r->nums_n != JD_FOLD_NUMS || r->nums[0].m <= 0 || r->nums[0].m > UINT32_MAX) return -1;
    *out = (jd_fold){.at = r->at, .skeleton = r->skeleton};
    out->h.count = (uint32_t)r->nums[0].m;
    out->h.sum = whole(r->nums[1], r->nums[2]);
    out->h.scale = r->nums[2].scale;
    out->h.sumsq = whole(r->nums[3], r->nums[4]);
    out->h.min = r->nums[5];
    out->h.max = r->nums[6];
    out->h.first = r->nums[7];
    out->h.last = r->nums[8];
    return 0;
}

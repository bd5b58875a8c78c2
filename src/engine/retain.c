/* Policies while runs are merged: what is too old is folded into roll-ups; roll-ups that are too old go. */
#include "engine/engine_int.h"
#include "engine/history_seal.h"
#include "engine/retention.h"

#include <stdlib.h>

typedef struct kept_policy { /* of a tenant */
    uint32_t tenant;
    jd_policy p;
    jd_sym types[JD_POLICY_TYPES_MAX]; /* 0: nobody ever used the name */
    jd_time horizon;
    jd_time keep_from[JD_TIERS_MAX]; /* INT64_MIN: for ever */
} kept_policy;

typedef struct stash { /* folded readings of one tier of the series that was last seen */
    jd_skey key;
    jd_fold *f;
    size_t n, cap;
} stash;

struct retain {
    history *h;
    jd_arena a; /* policies */
    kept_policy *list;
    size_t n, cap;
    jd_time now;
    uint64_t entity; /* whose policy `mine` is */
    const kept_policy *mine;
    stash tier[JD_TIERS_MAX];
    uint32_t tiers_n;
    jd_str skeleton; /* last one that was kept, in `a` */
    jd_arena scratch;
};

/* ---- which policies there are ---- */

typedef struct reading_policies {
    retain *r;
    uint32_t tenant;
} reading_policies;

static void take_policy(void *user, jd_str id, jd_str body) {
    reading_policies *u = user;
    retain *r = u->r;
    jd_jval v;
    (void)id;
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 4;
        r->list = jd_xrealloc(r->list, r->cap * sizeof *r->list);
    }
    kept_policy *k = &r->list[r->n];
    *k = (kept_policy){.tenant = u->tenant};
    if (jd_json_parse(&r->a, jd_arena_dup(&r->a, body), NULL, &v, NULL) || jd_policy_parse(&v, &k->p, NULL)) return;
    for (uint32_t i = 0; i < k->p.types_n; i++) k->types[i] = jd_sym_find(r->h->e->symbols, k->p.types[i]);
    k->horizon = jd_policy_horizon(&k->p, r->now);
    for (uint32_t i = 0; i < k->p.tiers_n; i++) {
        const jd_period *keep = &k->p.tier[i].keep;
        k->keep_from[i] = keep->months || keep->us ? jd_period_start(keep, r->now, -1) : INT64_MIN;
    }
    r->n++;
}

retain *retain_begin(history *h) {
    jd_engine *e = h->e;
    retain *r = jd_xcalloc(1, sizeof *r);
    r->h = h;
    r->now = jd_now();
    jd_arena_init(&r->a);
    jd_arena_init(&r->scratch);
    pthread_rwlock_rdlock(&e->tenants_lock);
    uint32_t tenants = e->tenants_n;
    pthread_rwlock_unlock(&e->tenants_lock);
    for (uint32_t t = 0; t < tenants; t++) {
        jd_view v;
        reading_policies u = {r, t};
        jd_view_begin(&v, e, (int)t, &r->a);
        if (v.t) jd_view_each_kind(&v, JD_K_POLICY, &u, take_policy);
        jd_view_end(&v);
    }
    if (r->n) return r;
    retain_end(r);
    return NULL;
}

void retain_end(retain *r) {
    if (!r) return;
    for (uint32_t i = 0; i < JD_TIERS_MAX; i++) free(r->tier[i].f);
    jd_arena_fini(&r->a);
    jd_arena_fini(&r->scratch);
    free(r->list);
    free(r);
}

jd_time retain_horizon(const retain *r) {
    jd_time latest = INT64_MIN;
    for (size_t i = 0; i < r->n; i++)
        if (r->list[i].horizon > latest) latest = r->list[i].horizon;
    return latest;
}

/* The policy of an entity: the first that names one of its types. */
static const kept_policy *policy_of(retain *r, uint64_t entity) {
    if (entity == r->entity) return r->mine;
    r->entity = entity;
    r->mine = NULL;
    uint32_t tenant = (uint32_t)(entity >> 48), serial = (uint32_t)entity - 1;
    jd_view v;
    jd_view_begin(&v, r->h->e, (int)tenant, &r->scratch);
    if (v.t && serial < atomic_load(&v.t->entities.slots)) {
        pthread_rwlock_rdlock(&v.t->lock);
        const version *ver = visible_or_hidden(&v.t->entities, serial, v.group);
        pthread_rwlock_unlock(&v.t->lock);
        jd_doc d;
        if (ver) jd_doc_open(&d, (jd_str){ver->bytes, ver->n});
        for (size_t i = 0; ver && i < r->n && !r->mine; i++)
            for (uint32_t k = 0; k < r->list[i].p.types_n && r->list[i].tenant == tenant; k++)
                if (r->list[i].types[k] && jd_doc_has_type(&d, r->list[i].types[k])) r->mine = &r->list[i];
    }
    jd_view_end(&v);
    return r->mine;
}

uint64_t retain_every_ms(history *h) {
    retain *r = retain_begin(h);
    uint64_t every = 0;
    if (!r) return 0;
    for (size_t i = 0; i < r->n; i++) {
        uint64_t ms = (uint64_t)(r->now - jd_period_start(&r->list[i].p.raw, r->now, -1)) / 16000;
        if (ms < 1000) ms = 1000;
        if (ms > 86400000) ms = 86400000;
        if (!every || ms < every) every = ms;
    }
    retain_end(r);
    return every;
}

int retain_due(history *h, const hist_state *s) {
    retain *r = retain_begin(h);
    if (!r) return 0;
    jd_time newest = retain_horizon(r);
    retain_end(r);
    for (uint32_t i = 0; i < s->runs_n; i++)
        for (uint32_t k = 0; k < s->runs[i]->rows_n; k++)
            if (s->runs[i]->rows[k].head.from < newest) return 1;
    return 0;
}

/* ---- folding ---- */

/* Into all tiers or, when a sum would overflow, into none. */
static int fold(retain *r, const jd_policy *p, const jd_reading *x) {
    jd_fold with[JD_TIERS_MAX];
    if (!r->skeleton.p || !jd_str_eq(r->skeleton, x->skeleton)) r->skeleton = jd_arena_dup(&r->a, x->skeleton);
    for (uint32_t t = 0; t < r->tiers_n; t++) {
        const stash *s = &r->tier[t];
        jd_time at = jd_policy_floor(p, p->tier[t].seconds, x->at);
        with[t] = s->n && s->f[s->n - 1].at == at
                      ? s->f[s->n - 1]
                      : (jd_fold){.at = at, .skeleton = r->skeleton, .recorded = x->recorded};
        if (jd_fold_num(&with[t], x->nums[0])) return -1;
        if (x->recorded > with[t].recorded) with[t].recorded = x->recorded;
    }
    for (uint32_t t = 0; t < r->tiers_n; t++) {
        stash *s = &r->tier[t];
        if (s->n && s->f[s->n - 1].at == with[t].at) s->n--;
        if (s->n == s->cap) {
            s->cap = s->cap ? s->cap * 2 : 64;
            s->f = jd_xrealloc(s->f, s->cap * sizeof *s->f);
        }
        s->f[s->n++] = with[t];
    }
    return 0;
}

size_t retain_readings(retain *r, const jd_skey *key, jd_reading *list, size_t n, jd_time untouched) {
    const kept_policy *k = policy_of(r, key->entity);
    if (!k) return n;
    r->tiers_n = k->p.tiers_n;
    for (uint32_t t = 0; t < r->tiers_n; t++) {
        jd_skey of = *key;
        of.tier = k->p.tier[t].seconds;
        if (jd_skey_cmp(&r->tier[t].key, &of) != 0) r->tier[t].key = of, r->tier[t].n = 0;
    }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        const jd_reading *x = &list[i];
        int old = x->at < k->horizon && x->at < untouched && x->flags & JD_R_NUMERIC &&
                  !(x->flags & (JD_R_DELETED | JD_R_VOID | JD_R_CLEAR));
        /* of a time told more than once only the last told counts */
        int overtaken = i + 1 < n && list[i + 1].at == x->at && list[i + 1].flags & JD_R_NUMERIC;
        if (old && !overtaken) old = fold(r, &k->p, x) == 0; /* what is too large to be summed stays */
        if (!old) list[kept++] = list[i];
    }
    return kept;
}

static int write_folds(retain *r, const jd_skey *key, const jd_fold *f, size_t n, jd_rowmaker *m, sealer *s,
                       jd_err *err) {
    if (!n) return 0;
    jd_arena_reset(&r->scratch);
    jd_reading *list = jd_arena_alloc(&r->scratch, n * sizeof *list);
    jd_num *nums = jd_arena_alloc(&r->scratch, n * JD_FOLD_NUMS * sizeof *nums);
    for (size_t i = 0; i < n; i++) list[i] = jd_fold_reading(&f[i], nums + i * JD_FOLD_NUMS);
    return jd_rowmaker_add(m, key, list, n, sealer_row, s, err);
}

static jd_time kept_from(const kept_policy *k, uint32_t seconds) {
    for (uint32_t t = 0; k && t < k->p.tiers_n; t++)
        if (k->p.tier[t].seconds == seconds) return k->keep_from[t];
    return INT64_MIN; /* a tier of a policy that is no more: what it has stays */
}

/* Folds of the stash that are still to be kept, joined with those that are there already. */
int retain_tier(retain *r, const jd_skey *key, const jd_reading *list, size_t n, jd_time cleared, jd_rowmaker *m,
                sealer *s, jd_err *err) {
    stash *mine = NULL;
    for (uint32_t t = 0; t < r->tiers_n; t++)
        if (r->tier[t].n && jd_skey_cmp(&r->tier[t].key, key) == 0) mine = &r->tier[t];
    jd_time from = kept_from(policy_of(r, key->entity), key->tier);
    size_t more = mine ? mine->n : 0, kept = 0, j = 0;
    jd_fold *all = jd_xmalloc((n + more + 1) * sizeof *all);
    for (size_t i = 0; i < n || j < more;) {
        jd_fold f;
        if (i < n && (j == more || list[i].at <= mine->f[j].at)) {
            int bad = jd_fold_read(&list[i], &f), gone = cleared != JD_TIME_NONE && list[i].recorded <= cleared;
            i++;
            if (bad || gone) continue;
            if (j < more && mine->f[j].at == f.at && jd_fold_add(&f, &mine->f[j].h) == 0) {
                if (mine->f[j].recorded > f.recorded) f.recorded = mine->f[j].recorded;
                j++;
            }
        } else {
            f = mine->f[j++];
        }
        if (f.at >= from) all[kept++] = f;
    }
    if (mine) mine->n = 0;
    int rc = write_folds(r, key, all, kept, m, s, err);
    free(all);
    return rc;
}

int retain_flush(retain *r, const jd_skey *before, jd_rowmaker *m, sealer *s, jd_err *err) {
    for (uint32_t t = 0; t < r->tiers_n; t++) {
        stash *st = &r->tier[t];
        if (!st->n || (before && jd_skey_cmp(&st->key, before) >= 0)) continue;
        if (retain_tier(r, &st->key, NULL, 0, JD_TIME_NONE, m, s, err)) return -1;
    }
    return 0;
}

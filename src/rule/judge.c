/* One rule, one entity: which level holds, and what follows from that. The condition of a level that stands is its
 * `until`, so that a value that wavers about a limit does not raise it again and again; what is nothing decides
 * nothing. */
#include "rule/rule_int.h"

#include "base/log.h"

#include <stdio.h>

enum { REFRESH_US = 60000000 };

typedef enum verdict { UNKNOWN = -2, NONE = -1 } verdict; /* else the place of a level */

static int ask(judging *j, const jd_expr *x, int *known, jd_err *err) {
    jd_xval v;
    if (jd_expr_eval(x, &j->host, &v, err)) return -1;
    *known = v.type == JD_X_BOOL;
    return *known && v.yes;
}

/* Does level i hold, where `stands` says that it, or a worse one, holds already? 1, 0, UNKNOWN, or -1: *err. */
static int level_holds(judging *j, uint32_t i, int stands, jd_err *err) {
    int known, until_known = 1;
    int yes = ask(j, j->x->levels[i].when, &known, err);
    if (yes < 0 || yes) return yes;
    if (!stands || !j->x->levels[i].until) return known ? 0 : UNKNOWN;
    int over = ask(j, j->x->levels[i].until, &until_known, err);
    if (over < 0) return -1;
    return !until_known ? UNKNOWN : !over;
}

/* The worst level that holds. Of one that is worse than what stands nothing needs to be known: it did not come. */
static int worst(judging *j, int now_at, int *out, jd_err *err) {
    int unknown = 0;
    for (uint32_t i = 0; i < j->x->levels_n; i++) {
        int yes = level_holds(j, i, now_at >= 0 && (int)i >= now_at, err);
        if (yes == -1) return -1;
        if (yes == UNKNOWN) {
            unknown |= now_at < 0 || (int)i >= now_at;
        } else if (yes) {
            /* it would be less than what stands, and of that nothing is known */
            *out = unknown && now_at >= 0 && (int)i > now_at ? UNKNOWN : (int)i;
            return 0;
        }
    }
    *out = unknown ? UNKNOWN : NONE;
    return 0;
}

/* ---- what follows ---- */

void rule_failed(jd_rules *r, rule *x, jd_str entity, const jd_err *err) {
    atomic_fetch_add(&x->failures, 1);
    pthread_mutex_lock(&r->lock);
    snprintf(x->why, sizeof x->why, "%.*s: %.130s", (int)(entity.n > 60 ? 60 : entity.n), entity.p, err->en);
    pthread_mutex_unlock(&r->lock);
}

/* An evaluation failed: a rule that only fails is switched off. */
static void failed(jd_rules *r, rule *x, jd_str entity, const jd_err *err) {
    rule_failed(r, x, entity, err);
    if (++x->failed_run < r->o.failures_max) return;
    x->off = 1;
    jd_log(JD_LOG_ERROR, "rule.off", "rule=%.*s why=\"%s\"", JD_STR_ARG(x->key), x->why);
}

static void state_written(jd_rules *r, rstate *st) {
    effects_state(r->out, st);
}

static void raise(jd_rules *r, rule *x, rstate *st, judging *j, int level) {
    jd_err err = {0};
    int fresh = st->level < 0;
    effects_room(r->out, 4);
    alert_say say = {.fresh = fresh, .level = level, .now = j->now, .at = j->end, .times = st->times + (uint32_t)fresh};
    jd_write w;
    if (r->trial) {
        if (level != st->level) trial_raised(r->trial, x, j, level, fresh);
    } else if (alert_write(r, x, j, st->entity, &say, effects_arena(r->out), &w, &err)) {
        failed(r, x, st->entity, &err);
        return;
    } else {
        *effects_add(r->out) = w;
    }
    int worse = fresh || level < st->level;
    if (fresh) {
        st->times++;
        atomic_fetch_add(&x->raised, 1);
        atomic_fetch_add(&x->open, 1);
        atomic_fetch_add(&r->raised, 1);
    }
    st->level = level;
    st->written_at = j->now;
    st->pending = -1;
    st->pending_since = st->pending_wall = JD_TIME_NONE;
    if (fresh) silence_over(r, st->rule, st->entity); /* of one that somebody deleted */
    if (worse && !silence_keeps(r, st, x->levels[level].severity) && x->tell_n) st->tell_due = 1, st->tells++;
    if (fresh && x->command.on_raise) st->command_due = 1;
    state_written(r, st);
}

static void refresh(jd_rules *r, rule *x, rstate *st, judging *j) {
    if (st->written_at != JD_TIME_NONE && j->now >= st->written_at && j->now - st->written_at < REFRESH_US) return;
    raise(r, x, st, j, st->level);
}

static void judge_at(jd_rules *r, rule *x, const jd_doc *was, const jd_doc *is, uint64_t group, int by_time,
                     jd_time now, found *f);

/* Rules that waited for this one look again. */
static void free_those_that_waited(jd_rules *r, const rule *x, const jd_doc *is, jd_time now) {
    rule **all;
    if (!is || !x) return;
    jd_sym type;
    for (jd_bytes rest = is->types; jd_syms_next(&rest, &type);) {
        size_t n = rindex_waiting(r->index, type, &all);
        for (size_t i = 0; i < n; i++)
            for (uint32_t k = 0; k < all[i]->unless_n; k++)
                if (jd_str_eq(all[i]->unless[k], x->key)) judge_at(r, all[i], NULL, is, 0, 1, now, NULL);
    }
}

static void clear(jd_rules *r, rule *x, rstate *st, jd_time now, jd_time at, const char *why) {
    jd_err err = {0};
    jd_write w;
    effects_room(r->out, 4);
    if (r->trial) {
        trial_cleared(r->trial, x, st->level, now);
    } else if (alert_close_write(r, st->rule, st->entity, now, at, why, effects_arena(r->out), &w, &err)) {
        jd_log(JD_LOG_ERROR, "rule.clear", "rule=%.*s why=\"%s\"", JD_STR_ARG(st->rule), err.en);
        return;
    } else {
        *effects_add(r->out) = w;
    }
    silence_over(r, st->rule, st->entity);
    st->level = -1;
    st->clear_since = st->clear_wall = JD_TIME_NONE;
    st->tell_due = 0;
    if (x && x->command.on_clear) st->command_due = 2;
    state_written(r, st);
    if (x) atomic_fetch_add(&x->cleared, 1), atomic_fetch_sub(&x->open, 1);
    atomic_fetch_add(&r->cleared, 1);
}

static void forget_pending(jd_rules *r, rstate *st) {
    if (st->pending < 0 && st->clear_since == JD_TIME_NONE) return;
    st->pending = -1;
    st->pending_since = st->pending_wall = st->clear_since = st->clear_wall = JD_TIME_NONE;
    rstates_due(&r->states, st, 0);
    state_written(r, st);
}

static int is_suppressed(const jd_rules *r, const rule *x, jd_str entity, uint64_t entity_hash) {
    if (r->trial) return trial_is_suppressed(r->trial);
    for (uint32_t i = 0; i < x->unless_n; i++) {
        const rstate *st = rstates_find(&r->states, rstate_hash(jd_hash(x->unless[i].p, x->unless[i].n), entity_hash),
                                        x->unless[i], entity);
        if (st && st->level >= 0) return 1;
    }
    return 0;
}

/* Is a delay over: by the data's time, or by ours? Else it is due then. */
static int is_over(jd_rules *r, rstate *st, jd_time since, jd_time wall, int64_t delay, const judging *j) {
    if (j->now - wall >= delay || (!j->by_time && j->end - since >= delay)) return 1;
    int64_t left = delay - (j->now > wall ? j->now - wall : 0);
    if (!st->due_ms) {
        uint64_t ms = r->trial ? trial_ms(r->trial) : rules_ms();
        rstates_due(&r->states, st, ms + (uint64_t)(left / 1000) + 1);
    }
    return 0;
}

static void to_worse(jd_rules *r, rule *x, rstate *st, judging *j, int level) {
    if (!x->for_us) {
        raise(r, x, st, j, level);
        return;
    }
    /* while a worse one was waited for, this one held as well */
    if (st->pending < 0 || level < st->pending) {
        st->pending_since = j->end;
        st->pending_wall = j->now;
        rstates_due(&r->states, st, 0);
    }
    int changed = st->pending != level;
    st->pending = level;
    if (is_over(r, st, st->pending_since, st->pending_wall, x->for_us, j)) {
        rstates_due(&r->states, st, 0);
        raise(r, x, st, j, level);
    } else if (changed) {
        effects_room(r->out, 1);
        state_written(r, st);
    }
}

static void to_none(jd_rules *r, rule *x, rstate *st, judging *j) {
    if (x->clear_us && st->clear_since == JD_TIME_NONE) {
        st->clear_since = j->end;
        st->clear_wall = j->now;
        rstates_due(&r->states, st, 0);
        effects_room(r->out, 1);
        state_written(r, st);
    }
    if (x->clear_us && !is_over(r, st, st->clear_since, st->clear_wall, x->clear_us, j)) return;
    rstates_due(&r->states, st, 0);
    clear(r, x, st, j->now, j->end, "rule");
    free_those_that_waited(r, x, j->is, j->now);
}

static rstate *needed(jd_rules *r, rule *x, rstate *st, uint64_t hash, jd_str entity) {
    return st ? st : rstates_make(&r->states, hash, x->key, entity);
}

static void follow(jd_rules *r, rule *x, rstate *st, uint64_t hash, uint64_t entity_hash, judging *j, int level) {
    jd_str entity = j->is->id;
    if (st && st->by_hand >= 0) {
        if (level == NONE || level < st->by_hand) {
            st->by_hand = -1;
            effects_room(r->out, 1);
            state_written(r, st);
        } else {
            return; /* somebody cleared it, and it still holds */
        }
    }
    int stands = st ? st->level : -1;
    if (level == stands) {
        if (st) {
            effects_room(r->out, 1);
            forget_pending(r, st);
            if (stands >= 0) refresh(r, x, st, j);
        }
        return;
    }
    if (level == NONE) {
        effects_room(r->out, 1);
        if (st->pending >= 0) st->pending = -1, st->pending_since = st->pending_wall = JD_TIME_NONE;
        to_none(r, x, st, j);
        return;
    }
    if (st && st->clear_since != JD_TIME_NONE) {
        st->clear_since = st->clear_wall = JD_TIME_NONE;
        rstates_due(&r->states, st, 0);
    }
    if (stands >= 0 && level > stands) { /* less bad: at once */
        raise(r, x, st, j, level);
        return;
    }
    if (stands < 0 && x->unless_n && is_suppressed(r, x, entity, entity_hash)) {
        if (st) effects_room(r->out, 1), forget_pending(r, st);
        return;
    }
    to_worse(r, x, needed(r, x, st, hash, entity), j, level);
}

/* ---- when, and whether ---- */

/* The time of what is judged: the newest observedAt among the attributes that changed (of all that it reads, by time);
 * when they were written, where none of them has any. */
static jd_time time_of_data(const rule *x, const jd_doc *was, const jd_doc *is, found *f) {
    jd_time observed = JD_TIME_NONE, written = JD_TIME_NONE;
    jd_attrview room, older;
    for (uint32_t i = 0; i < x->watched_n; i++) {
        const jd_attrview *a = found_attr(f, is, 0, x->watched[i], &room), *b;
        if (!a) continue;
        b = was ? found_attr(f, was, 1, x->watched[i], &older) : NULL;
        if (b && a->observed == b->observed && a->modified == b->modified) continue;
        if (a->observed > observed) observed = a->observed;
        if (a->modified > written) written = a->modified;
    }
    return observed == JD_TIME_NONE ? written : observed;
}

int judge_is_unclaimed(const rule *x, const jd_doc *is, found *f) {
    jd_attrview room;
    const jd_attrview *a = x->device_state ? found_attr(f, is, 0, x->device_state, &room) : NULL;
    return a && jd_node_type(a->value) == JD_N_STR && jd_str_is(jd_node_str(a->value), "new");
}

static void derive(jd_rules *r, rule *x, judging *j) {
    jd_xval v;
    jd_err err = {0};
    jd_arena *a = effects_arena(r->out);
    if (jd_expr_eval(x->levels[0].when, &j->host, &v, &err)) {
        failed(r, x, j->is->id, &err);
        return;
    }
    x->failed_run = 0;
    if (v.type == JD_X_NULL || v.type == JD_X_PLACE) return;
    jd_time at = j->end == j->now ? j->now - j->now % 60000000 : j->end;
    effects_room(r->out, 1);
    a = effects_arena(r->out);
    jd_buf text = {0};
    if (v.type == JD_X_TEXT)
        jd_buf_str(&text, v.text);
    else
        jd_xval_text(&v, &text);
    jd_str s = jd_arena_dup(a, jd_buf_view(&text));
    jd_buf_fini(&text);
    jd_jval value = v.type == JD_X_BOOL  ? jd_jmake_bool(v.yes)
                    : v.type == JD_X_NUM ? (jd_jval){.type = JD_JNUM, .n = (uint32_t)s.n, .s = s.p}
                                         : jd_jmake_str(s);
    jd_attr attr = {.name = x->derives,
                    .kind = JD_PROPERTY,
                    .observed = at,
                    .observed_digits = at % 1000000 ? 6 : 0,
                    .expires = JD_TIME_NONE,
                    .unit = x->unit,
                    .created = JD_TIME_NONE,
                    .modified = JD_TIME_NONE,
                    .value = value,
                    .has_value = 1};
    jd_told t = {.id = jd_arena_dup(a, j->is->id), .types = &x->type, .types_n = 1, .attrs = &attr, .attrs_n = 1};
    jd_write w;
    if (jd_observe_readings(r->o.engine, &t, a, &w, &err))
        failed(r, x, j->is->id, &err);
    else
        *effects_add(r->out) = w;
}

static void gone(jd_rules *r, rule *x, rstate *st, jd_time now) {
    if (!st) return;
    rstates_due(&r->states, st, 0);
    if (st->level >= 0) {
        clear(r, x, st, now, now, "gone");
        return;
    }
    effects_room(r->out, 1);
    forget_pending(r, st);
}

/* group: up to which the entity was seen; what is older is not judged any more. */
static void judge_at(jd_rules *r, rule *x, const jd_doc *was, const jd_doc *is, uint64_t group, int by_time,
                     jd_time now, found *f) {
    jd_str id = is ? is->id : was->id;
    uint64_t entity_hash = jd_hash(id.p, id.n), hash = rstate_hash(x->hash, entity_hash);
    rstate *st = rstates_find(&r->states, hash, x->key, id);
    jd_err err = {0};
    if (x->off || (x->entity.p && !jd_str_eq(x->entity, id)) || (!by_time && st && group <= st->group)) return;
    if (!is) {
        gone(r, x, st, now);
        return;
    }
    if (!x->derives && judge_is_unclaimed(x, is, f)) return;
    jd_time at = time_of_data(x, was, is, f);
    if (at == JD_TIME_NONE) at = time_of_data(x, NULL, is, f); /* it was claimed */
    jd_time came = r->trial ? trial_came(r->trial) : now;
    if (x->old_us && !x->old_count && at != JD_TIME_NONE && came - at > x->old_us) return;
    jd_arena_reset(&r->arena);
    rules_view(r);
    judging j = {.e = r->o.engine, .x = x, .was = was, .is = is, .view = &r->view, .a = &r->arena, .now = now};
    j.found = f;
    j.by_time = by_time;
    j.end = at != JD_TIME_NONE && !(by_time && x->every_us) ? at : now;
    j.readings_max = r->o.readings_max;
    judging_ready(&j);
    atomic_fetch_add_explicit(&x->judged, 1, memory_order_relaxed);
    int level = NONE, known = 1, selected = x->where ? ask(&j, x->where, &known, &err) : 1;
    if (selected < 0 || (selected && !x->derives && worst(&j, st ? st->level : -1, &level, &err))) {
        failed(r, x, id, &err);
        return;
    }
    if (!selected && !known) return;
    if (x->derives) {
        if (selected) derive(r, x, &j);
        return;
    }
    x->failed_run = 0;
    if (st && group) st->group = group; /* written with what follows, if anything does */
    if (level == UNKNOWN) return;
    if (!st && level == NONE) return;
    follow(r, x, st, hash, entity_hash, &j, level);
    if (group && !st && (st = rstates_find(&r->states, hash, x->key, id))) st->group = group;
}

void judge(jd_rules *r, rule *x, const jd_doc *was, const jd_doc *is, uint64_t group, jd_time now, found *f) {
    judge_at(r, x, was, is, group, 0, now, f);
}

void judge_by_time(jd_rules *r, rule *x, const jd_doc *is, jd_time now, found *f) {
    judge_at(r, x, NULL, is, r->view.group, 1, now, f);
}

void judge_removed(jd_rules *r, rstate *st, jd_time now) {
    rstates_due(&r->states, st, 0);
    if (st->level >= 0) clear(r, NULL, st, now, now, "removed");
}

/* The mapping's "time". */
#include "table/map_int.h"

static const char *const part_names[] = {"year", "month", "day", "hour", "minute", "second"};

static int by_cell(map_ref ref) {
    return ref == REF_CELL || ref == REF_COLUMN;
}

static int read_parts(jd_map *m, const jd_jval *v) {
    map_time *t = &m->time;
    if (map__object(m, v, "parts")) return -1;
    t->kind = TIME_PARTS;
    int finer_given = 0;
    for (int i = 5; i >= 0; i--) {
        const jd_jval *p = jd_jget(v, part_names[i]);
        if (!p) {
            if (finer_given)
                return MAP_FAIL(m, "a finer part is given, but \"%s\" is missing", "给出了更细的部分，但缺少“%s”",
                                part_names[i]);
            continue;
        }
        finer_given = 1;
        map_spot was = map__enter(m, jd_str_of(part_names[i]), p);
        t->parts[i] = (map_time_part){.ref = REF_NONE, .given = 1};
        if (p->type == JD_JNUM) {
            double n = jd_jnum(p);
            if (!(n >= 0 && n <= 9999) || n != (double)(int)n) return MAP_FAIL(m, "must be a whole number", "应为整数");
            t->parts[i].constant = (int)n;
        } else if (map__ref(m, jd_jstr(p), 1, &t->parts[i].ref)) {
            return -1;
        }
        t->by_cell |= by_cell(t->parts[i].ref);
        map__leave(m, was);
    }
    return 0;
}

static int read_columns(jd_map *m, const jd_jval *v) {
    map_time *t = &m->time;
    const jd_jval *list = jd_jget(v, "columns"), *one = jd_jget(v, "column");
    const jd_jval *items = list ? list->items : one;
    t->refs_n = list ? list->n : 1;
    t->refs = JD_NEWN(&m->arena, map_ref, t->refs_n ? t->refs_n : 1);
    map_spot was = map__enter(m, list ? JD_STR("columns") : JD_STR("column"), list ? list : one);
    if (!t->refs_n) return MAP_FAIL(m, "must not be empty", "不能为空");
    for (size_t i = 0; i < t->refs_n; i++) {
        if (items[i].type != JD_JSTR) return MAP_FAIL(m, "must hold strings", "应为字符串");
        if (map__ref(m, jd_jstr(&items[i]), 1, &t->refs[i])) return -1;
        t->by_cell |= by_cell(t->refs[i]);
    }
    map__leave(m, was);
    return 0;
}

static int read_form(jd_map *m, const jd_jval *v) {
    map_time *t = &m->time;
    static const struct {
        const char *name;
        map_time_kind kind;
        int64_t unit;
    } named[] = {{"iso", TIME_ISO, 0},
                 {"epoch-s", TIME_EPOCH, 1000000},
                 {"epoch-ms", TIME_EPOCH, 1000},
                 {"epoch-us", TIME_EPOCH, 1},
                 {"excel", TIME_EXCEL, 0}};
    t->kind = TIME_ISO;
    if (!v) return 0;
    map_spot was = map__enter(m, JD_STR("form"), v);
    t->kind = TIME_NONE;
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (jd_jis(v, named[i].name)) {
            t->kind = named[i].kind;
            t->epoch_unit = named[i].unit;
        }
    if (t->kind == TIME_NONE) {
        jd_err why;
        t->kind = TIME_FORM;
        t->form = jd_jstr(v);
        if (table__form_valid(t->form, &why)) return MAP_FAIL(m, "%s%.0s", "%.0s%s", why.en, why.zh);
    }
    map__leave(m, was);
    return 0;
}

static int read_zone(jd_map *m, const jd_jval *v) {
    map_spot was = map__enter(m, JD_STR("zone"), v);
    m->time.zone = jd_jstr(v);
    jd_zone *z = jd_zone_open(m->time.zone, 1);
    if (!z)
        return MAP_FAIL(m, "there is no zone \"%.*s\"; write UTC, +08:00 or a name such as Asia/Shanghai",
                        "没有时区“%.*s”；可写 UTC、+08:00 或 Asia/Shanghai 等名称", JD_STR_ARG(m->time.zone));
    jd_zone_close(z);
    map__leave(m, was);
    return 0;
}

static int read_instant(jd_map *m, const jd_jval *v, const char *member, jd_time *out) {
    const jd_jval *p = jd_jget(v, member);
    if (!p) return 0;
    map_spot was = map__enter(m, jd_str_of(member), p);
    if (jd_time_parse(jd_jstr(p), out, NULL))
        return MAP_FAIL(m, "must be a DateTime such as 2000-01-01T00:00:00Z", "应为形如 2000-01-01T00:00:00Z 的时间");
    map__leave(m, was);
    return 0;
}

/* A member of one of some words; *out stays what it is when the member is not there. */
static int read_word(jd_map *m, const jd_jval *v, const char *member, const char *words, int *out) {
    const jd_jval *p = jd_jget(v, member);
    if (!p) return 0;
    map_spot was = map__enter(m, jd_str_of(member), p);
    if ((*out = map__word(m, p, words)) < 0) return -1;
    map__leave(m, was);
    return 0;
}

static int needs_zone(jd_map *m) {
    const map_time *t = &m->time;
    if (t->zone.n || t->kind == TIME_EPOCH || t->kind == TIME_ISO) return 0; /* of ISO each text must say it then */
    for (size_t i = 0; t->kind == TIME_FORM && i + 1 < t->form.n; i++) {
        if (t->form.p[i] != '%') continue;
        if (t->form.p[++i] == 'z') return 0;
    }
    return MAP_FAIL(m, "\"zone\" is missing (UTC, +08:00, or a name such as Asia/Shanghai)",
                    "缺少“zone”（UTC、+08:00 或 Asia/Shanghai 等名称）");
}

int map__time(jd_map *m, const jd_jval *v) {
    map_time *t = &m->time;
    if (map__object(m, v, "time")) return -1;
    const jd_jval *p = jd_jget(v, "parts");
    int ways = (p != NULL) + (jd_jget(v, "column") != NULL) + (jd_jget(v, "columns") != NULL);
    if (ways != 1) return MAP_FAIL(m, "wants one of column, columns, parts", "应有 column、columns、parts 之一");
    t->not_before = INT64_MIN + 1;
    t->not_after = INT64_MAX;
    if (p) {
        map_spot was = map__enter(m, JD_STR("parts"), p);
        if (read_parts(m, p)) return -1;
        map__leave(m, was);
        if (jd_jget(v, "form"))
            return MAP_FAIL(m, "\"form\" and \"parts\" exclude each other", "“form”与“parts”不能同时使用");
    } else if (read_columns(m, v) || read_form(m, jd_jget(v, "form"))) {
        return -1;
    }
    if ((p = jd_jget(v, "zone")) && read_zone(m, p)) return -1;
    int twice = TWICE_FIRST;
    if (read_word(m, v, "repeatedHour", "first|second|order|refuse", &twice) ||
        read_word(m, v, "skippedHour", "refuse|shift", &t->shift) ||
        read_word(m, v, "midnight", "start|end", &t->midnight_end) ||
        read_word(m, v, "standsFor", "start|end", &t->stands_end) || read_instant(m, v, "notBefore", &t->not_before) ||
        read_instant(m, v, "notAfter", &t->not_after))
        return -1;
    t->twice = (map_twice)twice;
    if ((p = jd_jget(v, "addYears"))) {
        double n = jd_jnum(p);
        if (!(n >= -9999 && n <= 9999) || n != (double)(int)n)
            return MAP_FAIL(m, "addYears must be a whole number", "addYears 应为整数");
        t->add_years = (int)n;
    }
    return needs_zone(m);
}

/* Contacts and rosters: checked member by member, and compiled. */
#include "people/people_int.h"

#include <stdlib.h>
#include <string.h>

enum { WINDOWS_MAX = 100, SHIFTS_MAX = 1000, DEPUTIES_MAX = 16, ADDRESSES_MAX = 16, AFTER_MAX_MIN = 10080 };
enum { WINDOW_S = 600, WINDOW_MAX_S = 3600, PER_HOUR = 20, PER_HOUR_MAX = 100, BURST = 5, AFTER_RED_MIN = 15 };
#define ZONE "Asia/Shanghai"

int people_bad(jd_err *err, const char *place, const char *en, const char *zh) {
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s: %s%.0s", "%s：%.0s%s", place, en, zh);
    return jd_fail_at(err, "%s", place);
}

int people_id_valid(jd_str s) {
    if (!s.n || s.n > PEOPLE_ID_MAX) return 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!(((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
            return 0;
    }
    return 1;
}

/* ---- pieces ---- */

typedef struct reading {
    jd_arena *a;
    jd_err *err;
    const char *at; /* where we are, for messages: "shifts[2]." or "" */
} reading;

static const char *place(const reading *r, const char *name) {
    return jd_arena_printf(r->a, "%s%s", r->at, name).p;
}

static int known(const reading *r, const jd_jval *v, const char *const *names) {
    if (v->type != JD_JOBJ) {
        const char *at = r->at[0] ? jd_arena_printf(r->a, "%.*s", (int)strlen(r->at) - 1, r->at).p : "body";
        return people_bad(r->err, at, "must be an object", "须为对象");
    }
    for (uint32_t i = 0; i < v->n; i++) {
        size_t k = 0;
        while (names[k] && !jd_str_is(v->members[i].name, names[k])) k++;
        if (names[k]) continue;
        jd_str n = v->members[i].name;
        return people_bad(r->err, place(r, jd_arena_printf(r->a, "%.*s", (int)(n.n > 60 ? 60 : n.n), n.p).p),
                          "is not known here", "不是这里的成员");
    }
    return 0;
}

/* A text without control characters; absent leaves *out. */
static int text(const reading *r, const jd_jval *v, const char *name, size_t max, int needed, jd_str *out) {
    const jd_jval *m = jd_jget(v, name);
    if (!m) return needed ? people_bad(r->err, place(r, name), "must be there", "必须给出") : 0;
    int ok = m->type == JD_JSTR && m->n && m->n <= max;
    for (uint32_t i = 0; ok && i < m->n; i++) ok = (unsigned char)m->s[i] >= ' ' && m->s[i] != 127;
    if (!ok)
        return people_bad(r->err, place(r, name), "must be a text of one line, not too long", "须为单行文本且不能过长");
    *out = jd_arena_dup(r->a, jd_jstr(m));
    return 0;
}

static int number(const reading *r, const jd_jval *v, const char *name, double least, double most, int *out) {
    const jd_jval *m = jd_jget(v, name);
    if (!m) return 0;
    double d = m->type == JD_JNUM ? jd_jnum(m) : -1;
    if (d >= least && d <= most && d == (double)(int)d) {
        *out = (int)d;
        return 0;
    }
    jd_fail(r->err, JD_E_BAD_REQUEST_DATA, "%s must be a whole number from %g to %g", "%s 须为 %g 到 %g 的整数",
            place(r, name), least, most);
    return jd_fail_at(r->err, "%s", place(r, name));
}

/* The array `name`: *n items, or none. */
static int list(const reading *r, const jd_jval *v, const char *name, size_t max, const jd_jval **out) {
    *out = jd_jget(v, name);
    if (!*out) return 0;
    if ((*out)->type == JD_JARR && (*out)->n <= max) return 0;
    jd_fail(r->err, JD_E_BAD_REQUEST_DATA, "%s must be a list of at most %zu", "%s 须为列表，最多 %zu 项",
            place(r, name), max);
    return jd_fail_at(r->err, "%s", place(r, name));
}

static reading item(const reading *r, const char *name, uint32_t i) {
    return (reading){r->a, r->err, jd_arena_printf(r->a, "%s%s[%u].", r->at, name, i).p};
}

static int zone(const reading *r, const jd_jval *v, jd_str *out) {
    *out = JD_STR(ZONE);
    if (text(r, v, "zone", 79, 0, out)) return -1;
    jd_zone *z = jd_zone_open(*out, 0);
    if (!z)
        return people_bad(r->err, place(r, "zone"), "must be a time zone such as Asia/Shanghai",
                          "须为时区名，如 Asia/Shanghai");
    jd_zone_close(z);
    return 0;
}

static int who(const reading *r, const jd_jval *v, const char *name, int needed, jd_str *out) {
    if (text(r, v, name, PEOPLE_ID_MAX, needed, out)) return -1;
    if (!out->p || people_id_valid(*out)) return 0;
    return people_bad(r->err, place(r, name), "must be the id of a contact", "须为联系人的标识");
}

static int deputies(const reading *r, const jd_jval *v, duty *d) {
    const jd_jval *l;
    if (list(r, v, "deputies", DEPUTIES_MAX, &l)) return -1;
    if (!l) return 0;
    d->deputies = JD_NEWN(r->a, jd_str, l->n);
    for (uint32_t i = 0; i < l->n; i++) {
        jd_str id = l->items[i].type == JD_JSTR ? jd_jstr(&l->items[i]) : (jd_str){NULL, 0};
        if (!people_id_valid(id)) {
            char at[40];
            snprintf(at, sizeof at, "deputies[%u]", i);
            return people_bad(r->err, place(r, at), "must be the id of a contact", "须为联系人的标识");
        }
        d->deputies[d->deputies_n++] = jd_arena_dup(r->a, id);
    }
    return 0;
}

static int escalate(const reading *r, const jd_jval *v, escalation *e) {
    const jd_jval *m = jd_jget(v, "escalation");
    static const char *const names[] = {"red", "orange", "yellow", "blue", "info", NULL};
    reading in = {r->a, r->err, place(r, "escalation.")};
    *e = (escalation){.after_min = {AFTER_RED_MIN}};
    if (!m) return 0;
    if (known(&in, m, names)) return -1;
    e->after_min[JD_RED] = 0;
    for (int i = 0; i < JD_SEVERITIES; i++)
        if (number(&in, m, names[i], 0, AFTER_MAX_MIN, &e->after_min[i])) return -1;
    return 0;
}

static int days(const reading *r, const jd_jval *v, unsigned *out) {
    const jd_jval *l;
    *out = 0x7f;
    if (list(r, v, "days", 7, &l)) return -1;
    if (!l) return 0;
    *out = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        int d = l->items[i].type == JD_JSTR ? when_weekday(jd_jstr(&l->items[i])) : -1;
        if (d < 0)
            return people_bad(r->err, place(r, "days"), "must name days: mon, tue, wed, thu, fri, sat, sun",
                              "须为 mon、tue、wed、thu、fri、sat、sun 的列表");
        *out |= 1u << d;
    }
    return *out ? 0 : people_bad(r->err, place(r, "days"), "must name a day", "至少给出一天");
}

static int clock_of(const reading *r, const jd_jval *v, const char *name, int least, int most, int *out) {
    const jd_jval *m = jd_jget(v, name);
    int t = m && m->type == JD_JSTR ? when_minute(jd_jstr(m)) : -1;
    if (!m && *out >= 0) return 0;
    if (t < least || t > most)
        return people_bad(r->err, place(r, name), "must be a time of day such as 08:00 (an end may be 24:00)",
                          "须为一天中的时刻，如 08:00（结束可为 24:00）");
    *out = t;
    return 0;
}

static int window(const reading *r, const jd_jval *v, int dated, when_window *w) {
    const jd_jval *d = jd_jget(v, "date");
    *w = (when_window){.dated = dated, .from = dated ? 0 : -1, .to = dated ? WHEN_DAY_MIN : -1};
    if (clock_of(r, v, "from", 0, WHEN_DAY_MIN - 1, &w->from) || clock_of(r, v, "to", 1, WHEN_DAY_MIN, &w->to))
        return -1;
    if (!dated) return days(r, v, &w->days);
    if (d && d->type == JD_JSTR && !when_date(jd_jstr(d), &w->date)) return 0;
    return people_bad(r->err, place(r, "date"), "must be a day such as 2026-10-01", "须为日期，如 2026-10-01");
}

/* ---- contacts ---- */

static int severities(const reading *r, const jd_jval *v, unsigned *out) {
    const jd_jval *l;
    *out = (1u << JD_SEVERITIES) - 1;
    if (list(r, v, "severities", JD_SEVERITIES, &l)) return -1;
    if (!l) return 0;
    *out = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        int s = l->items[i].type == JD_JSTR ? jd_severity_find(jd_jstr(&l->items[i])) : -1;
        if (s < 0)
            return people_bad(r->err, place(r, "severities"), "must name red, orange, yellow, blue or info",
                              "须为 red、orange、yellow、blue、info 的列表");
        *out |= 1u << s;
    }
    return 0;
}

static int addresses(const reading *r, const jd_jval *v, contact *c) {
    static const char *const names[] = {"channel", "address", "severities", NULL};
    const jd_jval *l;
    if (list(r, v, "addresses", ADDRESSES_MAX, &l)) return -1;
    if (!l || !l->n) return people_bad(r->err, place(r, "addresses"), "must name an address", "至少给出一个地址");
    c->addresses = JD_NEWN(r->a, address, l->n);
    for (uint32_t i = 0; i < l->n; i++, c->addresses_n++) {
        reading in = item(r, "addresses", i);
        address *to = &c->addresses[i];
        if (known(&in, &l->items[i], names) || text(&in, &l->items[i], "channel", PEOPLE_ID_MAX, 1, &to->channel) ||
            text(&in, &l->items[i], "address", 300, 1, &to->address) || severities(&in, &l->items[i], &to->severities))
            return -1;
    }
    return 0;
}

static int quiet(const reading *r, const jd_jval *v, contact *c) {
    static const char *const names[] = {"from", "to", "days", NULL};
    const jd_jval *l;
    if (list(r, v, "quietHours", WINDOWS_MAX, &l)) return -1;
    if (!l) return 0;
    c->quiet = JD_NEWN(r->a, when_window, l->n);
    for (uint32_t i = 0; i < l->n; i++, c->quiet_n++) {
        reading in = item(r, "quietHours", i);
        if (known(&in, &l->items[i], names) || window(&in, &l->items[i], 0, &c->quiet[i])) return -1;
    }
    if (!when_always(c->quiet, c->quiet_n)) return 0;
    return people_bad(r->err, place(r, "quietHours"), "leave no minute of the week", "占满了整个星期");
}

static int grouping(const reading *r, const jd_jval *v, contact *c) {
    static const char *const names[] = {"windowSeconds", "perHour", "burst", NULL};
    const jd_jval *g = jd_jget(v, "grouping");
    reading in = {r->a, r->err, place(r, "grouping.")};
    int seconds = WINDOW_S, per_hour = PER_HOUR, burst = -1;
    if (g && (known(&in, g, names) || number(&in, g, "windowSeconds", 1, WINDOW_MAX_S, &seconds) ||
              number(&in, g, "perHour", 1, PER_HOUR_MAX, &per_hour) || number(&in, g, "burst", 1, per_hour, &burst)))
        return -1;
    if (burst < 0) burst = per_hour < BURST ? per_hour : BURST;
    c->window_us = (int64_t)seconds * 1000000;
    c->pace = (when_pace){(uint32_t)per_hour, (uint32_t)burst};
    return 0;
}

static int contact_read(const reading *r, const jd_jval *v, contact *c) {
    static const char *const names[] = {"id",       "name",       "addresses", "language",    "quietHours", "zone",
                                        "deputies", "escalation", "grouping",  "description", NULL};
    jd_str language = JD_STR("zh");
    if (known(r, v, names) || text(r, v, "name", 200, 0, &c->name) || text(r, v, "language", 2, 0, &language) ||
        zone(r, v, &c->zone_name) || addresses(r, v, c) || quiet(r, v, c) || deputies(r, v, &c->chain) ||
        escalate(r, v, &c->escalation) || grouping(r, v, c))
        return -1;
    c->zh = jd_str_is(language, "zh");
    if (!c->zh && !jd_str_is(language, "en"))
        return people_bad(r->err, "language", "must be zh or en", "须为 zh 或 en");
    return 0;
}

int contact_compile(jd_str id, const jd_jval *v, contact **out, jd_err *err) {
    contact *c = jd_xcalloc(1, sizeof *c);
    jd_arena_init(&c->arena);
    c->id = jd_arena_dup(&c->arena, id);
    c->name = c->id;
    c->chain.contact = c->id;
    reading r = {&c->arena, err, ""};
    if (contact_read(&r, v, c)) {
        contact_free(c);
        return -1;
    }
    *out = c;
    return 0;
}

void contact_free(contact *c) {
    if (!c) return;
    jd_arena_fini(&c->arena);
    free(c);
}

/* ---- rosters ---- */

static int shifts(const reading *r, const jd_jval *l, const char *name, int dated, roster *o) {
    static const char *const weekly[] = {"days", "from", "to", "contact", "deputies", NULL};
    static const char *const once[] = {"date", "from", "to", "contact", "deputies", NULL};
    for (uint32_t i = 0; l && i < l->n; i++, o->n++) {
        reading in = item(r, name, i);
        if (known(&in, &l->items[i], dated ? once : weekly) || window(&in, &l->items[i], dated, &o->windows[o->n]) ||
            who(&in, &l->items[i], "contact", 1, &o->duties[o->n].contact) ||
            deputies(&in, &l->items[i], &o->duties[o->n]))
            return -1;
    }
    return 0;
}

static int roster_read(const reading *r, const jd_jval *v, roster *o) {
    static const char *const names[] = {"id",        "name",       "zone",        "shifts", "exceptions",
                                        "otherwise", "escalation", "description", NULL};
    static const char *const otherwise[] = {"contact", "deputies", NULL};
    const jd_jval *weekly, *dated, *rest = jd_jget(v, "otherwise");
    reading in = {r->a, r->err, "otherwise."};
    if (known(r, v, names) || text(r, v, "name", 200, 0, &o->name) || zone(r, v, &o->zone_name) ||
        list(r, v, "shifts", SHIFTS_MAX, &weekly) || list(r, v, "exceptions", SHIFTS_MAX, &dated) ||
        escalate(r, v, &o->escalation))
        return -1;
    size_t n = (weekly ? weekly->n : 0) + (dated ? dated->n : 0);
    o->windows = JD_NEWN(r->a, when_window, n + 1);
    o->duties = JD_NEWN(r->a, duty, n + 1);
    if (shifts(r, dated, "exceptions", 1, o) || shifts(r, weekly, "shifts", 0, o)) return -1;
    if (rest && (known(&in, rest, otherwise) || who(&in, rest, "contact", 1, &o->otherwise.contact) ||
                 deputies(&in, rest, &o->otherwise)))
        return -1;
    if (n || rest) return 0;
    return people_bad(r->err, "shifts", "must say who is on duty", "须说明谁值班");
}

int roster_compile(jd_str id, const jd_jval *v, roster **out, jd_err *err) {
    roster *o = jd_xcalloc(1, sizeof *o);
    jd_arena_init(&o->arena);
    o->id = jd_arena_dup(&o->arena, id);
    o->name = o->id;
    reading r = {&o->arena, err, ""};
    if (roster_read(&r, v, o)) {
        roster_free(o);
        return -1;
    }
    *out = o;
    return 0;
}

void roster_free(roster *o) {
    if (!o) return;
    jd_arena_fini(&o->arena);
    free(o);
}

const duty *roster_duty(const roster *o, jd_zone *z, jd_time at) {
    int i = when_first(z, o->windows, o->n, at);
    if (i >= 0) return &o->duties[i];
    return o->otherwise.contact.p ? &o->otherwise : NULL;
}

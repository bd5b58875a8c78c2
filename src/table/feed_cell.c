/* What stands in a row: cells by reference, marks for "nothing", conditions, templates, and the row's instant. */
#include "table/feed_int.h"

#include <stdio.h>

/* ---- cells ---- */

jd_table_cell feed__cell(const jd_feed *f, map_ref ref) {
    switch (ref) {
    case REF_CELL: return f->row->cells[f->each[f->each_now]];
    case REF_COLUMN: return (jd_table_cell){.text = f->names[f->each[f->each_now]]};
    case REF_FILE: return (jd_table_cell){.text = f->file};
    case REF_STEM: return (jd_table_cell){.text = f->stem};
    default: break;
    }
    long at = ref >= 0 ? f->at[ref] : -1;
    return at >= 0 && (size_t)at < f->row->n ? f->row->cells[at] : (jd_table_cell){0};
}

jd_str feed__column(const jd_feed *f, map_ref ref) {
    if (ref == REF_CELL || ref == REF_COLUMN) return f->names[f->each[f->each_now]];
    if (ref == REF_FILE || ref == REF_STEM) return JD_STR("@file");
    return ref >= 0 ? f->map->cols[ref].name : JD_STR("");
}

static int marked(const jd_map *m, const map_marks *marks, jd_str s) {
    for (size_t i = 0; i < marks->texts_n; i++)
        if (jd_str_eq(marks->texts[i], s)) return 1;
    if (!marks->nums_n || !s.n || s.n > 60) return 0;
    jd_arena a;
    jd_str number;
    jd_arena_init(&a);
    int hit = 0;
    if (!table__number(s, m->point, m->thousands, &a, &number)) {
        double v = table__double(number);
        for (size_t i = 0; i < marks->nums_n && !hit; i++) hit = !(v < marks->nums[i]) && !(v > marks->nums[i]);
    }
    jd_arena_fini(&a);
    return hit;
}

int feed__is_missing(const jd_feed *f, const map_marks *own, const jd_table_cell *c) {
    if (!c->text.n)
        return !c->value || (c->value->type != JD_JARR && c->value->type != JD_JOBJ && c->value->type != JD_JDEC);
    if (f->map->missing.texts_n + f->map->missing.nums_n && marked(f->map, &f->map->missing, c->text)) return 1;
    return own && own->texts_n + own->nums_n && marked(f->map, own, c->text);
}

/* ---- conditions ---- */

static int holds(const jd_feed *f, const map_test *t) {
    jd_table_cell c = feed__cell(f, t->ref);
    int hit = 0;
    if (t->kind == TEST_MISSING) hit = feed__is_missing(f, NULL, &c);
    for (size_t i = 0; i < t->n && !hit; i++)
        hit = t->kind == TEST_LIKE ? map__like(t->any[i], c.text, NULL) : jd_str_eq(t->any[i], c.text);
    return t->negate ? !hit : hit;
}

int feed__cond(const jd_feed *f, const map_cond *c) {
    for (size_t i = 0; i < c->n; i++)
        if (!holds(f, &c->tests[i])) return 0;
    return 1;
}

/* ---- templates ---- */

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

static int is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

static void slug(jd_buf *b, size_t from) {
    size_t to = from, n = b->n;
    for (size_t i = from; i < n; i++) {
        if (is_word(b->p[i]))
            b->p[to++] = lower(b->p[i]);
        else if (to > from && b->p[to - 1] != '-')
            b->p[to++] = '-';
    }
    while (to > from && b->p[to - 1] == '-') to--;
    b->n = to;
}

static void percent(jd_buf *b, size_t from) {
    jd_buf plain = {0};
    jd_buf_add(&plain, b->p + from, b->n - from);
    b->n = from;
    for (size_t i = 0; i < plain.n; i++) {
        char c = plain.p[i];
        if ((is_word(c) && (unsigned char)c < 0x80) || memchr("-._~", c, 4))
            jd_buf_c(b, c);
        else
            jd_buf_printf(b, "%%%02X", (unsigned)(unsigned char)c);
    }
    jd_buf_fini(&plain);
}

static void pad(jd_buf *b, size_t from, int n) {
    size_t had = 0;
    for (size_t i = from; i < b->n; i++) had += ((unsigned char)b->p[i] & 0xC0) != 0x80;
    if (had >= (size_t)n) return;
    size_t more = (size_t)n - had;
    jd_buf_room(b, more);
    memmove(b->p + from + more, b->p + from, b->n - from);
    memset(b->p + from, '0', more);
    b->n += more;
}

static void filtered(jd_buf *b, size_t from, const map_part *p) {
    for (int i = 0; i < p->filters_n; i++) switch (p->filters[i].kind) {
        case FILTER_LOWER:
            for (size_t k = from; k < b->n; k++) b->p[k] = lower(b->p[k]);
            break;
        case FILTER_UPPER:
            for (size_t k = from; k < b->n; k++)
                if (b->p[k] >= 'a' && b->p[k] <= 'z') b->p[k] = (char)(b->p[k] & ~32);
            break;
        case FILTER_SLUG: slug(b, from); break;
        case FILTER_URI: percent(b, from); break;
        case FILTER_PAD: pad(b, from, p->filters[i].n); break;
        }
}

int feed__template(const jd_feed *f, const map_tpl *t, jd_buf *out, map_ref *missing) {
    out->n = 0;
    for (size_t i = 0; i < t->n; i++) {
        const map_part *p = &t->parts[i];
        if (!p->alts_n) {
            jd_buf_str(out, p->literal);
            continue;
        }
        jd_str s = {NULL, 0};
        for (int k = 0; k < p->alts_n && !s.n; k++) {
            jd_table_cell c = feed__cell(f, p->alts[k]);
            if (!feed__is_missing(f, NULL, &c)) s = c.text;
            if (s.n && p->alts[k] == REF_FILE && p->glob.n && !map__like(p->glob, c.text, &s)) s.n = 0;
        }
        size_t from = out->n;
        jd_buf_str(out, s);
        filtered(out, from, p);
        if (out->n == from) {
            *missing = p->alts[0];
            return 0;
        }
    }
    return 1;
}

/* ---- the instant ---- */

static int shown(jd_str s) {
    return (int)(s.n > 60 ? 60 : s.n);
}

static int whole_number(jd_str s, int *out) {
    int v = 0;
    size_t i = 0;
    for (; i < s.n && i < 6 && s.p[i] >= '0' && s.p[i] <= '9'; i++) v = v * 10 + (s.p[i] - '0');
    if (i && i + 2 == s.n && s.p[i] == '.' && s.p[i + 1] == '0') i = s.n; /* 2019.0, as some tools write years */
    *out = v;
    return i && i == s.n ? 0 : -1;
}

static int from_parts(jd_feed *f, table__civil *c, feed_fault *x) {
    const map_time *t = &f->map->time;
    int v[6] = {1970, 1, 1, 0, 0, 0};
    for (int i = 0; i < 6 && t->parts[i].given; i++) {
        const map_time_part *p = &t->parts[i];
        c->unit = (table__unit)i;
        v[i] = p->constant;
        if (p->ref == REF_NONE) continue;
        jd_table_cell cell = feed__cell(f, p->ref);
        if (feed__is_missing(f, NULL, &cell)) return FEED_FAIL(x, TIME, p->ref, "there is no time", "没有时间");
        if (whole_number(cell.text, &v[i]))
            return FEED_FAIL(x, TIME, p->ref, "\"%.*s\" is no whole number", "“%.*s”不是整数", shown(cell.text),
                             cell.text.p);
    }
    c->year = v[0], c->month = v[1], c->day = v[2], c->hour = v[3], c->minute = v[4], c->second = v[5];
    return 0;
}

/* The wall clock's time to an instant, by the zone and the mapping's rules. */
static int by_zone(jd_feed *f, int64_t local, jd_str text, map_ref ref, feed_fault *x) {
    const map_time *t = &f->map->time;
    jd_time first, second = 0;
    jd_wall wall = jd_zone_instant(f->zone, local, &first, &second);
    f->time = first;
    if (wall == JD_WALL_NEVER && !t->shift)
        return FEED_FAIL(x, TIME, ref, "\"%.*s\": %.*s skipped this hour", "“%.*s”：%.*s 的时钟跳过了这一小时",
                         shown(text), text.p, JD_STR_ARG(t->zone));
    if (wall != JD_WALL_TWICE) return 0;
    if (t->twice == TWICE_REFUSE)
        return FEED_FAIL(x, TIME, ref, "\"%.*s\": %.*s had this hour twice", "“%.*s”：%.*s 的时钟重复了这一小时",
                         shown(text), text.p, JD_STR_ARG(t->zone));
    if (t->twice == TWICE_SECOND) f->time = second;
    if (t->twice == TWICE_ORDER) { /* the second one as soon as the rows have come to the first, or past it */
        map_ref missing;
        int made;
        jd_str who = {"", 0};
        if (!t->by_cell && !f->map->id.by_cell && feed__template(f, &f->map->id, &f->text, &missing))
            who = jd_buf_view(&f->text);
        const int64_t *last = feed__nums_at(&f->order, jd_hash(who.p, who.n), &made);
        if (!made && *last >= first && *last < first + INT64_C(86400000000)) f->time = second;
    }
    return 0;
}

static void remember_order(jd_feed *f) {
    map_ref missing;
    int made;
    jd_str who = {"", 0};
    if (!f->map->time.by_cell && !f->map->id.by_cell && feed__template(f, &f->map->id, &f->text, &missing))
        who = jd_buf_view(&f->text);
    *feed__nums_at(&f->order, jd_hash(who.p, who.n), &made) = f->time;
}

static int from_civil(jd_feed *f, table__civil *c, jd_str text, map_ref ref, feed_fault *x) {
    const map_time *t = &f->map->time;
    int64_t local;
    c->year += t->add_years;
    if (t->stands_end) table__civil_next(c);
    if (t->midnight_end && c->unit >= TABLE__HOUR && !c->hour && !c->minute && !c->second && !c->us) c->hour = 24;
    if (table__civil_us(c, &local))
        return FEED_FAIL(x, TIME, ref, "\"%.*s\": there is no such day or time", "“%.*s”：没有这一日期或时刻",
                         shown(text), text.p);
    f->time_digits = c->digits;
    if (c->has_offset) {
        f->time = local - (int64_t)c->offset_s * 1000000;
        return 0;
    }
    if (!f->zone)
        return FEED_FAIL(x, TIME, ref, "\"%.*s\" has no offset, and the mapping no zone",
                         "“%.*s”没有时差，映射中也没有时区", shown(text), text.p);
    return by_zone(f, local, text, ref, x);
}

/* The time's text: one column, or several with a blank between them. */
static int time_text(jd_feed *f, jd_str *out, feed_fault *x) {
    const map_time *t = &f->map->time;
    jd_buf joined = {0};
    for (size_t i = 0; i < t->refs_n; i++) {
        jd_table_cell c = feed__cell(f, t->refs[i]);
        if (feed__is_missing(f, NULL, &c)) {
            jd_buf_fini(&joined);
            return FEED_FAIL(x, TIME, t->refs[i], "there is no time", "没有时间");
        }
        *out = c.text;
        if (t->refs_n == 1) break;
        if (i) jd_buf_c(&joined, ' ');
        jd_buf_str(&joined, c.text);
    }
    if (t->refs_n > 1) *out = jd_arena_dup(&f->scratch, jd_buf_view(&joined));
    jd_buf_fini(&joined);
    return 0;
}

static int read_time(jd_feed *f, feed_fault *x) {
    const map_time *t = &f->map->time;
    table__civil c = TABLE__CIVIL_START;
    jd_str s;
    map_ref ref = t->refs_n ? t->refs[0] : t->parts[0].ref;
    if (t->kind == TIME_PARTS) {
        char text[64];
        if (from_parts(f, &c, x)) return -1;
        snprintf(text, sizeof text, "%d-%d-%d %d:%d:%d", (int)c.year, c.month, c.day, c.hour, c.minute, c.second);
        return from_civil(f, &c, jd_str_of(text), ref, x);
    }
    if (time_text(f, &s, x)) return -1;
    int bad;
    if (t->kind == TIME_EPOCH) {
        bad = table__epoch_read(s, t->epoch_unit, &f->time, &f->time_digits);
    } else if (t->kind == TIME_EXCEL) {
        int64_t local;
        bad = table__excel_read(s, &local);
        f->time_digits = !bad && local % 1000000 ? 3 : 0;
        if (!bad) return by_zone(f, local, s, ref, x);
    } else {
        bad = t->kind == TIME_ISO ? table__iso_read(s, &c) : table__form_read(t->form, s, &c);
        if (!bad) return from_civil(f, &c, s, ref, x);
    }
    if (!bad) return 0;
    jd_str form = t->kind == TIME_FORM ? t->form : t->kind == TIME_ISO ? JD_STR("iso") : JD_STR("number");
    return FEED_FAIL(x, TIME, ref, "\"%.*s\" is no time of the form %.*s", "“%.*s”不符合时间格式 %.*s", shown(s), s.p,
                     JD_STR_ARG(form));
}

int feed__time(jd_feed *f, feed_fault *x) {
    const map_time *t = &f->map->time;
    if (read_time(f, x)) return -1;
    if (t->twice == TWICE_ORDER && f->zone) remember_order(f);
    if (f->time >= t->not_before && f->time <= t->not_after) return 0;
    char text[JD_TIME_TEXT_MAX];
    size_t n = jd_time_print(f->time, f->time_digits, text);
    return FEED_FAIL(x, TIME, t->refs_n ? t->refs[0] : t->parts[0].ref, "%.*s is out of notBefore and notAfter",
                     "%.*s 超出 notBefore 与 notAfter", (int)n, text);
}

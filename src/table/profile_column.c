/* What stands in a column: numbers, times by their form, words; what looks like nothing; what is unlike the rest. */
#include "table/profile_int.h"

#include "table/decimal.h"
#include "table/instant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

typedef enum form_kind { FORM_WHOLE, FORM_DATE, FORM_CLOCK } form_kind;
typedef struct form {
    const char *text;
    form_kind kind;
    int digits; /* all digits, so many: a number as well; 0: no */
} form;
/* A column's form is the first that reads all its cells. Day first stands before month first: it is the wider custom,
 * and where both would do a note says so. */
static const form forms[] = {{"iso", FORM_WHOLE, 0},
                             {"%Y/%m/%d %H:%M:%S", FORM_WHOLE, 0},
                             {"%Y/%m/%d %H:%M", FORM_WHOLE, 0},
                             {"%Y/%m/%d", FORM_DATE, 0},
                             {"%Y年%m月%d日", FORM_DATE, 0},
                             {"%Y年%m月%d日 %H:%M:%S", FORM_WHOLE, 0},
                             {"%Y年%m月%d日 %H:%M", FORM_WHOLE, 0},
                             {"%Y年%m月%d日%H时", FORM_WHOLE, 0},
                             {"%Y年%m月%d日%H时%M分", FORM_WHOLE, 0},
                             {"%Y.%m.%d", FORM_DATE, 0},
                             {"%Y.%m.%d %H:%M", FORM_WHOLE, 0},
                             {"%Y-%m-%d %H:%M:%S", FORM_WHOLE, 0},
                             {"%Y-%m-%d %H:%M", FORM_WHOLE, 0},
                             {"%Y-%m-%d", FORM_DATE, 0},
                             {"%d/%m/%Y", FORM_DATE, 0},
                             {"%m/%d/%Y", FORM_DATE, 0},
                             {"%d/%m/%Y %H:%M", FORM_WHOLE, 0},
                             {"%m/%d/%Y %H:%M", FORM_WHOLE, 0},
                             {"%d/%m/%Y %H:%M:%S", FORM_WHOLE, 0},
                             {"%m/%d/%Y %H:%M:%S", FORM_WHOLE, 0},
                             {"%d-%m-%Y", FORM_DATE, 0},
                             {"%m-%d-%Y", FORM_DATE, 0},
                             {"%d-%m-%Y %H:%M", FORM_WHOLE, 0},
                             {"%m-%d-%Y %H:%M", FORM_WHOLE, 0},
                             {"%d.%m.%Y", FORM_DATE, 0},
                             {"%d.%m.%Y %H:%M", FORM_WHOLE, 0},
                             {"%d.%m.%Y %H:%M:%S", FORM_WHOLE, 0},
                             {"%d-%b-%Y", FORM_DATE, 0},
                             {"%d-%b-%Y %H:%M", FORM_WHOLE, 0},
                             {"%d %b %Y", FORM_DATE, 0},
                             {"%m/%d/%Y %I:%M:%S %p", FORM_WHOLE, 0},
                             {"%H:%M:%S", FORM_CLOCK, 0},
                             {"%H:%M", FORM_CLOCK, 0},
                             {"%Y%m%d%H%M%S", FORM_WHOLE, 14},
                             {"%Y%m%d%H%M", FORM_WHOLE, 12},
                             {"%Y%m%d%H", FORM_WHOLE, 10},
                             {"%Y%m%d", FORM_DATE, 8},
                             {"epoch-ms", FORM_WHOLE, 13},
                             {"epoch-s", FORM_WHOLE, 10}};
#define FORMS ((int)(sizeof forms / sizeof *forms))
_Static_assert(sizeof forms / sizeof *forms <= PROF_FORMS, "a column counts each form");

const char *prof_form(int i) {
    return i >= 0 && i < FORMS ? forms[i].text : NULL;
}
int prof_form_is_date(int i) {
    return i >= 0 && i < FORMS && forms[i].kind == FORM_DATE;
}
int prof_form_is_clock(int i) {
    return i >= 0 && i < FORMS && forms[i].kind == FORM_CLOCK;
}

/* ---- one cell ---- */

static int is_word(jd_str s, const char *const *words) {
    for (; *words; words++)
        if (s.n == strlen(*words) && !strncasecmp(s.p, *words, s.n)) return 1;
    return 0;
}

static const char *const nothing[] = {"NA", "N/A",    "#N/A", "NaN",  "NULL", "None", "nil", "-",
                                      "--", "---",    "—",    "——",   "\\N",  "?",    ".",   "无",
                                      "空", "无数据", "缺测", "缺失", "无效", NULL};
static const char *const truths[] = {"true", "false", "yes", "no", "是", "否", NULL};
static const double odd_numbers[] = {-9999, -999,   -99,   -9,    9999,  99999,  999999, 999,
                                     999.9, 9999.9, 99.99, 32766, 32767, -32768, -999.9, -9999.9};

static int reads(const form *f, jd_str s) {
    table__civil c = TABLE__CIVIL_START;
    int64_t us;
    if (!strcmp(f->text, "iso")) {
        if (s.n < 7 || table__iso_read(s, &c)) return 0;
    } else if (table__form_read(jd_str_of(f->text), s, &c)) {
        return 0;
    }
    return c.year >= 1000 && c.year < 3000 && !table__civil_us(&c, &us);
}

static int all_digits(jd_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9') return 0;
    return s.n > 0;
}

static int reads_digits(const form *f, jd_str s) {
    if ((size_t)f->digits != s.n) return 0;
    if (f->text[0] == 'e') return s.p[0] == '1' || s.p[0] == '2'; /* 2001 to 2065 */
    return (s.p[0] == '1' || s.p[0] == '2') && reads(f, s);
}

static int clock_reads(const form *f, jd_str s) {
    char day[64] = "2000-01-01 ";
    if (s.n > 12) return 0;
    memcpy(day + 11, s.p, s.n);
    char with[32];
    snprintf(with, sizeof with, "%%Y-%%m-%%d %s", f->text);
    table__civil c = TABLE__CIVIL_START;
    int64_t us;
    return !table__form_read(jd_str_of(with), (jd_str){day, 11 + s.n}, &c) && !table__civil_us(&c, &us);
}

/* Most cells are no times, and are not to be tried by forty forms: all forms begin with a digit, and a number with one
 * point is none of them. */
static int may_be_time(jd_str s) {
    size_t others = 0, points = 0;
    if (s.n < 4 || s.n > 40 || s.p[0] < '0' || s.p[0] > '9') return 0;
    for (size_t i = 0; i < s.n; i++) {
        others += s.p[i] < '0' || s.p[i] > '9';
        points += s.p[i] == '.' || s.p[i] == ',';
    }
    return !others || others > points || points > 1;
}

static uint64_t time_forms(jd_str s) {
    uint64_t bits = 0;
    int digits = all_digits(s);
    if (!may_be_time(s)) return 0;
    for (int i = 0; i < FORMS; i++) {
        const form *f = &forms[i];
        int hit = f->digits               ? digits && reads_digits(f, s)
                  : f->kind == FORM_CLOCK ? clock_reads(f, s)
                                          : !digits && reads(f, s);
        if (hit) bits |= (uint64_t)1 << i;
    }
    return bits;
}

static int as_number(jd_str s, prof_cell *c, jd_arena *a) {
    jd_str text = s;
    if (s.n > 1 && s.p[s.n - 1] == '%') c->percent = 1, text.n--;
    if (!table__number(text, '.', (jd_str){NULL, 0}, a, &c->number)) return 1;
    if (!table__number(text, ',', (jd_str){NULL, 0}, a, &c->number)) return c->comma = 1;
    if (!table__number(text, '.', JD_STR(","), a, &c->number)) return c->thousands = 1;
    return c->percent = 0;
}

prof_cell prof_classify(jd_str s, jd_arena *scratch) {
    prof_cell c = {.type = PROF_TEXT};
    if (!s.n || s.n > 4096) return c;
    if (is_word(s, nothing)) {
        c.is_mark = 1;
        return c;
    }
    c.forms = time_forms(s);
    if (s.n <= 64 && as_number(s, &c, scratch)) {
        int digits = all_digits(s), minus = s.p[0] == '-' && all_digits((jd_str){s.p + 1, s.n - 1});
        c.v = table__double(c.number);
        c.type = digits || minus ? PROF_INTEGER : PROF_NUMBER;
        c.coded = digits && ((s.n > 1 && s.p[0] == '0') || s.n > 15);
        /* "1,234" is a number with either mark; which one, the column says */
        if (c.comma) {
            jd_str other;
            c.thousands = !table__number(s, '.', JD_STR(","), scratch, &other);
        }
        return c;
    }
    if (c.forms)
        c.type = PROF_TIME;
    else if (is_word(s, truths))
        c.type = PROF_BOOLEAN;
    return c;
}

/* ---- counting ---- */

static int is_odd_number(double v) {
    for (size_t i = 0; i < sizeof odd_numbers / sizeof *odd_numbers; i++)
        if (v == odd_numbers[i]) return 1;
    return 0;
}

static void count_mark(prof *p, prof_column *c, jd_str text, int numeric, double v) {
    for (uint32_t i = 0; i < c->marks_n; i++) {
        if (numeric ? !c->marks[i].numeric || c->marks[i].v != v : !jd_str_eq(c->marks[i].text, text)) continue;
        c->marks[i].n++;
        return;
    }
    if (c->marks_n == PROF_MARKS) return;
    c->marks[c->marks_n++] = (prof_mark){.text = jd_arena_dup(&p->arena, text), .numeric = numeric, .v = v, .n = 1};
}

static void keep(char to[40], jd_str text) {
    size_t n = text.n > 39 ? 39 : text.n;
    memcpy(to, text.p, n);
    to[n] = 0;
}

static void widen(prof_column *c, double v, jd_str text) {
    if (!c->has_range || v < c->least) {
        c->least = v;
        keep(c->least_text, text);
    }
    if (!c->has_range || v > c->most) {
        c->most = v;
        keep(c->most_text, text);
    }
    c->has_range = 1;
}

static void count_distinct(prof_column *c, jd_str s) {
    if (c->distinct_more) return;
    if (s.n > 256) s.n = 256;
    if (c->distinct.n < PROF_DISTINCT)
        jd_strmap_add(&c->distinct, s, 1);
    else
        c->distinct_more = jd_strmap_get(&c->distinct, s) == JD_STRMAP_NONE;
}

static int is_shape(const jd_table_cell *cell) {
    return cell->value && (cell->value->type == JD_JOBJ || cell->value->type == JD_JARR);
}

void prof_count(prof *p, prof_column *c, const jd_table_cell *cell, jd_arena *scratch) {
    jd_str s = cell->text;
    if (is_shape(cell)) {
        c->filled++;
        c->types[PROF_SHAPE]++;
        return;
    }
    if (!s.n) {
        c->empty++;
        return;
    }
    prof_cell x = prof_classify(s, scratch);
    if (x.is_mark) {
        c->empty++;
        count_mark(p, c, s, 0, 0);
        return;
    }
    c->filled++;
    c->types[x.type]++;
    count_distinct(c, s);
    for (int i = 0; x.forms && i < FORMS; i++)
        if (x.forms >> i & 1) c->forms[i]++;
    c->coded += (uint64_t)x.coded;
    c->comma += (uint64_t)(x.comma && !x.thousands);
    c->thousands += (uint64_t)x.thousands;
    c->percent += (uint64_t)x.percent;
    if (x.type == PROF_INTEGER || x.type == PROF_NUMBER) {
        if (is_odd_number(x.v))
            count_mark(p, c, s, 1, x.v);
        else
            widen(c, x.v, s);
    } else if (x.type == PROF_TIME) {
        if (!c->least_time.p || jd_str_cmp(s, c->least_time) < 0) c->least_time = jd_arena_dup(&p->arena, s);
        if (!c->most_time.p || jd_str_cmp(s, c->most_time) > 0) c->most_time = jd_arena_dup(&p->arena, s);
    }
}

/* ---- judging ---- */

/* A number such as -999 means nothing where it lies far from all others. */
static void judge_numbers(prof_column *c) {
    prof_mark had[PROF_MARKS];
    uint32_t n = c->marks_n;
    double far = fmax(c->most - c->least, fmax(fabs(c->most), fabs(c->least)));
    double low = c->least - far, high = c->most + far;
    int some = c->has_range;
    memcpy(had, c->marks, sizeof had);
    c->marks_n = 0;
    for (uint32_t i = 0; i < n; i++) {
        int is_mark = !had[i].numeric || (some && (had[i].v < low || had[i].v > high));
        if (!is_mark) {
            widen(c, had[i].v, had[i].text);
            continue;
        }
        c->marks[c->marks_n++] = had[i];
        if (had[i].numeric) c->filled -= had[i].n, c->empty += had[i].n;
    }
}

static int has_word(jd_str name, const char *const *words) {
    for (; *words; words++)
        for (size_t i = 0; i + strlen(*words) <= name.n; i++)
            if (!strncasecmp(name.p + i, *words, strlen(*words))) return 1;
    return 0;
}

/* The form that reads most cells; the first of several. */
static int best_form(const prof_column *c, int digits) {
    int best = -1;
    for (int i = 0; i < FORMS; i++) {
        if ((forms[i].digits != 0) != digits || !c->forms[i]) continue;
        if (best < 0 || c->forms[i] > c->forms[best]) best = i;
    }
    return best;
}

static int swaps(const char *a, const char *b) {
    return a[1] == 'd' && b[1] == 'm' && a[4] == 'm' && b[4] == 'd' && a[2] == b[2] && !strcmp(a + 5, b + 5);
}

static void judge_time(prof_column *c, uint64_t n) {
    static const char *const hints[] = {"date", "time", "day", "stamp", "日期", "时间", "时刻", NULL};
    uint64_t numbers = c->types[PROF_INTEGER];
    int digits = numbers > c->types[PROF_TIME], best = best_form(c, digits);
    c->form = -1;
    if (best < 0 || c->forms[best] * 10 < n * 9) return;
    if (digits && forms[best].digits < 12 && !has_word(c->name, hints)) return;
    c->form = best;
    c->type = PROF_TIME;
    for (int i = 0; i < FORMS; i++)
        if (c->forms[i] == c->forms[best] && swaps(forms[best].text, forms[i].text)) c->ambiguous = 1;
}

void prof_judge(prof *p, prof_column *c) {
    (void)p;
    judge_numbers(c);
    uint64_t n = 0, numbers;
    for (int i = 0; i < PROF_TYPES; i++) n += c->types[i];
    numbers = c->types[PROF_INTEGER] + c->types[PROF_NUMBER];
    c->type = PROF_TEXT;
    if (!n) return;
    if (c->types[PROF_SHAPE] * 10 > n)
        c->type = PROF_SHAPE;
    else if (numbers * 5 >= n * 4 || (numbers >= 3 && numbers + 1 == n)) /* in a short table one cell may be odd */
        c->type = c->types[PROF_NUMBER] ? PROF_NUMBER : PROF_INTEGER;
    else if (c->types[PROF_BOOLEAN] * 10 >= n * 9)
        c->type = PROF_BOOLEAN;
    judge_time(c, n);
}

int prof_is_mark(const prof_column *c, jd_str s) {
    for (uint32_t i = 0; i < c->marks_n; i++)
        if (jd_str_eq(c->marks[i].text, s)) return 1;
    return 0;
}

static int number_is_mark(const prof_column *c, double v) {
    for (uint32_t i = 0; i < c->marks_n; i++)
        if (c->marks[i].numeric && c->marks[i].v == v) return 1;
    return 0;
}

int prof_is_odd(const prof_column *c, const jd_table_cell *cell, jd_arena *scratch) {
    if (c->type == PROF_TEXT || c->type == PROF_SHAPE || is_shape(cell)) return is_shape(cell) && c->type != PROF_SHAPE;
    if (!cell->text.n) return 0;
    prof_cell x = prof_classify(cell->text, scratch);
    if (x.is_mark) return 0;
    if (c->type == PROF_TIME) return !(x.forms >> c->form & 1);
    if (c->type == PROF_BOOLEAN) return x.type != PROF_BOOLEAN;
    if (number_is_mark(c, x.v)) return 0;
    return x.type != PROF_INTEGER && x.type != PROF_NUMBER;
}

/* The profile as a whole: two passes over the sample (what columns are, what in them is odd), and its JSON. */
#include "table/profile_int.h"

#include <stdlib.h>
#include <string.h>

/* ---- the two passes ---- */

static jd_str cut(jd_str s) {
    size_t n = s.n > 60 ? 60 : s.n;
    while (n < s.n && n && ((unsigned char)s.p[n] & 0xC0) == 0x80) n--;
    return (jd_str){s.p, n};
}

/* A byte that is no character is FF in a row, which JSON must not hold. */
static jd_str clean(prof *p, jd_str s) {
    jd_str out = jd_arena_dup(&p->arena, s);
    char *at = jd_arena_alloc(&p->arena, s.n + 1);
    memcpy(at, out.p, s.n);
    while (jd_utf8_bad(at, s.n) < s.n) at[jd_utf8_bad(at, s.n)] = '?';
    return (jd_str){at, s.n};
}

static void note_malformed(prof *p, const jd_table_row *row) {
    if (p->malformed < PROF_SHOWN) {
        p->malformed_first[p->malformed] = (prof_place){row->line, row->column, {NULL, 0}};
        p->malformed_why[p->malformed] = *row->fault;
    }
    p->malformed++;
}

static int each_row(prof *p, void (*take)(prof *p, const jd_table_row *row, jd_arena *scratch), jd_err *err) {
    jd_str rest;
    jd_table *t;
    jd_table_row row;
    jd_arena scratch;
    if (prof_open(p, &rest, &t, err)) return -1;
    if (!p->cols) {
        const jd_str *names;
        p->cols_all = jd_table_columns(t, &names);
        p->cols_n = p->cols_all > PROF_COLUMNS ? PROF_COLUMNS : p->cols_all;
        p->cols = JD_NEWN(&p->arena, prof_column, p->cols_n + 1);
        for (size_t i = 0; i < p->cols_n; i++) {
            p->cols[i].name = clean(p, names[i]);
            jd_strmap_init(&p->cols[i].distinct);
        }
    }
    jd_arena_init(&scratch);
    int got;
    while ((got = jd_table_next(t, &row, err)) > 0) {
        take(p, &row, &scratch);
        jd_arena_reset(&scratch);
    }
    jd_arena_fini(&scratch);
    jd_table_close(t);
    return got;
}

static void count_row(prof *p, const jd_table_row *row, jd_arena *scratch) {
    p->rows++;
    if (row->fault) {
        note_malformed(p, row);
        return;
    }
    for (size_t i = 0; i < p->cols_n && i < row->n; i++) prof_count(p, &p->cols[i], &row->cells[i], scratch);
}

static void odd_row(prof *p, const jd_table_row *row, jd_arena *scratch) {
    size_t odd = 0;
    p->troubled += row->fault != NULL;
    if (row->fault) return;
    for (size_t i = 0; i < p->cols_n && i < row->n; i++) {
        prof_column *c = &p->cols[i];
        if (!prof_is_odd(c, &row->cells[i], scratch)) continue;
        odd++;
        c->odd++;
        if (c->odd_shown == PROF_SHOWN) continue;
        prof_place *at = &c->odd_first[c->odd_shown++];
        jd_table_place(row, row->cells[i].at, &at->line, &at->column);
        at->value = clean(p, cut(row->cells[i].text));
    }
    p->troubled += odd > 0;
    if (odd < 2 || odd * 3 < p->cols_n) return; /* one cell may be wrong by itself */
    if (p->shifted < PROF_SHOWN) p->shifted_first[p->shifted] = (prof_place){row->line, row->column, {NULL, 0}};
    p->shifted++;
}

/* Decimal and thousands marks hold for the whole table. */
static void judge_marks(prof *p) {
    uint64_t comma = 0, thousands = 0, point = 0;
    for (size_t i = 0; i < p->cols_n; i++) {
        comma += p->cols[i].comma;
        thousands += p->cols[i].thousands;
        point += p->cols[i].types[PROF_NUMBER] - p->cols[i].comma - p->cols[i].thousands;
    }
    p->point = comma && comma > point ? ',' : '.';
    p->thousands = p->point == '.' && thousands ? ',' : 0;
}

/* ---- JSON ---- */

static void text(jd_buf *out, const char *name, jd_str s) {
    jd_buf_printf(out, ",\"%s\":", name);
    jd_json_write_str(out, s);
}

static void number(jd_buf *out, const char *name, uint64_t n) {
    jd_buf_printf(out, ",\"%s\":%llu", name, (unsigned long long)n);
}

static void places(jd_buf *out, const char *name, const prof_place *first, uint64_t n) {
    jd_buf_printf(out, ",\"%s\":[", name);
    for (uint64_t i = 0; i < n && i < PROF_SHOWN; i++) {
        jd_buf_printf(out, "%s{\"line\":%llu,\"column\":%llu", i ? "," : "", (unsigned long long)first[i].line,
                      (unsigned long long)first[i].column);
        if (first[i].value.p) text(out, "value", first[i].value);
        jd_buf_c(out, '}');
    }
    jd_buf_c(out, ']');
}

static void marks(jd_buf *out, const prof_column *c) {
    if (!c->marks_n) return;
    jd_buf_z(out, ",\"marks\":[");
    for (uint32_t i = 0; i < c->marks_n; i++) {
        jd_buf_printf(out, "%s{\"cells\":%llu", i ? "," : "", (unsigned long long)c->marks[i].n);
        text(out, "mark", c->marks[i].text);
        jd_buf_c(out, '}');
    }
    jd_buf_c(out, ']');
}

static void column(prof *p, const prof_column *c, size_t i, jd_buf *out) {
    static const char *const names[] = {"integer", "number", "time", "boolean", "text", "object"};
    jd_buf_printf(out, "%s{\"number\":%zu", i ? "," : "", i + 1);
    text(out, "name", c->name);
    int place = p->form.kind == JD_TABLE_GEOJSON && jd_str_is(c->name, "@geometry");
    jd_buf_printf(out, ",\"type\":\"%s\"", place ? "place" : c->filled ? names[c->type] : "empty");
    if (c->type == PROF_TIME) text(out, "form", jd_str_of(prof_form(c->form)));
    number(out, "filled", c->filled);
    number(out, "empty", c->empty);
    number(out, "distinct", c->distinct.n);
    if (c->distinct_more) jd_buf_z(out, ",\"distinctMore\":true");
    if (c->has_range && c->type != PROF_TIME && c->type != PROF_TEXT) {
        text(out, "least", jd_str_of(c->least_text));
        text(out, "most", jd_str_of(c->most_text));
    } else if (c->type == PROF_TIME && c->least_time.p) {
        text(out, "least", clean(p, cut(c->least_time)));
        text(out, "most", clean(p, cut(c->most_time)));
    }
    marks(out, c);
    number(out, "odd", c->odd);
    if (c->odd) places(out, "firstOdd", c->odd_first, c->odd_shown);
    jd_buf_c(out, '}');
}

static void malformed(const prof *p, jd_buf *out) {
    number(out, "malformed", p->malformed);
    if (!p->malformed) return;
    jd_buf_z(out, ",\"firstMalformed\":[");
    for (uint64_t i = 0; i < p->malformed && i < PROF_SHOWN; i++) {
        jd_buf_printf(out, "%s{\"line\":%llu", i ? "," : "", (unsigned long long)p->malformed_first[i].line);
        text(out, "reason", jd_str_of(p->malformed_why[i].en));
        text(out, "reasonZh", jd_str_of(p->malformed_why[i].zh));
        jd_buf_c(out, '}');
    }
    jd_buf_c(out, ']');
}

static void write_all(prof *p, jd_buf *out) {
    static const char *const kinds[] = {"csv", "jsonlines", "json", "geojson", "xlsx"};
    jd_buf mapping = {0};
    prof_mapping(p, &mapping); /* it makes notes */
    jd_buf_printf(out, "{\"format\":\"%s\",\"encoding\":\"%s\",\"mark\":%s,\"gzip\":%s", kinds[p->form.kind],
                  p->encoding, p->mark ? "true" : "false", p->packed ? "true" : "false");
    if (p->form.kind == JD_TABLE_CSV) {
        text(out, "separator", (jd_str){&p->form.separator, 1});
        jd_buf_printf(out, ",\"header\":%s,\"skipLines\":%u", p->form.header ? "true" : "false", p->form.skip);
    }
    if (p->form.path.n) text(out, "path", p->form.path);
    number(out, "rows", p->rows);
    jd_buf_printf(out, ",\"whole\":%s", p->whole ? "true" : "false");
    malformed(p, out);
    number(out, "shifted", p->shifted);
    if (p->shifted) places(out, "firstShifted", p->shifted_first, p->shifted);
    number(out, "columnsCount", p->cols_all);
    jd_buf_z(out, ",\"columns\":[");
    for (size_t i = 0; i < p->cols_n; i++) column(p, &p->cols[i], i, out);
    jd_buf_z(out, "],\"notes\":[");
    jd_buf_str(out, jd_buf_view(&p->notes));
    jd_buf_z(out, "],\"mapping\":");
    jd_buf_str(out, jd_buf_view(&mapping));
    jd_buf_c(out, '}');
    jd_buf_fini(&mapping);
}

/* "/a/b/air 2016.csv.gz" -> "air 2016" */
static jd_str stem_of(jd_str name) {
    const char *slash = name.n ? memrchr(name.p, '/', name.n) : NULL;
    if (slash) name = (jd_str){slash + 1, (size_t)(name.p + name.n - slash - 1)};
    for (int i = 0; i < 2; i++) {
        const char *dot = name.n ? memrchr(name.p, '.', name.n) : NULL;
        if (dot && dot > name.p) name.n = (size_t)(dot - name.p);
    }
    return name;
}

static int profile(prof *p, jd_buf *out, jd_err *err) {
    if (prof_sniff(p, err) || each_row(p, count_row, err)) return -1;
    for (size_t i = 0; i < p->cols_n; i++) prof_judge(p, &p->cols[i]);
    judge_marks(p);
    if (each_row(p, odd_row, err)) return -1;
    write_all(p, out);
    return 0;
}

int jd_table_profile(jd_str bytes, jd_str name, jd_buf *out, jd_err *err) {
    prof p = {.bytes = bytes.p ? bytes : JD_STR(""), .name = name};
    jd_arena_init(&p.arena);
    p.stem = clean(&p, stem_of(name));
    int rc = profile(&p, out, err);
    for (size_t i = 0; p.cols && i < p.cols_n; i++) jd_strmap_fini(&p.cols[i].distinct);
    jd_buf_fini(&p.notes);
    jd_arena_fini(&p.arena);
    return rc;
}

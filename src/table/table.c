/* A table of either family: opening, names of columns, places, and rows set aside in the form in which they came. */
#include "table/table_int.h"

#include <stdlib.h>

void table__add_name(jd_table *t, jd_str name) {
    if (t->names_n == t->names_cap) {
        t->names_cap = t->names_cap ? t->names_cap * 2 : 32;
        t->names = jd_xrealloc(t->names, t->names_cap * sizeof *t->names);
    }
    t->names[t->names_n++] = jd_arena_dup(&t->names_arena, name);
}

static int open_text(jd_table *t, const jd_source *src, jd_err *err) {
    if (table__window_open(&t->w, src, t->form.encoding, err) || table__refill(&t->w, err)) return -1;
    return t->form.kind == JD_TABLE_CSV ? table__csv_open(t, err) : table__json_open(t, err);
}

int jd_table_open(jd_table **out, const jd_table_form *form, const jd_source *src, jd_err *err) {
    jd_table *t = jd_xcalloc(1, sizeof *t);
    t->form = *form;
    if (!t->form.separator) t->form.separator = ',';
    jd_arena_init(&t->names_arena);
    jd_arena_init(&t->row_arena);
    jd_source csv;
    int rc = 0;
    if (form->kind == JD_TABLE_XLSX && !(rc = table__xlsx_begin(t, src, &csv, err))) src = &csv;
    if (rc) jd_fail_at(err, "1:1");
    if (!rc && t->form.kind != JD_TABLE_XLSX) rc = open_text(t, src, err);
    if (!t->header_line && t->w.codec) t->header_line = t->pending.n ? t->pending_line : t->w.line;
    if (!rc && t->header_n > JD_TABLE_COLUMNS_MAX)
        rc = jd_fail(err, JD_E_BAD_REQUEST_DATA, "the table has more than %d columns", "表的列数超过 %d",
                     (int)JD_TABLE_COLUMNS_MAX);
    if (rc) {
        if (t->w.codec) table__fail_here(&t->w, err);
        jd_table_close(t);
        return -1;
    }
    *out = t;
    return 0;
}

void jd_table_close(jd_table *t) {
    if (!t) return;
    table__window_fini(&t->w);
    table__xlsx_end(t);
    jd_arena_fini(&t->names_arena);
    jd_arena_fini(&t->row_arena);
    jd_buf_fini(&t->head);
    free(t->names);
    free(t->cells);
    free(t);
}

size_t jd_table_columns(const jd_table *t, const jd_str **names) {
    *names = t->names;
    return t->header_n;
}

/* Are its columns those of the header, and no others? */
static int has_header(const jd_table *t) {
    return t->form.kind == JD_TABLE_CSV || t->form.kind == JD_TABLE_XLSX;
}

/* "#12" -> 12; 0: no number */
static size_t number_of(jd_str name) {
    size_t v = 0;
    if (name.n < 2 || name.n > 6 || name.p[0] != '#') return 0;
    for (size_t i = 1; i < name.n; i++) {
        if (name.p[i] < '0' || name.p[i] > '9') return 0;
        v = v * 10 + (size_t)(name.p[i] - '0');
    }
    return v;
}

long jd_table_column(jd_table *t, jd_str name) {
    long found = -1;
    for (size_t i = 0; i < t->names_n; i++) {
        if (!name.n || !jd_str_eq(t->names[i], name)) continue;
        if (found >= 0) return -2;
        found = (long)i;
    }
    if (found >= 0) return found;
    size_t k = number_of(name);
    if (k) return k <= t->header_n ? (long)k - 1 : -1;
    if (has_header(t) || !name.n) return -1;
    table__add_name(t, name); /* a row further on may have it */
    return (long)t->names_n - 1;
}

int jd_table_next(jd_table *t, jd_table_row *row, jd_err *err) {
    if (t->form.kind == JD_TABLE_XLSX) return table__xlsx_next(t, row, err);
    return t->form.kind == JD_TABLE_CSV ? table__csv_next(t, row, err) : table__json_next(t, row, err);
}

void jd_table_place(const jd_table_row *row, size_t at, uint64_t *line, uint64_t *column) {
    *line = row->line;
    *column = row->column;
    if (row->by_cell) {
        for (size_t i = 0; i < row->n && row->cells[i].at <= at; i++) *column = i + 1;
        return;
    }
    if (at > row->raw.n) at = row->raw.n;
    for (size_t i = 0; i < at; i++) {
        if (row->raw.p[i] == '\n') {
            ++*line;
            *column = 1;
        } else {
            *column += ((unsigned char)row->raw.p[i] & 0xC0) != 0x80;
        }
    }
}

uint64_t jd_table_bytes(const jd_table *t) {
    return t->w.bytes;
}

uint64_t jd_table_header_line(const jd_table *t) {
    return t->header_line;
}

/* ---- rows set aside ---- */

static void csv_cell(const jd_table *t, jd_str s, jd_buf *out) {
    char q = t->form.quote ? t->form.quote : 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!q && (c == t->form.separator || c == '\n')) c = ' ';
        if (q && i == 0) jd_buf_c(out, q);
        if (q && c == q) jd_buf_c(out, q);
        jd_buf_c(out, c);
    }
    if (q && s.n) jd_buf_c(out, q);
}

/* {"a":{"b":[ around the rows of a JSON text whose array lies at /a/b. */
static void wrap(const jd_table *t, int open, jd_buf *out) {
    jd_str rest = t->form.path;
    size_t depth = 0;
    for (size_t i = 0; i < rest.n; i++) depth += rest.p[i] == '/';
    if (!open) {
        jd_buf_c(out, ']');
        while (depth--) jd_buf_c(out, '}');
        jd_buf_c(out, '\n');
        return;
    }
    while (rest.n) {
        const char *p = rest.p + 1, *stop = memchr(p, '/', rest.n - 1);
        if (!stop) stop = rest.p + rest.n;
        jd_buf_c(out, '{');
        if (t->form.kind == JD_TABLE_GEOJSON) jd_buf_z(out, "\"type\":\"FeatureCollection\",");
        jd_json_write_key(out, (jd_str){p, (size_t)(stop - p)});
        rest = (jd_str){stop, (size_t)(rest.p + rest.n - stop)};
    }
    jd_buf_c(out, '[');
}

void jd_table_keep_head(const jd_table *t, jd_buf *out) {
    if (table__marked(t->form.encoding)) jd_buf_z(out, "\xEF\xBB\xBF");
    if (t->form.kind == JD_TABLE_XLSX) jd_buf_z(out, "\xEF\xBB\xBF"); /* so that Excel reads it as UTF-8 */
    if (has_header(t)) {
        jd_buf_str(out, jd_buf_view(&t->head));
        if (t->form.header && t->head.n && t->header_n) {
            out->n--;
            jd_buf_c(out, t->form.separator);
            jd_buf_z(out, "_refused\n");
        }
    } else if (t->form.kind != JD_TABLE_LINES) {
        wrap(t, 1, out);
    }
}

void jd_table_keep_row(const jd_table *t, const jd_table_row *row, int first, jd_str why, jd_buf *out) {
    if (has_header(t)) {
        jd_buf_str(out, row->raw);
        jd_buf_c(out, t->form.separator);
        csv_cell(t, why, out);
        jd_buf_c(out, '\n');
        return;
    }
    if (t->form.kind != JD_TABLE_LINES) jd_buf_z(out, first ? "\n" : ",\n");
    jd_str raw = table__trim(row->raw);
    int object = raw.n >= 2 && raw.p[0] == '{' && raw.p[raw.n - 1] == '}' && !row->fault;
    size_t from = out->n;
    jd_buf_add(out, raw.p, object ? raw.n - 1 : raw.n);
    if (t->form.kind == JD_TABLE_LINES)
        for (size_t i = from; i < out->n; i++)
            if (out->p[i] == '\n' || out->p[i] == '\r') out->p[i] = ' ';
    if (object) {
        int empty = !table__trim((jd_str){raw.p + 1, raw.n - 2}).n;
        jd_buf_z(out, empty ? "\"_refused\":" : ",\"_refused\":");
        jd_json_write_str(out, why);
        jd_buf_c(out, '}');
    }
    if (t->form.kind == JD_TABLE_LINES) jd_buf_c(out, '\n');
}

void jd_table_keep_end(const jd_table *t, jd_buf *out) {
    if (t->form.kind == JD_TABLE_JSON || t->form.kind == JD_TABLE_GEOJSON) wrap(t, 0, out);
}

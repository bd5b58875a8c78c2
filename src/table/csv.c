/* Rows of text with separators (RFC 4180, lenient where that loses nothing): quoted cells may hold separators, line
 * ends and doubled quotes; lines end in LF or CRLF, the last one in nothing if it likes. */
#include "table/table_int.h"

typedef struct cutter {
    jd_table *t;
    const char *p, *end;
    char sep, quote;
    size_t n;         /* cells */
    const char *bad;  /* where something stands behind a closing quote */
    const char *open; /* where the quote begins that is not closed */
} cutter;

static void put_cell(cutter *c, jd_str text, const char *at) {
    jd_table *t = c->t;
    if (c->n == t->cells_cap) {
        t->cells_cap = t->cells_cap ? t->cells_cap * 2 : 32;
        t->cells = jd_xrealloc(t->cells, t->cells_cap * sizeof *t->cells);
    }
    t->cells[c->n++] = (jd_table_cell){.text = text, .at = (size_t)(at - (t->w.buf.p + t->w.at))};
}

/* Where an unquoted cell ends. */
static const char *plain_end(const cutter *c, const char *p) {
    while (p < c->end && *p != c->sep && *p != '\n') p++;
    return p;
}

/* The text between quotes with each doubled one made single. */
static jd_str without_doubles(cutter *c, const char *p, const char *q) {
    char *to = jd_arena_alloc(&c->t->row_arena, (size_t)(q - p) + 1), *at = to;
    for (; p < q; p++) {
        *at++ = *p;
        if (*p == c->quote) p++;
    }
    return (jd_str){to, (size_t)(at - to)};
}

/* p: behind the opening quote. 0: its end was not found. */
static int quoted(cutter *c, const char *at) {
    const char *p = at + 1, *q = p;
    int doubles = 0;
    for (;; q += 2, doubles = 1) {
        q = memchr(q, c->quote, (size_t)(c->end - q));
        if (!q) {
            c->open = at;
            return 0;
        }
        if (q + 1 == c->end || q[1] != c->quote) break;
    }
    jd_str text = doubles ? without_doubles(c, p, q) : (jd_str){p, (size_t)(q - p)};
    const char *rest = q + 1, *stop = plain_end(c, rest);
    if (table__trim((jd_str){rest, (size_t)(stop - rest)}).n && !c->bad) c->bad = rest;
    put_cell(c, table__trim(text), at);
    c->p = stop;
    return 1;
}

/* Cuts one row, from p to its line's end. 1: done, p stands at the line's end or at `end`; 0: more must be read. */
static int cut(cutter *c, int eof) {
    for (;;) {
        const char *at = c->p;
        while (at < c->end && (*at == ' ' || *at == '\t') && *at != c->sep) at++;
        if (c->quote && at < c->end && *at == c->quote) {
            if (!quoted(c, at)) return 0;
        } else {
            const char *stop = plain_end(c, c->p);
            put_cell(c, table__trim((jd_str){c->p, (size_t)(stop - c->p)}), at < stop ? at : c->p);
            c->p = stop;
        }
        if (c->p == c->end) return eof;
        if (*c->p == '\n') return 1;
        c->p++;
    }
}

static int not_closed(jd_table *t, const char *quote, int at_end, jd_err *err) {
    table__pass(&t->w, (size_t)(quote - (t->w.buf.p + t->w.at)));
    if (at_end)
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "the quote that begins here is never closed", "从此处开始的引号没有结束");
    else
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "the quote that begins here is not closed within %d MiB",
                "从此处开始的引号在 %d MiB 之内没有结束", JD_TABLE_ROW_MAX >> 20);
    return table__fail_here(&t->w, err);
}

/* One row, whatever it holds: 1, 0 or -1. The window stands behind it. */
static int take_row(jd_table *t, jd_table_row *row, cutter *c, jd_err *err) {
    table__window *w = &t->w;
    for (;;) {
        jd_arena_reset(&t->row_arena);
        if (!table__left(w)) {
            if (w->eof) return 0;
            if (table__refill(w, err)) return -1;
            continue;
        }
        const char *from = w->buf.p + w->at;
        *c =
            (cutter){.t = t, .p = from, .end = from + table__left(w), .sep = t->form.separator, .quote = t->form.quote};
        if (cut(c, w->eof)) break;
        if (w->eof && c->open) return not_closed(t, c->open, 1, err);
        if (table__left(w) > JD_TABLE_ROW_MAX) {
            if (c->open) return not_closed(t, c->open, 0, err);
            jd_fail(err, JD_E_BAD_REQUEST_DATA, "the line is longer than %d MiB", "该行长于 %d MiB",
                    JD_TABLE_ROW_MAX >> 20);
            return table__fail_here(w, err);
        }
        if (table__refill(w, err)) return -1;
    }
    const char *from = w->buf.p + w->at;
    size_t n = (size_t)(c->p - from), line_end = c->p < c->end;
    *row = (jd_table_row){.cells = t->cells, .n = c->n, .line = w->line, .column = w->column, .raw = {from, n}};
    if (n && from[n - 1] == '\r') row->raw.n--;
    table__pass(w, n + line_end);
    return 1;
}

static int all_empty(const jd_table_cell *cells, size_t n) {
    while (n && !cells[n - 1].text.n) n--;
    return !n;
}

/* The next row that is neither blank nor a comment. */
static int next_row(jd_table *t, jd_table_row *row, cutter *c, jd_err *err) {
    for (;;) {
        while (t->form.comment.n && table__left(&t->w) < t->form.comment.n && !t->w.eof)
            if (table__refill(&t->w, err)) return -1;
        int comment =
            t->form.comment.n && jd_str_starts((jd_str){t->w.buf.p + t->w.at, table__left(&t->w)}, t->form.comment);
        char quote = t->form.quote;
        if (comment) t->form.quote = 0;
        int got = take_row(t, row, c, err);
        t->form.quote = quote;
        if (got <= 0 || (!comment && !all_empty(row->cells, row->n))) return got;
    }
}

static void keep_head(jd_table *t, const jd_table_row *row) {
    jd_buf_str(&t->head, row->raw);
    jd_buf_c(&t->head, '\n');
}

int table__csv_open(jd_table *t, jd_err *err) {
    jd_table_row row;
    cutter c;
    int got = 1;
    char quote = t->form.quote;
    t->form.quote = 0; /* lines before the header are no cells */
    for (uint32_t i = 0; i < t->form.skip && (got = take_row(t, &row, &c, err)) > 0; i++) keep_head(t, &row);
    t->form.quote = quote;
    if (got < 0) return -1;
    if (t->form.names_n) {
        for (size_t i = 0; i < t->form.names_n; i++) table__add_name(t, t->form.names[i]);
    } else if (t->form.header) {
        got = next_row(t, &row, &c, err);
        if (got < 0) return -1;
        for (size_t i = 0; got && i < row.n; i++) table__add_name(t, row.cells[i].text);
        if (got) {
            keep_head(t, &row);
            t->header_line = row.line;
        }
    } else { /* columns have numbers only: the first row shows how many */
        while (!t->w.eof && !memchr(t->w.buf.p + t->w.at, '\n', table__left(&t->w)) &&
               table__left(&t->w) < JD_TABLE_ROW_MAX)
            if (table__refill(&t->w, err)) return -1;
        cutter look = {.t = t,
                       .p = t->w.buf.p + t->w.at,
                       .end = t->w.buf.p + t->w.buf.n,
                       .sep = t->form.separator,
                       .quote = t->form.quote};
        if (table__left(&t->w)) cut(&look, 1);
        for (size_t i = 0; i < look.n; i++) table__add_name(t, (jd_str){"", 0});
    }
    t->header_n = t->names_n;
    if (t->names_n) return 0;
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "the table is empty", "表是空的");
    return table__fail_here(&t->w, err);
}

/* The row as wide as the header, or a fault. */
static void fit(jd_table *t, jd_table_row *row, const cutter *c) {
    size_t want = t->header_n;
    jd_err *e = &t->fault;
    uint64_t line, column;
    row->fault = NULL;
    if (c->bad) {
        jd_fail(e, JD_E_BAD_REQUEST_DATA, "text stands behind a closing quote", "右引号之后还有文字");
        jd_table_place(row, (size_t)(c->bad - row->raw.p), &line, &column);
        jd_fail_at(e, "%llu:%llu", (unsigned long long)line, (unsigned long long)column);
        row->fault = e;
    } else if (row->n < want && !t->form.fill) {
        jd_fail(e, JD_E_BAD_REQUEST_DATA, "the row has %zu cells where the header has %zu",
                "该行有 %zu 列，表头有 %zu 列", row->n, want);
        jd_fail_at(e, "%llu:%llu", (unsigned long long)row->line, (unsigned long long)row->column);
        row->fault = e;
    } else if (row->n > want && !all_empty(row->cells + want, row->n - want)) {
        jd_fail(e, JD_E_BAD_REQUEST_DATA, "the row has %zu cells where the header has %zu",
                "该行有 %zu 列，表头有 %zu 列", row->n, want);
        jd_table_place(row, row->cells[want].at, &line, &column);
        jd_fail_at(e, "%llu:%llu", (unsigned long long)line, (unsigned long long)column);
        row->fault = e;
    }
    while (row->n < want) {
        cutter more = {.t = t, .n = row->n};
        put_cell(&more, (jd_str){"", 0}, t->w.buf.p + t->w.at);
        t->cells[row->n++].at = row->raw.n;
    }
    row->cells = t->cells;
    row->n = want;
}

int table__csv_next(jd_table *t, jd_table_row *row, jd_err *err) {
    cutter c;
    int got = next_row(t, row, &c, err);
    if (got > 0) fit(t, row, &c);
    return got;
}

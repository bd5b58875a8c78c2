/* table/table_int.h - what the files that read tables share; nobody else includes it. */
#ifndef JD_TABLE_INT_H
#define JD_TABLE_INT_H
#include "table/table.h"

/* ---- text.c: bytes of a source to UTF-8, seen through a window ---- */

typedef struct table__window {
    jd_source src;
    jd_buf buf;            /* UTF-8 */
    size_t at;             /* first byte not yet passed */
    int eof;               /* nothing comes behind buf */
    uint64_t line, column; /* of buf.p[at] */
    uint64_t bytes;        /* read from the source */
    struct table__codec *codec;
} table__window;

int table__window_open(table__window *w, const jd_source *src, jd_str encoding, jd_err *err);
void table__window_fini(table__window *w);
/* Reads more behind what is there. What was passed makes room: pointers into buf move. */
int table__refill(table__window *w, jd_err *err);
static inline size_t table__left(const table__window *w) {
    return w->buf.n - w->at;
}
/* Moves over n bytes, counting lines and columns. */
void table__pass(table__window *w, size_t n);
/* The next byte that is no white space of JSON, 0 at the end, -1 with *err. */
int table__peek(table__window *w, jd_err *err);
/* "LINE:COLUMN" of the window's place into err; returns -1. */
int table__fail_here(const table__window *w, jd_err *err);

/* Blanks around it cut: space, tab, line ends, U+00A0, U+3000. */
jd_str table__trim(jd_str s);
/* Is there an encoding of that name? */
int table__encoding_known(jd_str name);
/* Does a text in it begin with a mark of the order of its bytes? */
int table__marked(jd_str name);

/* ---- table.c ---- */

struct jd_table {
    jd_table_form form;
    table__window w;
    jd_arena names_arena, row_arena;
    jd_str *names;
    size_t names_n, names_cap;
    size_t header_n; /* of names: those that the table itself has */
    jd_table_cell *cells;
    size_t cells_cap;
    jd_buf head; /* text before the first row */
    uint64_t header_line;
    jd_err fault;
    /* JSON */
    jd_str pending; /* the first element, read ahead; n 0: none */
    uint64_t pending_line, pending_column;
    int any, ended;
    jd_jval *row_value;
    /* xlsx */
    struct table__xlsx *xlsx;
    int xlsx_pending; /* the first row was read to count its cells */
    jd_table_row xlsx_first;
};
void table__add_name(jd_table *t, jd_str name);
/* csv.c, json_rows.c: 1, 0, -1 as jd_table_next. */
int table__csv_open(jd_table *t, jd_err *err);
int table__csv_next(jd_table *t, jd_table_row *row, jd_err *err);
int table__json_open(jd_table *t, jd_err *err);
int table__json_next(jd_table *t, jd_table_row *row, jd_err *err);
/* xlsx.c. It may be CSV after all: then t->form.kind says so, and *csv is where it comes from. */
int table__xlsx_begin(jd_table *t, const jd_source *src, jd_source *csv, jd_err *err);
int table__xlsx_next(jd_table *t, jd_table_row *row, jd_err *err);
void table__xlsx_end(jd_table *t);
/* What stands at a path ("a.b"; a number from 1 counts items; through a list to its first item that has the rest).
 * NULL: nothing. */
const jd_jval *table__by_path(const jd_jval *v, jd_str path);
/* The same; *place: where an object's own member was found the last time. */
const jd_jval *table__by_path_again(const jd_jval *v, jd_str path, uint32_t *place);
/* v (NULL: nothing) as a cell of a row whose text is raw. */
jd_table_cell table__cell(const jd_jval *v, jd_str raw);
/* The same of a value that stands in no text; the text of a JD_JDEC is made in the arena. */
jd_table_cell table__cell_in(const jd_jval *v, jd_arena *a);
#endif

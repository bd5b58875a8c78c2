/* table/table.h - tables as they come: CSV and its kin, JSON lines, arrays within JSON, GeoJSON, in any encoding,
 * packed by gzip or not, and sheets of workbooks (xlsx); read row by row in memory bounded by the largest row (of a
 * workbook also by the file and its shared texts, 256 MiB each at most).
 *
 * Lifetime: a table from jd_table_open() to jd_table_close(); a row and its cells live until the next jd_table_next().
 * Threads:  one owner. Fails: JD_E_BAD_REQUEST_DATA for a table that cannot be read on (its place "LINE:COLUMN");
 * a row that alone is malformed is given out with `fault` set, so that it can be set aside. Example: tests/unit/table.
 */
#ifndef JD_TABLE_TABLE_H
#define JD_TABLE_TABLE_H
#include "base/buf.h"
#include "base/err.h"
#include "json/json.h"

#include <sys/types.h>

/* Where bytes come from: up to n of them, 0 at the end, -1 with *err. */
typedef struct jd_source {
    void *user;
    ssize_t (*read)(void *user, char *to, size_t n, jd_err *err);
} jd_source;
jd_source jd_source_fd(const int *fd);  /* *fd is borrowed, and must stay where it is */
jd_source jd_source_text(jd_str *rest); /* bytes in memory; *rest moves on */

typedef enum jd_table_kind {
    JD_TABLE_CSV,
    JD_TABLE_LINES,
    JD_TABLE_JSON,
    JD_TABLE_GEOJSON,
    JD_TABLE_XLSX
} jd_table_kind;

typedef struct jd_table_form {
    jd_table_kind kind;
    jd_str encoding; /* a name that iconv knows; p NULL: UTF-8, or UTF-16 where a mark says so */
    /* CSV */
    char separator; /* 0: ',' */
    char quote;     /* 0: none */
    uint32_t skip;  /* lines before the header */
    int header;     /* the first row holds the names of the columns */
    jd_str *names;  /* or these are they (header 0) */
    size_t names_n;
    jd_str comment; /* rows that begin so are passed over; n 0: none */
    int fill;       /* a short row is filled with empty cells instead of refused */
    /* JSON */
    /* xlsx */
    jd_str sheet;      /* its name; n 0: by number */
    uint32_t sheet_no; /* from 1; 0: the first */
    jd_str path;       /* JSON Pointer (RFC 6901, names only) of the array; n 0: the text is the array */
} jd_table_form;

enum { JD_TABLE_ROW_MAX = 16 << 20, JD_TABLE_COLUMNS_MAX = 16384 };

typedef struct jd_table_cell {
    jd_str text; /* blanks around it cut; a number of JSON as written; p NULL: there is no such cell */
    const jd_jval
        *value; /* JSON: what stands there; NULL in CSV. A JD_JDEC that only its number is asked of has no text */
    size_t at;  /* offset in the row's bytes */
} jd_table_cell;

typedef struct jd_table_row {
    const jd_table_cell *cells; /* one for each column */
    size_t n;
    uint64_t line, column; /* where it begins, from 1; columns in characters */
    jd_str raw;          /* as it stands in the table, in UTF-8, without the line's end; a byte that was no character of
                            the encoding is FF */
    int by_cell;         /* places count cells instead of characters (xlsx; raw is CSV then) */
    const jd_err *fault; /* the row is malformed; its place is "LINE:COLUMN" */
} jd_table_row;

typedef struct jd_table jd_table;
/* Reads the header, or looks at the first row of JSON. The form's texts must outlive the table. */
int jd_table_open(jd_table **out, const jd_table_form *form, const jd_source *src, jd_err *err);
void jd_table_close(jd_table *t);
/* Names of the columns in order. Of JSON those of the first row, members of members as "a.b"; GeoJSON: the properties,
 * then "@geometry" and "@id". */
size_t jd_table_columns(const jd_table *t, const jd_str **names);
/* Number of a column: by name, or "#n" by number from 1; of JSON also one that the first row lacks. -1: no such column,
 * -2: two columns have the name. */
long jd_table_column(jd_table *t, jd_str name);
/* 1: a row; 0: the end; -1: the table cannot be read on. Blank rows and comments are passed over. */
int jd_table_next(jd_table *t, jd_table_row *row, jd_err *err);
/* Line and column of a byte of the row. */
void jd_table_place(const jd_table_row *row, size_t at, uint64_t *line, uint64_t *column);
uint64_t jd_table_bytes(const jd_table *t);       /* read from the source so far */
uint64_t jd_table_header_line(const jd_table *t); /* of the header, or of the first row */

/* ---- rows set aside, in the table's own form and encoding, so that they can be mended and given again ---- */
/* What stands before the first row, into *out. */
void jd_table_keep_head(const jd_table *t, jd_buf *out);
/* One row and why; first: none was kept before. CSV gets one more column, JSON one more member, "_refused". */
void jd_table_keep_row(const jd_table *t, const jd_table_row *row, int first, jd_str why, jd_buf *out);
void jd_table_keep_end(const jd_table *t, jd_buf *out);
/* UTF-8 to the table's encoding; what it cannot say becomes '?'. */
void jd_table_encode(const jd_table *t, jd_str utf8, jd_buf *out);
#endif

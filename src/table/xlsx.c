/* Workbooks (ECMA-376, .xlsx): a ZIP of XML, read row by row; one sheet of it is the table.
 *
 * A cell is as it is shown where that carries meaning: one with a format of dates becomes an ISO text (the number alone
 * would not say that it is a day), all others stay what they are. Rows that are set aside become CSV, since only their
 * texts are known here; so a table of this form that is no ZIP is read as CSV, and mended rows go in by the same
 * mapping. What expands without end stops at a bound. */
#include "table/table_int.h"

#include <expat.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <zip.h>

enum {
    XLSX_BYTES_MAX = 256 << 20, /* the file, which is held in memory */
    TEXTS_MAX = 256 << 20,      /* shared texts */
    STYLES_MAX = 65536,
    PIECE = 64 << 10
};
static const uint64_t UNPACKED_MAX = (uint64_t)4 << 30; /* of one part */

typedef enum cell_kind { CELL_NUMBER, CELL_SHARED, CELL_TEXT, CELL_BOOLEAN } cell_kind;
typedef enum date_kind { NO_DATE, A_DAY, A_TIME, A_MOMENT } date_kind;

typedef struct style_format { /* numFmt */
    long id;
    date_kind kind;
} style_format;

typedef struct cell_text { /* in rows.text */
    size_t from, n;
} cell_text;

struct table__xlsx {
    jd_buf bytes;
    jd_str rest; /* where it is CSV after all */
    zip_t *zip;
    zip_file_t *part;
    XML_Parser xml;
    uint64_t unpacked;
    int ended, suspended, too_much;
    /* the workbook */
    jd_str want; /* name of the sheet; n 0: by number */
    uint32_t want_no, sheets;
    char target_id[128], target[512];
    int found, date1904;
    /* shared texts */
    jd_buf texts;
    size_t *ends, texts_n, texts_cap;
    /* styles */
    style_format *formats;
    size_t formats_n;
    unsigned char *styles; /* date_kind of each */
    size_t styles_n;
    int in_styles;
    /* the text being read */
    int in_text, in_phonetic, in_inline;
    jd_buf text;
    /* the row being read */
    jd_buf row;
    cell_text *cells;
    size_t cells_n, cells_cap;
    uint64_t row_no;
    size_t col; /* of the cell, from 0 */
    cell_kind kind;
    long style;
    int has_row;
};
typedef struct table__xlsx xlsx;

/* ---- XML ---- */

/* Names without their prefix: who writes x:row means row. */
static int is(const char *name, const char *want) {
    const char *colon = strrchr(name, ':');
    return !strcmp(colon ? colon + 1 : name, want);
}

static const char *attr(const char **list, const char *want) {
    for (; *list; list += 2)
        if (is(list[0], want)) return list[1];
    return NULL;
}

static void XMLCALL no_doctype(void *user, const char *name, const char *sys, const char *pub, int internal) {
    xlsx *x = user;
    (void)name, (void)sys, (void)pub, (void)internal;
    XML_StopParser(x->xml, XML_FALSE); /* no part has one; entities are how XML explodes */
}

static void XMLCALL on_chars(void *user, const char *s, int n) {
    xlsx *x = user;
    if (!x->in_text || x->in_phonetic) return;
    jd_buf_add(&x->text, s, (size_t)n);
    if (x->text.n + x->texts.n + x->row.n > TEXTS_MAX) {
        x->too_much = 1;
        XML_StopParser(x->xml, XML_FALSE);
    }
}

static void close_part(xlsx *x) {
    if (x->xml) XML_ParserFree(x->xml);
    if (x->part) zip_fclose(x->part);
    x->xml = NULL;
    x->part = NULL;
}

/* 0: there is no such part. */
static int open_part(xlsx *x, const char *name, XML_StartElementHandler start, XML_EndElementHandler end) {
    close_part(x);
    x->part = zip_fopen(x->zip, name, ZIP_FL_NOCASE);
    if (!x->part) return 0;
    x->xml = XML_ParserCreate(NULL);
    if (!x->xml) abort(); /* no memory */
    XML_SetUserData(x->xml, x);
    XML_SetElementHandler(x->xml, start, end);
    XML_SetCharacterDataHandler(x->xml, on_chars);
    XML_SetStartDoctypeDeclHandler(x->xml, no_doctype);
    x->unpacked = 0;
    x->ended = x->suspended = x->in_text = x->in_phonetic = x->in_inline = 0;
    return 1;
}

static int broken(xlsx *x, const char *part, jd_err *err) {
    if (x->too_much)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "the workbook's %s holds more text than %d MiB",
                       "工作簿的 %s 超过 %d MiB", part, TEXTS_MAX >> 20);
    return jd_fail(err, JD_E_BAD_REQUEST_DATA, "the workbook's %s is broken: %s", "工作簿的 %s 已损坏：%s", part,
                   x->xml ? XML_ErrorString(XML_GetErrorCode(x->xml)) : "it is missing");
}

/* Reads on until the handlers suspend (1), the part ends (0), or it is broken (-1). */
static int read_on(xlsx *x, const char *name, jd_err *err) {
    for (;;) {
        enum XML_Status st;
        if (x->suspended) {
            x->suspended = 0;
            st = XML_ResumeParser(x->xml);
        } else {
            if (x->ended) return 0;
            void *to = XML_GetBuffer(x->xml, PIECE);
            zip_int64_t n = to ? zip_fread(x->part, to, PIECE) : -1;
            if (n < 0 || (x->unpacked += (uint64_t)n) > UNPACKED_MAX)
                return jd_fail(err, JD_E_BAD_REQUEST_DATA, "the workbook's %s cannot be unpacked",
                               "无法解压工作簿的 %s", name);
            x->ended = n == 0;
            st = XML_ParseBuffer(x->xml, (int)n, n == 0);
        }
        if (st == XML_STATUS_SUSPENDED) {
            x->suspended = 1;
            return 1;
        }
        if (st == XML_STATUS_ERROR) return broken(x, name, err);
    }
}

static int read_part(xlsx *x, const char *name, XML_StartElementHandler start, XML_EndElementHandler end, int needed,
                     jd_err *err) {
    if (!open_part(x, name, start, end)) return needed ? broken(x, name, err) : 0;
    int rc = read_on(x, name, err);
    close_part(x);
    return rc;
}

/* ---- workbook.xml and its relations: which part is the sheet ---- */

static void XMLCALL workbook_start(void *user, const char *name, const char **list) {
    xlsx *x = user;
    if (is(name, "workbookPr")) {
        const char *on = attr(list, "date1904");
        x->date1904 = on && (!strcmp(on, "1") || !strcmp(on, "true"));
    }
    if (!is(name, "sheet")) return;
    const char *title = attr(list, "name"), *id = NULL;
    for (const char **a = list; *a; a += 2)
        if (strchr(a[0], ':') && is(a[0], "id")) id = a[1];
    x->sheets++;
    int hit = x->want.n ? title && jd_str_eq(x->want, jd_str_of(title)) : x->sheets == x->want_no;
    if (!hit || x->found || !id) return;
    x->found = 1;
    snprintf(x->target_id, sizeof x->target_id, "%s", id);
}

static void XMLCALL rels_start(void *user, const char *name, const char **list) {
    xlsx *x = user;
    const char *id = attr(list, "Id"), *target = attr(list, "Target");
    if (!is(name, "Relationship") || !id || !target || strcmp(id, x->target_id)) return;
    const char *base = *target == '/' ? "" : "xl/";
    snprintf(x->target, sizeof x->target, "%s%s", base, *target == '/' ? target + 1 : target);
}

static void XMLCALL no_end(void *user, const char *name) {
    (void)user, (void)name;
}

/* ---- sharedStrings.xml ---- */

static void XMLCALL texts_start(void *user, const char *name, const char **list) {
    xlsx *x = user;
    (void)list;
    if (is(name, "rPh")) x->in_phonetic++; /* how to say it, not what it says */
    if (is(name, "t")) x->in_text = 1;
}

static void XMLCALL texts_end(void *user, const char *name) {
    xlsx *x = user;
    if (is(name, "rPh") && x->in_phonetic) x->in_phonetic--;
    if (is(name, "t")) x->in_text = 0;
    if (!is(name, "si")) return;
    jd_buf_str(&x->texts, jd_buf_view(&x->text));
    x->text.n = 0;
    if (x->texts_n == x->texts_cap) {
        x->texts_cap = x->texts_cap ? x->texts_cap * 2 : 1024;
        x->ends = jd_xrealloc(x->ends, x->texts_cap * sizeof *x->ends);
    }
    x->ends[x->texts_n++] = x->texts.n;
    if (x->texts_n * sizeof *x->ends > TEXTS_MAX) {
        x->too_much = 1;
        XML_StopParser(x->xml, XML_FALSE);
    }
}

/* ---- styles.xml: which formats are dates ---- */

static date_kind kind_of_code(const char *s) {
    int day = 0, hour = 0;
    for (; *s; s++) {
        char c = (char)(*s | 32);
        if (*s == '"') {
            while (s[1] && s[1] != '"') s++;
            if (s[1]) s++;
        } else if (*s == '[') { /* a colour, a condition, or hours without end: [h] is a length, not a time */
            if ((s[1] | 32) == 'h' || (s[1] | 32) == 'm' || (s[1] | 32) == 's') return NO_DATE;
            while (s[1] && *s != ']') s++;
        } else if (*s == '\\' || *s == '_' || *s == '*') {
            if (s[1]) s++;
        } else if (*s == ';') {
            break;
        } else if (!strncasecmp(s, "general", 7)) {
            s += 6;
        } else {
            day |= c == 'y' || c == 'd' || (c == 'e' && s[1] != '+' && s[1] != '-');
            hour |= c == 'h' || c == 's';
            if (c == '0' || c == '#' || c == '?') return hour ? A_MOMENT - !day : NO_DATE; /* ss.000 */
        }
    }
    return day && hour ? A_MOMENT : day ? A_DAY : hour ? A_TIME : NO_DATE;
}

/* ECMA-376 18.8.30; 27 to 36 and 50 to 58 are dates in East Asian editions. */
static date_kind kind_of_id(const xlsx *x, long id) {
    for (size_t i = 0; i < x->formats_n; i++)
        if (x->formats[i].id == id) return x->formats[i].kind;
    if ((id >= 14 && id <= 17) || (id >= 27 && id <= 31) || id == 36 || (id >= 50 && id <= 58)) return A_DAY;
    if ((id >= 18 && id <= 21) || (id >= 32 && id <= 35) || id == 45 || id == 47) return A_TIME;
    return id == 22 ? A_MOMENT : NO_DATE;
}

static void XMLCALL styles_start(void *user, const char *name, const char **list) {
    xlsx *x = user;
    const char *id = attr(list, "numFmtId"), *code = attr(list, "formatCode");
    if (is(name, "numFmt") && id && code && x->formats_n < STYLES_MAX) {
        x->formats = jd_xrealloc(x->formats, (x->formats_n + 1) * sizeof *x->formats);
        x->formats[x->formats_n++] = (style_format){strtol(id, NULL, 10), kind_of_code(code)};
    }
    if (is(name, "cellXfs")) x->in_styles = 1;
    if (!x->in_styles || !is(name, "xf") || x->styles_n == STYLES_MAX) return;
    x->styles = jd_xrealloc(x->styles, x->styles_n + 1);
    x->styles[x->styles_n++] = (unsigned char)kind_of_id(x, id ? strtol(id, NULL, 10) : 0);
}

static void XMLCALL styles_end(void *user, const char *name) {
    if (is(name, "cellXfs")) ((xlsx *)user)->in_styles = 0;
}

/* ---- the sheet ---- */

/* "BC12" -> 54 */
static size_t column_of(const char *ref, size_t otherwise) {
    size_t v = 0;
    if (!ref || *ref < 'A' || *ref > 'Z') return otherwise;
    for (; *ref >= 'A' && *ref <= 'Z' && v <= JD_TABLE_COLUMNS_MAX; ref++) v = v * 26 + (size_t)(*ref - 'A') + 1;
    return v - 1;
}

static void start_cell(xlsx *x, const char **list) {
    const char *t = attr(list, "t"), *s = attr(list, "s");
    x->col = column_of(attr(list, "r"), x->cells_n);
    x->style = s ? strtol(s, NULL, 10) : -1;
    x->kind = CELL_NUMBER;
    x->text.n = 0;
    if (t && *t == 's') x->kind = t[1] == 't' ? CELL_TEXT : CELL_SHARED;
    if (t && (*t == 'i' || *t == 'e' || *t == 'd')) x->kind = CELL_TEXT;
    if (t && *t == 'b') x->kind = CELL_BOOLEAN;
}

static void XMLCALL sheet_start(void *user, const char *name, const char **list) {
    xlsx *x = user;
    if (is(name, "row")) {
        const char *r = attr(list, "r");
        uint64_t no = r ? strtoull(r, NULL, 10) : 0;
        x->row_no = no ? no : x->row_no + 1;
        x->cells_n = 0;
        x->row.n = 0;
    } else if (is(name, "c")) {
        start_cell(x, list);
    } else if (is(name, "is")) {
        x->in_inline = 1;
    } else if (is(name, "rPh")) {
        x->in_phonetic++;
    } else if (is(name, "v") || (is(name, "t") && x->in_inline)) {
        x->in_text = 1;
    }
}

/* The shortest text that is the same number: Excel writes 0.1 as 0.10000000000000001. */
static void put_number(jd_buf *out, jd_str s, double v) {
    char text[40];
    size_t digits = 0;
    for (size_t i = 0; i < s.n; i++) digits += s.p[i] >= '0' && s.p[i] <= '9';
    if (digits < 16 || !isfinite(v)) {
        jd_buf_str(out, s);
        return;
    }
    for (int k = 15; k <= 17; k++) {
        snprintf(text, sizeof text, "%.*g", k, v);
        if (strtod(text, NULL) == v) break;
    }
    jd_buf_z(out, text);
}

/* Days since 1899-12-30, but that Excel believes in a 29th of February 1900 (serial 60). */
static int put_date(const xlsx *x, jd_buf *out, double v, date_kind kind) {
    if (!(v >= 0 && v < 2958466)) return 0; /* up to 9999-12-31 */
    int64_t ms = llround(v * 86400000), days = ms / 86400000, in_day = ms % 86400000;
    int clock = kind != A_DAY || in_day, day = kind != A_TIME || days;
    if (x->date1904)
        days += 1462;
    else if (days < 60)
        days++;
    int64_t z = days - 25569 + 719468, era = z / 146097, doe = z - era * 146097; /* from 0000-03-01 */
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365, doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153, m = mp < 10 ? mp + 3 : mp - 9, y = yoe + era * 400 + (m <= 2);
    if (day) jd_buf_printf(out, "%04d-%02d-%02d", (int)y, (int)m, (int)(doy - (153 * mp + 2) / 5 + 1));
    if (!clock) return 1;
    int s = (int)(in_day / 1000), f = (int)(in_day % 1000);
    jd_buf_printf(out, "%s%02d:%02d:%02d", day ? "T" : "", s / 3600, s / 60 % 60, s % 60);
    if (f) jd_buf_printf(out, ".%03d", f);
    return 1;
}

static void put_value(xlsx *x, jd_buf *out) {
    jd_str s = jd_buf_view(&x->text);
    char *end, z[64];
    if (x->kind == CELL_SHARED) {
        s = table__trim(s);
        size_t n = 0;
        for (size_t i = 0; i < s.n && n < (size_t)1 << 40; i++) n = n * 10 + (size_t)(unsigned char)(s.p[i] - '0');
        if (!s.n || n >= x->texts_n) return;
        size_t from = n ? x->ends[n - 1] : 0;
        jd_buf_add(out, x->texts.p + from, x->ends[n] - from);
        return;
    }
    if (x->kind == CELL_BOOLEAN) {
        jd_buf_z(out, jd_str_is(table__trim(s), "1") ? "true" : "false");
        return;
    }
    if (x->kind == CELL_TEXT || !s.n || s.n >= sizeof z) {
        jd_buf_str(out, s);
        return;
    }
    memcpy(z, s.p, s.n);
    z[s.n] = 0;
    double v = strtod(z, &end);
    date_kind kind = x->style >= 0 && (size_t)x->style < x->styles_n ? (date_kind)x->styles[x->style] : NO_DATE;
    if (kind != NO_DATE && !*end && put_date(x, out, v, kind)) return;
    if (*end)
        jd_buf_str(out, s);
    else
        put_number(out, s, v);
}

static void end_cell(xlsx *x) {
    size_t from = x->row.n;
    if (x->col >= JD_TABLE_COLUMNS_MAX || x->col < x->cells_n) return; /* out of its order: never written so */
    put_value(x, &x->row);
    if (x->col + 1 > x->cells_cap) {
        x->cells_cap = (x->col + 1) * 2;
        x->cells = jd_xrealloc(x->cells, x->cells_cap * sizeof *x->cells);
    }
    while (x->cells_n < x->col) x->cells[x->cells_n++] = (cell_text){from, 0};
    x->cells[x->cells_n++] = (cell_text){from, x->row.n - from};
    if (x->row.n <= JD_TABLE_ROW_MAX) return;
    x->too_much = 1;
    XML_StopParser(x->xml, XML_FALSE);
}

static void XMLCALL sheet_end(void *user, const char *name) {
    xlsx *x = user;
    if (is(name, "v") || is(name, "t")) x->in_text = 0;
    if (is(name, "is")) x->in_inline = 0;
    if (is(name, "rPh") && x->in_phonetic) x->in_phonetic--;
    if (is(name, "c")) end_cell(x);
    if (!is(name, "row")) return;
    x->has_row = 1;
    XML_StopParser(x->xml, XML_TRUE);
}

/* ---- rows ---- */

/* The row as CSV, which is how it is set aside. */
static void as_csv(jd_table *t, size_t n, jd_buf *out) {
    for (size_t i = 0; i < n; i++) {
        jd_str s = t->cells[i].text;
        int quoted = 0;
        for (size_t k = 0; k < s.n; k++) quoted |= s.p[k] == ',' || s.p[k] == '"' || s.p[k] == '\n' || s.p[k] == '\r';
        if (i) jd_buf_c(out, ',');
        t->cells[i].at = out->n;
        if (quoted) jd_buf_c(out, '"');
        for (size_t k = 0; k < s.n; k++) {
            if (s.p[k] == '"') jd_buf_c(out, '"');
            jd_buf_c(out, s.p[k]);
        }
        if (quoted) jd_buf_c(out, '"');
    }
}

static void room_for(jd_table *t, size_t n) {
    if (n <= t->cells_cap) return;
    t->cells_cap = n * 2;
    t->cells = jd_xrealloc(t->cells, t->cells_cap * sizeof *t->cells);
}

static int is_comment(const jd_table *t) {
    jd_str c = t->form.comment;
    return c.n && t->xlsx->cells_n && jd_str_starts(t->cells[0].text, c);
}

/* The next row that holds anything: 1, 0 or -1. */
static int next_row(jd_table *t, jd_table_row *row, jd_err *err) {
    xlsx *x = t->xlsx;
    for (;;) {
        x->has_row = 0;
        int got = read_on(x, "sheet", err);
        if (got < 0 || !x->has_row) {
            if (got < 0) jd_fail_at(err, "%llu:1", (unsigned long long)x->row_no + 1);
            return got < 0 ? -1 : 0;
        }
        if (x->row_no <= t->form.skip) continue;
        size_t n = x->cells_n, filled = 0;
        room_for(t, n + 1);
        jd_arena_reset(&t->row_arena);
        for (size_t i = 0; i < n; i++) {
            jd_str s = table__trim((jd_str){x->row.p + x->cells[i].from, x->cells[i].n});
            t->cells[i] = (jd_table_cell){.text = x->cells[i].n ? s : (jd_str){"", 0}};
            if (s.n && x->cells[i].n) filled = i + 1;
        }
        if (!filled || is_comment(t)) continue;
        jd_buf raw = {0};
        as_csv(t, filled, &raw);
        *row = (jd_table_row){.cells = t->cells,
                              .n = filled,
                              .line = x->row_no,
                              .column = 1,
                              .by_cell = 1,
                              .raw = jd_arena_dup(&t->row_arena, jd_buf_view(&raw))};
        jd_buf_fini(&raw);
        return 1;
    }
}

int table__xlsx_next(jd_table *t, jd_table_row *row, jd_err *err) {
    size_t want = t->header_n;
    if (t->xlsx_pending) {
        *row = t->xlsx_first;
        t->xlsx_pending = 0;
    } else {
        int got = next_row(t, row, err);
        if (got <= 0) return got;
    }
    row->fault = NULL;
    if (row->n > want) {
        jd_fail(&t->fault, JD_E_BAD_REQUEST_DATA, "the row has %zu cells where the header has %zu",
                "该行有 %zu 列，表头有 %zu 列", row->n, want);
        jd_fail_at(&t->fault, "%llu:%zu", (unsigned long long)row->line, want + 1);
        row->fault = &t->fault;
    }
    room_for(t, want + 1);
    for (size_t i = row->n; i < want; i++) t->cells[i] = (jd_table_cell){.text = {"", 0}, .at = row->raw.n};
    row->cells = t->cells; /* cells behind the last that is filled are not written: they are empty */
    row->n = want;
    return 1;
}

/* ---- opening ---- */

static int read_bytes(xlsx *x, const jd_source *src, jd_err *err) {
    for (;;) {
        ssize_t n = src->read(src->user, jd_buf_room(&x->bytes, 1 << 18), 1 << 18, err);
        if (n < 0) return -1;
        if (n == 0) return 0;
        x->bytes.n += (size_t)n;
        if (x->bytes.n > XLSX_BYTES_MAX)
            return jd_fail(err, JD_E_BAD_REQUEST_DATA, "the workbook is larger than %d MiB", "工作簿大于 %d MiB",
                           XLSX_BYTES_MAX >> 20);
    }
}

static int open_zip(xlsx *x, jd_err *err) {
    zip_error_t why;
    zip_error_init(&why);
    zip_source_t *src = zip_source_buffer_create(x->bytes.p, x->bytes.n, 0, &why);
    x->zip = src ? zip_open_from_source(src, ZIP_RDONLY, &why) : NULL;
    if (!x->zip) {
        if (src) zip_source_free(src);
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "the workbook is no whole ZIP: %s", "工作簿不是完整的 ZIP：%s",
                zip_error_strerror(&why));
    }
    zip_error_fini(&why);
    return x->zip ? 0 : -1;
}

static int no_sheet(const jd_table *t, jd_err *err) {
    const xlsx *x = t->xlsx;
    if (x->want.n)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "the workbook has no sheet \"%.*s\"", "工作簿没有工作表“%.*s”",
                       JD_STR_ARG(x->want));
    return jd_fail(err, JD_E_BAD_REQUEST_DATA, "the workbook has %u sheets, no %uth",
                   "工作簿有 %u 个工作表，没有第 %u 个", x->sheets, x->want_no);
}

static int open_sheet(jd_table *t, jd_err *err) {
    xlsx *x = t->xlsx;
    x->want = t->form.sheet;
    x->want_no = t->form.sheet_no ? t->form.sheet_no : 1;
    if (read_part(x, "xl/workbook.xml", workbook_start, no_end, 1, err)) return -1;
    if (!x->found) return no_sheet(t, err);
    if (read_part(x, "xl/_rels/workbook.xml.rels", rels_start, no_end, 1, err) ||
        read_part(x, "xl/sharedStrings.xml", texts_start, texts_end, 0, err) ||
        read_part(x, "xl/styles.xml", styles_start, styles_end, 0, err))
        return -1;
    return open_part(x, x->target, sheet_start, sheet_end) ? 0 : broken(x, "sheet", err);
}

static void keep_head(jd_table *t, const jd_table_row *row) {
    for (uint32_t i = 0; i < t->form.skip; i++) jd_buf_c(&t->head, '\n'); /* the mapping passes over so many lines */
    if (row) {
        jd_buf_str(&t->head, row->raw);
        jd_buf_c(&t->head, '\n');
    }
}

static int read_header(jd_table *t, jd_err *err) {
    jd_table_row row;
    if (t->form.names_n) {
        for (size_t i = 0; i < t->form.names_n; i++) table__add_name(t, t->form.names[i]);
        keep_head(t, NULL);
    } else {
        int got = next_row(t, &row, err);
        if (got < 0) return -1;
        for (size_t i = 0; got && i < row.n; i++)
            table__add_name(t, t->form.header ? row.cells[i].text : (jd_str){"", 0});
        if (got) t->header_line = row.line;
        keep_head(t, got && t->form.header ? &row : NULL);
        t->xlsx_pending = got && !t->form.header;
        t->xlsx_first = row;
    }
    t->header_n = t->names_n;
    return t->names_n ? 0 : jd_fail(err, JD_E_BAD_REQUEST_DATA, "the table is empty", "表是空的");
}

int table__xlsx_begin(jd_table *t, const jd_source *src, jd_source *csv, jd_err *err) {
    xlsx *x = t->xlsx = jd_xcalloc(1, sizeof *x);
    t->form.separator = ',';
    t->form.quote = '"';
    if (read_bytes(x, src, err)) return -1;
    t->w.bytes = x->bytes.n;
    if (x->bytes.n >= 8 && !memcmp(x->bytes.p, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", 8))
        return jd_fail(err, JD_E_BAD_REQUEST_DATA,
                       "this is an old .xls, or has a password: save it as .xlsx without one",
                       "这是旧式 .xls 文件，或设有密码：请另存为不带密码的 .xlsx");
    if (x->bytes.n < 2 || memcmp(x->bytes.p, "PK", 2)) {
        x->rest = jd_buf_view(&x->bytes);
        *csv = jd_source_text(&x->rest);
        t->form.kind = JD_TABLE_CSV;
        return 0;
    }
    return open_zip(x, err) || open_sheet(t, err) || read_header(t, err) ? -1 : 0;
}

void table__xlsx_end(jd_table *t) {
    xlsx *x = t->xlsx;
    if (!x) return;
    close_part(x);
    if (x->zip) zip_discard(x->zip);
    jd_buf_fini(&x->bytes);
    jd_buf_fini(&x->texts);
    jd_buf_fini(&x->text);
    jd_buf_fini(&x->row);
    free(x->ends);
    free(x->formats);
    free(x->styles);
    free(x->cells);
    free(x);
}

/* Rows of JSON: one object (or array of cells) a line, or the elements of an array that lies somewhere in the text. Of
 * the text around that array nothing is kept, so memory holds one row. */
#include "table/table_int.h"

#include <stdio.h>

/* ---- finding the array ---- */

/* Offset behind the JSON value that begins at the window's place, reading as far as needed; 0: *err. */
static size_t value_end(table__window *w, jd_err *err) {
    size_t i = 0;
    unsigned depth = 0;
    int in_string = 0, escaped = 0, scalar = 0;
    for (;;) {
        for (; i < table__left(w); i++) {
            char c = w->buf.p[w->at + i];
            if (in_string) {
                if (escaped)
                    escaped = 0;
                else if (c == '\\')
                    escaped = 1;
                else if (c == '"' && (in_string = 0, !depth))
                    return i + 1;
            } else if (scalar && memchr(",]} \t\r\n", c, 7)) {
                return i;
            } else if (c == '"') {
                in_string = 1;
            } else if (c == '{' || c == '[') {
                depth++;
            } else if (c == '}' || c == ']') {
                if (depth <= 1) return i + 1;
                depth--;
            } else if (!depth) {
                scalar = 1;
            }
        }
        if (w->eof && scalar && !depth) return i;
        if (w->eof || i > JD_TABLE_ROW_MAX) {
            if (w->eof)
                jd_fail(err, JD_E_BAD_REQUEST_DATA, "the JSON value that begins here is not closed",
                        "从此处开始的 JSON 值没有结束");
            else
                jd_fail(err, JD_E_BAD_REQUEST_DATA, "the JSON value that begins here is larger than %d MiB",
                        "从此处开始的 JSON 值大于 %d MiB", JD_TABLE_ROW_MAX >> 20);
            table__fail_here(w, err);
            return 0;
        }
        if (table__refill(w, err)) return 0;
    }
}

static int expected(jd_table *t, const char *en, const char *zh, jd_err *err) {
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s was expected here%.0s", "%.0s此处应为%s", en, zh);
    return table__fail_here(&t->w, err);
}

/* From '{' to behind the ':' of the member `name`. */
static int into_member(jd_table *t, jd_str name, jd_err *err) {
    table__window *w = &t->w;
    int c = table__peek(w, err);
    if (c < 0) return -1;
    if (c != '{') return expected(t, "a JSON object", "JSON 对象", err);
    for (;;) {
        table__pass(w, 1); /* '{' or ',' */
        if ((c = table__peek(w, err)) < 0) return -1;
        if (c != '"') break;
        size_t n = value_end(w, err);
        if (!n) return -1;
        jd_arena_reset(&t->row_arena);
        jd_jval key;
        jd_str text = jd_arena_dup(&t->row_arena, (jd_str){w->buf.p + w->at, n});
        int mine = !jd_json_parse(&t->row_arena, text, NULL, &key, err) && jd_str_eq(jd_jstr(&key), name);
        table__pass(w, n);
        if ((c = table__peek(w, err)) < 0) return -1;
        if (c != ':') return expected(t, "\":\"", "冒号", err);
        table__pass(w, 1);
        if ((c = table__peek(w, err)) < 0) return -1;
        if (mine) return 0;
        if (!(n = value_end(w, err))) return -1;
        table__pass(w, n);
        if ((c = table__peek(w, err)) < 0) return -1;
        if (c != ',') break;
    }
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "the object has no member \"%.*s\"", "对象没有成员“%.*s”", JD_STR_ARG(name));
    return table__fail_here(w, err);
}

static int find_array(jd_table *t, jd_err *err) {
    jd_str rest = t->form.path;
    while (rest.n) {
        const char *p = rest.p + 1, *stop = memchr(p, '/', rest.n - 1);
        if (!stop) stop = rest.p + rest.n;
        if (into_member(t, (jd_str){p, (size_t)(stop - p)}, err)) return -1;
        rest = (jd_str){stop, (size_t)(rest.p + rest.n - stop)};
    }
    int c = table__peek(&t->w, err);
    if (c < 0) return -1;
    if (c != '[') return expected(t, "a JSON array", "JSON 数组", err);
    table__pass(&t->w, 1);
    return 0;
}

/* ---- the elements ---- */

/* The next element's text stands at the window's place; *n its bytes. 1, 0, -1. */
static int next_element(jd_table *t, size_t *n, jd_err *err) {
    table__window *w = &t->w;
    if (t->ended) return 0;
    int c = table__peek(w, err);
    if (c < 0) return -1;
    if (t->any && c == ',') {
        table__pass(w, 1);
        if ((c = table__peek(w, err)) < 0) return -1;
    } else if (c == ']') {
        t->ended = 1;
        return 0;
    } else if (t->any) {
        return expected(t, "a comma or the end of the array", "逗号或数组结尾", err);
    }
    if (c != '{' && c != '[') return expected(t, "a row (a JSON object or array)", "一行（JSON 对象或数组）", err);
    t->any = 1;
    *n = value_end(w, err);
    return *n ? 1 : -1;
}

static int next_line(jd_table *t, size_t *n, jd_err *err) {
    table__window *w = &t->w;
    int c = table__peek(w, err);
    if (c <= 0) return c;
    for (size_t seen = 0;;) {
        const char *from = w->buf.p + w->at, *nl = memchr(from + seen, '\n', table__left(w) - seen);
        if (nl || w->eof) {
            *n = nl ? (size_t)(nl - from) : table__left(w);
            return 1;
        }
        seen = table__left(w);
        if (seen > JD_TABLE_ROW_MAX) {
            jd_fail(err, JD_E_BAD_REQUEST_DATA, "the line is longer than %d MiB", "该行长于 %d MiB",
                    JD_TABLE_ROW_MAX >> 20);
            return table__fail_here(w, err);
        }
        if (table__refill(w, err)) return -1;
    }
}

/* ---- cells ---- */

static const jd_jval *in_list(const jd_jval *v, jd_str path) {
    uint32_t no = 0;
    size_t i = 0;
    while (i < path.n && i < 9 && path.p[i] >= '0' && path.p[i] <= '9') no = no * 10 + (uint32_t)(path.p[i++] - '0');
    if (i && i == path.n) return no && no <= v->n ? &v->items[no - 1] : NULL;
    if (i && path.p[i] == '.')
        return no && no <= v->n ? table__by_path(&v->items[no - 1], (jd_str){path.p + i + 1, path.n - i - 1}) : NULL;
    const jd_jval *found = NULL;
    for (uint32_t k = 0; k < v->n && !found; k++) found = table__by_path(&v->items[k], path);
    return found;
}

const jd_jval *table__by_path(const jd_jval *v, jd_str path) {
    if (v->type == JD_JARR) return in_list(v, path);
    const jd_jval *whole = jd_jget_str(v, path);
    if (whole) return whole;
    const char *dot = memchr(path.p, '.', path.n);
    if (!dot) return NULL;
    const jd_jval *in = jd_jget_str(v, (jd_str){path.p, (size_t)(dot - path.p)});
    return in ? table__by_path(in, (jd_str){dot + 1, (size_t)(path.p + path.n - dot) - 1}) : NULL;
}

/* Rows of one source mostly have their members in the same places. Names of one object differ, so that the member that
 * bears the name where it stood the last time is the one. */
const jd_jval *table__by_path_again(const jd_jval *v, jd_str path, uint32_t *place) {
    if (v->type != JD_JOBJ) return table__by_path(v, path);
    if (*place < v->n && jd_str_eq(v->members[*place].name, path)) return &v->members[*place].val;
    const jd_jval *found = table__by_path(v, path);
    for (uint32_t i = 0; found && i < v->n; i++)
        if (found == &v->members[i].val) *place = i;
    return found;
}

static const jd_jval *cell_value(const jd_table *t, const jd_jval *row, size_t i) {
    jd_str name = t->names[i];
    if (row->type == JD_JARR) return i < row->n ? &row->items[i] : NULL;
    if (t->form.kind != JD_TABLE_GEOJSON) return table__by_path(row, name);
    if (jd_str_is(name, "@geometry")) return jd_jget(row, "geometry");
    if (jd_str_is(name, "@id")) return jd_jget(row, "id");
    const jd_jval *properties = jd_jget(row, "properties");
    return properties ? table__by_path(properties, name) : NULL;
}

jd_table_cell table__cell(const jd_jval *v, jd_str raw) {
    jd_table_cell c = {.value = v};
    if (!v) return c;
    switch (v->type) {
    case JD_JSTR:
    case JD_JNUM: c.text = table__trim(jd_jstr(v)); break;
    case JD_JTRUE: c.text = JD_STR("true"); break;
    case JD_JFALSE: c.text = JD_STR("false"); break;
    default: c.text = JD_STR(""); break; /* null is nothing; arrays and objects have no text */
    }
    if (c.text.p >= raw.p && c.text.p < raw.p + raw.n) c.at = (size_t)(c.text.p - raw.p);
    return c;
}

static int is_visible(char c) { /* of ASCII */
    return (unsigned char)c > 0x20 && (unsigned char)c < 0x7f;
}

jd_table_cell table__cell_in(const jd_jval *v, jd_arena *a) {
    if (v && v->type == JD_JSTR && v->n && is_visible(v->s[0]) && is_visible(v->s[v->n - 1])) /* nothing to trim */
        return (jd_table_cell){.value = v, .text = jd_jstr(v)};
    jd_table_cell c = table__cell(v, (jd_str){"", 0});
    if (!v || v->type != JD_JDEC) return c;
    char *text = jd_arena_alloc(a, JD_DECIMAL_MAX);
    c.text = (jd_str){text, jd_decimal_print(v->dec, v->n, text)};
    return c;
}

static void add_members(jd_table *t, const jd_jval *v, jd_str before, int depth) {
    for (uint32_t i = 0; i < v->n; i++) {
        const jd_jmember *m = &v->members[i];
        jd_str name =
            before.n ? jd_arena_printf(&t->names_arena, "%.*s.%.*s", JD_STR_ARG(before), JD_STR_ARG(m->name)) : m->name;
        if (m->val.type == JD_JOBJ && depth < 4)
            add_members(t, &m->val, name, depth + 1);
        else
            table__add_name(t, name);
    }
}

static void names_of(jd_table *t, const jd_jval *row) {
    if (row->type == JD_JARR) {
        for (uint32_t i = 0; i < row->n; i++) table__add_name(t, (jd_str){"", 0});
    } else if (t->form.kind == JD_TABLE_GEOJSON) {
        const jd_jval *properties = jd_jget(row, "properties");
        if (properties && properties->type == JD_JOBJ) add_members(t, properties, (jd_str){"", 0}, 0);
        table__add_name(t, JD_STR("@geometry"));
        table__add_name(t, JD_STR("@id"));
    } else {
        add_members(t, row, (jd_str){"", 0}, 0);
    }
    t->header_n = t->names_n;
}

/* ---- rows ---- */

/* Reads the text of one row ahead into the row's arena. */
static int read_ahead(jd_table *t, jd_err *err) {
    size_t n = 0;
    int got = t->form.kind == JD_TABLE_LINES ? next_line(t, &n, err) : next_element(t, &n, err);
    if (got <= 0) return got;
    jd_arena_reset(&t->row_arena);
    t->pending = jd_arena_dup(&t->row_arena, (jd_str){t->w.buf.p + t->w.at, n});
    t->pending_line = t->w.line;
    t->pending_column = t->w.column;
    table__pass(&t->w, n);
    return 1;
}

/* The words of a JSON fault end in its place within the row. */
static void row_fault(jd_table *t, jd_table_row *row) {
    static const char *const tails[] = {" (line ", "（第 "};
    unsigned line = 1, column = 1;
    jd_err *e = &t->fault;
    for (int zh = 0; zh < 2; zh++) {
        char *text = zh ? e->zh : e->en, *cut = NULL;
        for (char *p = text; (p = strstr(p, tails[zh])); p++) cut = p;
        if (cut) *cut = 0;
    }
    if (sscanf(e->place, "line %u column %u", &line, &column) != 2) line = column = 1;
    e->place[0] = 0;
    jd_fail_at(e, "%llu:%llu", (unsigned long long)(row->line + line - 1),
               (unsigned long long)(line > 1 ? column : row->column + column - 1));
    row->fault = e;
}

static void open_row(jd_table *t, jd_table_row *row) {
    *row = (jd_table_row){.line = t->pending_line, .column = t->pending_column, .raw = t->pending};
    t->pending.n = 0;
    t->row_value = JD_NEW(&t->row_arena, jd_jval);
    size_t bad = jd_utf8_bad(row->raw.p, row->raw.n);
    if (bad < row->raw.n) {
        uint64_t line, column;
        jd_fail(&t->fault, JD_E_BAD_REQUEST_DATA, "bytes that are no character of the encoding", "字节不符合字符编码");
        jd_table_place(row, bad, &line, &column);
        jd_fail_at(&t->fault, "%llu:%llu", (unsigned long long)line, (unsigned long long)column);
        row->fault = &t->fault;
    } else if (jd_json_parse(&t->row_arena, row->raw, NULL, t->row_value, &t->fault)) {
        row_fault(t, row);
    } else if (t->row_value->type != JD_JOBJ && t->row_value->type != JD_JARR) {
        jd_fail(&t->fault, JD_E_BAD_REQUEST_DATA, "a row must be a JSON object or array", "一行应为 JSON 对象或数组");
        jd_fail_at(&t->fault, "%llu:%llu", (unsigned long long)row->line, (unsigned long long)row->column);
        row->fault = &t->fault;
    }
}

int table__json_open(jd_table *t, jd_err *err) {
    if (t->form.kind == JD_TABLE_GEOJSON && !t->form.path.n) t->form.path = JD_STR("/features");
    if (t->form.kind != JD_TABLE_LINES && find_array(t, err)) return -1;
    int got = read_ahead(t, err);
    if (got < 0) return -1;
    if (!got) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "the table is empty", "表是空的");
        return table__fail_here(&t->w, err);
    }
    jd_table_row row;
    jd_str text = t->pending;
    open_row(t, &row);
    if (!row.fault) names_of(t, t->row_value);
    t->pending = text;
    return 0;
}

int table__json_next(jd_table *t, jd_table_row *row, jd_err *err) {
    if (!t->pending.n) {
        int got = read_ahead(t, err);
        if (got <= 0) return got;
    }
    open_row(t, row);
    if (t->names_n > t->cells_cap) {
        t->cells_cap = t->names_n;
        t->cells = jd_xrealloc(t->cells, t->cells_cap * sizeof *t->cells);
    }
    for (size_t i = 0; i < t->names_n; i++)
        t->cells[i] = row->fault ? (jd_table_cell){0} : table__cell(cell_value(t, t->row_value, i), row->raw);
    row->cells = t->cells;
    row->n = t->names_n;
    return 1;
}

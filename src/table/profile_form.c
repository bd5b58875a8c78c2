/* How bytes are to be read: packed, encoding, family, separator, lines before the header, header or none. */
#include "table/profile_int.h"

#include <iconv.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_LOOKED = 200, SKIP_MOST = 50, JSON_DEPTH = 5 };

void prof_note(prof *p, const char *en, const char *zh) {
    jd_buf_z(&p->notes, p->notes_n++ ? ",{\"en\":" : "{\"en\":");
    jd_json_write_str(&p->notes, jd_str_of(en));
    jd_buf_z(&p->notes, ",\"zh\":");
    jd_json_write_str(&p->notes, jd_str_of(zh));
    jd_buf_c(&p->notes, '}');
}

/* ---- bytes ---- */

/* Unpacked, as they stand; UTF-16 with a mark comes out as UTF-8. */
static int unpack(prof *p, jd_err *err) {
    table__window w;
    jd_str rest = p->bytes;
    jd_source src = jd_source_text(&rest);
    const unsigned char *b = (const unsigned char *)p->bytes.p;
    p->packed = p->bytes.n >= 2 && b[0] == 0x1f && b[1] == 0x8b;
    if (!p->packed) {
        p->sample = p->bytes;
    } else {
        if (table__window_open(&w, &src, JD_STR("ISO-8859-1"), err)) return -1; /* each byte becomes one character */
        int rc = 0;
        while (!rc && !w.eof && w.buf.n < 2 * (size_t)PROF_BYTES) rc = table__refill(&w, err);
        char *to = jd_arena_alloc(&p->arena, w.buf.n + 1);
        size_t n = 0;
        for (size_t i = 0; i < w.buf.n; i++) {
            unsigned char c = (unsigned char)w.buf.p[i];
            to[n++] = c < 0x80 || i + 1 == w.buf.n ? (char)c : (char)((c & 3) << 6 | (w.buf.p[++i] & 0x3f));
        }
        int all = w.eof;
        table__window_fini(&w);
        if (rc) return -1;
        p->sample = (jd_str){to, n};
        p->whole = all;
    }
    if (p->sample.n > PROF_BYTES) p->sample.n = PROF_BYTES, p->whole = 0;
    return 0;
}

/* A sample that was cut ends with its last whole line. */
static void cut_at_line(prof *p) {
    if (p->whole) return;
    const char *nl = memrchr(p->sample.p, '\n', p->sample.n);
    if (nl) p->sample.n = (size_t)(nl - p->sample.p) + 1;
}

static int converts(jd_str s, const char *from) {
    iconv_t cv = iconv_open("UTF-8", from);
    if (cv == (iconv_t)-1) return 0;
    char *in = jd_xstrdup(s), *at = in, out[4096];
    size_t left = s.n;
    int ok = 1;
    while (ok && left) {
        char *to = out;
        size_t room = sizeof out;
        if (iconv(cv, &at, &left, &to, &room) == (size_t)-1 && room == sizeof out) ok = left < 4 && left < s.n;
        if (!ok || room == sizeof out) break;
    }
    free(in);
    iconv_close(cv);
    return ok;
}

static const char *sixteen(const unsigned char *b, size_t n) {
    if (n >= 2 && ((b[0] == 0xff && b[1] == 0xfe) || (b[0] == 0xfe && b[1] == 0xff))) return "UTF-16";
    size_t even = 0, odd = 0, half = n > 2000 ? 1000 : n / 2;
    for (size_t i = 0; i < half; i++) even += !b[2 * i], odd += !b[2 * i + 1];
    if (half >= 4 && odd > half / 2 && even < half / 10) return "UTF-16LE";
    if (half >= 4 && even > half / 2 && odd < half / 10) return "UTF-16BE";
    return NULL;
}

static void find_encoding(prof *p) {
    const unsigned char *b = (const unsigned char *)p->sample.p;
    size_t n = p->sample.n;
    const char *wide = sixteen(b, n);
    p->encoding = "UTF-8";
    if (wide) {
        p->encoding = wide;
        p->mark = !strcmp(wide, "UTF-16");
        p->form.encoding = jd_str_of(wide);
        return;
    }
    p->mark = n >= 3 && !memcmp(b, "\xEF\xBB\xBF", 3);
    size_t bad = jd_utf8_bad(p->sample.p, n);
    if (bad == n || (!p->whole && n - bad < 4)) return;
    p->encoding = converts(p->sample, "GB18030") ? "GB18030" : "WINDOWS-1252";
    if (!converts(p->sample, p->encoding)) p->encoding = "ISO-8859-1";
    p->form.encoding = jd_str_of(p->encoding);
}

/* The first bytes as UTF-8, to look at. */
static jd_str as_utf8(prof *p, size_t most) {
    table__window w;
    jd_str rest = p->sample;
    jd_source src = jd_source_text(&rest);
    jd_err err = {0};
    if (table__window_open(&w, &src, p->form.encoding, &err)) return p->sample;
    while (!w.eof && table__left(&w) < most && !table__refill(&w, &err)) {}
    jd_str s = jd_arena_dup(&p->arena, (jd_str){w.buf.p + w.at, table__left(&w)});
    table__window_fini(&w);
    return s;
}

/* ---- JSON ---- */

/* The largest array of rows within the tree; its pointer into *path. */
static void largest(prof *p, const jd_jval *v, jd_str path, int depth, uint32_t *best, jd_str *out) {
    if (v->type == JD_JARR && v->n > *best && (v->items[0].type == JD_JOBJ || v->items[0].type == JD_JARR)) {
        *best = v->n;
        *out = path;
    }
    for (uint32_t i = 0; v->type == JD_JOBJ && depth < JSON_DEPTH && i < v->n; i++) {
        jd_str name = v->members[i].name;
        if (!name.n || memchr(name.p, '/', name.n) || memchr(name.p, '~', name.n)) continue;
        jd_str next = jd_arena_printf(&p->arena, "%.*s/%.*s", JD_STR_ARG(path), JD_STR_ARG(name));
        largest(p, &v->members[i].val, next, depth + 1, best, out);
    }
}

static int has_line_of_json(prof *p, jd_str text) {
    const char *nl = memchr(text.p, '\n', text.n);
    jd_jval v;
    jd_err err;
    jd_str line = {text.p, nl ? (size_t)(nl - text.p) : text.n};
    return !jd_json_parse(&p->arena, table__trim(line), NULL, &v, &err) && v.type != JD_JSTR && v.type != JD_JNUM;
}

/* 1: the text is JSON of some form. */
static int sniff_json(prof *p, jd_str text) {
    jd_jval v;
    jd_err err;
    jd_str t = table__trim(text);
    if (!t.n || (t.p[0] != '{' && t.p[0] != '[')) return 0;
    p->form.kind = JD_TABLE_JSON;
    if (t.p[0] == '[' && memchr(t.p + 1, '{', t.n > 64 ? 63 : t.n - 1)) return 1;
    if (jd_json_parse(&p->arena, t, NULL, &v, &err)) {
        p->form.kind = JD_TABLE_LINES;
        if (has_line_of_json(p, t)) return 1;
        p->form.kind = JD_TABLE_JSON; /* a sample that was cut */
        return t.p[0] == '{' && !p->whole;
    }
    if (v.type == JD_JARR) return v.n > 0;
    const jd_jval *type = jd_jget(&v, "type"), *features = jd_jget(&v, "features");
    if (type && jd_jis(type, "FeatureCollection") && features && features->type == JD_JARR) {
        p->form.kind = JD_TABLE_GEOJSON;
        return 1;
    }
    uint32_t best = 0;
    largest(p, &v, JD_STR(""), 0, &best, &p->form.path);
    if (!best) p->form.kind = JD_TABLE_LINES; /* one object is one row */
    return 1;
}

/* ---- separators ---- */

typedef struct line_look {
    size_t cells[LINES_LOOKED], n, common, agree;
    jd_str first[SKIP_MOST + 1];
} line_look;

static void look_at_lines(jd_str text, char sep, line_look *l) {
    const char *p = text.p, *end = text.p + text.n, *from = p;
    size_t cells = 1;
    int quoted = 0, start = 1;
    *l = (line_look){0};
    for (; p < end && l->n < LINES_LOOKED; p++) {
        if (*p == '"' && (start || quoted)) quoted = !quoted;
        start = !quoted && (*p == sep || *p == '\n');
        if (!quoted && *p == sep) cells++;
        if ((quoted || *p != '\n') && p + 1 < end) continue;
        jd_str line = {from, (size_t)(p - from) + (*p != '\n')};
        if (l->n <= SKIP_MOST) l->first[l->n] = line;
        l->cells[l->n++] = table__trim(line).n ? cells : 0;
        from = p + 1;
        cells = 1;
        quoted = 0;
    }
    for (size_t i = 0; i < l->n; i++) {
        size_t same = 0;
        for (size_t k = 0; k < l->n; k++) same += l->cells[k] == l->cells[i];
        if (l->cells[i] && same > l->agree) l->agree = same, l->common = l->cells[i];
    }
}

static void find_separator(prof *p, jd_str text, line_look *best) {
    static const char seps[] = ",;\t|";
    double score = 0;
    p->form.separator = ',';
    look_at_lines(text, ',', best);
    for (size_t i = 0; i < 4; i++) {
        line_look l;
        look_at_lines(text, seps[i], &l);
        if (!l.n || l.common < 2) continue;
        double share = (double)l.agree / (double)l.n;
        double now = share * (1 + (double)(l.common > 20 ? 20 : l.common) / 40);
        if (now <= score) continue;
        score = now;
        p->form.separator = seps[i];
        *best = l;
    }
}

/* Lines that say something about the table, before its header. */
static void find_preamble(prof *p, const line_look *l) {
    size_t hashes = 0, skip = 0;
    while (hashes < l->n && hashes <= SKIP_MOST && l->first[hashes].n && l->first[hashes].p[0] == '#') hashes++;
    if (hashes && (hashes > 1 || (l->n > 1 && l->cells[0] != l->cells[1]))) {
        p->form.comment = JD_STR("#");
        return;
    }
    while (skip < l->n && skip < SKIP_MOST && l->cells[skip] < l->common && l->cells[skip] * 2 <= l->common + 1) skip++;
    if (skip < l->n && l->cells[skip] == l->common && l->common > 1) p->form.skip = (uint32_t)skip;
}

/* ---- header ---- */

static int is_year(jd_str s) {
    return s.n == 4 && (s.p[0] == '1' || s.p[0] == '2') && (s.p[1] == '9' || s.p[1] == '0');
}

static int is_number_like(jd_str s, jd_arena *scratch) {
    prof_cell c = prof_classify(s, scratch);
    return s.n && !c.is_mark && (c.type == PROF_INTEGER || c.type == PROF_NUMBER || c.type == PROF_TIME);
}

/* Does the first row name the columns? */
static int judge_header(prof *p) {
    jd_str rest;
    jd_table *t;
    jd_table_row row;
    jd_err err = {0};
    jd_arena scratch;
    p->form.header = 1;
    if (prof_open(p, &rest, &t, &err)) return 1;
    const jd_str *names;
    size_t n = jd_table_columns(t, &names), numbers = 0, years = 0, again = 0;
    jd_arena_init(&scratch);
    for (size_t i = 0; i < n; i++) {
        int like = is_number_like(names[i], &scratch);
        numbers += (size_t)like;
        years += (size_t)(like && is_year(names[i]));
    }
    for (int rows = 0; rows < 100 && jd_table_next(t, &row, &err) > 0; rows++)
        for (size_t i = 0; i < n && i < row.n; i++)
            again += (size_t)(names[i].n && jd_str_eq(row.cells[i].text, names[i]));
    jd_arena_fini(&scratch);
    jd_table_close(t);
    if (numbers) return numbers == years && years < n;
    return again <= n / 2;
}

int prof_open(prof *p, jd_str *rest, jd_table **t, jd_err *err) {
    *rest = p->sample;
    jd_source src = jd_source_text(rest);
    return jd_table_open(t, &p->form, &src, err);
}

/* A quote that is never closed is a letter: then there are no quotes. */
static void find_quote(prof *p) {
    jd_str rest;
    jd_table *t;
    jd_table_row row;
    jd_err err = {0};
    int got = prof_open(p, &rest, &t, &err) ? -1 : 1;
    if (got > 0) {
        while ((got = jd_table_next(t, &row, &err)) > 0) {}
        jd_table_close(t);
    }
    if (got < 0) p->form.quote = 0;
}

static int is_office(jd_str s) {
    return s.n >= 4 && !memcmp(s.p, "PK\3\4", 4);
}

int prof_sniff(prof *p, jd_err *err) {
    line_look lines;
    p->whole = 1;
    p->encoding = "UTF-8";
    p->form = (jd_table_form){.separator = ',', .quote = '"', .header = 1};
    if (is_office(p->bytes)) {
        p->sample = p->bytes;
        p->form.kind = JD_TABLE_XLSX;
        p->form.header = judge_header(p);
        return 0;
    }
    if (unpack(p, err)) return -1;
    if (!table__trim(p->sample).n) return jd_fail(err, JD_E_BAD_REQUEST_DATA, "the table is empty", "表是空的");
    find_encoding(p);
    cut_at_line(p);
    jd_str text = as_utf8(p, p->sample.n * 3);
    if (sniff_json(p, text)) {
        p->form.header = 1;
        return 0;
    }
    p->form.kind = JD_TABLE_CSV;
    p->form.path = (jd_str){NULL, 0};
    find_separator(p, text, &lines);
    find_preamble(p, &lines);
    find_quote(p);
    p->form.header = judge_header(p);
    return 0;
}

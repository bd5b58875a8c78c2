/* Tables and mapping documents: whatever the bytes, both passes end, agree with each other, and give attributes that a
 * document takes. The input is a mapping (behind "M", up to the first NUL) and a table, or a digit that picks one of
 * the mappings below and a table; behind "P" a table that is profiled, and taken by the mapping that is suggested;
 * behind "Z" a workbook, behind "X" the parts of one, parted by NUL: sheet, styles, shared texts. */
#include "table/feed.h"
#include "table/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REST "\"entity\":{\"type\":\"T\",\"id\":\"urn:x:{a||b|slug}\"},\"repeat\":\"each\","
static const char *const maps[] = {
    "{\"mapping\":1," REST "\"time\":{\"column\":\"t\",\"zone\":\"America/New_York\",\"repeatedHour\":\"order\"},"
    "\"attributes\":{\"v\":{\"column\":\"v\",\"factor\":0.1,\"offset\":3},\"w\":{\"column\":\"a\",\"as\":\"any\"},"
    "\"location\":{\"longitude\":\"v\",\"latitude\":\"b\",\"datum\":\"bd09\"}},\"fixed\":{\"b\":{\"column\":\"b\","
    "\"as\":\"text\"}}}",
    "{\"mapping\":1," REST "\"table\":{\"separator\":\";\",\"decimal\":\",\",\"thousands\":\".\",\"short\":\"fill\","
    "\"encoding\":\"GB18030\",\"header\":[\"t\",\"a\",\"b\",\"v\"]},\"time\":{\"column\":\"t\",\"form\":\"%d/%b/%y "
    "%I:%M %p%f\","
    "\"zone\":\"+08:00\",\"midnight\":\"end\",\"standsFor\":\"end\"},\"attributes\":{\"v\":{\"column\":\"v\","
    "\"suffix\":\"%\","
    "\"missing\":[5,\"x\"]}}}",
    "{\"mapping\":1,\"table\":{\"format\":\"json\",\"path\":\"/d/"
    "r\"},\"time\":{\"column\":\"t\",\"form\":\"epoch-ms\"},"
    "\"entity\":{\"type\":[\"{k}\",\"T\"],\"id\":\"urn:x:{a|uri}\"},\"attributes\":{\"v\":{\"column\":\"v\",\"as\":"
    "\"any\"},"
    "\"j\":{\"column\":\"v\",\"as\":\"json\",\"with\":{\"u\":{\"column\":\"a\",\"as\":\"text\"}}}}}",
    "{\"mapping\":1,\"table\":{\"format\":\"jsonlines\"},\"each\":{\"columns\":\"*\",\"except\":\"n*\"},\"time\":{"
    "\"column\":"
    "\"@column\",\"form\":\"%Y\",\"zone\":\"UTC\"},\"entity\":{\"type\":\"T\",\"id\":\"urn:x:a\"},\"attributes\":{"
    "\"v\":\"@cell\"}}",
    "{\"mapping\":1,\"table\":{\"format\":\"geojson\"},\"entity\":{\"type\":\"T\",\"id\":\"urn:x:{@id}\"},"
    "\"attributes\":"
    "{\"location\":{\"column\":\"@geometry\",\"as\":\"geometry\"},\"b\":{\"column\":\"b\",\"as\":\"boolean\","
    "\"optional\":true}}}",
};

static jd_symtab *symbols;
static jd_contexts *contexts;

static void check(int ok) {
    if (!ok) abort();
}

typedef struct pass {
    jd_arena arena;
    uint64_t given;
} pass;

/* What comes out must be fit for a document. */
static int take(void *user, const jd_moment *m, jd_err *err) {
    pass *p = user;
    jd_sym type = m->types[0];
    jd_ent e = {.id = m->id, .types = &type, .types_n = 1, .expires = JD_TIME_NONE};
    jd_buf b = {0};
    e.attrs = JD_NEWN(&p->arena, jd_attr, m->attrs_n + m->fixed_n);
    for (uint32_t i = 0; i < m->attrs_n + m->fixed_n; i++) {
        const jd_attr *a = i < m->attrs_n ? &m->attrs[i] : &m->fixed[i - m->attrs_n];
        jd_err why = {0};
        if (jd_value_fits(a->kind, &a->value, &p->arena, &why)) check(0);
        e.attrs[e.attrs_n] = *a;
        e.attrs[e.attrs_n].created = e.attrs[e.attrs_n].modified = 0;
        e.attrs_n++;
    }
    check(jd_uri_valid(m->id));
    if (!jd_doc_encode(&e, symbols, &b, err)) check(!jd_doc_check(jd_buf_view(&b), jd_symtab_count(symbols), err));
    jd_buf_fini(&b);
    p->given += m->attrs_n;
    jd_arena_reset(&p->arena);
    return 0;
}

static void refused(void *user, const jd_refusal *r) {
    jd_buf b = {0}, coded = {0};
    (void)user;
    if (r->first_of_row) {
        jd_table_keep_head(r->table, &b);
        jd_table_keep_row(r->table, r->row, 1, jd_str_of(r->err->en), &b);
        jd_table_encode(r->table, jd_buf_view(&b), &coded);
    }
    jd_buf_fini(&b);
    jd_buf_fini(&coded);
}

static void run(const jd_map *map, jd_str table) {
    jd_feed *f = jd_feed_new(map);
    pass p = {0};
    jd_arena_init(&p.arena);
    jd_feed_sink sink = {.user = &p, .arena = &p.arena, .moment = take, .refused = refused};
    int rc[2];
    uint64_t rows = 0;
    for (int i = 0; i < 2; i++) {
        jd_str text = table;
        jd_source src = jd_source_text(&text);
        jd_err err = {0};
        jd_feed_begin(f, i ? JD_FEED_GIVE : JD_FEED_LEARN, table.n);
        rc[i] = jd_feed_table(f, "dir/t-1.csv", &src, &sink, &err);
        check((rc[i] < 0) == (err.code != JD_E_OK));
        if (rc[0]) break; /* a table that cannot be learnt is not given */
        if (i) check(rc[1] == 0 && rows == jd_feed_get_report(f)->rows && p.given == jd_feed_get_report(f)->readings);
        rows = jd_feed_get_report(f)->rows;
    }
    jd_feed_free(f);
    jd_arena_fini(&p.arena);
}

/* ---- workbooks ---- */

static const char workbook_map[] =
    "{\"mapping\":1," REST
    "\"table\":{\"format\":\"xlsx\",\"skipLines\":1},\"time\":{\"column\":\"t\",\"zone\":\"UTC\"},"
    "\"attributes\":{\"v\":{\"column\":\"v\",\"as\":\"any\"},\"b\":{\"column\":\"b\",\"as\":\"text\"}}}";

static void le(jd_buf *b, uint32_t v, int n) {
    for (; n--; v >>= 8) jd_buf_c(b, (char)(v & 255));
}

/* One stored entry; its line of the directory goes to *dir. A sum that fits, so that what is inside is read. */
static void entry(jd_buf *zip, jd_buf *dir, const char *name, jd_str text) {
    uint32_t at = (uint32_t)zip->n, n = (uint32_t)strlen(name);
    uint32_t crc = (uint32_t)crc32(0, (const Bytef *)text.p, (uInt)text.n);
    jd_buf head = {0};
    le(&head, 20, 2), le(&head, 0, 2), le(&head, 0, 2), le(&head, 0, 4), le(&head, crc, 4);
    le(&head, (uint32_t)text.n, 4), le(&head, (uint32_t)text.n, 4), le(&head, n, 2), le(&head, 0, 2);
    jd_buf_add(zip, "PK\3\4", 4);
    jd_buf_str(zip, jd_buf_view(&head));
    jd_buf_z(zip, name);
    jd_buf_str(zip, text);
    jd_buf_add(dir, "PK\1\2\24\0", 6);
    jd_buf_str(dir, jd_buf_view(&head));
    le(dir, 0, 2), le(dir, 0, 2), le(dir, 0, 2), le(dir, 0, 4), le(dir, at, 4);
    jd_buf_z(dir, name);
    jd_buf_fini(&head);
}

static jd_str until_nul(jd_str *rest) {
    const char *nul = rest->n ? memchr(rest->p, 0, rest->n) : NULL;
    jd_str s = {rest->p, nul ? (size_t)(nul - rest->p) : rest->n};
    rest->p += s.n + (nul != NULL), rest->n -= s.n + (nul != NULL);
    return s;
}

static void put_together(jd_str parts, jd_buf *zip) {
    jd_buf dir = {0};
    entry(zip, &dir, "xl/workbook.xml", JD_STR("<workbook><sheets><sheet name=\"s\" r:id=\"r\"/></sheets></workbook>"));
    entry(zip, &dir, "xl/_rels/workbook.xml.rels",
          JD_STR("<Relationships><Relationship Id=\"r\" Target=\"s.xml\"/></Relationships>"));
    entry(zip, &dir, "xl/s.xml", until_nul(&parts));
    entry(zip, &dir, "xl/styles.xml", until_nul(&parts));
    entry(zip, &dir, "xl/sharedStrings.xml", parts);
    uint32_t at = (uint32_t)zip->n;
    jd_buf_str(zip, jd_buf_view(&dir));
    jd_buf_add(zip, "PK\5\6\0\0\0\0\5\0\5\0", 12);
    le(zip, (uint32_t)dir.n, 4), le(zip, at, 4), le(zip, 0, 2);
    jd_buf_fini(&dir);
}

/* ---- profiles ---- */

static jd_map *must_compile(jd_str text) {
    jd_map *map = NULL;
    jd_err err = {0};
    if (!jd_map_open(&map, "m.json", text, &err) && !jd_map_compile(map, jd_contexts_core(contexts), symbols, &err))
        return map;
    fprintf(stderr, "%s: %s\n%.*s\n", err.place, err.en, JD_STR_ARG(text));
    abort();
}

static void profile(jd_str table) {
    jd_buf out = {0}, text = {0};
    jd_err err = {0};
    jd_arena a;
    jd_jval v;
    jd_arena_init(&a);
    if (!jd_table_profile(table, JD_STR("dir/t-1.csv"), &out, &err)) {
        check(!jd_json_parse(&a, jd_buf_view(&out), NULL, &v, &err));
        jd_json_write(&text, jd_jget(&v, "mapping"));
        jd_map *map = must_compile(jd_buf_view(&text));
        run(map, table);
        jd_map_free(map);
    } else {
        check(err.code != JD_E_OK);
    }
    jd_arena_fini(&a);
    jd_buf_fini(&out);
    jd_buf_fini(&text);
}

static void workbook(jd_str bytes) {
    jd_map *map = must_compile(JD_STR(workbook_map));
    run(map, bytes);
    jd_map_free(map);
    profile(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!symbols) {
        static const jd_contexts_opts closed = {.no_fetch = 1};
        symbols = jd_symtab_create(0);
        contexts = jd_contexts_create(symbols, &closed, NULL);
    }
    if (!size) return 0;
    jd_str rest = {(const char *)data + 1, size - 1}, text;
    if (data[0] == 'P') profile(rest);
    if (data[0] == 'Z') workbook(rest);
    if (data[0] == 'X') {
        jd_buf zip = {0};
        put_together(rest, &zip);
        workbook(jd_buf_view(&zip));
        jd_buf_fini(&zip);
    }
    if (data[0] && strchr("PZX", data[0])) return 0;
    if (data[0] == 'M') {
        const char *nul = memchr(rest.p, 0, rest.n);
        text = (jd_str){rest.p, nul ? (size_t)(nul - rest.p) : rest.n};
        rest = nul ? (jd_str){nul + 1, rest.n - text.n - 1} : (jd_str){"", 0};
    } else {
        text = jd_str_of(maps[data[0] % (sizeof maps / sizeof *maps)]);
    }
    jd_map *map;
    jd_err err = {0};
    if (jd_map_open(&map, "m.json", text, &err)) {
        check(err.code != JD_E_OK && err.place[0]);
        return 0;
    }
    if (!jd_map_compile(map, jd_contexts_core(contexts), symbols, &err))
        run(map, rest);
    else
        check(err.code != JD_E_OK && err.place[0]);
    jd_map_free(map);
    return 0;
}

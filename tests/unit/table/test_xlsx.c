/* Workbooks that other programs wrote (openpyxl, XlsxWriter; tests/data/README.md), and some that nobody should. */
#include "table/profile.h"
#include "table_test.h"

#include <string.h>
#include <zip.h>

static jd_str read_file(bench *b, const char *path) {
    FILE *f = fopen(path, "r");
    jd_buf all = {0};
    size_t n;
    assert_non_null(f);
    while ((n = fread(jd_buf_room(&all, 1 << 16), 1, 1 << 16, f)) > 0) all.n += n;
    fclose(f);
    jd_str s = jd_arena_dup(&b->a, jd_buf_view(&all));
    jd_buf_fini(&all);
    return s;
}

#define DATA JINDU_SOURCE_ROOT "/tests/data/"
static const char levels_map[] = "{\"mapping\":1,\"table\":{\"format\":\"xlsx\",\"sheet\":\"监测\",\"skipLines\":2},"
                                 "\"time\":{\"columns\":[\"日期\",\"时间\"],\"zone\":\"Asia/Shanghai\"},"
                                 "\"entity\":{\"type\":\"T\",\"id\":\"urn:x:{站号}\"},"
                                 "\"attributes\":{\"level\":{\"column\":\"水位(m)\",\"missing\":\"缺测\"},"
                                 "\"flow\":\"流量\",\"valid\":{\"column\":\"有效\",\"as\":\"boolean\"},"
                                 "\"note\":{\"column\":\"备注\",\"as\":\"text\"}}}";

static void must_hold(const jd_buf *all, const char *line) {
    if (!strstr(all->p, line)) fail_msg("there is no \"%s\" in\n%s", line, all->p);
}

static void levels(void **state) {
    bench b;
    (void)state;
    begin(&b);
    feed(&b, levels_map, "levels.xlsx", read_file(&b, DATA "levels_openpyxl.xlsx"));
    if (b.err.code) fail_msg("%s: %s", b.err.place, b.err.en);
    must_hold(&b.out, "urn:x:001 2024-02-28T12:00:00Z level=3.1 flow=100 valid=true note=\"复核,是\"\n");
    must_hold(&b.out, "urn:x:002 2024-02-29T16:00:00Z level=3.38 flow=128 valid=true note=\"复核,是\"\n");
    must_hold(&b.out, "urn:x:001 2024-02-28T15:00:00Z flow=103 valid=false\n"); /* 缺测 */
    assert_int_equal(b.report.rows, 30);
    must_hold(&b.refused, "12:5 values of another kind: ");
    /* what was set aside is CSV, and goes in again by the same mapping */
    must_hold(&b.kept, "\xEF\xBB\xBF\n\n站号,站名,日期,时间,水位(m),流量,有效,备注,_refused\n");
    char *hash = strstr(b.kept.p, ",#,");
    assert_non_null(hash);
    hash[1] = '4';
    jd_str mended = jd_arena_dup(&b.a, jd_str_of(b.kept.p));
    feed(&b, levels_map, "levels.csv", mended);
    if (b.err.code) fail_msg("%s: %s", b.err.place, b.err.en);
    must_hold(&b.out, " level=4 flow=108 ");
    assert_int_equal(b.report.touched_rows, 0);
    end(&b);
}

static void second_sheet(void **state) {
    bench b;
    (void)state;
    begin(&b);
    jd_str bytes = read_file(&b, DATA "levels_openpyxl.xlsx");
    feed(&b,
         "{\"mapping\":1,\"table\":{\"format\":\"xlsx\",\"sheet\":2},\"time\":{\"column\":\"when\",\"zone\":\"UTC\"},"
         "\"entity\":{\"type\":\"T\",\"id\":\"urn:x:{id}\"},\"attributes\":{\"v\":\"v\"}}",
         "l.xlsx", bytes);
    if (b.err.code) fail_msg("%s: %s", b.err.place, b.err.en);
    assert_string_equal(b.out.p, "urn:x:a 2024-01-01T08:30:15Z v=0.3\n"
                                 "urn:x:b 1900-01-01T00:00:00Z v=1e-07\n"
                                 "urn:x:c 2024-12-31T00:00:00Z v=-5\n");
    const char *absent[] = {"{\"mapping\":1,\"table\":{\"format\":\"xlsx\",\"sheet\":3},\"entity\":{\"type\":\"T\","
                            "\"id\":\"urn:x:{id}\"},\"attributes\":{\"v\":\"v\"}}",
                            "{\"mapping\":1,\"table\":{\"format\":\"xlsx\",\"sheet\":\"x\"},\"entity\":{\"type\":\"T\","
                            "\"id\":\"urn:x:{id}\"},\"attributes\":{\"v\":\"v\"}}"};
    for (size_t i = 0; i < COUNT(absent); i++) {
        feed(&b, absent[i], "l.xlsx", bytes);
        assert_int_equal(b.err.code, JD_E_BAD_REQUEST_DATA);
        assert_non_null(strstr(b.err.en, "sheet"));
    }
    end(&b);
}

/* Texts within cells, formulas, days since 1904, percent; profiled, and taken as suggested. */
static void meters(void **state) {
    bench b;
    jd_buf out = {0}, map = {0};
    jd_jval v;
    (void)state;
    begin(&b);
    jd_str bytes = read_file(&b, DATA "meters_xlsxwriter.xlsx");
    if (jd_table_profile(bytes, JD_STR("meters.xlsx"), &out, &b.err)) fail_msg("%s", b.err.en);
    assert_int_equal(jd_json_parse(&b.a, jd_buf_view(&out), NULL, &v, &b.err), 0);
    assert_true(jd_jis(jd_jget(&v, "format"), "xlsx"));
    jd_json_write(&map, jd_jget(&v, "mapping"));
    jd_buf_c(&map, 0);
    b.judge = 1;
    feed(&b, map.p, "meters.xlsx", bytes);
    if (b.err.code) fail_msg("%s: %s\n%s", b.err.place, b.err.en, map.p);
    assert_int_equal(b.report.entities, 2);
    must_hold(&b.out, ":m-1 2024-02-29T16:15:00Z ");
    must_hold(&b.out, " kwh=1001.5 load=0.125 ok=true");
    must_hold(&b.out, ":m-1 2024-02-29T17:15:00Z meter=\"m-1\" load=0.125 ok=true\n");
    jd_buf_fini(&out);
    jd_buf_fini(&map);
    end(&b);
}

/* ---- by hand ---- */

static jd_str workbook(bench *b, const char *sheet, const char *styles) {
    const char *parts[][2] = {
        {"xl/workbook.xml", "<workbook><sheets><sheet name=\"s\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"},
        {"xl/_rels/workbook.xml.rels", "<Relationships><Relationship Id=\"r1\" Target=\"/xl/s.xml\"/></Relationships>"},
        {"xl/styles.xml", styles},
        {"xl/s.xml", sheet}};
    char path[] = "/tmp/jindu-xlsx-XXXXXX";
    int fd = mkstemp(path), why;
    assert_true(fd >= 0);
    zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &why);
    assert_non_null(z);
    for (size_t i = 0; i < COUNT(parts); i++)
        if (parts[i][1])
            zip_file_add(z, parts[i][0], zip_source_buffer(z, parts[i][1], strlen(parts[i][1]), 0), ZIP_FL_ENC_UTF_8);
    assert_int_equal(zip_close(z), 0);
    jd_str bytes = read_file(b, path);
    remove(path);
    return bytes;
}

#define DOCUMENT(rows) "<worksheet><sheetData>" rows "</sheetData></worksheet>"
#define CELL(v) "<c t=\"inlineStr\"><is><t>" v "</t></is></c>"
#define PLAIN                                                                                          \
    "{\"mapping\":1,\"table\":{\"format\":\"xlsx\"},\"entity\":{\"type\":\"T\",\"id\":\"urn:x:{a}\"}," \
    "\"attributes\":{\"v\":{\"column\":\"v\",\"as\":\"any\"}}}"

static void by_hand(void **state) {
    bench b;
    (void)state;
    begin(&b);
    /* cells without references, rows without numbers, prefixes, gaps, a cell too many, phonetic text */
    jd_str bytes = workbook(
        &b,
        DOCUMENT("<x:row><x:c t=\"inlineStr\"><x:is><x:t>a</x:t></x:is></x:c>" CELL("") CELL(
            "v") "</x:row><row/>"
                 "<row r=\"9\"><c r=\"A9\"><v>1</v></c><c r=\"C9\" t=\"b\"><v>1</v></c></row>"
                 "<row><c r=\"A10\"><v>2</v></c><c r=\"C10\" t=\"inlineStr\"><is><r><t>x</t></r><rPh><t>y</t></rPh>"
                 "<r><t xml:space=\"preserve\"> &amp; z </t></r></is></c></row>"
                 "<row><c r=\"A11\"><v>3</v></c><c r=\"C11\"><v>0.10000000000000001</v></c></row>"
                 "<row><c r=\"A12\"><v>4</v></c><c r=\"C12\"><v>5</v></c><c r=\"E12\"><v>5</v></c></row>"
                 "<row><c r=\"A13\"><v>5</v></c><c r=\"C13\" s=\"1\"><v>59</v></c></row>"
                 "<row><c r=\"A14\"><v>6</v></c><c r=\"C14\" s=\"2\"><v>0.75</v></c></row>"
                 "<row><c r=\"A15\"><v>7</v></c><c r=\"C15\" s=\"3\"><v>45351.5000001</v></c></row>"
                 "<row><c r=\"A16\"><v>8</v></c><c r=\"C16\" s=\"4\"><v>12.5</v></c></row>"),
        "<styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"[Red]yyyy/m/d;@\"/>"
        "<numFmt numFmtId=\"165\" formatCode=\"yyyy-mm-dd hh:mm\"/><numFmt numFmtId=\"166\" formatCode=\"[h]:mm\"/>"
        "</numFmts><cellXfs><xf/><xf numFmtId=\"164\"/><xf numFmtId=\"21\"/><xf numFmtId=\"165\"/><xf "
        "numFmtId=\"166\"/></cellXfs></styleSheet>");
    feed(&b, PLAIN, "h.xlsx", bytes);
    if (b.err.code) fail_msg("%s: %s", b.err.place, b.err.en);
    assert_string_equal(b.out.p, "urn:x:1 - v=\"true\"\n"
                                 "urn:x:2 - v=\"x & z\"\n"
                                 "urn:x:3 - v=0.1\n"
                                 "urn:x:5 - v=\"1900-02-28\"\n"
                                 "urn:x:6 - v=\"18:00:00\"\n"
                                 "urn:x:7 - v=\"2024-02-29T12:00:00.009\"\n"
                                 "urn:x:8 - v=12.5\n");
    must_hold(&b.refused, "12:4 malformed rows!");
    end(&b);
}

static void hostile(void **state) {
    static const char *const sheets[] = {
        "",
        "<worksheet>",
        "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><worksheet><sheetData><row><c><v>&a;</v></c></row>",
        DOCUMENT("<row><c r=\"ZZZZZZZ1\"><v>1</v></c></row>"),
        DOCUMENT("<row><c t=\"s\"><v>99999999999</v></c></row>"),
        DOCUMENT("<row r=\"18446744073709551615\"><c s=\"-7\"><v>1e999</v></c></row>"),
        DOCUMENT("")};
    bench b;
    (void)state;
    for (size_t i = 0; i < COUNT(sheets); i++) {
        begin(&b);
        feed(&b, PLAIN, "h.xlsx", workbook(&b, sheets[i], NULL));
        assert_int_equal(b.err.code, JD_E_BAD_REQUEST_DATA);
        end(&b);
    }
    begin(&b);
    jd_str bytes = read_file(&b, DATA "levels_openpyxl.xlsx");
    for (size_t n = 0; n < bytes.n; n += 37) { /* cut anywhere */
        feed(&b, levels_map, "h.xlsx", (jd_str){bytes.p, n});
        assert_int_equal(b.err.code, JD_E_BAD_REQUEST_DATA);
    }
    feed(&b, PLAIN, "h.xls", (jd_str){"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1....", 12});
    assert_non_null(strstr(b.err.en, ".xls"));
    end(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels),  cmocka_unit_test(second_sheet), cmocka_unit_test(meters),
        cmocka_unit_test(by_hand), cmocka_unit_test(hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

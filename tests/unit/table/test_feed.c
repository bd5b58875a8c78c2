/* Rows through mappings: every feature of the format, refusals with their places, repeats against a naive model. */
#include "table_test.h"

#define ID(id) "\"entity\":{\"type\":\"T\",\"id\":\"" id "\"}"
#define ATTRS(a) "\"attributes\":{" a "}"
#define TIME(t) "\"time\":{" t "}"
#define ISO TIME("\"column\":\"t\",\"zone\":\"UTC\"")
#define T1 "2020-01-01T00:00:00Z"
#define T2 "2020-01-02T00:00:00Z"

static bench b;

static int setup(void **state) {
    (void)state;
    begin(&b);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    end(&b);
    return 0;
}

typedef struct row {
    const char *members, *table, *moments;
} row;

static void all(const row *rows, size_t n) {
    for (size_t i = 0; i < n; i++)
        must_give(&b, mapping(&b, rows[i].members), "dir/t-7.csv", rows[i].table, rows[i].moments);
}

/* ---- shapes of tables ---- */

static void test_shapes(void **state) {
    static const row rows[] = {
        {"", "t,v\n2020-01-01,1\n2020-01-02,2.50\n", "urn:x:a " T1 " v=1\nurn:x:a " T2 " v=2.50\n"},
        /* wide, id from columns, the name of a column with dots and parentheses */
        {ID("urn:x:{s|lower}") "," ATTRS("\"a\":\"D.O. (mg/l)\",\"b\":{\"column\":\"B\",\"unit\":\"GQ\"}"),
         "t,s,D.O. (mg/l),B\n2020-01-01,XY,1,\n2020-01-02,Z,,3\n", "urn:x:xy " T1 " a=1\nurn:x:z " T2 " b=3GQ\n"},
        /* long */
        {ID("urn:x:{p}") "," ATTRS(
             "\"m\":{\"column\":\"v\",\"when\":{\"n\":\"Moist\"},\"expect\":{\"u\":\"%\"},\"unit\":\"P1\","
             "\"dataset\":\"urn:d:{s|slug}\"},\"c\":{\"column\":\"v\",\"when\":{\"n\":[\"Temp\",\"T\"]},"
             "\"unit\":{\"column\":\"u\",\"codes\":{\"deg C\":\"CEL\"}}}"),
         "t,p,s,n,v,u\n2020-01-01,E1,First Sensor,Moist,15.5,%\n2020-01-01,E1,Second,Temp,-0.0,deg C\n",
         "urn:x:E1 " T1 " m[urn:d:first-sensor]=15.5P1\nurn:x:E1 " T1 " c=-0.0CEL\n"},
        /* one column for each entity */
        {"\"each\":{\"columns\":\"*\",\"except\":\"note*\"}," ID("urn:x:{@column}") "," ATTRS(
             "\"f\":{\"column\":\"@cell\"}"),
         "t,A,note,B\n2020-01-01,1,x,\n2020-01-02,,y,-7\n", "urn:x:A " T1 " f=1\nurn:x:B " T2 " f=-7\n"},
        /* one column for each year, one row for each entity */
        {"\"each\":{\"columns\":[\"20*\"]}," ID("urn:x:{s}") "," ATTRS("\"f\":\"@cell\"") "," TIME(
             "\"column\":\"@column\",\"form\":\"%Y\",\"zone\":\"UTC\""),
         "s,2020,2021\nA,1,2\nB,3,\n", "urn:x:A " T1 " f=1\nurn:x:A 2021-01-01T00:00:00Z f=2\nurn:x:B " T1 " f=3\n"},
        /* the file's name */
        {ID("urn:x:{@file:t-*.csv|pad:3}-{@stem|upper}"), "t,v\n2020-01-01,1\n", "urn:x:007-T-7 " T1 " v=1\n"},
        /* columns by number, no header */
        {"\"table\":{\"header\":false}," TIME("\"column\":\"#1\",\"zone\":\"UTC\"") "," ATTRS("\"v\":\"#2\""),
         "2020-01-01,1\n2020-01-02,2\n", "urn:x:a " T1 " v=1\nurn:x:a " T2 " v=2\n"},
        {"\"table\":{\"header\":[\"t\",\"v\"],\"separator\":\"\\t\"}", "2020-01-01\t1\n", "urn:x:a " T1 " v=1\n"},
        /* an id with "or" */
        {ID("urn:x:{c||p|uri}"), "t,c,p,v\n2020-01-01,,江苏,1\n2020-01-01,镇江,江苏,2\n",
         "urn:x:%E6%B1%9F%E8%8B%8F " T1 " v=1\nurn:x:%E9%95%87%E6%B1%9F " T1 " v=2\n"},
        /* rows that are passed over */
        {"\"skip\":[{\"c\":{\"like\":\"x*\"}},{\"c\":\"sum\",\"v\":{\"missing\":false}},{\"c\":{\"not\":[\"a\",\"xa\","
         "\"sum\"]}}]",
         "t,c,v\n2020-01-01,xa,1\n2020-01-01,sum,2\n2020-01-02,a,3\n2020-01-02,q,4\n", "urn:x:a " T2 " v=3\n"},
        /* types from a column; several types */
        {"\"entity\":{\"type\":[\"{k}\",\"T\"],\"id\":\"urn:x:a\"}", "t,k,v\n2020-01-01,K,1\n", "urn:x:a " T1 " v=1\n"},
    };
    (void)state;
    all(rows, COUNT(rows));
}

static void test_json_tables(void **state) {
    static const row rows[] = {
        {"\"table\":{\"format\":\"jsonlines\"}," ATTRS(
             "\"v\":\"a.v\",\"w\":{\"column\":\"w\",\"as\":\"any\",\"optional\":true}"),
         "{\"t\":\"2020-01-01\",\"a\":{\"v\":\"1.50\"}}\n{\"t\":\"2020-01-02\",\"a\":{\"v\":2e3},\"w\":true}\n",
         "urn:x:a " T1 " v=1.50\nurn:x:a " T2 " v=2e3 w=true\n"},
        {"\"table\":{\"format\":\"json\",\"path\":\"/airHourly\"}," ATTRS(
             "\"v\":\"pm\",\"w\":{\"column\":\"p\",\"as\":\"text\",\"missing\":\"NA\"}"),
         "{\"code\":\"200\",\"airHourly\":[{\"t\":\"2020-01-01\",\"pm\":\"38\",\"p\":\"NA\"},{\"t\":\"2020-01-02\","
         "\"pm\":null,\"p\":\"O3\"}]}",
         "urn:x:a " T1 " v=38\nurn:x:a " T2 " w=\"O3\"\n"},
        {"\"table\":{\"format\":\"json\"}," TIME("\"column\":\"#1\",\"form\":\"epoch-ms\"") "," ATTRS("\"v\":\"#2\""),
         "[[1577836800000,1],[1577923200000,2]]",
         "urn:x:a 2020-01-01T00:00:00.000Z v=1\nurn:x:a 2020-01-02T00:00:00.000Z v=2\n"},
        {"\"table\":{\"format\":\"geojson\"}," ID("urn:x:{@id}") "," ATTRS(
             "\"location\":{\"column\":\"@geometry\",\"as\":\"geometry\"},\"v\":\"v\""),
         "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"id\":7,\"properties\":{\"t\":\"2020-01-"
         "01\",\"v\":1},"
         "\"geometry\":{\"type\":\"Point\",\"coordinates\":[119.450,32.2]}}]}",
         "urn:x:7 " T1 " location=GeoProperty:{\"type\":\"Point\",\"coordinates\":[119.450,32.2]} v=1\n"},
    };
    (void)state;
    all(rows, COUNT(rows));
}

/* ---- times ---- */

static void test_times(void **state) {
    static const row rows[] = {
        {TIME("\"parts\":{\"year\":\"y\",\"month\":\"m\",\"day\":\"d\",\"hour\":\"h\"},\"zone\":\"Asia/Shanghai\""),
         "y,m,d,h,v\n2016,1,1,0,1\n2016,12,31,23,2\n2016,12,31,24,3\n",
         "urn:x:a 2015-12-31T16:00:00Z v=1\nurn:x:a 2016-12-31T15:00:00Z v=2\nurn:x:a 2016-12-31T16:00:00Z v=3\n"},
        {TIME("\"parts\":{\"year\":\"y\",\"month\":7,\"day\":1},\"zone\":\"UTC\""), "y,v\n2016.0,1\n",
         "urn:x:a 2016-07-01T00:00:00Z v=1\n"},
        {TIME("\"columns\":[\"d\",\"h\"],\"form\":\"%d-%m-%Y %H\",\"zone\":\"UTC\""), "d,h,v\n01-02-2011,5,1\n",
         "urn:x:a 2011-02-01T05:00:00Z v=1\n"},
        {TIME("\"column\":\"t\",\"form\":\"%d/%m/%Y %H:%M\",\"zone\":\"Asia/Seoul\",\"midnight\":\"end\""),
         "t,v\n1/1/2018 23:45,1\n1/1/2018 0:00,2\n02/01/2018 00:15,3\n",
         "urn:x:a 2018-01-01T14:45:00Z v=1\nurn:x:a 2018-01-01T15:00:00Z v=2\nurn:x:a 2018-01-01T15:15:00Z v=3\n"},
        {TIME("\"column\":\"t\",\"form\":\"%Y-%m\",\"zone\":\"UTC\",\"standsFor\":\"end\""), "t,v\n2004-12,1\n",
         "urn:x:a 2005-01-01T00:00:00Z v=1\n"},
        {TIME("\"column\":\"t\",\"zone\":\"UTC\",\"addYears\":2000"), "t,v\n0014-11-18 15:40:26,1\n",
         "urn:x:a 2014-11-18T15:40:26Z v=1\n"},
        {TIME("\"column\":\"t\""), "t,v\n2022-05-13T00:00:01+02:00,1\n2022-05-13T00:00:01.50Z,2\n",
         "urn:x:a 2022-05-12T22:00:01Z v=1\nurn:x:a 2022-05-13T00:00:01.50Z v=2\n"},
        {TIME("\"column\":\"t\",\"form\":\"epoch-s\""), "t,v\n1577836800,1\n1577836800.5,2\n",
         "urn:x:a " T1 " v=1\nurn:x:a 2020-01-01T00:00:00.5Z v=2\n"},
        {TIME("\"column\":\"t\",\"form\":\"epoch-us\""), "t,v\n1577836800000001,1\n",
         "urn:x:a 2020-01-01T00:00:00.000001Z v=1\n"},
        {TIME("\"column\":\"t\",\"form\":\"excel\",\"zone\":\"+08:00\""), "t,v\n43831.5,1\n",
         "urn:x:a 2020-01-01T04:00:00Z v=1\n"},
        /* the hour that came twice, and the one that never was */
        {TIME("\"column\":\"t\",\"zone\":\"America/New_York\""), "t,v\n2024-11-03 01:30,1\n",
         "urn:x:a 2024-11-03T05:30:00Z v=1\n"},
        {TIME("\"column\":\"t\",\"zone\":\"America/New_York\",\"repeatedHour\":\"second\""),
         "t,v\n2024-11-03 01:30,1\n", "urn:x:a 2024-11-03T06:30:00Z v=1\n"},
        {ID("urn:x:{s}") "," TIME("\"column\":\"t\",\"zone\":\"America/New_York\",\"repeatedHour\":\"order\""),
         "s,t,v\na,2024-11-03 00:30,1\na,2024-11-03 01:00,2\nb,2024-11-03 01:00,3\na,2024-11-03 01:30,4\na,2024-11-03 "
         "01:00,5\n"
         "a,2024-11-03 01:30,6\na,2024-11-03 02:00,7\nb,2024-11-03 01:30,8\n",
         "urn:x:a 2024-11-03T04:30:00Z v=1\nurn:x:a 2024-11-03T05:00:00Z v=2\nurn:x:b 2024-11-03T05:00:00Z v=3\n"
         "urn:x:a 2024-11-03T05:30:00Z v=4\nurn:x:a 2024-11-03T06:00:00Z v=5\nurn:x:a 2024-11-03T06:30:00Z v=6\n"
         "urn:x:a 2024-11-03T07:00:00Z v=7\nurn:x:b 2024-11-03T05:30:00Z v=8\n"},
        {TIME("\"column\":\"t\",\"zone\":\"America/New_York\",\"skippedHour\":\"shift\""), "t,v\n2025-03-09 02:30,1\n",
         "urn:x:a 2025-03-09T07:30:00Z v=1\n"},
    };
    (void)state;
    all(rows, COUNT(rows));
    must_refuse(&b, mapping(&b, TIME("\"column\":\"t\",\"zone\":\"America/New_York\",\"repeatedHour\":\"refuse\"")),
                "t,v\n2025-03-09 02:30,1\n2024-11-03 01:30,2\n2024-11-03 02:30,2\nsoon,4\n,5\n2024-02-30,6\n",
                "2:1 times!: t: \"2025-03-09 02:30\": America/New_York skipped this hour\n"
                "3:1 times!: t: \"2024-11-03 01:30\": America/New_York had this hour twice\n"
                "5:1 times!: t: \"soon\" is no time of the form iso\n"
                "6:1 times!: t: there is no time\n"
                "7:1 times!: t: \"2024-02-30\": there is no such day or time\n");
    must_refuse(
        &b,
        mapping(&b,
                TIME("\"column\":\"t\",\"notBefore\":\"2000-01-01T00:00:00Z\",\"notAfter\":\"2030-01-01T00:00:00Z\"")),
        "t,v\n1999-12-31T23:59:59Z,1\n2000-01-01T00:00:00Z,2\n2030-01-01T00:00:01Z,3\n2020-01-01,4\n",
        "2:1 times!: t: 1999-12-31T23:59:59Z is out of notBefore and notAfter\n"
        "4:1 times!: t: 2030-01-01T00:00:01Z is out of notBefore and notAfter\n"
        "5:1 times!: t: \"2020-01-01\" has no offset, and the mapping no zone\n");
}

/* ---- values ---- */

#define V(spec) ATTRS("\"v\":" spec)
static void test_values(void **state) {
    static const row rows[] = {
        {V("{\"column\":\"v\",\"as\":\"text\"}"), "t,v\n2020-01-01, 007 \n", "urn:x:a " T1 " v=\"007\"\n"},
        {V("{\"column\":\"v\",\"as\":\"any\"}"), "t,v\n2020-01-01,7.0\n2020-01-02,7.0x\n",
         "urn:x:a " T1 " v=7.0\nurn:x:a " T2 " v=\"7.0x\"\n"},
        {V("{\"column\":\"v\",\"as\":\"boolean\"}"), "t,v\n2020-01-01,1.0\n2020-01-02,否\n2020-01-03,Yes\n",
         "urn:x:a " T1 " v=true\nurn:x:a " T2 " v=false\nurn:x:a 2020-01-03T00:00:00Z v=true\n"},
        {V("{\"column\":\"v\",\"as\":\"boolean\",\"words\":{\"true\":[\"开\",\"open\"],\"false\":\"关\"}}"),
         "t,v\n2020-01-01,OPEN\n2020-01-02,关\n", "urn:x:a " T1 " v=true\nurn:x:a " T2 " v=false\n"},
        {ATTRS("\"location\":{\"longitude\":\"x\",\"latitude\":\"y\"}"),
         "t,x,y\n2020-01-01,-90.54058,30.0520\n2020-01-02,,1\n",
         "urn:x:a " T1 " location=GeoProperty:{\"type\":\"Point\",\"coordinates\":[-90.54058,30.0520]}\n"},
        {ATTRS("\"location\":{\"longitude\":\"x\",\"latitude\":\"y\",\"datum\":\"gcj02\"}"),
         "t,x,y\n2020-01-01,-90.5,30.0\n",
         "urn:x:a " T1 " location=GeoProperty:{\"type\":\"Point\",\"coordinates\":[-90.5,30]}\n"},
        {V("{\"template\":\"urn:x:{s}\",\"as\":\"relationship\"}"), "t,s\n2020-01-01,7\n2020-01-02,\n",
         "urn:x:a " T1 " v=Relationship:\"urn:x:7\"\n"},
        {V("{\"column\":\"v\",\"as\":\"vocab\"}"), "t,v\n2020-01-01,open\n",
         "urn:x:a " T1 " v=VocabProperty:\"https://uri.etsi.org/ngsi-ld/default-context/open\"\n"},
        {V("{\"column\":\"v\",\"as\":\"json\"}"), "t,v\n2020-01-01,\"{\"\"a\"\":[1.50]}\"\n",
         "urn:x:a " T1 " v=JsonProperty:{\"a\":[1.50]}\n"},
        {V("{\"languages\":{\"zh\":\"z\",\"en\":\"e\"}}"), "t,z,e\n2020-01-01,江,river\n2020-01-02,湖,\n",
         "urn:x:a " T1 " v=LanguageProperty:{\"zh\":\"江\",\"en\":\"river\"}\nurn:x:a " T2
         " v=LanguageProperty:{\"zh\":\"湖\"}\n"},
        {V("{\"column\":\"v\",\"values\":{\"N\":0,\"NNE\":22.5,\"cv\":\"calm\",\"?\":null},\"unit\":\"DD\"}"),
         "t,v\n2020-01-01,NNE\n2020-01-02,?\n2020-01-02,cv\n",
         "urn:x:a " T1 " v=22.5DD\nurn:x:a " T2 " v=\"calm\"DD\n"},
        {V("{\"column\":\"v\",\"values\":{\"-\":0},\"otherValues\":\"keep\"}"), "t,v\n2020-01-01,-\n2020-01-02,5\n",
         "urn:x:a " T1 " v=0\nurn:x:a " T2 " v=5\n"},
        {V("{\"column\":\"v\",\"values\":{\"-\":0},\"otherValues\":\"missing\"}"), "t,v\n2020-01-01,-\n2020-01-02,5\n",
         "urn:x:a " T1 " v=0\n"},
        {V("{\"column\":\"v\",\"factor\":0.01,\"offset\":-0.5}"), "t,v\n2020-01-01,93\n2020-01-02,0.10\n",
         "urn:x:a " T1 " v=0.43\nurn:x:a " T2 " v=-0.499\n"},
        {V("{\"column\":\"v\",\"suffix\":[\"°\",\" 优\"]}"), "t,v\n2020-01-01,3°\n2020-01-02,22 优\n",
         "urn:x:a " T1 " v=3\nurn:x:a " T2 " v=22\n"},
        {"\"table\":{\"separator\":\";\",\"decimal\":\",\",\"thousands\":\".\"}",
         "t;v\n2020-01-01;1.234,50\n2020-01-02;,5\n", "urn:x:a " T1 " v=1234.50\nurn:x:a " T2 " v=0.5\n"},
        /* what means nothing: for all columns, and for one; as text, and as number */
        {"\"missing\":[\"NA\",-999]," ATTRS("\"v\":{\"column\":\"v\",\"missing\":[511,\"x\"]},\"w\":\"w\""),
         "t,v,w\n2020-01-01,NA,-999.0\n2020-01-01,511.0,1\n2020-01-01,x,NA\n2020-01-02,5110,511\n",
         "urn:x:a " T1 " w=1\nurn:x:a " T2 " v=5110 w=511\n"},
        {V("[\"a\",{\"column\":\"b\",\"dataset\":\"urn:d:b\"}]"), "t,a,b\n2020-01-01,1,2\n",
         "urn:x:a " T1 " v=1 v[urn:d:b]=2\n"},
        {V("{\"column\":\"v\",\"with\":{\"flag\":{\"column\":\"f\",\"as\":\"text\"},\"src\":{\"constant\":\"x\"}}}"),
         "t,v,f\n2020-01-01,1,A\n2020-01-02,2,\n",
         "urn:x:a " T1 " v=1{ flag=\"A\", src=\"x\"}\nurn:x:a " T2 " v=2{ src=\"x\"}\n"},
        {V("{\"column\":\"gone\",\"optional\":true}") "", "t,v\n2020-01-01,1\n", ""},
    };
    (void)state;
    all(rows, COUNT(rows));
}

static void test_fixed(void **state) {
    static const row rows[] = {
        {ID("urn:x:{s}") ","
                         "\"fixed\":{\"name\":{\"column\":\"n\",\"as\":\"text\"},\"kind\":{\"constant\":5}}",
         "t,s,n,v\n2020-01-01,a,A,1\n2020-01-02,a,A,2\n2020-01-01,b,B,3\n",
         "urn:x:a " T1 " v=1 | name=\"A\" kind=5\nurn:x:a " T2 " v=2\nurn:x:b " T1 " v=3 | name=\"B\" kind=5\n"},
        /* the last word counts; an empty cell says nothing */
        {"\"fixed\":{\"n\":{\"column\":\"n\",\"as\":\"text\"},\"m\":{\"column\":\"m\",\"as\":\"text\"}}",
         "t,n,m,v\n2020-01-01,A,x,1\n2020-01-02,B,,2\n2020-01-03,A,,3\n",
         "urn:x:a " T1 " v=1 | m=\"x\"\nurn:x:a " T2 " v=2\nurn:x:a 2020-01-03T00:00:00Z v=3 | n=\"A\"\n"},
        {"\"fixed\":{\"name\":{\"constant\":{\"type\":\"LanguageProperty\",\"languageMap\":{\"zh\":\"站\"}}}}",
         "t,v\n2020-01-01,1\n", "urn:x:a " T1 " v=1 | name=LanguageProperty:{\"zh\":\"站\"}\n"},
    };
    (void)state;
    all(rows, COUNT(rows));
    /* a table without time: what the last row says of an entity */
    must_give(&b, "{\"mapping\":1," ID("urn:x:{s}") "," ATTRS("\"v\":\"v\",\"w\":\"w\"") "}", "t.csv",
              "s,v,w\na,1,\nb,2,2\na,3,4\na,5,\n", "urn:x:b - v=2 w=2\nurn:x:a - w=4\nurn:x:a - v=5\n");
}

/* ---- what is refused ---- */

static void test_refusals(void **state) {
    (void)state;
    must_refuse(
        &b,
        mapping(&b, ID("urn:x:{s}") "," ATTRS("\"v\":{\"column\":\"v\",\"least\":0,\"most\":14},\"w\":{\"column\":"
                                              "\"w\",\"most\":9,\"refuse\":\"row\"}")),
        "t,s,v,w\n2020-01-01,a,abc,1\n2020-01-01,b,14.01,1\n2020-01-01,,1,1\n2020-01-01,c "
        "d,1,1\n2020-01-01,e,-1,10\n2020-01-01,f,1\n2020-01-01,g,7,8\n",
        "2:14 values of another kind: v: \"abc\" is no number\n3:14 values out of bounds: v: 14.01 is above 14\n"
        "4:12 ids!: s: the id lacks \"s\"\n5:1 ids!: the id \"urn:x:c d\" is no URI; filters such as slug or uri help\n"
        "6:14 values out of bounds: v: -1 is below 0\n6:17 values out of bounds!: w: 10 is above 9\n"
        "7:1 malformed rows!: the row has 3 cells where the header has 4\n");
    assert_string_equal(b.out.p, "urn:x:a " T1 " w=1\nurn:x:b " T1 " w=1\nurn:x:g " T1 " v=7 w=8\n");
    assert_true(b.report.rows == 7 && b.report.refused_rows == 4 && b.report.refused_cells == 3 &&
                b.report.touched_rows == 6);
    assert_true(b.report.readings == 4 && b.report.entities == 3);
    assert_string_equal(
        b.kept.p,
        "t,s,v,w,_refused\n2020-01-01,a,abc,1,\"v: \"\"abc\"\" is no number\"\n2020-01-01,b,14.01,1,\"v: 14.01 is "
        "above 14\"\n"
        "2020-01-01,,1,1,\"s: the id lacks \"\"s\"\"\"\n2020-01-01,c d,1,1,\"the id \"\"urn:x:c d\"\" is no URI; "
        "filters such as slug or uri help\"\n"
        "2020-01-01,e,-1,10,\"v: -1 is below 0\"\n2020-01-01,f,1,\"the row has 3 cells where the header has 4\"\n");
    must_refuse(&b, mapping(&b, ATTRS("\"v\":{\"column\":\"v\",\"when\":{\"n\":\"A\"},\"expect\":{\"u\":\"%\"}}")),
                "t,n,v,u\n2020-01-01,A,1,%\n2020-01-01,B,1,%\n2020-01-02,A,1,ppm\n",
                "3:12 rows for which there is no attribute!: n: no attribute is for \"B\"\n"
                "4:16 columns with another value than expected: u: \"ppm\" is not what \"v\" expects here\n");
    must_refuse(
        &b,
        mapping(&b, ATTRS("\"v\":{\"column\":\"v\",\"values\":{\"a\":1}},\"w\":{\"column\":\"w\",\"as\":\"boolean\"},"
                          "\"location\":{\"longitude\":\"x\",\"latitude\":\"y\"},"
                          "\"r\":{\"column\":\"r\",\"as\":\"relationship\"}")),
        "t,v,w,x,y,r\n2020-01-01,b,maybe,181,1,x y\n2020-01-02,a,1,1,x,urn:x:1\n",
        "2:12 values that the mapping does not list: v: \"b\" is not among the values\n"
        "2:14 values of another kind: w: \"maybe\" means neither true nor false\n"
        "2:20 places: x: 181 is not between -180 and 180 degrees\n2:26 values of another kind: r: \"x y\" is no URI\n"
        "3:18 places: y: \"x\" is no number\n");
    must_refuse(&b, mapping(&b, "\"table\":{\"encoding\":\"GB18030\"}"), "t,v,n\n2020-01-01,1,\xFF\n2020-01-02,2,x\n",
                "2:14 bytes that are no characters!: a byte here is no character of GB18030\n");
    must_refuse(&b, mapping(&b, ""), "t,v,n\n2020-01-01,1,\xC3\x28\n2020-01-02,2,x\n",
                "2:14 bytes that are no characters!: a byte here is no character of UTF-8\n");
    /* JSON: the place of the value, and the row with its reason */
    must_refuse(
        &b, mapping(&b, "\"table\":{\"format\":\"json\"}"),
        "[{\"t\":\"2020-01-01\",\"v\":\"x\"},\n {\"t\":\"2020-01-02\",\"v\":[1]}, {\"t\":\"2020-01-03\",\"v\":3}]",
        "1:25 values of another kind: v: \"x\" is no number\n2:2 values of another kind: v: there is no number\n");
    assert_string_equal(b.kept.p, "[\n{\"t\":\"2020-01-01\",\"v\":\"x\",\"_refused\":\"v: \\\"x\\\" is no number\"},\n"
                                  "{\"t\":\"2020-01-02\",\"v\":[1],\"_refused\":\"v: there is no number\"}");
    must_refuse(&b, mapping(&b, "\"repeat\":\"refuse\""), "t,v\n2020-01-01,1\n2020-01-01,1\n2020-01-01,2\n",
                "4:12 repeated keys: v: an earlier row has another value for this entity and time\n");
}

/* What was set aside goes in again when it is mended. */
static void test_mended(void **state) {
    (void)state;
    const char *json = mapping(&b, "\"each\":{\"columns\":\"*\"}," ID("urn:x:{@column}") "," ATTRS("\"v\":\"@cell\""));
    must_refuse(&b, json, "t,A,B\n2020-01-01,x,1\n2020-01-02,2,3\n",
                "2:12 values of another kind: A: \"x\" is no number\n");
    char *again = strdup(b.kept.p), *x = strstr(again, ",x,");
    assert_non_null(x);
    x[1] = '9';
    must_give(&b, json, "t.csv", again, "urn:x:A " T1 " v=9\nurn:x:B " T1 " v=1\n");
    free(again);
}

/* ---- wrong mappings ---- */

static void stops(const char *members, const char *table, const char *place, const char *text) {
    feed(&b, mapping(&b, members), "t.csv", jd_str_of(table));
    if (b.err.code == JD_E_OK || strcmp(b.err.place, place) || !strstr(b.err.en, text))
        fail_msg("%s\n%s: %s", members, b.err.place, b.err.en);
    assert_string_equal(b.out.p, "");
}

static void test_wrong_mappings(void **state) {
    (void)state;
    stops(ATTRS("\"v\":\"V\""), "t,v\n2020-01-01,1\n", "t.csv:1:1", "there is no column \"V\" (m.json:1:");
    stops("\"table\":{\"skipLines\":1}", "title\nt;v\n2020-01-01;1\n", "t.csv:2:1", "the table has: t;v");
    stops("", "t,v,v\n2020-01-01,1,2\n", "t.csv:1:1", "two columns \"v\"");
    stops(ATTRS("\"v\":\"#3\""), "t,v\n2020-01-01,1\n", "t.csv:1:1", "there is no column \"#3\"");
    stops("\"table\":{\"otherColumns\":\"refuse\",\"ignore\":\"n*\"}", "t,v,note,w\n2020-01-01,1,,\n", "t.csv:1:1",
          "does not know the column \"w\"");
    stops("\"each\":{\"columns\":\"x*\"}," ATTRS("\"v\":\"@cell\""), "t,v\n2020-01-01,1\n", "t.csv:1:1",
          "fits none of the table's columns");
    stops("", "t,v\n01/02/2020,1\n02/02/2020,1\n", "t.csv:2:1", "none of the first 2 rows can be used");
    stops("", "t,v\n2020-01-01,1\n2020-01-02,\"2\n", "t.csv:3:12", "never closed");
    stops("", "", "t.csv:1:1", "the table is empty");
    stops("\"table\":{\"format\":\"jsonlines\"}," ATTRS("\"v\":\"w\""),
          "{\"t\":\"2020-01-01\",\"v\":1}\n{\"t\":\"2020-01-01\"}\n", "t.csv:1:1", "there is no column \"w\"");
    /* the first rows may be bad when the others are not */
    must_refuse(&b, mapping(&b, ""), "t,v\nx,1\n2020-01-02,1\n", "2:1 times!: t: \"x\" is no time of the form iso\n");
}

static void test_judged(void **state) {
    (void)state;
    jd_map *m = compile(&b, mapping(&b, ""));
    assert_non_null(m);
    jd_feed *f = jd_feed_new(m);
    jd_feed_sink sink = {.arena = &b.moments};
    jd_str text = jd_str_of("t,v\n2020-01-01,1\nx,2\n2020-01-03,3\n2020-01-04,4\n");
    jd_source src = jd_source_text(&text);
    jd_err err = {0};
    jd_feed_begin(f, JD_FEED_LEARN, 0);
    assert_int_equal(jd_feed_table(f, "t.csv", &src, &sink, &err), 0);
    assert_int_equal(jd_feed_judge(f, 25, &err), 0);
    assert_int_equal(jd_feed_judge(f, 24.9, &err), -1);
    assert_string_equal(err.place, "t.csv:3:1");
    assert_non_null(
        strstr(err.en, "1 of 4 rows would be refused, which is more than 24.9 %; the first: t: \"x\" is no time"));
    jd_feed_free(f);
    jd_map_free(m);
}

/* ---- keys that repeat ---- */

static void test_repeats(void **state) {
    static const char table[] = "t,v,w\n2020-01-01,1,5\n2020-01-01,2,\n2020-01-02,3,\n2020-01-01,1,5\n2020-01-01,2,6\n";
    (void)state;
    must_give(&b, mapping(&b, ATTRS("\"v\":\"v\",\"w\":\"w\"")), "t.csv", table,
              "urn:x:a " T2 " v=3\nurn:x:a " T1 " v=2 w=6\n");
    assert_true(b.report.repeated_same == 1 && b.report.repeated_other == 4 && b.report.readings == 3 &&
                b.report.late == 1);
    must_give(&b, mapping(&b, "\"repeat\":\"first\"," ATTRS("\"v\":\"v\",\"w\":\"w\"")), "t.csv", table,
              "urn:x:a " T1 " v=1 w=5\nurn:x:a " T2 " v=3\n");
    must_give(&b, mapping(&b, "\"repeat\":\"each\"," ATTRS("\"v\":\"v\",\"w\":\"w\"")), "t.csv", table,
              "urn:x:a " T1 " v=1 w=5\nurn:x:a " T1 " v[urn:ngsi-ld:Dataset:repeat-2]=2\nurn:x:a " T2 " v=3\n"
              "urn:x:a " T1 " v[urn:ngsi-ld:Dataset:repeat-3]=1\n"
              "urn:x:a " T1 " v[urn:ngsi-ld:Dataset:repeat-4]=2 w[urn:ngsi-ld:Dataset:repeat-2]=6\n");
    /* datasets and entities apart are no repeats; a sub-attribute makes another value */
    must_give(&b, mapping(&b, ID("urn:x:{s}") "," ATTRS("\"v\":{\"column\":\"v\",\"dataset\":\"urn:d:{d}\"}")), "t.csv",
              "t,s,d,v\n2020-01-01,a,1,1\n2020-01-01,b,1,1\n2020-01-01,a,2,1\n2020-01-01,a,1,9\n",
              "urn:x:b " T1 " v[urn:d:1]=1\nurn:x:a " T1 " v[urn:d:2]=1\nurn:x:a " T1 " v[urn:d:1]=9\n");
}

/* Random keys far apart: what is given must be what a plain table of all of them holds. */
static void test_random_repeats(void **state) {
    static const char *const rules[] = {"last", "first"};
    enum { KEYS = 40 };
    (void)state;
    srand(7);
    for (int round = 0; round < 200; round++) {
        int last = round % 2 == 0, values[KEYS], n = rand() % 60;
        jd_buf t = {0}, want = {0};
        char members[80];
        for (int i = 0; i < KEYS; i++) values[i] = -1;
        jd_buf_z(&t, "s,t,v\n");
        for (int i = 0; i < n; i++) {
            int key = rand() % KEYS, v = rand() % 3;
            jd_buf_printf(&t, "e%d,2020-01-%02d,%d\n", key / 10, key % 10 + 1, v);
            if (last || values[key] < 0) values[key] = v;
        }
        jd_buf_c(&t, 0);
        snprintf(members, sizeof members, "\"repeat\":\"%s\"," ID("urn:x:{s}"), rules[!last]);
        if (n == 0) {
            jd_buf_fini(&t);
            continue;
        }
        feed(&b, mapping(&b, members), "t.csv", jd_str_of(t.p));
        assert_int_equal(b.err.code, JD_E_OK);
        int lines = 0, keys = 0;
        for (int i = 0; i < KEYS; i++) {
            if (values[i] < 0) continue;
            want.n = 0;
            jd_buf_printf(&want, "urn:x:e%d 2020-01-%02dT00:00:00Z v=%d\n", i / 10, i % 10 + 1, values[i]);
            jd_buf_c(&want, 0);
            if (!strstr(b.out.p, want.p)) fail_msg("%s\n%s\n%s", t.p, b.out.p, want.p);
            keys++;
        }
        for (const char *p = b.out.p; *p; p++) lines += *p == '\n';
        assert_int_equal(lines, keys);
        jd_buf_fini(&t);
        jd_buf_fini(&want);
    }
}

static int count_moment(void *user, const jd_moment *m, jd_err *err) {
    (void)err;
    *(int *)user += (int)m->attrs_n;
    return 0;
}

/* Many keys in a filter that is far too small: false alarms must cost nothing but memory. */
static void test_small_filter(void **state) {
    jd_buf t = {0};
    int given = 0;
    (void)state;
    jd_buf_z(&t, "t,v\n");
    for (int i = 0; i < 200000; i++) jd_buf_printf(&t, "%d,%d\n", i % 150000, i);
    jd_map *m = compile(&b, mapping(&b, TIME("\"column\":\"t\",\"form\":\"epoch-s\"")));
    assert_non_null(m);
    jd_feed *f = jd_feed_new(m);
    jd_feed_sink sink = {.user = &given, .arena = &b.moments, .moment = count_moment};
    for (int p = 0; p < 2; p++) {
        jd_str text = jd_buf_view(&t);
        jd_source src = jd_source_text(&text);
        jd_feed_begin(f, p ? JD_FEED_GIVE : JD_FEED_LEARN, 1);
        assert_int_equal(jd_feed_table(f, "t.csv", &src, &sink, &b.err), 0);
    }
    assert_int_equal(given, 150000);
    assert_true(jd_feed_get_report(f)->repeated_other == 50000);
    jd_feed_free(f);
    jd_map_free(m);
    jd_buf_fini(&t);
}

/* ---- the report ---- */

static void test_report(void **state) {
    (void)state;
    jd_map *m =
        compile(&b, mapping(&b, ID("urn:x:{s}") "," ATTRS("\"v\":\"v\",\"w\":{\"column\":\"w\",\"as\":\"text\"}")));
    assert_non_null(m);
    jd_feed *f = jd_feed_new(m);
    int given = 0;
    jd_feed_sink sink = {.user = &given, .arena = &b.moments, .moment = count_moment};
    for (int p = 0; p < 2; p++) {
        jd_str text = jd_str_of(
            "t,s,v,w\n2020-01-03,a,-1.50,x\n2020-01-01,a,1e1,\n2020-01-02,b,,\n2020-01-02,b,x,\n2020-01-02,a,2,y\n");
        jd_source src = jd_source_text(&text);
        jd_feed_begin(f, p ? JD_FEED_GIVE : JD_FEED_LEARN, 0);
        assert_int_equal(jd_feed_table(f, "t.csv", &src, &sink, &b.err), 0);
    }
    const jd_feed_report *r = jd_feed_get_report(f);
    assert_true(r->rows == 5 && r->empty == 1 && r->refused_cells == 1 && r->touched_rows == 1 && r->readings == 5);
    assert_true(r->late == 3 && r->entities == 1 && r->reasons[JD_REFUSED_VALUE] == 1 && r->attrs_n == 2);
    const jd_feed_attr *v = &r->attrs[0], *w = &r->attrs[1];
    assert_true(jd_str_is(v->name, "v") && v->given == 3 && v->missing == 1 && v->refused == 1 && v->late == 2);
    assert_string_equal(v->least_text, "-1.50");
    assert_string_equal(v->most_text, "1e1");
    jd_time first, last;
    jd_time_parse(JD_STR(T1), &first, NULL);
    jd_time_parse(JD_STR("2020-01-03T00:00:00Z"), &last, NULL);
    assert_true(v->first == first && v->last == last);
    assert_true(w->given == 2 && w->missing == 3 && !w->has_range && w->late == 1);
    jd_feed_free(f);
    jd_map_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),  cmocka_unit_test(test_json_tables),    cmocka_unit_test(test_times),
        cmocka_unit_test(test_values),  cmocka_unit_test(test_fixed),          cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_mended),  cmocka_unit_test(test_wrong_mappings), cmocka_unit_test(test_judged),
        cmocka_unit_test(test_repeats), cmocka_unit_test(test_random_repeats), cmocka_unit_test(test_small_filter),
        cmocka_unit_test(test_report)};
    return cmocka_run_group_tests_name("table/feed", tests, setup, teardown);
}

/* GeoJSON into shapes: what is taken, and each refusal with its place. */
#include "geo_test.h"

#define REFUSED(text, where) refused(text, where, __LINE__)

static void refused(const char *text, const char *where, int line) {
    jd_arena a;
    jd_err err;
    jd_shape *s = NULL;
    jd_arena_init(&a);
    int rc = try_shape(&a, text, &s, &err);
    jd_arena_fini(&a);
    if (rc != -1 || s) fail_msg("line %d: taken: %s", line, text);
    if (err.code != JD_E_BAD_REQUEST_DATA) fail_msg("line %d: code %d: %s", line, (int)err.code, err.en);
    if (strcmp(err.place, where) != 0) fail_msg("line %d: the place is \"%s\" (%s)", line, err.place, err.en);
    if (!err.en[0] || !err.zh[0] || strcmp(err.en, err.zh) == 0) fail_msg("line %d: no texts", line);
}

static void kinds(void **state) {
    (void)state;
    static const struct {
        const char *text;
        jd_geotype type;
        jd_box box;
        uint32_t positions;
    } cases[] = {
        {"{\"type\":\"Point\",\"coordinates\":[119.45,32.2]}", JD_POINT, {119.45, 32.2, 119.45, 32.2}, 1},
        {"{\"coordinates\":[-180,-90,8848.86],\"type\":\"Point\"}", JD_POINT, {-180, -90, -180, -90}, 1},
        {"{\"type\":\"MultiPoint\",\"coordinates\":[[1,2],[3,4,5],[-1,0]]}", JD_MULTIPOINT, {-1, 0, 3, 4}, 3},
        {"{\"type\":\"LineString\",\"coordinates\":[[1,2],[1e1,4]],\"bbox\":[0,0,1,1]}",
         JD_LINESTRING,
         {1, 2, 10, 4},
         2},
        {"{\"type\":\"LineString\",\"coordinates\":[[1,2],[1,2]]}", JD_LINESTRING, {1, 2, 1, 2}, 2},
        {"{\"type\":\"MultiLineString\",\"coordinates\":[[[1,2],[3,4]],[[5,6],[7,8],[9,-8]]]}",
         JD_MULTILINESTRING,
         {1, -8, 9, 8},
         5},
        {"{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[1,1],[2,1],[2,2],[1,1]]]}",
         JD_POLYGON,
         {0, 0, 4, 4},
         9},
        {"{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[0,4],[4,4],[0,0]]]}",
         JD_POLYGON,
         {0, 0, 4, 4},
         4}, /* clockwise */
        {"{\"type\":\"MultiPolygon\",\"coordinates\":[[[[0,0],[1,0],[1,1],[0,0]]],[[[2,2],[3,2],[3,3],[2,2]]]]}",
         JD_MULTIPOLYGON,
         {0, 0, 3, 3},
         8},
        {"{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":\"Point\",\"coordinates\":[7,7]},"
         "{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":\"LineString\",\"coordinates\":[[0,0],[1,9]]}]}]}",
         JD_GEOMETRYCOLLECTION,
         {0, 0, 7, 9},
         3},
    };
    jd_arena a;
    jd_arena_init(&a);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        jd_shape *s = shape(&a, cases[i].text);
        double x, y;
        assert_int_equal(jd_shape_type(s), cases[i].type);
        jd_box b = jd_shape_box(s), c = cases[i].box;
        assert_true(b.w == c.w && b.s == c.s && b.e == c.e && b.n == c.n);
        assert_int_equal(s->npos, cases[i].positions);
        assert_int_equal(jd_shape_point(s, &x, &y), cases[i].type == JD_POINT);
        if (cases[i].type == JD_POINT) assert_true(x == c.w && y == c.s);
    }
    double x, y;
    jd_shape *made = jd_shape_make_point(&a, 8.5, -3);
    assert_int_equal(jd_shape_point(made, &x, &y), 1);
    assert_true(x == 8.5 && y == -3 && jd_shape_box(made).n == -3);
    jd_arena_fini(&a);
}

static void refusals(void **state) {
    (void)state;
    REFUSED("[1,2]", "geometry");
    REFUSED("\"Point\"", "geometry");
    REFUSED("{}", "type");
    REFUSED("{\"type\":\"point\",\"coordinates\":[1,2]}", "type");
    REFUSED("{\"type\":\"Circle\",\"coordinates\":[1,2]}", "type");
    REFUSED("{\"type\":[\"Point\"],\"coordinates\":[1,2]}", "type");
    REFUSED("{\"type\":\"Point\"}", "coordinates");
    REFUSED("{\"type\":\"Polygon\"}", "coordinates");
    REFUSED("{\"type\":\"Point\",\"coordinates\":[]}", "coordinates");
    REFUSED("{\"type\":\"Point\",\"coordinates\":null}", "coordinates");
    REFUSED("{\"type\":\"Point\",\"coordinates\":[1]}", "coordinates");
    REFUSED("{\"type\":\"Point\",\"coordinates\":[1,2,3,4]}", "coordinates");
    REFUSED("{\"type\":\"Point\",\"coordinates\":[1,\"2\"]}", "coordinates");
    REFUSED("{\"type\":\"Point\",\"coordinates\":[1,2,1e400]}", "coordinates");
    REFUSED("{\"type\":\"Point\",\"coordinates\":[180.0000001,2]}", "coordinates");
    REFUSED("{\"type\":\"Point\",\"coordinates\":[32,119.4]}", "coordinates"); /* latitude first */
    REFUSED("{\"type\":\"Point\",\"coordinates\":[1,-90.001]}", "coordinates");
    REFUSED("{\"type\":\"Point\",\"coordinates\":[[1,2]]}", "coordinates");
    REFUSED("{\"type\":\"MultiPoint\",\"coordinates\":[]}", "coordinates");
    REFUSED("{\"type\":\"MultiPoint\",\"coordinates\":[1,2]}", "coordinates[0]");
    REFUSED("{\"type\":\"MultiPoint\",\"coordinates\":[[1,2],[1,91]]}", "coordinates[1]");
    REFUSED("{\"type\":\"LineString\",\"coordinates\":[[1,2]]}", "coordinates");
    REFUSED("{\"type\":\"LineString\",\"coordinates\":[[1,2],[]]}", "coordinates[1]");
    REFUSED("{\"type\":\"MultiLineString\",\"coordinates\":[[[1,2],[3,4]],[[1,2]]]}", "coordinates[1]");
    REFUSED("{\"type\":\"MultiLineString\",\"coordinates\":[[[1,2],[3,4]],[]]}", "coordinates[1]");
    REFUSED("{\"type\":\"MultiLineString\",\"coordinates\":{}}", "coordinates");
    REFUSED("{\"type\":\"Polygon\",\"coordinates\":[]}", "coordinates");
    REFUSED("{\"type\":\"Polygon\",\"coordinates\":[[]]}", "coordinates[0]");
    REFUSED("{\"type\":\"Polygon\",\"coordinates\":[[0,0],[4,0],[4,4],[0,0]]}", "coordinates[0]");
    REFUSED("{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[4,0],[0,0]]]}", "coordinates[0]");
    REFUSED("{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[4,0],[4,4],[0,4]]]}", "coordinates[0]"); /* open */
    REFUSED("{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[4,0],[4,4],[0,0]],[[1,1],[2,1],[2,2],[1,2]]]}",
            "coordinates[1]");
    REFUSED("{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[4,0],[\"4\",4],[0,0]]]}", "coordinates[0][2]");
    REFUSED("{\"type\":\"MultiPolygon\",\"coordinates\":[[[[0,0],[1,0],[1,1],[0,0]]],[[[2,2],[3,2],[3,333],[2,2]]]]}",
            "coordinates[1][0][2]");
    REFUSED("{\"type\":\"MultiPolygon\",\"coordinates\":[[]]}", "coordinates[0]");
    REFUSED("{\"type\":\"GeometryCollection\",\"coordinates\":[1,2]}", "geometries");
    REFUSED("{\"type\":\"GeometryCollection\",\"geometries\":[]}", "geometries");
    REFUSED("{\"type\":\"GeometryCollection\",\"geometries\":[3]}", "geometries[0].geometry");
    REFUSED("{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":\"Point\",\"coordinates\":[1,2]},"
            "{\"type\":\"LineString\",\"coordinates\":[[1,2],[3,200]]}]}",
            "geometries[1].coordinates[1]");
}

static void invalid_polygons(void **state) {
    (void)state;
    REFUSED("{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[4,4],[4,0],[0,4],[0,0]]]}",
            "coordinates[0][0]");                                                                       /* a bow tie */
    REFUSED("{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[4,0],[8,0],[0,0]]]}", "coordinates[0][0]"); /* flat */
    REFUSED("{\"type\":\"Polygon\",\"coordinates\":[[[1,1],[1,1],[1,1],[1,1]]]}", "coordinates[0][0]"); /* a point */
    REFUSED("{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[5,5],[6,5],[6,6],[5,5]]]}",
            "coordinates[1][0]"); /* a hole outside */
    REFUSED(
        "{\"type\":\"MultiPolygon\",\"coordinates\":[[[[9,9],[8,9],[8,8],[9,9]]],[[[0,0],[4,4],[4,0],[0,4],[0,0]]]]}",
        "coordinates[1][0][0]");
    REFUSED(
        "{\"type\":\"MultiPolygon\",\"coordinates\":[[[[0,0],[9,0],[9,9],[0,9],[0,0]]],[[[1,1],[2,1],[2,2],[1,1]]]]}",
        "coordinates[1][0][0]"); /* one inside the other */
    REFUSED("{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":\"Point\",\"coordinates\":[1,2]},"
            "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[4,4],[4,0],[0,4],[0,0]]]}]}",
            "geometries[1].coordinates[0][0]");
}

static void a_trusted_text_skips_the_topology(void **state) {
    (void)state;
    jd_arena a;
    jd_jval v;
    jd_shape *s = NULL;
    jd_err err = {0};
    jd_arena_init(&a);
    jd_str text = JD_STR("{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[4,4],[4,0],[0,4],[0,0]]]}");
    assert_int_equal(jd_json_parse(&a, text, NULL, &v, &err), 0);
    assert_int_equal(jd_shape_reread(&a, &v, &s, &err), 0);
    jd_geoq *q = query(&a, "within", "{\"type\":\"Polygon\",\"coordinates\":[[[-1,-1],[5,-1],[5,5],[-1,5],[-1,-1]]]}");
    int yes = jd_geoq_test(q, s); /* GEOS is not sure of such a shape; it must not fall over */
    assert_true(yes == 0 || yes == 1);
    jd_geoq_fini(q);
    jd_arena_fini(&a);
}

/* Deep and wide texts are refused before they cost anything. */
static void ceilings(void **state) {
    (void)state;
    jd_buf b = {0};
    jd_buf_z(&b, "{\"type\":\"LineString\",\"coordinates\":[[0,0]");
    for (int i = 0; i < JD_SHAPE_POSITIONS_MAX; i++) jd_buf_z(&b, ",[1,1]");
    jd_buf_z(&b, "]}");
    jd_buf_c(&b, 0);
    REFUSED(b.p, "coordinates");
    b.n = 0;
    for (int i = 0; i < 6; i++) jd_buf_z(&b, "{\"type\":\"GeometryCollection\",\"geometries\":[");
    jd_buf_z(&b, "{\"type\":\"Point\",\"coordinates\":[1,2]}");
    for (int i = 0; i < 6; i++) jd_buf_z(&b, "]}");
    jd_buf_c(&b, 0);
    REFUSED(b.p, "geometries[0].geometries[0].geometries[0].geometries[0].geometries");
    b.n = 0;
    jd_buf_z(&b, "{\"type\":\"MultiPolygon\",\"coordinates\":[[]");
    for (int i = 0; i < 200000; i++) jd_buf_z(&b, ",[]");
    jd_buf_z(&b, "]}");
    jd_buf_c(&b, 0);
    REFUSED(b.p, "coordinates[0]");
    jd_buf_fini(&b);
}

/* A point is one small allocation, and a refusal leaves the arena as it was. */
static void memory(void **state) {
    (void)state;
    jd_arena a;
    jd_err err;
    jd_shape *s;
    jd_arena_init(&a);
    jd_shape_make_point(&a, 1, 2);
    char *before = a.at;
    jd_shape_make_point(&a, 3, 4);
    assert_true(a.at - before <= 200);
    const char *text = "{\"type\":\"LineString\",\"coordinates\":[[1,2],[3,4],[5,95]]}";
    jd_jval v;
    assert_int_equal(jd_json_parse(&a, jd_str_of(text), NULL, &v, &err), 0);
    before = a.at;
    assert_int_equal(jd_shape_read(&a, &v, &s, NULL), -1); /* the caller may not want to know why */
    assert_ptr_equal(a.at, before);
    jd_arena_fini(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(refusals),
        cmocka_unit_test(invalid_polygons),
        cmocka_unit_test(a_trusted_text_skips_the_topology),
        cmocka_unit_test(ceilings),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Geo-queries: the texts, every relation against GEOS, collections, and many threads on one query. */
#include "geo_test.h"

#include <pthread.h>

#define UNIT "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[4,0],[4,4],[0,4],[0,0]]]}"

/* ---- texts ---- */

static void taken(void **state) {
    (void)state;
    static const char *const rels[] = {"near;maxDistance==2000",
                                       "near;minDistance==0.5",
                                       "near;maxDistance==1.5e3",
                                       "within",
                                       "contains",
                                       "overlaps",
                                       "intersects",
                                       "equals",
                                       "disjoint"};
    static const char *const shapes[][2] = {{"Point", "[119.4,32.2]"},
                                            {"Point", " [119.4, 32.2, 12] "},
                                            {"MultiPoint", "[[1,2],[3,4]]"},
                                            {"LineString", "[[1,2],[3,4]]"},
                                            {"MultiLineString", "[[[1,2],[3,4]]]"},
                                            {"Polygon", "[[[0,0],[4,0],[4,4],[0,0]]]"},
                                            {"MultiPolygon", "[[[[0,0],[4,0],[4,4],[0,0]]]]"}};
    for (size_t i = 0; i < sizeof rels / sizeof *rels; i++) {
        for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
            jd_arena a;
            jd_err err = {0};
            jd_geoq *q = NULL;
            jd_arena_init(&a);
            int rc = jd_geoq_compile_params(&a, jd_str_of(rels[i]), jd_str_of(shapes[k][0]), jd_str_of(shapes[k][1]),
                                            &q, &err);
            if (rc) fail_msg("%s %s %s: %s", rels[i], shapes[k][0], shapes[k][1], err.en);
            jd_geoq_fini(q);
            jd_geoq_fini(q); /* once more does nothing */
            jd_arena_fini(&a);
        }
    }
}

static void refused(const char *georel, const char *geometry, const char *coordinates, const char *place, int line) {
    jd_arena a;
    jd_err err = {0};
    jd_geoq *q = NULL;
    jd_arena_init(&a);
    int rc = jd_geoq_compile_params(&a, jd_str_of(georel), jd_str_of(geometry), jd_str_of(coordinates), &q, &err);
    if (rc != -1 || q) fail_msg("line %d: taken", line);
    if (err.code != JD_E_BAD_REQUEST_DATA) fail_msg("line %d: code %d, %s", line, (int)err.code, err.en);
    if (strcmp(err.place, place) != 0) fail_msg("line %d: the place is \"%s\" (%s)", line, err.place, err.en);
    if (!err.en[0] || !err.zh[0] || strcmp(err.en, err.zh) == 0)
        fail_msg("line %d: texts \"%s\" \"%s\"", line, err.en, err.zh);
    jd_arena_fini(&a);
}
#define REFUSED(...) refused(__VA_ARGS__, __LINE__)

static void georel_refusals(void **state) {
    (void)state;
    static const struct {
        const char *text, *place;
    } cases[] = {
        {"", "georel, column 1"},
        {"nearby", "georel, column 1"},
        {"Within", "georel, column 1"},
        {"within ", "georel, column 1"},
        {"covers", "georel, column 1"},
        {"within;maxDistance==3", "georel, column 1"},
        {"near", "georel, column 5"},
        {"near,maxDistance==3", "georel, column 5"},
        {"near;", "georel, column 6"},
        {"near;distance==3", "georel, column 6"},
        {"near;maxdistance==3", "georel, column 6"},
        {"near;maxDistance", "georel, column 17"},
        {"near;maxDistance=2000", "georel, column 17"},
        {"near;maxDistance:2000", "georel, column 17"},
        {"near;maxDistance<=2000", "georel, column 17"},
        {"near;maxDistance==", "georel, column 19"},
        {"near;maxDistance==far", "georel, column 19"},
        {"near;maxDistance== 2000", "georel, column 19"},
        {"near;maxDistance==2000m", "georel, column 23"},
        {"near;maxDistance==-5", "georel, column 19"},
        {"near;maxDistance==0", "georel, column 19"},
        {"near;maxDistance==1e999", "georel, column 19"},
        {"near;maxDistance==.5", "georel, column 19"},
        {"near;maxDistance==007", "georel, column 19"},
        {"near;maxDistance==2000;minDistance==100", "georel, column 23"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cases[i].text, "Point", "[1,2]", cases[i].place, (int)i);
}

static void geometry_refusals(void **state) {
    (void)state;
    REFUSED("within", "Box", "[1,2]", "geometry");
    REFUSED("within", "polygon", "[[[0,0],[4,0],[4,4],[0,0]]]", "geometry");
    REFUSED("within", "GeometryCollection", "[1,2]", "geometry");
    REFUSED("within", "Polygon", "[[[0,0],[4,0],[4,4],[0,4]]]", "coordinates[0]");
    REFUSED("within", "Polygon", "[]", "coordinates");
    REFUSED("within", "Polygon", "[1,2]", "coordinates[0]");
    REFUSED("within", "Point", "[200,2]", "coordinates");
    REFUSED("within", "Point", "{\"a\":1}", "coordinates");
    REFUSED("within", "LineString", "[[1,1],[1,1]]", "coordinates");
    REFUSED("within", "MultiLineString", "[[[1,1],[2,1]],[[1,1],[1,1]]]", "coordinates[1]");
    jd_arena a;
    jd_arena_init(&a);
    jd_err err = {0};
    jd_geoq *q;
    static const char *const texts[] = {"", "[1,2", "[1,2]]", "1;2", "[[[[[[[[[[1]]]]]]]]]]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) { /* no JSON: the kind of error is the parameter's */
        assert_int_equal(jd_geoq_compile_params(&a, JD_STR("within"), JD_STR("Point"), jd_str_of(texts[i]), &q, &err),
                         -1);
        assert_int_equal(err.code, JD_E_BAD_REQUEST_DATA);
        assert_memory_equal(err.place, "coordinates", 11);
    }
    assert_int_equal(jd_geoq_compile_params(&a, JD_STR("within"), JD_STR("Point"), JD_STR("["), &q, NULL), -1);
    jd_buf b = {0};
    jd_buf_z(&b, "[[0,0]");
    for (int i = 0; i < JD_GEOQ_POSITIONS_MAX; i++) jd_buf_z(&b, ",[1,1]");
    jd_buf_z(&b, "]");
    assert_int_equal(jd_geoq_compile_params(&a, JD_STR("within"), JD_STR("LineString"), jd_buf_view(&b), &q, &err), -1);
    assert_int_equal(err.code, JD_E_TOO_COMPLEX_QUERY);
    jd_buf_fini(&b);
    jd_arena_fini(&a);
}

/* ---- relations ---- */

enum { NRELS = 6 };
static const char *const rel_names[NRELS] = {"within", "contains", "overlaps", "equals", "intersects", "disjoint"};

static int geos_says(const judge *j, int rel, const GEOSGeometry *query_shape, const GEOSGeometry *target) {
    switch (rel) {
    case 0: return GEOSWithin_r(j->h, target, query_shape);
    case 1: return GEOSContains_r(j->h, target, query_shape);
    case 2: return GEOSOverlaps_r(j->h, target, query_shape);
    case 3: return GEOSEquals_r(j->h, target, query_shape);
    case 4: return GEOSIntersects_r(j->h, target, query_shape);
    default: return GEOSDisjoint_r(j->h, target, query_shape);
    }
}

static void every_relation_is_what_geos_says(void **state) {
    (void)state;
    uint64_t r = 77;
    jd_buf b = {0}, c = {0};
    judge j = judge_open();
    size_t yes[NRELS] = {0}, no[NRELS] = {0};
    for (int i = 0; i < 1512; i++) {
        jd_arena a;
        jd_arena_init(&a);
        double grid = i / 36 % 3 ? 1 : 0.001;
        span one = {10, 10, 4, grid}, two = {10 + rnd_in(&r, -2, 2), 10 + rnd_in(&r, -2, 2), rnd_in(&r, 1, 5), grid};
        jd_shape *s = random_shape(&a, &b, &r, (jd_geotype)(i % 6), one);
        jd_shape *t = random_shape(&a, &c, &r, (jd_geotype)(i / 6 % 6), two);
        if (i % 7 == 0) { /* the same shape, so that "equals" has something to find */
            c.n = 0;
            jd_buf_str(&c, jd_buf_view(&b));
            t = shape(&a, c.p);
        }
        if (!has_point_line(s) && !has_point_line(t)) {
            GEOSGeometry *g = judge_read(&j, b.p), *h = judge_read(&j, c.p);
            for (int rel = 0; rel < NRELS; rel++) {
                jd_geoq *q = query(&a, rel_names[rel], b.p);
                int is = jd_geoq_test(q, t), should = geos_says(&j, rel, g, h);
                if (is != should) fail_msg("%s %s %s: %d, GEOS %d", c.p, rel_names[rel], b.p, is, should);
                if (should)
                    yes[rel]++;
                else
                    no[rel]++;
                jd_box box[2];
                int n = jd_geoq_boxes(q, box);
                assert_int_equal(n, rel != 5);
                if (is && n) assert_true(geo__boxes_touch(box[0], jd_shape_box(t)));
                jd_geoq_fini(q);
            }
            jd_geoq *held = jd_geoq_within(&a, s); /* the same of shapes at hand */
            int within = geos_says(&j, 0, g, h);
            assert_int_equal(jd_geoq_test(held, t), within);
            assert_int_equal(jd_shape_within(t, s), within);
            assert_int_equal(jd_shape_intersects(t, s), geos_says(&j, 4, g, h));
            jd_geoq_fini(held);
            GEOSGeom_destroy_r(j.h, g);
            GEOSGeom_destroy_r(j.h, h);
        }
        jd_arena_fini(&a);
    }
    for (int rel = 0; rel < NRELS; rel++) assert_true(yes[rel] > 50 && no[rel] > 50);
    judge_close(&j);
    jd_buf_fini(&b);
    jd_buf_fini(&c);
}

static void shapes_at_hand(void **state) {
    (void)state;
    jd_arena a;
    jd_arena_init(&a);
#define HALVES                                                                  \
    "{\"type\":\"GeometryCollection\",\"geometries\":["                         \
    "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[2,0],[2,4],[0,4],[0,0]]]}," \
    "{\"type\":\"Polygon\",\"coordinates\":[[[2,0],[4,0],[4,4],[2,4],[2,0]]]}]}"
    jd_shape *unit = shape(&a, UNIT), *halves = shape(&a, HALVES);
    jd_shape *line = shape(&a, "{\"type\":\"LineString\",\"coordinates\":[[1,1],[3,3]]}"); /* over both halves */
    jd_shape *out = shape(&a, "{\"type\":\"LineString\",\"coordinates\":[[1,1],[5,3]]}");
    assert_int_equal(jd_shape_within(halves, unit), 1);
    assert_int_equal(jd_shape_within(unit, halves), 1);
    assert_int_equal(jd_shape_within(line, halves), 1);
    assert_int_equal(jd_shape_within(out, halves), 0);
    assert_int_equal(jd_shape_intersects(out, halves), 1);
    assert_int_equal(jd_shape_within(halves, line), 0);
    assert_int_equal(jd_shape_within(halves, halves), -1);
    assert_null(jd_geoq_within(&a, halves));
    jd_arena_fini(&a);
}

static void direction(void **state) {
    (void)state;
    jd_arena a;
    jd_arena_init(&a);
    const char *small = "{\"type\":\"Polygon\",\"coordinates\":[[[1,1],[2,1],[2,2],[1,1]]]}";
    const char *point = "{\"type\":\"Point\",\"coordinates\":[1.75,1.5]}",
               *corner = "{\"type\":\"Point\",\"coordinates\":[4,4]}";
    assert_true(matches(&a, "within", UNIT, small) && !matches(&a, "within", small, UNIT));
    assert_true(matches(&a, "contains", small, UNIT) && !matches(&a, "contains", UNIT, small));
    assert_true(matches(&a, "within", UNIT, point) && !matches(&a, "within", point, UNIT));
    assert_true(matches(&a, "contains", point, UNIT) && !matches(&a, "contains", UNIT, point));
    assert_true(!matches(&a, "within", UNIT, corner) && matches(&a, "intersects", UNIT, corner));
    assert_true(!matches(&a, "disjoint", UNIT, corner) && !matches(&a, "contains", corner, UNIT));
    assert_true(matches(&a, "equals", point, point) && matches(&a, "within", point, point));
    assert_true(!matches(&a, "equals", point, corner) && matches(&a, "disjoint", point, corner));
    /* the same ring from another corner, the other way round */
    assert_true(
        matches(&a, "equals", UNIT, "{\"type\":\"Polygon\",\"coordinates\":[[[4,4],[4,0],[0,0],[0,2],[0,4],[4,4]]]}"));
    /* along the border is not within; round a hole is not within */
    assert_false(matches(&a, "within", UNIT, "{\"type\":\"LineString\",\"coordinates\":[[0,0],[4,0]]}"));
    assert_true(matches(&a, "within", UNIT, "{\"type\":\"LineString\",\"coordinates\":[[0,0],[4,0],[2,2]]}"));
    const char *frame =
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[9,0],[9,9],[0,9],[0,0]],[[3,3],[6,3],[6,6],[3,6],[3,3]]]}";
    const char *round_it = "{\"type\":\"Polygon\",\"coordinates\":[[[1,1],[8,1],[8,8],[1,8],[1,1]]]}";
    assert_true(!matches(&a, "within", frame, round_it) && !matches(&a, "contains", round_it, frame));
    assert_true(matches(&a, "overlaps", frame, round_it) && matches(&a, "within", frame, small));
    /* a line of no length is the point that it is */
    const char *parked = "{\"type\":\"LineString\",\"coordinates\":[[1.75,1.5],[1.75,1.5],[1.75,1.5]]}";
    assert_true(matches(&a, "within", UNIT, parked) && matches(&a, "equals", point, parked));
    assert_true(
        matches(&a, "within", UNIT, "{\"type\":\"MultiLineString\",\"coordinates\":[[[1,1],[1,1]],[[1,1],[2,2]]]}"));
    assert_false(
        matches(&a, "within", UNIT, "{\"type\":\"MultiLineString\",\"coordinates\":[[[5,1],[5,1]],[[1,1],[2,2]]]}"));
    const char *diagonal = "{\"type\":\"LineString\",\"coordinates\":[[0,0],[3,3]]}";
    assert_false(matches(&a, "within", diagonal,
                         "{\"type\":\"MultiLineString\",\"coordinates\":[[[5,5],[5,5]],[[1,1],[2,2]]]}"));
    assert_false(matches(&a, "within", diagonal,
                         "{\"type\":\"MultiLineString\",\"coordinates\":[[[1,2],[1,2]],[[1,1],[2,2]]]}"));
    assert_true(matches(&a, "within", diagonal,
                        "{\"type\":\"MultiLineString\",\"coordinates\":[[[2,2],[2,2]],[[1,1],[2,2]]]}"));
    jd_arena_fini(&a);
}

static void near(void **state) {
    (void)state;
    jd_arena a;
    jd_arena_init(&a);
    const char *here = "{\"type\":\"Point\",\"coordinates\":[119.45,32.2]}",
               *there = "{\"type\":\"Point\",\"coordinates\":[119.45,32.21]}";
    /* 0.01 degrees of latitude are 1111.95 m */
    assert_true(matches(&a, "near;maxDistance==1112", here, there) &&
                !matches(&a, "near;maxDistance==1111", here, there));
    assert_true(matches(&a, "near;minDistance==1111", here, there) &&
                !matches(&a, "near;minDistance==1112", here, there));
    const char *road = "{\"type\":\"LineString\",\"coordinates\":[[119.40,32.21],[119.50,32.21]]}";
    assert_true(matches(&a, "near;maxDistance==1112", here, road) &&
                !matches(&a, "near;maxDistance==1111", here, road));
    assert_true(matches(&a, "near;maxDistance==1112", road, here) && matches(&a, "near;minDistance==1111", road, here));
    assert_true(matches(&a, "near;maxDistance==0.001", UNIT, "{\"type\":\"Point\",\"coordinates\":[2,2]}"));
    assert_true(matches(&a, "near;maxDistance==1", UNIT, "{\"type\":\"LineString\",\"coordinates\":[[-9,2],[9,3]]}"));
    assert_false(matches(&a, "near;minDistance==1", UNIT, "{\"type\":\"LineString\",\"coordinates\":[[-9,2],[9,3]]}"));
    const char *west = "{\"type\":\"Point\",\"coordinates\":[-179.999,10]}",
               *east = "{\"type\":\"Point\",\"coordinates\":[179.999,10]}";
    assert_true(matches(&a, "near;maxDistance==220", west, east) && !matches(&a, "near;maxDistance==200", west, east));
    jd_box box[2];
    assert_int_equal(jd_geoq_boxes(query(&a, "near;maxDistance==220", west), box), 2);
    assert_int_equal(jd_geoq_boxes(query(&a, "near;minDistance==220", west), box), 0);
    assert_near(jd_geoq_distance(query(&a, "disjoint", here), shape(&a, road)), 1111.95, 0.1);
    jd_arena_fini(&a);
}

/* "near" must say what the distance says, also where the search stops early. */
static void near_agrees_with_distance(void **state) {
    (void)state;
    uint64_t r = 5;
    jd_buf b = {0}, c = {0};
    for (int i = 0; i < 200; i++) {
        jd_arena a;
        jd_arena_init(&a);
        span in = {119.4, 32.2, 0.05, 0.00001};
        random_shape(&a, &b, &r, (jd_geotype)(i % 6), in);
        in.x += 0.1;
        jd_shape *t = random_shape(&a, &c, &r, (jd_geotype)(i / 6 % 6), in);
        double d = jd_shape_distance(shape(&a, b.p), t);
        assert_true(d > 0);
        for (int k = -3; k <= 3; k++) {
            char rel[80];
            double limit = k ? d * (1 + k * 0.003) : d;
            snprintf(rel, sizeof rel, "near;maxDistance==%.17g", limit);
            assert_int_equal(matches(&a, rel, b.p, c.p), d <= limit);
            snprintf(rel, sizeof rel, "near;minDistance==%.17g", limit);
            assert_int_equal(matches(&a, rel, b.p, c.p), d >= limit);
        }
        jd_arena_fini(&a);
    }
    jd_buf_fini(&b);
    jd_buf_fini(&c);
}

/* ---- collections ---- */

#define COLLECTION(members) "{\"type\":\"GeometryCollection\",\"geometries\":[" members "]}"

static void collections(void **state) {
    (void)state;
    jd_arena a;
    jd_arena_init(&a);
    const char *west = "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[2,0],[2,4],[0,4],[0,0]]]}";
#define WEST "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[2,0],[2,4],[0,4],[0,0]]]}"
#define EAST "{\"type\":\"Polygon\",\"coordinates\":[[[1,0],[4,0],[4,4],[1,4],[1,0]]]}"
#define LINE "{\"type\":\"LineString\",\"coordinates\":[[1,1],[6,1]]}"
#define DOT(x) "{\"type\":\"Point\",\"coordinates\":[" x ",1]}"
    const char *whole = COLLECTION(WEST "," EAST), *mixed = COLLECTION(WEST "," LINE "," DOT("3"));
    assert_true(matches(&a, "equals", UNIT, whole) && !matches(&a, "equals", west, whole));
    assert_true(matches(&a, "contains", west, whole) && matches(&a, "contains", UNIT, whole));
    assert_true(matches(&a, "within", UNIT, whole) && matches(&a, "within", UNIT, COLLECTION(WEST "," DOT("3"))));
    assert_false(matches(&a, "within", UNIT, mixed));
    assert_true(matches(&a, "contains", "{\"type\":\"LineString\",\"coordinates\":[[0.5,1],[5,1]]}", mixed));
    assert_false(matches(&a, "contains", "{\"type\":\"LineString\",\"coordinates\":[[0.5,1],[6.5,1]]}", mixed));
    assert_true(matches(&a, "contains", "{\"type\":\"MultiPoint\",\"coordinates\":[[1,2],[5,1]]}", mixed));
    assert_false(matches(&a, "contains", "{\"type\":\"MultiPoint\",\"coordinates\":[[1,2],[5,2]]}", mixed));
    assert_true(matches(&a, "contains", "{\"type\":\"Point\",\"coordinates\":[5,1]}", mixed));
    /* covered, but only along the border */
    assert_false(matches(&a, "contains", "{\"type\":\"LineString\",\"coordinates\":[[0,0],[0,3]]}", mixed));
    assert_true(matches(&a, "equals", west, COLLECTION(WEST "," DOT("1"))));
    assert_true(matches(&a, "overlaps", EAST, mixed) && !matches(&a, "overlaps", UNIT, COLLECTION(WEST "," DOT("1"))));
    assert_true(matches(&a, "intersects", "{\"type\":\"Point\",\"coordinates\":[5,1]}", mixed));
    assert_true(matches(&a, "disjoint", "{\"type\":\"Point\",\"coordinates\":[5,2]}", mixed));
    assert_true(matches(&a, "equals", DOT("3"), COLLECTION(DOT("3") "," DOT("3"))));
    assert_true(matches(&a, "overlaps", "{\"type\":\"LineString\",\"coordinates\":[[5,1],[8,1]]}",
                        COLLECTION(LINE "," DOT("3"))));
    assert_near(jd_shape_distance(shape(&a, mixed), shape(&a, DOT("7"))), 111178, 20);
    jd_arena_fini(&a);
}

/* A collection of one kind is what the multi-geometry of the same members is. */
static void collections_of_one_kind(void **state) {
    (void)state;
    uint64_t r = 8;
    jd_buf b = {0}, c = {0}, d = {0};
    for (int i = 0; i < 300; i++) {
        jd_arena a;
        jd_arena_init(&a);
        jd_geotype kind = i % 3 == 0 ? JD_MULTIPOINT : i % 3 == 1 ? JD_MULTILINESTRING : JD_MULTIPOLYGON;
        while (has_point_line(random_shape(&a, &b, &r, (jd_geotype)(i / 3 % 6), (span){10, 10, 3, 1}))) continue;
        jd_shape *multi = random_shape(&a, &c, &r, kind, (span){10, 10, 4, 1});
        jd_jval v;
        jd_err err;
        assert_int_equal(jd_json_parse(&a, jd_str_of(c.p), NULL, &v, &err), 0);
        const jd_jval *members = jd_jget(&v, "coordinates");
        d.n = 0;
        jd_buf_z(&d, "{\"type\":\"GeometryCollection\",\"geometries\":[");
        for (uint32_t k = 0; k < members->n; k++) {
            jd_buf_printf(&d, "%s{\"type\":\"%s\",\"coordinates\":", k ? "," : "",
                          kind == JD_MULTIPOINT        ? "Point"
                          : kind == JD_MULTILINESTRING ? "LineString"
                                                       : "Polygon");
            jd_json_write(&d, &members->items[k]);
            jd_buf_c(&d, '}');
        }
        jd_buf_z(&d, "]}");
        jd_buf_c(&d, 0);
        jd_shape *loose = shape(&a, d.p);
        for (int rel = 0; rel < NRELS; rel++) {
            jd_geoq *q = query(&a, rel_names[rel], b.p);
            int as_multi = jd_geoq_test(q, multi), as_loose = jd_geoq_test(q, loose);
            if (as_multi != as_loose) fail_msg("%s %s %s: %d, else %d", d.p, rel_names[rel], b.p, as_loose, as_multi);
            jd_geoq_fini(q);
        }
        jd_arena_fini(&a);
    }
    jd_buf_fini(&b);
    jd_buf_fini(&c);
    jd_buf_fini(&d);
}

/* Shapes whose edges cross or nearly meet without end must neither stop the city nor get a wrong answer where one is
 * cheap. */
static void tangles(void **state) {
    (void)state;
    jd_arena a;
    jd_arena_init(&a);
    uint64_t r = 2;
    jd_buf b = {0};
    jd_buf_z(&b, "{\"type\":\"LineString\",\"coordinates\":");
    put_list(&b, &r, (span){2, 2, 0.0001, 1e-9}, 20000); /* a parked car */
    jd_buf_z(&b, "}");
    jd_buf_c(&b, 0);
    assert_true(matches(&a, "within", UNIT, b.p) && matches(&a, "intersects", UNIT, b.p));
    assert_false(matches(&a, "disjoint", UNIT, b.p) || matches(&a, "overlaps", UNIT, b.p));
    assert_false(matches(&a, "overlaps", "{\"type\":\"LineString\",\"coordinates\":[[2,2],[3,3]]}", b.p));
    b.n = 0;
    jd_buf_z(&b, "{\"type\":\"Polygon\",\"coordinates\":[[");
    for (int i = 0; i < 5000; i++) /* a comb of slanted teeth: valid, but each edge's box meets every other's */
        jd_buf_printf(&b, "[%.9f,%.9f],", i * 1e-6 + (i & 1 ? 50.0 : 0), i & 1 ? 50.0 : i * 1e-9);
    jd_buf_z(&b, "[60,-1],[0,0]]]}");
    jd_buf_c(&b, 0);
    jd_shape *s;
    jd_err err;
    assert_int_equal(try_shape(&a, b.p, &s, &err), -1);
    assert_int_equal(err.code, JD_E_BAD_REQUEST_DATA);
    assert_non_null(strstr(err.en, "too densely"));
    jd_buf_fini(&b);
    jd_arena_fini(&a);
}

/* Askers and old data bring polygons that cross themselves: an odd number of turns round a place makes it theirs. */
static void polygons_that_cross_themselves(void **state) {
    (void)state;
    jd_arena a;
    jd_arena_init(&a);
    const char *tie = "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[4,4],[4,0],[0,4],[0,0]]]}";
    assert_true(matches(&a, "within", tie, "{\"type\":\"Point\",\"coordinates\":[1,2]}"));
    const char *beside =
        "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[5,0],[9,0],[9,4],[5,4],[5,0]]]}";
    const char *there =
        "{\"type\":\"Polygon\",\"coordinates\":[[[5,1],[7,0],[8,2],[5,1]]]}"; /* touches only the hole */
    assert_true(!matches(&a, "overlaps", beside, there) && !matches(&a, "within", beside, there));
    const char *laid = "{\"type\":\"MultiPolygon\",\"coordinates\":[[[[0,0],[2,0],[2,4],[0,4],[0,0]]],[[[1,0],[4,0],[4,"
                       "4],[1,4],[1,0]]]]}";
    assert_true(matches(&a, "equals", laid, UNIT) && !matches(&a, "overlaps", laid, UNIT));
    assert_true(matches(&a, "within", laid, "{\"type\":\"LineString\",\"coordinates\":[[0.5,1],[3,2]]}"));
    assert_true(matches(&a, "disjoint", tie, "{\"type\":\"Point\",\"coordinates\":[2,1]}"));
    assert_true(matches(&a, "contains", "{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[2,2],[0,4],[0,0]]]}", UNIT));
    jd_arena_fini(&a);
    uint64_t r = 12;
    jd_buf b = {0}, c = {0};
    judge j = judge_open();
    size_t yes[NRELS] = {0}, crossed = 0;
    for (int i = 0; i < 600; i++) {
        jd_arena_init(&a);
        b.n = 0;
        jd_buf_z(&b, "{\"type\":\"Polygon\",\"coordinates\":[");
        put_list(&b, &r, (span){10, 10, 4, 1e-6}, 4 + rnd_to(&r, 5));
        jd_buf_printf(&b, "]}");
        char *first = strchr(b.p, '[') + 2, *end = strchr(first, ']');
        jd_str again = jd_arena_printf(&a, ",%.*s]]}", (int)(end - first + 1), first);
        b.n -= 3; /* the ring is closed by its first position */
        jd_buf_str(&b, again);
        jd_buf_c(&b, 0);
        jd_shape *t = random_shape(&a, &c, &r, (jd_geotype)(i % 6), (span){10, 10, i % 5 + 0.2, 1e-6});
        GEOSGeometry *raw = judge_read(&j, b.p), *g = GEOSMakeValid_r(j.h, raw), *h = judge_read(&j, c.p);
        crossed += GEOSisValid_r(j.h, raw) == 0;
        for (int rel = 0; rel < NRELS; rel++) {
            jd_geoq *q = query(&a, rel_names[rel], b.p);
            int is = jd_geoq_test(q, t), should = geos_says(&j, rel, g, h);
            if (is != should) fail_msg("%s %s %s: %d, GEOS %d", c.p, rel_names[rel], b.p, is, should);
            yes[rel] += should == 1;
            jd_geoq_fini(q);
        }
        GEOSGeom_destroy_r(j.h, raw);
        GEOSGeom_destroy_r(j.h, g);
        GEOSGeom_destroy_r(j.h, h);
        jd_arena_fini(&a);
    }
    assert_true(crossed > 250 && yes[0] > 50 && yes[2] > 10 && yes[4] > 150 && yes[5] > 25);
    judge_close(&j);
    jd_buf_fini(&b);
    jd_buf_fini(&c);
}

/* ---- threads ---- */

enum { TARGETS = 300, THREADS = 6 };
typedef struct crew {
    jd_geoq *q[NRELS];
    jd_shape *target[TARGETS];
    unsigned char should[NRELS][TARGETS];
    int wrong[THREADS];
} crew;
typedef struct hand {
    crew *c;
    int number;
    pthread_t id;
} hand;

static void *ask_all(void *p) {
    hand *h = p;
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < TARGETS; i++) {
            int at = (i * 7 + h->number * 41) % TARGETS, rel = (i + h->number) % NRELS;
            if (jd_geoq_test(h->c->q[rel], h->c->target[at]) != h->c->should[rel][at]) h->c->wrong[h->number]++;
        }
    return NULL;
}

static void many_threads_ask_one_query(void **state) {
    (void)state;
    uint64_t r = 4;
    jd_arena a;
    jd_arena_init(&a);
    jd_buf b = {0}, c = {0};
    crew *all = jd_xcalloc(1, sizeof *all);
    random_shape(&a, &b, &r, JD_POLYGON, (span){10, 10, 5, 0.01});
    for (int i = 0; i < TARGETS; i++)
        all->target[i] = random_shape(&a, &c, &r, (jd_geotype)(i % 6), (span){10 + i % 5, 10, 3, 0.01});
    for (int rel = 0; rel < NRELS; rel++) {
        jd_geoq *alone = query(&a, rel_names[rel], b.p);
        for (int i = 0; i < TARGETS; i++) all->should[rel][i] = (unsigned char)jd_geoq_test(alone, all->target[i]);
        jd_geoq_fini(alone);
        all->q[rel] = query(&a, rel_names[rel], b.p); /* a fresh one: the threads prepare it */
    }
    hand hands[THREADS];
    for (int i = 0; i < THREADS; i++) {
        hands[i] = (hand){.c = all, .number = i};
        assert_int_equal(pthread_create(&hands[i].id, NULL, ask_all, &hands[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(hands[i].id, NULL);
    for (int i = 0; i < THREADS; i++) assert_int_equal(all->wrong[i], 0);
    for (int rel = 0; rel < NRELS; rel++) jd_geoq_fini(all->q[rel]); /* by another thread than those that prepared */
    free(all);
    jd_buf_fini(&b);
    jd_buf_fini(&c);
    jd_arena_fini(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken),
        cmocka_unit_test(georel_refusals),
        cmocka_unit_test(geometry_refusals),
        cmocka_unit_test(every_relation_is_what_geos_says),
        cmocka_unit_test(shapes_at_hand),
        cmocka_unit_test(direction),
        cmocka_unit_test(near),
        cmocka_unit_test(near_agrees_with_distance),
        cmocka_unit_test(collections),
        cmocka_unit_test(collections_of_one_kind),
        cmocka_unit_test(tangles),
        cmocka_unit_test(polygons_that_cross_themselves),
        cmocka_unit_test(many_threads_ask_one_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Real boundaries: the six districts of Zhenjiang and their neighbours, when the data is there. */
#include "geo_test.h"

typedef struct area {
    char name[40];
    const jd_jval *geometry;
    jd_shape *shape; /* NULL when it was refused */
} area;

typedef struct map {
    jd_arena a;
    char *text;
    jd_jval json;
    size_t n, refused;
    area *areas;
} map;

static int load(map *m, const char *file) {
    size_t n;
    m->text = shared_file(file, &n);
    if (!m->text) return 0;
    jd_arena_init(&m->a);
    jd_err err = {0};
    if (jd_json_parse(&m->a, (jd_str){m->text, n}, NULL, &m->json, &err)) fail_msg("%s: %s", file, err.en);
    const jd_jval *features = jd_jget(&m->json, "features");
    assert_non_null(features);
    m->n = features->n;
    m->refused = 0;
    m->areas = JD_NEWN(&m->a, area, m->n);
    for (size_t i = 0; i < m->n; i++) {
        const jd_jval *f = &features->items[i], *name = jd_jget(jd_jget(f, "properties"), "name");
        area *to = &m->areas[i];
        if (name) snprintf(to->name, sizeof to->name, "%.*s", JD_STR_ARG(jd_jstr(name)));
        to->geometry = jd_jget(f, "geometry");
        if (jd_shape_read(&m->a, to->geometry, &to->shape, &err) == 0) continue;
        assert_string_equal(err.en, "the polygon's edges cross");
        assert_memory_equal(err.place, "coordinates[0][0][", 18);
        m->refused++;
    }
    return 1;
}
static void unload(map *m) {
    jd_arena_fini(&m->a);
    free(m->text);
}
static const area *named(const map *m, const char *name) {
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->areas[i].name, name) == 0) return &m->areas[i];
    fail_msg("no %s", name);
    return NULL;
}

static void absent(void) {
    printf("skipped: the geodata is not here\n");
    skip();
}

static void boundaries_are_read(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t refused; /* two districts of Nanjing cross themselves by some metres */
    } files[] = {{"data/geo/zhenjiang-districts.wgs84.geojson", 0},  {"data/geo/zhenjiang-districts.gcj02.geojson", 0},
                 {"data/geo/neighbours-districts.wgs84.geojson", 2}, {"data/geo/jiangsu-cities.wgs84.geojson", 0},
                 {"data/geo/zhenjiang-city.wgs84.geojson", 0},       {"data/geo/water-ne10m.wgs84.geojson", 0},
                 {"data/geo/yangtze-axis.derived.wgs84.geojson", 0}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        map m;
        if (!load(&m, files[i].name)) absent();
        assert_true(m.n > 0);
        assert_int_equal(m.refused, files[i].refused);
        unload(&m);
    }
}

/* Where a point is, told three ways: the fast path, "contains" the other way round, and GEOS. */
static void points_fall_into_one_district(void **state) {
    (void)state;
    map m;
    if (!load(&m, "data/geo/zhenjiang-districts.wgs84.geojson")) absent();
    assert_int_equal(m.n, 6);
    judge j = judge_open();
    GEOSGeometry *g[6];
    jd_geoq *q[6];
    jd_err err;
    for (size_t i = 0; i < 6; i++) {
        jd_buf b = {0};
        jd_json_write(&b, m.areas[i].geometry);
        jd_buf_c(&b, 0);
        g[i] = judge_read(&j, b.p);
        jd_buf_fini(&b);
        assert_int_equal(jd_geoq_compile(&m.a, JD_STR("within"), m.areas[i].geometry, &q[i], &err), 0);
    }
    uint64_t r = 6;
    int inside = 0, twice = 0;
    for (int k = 0; k < 3000; k++) {
        double x = rnd_in(&r, 118.9, 120.1), y = rnd_in(&r, 31.6, 32.35);
        jd_arena_mark mark = jd_arena_tell(&m.a);
        jd_shape *p = jd_shape_make_point(&m.a, x, y);
        GEOSGeometry *gp = GEOSGeom_createPointFromXY_r(j.h, x, y);
        int in = 0;
        for (size_t i = 0; i < 6; i++) {
            int fast = jd_geoq_test(q[i], p);
            assert_int_equal(fast, GEOSWithin_r(j.h, gp, g[i]));
            assert_int_equal(fast, geo__locate(m.areas[i].shape, (geo__pos){x, y}) == GEO__INSIDE);
            in += fast;
        }
        inside += in > 0;
        twice += in > 1;
        GEOSGeom_destroy_r(j.h, gp);
        jd_arena_rewind(&m.a, mark);
    }
    assert_true(inside > 800 && inside < 2500);
    assert_true(twice <= 3); /* the borders agree but for slivers */
    for (size_t i = 0; i < 6; i++) {
        GEOSGeom_destroy_r(j.h, g[i]);
        jd_geoq_fini(q[i]);
    }
    judge_close(&j);
    unload(&m);
}

static void places_are_where_they_are(void **state) {
    (void)state;
    map m;
    if (!load(&m, "data/geo/zhenjiang-districts.wgs84.geojson")) absent();
    static const struct {
        double x, y;
        const char *district;
    } at[] = {{119.4306, 32.2156, "润州区"},
              /* Jinshan */ {119.5750, 31.9900, "丹阳市"},
              {119.1650, 31.9450, "句容市"},
              {119.8100, 32.2300, "扬中市"}};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        for (size_t k = 0; k < m.n; k++)
            assert_int_equal(geo__locate(m.areas[k].shape, (geo__pos){at[i].x, at[i].y}) == GEO__INSIDE,
                             strcmp(m.areas[k].name, at[i].district) == 0);
    jd_shape *danyang = named(&m, "丹阳市")->shape, *jurong = named(&m, "句容市")->shape,
             *yangzhong = named(&m, "扬中市")->shape;
    assert_true(jd_shape_distance(danyang, named(&m, "丹徒区")->shape) == 0); /* neighbours */
    double between = jd_shape_distance(danyang, jurong);                      /* a tongue of Dantu */
    assert_true(between > 3500 && between < 4200);
    double over = jd_shape_distance(jurong, yangzhong);
    assert_true(over > 20000 && over < 60000);
    jd_shape *p = jd_shape_make_point(&m.a, 119.5750, 31.99);
    assert_true(jd_shape_distance(danyang, p) == 0 && jd_shape_distance(jurong, p) > 5000);
    unload(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boundaries_are_read),
        cmocka_unit_test(points_fall_into_one_district),
        cmocka_unit_test(places_are_where_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* GCJ-02 and BD-09 against vectors that another implementation made, and against themselves. */
#include "geo_test.h"

static int abroad(double lon, double lat) {
    return lon < 72.004 || lon > 137.8347 || lat < 0.8293 || lat > 55.8271;
}

static void vectors(void **state) {
    (void)state;
    size_t n;
    char *text = shared_file("data/geo/coord-vectors.csv", &n);
    if (!text) {
        printf("skipped: data/geo/coord-vectors.csv is not here\n");
        skip();
    }
    int rows = 0;
    for (char *line = strchr(text, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
        double w[2], g[2], b[2], x, y;
        if (sscanf(line + 1, "%lf,%lf,%lf,%lf,%lf,%lf", &w[0], &w[1], &g[0], &g[1], &b[0], &b[1]) != 6) break;
        rows++;
        jd_wgs84_to_gcj02(w[0], w[1], &x, &y);
        assert_near(x, g[0], 1e-9);
        assert_near(y, g[1], 1e-9);
        jd_gcj02_to_wgs84(g[0], g[1], &x, &y);
        assert_near(x, w[0], 2e-9); /* the vector has nine digits */
        assert_near(y, w[1], 2e-9);
        jd_gcj02_to_bd09(g[0], g[1], &x, &y);
        if (abroad(g[0], g[1])) { /* the vectors shift by BD-09 abroad, too; Baidu serves WGS84 there */
            assert_true(x == g[0] && y == g[1]);
            continue;
        }
        assert_near(x, b[0], 1e-9);
        assert_near(y, b[1], 1e-9);
        jd_bd09_to_gcj02(b[0], b[1], &x, &y);
        assert_near(x, g[0], 2e-9);
        assert_near(y, g[1], 2e-9);
    }
    assert_true(rows >= 50);
    free(text);
}

static void known_places(void **state) {
    (void)state;
    double x, y;
    jd_wgs84_to_gcj02(119.4556, 32.2044, &x, &y); /* Zhenjiang: some 510 m east, 210 m south */
    assert_near((x - 119.4556) * 94100, 506, 5);
    assert_near((y - 32.2044) * 111195, -214, 5);
    jd_wgs84_to_gcj02(-0.1276, 51.5072, &x, &y);
    assert_true(x == -0.1276 && y == 51.5072);
    jd_gcj02_to_wgs84(180, -90, &x, &y);
    assert_true(x == 180 && y == -90);
    jd_bd09_to_gcj02(2.35, 48.85, &x, &y);
    assert_true(x == 2.35 && y == 48.85);
}

static void there_and_back(void **state) {
    (void)state;
    uint64_t r = 7;
    int shifted = 0;
    for (int i = 0; i < 20000; i++) {
        double lon = rnd_in(&r, 73, 137), lat = rnd_in(&r, 1, 55), x, y, u, v;
        jd_wgs84_to_gcj02(lon, lat, &x, &y);
        shifted += geo__metres((geo__pos){lon, lat}, (geo__pos){x, y}) > 100;
        jd_gcj02_to_wgs84(x, y, &u, &v);
        assert_near(u, lon, 1e-10);
        assert_near(v, lat, 1e-10);
        jd_gcj02_to_bd09(lon, lat, &x, &y);
        jd_bd09_to_gcj02(x, y, &u, &v);
        assert_near(u, lon, 1e-10);
        assert_near(v, lat, 1e-10);
    }
    assert_true(shifted > 18000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(known_places),
        cmocka_unit_test(there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* GCJ-02, the coordinates that maps in China must show, and BD-09, Baidu's shift on top of it. The offset of GCJ-02 is
 * a sum of sines on the Krasovsky ellipsoid, as its published implementations have it; BD-09 is a constant and a
 * ripple. Abroad both are WGS84. The ways back are fixed-point iterations: an error shrinks at least fiftyfold a step.
 */
#include "geo/geo_int.h"

#include <math.h>

enum { STEPS = 8 };

static int in_china(double lon, double lat) { /* the rectangle beyond which nothing is shifted */
    return lon >= 72.004 && lon <= 137.8347 && lat >= 0.8293 && lat <= 55.8271;
}

/* Two waves of one axis, in metres. */
static double pair(double v, double first, double a, double second, double b) {
    return (a * sin(v * first) + b * sin(v * second)) * 2 / 3;
}

/* GCJ-02 minus WGS84 at a WGS84 position, in degrees. */
static void offset(double lon, double lat, double *dlon, double *dlat) {
    static const double axis = 6378245.0, ee = 0.00669342162296594323;
    double x = lon - 105, y = lat - 35, root = sqrt(fabs(x)), ripple = pair(x, 6 * M_PI, 20, 2 * M_PI, 20);
    double north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + ripple +
                   pair(y, M_PI, 20, M_PI / 3, 40) + pair(y, M_PI / 12, 160, M_PI / 30, 320);
    double east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + ripple + pair(x, M_PI, 20, M_PI / 3, 40) +
                  pair(x, M_PI / 12, 150, M_PI / 30, 300);
    double phi = lat * M_PI / 180, m = 1 - ee * sin(phi) * sin(phi), rm = sqrt(m);
    *dlat = north * 180 / (axis * (1 - ee) / (m * rm) * M_PI);
    *dlon = east * 180 / (axis / rm * cos(phi) * M_PI);
}

void jd_wgs84_to_gcj02(double lon, double lat, double *out_lon, double *out_lat) {
    double dlon = 0, dlat = 0;
    if (in_china(lon, lat)) offset(lon, lat, &dlon, &dlat);
    *out_lon = lon + dlon;
    *out_lat = lat + dlat;
}

void jd_gcj02_to_wgs84(double lon, double lat, double *out_lon, double *out_lat) {
    double dlon = 0, dlat = 0;
    for (int i = 0; i < STEPS && in_china(lon, lat); i++) offset(lon - dlon, lat - dlat, &dlon, &dlat);
    *out_lon = lon - dlon;
    *out_lat = lat - dlat;
}

static void baidu(double lon, double lat, double *out_lon, double *out_lat) {
    static const double k = M_PI * 3000 / 180;
    double r = sqrt(lon * lon + lat * lat) + 0.00002 * sin(lat * k), angle = atan2(lat, lon) + 0.000003 * cos(lon * k);
    *out_lon = r * cos(angle) + 0.0065;
    *out_lat = r * sin(angle) + 0.006;
}

void jd_gcj02_to_bd09(double lon, double lat, double *out_lon, double *out_lat) {
    *out_lon = lon;
    *out_lat = lat;
    if (in_china(lon, lat)) baidu(lon, lat, out_lon, out_lat);
}

void jd_bd09_to_gcj02(double lon, double lat, double *out_lon, double *out_lat) {
    double x = lon, y = lat;
    for (int i = 0; i < STEPS && in_china(lon, lat); i++) {
        double bx, by;
        baidu(x, y, &bx, &by);
        x += lon - bx;
        y += lat - by;
    }
    *out_lon = x;
    *out_lat = y;
}

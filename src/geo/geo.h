/* geo/geo.h - shapes on the earth: GeoJSON geometries (RFC 7946), the NGSI-LD geo-queries on them (GS CIM 009 clause
 * 4.10), an index of boxes, distances, and the Chinese coordinate systems.
 * Coordinates are WGS84 longitude, latitude [, altitude] in degrees and metres. Distances are metres on the sphere
 * of radius 6371008.8 m. Threads: everything here may be called from any thread on its own objects. */
#ifndef JD_GEO_GEO_H
#define JD_GEO_GEO_H
#include "base/err.h"
#include "json/json.h"

typedef enum jd_geotype {
    JD_POINT,
    JD_MULTIPOINT,
    JD_LINESTRING,
    JD_MULTILINESTRING,
    JD_POLYGON,
    JD_MULTIPOLYGON,
    JD_GEOMETRYCOLLECTION
} jd_geotype;

typedef struct jd_box {
    double w, s, e, n; /* west <= east unless it crosses the antimeridian, which shapes here never do */
} jd_box;

typedef struct jd_shape jd_shape; /* lives in the arena it was made in */

/* Positions that one shape may have, and one geo-query. */
enum { JD_SHAPE_POSITIONS_MAX = 100000, JD_GEOQ_POSITIONS_MAX = 10000 };

/* Checks and reads a GeoJSON geometry: type, nesting and number of positions per kind, closed rings of at least four
 * positions, finite numbers, longitude in [-180,180], latitude in [-90,90], polygons valid as OGC simple features
 * (rings that neither cross nor touch themselves, holes inside, members of a MultiPolygon apart). Altitude is checked
 * and dropped. Errors are JD_E_BAD_REQUEST_DATA with the place ("coordinates[0][3]"). */
int jd_shape_read(jd_arena *a, const jd_jval *geometry, jd_shape **out, jd_err *err);
/* The same without the check of polygons, which costs more than all the rest: for stored documents and for what askers
 * give (the ETSI suite stores and asks about polygons that cross themselves, 019_11). Where such a polygon crosses
 * itself, what an odd number of its turns surrounds is its area; members that lie over each other are their union. */
int jd_shape_reread(jd_arena *a, const jd_jval *geometry, jd_shape **out, jd_err *err);
jd_shape *jd_shape_make_point(jd_arena *a, double lon, double lat); /* finite and in range: the caller has checked */
jd_geotype jd_shape_type(const jd_shape *s);
jd_box jd_shape_box(const jd_shape *s);
int jd_shape_point(const jd_shape *s, double *lon, double *lat); /* 1 and the position when it is a Point, else 0 */
/* Least distance between two shapes in metres; 0 when they touch. Edges are straight in longitude and latitude. */
double jd_shape_distance(const jd_shape *a, const jd_shape *b);
/* The relations of geo-queries (below) between two shapes at hand; 1 or 0. jd_shape_within: is all of a within b, and
 * not only in its border? -1: it cannot be told (in bounded time, or two collections of more than one member). */
int jd_shape_intersects(const jd_shape *a, const jd_shape *b);
int jd_shape_within(const jd_shape *a, const jd_shape *b);

/* A compiled geo-query: georel (near;maxDistance==N | near;minDistance==N | within | contains | overlaps | intersects |
 * equals | disjoint), geometry kind and coordinates. It reads "entity georel geometry", as OGC simple features define
 * it: a point on the border of a polygon intersects it and is not within it. N is in metres and above zero. A
 * collection, a line of no length or more than JD_GEOQ_POSITIONS_MAX positions are refused. Immutable once made; usable
 * from many threads at once. Fails: JD_E_BAD_REQUEST_DATA with the place ("georel, column 19", "coordinates[0]",
 * "geometry"); JD_E_TOO_COMPLEX_QUERY. */
typedef struct jd_geoq jd_geoq;
int jd_geoq_compile(jd_arena *a, jd_str georel, const jd_jval *geometry, jd_geoq **out, jd_err *err);
/* From URL parameters: geometry is the kind's name, coordinates the JSON text of the array. */
int jd_geoq_compile_params(jd_arena *a, jd_str georel, jd_str geometry, jd_str coordinates, jd_geoq **out, jd_err *err);
/* "within" a shape at hand, prepared for many targets; the shape must outlive it. NULL: a collection cannot be asked
 * about. */
jd_geoq *jd_geoq_within(jd_arena *a, const jd_shape *shape);
/* Frees what the query holds outside its arena (prepared geometries). */
void jd_geoq_fini(jd_geoq *q);
/* 1 when the target entity's shape matches. A relation that cannot be worked out in bounded time (lines that cross
 * themselves some hundred thousand times, against lines) counts as no match. */
int jd_geoq_test(const jd_geoq *q, const jd_shape *target);
/* Boxes outside which nothing can match: writes up to 2 (a near query may cross the antimeridian), returns how many;
 * 0 when the query cannot be bounded (disjoint, minDistance). */
int jd_geoq_boxes(const jd_geoq *q, jd_box out[2]);
/* Distance from the query's own geometry, for ordering. */
double jd_geoq_distance(const jd_geoq *q, const jd_shape *target);

/* Index of (serial, box). One writer or many readers at a time: the caller's lock. A serial may stand with several
 * boxes; removing needs the box it was added with. It may offer too much, never too little. */
typedef struct jd_geoindex jd_geoindex;
jd_geoindex *jd_geoindex_create(void);
void jd_geoindex_destroy(jd_geoindex *g);
void jd_geoindex_add(jd_geoindex *g, uint32_t serial, jd_box box);
void jd_geoindex_remove(jd_geoindex *g, uint32_t serial, jd_box box);
typedef struct jd_u32s {
    uint32_t *p; /* malloc'ed; the caller frees */
    size_t n, cap;
} jd_u32s;
/* Appends every serial whose box touches `box`; unsorted, may repeat. 0; or -1 when out would hold more than `max`,
 * which it then holds. */
int jd_geoindex_search(const jd_geoindex *g, jd_box box, jd_u32s *out, size_t max);
size_t jd_geoindex_estimate(const jd_geoindex *g, jd_box box); /* a cheap guess at the number of hits */
size_t jd_geoindex_bytes(const jd_geoindex *g);                /* memory held */

/* Chinese coordinate systems (GB 20263 era offsets). Outside China's rectangle (72.004 to 137.8347 E, 0.8293 to 55.8271
 * N) they return the input, BD-09 as well: Baidu serves WGS84 abroad. The ways back are iterated, error < 1e-9 degrees.
 */
void jd_wgs84_to_gcj02(double lon, double lat, double *out_lon, double *out_lat);
void jd_gcj02_to_wgs84(double lon, double lat, double *out_lon, double *out_lat);
void jd_gcj02_to_bd09(double lon, double lat, double *out_lon, double *out_lat);
void jd_bd09_to_gcj02(double lon, double lat, double *out_lon, double *out_lat);
#endif

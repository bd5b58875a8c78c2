/* bench/history_city.h - readings of a city of any size, generated from real ones: the hourly air-quality series of the
 * air set, shifted in time by whole days, scaled or offset per copy, with noise of a few last digits per reading from a
 * seeded generator, so that no two copies are alike. Gaps stay gaps. The same numbers for every store. */
#ifndef JD_BENCH_HISTORY_CITY_H
#define JD_BENCH_HISTORY_CITY_H
#include "history_sets.h"

enum { CITY_ATTRS = 11, CITY_YEAR = 8784, CITY_ENTITIES = 1000 }; /* the real year has 8,784 hours */
#define CITY_BEGIN 1672531200                                     /* 2023-01-01T00:00:00Z */
#define CITY_TYPE "AirQualityObserved"
#define CITY_ID "urn:ngsi-ld:AirQualityObserved:city:"

typedef struct city {
    uint32_t entities, hours; /* series: entities * CITY_ATTRS */
    const char *attr[CITY_ATTRS];
    int32_t *base; /* [station][attr][hour], in steps; INT32_MIN: a gap */
} city;

/* entities: CITY_ENTITIES, or fewer where `readings` does not fill a year of so many; hours: as many as it takes. */
int city_make(city *c, uint64_t readings, const char *folder); /* 0, or -1: the air set is not there */
void city_free(city *c);
/* A reading as it is written, "12.3"; 0: a gap. Returns its length. */
enum { CITY_TEXT = 16 };
size_t city_value(const city *c, uint32_t entity, uint32_t attr, uint32_t hour, char out[CITY_TEXT]);
uint64_t city_readings(const city *c, uint32_t from_hour, uint32_t to_hour); /* counts them */
size_t city_time(uint32_t hour, char out[JD_TIME_TEXT_MAX]);

/* Entity `e` as EntityTemporal with the hours from..to-1 (a JSON object); returns its readings. */
uint64_t city_temporal(const city *c, uint32_t e, uint32_t from, uint32_t to, jd_buf *out);
/* The same as lines of InfluxDB's protocol: all attributes of an hour in one line, or one attribute a line. */
uint64_t city_lines(const city *c, uint32_t e, uint32_t from, uint32_t to, int one_a_line, jd_buf *out);
/* The same as rows of COPY (series, time, value); series = entity * CITY_ATTRS + attr. */
uint64_t city_rows(const city *c, uint32_t e, uint32_t from, uint32_t to, jd_buf *out);
#endif

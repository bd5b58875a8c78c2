/* base/zone.h - zones of the IANA data base (ICU's copy): what the wall clock of a place shows.
 * A zone is a table of the stretches between two changes of its clock, made when it is opened and never changed after:
 * any thread may ask it, and asking neither allocates nor waits. */
#ifndef JD_BASE_ZONE_H
#define JD_BASE_ZONE_H
#include "base/clock.h"

typedef struct jd_zone jd_zone;
/* A name ("Asia/Shanghai"); with offsets_too also "Z", "GMT", "+08:00", "+0800", "-8". NULL: there is no such zone. */
jd_zone *jd_zone_open(jd_str name, int offsets_too);
void jd_zone_close(jd_zone *z); /* NULL is fine */
/* Microseconds that its clock is before UTC's. */
int64_t jd_zone_offset(const jd_zone *z, jd_time t);

typedef enum jd_wall { JD_WALL_ONCE, JD_WALL_TWICE, JD_WALL_NEVER } jd_wall;
/* The instant (or both, the earlier first) at which the clock showed `local`, microseconds counted as if it were UTC.
 * NEVER: the clock was set forward over it; *first is then what it showed had it been set forward just before, and
 * *second when it was set forward. */
jd_wall jd_zone_instant(const jd_zone *z, int64_t local, jd_time *first, jd_time *second);
#endif

/* people/wording.h - what a notification says to people: its entities as a text, and templates that are filled from
 * them. Pure functions on JSON; nobody's lock. */
#ifndef JD_PEOPLE_WORDING_H
#define JD_PEOPLE_WORDING_H
#include "told/told.h"

typedef struct wording {      /* of one notification; all of it in the arena that it was read into */
    const jd_jval *const *of; /* the entities (of GeoJSON: the features) */
    uint32_t n;
    jd_jval whole;
} wording;
/* The notification's body, read. What cannot be read is one of no entities. */
void wording_read(wording *w, jd_str body, jd_arena *a);
/* The id of its first entity; p NULL: it has none. */
jd_str wording_about(const wording *w);
/* What is said when nobody says otherwise: a line an entity, with the watched attributes (else those of q, else the
 * first ones), their values and units: "urn:x:RiverGauge:1: waterLevel 8.42 m". At most `max` bytes. */
jd_str wording_text(const wording *w, const jd_told_handed *h, int zh, size_t max, jd_arena *a);
/* A template, filled from the first entity: {{ATTRIBUTE}}, {{ATTRIBUTE.unit}}, {{id}}, {{type}}, {{count}} (entities in
 * the notification). What the entity does not have is "-". At most `max` bytes. */
jd_str wording_fill(const wording *w, jd_str text, int zh, size_t max, jd_arena *a);
/* May that template stand in receiverInfo? 0, or -1 with the member's place: braces that are not closed, what is no
 * name, an attribute that the notification leaves out. */
int wording_check(const jd_told_handed *h, const char *key, jd_err *err);
#endif

/* rule/cap.h - messages of the Common Alerting Protocol 1.2 (OASIS, 1 July 2010) as XML, in and out.
 * Pure functions; what they give lives in the arena. */
#ifndef JD_RULE_CAP_H
#define JD_RULE_CAP_H
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

enum { /* of what is read; more is refused */
       JD_CAP_BYTES_MAX = 1 << 20,
       JD_CAP_INFOS_MAX = 100,      /* of a message */
       JD_CAP_AREAS_MAX = 1000,     /* of an info */
       JD_CAP_LIST_MAX = 10000,     /* of any other list: codes, parameters, geocodes, polygons ... */
       JD_CAP_SIGNATURE_DEPTH = 32, /* elements within each other in what is skipped */
};

typedef struct jd_cap_pair {
    jd_str name, value;
} jd_cap_pair;
typedef struct jd_cap_resource { /* 3.2.3; p NULL: absent */
    jd_str desc, mime_type;
    jd_str size; /* bytes, as written */
    jd_str uri, deref_uri, digest;
} jd_cap_resource;
typedef struct jd_cap_area { /* 3.2.4 */
    jd_str desc;
    const jd_str *polygons, *circles; /* as written: "lat,lon lat,lon ..."; "lat,lon radius-km" */
    size_t polygons_n, circles_n;
    const jd_cap_pair *geocodes;
    size_t geocodes_n;
    jd_str altitude, ceiling; /* feet above mean sea level, as written; p NULL: absent */
} jd_cap_area;
typedef struct jd_cap_info {  /* 3.2.2; p NULL: absent */
    jd_str language;          /* RFC 3066; absent or empty means en-US */
    const jd_str *categories; /* Geo Met Safety Security Rescue Fire Health Env Transport Infra CBRNE Other */
    size_t categories_n;
    jd_str event;
    const jd_str *responses;
    size_t responses_n;
    jd_str urgency, severity, certainty;
    jd_time effective, onset, expires; /* JD_TIME_NONE: absent */
    jd_str sender_name, headline, description, instruction, web, contact, audience;
    const jd_cap_pair *event_codes, *parameters;
    size_t event_codes_n, parameters_n;
    const jd_cap_resource *resources;
    size_t resources_n;
    const jd_cap_area *areas;
    size_t areas_n;
} jd_cap_info;
typedef struct jd_cap { /* 3.2.1 */
    jd_str identifier, sender;
    jd_time sent;
    jd_str status, msg_type, source, scope, restriction, addresses, note, references, incidents;
    const jd_str *codes;
    size_t codes_n;
    const jd_cap_info *infos;
    size_t infos_n;
} jd_cap;
/* Appends the XML: UTF-8, elements in the schema's order, what is absent left out. Times are written in UTC as 3.3.2
 * asks, "2002-05-24T16:49:00-00:00", of the years 1 to 9999, cut to the second. A character that XML does not hold, and
 * bytes that are no UTF-8, become U+FFFD. The values are not checked: jd_cap_read says what is wrong with a message. */
void jd_cap_write(const jd_cap *c, jd_buf *out);
/* Reads one message and checks it by the schema (3.4) and by what the tables of 3.2 say beside it. An element that is
 * there and empty has p not NULL and n 0. Update, Cancel, Ack and Error must name an earlier message, because 3.2.1
 * defines them by it. A signature (3.3.4) is skipped, NOT verified. XML may be UTF-8, UTF-16,
 * ISO-8859-1 or US-ASCII, texts come as UTF-8; a DOCTYPE is refused, so that there are no entities but XML's own five.
 * JD_E_BAD_REQUEST_DATA: the element's path and the line ("info[1].area[0].polygon, line 40"); *out is untouched then.
 * JD_E_TOO_LARGE: more than JD_CAP_BYTES_MAX. */
int jd_cap_read(jd_str xml, jd_arena *a, jd_cap *out, jd_err *err);
#endif

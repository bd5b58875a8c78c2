/* rule/cap.h - messages of the Common Alerting Protocol 1.2 (OASIS, 1 July 2010) as XML, in and out.
 * Pure functions; what they give lives in the arena. */
#ifndef JD_RULE_CAP_H
#define JD_RULE_CAP_H
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

typedef struct jd_cap_pair {
    jd_str name, value;
} jd_cap_pair;
typedef struct jd_cap_area { /* 3.2.4 */
    jd_str desc;
    const jd_str *polygons, *circles; /* as written: "lat,lon lat,lon ..."; "lat,lon radius-km" */
    size_t polygons_n, circles_n;
    const jd_cap_pair *geocodes;
    size_t geocodes_n;
} jd_cap_area;
typedef struct jd_cap_info { /* 3.2.2; p NULL: absent */
    jd_str language;
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
/* Appends the XML. Times are written in UTC as 3.3.2 asks ("2002-05-24T16:49:00-00:00"). */
void jd_cap_write(const jd_cap *c, jd_buf *out);
/* Reads and checks one message, at most 1 MiB. JD_E_BAD_REQUEST_DATA: the element's path and the line
 * ("info[1].area[0].polygon, line 40"). */
int jd_cap_read(jd_str xml, jd_arena *a, jd_cap *out, jd_err *err);
#endif

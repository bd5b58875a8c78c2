#include "rule/cap_form.h"

#include <stddef.h>

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define ONE(S, name, member, kind, needed) \
    { name, kind, needed, 1, offsetof(S, member), 0, NULL, NULL }
#define ONE_OF(S, name, member, ...) \
    { name, CAP__WORD, 1, 1, offsetof(S, member), 0, WORDS(__VA_ARGS__), NULL }
#define MANY(S, name, member, kind) \
    { name, kind, 0, JD_CAP_LIST_MAX, offsetof(S, member), offsetof(S, member##_n), NULL, NULL }
#define MANY_OF(S, name, member, needed, ...) \
    { name, CAP__WORD, needed, JD_CAP_LIST_MAX, offsetof(S, member), offsetof(S, member##_n), WORDS(__VA_ARGS__), NULL }
#define GROUPS(S, name, member, most, group) \
    { name, CAP__GROUP, 0, most, offsetof(S, member), offsetof(S, member##_n), NULL, group }
#define GROUP(S, rows) \
    { rows, sizeof(rows) / sizeof *(rows), sizeof(S) }

static const cap__row pair_rows[] = {
    ONE(jd_cap_pair, "valueName", name, CAP__FILLED, 1),
    ONE(jd_cap_pair, "value", value, CAP__TEXT, 1),
};
static const cap__group pair = GROUP(jd_cap_pair, pair_rows);

static const cap__row resource_rows[] = {
    ONE(jd_cap_resource, "resourceDesc", desc, CAP__FILLED, 1),
    ONE(jd_cap_resource, "mimeType", mime_type, CAP__FILLED, 1),
    ONE(jd_cap_resource, "size", size, CAP__INTEGER, 0),
    ONE(jd_cap_resource, "uri", uri, CAP__URI, 0),
    ONE(jd_cap_resource, "derefUri", deref_uri, CAP__BASE64, 0),
    ONE(jd_cap_resource, "digest", digest, CAP__TEXT, 0),
};
static const cap__group resource = GROUP(jd_cap_resource, resource_rows);

static const cap__row area_rows[] = {
    ONE(jd_cap_area, "areaDesc", desc, CAP__FILLED, 1),
    MANY(jd_cap_area, "polygon", polygons, CAP__POLYGON),
    MANY(jd_cap_area, "circle", circles, CAP__CIRCLE),
    GROUPS(jd_cap_area, "geocode", geocodes, JD_CAP_LIST_MAX, &pair),
    ONE(jd_cap_area, "altitude", altitude, CAP__DECIMAL, 0),
    ONE(jd_cap_area, "ceiling", ceiling, CAP__DECIMAL, 0),
};
static const cap__group area = GROUP(jd_cap_area, area_rows);

static const cap__row info_rows[] = {
    ONE(jd_cap_info, "language", language, CAP__LANGUAGE, 0),
    MANY_OF(jd_cap_info, "category", categories, 1, "Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health",
            "Env", "Transport", "Infra", "CBRNE", "Other"),
    ONE(jd_cap_info, "event", event, CAP__FILLED, 1),
    MANY_OF(jd_cap_info, "responseType", responses, 0, "Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor",
            "Assess", "AllClear", "None"),
    ONE_OF(jd_cap_info, "urgency", urgency, "Immediate", "Expected", "Future", "Past", "Unknown"),
    ONE_OF(jd_cap_info, "severity", severity, "Extreme", "Severe", "Moderate", "Minor", "Unknown"),
    ONE_OF(jd_cap_info, "certainty", certainty, "Observed", "Likely", "Possible", "Unlikely", "Unknown"),
    ONE(jd_cap_info, "audience", audience, CAP__TEXT, 0),
    GROUPS(jd_cap_info, "eventCode", event_codes, JD_CAP_LIST_MAX, &pair),
    ONE(jd_cap_info, "effective", effective, CAP__TIME, 0),
    ONE(jd_cap_info, "onset", onset, CAP__TIME, 0),
    ONE(jd_cap_info, "expires", expires, CAP__TIME, 0),
    ONE(jd_cap_info, "senderName", sender_name, CAP__TEXT, 0),
    ONE(jd_cap_info, "headline", headline, CAP__TEXT, 0),
    ONE(jd_cap_info, "description", description, CAP__TEXT, 0),
    ONE(jd_cap_info, "instruction", instruction, CAP__TEXT, 0),
    ONE(jd_cap_info, "web", web, CAP__LINK, 0),
    ONE(jd_cap_info, "contact", contact, CAP__TEXT, 0),
    GROUPS(jd_cap_info, "parameter", parameters, JD_CAP_LIST_MAX, &pair),
    GROUPS(jd_cap_info, "resource", resources, JD_CAP_LIST_MAX, &resource),
    GROUPS(jd_cap_info, "area", areas, JD_CAP_AREAS_MAX, &area),
};
static const cap__group info = GROUP(jd_cap_info, info_rows);

static const cap__row alert_rows[] = {
    ONE(jd_cap, "identifier", identifier, CAP__NAME, 1),
    ONE(jd_cap, "sender", sender, CAP__NAME, 1),
    ONE(jd_cap, "sent", sent, CAP__TIME, 1),
    ONE_OF(jd_cap, "status", status, "Actual", "Exercise", "System", "Test", "Draft"),
    ONE_OF(jd_cap, "msgType", msg_type, "Alert", "Update", "Cancel", "Ack", "Error"),
    ONE(jd_cap, "source", source, CAP__TEXT, 0),
    ONE_OF(jd_cap, "scope", scope, "Public", "Restricted", "Private"),
    ONE(jd_cap, "restriction", restriction, CAP__TEXT, 0),
    ONE(jd_cap, "addresses", addresses, CAP__QUOTED, 0),
    MANY(jd_cap, "code", codes, CAP__TEXT),
    ONE(jd_cap, "note", note, CAP__TEXT, 0),
    ONE(jd_cap, "references", references, CAP__REFERENCES, 0),
    ONE(jd_cap, "incidents", incidents, CAP__QUOTED, 0),
    GROUPS(jd_cap, "info", infos, JD_CAP_INFOS_MAX, &info),
};
const cap__group cap__alert = GROUP(jd_cap, alert_rows);

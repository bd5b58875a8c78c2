/* The OpenAPI 3.1 document of Jindu's own API, written from the rows of the route table. */
#include "http/door_int.h"
#include "json/json.h"

#include <ctype.h>

static const char *method_key(jd_method m) {
    switch (m) {
    case JD_GET: return "get";
    case JD_HEAD: return "head";
    case JD_POST: return "post";
    case JD_PUT: return "put";
    case JD_PATCH: return "patch";
    case JD_DELETE: return "delete";
    case JD_OPTIONS: return "options";
    }
    return "get";
}

/* get /api/links/{id}/frames -> getLinksByIdFrames */
static void operation_id(jd_buf *b, const jd_route *r) {
    jd_buf_z(b, "\"operationId\":\"");
    jd_buf_z(b, method_key(r->method));
    const char *s = r->path;
    if (!strncmp(s, "/api/", 5)) s += 4;
    int up = 1;
    for (; *s; s++) {
        if (*s == '{') {
            jd_buf_z(b, "By");
            up = 1;
        } else if (!isalnum((unsigned char)*s)) {
            up = 1;
        } else {
            jd_buf_c(b, (char)(up ? toupper((unsigned char)*s) : *s));
            up = 0;
        }
    }
    jd_buf_c(b, '"');
}

static void parameter(jd_buf *b, int *some, jd_str name, const char *in) {
    jd_buf_z(b, (*some)++ ? "," : ",\"parameters\":[");
    jd_buf_z(b, "{\"name\":");
    jd_json_write_str(b, name);
    jd_buf_printf(b, ",\"in\":\"%s\",\"required\":%s,\"schema\":{\"type\":\"string\"}}", in,
                  in[0] == 'p' ? "true" : "false");
}

static void operation(jd_buf *b, const jd_route *r) {
    jd_buf_printf(b, "\"%s\":{", method_key(r->method));
    operation_id(b, r);
    if (r->summary) {
        jd_buf_z(b, ",\"summary\":");
        jd_json_write_str(b, jd_str_of(r->summary));
    }
    int some = 0;
    for (const char *s = r->path; (s = strchr(s, '{')) != NULL; s++)
        parameter(b, &some, (jd_str){s + 1, strcspn(s + 1, "}")}, "path");
    for (const char *s = r->params ? r->params : ""; *s && strcmp(s, "*");) {
        size_t n = strcspn(s, " ");
        if (n) parameter(b, &some, (jd_str){s, n}, "query");
        s += n + (s[n] == ' ');
    }
    if (some) jd_buf_c(b, ']');
    if (r->flags & JD_R_BODY)
        jd_buf_z(b, ",\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":{}}}}");
    jd_buf_z(b, ",\"responses\":{\"2XX\":{\"description\":\"Done\"},\"default\":{\"$ref\":\"#/components/responses/"
                "Problem\"}}}");
}

static int own(const jd_route *r) {
    return (r->flags & JD_R_OWN) != 0;
}

void jd_openapi_write(jd_buf *b, const jd_route *rows, size_t n) {
    jd_buf_z(b, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Jindu\",\"version\":\"1\",\"description\":"
                "\"Jindu's own API. NGSI-LD under /ngsi-ld/v1 is specified by ETSI GS CIM 009.\"},\"paths\":{");
    int paths = 0;
    for (size_t i = 0; i < n; i++) {
        size_t first = 0;
        while (first < i && !(own(&rows[first]) && !strcmp(rows[first].path, rows[i].path))) first++;
        if (!own(&rows[i]) || first < i) continue; /* its path was written with an earlier row */
        if (paths++) jd_buf_c(b, ',');
        jd_json_write_str(b, jd_str_of(rows[i].path));
        jd_buf_z(b, ":{");
        int some = 0;
        for (size_t k = i; k < n; k++) {
            if (!own(&rows[k]) || strcmp(rows[k].path, rows[i].path) != 0) continue;
            if (some++) jd_buf_c(b, ',');
            operation(b, &rows[k]);
        }
        jd_buf_c(b, '}');
    }
    jd_buf_z(b,
             "},\"components\":{\"responses\":{\"Problem\":{\"description\":\"What went wrong (RFC 7807)\",\"content\":"
             "{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/ProblemDetails\"}}}}},"
             "\"schemas\":{\"ProblemDetails\":{\"type\":\"object\",\"required\":[\"type\",\"title\",\"status\"],"
             "\"properties\":{"
             "\"type\":{\"type\":\"string\",\"format\":\"uri\"},\"title\":{\"type\":\"string\"},\"detail\":{\"type\":"
             "\"string\"},"
             "\"status\":{\"type\":\"integer\"},\"place\":{\"type\":\"string\"}}}}}}");
}

jd_turn jd_door_openapi(jd_req *r) {
    const jd_door *d = r->conn->door;
    jd_buf_add(&r->out, d->openapi, d->openapi_n);
    r->status = 200;
    r->type = "application/json";
    jd_req_add_header(r, "Cache-Control", JD_STR("no-cache"));
    return JD_ANSWER;
}

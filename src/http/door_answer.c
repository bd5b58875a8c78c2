/* From an answered request to a response of the library, and the errors of RFC 7807. */
#include "base/log.h"
#include "http/door_int.h"
#include "json/json.h"

#include <stdlib.h>
#include <strings.h>

static const short statuses[JD_STATUSES - 1] = {200, 201, 202, 204, 206, 207, 300, 301, 302, 303, 304, 307, 308,
                                                400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414,
                                                415, 416, 417, 422, 428, 429, 431, 500, 501, 502, 503, 504, 507};

unsigned jd_status_index(int status) {
    for (unsigned i = 0; i < JD_STATUSES - 1; i++)
        if (statuses[i] == status) return i;
    return JD_STATUSES - 1;
}

int jd_status_of_index(unsigned index) {
    return index < JD_STATUSES - 1 ? statuses[index] : 0;
}

void jd_req_add_header(jd_req *r, const char *name, jd_str value) {
    if (r->headers_n == r->headers_cap) {
        size_t cap = r->headers_cap ? r->headers_cap * 2 : 8;
        jd_param *list = jd_arena_alloc(r->arena, cap * sizeof *list);
        if (r->headers_n) memcpy(list, r->headers, r->headers_n * sizeof *list);
        r->headers = list;
        r->headers_cap = cap;
    }
    r->headers[r->headers_n++] = (jd_param){jd_str_of(name), value};
}

jd_turn jd_req_fail(jd_req *r, const jd_err *err) {
    jd_buf *b = &r->out;
    b->n = 0;
    r->status = jd_err_status(err->code);
    const char *title = jd_err_title(err->code, r->zh), *detail = r->zh ? err->zh : err->en;
    if (r->route && (r->route->flags & JD_R_PLAIN_ERRORS)) {
        r->type = "text/plain; charset=utf-8";
        jd_buf_printf(b, "%s: %s%s%s\n", title, detail, err->place[0] ? " @ " : "", err->place);
    } else {
        r->type = "application/json";
        jd_buf_z(b, "{\"type\":");
        jd_json_write_str(b, jd_str_of(jd_err_uri(err->code)));
        jd_buf_z(b, ",\"title\":");
        jd_json_write_str(b, jd_str_of(title));
        jd_buf_z(b, ",\"detail\":");
        jd_json_write_str(b, jd_str_of(detail));
        jd_buf_printf(b, ",\"status\":%d", r->status);
        if (err->place[0]) {
            jd_buf_z(b, ",\"place\":");
            jd_json_write_str(b, jd_str_of(err->place));
        }
        jd_buf_c(b, '}');
    }
    if (r->status == 503) {
        size_t i = 0;
        while (i < r->headers_n && !jd_str_is(r->headers[i].name, "Retry-After")) i++;
        if (i == r->headers_n) jd_req_add_header(r, "Retry-After", JD_STR("1"));
    }
    r->conn->fixed = NULL;
    return JD_ANSWER;
}

jd_str jd_req_param(const jd_req *r, const char *name) {
    for (size_t i = 0; i < r->params_n; i++)
        if (jd_str_is(r->params[i].name, name)) return r->params[i].value;
    return (jd_str){NULL, 0};
}

jd_str jd_req_header(const jd_req *r, const char *name) {
    const jd_head *h = &r->conn->head;
    size_t n = strlen(name);
    jd_str got = {NULL, 0};
    for (unsigned i = 0; i < h->headers_n; i++) {
        const jd_param *f = &h->headers[i];
        if (f->name.n != n || strncasecmp(f->name.p, name, n) != 0) continue;
        got = got.p ? jd_arena_printf(r->arena, "%.*s, %.*s", JD_STR_ARG(got), JD_STR_ARG(f->value)) : f->value;
    }
    return got;
}

static void add(struct MHD_Response *m, const char *name, const char *value) {
    if (MHD_add_response_header(m, name, value) != MHD_YES)
        jd_log(JD_LOG_ERROR, "http.header", "name=%s the value cannot be sent", name);
}

enum MHD_Result jd_answer_send(call *c) {
    jd_req *r = &c->r;
    c->phase = CALL_ANSWERED;
    if (c->admitted) {
        c->admitted = 0;
        jd_count_sub(&c->slot->active);
    }
    if (c->fixed) return MHD_queue_response(c->mhd, (unsigned)r->status, c->fixed);
    if (r->status == 0) {
        jd_err err;
        jd_fail(&err, JD_E_INTERNAL, "the handler gave no answer", "处理程序没有给出应答");
        jd_req_fail(r, &err);
    }
    /* What most writes are answered: one response for all of them, since making and freeing one costs as much as half
     * of the rest here. */
    if (r->status == 204 && !r->out.n && !r->headers_n && !c->close)
        return MHD_queue_response(c->mhd, MHD_HTTP_NO_CONTENT, c->door->nothing);
    /* The bytes stay in r.out until the call ends, so that the buffer serves the next call too. */
    struct MHD_Response *m = MHD_create_response_from_buffer(r->out.n, r->out.p, MHD_RESPMEM_PERSISTENT);
    if (!m) return MHD_NO;
    if (r->type && r->status != 204) add(m, "Content-Type", r->type);
    for (size_t i = 0; i < r->headers_n; i++)
        add(m, r->headers[i].name.p, jd_arena_dup(r->arena, r->headers[i].value).p);
    if (c->close) add(m, "Connection", "close");
    enum MHD_Result done = MHD_queue_response(c->mhd, (unsigned)r->status, m);
    MHD_destroy_response(m);
    return done;
}

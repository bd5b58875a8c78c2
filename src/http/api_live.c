/* Live views: GET /api/live answers with events for as long as the asker stays (server-sent events, WHATWG HTML 9.2).
 * What happens then is told/live.h's; here the words of the question are read. */
#include "http/api_int.h"
#include "http/media.h"

#include <time.h>

static const char *const stream_type[] = {"text/event-stream"};
enum { EVERY_MAX_MS = 60000 };

/* A browser's EventSource can set no header, so that what elsewhere is a header may be a parameter here. */
static int tenant_of(api_ask *k) {
    jd_str name = api_param(k, "tenant");
    if (!name.p) return 0;
    if (k->tenant.n)
        return api_bad(k, "tenant", "cannot stand beside the NGSILD-Tenant header", "不能与 NGSILD-Tenant 头同时给出");
    if (!jd_tenant_name_valid(name)) return api_bad(k, "tenant", "is no name of a tenant", "不是有效的租户名");
    k->tenant_no = jd_tenant_find(k->app->engine, name);
    if (k->tenant_no >= 0) return 0;
    return jd_fail(&k->err, JD_E_NO_TENANT, "tenant %.*s does not exist", "租户 %.*s 不存在", JD_STR_ARG(name));
}

/* 0, -1, or 1: must wait. */
static int context_of(api_ask *k) {
    jd_str url = api_param(k, "context");
    if (!url.p) return 0;
    if (k->link.p) return api_bad(k, "context", "cannot stand beside a Link header", "不能与 Link 头同时给出");
    jd_context *ctx;
    int rc = jd_contexts_get_url(k->app->contexts, url, k->r->may_block, &ctx, &k->err);
    if (rc) return rc;
    jd_ctx_unref(k->ctx);
    k->ctx = ctx;
    return 0;
}

static int read_ask(api_ask *k, jd_live_ask *q) {
    jd_str ids = api_param(k, "id"), diff = api_param(k, "diff");
    uint64_t every;
    jd_str *list;
    q->tenant = k->tenant_no;
    q->ctx = k->ctx;
    q->format = k->format;
    q->sys_attrs = k->sys_attrs;
    q->type = api_param(k, "type");
    q->id_pattern = api_param(k, "idPattern");
    q->q = api_param(k, "q");
    q->scope_q = api_param(k, "scopeQ");
    q->attrs = api_param(k, "attrs");
    q->georel = api_param(k, "georel");
    q->geometry = api_param(k, "geometry");
    q->geoproperty = api_param(k, "geoproperty");
    q->coordinates = api_param(k, "coordinates");
    if (api_bool(k, "diff", &q->diff) || api_number(k, "every", 0, EVERY_MAX_MS, &every)) return -1;
    if (!diff.p) q->diff = 1;
    q->every_ms = (uint32_t)every;
    if (q->geoproperty.p) { /* is it a name at all? */
        jd_sym s;
        if (api_known_name(k, q->geoproperty, &s)) return -1;
    }
    if (ids.p) {
        if (api_uri_list(k, "id", ids, &list, &q->ids_n)) return -1;
        q->ids = list;
    }
    /* A browser that comes back sends the header, with the URL as it was at first. */
    q->last_event_id = jd_req_header(k->r, "Last-Event-ID");
    if (!q->last_event_id.p) q->last_event_id = api_param(k, "lastEventId");
    return 0;
}

static void put_date(jd_buf *b) {
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = time(NULL);
    struct tm t;
    gmtime_r(&now, &t);
    jd_buf_printf(b, "Date: %.3s, %02d %.3s %d %02d:%02d:%02d GMT\r\n", days + (t.tm_wday * 3), t.tm_mday,
                  months + (t.tm_mon * 3), t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

/* The head of an answer whose end is the end of the connection (RFC 9112 6.3). */
static jd_str head_of(api_ask *k) {
    jd_buf b = {0};
    jd_str url = jd_ctx_url(k->ctx);
    jd_buf_z(&b, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
                 "X-Accel-Buffering: no\r\nConnection: close\r\n");
    put_date(&b);
    if (k->tenant.n) jd_buf_printf(&b, "NGSILD-Tenant: %.*s\r\n", JD_STR_ARG(k->tenant));
    int plain = url.p != NULL; /* it came from a parameter, where anything can stand */
    for (size_t i = 0; plain && i < url.n; i++) plain = url.p[i] > ' ' && url.p[i] < 127 && url.p[i] != '>';
    if (plain)
        jd_buf_printf(&b,
                      "Link: <%.*s>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"\r\n",
                      JD_STR_ARG(url));
    jd_buf_z(&b, "\r\n");
    jd_str head = jd_arena_dup(k->a, jd_buf_view(&b));
    jd_buf_fini(&b);
    return head;
}

jd_turn api_live(jd_req *r) {
    jd_turn turn;
    r->status = 0;
    api_ask *k = api_begin(r, API_O_FORMAT | API_O_SYSATTRS, &turn);
    if (!k) return turn;
    if (jd_media_match(jd_req_header(r, "Accept"), stream_type, 1) < 0) {
        jd_fail(&k->err, JD_E_NOT_ACCEPTABLE, "there is text/event-stream", "可提供 text/event-stream");
        return api_fail(k);
    }
    jd_live_ask q = {0};
    int rc = tenant_of(k);
    if (!rc) rc = context_of(k);
    if (rc == 1) return api_wait(k);
    if (rc || read_ask(k, &q)) return api_fail(k);
    q.head = head_of(k);
    jd_live_reader *reader;
    if (jd_live_open(jd_told_live(k->app->told), &q, &reader, &k->err)) return api_fail(k);
    if (r->method == JD_HEAD) {
        jd_live_forget(reader);
        r->type = stream_type[0];
        return api_done(k, 200);
    }
    r->take = jd_live_take;
    r->take_user = reader;
    api_end(k);
    return JD_TAKE;
}

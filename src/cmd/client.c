#include "cmd/client.h"

#include "cmd/cmd.h"
#include "json/json.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUSY_TRIES = 8, BUSY_WAIT_US = 100000, CONNECT_MS = 10000, ANSWER_MAX = 1 << 30 };

struct cmd_client {
    CURL *curl;
    char *url;
    char *tenant; /* the whole header, or NULL */
    char why[CURL_ERROR_SIZE];
    jd_buf *out;
};

static size_t take(char *p, size_t size, size_t n, void *user) {
    cmd_client *c = user;
    if (c->out->n + size * n > ANSWER_MAX) return 0;
    jd_buf_add(c->out, p, size * n);
    return size * n;
}

static char *text(const char *first, const char *second) {
    jd_buf b = {0};
    jd_buf_z(&b, first);
    jd_buf_z(&b, second);
    jd_buf_c(&b, 0);
    return jd_buf_take(&b, NULL);
}

/* Is the host this machine? Then no proxy stands between. */
static int is_here(const char *url) {
    CURLU *u = curl_url();
    char *host = NULL;
    int here = u && !curl_url_set(u, CURLUPART_URL, url, 0) && !curl_url_get(u, CURLUPART_HOST, &host, 0) &&
               (!strcmp(host, "localhost") || !strncmp(host, "127.", 4) || !strcmp(host, "[::1]"));
    curl_free(host);
    curl_url_cleanup(u);
    return here;
}

int cmd_client_is_url(const char *url) {
    return !strncmp(url, "http://", 7) || !strncmp(url, "https://", 8);
}

cmd_client *cmd_client_open(const char *url, const char *tenant, jd_err *err) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    cmd_client *c = jd_xcalloc(1, sizeof *c);
    c->curl = curl_easy_init();
    c->url = jd_xstrdup(jd_str_of(url));
    for (size_t n = strlen(c->url); n && c->url[n - 1] == '/'; n--) c->url[n - 1] = 0;
    if (tenant) c->tenant = text("NGSILD-Tenant: ", tenant);
    if (c->curl) return c;
    cmd_client_close(c);
    jd_fail(err, JD_E_INTERNAL, "libcurl did not start", "libcurl 无法启动");
    return NULL;
}

void cmd_client_close(cmd_client *c) {
    if (!c) return;
    curl_easy_cleanup(c->curl);
    free(c->url);
    free(c->tenant);
    free(c);
}

static struct curl_slist *header(struct curl_slist *list, const char *name, const char *value, const char *tail) {
    jd_buf b = {0};
    jd_buf_printf(&b, "%s%s%s%c", name, value, tail, 0);
    struct curl_slist *more = curl_slist_append(list, b.p);
    jd_buf_fini(&b);
    return more ? more : list;
}

static CURLcode ask_once(cmd_client *c, const cmd_ask *q, const char *url, struct curl_slist *headers, long *status) {
    CURL *h = c->curl;
    curl_easy_reset(h);
    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->why);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    if (is_here(c->url)) curl_easy_setopt(h, CURLOPT_PROXY, "");
    if (q->content_type) {
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n);
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, q->body.p);
    }
    if (q->method) curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, q->method);
    c->why[0] = 0;
    CURLcode rc = curl_easy_perform(h);
    if (!rc) curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, status);
    return rc;
}

int cmd_client_ask(cmd_client *c, const cmd_ask *q, long *status, jd_buf *out, jd_err *err) {
    char *url = text(c->url, q->path);
    struct curl_slist *headers = header(NULL, "Accept: ", q->accept ? q->accept : "application/json", "");
    headers = header(headers, "Accept-Language: ", cmd_word("en", "zh"), "");
    headers = header(headers, "Expect:", "", ""); /* no round trip before a body */
    if (q->content_type) headers = header(headers, "Content-Type: ", q->content_type, "");
    if (q->link)
        headers = header(headers, "Link: <", q->link,
                         ">; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"");
    if (c->tenant) headers = header(headers, c->tenant, "", "");
    CURLcode rc = CURLE_OK;
    for (useconds_t tries = 0; tries < BUSY_TRIES; tries++) {
        out->n = 0;
        c->out = out;
        rc = ask_once(c, q, url, headers, status);
        if (rc || *status != 503 || cmd_interrupted()) break;
        usleep(BUSY_WAIT_US * (tries + 1));
    }
    if (rc)
        jd_fail(err, JD_E_INTERNAL, "cannot reach %s: %s", "无法访问 %s：%s", c->url,
                c->why[0] ? c->why : curl_easy_strerror(rc));
    curl_slist_free_all(headers);
    free(url);
    return rc ? -1 : 0;
}

int cmd_client_refused(long status, jd_str body, jd_err *err) {
    jd_arena a;
    jd_arena_init(&a);
    jd_jval v;
    jd_errcode code = status == 404 ? JD_E_NOT_FOUND : status >= 500 ? JD_E_INTERNAL : JD_E_INVALID_REQUEST;
    const jd_jval *detail = NULL, *where = NULL;
    if (body.n && !jd_json_parse(&a, body, NULL, &v, NULL)) {
        detail = jd_jget(&v, "detail");
        where = jd_jget(&v, "place");
    }
    if (detail && detail->type == JD_JSTR)
        jd_fail(err, code, "the server refuses (%ld): %.*s", "服务端拒绝（%ld）：%.*s", status, (int)detail->n,
                detail->s);
    else
        jd_fail(err, code, "the server answers with status %ld", "服务端答复状态码 %ld", status);
    if (where && where->type == JD_JSTR) jd_fail_at(err, "%.*s", (int)where->n, where->s);
    jd_arena_fini(&a);
    return -1;
}

void cmd_client_encode(jd_buf *out, const char *z) {
    for (; *z; z++) {
        unsigned char c = (unsigned char)*z;
        int plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || strchr("-._~", c) != NULL;
        if (plain)
            jd_buf_c(out, (char)c);
        else
            jd_buf_printf(out, "%%%02X", c);
    }
}

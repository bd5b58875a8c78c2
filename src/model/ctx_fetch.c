/* A remote context over HTTP: http and https only, at most 5 redirects, a ceiling on bytes and on time in all. */
#include "model/context_int.h"

#include <curl/curl.h>
#include <strings.h>

enum { REDIRECTS_MAX = 5 };

typedef struct sink {
    jd_buf *to;
    size_t max;
    int full;
} sink;

static size_t take(char *p, size_t size, size_t n, void *arg) {
    sink *s = arg;
    n *= size;
    if (n > s->max - s->to->n) {
        s->full = 1;
        return 0;
    }
    jd_buf_add(s->to, p, n);
    return n;
}

static void global_init(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int allowed(const ctx_fetch_opts *o, const char *url) {
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0) return 0;
    if (!o->allow) return 1;
    for (const char *const *p = o->allow; *p; p++)
        if (strncmp(url, *p, strlen(*p)) == 0) return 1;
    return 0;
}

/* JSON by its name, or a name that says nothing (raw file servers send text/plain). A web page is no context. */
static int media_ok(const char *type) {
    static const char *const ok[] = {"application/json", "application/ld+json",      "text/json",
                                     "text/plain",       "application/octet-stream", "binary/octet-stream"};
    if (!type || !*type) return 1;
    size_t n = strcspn(type, "; \t");
    if (n > 5 && strncasecmp(type + n - 5, "+json", 5) == 0) return 1;
    for (size_t i = 0; i < sizeof ok / sizeof ok[0]; i++)
        if (n == strlen(ok[i]) && strncasecmp(type, ok[i], n) == 0) return 1;
    return 0;
}

static void prepare(CURL *c, const struct curl_slist *headers, const char *url, long ms, sink *s) {
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, ms);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "jindu");
    curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, s);
}

static int no(jd_err *err, const char *en, const char *zh, const char *url) {
    int n = ctx__shown(jd_str_of(url), 200);
    return jd_fail(err, JD_E_CONTEXT, "@context %.*s: %s%.0s", "@context %.*s：%.0s%s", n, url, en, zh);
}

/* One request. *next: where it redirects to, in a, or NULL. */
static int request(CURL *c, jd_arena *a, const char *url, const char **next, sink *s, jd_err *err) {
    CURLcode rc = curl_easy_perform(c);
    long status = 0;
    char *to = NULL, *type = NULL;
    *next = NULL;
    if (s->full) return no(err, "it is too large", "内容过大", url);
    if (rc != CURLE_OK) return no(err, curl_easy_strerror(rc), curl_easy_strerror(rc), url);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(c, CURLINFO_REDIRECT_URL, &to);
    curl_easy_getinfo(c, CURLINFO_CONTENT_TYPE, &type);
    if (status >= 300 && status < 400 && to) {
        *next = jd_arena_dup(a, jd_str_of(to)).p;
        return 0;
    }
    if (status != 200)
        return jd_fail(err, JD_E_CONTEXT, "@context %.*s: the server answered %ld", "@context %.*s：服务器应答 %ld",
                       ctx__shown(jd_str_of(url), 200), url, status);
    return media_ok(type) ? 0 : no(err, "it is no JSON", "内容不是 JSON", url);
}

int ctx__fetch(const ctx_fetch_opts *o, jd_arena *a, jd_str url, ctx_fetched *out, jd_err *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, global_init);
    *out = (ctx_fetched){0};
    const char *at = jd_arena_dup(a, url).p;
    for (size_t i = 0; i < url.n; i++)
        if ((unsigned char)at[i] <= ' ' || at[i] == 0x7f) return no(err, "it is no URL", "不是 URL", at);
    CURL *c = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/ld+json, application/json;q=0.9");
    uint64_t until = jd_mono_ns() + (uint64_t)o->timeout_ms * 1000000u;
    int rc = 0;
    for (int hops = 0;; hops++) {
        uint64_t now = jd_mono_ns();
        sink s = {&out->body, o->body_max, 0};
        const char *next;
        if (!allowed(o, at)) {
            rc = no(err, "it is not among the addresses that may be fetched", "该地址不允许获取", at);
            break;
        }
        if (hops > REDIRECTS_MAX || now >= until) {
            rc = no(err, "it redirects too often or takes too long", "重定向过多或超时", at);
            break;
        }
        curl_easy_reset(c);
        out->body.n = 0;
        prepare(c, headers, at, (long)((until - now) / 1000000u) + 1, &s);
        if ((rc = request(c, a, at, &next, &s, err)) != 0 || !next) break;
        at = next;
    }
    out->url = jd_str_of(at);
    curl_slist_free_all(headers);
    curl_easy_cleanup(c);
    if (rc) jd_buf_fini(&out->body);
    return rc;
}

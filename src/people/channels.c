/* Channels: a way to a far end as data. SMTP, or an HTTP request whose parts are templates; what its answer means. */
#include "people/people_int.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { TRIES = 12, BACKOFF_S = 2, TIMEOUT_S = 15, TRIES_MAX = 100, TEXT_MAX = PEOPLE_TEXT_MAX, DEPTH_MAX = 8 };
static const char HIDDEN[] = "***";

/* ---- templates ---- */

typedef enum how { AS_IS, IN_URL } how;
typedef struct filling {
    const channel *c;
    const sending_words *w;
    char timestamp[24];
    jd_str sign;
} filling;

static const char *const plain_names[] = {"id",    "title",   "text",      "severity", "severityCode",
                                          "name",  "address", "link",      "about",    "group",
                                          "count", "time",    "timestamp", "sign",     NULL};

static const jd_jval *secret(const jd_jval *doc, jd_str name) { /* behind "secret." */
    const jd_jval *all = jd_jget(doc, "secrets"), *s = all ? jd_jget_str(all, name) : NULL;
    return s && s->type == JD_JSTR ? s : NULL;
}

static int is_secret_name(jd_str name, jd_str *rest) {
    if (!jd_str_starts(name, JD_STR("secret."))) return 0;
    *rest = (jd_str){name.p + 7, name.n - 7};
    return 1;
}

/* At most max bytes, whole characters. */
static jd_str cut(jd_str s, size_t max) {
    if (s.n <= max) return s;
    while (max && ((unsigned char)s.p[max] & 0xc0) == 0x80) max--;
    return (jd_str){s.p, max};
}

static jd_str value_of(const filling *f, jd_str name, char number[24]) {
    const sending_words *w = f->w;
    jd_str rest;
    if (is_secret_name(name, &rest)) {
        const jd_jval *s = secret(&f->c->doc, rest);
        return s ? jd_jstr(s) : JD_STR("");
    }
    if (jd_str_is(name, "id")) return w->id;
    if (jd_str_is(name, "title")) return w->title;
    if (jd_str_is(name, "text")) return cut(w->text, f->c->text_max);
    if (jd_str_is(name, "severity")) return jd_str_of(jd_severity_name(w->severity, w->zh));
    if (jd_str_is(name, "severityCode")) return jd_str_of(jd_severity_name(w->severity, 0));
    if (jd_str_is(name, "name")) return w->name;
    if (jd_str_is(name, "address")) return w->address;
    if (jd_str_is(name, "link")) return w->link;
    if (jd_str_is(name, "about")) return w->about;
    if (jd_str_is(name, "group")) return w->group;
    if (jd_str_is(name, "time")) return jd_str_of(w->local);
    if (jd_str_is(name, "timestamp")) return jd_str_of(f->timestamp);
    if (jd_str_is(name, "sign")) return f->sign;
    int n = snprintf(number, 24, "%llu", (unsigned long long)w->count);
    return (jd_str){number, (size_t)n};
}

static void put_url(jd_buf *out, jd_str s) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        int plain = ((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9') || strchr("-._~", c);
        if (c && plain)
            jd_buf_c(out, (char)c);
        else
            jd_buf_printf(out, "%%%02X", c);
    }
}

/* The next {{name}} in *s; what stands before it goes to *before. 0: there is none. */
static int next_hole(jd_str *s, jd_str *before, jd_str *name) {
    const char *open = s->n ? memmem(s->p, s->n, "{{", 2) : NULL;
    const char *close = open ? memmem(open, (size_t)(s->p + s->n - open), "}}", 2) : NULL;
    *before = *s;
    if (!close) {
        s->n = 0;
        return 0;
    }
    before->n = (size_t)(open - s->p);
    *name = (jd_str){open + 2, (size_t)(close - open) - 2};
    s->n -= (size_t)(close + 2 - s->p);
    s->p = close + 2;
    return 1;
}

static void fill(const filling *f, jd_str template, how h, jd_buf *out) {
    jd_str before, name;
    char number[24];
    while (next_hole(&template, &before, &name)) {
        jd_buf_str(out, before);
        jd_str v = value_of(f, name, number);
        if (h == IN_URL)
            put_url(out, v);
        else
            jd_buf_str(out, v);
    }
    jd_buf_str(out, before);
}

/* A JSON body: its texts are templates, and are written as texts, whatever is filled in. */
static void fill_json(const filling *f, const jd_jval *v, jd_buf *out) {
    jd_buf one = {0};
    if (v->type == JD_JSTR) {
        fill(f, jd_jstr(v), AS_IS, &one);
        jd_json_write_str(out, jd_buf_view(&one));
    } else if (v->type == JD_JARR || v->type == JD_JOBJ) {
        jd_buf_c(out, v->type == JD_JARR ? '[' : '{');
        for (uint32_t i = 0; i < v->n; i++) {
            if (i) jd_buf_c(out, ',');
            if (v->type == JD_JOBJ) jd_json_write_key(out, v->members[i].name);
            fill_json(f, v->type == JD_JARR ? &v->items[i] : &v->members[i].val, out);
        }
        jd_buf_c(out, v->type == JD_JARR ? ']' : '}');
    } else {
        jd_json_write(out, v);
    }
    jd_buf_fini(&one);
}

static void fill_form(const filling *f, const jd_jval *v, jd_buf *out) {
    for (uint32_t i = 0; i < v->n; i++) {
        jd_buf one = {0};
        if (i) jd_buf_c(out, '&');
        put_url(out, v->members[i].name);
        jd_buf_c(out, '=');
        fill(f, jd_jstr(&v->members[i].val), AS_IS, &one);
        put_url(out, jd_buf_view(&one));
        jd_buf_fini(&one);
    }
}

/* ---- signatures ---- */

static void make_sign(filling *f, jd_buf *out) {
    const jd_jval *s = jd_jget(&f->c->doc, "sign");
    unsigned char mac[EVP_MAX_MD_SIZE], text[EVP_MAX_MD_SIZE * 2];
    unsigned n = 0;
    jd_buf over = {0}, key = {0};
    if (!s) return;
    const jd_jval *algorithm = jd_jget(s, "algorithm"), *encoding = jd_jget(s, "encoding");
    fill(f, jd_jstr(jd_jget(s, "text")), AS_IS, &over);
    fill(f, jd_jstr(jd_jget(s, "key")), AS_IS, &key);
    const EVP_MD *md = jd_jis(algorithm, "hmac-sha1") ? EVP_sha1() : EVP_sha256();
    if (HMAC(md, key.p ? key.p : "", (int)key.n, (const unsigned char *)(over.p ? over.p : ""), over.n, mac, &n)) {
        if (encoding && jd_jis(encoding, "hex"))
            for (unsigned i = 0; i < n; i++) jd_buf_printf(out, "%02x", mac[i]);
        else
            jd_buf_add(out, text, (size_t)EVP_EncodeBlock(text, mac, (int)n));
    }
    jd_buf_fini(&over);
    jd_buf_fini(&key);
    f->sign = jd_buf_view(out);
}

/* ---- mail ---- */

static void base64(jd_buf *out, jd_str s, size_t each) { /* each: bytes a line; 0: one line */
    unsigned char text[80];
    size_t step = each ? each : 45;
    for (size_t at = 0; at < s.n; at += step) {
        size_t n = s.n - at < step ? s.n - at : step;
        jd_buf_add(out, text, (size_t)EVP_EncodeBlock(text, (const unsigned char *)s.p + at, (int)n));
        if (each) jd_buf_z(out, "\r\n");
    }
}

/* RFC 2047: encoded words of at most 75 characters, each of whole characters. */
static void header_words(jd_buf *out, jd_str s) {
    for (int first = 1; s.n; first = 0) {
        jd_str piece = cut(s, 42);
        if (!piece.n) piece.n = s.n < 42 ? s.n : 42;
        jd_buf_z(out, first ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
        base64(out, piece, 0);
        jd_buf_z(out, "?=");
        s.p += piece.n, s.n -= piece.n;
    }
}

static void mail_date(jd_buf *out, jd_time at) {
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t s = (time_t)(at / 1000000);
    struct tm tm;
    gmtime_r(&s, &tm);
    jd_buf_printf(out, "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
                  tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void make_mail(const channel *c, const sending_words *w, channel_request *out) {
    jd_str from = jd_jstr(jd_jget(&c->doc, "from")), host = jd_jstr(jd_jget(&c->doc, "host"));
    const char *at = memchr(from.p, '@', from.n);
    jd_buf subject = {0}, text = {0};
    jd_buf_printf(&out->url, "%s://%.*s:%u/", c->tls == 2 ? "smtps" : "smtp", JD_STR_ARG(host), c->port);
    jd_str domain = at ? (jd_str){at + 1, (size_t)(from.p + from.n - at - 1)} : JD_STR("localhost");
    jd_buf_str(&out->url, domain); /* by which we greet */
    jd_buf_c(&out->url, 0);
    jd_buf *b = &out->body;
    mail_date(b, w->at);
    jd_buf_printf(b, "From: <%.*s>\r\nTo: <%.*s>\r\nMessage-ID: <%.*s@%.*s>\r\n", JD_STR_ARG(from),
                  JD_STR_ARG(w->address), JD_STR_ARG(w->id), JD_STR_ARG(domain));
    jd_buf_printf(&subject, "[%s] %.*s", jd_severity_name(w->severity, w->zh), JD_STR_ARG(w->title));
    for (size_t i = 0; i < subject.n; i++)
        if ((unsigned char)subject.p[i] < ' ') subject.p[i] = ' ';
    jd_buf_z(b, "Subject: ");
    header_words(b, jd_buf_view(&subject));
    jd_buf_z(b,
             "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: base64\r\n"
             "Auto-Submitted: auto-generated\r\n");
    if (w->severity == JD_RED) jd_buf_z(b, "X-Priority: 1\r\n");
    jd_buf_z(b, "\r\n");
    jd_str said = cut(w->text, c->text_max);
    for (size_t i = 0; i < said.n; i++) {
        if (said.p[i] == '\n') jd_buf_c(&text, '\r');
        jd_buf_c(&text, said.p[i]);
    }
    if (w->link.n) jd_buf_printf(&text, "\r\n\r\n%.*s", JD_STR_ARG(w->link));
    jd_buf_z(&text, "\r\n");
    base64(b, jd_buf_view(&text), 57);
    jd_buf_fini(&subject);
    jd_buf_fini(&text);
    jd_buf to = {0};
    jd_buf_printf(&to, "<%.*s>", JD_STR_ARG(w->address));
    jd_buf_c(&to, 0);
    out->rcpt = curl_slist_append(NULL, to.p);
    jd_buf_fini(&to);
}

/* ---- one request ---- */

static const char *body_type(const jd_jval *doc) {
    const jd_jval *t = jd_jget(doc, "bodyType");
    return !t || jd_jis(t, "json") ? "application/json; charset=utf-8"
           : jd_jis(t, "form")     ? "application/x-www-form-urlencoded"
                                   : "text/plain; charset=utf-8";
}

static void add_header(channel_request *out, jd_str name, jd_str value) {
    jd_buf b = {0};
    jd_buf_printf(&b, "%.*s: %.*s", JD_STR_ARG(name), JD_STR_ARG(value));
    for (size_t i = 0; i < b.n; i++)
        if ((unsigned char)b.p[i] < ' ') b.p[i] = ' ';
    jd_buf_c(&b, 0);
    out->headers = curl_slist_append(out->headers, b.p);
    jd_buf_fini(&b);
}

static void make_http(const channel *c, const sending_words *w, channel_request *out) {
    filling f = {.c = c, .w = w, .sign = JD_STR("")};
    jd_buf sign = {0};
    const jd_jval *headers = jd_jget(&c->doc, "headers"), *body = jd_jget(&c->doc, "body");
    const jd_jval *method = jd_jget(&c->doc, "method"), *type = jd_jget(&c->doc, "bodyType");
    snprintf(f.timestamp, sizeof f.timestamp, "%lld", (long long)(w->at / 1000));
    make_sign(&f, &sign);
    fill(&f, jd_jstr(jd_jget(&c->doc, "url")), IN_URL, &out->url);
    jd_buf_c(&out->url, 0);
    out->method = method && jd_jis(method, "GET") ? "GET" : method && jd_jis(method, "PUT") ? "PUT" : "POST";
    if (body) add_header(out, JD_STR("Content-Type"), jd_str_of(body_type(&c->doc)));
    for (uint32_t i = 0; headers && i < headers->n; i++) {
        jd_buf one = {0};
        fill(&f, jd_jstr(&headers->members[i].val), AS_IS, &one);
        add_header(out, headers->members[i].name, jd_buf_view(&one));
        jd_buf_fini(&one);
    }
    if (body && type && jd_jis(type, "form"))
        fill_form(&f, body, &out->body);
    else if (body && type && jd_jis(type, "text"))
        fill(&f, jd_jstr(body), AS_IS, &out->body);
    else if (body)
        fill_json(&f, body, &out->body);
    jd_buf_fini(&sign);
}

void channel_request_make(const channel *c, const sending_words *w, channel_request *out) {
    *out = (channel_request){0};
    if (c->type == CHANNEL_SMTP)
        make_mail(c, w, out);
    else
        make_http(c, w, out);
}

void channel_request_fini(channel_request *r) {
    curl_slist_free_all(r->headers);
    curl_slist_free_all(r->rcpt);
    if (r->url.p) explicit_bzero(r->url.p, r->url.n);
    jd_buf_fini(&r->url);
    jd_buf_fini(&r->body);
    jd_buf_fini(&r->answer);
    *r = (channel_request){0};
}

static size_t give(char *p, size_t size, size_t n, void *user) {
    channel_request *r = user;
    size_t k = r->body.n - r->read < size * n ? r->body.n - r->read : size * n;
    if (k) memcpy(p, r->body.p + r->read, k);
    r->read += k;
    return k;
}

static size_t keep(char *p, size_t size, size_t n, void *user) {
    enum { ANSWER_MAX = 64 * 1024 };
    channel_request *r = user;
    size_t k = size * n, room = r->answer.n < ANSWER_MAX ? ANSWER_MAX - r->answer.n : 0;
    jd_buf_add(&r->answer, p, k < room ? k : room);
    return size * n;
}

static void set_text(CURL *easy, CURLoption option, const jd_jval *v) {
    jd_buf b = {0};
    if (!v) return;
    jd_buf_str(&b, jd_jstr(v));
    jd_buf_c(&b, 0);
    curl_easy_setopt(easy, option, b.p);
    explicit_bzero(b.p, b.n);
    jd_buf_fini(&b);
}

void channel_set_up(const channel *c, CURL *easy, channel_request *r) {
    curl_easy_setopt(easy, CURLOPT_URL, r->url.p);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, c->type == CHANNEL_SMTP ? "smtp,smtps" : "http,https");
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)c->timeout_s * 1000);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, r);
    set_text(easy, CURLOPT_CAINFO, jd_jget(&c->doc, "ca"));
    if (c->type == CHANNEL_SMTP) {
        if (c->tls == 1) curl_easy_setopt(easy, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
        /* a kept connection that was upgraded would be used again for a channel that trusts another certificate */
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
        set_text(easy, CURLOPT_MAIL_FROM, jd_jget(&c->doc, "from"));
        curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, r->rcpt);
        set_text(easy, CURLOPT_USERNAME, jd_jget(&c->doc, "user"));
        set_text(easy, CURLOPT_PASSWORD, jd_jget(&c->doc, "password"));
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, give);
        curl_easy_setopt(easy, CURLOPT_READDATA, r);
        return;
    }
    if (strcmp(r->method, "GET")) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body.p ? r->body.p : "");
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method);
    }
    r->headers = curl_slist_append(r->headers, "Expect:");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, r->headers);
}

/* ---- what an answer means ---- */

/* RFC 6901 */
static const jd_jval *at_pointer(const jd_jval *v, jd_str path) {
    while (v && path.n) {
        char name[200];
        size_t n = 0, i = 1;
        for (; i < path.n && path.p[i] != '/' && n < sizeof name; i++) {
            char c = path.p[i];
            if (c == '~' && i + 1 < path.n && (path.p[i + 1] == '0' || path.p[i + 1] == '1'))
                c = path.p[++i] == '0' ? '~' : '/';
            name[n++] = c;
        }
        path.p += i, path.n -= i;
        if (v->type == JD_JARR) {
            uint64_t k = 0;
            for (size_t d = 0; d < n; d++)
                k = name[d] >= '0' && name[d] <= '9' && k < 1000000 ? k * 10 + (uint64_t)(name[d] - '0') : 1000000000;
            v = n && k < v->n ? &v->items[k] : NULL;
        } else {
            v = jd_jget_str(v, (jd_str){name, n});
        }
    }
    return v;
}

static int status_ok(const jd_jval *success, long status) {
    const jd_jval *l = success ? jd_jget(success, "status") : NULL;
    for (uint32_t i = 0; l && i < l->n; i++)
        if ((long)jd_jnum(&l->items[i]) == status) return 1;
    return !l && status >= 200 && status < 300;
}

int channel_judge(const channel *c, long status, jd_str answer) {
    const jd_jval *success = jd_jget(&c->doc, "success"), *pointer = success ? jd_jget(success, "pointer") : NULL;
    if (c->type == CHANNEL_SMTP) return status >= 500 ? 0 : status >= 400 ? -1 : 1;
    if (!status_ok(success, status)) return status >= 500 || status == 408 || status == 429 ? -1 : 0;
    if (!pointer) return 1;
    jd_arena a;
    jd_jval v;
    jd_err err;
    jd_arena_init(&a);
    int rc = -1; /* no JSON: something between us and them answered */
    if (!jd_json_parse(&a, answer, NULL, &v, &err)) {
        const jd_jval *is = at_pointer(&v, jd_jstr(pointer)), *again = jd_jget(success, "retry");
        rc = is && jd_jequal(is, jd_jget(success, "equals"));
        for (uint32_t i = 0; !rc && is && again && i < again->n; i++)
            if (jd_jequal(is, &again->items[i])) rc = -1;
    }
    jd_arena_fini(&a);
    return rc;
}

static void blot(jd_buf *b, jd_str s) {
    for (char *p; s.n >= 4 && b->n && (p = memmem(b->p, b->n, s.p, s.n));) memset(p, '*', s.n);
}

void channel_quote(const channel *c, jd_str answer, char out[PEOPLE_ANSWER_MAX + 1]) {
    jd_buf b = {0};
    const jd_jval *all = jd_jget(&c->doc, "secrets"), *password = jd_jget(&c->doc, "password");
    jd_buf_str(&b, answer);
    for (uint32_t i = 0; all && i < all->n; i++) blot(&b, jd_jstr(&all->members[i].val));
    if (password) blot(&b, jd_jstr(password));
    for (size_t i = 0; i < b.n; i++)
        if ((unsigned char)b.p[i] < ' ') b.p[i] = ' ';
    jd_str s = cut(jd_buf_view(&b), PEOPLE_ANSWER_MAX);
    if (jd_utf8_bad(s.n ? s.p : "", s.n) < s.n) s.n = jd_utf8_bad(s.p, s.n);
    if (s.n) memcpy(out, s.p, s.n);
    out[s.n] = 0;
    jd_buf_fini(&b);
}

/* ---- checking ---- */

typedef struct checking {
    jd_arena *a;
    const jd_jval *v;
    jd_err *err;
} checking;

static int no(const checking *k, const char *place, const char *en, const char *zh) {
    return people_bad(k->err, place, en, zh);
}

static const jd_jval *member(const checking *k, const char *name) {
    return jd_jget(k->v, name);
}

static int is_text(const jd_jval *m, size_t max) {
    if (m->type != JD_JSTR || m->n > max) return 0;
    return !m->n || !memchr(m->s, 0, m->n);
}

static int one_line(const checking *k, const char *name, int needed) {
    const jd_jval *m = member(k, name);
    if (!m && !needed) return 0;
    int ok = m && is_text(m, 2000) && m->n;
    for (uint32_t i = 0; ok && i < m->n; i++) ok = (unsigned char)m->s[i] >= ' ';
    return ok ? 0 : no(k, name, "must be a text of one line", "须为单行文本");
}

static int number(const checking *k, const char *name, uint32_t least, uint32_t most, uint32_t *out) {
    const jd_jval *m = member(k, name);
    if (!m) return 0;
    double d = m->type == JD_JNUM ? jd_jnum(m) : -1;
    if (d < least || d > most || d != (double)(uint32_t)d) {
        jd_fail(k->err, JD_E_BAD_REQUEST_DATA, "%s must be a whole number from %u to %u", "%s 须为 %u 到 %u 的整数",
                name, least, most);
        return jd_fail_at(k->err, "%s", name);
    }
    *out = (uint32_t)d;
    return 0;
}

static int holes(const checking *k, jd_str template, const char *place, int in_sign) {
    jd_str before, name, rest;
    while (next_hole(&template, &before, &name)) {
        size_t i = 0;
        if (is_secret_name(name, &rest)) {
            if (secret(k->v, rest)) continue;
            return no(k, place, "names a secret that is not in \"secrets\"", "引用的密钥不在 secrets 中");
        }
        while (plain_names[i] && !jd_str_is(name, plain_names[i])) i++;
        if (!plain_names[i] || (in_sign && jd_str_is(name, "sign"))) {
            jd_fail(k->err, JD_E_BAD_REQUEST_DATA, "%s: there is no {{%.*s}}", "%s：没有 {{%.*s}}", place,
                    (int)(name.n > 40 ? 40 : name.n), name.p);
            return jd_fail_at(k->err, "%s", place);
        }
    }
    return 0;
}

static int holes_json(const checking *k, const jd_jval *v, const char *place, int depth) {
    if (depth > DEPTH_MAX) return no(k, place, "is nested too deeply", "嵌套过深");
    if (v->type == JD_JSTR) return holes(k, jd_jstr(v), place, 0);
    for (uint32_t i = 0; (v->type == JD_JARR || v->type == JD_JOBJ) && i < v->n; i++) {
        const char *at = v->type == JD_JARR ? jd_arena_printf(k->a, "%s[%u]", place, i).p
                                            : jd_arena_printf(k->a, "%s.%.*s", place, JD_STR_ARG(v->members[i].name)).p;
        if (holes_json(k, v->type == JD_JARR ? &v->items[i] : &v->members[i].val, at, depth + 1)) return -1;
    }
    return 0;
}

/* Names under which keys travel: their values belong into `secrets`, where nobody sees them. */
static int sounds_secret(jd_str name) {
    static const char *const parts[] = {"key", "token",         "secret", "passw",
                                        "pwd", "authorization", "sign",   "credential"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (size_t at = 0; at + strlen(parts[i]) <= name.n; at++)
            if (!strncasecmp(name.p + at, parts[i], strlen(parts[i]))) return 1;
    return 0;
}

static int has_hole(jd_str s) {
    return s.n && memmem(s.p, s.n, "{{", 2);
}

static int url(const checking *k) {
    if (one_line(k, "url", 1)) return -1;
    jd_str s = jd_jstr(member(k, "url"));
    size_t scheme = jd_str_starts(s, JD_STR("https://")) ? 8 : jd_str_starts(s, JD_STR("http://")) ? 7 : 0;
    if (!scheme) return no(k, "url", "must begin with http:// or https://", "须以 http:// 或 https:// 开头");
    size_t host = scheme;
    while (host < s.n && !strchr("/?#", s.p[host])) host++;
    if (host == scheme || memchr(s.p + scheme, '{', host - scheme) || memchr(s.p + scheme, '@', host - scheme))
        return no(k, "url", "must name its host, without placeholders or a password",
                  "主机部分须写明，且不能含占位符或口令");
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == ' ') return no(k, "url", "must not have spaces", "不能含空格");
    const char *query = memchr(s.p, '?', s.n);
    jd_str rest = query ? (jd_str){query + 1, (size_t)(s.p + s.n - query - 1)} : (jd_str){NULL, 0};
    while (rest.n) {
        const char *amp = memchr(rest.p, '&', rest.n);
        jd_str one = {rest.p, amp ? (size_t)(amp - rest.p) : rest.n};
        const char *eq = memchr(one.p, '=', one.n);
        jd_str name = {one.p, eq ? (size_t)(eq - one.p) : one.n}, value = {one.p + name.n, one.n - name.n};
        if (sounds_secret(name) && value.n > 1 && !has_hole(value))
            return no(k, "url", "holds a key: put it into \"secrets\" and write {{secret.NAME}} here",
                      "含有密钥：请放入 secrets，并在此写 {{secret.名称}}");
        rest.p += one.n + (amp != NULL), rest.n -= one.n + (amp != NULL);
    }
    return holes(k, s, "url", 0);
}

static int headers(const checking *k) {
    const jd_jval *h = member(k, "headers");
    if (!h) return 0;
    if (h->type != JD_JOBJ || h->n > 32) return no(k, "headers", "must be an object", "须为对象");
    for (uint32_t i = 0; i < h->n; i++) {
        jd_str name = h->members[i].name;
        const char *at = jd_arena_printf(k->a, "headers.%.*s", (int)(name.n > 60 ? 60 : name.n), name.p).p;
        int ok = name.n && name.n <= 60 && is_text(&h->members[i].val, 2000);
        for (size_t c = 0; ok && c < name.n; c++)
            ok = ((name.p[c] | 32) >= 'a' && (name.p[c] | 32) <= 'z') || (name.p[c] >= '0' && name.p[c] <= '9') ||
                 name.p[c] == '-' || name.p[c] == '_';
        if (!ok) return no(k, at, "must be a header's name with a text", "须为请求头名与文本");
        jd_str value = jd_jstr(&h->members[i].val);
        if (sounds_secret(name) && !has_hole(value))
            return no(k, at, "holds a key: put it into \"secrets\" and write {{secret.NAME}} here",
                      "含有密钥：请放入 secrets，并在此写 {{secret.名称}}");
        if (holes(k, value, at, 0)) return -1;
    }
    return 0;
}

static int secrets(const checking *k) {
    const jd_jval *s = member(k, "secrets");
    if (!s) return 0;
    if (s->type != JD_JOBJ || s->n > 32) return no(k, "secrets", "must be an object", "须为对象");
    for (uint32_t i = 0; i < s->n; i++)
        if (!people_id_valid(s->members[i].name) || !is_text(&s->members[i].val, 2000) || !s->members[i].val.n)
            return no(k, "secrets", "must hold names (letters, digits, - _ .) with texts",
                      "须为名称（字母、数字、- _ .）与文本");
    return 0;
}

static int body(const checking *k) {
    const jd_jval *b = member(k, "body"), *t = member(k, "bodyType");
    if (t && !jd_jis(t, "json") && !jd_jis(t, "form") && !jd_jis(t, "text"))
        return no(k, "bodyType", "must be json, form or text", "须为 json、form 或 text");
    if (!b) return 0;
    if (t && jd_jis(t, "text") && b->type != JD_JSTR) return no(k, "body", "must be a text", "须为文本");
    if (t && jd_jis(t, "form")) {
        int ok = b->type == JD_JOBJ;
        for (uint32_t i = 0; ok && i < b->n; i++) ok = b->members[i].val.type == JD_JSTR;
        if (!ok) return no(k, "body", "must be an object of texts", "须为值皆为文本的对象");
    }
    return holes_json(k, b, "body", 0);
}

static int sign(const checking *k) {
    static const char *const names[] = {"text", "key"};
    const jd_jval *s = member(k, "sign");
    if (!s) return 0;
    const jd_jval *algorithm = jd_jget(s, "algorithm"), *encoding = jd_jget(s, "encoding");
    if (!algorithm || (!jd_jis(algorithm, "hmac-sha256") && !jd_jis(algorithm, "hmac-sha1")))
        return no(k, "sign.algorithm", "must be hmac-sha256 or hmac-sha1", "须为 hmac-sha256 或 hmac-sha1");
    if (encoding && !jd_jis(encoding, "base64") && !jd_jis(encoding, "hex"))
        return no(k, "sign.encoding", "must be base64 or hex", "须为 base64 或 hex");
    for (size_t i = 0; i < 2; i++) {
        const jd_jval *t = jd_jget(s, names[i]);
        const char *at = i ? "sign.key" : "sign.text";
        if (!t || !is_text(t, 4000)) return no(k, at, "must be a text", "须为文本");
        if (holes(k, jd_jstr(t), at, 1)) return -1;
    }
    return has_hole(jd_jstr(jd_jget(s, "key")))
               ? 0
               : no(k, "sign.key", "must come from \"secrets\": {{secret.NAME}}", "须来自 secrets：{{secret.名称}}");
}

static int success(const checking *k) {
    const jd_jval *s = member(k, "success");
    if (!s) return 0;
    const jd_jval *status = jd_jget(s, "status"), *pointer = jd_jget(s, "pointer"), *again = jd_jget(s, "retry");
    if (s->type != JD_JOBJ) return no(k, "success", "must be an object", "须为对象");
    int ok = !status || status->type == JD_JARR;
    for (uint32_t i = 0; ok && status && i < status->n; i++) ok = status->items[i].type == JD_JNUM;
    if (!ok) return no(k, "success.status", "must be a list of HTTP statuses", "须为 HTTP 状态码列表");
    if (pointer && (!is_text(pointer, 200) || (pointer->n && pointer->s[0] != '/')))
        return no(k, "success.pointer", "must be a JSON pointer such as /errcode", "须为 JSON 指针，如 /errcode");
    if (!!pointer != !!jd_jget(s, "equals"))
        return no(k, "success.equals", "goes with a pointer", "须与 pointer 一起使用");
    if (again && again->type != JD_JARR) return no(k, "success.retry", "must be a list of values", "须为值的列表");
    return 0;
}

static int known(const checking *k, const char *const *names) {
    for (uint32_t i = 0; i < k->v->n; i++) {
        size_t n = 0;
        jd_str name = k->v->members[i].name;
        while (names[n] && !jd_str_is(name, names[n])) n++;
        if (!names[n])
            return no(k, jd_arena_printf(k->a, "%.*s", (int)(name.n > 60 ? 60 : name.n), name.p).p, "is not known here",
                      "不是这里的成员");
    }
    return 0;
}

static int is_loopback(jd_str host) {
    return jd_str_is(host, "localhost") || jd_str_is(host, "::1") || jd_str_starts(host, JD_STR("127."));
}

static int smtp(const checking *k, channel *c) {
    static const char *const names[] = {"id",    "type",           "host",           "port",        "tls",
                                        "from",  "user",           "password",       "ca",          "perMinute",
                                        "tries", "backoffSeconds", "timeoutSeconds", "description", NULL};
    static const uint32_t ports[] = {25, 587, 465};
    const jd_jval *tls = member(k, "tls");
    if (known(k, names) || one_line(k, "host", 1) || one_line(k, "from", 1) || one_line(k, "user", 0) ||
        one_line(k, "password", 0) || one_line(k, "ca", 0))
        return -1;
    jd_str host = jd_jstr(member(k, "host")), from = jd_jstr(member(k, "from"));
    for (size_t i = 0; i < host.n; i++)
        if (strchr("/@?# ", host.p[i])) return no(k, "host", "must be a host's name", "须为主机名");
    if (!memchr(from.p, '@', from.n) || memchr(from.p, '<', from.n) || memchr(from.p, ' ', from.n))
        return no(k, "from", "must be an address such as city@example.org", "须为邮箱地址");
    c->tls = !tls || jd_jis(tls, "starttls") ? 1 : jd_jis(tls, "tls") ? 2 : jd_jis(tls, "none") ? 0 : -1;
    if (c->tls < 0) return no(k, "tls", "must be starttls, tls or none", "须为 starttls、tls 或 none");
    if (!!member(k, "user") != !!member(k, "password"))
        return no(k, "password", "goes with a user", "须与 user 一起使用");
    if (member(k, "password") && !c->tls && !is_loopback(host))
        return no(k, "tls", "a password travels only encrypted (or on this machine)", "口令只能加密传送（本机除外）");
    c->port = ports[c->tls];
    return number(k, "port", 1, 65535, &c->port);
}

static int http(const checking *k) {
    static const char *const names[] = {
        "id",      "type", "method",  "url",       "headers", "body",           "bodyType",       "secrets",     "sign",
        "success", "ca",   "textMax", "perMinute", "tries",   "backoffSeconds", "timeoutSeconds", "description", NULL};
    const jd_jval *m = member(k, "method");
    if (known(k, names) || secrets(k) || url(k) || headers(k) || body(k) || sign(k) || success(k) ||
        one_line(k, "ca", 0))
        return -1;
    if (m && !jd_jis(m, "GET") && !jd_jis(m, "POST") && !jd_jis(m, "PUT"))
        return no(k, "method", "must be GET, POST or PUT", "须为 GET、POST 或 PUT");
    if (m && jd_jis(m, "GET") && member(k, "body")) return no(k, "body", "does not go with GET", "GET 不能带 body");
    return 0;
}

int channel_compile(jd_str id, const jd_jval *v, channel **out, jd_err *err) {
    channel *c = jd_xcalloc(1, sizeof *c);
    jd_arena_init(&c->arena);
    c->id = jd_arena_dup(&c->arena, id);
    jd_buf text = {0};
    jd_json_write(&text, v);
    jd_str kept = jd_arena_dup(&c->arena, jd_buf_view(&text)); /* the tree's strings live with the channel */
    jd_buf_fini(&text);
    int rc = jd_json_parse(&c->arena, kept, NULL, &c->doc, err);
    c->tries = TRIES, c->backoff_s = BACKOFF_S, c->timeout_s = TIMEOUT_S, c->text_max = TEXT_MAX;
    checking k = {&c->arena, &c->doc, err};
    if (!rc && c->doc.type != JD_JOBJ) rc = no(&k, "body", "must be an object", "须为对象");
    const jd_jval *type = rc ? NULL : member(&k, "type");
    c->type = type && jd_jis(type, "smtp") ? CHANNEL_SMTP : CHANNEL_HTTP;
    if (!rc && (!type || (!jd_jis(type, "smtp") && !jd_jis(type, "http"))))
        rc = no(&k, "type", "must be smtp or http", "须为 smtp 或 http");
    rc = rc || (c->type == CHANNEL_SMTP ? smtp(&k, c) : http(&k));
    rc = rc || number(&k, "perMinute", 1, 100000, &c->per_minute) || number(&k, "tries", 1, TRIES_MAX, &c->tries) ||
         number(&k, "backoffSeconds", 1, 3600, &c->backoff_s) || number(&k, "timeoutSeconds", 1, 300, &c->timeout_s) ||
         number(&k, "textMax", 20, TEXT_MAX, &c->text_max);
    if (rc) {
        channel_free(c);
        return -1;
    }
    *out = c;
    return 0;
}

void channel_free(channel *c) {
    if (!c) return;
    jd_arena_fini(&c->arena);
    free(c);
}

/* ---- secrets in and out ---- */

/* "https://host:1" of a URL, or the mail server: where secrets go. */
static jd_str far_end(const jd_jval *v) {
    const jd_jval *url_of = jd_jget(v, "url"), *host = jd_jget(v, "host"), *one = url_of ? url_of : host;
    jd_str s = one && one->type == JD_JSTR ? jd_jstr(one) : JD_STR("");
    size_t n = 0, slashes = 0;
    while (n < s.n && s.p[n] != '?' && (s.p[n] != '/' || slashes < 2)) slashes += s.p[n++] == '/';
    return (jd_str){s.p, n};
}

static int replace(jd_jval *v, const jd_jval *old, const char *place, int same_end, jd_err *err) {
    if (v->type != JD_JSTR || !jd_jis(v, HIDDEN)) return 0;
    if (!same_end)
        return people_bad(err, place, "the far end is another one: give the secret again",
                          "对端已变更：请重新给出密钥");
    if (!old || old->type != JD_JSTR)
        return people_bad(err, place, "*** stands for the secret that is kept, and there is none",
                          "*** 表示沿用已保存的密钥，但没有");
    *v = *old;
    return 0;
}

int channel_merge(jd_jval *v, const jd_jval *old, jd_arena *a, jd_err *err) {
    int same = !old || jd_str_eq(far_end(v), far_end(old));
    for (uint32_t i = 0; v->type == JD_JOBJ && i < v->n; i++) {
        jd_jval *m = &v->members[i].val;
        jd_str name = v->members[i].name;
        if (jd_str_is(name, "password") && replace(m, old ? jd_jget(old, "password") : NULL, "password", same, err))
            return -1;
        if (!jd_str_is(name, "secrets") || m->type != JD_JOBJ) continue;
        const jd_jval *kept = old ? jd_jget(old, "secrets") : NULL;
        for (uint32_t s = 0; s < m->n; s++)
            if (replace(&m->members[s].val, kept ? jd_jget_str(kept, m->members[s].name) : NULL,
                        jd_arena_printf(a, "secrets.%.*s", JD_STR_ARG(m->members[s].name)).p, same, err))
                return -1;
    }
    return 0;
}

void channel_show(const jd_jval *v, jd_buf *out) {
    for (uint32_t i = 0; i < v->n; i++) {
        const jd_jval *m = &v->members[i].val;
        if (jd_str_is(v->members[i].name, "id")) continue;
        jd_buf_c(out, ',');
        jd_json_write_key(out, v->members[i].name);
        if (jd_str_is(v->members[i].name, "password")) {
            jd_json_write_str(out, jd_str_of(HIDDEN));
        } else if (jd_str_is(v->members[i].name, "secrets")) {
            jd_buf_c(out, '{');
            for (uint32_t s = 0; s < m->n; s++) {
                if (s) jd_buf_c(out, ',');
                jd_json_write_key(out, m->members[s].name);
                jd_json_write_str(out, jd_str_of(HIDDEN));
            }
            jd_buf_c(out, '}');
        } else {
            jd_json_write(out, m);
        }
    }
}

/* Reading: Expat's events against the tables of cap_form.c. What is open is a stack of groups, at most four deep;
 * within the innermost one there may be one element with a text, or a signature that is skipped. */
#include "rule/cap_form.h"

#include <expat.h>
#include <stdlib.h>

enum { DEPTH_MAX = 4 }; /* alert, info, area, geocode */

typedef struct level {
    const cap__group *group;
    char *base;       /* the struct that is filled */
    const char *name; /* of its element */
    size_t no;        /* which one of its list */
    size_t at, seen;  /* row of the newest element within, and how many of it there are */
} level;

typedef struct reader {
    XML_Parser xml;
    jd_arena *a;
    jd_err *err;
    jd_cap cap;
    level open[DEPTH_MAX];
    size_t depth;
    const cap__row *leaf; /* NULL: none is open */
    unsigned long leaf_line;
    jd_buf text;
    size_t skipped; /* elements of a signature that are open */
    int signature, failed;
} reader;

/* ---- what is wrong, and where ---- */

#define NAME(z) JD_STR_ARG(cap__shown(jd_str_of(z))) /* for "%.*s" */

static unsigned long line_of(const reader *r) {
    return (unsigned long)XML_GetCurrentLineNumber(r->xml);
}

static void path(const reader *r, const char *leaf, jd_buf *b) {
    for (size_t i = 1; i < r->depth; i++)
        jd_buf_printf(b, "%s%s[%zu]", b->n ? "." : "", r->open[i].name, r->open[i].no);
    if (leaf) jd_buf_printf(b, "%s%.*s", b->n ? "." : "", NAME(leaf));
    if (!b->n) jd_buf_z(b, "alert");
}

/* Names the place of an error that is told already, and ends the reading. leaf: the element within what is open; NULL:
 * it is the open one itself. */
static void stop_at(reader *r, const char *leaf, unsigned long line) {
    jd_buf b = {0};
    path(r, leaf, &b);
    jd_fail_at(r->err, "%.*s, line %lu", JD_STR_ARG(jd_buf_view(&b)), line);
    jd_buf_fini(&b);
    r->failed = 1;
    XML_StopParser(r->xml, XML_FALSE);
}

static void fail(reader *r, const char *leaf, unsigned long line, const char *en, const char *zh, ...)
    __attribute__((format(printf, 4, 6), format(printf, 5, 6)));
static void fail(reader *r, const char *leaf, unsigned long line, const char *en, const char *zh, ...) {
    va_list ap;
    va_start(ap, zh);
    jd_failv(r->err, JD_E_BAD_REQUEST_DATA, en, zh, ap);
    va_end(ap);
    stop_at(r, leaf, line);
}

/* ---- filling ---- */

/* A further one of a list, cleared. Lists double, so their length says how much room there is. */
static char *append(reader *r, char *base, const cap__row *row, size_t size) {
    char *list;
    size_t n;
    memcpy(&list, base + row->at, sizeof list);
    memcpy(&n, base + row->n_at, sizeof n);
    if (!(n & (n - 1))) {
        char *wider = jd_arena_zalloc(r->a, size * (n ? 2 * n : 1));
        if (n) memcpy(wider, list, size * n);
        list = wider;
        memcpy(base + row->at, &list, sizeof list);
    }
    char *one = list + size * n++;
    memcpy(base + row->n_at, &n, sizeof n);
    return one;
}

static void enter(reader *r, const cap__group *g, char *base, const char *name, size_t no) {
    const jd_time none = JD_TIME_NONE;
    for (size_t i = 0; i < g->rows_n; i++)
        if (g->rows[i].kind == CAP__TIME) memcpy(base + g->rows[i].at, &none, sizeof none);
    r->open[r->depth++] = (level){.group = g, .base = base, .name = name, .no = no};
}

/* ---- the order of the schema ---- */

/* Is all there that must stand before row `to` (which may be the end)? */
static int all_before(reader *r, size_t to) {
    const level *l = &r->open[r->depth - 1];
    for (size_t i = l->at; i < to; i++) {
        const cap__row *row = &l->group->rows[i];
        if (!row->needed || (i == l->at && l->seen)) continue;
        fail(r, row->name, line_of(r), "the required element is missing, or stands too late",
             "缺少必需的元素，或其位置过后");
        return -1;
    }
    return 0;
}

static int come_to(reader *r, size_t i) {
    level *l = &r->open[r->depth - 1];
    const cap__row *row = &l->group->rows[i];
    if (i < l->at) {
        fail(r, row->name, line_of(r), "it stands behind %s, and must stand before it", "它位于 %s 之后，应位于其前",
             l->group->rows[l->at].name);
        return -1;
    }
    if (i > l->at) {
        if (all_before(r, i)) return -1;
        l->at = i;
        l->seen = 0;
    }
    if (l->seen++ < row->most) return 0;
    if (row->most == 1)
        fail(r, row->name, line_of(r), "it stands there twice", "重复出现");
    else
        fail(r, row->name, line_of(r), "more than %zu of them", "超过 %zu 个", row->most);
    return -1;
}

/* ---- what 3.2 says beside the schema ---- */

static int is(const reader *r, const cap__group *g, const char *name) {
    return r->open[r->depth - 1].group == g && !strcmp(r->leaf->name, name);
}

/* Of an element that has just ended; what it depends on stands before it. */
static void leaf_rules(reader *r, jd_str s) {
    int says = !cap__empty(s);
    if (is(r, &cap__alert, "restriction") && says && !jd_str_is(r->cap.scope, "Restricted"))
        fail(r, "restriction", r->leaf_line, "it is for messages whose scope is Restricted",
             "仅用于 scope 为 Restricted 的消息");
    else if (!strcmp(r->leaf->name, "ceiling") &&
             !((const jd_cap_area *)(void *)r->open[r->depth - 1].base)->altitude.p)
        fail(r, "ceiling", r->leaf_line, "it takes an altitude beside it", "必须同时给出 altitude");
}

static void alert_rules(reader *r) {
    const jd_cap *c = &r->cap;
    if (jd_str_is(c->scope, "Restricted") && cap__empty(c->restriction))
        fail(r, "restriction", line_of(r), "the scope is Restricted, and nothing says to whom",
             "scope 为 Restricted，但未说明限制范围");
    else if (jd_str_is(c->scope, "Private") && cap__empty(c->addresses))
        fail(r, "addresses", line_of(r), "the scope is Private, and there is no address",
             "scope 为 Private，但没有收件地址");
    else if (!jd_str_is(c->msg_type, "Alert") && cap__empty(c->references))
        fail(r, "references", line_of(r), "the msgType is %.*s, and no earlier message is named",
             "msgType 为 %.*s，但未指明所涉的先前消息", JD_STR_ARG(c->msg_type));
}

static void resource_rules(reader *r, const jd_cap_resource *x) {
    if (cap__empty(x->uri) || cap__absolute(x->uri) || !cap__empty(x->deref_uri)) return;
    fail(r, "uri", line_of(r), "it is no absolute URI, and there is no derefUri that it could name",
         "不是绝对 URI，也没有它可指称的 derefUri");
}

/* ---- events ---- */

/* "http://namespace name" -> its two parts. */
static jd_str space_of(const char *name, const char **local) {
    const char *gap = strrchr(name, ' ');
    *local = gap ? gap + 1 : name;
    return (jd_str){name, gap ? (size_t)(gap - name) : 0};
}

static void other_namespace(reader *r, jd_str ns, const char *local) {
    if (jd_str_is(ns, "urn:oasis:names:tc:emergency:cap:1.1"))
        fail(r, r->depth ? local : NULL, line_of(r), "the message is CAP 1.1; only CAP 1.2 is read",
             "这是 CAP 1.1 的消息，只读取 CAP 1.2");
    else if (!ns.n)
        fail(r, r->depth ? local : NULL, line_of(r), "it is in no namespace; that of CAP 1.2 is %s",
             "不属于任何命名空间；CAP 1.2 的命名空间是 %s", CAP__NAMESPACE);
    else
        fail(r, r->depth ? local : NULL, line_of(r), "it is in the namespace %.*s; that of CAP 1.2 is %s",
             "属于命名空间 %.*s；CAP 1.2 的命名空间是 %s", JD_STR_ARG(cap__shown(ns)), CAP__NAMESPACE);
}

static int attributes_fit(reader *r, const char *local, const char **list) {
    for (; *list; list += 2) {
        if (!strcmp(*list, "http://www.w3.org/2001/XMLSchema-instance schemaLocation")) continue;
        const char *attribute;
        space_of(*list, &attribute);
        fail(r, local, line_of(r), "it has the attribute %.*s; CAP's elements have none",
             "带有属性 %.*s；CAP 的元素没有属性", NAME(attribute));
        return 0;
    }
    return 1;
}

static void root(reader *r, jd_str ns, const char *local, const char **list) {
    if (!jd_str_is(ns, CAP__NAMESPACE)) {
        other_namespace(r, ns, local);
    } else if (strcmp(local, "alert")) {
        fail(r, NULL, line_of(r), "the outermost element is %.*s, not alert", "最外层元素是 %.*s，不是 alert",
             NAME(local));
    } else if (attributes_fit(r, NULL, list)) {
        enter(r, &cap__alert, (char *)&r->cap, "alert", 0);
    }
}

static void within(reader *r, const char *local, const char **list) {
    level *l = &r->open[r->depth - 1];
    size_t i = 0;
    while (i < l->group->rows_n && strcmp(l->group->rows[i].name, local)) i++;
    if (i == l->group->rows_n) {
        fail(r, local, line_of(r), "%s has no such element", "%s 中没有这样的元素", l->name);
        return;
    }
    if (r->signature) {
        fail(r, local, line_of(r), "it stands behind the signature", "它位于签名之后");
        return;
    }
    const cap__row *row = &l->group->rows[i];
    if (!attributes_fit(r, local, list) || come_to(r, i)) return;
    if (row->kind == CAP__GROUP) {
        enter(r, row->group, append(r, l->base, row, row->group->size), row->name, l->seen - 1);
        return;
    }
    r->leaf = row;
    r->leaf_line = line_of(r);
    r->text.n = 0;
}

static void XMLCALL on_start(void *user, const char *name, const char **list) {
    reader *r = user;
    const char *local;
    jd_str ns = space_of(name, &local);
    if (r->failed) return;
    if (r->skipped) {
        if (++r->skipped > JD_CAP_SIGNATURE_DEPTH)
            fail(r, NULL, line_of(r), "a signature of more than %d elements within each other",
                 "签名的元素嵌套超过 %d 层", JD_CAP_SIGNATURE_DEPTH);
    } else if (r->leaf) {
        fail(r, r->leaf->name, line_of(r), "there is an element in its text: %.*s", "其文本中有元素：%.*s",
             NAME(local));
    } else if (!r->depth) {
        root(r, ns, local, list);
    } else if (jd_str_is(ns, CAP__NAMESPACE)) {
        within(r, local, list);
    } else if (jd_str_is(ns, CAP__SIGNATURES) && r->depth == 1) {
        if (all_before(r, cap__alert.rows_n)) return;
        r->signature = 1;
        r->skipped = 1;
    } else {
        other_namespace(r, ns, local);
    }
}

static void end_leaf(reader *r) {
    const cap__row *row = r->leaf;
    char *base = r->open[r->depth - 1].base;
    jd_str s = r->text.n ? jd_buf_view(&r->text) : JD_STR("");
    jd_time t = 0;
    if (cap__check(row, &s, &t, r->err)) {
        stop_at(r, row->name, r->leaf_line);
        return;
    }
    if (row->kind == CAP__TIME) {
        memcpy(base + row->at, &t, sizeof t);
    } else {
        char *to = row->most > 1 ? append(r, base, row, sizeof s) : base + row->at;
        s = jd_arena_dup(r->a, s);
        memcpy(to, &s, sizeof s);
    }
    leaf_rules(r, s);
    r->leaf = NULL;
}

static void XMLCALL on_end(void *user, const char *name) {
    reader *r = user;
    (void)name;
    if (r->failed) return;
    if (r->skipped) {
        r->skipped--;
        return;
    }
    if (r->leaf) {
        end_leaf(r);
        return;
    }
    const level *l = &r->open[r->depth - 1];
    if (all_before(r, l->group->rows_n)) return;
    if (r->depth == 1)
        alert_rules(r);
    else if (!strcmp(l->name, "resource"))
        resource_rules(r, (const jd_cap_resource *)(void *)l->base);
    if (!r->failed) r->depth--;
}

static void XMLCALL on_chars(void *user, const char *s, int n) {
    reader *r = user;
    if (r->failed || r->skipped) return;
    if (r->leaf) {
        jd_buf_add(&r->text, s, (size_t)n);
        return;
    }
    if (!cap__empty((jd_str){s, (size_t)n}))
        fail(r, NULL, line_of(r), "there is text between its elements", "其元素之间有文本");
}

static void XMLCALL no_doctype(void *user, const char *name, const char *sys, const char *pub, int internal) {
    reader *r = user;
    (void)name, (void)sys, (void)pub, (void)internal;
    if (!r->failed) fail(r, NULL, line_of(r), "a DOCTYPE is not taken", "不接受 DOCTYPE"); /* entities explode */
}

static int parse(reader *r, jd_str xml) {
    XML_SetUserData(r->xml, r);
    XML_SetElementHandler(r->xml, on_start, on_end);
    XML_SetCharacterDataHandler(r->xml, on_chars);
    XML_SetStartDoctypeDeclHandler(r->xml, no_doctype);
    if (XML_Parse(r->xml, xml.n ? xml.p : "", (int)xml.n, 1) == XML_STATUS_OK) return 0;
    if (r->failed) return -1;
    enum XML_Error e = XML_GetErrorCode(r->xml);
    if (e == XML_ERROR_UNKNOWN_ENCODING)
        fail(r, NULL, line_of(r), "the XML is in an encoding that is not read; UTF-8 is",
             "不支持该 XML 的编码，请使用 UTF-8");
    else
        fail(r, r->leaf ? r->leaf->name : NULL, line_of(r), "the XML is broken: %s", "XML 已损坏：%s",
             XML_ErrorString(e));
    return -1;
}

int jd_cap_read(jd_str xml, jd_arena *a, jd_cap *out, jd_err *err) {
    if (xml.n > JD_CAP_BYTES_MAX)
        return jd_fail(err, JD_E_TOO_LARGE, "a CAP message of more than %d bytes", "CAP 消息超过 %d 字节",
                       JD_CAP_BYTES_MAX);
    reader r = {.a = a, .err = err, .xml = XML_ParserCreateNS(NULL, ' ')};
    if (!r.xml) abort(); /* no memory */
    int rc = parse(&r, xml);
    XML_ParserFree(r.xml);
    jd_buf_fini(&r.text);
    if (!rc) *out = r.cap;
    return rc;
}

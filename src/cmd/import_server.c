/* Importing into a running Jindu: batches by POST /ngsi-ld/v1/entityOperations. A batch is either of entities that
 * carry an @context (application/ld+json) or of entities that do not (application/json and a Link header); it ends
 * where the other kind begins, so the order of the file is kept. */
#include "cmd/client.h"
#include "cmd/import.h"

#include <stdlib.h>

typedef struct item {
    size_t at, n; /* its text within the batch's body */
    uint64_t line;
    jd_str id; /* p NULL: none */
    int refused;
} item;

typedef struct server_sink {
    import_sink base;
    cmd_client *client;
    const char *path;
    jd_buf texts, body, answer, context; /* context: "@context":VALUE, of --context FILE */
    item items[IMPORT_BATCH];
    size_t n;
    int ld;         /* kind of the batch */
    jd_arena arena; /* ids */
} server_sink;

static server_sink *sink_of(import_sink *s) {
    return (server_sink *)s;
}

/* ---- answers ---- */

static void item_refused(server_sink *s, item *it, const jd_jval *problem) {
    jd_err err = {0};
    const jd_jval *detail = jd_jget(problem, "detail"), *where = jd_jget(problem, "place");
    if (!detail) detail = jd_jget(problem, "title");
    jd_str why = detail && detail->type == JD_JSTR ? jd_jstr(detail) : JD_STR("?");
    jd_fail(&err, JD_E_BAD_REQUEST_DATA, "%.*s", "%.*s", JD_STR_ARG(why));
    if (where && where->type == JD_JSTR) jd_fail_at(&err, "%.*s", (int)where->n, where->s);
    it->refused = 1;
    import_refuse(s->base.im, it->line, 1, &err);
}

/* The first item of that id that no error of this answer was about yet. */
static item *find(server_sink *s, size_t from, size_t to, const jd_jval *id) {
    for (size_t i = from; i < to; i++) {
        item *it = &s->items[i];
        int same = id && id->type == JD_JSTR ? it->id.p && jd_str_eq(it->id, jd_jstr(id)) : !it->id.p;
        if (same && !it->refused) return it;
    }
    return NULL;
}

/* BatchOperationResult (5.2.16). */
static int read_result(server_sink *s, size_t from, size_t to, jd_err *err) {
    jd_arena a;
    jd_arena_init(&a);
    jd_jval v;
    int rc = jd_json_parse(&a, jd_buf_view(&s->answer), NULL, &v, err);
    const jd_jval *errors = rc ? NULL : jd_jget(&v, "errors");
    for (uint32_t i = 0; errors && errors->type == JD_JARR && i < errors->n; i++) {
        item *it = find(s, from, to, jd_jget(&errors->items[i], "entityId"));
        if (it) item_refused(s, it, jd_jget(&errors->items[i], "error"));
    }
    jd_arena_fini(&a);
    return rc;
}

/* ---- sending ---- */

static void make_body(server_sink *s, size_t from, size_t to) {
    s->body.n = 0;
    jd_buf_c(&s->body, '[');
    for (size_t i = from; i < to; i++) {
        if (i > from) jd_buf_c(&s->body, ',');
        jd_buf_add(&s->body, s->texts.p + s->items[i].at, s->items[i].n);
    }
    jd_buf_c(&s->body, ']');
}

static int send_items(server_sink *s, size_t from, size_t to);

/* The server takes smaller bodies than these: halves, down to one. */
static int too_large(server_sink *s, size_t from, size_t to) {
    if (to - from == 1) {
        jd_err err;
        jd_fail(&err, JD_E_TOO_LARGE, "the entity is larger than the server takes", "实体超过服务端允许的大小");
        s->items[from].refused = 1;
        import_refuse(s->base.im, s->items[from].line, 1, &err);
        return CMD_OK;
    }
    size_t middle = from + (to - from) / 2;
    int code = send_items(s, from, middle);
    return code ? code : send_items(s, middle, to);
}

static int send_items(server_sink *s, size_t from, size_t to) {
    jd_err err = {0};
    long status = 0;
    make_body(s, from, to);
    cmd_ask q = {.path = s->path,
                 .content_type = s->ld ? "application/ld+json" : "application/json",
                 .body = jd_buf_view(&s->body),
                 .link = s->ld ? NULL : s->base.im->context_url};
    int rc = cmd_client_ask(s->client, &q, &status, &s->answer, &err);
    if (!rc && status == 413) return too_large(s, from, to);
    if (!rc && status == 207)
        rc = read_result(s, from, to, &err);
    else if (!rc && status != 201 && status != 204 && status != 200)
        rc = cmd_client_refused(status, jd_buf_view(&s->answer), &err);
    if (!rc) {
        for (size_t i = from; i < to; i++) s->base.im->done += !s->items[i].refused;
        return CMD_OK;
    }
    cmd_progress_hide(&s->base.im->progress);
    cmd_say("stopped at the entities of %s:%llu to %llu: %s", "停在 %s 第 %llu 至 %llu 行的实体：%s", s->base.im->file,
            (unsigned long long)s->items[from].line, (unsigned long long)s->items[to - 1].line, cmd_err_text(&err));
    return CMD_FAILED;
}

static int flush(import_sink *base) {
    server_sink *s = sink_of(base);
    int code = s->n ? send_items(s, 0, s->n) : CMD_OK;
    s->n = 0;
    s->texts.n = 0;
    jd_arena_reset(&s->arena);
    return code;
}

/* ---- records ---- */

/* Read here already, so that one broken line does not refuse its whole batch. 0 or -1; *id within the arena's text. */
static int look(server_sink *s, jd_arena *a, const cmd_record *r, jd_str *id, int *ld, jd_err *err) {
    jd_jval v;
    if (jd_json_parse(a, r->text, NULL, &v, err)) return -1;
    if (v.type != JD_JOBJ || !v.n)
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "an entity must be a JSON object with members",
                       "实体须为非空的 JSON 对象");
    const jd_jval *name = jd_jget(&v, "id");
    if (!name) name = jd_jget(&v, "@id");
    *id = name && name->type == JD_JSTR ? jd_arena_dup(&s->arena, jd_jstr(name)) : (jd_str){NULL, 0};
    *ld = jd_jget(&v, "@context") ? 1 : 0;
    return 0;
}

static void add_text(server_sink *s, jd_str text, int own_context) {
    item *it = &s->items[s->n - 1];
    it->at = s->texts.n;
    if (!own_context && s->context.n) {
        const char *brace = memchr(text.p, '{', text.n); /* there is one: the record is an object */
        size_t before = (size_t)(brace - text.p) + 1;
        jd_buf_c(&s->texts, '{');
        jd_buf_str(&s->texts, jd_buf_view(&s->context));
        jd_buf_c(&s->texts, ',');
        jd_buf_add(&s->texts, text.p + before, text.n - before);
    } else {
        jd_buf_str(&s->texts, text);
    }
    it->n = s->texts.n - it->at;
}

static int put(import_sink *base, const cmd_record *r) {
    server_sink *s = sink_of(base);
    jd_arena a;
    jd_arena_init(&a);
    jd_err err = {0};
    jd_str id;
    int own = 0, code = CMD_OK;
    int rc = look(s, &a, r, &id, &own, &err);
    jd_arena_fini(&a);
    if (rc) {
        import_refuse(base->im, r->line, r->column, &err);
        return CMD_OK;
    }
    int ld = own || s->context.n;
    if (s->n && (ld != s->ld || s->n == IMPORT_BATCH || s->texts.n + r->text.n > IMPORT_BATCH_BYTES)) {
        id = id.p ? (jd_str){jd_xstrdup(id), id.n} : id; /* flushing empties the arena that it lies in */
        code = flush(base);
        jd_str kept = id.p ? jd_arena_dup(&s->arena, id) : id;
        free((char *)(uintptr_t)id.p);
        id = kept;
    }
    s->ld = ld;
    s->items[s->n++] = (item){.line = r->line, .id = id};
    add_text(s, r->text, own);
    return code;
}

/* ---- open and close ---- */

static void close_sink(import_sink *base) {
    server_sink *s = sink_of(base);
    cmd_client_close(s->client);
    jd_buf_fini(&s->texts);
    jd_buf_fini(&s->body);
    jd_buf_fini(&s->answer);
    jd_buf_fini(&s->context);
    jd_arena_fini(&s->arena);
    free(s);
}

import_sink *import_into_server(importer *im, int *code) {
    server_sink *s = jd_xcalloc(1, sizeof *s);
    jd_err err = {0};
    const char *mode = im->set->mode;
    s->base = (import_sink){put, flush, close_sink, im};
    s->path = mode[0] == 'c'   ? "/ngsi-ld/v1/entityOperations/create"
              : mode[0] == 'r' ? "/ngsi-ld/v1/entityOperations/upsert?options=replace"
                               : "/ngsi-ld/v1/entityOperations/upsert?options=update";
    jd_arena_init(&s->arena);
    if (im->has_context) {
        jd_json_write_key(&s->context, JD_STR("@context"));
        jd_json_write(&s->context, &im->context);
    }
    s->client = cmd_client_open(im->set->url, im->set->tenant, &err);
    if (s->client) return &s->base;
    cmd_say_err(&err);
    close_sink(&s->base);
    *code = CMD_FAILED;
    return NULL;
}

/* Jindu's own API for whoever runs it. As long as there is no sign-in these routes work in --open mode alone, which is
 * bound to loopback. A body must be application/json: a page of another site cannot send that without being asked
 * first. */
#include "http/api_int.h"
#include "http/media.h"
#include "json/json.h"

#include <sys/stat.h>

static int path_of(const jd_req *r, jd_str *path, jd_err *err) {
    jd_jval v;
    if (!jd_media_is(jd_req_header(r, "Content-Type"), "application/json"))
        return jd_fail(err, JD_E_MEDIA_TYPE, "the body must be application/json", "请求体须为 application/json");
    if (jd_json_parse(r->arena, r->body, NULL, &v, err)) return -1;
    const jd_jval *p = jd_jget(&v, "path");
    if (!p || p->type != JD_JSTR || !p->n || p->s[0] != '/' || memchr(p->s, 0, p->n)) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "path must be the absolute path of a file that does not exist",
                "path 须为尚不存在的文件的绝对路径");
        return jd_fail_at(err, "path");
    }
    *path = jd_arena_dup(r->arena, jd_jstr(p));
    return 0;
}

/* POST /api/backup {"path": "/abs/file"}: 201 {"path", "bytes"} once the file is whole and synced. */
jd_turn api_backup(jd_req *r) {
    const jd_api *api = r->app;
    jd_err err = {0};
    jd_str path;
    struct stat st;
    if (!api->open) {
        jd_fail(&err, JD_E_NOT_SUPPORTED, "back-ups over HTTP need --open", "通过 HTTP 备份需要 --open 模式");
        return jd_req_fail(r, &err);
    }
    if (path_of(r, &path, &err)) return jd_req_fail(r, &err);
    if (!r->may_block) return JD_MAY_BLOCK;
    if (jd_engine_backup(api->engine, path.p, NULL, NULL, &err)) return jd_req_fail(r, &err);
    jd_buf_z(&r->out, "{\"path\":");
    jd_json_write_str(&r->out, path);
    jd_buf_printf(&r->out, ",\"bytes\":%lld}", stat(path.p, &st) == 0 ? (long long)st.st_size : 0LL);
    r->type = "application/json";
    r->status = 201;
    return JD_ANSWER;
}

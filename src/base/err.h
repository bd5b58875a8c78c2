/* base/err.h - one error type for all rooms: what kind, where, and why, in English and Chinese.
 * A function that can fail returns 0 or -1 and fills the caller's jd_err on failure; results are untouched then.
 * The kinds are those of ETSI GS CIM 009 clause 5.5.2 and 6.3.2 plus what HTTP itself needs. */
#ifndef JD_BASE_ERR_H
#define JD_BASE_ERR_H
#include "base/arena.h"

#include <stdarg.h>

/* name, HTTP status, last part of the type URI, English title, Chinese title */
#define JD_ERR_MAP(X)                                                                            \
    X(INVALID_REQUEST, 400, "InvalidRequest", "Invalid request", "请求无效")                     \
    X(BAD_REQUEST_DATA, 400, "BadRequestData", "Bad request data", "请求数据有误")               \
    X(TOO_COMPLEX_QUERY, 403, "TooComplexQuery", "Query too complex", "查询过于复杂")            \
    X(TOO_MANY_RESULTS, 403, "TooManyResults", "Too many results", "结果过多")                   \
    X(NOT_FOUND, 404, "ResourceNotFound", "Resource not found", "资源不存在")                    \
    X(NO_TENANT, 404, "NonexistentTenant", "Tenant does not exist", "租户不存在")                \
    X(METHOD, 405, "InvalidRequest", "Method not allowed", "方法不允许")                         \
    X(NOT_ACCEPTABLE, 406, "InvalidRequest", "Not acceptable", "无法给出所要的格式")             \
    X(ALREADY_EXISTS, 409, "AlreadyExists", "Already exists", "已存在")                          \
    X(CONFLICT, 409, "Conflict", "Conflict", "冲突")                                             \
    X(LENGTH_REQUIRED, 411, "InvalidRequest", "Length required", "缺少 Content-Length")          \
    X(PRECONDITION, 412, "PreconditionFailed", "Precondition failed", "前置条件不满足")          \
    X(TOO_LARGE, 413, "InvalidRequest", "Content too large", "内容过大")                         \
    X(URI_TOO_LONG, 414, "InvalidRequest", "URI too long", "地址过长")                           \
    X(MEDIA_TYPE, 415, "InvalidRequest", "Unsupported media type", "不支持的媒体类型")           \
    X(NOT_SUPPORTED, 422, "OperationNotSupported", "Operation not supported", "不支持的操作")    \
    X(HEADERS_TOO_LARGE, 431, "InvalidRequest", "Request header fields too large", "请求头过大") \
    X(INTERNAL, 500, "InternalError", "Internal error", "内部错误")                              \
    X(UNKNOWN_OUTCOME, 500, "InternalError", "Outcome unknown", "结果未知")                      \
    X(NOT_BUILT, 501, "OperationNotSupported", "Not implemented", "尚未实现")                    \
    X(BUSY, 503, "InternalError", "Service unavailable", "服务繁忙")                             \
    X(CONTEXT, 504, "LdContextNotAvailable", "@context not available", "@context 无法取得")      \
    X(STORAGE_FULL, 507, "InternalError", "Insufficient storage", "存储空间不足")

typedef enum jd_errcode {
    JD_E_OK = 0,
#define X(name, status, uri, en, zh) JD_E_##name,
    JD_ERR_MAP(X)
#undef X
        JD_E_COUNT
} jd_errcode;

typedef struct jd_err {
    jd_errcode code;
    char en[400], zh[400]; /* detail, whole UTF-8 characters */
    char place[200];       /* member path, column, file:line - or empty */
} jd_err;

/* Nothing is wrong. The texts are emptied, not cleared: an error is a kilobyte, too much for what is done per reading.
 */
static inline void jd_err_none(jd_err *e) {
    e->code = JD_E_OK;
    e->en[0] = e->zh[0] = e->place[0] = 0;
}

/* Fills *e (may be NULL) with a detail in both languages; both formats take the same arguments in the same order.
 * Clears the place. Always returns -1, so that `return jd_fail(...)` reads well. */
int jd_fail(jd_err *e, jd_errcode code, const char *en, const char *zh, ...)
    __attribute__((format(printf, 3, 5), format(printf, 4, 5)));
int jd_failv(jd_err *e, jd_errcode code, const char *en, const char *zh, va_list args)
    __attribute__((format(printf, 3, 0), format(printf, 4, 0)));
/* Sets the place unless one is set already (the innermost one wins). Returns -1. */
int jd_fail_at(jd_err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

int jd_err_status(jd_errcode code);      /* HTTP status */
const char *jd_err_uri(jd_errcode code); /* whole type URI, https://uri.etsi.org/ngsi-ld/errors/... */
const char *jd_err_title(jd_errcode code, int zh);

enum { JD_SHOWN = 40 };
/* What a message may show of a text: its beginning, in whole characters, with '?' for what cannot be shown. */
void jd_show(jd_str text, char out[JD_SHOWN]);
#endif

/* cmd/client.h - asking a running Jindu over HTTP (libcurl), one request at a time on one kept connection.
 * Threads: one owner. Fails: JD_E_INTERNAL when the server cannot be reached. */
#ifndef JD_CMD_CLIENT_H
#define JD_CMD_CLIENT_H
#include "base/buf.h"
#include "base/err.h"

typedef struct cmd_client cmd_client;
int cmd_client_is_url(const char *url); /* http:// or https:// */
/* url: http://host:port, a path behind it is kept. tenant may be NULL. */
cmd_client *cmd_client_open(const char *url, const char *tenant, jd_err *err);
void cmd_client_close(cmd_client *c);

typedef struct cmd_ask {
    const char *path;         /* with its query, behind the url */
    const char *content_type; /* NULL: GET; else POST of body */
    const char *method;       /* NULL: as above */
    jd_str body;
    const char *accept;
    const char *link; /* URL of an @context for the Link header, or NULL */
} cmd_ask;
/* 0 when there is an answer, whatever its status; *out (emptied first) is its body. A 503 is asked again for a while.
 */
int cmd_client_ask(cmd_client *c, const cmd_ask *ask, long *status, jd_buf *out, jd_err *err);
/* Makes an error of an answer that is none of those wanted: ProblemDetails, or the status alone. Always -1. */
int cmd_client_refused(long status, jd_str body, jd_err *err);
/* text, percent-encoded for a query, into *out */
void cmd_client_encode(jd_buf *out, const char *text);
#endif

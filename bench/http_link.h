/* bench/http_link.h - one blocking HTTP/1.1 connection to 127.0.0.1: a question, its whole answer. For programs that
 * ask one thing at a time; load.h is for many at once. A failure ends the program with what was said. */
#ifndef JD_BENCH_HTTP_LINK_H
#define JD_BENCH_HTTP_LINK_H
#include "bench.h"

typedef struct http_link {
    int fd;
    unsigned port;
    jd_buf head, in;
    jd_str body; /* of the last answer; until the next question */
    int status;
} http_link;

void http_open(http_link *h, unsigned port);
void http_close(http_link *h);
/* type NULL: no body. Returns the status. */
int http_ask(http_link *h, const char *method, const char *target, const char *type, jd_str body);
/* As http_ask, ending the program unless the status is 2xx. */
void http_must(http_link *h, const char *method, const char *target, const char *type, jd_str body);
/* Appends text with all but letters, digits and -_.~ as %XX. */
void http_escape(jd_buf *out, const char *text);
#endif

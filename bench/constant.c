/* The ceiling: the HTTP library alone. Answers every GET with the same 1 kB entity, and every other method with 204
 * once the body is there, from as many threads as the door uses.   constant PORT */
#include "bench.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <unistd.h>

static char body[1024];
static size_t body_n;

static enum MHD_Result answer(void *cls, struct MHD_Connection *c, const char *url, const char *method,
                              const char *version, const char *data, size_t *size, void **state) {
    (void)cls, (void)url, (void)version, (void)data;
    static int seen;
    if (!*state) { /* answered on the second call: the library closes a connection that is answered on the first */
        *state = &seen;
        return MHD_YES;
    }
    if (*size) {
        *size = 0;
        return MHD_YES;
    }
    int get = method[0] == 'G';
    struct MHD_Response *r =
        MHD_create_response_from_buffer(get ? body_n : 0, get ? body : NULL, MHD_RESPMEM_PERSISTENT);
    if (get) MHD_add_response_header(r, "Content-Type", "application/json");
    enum MHD_Result rc = MHD_queue_response(c, get ? 200 : 204, r);
    MHD_destroy_response(r);
    return rc;
}

int main(int argc, char **argv) {
    if (argc < 2) bench_die("usage: constant PORT");
    jd_buf b = {0};
    bench_entity(&b, 1, 1);
    body_n = b.n < sizeof body ? b.n : sizeof body;
    memcpy(body, b.p, body_n);
    jd_buf_fini(&b);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct MHD_Daemon *d = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, (uint16_t)atoi(argv[1]), NULL, NULL, answer,
                                            NULL, MHD_OPTION_THREAD_POOL_SIZE,
                                            (unsigned)(cores > 8   ? 8
                                                       : cores < 2 ? 2
                                                                   : cores),
                                            MHD_OPTION_CONNECTION_LIMIT, 1000u, MHD_OPTION_END);
    if (!d) bench_die("cannot listen on port %s", argv[1]);
    pause();
    return 0;
}

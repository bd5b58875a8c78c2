/* The ceiling of links: the same loop (accept, read, find the frames), and a constant answer for each. Nothing is read
 * of a frame and nothing kept.   link_fixed PORT */
#include "bench.h"
#include "link/protocol.h"

#include <stdlib.h>
#include <uv.h>

enum { READ_BYTES = 64 << 10 };

typedef struct line {
    uv_tcp_t tcp;
    jd_buf in, out;
} line;

static char room[READ_BYTES];
static const jd_link_set set = {.field = 1};
/* 8001 to 013800000000: serial 1 answers serial 1 of 0200 with "done". */
static const char done[] = "\x7e\x80\x01\x00\x05\x01\x38\x00\x00\x00\x00\x00\x01\x00\x01\x02\x00\x00\xbf\x7e";

static void on_closed(uv_handle_t *h) {
    line *l = h->data;
    jd_buf_fini(&l->in);
    jd_buf_fini(&l->out);
    free(l);
}

static void give_room(uv_handle_t *h, size_t want, uv_buf_t *buf) {
    (void)h, (void)want;
    *buf = uv_buf_init(room, READ_BYTES);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf) {
    line *l = s->data;
    if (n == 0) return;
    if (n < 0) {
        uv_close((uv_handle_t *)&l->tcp, on_closed);
        return;
    }
    jd_buf_add(&l->in, buf->base, (size_t)n);
    size_t at = 0;
    while (at < l->in.n) {
        jd_found found = {0};
        jd_jt808.find(&set, (jd_str){l->in.p + at, l->in.n - at}, &found);
        at += found.skip + found.n;
        if (found.n)
            jd_buf_add(&l->out, done, sizeof done - 1);
        else if (!found.skip)
            break;
    }
    if (at) memmove(l->in.p, l->in.p + at, l->in.n - at);
    l->in.n -= at;
    uv_buf_t answer = uv_buf_init(l->out.p, (unsigned)l->out.n);
    if (l->out.n && uv_try_write(s, &answer, 1) != (int)l->out.n) bench_die("link_fixed: a peer does not read");
    l->out.n = 0;
}

static void on_connection(uv_stream_t *listener, int status) {
    if (status < 0) return;
    line *l = jd_xcalloc(1, sizeof *l);
    l->tcp.data = l;
    uv_tcp_init(listener->loop, &l->tcp);
    if (uv_accept(listener, (uv_stream_t *)&l->tcp)) {
        uv_close((uv_handle_t *)&l->tcp, on_closed);
        return;
    }
    uv_tcp_nodelay(&l->tcp, 1);
    uv_read_start((uv_stream_t *)&l->tcp, give_room, on_read);
}

int main(int argc, char **argv) {
    if (argc < 2) bench_die("usage: link_fixed PORT");
    uv_tcp_t listener;
    struct sockaddr_in at;
    uv_tcp_init(uv_default_loop(), &listener);
    uv_ip4_addr("127.0.0.1", atoi(argv[1]), &at);
    if (uv_tcp_bind(&listener, (const struct sockaddr *)&at, 0) ||
        uv_listen((uv_stream_t *)&listener, 1024, on_connection))
        bench_die("link_fixed: cannot listen on port %s", argv[1]);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

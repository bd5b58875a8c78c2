#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void jd_buf_fini(jd_buf *b) {
    free(b->p);
    *b = (jd_buf){0};
}

void jd_buf_grow(jd_buf *b, size_t more) {
    size_t cap = b->cap ? b->cap * 2 : 256;
    if (cap < b->n + more) cap = b->n + more;
    b->p = jd_xrealloc(b->p, cap);
    b->cap = cap;
}

void jd_buf_printf(jd_buf *b, const char *fmt, ...) {
    for (;;) {
        size_t room = b->cap - b->n;
        va_list ap;
        va_start(ap, fmt);
        int n = vsnprintf(b->p ? b->p + b->n : NULL, room, fmt, ap);
        va_end(ap);
        if (n < 0) return;
        if ((size_t)n < room) {
            b->n += (size_t)n;
            return;
        }
        jd_buf_grow(b, (size_t)n + 1);
    }
}

char *jd_buf_take(jd_buf *b, size_t *n) {
    char *p = b->p;
    if (n) *n = b->n;
    *b = (jd_buf){0};
    return p;
}

#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static _Atomic int least = JD_LOG_INFO;

void jd_log_level(jd_loglevel l) {
    atomic_store(&least, (int)l);
}

void jd_log(jd_loglevel level, const char *event, const char *fmt, ...) {
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if ((int)level < atomic_load(&least)) return;
    char line[1024], ts[JD_TIME_TEXT_MAX];
    jd_time_print(jd_now(), 3, ts);
    int n = snprintf(line, sizeof line, "%s %s %s ", ts, names[level], event);
    va_list ap;
    va_start(ap, fmt);
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
    va_end(ap);
    size_t len = (size_t)n + (m < 0 ? 0 : (size_t)m);
    if (len > sizeof line - 2) len = sizeof line - 2;
    for (size_t i = 0; i < len; i++)
        if (line[i] == '\n' || line[i] == '\r') line[i] = ' ';
    line[len++] = '\n';
    ssize_t put = write(STDERR_FILENO, line, len);
    (void)put; /* nowhere left to say it */
}

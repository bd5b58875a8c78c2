/* One line that is drawn over itself. Nothing at all when stderr is no terminal: pipes and logs stay clean. */
#include "base/clock.h"
#include "cmd/cmd.h"

#include <stdio.h>
#include <unistd.h>

enum { DRAW_EVERY_MS = 150 };

void cmd_bytes_text(uint64_t n, char out[24]) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double v = (double)n;
    size_t u = 0;
    while (v >= 1000 && u + 1 < CMD_COUNT_OF(units)) v /= 1000, u++;
    snprintf(out, 24, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

void cmd_progress_begin(cmd_progress *p, const char *doing, const char *rows) {
    *p = (cmd_progress){.on = isatty(STDERR_FILENO), .rows = rows, .doing = doing, .began_ns = jd_mono_ns()};
}

double cmd_progress_seconds(const cmd_progress *p) {
    return (double)(jd_mono_ns() - p->began_ns) / 1e9;
}

void cmd_progress_hide(cmd_progress *p) {
    if (p->on && p->drawn_ns) fputs("\r\033[K", stderr);
    p->drawn_ns = 0;
}

void cmd_progress_at(cmd_progress *p, uint64_t done, uint64_t total, uint64_t rows) {
    uint64_t now = jd_mono_ns();
    if (!p->on || now - p->drawn_ns < (uint64_t)DRAW_EVERY_MS * 1000000) return;
    p->drawn_ns = now;
    double s = cmd_progress_seconds(p);
    char did[24], all[24], rate[24];
    cmd_bytes_text(done, did);
    cmd_bytes_text(total, all);
    cmd_bytes_text(s > 0.1 ? (uint64_t)((double)done / s) : 0, rate);
    fprintf(stderr, "\r\033[K%s", p->doing);
    if (total)
        fprintf(stderr, "  %3.0f %%  %s / %s", 100.0 * (double)done / (double)total, did, all);
    else if (done)
        fprintf(stderr, "  %s", did);
    if (done) fprintf(stderr, "  %s/s", rate);
    if (p->rows)
        fprintf(stderr, "  %llu %s  %.0f/s", (unsigned long long)rows, p->rows, s > 0.1 ? (double)rows / s : 0);
    fflush(stderr);
}

void cmd_progress_store(void *p, uint64_t done, uint64_t total) {
    cmd_progress_at(p, done, total, 0);
}

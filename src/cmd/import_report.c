/* What came of an import of tables, for people: a line for the whole, one for each attribute, the reasons of refusals.
 */
#include "base/clock.h"
#include "cmd/import_table.h"

#include <stdarg.h>
#include <string.h>

static unsigned long long u(uint64_t v) {
    return v;
}

void import_report_reasons(FILE *to, const jd_feed_report *r) {
    const char *lead = cmd_word("refused: ", "拒绝：");
    for (int i = 0; i < JD_REFUSED_COUNT; i++) {
        if (!r->reasons[i]) continue;
        fprintf(to, "%s%llu %s", lead, u(r->reasons[i]), jd_refused_text((jd_refused)i, cmd_zh()));
        lead = cmd_word("; ", "；");
    }
    if (*lead == ';' || (unsigned char)*lead == 0xEF) fputc('\n', to);
}

static const char *time_text(jd_time t, char out[JD_TIME_TEXT_MAX + 1]) {
    if (t == JD_TIME_NONE) return "";
    out[jd_time_print(t, -1, out)] = 0;
    return out;
}

/* Columns on the screen: a Chinese character takes two. */
static size_t width(const char *s, size_t n) {
    size_t w = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        w += (c & 0xC0) != 0x80 ? c >= 0xE2 ? 2 : 1 : 0;
    }
    return w;
}

static void cell(FILE *to, const char *s, size_t n, size_t wide, int right) {
    size_t w = width(s, n);
    if (right)
        for (size_t i = w; i < wide; i++) fputc(' ', to);
    fwrite(s, 1, n, to);
    if (!right)
        for (size_t i = w; i < wide; i++) fputc(' ', to);
}

static void attributes(FILE *to, const jd_feed_report *r) {
    static const char *const heads[][2] = {{"readings", "读数"}, {"missing", "缺失"}, {"refused", "拒绝"},
                                           {"late", "迟到"},     {"least", "最小"},   {"most", "最大"}};
    size_t wide = 10;
    for (size_t i = 0; i < r->attrs_n; i++) {
        size_t w = width(r->attrs[i].name.p, r->attrs[i].name.n);
        if (w > wide) wide = w;
    }
    cell(to, cmd_word("attribute", "属性"), strlen(cmd_word("attribute", "属性")), wide, 0);
    for (size_t i = 0; i < 6; i++) {
        const char *head = heads[i][cmd_zh()];
        fputc(' ', to);
        cell(to, head, strlen(head), i < 4 ? 10 : 14, 1);
    }
    fprintf(to, "  %s\n", cmd_word("first .. last", "最早 .. 最晚"));
    for (size_t i = 0; i < r->attrs_n; i++) {
        const jd_feed_attr *a = &r->attrs[i];
        char first[JD_TIME_TEXT_MAX + 1], last[JD_TIME_TEXT_MAX + 1];
        cell(to, a->name.p, a->name.n, wide, 0);
        fprintf(to, " %10llu %10llu %10llu %10llu %14.14s %14.14s", u(a->given), u(a->missing), u(a->refused),
                u(a->late), a->has_range ? a->least_text : "", a->has_range ? a->most_text : "");
        if (a->first != JD_TIME_NONE) fprintf(to, "  %s .. %s", time_text(a->first, first), time_text(a->last, last));
        fputc('\n', to);
    }
}

__attribute__((format(printf, 2, 4), format(printf, 3, 4))) static void say(FILE *to, const char *en, const char *zh,
                                                                            ...) {
    va_list ap;
    va_start(ap, zh);
    vfprintf(to, cmd_zh() ? zh : en, ap);
    va_end(ap);
    fputc('\n', to);
}

void import_report(FILE *to, const jd_feed_report *r, const import_told *told) {
    double s = told->seconds, rate = s > 0.001 ? (double)r->readings / s : 0.0;
    attributes(to, r);
    import_report_reasons(to, r);
    say(to, "rows: %llu read, %llu passed over by skip, %llu without a reading, %llu refused whole, %llu in part",
        "行：读取 %llu，按 skip 略过 %llu，无读数 %llu，整行拒绝 %llu，部分拒绝 %llu", u(r->rows), u(r->skipped),
        u(r->empty), u(r->refused_rows), u(r->touched_rows - r->refused_rows));
    say(to, "keys that repeat: %llu with the same value, %llu with another; late readings: %llu",
        "重复的键：值相同 %llu，值不同 %llu；迟到的读数：%llu", u(r->repeated_same), u(r->repeated_other), u(r->late));
    if (told->dry)
        say(to, "%llu readings of %llu entities from %llu tables would be imported, %.1f s (%.0f/s)",
            "可导入读数 %llu 个、实体 %llu 个、数据表 %llu 个，用时 %.1f 秒（每秒 %.0f 个）", u(r->readings),
            u(r->entities), u(told->tables), s, rate);
    else
        say(to, "%llu readings of %llu entities from %llu tables imported, %.1f s (%.0f/s)",
            "导入读数 %llu 个、实体 %llu 个、数据表 %llu 个，用时 %.1f 秒（每秒 %.0f 个）", u(r->readings),
            u(r->entities), u(told->tables), s, rate);
}

/* What became of a table, as JSON; texts for people in both languages. */
#include "link/tables_int.h"

#include <stdlib.h>

static void member(jd_buf *out, const char *name, uint64_t n) {
    jd_buf_printf(out, ",\"%s\":%llu", name, (unsigned long long)n);
}

static void text(jd_buf *out, const char *name, jd_str s) {
    jd_buf_printf(out, ",\"%s\":", name);
    jd_json_write_str(out, s);
}

static void time_member(jd_buf *out, const char *name, jd_time t) {
    char z[JD_TIME_TEXT_MAX];
    if (t != JD_TIME_NONE) text(out, name, (jd_str){z, jd_time_print(t, -1, z)});
}

static void both(jd_buf *out, const char *en, const char *zh) {
    text(out, "reason", jd_str_of(en));
    text(out, "reasonZh", jd_str_of(zh));
}

static void attributes(const jd_feed_report *r, jd_buf *out) {
    jd_buf_z(out, ",\"attributes\":[");
    for (size_t i = 0; i < r->attrs_n; i++) {
        const jd_feed_attr *a = &r->attrs[i];
        jd_buf_z(out, i ? ",{\"name\":" : "{\"name\":");
        jd_json_write_str(out, a->name);
        member(out, "readings", a->given);
        member(out, "missing", a->missing);
        member(out, "refused", a->refused);
        member(out, "late", a->late);
        if (a->has_range) text(out, "least", jd_str_of(a->least_text));
        if (a->has_range) text(out, "most", jd_str_of(a->most_text));
        time_member(out, "first", a->first);
        time_member(out, "last", a->last);
        jd_buf_c(out, '}');
    }
    jd_buf_c(out, ']');
}

static void refusals(const tables_told *x, jd_buf *out) {
    const jd_feed_report *r = x->report;
    int n = 0;
    jd_buf_z(out, ",\"refused\":[");
    for (int i = 0; i < JD_REFUSED_COUNT; i++) {
        if (!r->reasons[i]) continue;
        jd_buf_printf(out, "%s{\"count\":%llu", n++ ? "," : "", (unsigned long long)r->reasons[i]);
        both(out, jd_refused_text((jd_refused)i, 0), jd_refused_text((jd_refused)i, 1));
        jd_buf_c(out, '}');
    }
    jd_buf_z(out, "],\"firstRefused\":[");
    for (size_t i = 0; i < x->notes_n; i++) {
        const tables_note *k = &x->notes[i];
        jd_buf_printf(out, "%s{\"line\":%llu,\"column\":%llu,\"whole\":%s", i ? "," : "", (unsigned long long)k->line,
                      (unsigned long long)k->column, k->whole ? "true" : "false");
        both(out, k->en, k->zh);
        jd_buf_c(out, '}');
    }
    jd_buf_c(out, ']');
    member(out, "readingsNotTaken", x->not_taken);
    if (!x->faults_n) return;
    jd_buf_z(out, ",\"notTaken\":[");
    for (size_t i = 0; i < x->faults_n; i++) {
        const tables_fault *k = &x->faults[i];
        jd_buf_printf(out, "%s{\"readings\":%u", i ? "," : "", k->readings);
        text(out, "entity", jd_str_of(k->entity));
        both(out, k->en, k->zh);
        jd_buf_c(out, '}');
    }
    jd_buf_c(out, ']');
}

static void counts(const tables_told *x, jd_buf *out) {
    const jd_feed_report *r = x->report;
    member(out, "rows", r->rows);
    member(out, "readings", r->readings);
    member(out, "entities", r->entities);
    member(out, "rowsSkipped", r->skipped);
    member(out, "rowsEmpty", r->empty);
    member(out, "rowsRefused", r->refused_rows);
    member(out, "rowsRefusedInPart", r->touched_rows - r->refused_rows);
    member(out, "cellsRefused", r->refused_cells);
    member(out, "late", r->late);
    member(out, "repeatedSame", r->repeated_same);
    member(out, "repeatedOther", r->repeated_other);
    member(out, "setAside", x->aside->rows);
    if (x->aside->cut) member(out, "notSetAside", x->aside->cut);
    jd_buf_printf(out, ",\"seconds\":%.3f", x->seconds);
}

void tables_report(const tables_told *x, jd_buf *out) {
    jd_buf_printf(out, "{\"state\":\"%s\"", x->state);
    if (x->id) text(out, "id", jd_str_of(x->id));
    text(out, "name", x->name);
    text(out, "mapping", x->mapping);
    if (x->tenant.n) text(out, "tenant", x->tenant);
    text(out, "from", jd_str_of(x->origin));
    time_member(out, "at", x->at);
    if (x->why) {
        both(out, x->why->en, x->why->zh);
        if (x->why->place[0]) text(out, "place", jd_str_of(x->why->place));
    }
    if (x->report) {
        counts(x, out);
        refusals(x, out);
        attributes(x->report, out);
    }
    jd_buf_c(out, '}');
}

void tables_told_fini(tables_told *x) {
    for (size_t i = 0; i < x->notes_n; i++) {
        free(x->notes[i].en);
        free(x->notes[i].zh);
    }
    for (size_t i = 0; i < x->faults_n; i++) {
        free(x->faults[i].entity);
        free(x->faults[i].en);
        free(x->faults[i].zh);
    }
    x->notes_n = x->faults_n = 0;
}

void tables_report_brief(jd_str report, jd_buf *out) {
    static const char *const long_ones[] = {"attributes", "firstRefused", "notTaken"};
    jd_arena a;
    jd_jval v;
    jd_err err;
    jd_arena_init(&a);
    if (!jd_json_parse(&a, report, NULL, &v, &err) && v.type == JD_JOBJ) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < v.n; i++) {
            int is_long = 0;
            for (size_t k = 0; k < sizeof long_ones / sizeof *long_ones; k++)
                is_long |= jd_str_is(v.members[i].name, long_ones[k]);
            if (!is_long) v.members[n++] = v.members[i];
        }
        v.n = n;
        jd_json_write(out, &v);
    } else {
        jd_buf_z(out, "{}");
    }
    jd_arena_fini(&a);
}

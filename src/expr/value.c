/* Values as text. */
#include "base/number.h"
#include "expr/expr_int.h"

#include <math.h>
#include <stdio.h>

void expr__digits(double v, int digits, jd_buf *out) {
    char text[400];
    int n = snprintf(text, sizeof text, "%.*f", digits, v);
    size_t i = 0;
    if (n < 0 || (size_t)n >= sizeof text) n = 0;
    while (text[i] == '-' || text[i] == '0' || text[i] == '.') i++;
    int zero = i >= (size_t)n; /* "-0.0" is "0.0" */
    jd_buf_add(out, text + (zero && text[0] == '-'), (size_t)n - (zero && text[0] == '-'));
}

static void put_number(double v, jd_buf *out) {
    char text[JD_NUMBER_TEXT_MAX];
    if (isfinite(v)) jd_buf_add(out, text, jd_number_print(v, text));
}

/* As the language reads it: 1h30min; what is less than a millisecond as its fraction. */
static void put_duration(int64_t us, jd_buf *out) {
    static const struct {
        const char *name;
        uint64_t us;
    } units[] = {{"d", 86400000000}, {"h", 3600000000}, {"min", 60000000}, {"s", 1000000}};
    uint64_t rest = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    if (!us) jd_buf_z(out, "0s");
    if (us < 0) jd_buf_c(out, '-');
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (rest < units[i].us) continue;
        jd_buf_printf(out, "%llu%s", (unsigned long long)(rest / units[i].us), units[i].name);
        rest %= units[i].us;
    }
    if (!rest) return;
    put_number((double)rest / 1000, out);
    jd_buf_z(out, "ms");
}

static void put_place(const jd_shape *s, jd_buf *out) {
    static const char *const kinds[] = {"Point",   "MultiPoint",   "LineString",        "MultiLineString",
                                        "Polygon", "MultiPolygon", "GeometryCollection"};
    double lon, lat;
    if (!jd_shape_point(s, &lon, &lat)) {
        jd_buf_z(out, kinds[jd_shape_type(s)]);
        return;
    }
    put_number(lon, out);
    jd_buf_c(out, ',');
    put_number(lat, out);
}

void jd_xval_text(const jd_xval *v, jd_buf *out) {
    char time[JD_TIME_TEXT_MAX];
    switch (v->type) {
    case JD_X_NUM: put_number(v->num, out); return;
    case JD_X_TEXT: jd_buf_str(out, v->text); return;
    case JD_X_BOOL: jd_buf_z(out, v->yes ? "true" : "false"); return;
    case JD_X_DURATION: put_duration(v->us, out); return;
    case JD_X_TIME: jd_buf_add(out, time, jd_time_print(v->us, -1, time)); return;
    case JD_X_PLACE: put_place(v->place, out); return;
    case JD_X_NUMS:
    case JD_X_TEXTS:
        for (uint32_t i = 0; i < v->n; i++) {
            if (i) jd_buf_z(out, ", ");
            if (v->type == JD_X_NUMS)
                put_number(v->nums[i], out);
            else
                jd_buf_str(out, v->texts[i]);
        }
        return;
    default: jd_buf_z(out, "–");
    }
}

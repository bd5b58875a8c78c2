#include "history_sets.h"

#include <stdlib.h>
#include <time.h>

/* ---- a table of cells ---- */

enum { CELLS_MAX = 1024 };
typedef struct table {
    jd_str text; /* what has not been read */
    char separator;
    jd_str raw[CELLS_MAX], cell[CELLS_MAX]; /* as it stands in the file, and without its quotes */
    jd_str head[CELLS_MAX];
    int n, head_n;
} table;

static jd_str read_file(jd_arena *a, const char *folder, const char *name) {
    jd_str path = jd_arena_printf(a, "%s/%s", folder, name);
    FILE *f = fopen(path.p, "rb");
    if (!f) return (jd_str){NULL, 0};
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    rewind(f);
    char *p = jd_arena_alloc(a, n + 1);
    if (fread(p, 1, n, f) != n) bench_die("cannot read %s", path.p);
    fclose(f);
    p[n] = 0;
    return (jd_str){p, n};
}

/* Next row; 0 at the end. These files have no line breaks within quotes and no quotes within text. */
static int next_row(table *t) {
    if (!t->text.n) return 0;
    const char *end = memchr(t->text.p, '\n', t->text.n), *p = t->text.p;
    if (!end) end = t->text.p + t->text.n;
    const char *stop = end > p && end[-1] == '\r' ? end - 1 : end;
    t->n = 0;
    for (;;) {
        const char *q = p;
        int quoted = p < stop && *p == '"';
        if (quoted)
            for (q = p + 1; q < stop && *q != '"'; q++) {}
        while (q < stop && *q != t->separator) q++;
        if (t->n == CELLS_MAX) bench_die("too many columns");
        t->raw[t->n] = (jd_str){p, (size_t)(q - p)};
        t->cell[t->n++] = quoted ? (jd_str){p + 1, (size_t)(q - p) - 2} : (jd_str){p, (size_t)(q - p)};
        if (q == stop) break;
        p = q + 1;
    }
    size_t used = (size_t)(end - t->text.p) + (end < t->text.p + t->text.n);
    t->text.p += used;
    t->text.n -= used;
    return 1;
}

static int open_table(table *t, bench_set *s, const char *folder, const char *name, char separator) {
    t->text = read_file(&s->arena, folder, name);
    t->separator = separator;
    if (!t->text.p || !next_row(t)) return -1;
    memcpy(t->head, t->cell, sizeof t->head);
    t->head_n = t->n;
    return 0;
}

static int column(const table *t, const char *name) {
    for (int i = 0; i < t->head_n; i++)
        if (jd_str_is(t->head[i], name)) return i;
    return -1;
}

/* ---- building a set ---- */

typedef struct builder {
    bench_set *s;
    size_t entities_cap, series_cap, readings_cap;
} builder;

static void *grow(void *p, size_t n, size_t *cap, size_t size) {
    if (n < *cap) return p;
    *cap = *cap ? *cap * 2 : 64;
    return jd_xrealloc(p, *cap * size);
}

static uint32_t entity_of(builder *b, jd_str id) {
    bench_set *s = b->s;
    for (size_t i = s->entities_n; i-- > 0;)
        if (jd_str_eq(s->entities[i].id, id)) return (uint32_t)i;
    s->entities = grow(s->entities, s->entities_n, &b->entities_cap, sizeof *s->entities);
    s->entities[s->entities_n] = (set_entity){.id = jd_arena_dup(&s->arena, id)};
    return (uint32_t)s->entities_n++;
}

static uint32_t series_of(builder *b, uint32_t entity, const char *attr, const char *unit, set_kind kind) {
    bench_set *s = b->s;
    for (size_t i = s->series_n; i-- > 0;)
        if (s->series[i].entity == entity && !strcmp(s->series[i].attr, attr)) return (uint32_t)i;
    s->series = grow(s->series, s->series_n, &b->series_cap, sizeof *s->series);
    s->series[s->series_n] = (set_series){.entity = entity, .attr = attr, .unit = unit, .kind = kind};
    return (uint32_t)s->series_n++;
}

static void reading(builder *b, uint32_t series, int64_t at, jd_str text) {
    bench_set *s = b->s;
    s->readings = grow(s->readings, s->readings_n, &b->readings_cap, sizeof *s->readings);
    set_reading *r = &s->readings[s->readings_n++];
    *r = (set_reading){.series = series, .at = at, .text = text};
    switch (s->series[series].kind) {
    case SET_NUMBER: r->a = strtod(text.p, NULL); break;
    case SET_BOOLEAN:
        r->a = text.p[0] == '1';
        r->text = r->a > 0 ? JD_STR("true") : JD_STR("false");
        break;
    case SET_POINT: sscanf(text.p, "[%lf,%lf]", &r->a, &r->b); break;
    case SET_TEXT: break;
    }
}

static int by_series(const void *x, const void *y) {
    const set_reading *a = x, *b = y;
    if (a->series != b->series) return a->series < b->series ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

/* Series next to each other by entity, readings by series; several of one key become one, the last told. */
static void settle(bench_set *s) {
    set_series *old = s->series;
    uint32_t *now = jd_xmalloc(s->series_n * sizeof *now), n = 0;
    s->series = jd_xmalloc(s->series_n * sizeof *old);
    for (uint32_t e = 0; e < s->entities_n; e++) {
        s->entities[e].first = n;
        for (uint32_t i = 0; i < s->series_n; i++)
            if (old[i].entity == e) {
                now[i] = n;
                s->series[n++] = old[i];
            }
        s->entities[e].n = n - s->entities[e].first;
    }
    free(old);
    for (size_t i = 0; i < s->readings_n; i++) s->readings[i].series = now[s->readings[i].series];
    free(now);
    qsort(s->readings, s->readings_n, sizeof *s->readings, by_series);
    for (size_t i = 0; i < s->readings_n; i++) {
        set_series *one = &s->series[s->readings[i].series];
        if (!one->n++) one->first = i;
        if (i && !by_series(&s->readings[i - 1], &s->readings[i]))
            bench_die("%s tells a series twice at one time", s->name);
    }
}

/* ---- time ---- */

static int64_t utc(int year, int month, int day, int hour, int minute, int second) {
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = second};
    return timegm(&tm);
}

/* The whole numbers in a text, at most n; returns how many. */
static int whole_numbers(jd_str s, int *out, int n) {
    int found = 0;
    for (size_t i = 0; i < s.n && found < n;) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            i++;
            continue;
        }
        for (out[found] = 0; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
            out[found] = out[found] * 10 + s.p[i] - '0';
        found++;
    }
    return found;
}

/* YYYY-MM-DD?hh:mm:ss, what follows left out. */
static int64_t iso(jd_str s) {
    int v[6];
    if (whole_numbers(s, v, 6) != 6) bench_die("no time: %.*s", JD_STR_ARG(s));
    return utc(v[0], v[1], v[2], v[3], v[4], v[5]);
}

/* Wall clock of New York in 2024-11..2025-10; the hour that came twice is taken as the first. */
static int64_t new_york(int64_t wall) {
    int winter = wall >= utc(2024, 11, 3, 2, 0, 0) && wall < utc(2025, 3, 9, 2, 0, 0);
    return wall + (winter ? 5 : 4) * 3600;
}

/* ---- the sets ---- */

typedef struct kept { /* a column that becomes an attribute */
    const char *head, *attr, *unit;
    set_kind kind;
    const char *missing[3];
} kept;

static int is_missing(const kept *k, jd_str cell) {
    if (!cell.n) return 1;
    for (int i = 0; i < 3 && k->missing[i]; i++)
        if (jd_str_is(cell, k->missing[i])) return 1;
    return 0;
}

static void csv_cell(bench_set *s, jd_str raw, char separator) {
    if (s->csv.n && s->csv.p[s->csv.n - 1] != '\n') jd_buf_c(&s->csv, separator);
    jd_buf_str(&s->csv, raw);
}

static void csv_head(bench_set *s, const table *t, const int *cols, int n) {
    for (int i = 0; i < n; i++) csv_cell(s, t->head[cols[i]], t->separator);
    jd_buf_c(&s->csv, '\n');
}

/* A wide table: some columns for entity and time, some that are kept. Returns 0 or -1. */
typedef struct wide {
    const char *file, *id; /* id: the entity's id, {} for the id column's cell */
    const char *id_column; /* NULL: none */
    char separator;
    const char *time_columns[4];
    int64_t (*time)(jd_str *cells);
    const kept *kept;
    int kept_n;
} wide;

static int load_wide(builder *b, const char *folder, const wide *w) {
    bench_set *s = b->s;
    static table t;
    int cols[64], n = 0, times[4], times_n = 0, kept_at[32], id_at = -1;
    if (open_table(&t, s, folder, w->file, w->separator)) return -1;
    if (w->id_column) cols[n++] = id_at = column(&t, w->id_column);
    for (; times_n < 4 && w->time_columns[times_n]; times_n++)
        cols[n++] = times[times_n] = column(&t, w->time_columns[times_n]);
    for (int i = 0; i < w->kept_n; i++)
        if ((kept_at[i] = column(&t, w->kept[i].head)) >= 0) cols[n++] = kept_at[i];
    for (int i = 0; i < n; i++)
        if (cols[i] < 0) bench_die("%s lacks a column", w->file);
    csv_head(s, &t, cols, n);
    uint32_t entity = 0, series[32];
    jd_str last = {NULL, 0};
    while (next_row(&t)) {
        if (t.n < t.head_n) continue;
        jd_str id = id_at >= 0 ? t.cell[id_at] : (jd_str){"", 0}, cells[4];
        if (!last.p || !jd_str_eq(id, last)) {
            const char *hole = strstr(w->id, "{}");
            jd_str whole =
                hole ? jd_arena_printf(&s->arena, "%.*s%.*s%s", (int)(hole - w->id), w->id, JD_STR_ARG(id), hole + 2)
                     : jd_str_of(w->id);
            entity = entity_of(b, whole);
            for (int i = 0; i < w->kept_n; i++)
                if (kept_at[i] >= 0)
                    series[i] = series_of(b, entity, w->kept[i].attr, w->kept[i].unit, w->kept[i].kind);
            last = id;
        }
        for (int i = 0; i < times_n; i++) cells[i] = t.cell[times[i]];
        int64_t at = w->time(cells);
        for (int i = 0; i < w->kept_n; i++)
            if (kept_at[i] >= 0 && !is_missing(&w->kept[i], t.cell[kept_at[i]]))
                reading(b, series[i], at, t.cell[kept_at[i]]);
        for (int i = 0; i < n; i++) csv_cell(s, t.raw[cols[i]], w->separator);
        jd_buf_c(&s->csv, '\n');
    }
    return 0;
}

static int64_t air_time(jd_str *c) {
    return utc(atoi(c[0].p), atoi(c[1].p), atoi(c[2].p), atoi(c[3].p), 0, 0) - 8 * 3600;
}
static int load_air(builder *b, const char *folder) {
    static const kept cols[] = {{"PM2.5", "pm25", "GQ", SET_NUMBER, {"NA"}},
                                {"PM10", "pm10", "GQ", SET_NUMBER, {"NA"}},
                                {"SO2", "so2", "GQ", SET_NUMBER, {"NA"}},
                                {"NO2", "no2", "GQ", SET_NUMBER, {"NA"}},
                                {"CO", "co", "GQ", SET_NUMBER, {"NA"}},
                                {"O3", "o3", "GQ", SET_NUMBER, {"NA"}},
                                {"TEMP", "temperature", "CEL", SET_NUMBER, {"NA"}},
                                {"PRES", "pressure", "A97", SET_NUMBER, {"NA"}},
                                {"DEWP", "dewPoint", "CEL", SET_NUMBER, {"NA"}},
                                {"RAIN", "precipitation", "MMT", SET_NUMBER, {"NA"}},
                                {"wd", "windDirection", NULL, SET_TEXT, {"NA"}},
                                {"WSPM", "windSpeed", "MTS", SET_NUMBER, {"NA"}}};
    wide w = {.file = "air/prsa_Wanliu_2016.csv",
              .id = "urn:ngsi-ld:AirQualityObserved:beijing-{}",
              .id_column = "station",
              .separator = ',',
              .time_columns = {"year", "month", "day", "hour"},
              .time = air_time,
              .kept = cols,
              .kept_n = sizeof cols / sizeof *cols};
    if (load_wide(b, folder, &w)) return -1;
    w.file = "air/prsa_Dingling_2016.csv";
    return load_wide(b, folder, &w);
}

static int64_t server_time(jd_str *c) {
    return new_york(iso(c[0]));
}
static int load_server(builder *b, const char *folder) {
    static const kept cols[] = {
        {"powerave", "powerAvg", "WTT", SET_NUMBER, {0}}, {"powermin", "powerMin", "WTT", SET_NUMBER, {0}},
        {"powermax", "powerMax", "WTT", SET_NUMBER, {0}}, {"tempave", "tempAvg", "CEL", SET_NUMBER, {0}},
        {"tempmin", "tempMin", "CEL", SET_NUMBER, {0}},   {"tempmax", "tempMax", "CEL", SET_NUMBER, {0}},
        {"utilave", "utilAvg", "P1", SET_NUMBER, {0}},    {"utilmin", "utilMin", "P1", SET_NUMBER, {0}},
        {"utilmax", "utilMax", "P1", SET_NUMBER, {0}},    {"gmemave", "gmemAvg", "P1", SET_NUMBER, {0}},
        {"gmemmin", "gmemMin", "P1", SET_NUMBER, {0}},    {"gmemmax", "gmemMax", "P1", SET_NUMBER, {0}}};
    wide w = {.file = "datacentre/cornell_biohpc_cbsugpu09_hourly.csv",
              .id = "urn:ngsi-ld:ServerObserved:{}",
              .id_column = "name",
              .separator = ',',
              .time_columns = {"timestamp"},
              .time = server_time,
              .kept = cols,
              .kept_n = sizeof cols / sizeof *cols};
    return load_wide(b, folder, &w);
}

/* D/M/YYYY H:MM at UTC+9, where 0:00 is the end of the day that is written. */
static int64_t steel_time(jd_str *c) {
    int v[5];
    if (whole_numbers(c[0], v, 5) != 5) bench_die("no time: %.*s", JD_STR_ARG(c[0]));
    return utc(v[2], v[1], v[0], v[3] || v[4] ? v[3] : 24, v[4], 0) - 9 * 3600;
}
static int load_steel(builder *b, const char *folder) {
    static const kept cols[] = {
        {"Usage_kWh", "activeEnergyImport", "KWH", SET_NUMBER, {0}},
        {"Lagging_Current_Reactive.Power_kVarh", "reactiveEnergyLagging", "K3", SET_NUMBER, {0}},
        {"Leading_Current_Reactive_Power_kVarh", "reactiveEnergyLeading", "K3", SET_NUMBER, {0}},
        {"CO2(tCO2)", "co2Emission", "TNE", SET_NUMBER, {0}},
        {"Lagging_Current_Power_Factor", "powerFactorLagging", "P1", SET_NUMBER, {0}},
        {"Leading_Current_Power_Factor", "powerFactorLeading", "P1", SET_NUMBER, {0}},
        {"Load_Type", "loadType", NULL, SET_TEXT, {0}}};
    wide w = {.file = "industry/uci_steel_energy_2018_jan_apr.csv",
              .id = "urn:ngsi-ld:ACMeasurement:daewoo-gwangyang",
              .separator = ',',
              .time_columns = {"date"},
              .time = steel_time,
              .kept = cols,
              .kept_n = sizeof cols / sizeof *cols};
    return load_wide(b, folder, &w);
}

static int64_t iso_time(jd_str *c) {
    return iso(c[0]);
}
static int load_pumps(builder *b, const char *folder) {
    static const kept cols[] = {{"Accelerometer1RMS", "vibration1", "K40", SET_NUMBER, {0}},
                                {"Accelerometer2RMS", "vibration2", "K40", SET_NUMBER, {0}},
                                {"Current", "current", "AMP", SET_NUMBER, {0}},
                                {"Pressure", "pressure", "BAR", SET_NUMBER, {0}},
                                {"Temperature", "temperature", "CEL", SET_NUMBER, {0}},
                                {"Thermocouple", "thermocouple", "CEL", SET_NUMBER, {0}},
                                {"Voltage", "voltage", "VLT", SET_NUMBER, {0}},
                                {"Volume Flow RateRMS", "flow", "L2", SET_NUMBER, {0}},
                                {"anomaly", "anomaly", NULL, SET_BOOLEAN, {0}},
                                {"changepoint", "changepoint", NULL, SET_BOOLEAN, {0}}};
    static const char *const names[] = {"anomaly_free", "other_1", "other_5", "valve1_0", "valve1_1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        wide w = {.file = jd_arena_printf(&b->s->arena, "industry/skab_%s.csv", names[i]).p,
                  .id = jd_arena_printf(&b->s->arena, "urn:ngsi-ld:Device:skab-%s", names[i]).p,
                  .separator = ';',
                  .time_columns = {"datetime"},
                  .time = iso_time,
                  .kept = cols,
                  .kept_n = sizeof cols / sizeof *cols};
        if (load_wide(b, folder, &w)) return -1;
    }
    return 0;
}

/* A column is a car park; an empty cell says nothing. */
static int load_parking(builder *b, const char *folder) {
    static const char *const days[] = {"2022-05-13", "2022-05-14", "2022-05-15", "2025-12-20"};
    bench_set *s = b->s;
    static table t;
    uint32_t series[CELLS_MAX];
    for (size_t k = 0; k < sizeof days / sizeof *days; k++) {
        jd_str file = jd_arena_printf(&s->arena, "parking/germany_%s.csv", days[k]);
        jd_str whole = read_file(&s->arena, folder, file.p);
        if (!whole.p || open_table(&t, s, folder, file.p, ',')) return -1;
        jd_buf_str(&s->csv, whole);
        for (int i = 1; i < t.head_n; i++) {
            jd_str id = jd_arena_printf(&s->arena, "urn:ngsi-ld:OffStreetParking:%.*s", JD_STR_ARG(t.head[i]));
            series[i] = series_of(b, entity_of(b, id), "availableSpotNumber", "C62", SET_NUMBER);
        }
        while (next_row(&t))
            for (int i = 1; i < t.n; i++)
                if (t.cell[i].n) reading(b, series[i], iso(t.cell[0]), t.cell[i]);
    }
    return 0;
}

static int load_vessels(builder *b, const char *folder) {
    static const kept cols[] = {{"SOG", "speedOverGround", "KNT", SET_NUMBER, {"102.3"}},
                                {"COG", "courseOverGround", "DD", SET_NUMBER, {"360"}},
                                {"Heading", "heading", "DD", SET_NUMBER, {"511"}},
                                {"Status", "navigationStatus", NULL, SET_NUMBER, {0}},
                                {"Draft", "draught", "MTR", SET_NUMBER, {0}}};
    enum { N = sizeof cols / sizeof *cols };
    bench_set *s = b->s;
    static table t;
    if (open_table(&t, s, folder, "port/us_ais_2022-01-03_lower_mississippi.csv", ',')) return -1;
    int all[4 + N] = {column(&t, "MMSI"), column(&t, "BaseDateTime"), column(&t, "LAT"), column(&t, "LON")};
    for (int i = 0; i < N; i++) all[4 + i] = column(&t, cols[i].head);
    csv_head(s, &t, all, 4 + N);
    while (next_row(&t)) {
        uint32_t e =
            entity_of(b, jd_arena_printf(&s->arena, "urn:ngsi-ld:Vessel:mmsi-%.*s", JD_STR_ARG(t.cell[all[0]])));
        int64_t at = iso(t.cell[all[1]]);
        jd_str point =
            jd_arena_printf(&s->arena, "[%.*s,%.*s]", JD_STR_ARG(t.cell[all[3]]), JD_STR_ARG(t.cell[all[2]]));
        reading(b, series_of(b, e, "location", NULL, SET_POINT), at, point);
        for (int i = 0; i < N; i++)
            if (!is_missing(&cols[i], t.cell[all[4 + i]]))
                reading(b, series_of(b, e, cols[i].attr, cols[i].unit, cols[i].kind), at, t.cell[all[4 + i]]);
        for (int i = 0; i < 4 + N; i++) csv_cell(s, t.raw[all[i]], ',');
        jd_buf_c(&s->csv, '\n');
    }
    return 0;
}

int set_load(bench_set *s, const char *name, const char *folder) {
    static const struct {
        const char *name, *type;
        int (*load)(builder *b, const char *folder);
    } sets[] = {{"air", "AirQualityObserved", load_air}, {"server", "ServerObserved", load_server},
                {"steel", "ACMeasurement", load_steel},  {"parking", "OffStreetParking", load_parking},
                {"pumps", "Device", load_pumps},         {"vessels", "Vessel", load_vessels}};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (strcmp(name, sets[i].name) != 0) continue;
        *s = (bench_set){.name = sets[i].name, .type = sets[i].type};
        jd_arena_init(&s->arena);
        builder b = {.s = s};
        if (sets[i].load(&b, folder)) {
            set_free(s);
            return -1;
        }
        settle(s);
        return 0;
    }
    bench_die("no set is called %s", name);
}

void set_free(bench_set *s) {
    free(s->entities);
    free(s->series);
    free(s->readings);
    jd_buf_fini(&s->csv);
    jd_arena_fini(&s->arena);
}

static const bench_set *sorted; /* qsort has no argument */
static int by_time(const void *x, const void *y) {
    const set_reading *a = &sorted->readings[*(const uint32_t *)x], *b = &sorted->readings[*(const uint32_t *)y];
    if (a->at != b->at) return a->at < b->at ? -1 : 1;
    return (a->series > b->series) - (a->series < b->series); /* series of an entity stand together */
}

uint32_t *set_by_time(const bench_set *s) {
    uint32_t *at = jd_xmalloc(s->readings_n * sizeof *at);
    for (uint32_t i = 0; i < s->readings_n; i++) at[i] = i;
    sorted = s;
    qsort(at, s->readings_n, sizeof *at, by_time);
    return at;
}

void set_value_json(jd_buf *out, const set_series *s, const set_reading *r) {
    switch (s->kind) {
    case SET_TEXT: jd_buf_printf(out, "\"%.*s\"", JD_STR_ARG(r->text)); break;
    case SET_POINT: jd_buf_printf(out, "{\"type\":\"Point\",\"coordinates\":%.*s}", JD_STR_ARG(r->text)); break;
    case SET_NUMBER:
    case SET_BOOLEAN: jd_buf_str(out, r->text);
    }
}

/* A mapping that takes the table as it is: which columns are the time, which name the entity, what all others become.
 * A guess that nobody would notice to be wrong is told in a note. */
#include "table/profile_int.h"

#include "model/entity.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ROLE_ATTR, ROLE_TIME, ROLE_KEY, ROLE_LON, ROLE_LAT, ROLE_NONE };
enum { KEYS_MOST = 3 };

typedef struct plan {
    prof *p;
    unsigned char *role;
    long time, clock; /* -1: none; clock: of a day, told apart */
    long parts[4];    /* year, month, day, hour */
    long keys[KEYS_MOST];
    size_t keys_n;
    long lon, lat;
    jd_strmap names;
} plan;

/* ---- names of columns ---- */

static int is_named(jd_str name, const char *const *words) {
    for (; *words; words++)
        if (name.n == strlen(*words) && !strncasecmp(name.p, *words, name.n)) return 1;
    return 0;
}

static int has_word(jd_str name, const char *const *words) {
    for (; *words; words++) {
        size_t n = strlen(*words);
        for (size_t i = 0; i + n <= name.n; i++) {
            if (strncasecmp(name.p + i, *words, n)) continue;
            int word = (unsigned char)**words >= 0x80; /* Chinese needs no blanks around */
            int before = !i || !isalpha((unsigned char)name.p[i - 1]) || isupper((unsigned char)name.p[i]);
            int after = i + n == name.n || !islower((unsigned char)name.p[i + n]);
            if (word || (before && after)) return 1;
        }
    }
    return 0;
}

/* How the mapping refers to a column: by its name where that is one of a kind and means nothing else, or by number. */
static jd_str ref_of(plan *x, size_t i) {
    jd_str name = x->p->cols[i].name;
    int plain = name.n && name.n < 200 && name.p[0] != '#' && name.p[0] != '@';
    for (size_t k = 0; plain && k < x->p->cols_n; k++) plain = k == i || !jd_str_eq(x->p->cols[k].name, name);
    for (size_t k = 0; plain && k < name.n; k++)
        plain = !strchr("{}|\"\\?", name.p[k]) && (unsigned char)name.p[k] >= ' ';
    if (x->p->form.kind == JD_TABLE_GEOJSON && name.n && name.p[0] == '@') return name;
    return plain ? name : jd_arena_printf(&x->p->arena, "#%zu", i + 1);
}

static const char *const taken[] = {"id",
                                    "type",
                                    "value",
                                    "object",
                                    "unitCode",
                                    "datasetId",
                                    "observedAt",
                                    "createdAt",
                                    "modifiedAt",
                                    "expiresAt",
                                    "scope",
                                    "deletedAt",
                                    "location",
                                    "geometry",
                                    "properties",
                                    "coordinates",
                                    "json",
                                    "vocab",
                                    "lang",
                                    "title",
                                    "languageMap",
                                    "operationSpace",
                                    "observationSpace",
                                    "valueList",
                                    "objectList",
                                    "previousValue",
                                    NULL};

/* An attribute's name: words of Latin letters run together, other scripts as they stand. */
static jd_str attr_name(plan *x, size_t i) {
    jd_str s = x->p->cols[i].name;
    jd_buf b = {0};
    int up = 0;
    for (size_t k = 0; k < s.n && b.n < 60; k++) {
        unsigned char c = (unsigned char)s.p[k];
        if (isalnum(c)) {
            jd_buf_c(&b, (char)(up && b.n ? toupper(c) : c));
            up = 0;
        } else if (c >= 0x80) {
            jd_buf_c(&b, (char)c);
            up = 0;
        } else {
            up = 1;
        }
    }
    while (b.n && jd_utf8_bad(b.p, b.n) < b.n) b.n = jd_utf8_bad(b.p, b.n);
    int all_upper = 1;
    for (size_t k = 0; k < b.n; k++) all_upper &= !islower((unsigned char)b.p[k]);
    for (size_t k = 0; k < b.n && (all_upper || k == 0); k++) b.p[k] = (char)tolower((unsigned char)b.p[k]);
    jd_str name = jd_arena_dup(&x->p->arena, jd_buf_view(&b));
    jd_buf_fini(&b);
    if (name.n && isdigit((unsigned char)name.p[0])) name = jd_arena_printf(&x->p->arena, "c%.*s", JD_STR_ARG(name));
    if (!jd_name_valid(name)) name = jd_arena_printf(&x->p->arena, "column%zu", i + 1);
    if (is_named(name, taken)) name = jd_arena_printf(&x->p->arena, "%.*sGiven", JD_STR_ARG(name));
    if (jd_strmap_get(&x->names, name) != JD_STRMAP_NONE)
        name = jd_arena_printf(&x->p->arena, "%.*s%zu", JD_STR_ARG(name), i + 1);
    while (jd_strmap_get(&x->names, name) != JD_STRMAP_NONE)
        name = jd_arena_printf(&x->p->arena, "%.*sx", JD_STR_ARG(name));
    jd_strmap_add(&x->names, name, 1);
    return name;
}

/* ---- roles ---- */

static int is_full(const plan *x, const prof_column *c) {
    uint64_t rows = x->p->rows - x->p->malformed;
    return rows && (c->filled - c->odd) * 50 >= rows * 49; /* those without would be refused */
}

static void find_time(plan *x) {
    prof *p = x->p;
    for (size_t i = 0; i < p->cols_n; i++) {
        prof_column *c = &p->cols[i];
        if (c->type != PROF_TIME || !is_full(x, c)) continue;
        if (prof_form_is_clock(c->form)) {
            if (x->clock < 0) x->clock = (long)i;
        } else if (x->time < 0) {
            x->time = (long)i;
        }
    }
    /* a clock belongs to a day that stands beside it */
    if (x->time < 0 || !prof_form_is_date(p->cols[x->time].form) || p->cols[x->time].form == 0) {
        int iso_day = x->time >= 0 && p->cols[x->time].form == 0 && p->cols[x->time].least_time.n == 10;
        if (!iso_day) x->clock = -1;
    }
}

static void find_parts(plan *x) {
    static const char *const words[4][6] = {{"year", "yr", "年", "年份", NULL},
                                            {"month", "mnth", "月", "月份", "mon", NULL},
                                            {"day", "日", "mday", NULL},
                                            {"hour", "hr", "时", "小时", NULL}};
    if (x->time >= 0) return;
    for (size_t i = 0; i < x->p->cols_n; i++) {
        const prof_column *c = &x->p->cols[i];
        for (int k = 0; k < 4; k++)
            if (x->parts[k] < 0 && c->type == PROF_INTEGER && is_full(x, c) && is_named(c->name, words[k]))
                x->parts[k] = (long)i;
    }
    const prof_column *y = x->parts[0] >= 0 ? &x->p->cols[x->parts[0]] : NULL;
    int sound = y && y->least >= 1000 && y->most < 3000;
    for (int k = 1; k < 4; k++) {
        const double most[] = {0, 12, 31, 24};
        const prof_column *c = x->parts[k] >= 0 ? &x->p->cols[x->parts[k]] : NULL;
        if (c && (c->most > most[k] || c->least < (k < 3))) x->parts[k] = -1;
        if (!sound || (k > 1 && x->parts[k - 1] < 0)) x->parts[k] = -1;
    }
    if (!sound) x->parts[0] = -1;
    for (int k = 0; k < 4; k++)
        if (x->parts[k] >= 0) x->role[x->parts[k]] = ROLE_TIME;
}

static void find_place(plan *x) {
    static const char *const lons[] = {"lon", "lng", "long", "longitude", "经度", NULL};
    static const char *const lats[] = {"lat", "latitude", "纬度", NULL};
    if (x->p->form.kind == JD_TABLE_GEOJSON) return; /* it has its own */
    for (size_t i = 0; i < x->p->cols_n; i++) {
        const prof_column *c = &x->p->cols[i];
        if ((c->type != PROF_NUMBER && c->type != PROF_INTEGER) || c->comma || !c->has_range) continue;
        if (x->lon < 0 && has_word(c->name, lons) && c->least >= -180 && c->most <= 180) x->lon = (long)i;
        if (x->lat < 0 && has_word(c->name, lats) && c->least >= -90 && c->most <= 90) x->lat = (long)i;
    }
    if (x->lon < 0 || x->lat < 0 || x->lon == x->lat) {
        x->lon = x->lat = -1;
        return;
    }
    x->role[x->lon] = ROLE_LON;
    x->role[x->lat] = ROLE_LAT;
}

static int could_be_key(const plan *x, size_t i) {
    const prof_column *c = &x->p->cols[i];
    return x->role[i] == ROLE_ATTR && (c->type == PROF_TEXT || c->type == PROF_INTEGER) && !c->empty && !c->odd &&
           c->filled && c->filled + x->p->malformed == x->p->rows;
}

static int has_time(const plan *x) {
    return x->time >= 0 || x->parts[0] >= 0;
}

/* ---- what tells rows apart ---- */

enum { KEY_ROWS = 50000, KEY_CANDS = 24 };
typedef struct key_rows { /* of the first rows: a hash of their time, and of each cell that could name them */
    size_t cands[KEY_CANDS], cands_n, n;
    uint64_t *cells, *times;
} key_rows;

static const char *const id_words[] = {"id",   "code",   "key",  "mmsi", "vin",   "imei", "sensor", "station",
                                       "site", "device", "stop", "plot", "meter", "编号", "编码",   "代码",
                                       "站号", "站码",   "车牌", "表号", "设备",  NULL};
static const char *const name_words[] = {"name", "city", "district", "province", "region", "parcel", "名称", "站名",
                                         "站点", "城市", "地区",     "区县",     "省份",   "省",     "市",   NULL};

static int hint_of(const plan *x, size_t col) {
    jd_str name = x->p->cols[col].name;
    return has_word(name, id_words) ? 2 : has_word(name, name_words);
}

static uint64_t time_hash(const plan *x, const jd_table_row *row) {
    const long cols[] = {x->time, x->clock, x->parts[0], x->parts[1], x->parts[2], x->parts[3]};
    uint64_t h = 0;
    for (size_t k = 0; k < sizeof cols / sizeof *cols; k++) {
        jd_str s = cols[k] >= 0 ? row->cells[cols[k]].text : (jd_str){"", 0};
        h = h * 31 + jd_hash(s.p, s.n);
    }
    return h;
}

static void find_candidates(const plan *x, key_rows *r) {
    for (int hint = 2; hint >= 0; hint--) /* those whose names say so are among them in any case */
        for (size_t i = 0; i < x->p->cols_n && r->cands_n < KEY_CANDS; i++) {
            const prof_column *c = &x->p->cols[i];
            int many = c->distinct_more || c->distinct.n * 2 > x->p->rows;
            if (!could_be_key(x, i) || hint_of(x, i) != hint || (has_time(x) && (many || c->distinct.n < 2))) continue;
            r->cands[r->cands_n++] = i;
        }
}

static int prof_key_rows(plan *x, key_rows *r) {
    jd_str rest;
    jd_table *t;
    jd_table_row row;
    jd_err err = {0};
    find_candidates(x, r);
    if (prof_open(x->p, &rest, &t, &err)) return -1;
    r->cells = jd_xmalloc((KEY_ROWS * r->cands_n + 1) * sizeof *r->cells);
    r->times = jd_xmalloc(KEY_ROWS * sizeof *r->times);
    while (r->n < KEY_ROWS && jd_table_next(t, &row, &err) > 0) {
        if (row.fault || row.n < x->p->cols_n) continue;
        r->times[r->n] = time_hash(x, &row);
        for (size_t k = 0; k < r->cands_n; k++) {
            jd_str s = row.cells[r->cands[k]].text;
            r->cells[r->n * r->cands_n + k] = jd_hash(s.p, s.n);
        }
        r->n++;
    }
    jd_table_close(t);
    return 0;
}

static int cmp_rows(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* How many rows differ in what was mixed into `base`, and in column col of the candidates (SIZE_MAX: none). */
static size_t count_apart(const key_rows *r, const uint64_t *base, size_t col, uint64_t *scratch) {
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        scratch[i] = col == SIZE_MAX ? base[i] : base[i] * 0x9E3779B97F4A7C15u + r->cells[i * r->cands_n + col];
    qsort(scratch, r->n, sizeof *scratch, cmp_rows);
    for (size_t i = 0; i < r->n; i++) n += !i || scratch[i] != scratch[i - 1];
    return n;
}

static void take_key(plan *x, key_rows *r, uint64_t *base, size_t cand) {
    size_t col = r->cands[cand];
    for (size_t i = 0; i < r->n; i++) base[i] = base[i] * 0x9E3779B97F4A7C15u + r->cells[i * r->cands_n + cand];
    x->keys[x->keys_n++] = (long)col;
    x->role[col] = ROLE_KEY;
}

/* The candidate that tells most rows apart; of equals the one whose name says that it is for that. */
static size_t best_key(const plan *x, const key_rows *r, const uint64_t *base, uint64_t *scratch, size_t *apart) {
    size_t best = SIZE_MAX, most = 0;
    for (size_t k = 0; k < r->cands_n; k++) {
        if (x->role[r->cands[k]] != ROLE_ATTR) continue;
        size_t n = count_apart(r, base, k, scratch);
        int better =
            best == SIZE_MAX || n > most || (n == most && hint_of(x, r->cands[k]) > hint_of(x, r->cands[best]));
        if (better) best = k, most = n;
    }
    *apart = most;
    return best;
}

/* Of a table with times a column that names who the row speaks of is a key even where times alone would do. */
static void take_named(plan *x, key_rows *r, uint64_t *base) {
    for (int hint = 2; hint; hint--)
        for (size_t k = 0; k < r->cands_n; k++)
            if (hint_of(x, r->cands[k]) == hint) {
                take_key(x, r, base, k);
                return;
            }
}

static void find_keys(plan *x) {
    key_rows r = {0};
    if (prof_key_rows(x, &r)) return;
    uint64_t *base = jd_xmalloc((r.n + 1) * sizeof *base), *scratch = jd_xmalloc((r.n + 1) * sizeof *scratch);
    memcpy(base, r.times, r.n * sizeof *base);
    size_t apart = count_apart(&r, base, SIZE_MAX, scratch);
    if (has_time(x)) {
        take_named(x, &r, base);
        if (x->keys_n) apart = count_apart(&r, base, SIZE_MAX, scratch);
    }
    while (x->keys_n < KEYS_MOST && apart * 100 < r.n * (has_time(x) ? 98u : 100u)) {
        size_t now, best = best_key(x, &r, base, scratch, &now);
        if (best == SIZE_MAX || now <= apart) break;
        take_key(x, &r, base, best);
        apart = now;
    }
    if (apart < r.n) {
        jd_str en = jd_arena_printf(&x->p->arena, "%zu of %zu rows repeat what names another one: the last one counts",
                                    r.n - apart, r.n);
        jd_str zh =
            jd_arena_printf(&x->p->arena, "%2$zu 行中有 %1$zu 行的标识与其他行重复：以最后一行为准", r.n - apart, r.n);
        prof_note(x->p, en.p, zh.p);
    }
    free(base);
    free(scratch);
    free(r.cells);
    free(r.times);
}

/* ---- writing ---- */

static void member(jd_buf *out, const char *name, jd_str s) {
    jd_buf_printf(out, ",\"%s\":", name);
    jd_json_write_str(out, s);
}

static void write_table(plan *x, jd_buf *out) {
    static const char *const kinds[] = {"csv", "jsonlines", "json", "geojson", "xlsx"};
    const prof *p = x->p;
    const jd_table_form *f = &p->form;
    jd_buf_printf(out, ",\"table\":{\"format\":\"%s\"", kinds[f->kind]);
    if (f->encoding.n) member(out, "encoding", f->encoding);
    if (f->separator != ',' && f->kind == JD_TABLE_CSV) member(out, "separator", (jd_str){&f->separator, 1});
    if (!f->quote && f->kind == JD_TABLE_CSV) jd_buf_z(out, ",\"quote\":\"\"");
    if (!f->header) jd_buf_z(out, ",\"header\":false");
    if (f->skip) jd_buf_printf(out, ",\"skipLines\":%u", f->skip);
    if (f->comment.n) member(out, "comment", f->comment);
    if (p->point == ',') jd_buf_z(out, ",\"decimal\":\",\"");
    if (p->thousands) jd_buf_z(out, ",\"thousands\":\",\"");
    if (f->path.n) member(out, "path", f->path);
    jd_buf_c(out, '}');
}

static int has_offset(jd_str s) {
    if (s.n < 11) return 0;
    if (s.p[s.n - 1] == 'Z') return 1;
    for (size_t i = 11; i < s.n; i++)
        if (s.p[i] == '+' || s.p[i] == '-') return 1;
    return 0;
}

static void write_zone(plan *x, int needed, jd_buf *out) {
    if (!needed) return;
    jd_buf_z(out, ",\"zone\":\"Asia/Shanghai\"");
    prof_note(x->p, "the zone of the clock is a guess: the table does not tell it", "时区是推测的：表中没有说明");
}

static void write_time(plan *x, jd_buf *out) {
    static const char *const names[] = {"year", "month", "day", "hour"};
    prof *p = x->p;
    if (!has_time(x)) return;
    jd_buf_z(out, ",\"time\":{");
    if (x->time < 0) {
        jd_buf_z(out, "\"parts\":{");
        for (int k = 0; k < 4; k++) {
            if (x->parts[k] < 0) continue;
            jd_buf_printf(out, "%s\"%s\":", k ? "," : "", names[k]);
            jd_json_write_str(out, ref_of(x, (size_t)x->parts[k]));
        }
        jd_buf_c(out, '}');
        write_zone(x, 1, out);
        jd_buf_c(out, '}');
        return;
    }
    const prof_column *c = &p->cols[x->time];
    const char *form = prof_form(c->form);
    if (x->clock >= 0) {
        jd_buf_z(out, "\"columns\":[");
        jd_json_write_str(out, ref_of(x, (size_t)x->time));
        jd_buf_c(out, ',');
        jd_json_write_str(out, ref_of(x, (size_t)x->clock));
        jd_buf_z(out, "]");
        int iso = !strcmp(form, "iso");
        if (!iso) member(out, "form", jd_arena_printf(&p->arena, "%s %s", form, prof_form(p->cols[x->clock].form)));
    } else {
        jd_buf_z(out, "\"column\":");
        jd_json_write_str(out, ref_of(x, (size_t)x->time));
        if (strcmp(form, "iso")) member(out, "form", jd_str_of(form));
    }
    int epoch = form[0] == 'e';
    write_zone(x, !epoch && !(has_offset(c->least_time) && has_offset(c->most_time)), out);
    if (c->ambiguous)
        prof_note(p, "day and month could change places: the table has no day behind the 12th",
                  "日与月可能颠倒：表中没有大于 12 的日");
    jd_buf_c(out, '}');
}

static jd_str slug(plan *x) {
    jd_buf b = {0};
    for (size_t i = 0; i < x->p->stem.n && b.n < 60; i++) {
        unsigned char c = (unsigned char)x->p->stem.p[i];
        if (isalnum(c))
            jd_buf_c(&b, (char)tolower(c));
        else if (b.n && b.p[b.n - 1] != '-')
            jd_buf_c(&b, '-');
    }
    while (b.n && b.p[b.n - 1] == '-') b.n--;
    jd_str s = b.n ? jd_arena_dup(&x->p->arena, jd_buf_view(&b)) : JD_STR("table");
    jd_buf_fini(&b);
    return s;
}

static void write_entity(plan *x, jd_buf *out) {
    const char *type = has_time(x) ? "Observation" : "Record";
    jd_buf id = {0};
    jd_buf_printf(&id, "urn:ngsi-ld:%s:", type);
    jd_buf_str(&id, slug(x));
    for (size_t i = 0; i < x->keys_n; i++) {
        jd_buf_z(&id, i ? "-{" : ":{");
        jd_buf_str(&id, ref_of(x, (size_t)x->keys[i]));
        jd_buf_z(&id, "|uri}");
    }
    jd_buf_printf(out, ",\"entity\":{\"type\":\"%s\",\"id\":", type);
    jd_json_write_str(out, jd_buf_view(&id));
    jd_buf_c(out, '}');
    jd_buf_fini(&id);
}

static void write_marks(const prof_column *c, jd_buf *out) {
    int n = 0;
    for (uint32_t i = 0; i < c->marks_n; i++) {
        jd_buf_z(out, n++ ? "," : ",\"missing\":[");
        if (c->marks[i].numeric)
            jd_buf_printf(out, "%.15g", c->marks[i].v);
        else
            jd_json_write_str(out, c->marks[i].text);
    }
    if (n) jd_buf_c(out, ']');
}

static const char *as_of(const plan *x, const prof_column *c) {
    uint64_t rows = x->p->rows ? x->p->rows : 1;
    if (c->type == PROF_SHAPE) return c->odd ? "any" : "json";
    if (c->type == PROF_BOOLEAN) return c->odd ? "text" : "boolean";
    if (c->type == PROF_TEXT || c->type == PROF_TIME || c->coded) return "text";
    int other_mark = (c->comma && x->p->point != ',') || (c->thousands && !x->p->thousands);
    /* a few odd cells are to be set aside and mended, not to be taken for readings */
    int many = c->odd > 1 && c->odd * 20 > rows;
    return many || other_mark ? "any" : NULL;
}

static void write_attr(plan *x, size_t i, int *n, jd_buf *out) {
    const prof_column *c = &x->p->cols[i];
    int geometry = x->p->form.kind == JD_TABLE_GEOJSON && jd_str_is(c->name, "@geometry");
    if (!geometry && (!c->filled || x->role[i] == ROLE_LAT || x->role[i] == ROLE_LON)) return;
    jd_buf_z(out, (*n)++ ? "," : "");
    jd_json_write_str(out, geometry ? JD_STR("location") : attr_name(x, i));
    jd_buf_z(out, ":{\"column\":");
    jd_json_write_str(out, ref_of(x, i));
    const char *as = geometry ? "geometry" : as_of(x, c);
    if (as) member(out, "as", jd_str_of(as));
    if (!geometry && c->type != PROF_SHAPE) write_marks(c, out);
    if (c->percent && !as) jd_buf_z(out, ",\"suffix\":\"%\",\"unit\":\"P1\"");
    jd_buf_c(out, '}');
}

static void write_attributes(plan *x, jd_buf *out) {
    int n = 0;
    jd_buf_z(out, ",\"attributes\":{");
    if (x->lon >= 0) {
        n++;
        jd_buf_z(out, "\"location\":{\"longitude\":");
        jd_json_write_str(out, ref_of(x, (size_t)x->lon));
        jd_buf_z(out, ",\"latitude\":");
        jd_json_write_str(out, ref_of(x, (size_t)x->lat));
        write_marks(&x->p->cols[x->lon], out);
        jd_buf_c(out, '}');
    }
    for (size_t i = 0; i < x->p->cols_n; i++)
        if (x->role[i] == ROLE_ATTR || x->role[i] == ROLE_KEY) write_attr(x, i, &n, out);
    if (!n) { /* nothing but times, or empty cells: a mapping must map something */
        size_t at = x->time >= 0 ? (size_t)x->time : 0;
        jd_buf_z(out, "\"row\":{\"column\":");
        jd_json_write_str(out, x->p->cols_n ? ref_of(x, at) : JD_STR("#1"));
        jd_buf_z(out, ",\"as\":\"text\",\"optional\":true}");
    }
    jd_buf_c(out, '}');
}

static void write_refused_max(plan *x, jd_buf *out) {
    const prof *p = x->p;
    double share = p->rows ? 100.0 * (double)p->troubled / (double)p->rows : 0;
    if (share <= 5) return;
    double most = share * 1.2 + 5;
    jd_buf_printf(out, ",\"refusedMax\":%d", most > 100 ? 100 : (int)most);
    prof_note(x->p, "many rows have something odd; look at them before their rest is taken",
              "许多行有异常；请先检查，再导入其余内容");
}

void prof_mapping(prof *p, jd_buf *out) {
    plan x = {.p = p, .time = -1, .clock = -1, .parts = {-1, -1, -1, -1}, .lon = -1, .lat = -1};
    x.role = JD_NEWN(&p->arena, unsigned char, p->cols_n + 1);
    jd_strmap_init(&x.names);
    find_time(&x);
    if (x.time >= 0) x.role[x.time] = ROLE_TIME;
    if (x.clock >= 0) x.role[x.clock] = ROLE_TIME;
    find_parts(&x);
    find_place(&x);
    find_keys(&x);
    jd_buf_z(out, "{\"mapping\":1");
    write_table(&x, out);
    write_time(&x, out);
    write_entity(&x, out);
    write_attributes(&x, out);
    write_refused_max(&x, out);
    jd_buf_c(out, '}');
    jd_strmap_fini(&x.names);
}

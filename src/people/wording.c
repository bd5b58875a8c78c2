/* What a notification says to people: values and units of what is watched, and templates filled from an entity. */
#include "people/wording.h"

#include <string.h>

enum { LINES_MAX = 5, NAMES_MAX = 6, VALUE_MAX = 200 };

/* ---- the notification ---- */

void wording_read(wording *w, jd_str body, jd_arena *a) {
    *w = (wording){.of = NULL};
    if (jd_json_parse(a, jd_arena_dup(a, body), NULL, &w->whole, NULL)) return;
    const jd_jval *data = jd_jget(&w->whole, "data");
    if (data && data->type == JD_JOBJ) data = jd_jget(data, "features");
    if (!data || data->type != JD_JARR || !data->n) return;
    const jd_jval **of = JD_NEWN(a, const jd_jval *, data->n);
    for (uint32_t i = 0; i < data->n; i++)
        if (data->items[i].type == JD_JOBJ) of[w->n++] = &data->items[i];
    w->of = of;
}

static jd_str text_of(const jd_jval *v, const char *name) {
    const jd_jval *m = jd_jget(v, name);
    return m && m->type == JD_JSTR ? jd_jstr(m) : (jd_str){NULL, 0};
}

jd_str wording_about(const wording *w) {
    return w->n ? text_of(w->of[0], "id") : (jd_str){NULL, 0};
}

/* Where the attributes stand: in the entity, of a feature in its properties. */
static const jd_jval *members_of(const jd_jval *entity) {
    const jd_jval *type = jd_jget(entity, "type");
    const jd_jval *p = type && jd_jis(type, "Feature") ? jd_jget(entity, "properties") : NULL;
    return p && p->type == JD_JOBJ ? p : entity;
}

/* ---- values ---- */

/* UN/CEFACT Recommendation 20 codes that people do not read. */
static const struct {
    const char *code, *sign;
} units[] = {{"MTR", "m"},    {"CMT", "cm"},   {"MMT", "mm"}, {"KMT", "km"},   {"KNT", "kn"},   {"KMH", "km/h"},
             {"MTS", "m/s"},  {"CEL", "°C"},   {"P1", "%"},   {"GQ", "µg/m³"}, {"GP", "mg/m³"}, {"MTQ", "m³"},
             {"MQS", "m³/s"}, {"MQH", "m³/h"}, {"DD", "°"},   {"PAL", "Pa"},   {"A97", "hPa"},  {"KPA", "kPa"},
             {"BAR", "bar"},  {"VLT", "V"},    {"AMP", "A"},  {"KWT", "kW"},   {"KWH", "kWh"},  {"WTT", "W"},
             {"HTZ", "Hz"},   {"2N", "dB"},    {"LTR", "L"},  {"KGM", "kg"},   {"TNE", "t"},    {"SEC", "s"},
             {"MIN", "min"},  {"HUR", "h"},    {"59", "ppm"}, {"61", "ppb"},   {"LUX", "lx"},   {"C62", ""}};

static jd_str sign_of(jd_str code) {
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (jd_str_is(code, units[i].code)) return jd_str_of(units[i].sign);
    return code;
}

/* Of several instances the first. */
static const jd_jval *instance_of(const jd_jval *entity, jd_str name) {
    const jd_jval *v = jd_jget_str(members_of(entity), name);
    return v && v->type == JD_JARR && v->n && v->items[0].type == JD_JOBJ ? &v->items[0] : v;
}

static const jd_jval *value_of(const jd_jval *attr, int zh) {
    static const char *const names[] = {"value", "object", "vocab", "json", "valueList", "objectList", NULL};
    if (attr->type != JD_JOBJ) return attr; /* simplified */
    for (size_t i = 0; names[i]; i++)
        if (jd_jget(attr, names[i])) return jd_jget(attr, names[i]);
    const jd_jval *map = jd_jget(attr, "languageMap");
    if (!map || map->type != JD_JOBJ || !map->n) return map ? map : attr;
    const jd_jval *own = jd_jget(map, zh ? "zh" : "en");
    return own ? own : &map->members[0].val;
}

/* The longest beginning of at most n bytes that ends between characters. */
static size_t cut(const char *p, size_t have, size_t n) {
    if (have <= n) return have;
    while (n && ((unsigned char)p[n] & 0xc0) == 0x80) n--;
    return n;
}

static void put_plain(jd_buf *out, const char *p, size_t n) {
    size_t k = cut(p, n, VALUE_MAX);
    for (size_t i = 0; i < k; i++) jd_buf_c(out, (unsigned char)p[i] < ' ' ? ' ' : p[i]);
    if (k < n) jd_buf_z(out, "…");
}

static void put_value(jd_buf *out, const jd_jval *attr, int zh) {
    const jd_jval *v = value_of(attr, zh);
    if (v->type == JD_JSTR) {
        put_plain(out, v->s, v->n);
        return;
    }
    jd_buf text = {0};
    jd_json_write(&text, v);
    put_plain(out, text.p, text.n);
    jd_buf_fini(&text);
}

static jd_str unit_of(const jd_jval *attr) {
    jd_str code = attr->type == JD_JOBJ ? text_of(attr, "unitCode") : (jd_str){NULL, 0};
    return code.p ? sign_of(code) : JD_STR("");
}

static jd_str finish(jd_buf *b, size_t max, jd_arena *a) {
    jd_str all = jd_buf_view(b);
    all.n = cut(all.p, all.n, max);
    all = jd_arena_dup(a, all);
    jd_buf_fini(b);
    return all;
}

/* ---- the text that is made ---- */

static int is_attribute(jd_str name) {
    static const char *const others[] = {"id", "type", "scope", "@context", "geometry", "properties"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (jd_str_is(name, others[i])) return 0;
    return 1;
}

static int put_attribute(jd_buf *out, const jd_jval *entity, jd_str name, int first, int zh) {
    const jd_jval *v = instance_of(entity, name);
    if (!v) return 0;
    jd_str unit = unit_of(v);
    jd_buf_z(out, first ? ": " : ", ");
    jd_buf_str(out, name);
    jd_buf_c(out, ' ');
    put_value(out, v, zh);
    if (unit.n) jd_buf_c(out, ' ');
    jd_buf_str(out, unit);
    return 1;
}

static void put_entity(jd_buf *out, const jd_jval *entity, const jd_told_handed *h, int zh) {
    int n = 0;
    put_plain(out, text_of(entity, "id").p, text_of(entity, "id").n);
    for (size_t i = 0; i < h->watched_n && n < NAMES_MAX; i++) n += put_attribute(out, entity, h->watched[i], !n, zh);
    const jd_jval *all = members_of(entity);
    for (uint32_t i = 0; !h->watched_n && i < all->n && n < NAMES_MAX; i++)
        if (is_attribute(all->members[i].name)) n += put_attribute(out, entity, all->members[i].name, !n, zh);
}

jd_str wording_text(const wording *w, const jd_told_handed *h, int zh, size_t max, jd_arena *a) {
    jd_buf out = {0};
    for (uint32_t i = 0; i < w->n && i < LINES_MAX; i++) {
        if (i) jd_buf_c(&out, '\n');
        put_entity(&out, w->of[i], h, zh);
    }
    if (w->n > LINES_MAX) jd_buf_printf(&out, zh ? "\n另有 %u 个实体" : "\nand %u more entities", w->n - LINES_MAX);
    return finish(&out, max, a);
}

/* ---- templates ---- */

/* The next {{...}} behind *at: 1, its name without spaces and where it begins and ends; 0: there is none; -1: it is not
 * closed. */
static int next_place(jd_str t, size_t at, size_t *begin, size_t *end, jd_str *name) {
    for (size_t i = at; i + 1 < t.n; i++) {
        if (t.p[i] != '{' || t.p[i + 1] != '{') continue;
        size_t j = i + 2;
        while (j + 1 < t.n && !(t.p[j] == '}' && t.p[j + 1] == '}')) j++;
        if (j + 1 >= t.n) return -1;
        *begin = i;
        *end = j + 2;
        *name = (jd_str){t.p + i + 2, j - i - 2};
        while (name->n && name->p[0] == ' ') name->p++, name->n--;
        while (name->n && name->p[name->n - 1] == ' ') name->n--;
        return 1;
    }
    return 0;
}

static jd_str without_unit(jd_str name, int *unit) {
    *unit = name.n > 5 && !memcmp(name.p + name.n - 5, ".unit", 5);
    if (*unit) name.n -= 5;
    return name;
}

static void put_type(jd_buf *out, const jd_jval *entity) {
    const jd_jval *feature = members_of(entity), *type = jd_jget(feature, "type");
    if (type && type->type == JD_JARR && type->n) type = &type->items[0];
    if (type && type->type == JD_JSTR) put_plain(out, type->s, type->n);
}

static void put_named(jd_buf *out, const wording *w, jd_str name, int zh) {
    int unit;
    if (jd_str_is(name, "count")) {
        jd_buf_printf(out, "%u", w->n);
        return;
    }
    size_t before = out->n;
    if (w->n && jd_str_is(name, "id")) {
        put_plain(out, text_of(w->of[0], "id").p, text_of(w->of[0], "id").n);
    } else if (w->n && jd_str_is(name, "type")) {
        put_type(out, w->of[0]);
    } else if (w->n) {
        const jd_jval *v = instance_of(w->of[0], without_unit(name, &unit));
        if (v && unit) {
            jd_buf_str(out, unit_of(v));
            return; /* a number without a unit has none */
        }
        if (v) put_value(out, v, zh);
    }
    if (out->n == before) jd_buf_c(out, '-');
}

jd_str wording_fill(const wording *w, jd_str text, int zh, size_t max, jd_arena *a) {
    jd_buf out = {0};
    size_t at = 0, begin, end;
    jd_str name;
    while (next_place(text, at, &begin, &end, &name) == 1) {
        jd_buf_str(&out, (jd_str){text.p + at, begin - at});
        put_named(&out, w, name, zh);
        at = end;
    }
    jd_buf_str(&out, (jd_str){text.p + at, text.n - at});
    return finish(&out, max, a);
}

static int bad(const char *key, jd_err *err, const char *en, const char *zh, jd_str name) {
    if (name.n > 100) name.n = 100;
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s: \"%.*s\" %s%.0s", "%s：“%.*s”%.0s%s", key, JD_STR_ARG(name), en, zh);
    return jd_fail_at(err, "notification.endpoint.receiverInfo.%s", key);
}

int wording_check(const jd_told_handed *h, const char *key, jd_err *err) {
    jd_str text = h->info(h, key), name;
    size_t at = 0, begin, end;
    int rc, unit;
    if (!text.p) return 0;
    for (; (rc = next_place(text, at, &begin, &end, &name)) == 1; at = end) {
        if (jd_str_is(name, "id") || jd_str_is(name, "type") || jd_str_is(name, "count")) continue;
        name = without_unit(name, &unit);
        if (!jd_name_valid(name)) return bad(key, err, "is no name of an attribute", "不是属性名", name);
        if (!h->tells(h, name))
            return bad(key, err, "is not among the attributes of the notification", "不在通知所含的属性之中", name);
    }
    return rc < 0 ? bad(key, err, "has {{ without }}", "中有 {{ 而无 }}", text) : 0;
}

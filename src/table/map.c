/* The mapping document as a whole: reading it, where things stand in it, and its members but for time and attributes.
 */
#include "table/map_int.h"
#include "table/table_int.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- open ---- */

void map__place(const jd_map *m, const char *at, unsigned *line, unsigned *column) {
    jd_jplace(m->text, at, line, column);
}

int jd_map_open(jd_map **out, const char *name, jd_str text, jd_err *err) {
    jd_map *m = jd_xcalloc(1, sizeof *m);
    jd_arena_init(&m->arena);
    m->name = jd_xstrdup(jd_str_of(name));
    if (jd_str_starts(text, JD_STR("\xEF\xBB\xBF"))) text.p += 3, text.n -= 3;
    m->text = jd_arena_dup(&m->arena, text);
    if (jd_json_parse(&m->arena, m->text, NULL, &m->root, err)) {
        unsigned line, column;
        if (sscanf(err->place, "line %u column %u", &line, &column) != 2) line = column = 1;
        err->place[0] = 0;
        jd_fail_at(err, "%s:%u:%u", name, line, column);
    } else if (m->root.type != JD_JOBJ) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "a mapping is one JSON object", "映射文件应为一个 JSON 对象");
        jd_fail_at(err, "%s:1:1", name);
    } else {
        *out = m;
        return 0;
    }
    jd_map_free(m);
    return -1;
}

void jd_map_free(jd_map *m) {
    if (!m) return;
    if (m->ctx) jd_ctx_unref(m->ctx);
    jd_buf_fini(&m->path);
    free(m->cols);
    free(m->name);
    jd_arena_fini(&m->arena);
    free(m);
}

const jd_jval *jd_map_context(const jd_map *m) {
    return jd_jget(&m->root, "@context");
}
const jd_table_form *jd_map_form(const jd_map *m) {
    return &m->form;
}
double jd_map_refused_max(const jd_map *m) {
    return m->refused_max;
}

jd_str jd_map_column(const jd_map *m, size_t i) {
    return i < m->cols_n ? m->cols[i].name : (jd_str){NULL, 0};
}

int jd_map_is_live(const jd_map *m) {
    return !m->each;
}

/* ---- where it is wrong ---- */

const char *map__path(jd_map *m) {
    jd_buf_room(&m->path, 1)[0] = 0;
    return m->path.n ? m->path.p : "mapping";
}

int map__fail_at(jd_map *m) {
    unsigned line, column;
    map__place(m, m->at ? m->at : m->text.p, &line, &column);
    return jd_fail_at(m->err, "%s:%u:%u", m->name, line, column);
}

static int within(const jd_map *m, const char *p) {
    return p >= m->text.p && p < m->text.p + m->text.n;
}

map_spot map__enter(jd_map *m, jd_str member, const jd_jval *v) {
    map_spot was = {m->path.n, m->at};
    if (m->path.n) jd_buf_c(&m->path, '.');
    jd_buf_str(&m->path, (jd_str){member.p, member.n > 60 ? 60 : member.n});
    const jd_jmember *whole = (const void *)((const char *)v - offsetof(jd_jmember, val));
    if (within(m, whole->name.p))
        m->at = whole->name.p - 1; /* its quote */
    else if ((v->type == JD_JSTR || v->type == JD_JNUM) && within(m, v->s))
        m->at = v->s; /* a name with escapes does not lie in the text */
    return was;
}

map_spot map__enter_item(jd_map *m, uint32_t i, const jd_jval *v) {
    map_spot was = {m->path.n, m->at};
    jd_buf_printf(&m->path, "[%u]", i);
    if ((v->type == JD_JSTR || v->type == JD_JNUM) && within(m, v->s)) m->at = v->type == JD_JSTR ? v->s - 1 : v->s;
    if (v->type == JD_JOBJ && v->n && within(m, v->members[0].name.p)) m->at = v->members[0].name.p - 1;
    return was;
}

void map__leave(jd_map *m, map_spot was) {
    m->path.n = was.path_n;
    m->at = was.at;
}

/* ---- small values ---- */

int map__word(jd_map *m, const jd_jval *v, const char *words) {
    int i = 0;
    for (const char *p = words; p; i++) {
        const char *bar = strchr(p, '|');
        if (jd_str_eq(jd_jstr(v), (jd_str){p, bar ? (size_t)(bar - p) : strlen(p)})) return i;
        p = bar ? bar + 1 : NULL;
    }
    return MAP_FAIL(m, "\"%.*s\" is none of %s", "“%.*s”不在可选值之内：%s", JD_STR_ARG(jd_jstr(v)), words);
}

int map__texts(jd_map *m, const jd_jval *v, jd_str **out, size_t *n) {
    const jd_jval *items = v->type == JD_JARR ? v->items : v;
    *n = v->type == JD_JARR ? v->n : 1;
    *out = JD_NEWN(&m->arena, jd_str, *n ? *n : 1);
    for (uint32_t i = 0; i < *n; i++) {
        if (items[i].type != JD_JSTR && items[i].type != JD_JNUM) return MAP_FAIL(m, "must hold strings", "应为字符串");
        (*out)[i] = jd_jstr(&items[i]);
    }
    return 0;
}

int map__marks(jd_map *m, const jd_jval *v, map_marks *out) {
    const jd_jval *items = v->type == JD_JARR ? v->items : v;
    size_t n = v->type == JD_JARR ? v->n : 1;
    *out = (map_marks){.texts = JD_NEWN(&m->arena, jd_str, n + 1), .nums = JD_NEWN(&m->arena, double, n + 1)};
    for (size_t i = 0; i < n; i++) {
        if (items[i].type == JD_JSTR)
            out->texts[out->texts_n++] = jd_jstr(&items[i]);
        else if (items[i].type == JD_JNUM)
            out->nums[out->nums_n++] = jd_jnum(&items[i]);
        else
            return MAP_FAIL(m, "must hold strings (equal as texts) or numbers (equal as numbers)",
                            "应为字符串（按文字相等）或数字（按数值相等）");
    }
    return 0;
}

int map__ref(jd_map *m, jd_str name, int needed, map_ref *out) {
    static const struct {
        const char *name;
        map_ref ref;
    } special[] = {{"@cell", REF_CELL}, {"@column", REF_COLUMN}, {"@file", REF_FILE}, {"@stem", REF_STEM}};
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
        if (!jd_str_is(name, special[i].name)) continue;
        *out = special[i].ref;
        if (!m->each && (*out == REF_CELL || *out == REF_COLUMN))
            return MAP_FAIL(m, "%s has a meaning only with \"each\"", "%s 只有在使用“each”时才有意义", special[i].name);
        return 0;
    }
    if (!name.n) return MAP_FAIL(m, "a column's name must not be empty", "列名不能为空");
    for (size_t i = 0; i < m->cols_n; i++)
        if (jd_str_eq(m->cols[i].name, name)) {
            if (needed && !m->cols[i].needed) m->cols[i].at = m->at;
            m->cols[i].needed |= needed;
            m->cols[i].uses++;
            *out = (map_ref)i;
            return 0;
        }
    if (m->cols_n == m->cols_cap) {
        m->cols_cap = m->cols_cap ? m->cols_cap * 2 : 32;
        m->cols = jd_xrealloc(m->cols, m->cols_cap * sizeof *m->cols);
    }
    m->cols[m->cols_n] = (map_col){.name = name, .needed = needed, .at = m->at, .uses = 1};
    *out = (map_ref)m->cols_n++;
    return 0;
}

int map__ref_member(jd_map *m, const jd_jval *object, const char *member, int needed, map_ref *out) {
    const jd_jval *v = jd_jget(object, member);
    *out = REF_NONE;
    if (!v) return 0;
    map_spot was = map__enter(m, jd_str_of(member), v);
    if (map__ref(m, jd_jstr(v), needed, out)) return -1;
    map__leave(m, was);
    return 0;
}

int map__sym(jd_map *m, jd_str name, jd_sym *out) {
    if (!jd_name_valid(name))
        return MAP_FAIL(m, "\"%.*s\" is no name for a type or attribute", "“%.*s”不能用作类型或属性的名称",
                        JD_STR_ARG(name));
    jd_str iri = jd_ctx_expand(m->ctx, &m->arena, name);
    if (!iri.p || (iri.n && iri.p[0] == '@'))
        return MAP_FAIL(m, "the @context makes \"%.*s\" %s", "@context 将“%.*s”映射为 %s", JD_STR_ARG(name),
                        iri.p ? "a keyword" : "null");
    jd_err why = {0};
    *out = jd_sym_intern(m->symbols, iri, &why);
    return *out ? 0 : MAP_FAIL(m, "%s%.0s", "%.0s%s", why.en, why.zh);
}

/* ---- conditions on a row ---- */

static int one_test(jd_map *m, const jd_jmember *member, int needed, map_test *t) {
    const jd_jval *v = &member->val;
    *t = (map_test){.kind = TEST_IS};
    if (map__ref(m, member->name, needed, &t->ref)) return -1;
    if (v->type != JD_JOBJ) return map__texts(m, v, &t->any, &t->n);
    if (map__object(m, v, "test")) return -1;
    if (v->n != 1) return MAP_FAIL(m, "wants one of is, like, not, missing", "应为 is、like、not、missing 之一");
    jd_str how = v->members[0].name;
    const jd_jval *what = &v->members[0].val;
    if (jd_str_is(how, "missing")) {
        t->kind = TEST_MISSING;
        t->negate = what->type == JD_JFALSE;
        return 0;
    }
    if (jd_str_is(how, "like")) t->kind = TEST_LIKE;
    t->negate = jd_str_is(how, "not");
    return map__texts(m, what, &t->any, &t->n);
}

int map__cond(jd_map *m, const jd_jval *v, int needed, map_cond *out) {
    if (v->type != JD_JOBJ || !v->n)
        return MAP_FAIL(m, "must be an object of columns and what they must hold", "应为对象：列名及其应有的值");
    *out = (map_cond){JD_NEWN(&m->arena, map_test, v->n), v->n};
    for (uint32_t i = 0; i < v->n; i++) {
        map_spot was = map__enter(m, v->members[i].name, &v->members[i].val);
        if (one_test(m, &v->members[i], needed, &out->tests[i])) return -1;
        map__leave(m, was);
    }
    return 0;
}

/* ---- the members of the whole ---- */

static int one_byte(jd_map *m, const jd_jval *v, char *out) {
    if (v->n != 1) return MAP_FAIL(m, "must be one ASCII character", "应为一个 ASCII 字符");
    *out = v->s[0];
    return 0;
}

static int table_header(jd_map *m, const jd_jval *v) {
    jd_table_form *f = &m->form;
    f->header = v->type == JD_JTRUE;
    if (v->type != JD_JARR) return 0;
    if (!v->n) return MAP_FAIL(m, "must not be empty", "不能为空");
    return map__texts(m, v, &f->names, &f->names_n);
}

static int table_sheet(jd_map *m, const jd_jval *v) {
    if (v->type == JD_JSTR) {
        m->form.sheet = jd_jstr(v);
        return v->n ? 0 : MAP_FAIL(m, "must not be empty", "不能为空");
    }
    double n = jd_jnum(v);
    if (!(n >= 1 && n <= 10000) || n != (double)(uint32_t)n)
        return MAP_FAIL(m, "must be a sheet's name, or its number from 1", "应为工作表名称，或从 1 开始的序号");
    m->form.sheet_no = (uint32_t)n;
    return 0;
}

static int table_member(jd_map *m, jd_str name, const jd_jval *v) {
    jd_table_form *f = &m->form;
    int word;
    if (jd_str_is(name, "format")) {
        if ((word = map__word(m, v, "csv|jsonlines|json|geojson|xlsx")) < 0) return -1;
        f->kind = (jd_table_kind)word;
    } else if (jd_str_is(name, "encoding")) {
        f->encoding = jd_jstr(v);
        if (!table__encoding_known(f->encoding))
            return MAP_FAIL(m, "there is no encoding \"%.*s\"", "没有编码“%.*s”", JD_STR_ARG(f->encoding));
    } else if (jd_str_is(name, "separator")) {
        return one_byte(m, v, &f->separator);
    } else if (jd_str_is(name, "quote")) {
        f->quote = 0;
        return v->n ? one_byte(m, v, &f->quote) : 0;
    } else if (jd_str_is(name, "header")) {
        return table_header(m, v);
    } else if (jd_str_is(name, "skipLines")) {
        double n = jd_jnum(v);
        if (!(n >= 0 && n <= 1000) || n != (double)(uint32_t)n)
            return MAP_FAIL(m, "must be a whole number from 0 to 1000", "应为 0 到 1000 的整数");
        f->skip = (uint32_t)n;
    } else if (jd_str_is(name, "comment")) {
        f->comment = jd_jstr(v);
    } else if (jd_str_is(name, "short")) {
        if ((word = map__word(m, v, "refuse|fill")) < 0) return -1;
        f->fill = word;
    } else if (jd_str_is(name, "decimal")) {
        if (map__word(m, v, ".|,") < 0) return -1;
        m->point = v->s[0];
    } else if (jd_str_is(name, "thousands")) {
        m->thousands = jd_jstr(v);
        if (!v->n || v->n > 4) return MAP_FAIL(m, "must be one character", "应为一个字符");
    } else if (jd_str_is(name, "path")) {
        f->path = jd_jstr(v);
        if (v->n && (v->s[0] != '/' || v->s[v->n - 1] == '/'))
            return MAP_FAIL(m, "must be a JSON Pointer such as \"/data/rows\"",
                            "应为 JSON Pointer，例如 \"/data/rows\"");
    } else if (jd_str_is(name, "sheet")) {
        return table_sheet(m, v);
    } else if (jd_str_is(name, "otherColumns")) {
        if ((m->others_refused = map__word(m, v, "ignore|refuse")) < 0) return -1;
    } else if (jd_str_is(name, "ignore")) {
        return map__texts(m, v, &m->ignored, &m->ignored_n);
    }
    return 0;
}

static int read_table(jd_map *m, const jd_jval *v) {
    if (map__object(m, v, "table")) return -1;
    for (uint32_t i = 0; i < v->n; i++) {
        map_spot was = map__enter(m, v->members[i].name, &v->members[i].val);
        if (table_member(m, v->members[i].name, &v->members[i].val)) return -1;
        map__leave(m, was);
    }
    if (m->thousands.n == 1 && m->thousands.p[0] == m->point)
        return MAP_FAIL(m, "decimal and thousands are the same", "小数点与千位分隔符相同");
    return 0;
}

static int read_entity(jd_map *m, const jd_jval *v) {
    if (map__object(m, v, "entity")) return -1;
    const jd_jval *type = jd_jget(v, "type"), *id = jd_jget(v, "id");
    map_spot was = map__enter(m, JD_STR("type"), type);
    const jd_jval *items = type->type == JD_JARR ? type->items : type;
    m->types_n = type->type == JD_JARR ? type->n : 1;
    if (!m->types_n || m->types_n > JD_TYPES_MAX)
        return MAP_FAIL(m, "wants 1 to %d types", "类型应为 1 到 %d 个", (int)JD_TYPES_MAX);
    m->types = JD_NEWN(&m->arena, map_tpl, m->types_n);
    jd_sym *syms = JD_NEWN(&m->arena, jd_sym, m->types_n);
    int moves = 0;
    for (uint32_t i = 0; i < m->types_n; i++) {
        if (items[i].type != JD_JSTR) return MAP_FAIL(m, "must hold strings", "应为字符串");
        if (map__template(m, &items[i], 1, &m->types[i])) return -1;
        moves |= m->types[i].moves;
        if (!m->types[i].moves && map__sym(m, m->types[i].parts[0].literal, &syms[i])) return -1;
        for (uint32_t k = 0; k < i; k++)
            if (syms[i] && syms[k] == syms[i]) return MAP_FAIL(m, "names a type twice", "类型重复");
    }
    if (!moves) m->type_syms = syms;
    map__leave(m, was);
    was = map__enter(m, JD_STR("id"), id);
    if (map__template(m, id, 1, &m->id)) return -1;
    if (!m->id.moves && !jd_uri_valid(m->id.parts[0].literal))
        return MAP_FAIL(m, "must be a URI, such as urn:ngsi-ld:Type:name", "应为 URI，例如 urn:ngsi-ld:Type:name");
    map__leave(m, was);
    return 0;
}

static int read_each(jd_map *m, const jd_jval *v) {
    if (map__object(m, v, "each") || map__texts(m, jd_jget(v, "columns"), &m->each_like, &m->each_like_n)) return -1;
    const jd_jval *except = jd_jget(v, "except");
    m->each = 1;
    return except ? map__texts(m, except, &m->each_not, &m->each_not_n) : 0;
}

static int read_skip(jd_map *m, const jd_jval *v) {
    const jd_jval *items = v->type == JD_JARR ? v->items : v;
    m->skip_n = v->type == JD_JARR ? v->n : 1;
    m->skip = JD_NEWN(&m->arena, map_cond, m->skip_n ? m->skip_n : 1);
    for (uint32_t i = 0; i < m->skip_n; i++) {
        map_spot was = map__enter_item(m, i, &items[i]);
        if (map__cond(m, &items[i], 1, &m->skip[i])) return -1;
        map__leave(m, was);
    }
    return 0;
}

static int read_version(jd_map *m, const jd_jval *v) {
    if (jd_jnum(v) == 1) return 0;
    return MAP_FAIL(m, "this Jindu reads mappings of version 1", "此版本的津渡读取第 1 版映射");
}

static int read_repeat(jd_map *m, const jd_jval *v) {
    int word = map__word(m, v, "last|first|refuse|each");
    m->repeat = (map_repeat)word;
    return word < 0 ? -1 : 0;
}

static int read_refused_max(jd_map *m, const jd_jval *v) {
    m->refused_max = jd_jnum(v);
    if (m->refused_max >= 0 && m->refused_max <= 100) return 0;
    return MAP_FAIL(m, "must be from 0 to 100 (percent)", "应为 0 到 100（百分比）");
}

static int read_missing(jd_map *m, const jd_jval *v) {
    return map__marks(m, v, &m->missing);
}

static int read_attributes(jd_map *m, const jd_jval *v) {
    return map__attrs(m, v, 0, &m->attrs, &m->attrs_n);
}

static int read_fixed(jd_map *m, const jd_jval *v) {
    return map__attrs(m, v, 1, &m->fixed, &m->fixed_n);
}

/* In the order in which they need each other. */
static int read_all(jd_map *m) {
    static const struct {
        const char *name;
        int (*read)(jd_map *m, const jd_jval *v);
    } steps[] = {
        {"mapping", read_version}, {"table", read_table},   {"missing", read_missing},       {"each", read_each},
        {"time", map__time},       {"entity", read_entity}, {"attributes", read_attributes}, {"fixed", read_fixed},
        {"skip", read_skip},       {"repeat", read_repeat}, {"refusedMax", read_refused_max}};
    if (map__object(m, &m->root, "mapping")) return -1;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const jd_jval *v = jd_jget(&m->root, steps[i].name);
        if (!v) continue;
        map_spot was = map__enter(m, jd_str_of(steps[i].name), v);
        if (steps[i].read(m, v)) return -1;
        map__leave(m, was);
    }
    if (m->attrs_n + m->fixed_n == 0)
        return MAP_FAIL(m, "maps nothing: \"attributes\" or \"fixed\" is missing",
                        "没有内容：缺少“attributes”或“fixed”");
    return 0;
}

/* An attribute that takes a number as it is: its text is neither looked up nor changed. */
static int takes_number(const jd_map *m, const map_attr *a) {
    int marks = m->missing.texts_n + m->missing.nums_n + a->missing.texts_n + a->missing.nums_n > 0;
    if (marks || m->point != '.') return 0;
    if (a->as == AS_POINT) return 1;
    return (a->as == AS_NUMBER || a->as == AS_ANY) && !a->values && !a->suffix_n && !a->scaled && !a->tpl.n;
}

/* Given that its cells are numbers which are taken as they are. */
static int is_simple(const map_attr *a) {
    int own = a->as == AS_NUMBER || (a->as == AS_POINT && a->datum == DATUM_WGS84);
    return own && !a->expect.n && a->unit_ref == REF_NONE && !a->dataset.moves && !a->subs_n;
}

/* Fixed attributes are left out: what they said is remembered by the texts of their columns. */
static void count_numbers(jd_map *m, map_attr *attrs, size_t n) {
    for (size_t i = 0; i < n; i++) {
        map_attr *a = &attrs[i];
        count_numbers(m, a->subs, a->subs_n);
        if (!takes_number(m, a)) continue;
        a->simple = is_simple(a);
        if (a->ref >= 0) m->cols[a->ref].numbers++;
        if (a->as == AS_POINT && a->lat >= 0) m->cols[a->lat].numbers++;
    }
}

int jd_map_compile(jd_map *m, jd_context *ctx, jd_symtab *symbols, jd_err *err) {
    m->ctx = jd_ctx_ref(ctx);
    m->symbols = symbols;
    m->err = err;
    m->point = '.';
    m->refused_max = 10;
    m->form = (jd_table_form){.separator = ',', .quote = '"', .header = 1};
    m->missing = (map_marks){.texts = JD_NEWN(&m->arena, jd_str, 1)}; /* an empty cell holds nothing in any case */
    int rc = read_all(m);
    if (!rc) count_numbers(m, m->attrs, m->attrs_n);
    m->err = NULL;
    return rc;
}

/* One import: tables in, moments and refusals out. */
#include "table/feed_int.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIRST_ROWS = 20 }; /* when none of so many can be used, the mapping is for another table */

jd_feed *jd_feed_new(const jd_map *map) {
    jd_feed *f = jd_xcalloc(1, sizeof *f);
    f->map = map;
    jd_arena_init(&f->scratch);
    f->lines = jd_xcalloc(map->lines_n ? map->lines_n : 1, sizeof *f->lines);
    f->at = jd_xcalloc(map->cols_n + 1, sizeof *f->at);
    f->seen = jd_xcalloc(map->cols_n + 1, 1);
    f->present = jd_xcalloc(map->attrs_n + 1, 1);
    if (map->time.zone.n) f->zone = jd_zone_open(map->time.zone, 1);
    return f;
}

static void forget(jd_feed *f) {
    feed__nums_fini(&f->newest);
    feed__nums_fini(&f->entities);
    feed__nums_fini(&f->said);
    feed__nums_fini(&f->order);
}

void jd_feed_use(jd_feed *f, const jd_map *map) {
    f->map = map;
}

void jd_feed_free(jd_feed *f) {
    if (!f) return;
    forget(f);
    feed__nums_fini(&f->last_said);
    feed__repeats_free(f->repeats);
    jd_zone_close(f->zone);
    jd_arena_fini(&f->scratch);
    jd_buf_fini(&f->text);
    jd_buf_fini(&f->id);
    free(f->lines);
    free(f->at);
    free(f->seen);
    free(f->present);
    free(f->each);
    free(f->live);
    free(f->places);
    free(f);
}

void jd_feed_begin(jd_feed *f, jd_feed_pass pass, uint64_t bytes) {
    const jd_map *m = f->map;
    forget(f);
    f->pass = pass;
    f->moment_no = 0;
    f->first_err.code = JD_E_OK;
    f->report = (jd_feed_report){.attrs = f->lines, .attrs_n = m->lines_n};
    for (size_t i = 0; i < m->attrs_n + m->fixed_n; i++) {
        const map_attr *a = i < m->attrs_n ? &m->attrs[i] : &m->fixed[i - m->attrs_n];
        f->lines[a->report] = (jd_feed_attr){.name = a->name, .first = JD_TIME_NONE, .last = JD_TIME_NONE};
    }
    if (pass != JD_FEED_LEARN) return;
    feed__repeats_free(f->repeats);
    feed__nums_fini(&f->last_said);
    f->repeats = feed__repeats_new(bytes);
}

const jd_feed_report *jd_feed_get_report(const jd_feed *f) {
    return &f->report;
}

const char *jd_refused_text(jd_refused r, int zh) {
    static const char *const texts[][2] = {
#define X(id, en, chinese) {en, chinese},
        JD_REFUSED_MAP(X)
#undef X
    };
    return texts[r][zh != 0];
}

int jd_feed_judge(const jd_feed *f, double max, jd_err *err) {
    const jd_feed_report *r = &f->report;
    if (!r->touched_rows || (double)r->touched_rows * 100 <= max * (double)r->rows) return 0;
    jd_fail(err, JD_E_BAD_REQUEST_DATA,
            "%llu of %llu rows would be refused, which is more than %g %%; the first: %s%.0s",
            "%llu 行（共 %llu 行）将被拒绝，超过 %g %%；第一处：%.0s%s", (unsigned long long)r->touched_rows,
            (unsigned long long)r->rows, max, f->first_err.en, f->first_err.zh);
    return jd_fail_at(err, "%s", f->first_err.place);
}

/* ---- refusing ---- */

static void refuse(jd_feed *f, feed_fault *x, int whole, uint64_t line, uint64_t column) {
    jd_feed_report *r = &f->report;
    jd_refusal said = {.file = f->name,
                       .line = line,
                       .column = column,
                       .reason = x->reason,
                       .whole = whole,
                       .first_of_row = !f->row_refused,
                       .err = &x->err,
                       .table = f->table,
                       .row = f->row};
    r->reasons[x->reason]++;
    if (whole)
        r->refused_rows++;
    else
        r->refused_cells++;
    r->touched_rows += !f->row_refused;
    f->row_refused = 1;
    x->err.place[0] = 0;
    if (f->first_err.code == JD_E_OK) {
        f->first_err = x->err;
        jd_fail_at(&f->first_err, "%s:%llu:%llu", f->name, (unsigned long long)line, (unsigned long long)column);
    }
    if (f->sink->refused) f->sink->refused(f->sink->user, &said);
}

static void refuse_at(jd_feed *f, feed_fault *x, int whole) {
    uint64_t line = f->row->line, column = f->row->column;
    if (x->ref >= 0 || x->ref == REF_CELL || x->ref == REF_COLUMN) {
        map_ref ref = x->ref == REF_COLUMN ? REF_CELL : x->ref;
        jd_table_cell c = feed__cell(f, ref);
        jd_str name = feed__column(f, ref);
        jd_err why = x->err;
        if (c.text.p) jd_table_place(f->row, c.at, &line, &column);
        jd_fail(&x->err, why.code, "%.*s: %s%.0s", "%.*s：%.0s%s", (int)(name.n > 60 ? 60 : name.n), name.p, why.en,
                why.zh);
    }
    refuse(f, x, whole, line, column);
}

static void refuse_fault(jd_feed *f) { /* the table's own word */
    feed_fault x = {.reason = JD_REFUSED_SHAPE, .err = *f->row->fault, .ref = REF_NONE};
    unsigned long long line = f->row->line, column = f->row->column;
    sscanf(x.err.place, "%llu:%llu", &line, &column);
    refuse(f, &x, 1, line, column);
}

static void refuse_bytes(jd_feed *f, size_t at) {
    feed_fault x = {.ref = REF_NONE};
    uint64_t line, column;
    jd_str enc = f->map->form.encoding.n ? f->map->form.encoding : JD_STR("UTF-8");
    FEED_FAIL(&x, BYTES, REF_NONE, "a byte here is no character of %.*s", "此处的字节不是 %.*s 字符", JD_STR_ARG(enc));
    jd_table_place(f->row, at, &line, &column);
    refuse(f, &x, 1, line, column);
}

/* ---- who ---- */

static int types_of(jd_feed *f, feed_fault *x, const jd_sym **out) {
    const jd_map *m = f->map;
    *out = m->type_syms;
    if (m->type_syms) return 0;
    *out = f->types;
    for (size_t i = 0; i < m->types_n; i++) {
        map_ref missing = REF_NONE;
        jd_err why = {0};
        if (!feed__template(f, &m->types[i], &f->text, &missing))
            return FEED_FAIL(x, ID, missing, "the type has no name", "类型没有名称");
        jd_str name = jd_buf_view(&f->text);
        jd_str iri = jd_name_valid(name) ? jd_ctx_expand(m->ctx, &f->scratch, name) : (jd_str){NULL, 0};
        if (!iri.p || (iri.n && iri.p[0] == '@'))
            return FEED_FAIL(x, ID, REF_NONE, "\"%.*s\" is no name for a type", "“%.*s”不能用作类型名称",
                             (int)(name.n > 60 ? 60 : name.n), name.p);
        f->types[i] = jd_sym_find(m->symbols, iri);
        if (!f->types[i]) f->types[i] = jd_sym_intern(m->symbols, iri, &why);
        if (!f->types[i]) return FEED_FAIL(x, ID, REF_NONE, "%s%.0s", "%.0s%s", why.en, why.zh);
    }
    return 0;
}

/* The entity's id into f->id. */
static int id_of(jd_feed *f, feed_fault *x) {
    map_ref missing = REF_NONE;
    if (!feed__template(f, &f->map->id, &f->text, &missing)) {
        jd_str name = feed__column(f, missing);
        if (missing == REF_FILE || missing == REF_STEM)
            return FEED_FAIL(x, ID, REF_NONE, "the file's name does not fit the id", "文件名不符合标识模板");
        return FEED_FAIL(x, ID, missing, "the id lacks \"%.*s\"", "标识缺少“%.*s”", JD_STR_ARG(name));
    }
    jd_str s = jd_buf_view(&f->text);
    if (f->id.n && jd_str_eq(s, jd_buf_view(&f->id))) return 0; /* as the row before */
    if (!jd_uri_valid(s))
        return FEED_FAIL(x, ID, REF_NONE, "the id \"%.*s\" is no URI; filters such as slug or uri help",
                         "标识“%.*s”不是 URI；可用 slug 或 uri 等过滤器", (int)(s.n > 60 ? 60 : s.n), s.p);
    f->id.n = 0;
    jd_buf_str(&f->id, s);
    f->id_hash = jd_hash(s.p, s.n);
    return 0;
}

/* ---- which attributes ---- */

/* Marks those that have a value in this row; how many. *applied: how many could have had one. */
static size_t look(jd_feed *f, size_t *applied) {
    const jd_map *m = f->map;
    size_t n = 0;
    *applied = 0;
    for (size_t i = 0; i < m->attrs_n; i++) {
        const map_attr *a = &m->attrs[i];
        f->present[i] = 0;
        if (a->when.n && !feed__cond(f, &a->when)) continue;
        ++*applied;
        f->present[i] = (unsigned char)feed__present(f, a);
        n += f->present[i];
        f->lines[a->report].missing += !f->present[i];
    }
    return n;
}

/* The attributes with a value, into f->attrs. -1: the whole row is refused. */
static int values_of(jd_feed *f, jd_arena *to, uint32_t *n, feed_fault *x) {
    const jd_map *m = f->map;
    *n = 0;
    for (size_t i = 0; i < m->attrs_n; i++) {
        const map_attr *a = &m->attrs[i];
        if (!f->present[i]) continue;
        jd_attr *out = &f->attrs[*n];
        int got = feed__simple_value(f, a, to, out);
        if (!got) {
            got = feed__value(f, a, to, out, x);
            f->lines[a->report].refused += got < 0;
            f->lines[a->report].missing += got == 0;
        }
        if (got < 0 && a->refuse_row) return -1;
        if (got < 0) refuse_at(f, x, 0);
        if (got <= 0) continue;
        if (m->time.kind != TIME_NONE) {
            out->observed = f->time;
            out->observed_digits = f->time_digits;
        }
        out->bare = (const void *)a; /* whose line it is, until it is given out */
        ++*n;
    }
    return 0;
}

/* ---- fixed attributes ---- */

static uint64_t hash_cell(const jd_feed *f, map_ref ref, uint64_t h) {
    if (ref == REF_NONE) return h;
    jd_table_cell c = feed__cell(f, ref);
    return (h ^ jd_hash(c.text.p, c.text.n)) * 0x9e3779b97f4a7c15u + 1;
}

static uint64_t hash_source(const jd_feed *f, const map_attr *a, uint64_t h) {
    h = hash_cell(f, a->lat, hash_cell(f, a->ref, h));
    h = hash_cell(f, a->unit_ref, h);
    for (size_t i = 0; i < a->langs_n; i++) h = hash_cell(f, a->langs[i].ref, h);
    for (size_t i = 0; i < a->tpl.n; i++)
        for (int k = 0; k < a->tpl.parts[i].alts_n; k++) h = hash_cell(f, a->tpl.parts[i].alts[k], h);
    for (size_t i = 0; i < a->dataset.n; i++)
        for (int k = 0; k < a->dataset.parts[i].alts_n; k++) h = hash_cell(f, a->dataset.parts[i].alts[k], h);
    for (size_t i = 0; i < a->when.n; i++) h = hash_cell(f, a->when.tests[i].ref, h);
    for (size_t i = 0; i < a->subs_n; i++) h = hash_source(f, &a->subs[i], h);
    return h;
}

/* Does the row have the last word on this attribute of the entity? The last one of all tables counts, and is given out
 * once: learning finds the moment that has it. */
static int last_word(jd_feed *f, const map_attr *a) {
    uint64_t key = f->id_hash ^ (a->report + 1) * 0x9e3779b97f4a7c15u, h = hash_source(f, a, 1);
    int made, again;
    int64_t *said = feed__nums_at(&f->said, key, &made);
    if (!made && *said == (int64_t)h) return 0;
    *said = (int64_t)h;
    if (f->pass == JD_FEED_LIVE) return 1;
    int64_t *last = feed__nums_at(&f->last_said, key, &again);
    if (f->pass == JD_FEED_LEARN) *last = (int64_t)f->moment_no;
    return *last == (int64_t)f->moment_no;
}

/* What the row says of the entity once and for all. */
static int fixed_of(jd_feed *f, jd_arena *to, jd_moment *out, feed_fault *x) {
    const jd_map *m = f->map;
    uint32_t cap = 0;
    int made = 0;
    if (f->pass != JD_FEED_LIVE) feed__nums_at(&f->entities, f->id_hash, &made); /* a link never ends, nor reports */
    f->report.entities += (uint64_t)made;
    for (size_t i = 0; i < m->fixed_n; i++) cap += m->fixed[i].constant ? m->fixed[i].constant_n : 1;
    if (cap) out->fixed = JD_NEWN(to, jd_attr, cap);
    for (size_t i = 0; i < m->fixed_n; i++) {
        const map_attr *a = &m->fixed[i];
        jd_feed_attr *line = &f->lines[a->report];
        if (a->when.n && !feed__cond(f, &a->when)) continue;
        if (!a->constant && !feed__present(f, a)) {
            line->missing++;
            continue;
        }
        if (!last_word(f, a)) continue;
        for (uint32_t k = 0; k < a->constant_n; k++) out->fixed[out->fixed_n++] = a->constant[k];
        int got = a->constant ? 1 : feed__value(f, a, to, &out->fixed[out->fixed_n], x);
        line->refused += got < 0;
        line->missing += got == 0;
        line->given += got > 0;
        if (got < 0 && a->refuse_row) return -1;
        if (got < 0) refuse_at(f, x, 0);
        if (!a->constant) out->fixed_n += got > 0;
    }
    return 0;
}

/* ---- keys that repeat ---- */

/* The series within the entity; not by symbol, which may differ between the passes. */
static uint64_t line_of(const jd_attr *a) {
    const map_attr *from = (const void *)a->bare;
    return from->hash ^ (a->dataset.n ? jd_hash(a->dataset.p, a->dataset.n) : 0);
}

static uint64_t hash_value(jd_feed *f, const jd_attr *a) {
    f->text.n = 0;
    jd_json_write(&f->text, &a->value);
    for (uint32_t i = 0; i < a->subs_n; i++) jd_json_write(&f->text, &a->subs[i].value);
    jd_buf_str(&f->text, a->unit);
    return jd_hash(f->text.p, f->text.n);
}

static void learn(jd_feed *f, const jd_moment *mo) {
    feed_key key = feed__key(mo->id, mo->at);
    int whole = !f->map->moving_identity && feed__repeats_seen(f->repeats, key);
    for (uint32_t i = 0; i < mo->attrs_n && (whole || f->map->moving_identity); i++) {
        feed_key mine = feed__key_with(key, line_of(&mo->attrs[i]));
        if (f->map->moving_identity && !feed__repeats_seen(f->repeats, mine)) continue;
        feed__repeats_note(f->repeats, f->map->moving_identity ? mine : key, mine, f->moment_no);
    }
}

/* The datasetId of the nth reading of one key. */
static jd_str nth_dataset(jd_arena *to, jd_str dataset, uint32_t n) {
    if (dataset.p) return jd_arena_printf(to, "%.*s:repeat-%u", JD_STR_ARG(dataset), n);
    return jd_arena_printf(to, "urn:ngsi-ld:Dataset:repeat-%u", n);
}

/* Takes out of the moment what "repeat" does not let through. */
static void fold(jd_feed *f, jd_moment *mo, jd_arena *to) {
    feed_key key = feed__key(mo->id, mo->at);
    uint32_t n = 0;
    for (uint32_t i = 0; i < mo->attrs_n; i++) {
        jd_attr *a = &mo->attrs[i];
        feed_key mine = feed__key_with(key, line_of(a));
        feed_repeat *r = feed__repeats_find(f->repeats, f->map->moving_identity ? mine : key, mine);
        int keep = 1;
        if (r) {
            uint64_t value = hash_value(f, a);
            if (r->came && r->value == value) f->report.repeated_same++;
            if (r->came && r->value != value) f->report.repeated_other++;
            int again = r->came > 0 && r->value != value;
            r->value = value;
            switch (f->map->repeat) {
            case REPEAT_LAST: keep = r->last == f->moment_no; break;
            case REPEAT_FIRST: keep = !r->came; break;
            case REPEAT_EACH:
                keep = !r->came || again;
                if (r->came && again) a->dataset = nth_dataset(to, a->dataset, r->came + 1);
                break;
            case REPEAT_REFUSE:
                keep = !r->came;
                if (again) {
                    feed_fault x;
                    const map_attr *from = (const void *)a->bare;
                    FEED_FAIL(&x, REPEAT, from->ref, "an earlier row has another value for this entity and time",
                              "前面的行对同一实体和时间给出了另一个值");
                    f->lines[from->report].refused++;
                    refuse_at(f, &x, 0);
                }
                break;
            }
            r->came += !r->came || again;
        }
        if (keep) mo->attrs[n++] = *a;
    }
    mo->attrs_n = n;
}

/* ---- the report ---- */

static void cut_text(char out[48], jd_str s) {
    size_t n = s.n > 47 ? 47 : s.n;
    memcpy(out, s.p, n);
    out[n] = 0;
}

static void count(jd_feed *f, const jd_moment *mo) {
    for (uint32_t i = 0; i < mo->attrs_n; i++) {
        const jd_attr *a = &mo->attrs[i];
        jd_feed_attr *l = &f->lines[((const map_attr *)(const void *)a->bare)->report];
        l->given++;
        f->report.readings++;
        if (a->value.type == JD_JNUM) {
            double v = jd_jnum(&a->value);
            if (!l->has_range || v < l->least) l->least = v, cut_text(l->least_text, jd_jstr(&a->value));
            if (!l->has_range || v > l->most) l->most = v, cut_text(l->most_text, jd_jstr(&a->value));
            l->has_range = 1;
        }
        if (mo->at == JD_TIME_NONE) continue;
        if (l->first == JD_TIME_NONE || mo->at < l->first) l->first = mo->at;
        if (l->last == JD_TIME_NONE || mo->at > l->last) l->last = mo->at;
        int made;
        int64_t *newest = feed__nums_at(&f->newest, f->id_hash * 31 + line_of(a), &made);
        if (!made && mo->at < *newest) {
            l->late++;
            f->report.late++;
        } else {
            *newest = mo->at;
        }
    }
}

/* ---- rows ---- */

/* One entity at one time: the row, or with "each" one of its cells. -1: the sink failed (*err); 1: the sink ends it. */
static int one_moment(jd_feed *f, jd_err *err) {
    const jd_map *m = f->map;
    jd_arena *to = f->pass == JD_FEED_LEARN ? &f->scratch : f->sink->arena;
    feed_fault x;
    size_t applied, present = look(f, &applied);
    jd_moment mo = {.at = JD_TIME_NONE, .types_n = (uint32_t)m->types_n};
    if (m->by_when && m->attrs_n && !applied) {
        map_ref ref = REF_NONE;
        for (size_t i = 0; i < m->attrs_n && ref == REF_NONE; i++)
            if (m->attrs[i].when.n) ref = m->attrs[i].when.tests[0].ref;
        jd_table_cell c = feed__cell(f, ref);
        FEED_FAIL(&x, NAME, ref, "no attribute is for \"%.*s\"", "没有用于“%.*s”的属性",
                  (int)(c.text.n > 60 ? 60 : c.text.n), c.text.p ? c.text.p : "");
        refuse_at(f, &x, 1);
        return 0;
    }
    if (!present && m->attrs_n && m->each) return 0;
    if (id_of(f, &x) || types_of(f, &x, &mo.types)) {
        refuse_at(f, &x, 1);
        return 0;
    }
    if (!present && m->attrs_n) return 0; /* a row that belongs to nobody is refused all the same */
    if (m->time.kind != TIME_NONE && (!f->time_known || m->time.by_cell)) {
        if (feed__time(f, &x)) {
            refuse_at(f, &x, 1);
            return 0;
        }
        f->time_known = 1;
    }
    if (m->time.kind != TIME_NONE) mo.at = f->time;
    mo.digits = f->time_digits;
    f->attrs = jd_arena_alloc(to, m->attrs_n * sizeof *f->attrs);
    mo.attrs = f->attrs;
    int bad = values_of(f, to, &mo.attrs_n, &x);
    if (!bad && !mo.attrs_n && m->attrs_n) return 0;
    if (bad || fixed_of(f, to, &mo, &x)) {
        refuse_at(f, &x, 1);
        return 0;
    }
    f->moment_no++;
    mo.id = jd_buf_view(&f->id);
    if (f->pass == JD_FEED_LEARN) {
        learn(f, &mo);
        count(f, &mo);
        return 0;
    }
    if (f->pass == JD_FEED_GIVE) {
        fold(f, &mo, to);
        count(f, &mo);
    }
    if (!mo.attrs_n && !mo.fixed_n) return 0;
    for (uint32_t i = 0; i < mo.attrs_n; i++) mo.attrs[i].bare = NULL;
    mo.id = jd_arena_dup(to, mo.id);
    return f->sink->moment(f->sink->user, &mo, err);
}

static int skipped(const jd_feed *f) {
    for (size_t i = 0; i < f->map->skip_n; i++)
        if (feed__cond(f, &f->map->skip[i])) return 1;
    return 0;
}

static int one_row(jd_feed *f, jd_err *err) {
    const jd_map *m = f->map;
    jd_feed_report *r = &f->report;
    int rc = 0;
    r->rows++;
    f->row_refused = f->time_known = 0;
    jd_arena_reset(&f->scratch);
    for (size_t i = 0; i < m->cols_n && f->pass != JD_FEED_LIVE; i++)
        f->seen[i] |= f->at[i] >= 0 && (size_t)f->at[i] < f->row->n && f->row->cells[f->at[i]].text.p != NULL;
    if (f->row->fault) {
        refuse_fault(f);
        return 0;
    }
    size_t bad = m->form.kind == JD_TABLE_CSV || m->form.kind == JD_TABLE_XLSX
                     ? jd_utf8_bad(f->row->raw.p, f->row->raw.n)
                     : f->row->raw.n;
    if (bad < f->row->raw.n) {
        refuse_bytes(f, bad);
        return 0;
    }
    if (skipped(f)) {
        r->skipped++;
        return 0;
    }
    uint64_t before = f->moment_no;
    if (!m->each) rc = one_moment(f, err);
    for (f->each_now = 0; m->each && !rc && f->each_now < f->each_n; f->each_now++) rc = one_moment(f, err);
    r->empty += !f->row_refused && f->moment_no == before;
    return rc;
}

/* ---- values one by one ---- */

int jd_feed_value(jd_feed *f, jd_str name, const jd_jval *value, const jd_feed_sink *sink, jd_err *err) {
    const jd_map *m = f->map;
    jd_table_row row = {.n = m->cols_n, .line = 1, .column = 1, .raw = {"", 0}};
    if (!f->live) {
        f->live = jd_xcalloc(m->cols_n + 1, sizeof *f->live);
        f->places = jd_xcalloc(m->cols_n + 1, sizeof *f->places);
        for (size_t i = 0; i < m->cols_n; i++) f->at[i] = (long)i;
    }
    for (size_t i = 0; i < m->cols_n; i++) {
        const map_col *c = &m->cols[i];
        const jd_jval *v = table__by_path_again(value, c->name, &f->places[i]);
        if (v && v->type == JD_JDEC && c->uses == c->numbers)
            f->live[i] = (jd_table_cell){.value = v};
        else
            f->live[i] = table__cell_in(v, sink->arena);
    }
    row.cells = f->live;
    f->name = "";
    f->file = f->stem = name;
    f->sink = sink;
    f->row = &row;
    int rc = one_row(f, err);
    f->row = NULL;
    return rc < 0 ? -1 : rc != 0;
}

/* ---- tables ---- */

static int matches_any(const jd_str *patterns, size_t n, jd_str name) {
    for (size_t i = 0; i < n; i++)
        if (map__like(patterns[i], name, NULL)) return 1;
    return 0;
}

static int is_named(const jd_feed *f, size_t column) {
    for (size_t k = 0; k < f->map->cols_n; k++)
        if (f->at[k] == (long)column) return 1;
    return 0;
}

static int no_column(jd_feed *f, const map_col *c, int twice, jd_err *err) {
    unsigned line, column;
    char list[200] = "";
    size_t n = 0;
    for (size_t i = 0; i < f->names_n && n < 150; i++) {
        int cut = (int)(f->names[i].n > 40 ? 40 : f->names[i].n);
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%.*s", i ? ", " : "", cut, f->names[i].p);
        if (n >= 150) snprintf(list + 150, sizeof list - 150, "...");
    }
    map__place(f->map, c->at, &line, &column);
    int shown = (int)(c->name.n > 60 ? 60 : c->name.n);
    if (twice)
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "the table has two columns \"%.*s\" (%s:%u:%u); name it by number, as #3",
                "表中有两个“%.*s”列（%s:%u:%u）；请用编号指定，如 #3", shown, c->name.p, f->map->name, line, column);
    else
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "there is no column \"%.*s\" (%s:%u:%u); the table has: %s",
                "没有“%.*s”列（%s:%u:%u）；表中有：%s", shown, c->name.p, f->map->name, line, column, list);
    return jd_fail_at(err, "%s:%llu:1", f->name, (unsigned long long)jd_table_header_line(f->table));
}

static int bind_columns(jd_feed *f, jd_err *err) {
    const jd_map *m = f->map;
    f->names_n = jd_table_columns(f->table, &f->names);
    size_t own = f->names_n;
    for (size_t i = 0; i < m->cols_n; i++) {
        f->at[i] = jd_table_column(f->table, m->cols[i].name);
        f->seen[i] = 0;
        if (f->at[i] == -2 || (f->at[i] == -1 && m->cols[i].needed))
            return no_column(f, &m->cols[i], f->at[i] == -2, err);
    }
    jd_table_columns(f->table, &f->names);
    f->each = jd_xrealloc(f->each, (own + 1) * sizeof *f->each);
    f->each_n = 0;
    for (size_t i = 0; i < own; i++) {
        jd_str name = f->names[i];
        if (jd_str_is(name, "_refused") || is_named(f, i)) continue;
        if (m->each && matches_any(m->each_like, m->each_like_n, name) &&
            !matches_any(m->each_not, m->each_not_n, name)) {
            f->each[f->each_n++] = i;
        } else if (m->others_refused && !matches_any(m->ignored, m->ignored_n, name)) {
            jd_fail(err, JD_E_BAD_REQUEST_DATA, "the mapping does not know the column \"%.*s\"", "映射中没有“%.*s”列",
                    (int)(name.n > 60 ? 60 : name.n), name.p);
            return jd_fail_at(err, "%s:%llu:1", f->name, (unsigned long long)jd_table_header_line(f->table));
        }
    }
    if (!m->each || f->each_n) return 0;
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "\"each\" fits none of the table's columns", "“each”与表中任何列都不符");
    return jd_fail_at(err, "%s:%llu:1", f->name, (unsigned long long)jd_table_header_line(f->table));
}

/* A column of JSON shows only in rows: one that no row had is not there. */
static int all_seen(jd_feed *f, jd_err *err) {
    for (size_t i = 0; f->table_rows && i < f->map->cols_n; i++)
        if (f->map->cols[i].needed && !f->seen[i] && f->table_bad < f->table_rows)
            return no_column(f, &f->map->cols[i], 0, err);
    return 0;
}

static int doubtful(jd_feed *f, jd_err *err) {
    jd_fail(err, JD_E_BAD_REQUEST_DATA,
            "none of the first %llu rows can be used; is it the right mapping? The first: %s%.0s",
            "前 %llu 行均无法使用，映射是否正确？第一处：%.0s%s", (unsigned long long)f->table_rows, f->first_err.en,
            f->first_err.zh);
    return jd_fail_at(err, "%s", f->first_err.place);
}

static int run(jd_feed *f, jd_err *err) {
    jd_table_row row;
    int got, rc = 0;
    while ((got = jd_table_next(f->table, &row, err)) > 0) {
        uint64_t refused = f->report.refused_rows;
        f->row = &row;
        rc = one_row(f, err);
        f->table_rows++;
        f->table_bad += f->report.refused_rows > refused;
        if (rc) return rc < 0 ? -1 : 1;
        if (f->pass == JD_FEED_LEARN && f->table_rows == FIRST_ROWS && f->table_bad == FIRST_ROWS)
            return doubtful(f, err);
        if (f->sink->row && f->sink->row(f->sink->user, f->table)) return 1;
    }
    if (got < 0) {
        char place[sizeof err->place];
        memcpy(place, err->place, sizeof place);
        err->place[0] = 0;
        return jd_fail_at(err, "%s%s%s", f->name, place[0] ? ":" : "", place);
    }
    if (f->pass == JD_FEED_LEARN && f->table_rows && f->table_bad == f->table_rows) return doubtful(f, err);
    return f->pass == JD_FEED_LEARN ? all_seen(f, err) : 0;
}

int jd_feed_table(jd_feed *f, const char *name, const jd_source *src, const jd_feed_sink *sink, jd_err *err) {
    const char *base = strrchr(name, '/'), *dot;
    f->name = name;
    f->file = jd_str_of(base ? base + 1 : name);
    f->stem = f->file;
    if (f->stem.n > 3 && jd_str_is((jd_str){f->stem.p + f->stem.n - 3, 3}, ".gz")) f->stem.n -= 3;
    dot = memrchr(f->stem.p, '.', f->stem.n);
    if (dot && dot > f->stem.p) f->stem.n = (size_t)(dot - f->stem.p);
    f->sink = sink;
    f->table_rows = f->table_bad = 0;
    f->id.n = 0;
    if (jd_table_open(&f->table, &f->map->form, src, err)) {
        char place[sizeof err->place];
        memcpy(place, err->place, sizeof place);
        err->place[0] = 0;
        return jd_fail_at(err, "%s%s%s", name, place[0] ? ":" : "", place);
    }
    int rc = bind_columns(f, err);
    if (!rc) rc = run(f, err);
    jd_table_close(f->table);
    f->table = NULL;
    return rc;
}

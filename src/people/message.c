/* A message: its document and back, what it may show, who it is for. */
#include "people/people_int.h"

#include <stdlib.h>
#include <string.h>

/* ---- severities, texts ---- */

static const struct {
    const char *code, *zh;
} severities[JD_SEVERITIES] = {
    {"red", "红色"}, {"orange", "橙色"}, {"yellow", "黄色"}, {"blue", "蓝色"}, {"info", "提示"}};

const char *jd_severity_name(jd_severity s, int zh) {
    return zh ? severities[s].zh : severities[s].code;
}

int jd_severity_find(jd_str name) {
    for (int i = 0; i < JD_SEVERITIES; i++)
        if (jd_str_is(name, severities[i].code)) return i;
    return -1;
}

jd_str str_keep(jd_str s) {
    return s.p ? (jd_str){jd_xstrdup(s), s.n} : s;
}

void str_drop(jd_str *s) {
    free((char *)(uintptr_t)s->p);
    *s = (jd_str){NULL, 0};
}

jd_str words_for(jd_str zh_text, jd_str en_text, int zh) {
    jd_str first = zh ? zh_text : en_text, other = zh ? en_text : zh_text;
    return first.p ? first : other.p ? other : JD_STR("");
}

/* ---- a telling, from JSON ---- */

static int bad_text(jd_err *err, const char *place, size_t max) {
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s must be a text of 1 to %zu bytes, or {\"zh\": ..., \"en\": ...}",
            "%s 须为 1 到 %zu 字节的文本，或 {\"zh\": ..., \"en\": ...}", place, max);
    return jd_fail_at(err, "%s", place);
}

static int is_text(const jd_jval *v, size_t max) {
    return v->type == JD_JSTR && v->n && v->n <= max && !memchr(v->s, 0, v->n);
}

static int words(const jd_jval *v, const char *name, size_t max, int needed, jd_words *out, jd_err *err) {
    const jd_jval *m = jd_jget(v, name);
    *out = (jd_words){{NULL, 0}, {NULL, 0}};
    if (!m) return needed ? bad_text(err, name, max) : 0;
    if (m->type != JD_JOBJ) {
        if (!is_text(m, max)) return bad_text(err, name, max);
        out->zh = jd_jstr(m); /* one text for all */
        return 0;
    }
    for (uint32_t i = 0; i < m->n; i++) {
        int zh = jd_str_is(m->members[i].name, "zh");
        if ((!zh && !jd_str_is(m->members[i].name, "en")) || !is_text(&m->members[i].val, max))
            return bad_text(err, name, max);
        *(zh ? &out->zh : &out->en) = jd_jstr(&m->members[i].val);
    }
    return m->n ? 0 : bad_text(err, name, max);
}

static int receivers(const jd_jval *v, jd_arena *a, jd_telling *out, jd_err *err) {
    const jd_jval *l = jd_jget(v, "to");
    if (!l || l->type != JD_JARR || !l->n || l->n > PEOPLE_TO_MAX) {
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "to must be a list of 1 to %d receivers", "to 须为 1 到 %d 个接收者的列表",
                (int)PEOPLE_TO_MAX);
        return jd_fail_at(err, "to");
    }
    jd_receiver *to = JD_NEWN(a, jd_receiver, l->n);
    for (uint32_t i = 0; i < l->n; i++) {
        const jd_jval *c = jd_jget(&l->items[i], "contact"), *r = jd_jget(&l->items[i], "roster"), *one = c ? c : r;
        if (!c == !r || l->items[i].n != 1 || one->type != JD_JSTR || !one->n || one->n > PEOPLE_ID_MAX) {
            jd_fail(err, JD_E_BAD_REQUEST_DATA, "to[%u] must be {\"contact\": ID} or {\"roster\": ID}",
                    "to[%u] 须为 {\"contact\": 标识} 或 {\"roster\": 标识}", i);
            return jd_fail_at(err, "to[%u]", i);
        }
        *(c ? &to[i].contact : &to[i].roster) = jd_jstr(one);
    }
    out->to = to;
    out->to_n = l->n;
    return 0;
}

static int optional(const jd_jval *v, const char *name, size_t max, jd_str *out, jd_err *err) {
    const jd_jval *m = jd_jget(v, name);
    *out = (jd_str){NULL, 0};
    if (!m) return 0;
    if (!is_text(m, max)) return people_bad(err, name, "must be a text, not too long", "须为文本且不能过长");
    *out = jd_jstr(m);
    return 0;
}

int jd_telling_parse(const jd_jval *v, jd_arena *a, jd_telling *out, jd_err *err) {
    static const char *const names[] = {"to", "severity", "title", "text", "about", "group"};
    const jd_jval *s = jd_jget(v, "severity");
    *out = (jd_telling){.severity = JD_INFO};
    if (v->type != JD_JOBJ) return people_bad(err, "body", "must be an object", "须为对象");
    for (uint32_t i = 0; i < v->n; i++) {
        size_t k = 0;
        jd_str name = v->members[i].name;
        while (k < sizeof names / sizeof *names && !jd_str_is(name, names[k])) k++;
        if (k < sizeof names / sizeof *names) continue;
        jd_fail(err, JD_E_BAD_REQUEST_DATA, "a message has no member \"%.*s\"", "消息没有成员“%.*s”",
                (int)(name.n > 60 ? 60 : name.n), name.p);
        return jd_fail_at(err, "%.*s", (int)(name.n > 60 ? 60 : name.n), name.p);
    }
    int severity = s && s->type == JD_JSTR ? jd_severity_find(jd_jstr(s)) : -1;
    if (severity < 0)
        return people_bad(err, "severity", "must be red, orange, yellow, blue or info",
                          "须为 red、orange、yellow、blue 或 info");
    out->severity = (jd_severity)severity;
    return receivers(v, a, out, err) || words(v, "title", PEOPLE_TITLE_MAX, 1, &out->title, err) ||
                   words(v, "text", PEOPLE_TEXT_MAX, 0, &out->text, err) ||
                   optional(v, "about", PEOPLE_ABOUT_MAX, &out->about, err) ||
                   optional(v, "group", PEOPLE_GROUP_MAX, &out->group, err)
               ? -1
               : 0;
}

/* ---- in memory ---- */

uint64_t message_ident(jd_severity s, jd_str group, jd_str id, const receiver *to, uint32_t to_n) {
    jd_buf b = {0};
    jd_buf_printf(&b, "%d", (int)s);
    jd_buf_c(&b, group.p ? 'g' : 'i');
    jd_buf_str(&b, group.p ? group : id);
    for (uint32_t i = 0; i < to_n; i++) {
        jd_buf_c(&b, 0);
        jd_buf_c(&b, to[i].roster.p ? 'r' : 'c');
        jd_buf_str(&b, to[i].roster.p ? to[i].roster : to[i].contact);
    }
    uint64_t h = jd_hash_fixed(b.p, b.n);
    jd_buf_fini(&b);
    return h;
}

message *message_make(const jd_telling *t, jd_str id, jd_time now) {
    message *m = jd_xcalloc(1, sizeof *m);
    m->id = str_keep(id);
    m->about = str_keep(t->about);
    m->group = str_keep(t->group);
    m->title.zh = str_keep(t->title.zh);
    m->title.en = str_keep(t->title.en);
    m->text.zh = str_keep(t->text.zh);
    m->text.en = str_keep(t->text.en);
    m->severity = t->severity;
    m->to_n = (uint32_t)t->to_n;
    m->to = jd_xcalloc(t->to_n, sizeof *m->to);
    for (size_t i = 0; i < t->to_n; i++)
        m->to[i] =
            (receiver){.contact = str_keep(t->to[i].contact), .roster = str_keep(t->to[i].roster), .due = JD_TIME_NONE};
    m->created = m->latest = now;
    m->read_at = JD_TIME_NONE;
    m->count = 1;
    m->ident = message_ident(m->severity, m->group, m->id, m->to, m->to_n);
    return m;
}

static void set(jd_str *to, jd_str s) {
    if (to->p && s.p && jd_str_eq(*to, s)) return;
    str_drop(to);
    *to = str_keep(s);
}

void message_latest(message *m, const jd_telling *t, jd_time now) {
    m->count++;
    m->latest = now;
    set(&m->latest_title.zh, t->title.zh);
    set(&m->latest_title.en, t->title.en);
    set(&m->latest_text.zh, t->text.zh);
    set(&m->latest_text.en, t->text.en);
    set(&m->latest_about, t->about);
}

static uint64_t joined_hash(jd_str id) {
    return jd_hash_fixed(id.p, id.n) & UINT64_C(0xffffffffffff);
}

int message_has_joined(const message *m, jd_str id) {
    uint64_t h = joined_hash(id);
    for (uint32_t i = 0; i < m->joined_n && i < PEOPLE_JOINED; i++)
        if (m->joined[i] == h) return 1;
    return 0;
}

static void joined_put(message *m, uint64_t h) {
    if (!m->joined) m->joined = jd_xcalloc(PEOPLE_JOINED, sizeof *m->joined);
    m->joined[m->joined_n++ % PEOPLE_JOINED] = h;
    if (m->joined_n == 2 * PEOPLE_JOINED) m->joined_n = PEOPLE_JOINED; /* the ring is full, and at its beginning */
}

void message_joined(message *m, jd_str id) {
    joined_put(m, joined_hash(id));
}

entry *message_add(message *m, jd_str who, int to, int step) {
    entry *e = jd_xcalloc(1, sizeof *e);
    e->m = m;
    e->contact = str_keep(who);
    e->receiver = to;
    e->step = step;
    m->people = jd_xrealloc(m->people, (m->people_n + 1) * sizeof *m->people);
    m->people[m->people_n++] = e;
    return e;
}

int entry_waits(const entry *e) {
    return !e->gone && e->told < e->m->count;
}

void entry_sent(entry *e, jd_time at) {
    uint32_t old = 0;
    while (old < e->sends_n && e->sends[old] <= at - WHEN_HOUR_US) old++;
    if (old) memmove(e->sends, e->sends + old, (e->sends_n - old) * sizeof *e->sends);
    e->sends_n -= old;
    e->sends = jd_xrealloc(e->sends, (e->sends_n + 1) * sizeof *e->sends);
    e->sends[e->sends_n++] = at;
}

static void lines_free(entry *e) {
    for (uint32_t i = 0; i < e->lines_n; i++) {
        str_drop(&e->lines[i].channel);
        str_drop(&e->lines[i].address);
    }
    free(e->lines);
}

void message_free(message *m) {
    if (!m) return;
    jd_str *texts[] = {
        &m->id,      &m->about,   &m->group,           &m->latest_about,    &m->title.zh,       &m->title.en,
        &m->text.zh, &m->text.en, &m->latest_title.zh, &m->latest_title.en, &m->latest_text.zh, &m->latest_text.en,
        &m->read_by};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) str_drop(texts[i]);
    for (uint32_t i = 0; i < m->to_n; i++) {
        str_drop(&m->to[i].contact);
        str_drop(&m->to[i].roster);
    }
    for (uint32_t i = 0; i < m->people_n; i++) {
        str_drop(&m->people[i]->contact);
        lines_free(m->people[i]);
        free(m->people[i]->sends);
        free(m->people[i]);
    }
    free(m->joined);
    free(m->to);
    free(m->people);
    free(m);
}

/* "read"; "waiting": somebody is still to be told; "sent"; "failed": nobody could be reached; "nobody": there is nobody
 * to be told. */
const char *message_state(const message *m) {
    int reached = 0;
    if (m->read_at != JD_TIME_NONE) return "read";
    if (!m->people_n) return "nobody";
    for (uint32_t i = 0; i < m->people_n; i++) {
        const entry *e = m->people[i];
        if (e->sending || entry_waits(e)) return "waiting";
        if (e->gone && e->told < m->count) continue;
        for (uint32_t k = 0; k < e->lines_n; k++) reached |= e->lines[k].state == LINE_SENT;
    }
    return reached ? "sent" : "failed";
}

/* ---- its document ---- */

static const char *const line_states[] = {"waiting", "sent", "failed", "stopped"};

static void put_text(jd_buf *out, const char *name, jd_str s) {
    if (!s.p) return;
    jd_buf_printf(out, ",\"%s\":", name);
    jd_json_write_str(out, s);
}

static void put_words(jd_buf *out, const char *name, jd_str zh, jd_str en) {
    if (!zh.p && !en.p) return;
    jd_buf_printf(out, ",\"%s\":{", name);
    size_t at = out->n;
    put_text(out, "zh", zh);
    put_text(out, "en", en);
    memmove(out->p + at, out->p + at + 1, out->n - at - 1); /* the first comma */
    out->n--;
    jd_buf_c(out, '}');
}

static void put_time(jd_buf *out, const char *name, jd_time t) {
    char z[JD_TIME_TEXT_MAX];
    if (t == JD_TIME_NONE) return;
    jd_buf_printf(out, ",\"%s\":\"%.*s\"", name, (int)jd_time_print(t, 6, z), z);
}

static void put_line(const line *l, jd_buf *out) {
    jd_buf_printf(out, "{\"state\":\"%s\",\"tries\":%u", line_states[l->state], l->tries);
    put_text(out, "channel", l->channel);
    put_text(out, "address", l->address);
    jd_buf_z(out, ",\"attempts\":[");
    for (uint32_t i = 0; i < l->attempts_n; i++) {
        const attempt *a = &l->attempts[i];
        jd_buf_printf(out, "%s{\"ok\":%s", i ? "," : "", a->ok ? "true" : "false");
        put_time(out, "at", a->at);
        if (a->answer[0]) put_text(out, "answer", jd_str_of(a->answer));
        jd_buf_c(out, '}');
    }
    jd_buf_z(out, "]}");
}

static void put_entry(const entry *e, jd_buf *out) {
    char z[JD_TIME_TEXT_MAX];
    jd_buf_printf(out, "{\"receiver\":%d,\"step\":%d,\"told\":%llu,\"before\":%llu,\"sending\":%s", e->receiver,
                  e->step, (unsigned long long)e->told, (unsigned long long)e->before, e->sending ? "true" : "false");
    put_text(out, "contact", e->contact);
    put_text(out, "key", jd_str_of(e->key));
    if (e->gone) jd_buf_z(out, ",\"gone\":true");
    if (entry_waits(e) && !e->sending && e->m->read_at == JD_TIME_NONE) put_time(out, "notBefore", e->due);
    jd_buf_z(out, ",\"toldAt\":[");
    for (uint32_t i = 0; i < e->sends_n; i++)
        jd_buf_printf(out, "%s\"%.*s\"", i ? "," : "", (int)jd_time_print(e->sends[i], 6, z), z);
    jd_buf_z(out, "],\"addresses\":[");
    for (uint32_t i = 0; i < e->lines_n; i++) {
        if (i) jd_buf_c(out, ',');
        put_line(&e->lines[i], out);
    }
    jd_buf_z(out, "]}");
}

/* The oldest first, 12 digits each; nobody needs them once it is read. */
static void put_joined(const message *m, jd_buf *out) {
    uint32_t n = m->joined_n < PEOPLE_JOINED ? m->joined_n : PEOPLE_JOINED;
    if (!n || m->read_at != JD_TIME_NONE) return;
    jd_buf_z(out, ",\"joined\":\"");
    for (uint32_t i = m->joined_n - n; i < m->joined_n; i++)
        jd_buf_printf(out, "%012llx", (unsigned long long)m->joined[i % PEOPLE_JOINED]);
    jd_buf_c(out, '"');
}

void message_write(const message *m, jd_buf *out) {
    jd_buf_printf(out, "{\"state\":\"%s\",\"severity\":\"%s\",\"count\":%llu", message_state(m),
                  severities[m->severity].code, (unsigned long long)m->count);
    put_words(out, "title", m->title.zh, m->title.en);
    put_words(out, "text", m->text.zh, m->text.en);
    put_text(out, "about", m->about);
    put_text(out, "group", m->group);
    put_time(out, "createdAt", m->created);
    put_time(out, "latestAt", m->latest);
    put_words(out, "latestTitle", m->latest_title.zh, m->latest_title.en);
    put_words(out, "latestText", m->latest_text.zh, m->latest_text.en);
    put_text(out, "latestAbout", m->latest_about);
    put_time(out, "readAt", m->read_at);
    put_text(out, "readBy", m->read_by);
    put_joined(m, out);
    jd_buf_z(out, ",\"to\":[");
    for (uint32_t i = 0; i < m->to_n; i++) {
        const receiver *r = &m->to[i];
        jd_buf_printf(out, "%s{\"step\":%d", i ? "," : "", r->step);
        put_text(out, "contact", r->contact);
        put_text(out, "roster", r->roster);
        put_time(out, "goesOnAt", r->due);
        jd_buf_c(out, '}');
    }
    jd_buf_z(out, "],\"people\":[");
    for (uint32_t i = 0; i < m->people_n; i++) {
        if (i) jd_buf_c(out, ',');
        put_entry(m->people[i], out);
    }
    jd_buf_z(out, "]}");
}

/* ---- and back; what we wrote ourselves is trusted in its form, not in its presence ---- */

static jd_str got(const jd_jval *v, const char *name) {
    const jd_jval *m = jd_jget(v, name);
    return m && (m->type == JD_JSTR || m->type == JD_JNUM) ? jd_jstr(m) : (jd_str){NULL, 0};
}

static uint64_t got_number(const jd_jval *v, const char *name) {
    const jd_jval *m = jd_jget(v, name);
    double d = m && m->type == JD_JNUM ? jd_jnum(m) : 0;
    return d > 0 && d < 1e15 ? (uint64_t)d : 0;
}

static jd_time got_time(const jd_jval *v, const char *name) {
    jd_time t;
    return jd_time_parse(got(v, name), &t, NULL) ? JD_TIME_NONE : t;
}

static void got_words(const jd_jval *v, const char *name, jd_str *zh, jd_str *en) {
    const jd_jval *m = jd_jget(v, name);
    *zh = str_keep(m ? got(m, "zh") : (jd_str){NULL, 0});
    *en = str_keep(m ? got(m, "en") : (jd_str){NULL, 0});
}

static void got_line(const jd_jval *v, line *l) {
    jd_str state = got(v, "state");
    const jd_jval *as = jd_jget(v, "attempts");
    l->channel = str_keep(got(v, "channel"));
    l->address = str_keep(got(v, "address"));
    l->tries = (uint32_t)got_number(v, "tries");
    for (int s = LINE_WAITING; s <= LINE_STOPPED; s++)
        if (jd_str_is(state, line_states[s])) l->state = (line_state)s;
    for (uint32_t i = 0; as && as->type == JD_JARR && i < as->n && i < PEOPLE_ATTEMPTS; i++) {
        attempt *a = &l->attempts[l->attempts_n++];
        const jd_jval *ok = jd_jget(&as->items[i], "ok");
        a->at = got_time(&as->items[i], "at");
        a->ok = ok && ok->type == JD_JTRUE;
        snprintf(a->answer, sizeof a->answer, "%.*s", JD_STR_ARG(got(&as->items[i], "answer")));
    }
}

static void got_entry(message *m, const jd_jval *v) {
    entry *e = message_add(m, got(v, "contact"), (int)got_number(v, "receiver"), (int)got_number(v, "step"));
    const jd_jval *sending = jd_jget(v, "sending"), *gone = jd_jget(v, "gone"), *sends = jd_jget(v, "toldAt"),
                  *lines = jd_jget(v, "addresses");
    e->told = got_number(v, "told");
    e->before = got_number(v, "before");
    e->sending = sending && sending->type == JD_JTRUE;
    e->gone = gone && gone->type == JD_JTRUE;
    e->due = got_time(v, "notBefore");
    snprintf(e->key, sizeof e->key, "%.*s", JD_STR_ARG(got(v, "key")));
    for (uint32_t i = 0; sends && sends->type == JD_JARR && i < sends->n; i++) {
        jd_time t;
        if (sends->items[i].type == JD_JSTR && !jd_time_parse(jd_jstr(&sends->items[i]), &t, NULL)) entry_sent(e, t);
    }
    if (!lines || lines->type != JD_JARR || !lines->n) return;
    e->lines = jd_xcalloc(lines->n, sizeof *e->lines);
    for (uint32_t i = 0; i < lines->n; i++) got_line(&lines->items[i], &e->lines[e->lines_n++]);
}

static void got_joined(message *m, jd_str s) {
    enum { DIGITS = 12 };
    for (size_t at = 0; at + DIGITS <= s.n && at / DIGITS < PEOPLE_JOINED; at += DIGITS) {
        char text[DIGITS + 1] = "";
        memcpy(text, s.p + at, DIGITS);
        joined_put(m, strtoull(text, NULL, 16));
    }
}

message *message_parse(jd_str id, jd_str body, jd_err *err) {
    jd_arena a;
    jd_jval v;
    jd_arena_init(&a);
    if (jd_json_parse(&a, body, NULL, &v, err)) {
        jd_arena_fini(&a);
        return NULL;
    }
    message *m = jd_xcalloc(1, sizeof *m);
    int severity = jd_severity_find(got(&v, "severity"));
    m->id = str_keep(id);
    m->severity = severity < 0 ? JD_INFO : (jd_severity)severity;
    m->count = got_number(&v, "count");
    got_words(&v, "title", &m->title.zh, &m->title.en);
    got_words(&v, "text", &m->text.zh, &m->text.en);
    got_words(&v, "latestTitle", &m->latest_title.zh, &m->latest_title.en);
    got_words(&v, "latestText", &m->latest_text.zh, &m->latest_text.en);
    m->about = str_keep(got(&v, "about"));
    m->group = str_keep(got(&v, "group"));
    m->latest_about = str_keep(got(&v, "latestAbout"));
    m->created = got_time(&v, "createdAt");
    m->latest = got_time(&v, "latestAt");
    m->read_at = got_time(&v, "readAt");
    m->read_by = str_keep(got(&v, "readBy"));
    got_joined(m, got(&v, "joined"));
    const jd_jval *to = jd_jget(&v, "to"), *people = jd_jget(&v, "people");
    if (to && to->type == JD_JARR && to->n) m->to = jd_xcalloc(to->n, sizeof *m->to);
    for (uint32_t i = 0; m->to && i < to->n; i++)
        m->to[m->to_n++] = (receiver){.contact = str_keep(got(&to->items[i], "contact")),
                                      .roster = str_keep(got(&to->items[i], "roster")),
                                      .step = (int)got_number(&to->items[i], "step"),
                                      .due = got_time(&to->items[i], "goesOnAt")};
    for (uint32_t i = 0; people && people->type == JD_JARR && i < people->n; i++) got_entry(m, &people->items[i]);
    m->ident = message_ident(m->severity, m->group, m->id, m->to, m->to_n);
    m->version = m->saved = 1;
    jd_arena_fini(&a);
    return m;
}

/* ---- shown ---- */

static void show(const jd_jval *v, jd_buf *out, int depth) {
    if (v->type != JD_JOBJ && v->type != JD_JARR) {
        jd_json_write(out, v);
        return;
    }
    int object = v->type == JD_JOBJ, n = 0;
    jd_buf_c(out, object ? '{' : '[');
    for (uint32_t i = 0; i < v->n; i++) {
        if (object && depth == 2 && jd_str_is(v->members[i].name, "key")) continue; /* of the link: for one alone */
        if (object && !depth && jd_str_is(v->members[i].name, "joined")) continue;  /* ours */
        if (n++) jd_buf_c(out, ',');
        if (object) jd_json_write_key(out, v->members[i].name);
        show(object ? &v->members[i].val : &v->items[i], out, depth + 1);
    }
    jd_buf_c(out, object ? '}' : ']');
}

void jd_message_show(jd_str body, jd_arena *a, jd_buf *out) {
    jd_jval v;
    jd_err err;
    if (jd_json_parse(a, body, NULL, &v, &err))
        jd_buf_z(out, "{}");
    else
        show(&v, out, 0);
}

static int has(const jd_jval *v, const char *name, jd_str wanted) {
    return !wanted.p || jd_str_eq(got(v, name), wanted);
}

int jd_message_matches(const jd_message_filter *f, jd_str body, jd_arena *a) {
    jd_jval v;
    jd_err err;
    if (jd_json_parse(a, body, NULL, &v, &err)) return 0;
    if (!has(&v, "state", f->state) || !has(&v, "severity", f->severity) || !has(&v, "group", f->group)) return 0;
    if (f->since != JD_TIME_NONE && got_time(&v, "latestAt") < f->since) return 0;
    if (!f->contact.p) return 1;
    const jd_jval *people = jd_jget(&v, "people");
    for (uint32_t i = 0; people && i < people->n; i++)
        if (jd_str_eq(got(&people->items[i], "contact"), f->contact)) return 1;
    return 0;
}

static void put_html(jd_buf *out, jd_str s) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\'')
            jd_buf_printf(out, "&#%d;", c);
        else
            jd_buf_c(out, c);
    }
}

/* In both languages; what stands in the member `said` (NULL: none), or is the same in both, is not said again. */
static void both(jd_buf *out, const jd_jval *v, const char *name, const char *tag, const char *said) {
    const jd_jval *m = jd_jget(v, name), *before = said ? jd_jget(v, said) : NULL;
    static const char *const languages[] = {"zh", "en"};
    for (int i = 0; m && i < 2; i++) {
        jd_str s = got(m, languages[i]);
        if (!s.p || (i && jd_str_eq(s, got(m, "zh")))) continue;
        if (before && (jd_str_eq(s, got(before, "zh")) || jd_str_eq(s, got(before, "en")))) continue;
        jd_buf_printf(out, "<%s>", tag);
        put_html(out, s);
        jd_buf_printf(out, "</%s>", tag);
    }
}

/* Looking is not reading: programs that test links in mails press no buttons. */
int jd_message_page(jd_str body, jd_str by, jd_str key, jd_arena *a, jd_buf *out) {
    jd_jval v;
    jd_err err;
    int may = 0;
    if (jd_json_parse(a, body, NULL, &v, &err)) return 0;
    const jd_jval *people = jd_jget(&v, "people");
    for (uint32_t i = 0; people && i < people->n; i++) {
        jd_str k = got(&people->items[i], "key");
        may |= key.n == PEOPLE_KEY_LEN && jd_str_eq(got(&people->items[i], "contact"), by) && jd_str_eq(k, key);
    }
    if (!may) return 0;
    jd_buf_z(out,
             "<!doctype html><html><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width="
             "device-width\"><meta name=\"referrer\" content=\"no-referrer\"><title>津渡 Jindu</title></head><body>");
    both(out, &v, "title", "h1", NULL);
    both(out, &v, "text", "p", NULL);
    both(out, &v, "latestText", "p", "text");
    uint64_t n = got_number(&v, "count");
    if (n > 1) jd_buf_printf(out, "<p>共 %llu 条 / %llu in all</p>", (unsigned long long)n, (unsigned long long)n);
    jd_str read_by = got(&v, "readBy");
    if (read_by.p) {
        jd_buf_z(out, "<p>已读 / read: ");
        put_html(out, read_by);
        jd_buf_z(out, "</p>");
    } else {
        jd_buf_z(out, "<form method=\"post\" action=\"read?by=");
        put_html(out, by);
        jd_buf_z(out, "&amp;key=");
        put_html(out, key);
        jd_buf_z(out, "\"><button>我已读 / I have read it</button></form>");
    }
    jd_buf_z(out, "</body></html>\n");
    return 1;
}

/* What is said in one sending: of one message, or of many that are due together. The room's lock is held. */
#include "people/people_int.h"

#include <stdlib.h>
#include <string.h>

enum { DIGEST_LINES = 10 };

static void grouped(jd_buf *out, uint64_t n) { /* 99,999 */
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) jd_buf_c(out, ',');
        jd_buf_c(out, digits[i]);
    }
}

static jd_str taken(jd_buf *b) {
    size_t n;
    jd_buf_c(b, 0);
    char *s = jd_buf_take(b, &n);
    return (jd_str){s, n - 1};
}

static void and_more(jd_buf *out, uint64_t n, int zh) {
    if (!n) return;
    jd_buf_z(out, out->n ? "\n" : "");
    jd_buf_z(out, zh ? "另有 " : "and ");
    grouped(out, n);
    jd_buf_z(out, zh ? " 条同类消息" : " more");
}

static uint64_t untold(const entry *e) {
    return e->told - e->before;
}

static void say_one(letter *l, const entry *e) {
    const message *m = e->m;
    jd_buf text = {0};
    int later = e->before && (m->latest_title.zh.p || m->latest_title.en.p);
    jd_str title =
        later ? words_for(m->latest_title.zh, m->latest_title.en, l->zh) : words_for(m->title.zh, m->title.en, l->zh);
    jd_buf_str(&text, later ? words_for(m->latest_text.zh, m->latest_text.en, l->zh)
                            : words_for(m->text.zh, m->text.en, l->zh));
    and_more(&text, untold(e) - 1, l->zh);
    l->title = str_keep(title);
    l->text = taken(&text);
    l->about = str_keep(later && m->latest_about.p ? m->latest_about : m->about);
    l->group = str_keep(m->group);
    l->count = m->count;
}

static void say_many(letter *l) {
    jd_buf title = {0}, text = {0};
    uint64_t all = 0, said = 0;
    for (size_t i = 0; i < l->n; i++) all += untold(l->of[i]);
    const message *first = l->of[0]->m;
    jd_str head = words_for(first->title.zh, first->title.en, l->zh);
    jd_buf_str(&title, head);
    jd_buf_z(&title, l->zh ? " 等 " : " and ");
    grouped(&title, l->zh ? all : all - 1);
    jd_buf_z(&title, l->zh ? " 条消息" : " more messages");
    for (size_t i = 0; i < l->n && i < DIGEST_LINES; i++) {
        const message *m = l->of[i]->m;
        uint64_t n = untold(l->of[i]);
        jd_buf_printf(&text, "%s[%s] %.*s", i ? "\n" : "", jd_severity_name(m->severity, l->zh),
                      JD_STR_ARG(words_for(m->title.zh, m->title.en, l->zh)));
        if (n > 1) {
            jd_buf_z(&text, " ×");
            grouped(&text, n);
        }
        said += n;
    }
    if (all > said) {
        jd_buf_z(&text, l->zh ? "\n另有 " : "\nand ");
        grouped(&text, all - said);
        jd_buf_z(&text, l->zh ? " 条消息" : " more");
    }
    l->title = taken(&title);
    l->text = taken(&text);
    l->about = str_keep(first->about);
    l->group = str_keep(first->group);
    l->count = all;
}

static void give_key(entry *e) {
    unsigned char bytes[PEOPLE_KEY_LEN / 2];
    if (e->key[0]) return;
    people_random(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) snprintf(e->key + 2 * i, 3, "%02x", bytes[i]);
}

void letter_clock(letter *l, jd_zone *zone) {
    char z[JD_TIME_TEXT_MAX];
    when_local local = zone ? when_of(zone, l->at) : (when_local){0};
    (void)jd_time_print((local.day * WHEN_DAY_MIN + local.minute) * WHEN_MINUTE_US, 0, z);
    snprintf(l->local, sizeof l->local, "%.10s %.5s", z, z + 11);
}

static letter *letter_make(jd_people *p, person *to, entry **of, size_t n, jd_time at) {
    letter *l = jd_xcalloc(1, sizeof *l);
    const message *m = of[0]->m;
    jd_buf id = {0}, link = {0};
    l->to = to;
    l->n = n;
    l->of = jd_xmalloc(n * sizeof(entry *));
    memcpy(l->of, of, n * sizeof(entry *));
    l->needs = jd_xcalloc(n, sizeof *l->needs);
    l->at = at;
    l->zh = to->c ? to->c->zh : 1;
    l->severity = m->severity; /* the gravest is first */
    l->name = str_keep(to->c ? to->c->name : to->id);
    jd_buf_printf(&id, "%.*s.%.*s.%llx", JD_STR_ARG(m->id), JD_STR_ARG(to->id), (unsigned long long)at);
    l->id = taken(&id);
    jd_buf_printf(&link, "%.*s/api/messages/%.*s/link?by=%.*s&key=%s", JD_STR_ARG(p->o.base_url), JD_STR_ARG(m->id),
                  JD_STR_ARG(to->id), of[0]->key);
    l->link = taken(&link);
    letter_clock(l, to->c ? people_zone(p, to->c->zone_name) : NULL);
    if (n == 1)
        say_one(l, of[0]);
    else
        say_many(l);
    return l;
}

static void letter_lines(letter *l) {
    const entry *e = l->of[0];
    l->lines = jd_xcalloc(e->lines_n ? e->lines_n : 1, sizeof *l->lines);
    for (uint32_t i = 0; i < e->lines_n; i++) {
        l->lines[l->lines_n++] = (post_line){.l = l,
                                             .channel = str_keep(e->lines[i].channel),
                                             .address = str_keep(e->lines[i].address),
                                             .state = e->lines[i].state,
                                             .tries = e->lines[i].tries};
        l->left += e->lines[i].state == LINE_WAITING;
    }
}

/* The addresses of the contact that want this severity. */
static void entry_lines(entry *e, const contact *c, jd_severity s) {
    for (uint32_t i = 0; i < e->lines_n; i++) {
        str_drop(&e->lines[i].channel);
        str_drop(&e->lines[i].address);
    }
    free(e->lines);
    e->lines = jd_xcalloc(c->addresses_n, sizeof *e->lines);
    e->lines_n = 0;
    for (size_t i = 0; i < c->addresses_n; i++) {
        if (!(c->addresses[i].severities >> s & 1)) continue;
        e->lines[e->lines_n++] =
            (line){.channel = str_keep(c->addresses[i].channel), .address = str_keep(c->addresses[i].address)};
    }
}

/* Those that are sent do not wait any more: one pass, however many they are. */
static void unlist(person *to, entry **of, size_t n) {
    for (size_t i = 0; i < n; i++) of[i]->listed = 0;
    for (entry **at = &to->waiting; *at;)
        if ((*at)->listed)
            at = &(*at)->next;
        else
            *at = (*at)->next;
}

void letter_send(jd_people *p, person *to, entry **of, size_t n, jd_time now) {
    jd_time at = now;
    if (to->times_n && to->times[to->times_n - 1] >= at) at = to->times[to->times_n - 1] + 1; /* one a sending */
    unlist(to, of, n);
    for (size_t i = 0; i < n; i++) {
        entry *e = of[i];
        give_key(e);
        e->before = e->told;
        e->told = e->m->count;
        e->sending = 1;
        entry_sent(e, at);
        entry_lines(e, to->c, of[0]->m->severity);
        plan_mark(to, at, e->m->ident);
        e->m->pins++;
        people_dirty(p, e->m);
    }
    letter *l = letter_make(p, to, of, n, at);
    for (size_t i = 0; i < n; i++) l->needs[i] = of[i]->m->version;
    letter_lines(l);
    post_queue(p, l);
}

void letter_resume(jd_people *p, person *to, entry **of, size_t n) {
    letter *l = letter_make(p, to, of, n, of[0]->sends_n ? of[0]->sends[of[0]->sends_n - 1] : jd_now());
    for (size_t i = 0; i < n; i++) of[i]->m->pins++;
    letter_lines(l);
    post_queue(p, l);
}

void letter_free(letter *l) {
    jd_str *texts[] = {&l->id, &l->title, &l->text, &l->name, &l->link, &l->about, &l->group};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) str_drop(texts[i]);
    for (uint32_t i = 0; i < l->lines_n; i++) {
        channel_request_fini(&l->lines[i].rq);
        str_drop(&l->lines[i].channel);
        str_drop(&l->lines[i].address);
    }
    free(l->lines);
    free(l->of);
    free(l->needs);
    free(l);
}

/* What is declared: contacts, rosters, channels; who names whom; who is on duty. */
#include "people/people_int.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

static int full(jd_err *err, uint32_t max, const char *what, const char *what_zh) {
    return jd_fail(err, JD_E_BUSY, "there are %u %s%.0s already", "已有 %u 个%.0s%s", max, what, what_zh);
}

/* ---- what is declared ---- */

jd_zone *people_zone(jd_people *p, jd_str name) {
    uint32_t i = jd_strmap_add(&p->zone_by, name, p->zones_n);
    if (i < p->zones_n) return p->zones[i];
    p->zones = jd_xrealloc(p->zones, (p->zones_n + 1) * sizeof *p->zones);
    jd_zone *z = jd_zone_open(name, 0);
    p->zones[p->zones_n++] = z ? z : jd_zone_open(JD_STR("UTC"), 0);
    return p->zones[i];
}

person *people_person(jd_people *p, jd_str id) {
    uint32_t i = jd_strmap_get(&p->person_by, id);
    return i == JD_STRMAP_NONE ? NULL : p->persons[i];
}

channel_slot *people_channel(jd_people *p, jd_str id) {
    uint32_t i = jd_strmap_get(&p->channel_by, id);
    return i == JD_STRMAP_NONE ? NULL : p->channels[i];
}

roster *people_roster(jd_people *p, jd_str id) {
    uint32_t i = jd_strmap_get(&p->roster_by, id);
    return i == JD_STRMAP_NONE ? NULL : p->rosters[i];
}

/* Arrays grow where their length is a power of two. */
static void *grown(void *list, uint32_t n, size_t size) {
    return n & (n - 1) ? list : jd_xrealloc(list, (n ? n * 2 : 1) * size);
}

person *people_person_made(jd_people *p, jd_str id) {
    uint32_t i = jd_strmap_add(&p->person_by, id, p->persons_n);
    if (i < p->persons_n) return p->persons[i];
    person *to = jd_xcalloc(1, sizeof *to);
    to->id = str_keep(id);
    to->last = &to->letters;
    to->due = INT64_MAX;
    p->persons = grown(p->persons, p->persons_n, sizeof(person *));
    p->persons[p->persons_n++] = to;
    return to;
}

static void contact_changed(jd_people *p, jd_str id, contact *c) {
    person *to = people_person_made(p, id);
    p->contacts_live += (uint32_t)(c != NULL) - (uint32_t)(to->c != NULL);
    contact_free(to->c);
    to->c = c;
    plan_again(p, to, jd_now());
}

static void roster_changed(jd_people *p, jd_str id, roster *r) {
    uint32_t i = jd_strmap_add(&p->roster_by, id, p->rosters_n);
    if (i == p->rosters_n) {
        p->rosters = grown(p->rosters, p->rosters_n, sizeof(roster *));
        p->rosters[p->rosters_n++] = NULL;
    }
    p->rosters_live += (uint32_t)(r != NULL) - (uint32_t)(p->rosters[i] != NULL);
    roster_free(p->rosters[i]);
    p->rosters[i] = r;
}

static void channel_changed(jd_people *p, jd_str id, channel *c) {
    uint32_t i = jd_strmap_add(&p->channel_by, id, p->channels_n);
    if (i == p->channels_n) {
        p->channels = grown(p->channels, p->channels_n, sizeof(channel_slot *));
        p->channels[i] = jd_xcalloc(1, sizeof(channel_slot));
        p->channels[p->channels_n++]->id = str_keep(id);
    }
    channel_slot *s = p->channels[i];
    p->channels_live += (uint32_t)(c != NULL) - (uint32_t)(s->c != NULL);
    channel_free(s->c);
    s->c = c;
}

jd_dkind jd_people_dkind(jd_people_kind kind) {
    return kind == JD_PEOPLE_CONTACT ? JD_K_CONTACT : kind == JD_PEOPLE_ROSTER ? JD_K_ROSTER : JD_K_CHANNEL;
}

typedef union compiled {
    contact *contact;
    roster *roster;
    channel *channel;
} compiled;

static int compile(jd_people_kind kind, jd_str id, const jd_jval *v, compiled *out, jd_err *err) {
    if (kind == JD_PEOPLE_CONTACT) return contact_compile(id, v, &out->contact, err);
    if (kind == JD_PEOPLE_ROSTER) return roster_compile(id, v, &out->roster, err);
    return channel_compile(id, v, &out->channel, err);
}

static void compiled_free(jd_people_kind kind, compiled c) {
    if (kind == JD_PEOPLE_CONTACT) contact_free(c.contact);
    if (kind == JD_PEOPLE_ROSTER) roster_free(c.roster);
    if (kind == JD_PEOPLE_CHANNEL) channel_free(c.channel);
}

/* ---- who names whom; the lock is held ---- */

int people_no_contact(jd_people *p, jd_str id, const char *place, jd_err *err) {
    const person *to = people_person(p, id);
    if (to && to->c) return 0;
    jd_fail(err, JD_E_BAD_REQUEST_DATA, "%s: there is no contact %.*s", "%s：没有联系人 %.*s", place, JD_STR_ARG(id));
    return jd_fail_at(err, "%s", place);
}

static int duty_known(jd_people *p, const duty *d, jd_str self, const char *place, jd_err *err) {
    if (d->contact.p && !jd_str_eq(d->contact, self) && people_no_contact(p, d->contact, place, err)) return -1;
    for (size_t i = 0; i < d->deputies_n; i++)
        if (!jd_str_eq(d->deputies[i], self) && people_no_contact(p, d->deputies[i], "deputies", err)) return -1;
    return 0;
}

static int names_known(jd_people *p, jd_people_kind kind, const compiled *c, jd_err *err) {
    jd_str none = {NULL, 0};
    if (kind == JD_PEOPLE_CONTACT) {
        for (size_t i = 0; i < c->contact->addresses_n; i++) {
            jd_str id = c->contact->addresses[i].channel;
            const channel_slot *s = people_channel(p, id);
            if (s && s->c) continue;
            jd_fail(err, JD_E_BAD_REQUEST_DATA, "addresses[%zu].channel: there is no channel %.*s",
                    "addresses[%zu].channel：没有渠道 %.*s", i, JD_STR_ARG(id));
            return jd_fail_at(err, "addresses[%zu].channel", i);
        }
        return duty_known(p, &c->contact->chain, c->contact->id, "deputies", err);
    }
    if (kind != JD_PEOPLE_ROSTER) return 0;
    for (size_t i = 0; i < c->roster->n; i++)
        if (duty_known(p, &c->roster->duties[i], none, "shifts", err)) return -1;
    return duty_known(p, &c->roster->otherwise, none, "otherwise", err);
}

static int duty_names(const duty *d, jd_str id) {
    if (d->contact.p && jd_str_eq(d->contact, id)) return 1;
    for (size_t i = 0; i < d->deputies_n; i++)
        if (jd_str_eq(d->deputies[i], id)) return 1;
    return 0;
}

static int used(jd_err *err, const char *by, const char *by_zh, jd_str id) {
    return jd_fail(err, JD_E_CONFLICT, "%s%.0s %.*s still names it", "%.0s%s %.*s 仍在使用它", by, by_zh,
                   JD_STR_ARG(id));
}

/* A subscription that tells it. The room's lock is not held: told's come before it. */
static int subscribed(jd_people *p, jd_people_kind kind, jd_str id, jd_err *err) {
    jd_arena a;
    if (kind == JD_PEOPLE_CHANNEL || !p->listens) return 0;
    jd_arena_init(&a);
    jd_str by = jd_told_names(p->listens, kind == JD_PEOPLE_ROSTER ? JD_STR("roster") : JD_STR("contact"), id, &a);
    if (by.n > 150) by.n = 150;
    int rc = by.p ? used(err, "subscription", "订阅", by) : 0;
    jd_arena_fini(&a);
    return rc;
}

/* A message of which something is still to be done with that contact or roster. */
static int waits_for(const message *m, jd_people_kind kind, jd_str id) {
    if (m->read_at != JD_TIME_NONE) return 0;
    for (uint32_t i = 0; i < m->to_n; i++) {
        const receiver *r = &m->to[i];
        if (r->due != JD_TIME_NONE && jd_str_eq(kind == JD_PEOPLE_ROSTER ? r->roster : r->contact, id)) return 1;
    }
    for (uint32_t i = 0; kind == JD_PEOPLE_CONTACT && i < m->people_n; i++)
        if (jd_str_eq(m->people[i]->contact, id) && (m->people[i]->sending || entry_waits(m->people[i]))) return 1;
    return 0;
}

int jd_people_may_go(jd_people *p, jd_people_kind kind, jd_str id, jd_err *err) {
    int rc = subscribed(p, kind, id, err);
    pthread_mutex_lock(&p->lock);
    for (const message *m = p->first; m && !rc && kind != JD_PEOPLE_CHANNEL; m = m->next)
        if (waits_for(m, kind, id)) rc = used(err, "message", "消息", m->id);
    for (uint32_t i = 0; i < p->persons_n && !rc; i++) {
        const contact *c = p->persons[i]->c;
        if (!c || (kind == JD_PEOPLE_CONTACT && jd_str_eq(c->id, id))) continue;
        for (size_t k = 0; kind == JD_PEOPLE_CHANNEL && k < c->addresses_n && !rc; k++)
            if (jd_str_eq(c->addresses[k].channel, id)) rc = used(err, "contact", "联系人", c->id);
        if (!rc && kind == JD_PEOPLE_CONTACT && duty_names(&c->chain, id)) rc = used(err, "contact", "联系人", c->id);
    }
    for (uint32_t i = 0; kind == JD_PEOPLE_CONTACT && i < p->rosters_n && !rc; i++) {
        const roster *r = p->rosters[i];
        if (!r) continue;
        int names = duty_names(&r->otherwise, id);
        for (size_t k = 0; k < r->n; k++) names |= duty_names(&r->duties[k], id);
        if (names) rc = used(err, "roster", "值班表", r->id);
    }
    pthread_mutex_unlock(&p->lock);
    return rc;
}

static int room_for(jd_people *p, jd_people_kind kind, jd_str id, jd_err *err) {
    uint32_t max = p->o.contacts_max;
    const person *to = people_person(p, id);
    const channel_slot *s = people_channel(p, id);
    if (kind == JD_PEOPLE_CONTACT && !(to && to->c) && p->contacts_live >= max)
        return full(err, max, "contacts", "联系人");
    if (kind == JD_PEOPLE_ROSTER && !people_roster(p, id) && p->rosters_live >= max)
        return full(err, max, "rosters", "值班表");
    if (kind == JD_PEOPLE_CHANNEL && !(s && s->c) && p->channels_live >= max) return full(err, max, "channels", "渠道");
    return 0;
}

int jd_people_check(jd_people *p, jd_people_kind kind, jd_str id, const jd_jval *v, jd_arena *a, jd_str *body,
                    jd_err *err) {
    compiled c;
    jd_jval own = *v;
    if (!people_id_valid(id))
        return people_bad(err, "id", "must be 1 to 60 letters, digits, - _ and .", "须为 1 到 60 个字母、数字、- _ .");
    const jd_jval *given = jd_jget(v, "id");
    if (given && !(given->type == JD_JSTR && jd_str_eq(jd_jstr(given), id)))
        return people_bad(err, "id", "is another one than in the path", "与路径中的不同");
    pthread_mutex_lock(&p->lock);
    int rc = 0;
    if (kind == JD_PEOPLE_CHANNEL) {
        const channel_slot *s = people_channel(p, id);
        rc = channel_merge(&own, s && s->c ? &s->c->doc : NULL, a, err);
    }
    rc = rc || room_for(p, kind, id, err) || compile(kind, id, &own, &c, err);
    if (!rc) {
        rc = names_known(p, kind, &c, err);
        compiled_free(kind, c);
    }
    if (!rc) {
        jd_buf text = {0};
        jd_json_write(&text, &own);
        *body = jd_arena_dup(a, jd_buf_view(&text));
        explicit_bzero(text.p, text.n);
        jd_buf_fini(&text);
    }
    pthread_mutex_unlock(&p->lock);
    return rc ? -1 : 0;
}

void jd_people_changed(jd_people *p, jd_people_kind kind, jd_str id, jd_str body) {
    compiled c = {NULL};
    jd_arena a;
    jd_jval v;
    jd_err err = {0};
    jd_arena_init(&a);
    if (body.p && (jd_json_parse(&a, body, NULL, &v, &err) || compile(kind, id, &v, &c, &err)))
        jd_log(JD_LOG_WARN, "people.declaration", "id=%.*s why=\"%s\"", JD_STR_ARG(id), err.en);
    pthread_mutex_lock(&p->lock);
    if (kind == JD_PEOPLE_CONTACT) contact_changed(p, id, c.contact);
    if (kind == JD_PEOPLE_ROSTER) roster_changed(p, id, c.roster);
    if (kind == JD_PEOPLE_CHANNEL) channel_changed(p, id, c.channel);
    pthread_mutex_unlock(&p->lock);
    jd_arena_fini(&a);
    people_wake(p);
}

void jd_people_show(jd_people_kind kind, jd_str id, jd_str body, jd_arena *a, jd_buf *out) {
    jd_jval v = jd_jmake_null();
    jd_err err;
    jd_buf_z(out, "{\"id\":");
    jd_json_write_str(out, id);
    if (!jd_json_parse(a, body, NULL, &v, &err) && kind == JD_PEOPLE_CHANNEL) {
        channel_show(&v, out);
    } else if (v.type == JD_JOBJ) {
        for (uint32_t i = 0; i < v.n; i++) {
            if (jd_str_is(v.members[i].name, "id")) continue;
            jd_buf_c(out, ',');
            jd_json_write_key(out, v.members[i].name);
            jd_json_write(out, &v.members[i].val);
        }
    }
    jd_buf_c(out, '}');
}

int jd_people_duty(jd_people *p, jd_str id, jd_time at, jd_buf *out) {
    char z[JD_TIME_TEXT_MAX];
    pthread_mutex_lock(&p->lock);
    const roster *r = people_roster(p, id);
    if (r) {
        jd_zone *zone = people_zone(p, r->zone_name);
        const duty *d = roster_duty(r, zone, at);
        jd_time until = when_changes(zone, r->windows, r->n, at, 14);
        jd_buf_printf(out, "{\"roster\":\"%.*s\",\"at\":\"%.*s\"", JD_STR_ARG(id), (int)jd_time_print(at, -1, z), z);
        if (d) {
            jd_buf_printf(out, ",\"contact\":\"%.*s\",\"deputies\":[", JD_STR_ARG(d->contact));
            for (size_t i = 0; i < d->deputies_n; i++)
                jd_buf_printf(out, "%s\"%.*s\"", i ? "," : "", JD_STR_ARG(d->deputies[i]));
            jd_buf_c(out, ']');
        }
        if (until != JD_TIME_NONE) jd_buf_printf(out, ",\"until\":\"%.*s\"", (int)jd_time_print(until, -1, z), z);
        jd_buf_c(out, '}');
    }
    pthread_mutex_unlock(&p->lock);
    return r != NULL;
}

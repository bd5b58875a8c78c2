/* Sending: what is on the way to each person, in order per address, tried again with longer and longer waits, many
 * persons at once. What became of each try goes into the message's document. */
#include "people/people_int.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum { BACKOFF_MOST_S = 600, POLL_MS = 1000, STOP_MS = 2000 };

static uint64_t now_ms(void) {
    return jd_mono_ns() / 1000000;
}

/* ---- what became of a try; the lock is held ---- */

static void note(jd_people *p, const post_line *pl, int ok, const char *answer) {
    const letter *l = pl->l;
    size_t at = (size_t)(pl - l->lines);
    for (size_t i = 0; i < l->n; i++) {
        entry *e = l->of[i];
        if (at >= e->lines_n) continue;
        line *to = &e->lines[at];
        to->state = pl->state;
        to->tries = pl->tries;
        if (answer) {
            if (to->attempts_n == PEOPLE_ATTEMPTS)
                memmove(to->attempts, to->attempts + 1, --to->attempts_n * sizeof *to->attempts);
            attempt *a = &to->attempts[to->attempts_n++];
            *a = (attempt){.at = jd_now(), .ok = ok};
            snprintf(a->answer, sizeof a->answer, "%s", answer);
        }
        people_dirty(p, e->m);
    }
}

static void finish(jd_people *p, letter *l) {
    int reached = 0;
    for (uint32_t i = 0; i < l->lines_n; i++) reached |= l->lines[i].state == LINE_SENT;
    person *to = l->to;
    letter **at = &to->letters;
    while (*at != l) at = &(*at)->next;
    *at = l->next;
    if (!*at) to->last = at;
    to->letters_n--;
    p->letters_n--;
    for (size_t i = 0; i < l->n; i++) {
        entry *e = l->of[i];
        e->sending = 0;
        e->m->pins--;
        people_dirty(p, e->m);
        if (!reached && e->m->read_at == JD_TIME_NONE) plan_hurry(e->m);
        plan_enlist(p, e, jd_now());
    }
    letter_free(l);
}

static void line_over(jd_people *p, post_line *pl, line_state s, const char *answer) {
    letter *l = pl->l;
    pl->state = s;
    note(p, pl, s == LINE_SENT, answer);
    if (s == LINE_FAILED) {
        atomic_fetch_add(&p->dropped, 1);
        jd_log(JD_LOG_WARN, "people.given_up", "sending=%.*s channel=%.*s tries=%u why=\"%s\"", JD_STR_ARG(l->id),
               JD_STR_ARG(pl->channel), pl->tries, answer ? answer : "");
    }
    if (!--l->left) finish(p, l);
}

void post_queue(jd_people *p, letter *l) {
    person *to = l->to;
    l->next = NULL;
    *to->last = l;
    to->last = &l->next;
    to->letters_n++;
    p->letters_n++;
    if (!l->left) {
        finish(p, l); /* there is no address for this severity, or all were told already */
        return;
    }
    if (to->letters_n <= p->o.queue_max) return;
    letter *oldest = to->letters; /* what is not under way of it is given up */
    uint32_t n = oldest->lines_n;
    for (uint32_t i = 0; i < n && oldest == to->letters; i++) {
        post_line *pl = &oldest->lines[i];
        int last = oldest->left == 1;
        if (pl->state != LINE_WAITING || pl->busy) continue;
        line_over(p, pl, LINE_FAILED, "too many sendings wait for this person");
        if (last) break;
    }
}

/* ---- beginning ---- */

static int is_ready(letter *l) {
    for (size_t i = 0; !l->ready && i < l->n; i++) {
        const message *m = l->of[i]->m;
        if (m->saved < l->needs[i] && !m->unkept) return 0; /* first it is kept that it goes */
    }
    return l->ready = 1;
}

static int all_read(const letter *l) {
    for (size_t i = 0; i < l->n; i++)
        if (l->of[i]->m->read_at == JD_TIME_NONE) return 0;
    return l->n > 0;
}

/* In order: an earlier sending to the same address goes first. */
static int is_next(const post_line *pl) {
    for (const letter *l = pl->l->to ? pl->l->to->letters : pl->l; l != pl->l; l = l->next)
        for (uint32_t i = 0; i < l->lines_n; i++)
            if (l->lines[i].state == LINE_WAITING && jd_str_eq(l->lines[i].channel, pl->channel) &&
                jd_str_eq(l->lines[i].address, pl->address))
                return 0;
    return 1;
}

/* The channel's own limit; 0: now, else ms until it may. */
static uint64_t limited(channel_slot *s) {
    uint64_t now = now_ms();
    uint32_t old = 0;
    if (!s->c->per_minute) return 0;
    while (old < s->minute_n && (uint64_t)s->minute[old] + 60000 <= now) old++;
    if (old) memmove(s->minute, s->minute + old, (s->minute_n - old) * sizeof *s->minute);
    s->minute_n -= old;
    if (s->minute_n >= s->c->per_minute) return (uint64_t)s->minute[0] + 60000 - now;
    s->minute = jd_xrealloc(s->minute, (s->minute_n + 1) * sizeof *s->minute);
    s->minute[s->minute_n++] = (jd_time)now;
    return 0;
}

static void begin_try(jd_people *p, post_line *pl, const channel *c) {
    const letter *l = pl->l;
    sending_words w = {.id = l->id,
                       .title = l->title,
                       .text = l->text,
                       .name = l->name,
                       .address = pl->address,
                       .link = l->link,
                       .about = l->about.p ? l->about : JD_STR(""),
                       .group = l->group.p ? l->group : JD_STR(""),
                       .severity = l->severity,
                       .zh = l->zh,
                       .count = l->count,
                       .at = jd_now()};
    snprintf(w.local, sizeof w.local, "%s", l->local);
    channel_request_fini(&pl->rq);
    channel_request_make(c, &w, &pl->rq);
    pl->easy = curl_easy_init();
    channel_set_up(c, pl->easy, &pl->rq);
    curl_easy_setopt(pl->easy, CURLOPT_PRIVATE, pl);
    pl->busy = 1;
    pl->tries++;
    p->under_way++;
    curl_multi_add_handle(p->multi, pl->easy);
}

/* 1: the letter is gone. */
static int begin_line(jd_people *p, post_line *pl, uint64_t *wait) {
    uint64_t now = now_ms();
    letter *l = pl->l;
    if (pl->state != LINE_WAITING || pl->busy) return 0;
    if (all_read(l)) {
        int last = l->left == 1;
        line_over(p, pl, LINE_STOPPED, NULL);
        return last;
    }
    if (pl->not_before_ms > now) {
        if (pl->not_before_ms - now < *wait) *wait = pl->not_before_ms - now;
        return 0;
    }
    if (!is_next(pl) || p->under_way >= p->o.at_once_max) return 0;
    channel_slot *s = people_channel(p, pl->channel);
    if (!s || !s->c) {
        int last = l->left == 1;
        line_over(p, pl, LINE_FAILED, "there is no such channel any more");
        return last;
    }
    uint64_t later = limited(s);
    if (later) {
        pl->not_before_ms = now + later;
        return 0;
    }
    begin_try(p, pl, s->c);
    return 0;
}

static void trial_over(jd_people *p, letter *l, int ok, const char *answer) {
    jd_err err = {0};
    letter **at = &p->trials;
    while (*at != l) at = &(*at)->next;
    *at = l->next;
    if (!ok) jd_fail(&err, JD_E_CONFLICT, "it was not taken: %s", "未被接收：%s", answer);
    pthread_mutex_unlock(&p->lock);
    l->tried(l->user, &err, jd_str_of(answer));
    letter_free(l);
    pthread_mutex_lock(&p->lock);
}

int post_begin(jd_people *p) {
    uint64_t wait = POLL_MS;
    for (letter *l = p->trials, *next; l; l = next) {
        const channel_slot *s = people_channel(p, l->lines[0].channel);
        next = l->next;
        if (s && s->c)
            (void)begin_line(p, &l->lines[0], &wait);
        else if (!l->lines[0].busy)
            trial_over(p, l, 0, "there is no such channel any more");
    }
    for (uint32_t i = 0; p->letters_n && i < p->persons_n; i++)
        for (letter *l = p->persons[i]->letters, *next; l; l = next) {
            next = l->next;
            if (!is_ready(l)) break;
            for (uint32_t k = 0; k < l->lines_n; k++)
                if (begin_line(p, &l->lines[k], &wait)) break;
        }
    return (int)wait;
}

/* ---- taking what is done ---- */

static void ended(jd_people *p, post_line *pl, CURLcode rc) {
    long status = 0;
    char answer[PEOPLE_ANSWER_MAX + 1];
    curl_easy_getinfo(pl->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(p->multi, pl->easy);
    curl_easy_cleanup(pl->easy);
    pl->easy = NULL;
    pl->busy = 0;
    p->under_way--;
    channel_slot *s = people_channel(p, pl->channel);
    const channel *c = s ? s->c : NULL;
    int is_mail = c && c->type == CHANNEL_SMTP;
    int how = is_mail && status >= 400 ? channel_judge(c, status, jd_buf_view(&pl->rq.answer))
              : rc != CURLE_OK || !c   ? -1
                                       : channel_judge(c, status, jd_buf_view(&pl->rq.answer));
    if (rc != CURLE_OK)
        snprintf(answer, sizeof answer, "%s", curl_easy_strerror(rc));
    else if (c)
        channel_quote(c, jd_buf_view(&pl->rq.answer), answer);
    else
        answer[0] = 0;
    if (status && (rc != CURLE_OK || !answer[0] || how != 1)) {
        char said[PEOPLE_ANSWER_MAX + 1];
        snprintf(said, sizeof said, "%s", answer);
        snprintf(answer, sizeof answer, "%ld %.180s", status, said);
    }
    channel_request_fini(&pl->rq);
    if (s) *(how == 1 ? &s->sent : &s->failed) += 1;
    atomic_fetch_add(how == 1 ? &p->sent : &p->failed, 1);
    if (!pl->l->to) {
        trial_over(p, pl->l, how == 1, answer);
        return;
    }
    if (how == 1 || !how || !c || pl->tries >= c->tries) {
        line_over(p, pl, how == 1 ? LINE_SENT : LINE_FAILED, answer);
        return;
    }
    uint64_t wait = (uint64_t)c->backoff_s << (pl->tries > 16 ? 16 : pl->tries - 1);
    pl->not_before_ms = now_ms() + 1000 * (wait < BACKOFF_MOST_S ? wait : BACKOFF_MOST_S);
    note(p, pl, 0, answer);
}

void post_take(jd_people *p) {
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(p->multi, &left));) {
        post_line *pl;
        if (m->msg != CURLMSG_DONE) continue;
        CURLcode rc = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&pl);
        pthread_mutex_lock(&p->lock);
        ended(p, pl, rc);
        pthread_mutex_unlock(&p->lock);
    }
}

static void drop(jd_people *p, letter *l) {
    for (uint32_t i = 0; i < l->lines_n; i++) {
        if (!l->lines[i].easy) continue;
        curl_multi_remove_handle(p->multi, l->lines[i].easy);
        curl_easy_cleanup(l->lines[i].easy);
    }
}

/* What is left keeps its place in the documents, and goes on at the next start. */
void post_stop(jd_people *p) {
    while (p->trials) {
        drop(p, p->trials);
        pthread_mutex_lock(&p->lock);
        trial_over(p, p->trials, 0, "the program ends");
        pthread_mutex_unlock(&p->lock);
    }
    for (uint32_t i = 0; i < p->persons_n; i++)
        for (letter *l = p->persons[i]->letters, *next; l; l = next) {
            next = l->next;
            drop(p, l);
            letter_free(l);
        }
}

/* people/people.h - messages to people: contacts, duty rosters, channels, and messages that reach somebody or go on to
 * the next (docs/people.md).
 *
 * All four are documents of the default tenant (JD_K_CONTACT, JD_K_ROSTER, JD_K_CHANNEL, JD_K_MESSAGE). A message that
 * was acknowledged survives a crash, and so does what is still to be done with it: who has not been told yet, and when
 * it goes on to a deputy. Sending is at least once, each sending with an id. Threads: everything here may be called
 * from any thread; sending has its own. Memory: results live in the given arena. */
#ifndef JD_PEOPLE_PEOPLE_H
#define JD_PEOPLE_PEOPLE_H
#include "base/clock.h"
#include "engine/engine.h"
#include "json/json.h"
#include "told/told.h"

typedef struct jd_people jd_people;
typedef struct jd_people_opts {
    jd_engine *engine;
    jd_str base_url;       /* of the links that people follow; outlives the room */
    uint32_t open_max;     /* messages of which something is still to be done; beyond: JD_E_BUSY; 0: 200,000 */
    uint32_t kept_max;     /* messages kept, the oldest that are done go first; 0: 500,000 */
    uint32_t contacts_max; /* likewise rosters, channels; 0: 100,000 */
    uint32_t queue_max;    /* sendings that wait for one person; beyond, the oldest fails; 0: 100 */
    uint32_t at_once_max;  /* sendings under way at the same time; 0: 32 */
} jd_people_opts;
/* Loads everything, and goes on where it stopped. Before the first write. */
int jd_people_start(jd_people **out, const jd_people_opts *opts, jd_err *err);
/* Before the engine is drained: no more tellings are taken, what was taken is made durable, what is under way gets a
 * moment; the rest goes on at the next start. NULL is fine, also below. */
void jd_people_quiet(jd_people *p);
void jd_people_stop(jd_people *p);

/* Takes what subscriptions tell endpoints jindu:contact/ID and jindu:roster/ID. Before there are requests. */
void jd_people_listen(jd_people *p, jd_told_room *told);

/* ---- declarations ---- */
typedef enum jd_people_kind { JD_PEOPLE_CONTACT, JD_PEOPLE_ROSTER, JD_PEOPLE_CHANNEL } jd_people_kind;
/* Checks the document and makes the one that is kept: a secret that is given as "***" is the one that is kept already.
 * JD_E_BAD_REQUEST_DATA with the member's path. */
int jd_people_check(jd_people *p, jd_people_kind kind, jd_str id, const jd_jval *v, jd_arena *a, jd_str *body,
                    jd_err *err);
/* May it go? JD_E_CONFLICT names who still uses it. */
int jd_people_may_go(jd_people *p, jd_people_kind kind, jd_str id, jd_err *err);
/* Behind the write of that document (p NULL: it was deleted). */
void jd_people_changed(jd_people *p, jd_people_kind kind, jd_str id, jd_str body);
jd_dkind jd_people_dkind(jd_people_kind kind);
/* The document as it may be seen: secrets as "***". */
void jd_people_show(jd_people_kind kind, jd_str id, jd_str body, jd_arena *a, jd_buf *out);
/* Who is on duty at that instant, who their deputies are, and until when. 0: there is no such roster. */
int jd_people_duty(jd_people *p, jd_str roster, jd_time at, jd_buf *out);
/* Sends one message through a channel to an address, now, without a document; done() from another thread, once, with
 * what came of it: *err as for a request. JD_E_NOT_FOUND, JD_E_BUSY: done() is not called. */
int jd_people_try(jd_people *p, jd_str channel, jd_str address, jd_str text, void *user,
                  void (*done)(void *user, const jd_err *err, jd_str answer), jd_err *err);

/* ---- messages ---- */
typedef enum jd_severity { JD_RED, JD_ORANGE, JD_YELLOW, JD_BLUE, JD_INFO, JD_SEVERITIES } jd_severity;
const char *jd_severity_name(jd_severity s, int zh);
/* -1: no such severity. */
int jd_severity_find(jd_str name);

typedef struct jd_words { /* one of them may have p NULL */
    jd_str zh, en;
} jd_words;
typedef struct jd_receiver { /* one of them, else p NULL */
    jd_str contact, roster;
} jd_receiver;
typedef struct jd_telling {
    jd_str id; /* p NULL: one is made. One that is there already: nothing is done, so that a repeat does no harm. */
    jd_severity severity;
    jd_words title, text;
    jd_str about, group; /* p NULL: none. Tellings of one group, severity and receivers become one message. */
    const jd_receiver *to;
    size_t to_n;
} jd_telling;

/* Waits until tellings are durable. begin, any number of tellings, end; then done() once, from any thread, *err filled
 * when one of them was not kept. The ticket is the caller's and lives until then. */
typedef struct jd_ticket {
    void (*done)(struct jd_ticket *t);
    void *user;
    jd_err err;
    uint32_t left; /* the room's, under its lock */
} jd_ticket;
void jd_ticket_begin(jd_ticket *t, void (*done)(jd_ticket *t), void *user);
void jd_ticket_end(jd_people *p, jd_ticket *t);
/* *id is the message's; *joined: it was there already, and counts one more. JD_E_BAD_REQUEST_DATA with the member,
 * JD_E_BUSY. */
int jd_people_tell(jd_people *p, const jd_telling *t, jd_ticket *ticket, jd_arena *a, jd_str *id, int *joined,
                   jd_err *err);
/* From JSON; the strings stay where they are. */
int jd_telling_parse(const jd_jval *v, jd_arena *a, jd_telling *out, jd_err *err);
/* Somebody has read it: it goes on to nobody else. by: a contact. key (p NULL: not asked for): the one in the link that
 * this contact was sent. Reading it again changes nothing. JD_E_NOT_FOUND, JD_E_BAD_REQUEST_DATA. */
int jd_people_read(jd_people *p, jd_str id, jd_str by, jd_str key, jd_ticket *ticket, jd_err *err);
/* A message as it may be seen. */
void jd_message_show(jd_str body, jd_arena *a, jd_buf *out);
typedef struct jd_message_filter { /* p NULL: any */
    jd_str state, severity, contact, group;
    jd_time since; /* JD_TIME_NONE: any */
} jd_message_filter;
int jd_message_matches(const jd_message_filter *f, jd_str body, jd_arena *a);
/* The page behind the link: what it is about, and a button. 0: the key is not the one that contact got. */
int jd_message_page(jd_str body, jd_str by, jd_str key, jd_arena *a, jd_buf *out);
void jd_people_metrics(jd_people *p, jd_buf *out); /* Prometheus text; NULL: nothing */
#endif

/* people/people_int.h - what the files of messages to people share. Nobody else includes it. */
#ifndef JD_PEOPLE_PEOPLE_INT_H
#define JD_PEOPLE_PEOPLE_INT_H
#include "base/hash.h"
#include "people/people.h"
#include "people/when.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    PEOPLE_ID_MAX = 60,      /* of contacts, rosters, channels */
    PEOPLE_TITLE_MAX = 500,  /* bytes */
    PEOPLE_TEXT_MAX = 4000,  /* bytes */
    PEOPLE_GROUP_MAX = 200,  /* bytes */
    PEOPLE_ABOUT_MAX = 2048, /* bytes */
    PEOPLE_TO_MAX = 32,      /* receivers of one message */
    PEOPLE_STEPS_MAX = 16,   /* persons that one receiver goes on to */
    PEOPLE_ATTEMPTS = 4,     /* kept of one address */
    PEOPLE_ANSWER_MAX = 200, /* bytes kept of what a far end said */
    PEOPLE_JOINED = 512,     /* ids of tellings that joined a message, kept with it */
    PEOPLE_KEY_LEN = 32
};

/* ---- declare.c: documents, compiled; immutable ---- */
int people_bad(jd_err *err, const char *place, const char *en, const char *zh); /* "place: ..."; always -1 */
int people_id_valid(jd_str id);

typedef struct address {
    jd_str channel, address;
    unsigned severities; /* bit per jd_severity */
} address;
typedef struct escalation {
    int after_min[JD_SEVERITIES]; /* 0: it does not go on */
} escalation;
typedef struct duty { /* who is told, and who next */
    jd_str contact;
    jd_str *deputies;
    size_t deputies_n;
} duty;
typedef struct contact {
    jd_arena arena;
    jd_str id, name, zone_name;
    int zh;
    address *addresses;
    size_t addresses_n;
    when_window *quiet;
    size_t quiet_n;
    duty chain; /* itself, then its deputies */
    escalation escalation;
    int64_t window_us;
    when_pace pace;
} contact;
typedef struct roster {
    jd_arena arena;
    jd_str id, name, zone_name;
    when_window *windows; /* exceptions first, then shifts */
    duty *duties;
    size_t n;
    duty otherwise; /* contact.p NULL: nobody */
    escalation escalation;
} roster;
typedef enum channel_type { CHANNEL_SMTP, CHANNEL_HTTP } channel_type;
typedef struct channel {
    jd_arena arena;
    jd_str id;
    jd_jval doc;
    channel_type type;
    uint32_t per_minute, tries, backoff_s, timeout_s, text_max;
    int tls; /* 0 none, 1 starttls, 2 tls */
    uint32_t port;
} channel;
int contact_compile(jd_str id, const jd_jval *v, contact **out, jd_err *err);
int roster_compile(jd_str id, const jd_jval *v, roster **out, jd_err *err);
void contact_free(contact *c);
void roster_free(roster *r);
const duty *roster_duty(const roster *r, jd_zone *z, jd_time at);

/* ---- channels.c ---- */
int channel_compile(jd_str id, const jd_jval *v, channel **out, jd_err *err);
void channel_free(channel *c);
/* Secrets given as "***" become those of `old` (NULL: there is none). */
int channel_merge(jd_jval *v, const jd_jval *old, jd_arena *a, jd_err *err);
void channel_show(const jd_jval *v, jd_buf *out);
typedef struct sending_words { /* what templates can say */
    jd_str id, title, text, name, address, link, about, group;
    jd_severity severity;
    int zh;
    uint64_t count;
    jd_time at;
    char local[32]; /* the wall clock of who is told */
} sending_words;
typedef struct channel_request {
    jd_buf url, body, answer; /* url is NUL-terminated */
    struct curl_slist *headers, *rcpt;
    const char *method;
    size_t read; /* of body, by curl */
} channel_request;
void channel_request_make(const channel *c, const sending_words *w, channel_request *out);
void channel_request_fini(channel_request *r);
/* What a far end's answer means: 1 taken, 0 refused for good, -1 worth another try. */
int channel_judge(const channel *c, long status, jd_str answer);
/* At most PEOPLE_ANSWER_MAX bytes of it, without secrets. */
void channel_quote(const channel *c, jd_str answer, char out[PEOPLE_ANSWER_MAX + 1]);
void channel_set_up(const channel *c, CURL *easy, channel_request *r);

/* ---- message.c ---- */
typedef struct attempt {
    jd_time at;
    int ok;
    char answer[PEOPLE_ANSWER_MAX + 1];
} attempt;
typedef enum line_state { LINE_WAITING, LINE_SENT, LINE_FAILED, LINE_STOPPED } line_state;
typedef struct line { /* one address of one person, for the latest sending */
    jd_str channel, address;
    line_state state;
    uint32_t tries;
    attempt attempts[PEOPLE_ATTEMPTS]; /* the latest last */
    uint32_t attempts_n;
} line;
typedef struct entry {  /* a person who is told of a message */
    struct entry *next; /* of the person's waiting ones */
    struct message *m;
    jd_str contact;
    int receiver; /* which one this is for */
    int step;
    char key[PEOPLE_KEY_LEN + 1];
    uint64_t told;   /* of the message's count */
    uint64_t before; /* told before the latest sending */
    jd_time *sends;  /* of the last hour, and the last one */
    uint32_t sends_n;
    jd_time due; /* not before */
    int listed;  /* waits in the person's list */
    int sending; /* one is under way, or was when the program ended */
    int gone;    /* the contact was deleted before it could be told of all of it */
    line *lines;
    uint32_t lines_n;
} entry;
typedef struct receiver {
    jd_str contact, roster; /* one has p NULL */
    int step;
    jd_time due; /* JD_TIME_NONE: it goes on to nobody */
    uint64_t due_ns;
} receiver;
typedef struct waiter {
    struct waiter *next;
    jd_ticket *ticket;
    uint64_t version;
} waiter;
typedef struct message {
    struct message *next_id, *next_group, *next_dirty, *prev, *next;
    jd_str id, about, group, latest_about;
    struct {
        jd_str zh, en;
    } title, text, latest_title, latest_text;
    jd_severity severity;
    receiver *to;
    uint32_t to_n;
    entry **people;
    uint32_t people_n;
    jd_time created, latest, read_at;
    jd_str read_by;
    uint64_t count, ident;
    uint64_t *joined; /* a ring of PEOPLE_JOINED: of those that joined it under an id, hashed; NULL: none did */
    uint32_t joined_n;
    uint64_t version, saved; /* of memory; of the store */
    int saving, dirty, unkept, pins;
    waiter *waiters;
} message;
message *message_make(const jd_telling *t, jd_str id, jd_time now);
message *message_parse(jd_str id, jd_str body, jd_err *err); /* NULL: *err */
void message_free(message *m);
void message_write(const message *m, jd_buf *out);
const char *message_state(const message *m);
void message_latest(message *m, const jd_telling *t, jd_time now); /* one more of the same */
/* One that joins under an id counts once, also when it comes again: after a crash, subscriptions tell again what they
 * cannot be sure of. 1: it has joined already. */
int message_has_joined(const message *m, jd_str id);
void message_joined(message *m, jd_str id);
uint64_t message_ident(jd_severity s, jd_str group, jd_str id, const receiver *to, uint32_t to_n);
entry *message_add(message *m, jd_str who, int to, int step);
int entry_waits(const entry *e);       /* is it still to be told of something? */
void entry_sent(entry *e, jd_time at); /* remembers, and forgets what is older than an hour */
jd_str words_for(jd_str zh_text, jd_str en_text, int zh);
jd_str str_keep(jd_str s); /* malloc; p NULL stays */
void str_drop(jd_str *s);

/* ---- post.c: sendings ---- */
typedef struct post_line {
    struct letter *l;
    jd_str channel, address;
    line_state state;
    uint32_t tries;
    uint64_t not_before_ms;
    int busy;
    CURL *easy; /* while under way */
    channel_request rq;
} post_line;
typedef struct letter {
    struct letter *next;
    struct person *to; /* NULL: a trial */
    entry **of;
    uint64_t *needs; /* versions of their messages that say so */
    size_t n;
    jd_str id, title, text, name, link, about, group;
    jd_severity severity;
    int zh;
    uint64_t count;
    jd_time at;
    char local[32];
    post_line *lines;
    uint32_t lines_n, left;
    int ready;                                                   /* what it says is kept */
    void (*tried)(void *user, const jd_err *err, jd_str answer); /* a trial's */
    void *user;
} letter;
typedef struct send_mark { /* at JD_TIME_NONE: free */
    jd_time at;
    uint64_t ident;
} send_mark;
typedef struct person { /* a contact, and what is on the way to it; lives as long as the room */
    jd_str id;
    contact *c;       /* NULL: it was deleted */
    send_mark *marks; /* when it was last told of a group, by its number; those of the last hour */
    uint32_t marks_n, marks_cap;
    jd_time *times; /* of its sendings, in order; those of the last hour */
    uint32_t times_n, times_cap;
    entry *waiting;
    letter *letters, **last;
    uint32_t letters_n;
    jd_time due; /* of what waits */
} person;
typedef struct channel_slot {
    jd_str id;
    channel *c; /* NULL: deleted */
    jd_time *minute;
    uint32_t minute_n;
    uint64_t sent, failed;
} channel_slot;

struct jd_people {
    jd_people_opts o;
    struct jd_told_room *listens; /* from_told.c: to whom */
    pthread_mutex_t lock;
    jd_strmap person_by, roster_by, channel_by, zone_by;
    person **persons;
    roster **rosters; /* NULL: deleted */
    channel_slot **channels;
    jd_zone **zones;
    uint32_t persons_n, rosters_n, channels_n, zones_n, contacts_live, rosters_live, channels_live;
    message **by_id, **by_group; /* open ones */
    message *first, *last, *dirty, **dirty_last;
    uint32_t open;
    struct save *saving;
    uint64_t kept, save_again_ms, look_ns;
    letter *trials;
    uint32_t letters_n; /* of all persons */
    jd_time next_due;   /* of all that wait */
    CURLM *multi;
    uint32_t under_way;
    int stopping, started;
    int64_t wall_mono_us; /* wall clock minus steady clock */
    uint64_t ids;
    pthread_t thread;
    _Atomic uint64_t told, joined, sent, failed, dropped, escalated, exhausted, steps;
};

/* ---- register.c; the lock is held ---- */
jd_zone *people_zone(jd_people *p, jd_str name);
person *people_person(jd_people *p, jd_str id); /* NULL: never heard of */
channel_slot *people_channel(jd_people *p, jd_str id);
person *people_person_made(jd_people *p, jd_str id);
/* -1: there is none of that id; the place is where it was named. */
int people_no_contact(jd_people *p, jd_str id, const char *place, jd_err *err);
roster *people_roster(jd_people *p, jd_str id); /* NULL: there is none */

/* ---- people.c ---- */
void people_wake(jd_people *p);
void people_random(void *to, size_t n);
message *people_open(jd_people *p, jd_str id); /* NULL: it is not open */
void people_open_add(jd_people *p, message *m);
void people_open_remove(jd_people *p, message *m);

/* ---- keep.c; the lock is held ---- */
typedef struct keep_over { /* tickets that are over: to be called without the lock */
    jd_ticket **t;
    size_t n, cap;
} keep_over;
void people_dirty(jd_people *p, message *m); /* it changed: it is written again */
void keep_wait(message *m, jd_ticket *t);    /* until what it is now is kept; t NULL is fine */
void keep_flush(jd_people *p, keep_over *o); /* writes what changed, unless a write is on its way */
void keep_trim(jd_people *p, keep_over *o);  /* the oldest of which nothing is to be done go */
void keep_call(keep_over *o);

/* ---- plan.c: who is told when; the lock is held ---- */
void plan_first(jd_people *p, message *m, jd_time now); /* a new message finds its people */
void plan_arm(message *m, jd_time now);                 /* timers of a message that was loaded */
void plan_enlist(jd_people *p, entry *e, jd_time now);  /* something may be to be told */
void plan_unlist(jd_people *p, entry *e);
void plan_again(jd_people *p, person *to, jd_time now);           /* the contact or the clock changed */
void plan_persons(jd_people *p, jd_time now);                     /* letters for those who may be told now */
void plan_timers(jd_people *p, jd_time now);                      /* who must be told because nobody read */
void plan_hurry(message *m);                                      /* somebody could not be reached: go on at once */
void plan_mark(person *to, jd_time at, uint64_t ident);           /* it is told of that group */
void plan_step(jd_people *p, int64_t step_us);                    /* the clock was set */
void plan_marks(jd_people *p, entry *e, jd_time now);             /* what was sent before the program was started */
int plan_over(const jd_people *p, const message *m, jd_time now); /* is nothing to be done for it any more? */
enum { PLAN_JOIN_MAX_S = 86400 };                                 /* a message takes no more of its group after a day */

/* ---- letters.c: what is said; the lock is held ---- */
/* A sending of these (none of them under way) to one person; from then on it is on its way. */
void letter_send(jd_people *p, person *to, entry **of, size_t n, jd_time now);
/* One that was under way when the program ended. */
void letter_resume(jd_people *p, person *to, entry **of, size_t n);
void letter_clock(letter *l, jd_zone *zone); /* what {{time}} says; NULL: 1970 */
void letter_free(letter *l);

/* ---- post.c ---- */
void post_queue(jd_people *p, letter *l);
int post_begin(jd_people *p); /* what may begin; ms until more may. The lock is held. */
void post_take(jd_people *p); /* what curl has finished */
void post_stop(jd_people *p);
#endif

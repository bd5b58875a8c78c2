/* rule/rule_int.h - what the files of this room share. Nobody else includes it. */
#ifndef JD_RULE_INT_H
#define JD_RULE_INT_H
#include "rule/rule.h"

#include "base/hash.h"
#include "engine/history.h"

#include <pthread.h>
#include <stdatomic.h>

enum { LEVELS_MAX = 5, LETS_MAX = 32, EVIDENCE_MAX = 16, UNLESS_MAX = 16, TELL_MAX = 16, NAMES_MAX = 128 };

/* ---- names.c: what a name in an expression is, and its value for an entity ---- */
typedef enum name_kind {
    NAME_LET, /* index: which */
    NAME_ATTR,
    NAME_MEMBER, /* of an attribute's value, else a sub-attribute of it */
    NAME_OBSERVED,
    NAME_UNIT,
    NAME_ATTR_MODIFIED,
    NAME_ID,
    NAME_TYPE,
    NAME_CREATED,
    NAME_MODIFIED
} name_kind;
typedef struct rule_name {
    name_kind kind;
    jd_sym attr, member, via; /* 0: none */
    jd_str raw;               /* the member as written */
    uint32_t index;
    int was;
} rule_name;

typedef struct rule_let {
    jd_str name;
    jd_expr *x;
} rule_let;
typedef struct rule_level {
    jd_severity severity;
    jd_expr *when, *until; /* until NULL: none */
} rule_level;
typedef struct rule_tell {
    jd_receiver to;
    jd_severity at_least;
} rule_tell;

/* A rule or a derivation, compiled; immutable but for what the thread of the rules keeps in it. */
typedef struct rule {
    jd_arena arena;
    jd_str pack, id, key; /* key: PACK/ID */
    uint64_t hash;        /* of the key */
    uint64_t text_hash;   /* of its declaration and model: what changed judges anew */
    jd_context *ctx;      /* counted */
    const jd_symtab *symbols;
    jd_sym type, device_state;
    jd_str entity; /* only this one; p NULL: any */
    jd_expr *where;
    rule_let lets[LETS_MAX];
    uint32_t lets_n;
    rule_level levels[LEVELS_MAX];
    uint32_t levels_n;
    int64_t every_us, for_us, clear_us, old_us; /* 0: not */
    int old_count;
    jd_str unless[UNLESS_MAX]; /* keys of rules */
    uint32_t unless_n;
    struct rule_evidence {
        jd_str name;
        jd_expr *x;
    } evidence[EVIDENCE_MAX];
    uint32_t evidence_n;
    jd_words title, category; /* category.en: the word itself */
    jd_xtpl *text_zh, *text_en;
    rule_tell tell[TELL_MAX];
    uint32_t tell_n;
    struct {
        jd_str link, body; /* p NULL: none */
        jd_xtpl *device;
        int on_raise, on_clear;
    } command;
    /* derivations */
    jd_sym derives; /* 0: a rule */
    jd_str unit;
    rule_name names[NAMES_MAX];
    uint32_t names_n;
    jd_sym watched[NAMES_MAX]; /* attributes of the entity that it reads */
    uint32_t watched_n;
    /* the thread's */
    uint32_t rank;       /* behind those that it waits for */
    uint64_t due_ms;     /* of `every`, on the steady clock */
    int walking;         /* it waits in a walk of those that have an entity each */
    uint64_t mark;       /* offered for this change */
    uint32_t failed_run; /* evaluations that failed one after the other */
    int off;
    _Atomic uint64_t judged, raised, cleared, failures;
    _Atomic uint64_t open;
    char why[200]; /* the last failure; under the room's lock */
} rule;
struct jd_ruleset {
    jd_str pack;
    rule **rules;
    size_t n;
};
void rule_free(rule *x);

typedef struct naming { /* the compiler's view of names: user of jd_xnames */
    rule *x;
    jd_symtab *symbols;
    const jd_modelattr *model;
    size_t model_n;
} naming;
int naming_find(void *user, const jd_xname *name, uint32_t *number, jd_xtype *type, jd_err *err);
int naming_dear(void *user, uint32_t number);

/* What rules found in one change, so that the next one need not look again: attributes, and folds of windows. */
enum { FOUND_ATTRS = 8, FOUND_FOLDS = 8 };
typedef struct found {
    struct found_attr {
        jd_sym name;
        int was, there;
        jd_attrview v;
    } attrs[FOUND_ATTRS];
    struct found_fold {
        jd_sym attr;
        jd_time from, to;
        jd_xval value[JD_XFOLDS]; /* each a number, or nothing */
    } folds[FOUND_FOLDS];
    uint32_t attrs_n, folds_n;
} found;
/* The attribute of `d`, or NULL. f NULL: it is looked for; room: where it may be put. was: d is the older document. */
const jd_attrview *found_attr(found *f, const jd_doc *d, int was, jd_sym name, jd_attrview *room);

/* One rule judged for one entity at one moment: the host of its expressions. */
typedef struct judging {
    jd_engine *e;
    const rule *x;
    const jd_doc *was, *is;
    found *found;  /* of the change; NULL: none is kept */
    jd_view *view; /* for history and for other entities */
    jd_arena *a;
    jd_time now, end;
    int by_time;
    int english; /* a text in English is being made */
    uint64_t readings_max;
    jd_xval let[LETS_MAX];
    unsigned char let_state[LETS_MAX]; /* 1: known, 2: being asked for */
    jd_xhost host;
} judging;
/* After the fields above host were set. */
void judging_ready(judging *j);

/* ---- index.c: which rules a change may touch ---- */
typedef struct rule_index rule_index;
rule_index *rindex_make(void);
void rindex_free(rule_index *x);
void rindex_add(rule_index *x, rule *r);
void rindex_remove(rule_index *x, rule *r);
typedef void (*rindex_fn)(void *user, rule *r);
/* Rules of the entity's types, and of the entity, that read an attribute that differs between was and is; each once,
 * those that others wait for first. */
void rindex_offer(rule_index *x, const jd_doc *was, const jd_doc *is, rindex_fn fn, void *user);
/* Rules of a type that have an `unless`. */
size_t rindex_waiting(rule_index *x, jd_sym type, rule ***out);

/* ---- state.c: what a rule remembers of an entity ---- */
typedef struct rstate {
    struct rstate *next; /* of its bucket */
    uint64_t hash;
    jd_str key, rule, entity;            /* "PACK/RULE ENTITY"; the others are parts of it */
    int level, pending, by_hand;         /* -1: none; by_hand: cleared by somebody at this level while it holds */
    uint32_t times;                      /* how often it was raised */
    uint32_t tells;                      /* how often somebody was to be told */
    uint64_t group;                      /* the newest that it was judged by */
    jd_time pending_since, clear_since;  /* by the data's time; JD_TIME_NONE */
    jd_time pending_wall, clear_wall;    /* by ours */
    uint64_t due_ms;                     /* steady clock; 0: nothing is due */
    size_t heap_at;                      /* place among those that are due, from 1; 0: not there */
    jd_time written_at;                  /* of the alert, last */
    unsigned char tell_due, command_due; /* command_due: 1 raise, 2 clear; to be done, at least once */
    unsigned char dirty, busy, listed;   /* busy: a telling or a command is under way; listed: in r->todo */
    struct rstate *todo;
    uint64_t again_ms; /* not before */
} rstate;
typedef struct rstates {
    rstate **bucket;
    size_t cap, n;
    rstate **heap; /* from 1 */
    size_t heap_n, heap_cap;
} rstates;
uint64_t rstate_hash(uint64_t rule_hash, uint64_t entity_hash);
rstate *rstates_find(const rstates *s, uint64_t hash, jd_str rkey, jd_str entity);
rstate *rstates_make(rstates *s, uint64_t hash, jd_str rkey, jd_str entity);
void rstates_fini(rstates *s);
void rstates_due(rstates *s, rstate *st, uint64_t due_ms); /* 0: not any more */
/* Its document, in the arena. */
void rstate_write(const rstate *st, jd_arena *a, jd_str *id, jd_str *body);
/* From a document; NULL: it is none. */
rstate *rstate_load(rstates *s, jd_str id, jd_str body);

/* ---- alert.c: alerts as entities ---- */
typedef struct alert_say {
    int fresh; /* raised anew: it takes the place of what was there */
    int level;
    jd_time now, at; /* at: of the data */
    uint32_t times;
} alert_say;
jd_str alert_id(jd_str rule_key, jd_str entity, jd_arena *a);
/* A write that says it; in the arena. 0 or -1. */
int alert_write(struct jd_rules *r, const rule *x, judging *j, jd_str entity, const alert_say *say, jd_arena *a,
                jd_write *w, jd_err *err);
/* at: of the data; why: "rule", "gone" (the entity), "removed" (the rule). */
int alert_close_write(struct jd_rules *r, jd_str rule_key, jd_str entity, jd_time now, jd_time at, const char *why,
                      jd_arena *a, jd_write *w, jd_err *err);
extern const char jd_alert_context[]; /* of its names, as JSON */
/* What was judged: the attributes that the rule reads, and what it names as evidence. */
void alert_evidence_json(jd_buf *b, judging *j, jd_time at);
jd_sym alert_sym(const struct jd_rules *r, const char *name);
jd_words alert_words(const struct jd_rules *r, const jd_doc *d, const char *name, jd_arena *a);
/* Members behind others: ,"name":... */
void alert_text_json(jd_buf *b, const char *name, jd_str s);
void alert_time_json(jd_buf *b, const char *name, jd_time t);
void alert_words_json(jd_buf *b, const char *name, jd_str zh, jd_str en);
/* A write of that JSON (emptied) in the names of alerts. */
int alert_to_write(struct jd_rules *r, jd_op op, unsigned flags, jd_input shape, jd_str id, jd_buf *json, jd_arena *a,
                   jd_write *w, jd_err *err);
/* What somebody does with it. JD_E_NOT_FOUND, JD_E_CONFLICT. */
int alert_act_write(struct jd_rules *r, jd_view *v, const jd_alert_ticket *t, jd_time now, jd_arena *a, jd_write *w,
                    jd_err *err);
/* PACK/RULE and the entity, of an alert's id; 0: it is none of ours. */
int alert_id_split(jd_str id, jd_str *rule_key, jd_str *entity, jd_arena *a);
int alert_is(const struct jd_rules *r, const jd_doc *d, const char *status);

/* ---- silence.c: alerts of which nobody is told for a while ---- */
typedef struct silences silences;
silences *silences_make(void);
void silences_free(silences *s);                                       /* NULL is fine */
void silence_load(struct jd_rules *r, jd_str id, const jd_jval *body); /* a document of this kind, if it is one */
int silence_check(struct jd_rules *r, const jd_alert_ticket *t, jd_time now, jd_err *err);
/* What follows of SILENCE, UNSILENCE and CLEAR beside the alert's own write. Room for three writes was made. */
void silence_act(struct jd_rules *r, const jd_doc *d, const jd_alert_ticket *t, rstate *st);
/* It became worse, of that severity: 1: nobody is told. 0: whoever is to be told is told, and a silence is over. Room
 * for two writes was made. */
int silence_keeps(struct jd_rules *r, const rstate *st, jd_severity severity);
void silence_over(struct jd_rules *r, jd_str rule_key, jd_str entity); /* it is cleared; room for two writes was made */
/* The write that takes the attributes of a silence from an alert. */
int silence_off_write(struct jd_rules *r, jd_str id, jd_arena *a, jd_write *w, jd_err *err);
void silences_due(struct jd_rules *r, uint64_t ms);

/* ---- judge.c: one rule, one entity ---- */
/* A change of that group; f: of this change, empty at first. */
void judge(struct jd_rules *r, rule *x, const jd_doc *was, const jd_doc *is, uint64_t group, jd_time now, found *f);
/* is: of r->view; f: of the entity at this moment, empty at first, or NULL. */
void judge_by_time(struct jd_rules *r, rule *x, const jd_doc *is, jd_time now, found *f);
/* Something about it failed: counted, and said in its record. */
void rule_failed(struct jd_rules *r, rule *x, jd_str entity, const jd_err *err);
/* A device that nobody has claimed raises nothing. */
int judge_is_unclaimed(const rule *x, const jd_doc *is, found *f);
void judge_removed(struct jd_rules *r, rstate *st, jd_time now); /* its rule is gone */

/* ---- effects.c: what is to be written, in change sets that are durable or not at all ---- */
typedef struct effects effects;
effects *effects_make(struct jd_rules *r);
void effects_free(effects *f);
jd_arena *effects_arena(effects *f); /* of the set that is being filled */
/* Room for so many writes; what there is goes out where there is none, and what is under way is waited for. */
void effects_room(effects *f, size_t writes); /* f NULL, here and below: it is a trial, and nothing is kept */
jd_write *effects_add(effects *f);
void effects_state(effects *f, rstate *st);          /* its document is to be written; room was made */
void effects_ticket(effects *f, jd_alert_ticket *t); /* to be told when the set is durable */
/* A command that goes down once the write before it is durable; copies live in the set's arena. */
typedef struct rcommand {
    struct rcommand *next;
    rstate *st;
    jd_str link, device, entity, text;
    jd_time at;
} rcommand;
void effects_command(effects *f, rcommand *c);
/* Hands over what there is when nothing is under way, and sees to what became durable. now: as soon as can be. */
void effects_turn(effects *f, int now);
int effects_idle(effects *f);       /* nothing is under way, nothing waits */
uint32_t effects_count(effects *f); /* writes that are not durable yet */
void effects_wake(effects *f);      /* it is stopping */
void effects_drop_tickets(effects *f, const jd_err *err);

/* ---- try.c: a rule judged over what was, without effects ---- */
typedef struct trial trial;
uint64_t trial_ms(const trial *t);  /* its clock */
jd_time trial_came(const trial *t); /* when what is judged was recorded */
void trial_raised(trial *t, const rule *x, judging *j, int level, int fresh);
void trial_cleared(trial *t, const rule *x, int level, jd_time now);
int trial_is_suppressed(const trial *t);

typedef struct walk { /* rules that judge all entities of a type, or the one entity that each of them has */
    struct walk *next;
    jd_arena arena;
    jd_sym type;
    int own; /* each its own entity: those that were judged are gone from `rules`; there are no ids */
    rule **rules;
    size_t rules_n, rules_cap;
    jd_str *ids;
    size_t ids_n, at;
} walk;

struct jd_rules {
    jd_rules_opts o;
    jd_context *alert_ctx;
    rule_index *index;
    rstates states;
    effects *out;
    silences *silences;
    rstate *todo;          /* durable, and to be told or commanded */
    struct rtelling *told; /* tellings that came back; under `lock` */
    walk *walks;
    rule **rules; /* all */
    size_t rules_n, rules_cap;
    jd_strmap by_key;      /* PACK/ID -> place in rules */
    uint64_t rules_due_ms; /* the next `every` */
    trial *trial;          /* of rules that only judge what was; else NULL */
    _Atomic int trying;    /* somebody tries a rule */
    jd_view view;          /* of the group in hand */
    int viewing;
    jd_arena view_arena;
    jd_arena arena; /* of one judging */
    /* what comes in */
    pthread_mutex_t queue;
    pthread_cond_t come, gone;
    struct ritem *first, **last;
    size_t waiting;              /* bytes */
    int busy;                    /* what was taken is being judged */
    int blocked;                 /* the thread waits for the writer */
    _Atomic int stopping, quiet; /* quiet: nobody may ask for anything more */
    jd_alert_ticket *tickets, **tickets_last;
    pthread_t thread;
    int started;
    /* filter of the writer's thread: types that rules watch; under `queue` */
    jd_sym *types;
    size_t types_n;
    _Atomic uint32_t wanted; /* rules there are */
    pthread_mutex_t lock;    /* rules as others see them, links */
    jd_links *links;
    _Atomic uint64_t judged_to; /* every group up to this one was judged */
    _Atomic uint64_t seen_to;   /* the newest of them that held changes for rules */
    _Atomic uint64_t position;  /* durable */
    _Atomic uint32_t pending;   /* walks, and writes that are not durable yet */
    _Atomic uint32_t edits;     /* that wait */
    _Atomic uint64_t changes, judgements, raised, cleared;
};
uint64_t rules_ms(void);
rule *rules_find(jd_rules *r, jd_str key);      /* the thread's */
rstate *rules_state(jd_rules *r, jd_str alert); /* of its rule and entity; NULL: it is an alert of no rule */
void rules_view(jd_rules *r);                   /* makes sure that there is one */
void rules_view_end(jd_rules *r);
/* It is durable, and something is to be told or commanded. */
void rules_todo(jd_rules *r, rstate *st);
/* ---- tell.c: messages and commands that a state says are due ---- */
void tell_turn(jd_rules *r);
void tell_command_sent(jd_rules *r, const rcommand *c);
void tell_free(jd_rules *r);
#endif

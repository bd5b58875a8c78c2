/* rule/rule.h - rules on what changes and on time, and the alerts that they raise (docs/packs.md).
 *
 * A rule belongs to a pack. It is fed what groups published, in order, from a position that is durable together with
 * its effects, so that an alert is raised and cleared exactly once, whatever dies in between. An alert is an entity of
 * type Alert; what a rule remembers of an entity beside it (a delay that runs, say) is a document of kind JD_K_RULED.
 * Rules watch the default tenant. Threads: the rules have their own; everything here may be called from any thread. */
#ifndef JD_RULE_RULE_H
#define JD_RULE_RULE_H
#include "engine/engine.h"
#include "expr/expr.h"
#include "link/links.h"
#include "model/context.h"
#include "people/people.h"

typedef struct jd_rules jd_rules;
typedef struct jd_rules_opts {
    jd_engine *engine;
    jd_contexts *contexts;
    jd_people *people;     /* who is told; NULL: nobody */
    size_t changes_bytes;  /* changes that wait to be judged; beyond, writers wait; 0: a quarter of log_bytes */
    uint64_t log_bytes;    /* the engine's log_bytes_max; 0: its default */
    uint64_t readings_max; /* of one evaluation; 0: 100,000 */
    uint32_t failures_max; /* evaluations that fail one after the other before a rule is switched off; 0: 100 */
    uint32_t group_max;    /* the engine's group_changes_max, at least 6; 0: its default */
    uint32_t try_max;      /* judgements of one jd_rule_try; 0: 200,000 */
} jd_rules_opts;

/* ---- a pack's rules: checked and compiled whole, then applied ---- */
typedef struct jd_modelattr { /* what a model says of an attribute, for expressions */
    jd_sym type, attr;
    jd_xtype is;
} jd_modelattr;
typedef struct jd_pack_rules {
    jd_str pack;
    jd_context *ctx;                    /* of its names; counted by what is made */
    const jd_jval *const *declarations; /* rules and derivations */
    size_t n;
    const jd_modelattr *model; /* of all types that the pack may use */
    size_t model_n;
} jd_pack_rules;
typedef struct jd_ruleset jd_ruleset;
/* JD_E_BAD_REQUEST_DATA: *at is the declaration, the place the member's path in it ("levels[0].when"); where it is an
 * expression, ", line L column C" of its text follows. engine: for symbols (names are interned). */
int jd_ruleset_make(jd_engine *engine, const jd_pack_rules *in, jd_ruleset **out, size_t *at, jd_err *err);
void jd_ruleset_free(jd_ruleset *s); /* that was not applied; NULL is fine */
/* Only the rule of that id stays. 0, or -1: it is not there, or is a derivation. */
int jd_ruleset_only(jd_ruleset *s, jd_str id);

/* Loads what was kept; rules are applied next; then jd_rules_watch, before the first write, and jd_rules_go, behind
 * which rules write: when all others watch. */
int jd_rules_start(jd_rules **out, const jd_rules_opts *opts, jd_err *err);
void jd_rules_links(jd_rules *r, jd_links *links); /* where commands go; NULL: nowhere any more */
void jd_rules_watch(jd_rules *r);
int jd_rules_go(jd_rules *r, jd_err *err);
/* Before the engine's drain, when nothing new comes. */
void jd_rules_quiet(jd_rules *r);
void jd_rules_stop(jd_rules *r); /* NULL is fine */
/* They take the place of the pack's rules so far. A rule that is gone has its open alerts cleared; one that changed
 * judges all its entities anew. Takes s. Behind the write of the pack. */
void jd_rules_apply(jd_rules *r, jd_ruleset *s);
void jd_rules_remove(jd_rules *r, jd_str pack);

/* ---- what is to be seen ---- */
void jd_rules_list(jd_rules *r, jd_str pack, jd_buf *out); /* p NULL: of all; an array: id, state, counters, failures */
/* What a rule says of an entity now, expression by expression, as a JSON object. 0: no such rule. */
int jd_rule_explain(jd_rules *r, jd_str pack, jd_str rule, const jd_doc *d, jd_buf *out);
void jd_rules_metrics(jd_rules *r, jd_buf *out);
/* The newest group whose changes are judged and whose effects are durable. */
uint64_t jd_rules_position(jd_rules *r);

/* A rule judged over what was, in order of time, by the code that judges what is; nothing comes of it. It waits, for
 * the disk as well: not on the threads of rules or of the writer. Takes s, whose only one it is (jd_ruleset_only).
 * One at a time. *out: a JSON object (docs/packs.md). JD_E_BUSY, JD_E_NOT_FOUND (an entity), JD_E_TOO_COMPLEX_QUERY. */
typedef struct jd_rule_trying {
    jd_time from, to; /* from <= t < to */
    const jd_str *entities;
    size_t entities_n; /* 0: all of its type */
    uint64_t most;     /* judgements of readings and of time; 0, or more than try_max: as many as that */
} jd_rule_trying;
int jd_rule_try(jd_rules *r, jd_ruleset *s, const jd_rule_trying *how, jd_buf *out, jd_err *err);

/* ---- alerts: what people do with them; done() once, when it is durable ---- */
typedef enum jd_alert_act {
    JD_ALERT_ACK,
    JD_ALERT_COMMENT,
    JD_ALERT_CLEAR,
    JD_ALERT_SILENCE, /* until then nobody is told of it, unless it becomes worse; the comment is the reason */
    JD_ALERT_UNSILENCE
} jd_alert_act;
typedef struct jd_alert_ticket {
    jd_str id; /* of the alert */
    jd_alert_act act;
    jd_str by, comment; /* p NULL: none */
    jd_time until;      /* SILENCE: later than now, at most 30 days */
    void (*done)(struct jd_alert_ticket *t);
    void *user;
    /* JD_E_NOT_FOUND (UNSILENCE: also where it is not silenced), JD_E_CONFLICT (it is cleared already),
     * JD_E_BAD_REQUEST_DATA (comment, reason, until) */
    jd_err err;
    struct jd_alert_ticket *next; /* the room's */
} jd_alert_ticket;
void jd_alert_act_on(jd_rules *r, jd_alert_ticket *t);
/* The @context of an alert's names; borrowed, lives as long as the room. */
jd_context *jd_alert_names(jd_rules *r);
/* What alerts were, from their own history; it may read the disk. */
typedef struct jd_alert_step {
    jd_time at;
    jd_severity severity;
} jd_alert_step;
typedef struct jd_alert_spell {   /* once that it stood */
    jd_time issued, cleared;      /* by the clock; cleared INT64_MAX: it stands */
    jd_time valid_from, valid_to; /* by the data */
    jd_alert_step *steps;         /* its severities, from the one with which it was raised */
    size_t steps_n;
} jd_alert_spell;
typedef struct jd_alert_courses {
    const jd_symtab *symbols;
    jd_sym status, severity, issued, cleared, valid_from, valid_to, times;
    jd_time since;
    int by_data; /* valid_from and valid_to are wanted */
} jd_alert_courses;
/* Spells that ended before `since` may be left out. */
void jd_alert_courses_begin(jd_rules *r, jd_time since, jd_alert_courses *c);
/* Oldest first, in the arena. d: of the view. */
int jd_alert_course(const jd_alert_courses *c, jd_view *v, const jd_doc *d, jd_arena *a, jd_alert_spell **out,
                    size_t *n, jd_err *err);
/* An alert as a message of CAP 1.2: Alert while it stands, Cancel once it is cleared. sender: without blanks and
 * commas. */
void jd_alert_to_cap(jd_rules *r, const jd_doc *d, jd_str sender, jd_arena *a, jd_buf *out);
/* A message of CAP 1.2 becomes an alert, whose id is *id, and clears those that it updates or cancels: *n writes of one
 * change set, in the arena. JD_E_BAD_REQUEST_DATA, JD_E_TOO_LARGE (cap.h); JD_E_NOT_SUPPORTED (not Actual, Ack, Error);
 * JD_E_NOT_FOUND (nothing that it cancels is here). */
int jd_alert_from_cap(jd_rules *r, jd_view *v, jd_str xml, jd_arena *a, jd_write **w, size_t *n, jd_str *id,
                      jd_err *err);
/* Its JSON, to be hosted for those who ask with it. */
jd_str jd_alert_names_text(void);
#endif

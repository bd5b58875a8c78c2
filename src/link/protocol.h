/* link/protocol.h - one protocol of devices as a table of pure functions on bytes: where a frame ends, what stands in
 * it, which answer it is owed, and how a command is written. No sockets, no clock, no store: vectors and fuzzers drive
 * these directly, and the shared loop (links.c) does the rest.
 *
 * Two ways to read: strict, by the standard's text; or as a link in the field does (set->field), which takes what can
 * be understood and names each lapse as a fault. A frame is refused only when it cannot be trusted (its check fails) or
 * understood. A part of a frame that is bad never costs the rest: its bytes are kept as hex, with a fault.
 * Memory: results live in the given arena and may point into the frame's bytes. Threads: any; all state is passed. */
#ifndef JD_LINK_PROTOCOL_H
#define JD_LINK_PROTOCOL_H
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "json/json.h"
#include "link/fields.h"

/* What the link's declaration says to its protocol ("options"); zero is the standard's way. */
typedef struct jd_link_set {
    int field;              /* forgive as a link does */
    int rows_only;          /* nobody looks at a frame's fields: what is in no row may be left out, and */
    uint64_t wanted;        /* with it: of rows, names that jd_link_wants says no to; 0: all are wanted */
    int modbus_crc;         /* HJ 212: a CRC-16/MODBUS is taken, with a fault */
    int answer_realtime;    /* GB/T 32960: also 02 and 03 are answered */
    int rtu;                /* Modbus: RTU frames (with CRC) instead of TCP's */
    const jd_jval *options; /* all of them, for what one protocol alone needs; NULL: none */
} jd_link_set;

static inline uint64_t jd_link_wanted(const jd_link_set *set) { /* for jd_fields that are a row */
    return set->rows_only ? set->wanted : 0;
}
static inline int jd_link_wants(const jd_link_set *set, jd_str name) {
    uint64_t wanted = jd_link_wanted(set);
    return !wanted || wanted & jd_name_bit(name);
}

/* What a connection remembers for its protocol between frames. */
typedef struct jd_peer {
    uint16_t serial;  /* of our own next message */
    unsigned edition; /* of the device that spoke last, as the protocol counts; 0: not known */
    char device[64];  /* who logged in, where frames do not say it (NUL-terminated); empty: nobody */
} jd_peer;

/* The outcome of looking for a frame at the beginning of a connection's bytes. */
typedef struct jd_found {
    size_t skip; /* bytes in front that belong to no frame: they may be dropped */
    int junk;    /* those are no mere filling (line ends between frames): they count as an error */
    size_t n;    /* bytes of the frame behind them; 0: more must come */
} jd_found;

typedef struct jd_fault { /* a lapse that was forgiven; in English and Chinese */
    jd_str en, zh;
} jd_fault;

enum { JD_FAULTS_MAX = 16 }; /* of one frame; further ones are left out */

typedef struct jd_frame {
    jd_str bytes;
    jd_str device;  /* who speaks, as it says itself: MN, phone, VIN, station; n 0: it does not */
    jd_str kind;    /* which message, as the standard numbers it: "2011", "0200", "02", "32" */
    jd_jval fields; /* an object: all that stands in it (but see rows_only); `jindu decode` prints this */
    /* What mappings read: an object for each moment, or none. Most often one, equal to fields. */
    jd_jval *rows;
    size_t rows_n;
    jd_fault *faults; /* at most JD_FAULTS_MAX */
    size_t faults_n;
    unsigned edition; /* as the protocol counts; the answer is given in it */
    int resent;       /* the device says that this is old data */
    /* A message split over several frames: the loop joins the payloads of all parts, in order, and has decode_joined
     * called with them. parts 0 or 1: it is whole. */
    uint32_t part, parts; /* part from 1 */
    jd_str payload;
    jd_str part_key; /* what the parts of one message have in common */
    /* This frame answers a message of ours: its serial, and whether it was done. */
    int64_t answers; /* -1: it answers nothing */
    int answer_ok;
    const void *own; /* the protocol's, from decode to reply; in the arena */
} jd_frame;

typedef enum jd_outcome {
    JD_OUT_KEPT,    /* durable (or there was nothing to keep) */
    JD_OUT_REFUSED, /* not understood, or not allowed; it would not help to send it again */
    JD_OUT_BUSY     /* not taken now */
} jd_outcome;

typedef struct jd_protocol {
    const char *name;    /* "hj212": as links and commands call it */
    const char *en, *zh; /* in words, with the standard's number */
    size_t frame_max;    /* no frame is longer; find() gives up a beginning beyond */
    int text;            /* frames are lines of text: shown as such, not as hex */
    unsigned serials;    /* how many serials answers can tell apart; 0: 65536 */
    int drop_when_busy;  /* what was not taken comes again only on a new line, where we dial */
    unsigned parts_s;    /* parts of a message come within so many seconds; 0: 60 */
    /* On lines that we dial: what we say first, and again when nothing was heard for half a minute. NULL: nothing. */
    void (*hello)(const jd_link_set *set, jd_peer *peer, jd_buf *out);
    void (*ping)(const jd_link_set *set, jd_peer *peer, jd_buf *out);
    /* Where is the first frame? Bytes that can begin none are skipped. Never reads beyond bytes.n. */
    void (*find)(const jd_link_set *set, jd_str bytes, jd_found *out);
    /* Reads one frame as find() cut it (or as a vector has it, with or without what stands between frames). *out is
     * cleared by the caller. 0; -1: refused, *err says why and fields hold what could be read (may be empty). */
    int (*decode)(const jd_link_set *set, const jd_peer *peer, jd_str bytes, jd_arena *a, jd_frame *out, jd_err *err);
    /* last: the frame that came last of a split message, from decode(); payload: all parts joined. Adds fields and
     * rows to *last. NULL: the protocol splits nothing. */
    int (*decode_joined)(const jd_link_set *set, jd_str payload, jd_arena *a, jd_frame *last, jd_err *err);
    /* A copy of f->own in the arena, for the time until the answer: what else f points to goes before. NULL: it has
     * none. */
    const void *(*keep)(const jd_frame *f, jd_arena *a);
    /* Appends the answer that the frame is owed, if any; of f only bytes, device, edition and own are there. now: for
     * answers that tell the time. */
    void (*reply)(const jd_link_set *set, const jd_frame *f, jd_outcome outcome, jd_time now, jd_peer *peer,
                  jd_buf *out);
    /* Writes asterisks over the password in a frame's bytes, whole or broken; rather more than less. NULL: frames never
     * have one. */
    void (*conceal)(char *p, size_t n);
    /* Appends a command to a device (JSON object, docs/links.md); by this serial its answer will name it.
     * NULL: the protocol has none. */
    int (*encode)(const jd_link_set *set, const jd_peer *peer, jd_str device, const jd_jval *command, uint16_t serial,
                  jd_time now, jd_buf *out, jd_err *err);
} jd_protocol;

extern const jd_protocol jd_hj212, jd_jt808, jd_gb32960, jd_sl651, jd_modbus, jd_ais, jd_mqtt;
/* By name; NULL when there is none. */
const jd_protocol *jd_protocol_find(jd_str name);
const jd_protocol *jd_protocol_at(size_t i); /* NULL behind the last */

/* As it may be shown: a copy in the arena with asterisks for passwords. p NULL: it is not known of which protocol. */
jd_str jd_frame_shown(const jd_protocol *p, jd_str bytes, jd_arena *a);
/* The same for what decode() read: asterisks for the values of secret fields. */
void jd_fields_shown(jd_jval *fields);
/* A protocol's number, 0 for NULL, and back. */
unsigned jd_protocol_no(const jd_protocol *p);
const jd_protocol *jd_protocol_of(unsigned no);

/* A lapse that was forgiven. Both texts take the same arguments. */
void jd_frame_fault(jd_frame *f, jd_arena *a, const char *en, const char *zh, ...)
    __attribute__((format(printf, 3, 5), format(printf, 4, 5)));
/* A fault when set->field, else the frame is refused. 0 or -1. */
int jd_frame_lapse(const jd_link_set *set, jd_frame *f, jd_arena *a, jd_err *err, const char *en, const char *zh, ...)
    __attribute__((format(printf, 5, 7), format(printf, 6, 7)));
/* Adds what another frame found. */
void jd_frame_faults_of(jd_frame *f, jd_arena *a, const jd_frame *other);
#endif

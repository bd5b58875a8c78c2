/* link/links.h - the city's links: listeners and dialled lines that devices speak on, as declared (docs/links.md).
 *
 * A link is a JSON document: a protocol, an address, and mappings from what frames say to attributes. Frames become
 * readings of entities; a device is answered only when its frame is durable. What cannot be read is set aside with its
 * reason; who is not known becomes a device in state "new". Declarations are documents of the default tenant.
 * Threads: the links have their own; everything here may be called from any thread. */
#ifndef JD_LINK_LINKS_H
#define JD_LINK_LINKS_H
#include "engine/engine.h"
#include "model/context.h"

typedef struct jd_links jd_links;
typedef struct jd_links_opts {
    jd_engine *engine;
    jd_contexts *contexts;
    struct jd_tables *tables; /* for links of the protocol "tables"; NULL: there are none */
    unsigned threads;         /* 0: half the cores, at least 2, at most 4 */
    uint32_t batch_frames;    /* frames of one job; 0: 1,024 */
    uint32_t gather_ms;       /* a job follows the one before it so much later, unless it is full; 0: at once */
    uint32_t batches_max;     /* jobs in flight a thread; beyond, senders wait; 0: 4 */
    size_t ring_bytes;        /* raw frames kept a device; 0: 4 KiB */
    size_t rings_bytes_max;   /* of all devices together; 0: 64 MiB */
    uint32_t quarantine_max;  /* frames set aside a link, in memory; 0: 1,000 */
    uint32_t connections_max; /* of all links, a thread; 0: 20,000 */
} jd_links_opts;

/* Starts the threads and opens every link that is declared; one that does not open says why in its state. */
int jd_links_start(jd_links **out, const jd_links_opts *opts, jd_err *err);
/* Reads no more: what was read goes on to the writer. Before the engine is drained. */
void jd_links_quiet(jd_links *l);
/* Behind the drain: the last answers leave, connections close, threads end. Frees l (NULL is fine). */
void jd_links_stop(jd_links *l);

/* ---- declarations ---- */
/* Checks a declaration and opens what it needs (its address). *ready is handed to jd_links_apply once its document is
 * durable, or to jd_links_forget. JD_E_BAD_REQUEST_DATA with the member's path; JD_E_CONFLICT: the address is taken. */
typedef struct jd_link_ready jd_link_ready;
int jd_links_prepare(jd_links *l, jd_str name, const jd_jval *v, jd_link_ready **ready, jd_err *err);
/* The same for declarations that are written together with others (packs). */
typedef struct jd_links_coming {
    const jd_str *mappings; /* that will be there when it is applied */
    const jd_str *gone;     /* links that will be removed before: their addresses may be taken over */
    size_t mappings_n, gone_n;
} jd_links_coming;
int jd_links_prepare_with(jd_links *l, jd_str name, const jd_jval *v, const jd_links_coming *coming,
                          jd_link_ready **ready, jd_err *err);
/* Checks a declaration without opening anything, and without the links themselves: its members, names, mappings. */
int jd_link_check(jd_engine *engine, jd_contexts *contexts, jd_str name, const jd_jval *v,
                  const jd_links_coming *coming, jd_err *err);
void jd_links_apply(jd_links *l, jd_link_ready *ready);
void jd_links_forget(jd_link_ready *ready);
void jd_links_remove(jd_links *l, jd_str name); /* its connections close */

/* ---- what is to be seen, as JSON ---- */
void jd_links_list(jd_links *l, jd_buf *out);             /* an array: name, protocol, state, counters */
int jd_links_show(jd_links *l, jd_str name, jd_buf *out); /* 0: there is no such link */
int jd_links_quarantine(jd_links *l, jd_str name, uint32_t limit, int zh, jd_buf *out); /* newest first */
/* Devices of a link (p NULL: of all), in state `state`, of that entity (p NULL: any). */
void jd_devices_list(jd_links *l, jd_str link, jd_str state, jd_str entity, uint64_t offset, uint64_t limit,
                     uint64_t *total, jd_buf *out);
/* One device: health, and its last frames as hex beside their meaning. 0: there is none. */
int jd_devices_show(jd_links *l, jd_str link, jd_str id, int zh, jd_buf *out);
void jd_links_metrics(jd_links *l, jd_buf *out); /* Prometheus text */

/* ---- claiming ---- */
/* The entity that a device's readings go to; in the arena; p NULL: no such device, or it has told nothing yet. */
jd_str jd_device_entity(jd_links *l, jd_str link, jd_str id, jd_arena *a);
/* The document to be written for a device whose state changes ("claimed"); in the arena. */
jd_str jd_device_document(jd_links *l, jd_str link, jd_str id, const char *state, jd_arena *a);
void jd_device_set_state(jd_links *l, jd_str link, jd_str id, const char *state); /* behind that write */
/* ---- commands down (docs/links.md): checked, kept as "sent", then sent and watched ---- */
int jd_links_command_check(jd_links *l, jd_str link, jd_str id, const jd_jval *command, jd_err *err);
int jd_links_command_write(jd_links *l, jd_str link, jd_str entity, const jd_jval *command, jd_time at, jd_arena *a,
                           jd_write *w, jd_err *err);
/* Behind that write; text: the command as JSON. */
void jd_links_command(jd_links *l, jd_str link, jd_str id, jd_str entity, jd_str text, jd_time at, uint32_t timeout_s);

jd_str jd_link_tenant(jd_links *l, jd_str link, jd_arena *a); /* empty: the default one */
jd_context *jd_link_context(jd_links *l, jd_str link);        /* counted; NULL: no such link */
#endif

/* Lines on which we ask (Modbus): the reads of a register map one after the other, one outstanding at a time; what a
 * round told is one row, as if the device had sent it by itself. */
#include "link/links_int.h"

#include "link/points.h"

#include <stdlib.h>

enum { TIMEOUTS_MAX = 3 }; /* in a row: the line is dialled anew */

struct link_poll {
    link_conn *conn;
    uv_timer_t timer;
    const jd_ask *plan;
    size_t plan_n, at;
    int waiting;      /* for an answer */
    uint16_t serial;  /* of the question that is out */
    uint64_t next_ms; /* when the next round begins */
    unsigned timeouts;
    uint32_t failed; /* asks of this round without values */
    jd_arena arena;  /* the round's row */
    jd_fields row;
};

static void on_timer(uv_timer_t *t);

static int send_read(link_poll *p, jd_err *err) {
    link_conn *c = p->conn;
    const link_decl *d = c->port->decl;
    const jd_ask *ask = &p->plan[p->at];
    jd_arena a;
    jd_arena_init(&a);
    jd_fields f = jd_fields_new(&a);
    jd_put_z(&f, "command", "read");
    jd_put(&f, "unit", jd_jint(ask->unit));
    jd_put(&f, "function", jd_jint(ask->function));
    jd_put(&f, "start", jd_jint(ask->start));
    jd_put(&f, "count", jd_jint(ask->count));
    jd_jval command = jd_fields_end(&f);
    p->serial = link_next_serial(c->port->loop);
    int rc = d->protocol->encode(&d->set, &c->peer, (jd_str){"", 0}, &command, p->serial, jd_now(), &c->out, err);
    c->peer.serial = (uint16_t)(p->serial + 1); /* frames of RTU name no serial: they answer the one before this */
    jd_arena_fini(&a);
    link_answered(c);
    return rc;
}

/* The next question of the round; behind the last the round is over. 1: it is. */
static int ask_next(link_poll *p) {
    link_loop *loop = p->conn->port->loop;
    jd_err err = {0};
    p->waiting = 0;
    if (p->at < p->plan_n && !send_read(p, &err)) {
        p->waiting = 1;
        uv_timer_start(&p->timer, on_timer, jd_points_timeout_ms(p->conn->port->decl->points), 0);
        return 0;
    }
    uint64_t now = uv_now(&loop->uv), every = jd_points_every_ms(p->conn->port->decl->points);
    p->next_ms = p->next_ms + every > now ? p->next_ms + every : now + every; /* late rounds are not made up for */
    uv_timer_start(&p->timer, on_timer, p->next_ms - now, 0);
    return 1;
}

static void begin_round(link_poll *p) {
    jd_arena_reset(&p->arena);
    p->row = jd_fields_new(&p->arena);
    p->at = 0;
    p->failed = 0;
    p->next_ms = uv_now(&p->conn->port->loop->uv);
    (void)ask_next(p);
}

static void on_timer(uv_timer_t *t) {
    link_poll *p = t->data;
    link_conn *c = p->conn;
    if (!p->waiting) {
        begin_round(p);
        link_flush(c);
        return;
    }
    jd_err why = {0};
    jd_fail(&why, JD_E_BUSY, "no answer of unit %u to function %u at %u", "单元 %u 对功能 %u（起始 %u）没有应答",
            p->plan[p->at].unit, p->plan[p->at].function, p->plan[p->at].start);
    atomic_fetch_add(&c->port->counts->bad, 1);
    quarantine_add(c->port->set_aside, c->port->decl->poll_device, c->from, (jd_str){"", 0}, NULL, &why);
    c->in.n = 0; /* what comes late must not be taken for the next answer */
    if (++p->timeouts >= TIMEOUTS_MAX) {
        link_conn_drop(c);
        return;
    }
    p->failed++;
    p->at++;
    (void)ask_next(p);
    link_flush(c);
}

void link_poll_begin(link_conn *c) {
    link_poll *p = jd_xcalloc(1, sizeof *p);
    p->conn = c;
    p->plan_n = jd_points_plan(c->port->decl->points, &p->plan);
    jd_arena_init(&p->arena);
    uv_timer_init(&c->port->loop->uv, &p->timer);
    p->timer.data = p;
    c->poll = p;
    begin_round(p);
}

static void on_closed(uv_handle_t *h) {
    link_poll *p = h->data;
    jd_arena_fini(&p->arena);
    free(p);
}

void link_poll_end(link_conn *c) {
    if (!c->poll) return;
    uv_close((uv_handle_t *)&c->poll->timer, on_closed);
    c->poll = NULL;
}

/* A row that has no time of its own is of now. */
static void stamp(jd_fields *row) {
    char text[JD_TIME_TEXT_MAX];
    size_t n = jd_time_print(jd_now(), 3, text);
    jd_put_str(row, "time", jd_arena_dup(row->a, (jd_str){text, n}));
}

int link_poll_answer(link_conn *c, jd_frame *f, int refused, jd_err *err) {
    link_poll *p = c->poll;
    if (!p->waiting || f->answers != p->serial) return 0;
    uv_timer_stop(&p->timer);
    p->timeouts = 0;
    if (refused || jd_points_read(c->port->decl->points, &p->plan[p->at], f->payload, &p->arena, &p->row, err))
        p->failed++;
    p->at++;
    if (!ask_next(p)) return 0;
    if (p->failed == p->plan_n) return 0; /* nothing was told */
    stamp(&p->row);
    if (p->failed) jd_put_int(&p->row, "failed", p->failed);
    f->rows = jd_arena_alloc(p->row.a, sizeof *f->rows);
    *f->rows = jd_fields_end(&p->row);
    f->rows_n = 1;
    return 1;
}

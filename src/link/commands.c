/* Commands down to devices: sent on the line on which a device spoke last, and watched until it answers.
 *
 * What was asked and what became of it is the attribute `command` of the device's entity: its value the command, its
 * observedAt when it was asked, its sub-attribute `status` one of "sent", "acknowledged", "refused", "timedOut",
 * "notConnected". The same instance is told again with another status, so history keeps both, each with its time. */
#include "link/links_int.h"

#include "engine/history.h"
#include "link/points.h"

#include <stdlib.h>

struct link_command {
    struct link_command *next;
    link_decl *decl;
    link_device *device;
    jd_arena arena;
    jd_str id, entity, text; /* of the device; its entity; the command as JSON */
    jd_jval value;
    jd_time at;
    uint16_t serial;
    uint64_t line; /* the connection that it went out on */
    uint64_t until_ms;
    const char *status; /* what became of it */
};

static jd_attr attribute(jd_sym name, jd_kind kind, jd_jval value) {
    return (jd_attr){.name = name,
                     .kind = kind,
                     .observed = JD_TIME_NONE,
                     .expires = JD_TIME_NONE,
                     .created = JD_TIME_NONE,
                     .modified = JD_TIME_NONE,
                     .value = value,
                     .has_value = 1};
}

/* Whoever may read the entity need not know the station's password. */
static jd_jval without_password(const jd_jval *command, jd_arena *a) {
    jd_jval out = *command;
    if (out.type != JD_JOBJ || !jd_jget(command, "password")) return out;
    out.members = JD_NEWN(a, jd_jmember, out.n);
    memcpy(out.members, command->members, out.n * sizeof *out.members);
    for (uint32_t i = 0; i < out.n; i++)
        if (jd_str_is(out.members[i].name, "password")) out.members[i].val = jd_jmake_str(JD_STR("***"));
    return out;
}

int link_command_write(jd_engine *e, const link_decl *d, jd_str entity, const jd_jval *value, jd_time at,
                       const char *status, jd_arena *a, jd_write *w, jd_err *err) {
    jd_symtab *symbols = jd_engine_symbols(e);
    jd_sym name = jd_sym_intern(symbols, jd_ctx_expand(d->ctx, a, JD_STR("command")), err);
    jd_sym sub = jd_sym_intern(symbols, jd_ctx_expand(d->ctx, a, JD_STR("status")), err);
    if (!name || !sub) return -1;
    jd_attr *attr = JD_NEW(a, jd_attr), *with = JD_NEW(a, jd_attr);
    jd_jval open = without_password(value, a);
    *with = attribute(sub, JD_PROPERTY, jd_jmake_str(jd_str_of(status)));
    *attr = attribute(name, JD_JSONPROPERTY, open);
    attr->observed = at;
    attr->observed_digits = 3;
    attr->subs = with;
    attr->subs_n = 1;
    jd_told t = {.id = entity, .attrs = attr, .attrs_n = 1};
    return jd_observe_readings(e, &t, a, w, err);
}

/* A command that names a point of the register map ({"point": NAME, "value": V}) is first made one on registers. */
static int encode(const link_decl *d, const jd_peer *peer, jd_str id, const jd_jval *command, uint16_t serial,
                  jd_arena *a, jd_buf *out, jd_err *err) {
    const jd_jval *point = jd_jget(command, "point"), *value = jd_jget(command, "value");
    jd_jval on_registers;
    if (d->points && point && point->type == JD_JSTR && value) {
        if (jd_points_write(d->points, jd_jstr(point), value, a, &on_registers, err)) return -1;
        command = &on_registers;
    }
    return d->protocol->encode(&d->set, peer, id, command, serial, jd_now(), out, err);
}

/* ---- on the loop's thread ---- */

void link_command_free(link_command *c) {
    link_decl_unref(c->decl);
    jd_arena_fini(&c->arena);
    free(c);
}

link_command *link_command_next(const link_command *c) {
    return c->next;
}

/* Told at the end of the turn: now a frame may be half in the batch. */
static void settle(link_loop *loop, link_command *c, const char *status) {
    c->status = status;
    c->next = loop->settled;
    loop->settled = c;
}

void link_commands_settle(link_loop *loop) {
    while (loop->settled) {
        link_command *c = loop->settled;
        link_batch *b = link_batch_room(loop, c->decl->tenant, 1);
        jd_err err = {0};
        jd_jval value;
        if (!b) return; /* full: in a later turn */
        loop->settled = c->next;
        jd_write *w = &b->job.writes[b->job.n];
        jd_str entity = jd_arena_dup(&b->arena, c->entity), text = jd_arena_dup(&b->arena, c->text);
        if (!jd_json_parse(&b->arena, text, NULL, &value, &err) &&
            !link_command_write(loop->links->o.engine, c->decl, entity, &value, c->at, c->status, &b->arena, w, &err))
            b->job.n++;
        link_command_free(c);
    }
}

void link_command_send(link_loop *loop, link_command *c) {
    uint64_t line = registry_line(loop->links->devices, c->device, NULL);
    jd_err err = {0};
    for (link_port *p = loop->ports; p; p = p->next)
        for (link_conn *conn = p->conns; conn; conn = conn->next) {
            if (conn->id != line) continue;
            c->serial = link_next_serial(loop);
            if (encode(p->decl, &conn->peer, c->id, &c->value, c->serial, &c->arena, &conn->out, &err)) {
                settle(loop, c, "refused");
                return;
            }
            conn->peer.serial =
                (uint16_t)(c->serial + 1); /* where answers name no serial, they name the last message */
            link_answered(conn);
            c->line = line;
            c->until_ms += uv_now(&loop->uv);
            c->next = loop->commands;
            loop->commands = c;
            return;
        }
    settle(loop, c, "notConnected");
}

void link_command_answered(const link_conn *on, const link_device *dev, int64_t serial, int ok) {
    link_loop *loop = on->port->loop;
    for (link_command **at = &loop->commands; *at; at = &(*at)->next) {
        link_command *c = *at;
        unsigned serials = c->decl->protocol->serials ? c->decl->protocol->serials : 1u << 16;
        if (dev ? c->device != dev : c->line != on->id) continue;
        if (c->serial % serials != (uint64_t)serial % serials) continue;
        *at = c->next;
        settle(loop, c, ok ? "acknowledged" : "refused");
        return;
    }
}

void link_commands_tick(link_loop *loop) {
    link_command *all = loop->commands;
    loop->commands = NULL;
    while (all) {
        link_command *c = all;
        all = c->next;
        if (c->until_ms <= uv_now(&loop->uv)) {
            settle(loop, c, "timedOut");
        } else {
            c->next = loop->commands;
            loop->commands = c;
        }
    }
}

/* ---- from outside ---- */

int jd_links_command_check(jd_links *l, jd_str link, jd_str id, const jd_jval *command, jd_err *err) {
    link_decl *d = link_decl_of(l, link);
    link_device *dev = registry_find(l->devices, link, id);
    jd_buf trial = {0};
    jd_arena a;
    int rc = 0;
    jd_arena_init(&a);
    if (!d || !dev)
        rc = jd_fail(err, JD_E_NOT_FOUND, "link %.*s has no device %.*s", "链路 %.*s 没有设备 %.*s", JD_STR_ARG(link),
                     JD_STR_ARG(id));
    else if (!d->protocol->encode)
        rc = jd_fail(err, JD_E_NOT_SUPPORTED, "%s has no commands", "%s 不支持下行命令", d->protocol->name);
    else if (!registry_line(l->devices, dev, NULL))
        rc = jd_fail(err, JD_E_CONFLICT, "the device is not connected", "设备未连接");
    else
        rc = encode(d, &(jd_peer){0}, id, command, 1, &a, &trial, err);
    jd_buf_fini(&trial);
    jd_arena_fini(&a);
    link_decl_unref(d);
    return rc;
}

int jd_links_command_write(jd_links *l, jd_str link, jd_str entity, const jd_jval *command, jd_time at, jd_arena *a,
                           jd_write *w, jd_err *err) {
    link_decl *d = link_decl_of(l, link);
    int rc = d ? link_command_write(l->o.engine, d, entity, command, at, "sent", a, w, err)
               : jd_fail(err, JD_E_NOT_FOUND, "there is no link %.*s", "没有链路 %.*s", JD_STR_ARG(link));
    link_decl_unref(d);
    return rc;
}

void jd_links_command(jd_links *l, jd_str link, jd_str id, jd_str entity, jd_str text, jd_time at, uint32_t timeout_s) {
    link_decl *d = link_decl_of(l, link);
    link_device *dev = registry_find(l->devices, link, id);
    jd_err err = {0};
    if (!d || !dev) {
        link_decl_unref(d);
        return;
    }
    link_command *c = jd_xcalloc(1, sizeof *c);
    jd_arena_init(&c->arena);
    *c = (link_command){.decl = d, .device = dev, .arena = c->arena, .at = at, .until_ms = (uint64_t)timeout_s * 1000};
    c->id = jd_arena_dup(&c->arena, id);
    c->entity = jd_arena_dup(&c->arena, entity);
    c->text = jd_arena_dup(&c->arena, text);
    unsigned loop = 0;
    registry_line(l->devices, dev, &loop);
    if (jd_json_parse(&c->arena, c->text, NULL, &c->value, &err) || loop >= l->loops_n) {
        link_command_free(c);
        return;
    }
    link_order_send(&l->loops[loop], (link_order){.what = LINK_COMMAND, .command = c});
}

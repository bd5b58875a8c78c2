#include "link/protocol.h"

static const jd_protocol *const all[] = {&jd_hj212, &jd_jt808, &jd_gb32960, &jd_sl651, &jd_modbus, &jd_ais, &jd_mqtt};

const jd_protocol *jd_protocol_at(size_t i) {
    return i < sizeof all / sizeof *all ? all[i] : NULL;
}

const jd_protocol *jd_protocol_find(jd_str name) {
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (jd_str_is(name, all[i]->name)) return all[i];
    return NULL;
}

unsigned jd_protocol_no(const jd_protocol *p) {
    unsigned no = sizeof all / sizeof *all;
    while (no && all[no - 1] != p) no--;
    return no;
}

const jd_protocol *jd_protocol_of(unsigned no) {
    return no && no <= sizeof all / sizeof *all ? all[no - 1] : NULL;
}

jd_str jd_frame_shown(const jd_protocol *p, jd_str bytes, jd_arena *a) {
    jd_str shown = jd_arena_dup(a, bytes);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]->conceal && (!p || p == all[i])) all[i]->conceal((char *)(uintptr_t)shown.p, shown.n);
    return shown;
}

/* A value that is no text has its name with "_hex". */
static int is_secret(jd_str name) {
    static const char *const names[] = {"PW", "password", "auth_code"};
    if (name.n > 4 && !memcmp(name.p + name.n - 4, "_hex", 4)) name.n -= 4;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (jd_str_is(name, names[k])) return 1;
    return 0;
}

/* SL 651, annex D: among a station's settings the one of guide 03 is its password. */
static void settings_shown(jd_jval *list) {
    for (size_t i = 0; list->type == JD_JARR && i < list->n; i++) {
        const jd_jval *one = &list->items[i], *guide = jd_jget(one, "guide");
        if (!guide || !jd_jis(guide, "03")) continue;
        for (size_t k = 0; k < one->n; k++)
            if (&one->members[k].val != guide) one->members[k].val = jd_jmake_str(JD_STR("***"));
    }
}

/* Functions of SL 651 whose bodies hold settings. */
static int has_settings(const jd_jval *fields) {
    const jd_jval *func = jd_jget(fields, "func");
    return func && (jd_jis(func, "40") || jd_jis(func, "41") || jd_jis(func, "49"));
}

void jd_fields_shown(jd_jval *fields) {
    int settings = has_settings(fields);
    for (size_t i = 0; fields->type == JD_JOBJ && i < fields->n; i++) {
        jd_jmember *m = &fields->members[i];
        if (is_secret(m->name) || (settings && jd_str_is(m->name, "body_hex"))) m->val = jd_jmake_str(JD_STR("***"));
        if (jd_str_is(m->name, "params")) settings_shown(&m->val);
    }
}

/* Most frames have none, so that the list is made with the first. */
static void add(jd_frame *f, jd_arena *a, jd_fault fault) {
    if (f->faults_n == JD_FAULTS_MAX) return;
    if (!f->faults) f->faults = jd_arena_alloc(a, JD_FAULTS_MAX * sizeof *f->faults);
    f->faults[f->faults_n++] = fault;
}

static void add_fault(jd_frame *f, jd_arena *a, const jd_err *e) {
    add(f, a, (jd_fault){jd_arena_dup(a, jd_str_of(e->en)), jd_arena_dup(a, jd_str_of(e->zh))});
}

void jd_frame_faults_of(jd_frame *f, jd_arena *a, const jd_frame *other) {
    for (size_t i = 0; i < other->faults_n; i++) add(f, a, other->faults[i]);
}

void jd_frame_fault(jd_frame *f, jd_arena *a, const char *en, const char *zh, ...) {
    jd_err e = {0};
    va_list args;
    va_start(args, zh);
    jd_failv(&e, JD_E_BAD_REQUEST_DATA, en, zh, args);
    va_end(args);
    add_fault(f, a, &e);
}

int jd_frame_lapse(const jd_link_set *set, jd_frame *f, jd_arena *a, jd_err *err, const char *en, const char *zh, ...) {
    jd_err e = {0};
    va_list args;
    va_start(args, zh);
    jd_failv(&e, JD_E_BAD_REQUEST_DATA, en, zh, args);
    va_end(args);
    if (set->field)
        add_fault(f, a, &e);
    else
        *err = e;
    return set->field ? 0 : -1;
}

/* Why was (not) told: which condition fails, what became of each try, what lies dead. */
#include "told/told_int.h"

void jd_sub_explain(jd_told_room *r, int tenant, jd_str id, const jd_doc *d, int zh, jd_buf *out) {
    static const char *const words[][2] = {
        {"it is paused or expired", "订阅已暂停或过期"},
        {"the entity is none of those selected", "实体不在所选范围内"},
        {"it has none of the watched attributes", "没有所关注的属性"},
        {"scopeQ does not hold", "scopeQ 不成立"},
        {"geoQ does not hold", "geoQ 不成立"},
        {"q does not hold", "q 不成立"},
    };
    sub_condition why = COND_ACTIVE;
    sub *s = told_find(r, tenant, id);
    if (!s) return;
    sub *anew;
    jd_err err = {0};
    if (s->names_open && !sub_compile(r, tenant, s->id, s->body, &anew, &err)) { /* names learnt since */
        sub_unref(s);
        s = anew;
    }
    sub as_if; /* as if the entity came now, whatever triggers it */
    memcpy(&as_if, s, sizeof as_if);
    as_if.triggers = SUB_ENTITY_CREATED;
    int yes = sub_matches(&as_if, NULL, d, jd_now(), r->o.engine, &why);
    jd_buf_printf(out, "{\"matches\":%s", yes ? "true" : "false");
    if (!yes) {
        jd_buf_z(out, ",\"because\":");
        jd_json_write_str(out, jd_str_of(words[why][zh != 0]));
    }
    jd_buf_c(out, '}');
    sub_unref(s);
}

int jd_sub_attempts(jd_told_room *r, int tenant, jd_str id, jd_buf *out) {
    sub *s = told_find(r, tenant, id);
    if (!s) return 0;
    jd_buf_z(out, "{\"attempts\":[");
    pthread_mutex_lock(&r->lock);
    const sub_state *st = s->state;
    uint32_t n = st->attempts < ATTEMPTS ? st->attempts : ATTEMPTS;
    for (uint32_t i = 0; i < n; i++) {
        const attempt *a = &st->attempt[(st->attempts - 1 - i) % ATTEMPTS];
        char text[JD_TIME_TEXT_MAX];
        size_t k = jd_time_print(a->at, 3, text);
        jd_buf_printf(out, "%s{\"at\":\"%.*s\",\"notification\":\"%s\",\"status\":%d,\"answerMs\":%u", i ? "," : "",
                      (int)k, text, a->id, a->status, a->ms);
        if (*a->why) {
            jd_buf_z(out, ",\"why\":");
            jd_json_write_str(out, jd_str_of(a->why));
        }
        jd_buf_c(out, '}');
    }
    jd_buf_printf(out, "],\"gathered\":%u,\"gatheredLost\":%llu,", st->gathered_n,
                  (unsigned long long)st->gathered_lost);
    pthread_mutex_unlock(&r->lock);
    deliveries_show(r->out, s, out);
    jd_buf_c(out, '}');
    sub_unref(s);
    return 1;
}

int64_t jd_sub_resend(jd_told_room *r, int tenant, jd_str id) {
    sub *s = told_find(r, tenant, id);
    if (!s) return -1;
    size_t n = deliveries_resend(r->out, s);
    sub_unref(s);
    return (int64_t)n;
}

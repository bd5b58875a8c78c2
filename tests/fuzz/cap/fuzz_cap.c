/* CAP messages from anybody. Beyond not falling over: a refusal has its place and its words in both languages, and
 * leaves what it was given untouched; what is taken keeps the rules that others rely on, and written it reads the same
 * again. */
#include "json/json.h"
#include "rule/cap.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(what)                                                                    \
    do {                                                                              \
        if (!(what)) {                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what); \
            abort();                                                                  \
        }                                                                             \
    } while (0)

static void refused(const jd_err *err) {
    MUST(err->code == JD_E_BAD_REQUEST_DATA || err->code == JD_E_TOO_LARGE);
    MUST(err->en[0] && err->zh[0] && (err->place[0] || err->code == JD_E_TOO_LARGE));
    MUST(jd_utf8_bad(err->en, strlen(err->en)) == strlen(err->en));
    MUST(jd_utf8_bad(err->zh, strlen(err->zh)) == strlen(err->zh));
}

static void taken(const jd_cap *c) {
    MUST(c->identifier.n && c->sender.n && c->sent != JD_TIME_NONE && c->status.n && c->msg_type.n && c->scope.n);
    MUST(c->infos_n <= JD_CAP_INFOS_MAX);
    for (size_t i = 0; i < c->infos_n; i++) {
        const jd_cap_info *info = &c->infos[i];
        MUST(info->categories_n && info->event.n && info->urgency.n && info->severity.n && info->certainty.n);
        MUST(info->areas_n <= JD_CAP_AREAS_MAX);
        for (size_t k = 0; k < info->areas_n; k++) MUST(info->areas[k].desc.n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    jd_arena a;
    jd_err err = {0};
    jd_cap c, again;
    jd_buf first = {0}, second = {0};
    jd_arena_init(&a);
    if (jd_cap_read((jd_str){(const char *)data, size}, &a, &c, &err)) {
        refused(&err);
    } else {
        taken(&c);
        jd_cap_write(&c, &first);
        MUST(jd_utf8_bad(first.p, first.n) == first.n);
        if (first.n <= JD_CAP_BYTES_MAX) {
            MUST(!jd_cap_read(jd_buf_view(&first), &a, &again, &err));
            jd_cap_write(&again, &second);
            MUST(jd_str_eq(jd_buf_view(&first), jd_buf_view(&second)));
        }
    }
    jd_buf_fini(&first);
    jd_buf_fini(&second);
    jd_arena_fini(&a);
    return 0;
}

/* Any bytes: the parser refuses them with a reason and a place, or its tree, printed and parsed again, is the same tree
 * and prints the same text. */
#include "json/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth) {
    if (!truth) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    jd_arena a;
    jd_jval first, second;
    jd_err err = {0};
    jd_arena_init(&a);
    if (jd_json_parse(&a, (jd_str){(const char *)data, size}, NULL, &first, &err)) {
        must(err.code == JD_E_INVALID_REQUEST && err.en[0] && err.zh[0]);
        must(strncmp(err.place, "line ", 5) == 0);
        jd_buf detail = {0}; /* a reason is UTF-8, so it is a JSON string */
        jd_json_write_str(&detail, jd_str_of(err.zh));
        must(jd_json_parse(&a, jd_buf_view(&detail), NULL, &second, &err) == 0);
        jd_buf_fini(&detail);
    } else {
        jd_buf once = {0}, twice = {0};
        jd_json_write(&once, &first);
        must(once.n <= size * 6); /* the longest escape of one byte */
        must(jd_json_parse(&a, jd_buf_view(&once), NULL, &second, &err) == 0);
        must(jd_jequal(&first, &second) && jd_jequal(&second, &first));
        jd_json_write(&twice, &second);
        must(jd_str_eq(jd_buf_view(&once), jd_buf_view(&twice)));
        if (first.type == JD_JOBJ) {
            for (uint32_t i = 0; i < first.n && i < 100; i++)
                must(jd_jget_str(&first, first.members[i].name) == &first.members[i].val);
        }
        jd_buf_fini(&once);
        jd_buf_fini(&twice);
    }
    jd_arena_fini(&a);
    return 0;
}

/* The file of `serve --console`: read whole and checked before anything is begun. */
#include "cmd/cmd.h"
#include "pack/pack.h"

#include <stdlib.h>

int cmd_console_read(const char *path, jd_arena *a, jd_str *out) {
    jd_buf file = {0};
    jd_err err = {0};
    jd_jval v;
    if (cmd_file_read(path, &file, &err)) {
        cmd_say_err(&err);
        jd_buf_fini(&file);
        return -1;
    }
    *out = jd_arena_dup(a, jd_buf_view(&file));
    jd_buf_fini(&file);
    jd_pack_faults *faults = jd_xcalloc(1, sizeof *faults);
    int rc = jd_console_check(jd_str_of(path), *out, a, &v, faults);
    for (size_t i = 0; i < faults->n; i++) {
        const jd_pack_fault *f = &faults->v[i];
        jd_str why = cmd_zh() ? f->zh : f->en;
        cmd_say("%.*s:%u:%u: %.*s%s%.*s", "%.*s:%u:%u: %.*s%s%.*s", JD_STR_ARG(f->file), f->line, f->column,
                JD_STR_ARG(f->path), f->path.n ? ": " : "", JD_STR_ARG(why));
    }
    free(faults);
    return rc;
}

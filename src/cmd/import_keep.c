/* Rows that were refused, in the form of their table and with the reason, so that they can be mended and given again.
 */
#include "cmd/import_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { WRITE_BYTES = 64 << 10 };

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return !strcmp(path, "-") ? "stdin" : slash ? slash + 1 : path;
}

int import_keeper_init(import_keeper *k, const char *to, const char *const *tables, int n, jd_err *err) {
    struct stat st;
    *k = (import_keeper){.to = to};
    if (!to) return 0;
    k->folder = to[strlen(to) - 1] == '/' || (!stat(to, &st) && S_ISDIR(st.st_mode));
    if (!k->folder && n > 1)
        return jd_fail(err, JD_E_INVALID_REQUEST,
                       "--refused: of several tables the rows go into a folder, one file each: %s/",
                       "--refused：多个表的被拒绝行写入目录，每表一个文件：%s/", to);
    for (int i = 0; k->folder && i < n; i++)
        for (int j = 0; j < i; j++)
            if (!strcmp(base_name(tables[i]), base_name(tables[j])))
                return jd_fail(err, JD_E_INVALID_REQUEST, "--refused: two tables have the name %s",
                               "--refused：两个表同名：%s", base_name(tables[i]));
    return 0;
}

static int open_file(import_keeper *k, const char *name, const jd_refusal *r, jd_err *err) {
    jd_buf path = {0};
    jd_buf_z(&path, k->to);
    if (k->folder) {
        const char *base = base_name(name);
        size_t n = strlen(base);
        if (mkdir(k->to, 0777) && errno != EEXIST) {
            jd_buf_fini(&path);
            return jd_fail(err, JD_E_INVALID_REQUEST, "%s: %s", "%s：%s", k->to, strerror(errno));
        }
        if (n > 3 && !strcmp(base + n - 3, ".gz")) n -= 3; /* what is set aside is not packed */
        if (path.p[path.n - 1] != '/') jd_buf_c(&path, '/');
        jd_buf_add(&path, base, n);
    }
    jd_buf_c(&path, 0);
    int rc = cmd_out_open(&k->out, path.p, err);
    jd_buf_fini(&path);
    if (rc) return -1;
    k->open = 1;
    k->rows.n = k->tail.n = 0;
    jd_buf head = {0};
    jd_table_keep_head(r->table, &head);
    jd_table_encode(r->table, jd_buf_view(&head), &k->rows);
    head.n = 0;
    jd_table_keep_end(r->table, &head);
    jd_table_encode(r->table, jd_buf_view(&head), &k->tail);
    jd_buf_fini(&head);
    return 0;
}

static int write_out(import_keeper *k, size_t least, jd_err *err) {
    if (k->rows.n < least || !k->rows.n) return 0;
    size_t n = fwrite(k->rows.p, 1, k->rows.n, k->out.f);
    int whole = n == k->rows.n;
    k->rows.n = 0;
    if (whole) return 0;
    return jd_fail(err, errno == ENOSPC ? JD_E_STORAGE_FULL : JD_E_INVALID_REQUEST, "cannot write %s: %s",
                   "无法写入 %s：%s", k->to, strerror(errno));
}

int import_keeper_take(import_keeper *k, const char *name, const jd_refusal *r, jd_err *err) {
    if (!k->to) return 0;
    int first = !k->open;
    if (first && open_file(k, name, r, err)) return -1;
    jd_buf row = {0};
    jd_table_keep_row(r->table, r->row, first, jd_str_of(cmd_err_text(r->err)), &row);
    jd_table_encode(r->table, jd_buf_view(&row), &k->rows);
    jd_buf_fini(&row);
    k->kept++;
    return write_out(k, WRITE_BYTES, err);
}

int import_keeper_end(import_keeper *k, jd_err *err) {
    if (!k->open) return 0;
    jd_buf_str(&k->rows, jd_buf_view(&k->tail));
    if (write_out(k, 0, err) || cmd_out_commit(&k->out, err)) return -1;
    k->open = 0;
    return 0;
}

void import_keeper_fini(import_keeper *k) {
    if (k->open) cmd_out_abandon(&k->out);
    jd_buf_fini(&k->rows);
    jd_buf_fini(&k->tail);
}

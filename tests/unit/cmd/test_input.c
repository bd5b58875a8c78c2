/* The reader of NDJSON and JSON arrays, fed through pipes in every possible cut. */
#include "cmd/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

/* All records as "line:column:text;" and how it ended: "." or "! place". */
static char *all(cmd_reader *r) {
    jd_buf out = {0};
    cmd_record rec;
    jd_err err = {0};
    int got;
    while ((got = cmd_reader_next(r, &rec, &err)) > 0)
        jd_buf_printf(&out, "%llu:%llu:%.*s%s;", (unsigned long long)rec.line, (unsigned long long)rec.column,
                      (int)rec.text.n, rec.text.n ? rec.text.p : "", rec.too_long ? "too long" : "");
    if (got == 0)
        jd_buf_c(&out, '.');
    else
        jd_buf_printf(&out, "! %s", err.place);
    jd_buf_c(&out, 0);
    return jd_buf_take(&out, NULL);
}

static void expect_text(const char *text, const char *want) {
    cmd_reader r;
    cmd_reader_init_text(&r, jd_str_of(text));
    char *got = all(&r);
    assert_string_equal(got, want);
    free(got);
    cmd_reader_fini(&r);
}

/* The same through a pipe that gives a few bytes at a time. */
static void expect_cut(const char *text, size_t step, const char *want) {
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(fd[0]);
        for (size_t at = 0, n = strlen(text); at < n; at += step)
            if (write(fd[1], text + at, n - at < step ? n - at : step) < 0) _exit(1);
        _exit(0);
    }
    close(fd[1]);
    cmd_reader r;
    cmd_reader_init(&r, fd[0]);
    char *got = all(&r);
    assert_string_equal(got, want);
    free(got);
    cmd_reader_fini(&r);
    close(fd[0]);
}

static const struct {
    const char *text, *want;
} cases[] = {
    {"", "."},
    {"\n \r\n", "."},
    {"{\"a\":1}\n{\"b\":2}", "1:1:{\"a\":1};2:1:{\"b\":2};."},
    {"\xEF\xBB\xBF{\"a\":1}\n", "1:1:{\"a\":1};."},
    {"{\"a\":1}\r\n\n\n  {\"b\":2}\n", "1:1:{\"a\":1}\r;4:3:{\"b\":2};."},
    {"{broken\n{\"b\":2}\n", "1:1:{broken;2:1:{\"b\":2};."},
    {"[]", "."},
    {" [ ] \n", "."},
    {"[{\"a\":1},{\"b\":[{}]}]", "1:2:{\"a\":1};1:10:{\"b\":[{}]};."},
    {"[\n {\"a\":\"]}\\\"\"},\n\n {\"b\":\n2}]\n", "2:2:{\"a\":\"]}\\\"\"};4:2:{\"b\":\n2};."},
    {"[{\"\xE6\xB4\xA5\":1} , {}]", "1:2:{\"\xE6\xB4\xA5\":1};1:12:{};."},
    {"[{} {}]", "1:2:{};! line 1 column 5"},
    {"[{},]", "1:2:{};! line 1 column 5"},
    {"[1]", "! line 1 column 2"},
    {"[{}", "1:2:{};! line 1 column 4"},
    {"[{\"a\":{}", "! line 1 column 2"},
    {"[{}]x", "1:2:{};! line 1 column 5"},
};

static void test_forms(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_text(cases[i].text, cases[i].want);
        for (size_t step = 1; step < 4; step++) expect_cut(cases[i].text, step, cases[i].want);
    }
}

static void test_long_line_is_passed_over(void **state) {
    (void)state;
    jd_buf b = {0};
    jd_buf_z(&b, "{\"a\":1}\n");
    size_t n = CMD_RECORD_MAX + 10;
    memset(jd_buf_room(&b, n), 'x', n);
    b.n += n;
    jd_buf_z(&b, "\n{\"b\":2}\n");
    cmd_reader r;
    cmd_reader_init_text(&r, jd_buf_view(&b));
    char *got = all(&r);
    assert_string_equal(got, "1:1:{\"a\":1};2:1:too long;3:1:{\"b\":2};.");
    free(got);
    cmd_reader_fini(&r);
    jd_buf_fini(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_long_line_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

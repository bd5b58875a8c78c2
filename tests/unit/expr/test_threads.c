/* One program, several threads at once: all see the same, also what is prepared when it is compiled (patterns, zones,
 * areas). Under TSan this is a test of more than its values. */
#include "expr_test.h"

#include <pthread.h>

enum { THREADS = 4, ROUNDS = 3000 };

static jd_expr *program;
static jd_xtpl *letter;

static int by_user(void *user, uint32_t number, jd_xval *out, jd_err *err) {
    (void)number, (void)err;
    *out = num(*(const double *)user);
    return 0;
}

static void *evaluates(void *wrong) {
    jd_arena a;
    jd_arena_init(&a);
    for (int i = 0; i < ROUNDS; i++) {
        double x = i % 20;
        jd_xhost host = {.user = &x, .arena = &a, .value = by_user, .now = at("2026-10-01T00:00:00Z") + i * 1000000LL};
        jd_xval v;
        jd_err err = {0};
        jd_buf b = {0}, expected = {0};
        int inside = x > 0 && x < 10;
        if (jd_expr_eval(program, &host, &v, &err) || v.type != JD_X_BOOL || v.yes != (inside && x != 5))
            ++*(int *)wrong;
        jd_xtpl_write(letter, &host, &b);
        jd_buf_printf(&expected, "%d.0 is %s", (int)x, inside ? "in" : "out");
        if (!jd_str_eq(jd_buf_view(&b), jd_buf_view(&expected))) ++*(int *)wrong;
        jd_buf_fini(&b);
        jd_buf_fini(&expected);
        jd_arena_reset(&a);
    }
    jd_arena_fini(&a);
    return NULL;
}

static void together(void **unused) {
    world w;
    pthread_t t[THREADS];
    int wrong[THREADS] = {0};
    (void)unused;
    world_open(&w);
#define AREA "geometry('{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[10,0],[10,10],[0,10],[0,0]]]}')"
    program = compiled(
        &w, "within(point(x, 5), " AREA ") and not matches(text(x), '^[5]|x$') and hour(now) == 8"
            " and within(geometry('{\"type\":\"LineString\",\"coordinates\":[[0,0],[9,9],[10,10]]}'), " AREA ")");
    assert_int_equal(jd_xtpl_compile(JD_STR("{x:1} is {within(point(x, 5), " AREA ") ? 'in' : 'out'}"), &w.resolver,
                                     &letter, &w.err),
                     0);
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&t[i], NULL, evaluates, &wrong[i]), 0);
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(t[i], NULL), 0);
    for (int i = 0; i < THREADS; i++) assert_int_equal(wrong[i], 0);
    jd_expr_free(program);
    jd_xtpl_free(letter);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(together)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

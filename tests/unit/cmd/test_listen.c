/* Addresses, and the datagram to the service manager. */
#include "cmd/listen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

static void test_addresses(void **state) {
    (void)state;
    static const struct {
        const char *text, *host;
        unsigned port;
        const char *url;
    } good[] = {
        {"127.0.0.1:8080", "127.0.0.1", 8080, "http://127.0.0.1:8080"},
        {"localhost:0", "localhost", 0, "http://localhost:0"},
        {"[::1]:65535", "::1", 65535, "http://[::1]:65535"},
    };
    static const char *const bad[] = {
        "",      ":80",   "localhost", "localhost:", "localhost:x", "localhost:65536", "::1:80",
        "[::1]", "[]:80", "[::1]x:80", "8080",       "a:-1",        "a:4294967376"};
    cmd_address a;
    jd_err err;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char url[300];
        assert_int_equal(cmd_address_parse(good[i].text, &a, &err), 0);
        assert_string_equal(a.host, good[i].host);
        assert_int_equal(a.port, good[i].port);
        cmd_address_url(&a, a.port, url, sizeof url);
        assert_string_equal(url, good[i].url);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(cmd_address_parse(bad[i], &a, &err), -1);
}

static int loopback(const char *host) {
    cmd_address a = {.port = 1};
    snprintf(a.host, sizeof a.host, "%s", host);
    return cmd_address_is_loopback(&a);
}

static void test_loopback(void **state) {
    (void)state;
    assert_int_equal(loopback("127.0.0.1"), 1);
    assert_int_equal(loopback("127.8.9.10"), 1);
    assert_int_equal(loopback("::1"), 1);
    assert_int_equal(loopback("::ffff:127.0.0.1"), 1);
    assert_int_equal(loopback("0.0.0.0"), 0);
    assert_int_equal(loopback("::"), 0);
    assert_int_equal(loopback("10.0.0.1"), 0);
    assert_int_equal(loopback("128.0.0.1"), 0);
    assert_int_equal(loopback("not a host"), -1);
}

static void expect_notice(struct sockaddr_un *to, socklen_t n, const char *name) {
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    char got[64] = {0};
    struct timeval wait = {.tv_sec = 10};
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)to, n), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setenv("NOTIFY_SOCKET", name, 1);
    cmd_notify("READY=1");
    assert_int_equal(recv(fd, got, sizeof got - 1, 0), 7);
    assert_string_equal(got, "READY=1");
    close(fd);
}

static void test_notify(void **state) {
    (void)state;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char dir[] = "/tmp/jindu-notify-XXXXXX", name[100];
    assert_non_null(mkdtemp(dir));
    snprintf(to.sun_path, sizeof to.sun_path, "%s/socket", dir);
    expect_notice(&to, sizeof to, to.sun_path);
    unlink(to.sun_path);
    rmdir(dir);

    memset(to.sun_path, 0, sizeof to.sun_path);
    int n = snprintf(name, sizeof name, "@jindu-test-%ld", (long)getpid());
    memcpy(to.sun_path + 1, name + 1, (size_t)n - 1);
    expect_notice(&to, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n), name);

    /* nobody there, or no name at all: nothing happens */
    setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
    cmd_notify("READY=1");
    unsetenv("NOTIFY_SOCKET");
    cmd_notify("READY=1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_notify),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The UTF-8 check against the definition, written as plainly as can be: RFC 3629 section 3. */
#include "json_test.h"

#include "json/json_int.h"

/* Decodes one character and asks whether this was its shortest form and a scalar value. */
static size_t plain_bad(const unsigned char *s, size_t n) {
    for (size_t i = 0; i < n;) {
        static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
        size_t k = s[i] < 0x80 ? 1 : s[i] >> 5 == 6 ? 2 : s[i] >> 4 == 14 ? 3 : s[i] >> 3 == 30 ? 4 : 0;
        if (!k || n - i < k) return i;
        unsigned c = k == 1 ? s[i] : s[i] & (0xFFu >> (k + 1));
        for (size_t j = 1; j < k; j++) {
            if (s[i + j] >> 6 != 2) return i;
            c = c << 6 | (s[i + j] & 0x3F);
        }
        if (k > 1 && c < least[k]) return i;
        if ((c >= 0xD800 && c <= 0xDFFF) || c > 0x10FFFF) return i;
        i += k;
    }
    return n;
}

static void check(const unsigned char *s, size_t n) {
    size_t got = jd_utf8_bad((const char *)s, n), want = plain_bad(s, n);
    if (got != want)
        for (size_t i = 0; i < n; i++) print_error("%02X%s", s[i], i + 1 < n ? " " : "\n");
    assert_int_equal(got, want);
}

/* A sequence of up to four bytes behind `lead` letters and before `trail` ones: it meets every edge of a block. */
static void check_in(const unsigned char *seq, size_t n, size_t lead, size_t trail) {
    unsigned char *s = jd_xmalloc(lead + n + trail + 1);
    memset(s, 'a', lead);
    memcpy(s + lead, seq, n);
    memset(s + lead + n, 'z', trail);
    check(s, lead + n + trail);
    free(s);
}

/* All pairs of bytes, and with two bytes more from each class that the definition tells apart. */
static void test_all_beginnings(void **state) {
    (void)state;
    static const unsigned char classes[] = {0x00, 0x22, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1,
                                            0xC2, 0xDF, 0xE0, 0xED, 0xEF, 0xF0, 0xF3, 0xF4, 0xF5, 0xFF};
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            for (size_t c = 0; c < sizeof classes; c++) {
                for (size_t d = 0; d < sizeof classes; d++) {
                    unsigned char seq[4] = {(unsigned char)a, (unsigned char)b, classes[c], classes[d]}, in[80];
                    check(seq, 4);
                    size_t lead = 10 + (a + b + c + d) % 56;
                    memset(in, 'a', sizeof in);
                    memcpy(in + lead, seq, 4);
                    check(in, sizeof in);
                }
            }
            unsigned char seq[2] = {(unsigned char)a, (unsigned char)b};
            check(seq, 1);
            check(seq, 2);
        }
    }
}

static void test_every_edge(void **state) {
    (void)state;
    static const char *const seqs[] = {
        "\xC2\x80",         "\xE4\xB8\xAD", "\xF0\x9F\x98\x80", "\xC2",         "\xE4\xB8", "\xF0\x9F\x98", "\x80",
        "\xE4\xB8\xAD\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE0\x9F\xBF", "\xC1\xBF", "\xFF"};
    for (size_t i = 0; i < sizeof seqs / sizeof *seqs; i++)
        for (size_t lead = 0; lead < 140; lead++)
            for (size_t trail = 0; trail < 70; trail++)
                check_in((const unsigned char *)seqs[i], strlen(seqs[i]), lead, trail);
}

/* Good text of mixed lengths, with one byte changed. */
static void test_one_byte_changed(void **state) {
    (void)state;
    static const char *const parts[] = {
        "a", "plain ASCII of some length", "é", "水", "水文站水文站水文站", "\"", "\xF0\x9F\x98\x80"};
    uint64_t seed = 7;
    for (int i = 0; i < 20000; i++) {
        jd_buf b = {0};
        for (uint32_t n = next_random(&seed) % 30 + 1; n; n--)
            jd_buf_z(&b, parts[next_random(&seed) % (sizeof parts / sizeof *parts)]);
        unsigned char *s = jd_xmalloc(b.n);
        memcpy(s, b.p, b.n);
        assert_int_equal(jd_utf8_bad((const char *)s, b.n), b.n);
        s[next_random(&seed) % b.n] = (unsigned char)next_random(&seed);
        check(s, b.n);
        check(s, next_random(&seed) % b.n);
        free(s);
        jd_buf_fini(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_beginnings),
        cmocka_unit_test(test_every_edge),
        cmocka_unit_test(test_one_byte_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

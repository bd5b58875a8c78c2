/* Patterns. PCRE2's syntax takes in what POSIX extended regular expressions (IEEE 1003.2) write and says the same of
 * them, but for corners that only show in which part of a text matched, never in whether it matched. Patterns are
 * searched, not anchored. Most patterns are one piece of plain text between anchors: those need no matcher. */
#include "base/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 100000, DEPTH_MAX = 10000, HEAP_KB_MAX = 1024, NEST_MAX = 50, SPARES = 4 };

struct jd_regex {
    enum { ANY, WHOLE, PREFIX, SUFFIX, PART, PCRE } how;
    jd_str plain;
    pcre2_code *code;
    pcre2_match_context *limits;
    /* Matching needs a work space; those kept here serve most calls without allocating. */
    _Atomic(pcre2_match_data *) spare[SPARES];
};

/* Is it ^? .*? text .*? $? with no further syntax? The text, without its backslashes, goes to out. */
static int plain_pattern(jd_str p, jd_regex *r, char *out) {
    size_t i = 0, end = p.n, n = 0;
    int from = 0, to = 0; /* tied to the start, to the end */
    if (i < end && p.p[i] == '^') from = 1, i++;
    if (end - i >= 2 && memcmp(p.p + i, ".*", 2) == 0) from = 0, i += 2;
    if (end > i && p.p[end - 1] == '$' && !(end - i >= 2 && p.p[end - 2] == '\\')) to = 1, end--;
    if (end - i >= 2 && memcmp(p.p + end - 2, ".*", 2) == 0 && !(end - i >= 3 && p.p[end - 3] == '\\'))
        to = 0, end -= 2;
    for (; i < end; i++) {
        char c = p.p[i];
        if (c == '\\') {
            if (++i == end || !strchr(".[]()*+?{}|^$\\/-:\"", p.p[i]) || !p.p[i]) return 0;
            c = p.p[i];
        } else if (!c || strchr(".[]()*+?{}|^$", c)) {
            return 0;
        }
        out[n++] = c;
    }
    r->plain = (jd_str){out, n};
    r->how = from && to ? WHOLE : from ? PREFIX : to ? SUFFIX : PART;
    if (!n && r->how != WHOLE) r->how = ANY;
    return 1;
}

/* The usual mistakes in Chinese; the library only speaks English. */
static const char *in_chinese(int code, const char *en) {
    switch (code) {
    case 101: return "末尾的反斜杠后面没有字符";
    case 104:
    case 105: return "重复次数有误";
    case 106: return "缺少“]”";
    case 108: return "字符范围次序颠倒";
    case 109: return "重复符号前面没有可以重复的内容";
    case 114: return "缺少“)”";
    case 122: return "多余的“)”";
    default: return en;
    }
}

int jd_regex_make(jd_arena *a, jd_str pattern, uint32_t max, jd_regex **out, jd_err *err, size_t *at) {
    *at = 0;
    if (pattern.n > max)
        return jd_fail(err, JD_E_TOO_COMPLEX_QUERY, "the pattern is longer than %u bytes", "正则表达式超过 %u 字节",
                       max);
    jd_regex *r = JD_NEW(a, jd_regex);
    if (plain_pattern(pattern, r, jd_arena_alloc(a, pattern.n + 1))) {
        *out = r;
        return 0;
    }
    r->how = PCRE;
    pcre2_compile_context *cc = pcre2_compile_context_create(NULL);
    r->limits = pcre2_match_context_create(NULL);
    if (!cc || !r->limits) abort();
    pcre2_set_parens_nest_limit(cc, NEST_MAX);
    int code;
    PCRE2_SIZE offset;
    r->code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n,
                            PCRE2_UTF | PCRE2_UCP | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C |
                                PCRE2_NO_AUTO_CAPTURE,
                            &code, &offset, cc);
    pcre2_compile_context_free(cc);
    if (!r->code) {
        char why[160], shown[JD_SHOWN];
        jd_show(pattern, shown);
        if (pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why) < 0) memcpy(why, "?", 2);
        *at = offset < pattern.n ? offset : pattern.n;
        jd_regex_fini(r);
        return jd_fail(err, JD_E_BAD_REQUEST_DATA, "the pattern '%s' is not a regular expression: %s%.0s",
                       "“%s”不是正确的正则表达式：%.0s%s", shown, why, in_chinese(code, why));
    }
    pcre2_set_match_limit(r->limits, STEPS_MAX);
    pcre2_set_depth_limit(r->limits, DEPTH_MAX);
    pcre2_set_heap_limit(r->limits, HEAP_KB_MAX);
    pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); /* where it cannot, the interpreter serves */
    *out = r;
    return 0;
}

void jd_regex_fini(jd_regex *r) {
    if (!r || r->how != PCRE) return;
    for (int i = 0; i < SPARES; i++) pcre2_match_data_free(atomic_load(&r->spare[i]));
    pcre2_match_context_free(r->limits);
    pcre2_code_free(r->code);
    *r = (jd_regex){.how = ANY};
}

static int run_pcre(jd_regex *r, jd_str text) {
    pcre2_match_data *md = NULL;
    for (int i = 0; i < SPARES && !md; i++) md = atomic_exchange_explicit(&r->spare[i], NULL, memory_order_acquire);
    if (!md && !(md = pcre2_match_data_create(1, NULL))) abort();
    PCRE2_SPTR s = (PCRE2_SPTR)(text.p ? text.p : "");
    int rc = pcre2_match(r->code, s, text.n, 0, 0, md, r->limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) rc = pcre2_match(r->code, s, text.n, 0, PCRE2_NO_JIT, md, r->limits);
    for (int i = 0; i < SPARES && md; i++) {
        pcre2_match_data *none = NULL;
        if (atomic_compare_exchange_strong_explicit(&r->spare[i], &none, md, memory_order_release,
                                                    memory_order_relaxed))
            md = NULL;
    }
    pcre2_match_data_free(md);
    return rc >= 0 ? 1 : rc == PCRE2_ERROR_NOMATCH ? 0 : -1;
}

int jd_regex_run(const jd_regex *r, jd_str text) {
    jd_str p = r->plain;
    switch (r->how) {
    case ANY: return 1;
    case WHOLE: return jd_str_eq(text, p);
    case PREFIX: return jd_str_starts(text, p);
    case SUFFIX: return text.n >= p.n && memcmp(text.p + text.n - p.n, p.p, p.n) == 0;
    case PART: return text.n >= p.n && memmem(text.p, text.n, p.p, p.n) != NULL;
    default: return run_pcre((jd_regex *)(uintptr_t)r, text);
    }
}

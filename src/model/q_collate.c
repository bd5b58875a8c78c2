/* Collations (clause 4.23.3, RFC 6067). ICU is asked from here alone. */
#include "model/q_int.h"

#include <stdlib.h>
#include <unicode/ucol.h>
#include <unicode/uenum.h>
#include <unicode/uloc.h>
#include <unicode/ustring.h>

enum { TAG_MAX = 100 };

struct q_collator {
    UCollator *icu; /* only read from once it is open, so threads may share it */
};

static int listed(UEnumeration *e, const char *name, size_t n) {
    UErrorCode st = U_ZERO_ERROR;
    int32_t len;
    const char *s;
    int found = 0;
    while (e && !found && (s = uenum_next(e, &len, &st)) != NULL)
        found = (size_t)len >= n && strncmp(s, name, n) == 0 && (!s[n] || s[n] == '_');
    uenum_close(e);
    return found;
}

/* ICU falls back in silence on what it does not know: it is asked beforehand. */
static int known(const char *locale) {
    char lang[16], order[40];
    UErrorCode st = U_ZERO_ERROR;
    int32_t n = uloc_getLanguage(locale, lang, sizeof lang, &st);
    if (U_FAILURE(st) || n >= (int32_t)sizeof lang) return 0;
    st = U_ZERO_ERROR;
    if (n && strcmp(lang, "und") != 0 && !listed(ucol_openAvailableLocales(&st), lang, (size_t)n)) return 0;
    st = U_ZERO_ERROR;
    n = uloc_getKeywordValue(locale, "collation", order, sizeof order, &st);
    if (U_FAILURE(st) || n >= (int32_t)sizeof order) return 0;
    st = U_ZERO_ERROR;
    return !n || strcmp(order, "standard") == 0 ||
           listed(ucol_getKeywordValuesForLocale("collation", locale, 0, &st), order, (size_t)n);
}

int q_collator_open(jd_arena *a, jd_str tag, q_collator **out, jd_err *err) {
    char name[TAG_MAX + 1], locale[ULOC_FULLNAME_CAPACITY];
    int32_t read = 0;
    UErrorCode st = U_ZERO_ERROR;
    UCollator *icu = NULL;
    size_t n = tag.n <= TAG_MAX ? tag.n : 0;
    for (size_t i = 0; i < n; i++) {
        name[i] = tag.p[i];
        if (!name[i]) n = 0;
    }
    name[n] = 0;
    if (n) uloc_forLanguageTag(name, locale, sizeof locale, &read, &st);
    if (n && U_SUCCESS(st) && st != U_STRING_NOT_TERMINATED_WARNING && (size_t)read == n && known(locale)) {
        st = U_ZERO_ERROR;
        icu = ucol_open(locale, &st);
        if (U_FAILURE(st)) icu = NULL;
    }
    if (!icu) {
        char shown[JD_SHOWN];
        jd_show(tag, shown);
        jd_fail(err, JD_E_BAD_REQUEST_DATA,
                "'%s' is not a known collation (a language tag such as und, zh or de-u-co-phonebk)",
                "“%s”不是已知的排序规则（应为语言标签，如 und、zh、de-u-co-phonebk）", shown);
        return jd_fail_at(err, "collation");
    }
    *out = JD_NEW(a, q_collator);
    (*out)->icu = icu;
    return 0;
}

void q_collator_close(q_collator *c) {
    if (!c) return;
    ucol_close(c->icu);
    c->icu = NULL;
}

jd_str q_collator_key(const q_collator *c, jd_arena *a, jd_str text) {
    enum { SMALL = 256 };
    UChar small[SMALL], *wide = small;
    uint8_t bytes[2 * SMALL];
    UErrorCode st = U_ZERO_ERROR;
    int32_t most = SMALL, n = 0, in = text.n > INT32_MAX / 4 ? INT32_MAX / 4 : (int32_t)text.n;
    if (in > SMALL)
        wide = jd_xmalloc(sizeof *wide * (size_t)(most = in)); /* UTF-16 never has more units than UTF-8 has bytes */
    u_strFromUTF8WithSub(wide, most, &n, text.p ? text.p : "", in, 0xFFFD, NULL, &st);
    int32_t need = ucol_getSortKey(c->icu, wide, n, bytes, sizeof bytes);
    char *key = jd_arena_alloc(a, (size_t)need + 1);
    if (need <= (int32_t)sizeof bytes)
        memcpy(key, bytes, (size_t)need);
    else
        ucol_getSortKey(c->icu, wide, n, (uint8_t *)key, need);
    if (wide != small) free(wide);
    return (jd_str){key, (size_t)need};
}

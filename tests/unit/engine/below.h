/* Numbers drawn the same in every run: a failure comes again. */
#ifndef JD_TEST_BELOW_H
#define JD_TEST_BELOW_H
#include <stdint.h>

static uint64_t rng = 88172645463325252u;
static uint32_t below(uint32_t n) {
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (uint32_t)(rng >> 11) % n;
}
#endif

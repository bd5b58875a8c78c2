/* How fast the historian goes. Sealing takes a core for a second now and then; whoever waits for an answer at that
 * moment would wait for a time slice at every step of its way. So beside changes the historian works in short pieces
 * and rests after each, seven times as long while there is room, not at all when the heads are nearly full again. */
#include "base/clock.h"
#include "engine/history_seal.h"

#include <sched.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    PIECE_NS = 200000,
    REST = 7,           /* times the piece, with empty heads */
    REST_NS = 20000000, /* at most: a piece may have waited for the disk or for its core */
    BUSY_NS = 20000000, /* a group so long ago: nobody waits */
    FULL = 1000         /* per mille */
};

void pace_begin(history *h) {
    /* On Linux both are the thread's alone. A batch thread that wakes up pushes nobody off a core. */
    setpriority(PRIO_PROCESS, (id_t)gettid(), 5);
    struct sched_param p = {0};
    sched_setscheduler(gettid(), SCHED_BATCH, &p);
    h->piece_ns = jd_mono_ns();
}

void pace_note(history *h, uint64_t in_heads, uint64_t log, uint64_t log_max) {
    uint64_t fill = in_heads * FULL / h->o.heads_bytes, of_log = log_max ? log * FULL / log_max : 0;
    if (of_log > fill) fill = of_log;
    atomic_store_explicit(&h->fill, (uint32_t)(fill < FULL ? fill : FULL), memory_order_relaxed);
    atomic_store_explicit(&h->group_ns, jd_mono_ns(), memory_order_relaxed);
}

void pace_rest(history *h) {
    uint64_t now = jd_mono_ns(), worked = now - h->piece_ns;
    if (worked < PIECE_NS) return;
    uint32_t fill = atomic_load_explicit(&h->fill, memory_order_relaxed);
    int busy = now - atomic_load_explicit(&h->group_ns, memory_order_relaxed) < BUSY_NS;
    if (busy && fill < FULL && !h->stopping && !h->settle) {
        uint64_t ns = worked * REST * (FULL - fill) / FULL;
        if (ns > REST_NS) ns = REST_NS;
        nanosleep(&(struct timespec){0, (long)ns}, NULL);
        now = jd_mono_ns();
    }
    h->piece_ns = now;
}

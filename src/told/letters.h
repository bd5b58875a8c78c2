/* told/letters.h - notifications that wait, in queues by endpoint. What deliver.c, letters.c and keep.c share. */
#ifndef JD_TOLD_LETTERS_H
#define JD_TOLD_LETTERS_H
#include "told/told_int.h"

typedef enum kept { KEPT_NOT, KEPT_WAITING, KEPT_DEAD } kept; /* what the store has of a letter */

typedef struct letter {
    struct letter *next;                  /* in its queue, or among the dead */
    struct letter *open_prev, *open_next; /* among those that the store does not have as they are */
    char *body;
    size_t n;
    sub *s;
    struct endpoint *e; /* in whose queue it is, or was */
    char id[80];
    uint64_t group;    /* 0: it tells of no group */
    uint64_t number;   /* of its document; 0: none yet */
    uint64_t since_ms; /* it waits */
    unsigned tries;
    kept kept;
    unsigned char open, dead, saving, gone; /* gone: delivered while it was being saved */
} letter;

typedef struct endpoint {
    jd_str uri;
    letter *first, **last;
    uint32_t waiting;
    int busy, queued; /* under way; in the ready or the late list */
    int failing;
    double answer_ms;                 /* moving average */
    uint64_t not_before_ms, began_ms; /* began: the try that is under way */
    struct endpoint *next;            /* ready */
    struct deliveries *d;
    int taken_ok, taken_again; /* deliver.c: of a try of our own, under taken_lock */
    char taken_why[56];
    struct endpoint *taken_next;
    void *transport; /* deliver.c: of the try that is under way */
} endpoint;

struct deliveries {
    jd_told_room *r;
    pthread_mutex_t lock;
    pthread_cond_t room; /* a quick endpoint has taken some */
    jd_strmap by_uri;
    endpoint **all;
    uint32_t n, cap;
    endpoint *ready, **ready_last;
    endpoint **late; /* those that wait before their next try */
    uint32_t late_n, late_cap;
    letter *open_first, *open_last;
    size_t open_bytes;
    letter *dead_first, **dead_last;
    uint32_t dead_n;
    uint64_t numbers;     /* given to documents */
    jd_strmap restored;   /* ids of those that the store had at the start, of groups up to */
    uint64_t restored_to; /* which may be matched once more */
    uint64_t *erase;      /* documents of letters that are gone */
    size_t erase_n, erase_cap;
    uint32_t under_way;
    int fresh; /* an endpoint became ready since the last look */
    int stopping, started;
    pthread_t thread;
    struct transport *http;
    pthread_mutex_t taken_lock;
    endpoint *taken; /* whose try of our own is over */
    _Atomic int asleep;
    _Atomic uint64_t sent, failed, dead, dropped, waiting;
};

static inline uint64_t letters_ms(void) {
    return jd_mono_ns() / 1000000;
}
void deliveries_wake(deliveries *d);

/* All with the lock held. */
endpoint *letters_endpoint(deliveries *d, jd_str uri);
void letters_put(deliveries *d, endpoint *e, letter *l); /* at the queue's end */
letter *letters_take_first(deliveries *d, endpoint *e);
void letters_ready(deliveries *d, endpoint *e); /* unless it is empty, busy or queued already */
void letters_done(deliveries *d, letter *l);    /* delivered, or not to be: it goes */
void letters_dead(deliveries *d, letter *l);
int letters_crowded(const endpoint *e);
letter *letters_make(const sub *s, jd_str id, uint64_t group, char *body, size_t n);
void letters_free(deliveries *d); /* all; nothing is under way */
void letters_erase(deliveries *d, uint64_t number);
void letters_open(deliveries *d, letter *l);
void letters_close(deliveries *d, letter *l);
#endif

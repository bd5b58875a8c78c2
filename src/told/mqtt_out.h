/* told/mqtt_out.h - publishes one letter to one broker, and says when the broker has it.
 *
 * One connection a broker, user, password and version of the protocol; it is dialled by the first letter, shared by all
 * endpoints there, kept alive, and closed when nobody wrote for IDLE_MS. Names, TCP, TLS and the check of certificates
 * are libcurl's (CURLOPT_CONNECT_ONLY), so nothing here blocks. A letter of QoS 0 counts as taken when the socket of a
 * greeted connection has all of it, of QoS 1 when PUBACK came, of QoS 2 when PUBCOMP came.
 *
 * A try that ran out of time leaves its exchange behind: the next try of the same letter goes on with it instead of
 * sending it twice. Under MQTT 5.0 that holds over a broken connection too, since the broker keeps the session for an
 * hour; under 3.1.1, which knows no such limit, sessions are clean and QoS 2 over a broken connection is at least once.
 *
 * Threads: the one that deliveries have; `done` is called from mqtt_out_took and mqtt_out_turn alone, and must not call
 * back. Not libmosquitto: it brings a loop, a TLS set-up and a resolver that blocks, where libcurl is here already. */
#ifndef JD_TOLD_MQTT_OUT_H
#define JD_TOLD_MQTT_OUT_H
#include "told/mqtt_packet.h"
#include "told/mqtt_uri.h"

#include <curl/curl.h>

typedef struct mqtt_target { /* where a subscription's letters go */
    const mqtt_uri *uri;     /* NULL: not over MQTT */
    mqtt_version version;
    int qos;
} mqtt_target;

typedef struct mqtt_out mqtt_out;
typedef struct mqtt_out_opts {
    CURLM *multi;         /* outlives it; its messages are offered to mqtt_out_took */
    const char *ca_file;  /* certificates to trust beside the system's; NULL: those alone */
    uint32_t brokers_max; /* connections; beyond, letters wait until one is idle */
    uint32_t dial_ms;     /* name, TCP, TLS, and again for the broker's CONNACK */
    /* what became of a try. again: the same letter may yet be taken. why: in English, NULL when all went well */
    void (*done)(void *ctx, void *user, int ok, int again, const char *why);
    void *ctx;
} mqtt_out_opts;
mqtt_out *mqtt_out_new(const mqtt_out_opts *o);
void mqtt_out_free(mqtt_out *m); /* takes leave of the brokers; `done` is not called any more; NULL is fine */

/* When a letter may be published there: 0 at once, else no sooner than that time (of mqtt_now_ms). */
uint64_t mqtt_out_ready_ms(mqtt_out *m, const mqtt_target *t);
/* Begins a try; `id` tells the letter from others, whenever it is tried. Takes the payload (malloc). user: not NULL. */
void mqtt_out_publish(mqtt_out *m, const mqtt_target *t, jd_str id, char *payload, size_t n, uint32_t timeout_ms,
                      void *user);
/* A finished handle of the multi: 1 when it was one of ours. */
int mqtt_out_took(mqtt_out *m, CURL *easy, CURLcode rc);
/* Sockets to wait for, to be given to curl_multi_poll; valid until the next call of anything here. */
struct curl_waitfd *mqtt_out_fds(mqtt_out *m, unsigned *n);
/* Reads, writes, gives up what is over; returns ms until it wants to be called again at the latest. */
int mqtt_out_turn(mqtt_out *m);
uint64_t mqtt_now_ms(void);
#endif

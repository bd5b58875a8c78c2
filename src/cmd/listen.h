/* cmd/listen.h - where `serve` listens, and the word to the service manager that it does. */
#ifndef JD_CMD_LISTEN_H
#define JD_CMD_LISTEN_H
#include "base/err.h"

typedef struct cmd_address {
    char host[256]; /* without the brackets of IPv6 */
    unsigned port;
} cmd_address;
/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080". 0 or -1. */
int cmd_address_parse(const char *text, cmd_address *out, jd_err *err);
/* 1 when every address that the host stands for is a loopback one, 0 when not, -1 when the host is not known. */
int cmd_address_is_loopback(const cmd_address *a);
void cmd_address_url(const cmd_address *a, unsigned port, char *out, size_t cap);
/* Sends one state ("READY=1") to the service manager's socket, when there is one (sd_notify(3)). */
void cmd_notify(const char *state);
#endif

/* A Modbus TCP device made by others (libmodbus): answers one client at a time until its standard input ends.
 *
 *     modbus_device PORT     registers 0..99 hold 1000 + their address; prints "ready" when it listens */
#include <errno.h>
#include <modbus.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REGISTERS = 100 };

static void serve(modbus_t *ctx, modbus_mapping_t *map) {
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    for (;;) {
        struct pollfd fds[2] = {{.fd = modbus_get_socket(ctx), .events = POLLIN}, {.fd = 0, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR) return;
        if (fds[1].revents) exit(0);
        if (!fds[0].revents) continue;
        int n = modbus_receive(ctx, query);
        if (n < 0) return;
        if (n > 0) modbus_reply(ctx, query, n, map);
    }
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    modbus_t *ctx = modbus_new_tcp("127.0.0.1", atoi(argv[1]));
    modbus_mapping_t *map = modbus_mapping_new(REGISTERS, REGISTERS, REGISTERS, REGISTERS);
    if (!ctx || !map) return 1;
    for (int i = 0; i < REGISTERS; i++) map->tab_registers[i] = (uint16_t)(1000 + i);
    int listener = modbus_tcp_listen(ctx, 1);
    if (listener < 0) {
        fprintf(stderr, "cannot listen: %s\n", modbus_strerror(errno));
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        struct pollfd fds[2] = {{.fd = listener, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR) return 1;
        if (fds[1].revents) return 0;
        if (!(fds[0].revents & POLLIN) || modbus_tcp_accept(ctx, &listener) < 0) continue;
        serve(ctx, map);
        modbus_close(ctx);
    }
}

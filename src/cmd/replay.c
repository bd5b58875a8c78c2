/* jindu replay: sends frames to a link as devices would: each device waits for its answer before it goes on. */
#include "base/clock.h"
#include "base/hash.h"
#include "cmd/cmd.h"
#include "link/fields.h"
#include "link/protocol.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { ANSWER_MS = 5000, READ_BYTES = 64 << 10 };

typedef struct replaying {
    const char *to;
    uint64_t speed, connections, every_ms, rounds;
    int quick;
} replaying;

static const cmd_opt opts[] = {
    {"to", "HOST:PORT", CMD_TEXT, 0, offsetof(replaying, to), 0, 0, NULL, "the link", "目标链路地址"},
    {"speed", "N", CMD_COUNT, 0, offsetof(replaying, speed), 1, 1000000, NULL,
     "so many times as fast as it was recorded", "按录制速度的倍数播放"},
    {"quick", NULL, CMD_FLAG, 0, offsetof(replaying, quick), 0, 0, NULL, "as fast as answers come",
     "收到应答即发下一帧"},
    {"every-ms", "N", CMD_COUNT, 0, offsetof(replaying, every_ms), 0, 86400000, NULL,
     "between two frames of a device, where the file has no times", "文件无时间时，同一设备两帧的间隔（毫秒）"},
    {"connections", "N", CMD_COUNT, 0, offsetof(replaying, connections), 1, 20000, NULL, "at most; devices share them",
     "最多连接数；设备分摊"},
    {"rounds", "N", CMD_COUNT, 0, offsetof(replaying, rounds), 1, 1000000, NULL, "the whole file so many times",
     "整个文件重复次数"},
};

static void defaults(void *settings) {
    replaying *s = settings;
    *s = (replaying){.speed = 1, .connections = 1000, .every_ms = 1000, .rounds = 1};
}

typedef struct shot { /* one frame to be sent */
    jd_str bytes;
    int64_t at_us; /* since the first one; -1: the file has no times */
    int wants;     /* an answer */
    struct shot *next;
} shot;

typedef struct line {
    uv_tcp_t tcp;
    uv_timer_t timer;
    struct replay *r;
    shot *first, **last, *now;
    uint64_t round, sent_ns;
    int waiting, over;
    jd_buf in;
} line;

typedef struct replay {
    uv_loop_t loop;
    const replaying *set;
    const jd_protocol *protocol;
    jd_link_set way;
    jd_arena arena;
    line *lines;
    size_t lines_n, open;
    jd_strmap devices; /* -> line */
    uint64_t began_ns;
    int64_t first_us;
    uint64_t frames, sent, answered, unanswered, refused_lines;
    double *ms;
    size_t ms_n, ms_cap;
    char room[READ_BYTES];
    struct sockaddr_storage to;
} replay;

/* ---- the file ---- */

static void add_shot(replay *r, jd_str bytes, int64_t at_us) {
    jd_frame f = {.bytes = bytes, .answers = -1};
    jd_err err = {0};
    jd_peer peer = {0};
    jd_buf answer = {0};
    shot *s = JD_NEW(&r->arena, shot);
    int rc = r->protocol->decode(&r->way, &peer, bytes, &r->arena, &f, &err);
    if (!rc && r->protocol->reply) r->protocol->reply(&r->way, &f, JD_OUT_KEPT, jd_now(), &peer, &answer);
    *s = (shot){.bytes = bytes, .at_us = at_us, .wants = answer.n > 0};
    jd_buf_fini(&answer);
    jd_str who = f.device.n ? f.device : JD_STR("?");
    uint32_t at = jd_strmap_add(&r->devices, who, (uint32_t)(r->devices.n % r->lines_n));
    line *l = &r->lines[at];
    *l->last = s;
    l->last = &s->next;
    r->frames++;
}

static void add_stream(replay *r, jd_str bytes, int64_t at_us) {
    while (bytes.n) {
        jd_found at = {0};
        r->protocol->find(&r->way, bytes, &at);
        if (!at.n && !at.skip) break;
        bytes.p += at.skip;
        bytes.n -= at.skip;
        if (at.n) add_shot(r, (jd_str){bytes.p, at.n}, at_us);
        bytes.p += at.n;
        bytes.n -= at.n;
    }
}

/* {"at": DateTime, "frame_hex": ..., or "frame_text": ...} */
static int add_json(replay *r, jd_str text) {
    jd_jval v;
    jd_err err = {0};
    jd_time t = JD_TIME_NONE;
    if (jd_json_parse(&r->arena, jd_arena_dup(&r->arena, text), NULL, &v, &err)) return -1;
    const jd_jval *hex = jd_jget(&v, "frame_hex"), *plain = jd_jget(&v, "frame_text"), *at = jd_jget(&v, "at");
    if (at && (at->type != JD_JSTR || jd_time_parse(jd_jstr(at), &t, NULL))) return -1;
    if (t != JD_TIME_NONE && r->first_us < 0) r->first_us = t;
    int64_t since = t == JD_TIME_NONE ? -1 : t - r->first_us;
    jd_buf raw = {0};
    int rc = 0;
    if (hex && hex->type == JD_JSTR)
        rc = jd_hex_read(jd_jstr(hex), &raw);
    else if (plain && plain->type == JD_JSTR)
        jd_buf_str(&raw, jd_jstr(plain));
    else
        rc = -1;
    if (!rc) add_stream(r, jd_arena_dup(&r->arena, jd_buf_view(&raw)), since);
    jd_buf_fini(&raw);
    return rc;
}

static void read_lines(replay *r, jd_str file) {
    uint64_t no = 0;
    for (size_t at = 0; at < file.n;) {
        const char *end = memchr(file.p + at, '\n', file.n - at);
        jd_str text = {file.p + at, end ? (size_t)(end - file.p) - at : file.n - at};
        jd_buf raw = {0};
        no++;
        at += text.n + 1;
        if (!text.n) continue;
        int bad = text.p[0] == '{' ? add_json(r, text) : jd_hex_read(text, &raw);
        if (raw.n) add_stream(r, jd_arena_dup(&r->arena, jd_buf_view(&raw)), -1);
        jd_buf_fini(&raw);
        if (bad && r->refused_lines++ < 10)
            cmd_say("line %llu holds no frame", "第 %llu 行没有帧", (unsigned long long)no);
    }
}

/* Lines of hex or JSON, or what a connection would carry. */
static void read_file(replay *r, jd_str file) {
    size_t n = 0;
    while (n < file.n && file.p[n] != '\n') n++;
    jd_buf raw = {0};
    int lines = n && (file.p[0] == '{' || jd_hex_read((jd_str){file.p, n}, &raw) == 0);
    jd_buf_fini(&raw);
    if (lines)
        read_lines(r, file);
    else
        add_stream(r, file, -1);
}

/* ---- sending ---- */

static void go_on(line *l);

static void note(replay *r, double ms) {
    if (r->ms_n == r->ms_cap) {
        r->ms_cap = r->ms_cap ? r->ms_cap * 2 : 4096;
        r->ms = jd_xrealloc(r->ms, r->ms_cap * sizeof *r->ms);
    }
    r->ms[r->ms_n++] = ms;
}

static void finish(line *l) {
    if (l->over) return;
    l->over = 1;
    uv_close((uv_handle_t *)&l->tcp, NULL);
    uv_close((uv_handle_t *)&l->timer, NULL);
}

static void step(line *l) {
    l->now = l->now->next;
    if (!l->now && ++l->round < l->r->set->rounds) l->now = l->first;
    go_on(l);
}

static void on_late(uv_timer_t *t) {
    line *l = t->data;
    if (l->waiting) {
        l->waiting = 0;
        l->r->unanswered++;
        step(l);
    } else {
        go_on(l);
    }
}

static void on_written(uv_write_t *w, int status) {
    if (status < 0) finish(w->data);
    free(w);
}

static void fire(line *l) {
    uv_write_t *w = jd_xcalloc(1, sizeof *w);
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)l->now->bytes.p, (unsigned)l->now->bytes.n);
    w->data = l;
    l->sent_ns = jd_mono_ns();
    l->r->sent++;
    uv_write(w, (uv_stream_t *)&l->tcp, &buf, 1, on_written);
    if (l->now->wants) {
        l->waiting = 1;
        uv_timer_start(&l->timer, on_late, ANSWER_MS, 0);
        return;
    }
    l->now = l->now->next;
    if (!l->now && ++l->round < l->r->set->rounds) l->now = l->first;
    uv_timer_start(&l->timer, on_late, l->r->set->quick || !l->now ? 0 : 1, 0); /* not from here: it would recurse */
}

/* When the frame is due, in ms from now. */
static uint64_t due_ms(const line *l) {
    const replay *r = l->r;
    uint64_t now = jd_mono_ns(), when;
    if (r->set->quick || !l->now) return 0;
    if (l->now->at_us >= 0 && r->set->rounds == 1)
        when = r->began_ns + (uint64_t)l->now->at_us * 1000 / r->set->speed;
    else
        when = l->sent_ns ? l->sent_ns + r->set->every_ms * 1000000 / r->set->speed : now;
    return when > now ? (when - now) / 1000000 : 0;
}

static void go_on(line *l) {
    uint64_t ms = due_ms(l);
    if (!l->now) {
        finish(l);
    } else if (ms) {
        uv_timer_start(&l->timer, on_late, ms, 0);
    } else {
        fire(l);
    }
}

static void give_room(uv_handle_t *h, size_t want, uv_buf_t *buf) {
    line *l = h->data;
    (void)want;
    *buf = uv_buf_init(l->r->room, READ_BYTES);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf) {
    line *l = s->data;
    replay *r = l->r;
    if (n < 0) {
        if (l->waiting) r->unanswered++;
        finish(l);
        return;
    }
    jd_buf_add(&l->in, buf->base, (size_t)n);
    size_t at = 0;
    while (at < l->in.n && !l->over) {
        jd_found f = {0};
        r->protocol->find(&r->way, (jd_str){l->in.p + at, l->in.n - at}, &f);
        if (!f.n && !f.skip) break;
        at += f.skip + f.n;
        if (!f.n || !l->waiting) continue;
        l->waiting = 0;
        r->answered++;
        note(r, (double)(jd_mono_ns() - l->sent_ns) / 1e6);
        uv_timer_stop(&l->timer);
        step(l);
    }
    memmove(l->in.p, l->in.p + at, l->in.n - at);
    l->in.n -= at;
}

static void on_connected(uv_connect_t *c, int status) {
    line *l = c->data;
    free(c);
    if (status < 0) {
        cmd_say("cannot connect: %s", "无法连接：%s", uv_strerror(status));
        finish(l);
        return;
    }
    l->r->open++;
    uv_tcp_nodelay(&l->tcp, 1);
    uv_read_start((uv_stream_t *)&l->tcp, give_room, on_read);
    go_on(l);
}

static void connect_all(replay *r) {
    r->began_ns = jd_mono_ns();
    for (size_t i = 0; i < r->lines_n; i++) {
        line *l = &r->lines[i];
        if (!l->first) continue;
        uv_connect_t *c = jd_xcalloc(1, sizeof *c);
        l->now = l->first;
        uv_tcp_init(&r->loop, &l->tcp);
        uv_timer_init(&r->loop, &l->timer);
        l->tcp.data = l->timer.data = c->data = l;
        uv_tcp_connect(c, &l->tcp, (const struct sockaddr *)&r->to, on_connected);
    }
}

/* ---- the command ---- */

static int resolve(replay *r, const char *to) {
    const char *colon = to ? strrchr(to, ':') : NULL;
    char host[256];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    if (!colon || colon == to || (size_t)(colon - to) >= sizeof host) return -1;
    memcpy(host, to, (size_t)(colon - to));
    host[colon - to] = 0;
    if (getaddrinfo(host, colon + 1, &hints, &list)) return -1;
    memcpy(&r->to, list->ai_addr, list->ai_addrlen);
    freeaddrinfo(list);
    return 0;
}

static int by_size(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static void tell(replay *r) {
    double seconds = (double)(jd_mono_ns() - r->began_ns) / 1e9, p50 = 0, p99 = 0;
    if (r->ms_n) {
        qsort(r->ms, r->ms_n, sizeof *r->ms, by_size);
        p50 = r->ms[r->ms_n / 2];
        p99 = r->ms[r->ms_n * 99 / 100];
    }
    cmd_tell(
        "%llu frames of %u devices on %zu connections in %.1f s; %llu answered (median %.2f ms, p99 %.2f ms), %llu not",
        "%llu 帧，%u 台设备，%zu 条连接，用时 %.1f 秒；已应答 %llu（中位 %.2f 毫秒，p99 %.2f 毫秒），未应答 %llu",
        (unsigned long long)r->sent, r->devices.n, r->open, seconds, (unsigned long long)r->answered, p50, p99,
        (unsigned long long)r->unanswered);
}

static int replay_file(const cmd_line *cl) {
    const replaying *s = cl->settings;
    static replay r; /* large: a buffer for reading */
    jd_buf file = {0};
    jd_err err = {0};
    r = (replay){.set = s, .protocol = jd_protocol_find(jd_str_of(cl->args[0])), .way = {.field = 1}, .first_us = -1};
    if (!r.protocol) return cmd_usage(cl, "there is no protocol \"%s\"", "没有协议“%s”", cl->args[0]);
    if (!s->to || resolve(&r, s->to)) return cmd_usage(cl, "--to HOST:PORT is needed", "须指定 --to 主机:端口");
    if (cmd_file_read(cl->args[1], &file, &err)) {
        cmd_say_err(&err);
        return CMD_FAILED;
    }
    jd_arena_init(&r.arena);
    jd_strmap_init(&r.devices);
    uv_loop_init(&r.loop);
    r.lines_n = (size_t)s->connections;
    r.lines = jd_xcalloc(r.lines_n, sizeof *r.lines);
    for (size_t i = 0; i < r.lines_n; i++) {
        r.lines[i].last = &r.lines[i].first;
        r.lines[i].r = &r;
    }
    read_file(&r, jd_buf_view(&file));
    if (!r.frames) cmd_say("%s holds no frame of %s", "%s 中没有 %s 的帧", cl->args[1], cl->args[0]);
    connect_all(&r);
    uv_run(&r.loop, UV_RUN_DEFAULT);
    tell(&r);
    int code = !r.open || r.sent < r.frames * s->rounds ? CMD_FAILED
               : r.unanswered || r.refused_lines        ? CMD_DATA
                                                        : CMD_OK;
    for (size_t i = 0; i < r.lines_n; i++) jd_buf_fini(&r.lines[i].in);
    free(r.lines);
    free(r.ms);
    uv_loop_close(&r.loop);
    jd_strmap_fini(&r.devices);
    jd_arena_fini(&r.arena);
    jd_buf_fini(&file);
    return code;
}

const cmd_spec cmd_replay = {
    .name = "replay",
    .operands = "PROTOCOL FILE",
    .args_least = 2,
    .args_most = 2,
    .en = "sends frames to a link as devices would, and tells how they were answered",
    .zh = "像设备一样向链路发送报文，并报告应答情况",
    .more_en = "FILE holds lines of hex, JSON lines {\"at\", \"frame_hex\" or \"frame_text\"}, or raw bytes. A device "
               "waits for the answer\n"
               "that its frame is owed, 5 s at most. Exit code 3 when one did not come.\n",
    .more_zh = "文件为十六进制行、JSON 行（at、frame_hex 或 frame_text）或原始字节。设备等待应答，最多 5 "
               "秒。\n有未应答者退出码为 3。\n",
    .opts = opts,
    .opts_n = CMD_COUNT_OF(opts),
    .settings_size = sizeof(replaying),
    .defaults = defaults,
    .run = replay_file,
};

/* jindu decode: what stands in frames, one JSON object a frame on stdout. */
#include "cmd/cmd.h"
#include "link/fields.h"
#include "link/protocol.h"

#include <stddef.h>
#include <string.h>

typedef struct decoding {
    int field, modbus_crc, rtu;
} decoding;

static const cmd_opt opts[] = {
    {"field", NULL, CMD_FLAG, 0, offsetof(decoding, field), 0, 0, NULL, "forgive lapses as a link in the field does",
     "按现场链路的宽容方式解码"},
    {"modbus-crc", NULL, CMD_FLAG, 0, offsetof(decoding, modbus_crc), 0, 0, NULL,
     "hj212: also take a CRC-16/MODBUS, and say so", "hj212：接受 CRC-16/MODBUS 并注明"},
    {"rtu", NULL, CMD_FLAG, 0, offsetof(decoding, rtu), 0, 0, NULL, "modbus: RTU frames instead of TCP's",
     "modbus：按 RTU 帧解码"},
};

typedef struct decoder {
    const jd_protocol *protocol;
    jd_link_set set;
    jd_peer peer;
    jd_arena arena;
    jd_buf out;
    uint64_t frames, refused;
} decoder;

static void add_faults(decoder *d, const jd_frame *f) {
    jd_buf_z(&d->out, ",\"faults\":[");
    for (size_t i = 0; i < f->faults_n; i++) {
        if (i) jd_buf_c(&d->out, ',');
        jd_json_write_str(&d->out, cmd_zh() ? f->faults[i].zh : f->faults[i].en);
    }
    jd_buf_c(&d->out, ']');
}

/* Text shows as it stands where it is UTF-8, else as hex. */
static void add_bytes(decoder *d, jd_str bytes) {
    size_t i = 0;
    while (d->protocol->text && i < bytes.n && (unsigned char)bytes.p[i] < 0x80) i++;
    if (d->protocol->text && i == bytes.n) {
        jd_json_write_str(&d->out, bytes);
        return;
    }
    jd_buf_c(&d->out, '"');
    jd_hex_add(&d->out, bytes);
    jd_buf_c(&d->out, '"');
}

static void one_frame(decoder *d, jd_str bytes) {
    jd_frame f = {.bytes = bytes, .answers = -1};
    jd_err err = {0};
    int rc = d->protocol->decode(&d->set, &d->peer, bytes, &d->arena, &f, &err);
    d->out.n = 0;
    jd_buf_z(&d->out, "{\"frame\":");
    add_bytes(d, bytes);
    if (f.fields.type == JD_JOBJ) {
        jd_buf_z(&d->out, ",\"fields\":");
        jd_json_write(&d->out, &f.fields);
    }
    add_faults(d, &f);
    if (rc) {
        jd_buf_z(&d->out, ",\"error\":");
        jd_json_write_str(&d->out, jd_str_of(cmd_err_text(&err)));
        d->refused++;
    }
    jd_buf_z(&d->out, "}\n");
    fwrite(d->out.p, 1, d->out.n, stdout);
    d->frames++;
    jd_arena_reset(&d->arena);
}

/* All frames of a run of bytes. Returns how many bytes at its end are no whole frame (yet). */
static size_t stream(decoder *d, jd_str bytes) {
    while (bytes.n) {
        jd_found at = {0};
        d->protocol->find(&d->set, bytes, &at);
        bytes.p += at.skip;
        bytes.n -= at.skip;
        if (!at.n && !at.skip) break;
        if (!at.n) continue;
        one_frame(d, (jd_str){bytes.p, at.n});
        bytes.p += at.n;
        bytes.n -= at.n;
    }
    return bytes.n;
}

/* A line of hex is one frame, or several. Where none is whole, decode says why. */
static int hex_line(decoder *d, jd_str line, uint64_t no, const char *path) {
    jd_buf raw = {0};
    if (jd_hex_read(line, &raw)) {
        cmd_say("%s:%llu: no hex", "%s:%llu：不是十六进制", path, (unsigned long long)no);
        return -1;
    }
    uint64_t before = d->frames;
    stream(d, jd_buf_view(&raw));
    if (raw.n && d->frames == before) one_frame(d, jd_buf_view(&raw));
    jd_buf_fini(&raw);
    return 0;
}

static int is_hex(jd_str s) {
    size_t digits = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = (char)(s.p[i] | 32);
        int digit = (s.p[i] >= '0' && s.p[i] <= '9') || (c >= 'a' && c <= 'f');
        if (!digit && !strchr(" \t\r\n", s.p[i])) return 0;
        digits += (size_t)digit;
    }
    return digits > 0;
}

static int decode(const cmd_line *line) {
    const decoding *s = line->settings;
    decoder d = {.protocol = jd_protocol_find(jd_str_of(line->args[0])),
                 .set = {.field = s->field, .modbus_crc = s->modbus_crc, .rtu = s->rtu}};
    jd_buf file = {0};
    jd_err err = {0};
    if (!d.protocol) return cmd_usage(line, "there is no protocol \"%s\"", "没有协议“%s”", line->args[0]);
    if (cmd_file_read(line->args[1], &file, &err)) {
        cmd_say_err(&err);
        return CMD_FAILED;
    }
    jd_arena_init(&d.arena);
    int code = CMD_OK;
    if (is_hex(jd_buf_view(&file))) {
        uint64_t no = 0;
        for (size_t at = 0; at < file.n && !code;) {
            const char *end = memchr(file.p + at, '\n', file.n - at);
            size_t n = end ? (size_t)(end - file.p) - at : file.n - at;
            if (hex_line(&d, (jd_str){file.p + at, n}, ++no, line->args[1])) code = CMD_DATA;
            at += n + 1;
        }
    } else {
        size_t rest = stream(&d, jd_buf_view(&file));
        if (rest) {
            cmd_say("%zu bytes at the end are no whole frame", "末尾 %zu 字节不构成完整帧", rest);
            if (!d.frames) one_frame(&d, jd_buf_view(&file));
        }
    }
    if (!code && d.refused) code = CMD_DATA;
    jd_arena_fini(&d.arena);
    jd_buf_fini(&d.out);
    jd_buf_fini(&file);
    return code;
}

const cmd_spec cmd_decode = {
    .name = "decode",
    .operands = "PROTOCOL FILE",
    .args_least = 2,
    .args_most = 2,
    .en = "shows what stands in frames of devices, one JSON object a frame",
    .zh = "解析设备报文，每帧输出一个 JSON 对象",
    .more_en =
        "PROTOCOL: hj212, jt808, gb32960, sl651, modbus, ais. FILE holds lines of hex, or raw bytes; - is standard "
        "input.\n"
        "frame: its bytes; fields: what they say; faults: lapses that were forgiven; error: why it was refused.\n"
        "Exit code 3 when a frame was refused.\n",
    .more_zh = "协议：hj212、jt808、gb32960、sl651、modbus、ais。文件为十六进制行或原始字节；- 表示标准输入。\n"
               "frame：字节；fields：内容；faults：已容忍的差错；error：拒收原因。\n"
               "有帧被拒收时退出码为 3。\n",
    .opts = opts,
    .opts_n = CMD_COUNT_OF(opts),
    .settings_size = sizeof(decoding),
    .run = decode,
};

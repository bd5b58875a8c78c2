/* link/ais.c - AIS, the positions and voyages of ships: sentences VDM and VDO of IEC 61162-1 (NMEA 0183) around the
 * messages of ITU-R M.1371-5 annex 8. Read whole: 1 to 6, 8, 9, 11, 12, 14, 18, 19, 21, 24, 27; of the others, who sent
 * which one, and their bits.
 *
 *   [\c:<unix time>,s:<source>,g:<1-2-id>*hh\]!AIVDM,<sentences>,<this one>,<sequence>,<channel>,<payload>,<fill>*hh
 *
 * The payload holds six bits a character, of which the last `fill` are none. A message says no date: the TAG block in
 * front of the sentence does, else its receiver must. Values that a ship has not got ("not available") are left out. */
#include "link/fields.h"
#include "link/protocol.h"

enum { FRAME_MAX = 1024, COMMAS = 6 };

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

static int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int is_blank(char c) {
    return c == '\r' || c == '\n' || c == ' ' || c == '\t';
}

static jd_str trim(jd_str s) {
    while (s.n && is_blank(s.p[s.n - 1])) s.n--;
    while (s.n && is_blank(*s.p)) s.p++, s.n--;
    return s;
}

/* What stands in front of the next c, or all; *s goes behind it. */
static jd_str cut(jd_str *s, char c) {
    const char *at = s->n ? memchr(s->p, c, s->n) : NULL;
    jd_str front = {s->p, at ? (size_t)(at - s->p) : s->n};
    size_t used = front.n + (at != NULL);
    *s = (jd_str){s->p + used, s->n - used};
    return front;
}

/* Digits alone, at most `most` of them. -1: not so. */
static int64_t whole_number(jd_str s, size_t most) {
    int64_t v = 0;
    if (!s.n || s.n > most || most > 18) return -1;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_digit(s.p[i])) return -1;
        v = v * 10 + (s.p[i] - '0');
    }
    return v;
}

/* ---- where frames begin and end ---- */

static int is_sign(char c) {
    return is_digit(c) || (c >= 'A' && c <= 'Z');
}

/* "!", who speaks, "VDM," or "VDO," */
static int is_ais(jd_str s) {
    return s.n > 7 && *s.p == '!' && is_sign(s.p[1]) && is_sign(s.p[2]) && s.p[3] == 'V' && s.p[4] == 'D' &&
           (s.p[5] == 'M' || s.p[5] == 'O') && s.p[6] == ',';
}

/* A sentence without a message, as receivers send when they hear nothing. */
static int is_idle(jd_str s) {
    for (int i = 0; i < COMMAS - 1; i++) cut(&s, ',');
    return s.n && *s.p == ',';
}

/* Offset of a frame in a line: of its TAG block or its sentence. -1: there is none. */
static long frame_in(jd_str line) {
    for (size_t i = 0; i < line.n; i++) {
        jd_str s = {line.p + i, line.n - i};
        if (*s.p != '!' || !is_ais(s)) continue;
        if (is_idle(s)) return -1;
        const char *end = i > 1 && *line.p == '\\' ? memchr(line.p + 1, '\\', i - 1) : NULL;
        return end == line.p + i - 1 ? 0 : (long)i;
    }
    return -1;
}

/* Lines that may well stand in such a stream: empty ones, other sentences, and sentences without a message. */
static int is_filling(jd_str line) {
    return !line.n || *line.p == '$' || *line.p == '!' || *line.p == '\\';
}

static void find(const jd_link_set *set, jd_str bytes, jd_found *out) {
    (void)set;
    while (out->skip < bytes.n) {
        jd_str rest = {bytes.p + out->skip, bytes.n - out->skip};
        const char *end = memchr(rest.p, '\n', rest.n);
        if (!end && rest.n <= FRAME_MAX) return;
        size_t n = end ? (size_t)(end - rest.p) + 1 : rest.n;
        jd_str line = trim((jd_str){rest.p, n});
        long at = n <= FRAME_MAX ? frame_in(line) : -1;
        if (at >= 0) {
            out->skip += (size_t)(line.p - rest.p) + (size_t)at;
            out->n = line.n - (size_t)at;
            if (at) out->junk = 1;
            return;
        }
        if (n > FRAME_MAX || !is_filling(line)) out->junk = 1;
        out->skip += n;
    }
}

/* ---- sentences ---- */

typedef struct sentence {
    jd_str talker, sequence, channel, payload, fill_text, source, group;
    int own;       /* VDO: of the receiver's own ship */
    int unchecked; /* it came without a checksum */
    uint32_t total, number;
    unsigned fill;
    jd_time time; /* JD_TIME_NONE: not said */
} sentence;

#define lapse(...) jd_frame_lapse(set, out, a, err, __VA_ARGS__)
#define refuse(...) jd_fail(err, JD_E_BAD_REQUEST_DATA, __VA_ARGS__)

/* Unix time in seconds, or in milliseconds as some write it. */
static jd_time unix_time(jd_str s) {
    int64_t v = whole_number(s, 13);
    if (v < 0 || s.n < 9) return JD_TIME_NONE;
    return s.n > 11 ? v * 1000 : v * 1000000;
}

/* The sum of what stands in front of "*hh". 1: it is right; 0: it is wrong; -1: there is none. */
static int sum_of(jd_str s, jd_str digits, unsigned *said, unsigned *is) {
    *is = jd_xor8(s);
    if (digits.n < 2 || hex_digit(digits.p[0]) < 0 || hex_digit(digits.p[1]) < 0) return -1;
    *said = (unsigned)(hex_digit(digits.p[0]) << 4 | hex_digit(digits.p[1]));
    return *said == *is;
}

/* A TAG block (NMEA 0183 4.10), if one stands here. One that cannot be trusted is passed over. */
static int tag_block(const jd_link_set *set, jd_str *s, sentence *x, jd_arena *a, jd_frame *out, jd_err *err) {
    if (!s->n || *s->p != '\\') return 0;
    *s = (jd_str){s->p + 1, s->n - 1};
    unsigned said, is;
    jd_str block = cut(s, '\\'), digits = block, inside = cut(&digits, '*');
    if (sum_of(inside, digits, &said, &is) != 1)
        return lapse("the TAG block's checksum does not hold", "TAG 块校验不符");
    while (inside.n) {
        jd_str item = cut(&inside, ',');
        if (item.n < 2 || item.p[1] != ':') continue;
        jd_str value = {item.p + 2, item.n - 2};
        if (*item.p == 'c') x->time = unix_time(value);
        if (*item.p == 's') x->source = value;
        if (*item.p == 'g') {
            cut(&value, '-');
            cut(&value, '-');
            x->group = value;
        }
    }
    return 0;
}

/* The US Coast Guard's files go on behind the checksum: signal, slot, station, and the time of reception. */
static int appendix(const jd_link_set *set, jd_str s, sentence *x, jd_arena *a, jd_frame *out, jd_err *err) {
    if (!s.n) return 0;
    while (s.n && x->time == JD_TIME_NONE) {
        jd_str item = cut(&s, ',');
        if (item.n == 10) x->time = unix_time(item);
    }
    return lapse("text stands behind the checksum", "校验和之后还有内容");
}

/* Takes the sum off; what is left of *s is the sentence without "!" and sum. */
static int checked(const jd_link_set *set, jd_str *s, sentence *x, jd_arena *a, jd_frame *out, jd_err *err) {
    unsigned said = 0, is;
    jd_str digits = {s->p + 1, s->n - 1}, inside = cut(&digits, '*');
    int right = sum_of(inside, digits, &said, &is);
    *s = inside;
    if (!right) return refuse("the checksum is %02X, computed %02X", "校验和为 %02X，计算得 %02X", said, is);
    x->unchecked = right < 0;
    if (x->unchecked) return lapse("the checksum is missing", "缺少校验和");
    return appendix(set, (jd_str){digits.p + 2, digits.n - 2}, x, a, out, err);
}

static int is_armor(char c) {
    return (c >= '0' && c <= 'W') || (c >= '`' && c <= 'w');
}

static int members_of(jd_str s, sentence *x, jd_err *err) {
    size_t commas = 0;
    for (size_t i = 0; i < s.n; i++) commas += s.p[i] == ',';
    if (commas != COMMAS)
        return refuse("the sentence has %zu fields, not 7", "语句有 %zu 个字段，应为 7 个", commas + 1);
    x->talker = (jd_str){s.p, 2};
    x->own = s.p[4] == 'O';
    cut(&s, ',');
    jd_str total = cut(&s, ','), number = cut(&s, ',');
    x->sequence = cut(&s, ',');
    x->channel = cut(&s, ',');
    x->payload = cut(&s, ',');
    x->fill_text = s;
    int64_t of = whole_number(total, 1), no = whole_number(number, 1);
    if (of < 1 || no < 1)
        return refuse("the number of sentences, or of this one, is no digit from 1",
                      "语句总数或语句序号不是 1 至 9 的数字");
    if (no > of) return refuse("sentence %d of %d does not exist", "不存在第 %d 句（共 %d 句）", (int)no, (int)of);
    x->total = (uint32_t)of;
    x->number = (uint32_t)no;
    if (!x->payload.n) return refuse("the sentence carries no message", "语句不含报文");
    for (size_t i = 0; i < x->payload.n; i++)
        if (!is_armor(x->payload.p[i]))
            return refuse("byte %zu of the payload encodes nothing", "载荷第 %zu 字节不是有效编码", i + 1);
    return 0;
}

static int read_sentence(const jd_link_set *set, jd_str s, sentence *x, jd_arena *a, jd_frame *out, jd_err *err) {
    s = trim(s);
    x->time = JD_TIME_NONE;
    if (tag_block(set, &s, x, a, out, err)) return -1;
    if (!is_ais(s)) return refuse("this is no AIS sentence (!..VDM or !..VDO)", "不是 AIS 语句（!..VDM 或 !..VDO）");
    if (checked(set, &s, x, a, out, err) || members_of(s, x, err)) return -1;
    int64_t over = whole_number(x->fill_text, 1);
    if ((over < 0 || over > 5) && lapse("the number of fill bits is none of 0 to 5", "填充位数不是 0 至 5")) return -1;
    x->fill = over < 0 || over > 5 ? 0 : (unsigned)over;
    if (x->channel.n && !jd_str_is(x->channel, "A") && !jd_str_is(x->channel, "B") &&
        lapse("the channel is neither A nor B", "信道既非 A 也非 B"))
        return -1;
    if (x->total > 1 && whole_number(x->sequence, 1) < 0)
        return lapse("the sentences of a message have no number in common", "多句报文缺少序号");
    return 0;
}

static void put_sentence(jd_fields *f, const sentence *x) {
    jd_put_str(f, "talker", x->talker);
    if (x->own) jd_put_bool(f, "own_ship", 1);
    if (x->channel.n) jd_put_gbk(f, "channel", x->channel);
    if (x->source.n) jd_put_gbk(f, "source", x->source);
    if (x->total > 1) {
        jd_put_int(f, "sentences", x->total);
        jd_put_int(f, "sentence_no", x->number);
        if (x->sequence.n) jd_put_gbk(f, "sequence", x->sequence);
    }
}

/* ---- bits ---- */

typedef struct bits {
    unsigned char *six; /* six bits each */
    size_t n;           /* bits */
    int unchecked;      /* without a checksum only the right length shows that a message is whole */
} bits;

/* Adds a payload to what there is; room has been made. Characters go on six at a time unless a sentence in the middle
 * has fill bits: then the later ones stand shifted. */
static void add_payload(bits *b, jd_str payload, unsigned fill) {
    for (size_t i = 0; i < payload.n; i++) {
        unsigned v = (unsigned char)payload.p[i] - 48u;
        v = (v > 40 ? v - 8 : v) & 63;
        unsigned shift = (unsigned)(b->n % 6);
        unsigned char *at = b->six + b->n / 6;
        if (!shift) at[0] = 0;
        at[0] |= (unsigned char)(v >> shift);
        if (shift) at[1] = (unsigned char)(v << (6 - shift) & 63);
        b->n += 6;
    }
    b->n -= b->n < fill ? b->n : fill;
    if (b->n % 6) b->six[b->n / 6] &= (unsigned char)(63 << (6 - b->n % 6));
}

/* n bits (at most 32) from `at`; those behind the end are 0. */
static uint32_t get(const bits *b, size_t at, unsigned n) {
    uint64_t v = 0;
    for (size_t i = at / 6; i * 6 < at + n; i++) v = v << 6 | (i * 6 < b->n ? b->six[i] : 0u);
    unsigned over = (unsigned)((6 - (at + n) % 6) % 6);
    return (uint32_t)(v >> over & (((uint64_t)1 << n) - 1));
}

static int32_t get_signed(const bits *b, size_t at, unsigned n) {
    int64_t v = get(b, at, n);
    return (int32_t)(v >> (n - 1) ? v - ((int64_t)1 << n) : v);
}

/* Six-bit text: '@' fills, and blanks around it say nothing. */
static jd_str get_text(const bits *b, size_t at, size_t n, jd_arena *a) {
    char *text = jd_arena_alloc(a, n / 6 + 1);
    size_t len = 0;
    for (; n >= 6 && at + 6 <= b->n; at += 6, n -= 6) {
        unsigned v = get(b, at, 6);
        if (!v) break;
        text[len++] = (char)(v < 32 ? v + 64 : v);
    }
    return trim((jd_str){text, len});
}

/* Bits from `at` to the end as hex, the last digit filled up with zeros. */
static jd_jval get_hex(const bits *b, size_t at, jd_arena *a) {
    size_t n = at < b->n ? (b->n - at + 7) / 8 : 0;
    char *raw = jd_arena_alloc(a, n + 1);
    for (size_t i = 0; i < n; i++) raw[i] = (char)(unsigned char)get(b, at + 8 * i, 8);
    return jd_jhex(a, (jd_str){raw, n});
}

/* ---- messages ---- */

/* How a field of a message is told. What stands in `none` is "not available". */
typedef enum how {
    NUMBER,  /* as it is */
    TENTHS,  /* of what the name says */
    YES,     /* a bit */
    TEXT,    /* six-bit characters */
    SHIP,    /* MMSI: nine digits */
    PLACE,   /* longitude, and latitude of a bit less behind it */
    TURN,    /* rate of turn by its sensor */
    STATUS,  /* of navigation */
    KIND,    /* of ship and cargo */
    SIZES,   /* bow, stern, port, starboard from the antenna */
    ARRIVAL, /* month, day, hour, minute */
    MOMENT,  /* year to second */
    SECOND,  /* of the minute */
    REST     /* bits to the end, in hex */
} how;
typedef struct field {
    const char *name;
    uint16_t at;
    uint8_t bits, how;
    int16_t none, last; /* -1: every value is one; last: greater ones are not allowed, 0: there are none */
} field;

/* clang-format off */
static const field class_a[] = { /* 1, 2, 3 */
    {"nav_status", 38, 4, STATUS, 15, 0}, {"rot_deg_min", 42, 8, TURN, -1, 0}, {"sog_kn", 50, 10, TENTHS, 1023, 0},
    {"high_accuracy", 60, 1, YES, -1, 0}, {"lon", 61, 28, PLACE, -1, 0}, {"cog", 116, 12, TENTHS, 3600, 3600},
    {"heading", 128, 9, NUMBER, 511, 359}, {"second", 137, 6, SECOND, 60, 0},
    {"special_manoeuvre", 143, 2, NUMBER, 0, 2}, {"raim", 148, 1, YES, -1, 0}, {0}};
static const field base[] = { /* 4, 11 */
    {"utc_time", 38, 40, MOMENT, -1, 0}, {"high_accuracy", 78, 1, YES, -1, 0}, {"lon", 79, 28, PLACE, -1, 0},
    {"epfd", 134, 4, NUMBER, 0, 0}, {"raim", 148, 1, YES, -1, 0}, {0}};
static const field voyage[] = { /* 5 */
    {"ais_version", 38, 2, NUMBER, -1, 0}, {"imo", 40, 30, NUMBER, 0, 0}, {"callsign", 70, 42, TEXT, -1, 0},
    {"ship_name", 112, 120, TEXT, -1, 0}, {"ship_type", 232, 8, KIND, 0, 0}, {"dims", 240, 30, SIZES, -1, 0},
    {"epfd", 270, 4, NUMBER, 0, 0}, {"eta", 274, 20, ARRIVAL, -1, 0}, {"draught_m", 294, 8, TENTHS, 0, 0},
    {"destination", 302, 120, TEXT, -1, 0}, {0}};
static const field to_one[] = { /* 6 */
    {"sequence_no", 38, 2, NUMBER, -1, 0}, {"to_mmsi", 40, 30, SHIP, -1, 0}, {"retransmitted", 70, 1, YES, -1, 0},
    {"dac", 72, 10, NUMBER, -1, 0}, {"fi", 82, 6, NUMBER, -1, 0}, {"data_hex", 88, 0, REST, -1, 0}, {0}};
static const field to_all[] = { /* 8 */
    {"dac", 40, 10, NUMBER, -1, 0}, {"fi", 50, 6, NUMBER, -1, 0}, {"data_hex", 56, 0, REST, -1, 0}, {0}};
static const field rescue[] = { /* 9 */
    {"altitude_m", 38, 12, NUMBER, 4095, 0}, {"sog_kn", 50, 10, NUMBER, 1023, 0}, {"high_accuracy", 60, 1, YES, -1, 0},
    {"lon", 61, 28, PLACE, -1, 0}, {"cog", 116, 12, TENTHS, 3600, 3600}, {"second", 128, 6, SECOND, 60, 0},
    {"altitude_barometric", 134, 1, YES, -1, 0}, {"assigned", 146, 1, YES, -1, 0}, {"raim", 147, 1, YES, -1, 0}, {0}};
static const field text_to_one[] = { /* 12 */
    {"sequence_no", 38, 2, NUMBER, -1, 0}, {"to_mmsi", 40, 30, SHIP, -1, 0}, {"retransmitted", 70, 1, YES, -1, 0},
    {"safety_text", 72, 0, TEXT, -1, 0}, {0}};
static const field text_to_all[] = {{"safety_text", 40, 0, TEXT, -1, 0}, {0}}; /* 14 */
static const field class_b[] = { /* 18 */
    {"sog_kn", 46, 10, TENTHS, 1023, 0}, {"high_accuracy", 56, 1, YES, -1, 0}, {"lon", 57, 28, PLACE, -1, 0},
    {"cog", 112, 12, TENTHS, 3600, 3600}, {"heading", 124, 9, NUMBER, 511, 359}, {"second", 133, 6, SECOND, 60, 0},
    {"carrier_sense", 141, 1, YES, -1, 0}, {"assigned", 146, 1, YES, -1, 0}, {"raim", 147, 1, YES, -1, 0}, {0}};
static const field class_b_more[] = { /* 19 */
    {"sog_kn", 46, 10, TENTHS, 1023, 0}, {"high_accuracy", 56, 1, YES, -1, 0}, {"lon", 57, 28, PLACE, -1, 0},
    {"cog", 112, 12, TENTHS, 3600, 3600}, {"heading", 124, 9, NUMBER, 511, 359}, {"second", 133, 6, SECOND, 60, 0},
    {"ship_name", 143, 120, TEXT, -1, 0}, {"ship_type", 263, 8, KIND, 0, 0}, {"dims", 271, 30, SIZES, -1, 0},
    {"epfd", 301, 4, NUMBER, 0, 0}, {"raim", 305, 1, YES, -1, 0}, {"assigned", 307, 1, YES, -1, 0}, {0}};
static const field aid[] = { /* 21; a name longer than 20 goes on at the end */
    {"aid_type", 38, 5, NUMBER, 0, 0}, {"high_accuracy", 163, 1, YES, -1, 0}, {"lon", 164, 28, PLACE, -1, 0},
    {"dims", 219, 30, SIZES, -1, 0}, {"epfd", 249, 4, NUMBER, 0, 0}, {"second", 253, 6, SECOND, 60, 0},
    {"off_position", 259, 1, YES, -1, 0}, {"aid_status", 260, 8, NUMBER, 0, 0}, {"raim", 268, 1, YES, -1, 0},
    {"virtual", 269, 1, YES, -1, 0}, {"assigned", 270, 1, YES, -1, 0}, {0}};
static const field part_a[] = {{"ship_name", 40, 120, TEXT, -1, 0}, {0}}; /* 24 */
static const field part_b[] = {
    {"ship_type", 40, 8, KIND, 0, 0}, {"vendor", 48, 18, TEXT, -1, 0}, {"callsign", 90, 42, TEXT, -1, 0},
    {"dims", 132, 30, SIZES, -1, 0}, {"epfd", 162, 4, NUMBER, 0, 0}, {0}};
static const field long_range[] = { /* 27 */
    {"high_accuracy", 38, 1, YES, -1, 0}, {"raim", 39, 1, YES, -1, 0}, {"nav_status", 40, 4, STATUS, 15, 0},
    {"lon", 44, 18, PLACE, -1, 0}, {"sog_kn", 79, 6, NUMBER, 63, 0}, {"cog", 85, 9, NUMBER, 511, 359},
    {"position_old", 94, 1, YES, -1, 0}, {0}};
static const field unread[] = {{"data_hex", 38, 0, REST, -1, 0}, {0}};

typedef struct layout {
    uint8_t type, report; /* report: it makes a row */
    uint16_t least, most; /* bits */
    const field *fields;
} layout;
static const layout layouts[] = {
    {1, 1, 168, 168, class_a}, {2, 1, 168, 168, class_a}, {3, 1, 168, 168, class_a}, {4, 1, 168, 168, base},
    {5, 1, 424, 424, voyage}, {6, 0, 88, 1008, to_one}, {7, 0, 72, 168, unread}, {8, 0, 56, 1008, to_all},
    {9, 1, 168, 168, rescue}, {10, 0, 72, 72, unread}, {11, 1, 168, 168, base}, {12, 0, 72, 1008, text_to_one},
    {13, 0, 72, 168, unread}, {14, 0, 40, 1008, text_to_all}, {15, 0, 88, 160, unread}, {16, 0, 96, 144, unread},
    {17, 0, 80, 816, unread}, {18, 1, 168, 168, class_b}, {19, 1, 312, 312, class_b_more}, {20, 0, 72, 160, unread},
    {21, 1, 272, 360, aid}, {22, 0, 168, 168, unread}, {23, 0, 160, 160, unread}, {24, 1, 160, 168, NULL},
    {25, 0, 40, 168, unread}, {26, 0, 60, 1064, unread}, {27, 1, 96, 96, long_range}};

/* What is reserved has no name. */
static const char *const status_names[] = {
    "under way using engine", "at anchor", "not under command", "restricted manoeuvrability",
    "constrained by her draught", "moored", "aground", "engaged in fishing", "under way sailing", NULL, NULL,
    "power-driven vessel towing astern", "power-driven vessel pushing ahead or towing alongside", NULL,
    "AIS-SART is active"};
/* Kinds 30 to 59 have names of their own, of the others the tens say it. */
static const char *const kind_names[] = {
    "fishing", "towing", "towing, long or wide", "dredging or underwater operations", "diving operations",
    "military operations", "sailing", "pleasure craft", NULL, NULL,
    "high speed craft", "high speed craft", "high speed craft", "high speed craft", "high speed craft",
    "high speed craft", "high speed craft", "high speed craft", "high speed craft", "high speed craft",
    "pilot vessel", "search and rescue vessel", "tug", "port tender", "anti-pollution vessel", "law enforcement vessel",
    "local vessel", "local vessel", "medical transport", "ship of a state not party to an armed conflict"};
static const char *const tens_names[] = {NULL, NULL, "wing in ground", NULL, "high speed craft", NULL, "passenger ship",
                                         "cargo ship", "tanker", "other type of ship"};
/* clang-format on */

typedef struct reading {
    const jd_link_set *set;
    jd_arena *a;
    jd_frame *frame;
    jd_err *err;
    jd_fields *f;
    const bits *b;
} reading;

static int not_allowed(reading *r, const char *name, int64_t v) {
    return jd_frame_lapse(r->set, r->frame, r->a, r->err, "%s is %lld, which no ship can say",
                          "%s 的值 %lld 不在允许范围", name, (long long)v);
}

/* Minutes of arc in 10000ths (28 bits) or in tenths (18 bits) to degrees. 181 and 91 degrees: not available. */
static int put_place(reading *r, const field *x) {
    int fine = x->bits == 28;
    int64_t unit = fine ? 600000 : 600, scale = fine ? 100000000 : 100000;
    int64_t lon = get_signed(r->b, x->at, x->bits), lat = get_signed(r->b, x->at + x->bits, x->bits - 1u);
    if (lon == 181 * unit || lat == 91 * unit) return 0;
    if (lon < -180 * unit || lon > 180 * unit) return not_allowed(r, "lon", lon);
    if (lat < -90 * unit || lat > 90 * unit) return not_allowed(r, "lat", lat);
    for (int i = 0; i < 2; i++) {
        int64_t v = (i ? lon : lat) * scale;
        jd_put_dec(r->f, i ? "lon" : "lat", (v + (v < 0 ? -unit : unit) / 2) / unit, fine ? 8 : 5);
    }
    return 0;
}

/* The sensor says 4.733 times the root of degrees a minute; 127: faster than it can say. */
static void put_turn(reading *r, const field *x) {
    int64_t v = get_signed(r->b, x->at, x->bits), tenths = (v * v * 10000000 + 11200644) / 22401289;
    if (v == -128) return;
    if (v == 127 || v == -127)
        jd_put_z(r->f, "turning_fast", v < 0 ? "to port" : "to starboard");
    else
        jd_put_dec(r->f, x->name, v < 0 ? -tenths : tenths, 1);
}

/* Tens from 20 up, but 30 and 50, tell a hazard (A to D) by their units 1 to 4. */
static void put_kind(reading *r, const field *x, unsigned v) {
    const char *name = v >= 30 && v < 60 ? kind_names[v - 30] : v < 100 ? tens_names[v / 10] : NULL;
    jd_put_int(r->f, x->name, v);
    if (name) jd_put_z(r->f, "ship_type_text", name);
    unsigned tens = v / 10, units = v % 10;
    if (tens >= 2 && tens < 10 && tens != 3 && tens != 5 && units >= 1 && units <= 4)
        jd_put_str(r->f, "hazard_category", jd_arena_printf(r->a, "%c", (char)('A' + units - 1)));
}

static void put_sizes(reading *r, const field *x) {
    uint32_t bow = get(r->b, x->at, 9), stern = get(r->b, x->at + 9u, 9), port = get(r->b, x->at + 18u, 6),
             starboard = get(r->b, x->at + 24u, 6);
    if (!bow && !stern && !port && !starboard) return;
    jd_fields d = jd_fields_new(r->a);
    jd_put_int(&d, "bow", bow);
    jd_put_int(&d, "stern", stern);
    jd_put_int(&d, "port", port);
    jd_put_int(&d, "starboard", starboard);
    jd_put(r->f, x->name, jd_fields_end(&d));
    if (bow + stern) jd_put_int(r->f, "length_m", bow + stern);
    if (port + starboard) jd_put_int(r->f, "width_m", port + starboard);
}

/* UTC, without a year; as much as is said. */
static int put_arrival(reading *r, const field *x) {
    unsigned month = get(r->b, x->at, 4), day = get(r->b, x->at + 4u, 5), hour = get(r->b, x->at + 9u, 5),
             minute = get(r->b, x->at + 14u, 6);
    if (!month || !day) return 0;
    if (month > 12 || hour > 24 || minute > 60) return not_allowed(r, x->name, get(r->b, x->at, x->bits));
    if (hour == 24)
        jd_put_str(r->f, x->name, jd_arena_printf(r->a, "%02u-%02u", month, day));
    else
        jd_put_str(r->f, x->name,
                   jd_arena_printf(r->a, "%02u-%02uT%02u:%02uZ", month, day, hour, minute == 60 ? 0 : minute));
    return 0;
}

static int put_moment(reading *r, const field *x) {
    unsigned year = get(r->b, x->at, 14), month = get(r->b, x->at + 14u, 4), day = get(r->b, x->at + 18u, 5),
             hour = get(r->b, x->at + 23u, 5), minute = get(r->b, x->at + 28u, 6), second = get(r->b, x->at + 34u, 6);
    if (!year || !month || !day || hour == 24 || minute == 60 || second == 60) return 0;
    jd_str s = jd_arena_printf(r->a, "%04u-%02u-%02uT%02u:%02u:%02uZ", year, month, day, hour, minute, second);
    jd_time t;
    if (jd_time_parse(s, &t, NULL)) return not_allowed(r, x->name, year);
    jd_put_str(r->f, x->name, s);
    return 0;
}

/* Seconds of the minute when the position was taken; 61 to 63 say how it was come by instead. */
static void put_second(reading *r, const field *x, unsigned v) {
    static const char *const by[] = {"hand", "dead reckoning", "nothing: out of order"};
    if (v < 60) jd_put_int(r->f, x->name, v);
    if (v > 60) jd_put_z(r->f, "position_by", by[v - 61]);
}

static int put_number(reading *r, const field *x, int64_t v) {
    if (v == x->none) return 0;
    if (x->last && v > x->last) return not_allowed(r, x->name, v);
    if (x->how == TENTHS)
        jd_put_dec(r->f, x->name, v, 1);
    else
        jd_put_int(r->f, x->name, v);
    return 0;
}

static void put_text(reading *r, const field *x) {
    jd_str s = get_text(r->b, x->at, x->bits ? x->bits : r->b->n - x->at, r->a);
    if (s.n) jd_put_str(r->f, x->name, s);
}

static int put_field(reading *r, const field *x) {
    size_t end = x->at + (size_t)x->bits * (x->how == PLACE ? 2 : 1) - (x->how == PLACE);
    if (r->b->n <= x->at || (r->b->n < end && x->how != TEXT)) return 0; /* not there: the message was cut */
    uint32_t v = x->bits <= 32 ? get(r->b, x->at, x->bits) : 0;
    switch (x->how) {
    case YES: jd_put_bool(r->f, x->name, v != 0); break;
    case TEXT: put_text(r, x); break;
    case SHIP:
        if (v) jd_put_str(r->f, x->name, jd_arena_printf(r->a, "%09u", (unsigned)v));
        break;
    case PLACE: return put_place(r, x);
    case TURN: put_turn(r, x); break;
    case STATUS:
        if (v == 15) break;
        jd_put_int(r->f, x->name, v);
        if (status_names[v]) jd_put_z(r->f, "nav_status_text", status_names[v]);
        break;
    case KIND:
        if (v) put_kind(r, x, v);
        break;
    case SIZES: put_sizes(r, x); break;
    case ARRIVAL: return put_arrival(r, x);
    case MOMENT: return put_moment(r, x);
    case SECOND: put_second(r, x, v); break;
    case REST: jd_put(r->f, x->name, get_hex(r->b, x->at, r->a)); break;
    default: return put_number(r, x, v);
    }
    return 0;
}

/* A name of an aid to navigation: 20 characters, and what is over at the message's end. */
static void put_aid_name(reading *r) {
    jd_str name = get_text(r->b, 43, 120, r->a), more = {"", 0};
    if (r->b->n > 272) more = get_text(r->b, 272, r->b->n - 272, r->a);
    if (more.n) name = jd_arena_printf(r->a, "%-20.*s%.*s", JD_STR_ARG(name), JD_STR_ARG(more));
    if (name.n) jd_put_str(r->f, "aid_name", name);
}

/* Message 24 comes in two parts, each a message of its own; the second of an auxiliary craft names its mother ship. */
static int put_part(reading *r, uint32_t mmsi, size_t *least, const field **fields) {
    static const field aux[] = {{"ship_type", 40, 8, KIND, 0, 0},  {"vendor", 48, 18, TEXT, -1, 0},
                                {"callsign", 90, 42, TEXT, -1, 0}, {"mothership_mmsi", 132, 30, SHIP, -1, 0},
                                {"epfd", 162, 4, NUMBER, 0, 0},    {0}};
    uint32_t part = get(r->b, 38, 2);
    *fields = !part ? part_a : part > 1 ? unread : mmsi / 10000000 == 98 ? aux : part_b;
    if (part) *least = 168;
    if (part > 1) return not_allowed(r, "part", part);
    jd_put_z(r->f, "part", part ? "B" : "A");
    return 0;
}

static const layout *layout_of(unsigned type) {
    return type >= 1 && type <= sizeof layouts / sizeof *layouts ? &layouts[type - 1] : NULL;
}

static int put_fields(reading *r, const layout *l, const field *fields) {
    for (const field *x = fields; x->name; x++)
        if (put_field(r, x)) return -1;
    if (l->type == 21) put_aid_name(r);
    return 0;
}

static int read_fields(reading *r, const layout *l, uint32_t mmsi) {
    const field *fields = l->fields;
    size_t least = l->least, n = r->b->n;
    if (l->type == 24 && put_part(r, mmsi, &least, &fields)) return -1;
    if (n >= least && n <= l->most) return put_fields(r, l, fields);
    if (r->b->unchecked)
        return jd_fail(r->err, JD_E_BAD_REQUEST_DATA, "message %u without a checksum has %zu bits",
                       "无校验和的消息 %u 有 %zu 位，长度不符", l->type, n);
    if (jd_frame_lapse(r->set, r->frame, r->a, r->err, "message %u has %zu bits; %zu to %u are right",
                       "消息 %u 有 %zu 位，应为 %zu 至 %u 位", l->type, n, least, l->most))
        return -1;
    return put_fields(r, l, fields);
}

/* Reads a whole message; f holds what the sentence said. */
static int read_message(const jd_link_set *set, const bits *b, jd_arena *a, jd_fields *f, jd_frame *out, jd_err *err) {
    reading r = {set, a, out, err, f, b};
    if (b->n < 38) return refuse("%zu bits are too few for a type and a ship", "%zu 位不足以表示类型和船舶", b->n);
    unsigned type = get(b, 0, 6);
    uint32_t mmsi = get(b, 8, 30);
    const layout *l = layout_of(type);
    out->kind = jd_arena_printf(a, "%u", type);
    out->device = jd_arena_printf(a, "%09u", (unsigned)mmsi);
    jd_put_int(f, "type", type);
    jd_put_str(f, "mmsi", out->device);
    if (get(b, 6, 2)) jd_put_int(f, "repeat", get(b, 6, 2));
    if (mmsi > 999999999 && not_allowed(&r, "mmsi", mmsi)) return -1;
    if (!l) {
        jd_put(f, "data_hex", get_hex(b, 38, a));
        if (b->unchecked) return refuse("there is no message %u", "没有消息类型 %u", type);
        return lapse("there is no message %u", "没有消息类型 %u", type);
    }
    return read_fields(&r, l, mmsi);
}

static void put_row(jd_arena *a, jd_frame *out, int rc) {
    const jd_jval *type = jd_jget(&out->fields, "type");
    const layout *l = !rc && type ? layout_of((unsigned)type->dec) : NULL;
    if (!l || !l->report) return;
    out->rows = jd_arena_alloc(a, sizeof *out->rows);
    *out->rows = out->fields;
    out->rows_n = 1;
}

/* ---- frames ---- */

static void put_time(jd_fields *f, jd_time t) {
    char text[JD_TIME_TEXT_MAX];
    if (t == JD_TIME_NONE) return;
    size_t n = jd_time_print(t, -1, text);
    jd_put_str(f, "time", jd_arena_dup(f->a, (jd_str){text, n}));
}

static bits new_bits(jd_arena *a, size_t characters) {
    return (bits){jd_arena_zalloc(a, characters + 2), 0, 0};
}

/* A part's payload as the joined message is read from: characters, how many bits of them are filling, whether a
 * checksum was missing, and when; a comma and a blank encode nothing and so may stand between. */
static void put_in_parts(const sentence *x, jd_arena *a, jd_frame *out) {
    out->part = x->number;
    out->parts = x->total;
    out->payload = jd_arena_printf(a, "%.*s,%u,%d,%lld ", JD_STR_ARG(x->payload), x->fill, x->unchecked,
                                   x->time == JD_TIME_NONE ? -1LL : (long long)x->time);
    out->part_key = x->group.n ? jd_arena_printf(a, "g%.*s", (int)(x->group.n < 40 ? x->group.n : 40), x->group.p)
                               : jd_arena_printf(a, "%.1s%.1s", x->sequence.n ? x->sequence.p : "-",
                                                 x->channel.n ? x->channel.p : "-");
}

static int frame(const jd_link_set *set, jd_str bytes, jd_arena *a, jd_fields *f, jd_frame *out, jd_err *err) {
    sentence x = {0};
    if (read_sentence(set, bytes, &x, a, out, err)) return -1;
    put_sentence(f, &x);
    put_time(f, x.time);
    if (x.total > 1) {
        put_in_parts(&x, a, out);
        return 0;
    }
    bits b = new_bits(a, x.payload.n);
    add_payload(&b, x.payload, x.fill);
    b.unchecked = x.unchecked;
    return read_message(set, &b, a, f, out, err);
}

static int decode(const jd_link_set *set, const jd_peer *peer, jd_str bytes, jd_arena *a, jd_frame *out, jd_err *err) {
    (void)peer;
    jd_fields f = jd_fields_new(a);
    int rc = frame(set, bytes, a, &f, out, err);
    out->fields = jd_fields_end(&f);
    put_row(a, out, rc);
    return rc;
}

static int decode_joined(const jd_link_set *set, jd_str payload, jd_arena *a, jd_frame *last, jd_err *err) {
    jd_fields f = {.a = a, .m = last->fields.members, .n = last->fields.n, .cap = last->fields.n};
    bits b = new_bits(a, payload.n);
    int timed = jd_jget(&last->fields, "time") != NULL;
    while (payload.n) {
        jd_str part = cut(&payload, ' '), text = cut(&part, ','), fill = cut(&part, ','), sum = cut(&part, ',');
        int64_t over = whole_number(fill, 1), when = whole_number(part, 18);
        add_payload(&b, text, over < 0 ? 0 : (unsigned)over);
        b.unchecked |= !jd_str_is(sum, "0");
        if (!timed && when >= 0) put_time(&f, when);
        timed |= when >= 0;
    }
    int rc = read_message(set, &b, a, &f, last, err);
    last->fields = jd_fields_end(&f);
    put_row(a, last, rc);
    return rc;
}

static void reply(const jd_link_set *set, const jd_frame *f, jd_outcome outcome, jd_time now, jd_peer *peer,
                  jd_buf *out) {
    (void)set, (void)f, (void)outcome, (void)now, (void)peer, (void)out; /* who broadcasts does not listen */
}

const jd_protocol jd_ais = {.name = "ais",
                            .en = "AIS (ITU-R M.1371-5 in NMEA 0183 sentences)",
                            .zh = "AIS 船舶自动识别（ITU-R M.1371-5，NMEA 0183 语句）",
                            .frame_max = FRAME_MAX,
                            .text = 1,
                            .parts_s = 5,
                            .find = find,
                            .decode = decode,
                            .decode_joined = decode_joined,
                            .reply = reply};

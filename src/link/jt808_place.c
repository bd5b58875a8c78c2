/* JT/T 808-2013 clause 8.18 (and its text in JT/T 808-2019): the location body of 0200, which also stands in 0201,
 * 0500, 0704 and 0801, with its additional items: 808's own, the video alarms of JT/T 1078-2016, active safety as
 * T/JSATL 12-2017 has it. An item that does not fit its table stays as hex: vendors use the same numbers for their own.
 */
#include "link/jt808_int.h"

#define NAME(z) \
    { z, sizeof(z) - 1 }

typedef struct bit_name {
    unsigned char bit;
    unsigned short since; /* edition that gave the bit this meaning; before, it is somebody's own */
    jd_str name;
} bit_name;

static const bit_name status_bits[] = {
    {0, 0, NAME("acc")},
    {1, 0, NAME("positioned")},
    {4, 0, NAME("out_of_service")},
    {5, 0, NAME("coordinates_shifted")},
    {6, 2019, NAME("forward_collision_warning")},
    {7, 2019, NAME("lane_departure_warning")},
    {10, 0, NAME("fuel_cut")},
    {11, 0, NAME("power_cut")},
    {12, 0, NAME("doors_locked")},
    {13, 0, NAME("door_front_open")},
    {14, 0, NAME("door_middle_open")},
    {15, 0, NAME("door_rear_open")},
    {16, 0, NAME("door_driver_open")},
    {17, 0, NAME("door_other_open")},
    {18, 0, NAME("uses_gps")},
    {19, 0, NAME("uses_beidou")},
    {20, 0, NAME("uses_glonass")},
    {21, 0, NAME("uses_galileo")},
    {22, 2019, NAME("moving")},
};

static const bit_name alarm_bits[] = {
    {0, 0, NAME("alarm_sos")},
    {1, 0, NAME("alarm_overspeed")},
    {2, 0, NAME("alarm_fatigue")},
    {3, 0, NAME("alarm_danger")},
    {4, 0, NAME("alarm_gnss_fault")},
    {5, 0, NAME("alarm_antenna_open")},
    {6, 0, NAME("alarm_antenna_short")},
    {7, 0, NAME("alarm_power_low")},
    {8, 0, NAME("alarm_power_lost")},
    {9, 0, NAME("alarm_display_fault")},
    {10, 0, NAME("alarm_tts_fault")},
    {11, 0, NAME("alarm_camera_fault")},
    {12, 0, NAME("alarm_card_reader_fault")},
    {13, 0, NAME("alarm_overspeed_soon")},
    {14, 0, NAME("alarm_fatigue_soon")},
    {15, 2019, NAME("alarm_illegal_driving")},
    {16, 2019, NAME("alarm_tyre_pressure")},
    {17, 2019, NAME("alarm_blind_spot")},
    {18, 0, NAME("alarm_driving_time")},
    {19, 0, NAME("alarm_parking_time")},
    {20, 0, NAME("alarm_area")},
    {21, 0, NAME("alarm_route")},
    {22, 0, NAME("alarm_route_time")},
    {23, 0, NAME("alarm_route_left")},
    {24, 0, NAME("alarm_vss_fault")},
    {25, 0, NAME("alarm_fuel")},
    {26, 0, NAME("alarm_stolen")},
    {27, 0, NAME("alarm_ignition")},
    {28, 0, NAME("alarm_moved")},
    {29, 0, NAME("alarm_collision")},
    {30, 0, NAME("alarm_rollover")},
    {31, 0, NAME("alarm_door")},
};

static const bit_name signal_bits[] = {
    {0, 0, NAME("signal_low_beam")},  {1, 0, NAME("signal_high_beam")}, {2, 0, NAME("signal_right_turn")},
    {3, 0, NAME("signal_left_turn")}, {4, 0, NAME("signal_brake")},     {5, 0, NAME("signal_reverse")},
    {6, 0, NAME("signal_fog_lamp")},  {7, 0, NAME("signal_outline")},   {8, 0, NAME("signal_horn")},
    {9, 0, NAME("signal_aircon")},    {10, 0, NAME("signal_neutral")},  {11, 0, NAME("signal_retarder")},
    {12, 0, NAME("signal_abs")},      {13, 0, NAME("signal_heater")},   {14, 0, NAME("signal_clutch")},
};

static const bit_name video_bits[] = {
    {0, 0, NAME("alarm_video_lost")},       {1, 0, NAME("alarm_video_covered")}, {2, 0, NAME("alarm_storage_fault")},
    {3, 0, NAME("alarm_video_fault")},      {4, 0, NAME("alarm_overcrowded")},   {5, 0, NAME("alarm_driver_behaviour")},
    {6, 0, NAME("alarm_video_store_full")},
};

/* Which of a table's names mappings read, as a bit for each row of it: found once for each set of wanted names that a
 * thread meets, since a location has sixty such names and most links want none of them. */
typedef struct bits_wanted {
    uint64_t wanted;
    uint32_t rows;
} bits_wanted;

static uint32_t rows_wanted(const jd_link_set *set, const bit_name *names, size_t n, bits_wanted *known) {
    if (!set->rows_only || !set->wanted) return UINT32_MAX;
    if (known->wanted == set->wanted) return known->rows;
    *known = (bits_wanted){.wanted = set->wanted};
    for (size_t i = 0; i < n; i++)
        if (jd_link_wants(set, names[i].name)) known->rows |= UINT32_C(1) << i;
    return known->rows;
}

static void put_bits(jd_fields *f, const bit_name *names, size_t n, uint32_t word, unsigned edition, uint32_t rows) {
    for (rows &= UINT32_MAX >> (32 - n); rows; rows &= rows - 1) { /* n is 1 to 32 */
        const bit_name *b = &names[__builtin_ctz(rows)];
        if (b->since <= edition) jd_put_named(f, b->name, (jd_jval){.type = word >> b->bit & 1 ? JD_JTRUE : JD_JFALSE});
    }
}
#define PUT_BITS(set, f, names, word, edition)                                                                \
    do {                                                                                                      \
        static _Thread_local bits_wanted known;                                                               \
        _Static_assert(COUNT_OF(names) <= 32, "a bit for each row");                                          \
        put_bits(f, names, COUNT_OF(names), word, edition, rows_wanted(set, names, COUNT_OF(names), &known)); \
    } while (0)
#define COUNT_OF(x) (sizeof(x) / sizeof *(x))

/* ---- values at fixed places ---- */

static uint32_t number(const char *p, unsigned size) {
    return size == 4 ? jd_be32(p) : size == 2 ? jd_be16(p) : (unsigned char)*p;
}

int jt808__time(jd_fields *f, const char *name, const char *p) {
    int v[6], bad = 0;
    for (int i = 0; i < 6; i++) bad |= (v[i] = jd_bcd(p[i])) < 0;
    if (!bad && !jd_put_time8(f, name, 2000 + v[0], v[1], v[2], v[3], v[4], v[5])) return 0;
    jd_put_named(f, jd_arena_printf(f->a, "%s_hex", name), jd_jhex(f->a, (jd_str){p, 6}));
    return -1;
}

void jt808__text(jd_fields *f, const char *name, jd_str s) {
    while (s.n && !*s.p) s.p++, s.n--;
    const char *nul = s.n ? memchr(s.p, 0, s.n) : NULL;
    if (nul) s.n = (size_t)(nul - s.p);
    while (s.n && s.p[s.n - 1] == ' ') s.n--;
    jd_put_gbk(f, name, s);
}

void jt808__parts(jd_fields *f, const jt808_part *parts, size_t n, const char *p) {
    for (size_t i = 0; i < n; p += parts[i++].size) {
        const jt808_part *at = &parts[i];
        switch (at->how) {
        case JT808_INT: jd_put_int(f, at->name, number(p, at->size)); break;
        case JT808_TENTHS: jd_put_dec(f, at->name, number(p, at->size), 1); break;
        case JT808_MICRO: jd_put_dec(f, at->name, number(p, at->size), 6); break;
        case JT808_TEXT: jt808__text(f, at->name, (jd_str){p, at->size}); break;
        case JT808_TIME: (void)jt808__time(f, at->name, p); break;
        default: break; /* reserved bytes */
        }
    }
}

static jd_jval object(jd_arena *a, const jt808_part *parts, size_t n, const char *p) {
    jd_fields f = jd_fields_new(a);
    jt808__parts(&f, parts, n, p);
    return jd_fields_end(&f);
}

/* ---- items ---- */

typedef struct item {
    unsigned id;
    jd_str s;
} item;

typedef struct item_kind {
    unsigned char size, how;
    jd_str name;
} item_kind;

static const item_kind plain_items[] = {
    /* by id; size 0: none of these */
    [0x01] = {4, JT808_TENTHS, NAME("mileage_km")},
    [0x02] = {2, JT808_TENTHS, NAME("fuel_l")},
    [0x03] = {2, JT808_TENTHS, NAME("recorder_speed_kmh")},
    [0x04] = {2, JT808_INT, NAME("event_id")},
    [0x14] = {4, JT808_INT, NAME("video_alarms")},
    [0x15] = {4, JT808_INT, NAME("video_lost_channels")},
    [0x16] = {4, JT808_INT, NAME("video_covered_channels")},
    [0x17] = {2, JT808_INT, NAME("video_storage_faults")},
    [0x25] = {4, JT808_INT, NAME("vehicle_signals")},
    [0x2a] = {2, JT808_INT, NAME("io_state")},
    [0x2b] = {4, JT808_INT, NAME("analog")},
    [0x30] = {1, JT808_INT, NAME("signal")},
    [0x31] = {1, JT808_INT, NAME("satellites")},
};

static const jt808_part overspeed_parts[] = {{"place_type", 1, JT808_INT}, {"area_id", 4, JT808_INT}};
static const jt808_part area_parts[] = {{"type", 1, JT808_INT}, {"id", 4, JT808_INT}, {"direction", 1, JT808_INT}};
static const jt808_part route_parts[] = {{"id", 4, JT808_INT}, {"seconds", 2, JT808_INT}, {"result", 1, JT808_INT}};
static const jt808_part behaviour_parts[] = {{"kinds", 2, JT808_INT}, {"fatigue_degree", 1, JT808_INT}};

/* Active safety: what differs, then what all four have in common, then the mark by which the evidence is fetched: the
 * terminal's number has 7 bytes in Jiangsu's table and 30 in those that follow the 2019 edition. */
static const jt808_part assistance_parts[] = {
    {"alarm_id", 4, JT808_INT},  {"state", 1, JT808_INT},           {"type", 1, JT808_INT},
    {"level", 1, JT808_INT},     {"front_speed_kmh", 1, JT808_INT}, {"front_gap_s", 1, JT808_TENTHS},
    {"deviation", 1, JT808_INT}, {"road_sign", 1, JT808_INT},       {"road_sign_value", 1, JT808_INT},
};
static const jt808_part driver_parts[] = {
    {"alarm_id", 4, JT808_INT}, {"state", 1, JT808_INT},          {"type", 1, JT808_INT},
    {"level", 1, JT808_INT},    {"fatigue_degree", 1, JT808_INT}, {NULL, 4, JT808_SKIP},
};
static const jt808_part tyre_parts[] = {{"alarm_id", 4, JT808_INT}, {"state", 1, JT808_INT}};
static const jt808_part blind_parts[] = {{"alarm_id", 4, JT808_INT}, {"state", 1, JT808_INT}, {"type", 1, JT808_INT}};
static const jt808_part safety_parts[] = {
    {"speed_kmh", 1, JT808_INT}, {"alt_m", 2, JT808_INT}, {"lat", 4, JT808_MICRO},
    {"lon", 4, JT808_MICRO},     {"time", 6, JT808_TIME}, {"vehicle_status", 2, JT808_INT},
};
static const jt808_part mark7_parts[] = {
    {"terminal", 7, JT808_TEXT},   {"evidence_time", 6, JT808_TIME},
    {"evidence_no", 1, JT808_INT}, {"evidence_files", 1, JT808_INT},
    {NULL, 1, JT808_SKIP},
};
static const jt808_part mark30_parts[] = {
    {"terminal", 30, JT808_TEXT},  {"evidence_time", 6, JT808_TIME},
    {"evidence_no", 1, JT808_INT}, {"evidence_files", 1, JT808_INT},
    {NULL, 2, JT808_SKIP},
};
static const jt808_part tyre_item_parts[] = {
    {"tyre", 1, JT808_INT},          {"kinds", 2, JT808_INT},           {"pressure_kpa", 2, JT808_INT},
    {"temperature_c", 2, JT808_INT}, {"battery_percent", 2, JT808_INT},
};
enum { SAFETY = 19, MARK7 = 16, MARK30 = 40, TYRE_ITEM = 9 };

/* The tyres behind an alarm of item 66. */
static void put_tyres(jd_fields *f, jd_str s) {
    jd_list tyres = jd_list_new(f->a);
    for (size_t at = 1; at + TYRE_ITEM <= s.n; at += TYRE_ITEM)
        jd_list_add(&tyres, object(f->a, tyre_item_parts, COUNT_OF(tyre_item_parts), s.p + at));
    jd_put(f, "tyres", jd_list_end(&tyres));
}

/* Does s begin with `head` bytes, the common part and a mark, and has it nothing behind but (tyres) a counted list? */
static int safety_fits(jd_str s, size_t head, size_t mark, int tyres) {
    size_t fixed = head + SAFETY + mark;
    if (!tyres) return s.n == fixed;
    return s.n > fixed && s.n == fixed + 1 + (unsigned char)s.p[fixed] * (size_t)TYRE_ITEM;
}

static int safety(jd_arena *a, jd_str s, const jt808_part *own, size_t own_n, int tyres, jd_jval *v) {
    size_t head = 0;
    for (size_t i = 0; i < own_n; i++) head += own[i].size;
    int short_mark = safety_fits(s, head, MARK7, tyres);
    if (!short_mark && !safety_fits(s, head, MARK30, tyres)) return -1;
    jd_fields f = jd_fields_new(a);
    jt808__parts(&f, own, own_n, s.p);
    jt808__parts(&f, safety_parts, COUNT_OF(safety_parts), s.p + head);
    const char *mark = s.p + head + SAFETY;
    if (short_mark)
        jt808__parts(&f, mark7_parts, COUNT_OF(mark7_parts), mark);
    else
        jt808__parts(&f, mark30_parts, COUNT_OF(mark30_parts), mark);
    size_t fixed = head + SAFETY + (short_mark ? MARK7 : MARK30);
    if (tyres) put_tyres(&f, (jd_str){s.p + fixed, s.n - fixed});
    *v = jd_fields_end(&f);
    return 0;
}

/* 2019 gives the carriage's temperature a sign bit and a size; devices also send two's complement, which read so would
 * be colder than anything: the smaller size is meant. */
static jd_jval temperature(const char *p) {
    uint32_t v = jd_be16(p);
    int64_t c = v < 0x8000 ? (int64_t)v : v < 0xc000 ? -(int64_t)(v & 0x7fff) : (int64_t)v - 0x10000;
    return jd_jint(c);
}

/* One byte for each wheel, FF where there is none. */
static jd_jval wheels(jd_arena *a, jd_str s) {
    jd_list l = jd_list_new(a);
    size_t n = s.n;
    while (n && (unsigned char)s.p[n - 1] == 0xff) n--;
    for (size_t i = 0; i < n; i++)
        jd_list_add(&l, (unsigned char)s.p[i] == 0xff ? jd_jmake_null() : jd_jint((unsigned char)s.p[i]));
    return jd_list_end(&l);
}

/* Items whose value is more than a number. 0 with *name and *v; -1: none of these, or not its size. */
static int rich_item(jd_arena *a, item it, jd_str *name, jd_jval *v) {
    const char *p = it.s.p;
    size_t n = it.s.n;
#define FOUND(z, value) return *name = JD_STR(z), *v = (value), 0
    if (it.id == 0x05 && n == 30) FOUND("tyre_pressures", wheels(a, it.s));
    if (it.id == 0x06 && n == 2) FOUND("carriage_temp_c", temperature(p));
    if (it.id == 0x11 && (n == 1 || n == 5)) FOUND("overspeed", object(a, overspeed_parts, n == 5 ? 2 : 1, p));
    if (it.id == 0x12 && n == 6) FOUND("area", object(a, area_parts, COUNT_OF(area_parts), p));
    if (it.id == 0x13 && n == 7) FOUND("route_time", object(a, route_parts, COUNT_OF(route_parts), p));
    if (it.id == 0x18 && (n == 2 || n == 3)) FOUND("driver_behaviour", object(a, behaviour_parts, n - 1, p));
#undef FOUND
    switch (it.id) {
    case 0x64:
        *name = JD_STR("driver_assistance");
        return safety(a, it.s, assistance_parts, COUNT_OF(assistance_parts), 0, v);
    case 0x65: *name = JD_STR("driver_state"); return safety(a, it.s, driver_parts, COUNT_OF(driver_parts), 0, v);
    case 0x66: *name = JD_STR("tyre_alarm"); return safety(a, it.s, tyre_parts, COUNT_OF(tyre_parts), 1, v);
    case 0x67: *name = JD_STR("blind_spot"); return safety(a, it.s, blind_parts, COUNT_OF(blind_parts), 0, v);
    default: return -1;
    }
}

static int is_video(unsigned id) {
    return id >= 0x14 && id <= 0x18;
}

static int known_item(jd_arena *a, item it, jd_str *name, jd_jval *v) {
    const item_kind *k = it.id < COUNT_OF(plain_items) ? &plain_items[it.id] : NULL;
    if (!k || !k->size) return rich_item(a, it, name, v);
    if (k->size != it.s.n) return -1;
    *name = k->name;
    *v = jd_jdec(number(it.s.p, k->size), k->how == JT808_TENTHS);
    return 0;
}

/* Is this a number that only JT/T 808 itself gives out? (14-18 and 64-67 had other owners first.) */
static int is_standard(unsigned id) {
    return (id >= 0x01 && id <= 0x06) || (id >= 0x11 && id <= 0x13) || id == 0x25 || id == 0x2a || id == 0x2b ||
           id == 0x30 || id == 0x31;
}

/* Vendors put a list of their own into EB: length 2 (with the id), id 2, value. Only one that fits to the byte is. */
static void put_sublist(jd_fields *f, jd_str s) {
    jd_list l = jd_list_new(f->a);
    size_t at = 0;
    while (s.n - at >= 4) {
        size_t n = jd_be16(s.p + at);
        if (n < 2 || n > s.n - at - 2) return;
        jd_fields one = jd_fields_new(f->a);
        jd_put_hex(&one, "id", (jd_str){s.p + at + 2, 2});
        jd_put_hex(&one, "hex", (jd_str){s.p + at + 4, n - 2});
        jd_list_add(&l, jd_fields_end(&one));
        at += 2 + n;
    }
    if (l.n && at == s.n) jd_put(f, "list", jd_list_end(&l));
}

/* One item of 14-18 with a length that JT/T 1078 does not know: the vendor had these numbers before it, so the others
 * are the vendor's too. */
static int has_own_video(jd_str s) {
    for (size_t at = 0; s.n - at >= 2;) {
        unsigned id = (unsigned char)s.p[at], n = (unsigned char)s.p[at + 1];
        if (n > s.n - at - 2) return 0;
        if (is_video(id) && (id < 0x17 ? n != 4 : n != 2 && (id == 0x17 || n != 3))) return 1;
        at += 2 + n;
    }
    return 0;
}

typedef struct item_list {
    jd_str all;
    int own_video; /* -1: not looked yet */
    int shown;     /* the list itself is wanted */
    uint64_t read; /* then not: see items_read */
    jd_list items;
    jd_fields named;        /* what goes beside the list; of a repeated item the first */
    unsigned char seen[32]; /* a bit for each id that is in `named` */
} item_list;

static int is_own_video(item_list *l, unsigned id) {
    if (!is_video(id)) return 0;
    if (l->own_video < 0) l->own_video = has_own_video(l->all);
    return l->own_video;
}

/* Of the plain items those that mappings read something of, as bits by id: found once for each set of wanted names. */
static uint64_t items_read(const jd_link_set *set) {
    static _Thread_local struct { uint64_t wanted, items; } known;
    _Static_assert(COUNT_OF(plain_items) <= 64, "a bit for each item");
    if (!set->rows_only || !set->wanted) return UINT64_MAX;
    if (known.wanted == set->wanted) return known.items;
    known.wanted = set->wanted;
    known.items = 0;
    for (size_t id = 0; id < COUNT_OF(plain_items); id++)
        if (jd_link_wants(set, plain_items[id].name)) known.items |= UINT64_C(1) << id;
    for (size_t i = 0; i < COUNT_OF(video_bits); i++)
        if (jd_link_wants(set, video_bits[i].name)) known.items |= UINT64_C(1) << 0x14;
    for (size_t i = 0; i < COUNT_OF(signal_bits); i++)
        if (jd_link_wants(set, signal_bits[i].name)) known.items |= UINT64_C(1) << 0x25;
    if (jd_link_wants(set, JD_STR("analog_0")) || jd_link_wants(set, JD_STR("analog_1")))
        known.items |= UINT64_C(1) << 0x2b;
    return known.items;
}

/* A plain item, in order, of which nobody reads anything. */
static int is_passed_over(const item_list *l, item it) {
    return !l->shown && it.id < COUNT_OF(plain_items) && plain_items[it.id].size && plain_items[it.id].size == it.s.n &&
           !(l->read >> it.id & 1);
}

/* What single bits of some items say. */
static void put_item_bits(const jd_link_set *set, jd_fields *f, item it) {
    if (it.id == 0x14) PUT_BITS(set, f, video_bits, jd_be32(it.s.p), 0);
    if (it.id == 0x25) PUT_BITS(set, f, signal_bits, jd_be32(it.s.p), 0);
    if (it.id == 0x2b) {
        jd_put_int(f, "analog_0", jd_be16(it.s.p + 2));
        jd_put_int(f, "analog_1", jd_be16(it.s.p));
    }
}

/* The item as the list of fields shows it: its bytes, and behind them what they say. */
static jd_fields shown_item(jd_arena *a, item it) {
    jd_fields f = jd_fields_sized(a, 3);
    char id = (char)(unsigned char)it.id;
    jd_put_hex(&f, "id", (jd_str){&id, 1});
    jd_put_hex(&f, "hex", it.s);
    return f;
}

static void add_item(jt808_reader *r, item_list *l, item it) {
    jd_fields f = {0};
    jd_str name;
    jd_jval v;
    if (l->shown) f = shown_item(r->a, it);
    if (!is_own_video(l, it.id) && !known_item(r->a, it, &name, &v)) {
        if (l->shown) jd_put_named(&f, name, v);
        unsigned char *seen = &l->seen[it.id >> 3], bit = (unsigned char)(1u << (it.id & 7));
        if (!(*seen & bit)) {
            if (jd_link_wants(r->set, name)) jd_put_named(&l->named, name, v);
            put_item_bits(r->set, &l->named, it);
        }
        *seen |= bit;
    } else if (it.id == 0xeb) {
        if (l->shown) put_sublist(&f, it.s);
    } else if (is_standard(it.id)) {
        jd_frame_fault(r->out, r->a, "item %02x has %zu bytes, which it cannot have: kept as hex",
                       "附加信息项 %02x 长 %zu 字节，与标准不符，按十六进制保留", it.id, it.s.n);
    }
    if (l->shown) jd_list_add(&l->items, jd_fields_end(&f));
}

/* The rest of a list that ends badly: said beside it, kept as hex. */
static void bad_end(jt808_reader *r, jd_fields *f, jd_str rest) {
    if (rest.n == 1) {
        unsigned char c = (unsigned char)*rest.p;
        jd_put_str(f, "items_error", jd_arena_printf(r->a, "1 stray byte(s) after the last item: %02x", c));
        jd_frame_fault(r->out, r->a, "1 stray byte after the last item: %02x", "附加信息项之后多出 1 字节：%02x", c);
    } else {
        unsigned id = (unsigned char)rest.p[0], says = (unsigned char)rest.p[1];
        jd_put_str(f, "items_error",
                   jd_arena_printf(r->a, "item %02x says length %u but %zu bytes are left", id, says, rest.n - 2));
        jd_frame_fault(r->out, r->a, "item %02x says length %u but %zu bytes are left",
                       "附加信息项 %02x 声明长度 %u，但只剩 %zu 字节", id, says, rest.n - 2);
    }
    jd_put_hex(f, "items_rest", rest);
}

static void put_items(jt808_reader *r, jd_fields *f, jd_str s, item_list *l) {
    size_t at = 0;
    l->all = s;
    l->own_video = -1;
    l->read = items_read(r->set);
    while (s.n - at >= 2) {
        size_t n = (unsigned char)s.p[at + 1];
        if (n > s.n - at - 2) break;
        item it = {(unsigned char)s.p[at], {s.p + at + 2, n}};
        if (!is_passed_over(l, it)) add_item(r, l, it);
        at += 2 + n;
    }
    if (l->shown) jd_put(f, "items", jd_list_end(&l->items));
    if (at < s.n) bad_end(r, f, (jd_str){s.p + at, s.n - at});
}

/* ---- the 28 bytes ---- */

/* Millionths of a degree; the sign is a status bit, but some send two's complement. 0; -1: no such place. */
static int degrees(uint32_t raw, int minus, int32_t most, int32_t *v, int *complement) {
    int32_t whole = (int32_t)raw;
    if (whole < 0 && whole >= -most) {
        *v = whole;
        *complement = 1;
        return 0;
    }
    *v = minus ? -whole : whole;
    return whole < 0 || whole > most ? -1 : 0;
}

/* Puts lat and lon. Returns whether a row may have them. */
static int put_position(jt808_reader *r, jd_fields *f, const char *p, uint32_t status) {
    int32_t lat, lon;
    int complement = 0, bad = degrees(jd_be32(p), status >> 2 & 1, 90000000, &lat, &complement);
    bad |= degrees(jd_be32(p + 4), status >> 3 & 1, 180000000, &lon, &complement);
    if (bad) {
        jd_put_int(f, "lat_raw", jd_be32(p));
        jd_put_int(f, "lon_raw", jd_be32(p + 4));
        jd_put_z(f, "position_error", "outside the globe");
        jd_frame_fault(r->out, r->a, "latitude %u, longitude %u (millionths of a degree): outside the globe",
                       "纬度 %u、经度 %u（百万分之一度）超出地球范围", jd_be32(p), jd_be32(p + 4));
        return 0;
    }
    if (complement)
        jd_frame_fault(r->out, r->a, "negative coordinates as two's complement, not by the status bits",
                       "负坐标以补码表示，而非按状态位");
    jd_put_dec(f, "lat", lat, 6);
    jd_put_dec(f, "lon", lon, 6);
    if (!(status & 2)) return 0;
    if (lat || lon) return 1;
    jd_frame_fault(r->out, r->a, "positioned at latitude 0, longitude 0: not taken for a fix",
                   "状态为已定位，但经纬度均为 0：不作为有效定位");
    return 0;
}

static void put_motion(jt808_reader *r, jd_fields *f, const char *p) {
    jd_put_int(f, "alt_m", jd_be16(p));
    jd_put_dec(f, "speed_kmh", jd_be16(p + 2), 1);
    unsigned direction = jd_be16(p + 4);
    jd_put_int(f, "direction", direction);
    if (direction > 359)
        jd_frame_fault(r->out, r->a, "direction %u: 0-359 is allowed", "方向 %u：应为 0-359", direction);
    if (jt808__time(f, "time", p + 6))
        jd_frame_fault(r->out, r->a, "time is no time: kept as hex", "时间无效，按十六进制保留");
}

static void put_words(const jd_link_set *set, jd_fields *f, uint32_t alarm, uint32_t status, unsigned edition) {
    static const char *const load[] = {"empty", "half", NULL, "full"};
    PUT_BITS(set, f, status_bits, status, edition);
    if (load[status >> 8 & 3]) jd_put_z(f, "load", load[status >> 8 & 3]);
    PUT_BITS(set, f, alarm_bits, alarm, edition);
}

static jd_fields begin_row(jt808_reader *r, uint32_t n) {
    jd_fields row = jd_fields_sized(r->a, n + 4);
    row.wanted = jd_link_wanted(r->set);
    jd_put_str(&row, "msg_id", r->id);
    jd_put_str(&row, "phone", r->phone);
    jd_put_int(&row, "serial", r->own->serial);
    return row;
}

/* Of a place without a fix the row lacks the position and says so; the list of items is for fields only. */
static void add_row(jt808_reader *r, const jd_fields *f, int fixed, int backlog) {
    jd_fields row = begin_row(r, f->n);
    uint32_t items = 0;
    while (items < f->n && !jd_str_is(f->m[items].name, "items")) items++;
    if (fixed) { /* all but the list, as it stands */
        memcpy(row.m + row.n, f->m, items * sizeof *row.m);
        row.n += items;
        if (items < f->n) memcpy(row.m + row.n, f->m + items + 1, (f->n - items - 1) * sizeof *row.m);
        if (items < f->n) row.n += f->n - items - 1;
    }
    for (uint32_t i = 0; i < f->n && !fixed; i++) {
        jd_str name = f->m[i].name;
        if (i == items || jd_str_is(name, "lat") || jd_str_is(name, "lon")) continue;
        if (jd_str_is(name, "positioned"))
            jd_put_bool(&row, "positioned", 0);
        else
            jd_put_named(&row, name, f->m[i].val);
    }
    if (backlog) jd_put_bool(&row, "backlog", 1);
    jd_list_add(&r->rows, jd_fields_end(&row));
}

/* The same where the fields themselves were put into the row. */
static void end_row(jt808_reader *r, jd_fields *row, int fixed, int backlog) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < row->n && !fixed; i++) {
        jd_jmember *m = &row->m[i];
        if (jd_str_is(m->name, "lat") || jd_str_is(m->name, "lon")) continue;
        if (jd_str_is(m->name, "positioned")) m->val = jd_jmake_bool(0);
        row->m[n++] = *m;
    }
    if (!fixed) row->n = n;
    if (backlog) jd_put_bool(row, "backlog", 1);
    jd_list_add(&r->rows, jd_fields_end(row));
}

void jt808__place(jt808_reader *r, jd_str s, jd_fields *f, int row, int backlog) {
    int row_alone = row && r->set->rows_only;
    jd_fields only;
    if (row_alone) {
        only = begin_row(r, JT808_PLACE_FIELDS);
        for (uint32_t i = 0; i < f->n; i++)
            jd_put_named(&only, f->m[i].name, f->m[i].val); /* the serial of a question */
        f = &only;
    }
    uint32_t alarm = jd_be32(s.p), status = jd_be32(s.p + 4);
    jd_put_int(f, "alarm", alarm);
    jd_put_int(f, "status", status);
    int fixed = put_position(r, f, s.p + 8, status);
    put_motion(r, f, s.p + 16);
    item_list l = {.shown = !row_alone, .items = jd_list_new(r->a), .named = jd_fields_sized(r->a, 32)};
    if (s.n > JT808_PLACE) put_items(r, f, (jd_str){s.p + JT808_PLACE, s.n - JT808_PLACE}, &l);
    put_words(r->set, f, alarm, status, r->own->edition);
    for (uint32_t i = 0; i < l.named.n; i++) jd_put_named(f, l.named.m[i].name, l.named.m[i].val);
    if (row_alone)
        end_row(r, &only, fixed, backlog);
    else if (row)
        add_row(r, f, fixed, backlog);
}

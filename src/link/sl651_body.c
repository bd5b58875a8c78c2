/* link/sl651_body.c - SL 651-2014: what stands between a frame's start and end mark, in HEX/BCD mode (clause 6.6; what
 * each function carries: 6.6.4; elements: annex C, settings: annex D). The names of elements are ours.
 *
 *   serial 2 | time of sending YYMMDDhhmmss | F1F1 station 5 [class 1] | F0F0 time of observation YYMMDDhhmm | elements
 *   element: guide 1 (FF and one more: the vendor's own) | definition (5 bits of bytes, 3 of decimals) | BCD
 *
 * A row is a moment of observation at one station; where an element comes twice for a moment (gates in groups, annex
 * E.3) the second begins a further row of that moment. Values that are missing (FF throughout) are null in the fields
 * and absent from rows. */
#include "link/sl651_int.h"

enum { ELEMENTS_MAX = 4096 }; /* of one message; rows, too: what a joined one may cost */
static const jd_time MINUTE = 60 * 1000000;

static unsigned u8(char c) {
    return (unsigned char)c;
}

/* ---- what the names are ---- */

/* clang-format off */
/* Elements of annex C by their guide; the unit ends the name. NULL: told in another way. */
static const char *const element_names[] = {
    /* 00 */ NULL, "section_area_m2", "air_temperature_c", "water_temperature_c", NULL, NULL, "evaporation_day_mm",
    /* 07 */ "evaporation_now_mm", "pressure_hpa", "gate_opening_m", "gate_number", "gate_type", "gates_open",
    /* 0d */ "ground_temperature_c", "groundwater_depth_m", "wave_height_m",
    /* 10 */ "soil_10cm_pct", "soil_20cm_pct", "soil_30cm_pct", "soil_40cm_pct", "soil_50cm_pct", "soil_60cm_pct",
    /* 16 */ "soil_80cm_pct", "soil_100cm_pct", "humidity_pct", "pumps_running",
    /* 1a */ "rain_1h_mm", "rain_2h_mm", "rain_3h_mm", "rain_6h_mm", "rain_12h_mm", "rain_24h_mm", "rain_day_mm",
    /* 21 */ "rain_in_1min_mm", "rain_in_5min_mm", "rain_in_10min_mm", "rain_in_30min_mm", "rain_storm_mm",
    /* 26 */ "rain_total_mm", "flow_m3s", "intake1_flow_m3s", "intake2_flow_m3s", "intake3_flow_m3s",
    /* 2b */ "intake4_flow_m3s", "intake5_flow_m3s", "intake6_flow_m3s", "intake7_flow_m3s", "intake8_flow_m3s",
    /* 30 */ "outflow_m3s", "gate_flow_m3s", "sediment_load_10kt", "wind_direction_16", "wind_force", "wind_speed_ms",
    /* 36 */ "section_velocity_ms", "velocity_ms", "battery_v", "level_m", "level_below_m", "level_above_m",
    /* 3c */ "intake1_level_m", "intake2_level_m", "intake3_level_m", "intake4_level_m", "intake5_level_m",
    /* 41 */ "intake6_level_m", "intake7_level_m", "intake8_level_m", "sediment_kgm3", "alarm_bits",
    /* 46 */ "ph", "dissolved_oxygen_mgl", "conductivity_uscm", "turbidity_deg", "permanganate_mgl", "redox_mv",
    /* 4c */ "ammonia_mgl", "phosphorus_mgl", "nitrogen_mgl", "organic_carbon_mgl", "copper_mgl", "zinc_mgl",
    /* 52 */ "selenium_mgl", "arsenic_mgl", "mercury_mgl", "cadmium_mgl", "lead_mgl", "chlorophyll_a_mgl",
    /* 58 */ "pressure1_kpa", "pressure2_kpa", "pressure3_kpa", "pressure4_kpa", "pressure5_kpa", "pressure6_kpa",
    /* 5e */ "pressure7_kpa", "pressure8_kpa", "meter1_left_m3", "meter2_left_m3", "meter3_left_m3", "meter4_left_m3",
    /* 64 */ "meter5_left_m3", "meter6_left_m3", "meter7_left_m3", "meter8_left_m3", "meter1_m3h", "meter2_m3h",
    /* 6a */ "meter3_m3h", "meter4_m3h", "meter5_m3h", "meter6_m3h", "meter7_m3h", "meter8_m3h",
    /* 70 */ "voltage_a_v", "voltage_b_v", "voltage_c_v", "current_a_a", "current_b_a", "current_c_a"};
/* Twelve values of an hour, from guide F4. */
static const char *const hour_names[] = {
    "rain_5min_mm", "level_5min_m", "level2_5min_m", "level3_5min_m", "level4_5min_m", "level5_5min_m",
    "level6_5min_m", "level7_5min_m", "level8_5min_m"};
/* Bits of table 58; NULL: a state rather than an alarm, told in its own member. */
static const char *const alarm_names[] = {
    "mains_off", "battery_low", "level_limit", "flow_limit", "quality_limit", "flow_meter_fault", "level_meter_fault",
    NULL, "storage_fault", NULL, NULL, "water_left_limit"};

/* What stands behind serial and time, by function (annex B). */
typedef enum shape {
    OPAQUE, NOTHING, REPORT, MANUAL, PARAMS, PUMP, VERSION, STATUS, BITS, GATES, RATION, EVENTS
} shape;
typedef struct function {
    unsigned char code, shape;
    const char *name;
} function;
static const function functions[] = {
    {0x2f, NOTHING, "keepalive"},   {0x30, REPORT, "test"},           {0x31, REPORT, "even_interval"},
    {0x32, REPORT, "timed"},        {0x33, REPORT, "extra"},          {0x34, REPORT, "hourly"},
    {0x35, MANUAL, "manual"},       {0x36, REPORT, "picture"},        {0x37, REPORT, "now"},
    {0x38, REPORT, "period"},       {0x39, MANUAL, "last_manual"},    {0x3a, REPORT, "chosen_elements"},
    {0x40, PARAMS, "set_basic"},    {0x41, PARAMS, "basic"},          {0x42, PARAMS, "set_running"},
    {0x43, PARAMS, "running"},      {0x44, PUMP, "pump"},             {0x45, VERSION, "version"},
    {0x46, STATUS, "status"},       {0x47, NOTHING, "clear_storage"}, {0x48, NOTHING, "factory_reset"},
    {0x49, PARAMS, "set_password"}, {0x4a, NOTHING, "set_clock"},     {0x4b, STATUS, "set_ic_card"},
    {0x4c, BITS, "pump_switches"},  {0x4d, BITS, "valve_switches"},   {0x4e, GATES, "gate_switches"},
    {0x4f, RATION, "water_ration"}, {0x50, EVENTS, "events"},         {0x51, NOTHING, "clock"}};
/* clang-format on */

static const char *name_of(unsigned guide) {
    if (guide >= 0xf4 && guide <= 0xfc) return hour_names[guide - 0xf4];
    return guide < sizeof element_names / sizeof *element_names ? element_names[guide] : NULL;
}

static const function *function_of(unsigned code) {
    static const function other = {0, OPAQUE, NULL};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (functions[i].code == code) return &functions[i];
    return &other;
}

/* ---- a message as it is read ---- */

typedef struct moment { /* a row in the making */
    jd_time at;         /* JD_TIME_NONE: not known */
    jd_str station;     /* five bytes */
    uint64_t seen[8];   /* guides that have their member; 256 and up: those behind FF */
    jd_fields row;
} moment;

typedef struct reading {
    const jd_link_set *set;
    jd_arena *a;
    jd_frame *frame;
    jd_err *err;
    sl651_heading *h;
    jd_fields *f;
    const char *p, *end; /* what is left of the body */
    jd_list elements;
    jd_time sent, observed; /* JD_TIME_NONE: not said, or no such time */
    jd_str station, class;  /* of the group being read; class as text */
    int observed_said;
    int64_t step; /* minutes between the values of a series; -1: not said */
    moment *moments;
    uint32_t n, cap;
} reading;

#define lapse(r, ...) jd_frame_lapse((r)->set, (r)->frame, (r)->a, (r)->err, __VA_ARGS__)

static size_t left(const reading *r) {
    return (size_t)(r->end - r->p);
}

static jd_str take(reading *r, size_t n) {
    jd_str s = {r->p, n};
    r->p += n;
    return s;
}

/* YYMMDDHHmm[SS] in packed decimal, years of this century. */
static jd_time time_of(jd_str bcd) {
    char text[] = "20yy-mm-ddThh:mm:00Z";
    for (size_t i = 0; i < bcd.n; i++) {
        if (jd_bcd(bcd.p[i]) < 0) return JD_TIME_NONE;
        text[2 + 3 * i] = (char)('0' + (u8(bcd.p[i]) >> 4));
        text[3 + 3 * i] = (char)('0' + (bcd.p[i] & 15));
    }
    jd_time t;
    if (text[17] > '5' || jd_time_parse((jd_str){text, sizeof text - 1}, &t, NULL)) return JD_TIME_NONE;
    return t - 8 * 60 * MINUTE;
}

static jd_jval time_text(jd_arena *a, jd_time t, int seconds) {
    jd_clock8 c = jd_clock8_of(t);
    jd_str s = seconds ? jd_arena_printf(a, "%04d-%02d-%02dT%02d:%02d:%02d+08:00", c.year, c.month, c.day, c.hour,
                                         c.minute, c.second)
                       : jd_arena_printf(a, "%04d-%02d-%02dT%02d:%02d+08:00", c.year, c.month, c.day, c.hour, c.minute);
    return jd_jmake_str(s);
}

jd_str sl651__byte(jd_arena *a, unsigned v) {
    return jd_arena_printf(a, "%02x", v);
}

jd_str sl651__station(jd_arena *a, jd_str five) {
    jd_jval v = jd_jhex(a, five);
    char *text = jd_arena_alloc(a, v.n);
    for (uint32_t i = 0; i < v.n; i++) text[i] = (char)(v.s[i] >= 'a' ? v.s[i] - 32 : v.s[i]);
    return (jd_str){text, v.n};
}

/* 6.2.3.2: eight signs behind 00; else an area and a number. */
void sl651__put_station_code(jd_fields *f, jd_str five) {
    const char *p = five.p;
    jd_str whole = sl651__station(f->a, five);
    if (!*p)
        jd_put_str(f, "station_code", (jd_str){whole.p + 2, whole.n - 2});
    else if (jd_bcd(p[0]) >= 0 && jd_bcd(p[1]) >= 0 && jd_bcd(p[2]) >= 0)
        jd_put_str(f, "station_code", jd_arena_printf(f->a, "%.6s%06u", whole.p, (unsigned)jd_be16(p + 3)));
}

/* ---- rows ---- */

static jd_fields *new_row(reading *r, jd_time at) {
    if (r->n == ELEMENTS_MAX) return NULL;
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 4;
        moment *more = jd_arena_alloc(r->a, r->cap * sizeof *more);
        if (r->n) memcpy(more, r->moments, r->n * sizeof *more);
        r->moments = more;
    }
    moment *m = &r->moments[r->n++];
    *m = (moment){.at = at, .station = r->station, .row = jd_fields_new(r->a)};
    jd_put_str(&m->row, "station", sl651__station(r->a, r->station));
    sl651__put_station_code(&m->row, r->station);
    jd_put_str(&m->row, "func", sl651__byte(r->a, r->h->func));
    if (r->sent != JD_TIME_NONE) jd_put(&m->row, "time", time_text(r->a, r->sent, 1));
    if (at != JD_TIME_NONE) jd_put(&m->row, "obs_time", time_text(r->a, at, at % MINUTE != 0));
    if (r->class.n) jd_put_str(&m->row, "station_class", r->class);
    return &m->row;
}

/* The row of that moment which has no member of that guide yet. NULL: there are too many. */
static jd_fields *row_of(reading *r, jd_time at, unsigned guide) {
    moment *m = NULL;
    for (uint32_t i = r->n; i-- > 0 && !m;)
        if (r->moments[i].at == at && jd_str_eq(r->moments[i].station, r->station)) m = &r->moments[i];
    if (!m || m->seen[guide / 64] >> guide % 64 & 1) {
        if (!new_row(r, at)) return NULL;
        m = &r->moments[r->n - 1];
    }
    m->seen[guide / 64] |= (uint64_t)1 << guide % 64;
    return &m->row;
}

/* What has no time of observation was read when it was sent. */
static jd_time moment_now(const reading *r) {
    return r->observed_said ? r->observed : r->sent;
}

static jd_str guide_text(jd_arena *a, unsigned guide) {
    return guide < 256 ? sl651__byte(a, guide) : jd_arena_printf(a, "ff%02x", guide - 256);
}

static jd_fields *put_in_row(reading *r, jd_time at, unsigned guide, jd_jval v) {
    jd_fields *row = row_of(r, at, guide);
    if (!row) return NULL;
    if (name_of(guide)) jd_put(row, name_of(guide), v);
    jd_put_named(row, jd_arena_printf(r->a, guide < 256 ? "e%02x" : "eff%02x", guide & 255), v);
    return row;
}

/* ---- elements ---- */

static jd_fields element_of(reading *r, unsigned guide) {
    jd_fields e = jd_fields_new(r->a);
    jd_put_str(&e, "guide", guide_text(r->a, guide));
    if (name_of(guide)) jd_put_z(&e, "name", name_of(guide));
    return e;
}

static void add_element(reading *r, const jd_fields *e) {
    jd_list_add(&r->elements, jd_fields_end(e));
}

/* From an element that cannot be read: its bytes are kept, and reading goes on at the next time of observation. */
static int spoiled(reading *r, const char *from, unsigned guide, const char *en, const char *zh) {
    if (lapse(r, "element %.*s: %s%.0s", "要素 %.*s：%.0s%s", JD_STR_ARG(guide_text(r->a, guide)), en, zh)) return -1;
    const char *next = r->end;
    for (const char *p = from + 1; r->end - p >= 7 && next == r->end; p++)
        if (u8(p[0]) == 0xf0 && u8(p[1]) == 0xf0 && time_of((jd_str){p + 2, 5}) != JD_TIME_NONE) next = p;
    jd_fields e = jd_fields_new(r->a);
    jd_put_str(&e, "guide", guide_text(r->a, guide));
    jd_put_hex(&e, "hex", (jd_str){from, (size_t)(next - from)});
    add_element(r, &e);
    r->p = next;
    return 0;
}

/* Packed decimal to a number, exactly (6.6.3.3): a leading FF is the minus sign, FF throughout is "no value" (null).
 * -1: these are no digits. */
static int decimal(jd_arena *a, jd_str raw, unsigned places, jd_jval *out) {
    size_t ff = 0;
    while (ff < raw.n && u8(raw.p[ff]) == 0xff) ff++;
    if (ff == raw.n) {
        *out = jd_jmake_null();
        return 0;
    }
    char digits[8 + 2 * 31];
    size_t n = 0, first = 0;
    int some = 0;
    while (n <= places) digits[n++] = '0';
    for (size_t i = ff ? 1 : 0; i < raw.n; i++) {
        if (jd_bcd(raw.p[i]) < 0) return -1;
        digits[n++] = (char)('0' + (u8(raw.p[i]) >> 4));
        digits[n++] = (char)('0' + (raw.p[i] & 15));
        some |= raw.p[i];
    }
    while (first + places + 1 < n && digits[first] == '0') first++;
    char *text = jd_arena_alloc(a, n - first + 2), *to = text;
    if (ff && some) *to++ = '-';
    for (; first < n; first++) {
        if (places && n - first == places) *to++ = '.';
        *to++ = digits[first];
    }
    *out = (jd_jval){.type = JD_JNUM, .n = (uint32_t)(to - text), .s = text};
    return 0;
}

/* Table 58. Doors, cards and pumps are states, so they are told either way. */
static void put_alarms(jd_fields *f, uint32_t bits) {
    jd_list set = jd_list_new(f->a);
    for (size_t i = 0; i < sizeof alarm_names / sizeof *alarm_names; i++)
        if (alarm_names[i] && bits >> i & 1) jd_list_add(&set, jd_jmake_str(jd_str_of(alarm_names[i])));
    jd_put(f, "alarms", jd_list_end(&set));
    jd_put_bool(f, "door_closed", bits >> 7 & 1);
    jd_put_bool(f, "ic_card_valid", bits >> 9 & 1);
    jd_put_bool(f, "pump_stopped", bits >> 10 & 1);
}

static int alarms(reading *r, const char *from, unsigned def) {
    if (def != 0x20 || left(r) < 4) return spoiled(r, from, 0x45, "not 4 bytes of status", "不是 4 字节的状态");
    uint32_t bits = jd_be32(take(r, 4).p);
    jd_jval v = jd_jint(bits);
    jd_fields e = element_of(r, 0x45);
    jd_put(&e, "value", v);
    jd_put(&e, "alarm_bits", v);
    put_alarms(&e, bits);
    add_element(r, &e);
    jd_fields *row = put_in_row(r, moment_now(r), 0x45, v);
    if (row) put_alarms(row, bits);
    return 0;
}

/* Table C.3: days, hours, minutes, of which one is not zero; all zero before the twelve values of an hour. */
static int step(reading *r, const char *from, unsigned def) {
    jd_str s = {r->p, 3};
    if (def != 0x18 || left(r) < 3 || jd_bcd(s.p[0]) < 0 || jd_bcd(s.p[1]) < 0 || jd_bcd(s.p[2]) < 0)
        return spoiled(r, from, 4, "not 3 bytes of days, hours and minutes", "不是 3 字节的日、时、分");
    take(r, 3);
    r->step = (int64_t)jd_bcd(s.p[0]) * 1440 + jd_bcd(s.p[1]) * 60 + jd_bcd(s.p[2]);
    jd_fields e = element_of(r, 4);
    jd_put_hex(&e, "step", s);
    jd_put_int(&e, "step_minutes", r->step);
    add_element(r, &e);
    return 0;
}

/* HH.mm, hours and minutes: no decimal fraction, so minutes are told beside what is written. */
static void duration(reading *r, jd_fields *e, jd_str raw, unsigned places, jd_jval v) {
    int64_t hours = 0;
    size_t whole = raw.n - (places == 2);
    if (v.type != JD_JNUM || *v.s == '-' || whole > 4 || (places && places != 2)) return;
    for (size_t i = 0; i < whole; i++) hours = hours * 100 + jd_bcd(raw.p[i]);
    jd_jval minutes = jd_jint(hours * 60 + (places ? jd_bcd(raw.p[whole]) : 0));
    jd_put(e, "duration_min", minutes);
    jd_fields *row = put_in_row(r, moment_now(r), 5, v);
    if (row) jd_put(row, "duration_min", minutes);
}

/* A series (6.6.4.4): one element, then its values at even steps from the time of observation to the body's end. */
static int series(reading *r, jd_fields *e, unsigned guide, unsigned def) {
    jd_list values = jd_list_new(r->a);
    size_t size = def >> 3;
    for (uint32_t i = 0; left(r) >= size && i < ELEMENTS_MAX; i++) {
        jd_jval v;
        jd_str raw = take(r, size);
        if (decimal(r->a, raw, def & 7, &v)) {
            if (lapse(r, "element %.*s: value %u is not decimal", "要素 %.*s：第 %u 个值不是十进制数",
                      JD_STR_ARG(guide_text(r->a, guide)), i + 1))
                return -1;
            v = jd_jhex(r->a, raw);
        }
        jd_list_add(&values, v);
        if (v.type == JD_JNUM && r->observed != JD_TIME_NONE && r->step > 0)
            put_in_row(r, r->observed + i * r->step * MINUTE, guide, v);
    }
    jd_put(e, "values", jd_list_end(&values));
    size_t rest = left(r);
    if (rest) jd_put_hex(e, "rest_hex", take(r, rest));
    add_element(r, e);
    return rest ? lapse(r, "%zu bytes behind the series are not read", "序列之后的 %zu 字节未解析", rest) : 0;
}

static int is_series(const reading *r, size_t size) {
    return r->step >= 0 && (r->h->func == 0x31 || r->h->func == 0x38) && size && left(r) >= 2 * size;
}

static int plain(reading *r, const char *from, unsigned guide, unsigned def) {
    size_t size = def >> 3;
    if (size > left(r))
        return spoiled(r, from, guide, "more bytes are announced than are left", "声明的字节数超过剩余");
    jd_fields e = element_of(r, guide);
    if (is_series(r, size)) return series(r, &e, guide, def);
    jd_str raw = take(r, size);
    jd_jval v = jd_jmake_null();
    if (!size || decimal(r->a, raw, def & 7, &v)) {
        if (lapse(r, "element %.*s: its data is not decimal", "要素 %.*s：数据不是十进制数",
                  JD_STR_ARG(guide_text(r->a, guide))))
            return -1;
        jd_put_hex(&e, "hex", raw);
    }
    jd_put(&e, "value", v);
    if (guide == 5)
        duration(r, &e, raw, def & 7, v);
    else if (v.type == JD_JNUM)
        put_in_row(r, moment_now(r), guide, v);
    add_element(r, &e);
    return 0;
}

/* When the first of twelve values was taken: at the time of observation (table 36). Stations are seen that give the
 * last one's, which shows as values from behind the time of sending. A link believes that of a full hour; else the
 * times cannot be told. */
static jd_time first_of_hour(reading *r, unsigned guide) {
    jd_time at = r->observed;
    if (!r->set->field || at == JD_TIME_NONE || r->sent == JD_TIME_NONE) return at;
    if (at + 55 * MINUTE <= r->sent + 5 * MINUTE) return at;
    if (at % (60 * MINUTE)) {
        jd_frame_fault(r->frame, r->a,
                       "element %02x: its values would be later than the message; their times are unknown",
                       "要素 %02x：各值时间晚于发报时间，无法确定", guide);
        return JD_TIME_NONE;
    }
    jd_frame_fault(r->frame, r->a, "element %02x: its time of observation is taken for that of the last value",
                   "要素 %02x：观测时间按末组数据的时间处理", guide);
    return at - 55 * MINUTE;
}

/* F4: rain of five minutes in 12 bytes; F5 to FC: levels above a base in 12 times 2. */
static int hour(reading *r, const char *from, unsigned guide, unsigned def) {
    unsigned width = guide == 0xf4 ? 1 : 2, none = width == 1 ? 0xff : 0xffff, right = 12 * width << 3;
    if (def != right && lapse(r, "element %02x is defined as %02x, not %02x", "要素 %02x 的数据定义是 %02x，应为 %02x",
                              guide, def, right))
        return -1;
    if (left(r) < 12 * (size_t)width) return spoiled(r, from, guide, "not twelve values are left", "剩余不足 12 个值");
    jd_time first = first_of_hour(r, guide);
    jd_list values = jd_list_new(r->a);
    for (int i = 0; i < 12; i++) {
        jd_str raw = take(r, width);
        unsigned count = width == 1 ? u8(*raw.p) : (unsigned)jd_be16(raw.p);
        jd_jval v = count == none ? jd_jmake_null() : jd_jdec(count, width == 1 ? 1 : 2);
        jd_list_add(&values, v);
        if (count != none && first != JD_TIME_NONE) put_in_row(r, first + i * 5 * MINUTE, guide, v);
    }
    jd_fields e = jd_fields_new(r->a);
    jd_put_str(&e, "guide", sl651__byte(r->a, guide));
    jd_put(&e, name_of(guide), jd_list_end(&values));
    add_element(r, &e);
    return 0;
}

static int observation(reading *r, const char *from) {
    if (left(r) < 5) return spoiled(r, from, 0xf0, "no time follows", "其后没有时间");
    jd_str bcd = take(r, 5);
    r->observed = time_of(bcd);
    r->observed_said = 1;
    jd_fields e = jd_fields_new(r->a);
    jd_put_z(&e, "guide", "f0");
    if (r->observed != JD_TIME_NONE) {
        jd_put(&e, "obs_time", time_text(r->a, r->observed, 0));
    } else {
        if (lapse(r, "there is no such time of observation", "观测时间不存在")) return -1;
        jd_put_hex(&e, "hex", bcd);
    }
    add_element(r, &e);
    return 0;
}

/* A station's address and, in reports, its class (annex A); the first of a body or a further one (6.6.2.7). */
static int station(reading *r, jd_fields *f, const char *name, int with_class) {
    r->station = take(r, 5);
    r->class = (jd_str){"", 0};
    r->observed = JD_TIME_NONE;
    r->observed_said = 0;
    jd_put_str(f, name, sl651__station(r->a, r->station));
    if (!with_class) return 0;
    if (!left(r) || (u8(*r->p) & 0xfc) == 0xf0) return lapse(r, "the station's class is missing", "缺少遥测站分类码");
    r->class = take(r, 1);
    if (*r->class.p <= 0x20 || *r->class.p >= 0x7f) r->class = sl651__byte(r->a, u8(*r->class.p));
    jd_put_str(f, "station_class", r->class);
    return 0;
}

static int further_station(reading *r, const char *from) {
    if (left(r) < 5) return spoiled(r, from, 0xf1, "no address follows", "其后没有地址");
    jd_fields e = jd_fields_new(r->a);
    jd_put_z(&e, "guide", "f1");
    if (station(r, &e, "station", 1)) return -1;
    add_element(r, &e);
    return 0;
}

static void manual(reading *r) {
    jd_str text = take(r, left(r));
    jd_put_gbk(r->f, "manual_text", text);
    jd_fields *row = row_of(r, moment_now(r), 0xf2);
    if (row) jd_put_gbk(row, "manual_text", text);
}

/* A picture, or velocities in bulk, to the body's end. */
static void bulk(reading *r, unsigned guide) {
    jd_str raw = take(r, left(r));
    jd_fields e = jd_fields_new(r->a);
    jd_put_str(&e, "guide", sl651__byte(r->a, guide));
    jd_put_int(&e, "bytes", (int64_t)raw.n);
    jd_put_hex(&e, "hex", raw);
    add_element(r, &e);
    jd_fields *row = row_of(r, moment_now(r), guide);
    if (row) jd_put_int(row, guide == 0xf3 ? "picture_bytes" : "bulk_bytes", (int64_t)raw.n);
}

static int special(reading *r, const char *from, unsigned guide, unsigned def) {
    unsigned wanted = guide == 0xfd ? 0xf6 : guide;
    if (def != wanted &&
        lapse(r, "%02x is followed by %02x, not by %02x", "%02x 之后是 %02x，应为 %02x", guide, def, wanted))
        return -1;
    if (guide == 0xf0) return observation(r, from);
    if (guide == 0xf1) return further_station(r, from);
    if (guide == 0xf2)
        manual(r);
    else
        bulk(r, guide);
    return 0;
}

static int element(reading *r) {
    const char *from = r->p;
    unsigned guide = u8(*from);
    if (left(r) < 2) return spoiled(r, from, guide, "a single byte is left", "只剩一个字节");
    unsigned def = u8(from[1]);
    take(r, 2);
    if (guide == 4) return step(r, from, def);
    if (guide == 0x45) return alarms(r, from, def);
    if (guide >= 0xf4 && guide <= 0xfc) return hour(r, from, guide, def);
    if ((guide >= 0xf0 && guide <= 0xf3) || guide == 0xfd) return special(r, from, guide, def);
    if (guide != 0xff) return plain(r, from, guide, def);
    if (!left(r)) return spoiled(r, from, guide, "a definition is missing", "缺少数据定义");
    return plain(r, from, 256 + def, u8(*take(r, 1).p));
}

static int report(reading *r) {
    for (unsigned n = 0; left(r); n++) {
        if (n == ELEMENTS_MAX) {
            if (lapse(r, "more than %d elements", "要素超过 %d 个", ELEMENTS_MAX)) return -1;
            jd_put_hex(r->f, "rest_hex", take(r, left(r)));
        } else if (element(r)) {
            return -1;
        }
    }
    return 0;
}

/* ---- other bodies ---- */

/* Settings (annex D): as elements, but most are no numbers. */
static int params(reading *r) {
    jd_list list = jd_list_new(r->a);
    while (left(r)) {
        unsigned guide = u8(*r->p), at = guide == 0xff;
        unsigned def = left(r) >= 2 + at ? u8(r->p[1 + at]) : 0;
        size_t size = guide == 0x0e ? def : def >> 3;
        if (left(r) < 2 + at || left(r) - 2 - at < size) {
            take(r, left(r));
            if (lapse(r, "the settings end in the middle of one", "参数在中途结束")) return -1;
            break;
        }
        jd_fields e = jd_fields_new(r->a);
        jd_jval v;
        jd_put_str(&e, "guide", guide_text(r->a, at ? 256 + u8(r->p[1]) : guide));
        take(r, 2 + at);
        jd_str raw = take(r, size);
        jd_put_hex(&e, "data", raw);
        if (guide >= 0x20 && size && !decimal(r->a, raw, def & 7, &v)) jd_put(&e, "value", v);
        jd_list_add(&list, jd_fields_end(&e));
    }
    jd_put(r->f, "params", jd_list_end(&list));
    return 0;
}

static int too_short(reading *r) {
    take(r, left(r));
    return lapse(r, "the body ends early", "正文提前结束");
}

static int version(reading *r) {
    if (!left(r) || left(r) < 1 + (size_t)u8(*r->p)) return too_short(r);
    size_t n = u8(*take(r, 1).p);
    jd_put_gbk(r->f, "version", take(r, n));
    return 0;
}

/* Tables 71, 74 and 77: a bit for each pump, valve or gate, the first lowest; gates say how far they are open. */
static int switches(reading *r, int gates) {
    const char *name = gates ? "gates_open" : r->h->func == 0x4c ? "pumps_on" : "valves_on";
    size_t count = left(r) ? u8(*r->p) : 0, bytes = gates ? (count + 7) / 8 : count;
    if (!left(r) || left(r) < 1 + bytes + (gates ? 2 * count : 0)) return too_short(r);
    take(r, 1);
    jd_list on = jd_list_new(r->a), opening = jd_list_new(r->a);
    jd_str bits = take(r, bytes);
    for (size_t i = 0; i < (gates ? count : 8 * bytes); i++)
        jd_list_add(&on, jd_jmake_bool(u8(bits.p[i / 8]) >> i % 8 & 1));
    for (size_t i = 0; gates && i < count; i++) {
        jd_jval v;
        jd_list_add(&opening, decimal(r->a, take(r, 2), 0, &v) ? jd_jmake_null() : v);
    }
    jd_fields *row = row_of(r, r->sent, 0);
    for (int i = 0; i < 2; i++) {
        jd_fields *to = i ? row : r->f;
        if (!to) continue;
        jd_put(to, name, jd_list_end(&on));
        if (gates) jd_put(to, "gate_openings_cm", jd_list_end(&opening));
    }
    return 0;
}

static int ration(reading *r) {
    if (!left(r)) return too_short(r);
    unsigned v = u8(*take(r, 1).p);
    if (v && v != 0xff)
        return lapse(r, "the water ration is neither on (ff) nor off (00)", "水量定值既非投入（FF）也非退出（00）");
    jd_put_bool(r->f, "ration_on", v == 0xff);
    return 0;
}

/* Table 82: how often each of 32 events has come about. */
static int events(reading *r) {
    if (left(r) < 64) return too_short(r);
    jd_list counts = jd_list_new(r->a);
    for (int i = 0; i < 32; i++) jd_list_add(&counts, jd_jint(jd_be16(take(r, 2).p)));
    jd_put(r->f, "event_counts", jd_list_end(&counts));
    return 0;
}

static int by_shape(reading *r, shape s) {
    switch (s) {
    case PARAMS: return params(r);
    case REPORT:
    case MANUAL:
    case PUMP:
    case STATUS: return report(r);
    case VERSION: return version(r);
    case BITS: return switches(r, 0);
    case GATES: return switches(r, 1);
    case RATION: return ration(r);
    case EVENTS: return events(r);
    case OPAQUE: take(r, left(r)); break;
    case NOTHING: break;
    }
    return 0;
}

static void put_body(reading *r) {
    if (left(r)) jd_put_hex(r->f, "body_hex", (jd_str){r->p, left(r)});
}

/* Serial and time of sending (table 24). */
static int opening(reading *r) {
    if (left(r) < SL651_SERIAL_TIME) {
        put_body(r);
        take(r, left(r));
        return lapse(r, "the body is too short for a serial and a time", "正文不足以容纳流水号和发报时间");
    }
    r->h->serial = (int32_t)jd_be16(take(r, 2).p);
    jd_str bcd = take(r, 6);
    r->sent = time_of(bcd);
    jd_put_int(r->f, "serial", r->h->serial);
    if (r->sent != JD_TIME_NONE) {
        jd_put(r->f, "time", time_text(r->a, r->sent, 1));
        return 0;
    }
    jd_put_hex(r->f, "time_hex", bcd);
    return lapse(r, "there is no such time of sending", "发报时间不存在");
}

static int read_body(reading *r) {
    const function *what = function_of(r->h->func);
    shape s = (shape)what->shape;
    int with_class = s == REPORT || s == PUMP || s == MANUAL, bare = r->h->func == 0x2f || s == MANUAL || s == OPAQUE;
    if (what->name) jd_put_z(r->f, "func_name", what->name);
    if (opening(r)) return -1;
    if (r->h->down) {
        put_body(r);
        return 0;
    }
    if (left(r) >= 7 && u8(r->p[0]) == 0xf1 && u8(r->p[1]) == 0xf1) {
        take(r, 2);
        if (station(r, r->f, "body_station", with_class)) return -1;
    } else if (!bare && r->h->serial >= 0 && lapse(r, "the body names no station", "正文中没有遥测站地址")) {
        return -1;
    }
    if (s != REPORT && s != MANUAL) put_body(r);
    if (by_shape(r, s)) return -1;
    return left(r) ? lapse(r, "%zu bytes too many in the body", "正文多出 %zu 字节", left(r)) : 0;
}

/* Reads a body to its end or to where it is refused; what was read is kept in either case. */
int sl651__body(const jd_link_set *set, jd_arena *a, jd_str bytes, sl651_heading *h, jd_fields *f, jd_frame *out,
                jd_err *err) {
    reading r = {.set = set, .a = a, .frame = out, .err = err, .h = h, .f = f, .p = bytes.p, .end = bytes.p + bytes.n};
    r.elements = jd_list_new(a);
    r.sent = r.observed = JD_TIME_NONE;
    r.station = h->station;
    r.step = -1;
    int rc = read_body(&r);
    if (r.elements.n) jd_put(f, "elements", jd_list_end(&r.elements));
    if (rc || !r.n) return rc;
    out->rows = jd_arena_alloc(a, r.n * sizeof *out->rows);
    out->rows_n = r.n;
    for (uint32_t i = 0; i < r.n; i++) out->rows[i] = jd_fields_end(&r.moments[i].row);
    return 0;
}

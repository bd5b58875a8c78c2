/* GB/T 32960.3-2016, 7.2.3: the information blocks of real-time (02) and re-sent (03) reports.
 *
 * A block is a type byte and what belongs to the type; 01-09 have no length of their own, so a block that does not fit,
 * or an unknown type, ends the reading. Each value goes two ways: into `info` as it stands, with "abnormal" or
 * "invalid" in the place of a number that is none (FE, FFFE; FF, FFFF), and into the row for mappings, where such a
 * value is null beside a member NAME_reason: a mapping can then never store -40 degrees for "no sensor". */
#include "link/gb32960_int.h"

typedef struct item {
    const char *name, *reason;
    uint8_t size, scale;
    uint16_t minus; /* taken off the raw value first */
    uint8_t code;   /* a state, or the number of a part: `info` has it raw even where the row has none */
} item;
#define NUMBER(name, size, scale, minus) \
    { name, name "_reason", size, scale, minus, 0 }
#define CODE(name, size) \
    { name, name "_reason", size, 0, 0, 1 }
#define COUNT_OF(x) (sizeof(x) / sizeof *(x))

/* Table 9 */
static const item vehicle_items[] = {
    CODE("state", 1),
    CODE("charge", 1),
    CODE("mode", 1),
    NUMBER("speed_kmh", 2, 1, 0),
    NUMBER("odo_km", 4, 1, 0),
    NUMBER("voltage_v", 2, 1, 0),
    NUMBER("current_a", 2, 1, 10000),
    NUMBER("soc", 1, 0, 0),
    CODE("dcdc", 1),
    CODE("gear", 1),
    NUMBER("insulation_kohm", 2, 0, 0),
    NUMBER("accelerator", 1, 0, 0),
};
static const item brake_item = NUMBER("brake", 1, 0, 0);
/* Table 11 */
static const item motor_items[] = {
    CODE("no", 1),
    CODE("state", 1),
    NUMBER("controller_c", 1, 0, 40),
    NUMBER("rpm", 2, 0, 20000),
    NUMBER("torque_nm", 2, 1, 20000),
    NUMBER("motor_c", 1, 0, 40),
    NUMBER("input_v", 2, 1, 0),
    NUMBER("dc_a", 2, 1, 10000),
};
enum { MOTOR_SIZE = 12 };
/* Table 12, in front of and behind the probes */
static const item fuel_cell_items[] = {
    NUMBER("voltage_v", 2, 1, 0),
    NUMBER("current_a", 2, 1, 0),
    NUMBER("consumption_kg_100km", 2, 2, 0),
    NUMBER("count", 2, 0, 0),
};
static const item hydrogen_items[] = {
    NUMBER("h2_max_c", 2, 1, 400),
    CODE("h2_max_c_probe", 1),
    NUMBER("h2_max_mg_kg", 2, 0, 0),
    CODE("h2_max_mg_kg_sensor", 1),
    NUMBER("h2_max_mpa", 2, 1, 0),
    CODE("h2_max_mpa_sensor", 1),
    CODE("dcdc", 1),
};
/* Table 13 */
static const item engine_items[] = {CODE("state", 1), NUMBER("rpm", 2, 0, 0), NUMBER("fuel_l_100km", 2, 2, 0)};
/* Table 14 */
static const item status_item = CODE("status", 1);
static const item lon_item = NUMBER("lon", 4, 6, 0), lat_item = NUMBER("lat", 4, 6, 0);
/* Table 16: two of each */
static const item extreme_v_items[] = {CODE("sys", 1), CODE("cell", 1), NUMBER("v", 2, 3, 0)};
static const item extreme_t_items[] = {CODE("sys", 1), CODE("probe", 1), NUMBER("c", 1, 0, 40)};
/* Table 17 */
static const item alarm_items[] = {CODE("level", 1), CODE("flags", 4)};
static const item fault_code_item = CODE("code", 4);
/* Voltages (08) and temperatures (09) of the storage's subsystems, in front of their lists and in them */
static const item cells_items[] = {CODE("sys", 1),           NUMBER("v", 2, 1, 0),
                                   NUMBER("a", 2, 1, 10000), NUMBER("cells_total", 2, 0, 0),
                                   NUMBER("first", 2, 0, 0), NUMBER("count", 1, 0, 0)};
static const item probes_items[] = {CODE("sys", 1), NUMBER("count", 2, 0, 0)};
static const item cell_item = NUMBER("cells_v", 2, 3, 0);
static const item probe_item = NUMBER("c", 1, 0, 40);

/* Table 18: bits 0-18 of the general alarm flags */
static const char *const alarm_bits[] = {"temperature_difference",
                                         "battery_hot",
                                         "pack_overvoltage",
                                         "pack_undervoltage",
                                         "soc_low",
                                         "cell_overvoltage",
                                         "cell_undervoltage",
                                         "soc_high",
                                         "soc_jump",
                                         "pack_mismatch",
                                         "cell_inconsistency",
                                         "insulation",
                                         "dcdc_temperature",
                                         "brake_system",
                                         "dcdc_state",
                                         "motor_controller_temperature",
                                         "high_voltage_interlock",
                                         "motor_temperature",
                                         "pack_overcharge"};

typedef struct pair { /* the same thing for `info` and for the row */
    jd_fields info, row;
} pair;

typedef struct reader {
    jd_arena *a;
    jd_frame *f;
    jd_str left;
    /* Parts of the row; those that may stand in several blocks are gathered. */
    jd_jval single[8];
    jd_list motors, cells, temperatures, own;
    const char *motors_reason;
} reader;

static pair pair_new(jd_arena *a) {
    return (pair){jd_fields_new(a), jd_fields_new(a)};
}

static void put_both(pair *o, const char *name, jd_jval v) {
    jd_put(&o->info, name, v);
    jd_put(&o->row, name, v);
}

static uint32_t raw_of(const char *p, int size) {
    return size == 1 ? (unsigned char)*p : size == 2 ? jd_be16(p) : jd_be32(p);
}

/* Why a raw value is no value; NULL: it is one. */
static const char *reason_of(uint32_t raw, int size) {
    uint32_t top = size == 1 ? 0xff : size == 2 ? 0xffff : 0xffffffff;
    return raw == top ? "invalid" : raw == top - 1 ? "abnormal" : NULL;
}

static jd_jval word(const char *z) {
    return jd_jmake_str(jd_str_of(z));
}

static void put_none(jd_fields *row, const item *it, const char *reason) {
    jd_put(row, it->name, jd_jmake_null());
    jd_put(row, it->reason, word(reason));
}

static void put_item(pair *o, const item *it, uint32_t raw) {
    const char *reason = reason_of(raw, it->size);
    if (!reason) {
        put_both(o, it->name, jd_jdec((int64_t)raw - it->minus, it->scale));
        return;
    }
    jd_put(&o->info, it->name, it->code ? jd_jint(raw) : word(reason));
    put_none(&o->row, it, reason);
}

/* NULL: they are not all there. Else where they stand. */
static const char *put_items(pair *o, const item *items, size_t n, jd_str *left) {
    size_t size = 0;
    for (size_t i = 0; i < n; i++) size += items[i].size;
    const char *from = gb32960__take(left, size), *p = from;
    for (size_t i = 0; i < n && p; p += items[i].size, i++) put_item(o, items + i, raw_of(p, items[i].size));
    return from;
}

/* A list of n equal values; in the row with null for each that is none. -1: they are not all there. */
static int put_list(pair *o, const item *it, const char *name, size_t n, jd_str *left) {
    const char *p = gb32960__take(left, n * it->size);
    if (!p) return -1;
    jd_arena *a = o->info.a;
    jd_jval *info = JD_NEWN(a, jd_jval, n + 1), *row = info;
    for (size_t i = 0; i < n; i++) {
        uint32_t raw = raw_of(p + i * it->size, it->size);
        const char *reason = it->code ? NULL : reason_of(raw, it->size);
        if (reason && row == info) { /* from here on the two differ */
            row = JD_NEWN(a, jd_jval, n + 1);
            memcpy(row, info, i * sizeof *row);
        }
        info[i] = reason ? word(reason) : jd_jdec((int64_t)raw - it->minus, it->scale);
        row[i] = reason ? jd_jmake_null() : info[i];
    }
    jd_put(&o->info, name, (jd_jval){.type = JD_JARR, .n = (uint32_t)n, .items = info});
    jd_put(&o->row, name, (jd_jval){.type = JD_JARR, .n = (uint32_t)n, .items = row});
    return 0;
}

/* ---- the blocks: 0, or -1 where one runs past the data ---- */

/* Table A.1: what the gear byte says bit by bit. */
static void put_gear(pair *o, uint32_t gear) {
    static const char *const names[16] = {"N", "1", "2",  "3",  "4",  "5", "6", "7",
                                          "8", "9", "10", "11", "12", "R", "D", "P"};
    if (reason_of(gear, 1)) return;
    put_both(o, "gear_name", word(names[gear & 15]));
    put_both(o, "braking", jd_jmake_bool(gear & 16));
    put_both(o, "driving", jd_jmake_bool(gear & 32));
}

/* 101 says "pressed, by how much is not measured": no percentage. */
static void put_brake(pair *o, uint32_t brake) {
    if (brake == 101) {
        jd_put_int(&o->info, brake_item.name, brake);
        put_none(&o->row, &brake_item, "on");
    } else {
        put_item(o, &brake_item, brake);
    }
    if (!reason_of(brake, 1)) put_both(o, "brake_on", jd_jmake_bool(brake > 0));
}

static int vehicle(reader *r, pair *o) {
    const char *p = put_items(o, vehicle_items, COUNT_OF(vehicle_items), &r->left);
    const char *brake = p ? gb32960__take(&r->left, 1) : NULL;
    if (!brake) return -1;
    put_brake(o, raw_of(brake, 1));
    put_gear(o, raw_of(p + 15, 1));
    return 0;
}

/* A count of FE or FF says that there is no list. Some senders put one motor of FF behind it all the same. */
static void skip_unset_motor(reader *r) {
    size_t n = 0;
    while (n < r->left.n && n < MOTOR_SIZE && (unsigned char)r->left.p[n] == 0xff) n++;
    if (!n) return;
    gb32960__take(&r->left, n);
    jd_frame_fault(r->f, r->a, "the motor block is unset but holds %zu bytes of FF",
                   "驱动电机数据未填，却带有 %zu 字节 FF", n);
}

static int motors(reader *r, pair *o) {
    const char *p = gb32960__take(&r->left, 1);
    if (!p) return -1;
    uint32_t n = raw_of(p, 1);
    const char *reason = reason_of(n, 1);
    if (reason) {
        jd_put(&o->info, "motors", word(reason));
        r->motors_reason = reason;
        skip_unset_motor(r);
        return 0;
    }
    if (r->left.n < n * MOTOR_SIZE) return -1;
    jd_list info = jd_list_new(r->a);
    for (; n; n--) {
        pair one = pair_new(r->a);
        put_items(&one, motor_items, COUNT_OF(motor_items), &r->left);
        jd_list_add(&info, jd_fields_end(&one.info));
        jd_list_add(&r->motors, jd_fields_end(&one.row));
    }
    jd_put(&o->info, "motors", jd_list_end(&info));
    return 0;
}

static int fuel_cell(reader *r, pair *o) {
    const char *p = put_items(o, fuel_cell_items, COUNT_OF(fuel_cell_items), &r->left);
    if (!p) return -1;
    uint32_t n = raw_of(p + 6, 2);
    if (put_list(o, &probe_item, probe_item.name, reason_of(n, 2) ? 0 : n, &r->left)) return -1;
    return put_items(o, hydrogen_items, COUNT_OF(hydrogen_items), &r->left) ? 0 : -1;
}

static int engine(reader *r, pair *o) {
    return put_items(o, engine_items, COUNT_OF(engine_items), &r->left) ? 0 : -1;
}

/* Table 15. Without a fix the place is the last one known (note to bit 0): not where the car is, so not in the row. */
static int position(reader *r, pair *o) {
    const char *p = gb32960__take(&r->left, 9);
    if (!p) return -1;
    uint32_t status = raw_of(p, 1), x = jd_be32(p + 1), y = jd_be32(p + 5);
    const char *unset = reason_of(status, 1);
    int fix = !unset && !(status & 1), beyond = x > 180000000 || y > 90000000;
    put_item(o, &status_item, status);
    put_both(o, "fix", jd_jmake_bool(fix));
    if (fix && beyond && !reason_of(x, 4) && !reason_of(y, 4))
        jd_frame_fault(r->f, r->a, "longitude %u or latitude %u is beyond the earth's", "经度 %u 或纬度 %u 超出范围", x,
                       y);
    const struct {
        const item *it;
        uint32_t raw, minus;
    } at[] = {{&lon_item, x, status & 4}, {&lat_item, y, status & 2}};
    for (size_t i = 0; i < 2; i++) {
        const char *reason = reason_of(at[i].raw, 4);
        int64_t v = !unset && at[i].minus ? -(int64_t)at[i].raw : (int64_t)at[i].raw;
        jd_jval value = reason ? word(reason) : jd_jdec(v, 6);
        jd_put(&o->info, at[i].it->name, value);
        if (fix && !beyond)
            jd_put(&o->row, at[i].it->name, value);
        else
            put_none(&o->row, at[i].it, reason ? reason : unset ? unset : "invalid");
    }
    return 0;
}

static int extremes(reader *r, pair *o) {
    static const struct {
        const char *name;
        const item *items;
    } parts[] = {
        {"max_v", extreme_v_items}, {"min_v", extreme_v_items}, {"max_t", extreme_t_items}, {"min_t", extreme_t_items}};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        pair one = pair_new(r->a);
        if (!put_items(&one, parts[i].items, 3, &r->left)) return -1;
        jd_put(&o->info, parts[i].name, jd_fields_end(&one.info));
        jd_put(&o->row, parts[i].name, jd_fields_end(&one.row));
    }
    return 0;
}

/* A count byte and as many fault codes of a maker; FE or FF: no list. */
static int fault_codes(reader *r, pair *o, const char *name, const char *reason_name) {
    const char *p = gb32960__take(&r->left, 1);
    if (!p) return -1;
    uint32_t n = raw_of(p, 1);
    const char *reason = reason_of(n, 1);
    if (!reason) return put_list(o, &fault_code_item, name, n, &r->left);
    jd_put(&o->info, name, word(reason));
    jd_put(&o->row, name, jd_jmake_null());
    jd_put(&o->row, reason_name, word(reason));
    return 0;
}

static int alarm_block(reader *r, pair *o) {
    static const char *const lists[][2] = {{"battery", "battery_reason"},
                                           {"motor", "motor_reason"},
                                           {"engine", "engine_reason"},
                                           {"other", "other_reason"}};
    const char *p = put_items(o, alarm_items, COUNT_OF(alarm_items), &r->left);
    if (!p) return -1;
    uint32_t flags = raw_of(p + 1, 4);
    for (size_t i = 0; i < COUNT_OF(alarm_bits) && !reason_of(flags, 4); i++)
        put_both(o, alarm_bits[i], jd_jmake_bool(flags >> i & 1));
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        if (fault_codes(r, o, lists[i][0], lists[i][1])) return -1;
    return 0;
}

/* Blocks 08 and 09 are alike: subsystems, each with some values, a count last, and a list. */
static int subsystems(reader *r, pair *o, const item *items, size_t n, const item *each, jd_list *rows) {
    const char *p = gb32960__take(&r->left, 1);
    if (!p) return -1;
    uint32_t left = raw_of(p, 1);
    const char *reason = reason_of(left, 1);
    if (reason) {
        jd_put(&o->info, "subsystems", word(reason));
        return 0;
    }
    jd_list info = jd_list_new(r->a), row = jd_list_new(r->a);
    for (; left; left--) {
        pair one = pair_new(r->a);
        if (!put_items(&one, items, n, &r->left)) return -1;
        const item *last = items + n - 1;
        uint32_t count = raw_of(r->left.p - last->size, last->size);
        if (put_list(&one, each, each->name, reason_of(count, last->size) ? 0 : count, &r->left)) return -1;
        jd_list_add(&info, jd_fields_end(&one.info));
        jd_list_add(&row, jd_fields_end(&one.row));
    }
    for (uint32_t i = 0; i < row.n; i++) jd_list_add(rows, row.v[i]);
    jd_put(&o->info, "subsystems", jd_list_end(&info));
    return 0;
}

static int cells(reader *r, pair *o) {
    return subsystems(r, o, cells_items, COUNT_OF(cells_items), &cell_item, &r->cells);
}

static int temperatures(reader *r, pair *o) {
    return subsystems(r, o, probes_items, COUNT_OF(probes_items), &probe_item, &r->temperatures);
}

/* 7.2.3.9: 80-FE, a length and bytes that only the maker knows */
static int own(reader *r, pair *o) {
    const char *p = gb32960__take(&r->left, 2);
    size_t n = p ? jd_be16(p) : 0;
    const char *data = p ? gb32960__take(&r->left, n) : NULL;
    if (!data) return -1;
    jd_put_int(&o->info, "len", (int64_t)n);
    jd_put_hex(&o->info, "data", (jd_str){data, n});
    jd_list_add(&r->own, jd_fields_end(&o->info));
    return 0;
}

static const struct {
    const char *name; /* of the row's member, where the block is one */
    int (*read)(reader *r, pair *o);
} blocks[] = {
    [1] = {"vehicle", vehicle},   [2] = {NULL, motors},         [3] = {"fuel_cell", fuel_cell},
    [4] = {"engine", engine},     [5] = {"position", position}, [6] = {"extremes", extremes},
    [7] = {"alarm", alarm_block}, [8] = {NULL, cells},          [9] = {NULL, temperatures},
};

/* ---- the row ---- */

/* One subsystem (the usual case) is the member itself; of several, the lists are joined in order. */
static void put_subsystems(jd_fields *row, const char *name, const jd_list *of, const char *list_name) {
    if (!of->n) return;
    jd_fields f = jd_fields_new(row->a);
    if (of->n == 1) {
        for (uint32_t i = 0; i < of->v[0].n; i++) jd_put_named(&f, of->v[0].members[i].name, of->v[0].members[i].val);
    } else {
        jd_list joined = jd_list_new(row->a);
        for (uint32_t i = 0; i < of->n; i++) {
            const jd_jval *list = jd_jget(&of->v[i], list_name);
            for (uint32_t k = 0; list && k < list->n; k++) jd_list_add(&joined, list->items[k]);
        }
        jd_put(&f, list_name, jd_list_end(&joined));
    }
    jd_put(&f, "subsystems", jd_list_end(of));
    jd_put(row, name, jd_fields_end(&f));
}

static void put_row(const reader *r, jd_fields *row) {
    if (r->single[1].type == JD_JOBJ) jd_put(row, blocks[1].name, r->single[1]);
    if (r->motors.n) {
        jd_put(row, "motors", jd_list_end(&r->motors));
    } else if (r->motors_reason) {
        jd_put(row, "motors", jd_jmake_null());
        jd_put(row, "motors_reason", word(r->motors_reason));
    }
    for (size_t i = 3; i <= 7; i++)
        if (r->single[i].type == JD_JOBJ) jd_put(row, blocks[i].name, r->single[i]);
    put_subsystems(row, "cells", &r->cells, cell_item.name);
    put_subsystems(row, "temperatures", &r->temperatures, probe_item.name);
    if (r->own.n) jd_put(row, "own", jd_list_end(&r->own));
}

/* 0; -1: it cannot be read, and *known says whether its type could. */
static int one_block(reader *r, jd_list *info, int *known) {
    unsigned type = (unsigned char)*gb32960__take(&r->left, 1);
    int (*read)(reader *, pair *) = type < COUNT_OF(blocks)       ? blocks[type].read
                                    : type >= 0x80 && type < 0xff ? own
                                                                  : NULL;
    *known = read != NULL;
    pair o = pair_new(r->a);
    jd_put_int(&o.info, "type", type);
    if (!read || read(r, &o)) return -1;
    jd_list_add(info, jd_fields_end(&o.info));
    if (type >= COUNT_OF(blocks) || !blocks[type].name) return 0;
    /* A second one is most often another layout, read askew from some block on. */
    if (r->single[type].type == JD_JOBJ)
        jd_frame_fault(r->f, r->a, "information type %02X stands twice: the first one counts",
                       "信息类型 %02X 重复，以前者为准", type);
    else
        r->single[type] = jd_fields_end(&o.row);
    return 0;
}

void gb32960__read_info(jd_str bytes, jd_frame *f, jd_arena *a, gb32960__info *out) {
    reader r = {.a = a,
                .f = f,
                .left = bytes,
                .motors = jd_list_new(a),
                .cells = jd_list_new(a),
                .temperatures = jd_list_new(a),
                .own = jd_list_new(a)};
    jd_list info = jd_list_new(a);
    *out = (gb32960__info){.row = jd_fields_new(a)};
    while (r.left.n) {
        size_t at = bytes.n - r.left.n;
        unsigned type = (unsigned char)*r.left.p;
        int known;
        if (!one_block(&r, &info, &known)) continue;
        if (known) {
            out->error = jd_arena_printf(a, "information type %02X at byte %zu is cut short", type, at);
            jd_frame_fault(f, a, "information type %02X at byte %zu is cut short", "信息类型 %02X（第 %zu 字节）不完整",
                           type, at);
        } else {
            out->error = jd_arena_printf(a, "information type %02X at byte %zu is unknown", type, at);
            jd_frame_fault(f, a, "information type %02X at byte %zu is unknown, and what follows cannot be read",
                           "信息类型 %02X（第 %zu 字节）未知，其后的内容无法解析", type, at);
        }
        out->rest = bytes.n - at;
        break;
    }
    out->blocks = jd_list_end(&info);
    put_row(&r, &out->row);
}

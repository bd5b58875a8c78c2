/* link/points.h - register maps of Modbus: which reads a poller makes in one round, what the answers mean, and how a
 * value is written back. Pure functions; the loop (links.c) sends and waits, link/modbus.c frames.
 *
 * A map is a JSON object:
 *   unit        bus address of all points, 0..255 (1)
 *   every_ms    a round begins that often, 100..86400000 (10000)
 *   timeout_ms  an answer is awaited that long, 10..60000 (1000)
 *   gap         holes of up to so many registers (or 16 times as many bits) are read along with their neighbours,
 * 0..124. 0 unless given: devices answer exception 2 to a read that touches a register they lack points      the list;
 * of each: name      of the value in rows; no two alike, none of "out_of_range", "not_a_number" unit      overrides the
 * map's function  1 coils, 2 discrete inputs, 3 holding registers, 4 input registers address   as the wire has it, from
 * 0 (register "40001" is function 3, address 0) type      uint16 int16 uint32 int32 uint64 int64 float32 float64
 * (functions 3, 4), bool, bits order     of bytes, "ABCD" (as the standard), "CDAB" words reversed, "BADC" bytes of
 * each word swapped, "DCBA" both; words and bytes of 64 bits and the bytes of one register follow the same rule factor,
 * offset  value = raw * factor + offset, exactly (1, 0) least, most     a value beyond is left out and its name put
 * into the list "out_of_range" bit       of bool in a register: which, 0 is the lowest (functions 3, 4 only, and needed
 * there) count     of bits: how many, 1..2000 (16); from registers the lowest bit of the first comes first write true:
 * commands may set it (functions 1, 3)
 *
 * Lifetime: the compiled map lives in the arena given to compile and keeps nothing of the JSON. It never changes.
 * Threads:  any.   Fails: -1 with *err; its place is the member, as in "points[3].type". */
#ifndef JD_LINK_POINTS_H
#define JD_LINK_POINTS_H
#include "base/err.h"
#include "json/json.h"
#include "link/fields.h"

typedef struct jd_points jd_points; /* compiled register map */

typedef struct jd_ask { /* one read; the command {"command":"read",...} of jd_modbus takes the same four */
    unsigned unit, function, start, count;
} jd_ask;

int jd_points_compile(const jd_jval *map, jd_arena *a, jd_points **out, jd_err *err);
unsigned jd_points_every_ms(const jd_points *map);
unsigned jd_points_timeout_ms(const jd_points *map);

/* The reads of one round, by unit, function and address: adjacent points grouped, at most 125 registers or 2000 bits
 * each; no point is split. They live as long as the map. */
size_t jd_points_plan(const jd_points *map, const jd_ask **out);

/* Puts the named values of one answer into row. ask: of the plan, or a copy; pdu: function, byte count, data (payload
 * of the decoded frame). An exception or an answer of another size is refused whole. Integers are exact decimals;
 * floats have the fewest digits that read back as the same float, and factor and offset are applied to those digits
 * (exactly from 1e-9 to 1e21, through a double beyond). NaN and infinities are left out and named in the list
 * "not_a_number". Both lists grow over the asks of a round when it fills one row. */
int jd_points_read(const jd_points *map, const jd_ask *ask, jd_str pdu, jd_arena *a, jd_fields *row, jd_err *err);

/* The command for encode() that sets a point. Refused: a point without "write", a value beyond least or most, one that
 * is no whole raw count, or one that the type cannot hold. A float gets the nearest that it can hold. A bool within a
 * register is set by function 22 (mask write), which leaves the other bits alone; not every device has it. */
int jd_points_write(const jd_points *map, jd_str name, const jd_jval *value, jd_arena *a, jd_jval *command,
                    jd_err *err);

/* What an exception code says (link/modbus.c); never NULL. */
const char *jd_modbus_reason(unsigned code, int zh);
#endif

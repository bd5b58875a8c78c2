// GB/T 32960.3-2016: electric vehicles, as a maker's platform sends them on: one line, many cars, a VIN in each frame.
import { be, digits8, padded, xorOf, type Answer } from "./bytes.ts";

/** A value that the car does not have: the standard keeps the two highest numbers for that. */
export type Measured = number | "abnormal" | "invalid";

const fromCar = 0xfe;
const notEncrypted = 1;

/** Header (command, answer, VIN, encryption, length), data and check. */
export function frame(command: number, vin: string, data: Buffer): Buffer {
    if (vin.length !== 17) throw new RangeError(`${vin} is no VIN of 17 characters`);
    const checked = Buffer.concat([
        Buffer.from([command, fromCar]),
        Buffer.from(vin, "latin1"),
        be(notEncrypted, 1),
        be(data.length, 2),
        data,
    ]);
    return Buffer.concat([Buffer.from("##", "latin1"), checked, be(xorOf(checked), 1)]);
}

/** Year, month, day, hour, minute, second in Beijing time, one plain byte each. */
const time = (at: number): Buffer => Buffer.from(digits8(at).slice(2, 14).match(/../g)!.map(Number));

export interface PlatformLogin {
    at: number;
    /** From 1, up with each login of a day. */
    serial: number;
    user: string;
    password: string;
    /** 1: not encrypted. */
    rule: number;
}

/** 05: the platform logs in; `code` stands where a car has its VIN. */
export const platformLogin = (code: string, l: PlatformLogin): Buffer =>
    frame(
        0x05,
        code,
        Buffer.concat([time(l.at), be(l.serial, 2), padded(l.user, 12), padded(l.password, 20), be(l.rule, 1)]),
    );

/** 07: still there. */
export const heartbeat = (code: string): Buffer => frame(0x07, code, Buffer.alloc(0));

/** A number in `bytes` bytes as the standard scales it: (value + offset) / step. */
function scaled(value: Measured, bytes: number, step = 1, offset = 0): Buffer {
    const top = 2 ** (8 * bytes) - 1;
    if (value === "invalid") return be(top, bytes);
    if (value === "abnormal") return be(top - 1, bytes);
    const raw = Math.round((value + offset) / step);
    if (raw < 0 || raw > top - 2) throw new RangeError(`${value} does not fit into ${bytes} bytes`);
    return be(raw, bytes);
}

const block = (type: number, ...parts: Buffer[]): Buffer => Buffer.concat([be(type, 1), ...parts]);

export interface Vehicle {
    /** 1 started, 2 off. */
    state: number;
    /** 1 charging while parked, 2 while driving, 3 not charging, 4 full. */
    charge: number;
    /** 1 electric, 2 hybrid, 3 fuel. */
    mode: number;
    speed_kmh: Measured;
    odo_km: Measured;
    voltage_v: Measured;
    current_a: Measured;
    soc: Measured;
    /** 1 working, 2 off. */
    dcdc: number;
    /** The gear in the low four bits (0 neutral, 13 reverse, 14 drive, 15 park), 16 braked, 32 driven. */
    gear: number;
    insulation_kohm: Measured;
    accelerator: Measured;
    brake: Measured;
}

export const vehicle = (v: Vehicle): Buffer =>
    block(
        0x01,
        Buffer.from([v.state, v.charge, v.mode]),
        scaled(v.speed_kmh, 2, 0.1),
        scaled(v.odo_km, 4, 0.1),
        scaled(v.voltage_v, 2, 0.1),
        scaled(v.current_a, 2, 0.1, 1000),
        scaled(v.soc, 1),
        Buffer.from([v.dcdc, v.gear]),
        scaled(v.insulation_kohm, 2),
        scaled(v.accelerator, 1),
        scaled(v.brake, 1),
    );

export interface Motor {
    no: number;
    /** 1 using power, 2 giving it back, 3 off, 4 ready. */
    state: number;
    controller_c: Measured;
    rpm: Measured;
    torque_nm: Measured;
    motor_c: Measured;
    input_v: Measured;
    dc_a: Measured;
}

export const motors = (list: Motor[]): Buffer =>
    block(
        0x02,
        be(list.length, 1),
        ...list.flatMap((m) => [
            Buffer.from([m.no, m.state]),
            scaled(m.controller_c, 1, 1, 40),
            scaled(m.rpm, 2, 1, 20_000),
            scaled(m.torque_nm, 2, 0.1, 2000),
            scaled(m.motor_c, 1, 1, 40),
            scaled(m.input_v, 2, 0.1),
            scaled(m.dc_a, 2, 0.1, 1000),
        ]),
    );

/** The place, WGS84; `fix` false: it is the last one that was known. */
export const position = (lon: number, lat: number, fix = true): Buffer =>
    block(
        0x05,
        be((fix ? 0 : 1) | (lat < 0 ? 2 : 0) | (lon < 0 ? 4 : 0), 1),
        be(Math.round(Math.abs(lon) * 1e6), 4),
        be(Math.round(Math.abs(lat) * 1e6), 4),
    );

interface Cell {
    sys: number;
    cell: number;
    v: Measured;
}
interface Probe {
    sys: number;
    probe: number;
    c: Measured;
}
export interface Extremes {
    max_v: Cell;
    min_v: Cell;
    max_t: Probe;
    min_t: Probe;
}

export function extremes({ max_v, min_v, max_t, min_t }: Extremes): Buffer {
    const cell = (x: Cell): Buffer[] => [be(x.sys, 1), be(x.cell, 1), scaled(x.v, 2, 0.001)];
    const probe = (x: Probe): Buffer[] => [be(x.sys, 1), be(x.probe, 1), scaled(x.c, 1, 1, 40)];
    return block(0x06, ...cell(max_v), ...cell(min_v), ...probe(max_t), ...probe(min_t));
}

/** The alarm's level (0 none to 3) and its 19 bits, with no lists of fault codes. */
export const alarm = (level: number, flags: number): Buffer => block(0x07, be(level, 1), be(flags, 4), be(0, 4));

/** 02: what a car is like at a moment. */
export const realTime = (vin: string, at: number, blocks: Buffer[]): Buffer =>
    frame(0x02, vin, Buffer.concat([time(at), ...blocks]));

/** Answers, each by command and VIN: "05 JINDUPLATFORM0001". */
export function readAnswers(bytes: Buffer): { answers: Answer[]; used: number } {
    const answers: Answer[] = [];
    let used = 0;
    for (;;) {
        const from = bytes.indexOf("##", used, "latin1");
        if (from < 0 || bytes.length < from + 25) return { answers, used };
        const to = from + 25 + bytes.readUInt16BE(from + 22);
        if (bytes.length < to) return { answers, used };
        const sound = xorOf(bytes.subarray(from + 2, to)) === 0;
        const command = bytes[from + 2]!.toString(16).padStart(2, "0");
        const vin = bytes.toString("latin1", from + 4, from + 21);
        const result = bytes[from + 3]!;
        answers.push({ key: `${command} ${vin}`, ok: sound && result === 1, text: `result ${result}` });
        used = to;
    }
}

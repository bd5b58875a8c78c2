// JT/T 808-2013: a vehicle's terminal, 7E header body check 7E. The phone number in the header says who speaks.
import { bcd, bcdTime, be, gbk, padded, xorOf, type Answer } from "./bytes.ts";

const mark = 0x7e;
const escape = 0x7d;

/** Header (message, length of the body, phone, serial), check and marks around a body. */
export function message(id: number, phone: string, serial: number, body: Buffer): Buffer {
    if (body.length > 1023) throw new RangeError(`the body has ${body.length} bytes; 1,023 are allowed`);
    const plain = Buffer.concat([be(id, 2), be(body.length, 2), bcd(phone), be(serial, 2), body]);
    const out = [mark];
    for (const byte of [...plain, xorOf(plain)]) {
        if (byte === mark) out.push(escape, 2);
        else if (byte === escape) out.push(escape, 1);
        else out.push(byte);
    }
    return Buffer.from([...out, mark]);
}

export interface Registration {
    province: number;
    city: number;
    maker: string;
    model: string;
    terminal: string;
    /** 1 blue, 2 yellow, 3 black, 4 white, 0 none. */
    plateColour: number;
    plate: string;
}

/** 0100: who the terminal is and which vehicle it sits in. */
export const register = (phone: string, serial: number, r: Registration): Buffer =>
    message(
        0x0100,
        phone,
        serial,
        Buffer.concat([
            be(r.province, 2),
            be(r.city, 2),
            padded(r.maker, 5),
            padded(r.model, 20),
            padded(r.terminal, 7),
            be(r.plateColour, 1),
            gbk(r.plate),
        ]),
    );

/** 0102: shows the code that the answer to 0100 gave. */
export const authenticate = (phone: string, serial: number, code: string): Buffer =>
    message(0x0102, phone, serial, gbk(code));

/** 0002: still there. */
export const heartbeat = (phone: string, serial: number): Buffer => message(0x0002, phone, serial, Buffer.alloc(0));

export interface Location {
    alarm: number;
    /** Bit 0 ignition, 1 positioned, ...; the bits for south (2) and west (3) follow from the place. */
    status: number;
    lat: number;
    lon: number;
    altitudeM: number;
    speedKmh: number;
    /** Degrees, clockwise from north; 0 also where it is not known. */
    direction: number;
    at: number;
    /** Further items by their number: 0x01 mileage in 0.1 km, 0x02 fuel in 0.1 l, ... */
    items: [number, Buffer][];
}

const micro = (degrees: number): Buffer => be(Math.round(Math.abs(degrees) * 1e6), 4);

/** 0200: where it is. */
export function location(phone: string, serial: number, l: Location): Buffer {
    const status = (l.status | (l.lat < 0 ? 4 : 0) | (l.lon < 0 ? 8 : 0)) >>> 0;
    return message(
        0x0200,
        phone,
        serial,
        Buffer.concat([
            be(l.alarm, 4),
            be(status, 4),
            micro(l.lat),
            micro(l.lon),
            be(l.altitudeM, 2),
            be(Math.round(l.speedKmh * 10), 2),
            be(l.direction, 2),
            bcdTime(l.at),
            ...l.items.map(([id, value]) => Buffer.concat([be(id, 1), be(value.length, 1), value])),
        ]),
    );
}

function unescape(bytes: Buffer): Buffer {
    const out: number[] = [];
    for (let at = 0; at < bytes.length; at++) {
        if (bytes[at] !== escape) out.push(bytes[at]!);
        else out.push(bytes[++at] === 2 ? mark : escape);
    }
    return Buffer.from(out);
}

/** Answers of the platform (8001, 8100), each by the serial of what it answers; of 8100 the text is the code. */
export function readAnswers(bytes: Buffer): { answers: Answer[]; used: number } {
    const answers: Answer[] = [];
    let used = 0;
    for (;;) {
        const from = bytes.indexOf(mark, used);
        const to = from < 0 ? -1 : bytes.indexOf(mark, from + 1);
        if (to < 0) return { answers, used };
        const plain = unescape(bytes.subarray(from + 1, to));
        // The end mark of one message may be the start mark of the next.
        used = plain.length === 0 ? to : to + 1;
        if (plain.length < 13 || xorOf(plain) !== 0) continue;
        const id = plain.readUInt16BE(0);
        const body = plain.subarray(12, -1);
        if (id === 0x8001 && body.length >= 5) {
            answers.push({ key: String(body.readUInt16BE(0)), ok: body[4] === 0, text: `result ${body[4]}` });
        } else if (id === 0x8100 && body.length >= 3) {
            const text = body.subarray(3).toString("latin1");
            answers.push({ key: String(body.readUInt16BE(0)), ok: body[2] === 0, text });
        }
    }
}

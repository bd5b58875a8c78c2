// SL 651-2014, HEX/BCD: a hydrological station's report, 7E7E header STX elements ETX CRC.
import { bcd, bcdTime, be, crcModbus, digits8, type Answer } from "./bytes.ts";

const STX = 0x02;
const ETX = 0x03;
const EOT = 0x04;

/** One measured value: its guide, and the bytes and decimals that its definition byte tells. */
export interface Element {
    guide: number;
    value: number;
    decimals: number;
    bytes: number;
}

/** As the standard's table has them; more decimals (at most 7) where the value needs them. */
const forms: Record<number, { bytes: number; decimals: number }> = {
    0x20: { bytes: 3, decimals: 1 }, // rain of the day, mm
    0x26: { bytes: 3, decimals: 1 }, // rain in all, mm
    0x27: { bytes: 5, decimals: 3 }, // discharge, m3/s
    0x38: { bytes: 2, decimals: 2 }, // battery, V
    0x39: { bytes: 4, decimals: 3 }, // level, m
};

export function element(guide: number, value: number): Element {
    const form = forms[guide];
    if (!form) throw new RangeError(`no form is known of element ${guide.toString(16)}`);
    const needed = Math.min(7, (String(value).split(".")[1] ?? "").length);
    const decimals = Math.max(form.decimals, needed);
    const digits = Math.abs(value).toFixed(decimals).replace(".", "").length;
    return { guide, value, decimals, bytes: Math.max(form.bytes, Math.ceil(digits / 2)) };
}

function encode({ guide, value, decimals, bytes }: Element): Buffer {
    const digits = Math.abs(value)
        .toFixed(decimals)
        .replace(".", "")
        .padStart(2 * bytes, "0");
    if (value < 0 || digits.length > 2 * bytes) throw new RangeError(`${value} does not fit into ${bytes} bytes`);
    return Buffer.concat([Buffer.from([guide, (bytes << 3) | decimals]), bcd(digits)]);
}

export interface Report {
    centre: number;
    /** Ten digits. */
    station: string;
    /** Two bytes as four hex digits. */
    password: string;
    /** 0x30 test, 0x32 timed, 0x33 extra, 0x34 hourly. */
    func: number;
    /** From 1; up with each message. */
    serial: number;
    sentAt: number;
    /** H river, K reservoir, P rain, ... */
    stationClass: string;
    /** To the minute: the standard has no seconds here. */
    observedAt: number;
    elements: Element[];
}

export function report(r: Report): Buffer {
    const body = Buffer.concat([
        be(r.serial, 2),
        bcdTime(r.sentAt),
        Buffer.from([0xf1, 0xf1]),
        bcd(r.station),
        Buffer.from(r.stationClass, "latin1"),
        Buffer.from([0xf0, 0xf0]),
        bcd(digits8(r.observedAt).slice(2, 12)),
        ...r.elements.map(encode),
    ]);
    const frame = Buffer.concat([
        Buffer.from([0x7e, 0x7e]),
        be(r.centre, 1),
        bcd(r.station),
        Buffer.from(r.password, "hex"),
        be(r.func, 1),
        be(body.length, 2),
        Buffer.from([STX]),
        body,
        Buffer.from([ETX]),
    ]);
    return Buffer.concat([frame, be(crcModbus(frame), 2)]);
}

/** Answers of the centre (mode M2), each by the serial of what it answers. They end in EOT: nothing more is wanted. */
export function readAnswers(bytes: Buffer): { answers: Answer[]; used: number } {
    const answers: Answer[] = [];
    let used = 0;
    for (;;) {
        const from = bytes.indexOf("7e7e", used, "hex");
        if (from < 0 || bytes.length < from + 17) return { answers, used };
        const length = bytes.readUInt16BE(from + 11) & 0xfff;
        const to = from + 14 + length + 3;
        if (bytes.length < to) return { answers, used };
        const down = bytes[from + 11]! >> 4 === 8;
        const sound = crcModbus(bytes.subarray(from, to - 2)) === bytes.readUInt16BE(to - 2);
        const end = bytes[to - 3]!;
        const serial = length >= 2 ? String(bytes.readUInt16BE(from + 14)) : "";
        answers.push({ key: serial, ok: down && sound && end === EOT, text: `end ${end}` });
        used = to;
    }
}

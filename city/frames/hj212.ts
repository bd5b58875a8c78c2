// HJ 212-2017: a station's data in one line of text, "##" length segment CRC.
import { digits8, type Answer } from "./bytes.ts";

/** The standard's own CRC: like MODBUS's, but the byte meets the upper half of the register, shifted down. */
export function crc212(segment: string): string {
    let crc = 0xffff;
    for (const byte of Buffer.from(segment, "utf8")) {
        crc = (crc >> 8) ^ byte;
        for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
    }
    return crc.toString(16).toUpperCase().padStart(4, "0");
}

export function frame(segment: string): Buffer {
    const length = Buffer.byteLength(segment, "utf8");
    if (length > 1024) throw new RangeError(`the segment has ${length} bytes; 1,024 are allowed`);
    return Buffer.from(`##${String(length).padStart(4, "0")}${segment}${crc212(segment)}\r\n`, "utf8");
}

export interface Upload {
    /** When it is sent, which names the request: YYYYMMDDhhmmsszzz. */
    qn: string;
    /** System: 22 air quality, 21 surface water, 32 waste water, ... */
    st: string;
    /** Command: 2011 real time, 2051 minutes, 2061 hours, 2031 days. */
    cn: string;
    password: string;
    mn: string;
    dataTime: string;
    /** For each factor its values as texts, in order: {"a34004": {"Rtd": "72", "Flag": "N"}}. */
    factors: Record<string, Record<string, string>>;
}

/** Bits of Flag: 4 is the edition of 2017, 1 wants an answer. */
const flag2017 = 4;
const flagAnswer = 1;

export function upload({ qn, st, cn, password, mn, dataTime, factors }: Upload): Buffer {
    const cp = [
        `DataTime=${dataTime}`,
        ...Object.entries(factors).map(([factor, values]) =>
            Object.entries(values)
                .map(([kind, value]) => `${factor}-${kind}=${value}`)
                .join(","),
        ),
    ].join(";");
    return frame(
        `QN=${qn};ST=${st};CN=${cn};PW=${password};MN=${mn};Flag=${flag2017 | flagAnswer};CP=&&${cp}&&`,
    );
}

/** A station's current values (2011), each with the flag N (normal); an answer is wanted. */
export function realTime(mn: string, sentAt: number, observedAt: number, values: Record<string, string>): Buffer {
    return upload({
        qn: digits8(sentAt),
        st: "22",
        cn: "2011",
        password: "123456",
        mn,
        dataTime: digits8(observedAt).slice(0, 14),
        factors: Object.fromEntries(
            Object.entries(values).map(([factor, value]) => [factor, { Rtd: value, Flag: "N" }]),
        ),
    });
}

/** Answers to data (9014), each by the QN of what it answers. */
export function readAnswers(bytes: Buffer): { answers: Answer[]; used: number } {
    const text = bytes.toString("latin1");
    const answers: Answer[] = [];
    let used = 0;
    for (const found of text.matchAll(/##\d{4}(.*?&&.*?&&)([0-9A-Fa-f]{4})\r\n/gs)) {
        const [whole, segment, crc] = found as unknown as [string, string, string];
        const qn = /\bQN=(\d+)/.exec(segment)?.[1] ?? "";
        const ok = /\bCN=9014\b/.test(segment) && crc.toUpperCase() === crc212(segment);
        answers.push({ key: qn, ok, text: segment });
        used = found.index! + whole.length;
    }
    return { answers, used };
}

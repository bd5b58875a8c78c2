// What the frames of Chinese device protocols share: Beijing time, BCD digits, GBK texts, check sums.

const eightHours = 8 * 3_600_000;

/** A moment in Beijing time as digits: YYYYMMDDhhmmsszzz. */
export const digits8 = (at: number): string => new Date(at + eightHours).toISOString().replace(/\D/g, "");

/** Two decimal digits a byte. */
export function bcd(digits: string): Buffer {
    if (!/^(\d\d)+$/.test(digits)) throw new RangeError(`${digits} is no even number of decimal digits`);
    return Buffer.from(digits, "hex");
}

/** YYMMDDhhmmss in six bytes. */
export const bcdTime = (at: number): Buffer => bcd(digits8(at).slice(2, 14));

export function be(value: number, bytes: number): Buffer {
    const out = Buffer.alloc(bytes);
    out.writeUIntBE(value, 0, bytes);
    return out;
}

let table: Map<string, Buffer> | undefined;

/** Node reads GBK but does not write it: its table is what reading every pair of bytes gives. */
function gbkTable(): Map<string, Buffer> {
    if (table) return table;
    const decoder = new TextDecoder("gbk");
    table = new Map();
    for (let high = 0x81; high <= 0xfe; high++) {
        for (let low = 0x40; low <= 0xfe; low++) {
            const pair = Buffer.from([high, low]);
            const letter = decoder.decode(pair);
            if (letter.length === 1 && letter !== "\ufffd" && !table.has(letter)) table.set(letter, pair);
        }
    }
    return table;
}

export function gbk(text: string): Buffer {
    return Buffer.concat(
        [...text].map((letter) => {
            if (letter < "\u0080") return Buffer.from(letter, "latin1");
            const pair = gbkTable().get(letter);
            if (!pair) throw new RangeError(`${letter} is not in GBK`);
            return pair;
        }),
    );
}

/** A text in GBK, filled up with zeros to `bytes`. */
export function padded(text: string, bytes: number): Buffer {
    const raw = gbk(text);
    if (raw.length > bytes) throw new RangeError(`"${text}" has more than ${bytes} bytes`);
    return Buffer.concat([raw, Buffer.alloc(bytes - raw.length)]);
}

export const xorOf = (bytes: Buffer): number => bytes.reduce((sum, byte) => sum ^ byte, 0);

/** CRC-16/MODBUS. */
export function crcModbus(bytes: Buffer): number {
    let crc = 0xffff;
    for (const byte of bytes) {
        crc ^= byte;
        for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
    }
    return crc;
}

/** An answer that came back on a line: whom or what it answers, whether all is well, and what else it says. */
export interface Answer {
    key: string;
    ok: boolean;
    text: string;
}

/** Cuts a line's bytes into answers; `used` bytes are done with, the rest waits for more. */
export type ReadAnswers = (bytes: Buffer) => { answers: Answer[]; used: number };

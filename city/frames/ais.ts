// AIS (ITU-R M.1371) as a shore station hands it on: NMEA 0183 sentences !AIVDM, the time in a TAG block before each.

/** Bits, the highest first; letters in AIS's six-bit alphabet. */
class Bits {
    text = "";
    put(value: number, bits: number): this {
        const raw = value < 0 ? 2 ** bits + value : value;
        if (raw < 0 || raw >= 2 ** bits) throw new RangeError(`${value} does not fit into ${bits} bits`);
        this.text += raw.toString(2).padStart(bits, "0");
        return this;
    }
    letters(text: string, count: number): this {
        for (const letter of text.toUpperCase().slice(0, count).padEnd(count, "@")) {
            const code = letter.charCodeAt(0);
            if (code < 32 || code > 95) throw new RangeError(`AIS has no letter "${letter}"`);
            this.put(code & 63, 6);
        }
        return this;
    }
}

/** NMEA's check: XOR of the letters between the marks. */
const check = (text: string): string =>
    [...Buffer.from(text, "latin1")].reduce((sum, byte) => sum ^ byte, 0).toString(16).toUpperCase().padStart(2, "0");

const perSentence = 56;

/** The sentences of one message. `at`: when it was heard, for the TAG block; `group`: 0-9, for messages of several. */
export function sentences(bits: string, at: number | undefined, group = 0, channel = "A"): string[] {
    const fill = (6 - (bits.length % 6)) % 6;
    const payload = (bits + "0".repeat(fill)).match(/.{6}/g)!.map((six) => {
        const value = parseInt(six, 2);
        return String.fromCharCode(value < 40 ? value + 48 : value + 56);
    });
    const parts: string[] = [];
    for (let from = 0; from < payload.length; from += perSentence) {
        parts.push(payload.slice(from, from + perSentence).join(""));
    }
    const time = at === undefined ? "" : `c:${Math.floor(at / 1000)}`;
    return parts.map((part, no) => {
        const last = no === parts.length - 1;
        const id = parts.length > 1 ? String(group) : "";
        const body = `AIVDM,${parts.length},${no + 1},${id},${channel},${part},${last ? fill : 0}`;
        return `${time ? `\\${time}*${check(time)}\\` : ""}!${body}*${check(body)}`;
    });
}

export interface Position {
    mmsi: number;
    /** 0 under way, 1 at anchor, 5 moored, ..., 15 not said. */
    status?: number;
    /** Rate of turn as coded; -128 not said. */
    turn?: number;
    speedKn?: number | undefined;
    lon: number;
    lat: number;
    courseDeg?: number | undefined;
    headingDeg?: number | undefined;
    /** The second of the fix; 60 not said. */
    second?: number;
    /** State of the radio, 19 bits. */
    radio?: number;
}

/** Type 1: where a ship is. What is not given is sent as "not available". */
export function position(p: Position): string {
    return new Bits()
        .put(1, 6)
        .put(0, 2)
        .put(p.mmsi, 30)
        .put(p.status ?? 15, 4)
        .put(p.turn ?? -128, 8)
        .put(p.speedKn === undefined ? 1023 : Math.round(p.speedKn * 10), 10)
        .put(0, 1)
        .put(Math.round(p.lon * 600_000), 28)
        .put(Math.round(p.lat * 600_000), 27)
        .put(p.courseDeg === undefined ? 3600 : Math.round(p.courseDeg * 10), 12)
        .put(p.headingDeg === undefined ? 511 : Math.round(p.headingDeg), 9)
        .put(p.second ?? 60, 6)
        .put(0, 2 + 3 + 1)
        .put(p.radio ?? 0, 19).text;
}

export interface Static {
    mmsi: number;
    imo?: number;
    callsign?: string;
    name: string;
    shipType: number;
    /** Metres to bow, stern, port, starboard; bow and port 0: stern and starboard are length and beam as a whole. */
    dimensions: [number, number, number, number];
    /** What fixes the position: 1 GPS, 0 not said. */
    fix?: number;
    /** Month, day, hour, minute. */
    eta?: [number, number, number, number];
    draughtM?: number;
    destination?: string;
    /** 0: the data terminal is ready. */
    dte?: number;
}

/** Type 5: what a ship is. */
export function statics(s: Static): string {
    const [bow, stern, port, starboard] = s.dimensions;
    const [month, day, hour, minute] = s.eta ?? [0, 0, 24, 60];
    return new Bits()
        .put(5, 6)
        .put(0, 2)
        .put(s.mmsi, 30)
        .put(0, 2)
        .put(s.imo ?? 0, 30)
        .letters(s.callsign ?? "", 7)
        .letters(s.name, 20)
        .put(s.shipType, 8)
        .put(bow, 9)
        .put(stern, 9)
        .put(port, 6)
        .put(starboard, 6)
        .put(s.fix ?? 0, 4)
        .put(month, 4)
        .put(day, 5)
        .put(hour, 5)
        .put(minute, 6)
        .put(Math.round((s.draughtM ?? 0) * 10), 8)
        .letters(s.destination ?? "", 20)
        .put(s.dte ?? 1, 1)
        .put(0, 1).text;
}

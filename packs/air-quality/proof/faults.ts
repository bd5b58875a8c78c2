// Faults of a station, put into recorded readings: simulated, from a seed. A sensor that marks its own fault, values
// that cannot be, and one that does not move any more.

export interface Report {
    /** As reported; undefined: not at all. */
    pm25: number | undefined;
    flag: string;
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function random(seed: number): () => number {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let t = state;
        t = Math.imul(t ^ (t >>> 15), t | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

export const seed = 212;

/** Hours (from the first) of each fault, `to` included. */
export const faults = {
    flagged: { from: 20, to: 23 },
    impossible: { from: 30, to: 32 },
    frozen: { from: 51, to: 61 },
};

/** The readings with the faults in them. */
export function withFaults(recorded: (number | undefined)[]): Report[] {
    const next = random(seed);
    return recorded.map((value, hour) => {
        if (hour >= faults.flagged.from && hour <= faults.flagged.to) {
            return { pm25: 900 + Math.floor(next() * 100), flag: "D" };
        }
        if (hour >= faults.impossible.from && hour <= faults.impossible.to) {
            const wild = next() < 0.5 ? -1 - Math.floor(next() * 99) : 1001 + Math.floor(next() * 900);
            return { pm25: wild, flag: "N" };
        }
        if (hour >= faults.frozen.from && hour <= faults.frozen.to) {
            return { pm25: recorded[faults.frozen.from], flag: "N" };
        }
        return { pm25: value, flag: "N" };
    });
}

// The day before a city began: what the recordings of things that stand still would have told in the last 24 hours, had
// the player run then, as history; so that a new city's curves do not begin with this minute. A city that has been
// running for five minutes has its own past, and is left alone.
//
//   node --import tsx city/past.ts [--url http://127.0.0.1:8080] [--hours 24]
import { parseArgs } from "node:util";
import { hasPast, remember, waitFor, type Evolution } from "./api.ts";
import { between } from "./clock.ts";
import type { Attribute } from "./ngsi.ts";
import { measuredOf, recordings, spanOf, type Recording, type Series } from "./series.ts";

const { values } = parseArgs({
    options: { url: { type: "string", default: "http://127.0.0.1:8080" }, hours: { type: "string", default: "24" } },
});
const url = values.url!;
const minute = 60_000;
/** So many readings of a series in one request. */
const batchMax = 500;

async function tellPast(recording: Recording, series: Series, from: number, until: number): Promise<number> {
    let told = 0;
    let waiting = 0;
    let past: Record<string, Attribute[]> = {};
    const send = async (): Promise<void> => {
        if (waiting > 0) await remember(url, [{ id: series.id, type: series.type, ...past } satisfies Evolution]);
        [told, waiting, past] = [told + waiting, 0, {}];
    };
    for (const { reading, dueAt } of between(series.readings, spanOf(recording), recording.speed, from, until)) {
        const measured = Object.entries(measuredOf(reading, dueAt));
        if (measured.length === 0) continue; // a gap of the recording
        for (const [name, attribute] of measured) (past[name] ??= []).push(attribute);
        if (++waiting === batchMax) await send();
    }
    await send();
    return told;
}

await waitFor(url, 30);
const now = Date.now();
let told = 0;
for (const recording of recordings()) {
    for (const series of recording.series) {
        const measured = Object.values(series.readings[0]?.values ?? {});
        // What moves has a track, which begins where its device is first heard.
        if (measured.length === 0 || measured.some((value) => Array.isArray(value))) continue;
        if (await hasPast(url, series.id, now - 5 * minute)) continue;
        told += await tellPast(recording, series, now - Number(values.hours) * 60 * minute, now);
    }
}
if (told > 0) console.log(`city: ${told} readings of the day before / 前一天的 ${told} 次读数`);

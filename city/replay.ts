// The player: lets recorded series run again, each real reading re-dated to now and marked as a replay. It keeps no
// state: the position follows from the clock, so it may be stopped and started at will. What has a link is left to
// carry.ts, but with --all.
//
//   node --import tsx city/replay.ts [--url http://127.0.0.1:8080] [--once] [--all] [--ndjson FILE]
//
// --once posts what is current and ends; --ndjson writes that of all recordings to FILE instead.
import { writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { contextUrl, upsert, waitFor } from "./api.ts";
import { current } from "./clock.ts";
import type { Entity } from "./ngsi.ts";
import { entityOf, recordings, spanOf } from "./series.ts";

const { values } = parseArgs({
    options: {
        url: { type: "string", default: "http://127.0.0.1:8080" },
        once: { type: "boolean", default: false },
        all: { type: "boolean", default: false },
        ndjson: { type: "string" },
    },
});

const all = values.all || values.ndjson !== undefined;
const playing = recordings()
    .filter((recording) => all || recording.link === undefined)
    .map((recording) => ({ recording, span: spanOf(recording) }));
const posted = new Map<string, number>();

/** The entities whose newest reading is not the one that was posted last, with the moment of that reading. */
function changed(now: number): { entity: Entity; dueAt: number }[] {
    const found: { entity: Entity; dueAt: number }[] = [];
    for (const { recording, span } of playing) {
        for (const series of recording.series) {
            const due = current(series.readings, span, recording.speed, now);
            if (!due || posted.get(series.id) === due.dueAt) continue;
            found.push({ entity: entityOf(recording, series, due.reading, due.dueAt), dueAt: due.dueAt });
        }
    }
    return found;
}

async function post(): Promise<void> {
    const news = changed(Date.now());
    if (news.length === 0) return;
    const refused = await upsert(
        values.url!,
        news.map(({ entity }) => entity),
        "update",
    );
    for (const { entity, dueAt } of news) posted.set(entity.id, dueAt);
    for (const line of refused) console.error(`refused: ${line}`);
}

if (values.ndjson !== undefined) {
    const lines = changed(Date.now()).map(({ entity }) => JSON.stringify({ ...entity, "@context": contextUrl }));
    writeFileSync(values.ndjson, `${lines.join("\n")}\n`);
    process.exit(0);
}

await waitFor(values.url!, 30);
if (values.once) {
    await post();
    process.exit(0);
}

process.on("SIGTERM", () => process.exit(0));
process.on("SIGINT", () => process.exit(0));
let silent = false;
for (;;) {
    try {
        await post();
        silent = false;
    } catch (error) {
        // The program may be restarting; say so once and go on.
        if (!silent) console.error(`replay: ${(error as Error).message}`);
        silent = true;
    }
    await pause(1000);
}

// Puts what stands still of the sample city into a running program. Running it again changes nothing.
//
//   node --import tsx city/load.ts [--url http://127.0.0.1:8080] [--ndjson FILE]
//
// With --ndjson it writes the entities to FILE, one a line, instead of posting them.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { contextUrl, upsert, waitFor } from "./api.ts";
import { standing } from "./entities.ts";

const { values } = parseArgs({
    options: { url: { type: "string", default: "http://127.0.0.1:8080" }, ndjson: { type: "string" } },
});

const entities = standing();
if (values.ndjson !== undefined) {
    const lines = entities.map((entity) => JSON.stringify({ ...entity, "@context": contextUrl }));
    writeFileSync(values.ndjson, `${lines.join("\n")}\n`);
    console.log(`${entities.length} entities written to ${values.ndjson}`);
} else {
    await waitFor(values.url!, 30);
    const refused = await upsert(values.url!, entities, "replace");
    for (const line of refused) console.error(`refused: ${line}`);
    console.log(
        `city: ${entities.length - refused.length} of ${entities.length} entities loaded / ` +
            `已载入 ${entities.length - refused.length} 个实体`,
    );
    if (refused.length > 0) process.exitCode = 1;
}

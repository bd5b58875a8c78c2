// Builds the console into web/dist, with the compressed forms that the program serves, and the sample city's terms.
import { copyFileSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const dist = here("dist");

await build({ configFile: here("vite.config.ts"), logLevel: "warn" });
copyFileSync(here("../city/contexts/city.jsonld"), join(dist, "city.jsonld"));

const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).map((name) => join(dist, name));
for (const file of files) {
    if (!statSync(file).isFile() || !/\.(html|js|mjs|css|svg|json|jsonld)$/.test(file)) continue;
    const bytes = readFileSync(file);
    if (bytes.length < 1000) continue;
    writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
    writeFileSync(
        `${file}.br`,
        brotliCompressSync(bytes, {
            params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
        }),
    );
}
// Its time, the newest of all, says that the build is whole.
utimesSync(join(dist, "index.html"), new Date(), new Date());

// Builds the page into web/dist: index.html, app.js, style.css, icon.svg, and the city's terms under their own address.
import { build } from "esbuild";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const dist = here("dist");

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
await build({
    entryPoints: [here("src/main.ts")],
    outfile: here("dist/app.js"),
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
});
copyFileSync(here("style.css"), here("dist/style.css"));
copyFileSync(here("icon.svg"), here("dist/icon.svg"));
copyFileSync(here("../city/contexts/city.jsonld"), here("dist/city.jsonld"));
// The program serves the compressed forms that it finds beside a file.
for (const name of ["app.js", "style.css", "city.jsonld"]) {
    const bytes = readFileSync(here(`dist/${name}`));
    writeFileSync(here(`dist/${name}.gz`), gzipSync(bytes, { level: 9 }));
    writeFileSync(here(`dist/${name}.br`), brotliCompressSync(bytes));
}
// Last: its time says that the build is whole.
copyFileSync(here("index.html"), here("dist/index.html"));

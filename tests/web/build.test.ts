// What the build of the console must be: whole, small, our own address only, strict about scripts, both languages
// in it.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { assertNone, walk } from "../walk.ts";

const web = fileURLToPath(new URL("../../web/", import.meta.url));
const dist = join(web, "dist");
const built = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((name) =>
    statSync(join(dist, name)).isFile(),
);
const read = (name: string): string => readFileSync(join(dist, name), "utf8");
const sources = walk(join(web, "src"))
    .map((file) => join(web, "src", file))
    .filter((file) => /\.(ts|vue)$/.test(file));
const han = /\p{Script=Han}/u;

/** What goes over the line for a file. */
const sent = (name: string): number =>
    statSync(join(dist, existsSync(join(dist, `${name}.br`)) ? `${name}.br` : name)).size;

test("the build is whole, with the compressed forms that the program serves", () => {
    const plain = built.filter((name) => !/\.(br|gz)$/.test(name));
    assert.ok(plain.includes("index.html") && plain.includes("icon.svg") && plain.includes("city.jsonld"));
    const large = plain.filter((name) => /\.(js|mjs|css)$/.test(name) && statSync(join(dist, name)).size >= 1000);
    assert.ok(large.length > 5);
    assertNone(large.filter((name) => !built.includes(`${name}.br`) || !built.includes(`${name}.gz`)));
    assertNone(plain.filter((name) => name.startsWith("assets/") && !/-[0-9a-z]{8}\.(js|mjs|css)$/.test(name)));
});

test("the frame and the first page are at most 130 KB, all is at most 800 KB, as they are sent", () => {
    const all = built.filter((name) => !/\.(br|gz)$/.test(name) && name !== "city.jsonld");
    // What the frame and the first page import; maps, curves and other pages come when they are asked for.
    const needed = new Set(
        all.filter((name) => /^(index\.html|icon\.svg|assets\/(index|SituationPage)-)/.test(name)),
    );
    for (const name of needed) {
        if (!name.endsWith(".js")) continue;
        for (const [, next] of read(name).matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g))
            needed.add(`assets/${next}`);
        const stem = name.slice("assets/".length).split(/[-.]/)[0]!;
        for (const style of all.filter((one) => one.startsWith(`assets/${stem}-`) && one.endsWith(".css")))
            needed.add(style);
    }
    const first = [...needed].reduce((sum, name) => sum + sent(name), 0);
    const whole = all.reduce((sum, name) => sum + sent(name), 0);
    assert.ok(first > 20_000 && first <= 130_000, `first page ${first}`);
    assert.ok(whole > 400_000 && whole <= 800_000, `all ${whole}`);
});

test("nobody is asked but the program itself", () => {
    // Names of vocabularies, and words in the libraries' messages, are no requests.
    const starts = (hosts: string): RegExp => new RegExp(`^https?://(${hosts.trim().split(/\s+/).join("|")})`);
    const names = starts(`www.w3.org 127.0.0.1:8080/city.jsonld schemas.openxmlformats.org schemas.microsoft.com
        purl.oclc.org openoffice.org`);
    const words = starts(`maplibre.org maplibre.invalid github.com vuejs.org router.vuejs.org echarts.apache.org
        developer.mozilla.org docs.mapbox.com www.mapbox.com wiki.openstreetmap.org a\\b example.com`);
    for (const name of built.filter((one) => /\.(html|js|mjs|css)$/.test(one))) {
        const found = [...read(name).matchAll(/https?:\/\/[a-z0-9][\w.-]*[^\s"'`)>;]*/gi)].map(([url]) => url);
        const libraries = /assets\/(maplibre|echarts|vue|browser)-/.test(name);
        assertNone(
            found
                .filter((url) => !names.test(url) && !(libraries && words.test(url)))
                .map((url) => `${name}: ${url}`),
        );
    }
});

test("the page passes a strict content security policy: nothing in line, nothing evaluated", () => {
    const html = read("index.html");
    assert.doesNotMatch(html, /<script(?![^>]*\ssrc=)/);
    assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=|javascript:/i);
    const own = built.filter((name) => /assets\/(?!maplibre|echarts|browser|vue)[^/]*\.js$/.test(name));
    assert.ok(own.length > 3);
    for (const name of own)
        assert.doesNotMatch(read(name), /\beval\(|new Function\(|\.innerHTML\s*=|insertAdjacentHTML/, name);
});

test("no Han text stands outside the tables of words", () => {
    const found = sources.flatMap((file) =>
        readFileSync(file, "utf8")
            .split("\n")
            .map((line, at) => ({ line, where: `${relative(web, file)}:${at + 1}` }))
            .filter(
                ({ line }) => han.test(line) && !/^\s*(?:\w+: \{ )?zh: ["'`]|^\s*\/\/|lang="zh">津渡</.test(line),
            ),
    );
    assertNone(found.map(({ line, where }) => `${where}: ${line.trim().slice(0, 80)}`));
});

test("every word has both languages, with the same values in it", () => {
    const broken: string[] = [];
    let seen = 0;
    const quoted = String.raw`("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')`;
    const pair = new RegExp(String.raw`\{\s*zh: ${quoted},\s*en: ${quoted},?\s*\}`, "g");
    const values = (text: string): string =>
        [...text.matchAll(/\{\w+\}/g)]
            .map(([name]) => name)
            .sort()
            .join(" ");
    for (const file of sources) {
        const text = readFileSync(file, "utf8");
        const pairs = [...text.matchAll(pair)];
        seen += pairs.length;
        if (pairs.length !== [...text.matchAll(/\bzh: ["'`]/g)].length)
            broken.push(`${relative(web, file)}: a word without its pair`);
        for (const [, zh, en] of pairs) {
            if (values(zh!) !== values(en!)) broken.push(`${relative(web, file)}: ${zh} ${en}`);
            if (han.test(en!) && en !== '"中文"') broken.push(`${relative(web, file)}: ${en} is not English`);
        }
    }
    assert.ok(seen > 100, String(seen));
    assertNone(broken);
});

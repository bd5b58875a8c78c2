import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { layOut } from "../../web/src/drawer.ts";
import { niceStep } from "../../web/src/elsewhere.ts";
import { everyText, frameText, healthOf, originOf, rate } from "../../web/src/links.ts";
import { spread, type Point } from "../../web/src/spots.ts";
import { readState, writeState } from "../../web/src/state.ts";
import { ago, figure, linkLabel, protocolLabel, say, setLanguage } from "../../web/src/words.ts";

const dist = (file: string): string => readFileSync(new URL(`../../web/dist/${file}`, import.meta.url), "utf8");

test("the build is whole: page, program, style, terms, with their compressed forms", () => {
    for (const file of ["index.html", "app.js", "style.css", "icon.svg", "city.jsonld", "app.js.gz", "app.js.br"]) {
        assert.ok(existsSync(new URL(`../../web/dist/${file}`, import.meta.url)), file);
    }
});

test("the page asks nobody but its own program", () => {
    // Namespaces and the name of the city's terms are no requests.
    const names = ["http://www.w3.org/", "http://127.0.0.1:8080/city.jsonld"];
    for (const file of ["index.html", "app.js", "style.css"]) {
        const found = [...dist(file).matchAll(/(?:https?:)?\/\/[a-z0-9][\w.-]*\.[a-z0-9]+[^\s"'`)>;]*/gi)].map(
            ([url]) => url,
        );
        assert.deepEqual(
            found.filter((url) => !names.some((name) => url.startsWith(name))),
            [],
            file,
        );
    }
});

test("the page passes a strict content security policy: no script, style or handler in line", () => {
    const html = dist("index.html");
    assert.doesNotMatch(html, /<script(?![^>]*\ssrc=)/);
    assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=|javascript:/i);
    assert.doesNotMatch(dist("app.js"), /\beval\(|new Function|innerHTML|insertAdjacentHTML|document\.write/);
});

test("an address says what the page shows, and back", () => {
    const state = {
        lang: "en",
        id: "urn:ngsi-ld:Place:3211-x",
        type: "Place",
        device: "air/MN 1&2",
        offset: 40,
    } as const;
    assert.deepEqual(readState(writeState(state)), state);
    assert.deepEqual(readState(""), { lang: "zh", id: undefined, type: undefined, device: undefined, offset: 0 });
    assert.equal(readState("#offset=-3&lang=fr").offset, 0);
});

test("figures have thin spaces between thousands and no needless zeros", () => {
    assert.equal(figure(1234567.5), "1\u2009234\u2009567.5");
    assert.equal(figure(0.1 + 0.2), "0.3");
    assert.equal(figure(-1000, 0), "-1\u2009000");
});

test("long coordinates are named by their number, all else is shown whole", () => {
    const ring = Array.from({ length: 500 }, (_, at) => [119 + at / 1000, 32]);
    const shown = layOut({ type: "Polygon", coordinates: [ring], note: "x" });
    assert.match(shown, /500/);
    assert.ok(shown.length < 200);
    assert.deepEqual(JSON.parse(layOut({ a: [1, { b: "c,d" }], e: {}, f: null })), {
        a: [1, { b: "c,d" }],
        e: {},
        f: null,
    });
});

test("the list of links has its place, and each kind of data its word in both languages", () => {
    assert.match(dist("index.html"), /<section[^>]*id="links-panel"[^>]*hidden>[\s\S]*<ul[^>]*id="links"><\/ul>/);
    const words = (["recorded", "carried", "simulated"] as const).map((origin) => {
        setLanguage("zh");
        const zh = say(origin);
        setLanguage("en");
        return [zh, say(origin)];
    });
    setLanguage("zh");
    assert.deepEqual(words, [
        ["实录", "Recorded"],
        ["实数装帧", "Carried"],
        ["模拟", "Simulated"],
    ]);
    for (const word of words.flat()) assert.ok(dist("app.js").includes(word), word);
    assert.equal(linkLabel("air"), "空气站");
    assert.equal(linkLabel("somebody-elses"), "somebody-elses");
    assert.equal(protocolLabel("gb32960"), "GB/T 32960");
});

test("an entity is of the kind that it says itself, and of no other", () => {
    const entity = (value: unknown): { id: string; type: string; dataOrigin: unknown } => ({
        id: "urn:x:1",
        type: "X",
        dataOrigin: { type: "Property", value },
    });
    assert.equal(originOf(entity("simulated")), "simulated");
    assert.equal(originOf(entity("invented")), undefined);
    assert.equal(originOf({ id: "urn:x:1", type: "X" }), undefined);
});

test("frames a second come from two counts or more; a link that was counted once has no rate", () => {
    assert.equal(rate([]), undefined);
    assert.equal(rate([{ at: 0, frames: 5 }]), undefined);
    const counts = [
        { at: 0, frames: 5 },
        { at: 3000, frames: 5 },
        { at: 6000, frames: 17 },
    ];
    assert.equal(rate(counts), 2);
});

test("a device is silent first, then wrong from one bad frame in a hundred on, and else as the program says", () => {
    const of = (health: "well" | "silent" | "clock", frames: number, bad: number): string =>
        healthOf({ health, frames, bad });
    assert.equal(of("well", 100, 0), "well");
    assert.equal(of("well", 101, 1), "well");
    assert.equal(of("well", 100, 1), "errors");
    assert.equal(of("clock", 100, 0), "clock");
    assert.equal(of("clock", 1, 1), "errors");
    assert.equal(of("silent", 1, 1), "silent");
    assert.equal(of("well", 0, 0), "well");
});

test("how often a device speaks is told by its interval and by the minute", () => {
    assert.equal(everyText(10), "每 10 秒一帧（6 帧/分）");
    assert.equal(everyText(0.5), "每 0.5 秒一帧（120 帧/分）");
    assert.equal(everyText(300), "每 300 秒一帧（0.2 帧/分）");
});

test("marks that would hide one another are drawn side by side, near their place, and all others at it", () => {
    const alone: Point[] = [
        [10, 10],
        [200, 40],
    ];
    assert.deepEqual(spread(alone, 4), alone);
    const places: Point[] = [...alone, ...Array.from({ length: 20 }, (): Point => [100, 100])];
    const drawn = spread(places, 4);
    assert.deepEqual(drawn.slice(0, 3), places.slice(0, 3));
    drawn.forEach(([x, y], at) => {
        assert.ok(Math.hypot(x - places[at]![0], y - places[at]![1]) < 40, `${at}`);
        for (const [ox, oy] of drawn.slice(0, at)) assert.ok(Math.hypot(x - ox, y - oy) >= 1.6 * 4, `${at}`);
    });
});

test("lines and scales of small maps go by 1, 2 and 5", () => {
    for (const [least, step] of [[0.013, 0.02], [0.2, 0.2], [3, 5], [7, 10], [1, 1], [450, 500]] as const) {
        assert.ok(Math.abs(niceStep(least) - step) < step / 1e6, `${least}: ${niceStep(least)}`);
    }
});

test("a frame is shown as text where it is text, else as hex in pairs", () => {
    assert.equal(frameText(Buffer.from("!AIVDM,1*5C\r\n").toString("hex")), "!AIVDM,1*5C");
    assert.equal(frameText("7e7e0100"), "7e 7e 01 00");
});

test("what was heard a short while ago is told in seconds or minutes", () => {
    const now = Date.UTC(2026, 10, 23, 12);
    const before = (seconds: number): string => ago(new Date(now - seconds * 1000).toISOString(), now);
    assert.equal(before(7), "7 秒前");
    assert.equal(before(600), "10 分钟前");
    assert.match(before(7200), /2026/);
});

// Own: settings of the console (docs/console.md): checked at the start, answered with who answers; the @context of all
// names that this city knows.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { brotliDecompressSync, gunzipSync, gzipSync } from "node:zlib";
import { Watch } from "./events.ts";
import { install, sample as pack, send, type Files } from "./packs.ts";
import { api, ask, command, folder, linkTo, root, Server, type Headers, type Json } from "./server.ts";

const contexts = join(root, "city/contexts");
const sample = join(root, "city/console.json");
const settings = (): Json => JSON.parse(readFileSync(sample, "utf8"));

const dir = folder();
let files = 0;
function file(text: string | Json): string {
    const path = join(dir, `console-${++files}.json`);
    writeFileSync(path, typeof text === "string" ? text : JSON.stringify(text, null, 2));
    return path;
}
const start = (...options: string[]): Promise<Server> => new Server(folder(), options).start();

const city = new Server(folder(), ["--contexts", contexts, "--no-fetch", "--console", sample]);
before(() => city.start());
after(() => city.stop());

const minimal = { console: 1, city: { zh: "城", en: "City" } };

test("GET /api/console: the settings, with version and mode", async () => {
    const answer = await city.call("GET", "/api/console");
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.headers["content-type"] ?? "", /^application\/json/);
    const { version, open, ...rest } = answer.json;
    assert.deepEqual(rest, settings());
    assert.equal(open, true);
    assert.match(version, /^\d+\.\d+\.\d+/);
    const told = await command("version");
    assert.ok(told.out.includes(version), told.out);
});

test("without a file there is a default, and what a file leaves out is filled in", async () => {
    const empty = { types: {}, attributes: {}, links: {}, units: {}, protocols: {} };
    const lists = { contexts: [], views: [], figures: [], labels: empty };
    const filled = { console: 1, open: true, zone: "Asia/Shanghai", ...lists };
    const none = await start();
    const { version: _one, ...byDefault } = (await none.call("GET", "/api/console")).json;
    assert.deepEqual(byDefault, { ...filled, city: { zh: "津渡", en: "Jindu" } });
    await none.stop();
    const little = await start("--console", file(minimal));
    const { version: _two, ...ofFile } = (await little.call("GET", "/api/console")).json;
    assert.deepEqual(ofFile, { ...filled, city: minimal.city });
    await little.stop();
});

test("the file may be named in the configuration file", async () => {
    const own = await start("--config", file({ console: file(minimal) }));
    assert.deepEqual((await own.call("GET", "/api/console")).json.city, minimal.city);
    await own.stop();
});

test("a file that is wrong is refused at the start, with file, line and member of all that is wrong", async () => {
    const view = settings().views[0];
    const figure = { id: "f", title: minimal.city, type: "T", aggregate: "avg" };
    const tiles = { attribution: minimal.city, approval: "GS" };
    const wrong: [what: string, Json, ...patterns: RegExp[]][] = [
        ["no JSON", "{\n  \"console\": 1,\n}", /:3:1: /],
        ["nothing that is asked for", "{}", /:1:1: .*console/, /:1:1: .*city/],
        ["another version", { ...minimal, console: 2 }, /:2:3: console: /],
        ["one language", { ...minimal, city: { zh: "城" } }, /:3:3: city: /],
        ["a member that is not known", { ...minimal, colour: "red" }, /:7:3: colour: /],
        ["a zone that is not", { ...minimal, zone: "Asia/Zhenjiang" }, /:7:3: zone: there is no such time zone/],
        ["a box upside down", { ...minimal, box: [119, 33, 120, 32] }, /:7:3: box: must be west, south/],
        ["a box off the earth", { ...minimal, box: [119, 32, 181, 33] }, /box\[2\]: /],
        ["half a box", { ...minimal, box: [119, 32] }, /:7:3: box: /],
        ["tiles over HTTP", { ...minimal, tiles: { ...tiles, url: "http://t.example/{z}/{x}/{y}" } }, /tiles\.url: /],
        ["tiles of no row", { ...minimal, tiles: { ...tiles, url: "https://t.example/{z}/{x}" } }, /tiles\.url: /],
        ["a host that says more", { ...minimal, tiles: { ...tiles, url: "https://a; x/{z}{x}{y}" } }, /tiles\.url: /],
        ["a context that is no URL", { ...minimal, contexts: ["city.jsonld"] }, /contexts\[0\]: /],
        [
            "its own context",
            { ...minimal, contexts: ["http://127.0.0.1:1/api/console/context.jsonld"] },
            /contexts\[0\]: is the console's own/,
        ],
        ["a view as no pack could have it", { ...minimal, views: [{ ...view, columns: [] }] }, /views\[0\]\.columns: /],
        ["views of one id", { ...minimal, views: [view, view] }, /views\[1\]\.id: is there twice/],
        ["a mean of nothing", { ...minimal, figures: [figure] }, /figures\[0\]: .*attribute/],
        ["figures of one id", { ...minimal, figures: [1, 2].map(() => ({ ...figure, aggregate: "count" })) }, /twice/],
        ["a word in one language", { ...minimal, labels: { types: { T: { en: "T" } } } }, /labels\.types\.T: .*zh/],
    ];
    for (const [what, value, ...patterns] of wrong) {
        const path = file(value);
        const ended = await command("serve", "--open", "--data", folder(), "--console", path);
        assert.equal(ended.code, 2, `${what}: ${ended.out}`);
        for (const pattern of patterns) assert.match(ended.out, pattern, what);
        assert.ok(ended.out.includes(`${path}:`), `${what}: ${ended.out}`);
    }
    const gone = await command("serve", "--open", "--data", folder(), "--console", join(dir, "nowhere.json"));
    assert.equal(gone.code, 2, gone.out);
    assert.match(gone.out, /nowhere\.json: No such file/);
});

test("views of the console are views of packs", () => {
    const schema = (name: string): Json => JSON.parse(readFileSync(join(root, `schemas/${name}.schema.json`), "utf8"));
    const { $defs, $schema: _schema, title: _title, description: _description, ...view } = schema("view");
    assert.deepEqual(schema("console").$defs.view, view);
    for (const name of Object.keys($defs)) assert.deepEqual(schema("console").$defs[name], $defs[name], name);
});

test("the sample city's settings name what its @context knows, and all has words", () => {
    const { views, figures, labels, outlines, water } = settings();
    const terms = JSON.parse(readFileSync(join(contexts, "city.jsonld"), "utf8"))["@context"];
    const types = [outlines, water, ...views, ...figures].map(({ type }: Json) => type);
    for (const type of types) assert.ok(terms[type] && labels.types[type], type);
    for (const { columns, chart = [], map = {} } of views)
        for (const name of [...columns, ...chart, map.label, map.colour?.by])
            if (name !== undefined) assert.ok(terms[name] && labels.attributes[name], name);
    for (const { attribute, unit } of figures) {
        if (attribute !== undefined) assert.ok(terms[attribute] && labels.attributes[attribute], attribute);
        if (unit !== undefined) assert.equal(labels.units[unit.code], unit.text);
    }
});

test("the sample city's figures are questions that can be asked", async () => {
    const put = async (entities: Json[]): Promise<void> => {
        const body = JSON.stringify(entities);
        const headers = { "Content-Type": "application/json", ...linkTo(settings().contexts[0]) };
        const made = await city.call("POST", `${api}/entityOperations/create`, body, headers);
        assert.equal(made.status, 201, made.text);
    };
    const car = (id: number, status: string, battery: number): Json => ({
        id: `urn:x:car${id}`,
        type: "ElectricVehicle",
        chargingStatus: { value: status },
        battery: { value: battery, unitCode: "P1" },
    });
    await put([
        { id: "urn:x:a", type: "AirQualityObserved", pm25: { value: 40, unitCode: "GQ" } },
        { id: "urn:x:s1", type: "Vessel", speedOverGround: { value: 0.4, unitCode: "KNT" } },
        { id: "urn:x:s2", type: "Vessel", speedOverGround: { value: 7, unitCode: "KNT" } },
        car(1, "charging parked", 30),
        car(2, "charging driving", 50),
        car(3, "not charging", 90),
        { id: "urn:x:r1", type: "RiverFlowObserved", discharge: { value: 3 } },
        { id: "urn:x:r2", type: "RiverFlowObserved", stationCode: { value: "1" } },
        { id: "urn:x:b1", type: "Vehicle", vehicleType: { value: "bus" } },
        { id: "urn:x:b2", type: "Vehicle", vehicleType: { value: "tram" } },
    ]);
    const found: Record<string, number> = {};
    for (const { id, type, q } of settings().figures) {
        const params = { type, count: true, limit: 100, ...(q === undefined ? {} : { q }) };
        const named = linkTo(settings().contexts[0]);
        const answer = await city.call("GET", `${api}/entities${ask(params)}`, undefined, named);
        assert.equal(answer.status, 200, answer.text);
        found[id] = Number(answer.headers["ngsild-results-count"]);
    }
    const counts = { "ships-under-way": 1, pm25: 1, "cars-charging": 2, battery: 3, gauges: 1, buses: 1 };
    assert.deepEqual(found, counts);
});

/* ---- the @context of all names ---- */

const path = "/api/console/context.jsonld";
const little = (name: string, context: Json): Files => ({
    "pack.json": JSON.stringify({
        pack: 1,
        name,
        version: "1.0.0",
        title: { zh: name, en: name },
        "@context": context,
    }),
});
async function put(to: Server, entity: Json, headers: Headers = {}): Promise<void> {
    const made = await to.call("POST", `${api}/entities`, JSON.stringify(entity), {
        "Content-Type": "application/json",
        ...headers,
    });
    assert.equal(made.status, 201, made.text);
}
async function seen(by: Server, id: string, url = by.url + path): Promise<Json> {
    const answer = await by.call("GET", `${api}/entities/${id}?format=simplified`, undefined, linkTo(url));
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
}

test("one @context knows the names of the city, of its packs, and of alerts", async () => {
    const answer = await city.call("GET", path);
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.headers["content-type"] ?? "", /^application\/ld\+json/);
    const list = answer.json["@context"];
    assert.equal(list.at(-1), settings().contexts[0]);
    const alerts = (await city.call("GET", "/api/alerts/context.jsonld")).json["@context"];
    assert.deepEqual(list[0], alerts);
    await put(city, { id: "urn:x:d", type: "District", code: { value: "1" } }, linkTo(settings().contexts[0]));
    assert.deepEqual(await seen(city, "urn:x:d"), { id: "urn:x:d", type: "District", code: "1" });
    await put(city, { id: "urn:x:alert", type: alerts.Alert, [alerts.severity]: { value: "red" } });
    assert.deepEqual(await seen(city, "urn:x:alert"), { id: "urn:x:alert", type: "Alert", severity: "red" });
});

test("it follows packs that are installed, changed and removed at once", async () => {
    const type = "https://example.org/sample/SampleStation";
    await put(city, { id: "urn:x:station", type });
    assert.equal((await seen(city, "urn:x:station")).type, type);
    assert.equal((await install(city, pack())).status, 201);
    assert.equal((await seen(city, "urn:x:station")).type, "SampleStation");
    const files = { ...pack("1.1.0") };
    const manifest = JSON.parse(files["pack.json"]!);
    manifest["@context"].Fresh = "https://example.org/sample/Fresh";
    await put(city, { id: "urn:x:fresh", type: "https://example.org/sample/Fresh" });
    assert.notEqual((await seen(city, "urn:x:fresh")).type, "Fresh");
    assert.equal((await install(city, { ...files, "pack.json": JSON.stringify(manifest) })).status, 204);
    assert.equal((await seen(city, "urn:x:fresh")).type, "Fresh");
    assert.equal((await send(city, "DELETE", "/api/packs/sample")).status, 204);
    assert.equal((await seen(city, "urn:x:station")).type, type);
});

test("it is there again after a restart", async () => {
    const own = await start();
    assert.equal((await install(own, little("one", { flow: "https://example.org/one/flow" }))).status, 201);
    await put(own, { id: "urn:x:1", type: "T", "https://example.org/one/flow": { value: 1 } });
    assert.equal(await own.stop(), 0);
    await own.start();
    assert.deepEqual(await seen(own, "urn:x:1"), { id: "urn:x:1", type: "T", flow: 1 });
    await own.stop();
});

test("whatever this program is called by who asks, nothing is fetched", async () => {
    const own = await start("--no-fetch", "--base-url", "https://city.example/jindu");
    assert.equal((await install(own, little("one", { flow: "https://example.org/one/flow" }))).status, 201);
    await put(own, { id: "urn:x:1", type: "T", "https://example.org/one/flow": { value: 1 } });
    const bases = [
        own.url,
        `http://localhost:${own.port}`,
        "https://city.example",
        "https://city.example/jindu",
        "http://192.0.2.7:8080",
    ];
    for (const base of bases) {
        assert.equal((await seen(own, "urn:x:1", base + path)).flow, 1, base);
        const alerts = await own.call("GET", `${api}/types`, undefined, linkTo(`${base}/api/alerts/context.jsonld`));
        assert.equal(alerts.status, 200, `${base}: ${alerts.text}`);
    }
    const other = await own.call("GET", `${api}/types`, undefined, linkTo(`${own.url}/else${path}`));
    assert.equal(other.status, 504, other.text);
    await own.stop();
});

test("of two meanings of a name the city's goes before those of packs, these by name, and before alerts", async () => {
    const iri = (of: string, name: string): string => `https://example.org/${of}/${name}`;
    const own = await start("--contexts", contexts, "--no-fetch", "--console", sample);
    const names = ["flow", "severity", "pm25"];
    const context = (of: string): Json => Object.fromEntries(names.map((name) => [name, iri(of, name)]));
    /* in the other order: what counts is the name, not who came first */
    assert.equal((await install(own, little("bbb", [null, context("bbb")]))).status, 201);
    assert.equal((await install(own, little("aaa", context("aaa")))).status, 201);
    const alerts = (await own.call("GET", "/api/alerts/context.jsonld")).json["@context"];
    const value = { value: 1 };
    const all = { [alerts.severity]: value };
    for (const of of ["aaa", "bbb"]) for (const name of names) Object.assign(all, { [iri(of, name)]: value });
    await put(own, { id: "urn:x:1", type: "T", ...all });
    await put(own, { id: "urn:x:2", type: "T", pm25: value }, linkTo(settings().contexts[0]));
    assert.deepEqual(await seen(own, "urn:x:1"), {
        id: "urn:x:1",
        type: "T",
        flow: 1,
        severity: 1,
        [iri("aaa", "pm25")]: 1,
        [iri("bbb", "flow")]: 1,
        [iri("bbb", "severity")]: 1,
        [iri("bbb", "pm25")]: 1,
        [alerts.severity]: 1,
    });
    assert.deepEqual(await seen(own, "urn:x:2"), { id: "urn:x:2", type: "T", pm25: 1 });
    await own.stop();
});

test("a pack's vocabulary is its own", async () => {
    const own = await start();
    const vocabulary = { "@vocab": "https://example.org/bbb/", flow: { "@type": "@id" } };
    assert.equal((await install(own, little("bbb", vocabulary))).status, 201);
    assert.equal((await install(own, little("aaa", { level: { "@type": "@id" } }))).status, 201);
    const level = await own.call("GET", `${api}/types`, undefined, linkTo(`${own.url}/api/packs/aaa/context.jsonld`));
    assert.equal(level.status, 200, level.text);
    await put(own, { id: "urn:x:1", type: "T", level: { value: 1 }, "https://example.org/bbb/flow": { value: 2 } });
    assert.deepEqual(await seen(own, "urn:x:1"), { id: "urn:x:1", type: "T", level: 1, flow: 2 });
    await own.stop();
});

test("live views tell by these names", async () => {
    const own = await start("--no-fetch");
    assert.equal((await install(own, little("one", { Flow: "https://example.org/one/Flow" }))).status, 201);
    await put(own, { id: "urn:x:1", type: "https://example.org/one/Flow", value: { value: 1 } });
    const live = await Watch.open(own, { context: own.url + path, type: "Flow", options: "keyValues" });
    assert.equal(live.status, 200);
    assert.equal((await live.next()).event, "hello");
    await put(own, { id: "urn:x:2", type: "https://example.org/one/Flow", value: { value: 2 } });
    const told = await live.next();
    assert.equal(told.event, "entity");
    assert.deepEqual(told.data, { id: "urn:x:2", type: "Flow", value: 2 });
    live.close();
    await own.stop();
});

/* ---- what a page may load ---- */

test("a page may load from this program, tiles also from where they are, and nothing else", async () => {
    const web = join(dir, "web");
    mkdirSync(web);
    writeFileSync(join(web, "index.html"), "<!doctype html><title>page</title>");
    const policy = async (...options: string[]): Promise<string | undefined> => {
        const own = await start("--web", web, ...options);
        const answer = await own.call("GET", "/", undefined, { Accept: "text/html" });
        assert.equal(answer.status, 200);
        assert.match(answer.text, /<title>page/);
        // The console's places are behind "#": an unknown path is unknown, whoever asks.
        for (const unknown of ["/alerts", "/alerts/1", "/index"]) {
            const none = await own.call("GET", unknown, undefined, { Accept: "text/html" });
            assert.equal(none.status, 404, unknown);
            assert.doesNotMatch(none.text, /<title>/);
        }
        await own.stop();
        return answer.headers["content-security-policy"];
    };
    const csp = (tiles: string): string =>
        `default-src 'self'; img-src 'self' data: blob:${tiles}; worker-src 'self'; connect-src 'self'${tiles}; ` +
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";
    assert.equal(await policy(), csp(""));
    assert.equal(await policy("--console", file(minimal)), csp(""));
    const tiles = {
        url: "https://tiles.example.cn:8443/vec_w/wmts?z={z}&x={x}&y={y}",
        attribution: minimal.city,
        approval: "GS(2024)0001",
    };
    assert.equal(await policy("--console", file({ ...minimal, tiles })), csp(" https://tiles.example.cn:8443"));
});

/* ---- the console in the program ---- */

function bytes(of: Server, name: string, coding: string): Promise<{ coding: string | undefined; body: Buffer }> {
    return new Promise((done, failed) => {
        const headers = { "Accept-Encoding": coding };
        const asked = request({ host: "127.0.0.1", port: of.port, path: name, headers, agent: false }, (answer) => {
            const parts: Buffer[] = [];
            answer.on("data", (part: Buffer) => parts.push(part));
            answer.on("end", () => {
                assert.equal(answer.statusCode, 200, name);
                done({ coding: answer.headers["content-encoding"], body: Buffer.concat(parts) });
            });
        });
        asked.on("error", failed);
        asked.end();
    });
}

const dist = join(root, "web/dist");
test("the program holds what web/dist holds, and serves it without a folder", async (t) => {
    if (!existsSync(join(dist, "index.html"))) return t.skip("web/dist is not built");
    const names = (readdirSync(dist, { recursive: true }) as string[]).filter(
        (name) => !/\.(br|gz)$/.test(name) && statSync(join(dist, name)).isFile(),
    );
    const stale = "the program was built before web/dist: make";
    for (const name of names) {
        const wanted = readFileSync(join(dist, name));
        const plain = await bytes(city, "/" + name, "identity");
        assert.equal(plain.coding, undefined, name);
        assert.ok(plain.body.equals(wanted), `${name}: ${stale}`);
        if (!existsSync(join(dist, name + ".gz"))) continue;
        const br = await bytes(city, "/" + name, "br, gzip");
        assert.equal(br.coding, "br", name);
        assert.ok(brotliDecompressSync(br.body).equals(wanted), `${name}: ${stale}`);
        const gz = await bytes(city, "/" + name, "gzip");
        assert.equal(gz.coding, "gzip", name);
        assert.ok(gunzipSync(gz.body).equals(wanted), `${name}: ${stale}`);
    }
    assert.ok((await bytes(city, "/", "identity")).body.equals(readFileSync(join(dist, "index.html"))));
});

test("what goes into the program: compressed forms alone where there are some, and nothing twice", () => {
    const folder = join(dir, "dist");
    const out = join(dir, "console_files.c");
    const embed = (from: string): string => {
        const ended = spawnSync(join(root, "scripts/embed.sh"), [out, from], { encoding: "utf8" });
        return ended.status === 0 ? readFileSync(out, "utf8") : `failed: ${ended.stderr}`;
    };
    assert.match(embed(folder), /cmd_web_files_n = 0;/);
    mkdirSync(join(folder, "assets"), { recursive: true });
    assert.match(embed(folder), /cmd_web_files_n = 0;/);
    writeFileSync(join(folder, "index.html"), "<!doctype html>");
    writeFileSync(join(folder, ".hidden"), "never");
    const script = join(folder, "assets/app-5x3kq2ab.js");
    writeFileSync(script, "let a = 1;");
    writeFileSync(`${script}.gz`, gzipSync("let a = 1;"));
    writeFileSync(`${script}.br`, "pretend");
    const first = embed(folder);
    const found = first.matchAll(/^ +\{("[^"]*"), (NULL|"[a-z]+"), cmd_web_\d, \d+\}/gm);
    const rows = [...found].map((m) => `${m[1]} ${m[2]}`);
    const app = '"/assets/app-5x3kq2ab.js"';
    assert.deepEqual(rows, [`${app} "br"`, `${app} "gzip"`, '"/index.html" NULL']);
    const long = new Date(1_000_000_000_000);
    utimesSync(out, long, long);
    assert.equal(embed(folder), first);
    assert.equal(statSync(out).mtimeMs, long.getTime(), "what did not change is not compiled again");
    writeFileSync(join(folder, "index.html"), "<!DOCTYPE html>");
    assert.notEqual(embed(folder), first);
    writeFileSync(join(folder, 'a"b.js'), "x");
    assert.match(embed(folder), /^failed: embed: names of files must be plain: a"b\.js/);
});

test("an @context of --contexts is served where its URL says, when that is here; files go before it", async () => {
    const web = join(dir, "web-of-contexts");
    const kept = join(dir, "contexts");
    for (const folder of [web, kept]) mkdirSync(folder);
    writeFileSync(join(web, "index.html"), "<!doctype html>");
    writeFileSync(join(web, "page.jsonld"), '{"@context":{"by":"https://example.org/page"}}');
    const document = (name: string): string => `{"@context":{"by":"https://example.org/${name}"}}`;
    const urls = {
        "http://127.0.0.1:8080/a.jsonld": "a",
        "http://localhost/below/b.jsonld": "b",
        "https://city.example/jindu/c.jsonld": "c",
        "http://127.0.0.1:8080/page.jsonld": "never",
        "https://elsewhere.example/d.jsonld": "d",
        "http://127.0.0.1:8080/e.jsonld?v=1": "e",
        "http://127.0.0.1.example.org/f.jsonld": "f",
    };
    for (const name of Object.values(urls)) writeFileSync(join(kept, name), document(name));
    writeFileSync(join(kept, "index.json"), JSON.stringify(urls));
    const own = await start("--contexts", kept, "--web", web, "--base-url", "https://city.example/jindu");
    const served: [path: string, name: string][] = [
        ["/a.jsonld", "a"],
        ["/below/b.jsonld", "b"],
        ["/c.jsonld", "c"],
        ["/page.jsonld", "page"],
    ];
    for (const [path, name] of served) {
        const answer = await own.call("GET", path);
        assert.equal(answer.status, 200, path);
        assert.match(answer.headers["content-type"] ?? "", /^application\/ld\+json/);
        assert.equal(answer.text, document(name));
    }
    for (const path of ["/d.jsonld", "/e.jsonld", "/f.jsonld", "/jindu/c.jsonld", "/never"])
        assert.equal((await own.call("GET", path)).status, 404, path);
    await own.stop();
});

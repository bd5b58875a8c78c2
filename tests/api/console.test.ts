// Own: settings of the console (docs/console.md): checked at the start, answered with who answers; the @context of all
// names that this city knows.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { api, ask, command, folder, linkTo, root, Server, type Json } from "./server.ts";

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

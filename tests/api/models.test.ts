// Smart Data Models over HTTP: every valid published example goes in and comes out equal in normalized, concise and
// simplified form; each that is published invalid is refused with its place. Skipped where the examples are not beside
// the project.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseCsv } from "../../city/csv.ts";
import { check, root, serve, type Json } from "./server.ts";

const shared = process.env["JINDU_SHARED"] ?? join(root, "../shared");
const folder = join(shared, "data/smart-data-models");
const there = existsSync(join(folder, "index.csv"));

// Invalid as published, though the simple check behind the index saw nothing.
const alsoInvalid: Record<string, string> = {
    Vehicle: "battery.observedAt 2016-08-22T19:20Z has no seconds (4.6.3)",
    AgriGreenhouse: "co2.observedAt has an offset, not Z (4.6.3)",
    CityWork: 'a sub-attribute\'s type is "Property " with a blank',
    SolarEnergy: "a Point whose coordinates are nested once too deep (4.7)",
    InverterDevice: "a Point whose coordinates are nested once too deep (4.7)",
    Vessel: "an attribute named observedAt (4.5.1)",
    Distribution: "location is a Property, not a GeoProperty (4.7.1)",
};

function isValid(type: string, defects: string): boolean {
    if (type in alsoInvalid) return false;
    if (defects === "" || defects.startsWith("(")) return true;
    // createdAt and modifiedAt as plain DateTimes are what the standard itself defines (4.8).
    return defects.startsWith("createdAt is not an attribute object") && !defects.includes("type=");
}

const system = ["@context", "createdAt", "modifiedAt"];
const isAttribute = (value: Json): boolean => typeof value === "object" && value !== null && "type" in value;

// The two short forms by clauses 4.5.4 and 4.5.1, worked out from the input alone.
function simple(attribute: Json): Json {
    for (const name of ["languageMap", "vocab", "json"]) if (name in attribute) return { [name]: attribute[name] };
    const member = { Relationship: "object", ListProperty: "valueList" }[attribute.type as string] ?? "value";
    return attribute[member] ?? null;
}
function concise(attribute: Json): Json {
    const names = Object.keys(attribute);
    const isObject = typeof attribute.value === "object" && attribute.value !== null && !Array.isArray(attribute.value);
    if (names.length === 2 && "value" in attribute && (attribute.type === "GeoProperty" || !isObject))
        return attribute.value;
    const kept = names.filter((name) => name !== "type" && !system.includes(name));
    return Object.fromEntries(
        kept.map((name) => [
            name,
            name !== "value" && isAttribute(attribute[name]) ? concise(attribute[name]) : attribute[name],
        ]),
    );
}
function expected(entity: Json, form: (attribute: Json) => Json): Json {
    const kept = Object.entries(entity as Record<string, Json>).filter(([name]) => !system.includes(name));
    return Object.fromEntries(kept.map(([name, value]) => [name, isAttribute(value) ? form(value) : value]));
}

test(
    "Smart Data Models: valid examples are equal in three forms, invalid ones refused with place",
    { skip: !there && "no examples" },
    async () => {
        const server = await serve("--no-fetch");
        const rows = parseCsv(readFileSync(join(folder, "index.csv"), "utf8"));
        let good = 0;
        let refused = 0;
        for (const row of rows) {
            const file = join(folder, row["subject"]!, row["type"]!, "example-normalized.jsonld");
            if (!existsSync(file)) continue;
            const what = `${row["subject"]}/${row["type"]}`;
            // The @contexts that the examples name are not here: their names stand in the core's default vocabulary.
            const entity = JSON.parse(readFileSync(file, "utf8")) as Json;
            const { "@context": _, ...body } = entity;
            const city = await server.city();
            const answer = await city.post("/entities", body);
            if (!isValid(row["type"]!, row["ngsi_ld_defects_seen"] ?? "")) {
                check(answer, [400, "BadRequestData"], what);
                assert.ok(answer.json.place, `${what}: no place: ${answer.text}`);
                refused++;
                continue;
            }
            check(answer, 201, what);
            const forms: [string, (attribute: Json) => Json][] = [
                ["normalized", (attribute) => attribute],
                ["concise", concise],
                ["simplified", simple],
            ];
            for (const [format, form] of forms) {
                const got = await city.get(`/entities/${encodeURIComponent(body.id)}?format=${format}`);
                check(got, 200, what);
                assert.deepEqual(got.json, expected(body, form), `${what} ${format}`);
            }
            good++;
            // From its concise form the same entity is made again; but a geometry says GeoProperty there.
            const isShape = (value: Json): boolean =>
                value?.type === "Property" && value.value?.coordinates !== undefined;
            if (Object.values(body as Record<string, Json>).some(isShape)) continue;
            const short = await city.get(`/entities/${encodeURIComponent(body.id)}?format=concise`);
            check(await city.put(`/entities/${encodeURIComponent(body.id)}`, short.json), 204, what);
            const again = await city.get(`/entities/${encodeURIComponent(body.id)}`);
            assert.deepEqual(
                again.json,
                expected(body, (attribute) => attribute),
                `${what} by its concise form`,
            );
        }
        assert.ok(good >= 40 && refused >= 10, `${good} valid, ${refused} refused`);
    },
);

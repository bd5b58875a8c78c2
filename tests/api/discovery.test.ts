// What types and attributes there are: clauses 5.7.5 to 5.7.10.
import assert from "node:assert/strict";
import { test } from "node:test";
import { check, core, serve, sorted, type Json } from "./server.ts";

const server = await serve();
const v = "https://example.org/v#";
const point = { type: "Point", coordinates: [1, 2] };
const all: Json[] = [
    { id: "urn:1", type: "Building", name: "a", location: point, of: { object: "urn:2" } },
    { id: "urn:2", type: ["Building", "Hotel"], name: { languageMap: { en: "b" } }, stars: 4 },
    { id: "urn:3", type: `${v}Boat`, [`${v}mast`]: 1, scope: "/A" },
];

const byId = (list: Json[]): Json[] => [...list].sort((a, b) => (a.id < b.id ? -1 : 1));
const types = async (path: string): Promise<Json> => {
    const city = await server.city(...all);
    const answer = await city.get(path);
    check(answer, 200);
    assert.match(answer.headers["content-type"] ?? "", /^application\/json/);
    assert.equal(answer.json["@context"], undefined);
    return answer.json;
};

for (const path of ["/types", "/types/", "/types?details=false"]) {
    test(`5.7.5 ${path}: the list of types`, async () => {
        const json = await types(path);
        assert.equal(json.type, "EntityTypeList");
        assert.match(json.id, /^urn:ngsi-ld:EntityTypeList:/);
        assert.deepEqual(sorted(json.typeList), ["Building", "Hotel", `${v}Boat`]);
        assert.deepEqual(Object.keys(json).sort(), ["id", "type", "typeList"]);
    });
}

test("5.7.6 types with details: whole name as id, short names, attributes of each", async () => {
    const json = byId(await types("/types?details=true")).map((one) => ({
        ...one,
        attributeNames: sorted(one.attributeNames),
    }));
    assert.deepEqual(json, [
        { id: `${v}Boat`, type: "EntityType", typeName: `${v}Boat`, attributeNames: [`${v}mast`] },
        {
            id: `${core}Building`,
            type: "EntityType",
            typeName: "Building",
            attributeNames: ["location", "name", "of", "stars"],
        },
        { id: `${core}Hotel`, type: "EntityType", typeName: "Hotel", attributeNames: ["name", "stars"] },
    ]);
});

for (const name of ["Building", encodeURIComponent(`${core}Building`)]) {
    test(`5.7.7 one type: /types/${name}`, async () => {
        const json = await types(`/types/${name}`);
        assert.deepEqual(
            [json.id, json.type, json.typeName, json.entityCount],
            [`${core}Building`, "EntityTypeInfo", "Building", 2],
        );
        const details = byId(json.attributeDetails).map((one) => ({
            ...one,
            attributeTypes: sorted(one.attributeTypes),
        }));
        assert.deepEqual(details, [
            {
                id: `${core}name`,
                type: "Attribute",
                attributeName: "name",
                attributeTypes: ["LanguageProperty", "Property"],
            },
            { id: `${core}of`, type: "Attribute", attributeName: "of", attributeTypes: ["Relationship"] },
            { id: `${core}stars`, type: "Attribute", attributeName: "stars", attributeTypes: ["Property"] },
            {
                id: "https://uri.etsi.org/ngsi-ld/location",
                type: "Attribute",
                attributeName: "location",
                attributeTypes: ["GeoProperty"],
            },
        ]);
        assert.deepEqual(Object.keys(json).sort(), ["attributeDetails", "entityCount", "id", "type", "typeName"]);
    });
}

for (const path of ["/attributes", "/attributes?details=false"]) {
    test(`5.7.8 ${path}: the list of attributes, without what the system keeps`, async () => {
        const json = await types(path);
        assert.equal(json.type, "AttributeList");
        assert.match(json.id, /^urn:ngsi-ld:AttributeList:/);
        assert.deepEqual(sorted(json.attributeList), [`${v}mast`, "location", "name", "of", "stars"].sort());
        assert.deepEqual(Object.keys(json).sort(), ["attributeList", "id", "type"]);
    });
}

test("5.7.9 attributes with details", async () => {
    const json = byId(await types("/attributes?details=true")).map((one) => ({
        ...one,
        typeNames: sorted(one.typeNames),
    }));
    assert.deepEqual(json, [
        { id: `${v}mast`, type: "Attribute", attributeName: `${v}mast`, typeNames: [`${v}Boat`] },
        { id: `${core}name`, type: "Attribute", attributeName: "name", typeNames: ["Building", "Hotel"] },
        { id: `${core}of`, type: "Attribute", attributeName: "of", typeNames: ["Building"] },
        { id: `${core}stars`, type: "Attribute", attributeName: "stars", typeNames: ["Building", "Hotel"] },
        {
            id: "https://uri.etsi.org/ngsi-ld/location",
            type: "Attribute",
            attributeName: "location",
            typeNames: ["Building"],
        },
    ]);
});

test("5.7.10 one attribute", async () => {
    const json = await types("/attributes/name");
    assert.deepEqual(
        { ...json, attributeTypes: sorted(json.attributeTypes), typeNames: sorted(json.typeNames) },
        {
            id: `${core}name`,
            type: "Attribute",
            attributeName: "name",
            attributeCount: 2,
            attributeTypes: ["LanguageProperty", "Property"],
            typeNames: ["Building", "Hotel"],
        },
    );
});

test("5.7.7, 5.7.10 what is not there, and what the system keeps, is 404; unknown parameters 400", async () => {
    const city = await server.city(...all);
    for (const path of [
        "/types/Ship",
        "/attributes/speed",
        "/attributes/id",
        "/attributes/type",
        "/attributes/scope",
        "/attributes/createdAt",
    ]) {
        check(await city.get(path), [404, "ResourceNotFound"], path);
    }
    for (const path of [
        "/types/Ship?details=true",
        "/attributes/speed?details=true",
        "/attributes?limit=5",
        "/types?invalidParams=x",
    ]) {
        check(await city.get(path), [400, "InvalidRequest"], path);
    }
    check(await city.get("/types?details=perhaps"), [400, "BadRequestData"]);
});

test("5.7.5-5.7.10 what goes takes its types and attributes along", async () => {
    const city = await server.city(...all);
    check(await city.del("/entities/urn:2"), 204);
    assert.deepEqual(sorted((await city.get("/types")).json.typeList), ["Building", `${v}Boat`]);
    check(await city.get("/types/Hotel"), [404, "ResourceNotFound"]);
    check(await city.get("/attributes/stars"), [404, "ResourceNotFound"]);
    check(await city.del("/entities/urn:1/attrs/of"), 204);
    assert.deepEqual(
        sorted((await city.get("/attributes")).json.attributeList),
        [`${v}mast`, "location", "name"].sort(),
    );
});

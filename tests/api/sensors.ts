// Sensors, rules on them, and the alerts of those, as several files of tests have them.
import assert from "node:assert/strict";
import { sleep, until } from "./people_far.ts";
import { api, ask, type Answer, type Json, type Server } from "./server.ts";

const json = { "Content-Type": "application/json" };
export async function send(to: Server, method: string, path: string, body?: Json): Promise<Answer> {
    const text = body === undefined ? "" : JSON.stringify(body);
    return to.call(method, path, text, { ...json, "Content-Length": String(Buffer.byteLength(text)) });
}

let versions = 0;
export const context = "https://example.org/sensors#";
const title = { zh: "试验", en: "Trial" };
/** A pack of rules on sensors, whose model stands in the pack "sensors". */
export async function install(to: Server, name: string, rules: Json[]): Promise<void> {
    const pack = {
        pack: 1,
        name,
        version: `1.0.${++versions}`,
        title,
        system: "S05",
        clause: { number: 2, words: "市政感知" },
        owner: title,
        proves: title,
        "@context": Object.fromEntries(["Sensor", "n", "m", "twice", "label"].map((name) => [name, context + name])),
        ...(name === "sensors" ? {} : { needs: { packs: { sensors: "1.0.0" } } }),
    };
    const number = { kind: "Property", type: "number", title };
    const label = { kind: "LanguageProperty", title };
    const model = { model: 1, type: "Sensor", title, attributes: { n: number, m: number, twice: number, label } };
    const files: Record<string, string> = { "pack.json": JSON.stringify(pack) };
    if (name === "sensors") files["models/Sensor.json"] = JSON.stringify(model);
    if (rules.length) files["rules/rules.json"] = JSON.stringify(rules);
    const answer = await send(to, "POST", "/api/packs", { files });
    assert.ok(answer.status === 201 || answer.status === 204, `${answer.status} ${answer.text}`);
}
export const rule = (id: string, more: Json): Json => ({
    rule: 1,
    id,
    title: { zh: "超限", en: "Over the limit" },
    type: "Sensor",
    levels: [{ severity: "red", when: "n > 80", until: "n < 70" }],
    ...more,
});

export const sensor = (id: string, n: number, more: Json = {}): Json => ({
    id: `urn:ngsi-ld:Sensor:${id}`,
    type: `${context}Sensor`,
    [`${context}n`]: { type: "Property", value: n },
    ...more,
});
export async function upsert(to: Server, entities: Json[]): Promise<void> {
    const answer = await send(to, "POST", `${api}/entityOperations/upsert`, entities);
    assert.ok(answer.status === 201 || answer.status === 204, answer.text);
}
export const alerts = async (of: Server, filter: Record<string, string>): Promise<Json[]> =>
    (await of.call("GET", `/api/alerts${ask({ limit: 1000, ...filter })}`)).json as Json[];
export const alertId = (pack: string, id: string, entity: string): string =>
    `urn:ngsi-ld:Alert:${pack}:${id}:urn:ngsi-ld:Sensor:${entity}`;
export const one = async (of: Server, id: string): Promise<Json> =>
    (await of.call("GET", `/api/alerts/${encodeURIComponent(id)}`)).json as Json;
export const status = (of: Server, id: string, wanted: string): Promise<Json> =>
    until(`${id} ${wanted}`, async () => {
        const a = await one(of, id);
        return a.status === wanted ? a : undefined;
    });

/** All changes are judged. */
export async function settled(of: Server): Promise<void> {
    await until(
        "rest",
        async () => {
            const text = (await of.call("GET", "/metrics")).text;
            const rest = /^jindu_rules_behind_groups 0$/m.test(text) && /^jindu_rules_pending 0$/m.test(text);
            return rest || undefined;
        },
        60_000,
    );
    await sleep(150);
}

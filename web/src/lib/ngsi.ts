// NGSI-LD (ETSI GS CIM 009) as far as the console asks it. Entities are in the concise form, with the city's own
// names.
import { call, Problem, type Ask } from "./http.ts";
import { pick, type Text } from "./words.ts";

export interface Attribute {
    type?: string;
    value?: unknown;
    json?: unknown;
    vocab?: string | string[];
    object?: string | string[];
    objectList?: unknown;
    valueList?: unknown[];
    languageMap?: Partial<Text>;
    unitCode?: string;
    observedAt?: string;
    datasetId?: string;
    [sub: string]: unknown;
}
export interface Geometry {
    type: string;
    coordinates: unknown;
}
export interface Entity {
    id: string;
    type: string | string[];
    [name: string]: unknown;
}

/** The program puts all names of the city together under this address: its settings', its packs', its alerts'. */
export const contextPath = "api/console/context.jsonld";
export const contextUrl = (): string => new URL(contextPath, document.baseURI).href;
/** The names that a question and its answer are in. */
export const contextLink = (url = contextUrl()): Record<string, string> => ({
    Link: `<${url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"`,
});

const base = "ngsi-ld/v1/";
export const pageMax = 1000;

function ask(path: string, more: Ask = {}): Promise<Response> {
    return call(base + path, { ...more, headers: { ...contextLink(), ...more.headers } });
}
const text = (parameters: Record<string, string | undefined>): string =>
    new URLSearchParams(
        Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined),
    ).toString();

export interface Page {
    entities: Entity[];
    count: number | undefined;
}
/** One page of what matches (clause 5.7.2). */
export async function find(parameters: Record<string, string | undefined>, signal?: AbortSignal): Promise<Page> {
    const answer = await ask(`entities?${text({ options: "concise", ...parameters })}`, { signal });
    const count = answer.headers.get("NGSILD-Results-Count");
    return { entities: (await answer.json()) as Entity[], count: count === null ? undefined : Number(count) };
}
/** All that matches, page by page, at most `most`. */
export async function findAll(
    parameters: Record<string, string | undefined>,
    most = 50_000,
    signal?: AbortSignal,
): Promise<Entity[]> {
    const all: Entity[] = [];
    for (let offset = 0; offset < most; offset += pageMax) {
        const page = await find({ ...parameters, limit: String(pageMax), offset: String(offset) }, signal);
        all.push(...page.entities);
        if (page.entities.length < pageMax) break;
    }
    return all;
}
export const countOf = async (
    parameters: Record<string, string | undefined>,
    signal?: AbortSignal,
): Promise<number> => (await find({ ...parameters, limit: "0", count: "true" }, signal)).count ?? 0;
/** Those of some types with a part of the name or of the id; without a text the first there are. */
export async function findByName(
    part: string,
    types: readonly string[],
    most: number,
    signal: AbortSignal,
): Promise<Entity[]> {
    if (types.length === 0) return [];
    const asked = { type: types.join(","), limit: String(most) };
    if (part === "") return (await find(asked, signal)).entities;
    const escaped = part.replace(/[\\^$.*+?()[\]{}|"/;,]/g, "\\$&");
    const pages = await Promise.all([
        find({ ...asked, attrs: "name", q: `name~="${escaped}"` }, signal),
        // An answer with attrs holds only those that have one of them; ids are asked without.
        find({ ...asked, idPattern: `.*${escaped}.*` }, signal),
    ]);
    const found = new Map(pages.flatMap(({ entities }) => entities).map((one) => [one.id, one]));
    return [...found.values()].slice(0, most);
}
export async function retrieve(id: string, signal?: AbortSignal): Promise<Entity> {
    return (await (await ask(`entities/${encodeURIComponent(id)}?options=concise`, { signal })).json()) as Entity;
}
export async function retrieveRaw(id: string): Promise<Entity> {
    return (await (await ask(`entities/${encodeURIComponent(id)}?options=sysAttrs`)).json()) as Entity;
}
export interface TypeInfo {
    id: string;
    typeName: string;
    attributeNames: string[];
}
export async function types(signal?: AbortSignal): Promise<TypeInfo[]> {
    return (await (await ask("types?details=true", { signal })).json()) as TypeInfo[];
}

/**
 * How the city was: of each attribute the newest instance before `time` (clause 5.7.4). What is observed counts by
 * when it was observed; what has no such time (a name, a place that stands, the state of an alert) by when it was
 * written.
 */
const properties = ["observedAt", "modifiedAt"] as const;
export async function findThen(
    parameters: Record<string, string | undefined>,
    time: string,
    signal?: AbortSignal,
): Promise<Entity[]> {
    const { q: _, ...rest } = parameters;
    const found = new Map<string, Entity>();
    for (const timeproperty of properties) {
        for (let offset = 0; ; offset += pageMax) {
            const page = { limit: String(pageMax), offset: String(offset) };
            const asked = text({ ...rest, ...page, timerel: "before", timeAt: time, lastN: "1", timeproperty });
            const entities = (await (await ask(`temporal/entities?${asked}`, { signal })).json()) as Entity[];
            for (const entity of entities) found.set(entity.id, merge(found.get(entity.id), newest(entity)));
            if (entities.length < pageMax) break;
        }
    }
    return [...found.values()];
}
/** How many there were then: nearly, for those that are only observed or only written are counted apart. */
export async function countThen(type: string, time: string): Promise<number> {
    const counts = properties.map(async (timeproperty) => {
        const asked = text({ type, timerel: "before", timeAt: time, limit: "0", count: "true", timeproperty });
        return Number((await ask(`temporal/entities?${asked}`)).headers.get("NGSILD-Results-Count") ?? 0);
    });
    return Math.max(...(await Promise.all(counts)));
}
export async function retrieveThen(id: string, time: string, signal?: AbortSignal): Promise<Entity> {
    let found: Entity | undefined;
    let problem: unknown;
    for (const timeproperty of properties) {
        const asked = text({ timerel: "before", timeAt: time, lastN: "1", timeproperty });
        try {
            const answer = await ask(`temporal/entities/${encodeURIComponent(id)}?${asked}`, { signal });
            found = merge(found, newest((await answer.json()) as Entity));
        } catch (error) {
            // Only what has no such past is left out of the answer; else half of it would pass for the whole.
            if (!(error instanceof Problem) || error.status !== 404) throw error;
            problem = error;
        }
    }
    if (!found) throw problem;
    return found;
}
function merge(observed: Entity | undefined, written: Entity): Entity {
    if (!observed) return written;
    const entity: Entity = { ...observed };
    for (const name of Object.keys(written)) {
        // What was written then but observed later is not of that moment.
        if (!(name in entity) && attributeOf(written, name)?.observedAt === undefined) entity[name] = written[name];
    }
    return entity;
}
function newest(temporal: Entity): Entity {
    const entity: Entity = { id: temporal.id, type: temporal.type };
    for (const [name, value] of Object.entries(temporal)) {
        if (name === "id" || name === "type" || name === "@context") continue;
        entity[name] = Array.isArray(value) ? value[0] : value;
    }
    return entity;
}

export interface Point {
    at: number;
    value: number;
    min?: number;
    max?: number;
}
/** Buckets of a span so that a curve has about `points` of them; "" when readings come as they were. */
export function bucketOf(fromMs: number, untilMs: number, points = 240): string {
    const seconds = (untilMs - fromMs) / 1000 / points;
    const steps: [number, string][] = [
        [60, "PT1M"],
        [300, "PT5M"],
        [900, "PT15M"],
        [3600, "PT1H"],
        [10_800, "PT3H"],
        [86_400, "P1D"],
    ];
    return seconds <= 20 ? "" : (steps.find(([step]) => seconds <= step)?.[1] ?? "P7D");
}
/** A course that has nothing in this share of its span, from its begin, is drawn from its first reading on. */
export const lateFrom = 0.6;
/**
 * The course of a number: averages with least and most of each bucket, or the readings themselves. One that begins late
 * in the span, as in a city that has just begun, is asked for again in the finer buckets that its length allows.
 */
export async function course(
    id: string,
    attribute: string,
    fromMs: number,
    untilMs: number,
    bucket = bucketOf(fromMs, untilMs),
    signal?: AbortSignal,
): Promise<Point[]> {
    const asked: Record<string, string> = {
        attrs: attribute,
        timerel: "between",
        timeAt: new Date(fromMs).toISOString(),
        endTimeAt: new Date(untilMs).toISOString(),
    };
    if (bucket === "") asked["options"] = "temporalValues";
    else {
        asked["options"] = "aggregatedValues";
        asked["aggrMethods"] = "avg,min,max";
        asked["aggrPeriodDuration"] = bucket;
    }
    const answer = await ask(`temporal/entities/${encodeURIComponent(id)}?${text(asked)}`, { signal });
    const found = ((await answer.json()) as Entity)[attribute] as
        Record<string, [unknown, string, string?][]> | undefined;
    if (!found) return [];
    const byTime = (a: Point, b: Point): number => a.at - b.at;
    if (bucket === "") {
        return (found["values"] ?? [])
            .flatMap(([value, time]) => (typeof value === "number" ? [{ at: Date.parse(time), value }] : []))
            .sort(byTime);
    }
    const least = new Map((found["min"] ?? []).map(([value, time]) => [time, Number(value)]));
    const most = new Map((found["max"] ?? []).map(([value, time]) => [time, Number(value)]));
    const points = (found["avg"] ?? [])
        .map(([value, time]) => ({
            at: Date.parse(time),
            value: Number(value),
            min: least.get(time) ?? Number(value),
            max: most.get(time) ?? Number(value),
        }))
        .sort(byTime);
    const first = points[0]?.at ?? fromMs;
    if (first - fromMs <= (untilMs - fromMs) * lateFrom) return points;
    const finer = bucketOf(first, untilMs);
    return finer === bucket ? points : course(id, attribute, first, untilMs, finer, signal);
}

// Reading an entity. In the concise form a plain value may stand for its attribute.
export function attributeOf(entity: Entity, name: string): Attribute | undefined {
    let found = entity[name];
    if (Array.isArray(found) && found.some((one) => typeof one === "object" && one !== null && "datasetId" in one)) {
        found = found.find((one) => !("datasetId" in (one as object))) ?? found[0];
    }
    if (found === undefined || found === null) return undefined;
    if (typeof found !== "object" || Array.isArray(found)) return { value: found };
    if ("coordinates" in found && "type" in found) return { value: found };
    return found as Attribute;
}
export function valueOf(entity: Entity, name: string): unknown {
    const found = attributeOf(entity, name);
    if (!found) return undefined;
    if (found.languageMap) return pick(found.languageMap);
    const value = found.value ?? found.object ?? found.vocab ?? found.json ?? found.valueList ?? found.objectList;
    return typeof value === "object" && value !== null && "@value" in value ? value["@value"] : value;
}
export const numberOf = (entity: Entity, name: string): number | undefined => {
    const value = valueOf(entity, name);
    return typeof value === "number" ? value : undefined;
};
export const textOf = (entity: Entity, name: string): string => {
    const value = valueOf(entity, name);
    return value === undefined || value === null
        ? ""
        : typeof value === "object"
          ? JSON.stringify(value)
          : String(value);
};
export const typeOf = (entity: Entity): string => (Array.isArray(entity.type) ? entity.type[0]! : entity.type);
export const nameOf = (entity: Entity): string =>
    textOf(entity, "name") || entity.id.split(":").slice(3).join(":") || entity.id;
export function geometryOf(entity: Entity): Geometry | undefined {
    const value = attributeOf(entity, "location")?.value as Geometry | undefined;
    return value && typeof value.type === "string" && "coordinates" in value ? value : undefined;
}
export function pointOf(entity: Entity): [number, number] | undefined {
    const geometry = geometryOf(entity);
    if (geometry?.type !== "Point") return undefined;
    const [lng, lat] = geometry.coordinates as number[];
    return typeof lng === "number" && typeof lat === "number" ? [lng, lat] : undefined;
}
/** Entities are never changed, only replaced, so what was found out of one stays true of it. */
const observed = new WeakMap<Entity, string>();
/** The newest time that the entity's own readings say. */
export function observedOf(entity: Entity): string | undefined {
    const known = observed.get(entity);
    if (known !== undefined) return known || undefined;
    let best = "";
    for (const name of Object.keys(entity)) {
        const time = attributeOf(entity, name)?.observedAt;
        if (typeof time === "string" && time > best) best = time;
    }
    observed.set(entity, best);
    return best || undefined;
}
/** The newest of all of them. */
export function newestOf(entities: readonly Entity[]): string | undefined {
    let best = "";
    for (const entity of entities) {
        const time = observedOf(entity);
        if (time !== undefined && time > best) best = time;
    }
    return best || undefined;
}

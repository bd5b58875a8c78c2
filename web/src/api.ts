// The program's NGSI-LD interface, as far as the page needs it.
import { currentLanguage, type Text } from "./words.ts";

export interface Attribute {
    type: string;
    value?: unknown;
    object?: string | string[];
    languageMap?: Partial<Text>;
    unitCode?: string;
    observedAt?: string;
}

export interface Entity {
    id: string;
    type: string | string[];
    [name: string]: unknown;
}

/** The address under which the program knows the city's terms (city/contexts). */
const context =
    '<http://127.0.0.1:8080/city.jsonld>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"';

const patienceMs = 10_000;

async function ask(path: string): Promise<Response> {
    return call(`/ngsi-ld/v1/${path}`, { Accept: "application/json", Link: context });
}

/** Jindu's own interface, below /api. */
export async function askOwn<T>(path: string): Promise<T> {
    return (await (await call(`/api/${path}`, { Accept: "application/json" })).json()) as T;
}

async function call(path: string, headers: Record<string, string>): Promise<Response> {
    const answer = await fetch(path, { headers, signal: AbortSignal.timeout(patienceMs) });
    if (answer.ok) return answer;
    const problem = (await answer.json().catch(() => ({}))) as { title?: string; detail?: string };
    throw new Error(`${answer.status} ${problem.title ?? answer.statusText} ${problem.detail ?? ""}`.trim());
}

export interface Page {
    entities: Entity[];
    count: number | undefined;
}

/** One page of what matches; parameters as in the standard's clause on querying entities. */
export async function query(parameters: Record<string, string>): Promise<Page> {
    const answer = await ask(`entities?${new URLSearchParams(parameters)}`);
    const count = answer.headers.get("NGSILD-Results-Count");
    return { entities: (await answer.json()) as Entity[], count: count === null ? undefined : Number(count) };
}

export const entityPath = (id: string): string => `/ngsi-ld/v1/entities/${encodeURIComponent(id)}`;

export async function retrieve(id: string): Promise<Entity> {
    return (await (await ask(`entities/${encodeURIComponent(id)}`)).json()) as Entity;
}

/** The names of the types that are in use. */
export async function types(): Promise<string[]> {
    const list = (await (await ask("types?details=true")).json()) as { id: string; typeName?: string }[];
    return list.map(({ id, typeName }) => typeName ?? id);
}

export async function count(type: string): Promise<number> {
    return (await query({ type, count: "true", limit: "0" })).count ?? 0;
}

export const attribute = (entity: Entity, name: string): Attribute | undefined => {
    const found = entity[name];
    if (Array.isArray(found)) return found[0] as Attribute;
    return typeof found === "object" && found !== null ? (found as Attribute) : undefined;
};

export const numberOf = (entity: Entity, name: string): number | undefined => {
    const value = attribute(entity, name)?.value;
    return typeof value === "number" ? value : undefined;
};

/** What an attribute says as text, in the page's language where it has one. */
export function textOf(entity: Entity, name: string): string {
    const found = attribute(entity, name);
    if (found?.languageMap) return found.languageMap[currentLanguage()] ?? Object.values(found.languageMap)[0] ?? "";
    const value = found?.value;
    if (typeof value === "object" && value !== null && "@value" in value) return String(value["@value"]);
    return value === undefined ? "" : String(value);
}

export const nameOf = (entity: Entity): string => textOf(entity, "name") || entity.id;
export const typeOf = (entity: Entity): string => (Array.isArray(entity.type) ? entity.type[0]! : entity.type);

export interface Geometry {
    type: string;
    coordinates: unknown;
}

export function geometryOf(entity: Entity): Geometry | undefined {
    const value = attribute(entity, "location")?.value as Geometry | undefined;
    return value && typeof value.type === "string" && Array.isArray(value.coordinates) ? value : undefined;
}

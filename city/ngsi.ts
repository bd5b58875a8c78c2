// NGSI-LD in its normalized form, as far as the sample city needs it.
import { sources, type Source, type SourceName, type Text } from "./sources.ts";

export interface Attribute {
    type: "Property" | "GeoProperty" | "Relationship" | "LanguageProperty";
    value?: unknown;
    object?: string;
    languageMap?: Text;
    unitCode?: string;
    observedAt?: string;
}

export interface Entity {
    id: string;
    type: string;
    [attribute: string]: Attribute | string;
}

export const property = (value: unknown, unitCode?: string): Attribute => ({
    type: "Property",
    value,
    ...(unitCode ? { unitCode } : {}),
});
export const text = (map: Text): Attribute => ({ type: "LanguageProperty", languageMap: map });
export const relation = (object: string): Attribute => ({ type: "Relationship", object });
export const geo = (type: string, coordinates: unknown): Attribute => ({
    type: "GeoProperty",
    value: { type, coordinates },
});
export const dateTime = (value: string): Attribute => property({ "@type": "DateTime", "@value": value });

/** The attributes that say where an entity's data come from. */
export function provenance(name: SourceName): Record<string, Attribute> {
    const row: Source = sources[name];
    return {
        source: property(row.source),
        license: property(row.license),
        credit: property(row.credit),
        ...(row.recordedIn ? { recordedIn: text(row.recordedIn) } : {}),
    };
}

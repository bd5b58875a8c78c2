// One entity, now or then: asked for again every few seconds while the page is live and seen.
import { useAsked, type Asked } from "./asked.ts";
import { at, iso } from "./clock.ts";
import { retrieve, retrieveThen, type Entity } from "./ngsi.ts";

export function useEntity(id: () => string | undefined): Omit<Asked<Entity>, "value" | "at"> & {
    entity: Asked<Entity>["value"];
} {
    const { value: entity, ...rest } = useAsked(
        (signal) => {
            const wanted = id();
            if (wanted === undefined) return undefined;
            return at.value === undefined ? retrieve(wanted, signal) : retrieveThen(wanted, iso(at.value), signal);
        },
        { of: id, when: () => at.value, everyMs: 3000, goesOn: () => at.value === undefined },
    );
    return { entity, ...rest };
}

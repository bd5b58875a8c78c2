// A view's columns as a table's: names, units and codes in the words of the pack's model.
import { attributeName, codeName, unitOf, type ViewSpec } from "./city.ts";
import { figure, moment, reading } from "./format.ts";
import { attributeOf, nameOf, observedOf, valueOf, type Entity } from "./ngsi.ts";
import type { Column } from "./table.ts";
import { words } from "./words.ts";

const say = words({
    name: { zh: "名称", en: "Name" },
    id: { zh: "编号", en: "Id" },
    observed: { zh: "观测时间", en: "Observed" },
    yes: { zh: "是", en: "Yes" },
    no: { zh: "否", en: "No" },
    // What Jindu itself writes into entities.
    new: { zh: "新接入", en: "New" },
    claimed: { zh: "已认领", en: "Claimed" },
    refused: { zh: "已拒收", en: "Refused" },
    recorded: { zh: "实录", en: "Recorded" },
    carried: { zh: "实数装帧", en: "Carried" },
    simulated: { zh: "模拟", en: "Simulated" },
});
const own: Record<string, readonly string[]> = {
    deviceState: ["new", "claimed", "refused"],
    dataOrigin: ["recorded", "carried", "simulated"],
};

export const shownValue = (entity: Entity, name: string, type?: string): string =>
    shownAs(name === "id" ? entity.id : valueOf(entity, name), name, type);

/** One value of an attribute as a person reads it. */
export function shownAs(value: unknown, name: string, type?: string): string {
    if (value === undefined || value === null) return "–";
    const code = codeName(name, type, value);
    if (code !== undefined) return code;
    if (own[name]?.includes(String(value))) return say(value as "new");
    if (typeof value === "number")
        return Number.isInteger(value) && Math.abs(value) >= 1e6 ? String(value) : reading(value);
    if (typeof value === "boolean") return say(value ? "yes" : "no");
    if (Array.isArray(value)) return value.map(String).join(", ");
    if (typeof value === "object") {
        const geometry = value as { type?: string; coordinates?: unknown };
        if (geometry.type === "Point" && Array.isArray(geometry.coordinates)) {
            return (geometry.coordinates as number[]).map((one) => figure(one, 5)).join(", ");
        }
        return geometry.type && "coordinates" in geometry ? geometry.type : JSON.stringify(value);
    }
    const text = String(value);
    return /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) ? moment(text) : text;
}

/** So many of a view's columns beside the name, as they stand in it. */
const onPhone = 2;
export function entityColumns(spec: ViewSpec, rows: readonly Entity[]): Column<Entity>[] {
    const columns = spec.columns
        .filter((name) => name !== "name" && name !== "location")
        .map((name, at): Column<Entity> => {
            const sample = rows.find((row) => valueOf(row, name) !== undefined);
            const code = sample && attributeOf(sample, name)?.unitCode;
            const numeric = sample !== undefined && typeof valueOf(sample, name) === "number";
            const isCoded = sample !== undefined && codeName(name, spec.type, valueOf(sample, name)) !== undefined;
            const unit = isCoded ? "" : unitOf(name, spec.type, code);
            return {
                id: name,
                title: name === "id" ? say("id") : attributeName(name, spec.type),
                numeric: numeric && !isCoded,
                value: (row) => {
                    const value = name === "id" ? row.id : valueOf(row, name);
                    if (isCoded) return codeName(name, spec.type, value) ?? String(value ?? "");
                    return typeof value === "object" && value !== null
                        ? shownValue(row, name)
                        : (value as string | number | undefined);
                },
                text: (row) => shownValue(row, name, spec.type),
                ...(at < onPhone ? { phone: "fits" as const } : {}),
                ...(unit ? { unit } : {}),
            };
        });
    return [
        { id: "name", title: say("name"), value: (row) => nameOf(row), phone: "wide" },
        ...columns,
        {
            id: "observed",
            title: say("observed"),
            value: (row) => {
                const time = observedOf(row);
                return time === undefined ? undefined : new Date(time);
            },
            text: (row) => {
                const time = observedOf(row);
                return time === undefined ? "–" : moment(time);
            },
        },
    ];
}

// The drawer: one entity with its values, its origin and its NGSI-LD text; a device with its record; a type as a list.
import { attribute, entityPath, nameOf, query, retrieve, textOf, typeOf, type Attribute, type Entity } from "./api.ts";
import { h, link } from "./dom.ts";
import { deviceOf, deviceView, keyOf, originBadge, originOf } from "./links.ts";
import { readState, writeState, type State } from "./state.ts";
import { attributeLabel, clock, figure, linkLabel, moment, say, typeLabel, unitLabel } from "./words.ts";

const pageSize = 20;
const origin = ["recordedIn", "originalObservedAt", "replaySpeed", "source", "license", "credit"];
// What a badge or the device's own part shows already is not told twice.
const leaveOut = new Set(["id", "type", "name", "replay", "dataOrigin", "deviceState", ...origin]);

const hashOf = (state: Partial<State>): string => writeState({ lang: readState(location.hash).lang, ...state });

function geometrySummary(value: { type: string; coordinates: unknown }): string {
    const flat = JSON.stringify(value.coordinates).split(",").length / 2;
    if (value.type === "Point") return (value.coordinates as number[]).map((n) => n.toFixed(5)).join(", ");
    return `${value.type} · ${say("points", { n: Math.round(flat) })}`;
}

function shown(name: string, found: Attribute): (Node | string)[] {
    if (typeof found.object === "string") return [link(hashOf({ id: found.object }), {}, found.object)];
    const value = found.value;
    if (found.languageMap) return [textOf({ id: "", type: "", x: found }, "x")];
    if (typeof value === "number") {
        const unit = unitLabel(found.unitCode);
        return [h("b", {}, name === "mmsi" ? String(value) : figure(value, 5)), unit ? h("small", {}, unit) : ""];
    }
    if (typeof value === "boolean") return [say(value ? "yes" : "no")];
    if (typeof value === "object" && value !== null && "coordinates" in value) {
        return [geometrySummary(value as { type: string; coordinates: unknown })];
    }
    if (typeof value === "object" && value !== null && "@value" in value) return [moment(String(value["@value"]))];
    return [typeof value === "string" ? value : JSON.stringify(value)];
}

function rows(entity: Entity, names: string[]): HTMLElement {
    const found = names
        .map((name) => [name, attribute(entity, name)] as const)
        .filter(([, item]) => item !== undefined);
    const dated = found.some(([, item]) => item!.observedAt);
    return h(
        "table",
        {},
        ...found.map(([name, item]) =>
            h(
                "tr",
                {},
                h("th", { scope: "row" }, attributeLabel(name)),
                h("td", {}, ...shown(name, item!)),
                dated && h("td", { class: "at" }, item!.observedAt ? clock(item!.observedAt) : ""),
            ),
        ),
    );
}

/** The entity as JSON, laid out; long coordinates are named by their number of points, the raw text has them all. */
export function layOut(value: unknown, indent = ""): string {
    if (Array.isArray(value)) {
        const text = JSON.stringify(value);
        if (text.length <= 60) return text;
        if (text.length > 400 && /^\[[[\]\d.,eE-]*\]$/.test(text)) {
            return `[ … ${say("points", { n: Math.round(text.split(",").length / 2) })} … ]`;
        }
        return `[\n${value.map((item) => `${indent}  ${layOut(item, `${indent}  `)}`).join(",\n")}\n${indent}]`;
    }
    if (typeof value === "object" && value !== null) {
        const entries = Object.entries(value).map(
            ([name, item]) => `${indent}  ${JSON.stringify(name)}: ${layOut(item, `${indent}  `)}`,
        );
        return entries.length === 0 ? "{}" : `{\n${entries.join(",\n")}\n${indent}}`;
    }
    return JSON.stringify(value);
}

function top(title: string, subtitle: string, badges: (Node | null)[]): HTMLElement {
    return h(
        "div",
        { class: "drawer-head" },
        h(
            "div",
            {},
            h("p", { class: "kind" }, subtitle),
            h("h2", { id: "drawer-title", tabindex: "-1" }, title),
            h("p", { class: "badges" }, ...badges),
        ),
        link(hashOf({}), { class: "close", "aria-label": say("close") }, "×"),
    );
}

async function below(entity: Entity): Promise<HTMLElement | null> {
    const parent = typeOf(entity) === "Division" ? entity.id : attribute(entity, "division")?.object;
    if (typeof parent !== "string") return null;
    const { entities, count } = await query({
        type: "Division",
        q: `partOf=="${parent}"`,
        count: "true",
        limit: "100",
        pick: "id,type,name,code",
    });
    if (entities.length === 0) return null;
    return h(
        "section",
        {},
        h("h3", {}, say("towns"), h("span", { class: "total" }, String(count ?? entities.length))),
        h(
            "ul",
            { class: "chips" },
            ...entities.map((item) => h("li", {}, link(hashOf({ id: item.id }), {}, nameOf(item)))),
        ),
    );
}

async function entityView(id: string): Promise<Node[]> {
    const entity = await retrieve(id);
    const replayed = attribute(entity, "replay")?.value === true;
    const drawing = textOf(entity, "drawing");
    const names = Object.keys(entity).filter((name) => !leaveOut.has(name) && name !== "@context");
    const speaks = deviceOf(id);
    const device = speaks && (await deviceView(keyOf(speaks)).catch(() => undefined));
    return [
        top(nameOf(entity), typeLabel(typeOf(entity)), [
            replayed ? h("span", { class: "badge replay" }, say("replay")) : null,
            originBadge(originOf(entity)),
            drawing ? h("span", { class: "badge sketch" }, drawing) : null,
        ]),
        h("code", { class: "id" }, entity.id),
        h("section", {}, h("h3", {}, say("values")), rows(entity, names)),
        device?.record ?? "",
        device?.frame ?? "",
        h(
            "section",
            { class: replayed ? "came replayed" : "came" },
            h("h3", {}, say("originTitle")),
            rows(entity, origin),
        ),
        (await below(entity).catch(() => null)) ?? "",
        h(
            "section",
            {},
            h(
                "h3",
                {},
                say("json"),
                h("a", { class: "raw", href: entityPath(id), target: "_blank", rel: "noopener" }, say("raw")),
            ),
            h("pre", { tabindex: "0" }, layOut(entity)),
        ),
    ].map((node) => (typeof node === "string" ? document.createTextNode(node) : node));
}

/** A device as its link knows it, with what its entity was last told. */
async function deviceNodes(key: string): Promise<Node[]> {
    const { device, record, frame } = await deviceView(key);
    const entity = device.entity ? await retrieve(device.entity).catch(() => undefined) : undefined;
    const told = Object.keys(entity ?? {}).filter((name) => attribute(entity!, name)?.observedAt);
    return [
        top(entity?.["name"] ? nameOf(entity) : device.device, linkLabel(device.link), []),
        h("code", { class: "id" }, device.device),
        record,
        h(
            "section",
            { class: "last-readings" },
            h(
                "h3",
                {},
                say("lastReadings"),
                device.entity ? link(hashOf({ id: device.entity }), { class: "raw" }, say("wholeEntity")) : null,
            ),
            told.length > 0 ? rows(entity!, told) : h("p", { class: "empty" }, say("noReadings")),
        ),
        ...(frame ? [frame] : []),
    ];
}

async function typeView(type: string, offset: number): Promise<Node[]> {
    const { entities, count } = await query({ type, count: "true", limit: String(pageSize), offset: String(offset) });
    const total = count ?? entities.length;
    const list = h(
        "ul",
        { class: "list" },
        ...entities.map((entity) =>
            h("li", {}, link(hashOf({ id: entity.id }), {}, h("span", {}, nameOf(entity)), h("code", {}, entity.id))),
        ),
    );
    const turn = (word: "before" | "next", to: number, there: boolean): HTMLElement =>
        there
            ? link(hashOf({ type, offset: to }), { class: "turn" }, say(word))
            : h("span", { class: "turn off" }, say(word));
    const replayed = entities.some((entity) => attribute(entity, "replay")?.value === true);
    return [
        top(typeLabel(type), type, [replayed ? h("span", { class: "badge replay" }, say("replay")) : null]),
        list,
        h(
            "p",
            { class: "turns" },
            turn("before", Math.max(0, offset - pageSize), offset > 0),
            h("span", {}, say("shown", { from: total === 0 ? 0 : offset + 1, to: offset + entities.length, n: total })),
            turn("next", offset + pageSize, offset + pageSize < total),
        ),
    ];
}

let asked = 0;

/** Shows what the address names, and hides the drawer when it names nothing. */
export async function drawDrawer(box: HTMLElement, state: State, takeFocus: boolean): Promise<void> {
    const turn = ++asked;
    document.body.classList.toggle("with-drawer", Boolean(state.id ?? state.type ?? state.device));
    if (!state.id && !state.type && !state.device) {
        box.hidden = true;
        box.replaceChildren();
        return;
    }
    let nodes: Node[];
    try {
        nodes = state.id
            ? await entityView(state.id)
            : state.device
              ? await deviceNodes(state.device)
              : await typeView(state.type!, state.offset);
    } catch (error) {
        nodes = [
            top(state.id ?? state.device ?? typeLabel(state.type!), "", []),
            h("p", { class: "failed" }, say("failed", { why: (error as Error).message })),
        ];
    }
    // A later click may have been answered first.
    if (turn !== asked) return;
    const at = takeFocus ? 0 : box.scrollTop;
    box.replaceChildren(...nodes);
    box.hidden = false;
    box.scrollTop = at;
    if (takeFocus) box.querySelector<HTMLElement>("h2")?.focus({ preventScroll: true });
}

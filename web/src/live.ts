// The readings that run again: one card a station, and one for all that moves of a kind.
import { attribute, geometryOf, nameOf, numberOf, query, textOf, typeOf, type Entity } from "./api.ts";
import { h, keepFocus, link, s } from "./dom.ts";
import { healthMark, originBadge, originOf } from "./links.ts";
import type { Point } from "./spots.ts";
import { readState, writeState } from "./state.ts";
import { attributeLabel, clock, figure, moment, say, typeLabel, unitLabel } from "./words.ts";

/** What each kind of station leads with, and what stands in small beside it. */
const stations: Record<string, { main: string; beside: string[] }> = {
    AirQualityObserved: { main: "pm25", beside: ["pm10", "no2", "o3"] },
    WeatherObserved: { main: "temperature", beside: ["windSpeed", "relativeHumidity", "precipitation"] },
    RiverFlowObserved: { main: "discharge", beside: [] },
    ServerObserved: { main: "power", beside: ["temperature", "utilization"] },
};

const remembered = 60;
const history = new Map<string, { at: string; value: number }[]>();
/** Where what moves has been since the page was opened. */
export const tracks = new Map<string, Point[]>();
/** When each moving thing's newest position was really taken: when that runs backwards, a new round has begun. */
const taken = new Map<string, string>();

export interface Live {
    stations: Entity[];
    ships: Entity[];
    buses: Entity[];
    cars: Entity[];
}

export async function fetchLive(): Promise<Live> {
    const moving = {
        pick: "id,type,name,location,speedOverGround,originalObservedAt,replaySpeed,recordedIn,replay,dataOrigin",
    };
    const carsPick = "id,type,name,location,speed,battery,chargingStatus,dataOrigin";
    const [still, ships, buses, cars] = await Promise.all([
        query({ type: Object.keys(stations).join(","), q: "replay==true", limit: "100" }),
        query({ type: "Vessel", q: "replay==true", limit: "500", ...moving }),
        query({ type: "Vehicle", q: "replay==true", limit: "100", ...moving }),
        query({ type: "ElectricVehicle", limit: "500", pick: carsPick }),
    ]);
    const live = {
        stations: still.entities,
        ships: ships.entities,
        buses: buses.entities,
        cars: cars.entities,
    };
    remember(live);
    return live;
}

function remember({ stations: still, ships, buses }: Live): void {
    for (const entity of still) {
        const name = stations[typeOf(entity)]?.main ?? "";
        const value = numberOf(entity, name);
        const at = attribute(entity, name)?.observedAt;
        if (value === undefined || at === undefined) continue;
        const past = history.get(entity.id) ?? [];
        if (past.at(-1)?.at !== at) past.push({ at, value });
        history.set(entity.id, past.slice(-remembered));
    }
    const follow = (entities: Entity[], points: number): void => {
        for (const entity of entities) {
            const geometry = geometryOf(entity);
            if (geometry?.type !== "Point") continue;
            const point = geometry.coordinates as Point;
            const original = textOf(entity, "originalObservedAt");
            const again = original < (taken.get(entity.id) ?? "");
            const track = again ? [] : (tracks.get(entity.id) ?? []);
            taken.set(entity.id, original);
            const last = track.at(-1);
            if (!last || last[0] !== point[0] || last[1] !== point[1]) track.push(point);
            tracks.set(entity.id, track.slice(-points));
        }
    };
    follow(ships, 12);
    follow(buses, 400);
}

function spark(id: string): SVGElement | undefined {
    const past = history.get(id) ?? [];
    if (past.length < 3) return undefined;
    const values = past.map(({ value }) => value);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const [width, height] = [92, 26];
    const points = values.map(
        (value, at) =>
            [
                2 + (at / (values.length - 1)) * (width - 6),
                height - 4 - ((value - low) / (high - low || 1)) * (height - 8),
            ] as const,
    );
    const [x, y] = points.at(-1)!;
    return s(
        "svg",
        { viewBox: `0 0 ${width} ${height}`, class: "spark", "aria-hidden": "true" },
        s("path", { d: `M${points.map(([px, py]) => `${px.toFixed(1)} ${py.toFixed(1)}`).join("L")}` }),
        s("circle", { cx: x, cy: y, r: 2.2 }),
    );
}

const hash = (id: string): string => writeState({ lang: readState(location.hash).lang, id });

/** Where and when it was taken, and how fast it runs: the line that stands under every card. */
function tellOrigin(entity: Entity): HTMLElement {
    return h(
        "p",
        { class: "card-origin" },
        originBadge(originOf(entity), true),
        h("span", {}, textOf(entity, "recordedIn")),
        h("span", {}, say("originally", { time: moment(textOf(entity, "originalObservedAt")) })),
        h("span", {}, say("speed", { n: numberOf(entity, "replaySpeed") ?? 1 })),
    );
}

function head(entity: Entity, title: string): HTMLElement {
    return h(
        "div",
        { class: "card-head" },
        h("span", { class: "kind" }, typeLabel(typeOf(entity))),
        h("span", { class: "card-name" }, title, healthMark(entity.id)),
        attribute(entity, "replay")?.value === true
            ? h("span", { class: "badge replay small" }, say("replay"))
            : originBadge(originOf(entity), true),
    );
}

function reading(entity: Entity, name: string): [string, string] {
    const found = attribute(entity, name);
    if (typeof found?.value !== "number") return ["–", ""];
    if (name === "relativeHumidity") return [figure(found.value * 100, 0), "%"];
    return [figure(found.value, name === "discharge" ? 3 : 1), unitLabel(found.unitCode)];
}

function stationCard(entity: Entity): HTMLElement {
    const { main, beside } = stations[typeOf(entity)]!;
    const [value, unit] = reading(entity, main);
    const at = attribute(entity, main)?.observedAt;
    const small = beside.map((name) => {
        const [number, measure] = reading(entity, name);
        return h(
            "span",
            { class: "beside" },
            h("i", {}, attributeLabel(name)),
            ` ${number}`,
            measure && h("small", {}, measure),
        );
    });
    return link(
        hash(entity.id),
        { class: "card" },
        head(entity, nameOf(entity)),
        h(
            "div",
            { class: "reading" },
            h("span", { class: "main" }, h("i", {}, attributeLabel(main)), h("b", {}, value), h("small", {}, unit)),
            h("span", { class: "when" }, spark(entity.id), at ? h("time", { datetime: at }, clock(at)) : null),
        ),
        h("div", { class: "besides" }, ...small),
        tellOrigin(entity),
    );
}

/** What moves is on the maps above; here stands how it is as a whole. */
function movingCard(entities: Entity[], word: "underWay" | "trips", value: number, of: string): HTMLElement {
    const { lang } = readState(location.hash);
    return link(
        writeState({ lang, type: typeOf(entities[0]!) }),
        { class: "card" },
        head({ ...entities[0]!, id: "" }, textOf(entities[0]!, "recordedIn")),
        h(
            "div",
            { class: "reading" },
            h("span", { class: "main" }, h("i", {}, say(word)), h("b", {}, figure(value)), h("small", {}, of)),
        ),
        h("div", { class: "besides" }, say("onMap")),
        tellOrigin(newest(entities)),
    );
}

/** The simulated cars are on the map of the city; here stands how they are as a whole. */
function carsCard(cars: Entity[]): HTMLElement {
    const battery = cars.reduce((sum, car) => sum + (numberOf(car, "battery") ?? 0), 0) / cars.length;
    const moving = cars.filter((car) => (numberOf(car, "speed") ?? 0) > 0.5).length;
    const charging = cars.filter((car) => textOf(car, "chargingStatus").startsWith("charging")).length;
    return link(
        writeState({ lang: readState(location.hash).lang, type: "ElectricVehicle" }),
        { class: "card" },
        head({ ...cars[0]!, id: "" }, say("carsTitle")),
        h(
            "div",
            { class: "reading" },
            h(
                "span",
                { class: "main" },
                h("i", {}, attributeLabel("battery")),
                h("b", {}, figure(battery, 0)),
                h("small", {}, "%"),
            ),
        ),
        h("div", { class: "besides" }, say("carsNote", { n: cars.length, m: moving, c: charging })),
        h("p", { class: "card-origin" }, say("carsOrigin")),
    );
}

function newest(entities: Entity[]): Entity {
    return entities.reduce((best, entity) =>
        textOf(entity, "originalObservedAt") > textOf(best, "originalObservedAt") ? entity : best,
    );
}

export function drawLive(box: HTMLElement, { stations: still, ships, buses, cars }: Live): void {
    const order = Object.keys(stations);
    const sorted = [...still].sort(
        (a, b) => order.indexOf(typeOf(a)) - order.indexOf(typeOf(b)) || (a.id < b.id ? -1 : 1),
    );
    const cards: HTMLElement[] = [];
    if (ships.length > 0) {
        const under = ships.filter((ship) => (numberOf(ship, "speedOverGround") ?? 0) > 0.5).length;
        cards.push(movingCard(ships, "underWay", under, say("ofShips", { n: ships.length })));
    }
    if (buses.length > 0) cards.push(movingCard(buses, "trips", buses.length, ""));
    cards.push(...sorted.map(stationCard));
    if (cars.length > 0) cards.push(carsCard(cars));
    keepFocus(box, () => box.replaceChildren(...cards));
}

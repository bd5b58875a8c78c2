// The page: asks the program what the city holds, draws it, and keeps asking.
import { count, query, types, type Entity } from "./api.ts";
import { drawDrawer } from "./drawer.ts";
import { byId, h, link } from "./dom.ts";
import { drawElsewhere } from "./elsewhere.ts";
import { drawLinks, fetchLinks, originBadge } from "./links.ts";
import { drawLive, fetchLive, tracks, type Live } from "./live.ts";
import { drawDevices, drawMap } from "./map.ts";
import { fetchOthers, legend, spotsOf } from "./spots.ts";
import { readState, writeState, type State } from "./state.ts";
import { clock, currentLanguage, figure, say, setLanguage, typeLabel } from "./words.ts";

const liveEveryMs = 3000;
const countEveryMs = 10_000;

let state: State = readState(location.hash);
let still: Entity[] = [];
let live: Live = { stations: [], ships: [], buses: [], cars: [] };
/** Entities of devices that are not among those that run again. */
let others: Entity[] = [];
let held: { type: string; count: number; replayed: boolean; simulated: boolean }[] = [];
let heard: Date | undefined;

function drawWords(): void {
    setLanguage(state.lang);
    document.documentElement.lang = state.lang === "zh" ? "zh-CN" : "en";
    document.title = say("title");
    byId("where").textContent = say("where");
    byId("language").textContent = say("other");
    byId("map-title").textContent = say("map");
    byId("sketch").textContent = say("sketch");
    byId("legend").replaceChildren(...legend());
    byId("map-origin").textContent = say("mapOrigin");
    byId("holds-title").textContent = say("holds");
    byId("holds-origin").textContent = say("holdsOrigin");
    byId("links-title").textContent = say("links");
    byId("links-note").textContent = say("linksNote");
    byId("live-title").textContent = say("live");
    byId("live-badge").textContent = say("replay");
    byId("live-note").textContent = say("liveNote");
}

function drawPulse(failed: boolean): void {
    byId("pulse").textContent = heard ? say("pulse", { time: clock(heard) }) : say("waiting");
    const late = byId("late");
    late.hidden = !failed;
    if (failed) late.textContent = say("late", { time: heard ? clock(heard) : say("never") });
}

function drawHeld(): void {
    const sum = held.reduce((total, row) => total + row.count, 0);
    byId("total").textContent = held.length > 0 ? say("total", { n: figure(sum) }) : "";
    const most = Math.max(1, ...held.map((row) => row.count));
    const items = held.map(({ type, count: n, replayed, simulated }) => {
        // The bar's length is the root of the count, so that one server and 837 divisions are both seen.
        const bar = h("progress", {
            class: "bar-of",
            max: "100",
            value: String(Math.max(1, 100 * Math.sqrt(n / most))),
            "aria-hidden": "true",
        });
        return h(
            "li",
            {},
            link(
                writeState({ lang: state.lang, type }),
                {},
                h(
                    "span",
                    { class: "type-name" },
                    typeLabel(type),
                    replayed && h("span", { class: "badge replay small" }, say("replay")),
                    simulated && originBadge("simulated", true),
                ),
                h("code", {}, type),
                h("span", { class: "count" }, figure(n)),
                bar,
            ),
        );
    });
    byId("types").replaceChildren(
        ...(items.length > 0 ? items : [h("li", { class: "empty" }, say(heard ? "empty" : "waiting"))]),
    );
}

function drawCity(): void {
    drawMap(byId("map"), still, state.id);
    drawSpots();
}

function liveEntities(): Map<string, Entity> {
    const all: Entity[] = Object.values(live).flat();
    return new Map(all.map((entity) => [entity.id, entity]));
}

/** Every device: on the map, on a small one below it, or in the list of those without a place. */
function drawSpots(): void {
    const spots = spotsOf(new Map([...others.map((entity) => [entity.id, entity] as const), ...liveEntities()]));
    const outside = drawDevices(byId("map"), spots);
    const placeless = spots.filter(({ at }) => !at);
    drawElsewhere(byId("elsewhere"), outside, placeless, tracks);
    byId("legend").hidden = spots.length === 0;
}

function drawAll(): void {
    drawWords();
    drawHeld();
    drawCity();
    drawLinks(byId("links-panel"), byId("links"));
    drawLive(byId("cards"), live);
    drawPulse(false);
}

async function loadCounts(): Promise<void> {
    const names = await types();
    const any = async (type: string, q: string): Promise<boolean> =>
        ((await query({ type, q, count: "true", limit: "0" })).count ?? 0) > 0;
    const found = await Promise.all(
        names.map(async (type) => ({
            type,
            count: await count(type),
            replayed: await any(type, "replay==true"),
            simulated: await any(type, 'dataOrigin=="simulated"'),
        })),
    );
    held = found.sort((a, b) => b.count - a.count);
    drawHeld();
}

async function loadStill(): Promise<void> {
    if (still.some((entity) => entity.type === "District")) return;
    const { entities } = await query({ type: "District,Place,Water", limit: "500" });
    still = entities;
    drawCity();
}

/** Does `work` again and again; one turn ends before the next begins, so a slow answer makes no queue. */
function every(periodMs: number, work: () => Promise<void>): void {
    const turn = async (): Promise<void> => {
        let failed = false;
        try {
            if (!document.hidden) await work();
            heard = document.hidden ? heard : new Date();
        } catch {
            failed = true;
        }
        drawPulse(failed);
        setTimeout(() => void turn(), periodMs);
    };
    void turn();
}

byId("language").addEventListener("click", () => {
    location.hash = writeState({ ...state, lang: currentLanguage() === "zh" ? "en" : "zh" });
});

addEventListener("hashchange", () => {
    const before = state;
    state = readState(location.hash);
    drawAll();
    const other = before.id !== state.id || before.type !== state.type || before.device !== state.device;
    void drawDrawer(byId("drawer"), state, other);
});

addEventListener("keydown", (event) => {
    const open = state.id ?? state.type ?? state.device;
    if (event.key === "Escape" && open) location.hash = writeState({ lang: state.lang });
});

new ResizeObserver(drawCity).observe(byId("map"));

drawAll();
void drawDrawer(byId("drawer"), state, false);
every(countEveryMs, async () => {
    await loadStill();
    await loadCounts();
    others = await fetchOthers(new Set(liveEntities().keys()));
});
every(liveEveryMs, async () => {
    await fetchLinks();
    live = await fetchLive();
    drawSpots();
    drawLinks(byId("links-panel"), byId("links"));
    drawLive(byId("cards"), live);
    if (state.id ?? state.device) await drawDrawer(byId("drawer"), state, false);
});

// The sample city's devices against the program: five links on free ports, one round of each device, what came of it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { contextLink } from "../../city/api.ts";
import { carriers } from "../../city/carriers.ts";
import { Carrying, openLinks } from "../../city/carry.ts";
import { alarmOf, fleet, stateOf } from "../../city/cars.ts";
import { declarations, declare, freePort } from "../../city/declare.ts";
import { recordings, type Series } from "../../city/series.ts";
import { sources, type SourceName } from "../../city/sources.ts";
import { packNames, packsFolder } from "../../packs/prove/folder.ts";
import { Server, folder, type Json } from "../api/server.ts";

const names = ["air", "city-buses", "city-cars", "rivers", "ships"];
const contexts = fileURLToPath(new URL("../../city/contexts", import.meta.url));

test("five links are declared, each with where its data come from, as the sources say it", () => {
    const all = declarations();
    assert.deepEqual(Object.keys(all), names);
    const ports = Object.values(all).map(({ listen }) => listen);
    assert.equal(new Set(ports).size, 5);
    const [buses, rivers, ships] = ["bus", "river", "vessels"] as const;
    const of: Record<string, SourceName> = { air: "air", "city-buses": buses, "city-cars": "cars", rivers, ships };
    for (const [name, { origin, maps }] of Object.entries(all)) {
        const { source, license, credit } = sources[of[name]!];
        assert.equal(origin.from, source, name);
        const { fixed } = maps[0] as { fixed: Record<string, { constant?: unknown }> };
        assert.deepEqual(
            [fixed["source"], fixed["license"], fixed["credit"], fixed["dataOrigin"]].map((x) => x?.constant),
            [source, license, credit, origin.class],
            name,
        );
    }
});

test("every term that a link's mappings make has a definition, a label, and a sign for its unit", () => {
    const read = (file: string): Json =>
        JSON.parse(readFileSync(new URL(`../../city/${file}`, import.meta.url), "utf8"));
    const context = read("contexts/city.jsonld")["@context"];
    const { labels } = read("console.json");
    for (const [name, { protocol, maps }] of Object.entries(declarations())) {
        assert.ok(labels.links[name] && labels.protocols[protocol], name);
        for (const { entity, attributes, fixed } of maps as Json[]) {
            assert.ok(context[entity.type] && labels.types[entity.type], entity.type);
            for (const [term, { unit }] of Object.entries<Json>({ ...attributes, ...fixed })) {
                assert.ok(term === "location" || context[term], `${term} of ${name} is not in the context`);
                assert.ok(labels.attributes[term], `${term} of ${name} has no label`);
                assert.ok(unit === undefined || labels.units[unit] !== undefined, `unit ${unit} of ${name}`);
            }
        }
    }
});

test("packs stand beside the sample city: no link has the name or the port of another", () => {
    const packs = packNames().flatMap((name) => {
        const folder = join(packsFolder, name, "links");
        return existsSync(folder) ? readdirSync(folder).map((file) => join(folder, file)) : [];
    });
    assert.ok(packs.length > 5);
    const links = packs.map((file) => {
        const { listen, dial } = JSON.parse(readFileSync(file, "utf8")) as { listen?: string; dial?: string };
        return { name: basename(file, ".json"), port: listen?.split(":").at(-1) ?? dial };
    });
    const ports = links.map(({ port }) => port);
    assert.deepEqual(ports, [...new Set(ports)], "nor two packs the same");
    for (const [name, { listen }] of Object.entries(declarations())) {
        assert.ok(!links.some((one) => one.name === name), name);
        assert.ok(!links.some(({ port }) => port === listen.split(":").at(-1)), listen);
    }
});

test("the cars have faults in turn: at any time four of them, of all levels, and each comes to an end", () => {
    for (let at = Date.UTC(2026, 0, 1); at < Date.UTC(2026, 0, 1, 2); at += 17_000) {
        const levels = fleet().map((_, no) => alarmOf(no, at).level);
        assert.deepEqual(levels.filter((level) => level > 0).sort(), [1, 1, 2, 3]);
    }
    const [hot] = fleet().filter(({ no }) => alarmOf(no, 0).level === 3);
    const state = stateOf(hot!, 0);
    assert.ok(state.temperatures.max >= 65 && (state.alarm.flags & 2) === 2, "the third level is a hot battery");
    assert.equal(stateOf(hot!, 5 * 60_000).alarm.level, 0);
});

test("the simulated cars: the same at the same moment, on the move, and never out of energy", () => {
    const cars = fleet();
    assert.equal(cars.length, 20);
    assert.equal(new Set(cars.map(({ vin }) => vin)).size, 20);
    assert.deepEqual(fleet(), cars);
    let moving = 0;
    let charging = 0;
    for (const car of cars) {
        let before = stateOf(car, Date.UTC(2026, 10, 23));
        for (let minute = 1; minute <= 2000; minute++) {
            const now = stateOf(car, Date.UTC(2026, 10, 23, 0, minute));
            const km = now.odometerKm - before.odometerKm;
            assert.ok(km >= 0 && km < 2.5, `${car.vin} drove ${km} km in a minute`);
            assert.ok(now.socPercent > 5 && now.socPercent <= 100, `${car.vin} ${now.socPercent} %`);
            assert.ok(now.lon > 118.9 && now.lon < 120 && now.lat > 31.6 && now.lat < 32.4, car.vin);
            moving += Number(now.speedKmh > 1);
            charging += Number(now.charging);
            before = now;
        }
    }
    assert.ok(moving > 10_000 && charging > 1000, `${moving} minutes on the move, ${charging} at a charger`);
});

let server: Server;
let all: Carrying[];
const complaints: string[] = [];

before(async () => {
    server = await new Server(folder(), ["--contexts", contexts]).start();
    for (const name of names) await declare(server.url, name, await freePort());
    const complain = (link: string, why: string, device = ""): void => void complaints.push(`${link} ${device} ${why}`);
    all = carriers(await openLinks(server.url)).map((carrier) => new Carrying(server.url, carrier, complain));
    // AIS has no answers: its ships are there a moment later.
    const until = Date.now() + 30_000;
    do {
        await Promise.all(all.map((one) => one.turn(Date.now())));
        await pause(250);
    } while (all.some(({ unclaimed }) => unclaimed > 0) && complaints.length === 0 && Date.now() < until);
});

after(async () => {
    for (const { carrier } of all) carrier.close();
    await server.stop();
});

const get = async (path: string): Promise<Json> => {
    const answer = await server.call("GET", path, undefined, { Link: contextLink, Accept: "application/json" });
    assert.equal(answer.status, 200, `${path}: ${answer.text}`);
    return answer.json;
};
const entity = (id: string): Promise<Json> => get(`/ngsi-ld/v1/entities/${id}`);

/** Once more for as long as it fails, at most 10 s: what AIS tells is not answered, so it may still be on its way. */
async function eventually(check: () => Promise<void>): Promise<void> {
    for (const until = Date.now() + 10_000; ; await pause(200)) {
        try {
            return await check();
        } catch (error) {
            if (Date.now() > until) throw error;
        }
    }
}

test("every device is known, claimed and well", async () => {
    assert.deepEqual(complaints, []);
    for (const { carrier } of all) {
        const known = (await get(`/api/devices?link=${carrier.link}`)) as Json[];
        const devices = known.filter(({ entity: of }) => of !== undefined);
        // The cars' platform speaks for itself when it logs in.
        const others = known.filter(({ entity: of }) => of === undefined).map(({ device }) => device as string);
        assert.deepEqual(others, carrier.link === "city-cars" ? ["JINDUSAMPLE000001"] : []);
        assert.deepEqual(
            devices.map(({ device }) => device as string).sort(),
            carrier.devices.map(({ id }) => id).sort(),
            carrier.link,
        );
        const entities = new Map(carrier.devices.map((device) => [device.id, device.entity]));
        for (const { device, entity: of, state, health, bad, faults } of devices) {
            assert.deepEqual([of, state, bad, faults], [entities.get(device), "claimed", 0, 0], device);
            // A recording may be in a pause; a car is heard of every ten seconds.
            if (carrier.link === "city-cars") assert.equal(health, "well", device);
        }
    }
});

test("no link counts a bad frame, and those whose protocol has answers gave one to each frame", async () => {
    const links = (await get("/api/links")) as Json[];
    assert.deepEqual(links.map(({ name }) => name as string).sort(), names);
    for (const link of links) {
        const what = JSON.stringify(link);
        assert.deepEqual([link.bad, link.junkBytes, link.unmapped, link.refused, link.setAside], [0, 0, 0, 0, 0], what);
        assert.ok(link.frames > 0 && link.readings > 0, what);
        if (link.protocol === "ais") assert.equal(link.answers, 0, what);
        else assert.equal(link.answers, link.frames, what);
    }
});

test("an entity has what the source says, in its units, and where it comes from", async () => {
    for (const recording of recordings().filter(({ link }) => link)) {
        for (const series of recording.series) {
            await eventually(async () => compare(series, sources[recording.source].source, await entity(series.id)));
        }
    }
});

function compare(series: Series, source: string, told: Json): void {
    assert.equal(told.type, series.type);
    assert.deepEqual(
        [told.replay.value, told.dataOrigin.value, told.source.value, told.deviceState.value],
        [true, "carried", source, "claimed"],
        series.id,
    );
    for (const [name, { value, languageMap }] of Object.entries(series.fixed)) {
        assert.deepEqual([told[name]?.value, told[name]?.languageMap], [value, languageMap], `${series.id} ${name}`);
    }
    const original = Date.parse(told.originalObservedAt.value["@value"]);
    const reading = series.readings.find(({ at }) => at === original)!;
    for (const [name, wanted] of Object.entries(reading.values)) {
        const found = told[name];
        const what = `${series.id} ${name}`;
        if (Array.isArray(wanted)) {
            wanted.forEach((degrees, at) => assert.ok(Math.abs(found.value.coordinates[at] - degrees) < 1e-5, what));
        } else if (wanted.value !== undefined && !(name === "bearing" && wanted.value === 0)) {
            // A bearing of 0 is how a terminal says that it knows none.
            assert.deepEqual([found?.value, found?.unitCode], [wanted.value, wanted.unitCode], what);
            assert.ok(Date.now() - Date.parse(found.observedAt) < 24 * 3_600_000, what);
        }
    }
}

test("a simulated car says so, and has no attribute of a replay", async () => {
    const car = await entity("urn:ngsi-ld:ElectricVehicle:JDSAMPLECAR000001");
    assert.equal(car.dataOrigin.value, "simulated");
    assert.equal(car.replay.value, false);
    assert.equal(car.name.languageMap.en, "Simulated car 01");
    const [lon, lat] = car.location.value.coordinates as [number, number];
    const state = stateOf(fleet()[0]!, Date.parse(car.speed.observedAt));
    assert.ok(Math.abs(lon - state.lon) < 0.001 && Math.abs(lat - state.lat) < 0.001);
    for (const [name, unit] of Object.entries({
        speed: "KMH",
        battery: "P1",
        mileageFromOdometer: "KMT",
        batteryVoltage: "VLT",
        batteryCurrent: "AMP",
        cellVoltageMax: "VLT",
        cellTemperatureMin: "CEL",
        motorSpeed: "RPM",
    })) {
        assert.equal(typeof car[name]?.value, "number", name);
        assert.equal(car[name].unitCode, unit, name);
    }
    assert.equal(typeof car.ignitionStatus.value, "boolean");
});

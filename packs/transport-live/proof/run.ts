// S44: buses send JT/T 808 frames, car parks and bicycle hire hand over tables; the city must say what is amiss, and
// where places are free.
import { location, readAnswers } from "../../../city/frames/jt808.ts";
import { course, same, series } from "../../prove/checks.ts";
import type { City } from "../../prove/city.ts";
import type { Check } from "../../prove/types.ts";
import { bikesId, expectedBikes, firstJudged, ofRow, rides, table, type ExpectedBikes, type Row } from "./bikes.ts";
import { buses, expectedBus, iso, route, routeId, toLine, type Bus, type ExpectedBus } from "./buses.ts";
import {
    askedAt,
    askedWithinM,
    asking,
    carParks,
    expectedPark,
    tableOf,
    toBeFound,
    type CarPark,
    type ExpectedPark,
} from "./carparks.ts";

const link = "buses";

interface All {
    buses: ExpectedBus[];
    parks: ExpectedPark[];
    bikes: ExpectedBikes;
    /** Car parks with free places near somebody, at some moments. */
    found: string[][];
}

interface Seen {
    answered: Map<string, number>;
    found: string[][];
}
const seen = new WeakMap<City, Seen>();

interface Input {
    buses: Bus[];
    parks: CarPark[];
    rides: Row[];
}

function mutated(input: Input, mutation: string | undefined): Input {
    const [standing, leaving] = input.buses as [Bus, Bus, Bus];
    switch (mutation) {
        case undefined:
            break;
        case "place":
            // In the middle of the time that it stands.
            standing.reports[103]!.lat += 0.0045;
            break;
        case "route": {
            const line = route();
            for (const report of leaving.reports.filter((one) => toLine(one, line) > 100)) {
                report.lat = line[20]!.lat;
                report.lon = line[20]!.lon;
            }
            break;
        }
        case "lost":
            standing.reports.splice(60, 1);
            break;
        case "parking": {
            const full = input.parks[1]!;
            for (const one of full.free) one.places = Math.max(one.places, Math.ceil(full.capacity * 0.2));
            break;
        }
        case "bikes":
            // Memorial Day, seven in the morning: 31 rides, where 239 are usual.
            input.rides.find((row) => row["dteday"] === "30-05-2011" && row["hr"] === "7")!["cnt"] = "239";
            break;
        default:
            throw new Error(`there is no mutation ${mutation}`);
    }
    return input;
}

/** One bus from its first report to its last, each answered and followed by what is derived from it. */
async function drive(city: City, bus: Bus): Promise<number> {
    const line = city.line(link, readAnswers);
    let well = 0;
    for (const [serial, report] of bus.reports.entries()) {
        const bytes = location(bus.phone, serial, {
            alarm: 0,
            status: 3,
            lat: report.lat,
            lon: report.lon,
            altitudeM: 0,
            speedKmh: 0,
            direction: report.bearing,
            at: report.at,
            items: [],
        });
        well += await city.sendFrames(line, [{ bytes, key: String(serial) }]);
        const at = iso(report.at);
        if (serial > 0) {
            await city.reached(bus.id, "movement", at);
            continue;
        }
        // It is known from its first report on. The route is given as of that time, not as of now: else what is derived
        // from it would be of now, and newer than all that these old reports bring.
        await city.claim(link, bus.phone, {
            type: "Vehicle",
            name: { type: "Property", value: `14 / ${bus.trip}` },
            refRoute: { type: "Relationship", object: routeId, observedAt: at },
        });
        await city.reached(bus.id, "routeDistance", at);
    }
    return well;
}

async function ask(city: City): Promise<string[]> {
    const found = await city.query({
        type: "OffStreetParking",
        q: "freeShare>=0.1",
        georel: `near;maxDistance==${askedWithinM}`,
        geometry: "Point",
        coordinates: JSON.stringify([asking.lon, asking.lat]),
        format: "simplified",
    });
    return found.map((one) => `${(one.id as string).split(":").at(-1)}: ${one.availableSpotNumber}`).sort();
}

async function park(city: City, all: CarPark[]): Promise<string[][]> {
    const answers: string[][] = [];
    for (let step = 0; step < all[0]!.free.length; step++) {
        await city.importTable("car-parks", `car-parks-${step}.csv`, tableOf(all, step));
        const at = iso(all[0]!.free[step]!.at);
        await Promise.all(all.map(({ id }) => city.reached(id, "parkingState", at)));
        if (askedAt.includes(step)) answers.push(await ask(city));
    }
    return answers;
}

async function ride(city: City, all: Row[]): Promise<void> {
    const past = all.filter((row) => ofRow(row) < firstJudged);
    await city.importTable("bike-hours", "past.csv", table(past));
    for (const row of all.filter((one) => ofRow(one) >= firstJudged)) {
        await city.importTable("bike-hours", "hour.csv", table([row]));
        await city.reached(bikesId, "rideState", iso(ofRow(row)));
    }
}

export async function feed(city: City, mutation?: string): Promise<void> {
    const input = mutated({ buses: buses(), parks: carParks(), rides: rides() }, mutation);
    const coordinates = route().map(({ lon, lat }) => [lon, lat]);
    const made = {
        id: routeId,
        type: "PublicTransportRoute",
        name: { type: "Property", value: "14" },
        location: { type: "GeoProperty", value: { type: "LineString", coordinates } },
    };
    await city.done("POST", "/ngsi-ld/v1/entities", made, city.names);
    const [answered, found] = await Promise.all([
        Promise.all(input.buses.map(async (bus) => [bus.trip, await drive(city, bus)] as const)),
        park(city, input.parks),
        ride(city, input.rides),
    ]);
    await city.waitSettled();
    seen.set(city, { answered: new Map(answered), found });
}

export function expect(): All {
    const line = route();
    const parks = carParks();
    return {
        buses: buses().map((bus) => expectedBus(bus, line)),
        parks: parks.map(expectedPark),
        bikes: expectedBikes(),
        found: askedAt.map((step) => toBeFound(parks, step)),
    };
}

export async function check(city: City, all: All): Promise<Check[]> {
    const checks: Check[] = [];
    for (const { bus, series: wanted, alerts } of all.buses) {
        const name = `bus ${bus.trip}`;
        checks.push(same(`${name}: frames answered`, bus.reports.length, seen.get(city)?.answered.get(bus.trip)));
        for (const [attribute, values] of wanted) {
            // Metres on a sphere by two ways of computing.
            checks.push(series(`${name}: ${attribute}`, values, await city.temporal(bus.id, attribute), 1e-5));
        }
        const times = new Set(bus.reports.map(({ at }) => iso(at)));
        for (const [rule, events] of alerts) {
            const found = await city.course(rule, bus.id, (at) => times.has(at));
            checks.push(course(`${name}: alert ${rule}`, events, found));
        }
    }
    for (const { park: one, series: wanted, alerts } of all.parks) {
        for (const [attribute, values] of wanted) {
            checks.push(series(`${one.name}: ${attribute}`, values, await city.temporal(one.id, attribute), 1e-12));
        }
        const times = new Set(one.free.map(({ at }) => iso(at)));
        for (const [rule, events] of alerts) {
            const found = await city.course(rule, one.id, (at) => times.has(at));
            checks.push(course(`${one.name}: alert ${rule}`, events, found));
        }
    }
    for (const [i, step] of askedAt.entries()) {
        const at = iso(carParks()[0]!.free[step]!.at);
        checks.push(same(`free places within ${askedWithinM} m at ${at}`, all.found[i], seen.get(city)?.found[i]));
    }
    for (const [attribute, values] of all.bikes.series) {
        checks.push(series(`bikes: ${attribute}`, values, await city.temporal(bikesId, attribute), 1e-12));
    }
    const rode = await city.course("rides-unusual", bikesId, (at) => all.bikes.times.has(at));
    checks.push(course("bikes: alert rides-unusual", all.bikes.alert, rode));
    return checks;
}

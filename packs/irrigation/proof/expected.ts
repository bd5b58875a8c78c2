// What must come out: reference evapotranspiration (Allen et al. 1998, FAO irrigation and drainage paper 56, equation
// 6), readily available water (equations 82 and 83; p by the note of table 22), the depth up to field capacity, the
// alerts, and what valves are told.
import type { Event, Series } from "../../prove/checks.ts";
import { follow, type Point, type Rule } from "../../prove/judge.ts";
import { ofReading, ofWeather, parcels, soils, weather, type Parcel, type Soil } from "./days.ts";

/**
 * Of a day, mm. Net longwave: what was measured from above less what a black body of the air's temperature gives off.
 */
function referenceEvapotranspiration(row: Record<string, string>): number {
    const celsius = Number(row["Air temperature (°C)"]);
    const wind = Number(row["Wind speed (m.s-1)"]);
    const kPa = Number(row["Atmospheric pressure (Pa)"]) / 1000;
    const humidity = Number(row["Relative humidity (%)"]) / 100;
    const stefanBoltzmann = 5.67e-8;
    const albedo = 0.23;
    const downW = Number(row["Longwave radiation (W.m-2)"]) - stefanBoltzmann * (celsius + 273.15) ** 4;
    const netW = (1 - albedo) * Number(row["Shortwave radiation (W.m-2)"]) + downW;
    const netMJ = (netW * 86_400) / 1e6;
    const saturated = 0.6108 * Math.exp((17.27 * celsius) / (celsius + 237.3));
    const slope = (4098 * saturated) / (celsius + 237.3) ** 2;
    const gamma = 0.665e-3 * kPa;
    const byRadiation = 0.408 * slope * netMJ;
    const byWind = gamma * (900 / (celsius + 273)) * wind * (saturated - saturated * humidity);
    return Math.max(0, (byRadiation + byWind) / (slope + gamma * (1 + 0.34 * wind)));
}

interface Day {
    at: string;
    moisture: number;
    refill: number;
    ratio: number;
    deficit: number;
}

function dayOf(moisture: number, soil: Soil, et0: number, at: string): Day {
    const evapotranspiration = soil.cropCoefficient * et0;
    const p = Math.min(0.8, Math.max(0.1, 0.5 + 0.04 * (5 - evapotranspiration)));
    const available = soil.fieldCapacity - soil.wiltingPoint;
    const missing = soil.fieldCapacity - moisture;
    return {
        at,
        moisture,
        refill: soil.fieldCapacity - p * available,
        ratio: missing / (p * available),
        deficit: Math.max(0, missing * soil.rootDepth * 1000),
    };
}

const advice: Rule<number> = {
    levels: [
        { severity: "orange", when: (x) => x > 1.5, until: (x) => x < 1.3 },
        { severity: "yellow", when: (x) => x > 1, until: (x) => x < 0.8 },
    ],
};
const valve: Rule<number> = { levels: [{ severity: "info", when: (x) => x > 1, until: (x) => x < 0.8 }] };

export interface Expected {
    parcel: Parcel;
    series: Map<string, Series>;
    alerts: Map<string, Event[]>;
    times: Set<string>;
    /** What the alert says: of the day when it was raised, or became worse, last. */
    says: string;
    /** What the valve is told, and when it must have done it. */
    told: string[];
    valveState: Series;
}

export interface All {
    parcels: Expected[];
    evapotranspiration: Series;
}

function ofParcel(parcel: Parcel, soil: Soil, et0: Map<string, number>): Expected {
    const days = parcel.readings.map(({ day, vwc }) =>
        dayOf(Number(vwc) / 100, soil, et0.get(day)!, ofReading(day)),
    );
    const of = <K extends "moisture" | "refill" | "ratio" | "deficit">(key: K): Series =>
        new Map(days.map((day) => [day.at, day[key]]));
    // The first reading is judged when the probe is claimed.
    const points: Point<number>[] = days.map((day) => ({ at: day.at, x: day.ratio }));
    const advised = follow(advice, points);
    const last = days.find((day) => day.at === advised.findLast((event) => event.what !== "cleared")?.at)!;
    const alerts = new Map([["irrigate", advised]]);
    const events = parcel.valve === undefined ? [] : follow(valve, points);
    if (parcel.valve !== undefined) {
        alerts.set(`open-${parcel.name}`, events);
        alerts.set(`close-${parcel.name}`, events);
    }
    const told = events.map((event) => (event.what === "cleared" ? "closed" : "open"));
    const valveState: Series = new Map(events.map((event, i) => [event.at, told[i]!]));
    // It reports that it is closed before anything is asked of it.
    if (parcel.valve !== undefined) valveState.set(days[0]!.at, "closed");
    const word = (ratio: number): string => (ratio > 1.5 ? "stress" : ratio > 1 ? "irrigate" : "none");
    return {
        parcel,
        series: new Map([
            ["soilMoistureVwc", of("moisture")],
            ["refillPoint", of("refill")],
            ["depletionRatio", of("ratio")],
            ["waterDeficit", of("deficit")],
            ["irrigationAdvice", new Map(days.map((day) => [day.at, word(day.ratio)]))],
        ]),
        alerts,
        times: new Set(days.map((day) => day.at)),
        says: `${parcel.name}: moisture ${last.moisture.toFixed(3)}, give ${last.deficit.toFixed(1)} mm of water`,
        told,
        valveState,
    };
}

export function expected(): All {
    const et0 = new Map(weather().map((row) => [row["date"]!, referenceEvapotranspiration(row)]));
    const soil = soils();
    return {
        parcels: parcels().map((parcel) => ofParcel(parcel, soil.get(parcel.name)!, et0)),
        evapotranspiration: new Map([...et0].map(([day, value]) => [ofWeather(day), value])),
    };
}

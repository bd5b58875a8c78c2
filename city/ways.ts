// How the readings of each recording are said: as which frames, on how many lines, with which answers.
import * as ais from "./frames/ais.ts";
import type { Answer } from "./frames/bytes.ts";
import * as hj212 from "./frames/hj212.ts";
import * as jt808 from "./frames/jt808.ts";
import * as sl651 from "./frames/sl651.ts";
import { Line } from "./line.ts";
import type { LinkName, Series, Values } from "./series.ts";

export interface Address {
    host: string;
    port: number;
}

export function accepted(answer: Answer | undefined, what: string): void {
    if (answer && !answer.ok) throw new Error(`${what} was refused: ${answer.text}`);
}

/** The numbers by which messages and their answers are told apart: 1 to `top`, and again. */
export function counter(top: number): () => number {
    let last = 0;
    return () => (last = (last % top) + 1);
}

function number(values: Values, name: string): number | undefined {
    const found = values[name];
    if (found === undefined || Array.isArray(found)) return undefined;
    return typeof found.value === "number" ? found.value : undefined;
}

/** How the readings of one recording are said. */
export interface Way {
    /** Attributes for which the protocol has no place. */
    beside: string[];
    /** What does not change and the link knows without a claim: from its frames, or from its mapping. */
    known: string[];
    say(series: Series, values: Values, observedAt: number): Promise<void>;
    close(): void;
}

/** A line for each device, made when it first speaks. */
function lines(make: (device: string) => Line): { of(device: string): Line; close(): void } {
    const made = new Map<string, Line>();
    return {
        of(device) {
            if (!made.has(device)) made.set(device, make(device));
            return made.get(device)!;
        },
        close: () => made.forEach((line) => line.close()),
    };
}

/** HJ 212's factors, with the values as it wants them: CO in mg/m3, pressure in kPa. It has none for rain. */
const factors: [name: string, factor: string, tell: (value: number) => string][] = [
    ["pm25", "a34004", String],
    ["pm10", "a34002", String],
    ["so2", "a21026", String],
    ["no2", "a21004", String],
    ["co", "a21005", (mg) => mg.toFixed(3)],
    ["o3", "a05024", String],
    ["temperature", "a01001", String],
    ["atmosphericPressure", "a01006", (hpa) => (hpa / 10).toFixed(2)],
    ["windSpeed", "a01007", String],
    ["windDirection", "a01008", String],
];

function air({ host, port }: Address): Way {
    const stations = lines(() => new Line(host, port, hj212.readAnswers));
    return {
        beside: ["precipitation"],
        known: ["typeOfLocation"],
        async say(series, values, observedAt) {
            const told: Record<string, string> = {};
            for (const [name, factor, tell] of factors) {
                const value = number(values, name);
                if (value !== undefined) told[factor] = tell(value);
            }
            const now = Date.now();
            const frame = hj212.realTime(series.device!, now, observedAt, told);
            const key = /QN=(\d+)/.exec(frame.toString("latin1"))![1]!;
            accepted(await stations.of(series.device!).say(frame, key), "the upload");
        },
        close: () => stations.close(),
    };
}

function rivers({ host, port }: Address): Way {
    const stations = lines(() => new Line(host, port, sl651.readAnswers));
    const next = counter(0xffff);
    return {
        beside: ["qualityFlag"],
        known: [],
        async say(series, values, observedAt) {
            const discharge = number(values, "discharge");
            if (discharge === undefined) return;
            const serial = next();
            const frame = sl651.report({
                centre: 1,
                station: series.device!,
                password: "0000",
                func: 0x32,
                serial,
                sentAt: Date.now(),
                stationClass: "H",
                observedAt,
                elements: [sl651.element(0x27, discharge)],
            });
            accepted(await stations.of(series.device!).say(frame, String(serial)), "the report");
        },
        close: () => stations.close(),
    };
}

const heartbeatMs = 60_000;
const positioned = 2;

function buses({ host, port }: Address): Way {
    const next = counter(0xffff);
    const terminals = lines((phone) => new Line(host, port, jt808.readAnswers, (line) => logIn(line, phone)));
    const speaking = new Set<string>();

    async function logIn(line: Line, phone: string): Promise<void> {
        const registering = next();
        const registration = jt808.register(phone, registering, {
            province: 0,
            city: 0,
            maker: "JINDU",
            model: "SAMPLE CITY",
            terminal: phone.slice(-7),
            plateColour: 0,
            plate: phone,
        });
        const code = await line.first(registration, String(registering));
        accepted(code, "the registration");
        const serial = next();
        accepted(await line.first(jt808.authenticate(phone, serial, code!.text), String(serial)), "the log-in");
        speaking.add(phone);
    }

    const beat = setInterval(() => {
        for (const phone of speaking) {
            const serial = next();
            // One that fails is heard of when the bus has something to say.
            terminals
                .of(phone)
                .say(jt808.heartbeat(phone, serial), String(serial))
                .catch(() => speaking.delete(phone));
        }
    }, heartbeatMs);
    beat.unref();

    return {
        beside: ["destination"],
        known: ["vehicleType"],
        async say(series, values, observedAt) {
            const phone = series.device!;
            const serial = next();
            const [lon, lat] = values["location"] as [number, number];
            const frame = jt808.location(phone, serial, {
                alarm: 0,
                status: positioned,
                lat,
                lon,
                altitudeM: 0,
                speedKmh: 0,
                direction: number(values, "bearing") ?? 0,
                at: observedAt,
                items: [],
            });
            accepted(await terminals.of(phone).say(frame, String(serial)), "the location");
        },
        close() {
            clearInterval(beat);
            terminals.close();
        },
    };
}

const staticsEveryMs = 360_000;

/** One shore station that hands on what it hears of all ships. AIS has no answers. */
function ships({ host, port }: Address): Way {
    const shore = new Line(host, port);
    const lastStatics = new Map<string, number>();
    const group = counter(9);
    const fixed = (series: Series, name: string): unknown => series.fixed[name]?.value;
    return {
        beside: [],
        known: ["name", "mmsi", "vesselType", "length", "beam"],
        async say(series, values, observedAt) {
            const mmsi = Number(series.device);
            const [lon, lat] = values["location"] as [number, number];
            const heard = ais.sentences(
                ais.position({
                    mmsi,
                    lon,
                    lat,
                    speedKn: number(values, "speedOverGround"),
                    courseDeg: number(values, "courseOverGround"),
                    headingDeg: number(values, "heading"),
                    second: new Date(observedAt).getUTCSeconds(),
                }),
                observedAt,
            );
            if (Date.now() - (lastStatics.get(series.device!) ?? 0) > staticsEveryMs) {
                lastStatics.set(series.device!, Date.now());
                const what = ais.statics({
                    mmsi,
                    name: series.fixed["name"]!.languageMap!.en,
                    shipType: fixed(series, "vesselType") as number,
                    dimensions: [
                        0,
                        Math.round((fixed(series, "length") as number | undefined) ?? 0),
                        0,
                        Math.round((fixed(series, "beam") as number | undefined) ?? 0),
                    ],
                });
                heard.push(...ais.sentences(what, observedAt, group()));
            }
            await shore.say(Buffer.from(heard.map((sentence) => `${sentence}\r\n`).join(""), "latin1"));
        },
        close: () => shore.close(),
    };
}

export const ways: Partial<Record<LinkName, (address: Address) => Way>> = {
    air,
    "city-buses": buses,
    rivers,
    ships,
};

// The air quality index of an hour by HJ 633-2012 (环境空气质量指数（AQI）技术规定（试行）), sections 4 and 5, table 1,
// in whole numbers: concentrations in tenths of their unit, so that rounding up is exact.

export type Pollutant = "PM2.5" | "PM10" | "SO2" | "NO2" | "CO" | "O3";
export const pollutants: Pollutant[] = ["PM2.5", "PM10", "SO2", "NO2", "CO", "O3"];
/** µg/m³, CO mg/m³. */
export type Hour = Partial<Record<Pollutant, number>>;

/** Upper ends of the classes of IAQI, and the concentrations that belong to them (means of one hour; PM: of 24 hours,
 * which the reports of an hour use too). SO2 of one hour has none above 200. */
const classes = [0, 50, 100, 150, 200, 300, 400, 500];
const limits: Record<Pollutant, number[]> = {
    "PM2.5": [0, 35, 75, 115, 150, 250, 350, 500],
    PM10: [0, 50, 150, 250, 350, 420, 500, 600],
    SO2: [0, 150, 500, 650, 800],
    NO2: [0, 100, 200, 700, 1200, 2340, 3090, 3840],
    CO: [0, 5, 10, 35, 60, 90, 120, 150],
    O3: [0, 160, 200, 300, 400, 800, 1000, 1200],
};

/** IAQI, rounded up; above the table the largest of it. */
export function iaqi(pollutant: Pollutant, concentration: number): number {
    const of = limits[pollutant];
    const tenths = Math.round(concentration * 10);
    const at = of.findIndex((limit) => tenths <= limit * 10);
    if (at === 0) return 0;
    if (at < 0) return classes[of.length - 1]!;
    const [low, high] = [of[at - 1]! * 10, of[at]! * 10];
    const [from, to] = [classes[at - 1]!, classes[at]!];
    return from + Math.ceil(((tenths - low) * (to - from)) / (high - low));
}

export interface Index {
    aqi: number;
    main: Pollutant | "none";
    level: string;
    of: Partial<Record<Pollutant, number>>;
}

/** Undefined where nothing was measured. Of several that are the largest, the first of the order above is the main. */
export function index(hour: Hour): Index | undefined {
    const of: Index["of"] = {};
    for (const pollutant of pollutants) {
        const value = hour[pollutant];
        if (value !== undefined) of[pollutant] = iaqi(pollutant, value);
    }
    const all = Object.values(of);
    if (all.length === 0) return undefined;
    const aqi = Math.max(...all);
    const main = aqi <= 50 ? "none" : pollutants.find((pollutant) => of[pollutant] === aqi)!;
    const level = String(1 + [50, 100, 150, 200, 300].filter((limit) => aqi > limit).length);
    return { aqi, main, level, of };
}

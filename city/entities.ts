// What of the sample city stands still: districts, divisions, places, water.
import { readFileSync } from "node:fs";
import { parseCsv } from "./csv.ts";
import { geo, property, provenance, relation, text, type Entity } from "./ngsi.ts";
import { readDistricts } from "./shapes.ts";
import type { Text } from "./sources.ts";

const data = (file: string): string => readFileSync(new URL(`data/${file}`, import.meta.url), "utf8");

export const divisionId = (code: string): string => `urn:ngsi-ld:Division:${code}`;

const englishDistricts: Record<string, string> = {
    321100: "Zhenjiang",
    321102: "Jingkou",
    321111: "Runzhou",
    321112: "Dantu",
    321171: "Zhenjiang New Area",
    321181: "Danyang",
    321182: "Yangzhong",
    321183: "Jurong",
};

const englishLevels: Record<string, Text> = {
    city: { zh: "地级市", en: "City" },
    county: { zh: "县级", en: "County level" },
    town: { zh: "乡级", en: "Town level" },
    village: { zh: "村级", en: "Village level" },
};

/** Chinese names of GeoNames' places, which has them in pinyin: towns of the city, and what stands around it. */
const chinesePlaces: Record<string, string> = {
    "3211 Zhenjiang": "镇江",
    "3211 Sanmao": "三茅",
    "3211 Qilidian": "七里甸",
    "3211 Guyang": "谷阳",
    "3211 Zhengdonglu": "正东路",
    "3211 Huayang": "华阳",
    "3211 Yunyang": "云阳",
    "3201 Nanjing": "南京",
    "3201 Xiongzhou": "雄州",
    "3201 Jiangpu": "江浦",
    "3201 Dongshan": "东山",
    "3201 Yongyang": "永阳",
    "3201 Chunxi": "淳溪",
    "3201 Xiaolingwei": "孝陵卫",
    "3201 Yaohua": "尧化",
    "3204 Changzhou": "常州",
    "3204 Jincheng": "金城",
    "3204 Hehai": "河海",
    "3204 Beigang": "北港",
    "3204 Lucheng": "潞城",
    "3210 Yangzhou": "扬州",
    "3210 Zhenzhou": "真州",
    "3210 Hanshang": "邗上",
    "3210 Wenhe": "汶河",
    "3210 Shouxihu": "瘦西湖",
    "3210 Xiannü": "仙女",
    "3210 Gaoyou": "高邮",
    "3210 Baoying": "宝应",
    "3212 Taizhou": "泰州",
    "3212 Taixing": "泰兴",
    "3212 Jiangyan": "姜堰",
    "3212 Kou’an": "口岸",
    "3212 Jingjiang": "靖江",
    "3212 Xinghua": "兴化",
    "3202 Wuxi": "无锡",
    "3202 Jiangyin": "江阴",
    "3202 Yixing": "宜兴",
    "3205 Suzhou": "苏州",
    "3411 Tianchang": "天长",
    "3411 Chuzhou": "滁州",
};

function districts(): Entity[] {
    return readDistricts(data("districts.echarts.js")).map(({ code, name, shape }) => ({
        id: `urn:ngsi-ld:District:${code}`,
        type: "District",
        name: text({ zh: name, en: englishDistricts[code] ?? name }),
        code: property(code),
        location: geo(shape.type, shape.coordinates),
        drawing: text({ zh: "示意图", en: "Schematic" }),
        partOf: relation(divisionId("321100")),
        division: relation(divisionId(code)),
        ...provenance("districts"),
    }));
}

function divisions(): Entity[] {
    return parseCsv(data("divisions.csv")).map((row) => {
        const code = row["code"]!;
        const name = row["name"]!;
        const english = englishDistricts[code];
        const level = row["level"]!;
        return {
            id: divisionId(code),
            type: "Division",
            name: text({ zh: name, en: english ?? name }),
            code: property(code),
            level: property(level),
            levelName: text(englishLevels[level]!),
            // The province above the city is no entity here.
            ...(level === "city" ? {} : { partOf: relation(divisionId(row["parent"]!)) }),
            ...provenance("divisions"),
        };
    });
}

function places(): Entity[] {
    const seen = new Map<string, number>();
    return parseCsv(data("places.csv")).map((row) => {
        const name = row["name"]!;
        const region = row["admin2"]!;
        const slug = `${region}-${name
            .normalize("NFD")
            .replace(/[^A-Za-z]/g, "")
            .toLowerCase()}`;
        const again = (seen.get(slug) ?? 0) + 1;
        seen.set(slug, again);
        return {
            id: `urn:ngsi-ld:Place:${slug}${again > 1 ? `-${again}` : ""}`,
            type: "Place",
            name: text({ zh: chinesePlaces[`${region} ${name}`] ?? name, en: name }),
            region: property(region),
            location: geo("Point", [Number(row["lng"]), Number(row["lat"])]),
            ...provenance("places"),
        };
    });
}

interface WaterFeature {
    properties: { name: string; name_zh: string; featurecla: string };
    geometry: { type: string; coordinates: unknown };
}

function water(): Entity[] {
    const { features } = JSON.parse(data("water.geojson")) as { features: WaterFeature[] };
    return features.map(({ properties, geometry }) => ({
        id: `urn:ngsi-ld:Water:${properties.name.toLowerCase().replace(/[^a-z]+/g, "-")}`,
        type: "Water",
        name: text({ zh: properties.name_zh, en: properties.name }),
        category: property(properties.featurecla.toLowerCase()),
        location: geo(geometry.type, geometry.coordinates),
        drawing: text({ zh: "示意图", en: "Schematic" }),
        ...provenance("water"),
    }));
}

/** All of it, in an order that lets no relationship point at what does not exist yet. */
export function standing(): Entity[] {
    return [...divisions(), ...districts(), ...places(), ...water()];
}

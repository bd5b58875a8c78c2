// The encoders of city/frames against frames that others published: the same fields must give the same bytes.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import * as ais from "../../city/frames/ais.ts";
import { bcd, crcModbus, digits8, gbk } from "../../city/frames/bytes.ts";
import * as gb32960 from "../../city/frames/gb32960.ts";
import * as hj212 from "../../city/frames/hj212.ts";
import * as jt808 from "../../city/frames/jt808.ts";
import * as sl651 from "../../city/frames/sl651.ts";

type Fields = any; // vectors are compared whole

interface Vector {
    id: string;
    valid: boolean;
    kind?: string;
    frame_hex?: string;
    frame_text?: string;
    expect: Fields;
}

/** Vectors stay where they are, beside the project; without them only what is written here is tested. */
function vectors(protocol: string): Vector[] | undefined {
    const file = new URL(`../../../shared/vectors/${protocol}.jsonl`, import.meta.url);
    if (!existsSync(file)) return undefined;
    return readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Vector)
        .filter((vector) => vector.valid && vector.kind === undefined);
}

/** Every chosen vector encodes to its own bytes, and at least `least` are chosen. */
function holds(protocol: string, least: number, encode: (fields: Fields, hex: string) => Buffer | undefined): void {
    const all = vectors(protocol);
    test(`${protocol}: published frames come out of the encoder byte by byte`, { skip: !all && "no vectors" }, () => {
        const held: string[] = [];
        for (const { id, expect, frame_hex, frame_text } of all ?? []) {
            const made = encode(expect, frame_hex ?? "");
            if (!made) continue;
            if (frame_hex !== undefined) assert.equal(made.toString("hex"), frame_hex, id);
            else assert.equal(made.toString("latin1").trim(), hj212Text(frame_text!), id);
            held.push(id);
        }
        assert.ok(held.length >= least, `${held.length} vectors: ${held.join(" ")}`);
    });
}

/** A frame as the standard writes it: its check in capitals, without the line's end. */
const hj212Text = (text: string): string => text.trim().replace(/[0-9a-f]{4}$/i, (crc) => crc.toUpperCase());

holds("hj212", 1, (f) => {
    if (f.Flag !== "5" || f.CN !== "2011" || Object.keys(f).join() !== "QN,ST,CN,PW,MN,Flag,CP") return undefined;
    const { DataTime, ...values } = f.CP as Record<string, string>;
    const factors: Record<string, Record<string, string>> = {};
    for (const [name, value] of Object.entries(values)) {
        const [factor, kind] = name.split("-") as [string, string];
        (factors[factor] ??= {})[kind] = value;
    }
    return hj212.upload({
        qn: f.QN,
        st: f.ST,
        cn: f.CN,
        password: f.PW,
        mn: f.MN,
        dataTime: DataTime!,
        factors,
    });
});

const itemsThatVary = 2; // of a message with the same item twice only the last value is in `expect`

holds("jt808", 12, (f, hex) => {
    const unescapedMark = /^(..)*?7e/.test(hex.slice(2, -2)); // some sources print frames that a line cannot carry
    if (f.version !== 2013 || f.part !== undefined || unescapedMark) return undefined;
    const { phone, serial, body } = f;
    switch (f.msg_id) {
        case "0002":
            return f.body_len === 0 ? jt808.heartbeat(phone, serial) : undefined;
        case "0102":
            return jt808.authenticate(phone, serial, body.auth_code);
        case "0200": {
            const items = (body.items ?? []) as { id: string; hex: string }[];
            const size = items.reduce((sum, { hex }) => sum + itemsThatVary + hex.length / 2, 28);
            if (f.body_len !== size || body.lat === undefined || Math.abs(body.lat) > 90) return undefined;
            return jt808.location(phone, serial, {
                ...body,
                altitudeM: body.alt_m,
                speedKmh: body.speed_kmh,
                at: Date.parse(body.time),
                items: items.map(({ id, hex }) => [parseInt(id, 16), Buffer.from(hex, "hex")]),
            });
        }
        default:
            return undefined;
    }
});

test("jt808: a registration holds its parts at their places, names in GBK", () => {
    const made = jt808.register("013511221122", 1, {
        province: 32,
        city: 1100,
        maker: "JINDU",
        model: "CITY",
        terminal: "0000001",
        plateColour: 2,
        plate: "苏L00001",
    });
    const body = made.subarray(13, -2);
    assert.equal(body.length, 37 + 8);
    assert.equal(body.readUInt16BE(0), 32);
    assert.equal(body.toString("latin1", 4, 13), "JINDUCITY");
    assert.equal(body.toString("latin1", 29, 36), "0000001");
    assert.equal(new TextDecoder("gbk").decode(body.subarray(37)), "苏L00001");
});

test("jt808: 7E and 7D are escaped, and undone in answers; two answers may come at once", () => {
    const made = jt808.message(0x0002, "000000000000", 0x7e7d, Buffer.from([0x7e, 0x7d]));
    assert.ok(!made.subarray(1, -1).includes(0x7e));
    const answer = jt808.message(0x8001, "013511221122", 1, Buffer.from([0x7e, 0x7d, 0x02, 0x00, 0]));
    const code = jt808.message(0x8100, "013511221122", 2, Buffer.from([0, 1, 0, 0x41, 0x42]));
    const both = Buffer.concat([answer, code, Buffer.from([0x7e, 0x80])]);
    const read = jt808.readAnswers(both);
    assert.deepEqual(read.answers, [
        { key: String(0x7e7d), ok: true, text: "result 0" },
        { key: "1", ok: true, text: "AB" },
    ]);
    assert.equal(both.length - read.used, 2);
});

holds("gb32960", 2, (f) => {
    if (f.cmd === 5) {
        return gb32960.platformLogin(f.vin, { ...f, at: Date.parse(f.time) });
    }
    if (f.vin?.length !== 17) return undefined;
    if (f.cmd === 7 && f.len === 0) return gb32960.heartbeat(f.vin);
    const known = new Set([1, 2, 5, 6, 7]);
    const blocks = (f.info ?? []) as Fields[];
    if (f.cmd !== 2 || f.encrypt !== 1 || blocks.length === 0) return undefined;
    if (!blocks.every(({ type }) => known.has(type))) return undefined;
    const made = gb32960.realTime(f.vin, Date.parse(f.time), blocks.map(block));
    // Else there are blocks in it that `expect` does not tell.
    return made.length === 25 + f.len ? made : undefined;
});

function block(x: Fields): Buffer {
    switch (x.type) {
        case 1:
            return gb32960.vehicle(x);
        case 2:
            return gb32960.motors(x.motors);
        case 5:
            return gb32960.position(x.lon, x.lat, x.fix);
        case 6:
            return gb32960.extremes(x);
        default:
            return gb32960.alarm(x.level, x.flags);
    }
}

const all32960 = vectors("gb32960");
test("gb32960: each kind of block stands in a published frame as the encoder writes it", {
    skip: !all32960 && "no vectors",
}, () => {
    const seen = new Set<number>();
    for (const { id, expect, frame_hex } of all32960 ?? []) {
        if (expect.cmd !== 2 || !expect.info) continue;
        for (const part of expect.info as Fields[]) {
            const lists = [part.battery, part.motor, part.engine, part.other].some((list) => list?.length > 0);
            if (![1, 2, 5, 6, 7].includes(part.type) || lists) continue;
            assert.ok(frame_hex!.includes(block(part).toString("hex")), `${id}, block ${part.type}`);
            seen.add(part.type);
        }
    }
    assert.deepEqual([...seen].sort(), [1, 2, 5, 6, 7]);
});

holds("sl651", 3, (f) => {
    if (!["30", "32", "33", "37"].includes(f.func) || f.dir !== "up") return undefined;
    const elements = f.elements as { guide: string; value?: number; obs_time?: string }[];
    const observedAt = elements.find(({ guide }) => guide === "f0")!.obs_time!;
    return sl651.report({
        centre: f.center,
        station: f.station,
        password: f.password,
        func: parseInt(f.func, 16),
        serial: f.serial,
        sentAt: Date.parse(f.time),
        stationClass: f.station_class,
        observedAt: Date.parse(observedAt.replace("+", ":00+")),
        elements: elements
            .filter(({ guide }) => guide !== "f0")
            .map(({ guide, value }) => sl651.element(parseInt(guide, 16), value!)),
    });
});

test("sl651: an element has the decimals of the standard, and more where the value needs them", () => {
    const coded = (value: number): string => {
        const { decimals, bytes } = sl651.element(0x27, value);
        return `${bytes}.${decimals}`;
    };
    assert.equal(coded(255), "5.3");
    assert.equal(coded(7.2208), "5.4");
    assert.equal(coded(0.0110436), "5.7");
    assert.throws(() => sl651.element(0x99, 1));
});

// Sentences that documents on AIS print again and again.
test("ais: published sentences come out of the encoder letter by letter", () => {
    const moored = ais.position({
        mmsi: 477553000,
        status: 5,
        turn: 0,
        speedKn: 0,
        lon: -122.34583333,
        lat: 47.58283333,
        courseDeg: 51,
        headingDeg: 181,
        second: 15,
        radio: 149208,
    });
    assert.deepEqual(ais.sentences(moored, undefined, 0, "B"), ["!AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0*5C"]);
    const mitchell = ais.statics({
        mmsi: 369190000,
        imo: 6710932,
        callsign: "WDA9674",
        name: "MT.MITCHELL",
        shipType: 99,
        dimensions: [90, 90, 10, 10],
        fix: 1,
        eta: [1, 2, 8, 0],
        draughtM: 6,
        destination: "SEATTLE",
        dte: 0,
    });
    const payload = ais
        .sentences(mitchell, undefined, 3, "B")
        .map((sentence) => sentence.split(",")[5])
        .join("");
    assert.equal(payload.length, 71);
    assert.equal(payload.slice(0, 39), "55P5TL01VIaAL@7WKO@mBplU@<PDhh000000001");
});

test("ais: a TAG block tells the time and has its own check", () => {
    const [sentence] = ais.sentences(ais.position({ mmsi: 1, lon: 0, lat: 0 }), Date.UTC(2024, 0, 1, 0, 0, 0, 900));
    assert.match(sentence!, /^\\c:1704067200\*[0-9A-F]{2}\\!AIVDM,1,1,,A,[^,]+,0\*[0-9A-F]{2}$/);
});

test("Beijing time, BCD, GBK and check sums", () => {
    assert.equal(digits8(Date.UTC(2025, 11, 31, 16, 0, 1, 20)), "20260101000001020");
    assert.equal(bcd("0123").toString("hex"), "0123");
    assert.throws(() => bcd("123"));
    assert.equal(gbk("津渡A").toString("hex"), "bdf2b6c941");
    assert.throws(() => gbk("\u{1f600}"));
    assert.equal(crcModbus(Buffer.from("123456789")), 0x4b37);
    assert.equal(hj212.crc212("123456789"), "2F80");
});

test("hj212: an answer is known by its QN and its check", () => {
    const mn = "010000A8900016F000169DC0";
    const answer = hj212.frame(`QN=20160801085857223;ST=91;CN=9014;PW=123456;MN=${mn};Flag=4;CP=&&&&`);
    assert.deepEqual(
        hj212.readAnswers(Buffer.concat([answer, Buffer.from("##00")])).answers.map(({ key, ok }) => [key, ok]),
        [["20160801085857223", true]],
    );
    const broken = Buffer.from(answer.toString().replace("123456", "123457"));
    assert.equal(hj212.readAnswers(broken).answers[0]!.ok, false);
});

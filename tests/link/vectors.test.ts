// Published frames with known answers, through `jindu decode`. The vectors stand beside the project, not in it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { binary, root, type Json } from "../api/server.ts";

const folder = join(process.env["JINDU_SHARED"] ?? join(root, "../shared"), "vectors");
const protocols = ["hj212", "jt808", "gb32960", "sl651", "modbus"];

interface Vector {
    id: string;
    kind?: string;
    transport?: string;
    frame_hex?: string;
    frame_text?: string;
    valid: boolean;
    why_invalid?: string[];
    expect: Json;
    /** The same in our words, where `expect` is the source's own view. */
    decoded?: Json;
}

interface Decoded {
    frame: string;
    fields?: Json;
    faults: string[];
    error?: string;
}

const scratch = mkdtempSync(join(tmpdir(), "jindu-vectors-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const hexOf = (v: Vector): string => v.frame_hex ?? Buffer.from(v.frame_text ?? "").toString("hex");

/** One vector as one line of hex. */
function decode(protocol: string, v: Vector, ...options: string[]): Decoded[] {
    const file = join(scratch, "frame.hex");
    writeFileSync(file, `${hexOf(v)}\n`);
    const rtu = v.transport === "rtu" ? ["--rtu"] : [];
    const done = spawnSync(binary, ["decode", protocol, ...options, ...rtu, file], {
        encoding: "utf8",
        env: { ...process.env, LANG: "C.UTF-8", LC_ALL: "C.UTF-8" },
    });
    assert.ok(done.status === 0 || done.status === 3, `${v.id}: exit code ${done.status}: ${done.stderr}`);
    return done.stdout
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Decoded);
}

/** Where `have` lacks what `want` states; "" when it holds all of it. Numbers are compared as numbers. */
export function missing(want: Json, have: Json, at = ""): string {
    if (typeof want === "number") {
        const near = Math.abs(Number(have) - want) < 1e-9 * Math.max(1, Math.abs(want));
        if (have !== null && have !== "" && near) return "";
        return `${at}: ${JSON.stringify(have)} instead of ${want}`;
    }
    if (Array.isArray(want)) {
        if (!Array.isArray(have) || have.length !== want.length)
            return `${at}: ${JSON.stringify(have)?.slice(0, 80)} instead of ${want.length} items`;
        return want.map((item, i) => missing(item, have[i], `${at}[${i}]`)).find((text) => text !== "") ?? "";
    }
    if (typeof want === "object" && want !== null) {
        if (typeof have !== "object" || have === null) return `${at}: ${JSON.stringify(have)} instead of an object`;
        return (
            Object.entries(want)
                .map(([name, value]) => missing(value, (have as Json)[name], `${at}.${name}`))
                .find((text) => text !== "") ?? ""
        );
    }
    return want === have ? "" : `${at}: ${JSON.stringify(have)} instead of ${JSON.stringify(want)}`;
}

/** Called valid by their source, but not by the standard's text: refused in strict mode, taken by a link. */
const againstTheText: Record<string, string> = {
    "jt808-005": "7E stands unescaped inside the frame (4.4.2)",
    "jt808-042": "7E stands unescaped inside the frame (4.4.2)",
};

/** What is enciphered is sound as a frame, but a link cannot keep what it cannot read. */
const isEncrypted = (frame: Decoded): boolean => /encrypted/.test(frame.error ?? "");

test("the comparison finds what it is for", () => {
    assert.equal(missing({ a: [1, { b: "x" }] }, { a: ["1.0", { b: "x", c: 2 }], d: 3 }), "");
    assert.notEqual(missing({ a: 1 }, { a: 2 }), "");
    assert.notEqual(missing({ a: [1] }, { a: [1, 2] }), "");
    assert.notEqual(missing({ a: "x" }, {}), "");
});

/** Of HJ 212 some sources state another tool's view of the same frame: what they say, in our words. */
function inOurWords(expect: Json): Json {
    const { points, metrics, DataTime, reply, length, crc, FLAG, ...rest } = expect;
    const cp: Record<string, Json> = { ...rest["CP"] };
    for (const [name, value] of Object.entries(points ?? {})) cp[name.includes("-") ? name : `${name}-Rtd`] = value;
    for (const { code, key, value, flag } of metrics ?? []) {
        cp[`${code}-${key}`] = value;
        cp[`${code}-Flag`] = flag;
    }
    if (typeof DataTime === "string") cp["DataTime"] = DataTime;
    if (",MN" in rest) {
        rest["MN"] = rest[",MN"]; // a stray comma in front of the name, which is a fault here
        delete rest[",MN"];
    }
    if (FLAG !== undefined) rest["Flag"] = FLAG;
    return Object.keys(cp).length === 0 ? rest : { ...rest, CP: cp };
}

for (const protocol of protocols) {
    const file = join(folder, `${protocol}.jsonl`);
    const there = existsSync(file);
    const vectors = there
        ? readFileSync(file, "utf8")
              .split("\n")
              .filter((line) => line !== "")
              .map((line) => JSON.parse(line) as Vector)
        : [];
    const skip = there ? false : "the vectors are not beside the project";

    test(`${protocol}: valid frames give their stated values in strict mode`, { skip }, () => {
        const wrong: string[] = [];
        for (const v of vectors.filter((each) => each.valid && each.kind === undefined)) {
            const [first, ...more] = decode(protocol, v);
            if (first === undefined || more.length > 0) wrong.push(`${v.id}: ${more.length + 1} frames`);
            else if (first.error !== undefined) {
                if (!isEncrypted(first) && !(v.id in againstTheText)) wrong.push(`${v.id}: ${first.error}`);
            } else {
                const want = protocol === "hj212" ? inOurWords(v.expect) : (v.decoded ?? v.expect);
                const lack = missing(want, first.fields);
                if (lack !== "") wrong.push(`${v.id}${lack}`);
            }
        }
        assert.deepEqual(wrong, []);
    });

    test(`${protocol}: invalid frames are refused in strict mode, with a reason`, { skip }, () => {
        const wrong: string[] = [];
        for (const v of vectors.filter((each) => !each.valid && each.kind === undefined)) {
            const decoded = decode(protocol, v);
            if (decoded.length === 0 || decoded.some((each) => (each.error ?? "") === ""))
                wrong.push(`${v.id} was taken (${v.why_invalid?.join("; ")})`);
        }
        assert.deepEqual(wrong, []);
    });

    test(`${protocol}: a link takes every valid frame, and names what it forgives of others`, { skip }, () => {
        const wrong: string[] = [];
        for (const v of vectors.filter((each) => each.kind === undefined)) {
            const [first] = decode(protocol, v, "--field");
            if (first === undefined) wrong.push(`${v.id}: no frame`);
            else if (v.valid && first.error !== undefined && !isEncrypted(first))
                wrong.push(`${v.id}: ${first.error}`);
            else if (!v.valid && first.error === undefined && first.faults.length === 0)
                wrong.push(`${v.id}: taken without a fault`);
        }
        assert.deepEqual(wrong, []);
    });
}

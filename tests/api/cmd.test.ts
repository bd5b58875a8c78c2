// The command line, as real processes: every command's success and failure, exit codes, messages, signals.
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import {
    existsSync,
    mkdirSync,
    mkdtempSync,
    openSync,
    readdirSync,
    readFileSync,
    rmSync,
    writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const here = resolve(fileURLToPath(import.meta.url), "..");
const jindu = process.env["JINDU_BIN"] ?? resolve(here, "../../build/jindu");
const commands = ["serve", "import", "export", "check", "backup", "restore", "version"];
const sanitized = Boolean(process.env["ASAN_OPTIONS"] || process.env["TSAN_OPTIONS"]);

let root = "";
let folders = 0;
const running = new Set<ChildProcess>();
before(() => {
    root = mkdtempSync(join(tmpdir(), "jindu-cmd-"));
});
after(() => {
    for (const child of running) child.kill("SIGKILL");
    rmSync(root, { recursive: true, force: true });
});

/** A path of its own below the test's folder; nothing is there yet. */
const fresh = (name = "data"): string => join(root, `${++folders}-${name}`);
const file = (name: string, text: string): string => {
    const path = fresh(name);
    writeFileSync(path, text);
    return path;
};

const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => {
    const env: NodeJS.ProcessEnv = { ...process.env, LANG: "C", ...more };
    for (const name of ["LC_ALL", "LC_MESSAGES", "NOTIFY_SOCKET"]) if (!(name in more)) delete env[name];
    return env;
};

interface Ended {
    code: number | null;
    out: string;
    err: string;
}
function run(args: string[], options: { input?: string; env?: NodeJS.ProcessEnv; cwd?: string } = {}): Ended {
    const done = spawnSync(jindu, args, {
        encoding: "utf8",
        input: options.input ?? "",
        env: environment(options.env),
        cwd: options.cwd ?? root,
        maxBuffer: 1 << 28,
    });
    assert.equal(done.error, undefined);
    return { code: done.status, out: done.stdout, err: done.stderr };
}
/** Runs a command that must succeed; its standard output. */
function good(...args: string[]): string {
    const done = run(args);
    assert.equal(done.code, 0, `${args.join(" ")}: ${done.err}`);
    return done.out;
}
function refused(code: number, pattern: RegExp, args: string[], env: NodeJS.ProcessEnv = {}): void {
    const done = run(args, { env });
    assert.match(done.err, pattern, args.join(" "));
    assert.equal(done.code, code, args.join(" "));
}

class Server {
    url = "";
    out = "";
    err = "";
    readonly child: ChildProcess;
    readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
    constructor(args: string[], env: NodeJS.ProcessEnv = {}) {
        this.child = spawn(jindu, ["serve", ...args], { env: environment(env), cwd: root });
        running.add(this.child);
        this.child.stdout!.setEncoding("utf8").on("data", (text: string) => (this.out += text));
        this.child.stderr!.setEncoding("utf8").on("data", (text: string) => (this.err += text));
        this.ended = new Promise((done) =>
            this.child.on("close", (code, signal) => {
                running.delete(this.child);
                done({ code, signal });
            }),
        );
    }
    async ready(): Promise<this> {
        let over = false;
        void this.ended.then(() => (over = true));
        while (!this.out.includes("\n")) {
            assert.ok(!over, `the server ended: ${this.err}`);
            await pause(10);
        }
        this.url = /http:\/\/[^\s）)]+/.exec(this.out)![0];
        return this;
    }
    async stop(): Promise<number | null> {
        this.child.kill("SIGTERM");
        return (await this.ended).code;
    }
}
/** Waits until something holds, as long as the process lives. */
async function until(child: ChildProcess, holds: () => boolean): Promise<void> {
    while (!holds()) {
        assert.equal(child.exitCode ?? child.signalCode, null, "the process ended");
        assert.notEqual(child.pid, undefined, "the process did not start");
        await pause(10);
    }
}
const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const serve = (data: string, args: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Server> =>
    new Server(["--data", data, "--listen", "127.0.0.1:0", "--open", ...args], env).ready();

const lamp = (n: number, power = n): string =>
    `{"id":"urn:ngsi-ld:Lamp:${n}","type":"Lamp","power":{"type":"Property","value":${power}}}`;
const lamps = (n: number): string => Array.from({ length: n }, (_, i) => lamp(i) + "\n").join("");
const get = async (server: Server, path: string): Promise<Response> => fetch(server.url + path);
const post = (server: Server, path: string, body: unknown): Promise<Response> =>
    fetch(server.url + path, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
    });

/* ---- main, options ---- */

test("jindu alone says what there is", () => {
    const nothing = run([]);
    assert.equal(nothing.code, 2);
    for (const name of commands) assert.match(nothing.err, new RegExp(`^  ${name} `, "m"));
    assert.equal(good("--help"), nothing.err);
    assert.equal(good("help"), nothing.err);
    const chinese = run(["--help"], { env: { LANG: "zh_CN.UTF-8" } });
    assert.match(chinese.out, /津渡.*用法/s);
    refused(2, /did you mean "import"/, ["imprt"]);
    refused(2, /是否想用“serve”/, ["srve"], { LC_ALL: "zh_CN.UTF-8" });
    refused(2, /there is no command "quite-something-else"/, ["quite-something-else"]);
});

test("every command has --help in both languages", () => {
    for (const name of commands) {
        const english = good(name, "--help");
        assert.match(english, new RegExp(`^usage: jindu ${name}`, "m"));
        assert.equal(good("help", name), english);
        const chinese = run([name, "--help"], { env: { LANG: "zh_CN.UTF-8" } });
        assert.equal(chinese.code, 0);
        assert.match(chinese.out, new RegExp(`用法: jindu ${name}`));
        assert.doesNotMatch(chinese.out, /usage:|^options|\[default/m);
    }
});

test("LC_ALL goes before LANG", () => {
    refused(2, /there is no command/, ["x-y-z"], { LANG: "zh_CN.UTF-8", LC_ALL: "en_US.UTF-8" });
    refused(2, /没有命令/, ["x-y-z"], { LANG: "zh_CN.UTF-8", LC_ALL: "" });
});

test("options that are wrong are refused by name, with the nearest", () => {
    refused(2, /unknown option --lisen; did you mean --listen\?/, ["serve", "--lisen", "127.0.0.1:1"]);
    refused(2, /unknown option -d/, ["serve", "-d"]);
    refused(2, /--data needs a value \(DIR\)/, ["serve", "--data"]);
    refused(2, /--open takes no value/, ["serve", "--open=yes"]);
    refused(2, /--data is given twice/, ["serve", "--data", "a", "--data=b"]);
    refused(2, /min-free: "12x" is not a whole number/, ["serve", "--min-free", "12x"]);
    refused(2, /log-level: "loud" is none of debug\|info/, ["serve", "--log-level", "loud"]);
    refused(2, /"extra" is one argument too many/, ["version", "extra"]);
    refused(2, /FILE DIR must be given/, ["restore", "one"]);
    refused(2, /FILE\.\.\. must be given/, ["import", "--data", "x"]);
});

test("version names itself, its libraries and the store's format", () => {
    const out = good("version");
    assert.match(out, /^jindu \d+\.\d+\.\d+\ncommit \S+\nstore format \d+\n/);
    assert.match(out, /\nSQLite [\d.]+\nlibmicrohttpd [\d.]+\nlibcurl\//);
    assert.equal(good("--version"), out);
});

/* ---- serve ---- */

test("serve is refused without --open, and with it on anything but loopback", () => {
    const data = fresh();
    refused(2, /sign-in does not exist yet.*--open/, ["serve", "--data", data]);
    refused(2, /--open is refused on 0\.0\.0\.0/, ["serve", "--data", data, "--open", "--listen", "0.0.0.0:0"]);
    refused(2, /--open is refused on ::/, ["serve", "--data", data, "--open", "--listen", "[::]:0"]);
    refused(2, /--open is refused on 192\.0\.2\.1/, ["serve", "--data", data, "--open", "--listen", "192.0.2.1:80"]);
    refused(2, /192\.0\.2\.1 上不能使用 --open/, ["serve", "--data", data, "--open", "--listen", "192.0.2.1:80"], {
        LANG: "zh_CN.UTF-8",
    });
    refused(2, /登录功能尚未提供/, ["serve", "--data", data], { LANG: "zh_CN.UTF-8" });
    refused(2, /"8080" is no address/, ["serve", "--data", data, "--open", "--listen", "8080"]);
    refused(2, /--data DIR must be given/, ["serve", "--open"]);
    refused(2, /--alias: "no token" is no token/, ["serve", "--data", data, "--open", "--alias", "no token"]);
    refused(2, /--base-url: .* must begin with http/, ["serve", "--data", data, "--open", "--base-url", "city"]);
    refused(2, /--web: .*No such file/, ["serve", "--data", data, "--open", "--web", fresh("web")]);
    refused(2, /--contexts: .*is no folder/, ["serve", "--data", data, "--open", "--contexts", file("c", "")]);
    assert.ok(!existsSync(data));
});

test("serve answers, keeps what it took, and ends with 0 on SIGTERM and on SIGINT", async () => {
    const data = fresh();
    for (const [round, signal] of (["SIGTERM", "SIGINT"] as const).entries()) {
        const server = await serve(data);
        assert.match(server.out, /^Jindu [\d.]+ answers at http:\/\/127\.0\.0\.1:\d+ /);
        assert.equal((await get(server, "/health")).status, 200);
        const made = await post(server, "/ngsi-ld/v1/entities", JSON.parse(lamp(round)));
        assert.equal(made.status, 201);
        server.child.kill(signal);
        assert.deepEqual(await server.ended, { code: 0, signal: null });
        assert.equal(server.out.split("\n").length, 2);
    }
    assert.equal(good("export", "--data", data), lamps(2));
    assert.match(good("check", data, "--deep"), /clean/);
});

test("serve says what stands in its way: the port, the folder, the store", async () => {
    const data = fresh();
    const server = await serve(data);
    const port = new URL(server.url).port;
    const other = fresh();
    const taken = ["serve", "--data", other, "--open", "--listen", `127.0.0.1:${port}`];
    refused(1, /cannot listen on 127\.0\.0\.1 port/, taken);
    const locked = new RegExp(`in use by process ${server.child.pid}`);
    refused(1, locked, ["serve", "--data", data, "--open", "--listen", "127.0.0.1:0"]);
    refused(1, locked, ["import", "-", "--data", data]);
    refused(1, locked, ["export", "--data", data]);
    refused(1, locked, ["check", data]);
    refused(1, locked, ["backup", fresh("b"), "--data", data]);
    assert.equal(await server.stop(), 0);
    refused(1, /No such file|cannot/, ["serve", "--data", "/nowhere/at/all", "--open", "--listen", "127.0.0.1:0"]);
});

test("serve --contexts and --web", async () => {
    const contexts = fresh("contexts");
    const web = fresh("web");
    mkdirSync(contexts);
    mkdirSync(web);
    writeFileSync(join(contexts, "index.json"), '{"http://example.org/c.jsonld":"c.jsonld"}');
    writeFileSync(join(contexts, "c.jsonld"), '{"@context":{"Lamp":"http://example.org/Lamp"}}');
    writeFileSync(join(web, "index.html"), "<p>the city</p>");
    const server = await serve(fresh(), ["--contexts", contexts, "--web", web, "--no-fetch"]);
    assert.match(await (await get(server, "/")).text(), /the city/);
    const link = { Link: '<http://example.org/c.jsonld>; rel="http://www.w3.org/ns/json-ld#context"' };
    const made = await fetch(server.url + "/ngsi-ld/v1/entities", {
        method: "POST",
        headers: { "Content-Type": "application/json", ...link },
        body: lamp(1),
    });
    assert.equal(made.status, 201);
    const seen = (await (await get(server, "/ngsi-ld/v1/entities/urn:ngsi-ld:Lamp:1")).json()) as { type: string };
    assert.equal(seen.type, "http://example.org/Lamp");
    assert.equal(await server.stop(), 0);
});

/* ---- the configuration file ---- */

test("a configuration file sets what the command line does not", async () => {
    const data = fresh();
    const config = file(
        "config.json",
        `{"data": ${JSON.stringify(data)}, "listen": "192.0.2.1:80", "open": true, "body_max": "2k", "limit_max": 7,
          "log_level": "warn", "min_free": 1048576}`,
    );
    const server = await new Server(["--config", config, "--listen", "127.0.0.1:0"]).ready();
    const large = await post(server, "/ngsi-ld/v1/entities", { id: "urn:x:1", type: "T", x: "y".repeat(3000) });
    assert.equal(large.status, 413);
    assert.equal((await get(server, "/ngsi-ld/v1/entities?local=true&limit=8")).ok, false);
    assert.equal((await get(server, "/ngsi-ld/v1/entities?local=true&limit=7")).ok, true);
    assert.equal(await server.stop(), 0);
    assert.equal(server.err, "");
    assert.ok(existsSync(data));
});

test("every serve setting but --config may stand in the file", () => {
    const names = [...good("serve", "--help").matchAll(/^ {2}--([a-z-]+)/gm)].map((m) => m[1]!.replaceAll("-", "_"));
    assert.ok(names.includes("query_scan_max") && names.length > 20);
    for (const name of names) {
        // A value of the wrong kind is named as such; only --config itself is unknown here.
        const path = file("config.json", `{"${name}": null}`);
        const wrong = name === "config" ? /unknown member/ : /must be/;
        refused(2, wrong, ["serve", "--config", path, "--data", "x", "--open"]);
    }
});

test("errors of a configuration file name file, line, column and member", () => {
    const bad: [string, RegExp][] = [
        ['{\n  "opne": true\n}', /:2:3: unknown member "opne"; did you mean "open"\?/],
        ['{\n  "data": "x", "津": 1\n}', /:2:16: unknown member "津"/],
        ['{"min_free":\n   "lots"}', /:2:4: min-free: "lots" is not a whole number/],
        ['{"names_max": 5}', /:1:15: names-max: "5" is not a whole number from 1000/],
        ['{"open": "yes"}', /:1:10: open: must be true or false/],
        ['{"names_max": "5000"}', /:1:15: names_max: must be a number/],
        ['{"log_level": "loud"}', /:1:15: log-level: "loud" is none of/],
        ['{"open": true,}', /:1:15: JSON: /],
        ['{"open": true, "open": true}', /:1:16: JSON: /],
        ["[1]", /:1:1: must hold one JSON object/],
    ];
    for (const [text, pattern] of bad) {
        const path = file("config.json", text);
        const done = run(["serve", "--config", path, "--data", "x"]);
        assert.equal(done.code, 2, text);
        assert.ok(done.err.startsWith(`jindu: ${path}:`), done.err);
        assert.match(done.err, pattern);
    }
    refused(2, /No such file/, ["serve", "--config", fresh("none")]);
    // What the command line overrides must be right all the same.
    refused(2, /:1:14: min-free/, ["serve", "--config", file("c", '{"min_free": "x"}'), "--min-free", "1M"]);
});

/* ---- signals and a failing disk ---- */

let shim = "";
const noShim = sanitized
    ? "a sanitizer's runtime must be loaded first"
    : spawnSync("cc", ["--version"]).status !== 0 && "no C compiler";
function preload(more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    if (!shim) {
        const out = fresh("sync_shim.so");
        const made = spawnSync("cc", ["-shared", "-fPIC", "-D_GNU_SOURCE", "-o", out, join(here, "sync_shim.c")]);
        assert.equal(made.status, 0, String(made.stderr));
        shim = out;
    }
    return { LD_PRELOAD: shim, ...more };
}

test("SIGTERM waits for what was begun; a second one ends at once", { skip: noShim }, async () => {
    const data = fresh();
    const wait = fresh("wait");
    const server = await serve(data, [], preload({ JD_SYNC_WAITS: wait }));
    writeFileSync(wait, "");
    const answer = post(server, "/ngsi-ld/v1/entities", JSON.parse(lamp(1))).then(
        (r) => r.status,
        () => 0,
    );
    await pause(300);
    server.child.kill("SIGTERM");
    await pause(300);
    assert.equal(server.child.exitCode, null);
    rmSync(wait);
    assert.equal(await answer, 201);
    assert.deepEqual(await server.ended, { code: 0, signal: null });
    assert.equal(good("export", "--data", data), lamp(1) + "\n");

    const again = await serve(data, [], preload({ JD_SYNC_WAITS: wait }));
    writeFileSync(wait, "");
    const lost = post(again, "/ngsi-ld/v1/entities", JSON.parse(lamp(2))).then(
        (r) => r.status,
        () => 0,
    );
    await pause(300);
    again.child.kill("SIGTERM");
    await pause(300);
    again.child.kill("SIGTERM");
    assert.deepEqual(await again.ended, { code: 1, signal: null });
    assert.equal(await lost, 0);
    rmSync(wait);
    assert.match(good("check", data), /clean/);
});

test("a failed sync ends serve and import with 4", { skip: noShim }, async () => {
    const data = fresh();
    const fails = fresh("fails");
    const server = await serve(data, [], preload({ JD_SYNC_FAILS: fails }));
    assert.equal((await post(server, "/ngsi-ld/v1/entities", JSON.parse(lamp(1)))).status, 201);
    await pause(500); // what is written behind meanwhile would meet the failure first, and end the program
    writeFileSync(fails, "");
    const unknown = await post(server, "/ngsi-ld/v1/entities", JSON.parse(lamp(2)));
    assert.equal(unknown.status, 500);
    assert.deepEqual(await server.ended, { code: 4, signal: null });
    rmSync(fails);
    assert.ok(good("export", "--data", data).startsWith(lamp(1) + "\n"));

    // A store that is there; its first group after the failure decides.
    const child = spawn(jindu, ["import", "-", "--data", data], {
        env: environment(preload({ JD_SYNC_FAILS: fails })),
    });
    running.add(child);
    let err = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
    child.stdin.write(lamps(5000));
    await until(child, () => readFileSync(join(data, "lock"), "utf8").trim() === String(child.pid));
    await pause(200);
    writeFileSync(fails, "");
    child.stdin.end(lamps(5000));
    const code = await new Promise((done) => child.on("close", done));
    running.delete(child);
    rmSync(fails);
    assert.match(err, /stopped at <stdin>:\d+: /);
    assert.equal(code, 4);
    assert.match(good("check", data), /clean/);
});

/* ---- import ---- */

test("import takes NDJSON and arrays, from files and standard input, and export gives them back", () => {
    const data = fresh();
    assert.match(good("import", file("l.ndjson", lamps(2500)), "--data", data), /^2500 entities imported, 0 refused/);
    assert.equal(good("export", "--data", data), lamps(2500));
    const array = `[\n${lamps(3).trim().replaceAll("\n", ",\n")}\n]\n`;
    const other = fresh();
    assert.equal(run(["import", "-", "--data", other], { input: array }).code, 0);
    assert.equal(good("export", "--data", other), lamps(3));
    const done = run(["import", "-", "--data", fresh()], { input: "" });
    assert.deepEqual([done.code, done.err], [0, ""]);
});

const badLines = [
    lamp(1),
    '{"id":"urn:ngsi-ld:Lamp:2","type":',
    "",
    '{"id":5,"type":"Lamp"}',
    `   {"id":"urn:ngsi-ld:Lamp:3","type":"Lamp","power":{"type":"Lamp","value":1}}`,
    "[1]",
    lamp(4),
].join("\n");
function checkBadLines(path: string, done: Ended): void {
    const lines = done.err.trim().split("\n").sort();
    assert.equal(done.code, 3);
    assert.match(done.out, /^2 entities imported, 4 refused/);
    assert.equal(lines.length, 4, done.err);
    assert.ok(lines[0]!.startsWith(`${path}:2:35: JSON: `), lines[0]);
    assert.doesNotMatch(lines[0]!, /byte offset/);
    assert.match(lines[1]!, /:4: .*id.* \(id\)$/);
    assert.match(lines[2]!, /:5: .*"Lamp".* \(power\)$/);
    assert.match(lines[3]!, /:6: .*object/);
}

test("import reports refused lines with their place, and takes the others", () => {
    const data = fresh();
    const path = file("bad.ndjson", badLines);
    checkBadLines(path, run(["import", path, "--data", data]));
    assert.equal(good("export", "--data", data), lamp(1) + "\n" + lamp(4) + "\n");
    const chinese = run(["import", path, "--data", data], { env: { LANG: "zh_CN.UTF-8" } });
    assert.match(chinese.err, /:2:35: JSON 文本有误/);
    assert.match(chinese.out, /导入实体 2 个，拒绝 4 个/);
    const few = run(["import", path, "--data", data, "--errors-shown", "1"]);
    assert.equal(few.err.trim().split("\n").length, 2);
    assert.match(few.err, /counted, not shown/);
    assert.match(few.out, /4 refused/);
});

test("import stops where an array is broken, and says where", () => {
    const data = fresh();
    const path = file("bad.json", `[${lamp(1)},\n ${lamp(2)}\n ${lamp(3)}]`);
    const done = run(["import", path, "--data", data]);
    assert.equal(done.code, 3);
    assert.equal(done.err, `${path}:3:2: a comma or the end of the array was expected\n`);
    assert.match(done.out, /^2 entities imported/);
    const inner = run(["import", file("i.json", `[\n {"id": tru}]`), "--data", data]);
    assert.match(inner.err, /i\.json:2:9: JSON: /);
    assert.equal(inner.code, 3);
});

test("import modes: upsert keeps other attributes, replace does not, create refuses", async () => {
    const first = file("a", '{"id":"urn:x:1","type":"T","a":{"type":"Property","value":1}}');
    const second = file("b", '{"id":"urn:x:1","type":"T","b":2}');
    const server = await serve(fresh());
    const data = fresh();
    for (const to of [
        ["--data", data],
        ["--url", server.url],
    ]) {
        const shown = (): unknown => JSON.parse(good("export", ...to, "--format", "simplified"));
        good("import", first, ...to);
        good("import", second, ...to);
        assert.deepEqual(shown(), { id: "urn:x:1", type: "T", a: 1, b: 2 });
        good("import", second, ...to, "--mode", "replace");
        assert.deepEqual(shown(), { id: "urn:x:1", type: "T", b: 2 });
        const done = run(["import", first, ...to, "--mode", "create"]);
        assert.equal(done.code, 3);
        assert.match(done.err, /:1: .*exists/);
        assert.deepEqual(shown(), { id: "urn:x:1", type: "T", b: 2 });
    }
    assert.equal(await server.stop(), 0);
});

test("of two lines about one entity the later one counts", async () => {
    const many = Array.from({ length: 12_000 }, (_, i) => lamp(i % 7, i) + "\n").join("");
    const last = Array.from({ length: 7 }, (_, i) => 11_999 - ((11_999 - i) % 7));
    const expected = last.map((n) => [`urn:ngsi-ld:Lamp:${n % 7}`, n]).sort();
    const server = await serve(fresh());
    for (const to of [
        ["--data", fresh()],
        ["--url", server.url],
    ]) {
        good("import", file("many", many), ...to);
        const seen = good("export", ...to, "--format", "simplified")
            .trim()
            .split("\n")
            .map((line) => JSON.parse(line) as { id: string; power: number })
            .map(({ id, power }) => [id, power])
            .sort();
        assert.deepEqual(seen, expected);
    }
    assert.equal(await server.stop(), 0);
});

test("import and export know tenants and contexts", async () => {
    const server = await serve(fresh(), ["--no-fetch"]);
    const context = file("c.jsonld", '{"@context":{"Lamp":"http://example.org/Lamp","power":"http://example.org/p"}}');
    const own = '{"id":"urn:x:9","type":"Q","@context":{"Q":"http://example.org/Q"}}';
    for (const to of [
        ["--data", fresh()],
        ["--url", server.url],
    ]) {
        good("import", file("l", lamp(1) + "\n" + own), ...to, "--tenant", "port", "--context", context);
        const plain = good("export", ...to, "--tenant", "port")
            .trim()
            .split("\n");
        assert.deepEqual(
            plain.map((line) => JSON.parse(line).type),
            ["http://example.org/Lamp", "http://example.org/Q"],
        );
        assert.ok("http://example.org/p" in JSON.parse(plain[0]!));
        assert.equal(good("export", ...to), "");
        assert.equal(good("export", ...to, "--tenant", "port", "--type", "http://example.org/Q"), plain[1] + "\n");
        refused(1, /tenant/, ["export", ...to, "--tenant", "starboard"]);
        refused(2, /no name of a tenant/, ["export", ...to, "--tenant", "no name"]);
        refused(2, /no name of a tenant/, ["import", context, ...to, "--tenant", "no name"]);
        // What export wrote goes in again, and is the same.
        const again = fresh();
        good("import", file("again", plain.join("\n")), "--data", again);
        assert.equal(good("export", "--data", again), plain.join("\n") + "\n");
    }
    // With --context the names are short, and each line carries the context.
    const data = fresh();
    good("import", file("l", lamp(1)), "--data", data, "--context", context);
    const short = JSON.parse(good("export", "--data", data, "--context", context));
    assert.equal(short.type, "Lamp");
    assert.equal(short.power.value, 1);
    assert.ok(short["@context"]);
    refused(1, /No such file/, ["import", context, "--data", data, "--context", fresh("none")]);
    refused(1, /JSON/, ["import", context, "--data", data, "--context", file("x", "{")]);
    assert.equal(await server.stop(), 0);
});

test("import into a running server reports the same lines", async () => {
    const server = await serve(fresh());
    const path = file("bad.ndjson", badLines);
    checkBadLines(path, run(["import", path, "--url", server.url]));
    assert.equal(good("export", "--url", server.url), lamp(1) + "\n" + lamp(4) + "\n");
    assert.match(good("import", file("l", lamps(2500)), "--url", server.url + "/"), /^2500 entities imported/);
    const seen = good("export", "--url", server.url).trim().split("\n");
    assert.equal(seen.length, 2500);
    assert.equal(new Set(seen).size, 2500);
    assert.equal(await server.stop(), 0);
    refused(1, /cannot reach/, ["import", path, "--url", server.url]);
    refused(1, /cannot reach/, ["export", "--url", server.url]);
});

test("import halves a batch that the server finds too large", async () => {
    const server = await serve(fresh(), ["--body-max", "20k"]);
    const long = `{"id":"urn:x:long","type":"T","x":"${"y".repeat(30_000)}"}`;
    const done = run(["import", file("l", lamps(1000) + long), "--url", server.url]);
    assert.equal(done.code, 3);
    assert.match(done.err, /:1001: .*larger than the server takes/);
    assert.match(done.out, /^1000 entities imported, 1 refused/);
    assert.equal(good("export", "--url", server.url), lamps(1000));
    assert.equal(await server.stop(), 0);
});

test("import stops when a server fails, and tells its words", async () => {
    const detail = { type: "x", title: "Internal error", detail: "the disk is gone", status: 500 };
    const fake = createServer((_, answer) => answer.writeHead(500).end(JSON.stringify(detail)));
    await new Promise<void>((done) => fake.listen(0, "127.0.0.1", done));
    const url = `http://127.0.0.1:${(fake.address() as AddressInfo).port}`;
    const child = spawn(jindu, ["import", file("l", lamps(10)), "--url", url], { env: environment() });
    let err = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
    const code = await new Promise((done) => child.on("close", done));
    fake.close();
    assert.equal(code, 1);
    assert.match(err, /stopped at the entities of .*:1 to 10: the server refuses \(500\): the disk is gone/);
});

test("import needs one place to import to", () => {
    const path = file("l", lamps(1));
    refused(2, /one of --data and --url/, ["import", path]);
    refused(2, /one of --data and --url/, ["import", path, "--data", "x", "--url", "http://127.0.0.1:1"]);
    refused(2, /must begin with http/, ["import", path, "--url", "127.0.0.1:1"]);
    refused(2, /go with --data/, ["import", path, "--url", "http://127.0.0.1:1", "--no-fetch"]);
    refused(1, /No such file/, ["import", fresh("none"), "--data", fresh()]);
    refused(2, /is none of upsert\|create\|replace/, ["import", path, "--data", fresh(), "--mode", "append"]);
});

test("import, interrupted, keeps what it took and says where it stands", async () => {
    const data = fresh();
    const child = spawn(jindu, ["import", "-", "--data", data], { env: environment() });
    running.add(child);
    let err = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
    child.stdin.on("error", () => undefined);
    const closed = new Promise((done) => child.on("close", done)); // it may end before its last line is written
    await until(child, () => existsSync(join(data, "jindu.db")));
    child.stdin.write(lamps(100));
    await pause(300);
    child.kill("SIGINT");
    await pause(100);
    child.stdin.end(lamp(1000) + "\n");
    const code = await closed;
    running.delete(child);
    assert.equal(code, 1);
    assert.match(err, /interrupted behind line \d+ of <stdin>/);
    const kept = good("export", "--data", data);
    const line = Number(/line (\d+)/.exec(err)![1]);
    assert.equal(kept.trim().split("\n").length, line);
});

/* ---- export ---- */

test("export writes forms, types and system attributes, from folder and server alike", async () => {
    const data = fresh();
    const text = lamp(1) + "\n" + '{"id":"urn:x:1","type":"T","b":{"type":"Property","value":2}}' + "\n";
    good("import", file("l", text), "--data", data);
    const questions = [
        [],
        ["--format", "concise"],
        ["--format", "simplified"],
        ["--type", "T"],
        ["--type", "Lamp|T"],
        ["--type", "Nope"],
        ["--sysattrs"],
        ["--sysattrs", "--format", "simplified"],
    ];
    const fromFolder = questions.map((q) => good("export", "--data", data, ...q));
    const server = await serve(data);
    const fromServer = questions.map((q) => good("export", "--url", server.url, ...q));
    assert.equal(await server.stop(), 0);
    assert.deepEqual(fromServer, fromFolder);
    assert.equal(fromFolder[0], text);
    assert.match(fromFolder[2]!, /"power":1}/);
    assert.equal(fromFolder[3]!.trim().split("\n").length, 1);
    assert.equal(fromFolder[4], text);
    assert.equal(fromFolder[5], "");
    assert.match(fromFolder[6]!, /"createdAt"/);
    assert.doesNotMatch(fromFolder[0]!, /createdAt/);
});

test("export --out appears whole, or not at all", () => {
    const data = fresh();
    good("import", file("l", lamps(100)), "--data", data);
    const folder = fresh("out");
    mkdirSync(folder);
    const out = join(folder, "o.ndjson");
    writeFileSync(out, "old");
    assert.match(good("export", "--data", data, "--out", out), /^100 entities exported to /);
    assert.equal(readFileSync(out, "utf8"), lamps(100));
    refused(1, /tenant/, ["export", "--data", data, "--tenant", "x", "--out", out]);
    assert.equal(readFileSync(out, "utf8"), lamps(100));
    assert.deepEqual(readdirSync(folder), ["o.ndjson"]);
    refused(1, /cannot write .*No such file/, ["export", "--data", data, "--out", join(folder, "no", "o")]);
});

test("export says when its output cannot be written", { skip: !existsSync("/dev/full") && "no /dev/full" }, () => {
    const data = fresh();
    good("import", file("l", lamps(100)), "--data", data);
    const done = spawnSync(jindu, ["export", "--data", data], {
        stdio: ["ignore", openSync("/dev/full", "w"), "pipe"],
        env: environment(),
        encoding: "utf8",
    });
    assert.equal(done.status, 1);
    assert.match(done.stderr, /cannot write/);
});

test("export, check and backup of a folder that is none make nothing", () => {
    const none = fresh();
    const empty = fresh();
    mkdirSync(empty);
    for (const dir of [none, empty]) {
        refused(1, /store|Jindu/, ["export", "--data", dir]);
        refused(1, /store|Jindu/, ["check", dir]);
        refused(1, /store|Jindu/, ["backup", fresh("b"), "--data", dir]);
    }
    assert.ok(!existsSync(none));
    refused(2, /one of --data and --url/, ["export"]);
    refused(2, /must be a URL/, ["export", "--url", "http://127.0.0.1:1", "--context", "c.jsonld"]);
});

/* ---- check, backup, restore ---- */

test("backup of a folder, restore, check", () => {
    const data = fresh();
    const copy = fresh("backup");
    const restored = fresh();
    good("import", file("l", lamps(500)), "--data", data);
    assert.match(good("backup", copy, "--data", data), /written, .*[kM]?B/);
    assert.match(good("check", copy), /: clean\n$/);
    assert.match(good("restore", copy, restored), /restored to/);
    assert.match(good("check", restored, "--deep"), /: clean\n$/);
    assert.equal(good("export", "--data", restored), lamps(500));
    refused(1, /exists/, ["backup", copy, "--data", data]);
    refused(1, /not an empty folder/, ["restore", copy, restored]);
    refused(1, /已存在/, ["backup", copy, "--data", data], { LANG: "zh_CN.UTF-8" });
    refused(2, /--deep goes with a data folder/, ["check", copy, "--deep"]);
    refused(2, /one of --data and --url/, ["backup", copy]);
});

test("a damaged back-up is found by check, and not restored", () => {
    const data = fresh();
    const copy = fresh("backup");
    const target = fresh();
    good("import", file("l", lamps(500)), "--data", data);
    good("backup", copy, "--data", data);
    const bytes = readFileSync(copy);
    // Wherever it stands: a copy may lie in a page that is no longer in use.
    let hits = 0;
    for (let at = -1; (at = bytes.indexOf("urn:ngsi-ld:Lamp:250", at + 1)) >= 0; hits++) bytes[at] = 0x58;
    assert.ok(hits > 0);
    writeFileSync(copy, bytes);
    const done = run(["check", copy]);
    assert.equal(done.code, 3);
    assert.match(done.out, /checksum|sum|differ/i);
    assert.match(done.out, /\d+ findings\n$/);
    refused(1, /damaged/, ["restore", copy, target]);
    assert.ok(!existsSync(target));
    refused(1, /not a Jindu store/, ["check", file("x", "something else\n".repeat(500))]);
    refused(1, /No such file|cannot/, ["restore", fresh("none"), target]);
});

test("backup of a served folder is online and consistent", async () => {
    const data = fresh();
    const server = await serve(data);
    good("import", file("l", lamps(2000)), "--url", server.url);
    let writing = true;
    const writer = (async () => {
        const path = "/ngsi-ld/v1/entityOperations/upsert";
        for (let n = 0; writing; n++) await post(server, path, [JSON.parse(lamp(n % 2000, -1))]);
    })();
    const copy = fresh("backup");
    const child = spawn(jindu, ["backup", copy, "--url", server.url], { env: environment() });
    assert.equal(await new Promise((done) => child.on("close", done)), 0);
    writing = false;
    await writer;
    assert.match(good("check", copy), /clean/);
    const restored = fresh();
    good("restore", copy, restored);
    assert.equal(good("export", "--data", restored).trim().split("\n").length, 2000);
    refused(1, /409.*exists/, ["backup", copy, "--url", server.url]);

    // A path relative to where the command runs.
    assert.equal(run(["backup", "relative.backup", "--url", server.url], { cwd: restored }).code, 0);
    assert.ok(existsSync(join(restored, "relative.backup")));

    // The route behind it: only JSON, only absolute paths.
    assert.equal((await post(server, "/api/backup", { path: "relative" })).status, 400);
    assert.equal((await post(server, "/api/backup", {})).status, 400);
    const plain = await fetch(server.url + "/api/backup", {
        method: "POST",
        headers: { "Content-Type": "text/plain" },
        body: JSON.stringify({ path: fresh("b") }),
    });
    assert.equal(plain.status, 415);
    const made = await post(server, "/api/backup", { path: fresh("b") });
    assert.equal(made.status, 201);
    assert.ok(((await made.json()) as { bytes: number }).bytes > 0);
    assert.equal(await server.stop(), 0);
    refused(1, /cannot reach/, ["backup", fresh("b"), "--url", server.url]);
});

test("pipes stay clean: no progress, nothing on stderr", () => {
    const data = fresh();
    const path = file("l", lamps(3000));
    const steps = [
        ["import", path, "--data", data],
        ["export", "--data", data],
        ["check", data],
        ["backup", join(root, "clean.backup"), "--data", data],
        ["check", join(root, "clean.backup")],
        ["restore", join(root, "clean.backup"), fresh()],
    ];
    for (const step of steps) {
        const done = run(step);
        assert.deepEqual([done.code, done.err], [0, ""], step.join(" "));
        assert.doesNotMatch(done.out, /\r|\x1b/);
    }
});

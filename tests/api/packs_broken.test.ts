// A pack with any one declaration broken - every member of every file, one at a time - is refused whole, with the place
// named; the version that runs goes on. Places are computed here, from the text that was sent, by a reader of its own.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { city, faults, install, sample, type Fault, type Files } from "./packs.ts";
import { folder, Server, type Json } from "./server.ts";

const server = new Server(folder());
before(async () => {
    await server.start();
    assert.equal((await install(server, sample())).status, 201);
});
after(() => server.stop());

type Path = (string | number)[];
const written = (path: Path): string =>
    path.reduce<string>(
        (text, step) => (typeof step === "number" ? `${text}[${step}]` : text ? `${text}.${step}` : step),
        "",
    );

/** LINE:COLUMN of each member (its name) and element of a JSON text, by its path. */
function places(text: string): Map<string, string> {
    const found = new Map<string, string>();
    let at = 0;
    let line = 1;
    let start = 0;
    const here = (): string => `${line}:${[...text.slice(start, at)].length + 1}`;
    const blank = (): void => {
        for (; /\s/.test(text[at] ?? ""); at++) if (text[at] === "\n") [line, start] = [line + 1, at + 1];
    };
    const string = (): string => {
        const from = at;
        for (at++; text[at] !== '"'; at++) if (text[at] === "\\") at++;
        return JSON.parse(text.slice(from, ++at)) as string;
    };
    const value = (path: Path): void => {
        blank();
        if (!found.has(written(path))) found.set(written(path), here());
        if (text[at] === '"') return void string();
        if (text[at] !== "{" && text[at] !== "[") return void (at += /^[^,\]}\s]+/.exec(text.slice(at))![0].length);
        const isObject = text[at++] === "{";
        for (let i = 0; ; i++) {
            blank();
            if (text[at] === "}" || text[at] === "]") return void at++;
            let step: string | number = i;
            const place = here();
            if (isObject) {
                step = string();
                blank();
                at++; // the colon
            }
            found.set(written([...path, step]), place);
            value([...path, step]);
            blank();
            if (text[at] === ",") at++;
        }
    };
    value([]);
    return found;
}

function* walk(value: Json, path: Path = []): Generator<{ path: Path; value: Json }> {
    yield { path, value };
    if (typeof value !== "object" || value === null) return;
    for (const [name, inner] of Object.entries(value))
        yield* walk(inner, [...path, Array.isArray(value) ? Number(name) : name]);
}
const at = (root: Json, path: Path): Json => path.reduce((value, step) => value[step], root);
function edited(root: Json, path: Path, edit: (holder: Json, last: string | number) => void): Json {
    const copy = structuredClone(root);
    edit(at(copy, path.slice(0, -1)), path[path.length - 1]!);
    return copy;
}

/* What may be as it likes: said here, so that whatever else is let through is seen. Paths with * for any step. */
const matches = (path: Path, patterns: string[]): boolean =>
    patterns.some((pattern) => {
        const steps = pattern.split("/");
        return steps.length === path.length && steps.every((step, i) => step === "*" || step === String(path[i]));
    });
const under = (path: Path, patterns: string[]): boolean => path.some((_, i) => matches(path.slice(0, i + 1), patterns));

interface Kind {
    optional: string[]; // may be left out
    free: string[]; // whatever stands at it or beneath it
    open: string[]; // objects that take any member
}
const kinds: [RegExp, Kind][] = [
    [
        /^pack\.json$/,
        {
            optional: [
                "description",
                "system",
                "clause",
                "owner",
                "proves",
                "needs",
                "needs/packs",
                "needs/links",
                "needs/links/*",
                "@context",
                "@context/*",
            ],
            free: [],
            open: [],
        },
    ],
    [
        /^models\//,
        {
            optional: [
                "basedOn",
                "attributes/*/unit",
                "attributes/*/unit/text",
                "attributes/*/least",
                "attributes/*/most",
                "attributes/*/history",
                "attributes/*/codes",
                "attributes/*/to",
                "attributes/location",
                "attributes/refSite",
                "history",
                "history/rollups",
                "history/rollups/*",
                "history/rollups/*/keep",
                "history/utcOffset",
            ],
            free: [],
            open: [],
        },
    ],
    [
        /^links\//,
        {
            optional: [
                "origin",
                "origin/class",
                "origin/from",
                "silenceSeconds",
                "maps/*",
                "maps/*/time",
                "maps/*/time/form",
                "maps/*/time/zone",
                "maps/*/attributes",
                "maps/*/attributes/*",
                "maps/*/attributes/*/unit",
                "maps/*/attributes/*/optional",
            ],
            free: ["maps/*/skip"], // columns may have any name and hold anything
            open: [],
        },
    ],
    [
        /^mappings\//,
        {
            optional: [
                "time",
                "time/form",
                "time/zone",
                "table",
                "table/format",
                "table/header",
                "attributes",
                "attributes/*",
                "attributes/*/unit",
                "attributes/*/optional",
                "attributes/*/least",
                "attributes/*/most",
            ],
            free: ["title", "skip"],
            open: [],
        },
    ],
    [
        /^rules\//,
        {
            optional: [
                "*",
                "*/levels/*",
                "*/where",
                "*/every",
                "*/for",
                "*/clearAfter",
                "*/old",
                "*/old/count",
                "*/unless",
                "*/unless/*",
                "*/evidence",
                "*/evidence/*",
                "*/text",
                "*/category",
                "*/tell",
                "*/tell/*",
                "*/tell/*/atLeast",
                "*/command",
                "*/command/body/*",
                "*/levels/*/until",
                "unit",
                "every",
            ],
            free: [],
            open: ["*/command/body"],
        },
    ],
    [
        /^views\//,
        {
            optional: [
                "chart",
                "chart/*",
                "columns/*",
                "map",
                "map/label",
                "map/colour",
                "map/colour/steps/*",
                "map/colour/codes/*",
            ],
            free: [],
            open: [],
        },
    ],
    [/^proof\//, { optional: [], free: ["inputs/*/seed"], open: [] }],
];
const kindOf = (file: string): Kind => kinds.find(([pattern]) => pattern.test(file))![1];

/** A value that cannot stand where this one does. */
const wrong = (value: Json, path: Path): Json => {
    if (typeof value === "object" || path[0] === "@context" || path[0] === "origin") return 7; // these may be objects
    return typeof value === "string" ? { no: 1 } : "no";
};

interface Broken {
    what: string;
    file: string;
    value: Json;
    where?: string; // the path at which a fault must be named; else anywhere in the file
    anyFile?: boolean; // or in another file, which misses it
}

function* broken(files: Files): Generator<Broken> {
    for (const [file, text] of Object.entries(files)) {
        const root: Json = JSON.parse(text);
        const kind = kindOf(file);
        for (const { path, value } of walk(root)) {
            const name = written(path);
            if (path.length > 0 && !under(path, kind.free)) {
                const isBody = /^rules/.test(file) && path.includes("body") && path[path.length - 1] !== "body";
                if (!isBody)
                    yield {
                        what: `${name} is of a wrong type`,
                        file,
                        value: edited(root, path, (holder, last) => (holder[last] = wrong(value, path))),
                        where: name,
                    };
                if (!matches(path, kind.optional) && !isBody)
                    yield {
                        what: `${name} is missing`,
                        file,
                        value: edited(root, path, (holder, last) =>
                            Array.isArray(holder) ? holder.splice(Number(last), 1) : delete holder[last],
                        ),
                        anyFile: true,
                    };
            }
            if (
                typeof value === "object" &&
                !Array.isArray(value) &&
                !under(path, kind.free) &&
                !matches(path, kind.open)
            )
                yield {
                    what: `${name || "the whole"} has an unknown member`,
                    file,
                    value: path.length
                        ? edited(root, path, (holder, last) => (holder[last] = { ...holder[last], unbekannt: 1 }))
                        : { ...value, unbekannt: 1 },
                    where: name ? `${name}.unbekannt` : "unbekannt",
                };
        }
    }
}

/** Fields that hold expressions, and those that name something. */
function* said(files: Files): Generator<Broken> {
    const expressions = /^(\[\d+\]\.)?(where|value|let\.\w+|levels\[\d+\]\.(when|until)|evidence\[\d+\])$/;
    const names: [RegExp, RegExp][] = [
        [/^rules\//, /^(\[\d+\]\.)?(type|attribute|unless\[\d+\]|command\.link)$/],
        [/^views\//, /^(type|columns\[\d+\]|chart\[\d+\]|map\.label|map\.colour\.by)$/],
        [/^models\/SampleStation/, /^attributes\.\w+\.to$/],
        [/^links\//, /^(maps\[0\]|mapping|protocol)$/],
        [/^pack\.json$/, /^needs\.links\[0\]$/],
    ];
    for (const [file, text] of Object.entries(files)) {
        const root: Json = JSON.parse(text);
        for (const { path, value } of walk(root)) {
            const name = written(path);
            if (typeof value !== "string") continue;
            const set = (to: string): Json => edited(root, path, (holder, last) => (holder[last] = to));
            if (file.startsWith("rules/") && expressions.test(name))
                for (const bad of ["pm25 >", "pm25 + 'x'", "nosuchname > 1", "avg(pm25)", "1 = 1", "((pm25"])
                    yield { what: `${name}: ${bad}`, file, value: set(bad), where: name };
            if (file.startsWith("rules/") && /text\.(zh|en)$/.test(name))
                for (const bad of ["{pm25", "{nosuchname}"])
                    yield { what: `${name}: ${bad}`, file, value: set(bad), where: name };
            if (names.some(([files, fields]) => files.test(file) && fields.test(name)))
                yield { what: `${name} names nothing`, file, value: set("no-such-name"), where: name };
        }
    }
}

async function refused(files: Files, one: Broken, before: Json): Promise<string | undefined> {
    const text = JSON.stringify(one.value, null, 2);
    const answer = await install(server, { ...files, [one.file]: text });
    if (answer.status !== 400) await install(server, sample(), "?force=true"); // for the others
    if (answer.status !== 400) return `${one.file}: ${one.what}: ${answer.status} ${answer.text}`;
    const all = faults(answer);
    const inFile = all.filter((fault) => fault.file === one.file);
    if (inFile.length === 0 && !one.anyFile)
        return `${one.file}: ${one.what}: nothing is said of the file: ${answer.text}`;
    if (one.where !== undefined) {
        const place = places(text).get(one.where);
        const named = (fault: Fault): boolean =>
            (fault.path === one.where && `${fault.line}:${fault.column}` === place) ||
            // within the text of an expression
            (fault.path === one.where &&
                fault.line === Number(place!.split(":")[0]) &&
                fault.column > Number(place!.split(":")[1]));
        if (!inFile.some(named)) return `${one.file}: ${one.what}: not at ${one.where} (${place}): ${answer.text}`;
    }
    for (const fault of all)
        if (!fault.reason || fault.line < 1 || fault.column < 1) return `${one.what}: ${answer.text}`;
    const now = await city(server);
    return JSON.stringify(now) === JSON.stringify(before)
        ? undefined
        : `${one.what}: the city changed: ${JSON.stringify(now)}`;
}

async function all(list: Iterable<Broken>, least: number): Promise<void> {
    const files = sample("1.1.0"); // each would be a newer version
    const before = await city(server);
    const bad: string[] = [];
    let n = 0;
    for (const one of list) {
        const why = await refused(files, one, before);
        if (why) bad.push(why);
        n++;
    }
    assert.deepEqual(bad.slice(0, 20), [], `${bad.length} of ${n}`);
    assert.ok(n >= least, `only ${n} were tried`);
}

test("every member: of a wrong type, missing, with an unknown one beside it", { timeout: 240_000 }, async () => {
    await all(broken(sample("1.1.0")), 500);
});

test("every expression and every name: one that does not hold", { timeout: 240_000 }, async () => {
    await all(said(sample("1.1.0")), 80);
});

test("after all that the newer version, unbroken, is taken", async () => {
    assert.equal((await install(server, sample("1.1.0"))).status, 204);
    assert.equal((await city(server)).version, "1.1.0");
});
